/* Partial schedules of cosearch/hetero.h. */
#include "hap.h"

#include <math.h>

cs_status hap_check(const cs_hetero_problem *p, size_t *n)
{
    if (p->n_units < 1 || p->n_units > CS_HETERO_UNITS_MAX || p->n_chains < 1 ||
        p->n_chains > CS_HETERO_CHAINS_MAX || isnan(p->latency_max))
        return CS_EUSAGE;
    *n = 0;
    for (size_t c = 0; c < p->n_chains; c++) {
        const cs_hetero_chain *chain = &p->chain[c];
        if (chain->n > CS_CONVS_MAX)
            return CS_EUSAGE;
        for (size_t i = 0; i < chain->n * p->n_units; i++)
            if (!(chain->latency[i] > 0.0) || !isfinite(chain->latency[i]) ||
                !(chain->energy[i] >= 0.0) || !isfinite(chain->energy[i]))
                return CS_EUSAGE;
        *n += chain->n;
    }
    return CS_OK;
}

static double least(const double *cost, size_t n)
{
    double best = cost[0];
    for (size_t u = 1; u < n; u++)
        best = fmin(best, cost[u]);
    return best;
}

void hap_sum_left(const cs_hetero_problem *p, hap_left *left)
{
    for (size_t c = 0; c < p->n_chains; c++) {
        const cs_hetero_chain *chain = &p->chain[c];
        left->time[c][chain->n] = left->energy[c][chain->n] = 0.0;
        for (size_t i = chain->n; i-- > 0;) {
            left->time[c][i] =
                left->time[c][i + 1] + least(chain->latency + i * p->n_units, p->n_units);
            left->energy[c][i] =
                left->energy[c][i + 1] + least(chain->energy + i * p->n_units, p->n_units);
        }
    }
}

hap_label hap_append(const cs_hetero_problem *p, const hap_label *from, size_t c, size_t at,
                     size_t u)
{
    hap_label l = *from;
    const size_t cell = at * p->n_units + u;
    const double start = fmax(l.ready[c], l.unit_free[u]);
    for (size_t k = 0; k < p->n_chains; k++)
        l.ready[k] = fmax(l.ready[k], start);
    for (size_t k = 0; k < p->n_units; k++)
        l.unit_free[k] = fmax(l.unit_free[k], start);
    l.ready[c] = l.unit_free[u] = start + p->chain[c].latency[cell];
    l.energy += p->chain[c].energy[cell];
    return l;
}

double hap_makespan_bound(const cs_hetero_problem *p, const hap_left *left, const hap_label *l,
                          const size_t at[CS_HETERO_CHAINS_MAX])
{
    double bound = 0.0;
    for (size_t c = 0; c < p->n_chains; c++)
        bound = fmax(bound, l->ready[c] + left->time[c][at[c]]);
    return bound;
}

double hap_energy_bound(const cs_hetero_problem *p, const hap_left *left, const hap_label *l,
                        const size_t at[CS_HETERO_CHAINS_MAX])
{
    double energy = l->energy;
    for (size_t c = 0; c < p->n_chains; c++)
        energy += left->energy[c][at[c]];
    return energy;
}

void hap_level(const cs_hetero_problem *p, hap_label *l, const size_t at[CS_HETERO_CHAINS_MAX])
{
    double first = INFINITY;
    for (size_t c = 0; c < p->n_chains; c++) {
        if (at[c] == p->chain[c].n)
            l->ready[c] = 0.0;
        else
            first = fmin(first, l->ready[c]);
    }
    for (size_t u = 0; u < p->n_units; u++)
        l->unit_free[u] = isfinite(first) ? fmax(l->unit_free[u], first) : 0.0;
}

bool hap_dominates(const cs_hetero_problem *p, const hap_label *a, const hap_label *b)
{
    if (a->energy > b->energy)
        return false;
    for (size_t c = 0; c < p->n_chains; c++)
        if (a->ready[c] > b->ready[c])
            return false;
    for (size_t u = 0; u < p->n_units; u++)
        if (a->unit_free[u] > b->unit_free[u])
            return false;
    return true;
}

void hap_replay(const cs_hetero_problem *p, const uint8_t *chain, const uint8_t *unit,
                cs_hetero_schedule *out)
{
    size_t at[CS_HETERO_CHAINS_MAX] = {0}, base[CS_HETERO_CHAINS_MAX];
    hap_label now = {.energy = 0.0};
    out->n = 0;
    out->makespan = 0.0;
    for (size_t c = 0; c < p->n_chains; c++) {
        base[c] = out->n;
        out->n += p->chain[c].n;
    }
    for (size_t i = 0; i < out->n; i++) {
        const size_t c = chain[i], u = unit[i], layer = base[c] + at[c];
        out->unit[layer] = unit[i];
        out->start[layer] = fmax(now.ready[c], now.unit_free[u]);
        now = hap_append(p, &now, c, at[c]++, u);
        out->makespan = fmax(out->makespan, now.ready[c]);
    }
    out->energy = now.energy;
    out->feasible = out->makespan <= p->latency_max;
}
