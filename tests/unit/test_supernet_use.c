/* The supernet in use: recalibration, evaluation, files, memory, refusals. */
#include "run/task_config.h"
#include "tests/supernet_fixture.h"

/* ---- recalibration and evaluation
 * -----------------------------------------------------------------
 */

/* Mean, unbiased variance and range of a layer's tensors in one batch, from the tensors. */
static void batch_statistics(const cs_layer *l, const float *x, const cs_layer *from, size_t n,
                             double *mean, double *var, double range[2])
{
    const cs_convop *c = &l->conv;
    const size_t pixels = n * (size_t)(c->oh * c->ow);
    for (int k = 0; k < c->cout; k++) {
        double sum = 0.0, square = 0.0;
        for (size_t p = 0; p < pixels; p++)
            sum += (double)l->z[p * (size_t)c->out_p + (size_t)k];
        mean[k] = sum / (double)pixels;
        for (size_t p = 0; p < pixels; p++) {
            const double d = (double)l->z[p * (size_t)c->out_p + (size_t)k] - mean[k];
            square += d * d;
        }
        var[k] = square / ((double)pixels - 1.0);
    }
    range[0] = INFINITY;
    range[1] = -INFINITY;
    for (size_t p = 0; p < n * (size_t)(c->h * c->w); p++)
        for (int k = 0; k < c->cin; k++) {
            double v = (double)x[p * (size_t)c->in_p + (size_t)k];
            if (from)
                v = fmax(0.0, (double)from->bn.s[k] * v + (double)from->bn.t[k]);
            range[0] = fmin(range[0], v);
            range[1] = fmax(range[1], v);
        }
}

Test(supernet, recalibration_is_the_plain_average)
{
    enum { BATCHES = 3, CHANNELS = 18 * 6 };
    cs_engine *engine = engine_of(isa_default(), 2);
    cs_supernet *net = small_supernet(engine, CS_BITS_MIXED);
    cs_rng rng;
    cs_rng_seed(&rng, 41);
    const cs_path path = random_path(&rng, 1, true, 1, true);
    images d[BATCHES];
    double mean[CS_SUPER_LAYERS][CHANNELS] = {{0}}, var[CS_SUPER_LAYERS][CHANNELS] = {{0}};
    double lo[CS_SUPER_LAYERS] = {0}, hi[CS_SUPER_LAYERS] = {0};
    cs_super_stage *stage = &net->stage[2];
    cr_assert_eq(cs_super_activate(net, &path, CS_SUPER_WEIGHTS), CS_OK);
    cs_super_op *op = &stage->op[stage->active[0]];
    cr_assert_gt(op->n_layers, 0);
    for (int b = 0; b < BATCHES; b++) {
        d[b] = random_images(4 - b % 2, 6, 5, 42 + (uint64_t)b);
        cs_super_forward(net, d[b].x, d[b].batch.n, 0.0);
        for (int j = 0; j < op->n_layers; j++) {
            double m[CHANNELS], v[CHANNELS], r[2];
            const cs_layer *l = &op->layer[j];
            batch_statistics(l, j ? l[-1].z : stage[-1].x, j ? l - 1 : NULL, d[b].batch.n, m, v, r);
            for (int k = 0; k < l->conv.cout; k++) {
                mean[j][k] += m[k] / BATCHES;
                var[j][k] += v[k] / BATCHES;
            }
            lo[j] += r[0] / BATCHES;
            hi[j] += r[1] / BATCHES;
        }
    }
    serving s = {d, 0, BATCHES};
    const cs_feed feed = {.context = &s, .epoch_images = 11, .next = serve};
    float *shared[2] = {op->layer[0].bn.run_mean, op->layer[0].bn.run_var};
    cr_assert_eq(cs_supernet_recalibrate(net, &path, &feed, BATCHES), CS_OK);
    cr_assert(net->recalibrated);
    cr_assert_eq(op->layer[0].bn.run_mean, shared[0]);
    cr_assert_eq(shared[0][0], 0.0f, "the shared statistics stay");
    cr_assert_eq(shared[1][0], 1.0f);
    for (int j = 0; j < op->n_layers; j++) {
        const size_t channels = (size_t)op->layer[j].conv.cout;
        cr_assert_lt(relative(op->other_mean[j], mean[j], channels), 1e-5);
        cr_assert_lt(relative(op->other_var[j], var[j], channels), 1e-5);
        cr_assert_float_eq((double)op->other_range[j].min, lo[j], 1e-5 * (hi[j] - lo[j]));
        cr_assert_float_eq((double)op->other_range[j].max, hi[j], 1e-5 * (hi[j] - lo[j]));
    }
    for (int b = 0; b < BATCHES; b++)
        images_free(&d[b]);
    cs_supernet_free(net);
    cs_engine_free(engine);
}

/* Training normalises by the biased variance, evaluation by the unbiased one. */
static void make_biased(cs_supernet *net, int n)
{
    for (size_t k = 0; k < net->n_ops; k++)
        for (int j = 0; j < net->ops[k].n_layers; j++) {
            const cs_convop *c = &net->ops[k].layer[j].conv;
            const float count = (float)(n * c->oh * c->ow);
            for (int i = 0; i < c->cout; i++)
                net->ops[k].other_var[j][i] *= (count - 1.0f) / count;
        }
}

/* With statistics of one batch, evaluating that batch is the training pass; without them it is
 * not; a step makes them void. */
Test(supernet, accuracy_uses_what_was_recalibrated)
{
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_supernet *net = small_supernet(engine, CS_BITS_MIXED);
    images d = random_images(4, 6, 5, 51);
    serving s = {&d, 0, 1};
    const cs_feed feed = {.context = &s, .epoch_images = 4, .next = serve};
    cs_rng rng;
    cs_rng_seed(&rng, 52);
    const cs_path path = random_path(&rng, 2, false, 0, true);
    const cs_path other = random_path(&rng, 2, false, 0, true);
    cs_supernet_result result;
    cs_path_grad grad;
    const size_t n = 4 * (size_t)net->classifier.classes_p;
    cr_assert_eq(cs_supernet_arch(net, &d.batch, &path, false, &grad, &result), CS_OK);
    double *train = doubles_of(net->classifier.logits, n), acc;
    cr_assert_eq(cs_supernet_accuracy(net, &path, &feed, NULL, NULL, &acc), CS_OK);
    cr_assert_gt(relative(net->classifier.logits, train, n), 0.05, "untrained statistics");
    cr_assert_eq(cs_supernet_recalibrate(net, &path, &feed, 1), CS_OK);
    make_biased(net, 4);
    cr_assert_eq(cs_supernet_accuracy(net, &path, &feed, NULL, NULL, &acc), CS_OK);
    cr_assert_lt(relative(net->classifier.logits, train, n), 1e-4);
    cr_assert_eq(acc, result.acc);
    cr_assert_eq(cs_supernet_accuracy(net, &other, &feed, NULL, NULL, &acc), CS_OK);
    cr_assert_eq(cs_supernet_accuracy(net, &path, &feed, NULL, NULL, &acc), CS_OK);
    cr_assert_lt(relative(net->classifier.logits, train, n), 1e-4, "another path changes nothing");
    const cs_supernet_sgd still = {.lr = 0.0};
    cr_assert_eq(cs_supernet_step(net, &d.batch, &other, &still, &result), CS_OK);
    cr_assert_eq(cs_supernet_accuracy(net, &path, &feed, NULL, NULL, &acc), CS_OK);
    cr_assert_gt(relative(net->classifier.logits, train, n), 0.05, "a step makes them void");
    free(train);
    cs_supernet_free(net);
    cs_engine_free(engine);
    images_free(&d);
}

Test(supernet, saved_and_loaded_goes_on_bit_for_bit)
{
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_supernet *a = small_supernet(engine, CS_BITS_MIXED), *b = NULL, *c = NULL;
    const cs_net plain = small_net();
    cs_net wider = plain;
    wider.head_channels = 32;
    cr_assert_eq(cs_super_new(engine, &small_space, &plain, 4, CS_BITS_MIXED, 9, &b, NULL), CS_OK);
    cr_assert_eq(cs_super_new(engine, &small_space, &wider, 4, CS_BITS_MIXED, 9, &c, NULL), CS_OK);
    images d = random_images(4, 6, 5, 61);
    serving s = {&d, 0, 1};
    const cs_feed feed = {.context = &s, .epoch_images = 4, .next = serve};
    cs_rng rng;
    cs_rng_seed(&rng, 62);
    const cs_path first = random_path(&rng, 3, false, 2, false);
    const cs_path then = random_path(&rng, 2, true, 3, false);
    cs_supernet_result ra, rb;
    cr_assert_eq(cs_supernet_step(a, &d.batch, &first, &usual, &ra), CS_OK);
    cs_sink *sink = NULL;
    cs_source *source = NULL;
    size_t n;
    cr_assert_eq(cs_sink_new(&sink), CS_OK);
    cr_assert_eq(cs_supernet_save(a, sink), CS_OK);
    const void *bytes = cs_sink_bytes(sink, &n);
    cr_assert_eq(cs_source_new(bytes, n, &source), CS_OK);
    cr_assert_eq(cs_supernet_load(b, source), CS_OK);
    cr_assert_eq(cs_supernet_tensor_bytes(b), cs_supernet_tensor_bytes(a));
    cs_source_free(source);
    for (int step = 0; step < 2; step++) {
        cr_assert_eq(cs_supernet_step(a, &d.batch, &then, &usual, &ra), CS_OK);
        cr_assert_eq(cs_supernet_step(b, &d.batch, &then, &usual, &rb), CS_OK);
        cr_assert_eq(ra.loss, rb.loss);
    }
    cr_assert_eq(memcmp(a->params, b->params, a->n_params * sizeof(float)), 0);
    double accuracy[2];
    cr_assert_eq(cs_supernet_accuracy(a, &first, &feed, NULL, NULL, &accuracy[0]), CS_OK);
    cr_assert_eq(cs_supernet_accuracy(b, &first, &feed, NULL, NULL, &accuracy[1]), CS_OK);
    cr_assert_eq(memcmp(a->classifier.logits, b->classifier.logits, 4 * CS_LANES * sizeof(float)),
                 0);
    cr_assert_eq(cs_source_new(bytes, n, &source), CS_OK);
    cr_assert_eq(cs_supernet_load(c, source), CS_EFORMAT);
    cs_source_free(source);
    cr_assert_eq(cs_source_new(bytes, n / 2, &source), CS_OK);
    cr_assert_neq(cs_supernet_load(b, source), CS_OK, "half a file");
    cs_source_free(source);
    cs_sink_free(sink);
    cs_supernet_free(a);
    cs_supernet_free(b);
    cs_supernet_free(c);
    cs_engine_free(engine);
    images_free(&d);
}

/* Tensors of a weight step with two operators and J mixed bitwidths. */
static size_t tensor_bytes(cs_engine *engine, cs_bits_storage storage, int bits)
{
    static const int32_t five[] = {4, 5, 6, 7, 8}, ops[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    static const cs_net_space space = {
        .name = "five", .ops = ops, .n_ops = 9, .bits = five, .n_bits = 5};
    cs_net plain = small_net();
    cs_supernet *net = NULL;
    plain.input_size = plain.stem_size = 32;
    for (int b = 0; b < plain.n_blocks; b++) {
        plain.block[b].in_size = b < 2 ? 32 : 16;
        plain.block[b].out_size = b < 1 ? 32 : 16;
    }
    cr_assert_eq(cs_super_new(engine, &space, &plain, 16, storage, 1, &net, NULL), CS_OK);
    cs_path path = {.n_blocks = 3};
    for (int b = 0; b < 3; b++) {
        path.block[b].n_ops = 2;
        for (int i = 0; i < 2; i++) {
            cs_path_op *o = &path.block[b].op[i];
            *o = (cs_path_op){.op = i ? 7 : 3, .n_bits = (uint8_t)bits, .coef = i ? 0.0f : 1.0f};
            for (int j = 0; j < bits; j++) {
                o->bits[j] = (uint8_t)j;
                o->bits_coef[j] = 1.0f / (float)bits;
            }
        }
    }
    images d = random_images(16, 32, 5, 71);
    cs_supernet_result result;
    cr_assert_eq(cs_supernet_step(net, &d.batch, &path, &usual, &result), CS_OK);
    const size_t bytes = cs_supernet_tensor_bytes(net);
    images_free(&d);
    cs_supernet_free(net);
    return bytes;
}

Test(supernet, memory_grows_with_bitwidths_only_if_copies_are_kept)
{
    cs_engine *engine = engine_of(isa_default(), 1);
    double mixed[6], copied[6];
    for (int bits = 1; bits <= 5; bits++) {
        mixed[bits] = (double)tensor_bytes(engine, CS_BITS_MIXED, bits);
        copied[bits] = (double)tensor_bytes(engine, CS_BITS_PER_COPY, bits);
    }
    cr_assert_lt(mixed[5], 1.03 * mixed[1], "mixed: %.0f to %.0f bytes", mixed[1], mixed[5]);
    const double slope = (copied[5] - copied[1]) / 4.0;
    cr_assert_gt(slope, 0.2 * copied[1], "per copy: %.0f to %.0f bytes", copied[1], copied[5]);
    for (int bits = 2; bits <= 4; bits++)
        cr_assert_lt(fabs(copied[bits] - copied[1] - (bits - 1) * slope), 0.02 * slope);
    cs_engine_free(engine);
}

Test(supernet, paths_and_batches_of_another_kind_are_refused)
{
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_supernet *net = small_supernet(engine, CS_BITS_MIXED);
    cs_error err = {""};
    images d = random_images(4, 6, 5, 81);
    cs_rng rng;
    cs_rng_seed(&rng, 82);
    const cs_path good = random_path(&rng, 2, true, 2, false);
    cs_supernet_result result;
    cs_path bad[10];
    for (int k = 0; k < 10; k++)
        bad[k] = good;
    bad[0].n_blocks = 2;
    bad[1].block[1].n_ops = 0;
    bad[2].block[1].op[0].op = 9;
    bad[3].block[1].op[1].op = bad[3].block[1].op[0].op;
    bad[4].block[1].op[0].coef = -0.5f;
    bad[5].block[1].op[0].coef = NAN;
    bad[6].block[1].op[0].coef = 0.0f;
    bad[7].block[2].op[0].bits[1] = 3;
    bad[8].block[2].op[0].bits[1] = bad[8].block[2].op[0].bits[0];
    bad[9].block[0].op[0].bits_coef[1] = INFINITY;
    for (int k = 0; k < 10; k++) {
        cr_assert_eq(cs_supernet_step(net, &d.batch, &bad[k], &usual, &result), CS_EUSAGE, "%d", k);
        cr_assert_eq(cs_supernet_step_macs(net, &bad[k]), 0);
    }
    cs_batch large = d.batch, wide = d.batch;
    large.n = 5;
    wide.w = 7;
    cr_assert_eq(cs_supernet_step(net, &large, &good, &usual, &result), CS_EUSAGE);
    cr_assert_eq(cs_supernet_step(net, &wide, &good, &usual, &result), CS_EUSAGE);
    d.y[0] = 5;
    cr_assert_eq(cs_supernet_step(net, &d.batch, &good, &usual, &result), CS_EUSAGE);
    d.y[0] = 0;
    d.x[0] = NAN;
    cr_assert_eq(cs_supernet_step(net, &d.batch, &good, &usual, &result), CS_ENUMERIC);
    cs_supernet *none = NULL;
    const cs_net plain = small_net();
    cr_assert_eq(cs_super_new(engine, &small_space, &plain, 0, CS_BITS_MIXED, 1, &none, &err),
                 CS_EUSAGE);
    cr_assert(strstr(err.text, "supernet of small"), "%s", err.text);
    cs_supernet_free(NULL);
    cs_supernet_free(net);
    cr_assert_eq(engine->live, 0, "everything is given back");
    cs_engine_free(engine);
    images_free(&d);
}
