/* A training graph with its memory: stages of layers, then pool and classifier. */
#ifndef CS_NN_MODEL_H
#define CS_NN_MODEL_H

#include "nn/classifier.h"
#include "nn/layer.h"
#include "nn/netspec.h"

typedef struct cs_stage {
    cs_layer layer[CS_STAGE_CONVS];
    int n_layers;
    bool relu, residual;
    float *x;             /* stored result [n][oh][ow][out_p]                                  */
    float *x_min, *x_max; /* of the batch, per channel                                         */
} cs_stage;

struct cs_model {
    cs_engine *engine;
    cs_net_spec spec;
    uint32_t max_batch;
    int n_stages;
    cs_stage *stage;
    cs_team team;
    size_t n_params;
    float *params, *grad, *velocity;
    size_t fc_w, fc_b; /* offsets: [features][classes_p], [classes_p]              */
    int features, features_p, classes_p;
    float *fc_t; /* classifier transposed                                    */
    float *pooled, *dpooled, *logits, *dlogits;
    float *gradient[2], *dx[2]; /* rotating: inside a stage, between stages                 */
    bool ready;                 /* prepared weights are those of `params`                   */
    void *block[2];
    size_t block_size[2];
};

/* All parameters 0, BN running variance 1. */
cs_status cs_model_build(cs_engine *engine, const cs_net_spec *spec, uint32_t max_batch,
                         cs_model **out, cs_error *err);
void cs_model_init(cs_model *model, uint64_t seed);

/* Logits of n images into model->logits. train: batch statistics, running ones updated. */
void cs_model_forward(cs_model *model, const float *x, size_t n, bool train);
/* After a training forward pass of the same x and the loss gradient in model->dlogits: gradients of
 * all parameters into model->grad. */
void cs_model_back(cs_model *model, const float *x, size_t n);
/* One step: forward, loss, backward, clip, SGD; returns the mean loss. */
double cs_model_step(cs_model *model, const cs_batch *batch, const cs_recipe *recipe, double lr);

/* What of the model belongs to pool and classifier. */
cs_classifier cs_model_classifier(const cs_model *model);

static inline cs_layer *cs_stage_last(cs_stage *stage)
{
    return &stage->layer[stage->n_layers - 1];
}
/* Whether a shortcut would have to change its shape. */
static inline bool cs_stage_resizes(const cs_stage *stage)
{
    const cs_convop *from = &stage->layer[0].conv;
    const cs_convop *to = &stage->layer[stage->n_layers - 1].conv;
    return from->h != to->oh || from->w != to->ow || from->cin != to->cout;
}
/* The shortcut of such a stage: x of n images in the shape of the result, or (back) the gradient of
 * the result in the shape of x. */
void cs_stage_shortcut(const cs_model *model, const cs_stage *stage, bool back, const float *from,
                       float *to, size_t n);

#endif
