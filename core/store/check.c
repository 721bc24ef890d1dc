/*
 * Looking whether what is stored holds together, and making derived data anew.
 */
#include "store/internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "genai/normalise.h"
#include "store/usage.h"

#define SCAN_TRACES 64

typedef struct checker {
    ly_store *store;
    ly_store_finding_fn fn;
    bool (*progress)(void *user, int64_t done, int64_t total);
    void *user;
    int64_t done, total; /* traces */
    int64_t bad;
    ly_arena arena;
} checker;

static void say(checker *c, bool ok, const char *what, const char *fmt, ...) LY_PRINTF(4, 5);
static void say(checker *c, bool ok, const char *what, const char *fmt, ...)
{
    char text[480];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    c->bad += !ok;
    c->fn(c->user, ok, what, text);
}

static bool go_on(const checker *c)
{
    return !c->progress || c->progress(c->user, c->done, c->total);
}

static ly_status stopped(ly_err *err)
{
    return LY_FAIL(err, LY_E_CANCELLED, "stopped; a check changes nothing, begin it anew");
}

/* Instructions of SQLite between two questions whether to go on. */
#define STEPS_PER_CALL 100000

static int ask_to_stop(void *c)
{
    return !go_on(c);
}

static ly_status check_pages(checker *c, bool quick, ly_err *err)
{
    ly_db *db = &c->store->db;
    ly_stmt *s = NULL;
    sqlite3_progress_handler(db->sql, STEPS_PER_CALL, ask_to_stop, c);
    ly_status st =
        ly_db_prep(db, quick ? "PRAGMA quick_check(20)" : "PRAGMA integrity_check(20)", &s, err);
    bool row = false, sound = true;
    while (!st && !(st = ly_db_step(db, s, &row, err)) && row) {
        ly_str text = ly_col_str(s, 0);
        if (ly_str_eqc(text, "ok"))
            continue;
        sound = false;
        say(c, false, "pages", "%.*s", LY_STR_ARG(text));
    }
    ly_db_reset(s);
    sqlite3_progress_handler(db->sql, 0, NULL, NULL);
    if (!go_on(c))
        return stopped(err);
    if (!st && sound)
        say(c, true, "pages", "pages and indexes are sound");
    return st;
}

/* Every span of a trace: its payload joins and decodes to its ids. */
static ly_status check_spans(checker *c, const ly_summary *t, const ly_trace_nodes *nodes,
                             int64_t *ret_n, ly_err *err)
{
    for (size_t i = 0; i < nodes->n; i++) {
        ly_span span;
        ly_err why = LY_ERR_INIT;
        ly_status st = ly_span_of_row(c->store, t->epoch, t->trace_id, &nodes->rows[i], &c->arena,
                                      &span, &why);
        char hex[17];
        ly_hex_encode(&nodes->rows[i].span_id, 8, hex);
        if (st == LY_E_NOMEM)
            return LY_NOMEM(err);
        if (st)
            say(c, false, "spans", "span %s: %s", hex, why.text);
        else if (!ly_span_id_eq(span.span_id, nodes->rows[i].span_id) ||
                 !ly_trace_id_eq(span.trace_id, t->trace_id))
            say(c, false, "spans", "span %s holds the bytes of another", hex);
        (*ret_n)++;
    }
    return LY_OK;
}

static bool summary_same(const ly_summary *a, const ly_summary *b)
{
    return a->n_spans == b->n_spans && a->n_errors == b->n_errors && a->start_ns == b->start_ns &&
           a->end_ns == b->end_ns && a->cost_pico == b->cost_pico && a->origin == b->origin &&
           a->tokens.in_fresh == b->tokens.in_fresh &&
           a->tokens.out_visible == b->tokens.out_visible &&
           a->tokens.cache_read == b->tokens.cache_read && a->session == b->session;
}

static ly_status check_trace(checker *c, const ly_summary *t, bool quick, int64_t *n, ly_err *err)
{
    ly_db *db = &c->store->db;
    ly_arena_reset(&c->arena);
    ly_trace_nodes nodes;
    ly_summary now = *t;
    ly_status st = ly_trace_nodes_load(db, t->no, &c->arena, &nodes, err);
    if (!st && !quick)
        st = check_spans(c, t, &nodes, n, err);
    if (!st)
        st = ly_summary_compute(db, &nodes, &now, err);
    int64_t dirty = 0;
    ly_stmt *s = NULL;
    if (!st)
        st = ly_db_prep(db, "SELECT EXISTS (SELECT 1 FROM dirty WHERE trace = ?1)", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, t->no);
    st = ly_db_number(db, s, 0, &dirty, err);
    if (!st && !dirty && !summary_same(t, &now)) {
        char hex[33];
        ly_hex_encode(&t->trace_id, 16, hex);
        say(c, false, "summaries",
            "trace %s: its summary differs from its spans; run `lydite db rebuild`", hex);
    }
    return st;
}

static ly_status check_traces(checker *c, bool quick, ly_err *err)
{
    ly_trace_query q = LY_TRACE_QUERY_INIT;
    q.any_origin = true;
    ly_summary sums[SCAN_TRACES];
    ly_store_key key = {0};
    bool more = true;
    int64_t traces = 0, spans = 0, before = c->bad;
    ly_status st = LY_OK;
    while (!st && more) {
        size_t n = 0;
        st = ly_db_read_begin(&c->store->db, err);
        if (st)
            return st;
        st = ly_trace_scan(c->store, &q, SCAN_TRACES, &key, sums, &n, &more, err);
        for (size_t i = 0; !st && i < n; i++, traces++)
            st = check_trace(c, &sums[i], quick, &spans, err);
        ly_db_read_end(&c->store->db);
        c->done = traces;
        if (!st && !go_on(c))
            st = stopped(err);
    }
    if (!st && c->bad == before)
        say(c, true, "traces", "%lld trace%s, %lld span%s joined and decoded", (long long)traces,
            ly_plural(traces), (long long)spans, ly_plural(spans));
    return st;
}

static ly_status check_sums(checker *c, ly_err *err)
{
    ly_db *db = &c->store->db;
    int64_t wrong = 0, n = 0, old = 0;
    ly_status st = ly_usage_verify(c->store, false, &wrong, err);
    if (!st)
        say(c, wrong == 0, "ledger",
            wrong ? "%lld usage sums differ from the ledger; run `lydite db rebuild`"
                  : "the usage sums equal the ledger (%lld differ)",
            (long long)wrong);
    if (!st)
        st = ly_db_scalar(
            db,
            "SELECT count(*) FROM session AS s WHERE s.n_traces <>"
            " (SELECT count(*) FROM trace AS t WHERE t.session = s.word AND t.settles > 0)",
            &n, err);
    if (!st && n)
        say(c, false, "sessions", "%lld session%s unlike its traces; run `lydite db rebuild`",
            (long long)n, n == 1 ? " is" : "s are each");
    if (!st)
        st = ly_db_scalar(
            db,
            "SELECT count(*) FROM dirty WHERE since_ns < unixepoch() * 1000000000 - 600000000000",
            &old, err);
    if (!st && old)
        say(c, false, "settling",
            "%lld traces wait for settling for over ten minutes; start a collector or "
            "run `lydite db rebuild`",
            (long long)old);
    return st;
}

/* Damage that stops a part of the check is a finding like others, and the other parts go on. */
static ly_status found(checker *c, const char *what, ly_status st)
{
    if (st != LY_E_CORRUPT)
        return st;
    say(c, false, what,
        "damage keeps the rest of this from being read; restore a backup, or save what can be read "
        "with `lydite trace export -o traces.jsonl` and import it into a new file");
    return LY_OK;
}

ly_status ly_store_check(ly_store *store, bool quick, ly_store_finding_fn fn,
                         bool (*progress)(void *user, int64_t done, int64_t total), void *user,
                         int64_t *ret_bad, ly_err *err)
{
    checker c = {.store = store, .fn = fn, .progress = progress, .user = user};
    ly_arena_init(&c.arena, LY_KIB(256), 0);
    ly_status st =
        found(&c, "traces", ly_db_scalar(&store->db, "SELECT count(*) FROM trace", &c.total, err));
    if (!st)
        st = found(&c, "pages", check_pages(&c, quick, err));
    if (!st)
        st = found(&c, "traces", check_traces(&c, quick, err));
    if (!st)
        st = found(&c, "sums", check_sums(&c, err));
    ly_arena_release(&c.arena);
    if (!st && ret_bad)
        *ret_bad = c.bad;
    return st;
}
