/* How well the accelerator search engine searches: the numbers the suite states about it. */
#include "accel_fixture.h"

#define SAMPLES 2000

static accel_world example(const char *net_space, const char *hw)
{
    accel_world w = world_new(net_space, hw, 900.0, 700.0);
    test_set_network(w.space, &w.network, EXAMPLE_OPS, EXAMPLE_BITS);
    return w;
}

/* Images per second over seeds 1..n. */
static void fps_of(accel_world *w, cs_accel_kind kind, size_t n, double *fps)
{
    for (size_t i = 0; i < n; i++)
        fps[i] = 1.0 / search_once(w, kind, CS_ACCEL_INTERVAL, SAMPLES, 1 + i);
}

static double median_fps(const char *net_space, const char *hw)
{
    accel_world w = example(net_space, hw);
    double fps[10];
    fps_of(&w, CS_ACCEL_GRADIENT, 10, fps);
    cs_space_free(w.space);
    return median(fps, 10);
}

/* Optima: 176.80 and 100.66 with compute mode 1, 407.36 with a free one; 10,000 uniform samples
 * reach 87 to 95. */
Test(accel_quality, gradient_reaches_the_known_optima)
{
    const double fixed = median_fps("fbnet:cifar", "fpga-chunk-published");
    const double mode_free = median_fps("fbnet:cifar", "fpga-chunk-published:free");
    const double imagenet = median_fps("fbnet:imagenet", "fpga-chunk-published");
    cr_expect_geq(fixed, 170.0, "median %.2f of 176.80 FPS", fixed);
    cr_expect_geq(mode_free, 380.0, "median %.2f of 407.36 FPS", mode_free);
    cr_expect_geq(imagenet, 95.0, "median %.2f of 100.66 FPS", imagenet);
}

/* Mann-Whitney: z of the normal approximation, samples from one distribution being equally likely
 * to be the larger. Searches end on different designs, so ties are rare. */
static double rank_sum_z(const double *a, const double *b, size_t n)
{
    double u = 0.0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            u += a[i] > b[j] ? 1.0 : a[i] == b[j] ? 0.5 : 0.0;
    const double m = (double)n;
    return (u - 0.5 * m * m) / sqrt(m * m * (2.0 * m + 1.0) / 12.0);
}

/* The authors' step of 1e-7 cannot move a logit: 2,000 steps are 2e-4. */
Test(accel_quality, released_engine_is_random_search)
{
    static const char *const spaces[2] = {"fbnet:cifar", "fbnet:imagenet"};
    enum { N = 24 };
    for (size_t s = 0; s < 2; s++) {
        accel_world w = example(spaces[s], "fpga-chunk-published");
        double released[N], uniform[N], ours[N];
        fps_of(&w, CS_ACCEL_RELEASED, N, released);
        fps_of(&w, CS_ACCEL_RANDOM, N, uniform);
        fps_of(&w, CS_ACCEL_GRADIENT, N, ours);
        const double z = rank_sum_z(released, uniform, N);
        cr_expect_lt(fabs(z), 1.96, "%s: z = %.2f (p < 0.05)", spaces[s], z);
        const double apart = rank_sum_z(ours, uniform, N); /* the test does tell them apart */
        cr_expect_gt(apart, 5.0, "%s: gradient against random z = %.2f", spaces[s], apart);
        cs_space_free(w.space);
    }
}

/* Fraction of the exact optimum on random networks: median and worst of n. */
static void fractions(const char *hw, double dsp, size_t n, double *mid, double *worst)
{
    accel_world w = world_new("fbnet:cifar", hw, dsp, 700.0);
    double fraction[32];
    size_t solved = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        cs_solution solution;
        cs_rng rng;
        cs_rng_seed(&rng, 500 + seed);
        cs_space_sample(w.space, &rng, &w.network);
        cs_design optimum = w.network;
        if (cs_space_solve(w.space, &w.limits, &optimum, &solution, NULL) != CS_OK)
            continue;
        fraction[solved++] = 1.0 /
                             search_once(&w, CS_ACCEL_GRADIENT, CS_ACCEL_INTERVAL, SAMPLES, seed) /
                             solution.fps;
    }
    cr_assert_gt(solved, n / 2);
    *mid = median(fraction, solved);
    *worst = fraction[0];
    cs_space_free(w.space);
}

Test(accel_quality, random_networks_under_loose_and_tight_limits)
{
    static const struct {
        const char *hw;
        double dsp, mid, worst;
    } cases[] = {
        {"fpga-chunk-published", 900.0, 0.99, 0.90},
        {"fpga-chunk-published:free", 900.0, 0.99, 0.4},
        {"fpga-chunk", 900.0, 0.99, 0.90},
        {"fpga-chunk:free", 900.0, 0.99, 0.4},
        {"fpga-chunk-published", 60.0, 0.97, 0.80},
        {"fpga-chunk", 60.0, 0.97, 0.80},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double mid, worst;
        fractions(cases[i].hw, cases[i].dsp, 10, &mid, &worst);
        cr_expect_geq(mid, cases[i].mid, "%s, %g DSP: median %.3f", cases[i].hw, cases[i].dsp, mid);
        cr_expect_geq(worst, cases[i].worst, "%s, %g DSP: worst %.3f", cases[i].hw, cases[i].dsp,
                      worst);
    }
}

/* Where almost every uniform sample breaks the limits, the released engine learns nothing and finds
 * little; ours is led back by the prices. */
Test(accel_quality, learns_from_samples_that_break_the_limits)
{
    accel_world w = example("fbnet:cifar", "fpga-chunk-published");
    w.limits.dsp_max = 15.0;
    w.limits.bram_max = 200.0;
    cs_design optimum = w.network;
    cs_solution solution;
    cr_assert_eq(cs_space_solve(w.space, &w.limits, &optimum, &solution, NULL), CS_OK);
    double ours[6], uniform[6];
    fps_of(&w, CS_ACCEL_GRADIENT, 6, ours);
    fps_of(&w, CS_ACCEL_RANDOM, 6, uniform);
    const double a = median(ours, 6), b = median(uniform, 6);
    cr_expect_gt(a, 0.9 * solution.fps, "%.1f of %.1f FPS", a, solution.fps);
    cr_expect_gt(a, 1.4 * b, "%.1f against %.1f FPS of uniform samples", a, b);
    cs_space_free(w.space);
}

/* A second call on the same network starts where the first one ended. */
Test(accel_quality, warm_start)
{
    accel_world w = example("fbnet:cifar", "fpga-chunk-published");
    cs_design found;
    double cold[5], warm[5];
    for (uint64_t seed = 0; seed < 5; seed++) {
        cs_accel *e = engine_new(&w, CS_ACCEL_GRADIENT, CS_ACCEL_INTERVAL);
        search_on(&w, e, SAMPLES, seed, &found);
        warm[seed] = search_on(&w, e, 20, seed + 50, &found).hw.fps;
        cs_accel_free(e);
        cold[seed] = 1.0 / search_once(&w, CS_ACCEL_GRADIENT, CS_ACCEL_INTERVAL, 20, seed + 50);
    }
    const double a = median(warm, 5), b = median(cold, 5);
    cr_expect_gt(a, 160.0, "20 samples after a search of 2,000: %.1f FPS", a);
    cr_expect_gt(a, 2.0 * b, "warm %.1f, cold %.1f FPS", a, b);
    cs_space_free(w.space);
}

/* Another platform, other goals: sums over units instead of a slowest stage, capacities of the
 * accelerator instead of DSPs. */
Test(accel_quality, goals_of_an_asic)
{
    static const cs_accel_goal goals[] = {CS_ACCEL_INTERVAL, CS_ACCEL_LATENCY, CS_ACCEL_ENERGY,
                                          CS_ACCEL_EDP};
    accel_world w = world_new("fbnet:cifar", "asic-pe-published", INFINITY, INFINITY);
    test_set_network(w.space, &w.network, EXAMPLE_OPS, EXAMPLE_BITS);
    for (size_t g = 0; g < 4; g++) {
        double ours[5], uniform[5];
        for (uint64_t seed = 0; seed < 5; seed++) {
            ours[seed] = search_once(&w, CS_ACCEL_GRADIENT, goals[g], 600, seed);
            uniform[seed] = search_once(&w, CS_ACCEL_RANDOM, goals[g], 600, seed);
        }
        const double a = median(ours, 5), b = median(uniform, 5);
        cr_expect_lt(a, 0.95 * b, "goal %zu: %g against %g of uniform samples", g, a, b);
    }
    cs_space_free(w.space);
}
