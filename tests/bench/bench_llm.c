/*
 * The LLM client against a bare libcurl-multi loop, in one run, on the same stub (DESIGN §9: ratio 0.80).
 *
 *     bench_llm [REQUESTS [IN_FLIGHT]]    prints both rates and their ratio
 *     bench_llm --serve PORT MS           only the stub, answering after MS milliseconds
 *
 * The stub is a child process: one thread, epoll, HTTP/1.1 kept alive, a fixed chat completion.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "llm/llm.h"
#include "stub.h"

#define PROMPT_BYTES 1024

/* ---- the client ------------------------------------------------------------------------------------------------ */

typedef struct counting {
    size_t done, good;
} counting;

static void on_done(void *user, const ly_llm_call *call, const ly_llm_result *r)
{
    counting *c = user;
    (void)call;
    c->done++;
    c->good += r->outcome == LY_LLM_OK && ly_tokens_total(&r->reply.tokens) == 320;
}

static rate client_rate(const ly_llm_model *model, const ly_shape_request *request, size_t total,
                        size_t ahead)
{
    ly_llm *llm = NULL;
    ly_llm_opts opts = {.jobs = ahead};
    counting c = {0};
    size_t started = 0;
    const rate none = {0};
    if (ly_llm_new(&opts, &llm, NULL) != LY_OK) {
        return none;
    }
    int64_t from = ly_mono_ns(), cpu = bench_cpu_ns();
    while (c.done < total) {
        while (started < total && started - c.done < ahead) {
            ly_llm_call call = {
                .model = model, .request = *request, .no_cache = true, .done = on_done, .user = &c};
            if (ly_llm_submit(llm, &call, NULL) != LY_OK) {
                return none;
            }
            started++;
        }
        if (ly_llm_poll(llm, 1000, NULL) != LY_OK) {
            return none;
        }
    }
    rate result = bench_rate_of(total, ly_mono_ns() - from, bench_cpu_ns() - cpu);
    ly_llm_free(llm);
    if (c.good != total) {
        fprintf(stderr, "bench_llm: %zu of %zu answers were good\n", c.good, total);
        return none;
    }
    return result;
}

int main(int argc, char **argv)
{
    int64_t total = 20000, ahead = 64, port = 0, ms = 0;
    int bound = 0;
    bool serving = argc == 4 && ly_str_eqc(LY_S("--serve"), argv[1]);
    bool good =
        serving ? ly_str_to_i64(ly_str_c(argv[2]), &port) && ly_str_to_i64(ly_str_c(argv[3]), &ms)
                : (argc < 2 || ly_str_to_i64(ly_str_c(argv[1]), &total)) &&
                      (argc < 3 || ly_str_to_i64(ly_str_c(argv[2]), &ahead));
    if (!good || total < 1 || ahead < 1) {
        fprintf(stderr, "usage: bench_llm [REQUESTS [IN_FLIGHT]] | --serve PORT MS\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    int listener = bench_stub_listen((int)port, &bound);
    if (listener < 0) {
        return 3;
    }
    if (serving) {
        printf("stub on http://127.0.0.1:%d/v1\n", bound);
        fflush(stdout);
        bench_stub_serve(listener, ms * LY_NS_PER_MS);
    }
    pid_t child = fork();
    if (child == 0) {
        bench_stub_serve(listener, 0);
    }
    close(listener);
    char spec[64], prompt[PROMPT_BYTES + 1];
    memset(prompt, 'x', PROMPT_BYTES);
    prompt[PROMPT_BYTES] = '\0';
    (void)snprintf(spec, sizeof spec, "openai:stub@http://127.0.0.1:%d/v1", bound);
    ly_llm_model model;
    ly_shape_msg msg = {LY_S("user"), ly_str_c(prompt)};
    ly_shape_request request = {.msgs = &msg,
                                .n_msgs = 1,
                                .max_output = 100,
                                .temperature = LY_SHAPE_UNSET,
                                .top_p = LY_SHAPE_UNSET,
                                .seed = LY_UNKNOWN};
    ly_buf body, url;
    ly_buf_init(&body, 1 << 20);
    ly_buf_init(&url, 1024);
    rate bare = {0}, ours = {0};
    if (ly_llm_model_parse(ly_str_c(spec), &model, NULL) == LY_OK) {
        request.model = ly_str_c(model.name);
        request.old_max_tokens = true;
        ly_buf_fmt(&url, "%s/chat/completions", model.base);
        if (ly_shape_write_request(model.shape, &request, &body, NULL) == LY_OK) {
            /* Interleaved, so that the machine's mood falls on both. */
            for (int round = 0; round < 3; round++) {
                rate b = bench_bare(ly_buf_text(&url), ly_buf_view(&body), (size_t)total / 3,
                                    (size_t)ahead);
                rate o = client_rate(&model, &request, (size_t)total / 3, (size_t)ahead);
                bare = b.per_second > bare.per_second ? b : bare;
                ours = o.per_second > ours.per_second ? o : ours;
            }
        }
    }
    printf(
        "bare libcurl-multi %.0f/s at %.1f us CPU, client %.0f/s at %.1f us CPU, %lld in flight\n",
        bare.per_second, bare.cpu_us, ours.per_second, ours.cpu_us, (long long)ahead);
    printf("ratio %.2f by rate, %.2f by CPU\n",
           bare.per_second > 0 ? ours.per_second / bare.per_second : 0,
           ours.cpu_us > 0 ? bare.cpu_us / ours.cpu_us : 0);
    (void)kill(child, SIGTERM);
    (void)waitpid(child, NULL, 0);
    ly_buf_release(&body);
    ly_buf_release(&url);
    return ours.per_second > 0 ? 0 : 1;
}
