/* Exact choice of one design per stage of a pipeline.
 *
 * Stages work concurrently on different images; stage s runs option o in option.cycles and takes
 * slices, block RAM and off-chip traffic per image. The interval of the pipeline is
 *   max(cycles of the slowest stage, sum of traffic / traffic_per_cycle).
 * exact_solve finds the smallest interval under the limits on the sums of slices and block RAM,
 * and proves it: Pareto sets per stage, bisection on the slowest stage's cycles, and for each trial
 * a Lagrangian bound, then exhaustive merging of the stages' Pareto sets (specs of Auto-NBA's
 * exact optimum; multiple-choice knapsack). */
#ifndef CS_HW_EXACT_H
#define CS_HW_EXACT_H

#include "cosearch/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXACT_STAGES_MAX 16

typedef struct exact_option {
    double cycles, dsp, bram, traffic; /* all finite and not negative */
    uint32_t id;                       /* the caller's name for it */
} exact_option;

typedef struct exact_stage {
    exact_option *option;
    size_t n;
} exact_stage;

typedef struct exact_problem {
    size_t n_stages;
    exact_stage stage[EXACT_STAGES_MAX]; /* as left by exact_pareto */
    double dsp_max, bram_max;            /* Inf: no limit */
    double traffic_per_cycle;            /* Inf: traffic costs no time, all traffic is 0 */
    size_t states_max;                   /* partial sums kept while merging; 0: the default */
} exact_problem;

typedef struct exact_result {
    size_t pick[EXACT_STAGES_MAX]; /* index into stage[].option */
    double interval;               /* cycles */
    double bound;                  /* proven lower bound on the interval */
    bool proven;                   /* bound == interval */
} exact_result;

/* Sorts options by cycles and drops every one that another equals or beats in all four respects;
 * ties keep the smallest id. */
void exact_pareto(exact_stage *stage);

/* CS_EINFEASIBLE if no choice meets the limits, CS_ENOMEM. `proven` is false only if merging would
 * have needed more than states_max partial sums. */
cs_status exact_solve(const exact_problem *problem, exact_result *out, cs_error *err);

#endif
