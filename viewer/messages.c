/*
 * The messages lens: what was said in a trace, call by call. History that a call repeats from the one
 * before is one line ("[12 earlier messages unchanged]"), so that an agent's twenty turns read as one
 * conversation.
 */
#include "base/mem.h"
#include "base/term.h"
#include "viewer/app.h"

/* Calls read for one lens, messages of one call, bytes of one message. */
#define MAX_CALLS    300
#define MAX_MESSAGES 4096
#define MAX_BYTES    20000

typedef struct talk {
    ly_app *app;
    ly_buf *out;
    uint64_t *seen; /* hashes of the messages of the call before */
    size_t n_seen;
} talk;

static uint64_t hash_of(const ly_message *m)
{
    uint64_t h = ly_str_hash(m->role);
    for (size_t k = 0; k < m->n_parts; k++) {
        const ly_part *p = &m->parts[k];
        h = h * 1099511628211u ^ ly_str_hash(p->text);
        h = h * 1099511628211u ^ ly_str_hash(p->arguments);
        h = h * 1099511628211u ^ ly_str_hash(p->tool_id);
    }
    return h;
}

static void indented(talk *t, ly_str text)
{
    unsigned flags = LY_TERM_LINES | (t->app->grid.unicode ? 0u : (unsigned)LY_TERM_ASCII);
    ly_buf clean;
    ly_buf_init(&clean, LY_MIB(4));
    ly_term_clean(&clean, ly_str_sub(text, 0, MAX_BYTES), flags);
    ly_str rest = ly_buf_view(&clean), line;
    while (ly_str_split(&rest, '\n', &line)) {
        ly_buf_c(t->out, "    ");
        ly_buf_str(t->out, line);
        ly_buf_char(t->out, '\n');
    }
    if (text.len > MAX_BYTES) {
        ly_buf_fmt(t->out, "    [%d of %zu bytes; Enter on the span shows all]\n", MAX_BYTES,
                   text.len);
    }
    ly_buf_release(&clean);
}

static void word(talk *t, ly_str text)
{
    ly_term_clean(t->out, ly_str_sub(text, 0, 200), ly_clean_flags(t->app->grid.unicode));
}

static void message(talk *t, const ly_message *m)
{
    word(t, m->role.len ? m->role : LY_S("message"));
    if (m->name.len) {
        ly_buf_char(t->out, ' ');
        word(t, m->name);
    }
    ly_buf_char(t->out, '\n');
    for (size_t k = 0; k < m->n_parts; k++) {
        const ly_part *p = &m->parts[k];
        switch (p->kind) {
        case LY_PART_TOOL_CALL:
            ly_buf_c(t->out, "    -> ");
            word(t, p->tool_name);
            ly_buf_char(t->out, ' ');
            word(t, p->tool_id);
            ly_buf_char(t->out, '\n');
            indented(t, p->arguments);
            break;
        case LY_PART_TOOL_RESULT:
            ly_buf_c(t->out, "    <- ");
            word(t, p->tool_id);
            ly_buf_char(t->out, '\n');
            indented(t, p->text);
            break;
        case LY_PART_MEDIA:
            ly_buf_c(t->out, "    [");
            word(t, p->mime.len ? p->mime : p->modality);
            ly_buf_c(t->out, " ");
            ly_text_bytes((int64_t)p->text.len, t->out);
            ly_buf_c(t->out, "]\n");
            break;
        case LY_PART_REASONING:
            ly_buf_c(t->out, "    (reasoning)\n");
            indented(t, p->text);
            break;
        default:
            indented(t, p->text.len ? p->text : p->raw);
        }
    }
}

/* Notes where a call begins: J, K and Enter know the calls. */
static void begin_call(talk *t, const ly_node *n)
{
    ly_trace_state *s = &t->app->trace;
    if (ly_grow(&s->calls, &s->calls_cap, s->n_calls + 1, MAX_CALLS + 1, sizeof *s->calls)) {
        s->calls[s->n_calls].at = (uint32_t)t->out->len;
        s->calls[s->n_calls++].node = (uint32_t)(n - s->trace->nodes);
    }
}

/* A call's input less what the call before had: the common beginning is folded. */
static void call(talk *t, const ly_node *n, const ly_messages *m)
{
    size_t n_in = m->n_input > MAX_MESSAGES ? MAX_MESSAGES : m->n_input, same = 0;
    begin_call(t, n);
    ly_buf_char(t->out, ly_type_letter(n->canon.type));
    ly_buf_char(t->out, ' ');
    ly_text_label(n, t->app->grid.unicode, t->out);
    ly_buf_c(t->out, "  +");
    ly_viewer_duration(n->start_ns - t->app->trace.trace->row.start_ns, t->out);
    ly_buf_char(t->out, '\n');
    while (same < n_in && same < t->n_seen && hash_of(&m->input[same]) == t->seen[same]) {
        same++;
    }
    if (same > 0) {
        ly_buf_c(t->out, "  [");
        ly_text_plural((int64_t)same, "earlier message", t->out);
        ly_buf_c(t->out, " unchanged]\n");
    } else {
        for (size_t i = 0; i < m->n_system; i++) {
            message(t, &m->system[i]);
        }
    }
    for (size_t i = same; i < m->n_input; i++) {
        message(t, &m->input[i]);
    }
    for (size_t i = 0; i < m->n_output; i++) {
        message(t, &m->output[i]);
    }
    t->n_seen = n_in;
    for (size_t i = 0; i < n_in; i++) {
        t->seen[i] = hash_of(&m->input[i]);
    }
    /* The answer is the next call's history. */
    for (size_t i = 0; i < m->n_output && t->n_seen < MAX_MESSAGES; i++) {
        t->seen[t->n_seen++] = hash_of(&m->output[i]);
    }
    ly_buf_char(t->out, '\n');
}

static void load(ly_app *app, int width)
{
    ly_trace_state *s = &app->trace;
    talk t = {.app = app, .out = &s->messages.text};
    size_t calls = 0, spoken = 0;
    ly_buf_reset(t.out);
    s->messages.n = 0;
    s->n_calls = 0;
    t.seen = ly_calloc(MAX_MESSAGES, sizeof *t.seen);
    for (uint32_t i = 0; t.seen != NULL && i < s->trace->n; i++) {
        const ly_node *n = &s->trace->nodes[i];
        ly_span_full *full = NULL;
        ly_messages m;
        ly_err err = LY_ERR_INIT;
        if (n->canon.type != LY_TYPE_GENERATION && n->canon.type != LY_TYPE_RETRIEVAL) {
            continue;
        }
        if (++calls > MAX_CALLS) {
            ly_buf_fmt(t.out, "[%d calls shown]\n", MAX_CALLS);
            break;
        }
        memset(&m, 0, sizeof m);
        s->detail_loaded = false;
        ly_arena_reset(&s->detail_arena);
        if (ly_store_span_load(app->store, s->id, n->span_id, &s->detail_arena, &full, &err) !=
                LY_OK ||
            ly_genai_messages(&full->span, full->logs, full->n_logs, &s->detail_arena, &m) !=
                LY_OK) {
            ly_buf_fmt(t.out, "%s\n", err.text);
            continue;
        }
        if (n->canon.type == LY_TYPE_GENERATION) {
            spoken += m.n_input + m.n_output;
            call(&t, n, &m);
        } else if (m.query.len > 0) {
            begin_call(&t, n);
            ly_buf_c(t.out, "R ");
            ly_text_label(n, app->grid.unicode, t.out);
            ly_buf_c(t.out, "\nquery\n");
            indented(&t, m.query);
            ly_buf_fmt(t.out, "  [%zu documents]\n\n", m.n_documents);
        }
    }
    if (calls == 0) {
        ly_buf_c(t.out, "This trace has no model calls.\n");
    } else if (spoken == 0) {
        ly_buf_c(t.out, "The client sent no messages: lydite connect names its content switch.\n");
    }
    ly_free(t.seen);
    ly_text_view_wrap(&s->messages, width);
}

/* ---- the lens -------------------------------------------------------------------------------- */

static size_t line_of_call(const ly_trace_state *t, size_t call)
{
    return ly_text_view_line_of(&t->messages, t->calls[call].at);
}

void ly_messages_show(ly_app *app)
{
    ly_trace_state *t = &app->trace;
    if (!t->messages_loaded || t->messages_width != app->grid.cols) {
        load(app, app->grid.cols - 3);
        t->messages_width = app->grid.cols;
        t->messages_loaded = true;
    }
    t->call = 0;
    if (!t->has_selected || t->at >= t->rows.n) {
        return;
    }
    /* The call that is selected, or the first one after it in the tree. */
    uint32_t node = t->rows.items[t->at].node;
    while (t->call + 1 < t->n_calls && t->calls[t->call].node < node) {
        t->call++;
    }
    t->messages.top = t->call > 0 && t->n_calls > 0 ? line_of_call(t, t->call) : 0;
}

void ly_messages_draw(ly_app *app, int top, int n)
{
    ly_trace_state *t = &app->trace;
    if (!t->messages_loaded || t->messages_width != app->grid.cols) {
        ly_messages_show(app);
    }
    app->page_rows = n > 1 ? n : 1;
    ly_text_view_draw(&t->messages, app, top, n, 2, app->grid.cols - 3);
    ly_app_place(app, t->call, t->n_calls, false);
    for (size_t i = 0; i < t->n_calls; i++) {
        size_t line = line_of_call(t, i);
        if (line < t->messages.top || line >= t->messages.top + (size_t)(n > 0 ? n : 0)) {
            continue;
        }
        int row = top + (int)(line - t->messages.top);
        ly_grid_ink(&app->grid, row, 2, app->grid.cols - 3,
                    ly_app_type_ink(t->trace->nodes[t->calls[i].node].canon.type));
        if (i == t->call) {
            ly_grid_select(&app->grid, row, 0, app->grid.cols);
        }
    }
}

/* After scrolling: the call under the cursor is one that can be seen, or the one that fills the screen. */
static void call_in_view(ly_app *app)
{
    ly_trace_state *t = &app->trace;
    size_t page = (size_t)(app->page_rows > 0 ? app->page_rows : 1);
    size_t most = t->messages.n > page ? t->messages.n - page : 0;
    size_t top = t->messages.top < most ? t->messages.top : most;
    while (t->call + 1 < t->n_calls && line_of_call(t, t->call) < top) {
        t->call++;
    }
    while (t->call > 0 && line_of_call(t, t->call) >= top + page) {
        t->call--;
    }
}

bool ly_messages_command(ly_app *app, ly_command command, int count)
{
    ly_trace_state *t = &app->trace;
    size_t step = count > 0 ? (size_t)count : 1;
    if (command == LY_DO_NEXT_SIBLING || command == LY_DO_PREVIOUS_SIBLING) {
        if (t->n_calls == 0) {
            return true;
        }
        if (command == LY_DO_NEXT_SIBLING) {
            t->call = t->n_calls - 1 - t->call > step ? t->call + step : t->n_calls - 1;
        } else {
            t->call = t->call > step ? t->call - step : 0;
        }
        t->messages.top = line_of_call(t, t->call);
    } else if (ly_text_view_command(&t->messages, command, count, app->page_rows)) {
        call_in_view(app);
    } else {
        return false;
    }
    if (t->call < t->n_calls) {
        t->selected = t->trace->nodes[t->calls[t->call].node].span_id;
        t->has_selected = true;
    }
    return true;
}
