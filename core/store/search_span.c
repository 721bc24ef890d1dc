/*
 * Filter terms that need a whole span: attributes, messages, own time. SQL functions that get the
 * filter's node as a pointer and the span's ids, load it through the store and answer 0 or 1.
 *
 * A span is loaded once for several terms (the last one is kept), and so is a trace for own times.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/fold.h"
#include "base/mem.h"
#include "store/search.h"
#include "store/text.h"

typedef struct looked_at {
    ly_store *store;
    ly_arena arena; /* of the span */
    ly_arena trace_arena;
    ly_trace_id trace_id, self_trace_id;
    ly_span_id span_id;
    ly_span_full *full;
    ly_trace *trace;
    ly_node **by_id; /* of the trace, by span id */
    ly_buf scratch;
} looked_at;

static void forget(void *p)
{
    looked_at *l = p;
    ly_arena_release(&l->arena);
    ly_arena_release(&l->trace_arena);
    ly_buf_release(&l->scratch);
    ly_free(l);
}

static bool ids_of(sqlite3_value **args, ly_trace_id *trace, ly_span_id *span)
{
    if (sqlite3_value_bytes(args[1]) != 16 || sqlite3_value_bytes(args[2]) != 8) {
        return false;
    }
    memcpy(trace->b, sqlite3_value_blob(args[1]), 16);
    memcpy(span->b, sqlite3_value_blob(args[2]), 8);
    return true;
}

static ly_span_full *span_of(looked_at *l, sqlite3_context *ctx, sqlite3_value **args)
{
    ly_trace_id trace;
    ly_span_id span;
    ly_err err = LY_ERR_INIT;
    if (!ids_of(args, &trace, &span)) {
        return NULL;
    }
    if (l->full != NULL && ly_trace_id_eq(trace, l->trace_id) && ly_span_id_eq(span, l->span_id)) {
        return l->full;
    }
    l->full = NULL;
    ly_arena_reset(&l->arena);
    ly_status st = ly_store_span_load(l->store, trace, span, &l->arena, &l->full, &err);
    if (st != LY_OK) {
        /* The planner may ask before it has compared the ids: a span of another trace is no match. */
        if (st != LY_E_NOTFOUND) {
            sqlite3_result_error(ctx, err.text, -1);
        }
        l->full = NULL;
        return NULL;
    }
    l->trace_id = trace;
    l->span_id = span;
    return l->full;
}

/* ---- attributes ------------------------------------------------------------------------------ */

static bool value_ok(const ly_filter_node *term, const ly_any *v)
{
    char number[40];
    switch (v->kind) {
    case LY_ANY_STRING:
    case LY_ANY_BYTES:
        if (term->is_number && term->op >= LY_FOP_NE) {
            double real;
            return ly_str_to_double(v->str, &real) && ly_filter_real_ok(term, real);
        }
        return ly_filter_text_ok(term, v->str);
    case LY_ANY_BOOL:
        return ly_filter_text_ok(term, v->boolean ? LY_S("true") : LY_S("false"));
    case LY_ANY_INT:
        if (term->is_number) {
            return ly_filter_real_ok(term, (double)v->integer);
        }
        (void)snprintf(number, sizeof number, "%lld", (long long)v->integer);
        return ly_filter_text_ok(term, ly_str_c(number));
    case LY_ANY_DOUBLE:
        if (term->is_number) {
            return ly_filter_real_ok(term, v->real);
        }
        (void)snprintf(number, sizeof number, "%.17g", v->real);
        return ly_filter_text_ok(term, ly_str_c(number));
    case LY_ANY_ARRAY:
        for (size_t i = 0; i < v->array.n; i++) {
            if (v->array.items[i].kind != LY_ANY_ARRAY && value_ok(term, &v->array.items[i])) {
                return true;
            }
        }
        return term->op == LY_FOP_EXISTS;
    case LY_ANY_KVLIST:
    case LY_ANY_EMPTY:
        return term->op == LY_FOP_EXISTS;
    }
    return false;
}

bool ly_store_attr_ok(const ly_filter_node *term, const ly_span_full *full)
{
    const ly_any *v = ly_attrs_get(&full->span.attrs, term->key);
    if (v == NULL && full->span.resource != NULL) {
        v = ly_attrs_get(&full->span.resource->attrs, term->key);
    }
    return v != NULL && value_ok(term, v);
}

static void attr_ok(sqlite3_context *ctx, int n, sqlite3_value **args)
{
    (void)n;
    looked_at *l = sqlite3_user_data(ctx);
    const ly_filter_node *term = sqlite3_value_pointer(args[0], LY_SEARCH_NODE);
    const ly_span_full *full = term != NULL ? span_of(l, ctx, args) : NULL;
    if (full != NULL) {
        sqlite3_result_int(ctx, ly_store_attr_ok(term, full));
    }
}

/* A text that is a column, asked as the words of the word table are. */
static void says(sqlite3_context *ctx, int n, sqlite3_value **args)
{
    (void)n;
    const ly_filter_node *term = sqlite3_value_pointer(args[0], LY_SEARCH_NODE);
    const char *text = (const char *)sqlite3_value_text(args[1]);
    size_t len = (size_t)sqlite3_value_bytes(args[1]);
    sqlite3_result_int(ctx, term && text && ly_filter_text_ok(term, ly_str_n(text, len)));
}

/* ---- messages -------------------------------------------------------------------------------- */

static bool messages_hold(const ly_filter_node *term, const ly_message *messages, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < messages[i].n_parts; k++) {
            const ly_part *p = &messages[i].parts[k];
            if (p->kind == LY_PART_MEDIA) {
                continue; /* base64 would match by chance */
            }
            if (ly_filter_words_in(term, p->text) || ly_filter_words_in(term, p->arguments) ||
                (p->kind == LY_PART_OTHER && ly_filter_words_in(term, p->raw))) {
                return true;
            }
        }
    }
    return false;
}

static bool any_message_holds(const ly_filter_node *term, const ly_messages *m)
{
    if (messages_hold(term, m->system, m->n_system) || messages_hold(term, m->input, m->n_input) ||
        messages_hold(term, m->output, m->n_output) || ly_filter_words_in(term, m->query) ||
        ly_filter_words_in(term, m->tool_arguments) || ly_filter_words_in(term, m->tool_result)) {
        return true;
    }
    for (size_t i = 0; i < m->n_documents; i++) {
        if (ly_filter_words_in(term, m->documents[i].content)) {
            return true;
        }
    }
    return false;
}

ly_status ly_store_text_ok(const ly_filter_node *term, const ly_span_full *full, ly_arena *arena,
                           bool *ret_ok)
{
    ly_messages m;
    memset(&m, 0, sizeof m);
    if (ly_genai_messages(&full->span, full->logs, full->n_logs, arena, &m) == LY_E_NOMEM) {
        return LY_E_NOMEM;
    }
    *ret_ok = any_message_holds(term, &m);
    return LY_OK;
}

static void text_ok(sqlite3_context *ctx, int n, sqlite3_value **args)
{
    (void)n;
    looked_at *l = sqlite3_user_data(ctx);
    const ly_filter_node *term = sqlite3_value_pointer(args[0], LY_SEARCH_NODE);
    const ly_span_full *full = term != NULL ? span_of(l, ctx, args) : NULL;
    if (full == NULL) {
        return;
    }
    ly_messages m;
    memset(&m, 0, sizeof m);
    if (ly_genai_messages(&full->span, full->logs, full->n_logs, &l->arena, &m) == LY_E_NOMEM) {
        sqlite3_result_error_nomem(ctx);
        return;
    }
    sqlite3_result_int(ctx, any_message_holds(term, &m));
}

/* ---- messages, quickly ------------------------------------------------------------------------ */

/* Words that stand in the bytes as they are: in JSON unescaped, and not of a number or bool that the
 * wire holds in binary. */
static bool plain(ly_str words)
{
    if (ly_text_bare(words)) {
        return false;
    }
    for (size_t i = 0; i < words.len; i++) {
        unsigned char c = (unsigned char)words.ptr[i];
        if (c < 0x20 || c >= 0x7F || c == '"' || c == '\\' || c == '/') {
            return false;
        }
    }
    return words.len > 0;
}

/* An ASCII letter may be written as \u00NN, and so may what is one without its case: the Kelvin sign \u212a and
 * the long s \u017f. */
static bool has_escaped_letter(ly_str wire)
{
    static const char *const after[] = {"00", "212a", "017f"};
    for (size_t at = 0; (at = ly_str_find(wire, LY_S("\\u"), at)) != SIZE_MAX;) {
        at += 2;
        for (size_t i = 0; i < LY_COUNT(after); i++) {
            if (ly_fold_starts(ly_str_sub(wire, at, at + 4), ly_str_c(after[i]))) {
                return true;
            }
        }
    }
    return false;
}

/* False only when the span cannot hold the words: plain words that its bytes do not hold, where no letter is
 * written as an escape and no log record belongs to it. */
static void bytes_ok(sqlite3_context *ctx, int n, sqlite3_value **args)
{
    (void)n;
    looked_at *l = sqlite3_user_data(ctx);
    const ly_filter_node *term = sqlite3_value_pointer(args[0], LY_SEARCH_NODE);
    ly_db *db = ly_store_db(l->store);
    ly_stmt *s = NULL;
    ly_span_row row;
    ly_row_ids ids;
    ly_trace_id trace;
    ly_str wire = LY_STR_NONE;
    ly_err err = LY_ERR_INIT;
    bool there = false;
    sqlite3_result_int(ctx, 1);
    if (term == NULL || !plain(term->text) || sqlite3_value_bytes(args[1]) != 16) {
        return;
    }
    memcpy(trace.b, sqlite3_value_blob(args[1]), 16);
    int64_t epoch = sqlite3_value_int64(args[2]), id = sqlite3_value_int64(args[3]);
    if (ly_db_prep(db, "SELECT " LY_SPAN_COLUMNS " FROM span WHERE id = ?1", &s, &err) != LY_OK) {
        return;
    }
    ly_bind_int(s, 1, id);
    bool read = ly_db_step(db, s, &there, &err) == LY_OK && there;
    if (read) {
        ly_span_row_read(s, &row);
        row.error_message = LY_STR_NONE; /* a view that ends with the statement */
    }
    ly_db_reset(s);
    if (!read || row.flags & LY_SPAN_HAS_LOGS) {
        return;
    }
    ly_row_ids_of(&row, trace, &ids);
    ly_arena_reset(&l->arena);
    l->full = NULL;
    if (ly_payload_load(l->store, epoch, row.payload, &ids, &l->arena, &wire, &err) != LY_OK) {
        return; /* the whole look says what is wrong */
    }
    ly_filter_node words = *term;
    words.op = LY_FOP_CONTAINS;
    bool may = ly_filter_text_ok(&words, wire) || has_escaped_letter(wire);
    sqlite3_result_int(ctx, may);
}

/* False only when no span of the trace can hold the words. */
static void text_may(sqlite3_context *ctx, int n, sqlite3_value **args)
{
    (void)n;
    const ly_text_hits *hits = sqlite3_value_pointer(args[0], LY_SEARCH_TEXT);
    sqlite3_result_int(ctx, !hits || ly_text_hits_has(hits, sqlite3_value_int64(args[1])));
}

/* ---- own time -------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    const ly_node *x = *(ly_node *const *)a, *y = *(ly_node *const *)b;
    return memcmp(x->span_id.b, y->span_id.b, sizeof x->span_id.b);
}

static void self_ns(sqlite3_context *ctx, int n, sqlite3_value **args)
{
    (void)n;
    looked_at *l = sqlite3_user_data(ctx);
    ly_trace_id trace;
    ly_span_id span;
    ly_err err = LY_ERR_INIT;
    if (!ids_of(args, &trace, &span)) {
        return;
    }
    if (l->trace == NULL || !ly_trace_id_eq(trace, l->self_trace_id)) {
        l->trace = NULL;
        ly_arena_reset(&l->trace_arena);
        if (ly_store_trace_load(l->store, trace, &l->trace_arena, &l->trace, &err) != LY_OK) {
            sqlite3_result_error(ctx, err.text, -1);
            l->trace = NULL;
            return;
        }
        l->by_id = LY_ARENA_ARRAY(&l->trace_arena, ly_node *, l->trace->n);
        if (l->by_id == NULL) {
            l->trace = NULL;
            sqlite3_result_error_nomem(ctx);
            return;
        }
        for (size_t i = 0; i < l->trace->n; i++) {
            l->by_id[i] = &l->trace->nodes[i];
        }
        qsort(l->by_id, l->trace->n, sizeof *l->by_id, compare_ids);
        l->self_trace_id = trace;
    }
    const ly_node *key = &(ly_node){.span_id = span};
    ly_node *const *hit = bsearch(&key, l->by_id, l->trace->n, sizeof *l->by_id, compare_ids);
    if (hit != NULL && (*hit)->self_ns != LY_UNKNOWN) {
        sqlite3_result_int64(ctx, (*hit)->self_ns);
    }
}

/* Only our own SQL may call them: a file from a stranger could name a function in a view. */
#define FLAGS (SQLITE_UTF8 | SQLITE_DIRECTONLY)

ly_status ly_search_functions(ly_db *db, ly_err *err)
{
    if (db->search_ready) {
        return LY_OK;
    }
    sqlite3 *sql = ly_db_handle(db);
    looked_at *l = ly_calloc(1, sizeof *l);
    if (l == NULL) {
        return LY_NOMEM(err);
    }
    l->store = ly_db_store(db);
    ly_arena_init(&l->arena, 0, 0);
    ly_arena_init(&l->trace_arena, 0, 0);
    ly_buf_init(&l->scratch, LY_MIB(1));
    /* The first one owns the state; it is freed with the connection, also when this call fails. */
    int rc =
        sqlite3_create_function_v2(sql, "ly_attr_ok", 3, FLAGS, l, attr_ok, NULL, NULL, forget);
    if (rc == SQLITE_OK) {
        rc = sqlite3_create_function_v2(sql, "ly_text_ok", 3, FLAGS, l, text_ok, NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc =
            sqlite3_create_function_v2(sql, "ly_bytes_ok", 4, FLAGS, l, bytes_ok, NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc =
            sqlite3_create_function_v2(sql, "ly_text_may", 2, FLAGS, l, text_may, NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_create_function_v2(sql, "ly_says", 2, FLAGS, l, says, NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_create_function_v2(sql, "ly_self", 3, FLAGS, l, self_ns, NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_create_function_v2(sql, "ly_has", -1, FLAGS | SQLITE_DETERMINISTIC, NULL,
                                        ly_search_has, NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        /* Spans of a trace are a range of row numbers; an index made for one query over all spans would
         * be chosen for "type = 4" and cost more than every query that it serves. */
        rc = sqlite3_exec(sql, "PRAGMA automatic_index = OFF", NULL, NULL, NULL);
    }
    db->search_ready = rc == SQLITE_OK;
    return rc == SQLITE_OK ? LY_OK : ly_db_fail(db, rc, err);
}
