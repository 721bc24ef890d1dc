/*
 * The one sanitiser and the one width table. Everything that a terminal shows and that did not come
 * from a literal of ours passes ly_term_clean; everything that is aligned is measured here.
 *
 * Cleaning keeps printable characters, and replaces the rest by what a reader can see: C0, DEL and C1
 * controls become \xNN, invalid bytes \xNN, bidirectional and other invisible format characters
 * \u{NNNN}; a line feed stays where LY_TERM_LINES allows it and becomes a visible mark otherwise; a
 * tab becomes spaces. So no byte below 0x20 but an allowed line feed ever comes out.
 * Source of the attack list: reference/terminal-viewer.md, CWE-150.
 */
#ifndef LY_BASE_TERM_H
#define LY_BASE_TERM_H

#include "base/buf.h"
#include "base/str.h"

enum {
    LY_TERM_ONE_LINE = 0, /* line feeds become "⏎" ("\n" written out in ASCII mode) */
    LY_TERM_LINES = 1,    /* line feeds pass */
    LY_TERM_ASCII = 2,    /* nothing above 0x7E comes out: \u{NNNN} for the rest */
};

/* Appends the cleaned text. */
void ly_term_clean(ly_buf *out, ly_str text, unsigned flags);
/* Cells of one code point: 0, 1 or 2; controls count 0. */
int ly_term_cp_width(uint32_t code_point);
/* Cells of cleaned one-line text, grapheme clusters counted once (ZWJ sequences, VS16). */
size_t ly_term_width(ly_str clean);
/* The next cluster of cleaned text: moves *pos past it and sets *ret_cells (0, 1 or 2). What is shown
 * in one place: a base with its marks, an emoji sequence, a flag. Call with *pos < clean.len. */
ly_str ly_term_cluster(ly_str clean, size_t *pos, int *ret_cells);
/* Appends `clean` cut to `cells` with "…" ("~" with LY_TERM_ASCII) where it was cut, and padded with
 * spaces to exactly `cells` when pad is true. */
void ly_term_fit(ly_buf *out, ly_str clean, size_t cells, bool pad, unsigned flags);

#endif
