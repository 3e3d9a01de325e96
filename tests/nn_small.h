/* Small networks and random data for tests of the training graph. */
#ifndef CS_TEST_NN_SMALL_H
#define CS_TEST_NN_SMALL_H

#include "nn/model.h"
#include "tests/nn_random.h"

#include <criterion/criterion.h>

/* A network with every kind of block: plain, grouped with shuffle, strided skip, identity skip. */
static inline cs_net small_net(int bits)
{
    cs_net net = {.input_size = 12,
                  .input_channels = 3,
                  .stem_channels = 8,
                  .stem_stride = 1,
                  .stem_size = 12,
                  .head_channels = 24,
                  .classes = 5,
                  .edge_bits = 8,
                  .n_blocks = 6};
    const uint8_t b = (uint8_t)bits;
    const cs_block block[] = {
        {.kernel = 3, .expansion = 3, .groups = 1, .stride = 1, .bits = b, .cin = 8, .cout = 8},
        {.kernel = 5, .expansion = 1, .groups = 2, .stride = 2, .bits = b, .cin = 8, .cout = 12},
        {.skip = true, .stride = 1, .bits = b, .cin = 12, .cout = 12},
        {.skip = true, .stride = 2, .bits = b, .cin = 12, .cout = 18},
        {.kernel = 3, .expansion = 1, .groups = 2, .stride = 1, .bits = b, .cin = 18, .cout = 18},
        {.kernel = 5, .expansion = 6, .groups = 1, .stride = 1, .bits = b, .cin = 18, .cout = 20},
    };
    int size = 12;
    for (int i = 0; i < net.n_blocks; i++) {
        net.block[i] = block[i];
        net.block[i].in_size = (uint16_t)size;
        size = (size + block[i].stride - 1) / block[i].stride;
        net.block[i].out_size = (uint16_t)size;
    }
    return net;
}

static inline cs_conv_spec conv3(int cin, int cout, int s, int bits)
{
    return (cs_conv_spec){.cin = (uint16_t)cin,
                          .cout = (uint16_t)cout,
                          .k = 3,
                          .s = (uint8_t)s,
                          .groups = 1,
                          .bits = (uint8_t)bits};
}

/* Residual blocks with the ReLU after the sum: shortcuts as they are, with a stride, with more
 * channels, with both, over one convolution and over two, and as the last stage. */
static inline cs_net_spec small_resnet(int bits)
{
    cs_net_spec s = {.input_size = 12, .input_channels = 3, .classes = 5};
    s.stage[s.n_stages++] =
        (cs_stage_spec){.conv = {conv3(3, 8, 1, CS_BITS_FLOAT)}, .n_convs = 1, .relu = true};
    static const int cin[] = {8, 8, 12, 12, 20}, cout[] = {8, 12, 12, 20, 20};
    static const int stride[] = {1, 2, 1, 1, 2};
    for (int i = 0; i < 5; i++)
        s.stage[s.n_stages++] = (cs_stage_spec){
            .conv = {conv3(cin[i], cout[i], stride[i], bits), conv3(cout[i], cout[i], 1, bits)},
            .n_convs = i == 2 ? 1 : 2,
            .relu = true,
            .residual = true};
    return s;
}

typedef struct data {
    float *x;
    int32_t *y;
    cs_batch batch;
} data;

static inline data random_data(const cs_net *net, int n, uint64_t seed)
{
    cs_rng rng;
    cs_rng_seed(&rng, seed);
    data d = {.x = normals((size_t)(n * net->input_size * net->input_size * 3), &rng),
              .y = calloc((size_t)n, sizeof *d.y)};
    for (int i = 0; i < n; i++)
        d.y[i] = (int32_t)cs_rng_below(&rng, net->classes);
    d.batch = (cs_batch){
        .x = d.x, .y = d.y, .n = (uint32_t)n, .h = net->input_size, .w = net->input_size, .c = 3};
    return d;
}

static inline void data_free(data *d)
{
    free(d->x);
    free(d->y);
}

/* Random BN parameters and a classifier of ordinary size, so that every gradient is alive. */
static inline void scramble(cs_model *m, uint64_t seed)
{
    cs_rng rng;
    cs_rng_seed(&rng, seed);
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++) {
            const cs_layer *l = &m->stage[i].layer[j];
            for (int c = 0; c < l->conv.cout; c++) {
                m->params[l->gamma + (size_t)c] = (float)(0.5 + cs_rng_uniform(&rng));
                m->params[l->beta + (size_t)c] = (float)(0.5 * cs_rng_normal(&rng));
            }
        }
    for (int k = 0; k < m->features; k++)
        for (int c = 0; c < m->spec.classes; c++)
            m->params[m->fc_w + (size_t)(k * m->classes_p + c)] = (float)cs_rng_normal(&rng);
    m->ready = false;
}

static inline cs_model *model_of(cs_engine *engine, const cs_net *net, uint32_t batch,
                                 uint64_t seed)
{
    cs_model *m = NULL;
    cs_error err = {""};
    cr_assert_eq(cs_model_new(engine, net, batch, seed, &m, &err), CS_OK, "%s", err.text);
    scramble(m, seed);
    return m;
}

static inline cs_model *model_of_spec(cs_engine *engine, const cs_net_spec *spec, uint32_t batch,
                                      uint64_t seed)
{
    cs_model *m = NULL;
    cs_error err = {""};
    cr_assert_eq(cs_model_build(engine, spec, batch, &m, &err), CS_OK, "%s", err.text);
    cs_model_init(m, seed);
    scramble(m, seed);
    return m;
}

#endif
