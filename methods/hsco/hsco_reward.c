#include "hsco.h"

#include <math.h>

static double busy(const cs_hw_metrics *hw)
{
    return isfinite(hw->utilization) ? hw->utilization : 0.0;
}

double hsco_reward_trained(const hsco_settings *settings, double acc, const cs_hw_metrics *hw)
{
    return settings->beta * acc + (1.0 - settings->beta) * busy(hw);
}

double hsco_reward_pruned(const hsco_settings *settings, double excess)
{
    return settings->pruned_reward == HSCO_PRUNED_FLAT ? -1.0 : -1.0 - excess / (1.0 + excess);
}

double hsco_reward_fast(double excess, const cs_hw_metrics *hw)
{
    return excess > 0.0 ? -excess / (1.0 + excess) : busy(hw);
}

double hsco_excess(const hsco_settings *settings, const cs_limits *limits, const cs_hw_metrics *hw)
{
    cs_limits wanted = *limits;
    wanted.fps_min = fmax(wanted.fps_min, settings->spec_fps);
    return cs_limits_excess(&wanted, hw);
}
