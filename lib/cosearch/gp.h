/* Gaussian process regression: a surrogate with uncertainty for Bayesian optimisation.
 *
 * Features are shifted and scaled to mean 0 and variance 1 over the data given (a constant feature
 * becomes 0), targets too if asked for; everything below is stated in those units except what goes
 * in and out: features, targets, predictions. Minimisation throughout.
 *
 * Source: Rasmussen, Williams 2006, chapters 2, 4 and 5 (equations 2.23-2.30, 4.17, 5.8, 5.9). */
#ifndef CS_GP_H
#define CS_GP_H

#include "cosearch/nn.h"
#include "cosearch/rng.h"

/* Covariances; v: variance, l: length scales, b: variance of the bias. */
typedef enum cs_gp_kernel {
    CS_GP_LINEAR,   /* v * x.x' + b: Bayesian linear regression                    */
    CS_GP_MATERN52, /* v * (1 + r + r^2 / 3) exp(-r), r^2 = 5 sum ((x - x') / l)^2 */
    CS_GP_RBF       /* v * exp(-1/2 sum ((x - x') / l)^2)                          */
} cs_gp_kernel;

typedef struct cs_gp_options {
    cs_gp_kernel kernel;
    bool ard;         /* a length scale per feature; otherwise one (no meaning if linear) */
    bool standardise; /* targets; false for labels                                       */
} cs_gp_options;

typedef struct cs_gp cs_gp;
/* features >= 1. Products are counted by the engine, which is borrowed. */
cs_status cs_gp_new(cs_engine *engine, size_t features, const cs_gp_options *options, cs_gp **out);
void cs_gp_free(cs_gp *gp);           /* NULL is fine */
size_t cs_gp_size(const cs_gp *gp);   /* points */
double cs_gp_best(const cs_gp *gp);   /* smallest target; +Inf without points */
double cs_gp_jitter(const cs_gp *gp); /* added to the diagonal for the last factor, beside noise */

/* Replaces the data: x [n * features] row by row, y [n], n >= 1, all finite (else CS_ENUMERIC).
 * Standardises anew and factors the covariance with the present hyper-parameters. CS_ENUMERIC too
 * if there is no factor even with jitter; the process is then empty, here and below. */
cs_status cs_gp_set_data(cs_gp *gp, const double *x, const double *y, size_t n);
/* Adds a point in O(n^2), without standardising anew. */
cs_status cs_gp_append(cs_gp *gp, const double *x, double y);

/* Hyper-parameters as logarithms: [0] v, [1] noise variance, then [2] b (linear) or the length
 * scales, one or one per feature. They start at v 1, noise 1e-4, b 1, l sqrt(features). */
size_t cs_gp_params(const cs_gp *gp);
const double *cs_gp_theta(const cs_gp *gp);
/* Sets all of them and factors anew if there is data. */
cs_status cs_gp_set_theta(cs_gp *gp, const double *theta);
/* Log marginal likelihood of the standardised targets at theta, and its gradient [params] unless
 * NULL: one product of n x n by n x features beside the factor. The process is not changed. */
cs_status cs_gp_likelihood(cs_gp *gp, const double *theta, double *value, double *gradient);
/* Sets the hyper-parameters that maximise the likelihood within bounds (v and b 1e-3..1e3, noise
 * 1e-6..1, l 0.05..100 times sqrt(features)): L-BFGS from the present ones and from `starts` random
 * ones, at most `steps` likelihoods each. Needs data. */
cs_status cs_gp_optimise(cs_gp *gp, size_t starts, size_t steps, cs_rng *rng);
/* Sets one length scale for all features: the median distance of the points (the common choice for
 * a classifier with few labels). Nothing happens with fewer than two distinct points. */
cs_status cs_gp_median_length(cs_gp *gp);

/* Posterior mean and standard deviation of the function (without noise) at x [m * features]. The
 * factor is inverted at the first call and kept up to date by cs_gp_append. */
cs_status cs_gp_predict(cs_gp *gp, const double *x, size_t m, double *mean, double *sd);

/* Expected improvement over `best`, E max(best - f, 0): larger is better. */
double cs_gp_ei(double mean, double sd, double best);
/* Lower confidence bound mean - kappa * sd: smaller is better. */
double cs_gp_lcb(double mean, double sd, double kappa);
/* Probability of the label +1 after regression on labels +1 and -1: Phi(mean / sqrt(1 + sd^2)). */
double cs_gp_probability(double mean, double sd);

#endif
