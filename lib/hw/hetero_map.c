/* One network on the units: which layers where, for the least energy-delay product. */
#include "hetero_model.h"

#include <string.h>

cs_status hetero_work_init(const cs_net *net, uint8_t widest, hetero_work *out)
{
    out->n_layers = cs_net_convs(net, out->layer);
    out->n_kinds = 0;
    for (size_t i = 0; i < out->n_layers; i++) {
        const cs_conv *a = &out->layer[i];
        size_t k = 0;
        if (a->bits < 1 || a->bits > widest)
            return CS_EOUTSIDE;
        for (; k < out->n_kinds; k++) {
            const cs_conv *b = &out->layer[out->first[k]];
            if (a->kernel == b->kernel && a->stride == b->stride && a->bits == b->bits &&
                a->depthwise == b->depthwise && a->groups == b->groups && a->cin == b->cin &&
                a->cout == b->cout && a->in_size == b->in_size && a->out_size == b->out_size)
                break;
        }
        if (k == out->n_kinds) {
            out->first[k] = (uint8_t)i;
            out->count[k] = 0;
            out->n_kinds++;
        }
        out->kind[i] = (uint8_t)k;
        out->count[k]++;
    }
    return CS_OK;
}

hetero_goal hetero_goal_of(const cs_limits *l)
{
    hetero_goal g = {INFINITY, INFINITY};
    if (!l)
        return g;
    g.cycles_max = l->latency_max_s * HETERO_CLOCK_HZ;
    if (l->fps_min > 0.0)
        g.cycles_max = fmin(g.cycles_max, HETERO_CLOCK_HZ / l->fps_min);
    g.energy_max_j = l->energy_max_j;
    return g;
}

/* All layers of a kind from one unit to a slower, thriftier one. */
typedef struct hull_edge {
    double cycles, energy_j;       /* more; less */
    double slope;                  /* energy_j / cycles, falling along the edges of a kind */
    uint8_t kind, place, from, to; /* place: first, second... of its kind */
} hull_edge;

/* Steepest saving first; among equals by kind, and those of a kind in the order of its hull. */
static bool before(const hull_edge *a, const hull_edge *b)
{
    if (a->slope != b->slope)
        return a->slope > b->slope;
    return a->kind != b->kind ? a->kind < b->kind : a->place < b->place;
}

/* By insertion: a few dozen edges, and qsort may allocate. */
static void sort_edges(hull_edge *edge, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const hull_edge e = edge[i];
        size_t k = i;
        for (; k > 0 && before(&e, &edge[k - 1]); k--)
            edge[k] = edge[k - 1];
        edge[k] = e;
    }
}

/* Edges of a kind's lower convex hull, from its fastest unit (ties: the thriftier one). */
static size_t hull_of(const hetero_table *t, size_t kind, uint8_t *fastest, hull_edge *out)
{
    const double *cycles = t->cycles[kind], *energy = t->energy_j[kind];
    size_t at = 0, n = 0;
    for (size_t u = 1; u < t->n_units; u++)
        if (cycles[u] < cycles[at] || (cycles[u] == cycles[at] && energy[u] < energy[at]))
            at = u;
    *fastest = (uint8_t)at;
    for (;;) {
        size_t best = t->n_units;
        for (size_t u = 0; u < t->n_units; u++) {
            if (!(energy[u] < energy[at]) || !(cycles[u] > cycles[at]))
                continue;
            if (best == t->n_units) {
                best = u;
                continue;
            }
            const double left = (energy[at] - energy[u]) * (cycles[best] - cycles[at]);
            const double right = (energy[at] - energy[best]) * (cycles[u] - cycles[at]);
            if (left > right || (left == right && cycles[u] > cycles[best]))
                best = u;
        }
        if (best == t->n_units)
            return n;
        const double more = cycles[best] - cycles[at], less = energy[at] - energy[best];
        const double slope = less / more; /* rounding must not turn the hull around */
        out[n] = (hull_edge){.cycles = more,
                             .energy_j = less,
                             .slope = n > 0 && slope > out[n - 1].slope ? out[n - 1].slope : slope,
                             .kind = (uint8_t)kind,
                             .place = (uint8_t)n,
                             .from = (uint8_t)at,
                             .to = (uint8_t)best};
        n++;
        at = best;
    }
}

/* The best place on the walk so far: after `steps` single moves. */
typedef struct best_place {
    bool known, feasible;
    double cycles, energy_j;
    size_t steps;
} best_place;

static void look(const hetero_goal *goal, double cycles, double energy, size_t steps,
                 best_place *best)
{
    const bool feasible = cycles <= goal->cycles_max && energy <= goal->energy_max_j;
    if (best->known &&
        (best->feasible != feasible ? best->feasible
                                    : cycles * energy >= best->cycles * best->energy_j))
        return;
    *best = (best_place){true, feasible, cycles, energy, steps};
}

void hetero_map(const hetero_work *work, const hetero_table *t, const hetero_goal *goal,
                hetero_mapping *out)
{
    hull_edge edge[CS_CONVS_MAX * (CS_HETERO_UNITS_MAX - 1)];
    size_t n = 0, steps = 0;
    double cycles = 0.0, energy = 0.0;
    best_place best = {.known = false};
    memset(out->on, 0, work->n_kinds * sizeof out->on[0]);
    for (size_t k = 0; k < work->n_kinds; k++) {
        uint8_t fastest;
        n += hull_of(t, k, &fastest, &edge[n]);
        out->on[k][fastest] = work->count[k];
        cycles += work->count[k] * t->cycles[k][fastest];
        energy += work->count[k] * t->energy_j[k][fastest];
    }
    sort_edges(edge, n);
    look(goal, cycles, energy, 0, &best);
    for (size_t i = 0; i < n; i++)
        for (uint16_t m = 0; m < work->count[edge[i].kind]; m++) {
            cycles += edge[i].cycles;
            energy -= edge[i].energy_j;
            look(goal, cycles, energy, ++steps, &best);
        }
    for (size_t i = 0; i < n && best.steps > 0; i++) {
        const uint16_t count = work->count[edge[i].kind];
        const uint16_t moved = best.steps < count ? (uint16_t)best.steps : count;
        out->on[edge[i].kind][edge[i].from] = (uint16_t)(count - moved);
        out->on[edge[i].kind][edge[i].to] = moved;
        best.steps -= moved;
    }
    out->cycles = out->energy_j = 0.0; /* summed anew: the walk's sums have rounded */
    for (size_t k = 0; k < work->n_kinds; k++)
        for (size_t u = 0; u < t->n_units; u++)
            if (out->on[k][u]) {
                out->cycles += out->on[k][u] * t->cycles[k][u];
                out->energy_j += out->on[k][u] * t->energy_j[k][u];
            }
    out->feasible = out->cycles <= goal->cycles_max && out->energy_j <= goal->energy_max_j;
}
