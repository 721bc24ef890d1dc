/*
 * What a command that does something says with --json: one object on a line, where a person gets a note or
 * a short sentence.
 *
 *     ly_answer a;
 *     ly_answer_begin(&a, cli);
 *     ly_jsonw_kv_str(&a.w, "name", name);
 *     return ly_answer_end(&a);
 */
#ifndef LY_CLI_ANSWER_H
#define LY_CLI_ANSWER_H

#include "cli/cmd.h"
#include "text/jsonw.h"

typedef struct ly_answer {
    ly_cli *cli;
    ly_buf buf;
    ly_jsonw w; /* inside the object */
} ly_answer;

void ly_answer_begin(ly_answer *answer, ly_cli *cli);
/* Closes the object and writes the line. The exit code. */
int ly_answer_end(ly_answer *answer);

#endif
