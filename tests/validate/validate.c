/* What the checkers share: counting, columns, other files of the folder. */
#include "validate.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void keep_error(validate_result *r, double error)
{
    if (r->n_errors == r->cap_errors) {
        const size_t cap = r->cap_errors ? 2 * r->cap_errors : 256;
        double *more = realloc(r->error, cap * sizeof *more);
        if (!more)
            return; /* the median is of fewer errors */
        r->error = more;
        r->cap_errors = cap;
    }
    r->error[r->n_errors++] = error;
}

static void count(validate_result *r, bool ok, double error, const char *fmt, va_list ap)
{
    error = isnan(error) ? INFINITY : fabs(error);
    keep_error(r, error);
    r->exact += error == 0.0;
    if (error > r->worst)
        r->worst = error;
    if (ok)
        r->passed++;
    else if (r->failed++ == 0)
        vsnprintf(r->first_miss, sizeof r->first_miss, fmt, ap);
}

void validate_count(validate_result *r, bool ok, double error, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    count(r, ok, error, fmt, ap);
    va_end(ap);
}

void validate_number(validate_result *r, double ours, double theirs, double tolerance,
                     const char *fmt, ...)
{
    const double error = fabs(ours - theirs) / (fabs(theirs) > 0.0 ? fabs(theirs) : 1.0);
    const bool first = r->failed == 0;
    va_list ap;
    va_start(ap, fmt);
    count(r, error <= tolerance, error, fmt, ap);
    va_end(ap);
    if (first && r->failed) {
        const size_t used = strlen(r->first_miss);
        snprintf(r->first_miss + used, sizeof r->first_miss - used, ": ours %.9g, expected %.9g",
                 ours, theirs);
    }
}

static void add_line(validate_result *r, const char *mark, const char *fmt, va_list ap)
{
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    cs_text_addf(&r->lines, "    %s%s\n", mark, text);
}

void validate_require(validate_result *r, bool ok, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_line(r, ok ? "ok: " : "MISSED: ", fmt, ap);
    va_end(ap);
    if (ok) {
        r->passed++;
    } else if (r->failed++ == 0) {
        va_start(ap, fmt);
        vsnprintf(r->first_miss, sizeof r->first_miss, fmt, ap);
        va_end(ap);
    }
}

void validate_note(validate_result *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_line(r, "", fmt, ap);
    va_end(ap);
}

cs_status validate_columns(const cs_csv *csv, const char *const *name, size_t n, int *column,
                           cs_error *err)
{
    for (size_t i = 0; i < n; i++) {
        column[i] = cs_csv_column(csv, name[i]);
        if (column[i] < 0)
            return cs_fail(err, CS_EFORMAT, "column %s is missing", name[i]);
    }
    return CS_OK;
}

cs_status validate_cell(const cs_csv *csv, size_t row, int column, double *out, cs_error *err)
{
    if (cs_text_double(cs_csv_cell(csv, row, column), out))
        return CS_OK;
    return cs_fail(err, CS_EFORMAT, "line %zu: %s: '%.40s' is not a number", csv->line[row],
                   csv->header[column], cs_csv_cell(csv, row, column));
}

cs_status validate_open(const validate_result *r, const char *name, cs_csv *out, cs_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", r->root, name);
    if (access(path, F_OK) != 0)
        return cs_fail(err, CS_EDATA, "needs %s, which is not there", name);
    return cs_csv_read(path, out, err);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double validate_median(double *value, size_t n)
{
    if (n == 0)
        return (double)NAN;
    qsort(value, n, sizeof *value, by_value);
    return 0.5 * (value[(n - 1) / 2] + value[n / 2]);
}

void validate_pair(validate_result *r, const char *series, const char *layer, double predicted_ms,
                   double measured_ms)
{
    cs_csv_add_text(&r->pairs, series);
    cs_csv_add_text(&r->pairs, layer);
    cs_csv_add_double(&r->pairs, predicted_ms, 9);
    cs_csv_add_double(&r->pairs, measured_ms, 9);
    cs_csv_end_row(&r->pairs);
}
