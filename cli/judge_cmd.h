/* Between the files of `lydite judge`: cmd_judge.c judges, judge_audit.c measures judges. */
#ifndef LY_CLI_JUDGE_CMD_H
#define LY_CLI_JUDGE_CMD_H

#include "base/arena.h"
#include "cli/cmd.h"
#include "eval/record.h"
#include "judges/judge.h"
#include "store/store.h"

typedef struct ly_judge_work {
    ly_cli *cli;
    ly_arena arena;
    ly_store *store;
    ly_price_book *book;
    ly_llm *llm;
    ly_llm_model model;
    ly_judge *judge;
    ly_recorder *rec; /* NULL = no spans */
    ly_err err;
    /* judgements on their way */
    struct ly_judge_ask_item *asks;
    size_t n, cap;
    size_t told;
    int64_t spent_pico; /* LY_UNKNOWN until a call had a price */
} ly_judge_work;

/* One thing to be judged. */
typedef struct ly_judge_ask_item {
    ly_judge_work *w;
    ly_str output, label; /* label of test rows */
    ly_str other;         /* of pairwise judges */
    int64_t repeat;
    size_t row_index;
    ly_record_place place;
    ly_trace_id trace;
    ly_json *row;
    ly_judgement j;
    bool done;
} ly_judge_item;

/* The judge of the first argument, with --model. */
LY_MUST_USE ly_status ly_judge_work_parse(ly_judge_work *w);
/* One more to be judged, zeroed; NULL when memory is out. Earlier ones may move. */
ly_judge_item *ly_judge_work_add(ly_judge_work *w);
/* Judges all that was gathered; stops early on Ctrl-C. */
LY_MUST_USE ly_status ly_judge_work_run(ly_judge_work *w);
void ly_judge_work_release(ly_judge_work *w);
/* What the judge's own words and the usual ones are worth, numbers too; false: no label that is known. */
LY_MUST_USE bool ly_judge_label_value(const ly_judge_work *w, ly_str label, double *ret);

int ly_judge_run_audit(ly_cli *cli);

#endif
