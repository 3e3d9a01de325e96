/* A convolution and the batch norm of its output as a graph runs them: what models and supernets
 * are made of. Raw convolution outputs are what is stored; batch norm, ReLU and quantiser are
 * applied while the next convolution loads its input and recomputed in the backward pass. Every
 * thread works on its own images; sums are reduced in a fixed order. */
#ifndef CS_NN_LAYER_H
#define CS_NN_LAYER_H

#include "cosearch/rng.h"
#include "nn/arena.h"
#include "nn/bn.h"
#include "nn/convop.h"

/* Several bitwidths at once: t = sum_j p[j] * Q_j(t), of weights and input. */
typedef struct cs_layer_mix {
    int n; /* 0: a single bitwidth */
    int bits[CS_MIX_MAX];
    float p[CS_MIX_MAX];
} cs_layer_mix;

typedef struct cs_layer {
    cs_convop conv;
    int bits;              /* of a forward pass with one bitwidth                               */
    size_t w, gamma, beta; /* offsets into the parameters                                       */
    size_t grad;           /* where the gradient of w begins; the others as far behind it as
                              in the parameters                                                 */
    float *z;              /* raw output [n][oh][ow][out_p]                                     */
    cs_weights weights;
    cs_bn bn;
    float *z_min, *z_max; /* of the batch, per channel                                          */
    double *sum, *square; /* of z forward, of g and g*z backward                                */
    float *c1, *c2, *c3;  /* dz = c1*g + c2*z + c3                                              */
    float *in_s, *in_t;
    cs_finish in;   /* what is done to the input on loading                                     */
    bool finishes;  /* false: the input is read as it is                                        */
    cs_finish out;  /* batch norm and ReLU of the output                                        */
    cs_range range; /* running range of the input                                               */
    const float *result; /* of the ReLU after the sum this layer's output is part of, which the
                            gradient has to pass; NULL: there is none                           */

    cs_layer_mix mix; /* bitwidths that a gradient is wanted of, or that make the input          */
    bool mixes;       /* weights and input are a mixture                                         */
    cs_mix in_mix;    /* of the batch                                                            */
    bool flat;        /* the input holds one value only: it is its own code at every bitwidth    */
    float *copies;    /* [mix.n][n][h][w][in_p] kept from forward to backward, or NULL           */
    float *weight_copies; /* [mix.n][weights], or NULL */
} cs_layer;

/* What one thread owns. */
typedef struct cs_part {
    cs_worker worker;
    float *grad;  /* gradients of its images; part 0's become the whole                         */
    float *mixed; /* finished input of a few images, CS_MIXED_FLOATS or one image               */
    double *sum, *square;
    float *min, *max;
    double dots[CS_MIX_MAX];
} cs_part;

typedef struct cs_team {
    cs_engine *engine;
    cs_part *part;
    int n;
    float *ones, *zeros; /* as many as the widest layer has channels                            */
} cs_team;

/* Runs work for every part on its share of n images, then collects the MACs. The shares depend on
 * the number of parts only, not on how many threads the system grants. */
typedef void (*cs_part_work)(cs_part *part, size_t first, size_t count, const void *arg);
void cs_team_run(const cs_team *team, size_t n, cs_part_work work, const void *arg);

/* Memory of its own but for weights and z: coefficients per channel. */
void cs_layer_take(cs_arena *arena, cs_layer *layer);
/* One part: sums over `wide` channels, scratch of `scratch` floats. */
void cs_part_take(cs_arena *arena, cs_part *part, size_t wide, size_t scratch);
/* Points batch norm at its parameters, with or without ReLU after it. */
void cs_layer_point(cs_layer *layer, const float *params, bool relu);

/* Weights Kaiming normal, fan out: variance 2 / (k * k * cout); gamma 1. The rest must be 0. */
void cs_layer_init(const cs_layer *layer, float *params, cs_rng *rng);

#define CS_MIXED_FLOATS ((size_t)1 << 16)
static inline size_t cs_layer_mixed_floats(const cs_layer *layer)
{
    const size_t in = cs_convop_in_size(&layer->conv);
    return in > CS_MIXED_FLOATS ? in : CS_MIXED_FLOATS;
}

/* The input is a mixture that the convolution cannot make on loading: it is made before, in pieces.
 */
static inline bool cs_layer_premixes(const cs_layer *layer)
{
    return layer->mixes && !layer->flat && !layer->in.mix;
}

/* Statistics of a pass. */
typedef struct cs_pass {
    bool train;      /* those of the batch, else the running ones                               */
    double momentum; /* weight of the batch in the running ones; 0: they stay                   */
} cs_pass;

/* Range of the finished output of a layer in this batch. */
void cs_layer_span(const cs_layer *from, float *lo, float *hi);
/* Range of a tensor from those of its channels, padding left out. */
void cs_span(const float *min, const float *max, int channels, float *lo, float *hi);

/* z of n images from x, whose range in this batch is lo..hi (read while training only). `from` is
 * the layer that wrote x raw, NULL if x is stored finished. */
void cs_layer_forward(const cs_team *team, cs_layer *layer, const cs_layer *from, const float *x,
                      size_t n, float lo, float hi, const cs_pass *pass);

/* Result of a chain: out = scale * finish(z) (+ add), scale >= 0, and a ReLU after that if relu;
 * range per channel into min and max if not NULL. add may be out. */
typedef struct cs_join {
    const cs_layer *last;
    float scale;
    const float *add;
    bool relu;
    float *out, *min, *max;
} cs_join;
void cs_layer_join(const cs_team *team, const cs_join *join, size_t n);

/* Backward pass of one layer. Sums of g and g*z have to be in layer->sum and square; those of the
 * gradient that goes out get into `from`, or into `then` if there is no `from`. */
typedef struct cs_back {
    const float *g;   /* gradient of the finished output, where it passes                   */
    float scale;      /* times this                                                          */
    const float *x;   /* input                                                               */
    cs_layer *from;   /* that wrote x raw, or NULL                                           */
    float *gin;       /* gradient of the input; NULL: not wanted                             */
    const float *add; /* added to it                                                         */
    cs_layer *then;   /* x is its stored result: the gradient is gated by its ReLU            */
    cs_ste rule;
    bool weights; /* gradients of weights and batch norm wanted                                  */
    double *dots; /* += <gradient of the input, Q_j(input)>; NULL: not wanted                    */
} cs_back;
void cs_layer_back(const cs_team *team, cs_layer *layer, const cs_back *back, size_t n);

/* The gradient of a result, in place, as that of the last batch norm: through its ReLU, with the
 * sums. out may be g. */
void cs_layer_gate(const cs_team *team, cs_layer *last, const float *g, float *out, size_t n);

/* Adds up the parts' gradients [count], always in the same order, a share of them a thread. */
void cs_team_reduce(const cs_team *team, size_t count);
/* Sets the parts' gradients to 0. */
void cs_team_clear(const cs_team *team, size_t count);

#endif
