/* The accelerator that BSW (Abdelfattah et al., DAC 2020) searches: CHaiDNN with a choice of
 * parallelism, buffers, memory port, pooling engine and one or two convolution engines, on a Zynq
 * UltraScale+ ZU9EG. BSW's own resource and latency equations are not public; these are fitted by
 * us to the tables that ship with CHaiDNN v2. docs/hw-models.md, "CHaiDNN". */
#ifndef CS_HW_CHAIDNN_H
#define CS_HW_CHAIDNN_H

#include "cosearch/hw.h"

typedef struct chaidnn_accelerator {
    int32_t filters, pixels;              /* output maps and pixels in parallel */
    int32_t in_depth, w_depth, out_depth; /* of the buffers, words */
    int32_t port_bits;                    /* memory interface, 256 or 512 */
    int32_t pool;                         /* 1: an engine of its own for pooling */
    int32_t ratio; /* per cent of the multipliers that the engine of kernels above 1x1 has; 100: one
                      engine for all */
} chaidnn_accelerator;

/* Slices, 36-Kbit block RAMs, look-up tables; area in mm2 of the device's tiles. */
typedef struct chaidnn_resources {
    double dsp, bram36, lut, area_mm2;
} chaidnn_resources;

/* Area of a number of logic blocks (of 8 look-up tables), block RAMs and slices. */
double chaidnn_area_mm2(double clb, double bram36, double dsp);
void chaidnn_resources_of(const chaidnn_accelerator *, chaidnn_resources *out);

/* Cycles of a convolution on its engine at twice the core clock, and bytes over the memory port,
 * weights as often as the buffers hold fewer rows than at the depths of the fit (8192, 2048). */
void chaidnn_layer(const chaidnn_accelerator *, const cs_conv *, double *cycles, double *bytes);
double chaidnn_dsp_hz(const chaidnn_accelerator *); /* clock of the multipliers */
double chaidnn_bytes_per_s(const chaidnn_accelerator *);
/* Seconds of a convolution: 1.7 times its cycles (fitted), then its transfers. */
double chaidnn_layer_s(const chaidnn_accelerator *, const cs_conv *);

#endif
