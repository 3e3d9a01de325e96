/* The schedule of least energy under a latency limit, proven: every partial schedule that can still
 * keep the limit and is not dominated by another one equally far. */
#include "hap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS_MAX = 4000000 };
#define NONE UINT32_MAX

typedef struct kept {
    hap_label label;
    uint32_t parent, next; /* what it came from; the next one equally far */
    uint8_t chain, unit;   /* of the layer appended last */
    bool dropped;
} kept;

typedef struct solver {
    const cs_hetero_problem *problem;
    size_t radix[CS_HETERO_CHAINS_MAX], states; /* state = sum of at[c] * radix[c] */
    uint32_t *first;                            /* [states] partial schedules, NONE where none */
    kept *pool;
    size_t n, cap, labels_max;
    hap_left left;
    double energy_max; /* of a schedule already known */
} solver;

/* Can it still end within the limit and below the known energy. Both leave room for rounding: the
 * bounds add in another order than the schedule does. */
static bool promising(const solver *s, const hap_label *l, const size_t *at)
{
    return hap_makespan_bound(s->problem, &s->left, l, at) <=
               s->problem->latency_max * (1.0 + 1e-12) &&
           hap_energy_bound(s->problem, &s->left, l, at) <= s->energy_max * (1.0 + 1e-9);
}

/* false: out of memory or out of labels. */
static bool keep(solver *s, size_t state, const kept *k)
{
    for (uint32_t i = s->first[state]; i != NONE; i = s->pool[i].next)
        if (!s->pool[i].dropped && hap_dominates(s->problem, &s->pool[i].label, &k->label))
            return true;
    for (uint32_t i = s->first[state]; i != NONE; i = s->pool[i].next)
        if (hap_dominates(s->problem, &k->label, &s->pool[i].label))
            s->pool[i].dropped = true;
    if (s->n == s->labels_max)
        return false;
    if (s->n == s->cap) {
        const size_t cap = s->cap ? 2 * s->cap : 1024;
        kept *grown = realloc(s->pool, cap * sizeof *grown);
        if (!grown)
            return false;
        s->pool = grown;
        s->cap = cap;
    }
    s->pool[s->n] = *k;
    s->pool[s->n].next = s->first[state];
    s->first[state] = (uint32_t)s->n++;
    return true;
}

/* Appends the next layer of every chain to every unit. */
static bool extend(solver *s, size_t state, uint32_t from, size_t *at)
{
    const cs_hetero_problem *p = s->problem;
    for (size_t c = 0; c < p->n_chains; c++) {
        if (at[c] == p->chain[c].n)
            continue;
        for (size_t u = 0; u < p->n_units; u++) {
            kept k = {.label = hap_append(p, &s->pool[from].label, c, at[c], u),
                      .parent = from,
                      .chain = (uint8_t)c,
                      .unit = (uint8_t)u};
            at[c]++;
            bool room = true;
            if (promising(s, &k.label, at)) {
                hap_level(p, &k.label, at);
                room = keep(s, state + s->radix[c], &k);
            }
            at[c]--;
            if (!room)
                return false;
        }
    }
    return true;
}

/* States in an order in which every one comes after those that lead to it. */
static bool run(solver *s)
{
    const cs_hetero_problem *p = s->problem;
    const kept origin = {.parent = NONE};
    if (!keep(s, 0, &origin))
        return false;
    for (size_t state = 0; state + 1 < s->states; state++) {
        size_t at[CS_HETERO_CHAINS_MAX] = {0};
        for (size_t c = 0, rest = state; c < p->n_chains; c++) {
            at[c] = rest % (p->chain[c].n + 1);
            rest /= p->chain[c].n + 1;
        }
        for (uint32_t i = s->first[state]; i != NONE; i = s->pool[i].next)
            if (!s->pool[i].dropped && !extend(s, state, i, at))
                return false;
    }
    return true;
}

/* The thriftiest complete schedule; false if there is none. */
static bool finish(const solver *s, size_t layers, cs_hetero_schedule *out)
{
    uint8_t chain[CS_HETERO_LAYERS_MAX], unit[CS_HETERO_LAYERS_MAX];
    uint32_t best = NONE;
    for (uint32_t i = s->first[s->states - 1]; i != NONE; i = s->pool[i].next)
        if (!s->pool[i].dropped &&
            (best == NONE || s->pool[i].label.energy < s->pool[best].label.energy))
            best = i;
    if (best == NONE)
        return false;
    for (size_t n = layers; n-- > 0; best = s->pool[best].parent) {
        chain[n] = s->pool[best].chain;
        unit[n] = s->pool[best].unit;
    }
    hap_replay(s->problem, chain, unit, out);
    out->feasible = true;
    return true;
}

static cs_status start(solver *s, const cs_hetero_problem *p, size_t labels_max, size_t *layers)
{
    cs_hetero_schedule known;
    *s = (solver){.problem = p, .states = 1, .labels_max = labels_max ? labels_max : LABELS_MAX};
    CS_TRY(hap_check(p, layers));
    CS_TRY(cs_hap(p, CS_HAP_MENDED, &known));
    s->energy_max = known.feasible ? known.energy : INFINITY;
    for (size_t c = 0; c < p->n_chains; c++) {
        s->radix[c] = s->states;
        s->states *= p->chain[c].n + 1;
    }
    hap_sum_left(p, &s->left);
    s->first = malloc(s->states * sizeof *s->first);
    if (!s->first)
        return CS_ENOMEM;
    for (size_t i = 0; i < s->states; i++)
        s->first[i] = NONE;
    return CS_OK;
}

cs_status cs_hap_exact(const cs_hetero_problem *problem, size_t labels_max, cs_hetero_schedule *out,
                       cs_error *err)
{
    solver s;
    size_t layers = 0;
    cs_status status = start(&s, problem, labels_max, &layers);
    if (status == CS_EUSAGE)
        cs_fail(err, status,
                "exact schedule: a cost is not a positive finite number, or there are more units, "
                "networks or layers than %d, %d and %d",
                CS_HETERO_UNITS_MAX, CS_HETERO_CHAINS_MAX, CS_CONVS_MAX);
    else if (status != CS_OK)
        cs_fail(err, status, "exact schedule: out of memory");
    else if (!run(&s))
        status = cs_fail(err, CS_ENOMEM,
                         "exact schedule: %zu layers need more than %zu partial schedules; "
                         "the heuristic takes any number",
                         layers, s.n);
    else if (!finish(&s, layers, out))
        status = cs_fail(err, CS_EINFEASIBLE,
                         "exact schedule: no schedule keeps the latency limit of %g",
                         problem->latency_max);
    free(s.first);
    free(s.pool);
    return status;
}
