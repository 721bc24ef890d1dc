/* A session as a conversation: its traces in order, each with what was asked and answered. */
#include "base/clock.h"
#include "base/term.h"
#include "base/utf8.h"
#include "viewer/text.h"

/* Traces printed of one session; a longer one says how many are left out. */
#define MAX_TRACES 1000

/* The last text of a role among messages, or nothing. */
static ly_str last_text(const ly_message *list, size_t n, const char *role)
{
    for (size_t i = n; i-- > 0;) {
        if (role != NULL && !ly_str_eqc(list[i].role, role)) {
            continue;
        }
        for (size_t k = list[i].n_parts; k-- > 0;) {
            if (list[i].parts[k].kind == LY_PART_TEXT && list[i].parts[k].text.len > 0) {
                return list[i].parts[k].text;
            }
        }
    }
    return LY_STR_NONE;
}

/* The question is the last user message of the first call with messages, the answer the last output. */
static ly_status exchange(ly_store *store, const ly_trace_row *row, ly_arena *arena,
                          ly_str *ret_asked, ly_str *ret_answered, ly_err *err)
{
    ly_trace *t = NULL;
    ly_status st = ly_store_trace_load(store, row->trace_id, arena, &t, err);
    if (st != LY_OK) {
        return st;
    }
    uint32_t first = LY_NO_NODE, last = LY_NO_NODE;
    for (uint32_t i = 0; i < t->n; i++) {
        const ly_node *n = &t->nodes[i];
        bool wanted = n->canon.type == LY_TYPE_GENERATION || n->canon.type == LY_TYPE_AGENT;
        if (wanted && n->flags & (LY_SPAN_HAS_INPUT | LY_SPAN_HAS_OUTPUT)) {
            if (first == LY_NO_NODE) {
                first = i;
            }
            if (last == LY_NO_NODE || n->start_ns >= t->nodes[last].start_ns) {
                last = i;
            }
        }
    }
    for (int pass = 0; pass < 2; pass++) {
        uint32_t at = pass == 0 ? first : last;
        ly_span_full *full = NULL;
        ly_messages m;
        memset(&m, 0, sizeof m);
        if (at == LY_NO_NODE) {
            continue;
        }
        st = ly_store_span_load(store, row->trace_id, t->nodes[at].span_id, arena, &full, err);
        if (st == LY_OK &&
            ly_genai_messages(&full->span, full->logs, full->n_logs, arena, &m) != LY_OK) {
            st = LY_NOMEM(err);
        }
        if (st != LY_OK) {
            return st;
        }
        if (pass == 0) {
            *ret_asked = last_text(m.input, m.n_input, "user");
        } else {
            *ret_answered = last_text(m.output, m.n_output, NULL);
        }
    }
    return LY_OK;
}

static void line(const char *who, ly_str text, const ly_print_opts *how, ly_buf *out)
{
    if (text.len == 0) {
        return;
    }
    ly_buf clean;
    ly_buf_init(&clean, LY_MIB(1));
    unsigned flags = ly_clean_flags(how->unicode);
    ly_term_clean(&clean, ly_utf8_cut(text, 4000), flags);
    ly_buf_fmt(out, "    %-10s", who);
    size_t room = how->width > 20 ? (size_t)how->width - 14 : 400;
    ly_term_fit(out, ly_buf_view(&clean), room, false, flags);
    ly_buf_char(out, '\n');
    ly_buf_release(&clean);
}

ly_status ly_viewer_print_session(ly_store *store, ly_str session, const ly_print_opts *how,
                                  ly_buf *out, ly_err *err)
{
    ly_arena arena, work;
    ly_session_row row;
    ly_trace_row *traces = NULL;
    size_t n = 0;
    ly_arena_init(&arena, 0, 0);
    ly_arena_init(&work, 0, 0);
    ly_status st =
        ly_store_session_load(store, session, MAX_TRACES, &arena, &row, &traces, &n, err);
    if (st != LY_OK) {
        goto out;
    }
    int64_t now = how->now_ns ? how->now_ns : ly_wall_ns();
    ly_buf_c(out, "session ");
    ly_term_clean(out, row.session, ly_clean_flags(how->unicode));
    if (row.user.len) {
        ly_buf_c(out, "  user ");
        ly_text_one_of(row.user, row.n_users, how->unicode, out);
    }
    ly_buf_c(out, "  ");
    ly_text_plural(row.n_traces, "trace", out);
    ly_buf_c(out, "  tokens ");
    ly_viewer_count(row.tokens, out);
    ly_buf_c(out, "  cost ");
    ly_text_cost(row.cost_pico, row.cost_partial, out);
    ly_buf_c(out, "\n\n");
    for (size_t i = 0; i < n && st == LY_OK; i++) {
        char hex[33];
        ly_str asked = LY_STR_NONE, answered = LY_STR_NONE;
        ly_hex_encode(traces[i].trace_id.b, 16, hex);
        ly_text_time(traces[i].start_ns, out);
        ly_buf_fmt(out, "  %s  ", hex);
        ly_text_trace_name(&traces[i], how->unicode, out);
        ly_buf_c(out, "  ");
        ly_viewer_duration(traces[i].end_ns == LY_UNKNOWN ? LY_UNKNOWN
                                                          : traces[i].end_ns - traces[i].start_ns,
                           out);
        ly_buf_c(out, "  ");
        ly_text_cost(traces[i].cost_pico, (traces[i].flags & LY_TRACE_PARTIAL_COST) != 0, out);
        ly_buf_fmt(out, "  %s\n", ly_viewer_trace_state(&traces[i], now));
        ly_arena_reset(&work);
        st = exchange(store, &traces[i], &work, &asked, &answered, err);
        line("user", asked, how, out);
        line("assistant", answered, how, out);
    }
    if ((int64_t)n < row.n_traces) {
        ly_buf_fmt(out, "[%zu of %lld traces]\n", n, (long long)row.n_traces);
    }
    if (st == LY_OK) {
        st = ly_buf_status(out, "the session", err);
    }
out:
    ly_arena_release(&work);
    ly_arena_release(&arena);
    return st;
}
