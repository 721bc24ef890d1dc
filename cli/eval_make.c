/* Making a run out of options and suite files: see eval_cmd.h. */
#include <unistd.h>

#include "base/limits.h"
#include "cli/eval_cmd.h"
#include "cli/files.h"
#include "cli/rubric.h"
#include "eval/data.h"
#include "text/yaml.h"

/* ---- options, from the command line or the suite file ------------------------------------------------ */

static const char *const suite_keys[] = {
    "prompt", "target", "data",   "model",      "judge",       "judge-model",
    "repeat", "rows",   "seed",   "max-output", "temperature", "judge-temperature",
    "level",  "margin", "budget", "baseline",   "name",        "gate",
    "timeout"};

/* The member of the suite file, written with - or _. */
static const ly_json *member(const ly_eval_session *s, const char *name)
{
    const ly_json_member *items = s->suite_doc ? s->suite_doc->object.items : NULL;
    for (size_t i = 0; s->suite_doc && i < s->suite_doc->object.n; i++) {
        ly_str key = items[i].key;
        size_t k = 0;
        while (k < key.len && name[k] &&
               (key.ptr[k] == name[k] || (key.ptr[k] == '_' && name[k] == '-'))) {
            k++;
        }
        if (k == key.len && !name[k]) {
            return &items[i].value;
        }
    }
    return NULL;
}

ly_status ly_eval_suite_read(ly_eval_session *s, const char *path, ly_err *err)
{
    ly_status st = ly_file_read(path, &s->arena, &s->suite_text, err);
    if (!st && (st = ly_yaml_parse(s->suite_text, &s->arena, &s->suite_doc, err))) {
        (void)ly_err_wrap(err, "%s", path);
        return st;
    }
    if (st) {
        return st;
    }
    if (!ly_json_is(s->suite_doc, LY_JSON_OBJECT)) {
        return LY_FAIL(err, LY_E_FORMAT,
                       "%s is no suite: it holds lines such as `prompt: [a.txt, b.txt]`; see "
                       "lydite eval init",
                       path);
    }
    for (size_t i = 0; i < s->suite_doc->object.n; i++) {
        const ly_json *known = NULL;
        for (size_t k = 0; k < LY_COUNT(suite_keys) && !known; k++) {
            known = member(s, suite_keys[k]) == &s->suite_doc->object.items[i].value
                        ? &s->suite_doc->object.items[i].value
                        : NULL;
        }
        if (!known) {
            return LY_FAIL(err, LY_E_FORMAT, "%s: a suite has no member %.*s", path,
                           LY_STR_ARG(ly_str_sub(s->suite_doc->object.items[i].key, 0, 60)));
        }
    }
    s->has_gate = member(s, "gate") != NULL;
    const char *slash = strrchr(path, '/');
    s->suite_dir =
        slash ? ly_arena_copy(&s->arena, ly_str_n(path, (size_t)(slash - path))).ptr : NULL;
    return LY_OK;
}

int ly_eval_count(const ly_eval_session *s, const char *name)
{
    int n = ly_cli_opt_count(s->cli, name);
    const ly_json *v = n ? NULL : member(s, name);
    return n                               ? n
           : !v || v->kind == LY_JSON_NULL ? 0
           : v->kind == LY_JSON_ARRAY      ? (int)ly_json_count(v)
                                           : 1;
}

const char *ly_eval_at(ly_eval_session *s, const char *name, int i)
{
    if (ly_cli_opt_count(s->cli, name)) {
        return ly_cli_opt_at(s->cli, name, i);
    }
    const ly_json *v = i < ly_eval_count(s, name) ? member(s, name) : NULL;
    v = v && v->kind == LY_JSON_ARRAY ? ly_json_at(v, (size_t)i) : v;
    if (!v || v->kind == LY_JSON_NULL) {
        return NULL;
    }
    return v->kind == LY_JSON_STRING ? ly_arena_copy(&s->arena, v->str).ptr
           : v->kind == LY_JSON_INT  ? ly_arena_fmt(&s->arena, "%lld", (long long)v->integer).ptr
           : v->kind == LY_JSON_REAL ? ly_arena_fmt(&s->arena, "%.17g", v->real).ptr
                                     : "(neither text nor a number)";
}

const char *ly_eval_opt(ly_eval_session *s, const char *name)
{
    return ly_eval_at(s, name, 0);
}

static const char *beside_suite(ly_eval_session *s, const char *path)
{
    if (!path || path[0] == '/' || !s->suite_dir) {
        return path;
    }
    ly_str beside = ly_arena_fmt(&s->arena, "%s/%s", s->suite_dir, path);
    return access(beside.ptr, R_OK) == 0 ? beside.ptr : path;
}

const char *ly_eval_path(ly_eval_session *s, const char *name, int i)
{
    const char *path = ly_eval_at(s, name, i);
    return ly_cli_opt_count(s->cli, name) ? path : beside_suite(s, path);
}

bool ly_eval_number(ly_eval_session *s, const char *name, double lo, double hi, double *slot)
{
    const char *text = ly_eval_opt(s, name);
    double v;
    if (!text) {
        return true;
    }
    ly_str t = ly_str_c(text);
    t = t.len && t.ptr[0] == '$' ? ly_str_sub(t, 1, SIZE_MAX) : t;
    if (!ly_str_to_double(t, &v) || !(v >= lo && v <= hi)) {
        (void)ly_cli_usage(s->cli, "%s %s: a number from %g to %g is needed", name, text, lo, hi);
        return false;
    }
    *slot = v;
    return true;
}

static bool whole_number(ly_eval_session *s, const char *name, int64_t lo, int64_t hi,
                         int64_t fallback, int64_t *slot)
{
    const char *text = ly_eval_opt(s, name);
    *slot = fallback;
    if (text && (!ly_str_to_i64(ly_str_c(text), slot) || *slot < lo || *slot > hi)) {
        (void)ly_cli_usage(s->cli, "%s %s: a whole number from %lld to %lld is needed", name, text,
                           (long long)lo, (long long)hi);
        return false;
    }
    return true;
}

/* ---- prompts, judges, data ----------------------------------------------------------------------------- */

static bool is_file(const char *path)
{
    return access(path, R_OK) == 0;
}

static ly_status read_prompts(ly_eval_session *s, ly_err *err)
{
    ly_status st = LY_OK;
    int n = s->n_prompts = ly_eval_count(s, "prompt");
    ly_eval_prompt *prompts = s->prompts = LY_ARENA_ARRAY(&s->arena, ly_eval_prompt, (size_t)n + 1);
    if (!prompts) {
        return LY_NOMEM(err);
    }
    for (int i = 0; i < n && !st; i++) {
        ly_eval_prompt *p = &prompts[i];
        p->arg = ly_eval_path(s, "prompt", i);
        /* Something with a slash or an ending is meant as a file even when it is not there. */
        bool path_like = strchr(p->arg, '/') || strstr(p->arg, ".txt") || strstr(p->arg, ".md");
        p->file = is_file(p->arg) || (path_like && !strchr(p->arg, '@'));
        if (!p->file) {
            continue;
        }
        p->name = ly_file_stem(p->arg, &s->arena);
        st = ly_file_read(p->arg, &s->arena, &p->text, err);
        if (!st) {
            st = ly_prompt_doc_parse(p->text, &s->arena, &p->doc, err);
            if (st) {
                ly_err_wrap(err, "%s", p->arg);
            }
        }
    }
    return st;
}

/* Rubric files that judges name, kept in the suite so that the run can be resumed without them. */
static ly_status read_rubrics(ly_eval_session *s, ly_err *err)
{
    int n = ly_eval_count(s, "judge");
    s->suite.files = LY_ARENA_ARRAY(&s->arena, ly_suite_file, (size_t)n + 1);
    if (!s->suite.files) {
        return LY_NOMEM(err);
    }
    for (int i = 0; i < n; i++) {
        ly_str spec = ly_str_c(ly_eval_at(s, "judge", i));
        if (!ly_str_starts(spec, LY_S("rubric:"))) {
            continue;
        }
        ly_suite_file *f = &s->suite.files[s->suite.n_files++];
        f->path = ly_str_sub(spec, 7, SIZE_MAX);
        const char *path = beside_suite(s, f->path.ptr);
        ly_status st = ly_rubric_read(ly_cli_db(s->cli), path, &s->arena, &f->text, err);
        if (st) {
            return ly_err_wrap(err, "judge %.*s", LY_STR_ARG(spec));
        }
    }
    return LY_OK;
}

static ly_status read_judges(ly_eval_session *s, ly_err *err)
{
    size_t n = (size_t)ly_eval_count(s, "judge");
    ly_str *specs = LY_ARENA_ARRAY(&s->arena, ly_str, n + 1);
    if (!specs) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < n; i++) {
        specs[i] = ly_str_c(ly_eval_at(s, "judge", (int)i));
    }
    ly_status st = read_rubrics(s, err);
    const char *model = ly_eval_opt(s, "judge-model");
    if (!model) {
        model = ly_eval_at(s, "model", 0);
    }
    for (int i = 0; !model && i < s->n_prompts; i++) { /* as the prompts' own */
        model =
            s->prompts[i].doc && s->prompts[i].doc->model.len ? s->prompts[i].doc->model.ptr : NULL;
    }
    s->suite.judge_model_spec = ly_str_c(model);
    return st ? st : ly_suite_judges(&s->suite, specs, n, &s->arena, err);
}

/* ---- does the data have what is asked for ------------------------------------------------------------------ */

typedef struct column_check {
    ly_eval_session *s;
    const char *path;
} column_check;

static ly_status check_columns(void *user, const ly_json *first_row, ly_err *err)
{
    column_check *c = user;
    ly_status st = LY_OK;
    const ly_eval_prompt *prompts = c->s->prompts;
    for (int i = 0; i < ly_eval_count(c->s, "target") && !st; i++) {
        ly_target t = {0};
        st = ly_target_parse(ly_str_c(ly_eval_at(c->s, "target", i)), &t, err);
        if (!st && t.kind == LY_TARGET_COLUMN) {
            st = ly_data_check_columns(c->path, first_row, &t.argument, 1, t.spec, err);
        }
    }
    for (int i = 0; i < c->s->n_prompts && !st; i++) {
        const ly_template_name *names = NULL;
        size_t n = 0;
        if (!prompts[i].doc) {
            continue;
        }
        st = ly_prompt_doc_names(prompts[i].doc, &c->s->arena, &names, &n, err);
        for (size_t k = 0; k < n && !st; k++) {
            if (!names[k].optional) {
                st = ly_data_check_columns(c->path, first_row, &names[k].name, 1,
                                           ly_str_c(prompts[i].arg), err);
            }
        }
    }
    for (size_t i = 0; i < c->s->suite.n_judges && !st; i++) {
        const ly_str *names = NULL;
        size_t n = 0;
        const ly_judge *j = c->s->suite.judges[i];
        st = ly_judge_names(j, &c->s->arena, &names, &n, err);
        if (!st) {
            ly_str what = ly_arena_fmt(&c->s->arena, "judge %.*s", LY_STR_ARG(ly_judge_name(j)));
            st = ly_data_check_columns(c->path, first_row, names, n, what, err);
        }
    }
    return st;
}

static ly_status check_stored(ly_eval_session *s, const ly_dataset_version *v, column_check *check,
                              ly_err *err)
{
    ly_row *rows = NULL;
    size_t n = 0;
    ly_json *doc = NULL;
    ly_status st = ly_dataset_rows(s->store, v->name, v->number, 0, 1, &s->arena, &rows, &n, err);
    if (!st && n) {
        st = ly_json_parse(rows[0].data, &s->arena, &doc, err);
    }
    return st || !doc ? st : check_columns(check, doc, err);
}

/* Only looks at the file: nothing is written before everything fits. */
static ly_status count_row(void *user, ly_str key, ly_str data, ly_err *err)
{
    column_check *c = user;
    (void)key;
    if (!c->path) {
        return LY_OK;
    }
    ly_arena arena;
    ly_json *doc = NULL;
    ly_arena_init(&arena, 0, 0);
    ly_status st = ly_json_parse(data, &arena, &doc, err);
    if (!st) {
        st = check_columns(c, doc, err);
    }
    ly_arena_release(&arena);
    c->path = NULL; /* the first row speaks for all */
    return st;
}

/* ---- putting a run together ------------------------------------------------------------------------------------ */

static ly_status put_prompts(ly_eval_session *s, ly_str *refs, ly_err *err)
{
    const ly_eval_prompt *prompts = s->prompts;
    int n = s->n_prompts;
    ly_status st = LY_OK;
    for (int i = 0; i < n && !st; i++) {
        ly_prompt_version v;
        if (prompts[i].file) {
            ly_str note = ly_arena_fmt(&s->arena, "from %s", prompts[i].arg);
            st = ly_prompt_put(s->store, prompts[i].name, prompts[i].text, note, LY_STR_NONE,
                               &s->arena, &v, err);
        } else {
            st = ly_prompt_get(s->store, ly_str_c(prompts[i].arg), &s->arena, &v, err);
        }
        if (!st) {
            refs[i] = ly_arena_fmt(&s->arena, "%.*s@%lld", LY_STR_ARG(v.name), (long long)v.number);
        }
    }
    return st;
}

/* The name that tables show: the file's, or the reference when that is taken. */
static void name_target(ly_suite *suite, ly_target *t, ly_str fallback)
{
    for (size_t k = 0; k + 1 < suite->n_targets; k++) {
        if (ly_str_eq(suite->targets[k].name, t->name)) {
            t->name = fallback;
        }
    }
}

/* Targets: every prompt with every model, then those that are not prompts. */
static ly_status make_targets(ly_eval_session *s, const ly_str *refs, ly_err *err)
{
    int n_models = ly_eval_count(s, "model"), per = n_models ? n_models : 1;
    int n_own = ly_eval_count(s, "target");
    ly_suite *suite = &s->suite;
    ly_status st = LY_OK;
    if (s->n_prompts * per + n_own > LY_SUITE_MAX_TARGETS) {
        return LY_FAIL(err, LY_E_INVALID,
                       "%d prompts with %d models and %d other targets are more than %d targets",
                       s->n_prompts, per, n_own, LY_SUITE_MAX_TARGETS);
    }
    suite->n_targets = 0;
    suite->targets = LY_ARENA_ARRAY(&s->arena, ly_target, (size_t)(s->n_prompts * per + n_own) + 1);
    if (!suite->targets) {
        return LY_NOMEM(err);
    }
    for (int i = 0; i < s->n_prompts && !st; i++) {
        for (int m = 0; m < per && !st; m++) {
            ly_target *t = &suite->targets[suite->n_targets++];
            const ly_eval_prompt *p = &s->prompts[i];
            t->prompt = refs[i];
            t->model_spec = n_models ? ly_str_c(ly_eval_at(s, "model", m)) : LY_STR_NONE;
            ly_str base = p->file ? ly_file_base(p->arg) : refs[i];
            t->name = per > 1 ? ly_arena_fmt(&s->arena, "%.*s %.*s", LY_STR_ARG(base),
                                             LY_STR_ARG(t->model_spec))
                              : base;
            name_target(suite, t,
                        per > 1 ? ly_arena_fmt(&s->arena, "%.*s %.*s", LY_STR_ARG(refs[i]),
                                               LY_STR_ARG(t->model_spec))
                                : refs[i]);
            st = ly_target_resolve(s->store, t, &s->arena, err);
            if (!st) {
                st = ly_llm_model_check(&t->model, err);
            }
        }
        s->prompts[i].doc = st ? NULL : suite->targets[suite->n_targets - 1].doc;
    }
    for (int i = 0; i < n_own && !st; i++) {
        ly_target *t = &suite->targets[suite->n_targets++];
        st = ly_target_parse(ly_str_c(ly_eval_at(s, "target", i)), t, err);
        name_target(suite, t, ly_arena_fmt(&s->arena, "%s #%d", ly_eval_at(s, "target", i), i + 1));
    }
    return st;
}

static ly_status put_data(ly_eval_session *s, const char *data, column_check *check, ly_err *err)
{
    ly_dataset_version v;
    ly_status st;
    check->path = data;
    if (is_file(data)) {
        st = ly_data_put_file(s->store, ly_file_stem(data, &s->arena), data, NULL, NULL, &s->arena,
                              &v, err);
    } else {
        st = ly_dataset_get(s->store, ly_str_c(data), &s->arena, &v, err);
        if (!st) {
            st = check_stored(s, &v, check, err);
        }
    }
    if (!st) {
        s->suite.dataset = v.name;
        s->suite.dataset_number = v.number;
    }
    return st;
}

bool ly_eval_numbers(ly_eval_session *s, double *budget)
{
    ly_suite *u = &s->suite;
    int64_t repeat = 1, max_output = 1024, limit = 0, seed = 1;
    u->temperature = u->judge_temperature = LY_SHAPE_UNSET;
    u->level = 0.95;
    bool good = whole_number(s, "repeat", 1, 1000, 1, &repeat) &&
                whole_number(s, "max-output", 1, 1000000, 1024, &max_output) &&
                whole_number(s, "rows", 1, 100000000, 0, &limit) &&
                whole_number(s, "seed", 0, INT32_MAX, 1, &seed) &&
                ly_eval_number(s, "temperature", 0, 2, &u->temperature) &&
                ly_eval_number(s, "judge-temperature", 0, 2, &u->judge_temperature) &&
                ly_eval_number(s, "level", 0.5, 0.9999, &u->level) &&
                ly_eval_number(s, "margin", 0, 1e9, &u->margin) &&
                ly_eval_number(s, "budget", 0, 1e6, budget);
    u->repeat = repeat;
    u->max_output = max_output;
    u->limit = limit;
    u->seed = (uint64_t)seed;
    u->baseline = ly_str_c(ly_eval_opt(s, "baseline"));
    return good;
}

/* Everything that can be wrong is found before the database is touched or a call is made. */
ly_status ly_eval_prepare(ly_eval_session *s, ly_err *err)
{
    const char *gate = ly_cli_opt(s->cli, "gate"), *data = ly_eval_path(s, "data", 0);
    column_check check = {.s = s, .path = data};
    ly_status st = read_prompts(s, err);
    for (int i = 0; i < ly_eval_count(s, "target") && !st; i++) {
        ly_target t = {0};
        st = ly_target_parse(ly_str_c(ly_eval_at(s, "target", i)), &t, err);
        if (!st && t.kind == LY_TARGET_COMMAND && !ly_cli_flag(s->cli, "allow-commands")) {
            st = LY_FAIL(err, LY_E_DENIED,
                         "target %.*s runs a command: say --allow-commands if you trust it",
                         LY_STR_ARG(ly_str_sub(t.spec, 0, 160)));
        }
    }
    if (!st && !gate && s->has_gate) {
        s->suite.gate = s->suite_text;
    }
    if (!st && gate) {
        ly_json *doc = NULL;
        st = ly_file_read(gate, &s->arena, &s->suite.gate, err);
        if (!st && (st = ly_yaml_parse(s->suite.gate, &s->arena, &doc, err))) {
            ly_err_wrap(err, "%s", gate);
        }
    }
    for (int i = 0; i < ly_eval_count(s, "model") && !st; i++) {
        ly_llm_model model;
        st = ly_llm_model_parse(ly_str_c(ly_eval_at(s, "model", i)), &model, err);
        if (!st && !s->calls_nobody) {
            st = ly_llm_model_check(&model, err);
        }
    }
    if (!st) {
        st = read_judges(s, err);
    }
    bool asks = false, pairs = false;
    for (size_t i = 0; i < s->suite.n_judges; i++) {
        asks = asks || ly_judge_is_llm(s->suite.judges[i]);
        pairs = pairs || ly_judge_is_pairwise(s->suite.judges[i]);
    }
    int models = ly_eval_count(s, "model");
    int targets = s->n_prompts * (models ? models : 1) + ly_eval_count(s, "target");
    if (!st && pairs && targets < 2) {
        st = LY_FAIL(err, LY_E_INVALID,
                     "a pairwise judge compares two targets, and there is one: give a second "
                     "--prompt, --model or --target");
    }
    if (!st && asks && !s->calls_nobody) {
        st = ly_llm_model_check(&s->suite.judge_model, err);
    }
    if (!st && is_file(data)) {
        st = ly_data_read_file(data, count_row, &check, err);
    } else if (!st && (strchr(data, '/') || strstr(data, ".csv") || strstr(data, ".json"))) {
        st = ly_data_read_file(data, count_row, &check, err); /* says that it is not there */
    }
    return st;
}

/* Prompts and data into the registry, and the suite whole. */
ly_status ly_eval_put(ly_eval_session *s, ly_err *err)
{
    column_check check = {.s = s};
    ly_str *refs = LY_ARENA_ARRAY(&s->arena, ly_str, (size_t)s->n_prompts + 1);
    ly_status st = refs ? put_prompts(s, refs, err) : LY_NOMEM(err);
    if (!st) {
        st = make_targets(s, refs, err);
    }
    return st ? st : put_data(s, ly_eval_path(s, "data", 0), &check, err);
}
