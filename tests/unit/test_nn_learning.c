/* The engine learns as the slow reference does: same batches, same accuracy within noise. */
#include "tests/nn_learn.h"
#include "tests/nn_random.h"

#include <criterion/criterion.h>

#define BATCH 16
#define STEPS 40
#define SIDE 16
#define IMAGE (SIDE * SIDE * 3)

typedef struct images {
    cs_rng train, held_out;
    float x[BATCH * IMAGE];
    int32_t y[BATCH];
    learn_point last;
    int points;
} images;

/* Noise over a colour and a grating that tell the class, neighbours on the circle being alike. */
static bool next(void *context, bool train, cs_batch *out)
{
    images *i = context;
    cs_rng *rng = train ? &i->train : &i->held_out;
    for (int k = 0; k < BATCH; k++) {
        i->y[k] = (int32_t)cs_rng_below(rng, 10);
        const double angle = 0.2 * 3.14159265358979 * i->y[k];
        for (int p = 0; p < SIDE * SIDE; p++) {
            float *pixel = i->x + k * IMAGE + p * 3;
            const double signal[3] = {cos(angle), sin(angle), p % SIDE % 2 * (i->y[k] % 2)};
            for (int c = 0; c < 3; c++)
                pixel[c] = (float)(signal[c] + 1.5 * cs_rng_normal(rng));
        }
    }
    *out = (cs_batch){.x = i->x, .y = i->y, .n = BATCH, .h = SIDE, .w = SIDE, .c = 3};
    return true;
}

static void keep(void *context, const learn_point *p)
{
    images *i = context;
    i->last = *p;
    i->points++;
}

/* A stem and one block: small enough for the reference. */
static cs_net tiny_net(int bits)
{
    return (cs_net){.input_size = SIDE,
                    .input_channels = 3,
                    .stem_channels = 8,
                    .stem_stride = 2,
                    .stem_size = SIDE / 2,
                    .head_channels = 32,
                    .classes = 10,
                    .edge_bits = 8,
                    .n_blocks = 1,
                    .block = {{.kernel = 3,
                               .expansion = 3,
                               .groups = 1,
                               .stride = 2,
                               .bits = (uint8_t)bits,
                               .cin = 8,
                               .cout = 16,
                               .in_size = SIDE / 2,
                               .out_size = SIDE / 4}}};
}

static learn_point learn(int bits)
{
    const cs_net net = tiny_net(bits);
    images i = {.points = 0};
    cs_rng_seed(&i.train, 1);
    cs_rng_seed(&i.held_out, 2);
    learner l = {.net = &net,
                 .recipe = {.batch = BATCH,
                            .lr = 0.1,
                            .lr_end = 0.001,
                            .momentum = 0.9,
                            .weight_decay = 4e-5,
                            .label_smoothing = 0.1},
                 .steps = STEPS,
                 .every = STEPS / 2,
                 .eval_batches = 12,
                 .next = next,
                 .context = &i};
    l.engine = engine_of(isa_default(), 1);
    cr_assert(learn_both(&l, keep, &i));
    cr_assert_eq(i.points, 2);
    cs_engine_free(l.engine);
    return i.last;
}

/* 192 held-out images: chance is 0.1, a standard error about 0.03. */
static void check(int bits)
{
    const learn_point p = learn(bits);
    cr_assert_gt(p.accuracy[1], 0.4, "the reference did not learn: %g", p.accuracy[1]);
    cr_assert_lt(fabs(p.accuracy[0] - p.accuracy[1]), 0.1, "%d bits: engine %g, reference %g", bits,
                 p.accuracy[0], p.accuracy[1]);
    cr_assert_lt(fabs(p.loss[0] - p.loss[1]), 0.05 * p.loss[1], "%d bits: loss %g, reference %g",
                 bits, p.loss[0], p.loss[1]);
}

Test(nn_learning, float_as_the_reference, .timeout = 120)
{
    check(CS_BITS_FLOAT);
}

Test(nn_learning, quantised_as_the_reference, .timeout = 120)
{
    check(8);
    check(4);
}
