/* `lydite trace diff`: two traces as one list of steps, by the longest common run of steps. */
#include "base/mem.h"
#include "cli/trace_verbs.h"
#include "viewer/json.h"
#include "viewer/rows.h"
#include "viewer/text.h"

/* Steps of each trace that are compared: the table of the comparison is their product. */
#define MAX_STEPS 2000

typedef struct step {
    uint32_t node;
    uint64_t key; /* type and name of it and its ancestors */
} step;

typedef struct side {
    ly_trace *trace;
    ly_sums *sums;
    step *steps;
    size_t n;
} side;

static ly_status load_side(ly_store *store, ly_trace_id id, bool all, ly_arena *arena, side *ret,
                           ly_err *err)
{
    ly_status st = ly_store_trace_load(store, id, arena, &ret->trace, err);
    if (st == LY_OK) {
        st = ly_sums_build(ret->trace, NULL, arena, &ret->sums, err);
    }
    if (st != LY_OK) {
        return st;
    }
    const ly_trace *t = ret->trace;
    uint64_t *keys = LY_ARENA_ARRAY(arena, uint64_t, t->n + 1);
    ret->steps = LY_ARENA_ARRAY(arena, step, t->n + 1);
    if (keys == NULL || ret->steps == NULL) {
        return LY_NOMEM(err);
    }
    for (uint32_t i = 0; i < t->n; i++) {
        const ly_node *n = &t->nodes[i];
        uint64_t up = n->parent < i ? keys[n->parent] : 17;
        keys[i] = (up * 1099511628211u ^ ly_str_hash(n->name)) * 31 + (uint64_t)n->canon.type;
        if (all || !ly_type_plumbing(n->canon.type) || n->mark.root) {
            ret->steps[ret->n++] = (step){i, keys[i]};
        }
    }
    if (ret->n > MAX_STEPS) {
        return LY_FAIL(err, LY_E_LIMIT, "a trace has %zu steps; at most %d can be compared", ret->n,
                       MAX_STEPS);
    }
    return LY_OK;
}

static void pair_cell(ly_table *table, int64_t a, int64_t b, void (*format)(int64_t, ly_buf *))
{
    ly_buf cell;
    ly_buf_init(&cell, 256);
    format(a, &cell);
    if (a != b) {
        ly_buf_c(&cell, " -> ");
        format(b, &cell);
    }
    ly_table_cell(table, ly_buf_view(&cell));
    ly_buf_release(&cell);
}

static void one_cell(ly_table *table, int64_t v, void (*format)(int64_t, ly_buf *))
{
    pair_cell(table, v, v, format);
}

typedef struct figures {
    int64_t duration, tokens, cost;
} figures;

static figures figures_of(const side *s, uint32_t node)
{
    const ly_node *n = &s->trace->nodes[node];
    const ly_node_sum *sum = &s->sums->nodes[node];
    figures f = {n->end_ns == LY_UNKNOWN ? LY_UNKNOWN : n->end_ns - n->start_ns, LY_UNKNOWN,
                 sum->cost_pico};
    if (sum->tokens_in != LY_UNKNOWN || sum->tokens_out != LY_UNKNOWN) {
        f.tokens = (sum->tokens_in == LY_UNKNOWN ? 0 : sum->tokens_in) +
                   (sum->tokens_out == LY_UNKNOWN ? 0 : sum->tokens_out);
    }
    return f;
}

typedef struct differ {
    ly_cli *cli;
    ly_table *table;
    const side *a, *b;
    size_t n_different;
} differ;

/* i or j SIZE_MAX = only in the other. */
static void emit(differ *d, size_t i, size_t j)
{
    const side *s = i != SIZE_MAX ? d->a : d->b;
    uint32_t node = s->steps[i != SIZE_MAX ? i : j].node;
    const ly_node *n = &s->trace->nodes[node];
    char mark = i == SIZE_MAX ? '+' : j == SIZE_MAX ? '-' : '=';
    figures fa = {LY_UNKNOWN, LY_UNKNOWN, LY_UNKNOWN}, fb = fa;
    d->n_different += mark != '=';
    if (i != SIZE_MAX) {
        fa = figures_of(d->a, d->a->steps[i].node);
    }
    if (j != SIZE_MAX) {
        fb = figures_of(d->b, d->b->steps[j].node);
    }
    if (d->cli->json) {
        ly_buf line;
        ly_jsonw w;
        ly_buf_init(&line, LY_MIB(1));
        ly_jsonw_init(&w, &line, 0);
        ly_jsonw_object(&w);
        ly_jsonw_kv_str(&w, "mark", ly_str_n(&mark, 1));
        ly_jsonw_kv_i64(&w, "depth", n->mark.depth);
        ly_jsonw_kv_c(&w, "type", ly_type_name(n->canon.type));
        ly_jsonw_kv_str(&w, "name", n->name);
        ly_json_opt_i64(&w, "duration_ns_a", fa.duration);
        ly_json_opt_i64(&w, "duration_ns_b", fb.duration);
        ly_json_opt_i64(&w, "tokens_a", fa.tokens);
        ly_json_opt_i64(&w, "tokens_b", fb.tokens);
        ly_json_opt_money(&w, "cost_usd_a", fa.cost);
        ly_json_opt_money(&w, "cost_usd_b", fb.cost);
        ly_jsonw_object_end(&w);
        ly_buf_char(&line, '\n');
        (void)fwrite(ly_buf_text(&line), 1, line.len, d->cli->out);
        ly_buf_release(&line);
        return;
    }
    ly_table_cellf(d->table, "%c", mark);
    ly_buf label;
    ly_buf_init(&label, LY_KIB(64));
    ly_buf_fill(&label, ' ', 2 * (size_t)(n->mark.depth > 20 ? 20 : n->mark.depth));
    ly_buf_fmt(&label, "%c ", ly_type_letter(n->canon.type));
    ly_text_label(n, d->cli->unicode, &label);
    ly_table_cell(d->table, ly_buf_view(&label));
    ly_buf_release(&label);
    if (mark == '=') {
        pair_cell(d->table, fa.duration, fb.duration, ly_viewer_duration);
        pair_cell(d->table, fa.tokens, fb.tokens, ly_viewer_count);
        pair_cell(d->table, fa.cost, fb.cost, ly_viewer_money);
    } else {
        figures f = mark == '-' ? fa : fb;
        one_cell(d->table, f.duration, ly_viewer_duration);
        one_cell(d->table, f.tokens, ly_viewer_count);
        one_cell(d->table, f.cost, ly_viewer_money);
    }
}

/* The longest common subsequence from the end, then walked from the beginning. */
static ly_status compare(differ *d, ly_err *err)
{
    size_t n = d->a->n, m = d->b->n, width = m + 1;
    uint16_t *best = ly_calloc((n + 1) * width, sizeof *best);
    if (best == NULL) {
        return LY_NOMEM(err);
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t j = m; j-- > 0;) {
            uint16_t skip_a = best[(i + 1) * width + j], skip_b = best[i * width + j + 1];
            uint16_t both = d->a->steps[i].key == d->b->steps[j].key
                                ? (uint16_t)(best[(i + 1) * width + j + 1] + 1)
                                : 0;
            uint16_t most = skip_a > skip_b ? skip_a : skip_b;
            best[i * width + j] = both > most ? both : most;
        }
    }
    size_t i = 0, j = 0;
    while (i < n || j < m) {
        if (i < n && j < m && d->a->steps[i].key == d->b->steps[j].key) {
            emit(d, i++, j++);
        } else if (j >= m || (i < n && best[(i + 1) * width + j] >= best[i * width + j + 1])) {
            emit(d, i++, SIZE_MAX);
        } else {
            emit(d, SIZE_MAX, j++);
        }
    }
    ly_free(best);
    return LY_OK;
}

int ly_trace_run_diff(ly_cli *cli)
{
    static const char *const heads[] = {"", "STEP", "DURATION", "TOKENS", "COST"};
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_arena arena;
    side a = {0}, b = {0};
    differ d = {.cli = cli, .a = &a, .b = &b};
    ly_trace_id ids[2];
    ly_store *store = ly_cli_store(cli, LY_STORE_READER, &exit_code);
    if (store == NULL) {
        return exit_code;
    }
    ly_arena_init(&arena, 0, 0);
    if (!ly_cli_trace(cli, store, cli->args[0], &ids[0], &exit_code) ||
        !ly_cli_trace(cli, store, cli->args[1], &ids[1], &exit_code)) {
        goto out;
    }
    bool all = ly_cli_flag(cli, "all");
    ly_status st = load_side(store, ids[0], all, &arena, &a, &err);
    if (st == LY_OK) {
        st = load_side(store, ids[1], all, &arena, &b, &err);
    }
    if (st == LY_OK && !cli->json) {
        d.table = ly_table_new(cli, LY_COUNT(heads));
        for (size_t c = 0; d.table != NULL && c < LY_COUNT(heads); c++) {
            ly_table_col(d.table, c, heads[c], c >= 2 ? LY_RIGHT : LY_LEFT, 0);
        }
        st = d.table != NULL ? LY_OK : LY_NOMEM(&err);
    }
    if (st == LY_OK) {
        st = compare(&d, &err);
    }
    if (st != LY_OK) {
        exit_code = ly_cli_fail(cli, &err);
        goto out;
    }
    if (d.table != NULL) {
        ly_table_print(d.table);
    }
    if (d.n_different > 0 && ly_cli_flag(cli, "fail-if-different")) {
        exit_code = LY_EXIT_NO;
    }
out:
    ly_table_free(d.table);
    ly_arena_release(&arena);
    ly_store_close(store);
    return exit_code;
}
