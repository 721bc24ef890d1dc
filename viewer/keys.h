/*
 * The key table as data: `?`, `lydite view --keys`, the command palette and the dispatcher read the same
 * rows. A command is an id with a name; a key is bound to it where the row's screens say so. To add a key:
 * one row in keys.c. A user binds other keys by name: ly_keys_bind.
 */
#ifndef LY_VIEWER_KEYS_H
#define LY_VIEWER_KEYS_H

#include "base/buf.h"
#include "base/err.h"
#include "viewer/input.h"

/* Where a key means something. */
enum {
    LY_ON_TRACES = 1,
    LY_ON_TRACE = 2,
    LY_ON_TEXT = 4, /* a page of text */
    LY_ON_SESSIONS = 8,
    LY_ON_EVALS = 16,
    LY_ON_PROMPTS = 32,
    LY_ON_COST = 64,
    LY_ON_STATS = 128,
    LY_ON_STATUS = 256,
    LY_ON_TABLE = 504, /* the six above */
    LY_ON_ALL = 511
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
    LY_DO_STOP,
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
    LY_DO_WHOLE_TEXT,
    LY_DO_NEXT_PANE,
    LY_DO_PANE_LESS,
    LY_DO_PANE_MORE,
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
    LY_DO_LINK,
    LY_DO_PROMPT,
    LY_DO_COPY,
    LY_DO_PRINT,
    LY_DO_PAGER,
    LY_DO_SCORE,
    LY_DO_PIN,
    LY_DO_SESSIONS,
    LY_DO_ORIGIN,
    LY_DO_SORT,
    LY_DO_SORT_REVERSE,
    LY_DO_GROUPING,
    LY_DO_DIFF,
    LY_DO_USES,
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
    const char *name; /* for the palette and ly_keys_bind */
    const char *text; /* in the help */
    const char *bar;  /* short form for the bottom line; NULL = not there */
} ly_key_row;

#define LY_KEYS_MAX 96

/* The table of one viewer: a copy, since its keys may be bound anew. */
typedef struct ly_keys {
    ly_key_row rows[LY_KEYS_MAX];
    size_t n;
} ly_keys;

void ly_keys_init(ly_keys *keys);
/*
 * Binds keys by command name: "follow=F5 quit=^q". A bound key is taken from what had it on the same screens.
 * Keys are written as the help writes them: one character, ^x, Enter Esc Tab BkSp Space Up Down Left Right
 * Home End PgUp PgDn Del Ins, F1 to F12. LY_E_INVALID with the word that is wrong; the rows before it hold.
 */
LY_MUST_USE ly_status ly_keys_bind(ly_keys *keys, ly_str text, ly_err *err);
/* The command of a key on a screen, LY_DO_NOTHING when it has none there. */
ly_command ly_keys_command(const ly_keys *keys, uint32_t key, unsigned screen);
/* The row that a command has on a screen; NULL = none. */
const ly_key_row *ly_keys_row(const ly_keys *keys, ly_command command, unsigned screen);
/* True for moves, which take a count before them (12j). */
bool ly_command_counts(ly_command command);
/* "j", "^d", "PgDn": at most 8 bytes and a NUL. */
void ly_key_text(uint32_t key, char dst[9]);
/* The reverse; 0 = no such key. */
uint32_t ly_key_parse(ly_str text);

#endif
