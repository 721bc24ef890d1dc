/*
 * The command line: commands are rows in tables, and help texts, man pages and shell completion come
 * from the same tables as the parser.
 *
 * A command is a file cli/cmd_<name>.c with one `const ly_cmd ly_cmd_<name>`; add its name to
 * cli/commands.def and nothing else. A command has one or more verbs; a verb has options, an example
 * and a function. Options that every verb takes (--db, --json, --csv, --plain, --color, -o, -n, -f,
 * -j, -q, -v, -y, --dry-run, --since, --until, --fail-empty) are parsed for it; a verb says which of them mean
 * something to it with LY_COMMON_* bits, the others are refused with a usage error.
 */
#ifndef LY_CLI_CMD_H
#define LY_CLI_CMD_H

#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

/* DESIGN §7. */
typedef enum ly_exit {
    LY_EXIT_DONE = 0,
    LY_EXIT_NO = 1,
    LY_EXIT_USAGE = 2,
    LY_EXIT_INPUT = 3,
    LY_EXIT_NETWORK = 4,
    LY_EXIT_CANNOT_SAY = 5,
    LY_EXIT_EARLY = 6
} ly_exit;

typedef struct ly_opt {
    const char *name; /* "grpc-port": written --grpc-port */
    char letter;      /* 0 = none */
    const char *arg;  /* "PORT"; NULL = a switch */
    const char *help; /* one line, lower case, no full stop */
    bool repeats;     /* may be given several times */
} ly_opt;

enum {
    LY_COMMON_DB = 1,
    LY_COMMON_JSON = 2,
    LY_COMMON_CSV = 4,
    LY_COMMON_PLAIN = 8, /* --plain and --color */
    LY_COMMON_OUT = 16,  /* -o FILE */
    LY_COMMON_N = 32,    /* -n N */
    LY_COMMON_FOLLOW = 64,
    LY_COMMON_JOBS = 128, /* -j N */
    LY_COMMON_YES = 256,
    LY_COMMON_DRY = 512,
    LY_COMMON_TIME = 1024, /* --since --until */
    LY_COMMON_FAIL_EMPTY = 2048,
    LY_COMMON_READ = LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_PLAIN | LY_COMMON_OUT,
};

typedef struct ly_cli ly_cli;

typedef struct ly_verb {
    const char *name;       /* NULL for the verb of a command without verbs, or its default verb */
    const char *args;       /* "[FILTER]", "TRACE..." or "" */
    int min_args, max_args; /* max -1 = any */
    const char *summary;    /* one line */
    const char *details;    /* paragraphs, "" = none; documents the --json fields */
    const char *example;    /* one or more lines, each a command that works as typed */
    unsigned common;        /* LY_COMMON_* */
    const ly_opt *opts;
    size_t n_opts;
    int (*run)(ly_cli *cli); /* returns an exit code */
} ly_verb;

typedef struct ly_cmd {
    const char *name;
    const char *summary;
    const char
        *group; /* heading in `lydite --help`: "Trace", "Cost", "Prompts", "Evaluate", "Data" */
    const ly_verb *verbs;
    size_t n_verbs;
    bool raw_args; /* everything after the first non-option is an argument (run -- CMD) */
} ly_cmd;

/* One parsed command line; valid for the duration of run(). */
/* What --since and --until take, for help and error texts: the words of base/times.h. */
#define LY_TIME_FORMS "2h, 30d, 2026-11-01, 2026-11, 2026, today, yesterday, this-month, last-month"

struct ly_cli {
    const ly_cmd *cmd;
    const ly_verb *verb;
    bool alone; /* `lydite` and options: no command was named */
    const char **args;
    int n_args;
    int n_before_dashes; /* arguments before "--"; n_args where there is none */
    /* common options */
    bool json, csv, plain, quiet, follow, yes, dry_run, fail_empty;
    int verbose;
    int jobs;                   /* 0 = not given */
    int64_t n;                  /* -1 = not given, INT64_MAX = all (-n 0) */
    int64_t since_ns, until_ns; /* INT64_MIN / INT64_MAX = not given */
    bool color;                 /* resolved: --color, NO_COLOR, terminal or not */
    bool unicode;               /* resolved from the locale's character set */
    bool tty;                   /* out is a terminal */
    int width;                  /* columns of the terminal, 80 when unknown */
    FILE *out;                  /* stdout or -o FILE */
    void *opts;                 /* use the functions below */
};

/* The value of an option of the verb, or NULL when not given. For repeated ones: the i-th. */
const char *ly_cli_opt(const ly_cli *cli, const char *name);
const char *ly_cli_opt_at(const ly_cli *cli, const char *name, int i);
int ly_cli_opt_count(const ly_cli *cli, const char *name);
bool ly_cli_flag(const ly_cli *cli, const char *name);
/* The option as a number within [lo, hi], or `def` when not given. On bad input prints a usage error
 * and returns false. */
LY_MUST_USE bool ly_cli_int(ly_cli *cli, const char *name, int64_t lo, int64_t hi, int64_t def,
                            int64_t *ret);

/* The database path by DESIGN §7's order: --db, LYDITE_DB, `db:` of the nearest lydite.yaml, the
 * data home. Never NULL; creates no file, but does create the data home's folder (0700). */
const char *ly_cli_db(ly_cli *cli);
/* A setting by name: flag > environment LYDITE_<NAME> > lydite.yaml > NULL. */
const char *ly_cli_setting(ly_cli *cli, const char *name);

/* Prints "lydite: <text>" on standard error, cleaned, and returns the exit code for the status:
 * INVALID 2; NETWORK, TIMEOUT 4; CANCELLED 130; BUDGET 1; the rest 3. */
int ly_cli_fail(ly_cli *cli, const ly_err *err);
/* "lydite: <text>" and the line that names --help; returns LY_EXIT_USAGE. */
int ly_cli_usage(ly_cli *cli, const char *fmt, ...) LY_PRINTF(2, 3);
/* A note on standard error unless -q. Cleaned. */
void ly_cli_note(ly_cli *cli, const char *fmt, ...) LY_PRINTF(2, 3);

/* Ctrl-C and SIGTERM set this; long work looks at it and keeps what was done. */
bool ly_cli_interrupted(void);
/* 128 + the signal that came, or 0. */
int ly_cli_signal_exit(void);

/* Tables for people: columns are measured and aligned, text is cleaned, numbers go right. Rows are
 * kept until ly_table_print, which writes them to cli->out; when piped the same text without colour. */
typedef struct ly_table ly_table;
typedef enum ly_align { LY_LEFT, LY_RIGHT } ly_align;
LY_MUST_USE ly_table *ly_table_new(ly_cli *cli, size_t n_cols);
/* head is copied and cleaned. */
void ly_table_col(ly_table *table, size_t col, const char *head, ly_align align,
                  int max_width);                 /* 0 = none */
void ly_table_cell(ly_table *table, ly_str text); /* the next cell, row by row */
void ly_table_cellf(ly_table *table, const char *fmt, ...) LY_PRINTF(2, 3);
void ly_table_print(ly_table *table);
void ly_table_free(ly_table *table);

/* Money and counts as people read them, for tables: "$0.0123", "$0.000470", "$0.00000010" (two digits
 * however small), "1.2k". Unknown gives "-". */
void ly_fmt_money(int64_t pico, ly_buf *out);
/* A difference: with its sign, "+$0.12", "-$3.00", "$0". */
void ly_fmt_money_change(int64_t pico, ly_buf *out);
/* A share of 1 as "12%"; "<1%" of what is not nothing, ">9999%" of what no one can use; negative: "-". */
void ly_fmt_percent(double share, ly_buf *out);
/* What stands before a sum that is a lower bound. */
const char *ly_fmt_at_least(const ly_cli *cli);
void ly_fmt_count(int64_t n, ly_buf *out);

#endif
