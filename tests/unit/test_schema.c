#include "run/schema.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* A table whose header is the schema's, with one row of `row`. */
static cs_status check_text(const char *text, cs_error *err)
{
    cs_csv csv;
    cr_assert_eq(cs_csv_parse("f.csv", text, strlen(text), &csv, err), CS_OK);
    const cs_status status = cs_schema_check(&cs_schema_env, &csv, "f.csv", err);
    cs_csv_free(&csv);
    return status;
}

Test(schema, header_mismatch_names_the_columns)
{
    cs_error err = {""};
    cr_assert_eq(check_text("schema,env_id,key,value\n1,\"a\",\"b\",\"c\"\n", &err), CS_OK);
    cr_assert_eq(check_text("schema,env_id,key,worth\n1,\"a\",\"b\",\"c\"\n", &err), CS_EMISMATCH);
    cr_assert(strstr(err.text, "unknown here: worth"), "%s", err.text);
    cr_assert(strstr(err.text, "missing in the file: value"), "%s", err.text);
    cr_assert_eq(check_text("schema,key,env_id,value\n", &err), CS_EMISMATCH);
    cr_assert(strstr(err.text, "another order: key"), "%s", err.text);
}

Test(schema, a_newer_schema_is_refused)
{
    cs_error err = {""};
    cr_assert_eq(check_text("schema,env_id,key,value\n2,\"a\",\"b\",\"c\"\n", &err), CS_EMISMATCH);
    cr_assert(strstr(err.text, "f.csv:2: written by schema 2"), "%s", err.text);
}

Test(schema, names_are_unique_and_explained)
{
    for (size_t s = 0; cs_schemas[s]; s++)
        for (size_t i = 0; i < cs_schemas[s]->n; i++) {
            const cs_column *c = &cs_schemas[s]->column[i];
            cr_assert_eq(cs_schema_column(cs_schemas[s], c->name), (int)i, "%s", c->name);
            cr_assert(strlen(c->meaning) > 2, "%s", c->name);
            cr_assert(c->since >= 1 && c->since <= CS_SCHEMA_VERSION, "%s", c->name);
        }
}

Test(schema, rows_round_trip)
{
    cs_row row, back;
    cs_text text = {0};
    cr_assert_eq(cs_row_new(&cs_schema_results, &row), CS_OK);
    cs_row_text(&row, "run_id", "0123456789abcdef");
    cs_row_text(&row, "tainted", "a, \"b\"\nc");
    cs_row_count(&row, "seed", 18446744073709551615u);
    cs_row_number(&row, "fps", 0.1);
    cs_row_number(&row, "overrun", 1.0 / 3.0);
    cs_row_number(&row, "dsp", NAN);
    cs_row_number(&row, "bram", INFINITY);
    cs_row_flag(&row, "feasible", false);
    cs_schema_header(&cs_schema_results, &text);
    cr_assert_eq(cs_row_line(&row, &text), CS_OK);
    cs_csv csv;
    cr_assert_eq(cs_csv_parse("t", text.data, text.len, &csv, NULL), CS_OK);
    cr_assert_eq(cs_schema_check(&cs_schema_results, &csv, "t", NULL), CS_OK);
    cr_assert_eq(cs_row_read(&cs_schema_results, &csv, 0, &back), CS_OK);
    cr_assert_str_eq(cs_row_get(&back, "tainted"), "a, \"b\"\nc");
    cr_assert_str_eq(cs_row_get(&back, "seed"), "18446744073709551615");
    cr_assert_eq(cs_row_get_number(&back, "fps"), 0.1);
    cr_assert_str_eq(cs_row_get(&back, "overrun"), "0.333333333");
    cr_assert_str_eq(cs_row_get(&back, "dsp"), "");
    cr_assert_str_eq(cs_row_get(&back, "bram"), "");
    cr_assert_str_eq(cs_row_get(&back, "feasible"), "0");
    cr_assert(isnan(cs_row_get_number(&back, "dsp")));
    cs_row_free(&row);
    cs_row_free(&back);
    cs_csv_free(&csv);
    cs_text_free(&text);
}

Test(schema, merge_takes_filled_cells_only)
{
    cs_row a, b;
    cr_assert_eq(cs_row_new(&cs_schema_results, &a), CS_OK);
    cr_assert_eq(cs_row_new(&cs_schema_results, &b), CS_OK);
    cs_row_text(&a, "method", "random");
    cs_row_text(&a, "space", "s");
    cs_row_text(&b, "method", "hsco");
    cs_row_merge(&a, &b);
    cr_assert_str_eq(cs_row_get(&a, "method"), "hsco");
    cr_assert_str_eq(cs_row_get(&a, "space"), "s");
    cs_row_free(&a);
    cs_row_free(&b);
}

/* The dictionary in the documents is the dictionary of the program. */
Test(schema, document_is_up_to_date)
{
    cs_text text = {0};
    char *document;
    cs_error err = {""};
    cr_assert_eq(cs_schema_print_markdown(&text), CS_OK);
    cr_assert_eq(cs_text_read_file("docs/results-schema.md", &document, NULL, &err), CS_OK, "%s",
                 err.text);
    cr_assert(strcmp(document, text.data) == 0,
              "docs/results-schema.md is stale: make it anew with "
              "./cosearch list schema --markdown >docs/results-schema.md");
    free(document);
    cs_text_free(&text);
}
