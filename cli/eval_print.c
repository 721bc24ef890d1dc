/* Reports as tables: what was scored, what is different, what it cost. */
#include "cli/eval_print.h"

#include <math.h>

#include "base/clock.h"
#include "base/limits.h"

static void number_cell(ly_table *t, double v, const char *fmt)
{
    if (isnan(v)) {
        ly_table_cell(t, LY_S("-"));
    } else {
        ly_table_cellf(t, fmt, v);
    }
}

static void interval_cell(ly_table *t, ly_interval v, bool sign)
{
    if (!v.ok) {
        ly_table_cell(t, LY_S("-"));
    } else {
        ly_table_cellf(t, sign ? "%+.3f to %+.3f" : "%.3f to %.3f", v.lo, v.hi);
    }
}

static void print_scores(ly_cli *cli, const ly_report *r)
{
    static const char *const heads[] = {"JUDGE", "TARGET", "ROWS",    "MEAN",
                                        "",      "METHOD", "UNKNOWN", "UNSCORED"};
    ly_table *t = ly_table_new(cli, LY_COUNT(heads));
    char interval[32];
    if (!t) {
        return;
    }
    (void)snprintf(interval, sizeof interval, "%g %% INTERVAL", r->level * 100);
    for (size_t i = 0; i < LY_COUNT(heads); i++) {
        bool right = i == 2 || i == 3 || i >= 6;
        ly_table_col(t, i, i == 4 ? interval : heads[i], right ? LY_RIGHT : LY_LEFT,
                     i < 2 ? 32 : 0);
    }
    for (size_t j = 0; j < r->n_judges; j++) {
        for (size_t k = 0; k < r->n_targets; k++) {
            const ly_report_cell *c = &r->cells[j * r->n_targets + k];
            ly_table_cell(t, r->judges[j].name);
            ly_table_cell(t, r->targets[k].name);
            ly_table_cellf(t, "%lld", (long long)c->n_rows);
            number_cell(t, c->mean.mean, "%.3f");
            interval_cell(t, c->mean.interval, false);
            ly_table_cell(t, ly_str_c(c->mean.method));
            ly_table_cellf(t, "%lld", (long long)c->n_abstained);
            ly_table_cellf(t, "%lld", (long long)c->n_unscored);
        }
    }
    ly_table_print(t);
    ly_table_free(t);
}

/* Why scores are missing, and between what the mean would lie. */
static void print_missing(ly_cli *cli, const ly_report *r)
{
    ly_buf line;
    ly_buf_init(&line, LY_MAX_LINE_BYTES);
    for (size_t j = 0; j < r->n_judges; j++) {
        for (size_t k = 0; k < r->n_targets; k++) {
            const ly_report_cell *c = &r->cells[j * r->n_targets + k];
            if (c->n_unscored == 0) {
                continue;
            }
            ly_buf_reset(&line);
            ly_buf_fmt(&line, "%.*s of %.*s: unscored", LY_STR_ARG(r->judges[j].name),
                       LY_STR_ARG(r->targets[k].name));
            for (size_t i = 0; i < c->n_reasons; i++) {
                ly_buf_fmt(&line, "%s %lld %.*s", i ? "," : "", (long long)c->reasons[i].n,
                           LY_STR_ARG(c->reasons[i].reason));
            }
            if (r->judges[j].unit && !isnan(c->worst)) {
                ly_buf_fmt(&line, "; the mean lies between %.3f and %.3f whatever they were",
                           c->worst, c->best);
            }
            ly_cli_note(cli, "%s", ly_buf_text(&line));
        }
    }
    ly_buf_release(&line);
}

static void print_pairs(ly_cli *cli, const ly_report *r)
{
    static const char *const heads[] = {"JUDGE", "CANDIDATE", "ROWS", "DIFFERENCE", "",
                                        "P",     "W/T/L",     "MDE",  "VERDICT"};
    ly_table *t = ly_table_new(cli, LY_COUNT(heads));
    char interval[32];
    if (!t) {
        return;
    }
    (void)snprintf(interval, sizeof interval, "%g %% INTERVAL", r->level * 100);
    for (size_t i = 0; i < LY_COUNT(heads); i++) {
        bool right = i == 2 || i == 3 || i == 5 || i == 7;
        ly_table_col(t, i, i == 4 ? interval : heads[i], right ? LY_RIGHT : LY_LEFT,
                     i < 2 ? 32 : 0);
    }
    for (size_t i = 0; i < r->n_pairs; i++) {
        const ly_report_pair *p = &r->pairs[i];
        ly_table_cell(t, r->judges[p->judge].name);
        ly_table_cell(t, r->targets[p->candidate].name);
        ly_table_cellf(t, "%zu", p->c.n);
        number_cell(t, p->c.diff, "%+.3f");
        interval_cell(t, p->c.interval, true);
        if (p->p_adjusted < 0.001) {
            ly_table_cell(t, LY_S("<0.001"));
        } else {
            number_cell(t, p->p_adjusted, "%.3f");
        }
        ly_table_cellf(t, "%lld/%lld/%lld", (long long)p->c.wins, (long long)p->c.ties,
                       (long long)p->c.losses);
        number_cell(t, p->c.mde, "%.3f");
        ly_table_cell(t, ly_str_c(ly_verdict_name(p->verdict)));
    }
    ly_table_print(t);
    ly_table_free(t);
}

static void print_duels(ly_cli *cli, const ly_report *r)
{
    static const char *const heads[] = {"JUDGE", "CANDIDATE", "AGAINST",   "WON",
                                        "LOST",  "TIE",       "UNSETTLED", "WIN RATE",
                                        "AGREE", "UNKNOWN",   "UNSCORED"};
    ly_table *t = ly_table_new(cli, LY_COUNT(heads));
    if (!t) {
        return;
    }
    for (size_t i = 0; i < LY_COUNT(heads); i++) {
        ly_table_col(t, i, heads[i], i < 3 ? LY_LEFT : LY_RIGHT, i < 3 ? 24 : 0);
    }
    for (size_t i = 0; i < r->n_duels; i++) {
        const ly_report_duel *d = &r->duels[i];
        int64_t settled = d->wins + d->losses + d->ties;
        ly_table_cell(t, r->judges[d->judge].name);
        ly_table_cell(t, r->targets[d->candidate].name);
        ly_table_cell(t, r->targets[d->against].name);
        ly_table_cellf(t, "%lld", (long long)d->wins);
        ly_table_cellf(t, "%lld", (long long)d->losses);
        ly_table_cellf(t, "%lld", (long long)d->ties);
        ly_table_cellf(t, "%lld", (long long)d->unsettled);
        number_cell(t, d->win_rate, "%.3f");
        number_cell(
            t, settled + d->unsettled ? (double)settled / (double)(settled + d->unsettled) : NAN,
            "%.3f");
        ly_table_cellf(t, "%lld", (long long)d->abstained);
        ly_table_cellf(t, "%lld", (long long)d->unscored);
    }
    ly_table_print(t);
    ly_table_free(t);
    fflush(cli->out);
    for (size_t i = 0; i < r->n_duels; i++) {
        const ly_report_duel *d = &r->duels[i];
        if (d->p_position < 0.05) {
            ly_cli_note(cli, "%.*s favours the %s place: %lld to %lld of the unsettled (p %.3f)",
                        LY_STR_ARG(r->judges[d->judge].name),
                        d->first_favoured > d->second_favoured ? "first" : "second",
                        (long long)d->first_favoured, (long long)d->second_favoured, d->p_position);
        }
        if (d->p_length < 0.05) {
            ly_cli_note(
                cli,
                "%.*s: the %s output won %lld of %lld; check that length is not what it "
                "rewards",
                LY_STR_ARG(r->judges[d->judge].name),
                d->longer_won > d->shorter_won ? "longer" : "shorter",
                (long long)(d->longer_won > d->shorter_won ? d->longer_won : d->shorter_won),
                (long long)(d->longer_won + d->shorter_won));
        }
    }
}

static void print_rankings(ly_cli *cli, const ly_report *r)
{
    static const char *const heads[] = {"JUDGE", "TARGET", "ELO", "OVER BASELINE", ""};
    for (size_t j = 0; j < r->n_judges; j++) {
        const ly_rank *rank = r->judges[j].rank;
        ly_table *t = rank ? ly_table_new(cli, LY_COUNT(heads)) : NULL;
        if (!t) {
            continue;
        }
        for (size_t i = 0; i < LY_COUNT(heads); i++) {
            ly_table_col(t, i, heads[i], i == 2 || i == 3 ? LY_RIGHT : LY_LEFT, i < 2 ? 32 : 0);
        }
        fprintf(cli->out,
                "\nBradley-Terry over the settled comparisons; intervals hold for all at once%s\n",
                rank->smoothed ? "; smoothed, since one never lost or never won" : "");
        for (size_t i = 0; i < rank->n; i++) {
            ly_rank_gap gap = ly_rank_difference(rank, i, r->baseline, r->level, rank->n - 1);
            ly_table_cell(t, r->judges[j].name);
            ly_table_cell(t, r->targets[i].name);
            ly_table_cellf(t, "%.0f", rank->elo[i]);
            number_cell(t, i == r->baseline ? NAN : gap.diff, "%+.3f");
            interval_cell(t, i == r->baseline ? (ly_interval){0} : gap.interval, true);
        }
        ly_table_print(t);
        ly_table_free(t);
    }
}

static void count_cell(ly_table *t, int64_t n, void (*fmt)(int64_t n, ly_buf *out))
{
    ly_buf text;
    ly_buf_init(&text, 64);
    if (n == LY_UNKNOWN) {
        ly_buf_c(&text, "-");
    } else {
        fmt(n, &text);
    }
    ly_table_cell(t, ly_buf_view(&text));
    ly_buf_release(&text);
}

static void print_targets(ly_cli *cli, const ly_report *r)
{
    static const char *const heads[] = {"TARGET", "PROMPT", "MODEL",  "CASES", "FAILED",
                                        "P50",    "P95",    "TOKENS", "COST"};
    ly_table *t = ly_table_new(cli, LY_COUNT(heads));
    if (!t) {
        return;
    }
    for (size_t i = 0; i < LY_COUNT(heads); i++) {
        ly_table_col(t, i, heads[i], i < 3 ? LY_LEFT : LY_RIGHT, i < 3 ? 32 : 0);
    }
    for (size_t k = 0; k < r->n_targets; k++) {
        const ly_report_target *x = &r->targets[k];
        int64_t tokens = x->tokens_in == LY_UNKNOWN    ? x->tokens_out
                         : x->tokens_out == LY_UNKNOWN ? x->tokens_in
                                                       : x->tokens_in + x->tokens_out;
        ly_table_cell(t, x->name);
        ly_table_cell(t, x->prompt);
        ly_table_cell(t, x->model);
        ly_table_cellf(t, "%lld", (long long)x->n_cases);
        ly_table_cellf(t, "%lld", (long long)x->n_failed);
        count_cell(t, isnan(x->p50_ns) ? LY_UNKNOWN : (int64_t)x->p50_ns, ly_duration_format);
        count_cell(t, isnan(x->p95_ns) ? LY_UNKNOWN : (int64_t)x->p95_ns, ly_duration_format);
        count_cell(t, tokens, ly_fmt_count);
        count_cell(t, x->cost_pico, ly_fmt_money);
    }
    ly_table_print(t);
    ly_table_free(t);
}

int ly_print_report(ly_cli *cli, const ly_report *r)
{
    ly_err err = LY_ERR_INIT;
    if (cli->json) {
        ly_buf out;
        ly_buf_init(&out, LY_MAX_OUTPUT_BYTES);
        ly_status st = ly_report_json(r, &out, &err);
        ly_buf_char(&out, '\n');
        if (!st) {
            fwrite(ly_buf_text(&out), 1, out.len, cli->out);
        }
        ly_buf_release(&out);
        return st ? ly_cli_fail(cli, &err) : LY_EXIT_DONE;
    }
    fprintf(cli->out,
            "run %.8s  %s  %.*s@%lld  %lld row%s x %zu target%s x %lld  %lld of %lld case%s\n\n",
            r->run_hex, ly_str_eqc(r->run.state, "done") ? "done" : "not complete",
            LY_STR_ARG(r->run.dataset), (long long)r->run.dataset_number, (long long)r->n_rows,
            ly_plural(r->n_rows), r->n_targets, ly_plural(r->n_targets), (long long)r->repeat,
            (long long)r->run.n_cases, (long long)r->n_expected, ly_plural(r->n_expected));
    print_targets(cli, r);
    fputc('\n', cli->out);
    print_scores(cli, r);
    fflush(cli->out);
    print_missing(cli, r);
    if (r->n_pairs) {
        fprintf(cli->out,
                "\nAgainst %.*s, on the rows that both have; p adjusted by Holm, MDE the smallest "
                "difference that %lld row%s\n",
                LY_STR_ARG(r->targets[r->baseline].name), (long long)r->n_rows,
                r->n_rows == 1 ? " finds" : "s find");
        print_pairs(cli, r);
    }
    if (r->n_duels) {
        fprintf(cli->out,
                "\nSide by side, each pair in both orders; AGREE is the share in which the orders "
                "agree\n");
        print_duels(cli, r);
        print_rankings(cli, r);
    }
    return LY_EXIT_DONE;
}

void ly_print_gate(ly_cli *cli, const ly_gate_line *lines, size_t n, ly_gate_answer answer)
{
    ly_table *t = ly_table_new(cli, 2);
    if (!t) {
        return;
    }
    ly_table_col(t, 0, "GATE", LY_LEFT, 0);
    ly_table_col(t, 1, "", LY_LEFT, 0);
    for (size_t i = 0; i < n; i++) {
        ly_table_cell(t, ly_str_c(ly_gate_answer_name(lines[i].answer)));
        ly_table_cell(t, lines[i].text);
    }
    fputc('\n', cli->out);
    ly_table_print(t);
    ly_table_free(t);
    fprintf(cli->out, "gate: %s\n", ly_gate_answer_name(answer));
}

int ly_gate_exit(ly_gate_answer answer)
{
    return answer == LY_GATE_PASS   ? LY_EXIT_DONE
           : answer == LY_GATE_FAIL ? LY_EXIT_NO
                                    : LY_EXIT_CANNOT_SAY;
}
