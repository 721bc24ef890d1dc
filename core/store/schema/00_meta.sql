-- What the file is, and counters that must outlive the rows they number.
-- key: 'created_ns', 'build', 'next_trace' (numbers of traces are never used twice, because ledger
-- lines outlive spans), 'generation' (raised when content, words or traces are removed, so that the
-- in-memory caches of other processes forget them), 'epoch_seal'.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Strings that repeat: span names, models, services, sessions, users. A row elsewhere that says
-- "-> word" holds the id. Unreferenced words are removed by `trace rm`.
CREATE TABLE word (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

-- zstd dictionaries, kept for ever: content and payload name the one they were packed with.
-- id 1 is built in (its bytes are not stored), later ones are trained from what came in.
CREATE TABLE dictionary (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,       -- 0 content, 1 payload
    made_ns INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

-- Resumable bulk work (prune, rebuild, reprice, full text): one row while it is not finished.
CREATE TABLE job (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,          -- 'prune', 'rebuild', 'reprice', ...
    state TEXT NOT NULL,         -- JSON of the job's own
    position INTEGER NOT NULL,   -- where the next slice starts
    started_ns INTEGER NOT NULL,
    touched_ns INTEGER NOT NULL
) STRICT;

-- Who did what to the data: removal, pin, promotion, key changes. Never the data itself.
CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY,
    at_ns INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT,
    detail TEXT
) STRICT;
