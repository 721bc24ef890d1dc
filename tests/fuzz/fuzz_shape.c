/* Providers' wire shapes: any body as request, as reply, and line by line as a stream. */
#include "base/limits.h"
#include "fuzz.h"
#include "genai/shape.h"
#include "text/json.h"

static void check_reply(const ly_shape_reply *reply)
{
    ly_buf out;
    ly_buf_init(&out, LY_MIB(64));
    ly_shape_write_output_messages(reply, &out);
    FUZZ_CHECK(ly_json_valid(ly_buf_view(&out)));
    ly_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ly_str text = ly_str_n(data, size);
    for (int i = 0; i < LY_SHAPE__COUNT; i++) {
        ly_shape shape = (ly_shape)i;
        ly_arena arena;
        ly_shape_reply reply;
        ly_shape_asked asked;
        ly_err err = LY_ERR_INIT;
        ly_str rest = text, line;
        ly_arena_init(&arena, 0, LY_MIB(256));
        (void)!ly_shape_read_request(shape, text, &arena, &asked, &err);
        if (ly_shape_read_reply(shape, text, &arena, &reply, &err) == LY_OK) {
            check_reply(&reply);
        }
        ly_shape_stream *stream = ly_shape_stream_new(shape, LY_KIB(64));
        while (stream && ly_str_split(&rest, '\n', &line)) {
            bool first;
            (void)!ly_shape_stream_feed(stream, LY_STR_NONE, line, &first, &err);
        }
        if (stream && ly_shape_stream_end(stream, &arena, &reply, &err) == LY_OK) {
            check_reply(&reply);
        }
        ly_shape_stream_free(stream);
        ly_arena_release(&arena);
    }
    return 0;
}
