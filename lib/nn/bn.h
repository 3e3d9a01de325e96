/* Batch norm from sums over the batch: eps 1e-5, momentum 0.1; biased variance normalises, unbiased
 * variance goes into the running value (as PyTorch). Arrays are per channel. */
#ifndef CS_NN_BN_H
#define CS_NN_BN_H

#include <stddef.h>

#define CS_BN_EPS 1e-5
#define CS_BN_MOMENTUM 0.1

typedef struct cs_bn {
    const float *gamma, *beta;
    float *run_mean, *run_var; /* running statistics                                           */
    float *mean, *inv;         /* of the current batch: mean, 1 / sqrt(variance + eps)         */
    float *s, *t;              /* normalised value = s * z + t                                 */
} cs_bn;

/* From the sums of z and z*z over count values a channel; moves the running statistics towards them
 * by `momentum` (0: not at all). */
void cs_bn_batch(const cs_bn *bn, int channels, const double *sum, const double *square,
                 double count, double momentum);
/* From the running statistics. */
void cs_bn_running(const cs_bn *bn, int channels);
/* From the sums of g and g*z: gradients of gamma and beta (both NULL: not wanted), and
 * dz = c1*g + c2*z + c3. */
void cs_bn_back(const cs_bn *bn, int channels, const double *sum_g, const double *sum_gz,
                double count, float *dgamma, float *dbeta, float *c1, float *c2, float *c3);

#endif
