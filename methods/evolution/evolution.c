/* Regularised (aging) evolution (Real et al. 2019) over networks and bitwidths, with the
 * accelerator fitted to the limits before anything is trained.
 *
 * A candidate network (a uniform design while the population fills, then a mutated tournament
 * winner) is first repaired: its accelerator takes single mutations that do not increase how far
 * the design is outside the limits, until it is inside. Only then is it evaluated and born into
 * the population, where it replaces the oldest. So the population holds feasible designs only,
 * and infeasible ones cost cost-model queries but no training. */
#include "cosearch/method.h"
#include "cosearch/search.h"

#include <math.h>
#include <stdlib.h>

#define POPULATION_MAX 256
#define QUERIES_PER_STEP 32

typedef struct member {
    cs_design design;
    double acc;
} member;

/* Plain values only: saved and loaded as it is. */
typedef struct evolution {
    uint32_t n_members, oldest; /* a ring once it is full */
    uint32_t evals;             /* results so far, known ones left out */
    bool full, pending;         /* population complete; a candidate is being repaired */
    uint32_t queries;           /* spent on the candidate */
    double excess;              /* of the candidate: 0 = feasible */
    double best;                /* claim of the last offer; negative before the first */
    cs_design candidate;
    member population[POPULATION_MAX];
} evolution;

typedef struct evolution_state {
    evolution e;
    cs_memo *memo;
} evolution_state;

/* Evaluations the whole budget pays for, from what the ones so far have cost. Only counted
 * meters: a clock would make the run depend on the machine. */
static double affordable(const cs_task *task, uint32_t evals)
{
    static const cs_meter counted[] = {CS_METER_EVALS, CS_METER_MACS, CS_METER_SAMPLES};
    double left = 1.0;
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
        left = fmin(left, cs_budget_left(task, counted[i]));
    return left < 1.0 ? evals / (1.0 - left) : INFINITY;
}

/* Members the population should have: the declared number, or a share of what is affordable. */
static uint32_t target_size(const cs_task *task, uint32_t evals)
{
    const double declared = cs_task_param(task, "population");
    if (declared >= 1.0)
        return (uint32_t)fmax(2.0, declared);
    const double size = cs_task_param(task, "population_share") * affordable(task, evals);
    return (uint32_t)fmin(100.0, fmax(4.0, floor(size)));
}

static const member *tournament(const cs_task *task, cs_rng *rng, const evolution *e)
{
    const double share = cs_task_param(task, "tournament_share");
    const uint32_t size = (uint32_t)fmax(2.0, round(share * e->n_members));
    const member *winner = NULL;
    for (uint32_t i = 0; i < size; i++) { /* with replacement, as published */
        const member *m = &e->population[cs_rng_below(rng, e->n_members)];
        if (!winner || m->acc > winner->acc)
            winner = m;
    }
    return winner;
}

/* One mutation of an active network or bitwidth decision, all equally likely. */
static void mutate_network(const cs_space *space, cs_rng *rng, cs_design *design)
{
    bool active[CS_DECISIONS_MAX];
    size_t n[2] = {0, 0};
    cs_space_active(space, design, active);
    for (int g = 0; g < 2; g++) {
        size_t first, last;
        cs_space_group(space, g ? CS_GROUP_BITWIDTH : CS_GROUP_NETWORK, &first, &last);
        for (size_t i = first; i < last; i++)
            n[g] += active[i] && cs_space_decision(space, i)->n_choices > 1;
    }
    if (n[0] + n[1] == 0)
        return;
    const bool bits = cs_rng_below(rng, (uint32_t)(n[0] + n[1])) >= n[0];
    cs_space_mutate(space, rng, bits ? CS_GROUP_BITWIDTH : CS_GROUP_NETWORK, design);
}

static cs_status measure(cs_task *task, const cs_design *design, double *excess)
{
    cs_hw_metrics hw;
    CS_TRY(cs_hw_query(task, design, &hw));
    *excess = hw.violated ? fmax(cs_limits_excess(cs_task_limits(task), &hw), 1e-12) : 0.0;
    return CS_OK;
}

static cs_status propose(cs_task *task, evolution *e)
{
    const cs_space *space = cs_task_space(task);
    if (e->full) {
        cs_rng *rng = cs_task_rng(task, "select");
        const uint32_t mutations = (uint32_t)cs_task_param(task, "mutations");
        e->candidate = tournament(task, rng, e)->design;
        for (uint32_t i = 0; i < mutations; i++)
            mutate_network(space, rng, &e->candidate);
    } else {
        cs_space_sample(space, cs_task_rng(task, "sample"), &e->candidate);
    }
    CS_TRY(measure(task, &e->candidate, &e->excess));
    e->pending = true;
    e->queries = 1;
    return CS_OK;
}

/* One accelerator mutation, kept if the design is no farther outside. While the population fills
 * a candidate that resists may change its network too. */
static cs_status repair(cs_task *task, evolution *e)
{
    const cs_space *space = cs_task_space(task);
    cs_rng *rng = cs_task_rng(task, "repair");
    const double patience = cs_task_param(task, "repair_queries");
    cs_design trial = e->candidate;
    double excess;
    if (e->queries >= (e->full ? 1.0 : 4.0) * patience) {
        e->pending = false; /* give this candidate up */
        return CS_OK;
    }
    if (!e->full && e->queries >= patience && cs_rng_below(rng, 8) == 0)
        mutate_network(space, rng, &trial);
    else
        cs_space_mutate(space, rng, CS_GROUP_ACCELERATOR, &trial);
    CS_TRY(measure(task, &trial, &excess));
    e->queries++;
    if (excess <= e->excess) {
        e->candidate = trial;
        e->excess = excess;
    }
    return CS_OK;
}

static void bear(evolution *e, double acc, uint32_t target)
{
    uint32_t at = e->n_members;
    if (e->full) {
        at = e->oldest;
        e->oldest = (e->oldest + 1) % e->n_members;
    } else {
        e->n_members++;
        e->full = e->n_members >= target || e->n_members == POPULATION_MAX;
    }
    e->population[at] = (member){e->candidate, acc};
}

static cs_status evolution_step(cs_task *task, void *state)
{
    evolution_state *s = state;
    evolution *e = &s->e;
    if (!e->pending)
        CS_TRY(propose(task, e));
    for (int i = 1; i < QUERIES_PER_STEP && e->pending && e->excess > 0.0; i++)
        CS_TRY(repair(task, e));
    if (!e->pending || e->excess > 0.0)
        return CS_OK;
    double acc;
    if (!cs_memo_get(s->memo, &e->candidate, &acc)) {
        CS_TRY(cs_eval(task, &e->candidate, cs_task_fidelity(task), &acc));
        CS_TRY(cs_memo_put(s->memo, &e->candidate, acc));
        e->evals++;
    }
    e->pending = false;
    bear(e, acc, target_size(task, e->evals));
    if (acc <= e->best)
        return CS_OK;
    e->best = acc;
    return cs_offer(task, &e->candidate, acc);
}

static void evolution_close(void *state)
{
    evolution_state *s = state;
    if (!s)
        return;
    cs_memo_free(s->memo);
    free(s);
}

static cs_status evolution_open(cs_task *task, void **state)
{
    evolution_state *s = calloc(1, sizeof *s);
    if (!s)
        return CS_ENOMEM;
    s->e.best = -1.0;
    const cs_status status = cs_memo_new(cs_task_space(task), &s->memo);
    if (status == CS_OK)
        *state = s;
    else
        evolution_close(s);
    return status;
}

static cs_status evolution_save(const void *state, cs_sink *sink)
{
    const evolution_state *s = state;
    CS_TRY(cs_sink_write(sink, &s->e, sizeof s->e));
    return cs_memo_save(s->memo, sink);
}

static cs_status evolution_load(cs_task *task, cs_source *source, void **state)
{
    void *opened;
    CS_TRY(evolution_open(task, &opened));
    evolution_state *s = opened;
    cs_status status = cs_source_read(source, &s->e, sizeof s->e);
    if (status == CS_OK)
        status = cs_memo_load(s->memo, source);
    if (status == CS_OK)
        *state = s;
    else
        evolution_close(s);
    return status;
}

static const cs_param evolution_params[] = {
    {.name = "population",
     .def = 0.0,
     .lo = 0.0,
     .hi = POPULATION_MAX,
     .source = "paper: 100 of 20,000 models; 0 (ours): population_share of the affordable "
               "evaluations, 4 to 100, because budgets here pay for tens of models"},
    {.name = "population_share",
     .def = 0.25,
     .lo = 0.01,
     .hi = 1.0,
     .source = "ours: a quarter of the budget fills the population, the rest evolves it"},
    {.name = "tournament_share",
     .def = 0.25,
     .lo = 0.01,
     .hi = 1.0,
     .source = "paper: sample 25 of population 100"},
    {.name = "mutations",
     .def = 1.0,
     .lo = 1.0,
     .hi = 16.0,
     .source = "paper: one mutation per child"},
    {.name = "repair_queries",
     .def = 500.0,
     .lo = 1.0,
     .hi = 100000.0,
     .source = "ours: cost-model queries spent on fitting one candidate to the limits"},
    {.name = NULL}};

const cs_method cs_method_evolution = {
    .abi = CS_METHOD_ABI,
    .version = 1,
    .traits = CS_TRAIT_ANYTIME | CS_TRAIT_BUDGETED | CS_TRAIT_RESUMABLE,
    .name = "evolution",
    .cite = "real2019evolution",
    .summary = "regularised evolution, accelerators repaired before training",
    .params = evolution_params,
    .open = evolution_open,
    .step = evolution_step,
    .close = evolution_close,
    .save = evolution_save,
    .load = evolution_load};
