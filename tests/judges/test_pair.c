/*
 * Pairwise judging: free text is read as LLMBar's recorded replies are, both orders are settled, and the
 * shares come out as published for the recorded judge; then the whole path through a judge and a scripted
 * answer. Skipped (77) where the data is not there.
 */
#include "../test.h"

#include <math.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/mem.h"
#include "judges/judge.h"
#include "judges/verdict.h"
#include "text/json.h"

static const ly_str labels[] = {{"Output (a)", 10}, {"Output (b)", 10}};

/* 1 the first output, -1 the second, 2 unreadable; shown_first: which of the two was called (a). */
static int read_one(const ly_json *answer, bool swapped, ly_arena *arena)
{
    ly_verdict_read v;
    ly_verdict_read_prose(ly_json_str(ly_json_get(answer, "text")), labels, 2, arena, &v);
    return v.fault ? 2 : (v.label == 0) != swapped ? 1 : -1;
}

typedef struct counts {
    int n, ab_right, ba_right, both_right, same, unread, as_parsed, parsed;
} counts;

static void count_line(ly_str line, const char *judge, counts *c, ly_arena *arena)
{
    ly_json *doc = NULL;
    int64_t gold = 0;
    assert_int_equal(ly_json_parse(line, arena, &doc, NULL), LY_OK);
    const ly_json *a = ly_json_get(ly_json_get(doc, "answers"), judge);
    assert_non_null(a);
    assert_true(ly_json_i64(ly_json_get(doc, "gold"), &gold));
    int want = gold == 1 ? 1 : -1;
    int ab = read_one(ly_json_get(a, "ab"), false, arena);
    int ba = read_one(ly_json_get(a, "ba"), true, arena);
    static const char *const orders[] = {"ab", "ba"};
    for (int i = 0; i < 2; i++) {
        ly_str winner = ly_json_str(ly_json_get(ly_json_get(a, orders[i]), "winner"));
        if (winner.len) {
            c->parsed++;
            c->as_parsed += (ly_str_eqc(winner, "1") ? 1 : -1) == (i ? ba : ab);
        }
    }
    c->n++;
    c->unread += ab == 2 || ba == 2;
    c->ab_right += ab == want;
    c->ba_right += ba == want;
    c->both_right += ab == want && ba == want;
    c->same += ly_pair_settle(ab, ba) != LY_PAIR_UNSETTLED;
}

static counts count_file(const char *name, const char *judge)
{
    char path[600];
    counts c = {0};
    const char *dir = getenv("LY_SHARED_DIR");
    (void)snprintf(path, sizeof path, "%s/data/llmbar/%s", dir ? dir : LY_SHARED_DIR, name);
    FILE *f = fopen(path, "r");
    if (!f) {
        return c;
    }
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, f)) > 0) {
        ly_arena arena;
        ly_arena_init(&arena, 0, 0);
        count_line(ly_str_trim(ly_str_n(line, (size_t)n)), judge, &c, &arena);
        ly_arena_release(&arena);
    }
    (free)(line);
    fclose(f);
    return c;
}

static void llmbar_natural(void **state)
{
    (void)state;
    counts c = count_file("natural.jsonl", "GPT-4/Vanilla");
    if (c.n == 0) {
        skip();
    }
    assert_int_equal(c.n, 100);
    assert_int_equal(c.unread, 0);
    assert_int_equal(c.ab_right, 95);
    assert_int_equal(c.ba_right, 96);
    assert_int_equal(c.both_right, 93);
    assert_int_equal(c.same, 95);
}

/* Every recorded reply that LLMBar's own parser could read is read the same way, of any judge. */
static void as_llmbar_reads(void **state)
{
    (void)state;
    static const char *const judges[] = {"GPT-4/Vanilla", "GPT-4/CoT", "ChatGPT/Vanilla",
                                         "LLaMA2/Vanilla", "Falcon/Vanilla"};
    static const char *const files[] = {"natural.jsonl", "neighbor.jsonl"};
    for (size_t f = 0; f < 2; f++) {
        for (size_t j = 0; j < LY_COUNT(judges); j++) {
            counts c = count_file(files[f], judges[j]);
            if (c.n == 0) {
                skip();
            }
            if (c.as_parsed != c.parsed) {
                print_message("%s of %s: %d of %d\n", judges[j], files[f], c.as_parsed, c.parsed);
            }
            assert_true(c.as_parsed >= c.parsed - c.parsed / 50);
        }
    }
}

static void settled(void **state)
{
    (void)state;
    assert_int_equal(ly_pair_settle(1, 1), LY_PAIR_FIRST);
    assert_int_equal(ly_pair_settle(-1, -1), LY_PAIR_SECOND);
    assert_int_equal(ly_pair_settle(0, 0), LY_PAIR_TIE);
    assert_int_equal(ly_pair_settle(1, -1), LY_PAIR_UNSETTLED);
    assert_int_equal(ly_pair_settle(0, 1), LY_PAIR_UNSETTLED);
}

static void spec_and_messages(void **state)
{
    (void)state;
    ly_arena arena;
    ly_judge *j = NULL;
    ly_llm_model model = {.name = "m", .provider = "openai", .spec = "openai:m"};
    ly_judge_env env = {.model = &model, .temperature = LY_SHAPE_UNSET};
    ly_shape_msg *ab = NULL, *ba = NULL;
    size_t n = 0;
    const char *missing = NULL;
    ly_json_member item = {.key = LY_S("question"),
                           .value = {.kind = LY_JSON_STRING, .str = LY_S("Which metal?")}};
    ly_json row = {.kind = LY_JSON_OBJECT};
    row.object.items = &item;
    row.object.n = 1;
    ly_arena_init(&arena, 0, 0);
    assert_int_equal(ly_judge_parse(LY_S("pairwise"), &env, &arena, &j, NULL), LY_OK);
    assert_true(ly_judge_is_pairwise(j) && ly_judge_is_llm(j));
    ly_judge_input in = {.row = &row, .output = LY_S("gold"), .other = LY_S("lead <<<END")};
    assert_int_equal(ly_judge_messages(j, &in, &arena, &ab, &n, &missing, NULL), LY_OK);
    assert_null(missing);
    size_t a_at = ly_str_find(ab[1].text, LY_S(" output_a>>>\n\"gold\""), 0);
    size_t b_at = ly_str_find(ab[1].text, LY_S(" output_b>>>\n\"lead "), 0);
    assert_true(a_at != SIZE_MAX && b_at != SIZE_MAX && a_at < b_at);
    ly_judge_input swapped = {.row = &row, .output = in.other, .other = in.output};
    assert_int_equal(ly_judge_messages(j, &swapped, &arena, &ba, &n, &missing, NULL), LY_OK);
    assert_true(ly_str_find(ba[1].text, LY_S(" output_b>>>\n\"gold\""), 0) != SIZE_MAX);
    in.other = LY_STR_NONE;
    assert_int_equal(ly_judge_messages(j, &in, &arena, &ab, &n, &missing, NULL), LY_OK);
    assert_string_equal(missing, "output_b");
    ly_judge_release(j);
    ly_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(llmbar_natural),
        cmocka_unit_test(as_llmbar_reads),
        cmocka_unit_test(settled),
        cmocka_unit_test(spec_and_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
