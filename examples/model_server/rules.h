/*
 * The script of the stand-in: a JSON file of rules, tried in order; the first that fits answers.
 * See README.md for the form.
 */
#ifndef MODEL_SERVER_RULES_H
#define MODEL_SERVER_RULES_H

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdbool.h>

#define MAX_RULES 256

/* How a rule makes its text. */
typedef enum compute { COMPUTE_NONE, COMPUTE_JUDGE, COMPUTE_BEST_SENTENCE, COMPUTE_ECHO } compute;

typedef struct rule {
    const cJSON *node;     /* of the file */
    const cJSON *contains; /* texts that the messages must hold, all of them */
    int tools;             /* 1 only with tools, 0 only without, -1 either */
    int turn;              /* number of tool messages so far, -1 any */
    int times;             /* applies so often at most, 0 = always */
    int status;            /* HTTP status, 200 or an error */
    compute how;
    double threshold;
    int every;       /* fits every N-th request only, 0 = each */
    long used, seen; /* under the lock */
} rule;

typedef struct rules {
    cJSON *doc;
    rule items[MAX_RULES];
    int n;
    char model[64];
    int latency_ms;
    pthread_mutex_t lock;
} rules;

/* Reads a file; false with a line on standard error. path NULL = the built-in script (judge and echo). */
bool rules_load(rules *r, const char *path);
/* The rule that fits, counted as used; NULL when none does. `all` is the text of every message. */
rule *rules_pick(rules *r, const char *all, bool tools, int tool_messages);

#endif
