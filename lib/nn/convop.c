#include "nn/convop.h"

#include <assert.h>
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

static void quantise_columns(const cs_convop *conv, const float *w, int bits, cs_weights *out)
{
    const size_t cp = (size_t)conv->out_p;
    for (int c = 0; c < conv->cout; c++) {
        bool first = true;
        float min = 0.0f, max = 0.0f;
        for (int r = 0; r < conv->rows; r++) {
            const float x = w[(size_t)r * cp + (size_t)c];
            if (!cs_convop_connected(conv, r, c))
                continue;
            min = first || x < min ? x : min;
            max = first || x > max ? x : max;
            first = false;
        }
        out->quant[c] = cs_quant_of(min, max, bits);
    }
    for (int r = 0; r < conv->rows; r++)
        for (int c = 0; c < conv->out_p; c++) {
            const size_t at = (size_t)r * cp + (size_t)c;
            out->q[at] =
                cs_convop_connected(conv, r, c) ? cs_quant_value(&out->quant[c], w[at]) : 0.0f;
        }
}

void cs_convop_prepare(const cs_convop *conv, const float *w, int bits, cs_weights *out)
{
    if (bits < CS_BITS_FLOAT)
        quantise_columns(conv, w, bits, out);
    else
        memcpy(out->q, w, cs_convop_weights(conv) * sizeof *w);
    if (!out->t)
        return;
    for (int c = 0; c < conv->cout; c++) {
        float *row = out->t + (size_t)c * (size_t)conv->rows_p;
        for (int r = 0; r < conv->rows; r++)
            row[r] = out->q[(size_t)r * (size_t)conv->out_p + (size_t)c];
        for (int r = conv->rows; r < conv->rows_p; r++)
            row[r] = 0.0f;
    }
}

void cs_convop_weight_gradient(const cs_convop *conv, const float *w, const cs_weights *weights,
                               cs_ste rule, float *dw)
{
    for (int r = 0; r < conv->rows; r++)
        for (int c = 0; c < conv->out_p; c++) {
            const size_t at = (size_t)r * (size_t)conv->out_p + (size_t)c;
            if (!cs_convop_connected(conv, r, c))
                dw[at] = 0.0f;
            else if (weights->quant)
                dw[at] *= cs_quant_pass(&weights->quant[c], rule, w[at]);
        }
}
