/* Inside of a supernet. A stage is the stem, a block or the head; an operator of it a chain of at
 * most three layers, or the identity. */
#ifndef CS_SEARCH_SUPERNET_INTERNAL_H
#define CS_SEARCH_SUPERNET_INTERNAL_H

#include "cosearch/supernet.h"
#include "nn/classifier.h"
#include "nn/layer.h"

#define CS_SUPER_LAYERS 3
#define CS_SUPER_STAGES (CS_BLOCKS_MAX + 2)

_Static_assert(CS_PATH_BITS_MAX <= CS_MIX_MAX, "kernels mix as many bitwidths as a path may have");

/* What a pass over a path is for. */
typedef enum cs_super_use {
    CS_SUPER_EVAL,    /* running statistics, operators of coefficient 0 left out               */
    CS_SUPER_STATS,   /* the same with statistics of the batch                                 */
    CS_SUPER_WEIGHTS, /* forward and backward to the weights                                   */
    CS_SUPER_ARCH     /* forward and backward to the coefficients                              */
} cs_super_use;

typedef struct cs_super_op {
    cs_layer layer[CS_SUPER_LAYERS];
    int n_layers;  /* 0: identity                                                              */
    bool relu;     /* after the last layer                                                     */
    bool residual; /* the stage's input is added; true for the identity, which is nothing else */
    float *other_mean[CS_SUPER_LAYERS], *other_var[CS_SUPER_LAYERS]; /* recalibrated           */
    cs_range other_range[CS_SUPER_LAYERS];
    /* in the current path */
    float coef;
    int n_bits;
    bool kept; /* has a backward pass                                                          */
} cs_super_op;

/* How a stage's result comes about, and so how its gradient has to be handed to it. */
typedef enum cs_super_mode {
    CS_SUPER_DIRECT, /* one operator, factor 1: the gradient comes through its last ReLU, with the
                        sums its batch norm needs                                              */
    CS_SUPER_MIXED,  /* anything else: the gradient comes as it is                             */
    CS_SUPER_NOTHING /* the identity alone: the result is the input                            */
} cs_super_mode;

typedef struct cs_super_stage {
    cs_super_op *op;
    int n_ops;
    size_t out_size; /* floats of an image of the result                                       */
    int out_channels;
    /* in the current path */
    int n_active;
    int active[CS_PATH_OPS_MAX]; /* operators, by their place in the path; -1: left out        */
    cs_super_mode mode;
    int direct;     /* the operator of CS_SUPER_DIRECT                                         */
    float residual; /* factor of the input in the result                                       */
    float *x;       /* result; of CS_SUPER_NOTHING the input                                   */
    float *own_min, *own_max, *x_min, *x_max; /* of the batch, per channel                     */
} cs_super_stage;

struct cs_supernet {
    cs_engine *engine;
    const cs_net_space *net_space;
    uint16_t classes;
    uint32_t max_batch;
    cs_bits_storage storage;
    cs_team team;
    int n_stages;
    cs_super_stage stage[CS_SUPER_STAGES];
    cs_super_op *ops;
    size_t n_ops;
    size_t n_params;
    float *params, *velocity;
    size_t fc_w, fc_b; /* offsets into the parameters                                          */
    cs_classifier classifier;
    size_t conv_scratch; /* floats a worker's convolutions need                                */
    int wide;            /* most channels a layer has                                          */
    void *state, *tensors;
    size_t state_size, tensors_size, state_bytes, tensor_bytes;

    cs_super_use use; /* of the current path                                                   */
    size_t n_grad, fc_grad;
    float *inside[2];  /* gradients inside an operator                                         */
    float *between[3]; /* and between stages                                                   */
    float *gated;      /* the part of one that passes an operator's last ReLU                  */
    bool recalibrated;
    cs_path recalibrated_path;
};

/* Offsets of a layer's parameters end here. */
static inline size_t cs_super_params(const cs_layer *layer)
{
    return layer->beta + (size_t)layer->conv.out_p - layer->w;
}
static inline cs_layer *cs_super_last(cs_super_op *op)
{
    return &op->layer[op->n_layers - 1];
}
/* Operator at place i of the path's stage, NULL: left out. */
static inline cs_super_op *cs_super_active(cs_super_stage *stage, int i)
{
    return stage->active[i] < 0 ? NULL : &stage->op[stage->active[i]];
}

/* Over the operators and bitwidths of a space, with the channels, strides and sizes of `plain`, of
 * whose blocks nothing else counts. space is borrowed. */
cs_status cs_super_new(cs_engine *engine, const cs_net_space *space, const cs_net *plain,
                       uint32_t max_batch, cs_bits_storage storage, uint64_t init_seed,
                       cs_supernet **out, cs_error *err);
/* CS_EUSAGE if the path is none of this supernet. */
cs_status cs_super_check_path(const cs_supernet *net, const cs_path *path);
cs_status cs_super_check_batch(const cs_supernet *net, const cs_batch *batch);
/* Makes the path the current one: what runs, memory, weights ready for use. */
cs_status cs_super_activate(cs_supernet *net, const cs_path *path, cs_super_use use);
/* Exchanges shared and recalibrated statistics of the current path's layers. */
void cs_super_swap(cs_supernet *net);

/* Logits of the current path. */
void cs_super_forward(cs_supernet *net, const float *x, size_t n, double momentum);
/* After forward and the loss gradient in classifier.dlogits: gradients of weights into part 0's
 * grad, where layer.grad says (uses WEIGHTS), or of coefficients into *grad (ARCH). */
void cs_super_back(cs_supernet *net, const float *x, size_t n, cs_ste rule, cs_path_grad *grad);

#endif
