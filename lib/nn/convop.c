#include "nn/convop.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Working set of a tile: both operands should stay in the second-level cache beside the weights,
 * and for narrow layers in the first. */
#define TILE_FLOATS 16384
#define TILE_MAX 96

void cs_convop_shape(cs_convop *conv, int cin, int cout, int k, int s, int groups, int h, int w,
                     int in_p, bool shuffle)
{
    assert(cin % groups == 0 && cout % groups == 0);
    const int pad = k / 2;
    *conv = (cs_convop){.cin = cin, .cout = cout, .k = k, .s = s, .groups = groups, .h = h, .w = w};
    conv->oh = (h + 2 * pad - k) / s + 1;
    conv->ow = (w + 2 * pad - k) / s + 1;
    conv->in_p = in_p ? in_p : cs_padded(cin);
    conv->out_p = cs_padded(cout);
    conv->shuffle = shuffle && groups > 1;
    if (groups == cin && groups == cout && cin > 1 && (k == 3 || k == 5) && (s == 1 || s == 2))
        conv->kind = CS_CONVOP_DEPTHWISE;
    else if (k == 1 && s == 1)
        conv->kind = CS_CONVOP_POINTWISE;
    else
        conv->kind = CS_CONVOP_GENERAL;
    if (conv->kind == CS_CONVOP_DEPTHWISE) {
        assert(conv->in_p == conv->out_p && !conv->shuffle);
        conv->rows = k * k;
    } else {
        conv->rows = k * k * cin;
    }
    conv->rows_p = conv->kind == CS_CONVOP_POINTWISE ? conv->in_p : cs_padded(conv->rows);
    int tile = TILE_FLOATS / (conv->rows_p + conv->out_p) / 16 * 16;
    tile = tile < 16 ? 16 : tile > TILE_MAX ? TILE_MAX : tile;
    conv->tile = tile;
    conv->macs = (uint64_t)conv->oh * (uint64_t)conv->ow * (uint64_t)cout *
                 (uint64_t)(cin / groups) * (uint64_t)k * (uint64_t)k;
}

int cs_convop_position(const cs_convop *conv, int o)
{
    const int per_group = conv->cout / conv->groups;
    return conv->shuffle ? o % per_group * conv->groups + o / per_group : o;
}

/* Group of the output channel stored at a column. */
static int column_group(const cs_convop *conv, int column)
{
    return conv->shuffle ? column % conv->groups : column / (conv->cout / conv->groups);
}

bool cs_convop_connected(const cs_convop *conv, int row, int column)
{
    if (column >= conv->cout)
        return false;
    if (conv->groups == 1 || conv->kind == CS_CONVOP_DEPTHWISE)
        return true;
    return row % conv->cin / (conv->cin / conv->groups) == column_group(conv, column);
}

size_t cs_convop_weight_at(const cs_convop *conv, int o, int i, int ky, int kx)
{
    int row = ky * conv->k + kx;
    if (conv->kind != CS_CONVOP_DEPTHWISE) {
        const int group = o / (conv->cout / conv->groups);
        row = row * conv->cin + group * (conv->cin / conv->groups) + i;
    }
    return (size_t)row * (size_t)conv->out_p + (size_t)cs_convop_position(conv, o);
}

/* Range and quantiser of CS_LANES columns from c on. The ranges of a grouped convolution leave its
 * structural zeros out. */
static void column_quants(const cs_convop *conv, const float *w, int bits, int c, cs_quant *quant)
{
    float min[CS_LANES], max[CS_LANES];
    for (int i = 0; i < CS_LANES; i++) {
        min[i] = INFINITY;
        max[i] = -INFINITY;
    }
    const bool whole = conv->groups == 1 || conv->kind == CS_CONVOP_DEPTHWISE;
    for (int r = 0; r < conv->rows; r++) {
        const float *row = w + (size_t)r * (size_t)conv->out_p + c;
        for (int i = 0; i < CS_LANES; i++) {
            const bool counts = whole || cs_convop_connected(conv, r, c + i);
            min[i] = counts && row[i] < min[i] ? row[i] : min[i];
            max[i] = counts && row[i] > max[i] ? row[i] : max[i];
        }
    }
    for (int i = 0; i < CS_LANES; i++)
        quant[i] = cs_quant_of(min[i], max[i], bits);
}

/* What a loop over the CS_LANES columns of a row reads, as arrays. A column that is not quantised
 * (exact) holds one value only, which min reproduces; its gradient passes everywhere. */
typedef struct lanes {
    float min[CS_LANES], inverse[CS_LANES], step[CS_LANES], top[CS_LANES];
    float above[CS_LANES], below[CS_LANES]; /* the gradient passes between, in code space      */
} lanes;

static lanes lanes_of(const cs_quant *quant)
{
    lanes l;
    for (int i = 0; i < CS_LANES; i++) {
        const bool exact = quant[i].exact;
        l.min[i] = isfinite(quant[i].min) ? quant[i].min : 0.0f; /* a padding column has no range */
        l.inverse[i] = exact ? 0.0f : quant[i].inverse;
        l.step[i] = exact ? 0.0f : quant[i].step;
        l.top[i] = exact ? 0.0f : quant[i].top;
        l.above[i] = exact ? -INFINITY : 0.0f;
        l.below[i] = exact ? INFINITY : quant[i].top;
    }
    return l;
}

/* Quantised value of w in lane i. */
static inline float lane_value(const lanes *l, int i, float w)
{
    float u = (w - l->min[i]) * l->inverse[i];
    u = u < 0.0f ? 0.0f : u;
    u = u > l->top[i] ? l->top[i] : u;
    return cs_quant_nearest(u) * l->step[i] + l->min[i];
}

/* Padding, and zeros between groups. */
static void clear_unconnected(const cs_convop *conv, float *w)
{
    for (int r = 0; r < conv->rows; r++)
        for (int c = conv->groups == 1 ? conv->cout : 0; c < conv->out_p; c++)
            if (!cs_convop_connected(conv, r, c))
                w[(size_t)r * (size_t)conv->out_p + (size_t)c] = 0.0f;
}

static void quantise(const cs_convop *conv, const float *w, int n, const int *bits, const float *p,
                     float *copies, cs_weights *out)
{
    const size_t cp = (size_t)conv->out_p, size = cs_convop_weights(conv);
    for (int c = 0; c < conv->out_p; c += CS_LANES)
        for (int j = 0; j < n; j++) {
            cs_quant *quant = out->quant + (size_t)j * cp + c;
            column_quants(conv, w, bits[j], c, quant);
            const lanes l = lanes_of(quant);
            float *copy = copies ? copies + (size_t)j * size : NULL;
            for (size_t at = (size_t)c; at < size; at += cp)
                for (size_t i = 0; i < CS_LANES; i++) {
                    const float v = lane_value(&l, (int)i, w[at + i]);
                    if (copy)
                        copy[at + i] = v;
                    out->q[at + i] = j ? out->q[at + i] + p[j] * v : p[0] * v;
                }
        }
    clear_unconnected(conv, out->q);
    for (int j = 0; copies && j < n; j++)
        clear_unconnected(conv, copies + (size_t)j * size);
}

static void transpose(const cs_convop *conv, cs_weights *out)
{
    const size_t rp = (size_t)conv->rows_p, cp = (size_t)conv->out_p;
    for (int c = 0; c < conv->cout; c++)
        for (size_t r = (size_t)conv->rows; r < rp; r++)
            out->t[(size_t)c * rp + r] = 0.0f;
    for (int c0 = 0; c0 < conv->cout; c0 += CS_LANES) {
        const int last = c0 + CS_LANES < conv->cout ? c0 + CS_LANES : conv->cout;
        for (int r = 0; r < conv->rows; r++)
            for (int c = c0; c < last; c++)
                out->t[(size_t)c * rp + (size_t)r] = out->q[(size_t)r * cp + (size_t)c];
    }
}

void cs_convop_prepare_mix(const cs_convop *conv, const float *w, int n, const int *bits,
                           const float *p, float *copies, cs_weights *out)
{
    quantise(conv, w, n, bits, p, copies, out);
    if (out->t)
        transpose(conv, out);
}

void cs_convop_prepare(const cs_convop *conv, const float *w, int bits, cs_weights *out)
{
    const float one = 1.0f;
    if (bits < CS_BITS_FLOAT)
        quantise(conv, w, 1, &bits, &one, NULL, out);
    else
        memcpy(out->q, w, cs_convop_weights(conv) * sizeof *w);
    if (out->t)
        transpose(conv, out);
}

void cs_convop_mix_dots(const cs_convop *conv, const float *w, int n, const int *bits,
                        const float *copies, const float *dw, double *dots)
{
    const size_t cp = (size_t)conv->out_p;
    for (int c = 0; c < conv->out_p; c += CS_LANES)
        for (int j = 0; j < n; j++) {
            cs_quant quant[CS_LANES];
            float sum[CS_LANES] = {0.0f};
            column_quants(conv, w, bits[j], c, quant);
            const lanes l = lanes_of(quant);
            const float *copy = copies ? copies + (size_t)j * cs_convop_weights(conv) : NULL;
            for (int r = 0; r < conv->rows; r++)
                for (int i = 0; i < CS_LANES; i++) {
                    const size_t at = (size_t)r * cp + (size_t)(c + i);
                    sum[i] += dw[at] * (copy ? copy[at] : lane_value(&l, i, w[at]));
                }
            for (int i = 0; i < CS_LANES; i++)
                dots[j] += (double)sum[i];
        }
}

void cs_convop_weight_gradient(const cs_convop *conv, const float *w, const cs_weights *weights,
                               cs_ste rule, float *dw)
{
    const bool masked = weights->quant && rule == CS_STE_CLAMP;
    for (int c = 0; masked && c < conv->out_p; c += CS_LANES) {
        const lanes l = lanes_of(weights->quant + c);
        for (int r = 0; r < conv->rows; r++) {
            const size_t at = (size_t)r * (size_t)conv->out_p + (size_t)c;
            for (int i = 0; i < CS_LANES; i++) {
                const float u = (w[at + (size_t)i] - l.min[i]) * l.inverse[i];
                const float g = dw[at + (size_t)i];
                dw[at + (size_t)i] = u > l.above[i] && u < l.below[i] ? g : 0.0f;
            }
        }
    }
    if (conv->groups > 1 && conv->kind != CS_CONVOP_DEPTHWISE)
        clear_unconnected(conv, dw);
}
