/* Gaussian process: its parts, shared by gp*.c. */
#ifndef CS_SEARCH_GP_PARTS_H
#define CS_SEARCH_GP_PARTS_H

#include "cosearch/gp.h"

enum { GP_VARIANCE, GP_NOISE, GP_BIAS, GP_LENGTH = GP_BIAS };

struct cs_gp {
    cs_engine *engine;
    cs_gp_options options;
    size_t d, n, cap; /* features, points, row stride of the matrices */
    size_t n_params;
    double *theta;
    double *shift, *scale; /* [d] x' = (x - shift) * scale; scale 0: constant */
    double y_shift, y_scale;
    double *x, *y;    /* [cap * d], [cap] standardised */
    double *u, *norm; /* [cap * d], [cap] features over length scales, and their squares summed */
    double *factor;   /* [cap * cap] lower */
    double *inverse;  /* [cap * cap] of the factor; only if `inverted` */
    double *alpha;    /* [cap] K^-1 y */
    bool inverted;
    double jitter;
};

/* u[m * d] = x over the length scales of theta (x itself if linear); norm[m]: squares summed. */
void gp_scale(const cs_gp *gp, const double *theta, const double *x, size_t m, double *u,
              double *norm);
/* k[m x n] = covariance of rows a and b, both scaled; without noise. */
void gp_covariance(const cs_gp *gp, const double *theta, const double *a, const double *a_norm,
                   size_t m, const double *b, const double *b_norm, size_t n, double *k,
                   size_t ldk);
/* The same of all points with themselves, lower triangle and diagonal only. slope (may be NULL)
 * gets -2 dk/d(squared scaled distance), by which length scales act. */
void gp_covariance_self(const cs_gp *gp, const double *theta, const double *u, const double *norm,
                        double *k, double *slope, size_t ldk);
/* Covariance of a scaled point with itself. */
double gp_variance(const cs_gp *gp, const double *theta, double norm);
/* Covariance of all points with noise, factored; as little jitter on the diagonal as it takes, from
 * 0 up to 1e-4 of its mean. CS_ENUMERIC if even that is not enough. */
cs_status gp_factor(const cs_gp *gp, const double *theta, const double *u, const double *norm,
                    double *k, double *slope, size_t ldk, double *jitter);

#endif
