/*
 * The terminal viewer and its printing twins: what `lydite view`, `trace`, `span`, `session` and the
 * end of `lydite run` show. This header is for the commands; the room's own parts have headers of
 * their own (rows.h the tree as lines, grid.h the cells, screen.h one screen).
 *
 * Printing functions append text to a buffer and read through the store; they write nothing, neither
 * to a terminal nor to the database. All text of traces passes ly_term_clean (plain) or ly_jsonw
 * (JSON) or ly_html_text (HTML).
 *
 *     ly_print_opts how = {.width = cli->width, .unicode = cli->unicode, .color = cli->color};
 *     ly_viewer_print_trace(store, id, &how, &out, err);
 */
#ifndef LY_VIEWER_VIEWER_H
#define LY_VIEWER_VIEWER_H

#include "store/store.h"

typedef struct ly_print_opts {
    int width;    /* columns of a terminal: long names are cut to fit; 0 = nothing is cut */
    bool unicode; /* tree glyphs and text above ASCII */
    bool color;
    bool all;       /* every span; otherwise http, db and other spans without steps below are folded
                       into a line that keeps their number and errors */
    int64_t now_ns; /* for ages and states; 0 = the clock */
} ly_print_opts;

/* ---- traces ---------------------------------------------------------------------------------- */

/*
 * One trace as a tree: a heading, one line a step (letter, name, start, duration, time to first token,
 * tokens in and out, cost, status; failed attempts, retries and repeated calls marked; figures of a
 * step are those of its subtree), and the line "N spans, ..." with the totals.
 * Errors: those of ly_store_trace_load.
 */
LY_MUST_USE ly_status ly_viewer_print_trace(ly_store *store, ly_trace_id id,
                                            const ly_print_opts *how, ly_buf *out, ly_err *err);
/* The same of a trace that is loaded already. */
LY_MUST_USE ly_status ly_viewer_print_loaded(const ly_trace *trace, const ly_print_opts *how,
                                             ly_buf *out, ly_err *err);
/* JSON Lines: one object of the trace ("trace": ...) and one object a span, in tree order. Fields are
 * listed in `lydite trace show --help`. */
LY_MUST_USE ly_status ly_viewer_json_trace(ly_store *store, ly_trace_id id, ly_buf *out,
                                           ly_err *err);
/* One JSON object and a line feed: a row of `trace list --json`. */
void ly_viewer_json_row(const ly_trace_row *row, ly_buf *out);
/* One self-contained HTML page: tree, waterfall as SVG, messages; loads nothing from elsewhere. */
LY_MUST_USE ly_status ly_viewer_html_trace(ly_store *store, ly_trace_id id, ly_buf *out,
                                           ly_err *err);

/* "live" "quiet" "partial" "error" "ok": what a list says of a trace (reference terminal-viewer §6). */
const char *ly_viewer_trace_state(const ly_trace_row *row, int64_t now_ns);

/* ---- spans ----------------------------------------------------------------------------------- */

typedef enum ly_span_view {
    LY_SPAN_SUMMARY, /* what it is, its numbers, messages, attributes, events, links, logs */
    LY_SPAN_BODY,    /* messages and content alone, whole, as they were sent */
    LY_SPAN_RAW,     /* the protobuf message as OTLP/JSON, every field */
    LY_SPAN_CURL,    /* the model request as a curl line; the key is a shell variable */
    LY_SPAN_JSON     /* one JSON object: canonical values, messages, attributes */
} ly_span_view;

LY_MUST_USE ly_status ly_viewer_print_span(ly_store *store, ly_trace_id trace, ly_span_id span,
                                           ly_span_view view, const ly_print_opts *how, ly_buf *out,
                                           ly_err *err);

/* ---- sessions -------------------------------------------------------------------------------- */

/* The conversation of a session: its traces in order, each with the last user message and the answer. */
LY_MUST_USE ly_status ly_viewer_print_session(ly_store *store, ly_str session,
                                              const ly_print_opts *how, ly_buf *out, ly_err *err);
void ly_viewer_json_session(const ly_session_row *row, ly_buf *out);

/* ---- small formats, for tables --------------------------------------------------------------- */

/* "$0.0123" (ly_money_format, narrow), "41.2k", "42.1s"; unknown is "-". Money takes at most 8
 * characters whatever the amount, the others 6 for usual sizes. */
void ly_viewer_money(int64_t pico, ly_buf *out);
void ly_viewer_count(int64_t n, ly_buf *out);
void ly_viewer_duration(int64_t ns, ly_buf *out);

/* ---- interactive ----------------------------------------------------------------------------- */

/* What the viewer asks of the program around it (rooms that may not meet). NULL members: not offered. */
typedef struct ly_viewer_calls {
    /* Starts a collector inside this process; the text says where it listens. */
    ly_status (*collect)(void *user, ly_buf *ret_where, ly_err *err);
    /* True when a collector answers for the database; appends where it listens unless the buffer is NULL. */
    bool (*collecting)(void *user, ly_buf *ret_where);
    /* Stores a score or a note on a trace (span all zero) or a span of the database file `db`. */
    ly_status (*score)(void *user, const char *db, ly_trace_id trace, ly_span_id span, ly_str name,
                       double value, bool has_value, ly_str note, ly_err *err);
    /* Saved filters: filter:NAME and :save NAME. The text is copied by the viewer at once. */
    ly_str (*filter_lookup)(void *user, ly_str name);
    ly_status (*save_filter)(void *user, ly_str name, ly_str text, ly_err *err);
    /* Lines of b against those of a: "-", "+" and " " before each; nothing appended when they are equal. */
    ly_status (*diff)(void *user, ly_str a, ly_str b, ly_buf *out, ly_err *err);
    void *user;
} ly_viewer_calls;

typedef struct ly_viewer_opts {
    const char *db_path;
    const ly_filter *filter;  /* to begin with; may be NULL. Borrowed. */
    const ly_trace_id *trace; /* open this one; NULL = the list */
    bool color, unicode;
    bool background; /* read traces in a thread of their own; ly_viewer_run sets it */
    bool memory;     /* the database is a replayed file: nothing to follow */
    const char *
        awaited; /* NULL, or the database that is not there yet: db_path is an empty one that stands in
                            for it until it can be opened */
    const char *keys; /* keys bound anew, as ly_keys_bind reads them; may be NULL */
    ly_viewer_calls calls;
} ly_viewer_opts;

/*
 * Runs on the terminal of standard input and output until the user leaves. Restores the terminal on
 * every way out, signals included. LY_OK; LY_E_UNSUPPORTED where the terminal can do nothing
 * (TERM=dumb: the caller prints the list instead); the store's errors when it cannot be opened.
 */
LY_MUST_USE ly_status ly_viewer_run(const ly_viewer_opts *opts, ly_err *err);

/* The key table, as `lydite view --keys` prints it. */
void ly_viewer_keys(ly_buf *out);

#endif
