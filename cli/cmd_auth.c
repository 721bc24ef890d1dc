/* `lydite auth`: access keys for collectors that others can reach. Only a key's hash is kept. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/cmd.h"
#include "store/access_key.h"
#include "text/hash.h"
#include "text/jsonw.h"

#define KEY_BYTES 24
#define PREFIX    "lyk_"

static ly_status open_store(ly_cli *cli, ly_store_role role, ly_store **ret, ly_err *err)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = role;
    return ly_store_open(ly_cli_db(cli), &opts, ret, err);
}

static const char *scope_text(unsigned scopes)
{
    return scopes == LY_ACCESS_READ ? "read" : scopes == LY_ACCESS_WRITE ? "write" : "read,write";
}

static int run_add(ly_cli *cli)
{
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    uint8_t random[KEY_BYTES], hash[LY_ACCESS_HASH_BYTES];
    char key[sizeof PREFIX + 2 * KEY_BYTES] = PREFIX;
    unsigned scopes = (ly_cli_flag(cli, "read") ? LY_ACCESS_READ : 0u) |
                      (ly_cli_flag(cli, "write") ? LY_ACCESS_WRITE : 0u);
    ly_status status = ly_random(random, sizeof random, &err);
    if (!status) {
        ly_hex_encode(random, sizeof random, key + sizeof PREFIX - 1);
        ly_sha256_of(ly_str_c(key), hash);
        status = open_store(cli, LY_STORE_WRITER, &store, &err);
    }
    if (!status)
        status = ly_access_key_add(store, ly_str_c(cli->args[0]), hash,
                                   scopes ? scopes : LY_ACCESS_WRITE, &err);
    ly_store_close(store);
    if (status)
        return ly_cli_fail(cli, &err);
    if (cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_c(&a.w, "name", cli->args[0]);
        ly_jsonw_kv_c(&a.w, "scope", scope_text(scopes ? scopes : LY_ACCESS_WRITE));
        ly_jsonw_kv_c(&a.w, "key", key);
        return ly_answer_end(&a);
    }
    fprintf(cli->out, "%s\n", key);
    ly_cli_note(
        cli,
        "shown this once; clients send it as \"Authorization: Bearer KEY\". A running collector "
        "knows it within a few seconds");
    return LY_EXIT_DONE;
}

static void time_cell(ly_table *table, int64_t ns)
{
    ly_buf text;
    ly_buf_init(&text, 64);
    if (ns == LY_UNKNOWN)
        ly_buf_c(&text, "-");
    else
        ly_time_format(ns, 0, &text);
    ly_table_cell(table, ly_buf_view(&text));
    ly_buf_release(&text);
}

static void json_time(ly_jsonw *w, const char *name, int64_t ns)
{
    if (ns == LY_UNKNOWN)
        ly_jsonw_kv_null(w, name);
    else
        ly_jsonw_kv_i64(w, name, ns);
}

static int print_json(ly_cli *cli, const ly_access_key *keys, size_t n)
{
    ly_buf out;
    ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
    for (size_t i = 0; i < n; i++) {
        ly_jsonw w;
        ly_jsonw_init(&w, &out, 0);
        ly_jsonw_object(&w);
        ly_jsonw_kv_str(&w, "name", keys[i].name);
        ly_jsonw_kv_c(&w, "scope", scope_text(keys[i].scopes));
        ly_jsonw_kv_i64(&w, "made_ns", keys[i].made_ns);
        json_time(&w, "revoked_ns", keys[i].revoked_ns);
        ly_jsonw_object_end(&w);
        ly_err err = LY_ERR_INIT;
        if (ly_jsonw_end(&w, &err))
            return ly_cli_fail(cli, &err);
        ly_buf_char(&out, '\n');
    }
    fwrite(ly_buf_text(&out), 1, out.len, cli->out);
    ly_buf_release(&out);
    return LY_EXIT_DONE;
}

static int print_table(ly_cli *cli, const ly_access_key *keys, size_t n)
{
    static const char *const heads[] = {"NAME", "SCOPE", "MADE", "REVOKED"};
    ly_table *table = ly_table_new(cli, LY_COUNT(heads));
    if (!table)
        return LY_EXIT_INPUT;
    for (size_t i = 0; i < LY_COUNT(heads); i++)
        ly_table_col(table, i, heads[i], LY_LEFT, 0);
    for (size_t i = 0; i < n; i++) {
        ly_table_cell(table, keys[i].name);
        ly_table_cell(table, ly_str_c(scope_text(keys[i].scopes)));
        time_cell(table, keys[i].made_ns);
        time_cell(table, keys[i].revoked_ns);
    }
    ly_table_print(table);
    ly_table_free(table);
    return LY_EXIT_DONE;
}

static int run_list(ly_cli *cli)
{
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_access_key *keys = NULL;
    size_t n = 0;
    ly_arena arena;
    ly_arena_init(&arena, 0, LY_MIB(16));
    ly_status status = open_store(cli, LY_STORE_READER, &store, &err);
    if (!status)
        status = ly_access_key_list(store, ly_cli_flag(cli, "all"), &arena, &keys, &n, &err);
    int code = status      ? ly_cli_fail(cli, &err)
               : cli->json ? print_json(cli, keys, n)
                           : print_table(cli, keys, n);
    ly_store_close(store);
    ly_arena_release(&arena);
    return code;
}

static int run_revoke(ly_cli *cli)
{
    ly_err err = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_status status = open_store(cli, LY_STORE_WRITER, &store, &err);
    if (!status)
        status = ly_access_key_revoke(store, ly_str_c(cli->args[0]), &err);
    ly_store_close(store);
    if (status)
        return ly_cli_fail(cli, &err);
    if (cli->json) {
        ly_answer a;
        ly_answer_begin(&a, cli);
        ly_jsonw_kv_c(&a.w, "revoked", cli->args[0]);
        return ly_answer_end(&a);
    }
    ly_cli_note(cli, "revoked; a running collector refuses it within a few seconds");
    return LY_EXIT_DONE;
}

static const ly_opt add_opts[] = {
    {"write", 0, NULL, "may send traces and scores (the default)", false},
    {"read", 0, NULL, "may read prompts, metrics and status", false},
};
static const ly_opt list_opts[] = {{"all", 0, NULL, "revoked ones too", false}};

static const ly_verb auth_verbs[] = {
    {"add", "NAME", 1, 1, "make an access key and print it once",
     "The key is printed on standard output and cannot be shown again: only its SHA-256 is kept.\n"
     "--json: name scope key.",
     "lydite auth add laptop --write --read", LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT,
     add_opts, LY_COUNT(add_opts), run_add},
    {"list", "", 0, 0, "list access keys",
     "--json: one object a line: name, scope, made_ns, revoked_ns (null = valid).",
     "lydite auth list --all", LY_COMMON_READ, list_opts, LY_COUNT(list_opts), run_list},
    {"revoke", "NAME", 1, 1, "make an access key invalid", "--json: revoked (the name).",
     "lydite auth revoke laptop", LY_COMMON_DB | LY_COMMON_JSON | LY_COMMON_OUT, NULL, 0,
     run_revoke},
};
const ly_cmd ly_cmd_auth = {"auth", "access keys", "Data", auth_verbs, LY_COUNT(auth_verbs), false};
