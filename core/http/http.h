/*
 * The HTTP client: many requests in flight from one thread, with retry, rate control and limits.
 *
 * A pool drives libcurl's multi interface: HTTP/1.1 with kept-alive connections, no redirects (they
 * would carry credentials elsewhere), TLS verified, replies bounded. The thread that made the pool
 * submits requests and calls ly_http_poll; finished requests are told through their callback from
 * inside ly_http_poll, never from ly_http_submit. A callback may submit further requests.
 *
 * Lanes. Requests that share a quota (one provider and key) name the same lane. Each lane has its own
 * limit of requests in flight, moved by what the server says: doubled after each clean round until the
 * first refusal for rate, then raised by 5 % a round; cut to 0.8 once per cool-down on such a refusal,
 * which also parks the lane for as long as the server asked; errors of the 5xx kind do not cut
 * (judges-and-statistics.md §3.10). With `fixed` the limit starts at its ceiling.
 *
 *     submit -> waiting (lane queue) -> in flight -> done
 *                  ^                        |
 *                  +---- parked until ------+   retry: backoff with jitter, or what the server asked
 *
 * Retried: connect and read failures, 408, 409, 425, 429, 500, 502, 503, 504, 529 unless the
 * classifier says otherwise. x-should-retry, retry-after-ms and Retry-After (seconds or a date) are
 * obeyed; a wait over 120 s ends the request instead. Retries of a lane are at most 10 + 20 % of its
 * requests, so that a dead server is not hammered.
 */
#ifndef LY_HTTP_HTTP_H
#define LY_HTTP_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

typedef struct ly_http ly_http;

typedef struct ly_http_opts {
    size_t ceiling;         /* most requests in flight in one lane; 0 = 100 */
    bool fixed;             /* start at the ceiling instead of 20 */
    int64_t retry_first_ms; /* first backoff; 0 = 500 */
    int64_t retry_most_ms;  /* largest backoff; 0 = 8000 */
    uint64_t seed;          /* jitter; 0 = from the clock */
    const char *user_agent; /* NULL = "lydite/VERSION" */
} ly_http_opts;

LY_MUST_USE ly_status ly_http_new(const ly_http_opts *opts, ly_http **ret_http, ly_err *err);
/* Drops what is unfinished without calling back. NULL is allowed. */
void ly_http_free(ly_http *http);

/* Why there is no usable reply. */
typedef enum ly_http_error {
    LY_HTTP_OK = 0,  /* a reply came, whatever its status */
    LY_HTTP_CONNECT, /* name, connection or TLS failed before anything was sent */
    LY_HTTP_TIMEOUT,
    LY_HTTP_BROKEN, /* connection lost, body cut short */
    LY_HTTP_TOO_LARGE,
    LY_HTTP_BAD_URL,
    LY_HTTP_CANCELLED,
    LY_HTTP_OTHER
} ly_http_error;

typedef struct ly_http_reply {
    ly_http_error error;
    const char *error_text; /* libcurl's words, "" without an error */
    int status;             /* HTTP status, 0 = none */
    ly_str body;            /* as far as it came; empty for streamed ones */
    ly_str content_type, request_id;
    int attempts;
    int64_t attempt_ns;     /* of the last attempt, from sending to the end */
    int64_t first_ns;       /* to the first byte of the last attempt's body, or -1 */
    int64_t total_ns;       /* from submit, waits included */
    int64_t retry_after_ms; /* what the server asked, or -1 */
} ly_http_reply;

/* Borrowed for the call. */
typedef void (*ly_http_done_fn)(void *user, const ly_http_reply *reply);
/* Bytes of a 2xx reply as they come; false ends the request (LY_HTTP_CANCELLED). */
typedef bool (*ly_http_data_fn)(void *user, ly_str bytes);

typedef enum ly_http_verdict {
    LY_HTTP_DEFAULT, /* by status, as above */
    LY_HTTP_FINAL,   /* done, do not retry (quota used up, bad request) */
    LY_HTTP_AGAIN,   /* transient */
    LY_HTTP_LIMITED  /* rate limit: cut and park */
} ly_http_verdict;
/* Looks at a finished attempt (body included) before the default rule does. *wait_ms, -1 before, may be
 * set to what the body asks for. */
typedef ly_http_verdict (*ly_http_classify_fn)(void *user, const ly_http_reply *reply,
                                               int64_t *wait_ms);

typedef struct ly_http_request {
    const char *method;         /* NULL = POST with a body, GET without */
    const char *url;            /* http or https */
    const char *const *headers; /* "Name: value" */
    size_t n_headers;
    ly_str body; /* copied, unless `borrowed`: then it must stay until done */
    bool borrowed;
    const char *lane;             /* NULL = the URL's scheme and host */
    int max_attempts;             /* 0 = 5 */
    int64_t connect_ms;           /* 0 = 10 000 */
    int64_t idle_ms;              /* no byte for so long; 0 = 120 000 */
    int64_t deadline_ms;          /* from submit, all attempts and waits; 0 = 600 000 */
    size_t max_bytes;             /* 0 = LY_MAX_REPLY_BYTES */
    ly_http_classify_fn classify; /* may be NULL */
    ly_http_data_fn data;         /* streaming; may be NULL. No retry once bytes were given */
    ly_http_done_fn done;
    void *user; /* for all three */
} ly_http_request;

LY_MUST_USE ly_status ly_http_submit(ly_http *http, const ly_http_request *req, ly_err *err);
/* Works until something finished or timeout_ms passed. LY_OK also when there is nothing to do. */
LY_MUST_USE ly_status ly_http_poll(ly_http *http, int64_t timeout_ms, ly_err *err);
/* Requests not yet told through their callback. */
size_t ly_http_pending(const ly_http *http);
/* Ends all unfinished ones with LY_HTTP_CANCELLED, callbacks included. */
void ly_http_cancel(ly_http *http);

/* Values of headers, which some bodies repeat: milliseconds, or -1. "1m30s", "500ms", "1h2m3s", "1.5s", seconds alone, or an
 * RFC 3339 time, which is taken from now on. */
int64_t ly_http_parse_reset(ly_str value);
/* Retry-After: seconds or an HTTP date, relative to now_ns. */
int64_t ly_http_parse_retry_after(ly_str value, int64_t now_ns);

#endif
