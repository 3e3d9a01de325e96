/* Data sets on disk (or made in memory): opening, checking, named splits, loaders.
 *
 * A data set is looked up by name in datasets.def. Its files lie in the data folder in their
 * official format and are mapped read-only, so that workers on one machine share them.
 *
 * Splits. The official training images are parted, class by class, into search-train and search-val
 * by the split seed; `train` is both together (for retraining); `test` is the official test set.
 * A data set opened without the test set has never opened the test file: a search cannot see it.
 *
 * Identity. info.id is NAME-TRAIN-TEST-HASH: record counts and XXH64 over the bytes of the training
 * files in order. It is the same with and without the test set (of which only the size is taken);
 * cs_dataset_test_hash gives the content hash of the test set to the final phase. */
#ifndef CS_DATASETS_DATASET_ACCESS_H
#define CS_DATASETS_DATASET_ACCESS_H

#include "cosearch/dataset.h"
#include "cosearch/status.h"
#include "cosearch/train.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct cs_dataset cs_dataset;
typedef struct cs_loader cs_loader;

typedef enum cs_data_split {
    CS_SPLIT_SEARCH_TRAIN,
    CS_SPLIT_SEARCH_VAL,
    CS_SPLIT_TRAIN, /* search-train and search-val together */
    CS_SPLIT_TEST   /* only when opened with_test           */
} cs_data_split;

/* Registered data sets in the order of datasets.def; name is NULL past the end. */
size_t cs_dataset_count(void);
const char *cs_dataset_name(size_t index);
const char *cs_dataset_title(size_t index);    /* one line for `list datasets` */
uint16_t cs_dataset_classes(const char *name); /* 0: unknown name */
/* CS_OK if there is a data set of this name; otherwise CS_EUSAGE with the nearest one. */
cs_status cs_dataset_named(const char *name, cs_error *err);

/* Opens a data set. data_dir is the data folder ($COSEARCH_DATA), unused by sets made in memory.
 * val_fraction (0 <= f < 1) of every class goes to search-val.
 * CS_EUSAGE: unknown name (with the nearest one), bad fraction. CS_EDATA: a file is missing, empty,
 * cut off, too long, or holds a label out of range. Contents are not compared with checksums here,
 * see cs_dataset_verify. The result is immutable and may be read by several threads. */
cs_status cs_dataset_open(const char *name, const char *data_dir, uint64_t split_seed,
                          double val_fraction, bool with_test, cs_dataset **out, cs_error *err);
void cs_dataset_close(cs_dataset *set);

/* Borrowed until close. Without the test set n_test still holds its record count. */
const cs_dataset_info *cs_dataset_info_get(const cs_dataset *set);

/* XXH64 over the bytes of the test files. CS_EUSAGE unless opened with_test. */
cs_status cs_dataset_test_hash(const cs_dataset *set, uint64_t *out, cs_error *err);

/* Record indices of a split, 0-based over the official files in order, borrowed until close. The
 * order is fixed by the split seed and interleaves the classes, so that every prefix is stratified.
 * NULL and *n = 0 for the test split of a set opened without it. */
const uint32_t *cs_dataset_split(const cs_dataset *set, cs_data_split split, uint32_t *n);

/* Full check of the files of a data set, test set included: everything cs_dataset_open refuses, and
 * every content checksum there is: SHA256SUMS (or FILE.sha256) beside the files, else, for files of
 * the official full size, the official MD5. CS_EDATA names the file, both sums and the command that
 * mends it. *compared (if not NULL) is how many files had a sum: a
 * shorter file without one is read and not compared, a set made in memory has none. For the parent
 * of a campaign (once) and for doctor; about 0.1 s per 30 MB. */
cs_status cs_dataset_verify(const char *name, const char *data_dir, uint32_t *compared,
                            cs_error *err);

typedef struct cs_loader_options {
    uint32_t batch;  /* images per batch, > 0                                              */
    uint32_t subset; /* use only the first so many of the split's stratified order; 0: all */
    uint64_t seed;   /* root of the streams "order" and "augment"                          */
    bool shuffle;    /* a fresh order every epoch; else the order of the split             */
    bool augment;    /* random crop (pad 4, black) and horizontal flip                     */
    bool drop_rest;  /* drop a last batch that is not full                                 */
} cs_loader_options;

/* The loader borrows the data set. The order of an epoch depends on (seed, epoch), the augmentation
 * of an image on (seed, epoch, position in the epoch): neither depends on the batch size.
 * CS_EUSAGE: empty split, batch 0, subset larger than the split, test split of a set opened without
 * it, or drop_rest with a batch larger than the epoch. */
cs_status cs_loader_new(const cs_dataset *set, cs_data_split split,
                        const cs_loader_options *options, cs_loader **out, cs_error *err);
void cs_loader_free(cs_loader *loader);

/* Next batch (borrowed until the next call); CS_DONE at the end of an epoch, after which the next
 * call starts another. `loader` is a cs_loader *; the signature is that of cs_feed.next. */
cs_status cs_loader_next(void *loader, cs_batch *out);
/* Where a new loader is after `calls` calls of cs_loader_next; that of cs_feed.seek. */
void cs_loader_seek(void *loader, uint64_t calls);
/* Images one epoch yields: whole batches only with drop_rest. */
uint32_t cs_loader_epoch_images(const cs_loader *loader);
/* The loader as a feed for cs_model_train and cs_model_accuracy. */
cs_feed cs_loader_feed(cs_loader *loader);

#endif
