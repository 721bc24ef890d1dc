/* Suites: see suite.h. */
#include "eval/suite.h"

#include "text/jsonw.h"

static void put_double(ly_jsonw *w, const char *key, double v)
{
    if (v != LY_SHAPE_UNSET) {
        ly_jsonw_kv_double(w, key, v);
    }
}

ly_status ly_suite_write(const ly_suite *suite, ly_buf *out, ly_err *err)
{
    ly_jsonw w;
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_object(&w);
    ly_jsonw_key(&w, "targets");
    ly_jsonw_array(&w);
    for (size_t i = 0; i < suite->n_targets; i++) {
        const ly_target *t = &suite->targets[i];
        ly_jsonw_object(&w);
        ly_jsonw_kv_str(&w, "name", t->name);
        if (t->kind != LY_TARGET_PROMPT) {
            ly_jsonw_kv_str(&w, "spec", t->spec);
            ly_jsonw_object_end(&w);
            continue;
        }
        ly_jsonw_kv_str(&w, "prompt", t->prompt);
        ly_jsonw_kv_str(&w, "model", t->model_spec);
        /* Where the model stood then: a changed environment must not change a resumed run. */
        ly_jsonw_kv_c(&w, "base", t->model.base);
        ly_jsonw_object_end(&w);
    }
    ly_jsonw_array_end(&w);
    ly_jsonw_key(&w, "judges");
    ly_jsonw_array(&w);
    for (size_t i = 0; i < suite->n_judges; i++) {
        ly_jsonw_object(&w);
        ly_jsonw_kv_str(&w, "name", ly_judge_name(suite->judges[i]));
        ly_jsonw_kv_c(&w, "hash", ly_judge_hash(suite->judges[i]));
        ly_jsonw_kv_bool(&w, "llm", ly_judge_is_llm(suite->judges[i]));
        if (ly_judge_is_pairwise(suite->judges[i])) {
            ly_jsonw_kv_bool(&w, "pairwise", true);
        }
        ly_jsonw_object_end(&w);
    }
    ly_jsonw_array_end(&w);
    ly_jsonw_kv_str(&w, "judge_model", suite->judge_model_spec);
    ly_jsonw_kv_str(&w, "dataset", suite->dataset);
    ly_jsonw_kv_i64(&w, "dataset_version", suite->dataset_number);
    ly_jsonw_kv_i64(&w, "repeat", suite->repeat);
    ly_jsonw_kv_i64(&w, "max_output", suite->max_output);
    ly_jsonw_kv_i64(&w, "limit", suite->limit);
    ly_jsonw_kv_i64(&w, "seed", (int64_t)(suite->seed >> 1));
    ly_jsonw_kv_double(&w, "level", suite->level);
    ly_jsonw_kv_double(&w, "margin", suite->margin);
    ly_jsonw_kv_str(&w, "baseline", suite->baseline);
    put_double(&w, "temperature", suite->temperature);
    put_double(&w, "judge_temperature", suite->judge_temperature);
    ly_jsonw_key(&w, "files");
    ly_jsonw_array(&w);
    for (size_t i = 0; i < suite->n_files; i++) {
        ly_jsonw_object(&w);
        ly_jsonw_kv_str(&w, "path", suite->files[i].path);
        ly_jsonw_kv_str(&w, "text", suite->files[i].text);
        ly_jsonw_object_end(&w);
    }
    ly_jsonw_array_end(&w);
    ly_jsonw_kv_str(&w, "gate", suite->gate);
    ly_jsonw_object_end(&w);
    return ly_jsonw_end(&w, err);
}

ly_status ly_target_parse(ly_str spec, ly_target *target, ly_err *err)
{
    static const struct {
        const char *prefix;
        ly_target_kind kind;
    } kinds[] = {
        {"column:", LY_TARGET_COLUMN}, {"command:", LY_TARGET_COMMAND}, {"url:", LY_TARGET_URL}};
    for (size_t i = 0; i < LY_COUNT(kinds); i++) {
        ly_str prefix = ly_str_c(kinds[i].prefix);
        if (!ly_str_starts(spec, prefix)) {
            continue;
        }
        ly_str argument = ly_str_trim(ly_str_sub(spec, prefix.len, SIZE_MAX));
        bool web =
            ly_str_starts(argument, LY_S("http://")) || ly_str_starts(argument, LY_S("https://"));
        if (argument.len == 0 || (kinds[i].kind == LY_TARGET_URL && !web)) {
            break;
        }
        target->kind = kinds[i].kind;
        target->spec = spec;
        target->argument = argument;
        target->name = spec;
        return LY_OK;
    }
    return LY_FAIL(err, LY_E_INVALID,
                   "target %.*s: write column:NAME, command:COMMAND or url:http://...",
                   LY_STR_ARG(ly_str_sub(spec, 0, 100)));
}

bool ly_suite_commands(const ly_suite *suite)
{
    for (size_t i = 0; i < suite->n_targets; i++) {
        if (suite->targets[i].kind == LY_TARGET_COMMAND) {
            return true;
        }
    }
    return false;
}

size_t ly_suite_pairs(const ly_suite *suite)
{
    size_t n = suite->n_targets;
    return n < 2 ? 0 : n <= LY_SUITE_ALL_PAIRS ? n * (n - 1) / 2 : n - 1;
}

/* The target that the others are compared with: the named one, else the first. */
static size_t baseline_of(const ly_suite *suite)
{
    for (size_t i = 0; i < suite->n_targets; i++) {
        if (suite->baseline.len && ly_str_eq(suite->targets[i].name, suite->baseline)) {
            return i;
        }
    }
    return 0;
}

bool ly_suite_pair(const ly_suite *suite, size_t i, size_t *candidate, size_t *against)
{
    size_t n = suite->n_targets, base = baseline_of(suite);
    if (i >= ly_suite_pairs(suite)) {
        return false;
    }
    if (n > LY_SUITE_ALL_PAIRS) {
        *against = base;
        *candidate = i < base ? i : i + 1;
        return true;
    }
    size_t first = 0, second = i + 1;
    while (second >= n) { /* pairs (0,1) (0,2) ... (1,2) ... */
        second = second - n + first + 2;
        first++;
    }
    bool swap = second == base;
    *against = swap ? second : first;
    *candidate = swap ? first : second;
    return true;
}

ly_status ly_target_resolve(ly_store *store, ly_target *target, ly_arena *arena, ly_err *err)
{
    ly_prompt_version v;
    if (target->kind != LY_TARGET_PROMPT) {
        return LY_OK;
    }
    ly_status st = ly_prompt_get(store, target->prompt, arena, &v, err);
    if (!st) {
        st = ly_prompt_doc_parse(v.body, arena, &target->doc, err);
        if (st) {
            (void)ly_err_wrap(err, "prompt %.*s", LY_STR_ARG(target->prompt));
            return st;
        }
    }
    if (!st) {
        target->prompt_name = v.name;
        target->prompt_version = ly_arena_fmt(arena, "%lld", (long long)v.number);
        ly_str spec = target->doc->model.len && target->model_spec.len == 0 ? target->doc->model
                                                                            : target->model_spec;
        if (spec.len == 0) {
            return LY_FAIL(err, LY_E_INVALID, "prompt %.*s names no model: say which with --model",
                           LY_STR_ARG(target->prompt));
        }
        target->model_spec = spec;
        st = ly_llm_model_parse(spec, &target->model, err);
    }
    return st;
}

static ly_status file_of_suite(void *user, ly_str path, ly_arena *arena, ly_str *ret, ly_err *err)
{
    const ly_suite *suite = user;
    (void)arena;
    for (size_t i = 0; i < suite->n_files; i++) {
        if (ly_str_eq(suite->files[i].path, path)) {
            *ret = suite->files[i].text;
            return LY_OK;
        }
    }
    return LY_FAIL(err, LY_E_NOTFOUND, "the file was not read");
}

ly_status ly_suite_judges(ly_suite *suite, const ly_str *specs, size_t n, ly_arena *arena,
                          ly_err *err)
{
    ly_status st = LY_OK;
    ly_judge_env env = {
        .file = file_of_suite, .user = suite, .temperature = suite->judge_temperature};
    if (suite->judge_model_spec.len) {
        st = ly_llm_model_parse(suite->judge_model_spec, &suite->judge_model, err);
        env.model = &suite->judge_model;
    } else if (suite->n_targets && suite->targets[0].kind == LY_TARGET_PROMPT) {
        suite->judge_model = suite->targets[0].model;
        env.model = &suite->judge_model;
    }
    suite->judges = LY_ARENA_ARRAY(arena, ly_judge *, n + 1);
    if (!suite->judges) {
        return LY_NOMEM(err);
    }
    suite->n_judges = 0;
    for (size_t i = 0; i < n && !st; i++) {
        st = ly_judge_parse(specs[i], &env, arena, &suite->judges[i], err);
        for (size_t k = 0; !st && k < i; k++) {
            if (ly_str_eq(ly_judge_name(suite->judges[k]), ly_judge_name(suite->judges[i]))) {
                st = LY_FAIL(err, LY_E_INVALID, "judge %.*s is given twice",
                             LY_STR_ARG(ly_judge_name(suite->judges[i])));
            }
        }
        suite->n_judges += !st;
    }
    return st;
}

static ly_status read_targets(ly_store *store, const ly_json *list, ly_arena *arena,
                              ly_suite *suite, ly_err *err)
{
    size_t n = ly_json_count(list);
    ly_status st = LY_OK;
    suite->targets = LY_ARENA_ARRAY(arena, ly_target, n + 1);
    if (!suite->targets || n > LY_SUITE_MAX_TARGETS) {
        return LY_FAIL(err, LY_E_LIMIT, "the stored suite cannot be read");
    }
    for (size_t i = 0; i < n && !st; i++) {
        const ly_json *item = ly_json_at(list, i);
        ly_target *t = &suite->targets[i];
        ly_str own = ly_json_str(ly_json_get(item, "spec"));
        if (own.len && (st = ly_target_parse(own, t, err))) {
            break;
        }
        t->name = ly_json_str(ly_json_get(item, "name"));
        t->prompt = ly_json_str(ly_json_get(item, "prompt"));
        t->model_spec = ly_json_str(ly_json_get(item, "model"));
        ly_str base = ly_json_str(ly_json_get(item, "base"));
        st = ly_target_resolve(store, t, arena, err);
        if (!st && base.len && !ly_str_eqc(base, t->model.base)) {
            size_t at = ly_str_find(t->model_spec, LY_S("@http"), 0);
            ly_str spec = ly_arena_fmt(
                arena, "%.*s@%.*s", LY_STR_ARG(ly_str_sub(t->model_spec, 0, at)), LY_STR_ARG(base));
            st = ly_llm_model_parse(spec, &t->model, err);
        }
        suite->n_targets++;
    }
    return st;
}

static void read_files(const ly_json *list, ly_arena *arena, ly_suite *suite)
{
    size_t n = ly_json_count(list);
    suite->files = LY_ARENA_ARRAY(arena, ly_suite_file, n + 1);
    for (size_t i = 0; suite->files && i < n; i++) {
        const ly_json *item = ly_json_at(list, i);
        suite->files[i].path = ly_json_str(ly_json_get(item, "path"));
        suite->files[i].text = ly_json_str(ly_json_get(item, "text"));
        suite->n_files++;
    }
}

ly_status ly_suite_read(ly_store *store, ly_str text, ly_arena *arena, ly_suite **ret, ly_err *err)
{
    ly_json *doc = NULL;
    ly_suite *s = LY_ARENA_NEW(arena, ly_suite);
    ly_str copy = ly_arena_copy(arena, text);
    if (!s || !copy.ptr) {
        return LY_NOMEM(err);
    }
    ly_status st = ly_json_parse(copy, arena, &doc, err);
    if (st) {
        (void)ly_err_wrap(err, "stored suite");
        return st;
    }
    int64_t seed = 0;
    s->temperature = s->judge_temperature = LY_SHAPE_UNSET;
    s->repeat = 1;
    s->level = 0.95;
    s->judge_model_spec = ly_json_str(ly_json_get(doc, "judge_model"));
    s->dataset = ly_json_str(ly_json_get(doc, "dataset"));
    s->baseline = ly_json_str(ly_json_get(doc, "baseline"));
    s->gate = ly_json_str(ly_json_get(doc, "gate"));
    (void)ly_json_i64(ly_json_get(doc, "dataset_version"), &s->dataset_number);
    (void)ly_json_i64(ly_json_get(doc, "repeat"), &s->repeat);
    (void)ly_json_i64(ly_json_get(doc, "max_output"), &s->max_output);
    (void)ly_json_i64(ly_json_get(doc, "limit"), &s->limit);
    (void)ly_json_i64(ly_json_get(doc, "seed"), &seed);
    (void)ly_json_double(ly_json_get(doc, "level"), &s->level);
    (void)ly_json_double(ly_json_get(doc, "margin"), &s->margin);
    (void)ly_json_double(ly_json_get(doc, "temperature"), &s->temperature);
    (void)ly_json_double(ly_json_get(doc, "judge_temperature"), &s->judge_temperature);
    s->seed = (uint64_t)seed << 1;
    read_files(ly_json_get(doc, "files"), arena, s);
    st = read_targets(store, ly_json_get(doc, "targets"), arena, s, err);
    const ly_json *judges = ly_json_get(doc, "judges");
    size_t n = ly_json_count(judges);
    ly_str *specs = LY_ARENA_ARRAY(arena, ly_str, n + 1);
    for (size_t i = 0; specs && i < n; i++) {
        specs[i] = ly_json_str(ly_json_get(ly_json_at(judges, i), "name"));
    }
    if (!st) {
        st = specs ? ly_suite_judges(s, specs, n, arena, err) : LY_NOMEM(err);
    }
    if (!st) {
        *ret = s;
    }
    return st;
}
