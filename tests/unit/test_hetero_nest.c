/* Schedules of the heterogeneous accelerator's units: they fit, and cost what they should. */
#include "hw/hetero_model.h"

#include "hw_designs.h"

static cs_conv conv(uint16_t cin, uint16_t cout, uint8_t kernel, uint16_t size)
{
    return (cs_conv){.kernel = kernel,
                     .stride = 1,
                     .bits = 8,
                     .groups = 1,
                     .cin = cin,
                     .cout = cout,
                     .in_size = size,
                     .out_size = size};
}

/* Whatever the layer and the unit: the schedule fits, its cost is finite, and fewer bits never cost
 * more in anything. */
Test(hetero_nest, every_schedule_fits)
{
    cs_rng rng;
    cs_rng_seed(&rng, 60);
    for (int i = 0; i < 20000; i++) {
        const hetero_unit unit = {0, (uint8_t)cs_rng_below(&rng, 3),
                                  (int32_t)(32 * (1 + cs_rng_below(&rng, 128))),
                                  (int32_t)(8 * (1 + cs_rng_below(&rng, 8)))};
        const bool depthwise = cs_rng_below(&rng, 3) == 0;
        cs_conv a =
            conv((uint16_t)(1 + cs_rng_below(&rng, 1500)), (uint16_t)(1 + cs_rng_below(&rng, 1500)),
                 (uint8_t)(1 + 2 * cs_rng_below(&rng, 4)), 1);
        hetero_engine e;
        hetero_cost wide, narrow;
        cs_nest_layer layer;
        cs_nest_mapping mapping;
        cs_nest_cost cost;
        a.stride = (uint8_t)(1 + cs_rng_below(&rng, 2));
        a.out_size = (uint16_t)(1 + cs_rng_below(&rng, cs_rng_below(&rng, 2) ? 16 : 224));
        a.bits = (uint8_t)(2 + cs_rng_below(&rng, 7));
        a.depthwise = depthwise;
        if (depthwise)
            a.groups = a.cout = a.cin;
        hetero_nest_build(&unit, 8, &e);
        hetero_nest_layer(&a, &layer);
        hetero_nest_mapping(&e, &layer, &mapping);
        cr_assert_eq(cs_nest_evaluate(&layer, &e.arch, &mapping, &cost), CS_OK,
                     "verdict %d: %s, %d PEs, %u -> %u channels, kernel %u, map %u", cost.verdict,
                     hetero_unit_name(&unit), unit.pes, a.cin, a.cout, a.kernel, a.out_size);
        cr_assert_eq(cost.macs, (double)cs_conv_macs(&a));
        hetero_nest_cost(&e, &a, &wide);
        a.bits--;
        hetero_nest_cost(&e, &a, &narrow);
        cr_assert(isfinite(wide.cycles) && wide.cycles * unit.pes >= cost.macs);
        cr_assert(narrow.cycles <= wide.cycles && narrow.dram_bits <= wide.dram_bits);
        for (int l = 0; l < CS_HW_LEVELS; l++)
            cr_assert(narrow.energy_j[l] <= wide.energy_j[l]);
    }
}

/* More channels, pixels or taps seldom cost less: fixed tiles may divide a larger layer better. */
Test(hetero_nest, growing_a_layer_seldom_helps)
{
    enum { CASES = 20000 };
    int faster = 0, thriftier = 0;
    cs_rng rng;
    cs_rng_seed(&rng, 62);
    for (int i = 0; i < CASES; i++) {
        const hetero_unit unit = {0, (uint8_t)cs_rng_below(&rng, 3),
                                  (int32_t)(32 * (1 + cs_rng_below(&rng, 128))),
                                  (int32_t)(8 * (1 + cs_rng_below(&rng, 8)))};
        const bool depthwise = cs_rng_below(&rng, 3) == 0;
        const uint32_t grow = cs_rng_below(&rng, 4);
        cs_conv layer[2] = {conv(
            (uint16_t)(1 + cs_rng_below(&rng, 1200)), (uint16_t)(1 + cs_rng_below(&rng, 1200)),
            (uint8_t)(1 + 2 * cs_rng_below(&rng, 3)), (uint16_t)(1 + cs_rng_below(&rng, 100)))};
        double cycles[2], energy[2] = {0};
        hetero_engine e;
        layer[1] = layer[0];
        layer[1].cin = (uint16_t)(layer[1].cin + (grow == 0 ? 1 + cs_rng_below(&rng, 20) : 0));
        layer[1].cout = (uint16_t)(layer[1].cout + (grow == 1 ? 1 + cs_rng_below(&rng, 20) : 0));
        layer[1].out_size =
            (uint16_t)(layer[1].out_size + (grow == 2 ? 1 + cs_rng_below(&rng, 9) : 0));
        layer[1].kernel = (uint8_t)(layer[1].kernel + (grow == 3 ? 2 : 0));
        hetero_nest_build(&unit, 8, &e);
        for (int k = 0; k < 2; k++) {
            hetero_cost c;
            layer[k].depthwise = depthwise;
            if (depthwise)
                layer[k].groups = layer[k].cout = layer[k].cin;
            hetero_nest_cost(&e, &layer[k], &c);
            cycles[k] = c.cycles;
            for (int l = 0; l < CS_HW_LEVELS; l++)
                energy[k] += c.energy_j[l];
        }
        cr_assert(cycles[1] > 0.25 * cycles[0] && energy[1] > 0.25 * energy[0]);
        faster += cycles[1] < cycles[0] * (1 - 1e-9);
        thriftier += energy[1] < energy[0] * (1 - 1e-9);
    }
    cr_assert_lt(faster, CASES / 50);
    cr_assert_lt(thriftier, CASES / 200);
}

/* More bandwidth never slows a layer down and never changes its energy. */
Test(hetero_nest, bandwidth_only_helps)
{
    cs_rng rng;
    cs_rng_seed(&rng, 61);
    for (int i = 0; i < 3000; i++) {
        const hetero_unit a = {0, (uint8_t)cs_rng_below(&rng, 3),
                               (int32_t)(32 * (1 + cs_rng_below(&rng, 128))),
                               (int32_t)(8 * (1 + cs_rng_below(&rng, 7)))};
        hetero_unit b = a;
        const cs_conv layer =
            conv((uint16_t)(1 + cs_rng_below(&rng, 600)), (uint16_t)(1 + cs_rng_below(&rng, 600)),
                 (uint8_t)(1 + 2 * cs_rng_below(&rng, 3)), (uint16_t)(1 + cs_rng_below(&rng, 64)));
        hetero_engine engine[2];
        hetero_cost cost[2];
        b.gbs += 8;
        hetero_nest_build(&a, 8, &engine[0]);
        hetero_nest_build(&b, 8, &engine[1]);
        for (int k = 0; k < 2; k++)
            hetero_nest_cost(&engine[k], &layer, &cost[k]);
        cr_assert_leq(cost[1].cycles, cost[0].cycles);
        cr_assert_eq(cost[1].dram_bits, cost[0].dram_bits);
        cr_assert_eq(cost[1].energy_j[CS_HW_RF], cost[0].energy_j[CS_HW_RF]);
        cr_assert_eq(cost[1].energy_j[CS_HW_GLB], cost[0].energy_j[CS_HW_GLB]);
    }
}
