/* CSV files over libcsv: UTF-8, comma, header line, LF. Lines that begin with '#' are comments. */
#ifndef CS_CORE_CSVIO_H
#define CS_CORE_CSVIO_H

#include "core/text.h"

/* A table read whole: a header and rows of the same number of fields. */
typedef struct cs_csv {
    size_t n_cols, n_rows;
    const char **header; /* [n_cols] */
    const char **cell;   /* [n_rows * n_cols], row-major */
    size_t *line;        /* [n_rows] line in the file, 1-based */
    bool torn;           /* the last line had no line end or too few fields: it was dropped */
    char *arena;         /* owns every text */
} cs_csv;

/* CS_EIO if unreadable, CS_EFORMAT for an empty file, a row of the wrong length (other than the
 * last) or broken quoting; the sentence names file and line. */
cs_status cs_csv_read(const char *path, cs_csv *out, cs_error *err);
cs_status cs_csv_parse(const char *name, const char *bytes, size_t n, cs_csv *out, cs_error *err);
void cs_csv_free(cs_csv *csv);

/* Column by name, or -1. */
int cs_csv_column(const cs_csv *csv, const char *name);
const char *cs_csv_cell(const cs_csv *csv, size_t row, int column);

/* Row writer: builds one line in a cs_text; the caller writes it with one write(). */
void cs_csv_add_text(cs_text *row, const char *value);          /* always quoted; NULL: empty */
void cs_csv_add_double(cs_text *row, double value, int digits); /* %.*g; NaN and Inf: empty */
void cs_csv_add_u64(cs_text *row, uint64_t value);
void cs_csv_add_empty(cs_text *row);
void cs_csv_end_row(cs_text *row); /* replaces the trailing comma by LF */

#endif
