/*
 * The input decoder: bytes of a terminal in, keys out. Pure; holds an unfinished sequence between calls.
 *
 * Known: UTF-8, control characters, CSI and SS3 sequences of xterm and its relatives (arrows, Home, End,
 * paging, with modifiers), the strings that terminfo names for this terminal, bracketed paste (its text
 * comes as ordinary characters with `pasted` set, so that it is never taken for commands), mouse reports
 * in SGR form (wheel, press, drag, release), and the answers of the terminal to what ly_terminal_ask sends, whenever
 * they come. Everything else is swallowed whole. An ESC alone is known only by the silence after it, and what never
 * ends (half a sequence, a paste that lost its end) is given up likewise: ly_input_flush.
 */
#ifndef LY_VIEWER_INPUT_H
#define LY_VIEWER_INPUT_H

#include "base/str.h"

/* Keys above Unicode. */
enum {
    LY_KEY_UP = 0x110000,
    LY_KEY_DOWN,
    LY_KEY_LEFT,
    LY_KEY_RIGHT,
    LY_KEY_HOME,
    LY_KEY_END,
    LY_KEY_PAGE_UP,
    LY_KEY_PAGE_DOWN,
    LY_KEY_DELETE,
    LY_KEY_INSERT,
    LY_KEY_BACK_TAB,
    LY_KEY_WHEEL_UP,
    LY_KEY_WHEEL_DOWN,
    LY_KEY_PRESS, /* mouse: row and col */
    LY_KEY_DRAG,  /* the pointer moved with the button down; row and col */
    LY_KEY_RELEASE,
    LY_KEY_F1, /* F1..F12 */
    LY_KEY_F12 = LY_KEY_F1 + 11,
    /* Answers of the terminal, no keys. */
    LY_KEY_IS_MODE, /* row: the private mode, col: 0 unknown, 1 set, 2 reset, 3 and 4 for ever so */
    LY_KEY_IS_CURSOR, /* row and col from 1, row at least 2 */
    LY_KEY_IS_END,    /* what it is: the last that was asked */
    LY_KEY__END
};
#define LY_KEY_ESC       27
#define LY_KEY_ENTER     13
#define LY_KEY_TAB       9
#define LY_KEY_BACKSPACE 127
#define LY_KEY_CTRL(c)   ((c)&31)

typedef struct ly_key {
    uint32_t code; /* a code point or LY_KEY_* */
    bool pasted;
    int row, col; /* of the mouse and of answers */
} ly_key;

#define LY_INPUT_PENDING 64

/* Strings that this terminal sends for a key, from terminfo. */
typedef struct ly_key_name {
    const char *sequence;
    uint32_t code;
} ly_key_name;

typedef struct ly_input {
    unsigned char pending[LY_INPUT_PENDING];
    size_t n;
    bool pasting;
    bool swallowing;          /* inside OSC, DCS, ...: until its end */
    unsigned char again;      /* came after an ESC that was a key: not looked at yet; 0 = none */
    const ly_key_name *names; /* borrowed */
    size_t n_names;
} ly_input;

/* Takes one byte; true when a key is complete, in *ret_key. Then ly_input_more until it is false: an Esc with
 * a key right behind it (typed ahead over a slow line; or Alt with the key, which means nothing here) is two. */
bool ly_input_byte(ly_input *in, unsigned char byte, ly_key *ret_key);
bool ly_input_more(ly_input *in, ly_key *ret_key);
/* For how long nothing may come before ly_input_flush is due; 0 = nothing is unfinished. */
int ly_input_wait_ms(const ly_input *in);
/* Nothing came for so long: an unfinished ESC is the key Esc, other rests are dropped, a paste is over. */
bool ly_input_flush(ly_input *in, ly_key *ret_key);

#endif
