/*
 * Every recorded scenario through ingest and store: what the database says of tokens is the truth, or what
 * genai/exceptions.def says that the client sent. In the order recorded, then backwards, each payload
 * twice. (tests/genai/test_corpus.c checks the same in memory, call by call.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "genai/corpus.h"
#include "genai/exceptions.h"
#include "ingest/ingest.h"

/* Scenarios that begin with this; test_corpus_totals.c takes a few. */
#ifndef ONLY
#define ONLY ""
#endif

static int failures;

static void remove_db(const char *db)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[256];
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        snprintf(path, sizeof path, "%s%s", db, ends[i]);
        (void)unlink(path); /* one that was never there is as good */
    }
}

static ly_store *fresh(const char *db)
{
    remove_db(db);
    ly_store *store = NULL;
    ly_err err = LY_ERR_INIT;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = LY_STORE_WRITER;
    opts.durability = LY_DURABLE_NORMAL;
    if (db[0] && ly_store_open(db, &opts, &store, &err) != LY_OK)
        fail_msg("%s", err.text);
    return store;
}

static void put(ly_store *store, const char *path)
{
    const ly_signal signal = signal_of(path);
    const ly_str bytes = read_whole(path);
    const bool json = bytes.len && bytes.ptr[0] == '{';
    const ly_ingest_config config = {.book = NULL};
    ly_err err = LY_ERR_INIT;
    for (int twice = 0; twice < 2; twice++) {
        if (ly_ingest_bytes(&config, store, bytes, json ? LY_OTLP_JSON : LY_OTLP_PROTO, signal,
                            NULL, &err) != LY_OK)
            fail_msg("%s: %s", path, err.text);
    }
    ly_free((void *)bytes.ptr);
}

static void sum_traces(ly_store *store, ly_tokens *ret)
{
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    ly_arena arena;
    ly_err err = LY_ERR_INIT;
    bool more = true;
    *ret = LY_TOKENS_UNKNOWN;
    query.any_origin = true;
    query.limit = 500;
    ly_arena_init(&arena, 0, 0);
    while (more) {
        ly_trace_row *rows = NULL;
        size_t n = 0;
        ly_store_key key = {0};
        if (ly_store_trace_page(store, &query, &arena, &rows, &n, &key, &more, &err) != LY_OK)
            fail_msg("%s", err.text);
        for (size_t i = 0; i < n; i++) {
            assert_true(ly_tokens_add(ret, &rows[i].tokens));
            assert_true(rows[i].n_spans + rows[i].n_logs > 0); /* no empty shells */
        }
        query.after = key;
        more = more && n > 0;
    }
    ly_arena_release(&arena);
}

/* Logs meet their spans when a trace is settled; until then a sum may lack what only they say, but must not
 * pass the truth. */
static void compare(ly_str dir, ly_val line, const ly_tokens *t, bool settled, const char *order)
{
    const ly_val want = ly_val_get(line, "totals");
    const struct {
        const char *name;
        int64_t got;
    } rows[] = {{"input_tokens", ly_tokens_in(t)},
                {"output_tokens", ly_tokens_out(t)},
                {"cached_tokens", t->cache_read},
                {"cache_creation_tokens", t->cache_write},
                {"reasoning_tokens", t->out_reasoning}};
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        int64_t truth = 0;
        const int64_t got = rows[i].got == LY_UNKNOWN ? 0 : rows[i].got;
        if (!ly_val_i64(ly_val_get(want, rows[i].name), &truth) || got == truth ||
            (!settled && got < truth) || exception_of(dir, rows[i].name, got) >= 0)
            continue;
        failures++;
        printf("DIFFERS %.*s (%s) %s: want %lld got %lld\n", LY_STR_ARG(dir), order, rows[i].name,
               (long long)truth, (long long)got);
    }
}

/* A database for one scenario after the other. */
typedef struct place {
    char dir[64], db[128];
    ly_str
        last; /* the scenario before, without its transport; in the text that corpus_each reads */
} place;

static void check_scenario(const char *root, ly_val line, void *user)
{
    place *at = user;
    /* One transport of a scenario is enough here: their payloads say the same. */
    const ly_str dir = ly_val_str(ly_val_get(line, "dir"), NULL);
    const ly_str base = ly_str_sub(dir, 0, ly_str_find_char(dir, '+', 0));
    if (ly_str_eq(base, at->last) || !ly_str_starts(dir, ly_str_c(ONLY)))
        return;
    at->last = base;
    char folder[3000], path[3100], names[SCENE_FILES][SCENE_NAME];
    size_t n = 0;
    snprintf(folder, sizeof folder, "%s/%.*s", root, LY_STR_ARG(dir));
    (void)payload_names(folder, names, &n); /* a scenario may have recorded nothing */
    for (int backwards = 0; backwards < 2 && n > 0; backwards++) {
        ly_store *store = fresh(at->db);
        ly_tokens tokens;
        ly_err err = LY_ERR_INIT;
        int64_t left = 0;
        for (size_t i = 0; i < n; i++) {
            snprintf(path, sizeof path, "%s/%s", folder, names[backwards ? n - 1 - i : i]);
            put(store, path);
        }
        sum_traces(store, &tokens); /* unsettled: computed now */
        compare(dir, line, &tokens, false, backwards ? "backwards, live" : "live");
        if (ly_store_settle(store, 0, true, &left, &err) != LY_OK)
            fail_msg("%s", err.text);
        sum_traces(store, &tokens);
        compare(dir, line, &tokens, true, backwards ? "backwards, settled" : "settled");
        ly_store_close(store);
    }
}

static void corpus_totals(void **state)
{
    (void)state;
    place at = {.dir = "/tmp/lydite-corpus-XXXXXX"};
    assert_non_null(mkdtemp(at.dir));
    snprintf(at.db, sizeof at.db, "%s/t.db", at.dir);
    const size_t scenarios = corpus_each(check_scenario, &at);
    remove_db(at.db);
    (void)rmdir(at.dir);
    if (scenarios == 0)
        skip();
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus_totals)};
    return cmocka_run_group_tests_name("ingest/corpus", tests, NULL, NULL);
}
