/* Small tables for people and machines: filled cell by cell, row after row, then written aligned,
 * as CSV or as Markdown. Absent values show as '-' and are empty in CSV. */
#ifndef CS_TABLE_H
#define CS_TABLE_H

#include "cosearch/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct cs_table_column {
    const char *name;
    bool number; /* right-aligned, unquoted in CSV */
} cs_table_column;

typedef enum cs_table_form { CS_TABLE_ALIGNED, CS_TABLE_CSV, CS_TABLE_MARKDOWN } cs_table_form;

typedef struct cs_table cs_table;

/* `columns` is borrowed. NULL: out of memory. */
cs_table *cs_table_new(const cs_table_column *columns, size_t n);
void cs_table_free(cs_table *table);

/* Next cell. A failed allocation is remembered and reported by cs_table_write. */
void cs_table_text(cs_table *table, const char *text); /* NULL or "": absent */
void cs_table_textf(cs_table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* %.*f for people (decimals < 0: %.6g), %.9g in CSV; NaN and infinities are absent. */
void cs_table_double(cs_table *table, double value, int decimals);
void cs_table_u64(cs_table *table, uint64_t value);
void cs_table_absent(cs_table *table);

/* The aligned form leaves out those of the columns first..first+n-1 that no row has. */
void cs_table_hide_absent(cs_table *table, size_t first, size_t n);

size_t cs_table_rows(const cs_table *table); /* full rows so far */

/* The number of cells must be a multiple of the columns (assertion). In the aligned form a last
 * text column is wrapped if `width` (columns of the terminal, 0: never) is exceeded. */
cs_status cs_table_write(const cs_table *table, FILE *out, cs_table_form form, int width,
                         cs_error *err);

/* Columns of the terminal behind a stream, 0 if it is none. */
int cs_terminal_width(FILE *stream);

#endif
