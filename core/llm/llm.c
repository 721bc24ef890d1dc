/* The client: see llm.h. */
#include "llm/llm.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "llm/llm_i.h"
#include "llm/sigv4.h"
#include "text/hash.h"
#include "text/json.h"
#include "text/jsonw.h"

enum { MAX_DROPPED = 4 };

typedef struct job {
    struct job *next;
    ly_llm *llm;
    ly_llm_call call; /* its messages live in the arena */
    ly_arena arena;   /* request side */
    ly_arena answer;  /* reply side, reset for a second sending */
    ly_buf body;
    uint8_t key[32];
    char dropped[64];
    int rounds; /* sendings: 1, or more after a parameter was dropped */
    int attempts;
    int64_t started_ns;
    ly_llm_result early; /* for answers without a call */
} job;

enum { MAX_SPARE_JOBS = 512 };

struct ly_llm {
    ly_http *http;
    job *spare; /* linked by next; their arenas and buffers are kept */
    size_t n_spare;
    ly_llm_opts opts;
    job *ready, *ready_last; /* answered without a call: told in the next poll */
    size_t n_ready;
    /* Parameters that a model refused, so that they are not sent again: "model\nparameter". */
    char refused[MAX_DROPPED * 4][LY_LLM_NAME_MAX + 40];
    size_t n_refused;
};

const char *ly_llm_outcome_name(ly_llm_outcome outcome)
{
    static const char *const names[] = {
#define LY_LLM_OUTCOME_NAME(id, name) [id] = name,
        LY_LLM_OUTCOME_LIST(LY_LLM_OUTCOME_NAME)
#undef LY_LLM_OUTCOME_NAME
    };
    return (unsigned)outcome < LY_LLM__COUNT ? names[outcome] : "unknown";
}

bool ly_llm_outcome_stops(ly_llm_outcome outcome)
{
    return outcome == LY_LLM_AUTH || outcome == LY_LLM_QUOTA || outcome == LY_LLM_BUDGET;
}

ly_status ly_llm_new(const ly_llm_opts *opts, ly_llm **ret_llm, ly_err *err)
{
    ly_llm *llm = ly_calloc(1, sizeof *llm);
    if (!llm) {
        return LY_NOMEM(err);
    }
    llm->opts = *opts;
    ly_http_opts http = {.ceiling = opts->jobs, .fixed = opts->jobs > 0};
    ly_status status = ly_http_new(&http, &llm->http, err);
    if (status) {
        ly_free(llm);
        return status;
    }
    *ret_llm = llm;
    return LY_OK;
}

static void job_release(job *j)
{
    ly_arena_release(&j->arena);
    ly_arena_release(&j->answer);
    ly_buf_release(&j->body);
    ly_free(j);
}

/* Keeps small jobs for the next calls, so that a long run stops allocating. */
static void job_free(job *j)
{
    ly_llm *llm = j->llm;
    size_t held = j->arena.held + j->answer.held + j->body.cap;
    if (llm->n_spare == MAX_SPARE_JOBS || held > LY_KIB(128)) {
        job_release(j);
        return;
    }
    ly_arena_reset(&j->arena);
    ly_arena_reset(&j->answer);
    ly_buf_reset(&j->body);
    *j = (job){
        .llm = llm, .arena = j->arena, .answer = j->answer, .body = j->body, .next = llm->spare};
    llm->spare = j;
    llm->n_spare++;
}

static job *job_new(ly_llm *llm)
{
    job *j = llm->spare;
    if (j) {
        llm->spare = j->next;
        llm->n_spare--;
        j->next = NULL;
        return j;
    }
    j = ly_calloc(1, sizeof *j);
    if (j) {
        j->llm = llm;
        ly_arena_init(&j->arena, 4096, LY_MAX_REQUEST_BYTES);
        ly_arena_init(&j->answer, 4096, LY_MAX_REPLY_BYTES * 4);
        ly_buf_init(&j->body, LY_MAX_REQUEST_BYTES);
    }
    return j;
}

void ly_llm_free(ly_llm *llm)
{
    if (!llm) {
        return;
    }
    if (llm->http) {
        /* Jobs hang on their HTTP requests; ending those frees them. */
        ly_llm_cancel(llm);
        ly_http_free(llm->http);
    }
    while (llm->spare) {
        job *j = llm->spare;
        llm->spare = j->next;
        job_release(j);
    }
    ly_free(llm);
}

/* SHA-256 over canonical JSON of {base, body, repeat, salt}. */
static ly_status hash_call(ly_str base, ly_str body, int64_t repeat, ly_str salt,
                           uint8_t ret_key[32], ly_err *err)
{
    ly_arena arena;
    ly_buf text, canon;
    ly_jsonw w;
    ly_json *doc = NULL;
    ly_arena_init(&arena, 0, 0);
    ly_buf_init(&text, LY_MAX_REQUEST_BYTES);
    ly_buf_init(&canon, LY_MAX_REQUEST_BYTES);
    ly_jsonw_init(&w, &text, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_str(&w, "base", base);
    ly_jsonw_key(&w, "body");
    ly_jsonw_raw(&w, body);
    ly_jsonw_kv_i64(&w, "repeat", repeat);
    ly_jsonw_kv_str(&w, "salt", salt);
    ly_jsonw_object_end(&w);
    ly_status status = ly_jsonw_end(&w, err);
    if (!status) {
        status = ly_json_parse(ly_buf_view(&text), &arena, &doc, err);
    }
    if (!status) {
        status = ly_json_canonical(doc, &canon, err);
    }
    if (!status) {
        ly_sha256_of(ly_buf_view(&canon), ret_key);
    }
    ly_buf_release(&text);
    ly_buf_release(&canon);
    ly_arena_release(&arena);
    return status;
}

/* ---- what a model does not take ------------------------------------------------------------------- */

static bool is_refused(const ly_llm *llm, const ly_llm_model *m, const char *parameter)
{
    char line[LY_LLM_NAME_MAX + 40];
    (void)snprintf(line, sizeof line, "%s\n%s", m->name, parameter);
    for (size_t i = 0; i < llm->n_refused; i++) {
        if (ly_str_eqc(ly_str_c(line), llm->refused[i])) {
            return true;
        }
    }
    return false;
}

static void remember_refused(ly_llm *llm, const ly_llm_model *m, const char *parameter)
{
    if (llm->n_refused < LY_COUNT(llm->refused) && !is_refused(llm, m, parameter)) {
        (void)snprintf(llm->refused[llm->n_refused++], sizeof llm->refused[0], "%s\n%s", m->name,
                       parameter);
    }
}

/* Takes a parameter out of the request; false when it is not in it. */
static bool drop_parameter(job *j, const char *parameter)
{
    ly_shape_request *r = &j->call.request;
    ly_str p = ly_str_c(parameter);
    bool had = false;
    if (ly_str_eqc(p, "temperature")) {
        had = r->temperature != LY_SHAPE_UNSET;
        r->temperature = LY_SHAPE_UNSET;
    } else if (ly_str_eqc(p, "top_p")) {
        had = r->top_p != LY_SHAPE_UNSET;
        r->top_p = LY_SHAPE_UNSET;
    } else if (ly_str_eqc(p, "seed")) {
        had = r->seed != LY_UNKNOWN;
        r->seed = LY_UNKNOWN;
    } else if (ly_str_eqc(p, "response_format")) {
        had = r->schema.len > 0;
        r->schema = LY_STR_NONE;
    } else if (ly_str_eqc(p, "max_tokens")) {
        had = r->old_max_tokens;
        r->old_max_tokens = false;
    } else if (ly_str_eqc(p, "max_completion_tokens")) {
        had = !r->old_max_tokens && j->call.model->shape == LY_SHAPE_OPENAI_CHAT;
        r->old_max_tokens = true;
    }
    if (had) {
        size_t used = strlen(j->dropped);
        (void)snprintf(j->dropped + used, sizeof j->dropped - used, "%s%s", used ? "," : "",
                       parameter);
    }
    return had;
}

static const char *const optional_parameters[] = {
    "temperature", "top_p", "seed", "response_format", "max_completion_tokens", "max_tokens"};

/* ---- sending ------------------------------------------------------------------------------------------- */

static void on_done(void *user, const ly_http_reply *http);

/* The body's word on a failed attempt, before the status alone decides (§3.9). */
static ly_http_verdict classify(void *user, const ly_http_reply *http, int64_t *wait_ms)
{
    (void)user;
    if (http->error || http->status < 400) {
        return LY_HTTP_DEFAULT;
    }
    ly_arena arena;
    ly_json *doc = NULL;
    ly_http_verdict v = LY_HTTP_DEFAULT;
    ly_arena_init(&arena, 0, LY_MIB(8));
    if (http->body.len < LY_MIB(1) && ly_json_parse(http->body, &arena, &doc, NULL) == LY_OK) {
        const ly_json *root = ly_json_is(doc, LY_JSON_ARRAY) ? ly_json_at(doc, 0) : doc;
        const ly_json *error = ly_json_get(root, "error"), *details = ly_json_get(error, "details");
        ly_str code = ly_json_str(ly_json_get(error, "code"));
        ly_str type = ly_json_str(ly_json_get(error, "type"));
        ly_str status = ly_json_str(ly_json_get(error, "status"));
        static const char *const final[] = {"insufficient_quota", "billing_hard_limit_reached",
                                            "billing_error", "enforced_spend_limit_reached"};
        for (size_t i = 0; i < LY_COUNT(final); i++) {
            if (ly_str_eqc(code, final[i]) || ly_str_eqc(type, final[i])) {
                v = LY_HTTP_FINAL;
            }
        }
        for (size_t i = 0; i < ly_json_count(details); i++) {
            ly_str delay = ly_json_str(ly_json_get(ly_json_at(details, i), "retryDelay"));
            int64_t ms = delay.len ? ly_http_parse_reset(delay) : -1;
            *wait_ms = ms >= 0 ? ms : *wait_ms;
        }
        if (http->status == 503 && ly_str_eqc(status, "RESOURCE_EXHAUSTED")) {
            v = LY_HTTP_LIMITED;
        }
        if (ly_str_find(ly_json_str(ly_json_get(error, "message")), LY_S("limit: 0"), 0) !=
            SIZE_MAX) {
            v = LY_HTTP_FINAL;
        }
    }
    ly_arena_release(&arena);
    return v;
}

/* Headers of a signed request; wiped after use. */
typedef struct aws_headers {
    char date[40], token[4096], authorization[1024];
} aws_headers;

/* Signs by AWS_ACCESS_KEY_ID and its secret; nothing without them (a local address needs none). */
static ly_status sign_aws(job *j, ly_str path, aws_headers *h, const char **headers, size_t *n,
                          ly_err *err)
{
    const ly_llm_model *m = j->call.model;
    const char *id = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");
    const char *token = getenv("AWS_SESSION_TOKEN");
    char host[sizeof m->host + 16];
    if (!id || !*id || !secret || !*secret) {
        return LY_OK;
    }
    (void)snprintf(host, sizeof host, m->port == LY_UNKNOWN ? "%s" : "%s:%lld", m->host,
                   (long long)m->port);
    ly_sigv4 in = {.method = "POST",
                   .path = path,
                   .host = ly_str_c(host),
                   .content_type = LY_S("application/json"),
                   .body = ly_buf_view(&j->body),
                   .region = ly_llm_aws_region(),
                   .service = "bedrock",
                   .key_id = id,
                   .secret = secret,
                   .token = token};
    ly_sigv4_signed made;
    ly_buf value;
    ly_buf_init(&value, sizeof h->authorization - 20);
    ly_sigv4_date(ly_wall_ns(), in.date);
    ly_status st = ly_sigv4_sign(&in, &value, &made, err);
    int used = snprintf(h->token, sizeof h->token, "x-amz-security-token: %s", token ? token : "");
    if (!st && (used < 0 || (size_t)used >= sizeof h->token)) {
        st = LY_FAIL(err, LY_E_INVALID, "AWS_SESSION_TOKEN is too long");
    }
    if (!st) {
        (void)snprintf(h->date, sizeof h->date, "x-amz-date: %s", in.date);
        (void)snprintf(h->authorization, sizeof h->authorization, "Authorization: %s",
                       ly_buf_text(&value));
        headers[(*n)++] = h->date;
        headers[(*n)++] = h->authorization;
        if (token && *token) {
            headers[(*n)++] = h->token;
        }
    }
    explicit_bzero(&made, sizeof made);
    ly_buf_release(&value);
    return st;
}

static ly_status send_job(job *j, ly_err *err)
{
    const ly_llm_model *m = j->call.model;
    char auth[1024], version[] = "anthropic-version: 2023-06-01", lane[LY_LLM_URL_MAX + 16];
    char type[] = "Content-Type: application/json";
    const char *headers[6] = {type};
    aws_headers aws;
    bool by_aws = false;
    size_t n = 1;
    const char *key = ly_llm_model_key(m);
    static const char *const forms[] = {[LY_AUTH_NONE] = NULL,
                                        [LY_AUTH_BEARER] = "Authorization: Bearer ",
                                        [LY_AUTH_ANTHROPIC] = "x-api-key: ",
                                        [LY_AUTH_GOOGLE] = "x-goog-api-key: ",
                                        [LY_AUTH_AZURE] = "api-key: ",
                                        [LY_AUTH_AWS] = "Authorization: Bearer "};
    if (key && forms[m->auth]) {
        int len = snprintf(auth, sizeof auth, "%s%s", forms[m->auth], key);
        if (len < 0 || (size_t)len >= sizeof auth) {
            return LY_FAIL(err, LY_E_INVALID, "%s is too long to be a key", m->key_env);
        }
        headers[n++] = auth;
    }
    if (m->auth == LY_AUTH_ANTHROPIC) {
        headers[n++] = version;
    }
    ly_buf url;
    ly_buf_init(&url, LY_LLM_URL_MAX + LY_LLM_NAME_MAX * 3 + 64);
    ly_buf_c(&url, m->base);
    ly_shape_write_path(m->shape, &j->call.request, &url);
    ly_status status = ly_buf_status(&url, "request address", err);
    if (!status && j->rounds > 1) { /* without the parameter that was refused */
        ly_buf_reset(&j->body);
        status = ly_shape_write_request(m->shape, &j->call.request, &j->body, err);
    }
    if (!status && m->auth == LY_AUTH_AWS && !key) {
        by_aws = true;
        status = sign_aws(j, ly_str_sub(ly_buf_view(&url), strlen(m->base), SIZE_MAX), &aws,
                          headers, &n, err);
    }
    if (!status) {
        (void)snprintf(lane, sizeof lane, "%s %s", m->base, m->key_env ? m->key_env : "");
        ly_http_request req = {
            .url = ly_buf_text(&url),
            .headers = headers,
            .n_headers = n,
            .body = ly_buf_view(&j->body),
            .borrowed = true, /* the job stays until its HTTP request is done */
            .lane = lane,
            .max_attempts = j->llm->opts.max_attempts,
            .deadline_ms = j->call.deadline_ms,
            .classify = classify,
            .done = on_done,
            .user = j,
        };
        status = ly_http_submit(j->llm->http, &req, err);
    }
    explicit_bzero(auth, sizeof auth);
    if (by_aws) {
        explicit_bzero(&aws, sizeof aws);
    }
    ly_buf_release(&url);
    return status;
}

/* ---- results ---------------------------------------------------------------------------------------------- */

static ly_priced price_of(const ly_llm *llm, const ly_llm_model *m, const ly_shape_reply *reply)
{
    ly_canon canon = {.provider = ly_str_c(m->provider),
                      .request_model = ly_str_c(m->name),
                      .response_model = reply->model,
                      .server_address = ly_str_c(m->host),
                      .server_port = m->port,
                      .service_tier = reply->service_tier,
                      .tokens = reply->tokens,
                      .ttft_ns = LY_UNKNOWN,
                      .client_cost_pico = LY_UNKNOWN,
                      .type = LY_TYPE_GENERATION,
                      .dialect = "lydite"};
    return ly_price_span(llm->opts.book, &canon, ly_wall_ns());
}

static ly_llm_outcome outcome_of_status(int status, const ly_shape_reply *e)
{
    ly_str m = e->error_message, c = e->error_code, t = e->error_type;
    if (ly_str_eqc(c, "insufficient_quota") || ly_str_eqc(t, "insufficient_quota") ||
        status == 402 || ly_str_eqc(t, "billing_error")) {
        return LY_LLM_QUOTA;
    }
    if (ly_str_eqc(c, "context_length_exceeded") ||
        ly_str_find(m, LY_S("prompt is too long"), 0) != SIZE_MAX ||
        ly_str_find(m, LY_S("maximum context length"), 0) != SIZE_MAX) {
        return LY_LLM_CONTEXT;
    }
    if (ly_str_eqc(c, "content_filter")) {
        return LY_LLM_CONTENT_FILTER;
    }
    if (status == 401 || status == 403) {
        return LY_LLM_AUTH;
    }
    if (status == 429) {
        return LY_LLM_RATE;
    }
    return status >= 500 ? LY_LLM_5XX : status == 408 ? LY_LLM_TIMEOUT : LY_LLM_4XX;
}

static void read_answer(job *j, ly_str body, ly_llm_result *r)
{
    ly_err err = LY_ERR_INIT;
    if (ly_shape_read_reply(j->call.model->shape, body, &j->answer, &r->reply, &err) != LY_OK) {
        r->outcome = LY_LLM_PARSE;
        r->error = ly_arena_fmt(&j->answer, "%s", err.text);
        r->reply = (ly_shape_reply){.tokens = LY_TOKENS_UNKNOWN};
        return;
    }
    if (r->reply.error_message.len) {
        r->outcome = outcome_of_status(500, &r->reply);
        r->error = r->reply.error_message;
        return;
    }
    r->priced = price_of(j->llm, j->call.model, &r->reply);
    if (ly_str_eqc(r->reply.finish, "refusal")) {
        r->outcome = LY_LLM_REFUSAL;
    } else if (ly_str_eqc(r->reply.finish, "content_filter")) {
        r->outcome = LY_LLM_CONTENT_FILTER;
    } else if (ly_str_eqc(r->reply.finish, "length")) {
        r->outcome = LY_LLM_TRUNCATED;
    } else if (ly_str_eqc(r->reply.finish, "context")) {
        r->outcome = LY_LLM_CONTEXT;
    }
    if (r->outcome != LY_LLM_OK) {
        r->error =
            r->reply.refusal.len ? r->reply.refusal : ly_str_c(ly_llm_outcome_name(r->outcome));
    }
}

static void read_failure(job *j, const ly_http_reply *http, ly_llm_result *r)
{
    if (http->error) {
        r->outcome = http->error == LY_HTTP_TIMEOUT     ? LY_LLM_TIMEOUT
                     : http->error == LY_HTTP_CANCELLED ? LY_LLM_CANCELLED
                     : http->error == LY_HTTP_TOO_LARGE ? LY_LLM_PARSE
                                                        : LY_LLM_NETWORK;
        r->error = ly_arena_fmt(&j->answer, "%s: %s", j->call.model->host, http->error_text);
        return;
    }
    ly_shape_reply e = {.tokens = LY_TOKENS_UNKNOWN};
    if (ly_shape_read_reply(j->call.model->shape, http->body, &j->answer, &e, NULL) != LY_OK) {
        e = (ly_shape_reply){.tokens = LY_TOKENS_UNKNOWN};
    }
    r->outcome = outcome_of_status(http->status, &e);
    ly_str what = e.error_message.len ? ly_str_sub(e.error_message, 0, 300) : LY_STR_NONE;
    r->error = ly_arena_fmt(&j->answer, "%s answered %d%s%.*s", j->call.model->host, http->status,
                            what.len ? ": " : "", LY_STR_ARG(what));
}

static void tell(job *j, ly_llm_result *r)
{
    r->adjusted = j->dropped[0] != '\0';
    r->dropped = j->dropped;
    r->started_ns = j->started_ns;
    r->ended_ns = ly_wall_ns();
    const ly_llm_hooks *h = &j->llm->opts.hooks;
    if (r->outcome == LY_LLM_OK && !r->cached && !j->call.no_cache && h->keep) {
        h->keep(h->user, j->key, r->body);
    }
    if (h->seen) {
        h->seen(h->user, &j->call, r);
    }
    j->call.done(j->call.user, &j->call, r);
    job_free(j);
}

/* A refusal of a parameter: send once more without it. True when that happened. */
static bool send_without(job *j, const ly_http_reply *http, const ly_llm_result *r)
{
    if (http->error || http->status != 400 || j->rounds > MAX_DROPPED) {
        return false;
    }
    for (size_t i = 0; i < LY_COUNT(optional_parameters); i++) {
        ly_str p = ly_str_c(optional_parameters[i]);
        if (ly_str_find(r->error, p, 0) != SIZE_MAX && drop_parameter(j, optional_parameters[i])) {
            remember_refused(j->llm, j->call.model, optional_parameters[i]);
            j->rounds++;
            ly_arena_reset(&j->answer);
            return send_job(j, NULL) == LY_OK;
        }
    }
    return false;
}

static void on_done(void *user, const ly_http_reply *http)
{
    job *j = user;
    ly_llm_result r = {.outcome = LY_LLM_OK,
                       .reply.tokens = LY_TOKENS_UNKNOWN,
                       .http_status = http->status,
                       .latency_ns = http->attempt_ns,
                       .first_ns = http->first_ns,
                       .priced = LY_PRICED_NONE};
    j->attempts += http->attempts;
    r.attempts = j->attempts;
    r.request_id = ly_arena_copy(&j->answer, http->request_id);
    r.body = http->body;
    if (!http->error && http->status >= 200 && http->status < 300) {
        read_answer(j, http->body, &r);
    } else {
        read_failure(j, http, &r);
        if (send_without(j, http, &r)) {
            return;
        }
    }
    tell(j, &r);
}

static ly_status copy_call(job *j, const ly_llm_call *call, ly_err *err)
{
    ly_shape_request *r = &j->call.request;
    ly_shape_msg *msgs = LY_ARENA_ARRAY(&j->arena, ly_shape_msg, r->n_msgs + 1);
    ly_str *stop = LY_ARENA_ARRAY(&j->arena, ly_str, r->n_stop + 1);
    if (!msgs || !stop) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < r->n_msgs; i++) {
        msgs[i].role = ly_arena_copy(&j->arena, call->request.msgs[i].role);
        msgs[i].text = ly_arena_copy(&j->arena, call->request.msgs[i].text);
        if (!msgs[i].role.ptr || !msgs[i].text.ptr) {
            return LY_NOMEM(err);
        }
    }
    for (size_t i = 0; i < r->n_stop; i++) {
        stop[i] = ly_arena_copy(&j->arena, call->request.stop[i]);
    }
    r->msgs = msgs;
    r->stop = stop;
    r->schema = ly_arena_copy(&j->arena, r->schema);
    r->schema_name = ly_arena_copy(&j->arena, r->schema_name);
    r->effort = ly_arena_copy(&j->arena, r->effort);
    j->call.salt = ly_arena_copy(&j->arena, call->salt);
    r->model = ly_str_c(call->model->name);
    r->old_max_tokens = call->model->old_max_tokens;
    for (size_t i = 0; i < LY_COUNT(optional_parameters); i++) {
        if (is_refused(j->llm, call->model, optional_parameters[i])) {
            (void)drop_parameter(j, optional_parameters[i]);
        }
    }
    return LY_OK;
}

static void ready(job *j, ly_llm_outcome outcome, ly_str error)
{
    j->early.outcome = outcome;
    j->early.error = error;
    j->early.priced = LY_PRICED_NONE;
    j->early.first_ns = -1;
    j->next = NULL;
    ly_llm *llm = j->llm;
    if (llm->ready_last) {
        llm->ready_last->next = j;
    } else {
        llm->ready = j;
    }
    llm->ready_last = j;
    llm->n_ready++;
}

/* True when a cached body answers. */
static bool from_cache(job *j)
{
    const ly_llm_hooks *h = &j->llm->opts.hooks;
    ly_str body;
    if (j->call.no_cache || !h->cached || !h->cached(h->user, j->key, &j->answer, &body)) {
        return false;
    }
    j->early = (ly_llm_result){.outcome = LY_LLM_OK, .reply.tokens = LY_TOKENS_UNKNOWN};
    ly_llm_result r = {.outcome = LY_LLM_OK, .reply.tokens = LY_TOKENS_UNKNOWN};
    read_answer(j, body, &r);
    if (r.outcome != LY_LLM_OK) {
        return false; /* a damaged entry: ask the provider */
    }
    r.body = body;
    r.cached = true;
    r.http_status = 200;
    j->early = r;
    return true;
}

/* Where the path names the model, the body does not: then the path belongs to what was asked. */
static ly_status cache_key(job *j, ly_err *err)
{
    ly_buf base;
    ly_shape shape = j->call.model->shape;
    ly_buf_init(&base, LY_LLM_URL_MAX + LY_LLM_NAME_MAX * 3 + 64);
    ly_buf_c(&base, j->call.model->base);
    if (shape == LY_SHAPE_GEMINI || shape == LY_SHAPE_BEDROCK) {
        ly_shape_write_path(shape, &j->call.request, &base);
    }
    ly_status st = ly_buf_status(&base, "request address", err);
    if (!st) {
        st = hash_call(ly_buf_view(&base), ly_buf_view(&j->body), j->call.repeat, j->call.salt,
                       j->key, err);
    }
    ly_buf_release(&base);
    return st;
}

ly_status ly_llm_submit(ly_llm *llm, const ly_llm_call *call, ly_err *err)
{
    job *j = job_new(llm);
    if (!j) {
        return LY_NOMEM(err);
    }
    j->call = *call;
    j->rounds = 1;
    j->started_ns = ly_wall_ns();
    j->early.reply.tokens = LY_TOKENS_UNKNOWN;
    ly_status status = copy_call(j, call, err);
    if (!status) {
        status = ly_shape_write_request(call->model->shape, &j->call.request, &j->body, err);
    } /* the body is written once: for the cache's key and for sending */
    bool keyed = !j->call.no_cache && (llm->opts.hooks.cached || llm->opts.hooks.keep);
    if (!status && keyed) {
        status = cache_key(j, err);
    }
    if (status) {
        job_free(j);
        return status;
    }
    const char *why = "budget reached";
    const ly_llm_hooks *h = &llm->opts.hooks;
    if (from_cache(j)) {
        ly_llm_result keep = j->early;
        ready(j, LY_LLM_OK, LY_STR_NONE);
        j->early = keep;
        return LY_OK;
    }
    if (h->allow && !h->allow(h->user, &j->call, &why)) {
        ready(j, LY_LLM_BUDGET, ly_str_c(why));
        return LY_OK;
    }
    status = send_job(j, err);
    if (status) {
        job_free(j);
    }
    return status;
}

ly_status ly_llm_poll(ly_llm *llm, int64_t timeout_ms, ly_err *err)
{
    size_t told = 0;
    while (llm->ready && told < 256) {
        job *j = llm->ready;
        llm->ready = j->next;
        llm->ready_last = llm->ready ? llm->ready_last : NULL;
        llm->n_ready--;
        ly_llm_result r = j->early;
        tell(j, &r);
        told++;
    }
    return ly_http_poll(llm->http, told ? 0 : timeout_ms, err);
}

size_t ly_llm_pending(const ly_llm *llm)
{
    return llm->n_ready + ly_http_pending(llm->http);
}

void ly_llm_cancel(ly_llm *llm)
{
    while (llm->ready) {
        job *j = llm->ready;
        llm->ready = j->next;
        llm->n_ready--;
        ly_llm_result r = {.outcome = LY_LLM_CANCELLED,
                           .error = LY_S("cancelled"),
                           .reply.tokens = LY_TOKENS_UNKNOWN,
                           .priced = LY_PRICED_NONE,
                           .first_ns = -1};
        tell(j, &r);
    }
    llm->ready_last = NULL;
    ly_http_cancel(llm->http);
}
