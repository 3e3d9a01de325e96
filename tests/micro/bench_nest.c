/* Rates of the loop-nest model and the mapper, and how near the mapper comes to the optimum where
 * all mappings can be enumerated. CPU time of one core. */
#include "bench_nest.h"
#include "micro.h"

#include "tests/nest_layers.h"
#include <stdio.h>
#include <string.h>

/* ResNet-18 conv2_x on 256 multipliers in three levels: the peers' case. */
static void peers_case(cs_nest_layer *layer, cs_nest_arch *arch, cs_nest_mapping *mapping,
                       uint16_t rows)
{
    cs_map_space space;
    cs_nest_preset_find("nvdla")->build(arch, &space);
    arch->level[1].mesh_y = 16;
    arch->level[2].capacity_bits = 512.0 * 16.0;
    *layer = known_layers[4].layer;
    memset(mapping, 0, sizeof *mapping);
    mapping->level[0] = (cs_nest_map_level){
        .keep = CS_KEEP_ALL, .n_temporal = 2, .temporal = {{CS_DIM_K, 0, 2}, {CS_DIM_P, 0, rows}}};
    mapping->level[1] =
        (cs_nest_map_level){.keep = CS_KEEP_ALL,
                            .n_temporal = 4,
                            .temporal = {{CS_DIM_C, 0, 4},
                                         {CS_DIM_K, 0, 2},
                                         {CS_DIM_P, 0, (uint16_t)((56 + rows - 1) / rows)},
                                         {CS_DIM_Q, 0, 14}},
                            .n_spatial = 2,
                            .spatial = {{CS_DIM_K, CS_AXIS_X, 16}, {CS_DIM_C, CS_AXIS_Y, 16}}};
    mapping->level[2] =
        (cs_nest_map_level){.keep = CS_KEEP_ALL,
                            .n_temporal = 3,
                            .temporal = {{CS_DIM_Q, 0, 4}, {CS_DIM_R, 0, 3}, {CS_DIM_S, 0, 3}}};
}

static void measure_evaluations(void)
{
    enum { ROUNDS = 5, CALLS = 200000 };
    cs_nest_layer layer;
    cs_nest_arch arch;
    cs_nest_mapping mapping[2];
    double rate[ROUNDS], energy = 0.0, cycles = 0.0;
    peers_case(&layer, &arch, &mapping[0], 7);
    peers_case(&layer, &arch, &mapping[1], 9); /* 7 x 9 rows for 56: padded */
    for (int r = 0; r < ROUNDS; r++) {
        const double start = micro_cpu_now();
        for (int i = 0; i < CALLS; i++) {
            cs_nest_cost cost;
            if (cs_nest_evaluate(&layer, &arch, &mapping[i & 1], &cost) != CS_OK) {
                fprintf(stderr, "bench nest: the mapping does not fit\n");
                return;
            }
            energy += cost.energy_pj;
            cycles = cost.cycles;
        }
        rate[r] = CALLS / (micro_cpu_now() - start);
        for (int k = r; k > 0 && rate[k] < rate[k - 1]; k--) {
            const double swap = rate[k];
            rate[k] = rate[k - 1];
            rate[k - 1] = swap;
        }
    }
    char note[160];
    snprintf(note, sizeof note,
             "CPU seconds; resnet18 conv2_x, 3 levels, every second mapping padded: %.4g uJ, %.0f "
             "cycles",
             1e-6 * energy / (ROUNDS * (double)CALLS), cycles);
    const micro_case c = {"hw", "loopnest_layers_per_s", 1, "layers_per_s", note};
    micro_row(&c, rate[ROUNDS / 2], rate[0], rate[ROUNDS - 1]);
}

static void measure_mapper(void)
{
    cs_nest_arch arch;
    cs_map_space space;
    double worst = 0.0, seconds = 0.0, evaluations = 0.0;
    uint64_t enumerated = 0;
    const char *worst_name = "";
    size_t layers = 0;
    enumerable_space(&arch, &space);
    for (size_t i = 0; i < KNOWN_LAYERS; i++) {
        cs_map_config config = {CS_MAP_ENERGY, CS_MAP_EXHAUSTIVE, 4000000, 1};
        cs_map_result best, found;
        if (cs_map_search(&known_layers[i].layer, &arch, &space, &config, &best, NULL) != CS_OK ||
            !best.complete)
            continue;
        config.method = CS_MAP_DESCENT;
        config.evaluations_max = 50000;
        const double start = micro_cpu_now();
        if (cs_map_search(&known_layers[i].layer, &arch, &space, &config, &found, NULL) != CS_OK)
            continue;
        seconds += micro_cpu_now() - start;
        evaluations += (double)found.evaluations;
        enumerated += best.evaluations;
        layers++;
        if (found.value / best.value > worst) {
            worst = found.value / best.value;
            worst_name = known_layers[i].name;
        }
    }
    char note[160];
    snprintf(note, sizeof note, "CPU seconds; descent, energy, 50,000 mappings a layer");
    const micro_case rate = {"hw", "mapper_mappings_per_s", 1, "mappings_per_s", note};
    micro_row(&rate, evaluations / seconds, evaluations / seconds, evaluations / seconds);
    char gap[160];
    snprintf(gap, sizeof gap,
             "energy over the optimum, worst of %zu layers (%s); %llu mappings "
             "enumerated",
             layers, worst_name, (unsigned long long)enumerated);
    const micro_case ratio = {"hw", "mapper_over_optimum", 1, "ratio", gap};
    micro_row(&ratio, worst, worst, worst);
}

void bench_nest(void)
{
    measure_evaluations();
    measure_mapper();
}
