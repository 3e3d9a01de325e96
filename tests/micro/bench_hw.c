/* Rates of the cost models and times of the exact solver, on the example network of the authors'
 * model file (70 layers, CIFAR dimensions) and golden case A's accelerator. */
#include "bench_hetero.h"
#include "bench_nest.h"
#include "example_net.h"
#include "micro.h"

#include "cosearch/space.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CHUNKS(q)                                                                                  \
    "a0q" #q "=1:16:16:8:8:1:1:8:8 a1q" #q "=1:4:4:32:32:1:1:16:16 dwa0q" #q                       \
    "=1:16:16:8:1:8:1:8:1 dwa1q" #q "=1:4:4:32:1:4:1:16:1 "

typedef struct bench_state {
    cs_space *space;
    cs_design design;
    cs_net net;
    const uint16_t *choice;
    cs_limits limits;
    cs_hw_report report;
    cs_solution solution;
    cs_status status;
} bench_state;

static bench_state *state_new(const char *hw)
{
    bench_state *s = calloc(1, sizeof *s);
    char text[CS_DESIGN_TEXT_MAX];
    cs_error err = {""};
    size_t first, last;
    if (!s)
        return NULL;
    snprintf(text, sizeof text, "fbnet:cifar|%s|%s%s", hw, EXAMPLE_NET,
             CHUNKS(4) CHUNKS(6) CHUNKS(8));
    s->limits = CS_LIMITS_NONE;
    s->limits.dsp_max = 900.0;
    s->limits.bram_max = 700.0;
    if (cs_space_new("fbnet:cifar", hw, 10, &s->space, &err) != CS_OK ||
        cs_design_parse(s->space, text, &s->design, &err) != CS_OK ||
        cs_space_network(s->space, &s->design, &s->net) != CS_OK) {
        fprintf(stderr, "bench hw: %s\n", err.text);
        cs_space_free(s->space);
        free(s);
        return NULL;
    }
    cs_space_group(s->space, CS_GROUP_ACCELERATOR, &first, &last);
    s->choice = &s->design.choice[first];
    return s;
}

static void state_free(bench_state *s)
{
    if (s)
        cs_space_free(s->space);
    free(s);
}

static double evaluate(void *context)
{
    bench_state *s = context;
    const cs_hw_model *hw = cs_space_hw_model(s->space);
    const cs_hw_context *ctx = cs_space_hw_context(s->space);
    for (int i = 0; i < 1000 && s->status == CS_OK; i++)
        s->status = hw->evaluate(ctx, &s->net, s->choice, &s->limits, &s->report);
    return 1000.0;
}

static double solve(void *context)
{
    bench_state *s = context;
    s->status = cs_space_solve(s->space, &s->limits, &s->design, &s->solution, NULL);
    return 1.0;
}

/* The example network on accelerators drawn uniformly: their rate depends on the loops they have.
 */
enum { DRAWN = 64 };

typedef struct drawn_state {
    cs_space *space;
    cs_net net;
    cs_design accelerator[DRAWN];
    cs_hw_report report;
    cs_status status;
} drawn_state;

static drawn_state *drawn_new(const char *hw)
{
    drawn_state *s = calloc(1, sizeof *s);
    cs_design network;
    cs_rng rng;
    cs_error err = {""};
    if (!s)
        return NULL;
    cs_rng_seed(&rng, 1);
    if (cs_space_new("fbnet:cifar", hw, 10, &s->space, &err) != CS_OK ||
        cs_design_parse_network(s->space, "fbnet:cifar||" EXAMPLE_NET, &network, &err) != CS_OK ||
        cs_space_network(s->space, &network, &s->net) != CS_OK) {
        fprintf(stderr, "bench hw: %s\n", err.text);
        cs_space_free(s->space);
        free(s);
        return NULL;
    }
    for (size_t i = 0; i < DRAWN; i++)
        cs_space_sample(s->space, &rng, &s->accelerator[i]);
    return s;
}

static double evaluate_drawn(void *context)
{
    drawn_state *s = context;
    const cs_hw_model *hw = cs_space_hw_model(s->space);
    size_t first, last;
    cs_space_group(s->space, CS_GROUP_ACCELERATOR, &first, &last);
    for (int i = 0; i < 10 * DRAWN && s->status == CS_OK; i++)
        s->status = hw->evaluate(cs_space_hw_context(s->space), &s->net,
                                 &s->accelerator[i % DRAWN].choice[first], NULL, &s->report);
    return 10.0 * DRAWN;
}

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure_drawn(const char *name, const char *hw)
{
    enum { ROUNDS = 5, CALLS = 8 };
    drawn_state *s = drawn_new(hw);
    double rate[ROUNDS];
    char note[128];
    if (!s)
        return;
    for (int r = 0; r < ROUNDS; r++) {
        const double start = cpu_now();
        double n = 0.0;
        for (int i = 0; i < CALLS; i++)
            n += evaluate_drawn(s);
        rate[r] = n / (cpu_now() - start);
    }
    qsort(rate, ROUNDS, sizeof *rate, by_value);
    snprintf(note, sizeof note,
             "CPU seconds; %zu layers, %d drawn accelerators, energy by layer and level",
             s->report.n_layers, DRAWN);
    const micro_case c = {"hw", name, 1, "networks_per_s", note};
    if (s->status == CS_OK)
        micro_row(&c, rate[ROUNDS / 2], rate[0], rate[ROUNDS - 1]);
    else
        fprintf(stderr, "bench hw: %s: %s\n", name, cs_status_text(s->status));
    cs_space_free(s->space);
    free(s);
}

static void measure(const char *name, const char *hw, micro_work work, const char *unit)
{
    bench_state *s = state_new(hw);
    if (!s)
        return;
    char note[96];
    work(s);
    if (work == solve)
        snprintf(note, sizeof note, "%.2f FPS, bound %.2f, %s", s->solution.fps,
                 s->solution.bound_fps, s->solution.proven ? "proven" : "not proven");
    else
        snprintf(note, sizeof note, "%zu layers, every layer and chunk reported",
                 s->report.n_layers);
    const micro_case c = {"hw", name, 1, unit, note};
    if (s->status == CS_OK)
        micro_measure(&c, work, s, 5, 0.3);
    if (s->status != CS_OK)
        fprintf(stderr, "bench hw: %s: %s\n", name, cs_status_text(s->status));
    state_free(s);
}

void bench_hw(void)
{
    measure("fpga_chunk_published_networks_per_s", "fpga-chunk-published", evaluate,
            "networks_per_s");
    measure("fpga_chunk_networks_per_s", "fpga-chunk", evaluate, "networks_per_s");
    measure_drawn("asic_pe_networks_per_s", "asic-pe");
    measure_drawn("asic_pe_published_networks_per_s", "asic-pe-published");
    measure_drawn("asic_hetero_networks_per_s", "asic-hetero");
    measure_drawn("asic_hetero_published_networks_per_s", "asic-hetero-published");
    measure("exact_solver_ms", "fpga-chunk-published", solve, "ms");
    measure("exact_solver_free_ms", "fpga-chunk-published:free", solve, "ms");
    measure("exact_solver_corrected_ms", "fpga-chunk", solve, "ms");
    measure("exact_solver_corrected_free_ms", "fpga-chunk:free", solve, "ms");
    bench_nest();
    bench_hetero();
}
