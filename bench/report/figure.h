/* Figures: a const table each and one line in figures.def. A figure reads a campaign folder and
 * writes NAME.dat (its numbers) and NAME.gp (a gnuplot script that draws them and can be run again
 * by hand); the picture is drawn by running gnuplot on the script. */
#ifndef CS_FIGURE_H
#define CS_FIGURE_H

#include "cosearch/status.h"
#include <stddef.h>

typedef struct cs_figure {
    const char *name;    /* "acc-fps"                      */
    const char *summary; /* one line                       */
    /* Writes the .dat and .gp files. `title` of the figure is made from the campaign. CS_EFORMAT,
     * CS_EMISMATCH for broken or newer results; CS_EINFEASIBLE if there is nothing to draw. */
    cs_status (*prepare)(const char *campaign, const char *dat_path, const char *gp_path,
                         cs_error *err);
} cs_figure;

extern const cs_figure *const cs_figures[]; /* ends with NULL */

/* CS_EUSAGE with the nearest name if unknown. */
cs_status cs_figure_named(const char *name, const cs_figure **out, cs_error *err);

/* Formats of cs_figure_draw, bits. */
enum { CS_FIGURE_SVG = 1u << 0, CS_FIGURE_PNG = 1u << 1 };

/* "svg,png" to bits. CS_EUSAGE for anything else. */
cs_status cs_figure_formats(const char *text, unsigned *out, cs_error *err);

/* Writes OUT/NAME.dat, OUT/NAME.gp and one picture per format; makes the folder if it is missing.
 * CS_EDATA if gnuplot is missing or fails, with its own first words. */
cs_status cs_figure_draw(const cs_figure *figure, const char *campaign, const char *out_dir,
                         unsigned formats, cs_error *err);

#endif
