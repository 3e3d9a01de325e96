/* The supernet against models of the same network, a slow reference and finite differences. */
#include "nn/loss.h"
#include "nn/model.h"
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
