/* The corrected model: the published schedule (a chunk loads an input tile and its weights,
 * computes, and writes an output tile) with its defects mended: every convolution of the network
 * at its own resolution, whole tiles, stride-aware input windows, weight buffers, integer DSP
 * packing, block RAM shapes, pipeline fill, off-chip traffic. Integer arithmetic throughout.
 * docs/hw-models.md gives each deviation from the published model and its reason. */
#include "fpga_chunk.h"
#include "fpga_parts.h"

/* 16-bit words moved per cycle by a buffer with x banks, as published. */
static int64_t port(int64_t x)
{
    return x < 2 ? 2 : x > 4 ? 4 : x;
}

/* ---- network to layers ---- */

cs_status fpga_corrected_lower(const fpga_layout *layout, const cs_net *net, fpga_layer *layer,
                               size_t *n)
{
    cs_conv conv[CS_CONVS_MAX];
    const size_t convs = cs_net_convs(net, conv);
    for (size_t i = 0; i < convs; i++) {
        const cs_conv *c = &conv[i];
        const int chunk = fpga_layout_chunk(layout, c->depthwise, c->out_size, c->bits);
        if (chunk < 0)
            return CS_EOUTSIDE;
        const uint16_t runs = c->depthwise ? 1 : c->groups; /* groups run one after another */
        layer[i] = (fpga_layer){.block = c->block,
                                .kernel = c->kernel,
                                .stride = c->stride,
                                .bits = c->bits,
                                .chunk = (uint8_t)chunk,
                                .depthwise = c->depthwise,
                                .groups = c->groups,
                                .cin = (uint16_t)(c->cin / c->groups),
                                .cout = (uint16_t)(c->cout / runs),
                                .in_size = c->in_size,
                                .out_size = c->out_size,
                                .count = (double)runs};
    }
    *n = convs;
    return CS_OK;
}

bool fpga_corrected_merge(fpga_layer *into, const fpga_layer *from)
{
    if (into->chunk != from->chunk || into->kernel != from->kernel ||
        into->stride != from->stride || into->cin != from->cin || into->cout != from->cout ||
        into->in_size != from->in_size || into->out_size != from->out_size)
        return false;
    into->count += from->count;
    return true;
}

/* ---- cycles and traffic ---- */

typedef struct tiling {
    int64_t tr, tc, tm, tn;           /* tiles, not larger than the layer */
    int64_t rows, columns, outs, ins; /* how many of each */
} tiling;

static tiling tile_layer(const fpga_chunk *chunk, const fpga_layer *l)
{
    const int32_t *v = chunk->v;
    tiling t = {.tr = fpga_min(v[CHUNK_TR], l->out_size),
                .tc = fpga_min(v[CHUNK_TC], l->out_size),
                .tm = fpga_min(v[CHUNK_TM], l->cout),
                .tn = chunk->depthwise ? 1 : fpga_min(v[CHUNK_TN], l->cin)};
    t.rows = fpga_ceil_div(l->out_size, t.tr);
    t.columns = t.tc == t.tr ? t.rows : fpga_ceil_div(l->out_size, t.tc);
    t.outs = fpga_ceil_div(l->cout, t.tm);
    t.ins = chunk->depthwise ? 1 : fpga_ceil_div(l->cin, t.tn);
    return t;
}

/* Cycles of one run of the layer. Edge tiles are padded to whole ones, as a pipeline with fixed
 * trip counts does. */
static int64_t run_cycles(const fpga_chunk *chunk, const fpga_layer *l, const tiling *t)
{
    const int32_t *v = chunk->v;
    const int64_t k = l->kernel, q = chunk->bits, m = v[CHUNK_M], r = v[CHUNK_R];
    const int64_t ih = (t->tr - 1) * l->stride + k, iw = (t->tc - 1) * l->stride + k;
    const bool rows = v[CHUNK_MODE] == (chunk->depthwise ? 1 : 2);
    const int64_t out_words = t->tm * t->tr * t->tc;
    int64_t compute = t->tc * k * k, read_in, read_weights;
    if (rows)
        compute *= t->tm * t->tn * fpga_ceil_div(t->tr, r);
    else
        compute *=
            t->tr * fpga_ceil_div(t->tm, m) *
            (chunk->depthwise || v[CHUNK_MODE] == 0 ? t->tn : fpga_ceil_div(t->tn, v[CHUNK_N]));
    compute += FPGA_PIPELINE_FILL;
    if (chunk->depthwise)
        read_in = fpga_ceil_div(t->tm * ih * iw * q, 16 * port(m));
    else
        read_in = fpga_ceil_div(t->tn * ih * iw * q, 16 * port(rows ? ih : v[CHUNK_N]));
    if (rows)
        read_weights = fpga_ceil_div(t->tm * t->tn * k * q, 16);
    else
        read_weights = fpga_ceil_div(t->tm * t->tn * k * k * q, 16 * port(m));
    const int64_t v_out = rows ? r : m;
    const int64_t write =
        fpga_ceil_div(out_words * q, 16 * port(v_out)) + /* and clear the buffer */
        fpga_ceil_div(out_words * q, 16 * v_out);
    return t->rows * t->columns * t->outs *
           (write + t->ins * (fpga_max(compute, read_in) + read_weights));
}

/* Words between chip and DRAM for one run: inputs once per output-channel tile, weights once per
 * spatial tile, outputs once. */
static int64_t dram_words(const fpga_chunk *chunk, const fpga_layer *l, const tiling *t)
{
    const int64_t height = fpga_rows_read(l->in_size, l->out_size, l->kernel, l->stride, t->tr);
    const int64_t width =
        t->tc == t->tr ? height
                       : fpga_rows_read(l->in_size, l->out_size, l->kernel, l->stride, t->tc);
    const int64_t inputs = height * width * (chunk->depthwise ? l->cout : l->cin * t->outs);
    const int64_t weights = t->rows * t->columns * l->cout * l->cin * l->kernel * l->kernel;
    return inputs + weights + (int64_t)l->cout * l->out_size * l->out_size;
}

void fpga_corrected_cost(fpga_chunk *chunk, const fpga_layer *l, double *cycles, double *dram_bits)
{
    const tiling t = tile_layer(chunk, l);
    *cycles = l->count * (double)run_cycles(chunk, l, &t);
    *dram_bits = l->count * (double)(dram_words(chunk, l, &t) * chunk->bits);
}

/* ---- resources ---- */

static int64_t brams(const fpga_chunk *chunk, int64_t k, int64_t stride)
{
    const int32_t *v = chunk->v, q = chunk->bits;
    const int64_t tr = v[CHUNK_TR], tc = v[CHUNK_TC], tm = v[CHUNK_TM], m = v[CHUNK_M];
    const int64_t tn = chunk->depthwise ? 1 : v[CHUNK_TN], n = chunk->depthwise ? 1 : v[CHUNK_N];
    const int64_t r = v[CHUNK_R], in_channels = chunk->depthwise ? tm : tn;
    const int64_t ih = (tr - 1) * stride + k, iw = (tc - 1) * stride + k;
    if (v[CHUNK_MODE] == (chunk->depthwise ? 1 : 2)) /* a bank per input row, unit row, tap row */
        return 2 * ih * fpga_bank_brams(iw * in_channels, q) +
               r * fpga_bank_brams(fpga_ceil_div(tr, r) * tc * tm, q) +
               k * fpga_weight_brams(k * tm * tn, q);
    const int64_t in_banks = chunk->depthwise ? m : n;
    const int64_t weight_banks = v[CHUNK_MODE] == 1 && !chunk->depthwise ? m * n : m;
    return 2 * in_banks * fpga_bank_brams(ih * iw * (in_channels / in_banks), q) +
           m * fpga_bank_brams(tr * tc * (tm / m), q) +
           weight_banks * fpga_weight_brams(k * k * tm * tn / weight_banks, q);
}

fpga_resources fpga_corrected_resources(const fpga_chunk *chunk)
{
    const int64_t multipliers = fpga_multipliers(chunk);
    int64_t bram = 0;
    for (unsigned stride = 1; stride <= 2; stride++)
        for (unsigned k = 1; k <= 5; k += 2)
            if (chunk->windows & fpga_window_bit(k, stride))
                bram = fpga_max(bram, brams(chunk, k, stride));
    return (fpga_resources){
        .dsp = (double)fpga_ceil_div(multipliers, fpga_products_per_dsp(chunk->bits)),
        .bram = (double)bram};
}
