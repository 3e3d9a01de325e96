#include "tests/conform/toy_task.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

extern const cs_method cs_method_evolution;

static void set(double *value, const char *name, double x)
{
    const cs_param *p = cs_method_evolution.params;
    for (size_t i = 0; p[i].name; i++) {
        if (strcmp(p[i].name, name) == 0) {
            value[i] = x;
            return;
        }
    }
    cr_assert_fail("no parameter %s", name);
}

static void defaults(double *value)
{
    const cs_param *p = cs_method_evolution.params;
    for (size_t i = 0; p[i].name; i++)
        value[i] = p[i].def;
}

static toy_result run(const double *value, double dsp, double fps, double evals, double queries)
{
    toy t = toy_new(&cs_method_evolution);
    t.config.param = value;
    t.config.limits.dsp_max = dsp;
    t.config.limits.fps_min = fps;
    t.config.budget[CS_METER_EVALS] = evals;
    t.config.primary = CS_METER_EVALS;
    t.config.budget[CS_METER_HW_QUERIES] = queries;
    const toy_result r = toy_run(&t);
    cr_assert_eq(r.status, CS_OK, "%s", r.error.text);
    toy_free(&t);
    return r;
}

/* Fewer than one uniform design in ten thousand meets these limits; repair finds them. */
Test(evolution, repairs_designs_under_tight_limits)
{
    double value[16];
    defaults(value);
    const toy_result r = run(value, 16.0, 6000.0, 10.0, 20000.0);
    cr_assert(r.answered);
    cr_assert_eq(r.evals, 10u, "%d of 10 evaluations in %d queries", (int)r.evals,
                 (int)r.summary.hw_queries);
}

/* Without evolution (a population that never fills) the same number of evaluations does worse. */
Test(evolution, selection_matters)
{
    double value[16], evolved = 0.0, filled = 0.0;
    for (uint64_t seed = 1; seed <= 15; seed++)
        for (int fill = 0; fill < 2; fill++) {
            toy t = toy_new(&cs_method_evolution);
            defaults(value);
            set(value, "population", fill ? 256.0 : 0.0);
            toy_seed(&t, seed);
            t.config.param = value;
            t.config.budget[CS_METER_EVALS] = 60.0;
            const toy_result r = toy_run(&t);
            cr_assert_eq(r.status, CS_OK, "%s", r.error.text);
            cr_assert(r.answered);
            *(fill ? &filled : &evolved) += r.answer.acc_val / 15.0;
            toy_free(&t);
        }
    cr_assert_gt(evolved, filled + 0.01, "evolved %g, filled %g", evolved, filled);
}
