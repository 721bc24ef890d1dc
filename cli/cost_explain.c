/* `lydite cost explain`: one call's cost, bucket by bucket. */
#include "base/clock.h"
#include "base/limits.h"
#include "cli/cost_i.h"
#include "cost/report.h"

/* Spans of a trace explained at once. */
#define MOST_SPANS 200

typedef struct explained {
    const ly_node *node;
    ly_trace_id trace_id;
    ly_price_book *book; /* that the stored price came from */
    ly_price_hit hit;
    ly_price_sum sum;
    bool has_sum;
    ly_price_why why; /* where there is no sum */
    ly_charge_line *lines;
    size_t n_lines;
} explained;

typedef struct teller {
    ly_cli *cli;
    ly_store *store;
    ly_arena arena;
    ly_price_book *book; /* kept over the spans of one book */
    int64_t book_row;
    bool has_book;
} teller;

static const char *const source_names[] = {
    [LY_COST_NONE] = "none",
    [LY_COST_LANGFUSE] = "langfuse.observation.cost_details",
    [LY_COST_GENAI] = "gen_ai.usage.cost",
    [LY_COST_OPENINFERENCE] = "llm.cost",
    [LY_COST_OPERATION] = "operation.cost",
    [LY_COST_MLFLOW] = "mlflow.llm.cost",
    [LY_COST_LOG] = "cost_usd of a log event",
    [LY_COST_PRICE_TABLE] = "the price book",
};

static const char *source_name(ly_cost_source source)
{
    return (unsigned)source < LY_COUNT(source_names) ? source_names[source] : "?";
}

/* ---- working it out ---- */

static ly_status book_for(teller *t, int64_t row, ly_err *err)
{
    int64_t number = row > 0 ? row >> 24 : 0;
    if (t->has_book && t->book_row == number) {
        return LY_OK;
    }
    ly_price_book_free(t->book);
    t->book = NULL;
    t->has_book = false;
    ly_status status = ly_cost_book_of_row(t->store, row, &t->book, err);
    t->has_book = status == LY_OK;
    t->book_row = number;
    return status;
}

static ly_status explain_node(teller *t, ly_trace_id trace, const ly_node *node, explained *ret,
                              ly_err *err)
{
    ly_usage usage;
    *ret = (explained){.node = node, .trace_id = trace};
    ly_status status = book_for(t, node->priced.row, err);
    if (status != LY_OK) {
        return status;
    }
    ret->book = t->book;
    ly_price_ask ask = ly_price_ask_of(&node->canon, node->start_ns);
    ret->hit = ly_price_find(t->book, &ask);
    const ly_price_row *row = ly_price_book_row_id(t->book, node->priced.row);
    if (row && node->priced.row < 0) { /* an own row that was removed since */
        ret->hit.own = row;
    } else if (row) {
        ret->hit.base = row;
    }
    if (ly_usage_from_tokens(&node->canon.tokens, &usage, &ret->why)) {
        ly_price_compute(&ret->hit, &usage, &ret->sum);
        ret->has_sum = true;
    }
    status = ly_charge_of_span(t->store, trace, node->span_id, &t->arena, &ret->lines,
                               &ret->n_lines, err);
    return status;
}

/* The line that counts: the last one that is not reversed. */
static const ly_charge_line *standing(const explained *e)
{
    const ly_charge_line *line = NULL;
    for (size_t i = 0; i < e->n_lines; i++) {
        line = e->lines[i].sign > 0 ? &e->lines[i] : NULL;
    }
    return line;
}

/* ---- for people ---- */

static void put_money(ly_buf *out, int64_t pico)
{
    if (pico == LY_UNKNOWN) {
        ly_buf_c(out, "unknown");
    } else {
        ly_pico_format(pico, out);
    }
}

static void print_cell(teller *t, const ly_cell *cell)
{
    ly_buf line;
    ly_buf_init(&line, 1024);
    ly_buf_fmt(&line, "  %-20s %12lld", cell->name, (long long)cell->count);
    if (cell->unit == LY_UNIT__COUNT) {
        ly_buf_c(&line, "    no price in this row");
    } else {
        ly_buf price;
        ly_buf_init(&price, 64);
        ly_buf_char(&price, '$');
        ly_rate_format(cell->rate, &price);
        ly_buf_fmt(&line, " x %10s / %-7lld = ", ly_buf_text(&price),
                   (long long)ly_unit_per(cell->unit));
        put_money(&line, ly_cell_amount(cell));
        if (cell->unit != cell->counts) {
            ly_buf_fmt(&line, "  (as %s)", ly_unit_price_key(cell->unit));
        }
        if (cell->tier) {
            ly_buf_fmt(&line, "  tier %d", (int)cell->tier);
        }
        if (cell->own) {
            ly_buf_c(&line, "  own price");
        }
        ly_buf_release(&price);
    }
    fprintf(t->cli->out, "%s\n", ly_buf_text(&line));
    ly_buf_release(&line);
}

/* Tools that the provider charges by use, of which the call's row has a price and the span no count: true
 * and the unit for each of the three. */
enum { FEES = 3 };
static bool unsaid_fee(const explained *e, int which, ly_unit *ret_unit)
{
    static const ly_unit units[FEES] = {LY_UNIT_WEB, LY_UNIT_CODE, LY_UNIT_STORAGE};
    const ly_tokens *tokens = &e->node->canon.tokens;
    const int64_t counts[FEES] = {tokens->web_searches, tokens->code_executions,
                                  tokens->file_searches};
    *ret_unit = units[which];
    return e->has_sum && !e->hit.local && counts[which] == LY_UNKNOWN &&
           (ly_price_row_get(e->hit.own, *ret_unit) || ly_price_row_get(e->hit.base, *ret_unit));
}

static void print_unsaid_fees(teller *t, const explained *e)
{
    static const char *const names[FEES] = {"web searches", "code executions", "file searches"};
    ly_unit unit;
    for (int i = 0; i < FEES; i++) {
        if (!unsaid_fee(e, i, &unit)) {
            continue;
        }
        const ly_price *price = ly_price_row_get(e->hit.own, unit);
        ly_buf text;
        ly_buf_init(&text, 64);
        ly_rate_format((price ? price : ly_price_row_get(e->hit.base, unit))->base, &text);
        fprintf(t->cli->out,
                "  %-20s %12s    the span counts none; $%s / %lld not in this amount\n", names[i],
                "unknown", ly_buf_text(&text), (long long)ly_unit_per(unit));
        ly_buf_release(&text);
    }
}

/* What a partial amount lacks, and why. */
static void print_missing(teller *t, const explained *e)
{
    const ly_tokens *tokens = &e->node->canon.tokens;
    const bool rejected = (e->node->canon.usage_mode & LY_USAGE_REJECTED) != 0;
    const char *why = rejected ? "missing or malformed (dropped)" : "not given by the client";
    if (e->node->priced.why != LY_PRICE_PARTIAL) {
        return;
    }
    const int64_t in = ly_tokens_in(tokens), out = ly_tokens_out(tokens);
    if (in == LY_UNKNOWN) {
        fprintf(t->cli->out, "  %-20s %12s    %s; not in this amount\n", "input", "unknown", why);
    }
    if (out == LY_UNKNOWN) {
        fprintf(t->cli->out, "  %-20s %12s    %s; not in this amount\n", "output", "unknown", why);
    }
    if (in != LY_UNKNOWN && out != LY_UNKNOWN) {
        fprintf(t->cli->out, "  %-20s %12s    malformed (dropped); not in this amount\n",
                "another count", "unknown");
    }
}

static void print_row(teller *t, const ly_price_row *row, const ly_price_book *book)
{
    ly_buf line;
    ly_price_info info = ly_price_book_info(book);
    ly_buf_init(&line, 4096);
    if (row->id < 0) {
        ly_buf_fmt(&line, "  price row own-%lld: your own", (long long)-row->id);
    } else {
        ly_buf_fmt(&line, "  price row %lld: ", (long long)row->id);
        ly_buf_fmt(&line, "%.*s %.*s", LY_STR_ARG(row->provider), LY_STR_ARG(row->model));
    }
    if (row->service_tier.len) {
        ly_buf_fmt(&line, " (%.*s)", LY_STR_ARG(row->service_tier));
    }
    if (row->from_ns != INT64_MIN) {
        ly_buf_c(&line, " from ");
        ly_costing_day(NULL, row->from_ns, false, &line);
    }
    if (row->to_ns != INT64_MAX) {
        ly_buf_c(&line, " until ");
        ly_costing_day(NULL, row->to_ns, false, &line);
    }
    if (row->id > 0) {
        ly_buf_c(&line, ", book ");
        ly_costing_book_text(&info, &line);
    }
    if (row->source.len) {
        ly_buf_fmt(&line, ", %.*s", LY_STR_ARG(row->source));
    }
    fprintf(t->cli->out, "%s\n", ly_buf_text(&line));
    ly_buf_release(&line);
}

static void print_charged(teller *t, const explained *e)
{
    ly_buf line;
    const ly_charge_line *charged = standing(e);
    const ly_tree_mark *mark = &e->node->mark;
    ly_buf_init(&line, 1024);
    if (!charged) {
        ly_buf_fmt(&line, "  not charged: %s",
                   mark->kind == LY_MARK_COVERED ? "its descendants are counted instead"
                   : mark->kind == LY_MARK_DUPLICATE
                       ? "the same call as another span that is counted"
                       : "it carries no usage that counts");
    } else if (charged->amount_pico == LY_UNKNOWN) {
        ly_buf_fmt(&line, "  charged: unknown (%s)", ly_price_why_text(charged->why));
    } else {
        bool least = charged->why == LY_PRICE_PARTIAL && charged->source == LY_COST_PRICE_TABLE;
        ly_buf_c(&line, least ? "  charged at least " : "  charged ");
        put_money(&line, charged->amount_pico);
        bool client = charged->source != LY_COST_PRICE_TABLE && charged->source != LY_COST_NONE;
        ly_buf_c(&line, client ? ", the client's figure, which goes before the book's" : "");
        if (charged->line > 0) {
            ly_buf_fmt(&line, " (line %lld of this span; --ledger shows all)",
                       (long long)charged->line + 1);
        }
    }
    fprintf(t->cli->out, "%s\n", ly_buf_text(&line));
    ly_buf_release(&line);
}

static void print_ledger(teller *t, const explained *e)
{
    for (size_t i = 0; i < e->n_lines; i++) {
        const ly_charge_line *l = &e->lines[i];
        ly_buf line;
        ly_buf_init(&line, 1024);
        ly_buf_fmt(&line, "  ledger line %lld, booked ", (long long)l->line + 1);
        ly_costing_day(NULL, l->booked_ns, true, &line);
        ly_buf_c(&line, l->sign < 0 ? ", reversal of " : ", ");
        put_money(&line, l->amount_pico);
        ly_buf_fmt(&line, ", by %s, row %lld", source_name(l->source), (long long)l->price_row);
        fprintf(t->cli->out, "%s\n", ly_buf_text(&line));
        ly_buf_release(&line);
    }
}

static void print_head(teller *t, const explained *e)
{
    const ly_node *n = e->node;
    char trace[33], span[17];
    ly_buf line, clean;
    ly_hex_encode(&e->trace_id, sizeof e->trace_id, trace);
    ly_hex_encode(&n->span_id, sizeof n->span_id, span);
    ly_buf_init(&line, LY_KIB(64));
    ly_buf_init(&clean, LY_KIB(64));
    ly_buf_fmt(&line, "%s/%s %s %.*s", trace, span, ly_type_name(n->canon.type),
               LY_STR_ARG(n->name));
    ly_costing_clean(t->cli, ly_buf_view(&line), &clean);
    fprintf(t->cli->out, "%s\n", ly_buf_text(&clean));
    ly_buf_reset(&line);
    ly_buf_reset(&clean);
    ly_str model = n->canon.response_model.len ? n->canon.response_model : n->canon.request_model;
    ly_buf_fmt(&line, "  %.*s %.*s, ",
               LY_STR_ARG(n->canon.provider.len ? n->canon.provider : LY_S("(no provider)")),
               LY_STR_ARG(model.len ? model : LY_S("(no model)")));
    ly_costing_day(NULL, n->start_ns, true, &line);
    ly_buf_c(&line, " UTC");
    if (n->canon.service_tier.len) {
        ly_buf_fmt(&line, ", service tier %.*s", LY_STR_ARG(n->canon.service_tier));
    }
    if (n->canon.server_address.len) {
        ly_buf_fmt(&line, ", at %.*s", LY_STR_ARG(n->canon.server_address));
    }
    ly_costing_clean(t->cli, ly_buf_view(&line), &clean);
    fprintf(t->cli->out, "%s\n", ly_buf_text(&clean));
    ly_buf_release(&line);
    ly_buf_release(&clean);
}

static void print_book_amount(teller *t, const explained *e)
{
    ly_buf line;
    const ly_priced *stored = &e->node->priced;
    ly_buf_init(&line, 1024);
    if (stored->amount_pico != LY_UNKNOWN) {
        ly_buf_c(&line,
                 stored->why == LY_PRICE_PARTIAL ? "  by the book at least " : "  by the book ");
        put_money(&line, stored->amount_pico);
        if (stored->why == LY_PRICE_LOCAL) {
            ly_buf_fmt(&line, ", %s", ly_price_why_text(stored->why));
        }
    } else {
        ly_buf_fmt(&line, "  by the book: unknown, %s", ly_price_why_text(stored->why));
    }
    if (e->has_sum && e->sum.priced.amount_pico != stored->amount_pico) {
        ly_buf_c(&line, "; the prices in force say ");
        put_money(&line, e->sum.priced.amount_pico);
        ly_buf_c(&line, " ('lydite cost reprice')");
    }
    fprintf(t->cli->out, "%s\n", ly_buf_text(&line));
    if (e->node->canon.client_cost_pico != LY_UNKNOWN) {
        ly_buf_reset(&line);
        ly_buf_c(&line, "  the client said ");
        put_money(&line, e->node->canon.client_cost_pico);
        ly_buf_fmt(&line, " (%s); never added to the book's",
                   source_name(e->node->canon.client_cost_source));
        fprintf(t->cli->out, "%s\n", ly_buf_text(&line));
    }
    ly_buf_release(&line);
}

static void print_explained(teller *t, const explained *e)
{
    print_head(t, e);
    if (e->hit.own && !e->hit.local) {
        print_row(t, e->hit.own, e->book);
    }
    if (e->hit.base && !e->hit.local) {
        print_row(t, e->hit.base, e->book);
    }
    if (e->has_sum) {
        for (size_t i = 0; i < e->sum.n_cells; i++) {
            print_cell(t, &e->sum.cells[i]);
        }
        print_unsaid_fees(t, e);
        print_missing(t, e);
        if (e->sum.priced.tier) {
            fprintf(t->cli->out, "  context tier %d: total input %lld, cache included\n",
                    (int)e->sum.priced.tier, (long long)e->sum.input_total);
        }
    }
    print_book_amount(t, e);
    print_charged(t, e);
    if (ly_cli_flag(t->cli, "ledger")) {
        print_ledger(t, e);
    }
}

/* ---- for programs ---- */

static void json_cell(ly_jsonw *w, const ly_cell *cell)
{
    ly_buf price;
    ly_buf_init(&price, 64);
    ly_jsonw_object(w);
    ly_jsonw_kv_c(w, "name", cell->name);
    ly_jsonw_kv_i64(w, "count", cell->count);
    if (cell->unit == LY_UNIT__COUNT) {
        ly_jsonw_kv_null(w, "unit");
    } else {
        ly_rate_format(cell->rate, &price);
        ly_jsonw_kv_c(w, "unit", ly_unit_price_key(cell->unit));
        ly_jsonw_kv_str(w, "price_usd", ly_buf_view(&price));
        ly_jsonw_kv_i64(w, "per", ly_unit_per(cell->unit));
        ly_jsonw_kv_i64(w, "tier", cell->tier);
        ly_jsonw_kv_bool(w, "own", cell->own);
    }
    ly_costing_json_money(w, "amount", ly_cell_amount(cell));
    ly_jsonw_object_end(w);
    ly_buf_release(&price);
}

static void json_price_row(ly_jsonw *w, const explained *e)
{
    const ly_price_row *row = ly_price_book_row_id(e->book, e->node->priced.row);
    ly_price_info info = ly_price_book_info(e->book);
    ly_jsonw_key(w, "row");
    if (!row) {
        ly_jsonw_null(w);
        return;
    }
    ly_jsonw_object(w);
    ly_jsonw_kv_i64(w, "id", row->id);
    if (row->id < 0) {
        ly_jsonw_kv_i64(w, "own_price", -row->id);
    }
    ly_jsonw_kv_str(w, "book", info.name);
    ly_jsonw_kv_str(w, "provider", row->provider);
    ly_jsonw_kv_str(w, "model", row->model);
    ly_jsonw_kv_str(w, "service_tier", row->service_tier);
    ly_jsonw_kv_str(w, "source", row->source);
    ly_jsonw_object_end(w);
}

static int json_explained(teller *t, const explained *e)
{
    char trace[33], span[17];
    ly_buf buf;
    ly_jsonw w;
    const ly_node *n = e->node;
    const ly_charge_line *charged = standing(e);
    ly_hex_encode(&e->trace_id, sizeof e->trace_id, trace);
    ly_hex_encode(&n->span_id, sizeof n->span_id, span);
    ly_buf_init(&buf, LY_MIB(1));
    ly_jsonw_init(&w, &buf, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "trace_id", trace);
    ly_jsonw_kv_c(&w, "span_id", span);
    ly_jsonw_kv_str(&w, "provider", n->canon.provider);
    ly_jsonw_kv_str(&w, "model",
                    n->canon.response_model.len ? n->canon.response_model : n->canon.request_model);
    ly_jsonw_kv_c(&w, "why", ly_price_why_name(n->priced.why));
    ly_costing_json_money(&w, "amount", n->priced.amount_pico);
    ly_costing_json_money(&w, "client", n->canon.client_cost_pico);
    ly_jsonw_kv_c(&w, "client_source", source_name(n->canon.client_cost_source));
    ly_jsonw_kv_bool(&w, "counted", charged != NULL);
    ly_costing_json_money(&w, "charged", charged ? charged->amount_pico : LY_UNKNOWN);
    ly_jsonw_kv_bool(&w, "lower_bound",
                     charged && charged->why == LY_PRICE_PARTIAL &&
                         charged->source == LY_COST_PRICE_TABLE);
    ly_jsonw_kv_c(&w, "charged_by", charged ? source_name(charged->source) : NULL);
    ly_jsonw_kv_i64(&w, "tier", n->priced.tier);
    ly_jsonw_kv_i64(&w, "ledger_lines", (int64_t)e->n_lines);
    json_price_row(&w, e);
    ly_jsonw_key(&w, "cells");
    ly_jsonw_array(&w);
    for (size_t i = 0; e->has_sum && i < e->sum.n_cells; i++) {
        json_cell(&w, &e->sum.cells[i]);
    }
    ly_jsonw_array_end(&w);
    ly_jsonw_key(&w, "unknown_fees");
    ly_jsonw_array(&w);
    for (int i = 0; i < FEES; i++) {
        ly_unit unit;
        if (unsaid_fee(e, i, &unit)) {
            ly_jsonw_str(&w, ly_str_c(ly_unit_usage_key(unit)));
        }
    }
    ly_jsonw_array_end(&w);
    ly_jsonw_object_end(&w);
    int code = ly_costing_json_line(t->cli, &w, &buf);
    ly_buf_release(&buf);
    return code;
}

/* ---- which spans ---- */

static int tell(teller *t, ly_trace_id trace, const ly_node *node)
{
    ly_err err = LY_ERR_INIT;
    explained e;
    if (explain_node(t, trace, node, &e, &err) != LY_OK) {
        return ly_cli_fail(t->cli, &err);
    }
    if (t->cli->json) {
        return json_explained(t, &e);
    }
    print_explained(t, &e);
    return LY_EXIT_DONE;
}

static int tell_trace(teller *t, ly_trace_id id, const ly_span_id *only)
{
    ly_err err = LY_ERR_INIT;
    ly_trace *trace = NULL;
    if (ly_store_trace_load(t->store, id, &t->arena, &trace, &err) != LY_OK) {
        return ly_cli_fail(t->cli, &err);
    }
    size_t n = 0;
    int code = LY_EXIT_DONE;
    for (size_t i = 0; !code && i < trace->n && n < MOST_SPANS; i++) {
        const ly_node *node = &trace->nodes[i];
        bool wanted = only ? ly_span_id_eq(node->span_id, *only)
                           : ly_tokens_known(&node->canon.tokens) || node->mark.unsaid ||
                                 node->canon.client_cost_pico != LY_UNKNOWN;
        if (wanted) {
            code = tell(t, id, node);
            n++;
        }
    }
    if (!code && n == 0) {
        ly_cli_note(t->cli, "no span of this trace carries usage or cost");
    }
    return code;
}

/* A span, or a trace with all of its calls. What may be several things is refused, never guessed. */
static ly_status find_what(ly_store *store, ly_str what, ly_trace_id *ret_trace,
                           ly_span_id *ret_span, bool *ret_one_span, ly_err *err)
{
    ly_err of_trace = LY_ERR_INIT;
    ly_trace_id trace, other;
    ly_status as_span = ly_store_span_find(store, what, NULL, &trace, ret_span, err);
    bool pair = ly_str_find_char(what, '/', 0) != SIZE_MAX;
    bool last = !pair && ly_str_starts(what, LY_S("@last"));
    ly_status as_trace = LY_E_NOTFOUND;
    if (!pair && (as_span == LY_E_NOTFOUND || (as_span == LY_OK && !last && what.len < 16))) {
        as_trace = ly_store_trace_find(store, what, &other, &of_trace);
    }
    if (as_span == LY_OK && (as_trace == LY_OK || as_trace == LY_E_AMBIGUOUS)) {
        return LY_FAIL(err, LY_E_AMBIGUOUS, "%.*s: a span and a trace begin so; write more digits",
                       LY_STR_ARG(what));
    }
    if (as_span == LY_OK || as_trace == LY_OK) {
        *ret_trace = as_span == LY_OK ? trace : other;
        *ret_one_span = as_span == LY_OK;
        return LY_OK;
    }
    if (as_trace == LY_E_AMBIGUOUS || last) {
        *err = of_trace;
        return as_trace;
    }
    return as_span;
}

int ly_cost_run_explain(ly_cli *cli)
{
    teller t = {.cli = cli};
    ly_err err = LY_ERR_INIT;
    ly_trace_id trace;
    ly_span_id span;
    int code = ly_costing_open(cli, &t.store);
    if (code) {
        return code;
    }
    ly_arena_init(&t.arena, LY_MIB(1), 0);
    bool one_span = false;
    if (find_what(t.store, ly_str_c(cli->args[0]), &trace, &span, &one_span, &err) == LY_OK) {
        code = tell_trace(&t, trace, one_span ? &span : NULL);
    } else {
        code = ly_cli_fail(cli, &err);
    }
    ly_price_book_free(t.book);
    ly_arena_release(&t.arena);
    ly_store_close(t.store);
    return code;
}
