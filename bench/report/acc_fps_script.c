/* Figure acc-fps: the gnuplot script. Colours are those of Okabe and Ito, distinguishable with any
 * colour vision; every method also has its own shape, and keeps both over all campaigns. */
#include "report/acc_fps.h"

#include "registry.h"
#include "report/figure_file.h"
#include <math.h>
#include <string.h>

#define PANEL_WIDTH 750 /* pixels of the SVG; the PNG has twice as many */
#define PANEL_HEIGHT 525
#define LOG_RATIO 3.0 /* a wider range of throughputs gets a log axis */

static const struct style {
    const char *rgb;
    int filled; /* gnuplot point type */
    double size;
} styles[] = {{"000000", 7, 1.3},  {"0072b2", 5, 1.2},  {"d55e00", 9, 1.5}, {"009e73", 13, 1.6},
              {"cc79a7", 11, 1.5}, {"e69f00", 15, 1.4}, {"56b4e9", 7, 1.3}};
#define N_STYLES (sizeof styles / sizeof *styles)

static const struct style *style_of(const acc_fps *f, size_t method)
{
    return &styles[cs_method_rank(f->methods[method]) % N_STYLES];
}

/* Labels of a log axis: 1, 2, 5 of each decade, and more of them within one. */
static void put_log_ticks(FILE *gp, double lo, double hi)
{
    static const double coarse[] = {1.0, 2.0, 5.0}, fine[] = {1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0};
    const bool narrow = hi / lo < 10.0;
    const double *step = narrow ? fine : coarse;
    const size_t n = narrow ? sizeof fine / sizeof *fine : sizeof coarse / sizeof *coarse;
    const char *comma = "";
    fputs("set xtics (", gp);
    for (double decade = pow(10.0, floor(log10(lo))); decade <= hi; decade *= 10.0)
        for (size_t i = 0; i < n; i++) {
            const double tick = decade * step[i];
            if (tick < lo || tick > hi)
                continue;
            fprintf(gp, "%s'%.6g' %.6g", comma, tick, tick);
            comma = ", ";
        }
    fputs(")\n", gp);
}

/* Range of the points and the floor with a margin; logarithmic if it is wide. */
static void put_x_axis(FILE *gp, double lo, double hi, double floor_value)
{
    if (floor_value > 0.0) {
        lo = fmin(lo, floor_value);
        hi = fmax(hi, floor_value);
    }
    if (hi / lo <= LOG_RATIO) {
        const double margin = fmax(0.06 * (hi - lo), 0.02 * hi);
        fprintf(gp, "unset logscale x\nset xtics autofreq\nset xrange [%.6g:%.6g]\n",
                fmax(0.0, lo - margin), hi + margin);
        return;
    }
    const double ratio = pow(hi / lo, 0.05);
    fprintf(gp, "set logscale x\nset xrange [%.6g:%.6g]\n", lo / ratio, hi * ratio);
    put_log_ticks(gp, lo / ratio, hi * ratio);
}

/* The same in enhanced mode, bold, with the characters that mode would read as markup escaped. */
static void put_bold(FILE *gp, const char *text)
{
    fputs("'{/:Bold ", gp);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', gp);
        else if (strchr("{}_^@&~\\", *text))
            fputc('\\', gp);
        fputc(*text, gp);
    }
    fputs("}'", gp);
}

static void put_title(FILE *gp, const acc_fps *f, const acc_fps_cell *c)
{
    char text[512];
    cs_campaign_cell_text(&f->campaign, c->row, false, text, sizeof text);
    fputs("set label 1 ", gp);
    put_bold(gp, text);
    fprintf(gp,
            " at graph 0, graph 1 offset 0, %s font 'DejaVu Sans,15'\n"
            "set label 2 \"Large: answers, test accuracy after retraining%s; a line joins them to "
            "their validation accuracy.\\nSmall: designs evaluated in the search, validation "
            "accuracy of a short training%s.%s\" at graph 0, graph 1 offset 0, %s noenhanced "
            "font 'DejaVu Sans,10' textcolor rgb '#505050'\n",
            c->optimum_seen ? "5.1" : "4.3", c->spread_seen ? " (mean ± s.d.)" : "",
            c->infeasible_seen ? " (crosses break a limit)" : "",
            c->optimum_seen ? "\\nOpen: the same network on the provably fastest accelerator." : "",
            c->optimum_seen ? "3.9" : "3.1");
}

static void put_floor(FILE *gp, double fps_min)
{
    if (!(fps_min > 0.0)) {
        fputs("unset object 1\nunset arrow 1\nunset label 3\n", gp);
        return;
    }
    fprintf(gp,
            "set object 1 rectangle from graph 0, graph 0 to first %.9g, graph 1 behind "
            "fillcolor rgb '#f2f2f2' fillstyle solid noborder\n"
            "set arrow 1 from first %.9g, graph 0 to first %.9g, graph 1 nohead back "
            "lc rgb '#606060' dt 2 lw 1.4\n"
            "set label 3 'FPS ≥ %.6g' at first %.9g, graph 1 center offset 0, 0.6 "
            "font 'DejaVu Sans,10' textcolor rgb '#505050'\n",
            fps_min, fps_min, fps_min, fps_min, fps_min);
}

static void put_evaluated(FILE *gp, const acc_fps_series *s, const struct style *y)
{
    fprintf(gp, "using 1:2 with points pt %d ps %.3g*k lc rgb '#a6%s' notitle",
            s->kind == ACC_FPS_INFEASIBLE ? 2 : y->filled,
            (s->kind == ACC_FPS_INFEASIBLE ? 0.5 : 0.36) * y->size, y->rgb);
}

/* From an answer down to its validation accuracy and across to the optimum of its network. */
static void put_joints(FILE *gp, const acc_fps_series *s, const struct style *y)
{
    fprintf(gp,
            "using 1:4:(0):($2-$4) with vectors nohead lw 0.8 lc rgb '#90%s' notitle, \\\n"
            "     '' index %d using 1:2:($5-$1):(0) with vectors nohead dt 3 lw 1 lc rgb '#%s' "
            "notitle, \\\n"
            "     '' index %d using 5:2 with points pt %d ps %.3g*k lc rgb '#ffffff' notitle, \\\n"
            "     '' index %d using 5:2 with points pt %d ps %.3g*k lc rgb '#%s' notitle",
            y->rgb, s->index, y->rgb, s->index, y->filled, y->size, s->index, y->filled - 1,
            0.8 * y->size, y->rgb);
}

/* The answers themselves, with a white rim. */
static void put_answers(FILE *gp, const acc_fps_series *s, const struct style *y)
{
    fprintf(gp,
            "using 1:2 with points pt %d ps %.3g*k lc rgb '#ffffff' notitle, \\\n"
            "     '' index %d using 1:2:3 with yerrorbars pt %d ps %.3g*k lc rgb '#%s' notitle",
            y->filled, 1.3 * y->size, s->index, y->filled, y->size, y->rgb);
}

/* Layers from back to front, then the key. */
static void put_plot(FILE *gp, const acc_fps *f, size_t cell_index, const char *dat)
{
    static void (*const layer[])(FILE *, const acc_fps_series *,
                                 const struct style *) = {put_evaluated, put_joints, put_answers};
    const char *separator = "plot ";
    for (int pass = 0; pass < 3; pass++)
        for (size_t i = 0; i < f->n_series; i++) {
            const acc_fps_series *s = &f->series[i];
            if (s->cell != cell_index || (pass == 0) != (s->kind != ACC_FPS_ANSWER))
                continue;
            fputs(separator, gp);
            cs_figure_quote(gp, dat);
            fprintf(gp, " index %d ", s->index);
            layer[pass](gp, s, style_of(f, s->method));
            separator = ", \\\n     ";
        }
    for (size_t m = 0; m < f->n_methods; m++) {
        const struct style *y = style_of(f, m);
        fprintf(gp, "%skeyentry with points pt %d ps %.3g*k lc rgb '#%s' title ", separator,
                y->filled, y->size, y->rgb);
        separator = ", \\\n     ";
        cs_figure_quote(gp, f->methods[m]);
    }
    fputs("\n", gp);
}

static void put_panel(FILE *gp, const acc_fps *f, size_t cell_index, const char *dat)
{
    const acc_fps_cell *c = &f->cells[cell_index];
    const double lo = floor((c->acc_lo - 1.0) / 5.0) * 5.0,
                 hi = ceil((c->acc_hi + 1.0) / 5.0) * 5.0;
    fputc('\n', gp);
    put_title(gp, f, c);
    put_x_axis(gp, c->fps_lo, c->fps_hi, c->fps_min);
    fprintf(gp, "set yrange [%.6g:%.6g]\n", fmax(lo, 0.0), fmin(hi, 100.0));
    put_floor(gp, c->fps_min);
    put_plot(gp, f, cell_index, dat);
}

void acc_fps_write_script(FILE *gp, const acc_fps *f, const char *dat)
{
    const size_t columns = f->n_cells > 1 ? 2 : 1, rows = (f->n_cells + columns - 1) / columns;
    const size_t width = columns * PANEL_WIDTH, height = rows * PANEL_HEIGHT;
    fprintf(gp,
            "# Accuracy against throughput; made by 'cosearch plot acc-fps'. By hand, in this "
            "folder:\n#   gnuplot acc-fps.gp                        draws acc-fps.svg\n"
            "#   gnuplot -e \"format='png'\" acc-fps.gp      draws acc-fps.png\n"
            "if (!exists('format')) format = 'svg'\n"
            "if (format eq 'png') {\n"
            "    set terminal pngcairo enhanced size %zu,%zu font 'DejaVu Sans,13' fontscale 1.5 "
            "linewidth 2 pointscale 2\n    k = 1.0\n"
            "} else {\n"
            "    set terminal svg enhanced size %zu,%zu font 'DejaVu Sans,13' background "
            "'#ffffff'\n    k = 0.72 # the two terminals differ in the size of a point\n"
            "}\n"
            "set output 'acc-fps.'.format\n",
            2 * width, 2 * height, width, height);
    fputs("set encoding utf8\n"
          "set datafile missing '?'\n"
          "set tmargin 7.2\nset bmargin 5.8\nset lmargin 9\nset rmargin 3.5\n"
          "set xlabel 'throughput (images per second)' offset 0, 0.2\n"
          "set ylabel 'accuracy (%)'\n"
          "set border 3 lw 1 lc rgb '#404040'\n"
          "set tics nomirror out scale 0.6 textcolor rgb '#202020'\n"
          "set grid xtics ytics lc rgb '#e6e6e6' lw 0.8 lt 1\n"
          "set key bmargin center horizontal Left reverse "
          "samplen 0.6 width 1.5 noenhanced\n"
          "set errorbars 0\n",
          gp);
    if (f->n_cells > 1)
        fprintf(gp, "set multiplot layout %zu,%zu\n", rows, columns);
    for (size_t c = 0; c < f->n_cells; c++)
        put_panel(gp, f, c, dat);
    if (f->n_cells > 1)
        fputs("unset multiplot\n", gp);
}
