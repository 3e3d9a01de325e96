#include "datasets/dataset_private.h"

#include "cosearch/rng.h"
#include <stdlib.h>
#include <string.h>

struct cs_loader {
    const cs_dataset *set;
    const cs_images *images;
    cs_loader_options options;
    const uint32_t *items;    /* [n] the part of the split in use, borrowed               */
    uint32_t *order;          /* [n] items in the order of this epoch; NULL: items itself */
    uint32_t n, epoch_images; /* images used; images one epoch yields                     */
    uint32_t next;            /* position in the epoch                                    */
    uint64_t epoch;           /* epochs begun, less one                                   */
    uint64_t order_root, augment_root; /* streams "order" and "augment" of the seed */
    uint64_t augment_epoch; /* of this epoch                                            */
    float *x;               /* [batch][size][size][channels]                            */
    int32_t *y;             /* [batch]                                                  */
};

static void begin_epoch(cs_loader *loader)
{
    loader->next = 0;
    loader->augment_epoch = cs_rng_derive_index(loader->augment_root, loader->epoch);
    if (!loader->order)
        return;
    /* From the split's order every time, so that an epoch does not depend on the ones before. */
    memcpy(loader->order, loader->items, loader->n * sizeof *loader->order);
    cs_rng rng;
    cs_rng_seed(&rng, cs_rng_derive_index(loader->order_root, loader->epoch));
    cs_rng_shuffle(&rng, loader->order, loader->n);
}

static const char *split_name(cs_data_split split)
{
    static const char *const names[] = {"search-train", "search-val", "train", "test"};
    return names[split];
}

static cs_status check(const cs_dataset *set, cs_data_split split, uint32_t n_split,
                       const cs_loader_options *options, cs_error *err)
{
    const char *name = set->info.name, *part = split_name(split);
    if (split == CS_SPLIT_TEST && !set->with_test)
        return cs_fail(err, CS_EUSAGE, "data set %s was opened without its test images", name);
    if (n_split == 0)
        return cs_fail(err, CS_EUSAGE, "split %s of %s is empty", part, name);
    if (options->batch == 0)
        return cs_fail(err, CS_EUSAGE, "batch size 0 for split %s of %s: expected at least 1", part,
                       name);
    if (options->subset > n_split)
        return cs_fail(err, CS_EUSAGE,
                       "subset of %u images: split %s of %s has %u, choose at most that many "
                       "(0 for all)",
                       (unsigned)options->subset, part, name, (unsigned)n_split);
    const uint32_t n = options->subset ? options->subset : n_split;
    if (options->drop_rest && options->batch > n)
        return cs_fail(err, CS_EUSAGE, "batch size %u: only %u images of split %s of %s are in use",
                       (unsigned)options->batch, (unsigned)n, part, name);
    return CS_OK;
}

cs_status cs_loader_new(const cs_dataset *set, cs_data_split split,
                        const cs_loader_options *options, cs_loader **out, cs_error *err)
{
    uint32_t n_split;
    const uint32_t *items = cs_dataset_split(set, split, &n_split);
    CS_TRY(check(set, split, n_split, options, err));
    const uint32_t n = options->subset ? options->subset : n_split;
    const uint32_t batch = options->batch < n ? options->batch : n;
    const size_t pixels = (size_t)set->info.size * set->info.size * set->info.channels;
    cs_loader *loader = calloc(1, sizeof *loader);
    if (loader) {
        loader->x = malloc(batch * pixels * sizeof *loader->x);
        loader->y = malloc(batch * sizeof *loader->y);
        loader->order = options->shuffle ? malloc(n * sizeof *loader->order) : NULL;
    }
    if (!loader || !loader->x || !loader->y || (options->shuffle && !loader->order)) {
        cs_loader_free(loader);
        return cs_fail(err, CS_ENOMEM, "out of memory for a loader of %u images of %s",
                       (unsigned)batch, set->info.name);
    }
    loader->set = set;
    loader->images = split == CS_SPLIT_TEST ? &set->test : &set->train;
    loader->options = *options;
    loader->items = items;
    loader->n = n;
    loader->epoch_images = options->drop_rest ? n - n % options->batch : n;
    loader->order_root = cs_rng_derive(options->seed, "order");
    loader->augment_root = cs_rng_derive(options->seed, "augment");
    begin_epoch(loader);
    *out = loader;
    return CS_OK;
}

void cs_loader_free(cs_loader *loader)
{
    if (!loader)
        return;
    free(loader->x);
    free(loader->y);
    free(loader->order);
    free(loader);
}

cs_status cs_loader_next(void *context, cs_batch *out)
{
    cs_loader *loader = context;
    if (loader->next >= loader->epoch_images) {
        loader->epoch++;
        begin_epoch(loader);
        return CS_DONE;
    }
    const cs_dataset_info *info = &loader->set->info;
    const size_t pixels = (size_t)info->size * info->size * info->channels;
    const uint32_t *order = loader->order ? loader->order : loader->items;
    uint32_t n = loader->epoch_images - loader->next;
    if (n > loader->options.batch)
        n = loader->options.batch;
    for (uint32_t i = 0; i < n; i++, loader->next++) {
        const uint32_t item = order[loader->next];
        cs_augment augment = {0};
        if (loader->options.augment)
            augment = cs_augment_draw(cs_rng_derive_index(loader->augment_epoch, loader->next));
        cs_augment_apply(&loader->set->table, loader->images->pixels[item], info->size, augment,
                         loader->x + i * pixels);
        loader->y[i] = loader->images->labels[item];
    }
    *out = (cs_batch){.x = loader->x,
                      .y = loader->y,
                      .n = n,
                      .h = info->size,
                      .w = info->size,
                      .c = info->channels};
    return CS_OK;
}

void cs_loader_seek(void *context, uint64_t calls)
{
    cs_loader *loader = context;
    const uint32_t batch = loader->options.batch;
    const uint64_t batches = (loader->epoch_images + (uint64_t)batch - 1) / batch;
    loader->epoch = calls / (batches + 1); /* each epoch ends with a call that says CS_DONE */
    begin_epoch(loader);
    const uint64_t images = calls % (batches + 1) * batch;
    loader->next = images < loader->epoch_images ? (uint32_t)images : loader->epoch_images;
}

uint32_t cs_loader_epoch_images(const cs_loader *loader)
{
    return loader->epoch_images;
}

cs_feed cs_loader_feed(cs_loader *loader)
{
    return (cs_feed){.context = loader,
                     .epoch_images = loader->epoch_images,
                     .next = cs_loader_next,
                     .seek = cs_loader_seek};
}
