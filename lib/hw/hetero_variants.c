/* The models of the heterogeneous accelerator, and several networks on one of them. */
#include "hetero_model.h"

#include <string.h>

const hetero_model hetero_published = {.units = 2,
                                       .dram_bits_per_cycle = INFINITY,
                                       .build = hetero_published_build,
                                       .cost = hetero_published_cost};
const hetero_model hetero_published_4 = {.units = 4,
                                         .dram_bits_per_cycle = INFINITY,
                                         .build = hetero_published_build,
                                         .cost = hetero_published_cost};
const hetero_model hetero_nest = {.units = 2,
                                  .dram_bits_per_cycle = 8.0 * HETERO_GBS_MAX,
                                  .build = hetero_nest_build,
                                  .cost = hetero_nest_cost};
const hetero_model hetero_nest_4 = {.units = 4,
                                    .dram_bits_per_cycle = 8.0 * HETERO_GBS_MAX,
                                    .build = hetero_nest_build,
                                    .cost = hetero_nest_cost};

/* Every layer of every network needs something of the accelerator. */
static void active(const hetero_model *m, bool *out)
{
    for (size_t i = 0; i < hetero_decision_count(m); i++)
        out[i] = true;
}

/* Binds a const hetero_model to the function types of cs_hw_model. */
#define HETERO_MODEL(id, model_, solve_, version_, name_, summary_)                                \
    static cs_status id##_decisions(const cs_hw_context *ctx, cs_decision *list, size_t cap,       \
                                    size_t *n)                                                     \
    {                                                                                              \
        (void)ctx;                                                                                 \
        return hetero_decisions(&(model_), list, cap, n);                                          \
    }                                                                                              \
    static void id##_active(const cs_hw_context *ctx, const cs_net *net, bool *out)                \
    {                                                                                              \
        (void)ctx;                                                                                 \
        (void)net;                                                                                 \
        active(&(model_), out);                                                                    \
    }                                                                                              \
    static cs_status id##_evaluate(const cs_hw_context *ctx, const cs_net *net,                    \
                                   const uint16_t *choice, const cs_limits *limits,                \
                                   cs_hw_report *report)                                           \
    {                                                                                              \
        return hetero_evaluate(&(model_), ctx, net, choice, limits, report);                       \
    }                                                                                              \
    extern const cs_hw_model cs_hw_model_##id;                                                     \
    const cs_hw_model cs_hw_model_##id = {.version = (version_),                                   \
                                          .name = (name_),                                         \
                                          .cite = "yang2020nasaic",                                \
                                          .summary = (summary_),                                   \
                                          .decisions = id##_decisions,                             \
                                          .active = id##_active,                                   \
                                          .evaluate = id##_evaluate,                               \
                                          .objective = CS_LEAST_EDP,                               \
                                          .solve = (solve_)};

#define HETERO_SOLVE(id, model_)                                                                   \
    static cs_status id(const cs_hw_context *ctx, const cs_net *net, const cs_limits *limits,      \
                        uint16_t *choice, cs_solution *out, cs_error *err)                         \
    {                                                                                              \
        return hetero_solve(&(model_), ctx, net, limits, choice, out, err);                        \
    }

HETERO_SOLVE(solve_nest, hetero_nest)
HETERO_SOLVE(solve_published, hetero_published)

HETERO_MODEL(asic_hetero, hetero_nest, solve_nest, 1, "asic-hetero",
             "up to two sub-accelerators of three dataflows, through loop nests")
HETERO_MODEL(asic_hetero_4, hetero_nest_4, NULL, 1, "asic-hetero:4",
             "up to four sub-accelerators of three dataflows, through loop nests")
HETERO_MODEL(asic_hetero_published, hetero_published, solve_published, 1, "asic-hetero-published",
             "up to two sub-accelerators, NASAIC's closed form and area formula")
HETERO_MODEL(asic_hetero_published_4, hetero_published_4, NULL, 1, "asic-hetero-published:4",
             "up to four sub-accelerators, NASAIC's closed form and area formula")

/* ---- several networks ---- */

static const hetero_model *model_of(const cs_hw_model *m)
{
    return m == &cs_hw_model_asic_hetero               ? &hetero_nest
           : m == &cs_hw_model_asic_hetero_4           ? &hetero_nest_4
           : m == &cs_hw_model_asic_hetero_published   ? &hetero_published
           : m == &cs_hw_model_asic_hetero_published_4 ? &hetero_published_4
                                                       : NULL;
}

/* Latency (s) and energy (J, without the static share) of every layer of a network. */
static cs_status fill_chain(const hetero_model *m, const cs_net *net, uint8_t widest,
                            const hetero_engine *engine, size_t n_units, double *latency,
                            double *energy, size_t *n)
{
    hetero_work work;
    CS_TRY(hetero_work_init(net, widest, &work));
    for (size_t i = 0; i < work.n_layers; i++) {
        const size_t like = work.first[work.kind[i]];
        for (size_t u = 0; u < n_units; u++) {
            double *l = &latency[i * n_units + u], *e = &energy[i * n_units + u];
            hetero_cost cost;
            if (like < i) {
                *l = latency[like * n_units + u];
                *e = energy[like * n_units + u];
                continue;
            }
            m->cost(&engine[u], &work.layer[i], &cost);
            *l = cost.cycles / HETERO_CLOCK_HZ;
            *e = 0.0;
            for (size_t level = 0; level < CS_HW_LEVELS; level++)
                *e += cost.energy_j[level];
        }
    }
    *n = work.n_layers;
    return CS_OK;
}

cs_status cs_hetero_evaluate(const cs_hw_model *model, const cs_hw_context *ctx,
                             const cs_net *const *net, size_t n, const uint16_t *choice,
                             const cs_limits *limits, cs_hetero_report *out)
{
    const hetero_model *m = model_of(model);
    double latency[CS_HETERO_CHAINS_MAX][CS_CONVS_MAX * CS_HETERO_UNITS_MAX];
    double energy[CS_HETERO_CHAINS_MAX][CS_CONVS_MAX * CS_HETERO_UNITS_MAX];
    hetero_unit unit[CS_HETERO_UNITS_MAX];
    hetero_engine engine[CS_HETERO_UNITS_MAX];
    const uint8_t widest = hetero_widest(ctx);
    const hetero_goal goal = hetero_goal_of(limits);
    if (!m || n < 1 || n > CS_HETERO_CHAINS_MAX)
        return CS_EUSAGE;
    *out = (cs_hetero_report){.n_units = hetero_decode(m, choice, unit)};
    out->total = (cs_hw_metrics){.dsp = NAN, .bram = NAN, .overflow = NAN};
    double static_w = 0.0;
    for (size_t u = 0; u < out->n_units; u++) {
        m->build(&unit[u], widest, &engine[u]);
        static_w += engine[u].static_w;
        out->total.area_mm2 += engine[u].area_mm2;
        memcpy(out->unit[u].name, hetero_unit_name(&unit[u]), strlen(hetero_unit_name(&unit[u])));
    }
    cs_hetero_problem problem = {
        .n_units = out->n_units, .n_chains = n, .latency_max = goal.cycles_max / HETERO_CLOCK_HZ};
    for (size_t c = 0; c < n; c++) {
        size_t layers;
        CS_TRY(fill_chain(m, net[c], widest, engine, out->n_units, latency[c], energy[c], &layers));
        problem.chain[c] = (cs_hetero_chain){layers, latency[c], energy[c]};
    }
    const bool published = m == &hetero_published || m == &hetero_published_4;
    CS_TRY(cs_hap(&problem, published ? CS_HAP_PUBLISHED : CS_HAP_MENDED, &out->schedule));
    for (size_t c = 0, layer = 0; c < n; c++)
        for (size_t i = 0; i < problem.chain[c].n; i++, layer++) {
            const size_t u = out->schedule.unit[layer];
            out->unit[u].layers++;
            out->unit[u].busy_s += latency[c][i * out->n_units + u];
        }
    cs_hw_metrics *total = &out->total;
    total->latency_s = out->schedule.makespan;
    total->energy_j = out->schedule.energy + static_w * total->latency_s;
    total->edp_js = total->energy_j * total->latency_s;
    total->fps = 1.0 / total->latency_s;
    size_t used = 0;
    for (size_t u = 0; u < out->n_units; u++) {
        total->utilization += out->unit[u].busy_s / total->latency_s;
        used += out->unit[u].layers > 0;
    }
    total->utilization /= (double)used;
    total->violated = limits ? cs_limits_violated(limits, total) : 0;
    return CS_OK;
}
