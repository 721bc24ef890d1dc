/*
 * Setters: each appends one item to the slot's build buffer. Keys are borrowed, values are eight bytes
 * or copied. Duplicates are resolved when the record is encoded: the last value of a key wins.
 *
 * The limit on the number of attributes holds for what the host sets by key. What the convention
 * setters write is not cut by it (identity and usage must not fall to a full span), only by
 * max_span_bytes.
 */
#include "tracer/engine.h"

#include <math.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "otlp/pb.h"
#include "tracer/keys.h"

/* ---- items ---- */

static bool grow(ly_slot *slot, size_t need)
{
    lydite_tracer *tracer = ly_slot_tracer(slot);
    size_t want = slot->len + need, cap = slot->cap;
    if (!tracer || want > tracer->config.max_span_bytes) {
        return false;
    }
    while (cap < want) {
        cap *= 2;
    }
    /* What fits is not looked at again: room past the limit would be used. */
    cap = cap < tracer->config.max_span_bytes ? cap : tracer->config.max_span_bytes;
    uint8_t *bigger = ly_malloc(cap);
    if (!bigger) {
        return false;
    }
    memcpy(bigger, slot->items, slot->len);
    if (slot->items != slot->inline_items) {
        ly_free(slot->items);
    }
    slot->items = bigger;
    slot->cap = (uint32_t)cap;
    return true;
}

static inline ly_item *item_room(ly_slot *slot, ly_item_kind kind, const char *key, size_t len,
                                 size_t size)
{
    if (LY_UNLIKELY(slot->cap - slot->len < size) && !grow(slot, size)) {
        return NULL;
    }
    ly_item *item = (ly_item *)(void *)(slot->items + slot->len);
    slot->len += (uint32_t)size;
    item->kind = (uint8_t)kind;
    item->flags = 0;
    item->key_len = 0;
    item->len = (uint32_t)len;
    item->key = key;
    return item;
}

ly_item *ly_item_add(ly_slot *slot, ly_item_kind kind, const char *key, size_t len)
{
    /* A gigabyte is past any max_span_bytes; the test keeps the sum below from wrapping. */
    ly_item *item = NULL;
    if (len < (1u << 30)) {
        item = item_room(slot, kind, key, len, ly_item_size((uint32_t)len));
    }
    if (!item) {
        slot->rec.dropped_attrs++;
    }
    return item;
}

static bool has_key(const ly_slot *slot, const char *key)
{
    for (uint32_t at = 0; at < slot->len;) {
        const ly_item *item = (const ly_item *)(const void *)(slot->items + at);
        if (item->kind <= LY_IT_ANY && item->key && strcmp(item->key, key) == 0) {
            return true;
        }
        at += (uint32_t)ly_item_size(item->len);
    }
    return false;
}

/* May the host set one more attribute? */
static inline bool attr_allowed(ly_slot *slot, const char *key)
{
    if (LY_LIKELY(slot->attrs_left)) {
        slot->attrs_left--;
        return true;
    }
    if (has_key(slot, key)) {
        return true;
    }
    slot->rec.dropped_attrs++;
    return false;
}

static void scalar(ly_slot *slot, const char *key, ly_item_kind kind, uint64_t bits)
{
    ly_item *item = item_room(slot, kind, key, 8, sizeof(ly_item) + 8);
    if (LY_LIKELY(item != NULL)) {
        memcpy(item + 1, &bits, 8);
    } else {
        slot->rec.dropped_attrs++;
    }
}

static __attribute__((noinline, cold)) void set_scalar_slow(lydite_span *span, const char *key,
                                                            ly_item_kind kind, uint64_t bits)
{
    ly_slot *slot = ly_span_slot(span);
    if (slot && key && attr_allowed(slot, key)) {
        scalar(slot, key, kind, bits);
    }
}

/* The hot setters: whatever is not the plain case is done out of line, so that no register is saved
 * here. attrs_left is 0 for a span that is not recorded. */
static inline __attribute__((always_inline)) void set_scalar(lydite_span *span, const char *key,
                                                             ly_item_kind kind, uint64_t bits)
{
    const uint32_t size = sizeof(ly_item) + 8;
    if (LY_UNLIKELY(!span)) {
        return;
    }
    ly_slot *slot = ly_handle_slot((uintptr_t)span);
    const uint32_t len = slot->len, left = slot->attrs_left;
    if (LY_UNLIKELY(!key || !ly_handle_alive((uintptr_t)span) || !left || slot->cap - len < size)) {
        set_scalar_slow(span, key, kind, bits);
        return;
    }
    ly_item *item = (ly_item *)(void *)(slot->items + len);
    slot->attrs_left = left - 1;
    slot->len = len + size;
    *item = (ly_item){.kind = (uint8_t)kind, .len = 8, .key = key};
    memcpy(item + 1, &bits, 8);
}

static inline uint64_t double_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint32_t max_chars(const ly_slot *slot)
{
    lydite_tracer *tracer = ly_slot_tracer(slot);
    return tracer ? tracer->config.max_chars : 0;
}

ly_str ly_chars_cut(ly_str s, uint32_t n)
{
    size_t at = 0;
    if (n == 0 || s.len <= n) {
        return s;
    }
    while (n-- && at < s.len) {
        ly_utf8_next(s, &at);
    }
    return ly_str_n(s.ptr, at);
}

void ly_attr_str(ly_slot *slot, const char *key, ly_str value, unsigned flags)
{
    value = ly_chars_cut(value, max_chars(slot));
    ly_item *item = ly_item_add(slot, LY_IT_STR, key, value.len);
    if (item) {
        item->flags = (uint8_t)flags;
        if (value.len) {
            memcpy(item + 1, value.ptr, value.len);
        }
    }
}

/* ---- attributes by key ---- */

void lydite_set_int(lydite_span *span, const char *key, int64_t value)
{
    set_scalar(span, key, LY_IT_INT, (uint64_t)value);
}

void lydite_set_double(lydite_span *span, const char *key, double value)
{
    set_scalar(span, key, LY_IT_DOUBLE, double_bits(value));
}

void lydite_set_bool(lydite_span *span, const char *key, bool value)
{
    set_scalar(span, key, LY_IT_BOOL, value);
}

void lydite_set_static(lydite_span *span, const char *key, const char *value_static)
{
    if (LY_LIKELY(value_static != NULL)) {
        set_scalar(span, key, LY_IT_STATIC, (uint64_t)(uintptr_t)value_static);
    }
}

void lydite_set_str_n(lydite_span *span, const char *key, const char *value, size_t len)
{
    ly_slot *slot = ly_span_slot(span);
    if (slot && key && value && attr_allowed(slot, key)) {
        ly_attr_str(slot, key, ly_str_n(value, len), 0);
    }
}

void lydite_set_str(lydite_span *span, const char *key, const char *value)
{
    if (value) {
        lydite_set_str_n(span, key, value, strlen(value));
    }
}

void lydite_set_bytes(lydite_span *span, const char *key, const void *bytes, size_t len)
{
    ly_slot *slot = ly_span_slot(span);
    if (!slot || !key || (!bytes && len) || !attr_allowed(slot, key)) {
        return;
    }
    uint32_t most = max_chars(slot);
    len = most && len > most ? most : len;
    ly_item *item = ly_item_add(slot, LY_IT_BYTES, key, len);
    if (item && len) {
        memcpy(item + 1, bytes, len);
    }
}

/* The copy must outlive moves of the build buffer and the slot itself, so it is interned: one copy a
 * distinct key for the life of the process, as far as the table goes. */
const char *lydite_key(lydite_span *span, const char *key)
{
    return key && ly_span_slot(span) ? ly_key_intern(ly_str_c(key)) : NULL;
}

void lydite_set_value(lydite_span *span, const char *key, const lydite_value *value)
{
    ly_slot *slot = ly_span_slot(span);
    ly_str any = ly_value_any(value);
    if (!slot || !key || !ly_str_given(any) || !attr_allowed(slot, key)) {
        return;
    }
    uint32_t most = max_chars(slot);
    ly_buf cut;
    ly_buf_init(&cut, any.len + 16);
    if (most) {
        ly_value_cut(any, most, &cut, 0);
        any = ly_buf_view(&cut);
    }
    ly_item *item = ly_item_add(slot, LY_IT_ANY, key, any.len);
    if (item && any.len) {
        memcpy(item + 1, any.ptr, any.len);
    }
    ly_buf_release(&cut);
}

static void put_text(ly_slot *slot, ly_item_kind kind, const char *text)
{
    size_t len = strlen(text);
    ly_item *item = ly_item_add(slot, kind, NULL, len);
    if (item) {
        memcpy(item + 1, text, len);
    }
}

void lydite_set_name(lydite_span *span, const char *name)
{
    ly_slot *slot = ly_span_slot(span);
    if (slot && name) {
        slot->rec.flags |= LY_REC_NAME_SET;
        put_text(slot, LY_IT_NAME, name);
    }
}

/* ---- events and links ---- */

static bool event_allowed(ly_slot *slot)
{
    lydite_tracer *tracer = ly_slot_tracer(slot);
    if (!tracer || slot->n_events >= tracer->config.max_events) {
        slot->rec.dropped_events++;
        return false;
    }
    slot->n_events++;
    return true;
}

/* time, then the encoded Event but for its time */
static void put_event(ly_slot *slot, ly_str name, ly_str any)
{
    lydite_tracer *tracer = ly_slot_tracer(slot);
    if (!tracer) {
        return;
    }
    ly_buf body;
    uint32_t dropped = 0;
    ly_buf_init(&body, tracer->config.max_span_bytes);
    ly_text_field(&body, 2, name);
    if (any.len) {
        ly_value_retag(any, 3, tracer->config.max_event_attrs, tracer->config.max_chars, &body,
                       &dropped);
    }
    if (dropped) {
        ly_pb_put_uint(&body, 4, dropped);
    }
    ly_item *item = body.failed ? NULL : ly_item_add(slot, LY_IT_EVENT, NULL, 8 + body.len);
    if (item) {
        int64_t now = ly_mono_ns();
        memcpy(item + 1, &now, 8);
        memcpy((char *)(item + 1) + 8, body.ptr, body.len);
    } else {
        slot->rec.dropped_events++;
    }
    ly_buf_release(&body);
}

void lydite_add_event(lydite_span *span, const char *name, const lydite_value *attributes)
{
    ly_slot *slot = ly_span_slot(span);
    if (slot && name && event_allowed(slot)) {
        put_event(slot, ly_str_c(name), ly_value_any(attributes));
    }
}

void lydite_add_event_int(lydite_span *span, const char *name_static, const char *key,
                          int64_t value)
{
    ly_slot *slot = ly_span_slot(span);
    if (!slot || !name_static || !event_allowed(slot)) {
        return;
    }
    struct {
        int64_t time;
        const char *name;
        int64_t value;
    } payload = {ly_mono_ns(), name_static, value};
    ly_item *item = ly_item_add(slot, LY_IT_EVENT_INT, key, sizeof payload);
    if (item) {
        memcpy(item + 1, &payload, sizeof payload);
    }
}

static void put_link(ly_slot *slot, const uint64_t trace[2], const void *span_id, unsigned flags,
                     ly_str state, const lydite_value *attributes)
{
    lydite_tracer *tracer = ly_slot_tracer(slot);
    if (!tracer || slot->n_links >= tracer->config.max_links) {
        slot->rec.dropped_links++;
        return;
    }
    ly_buf body;
    uint32_t dropped = 0;
    ly_buf_init(&body, tracer->config.max_span_bytes);
    ly_pb_put_bytes(&body, 1, ly_str_n(trace, 16));
    ly_pb_put_bytes(&body, 2, ly_str_n(span_id, 8));
    if (state.len) {
        ly_pb_put_bytes(&body, 3, state);
    }
    ly_str any = ly_value_any(attributes);
    if (any.len) {
        ly_value_retag(any, 4, tracer->config.max_link_attrs, tracer->config.max_chars, &body,
                       &dropped);
    }
    if (dropped) {
        ly_pb_put_uint(&body, 5, dropped);
    }
    ly_pb_put_fixed32(&body, 6, flags);
    ly_item *item = body.failed ? NULL : ly_item_add(slot, LY_IT_LINK, NULL, body.len);
    if (item) {
        memcpy(item + 1, body.ptr, body.len);
        slot->n_links++;
    } else {
        slot->rec.dropped_links++;
    }
    ly_buf_release(&body);
}

void lydite_add_link(lydite_span *span, const lydite_span *to, const lydite_value *attributes)
{
    ly_slot *slot = ly_span_slot(span);
    const ly_slot *other = ly_span_any(to);
    if (slot && other) {
        /* 0x100: it is known whether the other is remote; it is not. */
        put_link(slot, other->rec.trace_id, &other->rec.span_id, other->rec.trace_flags | 0x100u,
                 LY_STR_NONE, attributes);
    }
}

void lydite_add_link_context(lydite_span *span, const lydite_context *to,
                             const lydite_value *attributes)
{
    ly_slot *slot = ly_span_slot(span);
    if (slot && to && to->valid) {
        uint64_t trace[2];
        memcpy(trace, to->trace_id, sizeof trace);
        put_link(slot, trace, to->span_id, (to->flags & 3u) | 0x300u, ly_buf_view(&to->state),
                 attributes);
    }
}

/* ---- status: Ok > Error > Unset ---- */

void lydite_set_ok(lydite_span *span)
{
    ly_slot *slot = ly_span_slot(span);
    if (slot) {
        slot->rec.status = 1;
    }
}

void lydite_set_error(lydite_span *span, const char *type, const char *message)
{
    ly_slot *slot = ly_span_slot(span);
    if (!slot || slot->rec.status == 1) {
        return;
    }
    slot->rec.status = 2;
    ly_attr_str(slot, LY_K_ERROR_TYPE, type ? ly_str_c(type) : LY_S("_OTHER"), 0);
    if (message) {
        put_text(slot, LY_IT_STATUS, message);
    }
}

void lydite_add_exception(lydite_span *span, const char *type, const char *message,
                          const char *stacktrace)
{
    ly_slot *slot = ly_span_slot(span);
    if (!slot || (!type && !message) || !event_allowed(slot)) {
        return;
    }
    lydite_value *map = lydite_value_new();
    lydite_value_open_map(map, NULL);
    if (type) {
        lydite_value_str(map, "exception.type", type);
    }
    if (message) {
        lydite_value_str(map, "exception.message", message);
    }
    if (stacktrace) {
        lydite_value_str(map, "exception.stacktrace", stacktrace);
    }
    lydite_value_close(map);
    put_event(slot, LY_S("exception"), ly_value_any(map));
    lydite_value_free(map);
}

/* ---- the conventions' attributes: not counted by the limit ---- */

static void conv_str(lydite_span *span, const char *key, const char *value)
{
    ly_slot *slot = ly_span_slot(span);
    if (slot && value) {
        ly_attr_str(slot, key, ly_str_c(value), 0);
    }
}

static void conv_int(lydite_span *span, const char *key, int64_t value)
{
    ly_slot *slot = ly_span_slot(span);
    if (slot && value != LYDITE_UNKNOWN) {
        scalar(slot, key, LY_IT_INT, (uint64_t)value);
    }
}

static void conv_double(lydite_span *span, const char *key, double value)
{
    ly_slot *slot = ly_span_slot(span);
    if (slot && !isnan(value)) {
        scalar(slot, key, LY_IT_DOUBLE, double_bits(value));
    }
}

#define CONV_STR(function, key)                        \
    void function(lydite_span *span, const char *text) \
    {                                                  \
        conv_str(span, key, text);                     \
    }
#define CONV_INT(function, key)                      \
    void function(lydite_span *span, int64_t number) \
    {                                                \
        conv_int(span, key, number);                 \
    }
#define CONV_DOUBLE(function, key)                  \
    void function(lydite_span *span, double number) \
    {                                               \
        conv_double(span, key, number);             \
    }

CONV_STR(lydite_set_provider, LY_K_PROVIDER)
CONV_STR(lydite_set_operation, LY_K_OPERATION)
CONV_STR(lydite_set_request_model, LY_K_REQUEST_MODEL)
CONV_STR(lydite_set_response_model, "gen_ai.response.model")
CONV_STR(lydite_set_response_id, LY_K_RESPONSE_ID)
CONV_STR(lydite_set_service_tier, "openai.response.service_tier")
CONV_STR(lydite_set_reasoning_level, "gen_ai.request.reasoning.level")
CONV_STR(lydite_set_output_type, "gen_ai.output.type")
CONV_STR(lydite_set_tool_description, "gen_ai.tool.description")
CONV_INT(lydite_set_top_k, "gen_ai.request.top_k")
CONV_INT(lydite_set_max_tokens, "gen_ai.request.max_tokens")
CONV_INT(lydite_set_seed, "gen_ai.request.seed")
CONV_DOUBLE(lydite_set_temperature, "gen_ai.request.temperature")
CONV_DOUBLE(lydite_set_top_p, "gen_ai.request.top_p")
CONV_DOUBLE(lydite_set_cost, "gen_ai.usage.cost")
CONV_DOUBLE(lydite_set_time_to_first_token, LY_K_FIRST_CHUNK)

void lydite_set_server(lydite_span *span, const char *address, int port)
{
    conv_str(span, "server.address", address);
    if (port > 0) {
        conv_int(span, "server.port", port);
    }
}

void lydite_set_penalties(lydite_span *span, double frequency, double presence)
{
    conv_double(span, "gen_ai.request.frequency_penalty", frequency);
    conv_double(span, "gen_ai.request.presence_penalty", presence);
}

void lydite_set_stop_sequences(lydite_span *span, const char *const *stops, size_t n)
{
    ly_slot *slot = ly_span_slot(span);
    if (!slot || !stops || !n) {
        return;
    }
    lydite_value *list = lydite_value_new();
    lydite_value_open_array(list, NULL);
    for (size_t i = 0; i < n; i++) {
        if (stops[i]) {
            lydite_value_str(list, NULL, stops[i]);
        }
    }
    lydite_value_close(list);
    ly_str any = ly_value_any(list);
    ly_item *item = ly_str_given(any)
                        ? ly_item_add(slot, LY_IT_ANY, "gen_ai.request.stop_sequences", any.len)
                        : NULL;
    if (item) {
        memcpy(item + 1, any.ptr, any.len);
    }
    lydite_value_free(list);
}

/* Absent means "not streaming" (§2.4), so only true is written. */
void lydite_set_stream(lydite_span *span, bool streaming)
{
    ly_slot *slot = ly_span_slot(span);
    if (slot && streaming) {
        scalar(slot, "gen_ai.request.stream", LY_IT_BOOL, 1);
    }
}

void lydite_first_token(lydite_span *span)
{
    ly_slot *slot = ly_span_slot(span);
    if (slot && !(slot->rec.flags & LY_REC_FIRST)) {
        slot->rec.flags |= LY_REC_FIRST;
        double seconds = (double)(ly_mono_ns() - slot->rec.start_ns) / 1e9;
        scalar(slot, LY_K_FIRST_CHUNK, LY_IT_DOUBLE, double_bits(seconds));
    }
}

void lydite_set_finish_reason(lydite_span *span, const char *reason)
{
    ly_slot *slot = ly_span_slot(span);
    if (slot && reason) {
        put_text(slot, LY_IT_FINISH, reason);
    }
}

void lydite_set_tokens(lydite_span *span, int64_t input, int64_t output)
{
    conv_int(span, "gen_ai.usage.input_tokens", input);
    conv_int(span, "gen_ai.usage.output_tokens", output);
}

void lydite_set_usage(lydite_span *span, const lydite_usage *usage)
{
    lydite_usage u = LYDITE_USAGE_INIT;
    if (!usage) {
        return;
    }
    memcpy(&u, usage, usage->size < sizeof u ? usage->size : sizeof u);
    lydite_set_tokens(span, u.input, u.output);
    conv_int(span, "gen_ai.usage.cache_read.input_tokens", u.cache_read);
    conv_int(span, "gen_ai.usage.cache_creation.input_tokens", u.cache_write);
    conv_int(span, "gen_ai.usage.reasoning.output_tokens", u.reasoning);
    conv_int(span, "gen_ai.usage.audio.input_tokens", u.audio_input);
    conv_int(span, "gen_ai.usage.image.input_tokens", u.image_input);
    conv_int(span, "gen_ai.usage.audio.cache_read.input_tokens", u.audio_cache_read);
    conv_int(span, "gen_ai.usage.audio.output_tokens", u.audio_output);
    conv_int(span, "gen_ai.usage.image.output_tokens", u.image_output);
}

void lydite_set_prompt(lydite_span *span, const char *name, const char *version)
{
    conv_str(span, "gen_ai.prompt.name", name);
    conv_str(span, "gen_ai.prompt.version", version);
}
