#include "cosearch/search.h"
#include "run/task_config.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Decision i may take choices from `first[i]` on; a cap makes decision i start at the value of
 * decision cap[i], as tile sizes do. */
typedef struct fixture {
    cs_engine *engine;
    cs_controller *controller;
    cs_rng rng;
} fixture;

#define N 6
static const uint16_t choices[N] = {3, 1, 4, 5, 2, 4};

/* Decision 3 is capped by decision 2; decision 4 is forced to 0 if decision 0 is 2. */
static void allowed(void *context, const uint16_t *choice, size_t i, uint16_t *first, uint16_t *end)
{
    (void)context;
    *first = i == 3 ? choice[2] : 0;
    *end = i == 4 && choice[0] == 2 ? 1 : choices[i];
}

static const cs_mask mask = {NULL, allowed};

static fixture setup(const uint16_t *n_choices, size_t n, int hidden, int embedding, uint64_t seed)
{
    fixture f = {0};
    cr_assert_eq(cs_engine_new(1, &f.engine), CS_OK);
    cs_rng_seed(&f.rng, seed);
    const cs_controller_shape shape = {n_choices, n, hidden, embedding};
    cr_assert_eq(cs_controller_new(f.engine, &shape, &f.rng, &f.controller), CS_OK);
    return f;
}

static void teardown(fixture *f)
{
    cs_controller_free(f->controller);
    cs_engine_free(f->engine);
}

Test(controller, samples_respect_the_mask)
{
    fixture f = setup(choices, N, 7, 5, 1);
    unsigned seen[N][8] = {{0}};
    for (int k = 0; k < 2000; k++) {
        uint16_t a[N];
        double drawn, replayed;
        cr_assert_eq(cs_controller_sample(f.controller, &mask, &f.rng, 0, a, &drawn), CS_OK);
        for (size_t i = 0; i < N; i++) {
            uint16_t first, end;
            allowed(NULL, a, i, &first, &end);
            cr_assert(a[i] >= first && a[i] < end, "decision %zu", i);
            seen[i][a[i]]++;
        }
        cr_assert_eq(cs_controller_log_prob(f.controller, &mask, a, 0, &replayed), CS_OK);
        cr_assert_float_eq(drawn, replayed, 1e-9);
    }
    for (size_t i = 0; i < N; i++)
        for (uint16_t j = 0; j < choices[i]; j++)
            cr_assert_gt(seen[i][j], 0u, "decision %zu never takes %u", i, (unsigned)j);
    teardown(&f);
}

/* The probabilities of all sequences add up to one, also of all continuations of a prefix. */
static double total(cs_controller *c, uint16_t *a, size_t i, size_t from)
{
    if (i == N) {
        double log_p;
        cr_assert_eq(cs_controller_log_prob(c, &mask, a, from, &log_p), CS_OK);
        return exp(log_p);
    }
    uint16_t first, end;
    double sum = 0.0;
    allowed(NULL, a, i, &first, &end);
    for (uint16_t j = first; j < end; j++) {
        a[i] = j;
        sum += total(c, a, i + 1, from);
    }
    return sum;
}

Test(controller, is_a_distribution)
{
    fixture f = setup(choices, N, 6, 4, 2);
    uint16_t a[N] = {0};
    cr_assert_float_eq(total(f.controller, a, 0, 0), 1.0, 1e-5);
    a[0] = 2;
    a[1] = 0;
    a[2] = 1;
    cr_assert_float_eq(total(f.controller, a, 3, 3), 1.0, 1e-5);
    teardown(&f);
}

Test(controller, prefix_is_kept_and_conditions_the_rest)
{
    fixture f = setup(choices, N, 6, 4, 3);
    uint16_t a[N] = {1, 0, 2};
    double p1, p2;
    for (int k = 0; k < 50; k++) {
        cr_assert_eq(cs_controller_sample(f.controller, &mask, &f.rng, 3, a, NULL), CS_OK);
        cr_assert(a[0] == 1 && a[2] == 2 && a[3] >= 2);
    }
    a[3] = 3, a[4] = 0, a[5] = 1;
    cr_assert_eq(cs_controller_log_prob(f.controller, &mask, a, 3, &p1), CS_OK);
    a[0] = 0;
    cr_assert_eq(cs_controller_log_prob(f.controller, &mask, a, 3, &p2), CS_OK);
    cr_assert_gt(fabs(p1 - p2), 1e-6);
    a[3] = 0; /* below the cap */
    cr_assert_eq(cs_controller_log_prob(f.controller, &mask, a, 3, &p2), CS_EOUTSIDE);
    teardown(&f);
}

Test(controller, greedy_is_the_mode_of_each_step)
{
    fixture f = setup(choices, N, 6, 4, 4);
    uint16_t a[N], b[N];
    cr_assert_eq(cs_controller_greedy(f.controller, &mask, 0, a, NULL), CS_OK);
    for (size_t i = N; i-- > 0;) { /* changing the last free decision never helps */
        uint16_t first, end;
        allowed(NULL, a, i, &first, &end);
        if (end - first == 1)
            continue;
        double top, other;
        cr_assert_eq(cs_controller_log_prob(f.controller, &mask, a, 0, &top), CS_OK);
        memcpy(b, a, sizeof b);
        for (uint16_t j = first; j < end; j++) {
            b[i] = j;
            cr_assert_eq(cs_controller_log_prob(f.controller, &mask, b, 0, &other), CS_OK);
            cr_assert_leq(other, top);
        }
        break;
    }
    teardown(&f);
}

typedef struct objective {
    uint16_t a[2][N];
    cs_policy_term term[2];
} objective;

/* What cs_controller_gradient claims to differentiate, from log-probabilities of single steps
 * (differences of suffixes) and entropies by enumeration of one step's choices. */
static double value(cs_controller *c, const objective *o)
{
    double sum = 0.0;
    for (size_t e = 0; e < 2; e++) {
        const cs_policy_term *term = &o->term[e];
        double step_log[N], step_entropy[N];
        size_t own = 0;
        for (size_t i = term->from; i < N; i++) {
            uint16_t first, end, b[N];
            allowed(NULL, o->a[e], i, &first, &end);
            if (end - first == 1)
                continue;
            /* p(choice of i) = p(suffix from i) / p(suffix from i + 1), the rest greedy */
            double entropy = 0.0, log_p, rest, own_log = 0.0;
            for (uint16_t j = first; j < end; j++) {
                memcpy(b, o->a[e], sizeof b);
                b[i] = j;
                cr_assert_eq(cs_controller_greedy(c, &mask, i + 1, b, &rest), CS_OK);
                cr_assert_eq(cs_controller_log_prob(c, &mask, b, i, &log_p), CS_OK);
                const double lp = log_p - rest;
                entropy -= exp(lp) * lp;
                if (j == o->a[e][i])
                    own_log = lp;
            }
            step_log[own] = own_log;
            step_entropy[own++] = entropy;
        }
        for (size_t t = 0; t < own; t++)
            sum += (term->weight * pow(term->gamma, (double)(own - 1 - t)) * step_log[t] +
                    term->entropy * step_entropy[t]) /
                   (double)own;
    }
    return sum;
}

Test(controller, gradient_matches_finite_differences)
{
    fixture f = setup(choices, N, 5, 4, 5);
    objective o = {.term = {{0, 1.7, 0.9, 0.3}, {2, -0.8, 1.0, 0.0}}};
    for (size_t e = 0; e < 2; e++) {
        cr_assert_eq(cs_controller_sample(f.controller, &mask, &f.rng, 0, o.a[e], NULL), CS_OK);
        cr_assert_eq(cs_controller_gradient(f.controller, &mask, o.a[e], &o.term[e]), CS_OK);
    }
    float *w = cs_controller_weights(f.controller);
    const float *g = cs_controller_grad(f.controller);
    const size_t n = cs_controller_count(f.controller);
    size_t nonzero = 0;
    double largest = 0.0;
    for (size_t i = 0; i < n; i++) {
        const float keep = w[i], h = 4e-3f;
        w[i] = keep + h;
        const double up = value(f.controller, &o);
        w[i] = keep - h;
        const double down = value(f.controller, &o);
        w[i] = keep;
        const double numeric = (up - down) / (2.0 * (double)h);
        cr_assert_float_eq((double)g[i], numeric, 5e-4 + 5e-3 * fabs(numeric),
                           "weight %zu: gradient %g, difference %g", i, (double)g[i], numeric);
        nonzero += fabs(numeric) > 1e-3;
        largest = fmax(largest, fabs(numeric));
    }
    cr_assert_gt(nonzero, n / 4);
    cr_assert_gt(largest, 0.1);
    teardown(&f);
}

Test(controller, counts_its_products)
{
    fixture f = setup(choices, N, 8, 8, 6);
    uint16_t a[N] = {0};
    const uint64_t before = cs_engine_macs(f.engine);
    cr_assert_eq(cs_controller_sample(f.controller, &mask, &f.rng, 0, a, NULL), CS_OK);
    const uint64_t macs = cs_engine_macs(f.engine) - before;
    /* five steps at least four of which are never forced: cell 16 x 32, heads 8 x choices */
    cr_assert_geq(macs, 4u * 16u * 32u);
    cr_assert_leq(macs, 5u * (16u * 32u + 8u * 5u));
    teardown(&f);
}

Test(controller, save_and_load)
{
    fixture f = setup(choices, N, 5, 4, 7), g = setup(choices, N, 5, 4, 8), small;
    const cs_reinforce_options options = {CS_POLICY_ADAM, 0.01, 1.0, 1, 0.8, 1.0, 0.0, 1};
    cs_reinforce *r, *s;
    uint16_t a[N];
    double p, q;
    size_t bytes;
    cs_sink *sink;
    cs_source *source;
    cr_assert_eq(cs_reinforce_new(f.controller, &options, &r), CS_OK);
    cr_assert_eq(cs_reinforce_new(g.controller, &options, &s), CS_OK);
    cr_assert_eq(cs_controller_sample(f.controller, &mask, &f.rng, 0, a, NULL), CS_OK);
    for (int k = 0; k < 3; k++)
        cr_assert_eq(cs_reinforce_episode(r, &mask, a, 0, k), CS_OK);
    cr_assert_eq(cs_sink_new(&sink), CS_OK);
    cr_assert_eq(cs_controller_save(f.controller, sink), CS_OK);
    cr_assert_eq(cs_reinforce_save(r, sink), CS_OK);
    const void *text = cs_sink_bytes(sink, &bytes);
    cr_assert_eq(cs_source_new(text, bytes, &source), CS_OK);
    cr_assert_eq(cs_controller_load(g.controller, source), CS_OK);
    cr_assert_eq(cs_reinforce_load(s, source), CS_OK);
    cr_assert_eq(cs_reinforce_episode(r, &mask, a, 0, 1.0), CS_OK);
    cr_assert_eq(cs_reinforce_episode(s, &mask, a, 0, 1.0), CS_OK);
    cr_assert_eq(cs_controller_log_prob(f.controller, &mask, a, 0, &p), CS_OK);
    cr_assert_eq(cs_controller_log_prob(g.controller, &mask, a, 0, &q), CS_OK);
    cr_assert_eq(p, q);
    cs_source_free(source);
    cr_assert_eq(cs_source_new(text, bytes, &source), CS_OK);
    small = setup(choices, 2, 5, 4, 9);
    cr_assert_eq(cs_controller_load(small.controller, source), CS_EFORMAT);
    cs_source_free(source);
    cs_sink_free(sink);
    cs_reinforce_free(r);
    cs_reinforce_free(s);
    teardown(&f);
    teardown(&g);
    teardown(&small);
}
