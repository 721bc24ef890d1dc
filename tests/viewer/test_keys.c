/*
 * The key table is true: on each screen that a row names, its keys do something that can be seen; a key that no
 * row names there does nothing and says so; the help lists all; counts, and keys bound anew by name.
 */
#include "viewer/store_fixture.h"

/* Enough rows on every screen that a move has somewhere to go. */
static int set_up_more(void **state)
{
    static const fixture_span other_spans[] = {
        {1, 0, LY_TYPE_AGENT, "planner", 0, 900, NULL, 0, 0, 0, NULL, NULL, 0},
        {2, 1, LY_TYPE_GENERATION, "chat", 10, 500, NULL, 30, 2, 0, "claude-sonnet-4-5", NULL, 0},
    };
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_prompt_version version;
    int64_t left;
    (void)set_up(state);
    made *m = *state;
    opts.role = LY_STORE_WRITER;
    assert_int_equal(ly_store_open(m->path, &opts, &store, &err), LY_OK);
    store_trace(m, store, -5, other_spans, LY_COUNT(other_spans), "session-3");
    store_trace(m, store, -6, other_spans, LY_COUNT(other_spans), "session-4");
    assert_int_equal(ly_prompt_put(store, LY_S("greet"), LY_S("A third one.\n"), LY_S("third"),
                                   LY_S("ann"), &m->arena, &version, &err),
                     LY_OK);
    assert_int_equal(ly_store_settle(store, 0, true, &left, &err), LY_OK);
    ly_store_close(store);
    return 0;
}

static const struct {
    unsigned screen;
    const char *keys; /* to get there, in the middle of a list */
} places[] = {
    {LY_ON_TRACES, "jjj"},  {LY_ON_TRACE, "\rjjjj"}, {LY_ON_TEXT, "?jjj"},
    {LY_ON_SESSIONS, "3j"}, {LY_ON_EVALS, "4\rj"},   {LY_ON_PROMPTS, "5\rj"},
    {LY_ON_COST, "6j"},     {LY_ON_STATS, "7jj"},    {LY_ON_STATUS, "8jj"},
};

/* All that a key may change, as text. */
static void state_of(ly_app *app, ly_buf *out)
{
    ly_buf_reset(out);
    ly_app_draw(app);
    screen_text(app, true, out);
    ly_buf_fmt(out,
               "quit %d suspend %d redraw %d asking %d mouse %d outside %d osc %zu screen %d\n",
               app->quit, app->suspend, app->redraw, app->asking, app->mouse, app->outside_to,
               app->osc.len, (int)app->screen);
    ly_buf_fmt(out, "%zu %zu %zu %lld %lld %d %d %d\n", app->traces.at, app->trace.at,
               app->trace.messages.top, (long long)app->trace.zoom_from,
               (long long)app->trace.zoom_to, app->trace.show_critical, app->traces.follow,
               app->trace.follow);
}

static void press(ly_app *app, uint32_t code)
{
    ly_app_key(app, (ly_key){.code = code});
    (void)ly_app_pause(app);
}

static bool says_nothing_here(const ly_app *app)
{
    return strstr(app->message, "means nothing") != NULL;
}

static ly_app *at_place(const made *m, size_t place)
{
    ly_app *app = open_app(m, 30, 100, true);
    draw(app);
    for (const char *c = places[place].keys; *c; c++) {
        press(app, (unsigned char)*c);
        draw(app);
    }
    app->message[0] = '\0';
    assert_int_equal(ly_app_where(app), places[place].screen);
    return app;
}

static void each_listed_key_does_something(void **state)
{
    ly_buf before, after;
    ly_keys keys;
    ly_buf_init(&before, LY_MIB(4));
    ly_buf_init(&after, LY_MIB(4));
    ly_keys_init(&keys);
    for (size_t p = 0; p < LY_COUNT(places); p++) {
        for (size_t i = 0; i < keys.n; i++) {
            const ly_key_row *r = &keys.rows[i];
            if (!(r->screens & places[p].screen)) {
                continue;
            }
            const uint32_t both[2] = {r->key, r->also};
            for (int k = 0; k < 2 && both[k] != 0; k++) {
                ly_app *app = at_place(*state, p);
                state_of(app, &before);
                /* 1 stands for all screens: another one than this. */
                press(app, r->command != LY_DO_TAB          ? both[k]
                           : places[p].screen == LY_ON_COST ? '7'
                                                            : '6');
                state_of(app, &after);
                if (says_nothing_here(app) ||
                    ly_str_eq(ly_buf_view(&before), ly_buf_view(&after))) {
                    char name[9];
                    ly_key_text(both[k], name);
                    fail_msg("%s (%s) does nothing on screen %u: %s", name, r->name,
                             places[p].screen, app->message);
                }
                ly_app_free(app);
            }
        }
    }
    ly_buf_release(&before);
    ly_buf_release(&after);
}

static void a_key_that_is_not_listed_says_so(void **state)
{
    ly_keys keys;
    ly_keys_init(&keys);
    for (size_t p = 0; p < LY_COUNT(places); p++) {
        ly_app *app = at_place(*state, p);
        for (uint32_t code = 1; code < LY_KEY__END; code = code == 0x7F ? LY_KEY_UP : code + 1) {
            bool figure = code >= '0' && code <= '9', mouse = code == LY_KEY_WHEEL_UP ||
                                                              code == LY_KEY_WHEEL_DOWN ||
                                                              code == LY_KEY_PRESS;
            if (figure || mouse || ly_keys_command(&keys, code, places[p].screen)) {
                continue;
            }
            press(app, code);
            if (!says_nothing_here(app)) {
                fail_msg("key %u does something on screen %u and no row says so", code,
                         places[p].screen);
            }
        }
        ly_app_free(app);
    }
}

static void the_help_lists_all(void **state)
{
    ly_buf printed;
    ly_keys keys;
    ly_keys_init(&keys);
    ly_buf_init(&printed, LY_MIB(1));
    ly_viewer_keys(&printed);
    ly_app *app = open_app(*state, 30, 100, true);
    type(app, "?");
    for (size_t i = 0; i < keys.n; i++) {
        char key[9];
        ly_key_text(keys.rows[i].key, key);
        assert_int_equal(ly_key_parse(ly_str_c(key)), keys.rows[i].key); /* can be bound so */
        if (ly_str_find(ly_buf_view(&app->page.text), ly_str_c(keys.rows[i].text), 0) == SIZE_MAX ||
            ly_str_find(ly_buf_view(&printed), ly_str_c(keys.rows[i].name), 0) == SIZE_MAX) {
            fail_msg("%s is not in the help", keys.rows[i].name);
        }
    }
    ly_buf_release(&printed);
    ly_app_free(app);
}

static void two_rows_never_share_a_key(void **state)
{
    (void)state;
    ly_keys keys;
    ly_keys_init(&keys);
    for (size_t i = 0; i < keys.n; i++) {
        for (size_t k = i + 1; k < keys.n; k++) {
            const ly_key_row *a = &keys.rows[i], *b = &keys.rows[k];
            bool same = a->key == b->key ||
                        (a->also && (a->also == b->key || a->also == b->also)) ||
                        (b->also && b->also == a->key);
            if ((a->screens & b->screens) && same) {
                fail_msg("%s and %s have one key on one screen", a->name, b->name);
            }
        }
    }
}

static void figures_before_a_move_count(void **state)
{
    ly_app *app = open_app(*state, 24, 80, true);
    draw(app);
    /* No pause between: 12j is twelve rows, and 3 alone is a screen. */
    for (const char *c = "12j"; *c; c++) {
        ly_app_key(app, (ly_key){.code = (unsigned char)*c});
    }
    assert_int_equal(app->screen, LY_SCREEN_TRACES);
    assert_int_equal(app->traces.at, 12);
    ly_app_key(app, (ly_key){.code = '5'});
    ly_app_key(app, (ly_key){.code = 'k'});
    assert_int_equal(app->traces.at, 7);
    ly_app_key(app, (ly_key){.code = '9'});
    ly_app_key(app, (ly_key){.code = 'G'});
    assert_int_equal(app->traces.at, 8);
    ly_app_key(app, (ly_key){.code = '3'});
    assert_int_equal(app->screen, LY_SCREEN_TRACES); /* not yet: a move may follow */
    assert_true(ly_app_pause(app));
    assert_int_equal(app->screen, LY_SCREEN_SESSIONS);
    /* A command that takes no count: the figure was a screen. */
    ly_app_key(app, (ly_key){.code = '1'});
    ly_app_key(app, (ly_key){.code = 'S'});
    assert_int_equal(app->screen, LY_SCREEN_TRACES);
    assert_true(app->traces.sessions);
    /* Esc forgets a figure. */
    ly_app_key(app, (ly_key){.code = '4'});
    ly_app_key(app, (ly_key){.code = LY_KEY_ESC});
    assert_false(ly_app_pause(app));
    assert_int_equal(app->screen, LY_SCREEN_TRACES);
    ly_app_free(app);
}

static void keys_are_bound_anew(void **state)
{
    (void)state;
    ly_keys keys;
    ly_err err = LY_ERR_INIT;
    ly_keys_init(&keys);
    assert_int_equal(ly_keys_bind(&keys, LY_S("follow=F5  quit=^q down=n"), &err), LY_OK);
    assert_int_equal(ly_keys_command(&keys, LY_KEY_F1 + 4, LY_ON_TRACES), LY_DO_FOLLOW);
    assert_int_equal(ly_keys_command(&keys, 'F', LY_ON_TRACES), LY_DO_NOTHING);
    assert_int_equal(ly_keys_command(&keys, LY_KEY_CTRL('q'), LY_ON_STATS), LY_DO_QUIT);
    assert_int_equal(ly_keys_command(&keys, 'n', LY_ON_TRACES),
                     LY_DO_DOWN); /* taken from next-hit */
    assert_int_equal(ly_keys_bind(&keys, LY_S("nothing=x"), &err), LY_E_INVALID);
    assert_int_equal(ly_keys_bind(&keys, LY_S("quit=Hyper"), &err), LY_E_INVALID);
    assert_int_equal(ly_keys_bind(&keys, LY_S("quit=4"), &err), LY_E_INVALID);
}

static void commands_by_name(void **state)
{
    ly_app *app = open_app(*state, 24, 80, true);
    type(app, ":sessions\r"); /* a screen before a command of that name */
    assert_int_equal(app->screen, LY_SCREEN_SESSIONS);
    type(app, ":tra\r:fllw\r"); /* letters in order */
    assert_int_equal(app->screen, LY_SCREEN_TRACES);
    assert_non_null(strstr(app->message, "follow"));
    type(app, ":zzz\r");
    assert_true(app->message_error);
    type(app, ":open /nowhere/at/all.db\r");
    assert_true(app->message_error && app->traces.n_shown > 0); /* the rows stay */
    ly_app_free(app);
}

static void filters_come_back(void **state)
{
    ly_app *app = open_app(*state, 24, 80, true);
    type(app, "ftype:tool\rf\x15model:gpt-4o\r");
    type(app, "f");
    ly_app_key(app, (ly_key){.code = LY_KEY_UP});
    assert_string_equal(app->line, "model:gpt-4o");
    ly_app_key(app, (ly_key){.code = LY_KEY_UP});
    assert_string_equal(app->line, "type:tool");
    ly_app_key(app, (ly_key){.code = LY_KEY_UP}); /* no further one */
    assert_string_equal(app->line, "type:tool");
    ly_app_key(app, (ly_key){.code = LY_KEY_DOWN});
    assert_string_equal(app->line, "model:gpt-4o");
    /* What it would show is counted while it is typed. */
    type(app, "x");
    draw(app);
    assert_int_equal(app->preview.n, 0);
    ly_app_key(app, (ly_key){.code = LY_KEY_BACKSPACE});
    draw(app);
    assert_int_equal(app->preview.n, 1);
    ly_app_key(app, (ly_key){.code = LY_KEY_ESC});
    ly_app_free(app);
}

static void what_is_copied(void **state)
{
    static const struct {
        const char *keys, *base64;
    } cases[] = {
        {"\r\ryq", ""}, /* on a page there is no filter */
        {"\ryp", "cmVzZWFyY2gtYWdlbnQ="},
        {"\rjjjyp", "cmVzZWFyY2gtYWdlbnQgPiB3ZWIuc2VhcmNo"},
        {"\ryi", "MDAwMDAwMDAwMDAwNzUzMQ=="},
        {"yq", "dHJhY2U6N2YwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMWY="},
        {"3yq", "c2Vzc2lvbjoic2Vzc2lvbi0yIg=="},
        {"5\ryq", "cHJvbXB0OiJncmVldEB2MyI="},
    };
    for (size_t i = 0; i < LY_COUNT(cases); i++) {
        ly_app *app = open_app(*state, 24, 80, true);
        char want[256];
        for (const char *c = cases[i].keys; *c; c++) {
            press(app, (unsigned char)*c);
            draw(app);
        }
        snprintf(want, sizeof want, "\033]52;c;%s\007", cases[i].base64);
        if (cases[i].base64[0] == '\0') {
            assert_int_equal(app->osc.len, 0);
        } else {
            assert_string_equal(ly_buf_text(&app->osc), want);
        }
        ly_app_free(app);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_listed_key_does_something),
        cmocka_unit_test(a_key_that_is_not_listed_says_so),
        cmocka_unit_test(the_help_lists_all),
        cmocka_unit_test(two_rows_never_share_a_key),
        cmocka_unit_test(figures_before_a_move_count),
        cmocka_unit_test(keys_are_bound_anew),
        cmocka_unit_test(commands_by_name),
        cmocka_unit_test(filters_come_back),
        cmocka_unit_test(what_is_copied),
    };
    return cmocka_run_group_tests(tests, set_up_more, tear_down);
}
