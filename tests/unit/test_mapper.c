/* The mapper against enumerations, and its contract. */
#include "cosearch/mapper.h"
#include "tests/nest_layers.h"

#include <criterion/criterion.h>
#include <string.h>

Test(mapper, descent_is_near_the_enumerated_optimum)
{
    static const char *const small[] = {"alexnet.conv3", "resnet18.conv5_x",
                                        "mobilenetv2.depthwise", "resnet18.conv3_ds"};
    cs_nest_arch arch;
    cs_map_space space;
    enumerable_space(&arch, &space);
    for (size_t i = 0; i < KNOWN_LAYERS; i++) {
        const cs_nest_layer *layer = &known_layers[i].layer;
        cs_map_result best, pruned, found, random;
        bool wanted = false;
        for (size_t k = 0; k < sizeof small / sizeof *small; k++)
            wanted = wanted || strcmp(small[k], known_layers[i].name) == 0;
        if (!wanted)
            continue;
        cs_map_config config = {CS_MAP_ENERGY, CS_MAP_EXHAUSTIVE, 0, 1};
        cr_assert_eq(cs_map_search(layer, &arch, &space, &config, &best, NULL), CS_OK);
        cr_assert(best.complete);
        config.method = CS_MAP_PRUNED;
        cr_assert_eq(cs_map_search(layer, &arch, &space, &config, &pruned, NULL), CS_OK);
        cr_assert(pruned.complete);
        config.method = CS_MAP_DESCENT;
        config.evaluations_max = 30000;
        cr_assert_eq(cs_map_search(layer, &arch, &space, &config, &found, NULL), CS_OK);
        config.method = CS_MAP_RANDOM;
        cr_assert_eq(cs_map_search(layer, &arch, &space, &config, &random, NULL), CS_OK);
        cr_assert_geq(pruned.value, best.value * (1.0 - 1e-12));
        cr_assert_geq(found.value, best.value * (1.0 - 1e-12), "%s: below the optimum",
                      known_layers[i].name);
        cr_assert_leq(found.value, 1.02 * best.value, "%s: %g, optimum %g", known_layers[i].name,
                      found.value, best.value);
        cr_assert_leq(pruned.value, 1.02 * best.value);
        cr_assert_geq(random.value, best.value * (1.0 - 1e-12));
        cr_assert(found.evaluations <= 30000 && !found.complete);
    }
}

Test(mapper, results_are_mappings_that_fit_and_repeat)
{
    for (const cs_nest_preset *p = cs_nest_presets; p->name; p++) {
        cs_nest_arch arch;
        cs_map_space space;
        p->build(&arch, &space);
        cr_assert_eq(cs_nest_arch_check(&arch, NULL), CS_OK, "%s", p->name);
        cr_assert_eq(cs_nest_preset_find(p->name), p);
        for (size_t i = 0; i < KNOWN_LAYERS; i++) {
            const cs_map_config config = {CS_MAP_EDP, CS_MAP_DESCENT, 3000, i};
            cs_map_result a, b;
            cs_nest_cost again;
            cs_error err = {""};
            cr_assert_eq(cs_map_search(&known_layers[i].layer, &arch, &space, &config, &a, &err),
                         CS_OK, "%s on %s: %s", known_layers[i].name, p->name, err.text);
            cs_map_search(&known_layers[i].layer, &arch, &space, &config, &b, NULL);
            cr_assert_eq(memcmp(&a.mapping, &b.mapping, sizeof a.mapping), 0);
            cr_assert_eq(a.value, b.value);
            cr_assert_eq(cs_nest_evaluate(&known_layers[i].layer, &arch, &a.mapping, &again),
                         CS_OK);
            cr_assert_eq(cs_map_value(CS_MAP_EDP, &again), a.value);
            cr_assert_eq(again.energy_pj * again.cycles, a.value);
            cr_assert_leq(a.evaluations, 3000);
        }
    }
    cr_assert_null(cs_nest_preset_find("abacus"));
}

/* More memory and more bandwidth cannot hurt the best mapping of an enumerated space. */
Test(mapper, more_hardware_is_never_worse)
{
    const cs_nest_layer layer = {
        .extent = {1, 1, 8, 6, 4, 4, 3, 3}, .stride = 1, .bits = {8, 8, 16}};
    cs_nest_arch arch;
    cs_map_space space;
    enumerable_space(&arch, &space);
    arch.level[1].mesh_x = arch.level[1].mesh_y = 2;
    arch.static_w = 0.0;
    double before[3] = {INFINITY, INFINITY, INFINITY};
    for (double capacity = 64.0; capacity <= 4096.0; capacity *= 2.0) {
        arch.level[1].capacity_bits = 4.0 * capacity;
        arch.level[2].capacity_bits = capacity;
        for (int objective = CS_MAP_ENERGY; objective <= CS_MAP_EDP; objective++) {
            const cs_map_config config = {(cs_map_objective)objective, CS_MAP_EXHAUSTIVE, 0, 0};
            cs_map_result r;
            cs_status status = cs_map_search(&layer, &arch, &space, &config, &r, NULL);
            cr_assert(status == CS_OK || (status == CS_EINFEASIBLE && isinf(before[objective])));
            if (status != CS_OK)
                continue;
            cr_assert(r.complete);
            cr_assert_leq(r.value, before[objective]);
            before[objective] = r.value;
        }
    }
    cr_assert(isfinite(before[0]), "some memory is enough");
    for (double bandwidth = 8.0; bandwidth <= 512.0; bandwidth *= 4.0) {
        const cs_map_config config = {CS_MAP_LATENCY, CS_MAP_EXHAUSTIVE, 0, 0};
        cs_map_result r;
        arch.level[0].read_bits_per_cycle = arch.level[0].write_bits_per_cycle = bandwidth;
        cr_assert_eq(cs_map_search(&layer, &arch, &space, &config, &r, NULL), CS_OK);
        if (bandwidth > 8.0)
            cr_assert_leq(r.value, before[CS_MAP_LATENCY]);
        before[CS_MAP_LATENCY] = r.value;
    }
}

Test(mapper, refuses_what_has_no_place_or_no_room)
{
    cs_nest_arch arch;
    cs_map_space space;
    cs_map_result r;
    cs_error err = {""};
    cs_nest_layer layer = known_layers[4].layer;
    const cs_map_config config = {CS_MAP_ENERGY, CS_MAP_DESCENT, 1000, 0};
    enumerable_space(&arch, &space);
    for (int l = 0; l < 3; l++)
        space.temporal[l] &= (uint8_t) ~(1u << CS_DIM_Q);
    cr_assert_eq(cs_map_search(&layer, &arch, &space, &config, &r, &err), CS_EUSAGE);
    cr_assert(strstr(err.text, "dimension Q"), "%s", err.text);
    enumerable_space(&arch, &space);
    arch.level[1].capacity_bits = 100.0;
    cr_assert_eq(cs_map_search(&layer, &arch, &space, &config, &r, &err), CS_EINFEASIBLE);
    enumerable_space(&arch, &space);
    layer.extent[CS_DIM_K] = 0;
    cr_assert_eq(cs_map_search(&layer, &arch, &space, &config, &r, &err), CS_EUSAGE);
    cr_assert(strstr(err.text, "extent of K is 0"), "%s", err.text);
}
