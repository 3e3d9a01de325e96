#include "fpga_chunk.h"
#include "fpga_parts.h"

#include <assert.h>
#include <string.h>

static void active(const fpga_model *model, const cs_hw_context *ctx, const cs_net *net, bool *out)
{
    fpga_layout layout;
    fpga_layer layer[CS_HW_LAYERS_MAX];
    size_t n = 0;
    if (fpga_layout_init(model, ctx, &layout) != CS_OK)
        return; /* such a space has no accelerator decisions */
    memset(out, 0, layout.n_bits * CHUNK_KINDS * CHUNK_PARAMS * sizeof *out);
    if (model->lower(&layout, net, layer, &n) != CS_OK)
        return;
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < CHUNK_PARAMS; p++)
            out[layer[i].chunk * CHUNK_PARAMS + p] = true;
}

/* ---- evaluation ---- */

/* A used chunk while its layers are summed. The two sums are kept apart: side by side the compiler
 * adds them as a vector and loads it right after two scalar stores, which stalls. */
typedef struct busy_chunk {
    bool used;
    uint8_t index; /* in the report */
    uint16_t layers;
    double cycles;
    fpga_chunk chunk;
    double dram_bits;
} busy_chunk;

static void open_chunk(const fpga_layout *layout, size_t c, const uint16_t *choice, busy_chunk *b)
{
    const chunk_list *list = layout->list[c % CHUNK_KINDS];
    b->used = true;
    b->layers = 0;
    b->cycles = b->dram_bits = 0.0;
    fpga_chunk_init(layout, c, &b->chunk);
    for (size_t p = 0; p < CHUNK_PARAMS; p++) {
        assert(choice[c * CHUNK_PARAMS + p] < list[p].n);
        b->chunk.v[p] = list[p].value[choice[c * CHUNK_PARAMS + p]];
    }
}

static void report_layer(const fpga_layer *l, cs_hw_layer_cost *out)
{
    const uint32_t groups = l->depthwise ? 1u : l->groups; /* runs of cout channels each */
    out->block = l->block;
    out->kernel = l->kernel;
    out->bits = l->bits;
    out->depthwise = l->depthwise;
    out->cin = (uint16_t)(l->depthwise ? l->cout : l->cin * groups);
    out->cout = (uint16_t)(l->cout * groups);
    out->out_size = l->out_size;
    out->stride = l->stride;
    out->groups = l->groups;
    cs_hw_no_energy(out);
    out->macs =
        (uint64_t)l->out_size * l->out_size * l->cout * l->cin * groups * l->kernel * l->kernel;
}

/* Totals over the used chunks, and the chunks of the report. */
static void report_chunks(const fpga_model *model, const fpga_layout *layout, busy_chunk *busy,
                          cs_hw_report *report)
{
    cs_hw_metrics total = {.energy_j = NAN, .edp_js = NAN, .area_mm2 = NAN, .overflow = NAN};
    double interval = 1.0; /* a network without any counted layer takes one cycle */
    double sum = 0.0, traffic = 0.0;
    size_t n = 0;
    report->bottleneck = "none";
    for (size_t c = 0; c < layout->n_bits * CHUNK_KINDS; c++) {
        if (!busy[c].used)
            continue;
        const fpga_resources need = model->resources(&busy[c].chunk);
        cs_hw_chunk_cost *out = &report->chunk[n];
        const char *name = fpga_chunk_name(layout, c);
        memcpy(out->name, name, FPGA_NAME_SIZE);
        out->layers = busy[c].layers;
        out->cycles = busy[c].cycles;
        out->dsp = need.dsp;
        out->bram = need.bram;
        out->dram_bits = busy[c].dram_bits;
        out->macs_per_cycle = fpga_multipliers(&busy[c].chunk);
        busy[c].index = (uint8_t)n++;
        total.dsp += need.dsp;
        total.bram += need.bram;
        sum += out->cycles;
        traffic += out->dram_bits;
        if (out->cycles > interval || n == 1)
            report->bottleneck = name;
        if (out->cycles > interval)
            interval = out->cycles;
    }
    if (isfinite(model->dram_bits_per_cycle)) {
        const double dram = traffic / model->dram_bits_per_cycle;
        if (dram > interval) {
            interval = dram;
            report->bottleneck = "dram";
        }
    }
    report->n_chunks = n;
    report->interval_cycles = interval;
    report->clock_hz = FPGA_CLOCK_HZ;
    report->dram_bits_per_cycle = model->dram_bits_per_cycle;
    total.fps = FPGA_CLOCK_HZ / interval;
    total.latency_s = fmax(sum, interval) / FPGA_CLOCK_HZ;
    total.utilization = n ? sum / (interval * (double)n) : 0.0;
    report->total = total;
}

cs_status fpga_evaluate(const fpga_model *model, const cs_hw_context *ctx, const cs_net *net,
                        const uint16_t *choice, const cs_limits *limits, cs_hw_report *report)
{
    fpga_layout layout;
    fpga_layer layer[CS_HW_LAYERS_MAX];
    busy_chunk busy[CS_HW_CHUNKS_MAX];
    size_t n;
    CS_TRY(fpga_layout_init(model, ctx, &layout));
    CS_TRY(model->lower(&layout, net, layer, &n));
    for (size_t c = 0; c < CS_HW_CHUNKS_MAX; c++)
        busy[c].used = false;
    for (size_t i = 0; i < n; i++) {
        const fpga_layer *l = &layer[i];
        busy_chunk *b = &busy[l->chunk];
        if (!b->used)
            open_chunk(&layout, l->chunk, choice, b);
        cs_hw_layer_cost *out = &report->layer[i];
        model->cost(&b->chunk, l, &out->cycles, &out->dram_bits);
        b->chunk.windows |= fpga_window_bit(l->kernel, l->stride);
        b->layers++;
        b->cycles += out->cycles;
        b->dram_bits += out->dram_bits;
        report_layer(l, out);
    }
    report->n_layers = n;
    report_chunks(model, &layout, busy, report);
    for (size_t i = 0; i < n; i++)
        report->layer[i].chunk = busy[layer[i].chunk].index;
    report->total.violated = limits ? cs_limits_violated(limits, &report->total) : 0;
    return CS_OK;
}

/* ---- the models ---- */

#define ZC706_DRAM_BITS_PER_CYCLE (FPGA_DRAM_BITS_PER_S / FPGA_CLOCK_HZ)

/* Binds a const fpga_model to the function types of cs_hw_model. */
#define FPGA_MODEL(id, version_, name_, summary_, ...)                                             \
    static const fpga_model id##_config = __VA_ARGS__;                                             \
    static cs_status id##_decisions(const cs_hw_context *ctx, cs_decision *list, size_t cap,       \
                                    size_t *n)                                                     \
    {                                                                                              \
        return fpga_decisions(&id##_config, ctx, list, cap, n);                                    \
    }                                                                                              \
    static void id##_active(const cs_hw_context *ctx, const cs_net *net, bool *out)                \
    {                                                                                              \
        active(&id##_config, ctx, net, out);                                                       \
    }                                                                                              \
    static cs_status id##_evaluate(const cs_hw_context *ctx, const cs_net *net,                    \
                                   const uint16_t *choice, const cs_limits *limits,                \
                                   cs_hw_report *report)                                           \
    {                                                                                              \
        return fpga_evaluate(&id##_config, ctx, net, choice, limits, report);                      \
    }                                                                                              \
    static cs_status id##_solve(const cs_hw_context *ctx, const cs_net *net,                       \
                                const cs_limits *limits, uint16_t *choice, cs_solution *out,       \
                                cs_error *err)                                                     \
    {                                                                                              \
        return fpga_solve(&id##_config, ctx, net, limits, choice, out, err);                       \
    }                                                                                              \
    extern const cs_hw_model cs_hw_model_##id;                                                     \
    const cs_hw_model cs_hw_model_##id = {.version = (version_),                                   \
                                          .name = (name_),                                         \
                                          .cite = "fu2021autonba",                                 \
                                          .summary = (summary_),                                   \
                                          .decisions = id##_decisions,                             \
                                          .active = id##_active,                                   \
                                          .evaluate = id##_evaluate,                               \
                                          .solve = id##_solve};

#define PUBLISHED(lists_)                                                                          \
    {                                                                                              \
        .lists = (lists_), .edge_chunks = false, .dram_bits_per_cycle = INFINITY,                  \
        .lower = fpga_published_lower, .cost = fpga_published_cost,                                \
        .resources = fpga_published_resources, .merge = fpga_published_merge                       \
    }
#define CORRECTED(lists_)                                                                          \
    {                                                                                              \
        .lists = (lists_), .edge_chunks = true, .dram_bits_per_cycle = ZC706_DRAM_BITS_PER_CYCLE,  \
        .lower = fpga_corrected_lower, .cost = fpga_corrected_cost,                                \
        .resources = fpga_corrected_resources, .merge = fpga_corrected_merge                       \
    }

FPGA_MODEL(fpga_chunk, 2, "fpga-chunk",
           "multi-chunk FPGA pipeline (ZC706), corrected model, compute mode 1",
           CORRECTED(FPGA_LISTS_FIXED))
FPGA_MODEL(fpga_chunk_free, 2, "fpga-chunk:free",
           "multi-chunk FPGA pipeline (ZC706), corrected model, compute mode searched",
           CORRECTED(FPGA_LISTS_FREE))
FPGA_MODEL(fpga_chunk_published, 1, "fpga-chunk-published",
           "multi-chunk FPGA pipeline, the authors' predictor with its defects, compute mode 1",
           PUBLISHED(FPGA_LISTS_FIXED))
FPGA_MODEL(fpga_chunk_published_free, 1, "fpga-chunk-published:free",
           "multi-chunk FPGA pipeline, the authors' predictor, compute mode searched",
           PUBLISHED(FPGA_LISTS_FREE))
FPGA_MODEL(fpga_chunk_wide, 1, "fpga-chunk:wide",
           "multi-chunk FPGA pipeline (ZC706), corrected model, free mode, wider arrays",
           CORRECTED(FPGA_LISTS_WIDE))
FPGA_MODEL(fpga_chunk_published_wide, 1, "fpga-chunk-published:wide",
           "multi-chunk FPGA pipeline, the authors' predictor, free mode, wider arrays",
           PUBLISHED(FPGA_LISTS_WIDE))
