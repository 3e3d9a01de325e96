/* Continuous relaxation of discrete decisions: logits, Gumbel-softmax samples, K-active
 * straight-through estimates, and the accelerator search that is built on them.
 *
 * Sources: Jang et al. 2017 and Maddison et al. 2017 (Gumbel-softmax); Cai et al. 2019
 * (ProxylessNAS: rescaling of logits); Fu et al. 2021 (Auto-NBA: heterogeneous sampling, hard
 * sampling of every accelerator parameter). */
#ifndef CS_RELAX_H
#define CS_RELAX_H

#include "cosearch/nn.h"
#include "cosearch/task.h"

/* ---- logits ---- */

/* A ragged table of logits, one row per decision, with gradient and Adam state of the same shape.
 * Row r holds value[offset[r]] .. value[offset[r] + n[r]). All arrays are owned by the table. */
typedef struct cs_logits {
    size_t rows, count;
    uint16_t *n;
    size_t *offset;
    float *value, *grad, *m, *v;
    uint64_t *steps; /* Adam steps of each row */
} cs_logits;

/* Every logit starts at init (published: 1e-3), gradients and Adam state at 0. n is copied, every
 * n[r] >= 1. CS_EUSAGE for an empty table or row. */
cs_status cs_logits_new(const uint16_t *n, size_t rows, float init, cs_logits **out);
void cs_logits_free(cs_logits *logits); /* NULL is fine */
void cs_logits_zero_grad(cs_logits *logits);
/* One Adam step with the gradient, of every row, of one, or of those marked. A row counts its own
 * steps: one that is left alone neither drifts with stale momentum nor loses its bias correction.
 */
void cs_logits_adam(cs_logits *logits, const cs_adam *adam);
void cs_logits_adam_row(cs_logits *logits, const cs_adam *adam, size_t row);
void cs_logits_adam_rows(cs_logits *logits, const cs_adam *adam, const bool *row); /* [rows] */
uint16_t cs_logits_argmax(const cs_logits *logits, size_t row); /* ties: the lower index */
/* Entropy of softmax(row) divided by log(n): 1 uniform, 0 decided; 0 for rows of one. */
double cs_logits_entropy(const cs_logits *logits, size_t row);
double cs_logits_mean_entropy(const cs_logits *logits); /* over rows with n > 1 */
/* Values and Adam state; the gradient is not kept and is 0 after loading. CS_EFORMAT if the table
 * stored has another shape or a value that is not finite; the table is then as it was. */
cs_status cs_logits_save(const cs_logits *logits, cs_sink *sink);
cs_status cs_logits_load(cs_logits *logits, cs_source *source);

/* Records the probability of every operator of every block as alpha.bNN.OPERATOR: row b of alpha
 * is block b, its entries are the space's operators. */
void cs_observe_ops(cs_task *task, const cs_logits *alpha);

/* y[n] = softmax((log softmax(logit) + g) / tau), g Gumbel(0, 1), one draw per entry in order; in
 * double, stable for any finite logits and tau > 0. rng NULL: no noise. */
void cs_gumbel_softmax(const float *logit, size_t n, double tau, cs_rng *rng, double *y);
/* Gradient of a soft mixture: adds to grad the sum over j of coef_grad[j] * dy[j]/dlogit, y a
 * sample of cs_gumbel_softmax at tau; dy[j]/dlogit[i] = y[j] * ((i == j) - y[i]) / tau. */
void cs_gumbel_softmax_back(const double *y, size_t n, double tau, const double *coef_grad,
                            float *grad);
/* The k largest entries of y in falling order (ties: the lower index). */
void cs_top_k(const double *y, size_t n, size_t k, uint16_t *index);
/* p[k] = softmax over the raw logits of the active entries index[0..k): the K-path proxy of
 * Auto-NBA. */
void cs_softmax_active(const float *logit, const uint16_t *index, size_t k, double *p);
/* Straight-through gradient of the proxy: adds to grad[index[i]] the sum over j of
 * coef_grad[j] * dp[j]/dlogit[index[i]], coef_grad[j] = dL/d(coefficient of path j). */
void cs_softmax_active_back(const uint16_t *index, size_t k, const double *p,
                            const double *coef_grad, float *grad);
/* Adds one constant to the active entries of a row so that the sum of exp over them is what it was
 * in `before` (the row before the step): the probability mass of the inactive ones is unchanged. */
void cs_logits_rescale(float *row, const float *before, const uint16_t *index, size_t k);

/* ---- accelerator search ---- */

/* How the accelerator of one given network is searched. */
typedef enum cs_accel_kind {
    CS_ACCEL_GRADIENT, /* hard Gumbel samples; gradient of the log cost against moving means, with
                          credit per sub-accelerator and prices on resources: ours */
    CS_ACCEL_RELEASED, /* as the authors' code: raw bottleneck time, product of straight-through
                          factors, Adam at 1e-7, infeasible samples discarded */
    CS_ACCEL_RANDOM,   /* uniform samples */
    CS_ACCEL_EXACT     /* the model's exact solver; CS_EUSAGE if it has none or for another goal
                          than its objective (interval or EDP) */
} cs_accel_kind;

/* What is minimised. */
typedef enum cs_accel_goal {
    CS_ACCEL_INTERVAL, /* seconds between two images (throughput of the pipeline) */
    CS_ACCEL_LATENCY,
    CS_ACCEL_ENERGY,
    CS_ACCEL_EDP
} cs_accel_goal;

typedef struct cs_accel_options {
    cs_accel_kind kind;
    cs_accel_goal goal;
    cs_adam adam;    /* of the logits */
    double tau;      /* temperature of the samples, > 0 */
    double baseline; /* decay of the moving means that a sample is compared with, 0 to below 1 */
    double focus;    /* exponent of the pipeline's bottleneck: a stage counts as cycles^focus */
    double travel; /* how far a logit can move in a call, see cs_accel_search; 0: adam.lr is used */
    double price;  /* what a resource's price rises per sample that needs twice the limit */
    double penalty; /* weight of the excess over all other limits (cs_limits_excess) */
    double spread;  /* logits of a decision stay this close to its largest: it keeps exploring */
} cs_accel_options;
/* Defaults of a kind; the released one has the authors' values. Only CS_ACCEL_GRADIENT reads what
 * comes after tau. */
cs_accel_options cs_accel_defaults(cs_accel_kind kind, cs_accel_goal goal);

/* Cost of a design, with the breakdown per sub-accelerator. A method passes cs_hw_detail. */
typedef cs_status (*cs_accel_cost)(void *context, const cs_design *design, cs_hw_report *report);

/* The engine: logits of every accelerator decision of a space, kept across calls (warm start). */
typedef struct cs_accel cs_accel;
cs_status cs_accel_new(const cs_space *space, const cs_limits *limits,
                       const cs_accel_options *options, cs_accel **out); /* borrows space */
void cs_accel_free(cs_accel *engine);                                    /* NULL is fine */

typedef struct cs_accel_result {
    double cost;      /* cs_accel_cost_of the design returned */
    bool feasible;    /* does it meet the limits */
    uint64_t samples; /* cost queries of this call; if 0, cost is NaN */
    cs_hw_metrics hw; /* of the design returned */
} cs_accel_result;

/* Watches a search: called after every sample with the best feasible cost so far (+Inf: none). */
typedef void (*cs_accel_watch)(void *context, uint64_t sample, double cost, double best);

/* Searches the accelerator of `inout`'s network with `samples` (at least 1) cost queries and leaves
 * the best feasible sample of this call in it (the given accelerator is the first sample if
 * `keep`), or the one nearest to the limits if none is feasible. watch may be NULL.
 * The learning rate is travel over all samples the engine has drawn by the end of the call, within
 * 0.01 and 0.05: few samples have to move fast, many can listen longer, a warm engine goes gently.
 * Decisions without an order (a compute mode) go at half of it.
 * CS_ACCEL_EXACT makes one query, of the optimum; if no accelerator meets the limits, of the one
 * given. Any status of the cost callback but CS_OK ends the search and is returned (CS_STOP: the
 * budget is spent); *inout and *out then hold the best so far. CS_EOUTSIDE: not in the space. */
cs_status cs_accel_search(cs_accel *engine, cs_design *inout, bool keep, uint64_t samples,
                          cs_rng *rng, cs_accel_cost cost, void *cost_context, cs_accel_watch watch,
                          void *watch_context, cs_accel_result *out);
/* The goal's value: seconds, joules or joule seconds. */
double cs_accel_cost_of(cs_accel_goal goal, const cs_hw_metrics *metrics);
/* Mean entropy of the decisions that matter for the network of the last search: 1 as at the start,
 * 0 decided. */
double cs_accel_entropy(const cs_accel *engine);
/* The most probable accelerator for the network of `inout`; decisions that do not matter are 0. */
void cs_accel_argmax(const cs_accel *engine, cs_design *inout);
/* What outlives a call: logits, their Adam state, prices, samples drawn. Load: as cs_logits_load.
 */
cs_status cs_accel_save(const cs_accel *engine, cs_sink *sink);
cs_status cs_accel_load(cs_accel *engine, cs_source *source);

#endif
