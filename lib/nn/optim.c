/* Optimisers and learning-rate schedule: elementwise, so nothing here counts as a product. */
#include "cosearch/nn.h"

#include <math.h>

void cs_sgd_step(float *w, const float *g, float *v, size_t n, double lr, double momentum,
                 double weight_decay)
{
    const float l = (float)lr, m = (float)momentum, d = (float)weight_decay;
    for (size_t i = 0; i < n; i++) {
        v[i] = m * v[i] + (g[i] + d * w[i]);
        w[i] -= l * v[i];
    }
}

void cs_adam_step(const cs_adam *adam, uint64_t step, float *w, const float *g, float *m, float *v,
                  size_t n)
{
    cs_adam_update(adam, 1.0 - pow(adam->beta1, (double)step), 1.0 - pow(adam->beta2, (double)step),
                   w, g, m, v, n);
}

void cs_adam_update(const cs_adam *adam, double c1, double c2, float *w, const float *g, float *m,
                    float *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double gi = (double)g[i] + adam->weight_decay * (double)w[i];
        const double mi = adam->beta1 * (double)m[i] + (1.0 - adam->beta1) * gi;
        const double vi = adam->beta2 * (double)v[i] + (1.0 - adam->beta2) * gi * gi;
        m[i] = (float)mi;
        v[i] = (float)vi;
        w[i] = (float)((double)w[i] - adam->lr * (mi / c1) / (sqrt(vi / c2) + adam->eps));
    }
}

double cs_clip_norm(float *g, size_t n, double max_norm)
{
    double part[8] = {0.0}; /* a fixed order that needs no addition to wait for the one before it */
    size_t at = 0;
    for (; at + 8 <= n; at += 8)
        for (size_t i = 0; i < 8; i++)
            part[i] += (double)g[at + i] * (double)g[at + i];
    for (; at < n; at++)
        part[0] += (double)g[at] * (double)g[at];
    const double norm = sqrt(((part[0] + part[1]) + (part[2] + part[3])) +
                             ((part[4] + part[5]) + (part[6] + part[7])));
    if (max_norm > 0.0 && norm > max_norm) {
        const float scale = (float)(max_norm / norm);
        for (size_t i = 0; i < n; i++)
            g[i] *= scale;
    }
    return norm;
}

double cs_lr_at(double lr, double lr_end, uint64_t step, uint64_t steps, uint64_t warmup)
{
    if (step < warmup)
        return lr * (double)(step + 1) / (double)warmup;
    if (steps <= warmup + 1)
        return lr;
    const double part = (double)(step - warmup) / (double)(steps - warmup);
    return lr_end + 0.5 * (lr - lr_end) * (1.0 + cos(3.14159265358979323846 * fmin(part, 1.0)));
}
