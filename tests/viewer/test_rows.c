/* The row builder on the wireframe's trace, on large and on malformed ones, and the printed tree. */
#include "viewer/fixture.h"

#include "base/term.h"

static void printed(const char *name, bool unicode, bool all, int width)
{
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_trace *t = fixture_trace(agent_spans, LY_COUNT(agent_spans), &arena);
    ly_print_opts how = {
        .width = width, .unicode = unicode, .all = all, .now_ns = T0 + 600 * LY_NS_PER_SEC};
    ly_buf out;
    ly_buf_init(&out, LY_MIB(1));
    ly_err err = LY_ERR_INIT;
    assert_int_equal(ly_viewer_print_loaded(t, &how, &out, &err), LY_OK);
    golden(name, ly_buf_view(&out));
    if (width > 0) {
        ly_str rest = ly_buf_view(&out), line;
        int n = 0;
        while (ly_str_split(&rest, '\n', &line)) {
            /* the heading and the totals are sentences; the table keeps to the terminal */
            if (n++ >= 3 && line.len > 0 && !ly_str_starts(line, LY_S("17 spans"))) {
                assert_true(ly_term_width(line) <= (size_t)width);
            }
        }
    }
    ly_buf_release(&out);
    ly_arena_release(&arena);
}

static void the_printed_tree(void **state)
{
    (void)state;
    printed("tree_steps_utf8.txt", true, false, 0);
    printed("tree_steps_ascii.txt", false, false, 0);
    printed("tree_all_utf8.txt", true, true, 0);
    printed("tree_steps_100.txt", true, false, 100);
    printed("tree_steps_60.txt", false, false, 80);
}

static void check_rows(const ly_rows *rows, const ly_trace *t)
{
    for (size_t k = 0; k < rows->n; k++) {
        const ly_row *r = &rows->items[k];
        assert_true(r->node < t->n);
        if (r->parent == LY_NO_ROW) {
            assert_int_equal(r->depth, 0);
        } else {
            assert_true(r->parent < k);
            assert_int_equal(r->depth, rows->items[r->parent].depth + 1);
        }
    }
}

/* A pending step is lost after 30 s without anything heard of its process; an ended one never. */
static void lost_steps(void **state)
{
    enum { S = 1000 };
    static const struct {
        bool pending;
        int64_t start_ms, heard_ms, now_ms; /* heard of the step's process, -1 = never */
        bool lost;
    } rows[] = {
        {true, 0, 0, 5 * S, false},
        {true, 0, 0, 30 * S, false},          /* three signs of life may be missed */
        {true, 0, 0, 30 * S + 1, true},       /* silence */
        {true, 0, 3600 * S, 3610 * S, false}, /* an hour long, and its process told so */
        {true, 0, 3600 * S, 3631 * S, true},  /* then it fell silent */
        {true, 50 * S, 0, 60 * S, false},     /* started later than anything was heard */
        {true, 0, -1, 20 * S, false},         /* never heard: the start stands alone */
        {true, 0, -1, 31 * S, true},
        {true, 60 * S, 0, 0, false},        /* started in our future */
        {false, 0, 1 * S, 3600 * S, false}, /* ended */
    };
    (void)state;
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        ly_node node = {.start_ns = T0 + rows[i].start_ms * MS,
                        .end_ns = LY_UNKNOWN,
                        .heard_ns = rows[i].heard_ms < 0 ? LY_UNKNOWN : T0 + rows[i].heard_ms * MS,
                        .flags = rows[i].pending ? LY_SPAN_PENDING : 0};
        if (ly_store_lost(&node, T0 + rows[i].now_ms * MS) != rows[i].lost) {
            fail_msg("row %zu should be %s", i, rows[i].lost ? "lost" : "alive");
        }
    }
}

static void wide(void **state)
{
    (void)state;
    enum { N = 100001 };
    fixture_span *spans = ly_calloc(N, sizeof *spans);
    for (size_t i = 0; i < N; i++) {
        spans[i] = (fixture_span){.id = i + 1,
                                  .parent = i ? 1 : 0,
                                  .type = LY_TYPE_TOOL,
                                  .name = i % 2 ? "a" : "b",
                                  .start_ms = (int64_t)i,
                                  .dur_ms = 1};
    }
    ly_arena arena, scratch;
    ly_arena_init(&arena, 0, 0);
    ly_arena_init(&scratch, 0, 0);
    ly_trace *t = fixture_trace(spans, N, &arena);
    ly_sums *sums = NULL;
    ly_rows rows = {0};
    int64_t start = ly_mono_ns();
    assert_int_equal(ly_sums_build(t, NULL, &arena, &sums, NULL), LY_OK);
    ly_rows_opts opts = {0};
    assert_int_equal(ly_rows_build(sums, &opts, &scratch, &rows, NULL), LY_OK);
    /* Linear work is a few milliseconds; quadratic would be minutes. */
    assert_true(ly_mono_ns() - start < 3 * LY_NS_PER_SEC);
    assert_int_equal(rows.n, N);
    check_rows(&rows, t);
    ly_rows_release(&rows);
    ly_arena_release(&scratch);
    ly_arena_release(&arena);
    ly_free(spans);
}

static void deep(void **state)
{
    (void)state;
    enum { N = 5000 };
    fixture_span *spans = ly_calloc(N, sizeof *spans);
    for (size_t i = 0; i < N; i++) {
        spans[i] = (fixture_span){.id = i + 1,
                                  .parent = i,
                                  .type = LY_TYPE_STEP,
                                  .name = "deep",
                                  .start_ms = (int64_t)i,
                                  .dur_ms = 10};
    }
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    ly_trace *t = fixture_trace(spans, N, &arena);
    ly_buf out;
    ly_buf_init(&out, LY_MIB(16));
    ly_print_opts how = {.width = 80, .unicode = true};
    assert_int_equal(ly_viewer_print_loaded(t, &how, &out, NULL), LY_OK);
    ly_str rest = ly_buf_view(&out), line;
    size_t n = 0;
    while (ly_str_split(&rest, '\n', &line)) {
        if (n++ > 2 && n < N) {
            assert_true(ly_term_width(line) <= 80);
        }
    }
    ly_buf_release(&out);
    ly_arena_release(&arena);
    ly_free(spans);
}

static void random_shapes(void **state)
{
    (void)state;
    uint64_t seed = 99;
    for (int round = 0; round < 300; round++) {
        fixture_span spans[60];
        size_t n = 1 + (size_t)(round % 60);
        uint8_t match[60], folded[60];
        for (size_t i = 0; i < n; i++) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            uint64_t r = seed >> 20;
            /* parents among the ids, themselves and ids that are not there: cycles and orphans */
            spans[i] = (fixture_span){.id = i + 1,
                                      .parent = r % (n + 4),
                                      .type = (ly_type)((r >> 8) % LY_TYPE__COUNT),
                                      .name = (r >> 12) % 3 ? "x" : "y\x1b[2J",
                                      .start_ms = (int64_t)((r >> 16) % 50) - 10,
                                      .dur_ms = (int64_t)((r >> 22) % 40) - 5,
                                      .error = (r >> 30) % 4 ? NULL : "bad\n\x9b",
                                      .tokens_in = (int64_t)((r >> 32) % 3) * 10};
            if (spans[i].dur_ms == -1) {
                spans[i].dur_ms = -1;
            }
            match[i] = (r >> 35) % 3 == 0;
            folded[i] = (r >> 37) % 5 == 0;
        }
        ly_arena arena, scratch;
        ly_arena_init(&arena, 0, 0);
        ly_arena_init(&scratch, 0, 0);
        ly_trace *t = fixture_trace(spans, n, &arena);
        ly_sums *sums = NULL;
        assert_int_equal(ly_sums_build(t, NULL, &arena, &sums, NULL), LY_OK);
        ly_rows rows = {0};
        for (int mode = 0; mode < 8; mode++) {
            ly_rows_opts opts = {.all = mode & 1,
                                 .folded = mode & 2 ? folded : NULL,
                                 .match = mode & 4 ? match : NULL};
            ly_arena_reset(&scratch);
            assert_int_equal(ly_rows_build(sums, &opts, &scratch, &rows, NULL), LY_OK);
            check_rows(&rows, t);
            /* Every span is accounted for once: in a row of its own, in a group, or folded. */
            if (mode == 1) {
                size_t shown = 0;
                for (size_t k = 0; k < rows.n; k++) {
                    shown += rows.items[k].kind == LY_ROW_SPAN;
                }
                assert_int_equal(shown, n);
            } else if (mode == 0) {
                size_t counted = 0;
                for (size_t k = 0; k < rows.n; k++) {
                    const ly_row *r = &rows.items[k];
                    counted += r->kind == LY_ROW_SPAN ? 1 : r->kind == LY_ROW_FOLDED ? r->count : 0;
                    if (r->kind == LY_ROW_GROUP) {
                        uint32_t i = r->node;
                        for (uint32_t m = 0; m < r->count; i = t->nodes[i].next_sibling) {
                            if (!ly_type_plumbing(t->nodes[i].canon.type)) {
                                counted += sums->nodes[i].size;
                                m++;
                            }
                        }
                    }
                }
                assert_int_equal(counted, n);
            }
        }
        ly_buf out;
        ly_buf_init(&out, LY_MIB(1));
        ly_print_opts how = {.unicode = round % 2, .all = round % 3 == 0};
        assert_int_equal(ly_viewer_print_loaded(t, &how, &out, NULL), LY_OK);
        for (size_t i = 0; i < out.len; i++) {
            assert_true((unsigned char)out.ptr[i] >= 0x20 || out.ptr[i] == '\n');
        }
        ly_buf_release(&out);
        ly_rows_release(&rows);
        ly_arena_release(&scratch);
        ly_arena_release(&arena);
    }
}

/* core/filter may not include genai: its list of types must be the same. */
static void the_filter_knows_every_type(void **state)
{
    (void)state;
    for (int t = 0; t < LY_TYPE__COUNT; t++) {
        char text[64];
        ly_filter *f = NULL;
        ly_err err = LY_ERR_INIT;
        snprintf(text, sizeof text, "type:%s", ly_type_name((ly_type)t));
        if (ly_filter_parse(ly_str_c(text), NULL, &f, NULL, &err) != LY_OK) {
            fail_msg("%s", err.text);
        }
        assert_true(ly_str_eqc(ly_filter_root(f)->text, ly_type_name((ly_type)t)));
        ly_filter_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_steps),    cmocka_unit_test(the_printed_tree),
        cmocka_unit_test(wide),          cmocka_unit_test(deep),
        cmocka_unit_test(random_shapes), cmocka_unit_test(the_filter_knows_every_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
