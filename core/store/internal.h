/*
 * Inside the store room: what ly_store and ly_db are, and the calls between the kernel's files. Files of
 * single nouns use db.h and do not need this.
 *
 *   open.c     opening, creating, refusing           word.c     words, resources, scopes
 *   db.c       statements, transactions, errors      content.c  de-duplicated content, dictionaries
 *   payload.c  the byte-splice codec                 ingest.c   one batch, one transaction
 *   bundle.c   several pieces a row
 *   row.c      span and trace rows <-> structs       settle.c   tree, summaries, ledger
 *   trace.c    pages, loads                          retain.c   epochs, evidence, forgetting
 */
#ifndef LY_STORE_INTERNAL_H
#define LY_STORE_INTERNAL_H

#include "genai/logs.h"
#include "store/db.h"

#define LY_APPLICATION_ID 0x4c594454 /* "LYDT" */
#define LY_SCHEMA_VERSION 1
#define LY_PAGE_SIZE      8192

/* A span's row number: trace number << 24 | slot. */
#define LY_SLOT_BITS 24
/* First row number of a trace's spans. */
#define LY_SPAN_BASE(trace) ((int64_t)((uint64_t)(trace) << LY_SLOT_BITS))
#define LY_SLOT_MASK        ((INT64_C(1) << LY_SLOT_BITS) - 1)
/* Spans of one trace at most: the slots stay half empty, so probing stays short. */
#define LY_MAX_TRACE_SPANS (1 << 23)
/* A payload's, content's and log's row number: epoch << 40 | number. */
#define LY_EPOCH_BITS          40
#define LY_EPOCH_BASE(epoch)   ((int64_t)((uint64_t)(epoch) << LY_EPOCH_BITS))
#define LY_EPOCH_MASK          ((INT64_C(1) << LY_EPOCH_BITS) - 1)
#define LY_MAX_QUARANTINE_ROWS 10000
#define LY_MAX_ERROR_MESSAGE   400

/* Arithmetic on numbers of a stranger's file: wrong is well defined. */
static inline int64_t ly_wrap_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static inline int64_t ly_wrap_sub(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* A count of tokens; what no span can have said is unknown. */
static inline int64_t ly_col_count(ly_stmt *s, int i)
{
    int64_t v = ly_col_opt(s, i);
    return v < 0 || v > INT64_C(1000000000000) ? LY_UNKNOWN : v;
}

typedef struct ly_stmt_slot {
    const char *sql;
    sqlite3_stmt *stmt;
} ly_stmt_slot;

struct ly_db {
    sqlite3 *sql;
    char *path;
    ly_store_opts opts;
    ly_stmt_slot
        *slots; /* open addressing by the address of the text; several rows may share one */
    size_t slots_cap, slots_n;
    int write_depth, read_depth;
    bool inner_failed; /* an inner write failed: the outer one must roll back */
    bool broken;       /* a sync failed: reopen and truncate before anything is acknowledged */
    bool immutable;
    bool patient;      /* retention: others go first */
    bool unsynced;     /* slices of retention were committed without waiting for the disk */
    bool search_ready; /* this connection knows the functions of search.h */
    int64_t busy_since_ns;
    bool (*wanted)(void *user); /* ly_store_settle_yields */
    void *wanted_user;
    bool yields; /* this turn is not waited for while `wanted` */
    /* Of the write turn: when it began, how long the last one took and when it ended; and when another process
     * was last seen to have written between two of ours. */
    int64_t turn_began_ns, turn_took_ns, turn_ended_ns, others_ns;
    unsigned turn_version; /* SQLITE_FCNTL_DATA_VERSION after the last turn */
    uint64_t jitter;
    int wal_pages;  /* after the last commit */
    int wal_copied; /* of them at the last checkpoint of ours */
    ly_store_counters n;
    void (*record)(void *user, const char *sql, const char *expanded);
    void *record_user;
    bool (*watch)(void *user, size_t done); /* ly_store_watch */
    void *watch_user;
};

/* Word, resource and scope caches: id by hash; texts by id. */
typedef struct ly_id_slot {
    uint64_t hi, lo; /* 128-bit hash; both 0 = empty */
    int64_t id;
} ly_id_slot;
typedef struct ly_id_map {
    ly_id_slot *slots;
    size_t cap, n, max;
} ly_id_map;

typedef struct ly_text_cache {
    ly_arena arena;
    ly_str *texts; /* by id, direct mapped */
    int64_t *ids;
    size_t cap;
} ly_text_cache;

/* What ingest remembers of recent traces. */
typedef struct ly_trace_slot {
    ly_trace_id id;
    int64_t no, epoch, start_ns;
    uint64_t stamp; /* transaction that marked it dirty last */
} ly_trace_slot;

typedef struct ly_span_row ly_span_row;
typedef struct ly_packer ly_packer; /* zstd contexts and dictionaries: content.c */

typedef struct ly_epoch_state {
    int64_t day;
    int64_t next_payload, next_content, next_log;
    bool loaded, changed;
    int64_t
        *known; /* content.c: contents below this number are in the map; NULL = not looked yet */
} ly_epoch_state;

/* What is packed: content, or records with content and ids taken out. */
typedef enum ly_pack_kind { LY_PACK_CONTENT, LY_PACK_PAYLOAD, LY_PACK__COUNT } ly_pack_kind;

/* Rows of several pieces (bundle.c): one that is being filled, and those read last. */
#define LY_BUNDLE_PIECES 64
typedef struct ly_open_bundle {
    int64_t id;    /* of the first piece */
    int64_t owner; /* trace of the last piece */
    size_t n, sizes[LY_BUNDLE_PIECES];
    ly_buf bytes;
} ly_open_bundle;
typedef struct ly_read_bundle {
    int64_t id;
    size_t n, sizes[LY_BUNDLE_PIECES]; /* n 0 = empty slot */
    ly_buf raw;
    ly_str bytes; /* of raw, behind the lengths */
} ly_read_bundle;
typedef struct ly_bundles {
    ly_open_bundle open;
    ly_read_bundle read[4];
    size_t next; /* slot to use next */
} ly_bundles;

struct ly_store {
    ly_db db; /* first: ly_store_db is a cast */
    int64_t generation;
    uint64_t seed; /* of all content hashes in this file: meta 'hash_seed' */
    int64_t quarantine_bytes;
    bool quarantine_known; /* the sum above was asked for */
    ly_id_map words, resources, scopes;
    struct {
        int64_t resource, heard_ns; /* as written */
    } talkers[64];                  /* processes in live mode that this one heard of */
    size_t n_talkers, next_talker;
    ly_id_map contents, contents_old; /* young and old half of what is remembered */
    struct {
        int64_t day, next;
    } contents_known[4]; /* see ly_epoch_state.known; next 0 = empty */
    size_t contents_slot;
    int64_t
        contents_ahead; /* the day that ly_contents_ahead read; 0 = none since all was forgotten */
    int64_t owner;      /* trace whose records are put: they share rows */
    ly_bundles bundles[LY_PACK__COUNT];
    ly_buf bundle_raw;
    ly_buf hashes; /* of contents put in this transaction, from hashes_id on: to be written */
    int64_t hashes_id;
    ly_text_cache texts;
    ly_trace_slot *traces;
    size_t traces_cap;
    ly_packer *packer;
    ly_epoch_state epochs[4];
    size_t n_epochs;
    uint64_t txn;       /* write transactions of this handle, for ly_trace_slot.stamp */
    int64_t next_trace; /* inside a transaction */
    ly_priced (*price)(void *user, const ly_canon *canon, int64_t at_ns);
    void *price_user;
    ly_price_book *(*open_book)(ly_store *store); /* ly_store_book_with */
    ly_price_book *book;                          /* owned: what open_book gave */
    bool book_asked;                              /* by the settling that runs */
    ly_arena scratch;                             /* reset by each ingest */
    ly_buf buf, buf2;                             /* reset by each item */
    struct ly_text_hits *text_hits[4];            /* text_find.c: answers of the last searches */
    size_t text_next;
    struct {
        uint64_t device, inode; /* of the file that was opened; 0 = not looked yet, or no file */
        int64_t version;        /* data_version at the last look */
    } polled;                   /* ly_store_change_count */
};

static inline ly_store *ly_db_store(ly_db *db)
{
    return (ly_store *)(void *)db;
}

/* db.c */
LY_MUST_USE ly_status ly_db_open_handle(ly_db *db, bool create, ly_err *err);
void ly_db_close_handle(ly_db *db);
LY_MUST_USE ly_status ly_db_exec(ly_db *db, const char *sql, ly_err *err);
LY_MUST_USE ly_status ly_db_scalar(ly_db *db, const char *sql, int64_t *ret, ly_err *err);

/* open.c */
/* The type's name when a file system with this statfs magic (and mount type, for FUSE) is a network
 * one, else NULL. */
const char *ly_fs_network(uint64_t magic, const char *mount_type);
LY_MUST_USE ly_status ly_store_caches_begin(ly_store *store, ly_err *err);
void ly_store_caches_drop(ly_store *store);

/* word.c */
LY_MUST_USE bool ly_id_map_init(ly_id_map *map, size_t cap, size_t max);
void ly_id_map_release(ly_id_map *map);
void ly_id_map_clear(ly_id_map *map);
int64_t ly_id_map_get(const ly_id_map *map, uint64_t hi, uint64_t lo);
void ly_id_map_put(ly_id_map *map, uint64_t hi, uint64_t lo, int64_t id);
LY_MUST_USE ly_status ly_resource_put(ly_store *store, const ly_resource *resource, int64_t *ret_id,
                                      ly_err *err);
LY_MUST_USE ly_status ly_scope_put(ly_store *store, const ly_scope *scope, int64_t *ret_id,
                                   ly_err *err);

/* unused.c: a writer found this in the file and begins to use it: it does not leave. */
typedef enum ly_unused_kind { LY_UNUSED_WORD, LY_UNUSED_RESOURCE, LY_UNUSED_SCOPE } ly_unused_kind;
LY_MUST_USE ly_status ly_unused_spare(ly_db *db, ly_unused_kind kind, int64_t id, ly_err *err);

/* content.c */
ly_packer *ly_packer_new(void);
void ly_packer_free(ly_packer *packer);
void ly_packer_forget(ly_packer *packer); /* dictionaries are read again */
/* Compresses `raw` as a row's data: *ret_dict as in the schema. The view lives until the next call. */
LY_MUST_USE ly_status ly_pack(ly_store *store, ly_str raw, int64_t *ret_dict, ly_str *ret_data,
                              ly_err *err);
LY_MUST_USE ly_status ly_pack_as(ly_store *store, ly_pack_kind kind, ly_str raw, int64_t *ret_dict,
                                 ly_str *ret_data, ly_err *err);
LY_MUST_USE ly_status ly_unpack(ly_store *store, int64_t dict, ly_str data, size_t size, char *dst,
                                ly_err *err);
/* Before a write turn that puts contents: reads the hashes of the day that this handle does not know yet.
 * In a file that has many it takes tens of milliseconds, and in the turn everybody would wait for it. A turn
 * that finds them unread reads the newest alone. */
void ly_contents_ahead(ly_store *store, int64_t day);
/* Number of the content within the epoch, made when it is not there. */
LY_MUST_USE ly_status ly_content_put(ly_store *store, ly_epoch_state *epoch, ly_str bytes,
                                     int64_t *ret_number, ly_err *err);
/* Appends the bytes. */
LY_MUST_USE ly_status ly_content_load(ly_store *store, int64_t epoch, int64_t number, ly_buf *out,
                                      ly_err *err);
/* Writes the hashes of what was put. */
LY_MUST_USE ly_status ly_hashes_flush(ly_store *store, ly_err *err);
/* What is remembered of stored contents is dropped: pieces may have been removed. */
void ly_contents_forget(ly_store *store);
/* Takes the hashes of these pieces (in ascending order, of a slice) away, inside a write: nobody finds them
 * again once the transaction is there. */
LY_MUST_USE ly_status ly_hashes_remove(ly_store *store, const int64_t *ids, size_t n, ly_err *err);
/* Raised with meta 'generation' where contents are not found any more. */
#define LY_GENERATION_CONTENTS (INT64_C(1) << 32)
LY_MUST_USE ly_status ly_dictionary_train(ly_store *store, ly_err *err);

/* bundle.c: pieces by row number (epoch << 40 | number). */
void ly_bundles_init(ly_store *store);
void ly_bundles_release(ly_store *store);
/* Forgets what was read and what is not written yet. */
void ly_bundles_drop(ly_store *store);
/* Inside a write; numbers ascend. The row is written later, at the latest by ly_db_write_end. */
LY_MUST_USE ly_status ly_bundle_add(ly_store *store, ly_pack_kind kind, int64_t id, ly_str bytes,
                                    ly_err *err);
LY_MUST_USE ly_status ly_bundles_flush(ly_store *store, ly_err *err);
/* A view until four more rows of that kind were read, or one is written; LY_STR_NONE = not there. */
LY_MUST_USE ly_status ly_bundle_get(ly_store *store, ly_pack_kind kind, int64_t id,
                                    ly_str *ret_bytes, ly_err *err);
/* Pieces go for good, inside a write; ids in ascending order. Those that are not there do not matter. */
LY_MUST_USE ly_status ly_bundle_remove(ly_store *store, ly_pack_kind kind, const int64_t *ids,
                                       size_t n, ly_err *err);

/* payload.c: `wire` with ranges replaced by content, and by marks what `ids` says. */
typedef struct ly_row_ids {
    ly_trace_id trace_id;
    ly_span_id span_id, parent_id;
    uint8_t start[8], end[8]; /* as fixed64 stands on the wire */
} ly_row_ids;
void ly_row_ids_set(ly_row_ids *ids, ly_trace_id trace, ly_span_id span, ly_span_id parent,
                    int64_t start_ns, int64_t end_ns);
/* ids NULL = no marks; loading needs the same. */
LY_MUST_USE ly_status ly_payload_put(ly_store *store, ly_epoch_state *epoch, ly_str wire,
                                     const ly_row_ids *ids, const ly_range *ranges, size_t n,
                                     int64_t *ret_number, ly_err *err);
LY_MUST_USE ly_status ly_payload_load(ly_store *store, int64_t epoch, int64_t number,
                                      const ly_row_ids *ids, ly_arena *arena, ly_str *ret_wire,
                                      ly_err *err);
/* What a span's row says of itself, for the two calls above. */
void ly_row_ids_of(const ly_span_row *row, ly_trace_id trace, ly_row_ids *ret);
/* The content numbers that a record's stored form names; none when it is not there. *ret_rest are the bytes
 * that stand in it itself: a view as of ly_bundle_get. */
LY_MUST_USE ly_status ly_payload_parts(ly_store *store, int64_t id, ly_arena *arena,
                                       int64_t **ret_numbers, size_t *ret_n, ly_str *ret_rest,
                                       ly_err *err);

/* ingest.c */
LY_MUST_USE ly_status ly_epoch_get(ly_store *store, int64_t day, ly_epoch_state **ret, ly_err *err);
LY_MUST_USE ly_status ly_epochs_flush(ly_store *store, ly_err *err);
LY_MUST_USE ly_status ly_span_row_find(ly_db *db, int64_t trace, ly_span_id id, int64_t *ret_row,
                                       bool *ret_found, ly_err *err);
LY_MUST_USE ly_status ly_dirty_mark(ly_db *db, int64_t trace, int64_t now, int64_t records,
                                    ly_err *err);

/* row.c */
#define LY_SPAN_COLUMNS                                                                          \
    "id, span_id, parent_id, start_ns, dur_ns, payload, resource, scope, name, type, kind, "     \
    "status, "                                                                                   \
    "role, origin, flags, rules, dialect, operation, provider, request_model, response_model, "  \
    "response_key, service, env, release, session, user, agent, tool, prompt_name, "             \
    "prompt_version, "                                                                           \
    "finish_reason, service_tier, server_address, server_port, error_type, error_message, "      \
    "attempt, "                                                                                  \
    "ttft_ns, usage_mode, in_fresh, cache_read, cache_write, cache_write_1h, out_visible, "      \
    "out_reasoning, unattributed, side, client_cost_pico, client_cost_source, table_cost_pico, " \
    "price_why, price_row, price_tier, trace_name, access_key"
#define LY_SPAN_COLUMN_COUNT 56

typedef struct ly_span_words {
    int64_t name, dialect, operation, provider, request_model, response_model, service, env,
        release, session, user, agent, tool, prompt_name, prompt_version, finish_reason,
        service_tier, server_address, error_type, trace_name, access_key;
} ly_span_words;

/* A row as stored: word ids, not texts. */
struct ly_span_row {
    int64_t id;
    ly_span_id span_id, parent_id;
    int64_t start_ns, dur_ns; /* dur LY_UNKNOWN = not ended */
    int64_t payload, resource, scope;
    int type, kind, status, role, origin;
    unsigned flags;
    int rules;
    ly_span_words w;
    uint64_t response_key;
    int64_t server_port, attempt, ttft_ns;
    unsigned usage_mode;
    ly_tokens tokens;
    int64_t client_cost_pico;
    int client_cost_source;
    ly_priced priced;
    ly_str error_message; /* a view until the next step, unless copied */
};

void ly_span_row_read(ly_stmt *s, ly_span_row *ret);
void ly_span_row_bind(ly_stmt *s, const ly_span_row *row, uint8_t side[static 64]);
LY_MUST_USE ly_status ly_span_row_words(ly_db *db, const ly_span *span, const ly_canon *canon,
                                        ly_span_words *ret, ly_err *err);
void ly_span_row_from(const ly_span *span, const ly_canon *canon, ly_priced priced,
                      ly_span_row *ret);
/* The side counts (audio, image, tool uses) as bytes, and back; 0 bytes = none known. */
size_t ly_side_write(const ly_tokens *tokens, uint8_t out[static 64]);
void ly_side_read(ly_str in, ly_tokens *tokens);
void ly_tree_node_of_row(const ly_span_row *row, ly_tree_node *ret);

/* Word texts of one load, each copied into its arena once. */
#define LY_MEMO_SLOTS 512
typedef struct ly_word_memo {
    ly_arena *arena;
    int64_t *ids;
    ly_str *texts;
} ly_word_memo;
LY_MUST_USE ly_status ly_memo_text(ly_db *db, ly_word_memo *memo, int64_t id, ly_str *ret,
                                   ly_err *err);
/* The N of "@last~N", 0 of "@last". The text begins with @last. */
LY_MUST_USE ly_status ly_last_parse(ly_str what, int64_t *ret_back, ly_err *err);
LY_MUST_USE ly_status ly_node_of_row(ly_db *db, const ly_span_row *row, ly_word_memo *memo,
                                     ly_node *ret, ly_err *err);

/* summary.c: one trace as its rows say, and what a list shows of it. */
typedef struct ly_trace_nodes {
    ly_span_row *rows;
    ly_tree_node *nodes;
    ly_tree_mark *marks;
    size_t n;
    ly_tree_sum sum;
} ly_trace_nodes;
/* error_message of the rows is in the arena. */
LY_MUST_USE ly_status ly_trace_nodes_load(ly_db *db, int64_t trace, ly_arena *arena,
                                          ly_trace_nodes *ret_nodes, ly_err *err);
/* `done` spans of a trace are read: LY_E_CANCELLED when the watch of the handle stops it. */
LY_MUST_USE ly_status ly_db_watched(ly_db *db, size_t done, ly_err *err);

#define LY_TRACE_COLUMNS                                                                           \
    "t.no, t.trace_id, t.epoch, "                                                                  \
    "CASE WHEN t.flags & 2 THEN max(t.seen_ns, coalesce((SELECT max(rc.heard_ns) FROM span AS sp " \
    "JOIN resource AS rc ON rc.id = sp.resource WHERE sp.id >= t.no << 24 AND "                    \
    "sp.id < (t.no + 1) << 24 AND sp.flags & 2), 0)) ELSE t.seen_ns END, t.start_ns, t.end_ns, "   \
    "t.pinned, t.settles, t.origin, "                                                              \
    "t.name, "                                                                                     \
    "t.root_type, t.flags, t.n_spans, t.n_errors, t.n_generations, t.n_tools, t.n_orphans, "       \
    "t.n_logs, "                                                                                   \
    "t.in_fresh, t.cache_read, t.cache_write, t.cache_write_1h, t.out_visible, t.out_reasoning, "  \
    "t.unattributed, t.cost_pico, t.model, t.provider, t.n_models, t.session, t.user, t.service, " \
    "t.env, "                                                                                      \
    "t.release, t.prompt_name, t.prompt_version, t.error"

typedef struct ly_summary {
    int64_t no, epoch, settles;
    ly_trace_id trace_id;
    int64_t seen_ns, start_ns, end_ns;
    bool pinned;
    int origin;
    int root_type;
    unsigned flags;
    int64_t n_spans, n_errors, n_generations, n_tools, n_orphans, n_logs;
    ly_tokens tokens;
    int64_t cost_pico;
    int64_t n_models;
    int64_t name, model, provider, session, user, service, env, release, prompt_name,
        prompt_version, error; /* words */
} ly_summary;

void ly_summary_read(ly_stmt *s, ly_summary *ret);
/* Everything from origin on, from the nodes; no, epoch, seen_ns, pinned, settles stay. */
LY_MUST_USE ly_status ly_summary_compute(ly_db *db, const ly_trace_nodes *nodes, ly_summary *ret,
                                         ly_err *err);
LY_MUST_USE ly_status ly_summary_write(ly_db *db, const ly_summary *sum, ly_err *err);
/* LY_E_NOTFOUND */
LY_MUST_USE ly_status ly_summary_find(ly_db *db, ly_trace_id id, ly_summary *ret, bool *ret_dirty,
                                      ly_err *err);
LY_MUST_USE ly_status ly_trace_row_of(ly_db *db, const ly_summary *sum, ly_word_memo *memo,
                                      ly_trace_row *ret, ly_err *err);
/* The decoded span of a row, views into the arena. */
LY_MUST_USE ly_status ly_span_of_row(ly_store *store, int64_t epoch, ly_trace_id trace,
                                     const ly_span_row *row, ly_arena *arena, ly_span *ret,
                                     ly_err *err);
LY_MUST_USE ly_status ly_logs_of_trace(ly_store *store, int64_t trace, const ly_span_id *only,
                                       size_t limit, ly_store_key *key, ly_arena *arena,
                                       const ly_log_record ***ret, size_t *ret_n, ly_err *err);

/* settle.c: moves a trace between sessions; old or sum may be NULL (new, gone). */
LY_MUST_USE ly_status ly_session_move(ly_db *db, const ly_summary *old, const ly_summary *sum,
                                      ly_err *err);

/* trace.c: the next traces of a query from *key on, as stored (a dirty one may have an old summary), for
 * work over many traces. Inside a snapshot of the caller's. */
LY_MUST_USE ly_status ly_trace_scan(ly_store *store, const ly_trace_query *query, size_t limit,
                                    ly_store_key *key, ly_summary *sums, size_t *ret_n,
                                    bool *ret_more, ly_err *err);

/* scrub.c: zeroes what lies in unused parts of pages; in slices. */
LY_MUST_USE ly_status ly_pages_scrub(ly_store *store, ly_err *err);
/* Empties the write-ahead log, waiting for readers; LY_E_BUSY names the remedy. */
LY_MUST_USE ly_status ly_log_empty(ly_store *store, ly_err *err);

/* settle.c: ledger lines of span rows [from, to) in order of (span, line); tags in the arena. */
LY_MUST_USE ly_status ly_ledger_load(ly_db *db, int64_t from, int64_t to, ly_arena *arena,
                                     ly_charge **ret_lines, size_t *ret_n, ly_err *err);

#define LY_REPLACE_SPAN                                                                          \
    "REPLACE INTO span (" LY_SPAN_COLUMNS                                                        \
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "                              \
    "?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, " \
    "?31, "                                                                                      \
    "?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42, ?43, ?44, ?45, ?46, ?47, ?48, ?49, " \
    "?50, "                                                                                      \
    "?51, ?52, ?53, ?54, ?55, ?56)"

/* A synthetic row that is no more (join.c): readers pass over it. */
#define LY_SPAN_DEAD (1 << 30)
/* join.c: enriches the spans of a trace by its log records, and makes synthetic ones; one write. */
LY_MUST_USE ly_status ly_logs_join(ly_store *store, int64_t trace, ly_err *err);
/* Before it, outside of a transaction: the book that calls of logs are priced by (ly_store_book_with). */
void ly_join_book(ly_store *store);

/* ---- calls whose logs name no trace (call_key.c); inside the ingest transaction ---- */

/* The trace that a log without a trace id belongs to: that of its span, else one made for it. */
ly_status ly_call_place(ly_store *store, const ly_log_record *log, const ly_log_info *info,
                        ly_trace_id *ret_trace, ly_err *err);
/* Such a log was stored. */
ly_status ly_call_log(ly_store *store, const ly_log_record *log, const ly_log_info *info,
                      int64_t log_id, int64_t trace, ly_err *err);
/* A span was stored: takes its logs over from the traces made for them. */
ly_status ly_call_span(ly_store *store, const ly_span *span, const ly_canon *canon, int64_t trace,
                       int64_t now, ly_err *err);

/* quarantine.c, inside a write transaction */
LY_MUST_USE ly_status ly_quarantine_put(ly_store *store, const char *kind, const ly_store_reject *r,
                                        ly_err *err);

/* rewrite_text.c: adds to *changed. */
LY_MUST_USE ly_status ly_rewrite_texts(ly_store *store, const ly_store_edit *how, bool dry_run,
                                       int64_t *changed, ly_err *err);

#endif
