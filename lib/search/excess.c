#include "cosearch/search.h"

#include <math.h>

/* Counts for a quantity whose distance to its limit has no meaning. */
#define EXCESS_UNKNOWN 10.0

static double above(double value, double max)
{
    if (!(max < INFINITY) || value <= max)
        return 0.0;
    if (!isfinite(value) || max <= 0.0)
        return EXCESS_UNKNOWN;
    return log(value / max);
}

double cs_limits_excess(const cs_limits *limits, const cs_hw_metrics *metrics)
{
    double sum = 0.0;
    sum += above(metrics->dsp, limits->dsp_max);
    sum += above(metrics->bram, limits->bram_max);
    sum += above(metrics->edp_js, limits->edp_max_js);
    sum += above(metrics->latency_s, limits->latency_max_s);
    sum += above(metrics->energy_j, limits->energy_max_j);
    sum += above(metrics->area_mm2, limits->area_max_mm2);
    if (limits->fps_min > 0.0 && !(metrics->fps >= limits->fps_min)) {
        const bool known = isfinite(metrics->fps) && metrics->fps > 0.0;
        sum += known ? log(limits->fps_min / metrics->fps) : EXCESS_UNKNOWN;
    }
    if (metrics->overflow > 1.0)
        sum += log(metrics->overflow);
    return sum;
}
