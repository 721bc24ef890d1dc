/*
 * Ingest: bytes of an OTLP request -> decoded -> redacted -> normalised -> priced -> stored.
 *
 * A function, no socket: the collector calls it for what clients send, `eval` and `judge` for the spans
 * they make in process, `trace import` for files. The stored result is the same.
 *
 *     ly_ingest_config config = {.redact = redact, .book = book};
 *     ly_ingest_job *job = NULL;
 *     ly_ingest_job_new(&job, &err);
 *     ly_ingest_prepare(&config, job, bytes, LY_OTLP_PROTO, LY_SIGNAL_TRACES, &err);   // any thread
 *     ly_ingest_store(store, &job, 1, NULL, &done, &err);         // the thread of the store's handle
 *     job->outcome...                                             // counts, exact
 *     ly_ingest_job_free(job);
 *
 * or ly_ingest_bytes for the three steps at once, or ly_ingest_load for many small requests.
 *
 * A job holds one request and all memory made of it; jobs are reused, so a loop over them stops
 * allocating after the largest request. A job belongs to one thread at a time. The config is read-only
 * and may be shared.
 */
#ifndef LY_INGEST_INGEST_H
#define LY_INGEST_INGEST_H

#include "base/err.h"
#include "genai/price.h"
#include "ingest/redact.h"
#include "otlp/encode.h"
#include "otlp/model.h"
#include "store/store.h"

typedef struct ly_ingest_config {
    const ly_redact *redact;   /* NULL = keep everything */
    const ly_price_book *book; /* NULL = no prices: amounts unknown */
    ly_str access_key;         /* name of the key the request came in with, for prices by key */
} ly_ingest_config;

/* What became of the items of one request. received = stored + merged + conflicts + rejected. */
typedef struct ly_ingest_outcome {
    uint64_t received; /* spans and log records in the request; for metrics: data points */
    uint64_t stored;
    uint64_t merged;    /* repeats of what is stored, and later halves of live spans */
    uint64_t conflicts; /* contradict what is stored; kept in quarantine */
    uint64_t rejected;  /* refused one by one; also in the quarantine */
    uint64_t discarded; /* metrics data points: accepted and thrown away */
    uint64_t by_reason[LY_REJECT__COUNT + 1]; /* rejected, by reason; the last: redaction failed */
    char first_reason
        [160]; /* English, cut; ly_ingest_bytes sets it; empty when nothing was rejected */
} ly_ingest_outcome;

#define LY_INGEST_REASON_REDACT LY_REJECT__COUNT
/* "trace_id", ..., "redaction": for counters. */
const char *ly_ingest_reason_name(size_t reason);

typedef struct ly_ingest_job {
    ly_arena arena; /* everything below lives here */
    ly_otlp_batch batch;
    ly_store_span *spans; /* accepted */
    size_t n_spans;
    ly_store_log *logs;
    size_t n_logs;
    ly_store_reject *rejects;
    size_t n_rejects;
    size_t first_span, first_log; /* ly_ingest_store: what was committed already */
    bool rejects_stored;
    ly_str first_reason; /* English, for error_message; empty when nothing was rejected */
    size_t bytes;        /* of the request, inflated */
    ly_ingest_outcome outcome;
} ly_ingest_job;

LY_MUST_USE ly_status ly_ingest_job_new(ly_ingest_job **ret_job, ly_err *err);
/* Ready for another request; keeps memory unless it holds more than keep_bytes. */
void ly_ingest_job_reset(ly_ingest_job *job, size_t keep_bytes);
void ly_ingest_job_free(ly_ingest_job *job);

/*
 * Decodes, redacts, normalises and prices one request. `bytes` must outlive the job's use (views
 * point into them). On success outcome.received, rejected and by_reason are final; the job may be
 * stored. Errors: FORMAT (the request cannot be read), LIMIT (too many items or too much memory),
 * NOMEM.
 */
LY_MUST_USE ly_status ly_ingest_prepare(const ly_ingest_config *config, ly_ingest_job *job,
                                        ly_str bytes, ly_otlp_format format, ly_signal signal,
                                        ly_err *err);

/* How much one commit may hold; a larger request takes several. 0 = no limit. */
typedef struct ly_ingest_slice {
    size_t max_items;
    size_t max_bytes;
} ly_ingest_slice;

/*
 * One commit: as much of the jobs, in order, as the slice allows. *ret_done becomes the number of jobs
 * from the first on that are stored wholly now (0: a part of the first is; call again); each of those
 * has its final outcome. On an error nothing of this commit is stored and the store's error is passed on; a
 * part of the first job may have been stored by an earlier commit (sending it again changes nothing).
 *
 *     while (n > 0 && (status = ly_ingest_store(store, jobs, n, &slice, &done, err)) == LY_OK)
 *         for (; done > 0; done--, jobs++, n--) acknowledge(*jobs);
 */
LY_MUST_USE ly_status ly_ingest_store(ly_store *store, ly_ingest_job *const *jobs, size_t n,
                                      const ly_ingest_slice *slice, size_t *ret_done, ly_err *err);

/* Prepare and store in one call, with a job of its own. ret_outcome may be NULL. */
LY_MUST_USE ly_status ly_ingest_bytes(const ly_ingest_config *config, ly_store *store, ly_str bytes,
                                      ly_otlp_format format, ly_signal signal,
                                      ly_ingest_outcome *ret_outcome, ly_err *err);

/* Adds up all counts; first_reason stays. */
void ly_ingest_outcome_add(ly_ingest_outcome *sum, const ly_ingest_outcome *one);

/*
 * Many documents, one after another, with few commits: what `trace import` does with a file. A document is
 * decoded when it is added and stored with those around it, at most LY_INGEST_LOAD_ITEMS records or 256
 * KiB in a commit, so that no write turn is long.
 *
 *     ly_ingest_load_new(&config, store, &load, &err);
 *     while (... && (st = ly_ingest_load_add(load, doc, LY_OTLP_JSON, LY_SIGNAL_TRACES, &err)) == LY_OK) ...
 *     kept = ly_ingest_load_flush(load, &late);                // whatever st is
 *     ly_ingest_load_sum(load)->stored...
 *     ly_ingest_load_free(load);
 *
 * The thread of the store's handle. config and the bytes of all documents since the last flush stay the
 * caller's and must live until the next one.
 */
#define LY_INGEST_LOAD_ITEMS 128

typedef struct ly_ingest_load ly_ingest_load;

LY_MUST_USE ly_status ly_ingest_load_new(const ly_ingest_config *config, ly_store *store,
                                         ly_ingest_load **ret_load, ly_err *err);
/* Errors of ly_ingest_prepare are about this document, which is left out as if it had not been added; those
 * of ly_store_ingest about the documents that waited: see ly_ingest_load_flush. */
LY_MUST_USE ly_status ly_ingest_load_add(ly_ingest_load *load, ly_str bytes, ly_otlp_format format,
                                         ly_signal signal, ly_err *err);
/* Stores what waits. On an error of the store, documents that were not stored are forgotten (and not in the
 * sum): adding them again changes nothing that is stored. */
LY_MUST_USE ly_status ly_ingest_load_flush(ly_ingest_load *load, ly_err *err);
/* What became of all documents that were stored wholly so far. */
const ly_ingest_outcome *ly_ingest_load_sum(const ly_ingest_load *load);
/* NULL is nothing. What waits is not stored. */
void ly_ingest_load_free(ly_ingest_load *load);

#endif
