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

-- What `trace rm` and `db redact` are about to take out because nothing seems to name it any more
-- (unused.c). Empty but while they run, or after one was killed: the next finishes.
CREATE TABLE leaving (
    kind INTEGER NOT NULL,       -- 0 word, 1 resource, 2 scope
    id INTEGER NOT NULL,         -- -> word, resource, scope
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

-- Who did what to the data: removal, pin, promotion, key changes. Never the data itself.
CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY,
    at_ns INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT,
    detail TEXT
) STRICT;
