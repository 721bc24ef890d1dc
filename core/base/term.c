#include "base/term.h"

#include "base/utf8.h"
#include "base/width_table.h"

/* Marks after one base beyond this are shown escaped: stacked marks can cover other lines. */
#define MAX_MARKS 6

#define CP_ZWJ  0x200Du
#define CP_VS15 0xFE0Eu
#define CP_VS16 0xFE0Fu

static bool in_ranges(const cp_range *ranges, size_t n, uint32_t cp)
{
    size_t lo = 0, hi = n;
    if (cp < ranges[0].lo) {
        return false;
    }
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cp > ranges[mid].hi) {
            lo = mid + 1;
        } else if (cp < ranges[mid].lo) {
            hi = mid;
        } else {
            return true;
        }
    }
    return false;
}

#define IN(table, cp) in_ranges(table##_ranges, LY_COUNT(table##_ranges), (cp))

static bool is_regional(uint32_t cp)
{
    return cp >= 0x1F1E6 && cp <= 0x1F1FF;
}

static bool is_modifier(uint32_t cp)
{
    return cp >= 0x1F3FB && cp <= 0x1F3FF;
}

static bool is_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7F && cp <= 0x9F);
}

static bool is_mark(uint32_t cp)
{
    return cp >= 0x300 && IN(mark, cp);
}

int ly_term_cp_width(uint32_t cp)
{
    if (cp < 0x300) {
        return is_control(cp) ? 0 : 1;
    }
    if (cp == CP_ZWJ || IN(mark, cp)) {
        return 0;
    }
    return IN(wide, cp) ? 2 : 1;
}

static void add_escape(ly_buf *out, uint32_t cp)
{
    ly_buf_fmt(out, "\\u{%04X}", cp);
}

/* Between two pictographs (the first perhaps with marks or a skin tone) the joiner makes one glyph. */
static bool joiner_fits(bool after_pictograph, ly_str text, size_t next)
{
    if (!after_pictograph || next >= text.len) {
        return false;
    }
    uint32_t cp = ly_utf8_next(text, &next);
    return cp != LY_UTF8_BAD && IN(pictograph, cp);
}

/* What the cleaner knows of the cluster it is in. */
typedef struct clean_state {
    bool has_base;   /* a mark may follow */
    bool pictograph; /* a joiner may follow */
    int marks;
} clean_state;

static void clean_wide_char(ly_buf *out, ly_str text, size_t from, size_t to, uint32_t cp,
                            unsigned flags, clean_state *st)
{
    bool shown;
    if (flags & LY_TERM_ASCII) {
        shown = false;
    } else if (cp == CP_ZWJ) {
        shown = joiner_fits(st->pictograph, text, to);
    } else if (IN(hidden, cp)) {
        shown = false;
    } else if (is_mark(cp)) {
        shown = st->has_base && st->marks < MAX_MARKS;
        st->marks++;
    } else {
        shown = true;
        if (!is_modifier(cp) || !st->pictograph) {
            st->pictograph = IN(pictograph, cp);
        }
        st->marks = 0;
        st->has_base = true;
    }
    if (shown) {
        ly_buf_add(out, text.ptr + from, to - from);
        return;
    }
    add_escape(out, cp);
    *st = (clean_state){.has_base = true};
}

static void clean_control(ly_buf *out, ly_str text, size_t *pos, unsigned flags)
{
    unsigned char c = (unsigned char)text.ptr[*pos];
    if (c == '\r' && *pos + 1 < text.len && text.ptr[*pos + 1] == '\n') {
        /* CRLF is one line end; the carriage return alone would be shown. */
        *pos += 1;
        c = '\n';
    }
    *pos += 1;
    if (c == '\n') {
        if (flags & LY_TERM_LINES) {
            ly_buf_char(out, '\n');
        } else {
            ly_buf_c(out, flags & LY_TERM_ASCII ? "\\n" : "\xE2\x8F\x8E");
        }
    } else if (c == '\t') {
        ly_buf_c(out, "    ");
    } else {
        ly_buf_fmt(out, "\\x%02x", c);
    }
}

void ly_term_clean(ly_buf *out, ly_str text, unsigned flags)
{
    clean_state st = {0};
    size_t pos = 0;
    while (pos < text.len) {
        size_t run = pos;
        while (run < text.len && text.ptr[run] >= 0x20 && text.ptr[run] < 0x7F) {
            run++;
        }
        if (run > pos) {
            ly_buf_add(out, text.ptr + pos, run - pos);
            pos = run;
            /* A keycap is a digit with marks; a space carries none, or the mark would hit a border. */
            st = (clean_state){.has_base = text.ptr[run - 1] != ' '};
            continue;
        }
        unsigned char c = (unsigned char)text.ptr[pos];
        if (c < 0x20 || c == 0x7F) {
            clean_control(out, text, &pos, flags);
            st = (clean_state){0};
            continue;
        }
        size_t from = pos;
        uint32_t cp = ly_utf8_next(text, &pos);
        if (cp == LY_UTF8_BAD) {
            ly_buf_fmt(out, "\\x%02x", c);
            st = (clean_state){.has_base = true};
        } else if (cp <= 0x9F) {
            ly_buf_fmt(out, "\\x%02x", (unsigned)cp);
            st = (clean_state){.has_base = true};
        } else {
            clean_wide_char(out, text, from, pos, cp, flags, &st);
        }
    }
}

static uint32_t peek_cp(ly_str s, size_t pos, size_t *ret_next)
{
    *ret_next = pos;
    return pos < s.len ? ly_utf8_next(s, ret_next) : 0;
}

ly_str ly_term_cluster(ly_str clean, size_t *pos, int *ret_cells)
{
    size_t from = *pos, next;
    unsigned char first = (unsigned char)clean.ptr[from];
    if (first >= 0x20 && first < 0x7F &&
        (from + 1 >= clean.len || (unsigned char)clean.ptr[from + 1] < 0x80)) {
        *pos = from + 1;
        *ret_cells = 1;
        return (ly_str){clean.ptr + from, 1};
    }
    uint32_t cp = ly_utf8_next(clean, pos);
    if (cp == LY_UTF8_BAD) {
        *ret_cells = 1;
        return ly_str_sub(clean, from, *pos - from);
    }
    int cells = ly_term_cp_width(cp);
    bool pictograph = cp >= 0xA9 && IN(pictograph, cp);
    if (is_regional(cp)) {
        uint32_t second = peek_cp(clean, *pos, &next);
        if (is_regional(second)) {
            *pos = next;
            cells = 2;
        }
    }
    while (*pos < clean.len) {
        uint32_t follow = peek_cp(clean, *pos, &next);
        if (follow == CP_ZWJ && pictograph) {
            size_t after;
            uint32_t joined = peek_cp(clean, next, &after);
            if (joined < 0xA9 || joined == LY_UTF8_BAD || !IN(pictograph, joined)) {
                break;
            }
            *pos = after;
            cells = 2;
        } else if (follow != LY_UTF8_BAD &&
                   (is_mark(follow) || (pictograph && is_modifier(follow)))) {
            bool keycap_base = (cp >= '0' && cp <= '9') || cp == '#' || cp == '*';
            if (follow == CP_VS16 && (pictograph || keycap_base)) {
                cells = 2;
            } else if (follow == CP_VS15 && pictograph) {
                cells = 1;
            }
            *pos = next;
        } else {
            break;
        }
    }
    *ret_cells = cells;
    return ly_str_sub(clean, from, *pos - from);
}

size_t ly_term_width(ly_str clean)
{
    size_t pos = 0, total = 0;
    while (pos < clean.len) {
        int cells;
        (void)ly_term_cluster(clean, &pos, &cells);
        total += (size_t)cells;
    }
    return total;
}

void ly_term_fit(ly_buf *out, ly_str clean, size_t cells, bool pad, unsigned flags)
{
    /* `keep` is where to cut when the text turns out not to fit: one cell is left for the mark. */
    size_t pos = 0, used = 0, keep = 0, keep_cells = 0;
    while (pos < clean.len) {
        int w;
        (void)ly_term_cluster(clean, &pos, &w);
        if (used + (size_t)w > cells) {
            ly_buf_add(out, clean.ptr, keep);
            if (cells > 0) {
                ly_buf_c(out, flags & LY_TERM_ASCII ? "~" : "\xE2\x80\xA6");
                keep_cells++;
            }
            if (pad && keep_cells < cells) {
                ly_buf_fill(out, ' ', cells - keep_cells);
            }
            return;
        }
        used += (size_t)w;
        if (used + 1 <= cells) {
            keep = pos;
            keep_cells = used;
        }
    }
    ly_buf_str(out, clean);
    if (pad && used < cells) {
        ly_buf_fill(out, ' ', cells - used);
    }
}
