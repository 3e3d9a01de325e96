/* Pareto sets, bisection on the slowest stage, and the account of what is proven. */
#include "exact_trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Pareto sets ---- */

static int by_cycles(const void *x, const void *y)
{
    const exact_option *a = x, *b = y;
    int c = exact_compare(a->cycles, b->cycles);
    if (c == 0)
        c = exact_compare(a->dsp, b->dsp);
    if (c == 0)
        c = exact_compare(a->bram, b->bram);
    if (c == 0)
        c = exact_compare(a->traffic, b->traffic);
    return c ? c : (a->id > b->id) - (a->id < b->id);
}

/* Keeps of option[0..n) those that no earlier kept one equals or beats in slices, block RAM and
 * traffic; the order makes an earlier one never worse in what it is sorted by. */
static size_t keep_undominated(exact_option *option, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        const exact_option o = option[i];
        size_t j = kept;
        while (j > 0 && !(option[j - 1].dsp <= o.dsp && option[j - 1].bram <= o.bram &&
                          option[j - 1].traffic <= o.traffic))
            j--;
        if (j == 0)
            option[kept++] = o;
    }
    return kept;
}

void exact_pareto(exact_stage *stage)
{
    if (stage->n == 0) /* no design of this chunk fits */
        return;
    qsort(stage->option, stage->n, sizeof *stage->option, by_cycles);
    stage->n = keep_undominated(stage->option, stage->n);
}

/* ---- bisection ---- */

static int by_number(const void *x, const void *y)
{
    return exact_compare(*(const double *)x, *(const double *)y);
}

/* Ascending distinct cycles at which the set of options changes, none below the slowest stage's
 * fastest option. */
static double *trial_cycles(const exact_problem *p, size_t *n)
{
    size_t count = 0;
    double floor = 0.0;
    for (size_t s = 0; s < p->n_stages; s++) {
        count += p->stage[s].n;
        if (p->stage[s].n > 0)
            floor = fmax(floor, p->stage[s].option[0].cycles);
    }
    double *cycles = malloc((count + 1) * sizeof *cycles);
    if (!cycles)
        return NULL;
    size_t k = 0;
    for (size_t s = 0; s < p->n_stages; s++)
        for (size_t i = 0; i < p->stage[s].n; i++)
            if (p->stage[s].option[i].cycles >= floor)
                cycles[k++] = p->stage[s].option[i].cycles;
    qsort(cycles, k, sizeof *cycles, by_number);
    *n = 0;
    for (size_t i = 0; i < k; i++)
        if (*n == 0 || cycles[i] != cycles[*n - 1])
            cycles[(*n)++] = cycles[i];
    return cycles;
}

/* Among choices of the same interval, one that takes fewer slices and block RAMs. */
static void slim(const exact_problem *p, double interval, size_t *pick)
{
    const double dsp_unit = exact_unit(p->dsp_max), bram_unit = exact_unit(p->bram_max);
    const double budget = interval * p->traffic_per_cycle;
    exact_option total = {0}; /* sums */
    for (size_t s = 0; s < p->n_stages; s++) {
        const exact_option *o = &p->stage[s].option[pick[s]];
        total.dsp += o->dsp;
        total.bram += o->bram;
        total.traffic += o->traffic;
    }
    for (size_t s = 0; s < p->n_stages; s++) {
        const exact_option *option = p->stage[s].option, now = option[pick[s]];
        double use = now.dsp * dsp_unit + now.bram * bram_unit;
        for (size_t i = 0; i < p->stage[s].n && option[i].cycles <= interval; i++) {
            const exact_option *o = &option[i];
            const double other = o->dsp * dsp_unit + o->bram * bram_unit;
            if (other < use && total.dsp - now.dsp + o->dsp <= p->dsp_max &&
                total.bram - now.bram + o->bram <= p->bram_max &&
                total.traffic - now.traffic + o->traffic <= budget) {
                use = other;
                pick[s] = i;
            }
        }
        total.dsp += option[pick[s]].dsp - now.dsp;
        total.bram += option[pick[s]].bram - now.bram;
        total.traffic += option[pick[s]].traffic - now.traffic;
    }
}

static cs_status infeasible(const exact_problem *p, cs_error *err)
{
    double dsp = 0.0, bram = 0.0;
    for (size_t s = 0; s < p->n_stages; s++) {
        double least_dsp = INFINITY, least_bram = INFINITY;
        for (size_t i = 0; i < p->stage[s].n; i++) {
            least_dsp = fmin(least_dsp, p->stage[s].option[i].dsp);
            least_bram = fmin(least_bram, p->stage[s].option[i].bram);
        }
        dsp += least_dsp;
        bram += least_bram;
    }
    char limits[96] = "";
    if (isfinite(p->dsp_max))
        snprintf(limits, sizeof limits, "DSP <= %g", p->dsp_max);
    if (isfinite(p->bram_max)) {
        const size_t used = strlen(limits);
        snprintf(limits + used, sizeof limits - used, "%sBRAM <= %g", used ? " and " : "",
                 p->bram_max);
    }
    if (!isfinite(dsp)) /* options that exceed a limit on their own are not enumerated */
        return cs_fail(
            err, CS_EINFEASIBLE,
            "no accelerator of this network fits %s: one of its chunks alone exceeds that", limits);
    return cs_fail(err, CS_EINFEASIBLE,
                   "no accelerator of this network fits %s: the smallest ones need %g DSP or %g "
                   "BRAM",
                   limits, dsp, bram);
}

typedef struct search {
    exact_trial best; /* of the smallest interval found */
    double interval;  /* Inf: nothing found */
    double proven;    /* no choice has a smaller interval than this */
    bool complete;    /* no trial was left open */
} search;

/* Takes the outcome of a trial at `cycles`; EXACT_NO_MEMORY is passed on. */
static exact_outcome record(search *r, const exact_problem *p, const exact_trial *t,
                            exact_outcome outcome, double cycles)
{
    if (outcome == EXACT_FOUND || (outcome == EXACT_UNKNOWN && t->found)) {
        double slowest = 0.0;
        for (size_t s = 0; s < p->n_stages; s++)
            slowest = fmax(slowest, p->stage[s].option[t->pick[s]].cycles);
        const double interval = fmax(slowest, t->best / p->traffic_per_cycle);
        if (interval < r->interval) {
            r->interval = interval;
            r->best = *t;
        }
    }
    if (outcome == EXACT_UNKNOWN)
        r->complete = false;
    if (outcome == EXACT_NONE)
        r->proven = fmax(r->proven, cycles);
    return outcome;
}

/* A trial at C succeeds if all stages fit into C cycles and their traffic into C * bandwidth: then
 * an interval of C is possible. That is monotone in C, so bisect for the first success C*. The
 * optimum is C*, or lies between C* and the trial before it, where only traffic is above: then it
 * is the least traffic at that trial over the bandwidth. */
static exact_outcome bisect(const exact_problem *p, const double *cycles, size_t n, search *r)
{
    size_t low = 0, high = n; /* below low: fails; from high on: succeeds (n: beyond the last) */
    exact_trial t;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const double budget =
            isfinite(p->traffic_per_cycle) ? cycles[mid] * p->traffic_per_cycle : 0.0;
        const exact_outcome outcome =
            record(r, p, &t, exact_trial_run(&t, p, cycles[mid], budget, true), cycles[mid]);
        if (outcome == EXACT_NO_MEMORY)
            return outcome;
        if (outcome == EXACT_FOUND)
            high = mid;
        else
            low = mid + 1;
    }
    if (high > 0 && isfinite(p->traffic_per_cycle)) {
        const double cutoff = isfinite(r->interval) ? r->interval * p->traffic_per_cycle : INFINITY;
        const exact_outcome outcome = record(
            r, p, &t, exact_trial_run(&t, p, cycles[high - 1], cutoff, false), cycles[high - 1]);
        if (outcome == EXACT_NO_MEMORY)
            return outcome;
    }
    return EXACT_FOUND;
}

cs_status exact_solve(const exact_problem *p, exact_result *out, cs_error *err)
{
    size_t n = 0;
    for (size_t s = 0; s < p->n_stages; s++)
        if (p->stage[s].n == 0)
            return infeasible(p, err);
    double *cycles = trial_cycles(p, &n);
    if (!cycles)
        return cs_fail(err, CS_ENOMEM, "exact solver: out of memory");
    search r = {.interval = INFINITY, .proven = n ? cycles[0] : 0.0, .complete = true};
    const exact_outcome outcome = p->n_stages ? bisect(p, cycles, n, &r) : EXACT_NONE;
    free(cycles);
    if (outcome == EXACT_NO_MEMORY)
        return cs_fail(err, CS_ENOMEM, "exact solver: out of memory");
    if (p->n_stages == 0)
        r.interval = 0.0;
    else if (!isfinite(r.interval))
        return r.complete ? infeasible(p, err)
                          : cs_fail(err, CS_EMETHOD,
                                    "exact solver: undecided after %zu partial sums whether any "
                                    "accelerator fits",
                                    p->states_max ? p->states_max : EXACT_STATES_DEFAULT);
    memcpy(out->pick, r.best.pick, sizeof out->pick);
    slim(p, r.interval, out->pick);
    out->interval = r.interval;
    out->proven = r.complete;
    out->bound = r.complete ? r.interval : fmin(r.proven, r.interval);
    return CS_OK;
}
