/* Forward pass of a graph. */
#include "nn/model.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* The partition depends on the number of parts only, not on how many threads the system grants. */
void cs_model_parts(cs_model *m, size_t n, cs_part_work work, const void *arg)
{
    const int parts = m->n_parts;
#pragma omp parallel for num_threads(parts) schedule(static, 1) if (parts > 1)
    for (int t = 0; t < parts; t++) {
        const size_t first = n * (size_t)t / (size_t)parts;
        const size_t last = n * (size_t)(t + 1) / (size_t)parts;
        work(&m->part[t], first, last - first, arg);
    }
    for (int t = 0; t < parts; t++) {
        m->engine->macs += m->part[t].worker.macs;
        m->part[t].worker.macs = 0;
    }
}

/* Range of a tensor from per-channel ranges, padding left out. */
static void span(const float *min, const float *max, int channels, float *lo, float *hi)
{
    *lo = min[0];
    *hi = max[0];
    for (int c = 1; c < channels; c++) {
        *lo = min[c] < *lo ? min[c] : *lo;
        *hi = max[c] > *hi ? max[c] : *hi;
    }
}

/* Range of the finished output of a layer: every step is monotone in z, so the ends of each
 * channel's raw range are enough. */
static void finished_span(const cs_layer *from, float *lo, float *hi)
{
    *lo = INFINITY;
    *hi = -INFINITY;
    for (int c = 0; c < from->conv.cout; c++) {
        const float a = fmaxf(from->out.s[c] * from->z_min[c] + from->out.t[c], from->out.lo);
        const float b = fmaxf(from->out.s[c] * from->z_max[c] + from->out.t[c], from->out.lo);
        *lo = fminf(*lo, fminf(a, b));
        *hi = fmaxf(*hi, fmaxf(a, b));
    }
}

/* Sets up what a layer does to its input, whose range in this batch is lo..hi. `from` is the layer
 * of the same stage that wrote it, NULL for the first one, whose input is stored finished. */
static void set_input(cs_layer *layer, const cs_layer *from, float lo, float hi, bool train)
{
    layer->finishes = from != NULL;
    if (from)
        layer->in = from->out;
    if (layer->bits >= CS_BITS_FLOAT)
        return;
    if (train) {
        cs_range_update(&layer->range, lo, hi);
    } else {
        if (!layer->range.seen)
            return; /* never trained: there is no range to quantise with */
        lo = layer->range.min;
        hi = layer->range.max;
    }
    const cs_quant q = cs_quant_of(lo, hi, layer->bits);
    if (q.exact)
        return;
    layer->finishes = true;
    layer->in =
        cs_quant_finish(&q, from ? &from->out : NULL, layer->conv.in_p, layer->in_s, layer->in_t);
}

typedef struct conv_arg {
    const cs_layer *layer;
    const float *x;
    bool train;
} conv_arg;

static void conv_work(cs_part *part, size_t first, size_t count, const void *arg)
{
    const conv_arg *a = arg;
    const cs_convop *c = &a->layer->conv;
    const cs_stats stats = {part->sum, part->square, part->min, part->max};
    for (int i = 0; i < c->out_p; i++) {
        part->sum[i] = part->square[i] = 0.0;
        part->min[i] = INFINITY;
        part->max[i] = -INFINITY;
    }
    cs_convop_forward(&part->worker, c, count, a->x + first * cs_convop_in_size(c),
                      a->layer->finishes ? &a->layer->in : NULL, a->layer->weights.q,
                      a->layer->z + first * cs_convop_out_size(c), a->train ? &stats : NULL);
}

static void reduce(const cs_model *m, cs_layer *layer)
{
    for (int c = 0; c < layer->conv.out_p; c++) {
        const cs_part *p = m->part;
        layer->sum[c] = p->sum[c];
        layer->square[c] = p->square[c];
        layer->z_min[c] = p->min[c];
        layer->z_max[c] = p->max[c];
        for (int t = 1; t < m->n_parts; t++) {
            layer->sum[c] += p[t].sum[c];
            layer->square[c] += p[t].square[c];
            layer->z_min[c] = fminf(layer->z_min[c], p[t].min[c]);
            layer->z_max[c] = fmaxf(layer->z_max[c], p[t].max[c]);
        }
    }
}

typedef struct join_arg {
    const cs_stage *stage;
    const cs_layer *last;
    const float *add;
} join_arg;

static void join_work(cs_part *part, size_t first, size_t count, const void *arg)
{
    const join_arg *a = arg;
    const cs_convop *c = &a->last->conv;
    const size_t at = first * cs_convop_out_size(c);
    const cs_stats stats = {NULL, NULL, part->min, part->max};
    for (int i = 0; i < c->out_p; i++) {
        part->min[i] = INFINITY;
        part->max[i] = -INFINITY;
    }
    const size_t tile = (size_t)c->ow, rows = count * (size_t)c->oh * tile;
    for (size_t r = 0; r < rows; r += tile) {
        const size_t from = at + r * (size_t)c->out_p;
        part->worker.kernels->join(tile, c->out_p, &a->last->out, a->last->z + from,
                                   a->add ? a->add + from : NULL, a->stage->x + from, &stats);
    }
}

static void join(cs_model *m, cs_stage *stage, const float *x, size_t n)
{
    const cs_layer *last = cs_stage_last(stage);
    const join_arg arg = {stage, last, stage->residual ? x : NULL};
    cs_model_parts(m, n, join_work, &arg);
    for (int c = 0; c < last->conv.out_p; c++) {
        stage->x_min[c] = m->part[0].min[c];
        stage->x_max[c] = m->part[0].max[c];
        for (int t = 1; t < m->n_parts; t++) {
            stage->x_min[c] = fminf(stage->x_min[c], m->part[t].min[c]);
            stage->x_max[c] = fmaxf(stage->x_max[c], m->part[t].max[c]);
        }
    }
}

/* Range of the graph's own input, if its first layer is quantised. */
static void input_span(const cs_model *m, const float *x, size_t n, float *lo, float *hi)
{
    const cs_convop *c = &m->stage[0].layer[0].conv;
    *lo = INFINITY;
    *hi = -INFINITY;
    if (m->stage[0].layer[0].bits >= CS_BITS_FLOAT)
        return;
    for (size_t r = 0; r < n * (size_t)c->h * (size_t)c->w; r++)
        for (int i = 0; i < c->cin; i++) {
            const float v = x[r * (size_t)c->in_p + (size_t)i];
            *lo = v < *lo ? v : *lo;
            *hi = v > *hi ? v : *hi;
        }
}

static void prepare_weights(cs_model *m)
{
    const int parts = m->n_parts;
#pragma omp parallel for num_threads(parts) schedule(dynamic) if (parts > 1)
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++) {
            cs_layer *layer = &m->stage[i].layer[j];
            cs_convop_prepare(&layer->conv, m->params + layer->w, layer->bits, &layer->weights);
        }
    for (int k = 0; k < m->features; k++)
        for (int c = 0; c < m->classes_p; c++)
            m->fc_t[c * m->features_p + k] = m->params[m->fc_w + (size_t)(k * m->classes_p + c)];
    m->ready = true;
}

/* Global average pool and classifier. */
static void classify(cs_model *m, size_t n)
{
    const cs_stage *stage = &m->stage[m->n_stages - 1];
    const cs_convop *c = &cs_stage_last(&m->stage[m->n_stages - 1])->conv;
    const size_t pixels = (size_t)c->oh * (size_t)c->ow, cp = (size_t)c->out_p;
    const float scale = 1.0f / (float)pixels;
    for (size_t i = 0; i < n; i++) {
        float *to = m->pooled + i * cp;
        memset(to, 0, cp * sizeof *to);
        for (size_t r = 0; r < pixels; r++)
            for (size_t k = 0; k < cp; k++)
                to[k] += stage->x[(i * pixels + r) * cp + k];
        for (size_t k = 0; k < cp; k++)
            to[k] *= scale;
        memcpy(m->logits + i * (size_t)m->classes_p, m->params + m->fc_b,
               (size_t)m->classes_p * sizeof *m->logits);
    }
    m->engine->kernels->product((int)n, m->classes_p, m->features, m->pooled, m->features_p, 1,
                                m->params + m->fc_w, m->classes_p, m->logits, m->classes_p, true);
    m->engine->macs += n * (uint64_t)m->features * m->spec.classes;
}

void cs_model_forward(cs_model *m, const float *x, size_t n, bool train)
{
    if (!m->ready)
        prepare_weights(m);
    float lo, hi;
    input_span(m, x, n, &lo, &hi);
    for (int i = 0; i < m->n_stages; i++) {
        cs_stage *stage = &m->stage[i];
        const float *in = x;
        for (int j = 0; j < stage->n_layers; j++) {
            cs_layer *layer = &stage->layer[j];
            const cs_layer *from = j ? layer - 1 : NULL;
            if (from && train)
                finished_span(from, &lo, &hi);
            set_input(layer, from, lo, hi, train);
            const conv_arg arg = {layer, in, train};
            cs_model_parts(m, n, conv_work, &arg);
            if (train) {
                reduce(m, layer);
                cs_bn_batch(&layer->bn, layer->conv.out_p, layer->sum, layer->square,
                            (double)n * layer->conv.oh * layer->conv.ow);
            } else {
                cs_bn_running(&layer->bn, layer->conv.out_p);
            }
            in = layer->z;
        }
        join(m, stage, x, n);
        span(stage->x_min, stage->x_max, cs_stage_last(stage)->conv.cout, &lo, &hi);
        x = stage->x;
    }
    classify(m, n);
}
