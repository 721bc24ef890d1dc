-- Records. The narrow rows (trace, span) are what lists and trees read; the wire form of a record is
-- in payload, with its long strings and messages moved to content, where each stands once an epoch.

-- An OTLP Resource / InstrumentationScope as it came, each distinct one once.
CREATE TABLE resource (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,   -- XXH3-128 of wire and schema_url
    wire BLOB NOT NULL,
    schema_url TEXT,
    heard_ns INTEGER             -- a process in live mode: when something of it came last; else NULL
) STRICT;
CREATE TABLE scope (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    wire BLOB NOT NULL,
    schema_url TEXT,
    name INTEGER                 -- -> word
) STRICT;

-- One row a trace. The columns from n_spans on are the summary, written by settle; a trace that stands
-- in `dirty` may have an older summary, and readers compute it themselves.
CREATE TABLE trace (
    no INTEGER PRIMARY KEY,
    trace_id BLOB NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,      -- day of first arrival (days since 1970-01-01 UTC); 0 = evidence
    seen_ns INTEGER NOT NULL,    -- first arrival
    start_ns INTEGER NOT NULL,   -- least span start, kept by ingest
    end_ns INTEGER,
    pinned INTEGER NOT NULL DEFAULT 0,
    settles INTEGER NOT NULL DEFAULT 0, -- how often the summary was written
    -- the summary
    origin INTEGER NOT NULL DEFAULT 0,  -- ly_origin
    name INTEGER,                -- -> word
    root_type INTEGER,           -- ly_type of the root span
    flags INTEGER NOT NULL DEFAULT 0,   -- LY_TRACE_* of store.h
    n_spans INTEGER NOT NULL DEFAULT 0,
    n_errors INTEGER NOT NULL DEFAULT 0,
    n_generations INTEGER NOT NULL DEFAULT 0,
    n_tools INTEGER NOT NULL DEFAULT 0,
    n_orphans INTEGER NOT NULL DEFAULT 0,
    n_logs INTEGER NOT NULL DEFAULT 0,
    in_fresh INTEGER, cache_read INTEGER, cache_write INTEGER, cache_write_1h INTEGER,
    out_visible INTEGER, out_reasoning INTEGER, unattributed INTEGER,
    cost_pico INTEGER,
    model INTEGER,               -- -> word: the model with the most tokens
    provider INTEGER,            -- -> word: its provider
    n_models INTEGER NOT NULL DEFAULT 0,
    session INTEGER, user INTEGER, service INTEGER, env INTEGER, release INTEGER, -- -> word
    prompt_name INTEGER, prompt_version INTEGER,
    error INTEGER                -- -> word: first error's type
) STRICT;
CREATE INDEX trace_by_start ON trace (start_ns);
CREATE INDEX trace_by_epoch ON trace (epoch);
CREATE INDEX trace_by_session ON trace (session, start_ns) WHERE session IS NOT NULL;
CREATE INDEX trace_by_user ON trace (user, start_ns) WHERE user IS NOT NULL;

-- One row a span. id = trace.no << 24 | slot, slot = 24 bits of a hash of span_id, moved up by one
-- while taken by another span: all spans of a trace stand together, and (trace_id, span_id) is
-- unique without a second index.
CREATE TABLE span (
    id INTEGER PRIMARY KEY,
    span_id BLOB NOT NULL,
    parent_id BLOB,
    start_ns INTEGER NOT NULL,
    dur_ns INTEGER,              -- NULL: not ended
    payload INTEGER NOT NULL,    -- -> payload, less the epoch's base
    resource INTEGER NOT NULL,
    scope INTEGER NOT NULL,
    name INTEGER NOT NULL,       -- -> word, like all of the next but the numbers
    type INTEGER NOT NULL,       -- ly_type
    kind INTEGER NOT NULL,       -- OTLP SpanKind
    status INTEGER NOT NULL,     -- OTLP status code
    role INTEGER NOT NULL,       -- ly_role
    origin INTEGER NOT NULL,     -- ly_origin
    flags INTEGER NOT NULL,      -- LY_NODE_* of store.h
    rules INTEGER NOT NULL,      -- LY_RULES_VERSION at the time
    dialect INTEGER,
    operation INTEGER, provider INTEGER, request_model INTEGER, response_model INTEGER,
    response_key INTEGER,        -- 64-bit hash of the response id; equality is all the tree rule asks
    service INTEGER, env INTEGER, release INTEGER, session INTEGER, user INTEGER,
    agent INTEGER, tool INTEGER, prompt_name INTEGER, prompt_version INTEGER,
    finish_reason INTEGER, service_tier INTEGER, server_address INTEGER, server_port INTEGER,
    error_type INTEGER, error_message TEXT, -- at most 400 bytes; the whole is in the payload
    attempt INTEGER,
    ttft_ns INTEGER,
    usage_mode INTEGER NOT NULL,
    in_fresh INTEGER, cache_read INTEGER, cache_write INTEGER, cache_write_1h INTEGER,
    out_visible INTEGER, out_reasoning INTEGER, unattributed INTEGER,
    side BLOB,                   -- audio, image and tool-use counts, at most eight varints + 1, only where one is known
    client_cost_pico INTEGER, client_cost_source INTEGER,
    table_cost_pico INTEGER, price_why INTEGER, price_row INTEGER, price_tier INTEGER,
    trace_name INTEGER,          -- the client's name for the trace, where this span says it
    access_key INTEGER           -- -> word: name of the access key that it was received with, for prices by key
) STRICT;

-- The records' protobuf bytes, taken apart by payload.c; a row holds several pieces (bundle.c).
-- id = epoch << 40 | number of the first piece, the others follow: an epoch goes as one range. Read through
-- span.payload or log_record.payload.
CREATE TABLE payload (
    id INTEGER PRIMARY KEY,
    n INTEGER NOT NULL,          -- pieces
    size INTEGER NOT NULL,       -- bytes when unpacked
    dictionary INTEGER NOT NULL, -- -1 = stored as is, 0 = zstd without, else -> dictionary
    data BLOB NOT NULL
) STRICT;

-- Strings that repeat, whole: messages, system prompts, tool definitions, long values. Rows as above.
CREATE TABLE content (
    id INTEGER PRIMARY KEY,
    n INTEGER NOT NULL,
    size INTEGER NOT NULL,
    dictionary INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

-- By what a repeated string is found: 16 bytes of hash for each piece of content from id on, one row a
-- commit; zeros = not to be found any more. Read from the end when a process begins to write.
CREATE TABLE content_hash (
    id INTEGER PRIMARY KEY,
    hashes BLOB NOT NULL
) STRICT;

CREATE TABLE log_record (
    id INTEGER PRIMARY KEY,      -- epoch << 40 | number
    hash BLOB NOT NULL,          -- XXH3-128 of what resource, scope and record say, however encoded: finds a resend
    trace INTEGER,               -- -> trace.no
    span_id BLOB,
    time_ns INTEGER NOT NULL,    -- observed time where the record has none
    severity INTEGER NOT NULL,
    event_name INTEGER,          -- -> word
    resource INTEGER NOT NULL,
    scope INTEGER NOT NULL,
    payload INTEGER NOT NULL,    -- less the epoch's base
    flags INTEGER NOT NULL,
    access_key INTEGER           -- as of a span
) STRICT;
CREATE UNIQUE INDEX log_by_hash ON log_record (hash);
CREATE INDEX log_by_trace ON log_record (trace) WHERE trace IS NOT NULL;
CREATE INDEX log_by_time ON log_record (time_ns);

-- Model calls of clients that log without a trace id, by what span and log both say (a hash of response id,
-- or of session, model and counts), so that they meet across traces in either order.
CREATE TABLE call_key (
    key INTEGER NOT NULL,
    log INTEGER NOT NULL,   -- -> log_record.id, 0 = a span of the trace
    trace INTEGER NOT NULL, -- -> trace.no
    PRIMARY KEY (key, log, trace)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_by_trace ON call_key (trace);

-- Free words on traces.
CREATE TABLE tag (
    trace INTEGER NOT NULL,
    word INTEGER NOT NULL,
    PRIMARY KEY (trace, word)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_by_word ON tag (word, trace);

-- Traces changed since their summary was written.
CREATE TABLE dirty (
    trace INTEGER PRIMARY KEY,
    since_ns INTEGER NOT NULL,   -- first change not yet settled
    last_ns INTEGER NOT NULL,    -- latest
    changes INTEGER NOT NULL     -- records stored since
) STRICT;

-- Arrival days that hold something, and what retention did to them.
CREATE TABLE epoch (
    day INTEGER PRIMARY KEY,     -- 0 = evidence
    next_payload INTEGER NOT NULL DEFAULT 1,
    next_content INTEGER NOT NULL DEFAULT 1,
    next_log INTEGER NOT NULL DEFAULT 1,
    sealed_ns INTEGER            -- retention removed its records; ledger lines are final
) STRICT;

-- A session's summary: sums over its traces, kept by settle by difference.
CREATE TABLE session (
    word INTEGER PRIMARY KEY,    -- -> word, the session id
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    n_traces INTEGER NOT NULL,
    n_spans INTEGER NOT NULL,
    n_errors INTEGER NOT NULL,
    n_generations INTEGER NOT NULL,
    tokens_in INTEGER, tokens_out INTEGER, tokens INTEGER,
    cost_pico INTEGER,
    user INTEGER, service INTEGER, model INTEGER -- -> word, of the latest trace that has one
) STRICT;
CREATE INDEX session_by_last ON session (last_ns);

-- What was refused while its neighbours were kept, and resends that contradict what is stored.
-- Bounded: ingest drops the oldest past LY_MAX_QUARANTINE_ROWS.
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    at_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,          -- 'rejected', 'conflict', 'undecodable'
    reason TEXT NOT NULL,        -- ly_reject_name, or a line of English
    trace_id BLOB, span_id BLOB,
    service TEXT,
    size INTEGER NOT NULL,
    hash BLOB,                   -- of bytes that are not kept
    wire BLOB                    -- the item, where it may be kept
) STRICT;
