/* Networks, limits and calls for the tests of the accelerator search engine. */
#ifndef TEST_ACCEL_FIXTURE_H
#define TEST_ACCEL_FIXTURE_H

#include "cosearch/relax.h"
#include "hw_designs.h"

#include <math.h>
#include <stdlib.h>

/* A space, its limits, and how many queries are answered before the budget is spent. */
typedef struct accel_world {
    cs_space *space;
    cs_limits limits;
    cs_design network;
    uint64_t queries, budget;
} accel_world;

static inline accel_world world_new(const char *net_space, const char *hw, double dsp, double bram)
{
    accel_world w = {
        .space = test_space(net_space, hw), .limits = CS_LIMITS_NONE, .budget = UINT64_MAX};
    w.limits.dsp_max = dsp;
    w.limits.bram_max = bram;
    return w;
}

static inline cs_status world_query(void *context, const cs_design *design, cs_hw_report *report)
{
    accel_world *w = context;
    if (w->queries == w->budget)
        return CS_STOP;
    w->queries++;
    return cs_space_cost(w->space, design, &w->limits, report); /* checks the design */
}

static inline cs_accel *engine_new(const accel_world *w, cs_accel_kind kind, cs_accel_goal goal)
{
    const cs_accel_options options = cs_accel_defaults(kind, goal);
    cs_accel *engine;
    cr_assert_eq(cs_accel_new(w->space, &w->limits, &options, &engine), CS_OK);
    return engine;
}

/* One call on the world's network. */
static inline cs_accel_result search_on(accel_world *w, cs_accel *engine, uint64_t samples,
                                        uint64_t seed, cs_design *found)
{
    cs_accel_result result;
    cs_rng rng;
    cs_rng_seed(&rng, seed);
    *found = w->network;
    cr_assert_eq(
        cs_accel_search(engine, found, false, samples, &rng, world_query, w, NULL, NULL, &result),
        CS_OK);
    return result;
}

/* The same with a fresh engine: the goal's value. */
static inline double search_once(accel_world *w, cs_accel_kind kind, cs_accel_goal goal,
                                 uint64_t samples, uint64_t seed)
{
    cs_design found;
    cs_accel *engine = engine_new(w, kind, goal);
    const cs_accel_result result = search_on(w, engine, samples, seed, &found);
    cs_accel_free(engine);
    return result.feasible ? result.cost : INFINITY;
}

static inline int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts x. */
static inline double median(double *x, size_t n)
{
    qsort(x, n, sizeof *x, ascending);
    return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

#endif
