/* The trace tree as plain text: heading, one line a step, totals. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/term.h"
#include "viewer/text.h"

/* Colours of the plain output: the terminal's own sixteen, never a background. */
#define SGR_BOLD  "\033[1m"
#define SGR_DIM   "\033[2m"
#define SGR_RED   "\033[31m"
#define SGR_GREEN "\033[32m"
#define SGR_CYAN  "\033[36m"
#define SGR_OFF   "\033[0m"

enum { COL_START, COL_DUR, COL_TTFT, COL_IN, COL_OUT, COL_COST, N_COLS };

static const struct {
    const char *head;
    size_t width;
} cols[N_COLS] = {{"START", 7}, {"DUR", 7}, {"TTFT", 6}, {"IN", 6}, {"OUT", 6}, {"COST", 9}};

typedef struct printer {
    const ly_trace *trace;
    const ly_sums *sums;
    const ly_print_opts *how;
    ly_buf *out;
    ly_buf cell;
    size_t name_width, status_width; /* status 0 = whole */
} printer;

static void colour(printer *p, const char *sgr)
{
    if (p->how->color) {
        ly_buf_c(p->out, sgr);
    }
}

/* A cell of numbers: to the right, two spaces before it. */
static void number_cell(printer *p, size_t width)
{
    size_t w = ly_term_width(ly_buf_view(&p->cell));
    ly_buf_char(p->out, ' ');
    if (w < width) {
        ly_buf_fill(p->out, ' ', width - w);
    }
    ly_buf_str(p->out, ly_buf_view(&p->cell));
    ly_buf_reset(&p->cell);
}

static void heading_item(printer *p, const char *word, ly_str text)
{
    if (text.len > 0) {
        ly_buf_fmt(p->out, "  %s ", word);
        ly_term_clean(p->out, ly_str_sub(text, 0, 200), ly_clean_flags(p->how->unicode));
    }
}

static int64_t now_of(const printer *p)
{
    return p->how->now_ns ? p->how->now_ns : ly_wall_ns();
}

static void heading(printer *p)
{
    const ly_trace_row *row = &p->trace->row;
    char hex[33];
    ly_hex_encode(row->trace_id.b, sizeof row->trace_id.b, hex);
    colour(p, SGR_BOLD);
    ly_text_trace_name(row, p->how->unicode, p->out);
    colour(p, SGR_OFF);
    ly_buf_fmt(p->out, "  trace %s\n", hex);
    ly_text_time(row->start_ns, p->out);
    ly_buf_c(p->out, "  ");
    ly_viewer_duration(row->end_ns == LY_UNKNOWN ? LY_UNKNOWN : row->end_ns - row->start_ns,
                       p->out);
    ly_buf_fmt(p->out, "  %s%s", ly_viewer_trace_state(row, now_of(p)),
               ly_text_future(row->start_ns, now_of(p)));
    heading_item(p, "service", row->service);
    heading_item(p, "env", row->env);
    heading_item(p, "release", row->release);
    heading_item(p, "session", row->session);
    heading_item(p, "user", row->user);
    heading_item(p, "prompt", row->prompt_name);
    if (row->prompt_name.len > 0 && row->prompt_version.len > 0) {
        ly_buf_char(p->out, '@');
        ly_term_clean(p->out, ly_str_sub(row->prompt_version, 0, 64),
                      ly_clean_flags(p->how->unicode));
    }
    if (row->origin != LY_ORIGIN_APP) {
        ly_buf_fmt(p->out, "  origin %s", ly_origin_name(row->origin));
    }
    if (row->pinned) {
        ly_buf_c(p->out, "  pinned");
    }
    ly_buf_c(p->out, "\n\n");
}

static void label_of(printer *p, const ly_rows *rows, const ly_row *row)
{
    uint32_t levels = p->name_width > 0 ? (uint32_t)(p->name_width / 4) : 64;
    ly_text_guides(rows, row, levels, p->how->unicode, &p->cell);
    if (row->kind == LY_ROW_FOLDED || row->kind == LY_ROW_MISSING) {
        ly_buf_c(&p->cell, row->kind == LY_ROW_MISSING ? "? " : " ");
        ly_text_row(p->sums, row, &p->cell);
        return;
    }
    const ly_node *node = &p->trace->nodes[row->node];
    bool error = (node->flags & LY_SPAN_ERROR) != 0;
    if (row->depth > 0) {
        ly_buf_char(&p->cell, error ? '!' : ' ');
    }
    ly_buf_fmt(&p->cell, "%c ", ly_type_letter(node->canon.type));
    ly_text_label(node, p->how->unicode, &p->cell);
    if (row->kind == LY_ROW_GROUP) {
        ly_buf_fmt(&p->cell, " x%u", row->count);
    }
}

static void numbers(printer *p, const ly_row *row)
{
    const ly_node *n = &p->trace->nodes[row->node];
    const ly_node_sum *s = &p->sums->nodes[row->node];
    int64_t offset = n->start_ns - p->trace->row.start_ns;
    if (offset != 0) {
        ly_buf_char(&p->cell, offset > 0 ? '+' : ' ');
    }
    if (offset == 0) {
        ly_buf_char(&p->cell, '0');
    } else {
        ly_viewer_duration(offset, &p->cell);
    }
    number_cell(p, cols[COL_START].width);
    int64_t dur = n->end_ns == LY_UNKNOWN ? LY_UNKNOWN : n->end_ns - n->start_ns;
    int64_t in = s->tokens_in, out = s->tokens_out, cost = s->cost_pico;
    if (row->kind == LY_ROW_GROUP) {
        /* A line for several calls in a row: from the first one's start to the last one's end. */
        uint32_t i = row->node;
        for (uint32_t k = 1; k < row->count && n->next_sibling != LY_NO_NODE;) {
            i = p->trace->nodes[i].next_sibling;
            if (i == LY_NO_NODE) {
                break;
            }
            const ly_node *m = &p->trace->nodes[i];
            if (ly_type_plumbing(m->canon.type)) {
                continue;
            }
            k++;
            if (m->end_ns != LY_UNKNOWN && m->end_ns - n->start_ns > dur) {
                dur = m->end_ns - n->start_ns;
            }
        }
    }
    ly_viewer_duration(dur, &p->cell);
    number_cell(p, cols[COL_DUR].width);
    ly_viewer_duration(n->canon.ttft_ns, &p->cell);
    number_cell(p, cols[COL_TTFT].width);
    ly_viewer_count(in, &p->cell);
    number_cell(p, cols[COL_IN].width);
    ly_viewer_count(out, &p->cell);
    number_cell(p, cols[COL_OUT].width);
    ly_text_cost(cost, s->partial_cost, &p->cell);
    number_cell(p, cols[COL_COST].width);
    ly_buf_c(p->out, "  ");
}

static void status_cell(printer *p, const ly_row *row)
{
    const ly_node *n = &p->trace->nodes[row->node];
    const ly_node_sum *s = &p->sums->nodes[row->node];
    bool error = (n->flags & LY_SPAN_ERROR) != 0;
    ly_text_status(n, ly_store_lost(n, now_of(p)), p->how->unicode, &p->cell);
    if (s->attempt > 0 && s->attempts > 1) {
        ly_buf_fmt(&p->cell, "  (attempt %u of %u)", s->attempt, s->attempts);
    } else if (n->canon.attempt > 1) {
        ly_buf_fmt(&p->cell, "  (attempt %d)", n->canon.attempt);
    }
    if (row->kind == LY_ROW_GROUP && s->same_args) {
        ly_buf_c(&p->cell, "  LOOP same args");
    }
    colour(p, error ? SGR_RED : SGR_GREEN);
    if (p->status_width > 0) {
        ly_term_fit(p->out, ly_buf_view(&p->cell), p->status_width, false,
                    ly_clean_flags(p->how->unicode));
    } else {
        ly_buf_str(p->out, ly_buf_view(&p->cell));
    }
    colour(p, SGR_OFF);
    ly_buf_reset(&p->cell);
}

static void print_row(printer *p, const ly_rows *rows, const ly_row *row)
{
    unsigned flags = ly_clean_flags(p->how->unicode);
    bool dim = row->kind == LY_ROW_FOLDED || row->kind == LY_ROW_MISSING;
    label_of(p, rows, row);
    if (dim) {
        colour(p, SGR_DIM);
        ly_buf_str(p->out, ly_buf_view(&p->cell));
        colour(p, SGR_OFF);
        ly_buf_reset(&p->cell);
    } else {
        ly_term_fit(p->out, ly_buf_view(&p->cell), p->name_width, true, flags);
        ly_buf_reset(&p->cell);
        numbers(p, row);
        status_cell(p, row);
    }
    ly_buf_char(p->out, '\n');
}

static void head_line(printer *p)
{
    colour(p, SGR_DIM);
    ly_term_fit(p->out, LY_S("STEP"), p->name_width, true, 0);
    for (size_t c = 0; c < N_COLS; c++) {
        ly_buf_c(&p->cell, cols[c].head);
        number_cell(p, cols[c].width);
    }
    ly_buf_c(p->out, "  STATUS");
    colour(p, SGR_OFF);
    ly_buf_char(p->out, '\n');
}

/* The first call whose cost is not known, or not all of it; NULL when there is none. */
static const ly_node *unpriced_call(const ly_trace *trace)
{
    for (size_t i = 0; i < trace->n; i++) {
        const ly_node *n = &trace->nodes[i];
        bool counted = n->mark.kind == LY_MARK_COUNTED && !n->mark.cost_counted;
        if (n->mark.unsaid || n->mark.cost_partial || counted) {
            return n;
        }
    }
    return NULL;
}

/* Why a trace's cost is not known, and what to do. */
static const char *unknown_cost(const ly_node *call)
{
    switch (call ? call->priced.why : LY_PRICE_NO_USAGE) {
    case LY_PRICE_UNKNOWN_MODEL:
    case LY_PRICE_UNKNOWN_BUCKET:
    case LY_PRICE_UNKNOWN_TIER:
        return "no price for the model; `lydite price add` sets one";
    case LY_PRICE_NO_USAGE:
        return "no token counts; the client can switch them on: `lydite connect`";
    default:
        return ly_price_why_text(call->priced.why);
    }
}

static void totals(printer *p, const ly_rows *rows)
{
    const ly_trace_row *row = &p->trace->row;
    ly_buf *out = p->out;
    ly_buf_char(out, '\n');
    ly_text_plural((int64_t)p->trace->n, "span", out);
    if (rows->n_hidden > 0) {
        ly_buf_fmt(out, " (%u folded; --all shows them)", rows->n_hidden);
    }
    if (row->n_errors > 0) {
        ly_buf_c(out, ", ");
        ly_text_plural(row->n_errors, "error", out);
    }
    if (p->sums->n_retries > 0) {
        ly_buf_c(out, ", ");
        ly_text_plural(p->sums->n_retries, "retry", out);
    }
    if (p->sums->n_loops > 0) {
        ly_buf_c(out, ", ");
        ly_text_plural(p->sums->n_loops, "loop", out);
    }
    if (row->n_orphans > 0) {
        ly_buf_fmt(out, ", %lld without their parent", (long long)row->n_orphans);
    }
    uint32_t lost = 0;
    for (size_t i = 0; i < p->trace->n && p->sums->n_pending > 0; i++) {
        lost += ly_store_lost(&p->trace->nodes[i], now_of(p));
    }
    if (p->sums->n_pending > lost) {
        ly_buf_fmt(out, ", %u running", p->sums->n_pending - lost);
    }
    if (lost > 0) {
        ly_buf_fmt(out, ", %u lost", lost);
    }
    int64_t in = ly_tokens_in(&row->tokens), outs = ly_tokens_out(&row->tokens);
    if (in != LY_UNKNOWN || outs != LY_UNKNOWN) {
        ly_buf_c(out, "; tokens ");
        ly_viewer_count(in, out);
        ly_buf_c(out, " in, ");
        ly_viewer_count(outs, out);
        ly_buf_c(out, " out");
        if (row->tokens.cache_read != LY_UNKNOWN && row->tokens.cache_read > 0) {
            ly_buf_c(out, " (");
            ly_viewer_count(row->tokens.cache_read, out);
            ly_buf_c(out, " from cache)");
        }
    }
    if (row->cost_pico != LY_UNKNOWN) {
        ly_buf_c(out, row->flags & LY_TRACE_PARTIAL_COST ? "; cost at least " : "; cost ");
        ly_money_format(row->cost_pico, LY_MONEY_WIDE, out);
        if (row->flags & LY_TRACE_PARTIAL_COST) {
            const ly_node *call = unpriced_call(p->trace);
            ly_buf_c(out, call && (call->mark.unsaid || call->mark.cost_partial)
                              ? " (some calls lack token counts)"
                              : " (some calls have no price)");
        }
    } else if (row->n_generations > 0) {
        ly_buf_fmt(out, "; cost unknown (%s)", unknown_cost(unpriced_call(p->trace)));
    }
    ly_buf_char(out, '\n');
    if (row->n_generations > 0 && !(row->flags & LY_TRACE_CONTENT)) {
        ly_buf_c(out, row->flags & LY_TRACE_WITHHELD
                          ? "The client left the messages out (its content switch is off).\n"
                          : "The client sent no messages: `lydite connect` names its content "
                            "switch.\n");
    }
}

/* The name column takes what the widest name needs, and on a terminal what the rest leaves. */
static void plan_widths(printer *p, const ly_rows *rows)
{
    size_t fixed = 2, widest = 4;
    for (size_t c = 0; c < N_COLS; c++) {
        fixed += cols[c].width + 1;
    }
    for (size_t k = 0; k < rows->n; k++) {
        if (rows->items[k].kind == LY_ROW_SPAN || rows->items[k].kind == LY_ROW_GROUP) {
            label_of(p, rows, &rows->items[k]);
            size_t w = ly_term_width(ly_buf_view(&p->cell));
            widest = w > widest ? w : widest;
            ly_buf_reset(&p->cell);
        }
    }
    if (p->how->width <= 0) {
        p->name_width = widest > 160 ? 160 : widest;
        return;
    }
    size_t width = (size_t)p->how->width;
    size_t status = 12;
    size_t room = width > fixed + status + 16 ? width - fixed - status : 16;
    p->name_width = widest < room ? widest : room;
    p->status_width = width > fixed + p->name_width + 5 ? width - fixed - p->name_width : 5;
}

ly_status ly_viewer_print_loaded(const ly_trace *trace, const ly_print_opts *how, ly_buf *out,
                                 ly_err *err)
{
    ly_arena arena;
    ly_rows rows = {0};
    ly_sums *sums = NULL;
    printer p = {.trace = trace, .how = how, .out = out};
    ly_arena_init(&arena, 0, 0);
    ly_buf_init(&p.cell, LY_KIB(64));
    ly_status st = ly_sums_build(trace, NULL, &arena, &sums, err);
    if (st != LY_OK) {
        goto out;
    }
    p.sums = sums;
    ly_rows_opts opts = {.all = how->all};
    st = ly_rows_build(sums, &opts, &arena, &rows, err);
    if (st != LY_OK) {
        goto out;
    }
    plan_widths(&p, &rows);
    heading(&p);
    head_line(&p);
    for (size_t k = 0; k < rows.n; k++) {
        print_row(&p, &rows, &rows.items[k]);
    }
    totals(&p, &rows);
    st = ly_buf_status(out, "the trace tree", err);
out:
    ly_rows_release(&rows);
    ly_buf_release(&p.cell);
    ly_arena_release(&arena);
    return st;
}
