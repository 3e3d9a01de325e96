/* Bounds and lucky choices: most trials of the exact solver end here. */
#include "exact_trial.h"

#include <string.h>

#define LAGRANGE_ROUNDS 60

static bool begin(exact_trial *t, const exact_problem *p, double cycles, double cutoff)
{
    *t = (exact_trial){.p = p,
                       .dsp_unit = exact_unit(p->dsp_max),
                       .bram_unit = exact_unit(p->bram_max),
                       .best = cutoff};
    for (size_t s = 0; s < p->n_stages; s++) {
        size_t low = 0, high = p->stage[s].n;
        while (low < high) {
            const size_t mid = (low + high) / 2;
            if (p->stage[s].option[mid].cycles <= cycles)
                low = mid + 1;
            else
                high = mid;
        }
        t->n[s] = low;
        if (low == 0)
            return false;
    }
    return true;
}

typedef struct sums {
    double dsp, bram, traffic, priced;
} sums;

/* Per stage the option of least traffic + price; ties by slices and block RAM used. */
static sums cheapest(const exact_trial *t, double price_dsp, double price_bram, size_t *pick)
{
    sums total = {0};
    for (size_t s = 0; s < t->p->n_stages; s++) {
        const exact_option *option = t->p->stage[s].option;
        double least = INFINITY, tie = INFINITY;
        for (size_t i = 0; i < t->n[s]; i++) {
            const exact_option *o = &option[i];
            const double cost = o->traffic + price_dsp * o->dsp + price_bram * o->bram;
            if (cost > least)
                continue;
            const double use = o->dsp * t->dsp_unit + o->bram * t->bram_unit;
            if (cost < least || use < tie) {
                least = cost;
                tie = use;
                pick[s] = i;
            }
        }
        const exact_option *o = &option[pick[s]];
        total.dsp += o->dsp;
        total.bram += o->bram;
        total.traffic += o->traffic;
        total.priced += least;
    }
    return total;
}

static bool fits(const exact_problem *p, const sums *total)
{
    return total->dsp <= p->dsp_max && total->bram <= p->bram_max;
}

void exact_trial_take(exact_trial *t, const size_t *pick, double traffic)
{
    memcpy(t->pick, pick, t->p->n_stages * sizeof *pick);
    t->best = traffic;
    t->found = true;
}

/* Subgradient ascent on the Lagrangian dual. Every round yields a lower bound on the traffic and a
 * candidate; most trials end here. `enough`: any choice within the cutoff will do. */
static exact_outcome relax(exact_trial *t, bool enough)
{
    const exact_problem *p = t->p;
    const double dsp_max = isfinite(p->dsp_max) ? p->dsp_max : 0.0;
    const double bram_max = isfinite(p->bram_max) ? p->bram_max : 0.0;
    double price_dsp = 0.0, price_bram = 0.0, best_bound = -INFINITY, scale = 1.0;
    size_t pick[EXACT_STAGES_MAX];
    for (int round = 0; round < LAGRANGE_ROUNDS; round++) {
        const sums total = cheapest(t, price_dsp, price_bram, pick);
        const double bound = total.priced - price_dsp * dsp_max - price_bram * bram_max;
        const double slack = 1e-9 * (total.priced + 1.0); /* rounding of the bound */
        if (fits(p, &total) && (t->found ? total.traffic < t->best : total.traffic <= t->best)) {
            exact_trial_take(t, pick, total.traffic);
            if (enough || round == 0) /* at price 0 the candidate is the optimum */
                return EXACT_FOUND;
        }
        if (bound - slack > t->best) /* never once a choice is found: it is not below the bound */
            return EXACT_NONE;
        if (round == 0)
            scale = fmax(total.traffic, 1.0);
        if (bound > best_bound) {
            best_bound = bound;
            t->price_dsp = price_dsp;
            t->price_bram = price_bram;
        }
        const double over_dsp = isfinite(p->dsp_max) ? (total.dsp - dsp_max) * t->dsp_unit : 0.0;
        const double over_bram =
            isfinite(p->bram_max) ? (total.bram - bram_max) * t->bram_unit : 0.0;
        const double norm = over_dsp * over_dsp + over_bram * over_bram;
        if (norm == 0.0)
            break;
        const double gap = (isfinite(t->best) ? fmax(t->best - bound, 0.0) : 0.0) + 0.05 * scale;
        const double step = gap / (norm * (1.0 + 0.1 * round));
        price_dsp = fmax(0.0, price_dsp + step * over_dsp * t->dsp_unit);
        price_bram = fmax(0.0, price_bram + step * over_bram * t->bram_unit);
    }
    return EXACT_UNKNOWN;
}

exact_outcome exact_trial_run(exact_trial *t, const exact_problem *p, double cycles, double cutoff,
                              bool enough)
{
    if (!begin(t, p, cycles, cutoff))
        return EXACT_NONE;
    const exact_outcome outcome = relax(t, enough);
    return outcome == EXACT_UNKNOWN ? exact_merge(t, enough) : outcome;
}
