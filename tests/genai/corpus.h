/*
 * Reads the recorded payloads of one scenario, normalises spans and logs, joins them by the rules of
 * genai/logs.h and counts every trace: what the store does, in memory. Tests only.
 */
#ifndef LY_TESTS_GENAI_CORPUS_H
#define LY_TESTS_GENAI_CORPUS_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "genai/logs.h"
#include "genai/messages.h"
#include "genai/normalise.h"
#include "genai/tree.h"
#include "genai/val.h"
#include "otlp/decode.h"
#include "otlp/json.h"

enum { SCENE_SPANS = 16384, SCENE_LOGS = 4096, SCENE_FILES = 256, SCENE_NAME = 64 };

typedef struct scene_span {
    const ly_span *span; /* NULL = a synthetic leaf */
    ly_trace_id trace;
    ly_canon canon;
    ly_tree_node node;
    ly_tree_mark mark;
    uint64_t keys[LY_JOIN_KEYS];
    size_t n_keys;
    uint8_t rank; /* of the log that made a leaf */
} scene_span;

typedef struct scene {
    ly_arena arena;
    scene_span *spans;
    size_t n_spans;
    const ly_log_record **logs;
    ly_log_info *infos;
    size_t n_logs;
    ly_tree_total total; /* over all traces and origins */
    size_t n_traces;
} scene;

static ly_str read_stream(FILE *file)
{
    ly_buf buf;
    ly_buf_init(&buf, LY_MAX_REQUEST_BYTES);
    char chunk[65536];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
        ly_buf_add(&buf, chunk, n);
    size_t len = 0;
    char *bytes = ly_buf_take(&buf, &len);
    return ly_str_n(bytes, bytes ? len : 0);
}

static ly_str read_whole(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return LY_STR_NONE;
    ly_str bytes = read_stream(file);
    fclose(file);
    if (bytes.len > 2 && (uint8_t)bytes.ptr[0] == 0x1f && (uint8_t)bytes.ptr[1] == 0x8b) {
        char command[1024];
        snprintf(command, sizeof command, "gzip -dc < '%s'", path);
        file = popen(command, "r");
        ly_free((void *)bytes.ptr);
        bytes = file ? read_stream(file) : LY_STR_NONE;
        if (file)
            pclose(file);
    }
    return bytes;
}

static void scene_add(scene *s, const ly_otlp_batch *batch)
{
    for (size_t i = 0; i < batch->n_spans && s->n_spans < SCENE_SPANS; i++) {
        if (batch->spans[i].reject)
            continue;
        scene_span *to = &s->spans[s->n_spans++];
        to->span = &batch->spans[i];
        to->trace = batch->spans[i].trace_id;
        ly_genai_normalise(to->span, &s->arena, &to->canon);
        to->n_keys = ly_genai_span_keys(to->span, &to->canon, to->keys);
        ly_tree_node_from(to->span, &to->canon, &to->node);
    }
    for (size_t i = 0; i < batch->n_logs && s->n_logs < SCENE_LOGS; i++)
        s->logs[s->n_logs++] = &batch->logs[i];
}

static bool common_key(const uint64_t *a, size_t n, const uint64_t *b, size_t m)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++)
            if (a[i] == b[j])
                return true;
    return false;
}

static void scene_join(scene *s)
{
    const size_t real = s->n_spans;
    for (size_t l = 0; l < s->n_logs; l++) {
        ly_log_info *info = &s->infos[l];
        ly_genai_log(s->logs[l], &s->arena, info);
        uint64_t keys[LY_JOIN_KEYS];
        const size_t n = ly_genai_log_keys(s->logs[l], info, keys);
        bool joined = false;
        for (size_t i = 0; i < real && !joined; i++) {
            scene_span *to = &s->spans[i];
            if (!common_key(keys, n, to->keys, to->n_keys) || !ly_genai_same_call(info, &to->node))
                continue;
            ly_genai_enrich(&to->canon, info);
            ly_tree_node_from(to->span, &to->canon, &to->node);
            joined = true;
        }
        for (size_t i = real; i < s->n_spans && !joined; i++) {
            scene_span *to = &s->spans[i];
            if (!common_key(keys, n, to->keys, to->n_keys))
                continue;
            joined = true;
            ly_genai_enrich(&to->canon, info);
        }
        if (joined || !info->makes_leaf)
            continue;
        scene_span *leaf = &s->spans[s->n_spans++];
        *leaf = (scene_span){.trace = info->leaf_trace, .canon = info->canon, .rank = info->rank};
        memcpy(leaf->keys, keys, sizeof keys);
        leaf->n_keys = n;
    }
    for (size_t i = real; i < s->n_spans; i++) {
        const ly_span fake = {.span_id = {{0}}, .start_ns = 1, .end_ns = 2};
        ly_tree_node_from(&fake, &s->spans[i].canon, &s->spans[i].node);
        s->spans[i].node.flags |= LY_NODE_SYNTHETIC;
        memcpy(s->spans[i].node.span_id.b, &i, sizeof i);
    }
}

static int by_trace(const void *a, const void *b)
{
    return memcmp(&((const scene_span *)a)->trace, &((const scene_span *)b)->trace,
                  sizeof(ly_trace_id));
}

static void scene_count(scene *s)
{
    qsort(s->spans, s->n_spans, sizeof *s->spans, by_trace);
    s->total = (ly_tree_total){.tokens = LY_TOKENS_UNKNOWN, .cost_pico = LY_UNKNOWN};
    for (size_t from = 0; from < s->n_spans;) {
        size_t to = from;
        while (to < s->n_spans && by_trace(&s->spans[from], &s->spans[to]) == 0)
            to++;
        ly_tree_node *nodes = LY_ARENA_ARRAY(&s->arena, ly_tree_node, to - from);
        ly_tree_mark *marks = LY_ARENA_ARRAY(&s->arena, ly_tree_mark, to - from);
        ly_tree_sum sum;
        for (size_t i = from; i < to; i++)
            nodes[i - from] = s->spans[i].node;
        if (ly_tree_count(nodes, to - from, &s->arena, marks, &sum, NULL) == LY_OK) {
            for (size_t i = from; i < to; i++)
                s->spans[i].mark = marks[i - from];
            if (!ly_tokens_add(&s->total.tokens, &sum.total.tokens))
                s->total.overflow = true;
            s->total.n_counted += sum.total.n_counted;
        }
        s->n_traces++;
        from = to;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp((const char *)a, (const char *)b);
}

/* The signal by the path or method that the payload went to. */
static ly_signal signal_of(const char *path)
{
    char meta[4096];
    snprintf(meta, sizeof meta, "%.*s.json", (int)(strlen(path) - 4), path);
    const ly_str text = read_whole(meta);
    ly_signal signal = LY_SIGNAL_TRACES;
    if (ly_str_find(text, LY_S("ogsService"), 0) != SIZE_MAX ||
        ly_str_find(text, LY_S("/v1/logs"), 0) != SIZE_MAX)
        signal = LY_SIGNAL_LOGS;
    else if (ly_str_find(text, LY_S("etricsService"), 0) != SIZE_MAX ||
             ly_str_find(text, LY_S("/v1/metrics"), 0) != SIZE_MAX)
        signal = LY_SIGNAL_METRICS;
    ly_free((void *)text.ptr);
    return signal;
}

/* The payloads of a folder in the order they were recorded. false when it cannot be read. */
static inline bool payload_names(const char *folder, char names[][SCENE_NAME], size_t *ret_n)
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    if (!dir)
        return false;
    for (const struct dirent *e; (e = readdir(dir)) != NULL && n < SCENE_FILES;) {
        const size_t len = strlen(e->d_name);
        if (len > 4 && len < SCENE_NAME && strcmp(e->d_name + len - 4, ".bin") == 0)
            memcpy(names[n++], e->d_name, len + 1);
    }
    closedir(dir);
    qsort(names, n, sizeof names[0], by_name);
    *ret_n = n;
    return true;
}

/* false when the folder cannot be read or a payload cannot be decoded. */
static inline bool scene_load(scene *s, const char *folder)
{
    memset(s, 0, sizeof *s);
    ly_arena_init(&s->arena, LY_MIB(1), 0);
    s->spans = LY_ARENA_ARRAY(&s->arena, scene_span, SCENE_SPANS);
    s->logs = LY_ARENA_ARRAY(&s->arena, const ly_log_record *, SCENE_LOGS);
    s->infos = LY_ARENA_ARRAY(&s->arena, ly_log_info, SCENE_LOGS);
    char names[SCENE_FILES][SCENE_NAME];
    size_t n = 0;
    if (!s->infos || !payload_names(folder, names, &n))
        return false;
    for (size_t i = 0; i < n; i++) {
        char path[4200];
        snprintf(path, sizeof path, "%.4000s/%.63s", folder, names[i]);
        const ly_str raw = read_whole(path);
        const ly_str bytes = ly_arena_copy(&s->arena, raw);
        ly_free((void *)raw.ptr);
        const ly_signal signal = signal_of(path);
        ly_otlp_batch *batch = LY_ARENA_NEW(&s->arena, ly_otlp_batch);
        ly_err err = LY_ERR_INIT;
        const bool json = bytes.len && bytes.ptr[0] == '{';
        if (signal == LY_SIGNAL_METRICS)
            continue;
        if ((json ? ly_otlp_decode_json(bytes, signal, &s->arena, NULL, batch, &err)
                  : ly_otlp_decode(bytes, signal, &s->arena, NULL, batch, &err)) != LY_OK) {
            fprintf(stderr, "%s: %s\n", path, err.text);
            return false;
        }
        scene_add(s, batch);
    }
    scene_join(s);
    scene_count(s);
    return true;
}

static inline void scene_free(scene *s)
{
    ly_arena_release(&s->arena);
}

/* Hands `each` every scenario's line of the corpus's truth. Returns how many; 0 = the data are not here. */
static inline size_t corpus_each(void (*each)(const char *root, ly_val line, void *user),
                                 void *user)
{
    const char *shared = getenv("SHARED");
    char root[2048], path[2100];
    snprintf(root, sizeof root, "%s/data/corpus", shared ? shared : LY_SHARED_DIR);
    snprintf(path, sizeof path, "%s/expected.jsonl", root);
    const ly_str text = read_whole(path);
    ly_str rest = text, one;
    size_t n = 0;
    while (ly_str_split(&rest, '\n', &one)) {
        const ly_val line = ly_val_json(one);
        if (line.kind == LY_IS_OBJECT) {
            each(root, line, user);
            n++;
        }
    }
    ly_free((void *)text.ptr);
    return n;
}

#endif
