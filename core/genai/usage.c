#include "genai/usage.h"

#include "genai/dialects.h"

static int64_t or_zero(int64_t n)
{
    return n == LY_UNKNOWN ? 0 : n;
}

/* §4.2 step 2. */
static bool input_is_exclusive(const ly_reported *r, bool by_table, bool total_is_true,
                               bool *ret_evidence)
{
    const int64_t cached = or_zero(r->cache_read) + or_zero(r->cache_write);
    bool evidence = by_table;
    if (cached == 0 || r->in == LY_UNKNOWN)
        return by_table;
    if (cached > r->in)
        evidence = true;
    else if (r->in_no_cache != LY_UNKNOWN)
        evidence = r->in_no_cache == r->in;
    else if (r->total != LY_UNKNOWN && r->out != LY_UNKNOWN && r->total != r->in + r->out &&
             (r->total == r->in + cached + r->out ||
              r->total == r->in + cached + r->out + or_zero(r->reasoning)))
        evidence = true;
    else if (total_is_true && r->total != LY_UNKNOWN && r->out != LY_UNKNOWN)
        evidence = r->total != r->in + r->out;
    *ret_evidence |= evidence != by_table;
    return evidence;
}

/* §4.2 step 4. `in` is the input as it enters the total. */
static bool output_is_exclusive(const ly_reported *r, int64_t in, bool by_table, bool *ret_evidence)
{
    const int64_t k = or_zero(r->reasoning);
    bool evidence = by_table;
    if (k == 0 || r->out == LY_UNKNOWN)
        return by_table;
    if (k > r->out)
        evidence = true;
    else if (r->out_text != LY_UNKNOWN && (r->out_text == r->out || r->out_text + k == r->out))
        evidence = r->out_text == r->out;
    else if (r->total != LY_UNKNOWN && r->in != LY_UNKNOWN) {
        if (r->total == in + r->out + k || r->total == r->in + r->out + k)
            evidence = true;
        else if (r->total == in + r->out || r->total == r->in + r->out)
            evidence = false;
    }
    *ret_evidence |= evidence != by_table;
    return evidence;
}

unsigned ly_usage_buckets(const ly_reported *given, unsigned mode, ly_tokens *ret)
{
    ly_reported own = *given;
    const ly_reported *const r = &own;
    /* Codex calls the total "tool tokens". */
    if (own.tool_prompt != LY_UNKNOWN && own.total == LY_UNKNOWN && own.in != LY_UNKNOWN &&
        own.out != LY_UNKNOWN && own.tool_prompt == own.in + own.out && own.tool_prompt > 0) {
        own.total = own.tool_prompt;
        own.tool_prompt = LY_UNKNOWN;
    }
    bool evidence = false;
    const int64_t read = or_zero(r->cache_read), write = or_zero(r->cache_write);
    const bool in_ex = input_is_exclusive(r, (mode & LY_USAGE_IN_EXCLUSIVE) != 0,
                                          (mode & LY_COUNT_TOTAL) != 0, &evidence);
    ret->cache_read = r->cache_read;
    ret->cache_write = r->cache_write;
    ret->cache_write_1h = r->cache_write_1h;
    if (r->in != LY_UNKNOWN)
        ret->in_fresh = in_ex ? r->in : r->in - read - write;
    else if (r->in_no_cache != LY_UNKNOWN)
        ret->in_fresh = r->in_no_cache;
    if (r->tool_prompt != LY_UNKNOWN)
        ret->in_fresh = or_zero(ret->in_fresh) + r->tool_prompt;

    const int64_t in_total = or_zero(r->in) + (in_ex ? read + write : 0) + or_zero(r->tool_prompt);
    const bool out_ex =
        output_is_exclusive(r, in_total, (mode & LY_USAGE_OUT_EXCLUSIVE) != 0, &evidence);
    ret->out_reasoning = r->reasoning;
    if (r->out != LY_UNKNOWN)
        ret->out_visible = out_ex ? r->out : r->out - or_zero(r->reasoning);
    else if (r->out_text != LY_UNKNOWN)
        ret->out_visible = r->out_text;

    if (!ly_tokens_known(ret)) {
        ret->unattributed = r->total;
        return 0;
    }
    unsigned used = (in_ex ? LY_USAGE_IN_EXCLUSIVE : LY_USAGE_IN_INCLUSIVE) |
                    (out_ex ? LY_USAGE_OUT_EXCLUSIVE : LY_USAGE_OUT_INCLUSIVE);
    return used | (evidence ? LY_USAGE_BY_EVIDENCE : 0);
}
