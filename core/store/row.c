/*
 * Span rows: between what was understood of a span (ly_canon), the columns of table span, the small
 * node that the tree rule counts, and the node that a reader is given.
 */
#include "store/internal.h"

#include "base/mem.h"
#include "base/utf8.h"

/* ---- audio and image counts: eight varints of value + 1, trailing unknowns left out ---- */

/* Stored in this order: append only. */
enum { SIDE_FIELDS = 8 };

static int64_t *side_field(ly_tokens *t, int i)
{
    int64_t *fields[] = {&t->in_audio,  &t->in_image,     &t->cache_read_audio, &t->out_audio,
                         &t->out_image, &t->web_searches, &t->code_executions,  &t->file_searches};
    return fields[i];
}

size_t ly_side_write(const ly_tokens *tokens, uint8_t out[static 64])
{
    ly_tokens t = *tokens;
    size_t n = 0, used = 0;
    for (int i = 0; i < SIDE_FIELDS; i++) {
        int64_t value = *side_field(&t, i);
        uint64_t v = value == LY_UNKNOWN ? 0 : (uint64_t)value + 1;
        while (v >= 0x80) {
            out[n++] = (uint8_t)(v | 0x80);
            v >>= 7;
        }
        out[n++] = (uint8_t)v;
        if (value != LY_UNKNOWN)
            used = n;
    }
    return used;
}

void ly_side_read(ly_str in, ly_tokens *t)
{
    for (int i = 0; i < SIDE_FIELDS; i++) {
        uint64_t v = 0;
        unsigned shift = 0;
        while (in.len && shift < 64) {
            uint8_t c = (uint8_t)*in.ptr++;
            in.len--;
            v |= (uint64_t)(c & 0x7f) << shift;
            shift += 7;
            if (!(c & 0x80))
                break;
        }
        *side_field(t, i) = v && v <= 1000000000001ULL ? (int64_t)(v - 1) : LY_UNKNOWN;
    }
}

/* ---- reading and binding a row ---- */

/* Rows may come from a stranger's file: numbers that index something are held to their range. */
static int ranged(ly_stmt *s, int column, int end)
{
    int64_t v = ly_col_int(s, column);
    return v >= 0 && v < end ? (int)v : 0;
}

void ly_span_row_read(ly_stmt *s, ly_span_row *ret)
{
    ly_span_row *r = ret;
    memset(r, 0, sizeof *r);
    r->id = ly_col_int(s, 0);
    ly_str id = ly_col_str(s, 1);
    if (id.len == sizeof r->span_id)
        memcpy(&r->span_id, id.ptr, id.len);
    id = ly_col_str(s, 2);
    if (id.len == sizeof r->parent_id)
        memcpy(&r->parent_id, id.ptr, id.len);
    r->start_ns = ly_col_int(s, 3);
    r->dur_ns = ly_col_opt(s, 4);
    r->payload = ly_col_int(s, 5);
    r->resource = ly_col_int(s, 6);
    r->scope = ly_col_int(s, 7);
    r->w.name = ly_col_int(s, 8);
    r->type = ranged(s, 9, LY_TYPE__COUNT);
    r->kind = ranged(s, 10, INT32_MAX);
    r->status = ranged(s, 11, INT32_MAX);
    r->role = ranged(s, 12, LY_ROLE_ROLLUP + 1);
    r->origin = ranged(s, 13, LY_ORIGIN_JUDGE + 1);
    r->flags = (unsigned)ranged(s, 14, INT32_MAX);
    r->rules = (int)ly_col_int(s, 15);
    r->w.dialect = ly_col_int(s, 16);
    r->w.operation = ly_col_int(s, 17);
    r->w.provider = ly_col_int(s, 18);
    r->w.request_model = ly_col_int(s, 19);
    r->w.response_model = ly_col_int(s, 20);
    r->response_key = (uint64_t)ly_col_int(s, 21);
    r->w.service = ly_col_int(s, 22);
    r->w.env = ly_col_int(s, 23);
    r->w.release = ly_col_int(s, 24);
    r->w.session = ly_col_int(s, 25);
    r->w.user = ly_col_int(s, 26);
    r->w.agent = ly_col_int(s, 27);
    r->w.tool = ly_col_int(s, 28);
    r->w.prompt_name = ly_col_int(s, 29);
    r->w.prompt_version = ly_col_int(s, 30);
    r->w.finish_reason = ly_col_int(s, 31);
    r->w.service_tier = ly_col_int(s, 32);
    r->w.server_address = ly_col_int(s, 33);
    r->server_port = ly_col_opt(s, 34);
    r->w.error_type = ly_col_int(s, 35);
    r->error_message = ly_col_str(s, 36);
    r->attempt = ly_col_int(s, 37);
    r->ttft_ns = ly_col_opt(s, 38);
    r->usage_mode = (unsigned)ly_col_int(s, 39);
    r->tokens.in_fresh = ly_col_count(s, 40);
    r->tokens.cache_read = ly_col_count(s, 41);
    r->tokens.cache_write = ly_col_count(s, 42);
    r->tokens.cache_write_1h = ly_col_count(s, 43);
    r->tokens.out_visible = ly_col_count(s, 44);
    r->tokens.out_reasoning = ly_col_count(s, 45);
    r->tokens.unattributed = ly_col_count(s, 46);
    ly_side_read(ly_col_str(s, 47), &r->tokens);
    r->client_cost_pico = ly_col_opt(s, 48);
    r->client_cost_source = ranged(s, 49, LY_COST_PRICE_TABLE + 1);
    r->priced.amount_pico = ly_col_opt(s, 50);
    r->priced.why = (ly_price_why)ranged(s, 51, LY_PRICE__COUNT);
    r->priced.row = ly_col_int(s, 52);
    r->priced.tier = (int32_t)ly_col_int(s, 53);
    r->w.trace_name = ly_col_int(s, 54);
    r->w.access_key = ly_col_int(s, 55);
}

/* NULL for what is usual, so that a row holds only what was said. */
static void bind_nonzero(ly_stmt *s, int i, int64_t v)
{
    if (v)
        ly_bind_int(s, i, v);
    else
        ly_bind_null(s, i);
}

void ly_span_row_bind(ly_stmt *s, const ly_span_row *r, uint8_t side[static 64])
{
    ly_bind_int(s, 1, r->id);
    ly_bind_blob(s, 2, &r->span_id, sizeof r->span_id);
    if (ly_span_id_zero(r->parent_id))
        ly_bind_null(s, 3);
    else
        ly_bind_blob(s, 3, &r->parent_id, sizeof r->parent_id);
    ly_bind_int(s, 4, r->start_ns);
    ly_bind_opt(s, 5, r->dur_ns);
    ly_bind_int(s, 6, r->payload);
    ly_bind_int(s, 7, r->resource);
    ly_bind_int(s, 8, r->scope);
    ly_bind_int(s, 9, r->w.name);
    ly_bind_int(s, 10, r->type);
    ly_bind_int(s, 11, r->kind);
    ly_bind_int(s, 12, r->status);
    ly_bind_int(s, 13, r->role);
    ly_bind_int(s, 14, r->origin);
    ly_bind_int(s, 15, r->flags);
    ly_bind_int(s, 16, r->rules);
    ly_bind_word(s, 17, r->w.dialect);
    ly_bind_word(s, 18, r->w.operation);
    ly_bind_word(s, 19, r->w.provider);
    ly_bind_word(s, 20, r->w.request_model);
    ly_bind_word(s, 21, r->w.response_model);
    bind_nonzero(s, 22, (int64_t)r->response_key);
    ly_bind_word(s, 23, r->w.service);
    ly_bind_word(s, 24, r->w.env);
    ly_bind_word(s, 25, r->w.release);
    ly_bind_word(s, 26, r->w.session);
    ly_bind_word(s, 27, r->w.user);
    ly_bind_word(s, 28, r->w.agent);
    ly_bind_word(s, 29, r->w.tool);
    ly_bind_word(s, 30, r->w.prompt_name);
    ly_bind_word(s, 31, r->w.prompt_version);
    ly_bind_word(s, 32, r->w.finish_reason);
    ly_bind_word(s, 33, r->w.service_tier);
    ly_bind_word(s, 34, r->w.server_address);
    ly_bind_opt(s, 35, r->server_port);
    ly_bind_word(s, 36, r->w.error_type);
    ly_bind_text(s, 37, r->error_message.len ? r->error_message : LY_STR_NONE);
    bind_nonzero(s, 38, r->attempt);
    ly_bind_opt(s, 39, r->ttft_ns);
    ly_bind_int(s, 40, r->usage_mode);
    ly_bind_opt(s, 41, r->tokens.in_fresh);
    ly_bind_opt(s, 42, r->tokens.cache_read);
    ly_bind_opt(s, 43, r->tokens.cache_write);
    ly_bind_opt(s, 44, r->tokens.cache_write_1h);
    ly_bind_opt(s, 45, r->tokens.out_visible);
    ly_bind_opt(s, 46, r->tokens.out_reasoning);
    ly_bind_opt(s, 47, r->tokens.unattributed);
    size_t n = ly_side_write(&r->tokens, side);
    if (n)
        ly_bind_blob(s, 48, side, n);
    else
        ly_bind_null(s, 48);
    ly_bind_opt(s, 49, r->client_cost_pico);
    bind_nonzero(s, 50, r->client_cost_source);
    ly_bind_opt(s, 51, r->priced.amount_pico);
    bind_nonzero(s, 52, r->priced.why);
    bind_nonzero(s, 53, r->priced.row);
    bind_nonzero(s, 54, r->priced.tier);
    ly_bind_word(s, 55, r->w.trace_name);
    ly_bind_word(s, 56, r->w.access_key);
}

/* ---- from what was understood ---- */

ly_status ly_span_row_words(ly_db *db, const ly_span *span, const ly_canon *c, ly_span_words *ret,
                            ly_err *err)
{
    const struct {
        ly_str text;
        int64_t *id;
    } words[] = {
        {span->name, &ret->name},
        {ly_str_c(c->dialect), &ret->dialect},
        {c->operation, &ret->operation},
        {c->provider, &ret->provider},
        {c->request_model, &ret->request_model},
        {c->response_model, &ret->response_model},
        {c->service, &ret->service},
        {c->env, &ret->env},
        {c->release, &ret->release},
        {c->session, &ret->session},
        {c->user, &ret->user},
        {c->agent_name, &ret->agent},
        {c->tool_name, &ret->tool},
        {c->prompt_name, &ret->prompt_name},
        {c->prompt_version, &ret->prompt_version},
        {c->finish_reason, &ret->finish_reason},
        {c->service_tier, &ret->service_tier},
        {c->server_address, &ret->server_address},
        {c->error_type, &ret->error_type},
        {c->trace_name, &ret->trace_name},
        {c->access_key, &ret->access_key},
    };
    for (size_t i = 0; i < LY_COUNT(words); i++) {
        *words[i].id = 0;
        if (words[i].text.len) {
            ly_status st = ly_word_put(db, words[i].text, words[i].id, err);
            if (st)
                return st;
        }
    }
    return LY_OK;
}

static unsigned flags_of(const ly_span *span, const ly_canon *c)
{
    bool dropped = span->attrs.dropped || span->dropped_events || span->dropped_links;
    return (c->error ? LY_SPAN_ERROR : 0u) | (c->pending ? LY_SPAN_PENDING : 0u) |
           (c->streaming ? LY_SPAN_STREAMING : 0u) | (c->withheld ? LY_SPAN_WITHHELD : 0u) |
           (c->has_input ? LY_SPAN_HAS_INPUT : 0u) | (c->has_output ? LY_SPAN_HAS_OUTPUT : 0u) |
           (span->invalid_utf8 ? LY_SPAN_BAD_UTF8 : 0u) | (dropped ? LY_SPAN_DROPPED : 0u);
}

void ly_span_row_from(const ly_span *span, const ly_canon *c, ly_priced priced, ly_span_row *ret)
{
    int64_t start = (int64_t)span->start_ns, end = (int64_t)span->end_ns;
    ly_str message = ly_utf8_cut(c->error_message, LY_MAX_ERROR_MESSAGE);
    if (message.len && (!ly_utf8_valid(message) || memchr(message.ptr, 0, message.len)))
        message = LY_STR_NONE; /* the payload has it */
    *ret = (ly_span_row){
        .span_id = span->span_id,
        .parent_id = span->parent_id,
        .start_ns = start,
        .dur_ns = end == 0 || c->pending ? LY_UNKNOWN : end - start,
        .type = (int)c->type,
        .kind = span->kind,
        .status = span->status_code,
        .role = (int)c->role,
        .origin = (int)c->origin,
        .flags = flags_of(span, c),
        .rules = c->rules_version,
        .response_key = ly_tree_key(c->response_id),
        .server_port = c->server_port > 0 ? c->server_port : LY_UNKNOWN,
        .attempt = c->attempt,
        .ttft_ns = c->ttft_ns,
        .usage_mode = c->usage_mode,
        .tokens = c->tokens,
        .client_cost_pico = c->client_cost_pico,
        .client_cost_source = (int)c->client_cost_source,
        .priced = priced,
        .error_message = message,
    };
}

/* ---- to readers ---- */

void ly_row_ids_of(const ly_span_row *r, ly_trace_id trace, ly_row_ids *ret)
{
    ly_row_ids_set(
        ret, trace, r->span_id, r->parent_id, r->start_ns,
        r->dur_ns == LY_UNKNOWN ? 0 : (int64_t)((uint64_t)r->start_ns + (uint64_t)r->dur_ns));
}

static int64_t end_of(const ly_span_row *r)
{
    return r->dur_ns == LY_UNKNOWN ? LY_UNKNOWN
                                   : (int64_t)((uint64_t)r->start_ns + (uint64_t)r->dur_ns);
}

void ly_tree_node_of_row(const ly_span_row *r, ly_tree_node *ret)
{
    int64_t model = r->w.response_model ? r->w.response_model : r->w.request_model;
    int64_t end = end_of(r);
    *ret = (ly_tree_node){
        .span_id = r->span_id,
        .parent_id = r->parent_id,
        .type = (uint8_t)r->type,
        .role = (uint8_t)r->role,
        .origin = (uint8_t)r->origin,
        .kind = (uint8_t)(r->kind < 0 || r->kind > 255 ? 0 : r->kind),
        .flags = (uint8_t)((r->flags & LY_SPAN_ERROR ? LY_NODE_ERROR : 0) |
                           (r->flags & LY_SPAN_SYNTHETIC ? LY_NODE_SYNTHETIC : 0) |
                           (r->priced.why == LY_PRICE_LOCAL ? LY_NODE_FREE : 0) |
                           (r->priced.why == LY_PRICE_PARTIAL ? LY_NODE_PARTIAL : 0) |
                           (r->dur_ns == LY_UNKNOWN ? LY_NODE_PENDING : 0)),
        .start_ns = r->start_ns,
        .end_ns = end == LY_UNKNOWN ? r->start_ns : end,
        .tokens = r->tokens,
        .client_cost_pico = r->client_cost_pico,
        .book_cost_pico = r->priced.amount_pico,
        .response_key = r->response_key,
        /* Word ids tell models and dialects apart as well as hashes of their names do. */
        .model_key = (uint64_t)model,
        .told_by = (uint64_t)r->w.dialect,
    };
}

ly_status ly_memo_text(ly_db *db, ly_word_memo *memo, int64_t id, ly_str *ret, ly_err *err)
{
    *ret = LY_STR_NONE;
    if (id <= 0)
        return LY_OK;
    if (!memo->ids) {
        memo->ids = LY_ARENA_ARRAY(memo->arena, int64_t, LY_MEMO_SLOTS);
        memo->texts = LY_ARENA_ARRAY(memo->arena, ly_str, LY_MEMO_SLOTS);
        if (!memo->ids || !memo->texts)
            return LY_NOMEM(err);
    }
    size_t at = (size_t)id % LY_MEMO_SLOTS;
    if (memo->ids[at] != id) {
        ly_status st = ly_word_text(db, id, memo->arena, &memo->texts[at], err);
        if (st)
            return st;
        memo->ids[at] = id;
    }
    *ret = memo->texts[at];
    return LY_OK;
}

bool ly_store_lost(const ly_node *node, int64_t now_ns)
{
    int64_t heard = node->heard_ns == LY_UNKNOWN ? INT64_MIN : node->heard_ns;
    heard = node->start_ns > heard ? node->start_ns : heard;
    return (node->flags & LY_SPAN_PENDING) && now_ns - heard > LY_LOST_NS;
}

static ly_status heard_read(ly_db *db, int64_t resource, int64_t *ret, ly_err *err)
{
    ly_stmt *s = NULL;
    bool row = false;
    ly_status st = ly_db_prep(db, "SELECT heard_ns FROM resource WHERE id = ?1", &s, err);
    if (st)
        return st;
    ly_bind_int(s, 1, resource);
    st = ly_db_step(db, s, &row, err);
    if (!st && row)
        *ret = ly_col_opt(s, 0);
    ly_db_reset(s);
    return st;
}

ly_status ly_node_of_row(ly_db *db, const ly_span_row *r, ly_word_memo *memo, ly_node *ret,
                         ly_err *err)
{
    ly_node *n = ret;
    memset(n, 0, sizeof *n);
    ly_canon *c = &n->canon;
    ly_str dialect = LY_STR_NONE;
    const struct {
        int64_t id;
        ly_str *text;
    } words[] = {
        {r->w.name, &n->name},
        {r->w.dialect, &dialect},
        {r->w.operation, &c->operation},
        {r->w.provider, &c->provider},
        {r->w.request_model, &c->request_model},
        {r->w.response_model, &c->response_model},
        {r->w.service, &c->service},
        {r->w.env, &c->env},
        {r->w.release, &c->release},
        {r->w.session, &c->session},
        {r->w.user, &c->user},
        {r->w.agent, &c->agent_name},
        {r->w.tool, &c->tool_name},
        {r->w.prompt_name, &c->prompt_name},
        {r->w.prompt_version, &c->prompt_version},
        {r->w.finish_reason, &c->finish_reason},
        {r->w.service_tier, &c->service_tier},
        {r->w.server_address, &c->server_address},
        {r->w.error_type, &c->error_type},
        {r->w.trace_name, &c->trace_name},
        {r->w.access_key, &c->access_key},
    };
    for (size_t i = 0; i < LY_COUNT(words); i++) {
        ly_status st = ly_memo_text(db, memo, words[i].id, words[i].text, err);
        if (st)
            return st;
    }
    if (r->error_message.len) {
        c->error_message = ly_arena_copy(memo->arena, r->error_message);
        if (!c->error_message.ptr)
            return LY_NOMEM(err);
    }
    n->span_id = r->span_id;
    n->parent_id = r->parent_id;
    n->start_ns = r->start_ns;
    n->end_ns = end_of(r);
    n->kind = r->kind;
    n->status_code = r->status;
    n->flags = r->flags;
    n->priced = r->priced;
    n->response_key = r->response_key;
    n->parent = n->first_child = n->next_sibling = LY_NO_NODE;
    n->self_ns = LY_UNKNOWN;
    c->rules_version = (uint16_t)r->rules;
    c->type = (ly_type)r->type;
    c->role = (ly_role)r->role;
    c->origin = (ly_origin)r->origin;
    c->dialect = dialect.ptr ? dialect.ptr : "";
    c->server_port = r->server_port;
    c->tokens = r->tokens;
    c->usage_mode = r->usage_mode;
    c->ttft_ns = r->ttft_ns;
    c->client_cost_pico = r->client_cost_pico;
    c->client_cost_source = (ly_cost_source)r->client_cost_source;
    c->error = r->flags & LY_SPAN_ERROR;
    c->streaming = r->flags & LY_SPAN_STREAMING;
    c->pending = r->flags & LY_SPAN_PENDING;
    c->withheld = r->flags & LY_SPAN_WITHHELD;
    c->has_input = r->flags & LY_SPAN_HAS_INPUT;
    c->has_output = r->flags & LY_SPAN_HAS_OUTPUT;
    c->attempt = (int32_t)r->attempt;
    n->heard_ns = LY_UNKNOWN;
    return c->pending ? heard_read(db, r->resource, &n->heard_ns, err) : LY_OK;
}
