/* PyTorch's layouts to the engine's and back, for tests and validation. */
#ifndef CS_TEST_NN_LAYOUT_H
#define CS_TEST_NN_LAYOUT_H

#include "nn/convop.h"
#include <string.h>

/* [n][c][h][w] into [n][h][w][cp], padding 0. */
static inline void nchw_to_padded(const float *in, int n, int c, int hw, int cp, float *out)
{
    memset(out, 0, (size_t)(n * hw * cp) * sizeof *out);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < c; k++)
            for (int p = 0; p < hw; p++)
                out[(i * hw + p) * cp + k] = in[(i * c + k) * hw + p];
}

static inline void padded_to_nchw(const float *in, int n, int c, int hw, int cp, float *out)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < c; k++)
            for (int p = 0; p < hw; p++)
                out[(i * c + k) * hw + p] = in[(i * hw + p) * cp + k];
}

/* [o][i/groups][k][k] into the weight matrix of a convolution, which must be zeroed, and back. */
static inline void oihw_to_matrix(const cs_convop *conv, const float *in, float *out)
{
    for (int o = 0; o < conv->cout; o++)
        for (int i = 0; i < conv->cin / conv->groups; i++)
            for (int y = 0; y < conv->k; y++)
                for (int x = 0; x < conv->k; x++)
                    out[cs_convop_weight_at(conv, o, i, y, x)] = *in++;
}

static inline void matrix_to_oihw(const cs_convop *conv, const float *in, float *out)
{
    for (int o = 0; o < conv->cout; o++)
        for (int i = 0; i < conv->cin / conv->groups; i++)
            for (int y = 0; y < conv->k; y++)
                for (int x = 0; x < conv->k; x++)
                    *out++ = in[cs_convop_weight_at(conv, o, i, y, x)];
}

#endif
