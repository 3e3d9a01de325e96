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

/* Every figure for which the campaign has something to draw; there must be one. */
static cs_status draw_all(const cs_args *args, const char *campaign, const char *out,
                          unsigned formats, cs_error *err)
{
    size_t drawn = 0;
    cs_error why, first = {""};
    for (size_t i = 0; cs_figures[i]; i++) {
        const cs_status status = draw(args, cs_figures[i], campaign, out, formats, &why);
        if (status != CS_OK && status != CS_EINFEASIBLE)
            return cs_fail(err, status, "%s", why.text);
        drawn += status == CS_OK;
        if (status != CS_OK && !*first.text)
            first = why;
        if (status != CS_OK && cs_args_globals(args)->verbosity > 0)
            fprintf(stderr, "%s\n", why.text);
    }
    return drawn ? CS_OK : cs_fail(err, CS_EINFEASIBLE, "%s", first.text);
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
    if (all)
        CS_TRY(draw_all(args, campaign, out ? out : folder, formats, err));
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
