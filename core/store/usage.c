/*
 * Sums of the ledger: kept by ly_usage_apply inside settle's transaction, read by ly_usage_sum, compared
 * with the ledger by ly_usage_verify. usage and usage_who are derived: rows may always be recomputed.
 *
 * A sum's values, in the order of VALUE_*, are the same for the kept tables and for the ledger; `usage`
 * stores finer token buckets than the reading side needs and folds them here.
 */
#include "store/usage.h"

#include "store/internal.h"
#include "store/usage_i.h"

static int64_t known(int64_t n)
{
    return n == LY_UNKNOWN ? 0 : n;
}

/* ---- writing ---- */

#define SUM_VALUES                                                                                \
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"   \
    " ?19) ON CONFLICT DO UPDATE SET n = n + ?10, n_unpriced = n_unpriced + ?11,"                 \
    " in_fresh = in_fresh + ?12, cache_read = cache_read + ?13, cache_write = cache_write + ?14," \
    " cache_write_1h = cache_write_1h + ?15, out_visible = out_visible + ?16,"                    \
    " out_reasoning = out_reasoning + ?17, unattributed = unattributed + ?18,"                    \
    " amount_pico = amount_pico + ?19"

/* One of the two tables of sums; `bucket` in its unit. */
static ly_status apply_main(ly_db *db, const ly_charge *c, const char *sql, int64_t bucket,
                            ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, sql, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, bucket);
    ly_bind_int(s, 2, c->origin);
    ly_bind_int(s, 3, c->provider);
    ly_bind_int(s, 4, c->model);
    ly_bind_int(s, 5, c->service);
    ly_bind_int(s, 6, c->env);
    ly_bind_int(s, 7, c->prompt_name);
    ly_bind_int(s, 8, c->prompt_version);
    ly_bind_int(s, 9, state_of(c->amount_pico, c->source, c->price_why));
    ly_bind_int(s, 10, count_of(c));
    ly_bind_int(s, 11, unpriced_of(c) ? count_of(c) : 0);
    ly_bind_int(s, 12, c->sign * known(c->tokens.in_fresh));
    ly_bind_int(s, 13, c->sign * known(c->tokens.cache_read));
    ly_bind_int(s, 14, c->sign * known(c->tokens.cache_write));
    ly_bind_int(s, 15, c->sign * known(c->tokens.cache_write_1h));
    ly_bind_int(s, 16, c->sign * known(c->tokens.out_visible));
    ly_bind_int(s, 17, c->sign * known(c->tokens.out_reasoning));
    ly_bind_int(s, 18, c->sign * known(c->tokens.unattributed));
    ly_bind_int(s, 19, c->sign * known(c->amount_pico));
    return ly_db_run(db, s, err);
}

/* Takes the next word id off ",3,17,"; false at the end. */
static bool next_tag(ly_str *rest, int64_t *ret)
{
    ly_str part;
    while (ly_str_split(rest, ',', &part))
        if (part.len && ly_str_to_i64(part, ret))
            return true;
    return false;
}

ly_status ly_usage_apply(ly_db *db, const ly_charge *line, ly_who_sums *who, ly_err *err)
{
    int64_t bucket = bucket_of(line->at_ns);
    ly_status st = apply_main(db, line, "INSERT INTO usage" SUM_VALUES, bucket, err);
    if (!st)
        st = apply_main(db, line, "INSERT INTO usage_day" SUM_VALUES, day_of(bucket), err);
    if (!st)
        st = usage_apply_who(db, line, WHO_SESSION, line->session, who, err);
    if (!st)
        st = usage_apply_who(db, line, WHO_USER, line->user, who, err);
    ly_str rest = line->tags;
    int64_t word;
    bool tagged = false;
    for (; !st && next_tag(&rest, &word); tagged = true)
        st = usage_apply_who(db, line, WHO_TAG, word, who, err);
    return st || tagged ? st : usage_apply_who(db, line, WHO_TAG, 0, who, err);
}

/* ---- reading ---- */

static ly_status want_word(ly_db *db, ly_str text, int64_t *ret, ly_err *err)
{
    *ret = 0;
    if (text.len == 0)
        return LY_OK;
    ly_status st = ly_word_get(db, text, ret, err);
    if (!st && *ret == 0)
        *ret = -1;
    return st;
}

static ly_status want_init(ly_db *db, const ly_usage_query *q, want *w, ly_err *err)
{
    const struct {
        ly_str text;
        int64_t *id;
    } words[] = {
        {q->provider, &w->provider}, {q->model, &w->model},   {q->service, &w->service},
        {q->env, &w->env},           {q->prompt, &w->prompt}, {q->who_session, &w->session},
        {q->who_user, &w->user},
    };
    w->q = q;
    w->from = q->from_ns == INT64_MIN ? INT64_MIN : bucket_of(q->from_ns);
    w->until = q->until_ns == INT64_MAX ? INT64_MAX : bucket_of(q->until_ns);
    ly_sums_init(&w->sums, LY_USAGE_MAX_GROUPS);
    for (size_t i = 0; i < LY_COUNT(words); i++) {
        ly_status st = want_word(db, words[i].text, words[i].id, err);
        if (st)
            return st;
    }
    return LY_OK;
}

static bool passes(int64_t want_id, int64_t id)
{
    return want_id == 0 || want_id == id;
}

ly_status usage_add_sum(want *w, const int64_t key[LY_SUMS_KEYS], const int64_t *values, int sign,
                        ly_err *err)
{
    ly_sum *sum = NULL;
    ly_status st = ly_sums_at(&w->sums, key, &sum, err);
    for (size_t i = 0; !st && i <= V_AMOUNT; i++)
        ly_sums_add(&w->sums, &sum->value[i], sign * values[i]);
    return st;
}

static int64_t if_by(const want *w, unsigned bit, int64_t id)
{
    return w->q->by & bit ? id : 0;
}

#define SUM_COLUMNS                                                                               \
    ", origin, provider, model, service, env, prompt_name, prompt_version, state, n, n_unpriced," \
    " in_fresh, cache_read, cache_write, out_visible, out_reasoning, unattributed, amount_pico"

/* One stretch of one of the two tables; a bucket of it is `scale` quarters of an hour. */
static ly_status sum_table(ly_db *db, want *w, const char *sql, int64_t from, int64_t until,
                           int64_t scale, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, sql, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, from);
    ly_bind_int(s, 2, until);
    bool row = false;
    while (!(st = ly_db_step(db, s, &row, err)) && row) {
        int64_t provider = ly_col_int(s, 2), model = ly_col_int(s, 3), service = ly_col_int(s, 4);
        int64_t env = ly_col_int(s, 5), prompt = ly_col_int(s, 6);
        if (!passes(w->provider, provider) || !passes(w->model, model) ||
            !passes(w->service, service) || !passes(w->env, env) || !passes(w->prompt, prompt))
            continue;
        int64_t read = ly_col_int(s, 12);
        int64_t key[LY_SUMS_KEYS] = {
            [K_ORIGIN] = ly_col_int(s, 1),
            [K_PERIOD] = period_of(w, ly_col_int(s, 0) * scale),
            [K_STATE] = if_by(w, LY_BY_STATE, ly_col_int(s, 8)),
            [K_PROVIDER] = if_by(w, LY_BY_PROVIDER, provider),
            [K_MODEL] = if_by(w, LY_BY_MODEL, model),
            [K_SERVICE] = if_by(w, LY_BY_SERVICE, service),
            [K_ENV] = if_by(w, LY_BY_ENV, env),
            [K_PROMPT] = if_by(w, LY_BY_PROMPT, prompt),
            [K_VERSION] = if_by(w, LY_BY_PROMPT, ly_col_int(s, 7)),
        };
        int64_t values[] = {ly_col_int(s, 9),
                            ly_col_int(s, 10),
                            ly_col_int(s, 11) + read + ly_col_int(s, 13),
                            read,
                            ly_col_int(s, 14) + ly_col_int(s, 15),
                            ly_col_int(s, 16),
                            ly_col_int(s, 17)};
        st = usage_add_sum(w, key, values, 1, err);
        if (st)
            break;
    }
    ly_db_reset(s);
    return st;
}

static ly_status sum_quarters(ly_db *db, want *w, int64_t from, int64_t until, ly_err *err)
{
    return from >= until ? LY_OK
                         : sum_table(db, w,
                                     "SELECT bucket" SUM_COLUMNS " FROM usage"
                                     " WHERE bucket >= ?1 AND bucket < ?2",
                                     from, until, 1, err);
}

/* Everything but who: whole UTC days from usage_day, what sticks out on both sides from usage. */
static ly_status sum_kept(ly_db *db, want *w, ly_err *err)
{
    if (w->q->period && !w->q->period_in_days)
        return sum_quarters(db, w, w->from, w->until, err);
    int64_t first, last;
    whole_days(w->from, w->until, &first, &last);
    if (first >= last)
        return sum_quarters(db, w, w->from, w->until, err);
    ly_status st =
        sum_table(db, w, "SELECT day" SUM_COLUMNS " FROM usage_day WHERE day >= ?1 AND day < ?2",
                  first, last, BUCKETS_A_DAY, err);
    if (!st && first != INT64_MIN)
        st = sum_quarters(db, w, w->from, first * BUCKETS_A_DAY, err);
    if (!st && last != INT64_MAX)
        st = sum_quarters(db, w, last * BUCKETS_A_DAY, w->until, err);
    return st;
}

static ly_status add_line(want *w, int64_t key[LY_SUMS_KEYS], const int64_t *values, int sign,
                          ly_str tags, ly_err *err)
{
    if (!(w->q->by & LY_BY_TAG))
        return usage_add_sum(w, key, values, sign, err);
    int64_t word;
    ly_status st = LY_OK;
    bool any = false;
    while (!st && next_tag(&tags, &word)) {
        key[K_WHO] = word;
        any = true;
        st = usage_add_sum(w, key, values, sign, err);
    }
    if (!any) {
        key[K_WHO] = 0;
        st = usage_add_sum(w, key, values, sign, err);
    }
    return st;
}

/* The ledger itself. */
static ly_status sum_ledger(ly_db *db, want *w, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db,
        "SELECT at_ns, origin, provider, model, service, env, prompt_name, prompt_version,"
        " session, user, tags, in_fresh, cache_read, cache_write, out_visible, out_reasoning,"
        " unattributed, amount_pico, source, price_why, sign FROM charge",
        &s, err);
    if (st)
        return st;
    bool row = false;
    while (!(st = ly_db_step(db, s, &row, err)) && row) {
        int64_t bucket = bucket_of(ly_col_int(s, 0));
        int64_t session = ly_col_int(s, 8), user = ly_col_int(s, 9);
        if (bucket < w->from || bucket >= w->until || !passes(w->provider, ly_col_int(s, 2)) ||
            !passes(w->model, ly_col_int(s, 3)) || !passes(w->service, ly_col_int(s, 4)) ||
            !passes(w->env, ly_col_int(s, 5)) || !passes(w->prompt, ly_col_int(s, 6)) ||
            !passes(w->session, session) || !passes(w->user, user))
            continue;
        int64_t amount = ly_col_opt(s, 17);
        int64_t read = ly_col_int(s, 12);
        int state = state_of(amount, (int)ly_col_int(s, 18), (int)ly_col_int(s, 19));
        int64_t key[LY_SUMS_KEYS] = {
            [K_ORIGIN] = ly_col_int(s, 1),
            [K_PERIOD] = period_of(w, bucket),
            [K_STATE] = if_by(w, LY_BY_STATE, state),
            [K_PROVIDER] = if_by(w, LY_BY_PROVIDER, ly_col_int(s, 2)),
            [K_MODEL] = if_by(w, LY_BY_MODEL, ly_col_int(s, 3)),
            [K_SERVICE] = if_by(w, LY_BY_SERVICE, ly_col_int(s, 4)),
            [K_ENV] = if_by(w, LY_BY_ENV, ly_col_int(s, 5)),
            [K_PROMPT] = if_by(w, LY_BY_PROMPT, ly_col_int(s, 6)),
            [K_VERSION] = if_by(w, LY_BY_PROMPT, ly_col_int(s, 7)),
            [K_WHO] = if_by(w, LY_BY_SESSION, session),
            [K_USER] = if_by(w, LY_BY_USER, user),
        };
        int64_t values[] = {1,
                            state >= LY_USAGE_UNPRICED,
                            ly_col_int(s, 11) + read + ly_col_int(s, 13),
                            read,
                            ly_col_int(s, 14) + ly_col_int(s, 15),
                            ly_col_int(s, 16),
                            known(amount)};
        st = add_line(w, key, values, (int)ly_col_int(s, 20), ly_col_str(s, 10), err);
        if (st)
            break;
    }
    ly_db_reset(s);
    return st;
}

static bool needs_ledger(const want *w)
{
    unsigned who = w->q->by & (LY_BY_SESSION | LY_BY_USER | LY_BY_TAG);
    bool mixed = who && (w->q->by & (who - 1) || w->q->by != who);
    bool filtered = who && (w->provider || w->model || w->service || w->env || w->prompt);
    return w->q->scan || mixed || filtered || w->session || w->user;
}

/* ---- words of the result ---- */

static ly_status texts(ly_db *db, const ly_sum *sum, bool tag, ly_word_memo *memo,
                       ly_usage_row *ret, ly_err *err)
{
    const struct {
        int key;
        ly_str *text;
    } words[] = {
        {K_PROVIDER, &ret->provider},
        {K_MODEL, &ret->model},
        {K_SERVICE, &ret->service},
        {K_ENV, &ret->env},
        {K_PROMPT, &ret->prompt_name},
        {K_VERSION, &ret->prompt_version},
        {K_WHO, tag ? &ret->tag : &ret->session},
        {K_USER, &ret->user},
    };
    for (size_t i = 0; i < LY_COUNT(words); i++) {
        int64_t id = sum->key[words[i].key];
        ly_status st = id ? ly_memo_text(db, memo, id, words[i].text, err) : LY_OK;
        if (st)
            return st;
    }
    return LY_OK;
}

static ly_status rows_of(ly_db *db, const want *w, ly_arena *arena, ly_usage_row **ret_rows,
                         size_t *ret_n, ly_err *err)
{
    size_t n = 0;
    ly_word_memo memo = {arena, LY_ARENA_ARRAY(arena, int64_t, LY_MEMO_SLOTS),
                         LY_ARENA_ARRAY(arena, ly_str, LY_MEMO_SLOTS)};
    ly_usage_row *rows = LY_ARENA_ARRAY(arena, ly_usage_row, w->sums.n + 1);
    if (!rows || !memo.ids || !memo.texts)
        return LY_NOMEM(err);
    for (size_t i = 0; i < w->sums.cap; i++) {
        const ly_sum *sum = &w->sums.slots[i];
        const int64_t *v = sum->value;
        if (!sum->used || (v[V_N] == 0 && v[V_AMOUNT] == 0 && v[V_IN] == 0 && v[V_OUT] == 0))
            continue; /* everything in it was reversed */
        ly_usage_row *row = &rows[n++];
        row->origin = (ly_origin)sum->key[K_ORIGIN];
        row->period_ns = sum->key[K_PERIOD];
        row->state = w->q->by & LY_BY_STATE ? (int)sum->key[K_STATE] : -1;
        row->n = v[V_N];
        row->n_unpriced = v[V_UNPRICED];
        row->tokens_in = v[V_IN];
        row->cache_read = v[V_READ];
        row->tokens_out = v[V_OUT];
        row->unattributed = v[V_LOOSE];
        row->amount_pico = v[V_AMOUNT];
        ly_status st = texts(db, sum, w->q->by & LY_BY_TAG, &memo, row, err);
        if (st)
            return st;
    }
    *ret_rows = rows;
    *ret_n = n;
    return LY_OK;
}

ly_status ly_usage_sum(ly_store *store, const ly_usage_query *query, ly_arena *arena,
                       ly_usage_row **ret_rows, size_t *ret_n, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    want w = {0};
    ly_status st = ly_db_read_begin(db, err);
    if (st)
        return st;
    st = want_init(db, query, &w, err);
    if (!st && needs_ledger(&w))
        st = sum_ledger(db, &w, err);
    else if (!st && query->by & (LY_BY_SESSION | LY_BY_USER | LY_BY_TAG))
        st = usage_sum_who(db, &w, err);
    else if (!st)
        st = sum_kept(db, &w, err);
    if (!st && w.sums.overflow)
        st = LY_FAIL(err, LY_E_LIMIT, "a sum does not fit; choose a shorter time");
    if (!st)
        st = rows_of(db, &w, arena, ret_rows, ret_n, err);
    ly_sums_release(&w.sums);
    ly_db_read_end(db);
    return st;
}

/* ---- traces ---- */

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

ly_status ly_usage_traces(ly_store *store, int64_t from_ns, int64_t until_ns, ly_origin origin,
                          int64_t **ret_amounts, size_t *ret_n, int64_t *ret_unpriced, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_stmt *s = NULL;
    int64_t *amounts = NULL, unpriced = 0;
    size_t n = 0, cap = 0;
    ly_status st = ly_db_read_begin(db, err);
    if (st)
        return st;
    st = ly_db_prep(db,
                    "SELECT cost_pico, in_fresh, out_visible, unattributed FROM trace"
                    " WHERE start_ns >= ?1 AND start_ns < ?2 AND origin = ?3",
                    &s, err);
    if (!st) {
        ly_bind_int(s, 1, from_ns);
        ly_bind_int(s, 2, until_ns);
        ly_bind_int(s, 3, origin);
        bool row = false;
        while (!(st = ly_db_step(db, s, &row, err)) && row) {
            if (ly_col_null(s, 0)) {
                unpriced += !ly_col_null(s, 1) || !ly_col_null(s, 2) || !ly_col_null(s, 3);
                continue;
            }
            if (!ly_grow(&amounts, &cap, n + 1, 20000000, sizeof *amounts)) {
                st = LY_FAIL(err, LY_E_LIMIT, "more than 20 million traces; choose a shorter time");
                break;
            }
            amounts[n++] = ly_col_int(s, 0);
        }
        ly_db_reset(s);
    }
    ly_db_read_end(db);
    if (st) {
        ly_free(amounts);
        return st;
    }
    if (n > 1)
        qsort(amounts, n, sizeof *amounts, compare_i64);
    *ret_amounts = amounts;
    *ret_n = n;
    *ret_unpriced = unpriced;
    return LY_OK;
}
