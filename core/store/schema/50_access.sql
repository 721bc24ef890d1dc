-- Access keys (hash only) and saved filters.
CREATE TABLE access_key (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    hash BLOB NOT NULL UNIQUE,   -- SHA-256 of the key
    scope TEXT NOT NULL,         -- 'read', 'write', 'read,write'
    made_ns INTEGER NOT NULL,
    used_ns INTEGER,
    revoked_ns INTEGER
) STRICT;
CREATE TABLE saved_filter (
    name TEXT PRIMARY KEY,
    filter TEXT NOT NULL,
    made_ns INTEGER NOT NULL
) STRICT;
-- Commands that a suite may run, trusted by the user (path and content hash).
CREATE TABLE trust (
    hash BLOB PRIMARY KEY,
    path TEXT NOT NULL,
    trusted_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
