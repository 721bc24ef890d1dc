/*
 * Completion scripts for bash, zsh and fish, written from the command table: commands, then verbs, then the
 * options of that verb, and words where the table names them; names of files everywhere else.
 */
#include "base/limits.h"
#include "cli/run.h"

#define MAX_COMMON 20

static void words_of_commands(ly_buf *out)
{
    for (size_t i = 0; i < ly_cmd_count(); i++)
        ly_buf_fmt(out, "%s%s", i ? " " : "", ly_cmd_at(i)->name);
}

static void words_of_verbs(const ly_cmd *cmd, ly_buf *out)
{
    bool first = true;
    for (size_t i = 0; i < cmd->n_verbs; i++) {
        if (!cmd->verbs[i].name)
            continue;
        ly_buf_fmt(out, "%s%s", first ? "" : " ", cmd->verbs[i].name);
        first = false;
    }
}

/* What an argument may be, where the table says: "bash|zsh|fish", or COMMAND. Empty otherwise. */
static void words_of_args(const ly_verb *verb, ly_buf *out)
{
    ly_str args = ly_str_c(verb->args);
    bool plain = args.len > 0 && ly_str_find_char(args, '|', 0) != SIZE_MAX;
    for (size_t i = 0; i < args.len; i++)
        plain &= (args.ptr[i] >= 'a' && args.ptr[i] <= 'z') || args.ptr[i] == '|';
    if (ly_str_find(args, LY_S("COMMAND"), 0) != SIZE_MAX)
        words_of_commands(out);
    for (size_t i = 0; plain && i < args.len; i++)
        ly_buf_char(out, args.ptr[i] == '|' ? ' ' : args.ptr[i]);
}

static void words_of_options(const ly_verb *verb, ly_buf *out)
{
    const ly_opt *common[MAX_COMMON];
    size_t n = ly_common_opts(verb->common, common, MAX_COMMON);
    for (size_t i = 0; i < verb->n_opts + n; i++) {
        const ly_opt *opt = i < verb->n_opts ? &verb->opts[i] : common[i - verb->n_opts];
        ly_buf_fmt(out, "%s--%s", i ? " " : "", opt->name);
    }
}

/* One branch a verb: its options after "-", else the names of files. */
static void bash_verbs(const ly_cmd *cmd, ly_buf *out)
{
    ly_buf_c(out, "      case $verb in\n");
    for (size_t v = 0; v < cmd->n_verbs; v++) {
        if (!cmd->verbs[v].name)
            continue;
        ly_buf_fmt(out, "      %s) options=\"", cmd->verbs[v].name);
        words_of_options(&cmd->verbs[v], out);
        ly_buf_c(out, "\" ;;\n");
    }
    const ly_verb *alone = ly_cmd_verb(cmd, NULL);
    ly_buf_c(out, "      *) options=\"");
    if (alone)
        words_of_options(alone, out);
    ly_buf_c(out, "\" args=\"");
    if (alone)
        words_of_args(alone, out);
    ly_buf_c(out, "\" ;;\n      esac\n");
}

static void bash_completion(ly_buf *out)
{
    ly_buf_c(out,
             "# bash completion for lydite\n_lydite() {\n"
             "  local cur=${COMP_WORDS[COMP_CWORD]} cmd=${COMP_WORDS[1]} verb=${COMP_WORDS[2]}\n"
             "  local words= options= verbs= args=\n"
             "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    words=\"");
    words_of_commands(out);
    ly_buf_c(out, "\"\n  else\n    case $cmd in\n");
    for (size_t i = 0; i < ly_cmd_count(); i++) {
        const ly_cmd *cmd = ly_cmd_at(i);
        ly_buf_fmt(out, "    %s) verbs=\"", cmd->name);
        words_of_verbs(cmd, out);
        ly_buf_c(out, "\"\n");
        bash_verbs(cmd, out);
        ly_buf_c(out, "      ;;\n");
    }
    ly_buf_c(out, "    esac\n"
                  "    if [[ $cur == -* ]]; then words=$options\n"
                  "    elif [ \"$COMP_CWORD\" -eq 2 ]; then words=\"$verbs $args\"; fi\n  fi\n"
                  "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                  "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n}\n"
                  "complete -F _lydite lydite\n");
}

/* A text inside single quotes, in which fish escapes \\ and ', and zsh ends the string for a '. */
static void quoted(const char *text, bool fish, ly_buf *out)
{
    for (; *text; text++) {
        if (*text == '\'')
            ly_buf_c(out, fish ? "\\'" : "'\\''");
        else if (*text == '\\' && fish)
            ly_buf_c(out, "\\\\");
        else
            ly_buf_char(out, *text);
    }
}

static void fish_quoted(const char *text, ly_buf *out)
{
    ly_buf_char(out, '\'');
    quoted(text, true, out);
    ly_buf_char(out, '\'');
}

static void fish_option(const ly_cmd *cmd, const ly_verb *verb, const ly_opt *opt, ly_buf *out)
{
    ly_buf_fmt(out, "complete -c lydite -n '__fish_seen_subcommand_from %s", cmd->name);
    if (verb->name)
        ly_buf_fmt(out, "; and __fish_seen_subcommand_from %s", verb->name);
    ly_buf_fmt(out, "' -l %s%s", opt->name, opt->arg ? " -r" : "");
    if (opt->letter)
        ly_buf_fmt(out, " -s %c", opt->letter);
    ly_buf_c(out, " -d ");
    fish_quoted(opt->help, out);
    ly_buf_char(out, '\n');
}

static void fish_args(const ly_cmd *cmd, const ly_verb *verb, ly_buf *out)
{
    ly_buf words;
    ly_buf_init(&words, LY_KIB(4));
    words_of_args(verb, &words);
    if (words.len > 0)
        ly_buf_fmt(out,
                   "complete -c lydite -n 'test (count (commandline -opc)) -eq 2; and "
                   "__fish_seen_subcommand_from %s' -f -a '%s'\n",
                   cmd->name, ly_buf_text(&words));
    ly_buf_release(&words);
}

static void fish_completion(ly_buf *out)
{
    ly_buf_c(out, "# fish completion for lydite\n");
    for (size_t i = 0; i < ly_cmd_count(); i++) {
        const ly_cmd *cmd = ly_cmd_at(i);
        ly_buf_fmt(out, "complete -c lydite -n __fish_use_subcommand -f -a %s -d ", cmd->name);
        fish_quoted(cmd->summary, out);
        ly_buf_char(out, '\n');
        for (size_t v = 0; v < cmd->n_verbs; v++) {
            const ly_verb *verb = &cmd->verbs[v];
            const ly_opt *common[MAX_COMMON];
            size_t n = ly_common_opts(verb->common, common, MAX_COMMON);
            if (verb->name) {
                /* Only as the word after the command: not again behind a verb. */
                ly_buf_fmt(out,
                           "complete -c lydite -n 'test (count (commandline -opc)) -eq 2; and "
                           "__fish_seen_subcommand_from %s' -f -a %s -d ",
                           cmd->name, verb->name);
                fish_quoted(verb->summary, out);
                ly_buf_char(out, '\n');
            } else {
                fish_args(cmd, verb, out);
            }
            for (size_t k = 0; k < verb->n_opts + n; k++)
                fish_option(cmd, verb, k < verb->n_opts ? &verb->opts[k] : common[k - verb->n_opts],
                            out);
        }
    }
}

/* ---- zsh ---- */

/* "name:what it is", in quotes. */
static void zsh_item(const char *before, const char *name, const char *about, ly_buf *out)
{
    ly_buf_fmt(out, " '%s%s:", before, name);
    quoted(about, false, out);
    ly_buf_char(out, '\'');
}

static void zsh_options(const ly_verb *verb, ly_buf *out)
{
    const ly_opt *common[MAX_COMMON];
    size_t n = ly_common_opts(verb->common, common, MAX_COMMON);
    ly_buf_c(out, "options=(");
    for (size_t i = 0; i < verb->n_opts + n; i++) {
        const ly_opt *opt = i < verb->n_opts ? &verb->opts[i] : common[i - verb->n_opts];
        zsh_item("--", opt->name, opt->help, out);
    }
    ly_buf_c(out, ")");
}

static void zsh_command(const ly_cmd *cmd, ly_buf *out)
{
    const ly_verb *alone = ly_cmd_verb(cmd, NULL);
    ly_buf_fmt(out, "  %s)\n    list=(", cmd->name);
    for (size_t v = 0; v < cmd->n_verbs; v++) {
        if (cmd->verbs[v].name)
            zsh_item("", cmd->verbs[v].name, cmd->verbs[v].summary, out);
    }
    if (alone) {
        ly_buf_char(out, ' ');
        words_of_args(alone, out);
    }
    ly_buf_c(out, ")\n    case $words[3] in\n");
    for (size_t v = 0; v < cmd->n_verbs; v++) {
        if (!cmd->verbs[v].name)
            continue;
        ly_buf_fmt(out, "    %s) ", cmd->verbs[v].name);
        zsh_options(&cmd->verbs[v], out);
        ly_buf_c(out, " ;;\n");
    }
    if (alone) {
        ly_buf_c(out, "    *) ");
        zsh_options(alone, out);
        ly_buf_c(out, " ;;\n");
    }
    ly_buf_c(out, "    esac ;;\n");
}

/* A file of the function path runs its body when it is first asked; a sourced one must not. */
static void zsh_completion(ly_buf *out)
{
    ly_buf_c(out, "#compdef lydite\n# zsh completion for lydite\n_lydite() {\n"
                  "  local -a list options\n  if (( CURRENT == 2 )); then\n    list=(");
    for (size_t i = 0; i < ly_cmd_count(); i++)
        zsh_item("", ly_cmd_at(i)->name, ly_cmd_at(i)->summary, out);
    ly_buf_c(out, ")\n    _describe command list\n    return\n  fi\n  case $words[2] in\n");
    for (size_t i = 0; i < ly_cmd_count(); i++)
        zsh_command(ly_cmd_at(i), out);
    ly_buf_c(out, "  esac\n"
                  "  if [[ $words[CURRENT] == -* ]]; then\n    _describe -o option options\n"
                  "  elif (( CURRENT == 3 && $#list )); then\n"
                  "    _describe word list || _files\n  else\n    _files\n  fi\n}\n"
                  "if [[ $funcstack[1] == _lydite ]]; then _lydite \"$@\"; else compdef _lydite "
                  "lydite; fi\n");
}

bool ly_completion(const char *shell, ly_buf *out)
{
    if (strcmp(shell, "bash") == 0) {
        bash_completion(out);
    } else if (strcmp(shell, "zsh") == 0) {
        zsh_completion(out);
    } else if (strcmp(shell, "fish") == 0) {
        fish_completion(out);
    } else {
        return false;
    }
    return true;
}
