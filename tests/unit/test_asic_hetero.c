/* NASAIC's accelerator: published areas and scales, reports, mapping, exact solver. */
#include "hw/hetero_model.h"

#include "cosearch/relax.h"
#include "hw_designs.h"
#include <stdlib.h>

/* ---- the published model ---- */

static double published_area(int32_t pes, int32_t gbs, uint8_t dataflow)
{
    hetero_engine e;
    hetero_published_build(&(hetero_unit){0, dataflow, pes, gbs}, 8, &e);
    return e.area_mm2;
}

/* The six rows of NASAIC's main table; areas in 1e9 um2 = 1000 mm2. */
Test(asic_hetero, published_areas)
{
    static const struct {
        const char *name;
        int32_t pes[2], gbs[2];
        double area;
    } row[] = {{"W1 NAS->ASIC", {2112, 1984}, {48, 16}, 4.71},
               {"W1 ASIC->HW-NAS", {1088, 2368}, {24, 40}, 3.82},
               {"W1 NASAIC", {576, 1792}, {56, 8}, 2.03},
               {"W2 NAS->ASIC", {2368, 1728}, {56, 8}, 4.83},
               {"W2 ASIC->HW-NAS", {2112, 1536}, {24, 40}, 3.86},
               {"W2 NASAIC", {2112, 1184}, {40, 24}, 3.34}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const double area = published_area(row[i].pes[0], row[i].gbs[0], HETERO_DLA) +
                            published_area(row[i].pes[1], row[i].gbs[1], HETERO_SHI);
        cr_expect_lt(test_relative(area / 1e3, row[i].area), 0.011, "%s: %.3f, published %.2f",
                     row[i].name, area / 1e3, row[i].area);
    }
}

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

/* The accuracy-only winner <32, 128,2, 256,2, 256,2> on CIFAR-10: 322 million products, 2.0e5
 * cycles on (dla, 2112, 48), 6.8e5 on (dla, 576, 56), 1.6e9 nJ. */
Test(asic_hetero, published_scales)
{
    const cs_conv net[] = {conv(3, 32, 3, 32),    conv(32, 128, 3, 32),  conv(128, 128, 3, 16),
                           conv(128, 128, 3, 16), conv(128, 256, 3, 16), conv(256, 256, 3, 8),
                           conv(256, 256, 3, 8),  conv(256, 256, 3, 8),  conv(256, 256, 3, 4),
                           conv(256, 256, 3, 4)};
    const hetero_unit unit[2] = {{0, HETERO_DLA, 2112, 48}, {0, HETERO_DLA, 576, 56}};
    double cycles[2] = {0}, joule[2] = {0}, macs = 0;
    for (int u = 0; u < 2; u++) {
        hetero_engine e;
        hetero_published_build(&unit[u], 8, &e);
        for (size_t i = 0; i < sizeof net / sizeof *net; i++) {
            hetero_cost c;
            hetero_published_cost(&e, &net[i], &c);
            cycles[u] += c.cycles;
            for (int l = 0; l < CS_HW_LEVELS; l++)
                joule[u] += c.energy_j[l];
            macs += (double)cs_conv_macs(&net[i]) / 2;
        }
    }
    cr_expect_lt(test_relative(macs, 322e6), 0.01, "%g products", macs);
    cr_expect_lt(test_relative(cycles[0], 2.0e5), 0.05, "%g cycles", cycles[0]);
    cr_expect_lt(test_relative(cycles[1], 6.8e5), 0.05, "%g cycles", cycles[1]);
    cr_expect_lt(test_relative(joule[0], 1.6), 0.05, "%g J", joule[0]);
    cr_expect_eq(joule[0], joule[1]);
}

/* One layer per template, worked out by hand: 100 -> 200 channels, 3x3, 14x14, 640 PEs, 8 GB/s. */
Test(asic_hetero, published_by_hand)
{
    const cs_conv layer = conv(100, 200, 3, 14);
    const double want[HETERO_DATAFLOWS] = {
        /* clusters 10: 20 x 2 steps x 9 x 196; weights 180000 + inputs 20 x 100 x 196 words */
        (180000.0 + 392000.0) / 8,
        /* 80 rows of 8: 20000 x 9 x 1 x 2; weights + inputs 200 x 100 x 196 words */
        (180000.0 + 3920000.0) / 8,
        /* 213 clusters: 20000 x 3 x 14 x 1 = 840000 */
        840000.0};
    for (uint8_t d = 0; d < HETERO_DATAFLOWS; d++) {
        hetero_engine e;
        hetero_cost c;
        hetero_published_build(&(hetero_unit){0, d, 640, 8}, 8, &e);
        hetero_published_cost(&e, &layer, &c);
        cr_expect_eq(c.cycles, want[d], "%d: %g, by hand %g", d, c.cycles, want[d]);
        cr_expect_lt(test_relative(c.energy_j[CS_HW_RF], 0.904e-9 * 1.68 * 3 * 35280000), 1e-12);
        cr_expect_lt(
            test_relative(c.energy_j[CS_HW_GLB], 0.904e-9 * 18.61 * 2 * (180000 + 300 * 196)),
            1e-12);
    }
}

/* ---- reports ---- */

static bool is_hetero(const cs_hw_model *m)
{
    return strncmp(m->name, "asic-hetero", strlen("asic-hetero")) == 0;
}

static void check_report(const cs_space *space, const cs_design *d, const cs_hw_report *r)
{
    const bool published = strstr(cs_space_hw_model(space)->name, "published") != NULL;
    double cycles[CS_HETERO_UNITS_MAX] = {0}, all = 0, energy = 0, pes = 0;
    uint16_t layers[CS_HETERO_UNITS_MAX] = {0};
    uint64_t macs = 0;
    cs_net net;
    cr_assert_eq(cs_space_network(space, d, &net), CS_OK);
    for (size_t k = 0; k < r->n_layers; k++) {
        const cs_hw_layer_cost *l = &r->layer[k];
        cr_assert_lt(l->chunk, r->n_chunks);
        cr_assert(isfinite(l->cycles) && l->cycles > 0);
        cr_assert_eq(isnan(l->dram_bits), published);
        for (size_t i = 0; i < CS_HW_LEVELS; i++) {
            cr_assert(isfinite(l->energy_j[i]) && l->energy_j[i] >= 0);
            energy += l->energy_j[i];
        }
        /* no faster than every PE busy all the time; published: clusters have 64 even of 32 */
        cr_assert_geq((published ? 2.0 : 1.0) * l->cycles * r->chunk[l->chunk].macs_per_cycle,
                      (double)l->macs * (1 - 1e-9));
        if (!published) /* every weight and output crosses the DRAM once */
            cr_assert_geq(l->dram_bits * (1 + 1e-9),
                          (double)l->bits * ((double)l->macs / (l->out_size * l->out_size) +
                                             (double)l->cout * l->out_size * l->out_size));
        cycles[l->chunk] += l->cycles;
        layers[l->chunk]++;
        macs += l->macs;
        all += l->cycles;
    }
    for (size_t u = 0; u < r->n_chunks; u++) {
        cr_assert_lt(fabs(cycles[u] - r->chunk[u].cycles), 1e-9 * all);
        cr_assert_eq(layers[u], r->chunk[u].layers);
        pes += r->chunk[u].macs_per_cycle;
    }
    cr_assert(pes >= 32 && pes <= HETERO_PES_MAX);
    cr_assert_eq(macs, cs_net_macs(&net));
    cr_assert_lt(test_relative(r->interval_cycles, all), 1e-12);
    cr_assert_lt(test_relative(r->total.latency_s, all / 1e9), 1e-12);
    cr_assert_lt(test_relative(r->total.energy_j, energy), 1e-12);
    cr_assert_lt(test_relative(r->total.edp_js, energy * all / 1e9), 1e-12);
    cr_assert(isfinite(r->total.area_mm2) && r->total.area_mm2 > 0);
    cr_assert(isnan(r->total.dsp) && isnan(r->total.bram));
    cr_assert(r->total.utilization > 0 && r->total.utilization <= 1);
}

Test(asic_hetero, reports_add_up)
{
    cs_hw_report *r = malloc(sizeof *r);
    cr_assert_not_null(r);
    for (size_t s = 0; cs_net_spaces[s]; s++)
        for (size_t m = 0; cs_hw_models[m]; m++) {
            if (!is_hetero(cs_hw_models[m]))
                continue;
            cs_space *space = test_space(cs_net_spaces[s]->name, cs_hw_models[m]->name);
            cs_rng rng;
            cs_rng_seed(&rng, 40 + m);
            for (int i = 0; i < 100; i++) {
                cs_design d;
                cs_space_sample(space, &rng, &d);
                cr_assert_eq(cs_space_cost(space, &d, NULL, r), CS_OK);
                check_report(space, &d, r);
            }
            cs_space_free(space);
        }
    free(r);
}

/* PEs and bandwidth are shared out as the budgets say: 64 GB/s in all, never more than 4096 PEs. */
Test(asic_hetero, budgets)
{
    for (size_t units = 2; units <= 4; units += 2) {
        cs_space *space = test_space("fbnet:micro", units == 2 ? "asic-hetero" : "asic-hetero:4");
        size_t first, last, absent = 0, full = 0;
        cs_rng rng;
        cs_rng_seed(&rng, 50);
        cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &last);
        for (int i = 0; i < 4000; i++) {
            cs_design d;
            hetero_unit unit[CS_HETERO_UNITS_MAX];
            int32_t pes = 0, gbs = 0;
            cs_space_sample(space, &rng, &d);
            cs_space_canonical(space, &d, &d);
            cr_assert_eq(cs_space_check(space, &d, NULL), CS_OK);
            const size_t n =
                hetero_decode(units == 2 ? &hetero_nest : &hetero_nest_4, &d.choice[first], unit);
            for (size_t u = 0; u < n; u++) {
                cr_assert(unit[u].pes >= 32 && unit[u].pes % 32 == 0);
                cr_assert(unit[u].gbs >= 8 && unit[u].gbs % 8 == 0);
                pes += unit[u].pes;
                gbs += unit[u].gbs;
            }
            cr_assert_leq(pes, HETERO_PES_MAX);
            cr_assert_eq(gbs, HETERO_GBS_MAX);
            absent += n < units;
            full += pes == HETERO_PES_MAX;
        }
        cr_assert_gt(absent, 5);
        cr_assert_gt(full, 5);
        cs_space_free(space);
    }
}

/* What a text may and may not say. */
Test(asic_hetero, texts)
{
    static const char *const net = "fbnet:micro|asic-hetero|k3_e1 k3_e1 k3_e1 k3_e1|8 8 8 8|";
    static const struct {
        const char *accelerator, *error; /* NULL: fine */
    } text[] = {{"s0=2112:0:48 s1=1984:1", NULL},
                {"s0=0:-:- s1=4096:2", NULL},
                {"s0=0:1:8 s1=4096:2", NULL}, /* what an absent unit would be does not matter */
                {"s0=2112:0:48 s1=2016:1", "leave 1984 of 4096"},
                {"s0=2112:-:48 s1=1984:1", "a value is needed"},
                {"s0=2112:0:64 s1=1984:1", "64 is not a choice"},
                {"s0=2112:0:48", "s1 is missing"},
                {"s0=2112:0:48 s1=0:1", "0 is not a choice"}};
    cs_space *space = test_space("fbnet:micro", "asic-hetero");
    cs_design absent[2];
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        char line[256], out[CS_DESIGN_TEXT_MAX];
        cs_design d;
        cs_error err = {""};
        snprintf(line, sizeof line, "%s%s", net, text[i].accelerator);
        const cs_status status = cs_design_parse(space, line, &d, &err);
        if (text[i].error) {
            cr_assert_eq(status, CS_EOUTSIDE, "%s", line);
            cr_assert(strstr(err.text, text[i].error), "%s", err.text);
            continue;
        }
        cr_assert_eq(status, CS_OK, "%s", err.text);
        cr_assert_eq(cs_design_format(space, &d, out, sizeof out), CS_OK);
        if (i < 2)
            cr_assert_str_eq(out, line);
        if (i > 0)
            absent[i - 1] = d;
    }
    cr_assert_eq(cs_design_hash(space, &absent[0]), cs_design_hash(space, &absent[1]));
    cs_space_free(space);
}

/* ---- mapping ---- */

typedef struct least_edp {
    const hetero_table *table;
    size_t n;
    double best, best_cycles, best_energy;
} least_edp;

static void all_mappings(least_edp *l, size_t kind, double cycles, double energy)
{
    if (kind == l->n) {
        if (cycles * energy < l->best) {
            l->best = cycles * energy;
            l->best_cycles = cycles;
            l->best_energy = energy;
        }
        return;
    }
    for (size_t u = 0; u < l->table->n_units; u++)
        all_mappings(l, kind + 1, cycles + l->table->cycles[kind][u],
                     energy + l->table->energy_j[kind][u]);
}

/* The mapping of least energy-delay product of all, on random cost tables. */
Test(asic_hetero, mapping_is_optimal)
{
    cs_rng rng;
    hetero_table *t = malloc(sizeof *t);
    hetero_work *work = malloc(sizeof *work);
    hetero_mapping *mapping = malloc(sizeof *mapping);
    int mixed = 0;
    cr_assert(t && work && mapping);
    cs_rng_seed(&rng, 70);
    for (int i = 0; i < 2000; i++) {
        const size_t n = 1 + cs_rng_below(&rng, 7);
        *work = (hetero_work){.n_layers = n, .n_kinds = n};
        t->n_units = 1 + cs_rng_below(&rng, 4);
        for (size_t k = 0; k < n; k++) {
            work->count[k] = 1;
            for (size_t u = 0; u < t->n_units; u++) {
                t->cycles[k][u] = exp(cs_rng_normal(&rng));
                t->energy_j[k][u] = exp(0.7 * cs_rng_normal(&rng));
                if (u > 0 && cs_rng_below(&rng, 8) == 0)
                    t->energy_j[k][u] = t->energy_j[k][0]; /* ties, as in the published model */
            }
        }
        const hetero_goal none = hetero_goal_of(NULL);
        least_edp l = {.table = t, .n = n, .best = INFINITY};
        all_mappings(&l, 0, 0.0, 0.0);
        hetero_map(work, t, &none, mapping);
        cr_assert(mapping->feasible);
        cr_assert_lt(test_relative(mapping->cycles * mapping->energy_j, l.best), 1e-9);
        /* a limit below the best one's latency is kept wherever the fastest mapping keeps it */
        double fastest = 0;
        for (size_t k = 0; k < n; k++) {
            double least = INFINITY;
            for (size_t u = 0; u < t->n_units; u++)
                least = fmin(least, t->cycles[k][u]);
            fastest += least;
        }
        const hetero_goal tight = {0.5 * (fastest + l.best_cycles) * (1 + 1e-12), INFINITY};
        hetero_map(work, t, &tight, mapping);
        cr_assert(mapping->feasible && mapping->cycles <= tight.cycles_max);
        cr_assert_geq(mapping->cycles * mapping->energy_j, l.best * (1 - 1e-9));
        mixed += mapping->cycles > fastest * (1 + 1e-9);
        const hetero_goal impossible = {0.9 * fastest, INFINITY};
        hetero_map(work, t, &impossible, mapping);
        cr_assert_not(mapping->feasible);
    }
    cr_assert_gt(mixed, 100);
    free(t);
    free(work);
    free(mapping);
}

/* ---- the exact solver ---- */

/* Nothing in the published space beats the solver: every accelerator of a small network, with and
 * without limits. */
Test(asic_hetero, solver_equals_enumeration)
{
    cs_space *space = test_space("fbnet:micro", "asic-hetero-published");
    cs_limits limits = CS_LIMITS_NONE;
    const cs_hw_model *hw = cs_space_hw_model(space);
    const cs_hw_context *ctx = cs_space_hw_context(space);
    cs_design d = {0};
    cs_net net;
    cs_solution solution[2];
    cs_hw_report *r = malloc(sizeof *r);
    double best[2] = {INFINITY, INFINITY};
    size_t n = 0;
    cr_assert_not_null(r);
    test_set_network(space, &d, "k3_e1 skip k5_e6 k3_e3", "8 8 4 8");
    cr_assert_eq(cs_space_network(space, &d, &net), CS_OK);
    limits.area_max_mm2 = 700.0;
    for (uint16_t p = 0; p < 128; p++)     /* PEs of the first unit, 4064 down to 0 */
        for (uint16_t q = 0; q < 128; q++) /* and of the last, 4096 down to 32 */
            for (uint16_t rest = 0; rest < 63; rest++) {
                const uint16_t choice[5] = {p, rest % 3, rest / 9, q, rest / 3 % 3};
                const int32_t pes = 4064 - 32 * p + 4096 - 32 * q;
                if (pes > 4096 || (p == 127 && (choice[1] > 0 || choice[2] > 0)) ||
                    (p % 4 != 3 && q % 3 != 0)) /* most of it, for time */
                    continue;
                cr_assert_eq(hw->evaluate(ctx, &net, choice, &limits, r), CS_OK);
                best[0] = fmin(best[0], r->total.edp_js);
                if (r->total.violated == 0)
                    best[1] = fmin(best[1], r->total.edp_js);
                n++;
            }
    for (int k = 0; k < 2; k++) {
        cs_design e = d;
        cr_assert_eq(cs_space_solve(space, k ? &limits : NULL, &e, &solution[k], NULL), CS_OK);
        cr_assert_eq(cs_space_check(space, &e, NULL), CS_OK);
        cr_assert_eq(cs_space_cost(space, &e, k ? &limits : NULL, r), CS_OK);
        cr_assert_eq(r->total.edp_js, solution[k].edp_js);
        cr_assert_eq(r->total.violated, 0);
        cr_assert(solution[k].proven && solution[k].objective == CS_LEAST_EDP);
        cr_assert_eq(solution[k].bound_edp_js, solution[k].edp_js);
        cr_assert_leq(solution[k].edp_js, best[k] * (1 + 1e-12));
    }
    cr_assert_gt(n, 200000);
    cr_assert_gt(solution[1].edp_js, solution[0].edp_js);
    free(r);
    cs_space_free(space);
}

/* Through loop nests, where full enumeration takes too long: no random accelerator, and none next
 * to the optimum, is better; limits are kept. */
Test(asic_hetero, nothing_beats_the_solver)
{
    static const char *const spaces[] = {"fbnet:micro", "fbnet:cifar"};
    cs_hw_report *r = malloc(sizeof *r);
    cr_assert_not_null(r);
    for (int i = 0; i < 4; i++) {
        cs_space *space = test_space(spaces[i % 2], "asic-hetero");
        cs_limits limits = CS_LIMITS_NONE;
        cs_rng rng;
        cs_design d, best;
        cs_solution s;
        size_t first, last, feasible = 0;
        cs_rng_seed(&rng, (uint64_t)(80 + i));
        cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &last);
        cs_space_sample(space, &rng, &d);
        best = d;
        if (i >= 2) { /* limits that bind: less area than the best one takes, and an energy */
            cr_assert_eq(cs_space_solve(space, NULL, &best, &s, NULL), CS_OK);
            cr_assert_eq(cs_space_cost(space, &best, NULL, r), CS_OK);
            limits.area_max_mm2 = 0.6 * r->total.area_mm2;
            limits.energy_max_j = 0.97 * r->total.energy_j;
        }
        cr_assert_eq(cs_space_solve(space, &limits, &best, &s, NULL), CS_OK);
        cr_assert_eq(cs_space_cost(space, &best, &limits, r), CS_OK);
        cr_assert_eq(r->total.violated, 0);
        cr_assert_eq(r->total.edp_js, s.edp_js);
        for (int k = 0; k < 3000; k++) {
            cs_design e = best;
            if (k % 2)
                cs_space_sample_group(space, &rng, CS_GROUP_ACCELERATOR, &e);
            else
                cs_space_mutate(space, &rng, CS_GROUP_ACCELERATOR, &e);
            cr_assert_eq(cs_space_cost(space, &e, &limits, r), CS_OK);
            feasible += r->total.violated == 0;
            if (r->total.violated == 0)
                cr_assert_geq(r->total.edp_js, s.edp_js * (1 - 1e-12));
        }
        cr_assert_gt(feasible, 20);
        cs_space_free(space);
    }
    free(r);
}

Test(asic_hetero, solver_says_what_cannot_be)
{
    cs_space *space = test_space("fbnet:micro", "asic-hetero");
    cs_design d = {0};
    cs_solution s;
    cs_error err = {""};
    test_set_network(space, &d, "k3_e1", "8");
    cs_space_repair(space, &d);
    for (int i = 0; i < 5; i++) {
        cs_limits l = CS_LIMITS_NONE;
        *(i == 0   ? &l.latency_max_s
          : i == 1 ? &l.energy_max_j
          : i == 2 ? &l.area_max_mm2
          : i == 3 ? &l.edp_max_js
                   : &l.dsp_max) = i == 4 ? 900.0 : 1e-12;
        const cs_design before = d;
        cr_assert_eq(cs_space_solve(space, &l, &d, &s, &err), CS_EINFEASIBLE);
        cr_assert(strstr(err.text, "keeps the limits"));
        cr_assert_eq(memcmp(&before, &d, sizeof d), 0);
    }
    cs_space_free(space);
}

typedef struct cost_world {
    const cs_space *space;
    const cs_limits *limits;
} cost_world;

static cs_status cost_of(void *context, const cs_design *design, cs_hw_report *report)
{
    const cost_world *w = context;
    return cs_space_cost(w->space, design, w->limits, report);
}

/* The exact engine of the accelerator search takes this platform for the goal its solver has. */
Test(asic_hetero, exact_engine_minimises_edp)
{
    cs_space *space = test_space("fbnet:micro", "asic-hetero");
    cs_hw_report *r = malloc(sizeof *r);
    cs_limits limits = CS_LIMITS_NONE;
    cr_assert_not_null(r);
    limits.area_max_mm2 = 40;
    for (int goal = CS_ACCEL_INTERVAL; goal <= CS_ACCEL_EDP; goal++) {
        const cs_accel_options options = cs_accel_defaults(CS_ACCEL_EXACT, (cs_accel_goal)goal);
        cost_world world = {space, &limits};
        cs_accel *engine = NULL;
        cs_accel_result result;
        cs_solution s;
        cs_rng rng;
        cs_design d, best;
        cs_rng_seed(&rng, 95);
        cs_space_sample(space, &rng, &d);
        best = d;
        cr_assert_eq(cs_accel_new(space, &limits, &options, &engine), CS_OK);
        const cs_status status =
            cs_accel_search(engine, &d, false, 1, &rng, cost_of, &world, NULL, NULL, &result);
        cs_accel_free(engine);
        cr_assert_eq(status, goal == CS_ACCEL_EDP ? CS_OK : CS_EUSAGE);
        if (status != CS_OK)
            continue;
        cr_assert_eq(cs_space_solve(space, &limits, &best, &s, NULL), CS_OK);
        cr_assert_eq(result.hw.edp_js, s.edp_js);
        cr_assert_leq(result.hw.area_mm2, 40);
    }
    free(r);
    cs_space_free(space);
}

/* ---- several networks ---- */

Test(asic_hetero, several_networks)
{
    static const char *const models[] = {"asic-hetero", "asic-hetero-published", "asic-hetero:4"};
    cs_hw_report *alone = malloc(sizeof *alone);
    cs_hetero_report *r = malloc(sizeof *r);
    cr_assert(alone && r);
    for (size_t m = 0; m < 3; m++) {
        cs_space *space = test_space("fbnet:micro", models[m]);
        const cs_hw_model *hw = cs_space_hw_model(space);
        const cs_hw_context *ctx = cs_space_hw_context(space);
        size_t first, last;
        cs_rng rng;
        cs_rng_seed(&rng, 90 + m);
        cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &last);
        for (int i = 0; i < 20; i++) {
            cs_design d[2];
            cs_net net[2];
            for (int k = 0; k < 2; k++) {
                cs_space_sample(space, &rng, &d[k]);
                cr_assert_eq(cs_space_network(space, &d[k], &net[k]), CS_OK);
            }
            const uint16_t *choice = &d[0].choice[first];
            const cs_net *both[2] = {&net[0], &net[1]};
            cr_assert_eq(hw->evaluate(ctx, &net[0], choice, NULL, alone), CS_OK);
            cr_assert_eq(cs_hetero_evaluate(hw, ctx, both, 2, choice, NULL, r), CS_OK);
            cr_assert_eq(r->total.area_mm2, alone->total.area_mm2);
            cr_assert_eq(r->n_units, alone->n_chunks);
            cr_assert(isfinite(r->total.edp_js) && r->total.energy_j > 0);
            const double relaxed = r->total.latency_s;
            /* a limit is kept where the heuristic can, and costs energy that is not static */
            cs_limits limits = CS_LIMITS_NONE;
            limits.latency_max_s = 0.9 * relaxed;
            const double dynamic = r->schedule.energy;
            cr_assert_eq(cs_hetero_evaluate(hw, ctx, both, 2, choice, &limits, r), CS_OK);
            cr_assert_eq((r->total.violated & CS_VIOLATES_LATENCY) == 0,
                         r->total.latency_s <= limits.latency_max_s);
            cr_assert_eq(r->schedule.feasible, r->total.violated == 0);
            cr_assert_geq(r->schedule.energy, dynamic * (1 - 1e-9));
            cr_assert_geq(relaxed * (1 + 1e-9), r->total.latency_s);
        }
        const cs_net *none[1] = {NULL};
        cr_assert_eq(cs_hetero_evaluate(hw, ctx, none, 0, NULL, NULL, r), CS_EUSAGE);
        cr_assert_eq(cs_hetero_evaluate(cs_hw_models[0], ctx, none, 1, NULL, NULL, r), CS_EUSAGE);
        cs_space_free(space);
    }
    free(alone);
    free(r);
}

/* Layers wider than the space's widest are refused. */
Test(asic_hetero, too_wide_is_refused)
{
    cs_space *space = test_space("fbnet:micro", "asic-hetero");
    cs_design d = {0};
    cs_net net;
    cs_hw_report r;
    cs_solution s;
    uint16_t choice[5] = {0};
    test_set_network(space, &d, "k3_e1", "8");
    cr_assert_eq(cs_space_network(space, &d, &net), CS_OK);
    net.block[2].bits = 9;
    const cs_hw_model *hw = cs_space_hw_model(space);
    const cs_hw_context *ctx = cs_space_hw_context(space);
    choice[0] = 127;
    cr_assert_eq(hw->evaluate(ctx, &net, choice, NULL, &r), CS_EOUTSIDE);
    cr_assert_eq(hw->solve(ctx, &net, NULL, choice, &s, NULL), CS_EOUTSIDE);
    net.block[2].bits = CS_BITS_FLOAT;
    cr_assert_eq(hw->evaluate(ctx, &net, choice, NULL, &r), CS_EOUTSIDE);
    cs_space_free(space);
}
