/* The accelerator of least energy-delay product for one network, by enumeration: every unit is
 * costed once, and every pair of units within PEs and bandwidth that a bound does not exclude is
 * mapped. Pairs are unordered: which of two units comes first changes nothing. */
#include "hetero_model.h"

#include <stdlib.h>
#include <string.h>

enum { PE_STEPS = HETERO_PES_MAX / 32, GBS_STEPS = HETERO_GBS_MAX / 8 };
enum { UNITS = HETERO_DATAFLOWS * PE_STEPS * GBS_STEPS };

/* Costs of every kind of layer on one unit, energy without static power; times how many there are.
 */
typedef struct costed {
    hetero_unit unit;
    double area_mm2, static_w;
    double *cycles, *energy_j; /* [n_kinds] */
} costed;

typedef struct solver {
    const hetero_model *model;
    hetero_work work;
    hetero_goal goal;
    double area_max_mm2, edp_max; /* cycles x J */
    costed *unit;                 /* [UNITS], by GB/s, then dataflow, then PEs */
    double *costs;
    bool found;
    double best; /* cycles x J */
    hetero_unit first, last;
    uint64_t designs;
} solver;

static size_t index_of(int32_t gbs, size_t dataflow, size_t pe_step)
{
    return ((size_t)(gbs / 8 - 1) * HETERO_DATAFLOWS + dataflow) * PE_STEPS + pe_step;
}

static void cost_units(solver *s, uint8_t widest)
{
    const size_t n = s->work.n_kinds;
    hetero_cost cost;
    hetero_engine engine;
    for (size_t i = 0; i < UNITS; i++) {
        costed *c = &s->unit[i];
        c->unit = (hetero_unit){.dataflow = (uint8_t)(i / PE_STEPS % HETERO_DATAFLOWS),
                                .pes = (int32_t)(32 * (i % PE_STEPS + 1)),
                                .gbs = (int32_t)(8 * (i / PE_STEPS / HETERO_DATAFLOWS + 1))};
        c->cycles = s->costs + 2 * n * i;
        c->energy_j = c->cycles + n;
        s->model->build(&c->unit, widest, &engine);
        c->area_mm2 = engine.area_mm2;
        c->static_w = engine.static_w;
        for (size_t k = 0; k < n; k++) {
            s->model->cost(&engine, &s->work.layer[s->work.first[k]], &cost);
            c->cycles[k] = s->work.count[k] * cost.cycles;
            c->energy_j[k] = 0.0;
            for (size_t level = 0; level < CS_HW_LEVELS; level++)
                c->energy_j[k] += s->work.count[k] * cost.energy_j[level];
        }
    }
}

/* Bounds from below on latency and energy of any mapping to two units (or one: b == a). */
static bool excluded(const solver *s, const costed *a, const costed *b, double static_w)
{
    double cycles = 0.0, energy = 0.0;
    for (size_t k = 0; k < s->work.n_kinds; k++) {
        cycles += a->cycles[k] < b->cycles[k] ? a->cycles[k] : b->cycles[k];
        energy += a->energy_j[k] < b->energy_j[k] ? a->energy_j[k] : b->energy_j[k];
    }
    cycles *= 1.0 - 1e-12; /* the mapping adds in another order */
    energy = (energy + static_w * cycles / HETERO_CLOCK_HZ) * (1.0 - 1e-12);
    return cycles > s->goal.cycles_max || energy > s->goal.energy_max_j ||
           cycles * energy > s->edp_max || (s->found && cycles * energy >= s->best);
}

/* Maps the network to the units; a first one may be missing. */
static void try_units(solver *s, const costed *first, const costed *last)
{
    const double area = last->area_mm2 + (first ? first->area_mm2 : 0.0);
    const double static_w = last->static_w + (first ? first->static_w : 0.0);
    hetero_table table = {.n_units = first ? 2 : 1};
    hetero_mapping mapping;
    s->designs++;
    if (area > s->area_max_mm2 || excluded(s, first ? first : last, last, static_w))
        return;
    for (size_t k = 0; k < s->work.n_kinds; k++)
        for (size_t u = 0; u < table.n_units; u++) {
            const costed *c = u + 1 == table.n_units ? last : first;
            table.cycles[k][u] = c->cycles[k] / s->work.count[k];
            table.energy_j[k][u] =
                c->energy_j[k] / s->work.count[k] + static_w * table.cycles[k][u] / HETERO_CLOCK_HZ;
        }
    hetero_map(&s->work, &table, &s->goal, &mapping);
    const double edp = mapping.cycles * mapping.energy_j;
    if (!mapping.feasible || edp > s->edp_max || (s->found && edp >= s->best))
        return;
    s->found = true;
    s->best = edp;
    s->first = first ? first->unit : (hetero_unit){.pes = 0};
    s->last = last->unit;
}

static void enumerate(solver *s)
{
    for (size_t i = index_of(HETERO_GBS_MAX, 0, 0); i < UNITS; i++)
        try_units(s, NULL, &s->unit[i]);
    for (int32_t gbs = 8; gbs <= HETERO_GBS_MAX / 2; gbs += 8)
        for (size_t a = 0; a < HETERO_DATAFLOWS * PE_STEPS; a++)
            for (size_t dataflow = 0; dataflow < HETERO_DATAFLOWS; dataflow++) {
                const costed *first = &s->unit[index_of(gbs, 0, 0) + a];
                const size_t steps = PE_STEPS - (a % PE_STEPS + 1);
                for (size_t p = 0; p < steps; p++) {
                    const costed *last = &s->unit[index_of(HETERO_GBS_MAX - gbs, dataflow, p)];
                    if (2 * gbs < HETERO_GBS_MAX || first <= last)
                        try_units(s, first, last);
                }
            }
}

static cs_status finish(const solver *s, const cs_hw_context *ctx, const cs_net *net,
                        const cs_limits *limits, uint16_t *choice, cs_solution *out, cs_error *err)
{
    uint16_t best[5];
    hetero_encode(s->first.pes > 0 ? &s->first : NULL, &s->last, best);
    cs_hw_report *report = malloc(sizeof *report);
    if (!report)
        return cs_fail(err, CS_ENOMEM, "exact solver: out of memory");
    const cs_status status = hetero_evaluate(s->model, ctx, net, best, limits, report);
    if (status == CS_OK) {
        memcpy(choice, best, sizeof best);
        *out = (cs_solution){.objective = CS_LEAST_EDP,
                             .fps = report->total.fps,
                             .edp_js = report->total.edp_js,
                             .bound_fps = (double)NAN,
                             .bound_edp_js = report->total.edp_js,
                             /* on the very edge of a limit the sums may differ by rounding */
                             .proven = report->total.violated == 0,
                             .designs = s->designs};
    }
    free(report);
    return status;
}

cs_status hetero_solve(const hetero_model *model, const cs_hw_context *ctx, const cs_net *net,
                       const cs_limits *limits, uint16_t *choice, cs_solution *out, cs_error *err)
{
    const uint8_t widest = hetero_widest(ctx);
    const cs_limits none = CS_LIMITS_NONE, *l = limits ? limits : &none;
    solver *s = calloc(1, sizeof *s);
    if (!s)
        return cs_fail(err, CS_ENOMEM, "exact solver: out of memory");
    s->model = model;
    s->goal = hetero_goal_of(limits);
    s->area_max_mm2 = l->area_max_mm2;
    s->edp_max = l->edp_max_js * HETERO_CLOCK_HZ;
    cs_status status = hetero_work_init(net, widest, &s->work);
    if (status != CS_OK)
        cs_fail(err, status, "exact solver: the network has layers wider than %d bits", widest);
    if (status == CS_OK) {
        s->unit = malloc(UNITS * sizeof *s->unit);
        s->costs = malloc(UNITS * 2 * s->work.n_kinds * sizeof *s->costs);
        if (!s->unit || !s->costs)
            status = cs_fail(err, CS_ENOMEM, "exact solver: out of memory");
    }
    if (status == CS_OK) {
        cost_units(s, widest);
        if (isinf(l->dsp_max) && isinf(l->bram_max)) /* the model has neither: such a limit fails */
            enumerate(s);
        status = s->found ? finish(s, ctx, net, limits, choice, out, err)
                          : cs_fail(err, CS_EINFEASIBLE,
                                    "exact solver: no accelerator keeps the limits");
    }
    free(s->unit);
    free(s->costs);
    free(s);
    return status;
}
