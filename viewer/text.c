#include <stdio.h>

#include "viewer/text.h"

#include "base/clock.h"
#include "base/term.h"
#include "genai/price.h"

const char *ly_text_future(int64_t start_ns, int64_t now_ns)
{
    return start_ns != LY_UNKNOWN && start_ns > now_ns + LY_AHEAD_NS ? " future" : "";
}

void ly_viewer_money(int64_t pico, ly_buf *out)
{
    ly_money_format(pico, LY_MONEY_NARROW, out);
}

void ly_text_least(int64_t pico, const char *mark, ly_buf *out)
{
    size_t n = out->len + strlen(mark);
    if (pico == LY_UNKNOWN) {
        ly_buf_char(out, '-');
        return;
    }
    ly_buf_c(out, mark);
    ly_viewer_money(pico, out);
    const char *text = ly_buf_text(out) + (out->len > n ? n : out->len);
    if (*text == '<' ||
        *text == '>') { /* two marks in a row: the amount that bounds it from below */
        const char *bound = *text == '<' ? "$0" : "-$0.001";
        ly_buf_cut(out, n);
        ly_buf_c(out, bound);
    }
}

void ly_text_cost(int64_t pico, bool partial, ly_buf *out)
{
    if (partial) {
        ly_text_least(pico, ">", out);
    } else {
        ly_viewer_money(pico, out);
    }
}

void ly_text_one_of(ly_str one, int64_t n, bool unicode, ly_buf *out)
{
    ly_term_clean(out, one.len > 0 ? one : LY_S("-"), ly_clean_flags(unicode));
    if (one.len > 0 && n > 1) {
        ly_buf_fmt(out, " +%lld", (long long)(n - 1));
    }
}

void ly_viewer_count(int64_t n, ly_buf *out)
{
    static const char units[] = "kMGTP";
    if (n == LY_UNKNOWN) {
        ly_buf_char(out, '-');
        return;
    }
    double v = (double)n;
    int unit = -1;
    while ((v >= 999.5 || v <= -999.5) && unit < 4) {
        v /= 1000;
        unit++;
    }
    if (unit < 0) {
        ly_buf_i64(out, n);
    } else {
        ly_buf_fmt(out, v < 99.95 && v > -99.95 ? "%.1f%c" : "%.0f%c", v, units[unit]);
    }
}

void ly_viewer_duration(int64_t ns, ly_buf *out)
{
    if (ns == LY_UNKNOWN) {
        ly_buf_char(out, '-');
    } else if (ns == 0) {
        ly_buf_char(out, '0');
    } else {
        ly_duration_format(ns, out);
    }
}

void ly_text_time(int64_t ns, ly_buf *out)
{
    ly_civil c = ly_civil_from_ns(ns);
    ly_buf_fmt(out, "%04d-%02d-%02d %02d:%02d:%02dZ", c.year, c.month, c.day, c.hour, c.minute,
               c.second);
}

void ly_text_clock(int64_t ns, int64_t now_ns, ly_buf *out)
{
    ly_civil c = ly_civil_from_ns(ns), now = ly_civil_from_ns(now_ns);
    if (c.year == now.year && c.month == now.month && c.day == now.day) {
        ly_buf_fmt(out, "%02d:%02d:%02d", c.hour, c.minute, c.second);
    } else if (c.year == now.year) {
        ly_buf_fmt(out, "%02d-%02d %02d:%02d", c.month, c.day, c.hour, c.minute);
    } else {
        ly_buf_fmt(out, "%04d-%02d-%02d", c.year, c.month, c.day);
    }
}

void ly_text_ago(int64_t ns, int64_t now_ns, ly_buf *out)
{
    int64_t s = (now_ns - ns) / LY_NS_PER_SEC;
    if (s < 2) {
        ly_buf_c(out, "just now");
    } else if (s < 120) {
        ly_buf_fmt(out, "%lld s ago", (long long)s);
    } else if (s < 7200) {
        ly_buf_fmt(out, "%lld min ago", (long long)(s / 60));
    } else if (s < 172800) {
        ly_buf_fmt(out, "%lld h ago", (long long)(s / 3600));
    } else {
        ly_buf_fmt(out, "%lld days ago", (long long)(s / 86400));
    }
}

void ly_text_bytes(int64_t n, ly_buf *out)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    if (n < 1024) {
        ly_buf_fmt(out, "%lld B", (long long)n);
        return;
    }
    double v = (double)n / 1024;
    size_t unit = 0;
    while (v >= 1023.95 && unit + 1 < LY_COUNT(units)) {
        v /= 1024;
        unit++;
    }
    ly_buf_fmt(out, "%.1f %s", v, units[unit]);
}

void ly_text_grouped(int64_t n, ly_buf *out)
{
    char digits[32];
    int len = snprintf(digits, sizeof digits, "%llu",
                       n < 0 ? 0ULL - (unsigned long long)n : (unsigned long long)n);
    if (n < 0) {
        ly_buf_char(out, '-');
    }
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            ly_buf_char(out, ',');
        }
        ly_buf_char(out, digits[i]);
    }
}

void ly_text_plural(int64_t n, const char *noun, ly_buf *out)
{
    ly_text_grouped(n, out);
    bool y = n != 1 && ly_str_ends(ly_str_c(noun), LY_S("retry"));
    if (y) {
        ly_buf_c(out, " retries");
    } else {
        ly_buf_fmt(out, " %s%s", noun, ly_plural(n));
    }
}

void ly_text_label(const ly_node *node, bool unicode, ly_buf *out)
{
    unsigned flags = ly_clean_flags(unicode);
    const ly_canon *c = &node->canon;
    if (node->name.len > 0) {
        ly_term_clean(out, ly_str_sub(node->name, 0, 512), flags);
    } else {
        ly_buf_fmt(out, "(%s without a name)", ly_type_name(c->type));
    }
    ly_str model = c->response_model.len ? c->response_model : c->request_model;
    bool said =
        (c->request_model.len && ly_str_find(node->name, c->request_model, 0) != SIZE_MAX) ||
        ly_str_find(node->name, model, 0) != SIZE_MAX;
    if (c->type == LY_TYPE_GENERATION && model.len > 0 && !said) {
        ly_buf_char(out, ' ');
        ly_term_clean(out, ly_str_sub(model, 0, 128), flags);
    } else if (c->type == LY_TYPE_TOOL && c->tool_name.len > 0 &&
               ly_str_find(node->name, c->tool_name, 0) == SIZE_MAX) {
        ly_buf_char(out, ' ');
        ly_term_clean(out, ly_str_sub(c->tool_name, 0, 128), flags);
    }
}

void ly_text_marks(const ly_row *row, const ly_node_sum *sum, ly_buf *out)
{
    if (row->kind == LY_ROW_GROUP) {
        ly_buf_fmt(out, "x%u", row->count);
        if (sum->same_args) {
            ly_buf_fmt(out, "  LOOP same args");
        }
    }
    if (sum->attempt > 0 && sum->attempts > 1) {
        ly_buf_fmt(out, "%sattempt %u of %u", row->kind == LY_ROW_GROUP ? "  " : "", sum->attempt,
                   sum->attempts);
    }
}

void ly_text_status(const ly_node *node, bool lost, bool unicode, ly_buf *out)
{
    const ly_canon *c = &node->canon;
    unsigned flags = ly_clean_flags(unicode);
    if (node->flags & LY_SPAN_PENDING) {
        ly_buf_c(out, lost ? "lost" : "running");
    } else if (node->flags & LY_SPAN_ERROR) {
        ly_buf_c(out, "error");
        if (c->error_type.len > 0) {
            ly_buf_char(out, ' ');
            ly_term_clean(out, ly_str_sub(c->error_type, 0, 80), flags);
        }
        if (c->error_message.len > 0 && !ly_str_eq(c->error_message, c->error_type)) {
            ly_buf_char(out, ' ');
            ly_term_clean(out, ly_str_sub(c->error_message, 0, 200), flags);
        }
    } else if (node->end_ns == LY_UNKNOWN) {
        ly_buf_c(out, "not ended");
    } else {
        ly_buf_c(out, "ok");
    }
}

void ly_text_row(const ly_sums *sums, const ly_row *row, ly_buf *out)
{
    if (row->kind == LY_ROW_FOLDED) {
        ly_buf_fmt(out, "%u %s span%s folded", row->count, "infra", ly_plural(row->count));
        if (row->errors > 0) {
            ly_buf_fmt(out, ", %u failed", row->errors);
        }
    } else if (row->kind == LY_ROW_MISSING) {
        const ly_span_id *id = &sums->trace->nodes[row->node].parent_id;
        char hex[17];
        ly_hex_encode(id->b, sizeof id->b, hex);
        ly_buf_fmt(out, "missing parent %.8s.. (%u span%s)", hex, row->count,
                   ly_plural(row->count));
    }
}

void ly_text_guides(const ly_rows *rows, const ly_row *row, uint32_t max_levels, bool unicode,
                    ly_buf *out)
{
    /* bar of each level, from the row upwards: the row's own connector, then its ancestors' bars */
    enum { LEVELS = 64 };
    bool more[LEVELS];
    uint32_t n = 0;
    if (max_levels > LEVELS) {
        max_levels = LEVELS;
    }
    const ly_row *r = row;
    while (r->parent != LY_NO_ROW && n < max_levels) {
        more[n++] = !r->last;
        r = &rows->items[r->parent];
    }
    if (r->parent != LY_NO_ROW && n > 0) {
        ly_buf_c(out, unicode ? "\xE2\x8B\xAF" : ":"); /* outer levels left out */
    }
    for (uint32_t k = n; k-- > 1;) {
        ly_buf_c(out, !more[k] ? "  " : unicode ? "\xE2\x94\x82 " : "| ");
    }
    if (n > 0) {
        ly_buf_c(out, unicode ? (more[0] ? "\xE2\x94\x9C\xE2\x94\x80" : "\xE2\x94\x94\xE2\x94\x80")
                              : (more[0] ? "|-" : "`-"));
    }
}

void ly_text_trace_name(const ly_trace_row *row, bool unicode, ly_buf *out)
{
    if (row->flags & LY_TRACE_NO_ROOT && row->name.len == 0) {
        ly_buf_c(out, "(root not received)");
    } else if (row->name.len == 0) {
        ly_buf_c(out, "(no name)");
    } else {
        ly_term_clean(out, ly_str_sub(row->name, 0, 512), ly_clean_flags(unicode));
    }
}

/* When something of a trace came last, as far as is known. */
static int64_t last_heard(const ly_trace_row *row)
{
    int64_t at = row->end_ns != LY_UNKNOWN ? row->end_ns : row->start_ns;
    return row->seen_ns > at ? row->seen_ns : at;
}

const char *ly_viewer_trace_state(const ly_trace_row *row, int64_t now_ns)
{
    /* The latest thing known to have happened. A span is sent when it ends, so an ended trace with its
     * root and without a hole is over; one with a hole may still be waited for. */
    bool open = (row->flags & (LY_TRACE_LIVE | LY_TRACE_NO_ROOT)) != 0 || row->n_orphans > 0;
    int64_t age = now_ns - last_heard(row);
    if (open) {
        return age < 5 * LY_NS_PER_SEC ? "live" : age < 60 * LY_NS_PER_SEC ? "quiet" : "partial";
    }
    /* A failed step that the agent recovered from is not a failed trace; its count is shown beside. */
    return row->flags & LY_TRACE_ERROR ? "error" : "ok";
}
