#include "viewer/glance.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/term.h"
#include "base/utf8.h"
#include "store/score.h"
#include "viewer/rows.h"
#include "viewer/text.h"

/* Larger traces are not read for the list; opening them shows all. */
#define MAX_SPANS     2000
#define MAX_GLANCES   4096
#define MAX_ARGS_READ 64
/* Spans whose messages are read to find what was asked. */
#define MAX_ASKED 3
#define KEEP_NS   (5 * LY_NS_PER_SEC)

void ly_glances_init(ly_glances *g)
{
    *g = (ly_glances){0};
    ly_arena_init(&g->work, 0, LY_MIB(16));
}

void ly_glances_release(ly_glances *g)
{
    ly_free(g->items);
    ly_free(g->used);
    ly_arena_release(&g->work);
    *g = (ly_glances){0};
}

/* The place of an id: its own or a free one. */
static size_t slot_of(const ly_glances *g, ly_trace_id id)
{
    size_t at = ly_str_hash(ly_str_n(id.b, sizeof id.b)) & (g->cap - 1);
    while (g->used[at] && !ly_trace_id_eq(g->items[at].id, id)) {
        at = (at + 1) & (g->cap - 1);
    }
    return at;
}

static ly_glance *find(const ly_glances *g, ly_trace_id id)
{
    if (g->cap == 0) {
        return NULL;
    }
    size_t at = slot_of(g, id);
    return g->used[at] ? &g->items[at] : NULL;
}

const ly_glance *ly_glance_get(const ly_glances *g, const ly_trace_row *row)
{
    return find(g, row->trace_id);
}

bool ly_glance_due(const ly_glances *g, const ly_trace_row *row, uint64_t change, int64_t now_ns)
{
    const ly_glance *have = find(g, row->trace_id);
    return have == NULL || have->at_ns == 0 || have->n_spans != row->n_spans ||
           have->n_errors != row->n_errors || have->end_ns != row->end_ns ||
           (have->change != change && now_ns - have->at_ns > KEEP_NS);
}

void ly_glance_forget(ly_glances *g, ly_trace_id id)
{
    ly_glance *have = find(g, id);
    if (have != NULL) {
        have->at_ns = 0;
    }
}

/* Makes room for one more; at the maximum all are dropped and made again as they are looked at. */
static bool make_room(ly_glances *g)
{
    if (g->cap > 0 && g->n * 4 < g->cap * 3) {
        return true;
    }
    if (g->cap >= MAX_GLANCES) {
        memset(g->used, 0, g->cap);
        g->n = 0;
        return true;
    }
    ly_glances more = {.cap = g->cap > 0 ? g->cap * 2 : 128};
    more.items = ly_calloc(more.cap, sizeof *more.items);
    more.used = ly_calloc(more.cap, 1);
    if (more.items == NULL || more.used == NULL) {
        ly_free(more.items);
        ly_free(more.used);
        return false;
    }
    for (size_t i = 0; i < g->cap; i++) {
        if (g->used[i]) {
            size_t at = slot_of(&more, g->items[i].id);
            more.items[at] = g->items[i];
            more.used[at] = 1;
        }
    }
    ly_free(g->items);
    ly_free(g->used);
    g->items = more.items;
    g->used = more.used;
    g->cap = more.cap;
    return true;
}

/* ---- what it says ---------------------------------------------------------------------------- */

/* Clean text into a fixed field, cut between characters. */
static void keep(char *dst, size_t size, ly_str clean)
{
    (void)ly_str_copy(ly_str_trim(ly_utf8_cut(clean, size - 1)), dst, size);
}

static void keep_clean(char *dst, size_t size, ly_str text, bool unicode)
{
    ly_buf clean;
    ly_buf_init(&clean, LY_KIB(16));
    ly_term_clean(&clean, ly_str_sub(ly_str_trim(text), 0, 400), ly_clean_flags(unicode));
    keep(dst, size, ly_buf_view(&clean));
    ly_buf_release(&clean);
}

static ly_str user_text(const ly_messages *m)
{
    for (size_t i = m->n_input; i-- > 0;) {
        if (!ly_str_eqc(m->input[i].role, "user")) {
            continue;
        }
        for (size_t k = 0; k < m->input[i].n_parts; k++) {
            const ly_part *p = &m->input[i].parts[k];
            if (p->kind == LY_PART_TEXT && ly_str_trim(p->text).len > 0) {
                return p->text;
            }
        }
    }
    return m->query;
}

static void find_asked(ly_glances *g, ly_store *store, const ly_trace *trace, bool unicode,
                       ly_glance *out)
{
    int left = MAX_ASKED;
    for (size_t i = 0; i < trace->n && left > 0; i++) {
        const ly_node *n = &trace->nodes[i];
        ly_span_full *full = NULL;
        ly_messages m;
        ly_err err = LY_ERR_INIT;
        if (!(n->flags & LY_SPAN_HAS_INPUT) || n->canon.type == LY_TYPE_TOOL) {
            continue;
        }
        left--;
        memset(&m, 0, sizeof m);
        ly_arena_reset(&g->work);
        if (ly_store_span_load(store, out->id, n->span_id, &g->work, &full, &err) != LY_OK ||
            full->span.wire.len > LY_MIB(1) ||
            ly_genai_messages(&full->span, full->logs, full->n_logs, &g->work, &m) != LY_OK) {
            continue;
        }
        ly_str text = user_text(&m);
        if (text.len > 0) {
            keep_clean(out->asked, sizeof out->asked, text, unicode);
            return;
        }
    }
}

static void find_error(const ly_trace *trace, bool unicode, ly_glance *out)
{
    /* The failure that others came of: the first one without a failed step below. */
    const ly_node *first = NULL;
    for (size_t i = 0; i < trace->n; i++) {
        const ly_node *n = &trace->nodes[i];
        if (!(n->flags & LY_SPAN_ERROR)) {
            continue;
        }
        if (first != NULL && n->parent != (uint32_t)(first - trace->nodes)) {
            break;
        }
        first = n;
    }
    if (first == NULL) {
        return;
    }
    ly_buf text;
    ly_buf_init(&text, LY_KIB(16));
    ly_buf_fmt(&text, "%c ", ly_type_letter(first->canon.type));
    ly_text_label(first, unicode, &text);
    ly_buf_c(&text, "  +");
    ly_viewer_duration(first->start_ns - trace->row.start_ns, &text);
    ly_str why =
        first->canon.error_message.len > 0 ? first->canon.error_message : first->canon.error_type;
    if (why.len > 0) {
        ly_buf_c(&text, "  ");
        ly_term_clean(&text, ly_str_sub(why, 0, 300), ly_clean_flags(unicode));
    }
    keep(out->error, sizeof out->error, ly_buf_view(&text));
    ly_buf_release(&text);
}

static void find_loops(const ly_sums *sums, bool unicode, ly_glance *out)
{
    const ly_trace *trace = sums->trace;
    for (size_t i = 0; i < trace->n; i++) {
        const ly_node_sum *s = &sums->nodes[i];
        if (s->repeat == 0 || !s->same_args) {
            continue;
        }
        out->n_loops++;
        if (s->repeat > out->longest) {
            char name[60];
            out->longest = s->repeat;
            keep_clean(name, sizeof name, trace->nodes[i].name, unicode);
            (void)snprintf(out->loop, sizeof out->loop, "%s x%u", name, s->repeat);
        }
    }
}

static void find_scores(ly_glances *g, ly_store *store, bool unicode, ly_glance *out)
{
    ly_score_query query = {.trace = &out->id,
                            .since_ns = INT64_MIN,
                            .until_ns = INT64_MAX,
                            .with_cases = true,
                            .limit = 6};
    ly_score *rows = NULL;
    size_t n = 0;
    ly_err err = LY_ERR_INIT;
    ly_buf text;
    ly_arena_reset(&g->work);
    if (ly_score_list(store, &query, &g->work, &rows, &n, &err) != LY_OK) {
        return;
    }
    ly_buf_init(&text, LY_KIB(16));
    for (size_t i = 0; i < n; i++) {
        const ly_score *s = &rows[i];
        size_t from = text.len;
        ly_term_clean(&text, ly_str_sub(s->name, 0, 60), ly_clean_flags(unicode));
        if (s->outcome != LY_SCORED) {
            ly_buf_fmt(&text, " %s", ly_outcome_name(s->outcome));
        } else if (!isnan(s->value)) {
            ly_buf_fmt(&text, " %.3g", s->value);
        } else {
            ly_buf_char(&text, ' ');
            ly_term_clean(&text, ly_str_sub(s->label, 0, 40), ly_clean_flags(unicode));
        }
        if (i == 0) {
            keep(out->score, sizeof out->score, ly_str_sub(ly_buf_view(&text), from, text.len));
        }
        ly_buf_fmt(&text, " (%s)  ", ly_score_source_name(s->source));
    }
    keep(out->scores, sizeof out->scores, ly_buf_view(&text));
    ly_buf_release(&text);
}

uint64_t *ly_trace_args(ly_store *store, const ly_trace *trace, ly_arena *arena, ly_arena *work)
{
    uint64_t *args = LY_ARENA_ARRAY(arena, uint64_t, trace->n + 1);
    int left = MAX_ARGS_READ;
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
            if (ly_store_span_load(store, trace->row.trace_id, trace->nodes[both[k]].span_id, work,
                                   &full, &err) == LY_OK &&
                ly_genai_messages(&full->span, full->logs, full->n_logs, work, &m) == LY_OK &&
                m.tool_arguments.len > 0) {
                args[both[k]] = ly_str_hash(m.tool_arguments) | 1;
            }
        }
    }
    return args;
}

bool ly_glance_make(ly_glances *g, ly_store *store, const ly_trace_row *row, bool unicode,
                    uint64_t change, int64_t now_ns)
{
    ly_glance made = {.id = row->trace_id,
                      .n_spans = row->n_spans,
                      .n_errors = row->n_errors,
                      .end_ns = row->end_ns,
                      .change = change,
                      .at_ns = now_ns};
    ly_arena arena;
    ly_err err = LY_ERR_INIT;
    ly_trace *trace = NULL;
    ly_sums *sums = NULL;
    ly_arena_init(&arena, 0, LY_MIB(48));
    if (row->n_spans <= MAX_SPANS &&
        ly_store_trace_load(store, row->trace_id, &arena, &trace, &err) == LY_OK) {
        find_asked(g, store, trace, unicode, &made);
        find_error(trace, unicode, &made);
        if (row->n_tools > 2 && ly_sums_build(trace, ly_trace_args(store, trace, &arena, &g->work),
                                              &arena, &sums, &err) == LY_OK) {
            find_loops(sums, unicode, &made);
        }
    }
    find_scores(g, store, unicode, &made);
    ly_arena_release(&arena);
    if (g->work.held > LY_MIB(2)) {
        ly_arena_release(&g->work); /* a large message was among them */
        ly_arena_init(&g->work, 0, LY_MIB(16));
    }
    ly_glance *have = find(g, row->trace_id);
    if (have == NULL) {
        if (!make_room(g)) {
            return false;
        }
        size_t at = slot_of(g, row->trace_id);
        g->used[at] = 1;
        g->n++;
        g->items[at] = made;
        return made.asked[0] || made.loop[0] || made.error[0] || made.scores[0];
    }
    bool other = strcmp(have->asked, made.asked) != 0 || strcmp(have->loop, made.loop) != 0 ||
                 strcmp(have->error, made.error) != 0 || strcmp(have->scores, made.scores) != 0;
    *have = made;
    return other;
}
