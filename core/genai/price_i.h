/* The inside of a price book, for core/genai/price_*.c only. */
#ifndef LY_GENAI_PRICE_I_H
#define LY_GENAI_PRICE_I_H

#include "base/arena.h"
#include "base/mem.h"
#include "genai/price_build.h"
#include "text/regex.h"

#define LY_PRICE_NAME_MAX 256

struct ly_clause {
    ly_clause_kind kind;
    ly_str text; /* lower case, but for a regular expression */
    ly_regex *regex;
    const ly_clause *const *items;
    size_t n;
};

typedef struct price_model {
    ly_str id;
    const ly_clause *match;
    ly_price_row *rows;
    size_t n_rows, cap_rows;
} price_model;

/* A name that a model matches exactly, in a sorted array. */
typedef struct price_name {
    ly_str name;
    uint32_t model;
} price_name;

typedef struct price_provider {
    ly_str id, name;
    const ly_clause *provider_match, *model_match, *host_match;
    ly_regex *api;
    const ly_str *fallbacks;
    size_t n_fallbacks;
    price_model *models;
    size_t n_models, cap_models;
    /* index: names sorted; models whose clause is more than a list of names, in order */
    price_name *names;
    size_t n_names, cap_names;
    uint32_t *patterns;
    size_t n_patterns, cap_patterns;
} price_provider;

typedef struct price_own {
    const ly_clause *provider, *model, *address; /* NULL = any */
    ly_price_row row;
    int rank;
} price_own;

struct ly_price_book {
    ly_arena arena;
    ly_str name, source;
    int64_t number, published_ns, learned_ns;
    uint64_t serial; /* tells books of this process apart, whatever their address */
    bool first_is_default, sealed, is_static;
    price_provider *providers;
    size_t n_providers, cap_providers;
    price_own *own;
    size_t n_own, cap_own;
    ly_regex **regexes; /* to be freed */
    size_t n_regexes, cap_regexes;
    const ly_price_row **rows; /* all, in order; built by seal */
    size_t n_rows;
    size_t n_models;
};

/* Lower-cased copy in a caller's array; an empty result for a name that is too long. */
typedef struct price_lower {
    char bytes[LY_PRICE_NAME_MAX];
    ly_str view;
} price_lower;
void price_lower_init(price_lower *lower, ly_str text);

/* name is in lower case already. */
bool price_clause_match_lower(const ly_clause *clause, ly_str lower);

/* Host of "https://user@host:8000/path", "[::1]:80", "host"; a view of the address. */
ly_str price_host(ly_str address);

/* The books' id for a provider's name ("azure.ai.openai" -> "azure"), LY_STR_NONE when not an alias. */
ly_str price_provider_alias(ly_str name);

#endif
