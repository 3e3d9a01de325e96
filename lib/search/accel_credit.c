/* Accelerator search engine: who gets the credit of a sample.
 *
 * The objective is J = log cost + sum over resources of price * use / limit + penalty * excess over
 * the other limits, the Lagrangian of the search. A unit is charged with its own part of the
 * difference between J and its moving mean, to first order:
 *   cost is the slowest of several stages (units and the off-chip bus of a pipeline): the change of
 *     the log cycles of a stage counts by cycles^focus of the means, which sum to 1 over stages;
 *   cost is a sum over units (latency, energy; EDP: both): by the unit's share of the sum;
 *   resources: by the unit's own use.
 * One loss shared by all units would bury each unit's signal in the noise of the others. Where the
 * layers of a unit do not depend on the network alone (a mapper moves them), a unit's cycles say
 * nothing about its design and all decisions share J. Prices rise while samples need more than the
 * limit and fall while they need less (dual ascent). */
#include "cosearch/search.h"
#include "search/accel.h"

#include <math.h>
#include <string.h>

#define PRICE_MAX 16.0

static double log_of(double x)
{
    return x > 0.0 && isfinite(x) ? log(x) : NAN;
}

static double share(double use, double limit)
{
    return isfinite(limit) && limit > 0.0 && isfinite(use) ? use / limit : 0.0;
}

static accel_unit *unit_of_chunk(cs_accel *e, size_t chunk, const char *name)
{
    size_t u = e->chunk_unit[chunk];
    if (u >= e->n_units || strcmp(e->unit[u].name, name) != 0) {
        for (u = 0; u < e->n_units; u++)
            if (strcmp(e->unit[u].name, name) == 0)
                break;
        e->chunk_unit[chunk] = u;
    }
    return u < e->n_units ? &e->unit[u] : NULL;
}

static double chunk_energy(const cs_hw_report *report, size_t chunk)
{
    double sum = 0.0;
    for (size_t i = 0; i < report->n_layers; i++)
        for (size_t level = 0; report->layer[i].chunk == chunk && level < CS_HW_LEVELS; level++)
            sum += report->layer[i].energy_j[level];
    return sum;
}

static void look_at_units(cs_accel *e, const cs_hw_report *report)
{
    const bool energy = e->options.goal == CS_ACCEL_ENERGY || e->options.goal == CS_ACCEL_EDP;
    for (size_t u = 0; u < e->n_units; u++)
        e->unit[u].seen = false;
    for (size_t c = 0; c < report->n_chunks; c++) {
        const cs_hw_chunk_cost *chunk = &report->chunk[c];
        accel_unit *u = unit_of_chunk(e, c, chunk->name);
        if (!u)
            continue;
        u->now[ACCEL_TIME] = log_of(chunk->cycles);
        u->now[ACCEL_ENERGY] = energy ? log_of(chunk_energy(report, c)) : 0.0;
        u->now[ACCEL_DSP] = share(chunk->dsp, e->limits.dsp_max);
        u->now[ACCEL_BRAM] = share(chunk->bram, e->limits.bram_max);
        u->now[ACCEL_TRAFFIC] = share(chunk->dram_bits, report->dram_bits_per_cycle);
        u->seen = isfinite(u->now[ACCEL_TIME]) && isfinite(u->now[ACCEL_ENERGY]);
        if (e->observed == 0)
            u->layers = chunk->layers;
        e->apart = e->apart && u->seen && u->layers == chunk->layers;
    }
    for (size_t u = 0; u < e->n_units; u++) {
        if (e->observed == 0)
            e->unit[u].member = e->unit[u].seen;
        e->apart = e->apart && e->unit[u].member == e->unit[u].seen;
    }
}

static void look_at_whole(cs_accel *e, const cs_hw_report *report)
{
    accel_unit *whole = &e->unit[e->n_units];
    cs_limits others = e->limits;
    others.dsp_max = others.bram_max = INFINITY;
    const double cost = log_of(cs_accel_cost_of(e->options.goal, &report->total));
    whole->now[ACCEL_TIME] = isnan(cost) ? whole->mean[ACCEL_TIME] : cost;
    whole->now[ACCEL_DSP] = share(report->total.dsp, e->limits.dsp_max);
    whole->now[ACCEL_BRAM] = share(report->total.bram, e->limits.bram_max);
    whole->now[ACCEL_EXCESS] = cs_limits_excess(&others, &report->total);
    whole->seen = true;
}

/* Is the interval that of the slowest stage, rather than the sum over units. */
static bool pipelined(const cs_hw_report *report)
{
    double sum = 0.0;
    for (size_t c = 0; c < report->n_chunks; c++)
        sum += report->chunk[c].cycles;
    return fabs(report->interval_cycles - sum) > 1e-3 * sum;
}

/* weight[u] = d log cost / d log x of the unit, for cost = (sum of x^focus)^(1 / focus) at the
 * moving means of view; `extra` is the log of a further stage, whose weight is returned. */
static double weights(const cs_accel *e, size_t view, double focus, double extra, double *weight)
{
    double max = extra, sum = 0.0;
    for (size_t u = 0; u < e->n_units; u++)
        if (e->unit[u].seen)
            max = fmax(max, e->unit[u].mean[view]);
    for (size_t u = 0; u < e->n_units; u++) {
        weight[u] = e->unit[u].seen ? exp(focus * (e->unit[u].mean[view] - max)) : 0.0;
        sum += weight[u];
    }
    const double last = extra > -INFINITY ? exp(focus * (extra - max)) : 0.0;
    sum += last;
    for (size_t u = 0; u < e->n_units; u++)
        weight[u] /= sum;
    return last / sum;
}

static double change(const accel_unit *u, size_t view)
{
    return u->now[view] - u->mean[view];
}

static void credit_time(const cs_accel *e, const cs_hw_report *report, double *credit)
{
    const bool slowest = e->options.goal == CS_ACCEL_INTERVAL && pipelined(report);
    double weight[CS_DECISIONS_MAX], traffic = 0.0;
    for (size_t u = 0; slowest && u < e->n_units; u++)
        traffic += e->unit[u].seen ? e->unit[u].mean[ACCEL_TRAFFIC] : 0.0;
    const double bus = weights(e, ACCEL_TIME, slowest ? e->options.focus : 1.0,
                               traffic > 0.0 ? log(traffic) : -INFINITY, weight);
    for (size_t u = 0; u < e->n_units; u++)
        if (e->unit[u].seen)
            credit[u] += weight[u] * change(&e->unit[u], ACCEL_TIME) +
                         (bus > 0.0 ? bus * change(&e->unit[u], ACCEL_TRAFFIC) / traffic : 0.0);
}

static void credit_energy(const cs_accel *e, double *credit)
{
    double weight[CS_DECISIONS_MAX];
    weights(e, ACCEL_ENERGY, 1.0, -INFINITY, weight);
    for (size_t u = 0; u < e->n_units; u++)
        if (e->unit[u].seen)
            credit[u] += weight[u] * change(&e->unit[u], ACCEL_ENERGY);
}

static void give_credit(const cs_accel *e, const cs_hw_report *report, double *credit)
{
    const accel_unit *whole = &e->unit[e->n_units];
    const cs_accel_goal goal = e->options.goal;
    for (size_t u = 0; u <= e->n_units; u++)
        credit[u] = 0.0;
    if (e->apart && goal != CS_ACCEL_ENERGY)
        credit_time(e, report, credit);
    if (e->apart && (goal == CS_ACCEL_ENERGY || goal == CS_ACCEL_EDP))
        credit_energy(e, credit);
    for (size_t u = 0; u <= e->n_units; u++) {
        const accel_unit *unit = e->apart && e->unit[u].seen ? &e->unit[u] : whole;
        if (unit == whole)
            credit[u] += change(whole, ACCEL_TIME);
        for (size_t k = 0; k < ACCEL_PRICES; k++)
            credit[u] += e->price[k] * change(unit, ACCEL_DSP + k);
        credit[u] += e->options.penalty * change(whole, ACCEL_EXCESS);
    }
}

static void move_means(cs_accel *e, double rate)
{
    for (size_t u = 0; u <= e->n_units; u++)
        for (size_t v = 0; e->unit[u].seen && v < ACCEL_VIEWS; v++)
            e->unit[u].mean[v] += rate * change(&e->unit[u], v);
}

void accel_credit(cs_accel *e, const cs_hw_report *report, double *credit)
{
    const accel_unit *whole = &e->unit[e->n_units];
    look_at_units(e, report);
    look_at_whole(e, report);
    if (e->observed++ == 0)
        move_means(e, 1.0);
    give_credit(e, report, credit);
    move_means(e, fmax(1.0 - e->options.baseline, 1.0 / (double)e->observed));
    for (size_t k = 0; k < ACCEL_PRICES; k++) {
        const double over = whole->now[ACCEL_DSP + k] - 1.0;
        e->price[k] = fmin(fmax(e->price[k] + e->options.price * over, 0.0), PRICE_MAX);
    }
}
