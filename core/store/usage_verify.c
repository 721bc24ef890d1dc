/*
 * The kept sums against the ledger. One snapshot is read; what differs is written back as differences, in
 * small transactions: whatever is booked in between adds its own, so both stay right.
 */
#include "store/usage.h"

#include "base/clock.h"
#include "store/internal.h"
#include "store/sums.h"
#include "store/usage_i.h"

#define SLICE 200

/* Keys of usage: bucket, origin, six words, state, 0; of usage_day: day, ..., 1. Of the tables by who:
 * kind, bucket or day or 0, word, origin, table, and 1 in the last place of all; of the table of all time
 * the first and last bucket stand behind the values. */
enum { MAIN_COLUMNS = 9, MAIN_KEYS = 10, MAIN_VALUES = 10, WHO_KEYS = 5, WHO_VALUES = 6 };
enum { WHO_QUARTERS, WHO_DAYS, WHO_ALL, WHO_TABLES };
enum { AT_FIRST = 9, AT_LAST = 10, IS_WHO = LY_SUMS_KEYS - 1 };
#define SHIFT ((int64_t)1 << 40)

#define MAIN_SELECT                                                                               \
    ", origin, provider, model, service, env, prompt_name, prompt_version, state, n, n_unpriced," \
    " in_fresh, cache_read, cache_write, cache_write_1h, out_visible, out_reasoning,"             \
    " unattributed, amount_pico FROM "
#define MAIN_INSERT                                                                               \
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"   \
    " ?19) ON CONFLICT DO UPDATE SET n = n + ?10, n_unpriced = n_unpriced + ?11,"                 \
    " in_fresh = in_fresh + ?12, cache_read = cache_read + ?13, cache_write = cache_write + ?14," \
    " cache_write_1h = cache_write_1h + ?15, out_visible = out_visible + ?16,"                    \
    " out_reasoning = out_reasoning + ?17, unattributed = unattributed + ?18,"                    \
    " amount_pico = amount_pico + ?19"

static int64_t known(ly_stmt *s, int i)
{
    return ly_col_null(s, i) ? 0 : ly_col_int(s, i);
}

static ly_status add(ly_sums *sums, const int64_t *key, size_t n_key, const int64_t *values,
                     size_t n, int sign, ly_err *err)
{
    int64_t full[LY_SUMS_KEYS] = {0};
    memcpy(full, key, n_key * sizeof *key);
    full[IS_WHO] = n_key == WHO_KEYS;
    ly_sum *sum = NULL;
    ly_status st = ly_sums_at(sums, full, &sum, err);
    for (size_t i = 0; !st && i < n; i++)
        ly_sums_add(sums, &sum->value[i],
                    (int64_t)((uint64_t)(sign < 0 ? -1 : 1) * (uint64_t)values[i])); /* wraps */
    return st;
}

static ly_status subtract_main(ly_db *db, ly_sums *sums, const char *sql, int64_t level,
                               ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(db, sql, &s, err);
    while (!st && !(st = ly_db_step(db, s, &row, err)) && row) {
        int64_t key[MAIN_KEYS], values[MAIN_VALUES];
        for (int i = 0; i < MAIN_COLUMNS; i++)
            key[i] = ly_col_int(s, i);
        key[MAIN_COLUMNS] = level;
        for (int i = 0; i < MAIN_VALUES; i++)
            values[i] = ly_col_int(s, MAIN_COLUMNS + i);
        st = add(sums, key, MAIN_KEYS, values, MAIN_VALUES, -1, err);
    }
    if (s)
        ly_db_reset(s);
    return st;
}

static ly_status subtract_who(ly_db *db, ly_sums *sums, const char *sql, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(db, sql, &s, err);
    while (!st && !(st = ly_db_step(db, s, &row, err)) && row) {
        int64_t c[WHO_KEYS + WHO_VALUES];
        for (int i = 0; i < WHO_KEYS + WHO_VALUES; i++)
            c[i] = ly_col_int(s, i);
        st = add(sums, c, WHO_KEYS, c + WHO_KEYS, WHO_VALUES, -1, err);
    }
    if (s)
        ly_db_reset(s);
    return st;
}

static ly_status subtract_whos(ly_db *db, ly_sums *sums, ly_err *err)
{
    static const char *const tables[WHO_TABLES] = {
        "SELECT kind, bucket, word, origin, 0, n, n_unpriced, tokens_in, cache_read,"
        " tokens_out, amount_pico FROM usage_who",
        "SELECT kind, day, word, origin, 1, n, n_unpriced, tokens_in, cache_read,"
        " tokens_out, amount_pico FROM usage_who_day",
        "SELECT kind, 0, word, origin, 2, n, n_unpriced, tokens_in, cache_read,"
        " tokens_out, amount_pico FROM usage_who_all",
    };
    ly_status st = LY_OK;
    for (size_t i = 0; !st && i < LY_COUNT(tables); i++)
        st = subtract_who(db, sums, tables[i], err);
    return st;
}

static ly_status add_who(ly_sums *sums, int kind, int64_t bucket, int64_t word, int64_t origin,
                         const int64_t *v, int sign, ly_err *err)
{
    int64_t values[WHO_VALUES] = {v[0], v[1], v[2] + v[3] + v[4], v[3], v[6] + v[7], v[9]};
    const int64_t times[WHO_TABLES] = {bucket, day_of(bucket), 0};
    ly_status st = LY_OK;
    for (int i = 0; !st && i < WHO_TABLES; i++) {
        if (i == WHO_DAYS && !WHO_HAS_DAYS(kind))
            continue;
        int64_t key[LY_SUMS_KEYS] = {kind, times[i], word, origin, i};
        st = add(sums, key, WHO_KEYS, values, WHO_VALUES, sign, err);
    }
    int64_t key[LY_SUMS_KEYS] = {kind, 0, word, origin, WHO_ALL, [IS_WHO] = 1};
    ly_sum *all = NULL;
    if (!st)
        st = ly_sums_at(sums, key, &all, err);
    if (st)
        return st;
    /* A sum begins with 0: a first bucket is kept far below, a last one far above it. */
    int64_t *first = &all->value[AT_FIRST], *last = &all->value[AT_LAST];
    *first = *first == 0 || bucket - SHIFT < *first ? bucket - SHIFT : *first;
    *last = bucket + SHIFT > *last ? bucket + SHIFT : *last;
    return LY_OK;
}

static ly_status add_charge(ly_stmt *s, ly_sums *sums, ly_err *err)
{
    int64_t at = ly_col_int(s, 0), bucket = at / LY_BUCKET_NS - (at % LY_BUCKET_NS < 0 ? 1 : 0);
    int64_t origin = ly_col_int(s, 1), source = ly_col_int(s, 18), why = ly_col_int(s, 19);
    int sign = (int)ly_col_int(s, 20);
    int state = state_of(ly_col_opt(s, 17), (int)source, (int)why);
    int64_t key[MAIN_KEYS] = {bucket,
                              origin,
                              ly_col_int(s, 2),
                              ly_col_int(s, 3),
                              ly_col_int(s, 4),
                              ly_col_int(s, 5),
                              ly_col_int(s, 6),
                              ly_col_int(s, 7),
                              state,
                              0};
    int64_t values[MAIN_VALUES] = {1,
                                   state >= LY_USAGE_UNPRICED,
                                   known(s, 11),
                                   known(s, 12),
                                   known(s, 13),
                                   known(s, 21),
                                   known(s, 14),
                                   known(s, 15),
                                   known(s, 16),
                                   known(s, 17)};
    /* who sees v[2] + v[3] + v[4] = fresh + read + write */
    ly_status st = add(sums, key, MAIN_KEYS, values, MAIN_VALUES, sign, err);
    key[0] = at / LY_NS_PER_DAY - (at % LY_NS_PER_DAY < 0 ? 1 : 0);
    key[MAIN_COLUMNS] = 1;
    if (!st)
        st = add(sums, key, MAIN_KEYS, values, MAIN_VALUES, sign, err);
    if (!st)
        st = add_who(sums, 0, bucket, ly_col_int(s, 8), origin, values, sign, err);
    if (!st)
        st = add_who(sums, 1, bucket, ly_col_int(s, 9), origin, values, sign, err);
    ly_str rest = ly_col_str(s, 10), part;
    bool tagged = false;
    while (!st && ly_str_split(&rest, ',', &part)) {
        int64_t word;
        if (part.len && ly_str_to_i64(part, &word)) {
            st = add_who(sums, 2, bucket, word, origin, values, sign, err);
            tagged = true;
        }
    }
    return st || tagged ? st : add_who(sums, 2, bucket, 0, origin, values, sign, err);
}

static ly_status add_charges(ly_db *db, ly_sums *sums, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(
        db,
        "SELECT at_ns, origin, provider, model, service, env, prompt_name, prompt_version, session,"
        " user, tags, in_fresh, cache_read, cache_write, out_visible, out_reasoning, unattributed,"
        " amount_pico, source, price_why, sign, cache_write_1h FROM charge",
        &s, err);
    while (!st && !(st = ly_db_step(db, s, &row, err)) && row)
        st = add_charge(s, sums, err);
    if (s)
        ly_db_reset(s);
    return st;
}

static bool differs(const ly_sum *sum)
{
    size_t n = sum->key[IS_WHO] ? (size_t)WHO_VALUES : LY_SUMS_VALUES;
    for (size_t i = 0; i < n; i++)
        if (sum->used && sum->value[i])
            return true;
    return false;
}

#define WHO_UPDATE                                                         \
    " ON CONFLICT DO UPDATE SET n = n + ?5, n_unpriced = n_unpriced + ?6," \
    " tokens_in = tokens_in + ?7, cache_read = cache_read + ?8,"           \
    " tokens_out = tokens_out + ?9, amount_pico = amount_pico + ?10"

static const char *const who_inserts[WHO_TABLES] = {
    "INSERT INTO usage_who VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)" WHO_UPDATE,
    "INSERT INTO usage_who_day VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)" WHO_UPDATE,
    "INSERT INTO usage_who_all VALUES (?1 + ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "
    "?12)" WHO_UPDATE
    ", first_bucket = min(first_bucket, ?11), last_bucket = max(last_bucket, ?12)",
};

static ly_status repair_one(ly_db *db, const ly_sum *sum, ly_err *err)
{
    ly_stmt *s = NULL;
    ly_status st;
    int n_key = MAIN_KEYS, n = MAIN_VALUES;
    if (sum->key[IS_WHO]) {
        n_key = WHO_KEYS - 1;
        n = WHO_VALUES;
        st = ly_db_prep(db, who_inserts[sum->key[WHO_KEYS - 1]], &s, err);
    } else {
        n_key = MAIN_COLUMNS;
        st = sum->key[MAIN_COLUMNS] ? ly_db_prep(db, "INSERT INTO usage_day" MAIN_INSERT, &s, err)
                                    : ly_db_prep(db, "INSERT INTO usage" MAIN_INSERT, &s, err);
    }
    if (st)
        return st;
    for (int i = 0; i < n_key; i++)
        ly_bind_int(s, i + 1, sum->key[i]);
    for (int i = 0; i < n; i++)
        ly_bind_int(s, n_key + i + 1, sum->value[i]);
    if (sum->key[IS_WHO] &&
        sum->key[WHO_KEYS - 1] == WHO_ALL) { /* no charge: any extent is right */
        ly_bind_int(s, 11, sum->value[AT_FIRST] ? sum->value[AT_FIRST] + SHIFT : 0);
        ly_bind_int(s, 12, sum->value[AT_LAST] ? sum->value[AT_LAST] - SHIFT : 0);
    }
    return ly_db_run(db, s, err);
}

static ly_status repair(ly_db *db, const ly_sums *sums, ly_err *err)
{
    ly_status st = LY_OK;
    for (size_t i = 0; !st && i < sums->cap;) {
        st = ly_db_write_begin(db, err);
        if (st)
            return st;
        for (size_t done = 0; !st && done < SLICE && i < sums->cap; i++) {
            if (differs(&sums->slots[i])) {
                st = repair_one(db, &sums->slots[i], err);
                done++;
            }
        }
        st = ly_db_write_end(db, st, err);
    }
    return st;
}

ly_status ly_usage_verify(ly_store *store, bool mend, int64_t *ret_wrong, ly_err *err)
{
    ly_db *db = ly_store_db(store);
    ly_sums sums;
    ly_sums_init(&sums, 20000000);
    ly_status st = ly_db_read_begin(db, err);
    if (st)
        return st;
    st = add_charges(db, &sums, err);
    if (!st)
        st = subtract_main(db, &sums, "SELECT bucket" MAIN_SELECT "usage", 0, err);
    if (!st)
        st = subtract_main(db, &sums, "SELECT day" MAIN_SELECT "usage_day", 1, err);
    if (!st)
        st = subtract_whos(db, &sums, err);
    ly_db_read_end(db);
    int64_t wrong = 0;
    for (size_t i = 0; !st && i < sums.cap; i++)
        wrong += differs(&sums.slots[i]);
    if (!st && mend && wrong)
        st = repair(db, &sums, err);
    ly_sums_release(&sums);
    if (!st)
        *ret_wrong = wrong;
    return st;
}
