/* Private parts of hsco: hardware/software co-exploration by reinforcement learning. */
#ifndef HSCO_H
#define HSCO_H

#include "cosearch/method.h"
#include "cosearch/search.h"

extern const cs_param hsco_params[];

enum { HSCO_PRUNED_FLAT, HSCO_PRUNED_GRADED };

/* Declared parameters, read once. */
typedef struct hsco_settings {
    double beta, spec_fps;
    uint32_t resamples;   /* hardware-only, per child */
    int pruned_reward;    /* HSCO_PRUNED_* */
    bool fast_update;     /* train the accelerator's decisions inside fast exploration */
    double repeat_factor; /* applied to a repeated child's baseline */
    uint64_t patience;    /* repeats in a row that end the search */
    int hidden, embedding;
    cs_reinforce_options policy;
} hsco_settings;

hsco_settings hsco_settings_read(const cs_task *task);

/* ---- rewards (hsco_reward.c) ---- */

/* Slow exploration: beta A + (1 - beta) U, both 0..1. */
double hsco_reward_trained(const hsco_settings *settings, double acc, const cs_hw_metrics *hw);
/* Early pruning: -1, or graded -1 - v / (1 + v) with v the log excess over the limits. */
double hsco_reward_pruned(const hsco_settings *settings, double excess);
/* Fast exploration: U of an accelerator that holds the specification, else -v / (1 + v). */
double hsco_reward_fast(double excess, const cs_hw_metrics *hw);
/* Distance outside the limits and the throughput specification; 0: fast exploration accepts. */
double hsco_excess(const hsco_settings *settings, const cs_limits *limits, const cs_hw_metrics *hw);

#endif
