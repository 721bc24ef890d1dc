/*
 * The viewer on a real terminal: raw mode, signals, the loop. With terminal.c the only
 * file of the room that touches a descriptor.
 *
 *     poll(keyboard, signals, 250 ms) -> keys, resize, new data -> one frame -> one write
 *
 * The terminal is put back on every way out: return, SIGTERM, SIGHUP, abort and faults.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "viewer/app.h"
#include "viewer/terminal.h"
#include "viewer/terminfo.h"

#define POLL_MS   250
#define WORK_MS   40 /* silence after which idle work begins */
#define RESIZE_MS 30 /* resizes in one of these are one relayout */

/* Presses, drags and the wheel, in SGR form. */
#define MOUSE_ON  "\033[?1000h\033[?1002h\033[?1006h"
#define MOUSE_OFF "\033[?1002l\033[?1000l\033[?1006l"

static int signal_pipe[2] = {-1, -1};
static volatile sig_atomic_t last_signal;

static void on_signal(int number)
{
    int keep = errno;
    unsigned char byte = (unsigned char)number;
    if (number != SIGWINCH && number != SIGCONT) {
        last_signal = number;
    }
    ssize_t ignored = write(signal_pipe[1], &byte, 1);
    (void)ignored;
    errno = keep;
}

/* A fault in us: give the terminal back, then die of it as usual. */
static void on_fault(int number)
{
    ly_terminal_leave();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

typedef struct loop {
    ly_app *app;
    ly_grid shown; /* the frame on the terminal */
    ly_buf out;
    ly_input input;
    ly_key_name names[16];
    ly_scheme scheme;
    ly_terminal_says says;
    bool ask;   /* with the next frame */
    bool all;   /* draw everything */
    bool dead;  /* the terminal is gone */
    bool mouse; /* the terminal was asked for reports */
    int64_t resize_at;
    int64_t key_at; /* when bytes came last */
} loop;

static void write_all(loop *l, const char *bytes, size_t n)
{
    while (n > 0 && !l->dead) {
        ssize_t done = write(STDOUT_FILENO, bytes, n);
        if (done < 0 && (errno == EINTR || errno == EAGAIN)) {
            struct pollfd ready = {STDOUT_FILENO, POLLOUT, 0};
            (void)poll(&ready, 1, 100);
            continue;
        }
        if (done <= 0) {
            l->dead = true;
            return;
        }
        bytes += done;
        n -= (size_t)done;
    }
}

static void copy_grid(ly_grid *to, const ly_grid *from)
{
    if (to->rows != from->rows || to->cols != from->cols) {
        if (!ly_grid_resize(to, from->rows, from->cols)) {
            to->rows = to->cols = 0; /* the next frame is drawn whole */
            return;
        }
    }
    memcpy(to->cells, from->cells, (size_t)(from->rows * from->cols) * sizeof *from->cells);
}

static void show(loop *l)
{
    ly_app_draw(l->app);
    ly_buf_reset(&l->out);
    if (l->ask) {
        l->ask = false;
        ly_terminal_ask(l->app->grid.unicode && l->app->grid.cols > 20, &l->out);
    }
    if (l->says.sync) {
        ly_buf_c(&l->out, LY_SYNC_BEGIN);
    }
    size_t start = l->out.len;
    ly_buf_str(&l->out, ly_buf_view(&l->app->osc));
    ly_buf_reset(&l->app->osc);
    if (l->mouse != l->app->mouse) {
        ly_buf_c(&l->out, l->app->mouse ? MOUSE_ON : MOUSE_OFF);
        l->mouse = l->app->mouse;
    }
    bool had_cursor = l->app->cursor_row >= 0;
    ly_grid_write(&l->app->grid, l->all ? NULL : &l->shown, l->scheme, l->app->cursor_row,
                  l->app->cursor_col, &l->out);
    if (!had_cursor) {
        ly_buf_c(&l->out, l->out.len > start ? "\033[?25l" : "");
    }
    if (l->says.sync) {
        ly_buf_c(&l->out, LY_SYNC_END);
    }
    if (l->out.len > start + (l->says.sync ? sizeof LY_SYNC_END - 1 : 0)) {
        write_all(l, ly_buf_text(&l->out), l->out.len);
    }
    copy_grid(&l->shown, &l->app->grid);
    l->all = false;
}

static void suspend(loop *l)
{
    ly_terminal_leave();
    (void)raise(SIGSTOP);
    (void)!ly_terminal_enter();
    l->mouse = false;
    l->all = true;
}

/* The terminal said how it draws: the frame follows. True when there is something to draw anew. */
static bool hear(loop *l, ly_key key)
{
    const ly_terminal_says before = l->says;
    if (!ly_terminal_answer(key, &l->says) || l->says.glyphs == before.glyphs) {
        return false;
    }
    ly_app_set_glyphs(l->app, l->says.glyphs, l->says.glyphs || l->says.wide);
    l->all = true;
    return true;
}

/* Reads what is there; true when some key came. */
static bool read_keys(loop *l)
{
    unsigned char bytes[4096];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    bool any = false;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        l->dead = true;
        return false;
    }
    l->key_at = ly_mono_ns();
    for (ssize_t i = 0; i < n; i++) {
        ly_key key;
        bool complete = ly_input_byte(&l->input, bytes[i], &key);
        while (complete) {
            if (key.code >= LY_KEY_IS_MODE && key.code <= LY_KEY_IS_END) {
                any |= hear(l, key);
            } else {
                ly_app_key(l->app, key);
                any = true;
            }
            complete = ly_input_more(&l->input, &key);
        }
    }
    return any;
}

static bool take_signals(loop *l)
{
    unsigned char bytes[64];
    ssize_t n = read(signal_pipe[0], bytes, sizeof bytes);
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == SIGWINCH) {
            l->resize_at = ly_mono_ns() + RESIZE_MS * LY_NS_PER_MS;
        } else if (bytes[i] == SIGCONT) {
            /* Whoever stopped us, the shell has set its own modes since. */
            (void)!ly_terminal_enter();
            l->mouse = false;
            l->all = true;
            l->resize_at = ly_mono_ns();
        } else if (bytes[i] == SIGTSTP) {
            suspend(l);
        } else {
            l->app->quit = true;
        }
    }
    return n > 0;
}

static int wait_ms(const loop *l)
{
    if (l->resize_at != 0) {
        int64_t left = (l->resize_at - ly_mono_ns()) / LY_NS_PER_MS;
        return left < 0 ? 0 : left > RESIZE_MS ? RESIZE_MS : (int)left + 1;
    }
    int half = ly_input_wait_ms(&l->input);
    if (half > 0) {
        int64_t left = half - (ly_mono_ns() - l->key_at) / LY_NS_PER_MS;
        return left < 0 ? 0 : left > POLL_MS ? POLL_MS : (int)left + 1;
    }
    if (ly_app_has_work(l->app)) {
        int64_t left = WORK_MS - (ly_mono_ns() - l->key_at) / LY_NS_PER_MS;
        return left < 0 ? 0 : (int)left;
    }
    if (ly_loader_runs(l->app->loader)) {
        return WORK_MS;
    }
    return l->app->count_is_tab ? LY_KEY_PAUSE_MS : POLL_MS;
}

/* Nothing came for as long as was waited: what silence means. True when something changed. */
static bool silence(loop *l)
{
    ly_key key;
    int64_t quiet = ly_mono_ns() - l->key_at;
    bool changed = false;
    int half = ly_input_wait_ms(&l->input);
    if (half > 0) {
        if (quiet >= half * LY_NS_PER_MS && ly_input_flush(&l->input, &key)) {
            ly_app_key(l->app, key);
            changed = true;
        }
        return changed;
    }
    if (l->app->count_is_tab && quiet >= LY_KEY_PAUSE_MS * LY_NS_PER_MS) {
        changed = ly_app_pause(l->app);
    }
    if (quiet >= WORK_MS * LY_NS_PER_MS) {
        changed |= ly_app_work(l->app);
    }
    return changed;
}

/* ---- text outside of the screens ------------------------------------------------------------- */

/* Waits for Enter (or the end of the input) with the terminal as the shell had it. */
static void wait_for_enter(loop *l)
{
    char c = 0;
    ssize_t n;
    do {
        n = read(STDIN_FILENO, &c, 1);
    } while ((n == 1 && c != '\n') || (n < 0 && errno == EINTR && last_signal == 0));
    l->dead = l->dead || n == 0;
}

static void pipe_to_pager(const loop *l, const char *pager)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        (void)signal(SIGPIPE, SIG_DFL);
        (void)signal(SIGINT, SIG_DFL);
        (void)signal(SIGTSTP, SIG_DFL);
        (void)dup2(fds[0], STDIN_FILENO);
        (void)execl("/bin/sh", "sh", "-c", pager, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[0]);
    ly_str text = ly_buf_view(&l->app->outside);
    while (child > 0 && text.len > 0) {
        ssize_t n = write(fds[1], text.ptr, text.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break; /* the pager was left before the end */
        }
        text = ly_str_sub(text, (size_t)n, text.len);
    }
    (void)close(fds[1]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
}

/* The text is clean (ly_term_clean): a pager that passes control characters on gets none. */
static void show_outside(loop *l)
{
    ly_app *app = l->app;
    const char *pager = getenv("PAGER");
    ly_terminal_leave();
    if (app->outside_to == LY_OUTSIDE_PAGER) {
        pipe_to_pager(l, pager != NULL && pager[0] != '\0' ? pager : "less");
    } else {
        write_all(l, "\n", 1);
        write_all(l, ly_buf_text(&app->outside), app->outside.len);
        static const char hint[] = "\n-- Enter goes back to lydite --";
        write_all(l, hint, sizeof hint - 1);
        wait_for_enter(l);
    }
    app->outside_to = LY_OUTSIDE_NOTHING;
    ly_buf_release(&app->outside);
    ly_buf_init(&app->outside, LY_MIB(96));
    (void)!ly_terminal_enter();
    l->mouse = false;
    l->all = true;
    l->resize_at = ly_mono_ns();
}

static void run_loop(loop *l)
{
    bool draw = true;
    while (!l->app->quit && !l->dead) {
        if (draw) {
            show(l);
            draw = false;
        }
        struct pollfd fds[2] = {{STDIN_FILENO, POLLIN, 0}, {signal_pipe[0], POLLIN, 0}};
        int ready = poll(fds, 2, wait_ms(l));
        if (ready < 0 && errno != EINTR) {
            return;
        }
        if (ready > 0 && fds[1].revents) {
            draw |= take_signals(l);
        }
        if (ready > 0 && fds[0].revents) {
            draw |= read_keys(l);
        } else if (ready == 0) {
            draw |= silence(l);
        }
        if (l->app->outside_to != LY_OUTSIDE_NOTHING) {
            show_outside(l);
            draw = true;
        }
        if (l->app->suspend) {
            l->app->suspend = false;
            suspend(l);
            draw = true;
        }
        if (l->app->redraw) {
            l->app->redraw = false;
            l->all = true;
            draw = true;
        }
        if (l->resize_at != 0 && ly_mono_ns() >= l->resize_at) {
            int rows, cols;
            l->resize_at = 0;
            ly_terminal_size(&rows, &cols);
            if (!ly_app_resize(l->app, rows, cols)) {
                return;
            }
            l->all = true;
            draw = true;
        }
        if (l->resize_at != 0) {
            draw = false; /* the frame after the last resize */
        }
        draw |= ly_app_tick(l->app, ly_wall_ns());
    }
}

static void set_signals(bool ours, struct sigaction *old)
{
    static const int polite[] = {SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT, SIGPIPE};
    static const int faults[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    size_t n = 0;
    for (size_t i = 0; i < LY_COUNT(polite); i++, n++) {
        struct sigaction act;
        memset(&act, 0, sizeof act);
        act.sa_handler = polite[i] == SIGPIPE ? SIG_IGN : on_signal;
        act.sa_flags = SA_RESTART;
        (void)(ours ? sigaction(polite[i], &act, &old[n]) : sigaction(polite[i], &old[n], NULL));
    }
    for (size_t i = 0; i < LY_COUNT(faults); i++, n++) {
        struct sigaction act;
        memset(&act, 0, sizeof act);
        act.sa_handler = on_fault;
        (void)(ours ? sigaction(faults[i], &act, &old[n]) : sigaction(faults[i], &old[n], NULL));
    }
}

/* A light background, where the terminal tells it as rxvt does ("0;15"). */
static bool light_background(void)
{
    const char *theme = getenv("LYDITE_THEME");
    if (theme != NULL) {
        return strcmp(theme, "light") == 0;
    }
    const char *fgbg = getenv("COLORFGBG");
    const char *last = fgbg != NULL ? strrchr(fgbg, ';') : NULL;
    return last != NULL && (strcmp(last, ";7") == 0 || strcmp(last, ";15") == 0);
}

ly_status ly_viewer_run(const ly_viewer_opts *opts, ly_err *err)
{
    const char *term = getenv("TERM");
    ly_store *store = NULL;
    ly_store_opts store_opts = ly_viewer_store_opts();
    struct sigaction old[16];
    int colors = 0, rows, cols;
    bool alternate = true;
    loop l = {.all = true, .ask = true, .says = {.glyphs = true}};
    if (term == NULL || strcmp(term, "dumb") == 0 || !isatty(STDIN_FILENO) ||
        !isatty(STDOUT_FILENO)) {
        return LY_FAIL(err, LY_E_UNSUPPORTED, "this terminal cannot show screens");
    }
    ly_status st = ly_store_open(opts->db_path, &store_opts, &store, err);
    if (st == LY_OK) {
        ly_viewer_opts ours = *opts;
        ours.background = true;
        st = ly_app_new(&ours, store, &l.app, err);
        if (st != LY_OK) {
            ly_store_close(store);
        }
    }
    if (st != LY_OK) {
        return st;
    }
    (void)ly_terminfo_read(term, l.names, LY_COUNT(l.names), &l.input.n_names, &colors, &alternate);
    ly_terminal_init(alternate);
    l.input.names = l.names;
    l.scheme = !opts->color || colors < 8 ? LY_SCHEME_MONO
               : light_background()       ? LY_SCHEME_LIGHT
                                          : LY_SCHEME_COLOR;
    ly_grid_init(&l.shown, opts->unicode);
    ly_buf_init(&l.out, LY_MIB(64));
    ly_terminal_size(&rows, &cols);
    if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0 || !ly_app_resize(l.app, rows, cols)) {
        st = LY_FAIL(err, LY_E_IO, "the terminal cannot be used: no memory or descriptors");
    } else {
        last_signal = 0;
        set_signals(true, old);
        if (!ly_terminal_enter()) {
            st = LY_FAIL(err, LY_E_UNSUPPORTED, "this terminal cannot be put into raw mode");
        } else {
            run_loop(&l);
            if (!l.dead) {
                ly_terminal_settle(&l.says, &l.input);
            }
            ly_terminal_leave();
        }
        set_signals(false, old);
    }
    for (int i = 0; i < 2; i++) {
        if (signal_pipe[i] >= 0) {
            (void)close(signal_pipe[i]);
            signal_pipe[i] = -1;
        }
    }
    ly_app_free(l.app);
    ly_grid_release(&l.shown);
    ly_buf_release(&l.out);
    if (st == LY_OK && last_signal != 0) {
        int number = last_signal;
        (void)raise(number); /* what the program does about it is its own */
    }
    return st;
}
