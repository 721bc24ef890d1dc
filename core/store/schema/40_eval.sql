-- Data sets, runs, scores. Owner: core/store/dataset.c, run.c, score.c, call_cache.c.
CREATE TABLE dataset (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    made_ns INTEGER NOT NULL,
    removed_ns INTEGER
) STRICT;
CREATE TABLE dataset_version (
    id INTEGER PRIMARY KEY,
    dataset INTEGER NOT NULL REFERENCES dataset (id),
    number INTEGER NOT NULL,
    hash BLOB NOT NULL,          -- SHA-256 over the rows' hashes in order
    n_rows INTEGER NOT NULL,
    source TEXT,
    made_ns INTEGER NOT NULL,
    UNIQUE (dataset, number),
    UNIQUE (dataset, hash)
) STRICT;
-- Rows are shared between versions by content.
CREATE TABLE row (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,   -- SHA-256 of data
    data TEXT NOT NULL,          -- JSON: input fields, expected, metadata
    trace_id BLOB, span_id BLOB  -- where it came from; such a trace is evidence
) STRICT;
CREATE INDEX row_by_trace ON row (trace_id) WHERE trace_id IS NOT NULL;
CREATE TABLE dataset_row (
    version INTEGER NOT NULL,
    position INTEGER NOT NULL,
    row INTEGER NOT NULL,
    key TEXT,
    PRIMARY KEY (version, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    run_id BLOB NOT NULL UNIQUE,
    experiment TEXT,
    suite TEXT NOT NULL,         -- the resolved suite, JSON
    state TEXT NOT NULL,         -- 'running', 'done', 'stopped'
    dataset_version INTEGER,
    started_ns INTEGER NOT NULL,
    ended_ns INTEGER,
    summary TEXT                 -- JSON, written at the end
) STRICT;
CREATE INDEX run_by_start ON run (started_ns);
CREATE TABLE "case" (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (id),
    row INTEGER NOT NULL,
    target INTEGER NOT NULL,
    repeat INTEGER NOT NULL,
    state TEXT NOT NULL,         -- 'done', 'failed', ...
    trace_id BLOB,
    output TEXT,
    error TEXT,
    duration_ns INTEGER,
    cost_pico INTEGER,
    tokens_in INTEGER, tokens_out INTEGER,
    done_ns INTEGER,
    UNIQUE (run, row, target, repeat)
) STRICT;
CREATE INDEX case_by_trace ON "case" (trace_id) WHERE trace_id IS NOT NULL; -- evidence

CREATE TABLE score (
    id INTEGER PRIMARY KEY,
    score_id BLOB NOT NULL UNIQUE,
    trace_id BLOB, span_id BLOB, session TEXT,
    run INTEGER, "case" INTEGER,
    name TEXT NOT NULL,
    value REAL,
    label TEXT,
    reason TEXT,
    source INTEGER NOT NULL,     -- human, judge, check, app
    outcome INTEGER NOT NULL,    -- scored, abstained, unscored
    detail TEXT,                 -- JSON: judge version, votes, unscored reason
    actor TEXT,
    at_ns INTEGER NOT NULL,
    retracted_ns INTEGER
) STRICT;
CREATE INDEX score_by_trace ON score (trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX score_by_case ON score ("case") WHERE "case" IS NOT NULL;
CREATE INDEX score_by_name ON score (name, at_ns);

-- Replies of paid calls by the hash of the whole request.
CREATE TABLE call_cache (
    key BLOB PRIMARY KEY,
    made_ns INTEGER NOT NULL,
    used_ns INTEGER NOT NULL,
    trace_id BLOB,
    reply BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX call_cache_by_trace ON call_cache (trace_id) WHERE trace_id IS NOT NULL; -- forgetting
