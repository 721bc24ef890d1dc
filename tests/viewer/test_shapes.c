/*
 * Traces of any shape (cycles, orphans, a clock that is wrong, 100,000 children, 5,000 levels) under random keys
 * and sizes, and while they are being read.
 * Held: each row as wide as the screen, the selection kept, no key waits for a trace.
 */
#include "viewer/strangers.h"

static void fill_shapes(ly_store *store, ly_str text)
{
    raw_span *spans = ly_calloc(N_WIDE, sizeof *spans);
    (void)text;
    assert_non_null(spans);
    for (size_t i = 0; i < N_WIDE; i++) {
        spans[i] = (raw_span){.id = i + 1,
                              .parent = i ? 1 : 0,
                              .start_ns = T0 + (int64_t)i * 1000,
                              .end_ns = T0 + (int64_t)i * 1000 + 500,
                              .name = i % 2 ? LY_S("lookup") : LY_S("think"),
                              .kind = (int)(i % 4),
                              .error = i % 9999 == 7};
    }
    store_raw(store, WIDE, spans, N_WIDE);
    for (size_t i = 0; i < N_DEEP; i++) {
        spans[i] = (raw_span){.id = i + 1,
                              .parent = i,
                              .start_ns = T0 + (int64_t)i,
                              .end_ns = T0 + 100000 - (int64_t)i,
                              .name = LY_S("level"),
                              .kind = i % 2 ? 2 : 0};
    }
    store_raw(store, DEEP, spans, N_DEEP);
    ly_free(spans);
}

static int set_up_shapes(void **state)
{
    return strangers_made(state, "shapes", fill_shapes);
}

static void any_shape_any_key(void **state)
{
    static const char keys[] = "jjjjjjkkkgGhlJK -=swm[]eExbtz+_0/nNfF\rVLyqip\t\x04\x15?35";
    ly_buf bytes;
    ly_buf_init(&bytes, LY_MIB(64));
    for (int i = 0; i < N_RANDOM; i++) {
        ly_app *app = open_app(*state, 24, 80, i % 2 == 0);
        ly_app_open_trace(app, trace_of((uint8_t)(RANDOM + i)));
        assert_int_equal(app->trace.trace->n, 300);
        for (int round = 0; round < 250; round++) {
            uint64_t r = draw_number();
            if (r % 17 == 0) {
                assert_true(ly_app_resize(app, 1 + (int)(r >> 8) % 70, 1 + (int)(r >> 14) % 210));
            }
            ly_app_key(app, (ly_key){.code = (unsigned char)keys[(r >> 6) % (sizeof keys - 1)]});
            ly_app_draw(app);
            check_grid(app);
            if (app->screen != LY_SCREEN_TRACE || app->paging || app->asking) {
                app->paging = false;
                app->asking = LY_ASK_NOTHING;
                app->outside_to = LY_OUTSIDE_NOTHING;
                app->quit = false;
                if (app->screen != LY_SCREEN_TRACE || !app->trace.open) {
                    ly_app_open_trace(app, trace_of((uint8_t)(RANDOM + i)));
                }
            }
            /* The selected span keeps its place when the trace is read anew. */
            const ly_trace_state *t = &app->trace;
            if (round % 10 == 0 && t->lens != LY_LENS_MESSAGES && t->at < t->rows.n &&
                t->rows.items[t->at].kind <= LY_ROW_GROUP) {
                ly_span_id id = t->selected;
                ly_app_load(app);
                assert_true(ly_span_id_eq(t->trace->nodes[t->rows.items[t->at].node].span_id, id));
            }
        }
        check_bytes(app, LY_SCHEME_LIGHT, &bytes);
        ly_app_free(app);
    }
    ly_buf_release(&bytes);
}

/* Fold all and unfold all, both ends, errors, each lens: in no time that a reader would notice. */
static void wide_and_deep(void **state)
{
    static const uint8_t which[] = {WIDE, DEEP};
    for (size_t i = 0; i < LY_COUNT(which); i++) {
        ly_app *app = open_app(*state, 50, 160, true);
        ly_app_open_trace(app, trace_of(which[i]));
        assert_int_equal(app->trace.trace->n, which[i] == WIDE ? N_WIDE : N_DEEP);
        for (const char *c = "jjJGkwGg=GEe-jl=xbsGkK"; *c; c++) {
            ly_app_key(app, (ly_key){.code = (unsigned char)*c});
            ly_app_draw(app);
            check_grid(app);
        }
        /* All folded, and a commit comes: what was folded stays so. */
        type(app, "w-");
        size_t rows = app->trace.rows.n;
        app->trace.trace->row.n_spans--; /* as if it had grown */
        ly_screen_trace.load(app, true);
        assert_int_equal(app->trace.rows.n, rows);
        type(app, "=ftype:tool\r");
        ly_app_draw(app);
        check_grid(app);
        ly_app_free(app);
    }
}

/* Ticks until the trace is there, as the loop does. */
static void wait_for_trace(ly_app *app)
{
    for (int64_t until = ly_mono_ns() + 60 * LY_NS_PER_SEC; app->trace.trace == NULL;) {
        assert_true(ly_mono_ns() < until);
        (void)ly_app_tick(app, app->now_ns);
        (void)poll(NULL, 0, 5);
    }
}

/* A large trace is read beside the screens: keys work, Esc stops it, the next one is not disturbed. */
static void reading_does_not_hold_the_keys(void **state)
{
    ly_app *app = open_app(*state, 24, 80, true);
    ly_buf row;
    ly_buf_init(&row, LY_KIB(16));
    app->opts.background = true;
    for (int i = 0; i < 6; i++) {
        ly_app_open_trace(app, trace_of(WIDE));
        draw(app);
        check_grid(app);
        if (app->trace.trace == NULL) { /* a machine that is very quick shows it at once */
            assert_true(ly_trace_loading(app));
            ly_grid_row_text(&app->grid, 4, &row);
            assert_non_null(strstr(ly_buf_text(&row), "loading "));
            assert_non_null(strstr(ly_buf_text(&row), " of 100,000 spans"));
            ly_buf_reset(&row);
        }
        type(app, i % 3 == 0 ? "we3" : "jG?q1j"); /* anything, meanwhile */
        draw(app);
        check_grid(app);
        ly_app_go(app, LY_SCREEN_TRACE);
        if (i % 2) {
            wait_for_trace(app);
            assert_int_equal(app->trace.trace->n, N_WIDE);
        } else if (ly_trace_loading(app)) {
            type(app, i % 4 ? "q" : "\x1b");
            assert_false(ly_trace_loading(app));
            assert_int_not_equal(app->screen, LY_SCREEN_TRACE);
            assert_false(app->quit);
            /* Another one at once. */
            ly_app_open_trace(app, trace_of(DEEP));
            wait_for_trace(app);
            assert_int_equal(app->trace.trace->n, N_DEEP);
        }
    }
    /* Left in the middle. */
    ly_app_open_trace(app, trace_of(HOSTILE));
    ly_app_open_trace(app, trace_of(WIDE));
    ly_app_free(app);
    ly_buf_release(&row);
}

/* e leads to every span that failed, whatever is folded. */
static void errors_are_reached_in_folds(void **state)
{
    ly_app *app = open_app(*state, 24, 80, true);
    for (int i = 0; i <= N_RANDOM; i++) {
        ly_app_open_trace(app, trace_of((uint8_t)(HOSTILE + (i ? i + 2 : 0))));
        size_t errors = 0, met = 0;
        for (size_t k = 0; k < app->trace.trace->n; k++) {
            errors += (app->trace.trace->nodes[k].flags & LY_SPAN_ERROR) != 0;
        }
        type(app, "w-g");
        const ly_row *first = &app->trace.rows.items[0];
        met += first->kind <= LY_ROW_GROUP &&
               (app->trace.trace->nodes[first->node].flags & LY_SPAN_ERROR) != 0;
        for (app->message[0] = '\0'; met <= errors;) {
            type(app, "e");
            if (app->message[0] != '\0') {
                break;
            }
            met += (app->trace.trace->nodes[app->trace.rows.items[app->trace.at].node].flags &
                    LY_SPAN_ERROR) != 0;
        }
        assert_int_equal(met, errors);
        /* And back, from the last row of a tree that is folded again: all but what that row hides. */
        type(app, "-G");
        const ly_row last = app->trace.rows.items[app->trace.at];
        met = (app->trace.trace->nodes[last.node].flags & LY_SPAN_ERROR) != 0;
        errors -= last.folded ? app->trace.sums->nodes[last.node].errors - met : 0;
        for (app->message[0] = '\0'; met <= errors;) {
            type(app, "E");
            if (app->message[0] != '\0') {
                break;
            }
            met += (app->trace.trace->nodes[app->trace.rows.items[app->trace.at].node].flags &
                    LY_SPAN_ERROR) != 0;
        }
        assert_int_equal(met, errors);
    }
    ly_app_free(app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_screen),
        cmocka_unit_test(any_shape_any_key),
        cmocka_unit_test(wide_and_deep),
        cmocka_unit_test(reading_does_not_hold_the_keys),
        cmocka_unit_test(errors_are_reached_in_folds),
    };
    return cmocka_run_group_tests(tests, set_up_shapes, tear_down);
}
