/* CIFAR-10 and CIFAR-100 in the official binary format (A. Krizhevsky 2009,
 * https://www.cs.toronto.edu/~kriz/cifar.html): records of one label byte (CIFAR-100: coarse and
 * fine label) and 3,072 pixel bytes, the red, green and blue plane of 32 rows of 32. The record
 * count comes from the file size, so that shorter sets in the same format are read as well. */
#include "datasets/checksum.h"
#include "datasets/source.h"

#include "core/text.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIXELS = 3 * 32 * 32 };

typedef struct cifar_file {
    const char *name;
    uint32_t records;   /* in the official file                  */
    const char *sha256; /* of the official file                  */
} cifar_file;

typedef struct cifar_format {
    const char *folder;   /* below the data folder               */
    size_t label_bytes;   /* the class is the last of them       */
    uint8_t max_label[2]; /* greatest value of each label byte   */
    cifar_file train[5], test;
    size_t n_train;
} cifar_format;

static size_t record_size(const cifar_format *format)
{
    return format->label_bytes + PIXELS;
}

static cs_status path_of(const cifar_format *format, const char *data_dir, const char *file,
                         cs_text *path, cs_error *err)
{
    cs_text_addf(path, "%s/%s%s%s", data_dir, format->folder, file ? "/" : "", file ? file : "");
    return path->failed ? cs_fail(err, CS_ENOMEM, "out of memory for a path in %s", data_dir)
                        : CS_OK;
}

/* What the size of a file says: *records on success. */
static cs_status check_size(const cs_data_source *source, const char *path, const cifar_file *file,
                            const struct stat *st, uint32_t *records, cs_error *err)
{
    const cifar_format *format = source->format;
    const size_t record = record_size(format);
    if (!S_ISREG(st->st_mode))
        return cs_fail(err, CS_EDATA,
                       "%s: expected a file of %zu-byte records, found something that is not a "
                       "regular file: remove it and run `sh datasets/fetch.sh %s`",
                       path, record, source->name);
    const uint64_t size = (uint64_t)st->st_size;
    const uint64_t most = (uint64_t)file->records * record;
    if (size == 0)
        return cs_fail(err, CS_EDATA,
                       "%s: expected 1 to %" PRIu32 " records of %zu bytes, found an empty file: "
                       "get it again with `sh datasets/fetch.sh %s`",
                       path, file->records, record, source->name);
    if (size > most)
        return cs_fail(err, CS_EDATA,
                       "%s: expected at most the official %" PRIu32 " records (%" PRIu64
                       " bytes), found %" PRIu64 " bytes: get it again with "
                       "`sh datasets/fetch.sh %s`",
                       path, file->records, most, size, source->name);
    if (size % record != 0)
        return cs_fail(err, CS_EDATA,
                       "%s: expected a whole number of %zu-byte records, found %" PRIu64
                       " bytes, which is %" PRIu64 " records and %" PRIu64 " bytes (cut off): get "
                       "it again with `sh datasets/fetch.sh %s`",
                       path, record, size, size / record, size % record, source->name);
    *records = (uint32_t)(size / record);
    return CS_OK;
}

static cs_status fail_missing(const cs_data_source *source, const char *path, cs_error *err)
{
    const cifar_format *format = source->format;
    if (errno == ENOENT || errno == ENOTDIR)
        return cs_fail(err, CS_EDATA,
                       "%s: expected a %s file of %zu-byte records, found no file: set "
                       "COSEARCH_DATA to the folder that holds %s, or get it with "
                       "`sh datasets/fetch.sh %s`",
                       path, source->name, record_size(format), format->folder, source->name);
    return cs_fail(err, CS_EDATA, "%s: expected a readable %s file, but opening it failed: %s",
                   path, source->name, strerror(errno));
}

static cs_status check_labels(const cs_data_source *source, const char *path, const uint8_t *bytes,
                              uint32_t records, cs_error *err)
{
    const cifar_format *format = source->format;
    const size_t record = record_size(format);
    for (uint32_t i = 0; i < records; i++)
        for (size_t k = 0; k < format->label_bytes; k++)
            if (bytes[i * record + k] > format->max_label[k])
                return cs_fail(err, CS_EDATA,
                               "%s: record %" PRIu32 " (byte %zu): expected a label of 0 to %u, "
                               "found %u: get it again with `sh datasets/fetch.sh %s`",
                               path, i, i * record + k, (unsigned)format->max_label[k],
                               (unsigned)bytes[i * record + k], source->name);
    return CS_OK;
}

/* Maps one file and adds it to images. */
static cs_status map_file(const cs_data_source *source, const char *path, const cifar_file *file,
                          cs_images *images, cs_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_missing(source, path, err);
    struct stat st;
    uint32_t records = 0;
    cs_status status = CS_OK;
    if (fstat(fd, &st) != 0)
        status = fail_missing(source, path, err);
    if (status == CS_OK)
        status = check_size(source, path, file, &st, &records, err);
    if (status == CS_OK) {
        const size_t size = (size_t)st.st_size;
        uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
        if (bytes == MAP_FAILED)
            status =
                cs_fail(err, CS_EIO, "%s: cannot map %zu bytes: %s", path, size, strerror(errno));
        else {
            cs_images_add_block(images, bytes, size, true);
            status = check_labels(source, path, bytes, records, err);
        }
    }
    (void)close(fd);
    return status;
}

static cs_status load(const cs_data_source *source, const char *data_dir, bool test,
                      cs_images *images, cs_error *err)
{
    const cifar_format *format = source->format;
    const cifar_file *files = test ? &format->test : format->train;
    const size_t n = test ? 1 : format->n_train;
    cs_status status = CS_OK;
    for (size_t i = 0; i < n && status == CS_OK; i++) {
        cs_text path = {0};
        status = path_of(format, data_dir, files[i].name, &path, err);
        if (status == CS_OK)
            status = map_file(source, path.data, &files[i], images, err);
        cs_text_free(&path);
    }
    if (status == CS_OK) {
        status = cs_images_index(images, record_size(format), format->label_bytes,
                                 format->label_bytes - 1);
        if (status != CS_OK)
            (void)cs_fail(err, status, "out of memory for the index of %s", source->name);
    }
    if (status != CS_OK)
        cs_images_free(images);
    return status;
}

static cs_status count_test(const cs_data_source *source, const char *data_dir, uint32_t *n,
                            cs_error *err)
{
    const cifar_format *format = source->format;
    cs_text path = {0};
    struct stat st;
    cs_status status = path_of(format, data_dir, format->test.name, &path, err);
    if (status == CS_OK)
        status = stat(path.data, &st) != 0
                     ? fail_missing(source, path.data, err)
                     : check_size(source, path.data, &format->test, &st, n, err);
    cs_text_free(&path);
    return status;
}

/* Compares one mapped file with the sum beside it, or with the official one if it is full. */
static cs_status verify_block(const cs_data_source *source, const char *folder,
                              const cifar_file *file, const struct cs_image_block *block,
                              uint32_t *compared, cs_error *err)
{
    char expected[CS_SHA256_HEX], got[CS_SHA256_HEX];
    bool listed;
    CS_TRY(cs_checksum_listed(folder, file->name, &listed, expected, err));
    if (!listed) {
        if (block->size != (size_t)file->records * record_size(source->format))
            return CS_OK; /* a shorter file without a sum: nothing to compare with */
        memcpy(expected, file->sha256, CS_SHA256_HEX);
    }
    CS_TRY(cs_sha256_hex(block->bytes, block->size, got, err));
    if (strcmp(expected, got) != 0)
        return cs_fail(err, CS_EDATA,
                       "%s/%s: expected SHA-256 %s (%s), found %s: get it again with "
                       "`sh datasets/fetch.sh %s`",
                       folder, file->name, expected,
                       listed ? "listed beside the file" : "the official file", got, source->name);
    (*compared)++;
    return CS_OK;
}

static cs_status verify(const cs_data_source *source, const char *data_dir, uint32_t *compared,
                        cs_error *err)
{
    const cifar_format *format = source->format;
    cs_text folder = {0};
    cs_status status = path_of(format, data_dir, NULL, &folder, err);
    for (int test = 0; test < 2 && status == CS_OK; test++) {
        cs_images images = {0};
        status = load(source, data_dir, test, &images, err);
        for (uint32_t i = 0; i < images.n_blocks && status == CS_OK; i++)
            status = verify_block(source, folder.data, test ? &format->test : &format->train[i],
                                  &images.blocks[i], compared, err);
        cs_images_free(&images);
    }
    cs_text_free(&folder);
    return status;
}

/* SHA-256 of the official files as recorded by torchvision-ruby (ankane), which checks the files
 * unpacked from the official archives against them. */
static const cifar_format format10 = {
    .folder = "cifar-10-batches-bin",
    .label_bytes = 1,
    .max_label = {9},
    .train = {{"data_batch_1.bin", 10000,
               "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"},
              {"data_batch_2.bin", 10000,
               "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"},
              {"data_batch_3.bin", 10000,
               "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"},
              {"data_batch_4.bin", 10000,
               "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"},
              {"data_batch_5.bin", 10000,
               "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"}},
    .test = {"test_batch.bin", 10000,
             "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"},
    .n_train = 5,
};

static const cifar_format format100 = {
    .folder = "cifar-100-binary",
    .label_bytes = 2,
    .max_label = {19, 99},
    .train = {{"train.bin", 50000,
               "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29"}},
    .test = {"test.bin", 10000, "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a"},
    .n_train = 1,
};

extern const cs_data_source cs_source_cifar10, cs_source_cifar100;

const cs_data_source cs_source_cifar10 = {
    .name = "cifar10",
    .title = "CIFAR-10, 32x32 photographs in 10 classes (official binary files)",
    .classes = 10,
    .size = 32,
    .channels = 3,
    .mean = {0.4914f, 0.4822f, 0.4465f},
    .std = {0.2470f, 0.2435f, 0.2616f},
    .load = load,
    .count_test = count_test,
    .verify = verify,
    .format = &format10,
};

const cs_data_source cs_source_cifar100 = {
    .name = "cifar100",
    .title = "CIFAR-100, 32x32 photographs in 100 classes (official binary files)",
    .classes = 100,
    .size = 32,
    .channels = 3,
    .mean = {0.5071f, 0.4865f, 0.4409f},
    .std = {0.2673f, 0.2564f, 0.2762f},
    .load = load,
    .count_test = count_test,
    .verify = verify,
    .format = &format100,
};
