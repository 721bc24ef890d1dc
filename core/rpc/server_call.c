/*
 * rpc/server_call: a call as its handler sees it: its headers, its answer (see the last part of server.h).
 * How it came and when it is freed is server.c's.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "rpc/server_i.h"

#define MAX_STATUS_BYTES 4096

static void send_answer(ly_rpc_call *call, int code, ly_str message, ly_str details)
{
    grpc_op ops[3];
    size_t n = 0;
    memset(ops, 0, sizeof ops);
    /* By this a tracer knows that live mode's start records are understood here (client.h). */
    grpc_metadata hello;
    memset(&hello, 0, sizeof hello);
    hello.key = grpc_slice_from_static_string("lydite-collector");
    hello.value = grpc_slice_from_static_string("1");
    ops[n].data.send_initial_metadata.count = call->server->anonymous ? 0 : 1;
    ops[n].data.send_initial_metadata.metadata = &hello;
    ops[n++].op = GRPC_OP_SEND_INITIAL_METADATA;
    if (call->answer) {
        ops[n].op = GRPC_OP_SEND_MESSAGE;
        ops[n++].data.send_message.send_message = call->answer;
    }
    grpc_metadata trailer;
    memset(&trailer, 0, sizeof trailer);
    grpc_slice text = grpc_slice_from_copied_buffer(message.ptr ? message.ptr : "", message.len);
    ops[n].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[n].data.send_status_from_server.status = (grpc_status_code)code;
    ops[n].data.send_status_from_server.status_details = &text;
    if (details.len > 0) {
        trailer.key = grpc_slice_from_static_string("grpc-status-details-bin");
        trailer.value = grpc_slice_from_copied_buffer(details.ptr, details.len);
        ops[n].data.send_status_from_server.trailing_metadata_count = 1;
        ops[n].data.send_status_from_server.trailing_metadata = &trailer;
    }
    n++;
    /* The path's reference becomes the answer's. */
    if (grpc_call_start_batch(call->call, ops, n, &call->on_sent, NULL) != GRPC_CALL_OK)
        ly_rpc_call_unref(call);
    grpc_slice_unref(text);
    if (details.len > 0)
        grpc_slice_unref(trailer.value);
}

static void drop_body(ly_rpc_call *call)
{
    ly_rpc_body_give(&call->server->bodies, &call->body);
}

void ly_rpc_call_reply(ly_rpc_call *call, ly_str body)
{
    grpc_slice slice = grpc_slice_from_copied_buffer(body.ptr ? body.ptr : "", body.len);
    call->answer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    drop_body(call);
    send_answer(call, LY_RPC_OK, LY_S(""), LY_S(""));
}

void ly_rpc_call_fail(ly_rpc_call *call, ly_rpc_code code, const char *message,
                      int64_t retry_delay_ns)
{
    ly_rpc_status_msg msg = LY_RPC_STATUS_MSG_INIT;
    msg.code = (int)code;
    msg.message = ly_str_c(message);
    msg.retry_delay_ns = retry_delay_ns;
    if (code == LY_RPC_INVALID_ARGUMENT) {
        msg.bad_field = LY_S("request");
        msg.bad_reason = msg.message;
    }
    ly_buf details;
    ly_buf_init(&details, MAX_STATUS_BYTES);
    ly_rpc_status_write(&details, &msg);
    drop_body(call);
    send_answer(call, (int)code, msg.message, details.failed ? LY_S("") : ly_buf_view(&details));
    ly_buf_release(&details);
}

void ly_rpc_call_set_user(ly_rpc_call *call, void *user)
{
    call->user = user;
}

void *ly_rpc_call_user(const ly_rpc_call *call)
{
    return call->user;
}

ly_str ly_rpc_call_meta(const ly_rpc_call *call, ly_str key)
{
    for (size_t i = 0; i < call->meta.count; i++) {
        if (ly_str_eq(ly_rpc_slice_view(&call->meta.metadata[i].key), key))
            return ly_rpc_slice_view(&call->meta.metadata[i].value);
    }
    return LY_STR_NONE;
}

int64_t ly_rpc_call_age_ns(const ly_rpc_call *call)
{
    return ly_mono_ns() - call->born_ns;
}

bool ly_rpc_call_cancelled(const ly_rpc_call *call)
{
    return atomic_load(&call->cancelled);
}

ly_rpc_server *ly_rpc_call_server(const ly_rpc_call *call)
{
    return call->server;
}
