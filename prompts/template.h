/*
 * Templates: the Mustache core (variables, sections, inverted sections, comments, partials, set
 * delimiters), rendered in one pass.
 *
 * A value is never read as a template: a value that holds "{{x}}" stays text. Two things differ from the
 * Mustache specification unless switched back by flag: nothing is HTML-escaped, and a variable that is
 * not there is an error instead of nothing. A section over a name that is not there is false in both.
 * An empty string is false too. Values that are objects or lists are inserted as JSON.
 *
 * Templates live in an arena and may be rendered by any thread. Depth and size are limited.
 */
#ifndef LY_PROMPTS_TEMPLATE_H
#define LY_PROMPTS_TEMPLATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "text/json.h"

typedef struct ly_template ly_template;

enum {
    LY_TEMPLATE_HTML = 1,    /* escape & " < > as the specification does */
    LY_TEMPLATE_LENIENT = 2, /* what is missing is nothing */
};

/* Sections nested deeper, or partials within partials, are refused. */
#define LY_TEMPLATE_MAX_DEPTH 32

/* The text must live as long as the arena's other contents. LY_E_FORMAT with the line: "line 3: {{#rows}}
 * is never closed". */
LY_MUST_USE ly_status ly_template_parse(ly_str text, ly_arena *arena, ly_template **ret,
                                        ly_err *err);

/* The text of a partial; false when there is none. */
typedef bool (*ly_template_partial_fn)(void *user, ly_str name, ly_str *ret_text);

typedef struct ly_template_opts {
    unsigned flags;
    ly_template_partial_fn partial; /* NULL = there are none */
    void *user;
} ly_template_opts;

/* Appends the text. opts may be NULL. LY_E_NOTFOUND "line 2: no value for {{question}}"; LY_E_LIMIT. */
LY_MUST_USE ly_status ly_template_render(const ly_template *t, const ly_json *vars,
                                         const ly_template_opts *opts, ly_buf *out, ly_err *err);

/* Names that the template reads at its top level, each once, in order of first use; the first part of
 * dotted ones. Names used only inside sections are marked optional: the section may bring them. */
typedef struct ly_template_name {
    ly_str name;
    bool optional;
} ly_template_name;
LY_MUST_USE ly_status ly_template_names(const ly_template *t, ly_arena *arena,
                                        const ly_template_name **ret_names, size_t *ret_n,
                                        ly_err *err);

#endif
