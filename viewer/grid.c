#include "viewer/grid.h"

#include "base/mem.h"
#include "base/term.h"

/* Larger terminals than this are drawn in part. */
#define MAX_SIDE 2000

/* Colour scheme, light scheme, mono: SGR parameters, "" = none. The background is never painted:
 * it is the terminal's own. */
static const char *const inks[LY_INK__COUNT][3] = {
    [LY_INK_TEXT] = {"", "", ""},           [LY_INK_DIM] = {"2", "2", ""},
    [LY_INK_TITLE] = {"1", "1", "1"},       [LY_INK_SELECTED] = {"7", "7", "7"},
    [LY_INK_MATCH] = {"1;33", "1;34", "4"}, [LY_INK_OK] = {"32", "32", ""},
    [LY_INK_WARN] = {"33", "35", "1"},      [LY_INK_ERROR] = {"1;31", "31", "1"},
    [LY_INK_LIVE] = {"1;32", "32", "1"},    [LY_INK_AGENT] = {"36", "34", ""},
    [LY_INK_GENERATION] = {"35", "35", ""}, [LY_INK_TOOL] = {"33", "31", ""},
    [LY_INK_RETRIEVAL] = {"34", "34", ""},  [LY_INK_JUDGE] = {"32", "32", ""},
    [LY_INK_PLUMBING] = {"2", "2", ""},     [LY_INK_CRITICAL] = {"1;36", "1;34", "1"},
};

void ly_grid_init(ly_grid *grid, bool unicode)
{
    *grid = (ly_grid){.unicode = unicode, .glyphs = unicode};
    ly_buf_init(&grid->scratch, LY_MIB(1));
    ly_buf_init(&grid->fitted, LY_MIB(1));
}

void ly_grid_release(ly_grid *grid)
{
    ly_free(grid->cells);
    ly_buf_release(&grid->scratch);
    ly_buf_release(&grid->fitted);
    *grid = (ly_grid){0};
}

static void blank(ly_glyph *cell)
{
    *cell = (ly_glyph){.text = " ", .len = 1, .width = 1, .ink = LY_INK_TEXT};
}

void ly_grid_clear(ly_grid *grid)
{
    for (int i = 0; i < grid->rows * grid->cols; i++) {
        blank(&grid->cells[i]);
    }
}

bool ly_grid_resize(ly_grid *grid, int rows, int cols)
{
    rows = rows < 0 ? 0 : rows > MAX_SIDE ? MAX_SIDE : rows;
    cols = cols < 0 ? 0 : cols > MAX_SIDE ? MAX_SIDE : cols;
    size_t need = (size_t)rows * (size_t)cols;
    if (need > 0 && !ly_grow(&grid->cells, &grid->cap, need, (size_t)MAX_SIDE * MAX_SIDE,
                             sizeof *grid->cells)) {
        return false;
    }
    grid->rows = rows;
    grid->cols = cols;
    ly_grid_clear(grid);
    return true;
}

static ly_glyph *cell_at(const ly_grid *grid, int row, int col)
{
    return &grid->cells[row * grid->cols + col];
}

/* Overwriting half of a wide cell leaves a space in the other half. */
static void split_wide(ly_grid *grid, int row, int col)
{
    ly_glyph *c = cell_at(grid, row, col);
    if (c->width == 0 && col > 0) {
        blank(cell_at(grid, row, col - 1));
        blank(c);
    } else if (c->width == 2 && col + 1 < grid->cols) {
        blank(cell_at(grid, row, col + 1));
    }
}

static void set_cell(ly_grid *grid, int row, int col, ly_str cluster, int width, ly_ink ink)
{
    split_wide(grid, row, col);
    if (width == 2) {
        split_wide(grid, row, col + 1);
    }
    ly_glyph *c = cell_at(grid, row, col);
    if (cluster.len > LY_CELL_BYTES) {
        cluster = LY_S("?"); /* an absurd cluster; its base alone might have another width */
        width = 1;
    }
    memcpy(c->text, cluster.ptr, cluster.len);
    c->len = (uint8_t)cluster.len;
    c->width = (uint8_t)width;
    c->ink = (uint8_t)ink;
    c->selected = false;
    if (width == 2) {
        *cell_at(grid, row, col + 1) = (ly_glyph){.len = 0, .width = 0, .ink = (uint8_t)ink};
    }
}

/* Clean one-line text, already fitted. */
static int put_clean(ly_grid *grid, int row, int col, int width, ly_str clean, ly_ink ink)
{
    size_t pos = 0;
    int used = 0;
    while (pos < clean.len) {
        int w;
        ly_str cluster = ly_term_cluster(clean, &pos, &w);
        if (w == 0) {
            continue;
        }
        if (used + w > width || col + used + w > grid->cols) {
            break;
        }
        if (cluster.len > LY_CELL_BYTES && w == 2) {
            set_cell(grid, row, col + used, LY_S(" "), 1, ink);
            set_cell(grid, row, col + used + 1, LY_S("?"), 1, ink);
        } else {
            set_cell(grid, row, col + used, cluster, w, ink);
        }
        used += w;
    }
    return used;
}

int ly_grid_put(ly_grid *grid, int row, int col, int width, ly_str text, ly_ink ink)
{
    if (row < 0 || row >= grid->rows || col < 0 || col >= grid->cols || width <= 0) {
        return 0;
    }
    if (width > grid->cols - col) {
        width = grid->cols - col;
    }
    unsigned flags = LY_TERM_ONE_LINE | (grid->unicode ? 0u : (unsigned)LY_TERM_ASCII);
    ly_buf_reset(&grid->scratch);
    /* No more of a text is cleaned than can be seen: 27 bytes a cell is the widest cluster. */
    size_t limit = (size_t)width * LY_CELL_BYTES + 64;
    ly_term_clean(&grid->scratch, ly_str_sub(text, 0, limit), flags);
    ly_buf_reset(&grid->fitted);
    ly_term_fit(&grid->fitted, ly_buf_view(&grid->scratch), (size_t)width, false,
                grid->glyphs ? flags : flags | LY_TERM_ASCII);
    return put_clean(grid, row, col, width, ly_buf_view(&grid->fitted), ink);
}

int ly_grid_puts(ly_grid *grid, int row, int col, int width, const char *text, ly_ink ink)
{
    return ly_grid_put(grid, row, col, width, ly_str_c(text), ink);
}

void ly_grid_right(ly_grid *grid, int row, int col, int width, ly_str text, ly_ink ink)
{
    size_t w = ly_term_width(text);
    int pad = w < (size_t)width ? width - (int)w : 0;
    (void)ly_grid_put(grid, row, col + pad, width - pad, text, ink);
}

void ly_grid_fill(ly_grid *grid, int row, int col, int n, const char *glyph, char ascii, ly_ink ink)
{
    if (row < 0 || row >= grid->rows) {
        return;
    }
    ly_str text = grid->glyphs ? ly_str_c(glyph) : ly_str_n(&ascii, 1);
    for (int i = 0; i < n; i++) {
        if (col + i >= 0 && col + i < grid->cols) {
            set_cell(grid, row, col + i, text, 1, ink);
        }
    }
}

void ly_grid_select(ly_grid *grid, int row, int col, int n)
{
    if (row < 0 || row >= grid->rows) {
        return;
    }
    for (int i = col < 0 ? 0 : col; i < col + n && i < grid->cols; i++) {
        cell_at(grid, row, i)->selected = true;
    }
    if (col >= 0 && col < grid->cols) {
        ly_glyph *c = cell_at(grid, row, col);
        if (c->width == 1) {
            c->text[0] = '>';
            c->len = 1;
        }
    }
}

void ly_grid_ink(ly_grid *grid, int row, int col, int n, ly_ink ink)
{
    if (row < 0 || row >= grid->rows) {
        return;
    }
    for (int i = col < 0 ? 0 : col; i < col + n && i < grid->cols; i++) {
        cell_at(grid, row, i)->ink = (uint8_t)ink;
    }
}

void ly_grid_row_text(const ly_grid *grid, int row, ly_buf *out)
{
    for (int c = 0; c < grid->cols; c++) {
        const ly_glyph *cell = cell_at(grid, row, c);
        ly_buf_add(out, cell->text, cell->len);
    }
}

/* ---- the writer ------------------------------------------------------------------------------ */

static bool same(const ly_glyph *a, const ly_glyph *b)
{
    return a->len == b->len && a->width == b->width && a->ink == b->ink &&
           a->selected == b->selected && memcmp(a->text, b->text, a->len) == 0;
}

static void set_sgr(const ly_glyph *cell, ly_scheme scheme, ly_buf *out)
{
    const char *sgr = inks[cell->ink][scheme];
    ly_buf_c(out, "\033[0");
    if (sgr[0] != '\0') {
        ly_buf_fmt(out, ";%s", sgr);
    }
    if (cell->selected) {
        ly_buf_c(out, ";7");
    }
    ly_buf_char(out, 'm');
}

void ly_grid_write(const ly_grid *now, const ly_grid *before, ly_scheme scheme, int cursor_row,
                   int cursor_col, ly_buf *out)
{
    bool all = before == NULL || before->rows != now->rows || before->cols != now->cols;
    int ink = -1; /* ink and selection in force */
    int at_row = -1, at_col = -1;
    size_t start = out->len;
    if (all) {
        ly_buf_c(out, "\033[0m\033[2J");
    }
    for (int r = 0; r < now->rows; r++) {
        for (int c = 0; c < now->cols; c++) {
            const ly_glyph *cell = cell_at(now, r, c);
            if (cell->width == 0 || (!all && same(cell, cell_at(before, r, c)))) {
                continue;
            }
            if (at_row != r || at_col != c) {
                ly_buf_fmt(out, "\033[%d;%dH", r + 1, c + 1);
            }
            int want = cell->ink | (cell->selected ? 256 : 0);
            if (want != ink) {
                set_sgr(cell, scheme, out);
                ink = want;
            }
            ly_buf_add(out, cell->text, cell->len);
            at_row = r;
            /* After anything but plain text the cursor is placed anew: terminals differ on clusters. */
            bool plain = cell->len == 1;
            at_col = plain ? c + 1 : -1;
        }
    }
    if (out->len > start) {
        ly_buf_c(out, "\033[0m");
    }
    if (cursor_row >= 0) {
        ly_buf_fmt(out, "\033[%d;%dH\033[?25h", cursor_row + 1, cursor_col + 1);
    } else if (out->len > start) {
        ly_buf_c(out, "\033[?25l");
    }
}
