#include "nn/bn.h"

#include <math.h>

void cs_bn_batch(const cs_bn *bn, int channels, const double *sum, const double *square,
                 double count, double momentum)
{
    for (int c = 0; c < channels; c++) {
        const double mean = sum[c] / count;
        const double raw = square[c] / count - mean * mean;
        const double var = raw < 0.0 ? 0.0 : raw; /* a NaN stays one */
        const double inv = 1.0 / sqrt(var + CS_BN_EPS);
        const double unbiased = count > 1.0 ? var * count / (count - 1.0) : var;
        bn->mean[c] = (float)mean;
        bn->inv[c] = (float)inv;
        bn->s[c] = (float)((double)bn->gamma[c] * inv);
        bn->t[c] = (float)((double)bn->beta[c] - mean * (double)bn->gamma[c] * inv);
        if (momentum == 0.0)
            continue;
        bn->run_mean[c] += (float)(momentum * (mean - (double)bn->run_mean[c]));
        bn->run_var[c] += (float)(momentum * (unbiased - (double)bn->run_var[c]));
    }
}

void cs_bn_running(const cs_bn *bn, int channels)
{
    for (int c = 0; c < channels; c++) {
        const double s = (double)bn->gamma[c] / sqrt((double)bn->run_var[c] + CS_BN_EPS);
        bn->s[c] = (float)s;
        bn->t[c] = (float)((double)bn->beta[c] - (double)bn->run_mean[c] * s);
    }
}

/* With x^ = (z - mean) * inv: dbeta = sum g, dgamma = sum g x^, and
 * dz = gamma * inv * (g - dbeta / count - x^ * dgamma / count), sorted by g, z and 1. */
void cs_bn_back(const cs_bn *bn, int channels, const double *sum_g, const double *sum_gz,
                double count, float *dgamma, float *dbeta, float *c1, float *c2, float *c3)
{
    for (int c = 0; c < channels; c++) {
        const double mean = (double)bn->mean[c], inv = (double)bn->inv[c];
        const double scale = (double)bn->gamma[c] * inv;
        const double dg = inv * (sum_gz[c] - mean * sum_g[c]);
        if (dgamma) {
            dbeta[c] = (float)sum_g[c];
            dgamma[c] = (float)dg;
        }
        c1[c] = (float)scale;
        c2[c] = (float)(-scale * inv * dg / count);
        c3[c] = (float)(scale * (inv * mean * dg - sum_g[c]) / count);
    }
}
