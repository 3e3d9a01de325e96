/* The engine and the slow op-by-op reference trained side by side on the same batches. */
#ifndef CS_TEST_NN_LEARN_H
#define CS_TEST_NN_LEARN_H

#include "nn/loss.h"
#include "nn/model.h"
#include "nn/reference.h"
#include "tests/nn_layout.h"
#include <stdlib.h>

/* Parameters of a model into a reference network of the same spec. false: no memory. */
static inline bool give_parameters(const cs_model *m, cs_ref_net *ref)
{
    cs_ref_layer *to = ref->layer;
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++, to++) {
            const cs_layer *l = &m->stage[i].layer[j];
            const size_t n =
                (size_t)(l->conv.cout * (l->conv.cin / l->conv.groups) * l->conv.k * l->conv.k);
            float *flat = malloc(n * sizeof *flat);
            if (!flat)
                return false;
            matrix_to_oihw(&l->conv, m->params + l->w, flat);
            for (size_t k = 0; k < n; k++)
                to->w[k] = (double)flat[k];
            free(flat);
            for (int o = 0; o < l->conv.cout; o++) {
                const size_t at = (size_t)cs_convop_position(&l->conv, o);
                to->gamma[o] = (double)m->params[l->gamma + at];
                to->beta[o] = (double)m->params[l->beta + at];
            }
        }
    for (int k = 0; k < m->features; k++)
        for (int c = 0; c < m->spec.classes; c++)
            ref->fc_w[k * m->spec.classes + c] =
                (double)m->params[m->fc_w + (size_t)(k * m->classes_p + c)];
    for (int c = 0; c < m->spec.classes; c++)
        ref->fc_b[c] = (double)m->params[m->fc_b + (size_t)c];
    return true;
}

/* One tensor of the reference: SGD with momentum, decay on everything. Returns where the next
 * tensor's velocity begins. */
static inline double *learn_sgd(double *w, const double *g, double *v, size_t n, double lr,
                                const cs_recipe *r)
{
    for (size_t i = 0; i < n; i++) {
        v[i] = r->momentum * v[i] + g[i] + r->weight_decay * w[i];
        w[i] -= lr * v[i];
    }
    return v + n;
}

static inline size_t learn_weights(const cs_ref_shape *s)
{
    return (size_t)(s->cout * (s->cin / s->groups) * s->k * s->k);
}

static inline void learn_update(cs_ref_net *net, double *v, double lr, const cs_recipe *r)
{
    for (int i = 0; i < net->n_layers; i++) {
        cs_ref_layer *l = &net->layer[i];
        const size_t c = (size_t)l->shape.cout;
        v = learn_sgd(l->w, l->dw, v, learn_weights(&l->shape), lr, r);
        v = learn_sgd(l->gamma, l->dgamma, v, c, lr, r);
        v = learn_sgd(l->beta, l->dbeta, v, c, lr, r);
    }
    const size_t fc = (size_t)(net->features * net->spec.classes);
    v = learn_sgd(net->fc_w, net->dfc_w, v, fc, lr, r);
    learn_sgd(net->fc_b, net->dfc_b, v, net->spec.classes, lr, r);
}

/* Both networks and their data. next gives a batch of recipe.batch images, for training or held
 * out, valid until it is called again; false ends everything. */
typedef struct learner {
    cs_engine *engine;
    const cs_net *net;
    cs_recipe recipe; /* batch, lr, lr_end, momentum, weight_decay, label_smoothing count      */
    uint32_t steps, every, eval_batches;
    bool (*next)(void *context, bool train, cs_batch *out);
    void *context;
} learner;

/* After `step` steps: mean training loss since the last point, accuracy on held-out batches. Batch
 * norm takes the statistics of the batch in both. */
typedef struct learn_point {
    uint32_t step;
    double loss[2], accuracy[2]; /* engine, reference */
} learn_point;

typedef struct learn_pair {
    cs_model *model;
    cs_ref_net *ref;
    double *velocity, *x;
} learn_pair;

static inline const double *learn_doubles(learn_pair *p, const cs_batch *b)
{
    const size_t n = (size_t)b->n * b->h * b->w * b->c;
    for (size_t i = 0; i < n; i++)
        p->x[i] = (double)b->x[i];
    return p->x;
}

static inline bool learn_eval(const learner *l, learn_pair *p, learn_point *out)
{
    size_t seen = 0, right[2] = {0, 0};
    for (uint32_t i = 0; i < l->eval_batches; i++) {
        cs_batch b;
        if (!l->next(l->context, false, &b))
            return false;
        cs_model_forward(p->model, b.x, b.n, true);
        right[0] +=
            cs_count_correct(b.n, l->net->classes, p->model->classes_p, p->model->logits, b.y);
        cs_ref_net_step(p->ref, learn_doubles(p, &b), b.y, 0.0);
        for (uint32_t k = 0; k < b.n; k++) {
            const double *logit = p->ref->logits + k * l->net->classes;
            int best = 0;
            for (int c = 1; c < l->net->classes; c++)
                best = logit[c] > logit[best] ? c : best;
            right[1] += best == b.y[k];
        }
        seen += b.n;
    }
    for (int i = 0; i < 2; i++)
        out->accuracy[i] = (double)right[i] / (double)seen;
    return true;
}

static inline bool learn_open(const learner *l, learn_pair *p)
{
    size_t n = 0;
    *p = (learn_pair){.model = NULL};
    if (cs_model_new(l->engine, l->net, l->recipe.batch, 1, &p->model, NULL) != CS_OK ||
        cs_ref_net_new(&p->model->spec, (int)l->recipe.batch, &p->ref) != CS_OK ||
        !give_parameters(p->model, p->ref))
        return false;
    for (int i = 0; i < p->ref->n_layers; i++)
        n += learn_weights(&p->ref->layer[i].shape) + 2 * (size_t)p->ref->layer[i].shape.cout;
    n += (size_t)((p->ref->features + 1) * l->net->classes);
    p->velocity = calloc(n, sizeof *p->velocity);
    p->x = malloc((size_t)l->recipe.batch * l->net->input_size * l->net->input_size *
                  l->net->input_channels * sizeof *p->x);
    return p->velocity && p->x;
}

static inline void learn_close(learn_pair *p)
{
    cs_model_free(p->model);
    if (p->ref)
        cs_ref_net_free(p->ref);
    free(p->velocity);
    free(p->x);
}

/* Trains both and calls `point` at every `every` steps; false: no memory or no data. */
static inline bool learn_both(const learner *l, void (*point)(void *, const learn_point *),
                              void *context)
{
    learn_pair p;
    bool ok = learn_open(l, &p);
    learn_point at = {.step = 0};
    for (uint32_t step = 0; ok && step < l->steps; step++) {
        const cs_recipe *r = &l->recipe;
        const double lr = cs_lr_at(r->lr, r->lr_end, step, l->steps, l->steps / 10);
        cs_batch b;
        ok = l->next(l->context, true, &b);
        if (!ok)
            break;
        at.loss[0] += cs_model_step(p.model, &b, r, lr) / l->every;
        at.loss[1] +=
            cs_ref_net_step(p.ref, learn_doubles(&p, &b), b.y, r->label_smoothing) / l->every;
        learn_update(p.ref, p.velocity, lr, r);
        if ((step + 1) % l->every == 0) {
            at.step = step + 1;
            ok = learn_eval(l, &p, &at);
            if (ok)
                point(context, &at);
            at.loss[0] = at.loss[1] = 0.0;
        }
    }
    learn_close(&p);
    return ok;
}

#endif
