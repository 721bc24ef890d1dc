/*
 * The key table as data: `?`, `lydite view --keys` and the dispatcher read the same rows. A command is an
 * id; a key is bound to it where the row's screens say so. To add a key: one row in keys.c.
 */
#ifndef LY_VIEWER_KEYS_H
#define LY_VIEWER_KEYS_H

#include "viewer/input.h"

/* Where a key means something. */
enum {
    LY_ON_TRACES = 1,
    LY_ON_TRACE = 2,
    LY_ON_TABLE = 4, /* sessions, evals, prompts, cost, stats, status */
    LY_ON_TEXT = 8,  /* a page of text */
    LY_ON_ALL = 15
};

typedef enum ly_command {
    LY_DO_NOTHING,
    LY_DO_TAB, /* 1..8: arg of the key itself */
    LY_DO_DOWN,
    LY_DO_UP,
    LY_DO_PAGE_DOWN,
    LY_DO_PAGE_UP,
    LY_DO_HALF_DOWN,
    LY_DO_HALF_UP,
    LY_DO_TOP,
    LY_DO_BOTTOM,
    LY_DO_OPEN,
    LY_DO_BACK,
    LY_DO_CLOSE,
    LY_DO_QUIT,
    LY_DO_LEFT,
    LY_DO_RIGHT,
    LY_DO_NEXT_SIBLING,
    LY_DO_PREVIOUS_SIBLING,
    LY_DO_FOLD,
    LY_DO_FOLD_ALL,
    LY_DO_UNFOLD_ALL,
    LY_DO_LENS_STEPS,
    LY_DO_LENS_WATERFALL,
    LY_DO_LENS_MESSAGES,
    LY_DO_NEXT_PANE,
    LY_DO_NEXT_DETAIL,
    LY_DO_PREVIOUS_DETAIL,
    LY_DO_FIND,
    LY_DO_FIND_NEXT,
    LY_DO_FIND_PREVIOUS,
    LY_DO_FILTER,
    LY_DO_UNDO_TERM,
    LY_DO_FOLLOW,
    LY_DO_NEXT_ERROR,
    LY_DO_PREVIOUS_ERROR,
    LY_DO_CRITICAL,
    LY_DO_BARS,
    LY_DO_TIMES,
    LY_DO_ZOOM_SPAN,
    LY_DO_ZOOM_IN,
    LY_DO_ZOOM_OUT,
    LY_DO_ZOOM_RESET,
    LY_DO_COPY,
    LY_DO_SCORE,
    LY_DO_PIN,
    LY_DO_SESSIONS,
    LY_DO_ORIGIN,
    LY_DO_GROUPING,
    LY_DO_COLLECT,
    LY_DO_MOUSE,
    LY_DO_HELP,
    LY_DO_COMMAND_LINE,
    LY_DO_REDRAW,
    LY_DO_SUSPEND,
    LY_DO__COUNT
} ly_command;

typedef struct ly_key_row {
    uint32_t key, also; /* also 0 = none */
    ly_command command;
    unsigned screens; /* LY_ON_* */
    const char *text; /* in the help */
    const char *bar;  /* short form for the bottom line; NULL = not there */
} ly_key_row;

/* The table; *ret_n rows. */
const ly_key_row *ly_key_rows(size_t *ret_n);
/* The command of a key on a screen, LY_DO_NOTHING when it has none there. */
ly_command ly_key_command(uint32_t key, unsigned screen);
/* "j", "^d", "PgDn": at most 8 bytes and a NUL. */
void ly_key_text(uint32_t key, char dst[9]);

#endif
