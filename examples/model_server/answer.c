#include "answer.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_WORDS 4096

static const char *string_of(const cJSON *node, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(node, name);
    return cJSON_IsString(v) ? v->valuestring : NULL;
}

/* ---- the prompt ---- */

char *answer_all_text(const cJSON *request, int *ret_tool_messages)
{
    const cJSON *messages = cJSON_GetObjectItemCaseSensitive(request, "messages"), *m;
    size_t size = 1, used = 0;
    *ret_tool_messages = 0;
    cJSON_ArrayForEach(m, messages)
    {
        const char *text = string_of(m, "content");
        size += (text ? strlen(text) : 0) + 1;
    }
    char *all = calloc(1, size);
    cJSON_ArrayForEach(m, messages)
    {
        const char *text = string_of(m, "content"), *role = string_of(m, "role");
        if (role && strcmp(role, "tool") == 0)
            (*ret_tool_messages)++;
        if (all && text)
            used += (size_t)snprintf(all + used, size - used, "%s\n", text);
    }
    return all;
}

/* ---- words: lower-case runs of letters and digits, without the commonest ---- */

typedef struct words {
    char *copy;
    const char *items[MAX_WORDS];
    int n;
} words;

static bool common(const char *w)
{
    static const char *const list[] = {"a",    "an",    "the",  "is",   "are",  "was", "of",
                                       "in",   "to",    "and",  "or",   "it",   "its", "at",
                                       "by",   "for",   "on",   "with", "as",   "be",  "that",
                                       "this", "which", "what", "how",  "about"};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (strcmp(w, list[i]) == 0)
            return true;
    return false;
}

static void words_of(words *w, const char *text, size_t len)
{
    w->n = 0;
    w->copy = malloc(len + 1);
    if (!w->copy)
        return;
    for (size_t i = 0; i < len; i++)
        w->copy[i] = isalnum((unsigned char)text[i]) ? (char)tolower((unsigned char)text[i]) : '\0';
    w->copy[len] = '\0';
    for (size_t i = 0; i < len && w->n < MAX_WORDS;) {
        size_t n = strlen(w->copy + i);
        if (n && !common(w->copy + i))
            w->items[w->n++] = w->copy + i;
        i += n + 1;
    }
}

/* Share of the words of `want` that `have` has. */
static double overlap(const words *have, const words *want)
{
    int found = 0;
    for (int i = 0; i < want->n; i++)
        for (int k = 0; k < have->n; k++)
            if (strcmp(want->items[i], have->items[k]) == 0) {
                found++;
                break;
            }
    return want->n ? (double)found / want->n : 0;
}

/* ---- judging: the material of a Lydite judge prompt ---- */

/* The JSON string between "<<<DATA nonce NAME>>>" and its END; the caller frees it. */
static char *material(const char *all, const char *name)
{
    const char *at = all;
    char tail[64];
    snprintf(tail, sizeof tail, " %s>>>\n", name);
    while ((at = strstr(at, "<<<DATA "))) {
        const char *line = strchr(at, '\n');
        size_t head = line ? (size_t)(line + 1 - at) : 0;
        if (head > strlen(tail) && strncmp(line + 1 - strlen(tail), tail, strlen(tail)) == 0) {
            const char *end = strchr(line + 1, '\n');
            cJSON *text =
                cJSON_ParseWithLength(line + 1, end ? (size_t)(end - line - 1) : strlen(line + 1));
            char *copy = cJSON_IsString(text) ? strdup(text->valuestring) : NULL;
            cJSON_Delete(text);
            return copy;
        }
        at += 8;
    }
    return NULL;
}

/* The n-th word in quotes after "verdict\": one of " in the system message. */
static bool verdict_word(const char *all, int n, char *out, size_t size)
{
    const char *at = strstr(all, "\"verdict\": one of ");
    if (!at)
        return false;
    at += strlen("\"verdict\": one of ");
    for (int i = 0; *at == '"'; i++) {
        const char *end = strchr(at + 1, '"');
        if (!end)
            return false;
        if (i == n) {
            snprintf(out, size, "%.*s", (int)(end - at - 1), at + 1);
            return true;
        }
        at = end + 1;
        while (*at == ',' || *at == ' ')
            at++;
    }
    return false;
}

/* Two outputs: the one with more words of the expected answer, without one the longer; 2 is a tie. */
static int better_of(const char *all)
{
    char *a = material(all, "output_a"), *b = material(all, "output_b");
    char *truth = material(all, "expected");
    int verdict = 2;
    if (a && b) {
        words wa, wb, wt;
        words_of(&wa, a, strlen(a));
        words_of(&wb, b, strlen(b));
        words_of(&wt, truth ? truth : "", truth ? strlen(truth) : 0);
        double of_a = truth ? overlap(&wa, &wt) : (double)strlen(a);
        double of_b = truth ? overlap(&wb, &wt) : (double)strlen(b);
        verdict = of_a > of_b ? 0 : of_a < of_b ? 1 : 2;
        free(wa.copy);
        free(wb.copy);
        free(wt.copy);
    }
    free(a);
    free(b);
    free(truth);
    return verdict;
}

static char *judge_text(const rule *one, const char *all)
{
    char *output = material(all, "output"), *truth = material(all, "expected");
    char verdict[128] = "unknown";
    double share = 0;
    if (!truth)
        truth = material(all, "context");
    if (!truth)
        truth = material(all, "input");
    if (strstr(all, " output_b>>>\n")) {
        verdict_word(all, better_of(all), verdict, sizeof verdict);
    } else if (output && truth) {
        words a, b;
        words_of(&a, output, strlen(output));
        words_of(&b, truth, strlen(truth));
        /* For a long context, what counts is how much of the output it supports. */
        share = material(all, "expected") ? overlap(&a, &b) : overlap(&b, &a);
        verdict_word(all, share >= one->threshold ? 0 : 1, verdict, sizeof verdict);
        free(a.copy);
        free(b.copy);
    }
    cJSON *reply = cJSON_CreateObject();
    char reason[160];
    snprintf(reason, sizeof reason,
             "Stand-in: %.0f %% of the reference's words occur; the line is at %.0f %%.",
             share * 100, one->threshold * 100);
    cJSON_AddStringToObject(reply, "reasoning", reason);
    cJSON_AddBoolToObject(reply, "attempted_manipulation", false);
    cJSON_AddStringToObject(reply, "verdict", verdict);
    char *text = cJSON_PrintUnformatted(reply);
    cJSON_Delete(reply);
    free(output);
    free(truth);
    return text;
}

/* ---- answering: the sentence of the prompt that shares most words with its question ---- */

static char *best_sentence(const char *all)
{
    const char *question = strstr(all, "Question:");
    const char *q = question;
    for (const char *next = q; next && (next = strstr(next + 1, "Question:"));)
        q = next;
    const char *notes = strstr(all, "Notes:");
    if (!q || !notes || notes > q) {
        const char *said = q ? q + 9 : all;
        while (*said == ' ')
            said++;
        size_t len = strcspn(said, "\n");
        char *text = calloc(1, len + 64);
        if (text)
            snprintf(text, len + 64, "The stand-in has no notes on: %.*s", (int)len, said);
        return text;
    }
    words want;
    words_of(&want, q + 9, strlen(q + 9));
    const char *best = NULL, *from = notes + 6;
    size_t best_len = 0;
    double best_share = -1;
    for (const char *p = from; p < q; p++) {
        bool end = (*p == '.' && (p[1] == ' ' || p[1] == '\n')) || *p == '\n';
        if (!end)
            continue;
        words have;
        words_of(&have, from, (size_t)(p - from));
        double share = overlap(&have, &want);
        if (have.n > 2 && share > best_share) {
            best = from;
            best_len = (size_t)(p - from) + (*p == '.');
            best_share = share;
        }
        free(have.copy);
        from = p + 1;
    }
    free(want.copy);
    while (best && best_len && (*best == ' ' || *best == '\n')) {
        best++;
        best_len--;
    }
    char *text = calloc(1, best_len + 32);
    if (text)
        snprintf(text, best_len + 32, "%.*s", (int)best_len, best ? best : "the notes do not say");
    return text;
}

char *answer_text(const rule *one, const cJSON *request, const char *all)
{
    const cJSON *reply = cJSON_GetObjectItemCaseSensitive(one->node, "reply");
    (void)request;
    switch (one->how) {
    case COMPUTE_JUDGE:
        return judge_text(one, all);
    case COMPUTE_BEST_SENTENCE:
        return best_sentence(all);
    case COMPUTE_ECHO:
        return strdup(all);
    case COMPUTE_NONE:
        break;
    }
    const char *text = string_of(reply, "text");
    return strdup(text ? text : "");
}

/* ---- wire forms ---- */

static int tokens_in_text(const char *text)
{
    return text ? (int)((strlen(text) + 3) / 4) : 0;
}

static cJSON *usage_of(const char *all, const char *text, const cJSON *calls)
{
    char *printed = calls ? cJSON_PrintUnformatted(calls) : NULL;
    int in = tokens_in_text(all), out = tokens_in_text(text) + tokens_in_text(printed);
    cJSON *usage = cJSON_CreateObject();
    cJSON_AddNumberToObject(usage, "prompt_tokens", in);
    cJSON_AddNumberToObject(usage, "completion_tokens", out);
    cJSON_AddNumberToObject(usage, "total_tokens", in + out);
    free(printed);
    return usage;
}

/* tool_calls of a rule in OpenAI's form, or NULL. */
static cJSON *calls_of(const rule *one, long number)
{
    const cJSON *reply = cJSON_GetObjectItemCaseSensitive(one->node, "reply");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(reply, "tool_calls"), *item;
    if (!cJSON_IsArray(list))
        return NULL;
    cJSON *calls = cJSON_CreateArray();
    int i = 0;
    cJSON_ArrayForEach(item, list)
    {
        char id[64];
        const cJSON *arguments = cJSON_GetObjectItemCaseSensitive(item, "arguments");
        char *text = arguments ? cJSON_PrintUnformatted(arguments) : NULL;
        cJSON *call = cJSON_CreateObject(), *fn = cJSON_CreateObject();
        snprintf(id, sizeof id, "call_%ld_%d", number, i);
        cJSON_AddNumberToObject(call, "index", i++);
        cJSON_AddStringToObject(call, "id", id);
        cJSON_AddStringToObject(call, "type", "function");
        cJSON_AddStringToObject(fn, "name", string_of(item, "name") ? string_of(item, "name") : "");
        cJSON_AddStringToObject(fn, "arguments", text ? text : "{}");
        cJSON_AddItemToObject(call, "function", fn);
        cJSON_AddItemToArray(calls, call);
        free(text);
    }
    return calls;
}

static cJSON *envelope(const rules *r, const char *object, long number)
{
    char id[64];
    cJSON *doc = cJSON_CreateObject();
    snprintf(id, sizeof id, "standin-%ld", number);
    cJSON_AddStringToObject(doc, "id", id);
    cJSON_AddStringToObject(doc, "object", object);
    cJSON_AddNumberToObject(doc, "created", (double)time(NULL));
    cJSON_AddStringToObject(doc, "model", r->model);
    return doc;
}

char *answer_chat(const rules *r, const rule *one, const cJSON *request, const char *all,
                  long number)
{
    cJSON *doc = envelope(r, "chat.completion", number), *choices = cJSON_CreateArray();
    cJSON *choice = cJSON_CreateObject(), *message = cJSON_CreateObject();
    cJSON *calls = calls_of(one, number);
    char *text = answer_text(one, request, all);
    const char *finish = string_of(one->node, "finish");
    cJSON_AddNumberToObject(choice, "index", 0);
    cJSON_AddStringToObject(message, "role", "assistant");
    if (calls && (!text || !*text))
        cJSON_AddNullToObject(message, "content");
    else
        cJSON_AddStringToObject(message, "content", text ? text : "");
    cJSON_AddItemToObject(doc, "usage", usage_of(all, text, calls));
    cJSON_AddStringToObject(choice, "finish_reason",
                            finish  ? finish
                            : calls ? "tool_calls"
                                    : "stop");
    if (calls)
        cJSON_AddItemToObject(message, "tool_calls", calls);
    cJSON_AddItemToObject(choice, "message", message);
    cJSON_AddItemToArray(choices, choice);
    cJSON_AddItemToObject(doc, "choices", choices);
    char *out = cJSON_PrintUnformatted(doc);
    cJSON_Delete(doc);
    free(text);
    return out;
}

typedef struct growing {
    char *text;
    size_t n;
} growing;

static void add_event(growing *g, const rules *r, long number, cJSON *delta, const char *finish,
                      cJSON *usage)
{
    cJSON *doc = envelope(r, "chat.completion.chunk", number), *choices = cJSON_CreateArray();
    if (delta) {
        cJSON *choice = cJSON_CreateObject();
        cJSON_AddNumberToObject(choice, "index", 0);
        cJSON_AddItemToObject(choice, "delta", delta);
        if (finish)
            cJSON_AddStringToObject(choice, "finish_reason", finish);
        else
            cJSON_AddNullToObject(choice, "finish_reason");
        cJSON_AddItemToArray(choices, choice);
    }
    cJSON_AddItemToObject(doc, "choices", choices);
    if (usage)
        cJSON_AddItemToObject(doc, "usage", usage);
    char *json = cJSON_PrintUnformatted(doc);
    size_t len = json ? strlen(json) : 0;
    char *more = realloc(g->text, g->n + len + 16);
    if (more) {
        g->text = more;
        g->n += (size_t)snprintf(g->text + g->n, len + 16, "data: %s\n\n", json ? json : "{}");
    }
    free(json);
    cJSON_Delete(doc);
}

char *answer_stream(const rules *r, const rule *one, const cJSON *request, const char *all,
                    long number)
{
    growing g = {0};
    cJSON *calls = calls_of(one, number), *delta = cJSON_CreateObject();
    char *text = answer_text(one, request, all);
    cJSON_AddStringToObject(delta, "role", "assistant");
    add_event(&g, r, number, delta, NULL, NULL);
    /* A few words an event, so that readers see several. */
    for (const char *at = text ? text : ""; *at;) {
        size_t n = 0;
        for (int w = 0; w < 4 && at[n]; w++) {
            n += strcspn(at + n, " ");
            n += at[n] == ' ';
        }
        char *piece = calloc(1, n + 1);
        if (piece)
            memcpy(piece, at, n);
        delta = cJSON_CreateObject();
        cJSON_AddStringToObject(delta, "content", piece ? piece : "");
        add_event(&g, r, number, delta, NULL, NULL);
        free(piece);
        at += n;
    }
    cJSON *usage = usage_of(all, text, calls);
    if (calls) {
        delta = cJSON_CreateObject();
        cJSON_AddItemToObject(delta, "tool_calls", cJSON_Duplicate(calls, true));
        add_event(&g, r, number, delta, NULL, NULL);
    }
    add_event(&g, r, number, cJSON_CreateObject(), calls ? "tool_calls" : "stop", NULL);
    add_event(&g, r, number, NULL, NULL, usage);
    char *more = realloc(g.text, g.n + 32);
    if (more) {
        g.text = more;
        snprintf(g.text + g.n, 32, "data: [DONE]\n\n");
    }
    cJSON_Delete(calls);
    free(text);
    return g.text;
}

char *answer_embeddings(const rules *r, const cJSON *request)
{
    const cJSON *input = cJSON_GetObjectItemCaseSensitive(request, "input");
    const char *text = cJSON_IsString(input) ? input->valuestring : "";
    cJSON *doc = envelope(r, "list", 0), *data = cJSON_CreateArray(), *one = cJSON_CreateObject();
    cJSON *vector = cJSON_CreateArray(), *usage = cJSON_CreateObject();
    unsigned h = 2166136261u;
    for (const char *p = text; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    for (int i = 0; i < 8; i++) {
        h = h * 1664525u + 1013904223u;
        cJSON_AddItemToArray(vector, cJSON_CreateNumber((double)(h >> 8) / 8388608.0 - 1));
    }
    cJSON_AddNumberToObject(one, "index", 0);
    cJSON_AddItemToObject(one, "embedding", vector);
    cJSON_AddItemToArray(data, one);
    cJSON_AddItemToObject(doc, "data", data);
    cJSON_AddNumberToObject(usage, "prompt_tokens", tokens_in_text(text));
    cJSON_AddNumberToObject(usage, "total_tokens", tokens_in_text(text));
    cJSON_AddItemToObject(doc, "usage", usage);
    char *out = cJSON_PrintUnformatted(doc);
    cJSON_Delete(doc);
    return out;
}

char *answer_error(const rule *one, int status)
{
    const char *text = one ? string_of(one->node, "error") : NULL,
               *code = one ? string_of(one->node, "code") : NULL;
    cJSON *doc = cJSON_CreateObject(), *error = cJSON_CreateObject();
    cJSON_AddStringToObject(error, "message",
                            text            ? text
                            : status == 404 ? "no rule of the script fits"
                                            : "scripted failure");
    cJSON_AddStringToObject(error, "type",
                            status == 429   ? "rate_limit_error"
                            : status >= 500 ? "server_error"
                                            : "invalid_request_error");
    if (code)
        cJSON_AddStringToObject(error, "code", code);
    cJSON_AddItemToObject(doc, "error", error);
    char *out = cJSON_PrintUnformatted(doc);
    cJSON_Delete(doc);
    return out;
}
