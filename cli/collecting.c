#include "cli/collecting.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/term.h"
#include "cli/costing.h"

/* ------------------------------------------------------------------ options */

/* "10G", "512M", "1T", "4096" -> bytes. */
static bool size_parse(ly_str text, int64_t *ret)
{
    static const char units[] = "kmgt";
    int shift = 0;
    if (text.len > 1 && (text.ptr[text.len - 1] == 'B' || text.ptr[text.len - 1] == 'b'))
        text.len--;
    if (text.len > 1 && (text.ptr[text.len - 1] == 'i'))
        text.len--;
    if (text.len > 1) {
        char last = (char)(text.ptr[text.len - 1] | 0x20);
        const char *unit = strchr(units, last);
        if (unit) {
            shift = 10 * (int)(unit - units + 1);
            text.len--;
        }
    }
    int64_t n;
    if (!ly_str_to_i64(text, &n) || n < 0 || n > (INT64_MAX >> shift))
        return false;
    *ret = n << shift;
    return true;
}

static int read_size(ly_cli *cli, const char *name, int64_t *ret)
{
    const char *text = ly_cli_setting(cli, name);
    if (text && !size_parse(ly_str_c(text), ret))
        return ly_cli_usage(cli, "--%s takes a size such as 512M or 10G, not \"%s\"", name, text);
    return LY_EXIT_DONE;
}

static int read_duration(ly_cli *cli, const char *name, int64_t *ret)
{
    const char *text = ly_cli_setting(cli, name);
    if (text && !ly_duration_parse(ly_str_c(text), ret))
        return ly_cli_usage(cli, "--%s takes a duration such as 12h or 30d, not \"%s\"", name,
                            text);
    return LY_EXIT_DONE;
}

static int read_port(ly_cli *cli, const char *name, int *port)
{
    const char *text = ly_cli_setting(cli, name);
    int64_t n = 0;
    if (!text)
        return LY_EXIT_DONE;
    if (strcmp(text, "-1") == 0)
        n = -1;
    else if (!ly_str_to_i64(ly_str_c(text), &n) || n < 0 || n > 65535)
        return ly_cli_usage(cli, "--%s takes a port, 0 (a free one) or -1 (off), not \"%s\"", name,
                            text);
    *port = (int)n;
    return LY_EXIT_DONE;
}

static int read_ports(ly_cli *cli, ly_collector_opts *o)
{
    int code = read_port(cli, "grpc-port", &o->grpc_port);
    if (!code)
        code = read_port(cli, "http-port", &o->http_port);
    if (!code && o->grpc_port > 0 && o->grpc_port == o->http_port)
        code = ly_cli_usage(cli, "--grpc-port and --http-port are the same");
    if (!code && o->grpc_port < 0 && o->http_port < 0)
        code =
            ly_cli_usage(cli, "--grpc-port and --http-port are both off (-1): nothing could come "
                              "in; leave one of them on");
    return code;
}

static int read_limits(ly_cli *cli, ly_collector_opts *o)
{
    int64_t request = (int64_t)o->max_request_bytes, budget = (int64_t)o->budget_bytes;
    int code = read_size(cli, "wal-limit", &o->wal_limit_bytes);
    if (!code)
        code = read_size(cli, "max-request", &request);
    if (!code)
        code = read_size(cli, "max-in-flight", &budget);
    if (!code)
        code = read_size(cli, "max-size", &o->retention.max_bytes);
    if (!code)
        code = read_duration(cli, "retain", &o->retention.keep_app_ns);
    if (!code)
        code = read_duration(cli, "retain-eval", &o->retention.keep_eval_ns);
    if (!code && (request < 1024 || request > (1LL << 30)))
        code = ly_cli_usage(cli, "--max-request must be between 1K and 1G");
    if (!code && (budget < 65536 || budget > (1LL << 40)))
        code = ly_cli_usage(cli, "--max-in-flight must be between 64K and 1024G");
    o->max_request_bytes = (size_t)request;
    o->budget_bytes = (size_t)budget;
    return code;
}

static int read_durability(ly_cli *cli, ly_collector_opts *o)
{
    const char *text = ly_cli_setting(cli, "durability");
    if (!text || strcmp(text, "full") == 0)
        return LY_EXIT_DONE;
    if (strcmp(text, "normal") != 0)
        return ly_cli_usage(cli, "--durability is full or normal, not \"%s\"", text);
    o->durability = LY_DURABLE_NORMAL;
    return LY_EXIT_DONE;
}

static int read_redaction(ly_cli *cli, ly_collecting *c)
{
    c->opts.redact = ly_cli_setting(cli, "redact");
    int n = ly_cli_opt_count(cli, "redact-rule");
    if (n > LY_MAX_REDACT_RULES)
        return ly_cli_usage(cli, "at most %d --redact-rule", LY_MAX_REDACT_RULES);
    for (int i = 0; i < n; i++) {
        ly_str text = ly_str_c(ly_cli_opt_at(cli, "redact-rule", i)), name = text;
        size_t at = ly_str_find_char(text, '=', 0);
        if (at == SIZE_MAX)
            return ly_cli_usage(cli, "--redact-rule is NAME=PATTERN");
        name = ly_str_sub(text, 0, at);
        c->rules[i] = (ly_redact_rule){name, ly_str_sub(text, at + 1, text.len)};
    }
    c->opts.redact_rules = c->rules;
    c->opts.n_redact_rules = (size_t)n;
    return LY_EXIT_DONE;
}

int ly_collecting_opts(ly_cli *cli, ly_collecting *ret)
{
    *ret = (ly_collecting){.opts = LY_COLLECTOR_OPTS_INIT};
    ly_collector_opts *o = &ret->opts;
    o->db = ly_cli_db(cli);
    o->hooks.load_book = ly_costing_load_book;
    o->hooks.user = (void *)(uintptr_t)o->db; /* only read */
    o->listen = ly_cli_setting(cli, "listen");
    o->tls_cert = ly_cli_setting(cli, "tls-cert");
    o->tls_key = ly_cli_setting(cli, "tls-key");
    o->insecure = ly_cli_flag(cli, "insecure");
    o->require_key = ly_cli_flag(cli, "require-key");
    int code = read_ports(cli, o);
    if (!code)
        code = read_limits(cli, o);
    if (!code)
        code = read_durability(cli, o);
    return code ? code : read_redaction(cli, ret);
}

/* ---------------------------------------------------------------------- log */

static void on_log(void *user, ly_log_level level, const char *room, const char *text)
{
    (void)user;
    (void)room;
    ly_buf clean;
    ly_buf_init(&clean, 4096);
    ly_term_clean(&clean, ly_str_c(text), LY_TERM_ONE_LINE);
    fprintf(stderr, "lydite: %s%s\n", level == LY_LOG_WARN ? "warning: " : "", ly_buf_text(&clean));
    ly_buf_release(&clean);
}

void ly_collecting_log(ly_cli *cli, bool quiet)
{
    ly_log_set(on_log, NULL, cli->verbose ? LY_LOG_DEBUG : quiet ? LY_LOG_WARN : LY_LOG_INFO);
}

/* ------------------------------------------------------------------ systemd */

/* The protocol of sd_notify(3): one datagram to the socket named in the environment. */
void ly_sd_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n == 0 || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, len);
    close(fd);
}
