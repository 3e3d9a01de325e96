/* Kernels for AVX-512: 32 registers of sixteen floats. */
#define KERNEL_AVX512
#define PRODUCT_MR3 8
#define PRODUCT_MR2 12
#define PRODUCT_MR1 16
#define PRODUCT_MR_MAX 16
#define SLIDE_ROWS(k, s) 4
#define DEPTHWISE_XB 4

#include "nn/kernels_body.h"

#include "nn/kernels_depthwise.h"
#include "nn/kernels_depthwise_back.h"
#include "nn/kernels_mix.h"

const cs_kernels cs_kernels_avx512 = {product,   finish,    stats_rows,     dz_rows, pass_gate,
                                      join_rows, depthwise, depthwise_back, mix,     mix_gate};
