/* One tiled engine per kind of convolution, with memory ports of chosen widths: the template of
 * Zhang et al. (FPGA 2015), XFER and HotNAS (Jiang et al. 2020), shared by the published and the
 * corrected model. The engines work on one image, layer after layer; tiles are double-buffered. */
#ifndef CS_HW_FPGA_TILED_H
#define CS_HW_FPGA_TILED_H

#include "cosearch/hw.h"

#define TILED_CLOCK_HZ 200e6
#define TILED_ENGINES 2 /* standard and grouped convolutions; depthwise ones */

enum tiled_engine_kind { TILED_STANDARD, TILED_DEPTHWISE };

/* Decisions, in order. Published: c.dsp is the slices aimed at, from which Tn follows. */
enum tiled_param {
    TILED_TN,
    TILED_TM,
    TILED_TD,
    TILED_TR,
    TILED_TC,
    TILED_W,
    TILED_I,
    TILED_O,
    TILED_PARAMS
};

/* A layer as an engine sees it; `count` times. A depthwise layer has cin = channels = cout. */
typedef struct tiled_layer {
    int16_t block;
    uint8_t kernel, stride, bits;
    bool depthwise;
    uint16_t groups;    /* as in cs_conv, for the report */
    uint16_t cin, cout; /* of one group */
    uint16_t in_size, out_size;
    double count;
} tiled_layer;

/* An accelerator: values, not choices. Ports in 16-bit words per cycle. */
typedef struct tiled_accelerator {
    int32_t tm, tn, td; /* output and input channels of the standard engine; depthwise lanes */
    int32_t tr, tc;     /* rows and columns of an output tile */
    int32_t w, i, o;    /* ports: weights, inputs, outputs */
} tiled_accelerator;

/* Cycles of a layer and where they would go if that part alone decided. */
typedef struct tiled_cost {
    double cycles, inputs, weights, outputs, compute, dram_bits;
} tiled_cost;

typedef struct tiled_model {
    bool published;
    int32_t ports; /* width of the memory interface, words per cycle */
    double dram_bits_per_cycle;
    const int32_t *value[2][TILED_PARAMS]; /* [ImageNet] */
    uint16_t n[2][TILED_PARAMS];
    void (*cost)(const tiled_accelerator *, const tiled_layer *, tiled_cost *out);
    /* Slices and block RAMs for a network with these fpga_tiled_largest. */
    void (*resources)(const tiled_accelerator *, const tiled_layer *largest, double *dsp,
                      double *bram);
} tiled_model;

/* HotNAS (code of the authors): cycles of one layer, run once; output sizes are divided by the
 * stride again, as released. `pad` is the padding on each side. */
void fpga_tiled_published_layer(const tiled_accelerator *, const tiled_layer *, int pad,
                                tiled_cost *);
/* Slices and blocks of 18,000 bits of one engine at 16 bits, or as float32 (bits = 32). */
void fpga_tiled_published_resources(int32_t tm, int32_t tn, int32_t tr, int32_t tc, int kernel,
                                    int bits, double *dsp, double *bram);

void fpga_tiled_published_cost(const tiled_accelerator *, const tiled_layer *, tiled_cost *);
void fpga_tiled_published_needs(const tiled_accelerator *, const tiled_layer *largest, double *dsp,
                                double *bram);
void fpga_tiled_corrected_cost(const tiled_accelerator *, const tiled_layer *, tiled_cost *);
void fpga_tiled_corrected_needs(const tiled_accelerator *, const tiled_layer *largest, double *dsp,
                                double *bram);

/* The convolutions a model counts. */
size_t fpga_tiled_lower(const tiled_model *, const cs_net *, tiled_layer *layer);
/* Per engine the largest kernel and stride and the widest bits; count is the narrowest bits, and
 * kernel 0 where the engine has no layer. */
void fpga_tiled_largest(const tiled_layer *layer, size_t n, tiled_layer largest[TILED_ENGINES]);
/* Accelerator of a choice vector. *need is the largest need over what there is of ports and slices
 * aimed at: above 1 it cannot be built. */
void fpga_tiled_decode(const tiled_model *, bool imagenet, const uint16_t *choice,
                       tiled_accelerator *out, double *need);

cs_status fpga_tiled_exact(const tiled_model *, const cs_hw_context *, const cs_net *,
                           const cs_limits *, uint16_t *choice, cs_solution *, cs_error *);

#endif
