/* Accelerator search engine: samples and the gradient of the logits. */
#include "search/accel.h"

#include <math.h>
#include <string.h>

/* The winner of a Gumbel sample, the same at every temperature: log p + g, g = -log(-log u), is
 * largest where -log(u) / p is smallest. */
static uint16_t hardest(const double *p, size_t n, cs_rng *rng)
{
    uint16_t best = 0;
    double min = INFINITY;
    for (size_t i = 0; i < n; i++) {
        const double x = -log(cs_rng_uniform(rng)) / p[i];
        if (x < min) {
            min = x;
            best = (uint16_t)i;
        }
    }
    return best;
}

/* One decision over its allowed tail first..n-1. */
static uint16_t draw(cs_accel *e, size_t row, uint16_t first, cs_rng *rng)
{
    const cs_accel_options *o = &e->options;
    const size_t at = e->logits->offset[row] + first;
    const size_t n = (size_t)(e->logits->n[row] - first);
    uint16_t top;
    if (n == 1)
        return first;
    if (o->kind == CS_ACCEL_RANDOM)
        return (uint16_t)(first + cs_rng_below(rng, (uint32_t)n));
    if (o->kind == CS_ACCEL_GRADIENT) {
        cs_gumbel_softmax(&e->logits->value[at], n, 1.0, NULL, &e->prob[at]);
        return (uint16_t)(first + hardest(&e->prob[at], n, rng));
    }
    cs_gumbel_softmax(&e->logits->value[at], n, o->tau, rng, &e->prob[at]);
    cs_top_k(&e->prob[at], n, 1, &top);
    return (uint16_t)(first + top);
}

void accel_sample(cs_accel *e, cs_rng *rng, cs_design *design)
{
    memset(e->prob, 0, e->logits->count * sizeof e->prob[0]);
    for (size_t i = e->first; i < e->first + e->n; i++) {
        const uint16_t first = cs_space_first(e->space, design, i);
        design->choice[i] = e->active[i] ? draw(e, i - e->first, first, rng) : first;
    }
}

/* No choice becomes so unlikely that it is never tried again. */
static void keep_exploring(float *value, size_t n, double spread)
{
    float max = value[0];
    for (size_t i = 1; i < n; i++)
        max = value[i] > max ? value[i] : max;
    for (size_t i = 0; i < n; i++)
        if (value[i] < max - (float)spread)
            value[i] = max - (float)spread;
}

void accel_learn(cs_accel *e, const cs_design *design, const double *credit)
{
    const cs_accel_options *o = &e->options;
    const bool ours = o->kind == CS_ACCEL_GRADIENT;
    bool learns[CS_DECISIONS_MAX], ordered[CS_DECISIONS_MAX], others[CS_DECISIONS_MAX];
    for (size_t row = 0; row < e->n; row++) {
        const size_t at = e->logits->offset[row], k = design->choice[e->first + row];
        const double *p = &e->prob[at];
        learns[row] = p[k] > 0.0;
        if (!learns[row])
            continue;
        const double c = credit[e->unit_of[row]] * (ours ? 1.0 : p[k] / o->tau);
        for (size_t j = 0; j < e->logits->n[row]; j++)
            e->logits->grad[at + j] = (float)(c * ((j == k ? 1.0 : 0.0) - p[j]));
    }
    for (size_t row = 0; row < e->n; row++) {
        const bool scale = cs_space_decision(e->space, e->first + row)->ordered;
        ordered[row] = learns[row] && scale;
        others[row] = learns[row] && !scale;
    }
    cs_logits_adam_rows(e->logits, &e->adam[0], ordered);
    cs_logits_adam_rows(e->logits, &e->adam[1], others);
    for (size_t row = 0; ours && row < e->n; row++)
        if (learns[row])
            keep_exploring(&e->logits->value[e->logits->offset[row]], e->logits->n[row], o->spread);
}
