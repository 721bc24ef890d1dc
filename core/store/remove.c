/*
 * Taking traces out, a slice at a time.
 *
 * Content is shared between the traces of an epoch without counts, so it goes in three steps that are
 * safe beside running writers: (1) the traces' rows go, and the pieces they named are noted; (2) those
 * pieces lose their hash, and the generation rises, so that no writer finds them again: from now on
 * nobody new can name them; (3) the payloads that are left are read, and what none of them names is
 * deleted. A piece that stays without its hash is still whole; it is only stored again when it comes
 * again.
 */
#include "store/remove.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/loose.h"
#include "store/text.h"

#define SLICE_SPANS 128
#define SLICE_ROWS  200

/* ---- sets ---- */

bool ly_idset_add(ly_idset *set, int64_t id)
{
    if (!ly_grow(&set->ids, &set->cap, set->n + 1, SIZE_MAX / 8, sizeof *set->ids))
        return false;
    set->ids[set->n++] = id;
    return true;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

void ly_idset_sort(ly_idset *set)
{
    if (set->n < 2)
        return;
    qsort(set->ids, set->n, sizeof *set->ids, ascending);
    size_t n = 1;
    for (size_t i = 1; i < set->n; i++)
        if (set->ids[i] != set->ids[n - 1])
            set->ids[n++] = set->ids[i];
    set->n = n;
}

size_t ly_idset_find(const ly_idset *set, int64_t id)
{
    const int64_t *at = set->n ? bsearch(&id, set->ids, set->n, sizeof id, ascending) : NULL;
    return at ? (size_t)(at - set->ids) : SIZE_MAX;
}

static void idset_release(ly_idset *set)
{
    ly_free(set->ids);
    *set = (ly_idset){0};
}

void ly_removal_init(ly_removal *r, ly_store *store, bool forget)
{
    *r = (ly_removal){.store = store, .forget = forget};
    ly_arena_init(&r->arena, LY_KIB(64), 0);
}

void ly_removal_release(ly_removal *r)
{
    idset_release(&r->contents);
    idset_release(&r->words);
    idset_release(&r->resources);
    idset_release(&r->scopes);
    ly_arena_release(&r->arena);
}

/* ---- evidence ---- */

ly_status ly_trace_evidence(ly_db *db, const ly_summary *trace, bool *ret, ly_err *err)
{
    *ret = trace->pinned;
    if (trace->pinned)
        return LY_OK;
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT EXISTS (SELECT 1 FROM row WHERE trace_id = ?1)"
                              " OR EXISTS (SELECT 1 FROM score WHERE trace_id = ?1 AND source = 0 "
                              "AND retracted_ns IS NULL)"
                              " OR EXISTS (SELECT 1 FROM \"case\" AS c JOIN alias_move AS m ON "
                              "m.run = c.run WHERE c.trace_id = ?1)",
                              &s, err);
    if (st)
        return st;
    ly_bind_blob(s, 1, &trace->trace_id, sizeof trace->trace_id);
    bool row = false;
    st = ly_db_step(db, s, &row, err);
    *ret = !st && row && ly_col_int(s, 0);
    ly_db_reset(s);
    return st;
}

/* ---- rows of a trace ---- */

static ly_status run_on(ly_db *db, const char *sql, int64_t a, int64_t b, const ly_trace_id *id,
                        ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, sql, &s, err);
    if (st)
        return st;
    int n = sqlite3_bind_parameter_count(s);
    if (n >= 1)
        ly_bind_int(s, 1, a);
    if (n >= 2)
        ly_bind_int(s, 2, b);
    if (n >= 3 && id)
        ly_bind_blob(s, 3, id, sizeof *id);
    return ly_db_run(db, s, err);
}

/* Notes what a payload names; it goes with the others of its slice. */
static ly_status payload_note(ly_removal *r, int64_t id, ly_err *err)
{
    int64_t *numbers = NULL;
    size_t n = 0;
    ly_str rest = LY_STR_NONE;
    ly_arena_reset(&r->arena);
    ly_status st = ly_payload_parts(r->store, id, &r->arena, &numbers, &n, &rest, err);
    r->counts.bytes += (int64_t)rest.len;
    for (size_t i = 0; !st && i < n; i++)
        if (!ly_idset_add(&r->contents, (id & ~LY_EPOCH_MASK) | numbers[i]))
            st = LY_NOMEM(err);
    return st;
}

/* Takes payloads out; the ids are put in order. */
static ly_status payloads_out(ly_removal *r, int64_t *ids, size_t n, ly_err *err)
{
    if (n > 1)
        qsort(ids, n, sizeof *ids, ascending);
    return ly_bundle_remove(r->store, LY_PACK_PAYLOAD, ids, n, err);
}

/* Notes what a row names, 0 = nothing. */
static ly_status note(const ly_removal *r, ly_idset *set, int64_t id, ly_err *err)
{
    return !r->forget || !id || ly_idset_add(set, id) ? LY_OK : LY_NOMEM(err);
}

static ly_status note_shared(ly_removal *r, int64_t resource, int64_t scope, ly_err *err)
{
    ly_status st = note(r, &r->resources, resource, err);
    return st ? st : note(r, &r->scopes, scope, err);
}

static ly_status note_words(ly_removal *r, const ly_span_row *row, ly_err *err)
{
    const int64_t *w = (const int64_t *)(const void *)&row->w;
    ly_status st = note_shared(r, row->resource, row->scope, err);
    for (size_t i = 0; !st && i < sizeof row->w / sizeof *w; i++)
        st = note(r, &r->words, w[i], err);
    return st;
}

/* What a line needs to be priced again once its record is gone. */
static ly_status ledger_keep(ly_removal *r, const ly_span_row *row, ly_err *err)
{
    ly_stmt *s = NULL;
    uint8_t side[64];
    size_t n = ly_side_write(&row->tokens, side);
    ly_status st = ly_db_prep(&r->store->db,
                              "UPDATE charge SET request_model = ?2, service_tier = ?3,"
                              " address = ?4, access_key = ?5, side = ?6 WHERE span = ?1",
                              &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, row->id);
    ly_bind_word(s, 2, row->w.request_model);
    ly_bind_word(s, 3, row->w.service_tier);
    ly_bind_word(s, 4, row->w.server_address);
    ly_bind_word(s, 5, r->forget ? 0 : row->w.access_key);
    if (n)
        ly_bind_blob(s, 6, side, n);
    else
        ly_bind_null(s, 6);
    return ly_db_run(&r->store->db, s, err);
}

/* Forgetting takes out of the ledger who it was; the sums by session, user and tag follow. */
static ly_status ledger_forget(ly_removal *r, int64_t span, ly_err *err)
{
    ly_db *db = &r->store->db;
    ly_charge *lines = NULL;
    size_t n = 0;
    ly_arena_reset(&r->arena);
    ly_status st = ly_ledger_load(db, span, span + 1, &r->arena, &lines, &n, err);
    for (size_t i = 0; !st && i < n; i++) {
        ly_charge out = lines[i], in = lines[i];
        out.sign = -out.sign;
        in.session = in.user = 0;
        in.tags = LY_STR_NONE;
        st = ly_usage_apply(db, &out, NULL, err);
        if (!st)
            st = ly_usage_apply(db, &in, NULL, err);
        if (!st &&
            ((in.session != lines[i].session && !ly_idset_add(&r->words, lines[i].session)) ||
             (in.user != lines[i].user && !ly_idset_add(&r->words, lines[i].user))))
            st = LY_NOMEM(err);
    }
    return st || !n
               ? st
               : run_on(
                     db,
                     "UPDATE charge SET session = NULL, user = NULL, tags = NULL, trace_id = NULL,"
                     " span_id = NULL WHERE span = ?1",
                     span, 0, NULL, err);
}

/* Retention writes the ids into the lines, which outlive the records. */
static ly_status ledger_seal(ly_removal *r, const ly_summary *t, const ly_span_row *row,
                             ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        &r->store->db, "UPDATE charge SET trace_id = ?2, span_id = ?3 WHERE span = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, row->id);
    ly_bind_blob(s, 2, &t->trace_id, sizeof t->trace_id);
    ly_bind_blob(s, 3, &row->span_id, sizeof row->span_id);
    return ly_db_run(&r->store->db, s, err);
}

static ly_status spans_out(ly_removal *r, const ly_summary *t, size_t *ret_n, ly_err *err)
{
    ly_db *db = &r->store->db;
    ly_span_row *rows = ly_calloc(SLICE_SPANS, sizeof *rows);
    if (!rows)
        return LY_NOMEM(err);
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db, "SELECT " LY_SPAN_COLUMNS " FROM span WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3",
        &s, err);
    size_t n = 0;
    bool row = false;
    if (!st) {
        ly_bind_int(s, 1, LY_SPAN_BASE(t->no));
        ly_bind_int(s, 2, LY_SPAN_BASE(t->no + 1));
        ly_bind_int(s, 3, SLICE_SPANS);
    }
    while (!st && n < SLICE_SPANS && !(st = ly_db_step(db, s, &row, err)) && row)
        ly_span_row_read(s, &rows[n++]);
    ly_db_reset(s);
    int64_t payloads[SLICE_SPANS];
    for (size_t i = 0; !st && i < n; i++) {
        payloads[i] = LY_EPOCH_BASE(t->epoch) | rows[i].payload;
        st = payload_note(r, payloads[i], err);
        if (!st)
            st = note_words(r, &rows[i], err);
        if (!st)
            st = ledger_keep(r, &rows[i], err);
        if (!st)
            st = r->forget ? ledger_forget(r, rows[i].id, err) : ledger_seal(r, t, &rows[i], err);
    }
    if (!st)
        st = payloads_out(r, payloads, n, err);
    if (!st && n)
        st = run_on(db, "DELETE FROM span WHERE id >= ?1 AND id <= ?2", rows[0].id, rows[n - 1].id,
                    NULL, err);
    ly_free(rows);
    *ret_n = n;
    if (!st)
        r->counts.n_spans += (int64_t)n;
    return st;
}

/* Of a log record's columns from the third on. */
static ly_status note_log(ly_removal *r, ly_stmt *s, ly_err *err)
{
    ly_status st = note_shared(r, ly_col_int(s, 2), ly_col_int(s, 3), err);
    for (int i = 4; !st && i < 6; i++)
        st = note(r, &r->words, ly_col_int(s, i), err);
    return st;
}

static ly_status logs_out(ly_removal *r, const ly_summary *t, size_t *ret_n, ly_err *err)
{
    ly_db *db = &r->store->db;
    int64_t ids[SLICE_SPANS], payloads[SLICE_SPANS];
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT id, payload, resource, scope, event_name, access_key FROM "
                              "log_record WHERE trace = ?1 LIMIT ?2",
                              &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, t->no);
    ly_bind_int(s, 2, SLICE_SPANS);
    size_t n = 0;
    bool row = false;
    while (n < SLICE_SPANS && !(st = ly_db_step(db, s, &row, err)) && row) {
        ids[n] = ly_col_int(s, 0);
        payloads[n++] = ly_col_int(s, 1);
        st = note_log(r, s, err);
        if (st)
            break;
    }
    ly_db_reset(s);
    for (size_t i = 0; !st && i < n; i++) {
        payloads[i] |= ids[i] & ~LY_EPOCH_MASK;
        st = payload_note(r, payloads[i], err);
        if (!st)
            st = run_on(db, "DELETE FROM log_record WHERE id = ?1", ids[i], 0, NULL, err);
    }
    if (!st)
        st = payloads_out(r, payloads, n, err);
    *ret_n = n;
    if (!st)
        r->counts.n_logs += (int64_t)n;
    return st;
}

/* Takes one out; its payload goes with the others of the slice. */
static ly_status loose_out(ly_removal *r, int64_t id, int64_t *ret_payload, ly_err *err)
{
    ly_db *db = &r->store->db;
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT id, payload, resource, scope, event_name, access_key FROM "
                              "log_record WHERE id = ?1",
                              &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, id);
    bool row = false;
    st = ly_db_step(db, s, &row, err);
    if (!st && row) {
        *ret_payload = (id & ~LY_EPOCH_MASK) | ly_col_int(s, 1);
        st = note_log(r, s, err);
    }
    ly_db_reset(s);
    if (!st)
        st = payload_note(r, *ret_payload, err);
    return st ? st : run_on(db, "DELETE FROM log_record WHERE id = ?1", id, 0, NULL, err);
}

ly_status ly_removal_loose(ly_removal *r, const ly_trace_query *query, ly_store_key *key,
                           bool *ret_done, ly_err *err)
{
    ly_db *db = &r->store->db;
    int64_t payloads[SLICE_SPANS];
    size_t gone = 0, looked = 0, n = 1;
    ly_arena arena;
    ly_arena_init(&arena, LY_KIB(64), 0);
    ly_status st = ly_db_write_begin(db, err);
    if (st) {
        ly_arena_release(&arena);
        return st;
    }
    for (; !st && n && looked < SLICE_SPANS; looked++) {
        const ly_log_record **logs = NULL;
        bool passes = false;
        ly_arena_reset(&arena);
        st = ly_logs_of_trace(r->store, 0, NULL, 1, key, &arena, &logs, &n, err);
        if (!st && n)
            st = ly_loose_ok(query, logs[0], &arena, &passes, err);
        if (!st && passes)
            st = loose_out(r, key->b, &payloads[gone++], err);
    }
    *ret_done = n == 0;
    if (!st && gone)
        st = payloads_out(r, payloads, gone, err);
    if (!st && gone)
        st = ly_db_exec(db, "UPDATE meta SET value = value + 1 WHERE key = 'generation'", err);
    if (!st)
        r->counts.n_logs += (int64_t)gone;
    ly_arena_release(&arena);
    return ly_db_write_end(db, st, err);
}

static ly_status note_tags(ly_removal *r, const ly_summary *t, ly_err *err)
{
    ly_db *db = &r->store->db;
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, "SELECT word FROM tag WHERE trace = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, t->no);
    bool row = false;
    while (!(st = ly_db_step(db, s, &row, err)) && row)
        if ((st = note(r, &r->words, ly_col_int(s, 0), err)))
            break;
    ly_db_reset(s);
    return st;
}

static ly_status trace_out(ly_removal *r, const ly_summary *t, ly_err *err)
{
    static const char *const by_no[] = {
        "DELETE FROM tag WHERE trace = ?1",       "DELETE FROM dirty WHERE trace = ?1",
        "DELETE FROM text_todo WHERE trace = ?1", "DELETE FROM call_key WHERE trace = ?1",
        "DELETE FROM trace WHERE no = ?1",
    };
    static const char *const by_id[] = {
        "DELETE FROM quarantine WHERE (?1 OR ?2) AND trace_id = ?3",
        "DELETE FROM score WHERE (?1 OR ?2) AND trace_id = ?3",
        "DELETE FROM call_cache WHERE (?1 OR ?2) AND trace_id = ?3",
    };
    ly_db *db = &r->store->db;
    ly_status st = note_tags(r, t, err);
    if (!st)
        st = ly_text_drop(db, t->no, err);
    for (size_t i = 0; !st && i < LY_COUNT(by_no); i++)
        st = run_on(db, by_no[i], t->no, 0, NULL, err);
    for (size_t i = 0; !st && r->forget && i < LY_COUNT(by_id); i++)
        st = run_on(db, by_id[i], 1, 1, &t->trace_id, err);
    if (!st)
        st = ly_session_move(db, t, NULL, err);
    if (!st)
        st = ly_db_exec(db, "DELETE FROM session WHERE n_traces <= 0", err);
    if (!st)
        r->counts.n_traces++;
    return st;
}

ly_status ly_removal_slice(ly_removal *r, const ly_summary *trace, bool *ret_done, ly_err *err)
{
    ly_db *db = &r->store->db;
    ly_status st = ly_db_write_begin(db, err);
    if (st)
        return st;
    size_t spans = 0, logs = 0;
    st = spans_out(r, trace, &spans, err);
    if (!st && spans < SLICE_SPANS)
        st = logs_out(r, trace, &logs, err);
    *ret_done = spans < SLICE_SPANS && logs < SLICE_SPANS;
    if (!st && *ret_done)
        st = trace_out(r, trace, err);
    /* Numbers of traces are gone from other writers' memory with the generation. */
    if (!st && *ret_done)
        st = ly_db_exec(db, "UPDATE meta SET value = value + 1 WHERE key = 'generation'", err);
    return ly_db_write_end(db, st, err);
}

/* ---- contents ---- */

/* Step 2: no writer finds these pieces any more. */
static ly_status unhash(ly_removal *r, ly_err *err)
{
    ly_db *db = &r->store->db;
    for (size_t from = 0; from < r->contents.n; from += SLICE_ROWS) {
        ly_status st = ly_db_write_begin(db, err);
        if (st)
            return st;
        size_t n = r->contents.n - from < SLICE_ROWS ? r->contents.n - from : SLICE_ROWS;
        st = ly_hashes_remove(r->store, r->contents.ids + from, n, err);
        if (!st)
            st = run_on(db, "UPDATE meta SET value = value + ?1 WHERE key = 'generation'",
                        LY_GENERATION_CONTENTS, 0, NULL, err);
        st = ly_db_write_end(db, st, err);
        if (st)
            return st;
    }
    return LY_OK;
}

/* Marks what the payload names among the contents that may go. */
static ly_status named_by(ly_removal *r, int64_t payload, bool *kept, ly_err *err)
{
    int64_t *numbers = NULL;
    size_t n = 0;
    ly_str rest = LY_STR_NONE;
    ly_arena_reset(&r->arena);
    ly_status st = ly_payload_parts(r->store, payload, &r->arena, &numbers, &n, &rest, err);
    for (size_t i = 0; !st && i < n; i++) {
        size_t at = ly_idset_find(&r->contents, (payload & ~LY_EPOCH_MASK) | numbers[i]);
        if (at != SIZE_MAX)
            kept[at] = true;
    }
    return st;
}

/* Step 3: which of them do the payloads of the epoch still name? *after moves on; a short snapshot. */
static ly_status named(ly_removal *r, int64_t epoch, int64_t *after, bool *kept, bool *ret_more,
                       ly_err *err)
{
    ly_db *db = &r->store->db;
    ly_status st = ly_db_read_begin(db, err);
    if (st)
        return st;
    ly_stmt *s = NULL;
    st = ly_db_prep(db, "SELECT id, n FROM payload WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT 500",
                    &s, err);
    if (!st) {
        ly_bind_int(s, 1, *after);
        ly_bind_int(s, 2, LY_EPOCH_BASE(epoch + 1));
    }
    bool row = false;
    *ret_more = false;
    while (!st && !(st = ly_db_step(db, s, &row, err)) && row) {
        int64_t n = ly_col_int(s, 1);
        *after = ly_col_int(s, 0);
        *ret_more = true;
        for (int64_t i = 0; !st && i < n && i < LY_BUNDLE_PIECES; i++)
            st = named_by(r, *after + i, kept, err);
    }
    ly_db_reset(s);
    ly_db_read_end(db);
    return st;
}

static ly_status delete_contents(ly_removal *r, const bool *kept, ly_err *err)
{
    ly_db *db = &r->store->db;
    size_t at = 0;
    while (at < r->contents.n) {
        ly_status st = ly_db_write_begin(db, err);
        if (st)
            return st;
        int64_t ids[SLICE_ROWS];
        size_t k = 0;
        for (; at < r->contents.n && k < SLICE_ROWS; at++)
            if (!kept[at])
                ids[k++] = r->contents.ids[at];
        st = ly_bundle_remove(r->store, LY_PACK_CONTENT, ids, k, err);
        r->counts.n_contents += (int64_t)k;
        st = ly_db_write_end(db, st, err);
        if (st)
            return st;
    }
    return LY_OK;
}

ly_status ly_removal_contents(ly_removal *r, ly_err *err)
{
    ly_idset_sort(&r->contents);
    bool *kept = ly_calloc(r->contents.n + 1, sizeof *kept);
    if (!kept)
        return LY_NOMEM(err);
    ly_status st = unhash(r, err);
    size_t i = 0;
    while (!st && i < r->contents.n) {
        int64_t epoch = r->contents.ids[i] >> LY_EPOCH_BITS;
        int64_t after = LY_EPOCH_BASE(epoch);
        bool more = true;
        while (!st && more)
            st = named(r, epoch, &after, kept, &more, err);
        while (i < r->contents.n && r->contents.ids[i] >> LY_EPOCH_BITS == epoch)
            i++;
    }
    if (!st)
        st = delete_contents(r, kept, err);
    ly_free(kept);
    return st;
}
