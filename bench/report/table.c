#include "report/table.h"

#include "core/text.h"
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GAP 2       /* blanks between two columns                    */
#define MIN_WRAP 24 /* a last column narrower than this is left whole */

/* A cell is two NUL-terminated texts in the arena: for people, for machines. */
struct cs_table {
    const cs_table_column *columns;
    size_t n_columns, n_cells, cap;
    size_t first_hidden, end_hidden; /* of these, columns without a value are left out */
    size_t *shown, *raw;             /* offsets into the arena */
    cs_text arena;
    bool failed;
};

cs_table *cs_table_new(const cs_table_column *columns, size_t n)
{
    cs_table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->columns = columns;
    table->n_columns = n;
    return table;
}

void cs_table_free(cs_table *table)
{
    if (!table)
        return;
    free(table->shown);
    free(table->raw);
    cs_text_free(&table->arena);
    free(table);
}

static bool grow(cs_table *table)
{
    if (table->n_cells < table->cap)
        return true;
    const size_t cap = table->cap ? 2 * table->cap : 64;
    size_t *shown = realloc(table->shown, cap * sizeof *shown);
    if (shown)
        table->shown = shown;
    size_t *raw = realloc(table->raw, cap * sizeof *raw);
    if (raw)
        table->raw = raw;
    if (!shown || !raw)
        return false;
    table->cap = cap;
    return true;
}

static void add_cell(cs_table *table, const char *shown, const char *raw)
{
    if (table->failed || !grow(table)) {
        table->failed = true;
        return;
    }
    table->shown[table->n_cells] = table->arena.len;
    cs_text_add(&table->arena, shown, strlen(shown) + 1);
    table->raw[table->n_cells] = table->arena.len;
    cs_text_add(&table->arena, raw, strlen(raw) + 1);
    table->n_cells++;
    table->failed = table->arena.failed;
}

void cs_table_absent(cs_table *table)
{
    add_cell(table, "-", "");
}

void cs_table_text(cs_table *table, const char *text)
{
    if (text && *text)
        add_cell(table, text, text);
    else
        cs_table_absent(table);
}

void cs_table_textf(cs_table *table, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cs_table_text(table, text);
}

void cs_table_double(cs_table *table, double value, int decimals)
{
    char shown[64], raw[32];
    if (!isfinite(value)) {
        cs_table_absent(table);
        return;
    }
    if (decimals < 0)
        snprintf(shown, sizeof shown, "%.6g", value);
    else if (fabs(value) >= 1e12)
        snprintf(shown, sizeof shown, "%.3e", value);
    else
        snprintf(shown, sizeof shown, "%.*f", decimals, value);
    snprintf(raw, sizeof raw, "%.9g", value);
    add_cell(table, shown, raw);
}

void cs_table_u64(cs_table *table, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    add_cell(table, text, text);
}

void cs_table_hide_absent(cs_table *table, size_t first, size_t n)
{
    assert(first + n <= table->n_columns);
    table->first_hidden = first;
    table->end_hidden = first + n;
}

size_t cs_table_rows(const cs_table *table)
{
    return table->n_cells / table->n_columns;
}

static const char *shown_at(const cs_table *table, size_t row, size_t column)
{
    return table->arena.data + table->shown[row * table->n_columns + column];
}

/* Columns a UTF-8 text takes, combining and double-width characters aside. */
static int text_width(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0u) != 0x80u;
    return n;
}

static void put_blanks(FILE *out, int n)
{
    for (int i = 0; i < n; i++)
        fputc(' ', out);
}

/* Words of `text` in lines of `room` columns, later lines indented by `indent`. */
static void put_wrapped(FILE *out, const char *text, int indent, int room)
{
    int used = 0;
    while (*text) {
        const size_t word = strcspn(text, " ");
        if (used > 0 && used + 1 + (int)word > room) {
            fputc('\n', out);
            put_blanks(out, indent);
            used = 0;
        } else if (used > 0) {
            fputc(' ', out);
            used++;
        }
        fwrite(text, 1, word, out);
        used += (int)word;
        text += word;
        text += strspn(text, " ");
    }
}

/* width[c] < 0: hidden. */
static void put_line(const cs_table *table, FILE *out, size_t row, bool heading, const int *width,
                     int terminal)
{
    int at = 0;
    size_t end = table->n_columns;
    while (end > 0 && width[end - 1] < 0)
        end--;
    for (size_t c = 0; c < end; c++) {
        if (width[c] < 0)
            continue;
        const char *text = heading ? table->columns[c].name : shown_at(table, row, c);
        const bool last = c + 1 == end;
        const int pad = width[c] - text_width(text);
        if (table->columns[c].number)
            put_blanks(out, pad);
        if (last && terminal - at >= MIN_WRAP)
            put_wrapped(out, text, at, terminal - at);
        else
            fputs(text, out);
        if (!last)
            put_blanks(out, GAP + (table->columns[c].number ? 0 : pad));
        at += width[c] + GAP;
    }
    fputc('\n', out);
}

static bool hidden(const cs_table *table, size_t column)
{
    if (column < table->first_hidden || column >= table->end_hidden)
        return false;
    for (size_t r = 0; r < cs_table_rows(table); r++)
        if (table->arena.data[table->raw[r * table->n_columns + column]])
            return false;
    return true;
}

static bool write_aligned(const cs_table *table, FILE *out, int terminal)
{
    int *width = calloc(table->n_columns, sizeof *width);
    if (!width)
        return false;
    for (size_t c = 0; c < table->n_columns; c++) {
        width[c] = text_width(table->columns[c].name);
        for (size_t r = 0; r < cs_table_rows(table); r++)
            if (text_width(shown_at(table, r, c)) > width[c])
                width[c] = text_width(shown_at(table, r, c));
        if (hidden(table, c))
            width[c] = -1;
    }
    put_line(table, out, 0, true, width, terminal);
    for (size_t r = 0; r < cs_table_rows(table); r++)
        put_line(table, out, r, false, width, terminal);
    free(width);
    return true;
}

static void put_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void write_csv(const cs_table *table, FILE *out)
{
    for (size_t c = 0; c < table->n_columns; c++)
        fprintf(out, "%s%s", c ? "," : "", table->columns[c].name);
    fputc('\n', out);
    for (size_t i = 0; i < table->n_cells; i++) {
        const size_t c = i % table->n_columns;
        const char *raw = table->arena.data + table->raw[i];
        if (c)
            fputc(',', out);
        if (*raw && !table->columns[c].number)
            put_quoted(out, raw);
        else
            fputs(raw, out);
        if (c + 1 == table->n_columns)
            fputc('\n', out);
    }
}

static void write_markdown(const cs_table *table, FILE *out)
{
    for (size_t c = 0; c < table->n_columns; c++)
        fprintf(out, "| %s ", table->columns[c].name);
    fputs("|\n", out);
    for (size_t c = 0; c < table->n_columns; c++)
        fputs(table->columns[c].number ? "|---:" : "|---", out);
    fputs("|\n", out);
    for (size_t r = 0; r < cs_table_rows(table); r++) {
        for (size_t c = 0; c < table->n_columns; c++) {
            fputs("| ", out);
            for (const char *s = shown_at(table, r, c); *s; s++) {
                if (*s == '|')
                    fputc('\\', out);
                fputc(*s, out);
            }
            fputc(' ', out);
        }
        fputs("|\n", out);
    }
}

cs_status cs_table_write(const cs_table *table, FILE *out, cs_table_form form, int width,
                         cs_error *err)
{
    bool memory = !table->failed;
    assert(table->failed || table->n_cells % table->n_columns == 0);
    if (memory && form == CS_TABLE_CSV)
        write_csv(table, out);
    else if (memory && form == CS_TABLE_MARKDOWN)
        write_markdown(table, out);
    else if (memory)
        memory = write_aligned(table, out, width);
    if (!memory)
        return cs_fail(err, CS_ENOMEM, "out of memory while building a table of %zu rows",
                       cs_table_rows(table));
    if (ferror(out))
        return cs_fail(err, CS_EIO, "a table could not be written: %s", strerror(errno));
    return CS_OK;
}

int cs_terminal_width(FILE *stream)
{
    struct winsize size;
    if (!isatty(fileno(stream)) || ioctl(fileno(stream), TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}
