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
#include "ingest/ingest.h"

/* Scenarios that begin with this; test_corpus_totals.c takes a few. */
#ifndef ONLY
#define ONLY ""
#endif

typedef struct exception_row {
    const char *scenario, *what;
    long long sent;
    const char *why;
} exception_row;

static const exception_row exceptions[] = {
#define CLIENT_ERROR(scenario, what, sent, why) {scenario, what, sent, why},
#include "genai/exceptions.def"
#undef CLIENT_ERROR
    {NULL, NULL, 0, NULL}};

static int failures;

static bool fits(const char *pattern, ly_str s)
{
    const ly_str p = ly_str_c(pattern);
    const size_t star = ly_str_find_char(p, '*', 0);
    if (star == SIZE_MAX)
        return ly_str_eq(p, s);
    const ly_str head = ly_str_sub(p, 0, star), tail = ly_str_sub(p, star + 1, p.len);
    return s.len >= head.len + tail.len && ly_str_starts(s, head) && ly_str_ends(s, tail);
}

static bool excused(ly_str dir, const char *what, long long got)
{
    for (size_t i = 0; exceptions[i].scenario; i++) {
        if (strcmp(exceptions[i].what, what) == 0 && fits(exceptions[i].scenario, dir) &&
            exceptions[i].sent == got)
            return true;
    }
    return false;
}

static ly_store *fresh(const char *db)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[256];
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        snprintf(path, sizeof path, "%s%s", db, ends[i]);
        (void)unlink(path);
    }
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

static size_t list(const char *folder, char names[][64])
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir && (e = readdir(dir)) != NULL && n < SCENE_FILES;) {
        const size_t len = strlen(e->d_name);
        if (len > 4 && len < 64 && strcmp(e->d_name + len - 4, ".bin") == 0)
            memcpy(names[n++], e->d_name, len + 1);
    }
    if (dir)
        closedir(dir);
    qsort(names, n, sizeof names[0], by_name);
    return n;
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
            (!settled && got < truth) || excused(dir, rows[i].name, got))
            continue;
        failures++;
        printf("DIFFERS %.*s (%s) %s: want %lld got %lld\n", LY_STR_ARG(dir), order, rows[i].name,
               (long long)truth, (long long)got);
    }
}

static void check_scenario(const char *root, const char *db, ly_val line)
{
    ly_arena names_arena;
    ly_arena_init(&names_arena, 0, 0);
    const ly_str dir = ly_val_str(ly_val_get(line, "dir"), &names_arena);
    char folder[3000], path[3100], names[SCENE_FILES][64];
    snprintf(folder, sizeof folder, "%s/%.*s", root, LY_STR_ARG(dir));
    const size_t n = list(folder, names);
    for (int backwards = 0; backwards < 2 && n > 0; backwards++) {
        ly_store *store = fresh(db);
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
    ly_arena_release(&names_arena);
}

static void corpus_totals(void **state)
{
    (void)state;
    const char *shared = getenv("SHARED");
    char root[2048], path[2100], db[64] = "/tmp/lydite-corpus-XXXXXX", file[128];
    snprintf(root, sizeof root, "%s/data/corpus", shared ? shared : LY_SHARED_DIR);
    snprintf(path, sizeof path, "%s/expected.jsonl", root);
    const ly_str text = read_whole(path);
    if (!text.len)
        skip();
    assert_non_null(mkdtemp(db));
    snprintf(file, sizeof file, "%s/t.db", db);
    ly_str rest = text, one, last = LY_STR_NONE;
    while (ly_str_split(&rest, '\n', &one)) {
        const ly_val line = ly_val_json(one);
        if (line.kind != LY_IS_OBJECT)
            continue;
        /* One transport of a scenario is enough here: their payloads say the same. */
        const ly_str dir = ly_val_str(ly_val_get(line, "dir"), NULL);
        const ly_str base = ly_str_sub(dir, 0, ly_str_find_char(dir, '+', 0));
        if (ly_str_eq(base, last) || !ly_str_starts(dir, ly_str_c(ONLY)))
            continue;
        last = base;
        check_scenario(root, file, line);
    }
    ly_free((void *)text.ptr);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        snprintf(path, sizeof path, "%s%s", file, ends[i]);
        (void)unlink(path);
    }
    (void)rmdir(db);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus_totals)};
    return cmocka_run_group_tests_name("ingest/corpus", tests, NULL, NULL);
}
