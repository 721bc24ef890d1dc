/* Escaping for HTML and XML. */
#include "text/html.h"

#include "base/utf8.h"

static const char *entity(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* Embeddings, overrides and isolates: text after them would read backwards, ours too. */
static bool turns_text(uint32_t cp)
{
    return (cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069);
}

/* What neither HTML nor XML may hold: controls but tab and line feed, and the non-characters. */
static bool forbidden(uint32_t cp)
{
    return turns_text(cp) || (cp < 0x20 && cp != '\t' && cp != '\n') || (cp >= 0x7F && cp < 0xA0) ||
           (cp & 0xFFFE) == 0xFFFE || (cp >= 0xFDD0 && cp <= 0xFDEF) || cp == LY_UTF8_BAD;
}

static void put(ly_buf *out, ly_str s)
{
    size_t from = 0, i = 0;
    while (i < s.len) {
        size_t at = i;
        const char *with = NULL;
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c < 0x7F) {
            with = entity(c);
            i++;
        } else {
            with = forbidden(ly_utf8_next(s, &i)) ? "\xEF\xBF\xBD" : NULL;
        }
        if (with) {
            ly_buf_add(out, s.ptr + from, at - from);
            ly_buf_c(out, with);
            from = i;
        }
    }
    if (from < s.len) {
        ly_buf_add(out, s.ptr + from, s.len - from);
    }
}

void ly_html_text(ly_buf *out, ly_str s)
{
    put(out, s);
}

void ly_xml_text(ly_buf *out, ly_str s)
{
    put(out, s);
}
