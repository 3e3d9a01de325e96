/* `make validate`: holds the program against numbers made elsewhere ($COSEARCH_VALIDATION). */
#ifndef CS_VALIDATE_H
#define CS_VALIDATE_H

#include "core/csvio.h"
#include "core/text.h"

/* What comparing one file found. Zero-initialised and freed by the program; checkers only add. */
typedef struct validate_result {
    const char *root; /* the validation folder */
    size_t passed, failed, exact;
    double worst;  /* worst error seen, in the file's own measure */
    double *error; /* every error counted, for the median */
    size_t n_errors, cap_errors;
    char first_miss[256]; /* what failed first, empty if nothing */
    cs_text lines;        /* what validate_require and validate_note had to say */
    cs_text pairs;        /* lines of validate_pair, CSV */
} validate_result;

/* Compares one file, already read. Returns an error only when the file cannot be used at all;
 * CS_EDATA if another file that it needs is missing, which counts as skipped. */
typedef cs_status (*validate_check)(const cs_csv *csv, validate_result *out, cs_error *err);

typedef struct validate_file {
    const char *path;      /* below the validation folder */
    const char *tolerance; /* in words, for the report */
    validate_check check;
} validate_file;

/* One table per checker source file, ends with path == NULL; listed in tables.def. */
#define VALIDATE_TABLE(name) extern const validate_file validate_##name##_files[];
#include "tables.def"
#undef VALIDATE_TABLE

/* Counts one comparison and keeps its error, the worst and the first miss. An error of exactly 0
 * is an exact match. */
void validate_count(validate_result *r, bool ok, double error, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for a number: the error is |ours - theirs| / |theirs| (or / 1 if theirs is 0) and must
 * not exceed `tolerance`; NaN misses. */
void validate_number(validate_result *r, double ours, double theirs, double tolerance,
                     const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* A statement about the whole file (a median, a ranking): printed with ok or MISSED and counted,
 * but not among the errors. */
void validate_require(validate_result *r, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A line of the report that proves nothing. */
void validate_note(validate_result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A predicted and a measured time of a layer, for the figure `boards`. series: which board. */
void validate_pair(validate_result *r, const char *series, const char *layer, double predicted_ms,
                   double measured_ms);

/* Columns by name; CS_EFORMAT names the one that is missing. */
cs_status validate_columns(const cs_csv *csv, const char *const *name, size_t n, int *column,
                           cs_error *err);
/* A cell as a number; CS_EFORMAT with line and column. */
cs_status validate_cell(const cs_csv *csv, size_t row, int column, double *out, cs_error *err);
/* Another file of the folder, which the caller frees; CS_EDATA if it is missing. */
cs_status validate_open(const validate_result *r, const char *path, cs_csv *out, cs_error *err);

/* Median of n values, which are sorted; NaN of none. */
double validate_median(double *value, size_t n);

#endif
