/* Times of the data sets: opening and checking (every worker and every campaign pay them) and one
 * augmented batch of 64 images (every training step pays it). */
#include "micro.h"

#include "datasets/dataset_access.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct data_state {
    const char *name, *dir;
    cs_loader *loader;
    cs_status status;
} data_state;

static double open_once(void *context)
{
    data_state *s = context;
    cs_dataset *set = NULL;
    s->status = cs_dataset_open(s->name, s->dir, 1, 0.2, false, &set, NULL);
    cs_dataset_close(set);
    return 1.0;
}

static double verify_once(void *context)
{
    data_state *s = context;
    s->status = cs_dataset_verify(s->name, s->dir, NULL, NULL);
    return 1.0;
}

static double next_batch(void *context)
{
    data_state *s = context;
    cs_batch batch;
    s->status = cs_loader_next(s->loader, &batch);
    if (s->status == CS_DONE) /* another epoch */
        s->status = cs_loader_next(s->loader, &batch);
    return 1.0;
}

static void measure(data_state *s, const char *row, const char *note, micro_work work)
{
    const micro_case c = {.group = "data", .name = row, .threads = 1, .unit = "ms", .note = note};
    micro_measure(&c, work, s, 5, 0.05);
    if (s->status != CS_OK)
        fprintf(stderr, "bench data: %s of %s failed: %s\n", row, s->name,
                cs_status_text(s->status));
}

void bench_data(void)
{
    if (!micro_wanted("data"))
        return;
    const char *dir = getenv("COSEARCH_DATA");
    const cs_loader_options options = {
        .batch = 64, .seed = 1, .shuffle = true, .augment = true, .drop_rest = true};
    data_state s = {.name = "synth", .dir = dir && *dir ? dir : "../shared/data"};
    cs_dataset *set = NULL;
    cs_error err = {""};
    if (cs_dataset_open(s.name, s.dir, 1, 0.2, false, &set, &err) != CS_OK ||
        cs_loader_new(set, CS_SPLIT_SEARCH_TRAIN, &options, &s.loader, &err) != CS_OK)
        fprintf(stderr, "bench data: %s\n", err.text);
    else
        measure(&s, "batch64_augmented_ms", "64 images of 32x32x3, crop and flip", next_batch);
    cs_loader_free(s.loader);
    cs_dataset_close(set);
    measure(&s, "open_synth_ms", "made in memory", open_once);

    s.name = "cifar10";
    if (cs_dataset_open(s.name, s.dir, 1, 0.2, false, &set, NULL) != CS_OK)
        return; /* no row without the data */
    char note[80];
    snprintf(note, sizeof note, "%s", cs_dataset_info_get(set)->id);
    cs_dataset_close(set);
    measure(&s, "open_cifar10_ms", note, open_once);
    measure(&s, "verify_cifar10_ms", note, verify_once);
}
