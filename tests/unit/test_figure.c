#include "campaign_fixture.h"
#include "report/campaign.h"
#include "report/figure.h"
#include "report/summary.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double wide_fps[] = {50, 100, 400, 2000}, narrow_fps[] = {210, 220, 230, 240};
static const double acc[] = {0.5, 0.45, 0.4, 0.3};

static char *prepared(const fixture *f, cs_status expected, cs_error *err, char **script)
{
    const cs_figure *figure;
    char dat[200], gp[200], *text = NULL;
    cr_assert_eq(cs_figure_named("acc-fps", &figure, NULL), CS_OK);
    snprintf(dat, sizeof dat, "%s/acc-fps.dat", f->root);
    snprintf(gp, sizeof gp, "%s/acc-fps.gp", f->root);
    const cs_status status = figure->prepare(f->dir, dat, gp, err);
    cr_assert_eq(status, expected, "%s", err->text);
    if (status != CS_OK) {
        cr_assert_neq(access(dat, F_OK), 0, "half a data file was left behind");
        return NULL;
    }
    cr_assert_eq(cs_text_read_file(dat, &text, NULL, NULL), CS_OK);
    cr_assert_eq(cs_text_read_file(gp, script, NULL, NULL), CS_OK);
    return text;
}

/* Lines of the data file that are points. */
static size_t count_points(const char *dat)
{
    size_t n = 0;
    for (const char *at = dat; *at; at += strcspn(at, "\n"), at += *at == '\n')
        n += *at != '#' && *at != '\n';
    return n;
}

Test(figure, formats_are_a_list)
{
    unsigned formats;
    cs_error err;
    cr_assert_eq(cs_figure_formats("svg,png", &formats, NULL), CS_OK);
    cr_assert_eq(formats, CS_FIGURE_SVG | CS_FIGURE_PNG);
    cr_assert_eq(cs_figure_formats("png", &formats, NULL), CS_OK);
    cr_assert_eq(formats, CS_FIGURE_PNG);
    cr_assert_eq(cs_figure_formats("pdf", &formats, &err), CS_EUSAGE);
    cr_assert_not_null(strstr(err.text, "'pdf'"), "%s", err.text);
    cr_assert_eq(cs_figure_formats("", &formats, NULL), CS_EUSAGE);
}

Test(figure, unknown_names_get_a_hint)
{
    const cs_figure *figure;
    cs_error err;
    cr_assert_eq(cs_figure_named("acc-fsp", &figure, &err), CS_EUSAGE);
    cr_assert_not_null(strstr(err.text, "did you mean 'acc-fps'"), "%s", err.text);
}

Test(figure, acc_fps_draws_every_evaluation_and_answer_in_percent)
{
    fixture f;
    cs_error err = {{0}};
    char *script;
    fixture_open(&f);
    fixture_run(&f, "00000000000000r1", "random", 200, 0.55, 400, wide_fps, acc, 4);
    fixture_run(&f, "00000000000000h1", "hsco", 200, -1.0, 0, wide_fps, acc, 4);
    char *dat = prepared(&f, CS_OK, &err, &script);
    cr_assert_eq(count_points(dat), 4 + 4 + 1, "%s", dat);
    cr_assert_not_null(strstr(dat, "\n400 55 0 45 800 "),
                       "answer, its validation accuracy and "
                       "the optimum 400 / (1 - 0.5): %s",
                       dat);
    cr_assert_not_null(strstr(dat, "\n50 50 00000000000000r1"), "%s", dat);
    cr_assert_not_null(strstr(script, "DSP ≤ 450"));
    cr_assert_not_null(strstr(script, "FPS ≥ 200"));
    cr_assert_not_null(strstr(script, "\nset logscale x"));
    cr_assert_null(strstr(script, "multiplot"));
    cr_assert(strstr(script, "title 'random'") < strstr(script, "title 'hsco'"),
              "the key follows the registry");
    free(dat);
    free(script);
    fixture_close(&f);
}

Test(figure, acc_fps_has_a_panel_per_cell_and_a_linear_axis_for_a_narrow_range)
{
    fixture f;
    cs_error err = {{0}};
    char *script;
    fixture_open(&f);
    fixture_run(&f, "00000000000000r1", "random", 200, 0.5, 230, narrow_fps, acc, 4);
    fixture_run(&f, "00000000000000r2", "random", 205, 0.5, 230, narrow_fps, acc, 4);
    char *dat = prepared(&f, CS_OK, &err, &script);
    cr_assert_not_null(strstr(script, "set multiplot layout 1,2"));
    cr_assert_not_null(strstr(script, "FPS ≥ 205"));
    cr_assert_null(strstr(script, "\nset logscale x"));
    free(dat);
    free(script);
    fixture_close(&f);
}

Test(figure, acc_fps_refuses_an_empty_campaign)
{
    fixture f;
    cs_error err = {{0}};
    fixture_open(&f);
    prepared(&f, CS_EINFEASIBLE, &err, NULL);
    cr_assert_not_null(strstr(err.text, "nothing to draw"), "%s", err.text);
    fixture_close(&f);
}

Test(figure, a_newer_schema_is_refused)
{
    fixture f;
    cs_error err = {{0}};
    fixture_open(&f);
    fixture_run(&f, "00000000000000r1", "random", 200, 0.55, 400, wide_fps, acc, 4);
    strchr(f.results.data, '\n')[1] = '9'; /* the first field of the row is the schema */
    fixture_write(&f);
    prepared(&f, CS_EMISMATCH, &err, NULL);
    cr_assert_not_null(strstr(err.text, "schema 9"), "%s", err.text);
    fixture_close(&f);
}

Test(figure, campaigns_are_found_by_name_and_by_age)
{
    fixture f;
    cs_error err;
    char dir[256];
    fixture_open(&f);
    cr_assert_eq(cs_campaign_find(f.root, NULL, dir, sizeof dir, NULL), CS_OK);
    cr_assert_str_eq(dir, f.dir);
    cr_assert_eq(cs_campaign_find(f.root, "camp", dir, sizeof dir, NULL), CS_OK);
    cr_assert_eq(cs_campaign_find(f.root, "cmap", dir, sizeof dir, &err), CS_EUSAGE);
    cr_assert_not_null(strstr(err.text, "did you mean 'camp'"), "%s", err.text);
    cr_assert_eq(cs_campaign_find("/nonexistent", NULL, dir, sizeof dir, &err), CS_EINFEASIBLE);
    fixture_close(&f);
}

static char *summary(const fixture *f, cs_table_form form)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cr_assert_eq(cs_summary_write(f->dir, out, form, NULL), CS_OK);
    fclose(out);
    return text;
}

/* Ablations run one method with several settings; each is a line of its own. */
Test(summary, tells_settings_of_a_method_apart)
{
    fixture f;
    fixture_open(&f);
    fixture_run(&f, "00000000000000h1", "hsco", 200, 0.5, 400, wide_fps, acc, 4);
    fixture_run(&f, "00000000000000x1", "hsco", 200, 0.6, 300, wide_fps, acc, 4);
    fixture_run(&f, "00000000000000x2", "hsco", 200, 0.7, 300, wide_fps, acc, 4);
    fixture_run(&f, "00000000000000y1", "hsco", 200, 0.3, 300, wide_fps, acc, 4);
    fixture_settings(&f, "00000000000000h1", "hidden = 35\nlr = 0.002\n");
    fixture_settings(&f, "00000000000000x1", "hidden = 12\noptimizer = 0\nlr = 0.002\n");
    char *text = summary(&f, CS_TABLE_CSV);
    cr_assert_not_null(strstr(text, "\"hsco\",1,1,50,50,"), "%s", text);
    cr_assert_not_null(strstr(text, "\"hsco hidden=12 optimizer=rmsprop\",2,2,70,65,"), "%s", text);
    cr_assert_not_null(strstr(text, "\"hsco params y\",1,1,30,30,"), "no job, no names: %s", text);
    free(text);
    fixture_close(&f);
}

Test(summary, gives_best_median_and_other_outcomes)
{
    fixture f;
    fixture_open(&f);
    fixture_run(&f, "00000000000000r1", "random", 200, 0.5, 400, wide_fps, acc, 4);
    fixture_run(&f, "00000000000000r2", "random", 200, 0.6, 300, wide_fps, acc, 4);
    fixture_run(&f, "00000000000000r3", "random", 200, 0.54, 350, wide_fps, acc, 4);
    fixture_run(&f, "00000000000000h1", "hsco", 200, -1.0, 0, wide_fps, acc, 4);
    char *text = summary(&f, CS_TABLE_CSV);
    cr_assert_not_null(strstr(text, "\"random\",3,3,60,54,300,100,,,,4,1,2.5,,20\n"), "%s", text);
    cr_assert_not_null(strstr(text, "\"hsco\",1,0,,,,,,,,4,1,2.5,,20\n"), "%s", text);
    free(text);
    text = summary(&f, CS_TABLE_ALIGNED);
    cr_assert_not_null(strstr(text, "synth on fpga-chunk, DSP ≤ 450, FPS ≥ 200\n"), "%s", text);
    cr_assert_not_null(strstr(text, "hsco: 1 of 1 runs ended no_feasible\n"), "%s", text);
    cr_assert(strstr(text, "  DSP  ") && !strstr(text, "EDP"), "what no row has is not shown: %s",
              text);
    free(text);
    fixture_close(&f);
}
