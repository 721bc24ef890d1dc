/*
 * A recorded model call as a curl line: the request in its provider's own form, the key as a variable.
 *
 * Three forms: OpenAI's chat completions, which most providers and local servers speak, Anthropic's messages
 * and Gemini's generateContent. Sent again are messages, tools and the settings that the span recorded;
 * images and other media are left out.
 */
#include "viewer/curl.h"

#include "base/limits.h"
#include "text/json.h"
#include "text/jsonw.h"

typedef enum form { FORM_OPENAI, FORM_ANTHROPIC, FORM_GEMINI } form;

typedef struct provider {
    const char *name; /* the canonical provider, or its beginning */
    form form;
    const char *base; /* inside double quotes of a shell */
    const char *key;
} provider;

static const provider providers[] = {
    {"anthropic", FORM_ANTHROPIC, "${ANTHROPIC_BASE_URL:-https://api.anthropic.com}",
     "ANTHROPIC_API_KEY"},
    {"gcp", FORM_GEMINI, "${GEMINI_BASE_URL:-https://generativelanguage.googleapis.com}",
     "GEMINI_API_KEY"},
    {"google", FORM_GEMINI, "${GEMINI_BASE_URL:-https://generativelanguage.googleapis.com}",
     "GEMINI_API_KEY"},
    {"gemini", FORM_GEMINI, "${GEMINI_BASE_URL:-https://generativelanguage.googleapis.com}",
     "GEMINI_API_KEY"},
    {"mistral", FORM_OPENAI, "https://api.mistral.ai/v1", "MISTRAL_API_KEY"},
    {"groq", FORM_OPENAI, "https://api.groq.com/openai/v1", "GROQ_API_KEY"},
    {"deepseek", FORM_OPENAI, "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"},
    {"x_ai", FORM_OPENAI, "https://api.x.ai/v1", "XAI_API_KEY"},
    {"xai", FORM_OPENAI, "https://api.x.ai/v1", "XAI_API_KEY"},
    {"openrouter", FORM_OPENAI, "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"},
    {"together", FORM_OPENAI, "https://api.together.xyz/v1", "TOGETHER_API_KEY"},
    {"fireworks", FORM_OPENAI, "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"},
    {"ollama", FORM_OPENAI, "${OLLAMA_BASE_URL:-http://127.0.0.1:11434/v1}", "OLLAMA_API_KEY"},
    {"", FORM_OPENAI, "${OPENAI_BASE_URL:-https://api.openai.com/v1}", "OPENAI_API_KEY"},
};

static const provider *provider_of(const ly_canon *c)
{
    const provider *p = providers;
    while (!ly_str_starts(c->provider, ly_str_c(p->name))) {
        p++; /* the last has no name */
    }
    return p;
}

typedef struct sending {
    const ly_span_full *full;
    const ly_messages *m;
    ly_jsonw w;
    ly_arena *arena;
} sending;

/* JSON text as a value; what is none becomes {}. */
static void value(sending *s, ly_str text)
{
    ly_json *doc = NULL;
    if (text.len > 0 && ly_json_parse(text, s->arena, &doc, NULL) == LY_OK) {
        ly_jsonw_tree(&s->w, doc);
    } else {
        ly_jsonw_object(&s->w);
        ly_jsonw_object_end(&s->w);
    }
}

/* The text of a message's text parts, one after another. */
static ly_str said(sending *s, const ly_message *m)
{
    ly_buf text;
    ly_buf_init(&text, LY_MAX_OUTPUT_BYTES);
    for (size_t i = 0; i < m->n_parts; i++) {
        if (m->parts[i].kind == LY_PART_TEXT) {
            ly_buf_c(&text, text.len ? "\n" : "");
            ly_buf_str(&text, m->parts[i].text);
        }
    }
    ly_str kept = ly_arena_copy(s->arena, ly_buf_view(&text));
    ly_buf_release(&text);
    return kept;
}

static size_t count(const ly_message *m, ly_part_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_parts; i++) {
        n += m->parts[i].kind == kind;
    }
    return n;
}

static bool of_system(const ly_message *m)
{
    return ly_str_eqc(m->role, "system") || ly_str_eqc(m->role, "developer");
}

static bool of_model(const ly_message *m)
{
    return ly_str_eqc(m->role, "assistant") || ly_str_eqc(m->role, "model") ||
           ly_str_eqc(m->role, "ai");
}

/* All that was said as system, beside the messages and among them. */
static ly_str system_text(sending *s)
{
    ly_buf text;
    ly_buf_init(&text, LY_MAX_OUTPUT_BYTES);
    for (size_t i = 0; i < s->m->n_system + s->m->n_input; i++) {
        const ly_message *m =
            i < s->m->n_system ? &s->m->system[i] : &s->m->input[i - s->m->n_system];
        if (i < s->m->n_system || of_system(m)) {
            ly_buf_c(&text, text.len ? "\n\n" : "");
            ly_buf_str(&text, said(s, m));
        }
    }
    ly_str kept = ly_arena_copy(s->arena, ly_buf_view(&text));
    ly_buf_release(&text);
    return kept;
}

/* ---- settings -------------------------------------------------------------------------------- */

static bool number(const sending *s, const char *key, double *ret)
{
    const ly_any *v = ly_attrs_get(&s->full->span.attrs, ly_str_c(key));
    if (v == NULL || (v->kind != LY_ANY_INT && v->kind != LY_ANY_DOUBLE)) {
        return v != NULL && v->kind == LY_ANY_STRING && ly_str_to_double(v->str, ret);
    }
    *ret = v->kind == LY_ANY_INT ? (double)v->integer : v->real;
    return true;
}

static void setting(sending *s, const char *attribute, const char *member)
{
    double v;
    if (number(s, attribute, &v)) {
        ly_jsonw_kv_double(&s->w, member, v);
    }
}

/* ---- OpenAI ---------------------------------------------------------------------------------- */

static void openai_calls(sending *s, const ly_message *m)
{
    ly_jsonw_key(&s->w, "tool_calls");
    ly_jsonw_array(&s->w);
    for (size_t i = 0; i < m->n_parts; i++) {
        const ly_part *p = &m->parts[i];
        if (p->kind != LY_PART_TOOL_CALL) {
            continue;
        }
        ly_jsonw_object(&s->w);
        ly_jsonw_kv_str(&s->w, "id", p->tool_id);
        ly_jsonw_kv_c(&s->w, "type", "function");
        ly_jsonw_key(&s->w, "function");
        ly_jsonw_object(&s->w);
        ly_jsonw_kv_str(&s->w, "name", p->tool_name);
        ly_jsonw_kv_str(&s->w, "arguments", p->arguments.len ? p->arguments : LY_S("{}"));
        ly_jsonw_object_end(&s->w);
        ly_jsonw_object_end(&s->w);
    }
    ly_jsonw_array_end(&s->w);
}

/* A message of its own for each result of a tool. */
static void openai_message(sending *s, const ly_message *m)
{
    for (size_t i = 0; i < m->n_parts; i++) {
        const ly_part *p = &m->parts[i];
        if (p->kind == LY_PART_TOOL_RESULT) {
            ly_jsonw_object(&s->w);
            ly_jsonw_kv_c(&s->w, "role", "tool");
            ly_jsonw_kv_str(&s->w, "tool_call_id", p->tool_id);
            ly_jsonw_kv_str(&s->w, "content", p->text);
            ly_jsonw_object_end(&s->w);
        }
    }
    ly_str text = said(s, m);
    size_t calls = count(m, LY_PART_TOOL_CALL);
    if (text.len == 0 && calls == 0 && count(m, LY_PART_TOOL_RESULT) > 0) {
        return;
    }
    ly_jsonw_object(&s->w);
    ly_jsonw_kv_str(&s->w, "role",
                    of_model(m)   ? LY_S("assistant")
                    : m->role.len ? m->role
                                  : LY_S("user"));
    if (text.len == 0 && calls > 0) {
        ly_jsonw_kv_null(&s->w, "content");
    } else {
        ly_jsonw_kv_str(&s->w, "content", text);
    }
    if (calls > 0) {
        openai_calls(s, m);
    }
    ly_jsonw_object_end(&s->w);
}

static void openai_tools(sending *s)
{
    ly_jsonw_key(&s->w, "tools");
    ly_jsonw_array(&s->w);
    for (size_t i = 0; i < s->m->n_tools; i++) {
        const ly_tool_def *t = &s->m->tools[i];
        ly_jsonw_object(&s->w);
        ly_jsonw_kv_c(&s->w, "type", "function");
        ly_jsonw_key(&s->w, "function");
        ly_jsonw_object(&s->w);
        ly_jsonw_kv_str(&s->w, "name", t->name);
        if (t->description.len) {
            ly_jsonw_kv_str(&s->w, "description", t->description);
        }
        ly_jsonw_key(&s->w, "parameters");
        value(s, t->parameters);
        ly_jsonw_object_end(&s->w);
        ly_jsonw_object_end(&s->w);
    }
    ly_jsonw_array_end(&s->w);
}

static void openai_body(sending *s, ly_str model)
{
    ly_jsonw_kv_str(&s->w, "model", model);
    ly_jsonw_key(&s->w, "messages");
    ly_jsonw_array(&s->w);
    for (size_t i = 0; i < s->m->n_system; i++) {
        openai_message(s, &s->m->system[i]);
    }
    for (size_t i = 0; i < s->m->n_input; i++) {
        openai_message(s, &s->m->input[i]);
    }
    ly_jsonw_array_end(&s->w);
    if (s->m->n_tools) {
        openai_tools(s);
    }
    setting(s, "gen_ai.request.max_tokens", "max_tokens");
    setting(s, "gen_ai.request.temperature", "temperature");
    setting(s, "gen_ai.request.top_p", "top_p");
    setting(s, "gen_ai.request.seed", "seed");
}

/* ---- what Anthropic and Gemini do alike ------------------------------------------------------ */

static bool sent(const ly_part *p)
{
    return p->kind == LY_PART_TEXT || p->kind == LY_PART_TOOL_CALL ||
           p->kind == LY_PART_TOOL_RESULT;
}

/* What a form calls its list of turns, the model's role, and a turn's list of parts. */
typedef struct turn_words {
    const char *turns, *model, *parts;
} turn_words;

/* The messages but the system's, each a role and its parts. */
static void turns(sending *s, turn_words words, void (*put)(sending *s, const ly_part *part))
{
    ly_jsonw_key(&s->w, words.turns);
    ly_jsonw_array(&s->w);
    for (size_t i = 0; i < s->m->n_input; i++) {
        const ly_message *m = &s->m->input[i];
        if (of_system(m)) {
            continue;
        }
        ly_jsonw_object(&s->w);
        ly_jsonw_kv_c(&s->w, "role", of_model(m) ? words.model : "user");
        ly_jsonw_key(&s->w, words.parts);
        ly_jsonw_array(&s->w);
        for (size_t k = 0; k < m->n_parts; k++) {
            if (sent(&m->parts[k])) {
                put(s, &m->parts[k]);
            }
        }
        ly_jsonw_array_end(&s->w);
        ly_jsonw_object_end(&s->w);
    }
    ly_jsonw_array_end(&s->w);
}

/* The tools as one list; `schema` is what the form calls a tool's parameters. */
static void plain_tools(sending *s, const char *schema)
{
    ly_jsonw_array(&s->w);
    for (size_t i = 0; i < s->m->n_tools; i++) {
        const ly_tool_def *t = &s->m->tools[i];
        ly_jsonw_object(&s->w);
        ly_jsonw_kv_str(&s->w, "name", t->name);
        ly_jsonw_kv_str(&s->w, "description", t->description);
        ly_jsonw_key(&s->w, schema);
        value(s, t->parameters);
        ly_jsonw_object_end(&s->w);
    }
    ly_jsonw_array_end(&s->w);
}

/* ---- Anthropic ------------------------------------------------------------------------------- */

static void anthropic_part(sending *s, const ly_part *p)
{
    ly_jsonw_object(&s->w);
    if (p->kind == LY_PART_TEXT) {
        ly_jsonw_kv_c(&s->w, "type", "text");
        ly_jsonw_kv_str(&s->w, "text", p->text);
    } else if (p->kind == LY_PART_TOOL_CALL) {
        ly_jsonw_kv_c(&s->w, "type", "tool_use");
        ly_jsonw_kv_str(&s->w, "id", p->tool_id);
        ly_jsonw_kv_str(&s->w, "name", p->tool_name);
        ly_jsonw_key(&s->w, "input");
        value(s, p->arguments);
    } else {
        ly_jsonw_kv_c(&s->w, "type", "tool_result");
        ly_jsonw_kv_str(&s->w, "tool_use_id", p->tool_id);
        ly_jsonw_kv_str(&s->w, "content", p->text);
    }
    ly_jsonw_object_end(&s->w);
}

static void anthropic_body(sending *s, ly_str model)
{
    double v = 1024;
    ly_str system = system_text(s);
    (void)number(s, "gen_ai.request.max_tokens", &v);
    ly_jsonw_kv_str(&s->w, "model", model);
    ly_jsonw_kv_double(&s->w, "max_tokens", v);
    if (system.len) {
        ly_jsonw_kv_str(&s->w, "system", system);
    }
    turns(s, (turn_words){"messages", "assistant", "content"}, anthropic_part);
    if (s->m->n_tools) {
        ly_jsonw_key(&s->w, "tools");
        plain_tools(s, "input_schema");
    }
    setting(s, "gen_ai.request.temperature", "temperature");
    setting(s, "gen_ai.request.top_p", "top_p");
}

/* ---- Gemini ---------------------------------------------------------------------------------- */

static void gemini_part(sending *s, const ly_part *p)
{
    ly_jsonw_object(&s->w);
    if (p->kind == LY_PART_TEXT) {
        ly_jsonw_kv_str(&s->w, "text", p->text);
    } else {
        bool call = p->kind == LY_PART_TOOL_CALL;
        ly_jsonw_key(&s->w, call ? "functionCall" : "functionResponse");
        ly_jsonw_object(&s->w);
        ly_jsonw_kv_str(&s->w, "name", p->tool_name);
        ly_jsonw_key(&s->w, call ? "args" : "response");
        ly_str text = ly_str_trim(p->text);
        if (call || (text.len > 0 && text.ptr[0] == '{')) {
            value(s, call ? p->arguments : text);
        } else {
            ly_jsonw_object(&s->w);
            ly_jsonw_kv_str(&s->w, "result", p->text);
            ly_jsonw_object_end(&s->w);
        }
        ly_jsonw_object_end(&s->w);
    }
    ly_jsonw_object_end(&s->w);
}

static void gemini_body(sending *s)
{
    ly_str system = system_text(s);
    if (system.len) {
        ly_part text = {.kind = LY_PART_TEXT, .text = system};
        ly_jsonw_key(&s->w, "systemInstruction");
        ly_jsonw_object(&s->w);
        ly_jsonw_key(&s->w, "parts");
        ly_jsonw_array(&s->w);
        gemini_part(s, &text);
        ly_jsonw_array_end(&s->w);
        ly_jsonw_object_end(&s->w);
    }
    turns(s, (turn_words){"contents", "model", "parts"}, gemini_part);
    if (s->m->n_tools) {
        ly_jsonw_key(&s->w, "tools");
        ly_jsonw_array(&s->w);
        ly_jsonw_object(&s->w);
        ly_jsonw_key(&s->w, "functionDeclarations");
        plain_tools(s, "parameters");
        ly_jsonw_object_end(&s->w);
        ly_jsonw_array_end(&s->w);
    }
    ly_jsonw_key(&s->w, "generationConfig");
    ly_jsonw_object(&s->w);
    setting(s, "gen_ai.request.max_tokens", "maxOutputTokens");
    setting(s, "gen_ai.request.temperature", "temperature");
    setting(s, "gen_ai.request.top_p", "topP");
    ly_jsonw_object_end(&s->w);
}

/* ---- the line -------------------------------------------------------------------------------- */

/* Inside single quotes of a shell: ' ends, is quoted, begins again. */
static void shell_quoted(ly_buf *out, ly_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'') {
            ly_buf_c(out, "'\\''");
        } else {
            ly_buf_char(out, text.ptr[i]);
        }
    }
}

/* Letters, digits and marks that end no word of a shell and begin no part of an address. */
static bool plain(ly_str text, const char *marks)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  (c != '\0' && strchr(marks, c) != NULL);
        if (!ok) {
            return false;
        }
    }
    return text.len > 0;
}

/* The address that was called, where the span says it; else the provider's. */
static void base_url(const ly_canon *c, const provider *p, ly_buf *out)
{
    ly_str host = c->server_address;
    if (!plain(host, ".-:[]")) {
        ly_buf_fmt(out, "\"%s", p->base);
        return;
    }
    bool local = ly_str_eqc(host, "localhost") || ly_str_starts(host, LY_S("127.")) ||
                 ly_str_eqc(host, "[::1]");
    ly_buf_fmt(out, "\"%s://%.*s", local ? "http" : "https", LY_STR_ARG(host));
    if (c->server_port > 0 && c->server_port != 443) {
        ly_buf_fmt(out, ":%lld", (long long)c->server_port);
    }
    if (p->form == FORM_OPENAI) {
        /* Some have their OpenAI form below a path of its own. */
        const char *path = strstr(p->base, "://");
        path = path != NULL && p->base[0] != '$' ? strchr(path + 3, '/') : NULL;
        ly_buf_c(out, path != NULL ? path : "/v1");
    }
}

ly_status ly_viewer_curl(const ly_span_full *full, const ly_messages *messages, ly_arena *arena,
                         ly_buf *out, ly_err *err)
{
    const ly_canon *c = &full->canon;
    const provider *p = provider_of(c);
    ly_str model = c->request_model.len ? c->request_model : c->response_model;
    if (c->type != LY_TYPE_GENERATION || messages->n_input + messages->n_system == 0) {
        return LY_FAIL(err, LY_E_INVALID,
                       c->type == LY_TYPE_GENERATION
                           ? "this generation carries no messages to send again; `lydite connect` "
                             "names the client's content switch"
                           : "only a generation can be sent again as a curl line");
    }
    sending s = {.full = full, .m = messages, .arena = arena};
    ly_buf body;
    ly_buf_init(&body, LY_MAX_OUTPUT_BYTES);
    ly_jsonw_init(&s.w, &body, 0);
    ly_jsonw_object(&s.w);
    if (p->form == FORM_ANTHROPIC) {
        anthropic_body(&s, model);
    } else if (p->form == FORM_GEMINI) {
        gemini_body(&s);
    } else {
        openai_body(&s, model);
    }
    ly_jsonw_object_end(&s.w);
    ly_status st = ly_jsonw_end(&s.w, err);
    if (st == LY_OK) {
        ly_buf_c(out, "curl -sS ");
        base_url(c, p, out);
        if (p->form == FORM_ANTHROPIC) {
            ly_buf_fmt(out,
                       "/v1/messages\" \\\n  -H \"x-api-key: $%s\" \\\n"
                       "  -H 'anthropic-version: 2023-06-01' \\\n",
                       p->key);
        } else if (p->form == FORM_GEMINI) {
            bool named = plain(model, ".-_/");
            ly_buf_fmt(
                out, "/v1beta/models/%.*s:generateContent\" \\\n  -H \"x-goog-api-key: $%s\" \\\n",
                LY_STR_ARG(named ? model : LY_S("MODEL")), p->key);
        } else {
            ly_buf_fmt(out, "/chat/completions\" \\\n  -H \"authorization: Bearer $%s\" \\\n",
                       p->key);
        }
        ly_buf_c(out, "  -H 'content-type: application/json' \\\n  -d '");
        shell_quoted(out, ly_buf_view(&body));
        ly_buf_c(out, "'\n");
    }
    ly_buf_release(&body);
    return st;
}
