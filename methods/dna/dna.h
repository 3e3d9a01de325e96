/* Private parts of dna: differentiable search over operators on a soft mixture of all of them, with
 * the accelerator in the loss through a table of block costs (DNA, Zhang et al. 2020). */
#ifndef DNA_H
#define DNA_H

#include "cosearch/method.h"
#include "cosearch/relax.h"
#include "cosearch/search.h"
#include "cosearch/supernet.h"

extern const cs_param dna_params[];

/* What is charged for a network. */
enum { DNA_COST_AUTO, DNA_COST_EDP, DNA_COST_LATENCY, DNA_COST_INTERVAL };
/* What moves mu. */
enum { DNA_RULE_LIMITS, DNA_RULE_WINDOW };

/* Declared parameters, read once. An epoch is 1/epochs of the part of the budget that trains the
 * shared network. */
typedef struct dna_settings {
    double epochs, frozen, refresh, share;
    uint32_t table_nets;
    double misfit;
    cs_accel_kind hw_engine;
    double hw_samples;
    int cost, mu_rule;
    double mu, mu_factor, mu_high, mu_low, window_high, window_low;
    double tau, tau_decay;
    cs_supernet_sgd sgd;
    double lr_end;
    cs_adam alpha;       /* lr 0: by alpha_travel */
    double alpha_travel; /* sum of the learning rates of all steps of alpha */
    double bits;
    bool quantised; /* the shared network computes with `bits`, not in floating point */
    double candidates;
} dna_settings;

dna_settings dna_settings_read(const cs_task *task);

/* ---- block costs (dna_table.c) ---- */

enum { DNA_ENERGY, DNA_TIME, DNA_QUANTITIES };

/* Cost of a network as a sum over blocks, averaged over accelerators that were each searched for a
 * network of their own: base + sum over blocks of delta[block][operator]. Joules and seconds. */
typedef struct dna_table {
    uint32_t nets; /* averaged over; 0: empty */
    uint32_t misfits;
    double base[DNA_QUANTITIES];
    double delta[DNA_QUANTITIES][CS_BLOCKS_MAX][CS_PATH_OPS_MAX];
} dna_table;

/* Adds one network on its accelerator: `whole` is its cost, `changed[b][o]` that of the network
 * with block b changed to operator o (NULL entries: it does not fit, charged misfit times the mean
 * block). Sums; dna_table_close divides by `nets`. */
typedef struct dna_change {
    bool fits;
    double cost[DNA_QUANTITIES];
} dna_change;
void dna_table_add(dna_table *table, size_t n_blocks, size_t n_ops,
                   const double whole[DNA_QUANTITIES],
                   dna_change change[CS_BLOCKS_MAX][CS_PATH_OPS_MAX], double misfit);
void dna_table_close(dna_table *table);

/* Expected cost of a network whose operators have probabilities y[b][o]: energy times time, or time
 * if `cost` is not DNA_COST_EDP; dy (may be NULL) gets the gradient with respect to y. */
double dna_expected_cost(const dna_table *table, int cost, size_t n_blocks, size_t n_ops,
                         double y[CS_BLOCKS_MAX][CS_PATH_OPS_MAX],
                         double dy[CS_BLOCKS_MAX][CS_PATH_OPS_MAX]);

/* ---- the weight of the cost (dna_mu.c) ---- */

/* How far metrics are into what the limits allow: the largest of value / maximum and of minimum /
 * value; above 1 a limit is broken, 0 without limits on speed and energy. */
double dna_pressure(const cs_limits *limits, const cs_hw_metrics *hw);
/* The next mu after the most probable network's accelerator was searched. cost: its EDP or time. */
double dna_next_mu(const dna_settings *settings, const cs_limits *limits, const cs_hw_metrics *hw,
                   double cost, double mu);

/* ---- the run ---- */

typedef enum dna_phase { DNA_SEARCH, DNA_CANDIDATES } dna_phase;

/* Plain values only: saved and loaded as it is. */
typedef struct dna_progress {
    uint32_t phase, batch; /* dna_phase; images per batch, 0 before the first */
    bool tabled;           /* there is a table, made with at least one feasible design */
    bool derived_feasible, offered, has_feasible, asked_evaluations;
    uint32_t pending_nets;        /* networks of the table in the making that are done */
    uint32_t table_nets;          /* networks of that table in all */
    uint32_t samples;             /* of an accelerator search now */
    uint32_t rounds, refreshes;   /* tables begun; finished */
    double next_refresh, next_mu; /* epochs */
    uint64_t weight_steps, alpha_steps, hw_queries, evaluated, repeats;
    uint64_t train_macs;
    double allowance;   /* MACs of training where only evaluations are limited; 0 */
    double first_alpha; /* progress at the first step of alpha; negative before */
    double share;       /* of the budget that trains the shared network */
    double tensor_bytes;
    double part_each; /* of the budget, by the last evaluation */
    double mu, norm;  /* norm: expected cost of the uniform network at first */
    double loss_train, loss_val, acc_train, acc_val; /* moving averages; NaN before the first */
    double best_acc;                   /* of the networks evaluated; negative before the first */
    int cost;                          /* DNA_COST_*; auto before the first query */
    cs_design derived, best, feasible; /* most probable; best evaluated; last one within limits */
    cs_hw_metrics derived_hw, best_hw, feasible_hw;
    dna_table table, pending;
} dna_progress;

typedef struct dna_state {
    dna_settings settings;
    const cs_space *space;
    size_t n_blocks, n_ops;
    size_t first_bits, first_accelerator; /* decisions; the network's come first */
    uint16_t bits;                        /* index of the bitwidth */
    cs_logits *alpha;                     /* [block][operator] */
    cs_accel *accel;
    cs_supernet *net; /* made when the first batch tells its size */
    cs_memo *memo;    /* networks evaluated, or found to have no accelerator (accuracy -1) */
    dna_progress at;
    cs_hw_report report; /* scratch, as what follows */
    cs_path path;
    cs_path_grad grad;
    dna_change change[CS_BLOCKS_MAX][CS_PATH_OPS_MAX];
    double y[CS_BLOCKS_MAX][CS_PATH_OPS_MAX], dy[CS_BLOCKS_MAX][CS_PATH_OPS_MAX];
} dna_state;

/* dna_pace.c: epochs out of budgets */
/* Part of the shared training that is done, 0 to 1 and beyond, by the budget that binds. */
double dna_progress_made(const cs_task *task, const dna_state *s);
/* Part of the budget left that evaluations are paid from. */
double dna_evaluations_left(const cs_task *task);
/* Cost-model queries that may be spent by now; infinite without such a budget. */
double dna_queries_free(const cs_task *task, const dna_state *s);
double dna_tau(const dna_settings *settings, double progress);
double dna_lr(const dna_settings *settings, double progress);
double dna_alpha_lr(const dna_state *s, double progress);
/* After the first step, once: a small budget of products keeps enough for one evaluation; where
 * neither products nor images are limited, what training a budget of evaluations stands for, told
 * by the first of them. */
cs_status dna_ask_evaluations(cs_task *task, dna_state *s);

/* dna_train.c */
/* A step of alpha (unless it is frozen) and a step of the weights. */
cs_status dna_learn(cs_task *task, dna_state *s, double progress);
cs_status dna_make_net(cs_task *task, dna_state *s, uint32_t batch, uint64_t seed);
void dna_observe(cs_task *task, const dna_state *s, double progress);

/* dna_refresh.c */
/* One network of the table that is due: sampled, its accelerator searched, its blocks charged. */
cs_status dna_refresh(cs_task *task, dna_state *s, double progress);

/* dna_derive.c */
/* A network on the accelerator searched last, with the space's idle decisions filled in. */
void dna_design_of(const dna_state *s, const uint16_t *op, cs_design *out);
/* Searches an accelerator for the network of *design. hw: of what was found. */
cs_status dna_search_accelerator(cs_task *task, dna_state *s, cs_design *design, bool keep,
                                 double samples, cs_hw_metrics *hw, bool *feasible);
/* The first query: how many there are, and whether the cost model knows energy, which settles what
 * is charged and what accelerators are searched for. */
cs_status dna_look(cs_task *task, dna_state *s);
cs_status dna_make_accel(cs_task *task, dna_state *s, int cost);
/* One query: s->report. */
cs_status dna_query(cs_task *task, dna_state *s, const cs_design *design);
/* The most probable network with an accelerator of its own; mu follows; offered if it fits. */
cs_status dna_derive(cs_task *task, dna_state *s);
/* One derived or drawn network: accelerator, evaluation, offer. CS_DONE: there are no others. */
cs_status dna_candidate(cs_task *task, dna_state *s);
cs_status dna_finish(cs_task *task, void *state);

#endif
