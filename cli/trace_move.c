/* `lydite trace export`, `import` and `rm`. */
#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/answer.h"
#include "cli/costing.h"
#include "cli/progress.h"
#include "cli/trace_verbs.h"
#include "ingest/ingest.h"
#include "otlp/encode.h"
#include "otlp/json.h"
#include "otlp/sort.h"
#include "viewer/text.h"

/* ---- which traces ---------------------------------------------------------------------------- */

static bool looks_like_id(const char *arg)
{
    size_t n = strlen(arg);
    if (arg[0] == '@') {
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        if (strchr("0123456789abcdefABCDEF", arg[i]) == NULL) {
            return false;
        }
    }
    return n >= 4 && n <= 32;
}

/* The query of verbs that take a filter or ids: arguments that all look like ids (or @last) become a
 * filter of those traces of any origin. False: printed, *ret_exit set. The filter is the caller's. */
static bool query_args(ly_cli *cli, ly_store *store, ly_filter **ret_filter,
                       ly_trace_query *ret_query, int *ret_exit)
{
    bool ids = cli->n_args > 0;
    for (int i = 0; i < cli->n_args; i++) {
        ids = ids && looks_like_id(cli->args[i]);
    }
    *ret_query = (ly_trace_query)LY_TRACE_QUERY_INIT;
    ret_query->since_ns = cli->since_ns;
    ret_query->until_ns = cli->until_ns;
    ret_query->limit = 0;
    if (!ids) {
        if (!ly_cli_filter(cli, 0, ret_filter, ret_exit)) {
            return false;
        }
        ret_query->any_origin = ly_cli_flag(cli, "all-origins");
    } else {
        ly_buf text;
        ly_err err = LY_ERR_INIT;
        ly_buf_init(&text, LY_MIB(1));
        for (int i = 0; i < cli->n_args; i++) {
            ly_trace_id id;
            char hex[33];
            if (!ly_cli_trace(cli, store, cli->args[i], &id, ret_exit)) {
                ly_buf_release(&text);
                return false;
            }
            ly_hex_encode(id.b, 16, hex);
            ly_buf_fmt(&text, "%strace:%s", i ? "|" : "", hex);
        }
        ly_status st = ly_filter_parse(ly_buf_view(&text), NULL, ret_filter, NULL, &err);
        ly_buf_release(&text);
        if (st != LY_OK) {
            *ret_exit = ly_cli_fail(cli, &err);
            return false;
        }
        ret_query->any_origin = true;
    }
    ret_query->filter = ly_filter_root(*ret_filter)->kind == LY_FILTER_ALL ? NULL : *ret_filter;
    return true;
}

/* A word that was meant as a name or an id is looked for as text: say so when nothing has it. */
static void say_nothing_matches(ly_cli *cli)
{
    if (cli->n_args == 1 && strpbrk(cli->args[0], ":<>=~|!()* ") == NULL) {
        ly_cli_note(cli, "no trace matches the word \"%s\"; lydite trace list shows what is there",
                    cli->args[0]);
    }
}

/* ---- export ---------------------------------------------------------------------------------- */

typedef struct exporter {
    ly_cli *cli;
    ly_buf out;
    bool proto, logs_only;
    int64_t n_spans, n_logs, n_left_out;
    ly_progress progress;
} exporter;

/* A document for each record: protobuf messages written one after another are one message, and a line of
 * JSON is a document, so both are what OTLP readers take. */
static ly_status write_record(void *user, const ly_span *span, const ly_log_record *log,
                              ly_err *err)
{
    exporter *e = user;
    ly_status st;
    ly_buf_reset(&e->out);
    if (ly_cli_interrupted()) {
        return LY_FAIL(err, LY_E_CANCELLED, "stopped");
    }
    if (span != NULL) {
        if (e->logs_only) {
            return LY_OK;
        }
        st = e->proto ? ly_otlp_encode_traces(&span, 1, &e->out, err)
                      : ly_otlp_json_traces(&span, 1, &e->out, err);
        e->n_spans++;
    } else {
        if (e->proto && !e->logs_only) {
            e->n_left_out++; /* another message: readers of TracesData would take it for spans */
            return LY_OK;
        }
        st = e->proto ? ly_otlp_encode_logs(&log, 1, &e->out, err)
                      : ly_otlp_json_logs(&log, 1, &e->out, err);
        e->n_logs++;
    }
    if (st != LY_OK) {
        return st;
    }
    if (!e->proto) {
        ly_buf_char(&e->out, '\n');
    }
    if (fwrite(ly_buf_text(&e->out), 1, e->out.len, e->cli->out) != e->out.len) {
        return LY_FAIL(err, LY_E_IO, "the output cannot be written: %s", strerror(errno));
    }
    ly_progress_tell(&e->progress, e->n_spans + e->n_logs, 0, LY_UNKNOWN, NULL);
    return LY_OK;
}

int ly_trace_run_export(ly_cli *cli)
{
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_filter *filter = NULL;
    ly_trace_query query;
    ly_store *store = ly_cli_store(cli, LY_STORE_READER, &exit_code);
    if (store == NULL) {
        return exit_code;
    }
    exporter e = {
        .cli = cli, .proto = ly_cli_flag(cli, "proto"), .logs_only = ly_cli_flag(cli, "logs")};
    if (e.proto && cli->json) {
        ly_store_close(store);
        return ly_cli_usage(cli, "--proto and --json exclude each other");
    }
    ly_buf_init(&e.out, LY_MAX_OUTPUT_BYTES);
    if (!query_args(cli, store, &filter, &query, &exit_code)) {
        goto out;
    }
    /* Traces of one start stand in the order they came in: so an import keeps it, and exports the same. */
    query.oldest_first = true;
    ly_progress_begin(&e.progress, cli, "records");
    ly_status st = ly_store_export(store, &query, true, write_record, &e, &err);
    ly_progress_clear(&e.progress);
    if (st != LY_OK) {
        exit_code = ly_cli_fail(cli, &err);
        goto out;
    }
    ly_cli_note(cli, "%lld span%s, %lld log record%s", (long long)e.n_spans, ly_plural(e.n_spans),
                (long long)e.n_logs, ly_plural(e.n_logs));
    if (e.n_left_out > 0) {
        ly_cli_note(cli,
                    "%lld log record%s left out: TracesData holds spans alone; --proto --logs "
                    "writes the log records",
                    (long long)e.n_left_out, ly_plural(e.n_left_out));
    }
    if (e.n_spans + e.n_logs + e.n_left_out == 0) {
        say_nothing_matches(cli);
    }
out:
    ly_buf_release(&e.out);
    ly_filter_free(filter);
    ly_store_close(store);
    return exit_code;
}

/* ---- import ---------------------------------------------------------------------------------- */

static ly_status read_all(const char *path, ly_buf *out, ly_err *err)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (f == NULL) {
        return LY_FAIL(err, LY_E_IO, "%s: %s", path, strerror(errno));
    }
    for (;;) {
        char *room = ly_buf_room(out, LY_KIB(256));
        size_t n = room != NULL ? fread(room, 1, LY_KIB(256), f) : 0;
        if (n == 0) {
            break;
        }
        ly_buf_advance(out, n);
    }
    bool failed = ferror(f) != 0;
    if (f != stdin) {
        (void)fclose(f);
    }
    if (failed) {
        return LY_FAIL(err, LY_E_IO, "%s: reading failed", path);
    }
    return ly_buf_status(out, path, err);
}

typedef struct importer {
    ly_ingest_config config;
    ly_ingest_load *load;
    ly_progress progress;
    int64_t done_bytes, all_bytes; /* of this file */
} importer;

/* The reason most records were rejected for. */
static const char *main_reason(const ly_ingest_outcome *sum)
{
    size_t most = 0;
    for (size_t i = 1; i < LY_COUNT(sum->by_reason); i++) {
        most = sum->by_reason[i] > sum->by_reason[most] ? i : most;
    }
    return most == LY_INGEST_REASON_REDACT ? "redaction failed" : ly_reject_text((ly_reject)most);
}

/* Of a JSON document: the first of the three keys; values come after their key. */
static ly_signal json_signal(ly_str doc)
{
    static const struct {
        const char *key;
        ly_signal signal;
    } keys[] = {{"\"resourceSpans\"", LY_SIGNAL_TRACES},
                {"\"resourceLogs\"", LY_SIGNAL_LOGS},
                {"\"resourceMetrics\"", LY_SIGNAL_METRICS}};
    ly_signal signal = LY_SIGNAL_TRACES;
    size_t first = SIZE_MAX;
    for (size_t i = 0; i < LY_COUNT(keys); i++) {
        size_t at = ly_str_find(ly_str_sub(doc, 0, first), ly_str_c(keys[i].key), 0);
        if (at < first) {
            first = at;
            signal = keys[i].signal;
        }
    }
    return signal;
}

static ly_status import_piece(importer *im, ly_str bytes, ly_otlp_format format, ly_signal signal,
                              ly_err *err)
{
    ly_progress_tell(&im->progress, im->done_bytes, im->all_bytes, LY_UNKNOWN, NULL);
    if (ly_cli_interrupted()) {
        return LY_FAIL(err, LY_E_CANCELLED, "stopped");
    }
    im->done_bytes += (int64_t)bytes.len;
    return ly_ingest_load_add(im->load, bytes, format, signal, err);
}

/* A message of one signal, or several written one after another. */
static ly_status import_message(importer *im, ly_str bytes, ly_err *err)
{
    ly_str run;
    ly_signal signal;
    ly_status st = LY_OK;
    while (st == LY_OK && ly_otlp_next_run(&bytes, &run, &signal)) {
        st = import_piece(im, run, LY_OTLP_PROTO, signal, err);
    }
    return st;
}

/* The length of the object that the text begins with; all of it where the object does not end. */
static size_t object_length(ly_str text)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && --depth == 0) {
            return i + 1;
        }
    }
    return text.len;
}

/* Documents one after another: one a line, over several lines, or as an array. */
static ly_status import_json(importer *im, ly_str text, ly_err *err)
{
    size_t line = 1, at = 0;
    while (at < text.len) {
        char c = text.ptr[at];
        line += c == '\n';
        if (c != '{') {
            if (strchr(" \t\r\n,[]", c) == NULL || c == '\0') {
                return LY_FAIL(err, LY_E_FORMAT,
                               "line %zu: OTLP/JSON is objects with resourceSpans or resourceLogs",
                               line);
            }
            at++;
            continue;
        }
        ly_str doc = ly_str_sub(text, at, object_length(ly_str_sub(text, at, text.len)));
        ly_status st = import_piece(im, doc, LY_OTLP_JSON, json_signal(doc), err);
        if (st != LY_OK) {
            return ly_err_wrap(err, "document at line %zu", line);
        }
        for (size_t i = 0; i < doc.len; i++) {
            line += doc.ptr[i] == '\n';
        }
        at += doc.len;
    }
    return LY_OK;
}

/* One message, or several, each behind its length in four bytes (the collector's file exporter). */
static ly_status import_proto(importer *im, ly_str bytes, ly_err *err)
{
    if (bytes.len > 4 && bytes.ptr[0] == '\0') {
        while (bytes.len > 4) {
            const unsigned char *p = (const unsigned char *)bytes.ptr;
            size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
            if (n > bytes.len - 4) {
                return LY_FAIL(err, LY_E_FORMAT, "the file is cut off");
            }
            ly_status st = import_message(im, ly_str_sub(bytes, 4, n), err);
            if (st != LY_OK) {
                return st;
            }
            bytes = ly_str_sub(bytes, 4 + n, bytes.len);
        }
        return LY_OK;
    }
    ly_status st = import_message(im, bytes, err);
    return st == LY_E_FORMAT || st == LY_E_INVALID
               ? LY_FAIL(err, st, "neither OTLP/JSON nor OTLP protobuf")
               : st;
}

static ly_status import_bytes(importer *im, ly_str bytes, ly_err *err)
{
    if (ly_str_starts(bytes, LY_S("\x1f\x8b"))) {
        return LY_FAIL(err, LY_E_FORMAT,
                       "packed by gzip; unpack it: gunzip -c FILE | lydite ... -");
    }
    if (ly_str_starts(bytes, LY_S("\xef\xbb\xbf"))) {
        bytes = ly_str_sub(bytes, 3, bytes.len);
    }
    ly_str text = ly_str_trim(bytes);
    if (text.len == 0) {
        return LY_OK;
    }
    return text.ptr[0] == '{' || text.ptr[0] == '[' ? import_json(im, text, err)
                                                    : import_proto(im, bytes, err);
}

/* Adds one file's counts to *sum. What was read before an error or Ctrl-C is stored. */
static ly_status import_file(importer *im, ly_store *store, const char *path,
                             ly_ingest_outcome *sum, ly_err *err)
{
    ly_buf bytes;
    ly_err late = LY_ERR_INIT;
    ly_buf_init(&bytes, LY_GIB(2));
    ly_status st = ly_ingest_load_new(&im->config, store, &im->load, err);
    if (st == LY_OK) {
        st = read_all(path, &bytes, err);
    }
    if (st == LY_OK) {
        im->done_bytes = 0;
        im->all_bytes = (int64_t)bytes.len;
        st = import_bytes(im, ly_buf_view(&bytes), err);
        ly_status kept = ly_ingest_load_flush(im->load, &late);
        if (kept != LY_OK) {
            st = kept; /* graver than a line that cannot be read */
            *err = late;
        }
        const ly_ingest_outcome *file = ly_ingest_load_sum(im->load);
        if (st == LY_OK && file->rejected > 0 && file->rejected == file->received) {
            st = LY_FAIL(err, LY_E_FORMAT, "all %llu records were rejected: %s",
                         (unsigned long long)file->rejected, main_reason(file));
        }
        if (st != LY_OK) {
            st = ly_err_wrap(err, "%s", path);
        }
        ly_ingest_outcome_add(sum, file);
    }
    ly_buf_release(&bytes);
    ly_ingest_load_free(im->load);
    im->load = NULL;
    return st;
}

ly_status ly_trace_import_files(ly_cli *cli, ly_store *store, const char *const *paths, int n,
                                const char *key, ly_ingest_outcome *ret_sum, ly_err *err)
{
    importer im = {.load = NULL};
    ly_ingest_outcome sum;
    memset(&sum, 0, sizeof sum);
    ly_progress_begin(&im.progress, cli, NULL);
    ly_price_book *book = ly_costing_load_book((void *)(uintptr_t)ly_store_path(store), err);
    ly_status st = LY_OK;
    im.config.book = book;
    im.config.access_key = ly_str_c(key ? key : "");
    for (int i = 0; i < n && st == LY_OK; i++) {
        st = import_file(&im, store, paths[i], &sum, err);
    }
    ly_progress_clear(&im.progress);
    int64_t left = 0;
    ly_err late = LY_ERR_INIT;
    ly_status settled = ly_store_settle(store, 0, true, &left, &late);
    if (st == LY_OK && settled != LY_OK) {
        st = settled;
        if (err != NULL) {
            *err = late;
        }
    }
    *ret_sum = sum;
    ly_price_book_free(book);
    return st;
}

int ly_trace_run_import(ly_cli *cli)
{
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_ingest_outcome sum;
    memset(&sum, 0, sizeof sum);
    ly_store *store = ly_cli_store(cli, LY_STORE_WRITER, &exit_code);
    if (store == NULL) {
        return exit_code;
    }
    if (ly_trace_import_files(cli, store, cli->args, cli->n_args, ly_cli_opt(cli, "key"), &sum,
                              &err) != LY_OK) {
        exit_code = ly_cli_fail(cli, &err);
    }
    ly_store_close(store);
    if (cli->json && exit_code == LY_EXIT_DONE) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_i64(&a.w, "received", (int64_t)sum.received);
        ly_jsonw_kv_i64(&a.w, "stored", (int64_t)sum.stored);
        ly_jsonw_kv_i64(&a.w, "known", (int64_t)sum.merged);
        ly_jsonw_kv_i64(&a.w, "rejected", (int64_t)(sum.rejected + sum.conflicts));
        ly_jsonw_kv_i64(&a.w, "discarded", (int64_t)sum.discarded);
        return ly_answer_end(&a);
    }
    if (exit_code != LY_EXIT_DONE && sum.received == 0 && !ly_cli_interrupted())
        return exit_code;
    if (ly_cli_interrupted())
        ly_cli_note(cli, "stopped; what was read is kept. To go on: the same command");
    ly_cli_note(cli, "%llu received, %llu stored, %llu known already, %llu rejected",
                (unsigned long long)sum.received, (unsigned long long)sum.stored,
                (unsigned long long)sum.merged, (unsigned long long)(sum.rejected + sum.conflicts));
    if (sum.discarded > 0)
        ly_cli_note(cli, "%llu data point%s of metrics left out: lydite keeps no metrics",
                    (unsigned long long)sum.discarded, ly_plural(sum.discarded));
    return exit_code;
}

/* ---- rm -------------------------------------------------------------------------------------- */

static int say_removed(ly_cli *cli, const ly_store_removed *r, bool done)
{
    if (cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_i64(&a.w, "traces", r->n_traces);
        ly_jsonw_kv_i64(&a.w, "spans", r->n_spans);
        ly_jsonw_kv_i64(&a.w, "logs", r->n_logs);
        ly_jsonw_kv_bool(&a.w, "dry_run", !done);
        return ly_answer_end(&a);
    }
    ly_cli_note(cli, "%s%lld trace%s, %lld span%s, %lld log record%s", done ? "forgot " : "",
                (long long)r->n_traces, ly_plural(r->n_traces), (long long)r->n_spans,
                ly_plural(r->n_spans), (long long)r->n_logs, ly_plural(r->n_logs));
    return LY_EXIT_DONE;
}

static bool agreed(ly_cli *cli, const ly_store_removed *what)
{
    char answer[16] = "";
    if (cli->yes) {
        return true;
    }
    if (!isatty(STDIN_FILENO)) {
        ly_cli_note(cli, "%lld trace%s with %lld log record%s would go; -y removes them",
                    (long long)what->n_traces, ly_plural(what->n_traces), (long long)what->n_logs,
                    ly_plural(what->n_logs));
        return false;
    }
    (void)fprintf(stderr, "forget %lld trace%s with %lld span%s, and %lld log record%s? [y/N] ",
                  (long long)what->n_traces, ly_plural(what->n_traces), (long long)what->n_spans,
                  ly_plural(what->n_spans), (long long)what->n_logs, ly_plural(what->n_logs));
    return fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

int ly_trace_run_rm(ly_cli *cli)
{
    int exit_code = LY_EXIT_DONE;
    ly_err err = LY_ERR_INIT;
    ly_filter *filter = NULL;
    ly_trace_query query;
    ly_store_removed removed;
    memset(&removed, 0, sizeof removed);
    ly_store *store = ly_cli_store(cli, LY_STORE_WRITER, &exit_code);
    if (store == NULL) {
        return exit_code;
    }
    if (!query_args(cli, store, &filter, &query, &exit_code)) {
        goto out;
    }
    if (ly_store_forget(store, &query, true, &removed, &err) != LY_OK) {
        exit_code = ly_cli_fail(cli, &err);
        goto out;
    }
    if (removed.n_traces + removed.n_logs == 0) {
        say_nothing_matches(cli);
    }
    if (cli->dry_run || removed.n_traces + removed.n_logs == 0) {
        exit_code = say_removed(cli, &removed, !cli->dry_run);
        goto out;
    }
    if (!agreed(cli, &removed)) {
        ly_cli_note(cli, "nothing was changed");
        goto out;
    }
    if (ly_store_forget(store, &query, false, &removed, &err) != LY_OK) {
        exit_code = ly_cli_fail(cli, &err);
        goto out;
    }
    exit_code = say_removed(cli, &removed, true);
out:
    ly_filter_free(filter);
    ly_store_close(store);
    return exit_code;
}
