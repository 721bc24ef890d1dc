/*
 * Texts made from the command table: help and man pages (completion.c: scripts for shells).
 */
#include "cli/run.h"

#define MAX_COMMON 20

static void usage_words(const ly_cmd *cmd, const ly_verb *verb, ly_buf *out)
{
    ly_buf_fmt(out, "lydite %s", cmd->name);
    if (verb->name)
        ly_buf_fmt(out, " %s", verb->name);
    ly_buf_c(out, " [OPTION...]");
    if (verb->args && verb->args[0])
        ly_buf_fmt(out, " %s", verb->args);
}

static void option_words(const ly_opt *opt, ly_buf *out)
{
    if (opt->letter)
        ly_buf_fmt(out, "-%c, ", opt->letter);
    ly_buf_fmt(out, "--%s", opt->name);
    if (opt->arg)
        ly_buf_fmt(out, " %s", opt->arg);
}

static void option_line(const ly_opt *opt, ly_buf *out)
{
    size_t start = out->len;
    ly_buf_c(out, opt->letter ? "  " : "      ");
    option_words(opt, out);
    size_t width = out->len - start;
    if (width < 28)
        ly_buf_fill(out, ' ', 28 - width);
    else
        ly_buf_c(out, "\n                            ");
    ly_buf_fmt(out, "%s%s\n", opt->help, opt->repeats && opt->arg ? " (may be repeated)" : "");
}

/* Long lines broken at spaces: help is read on a terminal, whatever the source's lines are. */
static void wrapped(const char *text, ly_buf *out)
{
    enum { MOST = 100 };
    ly_str rest = ly_str_c(text), line;
    while (ly_str_split(&rest, '\n', &line)) {
        while (line.len > MOST) {
            size_t cut = MOST;
            while (cut > 0 && line.ptr[cut] != ' ')
                cut--;
            if (cut == 0)
                break;
            ly_buf_str(out, ly_str_sub(line, 0, cut));
            ly_buf_char(out, '\n');
            line = ly_str_sub(line, cut + 1, line.len);
        }
        ly_buf_str(out, line);
        ly_buf_char(out, '\n');
    }
}

/* Paragraphs, each line behind `indent`. */
static void paragraphs(const char *text, const char *indent, ly_buf *out)
{
    ly_str rest = ly_str_c(text), line;
    while (ly_str_split(&rest, '\n', &line)) {
        if (line.len)
            ly_buf_c(out, indent);
        ly_buf_str(out, line);
        ly_buf_char(out, '\n');
    }
}

void ly_help_verb(const ly_cmd *cmd, const ly_verb *verb, ly_buf *out)
{
    const ly_opt *common[MAX_COMMON];
    size_t n = ly_common_opts(verb->common, common, MAX_COMMON);
    ly_buf_c(out, "Usage: ");
    usage_words(cmd, verb, out);
    ly_buf_fmt(out, "\n\n%s\n", verb->summary);
    if (verb->details && verb->details[0]) {
        ly_buf_char(out, '\n');
        wrapped(verb->details, out);
    }
    ly_buf_c(out, "\nOptions:\n");
    for (size_t i = 0; i < verb->n_opts; i++)
        option_line(&verb->opts[i], out);
    for (size_t i = 0; i < n; i++)
        option_line(common[i], out);
    if (verb->example && verb->example[0]) {
        ly_buf_c(out, "\nExample:\n");
        paragraphs(verb->example, "  ", out);
    }
}

void ly_help_command(const ly_cmd *cmd, ly_buf *out)
{
    const ly_verb *alone = ly_cmd_verb(cmd, NULL);
    if (cmd->n_verbs == 1) {
        ly_help_verb(cmd, &cmd->verbs[0], out);
        return;
    }
    ly_buf_fmt(out, "Usage: lydite %s %s\n\n%s\n\nVerbs:\n", cmd->name,
               alone ? "[VERB] [OPTION...]" : "VERB [OPTION...]", cmd->summary);
    for (size_t i = 0; i < cmd->n_verbs; i++) {
        const ly_verb *verb = &cmd->verbs[i];
        size_t start = out->len;
        ly_buf_fmt(out, "  %s", verb->name ? verb->name : "(none)");
        if (verb->args && verb->args[0])
            ly_buf_fmt(out, " %s", verb->args);
        size_t width = out->len - start;
        ly_buf_fill(out, ' ', width < 28 ? 28 - width : 1);
        ly_buf_fmt(out, "%s\n", verb->summary);
    }
    ly_buf_fmt(out, "\nlydite %s VERB --help tells the options of one.\n", cmd->name);
    if (alone) {
        ly_buf_c(out, "\nWithout a verb:\n\n");
        ly_help_verb(cmd, alone, out);
    }
}

void ly_help_program(ly_buf *out)
{
    ly_buf_c(out, "Usage: lydite COMMAND [OPTION...]\n\n"
                  "Records what GenAI agents did, shows it, prices it, and judges it.\n"
                  "Everything is in one SQLite file; nothing leaves this machine unasked.\n");
    const char *group = "";
    for (size_t i = 0; i < ly_cmd_count(); i++) {
        const ly_cmd *cmd = ly_cmd_at(i);
        if (strcmp(group, cmd->group) != 0) {
            group = cmd->group;
            ly_buf_fmt(out, "\n%s\n", group);
        }
        ly_buf_fmt(out, "  %-10s  %s\n", cmd->name, cmd->summary);
    }
    ly_buf_c(out,
             "\nlydite COMMAND --help tells more; `lydite` alone opens the viewer.\n"
             "Ids may be shortened; @last and @last~2 name recent traces and runs.\n"
             "Exit codes: 0 done, 1 the answer is no, 2 usage, 3 input or database, 4 network,\n"
             "5 cannot say, 6 stopped early with the work kept.\n");
}

/* ---- man pages ---- */

static void roff(const char *text, ly_buf *out)
{
    for (const char *c = text; *c; c++) {
        bool line_start = c == text || c[-1] == '\n';
        if (line_start && (*c == '.' || *c == '\''))
            ly_buf_c(out, "\\&");
        if (*c == '\\')
            ly_buf_c(out, "\\e");
        else if (*c == '-')
            ly_buf_c(out, "\\-");
        else
            ly_buf_char(out, *c);
    }
}

static void roff_option(const ly_opt *opt, ly_buf *out)
{
    ly_buf words;
    ly_buf_init(&words, 256);
    option_words(opt, &words);
    ly_buf_c(out, ".TP\n\\fB");
    roff(ly_buf_text(&words), out);
    ly_buf_c(out, "\\fR\n");
    roff(opt->help, out);
    ly_buf_char(out, '\n');
    ly_buf_release(&words);
}

static void roff_verb(const ly_cmd *cmd, const ly_verb *verb, ly_buf *out)
{
    const ly_opt *common[MAX_COMMON];
    size_t n = ly_common_opts(verb->common, common, MAX_COMMON);
    ly_buf words;
    ly_buf_init(&words, 1024);
    usage_words(cmd, verb, &words);
    ly_buf_c(out, ".SS ");
    roff(ly_buf_text(&words), out);
    ly_buf_char(out, '\n');
    roff(verb->summary, out);
    ly_buf_c(out, ".\n");
    if (verb->details && verb->details[0]) {
        ly_buf text;
        ly_buf_init(&text, 1 << 20);
        wrapped(verb->details, &text);
        ly_buf_c(out, ".PP\n.nf\n");
        roff(ly_buf_text(&text), out);
        ly_buf_c(out, ".fi\n");
        ly_buf_release(&text);
    }
    for (size_t i = 0; i < verb->n_opts; i++)
        roff_option(&verb->opts[i], out);
    for (size_t i = 0; i < n; i++)
        roff_option(common[i], out);
    if (verb->example && verb->example[0]) {
        ly_buf_c(out, ".PP\nExample:\n.nf\n");
        roff(verb->example, out);
        ly_buf_c(out, "\n.fi\n");
    }
    ly_buf_release(&words);
}

void ly_man_page(const ly_cmd *cmd, ly_buf *out)
{
    if (!cmd) {
        ly_buf help;
        ly_buf_init(&help, 1 << 20);
        ly_help_program(&help);
        ly_buf_c(out, ".TH LYDITE 1 \"\" \"lydite " LYDITE_VERSION "\" \"Lydite\"\n.SH NAME\n"
                      "lydite \\- GenAI tracing and evaluation in one SQLite file\n.SH SYNOPSIS\n"
                      "lydite COMMAND [OPTION...]\n.SH DESCRIPTION\n.nf\n");
        roff(ly_buf_text(&help), out);
        ly_buf_c(out, ".fi\n");
        ly_buf_release(&help);
        return;
    }
    ly_buf_fmt(out,
               ".TH LYDITE-%s 1 \"\" \"lydite " LYDITE_VERSION
               "\" \"Lydite\"\n.SH NAME\nlydite\\-%s \\- ",
               cmd->name, cmd->name);
    roff(cmd->summary, out);
    ly_buf_c(out, "\n.SH DESCRIPTION\n");
    for (size_t i = 0; i < cmd->n_verbs; i++)
        roff_verb(cmd, &cmd->verbs[i], out);
    ly_buf_c(out, ".SH SEE ALSO\nlydite(1)\n");
}
