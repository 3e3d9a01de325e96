/* Figure boards: predicted against measured time of every layer on the FPGA boards of the
 * validation set. Reads boards.csv, which `make validate` writes, in the folder given. */
#include "report/figure.h"
#include "report/figure_file.h"

#include "core/csvio.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SERIES_MAX 8

typedef struct pairs {
    cs_csv csv;
    int series, layer, predicted, measured;
    const char *name[SERIES_MAX]; /* in the order of the file */
    size_t n;
    double low, high; /* of all times, ms */
} pairs;

static bool read_pair(const pairs *p, size_t row, double *predicted, double *measured)
{
    return cs_text_double(cs_csv_cell(&p->csv, row, p->predicted), predicted) &&
           cs_text_double(cs_csv_cell(&p->csv, row, p->measured), measured) && *predicted > 0.0 &&
           *measured > 0.0;
}

static size_t series_of(pairs *p, const char *name)
{
    size_t i = 0;
    while (i < p->n && strcmp(p->name[i], name) != 0)
        i++;
    if (i == p->n && p->n < SERIES_MAX)
        p->name[p->n++] = name;
    return i;
}

static cs_status read_pairs(const char *folder, pairs *p, cs_error *err)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/boards.csv", folder);
    *p = (pairs){.low = INFINITY};
    if (access(path, R_OK) == 0) {
        CS_TRY(cs_csv_read(path, &p->csv, err));
        p->series = cs_csv_column(&p->csv, "series");
        p->layer = cs_csv_column(&p->csv, "layer");
        p->predicted = cs_csv_column(&p->csv, "predicted_ms");
        p->measured = cs_csv_column(&p->csv, "measured_ms");
        const bool known = p->series >= 0 && p->layer >= 0 && p->predicted >= 0 && p->measured >= 0;
        for (size_t row = 0; known && row < p->csv.n_rows; row++) {
            double a, b;
            if (!read_pair(p, row, &a, &b))
                continue;
            series_of(p, cs_csv_cell(&p->csv, row, p->series));
            p->low = fmin(p->low, fmin(a, b));
            p->high = fmax(p->high, fmax(a, b));
        }
    }
    if (p->n > 0)
        return CS_OK;
    cs_csv_free(&p->csv);
    return cs_fail(err, CS_EINFEASIBLE,
                   "%s: no measured layers, nothing to draw; 'make validate' writes them where the "
                   "validation set is and 'plot boards --campaign build/' draws them",
                   path);
}

static void write_data(FILE *dat, pairs *p)
{
    fputs("# per series: predicted ms, measured ms, measured / predicted, layer\n", dat);
    for (size_t s = 0; s < p->n; s++) {
        fprintf(dat, "%s# %s\n", s ? "\n\n" : "", p->name[s]);
        for (size_t row = 0; row < p->csv.n_rows; row++) {
            double a, b;
            if (strcmp(cs_csv_cell(&p->csv, row, p->series), p->name[s]) == 0 &&
                read_pair(p, row, &a, &b))
                fprintf(dat, "%.9g %.9g %.6g \"%s\"\n", a, b, b / a,
                        cs_csv_cell(&p->csv, row, p->layer));
        }
    }
}

static void write_script(FILE *gp, const pairs *p, const char *dat)
{
    static const char *const color[SERIES_MAX] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                  "#e69f00", "#56b4e9", "#000000", "#8c8c00"};
    static const int point[SERIES_MAX] = {7, 5, 9, 11, 13, 6, 4, 8};
    fputs("# Predicted against measured layers; made by 'cosearch plot boards'. By hand, in this "
          "folder:\n#   gnuplot boards.gp\n#   gnuplot -e \"format='png'\" boards.gp\n"
          "if (!exists('format')) format = 'svg'\n"
          "if (format eq 'png') {\n    set terminal pngcairo enhanced size 1280,1120 font "
          "'DejaVu Sans,12' fontscale 1.5 linewidth 2 pointscale 2\n} else {\n"
          "    set terminal svg enhanced size 640,560 font 'DejaVu Sans,12' background "
          "'#ffffff'\n}\n"
          "set output 'boards.'.format\nset encoding utf8\n"
          "set tmargin 5\nset lmargin 10\nset rmargin 4\nset bmargin 8\n"
          "set border 3 lw 1 lc rgb '#404040'\nset tics nomirror out scale 0.6\nset logscale xy\n"
          "set grid lc rgb '#e6e6e6' lw 0.8 lt 1\nset format '%g'\n"
          "set xlabel 'predicted time of a layer (ms)'\nset ylabel 'measured time (ms)'\n"
          "set key bmargin center horizontal Left reverse samplen 2 width 2 maxcols 3 noenhanced\n",
          gp);
    fprintf(gp, "set xrange [%.6g:%.6g]\nset yrange [%.6g:%.6g]\n", p->low / 1.5, p->high * 1.5,
            p->low / 1.5, p->high * 1.5);
    fputs(
        "set label 1 '{/:Bold Layers on FPGA boards: predicted and measured}' at graph 0, graph 1 "
        "offset 0, 2.6 font 'DejaVu Sans,14'\n"
        "set label 2 'no layer can be faster than its bound; dashed: 1.1 and 2 times the bound' at "
        "graph 0, graph 1 offset 0, 1.2 noenhanced font 'DejaVu Sans,9' textcolor rgb '#505050'\n"
        "plot x with lines lw 1.4 lc rgb '#404040' title 'bound', \\\n"
        "     1.1*x with lines dt 2 lw 1 lc rgb '#909090' notitle, \\\n"
        "     2*x with lines dt 2 lw 1 lc rgb '#909090' notitle",
        gp);
    for (size_t s = 0; s < p->n; s++) {
        fputs(", \\\n     ", gp);
        cs_figure_quote(gp, dat);
        fprintf(gp, " index %zu using 1:2 with points pt %d ps 0.9 lc rgb '%s' title ", s, point[s],
                color[s]);
        cs_figure_quote(gp, p->name[s]);
    }
    fputc('\n', gp);
}

static cs_status prepare(const char *campaign, const char *dat_path, const char *gp_path,
                         cs_error *err)
{
    pairs p;
    FILE *file;
    const char *slash = strrchr(dat_path, '/');
    CS_TRY(read_pairs(campaign, &p, err));
    cs_status status = cs_figure_open(dat_path, &file, err);
    if (status == CS_OK) {
        write_data(file, &p);
        status = cs_figure_close(file, dat_path, CS_OK, err);
    }
    if (status == CS_OK)
        status = cs_figure_open(gp_path, &file, err);
    if (status == CS_OK) {
        write_script(file, &p, slash ? slash + 1 : dat_path);
        status = cs_figure_close(file, gp_path, CS_OK, err);
    }
    cs_csv_free(&p.csv);
    return status;
}

const cs_figure cs_figure_boards = {
    .name = "boards",
    .summary = "predicted against measured layers on FPGA boards, from build/boards.csv",
    .prepare = prepare};
