/*
 * Small texts that the plain output and the screens share: labels of steps, marks, times.
 * All append to a buffer; what comes from a trace is cleaned here (ly_term_clean), so that callers
 * only have to fit it.
 */
#ifndef LY_VIEWER_TEXT_H
#define LY_VIEWER_TEXT_H

#include "base/term.h"
#include "viewer/rows.h"
#include "viewer/viewer.h"

/* Flags of ly_term_clean for one line of the kind of output. */
static inline unsigned ly_clean_flags(bool unicode)
{
    return LY_TERM_ONE_LINE | (unicode ? 0u : (unsigned)LY_TERM_ASCII);
}

/* "2026-05-14 14:02:11Z" */
void ly_text_time(int64_t ns, ly_buf *out);
/* "14:02:11" of the same day as now, else "05-14 14:02" */
void ly_text_clock(int64_t ns, int64_t now_ns, ly_buf *out);
/* " future" for a start that lists place by its arrival (LY_AHEAD_NS), else "". */
const char *ly_text_future(int64_t start_ns, int64_t now_ns);
/* "3 h ago", "12 s ago", "just now" */
void ly_text_ago(int64_t ns, int64_t now_ns, ly_buf *out);
/* ly_viewer_money of a lower bound behind its mark: ">$0.0123", ">=$0.0123", ">$0" of less than the
 * narrow form can show. */
void ly_text_least(int64_t pico, const char *mark, ly_buf *out);
/* ly_viewer_money; behind ">" where it is a lower bound: some call that counts has no price. */
void ly_text_cost(int64_t pico, bool partial, ly_buf *out);
/* "ann", "ann +1": one of n different values; n below 2 = the one alone. Cleaned. */
void ly_text_one_of(ly_str one, int64_t n, bool unicode, ly_buf *out);
/* "1.2 MiB", "640 B" */
void ly_text_bytes(int64_t n, ly_buf *out);
/* "1 span", "12,345 spans" */
void ly_text_plural(int64_t n, const char *noun, ly_buf *out);
/* "12,345" */
void ly_text_grouped(int64_t n, ly_buf *out);

/* What a step is called: its name, and the model of a generation where the name does not say it. */
void ly_text_label(const ly_node *node, bool unicode, ly_buf *out);
/* Marks that follow the label: "x7", "LOOP same args", "attempt 1 of 2". Empty for most. */
void ly_text_marks(const ly_row *row, const ly_node_sum *sum, ly_buf *out);
/* "ok", "error 429 too many requests", "running", "lost" (ly_store_lost), "not ended" */
void ly_text_status(const ly_node *node, bool lost, bool unicode, ly_buf *out);
/* The label of a row that is no span: folded plumbing, a missing parent. */
void ly_text_row(const ly_sums *sums, const ly_row *row, ly_buf *out);
/* Guides before the label: "| |- ". Rows deeper than max_levels lose their outermost levels. */
void ly_text_guides(const ly_rows *rows, const ly_row *row, uint32_t max_levels, bool unicode,
                    ly_buf *out);
/* Name of the trace for headings: the trace name, else the first root's, else "(root not received)". */
void ly_text_trace_name(const ly_trace_row *row, bool unicode, ly_buf *out);

#endif
