/*
 * lydite/curl.h: an LLM call made with libcurl records itself as a generation step.
 *
 *     CURL *easy = curl_easy_init();
 *     curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);          // your credentials stay yours
 *     lydite_curl_request request = LYDITE_CURL_REQUEST_INIT;
 *     request.url = "https://api.openai.com/v1/chat/completions";
 *     request.body = json;
 *     request.write = on_bytes;                                     // as CURLOPT_WRITEFUNCTION
 *     request.write_user = &reply;
 *     int code = lydite_curl_perform(tracer, easy, &request);       // a CURLcode
 *
 * What is recorded: model, parameters, messages, system prompt and tools of the request; reply id,
 * model, messages, finish reason, all token buckets and the cost where the provider states it, of the
 * reply or of the SSE stream (of several choices the first); time to first token; host and port; HTTP
 * status or curl error. For the shapes of OpenAI (chat completions,
 * responses, embeddings, and every compatible server), Anthropic and Gemini, known by the URL's path. A
 * URL of another kind is performed unrecorded.
 *
 * What is never recorded: request headers, the URL's query and user part, and what looks like a key in a
 * provider's error text.
 *
 * A stream is known by its type (text/event-stream, NDJSON), by its first bytes where the request asked
 * for one, and for Gemini also as one JSON array.
 *
 * The hook sees the bytes after curl has decoded them, hands each to your function first, and changes
 * nothing. It keeps at most 32 MiB of a reply for itself. Of the handle it sets URL, POST body and write
 * function and data (curl cannot tell what stood there: hand yours over in the request); afterwards your
 * function stands there, or curl's own, which writes to stdout. All other options stay as you set them.
 *
 *     cc agent.c $(pkg-config --cflags --libs lydite-curl libcurl)
 */
#ifndef LYDITE_CURL_H
#define LYDITE_CURL_H

#include <lydite/tracer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The signature of CURLOPT_WRITEFUNCTION. */
typedef size_t (*lydite_curl_write_fn)(char *bytes, size_t size, size_t n, void *user);

typedef struct lydite_curl_request {
    size_t size; /* LYDITE_CURL_REQUEST_INIT sets it */
    const char *url;
    const char *body;           /* sent as POST; must live until the call has ended */
    size_t body_len;            /* 0 = body is a C string */
    lydite_curl_write_fn write; /* NULL = the reply is not handed on */
    void *write_user;
    const char *provider; /* gen_ai.provider.name; NULL = by host and shape */
} lydite_curl_request;

#define LYDITE_CURL_REQUEST_INIT LYDITE_INIT_(lydite_curl_request)

/* Sets URL, POST body and write function of the easy handle (a CURL *), performs it and records it
 * under the thread's current span. Returns curl's CURLcode. With a NULL tracer it only performs. */
LYDITE_API int lydite_curl_perform(lydite_tracer *tracer, void *easy,
                                   const lydite_curl_request *request);

/* The same in two halves, for curl_multi: begin before the handle is added; end with the result of
 * CURLMSG_DONE, before the handle is reused. Between them the step is open and not the thread's current
 * one. NULL without memory; end accepts NULL. request may go after begin, what it points to may not. */
typedef struct lydite_curl_call lydite_curl_call;
LYDITE_API lydite_curl_call *lydite_curl_begin(lydite_tracer *tracer, void *easy,
                                               const lydite_curl_request *request);
/* The step itself, to set more on it; NULL when the call is not recorded. */
LYDITE_API lydite_span *lydite_curl_span(lydite_curl_call *call);
LYDITE_API void lydite_curl_end(lydite_curl_call *call, int curl_code);

#ifdef __cplusplus
}
#endif
#endif
