#include "genai/extract.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "genai/normalise.h"
#include "genai/shapes.h"

/* A token count above this is a mistake (§4.2 step 10). */
#define ABSURD_COUNT 1000000000

/* ---- the key index: built once, read by all threads ------------------------------------------- */

enum { INDEX_SIZE = 4096, MAX_KEYS = 1280, MAX_RULES = 1280 };

typedef struct key_entry {
    const char *key;
    uint16_t len;
    uint16_t from, n;  /* in index.rules */
    uint16_t doc_from; /* first row in ly_docs + 1, 0 = none */
    uint64_t signatures;
} key_entry;

static struct {
    pthread_once_t once;
    uint16_t slots[INDEX_SIZE]; /* entry + 1 */
    key_entry entries[MAX_KEYS];
    uint16_t n_entries;
    uint16_t rules[MAX_RULES]; /* rows of ly_keys, grouped by key */
} index_ = {.once = PTHREAD_ONCE_INIT};

static uint64_t load8(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Three loads see where keys of one family differ: begin, middle and end. */
static uint32_t hash_key(const char *p, size_t len)
{
    uint64_t h = len * 0x9E3779B97F4A7C15u;
    if (len >= 8) {
        h ^= load8(p);
        h = (h ^ load8(p + len / 2 - 4)) * 0xFF51AFD7ED558CCDu;
        h = (h ^ h >> 29 ^ load8(p + len - 8)) * 0xC4CEB9FE1A85EC53u;
    } else {
        for (size_t i = 0; i < len; i++)
            h = (h ^ (uint8_t)p[i]) * 0x100000001b3u;
        h *= 0xC4CEB9FE1A85EC53u;
    }
    return (uint32_t)(h >> 40);
}

static key_entry *find_key(const char *p, size_t len)
{
    for (uint32_t at = hash_key(p, len) % INDEX_SIZE; index_.slots[at] != 0;
         at = (at + 1) % INDEX_SIZE) {
        key_entry *entry = &index_.entries[index_.slots[at] - 1];
        if (entry->len == len && memcmp(entry->key, p, len) == 0)
            return entry;
    }
    return NULL;
}

/* A signature or scope taken apart: one piece of "a|b.|=c". */
typedef struct piece {
    const char *ptr;
    uint8_t len;
    uint8_t dialect; /* row in ly_dialects */
    bool whole;      /* equals, not begins */
} piece;

enum { MAX_PIECES = 250 };

static struct {
    piece families[MAX_PIECES]; /* of attribute keys, grouped by first character */
    uint8_t family_from[129];
    piece scopes[MAX_PIECES]; /* in the order of ly_dialects */
    size_t n_scopes;
    uint16_t word_from[32], word_to[32]; /* rows of each vocabulary */
    uint64_t named;                      /* dialects that have rows in ly_names */
} pieces_;

static bool is_family(ly_str one)
{
    const char last = one.len ? one.ptr[one.len - 1] : 0;
    return last == '.' || last == ':';
}

static uint64_t signatures_of(ly_str key)
{
    uint64_t bits = 0;
    const unsigned char c = key.len ? (unsigned char)key.ptr[0] : 0;
    if (c >= 128)
        return 0;
    for (size_t i = pieces_.family_from[c]; i < pieces_.family_from[c + 1]; i++) {
        const piece *p = &pieces_.families[i];
        if (key.len >= p->len && memcmp(key.ptr, p->ptr, p->len) == 0)
            bits |= UINT64_C(1) << p->dialect;
    }
    return bits;
}

static void build_families(void)
{
    size_t n = 0;
    for (unsigned c = 0; c < 128; c++) {
        pieces_.family_from[c] = (uint8_t)n;
        for (size_t d = 0; d < ly_dialects_n; d++) {
            ly_str rest = ly_str_c(ly_dialects[d].signatures), one;
            while (ly_str_split(&rest, '|', &one)) {
                if (is_family(one) && (unsigned char)one.ptr[0] == c && n < MAX_PIECES)
                    pieces_.families[n++] = (piece){one.ptr, (uint8_t)one.len, (uint8_t)d, false};
            }
        }
    }
    pieces_.family_from[128] = (uint8_t)n;
}

static void build_scopes(void)
{
    for (size_t d = 0; d < ly_dialects_n; d++) {
        ly_str rest = ly_str_c(ly_dialects[d].scopes), one;
        while (ly_str_split(&rest, '|', &one)) {
            const bool whole = one.len && one.ptr[0] == '=';
            if (one.len && pieces_.n_scopes < MAX_PIECES)
                pieces_.scopes[pieces_.n_scopes++] =
                    (piece){one.ptr + whole, (uint8_t)(one.len - whole), (uint8_t)d, whole};
        }
        for (size_t i = 0; i < ly_names_n; i++) {
            if (!ly_names[i].dialect || strcmp(ly_names[i].dialect, ly_dialects[d].name) == 0)
                pieces_.named |= UINT64_C(1) << d;
        }
    }
}

static void build_words(void)
{
    for (uint16_t i = 0; i < ly_words_n; i++) {
        const uint8_t v = ly_words[i].vocabulary;
        if (pieces_.word_to[v] == 0)
            pieces_.word_from[v] = i;
        pieces_.word_to[v] = (uint16_t)(i + 1);
    }
}

static key_entry *add_key(ly_str key)
{
    key_entry *entry = find_key(key.ptr, key.len);
    if (entry)
        return entry;
    entry = &index_.entries[index_.n_entries++];
    *entry = (key_entry){key.ptr, (uint16_t)key.len, 0, 0, 0, signatures_of(key)};
    uint32_t at = hash_key(key.ptr, key.len) % INDEX_SIZE;
    while (index_.slots[at] != 0)
        at = (at + 1) % INDEX_SIZE;
    index_.slots[at] = index_.n_entries;
    return entry;
}

static int compare_rules(const void *a, const void *b)
{
    const uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;
    const int c = strcmp(ly_keys[x].key, ly_keys[y].key);
    return c ? c : (x > y) - (x < y);
}

/* The exact keys of signatures; after the families, which add_key asks. */
static void build_signatures(void)
{
    for (size_t d = 0; d < ly_dialects_n; d++) {
        ly_str rest = ly_str_c(ly_dialects[d].signatures), one;
        while (ly_str_split(&rest, '|', &one)) {
            if (!is_family(one))
                add_key(one)->signatures |= UINT64_C(1) << d;
        }
    }
}

static void build_index(void)
{
    build_families();
    build_scopes();
    build_words();
    for (uint16_t i = 0; i < ly_keys_n && i < MAX_RULES; i++)
        index_.rules[i] = i;
    qsort(index_.rules, ly_keys_n, sizeof *index_.rules, compare_rules);
    for (uint16_t i = 0; i < ly_keys_n; i++) {
        key_entry *entry = add_key(ly_str_c(ly_keys[index_.rules[i]].key));
        if (entry->n == 0)
            entry->from = i;
        entry->n++;
    }
    for (uint16_t i = 0; i < ly_docs_n; i++) {
        key_entry *entry = add_key(ly_str_c(ly_docs[i].key));
        if (entry->doc_from == 0)
            entry->doc_from = (uint16_t)(i + 1);
    }
    build_signatures();
}

/* ---- values ----------------------------------------------------------------------------------- */

bool ly_usd_to_pico(double usd, int64_t *ret)
{
    if (!(usd >= 0) || usd > 9.2e6)
        return false;
    *ret = (int64_t)llround(usd * 1e12);
    return true;
}

static bool is_blank(ly_str s)
{
    if (s.len && (unsigned char)s.ptr[0] > ' ')
        return false;
    return ly_str_trim(s).len == 0;
}

static bool as_text(ly_extract *x, ly_val val, ly_str *ret)
{
    ly_str s = LY_STR_NONE;
    if (val.kind == LY_IS_STRING)
        s = ly_val_str(val, x->arena);
    else if (val.kind == LY_IS_NUMBER)
        s = ly_val_as_json(val, x->arena);
    if (is_blank(s))
        return false;
    *ret = s;
    return true;
}

static bool as_count(ly_extract *x, ly_val val, int64_t *ret)
{
    int64_t n;
    double real;
    if (!ly_val_i64(val, &n)) {
        x->rejected |= ly_val_real(val, &real);
        return false;
    }
    if (n < 0 || n > ABSURD_COUNT) {
        x->rejected = true;
        return false;
    }
    *ret = n;
    return true;
}

static bool as_duration(ly_val val, double unit_ns, int64_t *ret)
{
    double v;
    if (!ly_val_real(val, &v) || !(v >= 0) || v * unit_ns > 9e18)
        return false;
    *ret = (int64_t)llround(v * unit_ns);
    return true;
}

static bool as_time(ly_extract *x, ly_val val, int64_t *ret)
{
    const ly_str s = ly_val_str(val, x->arena);
    return s.len > 0 && ly_time_parse(ly_str_trim(s), ret);
}

static bool word_fits(const char *pattern, ly_str word)
{
    size_t i = 0;
    for (; pattern[i] && pattern[i] != '*'; i++) {
        if (i >= word.len)
            return false;
        char c = word.ptr[i], d = pattern[i];
        if (c != d) {
            c = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
            d = (char)(d >= 'A' && d <= 'Z' ? d | 0x20 : d);
            if (c != d)
                return false;
        }
    }
    return pattern[i] == '*' || i == word.len;
}

/* The row of a word, or NULL when the vocabulary does not have it. */
static const ly_word_rule *find_word(ly_vocabulary vocabulary, ly_str word)
{
    for (size_t i = pieces_.word_from[vocabulary]; i < pieces_.word_to[vocabulary]; i++) {
        if (word_fits(ly_words[i].word, word))
            return &ly_words[i];
    }
    return NULL;
}

static bool as_word(ly_extract *x, ly_vocabulary vocabulary, ly_val val, int64_t *ret)
{
    ly_str s;
    if (!as_text(x, val, &s))
        return false;
    if (vocabulary == V_LYDITE) {
        ly_type type;
        if (!ly_type_parse(s, &type))
            return false;
        *ret = type;
        return true;
    }
    /* "ai.streamText.doStream my-function": the word stands first. */
    const size_t space = ly_str_find_char(s, ' ', 0);
    const ly_word_rule *row =
        find_word(vocabulary, space == SIZE_MAX ? s : ly_str_sub(s, 0, space));
    if (!row)
        return false;
    if (row->role >= 0)
        x->word_role = row->role;
    if (row->type < 0)
        return false;
    *ret = row->type;
    return true;
}

static bool is_there(ly_extract *x, const ly_any *any)
{
    switch (any->kind) {
    case LY_ANY_EMPTY:
        return false;
    case LY_ANY_STRING:
        if (ly_shape_withheld(any->str)) {
            x->withheld = true;
            return false;
        }
        return any->str.len > 0;
    case LY_ANY_BYTES:
        return any->str.len > 0;
    case LY_ANY_ARRAY:
        return any->array.n > 0;
    case LY_ANY_KVLIST:
        return any->kvlist.n > 0;
    default:
        return true;
    }
}

static bool convert(ly_extract *x, uint8_t conv, uint8_t aux, ly_val val, ly_slot_value *ret)
{
    bool flag;
    double usd;
    switch ((ly_conv)conv) {
    case CV_TEXT:
    case CV_JSONTEXT:
        return as_text(x, val, &ret->text);
    case CV_PROVIDER:
        return as_text(x, val, &ret->text) &&
               ly_str_given(ret->text = ly_genai_provider(ret->text, x->arena));
    case CV_WORD:
        return as_word(x, (ly_vocabulary)aux, val, &ret->num);
    case CV_COUNT:
        return as_count(x, val, &ret->num);
    case CV_INT:
        return ly_val_i64(val, &ret->num);
    case CV_SECONDS:
        return as_duration(val, 1e9, &ret->num);
    case CV_MILLIS:
        return as_duration(val, 1e6, &ret->num);
    case CV_TIME:
        return as_time(x, val, &ret->num);
    case CV_EPOCH_MS:
        return as_duration(val, 1e6, &ret->num);
    case CV_USD:
        return ly_val_real(val, &usd) && ly_usd_to_pico(usd, &ret->num);
    case CV_BOOL:
        if (!ly_val_bool(val, &flag))
            return false;
        ret->num = flag;
        return true;
    case CV_THERE:
    case CV_LIST:
        break;
    }
    return false;
}

/* Whether a string has to be looked into for this conversion: JSON scalars in quotes. Plain strings, the
 * usual case, are taken as they are. */
static ly_val open_scalar(const ly_any *any)
{
    if (any->kind == LY_ANY_STRING && any->str.len > 1 && any->str.ptr[0] == '"')
        return ly_val_any(any);
    return ly_val_native(any);
}

static void apply(ly_extract *x, const ly_key_rule *rule, const ly_any *any)
{
    /* Of equal keys the last wins: <=. */
    if (rule->slot == S_NONE || rule->rank > x->rank[rule->slot])
        return;
    ly_slot_value value = {LY_STR_NONE, 0, any};
    if (rule->conv == CV_THERE || rule->conv == CV_LIST) {
        if (!is_there(x, any))
            return;
    } else if (!convert(x, rule->conv, rule->aux, open_scalar(any), &value)) {
        return;
    }
    x->rank[rule->slot] = rule->rank;
    x->value[rule->slot] = value;
}

static void see_family(ly_extract *x, const ly_kv *kv)
{
    for (size_t i = 0; i < ly_families_n; i++) {
        const ly_str prefix = ly_str_c(ly_families[i].prefix);
        if (!ly_str_starts(kv->key, prefix))
            continue;
        const char next = kv->key.len > prefix.len ? kv->key.ptr[prefix.len] : 0;
        if (ly_families[i].digit && (next < '0' || next > '9'))
            continue;
        if (is_there(x, &kv->value)) {
            x->rank[ly_families[i].slot] = 0;
            x->value[ly_families[i].slot] = (ly_slot_value){LY_STR_NONE, 1, &kv->value};
            /* Beside vectors, which are no content. */
            if (ly_families[i].slot == S_EMBED && ly_str_ends(kv->key, LY_S(".embedding.text")))
                x->rank[S_EMBED_IN] = 0;
        }
        return;
    }
}

static bool may_be_family(ly_str key)
{
    const char c = key.len ? key.ptr[0] : 0;
    return c == 'l' || c == 'g' || c == 'r' || c == 'e';
}

void ly_extract_init(ly_extract *x, ly_arena *arena)
{
    pthread_once(&index_.once, build_index);
    memset(x->rank, LY_RANK_NONE, sizeof x->rank);
    x->word_role = -1;
    x->signatures = 0;
    x->rejected = x->withheld = false;
    x->n_docs = 0;
    x->arena = arena;
}

void ly_extract_attrs(ly_extract *x, const ly_attrs *attrs)
{
    for (size_t i = 0; i < attrs->n; i++) {
        const ly_kv *kv = &attrs->items[i];
        const key_entry *entry = find_key(kv->key.ptr, kv->key.len);
        if (!entry) {
            x->signatures |= signatures_of(kv->key);
            if (may_be_family(kv->key))
                see_family(x, kv);
            continue;
        }
        x->signatures |= entry->signatures;
        for (uint16_t r = 0; r < entry->n; r++)
            apply(x, &ly_keys[index_.rules[entry->from + r]], &kv->value);
        if (entry->doc_from && x->n_docs < LY_PENDING_DOCS && kv->value.kind != LY_ANY_EMPTY) {
            x->doc_any[x->n_docs] = &kv->value;
            x->doc_rule[x->n_docs++] = (uint16_t)(entry->doc_from - 1);
        }
    }
}

/* ---- documents -------------------------------------------------------------------------------- */

/* 'cache_read': 10  or  "cache_read": 10, wherever it stands. */
static ly_val find_loose(ly_str text, const char *name)
{
    const ly_str want = ly_str_c(name);
    for (size_t at = ly_str_find(text, want, 0); at != SIZE_MAX;
         at = ly_str_find(text, want, at + 1)) {
        size_t end = at + want.len;
        const char before = at ? text.ptr[at - 1] : 0;
        if ((before != '"' && before != '\'') || end >= text.len || text.ptr[end] != before)
            continue;
        for (end++; end < text.len && (text.ptr[end] == ' ' || text.ptr[end] == ':'); end++) {
        }
        size_t stop = end;
        while (stop < text.len && ((text.ptr[stop] >= '0' && text.ptr[stop] <= '9') ||
                                   text.ptr[stop] == '.' || text.ptr[stop] == '-'))
            stop++;
        if (stop > end)
            return (ly_val){LY_IS_NUMBER, NULL, ly_str_n(text.ptr + end, stop - end)};
    }
    return LY_IS_ABSENT;
}

/* The first part of a path was looked up for the row before, mostly. */
typedef struct head_memo {
    ly_str name;
    ly_val val;
} head_memo;

static ly_val look_up(ly_val root, const char *path, head_memo *memo)
{
    ly_str rest = ly_str_c(path), head;
    if (!ly_str_split(&rest, '.', &head))
        return LY_IS_ABSENT;
    if (!ly_str_eq(head, memo->name)) {
        char name[64];
        memo->name = head;
        memo->val = ly_str_copy(head, name, sizeof name) ? ly_val_at(root, name) : LY_IS_ABSENT;
    }
    return rest.len ? ly_val_at(memo->val, rest.ptr) : memo->val;
}

static void read_doc(ly_extract *x, const ly_any *any, uint16_t rule_at)
{
    const char *key = ly_docs[rule_at].key;
    ly_val root = LY_IS_ABSENT;
    bool opened = false;
    head_memo memo = {LY_STR_NONE, LY_IS_ABSENT};
    for (size_t i = rule_at; i < ly_docs_n && strcmp(ly_docs[i].key, key) == 0; i++) {
        const ly_doc_rule *rule = &ly_docs[i];
        if (rule->rank > x->rank[rule->slot])
            continue;
        ly_val val;
        if (!opened) {
            root = ly_val_open(ly_val_any(any), x->arena);
            opened = true;
        }
        if (rule->path[0] == '~' && any->kind == LY_ANY_STRING)
            val = find_loose(any->str, rule->path + 1);
        else
            val = look_up(root, rule->path[0] == '~' ? rule->path + 1 : rule->path, &memo);
        ly_slot_value value = {LY_STR_NONE, 0, NULL};
        if (!ly_val_given(val) || !convert(x, rule->conv, rule->aux, val, &value))
            continue;
        x->rank[rule->slot] = rule->rank;
        x->value[rule->slot] = value;
    }
}

void ly_extract_docs(ly_extract *x)
{
    for (uint8_t i = 0; i < x->n_docs; i++)
        read_doc(x, x->doc_any[i], x->doc_rule[i]);
}

/* ---- dialect, lists --------------------------------------------------------------------------- */

const ly_dialect *ly_dialect_of(const ly_extract *x, ly_str scope)
{
    for (size_t i = 0; scope.len && i < pieces_.n_scopes; i++) {
        const piece *p = &pieces_.scopes[i];
        if (scope.ptr[0] != p->ptr[0] || scope.len < p->len || (p->whole && scope.len != p->len) ||
            memcmp(scope.ptr, p->ptr, p->len) != 0)
            continue;
        if (!(ly_dialects[p->dialect].flags & LY_DIALECT_SCOPE_WEAK) ||
            (x->signatures >> p->dialect & 1))
            return &ly_dialects[p->dialect];
    }
    return x->signatures ? &ly_dialects[__builtin_ctzll(x->signatures)]
                         : &ly_dialects[ly_dialects_n - 1];
}

bool ly_dialect_has_names(const ly_dialect *dialect)
{
    return pieces_.named >> (dialect - ly_dialects) & 1;
}

enum { MAX_LIST = 64 };

static size_t split_commas(ly_str text, ly_str *items)
{
    size_t n = 0;
    ly_str one;
    while (n < MAX_LIST && ly_str_split(&text, ',', &one)) {
        one = ly_str_trim(one);
        if (one.len)
            items[n++] = one;
    }
    return n;
}

size_t ly_extract_list(const ly_extract *x, ly_slot slot, const ly_str **ret_items)
{
    *ret_items = NULL;
    if (!ly_extract_has(x, slot) || !x->value[slot].any)
        return 0;
    ly_str *items = LY_ARENA_ARRAY(x->arena, ly_str, MAX_LIST);
    if (!items)
        return 0;
    const ly_val list = ly_val_any(x->value[slot].any);
    size_t n = 0;
    if (list.kind == LY_IS_STRING) {
        n = split_commas(ly_val_str(list, x->arena), items);
    } else {
        ly_val_iter it = ly_val_each(list);
        ly_str key;
        ly_val val;
        while (n < MAX_LIST && ly_val_next(&it, &key, &val)) {
            const ly_str s = ly_val_words(val, x->arena);
            if (s.len)
                items[n++] = s;
        }
    }
    *ret_items = items;
    return n;
}
