/* Reading OTLP/JSON: transcode, then decode. Writing is json_write.c. */
#include "otlp/json.h"

#include "otlp/transcode.h"

ly_status ly_otlp_json_to_proto(ly_str text, ly_signal signal, ly_arena *arena, ly_str *ret_bytes,
                                ly_err *err)
{
    size_t room = LY_TRANSCODE_ROOM(text.len), len = 0;
    uint8_t *bytes = ly_arena_alloc(arena, room, 1);
    if (!bytes) {
        return arena->max != SIZE_MAX
                   ? LY_FAIL(err, LY_E_LIMIT, "OTLP/JSON request needs more than %zu bytes decoded",
                             arena->max)
                   : LY_NOMEM(err);
    }
    ly_status status = ly_transcode(text, ly_desc_of_signal(signal), bytes, room, &len, err);
    if (status == LY_OK) {
        *ret_bytes = ly_str_n(bytes, len);
    }
    return status;
}

ly_status ly_otlp_decode_json(ly_str text, ly_signal signal, ly_arena *arena,
                              const ly_otlp_limits *limits, ly_otlp_batch *ret_batch, ly_err *err)
{
    ly_str bytes;
    ly_status status = ly_otlp_json_to_proto(text, signal, arena, &bytes, err);
    if (status != LY_OK) {
        return status;
    }
    return ly_otlp_decode(bytes, signal, arena, limits, ret_batch, err);
}
