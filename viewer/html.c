/*
 * One trace as a single HTML page: tree, waterfall as SVG, messages. Nothing is loaded from elsewhere and
 * nothing runs: no script, no link, no image; a policy in the page forbids them too. Every text of the
 * trace passes ly_html_text.
 */
#include "base/clock.h"
#include "text/html.h"
#include "viewer/text.h"

/* Messages of one span and of the page; the rest is named by a count. */
#define MAX_TEXT       65536
#define MAX_PAGE_CALLS 2000
#define BAR_WIDTH      600

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<style>\n"
    ":root{color-scheme:light dark}\n"
    "body{font:14px/1.45 system-ui,sans-serif;margin:1.5rem;max-width:110rem}\n"
    "h1{font-size:1.25rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .5rem}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}\n"
    "td,th{padding:.1rem .6rem;text-align:right;white-space:nowrap}\n"
    "td:first-child,th:first-child,td:last-child,th:last-child{text-align:left}\n"
    "th{font-weight:600;border-bottom:1px solid #8888}\n"
    ".t{font:12px ui-monospace,monospace;opacity:.7}.e{color:#c22}.dim{opacity:.65}\n"
    "td:first-child{max-width:60ch;overflow:hidden;text-overflow:ellipsis}\n"
    "svg{display:block;overflow:visible}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:."
    "2rem 0 .6rem;\n"
    "padding:.5rem .7rem;border-left:3px solid #8888}\n"
    "details{margin:.3rem 0}summary{cursor:pointer}\n"
    "</style>\n<title>";

typedef struct page {
    ly_store *store;
    const ly_trace *trace;
    const ly_sums *sums;
    ly_rows rows;
    ly_buf *out;
    ly_buf cell;
    ly_arena work;
    size_t calls; /* steps with messages so far */
} page;

static void cell_text(page *p)
{
    ly_html_text(p->out, ly_buf_view(&p->cell));
    ly_buf_reset(&p->cell);
}

static void number(page *p, int64_t n, void (*format)(int64_t, ly_buf *))
{
    ly_buf_c(p->out, "<td>");
    format(n, &p->cell);
    cell_text(p);
    ly_buf_c(p->out, "</td>");
}

static void heading(page *p)
{
    const ly_trace_row *row = &p->trace->row;
    char hex[33];
    ly_hex_encode(row->trace_id.b, 16, hex);
    ly_buf_c(p->out, head);
    ly_text_trace_name(row, true, &p->cell);
    cell_text(p);
    ly_buf_c(p->out, "</title></head><body>\n<h1>");
    ly_text_trace_name(row, true, &p->cell);
    cell_text(p);
    ly_buf_fmt(p->out, "</h1>\n<p class=\"dim\">trace <span class=\"t\">%s</span> &middot; ", hex);
    ly_text_time(row->start_ns, p->out);
    ly_buf_c(p->out, " &middot; ");
    ly_viewer_duration(row->end_ns == LY_UNKNOWN ? LY_UNKNOWN : row->end_ns - row->start_ns,
                       p->out);
    if (row->service.len) {
        ly_buf_c(p->out, " &middot; service ");
        ly_html_text(p->out, row->service);
    }
    ly_buf_c(p->out, " &middot; ");
    ly_text_plural(row->n_spans, "span", p->out);
    ly_buf_c(p->out, ", ");
    ly_text_plural(row->n_errors, "error", p->out);
    ly_buf_c(p->out, " &middot; tokens ");
    ly_viewer_count(ly_tokens_in(&row->tokens), p->out);
    ly_buf_c(p->out, " in, ");
    ly_viewer_count(ly_tokens_out(&row->tokens), p->out);
    ly_buf_c(p->out, " out &middot; cost ");
    ly_money_format(row->cost_pico, LY_MONEY_WIDE, &p->cell);
    cell_text(p);
    bool more = (row->flags & LY_TRACE_PARTIAL_COST) != 0 && row->cost_pico != LY_UNKNOWN;
    ly_buf_c(p->out, more ? " or more</p>\n" : "</p>\n");
}

static void tree_row(page *p, const ly_row *row)
{
    const ly_node *n = &p->trace->nodes[row->node];
    const ly_node_sum *s = &p->sums->nodes[row->node];
    bool error = (n->flags & LY_SPAN_ERROR) != 0;
    uint32_t depth = row->depth > 40 ? 40 : row->depth;
    ly_buf_fmt(p->out, "<tr%s><td style=\"padding-left:%.1frem\">", error ? " class=\"e\"" : "",
               0.3 + 1.2 * depth);
    if (row->kind == LY_ROW_FOLDED || row->kind == LY_ROW_MISSING) {
        ly_buf_c(p->out, "<span class=\"dim\">");
        ly_text_row(p->sums, row, &p->cell);
        cell_text(p);
        ly_buf_c(p->out, "</span></td><td colspan=7></td></tr>\n");
        return;
    }
    ly_buf_fmt(p->out, "<span class=\"t\">%c</span> ", ly_type_letter(n->canon.type));
    ly_text_label(n, true, &p->cell);
    cell_text(p);
    ly_text_marks(row, s, &p->cell);
    if (p->cell.len) {
        ly_buf_c(p->out, " <span class=\"dim\">");
        cell_text(p);
        ly_buf_c(p->out, "</span>");
    }
    ly_buf_c(p->out, "</td>");
    number(p, n->start_ns - p->trace->row.start_ns, ly_viewer_duration);
    number(p, n->end_ns == LY_UNKNOWN ? LY_UNKNOWN : n->end_ns - n->start_ns, ly_viewer_duration);
    number(p, n->canon.ttft_ns, ly_viewer_duration);
    number(p, s->tokens_in, ly_viewer_count);
    number(p, s->tokens_out, ly_viewer_count);
    ly_buf_c(p->out, "<td>");
    ly_text_cost(s->cost_pico, s->partial_cost, &p->cell);
    cell_text(p);
    ly_buf_c(p->out, "</td>");
    ly_buf_c(p->out, "<td>");
    ly_text_status(n, ly_store_lost(n, ly_wall_ns()), true, &p->cell);
    cell_text(p);
    ly_buf_c(p->out, "</td></tr>\n");
}

static void tree(page *p)
{
    ly_buf_c(p->out,
             "<h2>Steps</h2>\n<table><tr><th>Step</th><th>Start</th><th>Duration</th>"
             "<th>First token</th><th>In</th><th>Out</th><th>Cost</th><th>Status</th></tr>\n");
    for (size_t k = 0; k < p->rows.n; k++) {
        tree_row(p, &p->rows.items[k]);
    }
    ly_buf_c(p->out, "</table>\n");
}

static const char *colour(const ly_node *n)
{
    if (n->flags & LY_SPAN_ERROR) {
        return "#c33";
    }
    switch (n->canon.type) {
    case LY_TYPE_AGENT:
    case LY_TYPE_WORKFLOW:
    case LY_TYPE_PLAN:
        return "#4a90c2";
    case LY_TYPE_GENERATION:
        return "#9a5fb8";
    case LY_TYPE_TOOL:
        return "#d08a2e";
    case LY_TYPE_RETRIEVAL:
    case LY_TYPE_EMBEDDING:
    case LY_TYPE_RERANK:
        return "#3f9c7a";
    default:
        return "#8a8a8a";
    }
}

static void waterfall(page *p)
{
    const ly_trace_row *t = &p->trace->row;
    int64_t span = t->end_ns == LY_UNKNOWN ? 0 : t->end_ns - t->start_ns;
    double total = span > 0 ? (double)span : 1;
    size_t shown = 0;
    for (size_t k = 0; k < p->rows.n; k++) {
        shown += p->rows.items[k].kind <= LY_ROW_GROUP;
    }
    ly_buf_fmt(p->out,
               "<h2>Waterfall</h2>\n<svg width=\"%d\" "
               "height=\"%zu\" role=\"img\" font-family=\"system-ui,sans-serif\" font-size=\"11\" "
               "fill=\"currentColor\">\n",
               BAR_WIDTH + 300, shown * 18 + 4);
    size_t y = 0;
    for (size_t k = 0; k < p->rows.n; k++) {
        const ly_row *row = &p->rows.items[k];
        if (row->kind > LY_ROW_GROUP) {
            continue;
        }
        const ly_node *n = &p->trace->nodes[row->node];
        double from = (double)(n->start_ns - t->start_ns) / total * BAR_WIDTH;
        double wide = n->end_ns == LY_UNKNOWN
                          ? BAR_WIDTH - from
                          : (double)(n->end_ns - n->start_ns) / total * BAR_WIDTH;
        from = from < 0 ? 0 : from > BAR_WIDTH ? BAR_WIDTH : from;
        wide = wide < 1.5 ? 1.5 : wide > BAR_WIDTH - from + 2 ? BAR_WIDTH - from + 2 : wide;
        ly_buf_fmt(p->out,
                   "<rect x=\"%.1f\" y=\"%zu\" width=\"%.1f\" height=\"12\" rx=\"2\" "
                   "fill=\"%s\"/><text x=\"%.1f\" y=\"%zu\">",
                   from, y + 2, wide, colour(n), from + wide + 4, y + 12);
        ly_text_label(n, true, &p->cell);
        ly_buf_c(&p->cell, "  ");
        ly_viewer_duration(n->end_ns == LY_UNKNOWN ? LY_UNKNOWN : n->end_ns - n->start_ns,
                           &p->cell);
        cell_text(p);
        ly_buf_c(p->out, "</text>\n");
        y += 18;
    }
    ly_buf_c(p->out, "</svg>\n");
}

static void block(page *p, const char *what, ly_str role, ly_str text)
{
    if (text.len == 0) {
        return;
    }
    ly_buf_fmt(p->out, "<div><b>%s", what);
    ly_html_text(p->out, role);
    ly_buf_c(p->out, "</b><pre>");
    ly_html_text(p->out, ly_str_sub(text, 0, MAX_TEXT));
    if (text.len > MAX_TEXT) {
        ly_buf_fmt(p->out, "\n[%d of %zu bytes]", MAX_TEXT, text.len);
    }
    ly_buf_c(p->out, "</pre></div>\n");
}

static void parts(page *p, const char *what, const ly_message *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < list[i].n_parts; k++) {
            const ly_part *part = &list[i].parts[k];
            switch (part->kind) {
            case LY_PART_TOOL_CALL:
                block(p, "call ", part->tool_name,
                      part->arguments.len ? part->arguments : LY_S("{}"));
                break;
            case LY_PART_MEDIA:
                block(p, what, list[i].role,
                      part->mime.len ? part->mime : LY_S("(media, not shown)"));
                break;
            case LY_PART_OTHER:
                block(p, what, list[i].role, part->raw);
                break;
            default:
                block(p, what, list[i].role, part->text);
            }
        }
    }
}

static ly_status messages_of(page *p, const ly_node *n, ly_err *err)
{
    ly_span_full *full = NULL;
    ly_messages m;
    memset(&m, 0, sizeof m);
    ly_arena_reset(&p->work);
    ly_status st =
        ly_store_span_load(p->store, p->trace->row.trace_id, n->span_id, &p->work, &full, err);
    if (st != LY_OK) {
        return st;
    }
    if (ly_genai_messages(&full->span, full->logs, full->n_logs, &p->work, &m) != LY_OK) {
        return LY_NOMEM(err);
    }
    if (m.n_system + m.n_input + m.n_output + m.n_documents == 0 && m.tool_arguments.len == 0 &&
        m.tool_result.len == 0 && m.query.len == 0) {
        return LY_OK;
    }
    p->calls++;
    ly_buf_c(p->out, "<details><summary>");
    ly_buf_fmt(p->out, "<span class=\"t\">%c</span> ", ly_type_letter(n->canon.type));
    ly_text_label(n, true, &p->cell);
    cell_text(p);
    ly_buf_c(p->out, "</summary>\n");
    parts(p, "system ", m.system, m.n_system);
    parts(p, "", m.input, m.n_input);
    parts(p, "answer ", m.output, m.n_output);
    block(p, "arguments", LY_S(""), m.tool_arguments);
    block(p, "result", LY_S(""), m.tool_result);
    block(p, "query", LY_S(""), m.query);
    for (size_t i = 0; i < m.n_documents; i++) {
        block(p, "document ", m.documents[i].id, m.documents[i].content);
    }
    ly_buf_c(p->out, "</details>\n");
    return LY_OK;
}

static ly_status messages(page *p, ly_err *err)
{
    ly_status st = LY_OK;
    ly_buf_c(p->out, "<h2>Messages</h2>\n");
    for (size_t i = 0; i < p->trace->n && st == LY_OK; i++) {
        const ly_node *n = &p->trace->nodes[i];
        if (ly_type_plumbing(n->canon.type)) {
            continue;
        }
        if (p->calls == MAX_PAGE_CALLS) {
            ly_buf_fmt(p->out,
                       "<p class=\"dim\">[the messages of the first %d steps; `lydite span show "
                       "SPAN` prints those of any other]</p>\n",
                       MAX_PAGE_CALLS);
            break;
        }
        st = messages_of(p, n, err);
    }
    return st;
}

ly_status ly_viewer_html_trace(ly_store *store, ly_trace_id id, ly_buf *out, ly_err *err)
{
    ly_arena arena;
    ly_trace *trace = NULL;
    ly_sums *sums = NULL;
    page p = {.store = store, .out = out};
    ly_rows_opts opts = {0};
    ly_arena_init(&arena, 0, 0);
    ly_arena_init(&p.work, 0, 0);
    ly_buf_init(&p.cell, LY_KIB(64));
    ly_status st = ly_store_trace_load(store, id, &arena, &trace, err);
    if (st == LY_OK) {
        st = ly_sums_build(trace, NULL, &arena, &sums, err);
    }
    if (st == LY_OK) {
        p.trace = trace;
        p.sums = sums;
        st = ly_rows_build(sums, &opts, &arena, &p.rows, err);
    }
    if (st == LY_OK) {
        heading(&p);
        tree(&p);
        waterfall(&p);
        st = messages(&p, err);
        ly_buf_c(out, "</body></html>\n");
    }
    if (st == LY_OK) {
        st = ly_buf_status(out, "the page", err);
    }
    ly_rows_release(&p.rows);
    ly_buf_release(&p.cell);
    ly_arena_release(&p.work);
    ly_arena_release(&arena);
    return st;
}
