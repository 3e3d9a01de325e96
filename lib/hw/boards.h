/* A chain of FPGA boards, contiguous groups of layers as pipeline stages, one board per stage: the
 * platform of HS-Co-Opt (Jiang et al., TCAD 2020), with the tile model of FNAS (Jiang et al., DAC
 * 2019) for a layer. docs/hw-models.md, "The chain of boards". */
#ifndef CS_HW_BOARDS_H
#define CS_HW_BOARDS_H

#include "cosearch/hw.h"

#define BOARDS_MAX 3
#define BOARDS_CLOCK_HZ 100e6
#define BOARDS_DSP 150 /* slices of one XC7Z015 */

typedef struct boards_accelerator {
    int32_t boards; /* 1..BOARDS_MAX */
    int32_t tr, tc; /* rows and columns of an output tile, cut to the map */
    int32_t bits;   /* 16: a slice per product; 32: float, five slices */
} boards_accelerator;

/* Cycles of a layer with Tm x Tn multipliers; ports of two words each. */
double boards_layer_cycles(const boards_accelerator *, const cs_conv *, int32_t tm, int32_t tn);
/* The fastest Tm, Tn within a board's slices (ties: fewer multipliers, then fewer Tm). */
double boards_layer_best(const boards_accelerator *, const cs_conv *, int32_t *tm, int32_t *tn);

typedef struct boards_pipeline {
    size_t first[BOARDS_MAX + 1]; /* stage s runs layers first[s]..first[s + 1] - 1 */
    double stage[BOARDS_MAX];     /* cycles */
    double slowest, efficiency;   /* sum of stages / (boards x slowest) */
} boards_pipeline;

/* The contiguous split of n layers with the fastest slowest stage; a stage may be empty. */
void boards_split(const double *cycles, size_t n, size_t boards, boards_pipeline *out);

#endif
