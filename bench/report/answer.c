#include "report/answer.h"

#include "cosearch/space.h"
#include "datasets/dataset_access.h"
#include "registry.h"
#include "report/figure_file.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Classes of the row's data set; those of a 224-pixel space if it is not known here. */
static uint16_t classes_of(const cs_campaign *c, size_t row, const cs_net_space *space)
{
    const uint16_t classes = cs_dataset_classes(cs_campaign_text(c, row, "dataset"));
    return classes ? classes : space->input_size >= 224 ? 1000 : 10;
}

/* Cost of the row's design.txt. */
static cs_status cost_of(const cs_campaign *c, size_t row, cs_hw_report *report, cs_error *err)
{
    char path[700], space_name[64], hw_name[64], *text = NULL;
    const cs_net_space *net_space;
    cs_space *space = NULL;
    cs_design design;
    snprintf(path, sizeof path, "%s/runs/%s/design.txt", c->dir,
             cs_campaign_text(c, row, "run_id"));
    CS_TRY(cs_text_read_file(path, &text, NULL, err));
    text[strcspn(text, "\r\n")] = '\0';
    cs_status status = cs_design_names(text, space_name, hw_name, err);
    if (status == CS_OK)
        status = cs_net_space_named(space_name, &net_space, err);
    if (status == CS_OK)
        status = cs_space_new(space_name, hw_name, classes_of(c, row, net_space), &space, err);
    if (status == CS_OK)
        status = cs_design_parse(space, text, &design, err);
    if (status == CS_OK)
        status = cs_space_cost(space, &design, NULL, report);
    cs_space_free(space);
    free(text);
    return status;
}

static void describe(const cs_campaign *c, size_t row, cs_answer *out)
{
    snprintf(out->run_id, sizeof out->run_id, "%s", cs_campaign_text(c, row, "run_id"));
    snprintf(out->platform, sizeof out->platform, "%s", cs_campaign_text(c, row, "hw_model"));
    snprintf(out->heading, sizeof out->heading, "%s on %s, best answer (%s, run %s, %.1f %%)",
             cs_campaign_text(c, row, "dataset"), out->platform, cs_campaign_text(c, row, "method"),
             out->run_id, 100.0 * cs_campaign_double(c, row, "acc_test_mean"));
}

cs_status cs_answer_best(const char *campaign, cs_answer_filter filter, const char *missing,
                         cs_answer *out, cs_error *err)
{
    cs_campaign c;
    double best = -1.0;
    CS_TRY(cs_campaign_open(campaign, &c, err));
    cs_hw_report *report = malloc(sizeof *report);
    if (!report) {
        cs_campaign_close(&c);
        return cs_fail(err, CS_ENOMEM, "out of memory for a breakdown");
    }
    for (size_t row = 0; row < c.results.n_rows; row++) {
        const double acc = cs_campaign_double(&c, row, "acc_test_mean");
        if (!(acc > best) || cost_of(&c, row, report, NULL) != CS_OK || !filter(report))
            continue;
        best = acc;
        out->report = *report;
        describe(&c, row, out);
    }
    free(report);
    cs_campaign_close(&c);
    return best >= 0.0 ? CS_OK
                       : cs_fail(err, CS_EINFEASIBLE, "%s: nothing to draw: %s", campaign, missing);
}

void cs_answer_layer_label(const cs_hw_layer_cost *layer, char text[16])
{
    static const char *const edge[] = {"stem", "head", "fc"};
    if (layer->block < 0)
        snprintf(text, 16, "%s", edge[-layer->block - 1]);
    else
        snprintf(text, 16, "%d %s", layer->block + 1, layer->depthwise ? "dw" : "pw");
}

/* ---- files ---- */

cs_status cs_answer_write(const cs_answer *answer, const char *dat_path, const char *gp_path,
                          void (*write)(const cs_answer *, FILE *dat, FILE *gp,
                                        const char *dat_name),
                          cs_error *err)
{
    FILE *dat, *gp;
    const char *slash = strrchr(dat_path, '/');
    CS_TRY(cs_figure_open(dat_path, &dat, err));
    cs_status status = cs_figure_open(gp_path, &gp, err);
    if (status == CS_OK) {
        write(answer, dat, gp, slash ? slash + 1 : dat_path);
        status = cs_figure_close(gp, gp_path, CS_OK, err);
    }
    status = cs_figure_close(dat, dat_path, status, err);
    if (status != CS_OK) /* half a figure would be taken for one */
        unlink(dat_path);
    return status;
}

void cs_answer_head(FILE *gp, const char *figure, int width, int height)
{
    fprintf(
        gp,
        "# Made by 'cosearch plot %s'. By hand, in this folder:\n"
        "#   gnuplot %s.gp                        draws %s.svg\n"
        "#   gnuplot -e \"format='png'\" %s.gp      draws %s.png\n"
        "if (!exists('format')) format = 'svg'\n"
        "if (format eq 'png') set terminal pngcairo enhanced size %d,%d font 'DejaVu Sans,12' "
        "fontscale 1.5 linewidth 2 pointscale 2; else set terminal svg enhanced size %d,%d font "
        "'DejaVu Sans,12' background '#ffffff'\n"
        "set output '%s.'.format\n"
        "set encoding utf8\nset border 3 lc rgb '#606060'\nset tics nomirror\n"
        "set grid y lc rgb '#dddddd' lt 1 lw 0.6\n",
        figure, figure, figure, figure, figure, 2 * width, 2 * height, width, height, figure);
}
