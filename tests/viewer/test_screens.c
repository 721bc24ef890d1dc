/*
 * The screens without a terminal: a database made here, keys in, the grid out. Golden texts at three sizes in
 * UTF-8 and ASCII; then random keys and sizes over hostile traces: every row exactly as wide as the
 * screen, no byte below 0x20, the selection kept over a reload; and the writer's bytes.
 */
#include "viewer/store_fixture.h"

static const struct {
    const char *name, *keys;
} scenes[] = {
    {"traces", ""},
    {"traces_filter", "ftype:generation dur>800ms\r"},
    {"traces_bad_filter", "ftype:nothing\r"},
    {"traces_none", "fmodel:nobody\r"},
    {"traces_sessions", "S"},
    {"trace_steps", "\rjjj"},
    {"trace_error", "\re"},
    {"trace_waterfall", "\rwx"},
    {"trace_messages", "\rm"},
    {"trace_filter", "\rfstatus:error\r"},
    {"trace_output", "\rj]]"},
    {"sessions", "3"},
    {"evals", "4"},
    {"evals_cases", "4\rj"},
    {"evals_case", "4\rjm"},
    {"prompts", "5"},
    {"prompts_versions", "5\r"},
    {"prompts_diff", "5\rdjd"},
    {"cost", "6"},
    {"stats", "7"},
    {"status", "8"},
    {"help", "?"},
    {"find", "/lookup\r"},
    {"traces_sorted", "oo"},
    {"traces_typing", "ftool:lookup"},
    {"traces_copy", "y"},
    {"trace_pane", "\rjjj\t"},
    {"trace_bars", "\rb"},
    {"trace_zoom", "\rwjjjjjjz"},
    {"trace_page", "\rjj\r"},
    {"trace_loop_filter", "\rfloop>2\r"},
};

static const struct {
    const char *name;
    int rows, cols;
    bool unicode;
} sizes[] = {
    {"40x12", 12, 40, true},   {"40x12_ascii", 12, 40, false},
    {"80x24", 24, 80, true},   {"80x24_ascii", 24, 80, false},
    {"160x50", 50, 160, true}, {"160x50_ascii", 50, 160, false},
};

/* The screen as a terminal without colours shows it: what is bold, underlined or reversed, a letter a cell. */
static void mono_text(const ly_app *app, ly_buf *out)
{
    ly_buf bytes;
    char attribute = '-';
    ly_buf_init(&bytes, LY_MIB(4));
    ly_grid_write(&app->grid, NULL, LY_SCHEME_MONO, -1, -1, &bytes);
    /* Our own sequences alone: ESC [ ... letter. A cell is what follows, up to the next one. */
    size_t pos = 0, row = 0, col = 0;
    char *cells = ly_calloc((size_t)(app->grid.rows * app->grid.cols), 1);
    assert_non_null(cells);
    memset(cells, '-', (size_t)(app->grid.rows * app->grid.cols));
    ly_str text = ly_buf_view(&bytes);
    while (pos < text.len) {
        if (text.ptr[pos] == '\x1b') {
            size_t end = pos + 2;
            while (text.ptr[end] < '@') {
                end++;
            }
            ly_str body = ly_str_sub(text, pos + 2, end - pos - 2);
            if (text.ptr[end] == 'm') {
                bool reversed = ly_str_ends(body, LY_S("7"));
                bool bold = ly_str_find(body, LY_S(";1"), 0) != SIZE_MAX;
                bool under = ly_str_find(body, LY_S(";4"), 0) != SIZE_MAX;
                attribute = reversed ? '#' : bold ? 'b' : under ? 'u' : '-';
                assert_true(ly_str_find(body, LY_S(";3"), 0) == SIZE_MAX); /* no colour */
            } else if (text.ptr[end] == 'H') {
                row = (size_t)strtol(body.ptr, NULL, 10) - 1;
                col = (size_t)strtol(strchr(body.ptr, ';') + 1, NULL, 10) - 1;
            }
            pos = end + 1;
            continue;
        }
        int w;
        (void)ly_term_cluster(text, &pos, &w);
        for (int k = 0; k < w; k++) {
            cells[row * (size_t)app->grid.cols + col + (size_t)k] = attribute;
        }
        col += (size_t)w;
    }
    for (int r = 0; r < app->grid.rows; r++) {
        ly_buf_add(out, cells + r * app->grid.cols, (size_t)app->grid.cols);
        ly_buf_char(out, '\n');
    }
    ly_free(cells);
    ly_buf_release(&bytes);
}

/* What differs from run to run: paths, sizes, disks. */
static void blank_changing(ly_app *app)
{
    static const char *const facts[] = {"database", "file", "write-ahead log", "disk free"};
    ly_buf row;
    ly_buf_init(&row, LY_KIB(16));
    for (int r = 0; r < app->grid.rows; r++) {
        ly_buf_reset(&row);
        ly_grid_row_text(&app->grid, r, &row);
        for (size_t i = 0; i < LY_COUNT(facts); i++) {
            size_t n = strlen(facts[i]);
            ly_str label = ly_str_sub(ly_buf_view(&row), 2, n);
            if (app->screen == LY_SCREEN_STATUS && ly_str_eqc(label, facts[i]) &&
                row.ptr[n + 2] == ' ') {
                ly_grid_fill(&app->grid, r, (int)n + 2, app->grid.cols, " ", ' ', LY_INK_TEXT);
            }
        }
    }
    /* The name of the file has this process's number. */
    ly_grid_fill(&app->grid, 0, app->grid.cols >= 100 ? 90 : app->grid.cols, 70, " ", ' ',
                 LY_INK_TEXT);
    ly_buf_release(&row);
}

static void golden_screens(void **state)
{
    ly_buf out;
    ly_buf_init(&out, LY_MIB(4));
    for (size_t s = 0; s < LY_COUNT(sizes); s++) {
        for (size_t i = 0; i < LY_COUNT(scenes); i++) {
            char name[128];
            ly_app *app = open_app(*state, sizes[s].rows, sizes[s].cols, sizes[s].unicode);
            draw(app);
            type(app, scenes[i].keys);
            draw(app);
            check_grid(app);
            blank_changing(app);
            ly_buf_reset(&out);
            screen_text(app, true, &out);
            ly_buf_c(&out, "mono\n");
            mono_text(app, &out);
            snprintf(name, sizeof name, "%s_%s.txt", scenes[i].name, sizes[s].name);
            golden(name, ly_buf_view(&out));
            ly_app_free(app);
        }
    }
    ly_buf_release(&out);
}

/* In mono nothing is lost: the state is a word, the type a letter, the selection a mark in column 0. */
static void mono_says_all(void **state)
{
    ly_app *app = open_app(*state, 24, 80, false);
    ly_buf row;
    ly_buf_init(&row, LY_KIB(16));
    type(app, "\ree");
    draw(app);
    size_t marked = 0;
    for (int r = 0; r < 24; r++) {
        marked += app->grid.cells[r * 80].text[0] == '>';
        ly_buf_reset(&row);
        ly_grid_row_text(&app->grid, r, &row);
        if (app->grid.cells[r * 80].text[0] == '>') {
            assert_non_null(strstr(ly_buf_text(&row), "!T web.fetch"));
        }
    }
    assert_int_equal(marked, 1);
    ly_buf_release(&row);
    ly_app_free(app);
}

static void too_small(void **state)
{
    ly_app *app = open_app(*state, 8, 32, true);
    ly_buf row;
    ly_buf_init(&row, 4096);
    ly_app_draw(app);
    ly_grid_row_text(&app->grid, 0, &row);
    assert_true(ly_str_starts(ly_buf_view(&row), LY_S("needs 40x10, have 32x8")));
    assert_true(ly_app_resize(app, 24, 80));
    ly_app_draw(app);
    check_grid(app);
    ly_buf_release(&row);
    ly_app_free(app);
}

static void random_keys_and_sizes(void **state)
{
    static const char keys[] =
        "jjjjkkkgGhlJK -=swm[]eExbtz+_0/fuFSAoynN?12345678q\r\r\r\x1b:abc\"!~()|\x04\x15";
    uint64_t seed = 17;
    ly_buf bytes;
    ly_grid before;
    ly_buf_init(&bytes, LY_MIB(16));
    ly_grid_init(&before, true);
    ly_app *app = open_app(*state, 24, 80, true);
    for (int round = 0; round < 1500; round++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        uint64_t r = seed >> 33;
        if (r % 29 == 0) {
            assert_true(ly_app_resize(app, 1 + (int)(r >> 8) % 60, 1 + (int)(r >> 14) % 180));
        } else {
            if (r % 31 == 0) {
                app->mouse = true;
                ly_app_key(app, (ly_key){.code = LY_KEY_PRESS,
                                         .row = (int)(r >> 8) % 70,
                                         .col = (int)(r >> 16) % 200});
            }
            uint32_t code = r % 11 == 0 ? LY_KEY_UP + (uint32_t)(r >> 6) % 14
                                        : (unsigned char)keys[(r >> 6) % (sizeof keys - 1)];
            ly_app_key(app, (ly_key){.code = code});
        }
        if (app->quit) {
            app->quit = false;
        }
        ly_buf_reset(&app->osc);
        ly_app_draw(app);
        check_grid(app);
        /* What is written: only our own sequences, ESC [ ... and text. */
        ly_buf_reset(&bytes);
        ly_grid_write(&app->grid, NULL, LY_SCHEME_COLOR, app->cursor_row, app->cursor_col, &bytes);
        for (size_t i = 0; i < bytes.len; i++) {
            unsigned char c = (unsigned char)bytes.ptr[i];
            if (c == 0x1b) {
                assert_int_equal(bytes.ptr[i + 1], '[');
            } else {
                assert_true(c >= 0x20);
            }
        }
    }
    ly_app_free(app);
    ly_grid_release(&before);
    ly_buf_release(&bytes);
}

static void an_unchanged_frame_writes_nothing(void **state)
{
    ly_app *app = open_app(*state, 24, 80, true);
    ly_grid shown;
    ly_buf bytes;
    ly_grid_init(&shown, true);
    ly_buf_init(&bytes, LY_MIB(4));
    ly_app_draw(app);
    assert_true(ly_grid_resize(&shown, 24, 80));
    memcpy(shown.cells, app->grid.cells, 24 * 80 * sizeof *shown.cells);
    ly_app_draw(app);
    ly_grid_write(&app->grid, &shown, LY_SCHEME_COLOR, -1, -1, &bytes);
    assert_int_equal(bytes.len, 0);
    /* One move changes two rows, not the screen. */
    type(app, "j");
    ly_app_draw(app);
    ly_grid_write(&app->grid, &shown, LY_SCHEME_COLOR, -1, -1, &bytes);
    assert_true(bytes.len > 0 && bytes.len < 2000);
    ly_app_free(app);
    ly_grid_release(&shown);
    ly_buf_release(&bytes);
}

static void selection_is_kept_over_new_data(void **state)
{
    made *m = *state;
    ly_app *app = open_app(m, 24, 80, true);
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    int64_t left;
    ly_app_draw(app);
    type(app, "jjjj");
    ly_app_draw(app);
    ly_trace_id selected = app->traces.selected;
    size_t line = app->traces.at - app->traces.top;
    opts.role = LY_STORE_WRITER;
    assert_int_equal(ly_store_open(m->path, &opts, &store, &err), LY_OK);
    store_trace(m, store, 40, small_spans, LY_COUNT(small_spans), NULL);
    assert_int_equal(ly_store_settle(store, 0, true, &left, &err), LY_OK);
    ly_store_close(store);
    assert_true(ly_app_tick(app, app->now_ns + LY_NS_PER_SEC));
    ly_app_draw(app);
    assert_true(ly_trace_id_eq(app->traces.selected, selected));
    assert_int_equal(app->traces.at - app->traces.top, line);
    assert_int_equal(app->traces.n_new, 1);
    assert_false(app->traces.follow);
    /* g goes to the top, takes the new one in and follows again. */
    type(app, "g");
    assert_true(app->traces.follow);
    assert_int_equal(app->traces.n_new, 0);
    ly_app_free(app);
}

static void a_cursor_move_allocates_nothing(void **state)
{
    ly_app *app = open_app(*state, 50, 160, true);
    type(app, "\r");
    for (int i = 0; i < 40; i++) {
        type(app, i % 2 ? "k" : "j");
        ly_app_draw(app);
    }
    type(app, "q");
    for (int i = 0; i < 20; i++) {
        type(app, i % 2 ? "k" : "j");
        ly_app_draw(app);
    }
    uint64_t before = ly_mem_count();
    for (int i = 0; i < 20; i++) {
        type(app, i % 2 ? "k" : "j");
        ly_app_draw(app);
    }
    assert_int_equal(ly_mem_count() - before, 0);
    ly_app_free(app);
}

static void a_case_leads_to_its_trace(void **state)
{
    ly_app *app = open_app(*state, 24, 80, true);
    type(app, "4\r");
    /* worst first: the failed one, then by score; Enter opens the trace of the case */
    assert_true(ly_str_eqc(app->tables[LY_SCREEN_EVALS].view.cells[5], "failed"));
    type(app, "j\r");
    assert_int_equal(app->screen, LY_SCREEN_TRACE);
    assert_int_equal(app->trace.id.b[15], 2);
    assert_true(app->trace.trace != NULL && app->trace.trace->n == 3);
    /* back on the same case; from there to the run */
    type(app, "\x1b");
    assert_int_equal(app->screen, LY_SCREEN_EVALS);
    assert_int_equal(app->tables[LY_SCREEN_EVALS].level, 1);
    assert_int_equal(app->tables[LY_SCREEN_EVALS].view.at, 1);
    /* a case without a trace says so */
    type(app, "G\r");
    assert_int_equal(app->screen, LY_SCREEN_EVALS);
    assert_non_null(strstr(app->message, "no trace"));
    type(app, "\x1b");
    assert_int_equal(app->tables[LY_SCREEN_EVALS].level, 0);
    assert_int_equal(app->screen, LY_SCREEN_EVALS);
    ly_app_free(app);
}

static void press(ly_app *app, int row, int col)
{
    ly_app_draw(app);
    ly_app_key(app, (ly_key){.code = LY_KEY_PRESS, .row = row, .col = col});
}

static void a_click_selects_when_the_mouse_is_on(void **state)
{
    ly_app *app = open_app(*state, 24, 80, true);
    press(app, 8, 5);
    assert_int_equal(app->traces.at, 0); /* off until M */
    type(app, "M");
    assert_true(app->mouse);
    press(app, 8, 5);
    assert_int_equal(app->traces.at, 8 - app->clicks.row);
    ly_trace_id id = app->traces.selected;
    press(app, 5, 5);
    assert_false(ly_trace_id_eq(id, app->traces.selected));
    press(app, 0, 5); /* no line of the list */
    assert_int_equal(app->traces.at, 1);
    ly_app_key(app, (ly_key){.code = LY_KEY_WHEEL_DOWN});
    assert_int_equal(app->traces.at, 4);
    type(app, "\r");
    press(app, 7, 5);
    assert_int_equal(app->trace.at, 2);
    type(app, "3");
    press(app, 4, 5);
    assert_int_equal(app->tables[LY_SCREEN_SESSIONS].view.at, 1);
    type(app, "M");
    press(app, 3, 5);
    assert_int_equal(app->tables[LY_SCREEN_SESSIONS].view.at, 1);
    ly_app_free(app);
}

/* The wheel turns the pane under the pointer; the selection stays. */
static void the_wheel_turns_what_is_under_it(void **state)
{
    ly_app *app = open_app(*state, 24, 80, true);
    type(app, "M\r");
    ly_app_draw(app);
    size_t at = app->trace.at;
    assert_true(app->divider.there);
    ly_app_key(app, (ly_key){.code = LY_KEY_WHEEL_DOWN, .row = app->divider.at + 3, .col = 9});
    ly_app_draw(app);
    assert_int_equal(app->trace.at, at);
    assert_int_equal(app->trace.detail.top, 3);
    ly_app_key(app, (ly_key){.code = LY_KEY_WHEEL_DOWN, .row = app->divider.at - 2, .col = 9});
    assert_int_equal(app->trace.at, at + 3);
    ly_app_free(app);
}

/* Rows that came above the first one shown (a root comes last) are not left out of sight over empty lines. */
static void no_row_hides_over_empty_lines(void **state)
{
    ly_app *app = open_app(*state, 50, 160, true);
    type(app, "\rjj");
    app->trace.top = 2;
    ly_app_draw(app);
    assert_int_equal(app->trace.top, 0);
    assert_int_equal(app->trace.at, 2);
    ly_app_free(app);
}

static void a_version_leads_to_its_traces(void **state)
{
    ly_app *app = open_app(*state, 24, 80, true);
    type(app, "5\rj");
    ly_app_draw(app);
    type(app, "k\r");
    assert_int_equal(app->screen, LY_SCREEN_TRACES);
    assert_string_equal(ly_buf_text(&app->traces.filter_text), "prompt:\"greet@v2\"");
    assert_non_null(app->traces.filter);
    assert_int_equal(app->traces.n_shown, 31); /* all name that version */
    ly_app_free(app);
}

/* Rows that cannot be read are not "no traces", and nothing is tried over and over. */
static void a_file_that_cannot_be_read_says_so(void **state)
{
    made *m = *state;
    char copy[96];
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_store_opts opts = ly_viewer_store_opts();
    ly_buf text;
    ly_buf_init(&text, LY_MIB(1));
    snprintf(copy, sizeof copy, "%s.bad", m->path);
    /* A copy, whose pages behind the first become zero once it is open. */
    static char page[4096];
    FILE *from = fopen(m->path, "rb"), *to = fopen(copy, "w+b");
    assert_non_null(from);
    assert_non_null(to);
    long pages = 0;
    for (; fread(page, 1, sizeof page, from) == sizeof page; pages++) {
        assert_int_equal(fwrite(page, 1, sizeof page, to), sizeof page);
    }
    fclose(from);
    assert_int_equal(fflush(to), 0);
    assert_int_equal(ly_store_open(copy, &opts, &store, &err), LY_OK);
    ly_app *app = NULL;
    ly_viewer_opts how = {.db_path = copy, .unicode = true};
    assert_int_equal(ly_app_new(&how, store, &app, &err), LY_OK);
    assert_true(ly_app_resize(app, 24, 80));
    memset(page, 0, sizeof page);
    assert_int_equal(fseek(to, sizeof page, SEEK_SET), 0);
    for (long i = 1; i < pages; i++) {
        assert_int_equal(fwrite(page, 1, sizeof page, to), sizeof page);
    }
    fclose(to);
    type(app, "fattr.nothing:here\r");
    draw(app); /* ends: a search that fails is not busy for ever */
    assert_false(ly_app_has_work(app));
    screen_text(app, false, &text);
    assert_true(ly_str_find(ly_buf_view(&text), LY_S("No traces yet"), 0) == SIZE_MAX);
    assert_true(ly_str_find(ly_buf_view(&text), LY_S("cannot be read"), 0) != SIZE_MAX);
    ly_app_free(app);
    (void)unlink(copy);
    ly_buf_release(&text);
}

static bool shows(const ly_app *app, const char *what)
{
    ly_buf text;
    ly_buf_init(&text, LY_MIB(1));
    screen_text(app, false, &text);
    bool found = ly_str_find(ly_buf_view(&text), ly_str_c(what), 0) != SIZE_MAX;
    ly_buf_release(&text);
    return found;
}

/* What the file holds besides (traces of evaluations) is not counted among those of the list. */
static void the_heading_counts_what_the_list_can_show(void **state)
{
    ly_app *app = open_app(*state, 24, 80, true);
    draw(app);
    app->traces.total = 99;
    ly_app_draw(app);
    assert_true(shows(app, "31 traces"));
    app->traces.more = true;
    ly_app_draw(app);
    assert_true(shows(app, "31 of 99 traces"));
    ly_app_free(app);
}

static void a_trace_opens_on_its_steps(void **state)
{
    ly_app *app = open_app(*state, 24, 80, true);
    type(app, "\r");
    draw(app);
    type(app, "\t");
    assert_true(app->trace.detail_focus);
    type(app, "4\rj\r");
    assert_int_equal(app->screen, LY_SCREEN_TRACE);
    assert_false(app->trace.detail_focus);
    ly_app_free(app);
}

static ly_status would_collect(void *user, ly_buf *ret_where, ly_err *err)
{
    (void)user;
    (void)err;
    ly_buf_c(ret_where, "http://127.0.0.1:1");
    return LY_OK;
}

/* Where no collector answers the list says which key collects, until it does. */
static void the_list_offers_to_collect(void **state)
{
    ly_app *app = open_app(*state, 24, 80, true);
    draw(app);
    assert_false(shows(app, "c collects here"));
    app->opts.calls.collect = would_collect;
    draw(app);
    assert_true(shows(app, "no collector: c collects here"));
    type(app, "c");
    draw(app);
    assert_true(shows(app, "collecting: http://127.0.0.1:1"));
    assert_false(shows(app, "c collects here"));
    ly_app_free(app);
}

/* A cost without a price for one of its calls is a lower bound on each screen. */
static void a_partial_cost_is_marked(void **state)
{
    ly_app *app = open_app(*state, 24, 80, true);
    draw(app);
    app->traces.rows[app->traces.shown[0]].cost_pico = 2000000000000;
    app->traces.rows[app->traces.shown[0]].flags |= LY_TRACE_PARTIAL_COST;
    ly_app_draw(app);
    assert_true(shows(app, " >$2.00"));
    type(app, "6");
    draw(app);
    assert_true(shows(app, "total unpriced"));
    assert_false(shows(app, "$0"));
    ly_app_free(app);
}

static void an_empty_screen_teaches_the_real_command(void **state)
{
    made empty = *(made *)*state;
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    static const char *const ends[] = {"", "-wal", "-shm"};
    opts.role = LY_STORE_WRITER;
    (void)ly_str_copy(LY_S("/tmp/lydite-screens-empty-XXXXXX"), empty.path, sizeof empty.path);
    int fd = mkstemp(empty.path);
    assert_true(fd >= 0);
    (void)close(fd);
    (void)unlink(empty.path);
    assert_int_equal(ly_store_open(empty.path, &opts, &store, &err), LY_OK);
    ly_store_close(store);
    ly_app *app = open_app(&empty, 12, 40, true);
    type(app, "5");
    draw(app);
    assert_true(shows(app, "lydite prompt put FILE [--name NAME]\n"));
    assert_true(shows(app, "the files that it is given.\n"));
    ly_app_free(app);
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        char path[96];
        snprintf(path, sizeof path, "%s%s", empty.path, ends[i]);
        (void)unlink(path);
    }
}

/* Each judge has a column with its name; a long one is cut with the mark. Adds a run: the last test. */
static void each_judge_is_named(void **state)
{
    made *m = *state;
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    uint8_t id[16];
    opts.role = LY_STORE_WRITER;
    assert_int_equal(ly_store_open(m->path, &opts, &store, &err), LY_OK);
    ly_wall_fix(T0 + 3700 * LY_NS_PER_SEC);
    assert_int_equal(ly_run_make(store, LY_S("two judges"),
                                 LY_S("{\"targets\":[{\"name\":\"a\"}]}"), LY_S("questions"), 1, id,
                                 &err),
                     LY_OK);
    ly_score scores[2] = {
        {.name = LY_S("kind"), .value = 1, .source = LY_SCORE_JUDGE},
        {.name = LY_S("names-the-source-of-it"), .value = 0.5, .source = LY_SCORE_JUDGE}};
    ly_case_done done = {{.output = LY_S("yes"),
                          .duration_ns = 5,
                          .cost_pico = LY_UNKNOWN,
                          .tokens_in = LY_UNKNOWN,
                          .tokens_out = LY_UNKNOWN},
                         scores,
                         2,
                         false};
    assert_int_equal(ly_run_write(store, id, &done, 1, NULL, 0, &err), LY_OK);
    ly_store_close(store);
    ly_app *app = open_app(m, 24, 80, true);
    type(app, "4\r");
    draw(app);
    assert_true(shows(app, "MEAN"));
    assert_true(shows(app, " kind "));
    assert_true(shows(app, " names-the-sou\xE2\x80\xA6"));
    assert_false(shows(app, "SCORE"));
    ly_app_free(app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_screens),
        cmocka_unit_test(the_heading_counts_what_the_list_can_show),
        cmocka_unit_test(a_case_leads_to_its_trace),
        cmocka_unit_test(a_click_selects_when_the_mouse_is_on),
        cmocka_unit_test(the_wheel_turns_what_is_under_it),
        cmocka_unit_test(no_row_hides_over_empty_lines),
        cmocka_unit_test(the_list_offers_to_collect),
        cmocka_unit_test(a_version_leads_to_its_traces),
        cmocka_unit_test(mono_says_all),
        cmocka_unit_test(a_file_that_cannot_be_read_says_so),
        cmocka_unit_test(too_small),
        cmocka_unit_test(an_unchanged_frame_writes_nothing),
        cmocka_unit_test(a_cursor_move_allocates_nothing),
        cmocka_unit_test(random_keys_and_sizes),
        cmocka_unit_test(selection_is_kept_over_new_data),
        cmocka_unit_test(a_trace_opens_on_its_steps),
        cmocka_unit_test(a_partial_cost_is_marked),
        cmocka_unit_test(an_empty_screen_teaches_the_real_command),
        cmocka_unit_test(each_judge_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
