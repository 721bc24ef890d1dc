/* collector: /metrics (Prometheus text 0.0.4) and /status (JSON) of one and the same picture. */
#include "collector/impl.h"
#include "text/jsonw.h"

static void head(ly_buf *out, const char *name, const char *type, const char *help)
{
    ly_buf_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(ly_buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
    head(out, name, type, help);
    ly_buf_fmt(out, "%s %llu\n", name, (unsigned long long)value);
}

/* Left out while unknown. */
static void gauge(ly_buf *out, const char *name, const char *help, int64_t value)
{
    if (value == LY_UNKNOWN)
        return;
    head(out, name, "gauge", help);
    ly_buf_fmt(out, "%s %lld\n", name, (long long)value);
}

static void label(ly_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\' || *text == '\n')
            ly_buf_char(out, '\\');
        ly_buf_char(out, *text == '\n' ? 'n' : *text);
    }
}

static void items(ly_buf *out, const ly_collector_stats *s)
{
    one(out, "lydite_items_received_total", "counter",
        "Spans and log records of decoded requests; the sum of the six below.", s->received);
    one(out, "lydite_items_stored_total", "counter", "New items on disk.", s->stored);
    one(out, "lydite_items_merged_total", "counter", "Repeats and later halves of stored items.",
        s->merged);
    one(out, "lydite_items_conflict_total", "counter",
        "Items that contradict a stored one; in quarantine.", s->conflicts);
    head(out, "lydite_items_rejected_total", "counter", "Items refused one by one; in quarantine.");
    for (size_t i = LY_REJECT_NONE + 1; i < LY_COUNT(s->by_reason); i++)
        ly_buf_fmt(out, "lydite_items_rejected_total{reason=\"%s\"} %llu\n",
                   ly_ingest_reason_name(i), (unsigned long long)s->by_reason[i]);
    one(out, "lydite_items_returned_total", "counter",
        "Items given back to the client to send again (storage failed, stopping).", s->returned);
    one(out, "lydite_items_queued", "gauge", "Items decoded and not answered yet.", s->queued);
    one(out, "lydite_metric_points_discarded_total", "counter",
        "Metric data points, accepted and not kept.", s->discarded_points);
    one(out, "lydite_places_redacted_total", "counter", "Places marked by redaction rules.",
        s->redacted);
}

static void requests(ly_buf *out, const ly_collector_stats *s)
{
    head(out, "lydite_requests_total", "counter", "Requests answered with success.");
    ly_buf_fmt(out, "lydite_requests_total{result=\"ok\"} %llu\n",
               (unsigned long long)s->requests_ok);
    ly_buf_fmt(out, "lydite_requests_total{result=\"partial\"} %llu\n",
               (unsigned long long)s->requests_partial);
    head(out, "lydite_requests_refused_total", "counter", "Requests refused whole.");
    for (int i = 0; i < LY_REFUSED__COUNT; i++)
        ly_buf_fmt(out, "lydite_requests_refused_total{reason=\"%s\"} %llu\n",
                   ly_refused_name((ly_refused)i), (unsigned long long)s->refused[i]);
    head(out, "lydite_refused_bytes_total", "counter", "Their bytes, as far as they were read.");
    for (int i = 0; i < LY_REFUSED__COUNT; i++)
        ly_buf_fmt(out, "lydite_refused_bytes_total{reason=\"%s\"} %llu\n",
                   ly_refused_name((ly_refused)i), (unsigned long long)s->refused_bytes[i]);
    one(out, "lydite_request_bytes_total", "counter", "Bytes of decoded requests, inflated.",
        s->bytes_in);
    head(out, "lydite_request_seconds", "histogram", "Time from a request's bytes to its answer.");
    uint64_t sum = 0;
    for (int i = 0; i < LY_LATENCY_BUCKETS; i++) {
        sum += s->latency[i];
        if (i < LY_LATENCY_BUCKETS - 1)
            ly_buf_fmt(out, "lydite_request_seconds_bucket{le=\"%g\"} %llu\n",
                       0.00025 * (double)(1 << i), (unsigned long long)sum);
    }
    ly_buf_fmt(out, "lydite_request_seconds_bucket{le=\"+Inf\"} %llu\n", (unsigned long long)sum);
    ly_buf_fmt(out, "lydite_request_seconds_sum %.9f\n", (double)s->latency_ns_total / 1e9);
    ly_buf_fmt(out, "lydite_request_seconds_count %llu\n", (unsigned long long)sum);
}

static void storage(ly_buf *out, const ly_collector_stats *s)
{
    one(out, "lydite_budget_bytes", "gauge", "Bytes of requests in hand.", s->budget_used);
    one(out, "lydite_budget_max_bytes", "gauge", "The limit; past it requests are refused.",
        s->budget_max);
    one(out, "lydite_commits_total", "counter", "Durable commits.", s->commits);
    one(out, "lydite_commit_failures_total", "counter", "Commits that failed.", s->commit_failures);
    head(out, "lydite_commit_seconds_total", "counter", "Time spent in commits.");
    ly_buf_fmt(out, "lydite_commit_seconds_total %.9f\n", (double)s->commit_ns_total / 1e9);
    head(out, "lydite_commit_seconds_max", "gauge", "The longest commit.");
    ly_buf_fmt(out, "lydite_commit_seconds_max %.9f\n", (double)s->commit_ns_max / 1e9);
    gauge(out, "lydite_wal_bytes", "Size of the write-ahead log.", s->wal_bytes);
    gauge(out, "lydite_db_bytes", "Size of the database file.", s->db_bytes);
    gauge(out, "lydite_disk_free_bytes", "Free space where the database is.", s->disk_free_bytes);
    gauge(out, "lydite_unsettled_traces", "Traces whose summary is not up to date.", s->unsettled);
}

static void services(ly_buf *out, const ly_collector_stats *s)
{
    head(out, "lydite_service_items_total", "counter", "Items by service.name.");
    for (size_t i = 0; i < s->n_services; i++) {
        const uint64_t counts[] = {s->services[i].spans, s->services[i].logs,
                                   s->services[i].rejected};
        static const char *const kinds[] = {"span", "log", "rejected"};
        for (size_t k = 0; k < LY_COUNT(counts); k++) {
            ly_buf_c(out, "lydite_service_items_total{service=\"");
            label(out, s->services[i].name);
            ly_buf_fmt(out, "\",kind=\"%s\"} %llu\n", kinds[k], (unsigned long long)counts[k]);
        }
    }
}

void ly_collector_metrics(ly_collector *c, ly_buf *out)
{
    ly_collector_stats *s = ly_malloc(sizeof *s);
    if (!s)
        return;
    ly_collector_stats_get(c, s);
    head(out, "lydite_build_info", "gauge", "The build.");
    ly_buf_fmt(out, "lydite_build_info{version=\"%s\"} 1\n", LYDITE_VERSION);
    one(out, "lydite_ready", "gauge", "1 when requests are taken and can be stored.",
        ly_collector_not_ready(c) ? 0 : 1);
    head(out, "lydite_start_time_seconds", "gauge", "When the collector started.");
    ly_buf_fmt(out, "lydite_start_time_seconds %.3f\n", (double)s->start_ns / 1e9);
    items(out, s);
    requests(out, s);
    storage(out, s);
    services(out, s);
    ly_free(s);
}

static void json_opt(ly_jsonw *w, const char *key, int64_t value)
{
    if (value == LY_UNKNOWN)
        ly_jsonw_kv_null(w, key);
    else
        ly_jsonw_kv_i64(w, key, value);
}

static void json_items(ly_jsonw *w, const ly_collector_stats *s)
{
    ly_jsonw_kv_i64(w, "received", (int64_t)s->received);
    ly_jsonw_kv_i64(w, "stored", (int64_t)s->stored);
    ly_jsonw_kv_i64(w, "merged", (int64_t)s->merged);
    ly_jsonw_kv_i64(w, "conflicts", (int64_t)s->conflicts);
    ly_jsonw_kv_i64(w, "rejected", (int64_t)s->rejected);
    ly_jsonw_kv_i64(w, "returned", (int64_t)s->returned);
    ly_jsonw_kv_i64(w, "queued", (int64_t)s->queued);
    ly_jsonw_key(w, "rejected_by_reason");
    ly_jsonw_object(w);
    for (size_t i = LY_REJECT_NONE + 1; i < LY_COUNT(s->by_reason); i++)
        ly_jsonw_kv_i64(w, ly_ingest_reason_name(i), (int64_t)s->by_reason[i]);
    ly_jsonw_object_end(w);
    ly_jsonw_key(w, "refused_requests");
    ly_jsonw_object(w);
    for (int i = 0; i < LY_REFUSED__COUNT; i++)
        ly_jsonw_kv_i64(w, ly_refused_name((ly_refused)i), (int64_t)s->refused[i]);
    ly_jsonw_object_end(w);
    ly_jsonw_kv_i64(w, "requests", (int64_t)(s->requests_ok + s->requests_partial));
    ly_jsonw_kv_i64(w, "metric_points_discarded", (int64_t)s->discarded_points);
    ly_jsonw_kv_i64(w, "places_redacted", (int64_t)s->redacted);
}

static void json_services(ly_jsonw *w, const ly_collector_stats *s)
{
    ly_jsonw_key(w, "services");
    ly_jsonw_array(w);
    for (size_t i = 0; i < s->n_services; i++) {
        ly_jsonw_object(w);
        ly_jsonw_kv_c(w, "service", s->services[i].name);
        ly_jsonw_kv_i64(w, "spans", (int64_t)s->services[i].spans);
        ly_jsonw_kv_i64(w, "logs", (int64_t)s->services[i].logs);
        ly_jsonw_kv_i64(w, "rejected", (int64_t)s->services[i].rejected);
        ly_jsonw_object_end(w);
    }
    ly_jsonw_array_end(w);
}

void ly_collector_status_json(ly_collector *c, ly_buf *out)
{
    ly_collector_stats *s = ly_malloc(sizeof *s);
    if (!s)
        return;
    ly_collector_stats_get(c, s);
    ly_jsonw w;
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_c(&w, "version", LYDITE_VERSION);
    const char *why = ly_collector_not_ready(c);
    ly_jsonw_kv_bool(&w, "ready", !why);
    if (why)
        ly_jsonw_kv_c(&w, "not_ready", why);
    ly_jsonw_kv_c(&w, "db", c->db);
    ly_jsonw_kv_c(&w, "address", c->info.address);
    ly_jsonw_kv_i64(&w, "grpc_port", c->info.grpc_port);
    ly_jsonw_kv_i64(&w, "http_port", c->info.http_port);
    ly_jsonw_kv_i64(&w, "start_ns", s->start_ns);
    json_items(&w, s);
    ly_jsonw_kv_i64(&w, "budget_used_bytes", (int64_t)s->budget_used);
    ly_jsonw_kv_i64(&w, "budget_max_bytes", (int64_t)s->budget_max);
    ly_jsonw_kv_i64(&w, "commits", (int64_t)s->commits);
    ly_jsonw_kv_i64(&w, "commit_failures", (int64_t)s->commit_failures);
    ly_jsonw_kv_i64(&w, "commit_mean_ns",
                    s->commits ? (int64_t)(s->commit_ns_total / s->commits) : 0);
    ly_jsonw_kv_i64(&w, "commit_max_ns", (int64_t)s->commit_ns_max);
    json_opt(&w, "wal_bytes", s->wal_bytes);
    json_opt(&w, "db_bytes", s->db_bytes);
    json_opt(&w, "disk_free_bytes", s->disk_free_bytes);
    json_opt(&w, "unsettled_traces", s->unsettled);
    json_services(&w, s);
    ly_jsonw_object_end(&w);
    if (ly_jsonw_end(&w, NULL))
        ly_buf_cut(out, 0);
    ly_free(s);
}
