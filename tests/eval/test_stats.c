/* Every statistic against the fixed vectors of judges-and-statistics.md §1 (names as there). */
#include "near.h"

#include "base/mem.h"
#include "eval/special.h"
#include "eval/stats.h"

static void prng_vectors(void **state)
{
    (void)state;
    uint64_t s = 0;
    assert_true(ly_splitmix64(&s) == 0xe220a8397b1dcdafu);
    assert_true(ly_splitmix64(&s) == 0x6e789e6aa1b965f4u);
    assert_true(ly_splitmix64(&s) == 0x06c45d188009454fu);
    s = 1234567;
    assert_true(ly_splitmix64(&s) == 6457827717110365317u);
    assert_true(ly_splitmix64(&s) == 3203168211198807973u);
    assert_true(ly_splitmix64(&s) == 9817491932198370423u);
    ly_prng g;
    ly_prng_init(&g, 42);
    assert_true(g.s[0] == 0xbdd732262feb6e95u && g.s[3] == 0x581ce1ff0e4ae394u);
    assert_true(ly_prng_next(&g) == 0x15780b2e0c2ec716u);
    assert_true(ly_prng_next(&g) == 0x6104d9866d113a7eu);
    ly_prng_init(&g, 42);
    NEAR(ly_prng_unit(&g), 0.08386297105988216);
    NEAR(ly_prng_unit(&g), 0.3789802506626686);
    NEAR(ly_prng_unit(&g), 0.6800434110281394);
    static const uint64_t below[] = {0, 3, 6, 9, 9, 7, 7, 8, 7, 5, 6, 2, 8, 3, 7, 8, 6, 8, 7, 7};
    ly_prng_init(&g, 42);
    for (size_t i = 0; i < LY_COUNT(below); i++) {
        assert_true(ly_prng_below(&g, 10) == below[i]);
    }
    ly_prng a, b;
    ly_prng_stream(&a, 1, LY_S("accuracy"), LY_S("bootstrap"));
    ly_prng_stream(&b, 1, LY_S("accuracy"), LY_S("flip"));
    assert_true(ly_prng_next(&a) != ly_prng_next(&b));
}

static void special_functions(void **state)
{
    (void)state;
    NEAR(ly_norm_quantile(1e-10), -6.361340902404056);
    NEAR(ly_norm_quantile(0.001), -3.090232306167813);
    NEAR(ly_norm_quantile(0.8), 0.8416212335729143);
    NEAR(ly_norm_quantile(0.95), 1.6448536269514722);
    NEAR(ly_norm_quantile(0.975), 1.959963984540054);
    NEAR(ly_norm_quantile(0.9995), 3.2905267314919255);
    NEAR_TOL(ly_norm_cdf(-6) * 1e9, 9.865876450376946e-10 * 1e9, 1e-12);
    NEAR(ly_norm_cdf(-1.96), 0.024997895148220435);
    NEAR(ly_norm_cdf(5), 0.9999997133484281);
    static const double t975[][2] = {{1, 12.706204736432095},  {2, 4.302652729911275},
                                     {3, 3.182446305284263},   {5, 2.5705818366147395},
                                     {9, 2.2621571627409915},  {29, 2.045229642132703},
                                     {99, 1.9842169515086827}, {1000, 1.9623390808264074}};
    for (size_t i = 0; i < LY_COUNT(t975); i++) {
        /* The reference's df 5 is good to 1e-9: P(T > 2.570581835636) is 0.025 to 15 digits. */
        NEAR_TOL(ly_t_quantile(0.975, t975[i][0]), t975[i][1], t975[i][0] == 5 ? 1e-9 : 1e-10);
        NEAR(ly_t_sf(ly_t_quantile(0.975, t975[i][0]), t975[i][0]), 0.025);
    }
    NEAR(ly_t_sf(2, 1), 0.1475836176504332);
    NEAR(ly_t_sf(2, 5), 0.05096973941492914);
    NEAR(ly_t_sf(2, 9), 0.03827641188535046);
    NEAR(ly_t_sf(2, 99), 0.024119846686316487);
    NEAR(ly_ibeta(.5, .5, .3), 0.3690101195655454);
    NEAR(ly_ibeta(2, 3, .5), 0.6875);
    NEAR(ly_ibeta(10, 2, .9), 0.6973568802000001);
    NEAR(ly_ibeta(100, 100, .55), 0.9216120672877778);
    NEAR(ly_ibeta(.5, 20, .001), 0.15758381398363847);
    NEAR_TOL(ly_ibeta(5000, 5000, .51), 0.977257967675587, 1e-8);
    NEAR(ly_ibeta_inv(8, 3, .025), 0.44390453769235844);
    NEAR(ly_ibeta_inv(9, 2, .975), 0.9747892736731666);
    NEAR(ly_ibeta_inv(.5, 10.5, .975), 0.21719626750921056);
    NEAR(ly_ibeta_inv(450, 550, .025), 0.4192823196862885);
    NEAR(ly_chi2_sf(3.84, 1), 0.05004352124870519);
    NEAR(ly_chi2_sf(.5, 1), 0.47950012218695337);
    NEAR(ly_chi2_sf(11.07, 5), 0.050009618622405425);
    NEAR(ly_chi2_sf(3, 10), 0.9814240637778593);
    NEAR(ly_f_sf(2.5, 3, 10), 0.11903956265827814);
    NEAR(ly_f_sf(4, 1, 20), 0.05926553544657048);
    assert_true(isnan(ly_norm_quantile(-1)) && isnan(ly_ibeta(0, 1, .5)) && isnan(ly_t_sf(1, 0)));
}

static const double m1[] = {0.8, 0.6, 1.0, 0.4, 0.9, 0.7, 0.3, 1.0, 0.5, 0.8};

static void m1_one_mean(void **state)
{
    (void)state;
    ly_moments m;
    assert_true(ly_moments_of(m1, 10, &m));
    NEAR(m.mean, 0.7);
    NEAR(m.var, 0.06);
    NEAR(m.sd, 0.24494897427831783);
    NEAR(m.se, 0.07745966692414834);
    NEAR(m.skew, -0.28688765527462284);
    NEAR(m.kurtosis, -1.1687242798353916);
    ly_interval t = ly_mean_t(m1, 10, 0.95);
    NEAR(t.lo, 0.5247740596440064);
    NEAR(t.hi, 0.8752259403559935);
    double sorted[10];
    memcpy(sorted, m1, sizeof sorted);
    ly_sort_doubles(sorted, 10);
    NEAR(ly_quantile_sorted(sorted, 10, .25), 0.525);
    NEAR(ly_quantile_sorted(sorted, 10, .5), 0.75);
    NEAR(ly_quantile_sorted(sorted, 10, .75), 0.875);
    NEAR(ly_quantile_sorted(sorted, 10, .9), 1.0);
    double bad[] = {1, NAN};
    assert_false(ly_moments_of(bad, 2, &m));
    assert_false(ly_moments_of(m1, 0, &m));
    assert_false(ly_mean_t(m1, 1, .95).ok);
}

static void m2_bootstrap(void **state)
{
    (void)state;
    ly_prng g;
    ly_prng_init(&g, 42);
    ly_bootstrap b;
    assert_int_equal(ly_bootstrap_mean(m1, 10, 2000, .95, &g, &b, NULL), LY_OK);
    NEAR(b.mean_of_replicates, 0.7026950000000018);
    NEAR(b.se, 0.07339945991189416);
    NEAR_TOL(b.percentile.lo, 0.56, 1e-12);
    NEAR_TOL(b.percentile.hi, 0.84, 1e-12);
    NEAR(b.z0, -0.031964953076323334);
    NEAR(b.accel, -0.015120307054216586);
    NEAR_TOL(b.bca.lo, 0.55, 1e-12);
    NEAR_TOL(b.bca.hi, 0.83, 1e-12);
}

static void c1_clusters(void **state)
{
    (void)state;
    static const double y[] = {1, 1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1, 1};
    static const size_t c[] = {0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 4, 4, 4};
    ly_cluster r;
    assert_int_equal(ly_cluster_mean(y, c, 14, 5, .95, &r, NULL), LY_OK);
    NEAR(r.mean, 0.6428571428571429);
    NEAR(r.se_iid, 0.13289435848843764);
    NEAR(r.se_cr0, 0.12967617374631465);
    NEAR(r.se_cr1, 0.14498236977941656);
    NEAR(r.deff, 1.1901927437641724);
    NEAR(r.interval.lo, 0.24032155194310456);
    NEAR(r.interval.hi, 1.0453927337711812);
    NEAR(r.icc, 0.031777557100297865);
    assert_int_equal(ly_cluster_mean(y, c, 14, 4, .95, &r, NULL), LY_E_INVALID);
    assert_int_equal(ly_cluster_mean(y, c, 3, 5, .95, &r, NULL), LY_OK);
    assert_false(r.ok);
}

static void p1_proportions(void **state)
{
    (void)state;
    static const struct {
        int64_t k, n;
        double w[2], cp[2], j[2], b[2];
    } v[] = {
        {0,
         10,
         {0, 0.27753279986288926},
         {0, 0.3084971078187608},
         {4.789043315758196e-05, 0.21719626750921053},
         {0.0022989722138142673, 0.2849141529181544}},
        {1,
         10,
         {0.017876213095072924, 0.40415002679523854},
         {0.0025285785444617848, 0.4450161170281954},
         {0.011011673763161138, 0.3813147710666164},
         {0.02283119829995966, 0.4127799169883827}},
        {8,
         10,
         {0.49016247153664183, 0.9433178485456247},
         {0.4439045376923585, 0.9747892736731666},
         {0.497225503560007, 0.9559405864473692},
         {0.4822441476398273, 0.9397822658270933}},
        {10,
         10,
         {0.7224672001371106, 1},
         {0.6915028921812392, 1},
         {0.7828037324907895, 0.9999521095668424},
         {0.7150858470818455, 0.9977010277861857}},
        {45,
         100,
         {0.35614537979511973, 0.5475539700255787},
         {0.35032022923967204, 0.552719811226064},
         {0.35507694189433125, 0.5477710079599647},
         {0.35600159811478527, 0.5477807813438309}},
        {999,
         1000,
         {0.9943574414020421, 0.9998234536293739},
         {0.9944410757201734, 0.9999746825125088},
         {0.9953355411912086, 0.999892081195319},
         {0.9944466164139777, 0.9997579410339017}},
    };
    for (size_t i = 0; i < LY_COUNT(v); i++) {
        ly_interval w = ly_wilson(v[i].k, v[i].n, .95), c = ly_clopper_pearson(v[i].k, v[i].n, .95);
        ly_interval j = ly_beta_interval(v[i].k, v[i].n, .5, .95);
        ly_interval b = ly_beta_interval(v[i].k, v[i].n, 1, .95);
        NEAR(w.lo, v[i].w[0]);
        NEAR(w.hi, v[i].w[1]);
        NEAR(c.lo, v[i].cp[0]);
        NEAR(c.hi, v[i].cp[1]);
        NEAR(j.lo, v[i].j[0]);
        NEAR(j.hi, v[i].j[1]);
        NEAR(b.lo, v[i].b[0]);
        NEAR(b.hi, v[i].b[1]);
    }
    NEAR(ly_wilson(95, 100, .9).lo, 0.9008389147209472);
    NEAR_TOL(ly_binom_test(8, 10, .5), 0.109375, 1e-12);
    NEAR_TOL(ly_binom_test(8, 10, .6), 0.3335283712, 1e-9);
    assert_false(ly_wilson(0, 0, .95).ok);
}

static void t1_groups(void **state)
{
    (void)state;
    ly_interval d = ly_newcombe_two(45, 60, 33, 60, .95);
    NEAR(d.lo, 0.029300086773429296);
    NEAR(d.hi, 0.35541049016560594);
    NEAR(ly_fisher_p(45, 15, 33, 27), 0.034658064949100974);
    static const double a[] = {.9, .7, .8, .6, 1, .5, .7, .9, .4, .8};
    static const double b[] = {.7, .7, .9, .4, .8, .5, .4, .8, .5, .6};
    ly_welch w = ly_welch_t(a, 10, b, 10);
    NEAR(w.t, 1.2227087189088333);
    NEAR(w.df, 17.92087999032978);
    NEAR(w.p, 0.2372768991194911);
    NEAR(w.se, 0.08178562764256865);
}

static void b1_binary_pairs(void **state)
{
    (void)state;
    ly_pairs2 t = {40, 12, 5, 43};
    NEAR_TOL(ly_mcnemar_exact(t), 0.143463134765625, 1e-12);
    NEAR_TOL(ly_mcnemar_midp(t), 0.09625244140624994, 1e-12);
    ly_interval n = ly_newcombe10(t, .95), g = ly_tango(t, .95), p = ly_bonett_price(t, .95);
    NEAR(n.lo, -0.011580514022441146);
    NEAR(n.hi, 0.14941608578863222);
    NEAR_TOL(g.lo, -0.011863210116306307, 1e-8);
    NEAR_TOL(g.hi, 0.15741560607189542, 1e-8);
    NEAR(p.lo, -0.014064609259292024);
    NEAR(p.hi, 0.1513195112200763);
    NEAR(ly_pairs_posterior(t, .5), 0.9567196132846485);
    NEAR(ly_pairs_posterior(t, 1), 0.951873779296875);
    ly_interval q = ly_newcombe10((ly_pairs2){36, 12, 2, 0}, .95);
    NEAR(q.lo, 0.05692958400323875);
    NEAR(q.hi, 0.3404276029749408);
    q = ly_tango((ly_pairs2){36, 12, 2, 0}, .95);
    NEAR_TOL(q.lo, 0.06111240618634398, 1e-8);
    NEAR_TOL(q.hi, 0.3447087482821487, 1e-8);
    static const double v[][4] = {{5, 0, .0625, .03125},
                                  {6, 0, .03125, .015625},
                                  {10, 3, 0.09228515625, 0.057373046875},
                                  {30, 12, 0.007915897334896727, 0.0054015726545912895},
                                  {0, 0, 1, 1}};
    for (size_t i = 0; i < LY_COUNT(v); i++) {
        ly_pairs2 u = {3, (int64_t)v[i][0], (int64_t)v[i][1], 4};
        NEAR_TOL(ly_mcnemar_exact(u), v[i][2], 1e-12);
        NEAR_TOL(ly_mcnemar_midp(u), v[i][3], 1e-12);
    }
}

static const double d1[] = {.2, 0, -.1, .2, .2, 0, .3, .1, -.1, .2};

static void d1_graded_pairs(void **state)
{
    (void)state;
    ly_paired_t t = ly_paired(d1, 10, .95);
    NEAR(t.mean, .1);
    NEAR(t.sd, 0.14142135623730953);
    NEAR(t.t, 2.2360679774997902);
    NEAR(t.p, 0.05217724279881897);
    NEAR_TOL(t.interval.lo, -0.0011667438335382224, 1e-8);
    NEAR_TOL(t.interval.hi, 0.20116674383353828, 1e-8);
    NEAR(t.dz, 0.7071067811865476);
    ly_prng g;
    ly_prng_init(&g, 1);
    NEAR_TOL(ly_sign_flip(d1, 10, 9999, &g), 0.0859375, 1e-12);
    NEAR_TOL(ly_wilcoxon(d1, 10), 0.0546875, 1e-12);
    static const double w[] = {1.2, -.4, 2.3, .9, -1.1, 3.4, .2, 1.9};
    NEAR_TOL(ly_wilcoxon(w, 8), 0.109375, 1e-12);
    NEAR(ly_hodges_lehmann(d1, 10), .1);
    NEAR_TOL(ly_sign_test(6, 2), 0.2890625, 1e-12);
    NEAR(ly_noninferior_p(d1, 10, .05), 0.004234075201577115);
    NEAR(ly_tost_p(d1, 10, .2), 0.026088621399409533);
    static const size_t c[] = {0, 0, 0, 1, 1, 2, 2, 3, 3, 3};
    ly_cluster k;
    assert_int_equal(ly_cluster_mean(d1, c, 10, 4, .95, &k, NULL), LY_OK);
    NEAR(k.se_cr0, 0.03162277660168379);
    NEAR(k.se_cr1, 0.03651483716701107);
    NEAR(ly_t_p2(k.mean / k.se_cr1, 3), 0.07142153823145012);
}

static void q1_quantiles_and_ratio(void **state)
{
    (void)state;
    static const double v[][5] = {{100, .5, 40, 61, 0.9647997997822952},
                                  {100, .95, 90, 100, 0.9826070607121812},
                                  {1000, .95, 936, 964, 0.9580952682226543},
                                  {60, .9, 49, 59, 0.9716382358365523}};
    for (size_t i = 0; i < LY_COUNT(v); i++) {
        ly_rank_interval r = ly_quantile_ranks((int64_t)v[i][0], v[i][1], .95);
        assert_int_equal(r.lo, (int)v[i][2]);
        assert_int_equal(r.hi, (int)v[i][3]);
        NEAR(r.coverage, v[i][4]);
    }
    static const double a[] = {10, 12, 8, 15, 9}, b[] = {2, 3, 1, 4, 2};
    double ratio, se;
    assert_true(ly_ratio(a, b, 5, &ratio, &se));
    NEAR(ratio, 4.5);
    NEAR(se, 0.46116549210788865);
}

static void h_multiplicity(void **state)
{
    (void)state;
    static const double p[] = {.001, .008, .039, .041, .042, .06, .074, .205, .212, .216};
    static const double holm[] = {.01, .072, .312, .312, .312, .312, .312, .615, .615, .615};
    static const double hoch[] = {.01, .072, .216, .216, .216, .216, .216, .216, .216, .216};
    static const double bh[] = {.01,  .04,  .084, .084, .084, .1, .10571428571428572,
                                .216, .216, .216};
    static const double by[] = {.02928968254,  .117158730159, .246033333333, .246033333333,
                                .246033333333, .292896825397, .309633786848, .632657142857,
                                .632657142857, .632657142857};
    double out[10];
    ly_holm(p, 10, out);
    for (int i = 0; i < 10; i++) {
        NEAR(out[i], holm[i]);
    }
    ly_hochberg(p, 10, out);
    for (int i = 0; i < 10; i++) {
        NEAR(out[i], hoch[i]);
    }
    ly_bh(p, 10, out);
    for (int i = 0; i < 10; i++) {
        NEAR(out[i], bh[i]);
    }
    ly_by(p, 10, out);
    for (int i = 0; i < 10; i++) {
        NEAR_TOL(out[i], by[i], 1e-9);
    }
    double q[] = {.04, .01, .03, .01};
    ly_holm(q, 4, out);
    NEAR(out[0], .06);
    NEAR(out[1], .04);
    ly_bh(q, 4, q); /* in place */
    NEAR(q[0], .04);
    NEAR(q[1], .02);

    static const double d[] = {.2, .1, .3,  0,  .2,  -.1, .2, .1, .1,  -.1, .2, .1,
                               0,  .1, -.2, .1, -.1, .1,  0,  .2, -.2, .1,  .1, 0};
    double raw[3], adj[3];
    assert_int_equal(ly_max_t(d, 3, 8, false, 0, NULL, raw, adj, NULL), LY_OK);
    NEAR(raw[0], .0625);
    NEAR(raw[1], .59375);
    NEAR(raw[2], .78125);
    NEAR(adj[0], .0625);
    NEAR(adj[1], .9140625);
    NEAR(adj[2], .9921875);
    assert_int_equal(ly_max_t(d, 3, 8, true, 0, NULL, raw, adj, NULL), LY_OK);
    NEAR(adj[0], .109375);
    NEAR(adj[1], .859375);
    NEAR(adj[2], .9609375);
}

static void power_and_repeats(void **state)
{
    (void)state;
    NEAR(ly_z_sum2(.05, .8), 7.848879734349088);
    NEAR(ly_rows_for_mean(.05, .8, 1.0 / 9, 1.0 / 6, INFINITY, 1.0 / 6, INFINITY, .03),
         968.9974980677887);
    NEAR(ly_rows_for_mean(.05, .8, 1.0 / 9, 1.0 / 6, 4, 1.0 / 6, 4, .03), 1695.7456216186301);
    NEAR_TOL(ly_rows_for_t(.05, .8, .5), 33.36713118431864, 1e-6);
    NEAR_TOL(ly_rows_for_t(.05, .8, .2), 198.15082095521646, 1e-6);
    NEAR_TOL(ly_t_power(.5 * sqrt(34), 33, .05), 0.8077775012792737, 1e-7);
    NEAR(ly_rows_for_two(.05, .8, .8, .85), 902.6211694501474);
    NEAR(ly_rows_for_mcnemar(.05, .8, .15, .05), 468.56797946031924);
    NEAR(ly_mde_mean(.05, .8, .45, 200), 0.08914589576098526);
    assert_true(isnan(ly_mde_mcnemar(.05, .8, .1, 50)));
    NEAR_TOL(ly_mde_mcnemar(.05, .8, .1, 100), .088, 6e-3);
    NEAR_TOL(ly_mde_mcnemar(.05, .8, .3, 500), .069, 8e-3);
    static const double e1[] = {1, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 1,
                                0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 0, 1};
    ly_components c = ly_repeat_components(e1, 6, 4);
    NEAR(c.msb, 0.5666666666666668);
    NEAR(c.msw, 0.16666666666666666);
    NEAR(c.between, .1);
    NEAR(c.icc, .375);
    NEAR(c.se, 0.1536590742882148);
    NEAR(ly_repeat_variance(&c, 6, 1), .0444444444444444);
    NEAR(ly_repeat_variance(&c, 6, 16), .018402777777777778);
    NEAR(ly_pass_at_k(10, 3, 5), 0.9166666666666666);
    NEAR(ly_pass_hat_k(10, 3, 5), 0);
    NEAR(ly_pass_at_k(10, 8, 5), 1);
    NEAR(ly_pass_hat_k(10, 8, 5), 0.2222222222222222);
    NEAR(ly_pass_at_k(200, 20, 10), 0.660225623763214);
    NEAR_TOL(ly_pass_hat_k(200, 20, 10) * 1e12, 8.229297783610822, 1e-10);
}

static void agreement(void **state)
{
    (void)state;
    static const double a1[] = {45, 15, 10, 30};
    ly_kappa k = ly_cohen(a1, 2, 0, .95);
    NEAR(k.po, .75);
    NEAR(k.kappa, 0.4897959183673469);
    NEAR(k.se, 0.08761217812562529);
    NEAR(k.interval.lo, 0.3180792046340134);
    NEAR(ly_scott_pi(a1, 2), 0.4884910485933504);
    NEAR(ly_gwet_ac1(a1, 2), 0.511002444987775);
    NEAR(ly_matthews(45, 10, 15, 30), 0.4923659639173309);
    static const double paradox[] = {85, 5, 5, 5};
    NEAR_TOL(ly_cohen(paradox, 2, 0, .95).kappa, 0.4444, 1e-3);
    NEAR_TOL(ly_gwet_ac1(paradox, 2), 0.8780, 1e-3);
    static const double a2[] = {10, 3, 1, 0, 2, 12, 4, 1, 0, 3, 15, 4, 0, 1, 2, 12};
    NEAR(ly_cohen(a2, 4, 0, .95).kappa, 0.5952643171806167);
    k = ly_cohen(a2, 4, 1, .95);
    NEAR(k.kappa, 0.7025495750708215);
    NEAR(k.se, 0.061162581755001985);
    k = ly_cohen(a2, 4, 2, .95);
    NEAR(k.kappa, 0.800304298212248);
    NEAR(k.se, 0.05289952974387932);
    static const double x[] = {1, 2, 2, 3, 4, 5, 5, 6}, y[] = {2, 1, 3, 3, 5, 4, 6, 6};
    NEAR(ly_spearman(x, y, 8), 0.8902439024390245);
    NEAR(ly_kendall_b(x, y, 8), 0.7692307692307694);
    static const double a4[] = {0, 0, 0, 0, 14, 0, 2, 6, 4, 2, 0, 0, 3, 5, 6, 0, 3,
                                9, 2, 0, 2, 2,  8, 1, 1, 7, 7, 0, 0, 0, 3, 2, 6, 3,
                                0, 2, 5, 3, 2,  2, 6, 5, 2, 1, 0, 0, 2, 2, 3, 7};
    NEAR(ly_fleiss(a4, 10, 5), 0.20993070442195522);
    const double o = NAN;
    const double a5[] = {1, 2, 3, 3, 2, 1, 4, 1, 2, o, o, o, 1, 2, 3, 3, 2, 2, 4, 1, 2, 5, o, 3,
                         o, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, o, 1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, o};
    NEAR(ly_krippendorff(a5, 4, 12, LY_NOMINAL), 0.743421052631579);
    NEAR(ly_krippendorff(a5, 4, 12, LY_ORDINAL), 0.8153875037548814);
    NEAR(ly_krippendorff(a5, 4, 12, LY_INTERVAL), 0.8491071428571428);
    NEAR(ly_krippendorff(a5, 4, 12, LY_RATIO), 0.7974027747116121);
}

static void labels_and_sequences(void **state)
{
    (void)state;
    static const double y[] = {1, 0, 1, 1, 0, 1, 1, 0, 1, 1}, f[] = {1, 0, 1, 1, 1, 1, 1, 0, 0, 1};
    double u[40];
    for (int i = 0; i < 40; i++) {
        u[i] = i < 24;
    }
    ly_ppi p = ly_ppi_mean(y, f, 10, u, 40, 1, .95);
    NEAR(p.estimate, .6);
    NEAR(p.se, 0.161245154965971);
    p = ly_ppi_mean(y, f, 10, u, 40, -1, .95);
    NEAR(p.lambda, 0.36604414261460105);
    NEAR(p.estimate, 0.66339558573854);
    NEAR(p.se, 0.12870397565625216);
    NEAR(p.interval.hi, 0.915650742691914);
    ly_rogan_gladen r = ly_rogan(.4, 1000, .7, 200, .9, 200, .95);
    NEAR(r.estimate, 0.1666666666666668);
    NEAR(r.smoothed, 0.16564417101173512);
    NEAR_TOL(r.shift, -0.006102295697951261, 1e-10);
    NEAR(r.se, 0.052649513606440504);
    NEAR(r.interval.lo, 0.05635072484160894);
    NEAR(r.interval.hi, 0.2627330257859588);
    assert_false(ly_rogan(.4, 1000, .5, 200, .5, 200, .95).ok);
    NEAR(ly_e_value(8, 2, .5), 1.67578125);
    NEAR(ly_e_value(30, 12, .5), 6.575752328009886);
    ly_interval e = ly_e_interval(8, 2, .05);
    NEAR_TOL(e.lo, 0.34247860841779637, 1e-8);
    NEAR_TOL(e.hi, 0.9906062402332216, 1e-8);
    e = ly_e_interval(20, 0, .05);
    NEAR_TOL(e.lo, 0.7759938879872172, 1e-8);
    NEAR(e.hi, 1);
}

static void verdicts(void **state)
{
    (void)state;
    ly_interval none = {NAN, NAN, false};
    assert_int_equal(ly_verdict_of((ly_interval){.01, .2, true}, none, 0), LY_VERDICT_IMPROVED);
    assert_int_equal(ly_verdict_of((ly_interval){-.2, -.01, true}, none, 0), LY_VERDICT_REGRESSED);
    assert_int_equal(ly_verdict_of((ly_interval){-.1, .1, true}, none, 0), LY_VERDICT_INCONCLUSIVE);
    assert_int_equal(
        ly_verdict_of((ly_interval){-.1, .1, true}, (ly_interval){-.04, .04, true}, .05),
        LY_VERDICT_EQUIVALENT);
    assert_int_equal(
        ly_verdict_of((ly_interval){-.04, .3, true}, (ly_interval){-.02, .2, true}, .05),
        LY_VERDICT_NONINFERIOR);
    assert_int_equal(ly_verdict_of(none, none, .05), LY_VERDICT_INCONCLUSIVE);
    assert_string_equal(ly_verdict_name(LY_VERDICT_NONINFERIOR), "non-inferior");

    ly_compare_opts opts = {.level = .95};
    ly_comparison c;
    ly_prng g;
    ly_prng_init(&g, 7);
    double a[10], b[10];
    for (int i = 0; i < 10; i++) {
        a[i] = .7;
        b[i] = .7 + d1[i] - (d1[i] > .25 ? .1 : 0);
    }
    assert_int_equal(ly_compare(a, b, 10, &opts, &g, &c, NULL), LY_OK);
    assert_int_equal(c.wins + c.ties + c.losses, 10);
    assert_int_equal(c.verdict, LY_VERDICT_INCONCLUSIVE);
    assert_string_equal(c.test, "sign-flip exact");
    /* Binary: 20 rows, 12 gained and none lost, is an improvement; latency reads the other way. */
    double x[20], y[20];
    for (int i = 0; i < 20; i++) {
        x[i] = i < 4;
        y[i] = i < 16;
    }
    assert_int_equal(ly_compare(x, y, 20, &opts, &g, &c, NULL), LY_OK);
    assert_true(c.binary);
    assert_int_equal(c.verdict, LY_VERDICT_IMPROVED);
    opts.lower_is_better = true;
    assert_int_equal(ly_compare(x, y, 20, &opts, &g, &c, NULL), LY_OK);
    assert_int_equal(c.verdict, LY_VERDICT_REGRESSED);
    assert_int_equal(c.losses, 12);
    /* The same graded answer on two rows proves nothing, even with a margin. */
    double s[] = {.5, .5};
    opts = (ly_compare_opts){.level = .95, .margin = .05};
    assert_int_equal(ly_compare(s, s, 2, &opts, &g, &c, NULL), LY_OK);
    assert_int_equal(c.verdict, LY_VERDICT_INCONCLUSIVE);
    assert_int_equal(ly_compare(s, s, 0, &opts, &g, &c, NULL), LY_OK);
    assert_false(c.ok);
}

static void estimates_choose_their_method(void **state)
{
    (void)state;
    ly_prng g;
    ly_prng_init(&g, 42);
    ly_estimate e;
    static const double bits[] = {1, 1, 1, 1, 1, 1, 1, 1, 0, 0};
    assert_int_equal(ly_estimate_mean(bits, 10, .95, &g, &e, NULL), LY_OK);
    assert_string_equal(e.method, "Wilson");
    NEAR(e.interval.lo, 0.49016247153664183);
    ly_prng_init(&g, 42);
    assert_int_equal(ly_estimate_mean(m1, 10, .95, &g, &e, NULL), LY_OK);
    assert_string_equal(e.method, "BCa");
    NEAR(e.interval.lo, .55);
    assert_int_equal(ly_estimate_mean(m1, 0, .95, &g, &e, NULL), LY_OK);
    assert_false(e.ok);
    assert_true(isnan(e.mean));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prng_vectors),    cmocka_unit_test(special_functions),
        cmocka_unit_test(m1_one_mean),     cmocka_unit_test(m2_bootstrap),
        cmocka_unit_test(c1_clusters),     cmocka_unit_test(p1_proportions),
        cmocka_unit_test(t1_groups),       cmocka_unit_test(b1_binary_pairs),
        cmocka_unit_test(d1_graded_pairs), cmocka_unit_test(q1_quantiles_and_ratio),
        cmocka_unit_test(h_multiplicity),  cmocka_unit_test(power_and_repeats),
        cmocka_unit_test(agreement),       cmocka_unit_test(labels_and_sequences),
        cmocka_unit_test(verdicts),        cmocka_unit_test(estimates_choose_their_method),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
