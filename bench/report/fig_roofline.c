/* Figure roofline: attained rate of every layer of the best answer against its arithmetic
 * intensity, under the peaks of its sub-accelerators and the off-chip bandwidth (Williams et al.,
 * CACM 2009). */
#include "report/answer.h"
#include "report/figure.h"
#include "report/figure_file.h"

#include <math.h>

static bool has_traffic(const cs_hw_report *report)
{
    bool ok = report->n_layers > 0 && report->clock_hz > 0.0 && report->n_chunks > 0;
    for (size_t i = 0; i < report->n_layers; i++)
        ok = ok && report->layer[i].dram_bits > 0.0 && report->layer[i].cycles > 0.0;
    for (size_t i = 0; i < report->n_chunks; i++)
        ok = ok && report->chunk[i].macs_per_cycle > 0.0;
    return ok;
}

typedef struct span {
    double lo, hi, bottom;
} span;

/* Multiply-accumulates per byte off chip, and 10^9 of them per second. */
static span write_layers(const cs_answer *a, FILE *dat)
{
    const cs_hw_report *r = &a->report;
    span s = {INFINITY, 0.0, INFINITY};
    fprintf(dat,
            "# run %s on %s\n# MAC/byte GMAC/s depthwise layer label sub-accelerator peak_GMAC/s\n",
            a->run_id, a->platform);
    for (size_t i = 0; i < r->n_layers; i++) {
        const cs_hw_layer_cost *l = &r->layer[i];
        const double intensity = 8.0 * (double)l->macs / l->dram_bits;
        const double rate = 1e-9 * (double)l->macs / l->cycles * r->clock_hz;
        char label[16];
        cs_answer_layer_label(l, label);
        fprintf(dat, "%.6g %.6g %d %zu \"%s\" \"%s\" %.6g\n", intensity, rate, l->depthwise, i + 1,
                label, r->chunk[l->chunk].name,
                1e-9 * r->chunk[l->chunk].macs_per_cycle * r->clock_hz);
        s.lo = fmin(s.lo, intensity);
        s.hi = fmax(s.hi, intensity);
        s.bottom = fmin(s.bottom, rate);
    }
    return s;
}

/* Intensity at which the picture ends. */
static double right_end(const cs_answer *a, span s, double top)
{
    const double slope = 1e-9 * a->report.dram_bits_per_cycle / 8.0 * a->report.clock_hz;
    return 2.0 * fmax(s.hi, isfinite(slope) ? top / slope : 0.0);
}

/* Bandwidth roof up to each peak, then the peak: three points per sub-accelerator. */
static double write_roofs(const cs_answer *a, span s, FILE *dat)
{
    const cs_hw_report *r = &a->report;
    const double slope = 1e-9 * r->dram_bits_per_cycle / 8.0 * r->clock_hz; /* GB/s */
    double top = 0.0;
    for (size_t i = 0; i < r->n_chunks; i++)
        top = fmax(top, 1e-9 * r->chunk[i].macs_per_cycle * r->clock_hz);
    fputs("\n\n# roofs: MAC/byte GMAC/s\n", dat);
    for (size_t i = 0; i < r->n_chunks; i++) {
        const double peak = 1e-9 * r->chunk[i].macs_per_cycle * r->clock_hz;
        if (isfinite(slope))
            fprintf(dat, "%.6g %.6g\n", s.lo / 2.0, fmin(peak, slope * s.lo / 2.0));
        fprintf(dat, "%.6g %.6g\n%.6g %.6g\n\n", isfinite(slope) ? peak / slope : s.lo / 2.0, peak,
                right_end(a, s, top), peak);
    }
    return top;
}

static void write_files(const cs_answer *a, FILE *dat, FILE *gp, const char *dat_name)
{
    const span s = write_layers(a, dat);
    const double top = write_roofs(a, s, dat);
    cs_answer_head(gp, "roofline", 800, 560);
    fputs("set label 1 ", gp);
    cs_figure_quote(gp, a->heading);
    fprintf(gp,
            " at graph 0, graph 1 left offset 0, 1.2 noenhanced font 'DejaVu Sans Bold,13'\n"
            "set logscale xy\nset grid x y lc rgb '#dddddd' lt 1 lw 0.6\n"
            "set xlabel 'arithmetic intensity (MAC per byte off chip)'\n"
            "set ylabel 'attained (10^9 MAC/s)'\nset key bmargin center horizontal Left reverse "
            "samplen 1.5 width 1.5 maxrows 1 font ',10'\nset bmargin 5.5\n"
            "set xrange [%.6g:%.6g]\nset yrange [%.6g:%.6g]\nset tmargin 4\n",
            s.lo / 2.0, right_end(a, s, top), s.bottom / 2.0, 2.0 * top);
    fputs("plot ", gp);
    cs_figure_quote(gp, dat_name);
    fputs(
        " index 1 using 1:2 with lines lc rgb '#606060' lw 1.4 title 'roofs: bandwidth, peaks of "
        "the sub-accelerators', \\\n     '' index 0 using ($3==0?$1:1/0):2 with points pt 7 ps 0.9 "
        "lc rgb '#0072b2' title 'standard and pointwise layers', \\\n     '' index 0 using "
        "($3==1?$1:1/0):2 with points pt 9 ps 1.1 lc rgb '#d55e00' title 'depthwise layers'\n",
        gp);
}

static cs_status prepare(const char *campaign, const char *dat_path, const char *gp_path,
                         cs_error *err)
{
    cs_answer answer;
    CS_TRY(cs_answer_best(campaign, has_traffic,
                          "no answer on a platform that counts off-chip traffic of every layer",
                          &answer, err));
    return cs_answer_write(&answer, dat_path, gp_path, write_files, err);
}

const cs_figure cs_figure_roofline = {
    .name = "roofline",
    .summary = "rate of every layer of the best answer under the roofs of its accelerator",
    .prepare = prepare};
