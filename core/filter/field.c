/* The table of keys as data, and the names that some keys choose from. */
#include "filter/internal.h"

typedef struct field_row {
    const char *name;
    ly_filter_value value;
    const char *help;
} field_row;

static const field_row fields[] = {
#define FIELD_ROW(id, word, value, help) {word, value, help},
    LY_FILTER_FIELDS(FIELD_ROW)
#undef FIELD_ROW
};

/* Each list begins with what is stored; "said" is what a user may type for it. The types are those of
 * genai/canon.h, which this room may not include; tests/viewer compares the two. */
static const filter_name type_names[] = {
    {"other", "other"},
    {"agent", "agent"},
    {"workflow", "workflow"},
    {"plan", "plan"},
    {"generation", "generation"},
    {"llm", "generation"},
    {"tool", "tool"},
    {"retrieval", "retrieval"},
    {"embedding", "embedding"},
    {"rerank", "rerank"},
    {"memory", "memory"},
    {"guardrail", "guardrail"},
    {"evaluator", "evaluator"},
    {"step", "step"},
    {"http", "http"},
    {"db", "db"},
};
static const filter_name status_names[] = {{"error", "error"},     {"ok", "ok"},
                                           {"unset", "unset"},     {"pending", "pending"},
                                           {"running", "pending"}, {"lost", "lost"}};
static const filter_name origin_names[] = {
    {"app", "app"}, {"eval", "eval"}, {"judge", "judge"}, {"any", "any"}};

const char *ly_filter_field_name(ly_filter_field field)
{
    return (unsigned)field < LY_FLD__COUNT ? fields[field].name : "";
}

const char *ly_filter_field_help(ly_filter_field field)
{
    return (unsigned)field < LY_FLD__COUNT ? fields[field].help : "";
}

ly_filter_value ly_filter_field_value(ly_filter_field field)
{
    return (unsigned)field < LY_FLD__COUNT ? fields[field].value : LY_FVAL_TEXT;
}

bool ly_filter_field_find(ly_str word, ly_filter_field *ret_field)
{
    for (int i = 0; i < LY_FLD__COUNT; i++) {
        if (fields[i].name[0] != '\0' && fields[i].name[0] != '~' &&
            ly_str_eqc(word, fields[i].name)) {
            *ret_field = (ly_filter_field)i;
            return true;
        }
    }
    return false;
}

const filter_name *ly_filter_names(ly_filter_field field, size_t *ret_n)
{
    switch (field) {
    case LY_FLD_TYPE:
        *ret_n = LY_COUNT(type_names);
        return type_names;
    case LY_FLD_STATUS:
        *ret_n = LY_COUNT(status_names);
        return status_names;
    case LY_FLD_ORIGIN:
        *ret_n = LY_COUNT(origin_names);
        return origin_names;
    default:
        *ret_n = 0;
        return NULL;
    }
}

const char *ly_filter_value_hint(ly_filter_field field)
{
    switch (ly_filter_field_value(field)) {
    case LY_FVAL_DURATION:
        return "a duration: 250ms, 1.5s, 2m, 3h, 7d";
    case LY_FVAL_COUNT:
        return "a number: 12, 10k, 1.5M";
    case LY_FVAL_MONEY:
        return "US dollars: 0.05";
    case LY_FVAL_TIME:
        return "2026-11-20, 2026-11-20T14:00Z, yesterday, 2026-11, or a time before now: 2h";
    case LY_FVAL_ID:
        return "hexadecimal digits";
    case LY_FVAL_SCORE:
        return "a number: 0.5, or a label";
    default:
        return "a word, or \"quoted words\"";
    }
}

static size_t distance(ly_str a, ly_str b)
{
    size_t row[24];
    if (a.len >= LY_COUNT(row) || b.len >= LY_COUNT(row)) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            best = above + 1 < best ? above + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[b.len];
}

static bool key_letters(const char *name)
{
    return name[0] >= 'a' && name[0] <= 'z';
}

const char *ly_filter_near(ly_str word)
{
    const char *near = NULL;
    size_t best = word.len < 5 ? 2 : 3; /* two wrong letters of three are another word */
    for (int f = 0; f < LY_FLD__COUNT; f++) {
        size_t d = distance(word, ly_str_c(fields[f].name));
        if (key_letters(fields[f].name) && d < best) {
            best = d;
            near = fields[f].name;
        }
    }
    return near;
}
