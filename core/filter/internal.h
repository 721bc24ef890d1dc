/* What the files of this room share; nobody else includes it. */
#ifndef LY_FILTER_INTERNAL_H
#define LY_FILTER_INTERNAL_H

#include "base/arena.h"
#include "base/mem.h"
#include "filter/filter.h"

struct ly_filter {
    ly_arena arena; /* the source, the nodes and their texts */
    ly_str text;
    const ly_filter_node *root;
    uint64_t used; /* bit per ly_filter_field */
};

_Static_assert(LY_FLD__COUNT <= 64, "used is one bit a field");

typedef struct filter_name {
    const char *said;
    const char *stored;
} filter_name;

/* The field that is typed as `word`; words and regular expressions have no key. */
bool ly_filter_field_find(ly_str word, ly_filter_field *ret_field);
/* What a LY_FVAL_NAME field chooses from. */
const filter_name *ly_filter_names(ly_filter_field field, size_t *ret_n);
/* Reads the value of a DURATION, COUNT, MONEY or TIME field. */
bool ly_filter_number(ly_filter_value value, ly_str text, int64_t now_ns, int64_t *ret_number);

/* What a value of that field looks like, for error texts. */
const char *ly_filter_value_hint(ly_filter_field field);
/* The key that `word` is probably meant to be (at most two letters away), or NULL. */
const char *ly_filter_near(ly_str word);

/* ---- parse.c and term.c ---------------------------------------------------------------------- */

typedef const ly_filter_node *node_ref;

typedef struct parser {
    ly_filter *filter;
    const ly_filter_opts *opts;
    ly_filter_error *error;
    int64_t now_ns;
    ly_str src;
    size_t pos;
    int depth;
    int expansion;
    bool fixed; /* inside a saved filter: positions are `fixed_at` */
    size_t fixed_at, fixed_len;
    bool nomem;
    /* what a bare word after "|" takes over */
    bool has_carry;
    ly_filter_field carry;
    ly_str carry_key;
} parser;

typedef const ly_filter_node *node_ref;

typedef struct parser_value {
    ly_str text; /* unquoted, in the arena when it had quotes */
    bool quoted;
    size_t at;
} parser_value;

/* Notes what is wrong at a place; returns NULL. */
node_ref ly_parser_fail(parser *p, size_t at, const char *expected, const char *fmt, ...)
    LY_PRINTF(4, 5);
node_ref ly_parser_nomem(parser *p);
/* A node that spans from `at` to the position now. NULL = out of memory. */
ly_filter_node *ly_parser_node(parser *p, ly_filter_kind kind, size_t at);
ly_filter_node *ly_parser_leaf(parser *p, size_t at, ly_filter_field field, ly_filter_op op);
bool ly_parser_copy(parser *p, ly_str s, ly_str *ret);
node_ref ly_parser_term(parser *p, size_t at, ly_filter_field field, ly_str key, ly_filter_op op,
                        parser_value v);
/* A comparison with a number, duration, amount or time. */
node_ref ly_parser_number(parser *p, size_t at, ly_filter_field field, ly_filter_op op,
                          parser_value v);
/* A bare word or quoted words. */
node_ref ly_parser_word(parser *p, size_t at, parser_value v);

#endif
