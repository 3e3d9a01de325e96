/* Rows of the result files; see schema.h. */
#include "run/schema.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cs_status cs_row_new(const cs_schema *schema, cs_row *out)
{
    char **cell = calloc(schema->n, sizeof *cell);
    if (!cell)
        return CS_ENOMEM;
    *out = (cs_row){schema, cell, false};
    return CS_OK;
}

void cs_row_free(cs_row *row)
{
    for (size_t i = 0; row->cell && i < row->schema->n; i++)
        free(row->cell[i]);
    free(row->cell);
    *row = (cs_row){0};
}

static int column_of(const cs_row *row, const char *name)
{
    const int i = cs_schema_column(row->schema, name);
    assert(i >= 0);
    return i;
}

static void set(cs_row *row, int i, const char *value)
{
    free(row->cell[i]);
    row->cell[i] = NULL;
    if (!value || !*value)
        return;
    const size_t n = strlen(value) + 1;
    row->cell[i] = malloc(n);
    if (row->cell[i])
        memcpy(row->cell[i], value, n);
    else
        row->failed = true;
}

void cs_row_text(cs_row *row, const char *column, const char *value)
{
    const int i = column_of(row, column);
    assert(row->schema->column[i].type == CS_COLUMN_TEXT);
    set(row, i, value);
}

void cs_row_count(cs_row *row, const char *column, uint64_t value)
{
    char text[24];
    const int i = column_of(row, column);
    assert(row->schema->column[i].type == CS_COLUMN_COUNT);
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    set(row, i, text);
}

void cs_row_number(cs_row *row, const char *column, double value)
{
    char text[40];
    const int i = column_of(row, column);
    const cs_column_type type = row->schema->column[i].type;
    assert(type == CS_COLUMN_NUMBER || type == CS_COLUMN_EXACT);
    snprintf(text, sizeof text, "%.*g", type == CS_COLUMN_EXACT ? 17 : 9, value);
    set(row, i, isfinite(value) ? text : NULL);
}

void cs_row_flag(cs_row *row, const char *column, bool value)
{
    const int i = column_of(row, column);
    assert(row->schema->column[i].type == CS_COLUMN_FLAG);
    set(row, i, value ? "1" : "0");
}

const char *cs_row_get(const cs_row *row, const char *column)
{
    const char *cell = row->cell[column_of(row, column)];
    return cell ? cell : "";
}

double cs_row_get_number(const cs_row *row, const char *column)
{
    double value;
    return cs_text_double(cs_row_get(row, column), &value) ? value : NAN;
}

void cs_row_merge(cs_row *row, const cs_row *from)
{
    assert(row->schema == from->schema);
    for (size_t i = 0; i < row->schema->n; i++)
        if (from->cell[i])
            set(row, (int)i, from->cell[i]);
}

cs_status cs_row_line(const cs_row *row, cs_text *out)
{
    for (size_t i = 0; i < row->schema->n; i++) {
        if (row->schema->column[i].type == CS_COLUMN_TEXT)
            cs_csv_add_text(out, row->cell[i]);
        else
            cs_text_addf(out, "%s,", row->cell[i] ? row->cell[i] : "");
    }
    cs_csv_end_row(out);
    return row->failed || out->failed ? CS_ENOMEM : CS_OK;
}

cs_status cs_row_read(const cs_schema *schema, const cs_csv *csv, size_t index, cs_row *out)
{
    cs_row row;
    CS_TRY(cs_row_new(schema, &row));
    for (size_t i = 0; i < schema->n; i++)
        set(&row, (int)i, cs_csv_cell(csv, index, (int)i));
    if (row.failed) {
        cs_row_free(&row);
        return CS_ENOMEM;
    }
    *out = row;
    return CS_OK;
}

cs_status cs_row_read_file(const cs_schema *schema, const char *path, cs_row *out, cs_error *err)
{
    cs_csv csv;
    CS_TRY(cs_csv_read(path, &csv, err));
    cs_status status = cs_schema_check(schema, &csv, path, err);
    if (status == CS_OK && (csv.torn || csv.n_rows != 1))
        status = cs_fail(err, CS_EFORMAT, "%s: expected one whole row, found %zu%s", path,
                         csv.n_rows, csv.torn ? " and a torn one" : "");
    if (status == CS_OK && cs_row_read(schema, &csv, 0, out) != CS_OK)
        status = cs_fail(err, CS_ENOMEM, "%s: out of memory", path);
    cs_csv_free(&csv);
    return status;
}
