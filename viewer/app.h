/*
 * Inside the viewer: the model of the whole program and what each screen offers. No terminal here: a test
 * makes an app, feeds keys and ticks, and reads the grid (tests/viewer/test_screens.c).
 *
 *     key or tick -> ly_app_key / ly_app_tick -> the screen's own state
 *     ly_app_draw -> the screen draws its part of the grid, the frame around it is drawn here
 *
 * To add a screen: a file with one ly_screen (name, load, draw, command ...), its row in `screens` of app.c.
 * A screen that is a table of texts only fills a ly_table_view (tables.c) and needs no drawing code.
 *
 * Memory: what a screen loaded lives in its arena, reset when it loads anew. Moving the cursor and
 * drawing allocate nothing once the buffers have grown.
 */
#ifndef LY_VIEWER_APP_H
#define LY_VIEWER_APP_H

#include "viewer/glance.h"
#include "viewer/grid.h"
#include "viewer/keys.h"
#include "viewer/loader.h"
#include "viewer/text.h"
#include "viewer/viewer.h"

typedef struct ly_app ly_app;

typedef enum ly_screen_id {
    LY_SCREEN_TRACES,
    LY_SCREEN_TRACE,
    LY_SCREEN_SESSIONS,
    LY_SCREEN_EVALS,
    LY_SCREEN_PROMPTS,
    LY_SCREEN_COST,
    LY_SCREEN_STATS,
    LY_SCREEN_STATUS,
    LY_SCREEN__COUNT
} ly_screen_id;

/* What is copied, printed or given to a pager of the selected thing (typing.c, commands.c). */
typedef enum ly_copied {
    LY_COPIED_TEXT,  /* all that the screen can say of it */
    LY_COPIED_ID,    /* its id or name */
    LY_COPIED_PATH,  /* where it stands */
    LY_COPIED_FILTER /* a filter for it */
} ly_copied;

typedef struct ly_screen {
    const char *name;
    const char *short_name; /* below 100 columns */
    unsigned keys;          /* LY_ON_* */
    /* Reads what it shows; `again` = the data may have changed, keep the selection. */
    void (*load)(ly_app *app, bool again);
    /* Draws rows [top, top + n) of the grid. */
    void (*draw)(ly_app *app, int top, int n);
    /* False when the command means nothing now; then app.c says so. */
    bool (*command)(ly_app *app, ly_command command, int count);
    /* Rows whose text matches the find words: steps to the next one. */
    bool (*find)(ly_app *app, int direction);
    /* Appends clean text about the selected thing; false = it has no such. */
    bool (*value)(ly_app *app, ly_copied kind, ly_buf *out);
} ly_screen;

/* A line of typing at the bottom: filter, find, score, command. */
typedef enum ly_asking {
    LY_ASK_NOTHING,
    LY_ASK_FIND,
    LY_ASK_FILTER,
    LY_ASK_SCORE,
    LY_ASK_COMMAND,
    LY_ASK_OPEN,
    LY_ASK_COPY
} ly_asking;

#define LY_LINE_MAX 512

/* How many matches a filter has that is being typed; counted in slices while no key comes. */
typedef struct ly_preview {
    ly_filter *filter; /* NULL = nothing to count */
    ly_store_key key;
    int64_t n;
    bool more;  /* not counted to the end */
    bool dirty; /* the line changed */
} ly_preview;

#define LY_HISTORY 50 /* filters that Up and Down bring back */

/* ---- tables of text -------------------------------------------------------------------------- */

#define LY_TABLE_COLS 12

typedef struct ly_table_view {
    const char *heads[LY_TABLE_COLS];
    bool right[LY_TABLE_COLS];
    int widths[LY_TABLE_COLS]; /* computed: widest cell */
    int n_cols;
    int flexible;        /* the column that takes or gives room; -1 = none */
    const ly_str *cells; /* n_rows * n_cols, in the arena */
    const ly_ink *inks;  /* one a row, may be NULL */
    uint8_t
        rank[LY_TABLE_COLS]; /* the higher, the sooner a narrow screen leaves it out; 0 = never */
    size_t n_rows;
    size_t at, top; /* selected, first shown */
    ly_str title;   /* line above */
    ly_str empty;   /* what to say without rows; lines */
} ly_table_view;

void ly_table_view_measure(ly_table_view *table);
void ly_table_view_draw(ly_table_view *table, ly_app *app, int top, int n);
bool ly_table_view_command(ly_table_view *table, ly_command command, int count, int page);
bool ly_table_view_find(ly_table_view *table, ly_app *app, int direction);

/* The moves over n rows, the one place that knows them; false = another command. `page` rows are seen. */
bool ly_move(size_t *at, size_t n, ly_command command, int count, int page);

/* ---- pages of text --------------------------------------------------------------------------- */

/* Lines of a text that is clean already, with a place. */
typedef struct ly_text_line {
    uint32_t at;     /* first byte */
    uint32_t indent; /* cells before it: it continues a line that began so far in */
} ly_text_line;

typedef struct ly_text_view {
    ly_buf text;
    ly_text_line *lines; /* n + 1 */
    size_t n, cap;
    size_t top;
    size_t hit; /* line of the last find; SIZE_MAX = none */
    bool cut;   /* there are more lines than are kept */
} ly_text_view;

void ly_text_view_init(ly_text_view *view);
void ly_text_view_release(ly_text_view *view);
/* Breaks view->text (filled by the caller) into lines of at most `width` cells, between words where
 * it can; a continuation is drawn as far in as its line began. */
void ly_text_view_wrap(ly_text_view *view, int width);
/* The line that holds byte `at` of the text. */
size_t ly_text_view_line_of(const ly_text_view *view, size_t at);
/* The next line with the find words after the first one shown. */
bool ly_text_view_find(ly_text_view *view, const ly_app *app, int direction);
void ly_text_view_draw(ly_text_view *view, ly_app *app, int top, int n, int col, int width);
bool ly_text_view_command(ly_text_view *view, ly_command command, int count, int page);

/* ---- the screens' states --------------------------------------------------------------------- */

typedef struct ly_traces_state {
    ly_arena arena;
    ly_trace_row *rows; /* grown page by page, newest first */
    size_t n, cap;
    uint32_t *shown;  /* rows in the list (sessions joined): index of each line's first trace */
    uint32_t *joined; /* traces that the line stands for */
    size_t n_shown, shown_cap;
    ly_store_key key;
    bool more;
    size_t at, top;
    ly_trace_id selected;
    bool has_selected;
    bool follow, sessions, absolute;
    int sort; /* column of sort_names, 0 = time */
    bool reverse;
    bool stopped;     /* the search for more matches was stopped by ^c */
    char failed[200]; /* why rows could not be read; empty = they could */
    int64_t n_new;    /* arrived while paused */
    int origin;       /* 0 app, 1 eval, 2 judge, 3 any */
    int64_t total;    /* traces of the file, an estimate; LY_UNKNOWN */
    ly_filter *filter;
    ly_buf filter_text;
} ly_traces_state;

typedef enum ly_lens { LY_LENS_STEPS, LY_LENS_WATERFALL, LY_LENS_MESSAGES } ly_lens;

typedef struct ly_trace_state {
    bool open;
    ly_trace_id id, loading;   /* loading: the last one that the thread was given */
    bool behind;               /* the file has changed since the thread looked */
    int64_t began, rest_until; /* of the thread, on the steady clock */
    size_t said_done;
    ly_arena arena, scratch, detail_arena;
    ly_trace *trace;
    ly_sums *sums;
    ly_rows rows;
    uint8_t *folded, *opened, *match, *critical; /* a flag a node */
    ly_lens lens;
    size_t at, top;
    ly_span_id selected;
    bool has_selected;
    bool follow, show_critical, absolute;
    int bars;                   /* 0 duration, 1 tokens, 2 cost */
    int64_t zoom_from, zoom_to; /* of the waterfall */
    ly_filter *filter;
    ly_buf filter_text;
    int detail_part;
    bool detail_focus;
    ly_text_view detail;
    ly_span_id detail_of;
    int detail_of_part, detail_of_width;
    bool detail_loaded;
    int detail_rows; /* of the pane at the last drawing; 0 = there was none */
    ly_text_view messages;
    struct ly_call_mark { /* where each call begins in messages.text */
        uint32_t at, node;
    } * calls;
    size_t n_calls, calls_cap, call; /* call: the one under the cursor */
    bool messages_loaded;
    int messages_width;
} ly_trace_state;

typedef struct ly_tables_state {
    ly_arena arena;
    ly_table_view view;
    int grouping;
    ly_str *keys;    /* what a row stands for: session id, model, ... */
    ly_str *details; /* clean lines about a row; empty = none (fill.h) */
    bool loaded;
    int level;    /* 1 = inside a row of the outer table: cases of a run, versions of a prompt */
    char of[136]; /* ... of this row's key */
    size_t outer_at, outer_top;
    ly_text_view detail; /* details of row detail_of, wrapped */
    size_t detail_of;
    int detail_width, detail_rows;
    bool focus;       /* moves scroll the lower pane */
    char marked[136]; /* prompts: the version that `d` marked */
} ly_tables_state;

/* What a divider lies between: each keeps its own place. */
typedef enum ly_split {
    LY_SPLIT_PREVIEW, /* the list and what it says of its row */
    LY_SPLIT_BELOW,   /* a trace and its detail, one above the other */
    LY_SPLIT_BESIDE,  /* ... and side by side */
    LY_SPLIT_TABLE,   /* a table and the text of its row */
    LY_SPLIT__COUNT
} ly_split;

typedef struct ly_divider {
    bool there, upright;
    ly_split which;
    int at, from, size;          /* line or column; the room that it divides */
    int least_first, least_last; /* lines or columns that the panes keep */
} ly_divider;

struct ly_app {
    ly_viewer_opts opts;
    ly_store *store;
    ly_grid grid;
    int64_t now_ns;
    ly_screen_id screen, before[8];
    size_t n_before;
    bool quit, suspend, redraw;
    bool help;
    ly_text_view page; /* help, a conversation */
    bool paging;
    char page_title[96];
    uint64_t change; /* commits seen */
    int64_t table_read_ns;
    char message[200];
    bool message_error;
    ly_keys keys;
    ly_asking asking;
    char line[LY_LINE_MAX];
    size_t line_len;
    char find[LY_LINE_MAX];
    ly_filter_error filter_error;
    bool has_filter_error;
    ly_preview preview;
    char *history[LY_HISTORY];    /* the newest first */
    size_t n_history, history_at; /* history_at: 0 = the line itself */
    int count;                    /* figures typed before a move; 0 = none */
    bool count_is_tab; /* one figure so far: a screen, unless a move or a figure follows soon */
    ly_glances glances;
    ly_loader *loader;  /* NULL until a trace is opened, or where nothing is read beside */
    ly_loader *leaving; /* one that was told to stop and has not yet */
    int stale_tries;
    int page_rows;  /* rows of the body at the last drawing */
    ly_buf cell;    /* scratch of drawing */
    ly_buf osc;     /* bytes for the terminal beside the frame: OSC 52 */
    ly_buf outside; /* text to print on the plain terminal, or for the pager */
    enum { LY_OUTSIDE_NOTHING, LY_OUTSIDE_PRINT, LY_OUTSIDE_PAGER } outside_to;
    int cursor_row, cursor_col; /* -1 = hidden */
    struct {
        int from, to;
    } tabs[LY_SCREEN__COUNT]; /* columns of the names above, as drawn */
    /* Lines that a click selects, as the last frame drew them; n 0 = none. */
    struct {
        int row, n, cols, selected; /* first line, lines, width, line of the selection */
    } clicks;
    ly_divider divider; /* of the last frame */
    int splits
        [LY_SPLIT__COUNT]; /* where the reader put it: thousandths of the room, 0 = nowhere yet */
    bool dragging;         /* the divider is held by the mouse */
    bool mouse;            /* reports are wanted (M) */
    bool stale;            /* the last read failed: rows are old */
    bool live;             /* something was stored in the last seconds */
    int rate;              /* spans a second, of late */
    int64_t changed_ns, sampled_ns, sampled_spans;
    char name[64];  /* of the database file, clean */
    char place[48]; /* "7/11": set while a screen draws */
    ly_traces_state traces;
    ly_trace_state trace;
    ly_tables_state tables[LY_SCREEN__COUNT];
};

/* How the viewer opens a store: no wait, and little memory. A mapped file would count as resident as far as it
 * was ever read, and the system caches its pages anyway. */
ly_store_opts ly_viewer_store_opts(void);
/* opts is copied; its pointers are borrowed. The store is the app's until ly_app_free. */
LY_MUST_USE ly_status ly_app_new(const ly_viewer_opts *opts, ly_store *store, ly_app **ret_app,
                                 ly_err *err);
void ly_app_free(ly_app *app);
/* False when memory is out. */
LY_MUST_USE bool ly_app_resize(ly_app *app, int rows, int cols);
void ly_app_key(ly_app *app, ly_key key);
/* How the terminal turned out to draw: the glyphs of frames, trees and bars, and text above ASCII. */
void ly_app_set_glyphs(ly_app *app, bool glyphs, bool unicode);
/* Time passed: looks for new data. Returns true when something to draw changed. */
bool ly_app_tick(ly_app *app, int64_t now_ns);
void ly_app_draw(ly_app *app);
/* No key came for LY_KEY_PAUSE_MS: a single figure was a screen. True when something changed. */
#define LY_KEY_PAUSE_MS 250
bool ly_app_pause(ly_app *app);
/* A slice (about 50 ms at most) of what waits for an idle moment: searching on, counting matches of a filter
 * that is typed, what the list says beyond the rows. True when something to draw changed. */
bool ly_app_work(ly_app *app);
/* Is there such work? */
bool ly_app_has_work(const ly_app *app);

/* For screens. */
void ly_app_say(ly_app *app, bool error, const char *fmt, ...) LY_PRINTF(3, 4);
void ly_app_go(ly_app *app, ly_screen_id screen);
const ly_screen *ly_app_screen(ly_screen_id id);
/* Back one step; at the first screen leaves when it may. */
void ly_app_close_screen(ly_app *app, bool may_quit);
/* Reads what the screen shows. */
void ly_app_load(ly_app *app);
void ly_app_open_trace(ly_app *app, ly_trace_id id);
/* Shows app->page (its text filled and wrapped by this call). */
void ly_app_show_page(ly_app *app, const char *title);
/* Starts typing with a text to begin with. */
void ly_app_ask(ly_app *app, ly_asking what, ly_str begin);
/* While drawing: row `at` of n (more may follow), for the bottom line. */
void ly_app_place(ly_app *app, size_t at, size_t n, bool more);
/* While drawing: these lines of the screen are rows of a list, `selected` the one under the cursor. */
void ly_app_clicks(ly_app *app, int row, int n, int cols, int selected);
/*
 * While drawing: divides [from, from + size) of the lines (columns when upright) in two panes and gives how many
 * the first has; the divider is the next. Where the reader moved it, within the least of each, else `usual`.
 */
int ly_app_divide(ly_app *app, ly_divider divider, int usual);
/* Moves the divider of the last frame to a line or column. */
void ly_app_move_divider(ly_app *app, int at);
/* commands.c: what a command does on the screen in front; count 0 = none was typed. */
void ly_app_do(ly_app *app, ly_command command, int count, uint32_t code);
void ly_app_copy_value(ly_app *app, ly_copied kind);
/* Looks at another database; the old one stays when it cannot be opened. */
void ly_app_open_file(ly_app *app, ly_str path);
/* app.c: goes over to the awaited database as soon as it can be opened; true when it did. */
bool ly_app_take_awaited(ly_app *app);
/* app.c: shows another store from now on, and closes the one before. */
void ly_app_use_store(ly_app *app, ly_store *store);
/* typing.c: a key of the typing line. Counting what a filter would show. */
void ly_typing_key(ly_app *app, ly_key key);
bool ly_typing_work(ly_app *app);
void ly_typing_release(ly_app *app);
/* The heading of the typing line. */
const char *ly_typing_head(ly_asking asking);
/* frame.c: is the pointer on the name of a screen? */
bool ly_frame_tab_at(const ly_app *app, int row, int col, ly_screen_id *ret);
/* The pane of LY_ON_* that keys go to. */
unsigned ly_app_where(const ly_app *app);
/* Appends "KEY:\"VALUE\"", escaped. */
void ly_filter_term(ly_buf *out, const char *key, ly_str value);
/* Does a label hold the find words? Smart case. */
bool ly_app_found(const ly_app *app, ly_str label);
ly_ink ly_app_type_ink(ly_type type);
/* "FILTER without its last term". */
ly_str ly_filter_drop_last(ly_str text);

extern const ly_screen ly_screen_traces, ly_screen_trace, ly_screen_sessions, ly_screen_evals,
    ly_screen_prompts, ly_screen_cost, ly_screen_stats, ly_screen_status;

/* traces.c: looks for further rows; true = the list changed. */
bool ly_traces_work(ly_app *app);
bool ly_traces_has_work(const ly_app *app);
/* traces_draw.c; and the names of what is shown and of the order. */
void ly_traces_draw(ly_app *app, int top, int n);
const char *ly_traces_origin(const ly_traces_state *state);
const char *ly_traces_order(const ly_traces_state *state);
/* traces.c: a filter is being looked for further back. */
bool ly_traces_searching(const ly_app *app);
/* traces.c: applies a filter text; false with app->filter_error set. trace_screen.c likewise. */
bool ly_traces_set_filter(ly_app *app, ly_str text);
bool ly_trace_set_filter(ly_app *app, ly_str text);
void ly_trace_state_release(ly_trace_state *state);
void ly_traces_state_release(ly_traces_state *state);
/* The selected trace (and span, zero when a trace is meant); false when nothing is selected. */
bool ly_app_target(const ly_app *app, ly_trace_id *ret_trace, ly_span_id *ret_span);

/* trace_screen.c: forgets the open trace. */
void ly_trace_close(ly_app *app);
/* trace_screen.c: the open trace is being read, nothing of it is there yet. */
bool ly_trace_loading(const ly_app *app);
/* Takes over what was read, reads again what has changed; true when there is something to draw. */
bool ly_trace_tick(ly_app *app);
/* Stops reading and closes the trace; false when it was not being read. */
bool ly_trace_stop_loading(ly_app *app);
/* trace_data.c: what the reader folded and opened, by span id, onto the trace as it is now. */
void ly_trace_keep_folds(const ly_trace_state *t, const ly_trace *trace, ly_arena *work,
                         uint8_t *folded, uint8_t *opened);
void ly_trace_mark_critical(ly_trace_state *t);
/* trace_filter.c: fills app->trace.match. */
void ly_trace_filter_apply(ly_app *app);
/* trace_draw.c: the screen, and the time that the waterfall shows. */
void ly_trace_draw(ly_app *app, int top, int n);
void ly_trace_window(const ly_trace_state *t, int64_t *ret_from, int64_t *ret_to);

/* detail.c: the pane about the selected span, cut to what a pane can show; all of it as text. */
void ly_detail_draw(ly_app *app, int top, int n, int col, int width);
void ly_detail_text(ly_app *app, ly_buf *out);
/* messages.c: the messages lens. show: begins at the call of the selected span. */
void ly_messages_show(ly_app *app);
void ly_messages_draw(ly_app *app, int top, int n);
bool ly_messages_command(ly_app *app, ly_command command, int count);
/* prompts.c: the screen, on this version of the prompt. */
void ly_prompts_show(ly_app *app, ly_str name, int64_t number);

#endif
