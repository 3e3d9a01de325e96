/* Kernels for any CPU: GNU C vectors of four floats. */
#define PRODUCT_MR3 4
#define PRODUCT_MR2 4
#define PRODUCT_MR1 4
#define PRODUCT_MR_MAX 4
#define SLIDE_ROWS(k, s) 2
#define DEPTHWISE_XB 4

#include "nn/kernels_body.h"

#include "nn/kernels_depthwise.h"
#include "nn/kernels_depthwise_back.h"
#include "nn/kernels_mix.h"

const cs_kernels cs_kernels_portable = {product,   finish,    stats_rows,     dz_rows, pass_gate,
                                        join_rows, depthwise, depthwise_back, mix,     mix_gate};
