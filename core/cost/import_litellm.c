/*
 * LiteLLM's model_prices_and_context_window.json: an object of models, each an object whose keys end in
 * _cost or hold "cost_per". A key is a unit, then how it was bought:
 *
 *     input_cost_per_token _above_200k_tokens _priority
 *     `-- unit             `-- context tier   `-- service tier
 *
 * Prices are a token, second, query; ours a million, hour, thousand. A model's provider is
 * litellm_provider; "provider/" before the model's name is taken off.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "cost/import_i.h"

/* LiteLLM's key, our unit, the power of ten from its unit to ours, and a factor (3600: hours). */
static const struct {
    const char *key;
    ly_unit unit;
    int shift;
    int factor;
} costs[] = {
    {"input_cost_per_token", LY_UNIT_IN, 6, 1},
    {"output_cost_per_token", LY_UNIT_OUT, 6, 1},
    {"cache_read_input_token_cost", LY_UNIT_CR, 6, 1},
    {"cache_creation_input_token_cost", LY_UNIT_CW, 6, 1},
    {"cache_creation_input_token_cost_above_1hr", LY_UNIT_CW1, 6, 1},
    {"output_cost_per_reasoning_token", LY_UNIT_REASON, 6, 1},
    {"input_cost_per_audio_token", LY_UNIT_AUDIO_IN, 6, 1},
    {"output_cost_per_audio_token", LY_UNIT_AUDIO_OUT, 6, 1},
    {"cache_read_input_audio_token_cost", LY_UNIT_AUDIO_CR, 6, 1},
    {"cache_read_input_token_cost_per_audio_token", LY_UNIT_AUDIO_CR, 6, 1},
    {"cache_creation_input_audio_token_cost", LY_UNIT_AUDIO_CW, 6, 1},
    {"input_cost_per_image_token", LY_UNIT_IMAGE_IN, 6, 1},
    {"output_cost_per_image_token", LY_UNIT_IMAGE_OUT, 6, 1},
    {"cache_read_input_image_token_cost", LY_UNIT_IMAGE_CR, 6, 1},
    {"input_cost_per_video_token", LY_UNIT_VIDEO_IN, 6, 1},
    {"output_cost_per_video_token", LY_UNIT_VIDEO_OUT, 6, 1},
    {"input_cost_per_token_cache_hit", LY_UNIT_CR, 6, 1},
    {"citation_cost_per_token", LY_UNIT_CITE, 6, 1},
    {"input_cost_per_pixel", LY_UNIT_PIXELS, 9, 1},
    {"file_search_cost_per_1k_calls", LY_UNIT_STORAGE, 0, 1},
    {"code_interpreter_cost_per_session", LY_UNIT_CODE, 3, 1},
    {"input_cost_per_character", LY_UNIT_CHARS, 6, 1},
    {"input_cost_per_query", LY_UNIT_RERANKS, 3, 1},
    {"input_cost_per_request", LY_UNIT_REQUESTS, 3, 1},
    {"input_cost_per_second", LY_UNIT_AUDIO_S_IN, 0, 3600},
    {"input_cost_per_audio_per_second", LY_UNIT_AUDIO_S_IN, 0, 3600},
    {"output_cost_per_second", LY_UNIT_AUDIO_S_OUT, 0, 3600},
    {"ocr_cost_per_page", LY_UNIT_PAGES, 3, 1},
    {"annotation_cost_per_page", LY_UNIT_PAGES_ANN, 3, 1},
};

static const struct {
    const char *litellm, *ours;
} providers[] = {
    {"vertex_ai", "google"},
    {"gemini", "google"},
    {"bedrock", "aws"},
    {"azure", "azure"},
    {"text-completion-openai", "openai"},
    {"fireworks_ai", "fireworks"},
    {"together_ai", "together"},
    {"cohere", "cohere"},
    {"xai", "x-ai"},
    {"codestral", "mistral"},
    {"text-completion-codestral", "mistral"},
    {"moonshot", "moonshotai"},
    {"voyage", "voyageai"},
};

static const char *const service_tiers[] = {"batches", "flex", "priority"};
static const char *const service_names[] = {"batch", "flex", "priority"};
#define STANDARD LY_COUNT(service_tiers)
#define ROWS     (LY_COUNT(service_tiers) + 1)

typedef struct reader {
    ly_price_book *book;
    ly_import_notes *notes;
    ly_err *err;
    ly_price_set sets[ROWS];
    ly_str model, mode; /* that is being read */
    ly_buf unapplied;   /* what its rows' note says */
} reader;

static ly_str provider_of(ly_str given)
{
    for (size_t i = 0; i < LY_COUNT(providers); i++) {
        ly_str name = ly_str_c(providers[i].litellm);
        /* "vertex_ai-language-models", "bedrock_converse", "azure_ai", "cohere_chat" */
        bool longer = given.len > name.len && ly_str_starts(given, name) &&
                      (given.ptr[name.len] == '-' || given.ptr[name.len] == '_');
        if (ly_str_eq(given, name) || longer) {
            return ly_str_c(providers[i].ours);
        }
    }
    return given;
}

/* Takes "_priority" and the like off the key's end. */
static size_t take_service_tier(ly_str *key)
{
    for (size_t i = 0; i < LY_COUNT(service_tiers); i++) {
        ly_str tail = ly_str_c(service_tiers[i]);
        if (ly_str_ends(*key, tail) && key->len > tail.len + 1 &&
            key->ptr[key->len - tail.len - 1] == '_') {
            key->len -= tail.len + 1;
            return i;
        }
    }
    return STANDARD;
}

/* Takes "_above_200k_tokens" off the key's end; 0 = none. */
static int64_t take_context_tier(ly_str *key)
{
    static const char head[] = "_above_", tail[] = "k_tokens";
    size_t at = SIZE_MAX;
    if (!ly_str_ends(*key, ly_str_c(tail))) {
        return 0;
    }
    for (size_t next = ly_str_find(*key, ly_str_c(head), 0); next != SIZE_MAX;
         next = ly_str_find(*key, ly_str_c(head), next + 1)) {
        at = next;
    }
    int64_t thousands;
    size_t from = at + sizeof head - 1;
    if (at == SIZE_MAX || from + sizeof tail - 1 >= key->len ||
        !ly_str_to_i64(ly_str_sub(*key, from, key->len - from - (sizeof tail - 1)), &thousands) ||
        thousands <= 0 || thousands > 1000000) {
        return 0;
    }
    key->len = at;
    return thousands * 1000;
}

static bool is_cost_key(ly_str key)
{
    return ly_str_find(key, LY_S("cost_per"), 0) != SIZE_MAX ||
           ly_str_find(key, LY_S("token_cost"), 0) != SIZE_MAX ||
           ly_str_find(key, LY_S("uplift"), 0) != SIZE_MAX;
}

/* A price that no call's counts stand for, or that depends on what spans do not say. */
static void not_applied(reader *r, ly_str key)
{
    import_note_key(r->notes, key, r->model);
    ly_buf_fmt(&r->unapplied, "%s%.*s", r->unapplied.len ? ", " : "not applied: ", LY_STR_ARG(key));
}

/* Seconds are of audio; where a host charges the time of a machine they are something else. */
static bool fits_mode(const reader *r, ly_unit unit)
{
    bool seconds = unit == LY_UNIT_AUDIO_S_IN || unit == LY_UNIT_AUDIO_S_OUT;
    return !seconds || ly_str_starts(r->mode, LY_S("audio_")) || r->mode.len == 0;
}

static ly_status read_cost(reader *r, ly_str key, const ly_json *value)
{
    ly_str unit_key = key;
    size_t row = take_service_tier(&unit_key);
    int64_t above = take_context_tier(&unit_key);
    if (row == STANDARD) { /* the other order occurs too */
        row = take_service_tier(&unit_key);
    }
    for (size_t i = 0; i < LY_COUNT(costs); i++) {
        ly_rate rate;
        if (!ly_str_eqc(unit_key, costs[i].key) || !fits_mode(r, costs[i].unit)) {
            continue;
        }
        if ((value->kind != LY_JSON_INT && value->kind != LY_JSON_REAL) ||
            !ly_rate_parse(value->raw, costs[i].shift, &rate)) {
            return LY_FAIL(r->err, LY_E_FORMAT, "%.*s is not a number of at least 0",
                           LY_STR_ARG(key));
        }
        rate *= costs[i].factor;
        bool good = above ? ly_price_set_step(&r->sets[row], costs[i].unit, above, rate)
                          : ly_price_set_base(&r->sets[row], costs[i].unit, rate);
        (void)good; /* two spellings of one price: the first stands */
        return LY_OK;
    }
    not_applied(r, key);
    return LY_OK;
}

/* "search_context_cost_per_query": {"search_context_size_low": 0.03, ...}. Spans do not say the size: it is
 * a price only where all sizes cost the same. */
static ly_status read_search(reader *r, ly_str key, const ly_json *value)
{
    ly_rate first = -1, rate;
    bool same = ly_json_is(value, LY_JSON_OBJECT) && value->object.n > 0;
    for (size_t i = 0; same && i < value->object.n; i++) {
        const ly_json *one = &value->object.items[i].value;
        same = (one->kind == LY_JSON_INT || one->kind == LY_JSON_REAL) &&
               ly_rate_parse(one->raw, 3, &rate) && (first < 0 || rate == first);
        first = same ? rate : first;
    }
    if (!same || !ly_price_set_base(&r->sets[STANDARD], LY_UNIT_WEB, first)) {
        not_applied(r, key);
    }
    return LY_OK;
}

/* "tiered_pricing": [{"range": [0, 32000], "input_cost_per_token": 1e-06, ...}, ...]: the whole request is
 * charged by the range that its input falls into. */
static bool read_range(reader *r, const ly_json *tier, bool base)
{
    int64_t start = 0;
    const ly_json *from = ly_json_at(ly_json_get(tier, "range"), 0);
    if (!from || !ly_json_i64(from, &start) || start < 0 || (start == 0) != base) {
        return false;
    }
    for (size_t i = 0; i < tier->object.n; i++) {
        const ly_json_member *cost = &tier->object.items[i];
        size_t k = 0;
        ly_rate rate;
        while (k < LY_COUNT(costs) && !ly_str_eqc(cost->key, costs[k].key)) {
            k++;
        }
        if (k == LY_COUNT(costs)) {
            if (!ly_str_eqc(cost->key, "range")) {
                not_applied(r, cost->key);
            }
            continue;
        }
        if ((cost->value.kind != LY_JSON_INT && cost->value.kind != LY_JSON_REAL) ||
            !ly_rate_parse(cost->value.raw, costs[k].shift, &rate) ||
            !(base ? ly_price_set_base(&r->sets[STANDARD], costs[k].unit, rate)
                   : ly_price_set_step(&r->sets[STANDARD], costs[k].unit, start, rate))) {
            return false;
        }
    }
    return true;
}

static bool read_ranges(reader *r, const ly_json *list)
{
    size_t n = ly_json_count(list);
    bool good = ly_json_is(list, LY_JSON_ARRAY) && n > 0;
    for (size_t i = 0; good && i < n; i++) {
        const ly_json *tier = ly_json_at(list, i);
        good = ly_json_is(tier, LY_JSON_OBJECT) && read_range(r, tier, i == 0);
    }
    return good;
}

/* A step without a base: the price below the threshold is the standard row's. */
static bool complete(const reader *r, ly_price_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->items[i].base >= 0) {
            continue;
        }
        const ly_price_set *standard = &r->sets[STANDARD];
        for (size_t k = 0; k < standard->n; k++) {
            if (standard->items[k].unit == set->items[i].unit) {
                set->items[i].base = standard->items[k].base;
            }
        }
        if (set->items[i].base < 0) {
            return false;
        }
    }
    return true;
}

static ly_status add_rows(reader *r, size_t provider, size_t model, ly_str source)
{
    for (size_t i = ROWS; i-- > 0;) { /* the standard row first */
        ly_price_set *set = &r->sets[i];
        if (set->n == 0) {
            continue;
        }
        ly_price_row row = {.from_ns = INT64_MIN,
                            .to_ns = INT64_MAX,
                            .day_from_s = -1,
                            .day_to_s = -1,
                            .source = source,
                            .note = ly_str_sub(ly_buf_view(&r->unapplied), 0, 240),
                            .prices = set->items,
                            .n_prices = set->n};
        row.service_tier = i == STANDARD ? LY_S("") : ly_str_c(service_names[i]);
        ly_status status = ly_price_add_row(r->book, provider, model, &row, r->err);
        if (status != LY_OK) {
            return status;
        }
    }
    return LY_OK;
}

static ly_str model_name(ly_str key, ly_str litellm_provider)
{
    if (ly_str_starts(key, litellm_provider) && key.len > litellm_provider.len + 1 &&
        key.ptr[litellm_provider.len] == '/') {
        return ly_str_sub(key, litellm_provider.len + 1, key.len);
    }
    static const char *const heads[] = {"bedrock/", "vertex_ai/", "azure/", "azure_ai/", "cohere/"};
    for (size_t i = 0; i < LY_COUNT(heads); i++) {
        if (ly_str_starts(key, ly_str_c(heads[i]))) {
            return ly_str_sub(key, strlen(heads[i]), key.len);
        }
    }
    return key;
}

typedef struct known_provider {
    ly_str id;
    size_t place;
} known_provider;

static ly_status provider_place(reader *r, known_provider *known, size_t *n, ly_str id, size_t *ret)
{
    for (size_t i = 0; i < *n; i++) {
        if (ly_str_eq(known[i].id, id)) {
            *ret = known[i].place;
            return LY_OK;
        }
    }
    if (*n == 512) {
        return LY_FAIL(r->err, LY_E_LIMIT, "more than 512 providers");
    }
    ly_status status = ly_price_add_provider_known(r->book, id, ret, r->err);
    if (status == LY_OK) {
        known[(*n)++] = (known_provider){id, *ret};
    }
    return status;
}

static ly_status read_member(reader *r, const ly_json_member *cost)
{
    bool number = cost->value.kind == LY_JSON_INT || cost->value.kind == LY_JSON_REAL ||
                  cost->value.kind == LY_JSON_STRING;
    if (ly_str_eqc(cost->key, "search_context_cost_per_query")) {
        return read_search(r, cost->key, &cost->value);
    }
    if (ly_str_eqc(cost->key,
                   "off_peak_pricing")) { /* its hours may be of other zones and weekdays */
        not_applied(r, cost->key);
        return LY_OK;
    }
    return is_cost_key(cost->key) && number ? read_cost(r, cost->key, &cost->value) : LY_OK;
}

static ly_status read_model(reader *r, const ly_json_member *member, known_provider *known,
                            size_t *n)
{
    const ly_json *node = &member->value;
    ly_str given = ly_json_str(ly_json_get(node, "litellm_provider"));
    if (!given.len || member->key.len == 0 || member->key.len > 200 ||
        ly_str_eqc(member->key, "sample_spec")) {
        return LY_OK;
    }
    r->model = member->key;
    r->mode = ly_json_str(ly_json_get(node, "mode"));
    ly_buf_reset(&r->unapplied);
    for (size_t i = 0; i < ROWS; i++) {
        ly_price_set_init(&r->sets[i]);
    }
    const ly_json *ranges = ly_json_get(node, "tiered_pricing");
    if (ranges && !read_ranges(r, ranges)) {
        import_note_skipped(r->notes, member->key, "tiered_pricing of a form that is not known");
        return LY_OK;
    }
    ly_status status = LY_OK;
    for (size_t i = 0; status == LY_OK && i < node->object.n; i++) {
        status = read_member(r, &node->object.items[i]);
    }
    for (size_t i = 0; status == LY_OK && i < ROWS; i++) {
        if (!complete(r, &r->sets[i])) {
            import_note_skipped(r->notes, member->key, "a long-context price without a base price");
            return LY_OK;
        }
    }
    size_t provider = 0, model = 0;
    ly_clause *match = NULL;
    ly_str name = model_name(member->key, given);
    if (status == LY_OK) {
        status = provider_place(r, known, n, provider_of(given), &provider);
    }
    if (status == LY_OK) {
        status = ly_clause_leaf(r->book, LY_CLAUSE_EQUALS, name, &match, r->err);
    }
    if (status == LY_OK) {
        status = ly_price_add_model(r->book, provider, name, match, &model, r->err);
    }
    if (status == LY_OK) {
        status = add_rows(r, provider, model, ly_json_str(ly_json_get(node, "source")));
    }
    return status;
}

ly_status import_litellm(ly_price_book *book, const ly_json *doc, ly_import_notes *notes,
                         ly_err *err)
{
    if (!ly_json_is(doc, LY_JSON_OBJECT)) {
        return LY_FAIL(err, LY_E_FORMAT, "not an object of models; is this LiteLLM's price file?");
    }
    reader *r = ly_calloc(1, sizeof *r);
    known_provider *known = ly_calloc(512, sizeof *known);
    ly_status status = r && known ? LY_OK : LY_NOMEM(err);
    size_t n = 0;
    if (status == LY_OK) {
        r->book = book;
        r->notes = notes;
        r->err = err;
        ly_buf_init(&r->unapplied, LY_KIB(64));
    }
    for (size_t i = 0; status == LY_OK && i < doc->object.n; i++) {
        status = read_model(r, &doc->object.items[i], known, &n);
        if (status != LY_OK) {
            status = ly_err_wrap(err, "model '%.*s'", LY_STR_ARG(doc->object.items[i].key));
        }
    }
    if (status == LY_OK && n == 0) {
        status = LY_FAIL(err, LY_E_FORMAT, "no models; is this LiteLLM's price file?");
    }
    if (r) {
        ly_buf_release(&r->unapplied);
    }
    ly_free(known);
    ly_free(r);
    return status;
}
