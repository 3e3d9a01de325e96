#include "report/accel_convergence.h"

#include "core/csvio.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PANELS_MAX 6
#define PANEL_WIDTH 640 /* pixels of the SVG; the PNG has twice as many */
#define PANEL_HEIGHT 460

enum { PLATFORM, DSP_MAX, BRAM_MAX, ENGINE, SEED, SAMPLE, BEST_FPS, COLUMNS };
static const char *const columns[COLUMNS] = {"platform", "dsp_max", "bram_max", "engine",
                                             "seed",     "sample",  "best_fps"};

/* Colours of Okabe and Ito; each engine has a line style of its own too. */
static const struct engine {
    const char *name, *title, *rgb, *line;
} engines[] = {
    {"gradient", "gradient", "0072b2", "dt 1 lw 2.6"},
    {"released", "as released", "d55e00", "dt 1 lw 1.8"},
    {"random", "random", "000000", "dt '-' lw 1.8"},
};
#define N_ENGINES (sizeof engines / sizeof *engines)

typedef struct accel_curves {
    cs_csv csv;
    int column[COLUMNS];
    size_t panel[PANELS_MAX]; /* first row of each platform */
    size_t n_panels;
    double optimum[PANELS_MAX]; /* NaN without an exact solver */
    double samples;
    int index[PANELS_MAX][N_ENGINES]; /* data block; -1: none */
    size_t seeds;
} accel_curves;

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void cs_quartiles(double *x, size_t n, double q[3])
{
    for (size_t i = 0; i < n; i++)
        x[i] = isfinite(x[i]) ? x[i] : 0.0;
    qsort(x, n, sizeof *x, ascending);
    for (size_t i = 0; i < 3; i++) {
        const double at = 0.25 * (double)(i + 1) * (double)(n - 1);
        const size_t low = (size_t)at, high = low + (low + 1 < n);
        q[i] = x[low] + (at - (double)low) * (x[high] - x[low]);
    }
}

static const char *cell(const accel_curves *c, size_t row, int column)
{
    return cs_csv_cell(&c->csv, row, c->column[column]);
}

/* NaN for an empty cell. */
static double number(const accel_curves *c, size_t row, int column)
{
    double x;
    return cs_text_double(cell(c, row, column), &x) ? x : NAN;
}

static cs_status read_curves(const char *path, accel_curves *c, cs_error *err)
{
    CS_TRY(cs_csv_read(path, &c->csv, err));
    for (int i = 0; i < COLUMNS; i++) {
        c->column[i] = cs_csv_column(&c->csv, columns[i]);
        if (c->column[i] < 0)
            return cs_fail(err, CS_EFORMAT, "%s: has no column '%s'; 'cosearch engine' writes it",
                           path, columns[i]);
    }
    for (size_t row = 0; row < c->csv.n_rows; row++) {
        size_t p = 0;
        while (p < c->n_panels &&
               strcmp(cell(c, c->panel[p], PLATFORM), cell(c, row, PLATFORM)) != 0)
            p++;
        if (p == PANELS_MAX)
            return cs_fail(err, CS_EUSAGE, "%s: more than %d platforms in one figure", path,
                           PANELS_MAX);
        if (p == c->n_panels) {
            c->optimum[p] = NAN;
            c->panel[c->n_panels++] = row;
        }
        if (strcmp(cell(c, row, ENGINE), "exact") == 0)
            c->optimum[p] = number(c, row, BEST_FPS);
        c->samples = fmax(c->samples, number(c, row, SAMPLE));
    }
    return c->n_panels ? CS_OK : cs_fail(err, CS_EINFEASIBLE, "%s: no rows, nothing to draw", path);
}

/* One engine on one platform: a line of quartiles per sample count. Seeds have the same counts. */
static cs_status write_block(FILE *dat, accel_curves *c, size_t panel, size_t engine, bool *any)
{
    const char *platform = cell(c, c->panel[panel], PLATFORM);
    double *fps = malloc((c->csv.n_rows + 1) * sizeof *fps), last = -1.0;
    if (!fps)
        return CS_ENOMEM;
    *any = false;
    for (;;) { /* the next larger sample count */
        double next = INFINITY, q[3];
        size_t n = 0;
        for (size_t row = 0; row < c->csv.n_rows; row++) {
            const double at = number(c, row, SAMPLE);
            if (strcmp(cell(c, row, PLATFORM), platform) != 0 ||
                strcmp(cell(c, row, ENGINE), engines[engine].name) != 0 || !(at > last) ||
                at > next)
                continue;
            n = at < next ? 0 : n;
            next = at;
            fps[n++] = number(c, row, BEST_FPS);
        }
        if (n == 0)
            break;
        if (!*any)
            fprintf(dat, "# %s, %s: samples, lower quartile, median, upper quartile\n", platform,
                    engines[engine].name);
        *any = true;
        c->seeds = n;
        cs_quartiles(fps, n, q);
        fprintf(dat, "%.0f %.6g %.6g %.6g\n", next, q[0], q[1], q[2]);
        last = next;
    }
    free(fps);
    return CS_OK;
}

static cs_status write_data(FILE *dat, accel_curves *c)
{
    int index = 0;
    for (size_t p = 0; p < c->n_panels; p++)
        for (size_t e = 0; e < N_ENGINES; e++) {
            bool any;
            CS_TRY(write_block(dat, c, p, e, &any));
            c->index[p][e] = any ? index++ : -1;
            if (any)
                fputs("\n\n", dat);
        }
    return CS_OK;
}

static void put_head(FILE *gp, const accel_curves *c)
{
    const size_t width = c->n_panels > 1 ? 2 : 1, height = (c->n_panels + width - 1) / width;
    fprintf(gp,
            "# Best throughput against samples; made by 'cosearch engine'. By hand, in this "
            "folder:\n"
            "#   gnuplot accel-convergence.gp                      draws the SVG\n"
            "#   gnuplot -e \"format='png'\" accel-convergence.gp    draws the PNG\n"
            "if (!exists('format')) format = 'svg'\n"
            "if (format eq 'png') {\n"
            "    set terminal pngcairo enhanced size %zu,%zu font 'DejaVu Sans,13' fontscale 1.5 "
            "linewidth 2\n"
            "} else {\n"
            "    set terminal svg enhanced size %zu,%zu font 'DejaVu Sans,13' background "
            "'#ffffff'\n"
            "}\n"
            "set output 'accel-convergence.'.format\n",
            2 * width * PANEL_WIDTH, 2 * height * PANEL_HEIGHT, width * PANEL_WIDTH,
            height * PANEL_HEIGHT);
    fprintf(gp,
            "set encoding utf8\n"
            "set tmargin 4.4\nset bmargin 6.0\nset lmargin 9.5\nset rmargin 3.5\n"
            "set xlabel 'accelerators priced' offset 0, 0.2\n"
            "set ylabel 'best throughput so far (images per second)'\n"
            "set border 3 lw 1 lc rgb '#404040'\n"
            "set tics nomirror out scale 0.6 textcolor rgb '#202020'\n"
            "set grid xtics ytics lc rgb '#e6e6e6' lw 0.8 lt 1\n"
            "set key bmargin center horizontal Left reverse samplen 2.4 width 1 noenhanced\n"
            "set logscale x\nset mxtics 1\nset xrange [1:%.9g]\n"
            "set style fill transparent solid 0.18 noborder\n",
            c->samples);
    if (c->n_panels > 1)
        fprintf(gp, "set multiplot layout %zu,%zu\n", height, width);
}

static void put_limit(FILE *gp, const char *name, double limit)
{
    if (isfinite(limit))
        fprintf(gp, ", %s ≤ %.6g", name, limit);
}

static void put_panel(FILE *gp, const accel_curves *c, size_t p)
{
    const size_t row = c->panel[p];
    const double optimum = c->optimum[p];
    const char *separator = "plot ";
    fprintf(gp, "\nset label 1 '{/:Bold %s", cell(c, row, PLATFORM));
    put_limit(gp, "DSP", number(c, row, DSP_MAX));
    put_limit(gp, "BRAM", number(c, row, BRAM_MAX));
    fprintf(gp,
            "}' at graph 0, graph 1 offset 0, 2.6 font 'DejaVu Sans,15'\n"
            "set label 2 'Line: median of %zu searches; band: quartiles.' at graph 0, graph 1 "
            "offset 0, 1.3 font 'DejaVu Sans,10' textcolor rgb '#505050'\n",
            c->seeds);
    if (isfinite(optimum))
        fprintf(gp,
                "set yrange [0:%.6g]\n"
                "set arrow 1 from graph 0, first %.9g to graph 1, first %.9g nohead back lc rgb "
                "'#009e73' dt 3 lw 2\n"
                "set label 3 'provable optimum %.1f' at graph 0.015, first %.9g offset 0, 0.6 "
                "font 'DejaVu Sans,11' textcolor rgb '#00704f'\n",
                1.12 * optimum, optimum, optimum, optimum, optimum);
    else
        fputs("set yrange [0:*]\nunset arrow 1\nunset label 3\n", gp);
    for (int layer = 0; layer < 3; layer++) /* bands below lines, ours on top; then the key */
        for (size_t i = 0; i < N_ENGINES; i++) {
            const size_t at = layer < 2 ? N_ENGINES - 1 - i : i;
            const struct engine *e = &engines[at];
            if (c->index[p][at] < 0)
                continue;
            if (layer == 2)
                fprintf(gp, "%skeyentry with lines %s lc rgb '#%s' title '%s'", separator, e->line,
                        e->rgb, e->title);
            else
                fprintf(gp, "%s'accel-convergence.dat' index %d using %s%s lc rgb '#%s' notitle",
                        separator, c->index[p][at],
                        layer == 0 ? "1:2:4 with filledcurves" : "1:3 with lines ",
                        layer == 0 ? "" : e->line, e->rgb);
            separator = ", \\\n     ";
        }
    fputs("\n", gp);
}

static cs_status write_file(const char *path, accel_curves *c,
                            cs_status (*fill)(FILE *, accel_curves *), cs_error *err)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return cs_fail(err, CS_EIO, "%s: cannot be written: %s", path, strerror(errno));
    cs_status status = fill(file, c);
    const bool broken = ferror(file) != 0;
    if ((fclose(file) != 0 || broken) && status == CS_OK)
        status = cs_fail(err, CS_EIO, "%s: cannot be written: %s", path, strerror(errno));
    if (status == CS_ENOMEM)
        cs_fail(err, status, "%s: out of memory", path);
    return status;
}

static cs_status write_script(FILE *gp, accel_curves *c)
{
    put_head(gp, c);
    for (size_t p = 0; p < c->n_panels; p++)
        put_panel(gp, c, p);
    if (c->n_panels > 1)
        fputs("\nunset multiplot\n", gp);
    return CS_OK;
}

static cs_status prepare(const char *folder, const char *dat_path, const char *gp_path,
                         cs_error *err)
{
    accel_curves c = {0};
    char path[1024];
    snprintf(path, sizeof path, "%s/" CS_ACCEL_CONVERGENCE_CSV, folder);
    cs_status status = read_curves(path, &c, err);
    if (status == CS_OK)
        status = write_file(dat_path, &c, write_data, err);
    if (status == CS_OK)
        status = write_file(gp_path, &c, write_script, err);
    if (status != CS_OK)
        unlink(dat_path);
    cs_csv_free(&c.csv);
    return status;
}

const cs_figure cs_figure_accel_convergence = {
    .name = "accel-convergence",
    .summary = "best throughput against samples: accelerator search engines and the optimum",
    .prepare = prepare};
