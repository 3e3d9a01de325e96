/* One trial of the exact solver: the least traffic among choices within some cycles. Used by
 * exact*.c only. */
#ifndef CS_HW_EXACT_TRIAL_H
#define CS_HW_EXACT_TRIAL_H

#include "exact.h"
#include <math.h>

typedef enum exact_outcome {
    EXACT_NONE,    /* proven: no choice within cycles, limits and cutoff */
    EXACT_FOUND,   /* pick and best hold one (or the best one) */
    EXACT_UNKNOWN, /* given up; pick may hold a choice that is not proven best */
    EXACT_NO_MEMORY
} exact_outcome;

typedef struct exact_trial {
    const exact_problem *p;
    size_t n[EXACT_STAGES_MAX];   /* options within the cycles: a prefix */
    double dsp_unit, bram_unit;   /* weights that make slices and block RAM comparable */
    double price_dsp, price_bram; /* Lagrange multipliers of the best bound */
    double best;                  /* traffic of pick, or the cutoff while nothing is found */
    bool found;
    size_t pick[EXACT_STAGES_MAX];
} exact_trial;

/* Partial sums kept while merging unless the problem says otherwise. */
#define EXACT_STATES_DEFAULT ((size_t)1000000)

/* Is there a choice with every stage within `cycles` and traffic within `cutoff`? With `enough`
 * the first one found is returned in t, otherwise the one of least traffic. */
exact_outcome exact_trial_run(exact_trial *t, const exact_problem *p, double cycles, double cutoff,
                              bool enough);
/* The second half of it: goes through all choices that the bound found so far leaves open. */
exact_outcome exact_merge(exact_trial *t, bool enough);

/* Keeps a choice. */
void exact_trial_take(exact_trial *t, const size_t *pick, double traffic);
/* Weight of one slice or block RAM under a limit. */
static inline double exact_unit(double limit)
{
    return isfinite(limit) && limit > 0.0 ? 1.0 / limit : 1.0;
}
static inline int exact_compare(double a, double b)
{
    return (a > b) - (a < b);
}

#endif
