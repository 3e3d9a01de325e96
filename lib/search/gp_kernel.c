/* Gaussian process: covariances. Squared distances come from one product, |a|^2 + |b|^2 - 2 a.b:
 * its rounding, about 1e-15 of |a|^2, is far below noise and jitter. */
#include "nn/linalg.h"
#include "search/gp_parts.h"

#include <math.h>

#define JITTER_FIRST 1e-10
#define JITTER_LAST 1e-4

void gp_scale(const cs_gp *gp, const double *theta, const double *x, size_t m, double *u,
              double *norm)
{
    const size_t d = gp->d;
    const bool linear = gp->options.kernel == CS_GP_LINEAR, ard = gp->options.ard;
    for (size_t i = 0; i < m; i++)
        norm[i] = 0.0;
    for (size_t j = 0; j < d; j++) {
        const double over = linear ? 1.0 : exp(-theta[GP_LENGTH + (ard ? j : 0)]);
        for (size_t i = 0; i < m; i++) {
            const double v = x[i * d + j] * over;
            u[i * d + j] = v;
            norm[i] += v * v;
        }
    }
}

/* One row: k from inner products to covariances, slope likewise. */
static void apply(const cs_gp *gp, const double *theta, double a_norm, const double *b_norm,
                  size_t n, double *k, double *slope)
{
    const double v = exp(theta[GP_VARIANCE]);
    if (gp->options.kernel == CS_GP_LINEAR) {
        const double bias = exp(theta[GP_BIAS]);
        for (size_t j = 0; j < n; j++)
            k[j] = v * k[j] + bias;
        return;
    }
    for (size_t j = 0; j < n; j++) {
        const double squared = a_norm + b_norm[j] - 2.0 * k[j];
        k[j] = squared > 0.0 ? squared : 0.0;
    }
    if (gp->options.kernel == CS_GP_RBF) {
        for (size_t j = 0; j < n; j++)
            k[j] = v * exp(-0.5 * k[j]);
        for (size_t j = 0; slope && j < n; j++)
            slope[j] = k[j];
        return;
    }
    for (size_t j = 0; j < n; j++) {
        const double r2 = 5.0 * k[j], r = sqrt(r2), e = v * exp(-r);
        k[j] = (1.0 + r + r2 / 3.0) * e;
        if (slope)
            slope[j] = 5.0 / 3.0 * (1.0 + r) * e;
    }
}

void gp_covariance(const cs_gp *gp, const double *theta, const double *a, const double *a_norm,
                   size_t m, const double *b, const double *b_norm, size_t n, double *k, size_t ldk)
{
    cs_dgemm(gp->engine, false, true, m, n, gp->d, 1.0, a, gp->d, b, gp->d, 0.0, k, ldk);
    for (size_t i = 0; i < m; i++)
        apply(gp, theta, a_norm[i], b_norm, n, &k[i * ldk], NULL);
}

void gp_covariance_self(const cs_gp *gp, const double *theta, const double *u, const double *norm,
                        double *k, double *slope, size_t ldk)
{
    const size_t block = 128, d = gp->d;
    for (size_t i = 0; i < gp->n; i += block) { /* products of the lower triangle only */
        const size_t rows = gp->n - i < block ? gp->n - i : block;
        cs_dgemm(gp->engine, false, true, rows, i + rows, d, 1.0, &u[i * d], d, u, d, 0.0,
                 &k[i * ldk], ldk);
    }
    for (size_t i = 0; i < gp->n; i++) {
        if (gp->options.kernel != CS_GP_LINEAR) /* no rounding on the diagonal */
            k[i * ldk + i] = norm[i];
        apply(gp, theta, norm[i], norm, i + 1, &k[i * ldk], slope ? &slope[i * ldk] : NULL);
    }
}

double gp_variance(const cs_gp *gp, const double *theta, double norm)
{
    const double v = exp(theta[GP_VARIANCE]);
    return gp->options.kernel == CS_GP_LINEAR ? v * norm + exp(theta[GP_BIAS]) : v;
}

cs_status gp_factor(const cs_gp *gp, const double *theta, const double *u, const double *norm,
                    double *k, double *slope, size_t ldk, double *jitter)
{
    const double noise = exp(theta[GP_NOISE]);
    double mean = 0.0;
    for (size_t i = 0; i < gp->n; i++)
        mean += (gp_variance(gp, theta, norm[i]) + noise) / (double)gp->n;
    for (double part = 0.0; part <= JITTER_LAST; part = part > 0.0 ? 10.0 * part : JITTER_FIRST) {
        gp_covariance_self(gp, theta, u, norm, k, slope, ldk);
        for (size_t i = 0; i < gp->n; i++)
            k[i * ldk + i] += noise + part * mean;
        *jitter = part * mean;
        if (cs_cholesky(gp->engine, gp->n, k, ldk) == CS_OK)
            return CS_OK;
    }
    return CS_ENUMERIC;
}
