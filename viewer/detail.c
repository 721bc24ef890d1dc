/* The pane about the selected span: summary, input, output, attributes, events, scores. */
#include <math.h>
#include <stdio.h>

#include "base/term.h"
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

void ly_detail_load(ly_app *app, int width)
{
    ly_trace_state *t = &app->trace;
    ly_err err = LY_ERR_INIT;
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
    ly_buf_reset(&t->detail.text);
    t->detail.top = 0;
    if (!is_span) {
        add_row(app, r);
    } else {
        ly_span_full *full = NULL;
        ly_messages m;
        ly_print_opts how = {.width = width, .unicode = app->grid.unicode};
        memset(&m, 0, sizeof m);
        ly_arena_reset(&t->detail_arena);
        if (t->detail_part == PART_SCORES) {
            add_scores(app, &id);
        } else if (ly_store_span_load(app->store, t->id, id, &t->detail_arena, &full, &err) !=
                   LY_OK) {
            ly_buf_fmt(&t->detail.text, "%s\n", err.text);
        } else {
            if (ly_genai_messages(&full->span, full->logs, full->n_logs, &t->detail_arena, &m) !=
                LY_OK) {
                m.truncated = true;
            }
            ly_span_part(full, &m, (ly_span_section)t->detail_part, &how, &t->detail.text);
        }
    }
    ly_text_view_wrap(&t->detail, width);
    t->detail_of = id;
    t->detail_of_part = t->detail_part;
    t->detail_of_width = width;
    t->detail_loaded = is_span;
}

void ly_detail_draw(ly_app *app, int top, int n, int col, int width)
{
    ly_trace_state *t = &app->trace;
    int at = col;
    ly_detail_load(app, width);
    for (size_t i = 0; i < LY_COUNT(parts); i++) {
        char text[24];
        bool here = (int)i == t->detail_part;
        (void)snprintf(text, sizeof text, here ? "[%s]" : " %s ", parts[i]);
        at += ly_grid_puts(&app->grid, top, at, col + width - at, text,
                           here ? LY_INK_TITLE : LY_INK_DIM);
    }
    ly_text_view_draw(&t->detail, app, top + 1, n - 1, col, width);
    if (t->detail.n > (size_t)(n - 1) && n > 2) {
        char text[64];
        (void)snprintf(text, sizeof text, "[%d of %zu lines, Enter for all]", n - 2, t->detail.n);
        (void)ly_grid_puts(&app->grid, top + n - 1, col, width, "", LY_INK_DIM);
        ly_grid_fill(&app->grid, top + n - 1, col, width, " ", ' ', LY_INK_TEXT);
        (void)ly_grid_puts(&app->grid, top + n - 1, col, width, text, LY_INK_DIM);
    }
}
