/* The provably fastest accelerator of a network on the tiled engines, by full enumeration. Cycles
 * of the two engines add up and each depends on its own width and on tiles and ports only, so they
 * are computed once per width. */
#include "fpga_tiled.h"

#include <stdlib.h>
#include <string.h>

#define WIDTHS_MAX 512 /* distinct (Tm, Tn) of the standard engine */

typedef struct width {
    int32_t tm, tn;
    double cycles;
    bool known;
} width;

typedef struct solver {
    const tiled_model *model;
    const cs_limits *limits;
    bool imagenet;
    tiled_layer layer[CS_HW_LAYERS_MAX], largest[TILED_ENGINES];
    size_t n;
    width standard[WIDTHS_MAX], depthwise[WIDTHS_MAX];
    size_t n_standard, n_depthwise;
    double best; /* cycles */
    uint16_t choice[TILED_PARAMS];
    uint64_t designs;
} solver;

/* Joins layers whose costs are the same. */
static void merge(solver *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const tiled_layer *l = &s->layer[i];
        size_t j = 0;
        for (; j < n; j++) {
            const tiled_layer *k = &s->layer[j];
            if (k->kernel == l->kernel && k->stride == l->stride && k->bits == l->bits &&
                k->depthwise == l->depthwise && k->cin == l->cin && k->cout == l->cout &&
                k->in_size == l->in_size && k->out_size == l->out_size)
                break;
        }
        if (j < n)
            s->layer[j].count += l->count;
        else
            s->layer[n++] = *l;
    }
    s->n = n;
}

static double engine_cycles(const solver *s, const tiled_accelerator *a, bool depthwise)
{
    double sum = 0.0;
    for (size_t i = 0; i < s->n; i++) {
        tiled_cost cost;
        tiled_layer one = s->layer[i];
        if (one.depthwise != depthwise)
            continue;
        const double count = one.count;
        one.count = 1.0;
        s->model->cost(a, &one, &cost);
        const double dram =
            isnan(cost.dram_bits) ? 0.0 : cost.dram_bits / s->model->dram_bits_per_cycle;
        sum += count * fmax(cost.cycles, dram);
    }
    return sum;
}

static double recall(solver *s, width *list, size_t *n, int32_t tm, int32_t tn,
                     const tiled_accelerator *a, bool depthwise)
{
    size_t i = 0;
    while (i < *n && (list[i].tm != tm || list[i].tn != tn))
        i++;
    if (i == *n) {
        if (*n == WIDTHS_MAX)
            return engine_cycles(s, a, depthwise);
        list[(*n)++] = (width){.tm = tm, .tn = tn};
    }
    if (!list[i].known) {
        list[i].cycles = engine_cycles(s, a, depthwise);
        list[i].known = true;
    }
    return list[i].cycles;
}

static void try_design(solver *s, const uint16_t *choice)
{
    tiled_accelerator a;
    double need, dsp, bram;
    fpga_tiled_decode(s->model, s->imagenet, choice, &a, &need);
    if (need > 1.0)
        return;
    s->designs++;
    s->model->resources(&a, s->largest, &dsp, &bram);
    if (s->limits && (dsp > s->limits->dsp_max || bram > s->limits->bram_max))
        return;
    const double cycles = recall(s, s->standard, &s->n_standard, a.tm, a.tn, &a, false) +
                          recall(s, s->depthwise, &s->n_depthwise, a.td, 0, &a, true);
    if (cycles < s->best) {
        s->best = cycles;
        memcpy(s->choice, choice, sizeof s->choice);
    }
}

/* The next vector of the decisions [first, end), the last one fastest. */
static bool next(const solver *s, uint16_t *choice, size_t first, size_t end)
{
    for (size_t p = end; p-- > first;) {
        if (++choice[p] < s->model->n[s->imagenet][p])
            return true;
        choice[p] = 0;
    }
    return false;
}

static void enumerate(solver *s)
{
    uint16_t choice[TILED_PARAMS] = {0};
    do { /* tiles and ports: the widths' cycles are new */
        for (size_t i = 0; i < s->n_standard; i++)
            s->standard[i].known = false;
        for (size_t i = 0; i < s->n_depthwise; i++)
            s->depthwise[i].known = false;
        do
            try_design(s, choice);
        while (next(s, choice, 0, TILED_TR));
    } while (next(s, choice, TILED_TR, TILED_PARAMS));
}

cs_status fpga_tiled_exact(const tiled_model *model, const cs_hw_context *ctx, const cs_net *net,
                           const cs_limits *limits, uint16_t *choice, cs_solution *out,
                           cs_error *err)
{
    solver *s = calloc(1, sizeof *s);
    if (!s)
        return cs_fail(err, CS_ENOMEM, "exact solver: out of memory");
    s->model = model;
    s->limits = limits;
    s->imagenet = ctx->input_size >= 128;
    s->best = INFINITY;
    s->n = fpga_tiled_lower(model, net, s->layer);
    fpga_tiled_largest(s->layer, s->n, s->largest);
    merge(s);
    enumerate(s);
    const bool found = isfinite(s->best);
    if (found) {
        if (s->largest[TILED_DEPTHWISE].kernel == 0 && !model->published)
            s->choice[TILED_TD] = 0; /* inactive */
        memcpy(choice, s->choice, sizeof s->choice);
        const double fps = TILED_CLOCK_HZ / s->best;
        *out = (cs_solution){.fps = fps,
                             .edp_js = (double)NAN,
                             .bound_fps = fps,
                             .bound_edp_js = (double)NAN,
                             .proven = true,
                             .designs = s->designs};
    }
    const uint64_t designs = s->designs;
    free(s);
    return found ? CS_OK
                 : cs_fail(err, CS_EINFEASIBLE,
                           "no accelerator of the platform keeps the limits on DSP and BRAM (%llu "
                           "designs tried); loosen them",
                           (unsigned long long)designs);
}
