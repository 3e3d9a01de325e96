/* Gumbel-softmax samples and the K-path straight-through proxy. */
#include "cosearch/relax.h"

#include <assert.h>
#include <math.h>

/* y = softmax(y), in place. */
static void softmax(double *y, size_t n)
{
    double max = y[0], sum = 0.0;
    for (size_t i = 1; i < n; i++)
        max = y[i] > max ? y[i] : max;
    for (size_t i = 0; i < n; i++) {
        y[i] = exp(y[i] - max);
        sum += y[i];
    }
    for (size_t i = 0; i < n; i++)
        y[i] /= sum;
}

/* log softmax shifts every logit by the same amount, which the softmax after it undoes: the raw
 * logits give the same y. The largest is taken off before the division, so that no temperature
 * makes Inf - Inf. */
void cs_gumbel_softmax(const float *logit, size_t n, double tau, cs_rng *rng, double *y)
{
    assert(n > 0 && tau > 0.0);
    double max = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        y[i] = (double)logit[i] + (rng ? cs_rng_gumbel(rng) : 0.0);
        max = y[i] > max ? y[i] : max;
    }
    for (size_t i = 0; i < n; i++)
        y[i] = (y[i] - max) / tau;
    softmax(y, n);
}

void cs_gumbel_softmax_back(const double *y, size_t n, double tau, const double *coef_grad,
                            float *grad)
{
    double mean = 0.0;
    for (size_t j = 0; j < n; j++)
        mean += y[j] * coef_grad[j];
    for (size_t i = 0; i < n; i++)
        grad[i] += (float)(y[i] * (coef_grad[i] - mean) / tau);
}

void cs_top_k(const double *y, size_t n, size_t k, uint16_t *index)
{
    assert(k <= n && n <= UINT16_MAX);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = kept;
        while (at > 0 && y[index[at - 1]] < y[i])
            at--;
        if (at == k)
            continue;
        kept += kept < k;
        for (size_t j = kept - 1; j > at; j--)
            index[j] = index[j - 1];
        index[at] = (uint16_t)i;
    }
}

void cs_softmax_active(const float *logit, const uint16_t *index, size_t k, double *p)
{
    for (size_t i = 0; i < k; i++)
        p[i] = (double)logit[index[i]];
    softmax(p, k);
}

/* dp[j]/dlogit[i] = p[j] * ((i == j) - p[i]), summed over j. */
void cs_softmax_active_back(const uint16_t *index, size_t k, const double *p,
                            const double *coef_grad, float *grad)
{
    double mean = 0.0;
    for (size_t j = 0; j < k; j++)
        mean += p[j] * coef_grad[j];
    for (size_t i = 0; i < k; i++)
        grad[index[i]] += (float)(p[i] * (coef_grad[i] - mean));
}

static double log_sum_exp(const float *row, const uint16_t *index, size_t k)
{
    double max = -INFINITY, sum = 0.0;
    for (size_t i = 0; i < k; i++)
        max = fmax(max, (double)row[index[i]]);
    for (size_t i = 0; i < k; i++)
        sum += exp((double)row[index[i]] - max);
    return max + log(sum);
}

void cs_logits_rescale(float *row, const float *before, const uint16_t *index, size_t k)
{
    if (k == 0)
        return;
    const double shift = log_sum_exp(before, index, k) - log_sum_exp(row, index, k);
    for (size_t i = 0; i < k; i++)
        row[index[i]] = (float)((double)row[index[i]] + shift);
}
