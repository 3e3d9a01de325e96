/* Small pieces of lib/search: excess over limits, memo of networks, mask of a joint space. */
#include "cosearch/search.h"
#include "run/task_config.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

Test(excess, adds_logarithms_of_what_is_broken)
{
    cs_limits limits = CS_LIMITS_NONE;
    const cs_hw_metrics hw = {.dsp = 200.0,
                              .bram = 50.0,
                              .fps = 25.0,
                              .latency_s = NAN,
                              .energy_j = NAN,
                              .edp_js = 4e-3,
                              .area_mm2 = NAN};
    cr_assert_eq(cs_limits_excess(&limits, &hw), 0.0);
    limits.dsp_max = 200.0;
    limits.bram_max = 50.0;
    limits.fps_min = 25.0;
    cr_assert_eq(cs_limits_excess(&limits, &hw), 0.0, "a limit that is just met is met");
    limits.dsp_max = 100.0;
    cr_assert_float_eq(cs_limits_excess(&limits, &hw), log(2.0), 1e-12);
    limits.fps_min = 75.0;
    cr_assert_float_eq(cs_limits_excess(&limits, &hw), log(2.0) + log(3.0), 1e-12);
    limits.edp_max_js = 1e-3;
    cr_assert_float_eq(cs_limits_excess(&limits, &hw), log(24.0), 1e-12);
    limits.latency_max_s = 1.0; /* limited, but the model has none */
    cr_assert_float_eq(cs_limits_excess(&limits, &hw), log(24.0) + 10.0, 1e-12);
}

Test(excess, is_zero_exactly_when_nothing_is_violated)
{
    cs_space *space;
    cs_rng rng;
    cs_rng_seed(&rng, 11);
    cr_assert_eq(cs_space_new("fbnet:micro", "fpga-chunk", 10, &space, NULL), CS_OK);
    cs_limits limits = CS_LIMITS_NONE;
    limits.dsp_max = 30.0;
    limits.fps_min = 600.0;
    limits.bram_max = 120.0;
    int inside = 0;
    for (int k = 0; k < 2000; k++) {
        cs_design d;
        cs_hw_report report;
        cs_space_sample(space, &rng, &d);
        cr_assert_eq(cs_space_cost(space, &d, &limits, &report), CS_OK);
        const double excess = cs_limits_excess(&limits, &report.total);
        cr_assert_eq(excess > 0.0, report.total.violated != 0, "excess %g, violated %u", excess,
                     (unsigned)report.total.violated);
        inside += excess <= 0.0;
    }
    cr_assert(inside > 50 && inside < 1950, "%d of 2000 inside", inside);
    cs_space_free(space);
}

Test(memo, knows_networks_not_accelerators)
{
    cs_space *space;
    cs_memo *memo, *copy;
    cs_rng rng;
    cs_design d, other;
    double acc = -1.0;
    cs_rng_seed(&rng, 12);
    cr_assert_eq(cs_space_new("fbnet:micro", "fpga-chunk", 10, &space, NULL), CS_OK);
    cr_assert_eq(cs_memo_new(space, &memo), CS_OK);
    cs_space_sample(space, &rng, &d);
    cr_assert_not(cs_memo_get(memo, &d, &acc));
    cr_assert_eq(acc, -1.0);
    cr_assert_eq(cs_memo_put(memo, &d, 0.5), CS_OK);
    other = d;
    cs_space_sample_group(space, &rng, CS_GROUP_ACCELERATOR, &other);
    cr_assert_not(cs_design_equal(space, &d, &other));
    cr_assert(cs_memo_get(memo, &other, &acc) && acc == 0.5);
    cr_assert_eq(cs_memo_put(memo, &other, 0.6), CS_OK);
    cr_assert_eq(cs_memo_size(memo), 1u);
    for (int k = 0; k < 300; k++) { /* past the first allocation */
        cs_space_sample(space, &rng, &other);
        cr_assert_eq(cs_memo_put(memo, &other, 0.1), CS_OK);
    }
    cr_assert_gt(cs_memo_size(memo), 200u);
    cs_memo_put(memo, &d, 0.7);
    cr_assert(cs_memo_get(memo, &d, &acc) && acc == 0.7);

    cs_sink *sink;
    cs_source *source;
    size_t n;
    cr_assert_eq(cs_sink_new(&sink), CS_OK);
    cr_assert_eq(cs_memo_save(memo, sink), CS_OK);
    const void *bytes = cs_sink_bytes(sink, &n);
    cr_assert_eq(cs_source_new(bytes, n, &source), CS_OK);
    cr_assert_eq(cs_memo_new(space, &copy), CS_OK);
    cr_assert_eq(cs_memo_load(copy, source), CS_OK);
    cr_assert_eq(cs_memo_size(copy), cs_memo_size(memo));
    cr_assert(cs_memo_get(copy, &d, &acc) && acc == 0.7);
    cr_assert_eq(cs_memo_load(copy, source), CS_EFORMAT, "nothing left to read");
    cs_source_free(source);
    cs_sink_free(sink);
    cs_memo_free(memo);
    cs_memo_free(copy);
    cs_memo_free(NULL);
    cs_space_free(space);
}

/* Blocks that are skipped without a convolution have no bitwidth to choose. */
Test(memo, inactive_bitwidths_are_no_other_network)
{
    cs_space *space;
    cs_memo *memo;
    cs_rng rng;
    cs_design d;
    bool active[CS_DECISIONS_MAX];
    size_t first, last, found = 0;
    cs_rng_seed(&rng, 13);
    cr_assert_eq(cs_space_new("fbnet:cifar", "fpga-chunk", 10, &space, NULL), CS_OK);
    cr_assert_eq(cs_memo_new(space, &memo), CS_OK);
    cs_space_group(space, CS_GROUP_BITWIDTH, &first, &last);
    cs_space_sample(space, &rng, &d);
    cs_space_active(space, &d, active);
    cr_assert_eq(cs_memo_put(memo, &d, 0.5), CS_OK);
    for (size_t i = first; i < last; i++) {
        double acc;
        cs_design e = d;
        e.choice[i] = (uint16_t)((d.choice[i] + 1) % cs_space_decision(space, i)->n_choices);
        cr_assert_eq(cs_memo_get(memo, &e, &acc), !active[i], "decision %zu", i);
        found += !active[i];
    }
    cr_assert_gt(found, 0u, "the sample has no skipped block: take another seed");
    cs_memo_free(memo);
    cs_space_free(space);
}

/* Sequences drawn under the mask are designs of the space in canonical form, and all choices are
 * reached. */
Test(space_mask, draws_canonical_designs)
{
    cs_space *space;
    cs_engine *engine;
    cs_controller *c;
    cs_rng rng;
    cs_space_mask state;
    uint16_t n_choices[CS_DECISIONS_MAX];
    size_t seen[CS_DECISIONS_MAX] = {0};
    cs_rng_seed(&rng, 5);
    cr_assert_eq(cs_space_new("fbnet:micro", "fpga-chunk:free", 10, &space, NULL), CS_OK);
    cr_assert_eq(cs_engine_new(1, &engine), CS_OK);
    const size_t n = cs_space_size(space);
    for (size_t i = 0; i < n; i++)
        n_choices[i] = cs_space_decision(space, i)->n_choices;
    const cs_controller_shape shape = {n_choices, n, 8, 8};
    cr_assert_eq(cs_controller_new(engine, &shape, &rng, &c), CS_OK);
    cs_space_mask_init(&state, space);
    const cs_mask mask = cs_space_mask_of(&state);
    for (int k = 0; k < 400; k++) {
        cs_design d = {.n = (uint16_t)n}, canonical;
        cs_error err = {""};
        cr_assert_eq(cs_controller_sample(c, &mask, &rng, 0, d.choice, NULL), CS_OK);
        cr_assert_eq(cs_space_check(space, &d, &err), CS_OK, "%s", err.text);
        cs_space_canonical(space, &d, &canonical);
        cr_assert_arr_eq(d.choice, canonical.choice, n * sizeof d.choice[0]);
        for (size_t i = 0; i < n; i++)
            seen[i] += d.choice[i] > 0;
    }
    for (size_t i = 0; i < n; i++)
        cr_assert(n_choices[i] == 1 || seen[i] > 0, "decision %zu (%s) is never but 0", i,
                  cs_space_decision(space, i)->name);
    cs_controller_free(c);
    cs_engine_free(engine);
    cs_space_free(space);
}
