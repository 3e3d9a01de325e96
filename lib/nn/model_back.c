/* Backward pass of a graph and the step that uses it. */
#include "nn/loss.h"
#include "nn/model.h"

/* x: the stage's input, `before` the layer whose finished output it is (NULL: the graph's input,
 * which needs no gradient). dx: gradient of the stage's result as its last batch norm has it;
 * dx_in: the same for the stage before. */
static void stage_back(cs_model *m, cs_stage *stage, const float *x, cs_layer *before,
                       const float *dx, float *dx_in, size_t n)
{
    const float *g = dx;
    for (int j = stage->n_layers - 1; j >= 0; j--) {
        cs_layer *layer = &stage->layer[j];
        cs_back back = {.g = g, .scale = 1.0f, .rule = CS_STE_CLAMP, .weights = true};
        if (j > 0) {
            back.from = layer - 1;
            back.x = back.from->z;
            back.gin = m->gradient[j & 1];
        } else {
            back.x = x;
            back.then = before;
            back.add = before && stage->residual ? dx : NULL;
            if (back.add && cs_stage_resizes(stage)) { /* gradient[0] is not in use here */
                cs_stage_shortcut(m, stage, true, dx, m->gradient[0], n);
                back.add = m->gradient[0];
            }
            back.gin = before ? dx_in : NULL;
        }
        cs_layer_back(&m->team, layer, &back, n);
        g = back.gin;
    }
}

static void finish_gradient(cs_model *m)
{
    const int parts = m->team.n;
    if (parts > 1)
        cs_team_reduce(&m->team, m->n_params);
#pragma omp parallel for num_threads(parts) schedule(dynamic) if (parts > 1)
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++) {
            const cs_layer *layer = &m->stage[i].layer[j];
            cs_convop_weight_gradient(&layer->conv, m->params + layer->w, &layer->weights,
                                      CS_STE_CLAMP, m->grad + layer->w);
        }
}

void cs_model_back(cs_model *m, const float *x, size_t n)
{
    const cs_classifier classifier = cs_model_classifier(m);
    cs_layer *last = cs_stage_last(&m->stage[m->n_stages - 1]);
    int at = 0;
    cs_team_clear(&m->team, m->n_params);
    cs_classifier_back(m->engine, &classifier, m->grad + m->fc_w, m->grad + m->fc_b, m->dx[at], n);
    cs_layer_gate(&m->team, last, m->dx[at], m->dx[at], n);
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
