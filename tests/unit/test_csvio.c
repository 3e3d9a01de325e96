#include "core/csvio.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static cs_status parse(const char *text, cs_csv *csv, cs_error *err)
{
    return cs_csv_parse("t.csv", text, strlen(text), csv, err);
}

Test(csvio, reads_quotes_comments_and_lines)
{
    cs_csv csv;
    cs_error err;
    cr_assert_eq(parse("# note\na,b\n1,\"x, \"\"y\"\"\"\n# more\n,z\n", &csv, &err), CS_OK);
    cr_assert_eq(csv.n_rows, 2);
    cr_assert_str_eq(cs_csv_cell(&csv, 0, 1), "x, \"y\"");
    cr_assert_str_eq(cs_csv_cell(&csv, 1, 0), "");
    cr_assert_eq(csv.line[0], 3);
    cr_assert_eq(csv.line[1], 5);
    cr_assert_eq(cs_csv_column(&csv, "b"), 1);
    cr_assert_eq(cs_csv_column(&csv, "c"), -1);
    cr_assert_not(csv.torn);
    cs_csv_free(&csv);
}

Test(csvio, drops_a_torn_last_row)
{
    const char *const torn[] = {"a,b\n1,2\n3,", "a,b\n1,2\n3", "a,b\n1,2\n3,4", "a,b\n1,2\n3,\"4"};
    for (size_t i = 0; i < sizeof torn / sizeof *torn; i++) {
        cs_csv csv;
        cr_assert_eq(parse(torn[i], &csv, NULL), CS_OK, "%s", torn[i]);
        cr_assert(csv.torn, "%s", torn[i]);
        cr_assert_eq(csv.n_rows, 1, "%s", torn[i]);
        cs_csv_free(&csv);
    }
}

Test(csvio, refuses_bad_rows_with_a_line_number)
{
    cs_csv csv;
    cs_error err;
    cr_assert_eq(parse("a,b\n1\n3,4\n", &csv, &err), CS_EFORMAT);
    cr_assert(strstr(err.text, "t.csv:2:"), "%s", err.text);
    cr_assert_eq(parse("a,b\n1,x\"y\n3,4\n", &csv, &err), CS_EFORMAT);
    cr_assert(strstr(err.text, "t.csv:2:"), "%s", err.text);
    cr_assert_eq(parse("", &csv, &err), CS_EFORMAT);
    cr_assert_eq(cs_csv_read("/nonexistent.csv", &csv, &err), CS_EIO);
}

Test(csvio, round_trip)
{
    cs_text row = {0};
    cs_csv_add_text(&row, "n");
    cs_csv_add_text(&row, "text");
    cs_csv_add_text(&row, "none");
    cs_csv_end_row(&row);
    cs_csv_add_double(&row, 0.1, 17);
    cs_csv_add_text(&row, "say \"hi\",\nyou");
    cs_csv_add_double(&row, NAN, 17);
    cs_csv_end_row(&row);
    cs_csv csv;
    cr_assert_eq(cs_csv_parse("t", row.data, row.len, &csv, NULL), CS_OK);
    double x;
    cr_assert(cs_text_double(cs_csv_cell(&csv, 0, 0), &x));
    cr_assert_eq(x, 0.1);
    cr_assert_str_eq(cs_csv_cell(&csv, 0, 1), "say \"hi\",\nyou");
    cr_assert_str_eq(cs_csv_cell(&csv, 0, 2), "");
    cs_csv_free(&csv);
    cs_text_free(&row);
}

Test(text, nearest)
{
    const char *const names[] = {"random", "evolution", "hsco", NULL};
    cr_assert_str_eq(cs_text_nearest("radnom", names), "random");
    cr_assert_str_eq(cs_text_nearest("hsoc", names), "hsco");
    cr_assert_null(cs_text_nearest("zzzzzz", names));
}

Test(text, numbers_are_whole)
{
    double d;
    uint64_t u;
    cr_assert(cs_text_double("1e3", &d) && d == 1000.0);
    cr_assert_not(cs_text_double("1x", &d));
    cr_assert_not(cs_text_double("nan", &d));
    cr_assert_not(cs_text_double("", &d));
    cr_assert(cs_text_u64("18446744073709551615", &u) && u == UINT64_MAX);
    cr_assert_not(cs_text_u64("18446744073709551616", &u));
    cr_assert_not(cs_text_u64("-1", &u));
}
