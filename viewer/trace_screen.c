/* One trace: steps and waterfall over one selection, the messages, and the detail of the selected span. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/term.h"
#include "text/regex.h"
#include "viewer/app.h"

/* Calls whose arguments are read to tell a loop from repeated work. */
#define MAX_ARGS_READ 64
/* Children looked at for the critical path; a parent of 100,000 shows a part of it. */
#define CRITICAL_BUDGET 2000000

void ly_trace_state_release(ly_trace_state *t)
{
    ly_rows_release(&t->rows);
    ly_arena_release(&t->arena);
    ly_arena_release(&t->scratch);
    ly_arena_release(&t->detail_arena);
    ly_filter_free(t->filter);
    ly_buf_release(&t->filter_text);
    ly_text_view_release(&t->detail);
    ly_text_view_release(&t->messages);
    ly_free(t->message_nodes);
}

/* ---- data ------------------------------------------------------------------------------------ */

/* Arguments of calls that stand in a row of equal ones, hashed; others stay unknown. */
static uint64_t *read_args(ly_app *app, ly_trace *trace, ly_arena *arena)
{
    uint64_t *args = LY_ARENA_ARRAY(arena, uint64_t, trace->n + 1);
    int left = MAX_ARGS_READ;
    ly_arena *work = &app->trace.detail_arena;
    ly_err err = LY_ERR_INIT;
    for (uint32_t i = 0; args != NULL && i < trace->n && left > 0; i++) {
        const ly_node *n = &trace->nodes[i];
        uint32_t a = n->next_sibling;
        if (n->canon.type != LY_TYPE_TOOL || a == LY_NO_NODE || a >= trace->n ||
            !ly_str_eq(trace->nodes[a].name, n->name)) {
            continue;
        }
        const uint32_t both[2] = {i, a};
        for (int k = 0; k < 2; k++) {
            ly_span_full *full = NULL;
            ly_messages m;
            memset(&m, 0, sizeof m);
            if (args[both[k]] != 0) {
                continue;
            }
            left--;
            ly_arena_reset(work);
            if (ly_store_span_load(app->store, app->trace.id, trace->nodes[both[k]].span_id, work,
                                   &full, &err) == LY_OK &&
                ly_genai_messages(&full->span, full->logs, full->n_logs, work, &m) == LY_OK &&
                m.tool_arguments.len > 0) {
                args[both[k]] = ly_str_hash(m.tool_arguments) | 1;
            }
        }
    }
    return args;
}

static uint32_t find_node(const ly_trace *trace, ly_span_id id)
{
    for (uint32_t i = 0; i < trace->n; i++) {
        if (ly_span_id_eq(trace->nodes[i].span_id, id)) {
            return i;
        }
    }
    return LY_NO_NODE;
}

static void mark_critical(ly_trace_state *t)
{
    /* From each root back from its end: the child that ended last before the time reached so far is on
     * the path, and the time goes back to its start. */
    const ly_trace *trace = t->trace;
    size_t budget = CRITICAL_BUDGET;
    memset(t->critical, 0, trace->n);
    for (uint32_t i = 0; i < trace->n; i++) {
        const ly_node *n = &trace->nodes[i];
        if (n->mark.root) {
            t->critical[i] = 1;
        }
        if (!t->critical[i] || n->end_ns == LY_UNKNOWN) {
            continue;
        }
        int64_t reached = n->end_ns;
        while (budget > 0) {
            uint32_t best = LY_NO_NODE;
            for (uint32_t c = n->first_child;
                 c != LY_NO_NODE && c > i && c < trace->n && budget > 0;
                 c = trace->nodes[c].next_sibling, budget--) {
                const ly_node *k = &trace->nodes[c];
                if (k->end_ns != LY_UNKNOWN && k->end_ns <= reached && !t->critical[c] &&
                    (best == LY_NO_NODE || k->end_ns > trace->nodes[best].end_ns)) {
                    best = c;
                }
            }
            if (best == LY_NO_NODE) {
                break;
            }
            t->critical[best] = 1;
            reached = trace->nodes[best].start_ns;
        }
    }
}

/* ---- the filter inside a trace --------------------------------------------------------------- */

typedef struct asked {
    ly_app *app;
    const ly_node *node;
} asked;

static bool regex_ok(void *context, ly_str pattern, ly_str subject)
{
    (void)context;
    ly_regex *regex = NULL;
    ly_err err = LY_ERR_INIT;
    bool ok = ly_regex_new(pattern, 0, &regex, &err) == LY_OK &&
              ly_regex_find(regex, subject, 0, NULL, 0, &err) == LY_OK;
    ly_regex_free(regex);
    return ok;
}

static ly_span_full *full_of(const asked *a)
{
    ly_err err = LY_ERR_INIT;
    ly_span_full *full = NULL;
    ly_arena *work = &a->app->trace.detail_arena;
    ly_arena_reset(work);
    a->app->trace.detail_loaded = false;
    return ly_store_span_load(a->app->store, a->app->trace.id, a->node->span_id, work, &full,
                              &err) == LY_OK
               ? full
               : NULL;
}

static bool attr_ok(void *context, const ly_filter_node *term)
{
    const ly_span_full *full = full_of(context);
    const ly_any *v = full != NULL ? ly_attrs_get(&full->span.attrs, term->key) : NULL;
    if (v == NULL) {
        return false;
    }
    switch (v->kind) {
    case LY_ANY_STRING:
        return ly_filter_text_ok(term, v->str);
    case LY_ANY_INT:
        return ly_filter_real_ok(term, (double)v->integer);
    case LY_ANY_DOUBLE:
        return ly_filter_real_ok(term, v->real);
    case LY_ANY_BOOL:
        return ly_filter_text_ok(term, v->boolean ? LY_S("true") : LY_S("false"));
    default:
        return term->op == LY_FOP_EXISTS;
    }
}

static bool text_ok(void *context, const ly_filter_node *term)
{
    asked *a = context;
    const ly_span_full *full = full_of(a);
    ly_messages m;
    memset(&m, 0, sizeof m);
    if (full == NULL || ly_genai_messages(&full->span, full->logs, full->n_logs,
                                          &a->app->trace.detail_arena, &m) != LY_OK) {
        return false;
    }
    const ly_message *lists[] = {m.system, m.input, m.output};
    const size_t counts[] = {m.n_system, m.n_input, m.n_output};
    for (size_t l = 0; l < LY_COUNT(lists); l++) {
        for (size_t i = 0; i < counts[l]; i++) {
            for (size_t k = 0; k < lists[l][i].n_parts; k++) {
                if (ly_filter_text_ok(term, lists[l][i].parts[k].text) ||
                    ly_filter_text_ok(term, lists[l][i].parts[k].arguments)) {
                    return true;
                }
            }
        }
    }
    return ly_filter_text_ok(term, m.tool_arguments) || ly_filter_text_ok(term, m.tool_result) ||
           ly_filter_text_ok(term, m.query);
}

static ly_filter_subject subject_of(const ly_trace_state *t, const ly_node *n, char *trace_hex,
                                    char *span_hex)
{
    const ly_canon *c = &n->canon;
    const ly_trace_row *r = &t->trace->row;
    ly_hex_encode(r->trace_id.b, 16, trace_hex);
    ly_hex_encode(n->span_id.b, 8, span_hex);
    return (ly_filter_subject){
        .name = n->name,
        .service = c->service,
        .provider = c->provider,
        .model = c->response_model,
        .request_model = c->request_model,
        .tool = c->tool_name,
        .agent = c->agent_name,
        .session = c->session,
        .user = c->user,
        .env = c->env,
        .release = c->release,
        .prompt_name = c->prompt_name,
        .prompt_version = c->prompt_version,
        .dialect = ly_str_c(c->dialect),
        .status_message = c->error_message,
        .type = ly_str_c(ly_type_name(c->type)),
        .status = n->flags & LY_SPAN_ERROR     ? LY_S("error")
                  : n->flags & LY_SPAN_PENDING ? LY_S("pending")
                  : n->status_code == 1        ? LY_S("ok")
                                               : LY_S("unset"),
        .origin = ly_str_c(ly_origin_name(r->origin)),
        .trace_id = ly_str_c(trace_hex),
        .span_id = ly_str_c(span_hex),
        .tags = t->trace->tags,
        .n_tags = t->trace->n_tags,
        .is_root = ly_span_id_zero(n->parent_id),
        .start_ns = n->start_ns,
        .dur_ns = n->end_ns == LY_UNKNOWN ? LY_UNKNOWN : n->end_ns - n->start_ns,
        .self_ns = n->self_ns,
        .ttft_ns = c->ttft_ns,
        .tokens = ly_tokens_total(&c->tokens),
        .cost_pico =
            c->client_cost_pico != LY_UNKNOWN ? c->client_cost_pico : n->priced.amount_pico,
        .trace_tokens = ly_tokens_total(&r->tokens),
        .trace_cost_pico = r->cost_pico,
        .trace_errors = r->n_errors,
        .trace_spans = r->n_spans,
        .loop = 0,
        .attr = attr_ok,
        .text = text_ok,
        .regex = regex_ok,
    };
}

static void apply_filter(ly_app *app)
{
    ly_trace_state *t = &app->trace;
    for (uint32_t i = 0; t->filter != NULL && i < t->trace->n; i++) {
        char trace_hex[33], span_hex[17];
        asked a = {app, &t->trace->nodes[i]};
        ly_filter_subject s = subject_of(t, a.node, trace_hex, span_hex);
        s.context = &a;
        t->match[i] = ly_filter_match(t->filter, &s);
    }
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void make_rows(ly_app *app)
{
    ly_trace_state *t = &app->trace;
    ly_err err = LY_ERR_INIT;
    ly_rows_opts opts = {.all = t->lens == LY_LENS_WATERFALL,
                         .folded = t->folded,
                         .open = t->opened,
                         .match = t->filter != NULL ? t->match : NULL};
    ly_arena_reset(&t->scratch);
    if (ly_rows_build(t->sums, &opts, &t->scratch, &t->rows, &err) != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
    }
}

static void keep_selection(ly_trace_state *t)
{
    t->has_selected = t->at < t->rows.n;
    if (t->has_selected) {
        t->selected = t->trace->nodes[t->rows.items[t->at].node].span_id;
    }
}

/* The row of the selected span, or of its nearest ancestor that has one; its line on the screen stays. */
static void find_selection(ly_trace_state *t)
{
    uint32_t node = t->has_selected ? find_node(t->trace, t->selected) : LY_NO_NODE;
    while (node != LY_NO_NODE) {
        for (size_t k = 0; k < t->rows.n; k++) {
            const ly_row *r = &t->rows.items[k];
            if (r->node == node && r->kind <= LY_ROW_GROUP) {
                t->top = k + t->top > t->at ? k + t->top - t->at : 0;
                t->at = k;
                return;
            }
        }
        uint32_t p = t->trace->nodes[node].parent;
        node = p < node ? p : LY_NO_NODE;
    }
    if (t->at >= t->rows.n) {
        t->at = t->rows.n > 0 ? t->rows.n - 1 : 0;
    }
}

static void rebuild(ly_app *app)
{
    make_rows(app);
    find_selection(&app->trace);
    keep_selection(&app->trace);
    app->trace.detail_loaded = false;
}

static void load(ly_app *app, bool again)
{
    ly_trace_state *t = &app->trace;
    ly_err err = LY_ERR_INIT;
    ly_trace *trace = NULL;
    ly_sums *sums = NULL;
    ly_arena fresh;
    if (!t->open || app->store == NULL) {
        return;
    }
    if (again && t->trace != NULL) {
        /* Most commits are of other traces. */
        ly_trace_row row;
        ly_arena_reset(&t->scratch);
        if (ly_store_trace_row(app->store, t->id, &t->scratch, &row, &err) == LY_OK &&
            row.n_spans == t->trace->row.n_spans && row.n_errors == t->trace->row.n_errors &&
            row.end_ns == t->trace->row.end_ns && row.pinned == t->trace->row.pinned &&
            row.cost_pico == t->trace->row.cost_pico && row.flags == t->trace->row.flags) {
            return;
        }
    }
    ly_arena_init(&fresh, 0, 0);
    ly_status st = ly_store_trace_load(app->store, t->id, &fresh, &trace, &err);
    if (st == LY_OK) {
        st = ly_sums_build(trace, read_args(app, trace, &fresh), &fresh, &sums, &err);
    }
    uint8_t *flags = st == LY_OK ? LY_ARENA_ARRAY(&fresh, uint8_t, 4 * trace->n + 4) : NULL;
    if (st != LY_OK || flags == NULL) {
        ly_app_say(app, true, "%s", err.text);
        ly_arena_release(&fresh);
        return;
    }
    size_t n = trace->n;
    bool at_end = t->rows.n > 0 && t->at + 1 == t->rows.n;
    uint8_t *folded = flags, *opened = flags + n;
    for (size_t i = 0; again && t->trace != NULL && i < t->trace->n; i++) {
        if (t->folded[i] || t->opened[i]) {
            uint32_t k = find_node(trace, t->trace->nodes[i].span_id);
            if (k != LY_NO_NODE) {
                folded[k] = t->folded[i];
                opened[k] = t->opened[i];
            }
        }
    }
    ly_arena_release(&t->arena);
    t->arena = fresh;
    t->trace = trace;
    t->sums = sums;
    t->folded = folded;
    t->opened = opened;
    t->match = flags + 2 * n;
    t->critical = flags + 3 * n;
    t->messages_loaded = false;
    if (!again) {
        t->zoom_from = t->zoom_to = 0;
        t->follow = true;
    }
    mark_critical(t);
    apply_filter(app);
    rebuild(app);
    if (again && t->follow && at_end && t->rows.n > 0) {
        t->at = t->rows.n - 1;
        keep_selection(t);
    }
}

bool ly_trace_set_filter(ly_app *app, ly_str text)
{
    ly_trace_state *t = &app->trace;
    ly_filter *filter = NULL;
    ly_err err = LY_ERR_INIT;
    ly_filter_opts opts = {.now_ns = app->now_ns};
    if (ly_filter_parse(text, &opts, &filter, &app->filter_error, &err) != LY_OK) {
        app->has_filter_error = true;
        return false;
    }
    ly_buf_reset(&t->filter_text);
    ly_buf_str(&t->filter_text, ly_str_trim(text));
    ly_filter_free(t->filter);
    t->filter = NULL;
    if (ly_filter_root(filter)->kind == LY_FILTER_ALL) {
        ly_filter_free(filter);
    } else {
        t->filter = filter;
    }
    if (t->trace != NULL) {
        apply_filter(app);
        rebuild(app);
    }
    return true;
}

/* ---- drawing --------------------------------------------------------------------------------- */

typedef struct layout {
    int name, start, dur, tokens, cost, bar; /* widths; 0 = not shown */
    int width;                               /* of the list */
} layout;

static layout plan(const ly_trace_state *t, int width)
{
    layout l = {.width = width, .start = 8, .dur = 7};
    int left = width - 3 - 9 - 8;
    bool fall = t->lens == LY_LENS_WATERFALL;
    int least_name = width >= 120 ? 36 : width >= 90 ? 28 : width >= 60 ? 24 : 16;
    if (!fall && left - 7 >= least_name) {
        l.tokens = 6;
        left -= 7;
    }
    if (!fall && width >= 90 && left - 9 >= least_name) {
        l.cost = 8;
        left -= 9;
    }
    int bar = left - least_name - 1;
    int most = fall ? width : 24;
    l.bar = bar < 6 ? 0 : bar > most ? most : bar;
    l.name = left - (l.bar > 0 ? l.bar + 1 : 0);
    return l;
}

static void window(const ly_trace_state *t, int64_t *ret_from, int64_t *ret_to)
{
    *ret_from = t->trace->row.start_ns;
    *ret_to = t->trace->sum.end_ns > *ret_from ? t->trace->sum.end_ns : *ret_from + 1;
    if (t->zoom_to > t->zoom_from) {
        *ret_from = t->zoom_from;
        *ret_to = t->zoom_to;
    }
}

/* A bar of at least one cell where it lies in the window. */
static void draw_bar(ly_app *app, int row, int col, int width, const ly_node *n,
                     const ly_node_sum *s, bool critical)
{
    const ly_trace_state *t = &app->trace;
    int64_t from, to;
    window(t, &from, &to);
    bool error = (n->flags & LY_SPAN_ERROR) != 0;
    ly_ink ink = error ? LY_INK_ERROR : critical ? LY_INK_CRITICAL : ly_app_type_ink(n->canon.type);
    char ascii = error ? '!' : critical ? '#' : '=';
    const char *glyph = error ? "!" : critical ? "\xE2\x96\x93" : "\xE2\x96\x88";
    if (t->bars > 0 && t->lens == LY_LENS_STEPS) {
        /* Share of the trace's tokens or cost, from the left. */
        int64_t all =
            t->bars == 1 ? ly_tokens_total(&t->trace->row.tokens) : t->trace->row.cost_pico;
        int64_t own = s->cost_pico;
        if (t->bars == 1) {
            own = (s->tokens_in == LY_UNKNOWN ? 0 : s->tokens_in) +
                  (s->tokens_out == LY_UNKNOWN ? 0 : s->tokens_out);
        }
        int cells = all > 0 && own > 0 ? (int)((double)own / (double)all * width + 0.5) : 0;
        ly_grid_fill(&app->grid, row, col, cells > width ? width : cells, glyph, ascii, ink);
        return;
    }
    double scale = (double)width / (double)(to - from);
    double a = (double)(n->start_ns - from) * scale;
    double b = n->end_ns == LY_UNKNOWN ? (double)width : (double)(n->end_ns - from) * scale;
    if (b < 0 || a > width) {
        return;
    }
    int first = a < 0 ? 0 : a > width - 1 ? width - 1 : (int)a;
    int last = b > width ? width : (int)(b + 0.999);
    last = last <= first ? first + 1 : last;
    if (n->end_ns == LY_UNKNOWN) {
        glyph = "~";
        ascii = '~';
        ink = LY_INK_LIVE;
    }
    ly_grid_fill(&app->grid, row, col + first, last - first, glyph, ascii, ink);
}

static void cell_right(ly_app *app, int row, int *col, int width, ly_ink ink)
{
    if (width > 0) {
        ly_grid_right(&app->grid, row, *col, width, ly_buf_view(&app->cell), ink);
        *col += width + 1;
    }
    ly_buf_reset(&app->cell);
}

static void draw_label(ly_app *app, int row, int col, int width, const ly_row *r)
{
    const ly_trace_state *t = &app->trace;
    const ly_node *n = &t->trace->nodes[r->node];
    ly_grid *g = &app->grid;
    uint32_t levels = (uint32_t)(width / 4 > 2 ? width / 4 : 2);
    ly_buf_reset(&app->cell);
    ly_text_guides(&t->rows, r, levels, g->unicode, &app->cell);
    int used = ly_grid_put(g, row, col, width, ly_buf_view(&app->cell), LY_INK_DIM);
    ly_buf_reset(&app->cell);
    if (r->kind == LY_ROW_FOLDED || r->kind == LY_ROW_MISSING) {
        ly_buf_c(&app->cell, r->kind == LY_ROW_MISSING ? "? " : "> ");
        ly_text_row(t->sums, r, &app->cell);
        (void)ly_grid_put(g, row, col + used, width - used, ly_buf_view(&app->cell),
                          r->errors > 0 ? LY_INK_WARN : LY_INK_DIM);
        ly_buf_reset(&app->cell);
        return;
    }
    const ly_node_sum *s = &t->sums->nodes[r->node];
    bool error = (n->flags & LY_SPAN_ERROR) != 0;
    char mark = error                                  ? '!'
                : n->flags & LY_SPAN_PENDING           ? '~'
                : !r->has_kids                         ? ' '
                : r->folded || r->kind == LY_ROW_GROUP ? '>'
                                                       : 'v';
    char head[4] = {mark, ly_type_letter(n->canon.type), ' ', '\0'};
    used += ly_grid_puts(g, row, col + used, width - used, head,
                         error ? LY_INK_ERROR : ly_app_type_ink(n->canon.type));
    /* Marks are worth more than the end of a long name. */
    ly_text_marks(r, s, &app->cell);
    if ((int)app->cell.len + 1 >= width - used - 8 && r->kind == LY_ROW_GROUP) {
        ly_buf_reset(&app->cell);
        ly_buf_fmt(&app->cell, "x%u%s", r->count, s->same_args ? " LOOP" : "");
    } else if ((int)app->cell.len + 1 >= width - used - 8 && s->attempts > 1) {
        ly_buf_reset(&app->cell);
        ly_buf_fmt(&app->cell, "%u/%u", s->attempt, s->attempts);
    }
    int marks = (int)app->cell.len + (app->cell.len > 0 ? 1 : 0);
    char marks_text[64];
    (void)ly_str_copy(ly_buf_view(&app->cell), marks_text, sizeof marks_text);
    ly_buf_reset(&app->cell);
    ly_text_label(n, g->unicode, &app->cell);
    if (error && n->canon.error_message.len > 0) {
        ly_buf_c(&app->cell, "  ");
        ly_term_clean(&app->cell, ly_str_sub(n->canon.error_message, 0, 100), LY_TERM_ONE_LINE);
    }
    bool hit = app->find[0] != '\0' && ly_app_found(app, ly_buf_view(&app->cell));
    int room = width - used - (marks < width - used - 8 ? marks : 0);
    int put = ly_grid_put(g, row, col + used, room, ly_buf_view(&app->cell),
                          hit                                               ? LY_INK_MATCH
                          : r->context || (ly_type_plumbing(n->canon.type)) ? LY_INK_DIM
                          : error                                           ? LY_INK_ERROR
                                                                            : LY_INK_TEXT);
    if (marks > 0 && room + marks <= width - used) {
        (void)ly_grid_puts(g, row, col + used + put + 1, marks, marks_text, LY_INK_WARN);
    }
    ly_buf_reset(&app->cell);
}

static void draw_row(ly_app *app, int row, const layout *l, const ly_row *r)
{
    const ly_trace_state *t = &app->trace;
    const ly_node *n = &t->trace->nodes[r->node];
    const ly_node_sum *s = &t->sums->nodes[r->node];
    int col = 2;
    draw_label(app, row, col, l->name, r);
    col += l->name + 1;
    if (r->kind == LY_ROW_FOLDED || r->kind == LY_ROW_MISSING) {
        return;
    }
    ly_buf_reset(&app->cell);
    if (t->absolute) {
        ly_civil c = ly_civil_from_ns(n->start_ns);
        ly_buf_fmt(&app->cell, "%02d:%02d:%02d", c.hour, c.minute, c.second);
    } else if (n->start_ns == t->trace->row.start_ns) {
        ly_buf_char(&app->cell, '0');
    } else {
        ly_viewer_duration(n->start_ns - t->trace->row.start_ns, &app->cell);
    }
    cell_right(app, row, &col, l->start, LY_INK_DIM);
    if (n->flags & LY_SPAN_PENDING) {
        ly_buf_char(&app->cell, '~');
        if (ly_viewer_lost(n, &t->trace->row, app->now_ns)) {
            ly_buf_c(&app->cell, "lost");
        } else {
            ly_viewer_duration(app->now_ns - n->start_ns, &app->cell);
        }
    } else {
        ly_viewer_duration(n->end_ns == LY_UNKNOWN ? LY_UNKNOWN : n->end_ns - n->start_ns,
                           &app->cell);
    }
    cell_right(app, row, &col, l->dur, n->flags & LY_SPAN_PENDING ? LY_INK_LIVE : LY_INK_TEXT);
    int64_t tokens = s->tokens_in == LY_UNKNOWN && s->tokens_out == LY_UNKNOWN
                         ? LY_UNKNOWN
                         : (s->tokens_in == LY_UNKNOWN ? 0 : s->tokens_in) +
                               (s->tokens_out == LY_UNKNOWN ? 0 : s->tokens_out);
    ly_viewer_count(tokens, &app->cell);
    cell_right(app, row, &col, l->tokens, LY_INK_TEXT);
    ly_viewer_money(s->cost_pico, &app->cell);
    cell_right(app, row, &col, l->cost, LY_INK_TEXT);
    if (l->bar > 0) {
        draw_bar(app, row, col, l->bar, n, s, t->show_critical && t->critical[r->node]);
    }
}

static void draw_heading(ly_app *app, int row)
{
    const ly_trace_state *t = &app->trace;
    const ly_trace_row *r = &t->trace->row;
    ly_grid *g = &app->grid;
    char hex[33];
    static const char *const lenses[] = {"[s]teps  w waterfall  m messages",
                                         " s steps [w]aterfall  m messages",
                                         " s steps  w waterfall [m]essages"};
    static const char *const bars[] = {"duration", "tokens", "cost"};
    ly_buf_reset(&app->cell);
    ly_hex_encode(r->trace_id.b, 16, hex);
    ly_text_trace_name(r, g->unicode, &app->cell);
    ly_buf_fmt(&app->cell, "  %.8s  ", hex);
    ly_viewer_duration(r->end_ns == LY_UNKNOWN ? LY_UNKNOWN : r->end_ns - r->start_ns, &app->cell);
    ly_buf_fmt(&app->cell, "  %s  ", ly_viewer_trace_state(r, app->now_ns));
    ly_viewer_money(r->cost_pico, &app->cell);
    ly_buf_fmt(&app->cell, "%s%s",
               r->flags & LY_TRACE_PARTIAL_COST && r->cost_pico != LY_UNKNOWN ? " or more" : "",
               r->pinned ? "  pinned" : "");
    (void)ly_grid_put(g, row, 1, g->cols - 2, ly_buf_view(&app->cell), LY_INK_TITLE);
    ly_buf_reset(&app->cell);
    int used = ly_grid_puts(g, row + 1, 1, g->cols - 2, lenses[t->lens], LY_INK_DIM);
    ly_text_plural((int64_t)t->trace->n, "span", &app->cell);
    if (t->rows.n_hidden > 0) {
        ly_buf_fmt(&app->cell, ", %u folded", t->rows.n_hidden);
    }
    if (r->n_errors > 0) {
        ly_buf_c(&app->cell, ", ");
        ly_text_plural(r->n_errors, "error", &app->cell);
    }
    if (t->sums->n_loops > 0) {
        ly_buf_c(&app->cell, ", ");
        ly_text_plural(t->sums->n_loops, "loop", &app->cell);
    }
    if (t->bars > 0) {
        ly_buf_fmt(&app->cell, ", bars: %s", bars[t->bars]);
    }
    if (t->filter != NULL) {
        ly_buf_fmt(&app->cell, ", filter: %s", ly_buf_text(&t->filter_text));
    }
    ly_buf_fmt(&app->cell, "  %zu/%zu", t->rows.n > 0 ? t->at + 1 : 0, t->rows.n);
    int room = g->cols - used - 4;
    int w = (int)ly_term_width(ly_buf_view(&app->cell));
    if (room > 8) {
        ly_grid_right(g, row + 1, g->cols - 1 - (w < room ? w : room), w < room ? w : room,
                      ly_buf_view(&app->cell), t->filter != NULL ? LY_INK_MATCH : LY_INK_DIM);
    }
    ly_buf_reset(&app->cell);
}

static void draw_columns(ly_app *app, int row, const layout *l)
{
    int col = 2;
    (void)ly_grid_puts(&app->grid, row, col, l->name,
                       app->trace.lens == LY_LENS_WATERFALL ? "SPAN" : "STEP", LY_INK_DIM);
    col += l->name + 1;
    ly_buf_reset(&app->cell);
    ly_buf_c(&app->cell, app->trace.absolute ? "TIME" : "+START");
    cell_right(app, row, &col, l->start, LY_INK_DIM);
    ly_buf_c(&app->cell, "DUR");
    cell_right(app, row, &col, l->dur, LY_INK_DIM);
    ly_buf_c(&app->cell, "TOKENS");
    cell_right(app, row, &col, l->tokens, LY_INK_DIM);
    ly_buf_c(&app->cell, "COST");
    cell_right(app, row, &col, l->cost, LY_INK_DIM);
    if (l->bar > 0) {
        int64_t from, to;
        window(&app->trace, &from, &to);
        ly_viewer_duration(from - app->trace.trace->row.start_ns, &app->cell);
        int used = ly_grid_put(&app->grid, row, col, l->bar, ly_buf_view(&app->cell), LY_INK_DIM);
        ly_buf_reset(&app->cell);
        ly_viewer_duration(to - app->trace.trace->row.start_ns, &app->cell);
        if (used + 2 + (int)app->cell.len <= l->bar) {
            ly_grid_right(&app->grid, row, col, l->bar, ly_buf_view(&app->cell), LY_INK_DIM);
        }
        ly_buf_reset(&app->cell);
    }
}

static void draw_tree(ly_app *app, int top, int n, int width)
{
    ly_trace_state *t = &app->trace;
    layout l = plan(t, width);
    draw_columns(app, top, &l);
    int room = n - 1;
    app->page_rows = room > 1 ? room : 1;
    if (t->rows.n == 0) {
        (void)ly_grid_puts(&app->grid, top + 2, 2, width - 3,
                           "No span matches the filter. f edits it, u drops its last term.",
                           LY_INK_TEXT);
        return;
    }
    if (t->at < t->top) {
        t->top = t->at;
    } else if (room > 0 && t->at >= t->top + (size_t)room) {
        t->top = t->at - (size_t)room + 1;
    }
    size_t left = t->rows.n - t->top;
    ly_app_clicks(app, top + 1, left < (size_t)(room > 0 ? room : 0) ? (int)left : room, width,
                  top + 1 + (int)(t->at - t->top));
    for (int k = 0; k < room && t->top + (size_t)k < t->rows.n; k++) {
        size_t at = t->top + (size_t)k;
        draw_row(app, top + 1 + k, &l, &t->rows.items[at]);
        if (at == t->at) {
            ly_grid_select(&app->grid, top + 1 + k, 0, width);
        }
    }
}

static void draw(ly_app *app, int top, int n)
{
    ly_trace_state *t = &app->trace;
    ly_grid *g = &app->grid;
    if (t->trace == NULL) {
        (void)ly_grid_puts(g, top + 1, 2, g->cols - 3,
                           "No trace is open: Enter on a trace opens it.", LY_INK_TEXT);
        return;
    }
    draw_heading(app, top);
    int body = top + 2, rows = n - 2;
    if (t->lens == LY_LENS_MESSAGES) {
        if (!t->messages_loaded || t->messages_width != g->cols) {
            ly_messages_load(app, g->cols - 2);
            t->messages_width = g->cols;
            t->messages_loaded = true;
        }
        app->page_rows = rows;
        ly_text_view_draw(&t->messages, app, body, rows, 1, g->cols - 2);
        return;
    }
    if (g->cols >= 120) {
        int list = g->cols * 3 / 5;
        draw_tree(app, body, rows, list);
        for (int r = body; r < body + rows; r++) {
            ly_grid_fill(g, r, list, 1, "\xE2\x94\x82", '|', LY_INK_DIM);
        }
        ly_detail_draw(app, body, rows, list + 2, g->cols - list - 3);
    } else if (rows >= 14) {
        int detail = rows / 3 > 12 ? 12 : rows / 3;
        draw_tree(app, body, rows - detail - 1, g->cols);
        ly_grid_fill(g, body + rows - detail - 1, 0, g->cols, "\xE2\x94\x80", '-', LY_INK_DIM);
        ly_detail_draw(app, body + rows - detail, detail, 1, g->cols - 2);
    } else {
        draw_tree(app, body, rows, g->cols);
    }
}

/* ---- commands -------------------------------------------------------------------------------- */

static bool same_level(ly_trace_state *t, int direction)
{
    uint32_t parent = t->rows.items[t->at].parent;
    for (size_t k = 1; k < t->rows.n; k++) {
        size_t at = direction > 0 ? t->at + k : t->at - k;
        if (at >= t->rows.n) {
            return false;
        }
        if (t->rows.items[at].parent == parent) {
            t->at = at;
            return true;
        }
        if (t->rows.items[at].depth < t->rows.items[t->at].depth) {
            return false;
        }
    }
    return false;
}

static bool to_error(ly_trace_state *t, int direction)
{
    for (size_t k = 1; k < t->rows.n; k++) {
        size_t at = direction > 0 ? t->at + k : t->at - k;
        if (at >= t->rows.n) {
            return false;
        }
        const ly_row *r = &t->rows.items[at];
        if (r->kind <= LY_ROW_GROUP ? (t->trace->nodes[r->node].flags & LY_SPAN_ERROR) != 0
                                    : r->errors > 0) {
            t->at = at;
            return true;
        }
    }
    return false;
}

static bool find(ly_app *app, int direction)
{
    ly_trace_state *t = &app->trace;
    if (t->trace == NULL) {
        return false;
    }
    if (t->lens == LY_LENS_MESSAGES) {
        ly_text_view *v = &t->messages;
        for (size_t k = 1; k <= v->n; k++) {
            size_t at = direction > 0 ? (v->top + k) % v->n : (v->top + v->n - k) % v->n;
            if (ly_app_found(app, ly_text_view_line(v, at))) {
                v->top = at;
                return true;
            }
        }
        return false;
    }
    for (size_t k = 1; k <= t->rows.n; k++) {
        size_t at = direction > 0 ? (t->at + k) % t->rows.n : (t->at + t->rows.n - k) % t->rows.n;
        const ly_row *r = &t->rows.items[at];
        const ly_node *n = &t->trace->nodes[r->node];
        if (r->kind <= LY_ROW_GROUP &&
            (ly_app_found(app, n->name) || ly_app_found(app, n->canon.request_model) ||
             ly_app_found(app, n->canon.tool_name) || ly_app_found(app, n->canon.error_message))) {
            t->at = at;
            keep_selection(t);
            return true;
        }
    }
    return false;
}

/* Opens or closes what the row stands for. */
static void fold(ly_app *app, bool open)
{
    ly_trace_state *t = &app->trace;
    const ly_row r = t->rows.items[t->at];
    uint32_t node = r.node;
    if (r.kind == LY_ROW_MISSING) {
        return;
    }
    if (r.kind == LY_ROW_FOLDED || r.kind == LY_ROW_GROUP) {
        t->opened[node] = open;
    } else {
        t->folded[node] = !open;
        if (!open) {
            t->opened[node] = 0;
        }
    }
    rebuild(app);
}

static void left(ly_app *app)
{
    ly_trace_state *t = &app->trace;
    const ly_row *r = &t->rows.items[t->at];
    if (r->kind == LY_ROW_SPAN && (t->opened[r->node] || (r->has_kids && !r->folded))) {
        fold(app, false);
    } else if (r->parent != LY_NO_ROW) {
        t->at = r->parent;
    }
}

static void right(ly_app *app)
{
    ly_trace_state *t = &app->trace;
    const ly_row *r = &t->rows.items[t->at];
    if (r->has_kids && r->folded) {
        fold(app, true);
    } else if (t->at + 1 < t->rows.n && t->rows.items[t->at + 1].parent == t->at) {
        t->at++;
    }
}

static void fold_all(ly_app *app, bool folded)
{
    ly_trace_state *t = &app->trace;
    for (uint32_t i = 0; i < t->trace->n; i++) {
        t->folded[i] = folded && !t->trace->nodes[i].mark.root;
        t->opened[i] = !folded;
    }
    rebuild(app);
}

static void zoom(ly_trace_state *t, double factor)
{
    int64_t from, to;
    window(t, &from, &to);
    double middle = (double)(to - from) / 2, half = middle / factor;
    if (half < 500) {
        return;
    }
    t->zoom_from = from + (int64_t)(middle - half);
    t->zoom_to = from + (int64_t)(middle + half);
    if (t->zoom_from <= t->trace->row.start_ns && t->zoom_to >= t->trace->sum.end_ns) {
        t->zoom_from = t->zoom_to = 0;
    }
}

static void set_lens(ly_app *app, ly_lens lens)
{
    ly_trace_state *t = &app->trace;
    t->lens = lens;
    if (lens != LY_LENS_MESSAGES) {
        rebuild(app);
    }
}

/* Commands about how the trace is shown; false = another. */
static bool view_command(ly_app *app, ly_command command)
{
    ly_trace_state *t = &app->trace;
    switch (command) {
    case LY_DO_LENS_STEPS:
        set_lens(app, LY_LENS_STEPS);
        return true;
    case LY_DO_LENS_WATERFALL:
        set_lens(app, LY_LENS_WATERFALL);
        return true;
    case LY_DO_LENS_MESSAGES:
        set_lens(app, LY_LENS_MESSAGES);
        return true;
    case LY_DO_CRITICAL:
        t->show_critical = !t->show_critical;
        ly_app_say(app, false, "critical path %s", t->show_critical ? "on" : "off");
        return true;
    case LY_DO_BARS:
        t->bars = (t->bars + 1) % 3;
        return true;
    case LY_DO_TIMES:
        t->absolute = !t->absolute;
        return true;
    case LY_DO_FOLLOW:
        t->follow = !t->follow;
        ly_app_say(app, false, "follow %s", t->follow ? "on" : "off");
        return true;
    case LY_DO_FILTER:
        ly_app_ask(app, LY_ASK_FILTER, ly_buf_view(&t->filter_text));
        return true;
    case LY_DO_UNDO_TERM:
        ly_buf_reset(&app->cell);
        ly_buf_str(&app->cell, ly_filter_drop_last(ly_buf_view(&t->filter_text)));
        (void)ly_trace_set_filter(app, ly_buf_view(&app->cell));
        return true;
    case LY_DO_ZOOM_IN:
        zoom(t, 2);
        return true;
    case LY_DO_ZOOM_OUT:
        zoom(t, 0.5);
        return true;
    case LY_DO_ZOOM_RESET:
        t->zoom_from = t->zoom_to = 0;
        return true;
    case LY_DO_NEXT_DETAIL:
    case LY_DO_NEXT_PANE:
        t->detail_part = (t->detail_part + 1) % 6;
        t->detail_loaded = false;
        return true;
    case LY_DO_PREVIOUS_DETAIL:
        t->detail_part = (t->detail_part + 5) % 6;
        t->detail_loaded = false;
        return true;
    case LY_DO_OPEN: {
        /* All of the selected part, as a page. */
        if (t->rows.n == 0 || t->lens == LY_LENS_MESSAGES) {
            return true;
        }
        ly_detail_load(app, app->grid.cols - 2);
        ly_buf_reset(&app->page.text);
        ly_buf_str(&app->page.text, ly_buf_view(&t->detail.text));
        t->detail_loaded = false;
        ly_app_show_page(app, "span (Esc goes back)");
        return true;
    }
    default:
        return false;
    }
}

static bool command(ly_app *app, ly_command command, int count)
{
    ly_trace_state *t = &app->trace;
    if (t->trace == NULL) {
        return false;
    }
    if (view_command(app, command)) {
        return true;
    }
    if (t->lens == LY_LENS_MESSAGES) {
        return ly_text_view_command(&t->messages, command, count, app->page_rows);
    }
    if (t->rows.n == 0) {
        return true;
    }
    size_t step = count > 0 ? (size_t)count : 1, last = t->rows.n - 1;
    size_t page = (size_t)(app->page_rows > 0 ? app->page_rows : 1);
    switch (command) {
    case LY_DO_DOWN:
        t->at = t->at + step < last ? t->at + step : last;
        break;
    case LY_DO_UP:
        t->at = t->at > step ? t->at - step : 0;
        break;
    case LY_DO_PAGE_DOWN:
        t->at = t->at + page < last ? t->at + page : last;
        break;
    case LY_DO_PAGE_UP:
        t->at = t->at > page ? t->at - page : 0;
        break;
    case LY_DO_HALF_DOWN:
        t->at = t->at + page / 2 + 1 < last ? t->at + page / 2 + 1 : last;
        break;
    case LY_DO_HALF_UP:
        t->at = t->at > page / 2 + 1 ? t->at - page / 2 - 1 : 0;
        break;
    case LY_DO_TOP:
        t->at = 0;
        break;
    case LY_DO_BOTTOM:
        t->at = last;
        break;
    case LY_DO_LEFT:
        left(app);
        break;
    case LY_DO_RIGHT:
        right(app);
        break;
    case LY_DO_FOLD:
        if (t->rows.items[t->at].has_kids) {
            fold(app, t->rows.items[t->at].folded);
        }
        break;
    case LY_DO_FOLD_ALL:
        if (t->lens == LY_LENS_WATERFALL && t->zoom_to > t->zoom_from) {
            zoom(t, 0.5);
        } else {
            fold_all(app, true);
        }
        break;
    case LY_DO_UNFOLD_ALL:
        fold_all(app, false);
        break;
    case LY_DO_NEXT_SIBLING:
    case LY_DO_PREVIOUS_SIBLING:
        if (!same_level(t, command == LY_DO_NEXT_SIBLING ? 1 : -1)) {
            ly_app_say(app, false, "no further sibling");
        }
        break;
    case LY_DO_NEXT_ERROR:
    case LY_DO_PREVIOUS_ERROR:
        if (!to_error(t, command == LY_DO_NEXT_ERROR ? 1 : -1)) {
            ly_app_say(app, false, "no further error");
        }
        break;
    case LY_DO_ZOOM_SPAN: {
        const ly_node *n = &t->trace->nodes[t->rows.items[t->at].node];
        if (n->end_ns != LY_UNKNOWN && n->end_ns > n->start_ns) {
            t->zoom_from = n->start_ns;
            t->zoom_to = n->end_ns;
        }
        return true;
    }
    default:
        return false;
    }
    keep_selection(t);
    return true;
}

const ly_screen ly_screen_trace = {"Trace", "Trace", LY_ON_TRACE, load, draw, command, find};
