/* The supernet against models of the same network, a slow reference and finite differences. */
#include "nn/loss.h"
#include "nn/model.h"
#include "run/task_config.h"
#include "search/supernet_internal.h"
#include "tests/nn_random.h"
#include "tests/supernet_reference.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

typedef struct images {
    float *x;
    int32_t *y;
    cs_batch batch;
} images;

static images random_images(int n, int size, int classes, uint64_t seed)
{
    cs_rng rng;
    cs_rng_seed(&rng, seed);
    images d = {.x = normals((size_t)(n * size * size * 3), &rng),
                .y = calloc((size_t)n, sizeof *d.y)};
    for (int i = 0; i < n; i++)
        d.y[i] = (int32_t)cs_rng_below(&rng, (uint32_t)classes);
    d.batch = (cs_batch){
        .x = d.x, .y = d.y, .n = (uint32_t)n, .h = (uint32_t)size, .w = (uint32_t)size, .c = 3};
    return d;
}

static void images_free(images *d)
{
    free(d->x);
    free(d->y);
}

static cs_space *space_of(const char *name)
{
    cs_space *space = NULL;
    cs_error err = {""};
    cr_assert_eq(cs_space_new(name, "fpga-chunk", 10, &space, &err), CS_OK, "%s", err.text);
    return space;
}

static cs_supernet *supernet_of(cs_engine *engine, const cs_space *space, uint32_t batch,
                                cs_bits_storage storage)
{
    cs_supernet *net = NULL;
    cs_error err = {""};
    cr_assert_eq(cs_supernet_new(engine, space, batch, storage, 1, &net, &err), CS_OK, "%s",
                 err.text);
    return net;
}

/* BN parameters and classifier of ordinary size, so that every gradient is alive. */
static void scramble(cs_supernet *net)
{
    cs_rng rng;
    cs_rng_seed(&rng, 77);
    for (size_t k = 0; k < net->n_ops; k++)
        for (int j = 0; j < net->ops[k].n_layers; j++) {
            const cs_layer *l = &net->ops[k].layer[j];
            for (int c = 0; c < l->conv.cout; c++) {
                net->params[l->gamma + (size_t)c] = (float)(0.5 + cs_rng_uniform(&rng));
                net->params[l->beta + (size_t)c] = (float)(0.5 * cs_rng_normal(&rng));
            }
        }
    for (int k = 0; k < net->classifier.features; k++)
        for (int c = 0; c < net->classifier.classes; c++)
            net->params[net->fc_w + (size_t)(k * net->classifier.classes_p + c)] =
                (float)cs_rng_normal(&rng);
}

/* ---- a single path is the network of its design
 * --------------------------------------------------
 */

static const cs_layer *next_layer(cs_supernet *net, int *stage, int *layer)
{
    for (;;) {
        cs_super_stage *s = &net->stage[*stage];
        const cs_super_op *op = &s->op[s->active[0]];
        if (*layer < op->n_layers)
            return &op->layer[(*layer)++];
        ++*stage;
        *layer = 0;
    }
}

static void give_model(cs_supernet *net, cs_model *m)
{
    int stage = 0, at = 0;
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++) {
            const cs_layer *to = &m->stage[i].layer[j], *from = next_layer(net, &stage, &at);
            memcpy(m->params + to->w, net->params + from->w, cs_super_params(from) * sizeof(float));
        }
    memcpy(m->params + m->fc_w, net->params + net->fc_w,
           (size_t)((m->features_p + 1) * m->classes_p) * sizeof(float));
    m->ready = false;
}

static void same_gradients(cs_supernet *net, const cs_model *m, const char *what)
{
    int stage = 0, at = 0;
    const float *grad = net->team.part[0].grad;
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++) {
            const cs_layer *ours = &m->stage[i].layer[j], *l = next_layer(net, &stage, &at);
            cr_assert_eq(
                memcmp(m->grad + ours->w, grad + l->grad, cs_super_params(l) * sizeof(float)), 0,
                "%s: gradient of stage %d conv %d", what, i, j);
        }
    cr_assert_eq(memcmp(m->grad + m->fc_w, grad + net->fc_grad,
                        (size_t)((m->features_p + 1) * m->classes_p) * sizeof(float)),
                 0, "%s: gradient of the classifier", what);
}

static void check_design(const char *space_name, uint64_t seed, int threads)
{
    cs_space *space = space_of(space_name);
    cs_engine *engine = engine_of(isa_default(), threads);
    cs_supernet *net = supernet_of(engine, space, 4, CS_BITS_MIXED);
    scramble(net);
    cs_rng rng;
    cs_rng_seed(&rng, seed);
    cs_design design;
    cs_space_sample(space, &rng, &design);
    cs_net plain;
    cr_assert_eq(cs_space_network(space, &design, &plain), CS_OK);
    cs_model *m = NULL;
    cr_assert_eq(cs_model_new(engine, &plain, 4, 1, &m, NULL), CS_OK);
    cs_path path;
    cs_path_of_design(space, &design, &path);
    images d = random_images(3, plain.input_size, 10, seed);
    cr_assert_eq(cs_super_activate(net, &path, CS_SUPER_WEIGHTS), CS_OK);
    give_model(net, m);

    cs_super_forward(net, d.x, 3, CS_BN_MOMENTUM);
    cs_model_forward(m, d.x, 3, true);
    const size_t logits = (size_t)(3 * m->classes_p);
    cr_assert_eq(memcmp(net->classifier.logits, m->logits, logits * sizeof(float)), 0);
    cs_cross_entropy(3, 10, m->classes_p, m->logits, d.y, 0.1, m->dlogits);
    memcpy(net->classifier.dlogits, m->dlogits, logits * sizeof(float));
    cs_model_back(m, d.x, 3);
    cs_super_back(net, d.x, 3, CS_STE_CLAMP, NULL);
    same_gradients(net, m, space_name);
    cs_model_free(m);
    cs_supernet_free(net);
    cs_engine_free(engine);
    cs_space_free(space);
    images_free(&d);
}

Test(supernet, single_path_is_the_model_of_its_design)
{
    for (uint64_t seed = 1; seed <= 4; seed++)
        check_design("fbnet:micro", seed, 1 + (int)(seed % 2));
    check_design("fbnet:cifar", 5, 2);
}

/* ---- against the reference
 * ------------------------------------------------------------------------
 */

/* Three blocks of few channels and pixels: same shape, strided, same shape. Few bits: a code within
 * float's resolution of a rounding boundary, which may fall to either side, is then rare. */
static const int32_t small_ops[] = {0, 1, 2, 3, 4, 5, 6, 7, 8}, small_bits[] = {2, 3, 4};
static const cs_net_space small_space = {
    .name = "small", .ops = small_ops, .n_ops = 9, .bits = small_bits, .n_bits = 3};

static cs_net small_net(void)
{
    cs_net net = {.input_size = 6,
                  .input_channels = 3,
                  .stem_channels = 8,
                  .stem_stride = 1,
                  .stem_size = 6,
                  .head_channels = 24,
                  .classes = 5,
                  .n_blocks = 3};
    static const uint16_t channels[] = {8, 12, 12}, size[] = {6, 6, 3, 3};
    int cin = 8;
    for (int i = 0; i < 3; i++) {
        net.block[i] = (cs_block){.skip = true,
                                  .stride = i == 1 ? 2 : 1,
                                  .bits = 4,
                                  .cin = (uint16_t)cin,
                                  .cout = channels[i],
                                  .in_size = size[i],
                                  .out_size = size[i + 1]};
        cin = channels[i];
    }
    return net;
}

static cs_supernet *small_supernet(cs_engine *engine, cs_bits_storage storage)
{
    cs_supernet *net = NULL;
    cs_error err = {""};
    const cs_net plain = small_net();
    cr_assert_eq(cs_super_new(engine, &small_space, &plain, 4, storage, 3, &net, &err), CS_OK, "%s",
                 err.text);
    scramble(net);
    return net;
}

/* A random path: up to max_ops operators a block, of them all but the first with factor 0 if
 * `hard`; up to max_bits bitwidths, 0: floating point. */
static cs_path random_path(cs_rng *rng, int max_ops, bool hard, int max_bits, bool hard_bits)
{
    cs_path path = {.n_blocks = 3};
    for (int b = 0; b < 3; b++) {
        uint32_t ops[9], bits[3];
        for (uint32_t i = 0; i < 9; i++)
            ops[i] = i;
        cs_rng_shuffle(rng, ops, 9);
        cs_path_block *block = &path.block[b];
        block->n_ops = (uint8_t)between(rng, max_ops > 2 ? 2 : max_ops, max_ops);
        for (int i = 0; i < block->n_ops; i++) {
            cs_path_op *o = &block->op[i];
            *o = (cs_path_op){.op = (uint8_t)ops[i], .n_bits = (uint8_t)max_bits};
            o->coef = hard ? (i == 0 ? 1.0f : 0.0f)
                           : (float)(0.1 + cs_rng_uniform(rng)) / (float)block->n_ops;
            for (uint32_t j = 0; j < 3; j++)
                bits[j] = j;
            cs_rng_shuffle(rng, bits, 3);
            for (int j = 0; j < max_bits; j++) {
                o->bits[j] = (uint8_t)bits[j];
                o->bits_coef[j] = hard_bits ? (j == 0 ? 1.0f : 0.0f)
                                            : (float)(0.1 + cs_rng_uniform(rng)) / (float)max_bits;
            }
        }
    }
    return path;
}

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

/* ---- what a step may touch
 * ------------------------------------------------------------------------
 */

static const cs_supernet_sgd usual = {
    .lr = 0.05, .momentum = 0.9, .weight_decay = 5e-4, .clip_norm = 5.0};

/* Bytes of a supernet's parameters; *n of them. */
static float *params_of(const cs_supernet *net)
{
    float *copy = floats(net->n_params);
    memcpy(copy, net->params, net->n_params * sizeof *copy);
    return copy;
}

Test(supernet, a_step_moves_its_operators_only)
{
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_supernet *net = small_supernet(engine, CS_BITS_MIXED);
    images d = random_images(4, 6, 5, 21);
    cs_rng rng;
    cs_rng_seed(&rng, 22);
    const cs_path path = random_path(&rng, 2, true, 2, false);
    cs_supernet_result result;
    float *before = params_of(net);
    cr_assert_eq(cs_supernet_step(net, &d.batch, &path, &usual, &result), CS_OK);
    cr_assert_eq(cs_supernet_step(net, &d.batch, &path, &usual, &result), CS_OK);
    for (int s = 0; s < net->n_stages; s++)
        for (int k = 0; k < net->stage[s].n_ops; k++) {
            const cs_super_op *op = &net->stage[s].op[k];
            const bool block = s > 0 && s + 1 < net->n_stages;
            const cs_path_block *b = block ? &path.block[s - 1] : NULL;
            const bool trained = !block || b->op[0].op == k;
            const bool seen = trained || (b->n_ops > 1 && b->op[1].op == k);
            for (int j = 0; j < op->n_layers; j++) {
                const cs_layer *l = &op->layer[j];
                const int same =
                    memcmp(before + l->w, net->params + l->w, cs_super_params(l) * sizeof(float));
                cr_assert_eq(same != 0, trained, "stage %d operator %d conv %d", s, k, j);
                cr_assert_eq(l->bn.run_mean[0] != 0.0f, seen,
                             "batch norm of stage %d operator %d conv %d", s, k, j);
                cr_assert_eq(l->range.seen, seen && block, "range of stage %d operator %d", s, k);
            }
        }
    cs_path_grad grad;
    float *trained = params_of(net);
    const float mean = net->stage[0].op->layer[0].bn.run_mean[0];
    cr_assert_eq(cs_supernet_arch(net, &d.batch, &path, false, &grad, &result), CS_OK);
    cr_assert_eq(memcmp(trained, net->params, net->n_params * sizeof *trained), 0);
    cr_assert_eq(net->stage[0].op->layer[0].bn.run_mean[0], mean);
    cr_assert_eq(cs_supernet_arch(net, &d.batch, &path, true, &grad, &result), CS_OK);
    cr_assert_eq(memcmp(trained, net->params, net->n_params * sizeof *trained), 0);
    cr_assert_neq(net->stage[0].op->layer[0].bn.run_mean[0], mean);
    free(trained);
    free(before);
    cs_supernet_free(net);
    cs_engine_free(engine);
    images_free(&d);
}

/* Parameters after some steps over random paths. */
static float *train_some(cs_engine *engine, uint64_t seed, bool quantised, size_t *n)
{
    cs_supernet *net = small_supernet(engine, CS_BITS_MIXED);
    cs_rng rng;
    cs_rng_seed(&rng, seed);
    for (int step = 0; step < 4; step++) {
        images d = random_images(4, 6, 5, seed + (uint64_t)step);
        const int bits = quantised ? 1 + step % 3 : 0;
        const cs_path path = random_path(&rng, 1 + step, step % 2 == 0, bits, step == 1);
        cs_supernet_result result;
        cr_assert_eq(cs_supernet_step(net, &d.batch, &path, &usual, &result), CS_OK);
        images_free(&d);
    }
    *n = net->n_params;
    float *out = params_of(net);
    cs_supernet_free(net);
    return out;
}

Test(supernet, same_seed_same_bits)
{
    size_t n;
    for (int threads = 1; threads <= 2; threads++) {
        cs_engine *engine = engine_of(isa_default(), threads);
        float *a = train_some(engine, 5, true, &n);
        float *b = train_some(engine, 5, true, &n);
        float *other = train_some(engine, 6, true, &n);
        cr_assert_eq(memcmp(a, b, n * sizeof *a), 0, "%d threads", threads);
        cr_assert_neq(memcmp(a, other, n * sizeof *a), 0, "another seed");
        free(a);
        free(b);
        free(other);
        cs_engine_free(engine);
    }
}

/* In float: a code that rounds the other way would send a network of this size elsewhere. */
Test(supernet, threads_and_instruction_sets_agree)
{
    size_t n;
    cs_engine *engine = engine_of(CS_ISA_PORTABLE, 1);
    float *first = train_some(engine, 5, false, &n);
    double *expect = doubles_of(first, n);
    cs_engine_free(engine);
    EACH_ISA(isa)
    {
        for (int threads = 1; threads <= 2; threads++) {
            engine = engine_of((cs_isa)isa, threads);
            float *got = train_some(engine, 5, false, &n);
            cr_assert_lt(relative(got, expect, n), 1e-4, "%s, %d threads: %g",
                         cs_isa_text((cs_isa)isa), threads, relative(got, expect, n));
            free(got);
            cs_engine_free(engine);
        }
    }
    free(first);
    free(expect);
}

/* ---- the meter, memory, files
 * ---------------------------------------------------------------------
 */

typedef struct serving {
    const images *d;
    uint32_t served, batches;
} serving;

static cs_status serve(void *context, cs_batch *out)
{
    serving *s = context;
    if (s->served == s->batches) {
        s->served = 0;
        return CS_DONE;
    }
    *out = s->d[s->served++].batch;
    return CS_OK;
}

static uint64_t metered(cs_engine *engine, uint64_t *before)
{
    const uint64_t now = cs_engine_macs(engine), done = now - *before;
    *before = now;
    return done;
}

Test(supernet, meter_equals_the_prices)
{
    cs_engine *engine = engine_of(isa_default(), 2);
    cs_supernet *net = small_supernet(engine, CS_BITS_MIXED);
    images d = random_images(3, 6, 5, 31);
    cs_rng rng;
    cs_rng_seed(&rng, 32);
    serving s = {&d, 0, 1};
    const cs_feed feed = {.context = &s, .epoch_images = 3, .next = serve};
    uint64_t at = cs_engine_macs(engine);
    for (int k = 0; k < 12; k++) {
        const cs_path path = random_path(&rng, 1 + k % 4, k % 3 != 0, k % 4, k % 2 == 0);
        cs_supernet_result result;
        cs_path_grad grad;
        double acc;
        cr_assert_eq(cs_supernet_step(net, &d.batch, &path, &usual, &result), CS_OK);
        cr_assert_eq(metered(engine, &at), 3 * cs_supernet_step_macs(net, &path), "step %d", k);
        cr_assert_eq(cs_supernet_arch(net, &d.batch, &path, false, &grad, &result), CS_OK);
        cr_assert_eq(metered(engine, &at), 3 * cs_supernet_arch_macs(net, &path), "arch %d", k);
        cr_assert_eq(cs_supernet_accuracy(net, &path, &feed, NULL, NULL, &acc), CS_OK);
        cr_assert_eq(metered(engine, &at), 3 * cs_supernet_forward_macs(net, &path), "accuracy");
        cr_assert_eq(cs_supernet_recalibrate(net, &path, &feed, 2), CS_OK);
        cr_assert_eq(metered(engine, &at), 6 * cs_supernet_forward_macs(net, &path), "statistics");
    }
    cs_supernet_free(net);
    cs_engine_free(engine);
    images_free(&d);
}

/* Prices of a design's path are those of training its network. */
Test(supernet, prices_are_those_of_the_network)
{
    cs_space *space = space_of("fbnet:imagenet");
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_supernet *net = supernet_of(engine, space, 1, CS_BITS_MIXED);
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    for (int k = 0; k < 20; k++) {
        cs_design design;
        cs_net plain;
        cs_path path;
        cs_space_sample(space, &rng, &design);
        cr_assert_eq(cs_space_network(space, &design, &plain), CS_OK);
        cs_path_of_design(space, &design, &path);
        cr_assert_eq(cs_supernet_step_macs(net, &path), cs_train_macs_per_image(&plain));
        cr_assert_eq(cs_supernet_forward_macs(net, &path), cs_forward_macs_per_image(&plain));
    }
    cs_supernet_free(net);
    cs_engine_free(engine);
    cs_space_free(space);
}

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
