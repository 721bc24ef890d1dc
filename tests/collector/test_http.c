/* OTLP/HTTP: requirements R1 to R21 of the conventions reference, its status tables and JSON rules. */
#include "kit.h"

#include <arpa/inet.h>
#include <libdeflate.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/utf8.h"
#include "collector/impl.h"
#include "collector/route.h"
#include "store/access_key.h"
#include "text/hash.h"
#include "text/json.h"

#define MAX_REQUEST LY_MIB(2)

static int setup(void **state)
{
    ly_collector_opts opts = LY_COLLECTOR_OPTS_INIT;
    opts.max_request_bytes = MAX_REQUEST;
    opts.budget_bytes = LY_MIB(4);
    return kit_make(state, &opts);
}

static ly_str spans(ly_buf *buf, uint64_t seed, size_t n)
{
    ly_buf_init(buf, LY_MIB(64));
    kit_spans(buf, seed, n, LY_S("x"));
    return ly_buf_view(buf);
}

static void answer_is(kit *k, const char *text)
{
    assert_string_equal(ly_buf_text(&k->answer), text);
}

static void answer_has(kit *k, const char *text)
{
    if (!strstr(ly_buf_text(&k->answer), text))
        fail_msg("\"%s\" is not in: %s", text, ly_buf_text(&k->answer));
}

/* R5, R6, R13 */
static void success_has_an_empty_message(void **state)
{
    kit *k = *state;
    ly_buf buf;
    ly_str body = spans(&buf, 1, 3);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO, body), 200);
    assert_int_equal(k->answer.len, 0);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO, LY_S("")), 200);
    assert_int_equal(k->answer.len, 0);
    assert_int_equal(
        kit_post(k, "/v1/traces", "Content-Type: application/json; charset=utf-8\r\n", LY_S("{}")),
        200);
    answer_is(k, "{}");
    assert_int_equal(kit_post(k, "/v1/logs", KIT_JSON, LY_S("{\"resourceLogs\":[]}")), 200);
    answer_is(k, "{}");
    assert_int_equal(kit_stats(k).stored, 3);
    ly_buf_release(&buf);
}

/* R20: ids make it idempotent */
static void a_resend_changes_nothing(void **state)
{
    kit *k = *state;
    ly_buf buf;
    ly_str body = spans(&buf, 2, 700); /* several commits */
    for (int i = 0; i < 3; i++)
        assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO, body), 200);
    ly_collector_stats s = kit_stats(k);
    assert_int_equal(s.stored, 700);
    assert_int_equal(s.merged, 1400);
    assert_int_equal(s.conflicts, 0);
    ly_buf_release(&buf);
}

static const char partial_json[] =
    "{\"resourceSpans\":[{\"futureField\":[1],\"scopeSpans\":[{\"spans\":["
    "{\"traceId\":\"5B8EFFF798038103D269B633813FC60C\",\"spanId\":\"EEE19B7EC3C1B174\",\"name\":"
    "\"good\","
    "\"startTimeUnixNano\":1544712660000000000,\"endTimeUnixNano\":\"1544712661000000000\","
    "\"kind\":3},"
    "{\"traceId\":\"00\",\"spanId\":\"EEE19B7EC3C1B175\",\"name\":\"bad\"},"
    "{\"traceId\":\"5B8EFFF798038103D269B633813FC60C\",\"spanId\":\"0000000000000000\",\"name\":"
    "\"bad\"}]}]}]}";

/* R7, R12, R16, R18 */
static void one_bad_span_is_rejected_alone(void **state)
{
    kit *k = *state;
    assert_int_equal(kit_post(k, "/v1/traces", KIT_JSON, ly_str_c(partial_json)), 200);
    answer_has(k, "\"rejectedSpans\":\"2\"");
    answer_has(k, "trace_id must be");
    ly_collector_stats s = kit_stats(k);
    assert_int_equal(s.stored, 1);
    assert_int_equal(s.rejected, 2);
    assert_int_equal(s.by_reason[LY_REJECT_TRACE_ID], 1);
    assert_int_equal(s.by_reason[LY_REJECT_SPAN_ID], 1);
    assert_int_equal(s.requests_partial, 1);
    /* The same in protobuf: a span with a trace id of two bytes. */
    static const char proto[] = "\x0a\x0e\x12\x0c\x12\x0a\x0a\x02zz\x12\x04zzzz";
    assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO, ly_str_n(proto, sizeof proto - 1)), 200);
    ly_otlp_partial partial;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    assert_int_equal(
        ly_otlp_read_response(ly_buf_view(&k->answer), LY_OTLP_PROTO, &arena, &partial, &k->err),
        LY_OK);
    assert_int_equal(partial.rejected, 1);
    assert_true(partial.message.len > 0);
    ly_arena_release(&arena);
}

/* Sent again in another encoding it is the same span; with another content it is kept as a conflict. */
static void a_resend_may_be_encoded_anew(void **state)
{
    static const char first[] =
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
        "\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\",\"name\":\"a\","
        "\"startTimeUnixNano\":\"1\",\"endTimeUnixNano\":\"2\",\"attributes\":["
        "{\"key\":\"x\",\"value\":{\"intValue\":\"1\"}},{\"key\":\"y\",\"value\":{}}]}]}]}]}";
    static const char again[] =
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"kind\":0,\"status\":{},\"attributes\":"
        "["
        "{\"key\":\"y\"},{\"value\":{\"intValue\":1},\"key\":\"x\"}],\"endTimeUnixNano\":2,"
        "\"startTimeUnixNano\":1,\"name\":\"a\",\"parentSpanId\":\"\",\"spanId\":"
        "\"EEE19B7EC3C1B174\",\"traceId\":\"5B8EFFF798038103D269B633813FC60C\"}]}]}]}";
    static const char other[] =
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
        "\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\",\"name\":\"b\","
        "\"startTimeUnixNano\":\"1\",\"endTimeUnixNano\":\"2\"}]}]}]}";
    kit *k = *state;
    assert_int_equal(kit_post(k, "/v1/traces", KIT_JSON, ly_str_c(first)), 200);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_JSON, ly_str_c(again)), 200);
    answer_is(k, "{}");
    assert_int_equal(kit_stats(k).merged, 1);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_JSON, ly_str_c(other)), 200);
    answer_has(k, "\"rejectedSpans\":\"1\"");
    assert_int_equal(kit_stats(k).conflicts, 1);
}

static size_t quarantined(kit *k, const char *kind)
{
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_quarantine_group *groups = NULL;
    ly_arena arena;
    size_t n = 0, found = 0;
    ly_arena_init(&arena, 0, 0);
    assert_int_equal(ly_store_open(k->db, &opts, &store, &k->err), LY_OK);
    assert_int_equal(ly_store_quarantine_groups(store, 20, &arena, &groups, &n, &k->err), LY_OK);
    for (size_t i = 0; i < n; i++)
        found += ly_str_eqc(groups[i].kind, kind) ? (size_t)groups[i].n : 0;
    ly_store_close(store);
    ly_arena_release(&arena);
    return found;
}

/* A request that cannot be read at all leaves a note for `lydite doctor`. */
static void undecodable_is_noted(void **state)
{
    kit *k = *state;
    assert_int_equal(kit_post(k, "/v1/traces", KIT_JSON, LY_S("{\"resourceSpans\":[")), 400);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO, LY_S("\xff\xff")), 400);
    int64_t until = ly_mono_ns() + 30 * LY_NS_PER_SEC;
    while (quarantined(k, "undecodable") < 2 && ly_mono_ns() < until)
        usleep(20000);
    assert_int_equal(quarantined(k, "undecodable"), 2);
}

/* R11, R12 */
static void undecodable_is_400_in_its_encoding(void **state)
{
    kit *k = *state;
    assert_int_equal(kit_post(k, "/v1/traces", KIT_JSON, LY_S("{\"resourceSpans\":[")), 400);
    answer_has(k, "\"message\":");
    answer_has(k, "google.rpc.BadRequest");
    assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO, LY_S("\x0a\xff\xff\xff\xff\x0f")), 400);
    ly_otlp_status status;
    ly_arena arena;
    ly_arena_init(&arena, 0, 0);
    assert_int_equal(
        ly_otlp_read_status(ly_buf_view(&k->answer), LY_OTLP_PROTO, &arena, &status, &k->err),
        LY_OK);
    assert_true(status.message.len > 0);
    assert_int_equal(status.n_violations, 1);
    assert_false(status.has_retry);
    ly_arena_release(&arena);
    assert_int_equal(kit_stats(k).refused[LY_REFUSED_MALFORMED], 2);
    assert_int_equal(kit_stats(k).received, 0);
}

static void method_type_and_encoding_are_checked(void **state)
{
    kit *k = *state;
    assert_int_equal(kit_get(k, "/v1/traces", NULL), 405);
    assert_int_equal(kit_post(k, "/v1/traces", "Content-Type: text/plain\r\n", LY_S("x")), 415);
    assert_int_equal(kit_post(k, "/v1/traces", "", LY_S("x")), 415);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO "Content-Encoding: br\r\n", LY_S("x")),
                     415);
    assert_int_equal(
        kit_post(k, "/v1/traces", KIT_PROTO "Content-Encoding: gzip, gzip\r\n", LY_S("x")), 415);
    assert_int_equal(kit_stats(k).refused[LY_REFUSED_UNSUPPORTED], 5);
}

/* R15: clients of other products post below prefixes of their own, with credentials we ignore. */
static void any_base_path(void **state)
{
    static const char *const paths[] = {"/v1/traces",      "/api/public/otel/v1/traces",
                                        "/otel/v1/traces", "/api/otel/v1/traces",
                                        "/v1/traces/",     "/a/b/c/v1/traces"};
    kit *k = *state;
    for (size_t i = 0; i < LY_COUNT(paths); i++) {
        ly_buf buf;
        ly_str body = spans(&buf, 100 + i, 1);
        assert_int_equal(kit_post(k, paths[i], KIT_PROTO "Authorization: Basic cGs6c2s=\r\n", body),
                         200);
        ly_buf_release(&buf);
    }
    assert_int_equal(kit_stats(k).stored, LY_COUNT(paths));
}

static ly_str pack(ly_str plain, bool gzip, char **ret)
{
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
    size_t room = libdeflate_gzip_compress_bound(c, plain.len);
    *ret = ly_malloc(room);
    assert_non_null(*ret);
    size_t n = gzip ? libdeflate_gzip_compress(c, plain.ptr, plain.len, *ret, room)
                    : libdeflate_zlib_compress(c, plain.ptr, plain.len, *ret, room);
    libdeflate_free_compressor(c);
    return ly_str_n(*ret, n);
}

/* R1 */
static void gzip_and_deflate(void **state)
{
    kit *k = *state;
    ly_buf buf;
    char *packed = NULL;
    ly_str body = spans(&buf, 5, 50);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO "Content-Encoding: gzip\r\n",
                              pack(body, true, &packed)),
                     200);
    ly_free(packed);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO "Content-Encoding: deflate\r\n",
                              pack(body, false, &packed)),
                     200);
    ly_free(packed);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO "Content-Encoding: gzip\r\n",
                              LY_S("not gzip at all....")),
                     400);
    assert_int_equal(kit_stats(k).stored, 50);
    assert_int_equal(kit_stats(k).merged, 50);
    ly_buf_release(&buf);
}

static void post_service(kit *k, unsigned trace, const char *service)
{
    char body[1200];
    snprintf(
        body, sizeof body,
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
        "{\"stringValue\":\"%s\"}}]},\"scopeSpans\":[{\"spans\":[{\"traceId\":\"%032x\","
        "\"spanId\":\"%016x\",\"name\":\"x\",\"startTimeUnixNano\":\"1000000000\","
        "\"endTimeUnixNano\":\"1000000001\"}]}]}]}",
        service, trace, trace);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_JSON, ly_str_c(body)), 200);
}

/* Names that differ only at their end are two services; one of common length stands there whole. */
static void long_service_names(void **state)
{
    kit *k = *state;
    char name[512], whole[128], want[200];
    memset(name, 'n', sizeof name);
    memset(whole, 'w', sizeof whole);
    whole[100] = 0;
    name[400] = 0;
    for (unsigned i = 0; i < 2; i++) {
        name[399] = i ? 'b' : 'a';
        post_service(k, 901 + i, name);
    }
    post_service(k, 903, whole);
    assert_int_equal(kit_get(k, "/metrics", ""), 200);
    const char *text = ly_buf_text(&k->answer), *first = strstr(text, "service=\"nnnn");
    assert_non_null(first);
    const char *end = strchr(first + 9, '"');
    assert_non_null(end);
    assert_non_null(memmem(first, (size_t)(end - first), "\xe2\x80\xa6", 3));
    size_t others = 0;
    for (const char *at = first; (at = strstr(at, "service=\"nnnn")) != NULL; at++)
        others += strncmp(at, first, (size_t)(end - first)) != 0;
    assert_true(others > 0);
    snprintf(want, sizeof want, "service=\"%s\"", whole);
    assert_non_null(strstr(text, want));
}

/* A page that is not UTF-8, or has a series twice, is lost as a whole to who reads it. */
static void odd_service_names(void **state)
{
    kit *k = *state;
    post_service(k, 911, "bad\xff");
    post_service(k, 912, "bad\xfe");
    post_service(k, 913, "two\\nlines");
    post_service(k, 914, "two lines");
    post_service(k, 915, "(other)");
    for (unsigned i = 0; i < LY_STATS_SERVICES; i++) {
        char name[32];
        snprintf(name, sizeof name, "many-%u", i);
        post_service(k, 1000 + i, name);
    }
    assert_int_equal(kit_get(k, "/metrics", ""), 200);
    ly_str text = ly_buf_view(&k->answer);
    assert_true(ly_utf8_valid(text));
    static const char *const once[] = {"service=\"bad", "service=\"two\\nlines\"",
                                       "service=\"two lines\"", "service=\"(other)\""};
    for (size_t i = 0; i < LY_COUNT(once); i++) {
        size_t n = 0, at = 0;
        for (; (at = ly_str_find(text, ly_str_c(once[i]), at)) != SIZE_MAX; at++)
            n += ly_str_find(text, LY_S("kind=\"span\""), at) < ly_str_find_char(text, '\n', at);
        assert_int_equal(n, i == 0 ? 2 : 1);
    }
}

/* What goes into a file that no path leads to any more is not stored. */
static void a_moved_database_takes_nothing(void **state)
{
    kit *k = *state;
    char away[128];
    ly_buf buf;
    ly_str body = spans(&buf, 21, 3);
    snprintf(away, sizeof away, "%s.away", k->db);
    assert_int_equal(rename(k->db, away), 0);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO, body), 503);
    answer_has(k, "moved or deleted");
    assert_int_equal(kit_get(k, "/readyz", NULL), 503);
    assert_int_equal(rename(away, k->db), 0);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO, body), 200);
    assert_int_equal(kit_stats(k).stored, 3);
    assert_int_equal(kit_get(k, "/readyz", NULL), 200);
    ly_buf_release(&buf);
}

static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* R2, R3 */
static void too_large_before_and_after_inflating(void **state)
{
    kit *k = *state;
    char *zeros = ly_calloc(1, LY_MIB(100)), *packed = NULL;
    assert_non_null(zeros);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO, ly_str_n(zeros, MAX_REQUEST + 1)), 413);
    ly_str bomb = pack(ly_str_n(zeros, LY_MIB(100)), true, &packed);
    ly_free(zeros);
    assert_true(bomb.len < LY_MIB(1));
    long before = peak_kib();
    for (int i = 0; i < 5; i++)
        assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO "Content-Encoding: gzip\r\n", bomb),
                         413);
    /* The peak already holds the 100 MB made above, so a bomb let through would show only in part: what
     * counts is that nothing near the inflated size is taken on top. */
    assert_true(peak_kib() - before < 20 * 1024);
    assert_int_equal(kit_stats(k).refused[LY_REFUSED_TOO_LARGE], 6);
    assert_int_equal(kit_stats(k).budget_used, 0);
    ly_free(packed);
}

/* ---- by hand on a socket ---- */

static void put(int fd, ly_str bytes)
{
    assert_int_equal(send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL), bytes.len);
}

static int status_of(int fd, char *text, size_t size)
{
    ssize_t n = recv(fd, text, size - 1, 0);
    assert_true(n > 12);
    text[n] = 0;
    return (int)strtol(text + 9, NULL, 10);
}

static void chunked_and_slow(void **state)
{
    kit *k = *state;
    ly_buf buf;
    char head[64], text[2048];
    ly_str body = spans(&buf, 6, 20);
    int fd = kit_dial(k, k->http);
    put(fd, LY_S("POST /v1/traces HTTP/1.1\r\nHost: x\r\n" KIT_PROTO
                 "Transfer-Encoding: chunked\r\n\r\n"));
    for (size_t at = 0; at < body.len; at += 700) {
        ly_str part = ly_str_sub(body, at, 700);
        put(fd, ly_str_n(head, (size_t)snprintf(head, sizeof head, "%zx\r\n", part.len)));
        put(fd, part);
        put(fd, LY_S("\r\n"));
        usleep(2000);
    }
    put(fd, LY_S("0\r\n\r\n"));
    assert_int_equal(status_of(fd, text, sizeof text), 200);
    close(fd);
    assert_int_equal(kit_stats(k).stored, 20);
    ly_buf_release(&buf);
}

static void a_client_that_leaves_costs_nothing(void **state)
{
    kit *k = *state;
    int fd = kit_dial(k, k->http);
    put(fd, LY_S("POST /v1/traces HTTP/1.1\r\nHost: x\r\n" KIT_PROTO
                 "Content-Length: 100000\r\n\r\nabc"));
    int64_t until = ly_mono_ns() + 30 * LY_NS_PER_SEC;
    while (kit_stats(k).budget_used == 0 && ly_mono_ns() < until)
        usleep(1000);
    assert_int_equal(kit_stats(k).budget_used, 100000);
    close(fd);
    while (kit_stats(k).budget_used != 0 && ly_mono_ns() < until)
        usleep(1000);
    assert_int_equal(kit_stats(k).budget_used, 0);
}

/* R10: the budget is 4 MiB; two uploads that stand still hold it. */
static void overload_is_503_with_retry_after(void **state)
{
    kit *k = *state;
    int fds[2];
    char text[4096];
    for (int i = 0; i < 2; i++) {
        fds[i] = kit_dial(k, k->http);
        put(fds[i], LY_S("POST /v1/traces HTTP/1.1\r\nHost: x\r\n" KIT_PROTO
                         "Content-Length: 2097152\r\n\r\nabc"));
    }
    int64_t until = ly_mono_ns() + 30 * LY_NS_PER_SEC;
    while (kit_stats(k).budget_used < LY_MIB(4) && ly_mono_ns() < until)
        usleep(1000);
    int fd = kit_dial(k, k->http);
    put(fd, LY_S("POST /v1/traces HTTP/1.1\r\nHost: x\r\n" KIT_JSON "Content-Length: 2\r\n\r\n{}"));
    assert_int_equal(status_of(fd, text, sizeof text), 503);
    assert_non_null(strstr(text, "Retry-After: 1\r\n"));
    assert_non_null(strstr(text, "application/json"));
    close(fd);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(kit_stats(k).refused[LY_REFUSED_OVERLOAD], 1);
    until = ly_mono_ns() + 30 * LY_NS_PER_SEC;
    while (kit_stats(k).budget_used != 0 && ly_mono_ns() < until)
        usleep(1000);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_JSON, LY_S("{}")), 200);
}

static void metrics_are_taken_and_discarded(void **state)
{
    static const char body[] =
        "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"m\",\"sum\":"
        "{\"dataPoints\":[{\"asInt\":\"1\"},{\"asInt\":\"2\"}]}}]}]}]}";
    kit *k = *state;
    assert_int_equal(kit_post(k, "/v1/metrics", KIT_JSON, ly_str_c(body)), 200);
    answer_is(k, "{}");
    assert_int_equal(kit_stats(k).discarded_points, 2);
    assert_int_equal(kit_stats(k).received, 0);
}

static void pages_for_operators(void **state)
{
    kit *k = *state;
    ly_buf buf;
    ly_str body = spans(&buf, 8, 4);
    assert_int_equal(kit_post(k, "/v1/traces", KIT_PROTO, body), 200);
    assert_int_equal(kit_get(k, "/healthz", NULL), 200);
    assert_int_equal(kit_get(k, "/readyz", NULL), 200);
    assert_int_equal(kit_get(k, "/metrics", NULL), 200);
    answer_has(k, "lydite_items_stored_total 4\n");
    answer_has(k, "lydite_service_items_total{service=\"kit\",kind=\"span\"} 4\n");
    assert_int_equal(kit_get(k, "/status", NULL), 200);
    answer_has(k, "\"stored\":4");
    assert_int_equal(kit_get(k, "/status", "Origin: http://evil.example\r\n"), 403);
    assert_int_equal(kit_get(k, "/status", "Origin: http://localhost:3000\r\n"), 200);
    assert_int_equal(kit_get(k, "/v1/prompts/x@y", NULL), 404); /* no hook: not implemented */
    ly_buf_release(&buf);
}

/* ---- access keys ---- */

static void add_key(kit *k, const char *name, const char *key, unsigned scopes)
{
    uint8_t hash[LY_ACCESS_HASH_BYTES];
    ly_store *store = NULL;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = LY_STORE_WRITER;
    ly_sha256_of(ly_str_c(key), hash);
    assert_int_equal(ly_store_open(k->db, &opts, &store, &k->err), LY_OK);
    assert_int_equal(ly_access_key_add(store, ly_str_c(name), hash, scopes, &k->err), LY_OK);
    assert_int_equal(ly_access_key_add(store, ly_str_c(name), hash, scopes, &k->err), LY_E_EXISTS);
    ly_store_close(store);
}

static void keys_and_scopes(void **state)
{
    (void)state;
    kit k;
    ly_collector *none = NULL;
    ly_collector_opts opts = LY_COLLECTOR_OPTS_INIT;
    opts.require_key = true;
    kit_dir(&k);
    opts.db = k.db;
    opts.grpc_port = opts.http_port = 0;
    assert_int_equal(ly_collector_start(&opts, &none, &k.err), LY_E_INVALID); /* none made yet */
    add_key(&k, "w", "write-key", LY_ACCESS_WRITE);
    add_key(&k, "r", "read-key", LY_ACCESS_READ);
    kit_run(&k, &opts);
    assert_int_equal(kit_post(&k, "/v1/traces", KIT_JSON, LY_S("{}")), 401);
    assert_int_equal(
        kit_post(&k, "/v1/traces", KIT_JSON "Authorization: Bearer nonsense\r\n", LY_S("{}")), 401);
    assert_int_equal(
        kit_post(&k, "/v1/traces", KIT_JSON "Authorization: Bearer read-key\r\n", LY_S("{}")), 403);
    assert_int_equal(
        kit_post(&k, "/v1/traces", KIT_JSON "Authorization: Bearer write-key\r\n", LY_S("{}")),
        200);
    assert_int_equal(kit_post(&k, "/v1/traces", KIT_JSON "X-API-Key: write-key\r\n", LY_S("{}")),
                     200);
    /* Basic, as Langfuse's clients send their pair: "pk:write-key" */
    assert_int_equal(kit_post(&k, "/v1/traces",
                              KIT_JSON "Authorization: Basic cGs6d3JpdGUta2V5\r\n", LY_S("{}")),
                     200);
    assert_int_equal(kit_get(&k, "/metrics", NULL), 401);
    /* "write-key:", and the headers of clients of other collectors. */
    static const char *const other[] = {"Authorization: Basic d3JpdGUta2V5Og==\r\n",
                                        "Authorization: write-key\r\n", "x-api-key: write-key\r\n",
                                        "api-key: write-key\r\n", "api_key: write-key\r\n"};
    for (size_t i = 0; i < LY_COUNT(other); i++) {
        char headers[128];
        (void)snprintf(headers, sizeof headers, KIT_JSON "%s", other[i]);
        assert_int_equal(kit_post(&k, "/v1/traces", headers, LY_S("{}")), 200);
    }
    assert_int_equal(kit_post(&k, "/v1/traces", KIT_JSON "api_key: read-key\r\n", LY_S("{}")), 403);
    assert_int_equal(kit_post(&k, "/v1/traces", KIT_JSON "api_key: no\r\n", LY_S("{}")), 401);
    assert_int_equal(kit_get(&k, "/metrics", "Authorization: Bearer read-key\r\n"), 200);
    assert_int_equal(kit_get(&k, "/readyz", NULL), 200);
    ly_rpc_meta meta = {LY_S("authorization"), LY_S("Bearer write-key")};
    ly_rpc_reply reply = kit_call(&k, KIT_TRACES, LY_S(""), false, NULL, 0);
    assert_int_equal(reply.code, LY_RPC_UNAUTHENTICATED);
    ly_rpc_reply_release(&reply);
    reply = kit_call(&k, KIT_TRACES, LY_S(""), false, &meta, 1);
    assert_int_equal(reply.code, LY_RPC_OK);
    ly_rpc_reply_release(&reply);
    /* Revoked: refused within seconds, without a reload. */
    ly_store *store = NULL;
    ly_store_opts writer = LY_STORE_OPTS_INIT;
    writer.role = LY_STORE_WRITER;
    assert_int_equal(ly_store_open(k.db, &writer, &store, &k.err), LY_OK);
    assert_int_equal(ly_access_key_revoke(store, LY_S("w"), &k.err), LY_OK);
    assert_int_equal(ly_access_key_revoke(store, LY_S("w"), &k.err), LY_E_NOTFOUND);
    ly_store_close(store);
    int64_t until = ly_mono_ns() + 30 * LY_NS_PER_SEC;
    while (kit_post(&k, "/v1/traces", KIT_JSON "Authorization: Bearer write-key\r\n", LY_S("{}")) !=
               401 &&
           ly_mono_ns() < until)
        usleep(50000);
    assert_true(ly_mono_ns() < until);
    kit_end(&k);
}

static void exposure_needs_choices(void **state)
{
    (void)state;
    kit k;
    ly_collector *none = NULL;
    ly_collector_opts opts = LY_COLLECTOR_OPTS_INIT;
    kit_dir(&k);
    opts.db = k.db;
    opts.listen = "0.0.0.0";
    opts.grpc_port = opts.http_port = 0;
    assert_int_equal(ly_collector_start(&opts, &none, &k.err), LY_E_INVALID);
    assert_non_null(strstr(k.err.text, "--redact"));
    opts.redact = "none";
    assert_int_equal(ly_collector_start(&opts, &none, &k.err), LY_E_INVALID);
    assert_non_null(strstr(k.err.text, "--insecure"));
    opts.redact = "nonsense";
    opts.insecure = true;
    assert_int_equal(ly_collector_start(&opts, &none, &k.err), LY_E_INVALID);
    assert_int_not_equal(access(k.db, F_OK), 0); /* nothing half-written */
    opts.redact = "secrets";
    kit_run(&k, &opts);
    kit_end(&k);
}

static void one_collector_a_database(void **state)
{
    kit *k = *state;
    ly_collector *second = NULL;
    ly_runtime found;
    ly_collector_opts opts = LY_COLLECTOR_OPTS_INIT;
    opts.db = k->db;
    opts.grpc_port = opts.http_port = 0;
    assert_int_equal(ly_collector_start(&opts, &second, &k->err), LY_E_BUSY);
    assert_int_equal(ly_runtime_find(k->db, &found, &k->err), LY_OK);
    assert_int_equal(found.http_port, k->http);
    assert_int_equal(found.grpc_port, k->grpc);
    assert_int_equal(found.pid, getpid());
    opts.db = "/tmp/lydite-other.db";
    opts.http_port = k->http;
    assert_int_equal(ly_collector_start(&opts, &second, &k->err), LY_E_BUSY);
    assert_non_null(strstr(k->err.text, "in use by t_collector"));
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH(success_has_an_empty_message),
        WITH(a_resend_changes_nothing),
        WITH(one_bad_span_is_rejected_alone),
        WITH(a_resend_may_be_encoded_anew),
        WITH(undecodable_is_noted),
        WITH(undecodable_is_400_in_its_encoding),
        WITH(method_type_and_encoding_are_checked),
        WITH(any_base_path),
        WITH(gzip_and_deflate),
        WITH(long_service_names),
        WITH(odd_service_names),
        WITH(a_moved_database_takes_nothing),
        WITH(too_large_before_and_after_inflating),
        WITH(chunked_and_slow),
        WITH(a_client_that_leaves_costs_nothing),
        WITH(overload_is_503_with_retry_after),
        WITH(metrics_are_taken_and_discarded),
        WITH(pages_for_operators),
        cmocka_unit_test(keys_and_scopes),
        cmocka_unit_test(exposure_needs_choices),
        WITH(one_collector_a_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
