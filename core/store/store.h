/*
 * The store: one SQLite file that holds everything Lydite keeps, spoken to in the domain's words.
 *
 * Nothing of SQL passes this interface: no statement, no transaction, no row number, no content id.
 * A call either did all that it says or nothing. What a page or a load returns lives in the arena that
 * the caller gives and in nothing else, so it stays valid after further calls.
 *
 *     ly_store *store = NULL;
 *     ly_store_opts opts = LY_STORE_OPTS_INIT;
 *     opts.role = LY_STORE_WRITER;
 *     LY_TRY: ly_store_open("lydite.db", &opts, &store, &err)
 *             ly_store_ingest(store, &batch, results, &err)   // returns after the durable commit
 *             ly_store_settle(store, 0, &left, &err)          // summaries and ledger, in small slices
 *             ly_store_close(store)
 *
 * Threads and processes: a ly_store belongs to one thread at a time; open one for each thread. Any
 * number of processes may hold the file open in either role. Writers take turns: each write call
 * waits for the others (up to busy_timeout_ns) and holds the file for a few milliseconds; outside of
 * ingest never for more than about 5 ms or 200 rows. Readers never wait and are never waited for; no
 * read call keeps its snapshot for more than about a second.
 *
 * Errors: LY_E_NOTFOUND the id is not there · LY_E_BUSY another writer kept the file for longer than
 * the timeout: retry · LY_E_FULL disk or --wal-limit full: retry later · LY_E_IO reading, writing or
 * syncing failed: retry; the store reopens the file itself (promise 1) · LY_E_CORRUPT damaged file.
 * Only BUSY, FULL and IO are worth a retry.
 *
 * The nouns of other rooms have headers of their own beside this one (store/prompt.h, dataset.h,
 * run.h, score.h, call_cache.h, price_store.h, budget.h, usage.h); inside the room they all build on
 * store/db.h, which no other room may include.
 */
#ifndef LY_STORE_STORE_H
#define LY_STORE_STORE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "filter/filter.h"
#include "genai/canon.h"
#include "genai/messages.h"
#include "genai/price.h"
#include "genai/tree.h"
#include "otlp/model.h"

typedef struct ly_store ly_store;

/* ---- opening ------------------------------------------------------------------------------- */

typedef enum ly_store_role {
    LY_STORE_READER, /* never writes; the file must exist */
    LY_STORE_WRITER
} ly_store_role;

typedef enum ly_durability {
    LY_DURABLE_FULL,  /* a commit returns after fsync: nothing acknowledged is lost */
    LY_DURABLE_NORMAL /* a power cut may lose the last commits; never damages the file */
} ly_durability;

typedef struct ly_store_opts {
    ly_store_role role;
    ly_durability durability;
    bool create;             /* writer: make the file where there is none (mode 0600) */
    bool own_checkpoints;    /* collector: nothing checkpoints inside a commit; the owner calls
                                    ly_store_checkpoint from another handle */
    int64_t wal_limit_bytes; /* 0 = none; past it ingest is refused with LY_E_FULL */
    int64_t busy_timeout_ns; /* how long a write waits for other writers */
    int64_t cache_bytes;     /* page cache */
    int64_t mapped_bytes;    /* reader: how much of the file is mapped, which counts as resident */
} ly_store_opts;

#define LY_STORE_OPTS_INIT                                                                       \
    {                                                                                            \
        LY_STORE_READER, LY_DURABLE_FULL, true, false, 0, 30 * 1000000000LL, 16 << 20, 256 << 20 \
    }

/*
 * Opens, and for a writer creates, the file. Errors, each with the remedy in its text:
 * LY_E_NOTFOUND no such file (reader) · LY_E_DENIED not readable, or not writable for a writer ·
 * LY_E_FOREIGN not a Lydite database · LY_E_NEWER made by another build · LY_E_UNSUPPORTED on a network
 * filesystem, where write-ahead logging does not work · LY_E_CORRUPT.
 */
LY_MUST_USE ly_status ly_store_open(const char *path, const ly_store_opts *opts,
                                    ly_store **ret_store, ly_err *err);
/* NULL is allowed. */
void ly_store_close(ly_store *store);
const char *ly_store_path(const ly_store *store);
/* Between `true` and `false` commits do not wait for the disk: a killed process loses none of them, a power
 * cut perhaps the last; the first commit after `false` makes them all durable. For writers that tell nobody
 * before that one. Not inside a transaction. */
void ly_store_lazy(ly_store *store, bool lazy);
bool ly_store_writable(const ly_store *store);

/* ---- ingest -------------------------------------------------------------------------------- */

/* One span of a decoded batch with what was computed beside it. Everything is borrowed for the call. */
typedef struct ly_store_span {
    const ly_span *span; /* reject must be 0 */
    const ly_canon *canon;
    ly_priced priced; /* by the price book; LY_PRICED_NONE where there is none */
    /* Content ranges of span->wire (ly_genai_content_ranges) where the caller has them already, for
     * instance from a decoding thread; with has_ranges false the store finds them itself. */
    const ly_range *ranges;
    size_t n_ranges;
    bool has_ranges;
} ly_store_span;

typedef struct ly_store_log {
    const ly_log_record *log; /* reject must be 0 */
    ly_str access_key;        /* as ly_canon.access_key of a span */
} ly_store_log;

/* Something refused while its neighbours are kept; goes to the bounded quarantine. */
typedef struct ly_store_reject {
    ly_str reason;  /* ly_reject_name or a line of English */
    ly_str service; /* may be empty */
    ly_trace_id trace_id;
    ly_span_id span_id;
    ly_str wire;    /* the item's bytes */
    bool hash_only; /* of these bytes only size and hash may be kept: they could not be redacted */
    uint64_t size;  /* 0 = wire.len */
} ly_store_reject;

typedef struct ly_store_batch {
    const ly_store_span *spans;
    size_t n_spans;
    const ly_store_log *logs;
    size_t n_logs;
    const ly_store_reject *rejects;
    size_t n_rejects;
} ly_store_batch;

typedef enum ly_store_result {
    LY_STORED,    /* new */
    LY_MERGED,    /* a more complete record of a span that was there (a live span ended) */
    LY_DUPLICATE, /* says what is stored already; counts as merged */
    LY_CONFLICT   /* contradicts what is stored; kept in quarantine */
} ly_store_result;

/*
 * Stores a batch in one transaction; returns LY_OK after the commit is durable. results: the caller's
 * array of n_spans + n_logs (spans first), filled on LY_OK; may be NULL. On any error nothing of the
 * batch is stored. A batch sent again changes nothing. Touched traces are marked dirty.
 */
LY_MUST_USE ly_status ly_store_ingest(ly_store *store, const ly_store_batch *batch,
                                      ly_store_result *results, ly_err *err);

/*
 * Settles dirty traces: summary, session, ledger lines by difference, usage. Works in write slices of
 * at most 5 ms until budget_ns is used up (0 = until nothing is left that is due); *ret_left tells how
 * many dirty traces remain. A large trace that still grows is settled each time it has grown by an
 * eighth, and once it was quiet for a second. `all` settles those too.
 */
LY_MUST_USE ly_status ly_store_settle(ly_store *store, int64_t budget_ns, bool all,
                                      int64_t *ret_left, ly_err *err);
/* While `fn` answers true, settling waits for no other writer and begins nothing further: what it had not
 * written stays dirty. Called on the thread that settles; must outlive the store. NULL = never. */
void ly_store_settle_yields(ly_store *store, bool (*fn)(void *user), void *user);

/* How settling prices a call that got its counts from a log record. The callback must outlive the store
 * and be pure. Without it: see ly_store_book_with; without that: by the book that is compiled in. */
void ly_store_price_with(ly_store *store,
                         ly_priced (*price)(void *user, const ly_canon *canon, int64_t at_ns),
                         void *user);

/* The same for handles of one command: `open` gives the book in force in this store (NULL = the one that
 * is compiled in). It is asked outside of transactions, by a settling that has calls of logs to look at,
 * once for each ly_store_settle; the store owns and frees the book. */
void ly_store_book_with(ly_store *store, ly_price_book *(*open)(ly_store *store));

/* Upkeep that must not happen inside a request: trains the compression dictionary when there is
 * enough to learn from, refreshes planner statistics. Call it when idle, at most every minute. */
LY_MUST_USE ly_status ly_store_upkeep(ly_store *store, ly_err *err);

/*
 * Takes settled traces into the full-text index that `text:` asks, for about budget_ns (0 = until nothing
 * is left; a piece of work takes about 0.1 s of reading, and a write turn of some milliseconds). Traces
 * that are not in it are looked through, so answers are complete at any time. Without `all` it waits until
 * about a thousand spans can be taken, and while many traces are to be settled. *ret_left: traces that
 * are settled and not indexed; may be NULL.
 */
LY_MUST_USE ly_status ly_store_text_index(ly_store *store, int64_t budget_ns, bool all,
                                          int64_t *ret_left, ly_err *err);
/* The same for the time after writing stopped: takes what waits, however little, once nothing is left to
 * settle. Small blocks are made anew together with it, so call it only some seconds after the last commit. A
 * call takes about 0.2 s; call it again while *ret_left (may be NULL) is not 0. */
LY_MUST_USE ly_status ly_store_text_rest(ly_store *store, int64_t *ret_left, ly_err *err);

/* Copies the write-ahead log into the file; truncate also empties it (waits for readers up to
 * wait_ns). ret_left_bytes: what remains in the log. May be NULL. */
LY_MUST_USE ly_status ly_store_checkpoint(ly_store *store, bool truncate, int64_t wait_ns,
                                          int64_t *ret_left_bytes, ly_err *err);
/* Copies what is left and makes the next write turn, of whichever process, begin the log anew. It is a write
 * turn itself: it waits for others' and then for readers of the log, together up to wait_ns, and gives up
 * without an error. Call it when ly_store_checkpoint has just left little. */
LY_MUST_USE ly_status ly_store_log_restart(ly_store *store, int64_t wait_ns, ly_err *err);
/* What this handle's last commit found in the log, its own included. The file may be larger: it is written
 * again from its beginning. */
int64_t ly_store_log_bytes(const ly_store *store);
/* Bytes of the write-ahead log's file now. */
int64_t ly_store_wal_bytes(const ly_store *store);

/* ---- traces -------------------------------------------------------------------------------- */

enum {                            /* ly_trace_row.flags */
       LY_TRACE_PARTIAL_COST = 1, /* a counted call has no price: cost is a lower bound */
       LY_TRACE_LIVE = 2,         /* some span is pending or not ended */
       LY_TRACE_NO_ROOT = 4,      /* no span without a parent came */
       LY_TRACE_CONTENT = 8,      /* some span carries messages */
       LY_TRACE_WITHHELD = 16,    /* some span says that content was left out */
       LY_TRACE_ERROR = 32,       /* the root span, or one without a parent, failed */
};

/* What a list shows of a trace. Strings are in the arena. */
typedef struct ly_trace_row {
    ly_trace_id trace_id;
    int64_t start_ns, end_ns; /* end LY_UNKNOWN while no span has ended */
    int64_t
        seen_ns; /* first arrival; while steps run (live mode), the last word of their processes */
    ly_str name; /* the client's trace name, else the root span's */
    ly_type root_type;
    ly_origin origin;
    unsigned flags; /* LY_TRACE_* */
    bool pinned;
    int64_t n_spans, n_errors, n_generations, n_tools, n_orphans, n_logs;
    ly_tokens tokens; /* counted once, by the tree rule */
    int64_t cost_pico;
    ly_str model, provider; /* of the most tokens */
    int64_t n_models;
    ly_str session, user, service, env, release, prompt_name, prompt_version;
    ly_str error_type;
} ly_trace_row;

/* A trace that starts further ahead of now than this has a sender whose clock is wrong: lists and @last place
 * it where it arrived. */
#define LY_AHEAD_NS (INT64_C(300) * 1000000000)

/* Where a page ended. Opaque; a zeroed one is the beginning. */
typedef struct ly_store_key {
    int64_t a, b;
    bool set;
} ly_store_key;

typedef struct ly_trace_query {
    const ly_filter *filter;    /* NULL = all */
    int64_t since_ns, until_ns; /* start in [since, until); INT64_MIN / INT64_MAX = open */
    bool any_origin;            /* false: app only, unless the filter names an origin */
    bool oldest_first;
    ly_store_key after;      /* rows after this key */
    size_t limit;            /* at most; 0 = 100 */
    const ly_trace_id *only; /* this trace alone; NULL = all. Pages of traces only */
    int64_t budget_ns;       /* time for one page with a filter; 0 = half a second */
    bool with_marks; /* ly_store_span_scan: also what of a span's usage counts (ly_node.mark) */
} ly_trace_query;

#define LY_TRACE_QUERY_INIT                                                          \
    {                                                                                \
        NULL, INT64_MIN, INT64_MAX, false, false, {0, 0, false}, 100, NULL, 0, false \
    }

/*
 * One page of traces, newest start first (one from the future by its arrival: LY_AHEAD_NS). *ret_more tells whether another page follows from *ret_key.
 * With a filter the call looks at no more traces than fit in about half a second (or budget_ns): a page may
 * come back short or empty with *ret_more true; go on from the key.
 */
LY_MUST_USE ly_status ly_store_trace_page(ly_store *store, const ly_trace_query *query,
                                          ly_arena *arena, ly_trace_row **ret_rows, size_t *ret_n,
                                          ly_store_key *ret_key, bool *ret_more, ly_err *err);

enum { /* ly_node.flags */
       LY_SPAN_ERROR = 1,
       LY_SPAN_PENDING = 2,
       LY_SPAN_STREAMING = 4,
       LY_SPAN_WITHHELD = 8,
       LY_SPAN_HAS_INPUT = 16,
       LY_SPAN_HAS_OUTPUT = 32,
       LY_SPAN_BAD_UTF8 = 64,
       LY_SPAN_SYNTHETIC = 128, /* made of a log event, no span came */
       LY_SPAN_HAS_LOGS = 256,
       LY_SPAN_DROPPED = 512, /* the client dropped attributes, events or links */
};

/* One span as trees and lists show it: no attributes, no messages. Strings are in the arena. */
typedef struct ly_node {
    ly_span_id span_id, parent_id;
    int64_t start_ns;
    int64_t end_ns; /* LY_UNKNOWN = not ended */
    int32_t kind, status_code;
    unsigned flags; /* LY_SPAN_* */
    ly_str name;
    ly_canon canon; /* without tags, response id and tool call id */
    ly_priced priced;
    uint64_t response_key; /* ly_tree_key of the response id, 0 = none */
    /* the tree; indexes into the node array, LY_NO_NODE = none */
    uint32_t parent, first_child, next_sibling; /* siblings by start, then id */
    ly_tree_mark mark;
    int64_t self_ns;  /* duration outside of its children, LY_UNKNOWN while not ended */
    int64_t heard_ns; /* of a pending span: when its process was heard last, LY_UNKNOWN = never */
} ly_node;

/*
 * A step that was announced by a start record (live mode) and of whose process nothing was heard for
 * LY_LOST_NS: it will not end any more. Pure. A living tracer with steps open says something at least
 * every 10 s, and one word of a process (an OTLP Resource, with its service.instance.id) is a sign of
 * life for all its steps. Such a step that ends after all is shown as it ended: the mark stands nowhere
 * in the record. Filters (status:lost) and v_spans read it the same way.
 */
#define LY_LOST_NS (30 * LY_NS_PER_SEC)
bool ly_store_lost(const ly_node *node, int64_t now_ns);
#define LY_NO_NODE UINT32_MAX

typedef struct ly_trace {
    ly_trace_row row; /* computed from the nodes just now, so exact */
    ly_node *nodes;   /* in tree order (parents before children, siblings by start): print as is */
    size_t n;
    ly_tree_sum sum;
    ly_str *tags;
    size_t n_tags;
} ly_trace;

/* Loading a trace with this handle calls `watch` every thousand spans or so with how many are read; false stops it:
 * LY_E_CANCELLED. NULL = nobody watches. In the thread that loads. */
void ly_store_watch(ly_store *store, bool (*watch)(void *user, size_t done), void *user);
/* All of one trace. LY_E_NOTFOUND; LY_E_CANCELLED, see above. */
LY_MUST_USE ly_status ly_store_trace_load(ly_store *store, ly_trace_id id, ly_arena *arena,
                                          ly_trace **ret_trace, ly_err *err);
/* One summary row, computed when dirty. LY_E_NOTFOUND. */
LY_MUST_USE ly_status ly_store_trace_row(ly_store *store, ly_trace_id id, ly_arena *arena,
                                         ly_trace_row *ret_row, ly_err *err);

/*
 * A trace by what a user types: 32 hex digits, a unique prefix of at least 4, "@last" or "@last~N" (by
 * start among app traces). LY_E_NOTFOUND, LY_E_AMBIGUOUS (the text names how many), LY_E_INVALID.
 */
LY_MUST_USE ly_status ly_store_trace_find(ly_store *store, ly_str what, ly_trace_id *ret_id,
                                          ly_err *err);
/* A span likewise: 16 hex digits or a prefix, optionally "TRACE/SPAN". A bare span prefix is looked up
 * in `in` when it is not NULL, else in the newest 10,000 traces; LY_E_AMBIGUOUS also where two of those
 * have a span of the same whole id. */
LY_MUST_USE ly_status ly_store_span_find(ly_store *store, ly_str what, const ly_trace_id *in,
                                         ly_trace_id *ret_trace, ly_span_id *ret_span, ly_err *err);

/* A whole span: the exact message that came in, decoded, and its stored canonical form. */
typedef struct ly_span_full {
    ly_span span;               /* views into wire; resource and scope set */
    ly_canon canon;             /* as stored: normalised, enriched */
    ly_node node;               /* without the tree */
    const ly_log_record **logs; /* that name this span, by time */
    size_t n_logs;
} ly_span_full;
LY_MUST_USE ly_status ly_store_span_load(ly_store *store, ly_trace_id trace, ly_span_id span,
                                         ly_arena *arena, ly_span_full **ret_span, ly_err *err);

/* Does a span satisfy an attr. or a text: term? The same answer as that of a filter given to
 * ly_store_span_scan; for spans that are filtered in memory. Attributes of the resource count where the
 * span has none of that key. LY_E_NOMEM leaves *ret_ok as it was. */
bool ly_store_attr_ok(const ly_filter_node *term, const ly_span_full *full);
LY_MUST_USE ly_status ly_store_text_ok(const ly_filter_node *term, const ly_span_full *full,
                                       ly_arena *arena, bool *ret_ok);

/* ---- sessions ------------------------------------------------------------------------------ */

typedef struct ly_session_row {
    ly_str session, user, service, model;
    int64_t first_ns, last_ns;
    int64_t n_traces, n_spans, n_errors, n_generations;
    int64_t tokens_in, tokens_out, tokens;
    int64_t cost_pico;
    bool cost_partial;                     /* a call has no price: cost is a lower bound */
    int64_t n_users, n_services, n_models; /* different ones of its traces; the names above: one */
} ly_session_row;

/* Sessions, latest activity first. */
LY_MUST_USE ly_status ly_store_session_page(ly_store *store, int64_t since_ns, int64_t until_ns,
                                            size_t limit, ly_store_key *key, ly_arena *arena,
                                            ly_session_row **ret_rows, size_t *ret_n, ly_err *err);
/* The same for query's times, limit (not 0) and filter: sessions of which some trace passes it. */
LY_MUST_USE ly_status ly_store_session_search(ly_store *store, const ly_trace_query *query,
                                              ly_store_key *key, ly_arena *arena,
                                              ly_session_row **ret_rows, size_t *ret_n,
                                              ly_err *err);
/* One session and its traces, oldest first. The name may be a unique prefix. */
LY_MUST_USE ly_status ly_store_session_load(ly_store *store, ly_str session, size_t limit,
                                            ly_arena *arena, ly_session_row *ret_session,
                                            ly_trace_row **ret_traces, size_t *ret_n, ly_err *err);

/* ---- statistics ---------------------------------------------------------------------------- */

typedef enum ly_stats_by {
    LY_STATS_NAME,
    LY_STATS_TYPE,
    LY_STATS_MODEL,
    LY_STATS_PROVIDER,
    LY_STATS_TOOL,
    LY_STATS_AGENT,
    LY_STATS_SERVICE,
    LY_STATS_ERROR
} ly_stats_by;

typedef struct ly_stats_row {
    ly_str key; /* empty = the span has none */
    int64_t n, n_errors;
    int64_t p50_ns, p95_ns, p99_ns, max_ns, total_ns; /* durations of ended spans */
    int64_t ttft_p50_ns, ttft_p95_ns;
    int64_t tokens_in, tokens_out, cost_pico; /* counted once, by the tree rule, as `cost` does */
    int64_t n_unpriced; /* counted calls without a price: with some, cost is a lower bound */
} ly_stats_row;

/* Spans that started in [since, until) in traces that the filter passes, grouped, most first. */
LY_MUST_USE ly_status ly_store_stats(ly_store *store, const ly_trace_query *query, ly_stats_by by,
                                     size_t limit, ly_arena *arena, ly_stats_row **ret_rows,
                                     size_t *ret_n, ly_err *err);

/* Each span that the filter passes ("!" = this span does not match), of traces that started in [since,
 * until), trace by trace, oldest first. Strings of the node live until the call returns; the tree fields
 * are empty, but for the mark where the query asks for it. Snapshots are taken per 2,000 traces. Other than LY_OK from fn stops. */
typedef ly_status (*ly_store_span_fn)(void *user, ly_trace_id trace, const ly_node *node,
                                      ly_err *err);
LY_MUST_USE ly_status ly_store_span_scan(ly_store *store, const ly_trace_query *query,
                                         ly_store_span_fn fn, void *user, ly_err *err);
/* The same from the newest trace on, in each the span that started last first, query->limit of them (0 =
 * 100). *ret_more (may be NULL): there was another. */
LY_MUST_USE ly_status ly_store_span_newest(ly_store *store, const ly_trace_query *query,
                                           ly_store_span_fn fn, void *user, bool *ret_more,
                                           ly_err *err);

/*
 * What came in since it was asked last: for followers. Spans that are stored after ly_store_news_new are
 * told of once, also those of traces that began long before; a span that runs (pending) is told of again
 * when it has ended. One handle belongs to one store handle; free it first.
 */
typedef struct ly_store_news ly_store_news;
LY_MUST_USE ly_status ly_store_news_new(ly_store *store, ly_store_news **ret_news, ly_err *err);
/* Calls fn for each that passes query's filter, origin and times. Bounded by what came in, not by what is
 * there; call it when ly_store_change_count has risen. After a failure nothing is skipped. */
LY_MUST_USE ly_status ly_store_news_spans(ly_store_news *news, const ly_trace_query *query,
                                          ly_store_span_fn fn, void *user, ly_err *err);
void ly_store_news_free(ly_store_news *news);

/* ---- the whole file ------------------------------------------------------------------------ */

typedef struct ly_store_info {
    int64_t n_traces, n_spans, n_logs, n_contents, n_dirty, n_unindexed;
    int64_t n_quarantined, n_sessions, n_charges;
    int64_t oldest_ns, newest_ns;              /* trace starts; LY_UNKNOWN when empty */
    int64_t file_bytes, wal_bytes, free_bytes; /* free: inside the file */
    int64_t disk_free_bytes;
    int64_t oldest_dirty_ns; /* when the longest unsettled trace became dirty; LY_UNKNOWN */
    int32_t page_size, version;
    char durability[8];
} ly_store_info;
/* Counts. `exact` counts rows (seconds on a large file); otherwise estimates from the largest ids. */
LY_MUST_USE ly_status ly_store_info_get(ly_store *store, bool exact, ly_store_info *ret_info,
                                        ly_err *err);

/* A number that rises with every commit by anyone: for followers that poll. Cheap. LY_E_NOTFOUND once
 * the file was removed or another has its name (the handle would go on reading the old one), LY_E_NEWER
 * once another build took it over. */
LY_MUST_USE ly_status ly_store_change_count(ly_store *store, uint64_t *ret_count, ly_err *err);

/* Runs fn inside one snapshot, so that several reads of it see the same state. It must return within a
 * second. The calls above may be used inside. */
LY_MUST_USE ly_status ly_store_snapshot(ly_store *store, ly_status (*fn)(void *user, ly_err *err),
                                        void *user, ly_err *err);

typedef struct ly_quarantine_row {
    int64_t at_ns;
    ly_str kind, reason, service;
    ly_trace_id trace_id;
    ly_span_id span_id;
    int64_t size;
} ly_quarantine_row;
/* Newest first. */
LY_MUST_USE ly_status ly_store_quarantine_list(ly_store *store, size_t limit, ly_arena *arena,
                                               ly_quarantine_row **ret_rows, size_t *ret_n,
                                               ly_err *err);
/* The same in groups of one kind, reason and service, the latest first. */
typedef struct ly_quarantine_group {
    ly_str kind, reason, service;
    int64_t n, last_ns, size; /* of the latest */
    ly_trace_id trace_id;
} ly_quarantine_group;
LY_MUST_USE ly_status ly_store_quarantine_groups(ly_store *store, size_t limit, ly_arena *arena,
                                                 ly_quarantine_group **ret_groups, size_t *ret_n,
                                                 ly_err *err);
/* Requests that could not be decoded: size, hash and reason, no byte of them. */
typedef struct ly_quarantine_unread {
    uint64_t size;
    uint8_t hash[16];
    ly_str reason;
} ly_quarantine_unread;
LY_MUST_USE ly_status ly_store_quarantine_unread(ly_store *store, const ly_quarantine_unread *items,
                                                 size_t n, ly_err *err);

/* ---- export and import --------------------------------------------------------------------- */

/* Called for each item; resource and scope are set. Return other than LY_OK to stop. `span` or `log` is
 * NULL. Views are valid during the call. */
typedef ly_status (*ly_store_export_fn)(void *user, const ly_span *span, const ly_log_record *log,
                                        ly_err *err);
/* Each span and log record of the traces that the query passes, trace by trace (limit 0 = all; origin
 * as in the query), each as it came in: span->wire is byte for byte the message. Logs of a trace
 * follow its spans; with `loose_logs`, logs without a trace come last: those that the query passes, asked
 * of the record alone (its own service, session, user, attributes, text and time; a filter that asks for
 * more than a record says passes none). */
LY_MUST_USE ly_status ly_store_export(ly_store *store, const ly_trace_query *query, bool loose_logs,
                                      ly_store_export_fn fn, void *user, ly_err *err);

/* ---- care of the data ---------------------------------------------------------------------- */

typedef struct ly_store_removed {
    int64_t n_traces, n_spans, n_logs, n_contents, n_kept_evidence;
    int64_t bytes; /* estimate, of packed data */
} ly_store_removed;

/* Forgets the traces that the query passes: records, unshared content, index and cache entries,
 * quarantined items of them; ledger lines stay without ids, session, user and tags. And the log records
 * without a trace that it passes, as in ly_store_export. Bytes are
 * overwritten in the file and the write-ahead log is emptied before it returns. dry_run only counts. */
LY_MUST_USE ly_status ly_store_forget(ly_store *store, const ly_trace_query *query, bool dry_run,
                                      ly_store_removed *ret_removed, ly_err *err);
/* Pinned traces are evidence: retention keeps them. */
LY_MUST_USE ly_status ly_store_pin(ly_store *store, ly_trace_id id, bool pin, ly_err *err);

typedef struct ly_retention {
    int64_t keep_app_ns;  /* age after which an epoch's app traces go; 0 = keep */
    int64_t keep_eval_ns; /* likewise for origin eval and judge; 0 = as app */
    int64_t max_bytes;    /* oldest epochs go until the file is smaller; 0 = no limit */
    int64_t now_ns;       /* 0 = the clock */
} ly_retention;
/* One slice of retention (a few milliseconds of writing). *ret_more = call again. dry_run does all at
 * once, in the counts only. */
LY_MUST_USE ly_status ly_store_prune(ly_store *store, const ly_retention *rule, bool dry_run,
                                     ly_store_removed *ret_removed, bool *ret_more, ly_err *err);

/* Copies the file while others write, in snapshots of a fraction of a second; ends under load. The copy is a complete database at `path`
 * (0600), which must not exist. progress may be NULL; it returns false to stop (LY_E_CANCELLED). */
LY_MUST_USE ly_status ly_store_backup(ly_store *store, const char *path,
                                      bool (*progress)(void *user, int64_t done, int64_t total),
                                      void *user, ly_err *err);

/* One finding of a check; ok findings say what was looked at. */
typedef void (*ly_store_finding_fn)(void *user, bool ok, const char *what, const char *detail);
/* Integrity of pages and indexes, references from spans to payload and content, that every span decodes
 * to its ids, ledger against usage sums, summaries against recomputation. LY_OK when it could look,
 * *ret_bad = findings that are not ok. quick leaves out decoding. progress as in backup, of traces; user is
 * handed to both. */
LY_MUST_USE ly_status ly_store_check(ly_store *store, bool quick, ly_store_finding_fn fn,
                                     bool (*progress)(void *user, int64_t done, int64_t total),
                                     void *user, int64_t *ret_bad, ly_err *err);

/* Derived data anew: summaries, sessions, usage, full text, in slices; normalise also applies today's
 * rules to every span (sealed ledger lines stay). The callbacks normalise and price come from the
 * caller because rules need the price book in force. progress as in backup. */
typedef struct ly_store_rebuild {
    bool normalise;
    ly_priced (*price)(void *user, const ly_canon *canon, int64_t at_ns); /* NULL = keep prices */
    bool (*progress)(void *user, int64_t done, int64_t total);
    void *user;
} ly_store_rebuild;
LY_MUST_USE ly_status ly_store_rebuild_run(ly_store *store, const ly_store_rebuild *how,
                                           ly_err *err);

/* Changes stored records by a rule: `edit` gets a span's or log's wire form and writes the new one
 * (LY_E_NOTFOUND = leave as is). For `db redact`. Old bytes are forgotten as by ly_store_forget. */
typedef struct ly_store_edit {
    ly_status (*edit)(void *user, const ly_span *span, const ly_log_record *log, ly_buf *new_wire,
                      ly_err *err);
    /* The same for resources and scopes; may be NULL. */
    ly_status (*edit_shared)(void *user, bool scope, ly_str wire, ly_buf *new_wire, ly_err *err);
    bool (*progress)(void *user, int64_t done, int64_t total);
    void *user;
    /* The same for what is text: users, sessions and services that ledger lines name, reasons of scores;
     * quarantined bytes and cached replies that match go. May be NULL. */
    ly_status (*edit_text)(void *user, ly_str text, ly_buf *new_text, ly_err *err);
} ly_store_edit;
LY_MUST_USE ly_status ly_store_rewrite(ly_store *store, const ly_store_edit *how, bool dry_run,
                                       int64_t *ret_changed, ly_err *err);

/* ---- lydite sql ---------------------------------------------------------------------------- */

typedef enum ly_value_kind {
    LY_VAL_NULL,
    LY_VAL_INT,
    LY_VAL_REAL,
    LY_VAL_TEXT,
    LY_VAL_BLOB
} ly_value_kind;
typedef struct ly_value {
    ly_value_kind kind;
    int64_t integer;
    double real;
    ly_str text; /* also blobs */
} ly_value;

typedef struct ly_store_sql {
    int64_t max_rows; /* 0 = no limit */
    int64_t max_ns;   /* 0 = no limit */
    int64_t
        yield_ns; /* after so long it ends when somebody has committed meanwhile, for the snapshot keeps
                         the write-ahead log from starting over; 0 = it does not care */
    bool (*interrupted)(void *user); /* may be NULL */
    /* names first (values NULL), then each row. Other than LY_OK stops. */
    ly_status (*row)(void *user, size_t n, const ly_str *names, const ly_value *values,
                     ly_err *err);
    void *user;
    bool *ret_timed_out; /* may be NULL: it was the time that ran out, not the rows */
    bool *ret_yielded;   /* may be NULL: and the shorter one, because others write */
} ly_store_sql;
/* Runs one statement of the user's over the views v_* (docs/SQL.md) and nothing else: reading only, no
 * pragma, no attach, no other table. LY_E_INVALID with SQLite's own message; *ret_cut = a limit ended
 * it. */
LY_MUST_USE ly_status ly_store_sql_run(ly_store *store, ly_str sql, const ly_store_sql *how,
                                       bool *ret_cut, ly_err *err);

/* ---- test and bench hooks ------------------------------------------------------------------ */

typedef struct ly_store_counters {
    uint64_t statements; /* statement executions since open, commits included */
    uint64_t commits;
    uint64_t spans, merged, duplicates, conflicts, logs;
    uint64_t contents_new, contents_seen; /* pieces stored, pieces found stored already */
    uint64_t settles, settled_nodes;      /* traces settled, nodes read for it */
    uint64_t bytes_in;                    /* wire bytes ingested */
} ly_store_counters;
void ly_store_counters_get(const ly_store *store, ly_store_counters *ret);

/* Called with each statement as executed, its text and the text with its values in place, for the ceiling of
 * tests/bench: the same text replayed by one thread into an empty file. Slows everything. NULL = off. */
void ly_store_record(ly_store *store, void (*fn)(void *user, const char *sql, const char *expanded),
                     void *user);

#endif
