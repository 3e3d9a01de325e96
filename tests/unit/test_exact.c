/* The generic solver against enumeration of every choice. */
#include "cosearch/rng.h"
#include "hw/exact.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STAGES 4
#define OPTIONS 9

typedef struct instance {
    exact_problem p;
    exact_option option[STAGES][OPTIONS];
} instance;

/* Options in the shape of real ones: faster ones tend to need more, with noise. */
static void draw(instance *t, cs_rng *rng, bool traffic)
{
    t->p = (exact_problem){.n_stages = 1 + cs_rng_below(rng, STAGES),
                           .dsp_max = INFINITY,
                           .bram_max = INFINITY,
                           .traffic_per_cycle = traffic ? 0.5 + cs_rng_uniform(rng) : INFINITY};
    for (size_t s = 0; s < t->p.n_stages; s++) {
        const size_t n = 1 + cs_rng_below(rng, OPTIONS);
        for (size_t i = 0; i < n; i++) {
            const double size = 1 + cs_rng_below(rng, 20);
            t->option[s][i] =
                (exact_option){.cycles = floor(400 / size) + cs_rng_below(rng, 10),
                               .dsp = size / 2 + cs_rng_below(rng, 5),
                               .bram = size + cs_rng_below(rng, 8),
                               .traffic = traffic ? 100 + cs_rng_below(rng, 300) - 3 * size : 0,
                               .id = (uint32_t)i};
        }
        t->p.stage[s] = (exact_stage){t->option[s], n};
    }
    const double scale = (double)t->p.n_stages;
    if (cs_rng_below(rng, 4) > 0)
        t->p.dsp_max = floor(scale * (2 + cs_rng_below(rng, 10)));
    if (cs_rng_below(rng, 4) > 0)
        t->p.bram_max = floor(scale * (3 + cs_rng_below(rng, 20)));
}

/* Interval of the best choice, Inf if none fits. */
static double enumerate(const exact_problem *p, size_t stage, double slowest, double dsp,
                        double bram, double traffic)
{
    if (dsp > p->dsp_max || bram > p->bram_max)
        return INFINITY;
    if (stage == p->n_stages)
        return fmax(slowest, traffic / p->traffic_per_cycle);
    double best = INFINITY;
    for (size_t i = 0; i < p->stage[stage].n; i++) {
        const exact_option *o = &p->stage[stage].option[i];
        best = fmin(best, enumerate(p, stage + 1, fmax(slowest, o->cycles), dsp + o->dsp,
                                    bram + o->bram, traffic + o->traffic));
    }
    return best;
}

static void check_pick(const exact_problem *p, const exact_result *r)
{
    double dsp = 0, bram = 0, traffic = 0, slowest = 0;
    for (size_t s = 0; s < p->n_stages; s++) {
        cr_assert_lt(r->pick[s], p->stage[s].n);
        const exact_option *o = &p->stage[s].option[r->pick[s]];
        dsp += o->dsp;
        bram += o->bram;
        traffic += o->traffic;
        slowest = fmax(slowest, o->cycles);
    }
    cr_assert_leq(dsp, p->dsp_max);
    cr_assert_leq(bram, p->bram_max);
    cr_assert_leq(fmax(slowest, traffic / p->traffic_per_cycle), r->interval * (1 + 1e-12));
}

static void against_enumeration(bool traffic, uint64_t seed)
{
    static instance t;
    cs_rng rng;
    int solved = 0, infeasible = 0;
    cs_rng_seed(&rng, seed);
    for (int i = 0; i < 4000; i++) {
        exact_result r;
        cs_error err = {""};
        draw(&t, &rng, traffic);
        const double best = enumerate(&t.p, 0, 0, 0, 0, 0);
        for (size_t s = 0; s < t.p.n_stages; s++)
            exact_pareto(&t.p.stage[s]);
        const cs_status status = exact_solve(&t.p, &r, &err);
        if (!isfinite(best)) {
            cr_assert_eq(status, CS_EINFEASIBLE, "case %d", i);
            cr_assert(strstr(err.text, "no accelerator"), "%s", err.text);
            infeasible++;
            continue;
        }
        cr_assert_eq(status, CS_OK, "case %d: %s", i, err.text);
        cr_assert(r.proven);
        cr_assert_eq(r.bound, r.interval);
        cr_assert_leq(fabs(r.interval - best), 1e-12 * best, "case %d: %.17g, best %.17g", i,
                      r.interval, best);
        check_pick(&t.p, &r);
        solved++;
    }
    cr_assert_gt(solved, 1000); /* the draw must exercise both ends */
    cr_assert_gt(infeasible, 300);
}

Test(exact, equals_enumeration)
{
    against_enumeration(false, 1);
}

Test(exact, equals_enumeration_with_traffic)
{
    against_enumeration(true, 2);
}

/* With too few partial sums the answer is not called proven, and the bound is honest. */
Test(exact, bound_is_honest_when_cut_short)
{
    static instance t;
    cs_rng rng;
    int unproven = 0;
    cs_rng_seed(&rng, 3);
    for (int i = 0; i < 4000; i++) {
        exact_result r;
        draw(&t, &rng, i % 2 == 0);
        const double best = enumerate(&t.p, 0, 0, 0, 0, 0);
        for (size_t s = 0; s < t.p.n_stages; s++)
            exact_pareto(&t.p.stage[s]);
        t.p.states_max = 1;
        const cs_status status = exact_solve(&t.p, &r, NULL);
        if (status != CS_OK) {
            cr_assert(status == CS_EMETHOD || !isfinite(best));
            continue;
        }
        cr_assert_leq(r.bound, best * (1 + 1e-12));
        cr_assert_geq(r.interval, best * (1 - 1e-12));
        if (r.proven)
            cr_assert_leq(fabs(r.interval - best), 1e-12 * best);
        unproven += !r.proven;
        check_pick(&t.p, &r);
    }
    cr_assert_gt(unproven, 0);
}

Test(exact, pareto_keeps_exactly_the_undominated)
{
    cs_rng rng;
    cs_rng_seed(&rng, 9);
    for (int i = 0; i < 300; i++) {
        exact_option all[200], kept[200];
        const size_t n = 1 + cs_rng_below(&rng, 200);
        for (size_t k = 0; k < n; k++)
            all[k] = (exact_option){cs_rng_below(&rng, 6), cs_rng_below(&rng, 6),
                                    cs_rng_below(&rng, 6), cs_rng_below(&rng, 6), (uint32_t)k};
        memcpy(kept, all, n * sizeof *all);
        exact_stage stage = {kept, n};
        exact_pareto(&stage);
        for (size_t k = 0; k < n; k++) {
            bool beaten = false, listed = false;
            for (size_t j = 0; j < n; j++) {
                const bool no_worse = all[j].cycles <= all[k].cycles && all[j].dsp <= all[k].dsp &&
                                      all[j].bram <= all[k].bram &&
                                      all[j].traffic <= all[k].traffic;
                const bool equal = all[j].cycles == all[k].cycles && all[j].dsp == all[k].dsp &&
                                   all[j].bram == all[k].bram && all[j].traffic == all[k].traffic;
                beaten = beaten || (no_worse && (!equal || j < k));
            }
            for (size_t j = 0; j < stage.n; j++)
                listed = listed || kept[j].id == k;
            cr_assert_eq(listed, !beaten);
        }
        for (size_t j = 1; j < stage.n; j++)
            cr_assert_leq(kept[j - 1].cycles, kept[j].cycles);
    }
}

Test(exact, nothing_to_choose)
{
    exact_problem p = {.dsp_max = 1, .bram_max = 1, .traffic_per_cycle = INFINITY};
    exact_result r;
    cr_assert_eq(exact_solve(&p, &r, NULL), CS_OK);
    cr_assert(r.proven && r.interval == 0);
    p.n_stages = 1; /* a stage without options */
    cr_assert_eq(exact_solve(&p, &r, NULL), CS_EINFEASIBLE);
}
