/*
 * One batch, one transaction, one durable commit.
 *
 * The spans of a batch are taken trace by trace and, in a trace, in the order of their row numbers, so
 * that rows are appended side by side. A new span costs one statement for its row, one for its payload
 * and one for each piece of content never seen; that it was there already shows in the row's number
 * being taken, so no look-up goes before.
 */
#include "store/internal.h"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "genai/logs.h"
#include "otlp/decode.h"
#include "otlp/same.h"
#include "store/score.h"

/* ---- epochs: where the next payload, content and log go ---- */

ly_status ly_epoch_get(ly_store *store, int64_t day, ly_epoch_state **ret, ly_err *err)
{
    for (size_t i = 0; i < store->n_epochs; i++)
        if (store->epochs[i].day == day) {
            *ret = &store->epochs[i];
            return LY_OK;
        }
    if (store->n_epochs == LY_COUNT(store->epochs)) {
        ly_status st = ly_epochs_flush(store, err);
        if (st)
            return st;
        store->n_epochs = 0;
    }
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        &store->db, "SELECT next_payload, next_content, next_log FROM epoch WHERE day = ?1", &s,
        err);
    if (st)
        return st;
    ly_bind_int(s, 1, day);
    bool row = false;
    st = ly_db_step(&store->db, s, &row, err);
    ly_epoch_state *e = &store->epochs[store->n_epochs];
    *e = (ly_epoch_state){
        .day = day, .next_payload = 1, .next_content = 1, .next_log = 1, .changed = !row};
    if (!st && row) {
        e->next_payload = ly_col_int(s, 0);
        e->next_content = ly_col_int(s, 1);
        e->next_log = ly_col_int(s, 2);
    }
    ly_db_reset(s);
    if (st)
        return st;
    store->n_epochs++;
    *ret = e;
    return LY_OK;
}

ly_status ly_epochs_flush(ly_store *store, ly_err *err)
{
    for (size_t i = 0; i < store->n_epochs; i++) {
        ly_epoch_state *e = &store->epochs[i];
        if (!e->changed)
            continue;
        ly_stmt *s = NULL;
        ly_status st = ly_db_prep(&store->db,
                                  "INSERT INTO epoch (day, next_payload, next_content, next_log)"
                                  " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (day) DO UPDATE SET"
                                  " next_payload = ?2, next_content = ?3, next_log = ?4",
                                  &s, err);
        if (st)
            return st;
        ly_bind_int(s, 1, e->day);
        ly_bind_int(s, 2, e->next_payload);
        ly_bind_int(s, 3, e->next_content);
        ly_bind_int(s, 4, e->next_log);
        st = ly_db_run(&store->db, s, err);
        if (st)
            return st;
        e->changed = false;
    }
    return LY_OK;
}

static ly_status next_trace_flush(ly_store *store, ly_err *err)
{
    if (!store->next_trace)
        return LY_OK;
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(&store->db, "UPDATE meta SET value = ?1 WHERE key = 'next_trace'", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, store->next_trace);
    return ly_db_run(&store->db, s, err);
}

/* ---- traces ---- */

static uint64_t id_hash(const void *id, size_t n)
{
    return XXH3_64bits(id, n);
}

static ly_trace_slot *trace_slot(ly_store *store, ly_trace_id id)
{
    return &store->traces[id_hash(&id, sizeof id) & (store->traces_cap - 1)];
}

static ly_status trace_insert(ly_store *store, ly_trace_slot *slot, int64_t now, ly_err *err)
{
    ly_db *db = &store->db;
    ly_status st = LY_OK;
    if (!store->next_trace)
        st = ly_db_scalar(db, "SELECT value FROM meta WHERE key = 'next_trace'", &store->next_trace,
                          err);
    ly_stmt *s = NULL;
    if (!st)
        st = ly_db_prep(db,
                        "INSERT INTO trace (no, trace_id, epoch, seen_ns, start_ns)"
                        " VALUES (?1, ?2, ?3, ?4, ?5)",
                        &s, err);
    if (st)
        return st;
    slot->no = store->next_trace++;
    slot->epoch = now / LY_NS_PER_DAY;
    ly_bind_int(s, 1, slot->no);
    ly_bind_blob(s, 2, &slot->id, sizeof slot->id);
    ly_bind_int(s, 3, slot->epoch);
    ly_bind_int(s, 4, now);
    ly_bind_int(s, 5, slot->start_ns);
    return ly_db_run(db, s, err);
}

ly_status ly_dirty_mark(ly_db *db, int64_t trace, int64_t now, int64_t records, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db,
                   "INSERT INTO dirty (trace, since_ns, last_ns, changes) VALUES (?1, ?2, ?2, ?3)"
                   " ON CONFLICT (trace) DO UPDATE SET changes = changes + ?3, last_ns = ?2",
                   &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, trace);
    ly_bind_int(s, 2, now);
    ly_bind_int(s, 3, records);
    return ly_db_run(db, s, err);
}

/* The trace's number and epoch; made when it is new, with this start. */
static ly_status trace_touch(ly_store *store, ly_trace_id id, int64_t start_ns, int64_t now,
                             ly_trace_slot *ret, ly_err *err)
{
    ly_db *db = &store->db;
    ly_trace_slot *slot = trace_slot(store, id);
    ly_status st = LY_OK;
    if (!slot->no || !ly_trace_id_eq(slot->id, id)) {
        ly_stmt *s = NULL;
        st = ly_db_prep(db, "SELECT no, epoch, start_ns FROM trace WHERE trace_id = ?1", &s, err);
        if (st)
            return st;
        ly_bind_blob(s, 1, &id, sizeof id);
        bool row = false;
        st = ly_db_step(db, s, &row, err);
        ly_trace_slot found = {.id = id, .start_ns = start_ns};
        if (!st && row)
            found = (ly_trace_slot){id, ly_col_int(s, 0), ly_col_int(s, 1), ly_col_int(s, 2), 0};
        ly_db_reset(s);
        if (!st && !row)
            st = trace_insert(store, &found, now, err);
        if (st)
            return st;
        *slot = found;
    }
    *ret = *slot;
    return st;
}

/* Keeps the least start, of records that are stored: settling looks again at those alone. */
static ly_status trace_begins(ly_store *store, const ly_trace_slot *trace, int64_t start_ns,
                              ly_err *err)
{
    if (start_ns >= trace->start_ns)
        return LY_OK;
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(&store->db, "UPDATE trace SET start_ns = ?2 WHERE no = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, trace->no);
    ly_bind_int(s, 2, start_ns);
    st = ly_db_run(&store->db, s, err);
    ly_trace_slot *slot = trace_slot(store, trace->id);
    if (slot->no == trace->no)
        slot->start_ns = start_ns;
    return st;
}

/* ---- one span ---- */

static int64_t slot_of(ly_span_id id)
{
    return (int64_t)(id_hash(&id, sizeof id) & (uint64_t)LY_SLOT_MASK);
}

ly_status ly_span_row_find(ly_db *db, int64_t trace, ly_span_id id, int64_t *ret_row,
                           bool *ret_found, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, "SELECT span_id FROM span WHERE id = ?1", &s, err);
    int64_t slot = slot_of(id);
    while (!st) {
        *ret_row = LY_SPAN_BASE(trace) | slot;
        ly_bind_int(s, 1, *ret_row);
        bool row = false;
        st = ly_db_step(db, s, &row, err);
        ly_str other = !st && row ? ly_col_str(s, 0) : LY_STR_NONE;
        *ret_found = other.len == sizeof id && memcmp(other.ptr, &id, sizeof id) == 0;
        ly_db_reset(s);
        if (*ret_found || !row)
            return st;
        slot = (slot + 1) & LY_SLOT_MASK;
    }
    return st;
}

/* How complete a record is: a start record, one without an end, a whole one. The more complete wins. */
static int rank_of(bool pending, bool ended)
{
    return pending ? 0 : ended ? 2 : 1;
}

typedef struct item {
    const ly_store_span *in;
    ly_store_result *result;
    ly_trace_id trace;
    int64_t slot;
    size_t index;
} item;

static int item_order(const void *a, const void *b)
{
    const item *x = a, *y = b;
    int c = memcmp(&x->trace, &y->trace, sizeof x->trace);
    if (c)
        return c;
    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static bool inside(ly_str wire, const char *p)
{
    return p >= wire.ptr && p < wire.ptr + wire.len;
}

/* Ranges are found in views into `wire`. A span that came as JSON has its strings elsewhere: read its
 * wire form again. */
static ly_status find_ranges(ly_store *store, const ly_store_span *in, const ly_range **ret,
                             size_t *ret_n, ly_err *err)
{
    if (in->has_ranges) {
        *ret = in->ranges;
        *ret_n = in->n_ranges;
        return LY_OK;
    }
    const ly_span *span = in->span;
    const char *probe = span->attrs.n ? span->attrs.items[0].key.ptr : span->name.ptr;
    ly_span again;
    ly_status st = LY_OK;
    if (!probe || !inside(span->wire, probe)) {
        st = ly_otlp_decode_span(span->wire, span->resource, span->scope, &store->scratch, &again);
        if (st == LY_E_NOMEM)
            return LY_NOMEM(err);
        span = &again;
    }
    st = ly_genai_content_ranges(span, &store->scratch, ret, ret_n);
    return st ? LY_NOMEM(err) : LY_OK;
}

static ly_status put_payload(ly_store *store, ly_epoch_state *epoch, const ly_store_span *in,
                             const ly_span_row *row, int64_t *ret_number, ly_err *err)
{
    const ly_range *ranges = NULL;
    size_t n = 0;
    ly_status st = find_ranges(store, in, &ranges, &n, err);
    ly_row_ids ids;
    ly_row_ids_of(row, in->span->trace_id, &ids);
    return st ? st : ly_payload_put(store, epoch, in->span->wire, &ids, ranges, n, ret_number, err);
}

#define INSERT_SPAN                                                                              \
    "INSERT INTO span (" LY_SPAN_COLUMNS                                                         \
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "                              \
    "?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, " \
    "?31, "                                                                                      \
    "?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42, ?43, ?44, ?45, ?46, ?47, ?48, ?49, " \
    "?50, "                                                                                      \
    "?51, ?52, ?53, ?54, ?55, ?56) ON CONFLICT (id) DO NOTHING"

static ly_status row_write(ly_store *store, const char *sql, const ly_span_row *row,
                           int64_t *ret_changes, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(&store->db, sql, &s, err);
    if (st)
        return st;
    uint8_t side[64];
    ly_span_row_bind(s, row, side);
    st = ly_db_run(&store->db, s, err);
    *ret_changes = st ? 0 : ly_db_changes(&store->db);
    return st;
}

static ly_status row_read(ly_store *store, int64_t id, ly_span_row *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(&store->db, "SELECT " LY_SPAN_COLUMNS " FROM span WHERE id = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, id);
    bool row = false;
    st = ly_db_step(&store->db, s, &row, err);
    if (!st && row)
        ly_span_row_read(s, ret);
    ret->error_message = LY_STR_NONE;
    ly_db_reset(s);
    return st;
}

/* The span is there already: the same, more complete, or contradicting. */
static ly_status meet(ly_store *store, ly_epoch_state *epoch, item *it, ly_span_row *row,
                      const ly_span_row *old, ly_err *err)
{
    const ly_span *span = it->in->span;
    int old_rank = rank_of(old->flags & LY_SPAN_PENDING, old->dur_ns != LY_UNKNOWN);
    int new_rank = rank_of(row->flags & LY_SPAN_PENDING, row->dur_ns != LY_UNKNOWN);
    ly_str stored = LY_STR_NONE;
    ly_row_ids ids;
    ly_row_ids_of(old, span->trace_id, &ids);
    ly_status st =
        ly_payload_load(store, epoch->day, old->payload, &ids, &store->scratch, &stored, err);
    if (st)
        return st;
    if (ly_str_eq(stored, span->wire) || new_rank < old_rank ||
        ly_otlp_same_span(stored, span->wire, &store->scratch)) {
        *it->result = LY_DUPLICATE;
        store->db.n.duplicates++;
        return LY_OK;
    }
    if (new_rank == 2 && old_rank == 2) {
        *it->result = LY_CONFLICT;
        store->db.n.conflicts++;
        return ly_quarantine_put(
            store, "conflict",
            &(ly_store_reject){
                .reason = LY_S("another record of this span was stored before"),
                .service = it->in->canon->service,
                .trace_id = span->trace_id,
                .span_id = span->span_id,
                .wire = span->wire,
            },
            err);
    }
    int64_t gone = LY_EPOCH_BASE(epoch->day) | old->payload;
    st = ly_bundle_remove(store, LY_PACK_PAYLOAD, &gone, 1, err);
    if (!st)
        st = put_payload(store, epoch, it->in, row, &row->payload, err);
    row->id = old->id;
    int64_t changes = 0;
    if (!st)
        st = row_write(store, LY_REPLACE_SPAN, row, &changes, err);
    *it->result = LY_MERGED;
    store->db.n.merged++;
    return st;
}

static ly_status put_tags(ly_store *store, int64_t trace, const ly_canon *c, ly_err *err)
{
    for (size_t i = 0; i < c->n_tags; i++) {
        int64_t word = 0;
        ly_status st = ly_word_put(&store->db, c->tags[i], &word, err);
        ly_stmt *s = NULL;
        if (!st && word)
            st = ly_db_prep(&store->db,
                            "INSERT INTO tag (trace, word) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                            &s, err);
        if (st)
            return st;
        if (!word)
            continue;
        ly_bind_int(s, 1, trace);
        ly_bind_int(s, 2, word);
        st = ly_db_run(&store->db, s, err);
        if (st)
            return st;
    }
    return LY_OK;
}

/* A process in live mode has spoken: a start record, new or repeated, or any other. Kept by the second,
 * and for the processes that this one has a start record of. */
static ly_status heard(ly_store *store, int64_t resource, bool pending, int64_t now, ly_err *err)
{
    size_t i = 0;
    while (i < store->n_talkers && store->talkers[i].resource != resource)
        i++;
    if (i == store->n_talkers) {
        if (!pending)
            return LY_OK;
        i = i < LY_COUNT(store->talkers) ? store->n_talkers++ : store->next_talker++ % i;
        store->talkers[i].resource = resource;
        store->talkers[i].heard_ns = 0;
    }
    if (now - store->talkers[i].heard_ns < LY_NS_PER_SEC)
        return LY_OK;
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        &store->db, "UPDATE resource SET heard_ns = max(coalesce(heard_ns, 0), ?2) WHERE id = ?1",
        &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, resource);
    ly_bind_int(s, 2, now);
    st = ly_db_run(&store->db, s, err);
    if (!st)
        store->talkers[i].heard_ns = now;
    return st;
}

static ly_status put_span(ly_store *store, ly_epoch_state *epoch, int64_t trace, item *it,
                          int64_t now, ly_err *err)
{
    const ly_span *span = it->in->span;
    ly_span_row row;
    ly_span_row_from(span, it->in->canon, it->in->priced, &row);
    ly_status st = ly_span_row_words(&store->db, span, it->in->canon, &row.w, err);
    if (!st)
        st = ly_resource_put(store, span->resource, &row.resource, err);
    if (!st)
        st = ly_scope_put(store, span->scope, &row.scope, err);
    if (!st && (it->in->canon->pending || store->n_talkers))
        st = heard(store, row.resource, it->in->canon->pending, now, err);
    row.payload = epoch->next_payload;
    int64_t slot = it->slot;
    for (int64_t probes = 0; !st; probes++) {
        row.id = LY_SPAN_BASE(trace) | slot;
        int64_t changes = 0;
        st = row_write(store, INSERT_SPAN, &row, &changes, err);
        if (st)
            return st;
        if (changes) {
            int64_t number = 0;
            st = put_payload(store, epoch, it->in, &row, &number, err);
            *it->result = LY_STORED;
            store->db.n.spans++;
            break;
        }
        ly_span_row old;
        st = row_read(store, row.id, &old, err);
        if (!st && ly_span_id_eq(old.span_id, row.span_id))
            return meet(store, epoch, it, &row, &old, err);
        slot = (slot + 1) & LY_SLOT_MASK;
        if (!st && probes > LY_MAX_TRACE_SPANS)
            st = LY_FAIL(err, LY_E_LIMIT, "a trace has more than %d spans", LY_MAX_TRACE_SPANS);
    }
    if (!st && it->in->canon->n_tags)
        st = put_tags(store, trace, it->in->canon, err);
    return st;
}

/* Items of one trace. */
static ly_status put_group(ly_store *store, item *items, size_t n, int64_t now, ly_err *err)
{
    int64_t start = (int64_t)items[0].in->span->start_ns;
    ly_trace_slot trace = {0};
    ly_epoch_state *epoch = NULL;
    ly_status st = trace_touch(store, items[0].trace, start, now, &trace, err);
    int64_t changed = 0;
    start = INT64_MAX;
    store->owner = trace.no;
    for (size_t i = 0; !st && i < n; i++) {
        /* Inside the loop: another epoch's flush may move the states. */
        st = ly_epoch_get(store, trace.epoch, &epoch, err);
        if (!st)
            st = put_span(store, epoch, trace.no, &items[i], now, err);
        if (!st && *items[i].result == LY_STORED)
            st = ly_call_span(store, items[i].in->span, items[i].in->canon, trace.no, now, err);
        if (*items[i].result == LY_STORED || *items[i].result == LY_MERGED) {
            const int64_t begun = (int64_t)items[i].in->span->start_ns;
            start = begun < start ? begun : start;
            changed++;
        }
        store->db.n.bytes_in += items[i].in->span->wire.len;
    }
    if (!st && changed)
        st = trace_begins(store, &trace, start, err);
    if (!st && changed)
        st = ly_dirty_mark(&store->db, trace.no, now, changed, err);
    return st;
}

static ly_status put_spans(ly_store *store, const ly_store_batch *batch, ly_store_result *results,
                           int64_t now, ly_err *err)
{
    item *items = LY_ARENA_ARRAY(&store->scratch, item, batch->n_spans + 1);
    if (!items)
        return LY_NOMEM(err);
    for (size_t i = 0; i < batch->n_spans; i++) {
        const ly_span *span = batch->spans[i].span;
        items[i] = (item){&batch->spans[i], &results[i], span->trace_id, slot_of(span->span_id), i};
    }
    qsort(items, batch->n_spans, sizeof *items, item_order);
    ly_status st = LY_OK;
    for (size_t from = 0, to; !st && from < batch->n_spans; from = to) {
        to = from + 1;
        while (to < batch->n_spans && ly_trace_id_eq(items[to].trace, items[from].trace))
            to++;
        st = put_group(store, items + from, to - from, now, err);
    }
    return st;
}

/* ---- logs ---- */

/* A score that the application sent as a log event. What cannot be a score stays a log record. */
static ly_status put_score(ly_store *store, const ly_log_record *log, const ly_log_info *info,
                           int64_t at, ly_err *err)
{
    ly_score score = {
        .name = info->score_name,
        .value = info->has_score_value ? info->score_value : NAN,
        .label = info->score_label,
        .reason = info->score_reason,
        .source = LY_SCORE_APP,
        .outcome = info->score_error.len ? LY_UNSCORED : LY_SCORED,
        .at_ns = at,
    };
    if (log->has_trace_id)
        score.trace_id = log->trace_id;
    if (log->has_span_id)
        score.span_id = log->span_id;
    ly_err ignored = LY_ERR_INIT;
    ly_status st = ly_score_add(store, &score, &ignored);
    if (st == LY_E_INVALID || st == LY_E_CONFLICT) {
        store->db.inner_failed = false; /* it was refused before it wrote anything */
        return LY_OK;
    }
    if (st && err)
        *err = ignored;
    return st;
}

/* Of the resource and the scope that the log records before this one had. */
typedef struct shared_hash {
    const void *of;
    XXH128_hash_t value;
} shared_hash;

static XXH128_hash_t canon_hash(ly_store *store, const ly_message_desc *desc, ly_str wire)
{
    ly_str form = ly_otlp_canon(desc, wire, &store->scratch);
    if (!ly_str_given(form))
        form = wire;
    return XXH3_128bits_withSeed(form.len ? form.ptr : "", form.len, store->seed);
}

static XXH128_hash_t hash_of_shared(ly_store *store, shared_hash *last, const void *of,
                                    const ly_message_desc *desc, ly_str wire)
{
    if (last->of != of)
        *last = (shared_hash){of, canon_hash(store, desc, wire)};
    return last->value;
}

/* By what a resend is found: of what the record and its envelope say, however they are encoded, since a
 * client may encode anew what it sends again. */
static void log_hash(ly_store *store, const ly_log_record *log, shared_hash last[2],
                     XXH128_canonical_t *ret)
{
    const ly_resource *r = log->resource;
    const ly_scope *s = log->scope;
    const XXH128_hash_t parts[3] = {
        hash_of_shared(store, &last[0], r, &ly_desc_resource, r->wire),
        hash_of_shared(store, &last[1], s, &ly_desc_scope, s->wire),
        canon_hash(store, &ly_desc_log, log->wire),
    };
    const uint64_t n = r->schema_url.len;
    XXH3_state_t state;
    (void)XXH3_128bits_reset_withSeed(&state, store->seed);
    (void)XXH3_128bits_update(&state, parts, sizeof parts);
    (void)XXH3_128bits_update(&state, &n, sizeof n);
    if (n)
        (void)XXH3_128bits_update(&state, r->schema_url.ptr, n);
    if (s->schema_url.len)
        (void)XXH3_128bits_update(&state, s->schema_url.ptr, s->schema_url.len);
    XXH128_canonicalFromHash(ret, XXH3_128bits_digest(&state));
}

static ly_status put_log(ly_store *store, const ly_store_log *in, int64_t now,
                         shared_hash shared[2], ly_store_result *ret, ly_err *err)
{
    ly_db *db = &store->db;
    const ly_log_record *log = in->log;
    int64_t resource = 0, scope = 0, event = 0, key = 0;
    ly_status st = ly_resource_put(store, log->resource, &resource, err);
    if (!st)
        st = ly_scope_put(store, log->scope, &scope, err);
    if (!st)
        st = ly_word_put(db, log->event_name, &event, err);
    if (!st && in->access_key.len)
        st = ly_word_put(db, in->access_key, &key, err);
    if (st)
        return st;
    XXH128_canonical_t hash;
    log_hash(store, log, shared, &hash);
    ly_stmt *s = NULL;
    st = ly_db_prep(db, "SELECT 1 FROM log_record WHERE hash = ?1", &s, err);
    if (st)
        return st;
    ly_bind_blob(s, 1, hash.digest, sizeof hash.digest);
    bool row = false;
    st = ly_db_step(db, s, &row, err);
    ly_db_reset(s);
    if (st || row) {
        *ret = LY_DUPLICATE;
        store->db.n.duplicates += row;
        return st;
    }
    int64_t time = (int64_t)(log->time_ns ? log->time_ns : log->observed_ns);
    ly_trace_slot trace = {.epoch = now / LY_NS_PER_DAY};
    ly_log_info info;
    if (ly_genai_log(log, &store->scratch, &info))
        return LY_NOMEM(err);
    ly_trace_id belongs = log->has_trace_id ? log->trace_id : (ly_trace_id){{0}};
    /* A call of which only this record tells: it makes a trace of its own. */
    const bool apart = ly_trace_id_zero(belongs) && info.makes_leaf;
    if (apart)
        st = ly_call_place(store, log, &info, &belongs, err);
    if (!st && !ly_trace_id_zero(belongs))
        st = trace_touch(store, belongs, time ? time : now, now, &trace, err);
    if (!st && trace.no)
        st = trace_begins(store, &trace, time ? time : now, err);
    if (!st && info.kind == LY_LOG_SCORE)
        st = put_score(store, log, &info, time ? time : now, err);
    ly_epoch_state *epoch = NULL;
    store->owner = trace.no;
    if (!st)
        st = ly_epoch_get(store, trace.epoch, &epoch, err);
    const ly_range *ranges = NULL;
    size_t n = 0;
    int64_t payload = 0;
    ly_log_record again;
    const ly_log_record *read = log;
    const char *probe = log->attrs.n                      ? log->attrs.items[0].key.ptr
                        : log->body.kind == LY_ANY_STRING ? log->body.str.ptr
                                                          : NULL;
    if (!st && (!probe || !inside(log->wire, probe))) {
        if (ly_otlp_decode_log(log->wire, log->resource, log->scope, &store->scratch, &again) ==
            LY_E_NOMEM)
            return LY_NOMEM(err);
        read = &again;
    }
    if (!st && ly_genai_log_content_ranges(read, &store->scratch, &ranges, &n))
        st = LY_NOMEM(err);
    if (!st)
        st = ly_payload_put(store, epoch, log->wire, NULL, ranges, n, &payload, err);
    if (!st)
        st = ly_db_prep(
            db,
            "INSERT INTO log_record (id, hash, trace, span_id, time_ns, severity, event_name,"
            " resource, scope, payload, flags, access_key)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, LY_EPOCH_BASE(epoch->day) | epoch->next_log);
    ly_bind_blob(s, 2, hash.digest, sizeof hash.digest);
    ly_bind_word(s, 3, trace.no);
    if (log->has_span_id)
        ly_bind_blob(s, 4, &log->span_id, sizeof log->span_id);
    else
        ly_bind_null(s, 4);
    ly_bind_int(s, 5, time);
    ly_bind_int(s, 6, log->severity);
    ly_bind_word(s, 7, event);
    ly_bind_int(s, 8, resource);
    ly_bind_int(s, 9, scope);
    ly_bind_int(s, 10, payload);
    ly_bind_int(s, 11, log->invalid_utf8 ? LY_SPAN_BAD_UTF8 : 0);
    ly_bind_word(s, 12, key);
    st = ly_db_run(db, s, err);
    if (!st && apart)
        st = ly_call_log(store, log, &info, LY_EPOCH_BASE(epoch->day) | epoch->next_log, trace.no,
                         err);
    if (st)
        return st;
    epoch->next_log++;
    epoch->changed = true;
    *ret = LY_STORED;
    store->db.n.logs++;
    store->db.n.bytes_in += log->wire.len;
    return trace.no ? ly_dirty_mark(db, trace.no, now, 1, err) : LY_OK;
}

/* ---- the batch ---- */

static ly_status put_batch(ly_store *store, const ly_store_batch *batch, ly_store_result *results,
                           ly_err *err)
{
    int64_t now = ly_wall_ns();
    ly_status st = put_spans(store, batch, results, now, err);
    shared_hash shared[2] = {{0}};
    for (size_t i = 0; !st && i < batch->n_logs; i++)
        st = put_log(store, &batch->logs[i], now, shared, &results[batch->n_spans + i], err);
    for (size_t i = 0; !st && i < batch->n_rejects; i++)
        st = ly_quarantine_put(store, "rejected", &batch->rejects[i], err);
    if (!st)
        st = ly_epochs_flush(store, err);
    return st ? st : next_trace_flush(store, err);
}

/* A file that was deleted takes every commit and is gone with the last handle: nobody would find what was
 * acknowledged. Asked before a batch, not to write for nothing, and once more before the caller is told. */
static ly_status in_place(ly_db *db, ly_err *err)
{
    int moved = 0;
    if (sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_HAS_MOVED, &moved) || !moved)
        return LY_OK;
    return LY_FAIL(err, LY_E_IO,
                   "%s was moved or deleted while it is open; put it back, or start again with "
                   "a new file",
                   db->path);
}

ly_status ly_store_ingest(ly_store *store, const ly_store_batch *batch, ly_store_result *results,
                          ly_err *err)
{
    if (!store->traces) {
        store->traces = ly_calloc(store->traces_cap, sizeof *store->traces);
        if (!store->traces)
            return LY_NOMEM(err);
    }
    ly_arena_reset(&store->scratch);
    size_t n = batch->n_spans + batch->n_logs;
    ly_store_result *found =
        results ? results : LY_ARENA_ARRAY(&store->scratch, ly_store_result, n + 1);
    if (!found)
        return LY_NOMEM(err);
    ly_status st = in_place(&store->db, err);
    if (st)
        return st;
    ly_contents_ahead(store, ly_wall_ns() / LY_NS_PER_DAY);
    st = ly_db_write_begin(&store->db, err);
    if (st)
        return st;
    st = put_batch(store, batch, found, err);
    st = ly_db_write_end(&store->db, st, err);
    return st ? st : in_place(&store->db, err);
}
