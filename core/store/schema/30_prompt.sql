-- Prompts. Owner: core/store/prompt.c.
CREATE TABLE prompt (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    made_ns INTEGER NOT NULL,
    removed_ns INTEGER
) STRICT;

-- Immutable. Equal content is one version.
CREATE TABLE prompt_version (
    id INTEGER PRIMARY KEY,
    prompt INTEGER NOT NULL REFERENCES prompt (id),
    number INTEGER NOT NULL,     -- 1, 2, 3 ... of that prompt
    hash BLOB NOT NULL,          -- SHA-256 of body
    body TEXT NOT NULL,          -- the canonical template document
    message TEXT,                -- why, as with a commit
    author TEXT,
    parent INTEGER,              -- -> prompt_version
    made_ns INTEGER NOT NULL,
    UNIQUE (prompt, number),
    UNIQUE (prompt, hash)
) STRICT;

-- A moving pointer and each of its moves; evidence names the run that justified it.
CREATE TABLE alias (
    prompt INTEGER NOT NULL REFERENCES prompt (id),
    name TEXT NOT NULL,
    version INTEGER NOT NULL,    -- -> prompt_version
    moved_ns INTEGER NOT NULL,
    PRIMARY KEY (prompt, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE alias_move (
    id INTEGER PRIMARY KEY,
    prompt INTEGER NOT NULL,
    name TEXT NOT NULL,
    from_version INTEGER,
    to_version INTEGER,
    moved_ns INTEGER NOT NULL,
    actor TEXT,
    reason TEXT,
    run INTEGER,                 -- -> run
    verdict TEXT
) STRICT;
CREATE INDEX alias_move_by_prompt ON alias_move (prompt, name, id);

CREATE TABLE prompt_tag (
    version INTEGER NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (version, tag)
) STRICT, WITHOUT ROWID;
