/* `lydite eval init`: a suite file that runs as it is. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/eval_cmd.h"
#include "text/jsonw.h"

typedef struct making {
    ly_cli *cli;
    ly_err err;
    ly_str dir; /* of the suite, "" or with its slash */
    bool force;
} making;

static ly_status write_file(making *m, const char *name, ly_str text, bool must)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%.*s%s", LY_STR_ARG(m->dir), name);
    if (!m->force && access(path, F_OK) == 0) {
        return must ? LY_FAIL(&m->err, LY_E_EXISTS,
                              "%s is there; --force writes over it, or name another file", path)
                    : LY_OK;
    }
    FILE *f = fopen(path, "w");
    bool good = f && fwrite(text.ptr, 1, text.len, f) == text.len;
    good = f && fclose(f) == 0 && good;
    if (!good) {
        return LY_FAIL(&m->err, LY_E_IO, "%s cannot be written: %s", path, strerror(errno));
    }
    fprintf(m->cli->out, "wrote %s\n", path);
    return LY_OK;
}

/* A JSON string is a YAML one. */
static void quoted(ly_buf *out, const char *text)
{
    ly_jsonw w;
    ly_jsonw_init(&w, out, 0);
    ly_jsonw_str(&w, ly_str_c(text));
}

static void list(ly_buf *out, const ly_cli *cli, const char *name, const char *const *fallback,
                 int n_fallback)
{
    int n = ly_cli_opt_count(cli, name);
    ly_buf_fmt(out, "%s:\n", name);
    for (int i = 0; i < (n ? n : n_fallback); i++) {
        ly_buf_c(out, "  - ");
        quoted(out, n ? ly_cli_opt_at(cli, name, i) : fallback[i]);
        ly_buf_char(out, '\n');
    }
}

static void suite_text(const ly_cli *cli, ly_buf *out)
{
    static const char *const prompts[] = {"prompt-a.txt", "prompt-b.txt"};
    static const char *const judges[] = {"contains:{{expected}}"};
    const char *named = getenv("OPENAI_MODEL");
    ly_str model = named && *named ? ly_str_c(named) : LY_S("gpt-4o-mini");
    char spec[200];
    const char *const models[] = {spec};
    (void)snprintf(spec, sizeof spec, "%s%.*s",
                   ly_str_find_char(model, ':', 0) == SIZE_MAX ? "openai:" : "", LY_STR_ARG(model));
    ly_buf_c(out,
             "# A suite: lydite eval plan FILE, lydite eval run FILE. Members are the options of\n"
             "# `lydite eval run --help`; paths are looked for beside this file first.\n");
    list(out, cli, "prompt", prompts, 2);
    ly_buf_c(out, "data: ");
    quoted(out, ly_cli_opt(cli, "data") ? ly_cli_opt(cli, "data") : "rows.csv");
    ly_buf_char(out, '\n');
    list(out, cli, "model", models, 1);
    ly_buf_c(
        out,
        "# checks ask no model (lydite judge list); correctness, rubric:FILE and pairwise do\n");
    list(out, cli, "judge", judges, 1);
    ly_buf_c(out, "repeat: 1\n"
                  "# the exit code of `lydite eval run`: 0 pass, 1 fail, 5 cannot say\n"
                  "# gate:\n"
                  "#   - judge: ");
    quoted(out, ly_cli_opt(cli, "judge") ? ly_cli_opt(cli, "judge") : judges[0]);
    ly_buf_c(out, "\n#     require: not-regressed\n");
}

int ly_eval_run_init(ly_cli *cli)
{
    const char *path = cli->n_args ? cli->args[0] : "suite.yaml", *slash = strrchr(path, '/');
    making m = {.cli = cli, .err = LY_ERR_INIT, .force = ly_cli_flag(cli, "force")};
    ly_buf text;
    m.dir = slash ? ly_str_n(path, (size_t)(slash - path) + 1) : LY_S("");
    ly_buf_init(&text, LY_MAX_TEXT_FILE_BYTES);
    suite_text(cli, &text);
    ly_status st = write_file(&m, slash ? slash + 1 : path, ly_buf_view(&text), true);
    if (!st && !ly_cli_opt_count(cli, "prompt")) {
        st = write_file(&m, "prompt-a.txt", LY_S("Answer in one sentence.\n\n{{question}}\n"),
                        false);
        if (!st) {
            st = write_file(&m, "prompt-b.txt",
                            LY_S("[system]\nYou answer with the one word that is asked for and "
                                 "nothing else.\n[user]\n{{question}}\n"),
                            false);
        }
    }
    if (!st && !ly_cli_opt(cli, "data")) {
        st = write_file(&m, "rows.csv",
                        LY_S("question,expected\n"
                             "What is the capital of France?,Paris\n"
                             "Which metal has the symbol Au?,gold\n"
                             "How many legs has a spider?,8\n"
                             "Who wrote The Origin of Species?,Darwin\n"
                             "Which planet is the largest of the solar system?,Jupiter\n"
                             "What is the chemical formula of water?,H2O\n"),
                        false);
    }
    ly_buf_release(&text);
    if (!st) {
        fprintf(cli->out, "next: lydite eval plan %s, then lydite eval run %s\n", path, path);
    }
    return st ? ly_cli_fail(cli, &m.err) : LY_EXIT_DONE;
}
