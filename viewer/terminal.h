/*
 * The terminal's modes: raw input and the alternate screen where it has one, and everything back as it was.
 * And what it is asked at the start: whether it keeps a frame together (synchronised output) and how wide it
 * draws the glyphs of frames and bars. Nobody waits for the answers: they come as keys of the decoder (input.h),
 * after 5 ms or after 2 s over a slow line or never, and until then the locale is believed. Not here: the
 * loop (run.c), frames (grid.h).
 *
 * One terminal a process, like its standard input: the state is static so that a signal handler can use it.
 */
#ifndef LY_VIEWER_TERMINAL_H
#define LY_VIEWER_TERMINAL_H

#include "base/buf.h"
#include "viewer/input.h"

/* What is known of how the terminal draws. */
typedef struct ly_terminal_says {
    bool end;    /* it has answered all it will */
    bool sync;   /* a frame may be kept together: LY_SYNC_BEGIN, LY_SYNC_END */
    bool glyphs; /* one column each; false only when it said otherwise */
    bool wide; /* two columns each: a terminal of East Asian widths, whose text may stay as it is */
} ly_terminal_says;

#define LY_SYNC_BEGIN "\033[?2026h"
#define LY_SYNC_END   "\033[?2026l"

/* alternate: terminfo knows how it goes to a second screen. Without, leaving puts the cursor below the last frame. */
void ly_terminal_init(bool alternate);
/* Raw mode and the screen; false when standard input is no terminal. Again after a stop from outside: what the
 * shell set meanwhile is not taken for the user's modes. */
LY_MUST_USE bool ly_terminal_enter(void);
/* Back; nothing when it is back. Async-signal-safe. */
void ly_terminal_leave(void);
void ly_terminal_size(int *ret_rows, int *ret_cols);

/* Appends the questions, to be written before a whole frame: whatever a terminal shows of them is drawn over. */
void ly_terminal_ask(bool glyphs, ly_buf *out);
/* Takes an answer; true when `says` changed. Other keys are none: false. */
bool ly_terminal_answer(ly_key key, ly_terminal_says *says);
/* Before leaving: reads away answers that are under way, for at most a second after the question, so that the
 * shell does not get them as typing. */
void ly_terminal_settle(const ly_terminal_says *says, ly_input *input);

#endif
