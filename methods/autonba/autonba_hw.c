/* What the accelerator makes of the current path: the hardware loss and its weight. */
#include "autonba.h"

#include <math.h>
#include <string.h>

cs_accel_goal autonba_goal(const cs_limits *limits)
{
    if (limits->fps_min > 0.0)
        return CS_ACCEL_INTERVAL;
    if (isfinite(limits->edp_max_js))
        return CS_ACCEL_EDP;
    if (isfinite(limits->energy_max_j))
        return CS_ACCEL_ENERGY;
    if (isfinite(limits->latency_max_s))
        return CS_ACCEL_LATENCY;
    return CS_ACCEL_INTERVAL;
}

void autonba_block_cycles(const cs_hw_report *report, size_t n_blocks, double *cycles)
{
    for (size_t b = 0; b < n_blocks; b++)
        cycles[b] = 0.0;
    for (size_t i = 0; i < report->n_layers; i++) {
        const cs_hw_layer_cost *l = &report->layer[i];
        if (l->block >= 0 && (size_t)l->block < n_blocks)
            cycles[l->block] += l->cycles;
    }
}

/* Chunk that sets the interval; n_chunks if it is the memory or nothing. */
static size_t bottleneck(const cs_hw_report *report)
{
    size_t worst = report->n_chunks;
    if (report->bottleneck && strcmp(report->bottleneck, "dram") == 0)
        return worst;
    for (size_t c = 0; c < report->n_chunks; c++)
        if (worst == report->n_chunks || report->chunk[c].cycles > report->chunk[worst].cycles)
            worst = c;
    return worst;
}

/* What a layer adds to a sum that the goal is proportional to. */
typedef enum weight {
    WEIGHT_INTERVAL, /* cycles in one chunk */
    WEIGHT_TRAFFIC,
    WEIGHT_CYCLES,
    WEIGHT_ENERGY,
    WEIGHT_WORK /* products times their width: where a model tells no energy of layers */
} weight;

static double layer_weight(const cs_hw_layer_cost *l, weight kind, size_t chunk)
{
    double sum = 0.0;
    switch (kind) {
    case WEIGHT_INTERVAL: return l->chunk == chunk ? l->cycles : 0.0;
    case WEIGHT_TRAFFIC: return l->dram_bits;
    case WEIGHT_CYCLES: return l->cycles;
    case WEIGHT_ENERGY:
        for (size_t i = 0; i < CS_HW_LEVELS; i++)
            sum += l->energy_j[i];
        return sum;
    case WEIGHT_WORK: return (double)l->macs * l->bits;
    }
    return 0.0;
}

/* Adds each block's part of the sum of a weight over all layers, stem and head included. false: the
 * model does not tell that quantity. */
static bool add_parts(const cs_hw_report *report, weight kind, size_t chunk, size_t n_blocks,
                      double *share)
{
    double sum = 0.0;
    for (size_t i = 0; i < report->n_layers; i++)
        sum += layer_weight(&report->layer[i], kind, chunk);
    if (!(sum > 0.0) || !isfinite(sum))
        return false;
    for (size_t i = 0; i < report->n_layers; i++) {
        const cs_hw_layer_cost *l = &report->layer[i];
        if (l->block >= 0 && (size_t)l->block < n_blocks)
            share[l->block] += layer_weight(l, kind, chunk) / sum;
    }
    return true;
}

void autonba_shares(const cs_hw_report *report, cs_accel_goal goal, size_t n_blocks, double *share)
{
    const size_t chunk = bottleneck(report);
    for (size_t b = 0; b < n_blocks; b++)
        share[b] = 0.0;
    if (goal == CS_ACCEL_INTERVAL)
        add_parts(report, chunk < report->n_chunks ? WEIGHT_INTERVAL : WEIGHT_TRAFFIC, chunk,
                  n_blocks, share);
    if (goal == CS_ACCEL_LATENCY || goal == CS_ACCEL_EDP)
        add_parts(report, WEIGHT_CYCLES, chunk, n_blocks, share);
    if ((goal == CS_ACCEL_ENERGY || goal == CS_ACCEL_EDP) &&
        !add_parts(report, WEIGHT_ENERGY, chunk, n_blocks, share))
        add_parts(report, WEIGHT_WORK, chunk, n_blocks, share);
}

/* charge - *base, and moves *base towards the charge; the first charge becomes the base. */
static double above_baseline(double charge, double decay, double *base, bool *seen)
{
    if (decay <= 0.0)
        return charge;
    const double advantage = *seen ? charge - *base : 0.0;
    *base = *seen ? decay * *base + (1.0 - decay) * charge : charge;
    *seen = true;
    return advantage;
}

void autonba_add_hw_gradient(const autonba_draw *draw, const double *charge, double lambda,
                             double decay, autonba_baseline *baseline, autonba_logits *logits)
{
    cs_logits *alpha = logits->alpha, *beta = logits->beta;
    for (size_t b = 0; b < logits->n_blocks; b++) {
        const uint16_t op = draw->block[b].op[0], bits = draw->block[b].bits[0][0];
        const size_t row = b * logits->n_ops + op;
        const double for_op =
            above_baseline(charge[b], decay, &baseline->block[b], &baseline->block_seen[b]);
        const double for_bits =
            above_baseline(charge[b], decay, &baseline->op[b][op], &baseline->op_seen[b][op]);
        alpha->grad[alpha->offset[b] + op] += (float)(lambda * for_op);
        beta->grad[beta->offset[row] + bits] += (float)(lambda * for_bits);
    }
}

/* How far inside its limit the goal's quantity is, as a ratio: 4 is four times better than asked.
 */
static double margin_of(const cs_limits *limits, cs_accel_goal goal, const cs_hw_metrics *m)
{
    switch (goal) {
    case CS_ACCEL_INTERVAL: return limits->fps_min > 0.0 ? m->fps / limits->fps_min : INFINITY;
    case CS_ACCEL_LATENCY: return limits->latency_max_s / m->latency_s;
    case CS_ACCEL_ENERGY: return limits->energy_max_j / m->energy_j;
    case CS_ACCEL_EDP: return limits->edp_max_js / m->edp_js;
    }
    return 1.0;
}

double autonba_next_lambda(const autonba_settings *settings, const cs_limits *limits,
                           cs_accel_goal goal, const cs_hw_metrics *metrics, bool feasible,
                           double lambda)
{
    const double start =
        settings->hw_loss == AUTONBA_LOSS_SUM ? settings->lambda_sum : settings->lambda;
    const double factor = settings->lambda_factor;
    if (!feasible)
        return fmin(lambda * factor, start * 1e6);
    if (margin_of(limits, goal, metrics) >= settings->lambda_margin)
        return fmax(lambda / factor, start * 1e-6);
    return lambda;
}
