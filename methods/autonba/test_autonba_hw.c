/* The hardware loss against numerical derivatives of the cost model's own figures, and the rule of
 * its weight. */
#include "autonba.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static cs_space *new_space(void)
{
    cs_space *space;
    cr_assert_eq(cs_space_new("fbnet:cifar", "fpga-chunk", 10, &space, NULL), CS_OK);
    return space;
}

/* Slowest chunk when the layers of one block take `factor` times as long. */
static double interval_with(const cs_hw_report *r, size_t block, double factor)
{
    double worst = 0.0, traffic = 0.0;
    for (size_t c = 0; c < r->n_chunks; c++) {
        double sum = 0.0;
        for (size_t i = 0; i < r->n_layers; i++)
            if (r->layer[i].chunk == c)
                sum += r->layer[i].cycles * (r->layer[i].block == (int)block ? factor : 1.0);
        worst = fmax(worst, sum);
    }
    for (size_t i = 0; i < r->n_layers; i++)
        traffic += r->layer[i].dram_bits * (r->layer[i].block == (int)block ? factor : 1.0);
    return fmax(worst, traffic / (4.2e9 * 8.0 / 200e6)); /* bits a cycle of the board's memory */
}

Test(autonba, shares_are_elasticities_of_the_interval)
{
    cs_space *space = new_space();
    cs_hw_report *r = malloc(sizeof *r);
    cs_rng rng;
    cs_rng_seed(&rng, 21);
    for (int n = 0; n < 30; n++) {
        cs_design design;
        double share[CS_BLOCKS_MAX], sum = 0.0;
        cs_space_sample(space, &rng, &design);
        cr_assert_eq(cs_space_cost(space, &design, NULL, r), CS_OK);
        autonba_shares(r, CS_ACCEL_INTERVAL, 22, share);
        cr_assert_float_eq(interval_with(r, 0, 1.0), r->interval_cycles, 1e-9 * r->interval_cycles);
        for (size_t b = 0; b < 22; b++) {
            const double h = 1e-6;
            const double numerical =
                (log(interval_with(r, b, 1.0 + h)) - log(interval_with(r, b, 1.0 - h))) / (2.0 * h);
            cr_assert_float_eq(share[b], numerical, 1e-6, "block %d: %g, expected %g", (int)b,
                               share[b], numerical);
            sum += share[b];
        }
        cr_assert(sum > 0.0 && sum <= 1.0 + 1e-12);
    }
    free(r);
    cs_space_free(space);
}

Test(autonba, goals_that_are_sums_charge_every_block)
{
    cs_space *space = new_space();
    cs_hw_report *r = malloc(sizeof *r);
    cs_design design;
    cs_rng rng;
    double latency[CS_BLOCKS_MAX], energy[CS_BLOCKS_MAX], edp[CS_BLOCKS_MAX], cycles[CS_BLOCKS_MAX];
    cs_rng_seed(&rng, 22);
    cs_space_sample(space, &rng, &design);
    cr_assert_eq(cs_space_cost(space, &design, NULL, r), CS_OK);
    autonba_shares(r, CS_ACCEL_LATENCY, 22, latency);
    autonba_shares(r, CS_ACCEL_ENERGY, 22, energy);
    autonba_shares(r, CS_ACCEL_EDP, 22, edp);
    autonba_block_cycles(r, 22, cycles);
    double all = 0.0;
    for (size_t i = 0; i < r->n_layers; i++)
        all += r->layer[i].cycles;
    for (size_t b = 0; b < 22; b++) {
        cr_assert_float_eq(latency[b], cycles[b] / all, 1e-12);
        cr_assert_float_eq(edp[b], latency[b] + energy[b], 1e-12);
    }
    free(r);
    cs_space_free(space);
}

Test(autonba, goal_follows_the_limits)
{
    cs_limits limits = CS_LIMITS_NONE;
    limits.dsp_max = 450.0;
    cr_assert_eq(autonba_goal(&limits), CS_ACCEL_INTERVAL);
    limits.edp_max_js = 1e-6;
    cr_assert_eq(autonba_goal(&limits), CS_ACCEL_EDP);
    limits.fps_min = 30.0;
    cr_assert_eq(autonba_goal(&limits), CS_ACCEL_INTERVAL);
    limits = CS_LIMITS_NONE;
    limits.latency_max_s = 1.0;
    cr_assert_eq(autonba_goal(&limits), CS_ACCEL_LATENCY);
    limits.energy_max_j = 1.0;
    cr_assert_eq(autonba_goal(&limits), CS_ACCEL_ENERGY);
}

/* As released: lambda * cycles at the chosen operator and bitwidth, nothing anywhere else. */
Test(autonba, charge_reaches_the_chosen_entries_only)
{
    cs_space *space = new_space();
    autonba_logits l;
    cr_assert_eq(autonba_logits_new(space, &l), CS_OK);
    const autonba_settings set = {.sampling = AUTONBA_HETERO, .k_ops = 2, .k_bits = 2};
    autonba_draw *draw = calloc(1, sizeof *draw);
    autonba_baseline *base = calloc(1, sizeof *base);
    double charge[CS_BLOCKS_MAX];
    cs_rng rng;
    cs_rng_seed(&rng, 2);
    for (size_t b = 0; b < 22; b++)
        charge[b] = 1000.0 + (double)b;
    autonba_draw_path(&set, &l, 1.0, AUTONBA_ARCH, &rng, draw);
    cs_logits_zero_grad(l.alpha);
    cs_logits_zero_grad(l.beta);
    autonba_add_hw_gradient(draw, charge, 0.5, 0.0, base, &l);
    for (size_t b = 0; b < 22; b++)
        for (size_t op = 0; op < 9; op++) {
            const bool chosen = op == draw->block[b].op[0];
            cr_assert_eq(l.alpha->grad[l.alpha->offset[b] + op],
                         chosen ? (float)(0.5 * charge[b]) : 0.0f);
            for (size_t j = 0; j < 3; j++)
                cr_assert_eq(l.beta->grad[l.beta->offset[b * 9 + op] + j],
                             chosen && j == draw->block[b].bits[0][0] ? (float)(0.5 * charge[b])
                                                                      : 0.0f);
        }
    free(draw);
    free(base);
    autonba_logits_free(&l);
    cs_space_free(space);
}

/* Operators cost 1, 2, ... and nothing else counts. Without a baseline every sampled operator is
 * lowered; with it the cheapest wins everywhere. */
Test(autonba, baseline_tells_cheap_from_dear)
{
    cs_space *space = new_space();
    for (int with = 0; with < 2; with++) {
        autonba_logits l;
        cr_assert_eq(autonba_logits_new(space, &l), CS_OK);
        const autonba_settings set = {.sampling = AUTONBA_HETERO,
                                      .k_ops = 2,
                                      .k_bits = 2,
                                      .arch = {.beta1 = 0.5, .beta2 = 0.999, .eps = 1e-8}};
        autonba_draw *draw = calloc(1, sizeof *draw);
        autonba_baseline *base = calloc(1, sizeof *base);
        double charge[CS_BLOCKS_MAX];
        cs_rng rng;
        cs_rng_seed(&rng, 3);
        for (int step = 0; step < 3000; step++) {
            autonba_draw_path(&set, &l, 1.0, AUTONBA_ARCH, &rng, draw);
            for (size_t b = 0; b < 22; b++)
                charge[b] = 1.0 + 0.25 * (double)draw->block[b].op[0];
            cs_logits_zero_grad(l.alpha);
            cs_logits_zero_grad(l.beta);
            autonba_add_hw_gradient(draw, charge, 1.0, with ? 0.9 : 0.0, base, &l);
            autonba_update(&set, draw, 0.02, &l);
        }
        size_t cheapest = 0;
        for (size_t b = 0; b < 22; b++)
            cheapest += cs_logits_argmax(l.alpha, b) == 0;
        if (with)
            cr_assert_geq(cheapest, 20u, "%d of 22 blocks", (int)cheapest);
        else
            cr_assert_lt(cheapest, 12u, "%d of 22 blocks without a baseline", (int)cheapest);
        free(draw);
        free(base);
        autonba_logits_free(&l);
    }
    cs_space_free(space);
}

Test(autonba, lambda_follows_the_derived_network)
{
    const autonba_settings set = {
        .lambda = 0.1, .lambda_sum = 1e-10, .lambda_factor = 2.0, .lambda_margin = 4.0};
    cs_limits limits = CS_LIMITS_NONE;
    cs_hw_metrics hw = {.fps = 100.0, .edp_js = 1e-3};
    limits.fps_min = 100.0;
    cr_assert_eq(autonba_next_lambda(&set, &limits, CS_ACCEL_INTERVAL, &hw, false, 0.1), 0.2);
    cr_assert_eq(autonba_next_lambda(&set, &limits, CS_ACCEL_INTERVAL, &hw, true, 0.1), 0.1);
    hw.fps = 399.0;
    cr_assert_eq(autonba_next_lambda(&set, &limits, CS_ACCEL_INTERVAL, &hw, true, 0.1), 0.1);
    hw.fps = 400.0;
    cr_assert_eq(autonba_next_lambda(&set, &limits, CS_ACCEL_INTERVAL, &hw, true, 0.1), 0.05);
    limits = CS_LIMITS_NONE;
    limits.edp_max_js = 2e-3;
    cr_assert_eq(autonba_next_lambda(&set, &limits, CS_ACCEL_EDP, &hw, true, 0.1), 0.1);
    limits.edp_max_js = 4e-3;
    cr_assert_eq(autonba_next_lambda(&set, &limits, CS_ACCEL_EDP, &hw, true, 0.1), 0.05);
    limits = CS_LIMITS_NONE; /* nothing asked for: nothing to push */
    cr_assert_eq(autonba_next_lambda(&set, &limits, CS_ACCEL_INTERVAL, &hw, true, 0.1), 0.05);
    double lambda = 0.1; /* bounded either way */
    for (int i = 0; i < 200; i++)
        lambda = autonba_next_lambda(&set, &limits, CS_ACCEL_INTERVAL, &hw, false, lambda);
    cr_assert_float_eq(lambda, 1e5, 1e-6);
    for (int i = 0; i < 200; i++)
        lambda = autonba_next_lambda(&set, &limits, CS_ACCEL_INTERVAL, &hw, true, lambda);
    cr_assert_float_eq(lambda, 1e-7, 1e-20);
}
