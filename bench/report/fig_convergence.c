/* Figure convergence: how the probabilities of operators (alpha) and bitwidths (beta) of every
 * block move while a differentiable search spends its budget. One run per method: the first that
 * recorded them. Reads the `observe` rows alpha.bNN.OPERATOR and beta.bNN.BITS of the traces. */
#include "report/campaign.h"
#include "report/figure.h"
#include "report/figure_file.h"

#include "core/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define METHODS_MAX 4
#define BLOCKS_MAX 32
#define CHOICES_MAX 12
#define COLUMNS 6        /* panels side by side, at most */
#define PANEL_WIDTH 190  /* pixels of the SVG; the PNG has twice as many */
#define PANEL_HEIGHT 150 /* with its title */
#define BAND_TITLE 66    /* above the panels of one method and kind */
#define FOOT 92          /* axis label and key */

typedef enum kind { ALPHA, BETA, KINDS } kind;
static const char *const prefix[KINDS] = {"alpha.b", "beta.b"};

/* Panels of one kind of one run, and the choices that are drawn in them. */
typedef struct band {
    size_t row; /* of the campaign */
    kind kind;
    size_t n_blocks, n_choices;
    char choice[CHOICES_MAX][32];
    int index[BLOCKS_MAX][CHOICES_MAX]; /* gnuplot's number of the data block; -1: none */
} band;

typedef struct figure_data {
    cs_campaign campaign;
    band bands[METHODS_MAX * KINDS];
    size_t n_bands;
    int n_series;
} figure_data;

/* Colour and dash of a choice, the same in every figure; those of Okabe and Ito. Choices of other
 * spaces take the styles in their order. */
static const struct style {
    const char *name, *rgb;
    int dash;
} styles[CHOICES_MAX] = {
    {"k3_e1", "000000", 1}, {"k3_e1_g2", "56b4e9", 2}, {"k3_e3", "0072b2", 1},
    {"k3_e6", "009e73", 1}, {"k5_e1", "e69f00", 1},    {"k5_e1_g2", "f0e442", 2},
    {"k5_e3", "cc79a7", 1}, {"k5_e6", "d55e00", 1},    {"skip", "808080", 3},
    {"08", "0072b2", 1},    {"06", "009e73", 2},       {"04", "d55e00", 4}};

static const struct style *style_of(const band *b, size_t choice)
{
    for (size_t i = 0; i < CHOICES_MAX; i++)
        if (strcmp(styles[i].name, b->choice[choice]) == 0)
            return &styles[i];
    return &styles[choice];
}

/* ---- traces to the data file ---- */

typedef struct point {
    double x, y;
} point;

/* "alpha.b03.k3_e1": block 3 and "k3_e1". */
static bool parse_name(const char *name, kind k, size_t *block, const char **choice)
{
    const size_t n = strlen(prefix[k]);
    if (strncmp(name, prefix[k], n) != 0 || strlen(name) < n + 4 || name[n + 2] != '.')
        return false;
    if (name[n] < '0' || name[n] > '9' || name[n + 1] < '0' || name[n + 1] > '9')
        return false;
    *block = (size_t)(name[n] - '0') * 10 + (size_t)(name[n + 1] - '0');
    *choice = name + n + 3;
    return *block < BLOCKS_MAX;
}

static size_t find_choice(band *b, const char *choice)
{
    size_t i = 0;
    while (i < b->n_choices && strcmp(b->choice[i], choice) != 0)
        i++;
    if (i == b->n_choices && i < CHOICES_MAX) {
        snprintf(b->choice[i], sizeof b->choice[i], "%s", choice);
        b->n_choices++;
    }
    return i;
}

/* Blocks and choices that a trace tells of. */
static void find_panels(const cs_csv *trace, int name, band *b)
{
    for (size_t i = 0; i < trace->n_rows; i++) {
        size_t block;
        const char *choice;
        if (!parse_name(cs_csv_cell(trace, i, name), b->kind, &block, &choice))
            continue;
        find_choice(b, choice);
        b->n_blocks = block + 1 > b->n_blocks ? block + 1 : b->n_blocks;
    }
}

/* One block of the data file per panel and choice: percent of the search, probability, run. */
static void write_series(FILE *dat, figure_data *f, const cs_csv *trace, band *b, size_t block,
                         size_t choice)
{
    const int name = cs_csv_column(trace, "name"), value = cs_csv_column(trace, "value"),
              mac = cs_csv_column(trace, "search_mac");
    double last = 0.0, x, y;
    char wanted[64];
    size_t n = 0;
    snprintf(wanted, sizeof wanted, "%s%02zu.%s", prefix[b->kind], block, b->choice[choice]);
    if (trace->n_rows > 0)
        cs_text_double(cs_csv_cell(trace, trace->n_rows - 1, mac), &last);
    for (size_t i = 0; i < trace->n_rows && last > 0.0; i++) {
        if (strcmp(cs_csv_cell(trace, i, name), wanted) != 0 ||
            !cs_text_double(cs_csv_cell(trace, i, mac), &x) ||
            !cs_text_double(cs_csv_cell(trace, i, value), &y))
            continue;
        if (n++ == 0)
            fprintf(dat, "# %s: percent of the search's MACs, probability, run\n", wanted);
        fprintf(dat, "%.6g %.6g %s\n", 100.0 * x / last, y,
                cs_campaign_text(&f->campaign, b->row, "run_id"));
    }
    b->index[block][choice] = n > 0 ? f->n_series++ : -1;
    if (n > 0)
        fputs("\n\n", dat);
}

/* Both bands of a run, if its trace has them. */
static cs_status add_run(FILE *dat, figure_data *f, size_t row, cs_error *err)
{
    cs_csv trace;
    cs_error why;
    const cs_status status = cs_campaign_trace(&f->campaign, row, &trace, &why);
    if (status == CS_EIO) /* rows collected from elsewhere come without their folders */
        return CS_OK;
    if (status != CS_OK)
        return cs_fail(err, status, "%s", why.text);
    const int name = cs_csv_column(&trace, "name");
    for (kind k = ALPHA; k < KINDS && name >= 0; k++) {
        band *b = &f->bands[f->n_bands];
        *b = (band){.row = row, .kind = k};
        find_panels(&trace, name, b);
        if (b->n_blocks == 0)
            continue;
        f->n_bands++;
        for (size_t block = 0; block < b->n_blocks; block++)
            for (size_t c = 0; c < b->n_choices; c++)
                write_series(dat, f, &trace, b, block, c);
    }
    cs_csv_free(&trace);
    return CS_OK;
}

static cs_status write_data(FILE *dat, figure_data *f, cs_error *err)
{
    const char *methods[64];
    size_t n, drawn = 0;
    CS_TRY(cs_campaign_methods(&f->campaign, methods, sizeof methods / sizeof *methods, &n, err));
    for (size_t m = 0; m < n && drawn < METHODS_MAX; m++) {
        const size_t before = f->n_bands;
        for (size_t row = 0; row < f->campaign.results.n_rows && f->n_bands == before; row++)
            if (strcmp(cs_campaign_text(&f->campaign, row, "method"), methods[m]) == 0)
                CS_TRY(add_run(dat, f, row, err));
        drawn += f->n_bands > before;
    }
    if (f->n_bands == 0)
        return cs_fail(err, CS_EINFEASIBLE,
                       "%s: no run recorded probabilities of operators, nothing to draw; methods "
                       "with logits (autonba, dna) do",
                       f->campaign.dir);
    return CS_OK;
}

/* ---- the script ---- */

static size_t columns_of(const band *b)
{
    return b->n_blocks < COLUMNS ? b->n_blocks : COLUMNS;
}

static size_t rows_of(const band *b)
{
    return (b->n_blocks + COLUMNS - 1) / COLUMNS;
}

static size_t height_of(const band *b)
{
    return BAND_TITLE + rows_of(b) * PANEL_HEIGHT + FOOT;
}

static void put_heading(FILE *gp, const figure_data *f, const band *b, double y)
{
    char cell[512];
    cs_campaign_cell_text(&f->campaign, b->row, true, cell, sizeof cell);
    fprintf(gp,
            "set label 1 \"%s, seed %s: %s\" at screen left, screen %.5f font 'DejaVu Sans,14' "
            "noenhanced\n"
            "set label 2 \"%s\" at screen left, screen %.5f font 'DejaVu Sans,10' noenhanced "
            "textcolor rgb '#505050'\n",
            cs_campaign_text(&f->campaign, b->row, "method"),
            cs_campaign_text(&f->campaign, b->row, "seed"),
            b->kind == ALPHA ? "operators (softmax of α)"
                             : "bitwidths (softmax of β, all operators)",
            y, cell, y);
}

/* One panel; the first draws the heading, the last row the axis, the last panel the key. */
static void put_panel(FILE *gp, const band *b, size_t block, const char *dat)
{
    const char *separator = "plot ";
    const bool left = block % COLUMNS == 0, bottom = block + COLUMNS >= b->n_blocks;
    fprintf(gp, "set title 'block %zu' offset 0, -0.7\n", block + 1);
    const bool last = block % COLUMNS == COLUMNS - 1 || block + 1 == b->n_blocks;
    fprintf(gp, "set format y '%s'\nset format x '%s'\n", left ? "%g" : "", bottom ? "%g" : "");
    /* 100 would run into the 0 of the next panel */
    fprintf(gp, "set xtics (0, 50, %s100) nomirror out scale 0.5\n", last ? "" : "'' ");
    for (size_t c = 0; c < b->n_choices; c++) {
        if (b->index[block][c] < 0)
            continue;
        fprintf(gp, "%s'%s' index %d using 1:2 with lines lw 1.8 dt %d lc rgb '#%s' notitle",
                separator, dat, b->index[block][c], style_of(b, c)->dash, style_of(b, c)->rgb);
        separator = ", \\\n     ";
    }
    fputs(*separator == 'p' ? "plot NaN notitle\n" : "\n", gp);
}

static void put_key(FILE *gp, const band *b, double label_y)
{
    const char *separator = "plot ";
    fputs("unset title\nunset xtics\nunset ytics\nunset border\nunset label\nunset grid\n"
          "set key center center horizontal Left reverse noenhanced samplen 2.2 width 1\n",
          gp);
    fprintf(gp,
            "set label 3 'part of the search budget spent (%%)' at screen 0.5, screen %.5f center "
            "font 'DejaVu Sans,11'\n",
            label_y);
    for (size_t c = 0; c < b->n_choices; c++) {
        fprintf(gp, "%skeyentry with lines lw 2.4 dt %d lc rgb '#%s' title '", separator,
                style_of(b, c)->dash, style_of(b, c)->rgb);
        fputs(b->choice[c] + (b->kind == BETA && *b->choice[c] == '0'), gp);
        fputs(b->kind == BETA ? " bits'" : "'", gp);
        separator = ", \\\n     ";
    }
    fputs(", \\\n     NaN notitle\nset border 3 lw 1 lc rgb '#404040'\nunset key\nunset label 3\n"
          "set grid xtics ytics lc rgb '#e6e6e6' lw 0.8 lt 1\n",
          gp);
}

static void put_band(FILE *gp, const figure_data *f, const band *b, double width, double height,
                     double top, const char *dat)
{
    const double inner = width - 62.0;
    fprintf(gp, "\n# %s of %s\n", prefix[b->kind],
            cs_campaign_text(&f->campaign, b->row, "method"));
    fprintf(gp, "left = %.5f\n", 46.0 / width);
    put_heading(gp, f, b, 0.0);
    fprintf(gp,
            "set label 1 at screen %.5f, screen %.5f\nset label 2 at screen %.5f, screen %.5f\n"
            "set ytics 0, 0.5, 1 nomirror out scale 0.5\n",
            12.0 / width, 1.0 - (top + 18.0) / height, 12.0 / width, 1.0 - (top + 40.0) / height);
    for (size_t block = 0; block < b->n_blocks; block++) {
        const size_t column = block % COLUMNS, row = block / COLUMNS;
        const double cell = inner / (double)columns_of(b);
        const double x = 46.0 + (double)column * cell;
        const double y = top + BAND_TITLE + (double)row * PANEL_HEIGHT;
        fprintf(gp, "set lmargin at screen %.5f\nset rmargin at screen %.5f\n", x / width,
                (x + cell - 16.0) / width);
        fprintf(gp, "set tmargin at screen %.5f\nset bmargin at screen %.5f\n",
                1.0 - (y + 20.0) / height, 1.0 - (y + PANEL_HEIGHT - 12.0) / height);
        put_panel(gp, b, block, dat);
        if (block == 0)
            fputs("unset label 1\nunset label 2\n", gp);
    }
    const double foot = top + BAND_TITLE + (double)rows_of(b) * PANEL_HEIGHT;
    fprintf(gp,
            "set lmargin at screen 0.02\nset rmargin at screen 0.98\n"
            "set tmargin at screen %.5f\nset bmargin at screen %.5f\n",
            1.0 - (foot + 40.0) / height, 1.0 - (foot + 64.0) / height);
    put_key(gp, b, 1.0 - (foot + 24.0) / height);
}

static void write_script(FILE *gp, const figure_data *f, const char *dat)
{
    size_t columns = 4, height = 0;
    double top = 0.0;
    for (size_t i = 0; i < f->n_bands; i++) {
        columns = columns_of(&f->bands[i]) > columns ? columns_of(&f->bands[i]) : columns;
        height += height_of(&f->bands[i]);
    }
    const size_t width = columns * PANEL_WIDTH + 62;
    fprintf(gp,
            "# Probabilities of operators and bitwidths; made by 'cosearch plot convergence'. By "
            "hand, in this folder:\n#   gnuplot convergence.gp\n"
            "#   gnuplot -e \"format='png'\" convergence.gp\n"
            "if (!exists('format')) format = 'svg'\n"
            "if (format eq 'png') {\n"
            "    set terminal pngcairo enhanced size %zu,%zu font 'DejaVu Sans,11' fontscale 1.6 "
            "linewidth 2 dashlength 0.5\n"
            "} else {\n"
            "    set terminal svg enhanced size %zu,%zu font 'DejaVu Sans,11' dashlength 0.5 "
            "background '#ffffff'\n"
            "}\n"
            "set output 'convergence.'.format\n"
            "set encoding utf8\nset xrange [0:100]\nset yrange [0:1.02]\n"
            "set border 3 lw 1 lc rgb '#404040'\nunset key\n"
            "set grid xtics ytics lc rgb '#e6e6e6' lw 0.8 lt 1\nset multiplot\n",
            2 * width, 2 * height, width, height);
    for (size_t i = 0; i < f->n_bands; i++) {
        put_band(gp, f, &f->bands[i], (double)width, (double)height, top, dat);
        top += (double)height_of(&f->bands[i]);
    }
    fputs("unset multiplot\n", gp);
}

/* ---- files ---- */

static cs_status prepare(const char *campaign, const char *dat_path, const char *gp_path,
                         cs_error *err)
{
    figure_data *f = calloc(1, sizeof *f);
    FILE *file;
    const char *slash = strrchr(dat_path, '/');
    if (!f)
        return cs_fail(err, CS_ENOMEM, "out of memory for a figure");
    cs_status status = cs_campaign_open(campaign, &f->campaign, err);
    if (status != CS_OK) {
        free(f);
        return status;
    }
    status = cs_figure_open(dat_path, &file, err);
    if (status == CS_OK)
        status = cs_figure_close(file, dat_path, write_data(file, f, err), err);
    if (status == CS_OK)
        status = cs_figure_open(gp_path, &file, err);
    if (status == CS_OK) {
        write_script(file, f, slash ? slash + 1 : dat_path);
        status = cs_figure_close(file, gp_path, CS_OK, err);
    }
    if (status != CS_OK) /* half a figure would be taken for one */
        unlink(dat_path);
    cs_campaign_close(&f->campaign);
    free(f);
    return status;
}

const cs_figure cs_figure_convergence = {
    .name = "convergence",
    .summary = "operators and bitwidths of every block while a differentiable search goes on",
    .prepare = prepare};
