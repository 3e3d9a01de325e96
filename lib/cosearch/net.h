/* A network: what a design says once its decisions are decoded. Shared by the cost models, which
 * lower it to layers, and by the training engine, which builds a graph of it.
 *
 * Block (specs: FBNet-style inverted residual as in Auto-NBA):
 *   1x1 conv cin -> expansion*cin (groups g), BN, ReLU, [channel shuffle if g > 1],
 *   k x k depthwise (stride s), BN, ReLU, 1x1 conv -> cout (groups g), BN; identity added if
 *   cin == cout and s == 1. A `skip` block is the identity if cin == cout and s == 1, otherwise a
 *   quantised 1x1 conv (stride s), BN, ReLU.
 * Stem: 3x3 conv, BN, ReLU. Head: 1x1 conv, BN, ReLU, global average pool, linear. */
#ifndef CS_NET_H
#define CS_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CS_BLOCKS_MAX 32
#define CS_BITS_FLOAT 32 /* bitwidth that means "not quantised" */

typedef struct cs_block {
    uint8_t op;                /* index in the space's operator list */
    uint8_t kernel;            /* depthwise kernel: 3 or 5; 0 for skip */
    uint8_t expansion, groups; /* 0, 0 for skip */
    uint8_t stride;            /* 1 or 2 */
    uint8_t bits;              /* weights and activations of every conv of the block */
    bool skip;
    uint16_t cin, cout;         /* channels */
    uint16_t in_size, out_size; /* square feature maps, pixels a side */
} cs_block;

typedef struct cs_net {
    uint16_t input_size, input_channels; /* 32 or 224, 3 */
    uint16_t stem_channels, stem_stride; /* 3x3 conv */
    uint16_t stem_size;                  /* side after the stem */
    uint16_t head_channels, classes;
    uint8_t edge_bits; /* bits at which cost models charge stem, head, FC */
    uint8_t n_blocks;
    cs_block block[CS_BLOCKS_MAX];
} cs_net;

/* True if the block is free: an identity without any convolution. */
static inline bool cs_block_identity(const cs_block *b)
{
    return b->skip && b->stride == 1 && b->cin == b->cout;
}

/* `block` of a convolution that belongs to no searchable block. */
enum { CS_CONV_STEM = -1, CS_CONV_HEAD = -2, CS_CONV_CLASSIFIER = -3 };

/* One convolution of a network; the classifier is a 1x1 convolution on a 1x1 map. Padding is
 * kernel / 2 on every side, so out_size = ceil(in_size / stride). */
typedef struct cs_conv {
    int16_t block; /* 0-based, or CS_CONV_*                                      */
    uint8_t kernel, stride;
    uint8_t bits; /* the block's bits, or edge_bits                             */
    bool depthwise;
    uint16_t groups;            /* 1, the operator's groups, or all channels if depthwise     */
    uint16_t cin, cout;         /* over all groups                                            */
    uint16_t in_size, out_size; /* pixels a side                                              */
} cs_conv;

#define CS_CONVS_MAX (3 * CS_BLOCKS_MAX + 3)

/* Every convolution in network order: stem, three per block (one for a strided or width-changing
 * skip, none for an identity), head, classifier. out has CS_CONVS_MAX entries; returns the count.
 */
size_t cs_net_convs(const cs_net *net, cs_conv *out);

/* Multiply-accumulates of one image in one convolution. */
static inline uint64_t cs_conv_macs(const cs_conv *c)
{
    return (uint64_t)c->out_size * c->out_size * c->cout * (uint64_t)(c->cin / c->groups) *
           c->kernel * c->kernel;
}
static inline uint64_t cs_conv_weights(const cs_conv *c)
{
    return (uint64_t)c->cout * (uint64_t)(c->cin / c->groups) * c->kernel * c->kernel;
}

/* Multiply-accumulates of one forward pass of one image: every convolution and the classifier.
 * Pooling, BN and additions are not counted. */
uint64_t cs_net_macs(const cs_net *net);
/* Trainable parameters: convolutions, BN scale and shift, classifier with bias. */
uint64_t cs_net_params(const cs_net *net);
/* Bits of all weights: block convs at the block's bits, stem, head and classifier at edge_bits. */
uint64_t cs_net_weight_bits(const cs_net *net);

#endif
