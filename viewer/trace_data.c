/* What is worked out of a loaded trace for its screen: folds kept over new data, the critical path. */
#include "base/mem.h"
#include "viewer/app.h"

/* Children looked at for the critical path; a parent of 100,000 shows a part of it. */
#define CRITICAL_BUDGET 2000000

void ly_trace_keep_folds(const ly_trace_state *t, const ly_trace *trace, ly_arena *work,
                         uint8_t *folded, uint8_t *opened)
{
    size_t cap = 16, any = 0;
    for (size_t i = 0; i < t->trace->n; i++) {
        any += t->folded[i] || t->opened[i];
    }
    while (cap < trace->n * 2) {
        cap *= 2;
    }
    ly_arena_reset(work);
    uint32_t *table = any > 0 ? LY_ARENA_ARRAY(work, uint32_t, cap) : NULL;
    if (table == NULL) {
        return;
    }
    for (uint32_t i = 0; i < trace->n; i++) {
        size_t at = ly_str_hash(ly_str_n(trace->nodes[i].span_id.b, 8)) & (cap - 1);
        while (table[at] != 0) {
            at = (at + 1) & (cap - 1);
        }
        table[at] = i + 1;
    }
    for (size_t i = 0; i < t->trace->n; i++) {
        if (!t->folded[i] && !t->opened[i]) {
            continue;
        }
        ly_span_id id = t->trace->nodes[i].span_id;
        size_t at = ly_str_hash(ly_str_n(id.b, 8)) & (cap - 1);
        while (table[at] != 0 && !ly_span_id_eq(trace->nodes[table[at] - 1].span_id, id)) {
            at = (at + 1) & (cap - 1);
        }
        if (table[at] != 0) {
            folded[table[at] - 1] = t->folded[i];
            opened[table[at] - 1] = t->opened[i];
        }
    }
}

void ly_trace_mark_critical(ly_trace_state *t)
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
