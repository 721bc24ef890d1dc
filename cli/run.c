/*
 * Parsing of a command line by the command table, and what surrounds every command: output file,
 * colour, width, signals. It knows no command by name.
 */
#include "cli/run.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/term.h"
#include "base/times.h"

#define MAX_COMMON 20
#define MAX_GIVEN  256

/* One option as it stood on the command line. */
typedef struct given {
    const char *name;
    const char *value; /* "" for a switch */
} given;

typedef struct parsed {
    given given[MAX_GIVEN];
    size_t n_given;
    const char *args_buf[4096];
    char out_tmp
        [4096]; /* the file being written for -o, renamed at the end; "" = the target itself */
} parsed;

#define LY_CMD(name) extern const ly_cmd ly_cmd_##name;
#include "cli/commands.def"
#undef LY_CMD

static const ly_cmd *const commands[] = {
#define LY_CMD(name) &ly_cmd_##name,
#include "cli/commands.def"
#undef LY_CMD
};

size_t ly_cmd_count(void)
{
    return LY_COUNT(commands);
}

const ly_cmd *ly_cmd_at(size_t i)
{
    return commands[i];
}

const ly_cmd *ly_cmd_find(const char *name)
{
    for (size_t i = 0; i < LY_COUNT(commands); i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

const ly_verb *ly_cmd_verb(const ly_cmd *cmd, const char *name)
{
    for (size_t i = 0; i < cmd->n_verbs; i++) {
        const char *have = cmd->verbs[i].name;
        if (name ? have && strcmp(have, name) == 0 : !have)
            return &cmd->verbs[i];
    }
    return NULL;
}

static const struct {
    unsigned bit;
    ly_opt opt;
} common_opts[] = {
    {LY_COMMON_DB, {"db", 0, "FILE", "the database (or LYDITE_DB, or db: in lydite.yaml)", false}},
    {LY_COMMON_JSON, {"json", 0, NULL, "JSON Lines, one object a row", false}},
    {LY_COMMON_CSV, {"csv", 0, NULL, "CSV, safe to open in a spreadsheet", false}},
    {LY_COMMON_PLAIN, {"plain", 0, NULL, "plain text without colour or line art", false}},
    {LY_COMMON_PLAIN, {"color", 0, "WHEN", "auto, always or never (NO_COLOR is honoured)", false}},
    {LY_COMMON_OUT, {"out", 'o', "FILE", "write there; it appears only when whole", false}},
    {LY_COMMON_N, {"limit", 'n', "N", "at most N rows; 0 = all", false}},
    {LY_COMMON_FOLLOW, {"follow", 'f', NULL, "go on printing what arrives", false}},
    {LY_COMMON_JOBS, {"jobs", 'j', "N", "N at a time", false}},
    {LY_COMMON_YES, {"yes", 'y', NULL, "do not ask", false}},
    {LY_COMMON_DRY, {"dry-run", 0, NULL, "say what would be done, change nothing", false}},
    {LY_COMMON_TIME, {"since", 0, "TIME", "from: " LY_TIME_FORMS, false}},
    {LY_COMMON_TIME, {"until", 0, "TIME", "up to, not including: the same forms", false}},
    {LY_COMMON_FAIL_EMPTY, {"fail-empty", 0, NULL, "exit 1 when there is nothing", false}},
    {0, {"quiet", 'q', NULL, "no notes on standard error", false}},
    {0, {"verbose", 'v', NULL, "more of them", true}},
    {0, {"help", 'h', NULL, "this text", false}},
};

size_t ly_common_opts(unsigned common, const ly_opt **ret_opts, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < LY_COUNT(common_opts) && n < max; i++) {
        if (common_opts[i].bit == 0 || (common & common_opts[i].bit))
            ret_opts[n++] = &common_opts[i].opt;
    }
    return n;
}

static const ly_opt *opt_find(const ly_verb *verb, const char *name, size_t len, char letter)
{
    const ly_opt *common[MAX_COMMON];
    size_t n = ly_common_opts(verb->common, common, MAX_COMMON);
    for (size_t i = 0; i < verb->n_opts + n; i++) {
        const ly_opt *opt = i < verb->n_opts ? &verb->opts[i] : common[i - verb->n_opts];
        if (name ? strlen(opt->name) == len && memcmp(opt->name, name, len) == 0
                 : opt->letter && opt->letter == letter)
            return opt;
    }
    return NULL;
}

/* ---- what commands ask for ---- */

const char *ly_cli_opt_at(const ly_cli *cli, const char *name, int i)
{
    const parsed *p = cli->opts;
    for (size_t k = 0; k < p->n_given; k++) {
        if (strcmp(p->given[k].name, name) == 0 && i-- == 0)
            return p->given[k].value;
    }
    return NULL;
}

int ly_cli_opt_count(const ly_cli *cli, const char *name)
{
    const parsed *p = cli->opts;
    int n = 0;
    for (size_t k = 0; k < p->n_given; k++)
        n += strcmp(p->given[k].name, name) == 0;
    return n;
}

const char *ly_cli_opt(const ly_cli *cli, const char *name)
{
    int n = ly_cli_opt_count(cli, name);
    return n ? ly_cli_opt_at(cli, name, n - 1) : NULL;
}

bool ly_cli_flag(const ly_cli *cli, const char *name)
{
    return ly_cli_opt_count(cli, name) > 0;
}

bool ly_cli_int(ly_cli *cli, const char *name, int64_t lo, int64_t hi, int64_t def, int64_t *ret)
{
    const char *text = ly_cli_opt(cli, name);
    if (!text) {
        *ret = def;
        return true;
    }
    int64_t value;
    if (!ly_str_to_i64(ly_str_c(text), &value) || value < lo || value > hi) {
        ly_cli_usage(cli, "--%s takes a whole number from %lld to %lld, not \"%s\"", name,
                     (long long)lo, (long long)hi, text);
        return false;
    }
    *ret = value;
    return true;
}

static void print_line(const char *text)
{
    ly_buf line;
    ly_buf_init(&line, LY_ERR_TEXT_MAX * 16);
    ly_buf_c(&line, "lydite: ");
    ly_term_clean(&line, ly_str_c(text), LY_TERM_LINES);
    ly_buf_char(&line, '\n');
    fflush(stdout);
    fputs(ly_buf_text(&line), stderr);
    ly_buf_release(&line);
}

int ly_cli_fail(ly_cli *cli, const ly_err *err)
{
    (void)cli;
    if (err->code == LY_E_CANCELLED && ly_cli_interrupted())
        return ly_cli_signal_exit();
    print_line(err->text[0] ? err->text : ly_status_text(err->code));
    switch (err->code) {
    case LY_E_INVALID:
        return LY_EXIT_USAGE;
    case LY_E_NETWORK:
    case LY_E_TIMEOUT:
        return LY_EXIT_NETWORK;
    case LY_E_BUDGET:
        return LY_EXIT_NO;
    case LY_E_CANCELLED:
        return 130;
    default:
        return LY_EXIT_INPUT;
    }
}

int ly_cli_usage(ly_cli *cli, const char *fmt, ...)
{
    ly_err err = LY_ERR_INIT;
    va_list args;
    va_start(args, fmt);
    ly_err_vset(&err, LY_E_INVALID, __FILE__, __LINE__, fmt, args);
    va_end(args);
    print_line(err.text);
    if (cli && cli->cmd && cli->verb && cli->verb->name)
        fprintf(stderr, "        see lydite %s %s --help\n", cli->cmd->name, cli->verb->name);
    else if (cli && cli->cmd)
        fprintf(stderr, "        see lydite %s --help\n", cli->cmd->name);
    else
        fputs("        see lydite --help\n", stderr);
    return LY_EXIT_USAGE;
}

void ly_cli_note(ly_cli *cli, const char *fmt, ...)
{
    if (cli->quiet)
        return;
    ly_err err = LY_ERR_INIT;
    va_list args;
    va_start(args, fmt);
    ly_err_vset(&err, LY_OK, __FILE__, __LINE__, fmt, args);
    va_end(args);
    print_line(err.text);
}

/* ---- signals ---- */

static volatile sig_atomic_t caught;

static void on_signal(int signum)
{
    if (caught) { /* asked twice: at once */
        signal(signum, SIG_DFL);
        raise(signum);
    }
    caught = signum;
}

bool ly_cli_interrupted(void)
{
    return caught != 0;
}

int ly_cli_signal_exit(void)
{
    return caught ? 128 + caught : 0;
}

static void catch_signals(void)
{
    struct sigaction act;
    memset(&act, 0, sizeof act);
    act.sa_handler = on_signal; /* without SA_RESTART: waits end, loops look at the flag */
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

/* ---- "did you mean" ---- */

typedef struct guess {
    const char *word; /* what was typed */
    size_t len;
    const char *best;
    size_t distance; /* of best */
} guess;

/* Keeps the name when its edit distance (two letters that changed places are one) is less than that of the
 * best so far. */
static void near_look(guess *n, const char *name)
{
    enum { MOST = 40 };
    size_t rows[3][MOST], most = strlen(name);
    if (most >= MOST || n->len >= MOST)
        return;
    for (size_t j = 0; j <= most; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n->len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= most; j++) {
            size_t cost = above[j - 1] + (n->word[i - 1] != name[j - 1]);
            cost = above[j] + 1 < cost ? above[j] + 1 : cost;
            cost = row[j - 1] + 1 < cost ? row[j - 1] + 1 : cost;
            bool swapped =
                i > 1 && j > 1 && n->word[i - 1] == name[j - 2] && n->word[i - 2] == name[j - 1];
            row[j] = swapped && before[j - 2] + 1 < cost ? before[j - 2] + 1 : cost;
        }
    }
    size_t distance = rows[n->len % 3][most];
    /* The beginning of a name is as good as one wrong letter. */
    if (n->len >= 3 && n->len < most && memcmp(n->word, name, n->len) == 0)
        distance = 1;
    if (distance < n->distance && distance < n->len) {
        n->distance = distance;
        n->best = name;
    }
}

static guess near_begin(const char *word, size_t len)
{
    return (guess){word, len, NULL, len < 5 ? 2 : 3};
}

static const char *near_command(const char *word)
{
    guess n = near_begin(word, strlen(word));
    for (size_t c = 0; c < LY_COUNT(commands); c++)
        near_look(&n, commands[c]->name);
    return n.best;
}

static const char *near_verb(const ly_cmd *cmd, const char *word)
{
    guess n = near_begin(word, strlen(word));
    for (size_t i = 0; i < cmd->n_verbs; i++)
        if (cmd->verbs[i].name)
            near_look(&n, cmd->verbs[i].name);
    return n.best;
}

static const char *near_option(const ly_verb *verb, const char *word, size_t len)
{
    const ly_opt *common[MAX_COMMON];
    size_t n_common = ly_common_opts(verb->common, common, MAX_COMMON);
    guess n = near_begin(word, len);
    for (size_t i = 0; i < verb->n_opts; i++)
        near_look(&n, verb->opts[i].name);
    for (size_t i = 0; i < n_common; i++)
        near_look(&n, common[i]->name);
    return n.best;
}

/* An option that other verbs of the program take, so that it is known but means nothing here. */
static bool known_elsewhere(const char *word, size_t len)
{
    for (size_t i = 0; i < LY_COUNT(common_opts); i++)
        if (strlen(common_opts[i].opt.name) == len &&
            memcmp(common_opts[i].opt.name, word, len) == 0)
            return true;
    return false;
}

static void unknown_option(ly_cli *cli, const char *word, bool is_long, size_t len)
{
    int shown = (int)(is_long ? len + 2 : 2);
    const char *near = is_long ? near_option(cli->verb, word + 2, len) : NULL;
    const char *verb = cli->verb->name ? cli->verb->name : "";
    if (near)
        ly_cli_usage(cli, "unknown option %.*s; did you mean --%s?", shown, word, near);
    else if (is_long && known_elsewhere(word + 2, len))
        ly_cli_usage(cli, "%.*s means nothing to %s%s%s", shown, word, cli->cmd->name,
                     *verb ? " " : "", verb);
    else
        ly_cli_usage(cli, "unknown option %.*s", shown, word);
}

/* ---- parsing ---- */

static bool keep(ly_cli *cli, const ly_opt *opt, const char *value)
{
    parsed *p = cli->opts;
    if (p->n_given == MAX_GIVEN) {
        ly_cli_usage(cli, "more than %d options", MAX_GIVEN);
        return false;
    }
    if (!opt->repeats && opt->arg && ly_cli_opt_count(cli, opt->name)) {
        ly_cli_usage(cli, "--%s is given twice", opt->name);
        return false;
    }
    p->given[p->n_given++] = (given){opt->name, value};
    return true;
}

/* The option at argv[*i]; moves *i past its value. */
static bool parse_option(ly_cli *cli, int argc, char **argv, int *i)
{
    const char *word = argv[*i];
    bool is_long = word[1] == '-';
    const char *name = is_long ? word + 2 : NULL;
    size_t len = is_long ? strcspn(name, "=") : 1;
    const ly_opt *opt = opt_find(cli->verb, name, len, word[1]);
    if (!opt) {
        unknown_option(cli, word, is_long, len);
        return false;
    }
    const char *attached =
        is_long ? (name[len] == '=' ? name + len + 1 : NULL) : (word[2] ? word + 2 : NULL);
    if (!opt->arg) {
        if (is_long && attached) {
            ly_cli_usage(cli, "--%s takes no value", opt->name);
            return false;
        }
        if (!keep(cli, opt, ""))
            return false;
        if (attached) { /* -vq: the rest are switches too */
            for (const char *c = attached; *c; c++) {
                const ly_opt *more = opt_find(cli->verb, NULL, 0, *c);
                if (!more || more->arg) {
                    ly_cli_usage(cli, "unknown option -%c in %s", *c, word);
                    return false;
                }
                if (!keep(cli, more, ""))
                    return false;
            }
        }
        return true;
    }
    if (!attached) {
        if (*i + 1 >= argc) {
            ly_cli_usage(cli, "--%s needs a value: --%s %s", opt->name, opt->name, opt->arg);
            return false;
        }
        attached = argv[++*i];
    }
    return keep(cli, opt, attached);
}

static bool parse_words(ly_cli *cli, int argc, char **argv)
{
    parsed *p = cli->opts;
    bool only_args = false;
    int before = -1;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (!only_args && strcmp(word, "--") == 0) {
            only_args = true;
            before = cli->n_args;
            continue;
        }
        if (!only_args && word[0] == '-' && word[1]) {
            if (!parse_option(cli, argc, argv, &i))
                return false;
            continue;
        }
        if (cli->n_args == (int)LY_COUNT(p->args_buf)) {
            ly_cli_usage(cli, "more than %d arguments", cli->n_args);
            return false;
        }
        p->args_buf[cli->n_args++] = word;
        only_args = only_args || cli->cmd->raw_args;
    }
    cli->args = p->args_buf;
    cli->n_before_dashes = before < 0 ? cli->n_args : before;
    return true;
}

static bool resolve_time(ly_cli *cli, const char *name, int64_t *ret_ns)
{
    const char *text = ly_cli_opt(cli, name);
    ly_time_range range;
    if (!text)
        return true;
    if (!ly_time_words(ly_str_c(text), ly_wall_ns(), 0, &range)) {
        ly_cli_usage(cli, "--%s %s is no time: use " LY_TIME_FORMS, name, text);
        return false;
    }
    *ret_ns = range.from_ns;
    return true;
}

static bool resolve_color(ly_cli *cli)
{
    const char *when = ly_cli_opt(cli, "color");
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool dumb = !term || strcmp(term, "dumb") == 0;
    if (!when || strcmp(when, "auto") == 0)
        cli->color = cli->tty && !(no && *no) && !dumb && !cli->plain;
    else if (strcmp(when, "always") == 0)
        cli->color = true;
    else if (strcmp(when, "never") == 0)
        cli->color = false;
    else {
        ly_cli_usage(cli, "--color takes auto, always or never, not \"%s\"", when);
        return false;
    }
    return true;
}

/* A device, pipe or link is written to; a new file put in its place would take it away. */
static bool is_written_through(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static bool open_output(ly_cli *cli)
{
    parsed *p = cli->opts;
    const char *path = ly_cli_opt(cli, "out");
    cli->out = stdout;
    if (!path || strcmp(path, "-") == 0)
        return true;
    int n = snprintf(p->out_tmp, sizeof p->out_tmp, "%s.part-%ld", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof p->out_tmp) {
        ly_cli_usage(cli, "the path after -o is too long");
        return false;
    }
    if (is_written_through(path)) {
        p->out_tmp[0] = '\0';
    }
    cli->out = p->out_tmp[0] ? fopen(p->out_tmp, "wxe") : fopen(path, "we");
    if (!cli->out) {
        ly_err err;
        LY_FAIL(&err, LY_E_IO, "%s: cannot be written: %s", path, strerror(errno));
        p->out_tmp[0] = '\0';
        ly_cli_fail(cli, &err);
        return false;
    }
    return true;
}

static int terminal_width(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *columns = getenv("COLUMNS");
    int64_t n;
    if (columns && ly_str_to_i64(ly_str_c(columns), &n) && n >= 20 && n <= 1000)
        return (int)n;
    return 80;
}

/* Names the first argument that is not there: "ALIAS is missing: lydite prompt rollback NAME ALIAS". */
static int missing_argument(ly_cli *cli)
{
    const char *verb = cli->verb->name ? cli->verb->name : "";
    ly_str rest = ly_str_c(cli->verb->args), word = LY_STR_NONE;
    for (int i = 0; i <= cli->n_args; i++)
        (void)ly_str_split(&rest, ' ', &word);
    if (ly_str_starts(word, LY_S("[--]"))) /* what stands before may be left out */
        (void)ly_str_split(&rest, ' ', &word);
    return ly_cli_usage(cli, "%.*s is missing: lydite %s%s%s %s", LY_STR_ARG(word), cli->cmd->name,
                        *verb ? " " : "", verb, cli->verb->args);
}

/* Common options into the struct's fields. Returns an exit code, or -1 to go on. */
static int resolve(ly_cli *cli)
{
    cli->json = ly_cli_flag(cli, "json");
    cli->csv = ly_cli_flag(cli, "csv");
    cli->plain = ly_cli_flag(cli, "plain");
    cli->quiet = ly_cli_flag(cli, "quiet");
    cli->follow = ly_cli_flag(cli, "follow");
    cli->yes = ly_cli_flag(cli, "yes");
    cli->dry_run = ly_cli_flag(cli, "dry-run");
    cli->fail_empty = ly_cli_flag(cli, "fail-empty");
    cli->verbose = ly_cli_opt_count(cli, "verbose");
    cli->since_ns = INT64_MIN;
    cli->until_ns = INT64_MAX;
    int64_t jobs = 0;
    if ((cli->verb->common & LY_COMMON_N) && !ly_cli_int(cli, "limit", 0, INT64_MAX, -1, &cli->n))
        return LY_EXIT_USAGE;
    if (cli->n == 0)
        cli->n = INT64_MAX;
    if ((cli->verb->common & LY_COMMON_JOBS) && !ly_cli_int(cli, "jobs", 1, 4096, 0, &jobs))
        return LY_EXIT_USAGE;
    cli->jobs = (int)jobs;
    if (!(cli->verb->common & LY_COMMON_N))
        cli->n = -1;
    if (cli->verb->common & LY_COMMON_TIME) {
        if (!resolve_time(cli, "since", &cli->since_ns) ||
            !resolve_time(cli, "until", &cli->until_ns))
            return LY_EXIT_USAGE;
        if (cli->since_ns >= cli->until_ns)
            return ly_cli_usage(cli, "--until '%s' is not after --since '%s'",
                                ly_cli_opt(cli, "until"), ly_cli_opt(cli, "since"));
    }
    if (cli->json + cli->csv > 1)
        return ly_cli_usage(cli, "--json and --csv exclude each other");
    int min = cli->verb->min_args, max = cli->verb->max_args;
    if (cli->n_args < min)
        return missing_argument(cli);
    if (max >= 0 && cli->n_args > max)
        return ly_cli_usage(cli, "one argument too many: %s", cli->args[max]);
    if (!open_output(cli))
        return LY_EXIT_INPUT;
    cli->tty = cli->out == stdout && isatty(STDOUT_FILENO);
    cli->width = terminal_width(STDOUT_FILENO);
    cli->unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 && !ly_cli_flag(cli, "plain");
    return resolve_color(cli) ? -1 : LY_EXIT_USAGE;
}

/* Closes the output; -o's file gets its name only when the command answered and all was written. */
static int finish_output(ly_cli *cli, int code)
{
    parsed *p = cli->opts;
    bool failed = fflush(cli->out) != 0 || ferror(cli->out);
    int why = errno;
    if (cli->out != stdout) {
        if (fclose(cli->out) != 0 && !failed) {
            why = errno;
            failed = true;
        }
        bool answered = code == LY_EXIT_DONE || code == LY_EXIT_NO || code == LY_EXIT_CANNOT_SAY ||
                        code == LY_EXIT_EARLY;
        bool own = p->out_tmp[0];
        if (own && (failed || !answered))
            unlink(p->out_tmp);
        else if (own && rename(p->out_tmp, ly_cli_opt(cli, "out")) != 0) {
            why = errno;
            failed = true;
        }
    }
    if (failed && why == EPIPE && code == LY_EXIT_DONE)
        return 141;
    if (failed && why != EPIPE) { /* an answer of "no" that nobody could read is said too */
        ly_err err;
        LY_FAIL(&err, LY_E_IO, "the output could not be written: %s", strerror(why));
        int unwritten = ly_cli_fail(cli, &err);
        return code == LY_EXIT_DONE ? unwritten : code;
    }
    return code;
}

static void log_to_stderr(void *user, ly_log_level level, const char *room, const char *text)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    (void)user;
    ly_buf line;
    ly_buf_init(&line, 8192);
    ly_buf_fmt(&line, "lydite: %s: %s: ", names[level], room);
    ly_term_clean(&line, ly_str_c(text), LY_TERM_ONE_LINE);
    ly_buf_char(&line, '\n');
    fputs(ly_buf_text(&line), stderr);
    ly_buf_release(&line);
}

static int print_help(const ly_cmd *cmd, const ly_verb *verb)
{
    ly_buf out;
    ly_buf_init(&out, LY_ERR_TEXT_MAX * 1024);
    if (!cmd)
        ly_help_program(&out);
    else if (!verb || (!verb->name && cmd->n_verbs > 1))
        ly_help_command(cmd, &out);
    else
        ly_help_verb(cmd, verb, &out);
    fputs(ly_buf_text(&out), stdout);
    ly_buf_release(&out);
    return fflush(stdout) == 0 ? LY_EXIT_DONE : 141;
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return false;
}

/* alone: the command was not named. */
static int run_command(const ly_cmd *cmd, bool alone, int argc, char **argv)
{
    parsed *p = ly_calloc(1, sizeof *p);
    if (!p) {
        fputs("lydite: out of memory\n", stderr);
        return LY_EXIT_INPUT;
    }
    ly_cli cli = {.cmd = cmd, .alone = alone, .opts = p, .out = stdout, .n = -1, .width = 80};
    int code;
    const ly_verb *named = argc > 0 ? ly_cmd_verb(cmd, argv[0]) : NULL;
    cli.verb = named ? named : ly_cmd_verb(cmd, NULL);
    if (named) {
        argc--;
        argv++;
    }
    if (asks_help(cmd->raw_args ? (argc > 0 && argv[0][0] == '-') : argc, argv)) {
        code = print_help(cmd, cli.verb);
    } else if (!cli.verb) {
        if (argc == 0) {
            ly_buf out;
            ly_buf_init(&out, 1 << 20);
            ly_help_command(cmd, &out);
            fputs(ly_buf_text(&out), stderr);
            ly_buf_release(&out);
            code = LY_EXIT_USAGE;
        } else {
            const char *near = argv[0][0] == '-' ? NULL : near_verb(cmd, argv[0]);
            code = argv[0][0] == '-'
                       ? ly_cli_usage(&cli, "%s needs a verb before %s", cmd->name, argv[0])
                   : near ? ly_cli_usage(&cli, "%s has no verb \"%s\"; did you mean \"%s\"?",
                                         cmd->name, argv[0], near)
                          : ly_cli_usage(&cli, "%s has no verb \"%s\"", cmd->name, argv[0]);
        }
    } else {
        code = parse_words(&cli, argc, argv) ? resolve(&cli) : LY_EXIT_USAGE;
        if (code < 0) {
            if (cli.verbose)
                ly_log_set(log_to_stderr, NULL, cli.verbose > 1 ? LY_LOG_DEBUG : LY_LOG_INFO);
            else
                ly_log_set(log_to_stderr, NULL, cli.quiet ? LY_LOG_ERROR : LY_LOG_WARN);
            catch_signals();
            code = finish_output(&cli, cli.verb->run(&cli));
        }
    }
    ly_free(p);
    return code;
}

int ly_cli_main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    const char *word = argc > 1 ? argv[1] : NULL;
    if (word && (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)) {
        puts("lydite " LYDITE_VERSION);
        return LY_EXIT_DONE;
    }
    if (word &&
        (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)) {
        const ly_cmd *about = argc > 2 ? ly_cmd_find(argv[2]) : NULL;
        if (argc > 2 && !about) {
            return ly_cli_usage(NULL, "there is no command \"%s\"", argv[2]);
        }
        return print_help(about, about && argc > 3 ? ly_cmd_verb(about, argv[3]) : NULL);
    }
    const ly_cmd *cmd = word ? ly_cmd_find(word) : NULL;
    if (cmd)
        return run_command(cmd, false, argc - 2, argv + 2);
    const ly_cmd *view = ly_cmd_find("view");
    if (view && (!word || word[0] == '-'))
        return run_command(view, true, argc - 1, argv + 1);
    if (!word)
        return print_help(NULL, NULL);
    const char *near = near_command(word);
    if (near)
        return ly_cli_usage(NULL, "there is no command \"%s\"; did you mean \"%s\"?", word, near);
    return ly_cli_usage(NULL, "there is no command \"%s\"", word);
}
