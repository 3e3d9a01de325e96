/* Runs every checker and prints a line per file. */
#include "validate.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const validate_file *const tables[] = {
#define VALIDATE_TABLE(name) validate_##name##_files,
#include "tables.def"
#undef VALIDATE_TABLE
};
#define TABLES (sizeof tables / sizeof *tables)

enum { PASSED, FAILED, SKIPPED, OUTCOMES };

static void path_of(const char *root, const char *name, char path[4096])
{
    snprintf(path, 4096, "%s/%s", root, name);
}

static int run_file(const char *root, const validate_file *file, validate_result *total)
{
    char path[4096];
    cs_csv csv = {0};
    cs_error err = {""};
    validate_result r = {.root = root};
    path_of(root, file->path, path);
    if (access(path, F_OK) != 0) {
        printf("%-36s skipped: not there\n", file->path);
        return SKIPPED;
    }
    cs_status status = cs_csv_read(path, &csv, &err);
    if (status == CS_OK && csv.n_rows == 0)
        status = cs_fail(&err, CS_EFORMAT, "%s: no rows", path);
    if (status == CS_OK)
        status = file->check(&csv, &r, &err);
    if (status == CS_OK && r.passed + r.failed == 0)
        status = cs_fail(&err, CS_EFORMAT, "%s: nothing could be compared", path);
    int outcome = r.failed ? FAILED : PASSED;
    if (status == CS_EDATA) {
        outcome = SKIPPED;
        printf("%-36s skipped: %s\n", file->path, err.text);
    } else if (status != CS_OK) {
        outcome = FAILED;
        printf("%-36s FAIL: %s\n", file->path, err.text);
        total->failed++;
    } else {
        printf("%-36s %4zu rows, %6zu compared, %6zu exact, median error %-8.3g worst %-8.3g "
               "tolerance %s: %s%s%s\n",
               file->path, csv.n_rows, r.n_errors, r.exact,
               r.n_errors ? validate_median(r.error, r.n_errors) : 0.0, r.worst, file->tolerance,
               r.failed ? "FAIL, first: " : "pass", r.first_miss,
               r.lines.failed ? " (out of memory)" : "");
        if (r.lines.data)
            fputs(r.lines.data, stdout);
        total->passed += r.passed;
        total->failed += r.failed;
        if (r.pairs.data)
            cs_text_add(&total->pairs, r.pairs.data, r.pairs.len);
    }
    cs_text_free(&r.lines);
    cs_text_free(&r.pairs);
    free(r.error);
    cs_csv_free(&csv);
    return outcome;
}

static bool has_checker(const char *path)
{
    for (size_t t = 0; t < TABLES; t++)
        for (const validate_file *f = tables[t]; f->path; f++)
            if (strcmp(f->path, path) == 0)
                return true;
    return false;
}

/* CSV files of a folder that nothing reads, in the order of their names. */
static void list_unread(const char *root, const char *folder)
{
    char path[4096], name[4096];
    struct dirent **entry = NULL;
    path_of(root, folder, path);
    const int n = scandir(path, &entry, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const size_t length = strlen(entry[i]->d_name);
        snprintf(name, sizeof name, "%s/%s", folder, entry[i]->d_name);
        if (length > 4 && strcmp(entry[i]->d_name + length - 4, ".csv") == 0 && !has_checker(name))
            printf("%-36s not read: no checker of this name\n", name);
        free(entry[i]);
    }
    free(entry);
}

/* Predicted and measured times as a file of their own. */
static bool write_pairs(const char *path, const cs_text *pairs)
{
    FILE *file = fopen(path, "w");
    bool written = file && fputs("series,layer,predicted_ms,measured_ms\n", file) >= 0 &&
                   (!pairs->data || fputs(pairs->data, file) >= 0);
    written = file && fclose(file) == 0 && written && !pairs->failed;
    if (!written)
        fprintf(stderr, "validate: %s cannot be written\n", path);
    return written;
}

/* With an argument, predicted and measured times go to that file. */
int main(int argc, char **argv)
{
    const char *root = getenv("COSEARCH_VALIDATION");
    if (!root || !*root)
        root = "../shared/validation";
    validate_result total = {0};
    size_t files[OUTCOMES] = {0};
    printf("validation data: %s\n", root);
    for (size_t t = 0; t < TABLES; t++)
        for (const validate_file *f = tables[t]; f->path; f++)
            files[run_file(root, f, &total)]++;
    list_unread(root, "fpga");
    list_unread(root, "hw");
    list_unread(root, "nn");
    if (files[SKIPPED])
        printf("%zu files skipped (set COSEARCH_VALIDATION to the folder that holds them)\n",
               files[SKIPPED]);
    const bool written = argc < 2 || write_pairs(argv[1], &total.pairs);
    cs_text_free(&total.pairs);
    printf("%zu files pass, %zu fail\n", files[PASSED], files[FAILED]);
    printf("%zu passed, %zu failed\n", total.passed, total.failed);
    return files[FAILED] || !written ? 1 : 0;
}
