#include "index.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TERMS  32
#define MAX_WORD   40
#define MAX_TEXT   (4u << 20)
#define NEAR_WORDS 12

typedef struct terms {
    char word[MAX_TERMS][MAX_WORD];
    size_t n;
} terms;

/* The next word at *at, lower-case, with a plural's s cut; false at the end. */
static bool next_word(const char **at, char word[MAX_WORD])
{
    size_t n = 0;
    while (**at && !isalnum((unsigned char)**at))
        ++*at;
    for (; isalnum((unsigned char)**at); ++*at)
        if (n + 1 < MAX_WORD)
            word[n++] = (char)tolower((unsigned char)**at);
    if (n > 3 && word[n - 1] == 's')
        n--;
    word[n] = 0;
    return n > 0;
}

static bool is_stop_word(const char *word)
{
    static const char *const stops[] = {"a",    "an",    "and",   "are", "by",   "do",  "doe",
                                        "for",  "how",   "in",    "is",  "it",   "of",  "on",
                                        "that", "the",   "to",    "use", "used", "was", "what",
                                        "when", "where", "which", "who", "why",  "with"};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++)
        if (strcmp(word, stops[i]) == 0)
            return true;
    return false;
}

static terms question_terms(const char *question)
{
    terms t = {.n = 0};
    while (t.n < MAX_TERMS && next_word(&question, t.word[t.n]))
        t.n += !is_stop_word(t.word[t.n]);
    return t;
}

static size_t term_of(const terms *t, const char *word)
{
    size_t i = 0;
    while (i < t->n && strcmp(t->word[i], word) != 0)
        i++;
    return i;
}

/* ---- making ---- */

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = f ? calloc(1, MAX_TEXT + 1) : NULL;
    if (text)
        text[fread(text, 1, MAX_TEXT, f)] = 0;
    if (f)
        fclose(f);
    return text;
}

static bool add_passage(rag_index *index, const char *path, size_t number, const char *from,
                        size_t len)
{
    char word[MAX_WORD];
    rag_passage *more = realloc(index->passages, (index->n + 1) * sizeof *more);
    if (!more)
        return false;
    index->passages = more;
    rag_passage *p = &more[index->n];
    p->text = calloc(1, len + 1);
    if (!p->text)
        return false;
    memcpy(p->text, from, len);
    const char *slash = strrchr(path, '/');
    snprintf(p->id, sizeof p->id, "%.80s:%zu", slash ? slash + 1 : path, number);
    p->words = 0;
    for (const char *at = p->text; next_word(&at, word);)
        p->words++;
    index->mean_words += (double)p->words;
    index->n++;
    return true;
}

rag_index *rag_index_files(const char *const *paths, size_t n)
{
    rag_index *index = calloc(1, sizeof *index);
    for (size_t i = 0; index && i < n; i++) {
        char *text = read_file(paths[i]);
        size_t number = 0;
        for (char *at = text; at && *at;) {
            char *end = strstr(at, "\n\n");
            size_t len = end ? (size_t)(end - at) : strlen(at);
            if (len > 40)
                add_passage(index, paths[i], ++number, at, len);
            at += end ? len + 2 : len;
        }
        free(text);
    }
    if (index && !index->n) {
        rag_index_free(index);
        return NULL;
    }
    if (index)
        index->mean_words /= (double)index->n;
    return index;
}

void rag_index_free(rag_index *index)
{
    for (size_t i = 0; index && i < index->n; i++)
        free(index->passages[i].text);
    if (index)
        free(index->passages);
    free(index);
}

/* ---- asking ---- */

static void count_terms(const terms *t, const char *text, size_t counts[MAX_TERMS])
{
    char word[MAX_WORD];
    memset(counts, 0, MAX_TERMS * sizeof *counts);
    while (next_word(&text, word)) {
        size_t i = term_of(t, word);
        if (i < t->n)
            counts[i]++;
    }
}

static int by_score(const void *a, const void *b)
{
    double x = ((const rag_hit *)a)->score, y = ((const rag_hit *)b)->score;
    return x < y ? 1 : x > y ? -1 : 0;
}

size_t rag_search(const rag_index *index, const char *question, rag_hit *hits, size_t most)
{
    const terms t = question_terms(question);
    size_t with[MAX_TERMS] = {0}, counts[MAX_TERMS], n = 0;
    for (size_t p = 0; p < index->n; p++) {
        count_terms(&t, index->passages[p].text, counts);
        for (size_t i = 0; i < t.n; i++)
            with[i] += counts[i] > 0;
    }
    rag_hit *all = calloc(index->n, sizeof *all);
    for (size_t p = 0; all && p < index->n; p++) {
        const rag_passage *passage = &index->passages[p];
        double score = 0;
        count_terms(&t, passage->text, counts);
        for (size_t i = 0; i < t.n; i++) {
            double tf = (double)counts[i], df = (double)with[i];
            double idf = log(1 + ((double)index->n - df + 0.5) / (df + 0.5));
            double norm = 1.2 * (0.25 + 0.75 * (double)passage->words / index->mean_words);
            score += idf * tf * 2.2 / (tf + norm);
        }
        if (score > 0)
            all[n++] = (rag_hit){passage, score};
    }
    if (n)
        qsort(all, n, sizeof *all, by_score);
    n = n < most ? n : most;
    if (n)
        memcpy(hits, all, n * sizeof *hits);
    free(all);
    return n;
}

/* The most different terms within any window of NEAR_WORDS words. */
static size_t nearest(const terms *t, const char *text)
{
    char word[MAX_WORD];
    size_t last[MAX_TERMS] = {0}, at = 0, best = 0;
    while (next_word(&text, word)) {
        size_t i = term_of(t, word), now = 0;
        at++;
        if (i == t->n)
            continue;
        last[i] = at;
        for (size_t k = 0; k < t->n; k++)
            now += last[k] && at - last[k] < NEAR_WORDS;
        best = now > best ? now : best;
    }
    return best;
}

void rag_rerank(const char *question, rag_hit *hits, size_t n)
{
    const terms t = question_terms(question);
    for (size_t i = 0; i < n; i++)
        hits[i].score = (double)nearest(&t, hits[i].passage->text) + hits[i].score / 1000;
    if (n)
        qsort(hits, n, sizeof *hits, by_score);
}

bool rag_best_sentence(const char *question, const rag_passage *passage, char *out, size_t size)
{
    const terms t = question_terms(question);
    size_t best = 0, counts[MAX_TERMS];
    for (const char *at = passage->text; *at;) {
        size_t len = strcspn(at, ".!?");
        len += at[len] != 0;
        char *sentence = calloc(1, len + 1);
        size_t found = 0;
        if (!sentence)
            break;
        memcpy(sentence, at, len);
        count_terms(&t, sentence, counts);
        for (size_t i = 0; i < t.n; i++)
            found += counts[i] > 0;
        if (found > best) {
            best = found;
            snprintf(out, size, "%s", sentence + strspn(sentence, " \n"));
        }
        free(sentence);
        at += len;
    }
    for (char *c = out; best && *c; c++)
        if (*c == '\n')
            *c = ' ';
    return best > 0;
}
