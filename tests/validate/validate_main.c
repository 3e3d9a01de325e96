#include "validate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const validate_file *const tables[] = {validate_nn_files, validate_fpga_files};

void validate_count(validate_result *r, bool ok, double error, const char *fmt, ...)
{
    if (error > r->worst)
        r->worst = error;
    if (ok) {
        r->passed++;
        return;
    }
    if (r->failed++ == 0) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(r->first_miss, sizeof r->first_miss, fmt, ap);
        va_end(ap);
    }
}

/* 0 passed, 1 failed, 2 skipped */
static int run_file(const char *root, const validate_file *file, validate_result *total)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root, file->path);
    if (access(path, F_OK) != 0) {
        printf("%-28s skipped: not there\n", file->path);
        return 2;
    }
    cs_csv csv = {0};
    cs_error err = {""};
    validate_result r = {0};
    cs_status status = cs_csv_read(path, &csv, &err);
    if (status == CS_OK && csv.n_rows == 0)
        status = cs_fail(&err, CS_EFORMAT, "%s: no rows", path);
    if (status == CS_OK)
        status = file->check(&csv, &r, &err);
    if (status == CS_OK && r.passed + r.failed == 0)
        status = cs_fail(&err, CS_EFORMAT, "%s: nothing could be compared", path);
    if (status != CS_OK) {
        printf("%-28s FAIL: %s\n", file->path, err.text);
        total->failed++;
    } else {
        printf("%-28s %6zu rows, %7zu exact or within %s, %zu missed, worst %.3g%s%s\n", file->path,
               csv.n_rows, r.passed, file->tolerance, r.failed, r.worst,
               r.failed ? "; first: " : "", r.first_miss);
        total->passed += r.passed;
        total->failed += r.failed;
    }
    cs_csv_free(&csv);
    return status != CS_OK || r.failed ? 1 : 0;
}

int main(void)
{
    const char *root = getenv("COSEARCH_VALIDATION");
    if (!root || !*root)
        root = "../shared/validation";
    validate_result total = {0};
    size_t skipped = 0, failed_files = 0;
    printf("validation data: %s\n", root);
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const validate_file *f = tables[t]; f->path; f++) {
            const int outcome = run_file(root, f, &total);
            skipped += outcome == 2;
            failed_files += outcome == 1;
        }
    if (skipped)
        printf("%zu files skipped (set COSEARCH_VALIDATION to the folder that holds them)\n",
               skipped);
    printf("%zu passed, %zu failed\n", total.passed, total.failed);
    return failed_files ? 1 : 0;
}
