/* `make validate`: holds the program against numbers made elsewhere ($COSEARCH_VALIDATION). */
#ifndef CS_VALIDATE_H
#define CS_VALIDATE_H

#include "core/csvio.h"

typedef struct validate_result {
    size_t passed, failed;
    double worst;         /* worst error seen, in the file's own measure */
    char first_miss[256]; /* what failed first, empty if nothing */
} validate_result;

/* Compares one file, already read. Returns an error only when the file cannot be used at all. */
typedef cs_status (*validate_check)(const cs_csv *csv, validate_result *out, cs_error *err);

typedef struct validate_file {
    const char *path;      /* below the validation folder */
    const char *tolerance; /* in words, for the report */
    validate_check check;
} validate_file;

/* One table per checker source file, ends with path == NULL. */
extern const validate_file validate_nn_files[], validate_fpga_files[];

/* Counts one comparison and keeps the worst error and the first miss. */
void validate_count(validate_result *r, bool ok, double error, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
