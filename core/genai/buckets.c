#include "genai/buckets.h"

#include "genai/extract.h"

/* Where a named bucket goes. The order matters: the first name contained in the key decides. */
enum { B_TOTAL, B_READ, B_WRITE, B_REASONING, B_FRESH, B_VISIBLE, B_NOWHERE };

static bool has(ly_str key, const char *part)
{
    return ly_str_find(key, ly_str_c(part), 0) != SIZE_MAX;
}

static int bucket_of(ly_str key)
{
    if (ly_str_eqc(key, "total") || ly_str_eqc(key, "total_tokens"))
        return B_TOTAL;
    const bool output =
        ly_str_starts(key, LY_S("output")) || ly_str_starts(key, LY_S("completion"));
    if (has(key, "cache") && !output)
        return has(key, "creation") || has(key, "write") ? B_WRITE : B_READ;
    if (output)
        return has(key, "reasoning") || has(key, "thought") ? B_REASONING : B_VISIBLE;
    if (ly_str_starts(key, LY_S("input")) || ly_str_starts(key, LY_S("prompt")))
        return B_FRESH;
    if (has(key, "reasoning") || has(key, "thought"))
        return B_REASONING;
    return B_NOWHERE;
}

static void add(int64_t *sum, int64_t n)
{
    *sum = (*sum == LY_UNKNOWN ? 0 : *sum) + n;
}

static void add_bucket(ly_tokens *t, int64_t *total, ly_str key, int64_t n)
{
    int64_t *const places[] = {total,        &t->cache_read, &t->cache_write, &t->out_reasoning,
                               &t->in_fresh, &t->out_visible};
    const int bucket = bucket_of(key);
    if (bucket == B_NOWHERE)
        return;
    add(places[bucket], n);
    if (bucket == B_WRITE && has(key, "1h"))
        add(&t->cache_write_1h, n);
    if (has(key, "audio"))
        add(bucket == B_READ    ? &t->cache_read_audio
            : bucket == B_FRESH ? &t->in_audio
                                : &t->out_audio,
            n);
    if (has(key, "image"))
        add(bucket == B_FRESH ? &t->in_image : &t->out_image, n);
}

/* The library nets `input` of its parts; people who fill the object by hand often do not. Only a total
 * that fits `input` + `output` and not the sum of the buckets shows it. */
static bool filled_inclusive(const ly_tokens *t, int64_t total, int64_t in, int64_t out)
{
    if (total == LY_UNKNOWN || in == LY_UNKNOWN || out == LY_UNKNOWN || total != in + out)
        return false;
    const int64_t parts = (t->cache_read == LY_UNKNOWN ? 0 : t->cache_read) +
                          (t->cache_write == LY_UNKNOWN ? 0 : t->cache_write);
    const int64_t reasoning = t->out_reasoning == LY_UNKNOWN ? 0 : t->out_reasoning;
    return ly_tokens_total(t) != total && parts <= in && reasoning <= out;
}

static int64_t count_of(ly_val object, const char *names, bool *ret_rejected)
{
    int64_t n;
    if (!ly_val_i64(ly_val_pick(object, names), &n))
        return LY_UNKNOWN;
    if (n >= 0 && n <= 1000000000)
        return n;
    *ret_rejected = true;
    return LY_UNKNOWN;
}

/* The Python library passes OpenAI's usage object on as it is: details nested, the whole including them. */
static unsigned raw_openai(ly_val object, ly_val in_parts, ly_val out_parts, ly_tokens *ret,
                           bool *ret_rejected)
{
    ly_reported r = LY_REPORTED_NONE;
    ly_tokens t = LY_TOKENS_UNKNOWN;
    r.in = count_of(object, "prompt_tokens|input_tokens|input", ret_rejected);
    r.out = count_of(object, "completion_tokens|output_tokens|output", ret_rejected);
    r.total = count_of(object, "total_tokens|total", ret_rejected);
    r.cache_read = count_of(in_parts, "cached_tokens", ret_rejected);
    r.reasoning = count_of(out_parts, "reasoning_tokens", ret_rejected);
    const unsigned mode = ly_usage_buckets(&r, LY_USAGE_IN_INCLUSIVE | LY_USAGE_OUT_INCLUSIVE, &t);
    t.in_audio = count_of(in_parts, "audio_tokens", ret_rejected);
    t.out_audio = count_of(out_parts, "audio_tokens", ret_rejected);
    *ret = t;
    return mode;
}

unsigned ly_buckets_usage(ly_val object, ly_tokens *ret, bool *ret_rejected)
{
    const ly_val in_parts = ly_val_pick(object, "prompt_tokens_details|input_tokens_details");
    const ly_val out_parts = ly_val_pick(object, "completion_tokens_details|output_tokens_details");
    if (in_parts.kind == LY_IS_OBJECT || out_parts.kind == LY_IS_OBJECT)
        return raw_openai(object, in_parts, out_parts, ret, ret_rejected);
    ly_tokens t = LY_TOKENS_UNKNOWN;
    int64_t total = LY_UNKNOWN, in = LY_UNKNOWN, out = LY_UNKNOWN;
    ly_val_iter it = ly_val_each(object);
    ly_str key;
    ly_val val;
    while (ly_val_next(&it, &key, &val)) {
        int64_t n;
        if (!ly_val_i64(val, &n))
            continue;
        if (n < 0 || n > 1000000000) {
            *ret_rejected = true;
            continue;
        }
        if (ly_str_eqc(key, "input"))
            in = n;
        if (ly_str_eqc(key, "output"))
            out = n;
        add_bucket(&t, &total, key, n);
    }
    if (!ly_tokens_known(&t)) {
        if (total == LY_UNKNOWN)
            return 0;
        t.unattributed = total;
        *ret = t;
        return LY_USAGE_IN_EXCLUSIVE | LY_USAGE_OUT_EXCLUSIVE;
    }
    unsigned mode = LY_USAGE_IN_EXCLUSIVE | LY_USAGE_OUT_EXCLUSIVE;
    if (filled_inclusive(&t, total, in, out)) {
        if (t.cache_read != LY_UNKNOWN)
            t.in_fresh -= t.cache_read;
        if (t.cache_write != LY_UNKNOWN)
            t.in_fresh -= t.cache_write;
        if (t.out_reasoning != LY_UNKNOWN)
            t.out_visible -= t.out_reasoning;
        mode = LY_USAGE_IN_INCLUSIVE | LY_USAGE_OUT_INCLUSIVE | LY_USAGE_BY_EVIDENCE;
    }
    if (t.in_fresh < 0 && t.in_fresh != LY_UNKNOWN)
        t.in_fresh = 0;
    if (t.out_visible < 0 && t.out_visible != LY_UNKNOWN)
        t.out_visible = 0;
    *ret = t;
    return mode;
}

int64_t ly_buckets_cost(ly_val object)
{
    double total, sum = 0;
    int64_t pico;
    bool any = false;
    if (ly_val_real(ly_val_get(object, "total"), &total))
        return ly_usd_to_pico(total, &pico) ? pico : LY_UNKNOWN;
    ly_val_iter it = ly_val_each(object);
    ly_str key;
    ly_val val;
    while (ly_val_next(&it, &key, &val)) {
        double part;
        if (ly_val_real(val, &part)) {
            sum += part;
            any = true;
        }
    }
    return any && ly_usd_to_pico(sum, &pico) ? pico : LY_UNKNOWN;
}
