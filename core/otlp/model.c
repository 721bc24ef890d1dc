/* Names of rejections and the one look-up of model.h. */
#include "otlp/model.h"

static const struct {
    const char *name, *text;
} rejects[LY_REJECT__COUNT] = {
    [LY_REJECT_NONE] = {"none", ""},
    [LY_REJECT_TRACE_ID] = {"trace_id", "trace_id must be 16 bytes and not all zero"},
    [LY_REJECT_SPAN_ID] = {"span_id", "span_id must be 8 bytes and not all zero"},
    [LY_REJECT_PARENT_ID] = {"parent_id", "parent_span_id must be empty or 8 bytes"},
    [LY_REJECT_DEPTH] = {"depth", "an attribute value is nested too deep"},
    [LY_REJECT_COUNT] = {"count", "too many attributes, events or links"},
    [LY_REJECT_MALFORMED] = {"malformed", "the bytes of the item cannot be parsed"},
    [LY_REJECT_TIME] = {"time", "a time is past the year 2262"},
};

const char *ly_reject_name(ly_reject reason)
{
    return (unsigned)reason < LY_REJECT__COUNT ? rejects[reason].name : "unknown";
}

const char *ly_reject_text(ly_reject reason)
{
    return (unsigned)reason < LY_REJECT__COUNT ? rejects[reason].text : "rejected";
}

const ly_any *ly_attrs_get(const ly_attrs *attrs, ly_str key)
{
    for (size_t i = attrs ? attrs->n : 0; i > 0; i--) {
        if (ly_str_eq(attrs->items[i - 1].key, key)) {
            return &attrs->items[i - 1].value;
        }
    }
    return NULL;
}
