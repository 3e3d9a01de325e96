/* Figure energy-levels: where the energy of every layer of the best answer goes, by memory level.
 */
#include "report/answer.h"
#include "report/figure.h"
#include "report/figure_file.h"

#include <math.h>

static const char *const title[CS_HW_LEVELS] = {
    "multiply-accumulate", "registers", "array", "buffer", "DRAM", "static"};
static const char *const colour[CS_HW_LEVELS] = {"000000", "0072b2", "56b4e9",
                                                 "009e73", "d55e00", "cc79a7"};

static bool has_energy(const cs_hw_report *report)
{
    bool energy = report->n_layers > 0;
    for (size_t i = 0; i < report->n_layers; i++)
        energy = energy && isfinite(report->layer[i].energy_j[CS_HW_MAC]);
    return energy;
}

static void write_data(const cs_answer *a, FILE *dat)
{
    fprintf(dat, "# run %s on %s; microjoules per image\n# layer label", a->run_id, a->platform);
    for (int e = 0; e < CS_HW_LEVELS; e++)
        fprintf(dat, " %s", cs_hw_level_names[e]);
    fputc('\n', dat);
    for (size_t i = 0; i < a->report.n_layers; i++) {
        char label[16];
        cs_answer_layer_label(&a->report.layer[i], label);
        fprintf(dat, "%zu \"%s\"", i + 1, label);
        for (int e = 0; e < CS_HW_LEVELS; e++) {
            const double joules = a->report.layer[i].energy_j[e];
            fprintf(dat, " %.6g", isfinite(joules) ? 1e6 * joules : 0.0);
        }
        fputc('\n', dat);
    }
}

static void write_files(const cs_answer *a, FILE *dat, FILE *gp, const char *dat_name)
{
    write_data(a, dat);
    cs_answer_head(gp, "energy-levels", 1100, 520);
    fputs("set label 1 ", gp);
    cs_figure_quote(gp, a->heading);
    fputs(" at graph 0, graph 1 left offset 0, 1.2 noenhanced font 'DejaVu Sans Bold,15'\n", gp);
    fprintf(gp,
            "set style data histograms\nset style histogram rowstacked\nset style fill solid 1 "
            "noborder\nset boxwidth 0.82\nset ylabel 'energy per image (µJ)'\n"
            "set xlabel 'layers in network order: block and kind (pw standard or pointwise, dw "
            "depthwise)'\nset xtics rotate by 90 right font ',%d' scale 0\n"
            "set key bmargin center horizontal Left reverse samplen 1.2 width 1 maxrows 1\nset "
            "bmargin 7.5\nset yrange [0:*]\nset tmargin 4\nplot ",
            a->report.n_layers > 40 ? 7 : 11);
    for (int e = 0; e < CS_HW_LEVELS; e++) {
        if (e == 0)
            cs_figure_quote(gp, dat_name);
        else
            fputs(", \\\n     ''", gp);
        fprintf(gp, " using %d%s lc rgb '#%s' title '%s'", e + 3, e == 0 ? ":xtic(2)" : "",
                colour[e], title[e]);
    }
    fputc('\n', gp);
}

static cs_status prepare(const char *campaign, const char *dat_path, const char *gp_path,
                         cs_error *err)
{
    cs_answer answer;
    CS_TRY(cs_answer_best(campaign, has_energy,
                          "no answer on a platform with energy (asic-pe, asic-hetero)", &answer,
                          err));
    return cs_answer_write(&answer, dat_path, gp_path, write_files, err);
}

const cs_figure cs_figure_energy = {.name = "energy-levels",
                                    .summary =
                                        "energy of the best answer by layer and memory level",
                                    .prepare = prepare};
