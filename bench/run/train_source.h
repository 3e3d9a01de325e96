/* Accuracy source "train": a design's network is trained on real images at the profile's fidelity.
 * The final phase trains the same way, with the recipe, on all training images. */
#ifndef CS_BENCH_TRAIN_SOURCE_H
#define CS_BENCH_TRAIN_SOURCE_H

#include "datasets/dataset_access.h"
#include "run/profile.h"
#include "run/task_config.h"

typedef struct cs_train_source {
    cs_engine *engine;         /* borrowed */
    const cs_dataset *dataset; /* borrowed */
    cs_training training[CS_FID_COUNT];
} cs_train_source;

/* The vtable; `source` has to stay where it is as long as the result is used. */
cs_accuracy_source cs_train_source_view(cs_train_source *source);

/* Trains a network from scratch on one split and measures its accuracy on n others, acc[n]. `seed`
 * is the root of the streams "init" and "data". A training that diverges (CS_ENUMERIC) scores
 * chance, 1 / classes. tick may be NULL. */
cs_status cs_train_and_measure(cs_engine *engine, const cs_dataset *dataset, const cs_net *net,
                               const cs_training *training, cs_data_split train_split,
                               const cs_data_split *measure, size_t n, uint64_t seed,
                               cs_train_hook tick, void *tick_context, double *acc, cs_error *err);

/* Images that a `subset` value of a profile means: a fraction up to 1, or a number. */
uint32_t cs_subset_images(double subset, uint32_t all);

#endif
