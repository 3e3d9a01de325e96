#include "core/hash.h"
#include "datasets/dataset_access.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static cs_dataset *set;

static void open_set(void)
{
    cr_assert_eq(cs_dataset_open("synth", NULL, 2, 0.2, true, &set, NULL), CS_OK);
}

static void close_set(void)
{
    cs_dataset_close(set);
}

TestSuite(loader, .init = open_set, .fini = close_set);

static cs_loader *make(cs_data_split split, cs_loader_options options)
{
    cs_error err = {""};
    cs_loader *loader = NULL;
    cr_assert_eq(cs_loader_new(set, split, &options, &loader, &err), CS_OK, "%s", err.text);
    return loader;
}

/* Hash of one epoch's images and labels in order, and how many there were. */
static uint64_t hash_epoch(cs_loader *loader, uint32_t *n)
{
    cs_hash_stream *stream = cs_hash_stream_new();
    cr_assert_not_null(stream);
    cs_batch batch;
    *n = 0;
    cs_status status;
    while ((status = cs_loader_next(loader, &batch)) == CS_OK) {
        *n += batch.n;
        for (uint32_t i = 0; i < batch.n; i++) {
            const size_t pixels = (size_t)batch.h * batch.w * batch.c;
            cs_hash_stream_add(stream, batch.x + i * pixels, pixels * sizeof *batch.x);
            cs_hash_stream_add(stream, &batch.y[i], sizeof batch.y[i]);
        }
    }
    cr_assert_eq(status, CS_DONE);
    return cs_hash_stream_end(stream);
}

Test(loader, delivers_every_image_once_an_epoch)
{
    cs_loader *loader = make(CS_SPLIT_SEARCH_TRAIN, (cs_loader_options){.batch = 60, .seed = 4});
    cr_assert_eq(cs_loader_epoch_images(loader), 3200);
    cs_batch batch;
    uint32_t labels[10] = {0}, batches = 0;
    while (cs_loader_next(loader, &batch) == CS_OK) {
        cr_assert_eq(batch.n, batches < 53 ? 60 : 20);
        cr_assert(batch.h == 32 && batch.w == 32 && batch.c == 3);
        for (uint32_t i = 0; i < batch.n; i++)
            labels[batch.y[i]]++;
        batches++;
    }
    cr_assert_eq(batches, 54);
    for (int c = 0; c < 10; c++)
        cr_assert_eq(labels[c], 320);
    cs_loader_free(loader);
}

Test(loader, drops_the_rest_when_asked)
{
    cs_loader *loader =
        make(CS_SPLIT_SEARCH_TRAIN, (cs_loader_options){.batch = 60, .drop_rest = true});
    cr_assert_eq(cs_loader_epoch_images(loader), 3180);
    uint32_t n;
    for (int epoch = 0; epoch < 2; epoch++) {
        (void)hash_epoch(loader, &n);
        cr_assert_eq(n, 3180);
    }
    const cs_feed feed = cs_loader_feed(loader);
    cr_assert_eq(feed.epoch_images, 3180);
    cs_batch batch;
    cr_assert_eq(feed.next(feed.context, &batch), CS_OK);
    cr_assert_eq(batch.n, 60);
    cs_loader_free(loader);
}

Test(loader, same_seed_same_bytes_whatever_the_batch_size)
{
    const uint32_t sizes[] = {64, 64, 1, 37, 5000};
    uint64_t epochs[3] = {0};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        cs_loader *loader = make(
            CS_SPLIT_SEARCH_VAL,
            (cs_loader_options){.batch = sizes[k], .seed = 9, .shuffle = true, .augment = true});
        for (int epoch = 0; epoch < 3; epoch++) {
            uint32_t n;
            const uint64_t hash = hash_epoch(loader, &n);
            cr_assert_eq(n, 800);
            if (k == 0)
                epochs[epoch] = hash;
            cr_assert_eq(hash, epochs[epoch], "batch %u epoch %d", (unsigned)sizes[k], epoch);
        }
        cs_loader_free(loader);
    }
    cr_assert_neq(epochs[0], epochs[1]);
    cr_assert_neq(epochs[1], epochs[2]);
}

Test(loader, another_seed_differs_and_a_fixed_order_repeats)
{
    uint32_t n;
    uint64_t hash[2][2];
    for (uint64_t seed = 0; seed < 2; seed++) {
        cs_loader *loader = make(CS_SPLIT_TEST, (cs_loader_options){.batch = 50, .seed = seed});
        hash[seed][0] = hash_epoch(loader, &n);
        cr_assert_eq(hash_epoch(loader, &n), hash[seed][0]);
        cs_loader_free(loader);
        loader =
            make(CS_SPLIT_TEST, (cs_loader_options){.batch = 50, .seed = seed, .shuffle = true});
        hash[seed][1] = hash_epoch(loader, &n);
        cs_loader_free(loader);
    }
    cr_assert_eq(hash[0][0], hash[1][0]); /* no randomness asked for: the seed does not matter */
    cr_assert_neq(hash[0][1], hash[1][1]);
    cr_assert_neq(hash[0][0], hash[0][1]);
}

Test(loader, order_and_augmentation_are_separate_streams)
{
    /* With and without augmentation the labels come in the same order. */
    cs_loader_options options = {.batch = 800, .seed = 21, .shuffle = true};
    cs_loader *plain = make(CS_SPLIT_SEARCH_VAL, options);
    options.augment = true;
    cs_loader *augmented = make(CS_SPLIT_SEARCH_VAL, options);
    cs_batch a, b;
    cr_assert_eq(cs_loader_next(plain, &a), CS_OK);
    cr_assert_eq(cs_loader_next(augmented, &b), CS_OK);
    cr_assert_eq(memcmp(a.y, b.y, a.n * sizeof *a.y), 0);
    uint32_t equal = 0; /* one augmentation in 162 leaves the image as it is */
    for (size_t i = 0; i < a.n; i++)
        equal += memcmp(a.x + i * 3072, b.x + i * 3072, 3072 * sizeof(float)) == 0;
    cr_assert(equal < 20, "%u of 800 images unchanged", (unsigned)equal);
    cs_loader_free(plain);
    cs_loader_free(augmented);
}

Test(loader, subsets_are_stratified_and_nested)
{
    cs_batch small, large;
    cs_loader *a = make(CS_SPLIT_SEARCH_TRAIN, (cs_loader_options){.batch = 200, .subset = 100});
    cs_loader *b = make(CS_SPLIT_SEARCH_TRAIN, (cs_loader_options){.batch = 200, .subset = 150});
    cr_assert_eq(cs_loader_epoch_images(a), 100);
    cr_assert_eq(cs_loader_next(a, &small), CS_OK);
    cr_assert_eq(cs_loader_next(b, &large), CS_OK);
    cr_assert_eq(small.n, 100);
    cr_assert_eq(large.n, 150);
    cr_assert_eq(memcmp(small.x, large.x, (size_t)small.n * 3072 * sizeof(float)), 0);
    uint32_t labels[10] = {0};
    for (uint32_t i = 0; i < small.n; i++)
        labels[small.y[i]]++;
    for (int c = 0; c < 10; c++)
        cr_assert_eq(labels[c], 10);
    cs_loader_free(a);
    cs_loader_free(b);
}

Test(loader, refuses_bad_options)
{
    cs_error err = {""};
    cs_loader *loader = NULL;
    cs_loader_options options = {.batch = 0};
    cr_assert_eq(cs_loader_new(set, CS_SPLIT_TRAIN, &options, &loader, &err), CS_EUSAGE);
    cr_assert_not_null(strstr(err.text, "batch size 0"));
    options = (cs_loader_options){.batch = 1, .subset = 3201};
    cr_assert_eq(cs_loader_new(set, CS_SPLIT_SEARCH_TRAIN, &options, &loader, &err), CS_EUSAGE);
    cr_assert_not_null(strstr(err.text, "search-train of synth has 3200"), "%s", err.text);
    options = (cs_loader_options){.batch = 101, .subset = 100, .drop_rest = true};
    cr_assert_eq(cs_loader_new(set, CS_SPLIT_TRAIN, &options, &loader, &err), CS_EUSAGE);
    cs_dataset *no_val = NULL;
    cr_assert_eq(cs_dataset_open("synth", NULL, 2, 0, false, &no_val, NULL), CS_OK);
    options = (cs_loader_options){.batch = 1};
    cr_assert_eq(cs_loader_new(no_val, CS_SPLIT_SEARCH_VAL, &options, &loader, &err), CS_EUSAGE);
    cr_assert_not_null(strstr(err.text, "empty"), "%s", err.text);
    cs_dataset_close(no_val);
    cr_assert_null(loader);
}

Test(loader, seek_goes_where_the_calls_lead)
{
    const cs_loader_options options[] = {
        {.batch = 700, .seed = 4, .shuffle = true, .augment = true},
        {.batch = 700, .seed = 4, .shuffle = true, .augment = true, .drop_rest = true}};
    for (size_t k = 0; k < 2; k++)
        for (uint64_t calls = 0; calls < 14; calls++) {
            cs_loader *walked = make(CS_SPLIT_SEARCH_TRAIN, options[k]);
            cs_loader *sought = make(CS_SPLIT_SEARCH_TRAIN, options[k]);
            cs_batch a, b;
            uint32_t n;
            for (uint64_t i = 0; i < calls; i++)
                (void)cs_loader_next(walked, &a);
            (void)cs_loader_next(sought, &b);
            cs_loader_seek(sought, calls);
            const cs_status at_walked = cs_loader_next(walked, &a);
            cr_assert_eq(cs_loader_next(sought, &b), at_walked, "%d calls", (int)calls);
            if (at_walked == CS_OK)
                cr_assert(a.n == b.n && memcmp(a.y, b.y, a.n * sizeof *a.y) == 0 &&
                          memcmp(a.x, b.x, (size_t)a.n * 3072 * sizeof *a.x) == 0);
            cr_assert_eq(hash_epoch(sought, &n), hash_epoch(walked, &n));
            cs_loader_free(walked);
            cs_loader_free(sought);
        }
}
