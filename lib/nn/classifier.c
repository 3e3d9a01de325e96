#include "nn/classifier.h"

#include "nn/kernels.h"

#include <string.h>

void cs_classifier_init(float *w, int features, int classes, cs_rng *rng)
{
    for (int k = 0; k < features; k++)
        for (int c = 0; c < classes; c++)
            w[k * cs_padded(classes) + c] = (float)(0.001 * cs_rng_normal(rng));
}

void cs_classifier_prepare(const cs_classifier *c)
{
    for (int k = 0; k < c->features; k++)
        for (int j = 0; j < c->classes_p; j++)
            c->t[j * c->features_p + k] = c->w[(size_t)(k * c->classes_p + j)];
}

void cs_classifier_forward(cs_engine *engine, const cs_classifier *c, const float *x, size_t n)
{
    const size_t cp = (size_t)c->features_p;
    const float scale = 1.0f / (float)c->pixels;
    for (size_t i = 0; i < n; i++) {
        float *to = c->pooled + i * cp;
        memset(to, 0, cp * sizeof *to);
        for (size_t r = 0; r < c->pixels; r++)
            for (size_t k = 0; k < cp; k++)
                to[k] += x[(i * c->pixels + r) * cp + k];
        for (size_t k = 0; k < cp; k++)
            to[k] *= scale;
        memcpy(c->logits + i * (size_t)c->classes_p, c->b,
               (size_t)c->classes_p * sizeof *c->logits);
    }
    engine->kernels->product((int)n, c->classes_p, c->features, c->pooled, c->features_p, 1, c->w,
                             c->classes_p, c->logits, c->classes_p, true);
    engine->macs += n * (uint64_t)c->features * (uint64_t)c->classes;
}

void cs_classifier_back(cs_engine *engine, const cs_classifier *c, float *dw, float *db, float *dx,
                        size_t n)
{
    const cs_kernels *k = engine->kernels;
    const size_t cp = (size_t)c->features_p;
    if (dw) {
        k->product(c->features, c->classes_p, (int)n, c->pooled, 1, c->features_p, c->dlogits,
                   c->classes_p, dw, c->classes_p, true);
        for (size_t i = 0; i < n; i++)
            for (int j = 0; j < c->classes_p; j++)
                db[j] += c->dlogits[i * (size_t)c->classes_p + (size_t)j];
    }
    k->product((int)n, c->features_p, c->classes, c->dlogits, c->classes_p, 1, c->t, c->features_p,
               c->dpooled, c->features_p, false);
    engine->macs += (dw ? 2 : 1) * n * (uint64_t)c->features * (uint64_t)c->classes;
    const float scale = 1.0f / (float)c->pixels;
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < c->pixels; r++)
            for (size_t j = 0; j < cp; j++)
                dx[(i * c->pixels + r) * cp + j] = c->dpooled[i * cp + j] * scale;
}
