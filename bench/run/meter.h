/* Budgets of a search: what was used, what is allowed. */
#ifndef CS_BENCH_METER_H
#define CS_BENCH_METER_H

#include "cosearch/task.h"

/* Counters and limits of one run; +Inf: no limit. */
typedef struct cs_meters {
    double used[CS_METER_COUNT];
    double limit[CS_METER_COUNT];
} cs_meters;

/* "evals", "hw_queries", "samples", "mac", "cpu_s", "wall_s". */
const char *cs_meter_name(cs_meter meter);

/* Reads "mac:2.0e12": a countable meter (evals, hw_queries, samples, mac) and its limit, > 0. */
cs_status cs_meter_parse(const char *text, cs_meter *meter, double *limit, cs_error *err);

/* Fraction left of one meter, 1 to 0; CS_METER_COUNT: the smallest over all. */
double cs_meters_left(const cs_meters *meters, cs_meter meter);

/* First meter (the primary one before the others) whose limit is reached, or CS_METER_COUNT. */
cs_meter cs_meters_spent(const cs_meters *meters, cs_meter primary);

#endif
