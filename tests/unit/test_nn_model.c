/* The training graph: against the op-by-op reference, against finite differences, and learning. */
#include "nn/gradcheck.h"
#include "nn/loss.h"
#include "nn/model.h"
#include "nn/reference.h"
#include "tests/nn_layout.h"
#include "tests/nn_learn.h"
#include "tests/nn_random.h"
#include "tests/nn_small.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* ---- against the reference --------------------------------------------------------------------
 */

static void compare_gradients(const cs_model *m, const cs_ref_net *ref, double tolerance,
                              const char *what)
{
    const cs_ref_layer *r = ref->layer;
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++, r++) {
            const cs_layer *l = &m->stage[i].layer[j];
            const size_t n =
                (size_t)(l->conv.cout * (l->conv.cin / l->conv.groups) * l->conv.k * l->conv.k);
            float *flat = floats(n + (size_t)l->conv.cout);
            matrix_to_oihw(&l->conv, m->grad + l->w, flat);
            cr_assert_lt(relative(flat, r->dw, n), tolerance, "%s: weights of stage %d conv %d: %g",
                         what, i, j, relative(flat, r->dw, n));
            for (int o = 0; o < l->conv.cout; o++)
                flat[o] = m->grad[l->gamma + (size_t)cs_convop_position(&l->conv, o)];
            cr_assert_lt(relative(flat, r->dgamma, (size_t)l->conv.cout), tolerance,
                         "%s: gamma of stage %d conv %d", what, i, j);
            free(flat);
        }
    cr_assert_lt(relative(m->grad + m->fc_b, ref->dfc_b, m->spec.classes), tolerance, "%s", what);
}

/* A code within float's resolution of a rounding boundary may fall to either side, and a network of
 * this size then takes another course altogether. With few bits such codes are rare: for these
 * seeds there are none, and a quantised step agrees as closely as one in float. */
static void check_spec(cs_isa isa, int threads, const cs_net_spec *spec, int bits, double tolerance)
{
    const cs_net net = small_net(bits); /* for the shape of the data, which is the same */
    const int n = 3;
    cs_engine *engine = engine_of(isa, threads);
    cs_model *m = model_of_spec(engine, spec, 4, 5);
    data d = random_data(&net, n, 6);
    cs_ref_net *ref = NULL;
    cr_assert_eq(cs_ref_net_new(&m->spec, n, &ref), CS_OK);
    cr_assert(give_parameters(m, ref));
    double *x = doubles_of(d.x, (size_t)(n * 12 * 12 * 3));
    const double expect = cs_ref_net_step(ref, x, d.y, 0.1);
    cs_model_forward(m, d.x, (size_t)n, true);
    const double loss =
        cs_cross_entropy((size_t)n, net.classes, m->classes_p, m->logits, d.y, 0.1, m->dlogits);
    cs_model_back(m, d.x, (size_t)n);
    char what[64];
    snprintf(what, sizeof what, "%s, %d threads, %d bits", cs_isa_text(isa), threads, bits);
    cr_assert_lt(fabs(loss - expect), tolerance * expect, "%s: loss %g, expected %g", what, loss,
                 expect);
    compare_gradients(m, ref, tolerance, what);
    free(x);
    cs_ref_net_free(ref);
    data_free(&d);
    cs_model_free(m);
    cs_engine_free(engine);
}

static void check_against_reference(cs_isa isa, int threads, int bits, double tolerance)
{
    const cs_net net = small_net(bits);
    cs_net_spec spec;
    cr_assert_eq(cs_net_lower(&net, &spec, NULL), CS_OK);
    check_spec(isa, threads, &spec, bits, tolerance);
}

Test(nn_model, relu_after_the_sum_and_shortcuts_equal_the_reference)
{
    EACH_ISA(isa)
    {
        for (int threads = 1; threads <= 2; threads++) {
            const cs_net_spec plain = small_resnet(CS_BITS_FLOAT), quantised = small_resnet(3);
            check_spec((cs_isa)isa, threads, &plain, CS_BITS_FLOAT, 1e-4);
            check_spec((cs_isa)isa, threads, &quantised, 3, 1e-4);
        }
    }
}

Test(nn_model, float_step_equals_the_reference)
{
    EACH_ISA(isa)
    {
        check_against_reference((cs_isa)isa, 1, CS_BITS_FLOAT, 1e-4);
        check_against_reference((cs_isa)isa, 2, CS_BITS_FLOAT, 1e-4);
    }
}

Test(nn_model, quantised_step_equals_the_reference)
{
    EACH_ISA(isa)
    {
        check_against_reference((cs_isa)isa, 1, 4, 1e-4);
        check_against_reference((cs_isa)isa, 2, 4, 1e-4);
        check_against_reference((cs_isa)isa, 1, 3, 1e-4);
        check_against_reference((cs_isa)isa, 1, 2, 1e-4);
    }
}

/* ---- finite differences ------------------------------------------------------------------------
 */

typedef struct loss_of {
    cs_model *model;
    const cs_batch *batch;
} loss_of;

static double model_loss(void *context)
{
    const loss_of *l = context;
    l->model->ready = false;
    cs_model_forward(l->model, l->batch->x, l->batch->n, true);
    return cs_cross_entropy(l->batch->n, l->model->spec.classes, l->model->classes_p,
                            l->model->logits, l->batch->y, 0.0, l->model->dlogits);
}

/* Every ReLU is well in its linear part, so that the loss is smooth; the reference test covers the
 * other part. */
static void keep_relus_open(cs_model *m)
{
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++) {
            const cs_layer *l = &m->stage[i].layer[j];
            for (int c = 0; c < l->conv.cout; c++)
                m->params[l->beta + (size_t)c] = 6.0f;
        }
}

static double check_piece(loss_of *l, const float *grad, size_t at, size_t n, double eps,
                          cs_rng *rng)
{
    return cs_gradcheck(model_loss, l, l->model->params + at, grad + at, n, eps, 3, rng);
}

static void check_differences(const cs_net_spec *spec)
{
    const cs_net net = small_net(CS_BITS_FLOAT);
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_model *m = model_of_spec(engine, spec, 6, 7);
    data d = random_data(&net, 6, 8);
    keep_relus_open(m);
    loss_of l = {m, &d.batch};
    model_loss(&l);
    cs_model_back(m, d.x, 6);
    float *grad = floats(m->n_params);
    memcpy(grad, m->grad, m->n_params * sizeof *grad);
    cs_rng rng;
    cs_rng_seed(&rng, 9);
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++) {
            const cs_layer *layer = &m->stage[i].layer[j];
            const size_t c = (size_t)layer->conv.out_p;
            const double gamma = check_piece(&l, grad, layer->gamma, c, 1e-2, &rng);
            cr_assert_lt(gamma, 0.03, "gamma of stage %d conv %d: %g", i, j, gamma);
            if (layer->conv.groups > 1 && layer->conv.kind != CS_CONVOP_DEPTHWISE)
                continue; /* moving structural zeros would be another network */
            const double w =
                check_piece(&l, grad, layer->w, cs_convop_weights(&layer->conv), 1.5e-3, &rng);
            cr_assert_lt(w, 0.03, "weights of stage %d conv %d: %g", i, j, w);
        }
    const size_t n = (size_t)(m->features * m->classes_p);
    cr_assert_lt(check_piece(&l, grad, m->fc_w, n, 1e-3, &rng), 0.01);
    cr_assert_lt(check_piece(&l, grad, m->fc_b, (size_t)m->classes_p, 1e-2, &rng), 0.01);
    free(grad);
    data_free(&d);
    cs_model_free(m);
    cs_engine_free(engine);
}

Test(nn_model, gradient_of_every_parameter_by_finite_differences)
{
    const cs_net net = small_net(CS_BITS_FLOAT);
    cs_net_spec spec;
    cr_assert_eq(cs_net_lower(&net, &spec, NULL), CS_OK);
    check_differences(&spec);
    spec = small_resnet(CS_BITS_FLOAT);
    check_differences(&spec);
}

Test(nn_model, gradcheck_sees_a_wrong_gradient)
{
    const cs_net net = small_net(CS_BITS_FLOAT);
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_model *m = model_of(engine, &net, 6, 7);
    data d = random_data(&net, 6, 8);
    loss_of l = {m, &d.batch};
    model_loss(&l);
    cs_model_back(m, d.x, 6);
    const size_t n = (size_t)(m->features * m->classes_p);
    float *wrong = floats(n);
    for (size_t i = 0; i < n; i++)
        wrong[i] = 1.2f * m->grad[m->fc_w + i];
    cs_rng rng;
    cs_rng_seed(&rng, 9);
    cr_assert_gt(cs_gradcheck(model_loss, &l, m->params + m->fc_w, wrong, n, 1e-3, 5, &rng), 0.05);
    free(wrong);
    data_free(&d);
    cs_model_free(m);
    cs_engine_free(engine);
}

/* ---- price list, determinism, learning ----------------------------------------------------------
 */

Test(nn_model, meter_equals_the_price_list)
{
    const cs_net net = small_net(6);
    cs_engine *engine = engine_of(isa_default(), 2);
    cs_model *m = model_of(engine, &net, 7, 1);
    data d = random_data(&net, 7, 2);
    cs_model_forward(m, d.x, 7, false);
    cr_assert_eq(cs_engine_macs(engine), 7 * cs_forward_macs_per_image(&net));
    const uint64_t before = cs_engine_macs(engine);
    const cs_recipe recipe = {.momentum = 0.9};
    cs_model_step(m, &d.batch, &recipe, 0.1);
    cr_assert_eq(cs_engine_macs(engine) - before, 7 * cs_train_macs_per_image(&net));
    /* by hand: stem 12*12*8*27, then block 1 of 6 convolutions' kinds, is enough to pin the unit */
    cs_net stem = net;
    stem.n_blocks = 0;
    cr_assert_eq(cs_forward_macs_per_image(&stem), 144 * 8 * 27 + 144 * 24 * 8 + 24 * 5);
    data_free(&d);
    cs_model_free(m);
    cs_engine_free(engine);
}

/* Parameters after a few steps. */
static float *train_bits(cs_isa isa, int threads, int bits, uint64_t seed, size_t *n)
{
    const cs_net net = small_net(bits);
    cs_engine *engine = engine_of(isa, threads);
    cs_model *m = model_of(engine, &net, 5, seed);
    const cs_recipe recipe = {.momentum = 0.9, .weight_decay = 5e-4, .clip_norm = 5.0};
    for (uint64_t step = 0; step < 3; step++) {
        data d = random_data(&net, 5, 100 + step);
        cs_model_step(m, &d.batch, &recipe, 0.05);
        data_free(&d);
    }
    *n = m->n_params;
    float *out = floats(*n);
    memcpy(out, m->params, *n * sizeof *out);
    cs_model_free(m);
    cs_engine_free(engine);
    return out;
}

Test(nn_model, same_seed_same_bits)
{
    EACH_ISA(isa)
    {
        const cs_isa set = (cs_isa)isa;
        for (int threads = 1; threads <= 3; threads++) {
            size_t n;
            float *a = train_bits(set, threads, 8, 3, &n), *b = train_bits(set, threads, 8, 3, &n);
            float *c = train_bits(set, threads, 8, 4, &n);
            cr_assert_eq(memcmp(a, b, n * sizeof *a), 0, "%s, %d threads", cs_isa_text(set),
                         threads);
            cr_assert_neq(memcmp(a, c, n * sizeof *a), 0, "another seed, %s, %d threads",
                          cs_isa_text(set), threads);
            free(a);
            free(b);
            free(c);
        }
    }
}

/* Rounding differs, what is computed does not. In float only: a code that rounds the other way
 * sends a quantised network of this size on another course. */
Test(nn_model, instruction_sets_and_threads_agree)
{
    size_t n;
    float *portable = train_bits(CS_ISA_PORTABLE, 1, CS_BITS_FLOAT, 3, &n);
    float *start = train_bits(CS_ISA_PORTABLE, 1, CS_BITS_FLOAT, 4, &n);
    double *expect = doubles_of(portable, n);
    cr_assert_gt(relative(start, expect, n), 0.1, "the comparison sees another network");
    EACH_ISA(isa)
    {
        for (int threads = 1; threads <= 2; threads++) {
            float *got = train_bits((cs_isa)isa, threads, CS_BITS_FLOAT, 3, &n);
            cr_assert_lt(relative(got, expect, n), 1e-4, "%s, %d threads: %g",
                         cs_isa_text((cs_isa)isa), threads, relative(got, expect, n));
            free(got);
        }
    }
    free(portable);
    free(start);
    free(expect);
}

Test(nn_model, structural_zeros_stay_zero)
{
    const cs_net net = small_net(8);
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_model *m = model_of(engine, &net, 5, 1);
    data d = random_data(&net, 5, 2);
    const cs_recipe recipe = {.momentum = 0.9, .weight_decay = 5e-4};
    for (int step = 0; step < 2; step++)
        cs_model_step(m, &d.batch, &recipe, 0.05);
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++) {
            const cs_layer *l = &m->stage[i].layer[j];
            for (int r = 0; r < l->conv.rows; r++)
                for (int c = 0; c < l->conv.out_p; c++)
                    if (!cs_convop_connected(&l->conv, r, c))
                        cr_assert_eq(m->params[l->w + (size_t)(r * l->conv.out_p + c)], 0.0f);
        }
    data_free(&d);
    cs_model_free(m);
    cs_engine_free(engine);
}

/* Images whose brightest quarter tells the class. */
typedef struct blobs {
    cs_rng rng;
    float x[20 * 12 * 12 * 3];
    int32_t y[20];
    uint32_t served, epoch;
} blobs;

static cs_status blobs_next(void *context, cs_batch *out)
{
    blobs *b = context;
    if (b->served == b->epoch) {
        b->served = 0;
        return CS_DONE;
    }
    b->served += 20;
    for (int i = 0; i < 20; i++) {
        b->y[i] = (int32_t)cs_rng_below(&b->rng, 4);
        for (int p = 0; p < 144; p++) {
            const int quarter = p / 12 / 6 * 2 + p % 12 / 6;
            for (int c = 0; c < 3; c++)
                b->x[(i * 144 + p) * 3 + c] = (float)(0.5 * cs_rng_normal(&b->rng) +
                                                      (quarter == b->y[i] ? 1.0 * (c + 1) : 0));
        }
        /* a corner marker that a pooled network can see: position becomes colour */
        for (int p = 0; p < 144; p++)
            b->x[(i * 144 + p) * 3] += (float)b->y[i];
    }
    *out = (cs_batch){.x = b->x, .y = b->y, .n = 20, .h = 12, .w = 12, .c = 3};
    return CS_OK;
}

static cs_status count_steps(void *context, uint32_t epoch, uint32_t step, double loss)
{
    (void)epoch;
    (void)step;
    (void)loss;
    ++*(int *)context;
    return CS_OK;
}

static double learn(int bits)
{
    cs_net net = small_net(bits);
    net.classes = 4;
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_model *m = NULL;
    cr_assert_eq(cs_model_new(engine, &net, 20, 1, &m, NULL), CS_OK);
    blobs b = {.epoch = 200};
    cs_rng_seed(&b.rng, 2);
    const cs_feed feed = {.context = &b, .epoch_images = 200, .next = blobs_next};
    const cs_recipe recipe = {.id = "t",
                              .epochs = 4,
                              .batch = 20,
                              .lr = 0.1,
                              .lr_end = 0.001,
                              .warmup_epochs = 0.5,
                              .momentum = 0.9,
                              .weight_decay = 1e-4,
                              .clip_norm = 5.0,
                              .label_smoothing = 0.1};
    int steps = 0;
    double acc = -1.0;
    cr_assert_eq(cs_model_accuracy(m, &feed, NULL, NULL, &acc), CS_OK);
    cr_assert_lt(acc, 0.6, "untrained, yet %g", acc);
    cr_assert_eq(cs_model_train(m, &recipe, &feed, count_steps, &steps), CS_OK);
    cr_assert_eq(steps, 40);
    cr_assert_eq(cs_model_accuracy(m, &feed, NULL, NULL, &acc), CS_OK);
    cs_model_free(m);
    cs_engine_free(engine);
    return acc;
}

Test(nn_model, learns_a_separable_problem)
{
    cr_assert_gt(learn(CS_BITS_FLOAT), 0.95);
    cr_assert_gt(learn(8), 0.95);
    cr_assert_gt(learn(4), 0.9);
}

static cs_status stop_at_two(void *context, uint32_t epoch, uint32_t step, double loss)
{
    (void)context;
    (void)epoch;
    (void)loss;
    return step == 2 ? CS_STOP : CS_OK;
}

Test(nn_model, hooks_stop_and_bad_input_is_refused)
{
    const cs_net net = small_net(8);
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_model *m = NULL;
    cs_error err = {""};
    cr_assert_eq(cs_model_new(engine, &net, 20, 1, &m, NULL), CS_OK);
    blobs b = {.epoch = 200};
    cs_rng_seed(&b.rng, 2);
    const cs_feed feed = {.context = &b, .epoch_images = 200, .next = blobs_next};
    cs_recipe recipe = {.epochs = 1, .batch = 20, .lr = 0.1};
    cr_assert_eq(cs_model_train(m, &recipe, &feed, stop_at_two, NULL), CS_STOP);
    recipe.batch = 21; /* more than the model was made for */
    cr_assert_eq(cs_model_train(m, &recipe, &feed, NULL, NULL), CS_EUSAGE);
    recipe.batch = 20;
    recipe.lr = 3e38;
    recipe.epochs = 10;
    cr_assert_eq(cs_model_train(m, &recipe, &feed, NULL, NULL), CS_ENUMERIC);
    cs_model_free(m);

    cs_net wrong = net;
    wrong.block[1].cin = 9;
    cr_assert_eq(cs_model_new(engine, &wrong, 4, 1, &m, &err), CS_EUSAGE);
    cr_assert(strstr(err.text, "block 1"), "%s", err.text);
    wrong = net;
    wrong.block[0].kernel = 4;
    cr_assert_eq(cs_model_new(engine, &wrong, 4, 1, &m, &err), CS_EUSAGE);
    cr_assert_eq(cs_model_new(engine, &net, 0, 1, &m, &err), CS_EUSAGE);
    cs_engine_free(engine);
}

Test(nn_model, memory_is_given_back_and_its_peak_explained)
{
    const cs_net net = small_net(8);
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_model *m = model_of(engine, &net, 64, 1);
    const size_t peak = cs_engine_peak_bytes(engine);
    cr_assert_eq(peak, m->block_size[0] + m->block_size[1]);
    cr_assert_eq(engine->live, peak);
    cs_model_free(m);
    cr_assert_eq(engine->live, 0);
    m = model_of(engine, &net, 64, 2);
    cr_assert_eq(cs_engine_peak_bytes(engine), peak, "the second model reuses the block");
    cs_model_free(m);
    cs_engine_free(engine);
}

Test(nn_model, evaluation_leaves_no_trace)
{
    const cs_net net = small_net(4);
    cs_engine *engine = engine_of(cs_isa_detect(), 2);
    cs_model *m = model_of(engine, &net, 5, 1);
    data a = random_data(&net, 5, 2), b = random_data(&net, 4, 3);
    const cs_recipe recipe = {.momentum = 0.9};
    float first[5 * CS_LANES];
    for (int trained = 0; trained < 2; trained++) {
        cs_model_forward(m, a.x, 5, false);
        memcpy(first, m->logits, sizeof first);
        cs_model_forward(m, b.x, 4, false);
        cs_model_forward(m, a.x, 5, false);
        cr_assert_eq(memcmp(first, m->logits, sizeof first), 0, "trained: %d", trained);
        cs_model_step(m, &b.batch, &recipe, 0.1);
        cs_model_forward(m, a.x, 5, false);
        cr_assert_neq(memcmp(first, m->logits, sizeof first), 0, "a step changes the answer");
    }
    /* an image's answer does not depend on its neighbours in the batch */
    cs_model_forward(m, a.x, 5, false);
    memcpy(first, m->logits, sizeof first);
    cs_model_forward(m, a.x + 2 * 12 * 12 * 3, 1, false);
    cr_assert_eq(memcmp(first + 2 * CS_LANES, m->logits, CS_LANES * sizeof *first), 0);
    data_free(&a);
    data_free(&b);
    cs_model_free(m);
    cs_engine_free(engine);
}

/* With running statistics and ranges that are those of the batch, evaluation is the training pass.
 */
Test(nn_model, evaluation_uses_running_statistics_and_ranges)
{
    const int bits[] = {CS_BITS_FLOAT, 3};
    for (int k = 0; k < 2; k++) {
        const cs_net net = small_net(bits[k]);
        cs_engine *engine = engine_of(cs_isa_detect(), 1);
        cs_model *m = model_of(engine, &net, 5, 1);
        data a = random_data(&net, 5, 2);
        float train[5 * CS_LANES];
        cs_model_forward(m, a.x, 5, true); /* the first batch sets the ranges */
        memcpy(train, m->logits, sizeof train);
        for (int i = 0; i < m->n_stages; i++)
            for (int j = 0; j < m->stage[i].n_layers; j++) {
                const cs_bn *bn = &m->stage[i].layer[j].bn;
                for (int c = 0; c < m->stage[i].layer[j].conv.cout; c++) {
                    bn->run_mean[c] = bn->mean[c];
                    bn->run_var[c] = 1.0f / (bn->inv[c] * bn->inv[c]) - (float)CS_BN_EPS;
                }
            }
        double *expect = doubles_of(train, sizeof train / sizeof *train);
        cs_model_forward(m, a.x, 5, false);
        const double error = relative(m->logits, expect, 5 * CS_LANES);
        cr_assert_lt(error, 1e-4, "%d bits: %g", bits[k], error);
        free(expect);
        data_free(&a);
        cs_model_free(m);
        cs_engine_free(engine);
    }
}
