-- Money. Owner: core/store/price.c, budget.c, usage.c; settle.c writes charge and usage.

-- The ledger: one line a counted span, and a reversal (sign -1) when it leaves the count. Lines are
-- appended, never changed; what a span is charged now is the sum of its lines. Retention removes none.
CREATE TABLE charge (
    span INTEGER NOT NULL,       -- span.id (trace number << 24 | slot)
    line INTEGER NOT NULL,       -- 0, 1, 2 ... of that span
    sign INTEGER NOT NULL,       -- 1 or -1
    at_ns INTEGER NOT NULL,      -- the span's start
    booked_ns INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    provider INTEGER, model INTEGER, service INTEGER, env INTEGER, -- -> word
    session INTEGER, user INTEGER, prompt_name INTEGER, prompt_version INTEGER, -- -> word
    tags TEXT,                   -- word ids with commas around: ',3,17,'
    in_fresh INTEGER, cache_read INTEGER, cache_write INTEGER, cache_write_1h INTEGER,
    out_visible INTEGER, out_reasoning INTEGER, unattributed INTEGER,
    amount_pico INTEGER,         -- NULL = unknown
    source INTEGER NOT NULL,     -- ly_cost_source
    price_why INTEGER NOT NULL,  -- ly_price_why
    price_row INTEGER,
    price_tier INTEGER,
    trace_id BLOB, span_id BLOB, -- filled when retention removes the record
    PRIMARY KEY (span, line)
) STRICT, WITHOUT ROWID;

-- Sums of the ledger in 15-minute UTC buckets of the span's start. Derived.
CREATE TABLE usage (
    bucket INTEGER NOT NULL,     -- at_ns / 900 s
    origin INTEGER NOT NULL,
    provider INTEGER NOT NULL, model INTEGER NOT NULL, service INTEGER NOT NULL,
    env INTEGER NOT NULL, prompt_name INTEGER NOT NULL, prompt_version INTEGER NOT NULL, -- 0 = none
    n INTEGER NOT NULL,          -- counted spans
    n_unpriced INTEGER NOT NULL, -- of them without an amount
    in_fresh INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL, out_visible INTEGER NOT NULL, out_reasoning INTEGER NOT NULL,
    unattributed INTEGER NOT NULL,
    amount_pico INTEGER NOT NULL,
    PRIMARY KEY (bucket, origin, provider, model, service, env, prompt_name, prompt_version)
) STRICT, WITHOUT ROWID;

-- Price rows by version of the book; charge.price_row names one for ever.
CREATE TABLE price_book (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,        -- 'default', 'import:FILE', 'user'
    made_ns INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    active INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE price_row (
    id INTEGER PRIMARY KEY,
    book INTEGER NOT NULL,       -- -> price_book
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    from_ns INTEGER,
    spec TEXT NOT NULL           -- JSON: match clauses, prices per token in pico-dollars, tiers
) STRICT;
CREATE INDEX price_row_by_book ON price_row (book);

CREATE TABLE budget (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL,          -- JSON: scope filter, period, limit_pico, warn_at, action
    set_ns INTEGER NOT NULL,
    state TEXT                   -- JSON: last warning
) STRICT;
