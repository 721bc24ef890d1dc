/*
 * A scripted stand-in for an OpenAI-compatible model server. It is no model: it answers from a rules file,
 * deterministically, and says so in the model name of every reply (stand-in-1).
 *
 *     model_server [--port N] [--rules FILE] [--latency-ms N]
 *
 * --port 0 takes a free port; the address is printed as the first line. GET /stats counts what it was asked,
 * POST /v1/chat/completions and /v1/embeddings answer. Loopback only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"

#define MAX_BODY (64u << 20)

typedef struct server {
    rules rules;
    long requests, errors, unmatched, streams; /* under rules.lock */
} server;

typedef struct body {
    char *text;
    size_t n, cap;
    bool too_large;
} body;

static volatile sig_atomic_t stop_now;

static void on_signal(int number)
{
    (void)number;
    stop_now = 1;
}

static enum MHD_Result reply(struct MHD_Connection *c, int status, const char *type, char *text,
                             const cJSON *headers)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(
        text ? strlen(text) : 0, text ? text : "", MHD_RESPMEM_MUST_COPY);
    const cJSON *h;
    MHD_add_response_header(r, "Content-Type", type);
    cJSON_ArrayForEach(h, headers)
    {
        if (cJSON_IsString(h))
            MHD_add_response_header(r, h->string, h->valuestring);
    }
    enum MHD_Result result = MHD_queue_response(c, (unsigned)status, r);
    MHD_destroy_response(r);
    free(text);
    return result;
}

static void wait_ms(int ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    while (ms > 0 && nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
}

static enum MHD_Result chat(server *s, struct MHD_Connection *c, const cJSON *request)
{
    int tool_messages = 0;
    char *all = answer_all_text(request, &tool_messages);
    bool tools = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(request, "tools")) > 0;
    bool stream = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "stream"));
    rule *one = rules_pick(&s->rules, all ? all : "", tools, tool_messages);
    int status = one ? one->status : 404;
    pthread_mutex_lock(&s->rules.lock);
    long number = ++s->requests;
    s->errors += status >= 400;
    s->unmatched += !one;
    s->streams += stream && status < 400;
    pthread_mutex_unlock(&s->rules.lock);
    const cJSON *latency = one ? cJSON_GetObjectItemCaseSensitive(one->node, "latency_ms") : NULL;
    wait_ms(cJSON_IsNumber(latency) ? latency->valueint : s->rules.latency_ms);
    const cJSON *headers = one ? cJSON_GetObjectItemCaseSensitive(one->node, "headers") : NULL;
    char *text = status >= 400 ? answer_error(one, status)
                 : stream      ? answer_stream(&s->rules, one, request, all ? all : "", number)
                               : answer_chat(&s->rules, one, request, all ? all : "", number);
    free(all);
    return reply(c, status, stream && status < 400 ? "text/event-stream" : "application/json", text,
                 headers);
}

static enum MHD_Result stats(server *s, struct MHD_Connection *c)
{
    char text[512];
    pthread_mutex_lock(&s->rules.lock);
    snprintf(
        text, sizeof text,
        "{\"stand_in\":true,\"requests\":%ld,\"errors\":%ld,\"unmatched\":%ld,\"streams\":%ld}\n",
        s->requests, s->errors, s->unmatched, s->streams);
    pthread_mutex_unlock(&s->rules.lock);
    return reply(c, 200, "application/json", strdup(text), NULL);
}

static bool take(body *b, const char *bytes, size_t n)
{
    if (b->n + n + 1 > MAX_BODY) {
        b->too_large = true;
        return false;
    }
    if (b->n + n + 1 > b->cap) {
        size_t cap = (b->n + n + 1) * 2;
        char *more = realloc(b->text, cap);
        if (!more)
            return false;
        b->text = more;
        b->cap = cap;
    }
    memcpy(b->text + b->n, bytes, n);
    b->n += n;
    b->text[b->n] = '\0';
    return true;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    server *s = user;
    body *b = *state;
    (void)version;
    if (!b) {
        *state = b = calloc(1, sizeof *b);
        return b ? MHD_YES : MHD_NO;
    }
    if (*upload_size) {
        take(b, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(method, "GET") == 0) {
        if (strcmp(url, "/stats") == 0)
            return stats(s, c);
        return reply(
            c, 200, "application/json",
            strdup("{\"object\":\"list\",\"data\":[{\"id\":\"stand-in-1\",\"object\":\"model\"}]}"),
            NULL);
    }
    cJSON *request = b->too_large || !b->text ? NULL : cJSON_ParseWithLength(b->text, b->n);
    enum MHD_Result result;
    if (!request) {
        result =
            reply(c, b->too_large ? 413 : 400, "application/json", answer_error(NULL, 400), NULL);
    } else if (strcmp(url, "/v1/chat/completions") == 0) {
        result = chat(s, c, request);
    } else if (strcmp(url, "/v1/embeddings") == 0) {
        result = reply(c, 200, "application/json", answer_embeddings(&s->rules, request), NULL);
    } else {
        result = reply(c, 404, "application/json", answer_error(NULL, 404), NULL);
    }
    cJSON_Delete(request);
    return result;
}

static void on_completed(void *user, struct MHD_Connection *c, void **state,
                         enum MHD_RequestTerminationCode why)
{
    body *b = *state;
    (void)user;
    (void)c;
    (void)why;
    if (b) {
        free(b->text);
        free(b);
    }
}

static int usage(void)
{
    fprintf(stderr, "usage: model_server [--port N] [--rules FILE] [--latency-ms N]\n");
    return 2;
}

int main(int argc, char **argv)
{
    static server s;
    const char *path = NULL;
    long port = 8099, latency = -1;
    for (int i = 1; i + 1 < argc || i < argc; i += 2) {
        if (i + 1 >= argc)
            return usage();
        if (strcmp(argv[i], "--port") == 0)
            port = strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--rules") == 0)
            path = argv[i + 1];
        else if (strcmp(argv[i], "--latency-ms") == 0)
            latency = strtol(argv[i + 1], NULL, 10);
        else
            return usage();
    }
    if (port < 0 || port > 65535 || !rules_load(&s.rules, path))
        return port < 0 || port > 65535 ? usage() : 3;
    if (latency >= 0)
        s.rules.latency_ms = (int)latency;
    /* Blocked before the threads start, so that only the wait below sees them. */
    struct sigaction act = {.sa_handler = on_signal};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    sigset_t none;
    sigset_t both;
    sigemptyset(&none);
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    sigprocmask(SIG_BLOCK, &both, NULL);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct MHD_Daemon *d = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL,
        (unsigned short)port, NULL, NULL, on_request, &s, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)&address, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_CONNECTION_LIMIT, 1200u, MHD_OPTION_THREAD_STACK_SIZE, (size_t)262144,
        MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024u, MHD_OPTION_END);
    if (!d) {
        fprintf(stderr, "model_server: port %ld cannot be opened: %s\n", port, strerror(errno));
        return 3;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT);
    printf("model_server (a scripted stand-in, not a model) on http://127.0.0.1:%u/v1\n",
           info ? info->port : 0u);
    fflush(stdout);
    while (!stop_now)
        sigsuspend(&none);
    MHD_stop_daemon(d);
    cJSON_Delete(s.rules.doc);
    return 0;
}
