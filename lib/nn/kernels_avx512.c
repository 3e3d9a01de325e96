/* Kernels for AVX-512: 32 registers of sixteen floats. */
#define KERNEL_AVX512
#define PRODUCT_MR3 8
#define PRODUCT_MR2 12
#define PRODUCT_MR1 16
#define PRODUCT_MR_MAX 16
#define DEPTHWISE_XB 8
#define DEPTHWISE_KR(k) (k)

#include "nn/kernels_body.h"

#include "nn/kernels_depthwise.h"
#include "nn/kernels_mix.h"

const cs_kernels cs_kernels_avx512 = {product,   finish,    stats_rows,     dz_rows, pass_gate,
                                      join_rows, depthwise, depthwise_back, mix,     mix_gate};
