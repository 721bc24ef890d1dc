/*
 * A terminal for tests: a program on a pseudo-terminal of our own and a small screen that understands what the
 * viewer writes, and nothing else: any other sequence is noted as bad. No tmux, so it runs everywhere.
 */
#ifndef LY_TESTS_VIEWER_PTY_H
#define LY_TESTS_VIEWER_PTY_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/term.h"
#include "base/utf8.h"

enum { TERM_MAX = 512, TERM_WAIT_MS = 20000 };

typedef struct term {
    int fd;
    pid_t pid;
    int rows, cols, row, col;
    uint32_t cells[TERM_MAX]
                  [TERM_MAX]; /* code points; 0 = empty or the second half of a wide one */
    unsigned char seq[65536]; /* an unfinished sequence */
    size_t n_seq;
    size_t bytes; /* received in all */
    bool alternate, hidden, paste, mouse, colors, high;
    bool asked, synced,
        in_sync;     /* was asked how it draws; a frame was kept together; one is begun */
    int answers;     /* columns of a glyph that it answers with; 0 = it never answers */
    char bad[64];    /* the first sequence that is not known */
    ly_buf plain;    /* what came outside of the alternate screen */
    char osc[65536]; /* the last OSC */
    bool ended;      /* the other side is closed */
    bool reaped;
    int status;
} term;

static inline void term_mode(term *t, const char *body, bool on)
{
    if (strcmp(body, "?1049") == 0) {
        t->alternate = on;
    } else if (strcmp(body, "?25") == 0) {
        t->hidden = !on;
    } else if (strcmp(body, "?2004") == 0) {
        t->paste = on;
    } else if (strcmp(body, "?1000") == 0 || strcmp(body, "?1002") == 0 ||
               strcmp(body, "?1006") == 0) {
        t->mouse = on;
    } else if (strcmp(body, "?2026") == 0) {
        t->synced = t->synced || on;
        t->in_sync = on;
    } else {
        snprintf(t->bad, sizeof t->bad, "mode %.40s", body);
    }
}

/* Says where the cursor is, that it knows synchronised output, and what it is. */
static inline void term_answer(term *t, const char *body, char final)
{
    char text[64];
    t->asked = true;
    if (final == 'n') {
        snprintf(text, sizeof text, "\x1b[%d;%dR", t->row + 1, t->col * t->answers + 1);
    } else if (final == 'p') {
        snprintf(text, sizeof text, "\x1b[?2026;2$y");
    } else {
        snprintf(text, sizeof text, "\x1b[?62;22c");
    }
    if (strcmp(body, final == 'n' ? "6" : final == 'p' ? "?2026$" : "") != 0) {
        snprintf(t->bad, sizeof t->bad, "question %.40s%c", body, final);
    }
    if (t->answers > 0) {
        ssize_t ignored = write(t->fd, text, strlen(text));
        (void)ignored;
    }
}

static inline void term_csi(term *t)
{
    char body[64], final = (char)t->seq[t->n_seq - 1];
    size_t n = t->n_seq - 3 < sizeof body - 1 ? t->n_seq - 3 : sizeof body - 1;
    memcpy(body, t->seq + 2, n);
    body[n] = '\0';
    switch (final) {
    case 'H':
        t->row = (int)strtol(body, NULL, 10) - 1;
        t->col = strchr(body, ';') ? (int)strtol(strchr(body, ';') + 1, NULL, 10) - 1 : 0;
        break;
    case 'J':
        memset(t->cells, 0, sizeof t->cells);
        break;
    case 'm':
        t->colors = t->colors || strstr(body, ";3") != NULL;
        break;
    case 'K':
        break;
    case 'n':
    case 'p':
    case 'c':
        term_answer(t, body, final);
        break;
    case 'h':
    case 'l':
        term_mode(t, body, final == 'h');
        break;
    default:
        snprintf(t->bad, sizeof t->bad, "CSI %.40s%c", body, final);
    }
}

static inline void term_put(term *t, uint32_t cp)
{
    int w = ly_term_cp_width(cp);
    if (!t->alternate) {
        char utf8[4];
        ly_buf_add(&t->plain, utf8, ly_utf8_put(cp, utf8));
        return;
    }
    if (cp < 0x20 || cp == 0x7f) {
        snprintf(t->bad, sizeof t->bad, "byte %02x", cp);
    } else if (w > 0 && t->row >= 0 && t->row < TERM_MAX && t->col >= 0 && t->col + w <= TERM_MAX) {
        t->cells[t->row][t->col] = cp;
        if (w == 2) {
            t->cells[t->row][t->col + 1] = 0;
        }
        t->col += w;
    }
}

static inline void term_byte(term *t, unsigned char c)
{
    if (t->n_seq + 1 >= sizeof t->seq) {
        t->n_seq = 0;
        snprintf(t->bad, sizeof t->bad, "a sequence without an end");
    }
    t->high = t->high || c >= 0x80;
    t->seq[t->n_seq++] = c;
    if (t->seq[0] == 0x1b) {
        bool done = false;
        if (t->n_seq > 2 && t->seq[1] == '[' && c >= 0x40 && c <= 0x7e) {
            term_csi(t);
            done = true;
        } else if (t->n_seq > 1 && t->seq[1] == ']') {
            done = c == 7;
            if (done) {
                memcpy(t->osc, t->seq + 2, t->n_seq - 3);
                t->osc[t->n_seq - 3] = '\0';
            }
        } else if (t->n_seq == 2 && c != '[') {
            snprintf(t->bad, sizeof t->bad, "ESC %02x", c);
            done = true;
        }
        t->n_seq = done ? 0 : t->n_seq;
        return;
    }
    size_t need = c < 0x80 ? 1 : t->seq[0] >= 0xf0 ? 4 : t->seq[0] >= 0xe0 ? 3 : 2;
    if (t->n_seq >= need) {
        size_t pos = 0;
        uint32_t cp = ly_utf8_next(ly_str_n(t->seq, t->n_seq), &pos);
        if (cp == LY_UTF8_BAD) {
            snprintf(t->bad, sizeof t->bad, "bytes that are no UTF-8");
        } else {
            term_put(t, cp);
        }
        t->n_seq = 0;
    }
}

/* Takes what comes in `ms`; false when the other side is closed. */
static inline bool term_pump(term *t, int ms)
{
    struct pollfd p = {t->fd, POLLIN, 0};
    unsigned char bytes[65536];
    while (!t->ended && poll(&p, 1, ms) > 0) {
        ssize_t n = read(t->fd, bytes, sizeof bytes);
        if (n <= 0) {
            t->ended = true; /* EIO: the last one closed it */
            break;
        }
        t->bytes += (size_t)n;
        for (ssize_t i = 0; i < n; i++) {
            term_byte(t, bytes[i]);
        }
        ms = 0;
    }
    return !t->ended;
}

static inline void term_text(const term *t, ly_buf *out)
{
    ly_buf_reset(out);
    for (int r = 0; r < t->rows; r++) {
        for (int c = 0; c < t->cols; c++) {
            char utf8[4];
            bool half = c > 0 && t->cells[r][c] == 0 && ly_term_cp_width(t->cells[r][c - 1]) == 2;
            if (!half) {
                ly_buf_add(out, utf8, ly_utf8_put(t->cells[r][c] ? t->cells[r][c] : ' ', utf8));
            }
        }
        ly_buf_char(out, '\n');
    }
}

static inline bool term_shows(const term *t, const char *text)
{
    ly_buf screen;
    ly_buf_init(&screen, LY_MIB(4));
    term_text(t, &screen);
    bool there = ly_str_find(ly_buf_view(&screen), ly_str_c(text), 0) != SIZE_MAX;
    ly_buf_release(&screen);
    return there;
}

/* Waits until the screen (or, outside of it, what was printed) holds the text. */
static inline void term_wait_for(term *t, const char *text)
{
    int64_t until = ly_mono_ns() + TERM_WAIT_MS * LY_NS_PER_MS;
    while (!term_shows(t, text) &&
           ly_str_find(ly_buf_view(&t->plain), ly_str_c(text), 0) == SIZE_MAX) {
        if (!term_pump(t, 50) || ly_mono_ns() > until) {
            ly_buf screen;
            ly_buf_init(&screen, LY_MIB(4));
            term_text(t, &screen);
            fail_msg("the terminal does not show \"%s\":\n%s\nand printed: %s", text,
                     ly_buf_text(&screen), ly_buf_text(&t->plain));
        }
    }
}

static inline void term_send(term *t, const char *keys)
{
    size_t n = strlen(keys);
    assert_int_equal(write(t->fd, keys, n), (ssize_t)n);
}

static inline void term_size(term *t, int rows, int cols)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    t->rows = rows;
    t->cols = cols;
    assert_int_equal(ioctl(t->fd, TIOCSWINSZ, &size), 0);
}

/* Starts a program; env: NAME=VALUE of the child, ended by NULL. */
static inline term *term_start(int rows, int cols, const char *const *env, const char *const *argv)
{
    term *t = ly_calloc(1, sizeof *t);
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    assert_non_null(t);
    t->rows = rows;
    t->cols = cols;
    ly_buf_init(&t->plain, LY_MIB(4));
    t->pid = forkpty(&t->fd, NULL, NULL, &size);
    assert_true(t->pid >= 0);
    if (t->pid == 0) {
        (void)unsetenv("NO_COLOR");
        (void)unsetenv("LYDITE_THEME");
        (void)unsetenv("COLORFGBG");
        (void)unsetenv("LYDITE_VIEW_KEYS");
        (void)setenv("TERM", "xterm-256color", 1);
        (void)setenv("LC_ALL", "C.UTF-8", 1);
        for (; *env; env++) {
            (void)putenv((char *)(uintptr_t)*env);
        }
        (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return t;
}

/* Waits for the end and gives the status of waitpid. */
static inline int term_end(term *t)
{
    int64_t until = ly_mono_ns() + TERM_WAIT_MS * LY_NS_PER_MS;
    while (!t->reaped) {
        (void)term_pump(t, 20);
        t->reaped = waitpid(t->pid, &t->status, WNOHANG) == t->pid;
        if (!t->reaped && ly_mono_ns() > until) {
            (void)kill(t->pid, SIGKILL);
            fail_msg("the program does not end");
        }
    }
    (void)term_pump(t, 100);
    return t->status;
}

static inline void term_free(term *t)
{
    if (!t->reaped) {
        (void)kill(t->pid, SIGKILL);
        (void)waitpid(t->pid, NULL, 0);
    }
    (void)close(t->fd);
    ly_buf_release(&t->plain);
    ly_free(t);
}

/* As the shell had it: its own screen, a cursor, lines and echo. */
static inline void term_is_restored(term *t)
{
    struct termios mode;
    assert_string_equal(t->bad, "");
    assert_false(t->alternate);
    assert_false(t->hidden);
    assert_false(t->paste);
    assert_false(t->mouse);
    assert_false(t->in_sync);
    if (tcgetattr(t->fd, &mode) == 0) {
        assert_true((mode.c_lflag & (ECHO | ICANON | ISIG)) == (ECHO | ICANON | ISIG));
    }
}

#endif
