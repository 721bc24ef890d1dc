/* What one does with a parsed filter, and the caret line for one that is not. */
#include "base/term.h"
#include "filter/internal.h"

void ly_filter_free(ly_filter *filter)
{
    if (filter != NULL) {
        ly_arena_release(&filter->arena);
        ly_free(filter);
    }
}

const ly_filter_node *ly_filter_root(const ly_filter *filter)
{
    static const ly_filter_node all = {.kind = LY_FILTER_ALL};
    return filter != NULL ? filter->root : &all;
}

ly_str ly_filter_text(const ly_filter *filter)
{
    return filter != NULL ? filter->text : LY_S("");
}

bool ly_filter_uses(const ly_filter *filter, ly_filter_field field)
{
    return filter != NULL && (unsigned)field < LY_FLD__COUNT && (filter->used >> field & 1) != 0;
}

void ly_filter_caret(ly_str text, const ly_filter_error *error, unsigned flags, ly_buf *out)
{
    /* A window of the text: what stands up to 60 bytes before the place and 40 after it. */
    size_t at = error->at > text.len ? text.len : error->at;
    size_t from = at > 60 ? at - 60 : 0;
    while (from > 0 && from < at && ((unsigned char)text.ptr[from] & 0xC0) == 0x80) {
        from++;
    }
    ly_buf before, after;
    ly_buf_init(&before, 4096);
    ly_buf_init(&after, 4096);
    ly_term_clean(&before, ly_str_sub(text, from, at - from), flags);
    ly_term_clean(&after, ly_str_sub(text, at, 40), flags);
    const char *more = from > 0 ? "..." : "";
    ly_buf_fmt(out, "  %s%s%s\n  ", more, ly_buf_text(&before), ly_buf_text(&after));
    ly_buf_fill(out, ' ', strlen(more) + ly_term_width(ly_buf_view(&before)));
    ly_buf_c(out, "^ ");
    ly_term_clean(out, ly_str_c(error->what), flags);
    ly_buf_char(out, '\n');
    if (error->expected[0] != '\0') {
        ly_buf_fmt(out, "  expected: %s\n", error->expected);
    }
    ly_buf_release(&before);
    ly_buf_release(&after);
}
