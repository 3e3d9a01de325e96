/* Gradients of the supernet against its formulas in double precision and finite differences. */
#include "tests/supernet_fixture.h"
#include "tests/supernet_reference.h"

#include <stdio.h>

/* scale: sum of the magnitudes of what the gradient is the sum of. Batch norm makes some of these
 * sums vanish, so the result itself is no measure. */
static void near(double got, double expect, double scale, double tolerance, const char *what, int s,
                 int i)
{
    cr_assert_lt(fabs(got - expect), tolerance * (fabs(scale) + 1e-9),
                 "%s, stage %d, place %d: %.9g, expected %.9g", what, s, i, got, expect);
}

static void compare_path_grad(const cs_path *path, const cs_path_grad *got, const ref_super *ref,
                              double tolerance, const char *what)
{
    for (size_t b = 0; b < path->n_blocks; b++)
        for (int i = 0; i < path->block[b].n_ops; i++) {
            const cs_path_op *o = &path->block[b].op[i];
            const double *expect = ref->grad.bits[b][i];
            near(got->coef[b][i], ref->grad.coef[b][i], ref->size.coef[b][i], tolerance, what,
                 (int)b, i);
            for (int j = 0; j < o->n_bits; j++)
                near(got->bits[b][i][j], o->n_bits > 1 ? expect[j] : 0.0, ref->size.bits[b][i][j],
                     tolerance, what, (int)b, i);
        }
}

static void compare_weights(cs_supernet *net, const ref_super *ref, double tolerance,
                            const char *what)
{
    for (int s = 0; s < net->n_stages; s++)
        for (int i = 0; i < net->stage[s].n_active; i++) {
            const cs_super_op *op = cs_super_active(&net->stage[s], i);
            for (int j = 0; op->kept && j < op->n_layers; j++) {
                const cs_layer *l = &op->layer[j];
                const ref_layer *r = &ref->stage[s].op[i].layer[j];
                const float *grad = net->team.part[0].grad + l->grad;
                const size_t n = ref_weights(&r->shape), channels = (size_t)l->conv.cout;
                float *flat = floats(n + channels);
                matrix_to_oihw(&l->conv, grad, flat);
                cr_assert_lt(relative(flat, r->dw, n), tolerance,
                             "%s: weights of stage %d place %d conv %d: %g", what, s, i, j,
                             relative(flat, r->dw, n));
                for (int o = 0; o < l->conv.cout; o++)
                    flat[o] = grad[l->gamma - l->w + (size_t)cs_convop_position(&l->conv, o)];
                cr_assert_lt(relative(flat, r->dgamma, channels), tolerance,
                             "%s: gamma of stage %d place %d conv %d", what, s, i, j);
                free(flat);
            }
        }
    cr_assert_lt(relative(net->team.part[0].grad + net->fc_grad +
                              net->classifier.features_p * net->classifier.classes_p,
                          ref->dfc_b, 5),
                 tolerance, "%s: classifier", what);
}

/* Both kinds of step over one path. */
static void check_path(cs_supernet *net, const cs_path *path, const cs_batch *batch,
                       const char *what)
{
    const double tolerance = 1e-4;
    const cs_supernet_sgd still = {.lr = 0.0, .label_smoothing = 0.1};
    cs_supernet_result result = {0};
    cs_path_grad grad;
    ref_super *ref = ref_super_step(net, path, batch, CS_STE_IDENTITY, 0.1);
    cr_assert_eq(cs_supernet_step(net, batch, path, &still, &result), CS_OK);
    cr_assert_lt(fabs(result.loss - ref->loss), tolerance * ref->loss, "%s: loss %g, expected %g",
                 what, result.loss, ref->loss);
    compare_weights(net, ref, tolerance, what);
    ref_free(ref);
    ref = ref_super_step(net, path, batch, CS_STE_CLAMP, 0.0);
    cr_assert_eq(cs_supernet_arch(net, batch, path, false, &grad, &result), CS_OK);
    cr_assert_lt(fabs(result.loss - ref->loss), tolerance * ref->loss);
    compare_path_grad(path, &grad, ref, tolerance, what);
    ref_free(ref);
}

static void check_paths(cs_isa isa, int threads, cs_bits_storage storage, uint64_t seed)
{
    cs_engine *engine = engine_of(isa, threads);
    cs_supernet *net = small_supernet(engine, storage);
    images d = random_images(3, 6, 5, seed);
    cs_rng rng;
    cs_rng_seed(&rng, seed);
    static const struct {
        const char *what;
        int ops;
        bool hard;
        int bits;
        bool hard_bits;
    } kind[] = {{"one operator in float", 1, true, 0, true},
                {"one operator, one bitwidth", 1, true, 1, true},
                {"two operators, mixed bits", 2, true, 3, false},
                {"two operators, two bits, hard", 2, true, 2, true},
                {"nine operators mixed, float", 9, false, 0, true},
                {"nine operators mixed, one bitwidth", 9, false, 1, true},
                {"operators and bits mixed", 4, false, 3, false}};
    for (size_t k = 0; k < sizeof kind / sizeof *kind; k++) {
        char what[96];
        snprintf(what, sizeof what, "%s, %s, %d threads, storage %d, seed %u", kind[k].what,
                 cs_isa_text(isa), threads, (int)storage, (unsigned)seed);
        const cs_path path =
            random_path(&rng, kind[k].ops, kind[k].hard, kind[k].bits, kind[k].hard_bits);
        check_path(net, &path, &d.batch, what);
    }
    cs_supernet_free(net);
    cs_engine_free(engine);
    images_free(&d);
}

Test(supernet, steps_equal_the_reference)
{
    EACH_ISA(isa)
    {
        for (uint64_t seed = 1; seed <= 4; seed++)
            check_paths((cs_isa)isa, seed == 1 ? 2 : 1, seed > 2 ? CS_BITS_PER_COPY : CS_BITS_MIXED,
                        seed);
    }
}

/* ---- finite differences
 * ---------------------------------------------------------------------------
 */

/* Loss of a training pass of the path, without touching anything. */
static double path_loss(cs_supernet *net, const cs_batch *batch, const cs_path *path)
{
    cs_path_grad grad;
    cs_supernet_result result = {0};
    cr_assert_eq(cs_supernet_arch(net, batch, path, false, &grad, &result), CS_OK);
    return result.loss;
}

/* The loss is smooth in an operator's factor where nothing is quantised and no ReLU is near its
 * corner; batch norm's shift of 6 keeps them open. */
Test(supernet, factors_by_finite_differences)
{
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_supernet *net = small_supernet(engine, CS_BITS_MIXED);
    images d = random_images(4, 6, 5, 11);
    cs_rng rng;
    cs_rng_seed(&rng, 12);
    for (size_t k = 0; k < net->n_ops; k++)
        for (int j = 0; j < net->ops[k].n_layers; j++)
            for (int c = 0; c < net->ops[k].layer[j].conv.cout; c++)
                net->params[net->ops[k].layer[j].beta + (size_t)c] = 6.0f;
    cs_path path = random_path(&rng, 9, false, 0, true);
    cs_path_grad grad;
    cs_supernet_result result;
    cr_assert_eq(cs_supernet_arch(net, &d.batch, &path, false, &grad, &result), CS_OK);
    double miss = 0.0, all = 0.0;
    for (int b = 0; b < 3; b++)
        for (int i = 0; i < path.block[b].n_ops; i++) {
            float *coef = &path.block[b].op[i].coef;
            const float kept = *coef, eps = 0.1f * kept;
            *coef = kept + eps;
            const double up = path_loss(net, &d.batch, &path);
            *coef = kept - eps;
            const double down = path_loss(net, &d.batch, &path);
            *coef = kept;
            const double slope = (up - down) / (2.0 * (double)eps);
            miss += (slope - grad.coef[b][i]) * (slope - grad.coef[b][i]);
            all += slope * slope;
        }
    cr_assert_gt(sqrt(all), 0.1, "the factors matter: %g", sqrt(all));
    cr_assert_lt(sqrt(miss / all), 0.03, "%g", sqrt(miss / all));
    cs_supernet_free(net);
    cs_engine_free(engine);
    images_free(&d);
}

/* The convolution of a strided or widening skip takes part in the mixing of bitwidths; the released
 * code leaves it out (specs 8.3 item 7). */
Test(supernet, a_strided_skip_mixes_bitwidths)
{
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_supernet *net = small_supernet(engine, CS_BITS_MIXED);
    images d = random_images(3, 6, 5, 91);
    cs_rng rng;
    cs_rng_seed(&rng, 92);
    for (int hard = 0; hard < 2; hard++) {
        cs_path path = random_path(&rng, 1, true, 3, hard);
        path.block[1].op[0].op = 8;
        check_path(net, &path, &d.batch, hard ? "skip, hard bits" : "skip, mixed bits");
        cs_path_grad grad;
        cs_supernet_result result;
        cr_assert_eq(cs_supernet_arch(net, &d.batch, &path, false, &grad, &result), CS_OK);
        for (int j = 0; j < 3; j++)
            cr_assert_neq(grad.bits[1][0][j], 0.0, "bitwidth %d has no gradient", j);
    }
    cs_supernet_free(net);
    cs_engine_free(engine);
    images_free(&d);
}
