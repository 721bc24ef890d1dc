/* The quick part of slow_corpus_all.c: the client whose logs and spans meet across traces. */
#define ONLY "google-gemini-cli"
#include "ingest/slow_corpus_all.c"
