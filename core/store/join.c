/*
 * Log records that describe calls meet the spans of those calls (reference §4.6), trace by trace, when
 * the trace is settled: so the order in which both came does not matter. Each span that a log names or
 * may describe is read from its bytes and enriched anew from all its logs; a call of which no span
 * came becomes a synthetic span row without a payload, and goes again when its span does come.
 *
 * Nothing is added to the record itself: export gives what came in.
 */
#include "store/internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "genai/logs.h"
#include "genai/normalise.h"

/* Logs of one trace that are looked at; more than that in one trace describe no more calls. */
#define LOGS_MAX 20000

typedef struct joined {
    const ly_log_record *log;
    ly_str access_key;
    ly_log_info info;
    bool matched;
} joined;

typedef struct key_of_log {
    uint64_t key;
    uint32_t log;
} key_of_log;

typedef struct join {
    ly_store *store;
    int64_t trace, epoch;
    ly_trace_id trace_id;
    ly_arena *arena;
    joined *logs;
    size_t n_logs;
    key_of_log *keys;
    size_t n_keys;
    int64_t *leaves; /* rows of synthetic spans that are wanted */
    size_t n_leaves;
    size_t n_modelless; /* calls whose model was looked for above them */
} join;

static int by_rank(const void *a, const void *b)
{
    const joined *x = a, *y = b;
    if (x->info.rank != y->info.rank)
        return x->info.rank < y->info.rank ? -1 : 1;
    if (x->info.end_ns != y->info.end_ns)
        return x->info.end_ns < y->info.end_ns ? -1 : 1;
    return ly_str_cmp(x->log->wire, y->log->wire);
}

static int by_key(const void *a, const void *b)
{
    const key_of_log *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->log < y->log ? -1 : x->log > y->log;
}

/* The access key that each of the first n log records of the trace was received with. */
static ly_status load_access_keys(join *j, size_t n, ly_str **ret, ly_err *err)
{
    ly_db *db = &j->store->db;
    ly_stmt *s = NULL;
    ly_str *keys = LY_ARENA_ARRAY(j->arena, ly_str, n + 1);
    bool row = false;
    if (!keys)
        return LY_NOMEM(err);
    ly_status st = ly_db_prep(
        db, "SELECT access_key FROM log_record WHERE trace = ?1 ORDER BY time_ns, id LIMIT ?2", &s,
        err);
    if (st)
        return st;
    ly_bind_int(s, 1, j->trace);
    ly_bind_int(s, 2, (int64_t)n);
    for (size_t i = 0; i < n && !(st = ly_db_step(db, s, &row, err)) && row && !st; i++)
        if (ly_col_int(s, 0))
            st = ly_word_text(db, ly_col_int(s, 0), j->arena, &keys[i], err);
    ly_db_reset(s);
    *ret = keys;
    return st;
}

static ly_status load_logs(join *j, ly_err *err)
{
    const ly_log_record **records = NULL;
    size_t n = 0;
    ly_status st =
        ly_logs_of_trace(j->store, j->trace, NULL, LOGS_MAX, NULL, j->arena, &records, &n, err);
    if (st)
        return st;
    ly_str *access_keys = NULL;
    if ((st = load_access_keys(j, n, &access_keys, err)))
        return st;
    j->logs = LY_ARENA_ARRAY(j->arena, joined, n + 1);
    j->keys = LY_ARENA_ARRAY(j->arena, key_of_log, n * LY_JOIN_KEYS + 1);
    j->leaves = LY_ARENA_ARRAY(j->arena, int64_t, n + 1);
    if (!j->logs || !j->keys || !j->leaves)
        return LY_NOMEM(err);
    for (size_t i = 0; i < n; i++) {
        joined *l = &j->logs[j->n_logs];
        l->log = records[i];
        l->access_key = access_keys[i];
        if (ly_genai_log(records[i], j->arena, &l->info))
            return LY_NOMEM(err);
        if (l->info.kind != LY_LOG_PLAIN && l->info.kind != LY_LOG_EVENT)
            j->n_logs++;
    }
    if (j->n_logs)
        qsort(j->logs, j->n_logs, sizeof *j->logs, by_rank);
    for (size_t i = 0; i < j->n_logs; i++) {
        uint64_t keys[LY_JOIN_KEYS];
        size_t k = ly_genai_log_keys(j->logs[i].log, &j->logs[i].info, keys);
        while (k > 0)
            j->keys[j->n_keys++] = (key_of_log){keys[--k], (uint32_t)i};
    }
    if (j->n_keys)
        qsort(j->keys, j->n_keys, sizeof *j->keys, by_key);
    return LY_OK;
}

/* First place of a key, or n_keys. */
static size_t key_find(const join *j, uint64_t key)
{
    size_t lo = 0, hi = j->n_keys;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (j->keys[mid].key < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < j->n_keys && j->keys[lo].key == key ? lo : j->n_keys;
}

/* Whether settling again found what it found before. */
static bool canon_same(const ly_span_row *a, const ly_span_row *b)
{
    return memcmp(&a->tokens, &b->tokens, sizeof a->tokens) == 0 &&
           a->client_cost_pico == b->client_cost_pico && memcmp(&a->w, &b->w, sizeof a->w) == 0 &&
           a->response_key == b->response_key && a->ttft_ns == b->ttft_ns && a->flags == b->flags &&
           a->usage_mode == b->usage_mode && a->type == b->type && a->role == b->role;
}

static ly_status write_row(join *j, const ly_span_row *row, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(&j->store->db, LY_REPLACE_SPAN, &s, err);
    if (st)
        return st;
    uint8_t side[64];
    ly_span_row_bind(s, row, side);
    return ly_db_run(&j->store->db, s, err);
}

static ly_priced price_of(const join *j, const ly_canon *canon, int64_t at_ns)
{
    const ly_store *store = j->store;
    if (store->price)
        return store->price(store->price_user, canon, at_ns);
    return ly_price_span(store->book ? store->book : ly_price_book_default(), canon, at_ns);
}

/* Steps from a call up to the span that knows its model; and calls of one trace for which this is looked up:
 * each step is a search through the trace. */
enum { MODEL_HOPS = 16, MODEL_CALLS = 256 };

static const ly_span_row *row_of(const ly_trace_nodes *nodes, ly_span_id id)
{
    for (size_t i = 0; i < nodes->n; i++) {
        if (ly_span_id_eq(nodes->rows[i].span_id, id))
            return &nodes->rows[i];
    }
    return NULL;
}

/* Some agents (Codex) name the model on the span around the call alone: the nearest above, of the same
 * client. */
static ly_status model_from_above(join *j, const ly_trace_nodes *nodes, const ly_span_row *row,
                                  ly_canon *canon, bool *changed, ly_err *err)
{
    if (ly_canon_model(canon).len || !ly_tokens_known(&canon->tokens) ||
        canon->role != LY_ROLE_LEAF || j->n_modelless++ >= MODEL_CALLS)
        return LY_OK;
    const int64_t dialect = row->w.dialect;
    for (int hops = 0; row && hops < MODEL_HOPS; hops++) {
        if (row->w.request_model > 0 && row->w.dialect == dialect)
            break;
        row = row_of(nodes, row->parent_id);
    }
    if (!row || row->w.request_model <= 0 || row->w.dialect != dialect)
        return LY_OK;
    const ly_status st =
        ly_word_text(&j->store->db, row->w.request_model, j->arena, &canon->request_model, err);
    if (!canon->provider.len)
        canon->provider = ly_genai_provider_of_model(canon->request_model);
    *changed = true;
    return st;
}

/* One span with all its logs. Logs of other kinds than calls only mark that they are there. */
static ly_status enrich(join *j, const ly_trace_nodes *nodes, const ly_span_row *old, ly_err *err)
{
    ly_span span;
    ly_canon canon;
    ly_status st = ly_span_of_row(j->store, j->epoch, j->trace_id, old, j->arena, &span, err);
    if (st)
        return st;
    if (ly_genai_normalise(&span, j->arena, &canon))
        return LY_NOMEM(err);
    st = ly_word_text(&j->store->db, old->w.access_key, j->arena, &canon.access_key, err);
    if (st)
        return st;
    uint64_t keys[LY_JOIN_KEYS];
    size_t n = ly_genai_span_keys(&span, &canon, keys);
    ly_tree_node node; /* as it came, before any log added to it */
    ly_tree_node_from(&span, &canon, &node);
    bool changed = false, has_logs = false;
    for (size_t k = 0; k < n; k++)
        for (size_t at = key_find(j, keys[k]); at < j->n_keys && j->keys[at].key == keys[k]; at++) {
            joined *l = &j->logs[j->keys[at].log];
            has_logs = has_logs || k == 0;
            bool call = l->info.kind == LY_LOG_CALL;
            if (call ? !ly_genai_same_call(&l->info, &node) : l->info.kind == LY_LOG_SCORE)
                continue;
            l->matched = true;
            changed |= ly_genai_enrich(&canon, &l->info);
        }
    st = model_from_above(j, nodes, old, &canon, &changed, err);
    if (st)
        return st;
    ly_span_row row;
    ly_span_row_from(&span, &canon, old->priced, &row);
    row.id = old->id;
    row.payload = old->payload;
    row.resource = old->resource;
    row.scope = old->scope;
    row.flags |= has_logs ? LY_SPAN_HAS_LOGS : 0;
    st = ly_span_row_words(&j->store->db, &span, &canon, &row.w, err);
    /* What was joined before keeps its price: only 'cost reprice' changes history. */
    if (st || canon_same(&row, old))
        return st;
    if (changed)
        row.priced = price_of(j, &canon, old->start_ns);
    return write_row(j, &row, err);
}

/* Is the span worth reading? Named by a log, or a call that one may describe. */
static bool candidate(const join *j, const ly_span_row *row)
{
    if (row->flags & LY_SPAN_SYNTHETIC)
        return false;
    if (row->role == LY_ROLE_LEAF || row->type == LY_TYPE_GENERATION ||
        row->flags & LY_SPAN_HAS_LOGS)
        return true;
    for (size_t i = 0; i < j->n_logs; i++)
        if (j->logs[i].log->has_span_id && ly_span_id_eq(j->logs[i].log->span_id, row->span_id))
            return true;
    return false;
}

/* Logs of one call that no span came for: the one of the lowest rank becomes the leaf, others with a
 * common key add what it lacks. */
static ly_status leaf(join *j, size_t first, const ly_trace_nodes *nodes, ly_err *err)
{
    joined *l = &j->logs[first];
    ly_db *db = &j->store->db;
    ly_canon canon = l->info.canon;
    canon.access_key = l->access_key;
    uint64_t keys[LY_JOIN_KEYS];
    size_t n = ly_genai_log_keys(l->log, &l->info, keys);
    l->matched = true;
    for (size_t k = 0; k < n; k++)
        for (size_t at = key_find(j, keys[k]); at < j->n_keys && j->keys[at].key == keys[k]; at++) {
            joined *other = &j->logs[j->keys[at].log];
            /* Two calls may be logged below one span: the span's own key does not make them one. */
            if (other->matched || (k + 1 < n && l->log->has_span_id && k == 0))
                continue;
            other->matched = true;
            (void)ly_genai_enrich(&canon, &other->info);
        }
    ly_span span = {
        .trace_id = j->trace_id,
        .span_id = l->info.leaf_span,
        .parent_id = l->info.leaf_parent,
        .name = l->info.leaf_name,
        .kind = LY_KIND_CLIENT,
        .start_ns = (uint64_t)l->info.start_ns,
        .end_ns = (uint64_t)l->info.end_ns,
        .status_code = canon.error ? LY_CODE_ERROR : LY_CODE_UNSET,
        .resource = l->log->resource,
        .scope = l->log->scope,
    };
    if (!canon.dialect)
        canon.dialect = "";
    ly_span_row row;
    ly_span_row_from(&span, &canon, LY_PRICED_NONE, &row);
    row.flags |= LY_SPAN_SYNTHETIC | LY_SPAN_HAS_LOGS;
    bool found = false;
    ly_status st = ly_span_row_find(db, j->trace, span.span_id, &row.id, &found, err);
    if (!st)
        st = ly_span_row_words(db, &span, &canon, &row.w, err);
    if (!st)
        st = ly_resource_put(j->store, span.resource, &row.resource, err);
    if (!st)
        st = ly_scope_put(j->store, span.scope, &row.scope, err);
    if (st)
        return st;
    j->leaves[j->n_leaves++] = row.id;
    const ly_span_row *old = NULL;
    for (size_t i = 0; found && i < nodes->n && !old; i++)
        old = nodes->rows[i].id == row.id ? &nodes->rows[i] : NULL;
    row.priced = old && canon_same(&row, old) ? old->priced : price_of(j, &canon, l->info.start_ns);
    return write_row(j, &row, err);
}

static bool wanted(const join *j, int64_t id)
{
    for (size_t i = 0; i < j->n_leaves; i++)
        if (j->leaves[i] == id)
            return true;
    return false;
}

/* Takes a synthetic row out. Where the next slot is taken, its owner may have been moved past this one
 * and is found only if the chain has no hole: then the row stays as a mark that readers pass over. */
static ly_status row_delete(ly_db *db, int64_t id, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "UPDATE span SET flags = ?2 WHERE id = ?1"
                              " AND EXISTS (SELECT 1 FROM span AS n WHERE n.id = ?1 + 1)",
                              &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, id);
    ly_bind_int(s, 2, LY_SPAN_SYNTHETIC | LY_SPAN_DEAD);
    st = ly_db_run(db, s, err);
    if (!st)
        st = ly_db_prep(db, "DELETE FROM span WHERE id = ?1 AND flags <> ?2", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, id);
    ly_bind_int(s, 2, LY_SPAN_SYNTHETIC | LY_SPAN_DEAD);
    return ly_db_run(db, s, err);
}

static ly_status run(join *j, ly_err *err)
{
    ly_trace_nodes nodes;
    ly_status st = load_logs(j, err);
    if (st || !j->n_logs)
        return st;
    st = ly_trace_nodes_load(&j->store->db, j->trace, j->arena, &nodes, err);
    for (size_t i = 0; !st && i < nodes.n; i++)
        if (candidate(j, &nodes.rows[i]))
            st = enrich(j, &nodes, &nodes.rows[i], err);
    for (size_t i = 0; !st && i < j->n_logs; i++)
        if (!j->logs[i].matched && j->logs[i].info.makes_leaf)
            st = leaf(j, i, &nodes, err);
    for (size_t i = 0; !st && i < nodes.n; i++)
        if (nodes.rows[i].flags & LY_SPAN_SYNTHETIC && !wanted(j, nodes.rows[i].id))
            st = row_delete(&j->store->db, nodes.rows[i].id, err);
    return st;
}

ly_status ly_logs_join(ly_store *store, int64_t trace, ly_err *err)
{
    ly_db *db = &store->db;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    ly_arena arena;
    ly_arena_init(&arena, LY_KIB(256), 0);
    join j = {.store = store, .trace = trace, .arena = &arena};
    ly_stmt *s = NULL;
    st = ly_db_prep(db, "SELECT epoch, trace_id FROM trace WHERE no = ?1", &s, err);
    bool row = false;
    if (!st) {
        ly_bind_int(s, 1, trace);
        st = ly_db_step(db, s, &row, err);
    }
    if (!st && row) {
        j.epoch = ly_col_int(s, 0);
        memcpy(&j.trace_id, ly_col_str(s, 1).ptr, sizeof j.trace_id);
    }
    ly_db_reset(s);
    if (!st && row)
        st = run(&j, err);
    ly_arena_release(&arena);
    return ly_db_write_end(db, st, err);
}

void ly_join_book(ly_store *store)
{
    if (store->price || !store->open_book || store->book_asked)
        return;
    store->book_asked = true;
    ly_price_book *book = store->open_book(store);
    if (!book)
        return; /* the one that was in use, or the compiled-in one */
    ly_price_book_free(store->book);
    store->book = book;
}

void ly_store_book_with(ly_store *store, ly_price_book *(*open)(ly_store *store))
{
    store->open_book = open;
}

void ly_store_price_with(ly_store *store,
                         ly_priced (*price)(void *user, const ly_canon *canon, int64_t at_ns),
                         void *user)
{
    store->price = price;
    store->price_user = user;
}
