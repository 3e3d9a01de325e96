#include "campaign_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void write_file(const char *path, const char *bytes, size_t n)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(bytes, 1, n, file), n);
    cr_assert_eq(fclose(file), 0);
}

void fixture_open(fixture *f)
{
    char path[200];
    *f = (fixture){.root = "/tmp/cosearch-fixture-XXXXXX"};
    cr_assert_not_null(mkdtemp(f->root));
    snprintf(f->dir, sizeof f->dir, "%s/camp", f->root);
    cr_assert_eq(mkdir(f->dir, 0777), 0);
    snprintf(path, sizeof path, "%s/runs", f->dir);
    cr_assert_eq(mkdir(path, 0777), 0);
    cs_schema_header(&cs_schema_results, &f->results);
    fixture_write(f);
}

static void add_line(const cs_row *row, cs_text *out)
{
    cr_assert_eq(cs_row_line(row, out), CS_OK);
}

static void write_trace(const fixture *f, const char *run_id, double fps_min, const double *fps,
                        const double *acc, size_t n)
{
    char path[300];
    cs_text text = {0};
    cs_schema_header(&cs_schema_trace, &text);
    for (size_t i = 0; i < n; i++) {
        cs_row row;
        cr_assert_eq(cs_row_new(&cs_schema_trace, &row), CS_OK);
        cs_row_count(&row, "schema", CS_SCHEMA_VERSION);
        cs_row_text(&row, "run_id", run_id);
        cs_row_count(&row, "seq", i);
        cs_row_text(&row, "event", "eval");
        cs_row_text(&row, "design_hash", "00000000000000aa");
        cs_row_number(&row, "acc_val", acc[i]);
        cs_row_number(&row, "fps", fps[i]);
        cs_row_flag(&row, "feasible", fps[i] >= fps_min);
        add_line(&row, &text);
        cs_row_free(&row);
    }
    snprintf(path, sizeof path, "%s/runs/%s", f->dir, run_id);
    cr_assert_eq(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/runs/%s/trace.csv", f->dir, run_id);
    write_file(path, text.data, text.len);
    cs_text_free(&text);
}

void fixture_settings(const fixture *f, const char *run_id, const char *settings)
{
    char path[300], text[400];
    const int n = snprintf(text, sizeof text, "[job]\nseed = 3\n\n[params]\n%s", settings);
    snprintf(path, sizeof path, "%s/runs/%s/job.ini", f->dir, run_id);
    write_file(path, text, (size_t)n);
}

void fixture_observe(const fixture *f, const char *run_id, uint64_t mac, const char *name,
                     double value)
{
    char path[300];
    cs_text text = {0};
    cs_row row;
    cr_assert_eq(cs_row_new(&cs_schema_trace, &row), CS_OK);
    cs_row_count(&row, "schema", CS_SCHEMA_VERSION);
    cs_row_text(&row, "run_id", run_id);
    cs_row_text(&row, "event", "observe");
    cs_row_count(&row, "search_mac", mac);
    cs_row_text(&row, "name", name);
    cs_row_number(&row, "value", value);
    add_line(&row, &text);
    cs_row_free(&row);
    snprintf(path, sizeof path, "%s/runs/%s/trace.csv", f->dir, run_id);
    FILE *file = fopen(path, "a");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(text.data, 1, text.len, file), text.len);
    cr_assert_eq(fclose(file), 0);
    cs_text_free(&text);
}

void fixture_run(fixture *f, const char *run_id, const char *method, double fps_min,
                 double acc_test, double answer_fps, const double *fps, const double *acc, size_t n)
{
    cs_row row;
    cr_assert_eq(cs_row_new(&cs_schema_results, &row), CS_OK);
    cs_row_count(&row, "schema", CS_SCHEMA_VERSION);
    cs_row_text(&row, "run_id", run_id);
    cs_row_text(&row, "method", method);
    cs_row_text(&row, "params_id", (const char[]){run_id[strlen(run_id) - 2], '\0'});
    cs_row_text(&row, "hw_model", "fpga-chunk");
    cs_row_text(&row, "dataset", "synth");
    cs_row_number(&row, "dsp_max", 450.0);
    cs_row_number(&row, "fps_min", fps_min);
    cs_row_number(&row, "overrun", 0.01);
    cs_row_count(&row, "search_mac", 4000000000);
    cs_row_number(&row, "search_wall_s", 2.5);
    cs_row_count(&row, "mem_peak_kib", 20480);
    cs_row_text(&row, "status", acc_test < 0.0 ? "no_feasible" : "ok");
    if (acc_test >= 0.0) {
        cs_row_number(&row, "acc_test_mean", acc_test);
        cs_row_number(&row, "acc_val", acc_test - 0.1);
        cs_row_number(&row, "fps", answer_fps);
        cs_row_number(&row, "dsp", 100.0);
        cs_row_number(&row, "regret_fps", 0.5);
        cs_row_flag(&row, "feasible", true);
        cs_row_text(&row, "design_hash", "00000000000000bb");
    }
    add_line(&row, &f->results);
    cs_row_free(&row);
    write_trace(f, run_id, fps_min, fps, acc, n);
    fixture_write(f);
}

void fixture_write(fixture *f)
{
    char path[200];
    snprintf(path, sizeof path, "%s/results.csv", f->dir);
    write_file(path, f->results.data, f->results.len);
}

void fixture_close(fixture *f)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->root);
    cr_assert_eq(system(command), 0);
    cs_text_free(&f->results);
}
