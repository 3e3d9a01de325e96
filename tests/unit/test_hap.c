/* Mapping and scheduling: the heuristic and the exact scheduler against each other and against the
 * enumeration of every assignment and every order. */
#include "cosearch/hetero.h"
#include "cosearch/rng.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 6 };

typedef struct random_case {
    double latency[CS_HETERO_CHAINS_MAX][LAYERS * CS_HETERO_UNITS_MAX];
    double energy[CS_HETERO_CHAINS_MAX][LAYERS * CS_HETERO_UNITS_MAX];
    cs_hetero_problem problem;
} random_case;

/* Layers of different size; units of different speed and thrift, each layer with its own taste. */
static void draw_case(cs_rng *rng, random_case *k, size_t chains, size_t units, size_t layers_max)
{
    double slow[CS_HETERO_UNITS_MAX], hungry[CS_HETERO_UNITS_MAX];
    for (size_t u = 0; u < units; u++) {
        slow[u] = exp(0.5 * cs_rng_normal(rng));
        hungry[u] = exp(0.5 * cs_rng_normal(rng));
    }
    k->problem = (cs_hetero_problem){.n_units = units, .n_chains = chains, .latency_max = INFINITY};
    for (size_t c = 0; c < chains; c++) {
        const size_t n = 2 + cs_rng_below(rng, (uint32_t)layers_max - 1);
        for (size_t i = 0; i < n; i++) {
            const double size = exp(cs_rng_normal(rng));
            for (size_t u = 0; u < units; u++) {
                k->latency[c][i * units + u] = size * slow[u] * exp(0.6 * cs_rng_normal(rng));
                k->energy[c][i * units + u] = size * hungry[u] * exp(0.4 * cs_rng_normal(rng));
            }
        }
        k->problem.chain[c] = (cs_hetero_chain){n, k->latency[c], k->energy[c]};
    }
}

/* Precedence, one layer at a time per unit, and the sums, from nothing but units and starts. */
static void check_schedule(const cs_hetero_problem *p, const cs_hetero_schedule *s)
{
    double energy = 0, makespan = 0, from[64], to[64];
    size_t n = 0;
    for (size_t c = 0; c < p->n_chains; c++) {
        double ready = 0;
        for (size_t i = 0; i < p->chain[c].n; i++, n++) {
            cr_assert_lt(s->unit[n], p->n_units);
            const size_t cell = i * p->n_units + s->unit[n];
            from[n] = s->start[n];
            to[n] = from[n] + p->chain[c].latency[cell];
            cr_assert_geq(from[n], ready * (1 - 1e-12));
            ready = to[n];
            energy += p->chain[c].energy[cell];
            makespan = fmax(makespan, to[n]);
        }
    }
    cr_assert_eq(n, s->n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            if (s->unit[i] == s->unit[j])
                cr_assert(to[i] <= from[j] * (1 + 1e-12) || to[j] <= from[i] * (1 + 1e-12));
    cr_assert_lt(fabs(energy - s->energy), 1e-9 * energy);
    cr_assert_lt(fabs(makespan - s->makespan), 1e-9 * makespan);
    if (s->feasible)
        cr_assert_leq(s->makespan, p->latency_max * (1 + 1e-9));
}

/* Every assignment with every interleaving of the chains: the least energy that keeps the limit. */
typedef struct walk {
    const cs_hetero_problem *p;
    size_t at[CS_HETERO_CHAINS_MAX];
    double ready[CS_HETERO_CHAINS_MAX], unit_free[CS_HETERO_UNITS_MAX];
    double energy, best;
} walk;

static void enumerate(walk *w)
{
    bool done = true;
    for (size_t c = 0; c < w->p->n_chains; c++) {
        if (w->at[c] == w->p->chain[c].n)
            continue;
        done = false;
        for (size_t u = 0; u < w->p->n_units; u++) {
            const walk kept = *w;
            const size_t cell = w->at[c]++ * w->p->n_units + u;
            const double end = fmax(w->ready[c], w->unit_free[u]) + w->p->chain[c].latency[cell];
            w->ready[c] = w->unit_free[u] = end;
            w->energy += w->p->chain[c].energy[cell];
            if (end <= w->p->latency_max)
                enumerate(w);
            const double best = w->best;
            *w = kept;
            w->best = best;
        }
    }
    if (done && w->energy < w->best)
        w->best = w->energy;
}

/* Smallest makespan of any schedule, to 0.2 %, and never below it. */
static double least_makespan(random_case *k)
{
    cs_hetero_problem p = k->problem;
    static const double zero[LAYERS * CS_HETERO_UNITS_MAX];
    cs_hetero_schedule s;
    for (size_t c = 0; c < p.n_chains; c++)
        p.chain[c].energy = zero;
    p.latency_max = 0.0;
    cr_assert_eq(cs_hap(&p, CS_HAP_MENDED, &s), CS_OK);
    double high = s.makespan, low = 0.0;
    while (high > low * 1.002) {
        p.latency_max = low > 0.0 ? 0.5 * (low + high) : 0.7 * high;
        if (cs_hap_exact(&p, 0, &s, NULL) == CS_OK)
            high = fmin(high, s.makespan);
        else
            low = p.latency_max;
    }
    return high;
}

Test(hap, exact_equals_enumeration)
{
    cs_rng rng;
    int feasible = 0, infeasible = 0;
    cs_rng_seed(&rng, 31);
    for (int i = 0; i < 400; i++) {
        random_case k;
        draw_case(&rng, &k, 1 + cs_rng_below(&rng, 3), 2, 3);
        cs_hetero_schedule s;
        cr_assert_eq(cs_hap(&k.problem, CS_HAP_PUBLISHED, &s), CS_OK);
        k.problem.latency_max = s.makespan * (0.3 + 0.8 * cs_rng_uniform(&rng));
        walk w = {.p = &k.problem, .best = INFINITY};
        enumerate(&w);
        const cs_status status = cs_hap_exact(&k.problem, 0, &s, NULL);
        cr_assert_eq(status, isfinite(w.best) ? CS_OK : CS_EINFEASIBLE);
        if (status == CS_OK) {
            check_schedule(&k.problem, &s);
            cr_assert_lt(fabs(s.energy - w.best), 1e-9 * w.best);
            feasible++;
        } else
            infeasible++;
    }
    cr_assert_gt(feasible, 100);
    cr_assert_gt(infeasible, 50);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* 1,000 small cases under limits from the tightest that leaves 5 % to twice that: the heuristic is
 * never infeasible, and its energy is close to the optimum. */
Test(hap, against_the_exact_scheduler)
{
    enum { CASES = 1000 };
    static const char *const name[] = {"published", "mended"};
    double *gap[2] = {malloc(CASES * sizeof(double)), malloc(CASES * sizeof(double))};
    int infeasible[2] = {0}, optimal[2] = {0};
    size_t n[2] = {0};
    cs_rng rng;
    cr_assert(gap[0] && gap[1]);
    cs_rng_seed(&rng, 32);
    for (int i = 0; i < CASES; i++) {
        random_case k;
        cs_hetero_schedule best;
        cs_error err = {""};
        draw_case(&rng, &k, 1 + cs_rng_below(&rng, 3), 2 + cs_rng_below(&rng, 2), 5);
        const double slack = i % 2 ? 1.0 : 1.0 + cs_rng_uniform(&rng);
        k.problem.latency_max = least_makespan(&k) / 0.95 * slack;
        cr_assert_eq(cs_hap_exact(&k.problem, 0, &best, &err), CS_OK, "%s", err.text);
        check_schedule(&k.problem, &best);
        for (int kind = 0; kind < 2; kind++) {
            cs_hetero_schedule s;
            cr_assert_eq(cs_hap(&k.problem, (cs_hap_kind)kind, &s), CS_OK);
            check_schedule(&k.problem, &s);
            if (!s.feasible) {
                infeasible[kind]++;
                continue;
            }
            gap[kind][n[kind]++] = s.energy / best.energy - 1.0;
            optimal[kind] += s.energy <= best.energy * (1 + 1e-9);
            cr_assert_geq(s.energy, best.energy * (1 - 1e-9), "cheaper than the proven optimum");
        }
    }
    for (int kind = 0; kind < 2; kind++) {
        qsort(gap[kind], n[kind], sizeof(double), by_value);
        printf("hap %s: %d cases, %d infeasible, optimal %d, energy gap median %.2f %%, "
               "90 %% %.2f %%, worst %.2f %%\n",
               name[kind], CASES, infeasible[kind], optimal[kind], 100 * gap[kind][n[kind] / 2],
               100 * gap[kind][n[kind] * 9 / 10], 100 * gap[kind][n[kind] - 1]);
    }
    fflush(stdout);
    cr_assert_eq(infeasible[1], 0);
    cr_assert_lt(gap[1][n[1] / 2], 0.01);
    cr_assert_gt(n[0], CASES / 3);
    free(gap[0]);
    free(gap[1]);
}

/* Without a limit both give every layer its thriftiest unit. */
Test(hap, no_limit_is_least_energy)
{
    cs_rng rng;
    cs_rng_seed(&rng, 33);
    for (int i = 0; i < 200; i++) {
        random_case k;
        cs_hetero_schedule s[3];
        double least = 0;
        draw_case(&rng, &k, 1 + cs_rng_below(&rng, 4), 1 + cs_rng_below(&rng, 4), 4);
        for (size_t c = 0; c < k.problem.n_chains; c++)
            for (size_t l = 0; l < k.problem.chain[c].n; l++) {
                double e = INFINITY;
                for (size_t u = 0; u < k.problem.n_units; u++)
                    e = fmin(e, k.energy[c][l * k.problem.n_units + u]);
                least += e;
            }
        cr_assert_eq(cs_hap(&k.problem, CS_HAP_PUBLISHED, &s[0]), CS_OK);
        cr_assert_eq(cs_hap(&k.problem, CS_HAP_MENDED, &s[1]), CS_OK);
        cr_assert_eq(cs_hap_exact(&k.problem, 0, &s[2], NULL), CS_OK);
        for (int m = 0; m < 3; m++) {
            cr_assert_lt(fabs(s[m].energy - least), 1e-9 * least);
            check_schedule(&k.problem, &s[m]);
        }
    }
}

Test(hap, refuses_what_is_outside)
{
    double one[2] = {1.0, 1.0}, bad[2] = {1.0, NAN}, zero[2] = {0.0, 1.0};
    cs_hetero_schedule s;
    cs_error err = {""};
    cs_hetero_problem p = {.n_units = 2, .n_chains = 1, .latency_max = INFINITY};
    p.chain[0] = (cs_hetero_chain){1, one, one};
    cr_assert_eq(cs_hap(&p, CS_HAP_MENDED, &s), CS_OK);
    p.chain[0].latency = bad;
    cr_assert_eq(cs_hap(&p, CS_HAP_MENDED, &s), CS_EUSAGE);
    p.chain[0].latency = zero;
    cr_assert_eq(cs_hap_exact(&p, 0, &s, &err), CS_EUSAGE);
    cr_assert(strstr(err.text, "positive"));
    p.chain[0] = (cs_hetero_chain){1, one, bad};
    cr_assert_eq(cs_hap(&p, CS_HAP_MENDED, &s), CS_EUSAGE);
    p.chain[0].energy = one;
    p.n_units = CS_HETERO_UNITS_MAX + 1;
    cr_assert_eq(cs_hap(&p, CS_HAP_MENDED, &s), CS_EUSAGE);
    p.n_units = 2;
    p.n_chains = 0;
    cr_assert_eq(cs_hap(&p, CS_HAP_MENDED, &s), CS_EUSAGE);
    p.n_chains = 1;
    p.latency_max = 0.5;
    cr_assert_eq(cs_hap_exact(&p, 0, &s, &err), CS_EINFEASIBLE);
    cr_assert(strstr(err.text, "0.5"));
    p.latency_max = 1.0;
    cr_assert_eq(cs_hap_exact(&p, 1, &s, &err), CS_ENOMEM);
    cr_assert_eq(cs_hap(&p, CS_HAP_PUBLISHED, &s), CS_OK);
    cr_assert(s.feasible && s.makespan == 1.0);
}
