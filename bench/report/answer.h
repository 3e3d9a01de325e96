/* The best answer of a campaign with its cost by layer: what the figures of an accelerator draw. */
#ifndef CS_ANSWER_H
#define CS_ANSWER_H

#include "cosearch/hw.h"
#include "report/campaign.h"
#include <stdio.h>

typedef struct cs_answer {
    char run_id[24], platform[48], heading[256]; /* "cifar10, asic-pe, run 00ab..., 86.1 %" */
    cs_hw_report report;
} cs_answer;

/* Whether a report has what the figure draws. */
typedef bool (*cs_answer_filter)(const cs_hw_report *report);

/* The answer with the highest test accuracy among those whose cost passes the filter. The cost is
 * computed anew from the run's design.txt. CS_EINFEASIBLE with `missing` as the reason if there is
 * none. */
cs_status cs_answer_best(const char *campaign, cs_answer_filter filter, const char *missing,
                         cs_answer *out, cs_error *err);

/* "3 dw": the place of a layer in the network. */
void cs_answer_layer_label(const cs_hw_layer_cost *layer, char text[16]);

/* Opens both files, hands them to `write` with the answer, closes them; leaves none behind after a
 * failure. `dat_name` is the data file without its folder. */
cs_status cs_answer_write(const cs_answer *answer, const char *dat_path, const char *gp_path,
                          void (*write)(const cs_answer *, FILE *dat, FILE *gp,
                                        const char *dat_name),
                          cs_error *err);

/* Terminal, fonts, grid and margins of a script; the name of the figure goes into its comments. */
void cs_answer_head(FILE *gp, const char *figure, int width, int height);

#endif
