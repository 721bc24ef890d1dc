/*
 * Which column of an export is what. The headers of the presets are those that the providers' consoles
 * write; a new one is a row here.
 */
#include "base/limits.h"
#include "cost/reconcile.h"
#include "text/csv.h"

static const char *const column_names[LY_EXPORT__COUNT] = {
    "date", "model", "amount", "provider", "input", "output", "cache_read"};

/* input_tokens of OpenAI count the cached ones, of Anthropic each kind is a column. */
static const ly_export_preset presets[] = {
    {"openai-costs", "openai", "date=start_time,model=line_item,amount=amount_value",
     "start_time+line_item+amount_value"},
    {"openai-usage", "openai",
     "date=start_time,model=model,input=input_tokens,output=output_tokens",
     "start_time+num_model_requests+input_tokens+output_tokens+model"},
    {"anthropic-cost", "anthropic", "date=usage_date_utc,model=model,amount=cost_usd",
     "usage_date_utc+model+cost_usd"},
    {"anthropic-tokens", "anthropic",
     "date=usage_date_utc,model=model_version,input=usage_input_tokens_no_cache+"
     "usage_input_tokens_cache_write_5m+usage_input_tokens_cache_write_1h+"
     "usage_input_tokens_cache_read,output=usage_output_tokens",
     "usage_date_utc+model_version+usage_input_tokens_no_cache+usage_output_tokens"},
    {"openrouter-activity", "openrouter",
     "date=date,model=model_permaslug,amount=usage,input=prompt_tokens,output=completion_tokens",
     "date+model_permaslug+usage+prompt_tokens+completion_tokens"},
};

const ly_export_preset *ly_export_preset_at(size_t i)
{
    return i < LY_COUNT(presets) ? &presets[i] : NULL;
}

const ly_export_preset *ly_export_preset_named(ly_str name)
{
    for (size_t i = 0; i < LY_COUNT(presets); i++) {
        if (ly_str_eqc(name, presets[i].name)) {
            return &presets[i];
        }
    }
    return NULL;
}

static bool has_all(const ly_csv_row *head, const char *names)
{
    ly_str rest = ly_str_c(names), name;
    while (ly_str_split(&rest, '+', &name)) {
        bool found = false;
        for (size_t i = 0; i < head->n && !found; i++) {
            found = ly_str_eq(ly_str_trim(head->fields[i]), name);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

const ly_export_preset *ly_export_preset_guess(ly_str text)
{
    const ly_export_preset *found = NULL;
    const ly_csv_row *head = NULL;
    ly_csv *csv = NULL;
    ly_err ignored = LY_ERR_INIT; /* reading it in earnest says what is wrong */
    if (ly_csv_new_text(text, NULL, &csv, &ignored) == LY_OK &&
        ly_csv_next(csv, &head, &ignored) == LY_OK && head) {
        for (size_t i = 0; i < LY_COUNT(presets) && !found; i++) {
            found = has_all(head, presets[i].known_by) ? &presets[i] : NULL;
        }
    }
    ly_csv_free(csv);
    return found;
}

ly_status ly_export_map_parse(ly_str text, ly_export_map *ret, ly_err *err)
{
    ly_export_map map = {{{NULL, 0}}};
    ly_str part;
    while (ly_str_split(&text, ',', &part)) {
        size_t eq = ly_str_find_char(part, '=', 0), i = 0;
        ly_str key = ly_str_trim(ly_str_sub(part, 0, eq == SIZE_MAX ? 0 : eq));
        while (i < LY_EXPORT__COUNT && !ly_str_eqc(key, column_names[i])) {
            i++;
        }
        if (i == LY_EXPORT__COUNT) {
            return LY_FAIL(
                err, LY_E_INVALID,
                "--map '%.*s': write date=COLUMN,model=COLUMN,amount=COLUMN; also provider, "
                "input, output, cache_read",
                LY_STR_ARG(part));
        }
        map.column[i] = ly_str_trim(ly_str_sub(part, eq + 1, part.len));
    }
    if (!map.column[LY_EXPORT_DATE].len || !map.column[LY_EXPORT_MODEL].len ||
        (!map.column[LY_EXPORT_AMOUNT].len && !map.column[LY_EXPORT_INPUT].len)) {
        return LY_FAIL(err, LY_E_INVALID, "--map needs date, model, and amount or input");
    }
    *ret = map;
    return LY_OK;
}
