/*
 * Sums by whom: sessions, users and tags. There may be as many of them as there are calls, so three
 * tables are kept: quarters of an hour, UTC days (not of sessions, which have few quarters), and all time
 * with an index by amount.
 *
 * The dearest few are found without looking at the many. What one spent in any time is at most what it
 * spent in all: so they are looked at in the order of that, each summed exactly over the asked time,
 * until the next one's all is less than the least of the best. A session lies inside the asked time or
 * outside of it, mostly, and is then known at once. Where that does not come to an end soon (users that
 * come back every day, and a month of them is asked for), days and quarters are read through.
 */
#include "store/internal.h"
#include "store/usage_i.h"

#include "base/mem.h"

/* Past so many the way over the index is given up. */
#define VISITS_MAX  30000
#define LOOKUPS_MAX 8000
#define TIES_MAX    1000
#define TOP_MAX     5000

enum { N_SUMS = 6 }; /* n, n_unpriced, tokens_in, cache_read, tokens_out, amount_pico */

/* ---- writing ---- */

static int64_t known(int64_t n)
{
    return n == LY_UNKNOWN ? 0 : n;
}

#define WHO_UPDATE                                                         \
    " ON CONFLICT DO UPDATE SET n = n + ?5, n_unpriced = n_unpriced + ?6," \
    " tokens_in = tokens_in + ?7, cache_read = cache_read + ?8,"           \
    " tokens_out = tokens_out + ?9, amount_pico = amount_pico + ?10"

static ly_status write_one(ly_db *db, const ly_who_sum *sum, const char *sql, int64_t time,
                           ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st = ly_db_prep(db, sql, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, sum->kind - 1);
    ly_bind_int(s, 2, time);
    ly_bind_int(s, 3, sum->word);
    ly_bind_int(s, 4, sum->origin);
    for (int i = 0; i < N_SUMS; i++)
        ly_bind_int(s, 5 + i, sum->value[i]);
    return ly_db_run(db, s, err);
}

static ly_status write_sum(ly_db *db, const ly_who_sum *sum, ly_err *err)
{
    ly_status st = write_one(
        db, sum,
        "INSERT INTO usage_who VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)" WHO_UPDATE,
        sum->bucket, err);
    if (!st && WHO_HAS_DAYS(sum->kind - 1))
        st = write_one(
            db, sum,
            "INSERT INTO usage_who_day VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)" WHO_UPDATE,
            day_of(sum->bucket), err);
    if (!st)
        st = write_one(db, sum,
                       "INSERT INTO usage_who_all VALUES (?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?2,"
                       " ?2)" WHO_UPDATE
                       ", first_bucket = min(first_bucket, ?2), last_bucket = max(last_bucket, ?2)",
                       sum->bucket, err);
    return st;
}

ly_status ly_who_flush(ly_db *db, ly_who_sums *who, ly_err *err)
{
    ly_status st = LY_OK;
    for (size_t i = 0; !st && who->n && i < LY_WHO_SLOTS; i++)
        if (who->slots[i].kind)
            st = write_sum(db, &who->slots[i], err);
    if (who->n)
        memset(who, 0, sizeof *who);
    return st;
}

/* The slot of the sum, or a free one for it. There is always a free one: see usage_apply_who. */
static ly_who_sum *slot_of(ly_who_sums *who, const ly_who_sum *sum)
{
    uint64_t hash = (uint64_t)sum->word * 0x9E3779B97F4A7C15u ^
                    ((uint64_t)sum->bucket * 4 + (uint64_t)sum->kind) * 0xD6E8FEB86659FD93u;
    size_t i = (size_t)(hash >> 40) % LY_WHO_SLOTS;
    for (;; i = (i + 1) % LY_WHO_SLOTS) {
        ly_who_sum *slot = &who->slots[i];
        if (!slot->kind || (slot->kind == sum->kind && slot->bucket == sum->bucket &&
                            slot->word == sum->word && slot->origin == sum->origin))
            return slot;
    }
}

static bool add_values(ly_who_sum *to, const ly_who_sum *from)
{
    ly_who_sum sum = *to;
    for (int i = 0; i < N_SUMS; i++)
        if (__builtin_add_overflow(sum.value[i], from->value[i], &sum.value[i]))
            return false;
    *to = sum;
    return true;
}

ly_status usage_apply_who(ly_db *db, const ly_charge *c, int kind, int64_t word, ly_who_sums *who,
                          ly_err *err)
{
    const ly_who_sum sum = {
        .kind = kind + 1,
        .bucket = bucket_of(c->at_ns),
        .word = word,
        .origin = c->origin,
        .value = {count_of(c), unpriced_of(c) ? count_of(c) : 0,
                  c->sign * known(ly_tokens_in(&c->tokens)), c->sign * known(c->tokens.cache_read),
                  c->sign * known(ly_tokens_out(&c->tokens)), c->sign * known(c->amount_pico)}};
    if (!who)
        return write_sum(db, &sum, err);
    ly_status st = who->n * 4 >= LY_WHO_SLOTS * 3 ? ly_who_flush(db, who, err) : LY_OK;
    ly_who_sum *slot = slot_of(who, &sum);
    if (st || (slot->kind && add_values(slot, &sum)))
        return st;
    if (slot->kind) /* the sum would not fit: both as they are */
        return write_sum(db, &sum, err);
    *slot = sum;
    who->n++;
    return LY_OK;
}

/* ---- reading through ---- */

static int kind_of(const want *w)
{
    unsigned by = w->q->by;
    return by & LY_BY_SESSION ? WHO_SESSION : by & LY_BY_USER ? WHO_USER : WHO_TAG;
}

static ly_status add_who(want *w, int64_t period, int64_t word, int64_t origin,
                         const int64_t v[N_SUMS], ly_err *err)
{
    int64_t key[LY_SUMS_KEYS] = {[K_ORIGIN] = origin, [K_PERIOD] = period};
    key[w->q->by & LY_BY_USER ? K_USER : K_WHO] = word;
    int64_t values[] = {v[0], v[1], v[2], v[3], v[4], 0, v[5]};
    return usage_add_sum(w, key, values, 1, err);
}

/* Sums by word alone, of one origin: of many words few are wanted, and only those become groups. */
typedef struct few {
    struct {
        int64_t word; /* + 1; 0 = a free slot */
        int64_t n, amount;
    } * slots;
    size_t cap, n;
    int64_t origin;
} few;

static size_t few_at(const few *f, int64_t word)
{
    size_t i = (size_t)((uint64_t)word * 0x9E3779B97F4A7C15u >> 20) & (f->cap - 1);
    while (f->slots[i].word && f->slots[i].word != word + 1)
        i = (i + 1) & (f->cap - 1);
    return i;
}

static bool few_grow(few *f)
{
    few bigger = {.cap = f->cap ? f->cap * 2 : 8192, .n = f->n, .origin = f->origin};
    bigger.slots = ly_calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < f->cap; i++)
        if (f->slots[i].word)
            bigger.slots[few_at(&bigger, f->slots[i].word - 1)] = f->slots[i];
    ly_free(f->slots);
    *f = bigger;
    return true;
}

static ly_status few_add(want *w, few *f, int64_t word, int64_t n, int64_t amount, ly_err *err)
{
    if (f->n * 4 >= f->cap * 3 && (f->n > 16 * LY_USAGE_MAX_GROUPS || !few_grow(f)))
        return LY_NOMEM(err);
    size_t at = few_at(f, word);
    f->n += f->slots[at].word == 0;
    f->slots[at].word = word + 1;
    ly_sums_add(&w->sums, &f->slots[at].n, n);
    ly_sums_add(&w->sums, &f->slots[at].amount, amount);
    return LY_OK;
}

/* One stretch of one table; a bucket of it is `scale` quarters of an hour. */
static ly_status scan(ly_db *db, want *w, few *f, const char *sql, int64_t from, int64_t until,
                      int64_t scale, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    if (from >= until)
        return LY_OK;
    ly_status st = ly_db_prep(db, sql, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, kind_of(w));
    ly_bind_int(s, 2, from);
    ly_bind_int(s, 3, until);
    while (!st && !(st = ly_db_step(db, s, &row, err)) && row) {
        int64_t v[N_SUMS];
        int64_t word = ly_col_int(s, 1), origin = ly_col_int(s, 2);
        if (f && origin != f->origin)
            continue;
        if (f) {
            st = few_add(w, f, word, ly_col_int(s, 3), ly_col_int(s, 4), err);
            continue;
        }
        for (int i = 0; i < N_SUMS; i++)
            v[i] = ly_col_int(s, 3 + i);
        st = add_who(w, period_of(w, ly_col_int(s, 0) * scale), word, origin, v, err);
    }
    ly_db_reset(s);
    return st;
}

#define WHO_COLUMNS \
    ", word, origin, n, n_unpriced, tokens_in, cache_read, tokens_out, amount_pico FROM "
#define FEW_COLUMNS ", word, origin, n, amount_pico FROM "
#define OF_QUARTERS "usage_who WHERE kind = ?1 AND bucket >= ?2 AND bucket < ?3"
#define OF_DAYS     "usage_who_day WHERE kind = ?1 AND day >= ?2 AND day < ?3"

static ly_status scan_quarters(ly_db *db, want *w, few *f, int64_t from, int64_t until, ly_err *err)
{
    return scan(db, w, f,
                f ? "SELECT bucket" FEW_COLUMNS OF_QUARTERS
                  : "SELECT bucket" WHO_COLUMNS OF_QUARTERS,
                from, until, 1, err);
}

static ly_status scan_all(ly_db *db, want *w, few *f, ly_err *err)
{
    int64_t first, last;
    whole_days(w->from, w->until, &first, &last);
    if ((w->q->period && !w->q->period_in_days) || first >= last || !WHO_HAS_DAYS(kind_of(w)))
        return scan_quarters(db, w, f, w->from, w->until, err);
    ly_status st =
        scan(db, w, f, f ? "SELECT day" FEW_COLUMNS OF_DAYS : "SELECT day" WHO_COLUMNS OF_DAYS,
             first, last, BUCKETS_A_DAY, err);
    if (!st && first != INT64_MIN)
        st = scan_quarters(db, w, f, w->from, first * BUCKETS_A_DAY, err);
    if (!st && last != INT64_MAX)
        st = scan_quarters(db, w, f, last * BUCKETS_A_DAY, w->until, err);
    return st;
}

/* ---- one of them ---- */

/* What the way to the dearest has at hand. */
typedef struct top {
    ly_db *db;
    want *w;
    int kind;
    int64_t origin;
    size_t k, n;        /* so many wanted, so many in the heap */
    int64_t (*heap)[2]; /* amount and n of the best so far; the least of them first */
    int lookups;
} top;

static bool less(const int64_t a[2], const int64_t b[2])
{
    return a[0] != b[0] ? a[0] < b[0] : a[1] < b[1];
}

static ly_status lookup(top *t, const char *sql, int64_t time, int64_t word, int64_t sum[N_SUMS],
                        ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    t->lookups++;
    ly_status st = ly_db_prep(t->db, sql, &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, t->kind);
    ly_bind_int(s, 2, time);
    ly_bind_int(s, 3, word);
    ly_bind_int(s, 4, t->origin);
    st = ly_db_step(t->db, s, &row, err);
    for (int i = 0; !st && row && i < N_SUMS; i++)
        ly_sums_add(&t->w->sums, &sum[i], ly_col_int(s, i));
    ly_db_reset(s);
    return st;
}

static ly_status lookup_day(top *t, int64_t day, int64_t word, int64_t sum[N_SUMS], ly_err *err)
{
    return lookup(t,
                  "SELECT n, n_unpriced, tokens_in, cache_read, tokens_out, amount_pico FROM"
                  " usage_who_day WHERE kind = ?1 AND day = ?2 AND word = ?3 AND origin = ?4",
                  day, word, sum, err);
}

static ly_status lookup_quarter(top *t, int64_t bucket, int64_t word, int64_t sum[N_SUMS],
                                ly_err *err)
{
    return lookup(t,
                  "SELECT n, n_unpriced, tokens_in, cache_read, tokens_out, amount_pico FROM"
                  " usage_who WHERE kind = ?1 AND bucket = ?2 AND word = ?3 AND origin = ?4",
                  bucket, word, sum, err);
}

/* The sums of one word in [from, until), whose bookings all lie in [lo, hi). *ret_out: it cannot be
 * among the best, and the sums are not complete. */
static ly_status sum_word(top *t, int64_t word, int64_t lo, int64_t hi, int64_t sum[N_SUMS],
                          bool *ret_out, ly_err *err)
{
    int64_t from = t->w->from > lo ? t->w->from : lo, until = t->w->until < hi ? t->w->until : hi;
    int64_t whole[N_SUMS] = {0};
    ly_status st = LY_OK;
    *ret_out = false;
    if (!WHO_HAS_DAYS(t->kind)) {
        for (int64_t bucket = from; !st && bucket < until && t->lookups <= LOOKUPS_MAX; bucket++)
            st = lookup_quarter(t, bucket, word, sum, err);
        return st;
    }
    for (int64_t day = day_of(from); !st && day * BUCKETS_A_DAY < until; day++) {
        bool cut = day * BUCKETS_A_DAY < t->w->from || (day + 1) * BUCKETS_A_DAY > t->w->until;
        st = lookup_day(t, day, word, cut ? whole : sum, err);
        if (t->lookups > LOOKUPS_MAX)
            return st;
    }
    int64_t most[2] = {0, 0};
    if (__builtin_add_overflow(sum[5], whole[5], &most[0]) ||
        __builtin_add_overflow(sum[0], whole[0], &most[1]))
        most[0] = INT64_MAX;
    *ret_out = t->n == t->k && t->k > 0 && less(most, t->heap[0]);
    if (*ret_out || whole[0] == 0)
        return st;
    for (int64_t bucket = from; !st && bucket < until; bucket++) {
        int64_t day = day_of(bucket);
        bool cut = day * BUCKETS_A_DAY < t->w->from || (day + 1) * BUCKETS_A_DAY > t->w->until;
        if (cut)
            st = lookup_quarter(t, bucket, word, sum, err);
        else
            bucket = (day + 1) * BUCKETS_A_DAY - 1;
    }
    return st;
}

/* ---- the dearest ---- */

static void heap_put(top *t, const int64_t pair[2])
{
    size_t i = 0;
    if (t->n < t->k) {
        for (i = t->n++; i > 0 && less(pair, t->heap[(i - 1) / 2]); i = (i - 1) / 2)
            memcpy(t->heap[i], t->heap[(i - 1) / 2], sizeof t->heap[i]);
    } else if (less(t->heap[0], pair)) {
        for (;;) {
            size_t child = i * 2 + 1;
            if (child >= t->n)
                break;
            if (child + 1 < t->n && less(t->heap[child + 1], t->heap[child]))
                child++;
            if (!less(t->heap[child], pair))
                break;
            memcpy(t->heap[i], t->heap[child], sizeof t->heap[i]);
            i = child;
        }
    } else {
        return;
    }
    memcpy(t->heap[i], pair, sizeof t->heap[i]);
}

/* Sums one word into the result when it may be among the best. v: its sums of all time. */
static ly_status consider(top *t, int64_t word, const int64_t v[N_SUMS], int64_t first,
                          int64_t last, ly_err *err)
{
    int64_t sum[N_SUMS] = {0};
    bool out = last < t->w->from || first >= t->w->until;
    ly_status st = LY_OK;
    if (out)
        return LY_OK;
    if (first >= t->w->from && last < t->w->until)
        memcpy(sum, v, sizeof sum);
    else
        st = sum_word(t, word, first, last + 1, sum, &out, err);
    if (st || out || t->lookups > LOOKUPS_MAX || (sum[0] == 0 && sum[5] == 0))
        return st;
    if (word && t->k) /* the rest without a word is no group among the others */
        heap_put(t, (const int64_t[2]){sum[5], sum[0]});
    return add_who(t->w, LY_UNKNOWN, word, t->origin, sum, err);
}

/* A stranger's file may say any bucket: what a time can have is the most. */
static int64_t ranged(int64_t bucket)
{
    int64_t least = bucket_of(INT64_MIN), most = bucket_of(INT64_MAX);
    return bucket < least ? least : bucket > most ? most : bucket;
}

static void read_all(ly_stmt *s, int64_t v[N_SUMS], int64_t *ret_first, int64_t *ret_last)
{
    for (int i = 0; i < N_SUMS; i++)
        v[i] = ly_col_int(s, 1 + i);
    *ret_first = ranged(ly_col_int(s, 7));
    *ret_last = ranged(ly_col_int(s, 8));
}

#define ALL_COLUMNS                                                               \
    "SELECT word, n, n_unpriced, tokens_in, cache_read, tokens_out, amount_pico," \
    " first_bucket, last_bucket FROM usage_who_all WHERE kind = ?1 AND origin = ?2"

/* One word by its number. */
static ly_status one_word(top *t, int64_t word, ly_err *err)
{
    ly_stmt *s = NULL;
    int64_t v[N_SUMS] = {0}, first = 0, last = -1;
    bool row = false;
    ly_status st = ly_db_prep(t->db, ALL_COLUMNS " AND word = ?3", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, t->kind);
    ly_bind_int(s, 2, t->origin);
    ly_bind_int(s, 3, word);
    st = ly_db_step(t->db, s, &row, err);
    if (!st && row)
        read_all(s, v, &first, &last);
    ly_db_reset(s);
    return st || !row ? st : consider(t, word, v, first, last, err);
}

/* *ret_done false: given up, and the result is to be thrown away. */
static ly_status dearest(top *t, bool *ret_done, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    int visits = 0, ties = 0;
    ly_status st = ly_db_prep(t->db, ALL_COLUMNS " ORDER BY amount_pico DESC, n DESC", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, t->kind);
    ly_bind_int(s, 2, t->origin);
    *ret_done = true;
    while (!st && !(st = ly_db_step(t->db, s, &row, err)) && row) {
        int64_t v[N_SUMS], first, last;
        read_all(s, v, &first, &last);
        int64_t most[2] = {v[5], v[0]};
        if (t->n == t->k && !less(t->heap[0], most) &&
            (less(most, t->heap[0]) || ++ties > TIES_MAX))
            break;
        if (++visits > VISITS_MAX || t->lookups > LOOKUPS_MAX) {
            *ret_done = false;
            break;
        }
        if (ly_col_int(s, 0))
            st = consider(t, ly_col_int(s, 0), v, first, last, err);
    }
    ly_db_reset(s);
    *ret_done = *ret_done && t->lookups <= LOOKUPS_MAX;
    return st;
}

/* The way over days and quarters: all words are summed, the best of them become groups. */
static ly_status scan_dearest(top *t, ly_err *err)
{
    few f = {.origin = t->origin};
    ly_status st = scan_all(t->db, t->w, &f, err);
    t->n = 0;
    t->lookups = INT32_MIN; /* no giving up any more */
    for (size_t i = 0; !st && i < f.cap; i++)
        if (f.slots[i].word > 1)
            heap_put(t, (const int64_t[2]){f.slots[i].amount, f.slots[i].n});
    int64_t least[2] = {INT64_MIN, 0};
    if (t->n == t->k)
        memcpy(least, t->heap[0], sizeof least);
    int ties = TIES_MAX + (int)t->k;
    for (size_t i = 0; !st && i < f.cap; i++) {
        const int64_t pair[2] = {f.slots[i].amount, f.slots[i].n};
        t->n = 0; /* whatever is looked up is wanted */
        bool wanted =
            f.slots[i].word > 1 && !less(pair, least) && (less(least, pair) || ties-- > 0);
        if (f.slots[i].word == 1 || wanted)
            st = one_word(t, f.slots[i].word - 1, err);
    }
    ly_free(f.slots);
    return st;
}

static ly_status find_dearest(ly_db *db, want *w, ly_err *err)
{
    top t = {.db = db, .w = w, .kind = kind_of(w), .origin = w->q->origin, .k = w->q->top};
    bool done = false;
    t.heap = ly_calloc(t.k, sizeof *t.heap);
    if (!t.heap)
        return LY_NOMEM(err);
    ly_status st = dearest(&t, &done, err);
    if (!st && !done) {
        size_t max = w->sums.max;
        ly_sums_release(&w->sums);
        ly_sums_init(&w->sums, max);
        st = scan_dearest(&t, err);
    } else if (!st) {
        t.n = 0; /* the rest is wanted however little it is */
        t.lookups = INT32_MIN;
        st = one_word(&t, 0, err);
    }
    ly_free(t.heap);
    return st;
}

static ly_status some_words(ly_db *db, want *w, ly_err *err)
{
    top t = {.db = db, .w = w, .kind = kind_of(w)};
    ly_status st = LY_OK;
    for (size_t i = 0; !st && i < w->q->n_only; i++) {
        int64_t word = 0;
        if (w->q->only[i].len)
            st = ly_word_get(db, w->q->only[i], &word, err);
        for (int origin = 0; !st && origin <= LY_ORIGIN_JUDGE; origin++) {
            t.origin = origin;
            t.lookups = INT32_MIN; /* no giving up */
            if (word || !w->q->only[i].len)
                st = one_word(&t, word, err);
        }
    }
    return st;
}

ly_status usage_sum_who(ly_db *db, want *w, ly_err *err)
{
    const ly_usage_query *q = w->q;
    if (q->n_only && !q->period)
        return some_words(db, w, err);
    return q->top && q->top <= TOP_MAX && q->origin >= 0 && !q->period ? find_dearest(db, w, err)
                                                                       : scan_all(db, w, NULL, err);
}
