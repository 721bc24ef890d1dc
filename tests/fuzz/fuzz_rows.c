/* Spans of any shape (cycles, orphans, no end) as rows: a tree in order, whatever came in. */
#define LY_TESTS_DIR "."
#include "../viewer/fixture.h"
#include "fuzz.h"

#define MAX_SPANS 400
#define BYTES     6 /* of input a span */

static const char *const names[] = {"a", "b", "search", "", "\xff\x1b[2J", "chat gpt-4o"};

static size_t read_spans(const uint8_t *data, size_t size, fixture_span *spans)
{
    size_t n = 0;
    bool taken[256] = {true}; /* the store keeps one span of an id, and none of id zero */
    for (; size >= BYTES && n < MAX_SPANS; data += BYTES, size -= BYTES) {
        if (taken[data[0]]) {
            continue;
        }
        taken[data[0]] = true;
        spans[n++] = (fixture_span){.id = data[0],
                                    .parent = data[1],
                                    .type = (ly_type)(data[2] % (LY_TYPE_OTHER + 1)),
                                    .name = names[data[3] % LY_COUNT(names)],
                                    .start_ms = data[4],
                                    .dur_ms = data[5] == 255 ? -1 : data[5],
                                    .error = data[3] & 0x80 ? "429" : NULL,
                                    .tokens_in = data[4] & 7,
                                    .usd = data[5] & 1 ? 0.25 : 0};
    }
    return n;
}

static void check_rows(const ly_trace *t, const ly_rows *rows)
{
    FUZZ_CHECK(rows->n <= 2 * t->n + 1);
    for (size_t i = 0; i < rows->n; i++) {
        const ly_row *r = &rows->items[i];
        FUZZ_CHECK(r->node < t->n);
        if (r->parent == LY_NO_ROW) {
            FUZZ_CHECK(r->depth == 0);
        } else {
            FUZZ_CHECK(r->parent < i && r->depth == rows->items[r->parent].depth + 1);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fixture_span spans[MAX_SPANS];
    ly_arena arena, scratch;
    ly_rows rows = {0};
    ly_sums *sums = NULL;
    ly_err err = LY_ERR_INIT;
    if (size < 2) {
        return 0;
    }
    ly_arena_init(&arena, 0, LY_MIB(64));
    ly_arena_init(&scratch, 0, LY_MIB(64));
    size_t n = read_spans(data + 2, size - 2, spans);
    ly_trace *t = fixture_trace(spans, n, &arena);
    uint8_t *flags = LY_ARENA_ARRAY(&arena, uint8_t, 3 * n + 3);
    FUZZ_CHECK(flags != NULL && ly_sums_build(t, NULL, &arena, &sums, &err) == LY_OK);
    for (size_t i = 0; i < 3 * t->n; i++) {
        flags[i] = (data[1] >> (i % 7)) & 1;
    }
    ly_rows_opts opts = {.all = data[0] & 1,
                         .folded = data[0] & 2 ? flags : NULL,
                         .open = data[0] & 4 ? flags + n : NULL,
                         .match = data[0] & 8 ? flags + 2 * n : NULL};
    FUZZ_CHECK(ly_rows_build(sums, &opts, &scratch, &rows, &err) == LY_OK);
    check_rows(t, &rows);
    /* Every span has its row where nothing folds and nothing filters. */
    ly_arena_reset(&scratch);
    opts = (ly_rows_opts){.all = true};
    FUZZ_CHECK(ly_rows_build(sums, &opts, &scratch, &rows, &err) == LY_OK);
    check_rows(t, &rows);
    size_t shown = 0;
    for (size_t i = 0; i < rows.n; i++) {
        shown += rows.items[i].kind == LY_ROW_SPAN;
    }
    FUZZ_CHECK(shown == t->n);
    ly_rows_release(&rows);
    ly_arena_release(&scratch);
    ly_arena_release(&arena);
    return 0;
}
