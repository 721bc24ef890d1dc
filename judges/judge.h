/*
 * Judges: what scores an output. A check computes its score without a model; an LLM judge asks one.
 *
 * A judge is written as NAME or NAME:ARGUMENT. The argument of a check is a template over the row and
 * {{output}}: "contains:{{expected}}". Built-in LLM judges are correctness, faithfulness, relevance,
 * helpfulness and safety, and pairwise, which compares two outputs; "rubric:FILE" reads a question of one's
 * own (a YAML file with `question` and `verdicts`, `pairwise: true` for two outputs, `reply: text` for models
 * that cannot answer in JSON; or plain text for pass/fail).
 *
 *     ly_judge_parse -> ly_judge_check            (checks: at once)
 *                    -> ly_judge_ask ... done     (LLM judges: through a client; pairwise: ly_judge_ask_pair)
 *
 * The result is never made up: a judge that fails is unscored with its reason, one that cannot decide
 * abstains. Material to be judged is data: JSON strings inside a fence that it cannot know; verdicts are
 * a closed list; a reply that cannot be read is asked for once more, and that is recorded.
 * How to add a judge: judges/README.md.
 */
#ifndef LY_JUDGES_JUDGE_H
#define LY_JUDGES_JUDGE_H

#include "base/arena.h"
#include "llm/llm.h"
#include "store/score.h"
#include "text/json.h"

typedef struct ly_judge ly_judge;

/* Reads a file named in a spec (rubric:FILE) into the arena. */
typedef ly_status (*ly_judge_file_fn)(void *user, ly_str path, ly_arena *arena, ly_str *ret,
                                      ly_err *err);

typedef struct ly_judge_env {
    const ly_llm_model *model; /* for LLM judges; NULL = they are refused with what to do */
    ly_judge_file_fn file;     /* NULL = no files */
    void *user;
    double temperature; /* LY_SHAPE_UNSET = the model's own */
} ly_judge_env;

/* Lives in the arena. LY_E_INVALID names the judges that there are. */
LY_MUST_USE ly_status ly_judge_parse(ly_str spec, const ly_judge_env *env, ly_arena *arena,
                                     ly_judge **ret, ly_err *err);

/* Frees what the arena does not hold (a compiled expression). NULL is allowed. */
void ly_judge_release(ly_judge *judge);

/* What it is called in scores: the spec as given, at most 128 bytes. */
ly_str ly_judge_name(const ly_judge *judge);
bool ly_judge_is_llm(const ly_judge *judge);
/* Identity: SHA-256 over everything that can change a verdict, the model included; hex. */
const char *ly_judge_hash(const ly_judge *judge);
/* The question an LLM judge asks; a check's rule in one line. */
ly_str ly_judge_question(const ly_judge *judge);
/* What a verdict word of an LLM judge is worth; false: no such verdict, or one that abstains. */
LY_MUST_USE bool ly_judge_verdict_value(const ly_judge *judge, ly_str word, double *ret);
/* Row names that must be there; of checks, what the argument's template reads. */
LY_MUST_USE ly_status ly_judge_names(const ly_judge *judge, ly_arena *arena,
                                     const ly_str **ret_names, size_t *ret_n, ly_err *err);

/* One output to be judged. */
typedef struct ly_judge_input {
    const ly_json *row; /* object */
    ly_str output;
    int64_t latency_ns; /* LY_UNKNOWN */
    int64_t cost_pico;  /* LY_UNKNOWN */
    int64_t tokens_in, tokens_out;
    const ly_shape_call *calls; /* tool calls of the output */
    size_t n_calls;
    int64_t repeat; /* of the judge: part of the cache key */
    ly_str other;   /* pairwise: what `output` is compared with */
    ly_str against; /* pairwise: whose output that is, for the record */
} ly_judge_input;

typedef struct ly_judgement {
    ly_outcome outcome;
    double value; /* NaN unless scored */
    ly_str label; /* verdict of an LLM judge, empty of checks */
    ly_str reason;
    const char *unscored; /* "parse", "timeout", "missing_input", ...; "" */
    bool repaired, manipulation;
    /* LLM judges: sums over the calls made */
    int calls;
    int64_t cost_pico; /* LY_UNKNOWN */
    ly_tokens tokens;
    ly_str served_model;
    ly_llm_outcome last; /* of the last call */
    /* Pairwise: the verdict with `output` shown first and shown second, empty while not read. */
    ly_str said[2];
    int sides[2]; /* the same for `output`: 1 better, -1 worse, 0 tie; only when both were read */
    ly_str against;
    int64_t length, other_length; /* bytes of both outputs */
} ly_judgement;

/* Checks only. Strings live in the arena. */
LY_MUST_USE ly_status ly_judge_check(const ly_judge *judge, const ly_judge_input *input,
                                     ly_arena *arena, ly_judgement *ret, ly_err *err);

/* Called from inside ly_llm_poll, once; borrowed for its time. */
typedef void (*ly_judged_fn)(void *user, const ly_judgement *judgement);
/* Every call that was made for it, before the judgement; may be NULL. */
typedef void (*ly_judge_call_fn)(void *user, const ly_llm_call *call, const ly_llm_result *result);

/* LLM judges only. The input is copied. */
LY_MUST_USE ly_status ly_judge_ask(const ly_judge *judge, ly_llm *llm, const ly_judge_input *input,
                                   ly_judged_fn done, ly_judge_call_fn on_call, void *user,
                                   ly_err *err);

/*
 * Two outputs by a pairwise judge, each order asked once. The output wins (value 1, label "better") or loses
 * (0, "worse") only when both orders say so; two ties are a tie (0.5, "tie"). Orders that disagree abstain
 * with the label "unsettled": the judge's answer then hangs on the order, so there is none. An order that
 * fails makes the whole unscored, one that is unknown makes it abstain.
 */
bool ly_judge_is_pairwise(const ly_judge *judge);
LY_MUST_USE ly_status ly_judge_ask_pair(const ly_judge *judge, ly_llm *llm,
                                        const ly_judge_input *input, ly_judged_fn done,
                                        ly_judge_call_fn on_call, void *user, ly_err *err);

/* The messages that would be sent, for `judge show` and tests. */
LY_MUST_USE ly_status ly_judge_messages(const ly_judge *judge, const ly_judge_input *input,
                                        ly_arena *arena, ly_shape_msg **ret_msgs, size_t *ret_n,
                                        const char **ret_missing, ly_err *err);

/* Built-ins, for lists; NULL at the end. */
typedef struct ly_judge_about {
    const char *name, *kind, *summary;
} ly_judge_about;
const ly_judge_about *ly_judge_about_at(size_t i);

/* The JSON of a score's `detail`. */
LY_MUST_USE ly_status ly_judgement_detail(const ly_judge *judge, const ly_judgement *j, ly_buf *out,
                                          ly_err *err);

#endif
