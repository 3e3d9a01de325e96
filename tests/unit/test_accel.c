/* The accelerator search engine: its gradient against slow versions written from the formulas, and
 * its contract. How well it searches is in test_accel_quality.c. */
#include "accel_fixture.h"
#include "run/task_state.h"
#include "search/accel.h"

#define LOSS 0.731

/* An engine with random logits, ready to sample the example network. */
static cs_accel *random_engine(accel_world *w, cs_accel_kind kind, uint64_t seed)
{
    cs_accel *e = engine_new(w, kind, CS_ACCEL_INTERVAL);
    cs_rng rng;
    cs_rng_seed(&rng, seed);
    for (size_t i = 0; i < e->logits->count; i++)
        e->logits->value[i] = (float)cs_rng_normal(&rng);
    cs_space_canonical(w->space, &w->network, &w->network);
    cs_space_active(w->space, &w->network, e->active);
    return e;
}

static accel_world example(const char *hw)
{
    accel_world w = world_new("fbnet:cifar", hw, 900.0, 700.0);
    test_set_network(w.space, &w.network, EXAMPLE_OPS, EXAMPLE_BITS);
    return w;
}

/* softmax((logit + noise) / tau) of entry k over first..n-1, without any guard. */
static double slow_softmax(const float *logit, const double *noise, double shift, size_t moved,
                           size_t first, size_t n, double tau, size_t k)
{
    double sum = 0.0, top = 0.0;
    for (size_t j = first; j < n; j++) {
        const double x = (double)logit[j] + (j == moved ? shift : 0.0) + (noise ? noise[j] : 0.0);
        sum += exp(x / tau);
        top = j == k ? exp(x / tau) : top;
    }
    return top / sum;
}

/* Loss as the formula says it, as a function of one logit of one row:
 *   ours      LOSS * p_k / stop(p_k),           p without noise, the other rows' factors being 1
 *   released  LOSS * (y_k + stop(1 - y_k)),     y with the noise of the sample  */
static double slow_loss(cs_accel_kind kind, const float *logit, const double *noise, double shift,
                        size_t moved, size_t first, size_t n, size_t k)
{
    if (kind == CS_ACCEL_GRADIENT)
        return LOSS * slow_softmax(logit, NULL, shift, moved, first, n, 1.0, k) /
               slow_softmax(logit, NULL, 0.0, moved, first, n, 1.0, k);
    return LOSS * (slow_softmax(logit, noise, shift, moved, first, n, 1.0, k) + 1.0 -
                   slow_softmax(logit, noise, 0.0, moved, first, n, 1.0, k));
}

static void check_gradient(cs_accel_kind kind, uint64_t seed)
{
    accel_world w = example("fpga-chunk:free");
    cs_accel *e = random_engine(&w, kind, seed);
    double credit[CS_DECISIONS_MAX], noise[64];
    float before[CS_DECISIONS_MAX * 40];
    cs_rng rng, twin;
    cs_design d = w.network;
    cs_rng_seed(&rng, seed + 1);
    twin = rng;
    memcpy(before, e->logits->value, e->logits->count * sizeof *before);
    for (size_t u = 0; u <= e->n_units; u++)
        credit[u] = LOSS;
    accel_sample(e, &rng, &d);
    accel_learn(e, &d, credit);
    size_t learnt = 0;
    for (size_t r = 0; r < e->n; r++) {
        const float *logit = &before[e->logits->offset[r]];
        const size_t n = e->logits->n[r], first = cs_space_first(w.space, &d, e->first + r);
        if (!e->active[e->first + r] || n - first < 2) {
            cr_assert_eq(e->logits->steps[r], 0);
            continue;
        }
        for (size_t j = first; j < n && kind == CS_ACCEL_RELEASED; j++)
            noise[j] = cs_rng_gumbel(&twin);
        for (size_t j = 0; j < n; j++) {
            const double h = 1e-5;
            const size_t k = d.choice[e->first + r];
            const double slope = j < first ? 0.0
                                           : (slow_loss(kind, logit, noise, h, j, first, n, k) -
                                              slow_loss(kind, logit, noise, -h, j, first, n, k)) /
                                                 (2.0 * h);
            cr_assert_float_eq((double)e->logits->grad[e->logits->offset[r] + j], slope, 1e-6,
                               "row %zu: gradient[%zu] %g, slope %g", r, j,
                               (double)e->logits->grad[e->logits->offset[r] + j], slope);
        }
        learnt++;
    }
    cr_assert_gt(learnt, 60);
    cs_accel_free(e);
    cs_space_free(w.space);
}

Test(accel, gradient_is_that_of_the_formula)
{
    for (uint64_t seed = 1; seed <= 5; seed++)
        check_gradient(CS_ACCEL_GRADIENT, seed);
}

Test(accel, released_gradient_is_that_of_the_formula)
{
    for (uint64_t seed = 1; seed <= 5; seed++)
        check_gradient(CS_ACCEL_RELEASED, seed);
}

/* Choices of every row follow the softmax of its logits over what the cap allows: chi-square,
 * 99.99 % point of 2 degrees of freedom, over the rows with exactly three allowed choices. */
Test(accel, samples_follow_the_logits_and_keep_caps)
{
    accel_world w = example("fpga-chunk-published");
    cs_accel *e = random_engine(&w, CS_ACCEL_GRADIENT, 3);
    static int seen[CS_DECISIONS_MAX][3];
    static double expected[CS_DECISIONS_MAX][3];
    cs_rng rng;
    cs_rng_seed(&rng, 4);
    for (int s = 0; s < 3000; s++) {
        cs_design d = w.network;
        accel_sample(e, &rng, &d);
        cr_assert_eq(cs_space_check(w.space, &d, NULL), CS_OK);
        for (size_t r = 0; r < e->n; r++) {
            const size_t n = e->logits->n[r], first = cs_space_first(w.space, &d, e->first + r);
            if (!e->active[e->first + r])
                cr_assert_eq(d.choice[e->first + r], 0);
            else if (n - first == 3) {
                for (size_t j = 0; j < 3; j++)
                    expected[r][j] += slow_softmax(&e->logits->value[e->logits->offset[r]], NULL,
                                                   0.0, 0, first, n, 1.0, first + j);
                seen[r][d.choice[e->first + r] - first]++;
            }
        }
    }
    size_t checked = 0;
    for (size_t r = 0; r < e->n; r++) {
        double chi = 0.0, least = INFINITY;
        for (size_t j = 0; j < 3; j++) {
            chi += pow(seen[r][j] - expected[r][j], 2.0) / expected[r][j];
            least = fmin(least, expected[r][j]);
        }
        if (!(least >= 10.0))
            continue;
        cr_expect_lt(chi, 18.4, "row %zu: chi-square %.1f", r, chi);
        checked++;
    }
    cr_expect_gt(checked, 20);
    cs_accel_free(e);
    cs_space_free(w.space);
}

Test(accel, only_decisions_that_matter_are_learnt)
{
    accel_world w = world_new("fbnet:micro", "fpga-chunk", 200.0, 300.0);
    cs_design found;
    test_set_network(w.space, &w.network, "k3_e3", "8");
    cs_accel *e = engine_new(&w, CS_ACCEL_GRADIENT, CS_ACCEL_INTERVAL);
    search_on(&w, e, 50, 1, &found);
    size_t learnt = 0;
    for (size_t r = 0; r < e->n; r++) {
        const size_t at = e->logits->offset[r];
        if (!e->active[e->first + r]) {
            cr_assert_eq(e->logits->steps[r], 0);
            for (size_t j = 0; j < e->logits->n[r]; j++)
                cr_assert_eq(e->logits->value[at + j], 1e-3f);
        } else if (e->logits->steps[r] > 0)
            learnt++;
    }
    cr_assert_gt(learnt, 10);
    cs_accel_free(e);
    cs_space_free(w.space);
}

/* ---- contract ---- */

Test(accel, same_seed_same_bytes)
{
    accel_world w = example("fpga-chunk");
    cs_design a, b, c;
    for (int kind = CS_ACCEL_GRADIENT; kind <= CS_ACCEL_RANDOM; kind++) {
        cs_accel *e[3];
        for (int i = 0; i < 3; i++)
            e[i] = engine_new(&w, (cs_accel_kind)kind, CS_ACCEL_INTERVAL);
        const cs_accel_result x = search_on(&w, e[0], 300, 5, &a);
        const cs_accel_result y = search_on(&w, e[1], 300, 5, &b);
        search_on(&w, e[2], 300, 6, &c);
        cr_expect_eq(x.cost, y.cost);
        cr_expect_arr_eq(a.choice, b.choice, sizeof a.choice);
        cr_expect_arr_neq(a.choice, c.choice, sizeof a.choice);
        cr_expect_arr_eq(e[0]->logits->value, e[1]->logits->value,
                         e[0]->logits->count * sizeof(float));
        for (int i = 0; i < 3; i++)
            cs_accel_free(e[i]);
    }
    cs_space_free(w.space);
}

Test(accel, save_and_load_go_on_as_if_nothing_had_happened)
{
    accel_world w = example("fpga-chunk");
    w.limits.dsp_max = 60.0; /* prices are not 0 */
    cs_design a, b;
    cs_sink *sink;
    cs_source *source;
    size_t n;
    cs_accel *e = engine_new(&w, CS_ACCEL_GRADIENT, CS_ACCEL_INTERVAL);
    cs_accel *copy = engine_new(&w, CS_ACCEL_GRADIENT, CS_ACCEL_INTERVAL);
    search_on(&w, e, 200, 1, &a);
    cr_assert_gt(e->price[0], 0.0);
    cr_assert_eq(cs_sink_new(&sink), CS_OK);
    cr_assert_eq(cs_accel_save(e, sink), CS_OK);
    const void *bytes = cs_sink_bytes(sink, &n);
    cr_assert_eq(cs_source_new(bytes, n - 8, &source), CS_OK); /* torn */
    cr_expect_neq(cs_accel_load(copy, source), CS_OK);
    cs_source_free(source);
    cr_expect_eq(copy->price[0], 0.0);
    cr_assert_eq(cs_source_new(bytes, n, &source), CS_OK);
    cr_assert_eq(cs_accel_load(copy, source), CS_OK);
    cs_source_free(source);
    cs_sink_free(sink);
    const cs_accel_result x = search_on(&w, e, 200, 2, &a);
    const cs_accel_result y = search_on(&w, copy, 200, 2, &b);
    cr_expect_eq(x.cost, y.cost);
    cr_expect_arr_eq(a.choice, b.choice, sizeof a.choice);
    cr_expect_arr_eq(e->logits->value, copy->logits->value, e->logits->count * sizeof(float));
    cs_accel_free(e);
    cs_accel_free(copy);
    cs_space_free(w.space);
}

Test(accel, spent_budget_returns_the_best_so_far)
{
    accel_world w = example("fpga-chunk");
    cs_accel *e = engine_new(&w, CS_ACCEL_GRADIENT, CS_ACCEL_INTERVAL);
    cs_accel_result result;
    cs_hw_report report;
    cs_rng rng;
    cs_design d = w.network;
    cs_rng_seed(&rng, 1);
    w.budget = 57;
    cr_expect_eq(cs_accel_search(e, &d, false, 2000, &rng, world_query, &w, NULL, NULL, &result),
                 CS_STOP);
    cr_expect_eq(result.samples, 57);
    cr_assert_eq(cs_space_cost(w.space, &d, &w.limits, &report), CS_OK);
    cr_expect_eq(cs_accel_cost_of(CS_ACCEL_INTERVAL, &report.total), result.cost);
    const cs_design kept = d;
    cr_expect_eq(cs_accel_search(e, &d, false, 2000, &rng, world_query, &w, NULL, NULL, &result),
                 CS_STOP);
    cr_expect_eq(result.samples, 0);
    cr_expect(isnan(result.cost) && !result.feasible);
    cr_expect_arr_eq(d.choice, kept.choice, sizeof d.choice);
    cs_accel_free(e);
    cs_space_free(w.space);
}

/* Sees that best is the smallest feasible cost and that every sample is told once. */
typedef struct watched {
    uint64_t samples;
    double first, best;
} watched;

static void watch(void *context, uint64_t sample, double cost, double best)
{
    watched *seen = context;
    cr_assert_eq(sample, ++seen->samples);
    if (sample == 1)
        seen->first = cost;
    cr_assert_leq(best, seen->best);
    cr_assert(best == seen->best || best == cost);
    seen->best = best;
}

Test(accel, given_accelerator_is_the_first_sample)
{
    accel_world w = example("fpga-chunk-published");
    cs_design optimum = w.network;
    cs_solution solution;
    cr_assert_eq(cs_space_solve(w.space, &w.limits, &optimum, &solution, NULL), CS_OK);
    for (int kind = CS_ACCEL_GRADIENT; kind <= CS_ACCEL_RANDOM; kind++) {
        cs_accel *e = engine_new(&w, (cs_accel_kind)kind, CS_ACCEL_INTERVAL);
        watched seen = {.best = INFINITY};
        cs_accel_result result;
        cs_design d = optimum;
        cs_rng rng;
        cs_rng_seed(&rng, 1);
        cr_assert_eq(cs_accel_search(e, &d, true, 40, &rng, world_query, &w, watch, &seen, &result),
                     CS_OK);
        cr_expect_eq(result.samples, 40);
        cr_expect_eq(seen.samples, 40);
        cr_expect_float_eq(1.0 / seen.first, solution.fps, 1e-9);
        cr_expect_float_eq(result.hw.fps, solution.fps, 1e-9);
        cs_accel_free(e);
    }
    cs_space_free(w.space);
}

Test(accel, exact_is_the_solver)
{
    accel_world w = example("fpga-chunk");
    cs_design d;
    cs_solution solution;
    cs_accel *e = engine_new(&w, CS_ACCEL_EXACT, CS_ACCEL_INTERVAL);
    const cs_accel_result result = search_on(&w, e, 2000, 1, &d);
    cr_assert_eq(cs_space_solve(w.space, &w.limits, &d, &solution, NULL), CS_OK);
    cr_expect_eq(result.hw.fps, solution.fps);
    cr_expect_eq(result.samples, 1);
    cr_expect(result.feasible);
    cs_accel_free(e);

    cs_accel_result none;
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    e = engine_new(&w, CS_ACCEL_EXACT, CS_ACCEL_LATENCY);
    cr_expect_eq(cs_accel_search(e, &d, false, 9, &rng, world_query, &w, NULL, NULL, &none),
                 CS_EUSAGE);
    cs_accel_free(e);

    w.limits.dsp_max = 0.5; /* nobody can */
    d = w.network;
    e = engine_new(&w, CS_ACCEL_EXACT, CS_ACCEL_INTERVAL);
    cr_expect_eq(cs_accel_search(e, &d, false, 9, &rng, world_query, &w, NULL, NULL, &none), CS_OK);
    cr_expect(!none.feasible);
    cr_expect_eq(none.samples, 1);
    cs_accel_free(e);
    cs_space_free(w.space);
}

Test(accel, nothing_fits_and_the_nearest_is_returned)
{
    accel_world w = example("fpga-chunk-published");
    cs_design d;
    w.limits.dsp_max = 0.5;
    cs_accel *e = engine_new(&w, CS_ACCEL_GRADIENT, CS_ACCEL_INTERVAL);
    const cs_accel_result ours = search_on(&w, e, 500, 1, &d);
    cs_accel *random = engine_new(&w, CS_ACCEL_RANDOM, CS_ACCEL_INTERVAL);
    const cs_accel_result uniform = search_on(&w, random, 500, 1, &d);
    cr_expect(!ours.feasible && !uniform.feasible);
    cr_expect_lt(ours.hw.dsp, 0.8 * uniform.hw.dsp, "%g against %g DSP", ours.hw.dsp,
                 uniform.hw.dsp);
    cs_accel_free(e);
    cs_accel_free(random);
    cs_space_free(w.space);
}

Test(accel, bad_calls)
{
    accel_world w = example("fpga-chunk");
    cs_accel_options o = cs_accel_defaults(CS_ACCEL_GRADIENT, CS_ACCEL_INTERVAL);
    cs_accel *e;
    cs_accel_result result;
    cs_rng rng;
    cs_design d = w.network;
    cs_rng_seed(&rng, 1);
    o.baseline = 1.0;
    cr_expect_eq(cs_accel_new(w.space, &w.limits, &o, &e), CS_EUSAGE);
    o.baseline = 0.9;
    o.tau = 0.0;
    cr_expect_eq(cs_accel_new(w.space, &w.limits, &o, &e), CS_EUSAGE);
    e = engine_new(&w, CS_ACCEL_GRADIENT, CS_ACCEL_INTERVAL);
    cr_expect_eq(cs_accel_search(e, &d, false, 0, &rng, world_query, &w, NULL, NULL, &result),
                 CS_EUSAGE);
    d.choice[0] = 99;
    cr_expect_eq(cs_accel_search(e, &d, false, 9, &rng, world_query, &w, NULL, NULL, &result),
                 CS_EOUTSIDE);
    cs_accel_free(e);
    cs_accel_free(NULL);
    cs_space_free(w.space);
}

Test(accel, exact_follows_the_objective_of_the_model)
{
    accel_world w = world_new("fbnet:micro", "asic-hetero-published", INFINITY, INFINITY);
    cs_design d;
    cs_rng rng;
    cs_accel_result result;
    cs_solution solution;
    test_set_network(w.space, &w.network, "k3_e3", "8");
    cs_space_repair(w.space, &w.network);
    cs_accel *e = engine_new(&w, CS_ACCEL_EXACT, CS_ACCEL_EDP);
    result = search_on(&w, e, 10, 1, &d);
    cs_accel_free(e);
    cr_assert_eq(cs_space_solve(w.space, &w.limits, &d, &solution, NULL), CS_OK);
    cr_expect_float_eq(result.cost, solution.edp_js, 1e-12 * solution.edp_js);
    cs_rng_seed(&rng, 1);
    e = engine_new(&w, CS_ACCEL_EXACT, CS_ACCEL_INTERVAL);
    cr_expect_eq(cs_accel_search(e, &d, false, 9, &rng, world_query, &w, NULL, NULL, &result),
                 CS_EUSAGE);
    cs_accel_free(e);
    cs_space_free(w.space);
}

/* Few samples move fast; a warm engine goes gently, and does so too after loading. */
Test(accel, learning_rate_follows_the_samples_drawn)
{
    accel_world w = example("fpga-chunk-published");
    cs_design d;
    cs_accel *e = engine_new(&w, CS_ACCEL_GRADIENT, CS_ACCEL_INTERVAL);
    search_on(&w, e, 100, 1, &d);
    cr_expect_float_eq(e->adam[0].lr, 0.05, 1e-12);
    search_on(&w, e, 1100, 2, &d);
    cr_expect_float_eq(e->adam[0].lr, 30.0 / 1200.0, 1e-12);
    search_on(&w, e, 10000, 3, &d);
    cr_expect_float_eq(e->adam[0].lr, 0.01, 1e-12);
    cs_accel_free(e);
    e = engine_new(&w, CS_ACCEL_RELEASED, CS_ACCEL_INTERVAL);
    search_on(&w, e, 100, 1, &d);
    cr_expect_eq(e->adam[0].lr, 1e-7);
    cs_accel_free(e);
    cs_space_free(w.space);
}

/* Chunks of the FPGA serve the layers that the network gives them; a mapper moves layers between
 * the units of a heterogeneous ASIC, whose own cycles then say nothing. */
Test(accel, credit_is_apart_where_layers_stay)
{
    static const struct {
        const char *hw;
        bool apart;
    } cases[] = {{"fpga-chunk", true}, {"asic-pe", true}, {"asic-hetero-published:4", false}};
    for (size_t i = 0; i < 3; i++) {
        accel_world w = world_new("fbnet:micro", cases[i].hw, INFINITY, INFINITY);
        cs_design d;
        test_set_network(w.space, &w.network, "k3_e3", "8");
        cs_space_repair(w.space, &w.network);
        cs_accel *e = engine_new(&w, CS_ACCEL_GRADIENT, CS_ACCEL_LATENCY);
        search_on(&w, e, 50, 1, &d);
        bool own = false;
        for (size_t u = 0; u < e->n_units; u++)
            own = own || (e->apart && e->unit[u].seen);
        cr_expect_eq(own, cases[i].apart, "%s", cases[i].hw);
        cs_accel_free(e);
        cs_space_free(w.space);
    }
}
