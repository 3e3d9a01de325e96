#include "run/meter.h"

#include "core/text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {"evals", "hw_queries", "samples", "mac",
                                    "cpu_s", "wall_s",     NULL};

const char *cs_meter_name(cs_meter meter)
{
    return meter < CS_METER_COUNT ? names[meter] : "";
}

cs_status cs_meter_parse(const char *text, cs_meter *meter, double *limit, cs_error *err)
{
    char word[32];
    const char *colon = strchr(text, ':');
    double value;
    if (!colon || (size_t)(colon - text) >= sizeof word || !cs_text_double(colon + 1, &value) ||
        !(value > 0.0))
        return cs_fail(err, CS_EUSAGE,
                       "budget '%s' is not METER:LIMIT with a limit above 0, such as mac:2.0e12",
                       text);
    memcpy(word, text, (size_t)(colon - text));
    word[colon - text] = '\0';
    for (cs_meter m = CS_METER_EVALS; m <= CS_METER_MACS; m++)
        if (strcmp(word, names[m]) == 0) {
            *meter = m;
            *limit = value;
            return CS_OK;
        }
    return cs_fail(err, CS_EUSAGE,
                   "budget '%s': meter '%s' is not one of evals, hw_queries, samples, mac", text,
                   word);
}

double cs_meters_left(const cs_meters *meters, cs_meter meter)
{
    if (meter < CS_METER_COUNT) {
        if (!isfinite(meters->limit[meter]))
            return 1.0;
        return fmin(1.0, fmax(0.0, 1.0 - meters->used[meter] / meters->limit[meter]));
    }
    double least = 1.0;
    for (cs_meter m = 0; m < CS_METER_COUNT; m++)
        least = fmin(least, cs_meters_left(meters, m));
    return least;
}

cs_meter cs_meters_spent(const cs_meters *meters, cs_meter primary)
{
    if (meters->used[primary] >= meters->limit[primary])
        return primary;
    for (cs_meter m = 0; m < CS_METER_COUNT; m++)
        if (meters->used[m] >= meters->limit[m])
            return m;
    return CS_METER_COUNT;
}
