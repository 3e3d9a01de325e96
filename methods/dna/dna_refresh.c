/* The cost table: sampled networks, an accelerator searched for each, every block change charged.
 */
#include "dna.h"

#include <math.h>
#include <string.h>

#define SAMPLES_MIN 50.0 /* below this fewer networks are averaged instead */

/* What an accelerator cannot do for a network, whatever its speed and energy. */
#define RESOURCES                                                                                  \
    (~(uint32_t)(CS_VIOLATES_FPS | CS_VIOLATES_EDP | CS_VIOLATES_LATENCY | CS_VIOLATES_ENERGY))

static void quantities(const dna_state *s, const cs_hw_report *report, double cost[DNA_QUANTITIES])
{
    cost[DNA_ENERGY] = report->total.energy_j;
    cost[DNA_TIME] =
        s->at.cost == DNA_COST_INTERVAL ? 1.0 / report->total.fps : report->total.latency_s;
}

/* The operators of a sampled network: drawn from a fresh soft sample, as published. Where earlier
 * rounds found nothing feasible, the first one of a round has the block of fewest products
 * everywhere. */
static void sample_network(cs_task *task, dna_state *s, double progress, uint16_t *op)
{
    cs_rng *rng = cs_task_rng(task, "table");
    const double tau = dna_tau(&s->settings, progress);
    for (size_t b = 0; b < s->n_blocks; b++) {
        cs_gumbel_softmax(&s->alpha->value[s->alpha->offset[b]], s->n_ops, tau, rng, s->y[b]);
        op[b] = (uint16_t)cs_rng_choice(rng, s->y[b], (uint32_t)s->n_ops);
    }
    if (s->at.rounds < 2 || s->at.pending_nets > 0)
        return;
    for (size_t b = 0; b < s->n_blocks; b++) {
        uint64_t fewest = UINT64_MAX;
        uint16_t trial[CS_BLOCKS_MAX], best = 0;
        memcpy(trial, op, s->n_blocks * sizeof *trial);
        for (size_t o = 0; o < s->n_ops; o++) {
            cs_design design;
            cs_net net;
            trial[b] = (uint16_t)o;
            dna_design_of(s, trial, &design);
            if (cs_space_network(s->space, &design, &net) == CS_OK && cs_net_macs(&net) < fewest) {
                fewest = cs_net_macs(&net);
                best = (uint16_t)o;
            }
        }
        op[b] = best;
    }
}

/* The design with block b changed to operator o. Decisions that matter for the design keep their
 * choice; others that matter now take the engine's most probable one. */
static void change_block(const dna_state *s, const cs_design *design, const bool *active, size_t b,
                         size_t o, cs_design *out)
{
    *out = *design;
    out->choice[b] = (uint16_t)o;
    cs_accel_argmax(s->accel, out);
    for (size_t i = s->first_accelerator; i < design->n; i++)
        if (active[i])
            out->choice[i] = design->choice[i];
    cs_space_repair(s->space, out);
}

/* Charges every change of one block of the design, whose own cost is in s->report. */
static cs_status charge(cs_task *task, dna_state *s, const cs_design *design)
{
    double whole[DNA_QUANTITIES];
    quantities(s, &s->report, whole);
    bool active[CS_DECISIONS_MAX];
    cs_space_active(s->space, design, active);
    for (size_t b = 0; b < s->n_blocks; b++)
        for (size_t o = 0; o < s->n_ops; o++) {
            dna_change *c = &s->change[b][o];
            *c = (dna_change){.fits = true};
            memcpy(c->cost, whole, sizeof whole);
            if (o == design->choice[b])
                continue;
            cs_design changed;
            change_block(s, design, active, b, o, &changed);
            CS_TRY(dna_query(task, s, &changed));
            quantities(s, &s->report, c->cost);
            c->fits = !(s->report.total.violated & RESOURCES) && isfinite(c->cost[DNA_TIME]) &&
                      (s->at.cost != DNA_COST_EDP || isfinite(c->cost[DNA_ENERGY]));
        }
    dna_table_add(&s->at.pending, s->n_blocks, s->n_ops, whole, s->change, s->settings.misfit);
    return CS_OK;
}

/* How many networks and samples the queries that are free now pay for; false: too few. */
static bool plan(const cs_task *task, dna_state *s)
{
    const double free = dna_queries_free(task, s), per_net = (double)(s->n_blocks * s->n_ops);
    double nets = s->settings.table_nets, samples = s->settings.hw_samples;
    if (nets * (samples + per_net) > free) {
        samples = floor(free / nets - per_net);
        if (samples < SAMPLES_MIN) {
            nets = fmax(1.0, floor(free / (SAMPLES_MIN + per_net)));
            samples = fmin(s->settings.hw_samples, fmax(1.0, floor(free / nets - per_net)));
        }
    }
    s->at.table_nets = (uint32_t)nets;
    s->at.samples = (uint32_t)samples;
    return !s->at.tabled || free >= SAMPLES_MIN + per_net;
}

static void finish_table(cs_task *task, dna_state *s, double progress)
{
    s->at.pending_nets = s->at.table_nets = 0;
    if (s->at.pending.nets == 0 || (!s->at.tabled && !s->at.has_feasible))
        return; /* nothing to average, or no design fits yet: again */
    s->at.table = s->at.pending;
    dna_table_close(&s->at.table);
    if (!s->at.tabled) {
        for (size_t b = 0; b < s->n_blocks; b++)
            for (size_t o = 0; o < s->n_ops; o++)
                s->y[b][o] = 1.0 / (double)s->n_ops;
        s->at.norm = dna_expected_cost(&s->at.table, s->at.cost, s->n_blocks, s->n_ops, s->y, NULL);
    }
    s->at.tabled = true;
    s->at.refreshes++;
    const double period = s->settings.refresh, epoch = progress * s->settings.epochs;
    s->at.next_refresh = (floor(fmax(epoch, s->settings.frozen) / period) + 1.0) * period;
    cs_observe(task, "table.misfits", s->at.table.misfits);
    cs_observe(task, "table.nets", s->at.table.nets);
}

cs_status dna_refresh(cs_task *task, dna_state *s, double progress)
{
    uint16_t op[CS_BLOCKS_MAX];
    cs_design design;
    cs_hw_metrics hw;
    bool feasible;
    if (s->at.table_nets == 0) {
        if (!plan(task, s)) {
            s->at.table_nets = 0;
            s->at.next_refresh += s->settings.refresh; /* the queries are for others */
            return CS_OK;
        }
        s->at.rounds++;
        s->at.pending = (dna_table){0};
    }
    sample_network(task, s, progress, op);
    dna_design_of(s, op, &design);
    CS_TRY(dna_search_accelerator(task, s, &design, false, s->at.samples, &hw, &feasible));
    if (feasible) {
        s->at.feasible = design;
        s->at.feasible_hw = hw;
        s->at.has_feasible = true;
    }
    CS_TRY(dna_query(task, s, &design));
    if (!(s->report.total.violated & RESOURCES))
        CS_TRY(charge(task, s, &design));
    if (++s->at.pending_nets >= s->at.table_nets)
        finish_table(task, s, progress);
    return CS_OK;
}
