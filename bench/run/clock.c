#include "run/clock.h"

#include <time.h>

static double read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double cs_clock_s(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double cs_clock_cpu_s(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void cs_clock_utc(char *text, size_t size)
{
    const time_t now = time(NULL);
    struct tm utc;
    text[0] = '\0';
    if (gmtime_r(&now, &utc))
        strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &utc);
}
