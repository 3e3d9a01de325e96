/* `make bench`: measured rates and times, as rows of build/bench.csv. */
#ifndef CS_MICRO_H
#define CS_MICRO_H

#include <stdint.h>

/* One measurement: `run(context)` does the work once and returns how much of `unit` it was. */
typedef struct micro_case {
    const char *group, *name;
    int threads;
    const char *unit; /* "networks_per_s": work / seconds; "ms": milliseconds per run */
    const char *note; /* e.g. GFLOP/s, may be NULL */
} micro_case;

typedef double (*micro_work)(void *context);

/* Times `work` in `repeats` rounds of at least min_seconds each and adds a row (median, min, max).
 * If unit ends in "_per_s" the value is work/seconds, if it is "ms" milliseconds per call. */
void micro_measure(const micro_case *c, micro_work work, void *context, int repeats,
                   double min_seconds);
/* The same in CPU time of the process, which other load on the machine does not stretch: for work
 * of one thread. */
void micro_measure_cpu(const micro_case *c, micro_work work, void *context, int repeats,
                       double min_seconds);
typedef struct micro_times {
    double median, min, max;
} micro_times;
/* The same without a row: for a note that needs the result. rate: work/seconds, otherwise
 * milliseconds per call. */
micro_times micro_time(int rate, micro_work work, void *context, int repeats, double min_seconds);
/* Adds a row measured elsewhere. */
void micro_row(const micro_case *c, double median, double min, double max);

/* Monotonic seconds. */
double micro_now(void);
double micro_cpu_now(void); /* of the process */
/* Only groups named on the command line run; all if none is named. */
int micro_wanted(const char *group);

/* Whether a group was named: for those that take minutes. */
int micro_named(const char *group);
/* `--step KERNEL BITS THREADS REPEATS`: times of the reference stack, or of ResNet-20 if KERNEL is
 * `resnet20`, alone in a process; exit code. */
int micro_step(int argc, char **argv);
/* `--supernet SPACE SOURCE STEPS BATCH THREADS`, see full_size.c; exit code. */
int micro_supernet(int argc, char **argv);

/* One function per file bench_*.c, listed in benches.def. */
#define MICRO_BENCH(name) void bench_##name(void);
#include "benches.def"
#undef MICRO_BENCH

#endif
