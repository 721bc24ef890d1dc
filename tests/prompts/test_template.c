/* Templates: the Mustache specification with the two switches, and what is ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "prompts/prompt_file.h"
#include "prompts/template.h"

static ly_str slurp(const char *path, ly_arena *arena)
{
    FILE *f = fopen(path, "rb");
    ly_buf buf;
    char part[4096];
    size_t n;
    ly_buf_init(&buf, 1 << 24);
    while (f && (n = fread(part, 1, sizeof part, f)) > 0) {
        ly_buf_add(&buf, part, n);
    }
    ly_str text = f ? ly_arena_copy(arena, ly_buf_view(&buf)) : LY_STR_NONE;
    if (f) {
        fclose(f);
    }
    ly_buf_release(&buf);
    return text;
}

static bool partial_of(void *user, ly_str name, ly_str *ret_text)
{
    const ly_json *v = ly_json_get_str(user, name);
    *ret_text = ly_json_str(v);
    return v != NULL;
}

static int run_case(const ly_json *test, ly_arena *arena, const char *file)
{
    ly_template *t = NULL;
    ly_err err = LY_ERR_INIT;
    ly_buf out;
    ly_buf_init(&out, 1 << 20);
    ly_template_opts opts = {LY_TEMPLATE_HTML | LY_TEMPLATE_LENIENT, partial_of,
                             (void *)(uintptr_t)ly_json_get(test, "partials")};
    ly_str want = ly_json_str(ly_json_get(test, "expected"));
    ly_status st = ly_template_parse(ly_json_str(ly_json_get(test, "template")), arena, &t, &err);
    if (!st) {
        st = ly_template_render(t, ly_json_get(test, "data"), &opts, &out, &err);
    }
    int bad = st || !ly_str_eq(ly_buf_view(&out), want);
    if (bad) {
        print_error("%s: %.*s: %s\n got  <%s>\n want <%.*s>\n", file,
                    LY_STR_ARG(ly_json_str(ly_json_get(test, "name"))), err.text, ly_buf_text(&out),
                    LY_STR_ARG(want));
    }
    ly_buf_release(&out);
    return bad;
}

static void specification(void **state)
{
    static const char *const files[] = {"comments", "delimiters", "interpolation",
                                        "inverted", "partials",   "sections"};
    (void)state;
    int bad = 0, n = 0;
    for (size_t i = 0; i < LY_COUNT(files); i++) {
        char path[512];
        ly_arena arena;
        ly_json *doc = NULL;
        ly_arena_init(&arena, 0, 0);
        (void)snprintf(path, sizeof path, "%s/data/mustache/%s.json", LY_SHARED_DIR, files[i]);
        ly_str text = slurp(path, &arena);
        if (!text.ptr) {
            skip();
        }
        assert_int_equal(ly_json_parse(text, &arena, &doc, NULL), LY_OK);
        const ly_json *tests = ly_json_get(doc, "tests");
        for (size_t k = 0; k < ly_json_count(tests); k++, n++) {
            bad += run_case(ly_json_at(tests, k), &arena, files[i]);
        }
        ly_arena_release(&arena);
    }
    assert_true(n > 100);
    assert_int_equal(bad, 0);
}

/* Renders with our rules; NULL when it fails, with the text in err. */
static const char *rendered(const char *template, const char *json, ly_arena *arena, ly_err *err)
{
    ly_template *t = NULL;
    ly_json *vars = NULL;
    ly_buf out;
    const char *result = NULL;
    ly_buf_init(&out, 1 << 20);
    assert_int_equal(ly_json_parse(ly_str_c(json), arena, &vars, NULL), LY_OK);
    if (ly_template_parse(ly_str_c(template), arena, &t, err) == LY_OK &&
        ly_template_render(t, vars, NULL, &out, err) == LY_OK) {
        result = ly_arena_copy(arena, ly_buf_view(&out)).ptr;
    }
    ly_buf_release(&out);
    return result;
}

static void our_two_switches(void **state)
{
    ly_arena a;
    ly_err err = LY_ERR_INIT;
    (void)state;
    ly_arena_init(&a, 0, 0);
    assert_string_equal(rendered("<{{x}}>", "{\"x\":\"a<b & \\\"c\\\"\"}", &a, &err),
                        "<a<b & \"c\">");
    assert_null(rendered("one\ntwo {{y}}", "{\"x\":1}", &a, &err));
    assert_string_equal(err.text, "line 2: no value for {{y}}");
    assert_string_equal(rendered("{{#y}}no{{/y}}{{^y}}yes{{/y}}", "{}", &a, &err), "yes");
    ly_arena_release(&a);
}

static void a_value_stays_text(void **state)
{
    ly_arena a;
    ly_err err = LY_ERR_INIT;
    (void)state;
    ly_arena_init(&a, 0, 0);
    assert_string_equal(
        rendered("{{a}}", "{\"a\":\"{{b}} {{{c}}} {{#d}}\",\"b\":\"LEAK\"}", &a, &err),
        "{{b}} {{{c}}} {{#d}}");
    assert_string_equal(
        rendered("{{o}} {{n}}", "{\"o\":{\"k\":[1]},\"n\":9007199254740993}", &a, &err),
        "{\"k\":[1]} 9007199254740993");
    ly_arena_release(&a);
}

static void errors_name_the_line(void **state)
{
    ly_arena a;
    ly_err err = LY_ERR_INIT;
    (void)state;
    ly_arena_init(&a, 0, 0);
    assert_null(rendered("x\n{{#rows}}\ny", "{}", &a, &err));
    assert_string_equal(err.text, "line 2: {{#rows}} is never closed");
    assert_null(rendered("x\n\n{{open", "{}", &a, &err));
    assert_non_null(strstr(err.text, "line 3"));
    assert_null(rendered("{{#a}}{{/b}}", "{}", &a, &err));
    assert_non_null(strstr(err.text, "{{/b}} closes {{#a}}"));
    assert_null(rendered("{{}}", "{}", &a, &err));
    assert_null(rendered("{{>other}}", "{}", &a, &err));
    ly_buf deep;
    ly_buf_init(&deep, 1 << 16);
    for (int i = 0; i < LY_TEMPLATE_MAX_DEPTH + 1; i++) {
        ly_buf_c(&deep, "{{#a}}");
    }
    ly_template *t = NULL;
    assert_int_equal(ly_template_parse(ly_buf_view(&deep), &a, &t, &err), LY_E_LIMIT);
    ly_buf_release(&deep);
    ly_arena_release(&a);
}

static void names_tell_what_is_needed(void **state)
{
    ly_arena a;
    ly_template *t = NULL;
    const ly_template_name *names = NULL;
    size_t n = 0;
    (void)state;
    ly_arena_init(&a, 0, 0);
    assert_int_equal(ly_template_parse(LY_S("{{q}} {{#ctx}}{{title}}{{/ctx}} {{user.name}} {{q}}"),
                                       &a, &t, NULL),
                     LY_OK);
    assert_int_equal(ly_template_names(t, &a, &names, &n, NULL), LY_OK);
    assert_int_equal(n, 4);
    assert_true(ly_str_eqc(names[0].name, "q") && !names[0].optional);
    assert_true(ly_str_eqc(names[1].name, "ctx") && names[1].optional);
    assert_true(ly_str_eqc(names[2].name, "title") && names[2].optional);
    assert_true(ly_str_eqc(names[3].name, "user") && !names[3].optional);
    ly_arena_release(&a);
}

static void documents(void **state)
{
    ly_arena a;
    ly_prompt_doc *d = NULL;
    ly_err err = LY_ERR_INIT;
    (void)state;
    ly_arena_init(&a, 0, 0);
    assert_int_equal(ly_prompt_doc_parse(LY_S("---\nmodel: openai:gpt-4o\ntemperature: 0.5\n"
                                              "stop: [END]\n---\n[system]\nBe terse.\n\n[user]\n\n"
                                              "{{q}}\n"),
                                         &a, &d, &err),
                     LY_OK);
    assert_int_equal(d->n_parts, 2);
    assert_true(ly_str_eqc(d->model, "openai:gpt-4o") && d->temperature == 0.5 && d->n_stop == 1);
    assert_true(ly_str_eqc(d->parts[0].role, "system") &&
                ly_str_eqc(d->parts[0].text, "Be terse."));
    assert_true(ly_str_eqc(d->parts[1].text, "{{q}}"));
    assert_int_equal(ly_prompt_doc_parse(LY_S("just {{q}}\n[user] is a word here\n"), &a, &d, &err),
                     LY_OK);
    assert_int_equal(d->n_parts, 1);
    assert_true(ly_str_eqc(d->parts[0].role, "user") && d->max_output == LY_UNKNOWN);
    assert_int_equal(ly_prompt_doc_parse(LY_S("---\ntemprature: 1\n---\nx"), &a, &d, &err),
                     LY_E_FORMAT);
    assert_non_null(strstr(err.text, "temprature is not a setting"));
    assert_int_equal(ly_prompt_doc_parse(LY_S("---\nmodel: x\n"), &a, &d, &err), LY_E_FORMAT);
    assert_int_equal(ly_prompt_doc_parse(LY_S(" \n\n"), &a, &d, &err), LY_E_FORMAT);
    ly_arena_release(&a);
}

static void diffs(void **state)
{
    ly_buf out;
    bool changed = true;
    (void)state;
    ly_buf_init(&out, 1 << 20);
    assert_int_equal(ly_text_diff(LY_S("a\nb\nc\n"), LY_S("a\nb\nc\n"), &out, &changed, NULL),
                     LY_OK);
    assert_false(changed);
    assert_int_equal(out.len, 0);
    assert_int_equal(ly_text_diff(LY_S("a\nb\nc\n"), LY_S("a\nX\nc\nd\n"), &out, &changed, NULL),
                     LY_OK);
    assert_true(changed);
    assert_string_equal(ly_buf_text(&out), " a\n-b\n+X\n c\n+d\n");
    ly_buf_reset(&out);
    assert_int_equal(ly_text_diff(LY_S("1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
                                  LY_S("1\n2\n3\n4\n5\n6\n7\n8\n"), &out, &changed, NULL),
                     LY_OK);
    assert_string_equal(ly_buf_text(&out), "...\n 6\n 7\n 8\n-9\n");
    ly_buf_reset(&out);
    assert_int_equal(ly_text_diff(LY_S(""), LY_S("x"), &out, &changed, NULL), LY_OK);
    assert_string_equal(ly_buf_text(&out), "+x\n");
    ly_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(specification),
        cmocka_unit_test(our_two_switches),
        cmocka_unit_test(a_value_stays_text),
        cmocka_unit_test(errors_name_the_line),
        cmocka_unit_test(names_tell_what_is_needed),
        cmocka_unit_test(documents),
        cmocka_unit_test(diffs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
