/* Accelerator search engine: one call. */
#include "cosearch/search.h"
#include "search/accel.h"

#include <math.h>
#include <string.h>

#define RATE_MIN 0.01
#define RATE_MAX 0.05
/* Which compute mode is best shows only once its parameters have been tried with it. */
#define UNORDERED 0.5

/* The call in progress, and its best sample. */
typedef struct accel_call {
    cs_accel *engine;
    cs_accel_cost query;
    void *query_context;
    cs_accel_watch watch;
    void *watch_context;
    cs_design best;
    double excess; /* of best */
    cs_accel_result result;
    cs_hw_report report; /* of the last sample */
} accel_call;

/* Nearer to the limits first, then cheaper; ties stay with the earlier. A cost that is not a number
 * counts as infinite. */
static void compare(accel_call *call, const cs_design *design, double cost, double excess)
{
    cs_accel_result *r = &call->result;
    if (r->samples > 1 && (excess > call->excess || (excess == call->excess && cost >= r->cost)))
        return;
    call->best = *design;
    call->excess = excess;
    r->cost = cost;
    r->feasible = excess == 0.0;
    r->hw = call->report.total;
}

/* Prices a sample and remembers it if it is the best. */
static cs_status try_design(accel_call *call, const cs_design *design)
{
    const cs_accel *e = call->engine;
    CS_TRY(call->query(call->query_context, design, &call->report));
    const double cost = cs_accel_cost_of(e->options.goal, &call->report.total);
    const double known = isnan(cost) ? INFINITY : cost;
    call->result.samples++;
    compare(call, design, known, cs_limits_excess(&e->limits, &call->report.total));
    if (call->watch)
        call->watch(call->watch_context, call->result.samples, known,
                    call->result.feasible ? call->result.cost : INFINITY);
    return CS_OK;
}

static void learn(accel_call *call, const cs_design *design)
{
    cs_accel *e = call->engine;
    double credit[CS_DECISIONS_MAX + 1];
    if (e->options.kind == CS_ACCEL_GRADIENT) {
        accel_credit(e, &call->report, credit);
    } else { /* released: the same raw cost for all, and nothing from a sample out of the limits */
        const double cost = cs_accel_cost_of(e->options.goal, &call->report.total);
        if (cs_limits_excess(&e->limits, &call->report.total) > 0.0 || !isfinite(cost))
            return;
        for (size_t u = 0; u <= e->n_units; u++)
            credit[u] = cost;
    }
    accel_learn(e, design, credit);
}

static cs_status sample_and_learn(accel_call *call, cs_design *design, uint64_t samples,
                                  cs_rng *rng)
{
    while (call->result.samples < samples) {
        accel_sample(call->engine, rng, design);
        CS_TRY(try_design(call, design));
        if (call->engine->options.kind != CS_ACCEL_RANDOM)
            learn(call, design);
    }
    return CS_OK;
}

/* Forgets the call before; logits and prices stay. */
static void begin(cs_accel *e, const cs_design *design, uint64_t samples)
{
    cs_space_active(e->space, design, e->active);
    e->observed = 0;
    e->apart = true;
    memset(e->chunk_unit, 0, sizeof e->chunk_unit);
    e->adam[0] = e->adam[1] = e->options.adam;
    if (e->options.travel > 0.0) {
        const double horizon = (double)e->drawn + (double)samples;
        e->adam[0].lr = fmin(fmax(e->options.travel / horizon, RATE_MIN), RATE_MAX);
        e->adam[1].lr = UNORDERED * e->adam[0].lr;
    }
}

static cs_status solve(accel_call *call, cs_design *design)
{
    const cs_accel *e = call->engine;
    cs_solution solution;
    const cs_objective objective = cs_space_hw_model(e->space)->objective;
    if (e->options.goal != (objective == CS_LEAST_EDP ? CS_ACCEL_EDP : CS_ACCEL_INTERVAL))
        return CS_EUSAGE;
    const cs_status status = cs_space_solve(e->space, &e->limits, design, &solution, NULL);
    if (status != CS_OK && status != CS_EINFEASIBLE)
        return status;
    return try_design(call, design);
}

cs_status cs_accel_search(cs_accel *e, cs_design *inout, bool keep, uint64_t samples, cs_rng *rng,
                          cs_accel_cost cost, void *cost_context, cs_accel_watch watch,
                          void *watch_context, cs_accel_result *out)
{
    accel_call call = {.engine = e,
                       .query = cost,
                       .query_context = cost_context,
                       .watch = watch,
                       .watch_context = watch_context,
                       .result = {.cost = NAN}};
    cs_design design = *inout;
    cs_status status = CS_OK;
    if (samples == 0)
        return CS_EUSAGE;
    CS_TRY(cs_space_check(e->space, inout, NULL));
    cs_space_canonical(e->space, inout, &design);
    begin(e, &design, samples);
    if (e->options.kind == CS_ACCEL_EXACT) {
        status = solve(&call, &design);
    } else {
        if (keep)
            status = try_design(&call, &design);
        if (status == CS_OK)
            status = sample_and_learn(&call, &design, samples, rng);
    }
    e->drawn += call.result.samples;
    if (call.result.samples > 0)
        *inout = call.best;
    *out = call.result;
    return status;
}
