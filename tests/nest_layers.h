/* Layers of known networks and a space of mappings small enough to be enumerated, for the tests and
 * rates of the mapper. */
#ifndef CS_TESTS_NEST_LAYERS_H
#define CS_TESTS_NEST_LAYERS_H

#include "cosearch/nest_preset.h"

typedef struct known_layer {
    const char *name;
    cs_nest_layer layer;
} known_layer;

/* N G K C P Q R S; 16 bits, sums at 16. */
#define KNOWN_LAYER(label, stride_, ...)                                                           \
    {                                                                                              \
        label,                                                                                     \
        {                                                                                          \
            {__VA_ARGS__}, stride_, {16, 16, 16}, 0                                                \
        }                                                                                          \
    }
static const known_layer known_layers[] = {
    KNOWN_LAYER("alexnet.conv1", 4, 1, 1, 96, 3, 55, 55, 11, 11),
    KNOWN_LAYER("alexnet.conv2", 1, 1, 2, 128, 48, 27, 27, 5, 5),
    KNOWN_LAYER("alexnet.conv3", 1, 1, 1, 384, 256, 13, 13, 3, 3),
    KNOWN_LAYER("alexnet.conv5", 1, 1, 2, 128, 192, 13, 13, 3, 3),
    KNOWN_LAYER("resnet18.conv2_x", 1, 1, 1, 64, 64, 56, 56, 3, 3),
    KNOWN_LAYER("resnet18.conv3_ds", 2, 1, 1, 128, 64, 28, 28, 1, 1),
    KNOWN_LAYER("resnet18.conv5_x", 1, 1, 1, 512, 512, 7, 7, 3, 3),
    KNOWN_LAYER("mobilenetv2.depthwise", 1, 1, 144, 1, 1, 56, 56, 3, 3),
    KNOWN_LAYER("mobilenetv2.project", 1, 1, 1, 24, 144, 56, 56, 1, 1),
    KNOWN_LAYER("mobilenetv2.head", 1, 1, 1, 1280, 320, 7, 7, 1, 1),
};
#define KNOWN_LAYERS (sizeof known_layers / sizeof *known_layers)

/* A weight-stationary dataflow: channels unrolled in divisors; what fits of the kernel in
 * registers; output rows, channels and groups outside the buffer, rows, columns and channels inside
 * it. */
static inline void enumerable_space(cs_nest_arch *arch, cs_map_space *space)
{
    enum { N = 1 << CS_DIM_N, G = 1 << CS_DIM_G, K = 1 << CS_DIM_K, C = 1 << CS_DIM_C };
    enum { P = 1 << CS_DIM_P, Q = 1 << CS_DIM_Q, R = 1 << CS_DIM_R, S = 1 << CS_DIM_S };
    cs_nest_preset_find("nvdla")->build(arch, space);
    space->divisors_only = true;
    space->temporal[0] = N | G | K | C | P;
    space->temporal[1] = G | K | C | P | Q | R;
    space->temporal[2] = R | S;
}

#endif
