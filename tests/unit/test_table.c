#include "report/table.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const cs_table_column columns[] = {{"name", false}, {"n", true}, {"note", false}};

static char *written(const cs_table *table, cs_table_form form, int width)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cr_assert_not_null(out);
    cr_assert_eq(cs_table_write(table, out, form, width, NULL), CS_OK);
    fclose(out);
    return text;
}

static cs_table *filled(void)
{
    cs_table *t = cs_table_new(columns, 3);
    cr_assert_not_null(t);
    cs_table_text(t, "a");
    cs_table_double(t, 1.0 / 3.0, 2);
    cs_table_text(t, "say \"x, y\"");
    cs_table_text(t, "long≤");
    cs_table_double(t, (double)NAN, 2);
    cs_table_absent(t);
    return t;
}

static void expect(const cs_table *t, cs_table_form form, int width, const char *expected)
{
    char *text = written(t, form, width);
    cr_assert_str_eq(text, expected);
    free(text);
}

Test(table, aligns_by_characters_not_bytes)
{
    cs_table *t = filled();
    cr_assert_eq(cs_table_rows(t), 2);
    expect(t, CS_TABLE_ALIGNED, 0,
           "name      n  note\n"
           "a      0.33  say \"x, y\"\n"
           "long≤     -  -\n");
    cs_table_free(t);
}

Test(table, csv_keeps_digits_quotes_text_and_leaves_absent_fields_empty)
{
    cs_table *t = filled();
    expect(t, CS_TABLE_CSV, 0,
           "name,n,note\n"
           "\"a\",0.333333333,\"say \"\"x, y\"\"\"\n"
           "\"long≤\",,\n");
    cs_table_free(t);
}

Test(table, markdown_escapes_bars)
{
    cs_table *t = cs_table_new(columns, 3);
    cs_table_text(t, "a|b");
    cs_table_u64(t, 18446744073709551615u);
    cs_table_textf(t, "%d", 7);
    expect(t, CS_TABLE_MARKDOWN, 0,
           "| name | n | note |\n|---|---:|---|\n| a\\|b | 18446744073709551615 | 7 |\n");
    cs_table_free(t);
}

Test(table, wraps_the_last_column_only_when_there_is_room)
{
    cs_table *t = cs_table_new(columns + 1, 2);
    cs_table_u64(t, 1);
    cs_table_text(t, "one two three four five six seven");
    expect(t, CS_TABLE_ALIGNED, 30, "n  note\n1  one two three four five six\n   seven\n");
    expect(t, CS_TABLE_ALIGNED, 10, "n  note\n1  one two three four five six seven\n");
    cs_table_free(t);
}

Test(table, many_cells_grow)
{
    cs_table *t = cs_table_new(columns + 1, 1);
    for (uint64_t i = 0; i < 1000; i++)
        cs_table_u64(t, i);
    char *text = written(t, CS_TABLE_CSV, 0);
    cr_assert_eq(cs_table_rows(t), 1000);
    cr_assert_str_eq(strstr(text, "\n998") + 1, "998\n999\n");
    free(text);
    cs_table_free(t);
}
