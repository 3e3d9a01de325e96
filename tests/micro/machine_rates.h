/* What this core can do at most, measured: the two sides of a roofline. */
#ifndef CS_MACHINE_RATES_H
#define CS_MACHINE_RATES_H

#include "cosearch/nn.h"

#include <stddef.h>

/* Billions of float operations a second (multiply and add count 1 each) of independent fused
 * multiply-adds in registers; with CS_ISA_PORTABLE multiplications and additions of four lanes. */
double machine_peak_gflops(cs_isa isa);
/* GB/s read and written by copying so that `bytes` are touched in all: whatever cache level holds
 * an operator's tensors holds the copy's too. 0: no memory. */
double machine_copy_gbs(size_t bytes);

#endif
