/*
 * Which row prices a call: the user's own rows, local addresses, then provider, model and row.
 */
#include "base/clock.h"
#include "genai/price_i.h"

/* ---- addresses ---- */

ly_str price_host(ly_str address)
{
    size_t scheme = ly_str_find(address, LY_S("://"), 0);
    if (scheme != SIZE_MAX) {
        address = ly_str_sub(address, scheme + 3, address.len);
    }
    for (size_t i = 0; i < address.len; i++) {
        if (address.ptr[i] == '/' || address.ptr[i] == '?' || address.ptr[i] == '#') {
            address.len = i;
        }
    }
    size_t at = ly_str_find_char(address, '@', 0);
    if (at != SIZE_MAX) {
        address = ly_str_sub(address, at + 1, address.len);
    }
    if (address.len > 0 && address.ptr[0] == '[') {
        size_t close = ly_str_find_char(address, ']', 0);
        return ly_str_sub(address, 1, close == SIZE_MAX ? address.len : close - 1);
    }
    size_t colon = ly_str_find_char(address, ':', 0);
    /* one colon is a port, several are an IPv6 address */
    if (colon != SIZE_MAX && ly_str_find_char(address, ':', colon + 1) == SIZE_MAX) {
        address.len = colon;
    }
    return address;
}

static bool ipv4_parse(ly_str host, int64_t part[4])
{
    ly_str rest = host, piece;
    int n = 0;
    while (ly_str_split(&rest, '.', &piece)) {
        if (n == 4 || piece.len > 3 || !ly_str_to_i64(piece, &part[n]) || part[n] < 0 ||
            part[n] > 255) {
            return false;
        }
        n++;
    }
    return n == 4;
}

static bool ipv4_local(const int64_t p[4])
{
    return p[0] == 127 || p[0] == 10 || (p[0] == 172 && p[1] >= 16 && p[1] <= 31) ||
           (p[0] == 192 && p[1] == 168) || (p[0] == 169 && p[1] == 254) ||
           (p[0] == 100 && p[1] >= 64 && p[1] <= 127) ||
           (p[0] == 0 && p[1] == 0 && p[2] == 0 && p[3] == 0);
}

static bool ipv6_local(ly_str host)
{
    if (ly_str_eqc(host, "::1") || ly_str_eqc(host, "::")) {
        return true;
    }
    if (ly_str_starts(host, LY_S("::ffff:"))) {
        int64_t part[4];
        return ipv4_parse(ly_str_sub(host, 7, host.len), part) && ipv4_local(part);
    }
    return ly_str_starts(host, LY_S("fc")) || ly_str_starts(host, LY_S("fd")) ||
           ly_str_starts(host, LY_S("fe8")) || ly_str_starts(host, LY_S("fe9")) ||
           ly_str_starts(host, LY_S("fea")) || ly_str_starts(host, LY_S("feb"));
}

bool ly_price_address_local(ly_str address)
{
    price_lower lower;
    price_lower_init(&lower, price_host(ly_str_trim(address)));
    ly_str host = lower.view;
    int64_t part[4];
    if (host.len > 1 && host.ptr[host.len - 1] == '.') {
        host.len--;
    }
    if (ipv4_parse(host, part)) {
        return ipv4_local(part);
    }
    if (ly_str_find_char(host, ':', 0) != SIZE_MAX) {
        return ipv6_local(host);
    }
    return ly_str_eqc(host, "localhost") || ly_str_ends(host, LY_S(".localhost")) ||
           ly_str_ends(host, LY_S(".local")) || ly_str_ends(host, LY_S(".internal")) ||
           ly_str_ends(host, LY_S(".lan")) || ly_str_ends(host, LY_S(".home.arpa"));
}

/* ---- models of a provider ---- */

/* The first name entry not below `name`. */
static size_t name_lower_bound(const price_provider *p, ly_str name)
{
    size_t low = 0, high = p->n_names;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (ly_str_cmp(p->names[mid].name, name) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* The first model in the book's order whose clause matches. */
static const price_model *find_model(const price_provider *p, ly_str lower)
{
    size_t best = SIZE_MAX;
    size_t at = name_lower_bound(p, lower);
    if (at < p->n_names && ly_str_eq(p->names[at].name, lower)) {
        best = p->names[at].model;
    }
    for (size_t i = 0; i < p->n_patterns && p->patterns[i] < best; i++) {
        if (price_clause_match_lower(p->models[p->patterns[i]].match, lower)) {
            best = p->patterns[i];
        }
    }
    return best == SIZE_MAX ? NULL : &p->models[best];
}

static const price_provider *provider_by_id(const ly_price_book *book, ly_str id)
{
    for (size_t i = 0; i < book->n_providers; i++) {
        if (ly_str_eq(book->providers[i].id, id)) {
            return &book->providers[i];
        }
    }
    return NULL;
}

static const price_model *find_with_fallbacks(const ly_price_book *book, const price_provider *p,
                                              ly_str lower)
{
    const price_model *model = find_model(p, lower);
    for (size_t i = 0; !model && i < p->n_fallbacks; i++) {
        const price_provider *other = provider_by_id(book, p->fallbacks[i]);
        model = other ? find_model(other, lower) : NULL; /* one step only */
    }
    return model;
}

static bool date_at(ly_str s, size_t i)
{
    static const char least[] = "20000101", most[] = "20991231";
    for (size_t k = 0; k < 8; k++) {
        if (i + k >= s.len || s.ptr[i + k] < '0' || s.ptr[i + k] > '9') {
            return false;
        }
    }
    int month = (s.ptr[i + 4] - '0') * 10 + (s.ptr[i + 5] - '0');
    int day = (s.ptr[i + 6] - '0') * 10 + (s.ptr[i + 7] - '0');
    return memcmp(s.ptr + i, least, 2) == 0 && memcmp(s.ptr + i, most, 2) == 0 && month >= 1 &&
           month <= 12 && day >= 1 && day <= 31 &&
           (i + 8 == s.len || s.ptr[i + 8] == '-' || s.ptr[i + 8] == ':');
}

/* "gpt-5.2-20251211" -> "gpt-5.2-2025-12-11": gateways write dates so. False when there is none. */
static bool spread_date(ly_str lower, price_lower *ret)
{
    for (size_t i = 1; i < lower.len && lower.len + 2 <= sizeof ret->bytes; i++) {
        if (lower.ptr[i - 1] == '-' && date_at(lower, i)) {
            memcpy(ret->bytes, lower.ptr, i + 4);
            ret->bytes[i + 4] = '-';
            memcpy(ret->bytes + i + 5, lower.ptr + i + 4, 2);
            ret->bytes[i + 7] = '-';
            memcpy(ret->bytes + i + 8, lower.ptr + i + 6, lower.len - i - 6);
            ret->view = ly_str_n(ret->bytes, lower.len + 2);
            return true;
        }
    }
    return false;
}

/* "publishers/google/models/gemini-2.5-pro", "models/gemini-2.5-pro", "accounts/x/models/y": what stands
 * behind the last "models/" of a resource's name; empty when it is none. */
static ly_str resource_tail(ly_str lower)
{
    static const char part[] = "models/";
    size_t at = SIZE_MAX;
    for (size_t next = ly_str_find(lower, ly_str_c(part), 0); next != SIZE_MAX;
         next = ly_str_find(lower, ly_str_c(part), next + 1)) {
        at = next == 0 || lower.ptr[next - 1] == '/' ? next : at;
    }
    return at == SIZE_MAX ? LY_STR_NONE : ly_str_sub(lower, at + sizeof part - 1, lower.len);
}

/* "openai/gpt-5:nitro": how a router picks a host, not another price. ":free" is one. */
static bool cut_variant(ly_str *io_lower)
{
    static const char *const variants[] = {":nitro",    ":floor",    ":exacto", ":beta",
                                           ":thinking", ":extended", ":online"};
    for (size_t i = 0; i < LY_COUNT(variants); i++) {
        ly_str tail = ly_str_c(variants[i]);
        if (ly_str_ends(*io_lower, tail) && ly_str_find_char(*io_lower, '/', 0) != SIZE_MAX) {
            io_lower->len -= tail.len;
            return true;
        }
    }
    return false;
}

static const price_model *model_of(const ly_price_book *book, const price_provider *p, ly_str lower)
{
    const price_model *model = find_with_fallbacks(book, p, lower);
    price_lower spread;
    if (!model && spread_date(lower, &spread)) {
        model = find_with_fallbacks(book, p, spread.view);
    }
    ly_str tail = model ? LY_STR_NONE : resource_tail(lower);
    if (tail.len > 0) {
        model = find_with_fallbacks(book, p, tail);
    }
    /* A fast variant has a price of its own: our patterns for the plain model do not speak for it. */
    bool fast = !book->first_is_default && ly_str_ends(lower, LY_S("-fast"));
    return model && fast && ly_str_find(model->id, LY_S("fast"), 0) == SIZE_MAX ? NULL : model;
}

/* ---- providers ---- */

static const price_provider *provider_by_name(const ly_price_book *book, ly_str lower)
{
    const price_provider *found = NULL;
    if (lower.len == 0) {
        return NULL;
    }
    ly_str alias = price_provider_alias(lower);
    if (alias.len > 0) {
        found = provider_by_id(book, alias);
    }
    if (!found) {
        found = provider_by_id(book, lower);
    }
    for (size_t i = 0; !found && i < book->n_providers; i++) {
        const price_provider *p = &book->providers[i];
        if (p->provider_match && price_clause_match_lower(p->provider_match, lower)) {
            found = p;
        }
    }
    return found;
}

ly_str ly_price_provider_id(const ly_price_book *book, ly_str name)
{
    price_lower lower;
    price_lower_init(&lower, ly_str_trim(name));
    const price_provider *p = book ? provider_by_name(book, lower.view) : NULL;
    return p ? p->id : LY_S("");
}

static const price_provider *provider_by_address(const ly_price_book *book, ly_str address)
{
    char url[LY_PRICE_NAME_MAX * 2];
    price_lower host;
    ly_str whole = ly_str_trim(address);
    if (whole.len == 0 || whole.len + 8 > sizeof url) {
        return NULL;
    }
    price_lower_init(&host, price_host(whole));
    size_t n = 0;
    if (ly_str_find(whole, LY_S("://"), 0) == SIZE_MAX) {
        memcpy(url, "https://", 8);
        n = 8;
    }
    memcpy(url + n, whole.ptr, whole.len);
    ly_str subject = ly_str_n(url, n + whole.len);
    for (size_t i = 0; i < book->n_providers; i++) {
        const price_provider *p = &book->providers[i];
        ly_regex_group group;
        if (p->host_match && price_clause_match_lower(p->host_match, host.view)) {
            return p;
        }
        if (p->api && ly_regex_find(p->api, subject, 0, &group, 1, NULL) == LY_OK &&
            group.from == 0) { /* at the start of the URL, as the schema has it */
            return p;
        }
    }
    return NULL;
}

static const price_provider *provider_by_model(const ly_price_book *book, ly_str lower)
{
    for (size_t i = 0; i < book->n_providers; i++) {
        const price_provider *p = &book->providers[i];
        if (p->model_match && price_clause_match_lower(p->model_match, lower)) {
            return p;
        }
    }
    return NULL;
}

typedef struct place {
    const price_provider *by_address, *by_name;
    bool stranger; /* a seller is named that the book does not have: nobody else's prices are his */
} place;

/* What clients put for a provider that is none: frameworks, gateways, wire formats. */
static bool names_no_seller(ly_str lower)
{
    static const char *const words[] = {
        "strands",     "crewai",   "autogen",   "agno",        "pydantic",  "semantic_kernel",
        "spring",      "litellm",  "langchain", "langgraph",   "langsmith", "llamaindex",
        "llama_index", "langfuse", "haystack",  "openllmetry", "traceloop", "portkey",
        "helicone",    "gateway",  "proxy",     "router",      "custom",    "unknown",
        "other",       "none",     "_other",    "vercel"};
    for (size_t i = 0; i < LY_COUNT(words); i++) {
        if (ly_str_starts(lower, ly_str_c(words[i]))) {
            return true;
        }
    }
    return lower.len == 0 || ly_str_find(lower, LY_S("compatible"), 0) != SIZE_MAX;
}

static bool sells(const price_provider *seller, const price_provider *p)
{
    bool found = seller == p;
    for (size_t i = 0; !found && i < seller->n_fallbacks; i++) {
        found = ly_str_eq(seller->fallbacks[i], p->id);
    }
    return found;
}

#define PREFIXES_MOST 3

/* One model name at the providers that the evidence points to. A provider that is known and has no such
 * model means an unknown model: guessing by the model's name would name another's price. */
static const price_model *find_lower(const ly_price_book *book, const place *at, ly_str lower,
                                     int depth)
{
    const price_model *model = at->by_address ? model_of(book, at->by_address, lower) : NULL;
    if (!model && at->by_name && at->by_name != at->by_address) {
        model = model_of(book, at->by_name, lower);
    }
    size_t slash = ly_str_find_char(lower, '/', 0);
    if (!model && !at->stranger && slash != SIZE_MAX && slash > 0 && depth < PREFIXES_MOST) {
        /* "openai/gpt-4o" of a router, "azure/gpt-4o", "openrouter/anthropic/claude-sonnet-4.5" */
        const price_provider *p = provider_by_name(book, ly_str_sub(lower, 0, slash));
        bool fits =
            p && (!(at->by_name || at->by_address) || (at->by_name && sells(at->by_name, p)) ||
                  (at->by_address && sells(at->by_address, p)));
        if (fits) {
            place there = {NULL, p, false};
            model = find_lower(book, &there, ly_str_sub(lower, slash + 1, lower.len), depth + 1);
        }
    }
    if (!model && !at->stranger && !at->by_address && !at->by_name) {
        const price_provider *p = provider_by_model(book, lower);
        model = p ? model_of(book, p, lower) : NULL;
    }
    return model;
}

static const price_model *find_name(const ly_price_book *book, const place *at, ly_str name)
{
    price_lower lower;
    price_lower_init(&lower, ly_str_trim(name));
    const price_model *model = lower.view.len > 0 ? find_lower(book, at, lower.view, 0) : NULL;
    return !model && cut_variant(&lower.view) ? find_lower(book, at, lower.view, 0) : model;
}

/* ---- rows ---- */

static bool row_active(const ly_price_row *row, int64_t at_ns)
{
    if (at_ns < row->from_ns || at_ns >= row->to_ns) {
        return false;
    }
    if (row->day_from_s < 0) {
        return true;
    }
    int64_t day = at_ns % LY_NS_PER_DAY, number = at_ns / LY_NS_PER_DAY;
    if (day < 0) {
        day += LY_NS_PER_DAY;
        number--;
    }
    if (row->workdays && ((number + 3) % 7 + 7) % 7 > 4) { /* day 0 was a Thursday; 0 is Monday */
        return false;
    }
    int64_t from = row->day_from_s * (int64_t)1000000000, to = row->day_to_s * (int64_t)1000000000;
    return to < from ? day >= from || day < to : day >= from && day < to;
}

/* "default", "auto", ... are the standard tier; others are compared in lower case. */
static ly_str tier_name(ly_str given, price_lower *lower)
{
    static const char *const standard[] = {"default",   "standard",      "auto", "on_demand",
                                           "on-demand", "standard_only", "null", "none"};
    price_lower_init(lower, ly_str_trim(given));
    for (size_t i = 0; i < LY_COUNT(standard); i++) {
        if (ly_str_eqc(lower->view, standard[i])) {
            return LY_S("");
        }
    }
    return lower->view;
}

static const ly_price_row *pick_row(const ly_price_book *book, const price_model *model,
                                    ly_str tier, int64_t at_ns, ly_price_why *ret_why)
{
    const ly_price_row *first = NULL;
    *ret_why = LY_PRICE_UNKNOWN_TIER;
    for (size_t i = model->n_rows; i-- > 0;) {
        const ly_price_row *row = &model->rows[i];
        if (!ly_str_eq(row->service_tier, tier)) {
            continue;
        }
        *ret_why = LY_PRICE_OK;
        if (row_active(row, at_ns)) {
            return row;
        }
        first = row;
    }
    if (*ret_why == LY_PRICE_OK && !book->first_is_default) {
        *ret_why = LY_PRICE_UNKNOWN_MODEL;
        return NULL;
    }
    return first;
}

static bool clause_or_any(const ly_clause *clause, ly_str lower)
{
    return !clause || (lower.len > 0 && price_clause_match_lower(clause, lower));
}

static bool own_matches(const price_own *own, const ly_price_ask *ask, ly_str provider,
                        ly_str model, ly_str model2, ly_str host, ly_str tier)
{
    const ly_price_row *row = &own->row;
    return row_active(row, ask->at_ns) && ly_str_eq(row->service_tier, tier) &&
           (row->service.len == 0 || ly_str_eq(row->service, ask->service)) &&
           (row->access_key.len == 0 || ly_str_eq(row->access_key, ask->access_key)) &&
           clause_or_any(own->address, host) && clause_or_any(own->provider, provider) &&
           (clause_or_any(own->model, model) || clause_or_any(own->model, model2));
}

/* The most specific of the user's rows, the latest of equals. */
static const price_own *find_own(const ly_price_book *book, const ly_price_ask *ask, ly_str tier)
{
    price_lower provider, model, model2, host;
    const price_own *best = NULL;
    if (book->n_own == 0) {
        return NULL;
    }
    price_lower_init(&provider, ask->provider);
    price_lower_init(&model, ask->model);
    price_lower_init(&model2, ask->model2);
    price_lower_init(&host, price_host(ask->address));
    ly_str alias = price_provider_alias(provider.view);
    for (size_t i = 0; i < book->n_own; i++) {
        const price_own *own = &book->own[i];
        bool matches =
            own_matches(own, ask, provider.view, model.view, model2.view, host.view, tier) ||
            (alias.len > 0 &&
             own_matches(own, ask, alias, model.view, model2.view, host.view, tier));
        if (matches && (!best || own->rank >= best->rank)) {
            best = own;
        }
    }
    return best;
}

ly_price_ask ly_price_ask_of(const ly_canon *canon, int64_t at_ns)
{
    bool both = canon->response_model.len > 0;
    return (ly_price_ask){.provider = canon->provider,
                          .address = canon->server_address,
                          .model = both ? canon->response_model : canon->request_model,
                          .model2 = both ? canon->request_model : LY_STR_NONE,
                          .service = canon->service,
                          .access_key = canon->access_key,
                          .service_tier = canon->service_tier,
                          .at_ns = at_ns};
}

/* ---- remembering ----
 *
 * An agent calls a handful of models: each thread remembers where the last names led, which saves going
 * through clauses and address patterns. Entries hold their own copy of the names and the book's serial,
 * so a freed book's entries are never looked at. */

#define MEMO_SLOTS 32
#define MEMO_BYTES 200

typedef struct memo {
    uint64_t serial; /* 0 = empty */
    uint64_t hash;
    size_t len[4];
    char bytes[MEMO_BYTES];
    const price_model *model;
} memo;

static _Thread_local memo memos[MEMO_SLOTS];

/* provider, address, model, model2 one after the other; NULL when they are too long. */
static memo *memo_slot(const ly_str names[4], uint64_t *ret_hash)
{
    uint64_t hash = 0;
    size_t total = 0;
    for (size_t i = 0; i < 4; i++) {
        hash = (hash ^ ly_str_hash(names[i])) * 0x9E3779B97F4A7C15u;
        total += names[i].len;
    }
    *ret_hash = hash;
    return total <= MEMO_BYTES ? &memos[hash >> 59] : NULL;
}

static bool memo_is(const memo *m, uint64_t serial, uint64_t hash, const ly_str names[4])
{
    size_t at = 0;
    if (m->serial != serial || m->hash != hash) {
        return false;
    }
    for (size_t i = 0; i < 4; i++) {
        if (m->len[i] != names[i].len ||
            (names[i].len && memcmp(m->bytes + at, names[i].ptr, names[i].len) != 0)) {
            return false;
        }
        at += names[i].len;
    }
    return true;
}

static void memo_keep(memo *m, uint64_t serial, uint64_t hash, const ly_str names[4],
                      const price_model *model)
{
    size_t at = 0;
    for (size_t i = 0; i < 4; i++) {
        if (names[i].len) {
            memcpy(m->bytes + at, names[i].ptr, names[i].len);
        }
        m->len[i] = names[i].len;
        at += names[i].len;
    }
    m->serial = serial;
    m->hash = hash;
    m->model = model;
}

/* The model of the book that the ask is about, or NULL. */
static const price_model *resolve(const ly_price_book *book, const ly_price_ask *ask, bool local)
{
    const ly_str names[4] = {ask->provider, local ? LY_S("") : ask->address, ask->model,
                             ask->model2};
    uint64_t hash;
    memo *slot = memo_slot(names, &hash);
    if (slot && memo_is(slot, book->serial, hash, names)) {
        return slot->model;
    }
    price_lower name;
    price_lower_init(&name, ly_str_trim(ask->provider));
    place at = {provider_by_address(book, names[1]), provider_by_name(book, name.view), false};
    at.stranger = !at.by_name && !at.by_address && !names_no_seller(name.view);
    const price_model *model = find_name(book, &at, ask->model);
    if (!model && ask->model2.len > 0) {
        model = find_name(book, &at, ask->model2);
    }
    if (slot) {
        memo_keep(slot, book->serial, hash, names, model);
    }
    return model;
}

ly_price_hit ly_price_find(const ly_price_book *book, const ly_price_ask *ask)
{
    ly_price_hit hit = {NULL, NULL, false, LY_PRICE_UNKNOWN_MODEL};
    price_lower tier_bytes;
    ly_str tier = tier_name(ask->service_tier, &tier_bytes);
    const price_own *own = book ? find_own(book, ask, tier) : NULL;
    bool local = ask->address.len > 0 && ly_price_address_local(ask->address);
    if (local && !(own && own->address)) {
        return (ly_price_hit){NULL, NULL, true, LY_PRICE_LOCAL};
    }
    hit.own = own ? &own->row : NULL;
    if (ask->model.len == 0 && ask->model2.len == 0) {
        hit.why = LY_PRICE_NO_MODEL;
        return hit;
    }
    if (!book) {
        return hit;
    }
    const price_model *model = resolve(book, ask, local);
    if (model) {
        hit.base = pick_row(book, model, tier, ask->at_ns, &hit.why);
    }
    return hit;
}
