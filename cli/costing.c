#include "cli/costing.h"

#include <errno.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/term.h"
#include "base/times.h"

/* How long a report may spend on settling what others left. */
#define SETTLE_NS (5 * LY_NS_PER_SEC)

static ly_status open_as(ly_cli *cli, ly_store_role role, ly_store **ret_store, ly_err *err)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    opts.role = role;
    opts.create = false;
    return ly_store_open(ly_cli_db(cli), &opts, ret_store, err);
}

int ly_costing_open(ly_cli *cli, ly_store **ret_store)
{
    ly_err err = LY_ERR_INIT, settle_err = LY_ERR_INIT;
    ly_store *store = NULL;
    int64_t left = 0;
    ly_status status = open_as(cli, LY_STORE_WRITER, &store, &err);
    if (status == LY_E_DENIED) {
        status = open_as(cli, LY_STORE_READER, &store, &err);
    }
    if (status != LY_OK) {
        return ly_cli_fail(cli, &err);
    }
    ly_store_book_with(store, ly_costing_book_of);
    if (ly_store_writable(store) &&
        ly_store_settle(store, SETTLE_NS, true, &left, &settle_err) == LY_OK && left > 0) {
        ly_cli_note(cli, "%lld trace%s not settled yet; the cost is not in these sums",
                    (long long)left, left == 1 ? " is" : "s are");
    }
    *ret_store = store;
    return LY_EXIT_DONE;
}

int ly_costing_open_writer(ly_cli *cli, ly_store **ret_store)
{
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_err err = LY_ERR_INIT;
    opts.role = LY_STORE_WRITER;
    if (ly_store_open(ly_cli_db(cli), &opts, ret_store, &err) != LY_OK) {
        return ly_cli_fail(cli, &err);
    }
    ly_store_book_with(*ret_store, ly_costing_book_of);
    return LY_EXIT_DONE;
}

int ly_costing_zone(ly_cli *cli, ly_zone **ret_zone)
{
    ly_err err = LY_ERR_INIT;
    const char *name = ly_cli_setting(cli, "tz");
    if (ly_zone_open(ly_str_c(name), ret_zone, &err) != LY_OK) {
        return err.code == LY_E_INVALID || err.code == LY_E_NOTFOUND
                   ? ly_cli_usage(cli, "--tz: %s", err.text)
                   : ly_cli_fail(cli, &err);
    }
    return LY_EXIT_DONE;
}

static bool names_zone(ly_str text)
{
    for (size_t i = 10; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == 'Z' || c == 'z' || c == '+' || (c == '-' && i > 10)) {
            return true;
        }
    }
    return false;
}

bool ly_costing_time_parse(ly_str text, const ly_zone *zone, int64_t *ret_from_ns,
                           int64_t *ret_to_ns)
{
    int64_t now = ly_wall_ns();
    ly_time_range range;
    int64_t span;
    text = ly_str_trim(text);
    if (ly_duration_parse(text, &span) || names_zone(text)) {
        if (!ly_time_words(text, now, 0, &range)) {
            return false;
        }
        *ret_from_ns = range.from_ns;
        *ret_to_ns = range.to_ns;
        return true;
    }
    /* Words and dates are read on the zone's own clock and then placed. */
    if (!ly_time_words(text, ly_zone_to_local(zone, now), 0, &range)) {
        return false;
    }
    *ret_from_ns = ly_zone_from_local(zone, range.from_ns);
    *ret_to_ns = range.to_ns == INT64_MAX ? INT64_MAX : ly_zone_from_local(zone, range.to_ns);
    return true;
}

int ly_costing_time_opts(ly_cli *cli, const ly_zone *zone, ly_costing_time *ret)
{
    const char *since = ly_cli_opt(cli, "since"), *until = ly_cli_opt(cli, "until");
    int64_t ignored, day;
    *ret = (ly_costing_time){INT64_MIN, INT64_MAX, since || until};
    if (since && !ly_costing_time_parse(ly_str_c(since), zone, &ret->from_ns, &ret->until_ns)) {
        return ly_cli_usage(cli, "--since '%s' is no time; use " LY_TIME_FORMS, since);
    }
    /* A month, a year and last-month are that time; a date is where the time begins. */
    if (since && strlen(since) >= strlen("2026-11-01") && ly_time_parse(ly_str_c(since), &day)) {
        ret->until_ns = INT64_MAX;
    }
    if (until && !ly_costing_time_parse(ly_str_c(until), zone, &ret->until_ns, &ignored)) {
        return ly_cli_usage(cli, "--until '%s' is no time; use " LY_TIME_FORMS, until);
    }
    if (ret->from_ns >= ret->until_ns) {
        return ly_cli_usage(cli, "--until '%s' is not after --since '%s'", until, since);
    }
    return LY_EXIT_DONE;
}

ly_status ly_costing_book(ly_store *store, ly_arena *arena, ly_price_info *ret_info,
                          size_t *ret_own, ly_err *err)
{
    ly_stored_book stored = {0};
    ly_own_price *own = NULL;
    ly_status status = ly_book_active(store, arena, &stored, err);
    if (status == LY_OK) {
        status = ly_own_price_list(store, false, arena, &own, ret_own, err);
    }
    if (status != LY_OK) {
        return status;
    }
    if (stored.number) {
        *ret_info = (ly_price_info){.name = stored.name,
                                    .source = stored.source,
                                    .number = stored.number,
                                    .published_ns = stored.published_ns,
                                    .learned_ns = stored.learned_ns};
        return LY_OK;
    }
    const ly_price_book *book = ly_price_book_default();
    if (!book) {
        return LY_NOMEM(err);
    }
    *ret_info = ly_price_book_info(book);
    return LY_OK;
}

void ly_costing_book_text(const ly_price_info *info, ly_buf *out)
{
    ly_buf_fmt(out, "%.*s", LY_STR_ARG(info->name));
    int64_t day = ly_book_day(info);
    if (day != LY_UNKNOWN) {
        ly_buf_c(out, info->published_ns != LY_UNKNOWN ? " of " : " imported ");
        ly_costing_day(NULL, day, false, out);
    }
}

void ly_costing_day(const ly_zone *zone, int64_t ns, bool clock, ly_buf *out)
{
    if (ns == LY_UNKNOWN || ns == INT64_MAX) {
        ly_buf_char(out, '-');
        return;
    }
    ly_civil c = ly_civil_from_ns(ly_zone_to_local(zone, ns));
    ly_buf_fmt(out, "%04d-%02d-%02d", c.year, c.month, c.day);
    if (clock) {
        ly_buf_fmt(out, " %02d:%02d", c.hour, c.minute);
    }
}

void ly_costing_clean(const ly_cli *cli, ly_str text, ly_buf *out)
{
    ly_term_clean(out, text, cli->unicode ? LY_TERM_ONE_LINE : LY_TERM_ASCII);
}

void ly_costing_json_money(ly_jsonw *w, const char *key, int64_t pico)
{
    char name[64];
    ly_buf text;
    ly_buf_init(&text, 64);
    (void)snprintf(name, sizeof name, "%s_pico", key);
    if (pico == LY_UNKNOWN) {
        ly_jsonw_kv_null(w, name);
    } else {
        ly_jsonw_kv_i64(w, name, pico);
    }
    (void)snprintf(name, sizeof name, "%s_usd", key);
    if (pico == LY_UNKNOWN) {
        ly_jsonw_kv_null(w, name);
    } else { /* without the dollar sign */
        ly_pico_format(pico < 0 ? -pico : pico, &text);
        ly_buf number;
        ly_buf_init(&number, 64);
        if (pico < 0) {
            ly_buf_char(&number, '-');
        }
        ly_buf_str(&number, ly_str_sub(ly_buf_view(&text), 1, text.len));
        ly_jsonw_kv_str(w, name, ly_buf_view(&number));
        ly_buf_release(&number);
    }
    ly_buf_release(&text);
}

int ly_costing_json_line(ly_cli *cli, ly_jsonw *w, ly_buf *buf)
{
    ly_err err = LY_ERR_INIT;
    if (ly_jsonw_end(w, &err) != LY_OK) {
        return ly_cli_fail(cli, &err);
    }
    ly_buf_char(buf, '\n');
    (void)fwrite(buf->ptr, 1, buf->len, cli->out);
    ly_buf_reset(buf);
    return LY_EXIT_DONE;
}

ly_status ly_costing_read_file(const char *path, size_t max, ly_buf *out, ly_err *err)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    if (!file) {
        return LY_FAIL(err, errno == ENOENT ? LY_E_NOTFOUND : LY_E_IO, "%s: %s", path,
                       strerror(errno));
    }
    char chunk[65536];
    size_t n;
    ly_status status = LY_OK;
    while (status == LY_OK && (n = fread(chunk, 1, sizeof chunk, file)) > 0) {
        ly_buf_add(out, chunk, n);
        status = out->len > max
                     ? LY_FAIL(err, LY_E_LIMIT, "%s is larger than %zu MiB", path, max >> 20)
                     : ly_buf_status(out, path, err);
    }
    if (status == LY_OK && ferror(file)) {
        status = LY_FAIL(err, LY_E_IO, "%s: reading failed", path);
    }
    if (!standard) {
        (void)fclose(file);
    }
    return status;
}

ly_price_book *ly_costing_load_book(void *user, ly_err *err)
{
    (void)err;
    ly_store_opts opts = LY_STORE_OPTS_INIT;
    ly_err ignored = LY_ERR_INIT;
    ly_store *store = NULL;
    ly_price_book *book = NULL;
    opts.role = LY_STORE_WRITER;
    opts.create = false;
    if (ly_store_open(user, &opts, &store, &ignored) != LY_OK) {
        opts.role = LY_STORE_READER;
        if (ly_store_open(user, &opts, &store, &ignored) != LY_OK) {
            return NULL;
        }
    }
    if (ly_cost_book_open(store, &book, &ignored) != LY_OK) {
        book = NULL;
    }
    ly_store_close(store);
    return book;
}

ly_price_book *ly_costing_book_of(ly_store *store)
{
    ly_err ignored = LY_ERR_INIT;
    ly_price_book *book = NULL;
    return ly_cost_book_open(store, &book, &ignored) == LY_OK ? book : NULL;
}
