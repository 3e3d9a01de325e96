/* A step of a supernet in double precision, written down from its formulas op by op with the slow
 * operators of lib/nn/reference.h; nothing of the fast code is used but where it keeps its weights.
 *
 *   operator k:   O_k = chain of [mix in, mix w, conv, BN, ReLU] (+ x)
 *   mixture:      t = sum_j p_j Q_j(t), one range, Q_j of bits_j
 *   result:       X = sum_k c_k O_k
 *   gradients:    dc_k = <dX, O_k>, dp_j = <dt, Q_j(t)> over inputs and weights of the operator;
 *                 through a mixture CLAMP passes sum_j p_j [0 < u_j < 2^b_j - 1], IDENTITY 1. */
#ifndef CS_TEST_SUPERNET_REFERENCE_H
#define CS_TEST_SUPERNET_REFERENCE_H

#include "nn/reference.h"
#include "search/supernet_internal.h"
#include "tests/nn_layout.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

typedef struct ref_mix {
    size_t n;
    double *t, *pass, *q[CS_PATH_BITS_MAX];
} ref_mix;

typedef struct ref_layer {
    cs_ref_shape shape;
    bool relu, shuffle;
    double *w, *gamma, *beta, *dw, *dgamma, *dbeta;
    double *z, *y, *mean, *inv;
    ref_mix in, weights;
} ref_layer;

typedef struct ref_op {
    int n_layers;
    ref_layer layer[CS_SUPER_LAYERS];
    bool residual;
    double *out;
} ref_op;

typedef struct ref_stage {
    ref_op op[CS_PATH_OPS_MAX];
    size_t size; /* of the result, whole batch */
    double *x;
} ref_stage;

typedef struct ref_super {
    const cs_supernet *net;
    const cs_path *path;
    int n;
    cs_ste rule;
    ref_stage stage[CS_SUPER_STAGES];
    double *fc_w, *fc_b, *dfc_w, *dfc_b, *pooled, *logits, *dlogits;
    double loss;
    cs_path_grad grad, size; /* size: sums of the magnitudes of the terms of grad */
    void **blocks;
    size_t n_blocks;
} ref_super;

static inline double *ref_new(ref_super *r, size_t n)
{
    double *x = calloc(n ? n : 1, sizeof *x);
    r->blocks = realloc(r->blocks, (r->n_blocks + 1) * sizeof *r->blocks);
    assert(x && r->blocks);
    r->blocks[r->n_blocks++] = x;
    return x;
}

static inline void ref_free(ref_super *r)
{
    for (size_t i = 0; i < r->n_blocks; i++)
        free(r->blocks[i]);
    free(r->blocks);
    free(r);
}

static inline size_t ref_ins(const cs_ref_shape *c)
{
    return (size_t)(c->n * c->h * c->w * c->cin);
}
static inline size_t ref_outs(const cs_ref_shape *c)
{
    return (size_t)(c->n * c->oh * c->ow * c->cout);
}
static inline size_t ref_weights(const cs_ref_shape *c)
{
    return (size_t)(c->cout * (c->cin / c->groups) * c->k * c->k);
}

/* Bitwidths and factors of an operator; n = 0: floating point. */
typedef struct ref_bits {
    int n, bits[CS_PATH_BITS_MAX];
    double p[CS_PATH_BITS_MAX];
} ref_bits;

/* The mixture of rows of `per` values, each row with a range of its own. */
static inline void ref_mix_rows(ref_super *r, ref_mix *m, const double *t, size_t rows, size_t per,
                                const ref_bits *b)
{
    m->n = rows * per;
    m->t = ref_new(r, m->n);
    m->pass = ref_new(r, m->n);
    double *pass = ref_new(r, m->n);
    for (size_t i = 0; i < m->n; i++) {
        m->t[i] = b->n ? 0.0 : t[i];
        m->pass[i] = b->n && r->rule == CS_STE_CLAMP ? 0.0 : 1.0;
    }
    for (int j = 0; j < b->n; j++) {
        m->q[j] = ref_new(r, m->n);
        for (size_t k = 0; k < rows; k++)
            cs_ref_quant(per, t + k * per, b->bits[j], m->q[j] + k * per, pass + k * per);
        for (size_t i = 0; i < m->n; i++) {
            m->t[i] += b->p[j] * m->q[j][i];
            if (r->rule == CS_STE_CLAMP)
                m->pass[i] += b->p[j] * pass[i];
        }
    }
}

static inline void ref_layer_new(ref_super *r, ref_layer *l, const cs_layer *from, bool relu)
{
    const cs_convop *c = &from->conv;
    const float *params = r->net->params;
    l->shape = cs_ref_shape_of(r->n, c->cin, c->cout, c->k, c->s, c->groups, c->h, c->w);
    l->relu = relu;
    l->shuffle = c->shuffle;
    const size_t n = ref_weights(&l->shape), channels = (size_t)c->cout;
    l->w = ref_new(r, n);
    l->dw = ref_new(r, n);
    float *flat = calloc(n, sizeof *flat);
    assert(flat);
    matrix_to_oihw(c, params + from->w, flat);
    for (size_t i = 0; i < n; i++)
        l->w[i] = (double)flat[i];
    free(flat);
    double **const per_channel[] = {&l->gamma, &l->beta, &l->dgamma, &l->dbeta, &l->mean, &l->inv};
    for (size_t i = 0; i < 6; i++)
        *per_channel[i] = ref_new(r, channels);
    for (int o = 0; o < c->cout; o++) {
        const size_t at = (size_t)cs_convop_position(c, o);
        l->gamma[o] = (double)params[from->gamma + at];
        l->beta[o] = (double)params[from->beta + at];
    }
    l->z = ref_new(r, ref_outs(&l->shape));
    l->y = ref_new(r, ref_outs(&l->shape));
}

static inline void ref_layer_forward(ref_super *r, ref_layer *l, const double *x, const ref_bits *b)
{
    const cs_ref_shape *c = &l->shape;
    const size_t rows = ref_outs(c) / (size_t)c->cout;
    ref_mix_rows(r, &l->in, x, 1, ref_ins(c), b);
    ref_mix_rows(r, &l->weights, l->w, (size_t)c->cout, ref_weights(c) / (size_t)c->cout, b);
    cs_ref_conv(c, l->in.t, l->weights.t, l->z);
    cs_ref_bn(rows, c->cout, l->z, l->gamma, l->beta, l->mean, l->inv, l->y);
    for (size_t i = 0; l->relu && i < ref_outs(c); i++)
        l->y[i] = l->y[i] > 0.0 ? l->y[i] : 0.0;
    if (l->shuffle) {
        double *plain = ref_new(r, ref_outs(c));
        memcpy(plain, l->y, ref_outs(c) * sizeof *plain);
        cs_ref_shuffle(rows, c->cout, c->groups, plain, l->y);
    }
}

/* Returns the gradient of the layer's input; adds those of the bitwidths to bits. */
static inline double *ref_layer_back(ref_super *r, ref_layer *l, const double *dy,
                                     const ref_bits *b, double *bits, double *bits_size)
{
    const cs_ref_shape *c = &l->shape;
    const size_t rows = ref_outs(c) / (size_t)c->cout;
    double *g = ref_new(r, ref_outs(c)), *dz = ref_new(r, ref_outs(c)),
           *dx = ref_new(r, ref_ins(c));
    for (size_t i = 0; i < ref_outs(c); i++)
        g[i] = !l->relu || l->y[i] > 0.0 ? dy[i] : 0.0;
    if (l->shuffle) {
        double *plain = ref_new(r, ref_outs(c));
        cs_ref_shuffle_back(rows, c->cout, c->groups, g, plain);
        g = plain;
    }
    cs_ref_bn_back(rows, c->cout, l->z, l->gamma, l->mean, l->inv, g, dz, l->dgamma, l->dbeta);
    cs_ref_conv_back(c, l->in.t, l->weights.t, dz, dx, l->dw);
    for (int j = 0; bits && j < b->n; j++) {
        for (size_t i = 0; i < l->in.n; i++) {
            bits[j] += dx[i] * l->in.q[j][i];
            bits_size[j] += fabs(dx[i] * l->in.q[j][i]);
        }
        for (size_t i = 0; i < l->weights.n; i++) {
            bits[j] += l->dw[i] * l->weights.q[j][i];
            bits_size[j] += fabs(l->dw[i] * l->weights.q[j][i]);
        }
    }
    for (size_t i = 0; i < l->in.n; i++)
        dx[i] *= l->in.pass[i];
    for (size_t i = 0; i < l->weights.n; i++)
        l->dw[i] *= l->weights.pass[i];
    return dx;
}

/* Operator and factor at place i of a stage; stem and head have one, in floating point. */
static inline int ref_place(const ref_super *r, int s, int i, ref_bits *b, double *coef)
{
    *b = (ref_bits){0};
    *coef = 1.0;
    if (s == 0 || s + 1 == r->net->n_stages)
        return i == 0 ? 0 : -1;
    const cs_path_block *block = &r->path->block[s - 1];
    if (i >= block->n_ops)
        return -1;
    const cs_path_op *o = &block->op[i];
    *coef = (double)o->coef;
    b->n = o->n_bits;
    for (int j = 0; j < o->n_bits; j++) {
        b->bits[j] = r->net->net_space->bits[o->bits[j]];
        b->p[j] = (double)o->bits_coef[j];
    }
    return o->op;
}

static inline void ref_stage_forward(ref_super *r, int s, const double *x)
{
    const cs_super_stage *from = &r->net->stage[s];
    ref_stage *stage = &r->stage[s];
    ref_bits b;
    double coef;
    stage->size = from->out_size / (size_t)cs_padded(from->out_channels) *
                  (size_t)from->out_channels * (size_t)r->n;
    stage->x = ref_new(r, stage->size);
    for (int i = 0, k; (k = ref_place(r, s, i, &b, &coef)) >= 0; i++) {
        const cs_super_op *op = &from->op[k];
        ref_op *to = &stage->op[i];
        const double *y = x;
        to->n_layers = op->n_layers;
        to->residual = op->residual;
        for (int j = 0; j < op->n_layers; j++) {
            ref_layer_new(r, &to->layer[j], &op->layer[j], j + 1 < op->n_layers || op->relu);
            ref_layer_forward(r, &to->layer[j], y, &b);
            y = to->layer[j].y;
        }
        to->out = ref_new(r, stage->size);
        for (size_t e = 0; e < stage->size; e++) {
            to->out[e] = (op->n_layers ? y[e] : 0.0) + (op->residual ? x[e] : 0.0);
            stage->x[e] += coef * to->out[e];
        }
    }
}

/* Returns the gradient of the stage's input from that of its result. */
static inline double *ref_stage_back(ref_super *r, int s, const double *dx, size_t in_size)
{
    ref_stage *stage = &r->stage[s];
    ref_bits b;
    double coef, *out = ref_new(r, in_size);
    const bool block = s > 0 && s + 1 < r->net->n_stages;
    for (int i = 0; ref_place(r, s, i, &b, &coef) >= 0; i++) {
        ref_op *op = &stage->op[i];
        double *g = ref_new(r, stage->size);
        for (size_t e = 0; e < stage->size; e++) {
            g[e] = coef * dx[e];
            if (block) {
                r->grad.coef[s - 1][i] += dx[e] * op->out[e];
                r->size.coef[s - 1][i] += fabs(dx[e] * op->out[e]);
            }
            if (op->residual)
                out[e] += g[e];
        }
        for (int j = op->n_layers - 1; j >= 0; j--)
            g = ref_layer_back(r, &op->layer[j], g, &b, block ? r->grad.bits[s - 1][i] : NULL,
                               block ? r->size.bits[s - 1][i] : NULL);
        for (size_t e = 0; op->n_layers && e < in_size; e++)
            out[e] += g[e];
    }
    return out;
}

static inline double *ref_classifier(ref_super *r, const double *x, const int32_t *label,
                                     double smoothing)
{
    const cs_classifier *c = &r->net->classifier;
    const int f = c->features, classes = c->classes, pixels = (int)c->pixels;
    double *dx = ref_new(r, (size_t)(r->n * pixels * f));
    r->fc_w = ref_new(r, (size_t)(f * classes));
    r->fc_b = ref_new(r, (size_t)classes);
    r->dfc_w = ref_new(r, (size_t)(f * classes));
    r->dfc_b = ref_new(r, (size_t)classes);
    r->pooled = ref_new(r, (size_t)(r->n * f));
    r->logits = ref_new(r, (size_t)(r->n * classes));
    r->dlogits = ref_new(r, (size_t)(r->n * classes));
    for (int k = 0; k < f; k++)
        for (int j = 0; j < classes; j++)
            r->fc_w[k * classes + j] = (double)c->w[k * c->classes_p + j];
    for (int j = 0; j < classes; j++)
        r->fc_b[j] = (double)c->b[j];
    for (int i = 0; i < r->n; i++)
        for (int p = 0; p < pixels; p++)
            for (int k = 0; k < f; k++)
                r->pooled[i * f + k] += x[(i * pixels + p) * f + k] / pixels;
    cs_ref_product(r->n, classes, f, r->pooled, r->fc_w, r->logits);
    for (int i = 0; i < r->n * classes; i++)
        r->logits[i] += r->fc_b[i % classes];
    r->loss = cs_ref_cross_entropy(r->n, classes, r->logits, label, smoothing, r->dlogits);
    for (int i = 0; i < r->n; i++)
        for (int j = 0; j < classes; j++) {
            const double d = r->dlogits[i * classes + j];
            r->dfc_b[j] += d;
            for (int k = 0; k < f; k++) {
                r->dfc_w[k * classes + j] += d * r->pooled[i * f + k];
                for (int p = 0; p < pixels; p++)
                    dx[(i * pixels + p) * f + k] += d * r->fc_w[k * classes + j] / pixels;
            }
        }
    return dx;
}

/* Forward and backward pass in training mode; free the result with ref_free. */
static inline ref_super *ref_super_step(const cs_supernet *net, const cs_path *path,
                                        const cs_batch *batch, cs_ste rule, double smoothing)
{
    ref_super *r = calloc(1, sizeof *r);
    assert(r);
    *r = (ref_super){.net = net, .path = path, .n = (int)batch->n, .rule = rule};
    const size_t size = (size_t)(batch->n * batch->h * batch->w * batch->c);
    double *input = ref_new(r, size);
    for (size_t i = 0; i < size; i++)
        input[i] = (double)batch->x[i];
    const double *x = input;
    for (int s = 0; s < net->n_stages; s++) {
        ref_stage_forward(r, s, x);
        x = r->stage[s].x;
    }
    double *dx = ref_classifier(r, x, batch->y, smoothing);
    for (int s = net->n_stages - 1; s >= 0; s--)
        dx = ref_stage_back(r, s, dx, s ? r->stage[s - 1].size : size);
    return r;
}

#endif
