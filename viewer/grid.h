/*
 * The cell grid: what the screen shows, as rows of cells, and the writer that makes a terminal show it.
 *
 * Coordinates: row 0 is the top, column 0 the left. A cell holds one grapheme cluster; a wide one takes
 * two cells, the second being padding (width 0). Whatever is put is cleaned (ly_term_clean) and clipped
 * to its columns; a wide cluster cut by an edge becomes a space. So each row is exactly `cols` wide and
 * holds no byte below 0x20.
 *
 * The writer compares with the frame before and writes only what differs, in one buffer that the caller
 * hands to one write(). It is the only place that makes escape sequences.
 */
#ifndef LY_VIEWER_GRID_H
#define LY_VIEWER_GRID_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"

#define LY_CELL_BYTES 27

/* Roles, not colours: a scheme maps each to what the terminal has. */
typedef enum ly_role_id {
    LY_INK_TEXT,
    LY_INK_DIM,
    LY_INK_TITLE,
    LY_INK_SELECTED,
    LY_INK_MATCH,
    LY_INK_OK,
    LY_INK_WARN,
    LY_INK_ERROR,
    LY_INK_LIVE,
    LY_INK_AGENT,
    LY_INK_GENERATION,
    LY_INK_TOOL,
    LY_INK_RETRIEVAL,
    LY_INK_JUDGE,
    LY_INK_PLUMBING,
    LY_INK_CRITICAL,
    LY_INK__COUNT
} ly_ink;

typedef enum ly_scheme { LY_SCHEME_COLOR, LY_SCHEME_LIGHT, LY_SCHEME_MONO } ly_scheme;

typedef struct ly_glyph {
    char text[LY_CELL_BYTES];
    uint8_t len;
    uint8_t width; /* 1, 2; 0 = second half of a wide one */
    uint8_t ink;
    bool selected; /* reverse video, whatever the ink */
} ly_glyph;

typedef struct ly_grid {
    int rows, cols;
    ly_glyph *cells;
    size_t cap;
    ly_buf scratch, fitted; /* cleaning, cutting */
    bool unicode;           /* text above ASCII is shown as it is */
    bool
        glyphs; /* so are frames, trees and bars; with unicode unless the terminal draws them wide */
} ly_grid;

/* Does not allocate. */
void ly_grid_init(ly_grid *grid, bool unicode);
void ly_grid_release(ly_grid *grid);
/* Sets the size and clears; false when memory is out (the size is then as before). */
LY_MUST_USE bool ly_grid_resize(ly_grid *grid, int rows, int cols);
void ly_grid_clear(ly_grid *grid);

/* Puts text into [col, col + width) of a row; returns the columns used. Too long a text ends in the mark of
 * ly_term_fit. Out of range is clipped. */
int ly_grid_put(ly_grid *grid, int row, int col, int width, ly_str text, ly_ink ink);
int ly_grid_puts(ly_grid *grid, int row, int col, int width, const char *text, ly_ink ink);
/* Right-aligned. */
void ly_grid_right(ly_grid *grid, int row, int col, int width, ly_str text, ly_ink ink);
/* The same one-cell glyph n times; `ascii` where the grid has no UTF-8. */
void ly_grid_fill(ly_grid *grid, int row, int col, int n, const char *glyph, char ascii,
                  ly_ink ink);
/* Marks a row's cells as selected (reverse video and, in column 0, ">"). */
void ly_grid_select(ly_grid *grid, int row, int col, int n);
/* Changes the ink of cells that are there. */
void ly_grid_ink(ly_grid *grid, int row, int col, int n, ly_ink ink);

/* One row as text, trailing spaces kept. */
void ly_grid_row_text(const ly_grid *grid, int row, ly_buf *out);

/* Appends what turns `before` into `now`; before NULL or of another size = everything. The cursor is
 * hidden or, with cursor_row >= 0, placed. */
void ly_grid_write(const ly_grid *now, const ly_grid *before, ly_scheme scheme, int cursor_row,
                   int cursor_col, ly_buf *out);

#endif
