/* One span in words: what it is, its numbers, what was said, attributes, events, links, logs. */
#include "base/clock.h"
#include "base/term.h"
#include "base/utf8.h"
#include "genai/normalise.h"
#include "otlp/json.h"
#include "viewer/curl.h"
#include "viewer/json.h"
#include "viewer/span.h"
#include "viewer/text.h"

/* Lines of one value shown in the summary; `--body` prints all. In the detail pane. */
#define SUMMARY_LINES 12
#define SUMMARY_BYTES 2048
#define PANE_LINES    400
#define PANE_BYTES    LY_KIB(32)

typedef struct shower {
    const ly_span_full *full;
    ly_messages m;
    const ly_print_opts *how;
    ly_buf *out;
    bool whole; /* no cutting */
    bool pane;  /* of the viewer: Enter shows all */
    bool lost;  /* ly_store_lost */
} shower;

static unsigned flags_of(const shower *s)
{
    return LY_TERM_LINES | (s->how->unicode ? 0u : (unsigned)LY_TERM_ASCII);
}

static void indent_text(shower *s, ly_str text, int indent)
{
    ly_buf clean;
    ly_buf_init(&clean, LY_MAX_OUTPUT_BYTES);
    size_t limit = s->whole ? text.len : s->pane ? PANE_BYTES : SUMMARY_BYTES;
    ly_term_clean(&clean, ly_utf8_cut(text, limit), flags_of(s));
    ly_str rest = ly_buf_view(&clean), line;
    int lines = 0;
    while (ly_str_split(&rest, '\n', &line)) {
        if (!s->whole && lines++ == (s->pane ? PANE_LINES : SUMMARY_LINES)) {
            break;
        }
        ly_buf_fill(s->out, ' ', (size_t)indent);
        ly_buf_str(s->out, line);
        ly_buf_char(s->out, '\n');
    }
    if (!s->whole && (text.len > limit || rest.len > 0)) {
        size_t shown = text.len > limit ? limit : text.len - rest.len;
        ly_buf_fill(s->out, ' ', (size_t)indent);
        ly_buf_c(s->out, "[");
        ly_text_bytes((int64_t)shown, s->out);
        ly_buf_c(s->out, " of ");
        ly_text_bytes((int64_t)text.len, s->out);
        ly_buf_c(s->out, s->pane ? " shown; Enter for all]\n" : " shown; --body prints all]\n");
    }
    ly_buf_release(&clean);
}

static void clean_word(shower *s, ly_str text)
{
    ly_term_clean(s->out, text, ly_clean_flags(s->how->unicode));
}

static void part(shower *s, const ly_part *p)
{
    switch (p->kind) {
    case LY_PART_TEXT:
        indent_text(s, p->text, 4);
        return;
    case LY_PART_REASONING:
        ly_buf_c(s->out, "    (reasoning)\n");
        indent_text(s, p->text, 4);
        return;
    case LY_PART_TOOL_CALL:
        ly_buf_c(s->out, "    -> ");
        clean_word(s, p->tool_name);
        if (p->tool_id.len) {
            ly_buf_c(s->out, "  ");
            clean_word(s, p->tool_id);
        }
        ly_buf_char(s->out, '\n');
        indent_text(s, p->arguments, 7);
        return;
    case LY_PART_TOOL_RESULT:
        ly_buf_c(s->out, "    <- ");
        clean_word(s, p->tool_name);
        if (p->tool_id.len) {
            ly_buf_c(s->out, "  ");
            clean_word(s, p->tool_id);
        }
        ly_buf_char(s->out, '\n');
        indent_text(s, p->text, 7);
        return;
    case LY_PART_MEDIA:
        /* Never the characters of an inline body. */
        ly_buf_c(s->out, "    [");
        clean_word(s, p->mime.len ? p->mime : p->modality.len ? p->modality : LY_S("media"));
        ly_buf_c(s->out, ", ");
        if (p->text.len > 0 && p->text.len < 200) {
            clean_word(s, p->text);
        } else {
            ly_text_bytes((int64_t)p->text.len, s->out);
            ly_buf_fmt(s->out, ", hash %016llx", (unsigned long long)ly_str_hash(p->text));
        }
        ly_buf_c(s->out, "]\n");
        return;
    case LY_PART_OTHER:
        indent_text(s, p->raw.len ? p->raw : p->text, 4);
        return;
    }
}

static void messages(shower *s, const char *head, const ly_message *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ly_buf_fmt(s->out, "%s ", head);
        clean_word(s, list[i].role.len ? list[i].role : LY_S("message"));
        if (list[i].name.len) {
            ly_buf_char(s->out, ' ');
            clean_word(s, list[i].name);
        }
        if (list[i].finish_reason.len) {
            ly_buf_c(s->out, "  finish: ");
            clean_word(s, list[i].finish_reason);
        }
        ly_buf_char(s->out, '\n');
        for (size_t k = 0; k < list[i].n_parts; k++) {
            part(s, &list[i].parts[k]);
        }
    }
}

static void content(shower *s)
{
    const ly_messages *m = &s->m;
    messages(s, "system:", m->system, m->n_system);
    messages(s, "input:", m->input, m->n_input);
    messages(s, "output:", m->output, m->n_output);
    if (m->tool_arguments.len) {
        ly_buf_c(s->out, "arguments:\n");
        indent_text(s, m->tool_arguments, 4);
    }
    if (m->tool_result.len) {
        ly_buf_c(s->out, "result:\n");
        indent_text(s, m->tool_result, 4);
    }
    if (m->query.len) {
        ly_buf_c(s->out, "query:\n");
        indent_text(s, m->query, 4);
    }
    for (size_t i = 0; i < m->n_documents; i++) {
        const ly_document *d = &m->documents[i];
        ly_buf_fmt(s->out, "document %zu ", i + 1);
        clean_word(s, d->id);
        if (d->has_score) {
            ly_buf_fmt(s->out, "  score %.4g", d->score);
        }
        ly_buf_char(s->out, '\n');
        indent_text(s, d->content, 4);
    }
    if (m->n_tools > 0) {
        ly_buf_c(s->out, "tools offered:");
        for (size_t i = 0; i < m->n_tools; i++) {
            ly_buf_char(s->out, ' ');
            clean_word(s, m->tools[i].name);
        }
        ly_buf_char(s->out, '\n');
    }
    if (m->truncated) {
        ly_buf_c(s->out, "[a limit was reached; the rest is in --raw]\n");
    }
}

static void fact(shower *s, const char *word, ly_str text)
{
    if (text.len > 0) {
        ly_buf_fmt(s->out, "%-14s", word);
        clean_word(s, ly_str_sub(text, 0, 2000));
        ly_buf_char(s->out, '\n');
    }
}

static void number(shower *s, const char *word, int64_t n, void (*format)(int64_t, ly_buf *))
{
    if (n != LY_UNKNOWN) {
        ly_buf_fmt(s->out, "%-14s", word);
        format(n, s->out);
        ly_buf_char(s->out, '\n');
    }
}

static void facts(shower *s)
{
    const ly_canon *c = &s->full->canon;
    const ly_node *n = &s->full->node;
    char hex[33];
    ly_buf label;
    ly_buf_init(&label, LY_KIB(8));
    ly_text_label(n, s->how->unicode, &label);
    ly_buf_fmt(s->out, "%c %s", ly_type_letter(c->type), ly_buf_text(&label));
    ly_buf_reset(&label);
    ly_text_status(n, s->lost, s->how->unicode, &label);
    ly_buf_fmt(s->out, "  %s\n", ly_buf_text(&label));
    ly_buf_release(&label);
    ly_hex_encode(s->full->span.trace_id.b, 16, hex);
    ly_buf_fmt(s->out, "%-14s%s\n", "trace", hex);
    ly_hex_encode(n->span_id.b, 8, hex);
    ly_buf_fmt(s->out, "%-14s%s\n", "span", hex);
    if (!ly_span_id_zero(n->parent_id)) {
        ly_hex_encode(n->parent_id.b, 8, hex);
        ly_buf_fmt(s->out, "%-14s%s\n", "parent", hex);
    }
    ly_buf_fmt(s->out, "%-14s%s\n", "type", ly_type_name(c->type));
    ly_buf_fmt(s->out, "%-14s", "start");
    ly_time_format(n->start_ns, 6, s->out);
    ly_buf_char(s->out, '\n');
    number(s, "duration", n->end_ns == LY_UNKNOWN ? LY_UNKNOWN : n->end_ns - n->start_ns,
           ly_viewer_duration);
    number(s, "first token", c->ttft_ns, ly_viewer_duration);
    fact(s, "service", c->service);
    fact(s, "env", c->env);
    fact(s, "provider", c->provider);
    fact(s, "model", ly_canon_model(c));
    fact(s, "operation", c->operation);
    fact(s, "agent", c->agent_name);
    fact(s, "tool", c->tool_name);
    fact(s, "call id", c->tool_call_id);
    fact(s, "session", c->session);
    fact(s, "user", c->user);
    fact(s, "prompt", c->prompt_name);
    fact(s, "version", c->prompt_version);
    fact(s, "finish", c->finish_reason);
    number(s, "tokens in", ly_tokens_in(&c->tokens), ly_text_grouped);
    number(s, "  from cache", c->tokens.cache_read, ly_text_grouped);
    number(s, "  to cache", c->tokens.cache_write, ly_text_grouped);
    number(s, "tokens out", ly_tokens_out(&c->tokens), ly_text_grouped);
    number(s, "  reasoning", c->tokens.out_reasoning, ly_text_grouped);
    int64_t cost = c->client_cost_pico != LY_UNKNOWN ? c->client_cost_pico : n->priced.amount_pico;
    if (cost != LY_UNKNOWN) {
        ly_buf_fmt(s->out, "%-14s", "cost");
        ly_money_format(cost, LY_MONEY_WIDE, s->out);
        ly_buf_fmt(s->out, "  (%s)\n",
                   c->client_cost_pico != LY_UNKNOWN ? "as the client says" : "by the price book");
    } else if (ly_tokens_known(&c->tokens) || c->tokens.unattributed != LY_UNKNOWN ||
               n->mark.unsaid) {
        ly_buf_fmt(s->out, "%-14sunknown: %s\n", "cost", ly_price_why_text(n->priced.why));
    }
    fact(s, "error", c->error_type);
    fact(s, "message", c->error_message);
    fact(s, "dialect", ly_str_c(c->dialect));
    if (n->flags & LY_SPAN_BAD_UTF8) {
        ly_buf_c(s->out, "note          some text is not valid UTF-8; it is kept byte for byte\n");
    }
}

static void value(shower *s, const ly_any *v)
{
    if (v->kind == LY_ANY_STRING) {
        size_t limit = s->whole ? v->str.len : 300;
        clean_word(s, ly_utf8_cut(v->str, limit));
        if (v->str.len > limit) {
            ly_buf_c(s->out, " [");
            ly_text_bytes((int64_t)v->str.len, s->out);
            ly_buf_char(s->out, ']');
        }
        return;
    }
    if (v->kind == LY_ANY_BYTES) {
        ly_buf_c(s->out, "[bytes, ");
        ly_text_bytes((int64_t)v->str.len, s->out);
        ly_buf_char(s->out, ']');
        return;
    }
    ly_buf json;
    ly_buf_init(&json, LY_MAX_OUTPUT_BYTES);
    ly_otlp_json_any(&json, v);
    clean_word(s, ly_utf8_cut(ly_buf_view(&json), s->whole ? json.len : 300));
    ly_buf_release(&json);
}

static void attributes(shower *s, const ly_attrs *attrs, int indent)
{
    for (size_t i = 0; i < attrs->n; i++) {
        ly_buf_fill(s->out, ' ', (size_t)indent);
        clean_word(s, ly_str_sub(attrs->items[i].key, 0, 300));
        ly_buf_c(s->out, " = ");
        value(s, &attrs->items[i].value);
        ly_buf_char(s->out, '\n');
    }
    if (attrs->dropped > 0) {
        ly_buf_fill(s->out, ' ', (size_t)indent);
        ly_buf_fmt(s->out, "[%zu kept, %u dropped by the sender]\n", attrs->n, attrs->dropped);
    }
}

static void offset(shower *s, int64_t ns)
{
    int64_t d = ns - s->full->node.start_ns;
    ly_buf_c(s->out, d < 0 ? "  " : "  +");
    ly_viewer_duration(d, s->out);
    ly_buf_c(s->out, "  ");
}

static void events(shower *s)
{
    const ly_span *span = &s->full->span;
    if (span->n_events > 0) {
        ly_buf_fmt(s->out, "\nevents (%zu)\n", span->n_events);
    }
    for (size_t i = 0; i < span->n_events; i++) {
        offset(s, (int64_t)span->events[i].time_ns);
        clean_word(s, span->events[i].name);
        ly_buf_char(s->out, '\n');
        attributes(s, &span->events[i].attrs, 6);
    }
    if (span->n_links > 0) {
        ly_buf_fmt(s->out, "\nlinks (%zu)\n", span->n_links);
    }
    for (size_t i = 0; i < span->n_links; i++) {
        char trace[33], id[17];
        ly_hex_encode(span->links[i].trace_id.b, 16, trace);
        ly_hex_encode(span->links[i].span_id.b, 8, id);
        ly_buf_fmt(s->out, "  %s/%s\n", trace, id);
        attributes(s, &span->links[i].attrs, 6);
    }
    if (s->full->n_logs > 0) {
        ly_buf_fmt(s->out, "\nlog records (%zu)\n", s->full->n_logs);
    }
    for (size_t i = 0; i < s->full->n_logs; i++) {
        const ly_log_record *log = s->full->logs[i];
        offset(s, (int64_t)(log->time_ns ? log->time_ns : log->observed_ns));
        clean_word(s, log->event_name.len ? log->event_name : log->severity_text);
        ly_buf_c(s->out, "  ");
        value(s, &log->body);
        ly_buf_char(s->out, '\n');
    }
}

static void rest_of_span(shower *s)
{
    const ly_span *span = &s->full->span;
    ly_buf_fmt(s->out, "\nattributes (%zu)\n", span->attrs.n);
    attributes(s, &span->attrs, 2);
    events(s);
    if (span->resource != NULL) {
        ly_buf_fmt(s->out, "\nresource (%zu)\n", span->resource->attrs.n);
        attributes(s, &span->resource->attrs, 2);
    }
}

/* Why a model call has no messages; NULL for other steps, of which many have none by nature. */
static const char *no_content(const ly_span_full *full)
{
    return full->canon.type == LY_TYPE_GENERATION ? ly_genai_why_no_content(&full->span) : NULL;
}

static void summary(shower *s)
{
    facts(s);
    ly_buf_char(s->out, '\n');
    size_t before = s->out->len;
    content(s);
    if (s->out->len == before) {
        const char *why = no_content(s->full);
        ly_buf_fmt(s->out, "%s\n", why != NULL ? why : "no content");
    }
    rest_of_span(s);
}

void ly_span_part(const ly_span_full *full, const ly_messages *m, ly_span_section section,
                  const ly_print_opts *how, ly_buf *out)
{
    shower s = {.full = full, .m = *m, .how = how, .out = out, .whole = how->all, .pane = true};
    size_t before = out->len;
    switch (section) {
    case LY_SECTION_SUMMARY:
        facts(&s);
        break;
    case LY_SECTION_INPUT:
        s.m.n_output = 0;
        s.m.tool_result = LY_STR_NONE;
        s.m.n_documents = 0;
        content(&s);
        break;
    case LY_SECTION_OUTPUT:
        s.m.n_input = s.m.n_system = s.m.n_tools = 0;
        s.m.tool_arguments = s.m.query = LY_STR_NONE;
        content(&s);
        break;
    case LY_SECTION_ATTRIBUTES:
        attributes(&s, &full->span.attrs, 0);
        if (full->span.resource != NULL) {
            ly_buf_c(out, "resource\n");
            attributes(&s, &full->span.resource->attrs, 2);
        }
        break;
    case LY_SECTION_EVENTS:
        events(&s);
        break;
    }
    if (out->len == before) {
        const char *why =
            section == LY_SECTION_INPUT || section == LY_SECTION_OUTPUT ? no_content(full) : NULL;
        ly_buf_fmt(out, "%s\n", why != NULL ? why : "nothing");
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_messages(ly_jsonw *w, const char *key, const ly_message *list, size_t n)
{
    ly_jsonw_key(w, key);
    ly_jsonw_array(w);
    for (size_t i = 0; i < n; i++) {
        ly_jsonw_object(w);
        ly_jsonw_kv_str(w, "role", list[i].role);
        ly_jsonw_key(w, "parts");
        ly_jsonw_array(w);
        for (size_t k = 0; k < list[i].n_parts; k++) {
            const ly_part *p = &list[i].parts[k];
            ly_jsonw_object(w);
            ly_jsonw_kv_c(w, "kind", ly_part_kind_name(p->kind));
            if (p->text.len) {
                ly_jsonw_kv_str(w, "text", p->text);
            }
            if (p->tool_name.len) {
                ly_jsonw_kv_str(w, "tool", p->tool_name);
            }
            if (p->tool_id.len) {
                ly_jsonw_kv_str(w, "id", p->tool_id);
            }
            if (p->arguments.len) {
                ly_jsonw_kv_str(w, "arguments", p->arguments);
            }
            if (p->mime.len) {
                ly_jsonw_kv_str(w, "mime", p->mime);
            }
            ly_jsonw_object_end(w);
        }
        ly_jsonw_array_end(w);
        ly_jsonw_object_end(w);
    }
    ly_jsonw_array_end(w);
}

static void json_attrs(ly_jsonw *w, const char *key, const ly_attrs *attrs)
{
    ly_jsonw_key(w, key);
    ly_jsonw_array(w);
    for (size_t i = 0; i < attrs->n; i++) {
        ly_buf any;
        ly_buf_init(&any, LY_MAX_OUTPUT_BYTES);
        ly_otlp_json_any(&any, &attrs->items[i].value);
        ly_jsonw_object(w);
        ly_jsonw_kv_str(w, "key", attrs->items[i].key);
        ly_jsonw_key(w, "value");
        ly_jsonw_raw(w, ly_buf_view(&any));
        ly_jsonw_object_end(w);
        ly_buf_release(&any);
    }
    ly_jsonw_array_end(w);
}

static void json_documents(ly_jsonw *w, const ly_messages *m)
{
    ly_jsonw_key(w, "documents");
    ly_jsonw_array(w);
    for (size_t i = 0; i < m->n_documents; i++) {
        const ly_document *d = &m->documents[i];
        ly_jsonw_object(w);
        ly_json_opt_str(w, "id", d->id);
        ly_jsonw_key(w, "score");
        if (d->has_score)
            ly_jsonw_double(w, d->score);
        else
            ly_jsonw_null(w);
        ly_json_opt_str(w, "content", d->content);
        ly_json_opt_str(w, "metadata", d->metadata);
        ly_jsonw_object_end(w);
    }
    ly_jsonw_array_end(w);
}

static void json_tools(ly_jsonw *w, const ly_messages *m)
{
    ly_jsonw_key(w, "tools");
    ly_jsonw_array(w);
    for (size_t i = 0; i < m->n_tools; i++) {
        ly_jsonw_object(w);
        ly_json_opt_str(w, "name", m->tools[i].name);
        ly_json_opt_str(w, "description", m->tools[i].description);
        ly_json_opt_str(w, "parameters", m->tools[i].parameters);
        ly_jsonw_object_end(w);
    }
    ly_jsonw_array_end(w);
}

/* What the rows of a list have no room for. */
static void json_whose(ly_jsonw *w, const ly_span_full *full, ly_arena *arena)
{
    const ly_canon *c = &full->node.canon;
    ly_canon anew = {0}; /* tags are stored with the trace, not with its spans */
    ly_json_opt_str(w, "operation", c->operation);
    ly_json_opt_str(w, "request_model", c->request_model);
    ly_json_opt_str(w, "response_model", c->response_model);
    ly_json_opt_str(w, "session", c->session);
    ly_json_opt_str(w, "user", c->user);
    ly_json_opt_str(w, "env", c->env);
    ly_json_opt_str(w, "release", c->release);
    (void)ly_genai_normalise(&full->span, arena, &anew);
    ly_jsonw_key(w, "tags");
    ly_jsonw_array(w);
    for (size_t i = 0; i < anew.n_tags; i++)
        ly_jsonw_str(w, anew.tags[i]);
    ly_jsonw_array_end(w);
}

static ly_status json(shower *s, ly_arena *arena, ly_err *err)
{
    ly_jsonw w;
    ly_jsonw_init(&w, s->out, 0);
    ly_jsonw_object(&w);
    ly_json_id(&w, "trace_id", s->full->span.trace_id.b, 16);
    ly_json_node_members(&w, &s->full->node, s->lost);
    json_whose(&w, s->full, arena);
    json_messages(&w, "system", s->m.system, s->m.n_system);
    json_messages(&w, "input", s->m.input, s->m.n_input);
    json_messages(&w, "output", s->m.output, s->m.n_output);
    ly_json_opt_str(&w, "arguments", s->m.tool_arguments);
    ly_json_opt_str(&w, "result", s->m.tool_result);
    ly_json_opt_str(&w, "query", s->m.query);
    json_documents(&w, &s->m);
    json_tools(&w, &s->m);
    json_attrs(&w, "attributes", &s->full->span.attrs);
    if (s->full->span.resource != NULL) {
        json_attrs(&w, "resource", &s->full->span.resource->attrs);
    }
    ly_jsonw_object_end(&w);
    ly_status st = ly_jsonw_end(&w, err);
    ly_buf_char(s->out, '\n');
    return st;
}

ly_status ly_viewer_print_span(ly_store *store, ly_trace_id trace, ly_span_id span,
                               ly_span_view view, const ly_print_opts *how, ly_buf *out,
                               ly_err *err)
{
    ly_arena arena;
    ly_span_full *full = NULL;
    shower s = {.how = how, .out = out, .whole = view != LY_SPAN_SUMMARY};
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_store_span_load(store, trace, span, &arena, &full, err);
    if (st != LY_OK) {
        goto out;
    }
    s.full = full;
    s.lost = ly_store_lost(&full->node, how && how->now_ns ? how->now_ns : ly_wall_ns());
    st = ly_genai_messages(&full->span, full->logs, full->n_logs, &arena, &s.m);
    if (st != LY_OK) {
        st = LY_NOMEM(err);
        goto out;
    }
    switch (view) {
    case LY_SPAN_SUMMARY:
        summary(&s);
        break;
    case LY_SPAN_BODY:
        content(&s);
        break;
    case LY_SPAN_RAW:
        st = ly_otlp_json_span(full->span.wire, out, err);
        ly_buf_char(out, '\n');
        break;
    case LY_SPAN_CURL:
        st = ly_viewer_curl(s.full, &s.m, &arena, out, err);
        break;
    case LY_SPAN_JSON:
        st = json(&s, &arena, err);
        break;
    }
    if (st == LY_OK) {
        st = ly_buf_status(out, "the span", err);
    }
out:
    ly_arena_release(&arena);
    return st;
}
