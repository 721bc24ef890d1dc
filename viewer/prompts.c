/* The prompts screen: prompts, and inside one its versions, each with what changed since the one before. */
#include <stdio.h>

#include "base/term.h"
#include "store/prompt.h"
#include "viewer/fill.h"

#define MAX_VERSIONS 200   /* shown with their differences */
#define MAX_BODY     20000 /* bytes of a version that are compared and shown */

static void load_prompts(ly_app *app)
{
    ly_fill f;
    ly_err err = LY_ERR_INIT;
    ly_prompt_version *rows = NULL;
    size_t n = 0;
    if (!ly_fill_begin(&f, app, LY_SCREEN_PROMPTS, 5, LY_FILL_ROWS)) {
        return;
    }
    static const char *const heads[] = {"PROMPT", "VERSION", "ALIASES", "CHANGED", "MESSAGE"};
    for (int c = 0; c < 5; c++) {
        ly_fill_head(&f, c, heads[c], c == 1);
    }
    f.t->view.flexible = 4;
    static const uint8_t ranks[] = {0, 0, 3, 4, 5};
    for (int c = 0; c < (int)LY_COUNT(ranks); c++) {
        ly_fill_rank(&f, c, ranks[c]);
    }
    ly_status st = ly_prompt_list(app->store, &f.t->arena, &rows, &n, &err);
    (void)ly_fill_failed(&f, st, &err);
    for (size_t i = 0; st == LY_OK && i < n && i < LY_FILL_ROWS; i++) {
        ly_fill_str(&f, rows[i].name);
        ly_fill_fmt(&f, "v%lld", (long long)rows[i].number);
        ly_fill_str(&f, rows[i].aliases);
        ly_text_clock(rows[i].made_ns, app->now_ns, &f.text);
        ly_fill_cell(&f);
        ly_fill_str(&f, rows[i].message);
        ly_fill_row(&f, rows[i].name, LY_INK_TEXT);
    }
    ly_fill_end(&f, "No prompts yet.\n\nlydite prompt put FILE [--name NAME]\n"
                    "keeps a version; lydite eval run keeps\nthe files that it is given.");
}

/* What a version changed, then its text. */
static void put_version(ly_app *app, const ly_prompt_version *v, const ly_prompt_version *before,
                        ly_buf *out)
{
    unsigned lines = LY_TERM_LINES | (app->grid.unicode ? 0u : (unsigned)LY_TERM_ASCII);
    ly_str body = ly_str_sub(v->body, 0, MAX_BODY);
    ly_err err = LY_ERR_INIT;
    if (before != NULL && app->opts.calls.diff != NULL) {
        ly_buf diff;
        ly_buf_init(&diff, LY_MIB(1));
        ly_buf_fmt(out, "v%lld -> v%lld\n", (long long)before->number, (long long)v->number);
        if (app->opts.calls.diff(app->opts.calls.user, ly_str_sub(before->body, 0, MAX_BODY), body,
                                 &diff, &err) != LY_OK) {
            ly_term_clean(out, ly_str_c(err.text), lines);
        } else if (diff.len == 0) {
            ly_buf_c(out, "(the same text)");
        } else {
            ly_term_clean(out, ly_buf_view(&diff), lines);
        }
        ly_buf_release(&diff);
        ly_buf_c(out, "\n\n");
    } else if (before == NULL) {
        ly_buf_c(out, "the first version\n\n");
    }
    ly_buf_fmt(out, "v%lld\n", (long long)v->number);
    ly_term_clean(out, body, lines);
    ly_buf_char(out, '\n');
}

static void load_versions(ly_app *app)
{
    ly_fill f;
    ly_err err = LY_ERR_INIT;
    ly_prompt_version *rows = NULL;
    size_t n = 0;
    ly_buf text;
    if (!ly_fill_begin(&f, app, LY_SCREEN_PROMPTS, 5, MAX_VERSIONS)) {
        return;
    }
    static const char *const heads[] = {"VERSION", "ALIASES", "CHANGED", "AUTHOR", "MESSAGE"};
    for (int c = 0; c < 5; c++) {
        ly_fill_head(&f, c, heads[c], c == 0);
    }
    f.t->view.flexible = 4;
    static const uint8_t ranks[] = {0, 2, 3, 4, 0};
    for (int c = 0; c < (int)LY_COUNT(ranks); c++) {
        ly_fill_rank(&f, c, ranks[c]);
    }
    ly_buf_init(&text, LY_MIB(1));
    ly_status st = ly_prompt_log(app->store, ly_str_c(f.t->of), &f.t->arena, &rows, &n, &err);
    (void)ly_fill_failed(&f, st, &err);
    for (size_t i = 0; st == LY_OK && i < n && i < MAX_VERSIONS; i++) {
        ly_fill_fmt(&f, "v%lld", (long long)rows[i].number);
        ly_fill_str(&f, rows[i].aliases);
        ly_text_clock(rows[i].made_ns, app->now_ns, &f.text);
        ly_fill_cell(&f);
        ly_fill_str(&f, ly_str_sub(rows[i].author, 0, 16));
        ly_fill_str(&f, rows[i].message);
        ly_buf_reset(&text);
        put_version(app, &rows[i], i + 1 < n ? &rows[i + 1] : NULL, &text);
        ly_fill_detail(&f, ly_buf_view(&text));
        ly_buf_reset(&text);
        ly_buf_fmt(&text, "%s@v%lld", f.t->of, (long long)rows[i].number);
        ly_fill_row(&f, ly_buf_view(&text), LY_INK_TEXT);
    }
    ly_buf_reset(&text);
    ly_buf_fmt(&text, "%s: versions; Enter its traces, m all of it, d differences, Esc the prompts",
               f.t->of);
    f.t->view.title = ly_arena_copy(&f.t->arena, ly_buf_view(&text));
    ly_buf_release(&text);
    ly_fill_end(&f, "This prompt was removed.");
}

static void load(ly_app *app, bool again)
{
    (void)again;
    if (app->tables[LY_SCREEN_PROMPTS].level > 0) {
        load_versions(app);
    } else {
        load_prompts(app);
    }
}

void ly_prompts_show(ly_app *app, ly_str name, int64_t number)
{
    ly_tables_state *t = &app->tables[LY_SCREEN_PROMPTS];
    char key[200];
    ly_app_go(app, LY_SCREEN_PROMPTS);
    (void)ly_fill_up(app);
    ly_fill_down(app, name);
    (void)snprintf(key, sizeof key, "%s@v%lld", t->of, (long long)number);
    for (size_t i = 0; i < t->view.n_rows; i++) {
        if (ly_str_eqc(t->keys[i], key)) {
            t->view.at = i;
        }
    }
}

/* `d` on one version marks it, `d` on another shows what changed between the two. */
static void diff_marked(ly_app *app)
{
    ly_tables_state *t = &app->tables[LY_SCREEN_PROMPTS];
    ly_str key = ly_fill_key(app);
    ly_err err = LY_ERR_INIT;
    ly_arena work;
    ly_prompt_version from, to;
    if (t->level == 0 || key.len == 0) {
        ly_app_say(app, false, "Enter shows the versions; d compares two of them");
        return;
    }
    if (t->marked[0] == '\0' || ly_str_eqc(key, t->marked)) {
        (void)ly_str_copy(key, t->marked, sizeof t->marked);
        ly_app_say(app, false, "from %.*s: d on another version shows the differences",
                   LY_STR_ARG(key));
        return;
    }
    ly_arena_init(&work, 0, LY_MIB(16));
    ly_buf_reset(&app->page.text);
    ly_status st = ly_prompt_get(app->store, ly_str_c(t->marked), &work, &from, &err);
    if (st == LY_OK) {
        st = ly_prompt_get(app->store, key, &work, &to, &err);
    }
    if (st != LY_OK) {
        ly_app_say(app, true, "%s", err.text);
    } else {
        put_version(app, &to, &from, &app->page.text);
        ly_app_show_page(app, "differences (Esc goes back)");
    }
    t->marked[0] = '\0';
    ly_arena_release(&work);
}

static bool command(ly_app *app, ly_command command, int count)
{
    const ly_tables_state *t = &app->tables[LY_SCREEN_PROMPTS];
    ly_str key = ly_fill_key(app);
    if (command == LY_DO_DIFF) {
        diff_marked(app);
        return true;
    }
    if (command == LY_DO_OPEN && t->level == 0 && key.len > 0) {
        ly_fill_down(app, key);
        return true;
    }
    if ((command == LY_DO_OPEN || command == LY_DO_USES) && key.len > 0) {
        ly_fill_show_traces(app, "prompt", key);
        return true;
    }
    return ly_fill_command(app, command, count);
}

static bool value(ly_app *app, ly_copied kind, ly_buf *out)
{
    if (kind == LY_COPIED_FILTER && ly_fill_key(app).len > 0) {
        ly_filter_term(out, "prompt", ly_fill_key(app));
        return true;
    }
    return ly_fill_value(app, kind, out);
}

const ly_screen ly_screen_prompts = {"Prompts",    "Prom",  LY_ON_PROMPTS, load,
                                     ly_fill_draw, command, ly_fill_find,  value};
