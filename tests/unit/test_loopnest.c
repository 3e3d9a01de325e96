/* The loop-nest model against a walk over every iteration, and what it must refuse or report. */
#include "cosearch/loopnest.h"
#include "cosearch/rng.h"
#include "nest_walk.h"

#include <criterion/criterion.h>
#include <string.h>

static uint32_t below(cs_rng *rng, uint32_t n)
{
    return cs_rng_below(rng, n);
}

static void plain_arch(int n_levels, cs_nest_arch *arch)
{
    memset(arch, 0, sizeof *arch);
    arch->n_levels = (uint8_t)n_levels;
    for (int l = 0; l < n_levels; l++) {
        cs_nest_level *level = &arch->level[l];
        level->name[0] = (char)('A' + l);
        level->may_keep = CS_KEEP_ALL;
        level->capacity_bits = level->read_bits_per_cycle = level->write_bits_per_cycle =
            (double)INFINITY;
        level->mesh_x = level->mesh_y = 4096;
        for (int t = 0; t < CS_TENSORS; t++)
            level->read_pj_bit[t] = level->write_pj_bit[t] = 1.0;
    }
}

/* A small layer with its nest: every dimension split at random over the levels, in time or in
 * space. `excess` > 0 lets the product of the bounds exceed the extent. */
typedef struct small_nest {
    cs_nest_layer layer;
    int n_levels;
    cs_nest_mapping mapping;
} small_nest;

static void add_loop(cs_rng *rng, small_nest *s, int dim, uint32_t bound, uint32_t *units)
{
    cs_nest_map_level *m = &s->mapping.level[below(rng, (uint32_t)s->n_levels)];
    const cs_nest_loop loop = {(uint8_t)dim, (uint8_t)below(rng, 2), (uint16_t)bound};
    const bool spatial = below(rng, 3) == 0 && *units * bound <= 24;
    cs_nest_loop *list = spatial ? m->spatial : m->temporal;
    uint8_t *n = spatial ? &m->n_spatial : &m->n_temporal;
    for (int i = 0; i < *n; i++)
        if (list[i].dim == dim && (!spatial || list[i].axis == loop.axis)) {
            list[i].bound = (uint16_t)(list[i].bound * bound);
            *units *= spatial ? bound : 1;
            return;
        }
    if (*n == CS_NEST_DIMS)
        return;
    const uint32_t at = below(rng, *n + 1u);
    memmove(&list[at + 1], &list[at], (*n - at) * sizeof *list);
    list[at] = loop;
    ++*n;
    *units *= spatial ? bound : 1;
}

static void draw_nest(cs_rng *rng, bool imperfect, small_nest *s)
{
    static const uint32_t factors[] = {1, 1, 1, 2, 2, 3};
    static const uint8_t places[] = {CS_DIM_P, CS_DIM_R, CS_DIM_Q, CS_DIM_S,
                                     CS_DIM_K, CS_DIM_C, CS_DIM_N, CS_DIM_G}; /* halos first */
    uint32_t units = 1, iterations = 1, extent;
    memset(s, 0, sizeof *s);
    s->n_levels = 2 + (int)below(rng, 3);
    s->layer.stride = 1 + below(rng, 3);
    for (int t = 0; t < CS_TENSORS; t++)
        s->layer.bits[t] = 8;
    for (int l = 0; l < s->n_levels; l++)
        s->mapping.level[l].keep = l ? (uint8_t)below(rng, 8) : CS_KEEP_ALL;
    for (int i = 0; i < CS_NEST_DIMS; i++) {
        const int d = places[i];
        extent = 1;
        for (int k = 0; k < 3; k++) {
            const uint32_t bound = factors[below(rng, 6)];
            if (bound == 1 || iterations * bound > 400)
                continue;
            add_loop(rng, s, d, bound, &units);
            iterations *= bound;
            extent *= bound;
        }
        s->layer.extent[d] =
            imperfect && extent > 1 ? extent - below(rng, (extent + 1) / 2) : extent;
    }
}

static const char *const letters = "WIO";

Test(loopnest, counts_equal_a_walk_over_every_iteration)
{
    cs_rng rng;
    cs_rng_seed(&rng, 20);
    int with_halo = 0, checked = 0;
    for (int draw = 0; draw < 400; draw++) {
        small_nest s;
        cs_nest_arch arch;
        cs_nest_cost cost;
        nest_walk walk;
        draw_nest(&rng, false, &s);
        plain_arch(s.n_levels, &arch);
        cr_assert_eq(cs_nest_evaluate(&s.layer, &arch, &s.mapping, &cost), CS_OK, "draw %d", draw);
        nest_walk_run(&s.layer, s.n_levels, &s.mapping, NEST_PADDING_KEEPS, &walk);
        cr_assert_eq(cost.macs, walk.macs);
        cr_assert_eq(cost.compute_cycles, walk.steps);
        for (int l = 0; l < s.n_levels; l++)
            for (int t = 0; t < CS_TENSORS; t++) {
                const cs_nest_flow *f = &cost.flow[l][t];
                cr_assert_float_eq(f->reads, walk.reads[l][t], 1e-6, "draw %d level %d %c: %g %g",
                                   draw, l, letters[t], f->reads, walk.reads[l][t]);
                cr_assert_float_eq(f->fills, walk.fills[l][t], 1e-6, "draw %d level %d %c: %g %g",
                                   draw, l, letters[t], f->fills, walk.fills[l][t]);
                cr_assert_float_eq(f->updates, walk.updates[l][t], 1e-6);
                checked++;
            }
        arch.halo = CS_NEST_HALO_TIMELOOP;
        cs_nest_cost timeloop;
        cs_nest_evaluate(&s.layer, &arch, &s.mapping, &timeloop);
        for (int l = 0; l < s.n_levels; l++) {
            cr_assert_geq(timeloop.flow[l][CS_TENSOR_I].fills, cost.flow[l][CS_TENSOR_I].fills);
            with_halo += timeloop.flow[l][CS_TENSOR_I].fills > cost.flow[l][CS_TENSOR_I].fills;
        }
    }
    cr_assert_geq(checked, 3000);
    cr_assert_geq(with_halo, 10, "only %d nests in which the two halo modes differ", with_halo);
}

/* Fixed trip counts over a layer that they do not divide. A walk whose buffers keep their tile
 * through the padding moves the least, one whose buffers lose it moves the most; weights and
 * outputs lie between, inputs do in most cases and on the whole. */
Test(loopnest, padded_loops_move_what_a_walk_with_padding_moves)
{
    cs_rng rng;
    cs_rng_seed(&rng, 21);
    int padded = 0, inside = 0, fields = 0;
    double ours_inputs = 0.0, least_inputs = 0.0, most_inputs = 0.0;
    for (int draw = 0; draw < 1500; draw++) {
        small_nest s;
        cs_nest_arch arch;
        cs_nest_cost cost;
        nest_walk least, most;
        draw_nest(&rng, true, &s);
        plain_arch(s.n_levels, &arch);
        cr_assert_eq(cs_nest_evaluate(&s.layer, &arch, &s.mapping, &cost), CS_OK);
        nest_walk_run(&s.layer, s.n_levels, &s.mapping, NEST_PADDING_KEEPS, &least);
        nest_walk_run(&s.layer, s.n_levels, &s.mapping, NEST_PADDING_EMPTIES, &most);
        cr_assert_eq(cost.compute_cycles, least.steps, "padding counts in cycles");
        cr_assert_eq(cost.macs, least.macs, "and in no multiplication");
        padded += cost.units * cost.compute_cycles > cost.macs * (1.0 + 1e-9);
        for (int l = 0; l < s.n_levels; l++)
            for (int t = 0; t < CS_TENSORS; t++) {
                const cs_nest_flow *f = &cost.flow[l][t];
                const double ours[] = {f->reads, f->fills, f->updates};
                const double low[] = {least.reads[l][t], least.fills[l][t], least.updates[l][t]};
                const double high[] = {most.reads[l][t], most.fills[l][t], most.updates[l][t]};
                for (int k = 0; k < 3; k++) {
                    const bool between =
                        ours[k] >= low[k] * (1.0 - 1e-9) && ours[k] <= high[k] * (1.0 + 1e-9);
                    if (t != CS_TENSOR_I) {
                        cr_assert(between, "draw %d level %d %c field %d: %g not in [%g, %g]", draw,
                                  l, letters[t], k, ours[k], low[k], high[k]);
                    } else if (high[k] > 0.0) {
                        ours_inputs += ours[k];
                        least_inputs += low[k];
                        most_inputs += high[k];
                        fields++;
                        inside += between;
                    }
                }
            }
    }
    cr_assert_geq(padded, 1000);
    cr_assert_geq(inside, 3 * fields / 4, "%d of %d input counts between the walks", inside,
                  fields);
    cr_assert(ours_inputs > 0.98 * least_inputs && ours_inputs < 1.02 * most_inputs,
              "inputs %g, walks %g to %g", ours_inputs, least_inputs, most_inputs);
}

/* What a small array shares: the walk treats all children of an instance as one buffer. */
Test(loopnest, forwarding_loads_the_union_of_the_tiles)
{
    cs_rng rng;
    cs_rng_seed(&rng, 22);
    int forwarded = 0;
    for (int draw = 0; draw < 2000; draw++) {
        /* ShiDianNao: an output pixel per element, kernel rows and columns in time */
        const uint16_t p = (uint16_t)(1 + below(&rng, 4)), q = (uint16_t)(1 + below(&rng, 4));
        const uint16_t r = (uint16_t)(1 + below(&rng, 3)), c = (uint16_t)(1 + below(&rng, 3));
        const uint16_t rows = (uint16_t)(1 + below(&rng, 3));
        cs_nest_layer layer = {.extent = {1, 1, 1, c, (uint32_t)p * rows, q, r, r}, .stride = 1};
        cs_nest_mapping m;
        cs_nest_arch arch;
        cs_nest_cost with, without;
        nest_walk walk;
        memset(&m, 0, sizeof m);
        for (int t = 0; t < CS_TENSORS; t++)
            layer.bits[t] = 8;
        m.level[0] = (cs_nest_map_level){
            .keep = CS_KEEP_ALL,
            .n_temporal = 4,
            .n_spatial = 2,
            .temporal = {{CS_DIM_P, 0, rows}, {CS_DIM_C, 0, c}, {CS_DIM_R, 0, r}, {CS_DIM_S, 0, r}},
            .spatial = {{CS_DIM_P, CS_AXIS_Y, p}, {CS_DIM_Q, CS_AXIS_X, q}}};
        m.level[1].keep = CS_KEEP_ALL;
        plain_arch(2, &arch);
        cs_nest_evaluate(&layer, &arch, &m, &without);
        arch.forward_inputs = true;
        cs_nest_evaluate(&layer, &arch, &m, &with);
        nest_walk_run(&layer, 2, &m, NEST_PADDING_KEEPS, &walk);
        const double sent = with.flow[0][CS_TENSOR_I].reads;
        const double saved = without.flow[0][CS_TENSOR_I].reads - sent;
        cr_assert_geq(saved, 0.0);
        cr_assert_float_eq(with.flow[1][CS_TENSOR_I].reads - without.flow[1][CS_TENSOR_I].reads,
                           saved, 1e-9, "forwarded words are read beside");
        cr_assert_float_eq(with.flow[0][CS_TENSOR_I].hops - without.flow[0][CS_TENSOR_I].hops,
                           saved, 1e-9, "and hop once");
        if (p > 1 && q > 1 && r > 1) {
            cr_assert_float_eq(sent, walk.joined[0], 1e-9, "draw %d: %g, walk %g", draw, sent,
                               walk.joined[0]);
            forwarded += saved > 0.0;
        }
    }
    cr_assert_geq(forwarded, 300);
}

/* A 4-channel 1x1 layer on two multipliers, counted by hand. */
static void by_hand(cs_nest_layer *layer, cs_nest_arch *arch, cs_nest_mapping *m)
{
    *layer = (cs_nest_layer){
        .extent = {1, 1, 4, 4, 2, 2, 1, 1}, .stride = 1, .bits = {8, 8, 16}, .out_bits = 8};
    plain_arch(2, arch);
    memset(m, 0, sizeof *m);
    arch->level[0].mesh_x = 2;
    arch->level[0].mesh_y = 0;
    arch->level[1].mesh_x = arch->level[1].mesh_y = 1;
    arch->clock_hz = 1e9;
    /* outputs stay in the registers while the input channels pass; weights come again per pixel */
    m->level[0] = (cs_nest_map_level){
        .keep = CS_KEEP_ALL,
        .n_temporal = 4,
        .n_spatial = 1,
        .temporal = {{CS_DIM_P, 0, 2}, {CS_DIM_Q, 0, 2}, {CS_DIM_K, 0, 2}, {CS_DIM_C, 0, 4}},
        .spatial = {{CS_DIM_K, CS_AXIS_X, 2}}};
    m->level[1].keep = CS_KEEP_ALL;
}

Test(loopnest, latency_energy_and_widths_by_hand)
{
    cs_nest_layer layer;
    cs_nest_arch arch;
    cs_nest_mapping m;
    cs_nest_cost c;
    by_hand(&layer, &arch, &m);
    cr_assert_eq(cs_nest_evaluate(&layer, &arch, &m, &c), CS_OK);
    cr_assert_eq(c.macs, 64.0);
    cr_assert_eq(c.cycles, 32.0);
    cr_assert_eq(c.utilization, 1.0);
    cr_assert_eq(c.flow[0][CS_TENSOR_W].reads, 64.0);
    cr_assert_eq(c.flow[0][CS_TENSOR_I].reads, 32.0);
    cr_assert_eq(c.flow[0][CS_TENSOR_I].hops, 32.0, "both multipliers share an input");
    cr_assert_eq(c.flow[0][CS_TENSOR_O].updates, 16.0);
    cr_assert_eq(c.flow[0][CS_TENSOR_O].reads, 0.0);
    /* finished outputs leave at 8 bits, sums are kept at 16: 64 + 32 reads, 16 updates */
    cr_assert_eq(c.flow[0][CS_TENSOR_O].energy_pj, 16.0 * 8.0);
    cr_assert_eq(c.flow[1][CS_TENSOR_O].energy_pj, (64.0 + 48.0) * 16.0);
    arch.level[0].read_bits_per_cycle = 12.0;
    arch.level[0].write_bits_per_cycle = 2.0;
    cs_nest_evaluate(&layer, &arch, &m, &c);
    cr_assert_eq(c.cycles, 64.0, "96 words of 8 bits at 12 a cycle; 16 of 8 bits at 2");
    cr_assert_eq(c.bound, 0);
    arch.level[0].shared_port = true;
    cs_nest_evaluate(&layer, &arch, &m, &c);
    cr_assert_eq(c.cycles, 128.0);
    arch.level[0].stall = true;
    cs_nest_evaluate(&layer, &arch, &m, &c);
    cr_assert_eq(c.cycles, 160.0, "transfers and work one after another");
    arch.level[0].stall = false;
    arch.fill_drain = true;
    cs_nest_evaluate(&layer, &arch, &m, &c);
    /* first weights of both multipliers and one input: 24 bits at 12; two outputs: 16 bits at 2 */
    cr_assert_eq(c.fill_cycles, 2.0);
    cr_assert_eq(c.drain_cycles, 8.0);
    cr_assert_eq(c.cycles, 138.0);
    arch.pass_level = 1;
    arch.pass_cycles = 3.0;
    arch.static_w = 0.5;
    arch.mul_pj = 16.0;
    arch.add_pj = 2.0;
    const double dynamic = c.energy_pj;
    cs_nest_evaluate(&layer, &arch, &m, &c);
    cr_assert_eq(c.cycles, 138.0 + 32.0 * 3.0);
    cr_assert_float_eq(c.mac_pj, 64.0 * 2.0, 1e-9, "16 * (8/32)^2 + 2 * 16/32");
    cr_assert_float_eq(c.static_pj, 0.5 * c.cycles / 1e9 * 1e12, 1e-6);
    cr_assert_float_eq(c.energy_pj, dynamic + c.mac_pj + c.static_pj, 1e-6);
    arch.level[0].area_mm2 = 1.0;
    arch.level[1].area_mm2 = 0.25;
    arch.mac_area_mm2 = 0.25;
    arch.wiring = 0.5;
    cr_assert_eq(cs_nest_area_mm2(&arch), (1.0 + 2.0 * 0.25 + 2.0 * 0.25) * 1.5);
}

static void expect_reason(const cs_nest_layer *layer, const cs_nest_arch *arch,
                          const cs_nest_mapping *m, cs_nest_verdict verdict, const char *text)
{
    cs_nest_cost c;
    char reason[CS_NEST_REASON_MAX];
    cr_assert_eq(cs_nest_evaluate(layer, arch, m, &c), CS_EINFEASIBLE);
    cr_assert_eq(c.verdict, verdict);
    cr_assert_eq(cs_nest_fits(layer, arch, m), verdict);
    cr_assert_eq(cs_nest_reason(layer, arch, &c, reason), strlen(reason));
    cr_assert_str_eq(reason, text);
}

Test(loopnest, every_misfit_has_its_sentence)
{
    cs_nest_layer layer, bad;
    cs_nest_arch arch, a;
    cs_nest_mapping m, n;
    cs_error err = {""};
    by_hand(&layer, &arch, &m);
    memcpy(arch.level[1].name, "RF", 3);
    memcpy(arch.level[0].name, "DRAM", 5);
    a = arch;
    a.level[1].capacity_bits = 31.0;
    expect_reason(&layer, &a, &m, CS_NEST_CAPACITY, "RF: tiles of 32 bits exceed 31");
    a.level[1].capacity_bits = 32.0;
    cr_assert_eq(cs_nest_fits(&layer, &a, &m), CS_NEST_FITS);
    a.level[1].double_buffered = true;
    expect_reason(&layer, &a, &m, CS_NEST_CAPACITY, "RF: tiles of 64 bits exceed 32");
    a = arch;
    a.level[1].share_bits[CS_TENSOR_O] = 15.0;
    expect_reason(&layer, &a, &m, CS_NEST_CAPACITY,
                  "RF: a tile of 1 words of outputs exceeds 15 bits");
    a = arch;
    a.level[0].mesh_x = 1;
    expect_reason(&layer, &a, &m, CS_NEST_ARRAY_X,
                  "array below DRAM: spatial loops along x exceed 1");
    n = m;
    n.level[0].spatial[0].axis = CS_AXIS_Y;
    expect_reason(&layer, &arch, &n, CS_NEST_ARRAY_Y,
                  "array below DRAM: spatial loops along y exceed 1");
    a = arch;
    a.level[1].may_keep = CS_KEEP_W | CS_KEEP_O;
    expect_reason(&layer, &a, &m, CS_NEST_KEEP, "RF cannot keep inputs");
    n = m;
    n.level[0].temporal[3].bound = 3;
    expect_reason(&layer, &arch, &n, CS_NEST_COVER, "bounds of C do not reach its extent 4");
    n = m;
    n.level[0].keep = CS_KEEP_I;
    expect_reason(&layer, &arch, &n, CS_NEST_MALFORMED, "the layer or the mapping is malformed");
    bad = layer;
    bad.stride = 0;
    expect_reason(&bad, &arch, &m, CS_NEST_MALFORMED, "the layer or the mapping is malformed");
    cr_assert_eq(cs_nest_arch_check(&arch, &err), CS_OK);
    a = arch;
    a.level[1].read_bits_per_cycle = 0.0;
    cr_assert_eq(cs_nest_arch_check(&a, &err), CS_EUSAGE);
    cr_assert(strstr(err.text, "memory level 1 (RF)"), "%s", err.text);
    a = arch;
    a.level[0].may_keep = CS_KEEP_W;
    cr_assert_eq(cs_nest_arch_check(&a, &err), CS_EUSAGE);
    a = arch;
    a.n_levels = CS_NEST_LEVELS + 1;
    cr_assert_eq(cs_nest_arch_check(&a, &err), CS_EUSAGE);
    a = arch;
    a.static_w = 1.0;
    a.clock_hz = 0.0;
    cr_assert_eq(cs_nest_arch_check(&a, &err), CS_EUSAGE);
}
