/*
 * text: is complete: what anyone can read in a span is found, with the full-text index as without. Words are
 * taken at random from the messages of every recorded payload, and of spans that are made to be awkward:
 * JSON with escapes in JSON with escapes, numbers that the wire holds in binary, quotes, tabs, letters
 * outside of ASCII, bytes that are no UTF-8.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fold.h"
#include "base/limits.h"
#include "base/mem.h"
#include "genai/messages.h"
#include "ingest/ingest.h"

static uint64_t seed = 11;

static uint32_t dice(uint32_t n)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 33) % n;
}

/* ---- words of a span ---- */

typedef struct asking {
    ly_store *store;
    ly_trace_id trace;
    const char *stage;
    size_t asked;
} asking;

static size_t found(const asking *a, ly_str words, bool narrow)
{
    ly_err err = LY_ERR_INIT;
    ly_filter *f = NULL;
    ly_buf text;
    char hex[33];
    ly_buf_init(&text, LY_KIB(16));
    ly_hex_encode(a->trace.b, 16, hex);
    ly_buf_fmt(&text, "origin:any %s%s text:\"", narrow ? "trace:" : "", narrow ? hex : "");
    for (size_t i = 0; i < words.len; i++) {
        if (words.ptr[i] == '"' || words.ptr[i] == '\\')
            ly_buf_char(&text, '\\');
        ly_buf_char(&text, words.ptr[i]);
    }
    ly_buf_char(&text, '"');
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    ly_arena arena;
    ly_trace_row *rows = NULL;
    size_t n = 0;
    bool more = false;
    ly_arena_init(&arena, 0, 0);
    if (ly_filter_parse(ly_buf_view(&text), NULL, &f, NULL, &err) != LY_OK)
        fail_msg("%s: %s", ly_buf_text(&text), err.text);
    query.filter = f;
    query.limit = 10;
    if (ly_store_trace_page(a->store, &query, &arena, &rows, &n, NULL, &more, &err) != LY_OK)
        fail_msg("%s: %s", ly_buf_text(&text), err.text);
    ly_filter_free(f);
    ly_arena_release(&arena);
    ly_buf_release(&text);
    return n;
}

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* The words without their case find what they were taken from, whatever its case. */
static void ask_folded(asking *a, ly_str words)
{
    ly_buf folded;
    char letter[4];
    ly_buf_init(&folded, LY_KIB(4));
    for (size_t i = 0; i < words.len;) {
        size_t n = ly_fold_next(words, &i, letter);
        ly_buf_add(&folded, letter, n);
    }
    if (found(a, ly_buf_view(&folded), true) != 1) {
        char hex[33];
        ly_hex_encode(a->trace.b, 16, hex);
        fail_msg("%s: trace %s holds \"%.*s\" and is not found without its case", a->stage, hex,
                 LY_STR_ARG(words));
    }
    ly_buf_release(&folded);
}

/* A few bytes of the text, whole characters. */
static void ask_some(asking *a, ly_str text)
{
    if (text.len < 3)
        return;
    size_t from = dice((uint32_t)text.len), len = 3 + dice(24);
    while (from > 0 && continues(text.ptr[from]))
        from--;
    if (from + len > text.len)
        len = text.len - from;
    while (from + len < text.len && continues(text.ptr[from + len]))
        len++;
    ly_str words = ly_str_sub(text, from, len);
    if (words.len == 0)
        return;
    if (found(a, words, true) != 1) {
        char hex[33];
        ly_hex_encode(a->trace.b, 16, hex);
        fail_msg("%s: trace %s holds \"%.*s\" and is not found", a->stage, hex, LY_STR_ARG(words));
    }
    ask_folded(a, words);
    a->asked++;
}

static void ask_messages(asking *a, const ly_message *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < list[i].n_parts; k++) {
            const ly_part *p = &list[i].parts[k];
            if (p->kind == LY_PART_MEDIA)
                continue;
            ask_some(a, p->text);
            ask_some(a, p->arguments);
        }
}

static ly_status ask_span(void *user, ly_trace_id trace, const ly_node *node, ly_err *err)
{
    asking *a = user;
    ly_arena arena;
    ly_span_full *full = NULL;
    ly_messages m;
    memset(&m, 0, sizeof m);
    a->trace = trace;
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_store_span_load(a->store, trace, node->span_id, &arena, &full, err);
    if (!st)
        st = ly_genai_messages(&full->span, full->logs, full->n_logs, &arena, &m);
    if (!st) {
        ask_messages(a, m.system, m.n_system);
        ask_messages(a, m.input, m.n_input);
        ask_messages(a, m.output, m.n_output);
        ask_some(a, m.query);
        ask_some(a, m.tool_arguments);
        ask_some(a, m.tool_result);
        for (size_t i = 0; i < m.n_documents; i++)
            ask_some(a, m.documents[i].content);
    }
    ly_arena_release(&arena);
    return st;
}

static size_t ask_all(ly_store *store, const char *stage)
{
    asking a = {.store = store, .stage = stage};
    ly_trace_query query = LY_TRACE_QUERY_INIT;
    ly_err err = LY_ERR_INIT;
    query.any_origin = true;
    if (ly_store_span_scan(store, &query, ask_span, &a, &err) != LY_OK)
        fail_msg("%s: %s", stage, err.text);
    return a.asked;
}

static ly_store *open_at(char *path)
{
    ly_store *store = NULL;
    ly_err err = LY_ERR_INIT;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = LY_STORE_WRITER;
    opts.durability = LY_DURABLE_NORMAL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    (void)unlink(path);
    if (ly_store_open(path, &opts, &store, &err) != LY_OK)
        fail_msg("%s", err.text);
    return store;
}

static void close_at(ly_store *store, const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    ly_store_close(store);
    for (size_t i = 0; i < LY_COUNT(ends); i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

static void settle_and_index(ly_store *store, bool index)
{
    ly_err err = LY_ERR_INIT;
    int64_t left = -1;
    if (ly_store_settle(store, 0, true, &left, &err) != LY_OK)
        fail_msg("%s", err.text);
    if (index && ly_store_text_index(store, 0, true, &left, &err) != LY_OK)
        fail_msg("%s", err.text);
}

static void ingest(ly_store *store, ly_str bytes, bool json, ly_signal signal)
{
    const ly_ingest_config config = {.book = NULL};
    ly_err err = LY_ERR_INIT;
    ly_ingest_outcome done;
    memset(&done, 0, sizeof done);
    if (ly_ingest_bytes(&config, store, bytes, json ? LY_OTLP_JSON : LY_OTLP_PROTO, signal, &done,
                        &err) != LY_OK)
        fail_msg("%s", err.text);
}

/* ---- recorded ---- */

static bool read_file(const char *path, ly_buf *out)
{
    char chunk[65536];
    size_t n;
    FILE *f = fopen(path, "rb");
    ly_buf_reset(out);
    while (f && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
        ly_buf_add(out, chunk, n);
    if (f)
        (void)fclose(f);
    return f != NULL;
}

static size_t ingest_folder(ly_store *store, const char *folder)
{
    DIR *dir = opendir(folder);
    size_t n = 0;
    ly_buf bytes;
    ly_buf_init(&bytes, LY_MIB(64));
    for (const struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        char path[700], about[700];
        size_t len = strlen(e->d_name);
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%.400s/%.255s", folder, e->d_name);
        if (len < 5 || strcmp(e->d_name + len - 4, ".bin") != 0) {
            if (!strchr(e->d_name, '.') || strlen(folder) < 400)
                n += ingest_folder(store, path);
            continue;
        }
        snprintf(about, sizeof about, "%.*sjson", (int)(strlen(path) - 3), path);
        assert_true(read_file(about, &bytes));
        bool logs = strstr(ly_buf_text(&bytes), "logs\"") != NULL;
        bool metrics = strstr(ly_buf_text(&bytes), "metrics\"") != NULL;
        bool packed = strstr(ly_buf_text(&bytes), "\"gzip\"") != NULL;
        if (metrics || packed)
            continue;
        assert_true(read_file(path, &bytes));
        ingest(store, ly_buf_view(&bytes), bytes.len && bytes.ptr[0] == '{',
               logs ? LY_SIGNAL_LOGS : LY_SIGNAL_TRACES);
        n++;
    }
    if (dir)
        (void)closedir(dir);
    ly_buf_release(&bytes);
    return n;
}

static void recorded(void **state)
{
    (void)state;
    char path[] = "/tmp/lydite-words-XXXXXX";
    if (access(LY_SHARED_DIR "/data/corpus", R_OK) != 0)
        skip();
    ly_store *store = open_at(path);
    assert_true(ingest_folder(store, LY_SHARED_DIR "/data/corpus") > 100);
    settle_and_index(store, true);
    size_t n = ask_all(store, "recorded");
    print_message("%zu words asked for\n", n);
    assert_true(n > 2000);
    close_at(store, path);
}

/* ---- made to be awkward ---- */

static const char *const pieces[] = {
    "refund",
    "K\xc3\xb6ln",
    "\xe9\xa0\x98\xe5\x8f\x8e\xe6\x9b\xb8",
    "\xf0\x9f\x9a\x80",
    "say \"hi\"",
    "C:\\users\\new",
    "a/b",
    "line one\nline two",
    "tab\there",
    "12345",
    "-1.5e+20",
    "true",
    "null",
    "<b>&amp;",
    "{\"k\":1}",
    "[1,2,3]",
    "u00e9",
    "\\u00e9",
    "beef",
    "\x1b[31m",
    "100%",
    "a_b*c",
    "'single'",
    "\xe2\x80\xa8",
    "\xc3\x89LAN",                                              /* É */
    "\xd0\x96\xd0\xa3\xd0\x9a \xd1\x96",                        /* ЖУК і */
    "\xce\xa3\xce\x8a\xce\xa3\xce\xa5\xce\xa6\xce\x9f\xcf\x82", /* ΣΊΣΥΦΟς */
    "300 \xe2\x84\xaa",                                         /* the Kelvin sign */
    "Ma\xc5\xbf\xc5\xbf",                                       /* long s */
    "STRA\xe1\xba\x9e"
    "E",                /* capital sharp s */
    "\xc8\xba\xc8\xbe", /* longer when small */
};

static void words(ly_buf *out)
{
    for (uint32_t i = 0, n = 1 + dice(9); i < n; i++) {
        ly_buf_c(out, i && dice(3) ? " " : "");
        ly_buf_c(out, pieces[dice(LY_COUNT(pieces))]);
    }
}

static void put_unit(ly_buf *out, uint32_t c, bool upper)
{
    ly_buf_fmt(out, upper ? "\\u%04X" : "\\u%04x", (unsigned)c);
}

/* JSON in one of the ways that serializers have: letters outside of ASCII as they are or as \uXXXX, "/"
 * escaped or not, controls short or long. */
static void quoted(ly_str s, uint32_t style, ly_buf *out)
{
    ly_buf_char(out, '"');
    for (size_t i = 0; i < s.len;) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x80 && (style & 1)) {
            uint32_t v = c < 0xe0 ? c & 0x1f : c < 0xf0 ? c & 0x0f : c & 7;
            size_t more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
            for (size_t k = 1; k <= more; k++)
                v = v << 6 | ((unsigned char)s.ptr[i + k] & 0x3f);
            i += more + 1;
            if (v >= 0x10000) {
                put_unit(out, 0xd800 + ((v - 0x10000) >> 10), style & 2);
                v = 0xdc00 + ((v - 0x10000) & 0x3ff);
            }
            put_unit(out, v, style & 2);
            continue;
        }
        i++;
        if (c == '"' || c == '\\' || (c == '/' && (style & 4)))
            ly_buf_fmt(out, "\\%c", c);
        else if (c == '\n' && !(style & 8))
            ly_buf_c(out, "\\n");
        else if (c < 0x20 || ((c == '<' || c == '&') && (style & 2)))
            put_unit(out, c, style & 2);
        else
            ly_buf_char(out, (char)c);
    }
    ly_buf_char(out, '"');
}

/* A JSON value with words in it, nested a little; strings of it may hold JSON again. */
static void json(int depth, uint32_t style, ly_buf *out)
{
    ly_buf inner;
    uint32_t what = depth > 2 ? dice(3) : dice(7);
    ly_buf_init(&inner, LY_MIB(1));
    switch (what) {
    case 0:
        ly_buf_fmt(out, "%d", (int)dice(100000));
        break;
    case 1:
    case 2:
        words(&inner);
        quoted(ly_buf_view(&inner), style, out);
        break;
    case 3:
        json(depth + 1, style, &inner);
        quoted(ly_buf_view(&inner), dice(16), out);
        break;
    default:
        ly_buf_char(out, what < 6 ? '{' : '[');
        for (uint32_t i = 0, n = 1 + dice(3); i < n; i++) {
            ly_buf_c(out, i ? ", " : "");
            if (what < 6)
                ly_buf_fmt(out, "\"key%u\": ", (unsigned)i);
            json(depth + 1, style, out);
        }
        ly_buf_char(out, what < 6 ? '}' : ']');
    }
    ly_buf_release(&inner);
}

/* An AnyValue in OTLP/JSON that is no string where there is a choice. */
static void any(int depth, ly_buf *out)
{
    ly_buf text;
    uint32_t what = depth > 2 ? dice(5) : dice(8);
    ly_buf_init(&text, LY_MIB(1));
    switch (what) {
    case 0:
        ly_buf_fmt(out, "{\"intValue\":\"%lld\"}",
                   (long long)dice(1u << 31) * (dice(2) ? 1 : -9999));
        break;
    case 1:
        ly_buf_fmt(out, "{\"doubleValue\":%u.%u}", (unsigned)dice(100000), (unsigned)dice(100));
        break;
    case 2:
        ly_buf_fmt(out, "{\"boolValue\":%s}", dice(2) ? "true" : "false");
        break;
    case 3:
    case 4:
        words(&text);
        ly_buf_c(out, "{\"stringValue\":");
        quoted(ly_buf_view(&text), dice(16), out);
        ly_buf_char(out, '}');
        break;
    case 5:
        ly_buf_c(out, "{\"arrayValue\":{\"values\":[");
        for (uint32_t i = 0, n = dice(4); i < n; i++) {
            ly_buf_c(out, i ? "," : "");
            any(depth + 1, out);
        }
        ly_buf_c(out, "]}}");
        break;
    default:
        ly_buf_c(out, "{\"kvlistValue\":{\"values\":[");
        for (uint32_t i = 0, n = dice(4); i < n; i++) {
            ly_buf_fmt(out, "%s{\"key\":\"k%u\",\"value\":", i ? "," : "", (unsigned)i);
            any(depth + 1, out);
            ly_buf_char(out, '}');
        }
        ly_buf_c(out, "]}}");
    }
    ly_buf_release(&text);
}

static void attr(const char *key, ly_buf *out)
{
    ly_buf value;
    ly_buf_init(&value, LY_MIB(1));
    ly_buf_fmt(out, ",{\"key\":\"%s\",\"value\":", key);
    if (dice(3) == 0) {
        any(0, out);
    } else {
        json(0, dice(16), &value);
        ly_buf_c(out, "{\"stringValue\":");
        quoted(ly_buf_view(&value), dice(16), out);
        ly_buf_char(out, '}');
    }
    ly_buf_char(out, '}');
    ly_buf_release(&value);
}

static void awkward_span(unsigned n, ly_buf *out)
{
    static const char *const operations[] = {"chat", "execute_tool", "retrieval", "invoke_agent"};
    static const char *const keys[] = {"gen_ai.input.messages",
                                       "gen_ai.output.messages",
                                       "gen_ai.tool.call.arguments",
                                       "gen_ai.tool.call.result",
                                       "input.value",
                                       "output.value",
                                       "gen_ai.retrieval.documents",
                                       "traceloop.entity.output"};
    ly_buf_fmt(out,
               "{\"traceId\":\"%032x\",\"spanId\":\"%016x\",\"name\":\"s\",\"kind\":1,"
               "\"startTimeUnixNano\":\"%llu\",\"endTimeUnixNano\":\"%llu\",\"attributes\":["
               "{\"key\":\"gen_ai.operation.name\",\"value\":{\"stringValue\":\"%s\"}}",
               n / 3 + 1, n + 1, 1795000000000000000ULL + n, 1795000001000000000ULL + n,
               operations[dice(LY_COUNT(operations))]);
    for (size_t i = 0; i < LY_COUNT(keys); i++)
        if (dice(2))
            attr(keys[i], out);
    ly_buf_c(out, "]}");
}

static void awkward(void **state)
{
    (void)state;
    char path[] = "/tmp/lydite-words-XXXXXX";
    ly_store *store = open_at(path);
    ly_buf body;
    ly_buf_init(&body, LY_MIB(32));
    for (unsigned batch = 0; batch < 8; batch++) {
        ly_buf_reset(&body);
        ly_buf_c(&body, "{\"resourceSpans\":[{\"resource\":{},\"scopeSpans\":[{\"spans\":[");
        for (unsigned i = 0; i < 60; i++) {
            ly_buf_c(&body, i ? "," : "");
            awkward_span(batch * 60 + i, &body);
        }
        ly_buf_c(&body, "]}]}]}");
        assert_int_equal(body.failed, LY_OK);
        ingest(store, ly_buf_view(&body), true, LY_SIGNAL_TRACES);
        if (batch == 4)
            settle_and_index(store, true);
    }
    size_t n = ask_all(store, "half of it indexed");
    settle_and_index(store, true);
    n += ask_all(store, "indexed");
    n += ask_all(store, "indexed, again");
    print_message("%zu words asked for\n", n);
    assert_true(n > 1500);
    ly_buf_release(&body);
    close_at(store, path);
}

/* Escapes in what is shown as JSON are not in the way of a reader's words. */
static void what_is_meant(void **state)
{
    (void)state;
    char path[] = "/tmp/lydite-words-XXXXXX";
    ly_store *store = open_at(path);
    ly_str body = LY_S(
        "{\"resourceSpans\":[{\"resource\":{},\"scopeSpans\":[{\"spans\":[{\"traceId\":"
        "\"000000000000000000000000000000aa\",\"spanId\":\"00000000000000aa\",\"name\":\"t\","
        "\"startTimeUnixNano\":\"1795000000000000000\",\"endTimeUnixNano\":"
        "\"1795000000000000001\",\"attributes\":[{\"key\":\"gen_ai.operation.name\",\"value\":"
        "{\"stringValue\":\"execute_tool\"}},{\"key\":\"gen_ai.tool.call.arguments\",\"value\":"
        "{\"stringValue\":\"{\\\"city\\\": \\\"K\\\\u00f6ln\\\", \\\"said\\\": \\\"she "
        "\\\\\\\"really"
        "\\\\\\\" left\\\\nat noon\\\", \\\"more\\\": \\\"{\\\\\\\"s\\\\\\\": "
        "\\\\\\\"caf\\\\\\\\u00e9\\\\\\\"}\\\"}\"}},"
        "{\"key\":\"gen_ai.tool.call.result\",\"value\":{\"intValue\":\"987654321\"}}]}]}]}]}");
    ingest(store, body, true, LY_SIGNAL_TRACES);
    asking a = {.store = store};
    static const char *const meant[] = {"K\xc3\xb6ln",
                                        "k\xc3\xb6ln",
                                        "really",
                                        "\"really\" left",
                                        "left\nat noon",
                                        "caf\xc3\xa9",
                                        "K\\u00f6ln",
                                        "987654321",
                                        "7654",
                                        "\"city\"",
                                        "{\"s\": \"caf\xc3\xa9\"}"};
    for (int indexed = 0; indexed < 2; indexed++) {
        for (size_t i = 0; i < LY_COUNT(meant); i++)
            if (found(&a, ly_str_c(meant[i]), false) != 1)
                fail_msg("%s%s", meant[i], indexed ? " (indexed)" : "");
        assert_int_equal(found(&a, LY_S("cafe"), false), 0);
        assert_int_equal(found(&a, LY_S("98765432 1"), false), 0);
        settle_and_index(store, true);
    }
    close_at(store, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_meant),
        cmocka_unit_test(awkward),
        cmocka_unit_test(recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
