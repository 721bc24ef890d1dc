/*
 * What a span costs: bytes on disk against bytes received, and statements for each span. A 20-turn agent
 * resends its history with each call; texts are drawn from a vocabulary by a seeded generator, so that
 * they repeat words but not sentences.
 */
#include "support.h"

#include "store/db.h"

static uint64_t seed = 42;
static uint64_t next(void)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return seed >> 33;
}

/*
 * Text as people and models write it: sentences of real instructions and answers (LLMBar) in random order,
 * each used as often as chance has it. Without that data, pseudo words, which pack less well.
 */
static char *sentences[40000];
static size_t sentence_len[40000], n_sentences;

static void add_sentence(const char *from, size_t len)
{
    if (len < 20 || len > 400 || n_sentences == LY_COUNT(sentences))
        return;
    sentences[n_sentences] = ly_str_dup(ly_str_n(from, len));
    sentence_len[n_sentences++] = len;
}

static void load_text(const char *path)
{
    FILE *f = fopen(path, "r");
    static char line[1 << 16];
    while (f && fgets(line, sizeof line, f)) {
        const char *from = line;
        for (const char *p = line; *p; p++)
            if (*p == '.' || *p == '"' || *p == '\n' || *p == '?') {
                add_sentence(from, (size_t)(p - from));
                from = p + 1;
            }
    }
    if (f)
        (void)fclose(f);
}

static void words(ly_buf *out, size_t bytes)
{
    size_t end = out->len + bytes;
    while (out->len < end && n_sentences > 1000) {
        size_t k = next() % n_sentences;
        for (size_t i = 0; i < sentence_len[k]; i++)
            if (sentences[k][i] != '\\' && sentences[k][i] != '"')
                ly_buf_char(out, sentences[k][i]);
        ly_buf_c(out, ". ");
    }
    while (out->len < end) {
        uint64_t r = next() % 1000;
        uint64_t word = r < 500 ? next() % 60 : r < 850 ? next() % 600 : next() % 4000;
        uint64_t h = (word + 1) * 0x9e3779b97f4a7c15ULL;
        size_t len = 2 + (word < 60 ? h % 4 : h % 8);
        for (size_t i = 0; i < len; i++)
            ly_buf_char(out, "etaoinshrdlucmfwypvbgk"[(h >> (8 + 5 * i)) % 22]);
        ly_buf_char(out, ' ');
    }
}

typedef struct agent {
    ly_buf history; /* elements of the message array, with commas */
    uint64_t trace;
    uint64_t spans;
} agent;

static void turn(agent *a, made *m, size_t message_bytes, int t)
{
    ly_buf in, out;
    ly_buf_init(&in, 1 << 22);
    ly_buf_init(&out, 1 << 20);
    if (a->history.len)
        ly_buf_char(&a->history, ',');
    ly_buf_c(&a->history, "{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"");
    words(&a->history, message_bytes);
    ly_buf_c(&a->history, "\"}]}");
    ly_buf_char(&in, '[');
    ly_buf_str(&in, ly_buf_view(&a->history));
    ly_buf_char(&in, ']');
    ly_buf_c(&out, "{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"");
    words(&out, message_bytes);
    ly_buf_c(&out, "\"}]}");
    ly_buf_char(&a->history, ',');
    ly_buf_str(&a->history, ly_buf_view(&out));
    ly_buf whole;
    ly_buf_init(&whole, 1 << 20);
    ly_buf_fmt(&whole, "[%s]", ly_buf_text(&out));
    a->spans++;
    made_say(m, (say){.trace = a->trace,
                      .span = a->spans + 1,
                      .parent = 1,
                      .name = "chat gpt-4o",
                      .operation = "chat",
                      .model = "gpt-4o",
                      .provider = "openai",
                      .input = ly_buf_text(&in),
                      .output = ly_buf_text(&whole),
                      .in = 1000 + t * 100,
                      .out = 200,
                      .start_ms = a->trace * 1000 + (uint64_t)t * 30,
                      .session = "s"});
    ly_buf_release(&in);
    ly_buf_release(&out);
    ly_buf_release(&whole);
}

/* Agents x 20 turns, interleaved, in batches. */
static void run(size_t agents, size_t message_bytes, double most, const char *what)
{
    folder f = folder_make();
    ly_store *store = open_writer(f.db);
    agent *a = ly_calloc(agents, sizeof *a);
    made m = made_new(512);
    ly_err err = LY_ERR_INIT;
    int64_t spent = 0, settle = 0;
    uint64_t statements = 0; /* of ingest: settling goes by the clock */
    for (size_t i = 0; i < agents; i++) {
        ly_buf_init(&a[i].history, 1 << 22);
        a[i].trace = i + 1;
    }
    for (int t = 0; t < 20; t++)
        for (size_t i = 0; i < agents; i++) {
            turn(&a[i], &m, message_bytes, t);
            if (m.n == m.cap || (t == 19 && i + 1 == agents)) {
                ly_store_counters before, after;
                ly_store_counters_get(store, &before);
                int64_t from = ly_mono_ns();
                ingest_made(store, &m, NULL);
                ly_store_counters_get(store, &after);
                statements += after.statements - before.statements;
                int64_t to = ly_mono_ns();
                spent += to - from;
                int64_t left = 0;
                assert_ok(ly_store_settle(store, 0, false, &left, &err), err);
                settle += ly_mono_ns() - to;
                made_reset(&m);
            }
            if (t == 6 && i == 0)
                assert_ok(ly_store_upkeep(store, &err), err);
        }
    settle_all(store);
    assert_ok(ly_store_checkpoint(store, true, LY_NS_PER_SEC, NULL, &err), err);
    ly_store_counters c;
    ly_store_counters_get(store, &c);
    ly_store_info info;
    assert_ok(ly_store_info_get(store, true, &info, &err), err);
    double ratio = (double)c.bytes_in / (double)info.file_bytes;
    printf("%s: %llu spans, %.0f B/span in, %.0f B/span kept, 1/%.1f; %.2f statements/span;"
           " ingest %.1f us/span, settle %.1f us/span; contents %.2f/span new\n",
           what, (unsigned long long)c.spans, (double)c.bytes_in / (double)c.spans,
           (double)info.file_bytes / (double)c.spans, ratio, (double)statements / (double)c.spans,
           (double)spent / 1000.0 / (double)c.spans, (double)settle / 1000.0 / (double)c.spans,
           (double)c.contents_new / (double)c.spans);
    assert_true(ratio >= most);
    /* One row, one payload, two new pieces looked up and written, and a share of the trace. */
    assert_true((double)statements / (double)c.spans < 7.5);
    for (size_t i = 0; i < agents; i++)
        ly_buf_release(&a[i].history);
    ly_free(a);
    made_free(&m);
    ly_store_close(store);
    folder_remove(&f);
}

static void seventeen_kilobytes(void **state)
{
    (void)state;
    run(100, 800, n_sentences > 1000 ? 10.0 : 9.0, "17 KB");
}

static void two_kilobytes(void **state)
{
    (void)state;
    run(100, 60, 2.0, "2 KB");
}

int main(void)
{
    load_text(LY_SHARED_DIR "/data/llmbar/natural.jsonl");
    load_text(LY_SHARED_DIR "/data/llmbar/neighbor.jsonl");

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seventeen_kilobytes),
        cmocka_unit_test(two_kilobytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
