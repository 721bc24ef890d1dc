/* JSON Lines of traces, spans and sessions: one object a line, null for what is not known. */
#include "base/clock.h"
#include "genai/normalise.h"
#include "text/jsonw.h"
#include "viewer/json.h"

void ly_json_opt_str(ly_jsonw *w, const char *key, ly_str v)
{
    if (v.len > 0) {
        ly_jsonw_kv_str(w, key, v);
    } else {
        ly_jsonw_kv_null(w, key);
    }
}

void ly_json_opt_i64(ly_jsonw *w, const char *key, int64_t v)
{
    if (v == LY_UNKNOWN) {
        ly_jsonw_kv_null(w, key);
    } else {
        ly_jsonw_kv_i64(w, key, v);
    }
}

/* Pico-dollars as an exact decimal number of dollars. */
void ly_json_opt_money(ly_jsonw *w, const char *key, int64_t pico)
{
    if (pico == LY_UNKNOWN) {
        ly_jsonw_kv_null(w, key);
        return;
    }
    char text[40];
    uint64_t size = pico < 0 ? 0 - (uint64_t)pico : (uint64_t)pico;
    int n = snprintf(text, sizeof text, "%s%llu.%012llu", pico < 0 ? "-" : "",
                     (unsigned long long)(size / 1000000000000u),
                     (unsigned long long)(size % 1000000000000u));
    while (n > 0 && text[n - 1] == '0') {
        n--;
    }
    if (n > 0 && text[n - 1] == '.') {
        n--;
    }
    ly_jsonw_key(w, key);
    ly_jsonw_raw(w, ly_str_n(text, (size_t)n));
}

static void json_time(ly_jsonw *w, const char *key, int64_t ns)
{
    if (ns == LY_UNKNOWN) {
        ly_jsonw_kv_null(w, key);
        return;
    }
    ly_buf text;
    ly_buf_init(&text, 64);
    ly_time_format(ns, 9, &text);
    ly_jsonw_kv_str(w, key, ly_buf_view(&text));
    ly_buf_release(&text);
}

void ly_json_id(ly_jsonw *w, const char *key, const uint8_t *id, size_t n)
{
    char hex[33];
    ly_hex_encode(id, n, hex);
    ly_jsonw_kv_c(w, key, hex);
}

static void json_tokens(ly_jsonw *w, const ly_tokens *t)
{
    ly_json_opt_i64(w, "tokens_in", ly_tokens_in(t));
    ly_json_opt_i64(w, "tokens_out", ly_tokens_out(t));
    ly_json_opt_i64(w, "tokens", ly_tokens_total(t));
    ly_json_opt_i64(w, "cache_read", t->cache_read);
    ly_json_opt_i64(w, "cache_write", t->cache_write);
    ly_json_opt_i64(w, "reasoning", t->out_reasoning);
}

static void row_members(ly_jsonw *w, const ly_trace_row *row)
{
    ly_json_id(w, "trace_id", row->trace_id.b, sizeof row->trace_id.b);
    ly_json_opt_str(w, "name", row->name);
    ly_jsonw_kv_c(w, "type", ly_type_name(row->root_type));
    ly_jsonw_kv_c(w, "origin", ly_origin_name(row->origin));
    json_time(w, "start", row->start_ns);
    ly_json_opt_i64(w, "duration_ns",
                    row->end_ns == LY_UNKNOWN ? LY_UNKNOWN : row->end_ns - row->start_ns);
    ly_jsonw_kv_c(w, "state", ly_viewer_trace_state(row, ly_wall_ns()));
    ly_jsonw_kv_i64(w, "spans", row->n_spans);
    ly_jsonw_kv_i64(w, "errors", row->n_errors);
    ly_jsonw_kv_i64(w, "generations", row->n_generations);
    ly_jsonw_kv_i64(w, "tools", row->n_tools);
    ly_jsonw_kv_i64(w, "orphans", row->n_orphans);
    ly_jsonw_kv_i64(w, "logs", row->n_logs);
    json_tokens(w, &row->tokens);
    ly_json_opt_money(w, "cost_usd", row->cost_pico);
    ly_jsonw_kv_bool(w, "cost_partial", (row->flags & LY_TRACE_PARTIAL_COST) != 0);
    ly_json_opt_str(w, "provider", row->provider);
    ly_json_opt_str(w, "model", row->model);
    ly_json_opt_str(w, "service", row->service);
    ly_json_opt_str(w, "env", row->env);
    ly_json_opt_str(w, "release", row->release);
    ly_json_opt_str(w, "session", row->session);
    ly_json_opt_str(w, "user", row->user);
    ly_json_opt_str(w, "prompt", row->prompt_name);
    ly_json_opt_str(w, "prompt_version", row->prompt_version);
    ly_json_opt_str(w, "error_type", row->error_type);
    ly_jsonw_kv_bool(w, "pinned", row->pinned);
}

void ly_viewer_json_row(const ly_trace_row *row, ly_buf *out)
{
    ly_jsonw w;
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_object(&w);
    row_members(&w, row);
    ly_jsonw_object_end(&w);
    ly_buf_char(out, '\n');
}

void ly_viewer_json_session(const ly_session_row *row, ly_buf *out)
{
    ly_jsonw w;
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_object(&w);
    ly_json_opt_str(&w, "session", row->session);
    json_time(&w, "first", row->first_ns);
    json_time(&w, "last", row->last_ns);
    ly_jsonw_kv_i64(&w, "traces", row->n_traces);
    ly_jsonw_kv_i64(&w, "spans", row->n_spans);
    ly_jsonw_kv_i64(&w, "errors", row->n_errors);
    ly_jsonw_kv_i64(&w, "generations", row->n_generations);
    ly_json_opt_i64(&w, "tokens_in", row->tokens_in);
    ly_json_opt_i64(&w, "tokens_out", row->tokens_out);
    ly_json_opt_i64(&w, "tokens", row->tokens);
    ly_json_opt_money(&w, "cost_usd", row->cost_pico);
    ly_jsonw_kv_bool(&w, "cost_partial", row->cost_partial);
    ly_json_opt_str(&w, "user", row->user);
    ly_jsonw_kv_i64(&w, "users", row->n_users);
    ly_json_opt_str(&w, "service", row->service);
    ly_jsonw_kv_i64(&w, "services", row->n_services);
    ly_json_opt_str(&w, "model", row->model);
    ly_jsonw_kv_i64(&w, "models", row->n_models);
    ly_jsonw_object_end(&w);
    ly_buf_char(out, '\n');
}

void ly_json_node_members(ly_jsonw *w, const ly_node *n, bool lost)
{
    const ly_canon *c = &n->canon;
    ly_json_id(w, "span_id", n->span_id.b, sizeof n->span_id.b);
    if (ly_span_id_zero(n->parent_id)) {
        ly_jsonw_kv_null(w, "parent_id");
    } else {
        ly_json_id(w, "parent_id", n->parent_id.b, sizeof n->parent_id.b);
    }
    ly_jsonw_kv_str(w, "name", n->name);
    ly_jsonw_kv_c(w, "type", ly_type_name(c->type));
    json_time(w, "start", n->start_ns);
    ly_json_opt_i64(w, "duration_ns",
                    n->end_ns == LY_UNKNOWN ? LY_UNKNOWN : n->end_ns - n->start_ns);
    ly_json_opt_i64(w, "ttft_ns", c->ttft_ns);
    ly_jsonw_kv_c(w, "status",
                  lost                         ? "lost"
                  : n->flags & LY_SPAN_PENDING ? "pending"
                  : n->flags & LY_SPAN_ERROR   ? "error"
                  : n->status_code == 1        ? "ok"
                                               : "unset");
    ly_json_opt_str(w, "error_type", c->error_type);
    ly_json_opt_str(w, "error_message", c->error_message);
    ly_json_opt_str(w, "provider", c->provider);
    ly_json_opt_str(w, "model", ly_canon_model(c));
    ly_json_opt_str(w, "agent", c->agent_name);
    ly_json_opt_str(w, "tool", c->tool_name);
    json_tokens(w, &c->tokens);
    ly_json_opt_money(w, "cost_usd",
                      c->client_cost_pico != LY_UNKNOWN ? c->client_cost_pico
                                                        : n->priced.amount_pico);
    ly_json_opt_str(w, "prompt", c->prompt_name);
    ly_json_opt_str(w, "prompt_version", c->prompt_version);
    ly_json_opt_str(w, "finish_reason", c->finish_reason);
    ly_json_opt_str(w, "service", c->service);
    ly_json_opt_str(w, "dialect", ly_str_c(c->dialect));
}

ly_status ly_viewer_json_trace(ly_store *store, ly_trace_id id, ly_buf *out, ly_err *err)
{
    ly_arena arena;
    ly_trace *t = NULL;
    ly_sums *sums = NULL;
    ly_jsonw w;
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_store_trace_load(store, id, &arena, &t, err);
    if (st == LY_OK) {
        st = ly_sums_build(t, NULL, &arena, &sums, err);
    }
    if (st != LY_OK) {
        goto out;
    }
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "kind", "trace");
    row_members(&w, &t->row);
    ly_jsonw_key(&w, "tags");
    ly_jsonw_array(&w);
    for (size_t i = 0; i < t->n_tags; i++) {
        ly_jsonw_str(&w, t->tags[i]);
    }
    ly_jsonw_array_end(&w);
    ly_jsonw_object_end(&w);
    ly_buf_char(out, '\n');
    for (size_t i = 0; i < t->n; i++) {
        const ly_node *n = &t->nodes[i];
        const ly_node_sum *s = &sums->nodes[i];
        ly_jsonw_init(&w, out, 0);
        ly_jsonw_object(&w);
        ly_jsonw_kv_c(&w, "kind", "span");
        ly_json_id(&w, "trace_id", id.b, sizeof id.b);
        ly_json_node_members(&w, n, ly_store_lost(n, ly_wall_ns()));
        ly_jsonw_kv_i64(&w, "depth", n->mark.depth);
        ly_jsonw_kv_c(&w, "counted", ly_mark_kind_name((ly_mark_kind)n->mark.kind));
        ly_json_opt_i64(&w, "self_ns", n->self_ns);
        ly_jsonw_kv_i64(&w, "subtree_spans", s->size);
        ly_jsonw_kv_i64(&w, "subtree_errors", s->errors);
        ly_json_opt_i64(&w, "subtree_tokens_in", s->tokens_in);
        ly_json_opt_i64(&w, "subtree_tokens_out", s->tokens_out);
        ly_json_opt_money(&w, "subtree_cost_usd", s->cost_pico);
        if (s->attempts > 1) {
            ly_jsonw_kv_i64(&w, "attempt", s->attempt);
            ly_jsonw_kv_i64(&w, "attempts", s->attempts);
        }
        ly_jsonw_object_end(&w);
        ly_buf_char(out, '\n');
    }
    st = ly_buf_status(out, "the trace", err);
out:
    ly_arena_release(&arena);
    return st;
}
