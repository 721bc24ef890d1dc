/*
 * What came in since it was asked last.
 *
 * Payload numbers of a day rise with every span that is stored, so a span is new when its payload's number
 * is not below the day's next number of the time before. Which traces to look at: those with a number past
 * the last, those that settle has in its hands (dirty) or had (text_todo), and those in which something
 * came before. A trace that was quiet since the handle was made, and in which the one span that comes is
 * settled and indexed between two calls, is seen with its next span.
 */
#include "base/mem.h"
#include "store/search.h"

/* Days that are open at a time, and traces in which steps run. */
#define MAX_DAYS  4096
#define MAX_WATCH 2048
/* Of the traces that wait for the index: the latest. */
#define MAX_TODO "2000"

typedef struct day {
    int64_t day, next;
} day;

struct ly_store_news {
    ly_store *store;
    day days[MAX_DAYS];
    size_t n_days;
    int64_t last_no;
    int64_t watch[MAX_WATCH];
    size_t n_watch; /* all that were put there; the place is this modulo MAX_WATCH */
};

/* Where each day's numbers stand, and the latest trace. */
static ly_status look(ly_db *db, day *days, size_t *ret_n, int64_t *ret_no, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    size_t n = 0;
    ly_status st = ly_db_prep(
        db, "SELECT day, next_payload FROM epoch WHERE day > 0 ORDER BY day DESC LIMIT 4096", &s,
        err);
    while (!st && n < MAX_DAYS && !(st = ly_db_step(db, s, &row, err)) && row)
        days[n++] = (day){ly_col_int(s, 0), ly_col_int(s, 1)};
    if (s)
        ly_db_reset(s);
    if (!st)
        st = ly_db_scalar(db, "SELECT coalesce(max(no), 0) FROM trace", ret_no, err);
    *ret_n = n;
    return st;
}

ly_status ly_store_news_new(ly_store *store, ly_store_news **ret_news, ly_err *err)
{
    ly_store_news *news = ly_calloc(1, sizeof *news);
    if (!news)
        return LY_NOMEM(err);
    ly_db *db = ly_store_db(store);
    news->store = store;
    ly_status st = ly_db_read_begin(db, err);
    if (!st) {
        st = look(db, news->days, &news->n_days, &news->last_no, err);
        ly_db_read_end(db);
    }
    if (st)
        ly_free(news);
    else
        *ret_news = news;
    return st;
}

void ly_store_news_free(ly_store_news *news)
{
    ly_free(news);
}

/* The number from which on a trace's payloads are new. */
static int64_t first_new(const ly_store_news *news, int64_t epoch)
{
    if (epoch == 0)
        return INT64_MAX; /* evidence is moved there, with numbers of its own */
    for (size_t i = 0; i < news->n_days; i++)
        if (news->days[i].day == epoch)
            return news->days[i].next;
    return 0;
}

static void watch(ly_store_news *news, int64_t no)
{
    size_t n = news->n_watch < MAX_WATCH ? news->n_watch : MAX_WATCH;
    for (size_t i = 0; i < n; i++)
        if (news->watch[i] == no)
            return;
    news->watch[news->n_watch++ % MAX_WATCH] = no;
}

typedef struct candidate {
    int64_t no, epoch;
} candidate;

static ly_status candidates(ly_store_news *news, ly_arena *arena, candidate **ret, size_t *ret_n,
                            ly_err *err)
{
    ly_db *db = ly_store_db(news->store);
    ly_stmt *s = NULL;
    bool row = false;
    size_t n = 0, cap = 0, watched = news->n_watch < MAX_WATCH ? news->n_watch : MAX_WATCH;
    candidate *list = NULL;
    ly_buf known;
    ly_buf_init(&known, LY_MIB(1));
    for (size_t i = 0; i < watched; i++)
        ly_buf_fmt(&known, "%s%lld", i ? "," : "[", (long long)news->watch[i]);
    ly_buf_c(&known, watched ? "]" : "[]");
    ly_status st =
        ly_db_prep(db,
                   "SELECT t.no, t.epoch FROM trace AS t WHERE t.no > ?1 OR t.no IN ("
                   "SELECT trace FROM dirty UNION SELECT trace FROM (SELECT trace FROM text_todo"
                   " ORDER BY trace DESC LIMIT " MAX_TODO ") UNION SELECT value FROM json_each(?2))"
                   " ORDER BY t.no",
                   &s, err);
    if (!st) {
        ly_bind_int(s, 1, news->last_no);
        ly_bind_text(s, 2, ly_buf_view(&known));
    }
    while (!st && !(st = ly_db_step(db, s, &row, err)) && row) {
        if (n == cap) {
            size_t more = cap ? cap * 2 : 256;
            candidate *grown = LY_ARENA_ARRAY(arena, candidate, more);
            if (!grown) {
                st = LY_NOMEM(err);
                break;
            }
            if (n)
                memcpy(grown, list, n * sizeof *list);
            list = grown;
            cap = more;
        }
        list[n++] = (candidate){ly_col_int(s, 0), ly_col_int(s, 1)};
    }
    if (s)
        ly_db_reset(s);
    ly_buf_release(&known);
    *ret = list;
    *ret_n = n;
    return st;
}

/* Has the trace a span that is new, filter or not? */
static ly_status has_new(ly_db *db, candidate c, int64_t from, bool *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(
        db, "SELECT 1 FROM span WHERE id >= ?1 << 24 AND id < (?1 + 1) << 24 AND payload >= ?2", &s,
        err);
    if (st)
        return st;
    ly_bind_int(s, 1, c.no);
    ly_bind_int(s, 2, from);
    st = ly_db_step(db, s, ret, err);
    ly_db_reset(s);
    return st;
}

typedef struct telling {
    ly_store_news *news;
    const ly_trace_query *q;
    ly_word_memo memo;
    ly_store_span_fn fn;
    void *user;
    ly_buf
        sql; /* with ?1 the trace's number, ?2 the first new payload, ?3 ?4 times, ?5... the filter */
} telling;

static ly_status make_sql(telling *t, ly_err *err)
{
    ly_status st = LY_OK;
    ly_buf_c(&t->sql, "SELECT s0.id, t.trace_id FROM trace AS t CROSS JOIN span AS s0 ON"
                      " s0.id >= t.no << 24 AND s0.id < (t.no + 1) << 24 WHERE t.no = ?1"
                      " AND s0.payload >= ?2 AND t.start_ns >= ?3 AND t.start_ns < ?4");
    if (!t->q->any_origin && !(t->q->filter && ly_filter_uses(t->q->filter, LY_FLD_ORIGIN)))
        ly_buf_c(&t->sql, " AND t.origin = 0");
    if (t->q->filter)
        st = ly_search_span_where(ly_store_db(t->news->store), t->q->filter, 5, &t->sql, err);
    ly_buf_c(&t->sql, " ORDER BY s0.start_ns, s0.id");
    return st ? st : ly_buf_status(&t->sql, "the query", err);
}

static ly_status tell(telling *t, candidate c, int64_t from, ly_err *err)
{
    ly_db *db = ly_store_db(t->news->store);
    ly_stmt *s = NULL;
    bool row = false;
    ly_buf_reset(&t->sql);
    ly_status st = make_sql(t, err); /* text and values in one snapshot: see search.c */
    if (!st)
        st = ly_db_prep_text(db, ly_buf_view(&t->sql), &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, c.no);
    ly_bind_int(s, 2, from);
    ly_bind_int(s, 3, t->q->since_ns);
    ly_bind_int(s, 4, t->q->until_ns);
    if (t->q->filter)
        st = ly_search_span_bind(db, t->q->filter, 5, s, err);
    while (!st && !(st = ly_db_step(db, s, &row, err)) && row)
        st = ly_search_one_span(t->news->store, s, &t->memo, t->fn, t->user, err);
    ly_db_drop(s);
    return st;
}

ly_status ly_store_news_spans(ly_store_news *news, const ly_trace_query *query, ly_store_span_fn fn,
                              void *user, ly_err *err)
{
    ly_db *db = ly_store_db(news->store);
    ly_arena arena;
    candidate *list = NULL;
    size_t n = 0, n_days = 0;
    int64_t last_no = 0;
    day *days = ly_calloc(MAX_DAYS, sizeof *days);
    if (!days)
        return LY_NOMEM(err);
    ly_arena_init(&arena, 0, 0);
    telling t = {.news = news, .q = query, .memo = {.arena = &arena}, .fn = fn, .user = user};
    ly_buf_init(&t.sql, LY_MIB(1));
    ly_status st = ly_db_read_begin(db, err);
    if (!st) {
        st = look(db, days, &n_days, &last_no, err);
        if (!st)
            st = candidates(news, &arena, &list, &n, err);
        for (size_t i = 0; !st && i < n; i++) {
            int64_t from = first_new(news, list[i].epoch);
            bool any = false;
            st = has_new(db, list[i], from, &any, err);
            if (!st && any) {
                watch(news, list[i].no);
                st = tell(&t, list[i], from, err);
            }
        }
        ly_db_read_end(db);
    }
    if (!st) {
        memcpy(news->days, days, n_days * sizeof *days);
        news->n_days = n_days;
        news->last_no = last_no;
    }
    ly_buf_release(&t.sql);
    ly_arena_release(&arena);
    ly_free(days);
    return st;
}
