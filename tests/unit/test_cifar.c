#include "data_files.h"
#include "datasets/checksum.h"
#include "datasets/dataset_access.h"
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEN "cifar-10-batches-bin/"
#define HUNDRED "cifar-100-binary/"

static cs_dataset *open_set(const char *name, const char *dir, bool with_test)
{
    cs_error err = {""};
    cs_dataset *set = NULL;
    cr_assert_eq(cs_dataset_open(name, dir, 1, 0.2, with_test, &set, &err), CS_OK, "%s", err.text);
    return set;
}

/* Expects that opening (and verifying) fails with CS_EDATA and a sentence with all the parts. */
static void refuses(const char *name, const data_files *files, bool with_test, const char *file,
                    const char *what)
{
    cs_error err = {""};
    cs_dataset *set = NULL;
    cr_assert_eq(cs_dataset_open(name, files->dir, 1, 0.2, with_test, &set, &err), CS_EDATA);
    cr_assert_null(set);
    cr_assert_not_null(strstr(err.text, file), "no %s in: %s", file, err.text);
    cr_assert_not_null(strstr(err.text, what), "no '%s' in: %s", what, err.text);
    cr_assert_not_null(strstr(err.text, "sh datasets/fetch.sh"), "no remedy in: %s", err.text);
    cr_assert_null(strchr(err.text, '\n'));
    err.text[0] = '\0';
    cr_assert_eq(cs_dataset_verify(name, files->dir, NULL, &err), CS_EDATA);
    cr_assert_not_null(strstr(err.text, what), "no '%s' in: %s", what, err.text);
}

static void put_byte(const data_files *files, const char *name, long at, int value)
{
    char path[256];
    data_files_path(files, name, path);
    FILE *file = fopen(path, "r+b");
    cr_assert_not_null(file);
    cr_assert_eq(fseek(file, at, SEEK_SET), 0);
    cr_assert_neq(fputc(value, file), EOF);
    cr_assert_eq(fclose(file), 0);
}

static int get_byte(const data_files *files, const char *name, long at)
{
    char path[256];
    data_files_path(files, name, path);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    cr_assert_eq(fseek(file, at, SEEK_SET), 0);
    const int value = fgetc(file);
    cr_assert_eq(fclose(file), 0);
    return value;
}

/* Writes the sha256sum line of a file as it is now to the list. */
static void list_sum(const data_files *files, const char *folder, const char *name,
                     const char *list)
{
    char command[400];
    snprintf(command, sizeof command, "cd '%s/%s' && sha256sum %s >> %s", files->dir, folder, name,
             list);
    cr_assert_eq(system(command), 0);
}

Test(cifar, reads_generated_cifar10_back)
{
    data_files files;
    data_files_make(&files, CS_SYNTH_CIFAR10, 100, 30);
    cs_dataset *set = open_set("cifar10", files.dir, true);
    const cs_dataset_info *info = cs_dataset_info_get(set);
    cr_assert_eq(info->classes, 10);
    cr_assert_eq(info->size, 32);
    cr_assert_eq(info->channels, 3);
    cr_assert_eq(info->n_search_train, 80);
    cr_assert_eq(info->n_search_val, 20);
    cr_assert_eq(info->n_test, 30);
    cr_assert_eq(strncmp(info->id, "cifar10-100-30-", 15), 0, "%s", info->id);

    /* Every pixel of every image, without augmentation, is the byte of its file, normalised. */
    cs_loader *loader = NULL;
    const cs_loader_options options = {.batch = 100};
    cr_assert_eq(cs_loader_new(set, CS_SPLIT_TRAIN, &options, &loader, NULL), CS_OK);
    cs_batch batch;
    cr_assert_eq(cs_loader_next(loader, &batch), CS_OK);
    uint32_t n;
    const uint32_t *items = cs_dataset_split(set, CS_SPLIT_TRAIN, &n);
    cr_assert_eq(n, 100);
    for (uint32_t i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, TEN "data_batch_%u.bin", (unsigned)items[i] / 20 + 1);
        const long at = (long)(items[i] % 20) * 3073;
        cr_assert_eq(batch.y[i], get_byte(&files, name, at));
        for (int k = 0; k < 3072; k += 131) {
            const int c = k / 1024, pixel = k % 1024;
            const double want =
                (get_byte(&files, name, at + 1 + k) / 255.0 - (double)info->mean[c]) /
                (double)info->std[c];
            cr_assert_float_eq(batch.x[((size_t)i * 1024 + (size_t)pixel) * 3 + (size_t)c], want,
                               1e-6);
        }
    }
    cs_loader_free(loader);
    cs_dataset_close(set);
    data_files_remove(&files);
}

Test(cifar, reads_fine_labels_of_cifar100)
{
    data_files files;
    data_files_make(&files, CS_SYNTH_CIFAR100, 300, 100);
    cs_dataset *set = open_set("cifar100", files.dir, true);
    const cs_dataset_info *info = cs_dataset_info_get(set);
    cr_assert_eq(info->classes, 100);
    cr_assert_eq(info->n_search_train + info->n_search_val, 300);
    cs_loader *loader = NULL;
    const cs_loader_options options = {.batch = 100};
    cr_assert_eq(cs_loader_new(set, CS_SPLIT_TEST, &options, &loader, NULL), CS_OK);
    cs_batch batch;
    cr_assert_eq(cs_loader_next(loader, &batch), CS_OK);
    uint32_t n;
    const uint32_t *items = cs_dataset_split(set, CS_SPLIT_TEST, &n);
    for (uint32_t i = 0; i < n; i++) {
        cr_assert_eq(batch.y[i], get_byte(&files, HUNDRED "test.bin", (long)items[i] * 3074 + 1));
        const double want =
            (get_byte(&files, HUNDRED "test.bin", (long)items[i] * 3074 + 2) / 255.0 -
             (double)info->mean[0]) /
            (double)info->std[0];
        cr_assert_float_eq(batch.x[(size_t)i * 3072], want, 1e-6);
    }
    cs_loader_free(loader);
    cs_dataset_close(set);
    data_files_remove(&files);
}

Test(cifar, id_is_of_counts_and_training_content)
{
    data_files files;
    data_files_make(&files, CS_SYNTH_CIFAR10, 50, 10);
    cs_dataset *set = open_set("cifar10", files.dir, true);
    char id[64];
    strcpy(id, cs_dataset_info_get(set)->id);
    uint64_t test_hash, other_hash;
    cr_assert_eq(cs_dataset_test_hash(set, &test_hash, NULL), CS_OK);
    cs_dataset_close(set);

    set = open_set("cifar10", files.dir, false);
    cr_assert_str_eq(cs_dataset_info_get(set)->id, id);
    cr_assert_eq(cs_dataset_info_get(set)->n_test, 10);
    cr_assert_eq(cs_dataset_test_hash(set, &other_hash, NULL), CS_EUSAGE);
    cs_dataset_close(set);

    const int byte = get_byte(&files, TEN "test_batch.bin", 100);
    put_byte(&files, TEN "test_batch.bin", 100, byte ^ 1);
    set = open_set("cifar10", files.dir, true);
    cr_assert_str_eq(cs_dataset_info_get(set)->id, id);
    cr_assert_eq(cs_dataset_test_hash(set, &other_hash, NULL), CS_OK);
    cr_assert_neq(other_hash, test_hash);
    cs_dataset_close(set);

    const int pixel = get_byte(&files, TEN "data_batch_4.bin", 5000);
    put_byte(&files, TEN "data_batch_4.bin", 5000, pixel ^ 1);
    set = open_set("cifar10", files.dir, false);
    cr_assert_str_neq(cs_dataset_info_get(set)->id, id);
    cs_dataset_close(set);
    data_files_remove(&files);
}

Test(cifar, a_search_never_opens_the_test_file)
{
    /* A damaged label is seen by whoever reads the file, and by nobody else. */
    data_files files;
    data_files_make(&files, CS_SYNTH_CIFAR10, 50, 10);
    put_byte(&files, TEN "test_batch.bin", 0, 200);
    cs_dataset *set = open_set("cifar10", files.dir, false);
    uint32_t n;
    cr_assert_null(cs_dataset_split(set, CS_SPLIT_TEST, &n));
    cr_assert_eq(n, 0);
    cs_loader *loader = NULL;
    cs_error err = {""};
    const cs_loader_options options = {.batch = 4};
    cr_assert_eq(cs_loader_new(set, CS_SPLIT_TEST, &options, &loader, &err), CS_EUSAGE);
    cr_assert_not_null(strstr(err.text, "without its test images"));
    cs_dataset_close(set);
    refuses("cifar10", &files, true, "test_batch.bin", "found 200");
    data_files_remove(&files);
}

Test(cifar, refuses_missing_files)
{
    data_files files;
    char path[256];
    data_files_make(&files, CS_SYNTH_CIFAR10, 50, 10);
    data_files_path(&files, TEN "test_batch.bin", path);
    cr_assert_eq(unlink(path), 0);
    refuses("cifar10", &files, false, "test_batch.bin", "found no file"); /* even for a search */
    data_files_path(&files, TEN "data_batch_3.bin", path);
    cr_assert_eq(unlink(path), 0);
    refuses("cifar10", &files, false, "data_batch_3.bin", "found no file");
    refuses("cifar100", &files, false, "cifar-100-binary/train.bin", "found no file");
    cr_assert_eq(mkdir(path, 0777), 0);
    refuses("cifar10", &files, false, "data_batch_3.bin", "not a regular file");
    data_files_remove(&files);
}

Test(cifar, refuses_cut_empty_and_oversized_files)
{
    data_files files;
    char path[256];
    data_files_make(&files, CS_SYNTH_CIFAR10, 50, 10);
    data_files_path(&files, TEN "data_batch_2.bin", path);
    cr_assert_eq(truncate(path, 10 * 3073 - 1), 0);
    refuses("cifar10", &files, false, "data_batch_2.bin", "9 records and 3072 bytes (cut off)");
    cr_assert_eq(truncate(path, 0), 0);
    refuses("cifar10", &files, false, "data_batch_2.bin", "found an empty file");
    cr_assert_eq(truncate(path, 10001 * 3073), 0); /* sparse: takes no room */
    refuses("cifar10", &files, false, "data_batch_2.bin", "at most the official 10000 records");
    cr_assert_eq(truncate(path, 10 * 3073), 0);
    data_files_path(&files, TEN "test_batch.bin", path);
    cr_assert_eq(truncate(path, 100), 0);
    refuses("cifar10", &files, false, "test_batch.bin", "0 records and 100 bytes (cut off)");
    data_files_remove(&files);
}

Test(cifar, refuses_labels_out_of_range)
{
    data_files files;
    data_files_make(&files, CS_SYNTH_CIFAR10, 50, 10);
    put_byte(&files, TEN "data_batch_5.bin", 7 * 3073, 10);
    refuses("cifar10", &files, false, "data_batch_5.bin",
            "record 7 (byte 21511): expected a label of 0 to 9, found 10");
    data_files_remove(&files);
    data_files_make(&files, CS_SYNTH_CIFAR100, 100, 100);
    put_byte(&files, HUNDRED "train.bin", 3 * 3074 + 1, 100);
    refuses("cifar100", &files, false, "train.bin", "expected a label of 0 to 99, found 100");
    put_byte(&files, HUNDRED "train.bin", 3 * 3074, 20);
    refuses("cifar100", &files, false, "train.bin", "expected a label of 0 to 19, found 20");
    data_files_remove(&files);
}

Test(cifar, verify_compares_with_the_list_beside_the_files)
{
    data_files files;
    cs_error err = {""};
    data_files_make(&files, CS_SYNTH_CIFAR10, 50, 10);
    uint32_t compared = 9;
    cr_assert_eq(cs_dataset_verify("cifar10", files.dir, &compared, &err), CS_OK);
    cr_assert_eq(compared, 0); /* no sums to compare with */
    list_sum(&files, TEN, "*.bin", "SHA256SUMS");
    cr_assert_eq(cs_dataset_verify("cifar10", files.dir, &compared, &err), CS_OK, "%s", err.text);
    cr_assert_eq(compared, 6);
    const int byte = get_byte(&files, TEN "data_batch_1.bin", 9999);
    put_byte(&files, TEN "data_batch_1.bin", 9999, byte ^ 0x10);
    cr_assert_eq(cs_dataset_verify("cifar10", files.dir, NULL, &err), CS_EDATA);
    cr_assert_not_null(strstr(err.text, "data_batch_1.bin: expected SHA-256"), "%s", err.text);
    cr_assert_not_null(strstr(err.text, "sh datasets/fetch.sh cifar10"), "%s", err.text);
    put_byte(&files, TEN "data_batch_1.bin", 9999, byte);
    cr_assert_eq(cs_dataset_verify("cifar10", files.dir, NULL, &err), CS_OK, "%s", err.text);

    const int last = get_byte(&files, TEN "test_batch.bin", 30729);
    put_byte(&files, TEN "test_batch.bin", 30729, last ^ 1);
    cr_assert_eq(cs_dataset_verify("cifar10", files.dir, NULL, &err), CS_EDATA);
    cr_assert_not_null(strstr(err.text, "test_batch.bin: expected SHA-256"), "%s", err.text);
    data_files_remove(&files);
}

Test(cifar, verify_takes_a_sum_beside_one_file)
{
    data_files files;
    cs_error err = {""};
    data_files_make(&files, CS_SYNTH_CIFAR100, 100, 100);
    list_sum(&files, HUNDRED, "train.bin", "train.bin.sha256");
    cr_assert_eq(cs_dataset_verify("cifar100", files.dir, NULL, &err), CS_OK, "%s", err.text);
    const int byte = get_byte(&files, HUNDRED "train.bin", 3074 * 99 + 17);
    put_byte(&files, HUNDRED "train.bin", 3074 * 99 + 17, byte ^ 1);
    cr_assert_eq(cs_dataset_verify("cifar100", files.dir, NULL, &err), CS_EDATA);
    cr_assert_not_null(strstr(err.text, "train.bin: expected SHA-256"), "%s", err.text);

    char path[256];
    data_files_path(&files, HUNDRED "train.bin.sha256", path);
    FILE *list = fopen(path, "wb");
    cr_assert_not_null(list);
    fputs("not a sum\n", list);
    cr_assert_eq(fclose(list), 0);
    cr_assert_eq(cs_dataset_verify("cifar100", files.dir, NULL, &err), CS_EDATA);
    cr_assert_not_null(strstr(err.text, "train.bin.sha256 line 1"), "%s", err.text);
    data_files_remove(&files);
}

Test(cifar, verify_knows_the_official_sums_of_full_files)
{
    /* The right size with other content, and no list beside it. */
    data_files files;
    cs_error err = {""};
    char path[256];
    data_files_make(&files, CS_SYNTH_CIFAR10, 50, 10);
    data_files_path(&files, TEN "test_batch.bin", path);
    cr_assert_eq(truncate(path, 10000 * 3073), 0);
    cr_assert_eq(cs_dataset_verify("cifar10", files.dir, NULL, &err), CS_EDATA);
    cr_assert_not_null(
        strstr(err.text, "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"), "%s",
        err.text);
    cr_assert_not_null(strstr(err.text, "the official file"), "%s", err.text);
    data_files_remove(&files);
}

Test(cifar, sha256_of_published_vectors)
{
    /* FIPS 180-2, appendix B.1 and B.2 */
    char hex[CS_SHA256_HEX];
    cr_assert_eq(cs_sha256_hex("abc", 3, hex, NULL), CS_OK);
    cr_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    cr_assert_eq(
        cs_sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex, NULL),
        CS_OK);
    cr_assert_str_eq(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

Test(cifar, unknown_names_and_fractions_are_usage_errors)
{
    cs_error err = {""};
    cs_dataset *set = NULL;
    cr_assert_eq(cs_dataset_open("cifar01", ".", 1, 0.2, false, &set, &err), CS_EUSAGE);
    cr_assert_not_null(strstr(err.text, "did you mean 'cifar10'?"), "%s", err.text);
    cr_assert_eq(cs_dataset_verify("mnist", ".", NULL, &err), CS_EUSAGE);
    cr_assert_not_null(strstr(err.text, "unknown data set 'mnist'"), "%s", err.text);
    const double bad[] = {-0.1, 1.0, 2.0, (double)NAN};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(cs_dataset_open("synth", ".", 1, bad[i], false, &set, &err), CS_EUSAGE);
    cr_assert_eq(cs_dataset_open("synth", ".", 1, 1e-9, false, &set, &err), CS_EUSAGE);
    cr_assert_not_null(strstr(err.text, "leaves search-val empty"), "%s", err.text);
    cr_assert_null(set);
}

/* The real images, where they are. */
static bool real_data(char dir[256], const char *file)
{
    const char *from = getenv("COSEARCH_DATA");
    char path[400];
    snprintf(dir, 256, "%s", from && *from ? from : "../shared/data");
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return access(path, R_OK) == 0;
}

Test(cifar, real_cifar10_is_read)
{
    char dir[256];
    cs_error err = {""};
    if (!real_data(dir, TEN "data_batch_1.bin"))
        cr_skip("no CIFAR-10 in the data folder");
    cr_assert_eq(cs_dataset_verify("cifar10", dir, NULL, &err), CS_OK, "%s", err.text);
    cs_dataset *set = open_set("cifar10", dir, true);
    const cs_dataset_info *info = cs_dataset_info_get(set);
    const uint32_t n = info->n_search_train + info->n_search_val;
    cr_assert_eq(n % 10, 0);
    cr_assert_eq(info->n_search_val, n / 5);
    /* Normalised pixels of the whole training set have mean 0 and deviation 1: exactly so for the
     * full set, nearly for a subset. */
    cs_loader *loader = NULL;
    const cs_loader_options options = {.batch = 256};
    cr_assert_eq(cs_loader_new(set, CS_SPLIT_TRAIN, &options, &loader, NULL), CS_OK);
    double sum[3] = {0}, squares[3] = {0}, count = 0;
    cs_batch batch;
    while (cs_loader_next(loader, &batch) == CS_OK)
        for (size_t i = 0; i < (size_t)batch.n * 1024; i++, count++)
            for (size_t c = 0; c < 3; c++) {
                const double x = (double)batch.x[3 * i + c];
                sum[c] += x;
                squares[c] += x * x;
            }
    cr_assert_eq(count, n * 1024.0);
    for (int c = 0; c < 3; c++) {
        cr_assert_float_eq(sum[c] / count, 0, 0.03);
        cr_assert_float_eq(squares[c] / count, 1, 0.03);
    }
    cs_loader_free(loader);
    cs_dataset_close(set);
}

Test(cifar, real_cifar100_is_read)
{
    char dir[256];
    cs_error err = {""};
    if (!real_data(dir, HUNDRED "train.bin"))
        cr_skip("no CIFAR-100 in the data folder");
    cr_assert_eq(cs_dataset_verify("cifar100", dir, NULL, &err), CS_OK, "%s", err.text);
    cs_dataset *set = open_set("cifar100", dir, true);
    const cs_dataset_info *info = cs_dataset_info_get(set);
    cr_assert_eq(info->classes, 100);
    cr_assert_eq(info->n_search_val, (info->n_search_train + info->n_search_val) / 5);
    cs_dataset_close(set);
}
