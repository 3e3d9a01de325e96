#include "fpga_tiled.h"
#include "fpga_parts.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- options ---- */

/* Published: exploration grid of the authors' code; the board's 2,520 slices and, ours, the limits
 * of other papers. Tn follows from the slices. */
static const int32_t slices[] = {2520, 900, 512, 450, 220, 128};
static const int32_t published_tm[] = {10, 40, 70, 100, 130, 160, 190, 220};
static const int32_t published_td[] = {64, 192, 320, 448, 576, 704, 832, 960};
static const int32_t published_side[] = {32, 64, 256};
static const int32_t published_ports[] = {2, 6, 10, 14, 18};
/* Corrected (ours): from a few slices to more than the ZC706 has. */
static const int32_t tn[] = {1, 2, 4, 8, 16, 32, 64};
static const int32_t tm[] = {2, 4, 8, 16, 24, 32, 48, 64};
static const int32_t td[] = {2, 4, 8, 16, 32, 64, 128};
static const int32_t side_small[] = {4, 8, 16, 32}, side_large[] = {7, 14, 28, 56};
static const int32_t ports[] = {1, 2, 4, 6, 8, 10};

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define VALUES(n_, m_, d_, side_, port_)                                                           \
    {                                                                                              \
        n_, m_, d_, side_, side_, port_, port_, port_                                              \
    }
#define COUNTS(n_, m_, d_, side_, port_)                                                           \
    {                                                                                              \
        COUNT(n_), COUNT(m_), COUNT(d_), COUNT(side_), COUNT(side_), COUNT(port_), COUNT(port_),   \
            COUNT(port_)                                                                           \
    }

static cs_status decisions(const tiled_model *model, const cs_hw_context *ctx, cs_decision *list,
                           size_t cap, size_t *n)
{
    static const char *const name[TILED_PARAMS] = {"c.Tn", "c.Tm", "d.Tm", "t.Tr",
                                                   "t.Tc", "p.W",  "p.I",  "p.O"};
    const bool imagenet = ctx->input_size >= 128;
    if (cap < TILED_PARAMS)
        return CS_EUSAGE;
    for (size_t p = 0; p < TILED_PARAMS; p++) {
        list[p] = (cs_decision){.group = CS_GROUP_ACCELERATOR,
                                .n_choices = model->n[imagenet][p],
                                .cap = -1,
                                .ordered = true,
                                .value = model->value[imagenet][p]};
        snprintf(list[p].name, sizeof list[p].name, "%s",
                 p == TILED_TN && model->published ? "c.dsp" : name[p]);
    }
    *n = TILED_PARAMS;
    return CS_OK;
}

void fpga_tiled_decode(const tiled_model *model, bool imagenet, const uint16_t *choice,
                       tiled_accelerator *out, double *need)
{
    int32_t v[TILED_PARAMS];
    for (size_t p = 0; p < TILED_PARAMS; p++) {
        assert(choice[p] < model->n[imagenet][p]);
        v[p] = model->value[imagenet][p][choice[p]];
    }
    *out = (tiled_accelerator){.tm = v[TILED_TM],
                               .tn = v[TILED_TN],
                               .td = v[TILED_TD],
                               .tr = v[TILED_TR],
                               .tc = v[TILED_TC],
                               .w = v[TILED_W],
                               .i = v[TILED_I],
                               .o = v[TILED_O]};
    *need = (double)(out->w + out->i + out->o) / model->ports;
    if (!model->published)
        return;
    const int32_t left = v[TILED_TN] - out->td;
    out->tn = left / out->tm > 1 ? left / out->tm : 1;
    if (left < out->tm)
        *need = fmax(*need, (double)(out->td + out->tm) / v[TILED_TN]);
}

/* ---- network to layers ---- */

size_t fpga_tiled_lower(const tiled_model *model, const cs_net *net, tiled_layer *layer)
{
    cs_conv conv[CS_CONVS_MAX];
    const size_t convs = cs_net_convs(net, conv);
    size_t n = 0;
    for (size_t i = 0; i < convs; i++) {
        const cs_conv *c = &conv[i];
        if (model->published && c->block == CS_CONV_CLASSIFIER)
            continue;
        const uint16_t runs = c->depthwise ? 1 : c->groups; /* groups run one after another */
        layer[n++] = (tiled_layer){.block = c->block,
                                   .kernel = c->kernel,
                                   .stride = c->stride,
                                   .bits = c->bits,
                                   .depthwise = c->depthwise,
                                   .groups = c->groups,
                                   .cin = (uint16_t)(c->cin / runs),
                                   .cout = (uint16_t)(c->cout / runs),
                                   .in_size = c->in_size,
                                   .out_size = c->out_size,
                                   .count = (double)runs};
    }
    return n;
}

void fpga_tiled_largest(const tiled_layer *layer, size_t n, tiled_layer largest[TILED_ENGINES])
{
    memset(largest, 0, TILED_ENGINES * sizeof *largest);
    for (size_t i = 0; i < n; i++) {
        const tiled_layer *l = &layer[i];
        tiled_layer *into = &largest[l->depthwise];
        into->kernel = l->kernel > into->kernel ? l->kernel : into->kernel;
        into->stride = l->stride > into->stride ? l->stride : into->stride;
        into->bits = l->bits > into->bits ? l->bits : into->bits;
        if (!(into->count > 0.0) || l->bits < into->count)
            into->count = l->bits;
    }
}

static void active(const tiled_model *model, const cs_hw_context *ctx, const cs_net *net, bool *out)
{
    tiled_layer layer[CS_HW_LAYERS_MAX];
    const size_t n = fpga_tiled_lower(model, net, layer);
    (void)ctx;
    for (size_t p = 0; p < TILED_PARAMS; p++)
        out[p] = p != TILED_TD || model->published; /* there Tn depends on it */
    for (size_t i = 0; i < n; i++)
        out[TILED_TD] = out[TILED_TD] || layer[i].depthwise;
}

/* ---- evaluation ---- */

static void report_layer(const tiled_layer *l, const tiled_cost *cost, double cycles,
                         cs_hw_layer_cost *out)
{
    const uint32_t groups = l->depthwise ? 1u : l->groups;
    *out = (cs_hw_layer_cost){.block = l->block,
                              .kernel = l->kernel,
                              .bits = l->bits,
                              .depthwise = l->depthwise,
                              .chunk = l->depthwise,
                              .cin = (uint16_t)(l->cin * groups),
                              .cout = (uint16_t)(l->cout * groups),
                              .out_size = l->out_size,
                              .stride = l->stride,
                              .groups = l->groups,
                              .macs = (uint64_t)l->out_size * l->out_size * l->cout * groups *
                                      (l->depthwise ? 1u : l->cin) * l->kernel * l->kernel,
                              .cycles = cycles,
                              .dram_bits = cost->dram_bits};
    cs_hw_no_energy(out);
}

/* What takes the largest part of the time. */
static const char *bottleneck(const tiled_cost *sum, double dram)
{
    const struct {
        const char *name;
        double cycles;
    } part[] = {{"compute", sum->compute},
                {"inputs", sum->inputs},
                {"weights", sum->weights},
                {"outputs", sum->outputs},
                {"dram", dram}};
    size_t worst = 0;
    for (size_t i = 1; i < sizeof part / sizeof *part; i++)
        if (part[i].cycles > part[worst].cycles)
            worst = i;
    return part[worst].name;
}

typedef struct engine_sum {
    uint16_t layers;
    double cycles, dram_bits;
} engine_sum;

static void report_engines(const tiled_model *model, const tiled_accelerator *a,
                           const engine_sum *sum, cs_hw_report *report)
{
    static const char *const name[TILED_ENGINES] = {"c", "d"};
    uint8_t index[TILED_ENGINES] = {0};
    size_t n = 0;
    for (int e = 0; e < TILED_ENGINES; e++) {
        if (sum[e].layers == 0)
            continue;
        cs_hw_chunk_cost *out = &report->chunk[n];
        const double macs = e == TILED_DEPTHWISE ? a->td : (double)a->tm * a->tn;
        *out = (cs_hw_chunk_cost){.layers = sum[e].layers,
                                  .cycles = sum[e].cycles,
                                  .dsp = macs,
                                  .bram = (double)NAN, /* the buffers are shared */
                                  .dram_bits = sum[e].dram_bits,
                                  .macs_per_cycle = macs};
        snprintf(out->name, sizeof out->name, "%s", name[e]);
        index[e] = (uint8_t)n++;
    }
    report->n_chunks = n;
    for (size_t i = 0; i < report->n_layers; i++)
        report->layer[i].chunk = index[report->layer[i].chunk];
    report->clock_hz = TILED_CLOCK_HZ;
    report->dram_bits_per_cycle = model->dram_bits_per_cycle;
}

static cs_status evaluate(const tiled_model *model, const cs_hw_context *ctx, const cs_net *net,
                          const uint16_t *choice, const cs_limits *limits, cs_hw_report *report)
{
    tiled_layer layer[CS_HW_LAYERS_MAX], largest[TILED_ENGINES];
    tiled_accelerator a;
    engine_sum sum[TILED_ENGINES] = {{0}};
    tiled_cost parts = {0};
    double dram_cycles = 0.0, cycles = 0.0;
    cs_hw_metrics *total = &report->total;
    const size_t n = fpga_tiled_lower(model, net, layer);
    *total = (cs_hw_metrics){.energy_j = NAN, .edp_js = NAN, .area_mm2 = NAN};
    fpga_tiled_decode(model, ctx->input_size >= 128, choice, &a, &total->overflow);
    for (size_t i = 0; i < n; i++) {
        tiled_cost cost;
        model->cost(&a, &layer[i], &cost);
        const double dram =
            isnan(cost.dram_bits) ? 0.0 : cost.dram_bits / model->dram_bits_per_cycle;
        const double layer_cycles = fmax(cost.cycles, dram);
        engine_sum *e = &sum[layer[i].depthwise];
        e->layers++;
        e->cycles += layer_cycles;
        e->dram_bits += cost.dram_bits;
        cycles += layer_cycles;
        dram_cycles += dram;
        parts.inputs += cost.inputs;
        parts.weights += cost.weights;
        parts.outputs += cost.outputs;
        parts.compute += cost.compute;
        report_layer(&layer[i], &cost, layer_cycles, &report->layer[i]);
    }
    report->n_layers = n;
    report_engines(model, &a, sum, report);
    fpga_tiled_largest(layer, n, largest);
    model->resources(&a, largest, &total->dsp, &total->bram);
    report->bottleneck = bottleneck(&parts, dram_cycles);
    report->interval_cycles = cycles;
    total->fps = TILED_CLOCK_HZ / cycles;
    total->latency_s = cycles / TILED_CLOCK_HZ;
    total->utilization =
        report->n_chunks ? 1.0 / (double)report->n_chunks : 0.0; /* they take turns */
    total->violated = (limits ? cs_limits_violated(limits, total) : 0) |
                      (total->overflow > 1.0 ? CS_VIOLATES_PORTS : 0);
    return CS_OK;
}

/* ---- the models ---- */

#define TILED_MODEL(id, version_, name_, cite_, summary_, ...)                                     \
    static const tiled_model id##_config = __VA_ARGS__;                                            \
    static cs_status id##_decisions(const cs_hw_context *ctx, cs_decision *list, size_t cap,       \
                                    size_t *n)                                                     \
    {                                                                                              \
        return decisions(&id##_config, ctx, list, cap, n);                                         \
    }                                                                                              \
    static void id##_active(const cs_hw_context *ctx, const cs_net *net, bool *out)                \
    {                                                                                              \
        active(&id##_config, ctx, net, out);                                                       \
    }                                                                                              \
    static cs_status id##_evaluate(const cs_hw_context *ctx, const cs_net *net,                    \
                                   const uint16_t *choice, const cs_limits *limits,                \
                                   cs_hw_report *report)                                           \
    {                                                                                              \
        return evaluate(&id##_config, ctx, net, choice, limits, report);                           \
    }                                                                                              \
    static cs_status id##_solve(const cs_hw_context *ctx, const cs_net *net,                       \
                                const cs_limits *limits, uint16_t *choice, cs_solution *out,       \
                                cs_error *err)                                                     \
    {                                                                                              \
        return fpga_tiled_exact(&id##_config, ctx, net, limits, choice, out, err);                 \
    }                                                                                              \
    extern const cs_hw_model cs_hw_model_##id;                                                     \
    const cs_hw_model cs_hw_model_##id = {.version = (version_),                                   \
                                          .name = (name_),                                         \
                                          .cite = (cite_),                                         \
                                          .summary = (summary_),                                   \
                                          .decisions = id##_decisions,                             \
                                          .active = id##_active,                                   \
                                          .evaluate = id##_evaluate,                               \
                                          .solve = id##_solve};

/* 512 bits (ZCU102, four ports of 128 bits); 256 bits (ZC706, four ports of 64 bits). */
TILED_MODEL(fpga_tiled, 1, "fpga-tiled", "jiang2020hotnas",
            "two tiled engines with memory ports (ZC706), corrected model",
            {.published = false,
             .ports = 16,
             .dram_bits_per_cycle = FPGA_DRAM_BITS_PER_S / TILED_CLOCK_HZ,
             .value = {VALUES(tn, tm, td, side_small, ports),
                       VALUES(tn, tm, td, side_large, ports)},
             .n = {COUNTS(tn, tm, td, side_small, ports), COUNTS(tn, tm, td, side_large, ports)},
             .cost = fpga_tiled_corrected_cost,
             .resources = fpga_tiled_corrected_needs})
TILED_MODEL(fpga_tiled_published, 1, "fpga-tiled-published", "jiang2020hotnas",
            "two tiled engines with memory ports (ZCU102), HotNAS as released",
            {.published = true,
             .ports = 32,
             .dram_bits_per_cycle = INFINITY,
             .value = {VALUES(slices, published_tm, published_td, published_side, published_ports),
                       VALUES(slices, published_tm, published_td, published_side, published_ports)},
             .n = {COUNTS(slices, published_tm, published_td, published_side, published_ports),
                   COUNTS(slices, published_tm, published_td, published_side, published_ports)},
             .cost = fpga_tiled_published_cost,
             .resources = fpga_tiled_published_needs})
