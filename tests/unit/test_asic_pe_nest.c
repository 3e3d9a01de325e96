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

static void check_same(double fast, double general, const char *what, int i)
{
    cr_assert(test_relative(fast, general) < 1e-11 || fabs(fast - general) < 1e-9,
              "%s, case %d: %.17g, %.17g", what, i, fast, general);
}

/* The special code of the model against its definition through the general loop nest: whole and
 * padded nests, one and two groups, both strides, all templates and orders. */
Test(asic_pe_nest, fast_equals_the_general_nest)
{
    cs_rng rng;
    cs_rng_seed(&rng, 8);
    int whole = 0, groups = 0, bound[3] = {0};
    for (int i = 0; i < 60000; i++) {
        const size_t part = cs_rng_below(&rng, 2);
        const pe_unit unit = random_unit(&rng, part, 1 + cs_rng_below(&rng, 300),
                                         1 + cs_rng_below(&rng, i % 3 ? 60000 : 500));
        cs_conv c = random_conv(&rng, part == PE_DEPTHWISE);
        if (cs_rng_below(&rng, 4) == 0) { /* sizes that divide well */
            c.out_size = (uint16_t)(1u << cs_rng_below(&rng, 6));
            c.cin = (uint16_t)(c.groups * (1u << cs_rng_below(&rng, 7)));
            c.cout = (uint16_t)(c.groups * (1u << cs_rng_below(&rng, 7)));
            if (c.depthwise)
                c.cin = c.cout = c.groups = (uint16_t)(1u << cs_rng_below(&rng, 8));
            c.in_size = (uint16_t)(c.out_size * c.stride);
        }
        const cs_nest_arch arch = arch_for(&unit, &c, &c);
        const pe_bounds b = bounds_of(&unit, &c);
        const cs_nest_cost general = cost_of(&unit, &c, &arch);
        pe_nest_cost fast;
        asic_pe_nest_fast(&unit, &c, &b, &arch, &fast);
        double pj[CS_HW_LEVELS] = {[CS_HW_MAC] = general.mac_pj};
        for (int t = 0; t < CS_TENSORS; t++) {
            pj[CS_HW_DRAM] += general.flow[0][t].energy_pj;
            pj[CS_HW_GLB] += general.flow[1][t].energy_pj;
            pj[CS_HW_RF] += general.flow[2][t].energy_pj;
            pj[CS_HW_ARRAY] += general.flow[1][t].hop_pj;
        }
        for (size_t level = 0; level < CS_HW_LEVELS; level++)
            check_same(fast.pj[level], pj[level], cs_hw_level_names[level], i);
        check_same(fast.cycles, general.cycles, "cycles", i);
        check_same(fast.dram_bits, pj[CS_HW_DRAM] / CS_TECH_DRAM_PJ_BIT, "off-chip bits", i);
        whole += general.compute_cycles * general.units == general.macs;
        groups += c.groups == 2 && !c.depthwise;
        bound[general.bound + 1]++;
    }
    cr_assert(whole > 300 && groups > 5000 && bound[0] > 300 && bound[1] > 300 && bound[2] > 300,
              "%d %d, bound by %d %d %d", whole, groups, bound[0], bound[1], bound[2]);
}

/* On one accelerator, a layer with more channels, a larger map or more bits never takes less time
 * or energy. A longer kernel never takes less energy; time it may: rows that no longer fit the
 * array are walked from the buffer, whose port then reads overlapping inputs once (4 of 750,000
 * cases, by up to 5 %). */
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
        if ((b.cycles < a.cycles * (1 - slack) && grow != 3) ||
            b.energy_pj < a.energy_pj * (1 - slack)) {
            worse[grow]++;
            worst = fmax(worst, fmax(1 - b.cycles / a.cycles, 1 - b.energy_pj / a.energy_pj));
        }
    }
    for (size_t k = 0; k < 4; k++)
        cr_expect_eq(worse[k], 0, "more %s: %d of %d fell, by up to %g", what[k], worse[k], n[k],
                     worst);
}

/* ---- whole networks ---- */

/* Pipelining changes the interval and what burns during it, nothing else. */
Test(asic_pe_nest, pipelined_parts)
{
    cs_space *one = test_space("fbnet:cifar", "asic-pe");
    cs_space *two = test_space("fbnet:cifar", "asic-pe:pipelined");
    cs_hw_report *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    cr_assert(a && b);
    cs_rng rng;
    cs_rng_seed(&rng, 5);
    int dram = 0;
    for (int i = 0; i < 500; i++) {
        cs_design d;
        cs_space_sample(one, &rng, &d);
        cr_assert_eq(cs_space_cost(one, &d, NULL, a), CS_OK);
        cr_assert_eq(cs_space_cost(two, &d, NULL, b), CS_OK);
        cr_assert_eq(a->n_layers, b->n_layers);
        double slowest = 0, sum = 0, bits = 0;
        for (size_t k = 0; k < a->n_chunks; k++) {
            slowest = fmax(slowest, a->chunk[k].cycles);
            sum += a->chunk[k].cycles;
            bits += a->chunk[k].dram_bits;
        }
        const double interval = fmax(slowest, bits / a->dram_bits_per_cycle);
        cr_assert_lt(test_relative(a->interval_cycles, sum), 1e-12);
        cr_assert_lt(test_relative(b->interval_cycles, interval), 1e-12);
        cr_assert_eq(strcmp(b->bottleneck, "dram") == 0, interval > slowest);
        dram += interval > slowest;
        cr_assert_lt(test_relative(a->total.latency_s * 250e6, sum), 1e-12);
        cr_assert_eq(b->total.latency_s, fmax(a->total.latency_s, b->interval_cycles / 250e6));
        cr_assert_eq(a->total.area_mm2, b->total.area_mm2);
        for (size_t k = 0; k < a->n_layers; k++) {
            const cs_hw_layer_cost *x = &a->layer[k], *y = &b->layer[k];
            cr_assert_eq(x->cycles, y->cycles);
            for (size_t level = 0; level < CS_HW_STATIC; level++)
                cr_assert_eq(x->energy_j[level], y->energy_j[level]);
            cr_assert_lt(test_relative(y->energy_j[CS_HW_STATIC] * sum,
                                       x->energy_j[CS_HW_STATIC] * b->interval_cycles),
                         1e-9);
        }
    }
    cr_assert_gt(dram, 0);
    free(a);
    free(b);
    cs_space_free(one);
    cs_space_free(two);
}

/* Area and static power of what is built, from the numbers of hw_tech.h alone. */
Test(asic_pe_nest, area_and_static_power_by_hand)
{
    cs_rng rng;
    cs_rng_seed(&rng, 6);
    const pe_unit unit = random_unit(&rng, PE_STANDARD, 100, 20000);
    const pe_need need = {.buffer_bits = 8192.0 * 64, .operand_bits = 8, .sum_bits = 24};
    cs_nest_arch arch;
    asic_pe_nest_arch(&unit, &need, &arch);
    double pes = 1;
    for (size_t i = 0; i < PE_LOOPS; i++)
        pes *= unit.spatial[i];
    const double pe_um2 = 6350.0 / 16 + 278.0 * 24 / 32 + 5.98 * (8 + 8 + 24);
    const double area = (pes * pe_um2 * 1e-6 + 0.20905) * 1.2; /* 64 KiB, 64-bit port */
    cr_assert_lt(test_relative(cs_nest_area_mm2(&arch), area), 1e-9);
    cr_assert_lt(test_relative(arch.static_w, area * 0.215 / 12.25 * 1.25), 1e-9);
    cr_assert_lt(test_relative(arch.level[1].read_pj_bit[CS_TENSOR_W], 25.8695 / 64), 1e-9);
    cr_assert_lt(test_relative(arch.mul_pj / 16 + arch.add_pj * 24 / 32, 12.68 / 16 + 0.1575),
                 1e-9);
}

/* Layers that repeat are costed once: the copy is what a fresh evaluation gives. */
Test(asic_pe_nest, repeated_layers)
{
    static const pe_platform p = {.pes = 144, .buffer_bits = 2 * 1024 * 1024, .register_bits = 512};
    cs_hw_report *r = malloc(sizeof *r);
    cr_assert_not_null(r);
    cs_rng rng;
    cs_rng_seed(&rng, 7);
    cs_space *space = test_space("fbnet:cifar", "asic-pe");
    size_t first, last;
    cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &last);
    for (int i = 0; i < 200; i++) {
        cs_design d;
        cs_conv conv[6];
        cs_space_sample(space, &rng, &d);
        conv[0] = random_conv(&rng, false);
        conv[1] = random_conv(&rng, true);
        for (size_t k = 2; k < 6; k++) { /* one difference each, or none */
            conv[k] = conv[k % 2];
            conv[k].block = (int16_t)k;
        }
        conv[4].bits++;
        conv[5].kernel = (uint8_t)(conv[5].kernel + 2);
        asic_pe_nest_report(&p, false, conv, 6, &d.choice[first], NULL, r);
        for (size_t k = 0; k < 6; k++) {
            cr_assert_eq(r->layer[k].block, conv[k].block);
            cr_assert_eq(r->layer[k].bits, conv[k].bits);
            cr_assert_eq(r->layer[k].kernel, conv[k].kernel);
        }
        cr_assert_eq(r->layer[2].cycles, r->layer[0].cycles);
        cr_assert_eq(r->layer[3].energy_j[CS_HW_DRAM], r->layer[1].energy_j[CS_HW_DRAM]);
        cr_assert_gt(r->layer[4].energy_j[CS_HW_MAC], r->layer[0].energy_j[CS_HW_MAC]);
        cr_assert_gt(r->layer[5].energy_j[CS_HW_MAC], r->layer[1].energy_j[CS_HW_MAC]);
    }
    free(r);
    cs_space_free(space);
}
