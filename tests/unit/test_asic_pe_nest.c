/* DNA's accelerator space through loop nests. */
#include "cosearch/hw_tech.h"
#include "hw/asic_pe.h"
#include "hw_designs.h"

#include <math.h>
#include <stdlib.h>

/* A part of random choices with `pes` PEs and a buffer of `words` 16-bit words, twice. */
static pe_unit random_unit(cs_rng *rng, size_t part, double pes, double words)
{
    static const size_t choices[PE_PARTS][3] = {{4, 10, 6}, {3, 8, 5}}; /* NoC end, ratios end */
    uint16_t choice[42] = {0};
    uint16_t *c = part == PE_STANDARD ? choice : choice + 23;
    const size_t ratios = part == PE_STANDARD ? 10 : 8, places = choices[part][2];
    *c++ = (uint16_t)cs_rng_below(rng, 4);
    for (size_t i = 0; i < ratios; i++)
        *c++ = (uint16_t)cs_rng_below(rng, 10);
    for (size_t level = 0; level < PE_LEVELS; level++)
        for (uint32_t i = 0; i < places; i++)
            *c++ = (uint16_t)cs_rng_below(rng, i + 2);
    pe_unit unit;
    asic_pe_unit_decode(part, choice, &unit);
    unit.pes = pes;
    unit.buffer_bits = 32 * words;
    asic_pe_set_array(&unit, false);
    asic_pe_set_tile(&unit, words);
    return unit;
}

static cs_conv random_conv(cs_rng *rng, bool depthwise)
{
    const uint16_t channels = (uint16_t)(2 * (1 + cs_rng_below(rng, 100)));
    cs_conv c = {.kernel = (uint8_t)(1 + 2 * cs_rng_below(rng, 3)),
                 .stride = (uint8_t)(1 + cs_rng_below(rng, 2)),
                 .bits = (uint8_t)(1 + cs_rng_below(rng, 16)),
                 .depthwise = depthwise,
                 .groups = depthwise ? channels : (uint16_t)(1 + cs_rng_below(rng, 2)),
                 .cin = channels,
                 .cout = depthwise ? channels : (uint16_t)(2 * (1 + cs_rng_below(rng, 100))),
                 .out_size = (uint16_t)(1 + cs_rng_below(rng, 33))};
    c.in_size = (uint16_t)(c.out_size * c.stride);
    return c;
}

static pe_bounds bounds_of(const pe_unit *unit, const cs_conv *c)
{
    int32_t extent[PE_LOOPS];
    pe_bounds b;
    asic_pe_extents(c, extent);
    asic_pe_bounds_set(unit, extent, &b);
    return b;
}

static cs_nest_cost cost_of(const pe_unit *unit, const cs_conv *c, const cs_nest_arch *arch)
{
    const pe_bounds b = bounds_of(unit, c);
    cs_nest_cost cost;
    asic_pe_nest_cost(unit, c, &b, arch, &cost);
    return cost;
}

static cs_nest_arch arch_for(const pe_unit *unit, const cs_conv *a, const cs_conv *b)
{
    const pe_bounds x = bounds_of(unit, a), y = bounds_of(unit, b);
    pe_need need = {0};
    cs_nest_arch arch;
    asic_pe_nest_need(a, &x, &need);
    asic_pe_nest_need(b, &y, &need);
    asic_pe_nest_arch(unit, &need, &arch);
    cs_error err = {""};
    cr_assert_eq(cs_nest_arch_check(&arch, &err), CS_OK, "%s", err.text);
    return arch;
}

/* A layer fits what was built for it, covers its work and moves every word at least once. */
Test(asic_pe_nest, layers_fit_and_cover)
{
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        const size_t part = cs_rng_below(&rng, 2);
        const pe_unit unit =
            random_unit(&rng, part, 1 + cs_rng_below(&rng, 300), 100 + cs_rng_below(&rng, 60000));
        const cs_conv c = random_conv(&rng, part == PE_DEPTHWISE);
        const cs_nest_arch arch = arch_for(&unit, &c, &c);
        const cs_nest_cost cost = cost_of(&unit, &c, &arch);
        const double macs = (double)cs_conv_macs(&c);
        cr_assert_eq(cost.verdict, CS_NEST_FITS, "%d at level %d", cost.verdict, cost.level);
        cr_assert_lt(test_relative(cost.macs, macs), 1e-12);
        cr_assert_geq(cost.compute_cycles * cost.units_all, macs);
        cr_assert_geq(cost.cycles, cost.compute_cycles);
        cr_assert_leq(cost.units, cost.units_all * (1 + 1e-12));
        cr_assert_geq(cost.flow[0][CS_TENSOR_W].reads, (double)cs_conv_weights(&c) * (1 - 1e-9));
        const double outputs = (double)c.out_size * c.out_size * c.cout;
        cr_assert_geq(cost.flow[0][CS_TENSOR_O].updates, outputs * (1 - 1e-9));
        cr_assert(isfinite(cost.energy_pj) && cost.energy_pj > 0);
    }
}

/* Compute cycles are the trip counts of everything outside the array, groups included. */
Test(asic_pe_nest, compute_cycles_by_hand)
{
    cs_rng rng;
    cs_rng_seed(&rng, 2);
    for (int i = 0; i < 5000; i++) {
        const size_t part = cs_rng_below(&rng, 2);
        const pe_unit unit = random_unit(&rng, part, 100, 20000);
        const cs_conv c = random_conv(&rng, part == PE_DEPTHWISE);
        const cs_nest_arch arch = arch_for(&unit, &c, &c);
        const pe_bounds b = bounds_of(&unit, &c);
        double trips = part == PE_DEPTHWISE ? 1 : c.groups, width = 1;
        for (size_t k = 0; k < PE_LOOPS; k++) {
            trips *= b.loop[PE_BUFFER][k] * b.loop[PE_DRAM][k];
            width *= b.spatial[k];
        }
        const cs_nest_cost cost = cost_of(&unit, &c, &arch);
        cr_assert_eq(cost.compute_cycles, trips);
        cr_assert_leq(cost.units, width * (1 + 1e-12));
    }
}

/* Weights read from off-chip memory, counted by walking the off-chip loops: a tile is loaded
 * whenever it differs from the one before. Whole tiles only. */
static double walked_weights(const pe_unit *unit, const cs_conv *c, const pe_bounds *b)
{
    const int32_t *n = b->loop[PE_DRAM];
    int32_t at[PE_LOOPS] = {0};
    double tile = 1, loads = 0, last = -1;
    for (size_t i = 0; i < PE_LOOPS; i++)
        if (i == PE_CH_OUT || i == PE_CH_IN || i == PE_COL_KERNEL || i == PE_ROW_KERNEL)
            tile *= b->spatial[i] * b->loop[PE_BUFFER][i];
    for (uint16_t g = 0; g < (c->depthwise ? 1 : c->groups); g++)
        for (;;) {
            const double now =
                (((g * 65536.0 + at[PE_CH_OUT]) * 4096 + at[PE_CH_IN]) * 64 + at[PE_COL_KERNEL]) *
                    64 +
                at[PE_ROW_KERNEL];
            loads += now != last;
            last = now;
            size_t k = 0;
            while (k < unit->n_loops && ++at[unit->order[PE_DRAM][k]] == n[unit->order[PE_DRAM][k]])
                at[unit->order[PE_DRAM][k++]] = 0;
            if (k == unit->n_loops)
                break;
        }
    return tile * loads;
}

Test(asic_pe_nest, weight_traffic_equals_a_walk)
{
    cs_rng rng;
    cs_rng_seed(&rng, 3);
    int compared = 0, several = 0;
    for (int i = 0; i < 40000 && compared < 3000; i++) {
        const size_t part = cs_rng_below(&rng, 2);
        const pe_unit unit =
            random_unit(&rng, part, 1 + cs_rng_below(&rng, 60), 20 + cs_rng_below(&rng, 3000));
        const cs_conv c = random_conv(&rng, part == PE_DEPTHWISE);
        const pe_bounds b = bounds_of(&unit, &c);
        int32_t extent[PE_LOOPS];
        double steps = 1;
        bool whole = true;
        asic_pe_extents(&c, extent);
        for (size_t k = 0; k < PE_LOOPS; k++) {
            whole = whole && extent[k] == b.spatial[k] * b.loop[PE_BUFFER][k] * b.loop[PE_DRAM][k];
            steps *= b.loop[PE_DRAM][k];
        }
        if (!whole || steps > 1e5)
            continue;
        const cs_nest_arch arch = arch_for(&unit, &c, &c);
        const double walked = walked_weights(&unit, &c, &b);
        cr_assert_lt(test_relative(cost_of(&unit, &c, &arch).flow[0][CS_TENSOR_W].reads, walked),
                     1e-12);
        several += walked > (double)cs_conv_weights(&c);
        compared++;
    }
    cr_assert_geq(compared, 500);
    cr_assert_geq(several, 50);
}

/* On one accelerator, a layer with more channels, a larger map or more bits never takes less time
 * or energy; a longer kernel neither. */
Test(asic_pe_nest, growing_a_layer_never_helps)
{
    static const char *const what[] = {"bits", "channels", "size", "kernel"};
    cs_rng rng;
    cs_rng_seed(&rng, 4);
    int n[4] = {0}, worse[4] = {0};
    double worst = 0;
    for (int i = 0; i < 60000; i++) {
        const size_t part = cs_rng_below(&rng, 2);
        const pe_unit unit =
            random_unit(&rng, part, 1 + cs_rng_below(&rng, 300), 100 + cs_rng_below(&rng, 60000));
        const cs_conv c = random_conv(&rng, part == PE_DEPTHWISE);
        cs_conv d = c;
        const uint32_t grow = cs_rng_below(&rng, 4);
        switch (grow) {
        case 0: d.bits++; break;
        case 1:
            d.cin = (uint16_t)(d.cin + 2 * (1 + cs_rng_below(&rng, 8)));
            d.groups = d.depthwise ? d.cin : d.groups;
            d.cout = d.depthwise ? d.cin : d.cout;
            break;
        case 2:
            d.out_size = (uint16_t)(d.out_size + 1 + cs_rng_below(&rng, 8));
            d.in_size = (uint16_t)(d.out_size * d.stride);
            break;
        default: d.kernel = (uint8_t)(d.kernel + 2); break;
        }
        const cs_nest_arch arch = arch_for(&unit, &c, &d);
        const cs_nest_cost a = cost_of(&unit, &c, &arch), b = cost_of(&unit, &d, &arch);
        const double slack = 1e-12;
        n[grow]++;
        if (b.cycles < a.cycles * (1 - slack) || b.energy_pj < a.energy_pj * (1 - slack)) {
            worse[grow]++;
            worst = fmax(worst, fmax(1 - b.cycles / a.cycles, 1 - b.energy_pj / a.energy_pj));
        }
    }
    for (size_t k = 0; k < 4; k++)
        cr_expect_eq(worse[k], 0, "more %s: %d of %d fell, by up to %g", what[k], worse[k], n[k],
                     worst);
}
