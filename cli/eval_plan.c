/* `lydite eval plan`: what a run would ask and cost, without asking. */
#include <unistd.h>

#include "base/limits.h"
#include "cli/eval_cmd.h"
#include "cost/budget_gate.h"
#include "eval/data.h"
#include "text/jsonw.h"

enum { BYTES_A_TOKEN = 4, JUDGE_OUTPUT = 1200 };

/* One kind of call: a target's, or a judge's over all targets. */
typedef struct step {
    ly_str name;
    const ly_llm_model *model; /* NULL = no model is asked */
    int64_t calls, bytes, max_output, per_call_output;
} step;

typedef struct plan {
    ly_eval_session *s;
    const ly_price_book *book;
    ly_arena row_arena;
    int64_t rows;
    step *targets;
    ly_llm_model *models;
    size_t n_targets;
    step *judges;
    size_t n_judges;
} plan;

static int64_t most(int64_t a, int64_t b)
{
    return a == LY_UNKNOWN || b == LY_UNKNOWN ? LY_UNKNOWN : a + b;
}

static int64_t price(const plan *p, const step *st, int64_t bytes, int64_t output)
{
    int64_t sum = 0;
    if (!st->model || st->calls == 0) {
        return 0;
    }
    ly_price_ask ask = {.provider = ly_str_c(st->model->provider),
                        .address = ly_str_c(st->model->host),
                        .model = ly_str_c(st->model->name),
                        .at_ns = INT64_MAX / 2};
    /* One mean call, times the calls: prices are linear but for tiers, which take the dearest. */
    sum = ly_budget_worst(p->book, &ask, bytes / st->calls + 1, output);
    return sum == LY_UNKNOWN ? LY_UNKNOWN : sum * st->calls;
}

/* Bytes of what would be sent for one row. */
static int64_t request_bytes(const plan *p, const step *st, const ly_shape_msg *msgs, size_t n)
{
    ly_buf body;
    ly_shape_request req = {.model = ly_str_c(st->model->name),
                            .msgs = msgs,
                            .n_msgs = n,
                            .max_output = st->per_call_output,
                            .temperature = LY_SHAPE_UNSET,
                            .top_p = LY_SHAPE_UNSET,
                            .seed = LY_UNKNOWN};
    (void)p;
    ly_buf_init(&body, LY_MAX_REQUEST_BYTES);
    int64_t bytes = ly_shape_write_request(st->model->shape, &req, &body, NULL) == LY_OK
                        ? (int64_t)body.len
                        : 0;
    ly_buf_release(&body);
    return bytes;
}

static void plan_target(plan *p, size_t prompt, size_t at, const ly_json *row)
{
    ly_eval_session *s = p->s;
    step *st = &p->targets[at];
    ly_shape_msg *msgs = NULL;
    size_t n = 0;
    ly_err ignored = LY_ERR_INIT;
    if (ly_prompt_doc_render(s->prompts[prompt].doc, row, NULL, &p->row_arena, &msgs, &n,
                             &ignored) == LY_OK) {
        st->calls += s->suite.repeat;
        st->bytes += request_bytes(p, st, msgs, n) * s->suite.repeat;
    }
}

/* How many outputs each row has, and how many pairs of them. */
static int64_t outputs_a_row(const plan *p)
{
    return (int64_t)p->n_targets;
}

static void plan_judge(plan *p, size_t at, const ly_judge *judge, const ly_json *row)
{
    ly_suite suite = {.n_targets = p->n_targets};
    step *st = &p->judges[at];
    bool pair = ly_judge_is_pairwise(judge);
    int64_t asks =
        p->s->suite.repeat * (pair ? 2 * (int64_t)ly_suite_pairs(&suite) : outputs_a_row(p));
    ly_shape_msg *msgs = NULL;
    size_t n = 0;
    const char *missing = NULL;
    ly_err ignored = LY_ERR_INIT;
    ly_judge_input in = {.row = row, .output = LY_S("x"), .other = LY_S("x")};
    if (ly_judge_messages(judge, &in, &p->row_arena, &msgs, &n, &missing, &ignored) != LY_OK ||
        missing) {
        return;
    }
    /* The output is not known: as long as it may be. */
    int64_t output = p->s->suite.max_output * BYTES_A_TOKEN * (pair ? 2 : 1);
    st->calls += asks;
    st->bytes += (request_bytes(p, st, msgs, n) + output) * asks;
}

static ly_status plan_row(void *user, ly_str key, ly_str data, ly_err *err)
{
    plan *p = user;
    ly_eval_session *s = p->s;
    ly_json *row = NULL;
    (void)key;
    if (s->suite.limit > 0 && p->rows >= s->suite.limit) {
        return LY_OK;
    }
    ly_arena_reset(&p->row_arena);
    ly_status st = ly_json_parse(data, &p->row_arena, &row, err);
    if (st) {
        return st;
    }
    p->rows++;
    size_t per = s->n_prompts
                     ? (p->n_targets - (size_t)ly_eval_count(s, "target")) / (size_t)s->n_prompts
                     : 0;
    for (size_t i = 0; i < (size_t)s->n_prompts; i++) {
        for (size_t m = 0; m < per; m++) {
            plan_target(p, i, i * per + m, row);
        }
    }
    for (size_t i = 0; i < p->n_judges; i++) {
        if (p->judges[i].model) {
            plan_judge(p, i, s->suite.judges[i], row);
        }
    }
    return LY_OK;
}

static ly_status name_steps(plan *p, ly_err *err)
{
    ly_eval_session *s = p->s;
    int models = ly_eval_count(s, "model"), own = ly_eval_count(s, "target");
    size_t per = models ? (size_t)models : 1;
    p->n_targets = (size_t)s->n_prompts * per + (size_t)own;
    p->targets = LY_ARENA_ARRAY(&s->arena, step, p->n_targets + 1);
    p->models = LY_ARENA_ARRAY(&s->arena, ly_llm_model, p->n_targets + 1);
    p->n_judges = s->suite.n_judges;
    p->judges = LY_ARENA_ARRAY(&s->arena, step, p->n_judges + 1);
    ly_status st = p->targets && p->models && p->judges ? LY_OK : LY_NOMEM(err);
    for (size_t i = 0; i < (size_t)s->n_prompts && !st; i++) {
        ly_eval_prompt *prompt = &s->prompts[i];
        if (!prompt->doc) {
            ly_prompt_version v;
            st = s->store ? ly_prompt_get(s->store, ly_str_c(prompt->arg), &s->arena, &v, err)
                          : LY_FAIL(err, LY_E_NOTFOUND, "no prompt %s: there is no database",
                                    prompt->arg);
            st = st ? st : ly_prompt_doc_parse(v.body, &s->arena, &prompt->doc, err);
        }
        for (size_t m = 0; m < per && !st; m++) {
            step *t = &p->targets[i * per + m];
            const char *spec = ly_eval_at(s, "model", (int)m);
            ly_str model = spec ? ly_str_c(spec) : prompt->doc->model;
            if (model.len == 0) {
                return LY_FAIL(err, LY_E_INVALID,
                               "prompt %s names no model: say which with --model", prompt->arg);
            }
            ly_str name = prompt->file ? prompt->name : ly_str_c(prompt->arg);
            t->name = ly_arena_fmt(&s->arena, "%.*s %.*s", LY_STR_ARG(name), LY_STR_ARG(model));
            t->model = &p->models[i * per + m];
            t->per_call_output = prompt->doc->max_output != LY_UNKNOWN ? prompt->doc->max_output
                                                                       : s->suite.max_output;
            st = ly_llm_model_parse(model, &p->models[i * per + m], err);
        }
    }
    for (int i = 0; i < own && !st; i++) {
        p->targets[(size_t)s->n_prompts * per + (size_t)i].name =
            ly_str_c(ly_eval_at(s, "target", i));
    }
    for (size_t i = 0; i < p->n_judges && !st; i++) {
        const ly_judge *j = s->suite.judges[i];
        p->judges[i].name = ly_judge_name(j);
        p->judges[i].model = ly_judge_is_llm(j) ? &s->suite.judge_model : NULL;
        p->judges[i].per_call_output = JUDGE_OUTPUT;
    }
    return st;
}

typedef struct totals {
    int64_t calls, tokens, output, about, most;
} totals;

static totals step_totals(const plan *p, const step *st)
{
    totals t = {.calls = st->calls,
                .tokens = st->bytes / BYTES_A_TOKEN,
                .output = st->calls * st->per_call_output,
                .about = price(p, st, st->bytes / BYTES_A_TOKEN, st->per_call_output),
                .most = price(p, st, st->bytes, st->per_call_output)};
    return t;
}

static void add(totals *sum, totals t)
{
    sum->calls += t.calls;
    sum->tokens += t.tokens;
    sum->output += t.output;
    sum->about = most(sum->about, t.about);
    sum->most = most(sum->most, t.most);
}

static void put_totals(ly_jsonw *w, totals t)
{
    ly_jsonw_kv_i64(w, "calls", t.calls);
    ly_jsonw_kv_i64(w, "input_tokens", t.tokens);
    ly_jsonw_kv_i64(w, "output_tokens_most", t.output);
    const char *const keys[] = {"about_pico", "most_pico"};
    const int64_t values[] = {t.about, t.most};
    for (size_t i = 0; i < 2; i++) {
        if (values[i] == LY_UNKNOWN) {
            ly_jsonw_kv_null(w, keys[i]);
        } else {
            ly_jsonw_kv_i64(w, keys[i], values[i]);
        }
    }
}

static void print_json(const plan *p, totals sum)
{
    ly_buf out;
    ly_jsonw w;
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    ly_jsonw_init(&w, &out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_i64(&w, "rows", p->rows);
    ly_jsonw_kv_i64(&w, "cases", p->rows * (int64_t)p->n_targets * p->s->suite.repeat);
    put_totals(&w, sum);
    ly_jsonw_key(&w, "steps");
    ly_jsonw_array(&w);
    for (size_t i = 0; i < p->n_targets + p->n_judges; i++) {
        const step *st = i < p->n_targets ? &p->targets[i] : &p->judges[i - p->n_targets];
        ly_jsonw_object(&w);
        ly_jsonw_kv_str(&w, "step", st->name);
        put_totals(&w, step_totals(p, st));
        ly_jsonw_object_end(&w);
    }
    ly_jsonw_array_end(&w);
    ly_jsonw_object_end(&w);
    if (ly_jsonw_end(&w, NULL) == LY_OK) {
        fprintf(p->s->cli->out, "%s\n", ly_buf_text(&out));
    }
    ly_buf_release(&out);
}

static void money_cell(ly_table *t, int64_t pico)
{
    ly_buf text;
    ly_buf_init(&text, 64);
    if (pico == LY_UNKNOWN) {
        ly_buf_c(&text, "no price");
    } else {
        ly_fmt_money(pico, &text);
    }
    ly_table_cell(t, ly_buf_view(&text));
    ly_buf_release(&text);
}

static void print_table(const plan *p, totals sum)
{
    static const char *const heads[] = {"STEP",        "CALLS", "INPUT TOKENS",
                                        "OUTPUT MOST", "ABOUT", "AT MOST"};
    ly_table *t = ly_table_new(p->s->cli, LY_COUNT(heads));
    if (!t) {
        return;
    }
    int64_t cases = p->rows * (int64_t)p->n_targets * p->s->suite.repeat;
    fprintf(p->s->cli->out, "%lld row%s x %zu target%s x %lld: %lld case%s\n\n", (long long)p->rows,
            ly_plural(p->rows), p->n_targets, ly_plural(p->n_targets),
            (long long)p->s->suite.repeat, (long long)cases, ly_plural(cases));
    for (size_t i = 0; i < LY_COUNT(heads); i++) {
        ly_table_col(t, i, heads[i], i ? LY_RIGHT : LY_LEFT, i ? 0 : 48);
    }
    for (size_t i = 0; i <= p->n_targets + p->n_judges; i++) {
        bool last = i == p->n_targets + p->n_judges;
        const step *st = i < p->n_targets ? &p->targets[i] : &p->judges[i - p->n_targets];
        totals x = last ? sum : step_totals(p, st);
        ly_table_cell(t, last ? LY_S("all") : st->name);
        ly_table_cellf(t, "%lld", (long long)x.calls);
        ly_table_cellf(t, "%lld", (long long)x.tokens);
        ly_table_cellf(t, "%lld", (long long)x.output);
        money_cell(t, x.about);
        money_cell(t, x.most);
    }
    ly_table_print(t);
    ly_table_free(t);
}

static ly_status read_rows(plan *p, ly_err *err)
{
    ly_eval_session *s = p->s;
    const char *data = ly_eval_path(s, "data", 0);
    if (access(data, R_OK) == 0) {
        return ly_data_read_file(data, plan_row, p, err);
    }
    if (!s->store) {
        return LY_FAIL(err, LY_E_NOTFOUND, "no data set %s: there is no database", data);
    }
    ly_dataset_version v;
    ly_status st = ly_dataset_get(s->store, ly_str_c(data), &s->arena, &v, err);
    for (int64_t from = 0; !st && from < v.n_rows;) {
        ly_arena page;
        ly_row *rows = NULL;
        size_t n = 0;
        ly_arena_init(&page, 0, 0);
        st = ly_dataset_rows(s->store, v.name, v.number, from, 500, &page, &rows, &n, err);
        for (size_t i = 0; i < n && !st; i++) {
            st = plan_row(p, rows[i].key, rows[i].data, err);
        }
        ly_arena_release(&page);
        from += n ? (int64_t)n : v.n_rows;
    }
    return st;
}

int ly_eval_plan(ly_eval_session *s, double budget_usd)
{
    ly_err err = LY_ERR_INIT;
    plan p = {.s = s};
    totals sum = {0};
    ly_arena_init(&p.row_arena, 0, 0);
    ly_status st = ly_eval_prepare(s, &err);
    if (!st && access(ly_cli_db(s->cli), F_OK) == 0) { /* own prices, named prompts and data */
        st = ly_eval_open(s->cli, LY_STORE_READER, &s->store, &err);
    }
    if (!st && s->store) {
        st = ly_cost_book_open(s->store, &s->book, &err);
    }
    p.book = s->book ? s->book : ly_price_book_default();
    if (!st) {
        st = name_steps(&p, &err);
    }
    if (!st) {
        st = read_rows(&p, &err);
    }
    if (st) {
        ly_arena_release(&p.row_arena);
        return ly_cli_fail(s->cli, &err);
    }
    for (size_t i = 0; i < p.n_targets; i++) {
        add(&sum, step_totals(&p, &p.targets[i]));
    }
    for (size_t i = 0; i < p.n_judges; i++) {
        add(&sum, step_totals(&p, &p.judges[i]));
    }
    if (s->cli->json) {
        print_json(&p, sum);
    } else {
        print_table(&p, sum);
    }
    ly_arena_release(&p.row_arena);
    if (budget_usd > 0 && sum.most != LY_UNKNOWN && (double)sum.most > budget_usd * 1e12) {
        ly_cli_note(s->cli, "more than --budget at most: the run may stop early, resumable");
    }
    return LY_EXIT_DONE;
}
