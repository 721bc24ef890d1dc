#include "gen.h"

#include "base/jscan.h"
#include "base/limits.h"
#include "otlp/encode.h"

static const char *const words[] = {
    "the",      "of",          "and",      "to",      "in",        "a",         "is",
    "that",     "for",         "it",       "as",      "was",       "with",      "be",
    "by",       "on",          "not",      "he",      "this",      "are",       "or",
    "his",      "from",        "at",       "which",   "but",       "have",      "an",
    "had",      "they",        "you",      "were",    "their",     "one",       "all",
    "we",       "can",         "her",      "has",     "there",     "been",      "if",
    "more",     "when",        "will",     "would",   "who",       "so",        "no",
    "order",    "customer",    "shipping", "refund",  "policy",    "invoice",   "account",
    "status",   "delivery",    "document", "section", "paragraph", "retrieval", "answer",
    "question", "model",       "token",    "context", "window",    "agent",     "tool",
    "search",   "result",      "index",    "vector",  "query",     "system",    "database",
    "record",   "transaction", "commit",   "schema",  "column",    "row",       "table",
    "function", "variable",    "pointer",  "memory",  "thread",    "signal",    "city",
    "weather",  "winter",      "summer",   "river",   "mountain",  "harbour",   "station",
    "ticket",
};

static uint64_t draw(gen *g)
{
    g->state ^= g->state << 13;
    g->state ^= g->state >> 7;
    g->state ^= g->state << 17;
    return g->state;
}

void gen_init(gen *g, uint64_t seed, gen_shape shape)
{
    *g = (gen){.state = seed * 0x9E3779B97F4A7C15ull + 1, .shape = shape};
    ly_buf_init(&g->history, LY_MIB(4));
}

void gen_release(gen *g)
{
    ly_buf_release(&g->history);
}

const char *gen_name(gen_shape shape)
{
    static const char *const names[] = {"small", "2k", "17k"};
    return names[shape];
}

/* Frequent words first, as in text. */
static void sentence(gen *g, size_t bytes, ly_buf *out)
{
    size_t start = out->len;
    while (out->len - start < bytes) {
        uint64_t r = draw(g);
        size_t n = LY_COUNT(words), at = (size_t)((r % n) * ((r >> 20) % n) / n);
        ly_buf_c(out, words[at]);
        ly_buf_c(out, r >> 60 == 0 ? ". " : " ");
        if ((r >> 40) % 23 == 0)
            ly_buf_fmt(out, "%u ", (unsigned)(r >> 50));
    }
}

static void message(gen *g, const char *role, size_t bytes)
{
    ly_buf text;
    ly_buf_init(&text, LY_MIB(1));
    sentence(g, bytes, &text);
    if (g->history.len)
        ly_buf_char(&g->history, ',');
    ly_buf_fmt(&g->history, "{\"role\":\"%s\",\"parts\":[{\"type\":\"text\",\"content\":", role);
    (void)ly_jstr_put(&g->history, ly_buf_view(&text), 0);
    ly_buf_c(&g->history, "}]}");
    ly_buf_release(&text);
}

/* The next turn of the conversation, or the first of the next one. */
static void step(gen *g)
{
    g->turn = (g->turn + 1) % GEN_TURNS;
    if (g->turn == 0 || g->trace == 0) {
        g->turn = 0;
        g->trace++;
        ly_buf_reset(&g->history);
        if (g->shape != GEN_SMALL)
            message(g, "system", 400);
    }
    if (g->shape == GEN_SMALL)
        return;
    g->last = g->history.len ? g->history.len + 1 : 0;
    message(g, "user", 250 + draw(g) % 300);
    message(g, "assistant", 600 + draw(g) % 900);
}

static ly_kv text_attr(const char *key, ly_str value)
{
    return (ly_kv){ly_str_c(key), {.kind = LY_ANY_STRING, .str = value}};
}

static ly_kv int_attr(const char *key, int64_t value)
{
    return (ly_kv){ly_str_c(key), {.kind = LY_ANY_INT, .integer = value}};
}

static void put_ids(gen *g, ly_span *s)
{
    uint64_t hi = g->trace * 0xD6E8FEB86659FD93ull, id = draw(g) | 1;
    memcpy(s->trace_id.b, &g->trace, 8);
    memcpy(s->trace_id.b + 8, &hi, 8);
    memcpy(s->span_id.b, &id, 8);
}

static void one_span(gen *g, ly_buf *wire)
{
    ly_buf input;
    ly_span s = {
        .kind = LY_KIND_CLIENT, .name = LY_S("chat gpt-4o"), .flags = 0x101, .has_flags = true};
    step(g);
    put_ids(g, &s);
    s.start_ns = 1790000000000000000ull + g->trace * 40000000000ull + g->turn * 2000000000ull;
    s.end_ns = s.start_ns + 300000000 + draw(g) % 1500000000;
    ly_kv a[16];
    size_t n = 0;
    char response[40], session[40];
    snprintf(response, sizeof response, "chatcmpl-%016llx", (unsigned long long)draw(g));
    snprintf(session, sizeof session, "session-%llu", (unsigned long long)g->trace);
    a[n++] = text_attr("gen_ai.operation.name", LY_S("chat"));
    a[n++] = text_attr("gen_ai.provider.name", LY_S("openai"));
    a[n++] = text_attr("gen_ai.request.model", LY_S("gpt-4o"));
    a[n++] = text_attr("gen_ai.response.model", LY_S("gpt-4o-2024-08-06"));
    a[n++] = text_attr("gen_ai.response.id", ly_str_c(response));
    a[n++] = text_attr("gen_ai.conversation.id", ly_str_c(session));
    a[n++] = int_attr("gen_ai.usage.input_tokens", 200 + (int64_t)g->turn * 220);
    a[n++] = int_attr("gen_ai.usage.output_tokens", 150 + (int64_t)(draw(g) % 200));
    a[n++] = int_attr("gen_ai.usage.cache_read.input_tokens", (int64_t)g->turn * 200);
    a[n++] = text_attr("server.address", LY_S("api.openai.com"));
    a[n++] = int_attr("server.port", 443);
    ly_buf_init(&input, LY_MIB(8));
    if (g->shape != GEN_SMALL) {
        ly_str all = ly_buf_view(&g->history);
        ly_buf_char(&input, '[');
        ly_buf_str(&input, g->shape == GEN_2K ? ly_str_sub(all, g->last, all.len) : all);
        ly_buf_char(&input, ']');
        a[n++] = text_attr("gen_ai.input.messages", ly_buf_view(&input));
    }
    s.attrs = (ly_attrs){a, n, 0};
    ly_otlp_put_span(wire, &s);
    ly_buf_release(&input);
}

size_t gen_request(gen *g, size_t n, ly_buf *out)
{
    ly_arena arena;
    ly_buf wire, resource_wire;
    ly_kv service[] = {text_attr("service.name", LY_S("bench-agent")),
                       text_attr("deployment.environment.name", LY_S("bench"))};
    ly_resource resource = {.attrs = {service, LY_COUNT(service), 0}};
    ly_scope scope = {.name = LY_S("bench"), .version = LY_S("1")};
    size_t before = out->len;
    ly_arena_init(&arena, LY_MIB(1), 0);
    ly_buf_init(&wire, LY_MIB(8));
    ly_buf_init(&resource_wire, LY_KIB(4));
    ly_otlp_put_resource(&resource_wire, &resource);
    resource.wire = ly_buf_view(&resource_wire);
    ly_span *spans = LY_ARENA_ARRAY(&arena, ly_span, n);
    const ly_span **list = LY_ARENA_ARRAY(&arena, const ly_span *, n);
    for (size_t i = 0; i < n; i++) {
        ly_buf_reset(&wire);
        one_span(g, &wire);
        spans[i].wire = ly_arena_copy(&arena, ly_buf_view(&wire));
        spans[i].resource = &resource;
        spans[i].scope = &scope;
        list[i] = &spans[i];
    }
    if (ly_otlp_encode_traces(list, n, out, NULL))
        ly_buf_cut(out, before);
    ly_buf_release(&wire);
    ly_buf_release(&resource_wire);
    ly_arena_release(&arena);
    return out->len - before;
}
