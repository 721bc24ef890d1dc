/* `lydite config`: what is set, and where each value comes from. */
#include <stdlib.h>

#include "cli/answer.h"
#include "cli/run.h"

/* Every setting that more than one command reads. */
static const struct {
    const char *name;
    const char *what;
} settings[] = {
    {"db", "the database"},
    {"grpc-port", "OTLP/gRPC port of lydite collect"},
    {"http-port", "OTLP/HTTP port of lydite collect"},
    {"listen", "address of lydite collect"},
    {"retain", "age after which app traces go"},
    {"retain-eval", "age after which eval traces go"},
    {"max-size", "size of the file past which the oldest go"},
    {"redact", "rules of redaction"},
    {"durability", "full or normal"},
    {"model", "the model under test, for lydite eval"},
    {"judge-model", "the model that judges"},
    {"view-keys", "keys of lydite view: COMMAND=KEY ..."},
};

static const char *from_where(ly_cli *cli, const char *name, const char *value)
{
    char env[80] = "LYDITE_";
    size_t n = strlen(env);
    for (const char *c = name; *c && n + 1 < sizeof env; c++)
        env[n++] = (char)(*c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    env[n] = '\0';
    const char *set = getenv(env);
    if (ly_cli_opt(cli, name))
        return "flag";
    if (set && *set)
        return "environment";
    return value ? "lydite.yaml" : "default";
}

static int json_config(ly_cli *cli)
{
    int code = LY_EXIT_DONE;
    for (size_t i = 0; i < LY_COUNT(settings) && !code; i++) {
        const char *value = ly_cli_setting(cli, settings[i].name);
        const char *from = from_where(cli, settings[i].name, value);
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_c(&a.w, "setting", settings[i].name);
        ly_jsonw_kv_c(&a.w, "value", strcmp(settings[i].name, "db") == 0 ? ly_cli_db(cli) : value);
        ly_jsonw_kv_c(&a.w, "from", from);
        ly_jsonw_kv_c(&a.w, "what", settings[i].what);
        code = ly_answer_end(&a);
    }
    return code;
}

static int run_config(ly_cli *cli)
{
    if (cli->json)
        return json_config(cli);
    ly_table *table = ly_table_new(cli, 4);
    if (!table)
        return LY_EXIT_INPUT;
    ly_table_col(table, 0, "SETTING", LY_LEFT, 0);
    ly_table_col(table, 1, "VALUE", LY_LEFT, 0);
    ly_table_col(table, 2, "FROM", LY_LEFT, 0);
    ly_table_col(table, 3, "WHAT", LY_LEFT, 0);
    for (size_t i = 0; i < LY_COUNT(settings); i++) {
        const char *value = ly_cli_setting(cli, settings[i].name);
        const char *from = from_where(cli, settings[i].name, value);
        if (strcmp(settings[i].name, "db") == 0)
            value = ly_cli_db(cli);
        ly_table_cell(table, ly_str_c(settings[i].name));
        ly_table_cell(table, ly_str_c(value ? value : "-"));
        ly_table_cell(table, ly_str_c(from));
        ly_table_cell(table, ly_str_c(settings[i].what));
    }
    ly_table_print(table);
    ly_table_free(table);
    return LY_EXIT_DONE;
}

static const ly_verb verbs[] = {
    {NULL, "", 0, 0, "show the settings in force and where each comes from",
     "Order: flag, environment (LYDITE_NAME), the nearest lydite.yaml upwards, default.\n"
     "A lydite.yaml that others may write to is not read.\n"
     "--json: one object a line with setting value from (flag, environment, lydite.yaml, default) "
     "what.",
     "lydite config\nlydite config --json", LY_COMMON_READ, NULL, 0, run_config},
};
const ly_cmd ly_cmd_config = {"config", "the settings in force", "Program", verbs, 1, false};
