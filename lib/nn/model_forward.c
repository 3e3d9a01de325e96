/* Forward pass of a graph. */
#include "nn/model.h"

#include <string.h>

#include <math.h>

cs_classifier cs_model_classifier(const cs_model *m)
{
    const cs_convop *c = &cs_stage_last(&m->stage[m->n_stages - 1])->conv;
    return (cs_classifier){.features = m->features,
                           .features_p = m->features_p,
                           .classes = m->spec.classes,
                           .classes_p = m->classes_p,
                           .pixels = (size_t)c->oh * (size_t)c->ow,
                           .w = m->params + m->fc_w,
                           .b = m->params + m->fc_b,
                           .t = m->fc_t,
                           .pooled = m->pooled,
                           .dpooled = m->dpooled,
                           .logits = m->logits,
                           .dlogits = m->dlogits};
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
    const int parts = m->team.n;
#pragma omp parallel for num_threads(parts) schedule(dynamic) if (parts > 1)
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++) {
            cs_layer *layer = &m->stage[i].layer[j];
            cs_convop_prepare(&layer->conv, m->params + layer->w, layer->bits, &layer->weights);
        }
    const cs_classifier classifier = cs_model_classifier(m);
    cs_classifier_prepare(&classifier);
    m->ready = true;
}

typedef struct shortcut_arg {
    const cs_stage *stage;
    bool back;
    const float *from;
    float *to;
} shortcut_arg;

static void shortcut_work(cs_part *part, size_t first, size_t count, const void *arg)
{
    const shortcut_arg *a = arg;
    const cs_convop *in = &a->stage->layer[0].conv;
    const cs_convop *out = &a->stage->layer[a->stage->n_layers - 1].conv;
    const size_t in_size = cs_convop_in_size(in), out_size = cs_convop_out_size(out);
    const size_t bytes = (size_t)in->cin * sizeof *a->to;
    int s = 1;
    for (int j = 0; j < a->stage->n_layers; j++)
        s *= a->stage->layer[j].conv.s;
    (void)part;
    memset(a->to + first * (a->back ? in_size : out_size), 0,
           count * (a->back ? in_size : out_size) * sizeof *a->to);
    for (size_t i = first; i < first + count; i++)
        for (int y = 0; y < out->oh; y++)
            for (int x = 0; x < out->ow; x++) {
                const size_t wide = i * in_size + (size_t)((y * in->w + x) * s * in->in_p);
                const size_t small = i * out_size + (size_t)((y * out->ow + x) * out->out_p);
                if (a->back)
                    memcpy(a->to + wide, a->from + small, bytes);
                else
                    memcpy(a->to + small, a->from + wide, bytes);
            }
}

void cs_stage_shortcut(const cs_model *model, const cs_stage *stage, bool back, const float *from,
                       float *to, size_t n)
{
    const shortcut_arg arg = {stage, back, from, to};
    cs_team_run(&model->team, n, shortcut_work, &arg);
}

void cs_model_forward(cs_model *m, const float *x, size_t n, bool train)
{
    const cs_pass pass = {train, CS_BN_MOMENTUM};
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
                cs_layer_span(from, &lo, &hi);
            cs_layer_forward(&m->team, layer, from, in, n, lo, hi, &pass);
            in = layer->z;
        }
        const float *add = stage->residual ? x : NULL;
        if (add && cs_stage_resizes(stage)) {
            cs_stage_shortcut(m, stage, false, x, m->gradient[0], n);
            add = m->gradient[0];
        }
        const cs_join join = {.last = cs_stage_last(stage),
                              .scale = 1.0f,
                              .add = add,
                              .relu = stage->relu && stage->residual,
                              .out = stage->x,
                              .min = stage->x_min,
                              .max = stage->x_max};
        cs_layer_join(&m->team, &join, n);
        cs_span(stage->x_min, stage->x_max, join.last->conv.cout, &lo, &hi);
        x = stage->x;
    }
    const cs_classifier classifier = cs_model_classifier(m);
    cs_classifier_forward(m->engine, &classifier, x, n);
}
