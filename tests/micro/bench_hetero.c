/* The heterogeneous accelerator: its exact solver, and two networks scheduled at once. */
#include "bench_hetero.h"

#include "micro.h"

#include "cosearch/hetero.h"
#include "cosearch/space.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct hetero_state {
    cs_space *space;
    cs_design design;
    cs_net net[2];
    cs_limits limits;
    cs_solution solution;
    cs_hetero_report report;
    cs_status status;
} hetero_state;

/* NASAIC's accelerator for its first workload, and two networks drawn from the space. */
static hetero_state *state_new(const char *hw)
{
    static const int32_t values[5] = {576, 0, 56, 1792, 1};
    hetero_state *s = calloc(1, sizeof *s);
    cs_error err = {""};
    cs_rng rng;
    size_t first, last;
    if (!s)
        return NULL;
    cs_rng_seed(&rng, 2);
    if (cs_space_new("fbnet:cifar", hw, 10, &s->space, &err) != CS_OK) {
        fprintf(stderr, "bench hw: %s\n", err.text);
        free(s);
        return NULL;
    }
    for (size_t i = 0; i < 2 && s->status == CS_OK; i++) {
        cs_space_sample(s->space, &rng, &s->design);
        s->status = cs_space_network(s->space, &s->design, &s->net[i]);
    }
    cs_space_group(s->space, CS_GROUP_ACCELERATOR, &first, &last);
    for (size_t i = first; i < last; i++) {
        const cs_decision *d = cs_space_decision(s->space, i);
        uint16_t c = 0;
        while (c + 1 < d->n_choices && d->value[c] != values[i - first])
            c++;
        s->design.choice[i] = c;
    }
    s->limits = CS_LIMITS_NONE;
    return s;
}

static double solve(void *context)
{
    hetero_state *s = context;
    s->status = cs_space_solve(s->space, &s->limits, &s->design, &s->solution, NULL);
    return 1.0;
}

static double two_networks(void *context)
{
    hetero_state *s = context;
    const cs_net *both[2] = {&s->net[0], &s->net[1]};
    size_t first, last;
    cs_space_group(s->space, CS_GROUP_ACCELERATOR, &first, &last);
    s->status = cs_hetero_evaluate(cs_space_hw_model(s->space), cs_space_hw_context(s->space), both,
                                   2, &s->design.choice[first], &s->limits, &s->report);
    return 1.0;
}

static void measure(const char *name, const char *hw, micro_work work, const char *unit)
{
    hetero_state *s = state_new(hw);
    char note[96] = "";
    if (!s)
        return;
    if (s->status == CS_OK)
        work(s);
    if (work == solve)
        snprintf(note, sizeof note, "%.4g J s, %s, %llu accelerators", s->solution.edp_js,
                 s->solution.proven ? "proven" : "not proven",
                 (unsigned long long)s->solution.designs);
    else if (s->status == CS_OK) { /* a limit that the heuristic has to work for */
        const double relaxed = s->report.total.latency_s;
        s->limits.latency_max_s = 0.8 * relaxed;
        work(s);
        snprintf(note, sizeof note, "%zu layers, limit %.4g ms %s", s->report.schedule.n,
                 0.8e3 * relaxed, s->report.schedule.feasible ? "kept" : "not kept");
    }
    const micro_case c = {"hw", name, 1, unit, note};
    if (s->status == CS_OK)
        micro_measure(&c, work, s, 5, 0.3);
    if (s->status != CS_OK)
        fprintf(stderr, "bench hw: %s: %s\n", name, cs_status_text(s->status));
    cs_space_free(s->space);
    free(s);
}

void bench_hetero(void)
{
    measure("asic_hetero_solver_ms", "asic-hetero", solve, "ms");
    measure("asic_hetero_published_solver_ms", "asic-hetero-published", solve, "ms");
    measure("hap_two_networks_ms", "asic-hetero", two_networks, "ms");
    measure("hap_published_two_networks_ms", "asic-hetero-published", two_networks, "ms");
}
