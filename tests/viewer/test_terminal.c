/*
 * `lydite view` on a real terminal (pty.h): start, keys, quit, signals, suspend, a storm of sizes, what the
 * environment says of the terminal, typing ahead, pastes, mouse, printing, the pager, a database that goes away,
 * new data, and no byte while nothing happens.
 */
#include "viewer/store_fixture.h"

#include "viewer/pty.h"

static const char *lydite;

static term *start_with(const made *m, int rows, int cols, const char *extra, const char *option)
{
    static char db[128];
    const char *env[] = {db, "HOME=/nonexistent", "PAGER=cat", extra, NULL};
    const char *argv[] = {lydite, "view", option, NULL};
    snprintf(db, sizeof db, "LYDITE_DB=%s", m->path);
    return term_start(rows, cols, env, argv);
}

static term *start_on(const made *m, int answers, const char *type)
{
    term *t = start_with(m, 24, 80, type, NULL);
    t->answers = answers;
    return t;
}

static term *start(const made *m)
{
    term *t = start_with(m, 24, 80, NULL, NULL);
    term_wait_for(t, "? help");
    return t;
}

static void starts_and_quits(void **state)
{
    term *t = start(*state);
    struct termios mode;
    assert_true(t->alternate && t->hidden && t->paste);
    assert_false(t->mouse); /* off until M */
    assert_true(t->colors);
    assert_int_equal(tcgetattr(t->fd, &mode), 0);
    assert_false(mode.c_lflag & (ECHO | ICANON));
    term_wait_for(t, "[1]Traces");
    term_send(t, "\r");
    term_wait_for(t, "[s]teps");
    term_send(t, "?");
    term_wait_for(t, "fold, or to the parent");
    term_send(t, "qQ");
    assert_int_equal(term_end(t), 0);
    term_is_restored(t);
    term_free(t);
}

static void signals_restore_the_terminal(void **state)
{
    static const int numbers[] = {SIGTERM, SIGHUP, SIGINT, SIGSEGV, SIGABRT};
    for (size_t i = 0; i < LY_COUNT(numbers); i++) {
        term *t = start(*state);
        term_send(t, "M");
        term_wait_for(t, "mouse on");
        assert_int_equal(kill(t->pid, numbers[i]), 0);
        int status = term_end(t);
        bool told = (WIFEXITED(status) && WEXITSTATUS(status) == 128 + numbers[i]) ||
                    (WIFSIGNALED(status) && WTERMSIG(status) == numbers[i]);
        if (!told) {
            fail_msg("signal %d ends with status %x", numbers[i], (unsigned)status);
        }
        term_is_restored(t);
        term_free(t);
    }
}

static void suspends_and_comes_back(void **state)
{
    term *t = start(*state);
    for (int i = 0; i < 2; i++) {
        int status = 0;
        term_send(t, "\x1a");
        assert_int_equal(waitpid(t->pid, &status, WUNTRACED), t->pid);
        assert_true(WIFSTOPPED(status));
        (void)term_pump(t, 300);
        term_is_restored(t);
        memset(t->cells, 0, sizeof t->cells); /* the shell wrote over it */
        assert_int_equal(kill(t->pid, SIGCONT), 0);
        term_wait_for(t, "? help");
        assert_true(t->alternate && t->hidden);
    }
    term_send(t, "q");
    assert_int_equal(term_end(t), 0);
    term_is_restored(t);
    term_free(t);
}

/* The last size is what is drawn, whatever came before. */
static void storm_of_sizes(void **state)
{
    static const int sizes[][2] = {{1, 1},  {3, 10},   {200, 500}, {10, 40},
                                   {9, 39}, {50, 160}, {24, 100}};
    term *t = start(*state);
    ly_buf before, after;
    ly_buf_init(&before, LY_MIB(4));
    ly_buf_init(&after, LY_MIB(4));
    term_send(t, "jjj\rw");
    term_wait_for(t, "[w]aterfall");
    (void)term_pump(t, 500);
    term_text(t, &before);
    for (int i = 0; i < 120; i++) {
        const int *s = sizes[i % (int)LY_COUNT(sizes)];
        term_size(t, s[0] + i % 3, s[1] + i % 5);
        (void)term_pump(t, i % 4 ? 0 : 40);
        if (i % 10 == 0) {
            term_send(t, i % 20 ? "k" : "j");
        }
    }
    /* A size that stays is drawn whole. */
    term_size(t, 8, 32);
    term_wait_for(t, "needs 40x10, have 32x8");
    term_size(t, 24, 80);
    for (int64_t until = ly_mono_ns() + TERM_WAIT_MS * LY_NS_PER_MS;;) {
        (void)term_pump(t, 200);
        term_text(t, &after);
        if (ly_str_eq(ly_buf_view(&before), ly_buf_view(&after))) {
            break;
        }
        if (ly_mono_ns() > until) {
            fail_msg("after the storm:\n%s\nbefore:\n%s", ly_buf_text(&after),
                     ly_buf_text(&before));
        }
    }
    term_send(t, "Q");
    assert_int_equal(term_end(t), 0);
    term_is_restored(t);
    ly_buf_release(&before);
    ly_buf_release(&after);
    term_free(t);
}

static void what_the_environment_says(void **state)
{
    static const struct {
        const char *extra, *option;
        bool colors, high;
    } cases[] = {{"NO_COLOR=1", NULL, false, true},
                 {"LC_ALL=C", NULL, true, false},
                 {"LYDITE_X=1", "--ascii", true, false},
                 {"TERM=vt100", NULL, false, true},
                 {"NO_COLOR=", NULL, true, true},
                 {"TERM=screen-256color", NULL, true, true},
                 {"TERM=no-such-terminal", NULL, false, true}};
    for (size_t i = 0; i < LY_COUNT(cases); i++) {
        term *t = start_with(*state, 24, 80, cases[i].extra, cases[i].option);
        term_wait_for(t, "? help");
        term_send(t, "\r");
        term_wait_for(t, "[s]teps");
        if (t->colors != cases[i].colors || t->high != cases[i].high) {
            fail_msg("%s: colours %d, above ASCII %d", cases[i].extra, t->colors, t->high);
        }
        term_send(t, "Q");
        assert_int_equal(term_end(t), 0);
        term_is_restored(t);
        term_free(t);
    }
    /* A terminal that can do nothing gets the list, without a single sequence. */
    term *t = start_with(*state, 24, 80, "TERM=dumb", NULL);
    assert_int_equal(term_end(t), 0);
    assert_true(ly_str_find(ly_buf_view(&t->plain), LY_S("research-agent"), 0) != SIZE_MAX);
    assert_true(ly_str_find(ly_buf_view(&t->plain), LY_S("\x1b"), 0) == SIZE_MAX);
    assert_string_equal(t->bad, "");
    term_free(t);
}

/* What it says of itself is used, whenever it comes; one that is silent is not waited for. */
static void what_the_terminal_answers(void **state)
{
    static const struct {
        int answers;
        bool high, synced;
        const char *tree;
    } cases[] = {{1, true, true, "\xE2\x94\x9C\xE2\x94\x80 G"},
                 {2, true, true, "|- G"}, /* East Asian widths: frames in ASCII, text as it is */
                 {3, false, true, "|- G"},
                 {0, true, false, "\xE2\x94\x9C\xE2\x94\x80 G"}};
    for (size_t i = 0; i < LY_COUNT(cases); i++) {
        term *t = start_on(*state, cases[i].answers, "TERM=xterm");
        term_wait_for(t, "? help");
        assert_true(t->asked);
        term_send(t, "j");
        term_wait_for(t, "2/31");
        term_send(t, "\x0c"); /* the frames from here on */
        (void)term_pump(t, 300);
        t->high = t->synced = false;
        term_send(t, "jj\r");
        term_wait_for(t, "[s]teps");
        term_wait_for(t, "? help");
        term_wait_for(t, cases[i].tree);
        assert_int_equal(t->high, cases[i].high);
        assert_int_equal(t->synced, cases[i].synced);
        term_send(t, "Q");
        assert_int_equal(term_end(t), 0);
        term_is_restored(t);
        term_free(t);
    }
    /* Late, in pieces, and twice: never keys. A paste of an answer is none. */
    term *t = start(*state);
    static const char *const late[] = {"\x1b[2;",  "6R\x1b[?20", "26;1$y",
                                       "\x1b[?62", ";22c",       "\x1b[2;6R\x1b[?6c"};
    for (size_t i = 0; i < LY_COUNT(late); i++) {
        term_send(t, late[i]);
        (void)term_pump(t, 60);
    }
    term_send(t, "j");
    term_wait_for(t, "2/31");
    assert_true(t->synced);
    term_send(t, "Q");
    assert_int_equal(term_end(t), 0);
    term_is_restored(t);
    term_free(t);
}

/* Leaves, and answers 30 ms later: how many bytes of it are left to the shell. *ret_in_time: within the second
 * that the viewer waits for answers, counted from before it began. */
static int left_to_the_shell(const made *m, bool *ret_in_time)
{
    int64_t began = ly_mono_ns();
    term *t = start(m);
    char *name = ptsname(t->fd);
    assert_non_null(name);
    int slave = open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC); /* keeps what is typed there */
    assert_true(slave >= 0);
    term_send(t, "Q");
    (void)term_pump(t, 30);
    term_send(t, "\x1b[2;6R\x1b[?2026;2$y\x1b[?62;22c");
    *ret_in_time = ly_mono_ns() - began < LY_NS_PER_SEC;
    int64_t until = ly_mono_ns() + TERM_WAIT_MS * LY_NS_PER_MS;
    while (waitpid(t->pid, &t->status, WNOHANG) != t->pid) {
        assert_true(ly_mono_ns() < until);
        (void)term_pump(t, 20);
    }
    t->reaped = true;
    int left = -1;
    assert_int_equal(ioctl(slave, FIONREAD, &left), 0);
    (void)close(slave);
    term_free(t);
    return left;
}

/* Left at once over a slow line: the answers under way are not what the shell reads next. A machine on which the start
 * alone takes a second is tried again. */
static void answers_do_not_reach_the_shell(void **state)
{
    bool in_time = false;
    for (int i = 0; i < 20 && !in_time; i++) {
        int left = left_to_the_shell(*state, &in_time);
        if (in_time) {
            assert_int_equal(left, 0);
        }
    }
}

/* No second screen: what was drawn stays, and the shell goes on below it. */
static void a_terminal_of_one_screen(void **state)
{
    term *t = start_on(*state, 0, "TERM=vt100");
    term_wait_for(t, "? help");
    assert_false(t->alternate);
    term_send(t, "q");
    assert_int_equal(term_end(t), 0);
    term_is_restored(t);
    assert_true(t->row > 500); /* the last line, cleared */
    term_free(t);
}

/* Stopped by someone else, the shell sets its modes; continued, ours are set again. */
static void stopped_from_outside(void **state)
{
    term *t = start(*state);
    struct termios mode, cooked;
    int status = 0;
    assert_int_equal(kill(t->pid, SIGSTOP), 0);
    assert_int_equal(waitpid(t->pid, &status, WUNTRACED), t->pid);
    assert_int_equal(tcgetattr(t->fd, &cooked), 0);
    cooked.c_lflag |= ECHO | ICANON | ISIG;
    assert_int_equal(tcsetattr(t->fd, TCSANOW, &cooked), 0);
    memset(t->cells, 0, sizeof t->cells);
    assert_int_equal(kill(t->pid, SIGCONT), 0);
    term_wait_for(t, "? help");
    assert_int_equal(tcgetattr(t->fd, &mode), 0);
    assert_false(mode.c_lflag & (ECHO | ICANON));
    term_send(t, "q");
    assert_int_equal(term_end(t), 0);
    term_is_restored(t);
    term_free(t);
}

static void typing_ahead_and_halves(void **state)
{
    term *t = start(*state);
    /* All at once, as a slow line delivers it: down twice, open, the waterfall, back, 12 down. */
    term_send(t, "\x1b[B\x1bOB\rw");
    term_wait_for(t, "[w]aterfall");
    term_send(t, "\x1b");
    term_wait_for(t, "[1]Traces");
    term_send(t, "g12j");
    term_wait_for(t, "13/31");
    /* A sequence in two pieces, the pause within what a line may take. */
    term_send(t, "\x1b[");
    (void)term_pump(t, 5);
    term_send(t, "B");
    term_wait_for(t, "14/31");
    /* A paste is no typing; in the typing line it is text. */
    term_send(t, "\x1b[200~Q\rq\x1b[201~j");
    term_wait_for(t, "15/31");
    term_send(t, "f\x1b[200~type:tool\nstatus:error\x1b[201~\r");
    term_wait_for(t, "filter: type:tool");
    /* Answers of the terminal are no keys. */
    term_send(t, "\x1b]10;rgb:0000/0000/0000\x07\x1b[?62;22c\x1bP1$r0m\x1b\\gj");
    term_wait_for(t, "2/");
    term_send(t, "Q");
    assert_int_equal(term_end(t), 0);
    term_free(t);
}

/* The first line that holds a text, from 0; -1 = none. */
static int line_of(const term *t, const char *text)
{
    ly_buf screen;
    ly_str rest, row;
    int line = -1;
    ly_buf_init(&screen, LY_MIB(4));
    term_text(t, &screen);
    rest = ly_buf_view(&screen);
    for (int r = 0; line < 0 && ly_str_split(&rest, '\n', &row); r++) {
        line = ly_str_find(row, ly_str_c(text), 0) != SIZE_MAX ? r : -1;
    }
    ly_buf_release(&screen);
    return line;
}

static void the_mouse(void **state)
{
    term *t = start(*state);
    term_send(t, "\x1b[<0;5;9M"); /* off: a click is nothing */
    term_send(t, "M");
    term_wait_for(t, "mouse on");
    assert_true(t->mouse);
    term_send(t, "\x1b[<0;5;9M\x1b[<0;5;9m");
    term_wait_for(t, "5/31");
    term_send(t, "\x1b[<65;5;9M");
    term_wait_for(t, "8/31");
    term_send(t, "\x1b[<0;22;1M"); /* a name above */
    term_wait_for(t, "[3]Sess");
    /* The divider between a trace and its detail follows the pointer, until the button is let go. */
    term_send(t, "1\r");
    term_wait_for(t, "Summary");
    int line = line_of(t, "[Summary]") - 1;
    char drag[96];
    snprintf(drag, sizeof drag, "\x1b[<0;9;%dM\x1b[<32;9;%dM\x1b[<0;9;%dm\x1b[<32;9;%dM", line + 1,
             line - 1, line - 1, line + 3);
    term_send(t, drag);
    for (int64_t until = ly_mono_ns() + TERM_WAIT_MS * LY_NS_PER_MS;
         line_of(t, "[Summary]") != line - 1;) {
        assert_true(ly_mono_ns() < until);
        (void)term_pump(t, 50);
    }
    term_send(t, ">");
    for (int64_t until = ly_mono_ns() + TERM_WAIT_MS * LY_NS_PER_MS;
         line_of(t, "[Summary]") != line;) {
        assert_true(ly_mono_ns() < until);
        (void)term_pump(t, 50);
    }
    term_send(t, "MQ");
    assert_int_equal(term_end(t), 0);
    assert_false(t->mouse);
    term_free(t);
}

static void prints_copies_and_pages(void **state)
{
    term *t = start(*state);
    term_send(t, "yi");
    term_wait_for(t, "copied 32 bytes");
    assert_true(strncmp(t->osc, "52;c;N2YwMDAw", 13) == 0);
    term_send(t, "p");
    term_wait_for(t, "Enter goes back");
    assert_false(t->alternate);
    term_wait_for(t, "web.fetch");
    assert_true(ly_str_find(ly_buf_view(&t->plain), LY_S("\x1b"), 0) == SIZE_MAX);
    term_send(t, "\n");
    term_wait_for(t, "[1]Traces");
    ly_buf_reset(&t->plain);
    memset(t->cells, 0, sizeof t->cells);
    term_send(t, "|"); /* cat: comes back by itself */
    term_wait_for(t, "web.fetch");
    term_wait_for(t, "? help");
    term_send(t, "q");
    assert_int_equal(term_end(t), 0);
    term_is_restored(t);
    term_free(t);
}

/* Nothing happens, nothing is written: on the list, in a trace, on a table. */
static void idle_writes_nothing(void **state)
{
    static const char *const places[] = {"", "\r", "7"};
    for (size_t i = 0; i < LY_COUNT(places); i++) {
        term *t = start(*state);
        term_send(t, places[i]);
        term_wait_for(t, i == 0 ? "[1]" : i == 1 ? "[2]" : "[7]");
        /* Quiet for a second, then the five that count. */
        for (size_t seen = t->bytes + 1; seen != t->bytes;) {
            seen = t->bytes;
            (void)term_pump(t, 1000);
        }
        size_t before = t->bytes;
        int64_t until = ly_mono_ns() + (i == 0 ? 5000 : 1500) * LY_NS_PER_MS;
        while (ly_mono_ns() < until) {
            (void)term_pump(t, 100);
        }
        assert_int_equal(t->bytes - before, 0);
        term_send(t, "Q");
        assert_int_equal(term_end(t), 0);
        term_free(t);
    }
}

static void new_data_comes_and_the_reader_stays(void **state)
{
    made *m = *state;
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    int64_t left;
    static const fixture_span late[] = {
        {1, 0, LY_TYPE_AGENT, "late-comer", 0, 900, NULL, 0, 0, 0, NULL, NULL, 0}};
    term *t = start(m);
    term_send(t, "4j");
    term_wait_for(t, "5/31");
    opts.role = LY_STORE_WRITER;
    assert_int_equal(ly_store_open(m->path, &opts, &store, &err), LY_OK);
    store_trace(m, store, 50, late, 1, NULL);
    assert_int_equal(ly_store_settle(store, 0, true, &left, &err), LY_OK);
    term_wait_for(t, "follow paused +1 new");
    assert_true(term_shows(t, "LIVE") && term_shows(t, "5/31") && !term_shows(t, "late-comer"));
    term_send(t, "g");
    term_wait_for(t, "late-comer");
    term_wait_for(t, "1/32");
    /* At the top it follows by itself. */
    store_trace(m, store, 51, late, 1, NULL);
    assert_int_equal(ly_store_settle(store, 0, true, &left, &err), LY_OK);
    term_wait_for(t, "1/33");
    ly_store_close(store);
    term_send(t, "q");
    assert_int_equal(term_end(t), 0);
    term_free(t);
}

static void the_database_goes_away(void **state)
{
    made *m = *state;
    char away[96];
    term *t = start(m);
    snprintf(away, sizeof away, "%s.away", m->path);
    assert_int_equal(rename(m->path, away), 0);
    term_wait_for(t, "STALE");
    term_wait_for(t, "the file is gone");
    assert_true(term_shows(t, "research-agent") || term_shows(t, "late-comer")); /* the rows stay */
    assert_int_equal(rename(away, m->path), 0);
    term_send(t, "j");
    term_wait_for(t, "2/3");
    term_send(t, "q");
    assert_int_equal(term_end(t), 0);
    term_is_restored(t);
    term_free(t);
}

/* No database yet: `lydite view` offers to make it and to collect, and goes over to it when it comes from elsewhere;
 * `lydite` alone, and a terminal without screens, print the ways in. */
static void no_database_yet(void **state)
{
    made *m = *state;
    char folder[] = "/tmp/lydite-none-XXXXXX", db[96], path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/new.db", folder);
    snprintf(db, sizeof db, "LYDITE_DB=%s", path);
    const char *env[] = {db, "HOME=/nonexistent", NULL, NULL};
    const char *view[] = {lydite, "view", NULL}, *alone[] = {lydite, NULL};
    term *t = term_start(24, 80, env, view);
    term_wait_for(t, "c makes the file and collects in this process.");
    term_wait_for(t, "No database yet.");
    assert_int_equal(access(path, F_OK), -1);
    term_send(t, "c");
    term_wait_for(t, "collecting: http://127.0.0.1:");
    term_wait_for(t, "No traces yet.");
    assert_int_equal(access(path, F_OK), 0);
    term_send(t, "q");
    assert_int_equal(term_end(t), 0);
    term_is_restored(t);
    term_free(t);
    static const char *const ends[] = {"", "-wal", "-shm", ".lock", ".collector"};
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        char file[80];
        snprintf(file, sizeof file, "%s%s", path, ends[i]);
        (void)unlink(file);
    }
    /* Another program makes it. */
    t = term_start(24, 80, env, view);
    term_wait_for(t, "c makes the file");
    assert_int_equal(symlink(m->path, path), 0);
    term_wait_for(t, "research-agent");
    term_send(t, "q");
    assert_int_equal(term_end(t), 0);
    term_free(t);
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 2; i++) {
        env[2] = i == 0 ? NULL : "TERM=dumb";
        t = term_start(24, 80, env, i == 0 ? alone : view);
        assert_int_equal(term_end(t), 0);
        assert_true(ly_str_find(ly_buf_view(&t->plain), LY_S("No database yet at"), 0) != SIZE_MAX);
        assert_true(ly_str_find(ly_buf_view(&t->plain), LY_S("lydite run"), 0) != SIZE_MAX);
        assert_true(ly_str_find(ly_buf_view(&t->plain), LY_S("\x1b"), 0) == SIZE_MAX);
        term_free(t);
    }
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(rmdir(folder), 0);
}

/* The window is closed: no process is left behind. */
static void the_terminal_goes_away(void **state)
{
    term *t = start(*state);
    (void)close(t->fd);
    t->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    t->ended = true;
    (void)term_end(t);
    term_free(t);
}

static void keys_of_the_environment(void **state)
{
    term *t = start_with(*state, 24, 80, "LYDITE_VIEW_KEYS=quit=X down=^n", NULL);
    term_wait_for(t, "? help");
    term_send(t, "\x0e");
    term_wait_for(t, "2/3");
    term_send(t, "X");
    assert_int_equal(term_end(t), 0);
    term_free(t);
    t = start_with(*state, 24, 80, "LYDITE_VIEW_KEYS=fly=X", NULL);
    term_wait_for(t, "there is no command \"fly\"");
    term_send(t, "q");
    assert_int_equal(term_end(t), 0);
    term_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_and_quits),
        cmocka_unit_test(signals_restore_the_terminal),
        cmocka_unit_test(suspends_and_comes_back),
        cmocka_unit_test(storm_of_sizes),
        cmocka_unit_test(what_the_environment_says),
        cmocka_unit_test(what_the_terminal_answers),
        cmocka_unit_test(answers_do_not_reach_the_shell),
        cmocka_unit_test(a_terminal_of_one_screen),
        cmocka_unit_test(stopped_from_outside),
        cmocka_unit_test(typing_ahead_and_halves),
        cmocka_unit_test(the_mouse),
        cmocka_unit_test(prints_copies_and_pages),
        cmocka_unit_test(idle_writes_nothing),
        cmocka_unit_test(new_data_comes_and_the_reader_stays),
        cmocka_unit_test(the_database_goes_away),
        cmocka_unit_test(no_database_yet),
        cmocka_unit_test(the_terminal_goes_away),
        cmocka_unit_test(keys_of_the_environment),
    };
    lydite = getenv("LYDITE");
    if (!lydite) {
        printf("skipped: LYDITE names no program\n");
        return 77;
    }
    cmocka_set_test_filter(getenv("LYDITE_TEST"));
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
