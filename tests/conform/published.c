/* methods/NAME/published.csv, where there is one: schema, types, and rows of that method only. */
#include "core/csvio.h"
#include "cosearch/method.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char *const columns[] = {"method",      "source", "table", "platform", "dataset",
                                      "acc_percent", "metric", "value", "unit",     "note"};
#define COLUMNS (sizeof columns / sizeof columns[0])

static void check_rows(const cs_csv *csv, const char *method, const char *path)
{
    cr_assert_eq(csv->n_cols, COLUMNS, "%s: %zu columns", path, csv->n_cols);
    for (size_t i = 0; i < COLUMNS; i++)
        cr_assert_str_eq(csv->header[i], columns[i], "%s", path);
    cr_assert_gt(csv->n_rows, 0u, "%s has no row", path);
    for (size_t r = 0; r < csv->n_rows; r++) {
        double number;
        const char *acc = cs_csv_cell(csv, r, 5);
        cr_assert_str_eq(cs_csv_cell(csv, r, 0), method, "%s:%zu", path, csv->line[r]);
        for (int required = 1; required <= 6; required++)
            cr_assert(required == 5 || *cs_csv_cell(csv, r, required), "%s:%zu: no %s", path,
                      csv->line[r], columns[required]);
        cr_assert(cs_text_double(cs_csv_cell(csv, r, 7), &number), "%s:%zu: value", path,
                  csv->line[r]);
        cr_assert(!*acc || (cs_text_double(acc, &number) && number > 0.0 && number <= 100.0),
                  "%s:%zu: acc_percent %s", path, csv->line[r], acc);
    }
}

Test(published, files_follow_the_schema)
{
    size_t found = 0;
    for (const cs_method *const *m = cs_methods; *m; m++) {
        char path[128];
        cs_csv csv;
        cs_error err = {""};
        snprintf(path, sizeof path, "methods/%s/published.csv", (*m)->name);
        FILE *file = fopen(path, "r");
        if (!file)
            continue;
        fclose(file);
        found++;
        cr_assert_eq(cs_csv_read(path, &csv, &err), CS_OK, "%s", err.text);
        cr_assert_not(csv.torn, "%s: the last line is torn", path);
        check_rows(&csv, (*m)->name, path);
        cs_csv_free(&csv);
    }
    cr_assert_gt(found, 0u, "no published.csv found: run from the project's root");
}
