#include "micro.h"

#include "core/csvio.h"
#include "run/env.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    int argc;
    char **argv;
    FILE *csv;
} micro;

double micro_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double micro_cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int micro_wanted(const char *group)
{
    return micro.argc < 3 || micro_named(group);
}

int micro_named(const char *group)
{
    for (int i = 2; i < micro.argc; i++)
        if (strcmp(micro.argv[i], group) == 0)
            return 1;
    return 0;
}

void micro_row(const micro_case *c, double median, double min, double max)
{
    cs_text row = {0};
    cs_csv_add_text(&row, c->group);
    cs_csv_add_text(&row, c->name);
    cs_csv_add_u64(&row, (uint64_t)c->threads);
    cs_csv_add_double(&row, median, 6);
    cs_csv_add_double(&row, min, 6);
    cs_csv_add_double(&row, max, 6);
    cs_csv_add_text(&row, c->unit);
    cs_csv_add_text(&row, c->note);
    cs_csv_end_row(&row);
    if (!row.failed)
        fwrite(row.data, 1, row.len, micro.csv);
    cs_text_free(&row);
    fflush(micro.csv);
    printf("%-8s %-44s %2d %12.6g %12.6g %12.6g %-16s %s\n", c->group, c->name, c->threads, median,
           min, max, c->unit, c->note ? c->note : "");
    fflush(stdout);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static micro_times time_by(double (*clock_now)(void), int rate, micro_work work, void *context,
                           int repeats, double min_seconds)
{
    double value[64];
    if (repeats > 64)
        repeats = 64;
    work(context); /* warm caches and page in */
    for (int r = 0; r < repeats; r++) {
        const double start = clock_now();
        double done = 0.0, now;
        int calls = 0;
        do {
            done += work(context);
            calls++;
            now = clock_now();
        } while (now - start < min_seconds);
        value[r] = rate ? done / (now - start) : 1e3 * (now - start) / calls;
    }
    qsort(value, (size_t)repeats, sizeof *value, by_value);
    return (micro_times){value[repeats / 2], value[0], value[repeats - 1]};
}

micro_times micro_time(int rate, micro_work work, void *context, int repeats, double min_seconds)
{
    return time_by(micro_now, rate, work, context, repeats, min_seconds);
}

static int is_rate(const micro_case *c)
{
    const size_t unit = strlen(c->unit);
    return unit > 6 && strcmp(c->unit + unit - 6, "_per_s") == 0;
}

void micro_measure(const micro_case *c, micro_work work, void *context, int repeats,
                   double min_seconds)
{
    const micro_times t = time_by(micro_now, is_rate(c), work, context, repeats, min_seconds);
    micro_row(c, t.median, t.min, t.max);
}

void micro_measure_cpu(const micro_case *c, micro_work work, void *context, int repeats,
                       double min_seconds)
{
    const micro_times t = time_by(micro_cpu_now, is_rate(c), work, context, repeats, min_seconds);
    micro_row(c, t.median, t.min, t.max);
}

/* Starts itself again with the BLAS kernel and thread count that a worker would have: OpenBLAS
 * reads both before main(). A kernel that is asked for already stays. */
static void pin_blas(char **argv)
{
    const char *core = cs_env_blas_core("auto");
    if (!core || getenv("OPENBLAS_CORETYPE") || setenv("OPENBLAS_CORETYPE", core, 1) != 0 ||
        setenv("OPENBLAS_NUM_THREADS", "1", 1) != 0)
        return;
    execv("/proc/self/exe", argv);
    perror("/proc/self/exe");
}

int main(int argc, char **argv)
{
    pin_blas(argv);
    if (argc >= 2 && strcmp(argv[1], "--step") == 0)
        return micro_step(argc, argv);
    if (argc >= 2 && strcmp(argv[1], "--supernet") == 0)
        return micro_supernet(argc, argv);
    if (argc < 2) {
        fprintf(stderr,
                "usage: %s OUTPUT.csv [GROUP...] | --step KERNEL BITS THREADS REPEATS |\n"
                "       --supernet SPACE SOURCE STEPS BATCH THREADS\n",
                argv[0]);
        return 2;
    }
    micro.argc = argc;
    micro.argv = argv;
    micro.csv = fopen(argv[1], "w");
    if (!micro.csv) {
        perror(argv[1]);
        return 4;
    }
    fputs("group,case,threads,median,min,max,unit,note\n", micro.csv);
    printf("%-8s %-44s %2s %12s %12s %12s %-16s %s\n", "group", "case", "th", "median", "min",
           "max", "unit", "note");
#define MICRO_BENCH(name)                                                                          \
    if (micro_wanted(#name))                                                                       \
        bench_##name();
#include "benches.def"
#undef MICRO_BENCH
    fclose(micro.csv);
    return 0;
}
