/*
 * Settling: from the spans of a dirty trace to its summary, its session's sums and its ledger lines.
 *
 * Reading and counting happen in a snapshot, outside of the write turn; the turn then only writes what
 * was found, for many small traces at once or for one large trace in several slices. Two processes may
 * settle the same trace: trace.settles and the ledger's primary key (span, line) tell the second that
 * the first was quicker, and it leaves the trace for the next round.
 *
 * The ledger is charged by difference. What a span is charged now is its last line with sign 1 that is
 * not reversed; where the tree rule says something else, that line is reversed and a new one written.
 * So a late parent that turns out to cover its children lowers the total, and every move stays
 * visible.
 *
 * Sums are 64-bit ($9.2 million in one row). A trace whose amounts do not fit is booked without them,
 * as unpriced with LY_PRICE_OVERFLOW; the sum of a session stays where the next would not fit.
 */
#include "store/internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/charge_i.h"
#include "store/text.h"

/* One write turn: lines and summaries together, and time. */
#define SLICE_ROWS  1000
#define SLICE_NS    (3 * LY_NS_PER_MS) /* sums and commit come on top */
#define ROUND_NODES 4000
#define ROUND_MAX   64
/* A trace is due when it was quiet for QUIET_NS or dirty for LATEST_NS; a large one that still grows when
 * it has grown by an eighth, so that the work over its life stays proportional to its size. */
#define QUIET_NS      (200 * LY_NS_PER_MS)
#define LATEST_NS     (700 * LY_NS_PER_MS)
#define LARGE_SPANS   4000
#define LARGE_QUIET   (1000 * LY_NS_PER_MS)
#define TAGS_TEXT_MAX 2048

typedef struct plan {
    int64_t trace, changes, settles;
    bool logs;    /* log records came with it: they are joined first */
    bool unfit;   /* what is not booked yet is booked without its amount */
    bool settled; /* all of it is committed */
    ly_summary old, sum;
    ly_charge *lines; /* to write, reversals among them */
    size_t n_lines;
    size_t written;
    size_t n_nodes;
} plan;

/* ---- what the ledger says now ---- */

static bool charge_same(const ly_charge *a, const ly_charge *b)
{
    return a->at_ns == b->at_ns && a->origin == b->origin && a->provider == b->provider &&
           a->model == b->model && a->service == b->service && a->env == b->env &&
           a->session == b->session && a->user == b->user && a->prompt_name == b->prompt_name &&
           a->prompt_version == b->prompt_version && ly_str_eq(a->tags, b->tags) &&
           a->tokens.in_fresh == b->tokens.in_fresh &&
           a->tokens.cache_read == b->tokens.cache_read &&
           a->tokens.cache_write == b->tokens.cache_write &&
           a->tokens.cache_write_1h == b->tokens.cache_write_1h &&
           a->tokens.out_visible == b->tokens.out_visible &&
           a->tokens.out_reasoning == b->tokens.out_reasoning &&
           a->tokens.unattributed == b->tokens.unattributed && a->amount_pico == b->amount_pico &&
           a->source == b->source && a->price_why == b->price_why && a->price_row == b->price_row &&
           a->price_tier == b->price_tier;
}

#define CHARGE_COLUMNS                                                                             \
    "span, line, sign, at_ns, origin, provider, model, service, env, session, user, prompt_name, " \
    "prompt_version, tags, in_fresh, cache_read, cache_write, cache_write_1h, out_visible, "       \
    "out_reasoning, unattributed, amount_pico, source, price_why, price_row, price_tier"

static void charge_read(ly_stmt *s, ly_arena *arena, ly_charge *ret)
{
    *ret = (ly_charge){
        .span = ly_col_int(s, 0),
        .line = ly_col_int(s, 1),
        .sign = ly_col_int(s, 2) < 0 ? -1 : 1,
        .at_ns = ly_col_int(s, 3),
        .origin = (int)(ly_col_int(s, 4) & 3) % 3,
        .provider = ly_col_int(s, 5),
        .model = ly_col_int(s, 6),
        .service = ly_col_int(s, 7),
        .env = ly_col_int(s, 8),
        .session = ly_col_int(s, 9),
        .user = ly_col_int(s, 10),
        .prompt_name = ly_col_int(s, 11),
        .prompt_version = ly_col_int(s, 12),
        .tags = ly_col_copy(s, 13, arena),
        .tokens = LY_TOKENS_UNKNOWN,
        .amount_pico = ly_col_opt(s, 21),
        .source = (int)ly_col_int(s, 22),
        .price_why = (int)ly_col_int(s, 23),
        .price_row = ly_col_int(s, 24),
        .price_tier = ly_col_int(s, 25),
    };
    ret->tokens.in_fresh = ly_col_count(s, 14);
    ret->tokens.cache_read = ly_col_count(s, 15);
    ret->tokens.cache_write = ly_col_count(s, 16);
    ret->tokens.cache_write_1h = ly_col_count(s, 17);
    ret->tokens.out_visible = ly_col_count(s, 18);
    ret->tokens.out_reasoning = ly_col_count(s, 19);
    ret->tokens.unattributed = ly_col_count(s, 20);
}

ly_status ly_charge_write(ly_db *db, const ly_charge *c, int64_t now, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db,
                   "INSERT INTO charge (" CHARGE_COLUMNS ", booked_ns) VALUES (?1, ?2, ?3, ?4, ?5,"
                   " ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,"
                   " ?22, ?23, ?24, ?25, ?26, ?27)",
                   &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, c->span);
    ly_bind_int(s, 2, c->line);
    ly_bind_int(s, 3, c->sign);
    ly_bind_int(s, 4, c->at_ns);
    ly_bind_int(s, 5, c->origin);
    ly_bind_word(s, 6, c->provider);
    ly_bind_word(s, 7, c->model);
    ly_bind_word(s, 8, c->service);
    ly_bind_word(s, 9, c->env);
    ly_bind_word(s, 10, c->session);
    ly_bind_word(s, 11, c->user);
    ly_bind_word(s, 12, c->prompt_name);
    ly_bind_word(s, 13, c->prompt_version);
    ly_bind_text(s, 14, c->tags.len ? c->tags : LY_STR_NONE);
    ly_bind_opt(s, 15, c->tokens.in_fresh);
    ly_bind_opt(s, 16, c->tokens.cache_read);
    ly_bind_opt(s, 17, c->tokens.cache_write);
    ly_bind_opt(s, 18, c->tokens.cache_write_1h);
    ly_bind_opt(s, 19, c->tokens.out_visible);
    ly_bind_opt(s, 20, c->tokens.out_reasoning);
    ly_bind_opt(s, 21, c->tokens.unattributed);
    ly_bind_opt(s, 22, c->amount_pico);
    ly_bind_int(s, 23, c->source);
    ly_bind_int(s, 24, c->price_why);
    ly_bind_word(s, 25, c->price_row);
    ly_bind_word(s, 26, c->price_tier);
    ly_bind_int(s, 27, now);
    return ly_db_run(db, s, err);
}

/* ---- sums: lines of one slice that go into the same rows are added first ---- */

#define SUMS_MAX  16
#define BUCKET_NS (900 * LY_NS_PER_SEC)

typedef struct pending {
    ly_charge sums[SUMS_MAX];
    size_t n;
    ly_who_sums who;
} pending;

static int64_t floor_bucket(int64_t at_ns)
{
    return at_ns / BUCKET_NS - (at_ns % BUCKET_NS < 0);
}

/* Adds b to a when usage keeps both in the same rows; false, and a unchanged, when it does not. */
static bool merge(ly_charge *a, const ly_charge *b)
{
    if (a->sign != b->sign || floor_bucket(a->at_ns) != floor_bucket(b->at_ns) ||
        a->origin != b->origin || a->provider != b->provider || a->model != b->model ||
        a->service != b->service || a->env != b->env || a->session != b->session ||
        a->user != b->user || a->prompt_name != b->prompt_name ||
        a->prompt_version != b->prompt_version || !ly_str_eq(a->tags, b->tags) ||
        a->source != b->source || a->price_why != b->price_why ||
        (a->amount_pico == LY_UNKNOWN) != (b->amount_pico == LY_UNKNOWN))
        return false;
    int64_t amount = a->amount_pico;
    if (amount != LY_UNKNOWN && __builtin_add_overflow(amount, b->amount_pico, &amount))
        return false;
    if (!ly_tokens_add(&a->tokens, &b->tokens))
        return false;
    a->amount_pico = amount;
    a->weight++;
    return true;
}

static ly_status pending_flush(ly_db *db, pending *p, ly_err *err)
{
    ly_status st = LY_OK;
    for (size_t i = 0; !st && i < p->n; i++)
        st = ly_usage_apply(db, &p->sums[i], &p->who, err);
    p->n = 0;
    return st;
}

static ly_status pending_add(ly_db *db, pending *p, const ly_charge *c, ly_err *err)
{
    for (size_t i = 0; i < p->n; i++)
        if (merge(&p->sums[i], c))
            return LY_OK;
    ly_status st = p->n == SUMS_MAX ? pending_flush(db, p, err) : LY_OK;
    p->sums[p->n] = *c;
    p->sums[p->n++].weight = 1;
    return st;
}

/* ---- what it should say ---- */

static ly_status tags_text(ly_db *db, int64_t trace, ly_arena *arena, ly_str *ret, ly_err *err)
{
    *ret = LY_STR_NONE;
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, "SELECT word FROM tag WHERE trace = ?1 ORDER BY word", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, trace);
    ly_buf text;
    ly_buf_init(&text, TAGS_TEXT_MAX);
    bool row = false;
    while (!(st = ly_db_step(db, s, &row, err)) && row && text.len < TAGS_TEXT_MAX - 32)
        ly_buf_fmt(&text, text.len ? "%lld," : ",%lld,", (long long)ly_col_int(s, 0));
    ly_db_reset(s);
    if (!st && text.len)
        *ret = ly_arena_copy(arena, ly_buf_view(&text));
    ly_buf_release(&text);
    return st;
}

/* The line without its amount, which does not fit into a sum. */
static void drop_amount(ly_charge *c)
{
    c->amount_pico = LY_UNKNOWN;
    c->source = LY_COST_NONE;
    c->price_why = LY_PRICE_OVERFLOW;
    c->price_row = c->price_tier = 0;
}

/* The line that a span should have; false = none. */
static bool wanted(const ly_span_row *r, const ly_tree_mark *m, const ly_summary *sum, ly_str tags,
                   ly_charge *ret)
{
    bool tokens = m->kind == LY_MARK_COUNTED;
    if (!tokens && !m->cost_counted && !m->unsaid)
        return false;
    bool client = r->client_cost_pico != LY_UNKNOWN && m->cost_counted;
    *ret = (ly_charge){
        .span = r->id,
        .sign = 1,
        .at_ns = r->start_ns,
        .origin = m->origin,
        .provider = r->w.provider,
        .model = r->w.response_model ? r->w.response_model : r->w.request_model,
        .service = r->w.service ? r->w.service : sum->service,
        .env = r->w.env ? r->w.env : sum->env,
        .session = r->w.session ? r->w.session : sum->session,
        .user = r->w.user ? r->w.user : sum->user,
        .prompt_name = r->w.prompt_name,
        .prompt_version = r->w.prompt_version,
        .tags = tags,
        .tokens = tokens ? m->tokens : LY_TOKENS_UNKNOWN,
        .amount_pico = m->cost_counted ? m->cost_pico : LY_UNKNOWN,
        .source = client                                                 ? r->client_cost_source
                  : r->priced.row || r->priced.amount_pico != LY_UNKNOWN ? LY_COST_PRICE_TABLE
                                                                         : LY_COST_NONE,
        .price_why = (int)r->priced.why,
        .price_row = r->priced.row,
        .price_tier = r->priced.tier,
    };
    return true;
}

ly_status ly_ledger_load(ly_db *db, int64_t from, int64_t to, ly_arena *arena, ly_charge **ret,
                         size_t *ret_n, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db,
                              "SELECT " CHARGE_COLUMNS
                              " FROM charge WHERE span >= ?1 AND span < ?2 ORDER BY span, line",
                              &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, from);
    ly_bind_int(s, 2, to);
    ly_charge *lines = NULL;
    size_t n = 0, cap = 0;
    bool row = false;
    while (!(st = ly_db_step(db, s, &row, err)) && row) {
        if (!ly_grow(&lines, &cap, n + 1, SIZE_MAX / sizeof *lines, sizeof *lines)) {
            st = LY_NOMEM(err);
            break;
        }
        charge_read(s, arena, &lines[n++]);
    }
    ly_db_reset(s);
    return ly_rows_end(st, lines, n, sizeof *lines, arena, ret, ret_n, err);
}

/* Rows and lines are both in order of the span's row number: one pass over both. */
static ly_status plan_lines(ly_db *db, plan *p, const ly_trace_nodes *t, ly_arena *arena,
                            ly_err *err)
{
    ly_str tags = LY_STR_NONE;
    ly_charge *have = NULL;
    size_t n_have = 0;
    ly_status st = tags_text(db, p->trace, arena, &tags, err);
    if (!st)
        st = ly_ledger_load(db, LY_SPAN_BASE(p->trace), LY_SPAN_BASE(p->trace + 1), arena, &have,
                            &n_have, err);
    if (st)
        return st;
    p->lines = LY_ARENA_ARRAY(arena, ly_charge, t->n + n_have + 1);
    if (!p->lines)
        return LY_NOMEM(err);
    size_t i = 0, k = 0;
    while (i < t->n || k < n_have) {
        int64_t row = i < t->n ? t->rows[i].id : INT64_MAX;
        int64_t span = k < n_have && have[k].span < row ? have[k].span : row;
        const ly_charge *live = NULL;
        int64_t next = 0;
        for (; k < n_have && have[k].span == span; k++) {
            live = have[k].sign > 0 ? &have[k] : NULL;
            next = ly_wrap_add(have[k].line, 1);
        }
        ly_charge want;
        bool wants = false;
        if (span == row) {
            wants = wanted(&t->rows[i], &t->marks[i], &p->sum, tags, &want);
            i++;
        }
        bool same = live && wants && charge_same(live, &want);
        if (!same && wants && p->unfit) {
            drop_amount(&want);
            same = live && charge_same(live, &want);
        }
        if (same)
            continue;
        if (live) {
            p->lines[p->n_lines] = *live;
            p->lines[p->n_lines].sign = -1;
            p->lines[p->n_lines++].line = next++;
        }
        if (wants) {
            want.line = next;
            p->lines[p->n_lines++] = want;
        }
    }
    return LY_OK;
}

static ly_status plan_make(ly_store *store, plan *p, ly_arena *arena, ly_err *err)
{
    ly_db *db = &store->db;
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db, "SELECT " LY_TRACE_COLUMNS " FROM trace AS t WHERE t.no = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, p->trace);
    bool row = false;
    st = ly_db_step(db, s, &row, err);
    if (!st && row)
        ly_summary_read(s, &p->old);
    ly_db_reset(s);
    if (st || !row)
        return st;
    p->settles = p->old.settles;
    p->sum = p->old;
    ly_trace_nodes nodes;
    st = ly_trace_nodes_load(db, p->trace, arena, &nodes, err);
    if (!st)
        st = ly_summary_compute(db, &nodes, &p->sum, err);
    if (!st)
        st = plan_lines(db, p, &nodes, arena, err);
    p->n_nodes = nodes.n;
    store->db.n.settles++;
    store->db.n.settled_nodes += nodes.n;
    return st;
}

/* ---- sessions, by difference ---- */

static int64_t diff(int64_t now, int64_t before)
{
    return ly_wrap_sub(now == LY_UNKNOWN ? 0 : now, before == LY_UNKNOWN ? 0 : before);
}

static ly_status session_add(ly_db *db, int64_t word, const ly_summary *sum, const ly_summary *less,
                             int64_t traces, ly_err *err)
{
    static const ly_summary nothing = {.end_ns = LY_UNKNOWN, .cost_pico = LY_UNKNOWN};
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db,
        "INSERT INTO session (word, first_ns, last_ns, n_traces, n_spans, n_errors, n_generations, "
        "tokens_in,"
        " tokens_out, tokens, cost_pico, user, service, model)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        " ON CONFLICT (word) DO UPDATE SET first_ns = min(first_ns, ?2), last_ns = max(last_ns, "
        "?3),"
        " n_traces = n_traces + ?4, n_spans = n_spans + ?5, n_errors = n_errors + ?6,"
        " n_generations = n_generations + ?7,"
        " tokens_in = CASE WHEN ?8 IS NULL THEN tokens_in ELSE coalesce(tokens_in, 0) + ?8 END,"
        " tokens_out = CASE WHEN ?9 IS NULL THEN tokens_out ELSE coalesce(tokens_out, 0) + ?9 END,"
        " tokens = CASE WHEN ?10 IS NULL THEN tokens ELSE coalesce(tokens, 0) + ?10 END,"
        " cost_pico = CASE WHEN ?11 IS NULL OR typeof(coalesce(cost_pico, 0) + ?11) <> 'integer'"
        " THEN cost_pico ELSE coalesce(cost_pico, 0) + ?11 END,"
        " user = coalesce(?12, user), service = coalesce(?13, service), model = coalesce(?14, "
        "model)",
        &s, err);
    if (st)
        return st;
    if (!less)
        less = &nothing;
    bool empty = less == &nothing;
    const ly_summary *who = sum ? sum : less;
    if (!sum)
        sum = &nothing;
    bool gone = sum == &nothing;
    int64_t in = gone ? LY_UNKNOWN : ly_tokens_in(&sum->tokens);
    int64_t out = gone ? LY_UNKNOWN : ly_tokens_out(&sum->tokens);
    int64_t all = gone ? LY_UNKNOWN : ly_tokens_total(&sum->tokens);
    int64_t in0 = empty ? LY_UNKNOWN : ly_tokens_in(&less->tokens);
    int64_t out0 = empty ? LY_UNKNOWN : ly_tokens_out(&less->tokens);
    int64_t all0 = empty ? LY_UNKNOWN : ly_tokens_total(&less->tokens);
    ly_bind_int(s, 1, word);
    ly_bind_int(s, 2, who->start_ns);
    ly_bind_int(s, 3, who->end_ns == LY_UNKNOWN ? who->start_ns : who->end_ns);
    ly_bind_int(s, 4, traces);
    ly_bind_int(s, 5, ly_wrap_sub(sum->n_spans, less->n_spans));
    ly_bind_int(s, 6, ly_wrap_sub(sum->n_errors, less->n_errors));
    ly_bind_int(s, 7, ly_wrap_sub(sum->n_generations, less->n_generations));
    ly_bind_opt(s, 8, in == LY_UNKNOWN && in0 == LY_UNKNOWN ? LY_UNKNOWN : diff(in, in0));
    ly_bind_opt(s, 9, out == LY_UNKNOWN && out0 == LY_UNKNOWN ? LY_UNKNOWN : diff(out, out0));
    ly_bind_opt(s, 10, all == LY_UNKNOWN && all0 == LY_UNKNOWN ? LY_UNKNOWN : diff(all, all0));
    ly_bind_opt(s, 11,
                sum->cost_pico == LY_UNKNOWN && less->cost_pico == LY_UNKNOWN
                    ? LY_UNKNOWN
                    : diff(sum->cost_pico, less->cost_pico));
    ly_bind_word(s, 12, who->user);
    ly_bind_word(s, 13, who->service);
    ly_bind_word(s, 14, who->model);
    return ly_db_run(db, s, err);
}

ly_status ly_session_move(ly_db *db, const ly_summary *old, const ly_summary *sum, ly_err *err)
{
    int64_t before = old && old->settles ? old->session : 0;
    int64_t after = sum ? sum->session : 0;
    ly_status st = LY_OK;
    if (before && before == after)
        return session_add(db, after, sum, old, 0, err);
    if (before)
        st = session_add(db, before, NULL, old, -1, err);
    if (!st && after)
        st = session_add(db, after, sum, NULL, 1, err);
    return st;
}

/* ---- writing ---- */

static ly_status dirty_clear(ly_db *db, const plan *p, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db, "UPDATE dirty SET changes = changes - ?2, since_ns = last_ns WHERE trace = ?1", &s,
        err);
    if (st)
        return st;
    ly_bind_int(s, 1, p->trace);
    ly_bind_int(s, 2, p->changes);
    st = ly_db_run(db, s, err);
    if (!st)
        st = ly_db_prep(db, "DELETE FROM dirty WHERE trace = ?1 AND changes <= 0", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, p->trace);
    return ly_db_run(db, s, err);
}

/* Was the trace settled or removed by someone else since the plan was made? */
static ly_status overtaken(ly_db *db, const plan *p, bool *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, "SELECT settles FROM trace WHERE no = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, p->trace);
    bool row = false;
    st = ly_db_step(db, s, &row, err);
    *ret = !st && (!row || ly_col_int(s, 0) != p->settles);
    ly_db_reset(s);
    return st;
}

/* Writes of a plan what fits in the slice; *ret_done when all of it is written. */
static ly_status plan_write(ly_db *db, plan *p, pending *sums, int64_t until, size_t *rows,
                            bool *ret_done, ly_err *err)
{
    bool late = false;
    ly_status st = overtaken(db, p, &late, err);
    if (st || late) {
        *ret_done = true;
        return st;
    }
    int64_t now = ly_wall_ns();
    *ret_done = false;
    size_t written = p->written;
    while (!st && written < p->n_lines) {
        if (*rows >= SLICE_ROWS || (*rows % 16 == 15 && ly_mono_ns() > until))
            return LY_OK;
        st = ly_charge_write(db, &p->lines[written], now, err);
        if (!st)
            st = pending_add(db, sums, &p->lines[written], err);
        written++;
        (*rows)++;
        p->written = written;
    }
    if (!st)
        st = ly_summary_write(db, &p->sum, err);
    if (!st)
        st = ly_text_mark(db, p->trace, err);
    if (!st)
        st = ly_session_move(db, &p->old, &p->sum, err);
    if (!st)
        st = dirty_clear(db, p, err);
    (*rows)++;
    *ret_done = true;
    return st;
}

static bool is_wanted(const ly_db *db)
{
    return db->wanted && db->wanted(db->wanted_user);
}

/* All plans, in as many write turns as they need. */
static ly_status plans_write(ly_store *store, plan *plans, size_t n, ly_err *err)
{
    ly_db *db = &store->db;
    size_t at = 0;
    while (at < n && !(at > 0 && is_wanted(db))) {
        db->yields = db->wanted != NULL;
        ly_status st = ly_db_write_begin(db, err);
        db->yields = false;
        if (st == LY_E_BUSY && is_wanted(db))
            return LY_OK;
        if (st)
            return st;
        int64_t until = ly_mono_ns() + SLICE_NS;
        size_t rows = 0;
        bool done = true;
        pending sums = {.n = 0};
        while (!st && at < n && done && rows < SLICE_ROWS && ly_mono_ns() < until) {
            st = plan_write(db, &plans[at], &sums, until, &rows, &done, err);
            at += done;
        }
        if (!st)
            st = pending_flush(db, &sums, err);
        if (!st)
            st = ly_who_flush(db, &sums.who, err);
        /* Another process settled it at the same time: its lines stand, ours are dropped, and the
         * trace stays dirty if it changed. */
        bool raced = st == LY_E_EXISTS;
        st = ly_db_write_end(db, st, err);
        if (raced)
            return LY_OK;
        if (st)
            return st;
        for (size_t i = 0; i < at; i++)
            plans[i].settled = true;
    }
    return LY_OK;
}

/* A trace by itself, with its amounts or, where they do not fit into a sum, without. */
static ly_status settle_one(ly_store *store, const plan *of, bool unfit, ly_arena *arena,
                            ly_err *err)
{
    plan p = {.trace = of->trace, .changes = of->changes, .unfit = unfit};
    ly_status st = ly_db_read_begin(&store->db, err);
    if (st)
        return st;
    st = plan_make(store, &p, arena, err);
    ly_db_read_end(&store->db);
    return st ? st : plans_write(store, &p, 1, err);
}

/* After one of many did not fit into a sum: one sender's nonsense stops the settling of nobody else. */
static ly_status settle_apart(ly_store *store, const plan *plans, size_t n, ly_arena *arena,
                              ly_err *err)
{
    ly_status st = LY_OK;
    for (size_t i = 0; !st && i < n && !(i > 0 && is_wanted(&store->db)); i++) {
        if (plans[i].settled)
            continue;
        ly_err unfit = LY_ERR_INIT;
        st = settle_one(store, &plans[i], false, arena, &unfit);
        if (st == LY_E_LIMIT)
            st = settle_one(store, &plans[i], true, arena, err);
        else if (st && err)
            *err = unfit;
    }
    return st;
}

/* ---- rounds ---- */

static ly_status due(ly_store *store, bool all, int64_t after, plan *plans, size_t *ret_n,
                     ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        &store->db,
        "SELECT d.trace, d.changes, EXISTS (SELECT 1 FROM log_record AS l WHERE l.trace = d.trace)"
        " FROM dirty AS d JOIN trace AS t ON t.no = d.trace WHERE d.trace "
        "> ?4 AND"
        " (?1 OR CASE WHEN t.n_spans + d.changes < ?5 THEN d.last_ns <= ?2 - ?6 OR d.since_ns <= "
        "?2 - ?3"
        " ELSE d.changes * 8 >= t.n_spans OR d.last_ns <= ?2 - ?7 END) ORDER BY d.trace LIMIT ?8",
        &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, all);
    ly_bind_int(s, 2, ly_wall_ns());
    ly_bind_int(s, 3, LATEST_NS);
    ly_bind_int(s, 4, after);
    ly_bind_int(s, 5, LARGE_SPANS);
    ly_bind_int(s, 6, QUIET_NS);
    ly_bind_int(s, 7, LARGE_QUIET);
    ly_bind_int(s, 8, ROUND_MAX);
    bool row = false;
    *ret_n = 0;
    while (*ret_n < ROUND_MAX && !(st = ly_db_step(&store->db, s, &row, err)) && row)
        plans[(*ret_n)++] = (plan){
            .trace = ly_col_int(s, 0), .changes = ly_col_int(s, 1), .logs = ly_col_int(s, 2) != 0};
    ly_db_reset(s);
    return st;
}

static ly_status settle_round(ly_store *store, bool all, int64_t until, int64_t *after,
                              ly_arena *arena, bool *ret_more, ly_err *err)
{
    plan *plans = LY_ARENA_ARRAY(arena, plan, ROUND_MAX);
    if (!plans)
        return LY_NOMEM(err);
    size_t n = 0, made = 0, nodes = 0;
    ly_status st = due(store, all, *after, plans, &n, err);
    for (size_t i = 0; !st && i < n; i++)
        if (plans[i].logs) {
            ly_join_book(store);
            st = ly_logs_join(store, plans[i].trace, err);
        }
    if (!st)
        st = ly_db_read_begin(&store->db, err);
    if (st)
        return st;
    /* Making a plan takes about as long as writing it: half of the time that is left goes to each. */
    int64_t now = ly_mono_ns(), half = until > now ? now + (until - now) / 2 : now;
    while (!st && made < n && nodes < ROUND_NODES &&
           (made == 0 || (ly_mono_ns() < half && !is_wanted(&store->db)))) {
        st = plan_make(store, &plans[made], arena, err);
        nodes += plans[made++].n_nodes + 1;
    }
    ly_db_read_end(&store->db);
    ly_err unfit = LY_ERR_INIT;
    if (!st) {
        st = plans_write(store, plans, made, &unfit);
        if (st == LY_E_LIMIT)
            st = settle_apart(store, plans, made, arena, err);
        else if (st && err)
            *err = unfit;
    }
    *ret_more = n > 0;
    if (made)
        *after = plans[made - 1].trace;
    return st;
}

ly_status ly_store_settle(ly_store *store, int64_t budget_ns, bool all, int64_t *ret_left,
                          ly_err *err)
{
    int64_t until = budget_ns > 0 ? ly_mono_ns() + budget_ns : INT64_MAX;
    ly_arena arena;
    ly_arena_init(&arena, LY_KIB(256), 0);
    ly_status st = LY_OK;
    bool more = true;
    int64_t after = 0;
    store->book_asked = false;
    do {
        ly_arena_reset(&arena);
        st = settle_round(store, all, until, &after, &arena, &more, err);
    } while (!st && more && ly_mono_ns() < until && !is_wanted(&store->db));
    ly_arena_release(&arena);
    if (!st && ret_left)
        st = ly_db_scalar(&store->db, "SELECT count(*) FROM dirty", ret_left, err);
    return st;
}

void ly_store_settle_yields(ly_store *store, bool (*fn)(void *user), void *user)
{
    store->db.wanted = fn;
    store->db.wanted_user = user;
}

ly_status ly_store_upkeep(ly_store *store, ly_err *err)
{
    ly_status st = ly_dictionary_train(store, err);
    if (!st)
        st = ly_db_exec(&store->db, "PRAGMA analysis_limit=400; PRAGMA optimize", err);
    return st;
}
