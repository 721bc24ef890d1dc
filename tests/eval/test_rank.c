/* Rankings, calibration, agreement and the alternative annotator test against the vectors R1, A2, A6, AL1,
 * K1 of judges-and-statistics.md. */
#include "near.h"

#include "eval/audit.h"
#include "eval/rank.h"

static ly_rank r;

static void r1_bradley_terry(void **state)
{
    (void)state;
    static const double w[9] = {0, 14, 9.5, 6, 0, 11, 5.5, 4, 0};
    ly_bradley_terry(w, 3, &r);
    assert_true(r.ok && !r.smoothed);
    NEAR_TOL(r.pi[0], 1.6649911961190127, 1e-8);
    NEAR_TOL(r.pi[1], 1.0106309170417274, 1e-8);
    NEAR_TOL(r.pi[2], 0.5942859715007764, 1e-8);
    NEAR_TOL(r.beta[1], 0.010574806166209656, 1e-8);
    NEAR_TOL(r.elo[0], 1088.5647765814902, 1e-8);
    NEAR_TOL(r.elo[2], 909.5981914324373, 1e-8);
    NEAR_TOL(r.loglik, -31.788603089907856, 1e-8);
    NEAR_TOL(r.se[0], 0.24408662393055755, 1e-8);
    NEAR_TOL(r.se[1], 0.2338741371971931, 1e-8);
    NEAR_TOL(r.se[2], 0.26369628633552655, 1e-8);
    ly_rank_gap g = ly_rank_difference(&r, 0, 2, 0.95, 1);
    NEAR_TOL(g.diff, 1.0302144777706475, 1e-8);
    NEAR_TOL(g.se, 0.4511440022522735, 1e-8);
    NEAR_TOL(ly_rank_difference(&r, 1, 2, 0.95, 1).se, 0.43461178880921025, 1e-8);
    NEAR_TOL(ly_rank_difference(&r, 0, 1, 0.95, 1).se, 0.39876691517219665, 1e-8);
    ly_rank_gap wide = ly_rank_difference(&r, 0, 2, 0.95, 3);
    assert_true(wide.interval.lo < g.interval.lo && wide.interval.hi > g.interval.hi);
    static const double two[4] = {0, 34, 16, 0}; /* 30 to 12 with 8 ties */
    ly_bradley_terry(two, 2, &r);
    NEAR_TOL(r.beta[0] - r.beta[1], 0.7537718023763802, 1e-8);
    NEAR_TOL(r.elo[0] - r.elo[1], 130.94357375453214, 1e-8);
    NEAR(ly_sign_test(21, 9), 0.042773945257067694); /* position bias */
}

static void connections(void **state)
{
    (void)state;
    static const double never_lost[4] = {0, 5, 0, 0};
    ly_bradley_terry(never_lost, 2, &r);
    assert_true(r.ok && r.smoothed && isfinite(r.beta[0]) && r.beta[0] > r.beta[1]);
    static const double apart[16] = {0, 3, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 4, 0};
    ly_bradley_terry(apart, 4, &r);
    assert_false(r.ok);
    ly_bradley_terry(apart, 1, &r);
    assert_false(r.ok);
}

static void k1_calibration(void **state)
{
    (void)state;
    static const double p[] = {.95, .9, .85, .8, .75, .65, .6, .45, .35, .3, .2, .1};
    static const double y[] = {1, 1, 1, 0, 1, 1, 0, 1, 0, 0, 0, 0};
    ly_calibration c = ly_calibrate(p, y, 12, 5);
    assert_true(c.ok);
    NEAR(c.brier, 0.14875);
    NEAR(c.log_loss, 0.456486332968053);
    NEAR(c.auroc, 0.8888888888888889);
    NEAR(c.ece, 0.125);
    NEAR(c.mce, 0.325);
    NEAR(c.equal_mass_gap, 0.125);
    c = ly_calibrate(p, y, 12, 10);
    NEAR(c.ece, 0.275);
    NEAR(c.mce, 0.6);
    static const double bad[] = {1.2};
    assert_false(ly_calibrate(bad, y, 1, 5).ok);
    assert_false(ly_calibrate(p, y, 0, 5).ok);
}

static void a2_numbers(void **state)
{
    (void)state;
    static const int table[4][4] = {{10, 3, 1, 0}, {2, 12, 4, 1}, {0, 3, 15, 4}, {0, 1, 2, 12}};
    double x[70], y[70];
    size_t n = 0;
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) {
            for (int k = 0; k < table[i][j]; k++, n++) {
                x[n] = i;
                y[n] = j;
            }
        }
    }
    assert_int_equal(n, 70);
    NEAR(ly_lin_ccc(x, y, n), 0.8003042982122487);
    NEAR(ly_mean_abs_error(x, y, n), 0.34285714285714286);
    NEAR(ly_pearson(x, y, n), 0.8030723878652215);
    NEAR(ly_spearman(x, y, n), 0.799259463916882);
    NEAR(ly_kendall_b(x, y, n), 0.738148749245317);
}

static void a6_icc(void **state)
{
    (void)state;
    static const double x[] = {9, 2, 5, 8, 6,  1, 3, 2, 8, 4, 6, 8,
                               7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7};
    ly_icc icc = ly_icc_of(x, 6, 4);
    assert_true(icc.ok);
    NEAR(icc.one, 0.16574176840547553);
    NEAR(icc.two, 0.2897637795275592);
    NEAR(icc.three, 0.7148407148407154);
    NEAR(icc.one_k, 0.4427971336792688);
    NEAR(icc.two_k, 0.6200505475989893);
    NEAR(icc.three_k, 0.9093155423770697);
}

static void al1_alternative_annotator(void **state)
{
    (void)state;
    static const char *const human[] = {"110101101011", "110111001011", "100101101110"};
    static const char judge_text[] = "110111001000";
    double labels[36], judge[12];
    for (size_t i = 0; i < 12; i++) {
        judge[i] = judge_text[i] - '0';
        for (size_t j = 0; j < 3; j++) {
            labels[j * 12 + i] = human[j][i] - '0';
        }
    }
    ly_alt_test t = ly_alt_test_of(labels, 3, 12, judge, false, 0.2, 10, 0.05);
    assert_true(t.ok && t.used == 3);
    for (size_t j = 0; j < 3; j++) {
        NEAR(t.rater[j].judge_share, 11.0 / 12);
        NEAR(t.rater[j].rater_share, j < 2 ? 1 : 10.0 / 12);
    }
    NEAR(t.rater[0].t, -1.4000000000000004);
    NEAR(t.rater[2].t, -1.9060804959767197);
    NEAR(t.rater[0].p, 0.09454026757981004);
    NEAR(t.rater[2].p, 0.04154529915697557);
    NEAR(t.winning_rate, 0);
    NEAR(t.advantage, 0.9166666666666666);
    assert_false(t.passes);
    assert_false(ly_alt_test_of(labels, 3, 12, judge, false, 0.2, 30, 0.05).ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r1_bradley_terry), cmocka_unit_test(connections),
        cmocka_unit_test(k1_calibration),   cmocka_unit_test(a2_numbers),
        cmocka_unit_test(a6_icc),           cmocka_unit_test(al1_alternative_annotator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
