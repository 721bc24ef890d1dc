/*
 * Every recorded scenario against what is true by construction: models, providers, tokens of each call
 * and in total, tool names, session, errors. A scenario that differs must stand in exceptions.def with the
 * client's own error and the value it did send, which is then what must come out.
 *
 *     t_genai_corpus --list     prints every difference, excused or not
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "genai/corpus.h"
#include "genai/exceptions.h"

static bool used[LY_COUNT(exceptions)];
static bool list_all;
static int failures;

static void differs(ly_str dir, const char *what, long long want, long long got, const char *note)
{
    const int row = exception_of(dir, what, got);
    if (row >= 0) {
        used[row] = true;
        if (list_all)
            printf("excused %.*s %s: want %lld got %lld (%s)\n", LY_STR_ARG(dir), what, want, got,
                   exceptions[row].why);
        return;
    }
    failures++;
    printf("DIFFERS %.*s %s: want %lld got %lld %s\n", LY_STR_ARG(dir), what, want, got, note);
}

static long long num(int64_t v)
{
    return v == LY_UNKNOWN ? 0 : v;
}

static int64_t field(ly_val object, const char *name)
{
    int64_t v = 0;
    return ly_val_i64(ly_val_get(object, name), &v) ? v : 0;
}

static void check_totals(const scene *s, ly_str dir, ly_val line)
{
    const ly_val want = ly_val_get(line, "totals");
    const ly_tokens *t = &s->total.tokens;
    const struct {
        const char *name;
        int64_t got;
    } rows[] = {{"input_tokens", ly_tokens_in(t)},
                {"output_tokens", ly_tokens_out(t)},
                {"cached_tokens", t->cache_read},
                {"cache_creation_tokens", t->cache_write},
                {"reasoning_tokens", t->out_reasoning}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (field(want, rows[i].name) != num(rows[i].got))
            differs(dir, rows[i].name, field(want, rows[i].name), num(rows[i].got), "");
    }
}

static bool provider_fits(ly_str want, ly_str got)
{
    if (ly_str_eqc(want, "gemini"))
        return ly_str_starts(got, LY_S("gcp."));
    return ly_str_eq(want, got);
}

static bool model_fits(ly_val call, const ly_canon *c, ly_arena *arena)
{
    const ly_str request = ly_val_str(ly_val_get(call, "request_model"), arena);
    const ly_str response = ly_val_str(ly_val_get(call, "response_model"), arena);
    const bool req_ok = !c->request_model.len || ly_str_eq(c->request_model, request) ||
                        ly_str_eq(c->request_model, response);
    const bool resp_ok = !c->response_model.len || ly_str_eq(c->response_model, response) ||
                         ly_str_eq(c->response_model, request);
    return req_ok && resp_ok && ly_canon_model(c).len > 0;
}

/* Each call of the truth takes one counted span with its model, provider and counts. */
static void check_calls(scene *s, ly_str dir, ly_val line)
{
    bool *taken = LY_ARENA_ARRAY(&s->arena, bool, s->n_spans + 1);
    ly_val_iter it = ly_val_each(ly_val_get(line, "llm_calls"));
    ly_str key;
    ly_val call;
    long long want = 0, missing = 0;
    char note[512] = "";
    while (ly_val_next(&it, &key, &call)) {
        bool failed = false;
        if (ly_val_bool(ly_val_get(call, "error"), &failed) && failed)
            continue;
        want++;
        const ly_str provider = ly_val_str(ly_val_get(call, "provider"), &s->arena);
        bool found = false;
        for (size_t i = 0; i < s->n_spans && !found; i++) {
            const scene_span *span = &s->spans[i];
            if (taken[i] || span->mark.kind != LY_MARK_COUNTED ||
                num(ly_tokens_in(&span->mark.tokens)) != field(call, "input_tokens") ||
                num(ly_tokens_out(&span->mark.tokens)) != field(call, "output_tokens") ||
                !provider_fits(provider, span->canon.provider) ||
                !model_fits(call, &span->canon, &s->arena))
                continue;
            taken[i] = found = true;
        }
        if (!found) {
            missing++;
            snprintf(note, sizeof note, "first missing: call %lld %lld/%lld",
                     (long long)field(call, "n"), (long long)field(call, "input_tokens"),
                     (long long)field(call, "output_tokens"));
        }
    }
    if (missing)
        differs(dir, "calls", want, want - missing, note);
}

static void check_tools(scene *s, ly_str dir, ly_val line)
{
    bool *taken = LY_ARENA_ARRAY(&s->arena, bool, s->n_spans + 1);
    ly_val_iter it = ly_val_each(ly_val_get(line, "tools_executed"));
    ly_str key;
    ly_val tool;
    long long want = 0, got = 0, extra = 0;
    while (ly_val_next(&it, &key, &tool)) {
        const ly_str name = ly_val_str(tool, &s->arena);
        want++;
        for (size_t i = 0; i < s->n_spans; i++) {
            if (!taken[i] && s->spans[i].canon.type == LY_TYPE_TOOL &&
                ly_str_eq(s->spans[i].canon.tool_name, name)) {
                taken[i] = true;
                got++;
                break;
            }
        }
    }
    if (want != got)
        differs(dir, "tools", want, got, "");
    for (size_t i = 0; want && i < s->n_spans; i++)
        extra += s->spans[i].canon.type == LY_TYPE_TOOL && !taken[i];
    if (extra)
        differs(dir, "extra_tools", 0, extra, "");
}

static void check_session(scene *s, ly_str dir, ly_val line)
{
    const ly_str want = ly_val_str(ly_val_get(line, "session_id"), &s->arena);
    if (!want.len)
        return;
    long long right = 0, wrong = 0;
    for (size_t i = 0; i < s->n_spans; i++) {
        const ly_str got = s->spans[i].canon.session;
        right += ly_str_eq(got, want);
        wrong += got.len && !ly_str_eq(got, want);
    }
    if (right == 0 || wrong)
        differs(dir, "session", 1, right ? -wrong : 0, "");
}

static void check_error(scene *s, ly_str dir, ly_val line)
{
    bool want = false;
    long long got = 0;
    if (!ly_val_bool(ly_val_get(line, "error"), &want))
        return;
    for (size_t i = 0; i < s->n_spans; i++)
        got += s->spans[i].canon.error;
    for (size_t i = 0; i < s->n_logs; i++)
        got += s->infos[i].canon.error;
    if (want != (got > 0))
        differs(dir, "error", want, got, "");
}

static void check_scenario(const char *root, ly_val line, void *user)
{
    (void)user;
    scene s;
    ly_arena names;
    ly_arena_init(&names, 0, 0);
    const ly_str dir = ly_val_str(ly_val_get(line, "dir"), &names);
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/%.*s", root, LY_STR_ARG(dir));
    if (!scene_load(&s, folder)) {
        differs(dir, "load", 1, 0, "");
    } else if (s.n_spans || s.n_logs) {
        check_totals(&s, dir, line);
        check_calls(&s, dir, line);
        check_tools(&s, dir, line);
        check_session(&s, dir, line);
        check_error(&s, dir, line);
    }
    scene_free(&s);
    ly_arena_release(&names);
}

static void corpus(void **state)
{
    (void)state;
    const size_t scenarios = corpus_each(check_scenario, NULL);
    if (scenarios == 0)
        skip();
    for (size_t i = 0; i < LY_COUNT(exceptions); i++) {
        if (!used[i]) {
            printf("UNUSED exception %s %s\n", exceptions[i].scenario, exceptions[i].what);
            failures++;
        }
    }
    printf("%zu scenarios\n", scenarios);
    assert_int_equal(failures, 0);
}

int main(int argc, char **argv)
{
    list_all = argc > 1 && strcmp(argv[1], "--list") == 0;
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus)};
    return cmocka_run_group_tests_name("genai/corpus", tests, NULL, NULL);
}
