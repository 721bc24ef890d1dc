/*
 * An LLM call over libcurl that records itself: no setter is called here.
 *
 *   cc curl_auto/main.c $(pkg-config --cflags --libs lydite-curl lydite libcurl) -o curl_auto
 *   OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_MODEL=m ./curl_auto "Why is the sky blue?"
 */
#include <lydite/curl.h>

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *env(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

/* The question as a JSON string: quotes, backslashes and control characters escaped. */
static void put_json(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            fprintf(out, "\\u%04x", *text);
        else
            fputc(*text, out);
    }
}

static size_t print_bytes(char *bytes, size_t size, size_t n, void *user)
{
    return fwrite(bytes, size, n, user);
}

int main(int argc, char **argv)
{
    lydite_tracer *t = NULL;
    lydite_error error;
    char url[512], key[600], *body = NULL;
    size_t len = 0;
    if (lydite_open(NULL, &t, &error) != LYDITE_OK)
        fprintf(stderr, "not traced: %s\n", error.text);

    FILE *out = open_memstream(&body, &len);
    fprintf(out, "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"",
            env("OPENAI_MODEL", "stand-in"));
    put_json(out, argc > 1 ? argv[1] : "What is lydite?");
    fprintf(out, "\"}]}");
    fclose(out);

    CURL *easy = curl_easy_init();
    snprintf(url, sizeof url, "%s/chat/completions",
             env("OPENAI_BASE_URL", "https://api.openai.com/v1"));
    snprintf(key, sizeof key, "Authorization: Bearer %s", env("OPENAI_API_KEY", "none"));
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, key);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, 60L);

    lydite_curl_request request = LYDITE_CURL_REQUEST_INIT;
    request.url = url;
    request.body = body;
    request.write = print_bytes;
    request.write_user = stdout;
    lydite_span *agent = lydite_start(t, LYDITE_AGENT, "curl_auto");
    int code = lydite_curl_perform(t, easy, &request);
    lydite_end(agent);
    if (code)
        fprintf(stderr, "%s\n", curl_easy_strerror((CURLcode)code));
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    free(body);

    lydite_stats stats = LYDITE_STATS_INIT;
    char text[LYDITE_TEXT_MAX];
    if (lydite_close(t, 5000, &stats) != LYDITE_OK)
        fprintf(stderr, "%s\n", lydite_stats_text(&stats, text, sizeof text));
    return code ? 4 : 0;
}
