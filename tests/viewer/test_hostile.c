/*
 * What strangers write, on every screen and in every printed line.
 * Held: each row as wide as the screen, no byte below 0x20 outside of our own sequences.
 */
#include "viewer/strangers.h"

static void fill_hostile(ly_store *store, ly_str text)
{
    ly_err err = LY_ERR_INIT;
    ly_score score = {
        .name = ly_str_sub(text, 0, 100), .value = 0.5, .reason = text, .actor = text};
    score.trace_id.b[0] = 0x66;
    score.trace_id.b[15] = HOSTILE;
    (void)!ly_score_add(store, &score, &err);
}

static int set_up_hostile(void **state)
{
    return strangers_made(state, "hostile", fill_hostile);
}

/* The trace of attacks: each span selected, each part of the detail, each lens, as a page. */
static void every_part_of_a_trace(void **state)
{
    ly_buf bytes;
    ly_buf_init(&bytes, LY_MIB(64));
    for (int u = 0; u < 2; u++) {
        ly_app *app = open_app(*state, 24, 80, u == 1);
        ly_app_open_trace(app, trace_of(HOSTILE));
        for (const char *lens = "wsm"; *lens; lens++) {
            ly_app_key(app, (ly_key){.code = (unsigned char)*lens});
            for (size_t row = 0; row < (*lens == 'm' ? 40 : LY_COUNT(attacks)); row++) {
                for (int part = 0; part < (*lens == 'w' ? 6 : 1); part++) {
                    draw(app);
                    check_grid(app);
                    check_bytes(app, LY_SCHEME_COLOR, &bytes);
                    type(app, "]");
                }
                type(app, row % 5 == 0 ? "\r" : "");
                draw(app);
                check_grid(app);
                app->paging = false;
                type(app, *lens == 'm' ? "mj" : "j");
            }
        }
        /* What is copied is clean as well: a paste must not type. */
        type(app, "wgyy");
        for (size_t i = 0; i + 1 < app->osc.len; i++) {
            unsigned char c = (unsigned char)app->osc.ptr[i];
            assert_true(i == 0 ? c == 0x1b : c >= 0x20);
        }
        ly_app_free(app);
    }
    ly_buf_release(&bytes);
}

static void check_lines(ly_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < 0x20 && c != '\n') || c == 0x7f) {
            fail_msg("byte %02x at %zu of %.60s", c, i, text.ptr + (i > 30 ? i - 30 : 0));
        }
    }
    assert_true(ly_str_find(text, LY_S("\xc2\x9b"), 0) == SIZE_MAX);
    assert_true(ly_str_find(text, LY_S("\xe2\x80\xae"), 0) == SIZE_MAX);
}

static void every_printed_line(void **state)
{
    const made *m = *state;
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_arena arena;
    ly_session_row *sessions = NULL;
    ly_store_key key = {0};
    size_t n = 0;
    ly_buf out;
    ly_buf_init(&out, LY_MIB(64));
    ly_arena_init(&arena, 0, 0);
    assert_int_equal(ly_store_open(m->path, &opts, &store, &err), LY_OK);
    for (int k = 0; k < 4; k++) {
        ly_print_opts how = {.width = k & 1 ? 80 : 0, .unicode = k < 2, .all = k & 1};
        ly_buf_reset(&out);
        assert_int_equal(ly_viewer_print_trace(store, trace_of(HOSTILE), &how, &out, &err), LY_OK);
        for (uint64_t id = 1; id <= LY_COUNT(attacks); id++) {
            static const ly_span_view views[] = {LY_SPAN_SUMMARY, LY_SPAN_BODY, LY_SPAN_RAW,
                                                 LY_SPAN_JSON};
            for (size_t v = 0; v < LY_COUNT(views); v++) {
                (void)!ly_viewer_print_span(store, trace_of(HOSTILE), span_id_of(id), views[v],
                                            &how, &out, &err);
            }
            check_lines(ly_buf_view(&out));
            ly_buf_reset(&out);
        }
    }
    ly_print_opts how = {.unicode = true};
    assert_int_equal(
        ly_store_session_page(store, INT64_MIN, INT64_MAX, 10, &key, &arena, &sessions, &n, &err),
        LY_OK);
    assert_true(n > 0);
    assert_int_equal(ly_viewer_print_session(store, sessions[0].session, &how, &out, &err), LY_OK);
    ly_viewer_json_session(&sessions[0], &out);
    assert_int_equal(ly_viewer_json_trace(store, trace_of(HOSTILE), &out, &err), LY_OK);
    check_lines(ly_buf_view(&out));
    ly_arena_release(&arena);
    ly_store_close(store);
    ly_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_screen),
        cmocka_unit_test(every_part_of_a_trace),
        cmocka_unit_test(every_printed_line),
    };
    return cmocka_run_group_tests(tests, set_up_hostile, tear_down);
}
