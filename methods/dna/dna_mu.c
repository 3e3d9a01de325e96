/* The weight of the hardware's cost in the loss of alpha. */
#include "dna.h"

#include <math.h>

#define MU_MIN 1e-4 /* so that it can come back within a few epochs */
#define MU_MAX 1e6

static double ratio(double part, double whole)
{
    return isfinite(part) && isfinite(whole) && whole > 0.0 ? part / whole : 0.0;
}

double dna_pressure(const cs_limits *limits, const cs_hw_metrics *hw)
{
    double pressure = ratio(hw->edp_js, limits->edp_max_js);
    pressure = fmax(pressure, ratio(hw->latency_s, limits->latency_max_s));
    pressure = fmax(pressure, ratio(hw->energy_j, limits->energy_max_j));
    if (limits->fps_min > 0.0)
        pressure = fmax(pressure, ratio(limits->fps_min, hw->fps));
    return pressure;
}

/* Published: doubled above the window, halved below it. */
double dna_next_mu(const dna_settings *settings, const cs_limits *limits, const cs_hw_metrics *hw,
                   double cost, double mu)
{
    const bool window = settings->mu_rule == DNA_RULE_WINDOW;
    const double at = window ? cost : dna_pressure(limits, hw);
    const double high = window ? settings->window_high : settings->mu_high;
    const double low = window ? settings->window_low : settings->mu_low;
    const bool broken = !window && hw->violated != 0;
    if (broken || at > high)
        mu *= settings->mu_factor;
    else if (at > 0.0 && at < low)
        mu /= settings->mu_factor;
    return fmin(MU_MAX, fmax(MU_MIN, mu));
}
