/* The pane about the selected span: summary, input, output, attributes, events, scores. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/term.h"
#include "base/utf8.h"
#include "store/score.h"
#include "viewer/app.h"
#include "viewer/span.h"

static const char *const parts[] = {"Summary", "Input", "Output", "Attrs", "Events", "Scores"};
enum { PART_SCORES = 5 };

static void add_scores(ly_app *app, const ly_span_id *span)
{
    ly_trace_state *t = &app->trace;
    ly_score_query query = {.trace = &t->id,
                            .since_ns = INT64_MIN,
                            .until_ns = INT64_MAX,
                            .with_cases = true,
                            .limit = 200};
    ly_score *rows = NULL;
    size_t n = 0, shown = 0;
    ly_err err = LY_ERR_INIT;
    ly_buf *out = &t->detail.text;
    unsigned flags = ly_clean_flags(app->grid.unicode);
    if (ly_score_list(app->store, &query, &t->detail_arena, &rows, &n, &err) != LY_OK) {
        ly_buf_fmt(out, "%s\n", err.text);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const ly_score *s = &rows[i];
        bool of_span = ly_span_id_eq(s->span_id, *span);
        if (!of_span && !ly_span_id_zero(s->span_id)) {
            continue;
        }
        shown++;
        ly_term_clean(out, s->name, flags);
        ly_buf_c(out, "  ");
        if (s->outcome != LY_SCORED) {
            ly_buf_c(out, ly_outcome_name(s->outcome));
        } else if (!isnan(s->value)) {
            ly_buf_fmt(out, "%.4g", s->value);
        }
        if (s->label.len > 0) {
            ly_buf_char(out, ' ');
            ly_term_clean(out, s->label, flags);
        }
        ly_buf_fmt(out, "  (%s%s)", ly_score_source_name(s->source),
                   of_span ? "" : ", whole trace");
        if (s->reason.len > 0) {
            ly_buf_c(out, "\n    ");
            ly_term_clean(out, ly_str_sub(s->reason, 0, 4000), flags);
        }
        ly_buf_char(out, '\n');
    }
    if (shown == 0) {
        ly_buf_c(out, "no scores; a adds one\n");
    }
}

static void add_row(ly_app *app, const ly_row *r)
{
    ly_trace_state *t = &app->trace;
    ly_text_row(t->sums, r, &t->detail.text);
    if (r->kind == LY_ROW_FOLDED) {
        ly_buf_c(&t->detail.text, "\nl or Space shows them\n");
    } else {
        ly_buf_c(&t->detail.text,
                 "\nThe spans below name a parent that was not received. It may still "
                 "come: a span is sent when it ends.\n");
    }
}

/* One line of what went in or came out: the first words of the last message. */
static void put_line(ly_app *app, const char *head, ly_str text)
{
    ly_buf *out = &app->trace.detail.text;
    text = ly_str_trim(text);
    if (text.len > 0) {
        ly_buf_fmt(out, "%-14s", head);
        ly_term_clean(out, ly_utf8_cut(text, 300), ly_clean_flags(app->grid.unicode));
        ly_buf_char(out, '\n');
    }
}

static ly_str last_text(const ly_message *list, size_t n)
{
    for (size_t i = n; i-- > 0;) {
        for (size_t k = 0; k < list[i].n_parts; k++) {
            const ly_part *p = &list[i].parts[k];
            ly_str text = p->kind == LY_PART_TOOL_CALL ? p->arguments : p->text;
            if (p->kind != LY_PART_MEDIA && ly_str_trim(text).len > 0) {
                return text;
            }
        }
    }
    return LY_STR_NONE;
}

/* Where the step stands and why it may matter, before its facts. */
static void put_place(ly_app *app, const ly_row *r)
{
    const ly_trace_state *t = &app->trace;
    const ly_node *n = &t->trace->nodes[r->node];
    const ly_node_sum *s = &t->sums->nodes[r->node];
    ly_buf *out = &app->trace.detail.text;
    ly_buf_c(out, "at            +");
    ly_viewer_duration(n->start_ns - t->trace->row.start_ns, out);
    if (n->end_ns != LY_UNKNOWN) {
        ly_buf_c(out, "  for ");
        ly_viewer_duration(n->end_ns - n->start_ns, out);
    }
    if (n->parent != LY_NO_NODE) {
        ly_buf_c(out, "  in ");
        ly_text_label(&t->trace->nodes[n->parent], app->grid.unicode, out);
    }
    if (t->critical[r->node]) {
        ly_buf_c(out, "  on the critical path");
    }
    ly_buf_char(out, '\n');
    if (s->attempts > 1) {
        ly_buf_fmt(out, "%-14sattempt %u of %u%s\n", "tried", s->attempt, s->attempts,
                   s->attempt == s->attempts && !(n->flags & LY_SPAN_ERROR) ? ": this one worked"
                                                                            : "");
    }
    if (s->repeat > 1) {
        ly_buf_fmt(out, "%-14s%u calls in a row%s\n", "repeated", s->repeat,
                   s->same_args ? ", all with the same arguments" : "");
    }
    if (s->size > 1) {
        ly_buf_fmt(out, "%-14s", "below");
        ly_text_plural(s->size - 1, "span", out);
        if (s->errors > ((n->flags & LY_SPAN_ERROR) != 0)) {
            ly_buf_c(out, ", ");
            ly_text_plural(s->errors - ((n->flags & LY_SPAN_ERROR) != 0), "error", out);
        }
        ly_buf_char(out, '\n');
    }
}

static void put_summary(ly_app *app, const ly_row *r, const ly_span_full *full,
                        const ly_messages *m, const ly_print_opts *how)
{
    ly_buf *out = &app->trace.detail.text;
    ly_buf facts;
    ly_str line, rest;
    ly_buf_init(&facts, LY_MIB(4));
    ly_span_part(full, m, LY_SECTION_SUMMARY, how, &facts);
    rest = ly_buf_view(&facts);
    (void)ly_str_split(&rest, '\n', &line);
    ly_buf_str(out, line); /* letter, label, status */
    ly_buf_char(out, '\n');
    put_place(app, r);
    ly_str in = m->tool_arguments.len > 0 ? m->tool_arguments
                : m->query.len > 0        ? m->query
                                          : last_text(m->input, m->n_input);
    ly_str answer = m->tool_result.len > 0 ? m->tool_result : last_text(m->output, m->n_output);
    put_line(app, "in", in);
    put_line(app, "out", answer);
    if (in.len == 0 && answer.len == 0 && full->canon.type == LY_TYPE_GENERATION) {
        const char *why = ly_genai_why_no_content(&full->span);
        put_line(app, "no messages", ly_str_c(why != NULL ? why : "the client sent none"));
    }
    ly_buf_str(out, rest);
    ly_buf_release(&facts);
}

/* Fills the pane's text; `whole` without cutting what is long. */
static void fill(ly_app *app, int width, bool whole)
{
    ly_trace_state *t = &app->trace;
    ly_err err = LY_ERR_INIT;
    const ly_row *r = &t->rows.items[t->at];
    ly_span_id id = t->trace->nodes[r->node].span_id;
    ly_span_full *full = NULL;
    ly_messages m;
    ly_print_opts how = {.width = width, .unicode = app->grid.unicode, .all = whole};
    ly_buf_reset(&t->detail.text);
    if (r->kind > LY_ROW_GROUP) {
        add_row(app, r);
        return;
    }
    memset(&m, 0, sizeof m);
    ly_arena_reset(&t->detail_arena);
    if (t->detail_part == PART_SCORES) {
        add_scores(app, &id);
    } else if (ly_store_span_load(app->store, t->id, id, &t->detail_arena, &full, &err) != LY_OK) {
        ly_buf_fmt(&t->detail.text, "%s\n", err.text);
    } else {
        if (t->detail_part <= LY_SECTION_OUTPUT &&
            ly_genai_messages(&full->span, full->logs, full->n_logs, &t->detail_arena, &m) !=
                LY_OK) {
            m.truncated = true;
        }
        if (t->detail_part == LY_SECTION_SUMMARY) {
            put_summary(app, r, full, &m, &how);
        } else {
            ly_span_part(full, &m, (ly_span_section)t->detail_part, &how, &t->detail.text);
        }
    }
    if (t->detail_arena.held > LY_MIB(8)) {
        ly_arena_release(&t->detail_arena); /* a payload near the limit: not kept */
        ly_arena_init(&t->detail_arena, 0, 0);
    }
}

static void load(ly_app *app, int width)
{
    ly_trace_state *t = &app->trace;
    if (t->at >= t->rows.n) {
        ly_buf_reset(&t->detail.text);
        t->detail.n = 0;
        return;
    }
    const ly_row *r = &t->rows.items[t->at];
    ly_span_id id = t->trace->nodes[r->node].span_id;
    bool is_span = r->kind <= LY_ROW_GROUP;
    if (t->detail_loaded && is_span && ly_span_id_eq(id, t->detail_of) &&
        t->detail_of_part == t->detail_part && t->detail_of_width == width) {
        return;
    }
    if (!ly_span_id_eq(id, t->detail_of) || t->detail_of_part != t->detail_part) {
        t->detail.top = 0;
    }
    fill(app, width, false);
    ly_text_view_wrap(&t->detail, width);
    t->detail_of = id;
    t->detail_of_part = t->detail_part;
    t->detail_of_width = width;
    t->detail_loaded = is_span;
}

void ly_detail_text(ly_app *app, ly_buf *out)
{
    ly_trace_state *t = &app->trace;
    if (t->at >= t->rows.n) {
        return;
    }
    fill(app, 0, true);
    ly_buf_str(out, ly_buf_view(&t->detail.text));
    ly_buf_reset(&t->detail.text);
    t->detail.n = 0;
    t->detail_loaded = false;
}

void ly_detail_draw(ly_app *app, int top, int n, int col, int width)
{
    ly_trace_state *t = &app->trace;
    int at = col;
    load(app, width);
    for (size_t i = 0; i < LY_COUNT(parts); i++) {
        char text[24];
        bool here = (int)i == t->detail_part;
        (void)snprintf(text, sizeof text, here ? "[%s]" : " %s ", parts[i]);
        at += ly_grid_puts(&app->grid, top, at, col + width - at, text,
                           here ? LY_INK_TITLE : LY_INK_DIM);
    }
    if (n < 2) {
        return;
    }
    bool cut = t->detail.n > (size_t)(n - 1) && n > 3;
    ly_text_view_draw(&t->detail, app, top + 1, cut ? n - 2 : n - 1, col, width);
    if (cut) {
        char text[96];
        size_t last = t->detail.top + (size_t)(n - 2);
        (void)snprintf(text, sizeof text, "[lines %zu to %zu of %zu, %s, Enter for all, | pager]",
                       t->detail.top + 1, last < t->detail.n ? last : t->detail.n, t->detail.n,
                       t->detail_focus ? "Tab leaves" : "Tab scrolls");
        (void)ly_grid_puts(&app->grid, top + n - 1, col, width, text,
                           t->detail_focus ? LY_INK_TITLE : LY_INK_DIM);
    } else if (t->detail_focus) {
        (void)ly_grid_puts(&app->grid, top, at + 1, col + width - at - 1, "Tab leaves",
                           LY_INK_TITLE);
    }
}
