/* Kernels of the training engine, one table per instruction set, chosen at run time.
 *
 * Tensors are NHWC with the channels of a pixel padded to a multiple of CS_LANES floats, so that no
 * kernel has a tail over channels. Padding channels have zero weights and zero BN scale; what they
 * hold never reaches a valid channel. A "row" is one pixel, cp its padded number of channels. */
#ifndef CS_NN_KERNELS_H
#define CS_NN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#define CS_LANES 16
static inline int cs_padded(int channels)
{
    return (channels + CS_LANES - 1) / CS_LANES * CS_LANES;
}

/* Several quantisers over one range mixed: v = sum_j p[j] * (round(u_j) * step[j] + min) with the
 * code u_j = clamp(scale[j] * (s*z + t), low[j], top[j]). Scales are powers of two, so a code is
 * the same as that of its bitwidth alone. */
#define CS_MIX_MAX 8
typedef struct cs_mix {
    const float *s, *t; /* [cp] */
    int n;
    float min, scale[CS_MIX_MAX], low[CS_MIX_MAX], top[CS_MIX_MAX], step[CS_MIX_MAX], p[CS_MIX_MAX];
} cs_mix;

/* How stored values z become what a convolution reads: batch norm, ReLU and the quantiser in one
 * affine step per channel and two bounds. u = s*z + t; without quantiser the value is
 * clamp(u, lo, hi), with it round(clamp(u, lo, hi)) * step + min, u then being the real-valued
 * code. The gradient passes where lo < u < hi (straight-through rule of the clamp, and ReLU). */
typedef struct cs_finish {
    const float *s, *t; /* [cp] */
    float lo, hi;
    float step, min;
    bool quant;
    const cs_mix *mix; /* in place of the quantiser, NULL: none; depthwise kernels know it not   */
} cs_finish;

/* Per-channel sums of one thread. */
typedef struct cs_stats {
    double *sum, *square; /* [cp] sums of z and z*z; in the backward pass of g and g*z      */
    float *min, *max;     /* [cp]; NULL: not wanted                                         */
} cs_stats;

/* Depthwise convolution of one or more images; padding k/2 on every side. */
typedef struct cs_depthwise {
    int h, w, oh, ow; /* pixels of input and output                                          */
    int k, s;         /* 3 or 5; 1 or 2                                                      */
    int cp;
    bool stream;             /* write the result past the caches, see cs_streams             */
    const cs_finish *finish; /* of the input; NULL: it is read as it is                      */
    const cs_finish *gate;   /* backward: where the gradient passes; as a rule `finish`      */
} cs_depthwise;

/* Operands of the backward pass; dz = c1*g + c2*z + c3 is the gradient of the raw output. z NULL:
 * it is g. */
typedef struct cs_dz {
    const float *g, *z;        /* gradient of the finished output, raw output                 */
    const float *c1, *c2, *c3; /* [cp]                                                       */
} cs_dz;

/* Tensors of this size are written past the caches: they are gone before they are read again, and
 * so the cost of fetching every line before it is overwritten is saved. */
#define CS_STREAM_FLOATS ((size_t)1 << 21)
static inline bool cs_streams(size_t floats)
{
    return floats >= CS_STREAM_FLOATS;
}

/* Where the gradient of a convolution's input passes: v = own_lo < own_s*x+own_t < own_hi ? g : 0,
 * + add; if positive, where x > 0, x being the result of a ReLU after a sum; then the same as the
 * first with `then` and z, the batch norm and ReLU that the input was stored after. */
typedef struct cs_gate {
    const cs_finish *own; /* NULL: passes everywhere                                        */
    const float *x;
    const float *add; /* NULL: nothing                                                      */
    bool positive;
    const cs_finish *then; /* NULL: there is none                                           */
    const float *z;
    bool stream; /* write past the caches                                                   */
} cs_gate;

typedef struct cs_kernels {
    /* c[m][n] = (add ? c : 0) + sum_k a[i*a_row + k*a_k] * b[k*ldb + j]; n a multiple of CS_LANES.
     */
    void (*product)(int m, int n, int k, const float *a, ptrdiff_t a_row, ptrdiff_t a_k,
                    const float *b, ptrdiff_t ldb, float *c, ptrdiff_t ldc, bool add);
    /* out = finish(z) */
    void (*finish)(size_t rows, int cp, const cs_finish *f, const float *z, float *out);
    /* Adds to stats what the rows hold, and copies them to out (may be NULL) past the caches. */
    void (*stats)(size_t rows, int cp, const float *z, float *out, const cs_stats *stats);
    /* out = c1*g + c2*z + c3 */
    void (*dz)(size_t rows, int cp, const cs_dz *in, float *out);
    /* Lets the gradient g through the gate into out, which may be g. Sums of out and out * z if
     * stats, z being what the later of the two finishes reads. */
    void (*gate)(size_t rows, int cp, const cs_gate *gate, const float *g, float *out,
                 const cs_stats *stats);
    /* out = max(max(s*z + t, lo) (+ add), floor); min and max of out per channel into stats if not
     * NULL. */
    void (*join)(size_t rows, int cp, const cs_finish *f, const float *z, const float *add,
                 float floor, float *out, const cs_stats *stats);
    /* y = conv(finish(z)), raw; statistics of y if stats is not NULL. */
    void (*depthwise)(const cs_depthwise *d, size_t images, const float *z, const float *w,
                      float *y, const cs_stats *stats);
    /* dw[k*k][cp] += gradient of the weights; gin = gradient of the input where d->gate (NULL:
     * everywhere) passes it, with its sums. Either may be NULL: not wanted. scratch:
     * cs_depthwise_scratch. */
    void (*depthwise_back)(const cs_depthwise *d, size_t images, const cs_dz *in, const float *z,
                           const float *w, float *dw, float *gin, float *scratch,
                           const cs_stats *stats);
    /* out = mixture of the quantised values; copies (may be NULL): the n quantised tensors. */
    void (*mix)(size_t rows, int cp, const cs_mix *m, const float *z, float *out,
                float *const *copies);
    /* As gate, for an input that is a mixture. clamp: the gradient g of the mixture passes p[j] for
     * every j whose code is inside its bounds; else where gate->own passes it (NULL: everywhere).
     * dots[j] += sum of g * Q_j (dots may be NULL). */
    void (*mix_gate)(size_t rows, int cp, const cs_mix *m, bool clamp, const cs_gate *gate,
                     const float *g, float *out, const cs_stats *stats, double *dots);
} cs_kernels;

/* Rows of the input that the backward depthwise kernel takes at a time: so many that the gradients
 * of the outputs above them, CS_LANES channels wide, fit the first-level cache. A multiple of s. */
#define CS_DEPTHWISE_FLOATS 4608
static inline int cs_depthwise_back_rows(const cs_depthwise *d)
{
    const int width = (d->ow + d->k - 1) * CS_LANES;
    const int rows = (CS_DEPTHWISE_FLOATS / width - (d->k - 1) / d->s - 1) * d->s;
    const int all = (d->h + d->s - 1) / d->s * d->s;
    return rows < d->s ? d->s : rows > all ? all : rows;
}
/* Floats of scratch of the backward kernel: those gradients with a border of zeros and a row of
 * zeros. */
static inline size_t cs_depthwise_scratch(const cs_depthwise *d)
{
    const int rows = cs_depthwise_back_rows(d) / d->s + (d->k - 1) / d->s + 2;
    return (size_t)rows * (size_t)(d->ow + d->k - 1) * CS_LANES;
}

extern const cs_kernels cs_kernels_portable, cs_kernels_avx2, cs_kernels_avx512;

#endif
