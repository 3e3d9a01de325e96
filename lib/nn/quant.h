/* The published fake quantiser: asymmetric, uniform, min/max range (specs: Auto-NBA, quantize.py).
 *
 * For values with minimum m and range R, b bits: step = R / 2^b, code u = (t - m) / step,
 * q = clamp(round(u), 0, 2^b - 1), result q * step + m. Halves round to even. The largest value is
 * therefore reproduced one step too low, as published.
 *
 * Gradient, two straight-through rules: CLAMP passes it where 0 < u < 2^b - 1 (before rounding) and
 * stops it elsewhere; IDENTITY passes it everywhere.
 *
 * Our guard for R = 0, where the formula divides by zero: all values are the same and are their own
 * exact code, so they pass unchanged and so does the gradient.
 *
 * Running ranges for evaluation follow the usual rule run <- 0.9 * run + 0.1 * current, starting
 * with the first batch. The published code has the factors the other way round (specs 8.3 item 6),
 * which makes the range that of practically one batch; that is not reproduced. */
#ifndef CS_NN_QUANT_H
#define CS_NN_QUANT_H

#include "cosearch/nn.h"
#include "nn/kernels.h"

#define CS_RANGE_MOMENTUM 0.1f

typedef enum cs_ste { CS_STE_CLAMP, CS_STE_IDENTITY } cs_ste;

typedef struct cs_quant {
    float min, step, inverse; /* inverse = 1 / step                                         */
    float top;                /* 2^bits - 1                                                 */
    bool exact;               /* not quantised: bits == CS_BITS_FLOAT or a range of 0       */
} cs_quant;

/* Nearest integer, halves to even, for 0 <= x < 2^22: adding 1.5 * 2^23 leaves no bits for a
 * fraction. rintf would be a library call per value on the baseline CPU. */
static inline float cs_quant_nearest(float x)
{
    return (x + 12582912.0f) - 12582912.0f;
}

cs_quant cs_quant_of(float min, float max, int bits);
float cs_quant_value(const cs_quant *q, float x);
/* 1 or 0: does the gradient pass at x. */
float cs_quant_pass(const cs_quant *q, cs_ste rule, float x);

/* The quantiser as the kernels apply it, on top of a batch norm with ReLU (`from`, NULL: on the
 * values themselves). s and t [channels] are written and stay referenced. q must not be exact. */
cs_finish cs_quant_finish(const cs_quant *q, const cs_finish *from, int channels, float *s,
                          float *t);

/* Quantisers of other bitwidths over the range of q, as one mixture: finish is what cs_quant_finish
 * made of q with `bits`, its s and t stay referenced. */
cs_mix cs_quant_mixture(const cs_quant *q, const cs_finish *finish, int bits, int n,
                        const int *mix_bits, const float *p);

/* The tensor is [rows][columns], values of column c being quantised with q[c * stride]: stride 1
 * for a range per column, 0 for one range. bits are given per candidate; the result is the mixture
 * sum_j p[j] * q_j(x) (Auto-NBA's soft bitwidths; n_bits = 1 and p = 1 is the plain quantiser).
 * q holds n_bits * columns (stride 1) or n_bits entries, candidate-major. */
void cs_quant_mix(size_t rows, size_t columns, const cs_quant *q, size_t stride, const float *p,
                  size_t n_bits, const float *x, float *y);

/* A range kept over batches. */
typedef struct cs_range {
    float min, max;
    bool seen;
} cs_range;
/* The first range is taken as it is; momentum 0 leaves the running one alone. */
void cs_range_update(cs_range *run, float min, float max, float momentum);

#endif
