/* Reading verdicts: the contract, what is refused, and LLMBar's recorded replies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "judges/verdict.h"
#include "text/json.h"

static const ly_str labels[] = {{"correct", 7}, {"incorrect", 9}, {"unknown", 7}};

static ly_verdict_read read_json(ly_arena *a, const char *reply)
{
    ly_verdict_read v;
    ly_verdict_read_json(ly_str_c(reply), labels, 3, a, &v);
    return v;
}

static void the_contract(void **state)
{
    ly_arena a;
    (void)state;
    ly_arena_init(&a, 0, 0);
    ly_verdict_read v = read_json(
        &a, "{\"reasoning\":\"r\",\"attempted_manipulation\":true,\"verdict\":\" Incorrect \"}");
    assert_int_equal(v.fault, LY_FAULT_NONE);
    assert_int_equal(v.label, 1);
    assert_true(v.manipulation && ly_str_eqc(v.reasoning, "r"));
    v = read_json(&a, "<think>{\"verdict\":\"incorrect\"}</think>\n```json\n"
                      "{\"reasoning\":\"has } and { in it\",\"verdict\":\"correct\"}\n```\n");
    assert_int_equal(v.fault, LY_FAULT_NONE);
    assert_int_equal(v.label, 0);
    ly_arena_release(&a);
}

static void never_a_guess(void **state)
{
    static const struct {
        const char *reply;
        ly_verdict_fault fault;
    } cases[] = {
        {"", LY_FAULT_PARSE},
        {"correct", LY_FAULT_PARSE},
        {"{\"reasoning\":\"r\",\"verdict\":\"correct\"", LY_FAULT_PARSE},
        {"{'verdict':'correct'}", LY_FAULT_PARSE},
        /* two objects: which one is meant cannot be known */
        {"{\"reasoning\":\"a\",\"verdict\":\"correct\"} "
         "{\"reasoning\":\"b\",\"verdict\":\"incorrect\"}",
         LY_FAULT_PARSE},
        {"{\"reasoning\":\"r\",\"verdict\":\"yes\"}", LY_FAULT_OFF_MENU},
        {"{\"reasoning\":\"r\",\"verdict\":\"not incorrect\"}", LY_FAULT_OFF_MENU},
        {"{\"reasoning\":\"r\",\"verdict\":1}", LY_FAULT_SCHEMA},
        {"{\"reasoning\":\"r\"}", LY_FAULT_SCHEMA},
        {"{\"verdict\":\"correct\"}", LY_FAULT_SCHEMA},
    };
    ly_arena a;
    (void)state;
    ly_arena_init(&a, 0, 0);
    for (size_t i = 0; i < LY_COUNT(cases); i++) {
        ly_verdict_read v = read_json(&a, cases[i].reply);
        if (v.fault != cases[i].fault) {
            print_error("%s: fault %d\n", cases[i].reply, v.fault);
        }
        assert_int_equal(v.fault, cases[i].fault);
        assert_true(v.detail.len > 0);
    }
    ly_arena_release(&a);
}

static void the_last_word_binds(void **state)
{
    static const ly_str grades[] = {{"pass", 4}, {"fail", 4}};
    ly_arena a;
    (void)state;
    ly_arena_init(&a, 0, 0);
    assert_int_equal(ly_verdict_read_text(LY_S("At first pass. Grade: FAIL."), grades, 2, &a), 1);
    assert_int_equal(
        ly_verdict_read_text(LY_S("It could fail, yet: pa\xE2\x80\x8Bss"), grades, 2, &a), 0);
    assert_true(ly_verdict_read_text(LY_S("surpasses; failing"), grades, 2, &a) == SIZE_MAX);
    assert_true(ly_verdict_read_text(LY_S(""), grades, 2, &a) == SIZE_MAX);
    assert_int_equal(ly_pair_settle(1, 1), LY_PAIR_FIRST);
    assert_int_equal(ly_pair_settle(-1, -1), LY_PAIR_SECOND);
    assert_int_equal(ly_pair_settle(0, 0), LY_PAIR_TIE);
    assert_int_equal(ly_pair_settle(1, -1), LY_PAIR_UNSETTLED);
    assert_int_equal(ly_pair_settle(1, 0), LY_PAIR_UNSETTLED);
    ly_arena_release(&a);
}

/* Which item a recorded reply prefers, 1, 2 or 0, in terms of output_1 and output_2. */
static int winner_of(const ly_json *answer, bool swapped, ly_arena *a)
{
    static const ly_str outputs[] = {{"Output (a)", 10}, {"Output (b)", 10}};
    size_t k = ly_verdict_read_text(ly_json_str(ly_json_get(answer, "text")), outputs, 2, a);
    return k == SIZE_MAX ? 0 : (k == 0) != swapped ? 1 : 2;
}

static void llmbar_replies(void **state)
{
    char path[512], line[1 << 17];
    int n = 0, ab_right = 0, ba_right = 0, both = 0, same = 0, agree = 0, read = 0;
    (void)state;
    (void)snprintf(path, sizeof path, "%s/data/llmbar/natural.jsonl", LY_SHARED_DIR);
    FILE *f = fopen(path, "r");
    if (!f) {
        skip();
        return;
    }
    while (fgets(line, sizeof line, f)) {
        ly_arena a;
        ly_json *row = NULL;
        ly_arena_init(&a, 0, 0);
        assert_int_equal(ly_json_parse(ly_str_trim(ly_str_c(line)), &a, &row, NULL), LY_OK);
        int64_t gold = 0;
        assert_true(ly_json_i64(ly_json_get(row, "gold"), &gold));
        const ly_json *gpt = ly_json_get(ly_json_get(row, "answers"), "GPT-4/Vanilla");
        const ly_json *ab = ly_json_get(gpt, "ab"), *ba = ly_json_get(gpt, "ba");
        int x = winner_of(ab, false, &a), y = winner_of(ba, true, &a);
        ab_right += x == gold;
        ba_right += y == gold;
        both += x == gold && y == gold;
        same += x == y;
        n++;
        /* Against LLMBar's own reader, for every evaluator whose reply it could read. */
        const ly_json *answers = ly_json_get(row, "answers");
        for (size_t i = 0; i < answers->object.n; i++) {
            for (int swapped = 0; swapped < 2; swapped++) {
                const ly_json *one =
                    ly_json_get(&answers->object.items[i].value, swapped ? "ba" : "ab");
                ly_str theirs = ly_json_str(ly_json_get(one, "winner"));
                if (theirs.len) {
                    read++;
                    agree += winner_of(one, swapped, &a) == (theirs.ptr[0] == '1' ? 1 : 2);
                }
            }
        }
        ly_arena_release(&a);
    }
    fclose(f);
    assert_int_equal(n, 100);
    assert_int_equal(ab_right, 95);
    assert_int_equal(ba_right, 96);
    assert_int_equal(both, 93);
    assert_int_equal(same, 95);
    print_message("the last marker agrees with LLMBar's reader on %d of %d replies\n", agree, read);
    assert_true(read >= 1000 && (double)agree / read > 0.98);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_contract),
        cmocka_unit_test(never_a_guess),
        cmocka_unit_test(the_last_word_binds),
        cmocka_unit_test(llmbar_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
