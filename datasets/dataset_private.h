/* What the loader sees of an open data set. */
#ifndef CS_DATASETS_DATASET_PRIVATE_H
#define CS_DATASETS_DATASET_PRIVATE_H

#include "datasets/augment.h"
#include "datasets/dataset_access.h"
#include "datasets/source.h"
#include "datasets/split.h"

struct cs_dataset {
    const cs_data_source *source;
    cs_dataset_info info;
    cs_images train, test; /* test is empty unless with_test */
    cs_partition train_split, test_split;
    cs_pixel_table table;
    bool with_test;
};

#endif
