#include "core/csvio.h"

#include <csv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Fields are appended to one arena as NUL-ended texts and turned into pointers at the end, when
 * the arena no longer moves. */
typedef struct loader {
    cs_text arena;
    size_t *offset; /* of every field                     */
    size_t n, cap;
    size_t n_cols, fields_in_row, n_records;
    size_t *line;
    size_t line_cap, line_number, bad_line;
    bool failed;
} loader;

static bool grow(size_t **items, size_t *cap, size_t n)
{
    if (n < *cap)
        return true;
    const size_t more = *cap ? *cap * 2 : 256;
    size_t *p = realloc(*items, more * sizeof *p);
    if (!p)
        return false;
    *items = p;
    *cap = more;
    return true;
}

static void on_field(void *bytes, size_t n, void *context)
{
    loader *ld = context;
    if (!grow(&ld->offset, &ld->cap, ld->n)) {
        ld->failed = true;
        return;
    }
    ld->offset[ld->n++] = ld->arena.len;
    cs_text_add(&ld->arena, bytes ? bytes : "", n);
    cs_text_add(&ld->arena, "", 1);
    ld->fields_in_row++;
}

static void on_row(int terminator, void *context)
{
    (void)terminator;
    loader *ld = context;
    if (ld->n_records == 0)
        ld->n_cols = ld->fields_in_row;
    else if (ld->fields_in_row != ld->n_cols && !ld->bad_line)
        ld->bad_line = ld->line_number;
    if (!grow(&ld->line, &ld->line_cap, ld->n_records)) {
        ld->failed = true;
        return;
    }
    ld->line[ld->n_records++] = ld->line_number;
    ld->fields_in_row = 0;
}

/* Feeds line by line, so that comments can be skipped and line numbers are known. A quoted field
 * may span lines: then a '#' at a line start is content. */
static cs_status feed(loader *ld, const char *name, const char *bytes, size_t n, bool *torn,
                      cs_error *err)
{
    struct csv_parser parser;
    if (csv_init(&parser, CSV_STRICT | CSV_APPEND_NULL) != 0)
        return cs_fail(err, CS_ENOMEM, "%s: CSV parser could not start", name);
    cs_status status = CS_OK;
    size_t at = 0, records_before_last = 0;
    while (at < n && status == CS_OK) {
        const char *end = memchr(bytes + at, '\n', n - at);
        const size_t length = (end ? (size_t)(end - bytes) + 1 : n) - at;
        ld->line_number++;
        *torn = end == NULL;
        if (!(bytes[at] == '#' && ld->fields_in_row == 0 && !parser.quoted)) {
            records_before_last = ld->n_records;
            if (csv_parse(&parser, bytes + at, length, on_field, on_row, ld) != length)
                status = cs_fail(err, CS_EFORMAT, "%s:%zu: broken CSV quoting: %s", name,
                                 ld->line_number, csv_strerror(csv_error(&parser)));
        }
        at += length;
        if (ld->bad_line && at < n && status == CS_OK)
            status = cs_fail(err, CS_EFORMAT,
                             "%s:%zu: row has another number of fields than the "
                             "header (%zu)",
                             name, ld->bad_line, ld->n_cols);
    }
    if (status == CS_OK && csv_fini(&parser, on_field, on_row, ld) != 0)
        *torn = true;
    csv_free(&parser);
    if (ld->bad_line)
        *torn = true;
    if (*torn && records_before_last > 0 && ld->n_records > records_before_last)
        ld->n_records = records_before_last; /* the torn line is dropped */
    return status;
}

static cs_status finish(loader *ld, const char *name, cs_csv *out, cs_error *err)
{
    if (ld->failed || ld->arena.failed)
        return cs_fail(err, CS_ENOMEM, "%s: out of memory", name);
    if (ld->n_records == 0)
        return cs_fail(err, CS_EFORMAT, "%s: empty file, expected a header line", name);
    const size_t rows = ld->n_records - 1, cells = rows * ld->n_cols;
    out->header = calloc(ld->n_cols + 1, sizeof *out->header);
    out->cell = calloc(cells + 1, sizeof *out->cell);
    out->line = calloc(rows + 1, sizeof *out->line);
    if (!out->header || !out->cell || !out->line)
        return cs_fail(err, CS_ENOMEM, "%s: out of memory", name);
    out->arena = ld->arena.data;
    ld->arena = (cs_text){0};
    for (size_t i = 0; i < ld->n_cols; i++)
        out->header[i] = out->arena + ld->offset[i];
    for (size_t i = 0; i < cells; i++)
        out->cell[i] = out->arena + ld->offset[ld->n_cols + i];
    for (size_t i = 0; i < rows; i++)
        out->line[i] = ld->line[i + 1];
    out->n_cols = ld->n_cols;
    out->n_rows = rows;
    return CS_OK;
}

cs_status cs_csv_parse(const char *name, const char *bytes, size_t n, cs_csv *out, cs_error *err)
{
    loader ld = {0};
    cs_csv csv = {0};
    cs_status status = feed(&ld, name, bytes, n, &csv.torn, err);
    if (status == CS_OK)
        status = finish(&ld, name, &csv, err);
    cs_text_free(&ld.arena);
    free(ld.offset);
    free(ld.line);
    if (status == CS_OK)
        *out = csv;
    else
        cs_csv_free(&csv);
    return status;
}

cs_status cs_csv_read(const char *path, cs_csv *out, cs_error *err)
{
    char *bytes;
    size_t n;
    CS_TRY(cs_text_read_file(path, &bytes, &n, err));
    const cs_status status = cs_csv_parse(path, bytes, n, out, err);
    free(bytes);
    return status;
}

void cs_csv_free(cs_csv *csv)
{
    free(csv->header);
    free(csv->cell);
    free(csv->line);
    free(csv->arena);
    *csv = (cs_csv){0};
}

int cs_csv_column(const cs_csv *csv, const char *name)
{
    for (size_t i = 0; i < csv->n_cols; i++)
        if (strcmp(csv->header[i], name) == 0)
            return (int)i;
    return -1;
}

const char *cs_csv_cell(const cs_csv *csv, size_t row, int column)
{
    return csv->cell[row * csv->n_cols + (size_t)column];
}

void cs_csv_add_text(cs_text *row, const char *value)
{
    if (!value || !*value) {
        cs_csv_add_empty(row);
        return;
    }
    const size_t n = strlen(value), most = 2 * n + 3;
    char *quoted = malloc(most);
    if (!quoted) {
        row->failed = true;
        return;
    }
    cs_text_add(row, quoted, csv_write(quoted, most, value, n));
    cs_text_add(row, ",", 1);
    free(quoted);
}

void cs_csv_add_double(cs_text *row, double value, int digits)
{
    if (isfinite(value))
        cs_text_addf(row, "%.*g,", digits, value);
    else
        cs_csv_add_empty(row);
}

void cs_csv_add_u64(cs_text *row, uint64_t value)
{
    cs_text_addf(row, "%llu,", (unsigned long long)value);
}

void cs_csv_add_empty(cs_text *row)
{
    cs_text_add(row, ",", 1);
}

void cs_csv_end_row(cs_text *row)
{
    if (!row->failed && row->len > 0)
        row->data[row->len - 1] = '\n';
}
