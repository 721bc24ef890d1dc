/* Comparisons by pairwise judges: gathered from stored scores, see report.h. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "eval/report_i.h"

static size_t target_of(const ly_report *r, ly_str name)
{
    size_t i = 0;
    while (i < r->n_targets && !ly_str_eq(r->targets[i].name, name)) {
        i++;
    }
    return i;
}

static ly_report_duel *duel_of(ly_report *r, size_t judge, size_t candidate, size_t against,
                               ly_arena *arena)
{
    for (size_t i = 0; i < r->n_duels; i++) {
        ly_report_duel *d = &r->duels[i];
        if (d->judge == judge && d->candidate == candidate && d->against == against) {
            return d;
        }
    }
    if (r->n_duels == LY_REPORT_MAX_DUELS) {
        return NULL;
    }
    if (!r->duels) {
        r->duels = LY_ARENA_ARRAY(arena, ly_report_duel, LY_REPORT_MAX_DUELS);
    }
    double *sums = LY_ARENA_ARRAY(arena, double, (size_t)r->n_rows * 2 + 1);
    if (!r->duels || !sums) {
        return NULL;
    }
    ly_report_duel *d = &r->duels[r->n_duels++];
    *d = (ly_report_duel){.judge = judge,
                          .candidate = candidate,
                          .against = against,
                          .net = sums,
                          .counts = sums + r->n_rows};
    return d;
}

static int64_t whole(const ly_json *v)
{
    int64_t n = 0;
    (void)ly_json_i64(v, &n);
    return n;
}

ly_status ly_duel_take(ly_report *r, size_t judge, const ly_score *s, ly_arena *work,
                       ly_arena *arena, ly_err *err)
{
    ly_json *doc = NULL;
    ly_arena_reset(work);
    if (ly_json_parse(s->detail, work, &doc, NULL) != LY_OK) {
        return LY_OK;
    }
    size_t against = target_of(r, ly_json_str(ly_json_get(doc, "against")));
    if (against == r->n_targets) {
        return LY_OK;
    }
    ly_report_duel *d = duel_of(r, judge, (size_t)s->target, against, arena);
    if (!d) {
        return LY_NOMEM(err);
    }
    const ly_json *sides = ly_json_get(doc, "sides");
    int64_t first = whole(ly_json_at(sides, 0)), second = whole(ly_json_at(sides, 1));
    int64_t length = whole(ly_json_get(doc, "length")),
            other = whole(ly_json_get(doc, "other_length"));
    d->n++;
    if (s->outcome == LY_UNSCORED) {
        d->unscored++;
        return LY_OK;
    }
    bool unsettled = s->outcome == LY_ABSTAINED && ly_str_eqc(s->label, "unsettled");
    if (s->outcome == LY_ABSTAINED && !unsettled) {
        d->abstained++;
        return LY_OK;
    }
    /* An unsettled pair says nothing for either side: it counts as no preference. */
    double net = unsettled ? 0 : 2 * s->value - 1;
    d->net[s->row] += net;
    d->counts[s->row]++;
    if (unsettled) {
        d->unsettled++;
        d->first_favoured += first > 0 && second < 0;
        d->second_favoured += first < 0 && second > 0;
    } else if (net == 0) {
        d->ties++;
    } else {
        *(net > 0 ? &d->wins : &d->losses) += 1;
        d->longer_won += length != other && (net > 0) == (length > other);
        d->shorter_won += length != other && (net > 0) != (length > other);
    }
    return LY_OK;
}

/* Rows that were won or lost outright are pairs of yes and no (lost, won), whose interval and test hold also
 * where every row went one way; shares of repeats are compared as numbers. */
static ly_status compare_duel(ly_report *r, ly_report_duel *d, ly_err *err)
{
    double *lost = ly_calloc((size_t)r->n_rows * 2 + 1, sizeof *lost), *won = lost + r->n_rows;
    size_t n = 0;
    bool whole_rows = true;
    if (!lost) {
        return LY_NOMEM(err);
    }
    for (int64_t i = 0; i < r->n_rows; i++) {
        if (d->counts[i] > 0) {
            double net = d->net[i] / d->counts[i];
            whole_rows = whole_rows && (net == 0 || net == 1 || net == -1);
            won[n] = net > 0 ? net : 0;
            lost[n++] = net < 0 ? -net : 0;
        }
    }
    for (size_t i = 0; i < n && !whole_rows; i++) {
        won[i] -= lost[i];
        lost[i] = 0;
    }
    ly_prng rng;
    ly_prng_stream(&rng, 1, r->judges[d->judge].name, LY_S("duel"));
    ly_compare_opts opts = {.level = r->level, .margin = r->margin};
    ly_status st = ly_compare(lost, won, n, &opts, &rng, &d->c, err);
    ly_free(lost);
    int64_t settled = d->wins + d->losses + d->ties;
    d->win_rate = settled ? ((double)d->wins + 0.5 * (double)d->ties) / (double)settled : NAN;
    d->consistent = ly_wilson(settled, settled + d->unsettled, r->level);
    d->p_position = ly_sign_test(d->first_favoured, d->second_favoured);
    d->p_length = ly_sign_test(d->longer_won, d->shorter_won);
    return st;
}

static ly_status rank_judge(ly_report *r, size_t judge, ly_arena *arena, ly_err *err)
{
    size_t n = r->n_targets;
    double *wins = LY_ARENA_ARRAY(arena, double, n *n + 1);
    ly_rank *rank = LY_ARENA_NEW(arena, ly_rank);
    if (!wins || !rank) {
        return LY_NOMEM(err);
    }
    for (size_t i = 0; i < r->n_duels; i++) {
        const ly_report_duel *d = &r->duels[i];
        if (d->judge == judge) {
            wins[d->candidate * n + d->against] += (double)d->wins + 0.5 * (double)d->ties;
            wins[d->against * n + d->candidate] += (double)d->losses + 0.5 * (double)d->ties;
        }
    }
    ly_bradley_terry(wins, n, rank);
    r->judges[judge].rank = rank->ok ? rank : NULL;
    return LY_OK;
}

ly_status ly_duel_finish(ly_report *r, ly_arena *arena, ly_err *err)
{
    ly_status st = LY_OK;
    for (size_t i = 0; i < r->n_duels && !st; i++) {
        st = compare_duel(r, &r->duels[i], err);
    }
    for (size_t j = 0; j < r->n_judges && !st; j++) {
        if (r->judges[j].pairwise && r->n_targets > 2 && r->n_targets <= LY_RANK_MAX) {
            st = rank_judge(r, j, arena, err);
        }
    }
    return st;
}

const ly_report_duel *ly_duel_find(const ly_report *r, size_t judge, size_t candidate,
                                   size_t against)
{
    for (size_t i = 0; i < r->n_duels; i++) {
        const ly_report_duel *d = &r->duels[i];
        if (d->judge == judge && d->candidate == candidate && d->against == against) {
            return d;
        }
    }
    return NULL;
}
