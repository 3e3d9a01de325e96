/* One convolution: shape, weights as the kernels want them, forward and backward over a range of
 * images. Padding is k/2 on every side, no bias.
 *
 * Three ways to compute it:
 *   pointwise  1x1, stride 1: a product over pixels, input finished tile by tile;
 *   depthwise  groups = channels, k 3 or 5, stride 1 or 2: own kernels;
 *   general    anything else: a row of outputs is a product per kernel row, read from a padded copy
 *              of the image.
 * Weights: pointwise and general [k*k*cin][cout_p], row (ky*k + kx)*cin + i; depthwise [k*k][c_p].
 * A grouped convolution of the first two kinds has zeros where input and output belong to different
 * groups; they are not counted as multiply-accumulates. */
#ifndef CS_NN_CONVOP_H
#define CS_NN_CONVOP_H

#include "nn/engine.h"
#include "nn/kernels.h"
#include "nn/quant.h"

typedef enum cs_convop_kind {
    CS_CONVOP_POINTWISE,
    CS_CONVOP_DEPTHWISE,
    CS_CONVOP_GENERAL
} cs_convop_kind;

typedef struct cs_convop {
    cs_convop_kind kind;
    int cin, cout, k, s, groups;
    int h, w, oh, ow;
    int in_p, out_p; /* floats from pixel to pixel of input and output                        */
    int rows;        /* rows of the weight matrix; its columns are out_p                      */
    int rows_p;
    bool shuffle;  /* output channels are stored in shuffled order (ShuffleNet)             */
    int tile;      /* pixels a tile                                                         */
    uint64_t macs; /* of one image and one pass                                             */
} cs_convop;

/* in_p = 0: padded channels. shuffle: groups > 1 and the next layer reads shuffled channels. */
void cs_convop_shape(cs_convop *conv, int cin, int cout, int k, int s, int groups, int h, int w,
                     int in_p, bool shuffle);
static inline size_t cs_convop_weights(const cs_convop *conv)
{
    return (size_t)conv->rows * (size_t)conv->out_p;
}
/* Floats of an image. */
static inline size_t cs_convop_in_size(const cs_convop *c)
{
    return (size_t)c->h * (size_t)c->w * (size_t)c->in_p;
}
static inline size_t cs_convop_out_size(const cs_convop *c)
{
    return (size_t)c->oh * (size_t)c->ow * (size_t)c->out_p;
}
/* Where output channel o lies in a pixel. */
int cs_convop_position(const cs_convop *conv, int o);
/* Index of weight (o, i, ky, kx), i counted within the group. */
size_t cs_convop_weight_at(const cs_convop *conv, int o, int i, int ky, int kx);
/* Whether row and column of the weight matrix belong together; false: a structural zero. */
bool cs_convop_connected(const cs_convop *conv, int row, int column);
/* Floats of scratch a worker needs for forward and backward. */
size_t cs_convop_scratch(const cs_convop *conv);

/* Weights ready for use: quantised per output channel, and transposed for the input gradient. */
typedef struct cs_weights {
    float *q;        /* as the kernels read them; equal to the stored ones if not quantised   */
    float *t;        /* [cout_p][rows_p] transposed, or NULL                                  */
    cs_quant *quant; /* [out_p], of a mixture [n][out_p]                                      */
} cs_weights;
void cs_convop_prepare(const cs_convop *conv, const float *w, int bits, cs_weights *out);
/* The mixture sum_j p[j] * Q_j(w) of n bitwidths; out->quant is [n][out_p] then. copies: the n
 * quantised weights one after the other, or NULL. */
void cs_convop_prepare_mix(const cs_convop *conv, const float *w, int n, const int *bits,
                           const float *p, float *copies, cs_weights *out);
/* dots[j] += sum of dw * Q_j(w) for n bitwidths; Q_j(w) from copies if not NULL (see above). dw has
 * zeros between groups. */
void cs_convop_mix_dots(const cs_convop *conv, const float *w, int n, const int *bits,
                        const float *copies, const float *dw, double *dots);
/* Gradient of the stored weights from that of the used ones: straight-through rule, zeros between
 * groups. */
void cs_convop_weight_gradient(const cs_convop *conv, const float *w, const cs_weights *weights,
                               cs_ste rule, float *dw);

/* What one thread works with. */
typedef struct cs_worker {
    const cs_kernels *kernels;
    float *scratch;
    uint64_t macs;
} cs_worker;

/* y = conv(finish(x)) of `images` images; finish NULL: x as it is. */
void cs_convop_forward(cs_worker *worker, const cs_convop *conv, size_t images, const float *x,
                       const cs_finish *finish, const float *w, float *y, const cs_stats *stats);
/* What happens to the gradient of the input on its way out: where finish passes it, plus `add`,
 * then where `then` passes it, which is what the input was stored after (see cs_gate). */
typedef struct cs_input_gradient {
    float *to;             /* NULL: not wanted                                               */
    const float *add;      /* NULL: nothing                                                  */
    bool positive;         /* x is the result of a ReLU: only where it is above 0             */
    const cs_finish *then; /* NULL: there is none                                            */
    const float *z;
    const cs_stats *stats;  /* NULL: sums not wanted                                          */
    cs_ste rule;            /* CLAMP: finish says where it passes; IDENTITY: inner does        */
    const cs_finish *inner; /* finish without its quantiser; NULL: passes everywhere           */
} cs_input_gradient;

/* dw += gradient of the weights (NULL: not wanted); the gradient of x goes where `in` says. A
 * depthwise convolution has neither add nor then. */
void cs_convop_back(cs_worker *worker, const cs_convop *conv, size_t images, const cs_dz *dz,
                    const float *x, const cs_finish *finish, const cs_weights *weights, float *dw,
                    const cs_input_gradient *in);

#endif
