/* REINFORCE with an exponential moving average of rewards as baseline, as HotNAS (eq. 19) states
 * it: grad J = 1/m sum_k sum_t gamma^(T-t) grad log p(a_t | a_<t) (R_k - b). */
#include "cosearch/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RMSPROP_DECAY 0.9f
#define RMSPROP_EPSILON 1e-10f
#define ADAM_BETA1 0.9f
#define ADAM_BETA2 0.999f
#define ADAM_EPSILON 1e-8f

/* The part of a trainer that is saved as it is. */
typedef struct progress {
    uint64_t episodes, updates;
    double baseline;
} progress;

struct cs_reinforce {
    cs_controller *controller;
    cs_reinforce_options options;
    progress at;
    float *first, *second; /* moments; RMSProp uses the second only */
};

cs_status cs_reinforce_new(cs_controller *controller, const cs_reinforce_options *options,
                           cs_reinforce **out)
{
    if (options->batch < 1 || options->lr_steps < 1)
        return CS_EUSAGE;
    cs_reinforce *r = calloc(1, sizeof *r);
    if (!r)
        return CS_ENOMEM;
    const size_t n = cs_controller_count(controller);
    r->controller = controller;
    r->options = *options;
    r->first = calloc(n, sizeof *r->first);
    r->second = calloc(n, sizeof *r->second);
    if (!r->first || !r->second) {
        cs_reinforce_free(r);
        return CS_ENOMEM;
    }
    if (options->optimizer == CS_POLICY_RMSPROP)
        for (size_t i = 0; i < n; i++)
            r->second[i] = 1.0f;
    *out = r;
    return CS_OK;
}

void cs_reinforce_free(cs_reinforce *r)
{
    if (!r)
        return;
    free(r->first);
    free(r->second);
    free(r);
}

/* Ascent: the gradient is that of the objective. */
static void rmsprop(float *w, const float *g, float *square, size_t n, float lr)
{
    const float decay = RMSPROP_DECAY, rest = 1.0f - decay;
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        square[i] = decay * square[i] + rest * g[i] * g[i];
        w[i] += lr * g[i] / sqrtf(square[i] + RMSPROP_EPSILON);
    }
}

static void adam(float *w, const float *g, float *first, float *second, size_t n, double lr,
                 uint64_t t)
{
    const float b1 = ADAM_BETA1, b2 = ADAM_BETA2, r1 = 1.0f - b1, r2 = 1.0f - b2;
    const float rate = (float)(lr / (1.0 - pow((double)b1, (double)t)));
    const float scale = (float)(1.0 / (1.0 - pow((double)b2, (double)t)));
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        first[i] = b1 * first[i] + r1 * g[i];
        second[i] = b2 * second[i] + r2 * g[i] * g[i];
        w[i] += rate * first[i] / (sqrtf(second[i] * scale) + ADAM_EPSILON);
    }
}

static void update(cs_reinforce *r)
{
    const cs_reinforce_options *o = &r->options;
    const size_t n = cs_controller_count(r->controller);
    float *w = cs_controller_weights(r->controller), *g = cs_controller_grad(r->controller);
    const double lr = o->lr * pow(o->lr_decay, (double)(r->at.updates / o->lr_steps));
    r->at.updates++;
    if (o->optimizer == CS_POLICY_ADAM)
        adam(w, g, r->first, r->second, n, lr, r->at.updates);
    else
        rmsprop(w, g, r->second, n, (float)lr);
    memset(g, 0, n * sizeof *g);
}

cs_status cs_reinforce_episode(cs_reinforce *r, const cs_mask *mask, const uint16_t *choice,
                               size_t from, double reward)
{
    const cs_reinforce_options *o = &r->options;
    if (!isfinite(reward))
        return CS_ENUMERIC;
    const double b =
        r->at.episodes ? o->baseline * r->at.baseline + (1.0 - o->baseline) * reward : reward;
    const cs_policy_term term = {.from = from,
                                 .weight = (reward - b) / (double)o->batch,
                                 .gamma = o->gamma,
                                 .entropy = o->entropy / (double)o->batch};
    CS_TRY(cs_controller_gradient(r->controller, mask, choice, &term));
    r->at.baseline = b;
    r->at.episodes++;
    if (r->at.episodes % o->batch == 0)
        update(r);
    return CS_OK;
}

double cs_reinforce_baseline(const cs_reinforce *r)
{
    return r->at.baseline;
}

uint64_t cs_reinforce_updates(const cs_reinforce *r)
{
    return r->at.updates;
}

cs_status cs_reinforce_save(const cs_reinforce *r, cs_sink *sink)
{
    const size_t n = cs_controller_count(r->controller);
    CS_TRY(cs_sink_write(sink, &r->at, sizeof r->at));
    CS_TRY(cs_sink_write(sink, r->first, n * sizeof *r->first));
    return cs_sink_write(sink, r->second, n * sizeof *r->second);
}

cs_status cs_reinforce_load(cs_reinforce *r, cs_source *source)
{
    const size_t n = cs_controller_count(r->controller);
    CS_TRY(cs_source_read(source, &r->at, sizeof r->at));
    CS_TRY(cs_source_read(source, r->first, n * sizeof *r->first));
    return cs_source_read(source, r->second, n * sizeof *r->second);
}
