/* Figure accel-convergence: best throughput found against samples, per accelerator search engine.
 * Drawn from what `cosearch engine` writes, not from a campaign. */
#ifndef CS_ACCEL_CONVERGENCE_H
#define CS_ACCEL_CONVERGENCE_H

#include "report/figure.h"

#define CS_ACCEL_CONVERGENCE_CSV "accel-convergence.csv"
/* best_fps: of the best design within the limits so far; empty while there is none. */
#define CS_ACCEL_CONVERGENCE_HEADER "platform,dsp_max,bram_max,engine,seed,sample,best_fps"

/* Its `campaign` is the folder of the CSV. */
extern const cs_figure cs_figure_accel_convergence;

/* Lower quartile, median and upper quartile of x, linearly interpolated; values that are no number
 * count as 0 (nothing found). Sorts x; n >= 1. */
void cs_quartiles(double *x, size_t n, double q[3]);

#endif
