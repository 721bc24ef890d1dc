/* Reading OTLP/JSON: transcode, then decode. Writing is json_write.c. */
#include "otlp/json.h"

#include <stdio.h>

#include "otlp/transcode.h"

static ly_status to_proto(ly_str text, ly_signal signal, ly_arena *arena, ly_str *ret_bytes,
                          ly_transcode_fault *ret_fault, ly_err *err)
{
    size_t room = LY_TRANSCODE_ROOM(text.len), len = 0;
    uint8_t *bytes = ly_arena_alloc(arena, room, 1);
    if (!bytes) {
        return arena->max != SIZE_MAX
                   ? LY_FAIL(err, LY_E_LIMIT, "OTLP/JSON request needs more than %zu bytes decoded",
                             arena->max)
                   : LY_NOMEM(err);
    }
    ly_status status =
        ly_transcode(text, ly_desc_of_signal(signal), bytes, room, &len, ret_fault, err);
    if (status == LY_OK) {
        *ret_bytes = ly_str_n(bytes, len);
    }
    return status;
}

ly_status ly_otlp_json_to_proto(ly_str text, ly_signal signal, ly_arena *arena, ly_str *ret_bytes,
                                ly_err *err)
{
    return to_proto(text, signal, arena, ret_bytes, NULL, err);
}

/* "kind has a value that does not fit (line 1, column 77)"; without memory the general text stays. */
static ly_str fault_text(const ly_transcode_fault *fault, ly_arena *arena)
{
    char text[160];
    if (!ly_str_given(fault->member))
        return LY_STR_NONE;
    int n = snprintf(text, sizeof text, "%.*s has a value that does not fit (line %u, column %u)",
                     LY_STR_ARG(fault->member), fault->line, fault->column);
    return ly_arena_copy(arena,
                         ly_str_n(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1));
}

ly_status ly_otlp_decode_json(ly_str text, ly_signal signal, ly_arena *arena,
                              const ly_otlp_limits *limits, ly_otlp_batch *ret_batch, ly_err *err)
{
    ly_str bytes;
    ly_transcode_fault fault;
    ly_status status = to_proto(text, signal, arena, &bytes, &fault, err);
    if (status == LY_OK) {
        status = ly_otlp_decode(bytes, signal, arena, limits, ret_batch, err);
    }
    if (status == LY_OK) {
        ret_batch->fault = fault_text(&fault, arena);
    }
    return status;
}
