/* The pool over libcurl's multi interface (see http.h): requests, attempts, retries. What a server says in
 * its headers is read in head.c, how many requests it may have at once is decided in lane.c. */
#include "http/http.h"

#include <curl/curl.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/head.h"
#include "http/lane.h"

enum { MAX_LANES = 64, MAX_WAIT_MS = 120000 };

typedef struct call call;

typedef struct lane {
    char *name;
    ly_lane_rate rate;
    size_t in_flight;
    call *first, *last; /* waiting, in order */
    uint64_t started, retried;
} lane;

struct call {
    call *next;                  /* in its lane's queue, or in the list of parked ones */
    call *next_live, *prev_live; /* all unfinished ones, for cancel and free */
    ly_http *http;
    lane *lane;
    CURL *easy;
    struct header_list *headers;
    ly_http_request req; /* its pointers are ours below */
    char *url, *method, *body_copy;
    ly_buf body;
    bool gave_data, stopped;
    int attempts;
    int64_t submitted_ns, started_ns, first_ns, not_before_ns;
    ly_reply_head head; /* of the last attempt */
    char error[CURL_ERROR_SIZE];
};

/* A header list that several calls share: most requests of a lane carry the same. */
typedef struct header_list {
    struct curl_slist *list;
    size_t users;
} header_list;

enum { MAX_SPARE_CALLS = 512 };

struct ly_http {
    CURLM *multi;
    header_list *last_headers; /* of the last submit; this pointer counts as a user */
    call *spare_calls;         /* linked by next, their body buffers kept */
    size_t n_spare_calls;
    ly_http_opts opts;
    char agent[64];
    lane lanes[MAX_LANES];
    size_t n_lanes;
    CURL **spare;
    size_t n_spare, cap_spare;
    call *live;   /* doubly linked */
    call *parked; /* waiting for their time, unordered */
    size_t pending;
    uint64_t jitter;
    size_t finished; /* callbacks since the last poll began */
};

ly_status ly_http_new(const ly_http_opts *opts, ly_http **ret_http, ly_err *err)
{
    static bool curl_ready;
    if (!curl_ready) {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
            return LY_FAIL(err, LY_E_INTERNAL, "libcurl cannot start");
        }
        curl_ready = true;
    }
    ly_http *http = ly_calloc(1, sizeof *http);
    if (!http) {
        return LY_NOMEM(err);
    }
    http->opts = opts ? *opts : (ly_http_opts){0};
    http->opts.ceiling = http->opts.ceiling ? http->opts.ceiling : 100;
    http->opts.retry_first_ms = http->opts.retry_first_ms ? http->opts.retry_first_ms : 500;
    http->opts.retry_most_ms = http->opts.retry_most_ms ? http->opts.retry_most_ms : 8000;
    http->jitter = http->opts.seed ? http->opts.seed : (uint64_t)ly_wall_ns() | 1;
    (void)snprintf(http->agent, sizeof http->agent, "%s",
                   http->opts.user_agent ? http->opts.user_agent : "lydite/" LYDITE_VERSION);
    http->multi = curl_multi_init();
    if (!http->multi) {
        ly_free(http);
        return LY_NOMEM(err);
    }
    long keep = (long)(http->opts.ceiling < 4 ? 4 : http->opts.ceiling) + 4;
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, keep);
    /* 7.88.1 breaks HTTP/2 reuse (c-stack-measurements.md §6): no multiplexing. */
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    *ret_http = http;
    return LY_OK;
}

static void headers_unref(header_list *h)
{
    if (h && --h->users == 0) {
        curl_slist_free_all(h->list);
        ly_free(h);
    }
}

/* Takes a call off the list of live ones and frees what it holds; its memory may be used again. */
static void call_free(call *c)
{
    if (!c) {
        return;
    }
    ly_http *http = c->http;
    if (c->prev_live) {
        c->prev_live->next_live = c->next_live;
    } else if (http->live == c) {
        http->live = c->next_live;
    }
    if (c->next_live) {
        c->next_live->prev_live = c->prev_live;
    }
    if (c->easy) {
        curl_easy_cleanup(c->easy);
    }
    headers_unref(c->headers);
    ly_free(c->url);
    ly_free(c->method);
    ly_free(c->body_copy);
    ly_buf body = c->body;
    if (http->n_spare_calls < MAX_SPARE_CALLS && body.cap <= LY_KIB(64)) {
        ly_buf_reset(&body);
        *c = (call){.http = http, .body = body, .next = http->spare_calls};
        http->spare_calls = c;
        http->n_spare_calls++;
    } else {
        ly_buf_release(&body);
        ly_free(c);
    }
}

static call *call_new(ly_http *http, size_t max_bytes)
{
    call *c = http->spare_calls;
    if (c) {
        http->spare_calls = c->next;
        http->n_spare_calls--;
        c->next = NULL;
        c->body.max = max_bytes;
        return c;
    }
    c = ly_calloc(1, sizeof *c);
    if (c) {
        c->http = http;
        ly_buf_init(&c->body, max_bytes);
    }
    return c;
}

void ly_http_free(ly_http *http)
{
    if (!http) {
        return;
    }
    while (http->live) {
        call *c = http->live;
        if (c->easy) {
            curl_multi_remove_handle(http->multi, c->easy);
        }
        call_free(c);
    }
    while (http->spare_calls) {
        call *c = http->spare_calls;
        http->spare_calls = c->next;
        ly_buf_release(&c->body);
        ly_free(c);
    }
    for (size_t i = 0; i < http->n_spare; i++) {
        curl_easy_cleanup(http->spare[i]);
    }
    headers_unref(http->last_headers);
    for (size_t i = 0; i < http->n_lanes; i++) {
        ly_free(http->lanes[i].name);
    }
    curl_multi_cleanup(http->multi);
    ly_free(http->spare);
    ly_free(http);
}

/* ---- lanes ------------------------------------------------------------------------------------- */

/* "https://host:port" of a URL. */
static ly_str origin_of(const char *url)
{
    ly_str u = ly_str_c(url);
    size_t scheme = ly_str_find(u, LY_S("://"), 0);
    size_t slash = scheme == SIZE_MAX ? SIZE_MAX : ly_str_find_char(u, '/', scheme + 3);
    return slash == SIZE_MAX ? u : ly_str_sub(u, 0, slash);
}

static lane *lane_of(ly_http *http, ly_str name)
{
    for (size_t i = 0; i < http->n_lanes; i++) {
        if (ly_str_eqc(name, http->lanes[i].name)) {
            return &http->lanes[i];
        }
    }
    if (http->n_lanes == MAX_LANES) {
        return &http->lanes[MAX_LANES - 1]; /* the rest share the last one */
    }
    char *copy = ly_str_dup(name);
    if (!copy) {
        return NULL;
    }
    lane *l = &http->lanes[http->n_lanes++];
    *l = (lane){.name = copy};
    ly_lane_rate_init(&l->rate, http->opts.ceiling, http->opts.fixed);
    return l;
}

static void lane_push(lane *l, call *c)
{
    c->next = NULL;
    if (l->last) {
        l->last->next = c;
    } else {
        l->first = c;
    }
    l->last = c;
}

/* ---- one attempt --------------------------------------------------------------------------------- */

static size_t on_body(char *ptr, size_t size, size_t n, void *user)
{
    call *c = user;
    size_t len = size * n;
    long status = 0;
    if (c->first_ns < 0) {
        c->first_ns = ly_mono_ns() - c->started_ns;
    }
    if (c->req.data) {
        curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    }
    if (status >= 200 && status < 300) {
        c->gave_data = true;
        if (!c->req.data(c->req.user, ly_str_n(ptr, len))) {
            c->stopped = true;
            return 0;
        }
        return len;
    }
    ly_buf_add(&c->body, ptr, len);
    return c->body.failed ? 0 : len;
}

static size_t on_header(char *ptr, size_t size, size_t n, void *user)
{
    call *c = user;
    ly_reply_head_line(&c->head, ly_str_n(ptr, size * n));
    return size * n;
}

/* What is the same for every request is set once in a handle's life: setting it costs more than a
 * request's own share of the work. */
static CURL *easy_take(ly_http *http)
{
    if (http->n_spare) {
        return http->spare[--http->n_spare];
    }
    CURL *e = curl_easy_init();
    if (e) {
        curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "");
        curl_easy_setopt(e, CURLOPT_USERAGENT, http->agent);
        curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    }
    return e;
}

static void easy_give(ly_http *http, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    if (ly_grow(&http->spare, &http->cap_spare, http->n_spare + 1, 65536, sizeof(CURL *))) {
        http->spare[http->n_spare++] = easy;
    } else {
        curl_easy_cleanup(easy);
    }
}

static long clip_ms(int64_t ms)
{
    return ms < 1 ? 1 : ms > 86400000 ? 86400000 : (long)ms;
}

/* Everything that belongs to one request; a handle that is used again keeps nothing of the last. */
static void easy_setup(call *c, CURL *e, int64_t left_ms)
{
    bool post = c->req.body.len || (c->method && ly_str_eqc(LY_S("POST"), c->method));
    curl_easy_setopt(e, CURLOPT_URL, c->url);
    curl_easy_setopt(e, CURLOPT_PRIVATE, c);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, c->headers->list);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->error);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, clip_ms(c->req.connect_ms));
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, clip_ms(left_ms));
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, clip_ms((c->req.idle_ms + 999) / 1000));
    curl_easy_setopt(e, post ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, post ? c->req.body.ptr : NULL);
    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, post ? (curl_off_t)c->req.body.len : -1);
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, c->method);
    if (!post) {
        curl_easy_setopt(e, CURLOPT_HTTPGET, 1L); /* POSTFIELDS, even NULL, means POST */
    }
}

static void call_finish(call *c, const ly_http_reply *reply)
{
    ly_http *http = c->http;
    http->pending--;
    http->finished++;
    c->req.done(c->req.user, reply);
    call_free(c);
}

static ly_http_reply reply_of(const call *c, ly_http_error error, const char *text, int status)
{
    int64_t now = ly_mono_ns();
    return (ly_http_reply){
        .error = error,
        .error_text = text,
        .status = status,
        .body = ly_buf_view(&c->body),
        .content_type = ly_str_c(c->head.content_type),
        .request_id = ly_str_c(c->head.request_id),
        .attempts = c->attempts,
        .attempt_ns = c->attempts ? now - c->started_ns : 0,
        .first_ns = c->first_ns,
        .total_ns = now - c->submitted_ns,
        .retry_after_ms = c->head.retry_after_ms,
    };
}

static void call_start(ly_http *http, call *c, int64_t now)
{
    int64_t left_ms = c->req.deadline_ms - (now - c->submitted_ns) / LY_NS_PER_MS;
    if (left_ms <= 0) {
        ly_http_reply r =
            reply_of(c, LY_HTTP_TIMEOUT, "the deadline passed before it could start", 0);
        call_finish(c, &r);
        return;
    }
    c->easy = easy_take(http);
    if (!c->easy) {
        ly_http_reply r = reply_of(c, LY_HTTP_OTHER, "out of memory", 0);
        call_finish(c, &r);
        return;
    }
    ly_buf_reset(&c->body);
    ly_reply_head_clear(&c->head);
    c->error[0] = '\0';
    c->first_ns = -1;
    c->stopped = false;
    c->attempts++;
    c->started_ns = now;
    easy_setup(c, c->easy, left_ms);
    c->lane->in_flight++;
    c->lane->started++;
    ly_lane_rate_started(&c->lane->rate, c->lane->in_flight);
    if (curl_multi_add_handle(http->multi, c->easy) != CURLM_OK) {
        c->lane->in_flight--;
        ly_http_reply r = reply_of(c, LY_HTTP_OTHER, "libcurl refused the request", 0);
        call_finish(c, &r);
    }
}

/* ---- after an attempt ------------------------------------------------------------------------------ */

static ly_http_error error_of(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return LY_HTTP_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return LY_HTTP_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return LY_HTTP_CONNECT;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return LY_HTTP_BAD_URL;
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_BAD_CONTENT_ENCODING:
        return LY_HTTP_BROKEN;
    default:
        return LY_HTTP_OTHER;
    }
}

static ly_http_verdict default_verdict(const call *c, const ly_http_reply *r)
{
    if (r->error) {
        bool again = r->error == LY_HTTP_CONNECT || r->error == LY_HTTP_TIMEOUT ||
                     r->error == LY_HTTP_BROKEN;
        return again ? LY_HTTP_AGAIN : LY_HTTP_FINAL;
    }
    if (r->status == 429) {
        return c->head.should_retry == 0 ? LY_HTTP_FINAL : LY_HTTP_LIMITED;
    }
    if (c->head.should_retry >= 0 && r->status >= 400) {
        return c->head.should_retry ? LY_HTTP_AGAIN : LY_HTTP_FINAL;
    }
    static const int again[] = {408, 409, 425, 500, 502, 503, 504, 529};
    for (size_t i = 0; i < LY_COUNT(again); i++) {
        if (r->status == again[i]) {
            return LY_HTTP_AGAIN;
        }
    }
    return LY_HTTP_FINAL;
}

static double jitter_unit(ly_http *http)
{
    uint64_t z = (http->jitter += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static int64_t backoff_ms(ly_http *http, int attempts)
{
    double most = (double)http->opts.retry_most_ms, wait = (double)http->opts.retry_first_ms;
    for (int i = 1; i < attempts && wait < most; i++) {
        wait *= 2;
    }
    wait = wait > most ? most : wait;
    return (int64_t)(wait * (1 - 0.25 * jitter_unit(http)));
}

static bool may_retry(const call *c, int64_t wait_ms, int64_t now)
{
    int64_t left_ms = c->req.deadline_ms - (now - c->submitted_ns) / LY_NS_PER_MS;
    bool budget = c->lane->retried < 10 + c->lane->started / 5;
    return c->attempts < c->req.max_attempts && !c->gave_data && wait_ms <= MAX_WAIT_MS &&
           wait_ms < left_ms && budget;
}

static void learn_from_headers(call *c, int64_t now)
{
    const ly_reply_head *h = &c->head;
    if (h->left_requests == 0 && h->reset_requests_ms > 0 && h->reset_requests_ms <= MAX_WAIT_MS) {
        ly_lane_rate_empty(&c->lane->rate, h->reset_requests_ms, now);
    }
    if (h->left_tokens == 0 && h->reset_tokens_ms > 0 && h->reset_tokens_ms <= MAX_WAIT_MS) {
        ly_lane_rate_empty(&c->lane->rate, h->reset_tokens_ms, now);
    }
}

static void attempt_ended(ly_http *http, call *c, CURLcode code)
{
    long status = 0;
    int64_t now = ly_mono_ns(), wait_ms = -1;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(http->multi, c->easy);
    easy_give(http, c->easy);
    c->easy = NULL;
    c->lane->in_flight--;
    ly_http_error error = error_of(code);
    if (code == CURLE_WRITE_ERROR) {
        error = c->stopped ? LY_HTTP_CANCELLED : LY_HTTP_TOO_LARGE;
    }
    const char *text = error == LY_HTTP_TOO_LARGE ? "the reply is larger than the limit"
                       : c->error[0]              ? c->error
                       : error                    ? curl_easy_strerror(code)
                                                  : "";
    ly_http_reply r = reply_of(c, error, text, error ? 0 : (int)status);
    ly_http_verdict v = LY_HTTP_DEFAULT;
    if (c->req.classify) {
        v = c->req.classify(c->req.user, &r, &wait_ms);
    }
    if (v == LY_HTTP_DEFAULT) {
        v = default_verdict(c, &r);
    }
    wait_ms = wait_ms >= 0 ? wait_ms : c->head.retry_after_ms;
    if (v == LY_HTTP_LIMITED) {
        ly_lane_rate_refused(&c->lane->rate, wait_ms, now);
    } else if (!error && status < 500) {
        ly_lane_rate_success(&c->lane->rate, c->attempts == 1, now);
        learn_from_headers(c, now);
    }
    if (v == LY_HTTP_FINAL) {
        call_finish(c, &r);
        return;
    }
    wait_ms = wait_ms >= 0 ? wait_ms : backoff_ms(http, c->attempts);
    if (!may_retry(c, wait_ms, now)) {
        call_finish(c, &r);
        return;
    }
    c->lane->retried++;
    c->not_before_ns = now + wait_ms * LY_NS_PER_MS;
    c->next = http->parked;
    http->parked = c;
}

/* ---- the loop ---------------------------------------------------------------------------------------- */

/* Parked calls whose time came go back to their lane. Returns the next time, or INT64_MAX. */
static int64_t wake_parked(ly_http *http, int64_t now)
{
    int64_t next = INT64_MAX;
    call **link = &http->parked;
    while (*link) {
        call *c = *link;
        if (c->not_before_ns <= now) {
            *link = c->next;
            lane_push(c->lane, c);
        } else {
            next = c->not_before_ns < next ? c->not_before_ns : next;
            link = &c->next;
        }
    }
    return next;
}

/* Starts what the lanes allow. Returns when a parked lane opens, or INT64_MAX. */
static int64_t start_waiting(ly_http *http, int64_t now)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < http->n_lanes; i++) {
        lane *l = &http->lanes[i];
        size_t room = ly_lane_rate_room(&l->rate, now);
        if (l->first && room == 0) {
            next = l->rate.parked_until_ns < next ? l->rate.parked_until_ns : next;
        }
        while (l->first && l->in_flight < room) {
            call *c = l->first;
            l->first = c->next;
            l->last = l->first ? l->last : NULL;
            c->next = NULL;
            call_start(http, c, now);
        }
    }
    return next;
}

static void collect_done(ly_http *http)
{
    int left;
    CURLMsg *msg;
    while ((msg = curl_multi_info_read(http->multi, &left))) {
        if (msg->msg == CURLMSG_DONE) {
            char *c = NULL;
            CURLcode code = msg->data.result;
            curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &c);
            attempt_ended(http, (call *)(void *)c, code);
        }
    }
}

ly_status ly_http_poll(ly_http *http, int64_t timeout_ms, ly_err *err)
{
    int64_t end = ly_mono_ns() + timeout_ms * LY_NS_PER_MS;
    http->finished = 0;
    for (;;) {
        int64_t now = ly_mono_ns();
        int64_t next = wake_parked(http, now), lane_next = start_waiting(http, now);
        next = lane_next < next ? lane_next : next;
        int running = 0;
        CURLMcode mc = curl_multi_perform(http->multi, &running);
        if (mc != CURLM_OK) {
            return LY_FAIL(err, LY_E_NETWORK, "libcurl: %s", curl_multi_strerror(mc));
        }
        collect_done(http);
        now = ly_mono_ns();
        if (http->finished || http->pending == 0 || now >= end) {
            /* What the callbacks submitted starts before we return. */
            (void)start_waiting(http, now);
            return LY_OK;
        }
        int64_t until = end < next ? end : next;
        int64_t wait = (until - now + LY_NS_PER_MS - 1) / LY_NS_PER_MS;
        wait = wait < 0 ? 0 : wait > 1000 ? 1000 : wait;
        mc = curl_multi_poll(http->multi, NULL, 0, (int)wait, NULL);
        if (mc != CURLM_OK) {
            return LY_FAIL(err, LY_E_NETWORK, "libcurl: %s", curl_multi_strerror(mc));
        }
    }
}

/* True when the list holds just these headers and ours after them. */
static bool same_headers(const header_list *h, const ly_http_request *req)
{
    const struct curl_slist *at = h ? h->list : NULL;
    for (size_t i = 0; i < req->n_headers; i++, at = at->next) {
        if (!at || !ly_str_eqc(ly_str_c(at->data), req->headers[i])) {
            return false;
        }
    }
    return at && !at->next;
}

static ly_status make_headers(ly_http *http, const ly_http_request *req, ly_err *err)
{
    header_list *h = ly_calloc(1, sizeof *h);
    bool good = h != NULL;
    for (size_t i = 0; good && i <= req->n_headers; i++) {
        /* No "Expect: 100-continue": it costs a round trip and some servers never answer it. */
        const char *line = i < req->n_headers ? req->headers[i] : "Expect:";
        struct curl_slist *more = curl_slist_append(h->list, line);
        good = more != NULL;
        h->list = more ? more : h->list;
    }
    if (!good) {
        if (h) {
            curl_slist_free_all(h->list);
        }
        ly_free(h);
        return LY_NOMEM(err);
    }
    headers_unref(http->last_headers);
    h->users = 1;
    http->last_headers = h;
    return LY_OK;
}

static ly_status copy_request(call *c, const ly_http_request *req, ly_err *err)
{
    ly_http *http = c->http;
    c->url = ly_strdup(req->url);
    c->method = req->method ? ly_strdup(req->method) : NULL;
    c->body_copy = req->borrowed ? NULL : ly_str_dup(req->body);
    if (!c->url || (req->method && !c->method) || (!req->borrowed && !c->body_copy)) {
        return LY_NOMEM(err);
    }
    if (!req->borrowed) {
        c->req.body.ptr = c->body_copy;
    }
    if (!same_headers(http->last_headers, req)) {
        ly_status status = make_headers(http, req, err);
        if (status) {
            return status;
        }
    }
    c->headers = http->last_headers;
    c->headers->users++;
    return LY_OK;
}

ly_status ly_http_submit(ly_http *http, const ly_http_request *req, ly_err *err)
{
    ly_str url = ly_str_c(req->url);
    if (!ly_str_starts(url, LY_S("http://")) && !ly_str_starts(url, LY_S("https://"))) {
        return LY_FAIL(err, LY_E_INVALID, "%.200s: not an http or https address", req->url);
    }
    call *c = call_new(http, req->max_bytes ? req->max_bytes : LY_MAX_REPLY_BYTES);
    if (!c) {
        return LY_NOMEM(err);
    }
    c->req = *req;
    c->req.max_attempts = req->max_attempts ? req->max_attempts : 5;
    c->req.connect_ms = req->connect_ms ? req->connect_ms : 10000;
    c->req.idle_ms = req->idle_ms ? req->idle_ms : 120000;
    c->req.deadline_ms = req->deadline_ms ? req->deadline_ms : 600000;
    c->next_live = http->live;
    if (http->live) {
        http->live->prev_live = c;
    }
    http->live = c;
    c->lane = lane_of(http, req->lane ? ly_str_c(req->lane) : origin_of(req->url));
    ly_status status = c->lane ? copy_request(c, req, err) : LY_NOMEM(err);
    if (status) {
        call_free(c);
        return status;
    }
    c->submitted_ns = ly_mono_ns();
    c->first_ns = -1;
    ly_reply_head_clear(&c->head);
    http->pending++;
    lane_push(c->lane, c);
    return LY_OK;
}

size_t ly_http_pending(const ly_http *http)
{
    return http->pending;
}

void ly_http_cancel(ly_http *http)
{
    http->parked = NULL;
    for (size_t i = 0; i < http->n_lanes; i++) {
        http->lanes[i].first = http->lanes[i].last = NULL;
    }
    /* Callbacks may submit more: end only those that are there now. */
    call *c = http->live;
    while (c) {
        call *next = c->next_live;
        if (c->easy) {
            curl_multi_remove_handle(http->multi, c->easy);
            c->lane->in_flight--;
        }
        ly_http_reply r = reply_of(c, LY_HTTP_CANCELLED, "cancelled", 0);
        call_finish(c, &r);
        c = next;
    }
}
