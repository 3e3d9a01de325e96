/* Named splits of a labelled set by seed. */
#ifndef CS_DATASETS_SPLIT_H
#define CS_DATASETS_SPLIT_H

#include "cosearch/status.h"
#include <stdint.h>

/* Stratified parting of items 0..n-1: of every class c with n_c items, floor(val_fraction n_c +
 * 1/2) drawn by the seed go to `val`, the others to `rest`. Every list interleaves the classes in
 * proportion, so that each of its prefixes is stratified to within one item per class. */
typedef struct cs_partition {
    uint32_t *all, *rest, *val; /* all[n_rest + n_val]: both, in an order of its own */
    uint32_t n_rest, n_val;
} cs_partition;

/* labels[i] < classes; 0 <= val_fraction < 1. CS_ENOMEM only. Depends on nothing but its arguments
 * (stream: seed, "split", class). */
cs_status cs_partition_make(const uint16_t *labels, uint32_t n, uint16_t classes, uint64_t seed,
                            double val_fraction, cs_partition *out);
void cs_partition_free(cs_partition *split);

#endif
