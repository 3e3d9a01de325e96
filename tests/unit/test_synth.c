#include "data_files.h"
#include "datasets/dataset_access.h"
#include <math.h>
#include <sys/stat.h>

enum { CLASSES = CS_SYNTH_CLASSES, MOST_FEATURES = CS_SYNTH_PIXELS };

/* Accuracy of the nearest class mean (a linear classifier of the features). */
static double nearest_mean(size_t n_features,
                           void (*features)(const float x[CS_SYNTH_PIXELS], double *f))
{
    static double mean[CLASSES][MOST_FEATURES];
    static double f[MOST_FEATURES];
    cs_dataset *set = NULL;
    cr_assert_eq(cs_dataset_open("synth", NULL, 1, 0, true, &set, NULL), CS_OK);
    const cs_loader_options options = {.batch = 100};
    cs_loader *loader = NULL;
    cs_batch batch;
    cr_assert_eq(cs_loader_new(set, CS_SPLIT_TRAIN, &options, &loader, NULL), CS_OK);
    memset(mean, 0, sizeof mean);
    while (cs_loader_next(loader, &batch) == CS_OK)
        for (size_t i = 0; i < batch.n; i++) {
            features(batch.x + i * CS_SYNTH_PIXELS, f);
            for (size_t k = 0; k < n_features; k++)
                mean[batch.y[i]][k] += f[k] / 400;
        }
    cs_loader_free(loader);

    uint32_t right = 0;
    cr_assert_eq(cs_loader_new(set, CS_SPLIT_TEST, &options, &loader, NULL), CS_OK);
    while (cs_loader_next(loader, &batch) == CS_OK)
        for (size_t i = 0; i < batch.n; i++) {
            features(batch.x + i * CS_SYNTH_PIXELS, f);
            double best = INFINITY;
            int label = -1;
            for (int c = 0; c < CLASSES; c++) {
                double distance = 0;
                for (size_t k = 0; k < n_features; k++)
                    distance += (f[k] - mean[c][k]) * (f[k] - mean[c][k]);
                if (distance < best) {
                    best = distance;
                    label = c;
                }
            }
            right += label == batch.y[i];
        }
    cs_loader_free(loader);
    cs_dataset_close(set);
    return right / 1000.0;
}

static void pixels(const float x[CS_SYNTH_PIXELS], double *f)
{
    for (size_t k = 0; k < CS_SYNTH_PIXELS; k++)
        f[k] = (double)x[k];
}

/* What one layer of convolution, rectification and global pooling can compute: mean squared
 * difference at three pixels' distance in four directions, relative to their sum. */
static void directions(const float x[CS_SYNTH_PIXELS], double *f)
{
    static const int step[4][2] = {{0, 3}, {3, 0}, {2, 2}, {2, -2}};
    double sum = 1e-9;
    for (size_t k = 0; k < 4; k++) {
        f[k] = 0;
        for (int y = 0; y < 29; y++)
            for (int u = 3; u < 29; u++)
                for (int c = 0; c < 3; c++) {
                    const double a = (double)x[(y * 32 + u) * 3 + c];
                    const double b = (double)x[((y + step[k][0]) * 32 + u + step[k][1]) * 3 + c];
                    f[k] += (a - b) * (a - b);
                }
        sum += f[k];
    }
    for (size_t k = 0; k < 4; k++)
        f[k] /= sum;
    const double diagonal = fabs(f[2] - f[3]); /* either diagonal is the same class */
    f[2] = f[2] + f[3];
    f[3] = diagonal;
}

Test(synth, is_learnable_but_not_by_a_linear_model)
{
    const double linear = nearest_mean(CS_SYNTH_PIXELS, pixels);
    const double pooled = nearest_mean(4, directions);
    cr_assert(linear < 0.25, "linear classifier of pixels: %.3f", linear);
    cr_assert(pooled > 0.35 && pooled < 0.60, "four pooled filters: %.3f", pooled);
}

Test(synth, is_the_same_everywhere)
{
    /* Only exactly rounded operations: one id for every machine and compiler. A new id is a new
     * data set: results with the old one are not comparable. */
    cs_dataset *set = NULL;
    cr_assert_eq(cs_dataset_open("synth", NULL, 1, 0.2, true, &set, NULL), CS_OK);
    const cs_dataset_info *info = cs_dataset_info_get(set);
    cr_assert_str_eq(info->id, "synth-4000-1000-76e6ea15e9f0f782");
    cr_assert_str_eq(info->name, "synth");
    uint64_t test_hash;
    cr_assert_eq(cs_dataset_test_hash(set, &test_hash, NULL), CS_OK);
    cr_assert_eq(test_hash, 0x18658f17ed895f8e, "%llx", (unsigned long long)test_hash);
    cs_dataset_close(set);
    cr_assert_eq(cs_dataset_verify("synth", NULL, NULL, NULL), CS_OK);
}

Test(synth, images_depend_on_seed_class_and_index)
{
    uint8_t image[4][CS_SYNTH_PIXELS], again[CS_SYNTH_PIXELS];
    cs_synth_image(1, 2, 3, image[0]);
    cs_synth_image(2, 2, 3, image[1]);
    cs_synth_image(1, 3, 3, image[2]);
    cs_synth_image(1, 2, 4, image[3]);
    cs_synth_image(1, 2, 3, again);
    cr_assert_eq(memcmp(image[0], again, sizeof again), 0);
    for (int i = 1; i < 4; i++)
        cr_assert_neq(memcmp(image[0], image[i], sizeof again), 0, "image %d", i);
}

Test(synth, written_files_have_the_official_layout)
{
    data_files files;
    char path[256];
    struct stat st;
    data_files_make(&files, CS_SYNTH_CIFAR10, 100, 30);
    data_files_path(&files, "cifar-10-batches-bin/data_batch_5.bin", path);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_size, 20 * 3073);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    for (int i = 0; i < 20; i++) {
        uint8_t record[3073];
        cr_assert_eq(fread(record, 1, sizeof record, file), sizeof record);
        cr_assert_eq(record[0], i % 10);
    }
    cr_assert_eq(fclose(file), 0);
    data_files_remove(&files);

    data_files_make(&files, CS_SYNTH_CIFAR100, 100, 100);
    data_files_path(&files, "cifar-100-binary/test.bin", path);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_size, 100 * 3074);
    data_files_remove(&files);
}

Test(synth, writing_where_one_cannot_is_an_error)
{
    data_files files;
    cs_error err = {""};
    char path[256];
    data_files_make(&files, CS_SYNTH_CIFAR10, 50, 10);
    data_files_path(&files, "cifar-10-batches-bin/test_batch.bin", path); /* a file, no folder */
    cr_assert_eq(cs_synth_write(path, CS_SYNTH_CIFAR10, 50, 10, 1, &err), CS_EIO);
    cr_assert_not_null(strstr(err.text, "cannot be written"), "%s", err.text);
    cr_assert_eq(cs_synth_write(files.dir, CS_SYNTH_CIFAR10, 51, 10, 1, &err), CS_EUSAGE);
    data_files_remove(&files);
}
