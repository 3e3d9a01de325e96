/* Exhaustive merging of the stages' options, for trials that the Lagrangian bound leaves open. */
#include "exact_trial.h"

#include <stdlib.h>

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
    exact_trial *t;
    size_t order[EXACT_STAGES_MAX]; /* few options first: the last stage needs no merging */
    tail tail[EXACT_STAGES_MAX + 1];
    level level[EXACT_STAGES_MAX + 1];
    size_t states_max;
} merger;

static double price(const merger *m, double dsp, double bram, double traffic)
{
    return traffic + m->t->price_dsp * dsp + m->t->price_bram * bram;
}

static void merger_begin(merger *m, exact_trial *t)
{
    const exact_problem *p = t->p;
    *m = (merger){.t = t, .states_max = p->states_max ? p->states_max : EXACT_STATES_DEFAULT};
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

static exact_outcome push(level *l, size_t cap_max, const state *x)
{
    if (l->n >= cap_max)
        return EXACT_UNKNOWN;
    if (l->n == l->cap) {
        const size_t cap = l->cap ? 2 * l->cap : 1024;
        state *grown = realloc(l->state, cap * sizeof *grown);
        if (!grown)
            return EXACT_NO_MEMORY;
        l->state = grown;
        l->cap = cap;
    }
    l->state[l->n++] = *x;
    return EXACT_FOUND;
}

static int by_dsp(const void *x, const void *y)
{
    const state *a = x, *b = y;
    int c = exact_compare(a->dsp, b->dsp);
    if (c == 0)
        c = exact_compare(a->bram, b->bram);
    if (c == 0)
        c = exact_compare(a->traffic, b->traffic);
    if (c == 0)
        c = (a->parent > b->parent) - (a->parent < b->parent);
    return c ? c : (a->pick > b->pick) - (a->pick < b->pick);
}

static int by_number(const void *x, const void *y)
{
    return exact_compare(*(const double *)x, *(const double *)y);
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
    exact_trial_take(m->t, pick, last->traffic);
}

/* All extensions of level k by stage order[k]. */
static exact_outcome extend(merger *m, size_t k, bool enough)
{
    const exact_trial *t = m->t;
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
                    return EXACT_FOUND;
                continue;
            }
            const exact_outcome o2 = push(&m->level[k + 1], m->states_max, &x);
            if (o2 != EXACT_FOUND)
                return o2;
        }
    if (k < last && m->level[k + 1].n > 0 && !thin_out(&m->level[k + 1]))
        return EXACT_NO_MEMORY;
    return EXACT_NONE;
}

exact_outcome exact_merge(exact_trial *t, bool enough)
{
    merger m;
    merger_begin(&m, t);
    state origin = {0};
    m.level[0] = (level){.state = &origin, .n = 1, .cap = 1};
    exact_outcome outcome = EXACT_NONE;
    for (size_t k = 0; k < t->p->n_stages && outcome == EXACT_NONE; k++)
        outcome = extend(&m, k, enough);
    for (size_t k = 1; k <= t->p->n_stages; k++)
        free(m.level[k].state);
    if (outcome == EXACT_NONE && t->found)
        return EXACT_FOUND;
    return outcome;
}
