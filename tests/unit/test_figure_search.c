/* Figures of differentiable searches: convergence from traces, memory from the bench's rows. */
#include "campaign_fixture.h"
#include "report/figure.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Data and script of a figure, or NULL after the expected refusal. */
static char *prepared(const char *name, const fixture *f, cs_status expected, cs_error *err,
                      char **script)
{
    const cs_figure *figure;
    char dat[200], gp[200], *text = NULL;
    cr_assert_eq(cs_figure_named(name, &figure, NULL), CS_OK);
    snprintf(dat, sizeof dat, "%s/%s.dat", f->root, name);
    snprintf(gp, sizeof gp, "%s/%s.gp", f->root, name);
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

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

Test(figure_search, convergence_has_a_panel_per_block_and_kind)
{
    static const double fps[] = {500}, acc[] = {0.4};
    fixture f;
    cs_error err = {{0}};
    char *script;
    fixture_open(&f);
    fixture_run(&f, "00000000000000r1", "random", 200, 0.55, 400, fps, acc, 1);
    fixture_run(&f, "00000000000000a1", "autonba", 200, 0.55, 400, fps, acc, 1);
    fixture_run(&f, "00000000000000a2", "autonba", 200, 0.55, 400, fps, acc, 1);
    for (uint64_t mac = 50; mac <= 200; mac += 50) {
        const double p = 0.5 + (double)mac / 1000.0;
        fixture_observe(&f, "00000000000000a1", mac, "alpha.b00.k3_e1", p);
        fixture_observe(&f, "00000000000000a1", mac, "alpha.b00.skip", 1.0 - p);
        fixture_observe(&f, "00000000000000a1", mac, "alpha.b01.k3_e1", 0.25);
        fixture_observe(&f, "00000000000000a1", mac, "beta.b01.08", p);
        fixture_observe(&f, "00000000000000a1", mac, "beta.bx1.08", p); /* no such name */
        fixture_observe(&f, "00000000000000a1", mac, "tau", 5.0);
    }
    char *dat = prepared("convergence", &f, CS_OK, &err, &script);
    cr_assert_eq(count(dat, "# alpha.b00.k3_e1:"), 1u);
    cr_assert_eq(count(dat, "00000000000000a1"), 16u, "four lines of four points: %s", dat);
    cr_assert_eq(count(dat, "00000000000000a2"), 0u, "one run a method");
    cr_assert_not_null(strstr(dat, "\n25 0.55 00000000000000a1\n50 0.6 "), "%s", dat);
    cr_assert_not_null(strstr(dat, "\n100 0.7 "), "%s", dat);
    cr_assert_eq(count(script, "set title 'block 1'"), 2u, "operators and bitwidths");
    cr_assert_eq(count(script, "set title 'block 2'"), 2u);
    cr_assert_eq(count(script, "set title 'block 3'"), 0u);
    cr_assert_not_null(strstr(script, "title '8 bits'"));
    cr_assert_not_null(strstr(script, "FPS ≥ 200"));
    free(dat);
    free(script);
    fixture_close(&f);
}

Test(figure_search, convergence_needs_recorded_probabilities)
{
    static const double fps[] = {500}, acc[] = {0.4};
    fixture f;
    cs_error err = {{0}};
    fixture_open(&f);
    fixture_run(&f, "00000000000000r1", "random", 200, 0.55, 400, fps, acc, 1);
    prepared("convergence", &f, CS_EINFEASIBLE, &err, NULL);
    cr_assert_not_null(strstr(err.text, "nothing to draw"), "%s", err.text);
    fixture_close(&f);
}

static void write_bench(const fixture *f, const char *rows)
{
    char path[200];
    snprintf(path, sizeof path, "%s/bench.csv", f->dir);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fprintf(file, "group,case,threads,median,min,max,unit,note\n%s", rows);
    cr_assert_eq(fclose(file), 0);
}

Test(figure_search, memory_is_drawn_from_the_rows_of_the_bench)
{
    fixture f;
    cs_error err = {{0}};
    char *script;
    fixture_open(&f);
    write_bench(&f,
                "\"supernet\",\"tensors_mixed_j1_kib\",1,1024,1,1,\"kib\",\"a step, 1 bitwidths "
                "mixed, batch 16: 1.0\"\n"
                "\"supernet\",\"tensors_mixed_j2_kib\",1,1034.24,1,1,\"kib\",\"x\"\n"
                "\"supernet\",\"tensors_per_copy_j1_kib\",1,2048,1,1,\"kib\",\"x\"\n"
                "\"supernet\",\"tensors_per_copy_j2_kib\",1,3072,1,1,\"kib\",\"x\"\n"
                "\"supernet\",\"other\",1,7,7,7,\"kib\",\"x\"\n");
    char *dat = prepared("memory-bits", &f, CS_OK, &err, &script);
    cr_assert_not_null(strstr(dat, "\n1 1 2 1 1\n2 1.01 3 1.01 1.5\n"), "%s", dat);
    cr_assert_not_null(strstr(script, "'a step, batch 16'"), "%s", script);
    free(dat);
    free(script);
    char *none = NULL;
    fixture g; /* a folder without what is needed */
    fixture_open(&g);
    write_bench(&g, "\"nn\",\"other\",1,7,7,7,\"kib\",\"x\"\n");
    prepared("memory-bits", &g, CS_EINFEASIBLE, &err, &none);
    cr_assert_not_null(strstr(err.text, "make bench GROUP=supernet"), "%s", err.text);
    fixture_close(&g);
    fixture_close(&f);
}
