#include "cli/fetch.h"

#include "cli/cmd.h"
#include "http/http.h"

typedef struct answer {
    ly_buf *out;
    const char *url;
    ly_status status;
    ly_err *err;
} answer;

static void done(void *user, const ly_http_reply *reply)
{
    answer *a = user;
    if (reply->error == LY_HTTP_BAD_URL) {
        a->status = LY_FAIL(a->err, LY_E_INVALID, "'%s' is no http or https URL", a->url);
    } else if (reply->error == LY_HTTP_TOO_LARGE) {
        a->status = LY_FAIL(a->err, LY_E_LIMIT, "%s: the answer is too large", a->url);
    } else if (reply->error == LY_HTTP_TIMEOUT) {
        a->status = LY_FAIL(a->err, LY_E_TIMEOUT, "%s: no answer in time", a->url);
    } else if (reply->error != LY_HTTP_OK) {
        a->status = LY_FAIL(a->err, LY_E_NETWORK, "%s: %s", a->url, reply->error_text);
    } else if (reply->status < 200 || reply->status > 299) {
        bool elsewhere = reply->status > 299 && reply->status < 400;
        a->status = LY_FAIL(a->err, LY_E_NETWORK, "%s: HTTP status %d%s", a->url, reply->status,
                            elsewhere ? ", a redirect: give the address that it leads to" : "");
    } else {
        a->status = LY_OK;
        if (a->out) {
            ly_buf_str(a->out, reply->body);
            a->status = ly_buf_status(a->out, a->url, a->err);
        }
    }
}

static ly_status perform(ly_http_request *request, answer *a)
{
    ly_http *http = NULL;
    ly_status status = ly_http_new(&(ly_http_opts){.ceiling = 1}, &http, a->err);
    request->done = done;
    request->user = a;
    if (status == LY_OK) {
        status = ly_http_submit(http, request, a->err);
    }
    while (status == LY_OK && ly_http_pending(http) > 0) {
        status = ly_cli_interrupted() ? LY_FAIL(a->err, LY_E_CANCELLED, "stopped")
                                      : ly_http_poll(http, 200, a->err);
    }
    ly_http_free(http);
    return status == LY_OK ? a->status : status;
}

ly_status ly_cli_fetch(const char *url, size_t max_bytes, ly_buf *out, ly_err *err)
{
    answer a = {out, url, LY_E_NETWORK, err};
    ly_http_request request = {.url = url,
                               .max_attempts = 3,
                               .deadline_ms = 120000,
                               .idle_ms = 30000,
                               .max_bytes = max_bytes};
    return perform(&request, &a);
}

ly_status ly_cli_post_json(const char *url, ly_str json, ly_err *err)
{
    static const char *const headers[] = {"Content-Type: application/json"};
    answer a = {NULL, url, LY_E_NETWORK, err};
    ly_http_request request = {.method = "POST",
                               .url = url,
                               .headers = headers,
                               .n_headers = 1,
                               .body = json,
                               .max_attempts = 3,
                               .deadline_ms = 10000,
                               .connect_ms = 3000,
                               .max_bytes = 65536};
    return perform(&request, &a);
}
