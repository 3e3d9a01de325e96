/* Slow and obvious versions of every operator, in double precision: what the kernels are held
 * against, and what a reader may start with. Activations are [n][h][w][c] without padding, weights
 * [o][i/groups][k][k]. */
#ifndef CS_NN_REFERENCE_H
#define CS_NN_REFERENCE_H

#include "nn/netspec.h"

typedef struct cs_ref_shape {
    int n, cin, cout, k, s, groups, h, w, oh, ow;
} cs_ref_shape;

cs_ref_shape cs_ref_shape_of(int n, int cin, int cout, int k, int s, int groups, int h, int w);
void cs_ref_product(int m, int n, int k, const double *a, const double *b, double *c);
void cs_ref_conv(const cs_ref_shape *c, const double *x, const double *w, double *y);
/* dx and dw are overwritten. */
void cs_ref_conv_back(const cs_ref_shape *c, const double *x, const double *w, const double *dy,
                      double *dx, double *dw);
/* Batch statistics, eps 1e-5; mean and inv [c] are written for the backward pass. */
void cs_ref_bn(size_t rows, int c, const double *z, const double *gamma, const double *beta,
               double *mean, double *inv, double *y);
void cs_ref_bn_back(size_t rows, int c, const double *z, const double *gamma, const double *mean,
                    const double *inv, const double *dy, double *dz, double *dgamma, double *dbeta);
/* n values with one range: y and, if pass is not NULL, 1 where the clamp rule passes a gradient. */
void cs_ref_quant(size_t n, const double *x, int bits, double *y, double *pass);
/* y[.., j*g + i] = x[.., i*(c/g) + j]: the channels of g groups interleaved. */
void cs_ref_shuffle(size_t rows, int c, int groups, const double *x, double *y);
void cs_ref_shuffle_back(size_t rows, int c, int groups, const double *dy, double *dx);
/* Mean loss of softmax cross-entropy with label smoothing, and its gradient. */
double cs_ref_cross_entropy(int n, int classes, const double *logits, const int32_t *label,
                            double smoothing, double *dlogits);

/* A whole network, op by op. */
typedef struct cs_ref_layer {
    cs_ref_shape shape;
    int bits;
    bool relu, shuffle;
    double *w, *gamma, *beta, *dw, *dgamma, *dbeta; /* parameters and gradients           */
    double *in, *q_in, *pass_in, *q_w, *pass_w;     /* input, quantised, straight-through */
    double *z, *y, *mean, *inv;
} cs_ref_layer;

typedef struct cs_ref_net {
    cs_net_spec spec;
    int n, n_layers;
    cs_ref_layer layer[CS_STAGE_CONVS * (CS_BLOCKS_MAX + 2)];
    double *fc_w, *fc_b, *dfc_w, *dfc_b; /* [features][classes], [classes]                     */
    double *pooled, *logits, *dlogits;
    int features;
} cs_ref_net;

/* Parameters 0, memory of its own; CS_ENOMEM. */
cs_status cs_ref_net_new(const cs_net_spec *spec, int n, cs_ref_net **out);
void cs_ref_net_free(cs_ref_net *net);
/* Training mode: loss, and gradients of all parameters. */
double cs_ref_net_step(cs_ref_net *net, const double *x, const int32_t *label, double smoothing);

#endif
