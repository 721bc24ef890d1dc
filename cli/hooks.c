/*
 * What the collector borrows from rooms it may not include: the price book in force, prompts by
 * NAME@REF, scores. Prompts and scores have one store handle each, opened at the first request and
 * guarded by a lock, since the HTTP receiver may have two threads.
 */
#include <math.h>
#include <pthread.h>

#include "base/mem.h"
#include "cli/collecting.h"
#include "cli/costing.h"
#include "store/prompt.h"
#include "store/score.h"
#include "text/json.h"
#include "text/jsonw.h"

#define MAX_SCORES 1000

typedef struct hooks {
    char *db;
    pthread_mutex_t lock;
    ly_store *reader, *writer;
} hooks;

static ly_status open_one(hooks *h, ly_store_role role, ly_store **store, ly_err *err)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = role;
    opts.create = false;
    opts.busy_timeout_ns = 5000000000LL;
    opts.cache_bytes = LY_MIB(1);
    return *store ? LY_OK : ly_store_open(h->db, &opts, store, err);
}

/* ------------------------------------------------------------------- prices */

static ly_price_book *load_book(void *user, ly_err *err)
{
    hooks *h = user;
    return ly_costing_load_book(h->db, err);
}

/* ------------------------------------------------------------------ prompts */

static void json_names(ly_jsonw *w, const char *key, ly_str list)
{
    ly_str name;
    ly_jsonw_key(w, key);
    ly_jsonw_array(w);
    while (ly_str_split(&list, ',', &name)) {
        if (name.len)
            ly_jsonw_str(w, name);
    }
    ly_jsonw_array_end(w);
}

static ly_status write_prompt(const ly_prompt_version *v, ly_buf *out, ly_err *err)
{
    ly_jsonw w;
    char hash[65];
    ly_hex_encode(v->hash, sizeof v->hash, hash);
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_kv_str(&w, "name", v->name);
    ly_jsonw_kv_i64(&w, "version", v->number);
    ly_jsonw_kv_c(&w, "hash", hash);
    ly_jsonw_kv_str(&w, "body", v->body);
    json_names(&w, "aliases", v->aliases);
    json_names(&w, "tags", v->tags);
    ly_jsonw_kv_i64(&w, "made_ns", v->made_ns);
    ly_jsonw_object_end(&w);
    return ly_jsonw_end(&w, err);
}

static ly_status get_prompt(void *user, ly_str name_and_ref, ly_buf *out, ly_err *err)
{
    hooks *h = user;
    ly_prompt_version version;
    ly_arena arena;
    ly_arena_init(&arena, 0, LY_MIB(32));
    pthread_mutex_lock(&h->lock);
    ly_status status = open_one(h, LY_STORE_READER, &h->reader, err);
    if (!status)
        status = ly_prompt_get(h->reader, name_and_ref, &arena, &version, err);
    pthread_mutex_unlock(&h->lock);
    if (!status)
        status = write_prompt(&version, out, err);
    ly_arena_release(&arena);
    return status;
}

/* ------------------------------------------------------------------- scores */

static ly_str text_of(const ly_json *node, const char *key)
{
    ly_str text = ly_json_str(ly_json_get(node, key));
    return ly_str_given(text) ? text : LY_S("");
}

static ly_status read_ids(const ly_json *node, ly_score *score, ly_err *err)
{
    ly_str trace = text_of(node, "trace_id"), span = text_of(node, "span_id"),
           id = text_of(node, "score_id");
    if (trace.len && !ly_hex_decode(trace, score->trace_id.b, sizeof score->trace_id.b))
        return LY_FAIL(err, LY_E_INVALID, "trace_id must be 32 hex digits");
    if (span.len && !ly_hex_decode(span, score->span_id.b, sizeof score->span_id.b))
        return LY_FAIL(err, LY_E_INVALID, "span_id must be 16 hex digits");
    if (id.len && !ly_hex_decode(id, score->score_id, sizeof score->score_id))
        return LY_FAIL(err, LY_E_INVALID, "score_id must be 32 hex digits");
    return LY_OK;
}

static ly_status read_score(const ly_json *node, ly_score *score, ly_err *err)
{
    const ly_json *value = ly_json_get(node, "value");
    ly_str source = text_of(node, "source");
    bool yes = false;
    *score = (ly_score){.source = LY_SCORE_APP, .value = NAN, .session = text_of(node, "session")};
    score->name = text_of(node, "name");
    score->label = text_of(node, "label");
    score->reason = text_of(node, "reason");
    score->actor = text_of(node, "actor");
    if (ly_json_is(node, LY_JSON_OBJECT) == false)
        return LY_FAIL(err, LY_E_INVALID,
                       "a score is an object with name, value or label, and trace_id");
    if (ly_json_bool(value, &yes))
        score->value = yes ? 1 : 0;
    else if (ly_json_is(value, LY_JSON_STRING))
        score->label = ly_json_str(value);
    else if (value && !ly_json_is(value, LY_JSON_NULL) && !ly_json_double(value, &score->value))
        return LY_FAIL(err, LY_E_INVALID, "value must be a number, true, false or a label");
    if (source.len && (!ly_score_source_parse(source, &score->source) ||
                       score->source == LY_SCORE_CHECK || score->source == LY_SCORE_JUDGE))
        return LY_FAIL(err, LY_E_INVALID, "source must be human or app");
    /* What the store would refuse is refused here, before the first of a list is stored. */
    if (score->name.len == 0 || (isnan(score->value) && score->label.len == 0))
        return LY_FAIL(err, LY_E_INVALID, "a score needs a name and a value or a label");
    return read_ids(node, score, err);
}

static ly_status write_ids(const ly_score *scores, size_t n, ly_buf *out, ly_err *err)
{
    ly_jsonw w;
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_key(&w, "score_ids");
    ly_jsonw_array(&w);
    for (size_t i = 0; i < n; i++) {
        char hex[33];
        ly_hex_encode(scores[i].score_id, sizeof scores[i].score_id, hex);
        ly_jsonw_c(&w, hex);
    }
    ly_jsonw_array_end(&w);
    ly_jsonw_object_end(&w);
    return ly_jsonw_end(&w, err);
}

static ly_status store_scores(hooks *h, ly_score *scores, size_t n, ly_err *err)
{
    pthread_mutex_lock(&h->lock);
    ly_status status = open_one(h, LY_STORE_WRITER, &h->writer, err);
    for (size_t i = 0; i < n && !status; i++)
        status = ly_score_add(h->writer, &scores[i], err);
    pthread_mutex_unlock(&h->lock);
    return status;
}

/* One object, or {"scores":[...]}. All are read before the first is stored. */
static ly_status post_scores(void *user, ly_str text, ly_buf *out, ly_err *err)
{
    ly_arena arena;
    ly_json *doc = NULL;
    ly_arena_init(&arena, 0, LY_MIB(32));
    ly_status status = ly_json_parse(text, &arena, &doc, err);
    if (status)
        status = LY_E_INVALID;
    const ly_json *list = ly_json_get(doc, "scores");
    size_t n = list ? ly_json_count(list) : 1;
    if (!status && (n > MAX_SCORES || (list && !ly_json_is(list, LY_JSON_ARRAY))))
        status = LY_FAIL(err, LY_E_INVALID, "scores must be an array of at most %d", MAX_SCORES);
    ly_score *scores = status ? NULL : LY_ARENA_ARRAY(&arena, ly_score, n + 1);
    if (!status && !scores)
        status = LY_NOMEM(err);
    for (size_t i = 0; i < n && !status; i++)
        status = read_score(list ? ly_json_at(list, i) : doc, &scores[i], err);
    if (!status)
        status = store_scores(user, scores, n, err);
    if (!status)
        status = write_ids(scores, n, out, err);
    ly_arena_release(&arena);
    return status;
}

/* -------------------------------------------------------------------- both */

ly_status ly_collecting_lend(ly_collecting *c, ly_err *err)
{
    hooks *h = ly_calloc(1, sizeof *h);
    if (!h)
        return LY_NOMEM(err);
    h->db = ly_strdup(c->opts.db);
    pthread_mutex_init(&h->lock, NULL);
    c->lent = h;
    c->opts.hooks = (ly_collector_hooks){h, load_book, get_prompt, post_scores, NULL};
    return h->db ? LY_OK : LY_NOMEM(err);
}

void ly_collecting_end(ly_collecting *c)
{
    hooks *h = c->lent;
    if (!h)
        return;
    ly_store_close(h->reader);
    ly_store_close(h->writer);
    pthread_mutex_destroy(&h->lock);
    ly_free(h->db);
    ly_free(h);
    c->lent = NULL;
    c->opts.hooks = (ly_collector_hooks){0};
}
