/*
 * Trace context between processes: W3C traceparent, tracestate and baggage, by headers and by
 * environment. Rules: otlp-and-genai-conventions §1.11. What is invalid is ignored; an invalid
 * traceparent takes its tracestate with it and starts a new trace; baggage does not depend on it.
 */
#include "tracer/engine.h"

#include "base/mem.h"
#include "base/utf8.h"

#define MAX_STATE_MEMBERS   32
#define MAX_STATE_BYTES     4096
#define MAX_BAGGAGE_MEMBERS 64
#define MAX_BAGGAGE_BYTES   8192

/* ---- bags ---- */

ly_bag *ly_bag_ref(ly_bag *bag)
{
    if (bag) {
        atomic_fetch_add_explicit(&bag->refs, 1, memory_order_relaxed);
    }
    return bag;
}

void ly_bag_unref(ly_bag *bag)
{
    if (bag && atomic_fetch_sub_explicit(&bag->refs, 1, memory_order_acq_rel) == 1) {
        ly_free(bag);
    }
}

ly_bag *ly_bag_with(const ly_bag *old, int field, ly_str value)
{
    ly_str fields[5] = {LY_STR_NONE, LY_STR_NONE, LY_STR_NONE, LY_STR_NONE, LY_STR_NONE};
    if (old) {
        const ly_str was[5] = {old->session, old->user, old->tags, old->trace_state, old->baggage};
        memcpy(fields, was, sizeof fields);
    }
    fields[field] = value;
    size_t bytes = sizeof(ly_bag);
    for (int i = 0; i < 5; i++) {
        bytes += fields[i].len;
    }
    ly_bag *bag = ly_calloc(1, bytes + 1);
    if (!bag) {
        return NULL;
    }
    atomic_store(&bag->refs, 1);
    char *at = (char *)(bag + 1);
    ly_str *into[5] = {&bag->session, &bag->user, &bag->tags, &bag->trace_state, &bag->baggage};
    for (int i = 0; i < 5; i++) {
        if (fields[i].len) {
            memcpy(at, fields[i].ptr, fields[i].len);
            *into[i] = ly_str_n(at, fields[i].len);
            at += fields[i].len;
        }
    }
    return bag;
}

/* Replaces one field of a span's bag. */
static void bag_set(ly_slot *slot, int field, ly_str value)
{
    ly_bag *fresh = ly_bag_with(slot->bag, field, value), *old = fresh;
    if (fresh && ly_slot_bag_lock(slot)) {
        old = slot->bag;
        __atomic_store_n(&slot->bag, fresh, __ATOMIC_RELAXED);
        ly_slot_bag_unlock(slot);
    }
    ly_bag_unref(old);
}

/* What spans inherit is in each of them, so it is short; what is longer is dropped and counted. */
#define MAX_INHERITED 4096u

static void set_inherited(lydite_span *span, int field, const char *text)
{
    ly_slot *slot = ly_span_any(span);
    if (slot && text) {
        ly_str s = ly_str_c(text);
        if (s.len > MAX_INHERITED) {
            slot->rec.dropped_attrs++;
        } else {
            bag_set(slot, field, s);
        }
    }
}

/* A new bag for another span of the same process was made while this one was open: only its own
 * thread changes slot->bag, so reading it here needs no guard. */
void lydite_set_session(lydite_span *span, const char *id)
{
    set_inherited(span, LY_BAG_SESSION, id);
}

void lydite_set_user(lydite_span *span, const char *id)
{
    set_inherited(span, LY_BAG_USER, id);
}

void lydite_add_tag(lydite_span *span, const char *tag)
{
    ly_slot *slot = ly_span_any(span);
    if (!slot || !tag || !*tag) {
        return;
    }
    ly_buf tags;
    ly_buf_init(&tags, MAX_BAGGAGE_BYTES);
    if (slot->bag) {
        ly_buf_str(&tags, slot->bag->tags);
    }
    ly_buf_add(&tags, tag, strlen(tag) + 1);
    if (tags.failed) {
        slot->rec.dropped_attrs++;
    } else {
        bag_set(slot, LY_BAG_TAGS, ly_buf_view(&tags));
    }
    ly_buf_release(&tags);
}

/* ---- traceparent ---- */

static bool lower_hex(ly_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }
    return true;
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

/* 00-<32>-<16>-<2>: 55 characters in version 00, at least so many in a later one. */
static bool parse_traceparent(ly_str s, lydite_context *context)
{
    uint8_t version, trace[16], span[8], flags;
    s = ly_str_trim(s);
    if (s.len < 55 || s.ptr[2] != '-' || s.ptr[35] != '-' || s.ptr[52] != '-') {
        return false;
    }
    ly_str v = ly_str_sub(s, 0, 2), t = ly_str_sub(s, 3, 32), p = ly_str_sub(s, 36, 16),
           f = ly_str_sub(s, 53, 2);
    if (!lower_hex(v) || !lower_hex(t) || !lower_hex(p) || !lower_hex(f) ||
        !ly_hex_decode(v, &version, 1) || !ly_hex_decode(t, trace, 16) ||
        !ly_hex_decode(p, span, 8) || !ly_hex_decode(f, &flags, 1)) {
        return false;
    }
    if (version == 0xFF || (version == 0 && s.len != 55) ||
        (version != 0 && s.len > 55 && s.ptr[55] != '-') || all_zero(trace, 16) ||
        all_zero(span, 8)) {
        return false;
    }
    memcpy(context->trace_id, trace, 16);
    memcpy(context->span_id, span, 8);
    context->flags = flags & 3;
    return true;
}

static void write_traceparent(const void *trace, const void *span, unsigned flags, char out[56])
{
    char t[33], s[17];
    ly_hex_encode(trace, 16, t);
    ly_hex_encode(span, 8, s);
    snprintf(out, 56, "00-%s-%s-%02x", t, s, flags & 3);
}

/* ---- tracestate ---- */

static bool state_key_ok(ly_str key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        bool first = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!first && (i == 0 || !strchr("_-*/@", c))) {
            return false;
        }
    }
    return key.len > 0 && key.len <= 256;
}

static bool state_value_ok(ly_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c < 0x20 || c > 0x7E || c == ',' || c == '=') {
            return false;
        }
    }
    return value.len > 0 && value.len <= 256 && value.ptr[value.len - 1] != ' ';
}

static bool state_has(ly_str state, ly_str key)
{
    ly_str part;
    while (ly_str_split(&state, ',', &part)) {
        if (part.len > key.len && part.ptr[key.len] == '=' && ly_str_starts(part, key)) {
            return true;
        }
    }
    return false;
}

/* Appends the members of one header; false when it is not a tracestate at all (then all of it goes). */
static bool add_state(ly_buf *state, ly_str header)
{
    ly_str part;
    while (ly_str_split(&header, ',', &part)) {
        part = ly_str_trim(part);
        if (!part.len) {
            continue;
        }
        size_t eq = ly_str_find_char(part, '=', 0);
        ly_str key = ly_str_sub(part, 0, eq == SIZE_MAX ? part.len : eq);
        ly_str value = eq == SIZE_MAX ? LY_STR_NONE : ly_str_sub(part, eq + 1, part.len);
        if (!state_key_ok(key) || !state_value_ok(value) || state_has(ly_buf_view(state), key)) {
            return false;
        }
        if (state->len) {
            ly_buf_char(state, ',');
        }
        ly_buf_str(state, part);
    }
    return !state->failed;
}

static size_t count_members(ly_str list)
{
    size_t n = 0;
    ly_str part;
    while (ly_str_split(&list, ',', &part)) {
        n++;
    }
    return n;
}

/* ---- baggage: kept as it came, member by member ---- */

static bool token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(ly_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!token_char(s.ptr[i])) {
            return false;
        }
    }
    return s.len > 0;
}

static ly_str member_key(ly_str member)
{
    size_t eq = ly_str_find_char(member, '=', 0);
    return eq == SIZE_MAX ? LY_STR_NONE : ly_str_trim(ly_str_sub(member, 0, eq));
}

static bool member_ok(ly_str member)
{
    for (size_t i = 0; i < member.len; i++) {
        unsigned char c = (unsigned char)member.ptr[i];
        if ((c < 0x20 && c != '\t') || c > 0x7E) {
            return false;
        }
    }
    return is_token(member_key(member));
}

static void add_baggage(ly_buf *baggage, ly_str header)
{
    ly_str part;
    while (ly_str_split(&header, ',', &part)) {
        part = ly_str_trim(part);
        if (!member_ok(part) || baggage->len + part.len + 1 > MAX_BAGGAGE_BYTES ||
            count_members(ly_buf_view(baggage)) >= MAX_BAGGAGE_MEMBERS) {
            continue;
        }
        if (baggage->len) {
            ly_buf_char(baggage, ',');
        }
        ly_buf_str(baggage, part);
    }
}

static void percent_encode(ly_buf *out, ly_str value)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c <= 0x20 || c > 0x7E || strchr("\",;\\%", c)) {
            ly_buf_char(out, '%');
            ly_buf_char(out, hex[c >> 4]);
            ly_buf_char(out, hex[c & 15]);
        } else {
            ly_buf_char(out, (char)c);
        }
    }
}

/* Percent-decoded; what is not UTF-8 afterwards becomes U+FFFD. */
static void percent_decode(ly_buf *out, ly_str value)
{
    ly_buf raw;
    ly_buf_init(&raw, MAX_BAGGAGE_BYTES + 1);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte;
        if (value.ptr[i] == '%' && ly_hex_decode(ly_str_sub(value, i + 1, 2), &byte, 1)) {
            ly_buf_char(&raw, (char)byte);
            i += 2;
        } else {
            ly_buf_char(&raw, value.ptr[i]);
        }
    }
    ly_str s = ly_buf_view(&raw);
    for (size_t at = 0; at < s.len;) {
        size_t from = at;
        if (ly_utf8_next(s, &at) == LY_UTF8_BAD) {
            ly_buf_c(out, "\xEF\xBF\xBD");
        } else {
            ly_buf_add(out, s.ptr + from, at - from);
        }
    }
    ly_buf_release(&raw);
}

int lydite_set_baggage(lydite_span *span, const char *name, const char *value)
{
    ly_slot *slot = ly_span_any(span);
    if (!slot || !name || !is_token(ly_str_c(name))) {
        return LYDITE_E_INVALID;
    }
    ly_buf out;
    ly_buf_init(&out, MAX_BAGGAGE_BYTES * 4);
    ly_str old = slot->bag ? slot->bag->baggage : LY_STR_NONE, part;
    while (ly_str_split(&old, ',', &part)) {
        if (!ly_str_eqc(member_key(part), name)) {
            ly_buf_str(&out, part);
            ly_buf_char(&out, ',');
        }
    }
    if (value) {
        ly_buf_c(&out, name);
        ly_buf_char(&out, '=');
        percent_encode(&out, ly_str_c(value));
    } else if (out.len) {
        ly_buf_cut(&out, out.len - 1);
    }
    int result = LYDITE_E_INVALID;
    if (!out.failed && out.len <= MAX_BAGGAGE_BYTES &&
        count_members(ly_buf_view(&out)) <= MAX_BAGGAGE_MEMBERS) {
        bag_set(slot, LY_BAG_BAGGAGE, ly_buf_view(&out));
        result = LYDITE_OK;
    }
    ly_buf_release(&out);
    return result;
}

int lydite_get_baggage(const lydite_span *span, const char *name, char *buf, size_t size)
{
    ly_slot *slot = ly_span_any(span);
    ly_str list = slot && slot->bag ? slot->bag->baggage : LY_STR_NONE, part;
    if (!name || !buf || !size) {
        return LYDITE_E_INVALID;
    }
    while (ly_str_split(&list, ',', &part)) {
        if (ly_str_eqc(member_key(part), name)) {
            size_t eq = ly_str_find_char(part, '=', 0), end = ly_str_find_char(part, ';', eq);
            ly_buf text;
            ly_buf_init(&text, MAX_BAGGAGE_BYTES * 3 + 1);
            percent_decode(&text, ly_str_trim(ly_str_sub(
                                      part, eq + 1, (end == SIZE_MAX ? part.len : end) - eq - 1)));
            ly_str_copy(ly_buf_view(&text), buf, size);
            ly_buf_release(&text);
            return LYDITE_OK;
        }
    }
    return LYDITE_E_NOTFOUND;
}

/* ---- contexts ---- */

lydite_context *lydite_context_new(void)
{
    lydite_context *context = ly_calloc(1, sizeof *context);
    if (context) {
        ly_buf_init(&context->state, MAX_STATE_BYTES);
        ly_buf_init(&context->baggage, MAX_BAGGAGE_BYTES + 1);
    }
    return context;
}

void lydite_context_free(lydite_context *context)
{
    if (context) {
        ly_buf_release(&context->state);
        ly_buf_release(&context->baggage);
        ly_free(context);
    }
}

void lydite_context_header(lydite_context *context, const char *name, const char *value)
{
    if (!context || !name || !value) {
        return;
    }
    ly_str n = ly_str_c(name), v = ly_str_c(value);
    if (ly_str_eq_nocase(n, LY_S("traceparent"))) {
        /* A second one makes the first doubtful too. */
        context->valid = !context->parent_seen && parse_traceparent(v, context);
        context->parent_seen = true;
    } else if (ly_str_eq_nocase(n, LY_S("tracestate"))) {
        if (!context->state_bad &&
            (!add_state(&context->state, v) ||
             count_members(ly_buf_view(&context->state)) > MAX_STATE_MEMBERS)) {
            context->state_bad = true;
            ly_buf_reset(&context->state);
        }
    } else if (ly_str_eq_nocase(n, LY_S("baggage"))) {
        add_baggage(&context->baggage, v);
    }
}

void lydite_context_env(lydite_context *context)
{
    static const char *const names[3][2] = {
        {"TRACEPARENT", "traceparent"}, {"TRACESTATE", "tracestate"}, {"BAGGAGE", "baggage"}};
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(names[i][0]);
        if (value && *value) {
            lydite_context_header(context, names[i][1], value);
        }
    }
}

bool lydite_context_valid(const lydite_context *context)
{
    return context && context->valid;
}

void lydite_context_traceparent(const lydite_context *context, char out[56])
{
    out[0] = 0;
    if (lydite_context_valid(context)) {
        write_traceparent(context->trace_id, context->span_id, context->flags, out);
    }
}

/* ---- inject ---- */

void lydite_traceparent(const lydite_span *span, char out[56])
{
    const ly_slot *slot = ly_span_any(span);
    out[0] = 0;
    if (slot) {
        write_traceparent(slot->rec.trace_id, &slot->rec.span_id, slot->rec.trace_flags, out);
    }
}

/* The value of the `ot` member, or LY_STR_NONE; *ret_member the member itself. */
static ly_str ot_member(ly_str state, ly_str *ret_member)
{
    ly_str part, rest = state;
    while (ly_str_split(&rest, ',', &part)) {
        ly_str member = ly_str_trim(part);
        if (member.len >= 3 && memcmp(member.ptr, "ot=", 3) == 0) {
            *ret_member = part;
            return ly_str_sub(member, 3, member.len - 3);
        }
    }
    *ret_member = LY_STR_NONE;
    return LY_STR_NONE;
}

bool ly_state_random(ly_str state, uint64_t *ret)
{
    ly_str member, part, rest = ot_member(state, &member);
    while (ly_str_split(&rest, ';', &part)) {
        uint8_t bytes[7];
        if (part.len == 17 && memcmp(part.ptr, "rv:", 3) == 0 &&
            ly_hex_decode(ly_str_sub(part, 3, 14), bytes, sizeof bytes)) {
            *ret = 0;
            for (size_t i = 0; i < sizeof bytes; i++) {
                *ret = *ret << 8 | bytes[i];
            }
            return true;
        }
    }
    return false;
}

void ly_state_with_threshold(ly_str state, uint64_t threshold, ly_buf *out)
{
    char hex[16];
    int digits = snprintf(hex, sizeof hex, "%014llx", (unsigned long long)threshold);
    while (digits > 1 && hex[digits - 1] == '0') {
        digits--;
    }
    ly_str member, part, rest = ot_member(state, &member);
    ly_buf_fmt(out, "ot=th:%.*s", digits, hex);
    while (ly_str_split(&rest, ';', &part)) {
        if (part.len && !(part.len >= 3 && memcmp(part.ptr, "th:", 3) == 0)) {
            ly_buf_fmt(out, ";%.*s", LY_STR_ARG(part));
        }
    }
    int members = 1;
    for (rest = state; ly_str_split(&rest, ',', &part) && members < MAX_STATE_MEMBERS;) {
        if (part.len && part.ptr != member.ptr) {
            ly_buf_fmt(out, ",%.*s", LY_STR_ARG(part));
            members++;
        }
    }
}

/* What is sent: at most 512 characters, entries over 128 dropped first, then from the end. */
static void state_for_sending(ly_str state, ly_buf *out)
{
    ly_str part, rest;
    bool drop_long = state.len > 512;
    for (rest = state; ly_str_split(&rest, ',', &part);) {
        if (drop_long && part.len > 128) {
            continue;
        }
        if (out->len + part.len + 1 > 512 && state.len > 512) {
            break;
        }
        if (out->len) {
            ly_buf_char(out, ',');
        }
        ly_buf_str(out, part);
    }
}

/* Empty texts are not sent. */
static void send_all(const char *parent, ly_str state, ly_str baggage, const char *const names[3],
                     lydite_inject_fn set, void *user)
{
    ly_buf text;
    ly_buf_init(&text, MAX_BAGGAGE_BYTES + 1);
    if (*parent) {
        set(user, names[0], parent);
        state_for_sending(state, &text);
    }
    if (text.len) {
        set(user, names[1], ly_buf_text(&text));
    }
    ly_buf_reset(&text);
    ly_buf_str(&text, baggage);
    if (text.len) {
        set(user, names[2], ly_buf_text(&text));
    }
    ly_buf_release(&text);
}

static void inject(const lydite_span *span, const char *const names[3], lydite_inject_fn set,
                   void *user)
{
    const ly_slot *slot = ly_span_any(span);
    char parent[56];
    if (slot && set) {
        lydite_traceparent(span, parent);
        send_all(parent, slot->bag ? slot->bag->trace_state : LY_STR_NONE,
                 slot->bag ? slot->bag->baggage : LY_STR_NONE, names, set, user);
    }
}

static const char *const header_names[3] = {"traceparent", "tracestate", "baggage"};

void lydite_context_inject(const lydite_context *context, lydite_inject_fn set, void *user)
{
    char parent[56];
    if (context && set) {
        lydite_context_traceparent(context, parent);
        send_all(parent, ly_buf_view(&context->state), ly_buf_view(&context->baggage), header_names,
                 set, user);
    }
}

void lydite_inject(const lydite_span *span, lydite_inject_fn set, void *user)
{
    inject(span, header_names, set, user);
}

static void set_environment(void *user, const char *name, const char *value)
{
    (void)user;
    setenv(name, value, 1);
}

void lydite_inject_env(const lydite_span *span, lydite_inject_fn set, void *user)
{
    static const char *const names[3] = {"TRACEPARENT", "TRACESTATE", "BAGGAGE"};
    for (int i = 0; !set && i < 3 && ly_span_any(span); i++) {
        unsetenv(names[i]); /* what another span left there is not this one's */
    }
    inject(span, names, set ? set : set_environment, user);
}
