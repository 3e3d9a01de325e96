#include "datasets/synth.h"

#include "core/text.h"
#include "cosearch/rng.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct writer {
    cs_synth_format format;
    uint64_t seed;
    const char *folder;
} writer;

static cs_status fail_write(const char *path, cs_error *err)
{
    return cs_fail(err, CS_EIO, "%s: cannot be written: %s", path, strerror(errno));
}

static cs_status make_folder(const char *path, cs_error *err)
{
    return mkdir(path, 0777) != 0 && errno != EEXIST ? fail_write(path, err) : CS_OK;
}

static bool put_record(const writer *w, uint64_t part, uint32_t i, FILE *file)
{
    uint8_t record[2 + CS_SYNTH_PIXELS];
    size_t head = 0;
    const uint32_t classes = w->format == CS_SYNTH_CIFAR100 ? 100 : 10;
    const uint32_t label = i % classes;
    if (w->format == CS_SYNTH_CIFAR100)
        record[head++] = (uint8_t)(label / 5); /* coarse */
    record[head++] = (uint8_t)label;
    cs_synth_image(part, label % CS_SYNTH_CLASSES, i / CS_SYNTH_CLASSES, record + head);
    const size_t size = head + CS_SYNTH_PIXELS;
    return fwrite(record, 1, size, file) == size;
}

/* Records first .. first + n - 1 of a part. */
static cs_status write_records(const writer *w, const char *name, const char *part, uint32_t first,
                               uint32_t n, cs_error *err)
{
    cs_text path = {0};
    cs_text_addf(&path, "%s/%s", w->folder, name);
    if (path.failed)
        return cs_fail(err, CS_ENOMEM, "out of memory for a path in %s", w->folder);
    cs_status status = CS_OK;
    FILE *file = fopen(path.data, "wb");
    if (!file) {
        status = fail_write(path.data, err);
    } else {
        const uint64_t seed = cs_rng_derive(w->seed, part);
        bool good = true;
        for (uint32_t i = first; i < first + n && good; i++)
            good = put_record(w, seed, i, file);
        if (fclose(file) != 0 || !good)
            status = fail_write(path.data, err);
    }
    cs_text_free(&path);
    return status;
}

static cs_status write_parts(const writer *w, uint32_t n_train, uint32_t n_test, cs_error *err)
{
    if (w->format == CS_SYNTH_CIFAR100) {
        CS_TRY(write_records(w, "train.bin", "train", 0, n_train, err));
        return write_records(w, "test.bin", "test", 0, n_test, err);
    }
    for (uint32_t b = 0; b < 5; b++) {
        char name[24];
        snprintf(name, sizeof name, "data_batch_%u.bin", (unsigned)b + 1);
        CS_TRY(write_records(w, name, "train", b * (n_train / 5), n_train / 5, err));
    }
    return write_records(w, "test_batch.bin", "test", 0, n_test, err);
}

cs_status cs_synth_write(const char *data_dir, cs_synth_format format, uint32_t n_train,
                         uint32_t n_test, uint64_t seed, cs_error *err)
{
    if (n_train % 5 != 0)
        return cs_fail(err, CS_EUSAGE, "%u training images: expected a multiple of 5",
                       (unsigned)n_train);
    cs_text folder = {0};
    cs_text_addf(&folder, "%s/%s", data_dir,
                 format == CS_SYNTH_CIFAR100 ? "cifar-100-binary" : "cifar-10-batches-bin");
    if (folder.failed)
        return cs_fail(err, CS_ENOMEM, "out of memory for a path in %s", data_dir);
    const writer w = {.format = format, .seed = seed, .folder = folder.data};
    cs_status status = make_folder(data_dir, err);
    if (status == CS_OK)
        status = make_folder(folder.data, err);
    if (status == CS_OK)
        status = write_parts(&w, n_train, n_test, err);
    cs_text_free(&folder);
    return status;
}
