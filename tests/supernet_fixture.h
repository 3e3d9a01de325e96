/* What the supernet's tests share: data, a small space, random paths. */
#ifndef CS_TEST_SUPERNET_FIXTURE_H
#define CS_TEST_SUPERNET_FIXTURE_H

#include "search/supernet_internal.h"
#include "tests/nn_random.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct images {
    float *x;
    int32_t *y;
    cs_batch batch;
} images;

static inline images random_images(int n, int size, int classes, uint64_t seed)
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

static inline void images_free(images *d)
{
    free(d->x);
    free(d->y);
}

static inline cs_space *space_of(const char *name)
{
    cs_space *space = NULL;
    cs_error err = {""};
    cr_assert_eq(cs_space_new(name, "fpga-chunk", 10, &space, &err), CS_OK, "%s", err.text);
    return space;
}

static inline cs_supernet *supernet_of(cs_engine *engine, const cs_space *space, uint32_t batch,
                                       cs_bits_storage storage)
{
    cs_supernet *net = NULL;
    cs_error err = {""};
    cr_assert_eq(cs_supernet_new(engine, space, batch, storage, 1, &net, &err), CS_OK, "%s",
                 err.text);
    return net;
}

/* BN parameters and classifier of ordinary size, so that every gradient is alive. */
static inline void scramble(cs_supernet *net)
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

/* Three blocks of few channels and pixels: same shape, strided, same shape. Few bits: a code within
 * float's resolution of a rounding boundary, which may fall to either side, is then rare. */
static const int32_t small_ops[] = {0, 1, 2, 3, 4, 5, 6, 7, 8}, small_bits[] = {2, 3, 4};
static const cs_net_space small_space = {
    .name = "small", .ops = small_ops, .n_ops = 9, .bits = small_bits, .n_bits = 3};

static inline cs_net small_net(void)
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

static inline cs_supernet *small_supernet(cs_engine *engine, cs_bits_storage storage)
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
static inline cs_path random_path(cs_rng *rng, int max_ops, bool hard, int max_bits, bool hard_bits)
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

static const cs_supernet_sgd usual = {
    .lr = 0.05, .momentum = 0.9, .weight_decay = 5e-4, .clip_norm = 5.0};

/* Bytes of a supernet's parameters; *n of them. */
static inline float *params_of(const cs_supernet *net)
{
    float *copy = floats(net->n_params);
    memcpy(copy, net->params, net->n_params * sizeof *copy);
    return copy;
}

typedef struct serving {
    const images *d;
    uint32_t served, batches;
} serving;

static inline cs_status serve(void *context, cs_batch *out)
{
    serving *s = context;
    if (s->served == s->batches) {
        s->served = 0;
        return CS_DONE;
    }
    *out = s->d[s->served++].batch;
    return CS_OK;
}

#endif
