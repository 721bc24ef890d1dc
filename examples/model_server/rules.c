#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const builtin =
    "{\"rules\":["
    "{\"when\":{\"contains\":[\"attempted_manipulation\"]},\"compute\":\"judge\"},"
    "{\"compute\":\"best-sentence\"}]}";

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t n = 0;
    if (!f)
        return NULL;
    for (;;) {
        char *more = realloc(text, n + 65537);
        if (!more) {
            free(text);
            text = NULL;
            break;
        }
        text = more;
        size_t got = fread(text + n, 1, 65536, f);
        n += got;
        text[n] = '\0';
        if (got == 0 || n > 16000000)
            break;
    }
    fclose(f);
    return text;
}

static int number(const cJSON *node, const char *name, int otherwise)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(node, name);
    return cJSON_IsNumber(v) ? v->valueint : otherwise;
}

static bool take_rule(rules *r, const cJSON *node)
{
    rule *one = &r->items[r->n];
    const cJSON *when = cJSON_GetObjectItemCaseSensitive(node, "when");
    const cJSON *tools = cJSON_GetObjectItemCaseSensitive(when, "tools");
    const cJSON *how = cJSON_GetObjectItemCaseSensitive(node, "compute");
    const cJSON *threshold = cJSON_GetObjectItemCaseSensitive(node, "threshold");
    memset(one, 0, sizeof *one);
    one->node = node;
    one->contains = cJSON_GetObjectItemCaseSensitive(when, "contains");
    one->tools = cJSON_IsBool(tools) ? cJSON_IsTrue(tools) : -1;
    one->turn = number(when, "tool_messages", -1);
    one->every = number(when, "every", 0);
    one->times = number(node, "times", 0);
    one->status = number(node, "status", 200);
    one->threshold = cJSON_IsNumber(threshold) ? threshold->valuedouble : 0.6;
    if (cJSON_IsString(how)) {
        one->how = strcmp(how->valuestring, "judge") == 0           ? COMPUTE_JUDGE
                   : strcmp(how->valuestring, "best-sentence") == 0 ? COMPUTE_BEST_SENTENCE
                   : strcmp(how->valuestring, "echo") == 0          ? COMPUTE_ECHO
                                                                    : COMPUTE_NONE;
        if (one->how == COMPUTE_NONE)
            return false;
    }
    r->n++;
    return true;
}

bool rules_load(rules *r, const char *path)
{
    char *text = path ? read_file(path) : NULL;
    if (path && !text) {
        fprintf(stderr, "model_server: %s: cannot be read\n", path);
        return false;
    }
    pthread_mutex_init(&r->lock, NULL);
    r->doc = cJSON_Parse(text ? text : builtin);
    free(text);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(r->doc, "rules"), *node;
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(r->doc, "model");
    if (!cJSON_IsArray(list)) {
        fprintf(stderr, "model_server: %s: not JSON with a list \"rules\"\n", path);
        return false;
    }
    snprintf(r->model, sizeof r->model, "%s",
             cJSON_IsString(model) ? model->valuestring : "stand-in-1");
    r->latency_ms = number(r->doc, "latency_ms", 0);
    cJSON_ArrayForEach(node, list)
    {
        if (r->n == MAX_RULES || !take_rule(r, node)) {
            fprintf(stderr, "model_server: %s: rule %d is not understood\n", path, r->n + 1);
            return false;
        }
    }
    return true;
}

static bool fits(const rule *one, const char *all, bool tools, int tool_messages)
{
    const cJSON *text;
    if ((one->tools >= 0 && one->tools != tools) || (one->turn >= 0 && one->turn != tool_messages))
        return false;
    cJSON_ArrayForEach(text, one->contains)
    {
        if (cJSON_IsString(text) && !strstr(all, text->valuestring))
            return false;
    }
    return true;
}

rule *rules_pick(rules *r, const char *all, bool tools, int tool_messages)
{
    rule *found = NULL;
    pthread_mutex_lock(&r->lock);
    for (int i = 0; i < r->n && !found; i++) {
        rule *one = &r->items[i];
        if ((one->times && one->used >= one->times) || !fits(one, all, tools, tool_messages))
            continue;
        one->seen++;
        if (one->every && one->seen % one->every != 0)
            continue;
        one->used++;
        found = one;
    }
    pthread_mutex_unlock(&r->lock);
    return found;
}
