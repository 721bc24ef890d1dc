/*
 * A research agent in C, traced with liblydite: it looks up notes, plans, calls tools (one call fails
 * and is tried again), and answers.
 *
 *     research_agent [--notes DIR] [QUESTION]
 *
 * The model is any OpenAI-compatible endpoint: OPENAI_BASE_URL, OPENAI_API_KEY, OPENAI_MODEL. Spans go
 * to LYDITE_ENDPOINT (default http://127.0.0.1:4317). Exit code 1 when there is no answer.
 */
#include <curl/curl.h>
#include <lydite/tracer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "notes.h"
#include "tools.h"

#define MAX_TURNS 6
#define TOP_K     3

typedef struct agent {
    lydite_tracer *tracer;
    model model;
    notes notes;
    tools tools;
    const char *question;
    const char *session;
} agent;

static cJSON *message(const char *role, const char *content)
{
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "role", role);
    cJSON_AddStringToObject(m, "content", content);
    return m;
}

/* The best notes, as one text for the model. The caller frees it. */
static char *retrieve(agent *a)
{
    lydite_span *span = lydite_start(a->tracer, LYDITE_RETRIEVAL, "assay_notes");
    lydite_set_query(span, a->question, TOP_K);
    notes_search(&a->notes, a->question);
    size_t size = 1, used = 0, n = a->notes.n < TOP_K ? a->notes.n : TOP_K;
    for (size_t i = 0; i < n; i++)
        size += strlen(a->notes.items[i].text) + sizeof a->notes.items[i].name + 8;
    char *found = calloc(1, size);
    for (size_t i = 0; found && i < n; i++) {
        const note *hit = &a->notes.items[i];
        lydite_add_document(span, hit->name, hit->score, hit->text);
        used += (size_t)snprintf(found + used, size - used, "[%s]\n%s\n", hit->name, hit->text);
    }
    lydite_end(span);
    return found;
}

/* One planning call; its text goes on into the conversation. */
static char *plan(agent *a)
{
    lydite_span *span = lydite_start(a->tracer, LYDITE_PLAN, "research_agent");
    cJSON *messages = cJSON_CreateArray();
    cJSON_AddItemToArray(messages,
                         message("system", "You plan. Answer with a JSON array of at most three "
                                           "short steps that answer the question; nothing else."));
    cJSON_AddItemToArray(messages, message("user", a->question));
    model_reply reply;
    if (!model_chat(&a->model, messages, NULL, &reply))
        lydite_set_error(span, "plan", reply.error);
    char *steps = reply.text;
    reply.text = NULL;
    model_reply_release(&reply);
    cJSON_Delete(messages);
    lydite_end(span);
    return steps;
}

/* One attempt of one tool call, as one span. */
static bool run_tool(agent *a, const char *id, const char *name, const char *arguments, int attempt,
                     char *out, size_t out_size, bool *may_retry)
{
    lydite_span *span = lydite_start(a->tracer, LYDITE_TOOL, name);
    lydite_set_tool_call(span, id, arguments);
    lydite_set_int(span, "lydite.attempt", attempt);
    bool ok = tools_run(&a->tools, name, arguments, out, out_size, may_retry);
    if (ok)
        lydite_set_tool_result(span, out);
    else
        lydite_set_error(span, "tool_error", out);
    lydite_end(span);
    return ok;
}

/* Runs all calls of a reply and adds their results to the conversation. */
static void run_tools(agent *a, const cJSON *calls, cJSON *messages)
{
    cJSON *said = message("assistant", "");
    cJSON_AddItemToObject(said, "tool_calls", cJSON_Duplicate(calls, true));
    cJSON_AddItemToArray(messages, said);
    const cJSON *call;
    cJSON_ArrayForEach(call, calls)
    {
        const cJSON *function = cJSON_GetObjectItemCaseSensitive(call, "function");
        const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(call, "id"));
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(function, "name"));
        const char *arguments =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(function, "arguments"));
        char out[512];
        bool may_retry = false;
        if (!run_tool(a, id, name, arguments, 1, out, sizeof out, &may_retry) && may_retry)
            run_tool(a, id, name, arguments, 2, out, sizeof out, &may_retry);
        cJSON *result = message("tool", out);
        cJSON_AddStringToObject(result, "tool_call_id", id ? id : "");
        cJSON_AddItemToArray(messages, result);
    }
}

/* The conversation until the model answers without calling a tool. The caller frees the answer. */
static char *converse(agent *a, const char *found, const char *steps)
{
    char *answer = NULL;
    size_t size = strlen(found) + strlen(steps) + 400;
    char *system = calloc(1, size);
    cJSON *messages = cJSON_CreateArray(), *definitions = tools_definitions();
    if (system)
        snprintf(system, size,
                 "You are a careful assayer. Use the notes and the tools; name the notes you used "
                 "in square brackets.\n\nNotes:\n%s\nPlan: %s",
                 found, steps);
    cJSON_AddItemToArray(messages, message("system", system ? system : ""));
    cJSON_AddItemToArray(messages, message("user", a->question));
    for (int turn = 0; turn < MAX_TURNS && !answer; turn++) {
        model_reply reply;
        if (!model_chat(&a->model, messages, definitions, &reply)) {
            fprintf(stderr, "research_agent: %s\n", reply.error);
            model_reply_release(&reply);
            break;
        }
        if (reply.tool_calls) {
            run_tools(a, reply.tool_calls, messages);
        } else {
            answer = reply.text;
            reply.text = NULL;
        }
        model_reply_release(&reply);
    }
    cJSON_Delete(messages);
    cJSON_Delete(definitions);
    free(system);
    return answer;
}

static char *research(agent *a)
{
    lydite_span *span = lydite_start(a->tracer, LYDITE_AGENT, "research_agent");
    lydite_set_session(span, a->session);
    lydite_add_text(span, LYDITE_INPUT, "user", a->question);
    char *found = retrieve(a);
    char *steps = plan(a);
    char *answer = found && steps ? converse(a, found, steps) : NULL;
    if (answer)
        lydite_add_text(span, LYDITE_OUTPUT, "assistant", answer);
    else
        lydite_set_error(span, "no_answer", "the model gave no answer");
    lydite_end(span);
    free(found);
    free(steps);
    return answer;
}

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

int main(int argc, char **argv)
{
    const char *folder = RESEARCH_NOTES_DIR;
    agent a = {.question =
                   "How much pure gold is in a 12 g ring of 18 carat gold, and how would an "
                   "assayer check the ring with a touchstone?",
               .session = setting("RESEARCH_SESSION", "research")};
    int at = 1;
    if (at + 1 < argc && strcmp(argv[at], "--notes") == 0) {
        folder = argv[at + 1];
        at += 2;
    }
    if (at < argc)
        a.question = argv[at];
    if (!notes_load(&a.notes, folder)) {
        fprintf(stderr, "research_agent: %s holds no .txt notes; name a folder with --notes\n",
                folder);
        return 1;
    }
    lydite_options options = LYDITE_OPTIONS_INIT;
    options.service = "research_agent";
    options.service_version = "1.0";
    lydite_error error;
    if (lydite_open(&options, &a.tracer, &error) != LYDITE_OK)
        fprintf(stderr, "research_agent: untraced: %s\n", error.text);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    a.model = (model){.base_url = setting("OPENAI_BASE_URL", "https://api.openai.com/v1"),
                      .api_key = setting("OPENAI_API_KEY", NULL),
                      .name = setting("OPENAI_MODEL", "gpt-4o-mini"),
                      .tracer = a.tracer};
    a.tools.folder = folder;

    char *answer = research(&a);
    if (answer)
        printf("%s\n", answer);

    lydite_stats stats = LYDITE_STATS_INIT;
    char text[LYDITE_TEXT_MAX];
    bool traced = a.tracer != NULL;
    int closed = lydite_close(a.tracer, 5000, &stats);
    if (traced)
        fprintf(stderr, "research_agent: %s\n", lydite_stats_text(&stats, text, sizeof text));
    int code = answer && closed == LYDITE_OK ? 0 : 1;
    free(answer);
    tools_release(&a.tools);
    notes_release(&a.notes);
    curl_global_cleanup();
    return code;
}
