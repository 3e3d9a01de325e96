/* Kernels for AVX2 with FMA: 16 registers of eight floats. */
#define KERNEL_AVX2
#define PRODUCT_MR3 4
#define PRODUCT_MR2 6
#define PRODUCT_MR1 8
#define PRODUCT_MR_MAX 8
#define SLIDE_ROWS(k, s) 2
#define DEPTHWISE_XB 4

#include "nn/kernels_body.h"

#include "nn/kernels_depthwise.h"
#include "nn/kernels_depthwise_back.h"
#include "nn/kernels_mix.h"

const cs_kernels cs_kernels_avx2 = {product,   finish,    stats_rows,     dz_rows, pass_gate,
                                    join_rows, depthwise, depthwise_back, mix,     mix_gate};
