/* From alpha to designs: accelerators, the most probable network, drawn candidates, the end. */
#include "dna.h"

#include <math.h>
#include <string.h>

#define DRAWS 64       /* until a network that was not met before turns up */
#define FLATTER 1.15   /* per draw in vain */
#define FIRST_PART 8.0 /* of the free queries, the first candidate may take this part */
#define ATTEMPTS 2.0   /* candidates whose accelerator is searched for one that is evaluated */
#define SAMPLES_MIN 20.0

void dna_design_of(const dna_state *s, const uint16_t *op, cs_design *out)
{
    const size_t n = cs_space_size(s->space);
    *out = (cs_design){.n = (uint16_t)n};
    memcpy(out->choice, op, s->n_blocks * sizeof *op);
    for (size_t i = s->first_bits; i < s->first_accelerator; i++)
        out->choice[i] = s->bits;
    if (s->accel)
        cs_accel_argmax(s->accel, out);
    cs_space_repair(s->space, out);
}

cs_status dna_query(cs_task *task, dna_state *s, const cs_design *design)
{
    CS_TRY(cs_hw_detail(task, design, &s->report));
    s->at.hw_queries++;
    return CS_OK;
}

/* What the limits ask to be small, or what is charged. */
static cs_accel_goal choose_goal(int cost, const cs_limits *limits)
{
    if (limits->fps_min > 0.0)
        return CS_ACCEL_INTERVAL;
    if (isfinite(limits->edp_max_js))
        return CS_ACCEL_EDP;
    if (isfinite(limits->energy_max_j))
        return CS_ACCEL_ENERGY;
    if (isfinite(limits->latency_max_s) || cost == DNA_COST_LATENCY)
        return CS_ACCEL_LATENCY;
    return cost == DNA_COST_EDP ? CS_ACCEL_EDP : CS_ACCEL_INTERVAL;
}

cs_status dna_make_accel(cs_task *task, dna_state *s, int cost)
{
    const cs_accel_options options =
        cs_accel_defaults(s->settings.hw_engine, choose_goal(cost, cs_task_limits(task)));
    return cs_accel_new(s->space, cs_task_limits(task), &options, &s->accel);
}

cs_status dna_look(cs_task *task, dna_state *s)
{
    const uint16_t op[CS_BLOCKS_MAX] = {0};
    cs_design design;
    dna_design_of(s, op, &design);
    CS_TRY(dna_query(task, s, &design));
    const bool energy = !isnan(s->report.total.energy_j);
    if (s->settings.cost == DNA_COST_EDP && !energy)
        cs_note(task, "dna: this cost model knows no energy; latency is charged instead");
    s->at.cost = s->settings.cost;
    if (s->at.cost == DNA_COST_AUTO || s->at.cost == DNA_COST_EDP)
        s->at.cost = energy ? DNA_COST_EDP : DNA_COST_LATENCY;
    return dna_make_accel(task, s, s->at.cost);
}

typedef struct asker {
    cs_task *task;
    dna_state *s;
} asker;

static cs_status ask(void *context, const cs_design *design, cs_hw_report *report)
{
    const asker *a = context;
    CS_TRY(cs_hw_detail(a->task, design, report));
    a->s->at.hw_queries++;
    return CS_OK;
}

cs_status dna_search_accelerator(cs_task *task, dna_state *s, cs_design *design, bool keep,
                                 double samples, cs_hw_metrics *hw, bool *feasible)
{
    asker a = {task, s};
    cs_accel_result result;
    const uint64_t n = (uint64_t)fmax(1.0, samples);
    CS_TRY(cs_accel_search(s->accel, design, keep, n, cs_task_rng(task, "accelerator"), ask, &a,
                           NULL, NULL, &result));
    *hw = result.hw;
    *feasible = result.feasible;
    return CS_OK;
}

static double charged(const dna_state *s, const cs_hw_metrics *hw)
{
    if (s->at.cost == DNA_COST_EDP)
        return hw->edp_js;
    return s->at.cost == DNA_COST_INTERVAL ? 1.0 / hw->fps : hw->latency_s;
}

/* Of two accelerators for the same network. */
static bool better(const cs_task *task, const dna_state *s, const cs_hw_metrics *a,
                   const cs_hw_metrics *b)
{
    const cs_accel_goal goal = choose_goal(s->at.cost, cs_task_limits(task));
    return cs_accel_cost_of(goal, a) < cs_accel_cost_of(goal, b);
}

cs_status dna_derive(cs_task *task, dna_state *s)
{
    uint16_t op[CS_BLOCKS_MAX];
    cs_design design;
    cs_hw_metrics hw;
    bool feasible;
    for (size_t b = 0; b < s->n_blocks; b++)
        op[b] = cs_logits_argmax(s->alpha, b);
    dna_design_of(s, op, &design);
    const bool same =
        s->at.derived.n && memcmp(op, s->at.derived.choice, s->n_blocks * sizeof *op) == 0;
    if (same)
        design = s->at.derived;
    CS_TRY(dna_search_accelerator(task, s, &design, same,
                                  fmin(s->settings.hw_samples, dna_queries_free(task, s)), &hw,
                                  &feasible));
    const bool news = !same || !s->at.derived_feasible || better(task, s, &hw, &s->at.derived_hw);
    s->at.derived = design;
    s->at.derived_hw = hw;
    s->at.derived_feasible = feasible;
    if (feasible) {
        s->at.feasible = design;
        s->at.feasible_hw = hw;
        s->at.has_feasible = true;
    }
    s->at.mu = dna_next_mu(&s->settings, cs_task_limits(task), &hw, charged(s, &hw), s->at.mu);
    if (!feasible || !news || s->at.evaluated > 0)
        return CS_OK;
    s->at.offered = true;
    return cs_offer(task, &design, NAN); /* no accuracy of its own yet */
}

/* The most probable network first, then draws from softmax(alpha), flatter after draws in vain.
 * false: all that turned up are known. */
static bool propose(cs_task *task, dna_state *s, cs_design *design)
{
    cs_rng *rng = cs_task_rng(task, "candidates");
    double flat = 1.0, acc;
    uint16_t op[CS_BLOCKS_MAX];
    for (size_t b = 0; b < s->n_blocks; b++)
        op[b] = cs_logits_argmax(s->alpha, b);
    for (int draws = 0; draws <= DRAWS; draws++, flat *= FLATTER) {
        dna_design_of(s, op, design);
        if (!cs_memo_get(s->memo, design, &acc))
            return true;
        for (size_t b = 0; b < s->n_blocks; b++) {
            cs_gumbel_softmax(&s->alpha->value[s->alpha->offset[b]], s->n_ops, flat, NULL, s->y[b]);
            op[b] = (uint16_t)cs_rng_choice(rng, s->y[b], (uint32_t)s->n_ops);
        }
    }
    return false;
}

/* Samples for the accelerator of one candidate, so that the queries last as long as the budget of
 * evaluations. */
static double samples_each(const cs_task *task, const dna_state *s)
{
    const double free = dna_queries_free(task, s);
    const double to_come = dna_evaluations_left(task) / s->at.part_each;
    const double parts = s->at.part_each > 0.0 ? ATTEMPTS * fmax(1.0, to_come) : FIRST_PART;
    return fmin(s->settings.hw_samples, fmax(SAMPLES_MIN, ceil(free / parts)));
}

/* cs_eval, and what part of its budget one takes. */
static cs_status evaluate(cs_task *task, dna_state *s, const cs_design *design, double *acc)
{
    const double before = dna_evaluations_left(task);
    CS_TRY(cs_eval(task, design, cs_task_fidelity(task), acc));
    CS_TRY(cs_memo_put(s->memo, design, *acc));
    s->at.evaluated++;
    s->at.part_each = before - dna_evaluations_left(task);
    return CS_OK;
}

cs_status dna_candidate(cs_task *task, dna_state *s)
{
    cs_design design;
    cs_hw_metrics hw;
    bool feasible;
    double acc;
    if (s->settings.candidates > 0.0 && (double)s->at.evaluated >= s->settings.candidates)
        return CS_DONE;
    if (!propose(task, s, &design))
        return CS_DONE;
    CS_TRY(dna_search_accelerator(task, s, &design, false, samples_each(task, s), &hw, &feasible));
    if (!feasible)
        return cs_memo_put(s->memo, &design, -1.0);
    CS_TRY(evaluate(task, s, &design, &acc));
    if (acc <= s->at.best_acc)
        return CS_OK;
    s->at.best = design;
    s->at.best_hw = hw;
    s->at.best_acc = acc;
    s->at.offered = true;
    return cs_offer(task, &design, acc);
}

/* The final accelerator search: for the best network evaluated, else the most probable one. A
 * better accelerator for the same network is a better answer; CS_STOP only ends the search early.
 */
cs_status dna_finish(cs_task *task, void *state)
{
    dna_state *s = state;
    uint16_t op[CS_BLOCKS_MAX];
    cs_design design;
    cs_hw_metrics hw;
    bool feasible;
    cs_note(task, "dna: %llu weight steps, %llu of alpha, %lu tables, %llu evaluations, mu %g",
            (unsigned long long)s->at.weight_steps, (unsigned long long)s->at.alpha_steps,
            (unsigned long)s->at.refreshes, (unsigned long long)s->at.evaluated, s->at.mu);
    if (!s->at.tabled)
        return CS_OK;
    const bool evaluated = s->at.best_acc >= 0.0;
    for (size_t b = 0; b < s->n_blocks; b++)
        op[b] = cs_logits_argmax(s->alpha, b);
    dna_design_of(s, op, &design);
    if (evaluated)
        design = s->at.best;
    const bool known = !evaluated && s->at.derived_feasible &&
                       memcmp(op, s->at.derived.choice, s->n_blocks * sizeof *op) == 0;
    if (known)
        design = s->at.derived;
    asker a = {task, s};
    cs_accel_result result;
    const cs_status status =
        cs_accel_search(s->accel, &design, evaluated || known, (uint64_t)s->settings.hw_samples,
                        cs_task_rng(task, "accelerator"), ask, &a, NULL, NULL, &result);
    if (status != CS_OK && status != CS_STOP)
        return status;
    feasible = result.feasible;
    hw = result.hw;
    if (feasible && (!evaluated || better(task, s, &hw, &s->at.best_hw)))
        return cs_offer(task, &design, evaluated ? s->at.best_acc : NAN);
    if (!feasible && !s->at.offered && s->at.has_feasible)
        return cs_offer(task, &s->at.feasible, NAN);
    return CS_OK;
}
