-- For people: stable views over what is stored (docs/SQL.md documents each column). Times are UTC text and
-- nanoseconds, money is US dollars (and exact pico-dollars), ids are lower-case hex. `span` is the handle
-- that the functions attr(span, key), content(span), attributes(span) and messages(span) of `lydite sql`
-- take. Other programs can read these views too, those that use functions excepted.
CREATE VIEW v_traces AS
SELECT lower(hex(t.trace_id)) AS trace_id,
    nm.text AS name,
    strftime('%Y-%m-%dT%H:%M:%fZ', t.start_ns / 1e9, 'unixepoch') AS start,
    t.start_ns, t.end_ns,
    (t.end_ns - t.start_ns) / 1e6 AS duration_ms,
    CASE t.origin WHEN 0 THEN 'app' WHEN 1 THEN 'eval' ELSE 'judge' END AS origin,
    sv.text AS service, ev.text AS env, rl.text AS release,
    ss.text AS session, us.text AS user,
    pv.text AS provider, md.text AS model,
    pn.text AS prompt, pr.text AS prompt_version,
    t.n_spans, t.n_errors, t.n_generations, t.n_tools, t.n_logs,
    coalesce(t.in_fresh, t.cache_read, t.cache_write) * 0 + coalesce(t.in_fresh, 0)
        + coalesce(t.cache_read, 0) + coalesce(t.cache_write, 0) AS tokens_in,
    coalesce(t.out_visible, t.out_reasoning) * 0 + coalesce(t.out_visible, 0)
        + coalesce(t.out_reasoning, 0) AS tokens_out,
    t.cache_read, t.cache_write, t.out_reasoning AS reasoning,
    t.cost_pico, t.cost_pico / 1e12 AS cost,
    t.flags & 1 <> 0 AS cost_partial,
    t.flags & 2 <> 0 AS live,
    t.flags & 32 <> 0 AS failed,
    er.text AS error,
    t.pinned <> 0 AS pinned
FROM trace AS t
    LEFT JOIN word AS nm ON nm.id = t.name
    LEFT JOIN word AS sv ON sv.id = t.service
    LEFT JOIN word AS ev ON ev.id = t.env
    LEFT JOIN word AS rl ON rl.id = t.release
    LEFT JOIN word AS ss ON ss.id = t.session
    LEFT JOIN word AS us ON us.id = t.user
    LEFT JOIN word AS pv ON pv.id = t.provider
    LEFT JOIN word AS md ON md.id = t.model
    LEFT JOIN word AS pn ON pn.id = t.prompt_name
    LEFT JOIN word AS pr ON pr.id = t.prompt_version
    LEFT JOIN word AS er ON er.id = t.error
-- not one whose logs all went over to the traces of their spans
WHERE t.n_spans > 0 OR t.n_logs > 0 OR t.settles = 0;

CREATE VIEW v_spans AS
SELECT lower(hex(t.trace_id)) || '/' || lower(hex(s.span_id)) AS span,
    lower(hex(t.trace_id)) AS trace_id,
    lower(hex(s.span_id)) AS span_id,
    lower(hex(s.parent_id)) AS parent_id,
    nm.text AS name,
    CASE s.type WHEN 1 THEN 'agent' WHEN 2 THEN 'workflow' WHEN 3 THEN 'plan' WHEN 4 THEN 'generation'
        WHEN 5 THEN 'tool' WHEN 6 THEN 'retrieval' WHEN 7 THEN 'embedding' WHEN 8 THEN 'rerank'
        WHEN 9 THEN 'memory' WHEN 10 THEN 'guardrail' WHEN 11 THEN 'evaluator' WHEN 12 THEN 'step'
        WHEN 13 THEN 'http' WHEN 14 THEN 'db' ELSE 'other' END AS type,
    CASE WHEN s.flags & 1 THEN 'error'
        WHEN s.flags & 2 AND max(s.start_ns, coalesce(rc.heard_ns, 0)) < unixepoch() * 1000000000 - 30000000000
            THEN 'lost' -- as ly_store_lost
        WHEN s.dur_ns IS NULL THEN 'pending'
        WHEN s.status = 1 THEN 'ok' ELSE 'unset' END AS status,
    CASE s.origin WHEN 0 THEN 'app' WHEN 1 THEN 'eval' ELSE 'judge' END AS origin,
    strftime('%Y-%m-%dT%H:%M:%fZ', s.start_ns / 1e9, 'unixepoch') AS start,
    s.start_ns, s.start_ns + s.dur_ns AS end_ns, s.dur_ns / 1e6 AS duration_ms,
    s.ttft_ns / 1e6 AS ttft_ms,
    sv.text AS service, ev.text AS env, rl.text AS release, ss.text AS session, us.text AS user,
    pv.text AS provider, rq.text AS request_model, rs.text AS response_model,
    op.text AS operation, ag.text AS agent, tl.text AS tool,
    pn.text AS prompt, pr.text AS prompt_version,
    fr.text AS finish_reason, et.text AS error_type, s.error_message,
    dl.text AS dialect,
    s.in_fresh, s.cache_read, s.cache_write, s.out_visible, s.out_reasoning,
    coalesce(s.in_fresh, s.cache_read, s.cache_write) * 0 + coalesce(s.in_fresh, 0)
        + coalesce(s.cache_read, 0) + coalesce(s.cache_write, 0) AS tokens_in,
    coalesce(s.out_visible, s.out_reasoning) * 0 + coalesce(s.out_visible, 0)
        + coalesce(s.out_reasoning, 0) AS tokens_out,
    coalesce(s.client_cost_pico, s.table_cost_pico) AS cost_pico,
    coalesce(s.client_cost_pico, s.table_cost_pico) / 1e12 AS cost,
    s.flags & 48 <> 0 AS has_content
FROM span AS s
    JOIN trace AS t ON t.no = s.id >> 24
    LEFT JOIN resource AS rc ON rc.id = s.resource
    LEFT JOIN word AS nm ON nm.id = s.name
    LEFT JOIN word AS sv ON sv.id = s.service
    LEFT JOIN word AS ev ON ev.id = s.env
    LEFT JOIN word AS rl ON rl.id = s.release
    LEFT JOIN word AS ss ON ss.id = s.session
    LEFT JOIN word AS us ON us.id = s.user
    LEFT JOIN word AS pv ON pv.id = s.provider
    LEFT JOIN word AS rq ON rq.id = s.request_model
    LEFT JOIN word AS rs ON rs.id = s.response_model
    LEFT JOIN word AS op ON op.id = s.operation
    LEFT JOIN word AS ag ON ag.id = s.agent
    LEFT JOIN word AS tl ON tl.id = s.tool
    LEFT JOIN word AS pn ON pn.id = s.prompt_name
    LEFT JOIN word AS pr ON pr.id = s.prompt_version
    LEFT JOIN word AS fr ON fr.id = s.finish_reason
    LEFT JOIN word AS et ON et.id = s.error_type
    LEFT JOIN word AS dl ON dl.id = s.dialect
WHERE s.flags & 1073741824 = 0;

-- One row an attribute, in the order sent; a JSON value stands as JSON text.
CREATE VIEW v_attributes AS
SELECT s.span, s.trace_id, s.span_id, s.name AS span_name, a.key AS position,
    pick(a.value, 'key') AS key, pick(a.value, 'value') AS value
FROM v_spans AS s, json_each(attributes(s.span)) AS a;

-- One row a message part, in order: direction is system, input or output.
CREATE VIEW v_messages AS
SELECT s.span, s.trace_id, s.span_id, s.start_ns, m.key AS position,
    pick(m.value, 'direction') AS direction, pick(m.value, 'role') AS role, pick(m.value, 'kind') AS kind,
    pick(m.value, 'text') AS text, pick(m.value, 'tool') AS tool
FROM v_spans AS s, json_each(messages(s.span)) AS m
WHERE s.has_content;

-- One row a log record, of a trace or of none.
CREATE VIEW v_logs AS
SELECT l.id AS log,
    nullif(lower(hex(t.trace_id)), '') AS trace_id,
    nullif(lower(hex(l.span_id)), '') AS span_id,
    strftime('%Y-%m-%dT%H:%M:%fZ', l.time_ns / 1e9, 'unixepoch') AS time, l.time_ns,
    l.severity, ev.text AS event,
    log_part(l.id, 'service') AS service,
    log_part(l.id, 'body') AS body,
    log_part(l.id, 'attributes') AS attributes
FROM log_record AS l
    LEFT JOIN trace AS t ON t.no = l.trace
    LEFT JOIN word AS ev ON ev.id = l.event_name;

CREATE VIEW v_scores AS
SELECT lower(hex(c.score_id)) AS score_id, lower(hex(c.trace_id)) AS trace_id,
    lower(hex(c.span_id)) AS span_id, c.session, c.name, c.value, c.label, c.reason,
    CASE c.source WHEN 0 THEN 'human' WHEN 1 THEN 'judge' WHEN 2 THEN 'check' ELSE 'app' END AS source,
    CASE c.outcome WHEN 0 THEN 'scored' WHEN 1 THEN 'abstained' ELSE 'unscored' END AS outcome,
    c.actor, strftime('%Y-%m-%dT%H:%M:%fZ', c.at_ns / 1e9, 'unixepoch') AS at, c.at_ns,
    c.run AS run_no, c."case" AS case_no, c.detail
FROM score AS c
WHERE c.retracted_ns IS NULL;

-- The ledger's sums in 15-minute buckets.
CREATE VIEW v_usage AS
SELECT strftime('%Y-%m-%dT%H:%MZ', u.bucket * 900, 'unixepoch') AS bucket,
    u.bucket * 900000000000 AS bucket_ns,
    CASE u.origin WHEN 0 THEN 'app' WHEN 1 THEN 'eval' ELSE 'judge' END AS origin,
    pv.text AS provider, md.text AS model, sv.text AS service, ev.text AS env,
    pn.text AS prompt, pr.text AS prompt_version,
    u.n AS calls, u.n_unpriced AS calls_unpriced,
    u.in_fresh + u.cache_read + u.cache_write AS tokens_in, u.cache_read, u.cache_write,
    u.out_visible + u.out_reasoning AS tokens_out, u.out_reasoning AS reasoning, u.unattributed,
    u.amount_pico AS cost_pico, u.amount_pico / 1e12 AS cost
FROM usage AS u
    LEFT JOIN word AS pv ON pv.id = u.provider
    LEFT JOIN word AS md ON md.id = u.model
    LEFT JOIN word AS sv ON sv.id = u.service
    LEFT JOIN word AS ev ON ev.id = u.env
    LEFT JOIN word AS pn ON pn.id = u.prompt_name
    LEFT JOIN word AS pr ON pr.id = u.prompt_version
WHERE u.n <> 0;

CREATE VIEW v_prompts AS
SELECT p.name, v.number AS version, lower(hex(v.hash)) AS hash, v.body, v.message, v.author,
    strftime('%Y-%m-%dT%H:%M:%fZ', v.made_ns / 1e9, 'unixepoch') AS made,
    (SELECT group_concat(a.name, ', ') FROM alias AS a WHERE a.version = v.id) AS aliases
FROM prompt_version AS v JOIN prompt AS p ON p.id = v.prompt
WHERE p.removed_ns IS NULL;

CREATE VIEW v_runs AS
SELECT r.id AS run_no, lower(hex(r.run_id)) AS run_id, r.experiment, r.state,
    d.name AS dataset, v.number AS dataset_version,
    strftime('%Y-%m-%dT%H:%M:%fZ', r.started_ns / 1e9, 'unixepoch') AS started,
    (r.ended_ns - r.started_ns) / 1e9 AS seconds, r.summary, r.suite
FROM run AS r
    LEFT JOIN dataset_version AS v ON v.id = r.dataset_version
    LEFT JOIN dataset AS d ON d.id = v.dataset;

CREATE VIEW v_cases AS
SELECT c.id AS case_no, c.run AS run_no, lower(hex(r.run_id)) AS run_id, c.row AS row_no, c.target,
    c.repeat, c.state, lower(hex(c.trace_id)) AS trace_id, c.output, c.error,
    c.duration_ns / 1e6 AS duration_ms, c.tokens_in, c.tokens_out, c.cost_pico, c.cost_pico / 1e12 AS cost
FROM "case" AS c JOIN run AS r ON r.id = c.run;
