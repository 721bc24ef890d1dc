/*
 * The side of the oracle test that is ours: answers framed questions on stdin.
 *
 *     question: mode byte, 4-byte little-endian length, bytes
 *     answer:   status byte, 4-byte length, bytes
 *
 * Modes, upper case for traces and lower case for logs:
 *     F   protobuf -> model -> protobuf written from the fields
 *     W   protobuf -> JSON
 *     J   JSON -> protobuf
 * Status: 0 = ok, 1 = request refused, 2 = some item rejected (the answer is what was left of F).
 */
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "otlp/encode.h"
#include "otlp/json.h"

static ly_arena arena;
static ly_buf in, out, wires;

static bool read_question(char *ret_mode)
{
    uint8_t head[5];
    if (fread(head, 1, sizeof head, stdin) != sizeof head) {
        return false;
    }
    size_t n = head[1] | (size_t)head[2] << 8 | (size_t)head[3] << 16 | (size_t)head[4] << 24;
    *ret_mode = (char)head[0];
    ly_buf_reset(&in);
    char *room = ly_buf_room(&in, n + 1);
    if (!room || fread(room, 1, n, stdin) != n) {
        return false;
    }
    ly_buf_advance(&in, n);
    return true;
}

static void answer(int status, ly_str bytes)
{
    uint8_t head[5] = {(uint8_t)status, (uint8_t)bytes.len, (uint8_t)(bytes.len >> 8),
                       (uint8_t)(bytes.len >> 16), (uint8_t)(bytes.len >> 24)};
    fwrite(head, 1, sizeof head, stdout);
    fwrite(bytes.ptr, 1, bytes.len, stdout);
    fflush(stdout);
}

/* The bytes appended to `wires` since `from`, copied so that the buffer may grow on. */
static ly_str kept(size_t from)
{
    return ly_arena_copy(&arena, ly_str_n(wires.ptr + from, wires.len - from));
}

static ly_str resource_again(const ly_resource *resource)
{
    size_t from = wires.len;
    ly_otlp_put_resource(&wires, resource);
    return wires.len > from ? kept(from) : LY_STR_NONE;
}

static ly_str scope_again(const ly_scope *scope)
{
    size_t from = wires.len;
    ly_otlp_put_scope(&wires, scope);
    return wires.len > from ? kept(from) : LY_STR_NONE;
}

/* Resource and scope as new objects whose wire was written from their fields. */
static void envelope_again(const ly_resource **resource, const ly_scope **scope)
{
    ly_resource *r = LY_ARENA_NEW(&arena, ly_resource);
    ly_scope *s = LY_ARENA_NEW(&arena, ly_scope);
    *r = **resource;
    *s = **scope;
    r->wire = resource_again(r);
    s->wire = scope_again(s);
    *resource = r;
    *scope = s;
}

static ly_status write_batch(ly_otlp_batch *batch, bool fields, bool json)
{
    bool traces = batch->signal == LY_SIGNAL_TRACES;
    size_t all = traces ? batch->n_spans : batch->n_logs, n = 0;
    const void **list = ly_calloc(all + 1, sizeof *list);
    for (size_t i = 0; i < all; i++) {
        ly_span *span = traces ? &batch->spans[i] : NULL;
        ly_log_record *log = traces ? NULL : &batch->logs[i];
        if ((traces ? span->reject : log->reject) != LY_REJECT_NONE) {
            continue;
        }
        if (fields) {
            size_t from = wires.len;
            envelope_again(traces ? &span->resource : &log->resource,
                           traces ? &span->scope : &log->scope);
            from = wires.len;
            traces ? ly_otlp_put_span(&wires, span) : ly_otlp_put_log(&wires, log);
            *(traces ? &span->wire : &log->wire) = kept(from);
        }
        list[n++] = traces ? (const void *)span : (const void *)log;
    }
    ly_status status;
    if (traces) {
        status = json ? ly_otlp_json_traces((const ly_span *const *)list, n, &out, NULL)
                      : ly_otlp_encode_traces((const ly_span *const *)list, n, &out, NULL);
    } else {
        status = json ? ly_otlp_json_logs((const ly_log_record *const *)list, n, &out, NULL)
                      : ly_otlp_encode_logs((const ly_log_record *const *)list, n, &out, NULL);
    }
    ly_free(list);
    return status;
}

static void serve(char mode)
{
    ly_signal signal = mode >= 'a' ? LY_SIGNAL_LOGS : LY_SIGNAL_TRACES;
    ly_otlp_batch batch;
    ly_err err = LY_ERR_INIT;
    ly_str bytes;
    ly_arena_reset(&arena);
    ly_buf_reset(&out);
    ly_buf_reset(&wires);
    if ((mode | 0x20) == 'j') {
        if (ly_otlp_json_to_proto(ly_buf_view(&in), signal, &arena, &bytes, &err) != LY_OK) {
            answer(1, ly_str_c(err.text));
        } else {
            answer(0, bytes);
        }
        return;
    }
    if (ly_otlp_decode(ly_buf_view(&in), signal, &arena, NULL, &batch, &err) != LY_OK ||
        write_batch(&batch, (mode | 0x20) == 'f', (mode | 0x20) == 'w') != LY_OK) {
        answer(1, ly_str_c(err.text));
        return;
    }
    answer(batch.n_rejected > 0 ? 2 : 0, ly_buf_view(&out));
}

int main(void)
{
    char mode;
    ly_arena_init(&arena, 0, 0);
    ly_buf_init(&in, LY_MAX_REQUEST_BYTES);
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    ly_buf_init(&wires, LY_MAX_OUTPUT_BYTES);
    while (read_question(&mode)) {
        serve(mode);
    }
    ly_arena_release(&arena);
    ly_buf_release(&in);
    ly_buf_release(&out);
    ly_buf_release(&wires);
    return 0;
}
