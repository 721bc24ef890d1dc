/*
 * ingest: many documents, few commits. A durable commit costs about as much as storing a hundred spans, so
 * a file of one span a line would spend nearly all its time waiting for the disk.
 */
#include "base/mem.h"
#include "ingest/ingest.h"

/* What one commit holds at most: its write turn has to stay near 5 ms, for others wait on it. */
static const ly_ingest_slice TURN = {LY_INGEST_LOAD_ITEMS, LY_KIB(256)};
/* Of the memory of a document of ordinary size nothing is given back between documents. */
#define JOB_KEEP_BYTES LY_KIB(64)

struct ly_ingest_load {
    const ly_ingest_config *config;
    ly_store *store;
    ly_ingest_job *jobs[LY_INGEST_LOAD_ITEMS]; /* the first n wait to be stored; all are reused */
    size_t n, items, bytes;
    ly_ingest_outcome sum;
};

ly_status ly_ingest_load_new(const ly_ingest_config *config, ly_store *store,
                             ly_ingest_load **ret_load, ly_err *err)
{
    ly_ingest_load *load = ly_calloc(1, sizeof *load);
    if (!load)
        return LY_NOMEM(err);
    load->config = config;
    load->store = store;
    *ret_load = load;
    return LY_OK;
}

void ly_ingest_load_free(ly_ingest_load *load)
{
    if (!load)
        return;
    for (size_t i = 0; i < LY_COUNT(load->jobs); i++)
        ly_ingest_job_free(load->jobs[i]);
    ly_free(load);
}

void ly_ingest_outcome_add(ly_ingest_outcome *sum, const ly_ingest_outcome *one)
{
    sum->received += one->received;
    sum->stored += one->stored;
    sum->merged += one->merged;
    sum->conflicts += one->conflicts;
    sum->rejected += one->rejected;
    sum->discarded += one->discarded;
    for (size_t i = 0; i < LY_COUNT(sum->by_reason); i++)
        sum->by_reason[i] += one->by_reason[i];
}

ly_status ly_ingest_load_flush(ly_ingest_load *load, ly_err *err)
{
    ly_status st = LY_OK;
    size_t first = 0;
    while (!st && first < load->n) {
        size_t done = 0;
        st = ly_ingest_store(load->store, load->jobs + first, load->n - first, &TURN, &done, err);
        for (; !st && done > 0; done--)
            ly_ingest_outcome_add(&load->sum, &load->jobs[first++]->outcome);
    }
    for (size_t i = 0; i < load->n; i++)
        ly_ingest_job_reset(load->jobs[i], JOB_KEEP_BYTES);
    load->n = load->items = load->bytes = 0;
    return st;
}

ly_status ly_ingest_load_add(ly_ingest_load *load, ly_str bytes, ly_otlp_format format,
                             ly_signal signal, ly_err *err)
{
    ly_ingest_job **job = &load->jobs[load->n];
    ly_status st = *job ? LY_OK : ly_ingest_job_new(job, err);
    if (st)
        return st;
    st = ly_ingest_prepare(load->config, *job, bytes, format, signal, err);
    if (st) {
        ly_ingest_job_reset(*job, JOB_KEEP_BYTES);
        return st;
    }
    load->n++;
    load->items += (*job)->n_spans + (*job)->n_logs + (*job)->n_rejects;
    load->bytes += bytes.len;
    bool full = load->n == LY_COUNT(load->jobs) || load->items >= TURN.max_items ||
                load->bytes >= TURN.max_bytes;
    return full ? ly_ingest_load_flush(load, err) : LY_OK;
}

const ly_ingest_outcome *ly_ingest_load_sum(const ly_ingest_load *load)
{
    return &load->sum;
}
