/* What a method may know of a data set. No file access here. */
#ifndef CS_DATASET_H
#define CS_DATASET_H

#include <stdint.h>

typedef struct cs_dataset_info {
    char name[24]; /* "cifar10", "cifar100", "synth", "imagenet" */
    char id[64];   /* name, record counts and content hash: "cifar10-10000-2000-89ab..." */
    uint16_t classes, size, channels;
    uint32_t n_search_train, n_search_val, n_test;
    float mean[3], std[3]; /* of pixels scaled to 0..1, used for normalisation */
} cs_dataset_info;

/* One mini-batch, borrowed until the next call on its source. Layout x[n][h][w][c] (NHWC),
 * normalised. */
typedef struct cs_batch {
    const float *x;
    const int32_t *y; /* [n] labels, 0..classes-1 */
    uint32_t n, h, w, c;
} cs_batch;

#endif
