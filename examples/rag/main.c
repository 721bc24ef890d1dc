/*
 * Retrieval-augmented answering over real text, traced: the files named on the command line are cut into
 * paragraphs, ranked by BM25, reranked by how close together the question's words stand, and the answer
 * is the best sentence (extractive, so that no model is needed).
 *
 *   cc rag/main.c rag/index.c $(pkg-config --cflags --libs lydite) -lm -o rag
 *   ./rag "What is a touchstone used for?" texts...
 */
#include <lydite/tracer.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"

#define TOP_K 5

static size_t retrieve(lydite_tracer *t, const rag_index *index, const char *question,
                       rag_hit *hits)
{
    lydite_span *span = lydite_start(t, LYDITE_RETRIEVAL, "texts");
    lydite_set_query(span, question, TOP_K);
    size_t n = rag_search(index, question, hits, TOP_K);
    for (size_t i = 0; i < n; i++)
        lydite_add_document(span, hits[i].passage->id, hits[i].score, hits[i].passage->text);
    lydite_end(span);
    return n;
}

static void rerank(lydite_tracer *t, const char *question, rag_hit *hits, size_t n)
{
    lydite_span *span = lydite_start(t, LYDITE_RERANK, "proximity");
    lydite_set_query(span, question, LYDITE_UNKNOWN);
    rag_rerank(question, hits, n);
    for (size_t i = 0; i < n; i++)
        lydite_add_document(span, hits[i].passage->id, hits[i].score, NULL);
    lydite_end(span);
}

static void answer(lydite_tracer *t, const char *question, const rag_hit *hits, size_t n)
{
    char text[1024];
    lydite_span *span = lydite_start(t, LYDITE_STEP, "extract answer");
    lydite_add_text(span, LYDITE_INPUT, "user", question);
    if (n && rag_best_sentence(question, hits[0].passage, text, sizeof text)) {
        lydite_add_text(span, LYDITE_OUTPUT, "assistant", text);
        printf("%s\n  [%s]\n", text, hits[0].passage->id);
    } else {
        lydite_set_error(span, "no_answer", "no passage shares a word with the question");
        printf("Nothing in these texts answers that.\n");
    }
    lydite_end(span);
}

int main(int argc, char **argv)
{
    lydite_tracer *t = NULL;
    lydite_error error;
    rag_hit hits[TOP_K];
    if (argc < 3) {
        fprintf(stderr, "usage: rag QUESTION FILE...\n");
        return 2;
    }
    rag_index *index = rag_index_files((const char *const *)argv + 2, (size_t)argc - 2);
    if (!index) {
        fprintf(stderr, "rag: none of the files can be read\n");
        return 3;
    }
    if (lydite_open(NULL, &t, &error) != LYDITE_OK)
        fprintf(stderr, "not traced: %s\n", error.text);
    lydite_span *agent = lydite_start(t, LYDITE_AGENT, "rag");
    lydite_add_text(agent, LYDITE_INPUT, "user", argv[1]);
    size_t n = retrieve(t, index, argv[1], hits);
    rerank(t, argv[1], hits, n);
    answer(t, argv[1], hits, n);
    lydite_end(agent);
    rag_index_free(index);

    lydite_stats stats = LYDITE_STATS_INIT;
    char text[LYDITE_TEXT_MAX];
    if (lydite_close(t, 5000, &stats) != LYDITE_OK)
        fprintf(stderr, "%s\n", lydite_stats_text(&stats, text, sizeof text));
    return 0;
}
