#include "tools.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

cJSON *tools_definitions(void)
{
    return cJSON_Parse(
        "[{\"type\":\"function\",\"function\":{\"name\":\"lookup_alloy\","
        "\"description\":\"Fineness (parts of gold per thousand) and colour of a gold alloy\","
        "\"parameters\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\","
        "\"description\":\"for example: 18 carat\"}},\"required\":[\"name\"]}}},"
        "{\"type\":\"function\",\"function\":{\"name\":\"pure_gold\","
        "\"description\":\"Grams of pure gold in a piece of an alloy\","
        "\"parameters\":{\"type\":\"object\",\"properties\":{\"mass_g\":{\"type\":\"number\"},"
        "\"fineness\":{\"type\":\"number\",\"description\":\"parts per thousand\"}},"
        "\"required\":[\"mass_g\",\"fineness\"]}}}]");
}

/* Reads the table's first column into one text of lines "name\toffset". */
static char *build_index(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char line[200], *index = calloc(1, 8192);
    size_t used = 0;
    for (long at = 0; index && fgets(line, sizeof line, file); at = ftell(file)) {
        char *comma = strchr(line, ',');
        if (comma && used < 8000)
            used += (size_t)snprintf(index + used, 8192 - used, "%.*s\t%ld\n", (int)(comma - line),
                                     line, at);
    }
    fclose(file);
    return index;
}

static bool lookup_alloy(tools *t, const cJSON *args, char *out, size_t size, bool *may_retry)
{
    char path[1024], line[200];
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(args, "name"));
    if (!name || !*name) {
        snprintf(out, size, "{\"error\":\"name is missing\"}");
        return false;
    }
    snprintf(path, sizeof path, "%s/alloys.csv", t->folder);
    if (!t->index) { /* a cold start: this call fails, the next one finds the index */
        t->index = build_index(path);
        *may_retry = t->index != NULL;
        snprintf(out, size, "{\"error\":\"%s\"}",
                 t->index ? "the index of alloys was not loaded" : "alloys.csv cannot be read");
        return false;
    }
    const char *hit = strcasestr(t->index, name), *tab = hit ? strchr(hit, '\t') : NULL;
    FILE *file = tab ? fopen(path, "rb") : NULL;
    bool found = file && fseek(file, strtol(tab + 1, NULL, 10), SEEK_SET) == 0 &&
                 fgets(line, sizeof line, file);
    if (file)
        fclose(file);
    char alloy[64], colour[64];
    double fineness;
    if (!found || sscanf(line, "%63[^,],%lf,%63[^\n]", alloy, &fineness, colour) != 3) {
        snprintf(out, size, "{\"error\":\"no such alloy\"}");
        return false;
    }
    snprintf(out, size, "{\"alloy\":\"%s\",\"fineness\":%g,\"colour\":\"%s\"}", alloy, fineness,
             colour);
    return true;
}

static bool pure_gold(const cJSON *args, char *out, size_t size)
{
    const cJSON *mass = cJSON_GetObjectItemCaseSensitive(args, "mass_g");
    const cJSON *fineness = cJSON_GetObjectItemCaseSensitive(args, "fineness");
    if (!cJSON_IsNumber(mass) || !cJSON_IsNumber(fineness) || fineness->valuedouble < 0 ||
        fineness->valuedouble > 1000) {
        snprintf(out, size, "{\"error\":\"mass_g and fineness (0 to 1000) must be numbers\"}");
        return false;
    }
    snprintf(out, size, "{\"grams\":%.3f}", mass->valuedouble * fineness->valuedouble / 1000);
    return true;
}

bool tools_run(tools *t, const char *name, const char *arguments, char *out, size_t out_size,
               bool *may_retry)
{
    bool ok = false;
    cJSON *args = cJSON_Parse(arguments ? arguments : "");
    *may_retry = false;
    if (!args)
        snprintf(out, out_size, "{\"error\":\"the arguments are no JSON\"}");
    else if (name && strcmp(name, "lookup_alloy") == 0)
        ok = lookup_alloy(t, args, out, out_size, may_retry);
    else if (name && strcmp(name, "pure_gold") == 0)
        ok = pure_gold(args, out, out_size);
    else
        snprintf(out, out_size, "{\"error\":\"no such tool\"}");
    cJSON_Delete(args);
    return ok;
}

void tools_release(tools *t)
{
    free(t->index);
    t->index = NULL;
}
