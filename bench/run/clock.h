/* Clocks: durations are CLOCK_MONOTONIC, CPU time is of the whole process. */
#ifndef CS_BENCH_CLOCK_H
#define CS_BENCH_CLOCK_H

#include <stddef.h>

double cs_clock_s(void);     /* monotonic seconds since some moment */
double cs_clock_cpu_s(void); /* CPU seconds of this process, all threads */
/* "2026-01-31T12:34:56Z", for the record only. */
void cs_clock_utc(char *text, size_t size);

#endif
