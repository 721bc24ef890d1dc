/*
 * Inside the viewer: the model of the whole program and what each screen offers. No terminal here: a test
 * makes an app, feeds keys and ticks, and reads the grid (tests/viewer/test_screens.c).
 *
 *     key or tick -> ly_app_key / ly_app_tick -> the screen's own state
 *     ly_app_draw -> the screen draws its part of the grid, the frame around it is drawn here
 *
 * To add a screen: a file with one ly_screen (name, load, draw, command), its row in `screens` of app.c.
 * A screen that is a table of texts only fills a ly_table_view (tables.c) and needs no drawing code.
 *
 * Memory: what a screen loaded lives in its arena, reset when it loads anew. Moving the cursor and
 * drawing allocate nothing once the buffers have grown.
 */
#ifndef LY_VIEWER_APP_H
#define LY_VIEWER_APP_H

#include "viewer/grid.h"
#include "viewer/keys.h"
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
} ly_screen;

/* A line of typing at the bottom: filter, find, score, command. */
typedef enum ly_asking {
    LY_ASK_NOTHING,
    LY_ASK_FIND,
    LY_ASK_FILTER,
    LY_ASK_SCORE,
    LY_ASK_COMMAND,
    LY_ASK_COPY
} ly_asking;

#define LY_LINE_MAX 512

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
    size_t n_rows;
    size_t at, top; /* selected, first shown */
    ly_str title;   /* line above */
    ly_str empty;   /* what to say without rows; lines */
} ly_table_view;

void ly_table_view_measure(ly_table_view *table);
void ly_table_view_draw(ly_table_view *table, ly_app *app, int top, int n);
bool ly_table_view_command(ly_table_view *table, ly_command command, int count, int page);
bool ly_table_view_find(ly_table_view *table, ly_app *app, int direction);

/* ---- pages of text --------------------------------------------------------------------------- */

/* Lines of a text that is clean already, with a place. */
typedef struct ly_text_view {
    ly_buf text;
    uint32_t *starts; /* of each line; n + 1 */
    size_t n, cap;
    size_t top, at;
} ly_text_view;

void ly_text_view_init(ly_text_view *view);
void ly_text_view_release(ly_text_view *view);
/* Breaks view->text (filled by the caller) into lines of at most `width` cells. */
void ly_text_view_wrap(ly_text_view *view, int width);
ly_str ly_text_view_line(const ly_text_view *view, size_t line);
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
    int64_t n_new; /* arrived while paused */
    int origin;    /* 0 app, 1 eval, 2 judge, 3 any */
    int64_t total; /* traces of the file, an estimate; LY_UNKNOWN */
    ly_filter *filter;
    ly_buf filter_text;
} ly_traces_state;

typedef enum ly_lens { LY_LENS_STEPS, LY_LENS_WATERFALL, LY_LENS_MESSAGES } ly_lens;

typedef struct ly_trace_state {
    bool open;
    ly_trace_id id;
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
    ly_text_view messages;
    uint32_t *message_nodes; /* node of each line of messages */
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
    int detail_width;
} ly_tables_state;

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
    ly_asking asking;
    char line[LY_LINE_MAX];
    size_t line_len;
    char find[LY_LINE_MAX];
    ly_filter_error filter_error;
    bool has_filter_error;
    int count;                  /* typed before a command */
    int page_rows;              /* rows of the body at the last drawing */
    ly_buf cell;                /* scratch of drawing */
    ly_buf osc;                 /* bytes for the terminal beside the frame: OSC 52 */
    int cursor_row, cursor_col; /* -1 = hidden */
    /* Lines that a click selects, as the last frame drew them; n 0 = none. */
    struct {
        int row, n, cols, selected; /* first line, lines, width, line of the selection */
    } clicks;
    bool mouse; /* reports are wanted (M) */
    bool stale; /* the last read failed: rows are old */
    ly_traces_state traces;
    ly_trace_state trace;
    ly_tables_state tables[LY_SCREEN__COUNT];
};

/* opts is copied; its pointers are borrowed. The store is the app's until ly_app_free. */
LY_MUST_USE ly_status ly_app_new(const ly_viewer_opts *opts, ly_store *store, ly_app **ret_app,
                                 ly_err *err);
void ly_app_free(ly_app *app);
/* False when memory is out. */
LY_MUST_USE bool ly_app_resize(ly_app *app, int rows, int cols);
void ly_app_key(ly_app *app, ly_key key);
/* Time passed: looks for new data. Returns true when something to draw changed. */
bool ly_app_tick(ly_app *app, int64_t now_ns);
void ly_app_draw(ly_app *app);

/* For screens. */
void ly_app_say(ly_app *app, bool error, const char *fmt, ...) LY_PRINTF(3, 4);
void ly_app_go(ly_app *app, ly_screen_id screen);
/* Reads what the screen shows. */
void ly_app_load(ly_app *app);
void ly_app_open_trace(ly_app *app, ly_trace_id id);
/* Shows app->page (its text filled and wrapped by this call). */
void ly_app_show_page(ly_app *app, const char *title);
/* Starts typing with a text to begin with. */
void ly_app_ask(ly_app *app, ly_asking what, ly_str begin);
/* While drawing: these lines of the screen are rows of a list, `selected` the one under the cursor. */
void ly_app_clicks(ly_app *app, int row, int n, int cols, int selected);
/* Puts bytes on the terminal's clipboard. */
void ly_app_copy(ly_app *app, ly_str text);
/* Does a label hold the find words? Smart case. */
bool ly_app_found(const ly_app *app, ly_str label);
ly_ink ly_app_type_ink(ly_type type);
/* "FILTER without its last term". */
ly_str ly_filter_drop_last(ly_str text);

extern const ly_screen ly_screen_traces, ly_screen_trace, ly_screen_sessions, ly_screen_evals,
    ly_screen_prompts, ly_screen_cost, ly_screen_stats, ly_screen_status;

/* traces.c: applies a filter text; false with app->filter_error set. trace_screen.c likewise. */
bool ly_traces_set_filter(ly_app *app, ly_str text);
bool ly_trace_set_filter(ly_app *app, ly_str text);
void ly_trace_state_release(ly_trace_state *state);
void ly_traces_state_release(ly_traces_state *state);
/* The selected trace (and span, zero when a trace is meant); false when nothing is selected. */
bool ly_app_target(const ly_app *app, ly_trace_id *ret_trace, ly_span_id *ret_span);

/* trace_filter.c: fills app->trace.match. */
void ly_trace_filter_apply(ly_app *app);
/* trace_draw.c: the screen, and the time that the waterfall shows. */
void ly_trace_draw(ly_app *app, int top, int n);
void ly_trace_window(const ly_trace_state *t, int64_t *ret_from, int64_t *ret_to);

/* detail.c: fills state->detail for the selected span. */
void ly_detail_load(ly_app *app, int width);
void ly_detail_draw(ly_app *app, int top, int n, int col, int width);
/* messages.c: fills state->messages. */
void ly_messages_load(ly_app *app, int width);

#endif
