/* Private parts of autonba: differentiable search over networks and bitwidths on shared weights,
 * with the accelerator searched beside it (Auto-NBA, Fu et al. 2021). "Specs" below are the
 * equations as the README of this folder states them. */
#ifndef AUTONBA_H
#define AUTONBA_H

#include "cosearch/method.h"
#include "cosearch/relax.h"
#include "cosearch/search.h"
#include "cosearch/supernet.h"

extern const cs_param autonba_params[];

/* How operators (and bitwidths) are drawn and through what their logits get a gradient. */
enum {
    AUTONBA_HETERO,     /* one path forward, K active paths backward: softmax of their raw logits */
    AUTONBA_SOFT,       /* every path, weighted by its Gumbel-softmax sample                     */
    AUTONBA_HARD,       /* the K best paths, each with factor 1                                  */
    AUTONBA_FAKE_HARD,  /* one path forward; the K best backward, by their Gumbel samples        */
    AUTONBA_RANDOM_HARD /* the same with K - 1 paths drawn at random                             */
};
enum { AUTONBA_LOSS_BOTTLENECK, AUTONBA_LOSS_SUM };

/* Declared parameters, read once. */
typedef struct autonba_settings {
    int sampling; /* AUTONBA_* */
    bool hetero_bits, bilevel;
    uint32_t k_ops, k_bits;
    cs_bits_storage storage;
    double epochs, pretrain, reserve;
    double tau_start, tau_end;
    double lr_end;
    cs_supernet_sgd sgd;
    cs_adam arch;       /* lr 0: arch_travel over the steps there are */
    double arch_travel; /* sum of the learning rates of all architecture steps */
    cs_accel_kind hw_engine;
    int hw_loss; /* AUTONBA_LOSS_* */
    bool hw_frozen;
    double hw_period, hw_samples, hw_final, hw_baseline;
    double lambda, lambda_sum, lambda_factor, lambda_margin;
    uint32_t recalibrate, candidates;
} autonba_settings;

autonba_settings autonba_settings_read(const cs_task *task);

/* ---- what is drawn (autonba_path.c) ---- */

typedef enum autonba_stage { AUTONBA_WEIGHTS, AUTONBA_ARCH } autonba_stage;

/* The active operators of a block and the active bitwidths of each, best first. */
typedef struct autonba_choice {
    uint16_t n_ops, n_bits;
    uint16_t op[CS_PATH_OPS_MAX];
    uint16_t bits[CS_PATH_OPS_MAX][CS_PATH_BITS_MAX];
    double p[CS_PATH_OPS_MAX];                   /* probability of the active operators   */
    double q[CS_PATH_OPS_MAX][CS_PATH_BITS_MAX]; /* and of the active bitwidths of each    */
    double y[CS_PATH_OPS_MAX];                   /* Gumbel-softmax sample of the whole row */
    double z[CS_PATH_OPS_MAX][CS_PATH_BITS_MAX]; /* and of the bitwidths of op[i]          */
} autonba_choice;

typedef struct autonba_draw {
    double tau;
    autonba_choice block[CS_BLOCKS_MAX];
    cs_path path;
} autonba_draw;

/* Logits of operators, one row per block, and of bitwidths, one row per block and operator: row
 * block * n_ops + op. */
typedef struct autonba_logits {
    size_t n_blocks, n_ops, n_bits;
    cs_logits *alpha, *beta;
} autonba_logits;

cs_status autonba_logits_new(const cs_space *space, autonba_logits *out);
void autonba_logits_free(autonba_logits *logits);

/* One Gumbel draw per block and per active operator: the path of a weight or architecture step. */
void autonba_draw_path(const autonba_settings *settings, const autonba_logits *logits, double tau,
                       autonba_stage stage, cs_rng *rng, autonba_draw *out);
/* Adds the gradient of the loss, given that with respect to the coefficients of draw->path. */
void autonba_add_gradient(const autonba_settings *settings, const autonba_draw *draw,
                          const cs_path_grad *grad, autonba_logits *logits);
/* Adam on the rows that got a gradient, then rescaling over the entries that were active. */
void autonba_update(const autonba_settings *settings, const autonba_draw *draw, double lr,
                    autonba_logits *logits);

/* Operators and bitwidths of the best-ranked path of a draw, or of the most probable network. The
 * accelerator of *out is left alone. */
void autonba_draw_design(const cs_space *space, const autonba_draw *draw, cs_design *out);
void autonba_argmax_design(const cs_space *space, const autonba_logits *logits, cs_design *out);
/* A network drawn from softmax(logits / flatness). */
void autonba_sample_design(const cs_space *space, const autonba_logits *logits, double flatness,
                           cs_rng *rng, cs_design *out);

/* ---- hardware (autonba_hw.c) ---- */

/* What the limits ask to be small. */
cs_accel_goal autonba_goal(const cs_limits *limits);
/* d log(cost) / d log(factor of block l's layers): what each block has to do with the goal's value.
 * Sums to at most 1 (EDP: 2); blocks off the bottleneck have 0. */
void autonba_shares(const cs_hw_report *report, cs_accel_goal goal, size_t n_blocks, double *share);
/* Cycles of each block's layers: the released loss. */
void autonba_block_cycles(const cs_hw_report *report, size_t n_blocks, double *cycles);

/* Moving averages of what is charged, so that a cheap choice is encouraged as an expensive one is
 * discouraged. decay 0: none (as released). */
typedef struct autonba_baseline {
    double block[CS_BLOCKS_MAX];
    double op[CS_BLOCKS_MAX][CS_PATH_OPS_MAX];
    bool block_seen[CS_BLOCKS_MAX], op_seen[CS_BLOCKS_MAX][CS_PATH_OPS_MAX];
} autonba_baseline;

/* Adds lambda * (charge - baseline) to the gradient of the chosen operator and of its chosen
 * bitwidth in every block. */
void autonba_add_hw_gradient(const autonba_draw *draw, const double *charge, double lambda,
                             double decay, autonba_baseline *baseline, autonba_logits *logits);

/* The next lambda: up if the derived network breaks the limits, down if it is inside them by the
 * margin in the goal's quantity. */
double autonba_next_lambda(const autonba_settings *settings, const cs_limits *limits,
                           cs_accel_goal goal, const cs_hw_metrics *metrics, bool feasible,
                           double lambda);

/* ---- the run (autonba.c, autonba_train.c, autonba_derive.c) ---- */

typedef enum autonba_phase { AUTONBA_TRAIN, AUTONBA_DERIVE, AUTONBA_EVALUATE } autonba_phase;

#define AUTONBA_CANDIDATES_MAX 64

typedef struct autonba_candidate {
    cs_design design; /* with a feasible accelerator */
    double score;     /* accuracy by shared weights; NaN: not measured */
} autonba_candidate;

/* Plain values only: saved and loaded as it is. */
typedef struct autonba_progress {
    uint32_t phase, batch; /* autonba_phase; images per batch, 0 before the first */
    uint32_t epoch, n_candidates, next_candidate;
    bool diverged, counted_samples, anchored, has_derived, derived_feasible, has_feasible, offered;
    uint64_t weight_steps, arch_steps, hw_searches, path_searches, hw_queries, attempts;
    uint64_t train_macs; /* of weight and architecture steps */
    double search_begin; /* progress at the first architecture step; negative before */
    double total_macs;   /* the whole MAC budget; 0: none, or not seen yet */
    double allowance;    /* MACs of training that stand for a budget of evaluations; 0: none */
    double reserved;     /* part of the budget that is not for training; negative: not seen */
    double score_images; /* that the last accuracy by shared weights was measured on */
    double tensor_bytes; /* largest so far */
    double derive_begin; /* counted budget left when candidates began */
    double lambda;
    double best_acc;             /* of the networks evaluated; negative before the first */
    double loss_train, loss_val; /* moving averages; NaN before the first */
    cs_design accelerator;       /* of the current paths: only its accelerator decisions count */
    cs_design derived;           /* most probable network with its accelerator */
    cs_hw_metrics derived_hw;
    cs_design feasible; /* the last path that held the limits */
    autonba_candidate candidate[AUTONBA_CANDIDATES_MAX];
    autonba_baseline baseline;
} autonba_progress;

typedef struct autonba_state {
    autonba_settings settings;
    const cs_space *space;
    cs_accel_goal goal;
    autonba_logits logits;
    cs_accel *accel;
    cs_supernet *net; /* made when the first batch tells its size */
    cs_memo *memo;
    autonba_progress at;
    autonba_draw draw; /* scratch, as what follows */
    cs_path_grad grad;
    cs_hw_report report;
    cs_path path;
} autonba_state;

/* autonba_pace.c */
/* Part of the training that is done, 0 to 1 and beyond, by the budget that binds. */
double autonba_progress_made(const cs_task *task, const autonba_state *s);
/* After the first weight step: which budgets there are and what is kept back for the end. */
cs_status autonba_see_budgets(cs_task *task, autonba_state *s);
/* A budget of evaluations alone, told by one of them that was made: what training it pays for. */
void autonba_see_evaluations(cs_task *task, autonba_state *s);
/* Neither MACs nor images are limited, and no evaluation has told yet what evaluations are worth.
 */
bool autonba_budget_unknown(const autonba_state *s);
/* Cost-model queries that may be spent now; infinite without such a budget. */
double autonba_queries_free(const cs_task *task, const autonba_state *s);
double autonba_tau(const autonba_settings *settings, double progress);
double autonba_lr(const autonba_settings *settings, double progress);
double autonba_arch_lr(const autonba_state *s, double progress);
/* Is the answer the most probable network, as published, without any training of its own? */
bool autonba_pure(const autonba_state *s);

/* autonba_train.c */
cs_status autonba_train_step(cs_task *task, autonba_state *s);

/* autonba_accelerator.c */
/* Searches an accelerator for the network of *design with at most `samples` queries, as many as the
 * ration allows. *feasible: one was found and is in *design. CS_STOP as the task says. */
cs_status autonba_search_accelerator(cs_task *task, autonba_state *s, cs_design *design, bool keep,
                                     double samples, cs_hw_metrics *hw, bool *feasible);
/* The same without a ration: for the end, when nothing else needs queries. */
cs_status autonba_search_freely(cs_task *task, autonba_state *s, cs_design *design, bool keep,
                                double samples, cs_hw_metrics *hw, bool *feasible);
/* One query: fills s->report. */
cs_status autonba_look(cs_task *task, autonba_state *s, const cs_design *design);
/* An accelerator for the network, which gives way until one fits. */
cs_status autonba_fit(cs_task *task, autonba_state *s, cs_design *design, double samples,
                      bool *feasible);

/* autonba_derive.c */
/* Most probable network with an accelerator of its own: at.derived; lambda follows; offered. */
cs_status autonba_derive_now(cs_task *task, autonba_state *s);
cs_status autonba_derive_step(cs_task *task, autonba_state *s);
cs_status autonba_evaluate_step(cs_task *task, autonba_state *s);
cs_status autonba_finish(cs_task *task, void *state);

#endif
