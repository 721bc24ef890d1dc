/* Retrieval over a folder of text files: BM25 over words, in memory. */
#ifndef RESEARCH_NOTES_H
#define RESEARCH_NOTES_H

#include <stdbool.h>
#include <stddef.h>

#define NOTES_MAX 64

typedef struct note {
    char name[64];
    char *text;
    double score; /* of the last search */
} note;

typedef struct notes {
    note items[NOTES_MAX];
    size_t n;
} notes;

/* Reads every .txt of the folder; false when there is none. */
bool notes_load(notes *all, const char *folder);
void notes_release(notes *all);
/* Scores all notes against the question and sorts them, best first. */
void notes_search(notes *all, const char *question);

#endif
