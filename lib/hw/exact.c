#include "exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STATES_DEFAULT 1000000u
#define LAGRANGE_ROUNDS 60

/* ---- Pareto sets ---- */

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_cycles(const void *x, const void *y)
{
    const exact_option *a = x, *b = y;
    int c = compare(a->cycles, b->cycles);
    if (c == 0)
        c = compare(a->dsp, b->dsp);
    if (c == 0)
        c = compare(a->bram, b->bram);
    if (c == 0)
        c = compare(a->traffic, b->traffic);
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
    qsort(stage->option, stage->n, sizeof *stage->option, by_cycles);
    stage->n = keep_undominated(stage->option, stage->n);
}

/* ---- one trial: options up to a number of cycles ---- */

enum outcome { NONE, FOUND, UNKNOWN, NO_MEMORY };

/* The smallest traffic of options with cycles <= limit under dsp_max and bram_max. */
typedef struct trial {
    const exact_problem *p;
    size_t n[EXACT_STAGES_MAX];   /* options within the cycles: a prefix */
    double dsp_unit, bram_unit;   /* weights that make slices and block RAM comparable */
    double price_dsp, price_bram; /* Lagrange multipliers of the best bound */
    double best;                  /* traffic of pick, or the cutoff while nothing is found */
    bool found;
    size_t pick[EXACT_STAGES_MAX];
} trial;

static double unit_of(double limit)
{
    return isfinite(limit) && limit > 0.0 ? 1.0 / limit : 1.0;
}

static bool trial_begin(trial *t, const exact_problem *p, double cycles, double cutoff)
{
    *t = (trial){
        .p = p, .dsp_unit = unit_of(p->dsp_max), .bram_unit = unit_of(p->bram_max), .best = cutoff};
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
static sums cheapest(const trial *t, double price_dsp, double price_bram, size_t *pick)
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

static void take(trial *t, const size_t *pick, double traffic)
{
    memcpy(t->pick, pick, t->p->n_stages * sizeof *pick);
    t->best = traffic;
    t->found = true;
}

/* Subgradient ascent on the Lagrangian dual. Every round yields a lower bound on the traffic and a
 * candidate; most trials end here. `enough`: any choice within the cutoff will do. */
static enum outcome relax(trial *t, bool enough)
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
            take(t, pick, total.traffic);
            if (enough || round == 0) /* at price 0 the candidate is the optimum */
                return FOUND;
        }
        if (bound - slack > t->best)
            return t->found ? FOUND : NONE;
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
    return UNKNOWN;
}

/* ---- merging ---- */

/* A choice for the stages merged so far. */
typedef struct state {
    double dsp, bram, traffic;
    uint32_t parent, pick; /* index in the level before; option */
} state;

typedef struct level {
    state *state;
    size_t n, cap;
} level;

/* Least that the stages from s on can add. */
typedef struct tail {
    double dsp, bram, traffic, priced;
} tail;

typedef struct merger {
    trial *t;
    size_t order[EXACT_STAGES_MAX]; /* few options first: the last stage needs no merging */
    tail tail[EXACT_STAGES_MAX + 1];
    level level[EXACT_STAGES_MAX + 1];
    size_t states_max;
} merger;

static double price(const merger *m, double dsp, double bram, double traffic)
{
    return traffic + m->t->price_dsp * dsp + m->t->price_bram * bram;
}

static void merger_begin(merger *m, trial *t)
{
    const exact_problem *p = t->p;
    *m = (merger){.t = t, .states_max = p->states_max ? p->states_max : STATES_DEFAULT};
    for (size_t s = 0; s < p->n_stages; s++) { /* insertion sort by options, then stage */
        size_t at = s;
        for (; at > 0 && t->n[m->order[at - 1]] > t->n[s]; at--)
            m->order[at] = m->order[at - 1];
        m->order[at] = s;
    }
    for (size_t k = p->n_stages; k-- > 0;) {
        const size_t s = m->order[k];
        tail least = {INFINITY, INFINITY, INFINITY, INFINITY};
        for (size_t i = 0; i < t->n[s]; i++) {
            const exact_option *o = &p->stage[s].option[i];
            least.dsp = fmin(least.dsp, o->dsp);
            least.bram = fmin(least.bram, o->bram);
            least.traffic = fmin(least.traffic, o->traffic);
            least.priced = fmin(least.priced, price(m, o->dsp, o->bram, o->traffic));
        }
        m->tail[k] =
            (tail){m->tail[k + 1].dsp + least.dsp, m->tail[k + 1].bram + least.bram,
                   m->tail[k + 1].traffic + least.traffic, m->tail[k + 1].priced + least.priced};
    }
}

/* Can a state after k stages still lead to a choice within limits and cutoff? */
static bool promising(const merger *m, const state *x, size_t k)
{
    const exact_problem *p = m->t->p;
    const tail *rest = &m->tail[k];
    if (x->dsp + rest->dsp > p->dsp_max || x->bram + rest->bram > p->bram_max)
        return false;
    const double traffic = x->traffic + rest->traffic;
    if (m->t->found ? traffic >= m->t->best : traffic > m->t->best)
        return false;
    const double dsp_max = isfinite(p->dsp_max) ? p->dsp_max : 0.0;
    const double bram_max = isfinite(p->bram_max) ? p->bram_max : 0.0;
    const double priced = price(m, x->dsp, x->bram, x->traffic) + rest->priced;
    const double bound = priced - m->t->price_dsp * dsp_max - m->t->price_bram * bram_max;
    return bound - 1e-9 * (priced + 1.0) <= m->t->best;
}

static enum outcome push(level *l, size_t cap_max, const state *x)
{
    if (l->n >= cap_max)
        return UNKNOWN;
    if (l->n == l->cap) {
        const size_t cap = l->cap ? 2 * l->cap : 1024;
        state *grown = realloc(l->state, cap * sizeof *grown);
        if (!grown)
            return NO_MEMORY;
        l->state = grown;
        l->cap = cap;
    }
    l->state[l->n++] = *x;
    return FOUND;
}

static int by_dsp(const void *x, const void *y)
{
    const state *a = x, *b = y;
    int c = compare(a->dsp, b->dsp);
    if (c == 0)
        c = compare(a->bram, b->bram);
    if (c == 0)
        c = compare(a->traffic, b->traffic);
    if (c == 0)
        c = (a->parent > b->parent) - (a->parent < b->parent);
    return c ? c : (a->pick > b->pick) - (a->pick < b->pick);
}

static int by_number(const void *x, const void *y)
{
    return compare(*(const double *)x, *(const double *)y);
}

/* Drops states that another equals or beats. In order of slices, a state is beaten if an earlier
 * one has no more block RAM and no more traffic: prefix minimum over block RAM (Fenwick tree). */
static bool thin_out(level *l)
{
    double *bram = malloc(l->n * sizeof *bram), *least = malloc((l->n + 1) * sizeof *least);
    if (!bram || !least) {
        free(bram);
        free(least);
        return false;
    }
    for (size_t i = 0; i < l->n; i++) {
        bram[i] = l->state[i].bram;
        least[i + 1] = INFINITY;
    }
    qsort(bram, l->n, sizeof *bram, by_number);
    qsort(l->state, l->n, sizeof *l->state, by_dsp);
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++) {
        const state x = l->state[i];
        size_t low = 0, high = l->n; /* rank: how many are <= x.bram */
        while (low < high) {
            const size_t mid = (low + high) / 2;
            if (bram[mid] <= x.bram)
                low = mid + 1;
            else
                high = mid;
        }
        double below = INFINITY;
        for (size_t r = low; r > 0; r &= r - 1)
            below = fmin(below, least[r]);
        if (below <= x.traffic)
            continue;
        for (size_t r = low; r <= l->n; r += r & (~r + 1))
            least[r] = fmin(least[r], x.traffic);
        l->state[kept++] = x;
    }
    l->n = kept;
    free(bram);
    free(least);
    return true;
}

static void take_state(merger *m, size_t k, const state *last)
{
    size_t pick[EXACT_STAGES_MAX];
    const state *x = last;
    for (;; k--) {
        pick[m->order[k - 1]] = x->pick;
        if (k == 1)
            break;
        x = &m->level[k - 1].state[x->parent];
    }
    take(m->t, pick, last->traffic);
}

/* All extensions of level k by stage order[k]. */
static enum outcome extend(merger *m, size_t k, bool enough)
{
    const trial *t = m->t;
    const size_t s = m->order[k], last = t->p->n_stages - 1;
    const level *from = &m->level[k];
    for (size_t j = 0; j < from->n; j++)
        for (size_t i = 0; i < t->n[s]; i++) {
            const exact_option *o = &t->p->stage[s].option[i];
            const state *base = &from->state[j];
            const state x = {base->dsp + o->dsp, base->bram + o->bram, base->traffic + o->traffic,
                             (uint32_t)j, (uint32_t)i};
            if (!promising(m, &x, k + 1))
                continue;
            if (k == last) {
                take_state(m, k + 1, &x);
                if (enough)
                    return FOUND;
                continue;
            }
            const enum outcome o2 = push(&m->level[k + 1], m->states_max, &x);
            if (o2 != FOUND)
                return o2;
        }
    if (k < last && m->level[k + 1].n > 0 && !thin_out(&m->level[k + 1]))
        return NO_MEMORY;
    return NONE;
}

static enum outcome merge(trial *t, bool enough)
{
    merger m;
    merger_begin(&m, t);
    state origin = {0};
    m.level[0] = (level){.state = &origin, .n = 1, .cap = 1};
    enum outcome outcome = NONE;
    for (size_t k = 0; k < t->p->n_stages && outcome == NONE; k++)
        outcome = extend(&m, k, enough);
    for (size_t k = 1; k <= t->p->n_stages; k++)
        free(m.level[k].state);
    if (outcome == NONE && t->found)
        return FOUND;
    return outcome;
}

/* Is there a choice with every stage within `cycles` and traffic within `cutoff`? With `enough`
 * the first one found is returned in t, otherwise the one of least traffic. */
static enum outcome try_cycles(trial *t, const exact_problem *p, double cycles, double cutoff,
                               bool enough)
{
    if (!trial_begin(t, p, cycles, cutoff))
        return NONE;
    const enum outcome outcome = relax(t, enough);
    return outcome == UNKNOWN ? merge(t, enough) : outcome;
}

/* ---- bisection ---- */

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
    const double dsp_unit = unit_of(p->dsp_max), bram_unit = unit_of(p->bram_max);
    const double budget = interval * p->traffic_per_cycle;
    sums total = {0};
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
    return cs_fail(err, CS_EINFEASIBLE,
                   "no accelerator of this network fits DSP <= %g and BRAM <= %g: the smallest "
                   "ones need %g DSP or %g BRAM",
                   p->dsp_max, p->bram_max, dsp, bram);
}

typedef struct search {
    trial best;      /* of the smallest interval found */
    double interval; /* Inf: nothing found */
    double proven;   /* no choice has a smaller interval than this */
    bool complete;   /* no trial was left open */
} search;

/* Takes the outcome of a trial at `cycles`; NO_MEMORY is passed on. */
static enum outcome record(search *r, const exact_problem *p, const trial *t, enum outcome outcome,
                           double cycles)
{
    if (outcome == FOUND || (outcome == UNKNOWN && t->found)) {
        double slowest = 0.0;
        for (size_t s = 0; s < p->n_stages; s++)
            slowest = fmax(slowest, p->stage[s].option[t->pick[s]].cycles);
        const double interval = fmax(slowest, t->best / p->traffic_per_cycle);
        if (interval < r->interval) {
            r->interval = interval;
            r->best = *t;
        }
    }
    if (outcome == UNKNOWN)
        r->complete = false;
    if (outcome == NONE)
        r->proven = fmax(r->proven, cycles);
    return outcome;
}

/* A trial at C succeeds if all stages fit into C cycles and their traffic into C * bandwidth: then
 * an interval of C is possible. That is monotone in C, so bisect for the first success C*. The
 * optimum is C*, or lies between C* and the trial before it, where only traffic is above: then it
 * is the least traffic at that trial over the bandwidth. */
static enum outcome bisect(const exact_problem *p, const double *cycles, size_t n, search *r)
{
    size_t low = 0, high = n; /* below low: fails; from high on: succeeds (n: beyond the last) */
    trial t;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const double budget =
            isfinite(p->traffic_per_cycle) ? cycles[mid] * p->traffic_per_cycle : 0.0;
        const enum outcome outcome =
            record(r, p, &t, try_cycles(&t, p, cycles[mid], budget, true), cycles[mid]);
        if (outcome == NO_MEMORY)
            return outcome;
        if (outcome == FOUND)
            high = mid;
        else
            low = mid + 1;
    }
    if (high > 0 && isfinite(p->traffic_per_cycle)) {
        const double cutoff = isfinite(r->interval) ? r->interval * p->traffic_per_cycle : INFINITY;
        const enum outcome outcome =
            record(r, p, &t, try_cycles(&t, p, cycles[high - 1], cutoff, false), cycles[high - 1]);
        if (outcome == NO_MEMORY)
            return outcome;
    }
    return FOUND;
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
    const enum outcome outcome = p->n_stages ? bisect(p, cycles, n, &r) : NONE;
    free(cycles);
    if (outcome == NO_MEMORY)
        return cs_fail(err, CS_ENOMEM, "exact solver: out of memory");
    if (p->n_stages == 0)
        r.interval = 0.0;
    else if (!isfinite(r.interval))
        return r.complete ? infeasible(p, err)
                          : cs_fail(err, CS_EMETHOD,
                                    "exact solver: undecided after %zu partial sums whether any "
                                    "accelerator fits",
                                    p->states_max ? p->states_max : (size_t)STATES_DEFAULT);
    memcpy(out->pick, r.best.pick, sizeof out->pick);
    slim(p, r.interval, out->pick);
    out->interval = r.interval;
    out->proven = r.complete;
    out->bound = r.complete ? r.interval : fmin(r.proven, r.interval);
    return CS_OK;
}
