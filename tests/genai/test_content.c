/* Pieces of content: sorted, disjoint, inside the bytes; found again when history comes back. */
#include "genai/kit.h"

#include "base/buf.h"
#include "genai/corpus.h"

typedef struct found {
    ly_arena arena;
    const ly_range *ranges;
    size_t n;
} found;

/* A span whose only value is `text`; wire is the text itself, which is all that the function looks at. */
static void find(found *f, const char *text)
{
    ly_arena_init(&f->arena, 0, 0);
    ly_kv *kv = LY_ARENA_NEW(&f->arena, ly_kv);
    kv->key = LY_S("k");
    kv->value = (ly_any){.kind = LY_ANY_STRING, .str = ly_str_c(text)};
    const ly_span span = {.attrs = {kv, 1, 0}, .wire = ly_str_c(text)};
    assert_int_equal(ly_genai_content_ranges(&span, &f->arena, &f->ranges, &f->n), LY_OK);
}

#define LONG_A                                                                                 \
    "The quick brown fox jumps over the lazy dog, again and again, until the dog gets up and " \
    "walks "                                                                                   \
    "away without looking back even once."
#define LONG_B                                                                                     \
    "Pack my box with five dozen liquor jugs, said the sphinx of black quartz, who judges my vow " \
    "in the light of the setting sun."

static bool has_text(const found *f, const char *text, const char *piece)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->ranges[i].len == strlen(piece) &&
            memcmp(text + f->ranges[i].offset, piece, strlen(piece)) == 0)
            return true;
    }
    return false;
}

static void long_texts_inside_messages(void **state)
{
    (void)state;
    found f;
    const char *in = "[{\"role\":\"user\",\"content\":\"" LONG_A "\"},"
                     "{\"role\":\"assistant\",\"content\":\"" LONG_B "\"}]";
    find(&f, in);
    assert_int_equal(f.n, 2);
    assert_true(has_text(&f, in, LONG_A) && has_text(&f, in, LONG_B));
    ly_arena_release(&f.arena);
    const char *out =
        "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"" LONG_B
        "\"},\"finish_reason\":\"stop\"}]}";
    find(&f, out);
    /* The object round it is small against the text or not: here it is one element. */
    assert_int_equal(f.n, 1);
    ly_arena_release(&f.arena);
}

static void an_element_of_many_small_parts_is_one_piece(void **state)
{
    (void)state;
    found f;
    const char *tool =
        "{\"type\":\"function\",\"name\":\"weather\",\"parameters\":{\"type\":\"object\",\"anyOf\":"
        "[{\"a\":1},{\"b\":2}],\"required\":[\"city\",\"month\"],\"properties\":{\"city\":{"
        "\"type\":"
        "\"string\"}}}}";
    char text[1024];
    snprintf(text, sizeof text, "[%s, %s]", tool, tool);
    find(&f, text);
    assert_int_equal(f.n, 2);
    assert_true(has_text(&f, text, tool));
    ly_arena_release(&f.arena);
}

static void plain_text_vectors_and_broken_json_are_whole(void **state)
{
    (void)state;
    found f;
    find(&f, LONG_A);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.ranges[0].len, strlen(LONG_A));
    ly_arena_release(&f.arena);
    find(&f, "[0.123456,0.123456,0.123456,0.123456,0.123456,0.123456,0.123456,0.123456,0.123456,"
             "0.123456,0.123456,0.123456,0.1]");
    assert_int_equal(f.n, 1);
    assert_int_equal(f.ranges[0].offset, 0);
    ly_arena_release(&f.arena);
    find(&f, "[{\"a\":\"" LONG_A "\"},");
    assert_int_equal(f.n, 1);
    assert_int_equal(f.ranges[0].offset, 0);
    ly_arena_release(&f.arena);
    find(&f, "short");
    assert_int_equal(f.n, 0);
    ly_arena_release(&f.arena);
}

static void deep_nesting_is_whole(void **state)
{
    (void)state;
    ly_buf buf;
    ly_buf_init(&buf, LY_MIB(1));
    ly_buf_fill(&buf, '[', 5000);
    ly_buf_fill(&buf, ']', 5000);
    found f;
    find(&f, ly_buf_text(&buf));
    assert_int_equal(f.n, 1);
    assert_int_equal(f.ranges[0].len, 10000);
    ly_arena_release(&f.arena);
    ly_buf_release(&buf);
}

static void views_outside_of_wire_are_left_alone(void **state)
{
    (void)state;
    found f;
    ly_arena_init(&f.arena, 0, 0);
    ly_kv kv = {LY_S("k"), {.kind = LY_ANY_STRING, .str = LY_S(LONG_A)}};
    const ly_span span = {.attrs = {&kv, 1, 0}, .wire = LY_S("other bytes")};
    assert_int_equal(ly_genai_content_ranges(&span, &f.arena, &f.ranges, &f.n), LY_OK);
    assert_int_equal(f.n, 0);
    ly_arena_release(&f.arena);
}

/* Over every recorded protobuf payload: the promises of the header. */
static void corpus_ranges(void **state)
{
    (void)state;
    const char *shared = getenv("SHARED");
    char root[2048];
    snprintf(root, sizeof root, "%s/data/corpus/traceloop-node-server-sdk-0.27.0/session8",
             shared ? shared : LY_SHARED_DIR);
    scene s;
    if (!scene_load(&s, root)) {
        scene_free(&s);
        skip();
    }
    size_t total = 0, bytes = 0, all = 0;
    for (size_t i = 0; i < s.n_spans; i++) {
        const ly_span *span = s.spans[i].span;
        const ly_range *ranges;
        size_t n, end = 0;
        assert_int_equal(ly_genai_content_ranges(span, &s.arena, &ranges, &n), LY_OK);
        all += span->wire.len;
        for (size_t k = 0; k < n; k++) {
            assert_true(ranges[k].offset >= end);
            assert_true(ranges[k].len >= LY_CONTENT_MIN);
            end = ranges[k].offset + ranges[k].len;
            assert_true(end <= span->wire.len);
            bytes += ranges[k].len;
        }
        total += n;
    }
    assert_true(total > 20);
    assert_true(bytes > all / 2);
    scene_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_texts_inside_messages),
        cmocka_unit_test(an_element_of_many_small_parts_is_one_piece),
        cmocka_unit_test(plain_text_vectors_and_broken_json_are_whole),
        cmocka_unit_test(deep_nesting_is_whole),
        cmocka_unit_test(views_outside_of_wire_are_left_alone),
        cmocka_unit_test(corpus_ranges),
    };
    return cmocka_run_group_tests_name("genai/content", tests, NULL, NULL);
}
