#include "viewer/keys.h"

#include <stdio.h>

#include "base/utf8.h"
#include "viewer/viewer.h"

#define LISTS (LY_ON_TRACES | LY_ON_TABLE | LY_ON_TEXT)
#define BOTH  (LY_ON_TRACES | LY_ON_TRACE)

/* The order is that of the help and, for rows with a short form, of the bottom line. */
static const ly_key_row table[] = {
    {LY_KEY_ENTER, 0, LY_DO_OPEN, LY_ON_ALL & ~LY_ON_STATUS, "open", "open", "Enter open"},
    {LY_KEY_ESC, LY_KEY_BACKSPACE, LY_DO_BACK, LY_ON_ALL, "back", "back one step", NULL},
    {'q', 0, LY_DO_CLOSE, LY_ON_ALL, "close", "close this screen; at the first one leave", NULL},
    {'Q', 0, LY_DO_QUIT, LY_ON_ALL, "quit", "leave", NULL},
    {LY_KEY_CTRL('c'), 0, LY_DO_STOP, LY_ON_ALL, "stop", "stop a search; when idle leave", NULL},
    {'1', 0, LY_DO_TAB, LY_ON_ALL, "screen", "1 to 8: the screens above; before a move: how often",
     NULL},
    {'j', LY_KEY_DOWN, LY_DO_DOWN, LY_ON_ALL, "down", "down; 12j: 12 rows", NULL},
    {'k', LY_KEY_UP, LY_DO_UP, LY_ON_ALL, "up", "up", NULL},
    {LY_KEY_CTRL('d'), 0, LY_DO_HALF_DOWN, LY_ON_ALL, "half-down", "half a page down", NULL},
    {LY_KEY_CTRL('u'), 0, LY_DO_HALF_UP, LY_ON_ALL, "half-up", "half a page up", NULL},
    {LY_KEY_PAGE_DOWN, ' ', LY_DO_PAGE_DOWN, LISTS, "page-down", "a page down", NULL},
    {LY_KEY_PAGE_DOWN, 0, LY_DO_PAGE_DOWN, LY_ON_TRACE, "page-down", "a page down", NULL},
    {LY_KEY_PAGE_UP, 0, LY_DO_PAGE_UP, LY_ON_ALL, "page-up", "a page up", NULL},
    {'g', LY_KEY_HOME, LY_DO_TOP, LY_ON_ALL, "top", "to the top; in the list: follow again", NULL},
    {'G', LY_KEY_END, LY_DO_BOTTOM, LY_ON_ALL, "end", "to the end; 12G: to row 12", NULL},
    {'h', LY_KEY_LEFT, LY_DO_LEFT, LY_ON_TRACE, "left", "fold, or to the parent", "h/l fold"},
    {'l', LY_KEY_RIGHT, LY_DO_RIGHT, LY_ON_TRACE, "right", "unfold, or to the first child", NULL},
    {'J', 0, LY_DO_NEXT_SIBLING, LY_ON_TRACE, "next-sibling", "next sibling", "J/K sibling"},
    {'K', 0, LY_DO_PREVIOUS_SIBLING, LY_ON_TRACE, "previous-sibling", "previous sibling", NULL},
    {' ', 0, LY_DO_FOLD, LY_ON_TRACE, "fold", "fold or unfold", NULL},
    {'-', 0, LY_DO_FOLD_ALL, LY_ON_TRACE, "fold-all", "fold all; while zoomed in: zoom out", NULL},
    {'=', 0, LY_DO_UNFOLD_ALL, LY_ON_TRACE, "unfold-all", "unfold all", NULL},
    {'s', 0, LY_DO_LENS_STEPS, LY_ON_TRACE, "steps", "steps: what the agent did", NULL},
    {'w', 0, LY_DO_LENS_WATERFALL, LY_ON_TRACE, "waterfall", "waterfall: every span in time", NULL},
    {'m', 0, LY_DO_LENS_MESSAGES, LY_ON_TRACE, "messages", "messages: what was said", NULL},
    {'m', 0, LY_DO_WHOLE_TEXT, LY_ON_SESSIONS | LY_ON_EVALS | LY_ON_PROMPTS, "whole-text",
     "all of the row: conversation, case, version", "m all"},
    {LY_KEY_TAB, LY_KEY_BACK_TAB, LY_DO_NEXT_PANE, LY_ON_TRACE | LY_ON_EVALS | LY_ON_PROMPTS,
     "pane", "the other pane: j and k scroll it", NULL},
    {'>', 0, LY_DO_PANE_MORE, BOTH | LY_ON_EVALS | LY_ON_PROMPTS, "divider-on",
     "the divider right or down", NULL},
    {'<', 0, LY_DO_PANE_LESS, BOTH | LY_ON_EVALS | LY_ON_PROMPTS, "divider-back",
     "the divider left or up", NULL},
    {']', 0, LY_DO_NEXT_DETAIL, LY_ON_TRACE, "next-part", "next part of the detail", "[ ] detail"},
    {'[', 0, LY_DO_PREVIOUS_DETAIL, LY_ON_TRACE, "previous-part", "previous part of the detail",
     NULL},
    {'e', 0, LY_DO_NEXT_ERROR, BOTH, "next-error", "next error", "e error"},
    {'E', 0, LY_DO_PREVIOUS_ERROR, BOTH, "previous-error", "previous error", NULL},
    {'x', 0, LY_DO_CRITICAL, LY_ON_TRACE, "critical", "critical path on or off", "x critical"},
    {'b', 0, LY_DO_BARS, LY_ON_TRACE, "bars", "bars by duration, tokens or cost", "b bars"},
    {'t', 0, LY_DO_TIMES, BOTH, "times", "times relative or of the day", NULL},
    {'z', 0, LY_DO_ZOOM_SPAN, LY_ON_TRACE, "zoom", "zoom the bars to the span", NULL},
    {'+', 0, LY_DO_ZOOM_IN, LY_ON_TRACE, "zoom-in", "zoom in", NULL},
    {'_', 0, LY_DO_ZOOM_OUT, LY_ON_TRACE, "zoom-out", "zoom out", NULL},
    {'0', 0, LY_DO_ZOOM_RESET, LY_ON_TRACE, "zoom-all", "the whole trace again", NULL},
    {'L', 0, LY_DO_LINK, LY_ON_TRACE, "link", "to the span that this one links to", NULL},
    {'V', 0, LY_DO_PROMPT, LY_ON_TRACE, "prompt", "to the prompt version of the span", NULL},
    {'/', 0, LY_DO_FIND, LY_ON_ALL, "find", "find: marks rows, hides none", "/ find"},
    {'n', 0, LY_DO_FIND_NEXT, LY_ON_ALL, "next-hit", "next hit", NULL},
    {'N', 0, LY_DO_FIND_PREVIOUS, LY_ON_ALL, "previous-hit", "previous hit", NULL},
    {'f', 0, LY_DO_FILTER, BOTH, "filter", "filter: hides rows; empty clears", "f filter"},
    {'u', 0, LY_DO_UNDO_TERM, BOTH, "undo-term", "drop the filter's last term", NULL},
    {'F', 0, LY_DO_FOLLOW, BOTH, "follow", "follow new data on or off", "F follow"},
    {'o', 0, LY_DO_SORT, LY_ON_TRACES, "sort",
     "sort by the next column; without traces: open a file", NULL},
    {'O', 0, LY_DO_SORT_REVERSE, LY_ON_TRACES, "sort-reverse", "the other way round", NULL},
    {'o', 0, LY_DO_GROUPING, LY_ON_COST | LY_ON_STATS, "group", "group by the next column",
     "o group"},
    {'d', 0, LY_DO_DIFF, LY_ON_PROMPTS, "diff", "differences from this version; again: to this one",
     "d differences"},
    {'u', 0, LY_DO_USES, LY_ON_TABLE & ~LY_ON_STATUS, "uses", "the traces of the row", "u traces"},
    {'S', 0, LY_DO_SESSIONS, LY_ON_TRACES, "sessions", "one line a session", "S sessions"},
    {'A', 0, LY_DO_ORIGIN, LY_ON_TRACES, "origin", "whose traces: app, eval, judge, all", NULL},
    {'a', 0, LY_DO_SCORE, BOTH, "score", "add a score or a note", "a score"},
    {'P', 0, LY_DO_PIN, BOTH, "pin", "pin: retention keeps it", "P pin"},
    {'c', 0, LY_DO_COLLECT, LY_ON_TRACES, "collect", "collect in this process", NULL},
    {'y', 0, LY_DO_COPY, LY_ON_ALL, "copy", "copy, then y value, i id, p path, q filter (OSC 52)",
     "y copy"},
    {'p', 0, LY_DO_PRINT, LY_ON_ALL, "print", "print it on the plain terminal, to select there",
     NULL},
    {'|', 0, LY_DO_PAGER, LY_ON_ALL, "pager", "open it in $PAGER", NULL},
    {':', 0, LY_DO_COMMAND_LINE, LY_ON_ALL, "command",
     "a command by name, :save NAME, :open FILE, a screen's name", NULL},
    {LY_KEY_CTRL('l'), 0, LY_DO_REDRAW, LY_ON_ALL, "redraw", "draw anew", NULL},
    {LY_KEY_CTRL('z'), 0, LY_DO_SUSPEND, LY_ON_ALL, "suspend", "suspend", NULL},
    {'M', 0, LY_DO_MOUSE, LY_ON_ALL, "mouse", "mouse on or off: wheel, rows, tabs, the divider",
     NULL},
    {'?', 0, LY_DO_HELP, LY_ON_ALL, "help", "these keys", NULL},
};

_Static_assert(LY_COUNT(table) <= LY_KEYS_MAX, "the copy of a viewer holds the table");

void ly_keys_init(ly_keys *keys)
{
    memcpy(keys->rows, table, sizeof table);
    keys->n = LY_COUNT(table);
}

ly_command ly_keys_command(const ly_keys *keys, uint32_t key, unsigned screen)
{
    for (size_t i = 0; i < keys->n; i++) {
        const ly_key_row *r = &keys->rows[i];
        if ((r->key == key || (r->also != 0 && r->also == key)) && (r->screens & screen) != 0) {
            return r->command;
        }
    }
    return LY_DO_NOTHING;
}

const ly_key_row *ly_keys_row(const ly_keys *keys, ly_command command, unsigned screen)
{
    for (size_t i = 0; i < keys->n; i++) {
        if (keys->rows[i].command == command && (keys->rows[i].screens & screen) != 0) {
            return &keys->rows[i];
        }
    }
    return NULL;
}

bool ly_command_counts(ly_command command)
{
    switch (command) {
    case LY_DO_DOWN:
    case LY_DO_UP:
    case LY_DO_PAGE_DOWN:
    case LY_DO_PAGE_UP:
    case LY_DO_HALF_DOWN:
    case LY_DO_HALF_UP:
    case LY_DO_BOTTOM:
    case LY_DO_NEXT_SIBLING:
    case LY_DO_PREVIOUS_SIBLING:
    case LY_DO_NEXT_ERROR:
    case LY_DO_PREVIOUS_ERROR:
    case LY_DO_FIND_NEXT:
    case LY_DO_FIND_PREVIOUS:
    case LY_DO_PANE_MORE:
    case LY_DO_PANE_LESS:
        return true;
    default:
        return false;
    }
}

/* ---- names of keys --------------------------------------------------------------------------- */

static const struct {
    uint32_t key;
    const char *text;
} names[] = {
    {LY_KEY_ENTER, "Enter"},
    {LY_KEY_ESC, "Esc"},
    {LY_KEY_TAB, "Tab"},
    {LY_KEY_BACKSPACE, "BkSp"},
    {' ', "Space"},
    {LY_KEY_UP, "Up"},
    {LY_KEY_DOWN, "Down"},
    {LY_KEY_LEFT, "Left"},
    {LY_KEY_RIGHT, "Right"},
    {LY_KEY_HOME, "Home"},
    {LY_KEY_END, "End"},
    {LY_KEY_PAGE_UP, "PgUp"},
    {LY_KEY_PAGE_DOWN, "PgDn"},
    {LY_KEY_BACK_TAB, "S-Tab"},
    {LY_KEY_DELETE, "Del"},
    {LY_KEY_INSERT, "Ins"},
};

void ly_key_text(uint32_t key, char dst[9])
{
    for (size_t i = 0; i < LY_COUNT(names); i++) {
        if (names[i].key == key) {
            (void)snprintf(dst, 9, "%s", names[i].text);
            return;
        }
    }
    if (key >= LY_KEY_F1 && key <= LY_KEY_F12) {
        (void)snprintf(dst, 9, "F%u", key - LY_KEY_F1 + 1);
    } else if (key < 32) {
        (void)snprintf(dst, 9, "^%c", (char)(key + 96));
    } else {
        (void)snprintf(dst, 9, "%c", key < 127 ? (char)key : '?');
    }
}

uint32_t ly_key_parse(ly_str text)
{
    for (size_t i = 0; i < LY_COUNT(names); i++) {
        if (ly_str_eq_nocase(text, ly_str_c(names[i].text))) {
            return names[i].key;
        }
    }
    if (text.len == 2 && text.ptr[0] == '^' && text.ptr[1] >= 'a' && text.ptr[1] <= 'z') {
        return LY_KEY_CTRL((uint32_t)text.ptr[1]);
    }
    int64_t f;
    if (text.len >= 2 && (text.ptr[0] == 'F' || text.ptr[0] == 'f') &&
        ly_str_to_i64(ly_str_sub(text, 1, text.len), &f) && f >= 1 && f <= 12) {
        return LY_KEY_F1 + (uint32_t)f - 1;
    }
    if (text.len == 0) {
        return 0;
    }
    size_t pos = 0;
    uint32_t cp = ly_utf8_next(text, &pos);
    return pos == text.len && cp > 0x20 && cp != LY_UTF8_BAD ? cp : 0;
}

/* ---- binding --------------------------------------------------------------------------------- */

static void take_key(ly_keys *keys, uint32_t key, unsigned screens, const char *but)
{
    for (size_t i = 0; i < keys->n; i++) {
        ly_key_row *r = &keys->rows[i];
        if ((r->screens & screens) == 0 || strcmp(r->name, but) == 0) {
            continue;
        }
        r->also = r->also == key ? 0 : r->also;
        if (r->key == key) {
            r->key = r->also;
            r->also = 0;
        }
    }
}

static ly_status bind_one(ly_keys *keys, ly_str word, ly_err *err)
{
    /* "end==" binds the key "=". */
    size_t eq = ly_str_find_char(word, '=', 0);
    ly_str name = eq == SIZE_MAX ? word : ly_str_sub(word, 0, eq);
    uint32_t key = eq == SIZE_MAX ? 0 : ly_key_parse(ly_str_sub(word, eq + 1, word.len));
    bool found = false;
    if (key == 0 || (key >= '0' && key <= '9')) {
        return LY_FAIL(err, LY_E_INVALID,
                       "view-keys: \"%.*s\" is not COMMAND=KEY; keys are written as in lydite view "
                       "--keys, figures cannot be bound",
                       LY_STR_ARG(ly_str_sub(word, 0, 80)));
    }
    for (size_t i = 0; i < keys->n; i++) {
        ly_key_row *r = &keys->rows[i];
        if (!ly_str_eqc(name, r->name) || r->command == LY_DO_TAB) {
            continue;
        }
        take_key(keys, key, r->screens, r->name);
        r->key = key;
        r->also = 0;
        r->bar = NULL; /* its short form names the old key */
        found = true;
    }
    return found ? LY_OK
                 : LY_FAIL(err, LY_E_INVALID,
                           "view-keys: there is no command \"%.*s\"; lydite view --keys names them",
                           LY_STR_ARG(ly_str_sub(name, 0, 80)));
}

ly_status ly_keys_bind(ly_keys *keys, ly_str text, ly_err *err)
{
    ly_str rest = text, word;
    while (ly_str_split(&rest, ' ', &word)) {
        ly_status st = word.len > 0 ? bind_one(keys, word, err) : LY_OK;
        if (st != LY_OK) {
            return st;
        }
    }
    return LY_OK;
}

void ly_viewer_keys(ly_buf *out)
{
    static const char *const places[] = {"traces",  "trace", "text",  "sessions", "evals",
                                         "prompts", "cost",  "stats", "status"};
    for (size_t i = 0; i < LY_COUNT(table); i++) {
        const ly_key_row *r = &table[i];
        char a[9], b[9] = "";
        ly_key_text(r->key, a);
        if (r->also != 0) {
            ly_key_text(r->also, b);
        }
        ly_buf_fmt(out, "%-6s %-6s  %-17s %-54s", a, b, r->name, r->text);
        for (size_t k = 0; r->screens != LY_ON_ALL && k < LY_COUNT(places); k++) {
            ly_buf_fmt(out, "%s%s", r->screens & 1u << k ? " " : "",
                       r->screens & 1u << k ? places[k] : "");
        }
        ly_buf_c(out, r->screens == LY_ON_ALL ? " everywhere\n" : "\n");
    }
}
