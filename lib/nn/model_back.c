/* Backward pass of a graph and the step that uses it. */
#include "nn/loss.h"
#include "nn/model.h"

#include <string.h>

/* Gradient of the classifier, then of the pooled features spread over the pixels into dx. */
static void classify_back(cs_model *m, size_t n, float *dx)
{
    const cs_kernels *k = m->engine->kernels;
    const cs_convop *c = &cs_stage_last(&m->stage[m->n_stages - 1])->conv;
    const size_t pixels = (size_t)c->oh * (size_t)c->ow, cp = (size_t)c->out_p;
    float *db = m->grad + m->fc_b;
    k->product(m->features, m->classes_p, (int)n, m->pooled, 1, m->features_p, m->dlogits,
               m->classes_p, m->grad + m->fc_w, m->classes_p, true);
    for (size_t i = 0; i < n; i++)
        for (int j = 0; j < m->classes_p; j++)
            db[j] += m->dlogits[i * (size_t)m->classes_p + (size_t)j];
    k->product((int)n, m->features_p, m->spec.classes, m->dlogits, m->classes_p, 1, m->fc_t,
               m->features_p, m->dpooled, m->features_p, false);
    m->engine->macs += 2 * n * (uint64_t)m->features * m->spec.classes;
    const float scale = 1.0f / (float)pixels;
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < pixels; r++)
            for (size_t j = 0; j < cp; j++)
                dx[(i * pixels + r) * cp + j] = m->dpooled[i * cp + j] * scale;
}

static void clear_sums(cs_part *part, int channels)
{
    for (int i = 0; i < channels; i++)
        part->sum[i] = part->square[i] = 0.0;
}

static void collect_sums(const cs_model *m, cs_layer *layer)
{
    for (int c = 0; c < layer->conv.out_p; c++) {
        layer->sum[c] = m->part[0].sum[c];
        layer->square[c] = m->part[0].square[c];
        for (int t = 1; t < m->n_parts; t++) {
            layer->sum[c] += m->part[t].sum[c];
            layer->square[c] += m->part[t].square[c];
        }
    }
}

typedef struct back_arg {
    const cs_layer *layer;
    const cs_layer *before; /* last layer of the stage that wrote x, or NULL                    */
    const float *g, *x, *add;
    float *gin;
} back_arg;

/* The gradient of a stage's result, spread from the pooled features, as that of its last batch
 * norm: through its ReLU, with the sums. Other stages get this done by the stage after them. */
static void last_gate_work(cs_part *part, size_t first, size_t count, const void *arg)
{
    const back_arg *a = arg;
    const cs_layer *last = a->layer;
    const cs_convop *c = &last->conv;
    const size_t tile = (size_t)c->ow, rows = count * (size_t)c->oh * tile;
    const cs_stats stats = {part->sum, part->square, NULL, NULL};
    clear_sums(part, c->out_p);
    for (size_t r = 0; r < rows; r += tile) {
        const size_t at = first * cs_convop_out_size(c) + r * (size_t)c->out_p;
        const cs_gate gate = {.then = &last->out, .z = last->z + at};
        part->worker.kernels->gate(tile, c->out_p, &gate, a->gin + at, a->gin + at, &stats);
    }
}

static void back_work(cs_part *part, size_t first, size_t count, const void *arg)
{
    const back_arg *a = arg;
    const cs_layer *layer = a->layer;
    const size_t in = first * cs_convop_in_size(&layer->conv);
    const size_t out = first * cs_convop_out_size(&layer->conv);
    const cs_dz dz = {a->g + out, layer->z + out, layer->c1, layer->c2, layer->c3};
    const cs_stats stats = {part->sum, part->square, NULL, NULL};
    cs_input_gradient to = {
        .to = a->gin ? a->gin + in : NULL, .add = a->add ? a->add + in : NULL, .stats = &stats};
    if (a->before) {
        to.then = &a->before->out;
        to.z = a->before->z + in;
    }
    clear_sums(part, layer->conv.in_p);
    cs_convop_back(&part->worker, &layer->conv, count, &dz, a->x + in,
                   layer->finishes ? &layer->in : NULL, &layer->weights, part->grad + layer->w,
                   &to);
}

/* x: the stage's input, `before` the layer whose finished output it is (NULL: the graph's input,
 * which needs no gradient). dx: gradient of the stage's result as its last batch norm has it;
 * dx_in: the same for the stage before. */
static void stage_back(cs_model *m, cs_stage *stage, const float *x, cs_layer *before,
                       const float *dx, float *dx_in, size_t n)
{
    const float *g = dx;
    for (int j = stage->n_layers - 1; j >= 0; j--) {
        cs_layer *layer = &stage->layer[j];
        cs_bn_back(&layer->bn, layer->conv.out_p, layer->sum, layer->square,
                   (double)n * layer->conv.oh * layer->conv.ow, m->grad + layer->gamma,
                   m->grad + layer->beta, layer->c1, layer->c2, layer->c3);
        back_arg arg = {.layer = layer, .g = g};
        if (j > 0) {
            arg.x = layer[-1].z;
            arg.gin = m->gradient[j & 1];
        } else {
            arg.x = x;
            arg.before = before;
            arg.add = before && stage->residual ? dx : NULL;
            arg.gin = before ? dx_in : NULL;
        }
        cs_model_parts(m, n, back_work, &arg);
        if (j > 0 || before)
            collect_sums(m, j ? layer - 1 : before);
        g = arg.gin;
    }
}

/* Adds up the parts' gradients, always in the same order, a share of the parameters a thread. */
static void reduce_gradient(cs_model *m)
{
    const size_t chunk = 1 << 14, chunks = (m->n_params + chunk - 1) / chunk;
    const int parts = m->n_parts;
#pragma omp parallel for num_threads(parts) schedule(static) if (parts > 1)
    for (size_t k = 0; k < chunks; k++) {
        const size_t last = (k + 1) * chunk < m->n_params ? (k + 1) * chunk : m->n_params;
        for (int t = 1; t < parts; t++)
            for (size_t i = k * chunk; i < last; i++)
                m->grad[i] += m->part[t].grad[i];
    }
}

static void finish_gradient(cs_model *m)
{
    const int parts = m->n_parts;
    if (parts > 1)
        reduce_gradient(m);
#pragma omp parallel for num_threads(parts) schedule(dynamic) if (parts > 1)
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++) {
            const cs_layer *layer = &m->stage[i].layer[j];
            cs_convop_weight_gradient(&layer->conv, m->params + layer->w, &layer->weights,
                                      CS_STE_CLAMP, m->grad + layer->w);
        }
}

static void clear_work(cs_part *part, size_t first, size_t count, const void *arg)
{
    (void)first;
    (void)count;
    memset(part->grad, 0, *(const size_t *)arg * sizeof *part->grad);
}

void cs_model_back(cs_model *m, const float *x, size_t n)
{
    cs_model_parts(m, n, clear_work, &m->n_params);
    int at = 0;
    cs_layer *last = cs_stage_last(&m->stage[m->n_stages - 1]);
    const back_arg arg = {.layer = last, .gin = m->dx[at]};
    classify_back(m, n, m->dx[at]);
    cs_model_parts(m, n, last_gate_work, &arg);
    collect_sums(m, last);
    for (int i = m->n_stages - 1; i >= 0; i--) {
        cs_stage *from = i ? &m->stage[i - 1] : NULL;
        stage_back(m, &m->stage[i], from ? from->x : x, from ? cs_stage_last(from) : NULL,
                   m->dx[at], m->dx[!at], n);
        at = !at;
    }
    finish_gradient(m);
}

double cs_model_step(cs_model *m, const cs_batch *batch, const cs_recipe *recipe, double lr)
{
    cs_model_forward(m, batch->x, batch->n, true);
    const double loss = cs_cross_entropy(batch->n, m->spec.classes, m->classes_p, m->logits,
                                         batch->y, recipe->label_smoothing, m->dlogits);
    cs_model_back(m, batch->x, batch->n);
    cs_clip_norm(m->grad, m->n_params, recipe->clip_norm);
    cs_sgd_step(m->params, m->grad, m->velocity, m->n_params, lr, recipe->momentum,
                recipe->weight_decay);
    m->ready = false;
    return loss;
}
