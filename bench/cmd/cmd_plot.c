/* cosearch plot: figures of a campaign. */
#include "cli.h"
#include "report/campaign.h"
#include "report/figure.h"

#include <stdio.h>
#include <string.h>

static cs_status draw(const cs_args *args, const cs_figure *figure, const char *campaign,
                      const char *out, unsigned formats, cs_error *err)
{
    CS_TRY(cs_figure_draw(figure, campaign, out, formats, err));
    if (formats & CS_FIGURE_SVG)
        printf("%s/%s.svg\n", out, figure->name);
    if (formats & CS_FIGURE_PNG)
        printf("%s/%s.png\n", out, figure->name);
    if (cs_args_globals(args)->verbosity > 0)
        fprintf(stderr, "numbers: %s/%s.dat, script: %s/%s.gp\n", out, figure->name, out,
                figure->name);
    return CS_OK;
}

static cs_status run(const cs_args *args, int *exit_code, cs_error *err)
{
    const char *formats_text = cs_args_get(args, "format"), *out = cs_args_get(args, "out");
    const cs_figure *figure;
    char campaign[512], folder[600];
    unsigned formats;
    bool all = false;
    (void)exit_code;
    CS_TRY(cs_figure_formats(formats_text ? formats_text : "svg,png", &formats, err));
    for (size_t i = 0; i < cs_args_count(args); i++) /* names first: no half of the work */
        if (strcmp(cs_args_at(args, i), "all") == 0)
            all = true;
        else
            CS_TRY(cs_figure_named(cs_args_at(args, i), &figure, err));
    CS_TRY(cs_campaign_find(cs_args_globals(args)->results, cs_args_get(args, "campaign"), campaign,
                            sizeof campaign, err));
    snprintf(folder, sizeof folder, "%s/figures", campaign);
    for (size_t i = 0; all && cs_figures[i]; i++)
        CS_TRY(draw(args, cs_figures[i], campaign, out ? out : folder, formats, err));
    for (size_t i = 0; !all && i < cs_args_count(args); i++) {
        CS_TRY(cs_figure_named(cs_args_at(args, i), &figure, err));
        CS_TRY(draw(args, figure, campaign, out ? out : folder, formats, err));
    }
    return CS_OK;
}

static const cs_option options[] = {
    {"campaign", 0, "NAME", "campaign below the results folder, or a path with a slash", NULL},
    {"format", 0, "LIST", "svg, png or svg,png (default svg,png)", NULL},
    {"out", 0, "DIR", "folder of the files (default figures in the campaign's folder)", NULL},
    {NULL, 0, NULL, NULL, NULL}};

const cs_command cs_command_plot = {
    .name = "plot",
    .summary = "draw figures of a campaign: picture, numbers and gnuplot script",
    .synopsis = "FIGURE...|all",
    .min_args = 1,
    .max_args = -1,
    .options = options,
    .details =
        "Without --campaign the one whose results changed last is drawn. Pictures are listed\n"
        "on standard output; NAME.dat and NAME.gp are kept beside them, and\n"
        "'gnuplot NAME.gp' in that folder draws again. 'cosearch list figures' shows all.\n",
    .run = run};
