/*
 * A suite: what a run executes. Everything that is needed to go on with it stands in one JSON document that
 * is stored with the run: targets (prompt version and model), judges, parameters, texts of rubric files.
 */
#ifndef LY_EVAL_SUITE_H
#define LY_EVAL_SUITE_H

#include "base/arena.h"
#include "judges/judge.h"
#include "prompts/prompt_file.h"
#include "store/dataset.h"
#include "store/prompt.h"

enum { LY_SUITE_MAX_TARGETS = 64, LY_SUITE_MAX_JUDGES = 64, LY_SUITE_MAX_FILES = 64 };

/* What a target is. Its spec: "column:NAME" (a stored output: that column of the row), "command:TEXT",
 * "url:ADDRESS" (eval/outside.h), or none for a prompt with a model. */
typedef enum ly_target_kind {
    LY_TARGET_PROMPT,
    LY_TARGET_COLUMN,
    LY_TARGET_COMMAND,
    LY_TARGET_URL
} ly_target_kind;

typedef struct ly_target {
    ly_target_kind kind;
    ly_str spec;       /* as given; empty for a prompt */
    ly_str argument;   /* what stands after the colon */
    ly_str name;       /* in tables: the file's name, NAME@N, or the spec */
    ly_str prompt;     /* NAME@N in the registry */
    ly_str model_spec; /* as given */
    ly_prompt_doc *doc;
    ly_str prompt_name, prompt_version; /* for spans */
    ly_llm_model model;
} ly_target;

typedef struct ly_suite_file {
    ly_str path, text;
} ly_suite_file;

typedef struct ly_suite {
    ly_target *targets;
    size_t n_targets;
    ly_judge **judges;
    size_t n_judges;
    ly_str judge_model_spec; /* empty = that of the first target */
    ly_llm_model judge_model;
    ly_str dataset; /* name */
    int64_t dataset_number;
    int64_t repeat;                        /* 1 and more */
    int64_t max_output;                    /* where a prompt says nothing */
    double temperature, judge_temperature; /* LY_SHAPE_UNSET */
    int64_t limit;                         /* rows used from the front, 0 = all */
    uint64_t seed;                         /* of the bootstrap */
    double level, margin;                  /* of the report */
    ly_str baseline;                       /* target's name, empty = the first */
    ly_suite_file *files;                  /* rubric texts by path */
    size_t n_files;
    ly_str gate; /* YAML text of the gate, or empty */
} ly_suite;

/* "column:x" and so on into kind and argument; LY_E_INVALID says what there is. */
LY_MUST_USE ly_status ly_target_parse(ly_str spec, ly_target *target, ly_err *err);
/* True when the suite has commands: running it needs the user's word. */
bool ly_suite_commands(const ly_suite *suite);
/*
 * The pairs of targets that pairwise judges compare: every two of at most LY_SUITE_ALL_PAIRS targets, else
 * the baseline with each other one. *candidate is compared with *against; false past the last.
 */
enum { LY_SUITE_ALL_PAIRS = 8 };
size_t ly_suite_pairs(const ly_suite *suite);
bool ly_suite_pair(const ly_suite *suite, size_t i, size_t *candidate, size_t *against);

/* The document. */
LY_MUST_USE ly_status ly_suite_write(const ly_suite *suite, ly_buf *out, ly_err *err);
/* Reads it back and resolves prompts from the registry, models and judges. */
LY_MUST_USE ly_status ly_suite_read(ly_store *store, ly_str text, ly_arena *arena, ly_suite **ret,
                                    ly_err *err);
/* Resolves one target's prompt (NAME@N) and model; nothing to do for other kinds. */
LY_MUST_USE ly_status ly_target_resolve(ly_store *store, ly_target *target, ly_arena *arena,
                                        ly_err *err);
/* Parses judge specs with the suite's files and judge model. */
LY_MUST_USE ly_status ly_suite_judges(ly_suite *suite, const ly_str *specs, size_t n,
                                      ly_arena *arena, ly_err *err);

#endif
