/* Figure memory-bits: tensors of a weight step against the number of bitwidths that are mixed in
 * it, with the mixed tensor alone kept and with every quantised copy kept. Reads bench.csv, which
 * `make bench GROUP=supernet` writes, in the folder given. */
#include "report/figure.h"
#include "report/figure_file.h"

#include "core/csvio.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BITS_MAX 8
enum { MIXED, PER_COPY, STORAGES };
static const char *const storage_name[STORAGES] = {"mixed", "per_copy"};

typedef struct memory {
    double mib[STORAGES][BITS_MAX + 1]; /* by the number of bitwidths; 0: not measured */
    int most;
    char what[200]; /* what was measured, from a row's note */
} memory;

/* "STEP, N bitwidths mixed, BATCH: RATIO" without what differs from row to row. */
static void describe(const char *note, char *text, size_t size)
{
    const char *bits = strstr(note, ", 1 bitwidths mixed"), *end = strrchr(note, ':');
    if (bits && end && end > bits)
        snprintf(text, size, "%.*s%.*s", (int)(bits - note), note,
                 (int)(end - bits - (ptrdiff_t)strlen(", 1 bitwidths mixed")),
                 bits + strlen(", 1 bitwidths mixed"));
    else
        snprintf(text, size, "%s", note);
}

static void read_row(const cs_csv *csv, size_t row, memory *m)
{
    const char *name = cs_csv_cell(csv, row, cs_csv_column(csv, "case")),
               *note = cs_csv_cell(csv, row, cs_csv_column(csv, "note"));
    char wanted[64];
    double kib;
    for (int s = 0; s < STORAGES; s++)
        for (int bits = 1; bits <= BITS_MAX; bits++) {
            snprintf(wanted, sizeof wanted, "tensors_%s_j%d_kib", storage_name[s], bits);
            if (strcmp(name, wanted) != 0 ||
                !cs_text_double(cs_csv_cell(csv, row, cs_csv_column(csv, "median")), &kib))
                continue;
            m->mib[s][bits] = kib / 1024.0;
            m->most = bits > m->most ? bits : m->most;
            if (s == MIXED && bits == 1)
                describe(note, m->what, sizeof m->what);
        }
}

static cs_status read_memory(const char *folder, memory *m, cs_error *err)
{
    char path[1024];
    cs_csv csv;
    snprintf(path, sizeof path, "%s/bench.csv", folder);
    *m = (memory){0};
    if (access(path, R_OK) == 0) {
        CS_TRY(cs_csv_read(path, &csv, err));
        const bool known = cs_csv_column(&csv, "case") >= 0 && cs_csv_column(&csv, "note") >= 0 &&
                           cs_csv_column(&csv, "median") >= 0;
        for (size_t row = 0; known && row < csv.n_rows; row++)
            read_row(&csv, row, m);
        cs_csv_free(&csv);
    }
    if (m->most < 2 || m->mib[MIXED][1] <= 0.0 || m->mib[PER_COPY][1] <= 0.0)
        return cs_fail(err, CS_EINFEASIBLE,
                       "%s: no measured memory of a supernet, nothing to draw; 'make bench "
                       "GROUP=supernet' measures it and 'plot memory-bits --campaign build/' "
                       "draws it",
                       path);
    return CS_OK;
}

static void write_data(FILE *dat, const memory *m)
{
    fputs("# bitwidths, MiB of tensors: mixed, per_copy, and each as a multiple of one bitwidth\n",
          dat);
    for (int bits = 1; bits <= m->most; bits++) {
        fprintf(dat, "%d", bits);
        for (int s = 0; s < STORAGES; s++)
            fprintf(dat, m->mib[s][bits] > 0.0 ? " %.6g" : " ?", m->mib[s][bits]);
        for (int s = 0; s < STORAGES; s++)
            fprintf(dat, m->mib[s][bits] > 0.0 ? " %.6g" : " ?", m->mib[s][bits] / m->mib[s][1]);
        fputc('\n', dat);
    }
}

static void write_script(FILE *gp, const memory *m, const char *dat)
{
    const double top = 1.15 * m->mib[PER_COPY][m->most];
    fputs("# Memory of bit search; made by 'cosearch plot memory-bits'. By hand, in this folder:\n"
          "#   gnuplot memory-bits.gp\n#   gnuplot -e \"format='png'\" memory-bits.gp\n"
          "if (!exists('format')) format = 'svg'\n"
          "if (format eq 'png') {\n    set terminal pngcairo enhanced size 1280,920 font "
          "'DejaVu Sans,12' fontscale 1.5 linewidth 2 pointscale 2\n} else {\n"
          "    set terminal svg enhanced size 640,460 font 'DejaVu Sans,12' background "
          "'#ffffff'\n}\n"
          "set output 'memory-bits.'.format\nset encoding utf8\nset datafile missing '?'\n"
          "set tmargin 5\nset lmargin 10\nset rmargin 4\nset bmargin 6\n"
          "set border 3 lw 1 lc rgb '#404040'\nset tics nomirror out scale 0.6\n"
          "set grid ytics lc rgb '#e6e6e6' lw 0.8 lt 1\nset xtics 1\n"
          "set xlabel 'number of bitwidths searched'\nset ylabel 'tensors of a weight step (MiB)'\n"
          "set key bmargin center horizontal Left reverse samplen 2 width 2 noenhanced\n",
          gp);
    fprintf(gp, "set xrange [0.8:%.1f]\nset yrange [0:%.6g]\n", m->most + 0.4, top);
    fputs("set label 1 '{/:Bold Memory against the number of bitwidths}' at graph 0, graph 1 "
          "offset 0, 2.6 font 'DejaVu Sans,14'\nset label 2 ",
          gp);
    cs_figure_quote(gp, m->what);
    fputs(" at graph 0, graph 1 offset 0, 1.2 noenhanced font 'DejaVu Sans,9' textcolor rgb "
          "'#505050'\nplot ",
          gp);
    cs_figure_quote(gp, dat);
    fputs(" using 1:3 with linespoints pt 9 ps 1.2 lw 1.8 lc rgb '#d55e00' title 'every quantised "
          "copy kept (per_copy)', \\\n"
          "     '' using 1:2 with linespoints pt 7 ps 1.1 lw 1.8 lc rgb '#0072b2' title 'mixed "
          "tensor only (mixed)', \\\n"
          "     '' using ($1>1?$1:NaN):3:(sprintf('×%.2f', $5)) with labels offset -3.2, 0.5 font "
          "'DejaVu Sans,10' tc rgb '#d55e00' notitle, \\\n"
          "     '' using ($1>1?$1:NaN):2:(sprintf('×%.3f', $4)) with labels offset 0, 0.9 font "
          "'DejaVu Sans,10' tc rgb '#0072b2' notitle\n",
          gp);
}

static cs_status prepare(const char *campaign, const char *dat_path, const char *gp_path,
                         cs_error *err)
{
    memory m;
    FILE *file;
    const char *slash = strrchr(dat_path, '/');
    CS_TRY(read_memory(campaign, &m, err));
    CS_TRY(cs_figure_open(dat_path, &file, err));
    write_data(file, &m);
    CS_TRY(cs_figure_close(file, dat_path, CS_OK, err));
    CS_TRY(cs_figure_open(gp_path, &file, err));
    write_script(file, &m, slash ? slash + 1 : dat_path);
    return cs_figure_close(file, gp_path, CS_OK, err);
}

const cs_figure cs_figure_memory_bits = {
    .name = "memory-bits",
    .summary = "tensors of a weight step against the number of bitwidths, from build/bench.csv",
    .prepare = prepare};
