#include "hw_designs.h"

/* Stem 16x16x16, then k3_e1 (16 -> 16, 16x16), skip with stride and width change (16 -> 24, 8x8),
 * k5_e6 (24 -> 40, 8x8), k3_e3 stride 2 (40 -> 64, 4x4), head 64 -> 128, classifier 128 -> 10. */
static cs_net worked_net(void)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk");
    cs_design d = {0};
    cs_net net;
    test_set_network(space, &d, "k3_e1 skip k5_e6 k3_e3", "8 4 4 8");
    cr_assert_eq(cs_space_network(space, &d, &net), CS_OK);
    cs_space_free(space);
    return net;
}

Test(net, convolutions_of_a_worked_net)
{
    const cs_net net = worked_net();
    cs_conv c[CS_CONVS_MAX];
    static const cs_conv expected[] = {
        {-1, 3, 2, 8, false, 1, 3, 16, 32, 16},  {0, 1, 1, 8, false, 1, 16, 16, 16, 16},
        {0, 3, 1, 8, true, 16, 16, 16, 16, 16},  {0, 1, 1, 8, false, 1, 16, 16, 16, 16},
        {1, 1, 2, 4, false, 1, 16, 24, 16, 8},   {2, 1, 1, 4, false, 1, 24, 144, 8, 8},
        {2, 5, 1, 4, true, 144, 144, 144, 8, 8}, {2, 1, 1, 4, false, 1, 144, 40, 8, 8},
        {3, 1, 1, 8, false, 1, 40, 120, 8, 8},   {3, 3, 2, 8, true, 120, 120, 120, 8, 4},
        {3, 1, 1, 8, false, 1, 120, 64, 4, 4},   {-2, 1, 1, 8, false, 1, 64, 128, 4, 4},
        {-3, 1, 1, 8, false, 1, 128, 10, 1, 1},
    };
    const size_t n = sizeof expected / sizeof *expected;
    cr_assert_eq(cs_net_convs(&net, c), n);
    for (size_t i = 0; i < n; i++) {
        const cs_conv *a = &c[i], *b = &expected[i];
        cr_assert(a->block == b->block && a->kernel == b->kernel && a->stride == b->stride &&
                      a->bits == b->bits && a->depthwise == b->depthwise &&
                      a->groups == b->groups && a->cin == b->cin && a->cout == b->cout &&
                      a->in_size == b->in_size && a->out_size == b->out_size,
                  "convolution %zu", i);
    }
}

/* The sums written out, independent of the code's own lowering. */
Test(net, counts_of_a_worked_net)
{
    const cs_net net = worked_net();
    const uint64_t macs = 256 * 16 * 27 +                                /* stem */
                          256 * (16 * 16 + 16 * 9 + 16 * 16) +           /* k3_e1 */
                          64 * 24 * 16 +                                 /* skip */
                          64 * (24 * 144 + 144 * 25 + 144 * 40) +        /* k5_e6 */
                          64 * 40 * 120 + 16 * 120 * 9 + 16 * 120 * 64 + /* k3_e3 */
                          16 * 64 * 128 + 128 * 10;                      /* head, classifier */
    cr_assert_eq(cs_net_macs(&net), macs);
    const uint64_t w8 =
        16 * 27 + 16 * 16 + 16 * 9 + 16 * 16 + 40 * 120 + 120 * 9 + 120 * 64 + 64 * 128 + 1280;
    const uint64_t w4 = 24 * 16 + 24 * 144 + 144 * 25 + 144 * 40;
    const uint64_t bn = 2 * (16 + 16 + 16 + 16 + 24 + 144 + 144 + 40 + 120 + 120 + 64 + 128);
    cr_assert_eq(cs_net_weight_bits(&net), 8 * w8 + 4 * w4);
    cr_assert_eq(cs_net_params(&net), w8 + w4 + bn + 10);
}

Test(net, groups_divide_the_pointwise_work)
{
    cs_space *space = test_space("fbnet:cifar", "fpga-chunk");
    cs_design d = {0};
    cs_net plain, grouped;
    test_set_network(space, &d, "k5_e1", "8");
    cr_assert_eq(cs_space_network(space, &d, &plain), CS_OK);
    test_set_network(space, &d, "k5_e1_g2", "8");
    cr_assert_eq(cs_space_network(space, &d, &grouped), CS_OK);
    uint64_t pointwise = 0, other = 0;
    cs_conv c[CS_CONVS_MAX];
    const size_t n = cs_net_convs(&plain, c);
    for (size_t i = 0; i < n; i++)
        *(c[i].block >= 0 && !c[i].depthwise ? &pointwise : &other) += cs_conv_macs(&c[i]);
    cr_assert_eq(cs_net_macs(&plain), pointwise + other);
    cr_assert_eq(cs_net_macs(&grouped), pointwise / 2 + other);
    cs_space_free(space);
}

/* Sides per stage as in the authors' table, and the published stage-6 channels. */
Test(net, macro_architectures)
{
    static const struct {
        const char *space;
        uint16_t stem, side[7], head;
    } macro[] = {{"fbnet:cifar", 32, {32, 32, 16, 8, 8, 4, 4}, 1504},
                 {"fbnet:imagenet", 112, {112, 56, 28, 14, 14, 7, 7}, 1984}};
    static const uint16_t channels[7] = {16, 24, 32, 64, 112, 184, 352};
    for (size_t m = 0; m < 2; m++) {
        cs_space *space = test_space(macro[m].space, "fpga-chunk");
        cs_design d = {0};
        cs_net net;
        test_set_network(space, &d, "k3_e1", "8");
        cr_assert_eq(cs_space_network(space, &d, &net), CS_OK);
        cr_assert_eq(net.stem_size, macro[m].stem);
        cr_assert_eq(net.head_channels, macro[m].head);
        cr_assert_eq(net.classes, 10);
        cr_assert_eq(net.n_blocks, 22);
        for (size_t b = 0; b < 22; b++) {
            const size_t stage = b == 0 ? 0 : b == 21 ? 6 : (b - 1) / 4 + 1;
            cr_assert_eq(net.block[b].out_size, macro[m].side[stage], "block %zu", b);
            cr_assert_eq(net.block[b].cout, channels[stage], "block %zu", b);
            cr_assert_eq(net.block[b].cin, b ? net.block[b - 1].cout : 16, "block %zu", b);
        }
        cs_space_free(space);
    }
}

Test(net, identity_is_free)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk");
    cs_design d = {0};
    cs_net with, without;
    test_set_network(space, &d, "skip k3_e1 k3_e1 k3_e1", "8");
    cr_assert_eq(cs_space_network(space, &d, &with), CS_OK);
    cr_assert(cs_block_identity(&with.block[0]));
    test_set_network(space, &d, "k3_e1 k3_e1 k3_e1 k3_e1", "8");
    cr_assert_eq(cs_space_network(space, &d, &without), CS_OK);
    cr_assert_eq(cs_net_macs(&without) - cs_net_macs(&with), 256u * (256 + 144 + 256));
    cr_assert_eq(cs_net_params(&without) - cs_net_params(&with), 256u + 144 + 256 + 2 * 48);
    cs_space_free(space);
}
