/* Layers of several networks on several sub-accelerators: who runs what, and when.
 *
 * Every network is a chain: its layers run one after another, each on one unit (sub-accelerator);
 * a unit runs one layer at a time; units work in parallel. Wanted is the schedule of least energy
 * whose makespan keeps a latency limit (heterogeneous assignment, NASAIC, DAC 2020). The problem is
 * NP-hard: cs_hap is a heuristic, cs_hap_exact proves the optimum of small cases.
 * docs/hw-models.md, "Mapping and scheduling", describes both. */
#ifndef CS_HETERO_H
#define CS_HETERO_H

#include "cosearch/hw.h"

#define CS_HETERO_UNITS_MAX 4
#define CS_HETERO_CHAINS_MAX 4
#define CS_HETERO_LAYERS_MAX (CS_HETERO_CHAINS_MAX * CS_CONVS_MAX)

/* Costs of the layers of one network, in order: latency[i * n_units + u] and energy[...] of layer i
 * on unit u. Finite, latency > 0, energy >= 0; any unit of time and energy. Borrowed. */
typedef struct cs_hetero_chain {
    size_t n;
    const double *latency, *energy;
} cs_hetero_chain;

typedef struct cs_hetero_problem {
    size_t n_units, n_chains;
    cs_hetero_chain chain[CS_HETERO_CHAINS_MAX];
    double latency_max; /* limit on the makespan; Inf: none */
} cs_hetero_problem;

/* Layers are numbered through: those of chain 0 first, then those of chain 1 and so on. */
typedef struct cs_hetero_schedule {
    double makespan, energy;
    bool feasible; /* makespan <= latency_max */
    size_t n;
    uint8_t unit[CS_HETERO_LAYERS_MAX];
    double start[CS_HETERO_LAYERS_MAX];
} cs_hetero_schedule;

typedef enum cs_hap_kind {
    /* Least-energy assignment, list schedule, then moves off the critical unit, best drop of the
     * makespan per added energy first, until the limit is kept or no move helps. */
    CS_HAP_PUBLISHED,
    /* The same from three assignments (thriftiest, fastest, earliest finish), with pairs of moves
     * where single ones get stuck and moves that save energy within the limit; and a beam search
     * over partial schedules from both ends. The best of all. */
    CS_HAP_MENDED
} cs_hap_kind;

/* Start times of a given assignment `out->unit`: list scheduling, the layer that can start first,
 * among equals that of the chain with the longest way to go. Fills the rest of *out. */
void cs_hetero_list_schedule(const cs_hetero_problem *problem, cs_hetero_schedule *out);

/* CS_EUSAGE if the problem is outside the bounds above or a cost is not a finite number as
 * described, CS_ENOMEM. A schedule is returned even if none was found that keeps the limit: then
 * the one with the smallest makespan seen. */
cs_status cs_hap(const cs_hetero_problem *problem, cs_hap_kind kind, cs_hetero_schedule *out);

/* The schedule of least energy that keeps the limit, by dynamic programming over how far each chain
 * is, with dominated partial schedules dropped. labels_max bounds the partial schedules kept; 0:
 * four million. CS_EINFEASIBLE if no schedule keeps the limit, CS_ENOMEM also if labels_max was not
 * enough. */
cs_status cs_hap_exact(const cs_hetero_problem *problem, size_t labels_max, cs_hetero_schedule *out,
                       cs_error *err);

/* ---- several networks on one accelerator ---- */

typedef struct cs_hetero_report {
    cs_hw_metrics total; /* one image through every network: fps counts such rounds */
    size_t n_units;
    struct {
        char name[8]; /* "s0-dla" */
        uint16_t layers;
        double busy_s;
    } unit[CS_HETERO_UNITS_MAX];
    cs_hetero_schedule schedule; /* seconds; joules without static energy */
} cs_hetero_report;

/* n networks at once on an accelerator of an `asic-hetero` model: cs_hap under the tighter of
 * latency_max_s and 1 / fps_min (published models: as published), static power of all units over
 * the makespan. limits may be NULL. CS_EUSAGE for another model or n outside 1..CHAINS_MAX,
 * CS_EOUTSIDE for a network that the model cannot cost. */
cs_status cs_hetero_evaluate(const cs_hw_model *model, const cs_hw_context *ctx,
                             const cs_net *const *net, size_t n, const uint16_t *choice,
                             const cs_limits *limits, cs_hetero_report *out);

#endif
