/* The FBNet-style space of Auto-NBA: 22 searchable blocks, 9 operators, bitwidths {4, 6, 8}
 * (config_search.py, genotypes.py and model_search.py of the authors' code), in its CIFAR and
 * ImageNet macro-architectures, and a small sister of four blocks for two CPU cores. */
#include "cosearch/space.h"
#include <string.h>

enum op_id { K3_E1, K3_E1_G2, K3_E3, K3_E6, K5_E1, K5_E1_G2, K5_E3, K5_E6, SKIP };

const cs_op cs_ops[CS_OPS_COUNT] = {
    [K3_E1] = {"k3_e1", 3, 1, 1, false}, [K3_E1_G2] = {"k3_e1_g2", 3, 1, 2, false},
    [K3_E3] = {"k3_e3", 3, 3, 1, false}, [K3_E6] = {"k3_e6", 3, 6, 1, false},
    [K5_E1] = {"k5_e1", 5, 1, 1, false}, [K5_E1_G2] = {"k5_e1_g2", 5, 1, 2, false},
    [K5_E3] = {"k5_e3", 5, 3, 1, false}, [K5_E6] = {"k5_e6", 5, 6, 1, false},
    [SKIP] = {"skip", 0, 0, 0, true},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define FOUR(x) (x), (x), (x), (x)

/* Stages of 1, 4, 4, 4, 4, 4, 1 blocks. The authors' cost model has 192 where the network has 184;
 * the network is what is trained, so the space says 184 (fpga_chunk_published.c puts 192 back). */
static const uint16_t fbnet_cout[] = {16, FOUR(24), FOUR(32), FOUR(64), FOUR(112), FOUR(184), 352};
static const uint8_t cifar_stride[] = {1, FOUR(1), 2, 1, 1, 1, 2, 1, 1, 1, FOUR(1), 2, 1, 1, 1, 1};
static const uint8_t imagenet_stride[] = {1, 2, 1, 1,       1, 2, 1, 1, 1, 2,
                                          1, 1, 1, FOUR(1), 2, 1, 1, 1, 1};
static const int32_t all_ops[] = {K3_E1,    K3_E1_G2, K3_E3, K3_E6, K5_E1,
                                  K5_E1_G2, K5_E3,    K5_E6, SKIP};
static const int32_t bits_4_6_8[] = {4, 6, 8};

static const uint16_t micro_cout[] = {16, 24, 40, 64};
static const uint8_t micro_stride[] = {1, 2, 1, 2};
static const int32_t micro_ops[] = {K3_E1, K3_E3, K5_E6, SKIP};
static const int32_t bits_4_8[] = {4, 8};

_Static_assert(COUNT(fbnet_cout) == 22 && COUNT(cifar_stride) == 22 && COUNT(imagenet_stride) == 22,
               "22 searchable blocks");

static const cs_net_space fbnet_cifar = {
    .version = 1,
    .name = "fbnet:cifar",
    .summary = "22 blocks x 9 operators x bits {4,6,8}, 32x32 input (Auto-NBA, CIFAR)",
    .input_size = 32,
    .input_channels = 3,
    .stem_channels = 16,
    .stem_stride = 1,
    .head_channels = 1504,
    .edge_bits = 8,
    .n_blocks = COUNT(fbnet_cout),
    .cout = fbnet_cout,
    .stride = cifar_stride,
    .ops = all_ops,
    .n_ops = COUNT(all_ops),
    .bits = bits_4_6_8,
    .n_bits = COUNT(bits_4_6_8),
};

static const cs_net_space fbnet_imagenet = {
    .version = 1,
    .name = "fbnet:imagenet",
    .summary = "22 blocks x 9 operators x bits {4,6,8}, 224x224 input (Auto-NBA, ImageNet)",
    .input_size = 224,
    .input_channels = 3,
    .stem_channels = 16,
    .stem_stride = 2,
    .head_channels = 1984,
    .edge_bits = 8,
    .n_blocks = COUNT(fbnet_cout),
    .cout = fbnet_cout,
    .stride = imagenet_stride,
    .ops = all_ops,
    .n_ops = COUNT(all_ops),
    .bits = bits_4_6_8,
    .n_bits = COUNT(bits_4_6_8),
};

static const cs_net_space fbnet_micro = {
    .version = 1,
    .name = "fbnet:micro",
    .summary = "4 blocks x 4 operators x bits {4,8}, 32x32 input: 4096 choices for two CPU cores",
    .input_size = 32,
    .input_channels = 3,
    .stem_channels = 16,
    .stem_stride = 2,
    .head_channels = 128,
    .edge_bits = 8,
    .n_blocks = COUNT(micro_cout),
    .cout = micro_cout,
    .stride = micro_stride,
    .ops = micro_ops,
    .n_ops = COUNT(micro_ops),
    .bits = bits_4_8,
    .n_bits = COUNT(bits_4_8),
};

const cs_net_space *const cs_net_spaces[] = {
#define CS_NET_SPACE(id) &id,
#include "spaces.def"
#undef CS_NET_SPACE
    NULL};

const cs_net_space *cs_net_space_find(const char *name)
{
    for (const cs_net_space *const *s = cs_net_spaces; *s; s++)
        if (strcmp((*s)->name, name) == 0)
            return *s;
    return NULL;
}
