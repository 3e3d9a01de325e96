/* A training graph with its memory. Raw convolution outputs are what is stored; batch norm, ReLU
 * and quantiser are applied while the next convolution loads its input and recomputed in the
 * backward pass. Every thread works on its own images; sums are reduced in a fixed order. */
#ifndef CS_NN_MODEL_H
#define CS_NN_MODEL_H

#include "nn/bn.h"
#include "nn/netspec.h"

/* A convolution and the batch norm of its output. */
typedef struct cs_layer {
    cs_convop conv;
    int bits;
    size_t w, gamma, beta; /* offsets into the parameters                                      */
    float *z;              /* raw output [n][oh][ow][out_p]                                    */
    cs_weights weights;
    cs_bn bn;
    float *z_min, *z_max; /* of the batch, per channel                                        */
    double *sum, *square; /* of z forward, of g and g*z backward                              */
    float *c1, *c2, *c3;  /* dz = c1*g + c2*z + c3                                            */
    float *in_s, *in_t;
    cs_finish in;   /* what is done to the input on loading                             */
    bool finishes;  /* false: the input is read as it is                                */
    cs_finish out;  /* batch norm and ReLU of the output                                */
    cs_range range; /* running range of the input                                       */
} cs_layer;

typedef struct cs_stage {
    cs_layer layer[CS_STAGE_CONVS];
    int n_layers;
    bool relu, residual;
    float *x;             /* stored result [n][oh][ow][out_p]                                  */
    float *x_min, *x_max; /* of the batch, per channel                                         */
} cs_stage;

/* What one thread owns. */
typedef struct cs_part {
    cs_worker worker;
    float *grad; /* [n_params] of its images; part 0's is the model's                          */
    double *sum, *square;
    float *min, *max;
} cs_part;

struct cs_model {
    cs_engine *engine;
    cs_net_spec spec;
    uint32_t max_batch;
    int n_stages, n_parts;
    cs_stage *stage;
    cs_part *part;
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

/* Runs work for every part on its share of n images, then collects the MACs. */
typedef void (*cs_part_work)(cs_part *part, size_t first, size_t count, const void *arg);
void cs_model_parts(cs_model *model, size_t n, cs_part_work work, const void *arg);

static inline cs_layer *cs_stage_last(cs_stage *stage)
{
    return &stage->layer[stage->n_layers - 1];
}

#endif
