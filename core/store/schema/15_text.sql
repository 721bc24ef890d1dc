-- The full-text index. Derived: filled in idle slices by text_index.c, read by text_find.c, made anew from
-- the records. A block covers some traces, once and for all; its documents are their distinct contents
-- and, one a trace, what stands in payload itself. A trace that is taken out takes its block along.
CREATE TABLE text_block (
    no INTEGER PRIMARY KEY,
    n_docs INTEGER NOT NULL
) STRICT;

-- id = block << 8 | part: 0..127 grams (three bytes of text in lower case) with the documents that hold
-- them, 254 documents that must always be looked at, 255 the traces of each document.
CREATE TABLE text_part (
    id INTEGER PRIMARY KEY,
    data BLOB NOT NULL
) STRICT;

CREATE TABLE text_of (
    trace INTEGER NOT NULL,      -- -> trace.no
    block INTEGER NOT NULL,
    PRIMARY KEY (trace, block)
) STRICT, WITHOUT ROWID;
CREATE INDEX text_of_by_block ON text_of (block);

-- Settled traces that are not in the index as they are now. Those in `dirty` are not either.
CREATE TABLE text_todo (
    trace INTEGER PRIMARY KEY,
    settles INTEGER NOT NULL     -- trace.settles then
) STRICT;
