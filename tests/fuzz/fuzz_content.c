/*
 * What a stranger's span can do to its readers: normalise, messages, content ranges, log meaning.
 *
 * The input is "key LF value LF key LF value …": attributes with strings, where mutations reach the JSON in
 * them; without a line feed it is one gen_ai.input.messages. Checked: nothing crashes, no count is
 * negative, ranges are sorted, disjoint and inside.
 */
#include "base/limits.h"
#include "fuzz.h"
#include "genai/logs.h"
#include "genai/messages.h"
#include "genai/normalise.h"

enum { MAX_ATTRS = 64 };

static void check_ranges(const ly_span *span, ly_arena *arena)
{
    const ly_range *ranges;
    size_t n = 0, end = 0;
    if (ly_genai_content_ranges(span, arena, &ranges, &n) != LY_OK)
        return;
    for (size_t i = 0; i < n; i++) {
        FUZZ_CHECK(ranges[i].offset >= end && ranges[i].len >= LY_CONTENT_MIN);
        end = (size_t)ranges[i].offset + ranges[i].len;
        FUZZ_CHECK(end <= span->wire.len);
    }
}

static void check_tokens(const ly_tokens *t)
{
    const int64_t *all = &t->in_fresh;
    for (size_t i = 0; i < sizeof *t / sizeof *all; i++)
        FUZZ_CHECK(all[i] == LY_UNKNOWN || all[i] >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ly_str whole = ly_str_n(data, size);
    ly_str rest = whole, key, value;
    ly_kv attrs[MAX_ATTRS];
    size_t n = 0;
    while (n < MAX_ATTRS && ly_str_split(&rest, '\n', &key)) {
        if (!ly_str_split(&rest, '\n', &value)) {
            value = key;
            key = LY_S("gen_ai.input.messages");
        }
        attrs[n++] = (ly_kv){key, {.kind = LY_ANY_STRING, .str = value}};
    }
    const ly_resource resource = {.schema_url = {NULL, 0}};
    const ly_scope scope = {.name = n ? attrs[0].value.str : LY_STR_NONE};
    const ly_span span = {.name = LY_S("s"),
                          .start_ns = 1,
                          .end_ns = 2000000000,
                          .attrs = {attrs, n, 0},
                          .resource = &resource,
                          .scope = &scope,
                          .wire = whole};
    const ly_log_record log = {.time_ns = 5,
                               .attrs = {attrs, n, 0},
                               .event_name = n ? attrs[0].key : LY_STR_NONE,
                               .resource = &resource,
                               .scope = &scope};
    const ly_log_record *logs[] = {&log};
    ly_arena arena;
    ly_canon canon;
    ly_messages messages;
    ly_log_info info;
    ly_arena_init(&arena, 0, LY_MIB(256));
    (void)ly_genai_normalise(&span, &arena, &canon);
    check_tokens(&canon.tokens);
    (void)ly_genai_messages(&span, logs, 1, &arena, &messages);
    check_ranges(&span, &arena);
    (void)ly_genai_log(&log, &arena, &info);
    check_tokens(&info.canon.tokens);
    (void)ly_genai_enrich(&canon, &info);
    check_tokens(&canon.tokens);
    ly_arena_release(&arena);
    return 0;
}
