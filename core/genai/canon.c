#include "genai/canon.h"

static const struct {
    const char *name;
    char letter;
} type_table[LY_TYPE__COUNT] = {
#define LY_TYPE_ROW(id, value, name, letter) [id] = {name, letter},
    LY_TYPE_LIST(LY_TYPE_ROW)
#undef LY_TYPE_ROW
};

const char *ly_type_name(ly_type type)
{
    return (unsigned)type < LY_TYPE__COUNT ? type_table[type].name : "other";
}

char ly_type_letter(ly_type type)
{
    return (unsigned)type < LY_TYPE__COUNT ? type_table[type].letter : '.';
}

bool ly_type_parse(ly_str name, ly_type *ret_type)
{
    for (unsigned i = 0; i < LY_TYPE__COUNT; i++) {
        if (ly_str_eqc(name, type_table[i].name)) {
            *ret_type = (ly_type)i;
            return true;
        }
    }
    return false;
}

static const char *const origin_names[] = {"app", "eval", "judge"};

const char *ly_origin_name(ly_origin origin)
{
    return (unsigned)origin < 3 ? origin_names[origin] : "app";
}

bool ly_origin_parse(ly_str name, ly_origin *ret_origin)
{
    for (unsigned i = 0; i < 3; i++) {
        if (ly_str_eqc(name, origin_names[i])) {
            *ret_origin = (ly_origin)i;
            return true;
        }
    }
    return false;
}

/* Unknown parts count as nothing unless all are unknown; unknown also when the sum does not fit. */
static int64_t sum_known(const int64_t *parts, size_t n)
{
    int64_t sum = LY_UNKNOWN;
    for (size_t i = 0; i < n; i++) {
        if (parts[i] == LY_UNKNOWN)
            continue;
        if (sum == LY_UNKNOWN)
            sum = parts[i];
        else if (__builtin_add_overflow(sum, parts[i], &sum))
            return LY_UNKNOWN;
    }
    return sum;
}

int64_t ly_tokens_in(const ly_tokens *t)
{
    return sum_known((const int64_t[]){t->in_fresh, t->cache_read, t->cache_write}, 3);
}

int64_t ly_tokens_out(const ly_tokens *t)
{
    return sum_known((const int64_t[]){t->out_visible, t->out_reasoning}, 2);
}

int64_t ly_tokens_total(const ly_tokens *t)
{
    return sum_known((const int64_t[]){t->in_fresh, t->cache_read, t->cache_write, t->out_visible,
                                       t->out_reasoning, t->unattributed},
                     6);
}

bool ly_tokens_known(const ly_tokens *t)
{
    return t->in_fresh != LY_UNKNOWN || t->cache_read != LY_UNKNOWN ||
           t->cache_write != LY_UNKNOWN || t->out_visible != LY_UNKNOWN ||
           t->out_reasoning != LY_UNKNOWN || t->unattributed != LY_UNKNOWN;
}

enum { TOKEN_FIELDS = sizeof(ly_tokens) / sizeof(int64_t) };

bool ly_tokens_add(ly_tokens *sum, const ly_tokens *t)
{
    int64_t a[TOKEN_FIELDS], b[TOKEN_FIELDS];
    memcpy(a, sum, sizeof a);
    memcpy(b, t, sizeof b);
    for (size_t i = 0; i < TOKEN_FIELDS; i++) {
        if (b[i] == LY_UNKNOWN)
            continue;
        if (a[i] == LY_UNKNOWN)
            a[i] = b[i];
        else if (__builtin_add_overflow(a[i], b[i], &a[i]))
            return false;
    }
    memcpy(sum, a, sizeof a);
    return true;
}
