#include "datasets/dataset_private.h"

#include "core/hash.h"
#include "core/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CS_DATASET(name) extern const cs_data_source cs_source_##name;
#include "datasets/datasets.def"
#undef CS_DATASET

static const cs_data_source *const sources[] = {
#define CS_DATASET(name) &cs_source_##name,
#include "datasets/datasets.def"
#undef CS_DATASET
};
enum { N_SOURCES = sizeof sources / sizeof sources[0] };

size_t cs_dataset_count(void)
{
    return N_SOURCES;
}

const char *cs_dataset_name(size_t index)
{
    return index < N_SOURCES ? sources[index]->name : NULL;
}

const char *cs_dataset_title(size_t index)
{
    return index < N_SOURCES ? sources[index]->title : NULL;
}

uint16_t cs_dataset_classes(const char *name)
{
    for (size_t i = 0; i < N_SOURCES; i++)
        if (strcmp(sources[i]->name, name) == 0)
            return sources[i]->classes;
    return 0;
}

static cs_status find_source(const char *name, const cs_data_source **out, cs_error *err)
{
    const char *names[N_SOURCES + 1];
    for (size_t i = 0; i < N_SOURCES; i++) {
        names[i] = sources[i]->name;
        if (strcmp(name, names[i]) == 0) {
            *out = sources[i];
            return CS_OK;
        }
    }
    names[N_SOURCES] = NULL;
    const char *nearest = cs_text_nearest(name, names);
    if (nearest)
        return cs_fail(err, CS_EUSAGE,
                       "unknown data set '%s' (did you mean '%s'?); `cosearch list datasets` names "
                       "them all",
                       name, nearest);
    return cs_fail(err, CS_EUSAGE, "unknown data set '%s': `cosearch list datasets` names them all",
                   name);
}

cs_status cs_dataset_named(const char *name, cs_error *err)
{
    const cs_data_source *source;
    return find_source(name, &source, err);
}

static void fill_info(cs_dataset *set)
{
    const cs_data_source *source = set->source;
    cs_dataset_info *info = &set->info;
    char hex[17];
    cs_hash_hex(set->train.hash, hex);
    snprintf(info->name, sizeof info->name, "%s", source->name);
    snprintf(info->id, sizeof info->id, "%s-%u-%u-%s", source->name, (unsigned)set->train.n,
             (unsigned)info->n_test, hex);
    info->classes = source->classes;
    info->size = source->size;
    info->channels = source->channels;
    info->n_search_train = set->train_split.n_rest;
    info->n_search_val = set->train_split.n_val;
    memcpy(info->mean, source->mean, sizeof info->mean);
    memcpy(info->std, source->std, sizeof info->std);
}

static cs_status open_parts(cs_dataset *set, const char *data_dir, uint64_t split_seed,
                            double val_fraction, cs_error *err)
{
    const cs_data_source *source = set->source;
    CS_TRY(source->load(source, data_dir, false, &set->train, err));
    if (cs_partition_make(set->train.labels, set->train.n, source->classes, split_seed,
                          val_fraction, &set->train_split) != CS_OK)
        return cs_fail(err, CS_ENOMEM, "out of memory for the splits of %s", source->name);
    if (set->train_split.n_rest == 0 || (val_fraction > 0 && set->train_split.n_val == 0))
        return cs_fail(err, CS_EUSAGE,
                       "validation fraction %g of the %u training images of %s leaves %s empty: "
                       "choose another fraction",
                       val_fraction, (unsigned)set->train.n, source->name,
                       set->train_split.n_rest ? "search-val" : "search-train");
    if (!set->with_test)
        return source->count_test(source, data_dir, &set->info.n_test, err);
    CS_TRY(source->load(source, data_dir, true, &set->test, err));
    set->info.n_test = set->test.n;
    if (cs_partition_make(set->test.labels, set->test.n, source->classes, split_seed, 0,
                          &set->test_split) != CS_OK)
        return cs_fail(err, CS_ENOMEM, "out of memory for the test split of %s", source->name);
    return CS_OK;
}

cs_status cs_dataset_open(const char *name, const char *data_dir, uint64_t split_seed,
                          double val_fraction, bool with_test, cs_dataset **out, cs_error *err)
{
    const cs_data_source *source;
    CS_TRY(find_source(name, &source, err));
    if (!(val_fraction >= 0 && val_fraction < 1))
        return cs_fail(err, CS_EUSAGE, "validation fraction %g: expected 0 <= fraction < 1",
                       val_fraction);
    cs_dataset *set = calloc(1, sizeof *set);
    if (!set)
        return cs_fail(err, CS_ENOMEM, "out of memory for data set %s", name);
    set->source = source;
    set->with_test = with_test;
    const cs_status status = open_parts(set, data_dir, split_seed, val_fraction, err);
    if (status != CS_OK) {
        cs_dataset_close(set);
        return status;
    }
    fill_info(set);
    cs_pixel_table_make(source->mean, source->std, &set->table);
    *out = set;
    return CS_OK;
}

void cs_dataset_close(cs_dataset *set)
{
    if (!set)
        return;
    cs_partition_free(&set->train_split);
    cs_partition_free(&set->test_split);
    cs_images_free(&set->train);
    cs_images_free(&set->test);
    free(set);
}

const cs_dataset_info *cs_dataset_info_get(const cs_dataset *set)
{
    return &set->info;
}

cs_status cs_dataset_test_hash(const cs_dataset *set, uint64_t *out, cs_error *err)
{
    if (!set->with_test)
        return cs_fail(err, CS_EUSAGE, "data set %s was opened without its test images",
                       set->info.name);
    *out = set->test.hash;
    return CS_OK;
}

const uint32_t *cs_dataset_split(const cs_dataset *set, cs_data_split split, uint32_t *n)
{
    switch (split) {
    case CS_SPLIT_SEARCH_TRAIN: *n = set->train_split.n_rest; return set->train_split.rest;
    case CS_SPLIT_SEARCH_VAL: *n = set->train_split.n_val; return set->train_split.val;
    case CS_SPLIT_TRAIN: *n = set->train.n; return set->train_split.all;
    case CS_SPLIT_TEST: *n = set->test.n; return set->test_split.all;
    }
    *n = 0;
    return NULL;
}

cs_status cs_dataset_verify(const char *name, const char *data_dir, uint32_t *compared,
                            cs_error *err)
{
    const cs_data_source *source;
    CS_TRY(find_source(name, &source, err));
    uint32_t n = 0;
    CS_TRY(source->verify(source, data_dir, &n, err));
    if (compared)
        *compared = n;
    return CS_OK;
}
