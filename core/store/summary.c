/*
 * What a list shows of a trace, computed from its spans: a pure function of the rows, used by settle to
 * write the summary and by readers of a trace that is not settled yet, so both say the same.
 */
#include "store/internal.h"

#include "base/mem.h"

/* Of a large trace, the tables of counting are given back before the caller makes more of it. */
#define LARGE_TRACE 5000

static ly_status count_tree(ly_trace_nodes *t, ly_arena *arena, ly_err *err)
{
    if (t->n < LARGE_TRACE)
        return ly_tree_count(t->nodes, t->n, arena, t->marks, &t->sum, err);
    ly_arena work;
    ly_arena_init(&work, LY_KIB(256), 0);
    ly_status st = ly_tree_count(t->nodes, t->n, &work, t->marks, &t->sum, err);
    ly_arena_release(&work);
    return st;
}

ly_status ly_db_watched(ly_db *db, size_t done, ly_err *err)
{
    if (!db->watch || done % 1000 != 0 || db->watch(db->watch_user, done))
        return LY_OK;
    return LY_FAIL(err, LY_E_CANCELLED, "loading the trace was stopped");
}

ly_status ly_trace_nodes_load(ly_db *db, int64_t trace, ly_arena *arena, ly_trace_nodes *ret_nodes,
                              ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db, "SELECT " LY_SPAN_COLUMNS " FROM span WHERE id >= ?1 AND id < ?2 ORDER BY id", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, LY_SPAN_BASE(trace));
    ly_bind_int(s, 2, LY_SPAN_BASE(trace + 1));
    /* The count is not known before: rows grow on the heap and move to the arena at the end. */
    ly_span_row *rows = NULL;
    size_t n = 0, cap = 0;
    bool row = false;
    while (!(st = ly_db_step(db, s, &row, err)) && row) {
        if (!ly_grow(&rows, &cap, n + 1, LY_MAX_TRACE_SPANS, sizeof *rows)) {
            st = LY_NOMEM(err);
            break;
        }
        ly_span_row_read(s, &rows[n]);
        if (rows[n].flags & LY_SPAN_DEAD)
            continue;
        if (rows[n].error_message.len)
            rows[n].error_message = ly_arena_copy(arena, rows[n].error_message);
        n++;
        if ((st = ly_db_watched(db, n / 2, err)))
            break;
    }
    ly_db_reset(s);
    ly_trace_nodes out = {.n = n};
    if (!st) {
        out.rows = LY_ARENA_ARRAY(arena, ly_span_row, n + 1);
        out.nodes = LY_ARENA_ARRAY(arena, ly_tree_node, n + 1);
        out.marks = LY_ARENA_ARRAY(arena, ly_tree_mark, n + 1);
        if (!out.rows || !out.nodes || !out.marks)
            st = LY_NOMEM(err);
    }
    if (!st) {
        if (n)
            memcpy(out.rows, rows, n * sizeof *rows);
        for (size_t i = 0; i < n; i++)
            ly_tree_node_of_row(&out.rows[i], &out.nodes[i]);
        st = count_tree(&out, arena, err);
    }
    ly_free(rows);
    if (!st)
        *ret_nodes = out;
    return st;
}

/* ---- columns ---- */

void ly_summary_read(ly_stmt *s, ly_summary *ret)
{
    ly_summary *r = ret;
    memset(r, 0, sizeof *r);
    r->no = ly_col_int(s, 0);
    ly_str id = ly_col_str(s, 1);
    if (id.len == sizeof r->trace_id)
        memcpy(&r->trace_id, id.ptr, id.len);
    r->epoch = ly_col_int(s, 2);
    r->seen_ns = ly_col_int(s, 3);
    r->start_ns = ly_col_int(s, 4);
    r->end_ns = ly_col_opt(s, 5);
    r->pinned = ly_col_int(s, 6) != 0;
    r->settles = ly_col_int(s, 7);
    int64_t origin = ly_col_int(s, 8), type = ly_col_int(s, 10);
    r->origin = origin >= 0 && origin <= LY_ORIGIN_JUDGE ? (int)origin : 0;
    r->name = ly_col_int(s, 9);
    r->root_type = type >= 0 && type < LY_TYPE__COUNT ? (int)type : 0;
    r->flags = (unsigned)ly_col_int(s, 11);
    r->n_spans = ly_col_int(s, 12);
    r->n_errors = ly_col_int(s, 13);
    r->n_generations = ly_col_int(s, 14);
    r->n_tools = ly_col_int(s, 15);
    r->n_orphans = ly_col_int(s, 16);
    r->n_logs = ly_col_int(s, 17);
    r->tokens = LY_TOKENS_UNKNOWN;
    r->tokens.in_fresh = ly_col_opt(s, 18);
    r->tokens.cache_read = ly_col_opt(s, 19);
    r->tokens.cache_write = ly_col_opt(s, 20);
    r->tokens.cache_write_1h = ly_col_opt(s, 21);
    r->tokens.out_visible = ly_col_opt(s, 22);
    r->tokens.out_reasoning = ly_col_opt(s, 23);
    r->tokens.unattributed = ly_col_opt(s, 24);
    r->cost_pico = ly_col_opt(s, 25);
    r->model = ly_col_int(s, 26);
    r->provider = ly_col_int(s, 27);
    r->n_models = ly_col_int(s, 28);
    r->session = ly_col_int(s, 29);
    r->user = ly_col_int(s, 30);
    r->service = ly_col_int(s, 31);
    r->env = ly_col_int(s, 32);
    r->release = ly_col_int(s, 33);
    r->prompt_name = ly_col_int(s, 34);
    r->prompt_version = ly_col_int(s, 35);
    r->error = ly_col_int(s, 36);
}

ly_status ly_summary_write(ly_db *db, const ly_summary *r, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db,
        "UPDATE trace SET start_ns = ?2, end_ns = ?3, settles = settles + 1, origin = ?4, name = "
        "?5,"
        " root_type = ?6, flags = ?7, n_spans = ?8, n_errors = ?9, n_generations = ?10, n_tools = "
        "?11,"
        " n_orphans = ?12, n_logs = ?13, in_fresh = ?14, cache_read = ?15, cache_write = ?16,"
        " cache_write_1h = ?17, out_visible = ?18, out_reasoning = ?19, unattributed = ?20,"
        " cost_pico = ?21, model = ?22, provider = ?23, n_models = ?24, session = ?25, user = ?26,"
        " service = ?27, env = ?28, release = ?29, prompt_name = ?30, prompt_version = ?31, error "
        "= ?32"
        " WHERE no = ?1",
        &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, r->no);
    ly_bind_int(s, 2, r->start_ns);
    ly_bind_opt(s, 3, r->end_ns);
    ly_bind_int(s, 4, r->origin);
    ly_bind_word(s, 5, r->name);
    ly_bind_int(s, 6, r->root_type);
    ly_bind_int(s, 7, r->flags);
    ly_bind_int(s, 8, r->n_spans);
    ly_bind_int(s, 9, r->n_errors);
    ly_bind_int(s, 10, r->n_generations);
    ly_bind_int(s, 11, r->n_tools);
    ly_bind_int(s, 12, r->n_orphans);
    ly_bind_int(s, 13, r->n_logs);
    ly_bind_opt(s, 14, r->tokens.in_fresh);
    ly_bind_opt(s, 15, r->tokens.cache_read);
    ly_bind_opt(s, 16, r->tokens.cache_write);
    ly_bind_opt(s, 17, r->tokens.cache_write_1h);
    ly_bind_opt(s, 18, r->tokens.out_visible);
    ly_bind_opt(s, 19, r->tokens.out_reasoning);
    ly_bind_opt(s, 20, r->tokens.unattributed);
    ly_bind_opt(s, 21, r->cost_pico);
    ly_bind_word(s, 22, r->model);
    ly_bind_word(s, 23, r->provider);
    ly_bind_int(s, 24, r->n_models);
    ly_bind_word(s, 25, r->session);
    ly_bind_word(s, 26, r->user);
    ly_bind_word(s, 27, r->service);
    ly_bind_word(s, 28, r->env);
    ly_bind_word(s, 29, r->release);
    ly_bind_word(s, 30, r->prompt_name);
    ly_bind_word(s, 31, r->prompt_version);
    ly_bind_word(s, 32, r->error);
    return ly_db_run(db, s, err);
}

/* ---- computing ---- */

/* Tokens by model; a trace with more models than this counts the rest as one. */
#define MODELS_MAX 32
typedef struct model_sum {
    int64_t model, provider, tokens;
} model_sum;

static void models(const ly_trace_nodes *t, ly_summary *ret)
{
    model_sum sums[MODELS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const ly_span_row *r = &t->rows[i];
        int64_t model = r->w.response_model ? r->w.response_model : r->w.request_model;
        if (!model || r->role == LY_ROLE_NONE)
            continue;
        size_t k = 0;
        while (k < n && sums[k].model != model)
            k++;
        if (k == n) {
            if (n == MODELS_MAX)
                continue;
            sums[n++] = (model_sum){model, r->w.provider, 0};
        }
        if (!sums[k].provider)
            sums[k].provider = r->w.provider;
        int64_t tokens = ly_tokens_total(&t->marks[i].tokens);
        if (t->marks[i].kind == LY_MARK_COUNTED && tokens > 0 &&
            sums[k].tokens < INT64_MAX - tokens)
            sums[k].tokens += tokens;
    }
    ret->n_models = (int64_t)n;
    size_t best = 0;
    /* Equal sums: the smaller word, so that the order of arrival does not show. */
    for (size_t k = 1; k < n; k++)
        if (sums[k].tokens > sums[best].tokens ||
            (sums[k].tokens == sums[best].tokens && sums[k].model < sums[best].model))
            best = k;
    ret->model = n ? sums[best].model : 0;
    ret->provider = n ? sums[best].provider : 0;
}

/* The value of the shown root, else of the earliest span that has one. */
typedef struct first_of {
    int64_t *word;
    size_t offset;
    int64_t start;
    ly_span_id id;
} first_of;

static void firsts(const ly_trace_nodes *t, ly_summary *ret)
{
    first_of f[] = {
        {&ret->session, offsetof(ly_span_words, session), 0, {{0}}},
        {&ret->user, offsetof(ly_span_words, user), 0, {{0}}},
        {&ret->service, offsetof(ly_span_words, service), 0, {{0}}},
        {&ret->env, offsetof(ly_span_words, env), 0, {{0}}},
        {&ret->release, offsetof(ly_span_words, release), 0, {{0}}},
        {&ret->prompt_name, offsetof(ly_span_words, prompt_name), 0, {{0}}},
        {&ret->prompt_version, offsetof(ly_span_words, prompt_version), 0, {{0}}},
        {&ret->error, offsetof(ly_span_words, error_type), 0, {{0}}},
        {&ret->name, offsetof(ly_span_words, trace_name), 0, {{0}}},
    };
    for (size_t k = 0; k < LY_COUNT(f); k++)
        *f[k].word = t->n ? *(const int64_t *)(const void *)((const char *)&t->rows[t->sum.root].w +
                                                             f[k].offset)
                          : 0;
    bool given[LY_COUNT(f)];
    for (size_t k = 0; k < LY_COUNT(f); k++)
        given[k] = *f[k].word != 0;
    for (size_t i = 0; i < t->n; i++) {
        const ly_span_row *r = &t->rows[i];
        for (size_t k = 0; k < LY_COUNT(f); k++) {
            int64_t word = *(const int64_t *)(const void *)((const char *)&r->w + f[k].offset);
            if (given[k] || !word)
                continue;
            bool earlier =
                !*f[k].word || r->start_ns < f[k].start ||
                (r->start_ns == f[k].start && memcmp(&r->span_id, &f[k].id, sizeof r->span_id) < 0);
            if (earlier) {
                *f[k].word = word;
                f[k].start = r->start_ns;
                f[k].id = r->span_id;
            }
        }
    }
    if (!ret->name && t->n)
        ret->name = t->rows[t->sum.root].w.name;
}

static ly_status count_logs(ly_db *db, int64_t trace, int64_t *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, "SELECT count(*) FROM log_record WHERE trace = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, trace);
    return ly_db_number(db, s, 0, ret, err);
}

ly_status ly_summary_compute(ly_db *db, const ly_trace_nodes *t, ly_summary *ret, ly_err *err)
{
    ly_summary *r = ret;
    r->origin = (int)t->sum.origin;
    r->flags = 0;
    r->n_spans = (int64_t)t->n;
    r->n_errors = r->n_generations = r->n_tools = 0;
    r->n_orphans = t->sum.n_orphans;
    r->tokens = t->sum.total.tokens;
    r->cost_pico = t->sum.total.cost_pico;
    r->root_type = t->n ? t->rows[t->sum.root].type : 0;
    if (t->n)
        r->start_ns = t->sum.start_ns;
    bool ended = false, rooted = false;
    for (size_t i = 0; i < t->n; i++) {
        const ly_span_row *row = &t->rows[i];
        r->n_errors += row->flags & LY_SPAN_ERROR ? 1 : 0;
        r->n_generations +=
            row->type == LY_TYPE_GENERATION && t->marks[i].kind != LY_MARK_DUPLICATE;
        r->n_tools += row->type == LY_TYPE_TOOL;
        bool root = ly_span_id_zero(row->parent_id);
        rooted = rooted || root;
        ended = ended || row->dur_ns != LY_UNKNOWN;
        if (row->dur_ns == LY_UNKNOWN)
            r->flags |= LY_TRACE_LIVE;
        if (row->flags & (LY_SPAN_HAS_INPUT | LY_SPAN_HAS_OUTPUT))
            r->flags |= LY_TRACE_CONTENT;
        if (row->flags & LY_SPAN_WITHHELD)
            r->flags |= LY_TRACE_WITHHELD;
        if (root && row->flags & LY_SPAN_ERROR)
            r->flags |= LY_TRACE_ERROR;
    }
    r->end_ns = ended ? t->sum.end_ns : LY_UNKNOWN;
    if (!rooted)
        r->flags |= LY_TRACE_NO_ROOT;
    if (t->sum.total.n_unpriced > 0)
        r->flags |= LY_TRACE_PARTIAL_COST;
    models(t, r);
    firsts(t, r);
    return count_logs(db, r->no, &r->n_logs, err);
}

ly_status ly_summary_find(ly_db *db, ly_trace_id id, ly_summary *ret, bool *ret_dirty, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st =
        ly_db_prep(db,
                   "SELECT " LY_TRACE_COLUMNS ", EXISTS (SELECT 1 FROM dirty WHERE trace = t.no)"
                   " FROM trace AS t WHERE t.trace_id = ?1",
                   &s, err);
    if (st)
        return st;
    ly_bind_blob(s, 1, &id, sizeof id);
    bool row = false;
    st = ly_db_step(db, s, &row, err);
    if (!st && !row) {
        char hex[33];
        ly_hex_encode(&id, sizeof id, hex);
        return LY_FAIL(err, LY_E_NOTFOUND, "trace %s is not in %s", hex, db->path);
    }
    if (!st) {
        ly_summary_read(s, ret);
        *ret_dirty = ly_col_int(s, 37) != 0;
    }
    ly_db_reset(s);
    return st;
}

ly_status ly_trace_row_of(ly_db *db, const ly_summary *r, ly_word_memo *memo, ly_trace_row *ret,
                          ly_err *err)
{
    ly_trace_row *o = ret;
    *o = (ly_trace_row){
        .trace_id = r->trace_id,
        .start_ns = r->start_ns,
        .end_ns = r->end_ns,
        .seen_ns = r->seen_ns,
        .root_type = (ly_type)r->root_type,
        .origin = (ly_origin)r->origin,
        .flags = r->flags,
        .pinned = r->pinned,
        .n_spans = r->n_spans,
        .n_errors = r->n_errors,
        .n_generations = r->n_generations,
        .n_tools = r->n_tools,
        .n_orphans = r->n_orphans,
        .n_logs = r->n_logs,
        .tokens = r->tokens,
        .cost_pico = r->cost_pico,
        .n_models = r->n_models,
    };
    const struct {
        int64_t id;
        ly_str *text;
    } words[] = {
        {r->name, &o->name},
        {r->model, &o->model},
        {r->provider, &o->provider},
        {r->session, &o->session},
        {r->user, &o->user},
        {r->service, &o->service},
        {r->env, &o->env},
        {r->release, &o->release},
        {r->prompt_name, &o->prompt_name},
        {r->prompt_version, &o->prompt_version},
        {r->error, &o->error_type},
    };
    for (size_t i = 0; i < LY_COUNT(words); i++) {
        ly_status st = ly_memo_text(db, memo, words[i].id, words[i].text, err);
        if (st)
            return st;
    }
    return LY_OK;
}
