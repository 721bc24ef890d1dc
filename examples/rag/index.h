/* A small passage index: paragraphs of text files, ranked by BM25 (k1 1.2, b 0.75). */
#ifndef RAG_INDEX_H
#define RAG_INDEX_H

#include <stdbool.h>
#include <stddef.h>

typedef struct rag_passage {
    char *text;
    char id[96]; /* "file:paragraph" */
    size_t words;
} rag_passage;

typedef struct rag_index {
    rag_passage *passages;
    size_t n;
    double mean_words;
} rag_index;

typedef struct rag_hit {
    const rag_passage *passage;
    double score;
} rag_hit;

/* NULL when no file can be read. */
rag_index *rag_index_files(const char *const *paths, size_t n);
void rag_index_free(rag_index *index);
/* The best `most` passages that share a word with the question. */
size_t rag_search(const rag_index *index, const char *question, rag_hit *hits, size_t most);
/* Orders hits by how many of the question's words stand within twelve words of each other. */
void rag_rerank(const char *question, rag_hit *hits, size_t n);
/* The sentence with the most of the question's words; false when it has none. */
bool rag_best_sentence(const char *question, const rag_passage *passage, char *out, size_t size);

#endif
