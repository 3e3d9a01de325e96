/* The data dictionary: one table of columns per CSV file the harness writes. It generates headers,
 * checks readers and writers, and is printed by `cosearch list schema` (docs/results-schema.md). */
#ifndef CS_BENCH_SCHEMA_H
#define CS_BENCH_SCHEMA_H

#include "core/csvio.h"

/* Raised when a column is removed, renamed or changes its meaning; `since` of a column names the
 * schema that brought it. */
#define CS_SCHEMA_VERSION 1u

typedef enum cs_column_type {
    CS_COLUMN_TEXT,   /* quoted                     */
    CS_COLUMN_COUNT,  /* whole number >= 0          */
    CS_COLUMN_NUMBER, /* %.9g                       */
    CS_COLUMN_EXACT,  /* %.17g: round-trips         */
    CS_COLUMN_FLAG    /* 0 or 1                     */
} cs_column_type;

typedef struct cs_column {
    const char *name;
    cs_column_type type;
    const char *unit; /* "" where there is none                                     */
    unsigned since;
    bool deterministic;  /* same seed, same program, same BLAS kernel: same bytes      */
    const char *meaning; /* and the reason why it may be empty                         */
} cs_column;

typedef struct cs_schema {
    const char *name; /* file name */
    const char *summary;
    const cs_column *column;
    size_t n;
} cs_schema;

extern const cs_schema cs_schema_results, cs_schema_trace, cs_schema_final, cs_schema_env,
    cs_schema_table;
extern const cs_schema *const cs_schemas[]; /* ends with NULL */

const char *cs_column_type_name(cs_column_type type);
/* Column by name, or -1. */
int cs_schema_column(const cs_schema *schema, const char *name);

/* Appends the header line, LF included. */
void cs_schema_header(const cs_schema *schema, cs_text *out);
/* Compares the header of a file with the schema: CS_EMISMATCH names the columns that differ, or
 * the newer schema number found. */
cs_status cs_schema_check(const cs_schema *schema, const cs_csv *csv, const char *path,
                          cs_error *err);

/* The whole dictionary as Markdown (docs/results-schema.md). */
cs_status cs_schema_print_markdown(cs_text *out);

/* One row under construction: a cell per column, empty until set. Setting an unknown column or one
 * of another type is a programmer error (assertion). */
typedef struct cs_row {
    const cs_schema *schema;
    char **cell; /* [schema->n], NULL: empty */
    bool failed; /* out of memory            */
} cs_row;

cs_status cs_row_new(const cs_schema *schema, cs_row *out);
void cs_row_free(cs_row *row);
void cs_row_text(cs_row *row, const char *column, const char *value); /* NULL or "": empty      */
void cs_row_count(cs_row *row, const char *column, uint64_t value);
void cs_row_number(cs_row *row, const char *column, double value); /* not finite: empty         */
void cs_row_flag(cs_row *row, const char *column, bool value);
const char *cs_row_get(const cs_row *row, const char *column);   /* "" if empty; borrowed         */
double cs_row_get_number(const cs_row *row, const char *column); /* NaN if empty                  */
/* Takes the filled cells of `from` (same schema). */
void cs_row_merge(cs_row *row, const cs_row *from);

/* Appends the row as one line. CS_ENOMEM if any setting failed. */
cs_status cs_row_line(const cs_row *row, cs_text *out);
/* Reads row `index` of a checked table. */
cs_status cs_row_read(const cs_schema *schema, const cs_csv *csv, size_t index, cs_row *out);
/* Reads a file of exactly one row, header checked. CS_EFORMAT if it is torn. */
cs_status cs_row_read_file(const cs_schema *schema, const char *path, cs_row *out, cs_error *err);

#endif
