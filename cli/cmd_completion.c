/* `lydite completion` and `lydite man`: texts made from the command table. */
#include "cli/run.h"

static int print_buf(ly_cli *cli, ly_buf *out)
{
    fwrite(ly_buf_text(out), 1, out->len, cli->out);
    ly_buf_release(out);
    return LY_EXIT_DONE;
}

static int run_completion(ly_cli *cli)
{
    ly_buf out;
    ly_buf_init(&out, 1 << 20);
    if (!ly_completion(cli->args[0], &out))
        return ly_cli_usage(cli, "completion knows bash, zsh and fish, not \"%s\"", cli->args[0]);
    return print_buf(cli, &out);
}

static int run_man(ly_cli *cli)
{
    const ly_cmd *cmd = cli->n_args ? ly_cmd_find(cli->args[0]) : NULL;
    if (cli->n_args && !cmd)
        return ly_cli_usage(cli, "there is no command \"%s\"", cli->args[0]);
    ly_buf out;
    ly_buf_init(&out, 1 << 20);
    ly_man_page(cmd, &out);
    return print_buf(cli, &out);
}

static const ly_verb completion_verbs[] = {
    {NULL, "bash|zsh|fish", 1, 1, "print a completion script for a shell", "",
     "source <(lydite completion bash)\n"
     "lydite completion zsh > _lydite   # in a folder of $fpath\n"
     "lydite completion fish > ~/.config/fish/completions/lydite.fish",
     LY_COMMON_OUT, NULL, 0, run_completion},
};
const ly_cmd ly_cmd_completion = {"completion", "shell completion", "Program", completion_verbs, 1,
                                  false};

static const ly_verb man_verbs[] = {
    {NULL, "[COMMAND]", 0, 1, "print the man page of the program or of one command", "",
     "lydite man cost | man -l -", LY_COMMON_OUT, NULL, 0, run_man},
};
const ly_cmd ly_cmd_man = {"man", "the manual, as roff", "Program", man_verbs, 1, false};
