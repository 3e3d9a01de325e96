/* The chain of boards: a layer, the split into stages, and the model. */
#include "boards.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define PORT_WORDS 2.0
#define BRAM_BITS 18000.0

/* ---- a layer ---- */

static double whole(double a, double b)
{
    return ceil(a / b);
}

/* Extents of a layer's tile on the board. */
typedef struct tile {
    double m, n, r, c, kk; /* channels out and in of one group, map, kernel taps */
    double tr, tc;
} tile;

static tile tile_of(const boards_accelerator *a, const cs_conv *c)
{
    return (tile){.m = c->cout / c->groups,
                  .n = c->cin / c->groups,
                  .r = c->out_size,
                  .c = c->out_size,
                  .kk = (double)c->kernel * c->kernel,
                  .tr = fmin(a->tr, c->out_size),
                  .tc = fmin(a->tc, c->out_size)};
}

double boards_layer_cycles(const boards_accelerator *a, const cs_conv *c, int32_t tm, int32_t tn)
{
    const tile t = tile_of(a, c);
    const double weights = tm * tn * t.kk / PORT_WORDS, in = tn * t.tr * t.tc / PORT_WORDS;
    const double compute = t.kk * t.tr * t.tc, out = tm * t.tr * t.tc / PORT_WORDS;
    const double pass = fmax(compute, fmax(weights, in));
    return c->groups * whole(t.r, t.tr) * whole(t.c, t.tc) * whole(t.m, tm) *
           fmax(whole(t.n, tn) * pass, out);
}

static int32_t multipliers(const boards_accelerator *a)
{
    return BOARDS_DSP / (a->bits == 32 ? 5 : 1);
}

double boards_layer_best(const boards_accelerator *a, const cs_conv *c, int32_t *tm, int32_t *tn)
{
    const int32_t all = multipliers(a);
    double best = INFINITY;
    for (int32_t m = 1; m <= all; m++)
        for (int32_t n = 1; m * n <= all; n++) {
            const double cycles = boards_layer_cycles(a, c, m, n);
            if (cycles < best || (cycles == best && m * n < *tm * *tn)) {
                best = cycles;
                *tm = m;
                *tn = n;
            }
            if (n >= c->cin / c->groups)
                break;
        }
    return best;
}

/* Block RAM of 18,000 bits, double-buffered; weights of 16 bits in banks of four taps. */
static double layer_bram(const boards_accelerator *a, const cs_conv *c, int32_t tm, int32_t tn)
{
    const tile t = tile_of(a, c);
    const double map = 2.0 * whole(t.tr * t.tc * a->bits, BRAM_BITS);
    const double taps =
        a->bits == 32 ? 2.0 * whole(t.kk * 32.0, BRAM_BITS) : whole(4.0 * t.kk * 16.0, BRAM_BITS);
    return tn * map + tm * map + tm * tn * taps;
}

/* ---- stages ---- */

void boards_split(const double *cycles, size_t n, size_t boards, boards_pipeline *out)
{
    /* slowest[b][i]: of the best split of the first i layers over b + 1 boards */
    double slowest[BOARDS_MAX][CS_CONVS_MAX + 1], before[CS_CONVS_MAX + 1];
    size_t cut[BOARDS_MAX][CS_CONVS_MAX + 1];
    assert(boards >= 1 && boards <= BOARDS_MAX && n <= CS_CONVS_MAX);
    before[0] = 0.0;
    for (size_t i = 0; i < n; i++)
        before[i + 1] = before[i] + cycles[i];
    for (size_t b = 0; b < boards; b++)
        for (size_t i = 0; i <= n; i++) {
            slowest[b][i] = b == 0 ? before[i] : INFINITY;
            cut[b][i] = 0;
            for (size_t j = 0; b > 0 && j <= i; j++) {
                const double s = fmax(slowest[b - 1][j], before[i] - before[j]);
                if (s < slowest[b][i]) {
                    slowest[b][i] = s;
                    cut[b][i] = j;
                }
            }
        }
    *out = (boards_pipeline){.slowest = slowest[boards - 1][n]};
    out->first[boards] = n;
    for (size_t b = boards; b-- > 0;) {
        out->first[b] = cut[b][out->first[b + 1]];
        out->stage[b] = before[out->first[b + 1]] - before[out->first[b]];
    }
    out->efficiency = before[n] / ((double)boards * out->slowest);
}

/* ---- the model ---- */

enum { COUNT, TR, TC, BITS, PARAMS };
static const int32_t counts[] = {3, 2, 1}, sides[] = {32, 16, 8, 4}, widths[] = {32, 16};
#define LIST(array) (array), sizeof(array) / sizeof *(array)
static const struct {
    const char *name;
    const int32_t *value;
    size_t n;
} params[PARAMS] = {{"acc.boards", LIST(counts)},
                    {"acc.Tr", LIST(sides)},
                    {"acc.Tc", LIST(sides)},
                    {"acc.bits", LIST(widths)}};

static cs_status decisions(const cs_hw_context *ctx, cs_decision *list, size_t cap, size_t *n)
{
    (void)ctx;
    if (cap < PARAMS)
        return CS_EUSAGE;
    for (size_t i = 0; i < PARAMS; i++) {
        list[i] = (cs_decision){.group = CS_GROUP_ACCELERATOR,
                                .n_choices = (uint16_t)params[i].n,
                                .cap = -1,
                                .ordered = true,
                                .value = params[i].value};
        snprintf(list[i].name, sizeof list[i].name, "%s", params[i].name);
    }
    *n = PARAMS;
    return CS_OK;
}

static void active(const cs_hw_context *ctx, const cs_net *net, bool *out)
{
    (void)ctx;
    (void)net;
    for (size_t i = 0; i < PARAMS; i++)
        out[i] = true;
}

static void report_layer(const cs_conv *c, double cycles, cs_hw_layer_cost *out)
{
    *out = (cs_hw_layer_cost){.block = c->block,
                              .kernel = c->kernel,
                              .bits = c->bits,
                              .depthwise = c->depthwise,
                              .cin = c->cin,
                              .cout = c->cout,
                              .out_size = c->out_size,
                              .stride = c->stride,
                              .groups = c->groups,
                              .macs = cs_conv_macs(c),
                              .cycles = cycles,
                              .dram_bits = (double)NAN};
    cs_hw_no_energy(out);
}

/* Power of three boards is 2.76 W and 3.93 W in proportion to their busy fraction, fitted by us to
 * the published efficiencies; shared out evenly. */
static double power_w(int32_t boards, double efficiency)
{
    return boards / 3.0 * (2.76 + 3.93 * efficiency);
}

static cs_status evaluate(const cs_hw_context *ctx, const cs_net *net, const uint16_t *choice,
                          const cs_limits *limits, cs_hw_report *r)
{
    static const char *const name[BOARDS_MAX] = {"b0", "b1", "b2"};
    const boards_accelerator a = {params[COUNT].value[choice[COUNT]], params[TR].value[choice[TR]],
                                  params[TC].value[choice[TC]], params[BITS].value[choice[BITS]]};
    cs_conv conv[CS_CONVS_MAX];
    double cycles[CS_CONVS_MAX];
    int32_t tm[CS_CONVS_MAX], tn[CS_CONVS_MAX];
    boards_pipeline p;
    (void)ctx;
    r->n_layers = cs_net_convs(net, conv);
    for (size_t i = 0; i < r->n_layers; i++) {
        tm[i] = tn[i] = 0;
        cycles[i] = boards_layer_best(&a, &conv[i], &tm[i], &tn[i]);
        report_layer(&conv[i], cycles[i], &r->layer[i]);
    }
    boards_split(cycles, r->n_layers, (size_t)a.boards, &p);
    cs_hw_metrics total = {.area_mm2 = NAN, .overflow = NAN, .utilization = p.efficiency};
    r->n_chunks = 0;
    size_t slowest = 0;
    for (size_t s = 0; s < (size_t)a.boards; s++) {
        cs_hw_chunk_cost *c = &r->chunk[r->n_chunks];
        if (p.first[s] == p.first[s + 1])
            continue;
        *c = (cs_hw_chunk_cost){.layers = (uint16_t)(p.first[s + 1] - p.first[s]),
                                .cycles = p.stage[s],
                                .dram_bits = (double)NAN};
        snprintf(c->name, sizeof c->name, "%s", name[r->n_chunks]);
        for (size_t i = p.first[s]; i < p.first[s + 1]; i++) {
            const double units = (double)tm[i] * tn[i];
            c->dsp = fmax(c->dsp, units * (a.bits == 32 ? 5.0 : 1.0));
            c->bram = fmax(c->bram, layer_bram(&a, &conv[i], tm[i], tn[i]));
            c->macs_per_cycle = fmax(c->macs_per_cycle, units);
            r->layer[i].chunk = (uint8_t)r->n_chunks;
        }
        total.dsp += c->dsp;
        total.bram += c->bram;
        total.latency_s += c->cycles / BOARDS_CLOCK_HZ;
        if (c->cycles > r->chunk[slowest].cycles)
            slowest = r->n_chunks;
        r->n_chunks++;
    }
    r->bottleneck = name[slowest];
    r->interval_cycles = p.slowest;
    r->clock_hz = BOARDS_CLOCK_HZ;
    r->dram_bits_per_cycle = (double)INFINITY;
    total.fps = BOARDS_CLOCK_HZ / p.slowest;
    total.energy_j = power_w(a.boards, p.efficiency) / total.fps;
    total.edp_js = total.energy_j * total.latency_s;
    r->total = total;
    r->total.violated = limits ? cs_limits_violated(limits, &total) : 0;
    return CS_OK;
}

extern const cs_hw_model cs_hw_model_boards;
const cs_hw_model cs_hw_model_boards = {
    .version = 1,
    .name = "fpga-boards",
    .cite = "jiang2020hsco",
    .summary = "one to three XC7Z015 boards in a row, float or 16 bits (HS-Co-Opt)",
    .decisions = decisions,
    .active = active,
    .evaluate = evaluate};
