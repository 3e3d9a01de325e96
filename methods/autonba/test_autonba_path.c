/* Sampling, straight-through gradients and updates of the logits, held against a slow reference
 * that is written from the formulas of the README. */
#include "autonba.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OPS 9
#define BITS 3

static cs_space *space;

static autonba_logits make_logits(uint64_t seed)
{
    autonba_logits l;
    cs_rng rng;
    cr_assert_eq(cs_space_new("fbnet:cifar", "fpga-chunk", 10, &space, NULL), CS_OK);
    cr_assert_eq(autonba_logits_new(space, &l), CS_OK);
    cr_assert(l.n_blocks == 22 && l.n_ops == OPS && l.n_bits == BITS);
    cs_rng_seed(&rng, seed);
    for (size_t i = 0; i < l.alpha->count; i++)
        l.alpha->value[i] = (float)cs_rng_normal(&rng);
    for (size_t i = 0; i < l.beta->count; i++)
        l.beta->value[i] = (float)cs_rng_normal(&rng);
    return l;
}

static void drop_logits(autonba_logits *l)
{
    autonba_logits_free(l);
    cs_space_free(space);
}

static autonba_settings settings_of(int sampling)
{
    return (autonba_settings){.sampling = sampling,
                              .hetero_bits = true,
                              .k_ops = 3,
                              .k_bits = 2,
                              .arch = {.lr = 0.1, .beta1 = 0.5, .beta2 = 0.999, .eps = 1e-8}};
}

/* ---- the reference ---- */

/* y = softmax((log softmax(logit) + noise) / tau), term by term. */
static void reference_sample(const double *logit, const double *noise, size_t n, double tau,
                             double *y)
{
    double total = 0.0, sum = 0.0;
    for (size_t i = 0; i < n; i++)
        total += exp(logit[i]);
    for (size_t i = 0; i < n; i++)
        y[i] = exp((log(exp(logit[i]) / total) + noise[i]) / tau);
    for (size_t i = 0; i < n; i++)
        sum += y[i];
    for (size_t i = 0; i < n; i++)
        y[i] /= sum;
}

/* Loss as far as it depends on one row: sum over the active entries of coef_grad * probability. */
static double reference_loss(int sampling, const double *logit, const double *noise, size_t n,
                             double tau, const uint16_t *index, size_t k, const double *coef_grad)
{
    double y[OPS], loss = 0.0, total = 0.0;
    reference_sample(logit, noise, n, tau, y);
    for (size_t i = 0; i < k; i++)
        total += exp(logit[index[i]]);
    for (size_t i = 0; i < k; i++)
        loss += coef_grad[i] *
                (sampling == AUTONBA_HETERO ? exp(logit[index[i]]) / total : y[index[i]]);
    return loss;
}

static void reference_gradient(int sampling, const float *value, const double *noise, size_t n,
                               double tau, const uint16_t *index, size_t k, const double *coef_grad,
                               double *grad)
{
    double logit[OPS];
    for (size_t i = 0; i < n; i++)
        logit[i] = (double)value[i];
    for (size_t i = 0; i < n; i++) {
        const double h = 1e-5, at = logit[i];
        logit[i] = at + h;
        const double up = reference_loss(sampling, logit, noise, n, tau, index, k, coef_grad);
        logit[i] = at - h;
        const double down = reference_loss(sampling, logit, noise, n, tau, index, k, coef_grad);
        logit[i] = at;
        grad[i] = (up - down) / (2.0 * h);
    }
}

static void check_row(const cs_logits *l, size_t row, int sampling, cs_rng *replay, double tau,
                      const uint16_t *index, size_t k, const double *coef_grad)
{
    double noise[OPS], expected[OPS];
    for (size_t i = 0; i < l->n[row]; i++)
        noise[i] = cs_rng_gumbel(replay);
    reference_gradient(sampling, &l->value[l->offset[row]], noise, l->n[row], tau, index, k,
                       coef_grad, expected);
    for (size_t i = 0; i < l->n[row]; i++)
        cr_assert_float_eq((double)l->grad[l->offset[row] + i], expected[i], 2e-5,
                           "sampling %d, row %d, entry %d: %g, expected %g", sampling, (int)row,
                           (int)i, (double)l->grad[l->offset[row] + i], expected[i]);
}

/* The whole architecture step's gradient, for every mode whose draws can be replayed. */
Test(autonba, gradients_of_logits_match_the_formulas)
{
    static const int modes[] = {AUTONBA_HETERO, AUTONBA_SOFT, AUTONBA_HARD, AUTONBA_FAKE_HARD};
    for (size_t m = 0; m < 4; m++)
        for (uint64_t seed = 1; seed <= 5; seed++) {
            autonba_logits l = make_logits(seed);
            const autonba_settings set = settings_of(modes[m]);
            autonba_draw *draw = calloc(1, sizeof *draw);
            cs_path_grad *grad = calloc(1, sizeof *grad);
            const double tau = 0.4 + 0.3 * (double)seed;
            cs_rng rng, replay, numbers;
            cr_assert(draw && grad);
            cs_rng_seed(&rng, 77 + seed);
            cs_rng_seed(&numbers, 99 + seed);
            replay = rng;
            autonba_draw_path(&set, &l, tau, AUTONBA_ARCH, &rng, draw);
            for (size_t b = 0; b < l.n_blocks; b++)
                for (size_t i = 0; i < CS_PATH_OPS_MAX; i++) {
                    grad->coef[b][i] = cs_rng_normal(&numbers);
                    for (size_t j = 0; j < CS_PATH_BITS_MAX; j++)
                        grad->bits[b][i][j] = cs_rng_normal(&numbers);
                }
            cs_logits_zero_grad(l.alpha);
            cs_logits_zero_grad(l.beta);
            autonba_add_gradient(&set, draw, grad, &l);
            for (size_t b = 0; b < l.n_blocks; b++) {
                const autonba_choice *c = &draw->block[b];
                check_row(l.alpha, b, modes[m], &replay, tau, c->op, c->n_ops, grad->coef[b]);
                for (size_t i = 0; i < c->n_ops; i++)
                    check_row(l.beta, b * OPS + c->op[i], modes[m], &replay, tau, c->bits[i],
                              c->n_bits, grad->bits[b][i]);
            }
            free(draw);
            free(grad);
            drop_logits(&l);
        }
}

/* ---- paths ---- */

static double sum_bits(const cs_path_op *op)
{
    double sum = 0.0;
    for (size_t j = 0; j < op->n_bits; j++)
        sum += (double)op->bits_coef[j];
    return sum;
}

Test(autonba, hetero_mixes_bits_for_weights_and_picks_one_for_logits)
{
    autonba_logits l = make_logits(3);
    const autonba_settings set = settings_of(AUTONBA_HETERO);
    autonba_draw *draw = calloc(1, sizeof *draw);
    cs_rng rng;
    cs_rng_seed(&rng, 5);
    for (int step = 0; step < 20; step++)
        for (int stage = 0; stage < 2; stage++) {
            autonba_draw_path(&set, &l, 1.3, stage ? AUTONBA_ARCH : AUTONBA_WEIGHTS, &rng, draw);
            cr_assert_eq(draw->path.n_blocks, 22u);
            for (size_t b = 0; b < 22; b++) {
                const cs_path_block *block = &draw->path.block[b];
                const autonba_choice *c = &draw->block[b];
                cr_assert_eq(block->n_ops, 3);
                for (size_t i = 0; i < 3; i++) {
                    const cs_path_op *op = &block->op[i];
                    cr_assert_eq(op->coef, i == 0 ? 1.0f : 0.0f);
                    cr_assert(i == 0 || c->y[c->op[i]] <= c->y[c->op[i - 1]]);
                    cr_assert_eq(op->n_bits, stage ? 2 : BITS);
                    cr_assert_float_eq(sum_bits(op), 1.0, 1e-6);
                    cr_assert(!stage || op->bits_coef[0] == 1.0f);
                    cr_assert(stage || (op->bits_coef[1] > 0.0f && op->bits_coef[2] > 0.0f));
                }
            }
        }
    free(draw);
    drop_logits(&l);
}

Test(autonba, modes_differ_as_documented)
{
    autonba_logits l = make_logits(4);
    autonba_draw *draw = calloc(1, sizeof *draw);
    cs_rng rng;
    cs_rng_seed(&rng, 6);
    autonba_settings set = settings_of(AUTONBA_SOFT);
    autonba_draw_path(&set, &l, 1.0, AUTONBA_ARCH, &rng, draw);
    double sum = 0.0;
    for (size_t i = 0; i < OPS; i++)
        sum += (double)draw->path.block[7].op[i].coef;
    cr_assert_eq(draw->path.block[7].n_ops, OPS);
    cr_assert_float_eq(sum, 1.0, 1e-6);
    cr_assert_eq(draw->path.block[7].op[0].n_bits, BITS);
    set.sampling = AUTONBA_HARD;
    autonba_draw_path(&set, &l, 1.0, AUTONBA_ARCH, &rng, draw);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(draw->path.block[2].op[i].coef, 1.0f);
    /* heterogeneous sampling off: a weight step sees one bitwidth */
    set.sampling = AUTONBA_HETERO;
    set.hetero_bits = false;
    autonba_draw_path(&set, &l, 1.0, AUTONBA_WEIGHTS, &rng, draw);
    cr_assert_eq(draw->path.block[0].op[0].n_bits, 1);
    cr_assert_eq(draw->path.block[0].op[0].bits_coef[0], 1.0f);
    /* random_hard: the best is the first, the others are any of the rest, never twice */
    set.sampling = AUTONBA_RANDOM_HARD;
    size_t not_second = 0;
    for (int step = 0; step < 50; step++) {
        autonba_draw_path(&set, &l, 1.0, AUTONBA_ARCH, &rng, draw);
        const autonba_choice *c = &draw->block[0];
        uint16_t best[3];
        cs_top_k(c->y, OPS, 3, best);
        cr_assert_eq(c->op[0], best[0]);
        cr_assert(c->op[1] != c->op[0] && c->op[2] != c->op[0] && c->op[1] != c->op[2]);
        not_second += c->op[1] != best[1];
    }
    cr_assert_gt(not_second, 25u);
    free(draw);
    drop_logits(&l);
}

/* ---- updates ---- */

/* Probability mass of the entries that were not active, before and after a step. */
static double inactive_mass(const cs_logits *l, size_t row, const uint16_t *index, size_t k)
{
    double all = 0.0, active = 0.0;
    for (size_t i = 0; i < l->n[row]; i++)
        all += exp((double)l->value[l->offset[row] + i]);
    for (size_t i = 0; i < k; i++)
        active += exp((double)l->value[l->offset[row] + index[i]]);
    return 1.0 - active / all;
}

Test(autonba, updates_leave_the_mass_of_inactive_entries_alone)
{
    autonba_logits l = make_logits(8);
    const autonba_settings set = settings_of(AUTONBA_HETERO);
    autonba_draw *draw = calloc(1, sizeof *draw);
    cs_path_grad *grad = calloc(1, sizeof *grad);
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    size_t moved = 0;
    for (int step = 0; step < 40; step++) {
        double mass[22], bits_mass[22];
        float other[22][BITS];
        autonba_draw_path(&set, &l, 1.0, AUTONBA_ARCH, &rng, draw);
        for (size_t b = 0; b < 22; b++) {
            const autonba_choice *c = &draw->block[b];
            const size_t row = b * OPS + c->op[0], idle = b * OPS + c->op[1];
            mass[b] = inactive_mass(l.alpha, b, c->op, c->n_ops);
            bits_mass[b] = inactive_mass(l.beta, row, c->bits[0], c->n_bits);
            memcpy(other[b], &l.beta->value[l.beta->offset[idle]], sizeof other[b]);
            for (size_t i = 0; i < 3; i++) {
                grad->coef[b][i] = cs_rng_normal(&rng);
                for (size_t j = 0; j < 2; j++) /* what has no effect has no gradient */
                    grad->bits[b][i][j] = i == 0 ? cs_rng_normal(&rng) : 0.0;
            }
        }
        const float before = l.alpha->value[l.alpha->offset[3] + draw->block[3].op[0]];
        cs_logits_zero_grad(l.alpha);
        cs_logits_zero_grad(l.beta);
        autonba_add_gradient(&set, draw, grad, &l);
        autonba_update(&set, draw, 0.1, &l);
        moved += l.alpha->value[l.alpha->offset[3] + draw->block[3].op[0]] != before;
        for (size_t b = 0; b < 22; b++) {
            const autonba_choice *c = &draw->block[b];
            cr_assert_float_eq(inactive_mass(l.alpha, b, c->op, c->n_ops), mass[b], 1e-6);
            cr_assert_float_eq(inactive_mass(l.beta, b * OPS + c->op[0], c->bits[0], c->n_bits),
                               bits_mass[b], 1e-6);
            cr_assert_eq(memcmp(other[b], &l.beta->value[l.beta->offset[b * OPS + c->op[1]]],
                                sizeof other[b]),
                         0, "bits of an operator that did not count moved");
        }
    }
    cr_assert_gt(moved, 35u);
    free(draw);
    free(grad);
    drop_logits(&l);
}

/* One operator and one bitwidth lower the loss, plainly but noisily: every mode finds both. */
Test(autonba, finds_the_better_operator_and_bitwidth)
{
    for (int mode = AUTONBA_HETERO; mode <= AUTONBA_RANDOM_HARD; mode++) {
        autonba_logits l = make_logits(9);
        autonba_settings set = settings_of(mode);
        autonba_draw *draw = calloc(1, sizeof *draw);
        cs_path_grad *grad = calloc(1, sizeof *grad);
        cs_design design = {0};
        cs_rng rng;
        set.k_ops = 2;
        cs_rng_seed(&rng, 12);
        for (int step = 0; step < 6000; step++) {
            autonba_draw_path(&set, &l, 1.0, AUTONBA_ARCH, &rng, draw);
            for (size_t b = 0; b < 22; b++)
                for (size_t i = 0; i < draw->block[b].n_ops; i++) {
                    const bool good = draw->block[b].op[i] == b % OPS;
                    grad->coef[b][i] = (good ? -1.0 : 0.0) + cs_rng_normal(&rng);
                    for (size_t j = 0; j < draw->block[b].n_bits; j++) {
                        const bool fine = draw->block[b].bits[i][j] == b % BITS;
                        const bool counts = draw->path.block[b].op[i].coef != 0.0f;
                        grad->bits[b][i][j] =
                            counts ? (fine ? -1.0 : 0.0) + cs_rng_normal(&rng) : 0.0;
                    }
                }
            cs_logits_zero_grad(l.alpha);
            cs_logits_zero_grad(l.beta);
            autonba_add_gradient(&set, draw, grad, &l);
            autonba_update(&set, draw, 0.01, &l);
        }
        autonba_argmax_design(space, &l, &design);
        size_t ops_right = 0, bits_right = 0;
        for (size_t b = 0; b < 22; b++) {
            ops_right += design.choice[b] == b % OPS;
            bits_right += design.choice[22 + b] == b % BITS;
        }
        cr_assert_geq(ops_right, 20u, "mode %d: %d of 22 operators", mode, (int)ops_right);
        cr_assert_geq(bits_right, 20u, "mode %d: %d of 22 bitwidths", mode, (int)bits_right);
        free(draw);
        free(grad);
        drop_logits(&l);
    }
}
