#include "viewer/keys.h"

#include <stdio.h>

#include "viewer/viewer.h"

#define LISTS (LY_ON_TRACES | LY_ON_TABLE | LY_ON_TEXT)

/* The order is that of the help and, for rows with a short form, of the bottom line. */
static const ly_key_row rows[] = {
    {LY_KEY_ENTER, 0, LY_DO_OPEN, LY_ON_ALL, "open", "Enter open"},
    {LY_KEY_ESC, LY_KEY_BACKSPACE, LY_DO_BACK, LY_ON_ALL, "back one step", NULL},
    {'q', 0, LY_DO_CLOSE, LY_ON_ALL, "close this screen; at the first one leave", NULL},
    {'Q', LY_KEY_CTRL('c'), LY_DO_QUIT, LY_ON_ALL, "leave", NULL},
    {'1', 0, LY_DO_TAB, LY_ON_ALL, "1 to 8: the screens above", NULL},
    {'j', LY_KEY_DOWN, LY_DO_DOWN, LY_ON_ALL, "down", NULL},
    {'k', LY_KEY_UP, LY_DO_UP, LY_ON_ALL, "up", NULL},
    {LY_KEY_CTRL('d'), 0, LY_DO_HALF_DOWN, LY_ON_ALL, "half a page down", NULL},
    {LY_KEY_CTRL('u'), 0, LY_DO_HALF_UP, LY_ON_ALL, "half a page up", NULL},
    {LY_KEY_PAGE_DOWN, ' ', LY_DO_PAGE_DOWN, LISTS, "a page down", NULL},
    {LY_KEY_PAGE_DOWN, 0, LY_DO_PAGE_DOWN, LY_ON_TRACE, "a page down", NULL},
    {LY_KEY_PAGE_UP, 0, LY_DO_PAGE_UP, LY_ON_ALL, "a page up", NULL},
    {'g', LY_KEY_HOME, LY_DO_TOP, LY_ON_ALL, "to the top", NULL},
    {'G', LY_KEY_END, LY_DO_BOTTOM, LY_ON_ALL, "to the end", NULL},
    {'h', LY_KEY_LEFT, LY_DO_LEFT, LY_ON_TRACE, "fold, or to the parent", "h/l fold"},
    {'l', LY_KEY_RIGHT, LY_DO_RIGHT, LY_ON_TRACE, "unfold, or to the first child", NULL},
    {'J', 0, LY_DO_NEXT_SIBLING, LY_ON_TRACE, "next sibling", "J/K sibling"},
    {'K', 0, LY_DO_PREVIOUS_SIBLING, LY_ON_TRACE, "previous sibling", NULL},
    {' ', 0, LY_DO_FOLD, LY_ON_TRACE, "fold or unfold", NULL},
    {'-', 0, LY_DO_FOLD_ALL, LY_ON_TRACE, "fold all (waterfall: zoom out)", NULL},
    {'=', 0, LY_DO_UNFOLD_ALL, LY_ON_TRACE, "unfold all", NULL},
    {'s', 0, LY_DO_LENS_STEPS, LY_ON_TRACE, "steps: what the agent did", NULL},
    {'w', 0, LY_DO_LENS_WATERFALL, LY_ON_TRACE, "waterfall: every span in time", NULL},
    {'m', 0, LY_DO_LENS_MESSAGES, LY_ON_TRACE, "messages: what was said", NULL},
    {'m', 0, LY_DO_LENS_MESSAGES, LY_ON_TABLE, "all of the row: conversation, case, version", NULL},
    {LY_KEY_TAB, 0, LY_DO_NEXT_PANE, LY_ON_TRACE, "next pane", NULL},
    {']', 0, LY_DO_NEXT_DETAIL, LY_ON_TRACE, "next part of the detail", "[ ] detail"},
    {'[', 0, LY_DO_PREVIOUS_DETAIL, LY_ON_TRACE, "previous part of the detail", NULL},
    {'e', 0, LY_DO_NEXT_ERROR, LY_ON_TRACES | LY_ON_TRACE, "next error", "e error"},
    {'E', 0, LY_DO_PREVIOUS_ERROR, LY_ON_TRACES | LY_ON_TRACE, "previous error", NULL},
    {'x', 0, LY_DO_CRITICAL, LY_ON_TRACE, "critical path on or off", "x critical"},
    {'b', 0, LY_DO_BARS, LY_ON_TRACE, "bars by duration, tokens or cost", "b bars"},
    {'t', 0, LY_DO_TIMES, LY_ON_TRACES | LY_ON_TRACE, "times relative or of the day", NULL},
    {'z', 0, LY_DO_ZOOM_SPAN, LY_ON_TRACE, "zoom the waterfall to the span", NULL},
    {'+', 0, LY_DO_ZOOM_IN, LY_ON_TRACE, "zoom in", NULL},
    {'_', 0, LY_DO_ZOOM_OUT, LY_ON_TRACE, "zoom out", NULL},
    {'0', 0, LY_DO_ZOOM_RESET, LY_ON_TRACE, "the whole trace again", NULL},
    {'/', 0, LY_DO_FIND, LY_ON_ALL, "find: marks rows, hides none", "/ find"},
    {'n', 0, LY_DO_FIND_NEXT, LY_ON_ALL, "next hit", NULL},
    {'N', 0, LY_DO_FIND_PREVIOUS, LY_ON_ALL, "previous hit", NULL},
    {'f', 0, LY_DO_FILTER, LY_ON_TRACES | LY_ON_TRACE, "filter: hides rows; empty clears",
     "f filter"},
    {'u', 0, LY_DO_UNDO_TERM, LY_ON_TRACES | LY_ON_TRACE, "drop the filter's last term", NULL},
    {'F', 0, LY_DO_FOLLOW, LY_ON_TRACES | LY_ON_TRACE, "follow new data on or off", "F follow"},
    {'S', 0, LY_DO_SESSIONS, LY_ON_TRACES, "one line a session", NULL},
    {'A', 0, LY_DO_ORIGIN, LY_ON_TRACES, "whose traces: app, eval, judge, all", NULL},
    {'o', 0, LY_DO_GROUPING, LY_ON_TABLE, "group by the next column", "o group"},
    {'a', 0, LY_DO_SCORE, LY_ON_TRACES | LY_ON_TRACE, "add a score or a note", NULL},
    {'P', 0, LY_DO_PIN, LY_ON_TRACES | LY_ON_TRACE, "pin: retention keeps it", NULL},
    {'c', 0, LY_DO_COLLECT, LY_ON_TRACES, "collect in this process", NULL},
    {'y', 0, LY_DO_COPY, LY_ON_ALL, "copy, then y value, i id, f filter (OSC 52)", "y copy"},
    {':', 0, LY_DO_COMMAND_LINE, LY_ON_ALL, "command: :save NAME, :q, a screen's name", NULL},
    {LY_KEY_CTRL('l'), 0, LY_DO_REDRAW, LY_ON_ALL, "draw anew", NULL},
    {LY_KEY_CTRL('z'), 0, LY_DO_SUSPEND, LY_ON_ALL, "suspend", NULL},
    {'M', 0, LY_DO_MOUSE, LY_ON_ALL, "mouse on or off: the wheel scrolls, a click selects", NULL},
    {'?', 0, LY_DO_HELP, LY_ON_ALL, "these keys", "? help"},
};

const ly_key_row *ly_key_rows(size_t *ret_n)
{
    *ret_n = LY_COUNT(rows);
    return rows;
}

ly_command ly_key_command(uint32_t key, unsigned screen)
{
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        if ((rows[i].key == key || (rows[i].also != 0 && rows[i].also == key)) &&
            (rows[i].screens & screen) != 0) {
            return rows[i].command;
        }
    }
    return LY_DO_NOTHING;
}

void ly_key_text(uint32_t key, char dst[9])
{
    static const struct {
        uint32_t key;
        const char *text;
    } names[] = {
        {LY_KEY_ENTER, "Enter"},    {LY_KEY_ESC, "Esc"},   {LY_KEY_TAB, "Tab"},
        {LY_KEY_BACKSPACE, "BkSp"}, {' ', "Space"},        {LY_KEY_UP, "Up"},
        {LY_KEY_DOWN, "Down"},      {LY_KEY_LEFT, "Left"}, {LY_KEY_RIGHT, "Right"},
        {LY_KEY_HOME, "Home"},      {LY_KEY_END, "End"},   {LY_KEY_PAGE_UP, "PgUp"},
        {LY_KEY_PAGE_DOWN, "PgDn"},
    };
    for (size_t i = 0; i < LY_COUNT(names); i++) {
        if (names[i].key == key) {
            (void)snprintf(dst, 9, "%s", names[i].text);
            return;
        }
    }
    if (key < 32) {
        (void)snprintf(dst, 9, "^%c", (char)(key + 96));
    } else {
        (void)snprintf(dst, 9, "%c", key < 127 ? (char)key : '?');
    }
}

void ly_viewer_keys(ly_buf *out)
{
    for (size_t i = 0; i < LY_COUNT(rows); i++) {
        char a[9], b[9] = "";
        ly_key_text(rows[i].key, a);
        if (rows[i].also != 0) {
            ly_key_text(rows[i].also, b);
        }
        ly_buf_fmt(out, "%-6s %-6s  %-44s", a, b, rows[i].text);
        ly_buf_fmt(out, "%s%s%s%s\n", rows[i].screens == LY_ON_ALL ? " everywhere" : "",
                   rows[i].screens != LY_ON_ALL && rows[i].screens & LY_ON_TRACES ? " traces" : "",
                   rows[i].screens != LY_ON_ALL && rows[i].screens & LY_ON_TRACE ? " trace" : "",
                   rows[i].screens != LY_ON_ALL && rows[i].screens & LY_ON_TABLE ? " tables" : "");
    }
}
