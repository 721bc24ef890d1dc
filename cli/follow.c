#include "cli/follow.h"

#include <poll.h>
#include <unistd.h>

#define POLL_MS 250

void ly_follow_begin(ly_cli *cli, const char *what)
{
    if (isatty(STDERR_FILENO))
        ly_cli_note(cli, "waiting for %s; Ctrl-C ends", what);
}

/* Nothing is asked for, so that only an error or a hang-up answers: the other end of a pipe was closed, the
 * terminal went away. A file never answers and the time passes. */
static bool reader_gone(const ly_cli *cli, int timeout_ms)
{
    struct pollfd out = {.fd = fileno(cli->out), .events = 0};
    return poll(&out, 1, timeout_ms) > 0 && (out.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

bool ly_follow_wait(ly_cli *cli)
{
    if (ly_cli_interrupted() || fflush(cli->out) != 0 || ferror(cli->out))
        return false;
    return !reader_gone(cli, POLL_MS) && !ly_cli_interrupted();
}

int ly_follow_exit(ly_cli *cli)
{
    if (ly_cli_interrupted())
        return ly_cli_signal_exit();
    return reader_gone(cli, 0) ? 141 : LY_EXIT_DONE;
}
