#include "viewer/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"

/* Answers that take longer than this after the question are no longer waited for when leaving. */
#define SETTLE_NS LY_NS_PER_SEC

/* Alternate screen, cursor off, bracketed paste; and back. */
#define ALTERNATE_ON  "\033[?1049h"
#define ALTERNATE_OFF "\033[?1049l"
#define ENTER_MODES   "\033[?25l\033[?2004h"
#define LEAVE_MODES   LY_SYNC_END "\033[0m\033[?2004l\033[?1002l\033[?1000l\033[?1006l\033[?25h"
/* Without a second screen the last frame stays: its bottom line goes, and the shell goes on there. */
#define LEAVE_BELOW "\033[999;1H\033[2K"

static const char enter_second[] = ALTERNATE_ON ENTER_MODES;
static const char enter_same[] = ENTER_MODES;
static const char leave_second[] = LEAVE_MODES ALTERNATE_OFF;
static const char leave_same[] = LEAVE_MODES LEAVE_BELOW;

static struct termios saved_mode;
static volatile sig_atomic_t ours;
static bool second_screen = true;
static int64_t asked_at; /* 0 = nothing was asked */

void ly_terminal_init(bool alternate)
{
    second_screen = alternate;
    asked_at = 0;
}

static void put(const char *bytes, size_t n)
{
    ssize_t ignored = write(STDOUT_FILENO, bytes, n);
    (void)ignored;
}

bool ly_terminal_enter(void)
{
    struct termios raw;
    if (!ours && tcgetattr(STDIN_FILENO, &saved_mode) != 0) {
        return false;
    }
    raw = saved_mode;
    raw.c_iflag &= (tcflag_t) ~(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
    raw.c_lflag &= (tcflag_t) ~(ECHO | ICANON | IEXTEN | ISIG);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) {
        return false;
    }
    ours = 1;
    if (second_screen) {
        put(enter_second, sizeof enter_second - 1);
    } else {
        put(enter_same, sizeof enter_same - 1);
    }
    return true;
}

void ly_terminal_leave(void)
{
    if (!ours) {
        return;
    }
    ours = 0;
    if (second_screen) {
        put(leave_second, sizeof leave_second - 1);
    } else {
        put(leave_same, sizeof leave_same - 1);
    }
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &saved_mode);
}

void ly_terminal_size(int *ret_rows, int *ret_cols)
{
    struct winsize size;
    *ret_rows = 24;
    *ret_cols = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        *ret_rows = size.ws_row;
        *ret_cols = size.ws_col;
    }
}

/* ---- what it is asked ------------------------------------------------------------------------ */

/* One of each kind that frames, trees and bars are made of, in the second row: the first would make the
 * answer look like a key. */
#define GLYPHS      "\xE2\x94\x80\xE2\x94\x82\xE2\x96\x88\xE2\x96\x93\xE2\x80\xA6"
#define N_GLYPHS    5
#define SYNC_MODE   2026
#define ASK_GLYPHS  "\033[2;1H" GLYPHS "\033[6n"
#define ASK_MODE    "\033[?2026$p"
#define ASK_THE_END "\033[c" /* all terminals say what they are: the end of the answers */

void ly_terminal_ask(bool glyphs, ly_buf *out)
{
    if (glyphs) {
        ly_buf_c(out, ASK_GLYPHS);
    }
    ly_buf_c(out, ASK_MODE ASK_THE_END);
    asked_at = ly_mono_ns();
}

bool ly_terminal_answer(ly_key key, ly_terminal_says *says)
{
    const ly_terminal_says before = *says;
    switch (key.code) {
    case LY_KEY_IS_END:
        says->end = true;
        break;
    case LY_KEY_IS_MODE:
        if (key.row == SYNC_MODE) {
            says->sync = key.col >= 1 && key.col <= 3;
        }
        break;
    case LY_KEY_IS_CURSOR:
        says->glyphs = key.row == 2 && key.col == N_GLYPHS + 1;
        says->wide = key.row == 2 && key.col == 2 * N_GLYPHS + 1;
        break;
    default:
        break;
    }
    return before.end != says->end || before.sync != says->sync || before.glyphs != says->glyphs ||
           before.wide != says->wide;
}

void ly_terminal_settle(const ly_terminal_says *says, ly_input *input)
{
    ly_terminal_says now = *says;
    while (asked_at != 0 && !now.end) {
        int64_t left = asked_at + SETTLE_NS - ly_mono_ns();
        struct pollfd fd = {STDIN_FILENO, POLLIN, 0};
        unsigned char bytes[256];
        /* At the end of the time, what has come is taken all the same. */
        if (poll(&fd, 1, left > 0 ? (int)(left / LY_NS_PER_MS) + 1 : 0) <= 0) {
            return;
        }
        ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
        if (n <= 0) {
            return;
        }
        for (ssize_t i = 0; i < n; i++) {
            ly_key key;
            bool complete = ly_input_byte(input, bytes[i], &key);
            while (complete) {
                (void)ly_terminal_answer(key, &now);
                complete = ly_input_more(input, &key);
            }
        }
    }
}
