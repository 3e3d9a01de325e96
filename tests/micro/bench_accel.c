/* The accelerator search engine: time of a call, and how near 2,000 samples come to the provable
 * optimum on random networks that no constant was chosen on. */
#include "bench_accel.h"

#include "cosearch/relax.h"
#include "example_net.h"
#include "micro.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct accel_state {
    cs_space *space;
    cs_limits limits;
    cs_design network;
    cs_rng rng;
    cs_accel_result result;
    cs_status status;
} accel_state;

static cs_status query(void *context, const cs_design *design, cs_hw_report *report)
{
    const accel_state *s = context;
    return cs_space_cost(s->space, design, &s->limits, report);
}

/* A whole call on a fresh engine. */
static double accel_call(void *context)
{
    accel_state *s = context;
    const cs_accel_options options = cs_accel_defaults(CS_ACCEL_GRADIENT, CS_ACCEL_INTERVAL);
    cs_accel *engine = NULL;
    cs_design design = s->network;
    cs_status status = cs_accel_new(s->space, &s->limits, &options, &engine);
    if (status == CS_OK)
        status = cs_accel_search(engine, &design, false, 2000, &s->rng, query, s, NULL, NULL,
                                 &s->result);
    cs_accel_free(engine);
    s->status = status;
    return 1.0;
}

static void measure_accel(void)
{
    accel_state s = {.limits = CS_LIMITS_NONE};
    char note[96];
    s.limits.dsp_max = 900.0;
    s.limits.bram_max = 700.0;
    cs_rng_seed(&s.rng, 1);
    s.status = cs_space_new("fbnet:cifar", "fpga-chunk-published", 10, &s.space, NULL);
    if (s.status == CS_OK)
        s.status = cs_design_parse_network(s.space, "fbnet:cifar|-|" EXAMPLE_NET, &s.network, NULL);
    if (s.status == CS_OK)
        accel_call(&s);
    snprintf(note, sizeof note, "CPU time; 22 blocks, %.2f FPS of 176.80", s.result.hw.fps);
    const micro_case c = {"search", "accel_engine_2000_samples_ms", 1, "ms", note};
    if (s.status == CS_OK)
        micro_measure_cpu(&c, accel_call, &s, 5, 0.2);
    if (s.status != CS_OK)
        fprintf(stderr, "bench search: accelerator engine: %s\n", cs_status_text(s.status));
    cs_space_free(s.space);
}

/* ---- fraction of the optimum ---- */

enum { NETWORKS = 20, FIRST_SEED = 5000 };

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Images per second found over the provable optimum; CS_EINFEASIBLE if nothing fits. */
static cs_status fraction(accel_state *s, uint64_t seed, double *out)
{
    cs_solution solution;
    cs_rng_seed(&s->rng, seed);
    cs_space_sample(s->space, &s->rng, &s->network);
    cs_design optimum = s->network;
    CS_TRY(cs_space_solve(s->space, &s->limits, &optimum, &solution, NULL));
    cs_rng_seed(&s->rng, 77);
    accel_call(s);
    *out = s->result.feasible ? s->result.hw.fps / solution.fps : 0.0;
    return s->status;
}

static void measure_fraction(const char *platform, double dsp)
{
    accel_state s = {.limits = CS_LIMITS_NONE};
    double value[NETWORKS];
    char name[64], note[96];
    size_t n = 0;
    s.limits.dsp_max = dsp;
    s.limits.bram_max = 700.0;
    cs_status status = cs_space_new("fbnet:cifar", platform, 10, &s.space, NULL);
    for (uint64_t i = 0; status == CS_OK && i < NETWORKS; i++) {
        status = fraction(&s, FIRST_SEED + i, &value[n]);
        n += status == CS_OK;
        status = status == CS_EINFEASIBLE ? CS_OK : status;
    }
    snprintf(name, sizeof name, "accel_%s_dsp%g", platform, dsp);
    snprintf(note, sizeof note, "images/s over the provable optimum, %zu random networks", n);
    const micro_case c = {"search", name, 1, "fraction", note};
    qsort(value, n, sizeof *value, ascending);
    if (status == CS_OK && n > 0)
        micro_row(&c, n % 2 ? value[n / 2] : 0.5 * (value[n / 2 - 1] + value[n / 2]), value[0],
                  value[n - 1]);
    else
        fprintf(stderr, "bench search: %s: %s\n", name, cs_status_text(status));
    cs_space_free(s.space);
}

void bench_accel_rows(void)
{
    static const char *const platforms[] = {"fpga-chunk-published", "fpga-chunk-published:free",
                                            "fpga-chunk", "fpga-chunk:free"};
    static const double dsp[] = {900.0, 120.0, 60.0};
    measure_accel();
    for (size_t p = 0; p < 4; p++)
        for (size_t d = 0; d < 3; d++)
            measure_fraction(platforms[p], dsp[d]);
}
