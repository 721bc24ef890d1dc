/*
 * What clients were seen to send, as text: every file of tests/genai/clients is one client. Its spans go
 * through normalisation, messages and the tree, and each must mean what the file says after '>'. README.md
 * of that folder has the format; a new dialect's test is a new file there and no code.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "genai/kit.h"

enum { MAX_ATTRS = 96, MAX_WANTS = 32 };

typedef struct want {
    ly_str field, value;
    int line;
} want;

typedef struct reader {
    kit k;
    char path[512];
    int line;
    ly_kv attrs[MAX_ATTRS];
    size_t n_attrs;
    want wants[KIT_SPANS][MAX_WANTS];
    size_t n_wants[KIT_SPANS];
    ly_str scope, name, language, service, error;
    int parent;
    bool open;
    size_t n_spans; /* of all traces of the file */
} reader;

#define BAD(r, line, ...)                          \
    do {                                           \
        print_error("%s:%d: ", (r)->path, (line)); \
        fail_msg(__VA_ARGS__);                     \
    } while (0)

static bool is_number(ly_str s, bool *ret_real)
{
    size_t i = s.len && s.ptr[0] == '-', dots = 0, digits = 0;
    for (; i < s.len; i++) {
        dots += s.ptr[i] == '.';
        digits += s.ptr[i] >= '0' && s.ptr[i] <= '9';
        if (s.ptr[i] != '.' && (s.ptr[i] < '0' || s.ptr[i] > '9'))
            return false;
    }
    *ret_real = dots == 1;
    return digits > 0 && digits < 19 && dots < 2;
}

/* 'text, whatever it looks like; \n in it is a new line */
static ly_str quoted(reader *r, ly_str s)
{
    char *copy = ly_arena_alloc(&r->k.arena, s.len + 1, 1);
    size_t n = 0;
    assert_non_null(copy);
    for (size_t i = 1; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '\\' && i + 1 < s.len && (s.ptr[i + 1] == 'n' || s.ptr[i + 1] == '\\')) {
            c = s.ptr[i + 1] == 'n' ? '\n' : '\\';
            i++;
        }
        copy[n++] = c;
    }
    return ly_str_n(copy, n);
}

static ly_any any_of(reader *r, ly_str s)
{
    bool real;
    if (ly_str_eqc(s, "true") || ly_str_eqc(s, "false"))
        return (ly_any){.kind = LY_ANY_BOOL, .boolean = s.ptr[0] == 't'};
    if (is_number(s, &real)) {
        char text[32] = "";
        memcpy(text, s.ptr, s.len);
        if (real)
            return (ly_any){.kind = LY_ANY_DOUBLE, .real = strtod(text, NULL)};
        return (ly_any){.kind = LY_ANY_INT, .integer = strtoll(text, NULL, 10)};
    }
    return (ly_any){.kind = LY_ANY_STRING, .str = s.len && s.ptr[0] == '\'' ? quoted(r, s) : s};
}

static const char *text(reader *r, ly_str s)
{
    const ly_str copy = ly_arena_copy(&r->k.arena, s);
    return copy.ptr ? copy.ptr : "";
}

static void close_span(reader *r)
{
    if (!r->open)
        return;
    r->open = false;
    r->n_spans++;
    ly_resource *resource = &r->k.resource;
    ly_kv *of = LY_ARENA_ARRAY(&r->k.arena, ly_kv, 2);
    of[0] = (ly_kv){LY_S("service.name"), {.kind = LY_ANY_STRING, .str = r->service}};
    of[1] = (ly_kv){LY_S("telemetry.sdk.language"), {.kind = LY_ANY_STRING, .str = r->language}};
    resource->attrs = (ly_attrs){of, 2, 0};
    const size_t i = kit_add(&r->k, text(r, r->scope), text(r, r->name), r->parent, LY_KIND_CLIENT,
                             r->attrs, r->n_attrs);
    r->n_attrs = 0;
    if (!r->error.len)
        return;
    r->k.spans[i].status_code = LY_CODE_ERROR;
    ly_kv *type = LY_ARENA_NEW(&r->k.arena, ly_kv);
    ly_event *event = LY_ARENA_NEW(&r->k.arena, ly_event);
    *type = (ly_kv){LY_S("exception.type"), {.kind = LY_ANY_STRING, .str = r->error}};
    *event = (ly_event){.name = LY_S("exception"), .attrs = {type, 1, 0}};
    if (!ly_str_eqc(r->error, "-")) {
        r->k.spans[i].events = event;
        r->k.spans[i].n_events = 1;
    }
    r->error = LY_STR_NONE;
    kit_normalise(&r->k, i);
}

/* ---- expectations ----------------------------------------------------------------------------- */

static void expect_str(reader *r, const want *w, ly_str got)
{
    if (!ly_str_eq(got, w->value))
        BAD(r, w->line, "%.*s is \"%.*s\", not \"%.*s\"", LY_STR_ARG(w->field), LY_STR_ARG(got),
            LY_STR_ARG(w->value));
}

static void expect_num(reader *r, const want *w, ly_str word, int64_t got)
{
    char number[32] = "-";
    if (got != LY_UNKNOWN)
        snprintf(number, sizeof number, "%lld", (long long)got);
    if (!ly_str_eqc(word, number))
        BAD(r, w->line, "of %.*s \"%.*s\" one is %s", LY_STR_ARG(w->field), LY_STR_ARG(w->value),
            number);
}

static void expect_counts(reader *r, const want *w, const ly_tokens *t)
{
    const int64_t got[] = {ly_tokens_in(t), ly_tokens_out(t), t->cache_read, t->out_reasoning,
                           t->cache_write};
    ly_str rest = w->value, word;
    for (size_t i = 0; i < 5 && ly_str_split(&rest, ' ', &word); i++)
        expect_num(r, w, word, got[i]);
}

/* "user:text assistant:reasoning,tool_call=get_weather" */
static void expect_messages(reader *r, const want *w, const ly_message *list, size_t n)
{
    ly_buf said;
    ly_buf_init(&said, LY_KIB(64));
    for (size_t i = 0; i < n; i++) {
        ly_buf_c(&said, i ? " " : "");
        ly_buf_str(&said, list[i].role);
        for (size_t p = 0; p < list[i].n_parts; p++) {
            const ly_part *part = &list[i].parts[p];
            ly_buf_fmt(&said, "%s%s", p ? "," : ":", ly_part_kind_name(part->kind));
            if (part->tool_name.len)
                ly_buf_fmt(&said, "=%.*s", LY_STR_ARG(part->tool_name));
        }
        ly_buf_c(&said, list[i].n_parts ? "" : ":");
    }
    expect_str(r, w, ly_arena_copy(&r->k.arena, ly_buf_view(&said)));
    ly_buf_release(&said);
}

static void expect_content(reader *r, const want *w, const ly_span *span)
{
    ly_messages m;
    assert_int_equal(ly_genai_messages(span, NULL, 0, &r->k.arena, &m), LY_OK);
    if (ly_str_eqc(w->field, "input"))
        expect_messages(r, w, m.input, m.n_input);
    else if (ly_str_eqc(w->field, "output"))
        expect_messages(r, w, m.output, m.n_output);
    else if (ly_str_eqc(w->field, "arguments"))
        expect_str(r, w, m.tool_arguments);
    else if (ly_str_eqc(w->field, "result"))
        expect_str(r, w, m.tool_result);
    else if (ly_str_eqc(w->field, "query"))
        expect_str(r, w, m.query);
    else if (ly_str_eqc(w->field, "documents"))
        expect_num(r, w, w->value, (int64_t)m.n_documents);
    else
        BAD(r, w->line, "nothing is called \"%.*s\"", LY_STR_ARG(w->field));
}

static void expect_one(reader *r, const want *w, size_t i, const ly_tree_mark *marks)
{
    static const char *const kinds[] = {"-", "counted", "covered", "duplicate"};
    const ly_canon *c = &r->k.canon[i];
    const struct {
        const char *field;
        ly_str got;
    } words[] = {
        {"type", ly_str_c(ly_type_name(c->type))},
        {"dialect", ly_str_c(c->dialect)},
        {"provider", c->provider},
        {"model", ly_canon_model(c)},
        {"request_model", c->request_model},
        {"session", c->session},
        {"user", c->user},
        {"agent", c->agent_name},
        {"tool", c->tool_name},
        {"finish", c->finish_reason},
        {"error", c->error_type.len ? c->error_type : LY_S("-")},
        {"streaming", ly_str_c(c->streaming ? "yes" : "no")},
        {"mark", ly_str_c((unsigned)marks[i].kind < 4 ? kinds[marks[i].kind] : "?")},
    };
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        if (ly_str_eqc(w->field, words[k].field)) {
            expect_str(r, w, words[k].got);
            return;
        }
    }
    if (ly_str_eqc(w->field, "counts"))
        expect_counts(r, w, &c->tokens);
    else if (ly_str_eqc(w->field, "searches"))
        expect_num(r, w, w->value, c->tokens.web_searches);
    else
        expect_content(r, w, &r->k.spans[i]);
}

/* The trace is whole: count it in every order, then compare. */
static void close_trace(reader *r)
{
    ly_tree_sum sum;
    ly_tree_mark marks[KIT_SPANS];
    close_span(r);
    if (r->k.n)
        kit_count(&r->k, &sum, marks);
    for (size_t i = 0; i < r->k.n; i++) {
        for (size_t k = 0; k < r->n_wants[i]; k++)
            expect_one(r, &r->wants[i][k], i, marks);
        r->n_wants[i] = 0;
    }
    kit_done(&r->k);
    kit_init(&r->k);
}

/* ---- the file --------------------------------------------------------------------------------- */

static ly_str after_word(ly_str line, const char *word)
{
    const size_t len = strlen(word);
    return line.len > len && memcmp(line.ptr, word, len) == 0 && line.ptr[len] == ' '
               ? ly_str_sub(line, len + 1, line.len)
               : LY_STR_NONE;
}

static void open_span(reader *r, ly_str rest)
{
    ly_str number, parent;
    assert_true(ly_str_split(&rest, ' ', &number) && ly_str_split(&rest, ' ', &parent));
    const int n = (int)strtol(text(r, number), NULL, 10);
    if (n == 1)
        close_trace(r);
    else
        close_span(r);
    if (n != (int)r->k.n + 1)
        BAD(r, r->line, "span %d stands in place %zu", n, r->k.n + 1);
    r->parent = (int)strtol(text(r, parent), NULL, 10) - 1;
    r->name = rest;
    r->open = true;
}

static void read_inner(reader *r, ly_str line)
{
    line = ly_str_trim(line);
    if (line.ptr[0] == '>') {
        want *w = &r->wants[r->k.n][r->n_wants[r->k.n]++];
        assert_true(r->n_wants[r->k.n] < MAX_WANTS);
        ly_str rest = ly_str_trim(ly_str_sub(line, 1, line.len));
        const size_t space = ly_str_find_char(rest, ' ', 0);
        *w = (want){ly_str_sub(rest, 0, space), ly_str_sub(rest, space + 1, rest.len), r->line};
        return;
    }
    const size_t eq = ly_str_find(line, LY_S(" ="), 0);
    if (eq == SIZE_MAX)
        BAD(r, r->line, "neither \"key = value\" nor \"> field value\"");
    assert_true(r->n_attrs < MAX_ATTRS);
    const ly_str value = ly_str_trim(ly_str_sub(line, eq + 2, line.len));
    r->attrs[r->n_attrs++] = (ly_kv){ly_str_sub(line, 0, eq), any_of(r, value)};
}

static void read_line(reader *r, ly_str line)
{
    ly_str rest;
    if (line.len == 0 || line.ptr[0] == '#')
        return;
    if (line.ptr[0] == ' ')
        read_inner(r, line);
    else if ((rest = after_word(line, "span")).len)
        open_span(r, rest);
    else if ((rest = after_word(line, "error")).len)
        r->error = rest;
    else if ((rest = after_word(line, "scope")).len) {
        close_span(r);
        r->scope = rest;
    } else if ((rest = after_word(line, "language")).len)
        r->language = rest;
    else if ((rest = after_word(line, "service")).len)
        r->service = rest;
    else
        BAD(r, r->line, "not understood: %.*s", LY_STR_ARG(line));
}

static size_t read_file(const char *path)
{
    static reader r;
    static char all[1 << 20];
    memset(&r, 0, sizeof r);
    kit_init(&r.k);
    snprintf(r.path, sizeof r.path, "%s", path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const size_t len = fread(all, 1, sizeof all, file);
    fclose(file);
    assert_true(len < sizeof all);
    ly_str rest = ly_str_n(all, len), line;
    r.service = LY_S("interop");
    while (ly_str_split(&rest, '\n', &line)) {
        r.line++;
        read_line(&r, line);
    }
    close_trace(&r);
    kit_done(&r.k);
    return r.n_spans;
}

static void every_client(void **state)
{
    (void)state;
    DIR *dir = opendir(LY_TESTS_DIR "/genai/clients");
    size_t files = 0, spans = 0;
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        char path[512];
        if (!ly_str_ends(ly_str_c(e->d_name), LY_S(".txt")))
            continue;
        snprintf(path, sizeof path, "%s/%s", LY_TESTS_DIR "/genai/clients", e->d_name);
        const size_t n = read_file(path);
        if (n == 0)
            fail_msg("%s holds no span", path);
        files++;
        spans += n;
    }
    closedir(dir);
    print_message("%zu clients, %zu spans\n", files, spans);
    assert_true(files > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_client)};
    return cmocka_run_group_tests_name("genai/clients", tests, NULL, NULL);
}
