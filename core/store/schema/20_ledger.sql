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
    trace_id BLOB, span_id BLOB, -- this and the next: filled when retention removes the record, so that
                                 -- the line can still be shown and priced again
    request_model INTEGER, service_tier INTEGER, address INTEGER, access_key INTEGER, -- -> word
    side BLOB,                   -- as of a span
    PRIMARY KEY (span, line)
) STRICT, WITHOUT ROWID;

-- Sums of the ledger in 15-minute UTC buckets of the span's start. Derived; kept by usage.c by
-- difference. state (ly_usage_state): 0 by the book, 1 the client's own cost, 2 local, 16 + ly_price_why
-- without an amount. 0 = none in the word columns; unknown token counts add nothing.
CREATE TABLE usage (
    bucket INTEGER NOT NULL,     -- at_ns / 900 s, rounded down
    origin INTEGER NOT NULL,
    provider INTEGER NOT NULL, model INTEGER NOT NULL, service INTEGER NOT NULL,
    env INTEGER NOT NULL, prompt_name INTEGER NOT NULL, prompt_version INTEGER NOT NULL, -- -> word
    state INTEGER NOT NULL,
    n INTEGER NOT NULL,          -- counted spans
    n_unpriced INTEGER NOT NULL, -- of them without an amount
    in_fresh INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL, out_visible INTEGER NOT NULL, out_reasoning INTEGER NOT NULL,
    unattributed INTEGER NOT NULL,
    amount_pico INTEGER NOT NULL,
    PRIMARY KEY (bucket, origin, provider, model, service, env, prompt_name, prompt_version, state)
) STRICT, WITHOUT ROWID;

-- The same in UTC days: what long reports read, with the quarters of an hour at both ends.
CREATE TABLE usage_day (
    day INTEGER NOT NULL,        -- at_ns / 86400 s, rounded down
    origin INTEGER NOT NULL,
    provider INTEGER NOT NULL, model INTEGER NOT NULL, service INTEGER NOT NULL,
    env INTEGER NOT NULL, prompt_name INTEGER NOT NULL, prompt_version INTEGER NOT NULL, -- -> word
    state INTEGER NOT NULL,
    n INTEGER NOT NULL, n_unpriced INTEGER NOT NULL,
    in_fresh INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL, out_visible INTEGER NOT NULL, out_reasoning INTEGER NOT NULL,
    unattributed INTEGER NOT NULL,
    amount_pico INTEGER NOT NULL,
    PRIMARY KEY (day, origin, provider, model, service, env, prompt_name, prompt_version, state)
) STRICT, WITHOUT ROWID;

-- The same by who: one row a session, user or tag and bucket. A span with three tags stands in three
-- rows, one without a session, user or tag in that of word 0.
CREATE TABLE usage_who (
    kind INTEGER NOT NULL,       -- 0 session, 1 user, 2 tag
    bucket INTEGER NOT NULL,
    word INTEGER NOT NULL,       -- -> word
    origin INTEGER NOT NULL,
    n INTEGER NOT NULL, n_unpriced INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL,  -- cache included
    cache_read INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL, -- reasoning included
    amount_pico INTEGER NOT NULL,
    PRIMARY KEY (kind, bucket, word, origin)
) STRICT, WITHOUT ROWID;

-- usage_who of users and tags in UTC days.
CREATE TABLE usage_who_day (
    kind INTEGER NOT NULL, day INTEGER NOT NULL, word INTEGER NOT NULL, origin INTEGER NOT NULL,
    n INTEGER NOT NULL, n_unpriced INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL, cache_read INTEGER NOT NULL, tokens_out INTEGER NOT NULL,
    amount_pico INTEGER NOT NULL,
    PRIMARY KEY (kind, day, word, origin)
) STRICT, WITHOUT ROWID;

-- usage_who of all time, dearest first by the index: the first of any report are among the first here.
-- Buckets in which something was ever booked, at least.
CREATE TABLE usage_who_all (
    kind INTEGER NOT NULL, word INTEGER NOT NULL, origin INTEGER NOT NULL,
    n INTEGER NOT NULL, n_unpriced INTEGER NOT NULL,
    tokens_in INTEGER NOT NULL, cache_read INTEGER NOT NULL, tokens_out INTEGER NOT NULL,
    amount_pico INTEGER NOT NULL,
    first_bucket INTEGER NOT NULL, last_bucket INTEGER NOT NULL,
    PRIMARY KEY (kind, word, origin)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_who_top ON usage_who_all (kind, origin, amount_pico, n);

-- Price books that were in force, whole, as they came: charge.price_row is id << 24 | place in the book,
-- so that a price used once can be explained for ever. At most one is active; none: the compiled-in book.
CREATE TABLE price_book (
    id INTEGER PRIMARY KEY,      -- from 1
    name TEXT NOT NULL,
    source TEXT NOT NULL,        -- URL, file
    format INTEGER NOT NULL,     -- ly_book_format
    published_ns INTEGER,
    learned_ns INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE,   -- SHA-256 of the text
    size INTEGER NOT NULL,
    dictionary INTEGER NOT NULL, -- as in content
    body BLOB NOT NULL,
    active INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The user's own prices, over any book: charge.price_row is -id. Never removed, only ended, so that old
-- charges can be explained. Empty text = any.
CREATE TABLE price_own (
    id INTEGER PRIMARY KEY,
    provider TEXT NOT NULL, model TEXT NOT NULL, address TEXT NOT NULL, service TEXT NOT NULL,
    access_key TEXT NOT NULL, service_tier TEXT NOT NULL,
    prices TEXT NOT NULL,        -- 'input_mtok=1.1,output_mtok=8'; '' = the address is a gateway
    note TEXT NOT NULL,
    from_ns INTEGER, to_ns INTEGER,
    learned_ns INTEGER NOT NULL,
    removed_ns INTEGER
) STRICT;

-- Limits on spending. Scope columns: empty text = any.
CREATE TABLE budget (
    name TEXT PRIMARY KEY,
    provider TEXT NOT NULL, model TEXT NOT NULL, service TEXT NOT NULL, user TEXT NOT NULL,
    prompt TEXT NOT NULL, origin INTEGER,  -- NULL = all
    period INTEGER NOT NULL,     -- ly_budget_period
    zone TEXT NOT NULL,          -- 'UTC', '+02:00', 'Europe/Berlin'
    limit_pico INTEGER NOT NULL,
    warn_percent INTEGER NOT NULL,
    webhook TEXT NOT NULL,
    set_ns INTEGER NOT NULL,
    told_window_ns INTEGER,      -- the window that the events below are about
    told INTEGER NOT NULL DEFAULT 0 -- bits: 1 warned, 2 passed
) STRICT;

-- Money put aside for calls of our own, in blocks: what a worker holds and what of it is spent. A row
-- is a lease of one process; what it holds counts against its cap until it is given back, also when its
-- process was killed: a call that it had out may have been charged and never been booked.
CREATE TABLE budget_lease (
    id INTEGER PRIMARY KEY,
    cap TEXT NOT NULL,           -- 'budget:NAME' or a name of the caller's ('run:...')
    window_ns INTEGER NOT NULL,  -- start of the cap's window, 0 = none
    held_pico INTEGER NOT NULL,  -- put aside and not yet spent
    spent_pico INTEGER NOT NULL,
    touched_ns INTEGER NOT NULL,
    expires_ns INTEGER NOT NULL  -- then the ledger has what was spent; greatest = never
) STRICT;
CREATE INDEX budget_lease_by_cap ON budget_lease (cap, window_ns);
