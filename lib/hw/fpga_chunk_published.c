/* The authors' predictor, digit for digit, defects included: 192 channels in stage 6, the first
 * pointwise convolution of a strided block at the output resolution, stride ignored, stem, head,
 * classifier and skip convolutions free, fractional tiles, DSP = bits/16 per multiplier, no weight
 * buffer (modes 0 and 1), no off-chip bandwidth. (analytical_prediction.py; a skip takes its own
 * bitwidth entry here, which the released code forgets.) */
#include "fpga_chunk.h"

#define BANK_BITS (1125 * 16)

static int32_t at_least(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* 16-bit words moved per cycle by a buffer with x banks. */
static int32_t port(int32_t x)
{
    return x < 2 ? 2 : x > 4 ? 4 : x;
}

static double ceil_div(int32_t a, int32_t b)
{
    return (double)((a + b - 1) / b);
}

static int32_t banks(int32_t words, int32_t bits)
{
    return (words * bits + BANK_BITS - 1) / BANK_BITS;
}

/* ---- network to layers ---- */

static uint16_t predictor_channels(uint16_t channels)
{
    return channels == 184 ? 192 : channels;
}

static void add_layer(fpga_layer *l, const cs_block *b, int16_t index, int chunk, uint8_t kernel,
                      uint16_t cin, uint16_t cout)
{
    const double pixels = (double)b->out_size * b->out_size * cout;
    *l = (fpga_layer){.block = index,
                      .kernel = kernel,
                      .stride = 1,
                      .bits = b->bits,
                      .chunk = (uint8_t)chunk,
                      .groups = 1,
                      .cin = cin,
                      .cout = cout,
                      .in_size = b->out_size,
                      .out_size = b->out_size,
                      .count = 1.0,
                      .pixels_out = pixels,
                      .pixels_in_out = pixels * cin};
}

cs_status fpga_published_lower(const fpga_layout *layout, const cs_net *net, fpga_layer *layer,
                               size_t *n)
{
    fpga_layer *l = layer;
    for (uint8_t i = 0; i < net->n_blocks; i++) {
        const cs_block *b = &net->block[i];
        if (b->skip)
            continue;
        const int standard = fpga_layout_chunk(layout, false, b->out_size, b->bits);
        const int depthwise = standard + CHUNK_DWA0 - CHUNK_A0;
        if (standard < 0)
            return CS_EOUTSIDE;
        const uint16_t cin = predictor_channels(b->cin), cout = predictor_channels(b->cout);
        const uint16_t hidden = (uint16_t)(cin * b->expansion);
        for (uint8_t g = 0; g < b->groups; g++)
            add_layer(l++, b, (int16_t)i, standard, 1, (uint16_t)(cin / b->groups),
                      (uint16_t)(hidden / b->groups));
        add_layer(l, b, (int16_t)i, depthwise, b->kernel, 1, hidden);
        l->depthwise = true;
        l->groups = hidden;
        l++;
        for (uint8_t g = 0; g < b->groups; g++)
            add_layer(l++, b, (int16_t)i, standard, 1, (uint16_t)(hidden / b->groups),
                      (uint16_t)(cout / b->groups));
    }
    *n = (size_t)(l - layer);
    return CS_OK;
}

/* ---- cycles ---- */

static fpga_tile tile_cost(const fpga_chunk *chunk, int32_t k)
{
    const int32_t *v = chunk->v;
    const int32_t mode = v[CHUNK_MODE], tr = v[CHUNK_TR], tc = v[CHUNK_TC], tm = v[CHUNK_TM];
    const int32_t tn = chunk->depthwise ? 1 : v[CHUNK_TN], m = v[CHUNK_M], r = v[CHUNK_R];
    const int32_t tri = at_least(r + k - 1, tr), tci = at_least(v[CHUNK_C] + k - 1, tc);
    const double s = chunk->bits / 16.0;
    const bool rows = mode == (chunk->depthwise ? 1 : 2);
    const int32_t unroll = rows ? r : chunk->depthwise || mode == 0 ? m : m * v[CHUNK_N];
    const double compute = (double)(tm * tn * tr * tc * k * k) / unroll;
    const double write = ceil_div(tm * tr * tc, port(rows ? r : m)) +
                         (double)(tm * tr * tc) / (rows ? r : m); /* and clear the buffer */
    double read_in, read_weights;
    if (chunk->depthwise)
        read_in = ceil_div(tm * tci * tri, port(m)) * s;
    else
        read_in = ceil_div(tn * tci * tri, port(rows ? tri : v[CHUNK_N])) * s;
    if (rows)
        read_weights = tm * tn * k * s;
    else
        read_weights = ceil_div(tm * tn * k * k, port(m)) * s;
    return (fpga_tile){.known = true,
                       .pass = (compute > read_in ? compute : read_in) + read_weights,
                       .write = write * s * tn,
                       .size = (double)(tr * tc * tm * tn)};
}

/* (R/Tr)(R/Tc)(M/Tm) * (write + (N/Tn) * pass) over one denominator: a single rounding, none where
 * the result has few enough digits. */
void fpga_published_cost(fpga_chunk *chunk, const fpga_layer *l, double *cycles, double *dram_bits)
{
    fpga_tile *t = &chunk->tile[l->kernel / 2];
    if (!t->known)
        *t = tile_cost(chunk, l->kernel);
    *cycles = (l->pixels_out * t->write + l->pixels_in_out * t->pass) / t->size;
    *dram_bits = NAN;
}

/* Cycles are linear in the two pixel counts of a layer. */
bool fpga_published_merge(fpga_layer *into, const fpga_layer *from)
{
    if (into->chunk != from->chunk || into->kernel != from->kernel)
        return false;
    into->pixels_out += from->pixels_out;
    into->pixels_in_out += from->pixels_in_out;
    return true;
}

/* ---- resources ---- */

static int32_t bram_of_kernel(const fpga_chunk *chunk, int32_t k)
{
    const int32_t *v = chunk->v, q = chunk->bits;
    const int32_t tr = v[CHUNK_TR], tc = v[CHUNK_TC], tm = v[CHUNK_TM], tn = v[CHUNK_TN];
    const int32_t r = v[CHUNK_R], m = v[CHUNK_M], n = v[CHUNK_N];
    const int32_t tri = at_least(r + k - 1, tr), tci = at_least(v[CHUNK_C] + k - 1, tc);
    if (v[CHUNK_MODE] == (chunk->depthwise ? 1 : 2))
        return 2 * tri * banks(tci * tn, q) + r * banks(tc * tm, q) +
               k * banks(k * tm * (chunk->depthwise ? 1 : tn), q);
    const int32_t in = chunk->depthwise ? 2 * m * banks(tri * tci * (tm / m), q)
                                        : 2 * n * banks(tri * tci * (tn / n), q);
    return in + m * banks(tr * tc * (tm / m), q);
}

fpga_resources fpga_published_resources(const fpga_chunk *chunk)
{
    int32_t k = 5; /* the largest window needs most; strides are ignored */
    while (k > 1 && !(chunk->windows & (fpga_window_bit((unsigned)k, 1))))
        k -= 2;
    return (fpga_resources){.dsp = fpga_multipliers(chunk) * chunk->bits / 16.0,
                            .bram = bram_of_kernel(chunk, k)};
}
