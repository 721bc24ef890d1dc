/* Printing twins that read what they print from the store. */
#include "viewer/viewer.h"

ly_status ly_viewer_print_trace(ly_store *store, ly_trace_id id, const ly_print_opts *how,
                                ly_buf *out, ly_err *err)
{
    ly_arena arena;
    ly_trace *trace = NULL;
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_store_trace_load(store, id, &arena, &trace, err);
    if (st == LY_OK) {
        st = ly_viewer_print_loaded(trace, how, out, err);
    }
    ly_arena_release(&arena);
    return st;
}
