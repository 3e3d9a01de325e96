/* Mapping of layers to sub-accelerators: list scheduling and the assignment heuristic. */
#include "hap.h"

#include <math.h>
#include <string.h>

/* ---- list schedule ---- */

void cs_hetero_list_schedule(const cs_hetero_problem *p, cs_hetero_schedule *s)
{
    double unit_free[CS_HETERO_UNITS_MAX] = {0.0}, ready[CS_HETERO_CHAINS_MAX] = {0.0};
    double remaining[CS_HETERO_CHAINS_MAX];
    size_t at[CS_HETERO_CHAINS_MAX] = {0}, base[CS_HETERO_CHAINS_MAX];
    size_t n = 0;
    s->energy = s->makespan = 0.0;
    for (size_t c = 0; c < p->n_chains; c++) {
        const cs_hetero_chain *chain = &p->chain[c];
        base[c] = n;
        remaining[c] = 0.0;
        for (size_t i = 0; i < chain->n; i++) {
            const size_t cell = i * p->n_units + s->unit[n++];
            remaining[c] += chain->latency[cell];
            s->energy += chain->energy[cell];
        }
    }
    for (size_t step = 0; step < n; step++) {
        size_t best = CS_HETERO_CHAINS_MAX;
        double first = INFINITY;
        for (size_t c = 0; c < p->n_chains; c++) {
            if (at[c] == p->chain[c].n)
                continue;
            const double start = fmax(ready[c], unit_free[s->unit[base[c] + at[c]]]);
            if (start < first || (start == first && remaining[c] > remaining[best])) {
                first = start;
                best = c;
            }
        }
        const size_t layer = base[best] + at[best];
        const double time = p->chain[best].latency[at[best] * p->n_units + s->unit[layer]];
        s->start[layer] = first;
        ready[best] = unit_free[s->unit[layer]] = first + time;
        remaining[best] -= time;
        at[best]++;
        s->makespan = fmax(s->makespan, first + time);
    }
    s->n = n;
    s->feasible = s->makespan <= p->latency_max;
}

/* ---- search over assignments ---- */

/* A layer's place: its row in the cost tables of its chain. */
typedef struct place {
    const double *latency, *energy; /* [n_units] */
} place;

typedef struct search {
    const cs_hetero_problem *problem;
    size_t n;
    place layer[CS_HETERO_LAYERS_MAX];
    cs_hetero_schedule now, trial;
} search;

static void search_init(search *s, const cs_hetero_problem *p)
{
    s->problem = p;
    s->n = 0;
    for (size_t c = 0; c < p->n_chains; c++)
        for (size_t i = 0; i < p->chain[c].n; i++)
            s->layer[s->n++] =
                (place){p->chain[c].latency + i * p->n_units, p->chain[c].energy + i * p->n_units};
}

/* Every layer to the unit where `first` is least; ties by `second`, then the lower unit. */
static void assign_least(const search *s, bool by_energy, cs_hetero_schedule *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const double *first = by_energy ? s->layer[i].energy : s->layer[i].latency;
        const double *second = by_energy ? s->layer[i].latency : s->layer[i].energy;
        size_t best = 0;
        for (size_t u = 1; u < s->problem->n_units; u++)
            if (first[u] < first[best] || (first[u] == first[best] && second[u] < second[best]))
                best = u;
        out->unit[i] = (uint8_t)best;
    }
}

/* Earliest finish: chains in turn by longest minimal way to go, each next layer to the unit where
 * it would be done first. */
static void assign_earliest(const search *s, cs_hetero_schedule *out)
{
    const cs_hetero_problem *p = s->problem;
    double unit_free[CS_HETERO_UNITS_MAX] = {0.0}, ready[CS_HETERO_CHAINS_MAX] = {0.0};
    double remaining[CS_HETERO_CHAINS_MAX] = {0.0};
    size_t at[CS_HETERO_CHAINS_MAX] = {0}, base[CS_HETERO_CHAINS_MAX], layer = 0;
    for (size_t c = 0; c < p->n_chains; c++) {
        base[c] = layer;
        for (size_t i = 0; i < p->chain[c].n; i++, layer++) {
            double least = INFINITY;
            for (size_t u = 0; u < p->n_units; u++)
                least = fmin(least, s->layer[layer].latency[u]);
            remaining[c] += least;
        }
    }
    for (size_t step = 0; step < s->n; step++) {
        size_t next = CS_HETERO_CHAINS_MAX, best = 0;
        for (size_t c = 0; c < p->n_chains; c++)
            if (at[c] < p->chain[c].n && (next == CS_HETERO_CHAINS_MAX ||
                                          ready[c] - remaining[c] < ready[next] - remaining[next]))
                next = c;
        const double *latency = s->layer[base[next] + at[next]].latency;
        double least = INFINITY;
        for (size_t u = 0; u < p->n_units; u++) {
            const double done = fmax(ready[next], unit_free[u]) + latency[u];
            least = fmin(least, latency[u]);
            if (done < fmax(ready[next], unit_free[best]) + latency[best])
                best = u;
        }
        out->unit[base[next] + at[next]] = (uint8_t)best;
        ready[next] = unit_free[best] = fmax(ready[next], unit_free[best]) + latency[best];
        remaining[next] -= least;
        at[next]++;
    }
}

/* The unit that is done last. */
static uint8_t critical_unit(const search *s, const cs_hetero_schedule *schedule)
{
    uint8_t unit = 0;
    double last = -1.0;
    for (size_t i = 0; i < s->n; i++) {
        const double done = schedule->start[i] + s->layer[i].latency[schedule->unit[i]];
        if (done > last) {
            last = done;
            unit = schedule->unit[i];
        }
    }
    return unit;
}

/* Schedules now with one layer (or two) moved into s->trial. */
static void try_move(search *s, size_t layer, uint8_t unit, size_t other, uint8_t other_unit)
{
    memcpy(s->trial.unit, s->now.unit, s->n);
    s->trial.unit[layer] = unit;
    if (other < s->n)
        s->trial.unit[other] = other_unit;
    cs_hetero_list_schedule(s->problem, &s->trial);
}

/* Best drop of the makespan per added energy; a move that costs no energy beats any that does, and
 * among those the larger drop wins. */
typedef struct move {
    bool found;
    size_t layer, other;
    uint8_t unit, other_unit;
    double drop, cost;
} move;

static bool better_move(const move *a, const move *b)
{
    if (!b->found)
        return true;
    if (a->cost <= 0.0 || b->cost <= 0.0)
        return a->cost <= 0.0 && (b->cost > 0.0 || a->drop > b->drop);
    return a->drop * b->cost > b->drop * a->cost;
}

static void consider(search *s, const move *candidate, move *best)
{
    move m = *candidate;
    try_move(s, m.layer, m.unit, m.other, m.other_unit);
    m.found = true;
    m.drop = s->now.makespan - s->trial.makespan;
    m.cost = s->trial.energy - s->now.energy;
    if (m.drop > 0.0 && better_move(&m, best))
        *best = m;
}

/* Pairs of moves cost a schedule each; beyond this many layers they are left out. */
enum { PAIR_LAYERS_MAX = 48 };

static void best_single(search *s, bool any_unit, move *best)
{
    const uint8_t critical = critical_unit(s, &s->now);
    for (size_t i = 0; i < s->n; i++) {
        if (!any_unit && s->now.unit[i] != critical)
            continue;
        for (uint8_t u = 0; u < s->problem->n_units; u++)
            if (u != s->now.unit[i])
                consider(s, &(move){.layer = i, .unit = u, .other = s->n}, best);
    }
}

static void best_pair(search *s, move *best)
{
    if (s->n > PAIR_LAYERS_MAX)
        return;
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = i + 1; j < s->n; j++)
            for (uint8_t u = 0; u < s->problem->n_units; u++)
                for (uint8_t v = 0; v < s->problem->n_units; v++)
                    if (u != s->now.unit[i] && v != s->now.unit[j])
                        consider(s, &(move){.layer = i, .unit = u, .other = j, .other_unit = v},
                                 best);
}

/* Moves until the limit is kept or nothing lowers the makespan. */
static void lower_makespan(search *s, bool mended)
{
    while (!s->now.feasible) {
        move best = {.found = false};
        best_single(s, false, &best);
        if (!best.found && mended)
            best_single(s, true, &best);
        if (!best.found && mended)
            best_pair(s, &best);
        if (!best.found)
            return;
        try_move(s, best.layer, best.unit, best.other, best.other_unit);
        s->now = s->trial;
    }
}

/* Moves, then exchanges of two layers, that save energy within the limit, the largest saving
 * first. */
static void lower_energy(search *s)
{
    bool found = true;
    while (found) {
        double least = s->now.energy;
        cs_hetero_schedule kept;
        found = false;
        for (size_t i = 0; i < s->n; i++)
            for (uint8_t u = 0; u < s->problem->n_units; u++) {
                const double *energy = s->layer[i].energy;
                if (!(energy[u] < energy[s->now.unit[i]]))
                    continue;
                try_move(s, i, u, s->n, 0);
                if (s->trial.feasible && s->trial.energy < least) {
                    least = s->trial.energy;
                    kept = s->trial;
                    found = true;
                }
            }
        for (size_t i = 0; !found && s->n <= PAIR_LAYERS_MAX && i < s->n; i++)
            for (size_t j = 0; j < s->n; j++)
                for (uint8_t u = 0; u < s->problem->n_units; u++)
                    for (uint8_t v = 0; v < s->problem->n_units; v++) {
                        const double *a = s->layer[i].energy, *b = s->layer[j].energy;
                        const double saving = a[s->now.unit[i]] - a[u] + b[s->now.unit[j]] - b[v];
                        if (i == j || !(s->now.energy - saving < least) || u == s->now.unit[i] ||
                            v == s->now.unit[j])
                            continue;
                        try_move(s, i, u, j, v);
                        if (s->trial.feasible && s->trial.energy < least) {
                            least = s->trial.energy;
                            kept = s->trial;
                            found = true;
                        }
                    }
        if (found)
            s->now = kept;
    }
}

static bool better_schedule(const cs_hetero_schedule *a, const cs_hetero_schedule *b)
{
    if (a->feasible != b->feasible)
        return a->feasible;
    return a->feasible ? a->energy < b->energy : a->makespan < b->makespan;
}

/* A beam from both ends; a wide one, for as many layers as it can be afforded, where nothing has
 * kept the limit so far. */
static cs_status search_beams(search *s, cs_hetero_schedule *best)
{
    enum { NARROW = 64, WIDE = 1024, WIDE_LAYERS = 16384 };
    for (int pass = 0; pass < 4; pass++) {
        const size_t wide = WIDE_LAYERS / (s->n + 1) / 2 * 2;
        const size_t width = pass < 2 ? NARROW : wide > WIDE ? WIDE : wide;
        if (pass >= 2 && (best->feasible || width <= NARROW))
            break;
        CS_TRY(hap_beam(s->problem, width, pass % 2 == 1, &s->now));
        if (better_schedule(&s->now, best))
            *best = s->now;
    }
    return CS_OK;
}

cs_status cs_hap(const cs_hetero_problem *problem, cs_hap_kind kind, cs_hetero_schedule *out)
{
    search s;
    size_t n;
    CS_TRY(hap_check(problem, &n));
    search_init(&s, problem);
    assign_least(&s, true, &s.now);
    cs_hetero_list_schedule(problem, &s.now);
    lower_makespan(&s, kind == CS_HAP_MENDED);
    cs_hetero_schedule best = s.now;
    for (int start = 0; kind == CS_HAP_MENDED && start < 3; start++) {
        if (start > 0) {
            start == 1 ? assign_least(&s, false, &s.now) : assign_earliest(&s, &s.now);
            cs_hetero_list_schedule(problem, &s.now);
            lower_makespan(&s, true);
        }
        if (s.now.feasible)
            lower_energy(&s);
        if (better_schedule(&s.now, &best))
            best = s.now;
    }
    if (kind == CS_HAP_MENDED)
        CS_TRY(search_beams(&s, &best));
    *out = best;
    return CS_OK;
}
