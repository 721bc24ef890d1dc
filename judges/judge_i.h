/* Inside judges/: the judge itself. */
#ifndef LY_JUDGES_JUDGE_I_H
#define LY_JUDGES_JUDGE_I_H

#include "judges/judge.h"
#include "prompts/template.h"
#include "text/hash.h"

/* Bumped when the message form or the reading of replies changes: it is part of every hash. */
#define LY_JUDGE_FORM 1

enum { LY_JUDGE_MAX_LABELS = 16 };

/* Material that a question may need. */
enum { LY_NEED_INPUT = 1, LY_NEED_OUTPUT = 2, LY_NEED_EXPECTED = 4, LY_NEED_CONTEXT = 8 };

typedef struct ly_label {
    ly_str name, meaning;
    double value;
    bool abstain;
} ly_label;

typedef struct ly_judge_def {
    ly_str name, question;
    unsigned needs;
    ly_label labels[LY_JUDGE_MAX_LABELS];
    size_t n_labels;
    bool pairwise;  /* two outputs, A and B; values: 1 A is better, 0 B is, 0.5 neither */
    bool free_text; /* the reply is prose that ends with a verdict, not JSON */
} ly_judge_def;

struct ly_check;

struct ly_judge {
    ly_str name; /* as in scores */
    char hash[LY_SHA256_HEX];
    /* checks */
    const struct ly_check *check; /* NULL for LLM judges */
    ly_str argument;
    ly_template *template;     /* of the argument; NULL when it has none */
    struct ly_regex *compiled; /* of regex checks; freed by ly_judge_release */
    /* LLM judges */
    ly_judge_def def;
    const ly_llm_model *model;
    double temperature;
    ly_str schema;
};

typedef struct ly_check {
    const char *name, *summary;
    const char *argument; /* when none is given; NULL = one is needed, "" = takes none */
    bool literal;         /* the argument is not a template (regex, numbers, names) */
    /* arg: the rendered argument. Sets value and reason, or leaves value NaN and names *unscored. */
    void (*score)(const ly_judge *judge, ly_str arg, const ly_judge_input *in, ly_arena *arena,
                  ly_judgement *out);
    /* Compiles or checks a literal argument; may be NULL. */
    ly_status (*prepare)(ly_judge *judge, ly_err *err);
} ly_check;

const ly_check *ly_check_named(ly_str name);
const ly_check *ly_check_at(size_t i);

#endif
