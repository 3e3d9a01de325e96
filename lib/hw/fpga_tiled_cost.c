/* Cycles, slices and block RAMs of the tiled engines; docs/hw-models.md has every formula. */
#include "fpga_parts.h"
#include "fpga_tiled.h"

#include <math.h>

/* ---- as released by the authors of HotNAS ---- */

void fpga_tiled_published_layer(const tiled_accelerator *a, const tiled_layer *l, int pad,
                                tiled_cost *out)
{
    const double k2 = (double)l->kernel * l->kernel, s = l->stride, r = l->out_size;
    const double tm = l->depthwise ? a->td : a->tm, tn = l->depthwise ? a->td : a->tn;
    const double m = l->cout, n = l->cin, tr = a->tr, tc = a->tc;
    /* fewer weight bits: more weights in a port's word */
    const double w_port = l->bits < 16 ? floor(16.0 * a->w / l->bits) : a->w;
    const double weights = tm * (l->depthwise ? 1.0 : tn) * k2 / w_port;
    const double inputs = fmin(tn, n) * fmin(tr, r) * fmin(tc, r) / a->i;
    const double outputs = fmin(tm, m) * ceil(fmin(tr, r) / s) * ceil(fmin(tc, r) / s) / a->o;
    const double compute =
        k2 * ceil(fmin(tr, r + 2.0 * pad) / s) * ceil(fmin(tc, r + 2.0 * pad) / s);
    const double passes = ceil(n / tn), tiles = ceil(r / tr) * ceil(r / tc) * ceil(m / tm);
    const double pass = fmax(fmax(inputs, weights), compute);
    *out = (tiled_cost){.cycles = tiles * fmax(passes * pass, outputs),
                        .inputs = tiles * passes * inputs,
                        .weights = tiles * passes * weights,
                        .outputs = tiles * outputs,
                        .compute = tiles * passes * compute,
                        .dram_bits = (double)NAN};
}

void fpga_tiled_published_cost(const tiled_accelerator *a, const tiled_layer *l, tiled_cost *out)
{
    fpga_tiled_published_layer(a, l, l->kernel / 2, out);
    out->cycles *= l->count;
    out->inputs *= l->count;
    out->weights *= l->count;
    out->outputs *= l->count;
    out->compute *= l->count;
}

void fpga_tiled_published_resources(int32_t tm, int32_t tn, int32_t tr, int32_t tc, int kernel,
                                    int bits, double *dsp, double *bram)
{
    const double bank = 18000.0, k2 = (double)kernel * kernel, macs = (double)tm * tn;
    const double map = ceil((double)tr * tc * bits / bank);
    *dsp = bits == 32 ? 5.0 * macs : macs;
    *bram = 2.0 * (tm + tn) * map + (bits == 32 ? 2.0 * macs * ceil(k2 * bits / bank)
                                                : macs * ceil(4.0 * k2 * bits / bank));
}

void fpga_tiled_published_needs(const tiled_accelerator *a, const tiled_layer *largest, double *dsp,
                                double *bram)
{
    fpga_tiled_published_resources(a->tm, a->tn, a->tr, a->tc, largest[TILED_STANDARD].kernel, 16,
                                   dsp, bram);
    if (largest[TILED_DEPTHWISE].kernel)
        *dsp += a->td;
}

/* ---- corrected ---- */

/* Output channels that work at a time: narrow weights share a slice and an activation. A depthwise
 * lane has nothing to share. */
static int64_t lanes(const tiled_accelerator *a, bool depthwise, int32_t bits)
{
    return depthwise ? a->td : (int64_t)a->tm * fpga_products_per_dsp(bits);
}

void fpga_tiled_corrected_cost(const tiled_accelerator *a, const tiled_layer *l, tiled_cost *out)
{
    const int64_t k = l->kernel, s = l->stride, q = l->bits, size = l->out_size;
    const int64_t tr = fpga_min(a->tr, size), tc = fpga_min(a->tc, size);
    /* output channels in equal shares: the last tile is not smaller than it has to be */
    const int64_t outs = fpga_ceil_div(l->cout, lanes(a, l->depthwise, l->bits));
    const int64_t tm = fpga_ceil_div(l->cout, outs);
    const int64_t tn = l->depthwise ? tm : fpga_min(a->tn, l->cin);
    const int64_t ih = (tr - 1) * s + k, iw = (tc - 1) * s + k;
    const int64_t rows = fpga_ceil_div(size, tr), columns = fpga_ceil_div(size, tc);
    const int64_t passes = l->depthwise ? 1 : fpga_ceil_div(l->cin, tn);
    const int64_t inputs = fpga_ceil_div(tn * ih * iw * q, 16 * (int64_t)a->i);
    const int64_t weights =
        fpga_ceil_div(tm * (l->depthwise ? 1 : tn) * k * k * q, 16 * (int64_t)a->w);
    const int64_t outputs = fpga_ceil_div(tm * tr * tc * q, 16 * (int64_t)a->o);
    const int64_t compute = k * k * tr * tc + FPGA_PIPELINE_FILL;
    const int64_t pass = fpga_max(fpga_max(inputs, weights), compute);
    const int64_t tiles = rows * columns * outs;
    /* the first load and the last store overlap with nothing */
    const int64_t cycles =
        tiles * fpga_max(passes * pass, outputs) + fpga_max(inputs, weights) + outputs;
    const int64_t height = fpga_rows_read(l->in_size, size, k, s, tr);
    const int64_t width = tr == tc ? height : fpga_rows_read(l->in_size, size, k, s, tc);
    const int64_t words = height * width * (l->depthwise ? l->cout : l->cin * outs) +
                          rows * columns * l->cout * (l->depthwise ? 1 : l->cin) * k * k +
                          (int64_t)l->cout * size * size;
    *out = (tiled_cost){.cycles = l->count * (double)cycles,
                        .inputs = l->count * (double)(tiles * passes * inputs),
                        .weights = l->count * (double)(tiles * passes * weights),
                        .outputs = l->count * (double)(tiles * outputs),
                        .compute = l->count * (double)(tiles * passes * compute),
                        .dram_bits = l->count * (double)(words * q)};
}

/* The engines take turns, so they share the buffers; a bank is as wide as the widest operand. */
void fpga_tiled_corrected_needs(const tiled_accelerator *a, const tiled_layer *largest, double *dsp,
                                double *bram)
{
    int64_t in_banks = 0, out_banks = 0, window = 0, weights = 0;
    int32_t bits = 1;
    *dsp = 0.0;
    for (int e = 0; e < TILED_ENGINES; e++) {
        const tiled_layer *l = &largest[e];
        if (l->kernel == 0)
            continue;
        const bool depthwise = e == TILED_DEPTHWISE;
        const int64_t k = l->kernel, s = l->stride;
        /* lanes at the narrowest bits, which largest keeps in count */
        const int64_t m = lanes(a, depthwise, (int32_t)l->count), n = depthwise ? m : a->tn;
        *dsp += depthwise ? a->td : (double)a->tm * a->tn;
        in_banks = fpga_max(in_banks, n);
        out_banks = fpga_max(out_banks, m);
        window = fpga_max(window, ((a->tr - 1) * s + k) * ((a->tc - 1) * s + k));
        weights += 2 * m * (depthwise ? 1 : n) * fpga_weight_brams(k * k, l->bits);
        bits = l->bits > bits ? l->bits : bits;
    }
    *bram = (double)(2 * in_banks * fpga_bank_brams(window, bits) +
                     2 * out_banks * fpga_bank_brams((int64_t)a->tr * a->tc, bits) + weights);
}
