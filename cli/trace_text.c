/* Texts of a trace: see trace_text.h. */
#include "cli/trace_text.h"

#include "base/limits.h"
#include "genai/messages.h"

/* All text of the messages of one direction that have that role (NULL = any). */
static ly_str texts_of(ly_arena *arena, const ly_message *msgs, size_t n, const char *role)
{
    ly_buf buf;
    ly_buf_init(&buf, LY_MAX_ROW_BYTES / 2);
    for (size_t i = 0; i < n; i++) {
        if (role && !ly_str_eqc(msgs[i].role, role)) {
            continue;
        }
        for (size_t k = 0; k < msgs[i].n_parts; k++) {
            if (msgs[i].parts[k].kind == LY_PART_TEXT) {
                ly_buf_c(&buf, buf.len ? "\n" : "");
                ly_buf_str(&buf, msgs[i].parts[k].text);
            }
        }
    }
    ly_str text = ly_arena_copy(arena, ly_buf_view(&buf));
    ly_buf_release(&buf);
    return text;
}

/* Input and output of a trace: of the root span where it has messages, else the first and last
 * generation. */
ly_status ly_trace_texts(ly_store *store, ly_trace_id id, ly_arena *arena, ly_str *ret_input,
                         ly_str *ret_output, ly_err *err)
{
    ly_trace *trace = NULL;
    ly_status st = ly_store_trace_load(store, id, arena, &trace, err);
    *ret_input = *ret_output = LY_STR_NONE;
    for (size_t i = 0; !st && i < trace->n; i++) {
        const ly_node *node = &trace->nodes[i];
        if (!(node->flags & (LY_SPAN_HAS_INPUT | LY_SPAN_HAS_OUTPUT))) {
            continue;
        }
        ly_span_full *full = NULL;
        ly_messages m;
        st = ly_store_span_load(store, id, node->span_id, arena, &full, err);
        if (!st && ly_genai_messages(&full->span, full->logs, full->n_logs, arena, &m) == LY_OK) {
            ly_str in = texts_of(arena, m.input, m.n_input, "user");
            ly_str out = texts_of(arena, m.output, m.n_output, NULL);
            if (ret_input->len == 0) {
                *ret_input = in;
            }
            bool root = node->parent == LY_NO_NODE;
            if (out.len) {
                *ret_output = out;
            }
            if (root && out.len && in.len) {
                *ret_input = in;
                return LY_OK;
            }
        }
    }
    return st;
}
