/* What must hold of the loop-nest model on any layer, accelerator and mapping. */
#include "cosearch/hw_tech.h"
#include "cosearch/rng.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define DRAWS 60000
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DRAWS 60000
#endif
#endif
#ifndef DRAWS
#define DRAWS 1000000
#endif

typedef struct any_nest {
    cs_nest_layer layer;
    cs_nest_arch arch;
    cs_nest_mapping mapping;
} any_nest;

static uint32_t below(cs_rng *rng, uint32_t n)
{
    return cs_rng_below(rng, n);
}

static double pick(cs_rng *rng, double lo, double hi) /* log-uniform, sometimes without limit */
{
    return below(rng, 4) == 0 ? (double)INFINITY : lo * pow(hi / lo, cs_rng_uniform(rng));
}

static void draw_arch(cs_rng *rng, cs_nest_arch *arch)
{
    memset(arch, 0, sizeof *arch);
    arch->n_levels = (uint8_t)(1 + below(rng, 5));
    arch->clock_hz = 200e6;
    arch->forward_inputs = below(rng, 2);
    arch->fill_drain = below(rng, 2);
    arch->drain_reads = below(rng, 2);
    arch->pass_level = (uint8_t)below(rng, 3);
    arch->pass_cycles = (double)below(rng, 30);
    for (int l = 0; l < arch->n_levels; l++) {
        cs_nest_level *level = &arch->level[l];
        snprintf(level->name, sizeof level->name, "L%d", l);
        level->may_keep = below(rng, 8) || l == 0 ? CS_KEEP_ALL : CS_KEEP_I | CS_KEEP_O;
        cs_tech_sram_level(level, CS_TECH_45NM, pick(rng, 8e3, 8e6), 64.0);
        if (!isfinite(level->capacity_bits))
            cs_tech_dram_level(level);
        level->read_bits_per_cycle = pick(rng, 8.0, 4096.0);
        level->write_bits_per_cycle = pick(rng, 8.0, 4096.0);
        level->double_buffered = below(rng, 2);
        level->stall = below(rng, 8) == 0;
        level->shared_port = below(rng, 2);
        level->hop_pj_bit = CS_TECH_HOP_PJ_BIT;
        level->mesh_x = 1 + below(rng, 16);
        level->mesh_y = below(rng, 17);
        if (below(rng, 6) == 0)
            level->share_bits[below(rng, CS_TENSORS)] = pick(rng, 8.0, 8192.0);
        for (int t = 0; t < CS_TENSORS; t++)
            if (!isfinite(level->share_bits[t]))
                level->share_bits[t] = 0.0;
    }
    cs_tech_finish(arch, 8.0, 8.0, 32.0);
}

/* Extents of real layers, every dimension cut into random bounds that reach them or exceed them. */
static void draw_nest(cs_rng *rng, any_nest *n)
{
    static const uint32_t sizes[] = {1,  1,  2,  3,  5,  7,   11,  13,  14,
                                     28, 55, 56, 64, 96, 112, 144, 224, 512};
    memset(&n->mapping, 0, sizeof n->mapping);
    n->layer.stride = 1 + below(rng, 4);
    for (int t = 0; t < CS_TENSORS; t++)
        n->layer.bits[t] = (uint8_t)(1 + below(rng, 32));
    n->layer.out_bits = (uint8_t)(below(rng, 2) ? 0 : 1 + below(rng, n->layer.bits[CS_TENSOR_O]));
    for (int l = 0; l < n->arch.n_levels; l++)
        n->mapping.level[l].keep = l ? (uint8_t)below(rng, 8) : CS_KEEP_ALL;
    for (int d = 0; d < CS_NEST_DIMS; d++) {
        const uint32_t extent = sizes[below(rng, d == CS_DIM_R || d == CS_DIM_S ? 7 : 18)];
        uint32_t rest = extent, reached = 1;
        n->layer.extent[d] = extent;
        for (int tries = 0; rest > 1 && tries < 40; tries++) {
            cs_nest_map_level *m = &n->mapping.level[below(rng, n->arch.n_levels)];
            const bool spatial = below(rng, 3) == 0;
            uint8_t *count = spatial ? &m->n_spatial : &m->n_temporal;
            const uint32_t b = below(rng, 3) == 0 ? rest : 1 + below(rng, rest);
            if (b == 1 || *count == CS_NEST_DIMS)
                continue;
            (spatial ? m->spatial : m->temporal)[(*count)++] =
                (cs_nest_loop){(uint8_t)d, (uint8_t)below(rng, 2), (uint16_t)b};
            rest = (rest + b - 1) / b;
            reached *= b;
        }
        if (rest > 1) /* no list had room */
            n->layer.extent[d] = reached;
    }
}

static bool sound(const cs_nest_cost *c)
{
    bool ok = isfinite(c->cycles) && isfinite(c->energy_pj) && c->cycles > 0.0 &&
              c->energy_pj >= 0.0 && c->utilization >= 0.0 && isfinite(c->utilization);
    for (int l = 0; l < c->n_levels; l++) {
        ok = ok && isfinite(c->level_cycles[l]) && c->instances[l] >= 1.0 &&
             isfinite(c->used_bits[l]);
        for (int t = 0; t < CS_TENSORS; t++) {
            const cs_nest_flow *f = &c->flow[l][t];
            ok = ok && f->reads >= 0.0 && f->fills >= 0.0 && f->updates >= 0.0 && f->hops >= 0.0 &&
                 isfinite(f->reads + f->fills + f->updates + f->hops + f->energy_pj + f->hop_pj);
        }
    }
    return ok;
}

/* Words of the inputs that some multiplication needs. */
static double needed_inputs(const cs_nest_layer *l)
{
    const double s = l->stride;
    const double rows = s >= l->extent[CS_DIM_R]
                            ? (double)l->extent[CS_DIM_P] * l->extent[CS_DIM_R]
                            : s * (l->extent[CS_DIM_P] - 1.0) + l->extent[CS_DIM_R];
    const double columns = s >= l->extent[CS_DIM_S]
                               ? (double)l->extent[CS_DIM_Q] * l->extent[CS_DIM_S]
                               : s * (l->extent[CS_DIM_Q] - 1.0) + l->extent[CS_DIM_S];
    return (double)l->extent[CS_DIM_N] * l->extent[CS_DIM_G] * l->extent[CS_DIM_C] * rows * columns;
}

Test(nest_props, a_million_random_nests_are_sound)
{
    cs_rng rng;
    cs_rng_seed(&rng, 31);
    int fits = 0, verdicts[CS_NEST_MALFORMED + 1] = {0};
    any_nest n;
    for (int draw = 0; draw < DRAWS; draw++) {
        cs_nest_cost c;
        char reason[CS_NEST_REASON_MAX] = "";
        if (draw % 50 == 0) {
            draw_arch(&rng, &n.arch);
            cr_assert_eq(cs_nest_arch_check(&n.arch, NULL), CS_OK);
        }
        draw_nest(&rng, &n);
        const cs_status status = cs_nest_evaluate(&n.layer, &n.arch, &n.mapping, &c);
        verdicts[c.verdict]++;
        fits += status == CS_OK;
        cr_assert_eq(status == CS_OK, c.verdict == CS_NEST_FITS);
        cr_assert_eq(cs_nest_fits(&n.layer, &n.arch, &n.mapping), c.verdict, "draw %d", draw);
        cr_assert_gt(cs_nest_reason(&n.layer, &n.arch, &c, reason), 0);
        cr_assert_neq(c.verdict, CS_NEST_COVER);
        cr_assert_neq(c.verdict, CS_NEST_MALFORMED);
        cr_assert(sound(&c), "draw %d", draw);
        cr_assert_eq(c.macs, cs_nest_macs(&n.layer));
        cr_assert_geq(c.cycles * c.units, c.macs * (1.0 - 1e-9));
        const cs_nest_flow *dram = c.flow[0];
        cr_assert_geq(dram[CS_TENSOR_W].reads, cs_nest_words(&n.layer, CS_TENSOR_W) * (1.0 - 1e-9));
        cr_assert_geq(dram[CS_TENSOR_O].updates,
                      cs_nest_words(&n.layer, CS_TENSOR_O) * (1.0 - 1e-9));
    }
    cr_assert_gt(fits, DRAWS / 100, "%d fit", fits);
    for (int v = CS_NEST_FITS; v <= CS_NEST_KEEP; v++)
        cr_assert_gt(verdicts[v], 0, "verdict %d never met", v);
}

/* Bad nests are named, not followed. */
Test(nest_props, damaged_nests_are_refused)
{
    cs_rng rng;
    cs_rng_seed(&rng, 32);
    int refused = 0;
    for (int draw = 0; draw < DRAWS / 10; draw++) {
        any_nest n;
        cs_nest_cost c;
        draw_arch(&rng, &n.arch);
        draw_nest(&rng, &n);
        uint8_t *bytes = (uint8_t *)&n.mapping;
        for (int k = 0; k < 4; k++)
            bytes[below(&rng, sizeof n.mapping)] = (uint8_t)below(&rng, 256);
        if (below(&rng, 4) == 0)
            n.layer.extent[below(&rng, CS_NEST_DIMS)] = below(&rng, 2) ? 0 : UINT32_MAX;
        const cs_status status = cs_nest_evaluate(&n.layer, &n.arch, &n.mapping, &c);
        char reason[CS_NEST_REASON_MAX];
        cr_assert(status == CS_OK || status == CS_EINFEASIBLE);
        cr_assert_gt(cs_nest_reason(&n.layer, &n.arch, &c, reason), 0);
        refused += c.verdict == CS_NEST_COVER || c.verdict == CS_NEST_MALFORMED;
        if (c.verdict != CS_NEST_COVER && c.verdict != CS_NEST_MALFORMED)
            cr_assert(sound(&c), "draw %d", draw);
    }
    cr_assert_gt(refused, DRAWS / 100);
}

/* A nest as it is and with one thing changed. */
static void compare(const any_nest *before, const any_nest *after, double *energy, double *cycles)
{
    cs_nest_cost a, b;
    cs_nest_evaluate(&before->layer, &before->arch, &before->mapping, &a);
    cs_nest_evaluate(&after->layer, &after->arch, &after->mapping, &b);
    *energy = b.energy_pj / a.energy_pj;
    *cycles = b.cycles / a.cycles;
}

Test(nest_props, more_of_anything_costs_no_less)
{
    cs_rng rng;
    cs_rng_seed(&rng, 33);
    enum { BITS, BANDWIDTH, NEUTRAL, HALO, KINDS };
    for (int draw = 0; draw < DRAWS / 20; draw++) {
        any_nest a, b;
        double energy, cycles;
        draw_arch(&rng, &a.arch);
        draw_nest(&rng, &a);
        for (int kind = 0; kind < KINDS; kind++) {
            b = a;
            cs_nest_level *level = &b.arch.level[below(&rng, a.arch.n_levels)];
            cs_nest_map_level *map = &b.mapping.level[below(&rng, a.arch.n_levels)];
            if (kind == BITS)
                b.layer.bits[below(&rng, CS_TENSORS)]++;
            else if (kind == BANDWIDTH)
                level->read_bits_per_cycle *= 2.0;
            else if (kind == NEUTRAL && map->n_temporal < CS_NEST_DIMS)
                map->temporal[map->n_temporal++] = (cs_nest_loop){(uint8_t)below(&rng, 8), 0, 1};
            else if (kind == HALO)
                b.arch.halo = CS_NEST_HALO_TIMELOOP;
            b.arch.forward_inputs = a.arch.forward_inputs && kind != HALO;
            any_nest base = a;
            base.arch.forward_inputs = b.arch.forward_inputs;
            compare(&base, &b, &energy, &cycles);
            if (kind == BANDWIDTH)
                cr_assert(cycles <= 1.0 && energy <= 1.0);
            else if (kind == NEUTRAL)
                cr_assert(cycles == 1.0 && energy == 1.0);
            else
                cr_assert(cycles >= 1.0 && energy >= 1.0 - 1e-12, "draw %d kind %d: %.17g %.17g",
                          draw, kind, energy, cycles);
        }
    }
}

/* The same fixed loops on a larger layer: extents grow within the padding. Words of weights and
 * outputs never fall. Energy and latency may where a bandwidth decides: a level is charged for its
 * average instance with work, and a larger layer can even out what the instances have to do. */
Test(nest_props, a_larger_layer_costs_no_less)
{
    cs_rng rng;
    cs_rng_seed(&rng, 34);
    int grown = 0, fell = 0;
    for (int draw = 0; draw < DRAWS / 10; draw++) {
        any_nest a, b;
        cs_nest_cost ca, cb;
        draw_arch(&rng, &a.arch);
        draw_nest(&rng, &a);
        a.arch.forward_inputs = false;
        b = a;
        const int d = (int)below(&rng, CS_NEST_DIMS);
        b.layer.extent[d]++;
        if (cs_nest_fits(&b.layer, &b.arch, &b.mapping) == CS_NEST_COVER)
            continue;
        grown++;
        cs_nest_evaluate(&a.layer, &a.arch, &a.mapping, &ca);
        cs_nest_evaluate(&b.layer, &b.arch, &b.mapping, &cb);
        cr_assert_geq(cb.compute_cycles, ca.compute_cycles);
        fell += cb.energy_pj < ca.energy_pj * (1.0 - 1e-9) || cb.cycles < ca.cycles;
        for (int l = 0; l < a.arch.n_levels; l++)
            for (int t = 0; t < CS_TENSORS; t += 2) {
                const cs_nest_flow *x = &ca.flow[l][t], *y = &cb.flow[l][t];
                cr_assert_geq(y->reads + y->fills + y->updates,
                              (x->reads + x->fills + x->updates) * (1.0 - 1e-9),
                              "draw %d %c level %d tensor %d", draw, cs_nest_dim_letter(d), l, t);
            }
    }
    cr_assert_gt(grown, DRAWS / 100);
    cr_assert_leq(fell, grown / 200, "%d of %d", fell, grown);
}

Test(nest_props, inputs_are_read_at_least_once)
{
    cs_rng rng;
    cs_rng_seed(&rng, 35);
    for (int draw = 0; draw < DRAWS / 10; draw++) {
        any_nest n;
        cs_nest_cost c;
        draw_arch(&rng, &n.arch);
        draw_nest(&rng, &n);
        cs_nest_evaluate(&n.layer, &n.arch, &n.mapping, &c);
        cr_assert_geq(c.flow[0][CS_TENSOR_I].reads, needed_inputs(&n.layer) * (1.0 - 1e-9),
                      "draw %d", draw);
    }
}
