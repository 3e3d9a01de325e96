/* CHaiDNN as BSW parameterises it. */
#include "chaidnn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- decisions ---- */

enum { FILTERS, PIXELS, IN_DEPTH, W_DEPTH, OUT_DEPTH, PORT, POOL, RATIO, PARAMS };

static const int32_t filters[] = {16, 8}, pixels[] = {64, 32, 16, 8, 4};
static const int32_t in_depths[] = {8192, 4096, 2048, 1024}, depths[] = {4096, 2048, 1024};
static const int32_t ports[] = {512, 256}, pools[] = {0, 1};
static const int32_t ratios[] = {100, 75, 67, 50, 33, 25};

#define LIST(array) (array), sizeof(array) / sizeof *(array)
static const struct {
    const char *name;
    bool ordered;
    const int32_t *value;
    size_t n;
} params[PARAMS] = {{"acc.KER", true, LIST(filters)},   {"acc.PIX", true, LIST(pixels)},
                    {"acc.Din", true, LIST(in_depths)}, {"acc.Dw", true, LIST(depths)},
                    {"acc.Dout", true, LIST(depths)},   {"acc.port", true, LIST(ports)},
                    {"acc.pool", false, LIST(pools)},   {"acc.ratio", true, LIST(ratios)}};

static cs_status decisions(const cs_hw_context *ctx, cs_decision *list, size_t cap, size_t *n)
{
    (void)ctx;
    if (cap < PARAMS)
        return CS_EUSAGE;
    for (size_t i = 0; i < PARAMS; i++) {
        list[i] = (cs_decision){.group = CS_GROUP_ACCELERATOR,
                                .n_choices = (uint16_t)params[i].n,
                                .cap = -1,
                                .ordered = params[i].ordered,
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

static chaidnn_accelerator decode(const uint16_t *choice)
{
    int32_t v[PARAMS];
    for (size_t i = 0; i < PARAMS; i++) {
        assert(choice[i] < params[i].n);
        v[i] = params[i].value[choice[i]];
    }
    return (chaidnn_accelerator){v[FILTERS],   v[PIXELS], v[IN_DEPTH], v[W_DEPTH],
                                 v[OUT_DEPTH], v[PORT],   v[POOL],     v[RATIO]};
}

/* ---- resources ---- */

double chaidnn_area_mm2(double clb, double bram36, double dsp)
{
    return 0.0044 * (clb + 6.0 * bram36 + 10.0 * dsp);
}

void chaidnn_resources_of(const chaidnn_accelerator *a, chaidnn_resources *out)
{
    const double ker = a->filters, pix = a->pixels, pool = a->pool;
    out->dsp = 165.0 + 2.0625 * ker * pix + 145.0 * pool;
    out->bram36 = a->in_depth / 32.0 + a->out_depth / 16.0 +
                  ker * (a->w_depth <= 2048 ? 4.0 : 8.0) + 2.0 * pix + 24.5 + 137.0 * pool;
    out->lut = 59700.0 + 2000.0 * pix * (ker / 16.0) + 38000.0 * pool;
    out->area_mm2 = chaidnn_area_mm2(out->lut / 8.0, out->bram36, out->dsp);
}

/* ---- latency ---- */

double chaidnn_dsp_hz(const chaidnn_accelerator *a)
{
    const int32_t dsp = 2 * a->filters * a->pixels;
    return 2.0 * (dsp <= 512 ? 300e6 : dsp <= 1024 ? 250e6 : 200e6);
}

double chaidnn_bytes_per_s(const chaidnn_accelerator *a)
{
    return 0.5 * (a->port_bits / 8.0) * chaidnn_dsp_hz(a) / 2.0;
}

/* Share of the multipliers of the engine that runs a kernel. */
static double share(const chaidnn_accelerator *a, int kernel)
{
    return a->ratio == 100 ? 1.0 : kernel > 1 ? a->ratio / 100.0 : 1.0 - a->ratio / 100.0;
}

/* Rows of the output that the buffers hold at a time, at least one. */
static double rows_held(const chaidnn_accelerator *a, const cs_conv *c)
{
    const double out = floor(a->out_depth / (ceil(c->cout / 32.0) * c->out_size));
    const double in = floor(a->in_depth / (ceil(c->cin / 32.0) * c->in_size));
    const double rows = fmin(out, floor((in - c->kernel) / c->stride) + 1.0);
    return fmax(1.0, fmin(rows, c->out_size));
}

void chaidnn_layer(const chaidnn_accelerator *a, const cs_conv *c, double *cycles, double *bytes)
{
    const double map = (double)c->out_size * c->out_size;
    /* two pixels share a slice at 6 bits and less */
    const double pp = c->bits > 6 ? a->pixels / 2.0 : a->pixels;
    const double cin = c->cin / c->groups, cout = c->cout / c->groups;
    /* the fit was made at these depths: what they read again is in it */
    static const chaidnn_accelerator fitted = {.in_depth = 8192, .out_depth = 2048};
    const double strips =
        fmax(1.0, ceil(c->out_size / rows_held(a, c)) / ceil(c->out_size / rows_held(&fitted, c)));
    *cycles = c->groups * ceil(cout / a->filters) * ceil(map / pp) * c->kernel * c->kernel *
              ceil(cin / 4.0) / share(a, c->kernel);
    *bytes = c->bits / 8.0 *
             ((double)cs_conv_weights(c) * strips + (double)c->cin * c->in_size * c->in_size +
              (double)c->cout * map);
}

double chaidnn_layer_s(const chaidnn_accelerator *a, const cs_conv *c)
{
    double cycles, bytes;
    chaidnn_layer(a, c, &cycles, &bytes);
    return 1.7 * cycles / chaidnn_dsp_hz(a) + bytes / chaidnn_bytes_per_s(a);
}

/* ---- evaluation ---- */

static void report_chunks(const chaidnn_accelerator *a, const chaidnn_resources *need,
                          cs_hw_report *r)
{
    r->n_chunks = a->ratio == 100 ? 1 : 2;
    for (size_t i = 0; i < r->n_chunks; i++) {
        cs_hw_chunk_cost *c = &r->chunk[i];
        const double part = share(a, i == 0 ? 3 : 1);
        *c = (cs_hw_chunk_cost){.dsp = need->dsp * part,
                                .bram = 2.0 * need->bram36 * part,
                                .macs_per_cycle = (double)NAN};
        snprintf(c->name, sizeof c->name, "%s", r->n_chunks == 1 ? "conv" : i == 0 ? "kxk" : "1x1");
    }
}

static cs_status evaluate(const cs_hw_context *ctx, const cs_net *net, const uint16_t *choice,
                          const cs_limits *limits, cs_hw_report *r)
{
    const chaidnn_accelerator a = decode(choice);
    const double hz = chaidnn_dsp_hz(&a);
    chaidnn_resources need;
    cs_conv conv[CS_CONVS_MAX];
    (void)ctx;
    chaidnn_resources_of(&a, &need);
    r->n_layers = cs_net_convs(net, conv);
    r->clock_hz = hz;
    r->dram_bits_per_cycle = 8.0 * chaidnn_bytes_per_s(&a) / hz;
    report_chunks(&a, &need, r);
    double cycles = 0.0;
    for (size_t i = 0; i < r->n_layers; i++) {
        const cs_conv *c = &conv[i];
        cs_hw_layer_cost *l = &r->layer[i];
        double work, bytes;
        if (c->bits < 1 || c->bits > 8)
            return CS_EOUTSIDE;
        chaidnn_layer(&a, c, &work, &bytes);
        *l = (cs_hw_layer_cost){.block = c->block,
                                .kernel = c->kernel,
                                .bits = c->bits,
                                .depthwise = c->depthwise,
                                .chunk = r->n_chunks == 2 && c->kernel == 1,
                                .cin = c->cin,
                                .cout = c->cout,
                                .out_size = c->out_size,
                                .stride = c->stride,
                                .groups = c->groups,
                                .macs = cs_conv_macs(c),
                                .cycles = chaidnn_layer_s(&a, c) * hz,
                                .dram_bits = 8.0 * bytes};
        cs_hw_no_energy(l);
        r->chunk[l->chunk].layers++;
        r->chunk[l->chunk].cycles += l->cycles;
        r->chunk[l->chunk].dram_bits += l->dram_bits;
        cycles += l->cycles;
    }
    const size_t slow = r->n_chunks == 2 && r->chunk[1].cycles > r->chunk[0].cycles;
    r->bottleneck = r->n_chunks == 1 ? "conv" : slow ? "1x1" : "kxk";
    r->interval_cycles = cycles;
    r->total = (cs_hw_metrics){.dsp = need.dsp,
                               .bram = 2.0 * need.bram36,
                               .fps = hz / cycles,
                               .latency_s = cycles / hz,
                               .energy_j = NAN,
                               .edp_js = NAN,
                               .area_mm2 = need.area_mm2,
                               .utilization = 1.0 / (double)r->n_chunks,
                               .overflow = NAN};
    r->total.violated = limits ? cs_limits_violated(limits, &r->total) : 0;
    return CS_OK;
}

/* ---- exact: all 8,640 ---- */

static cs_status solve(const cs_hw_context *ctx, const cs_net *net, const cs_limits *limits,
                       uint16_t *choice, cs_solution *out, cs_error *err)
{
    uint16_t now[PARAMS] = {0}, best[PARAMS] = {0};
    cs_solution s = {.objective = CS_MOST_FPS,
                     .fps = -1.0,
                     .edp_js = (double)NAN,
                     .bound_edp_js = (double)NAN,
                     .proven = true};
    cs_hw_report *report = malloc(sizeof *report);
    cs_status status = report ? CS_OK : CS_ENOMEM;
    for (size_t carry = 0; status == CS_OK && carry < PARAMS;) {
        status = evaluate(ctx, net, now, limits, report);
        s.designs++;
        if (status == CS_OK && report->total.violated == 0 && report->total.fps > s.fps) {
            s.fps = s.bound_fps = report->total.fps;
            memcpy(best, now, sizeof best);
        }
        for (carry = 0; carry < PARAMS && ++now[carry] == params[carry].n; carry++)
            now[carry] = 0;
    }
    free(report);
    if (status != CS_OK)
        return cs_fail(err, status, "exact solver: %s", cs_status_text(status));
    if (s.fps < 0.0)
        return cs_fail(err, CS_EINFEASIBLE, "exact solver: no accelerator keeps the limits");
    memcpy(choice, best, sizeof best);
    *out = s;
    return CS_OK;
}

extern const cs_hw_model cs_hw_model_chaidnn;
const cs_hw_model cs_hw_model_chaidnn = {
    .version = 1,
    .name = "fpga-chaidnn",
    .cite = "abdelfattah2020bsw",
    .summary = "CHaiDNN (ZU9EG) as BSW searches it, resources and latency fitted to its tables",
    .decisions = decisions,
    .active = active,
    .evaluate = evaluate,
    .solve = solve};
