/* Pieces that several search methods share: a policy over sequences of decisions (LSTM controller)
 * trained by REINFORCE, how far a design is outside the limits, and a memo of trained networks. */
#ifndef CS_SEARCH_H
#define CS_SEARCH_H

#include "cosearch/task.h"

/* ---- limits ---- */

/* How far metrics are outside the limits: the sum of log(value / limit) over broken maxima and of
 * log(limit / value) over broken minima; 0 exactly when nothing is broken. Logarithms, so that a
 * design twice over its DSPs counts the same at 64 and at 900. A quantity that is limited but not
 * a positive finite number counts 10. A capacity that overflows counts its log(need / capacity). */
double cs_limits_excess(const cs_limits *limits, const cs_hw_metrics *metrics);

/* ---- budgets ---- */

/* Part left of the budgets that training draws on, products and images, 1 to 0. Clocks are left
 * out: they would make a run depend on the machine. */
double cs_training_left(const cs_task *task);
/* Mean and largest price in MACs of evaluating designs drawn uniformly, at the task's fidelity:
 * 16 of them, from the stream "prices". */
void cs_price_sample(cs_task *task, double *mean, double *max);

/* ---- memo ---- */

/* Accuracies of networks already trained in this run. Two designs that differ only in the
 * accelerator (or in inactive decisions) are the same network and share one entry. */
typedef struct cs_memo cs_memo;
cs_status cs_memo_new(const cs_space *space, cs_memo **out); /* space must outlive the memo */
void cs_memo_free(cs_memo *memo);                            /* NULL is fine */
size_t cs_memo_size(const cs_memo *memo);
bool cs_memo_get(const cs_memo *memo, const cs_design *design, double *acc);
cs_status cs_memo_put(cs_memo *memo, const cs_design *design, double acc); /* replaces */
cs_status cs_memo_save(const cs_memo *memo, cs_sink *sink);
/* Into an empty memo of the same space. */
cs_status cs_memo_load(cs_memo *memo, cs_source *source);

/* ---- controller ---- */

/* Which choices decision i may take after the earlier ones: the half-open range
 * [*first, *end), not empty. choice[0..i) are decided. A decision with one allowed choice is
 * forced: it takes no step of the LSTM and contributes probability 1. */
typedef struct cs_mask {
    void *context;
    void (*allowed)(void *context, const uint16_t *choice, size_t i, uint16_t *first,
                    uint16_t *end);
} cs_mask;

/* The mask of a joint space: caps are kept, and decisions that do not matter for what is already
 * decided are forced to 0, so that a sequence is a canonical design. */
typedef struct cs_space_mask {
    const cs_space *space; /* borrowed */
    size_t first_bits, first_accelerator;
    bool active[CS_DECISIONS_MAX]; /* of the sequence being drawn */
} cs_space_mask;

void cs_space_mask_init(cs_space_mask *mask, const cs_space *space);
cs_mask cs_space_mask_of(cs_space_mask *mask); /* valid as long as *mask */

/* A policy over n decisions in order: one LSTM cell; the input of a step is the embedding of the
 * last decision that was not forced (one table per decision), the output a softmax over the
 * allowed choices (one head per decision). All products go through the engine, so the controller's
 * own work is charged to the search. */
typedef struct cs_controller cs_controller;

typedef struct cs_controller_shape {
    const uint16_t *n_choices; /* [n], each >= 1; copied */
    size_t n;
    int hidden, embedding; /* cells, width of an embedding */
} cs_controller_shape;

/* Embeddings uniform(-1, 1); cell and heads Glorot uniform; biases 0, forget gate 1. engine is
 * borrowed. */
cs_status cs_controller_new(cs_engine *engine, const cs_controller_shape *shape, cs_rng *init,
                            cs_controller **out);
void cs_controller_free(cs_controller *controller); /* NULL is fine */

/* Draws decisions fixed..n-1 given choice[0..fixed). *log_prob (may be NULL): of what was drawn. */
cs_status cs_controller_sample(cs_controller *controller, const cs_mask *mask, cs_rng *rng,
                               size_t fixed, uint16_t *choice, double *log_prob);
/* The same with the most probable choice at every step (ties: the lower index). */
cs_status cs_controller_greedy(cs_controller *controller, const cs_mask *mask, size_t fixed,
                               uint16_t *choice, double *log_prob);
/* Log-probability of choice[from..n) given choice[0..from). CS_EOUTSIDE if not allowed. */
cs_status cs_controller_log_prob(cs_controller *controller, const cs_mask *mask,
                                 const uint16_t *choice, size_t from, double *log_prob);

/* One term of the policy gradient. */
typedef struct cs_policy_term {
    size_t from;    /* decisions before it are given: they get no gradient of their own       */
    double weight;  /* (reward - baseline) / batch                                            */
    double gamma;   /* step t of T (both counted without forced steps) is weighted gamma^(T-t) */
    double entropy; /* coefficient of the mean entropy of the steps                           */
} cs_policy_term;

/* Adds d/dw [ weight * mean_t gamma^(T-t) log p(a_t | a_<t) + entropy * mean_t H_t ] to the
 * gradient, means over the T steps from `from` on. CS_EOUTSIDE if `choice` is not allowed. */
cs_status cs_controller_gradient(cs_controller *controller, const cs_mask *mask,
                                 const uint16_t *choice, const cs_policy_term *term);

/* Flat views for optimisers and tests: weights and gradient, `count` numbers each. */
size_t cs_controller_count(const cs_controller *controller);
float *cs_controller_weights(cs_controller *controller);
float *cs_controller_grad(cs_controller *controller);
cs_status cs_controller_save(const cs_controller *controller, cs_sink *sink);
/* Into a controller of the same shape. */
cs_status cs_controller_load(cs_controller *controller, cs_source *source);

/* ---- REINFORCE (Williams 1992) with a moving-average baseline ---- */

typedef enum cs_policy_optimizer { CS_POLICY_RMSPROP, CS_POLICY_ADAM } cs_policy_optimizer;

typedef struct cs_reinforce_options {
    cs_policy_optimizer optimizer; /* RMSProp: decay 0.9, mean square starts at 1, epsilon 1e-10
                                      (TensorFlow 1); Adam: 0.9, 0.999, 1e-8                    */
    double lr;
    double lr_decay;   /* factor applied every lr_steps updates; 1 = none */
    uint32_t lr_steps; /* >= 1 */
    double baseline;   /* b = baseline * b + (1 - baseline) * R; b starts at the first reward */
    double gamma, entropy;
    uint32_t batch; /* episodes per update, >= 1 */
} cs_reinforce_options;

typedef struct cs_reinforce cs_reinforce;
/* The controller is borrowed and must outlive the trainer. */
cs_status cs_reinforce_new(cs_controller *controller, const cs_reinforce_options *options,
                           cs_reinforce **out);
void cs_reinforce_free(cs_reinforce *trainer); /* NULL is fine */

/* One episode: updates the baseline with the reward, adds the gradient with (reward - baseline)
 * of the decisions from `from` on, and steps the optimiser once `batch` episodes are in. */
cs_status cs_reinforce_episode(cs_reinforce *trainer, const cs_mask *mask, const uint16_t *choice,
                               size_t from, double reward);
double cs_reinforce_baseline(const cs_reinforce *trainer); /* 0 before the first episode */
uint64_t cs_reinforce_updates(const cs_reinforce *trainer);
cs_status cs_reinforce_save(const cs_reinforce *trainer, cs_sink *sink);
cs_status cs_reinforce_load(cs_reinforce *trainer, cs_source *source);

#endif
