#include "micro.h"

#include "core/csvio.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

micro_times micro_time(int rate, micro_work work, void *context, int repeats, double min_seconds)
{
    double value[64];
    if (repeats > 64)
        repeats = 64;
    work(context); /* warm caches and page in */
    for (int r = 0; r < repeats; r++) {
        const double start = micro_now();
        double done = 0.0, now;
        int calls = 0;
        do {
            done += work(context);
            calls++;
            now = micro_now();
        } while (now - start < min_seconds);
        value[r] = rate ? done / (now - start) : 1e3 * (now - start) / calls;
    }
    qsort(value, (size_t)repeats, sizeof *value, by_value);
    return (micro_times){value[repeats / 2], value[0], value[repeats - 1]};
}

void micro_measure(const micro_case *c, micro_work work, void *context, int repeats,
                   double min_seconds)
{
    const size_t unit = strlen(c->unit);
    const int rate = unit > 6 && strcmp(c->unit + unit - 6, "_per_s") == 0;
    const micro_times t = micro_time(rate, work, context, repeats, min_seconds);
    micro_row(c, t.median, t.min, t.max);
}

int main(int argc, char **argv)
{
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
