#include "notes.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 40

/* The next word at *p, lower-case, without a plural s; false at the end. */
static bool next_word(const char **p, char word[WORD_MAX])
{
    size_t n = 0;
    while (**p && !isalnum((unsigned char)**p))
        (*p)++;
    while (isalnum((unsigned char)**p)) {
        if (n + 1 < WORD_MAX)
            word[n++] = (char)tolower((unsigned char)**p);
        (*p)++;
    }
    if (n > 3 && word[n - 1] == 's')
        n--;
    word[n] = '\0';
    return n > 0;
}

static size_t count_word(const char *text, const char *word, size_t *ret_words)
{
    char have[WORD_MAX];
    size_t hits = 0, words = 0;
    while (next_word(&text, have)) {
        words++;
        hits += strcmp(have, word) == 0;
    }
    *ret_words = words;
    return hits;
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *text = calloc(1, 65536);
    if (text)
        text[fread(text, 1, 65535, file)] = '\0';
    fclose(file);
    return text;
}

bool notes_load(notes *all, const char *folder)
{
    all->n = 0;
    DIR *dir = opendir(folder);
    if (!dir)
        return false;
    for (struct dirent *entry; all->n < NOTES_MAX && (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name);
        char path[1024];
        if (len < 5 || len - 4 >= sizeof all->items[0].name ||
            strcmp(entry->d_name + len - 4, ".txt") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        note *item = &all->items[all->n];
        item->text = read_file(path);
        if (!item->text)
            continue;
        snprintf(item->name, sizeof item->name, "%.*s", (int)(len - 4), entry->d_name);
        all->n++;
    }
    closedir(dir);
    return all->n > 0;
}

void notes_release(notes *all)
{
    for (size_t i = 0; i < all->n; i++)
        free(all->items[i].text);
    all->n = 0;
}

static int by_score(const void *a, const void *b)
{
    const note *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return strcmp(x->name, y->name);
}

void notes_search(notes *all, const char *question)
{
    const double k1 = 1.2, b = 0.75;
    size_t lengths[NOTES_MAX] = {0}, hits[NOTES_MAX];
    double total = 0;
    char word[WORD_MAX];
    for (size_t i = 0; i < all->n; i++) {
        count_word(all->items[i].text, "", &lengths[i]);
        total += (double)lengths[i];
        all->items[i].score = 0;
    }
    double mean = all->n ? total / (double)all->n : 1;
    while (next_word(&question, word)) {
        size_t with = 0, words;
        for (size_t i = 0; i < all->n; i++) {
            hits[i] = count_word(all->items[i].text, word, &words);
            with += hits[i] > 0;
        }
        double n = (double)all->n;
        double idf = log(1 + (n - (double)with + 0.5) / ((double)with + 0.5));
        for (size_t i = 0; i < all->n; i++) {
            double tf = (double)hits[i];
            double norm = k1 * (1 - b + b * (double)lengths[i] / mean);
            all->items[i].score += idf * tf * (k1 + 1) / (tf + norm);
        }
    }
    qsort(all->items, all->n, sizeof all->items[0], by_score);
}
