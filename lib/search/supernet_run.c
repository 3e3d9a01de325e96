/* Forward and backward passes over the current path. */
#include "search/supernet_internal.h"

#include <math.h>

/* ---- forward ----------------------------------------------------------------------------------
 */

typedef struct scale_arg {
    const float *x;
    float *out;
    float scale;
    size_t size; /* floats of an image */
} scale_arg;

static void scale_work(cs_part *part, size_t first, size_t count, const void *arg)
{
    const scale_arg *a = arg;
    (void)part;
    for (size_t i = first * a->size; i < (first + count) * a->size; i++)
        a->out[i] = a->scale * a->x[i];
}

/* out = scale * x of n images of a stage's result */
static void scaled(const cs_supernet *net, const cs_super_stage *stage, float scale, const float *x,
                   float *out, size_t n)
{
    const scale_arg arg = {x, out, scale, stage->out_size};
    cs_team_run(&net->team, n, scale_work, &arg);
}

static void op_forward(cs_supernet *net, cs_super_op *op, const float *x, size_t n, float lo,
                       float hi, const cs_pass *pass)
{
    for (int j = 0; j < op->n_layers; j++) {
        cs_layer *layer = &op->layer[j], *from = j ? layer - 1 : NULL;
        if (from && pass->train)
            cs_layer_span(from, &lo, &hi);
        cs_layer_forward(&net->team, layer, from, x, n, lo, hi, pass);
        x = layer->z;
    }
}

static int last_joined(cs_super_stage *stage)
{
    int last = -1;
    for (int i = 0; i < stage->n_active; i++) {
        const cs_super_op *op = cs_super_active(stage, i);
        if (op && op->n_layers > 0 && op->coef > 0.0f)
            last = i;
    }
    return last;
}

/* result = residual * x + sum of coef * operator(x) */
static void stage_forward(cs_supernet *net, cs_super_stage *stage, const cs_super_stage *before,
                          const float *x, size_t n, const cs_pass *pass)
{
    float lo = 0.0f, hi = 0.0f;
    if (before && pass->train)
        cs_span(before->x_min, before->x_max, before->out_channels, &lo, &hi);
    const int last = last_joined(stage);
    const float *sum = NULL;
    if (stage->mode != CS_SUPER_NOTHING && stage->residual > 0.0f) {
        sum = x;
        if (stage->residual != 1.0f || last < 0) {
            scaled(net, stage, stage->residual, x, stage->x, n);
            sum = stage->x;
        }
    }
    for (int i = 0; i < stage->n_active; i++) {
        cs_super_op *op = cs_super_active(stage, i);
        if (!op || op->n_layers == 0)
            continue;
        op_forward(net, op, x, n, lo, hi, pass);
        if (op->coef == 0.0f)
            continue;
        const cs_join join = {.last = cs_super_last(op),
                              .scale = op->coef,
                              .add = sum,
                              .out = stage->x,
                              .min = i == last ? stage->x_min : NULL,
                              .max = i == last ? stage->x_max : NULL};
        cs_layer_join(&net->team, &join, n);
        sum = stage->x;
    }
    for (int c = 0; last < 0 && stage->mode != CS_SUPER_NOTHING && c < stage->out_channels; c++) {
        stage->x_min[c] = stage->residual * before->x_min[c];
        stage->x_max[c] = stage->residual * before->x_max[c];
    }
}

void cs_super_forward(cs_supernet *net, const float *x, size_t n, double momentum)
{
    const cs_pass pass = {net->use != CS_SUPER_EVAL, momentum};
    for (int s = 0; s < net->n_stages; s++) {
        cs_super_stage *stage = &net->stage[s];
        stage_forward(net, stage, s ? stage - 1 : NULL, x, n, &pass);
        x = stage->x;
    }
    cs_classifier_forward(net->engine, &net->classifier, x, n);
}

/* ---- backward ---------------------------------------------------------------------------------
 */

typedef struct run {
    cs_supernet *net;
    const float *x; /* the batch */
    size_t n;
    cs_ste rule;
    cs_path_grad *grad; /* NULL: gradients of weights are wanted */
    int at;             /* which of net->between holds the gradient of the stage's result */
} run;

/* The stage whose result the stage reads: identities on the way are nothing. */
static cs_super_stage *producer(const run *r, int s)
{
    while (--s >= 0)
        if (r->net->stage[s].mode != CS_SUPER_NOTHING)
            return &r->net->stage[s];
    return NULL;
}

static cs_layer *direct_last(cs_super_stage *stage)
{
    return stage && stage->mode == CS_SUPER_DIRECT ? cs_super_last(&stage->op[stage->direct])
                                                   : NULL;
}

typedef struct dot_arg {
    const cs_supernet *net;
    const float *a, *b;
    size_t size;
    int channels;
} dot_arg;

static void dot_work(cs_part *part, size_t first, size_t count, const void *arg)
{
    const dot_arg *d = arg;
    const size_t tile = 64 * (size_t)d->channels, end = (first + count) * d->size;
    double total = 0.0;
    for (size_t i = first * d->size; i < end; i += tile) {
        const size_t last = i + tile < end ? i + tile : end;
        float lane[CS_LANES] = {0.0f};
        for (size_t k = i; k < last; k += CS_LANES)
            for (size_t l = 0; l < CS_LANES; l++)
                lane[l] += d->a[k + l] * d->b[k + l];
        for (int l = 0; l < CS_LANES; l++)
            total += (double)lane[l];
    }
    part->dots[0] = total;
}

/* <g, x> of the stage's result and its input, which have the same shape. */
static double dot(const run *r, const cs_super_stage *stage, const float *g, const float *x)
{
    const dot_arg arg = {r->net, g, x, stage->out_size, cs_padded(stage->out_channels)};
    double sum = 0.0;
    cs_team_run(&r->net->team, r->n, dot_work, &arg);
    for (int t = 0; t < r->net->team.n; t++)
        sum += r->net->team.part[t].dots[0];
    return sum;
}

/* Where the gradient of the stage's result passes the operator's last ReLU, with the sums. */
static const float *gate(const run *r, cs_super_op *op, float *g)
{
    float *out = op->relu ? r->net->gated : g;
    cs_layer_gate(&r->net->team, cs_super_last(op), g, out, r->n);
    return out;
}

/* dLoss / d(coefficient) = <gradient of the result, operator(x)>. The operator's output is s*z + t
 * where its ReLU is open and 0 elsewhere, so the sums of its batch norm hold what is needed. */
static double coef_gradient(cs_super_op *op, double residual)
{
    double sum = op->residual ? residual : 0.0;
    if (op->n_layers == 0)
        return sum;
    const cs_layer *last = cs_super_last(op);
    for (int c = 0; c < last->conv.cout; c++)
        sum += (double)last->out.s[c] * last->square[c] + (double)last->out.t[c] * last->sum[c];
    return sum;
}

/* Sums of every operator that needs them, and the gradients of the coefficients. */
static void stage_gates(const run *r, int s, const float *x)
{
    cs_super_stage *stage = &r->net->stage[s];
    float *g = r->net->between[r->at];
    double residual = 0.0;
    bool same = false;
    for (int i = 0; r->grad && i < stage->n_active; i++)
        same = same || cs_super_active(stage, i)->residual;
    if (same)
        residual = dot(r, stage, g, x);
    for (int i = 0; i < stage->n_active; i++) {
        cs_super_op *op = cs_super_active(stage, i);
        const bool done = stage->mode == CS_SUPER_DIRECT && stage->active[i] == stage->direct;
        if (op->n_layers > 0 && !done && (op->kept || r->grad))
            gate(r, op, g);
        if (r->grad && s > 0 && s + 1 < r->net->n_stages)
            r->grad->coef[s - 1][i] = coef_gradient(op, residual);
    }
}

/* What the gradient of a stage's input goes through. */
typedef struct way_out {
    float *to; /* NULL: not wanted */
    const float *add;
    cs_layer *then;
} way_out;

static void op_back(const run *r, int s, int i, const float *x, const way_out *out)
{
    cs_supernet *net = r->net;
    cs_super_stage *stage = &net->stage[s];
    cs_super_op *op = cs_super_active(stage, i);
    const bool gated = stage->mode == CS_SUPER_MIXED && op->relu;
    const bool dots = r->grad && op->n_bits > 1;
    const float *g = gated ? net->gated : net->between[r->at];
    for (int j = op->n_layers - 1; j >= 0; j--) {
        cs_layer *layer = &op->layer[j];
        cs_back back = {.g = g,
                        .scale = j + 1 == op->n_layers ? op->coef : 1.0f,
                        .rule = r->rule,
                        .weights = !r->grad || dots,
                        .dots = dots ? r->grad->bits[s - 1][i] : NULL};
        if (j > 0) {
            back.from = layer - 1;
            back.x = back.from->z;
            back.gin = net->inside[j & 1];
        } else {
            back.x = x;
            back.gin = out->to;
            back.add = out->add;
            back.then = out->then;
        }
        cs_layer_back(&net->team, layer, &back, r->n);
        g = back.gin;
    }
}

static int free_buffer(int a, int b)
{
    return a != 0 && b != 0 ? 0 : a != 1 && b != 1 ? 1 : 2;
}

static bool runs_back(const run *r, const cs_super_op *op, bool wanted)
{
    return op->n_layers > 0 && op->kept && (!r->grad || wanted || op->n_bits > 1);
}

/* From the gradient of the stage's result to that of its producer's. */
static void stage_back(run *r, int s)
{
    cs_supernet *net = r->net;
    cs_super_stage *stage = &net->stage[s], *from = producer(r, s);
    const float *x = from ? from->x : r->x;
    const bool wanted = r->grad ? from != &net->stage[0] : from != NULL;
    cs_layer *then = wanted ? direct_last(from) : NULL;
    int acc = -1, last = -1;
    stage_gates(r, s, x);
    if (wanted && stage->residual > 0.0f) {
        acc = r->at;
        if (stage->residual != 1.0f) {
            acc = free_buffer(r->at, r->at);
            scaled(net, stage, stage->residual, net->between[r->at], net->between[acc], r->n);
        }
    }
    for (int i = 0; i < stage->n_active; i++)
        if (runs_back(r, cs_super_active(stage, i), wanted))
            last = i;
    for (int i = 0; i <= last; i++) {
        if (!runs_back(r, cs_super_active(stage, i), wanted))
            continue;
        const int to = free_buffer(r->at, acc);
        const bool scratch = r->grad && cs_super_active(stage, i)->n_bits > 1;
        const way_out out = {.to = wanted || scratch ? net->between[to] : NULL,
                             .add = wanted && acc >= 0 ? net->between[acc] : NULL,
                             .then = i == last ? then : NULL};
        op_back(r, s, i, x, &out);
        if (wanted)
            acc = to;
    }
    if (wanted && last < 0 && then)
        cs_layer_gate(&net->team, then, net->between[acc], net->between[acc], r->n);
    r->at = acc;
}

/* Gradients of used weights to those of stored ones, or to those of bitwidths. */
static void finish_layer(const run *r, cs_layer *layer, double *dots)
{
    const float *w = r->net->params + layer->w;
    float *dw = r->net->team.part[0].grad + layer->grad;
    cs_convop_weight_gradient(&layer->conv, w, &layer->weights,
                              dots || layer->mixes ? CS_STE_IDENTITY : r->rule, dw);
    if (dots)
        cs_convop_mix_dots(&layer->conv, w, layer->mix.n, layer->mix.bits, layer->weight_copies, dw,
                           dots);
}

static void finish_gradients(const run *r)
{
    cs_supernet *net = r->net;
    const int parts = net->team.n;
    cs_team_reduce(&net->team, net->n_grad);
#pragma omp parallel for num_threads(parts) schedule(dynamic) if (parts > 1)
    for (int s = 0; s < net->n_stages; s++)
        for (int i = 0; i < net->stage[s].n_active; i++) {
            cs_super_op *op = cs_super_active(&net->stage[s], i);
            const bool dots = r->grad && op->n_bits > 1;
            for (int j = 0; op->kept && (!r->grad || dots) && j < op->n_layers; j++)
                finish_layer(r, &op->layer[j], dots ? r->grad->bits[s - 1][i] : NULL);
        }
}

void cs_super_back(cs_supernet *net, const float *x, size_t n, cs_ste rule, cs_path_grad *grad)
{
    run r = {.net = net, .x = x, .n = n, .rule = rule, .grad = grad, .at = 0};
    float *dw = grad ? NULL : net->team.part[0].grad + net->fc_grad;
    const int features = net->classifier.features_p * net->classifier.classes_p;
    if (grad)
        *grad = (cs_path_grad){0};
    cs_team_clear(&net->team, net->n_grad);
    cs_classifier_back(net->engine, &net->classifier, dw, dw ? dw + features : NULL,
                       net->between[0], n);
    cs_layer_gate(&net->team, cs_super_last(net->stage[net->n_stages - 1].op), net->between[0],
                  net->between[0], n);
    for (int s = net->n_stages - 1; s >= (grad ? 1 : 0); s--)
        if (net->stage[s].mode != CS_SUPER_NOTHING)
            stage_back(&r, s);
    finish_gradients(&r);
}
