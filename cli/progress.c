#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"

#define FIRST_NS (500 * LY_NS_PER_MS)
#define EVERY_NS (200 * LY_NS_PER_MS)

void ly_progress_begin(ly_progress *p, const ly_cli *cli, const char *unit)
{
    *p = (ly_progress){.unit = unit, .began_ns = ly_mono_ns()};
    p->on = !cli->quiet && isatty(STDERR_FILENO);
    p->told_ns = p->began_ns + FIRST_NS - EVERY_NS;
}

static void amount(const ly_progress *p, int64_t n, ly_buf *out)
{
    if (p->unit)
        ly_fmt_count(n, out);
    else
        ly_buf_fmt(out, "%.1f MiB", (double)n / (1 << 20));
}

static void rate_words(double rate, const ly_progress *p, ly_buf *out)
{
    if (!p->unit)
        ly_buf_fmt(out, "  %.1f MiB/s", rate / (1 << 20));
    else if (rate < 100)
        ly_buf_fmt(out, "  %.1f/s", rate);
    else {
        ly_buf_c(out, "  ");
        ly_fmt_count((int64_t)rate, out);
        ly_buf_c(out, "/s");
    }
}

/* Whole seconds: a guess has no digits behind the point. */
static void time_left(double seconds, ly_buf *out)
{
    if (seconds < 60)
        ly_buf_fmt(out, "  left %.0fs", seconds < 1 ? 1 : seconds);
    else if (seconds < 1e6) {
        ly_buf_c(out, "  left ");
        ly_duration_format((int64_t)seconds * LY_NS_PER_SEC, out);
    }
}

static void words(const ly_progress *p, int64_t now_ns, int64_t done, int64_t total, ly_buf *out)
{
    double seconds = (double)(now_ns - p->began_ns) / 1e9;
    double rate = seconds > 0 ? (double)(done - p->before) / seconds : 0;
    amount(p, done, out);
    if (total > 0) {
        ly_buf_char(out, '/');
        amount(p, total, out);
    }
    if (p->unit)
        ly_buf_fmt(out, " %s", p->unit);
    if (total > 0)
        ly_buf_fmt(out, "  %.0f%%", 100 * (double)done / (double)total);
    rate_words(rate, p, out);
    if (total > done && rate > 0)
        time_left((double)(total - done) / rate, out);
}

/* Spaces over what is left of the last line: no escape sequence, so that any terminal will do. */
static void put(ly_progress *p, ly_str line)
{
    ly_buf out;
    ly_buf_init(&out, LY_KIB(4));
    ly_buf_char(&out, '\r');
    ly_buf_str(&out, line);
    if (line.len < p->width)
        ly_buf_fill(&out, ' ', p->width - line.len);
    if (line.len == 0)
        ly_buf_char(&out, '\r');
    (void)fputs(ly_buf_text(&out), stderr);
    (void)fflush(stderr);
    ly_buf_release(&out);
    p->width = line.len;
}

void ly_progress_tell(ly_progress *p, int64_t done, int64_t total, int64_t spent_pico,
                      const char *rest)
{
    int64_t now = p->on ? ly_mono_ns() : 0;
    ly_buf line;
    if (!p->on || now - p->told_ns < EVERY_NS)
        return;
    p->told_ns = now;
    ly_buf_init(&line, LY_KIB(1));
    words(p, now, done, total, &line);
    if (spent_pico != LY_UNKNOWN) {
        ly_buf_c(&line, "  ");
        ly_fmt_money(spent_pico, &line);
    }
    if (rest)
        ly_buf_fmt(&line, "  %s", rest);
    put(p, ly_buf_view(&line));
    ly_buf_release(&line);
}

void ly_progress_clear(ly_progress *p)
{
    if (p->width > 0)
        put(p, LY_S(""));
}
