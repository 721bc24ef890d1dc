/* Contract of prompts, data sets, runs, scores and kept replies, against the interfaces alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/dataset.h"
#include "store/prompt.h"
#include "store/run.h"
#include "store/score.h"

typedef struct fixture {
    char dir[64], path[96];
    ly_store *store;
    ly_arena arena;
} fixture;

static int open_new(void **state)
{
    static fixture f;
    f = (fixture){.dir = "/tmp/lydite-nouns-XXXXXX"};
    if (!mkdtemp(f.dir)) {
        return -1;
    }
    (void)snprintf(f.path, sizeof f.path, "%s/t.db", f.dir);
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = LY_STORE_WRITER;
    ly_arena_init(&f.arena, 0, 0);
    *state = &f;
    return ly_store_open(f.path, &opts, &f.store, NULL) == LY_OK ? 0 : -1;
}

static int remove_all(void **state)
{
    fixture *f = *state;
    static const char *const ends[] = {"", "-wal", "-shm"};
    ly_store_close(f->store);
    ly_arena_release(&f->arena);
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", f->path, ends[i]);
        (void)unlink(path);
    }
    return rmdir(f->dir);
}

static int64_t put(fixture *f, const char *name, const char *body)
{
    ly_prompt_version v;
    assert_int_equal(ly_prompt_put(f->store, ly_str_c(name), ly_str_c(body), LY_S("why"),
                                   LY_S("me"), &f->arena, &v, NULL),
                     LY_OK);
    return v.made_now ? v.number : -v.number;
}

static int64_t number_of(fixture *f, const char *ref)
{
    ly_prompt_version v;
    return ly_prompt_get(f->store, ly_str_c(ref), &f->arena, &v, NULL) == LY_OK ? v.number : 0;
}

static void prompts(void **state)
{
    fixture *f = *state;
    ly_err err = LY_ERR_INIT;
    assert_int_equal(put(f, "p", "one"), 1);
    assert_int_equal(put(f, "p", "two"), 2);
    assert_int_equal(put(f, "p", "one"), -1); /* the same content is the same version */
    assert_int_equal(put(f, "q", "one"), 1);
    assert_int_equal(number_of(f, "p"), 2);
    assert_int_equal(number_of(f, "p@1"), 1);
    ly_prompt_version v;
    assert_int_equal(ly_prompt_get(f->store, LY_S("p@1"), &f->arena, &v, NULL), LY_OK);
    assert_true(ly_str_eqc(v.body, "one") && ly_str_eqc(v.message, "why"));
    char hex[65], ref[80];
    ly_hex_encode(v.hash, 32, hex);
    (void)snprintf(ref, sizeof ref, "p@%.8s", hex);
    assert_int_equal(number_of(f, ref), 1);
    assert_int_equal(ly_prompt_get(f->store, LY_S("gone"), &f->arena, &v, &err), LY_E_NOTFOUND);
    assert_int_equal(ly_prompt_get(f->store, LY_S("p@9"), &f->arena, &v, &err), LY_E_NOTFOUND);
    assert_non_null(strstr(err.text, "prompt log p"));
    assert_int_equal(ly_prompt_put(f->store, LY_S("a b"), LY_S("x"), LY_STR_NONE, LY_STR_NONE,
                                   &f->arena, &v, &err),
                     LY_E_INVALID);
    assert_int_equal(ly_prompt_remove(f->store, LY_S("q"), NULL), LY_OK);
    ly_prompt_version *rows = NULL;
    size_t n = 0;
    assert_int_equal(ly_prompt_list(f->store, &f->arena, &rows, &n, NULL), LY_OK);
    assert_int_equal(n, 1);
    assert_int_equal(number_of(f, "q"), 0);
    assert_int_equal(number_of(f, "q@1"), 1); /* a run may still name it */
    assert_int_equal(put(f, "q", "one"), -1);
    assert_int_equal(number_of(f, "q"), 1);
}

static void aliases(void **state)
{
    fixture *f = *state;
    ly_err err = LY_ERR_INIT;
    (void)put(f, "p", "one");
    (void)put(f, "p", "two");
    ly_str p = LY_S("p"), prod = LY_S("production"), none = LY_STR_NONE;
    assert_int_equal(ly_alias_set(f->store, p, prod, 1, 0, none, none, NULL, none, NULL), LY_OK);
    assert_int_equal(number_of(f, "p@production"), 1);
    /* Somebody moved it in between: the move that expected otherwise changes nothing. */
    assert_int_equal(ly_alias_set(f->store, p, prod, 2, 0, none, none, NULL, none, &err),
                     LY_E_CONFLICT);
    assert_int_equal(number_of(f, "p@production"), 1);
    assert_int_equal(ly_alias_set(f->store, p, prod, 2, 1, none, LY_S("better"), NULL, none, NULL),
                     LY_OK);
    assert_int_equal(ly_alias_set(f->store, p, prod, 2, -1, none, none, NULL, none, NULL), LY_OK);
    assert_int_equal(ly_alias_set(f->store, p, prod, 7, -1, none, none, NULL, none, NULL),
                     LY_E_NOTFOUND);
    assert_int_equal(ly_alias_set(f->store, p, LY_S("12"), 1, -1, none, none, NULL, none, NULL),
                     LY_E_INVALID);
    ly_alias_move *moves = NULL;
    size_t n = 0;
    assert_int_equal(ly_alias_history(f->store, p, prod, &f->arena, &moves, &n, NULL), LY_OK);
    assert_int_equal(n, 2); /* moving to where it points is no move */
    assert_int_equal(moves[0].from, 1);
    assert_int_equal(moves[0].to, 2);
    assert_true(ly_str_eqc(moves[0].reason, "better"));
    assert_int_equal(ly_alias_drop(f->store, p, prod, none, NULL), LY_OK);
    assert_int_equal(number_of(f, "p@production"), 0);
    assert_int_equal(ly_prompt_tag(f->store, LY_S("p@2"), LY_S("good"), true, NULL), LY_OK);
    ly_prompt_version v;
    assert_int_equal(ly_prompt_get(f->store, LY_S("p@2"), &f->arena, &v, NULL), LY_OK);
    assert_true(ly_str_eqc(v.tags, "good"));
}

static ly_dataset_version put_rows(fixture *f, const char *name, int from, int to)
{
    ly_dataset_writer *w = NULL;
    ly_dataset_version v = {0};
    assert_int_equal(ly_dataset_begin(f->store, ly_str_c(name), LY_S("here"), &w, NULL), LY_OK);
    for (int i = from; i < to; i++) {
        char data[40], key[16];
        (void)snprintf(data, sizeof data, "{\"n\":%d}", i);
        (void)snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(ly_dataset_add(w, ly_str_c(key), ly_str_c(data), NULL, NULL), LY_OK);
    }
    assert_int_equal(ly_dataset_end(w, &f->arena, &v, NULL), LY_OK);
    return v;
}

static void datasets(void **state)
{
    fixture *f = *state;
    ly_dataset_version v = put_rows(f, "d", 0, 250), w;
    assert_true(v.made_now && v.number == 1 && v.n_rows == 250);
    w = put_rows(f, "d", 0, 250);
    assert_true(!w.made_now && w.number == 1);
    w = put_rows(f, "d", 0, 251);
    assert_true(w.made_now && w.number == 2);
    ly_row *rows = NULL;
    size_t n = 0;
    assert_int_equal(ly_dataset_rows(f->store, LY_S("d"), 1, 0, 0, &f->arena, &rows, &n, NULL),
                     LY_OK);
    assert_int_equal(n, 250);
    assert_true(rows[249].position == 249 && ly_str_eqc(rows[249].data, "{\"n\":249}"));
    assert_true(ly_str_eqc(rows[0].key, "k0"));
    /* Given up in the middle: nothing of it is to be seen. */
    ly_dataset_writer *half = NULL;
    assert_int_equal(ly_dataset_begin(f->store, LY_S("half"), LY_STR_NONE, &half, NULL), LY_OK);
    for (int i = 0; i < 150; i++) {
        assert_int_equal(ly_dataset_add(half, LY_STR_NONE, LY_S("{}"), NULL, NULL), LY_OK);
    }
    ly_dataset_abandon(half);
    assert_int_equal(ly_dataset_get(f->store, LY_S("half"), &f->arena, &w, NULL), LY_E_NOTFOUND);
    assert_int_equal(ly_dataset_begin(f->store, LY_S("empty"), LY_S("e.csv"), &half, NULL), LY_OK);
    assert_int_equal(ly_dataset_end(half, &f->arena, &w, NULL), LY_E_INVALID);
}

static void runs(void **state)
{
    fixture *f = *state;
    uint8_t id[16], key[32] = {7};
    ly_run run;
    (void)put_rows(f, "d", 0, 3);
    assert_int_equal(ly_run_make(f->store, LY_S("exp"), LY_S("{}"), LY_S("d"), 1, id, NULL), LY_OK);
    ly_score scores[2] = {{.name = LY_S("a"), .value = 1, .source = LY_SCORE_CHECK},
                          {.name = LY_S("b"),
                           .value = NAN,
                           .outcome = LY_UNSCORED,
                           .source = LY_SCORE_JUDGE,
                           .detail = LY_S("{\"unscored\":\"parse\"}")}};
    ly_case_done done = {{.row = 2,
                          .target = 1,
                          .repeat = 0,
                          .output = LY_S("out"),
                          .duration_ns = 5,
                          .cost_pico = LY_UNKNOWN,
                          .tokens_in = 3,
                          .tokens_out = LY_UNKNOWN},
                         scores,
                         2,
                         false};
    ly_reply_kept reply = {.body = LY_S("{\"x\":1}")};
    memcpy(reply.key, key, sizeof key);
    assert_int_equal(ly_run_write(f->store, id, &done, 1, &reply, 1, NULL), LY_OK);
    done.about.output = LY_S("another");
    memset(scores[0].score_id, 0, 16);
    memset(scores[1].score_id, 0, 16);
    assert_int_equal(ly_run_write(f->store, id, &done, 1, NULL, 0, NULL), LY_OK);
    ly_case *cases = NULL;
    ly_score *got = NULL;
    size_t n = 0;
    assert_int_equal(ly_run_cases(f->store, id, &f->arena, &cases, &n, NULL), LY_OK);
    assert_int_equal(n, 1); /* what was there stays as it was */
    assert_true(ly_str_eqc(cases[0].output, "out") && cases[0].cost_pico == LY_UNKNOWN);
    assert_int_equal(ly_run_scores(f->store, id, &f->arena, &got, &n, NULL), LY_OK);
    assert_int_equal(n, 2);
    assert_true(got[0].value == 1 && isnan(got[1].value) && got[1].outcome == LY_UNSCORED);
    assert_true(got[0].row == 2 && got[0].target == 1);
    ly_str body;
    assert_int_equal(ly_call_cache_get(f->store, key, &f->arena, &body, NULL), LY_OK);
    assert_true(ly_str_eqc(body, "{\"x\":1}"));
    key[0] = 8;
    assert_int_equal(ly_call_cache_get(f->store, key, &f->arena, &body, NULL), LY_E_NOTFOUND);
    assert_int_equal(ly_run_state(f->store, id, LY_S("done"), LY_STR_NONE, NULL), LY_OK);
    assert_int_equal(ly_run_get(f->store, LY_S("@last"), &f->arena, &run, NULL), LY_OK);
    assert_true(ly_str_eqc(run.state, "done") && run.n_cases == 1 && run.n_rows == 3);
    assert_int_equal(run.cost_pico, LY_UNKNOWN); /* nothing known is not 0 */
    assert_int_equal(ly_run_get(f->store, LY_S("exp"), &f->arena, &run, NULL), LY_OK);
    char hex[33];
    ly_hex_encode(id, 16, hex);
    assert_int_equal(ly_run_get(f->store, ly_str_n(hex, 8), &f->arena, &run, NULL), LY_OK);
    assert_int_equal(ly_run_get(f->store, LY_S("@last~1"), &f->arena, &run, NULL), LY_E_NOTFOUND);
    assert_int_equal(ly_run_get(f->store, LY_S("@lastly"), &f->arena, &run, NULL), LY_E_INVALID);
}

static void scores(void **state)
{
    fixture *f = *state;
    ly_trace_id trace = {{1, 2, 3}};
    ly_score s = {
        .trace_id = trace, .name = LY_S("helpful"), .value = 0.5, .source = LY_SCORE_HUMAN};
    assert_int_equal(ly_score_add(f->store, &s, NULL), LY_OK);
    assert_int_equal(ly_score_add(f->store, &s, NULL), LY_OK); /* said again */
    s.value = 0.6;
    assert_int_equal(ly_score_add(f->store, &s, NULL), LY_E_CONFLICT);
    ly_score bad = {.trace_id = trace, .name = LY_S("x"), .value = NAN};
    assert_int_equal(ly_score_add(f->store, &bad, NULL), LY_E_INVALID);
    bad = (ly_score){.name = LY_S("x"), .value = 1};
    assert_int_equal(ly_score_add(f->store, &bad, NULL), LY_E_INVALID);
    bad = (ly_score){.trace_id = trace, .name = LY_S("x"), .value = INFINITY};
    assert_int_equal(ly_score_add(f->store, &bad, NULL), LY_E_INVALID);
    ly_score_query q = {.trace = &trace, .since_ns = INT64_MIN, .until_ns = INT64_MAX};
    ly_score *rows = NULL;
    size_t n = 0;
    assert_int_equal(ly_score_list(f->store, &q, &f->arena, &rows, &n, NULL), LY_OK);
    assert_true(n == 1 && rows[0].value == 0.5);
    char hex[33];
    uint8_t id[16];
    ly_hex_encode(s.score_id, 16, hex);
    assert_int_equal(ly_score_find(f->store, ly_str_n(hex, 6), id, NULL), LY_OK);
    assert_int_equal(ly_score_retract(f->store, id, NULL), LY_OK);
    assert_int_equal(ly_score_retract(f->store, id, NULL), LY_OK);
    assert_int_equal(ly_score_list(f->store, &q, &f->arena, &rows, &n, NULL), LY_OK);
    assert_int_equal(n, 0);
    q.with_retracted = true;
    assert_int_equal(ly_score_list(f->store, &q, &f->arena, &rows, &n, NULL), LY_OK);
    assert_true(n == 1 && rows[0].retracted_ns > 0);
    id[0] ^= 1;
    assert_int_equal(ly_score_retract(f->store, id, NULL), LY_E_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(prompts, open_new, remove_all),
        cmocka_unit_test_setup_teardown(aliases, open_new, remove_all),
        cmocka_unit_test_setup_teardown(datasets, open_new, remove_all),
        cmocka_unit_test_setup_teardown(runs, open_new, remove_all),
        cmocka_unit_test_setup_teardown(scores, open_new, remove_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
