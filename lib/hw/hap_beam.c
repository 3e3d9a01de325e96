/* Beam search over partial schedules: the last resort of the mapping heuristic. */
#include "hap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How a partial schedule came about: its parent in the level before, and the layer appended. */
typedef struct step {
    uint16_t parent;
    uint8_t chain, unit;
} step;

typedef struct node {
    hap_label label;
    uint8_t at[CS_HETERO_CHAINS_MAX];
    double makespan, energy; /* lower bounds on what it can become */
    double busy;             /* how long its units and chains are taken: breaks ties */
    step how;
} node;

_Static_assert(CS_CONVS_MAX <= UINT8_MAX, "places in a chain fit a byte");

/* Half of the beam for schedules that are quick, half for thrifty ones that can keep the limit. */
typedef struct level {
    node *quick, *thrifty; /* [half], best first */
    size_t n_quick, n_thrifty;
} level;

typedef struct beam {
    const cs_hetero_problem *problem;
    hap_left left;
    size_t half, layers;
    node *nodes;     /* [4 * half] */
    step *way;       /* [layers * 2 * half] */
    double *reverse; /* costs of the reversed problem, or NULL */
} beam;

static double busy(const cs_hetero_problem *p, const hap_label *l)
{
    double sum = 0.0;
    for (size_t u = 0; u < p->n_units; u++)
        sum += l->unit_free[u];
    for (size_t c = 0; c < p->n_chains; c++)
        sum += l->ready[c];
    return sum;
}

/* What is left to do cannot end before all units together could have done it. */
static double load_bound(const beam *b, const node *k)
{
    double sum = 0.0;
    for (size_t u = 0; u < b->problem->n_units; u++)
        sum += k->label.unit_free[u];
    for (size_t c = 0; c < b->problem->n_chains; c++)
        sum += b->left.time[c][k->at[c]];
    return sum / (double)b->problem->n_units;
}

static bool less(const node *a, const node *b, bool by_energy)
{
    const double x = by_energy ? a->energy : a->makespan, y = by_energy ? b->energy : b->makespan;
    return x < y || (x == y && a->busy < b->busy);
}

static bool beats(const beam *b, const node *x, const node *y)
{
    return memcmp(x->at, y->at, sizeof x->at) == 0 &&
           hap_dominates(b->problem, &x->label, &y->label);
}

/* Inserts in order unless a kept one dominates it; drops those it dominates, then the last one if
 * there are too many. */
static void insert(const beam *b, node *list, size_t *n, const node *new, bool by_energy)
{
    size_t kept = 0;
    if (*n == b->half && !less(new, &list[*n - 1], by_energy))
        return;
    for (size_t i = 0; i < *n; i++)
        if (beats(b, &list[i], new))
            return;
    for (size_t i = 0; i < *n; i++)
        if (!beats(b, new, &list[i])) {
            if (kept != i)
                list[kept] = list[i];
            kept++;
        }
    size_t i = kept == b->half ? kept - 1 : kept;
    *n = i + 1;
    for (; i > 0 && less(new, &list[i - 1], by_energy); i--)
        list[i] = list[i - 1];
    list[i] = *new;
}

static void extend(const beam *b, const node *from, size_t index, level *next)
{
    const cs_hetero_problem *p = b->problem;
    size_t at[CS_HETERO_CHAINS_MAX];
    for (size_t c = 0; c < CS_HETERO_CHAINS_MAX; c++)
        at[c] = from->at[c];
    for (size_t c = 0; c < p->n_chains; c++) {
        if (at[c] == p->chain[c].n)
            continue;
        for (size_t u = 0; u < p->n_units; u++) {
            node new = *from;
            new.label = hap_append(p, &from->label, c, at[c], u);
            new.how = (step){(uint16_t)index, (uint8_t)c, (uint8_t)u};
            new.at[c]++;
            at[c]++;
            /* The end of a chain that is done is levelled away, but stays in `makespan`. */
            new.makespan = fmax(from->makespan, hap_makespan_bound(p, &b->left, &new.label, at));
            new.energy = hap_energy_bound(p, &b->left, &new.label, at);
            hap_level(p, &new.label, at);
            at[c]--;
            new.makespan = fmax(new.makespan, load_bound(b, &new));
            new.busy = busy(p, &new.label);
            insert(b, next->quick, &next->n_quick, &new, false);
            if (new.makespan <= p->latency_max)
                insert(b, next->thrifty, &next->n_thrifty, &new, true);
        }
    }
}

static void search(const beam *b, cs_hetero_schedule *out)
{
    level buffer[2] = {{.quick = b->nodes, .thrifty = b->nodes + b->half},
                       {.quick = b->nodes + 2 * b->half, .thrifty = b->nodes + 3 * b->half}};
    level *now = &buffer[0], *next = &buffer[1];
    now->quick[0] = (node){.busy = 0.0};
    now->n_quick = 1;
    for (size_t n = 0; n < b->layers; n++) {
        step *way = b->way + n * 2 * b->half;
        next->n_quick = next->n_thrifty = 0;
        for (size_t i = 0; i < now->n_quick; i++)
            extend(b, &now->quick[i], i, next);
        for (size_t i = 0; i < now->n_thrifty; i++)
            extend(b, &now->thrifty[i], b->half + i, next);
        for (size_t i = 0; i < next->n_quick; i++)
            way[i] = next->quick[i].how;
        for (size_t i = 0; i < next->n_thrifty; i++)
            way[b->half + i] = next->thrifty[i].how;
        level *const swap = now;
        now = next;
        next = swap;
    }
    uint8_t chain[CS_HETERO_LAYERS_MAX], unit[CS_HETERO_LAYERS_MAX];
    size_t at = now->n_thrifty > 0 ? b->half : 0;
    for (size_t n = b->layers; n-- > 0;) {
        const step *s = &b->way[n * 2 * b->half + at];
        chain[n] = s->chain;
        unit[n] = s->unit;
        at = s->parent;
    }
    hap_replay(b->problem, chain, unit, out);
}

/* ---- the same problem backwards ---- */

/* Every schedule read from its end is one of the chains reversed; a beam sees it differently. */
static void reverse_problem(const cs_hetero_problem *p, double *cost, cs_hetero_problem *out)
{
    *out = *p;
    for (size_t c = 0; c < p->n_chains; c++) {
        const cs_hetero_chain *chain = &p->chain[c];
        const size_t row = p->n_units;
        double *latency = cost, *energy = cost + chain->n * row;
        for (size_t i = 0; i < chain->n; i++) {
            memcpy(latency + i * row, chain->latency + (chain->n - 1 - i) * row,
                   row * sizeof *cost);
            memcpy(energy + i * row, chain->energy + (chain->n - 1 - i) * row, row * sizeof *cost);
        }
        out->chain[c] = (cs_hetero_chain){chain->n, latency, energy};
        cost += 2 * chain->n * row;
    }
}

/* Turns a schedule of the reversed problem into one of `p`: layers in order, starts from ends. */
static void reverse_schedule(const cs_hetero_problem *p, cs_hetero_schedule *s)
{
    const cs_hetero_schedule back = *s;
    size_t base = 0;
    for (size_t c = 0; c < p->n_chains; c++) {
        const size_t n = p->chain[c].n;
        for (size_t i = 0; i < n; i++) {
            const size_t from = base + n - 1 - i;
            s->unit[base + i] = back.unit[from];
            s->start[base + i] =
                fmax(0.0, back.makespan - back.start[from] -
                              p->chain[c].latency[i * p->n_units + back.unit[from]]);
        }
        base += n;
    }
}

cs_status hap_beam(const cs_hetero_problem *problem, size_t width, bool backwards,
                   cs_hetero_schedule *out)
{
    cs_hetero_problem reversed;
    beam b = {.problem = problem, .half = width / 2};
    for (size_t c = 0; c < problem->n_chains; c++)
        b.layers += problem->chain[c].n;
    b.nodes = malloc(4 * b.half * sizeof *b.nodes);
    b.way = malloc((b.layers + 1) * 2 * b.half * sizeof *b.way);
    b.reverse = malloc((2 * b.layers * problem->n_units + 1) * sizeof *b.reverse);
    const cs_status status = b.nodes && b.way && b.reverse ? CS_OK : CS_ENOMEM;
    if (status == CS_OK) {
        if (backwards) {
            reverse_problem(problem, b.reverse, &reversed);
            b.problem = &reversed;
        }
        hap_sum_left(b.problem, &b.left);
        search(&b, out);
        if (backwards)
            reverse_schedule(problem, out);
    }
    free(b.nodes);
    free(b.way);
    free(b.reverse);
    return status;
}
