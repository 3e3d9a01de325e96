/* The loop-nest cost model: from words moved to accesses, cycles, energy and area. */
#include "cosearch/loopnest.h"

#include "hw/loopnest_words.h"
#include <string.h>

/* Sums of products of real bounds end a few ulp off whole numbers. */
#define NEARLY 1e-12

static inline double round_up(double x)
{
    return ceil(x * (1.0 - NEARLY));
}

/* a - b where the two are equal or differ by at least a word in 65535. */
static inline double excess(double a, double b)
{
    const double rest = a - b;
    return rest > 1e-9 * a ? rest : 0.0;
}

/* ---- accesses ---- */

/* What the accesses are counted from; index n_levels is the multipliers. */
typedef struct spread_out {
    double active[CS_NEST_LEVELS + 1];             /* instances with work, on average        */
    double copies[CS_TENSORS][CS_NEST_LEVELS + 1]; /* tiles of a tensor in all instances     */
    double outputs[CS_NEST_LEVELS + 1];            /* that differ, per instance              */
    double first[CS_NEST_LEVELS + 1];              /* outputs seen first, by all instances */
    bool finished[CS_NEST_LEVELS];                 /* outputs arrive once each: no partial
                                                      sum returns                            */
} spread_out;

static void count_instances(const loopnest *nest, spread_out *s)
{
    const double outputs = cs_nest_words(nest->layer, CS_TENSOR_O);
    s->active[0] = s->copies[CS_TENSOR_W][0] = s->copies[CS_TENSOR_I][0] =
        s->copies[CS_TENSOR_O][0] = 1.0;
    s->outputs[0] = s->first[0] = outputs;
    for (int l = 0; l < nest->n_levels; l++) {
        const loopnest_fan *fan = &nest->fan[l];
        s->active[l + 1] = s->active[l] * fan->active;
        for (int t = 0; t < CS_TENSORS; t++)
            s->copies[t][l + 1] = s->copies[t][l] * fan->copies[t];
        s->outputs[l + 1] = s->outputs[l] / fan->distinct[CS_TENSOR_O];
        if (l + 1 < nest->n_levels) /* nobody asks at the multipliers */
            s->first[l + 1] = nest->perfect ? s->copies[CS_TENSOR_O][l + 1] * s->outputs[l + 1]
                                            : loopnest_first(nest, l + 1);
        s->finished[l] = true;
    }
}

/* Words of a tensor on their way to the instances of `child`, at level `at` between its parent and
 * the child: what the instances of that level hand down, copies being made below it. */
static double passing(const loopnest *nest, const spread_out *s, int at, int child, int tensor,
                      double moved)
{
    if (!nest->perfect && tensor != CS_TENSOR_I)
        return loopnest_total(nest, child, at, tensor);
    return s->copies[tensor][at] * moved *
           (at < child ? loopnest_distinct(nest, at, child - 1, tensor) : 1.0);
}

/* Marks the levels to which partial sums return. */
static void find_finished(const loopnest *nest, spread_out *s)
{
    int parent = 0;
    for (int l = 1; l <= nest->n_levels; l++)
        if (l == nest->n_levels || nest->mapping->level[l].keep & CS_KEEP_O) {
            const double moved = loopnest_moved(nest, l, CS_TENSOR_O, false);
            const double sent = passing(nest, s, parent, l, CS_TENSOR_O, moved);
            s->finished[parent] = !(excess(sent, s->first[parent]) > 0.0);
            parent = l;
        }
}

/* Words handed from neighbour to neighbour below every level from `parent` to above `child`: copies
 * that arrive less words that were sent. `last` of them arrive at the child. */
static void count_hops(const loopnest *nest, const spread_out *s, int parent, int child, int tensor,
                       double sent, double moved, double last, cs_nest_cost *out)
{
    for (int l = parent; l < child; l++) {
        if (!(nest->fan[l].active > 1.0))
            continue;
        const double arrive = l + 1 < child ? passing(nest, s, l + 1, child, tensor, moved) : last;
        out->flow[l][tensor].hops += excess(arrive, sent);
        sent = arrive;
    }
}

/* Neighbours hand inputs on: fewer are sent, the rest is read from registers beside. */
static double forward(const loopnest *nest, const cs_nest_arch *arch, const spread_out *s,
                      int parent, int child, double sent, cs_nest_cost *out)
{
    const bool timeloop = arch->halo == CS_NEST_HALO_TIMELOOP;
    const double joined =
        s->copies[CS_TENSOR_I][parent] * loopnest_forwarded(nest, parent, child, timeloop);
    if (!(joined < sent)) /* NaN: nothing to forward */
        return sent;
    out->flow[child][CS_TENSOR_I].reads += sent - joined;
    out->flow[child - 1][CS_TENSOR_I].hops += sent - joined;
    return joined;
}

static inline bool spreads(const loopnest *nest, int parent, int child)
{
    for (int l = parent; l < child; l++)
        if (nest->fan[l].active > 1.0)
            return true;
    return false;
}

/* Traffic of a tensor between a level and the next one that keeps it, or the multipliers. */
static void count_pair(const loopnest *nest, const cs_nest_arch *arch, spread_out *s, int parent,
                       int child, int tensor, cs_nest_cost *out)
{
    const double moved = loopnest_moved(nest, child, tensor, arch->halo == CS_NEST_HALO_TIMELOOP);
    double sent = passing(nest, s, parent, child, tensor, moved);
    const double arrive =
        spreads(nest, parent, child) ? passing(nest, s, child, child, tensor, moved) : sent;
    cs_nest_flow *above = &out->flow[parent][tensor];
    cs_nest_flow *below = child < nest->n_levels ? &out->flow[child][tensor] : NULL;
    count_hops(nest, s, parent, child, tensor, sent, moved, arrive, out);
    if (tensor == CS_TENSOR_O) {
        const double again = excess(sent, s->first[parent]);
        above->updates = sent;
        above->reads += again;
        s->finished[parent] = !(again > 0.0);
        if (below) {
            below->fills = excess(arrive, s->first[child]);
            if (arch->drain_reads)
                below->reads += arrive;
        }
        return;
    }
    if (tensor == CS_TENSOR_I && arch->forward_inputs && below)
        sent = forward(nest, arch, s, parent, child, sent, out);
    above->reads += sent;
    if (below)
        below->fills = arrive;
}

static void count_accesses(const loopnest *nest, const cs_nest_arch *arch, spread_out *s,
                           cs_nest_cost *out)
{
    for (int t = 0; t < CS_TENSORS; t++) {
        int parent = 0;
        for (int l = 1; l <= nest->n_levels; l++)
            if (l == nest->n_levels || nest->mapping->level[l].keep >> t & 1) {
                count_pair(nest, arch, s, parent, l, t, out);
                parent = l;
            }
    }
}

/* ---- widths, energy, cycles ---- */

/* Bits of a word of a tensor at a level: outputs to which no partial sum returns are finished. */
static inline double width(const cs_nest_layer *layer, bool finished, int tensor)
{
    return tensor == CS_TENSOR_O && finished && layer->out_bits ? layer->out_bits
                                                                : layer->bits[tensor];
}

static void count_level(const loopnest *nest, const cs_nest_arch *arch, const spread_out *s, int l,
                        cs_nest_cost *out)
{
    const cs_nest_level *level = &arch->level[l];
    const bool done = s->finished[l];
    double read = 0.0, written = 0.0;
    for (int t = 0; t < CS_TENSORS; t++) {
        cs_nest_flow *f = &out->flow[l][t];
        const double bits = width(nest->layer, done, t);
        const double r = f->reads * bits, w = (f->fills + f->updates) * bits;
        f->energy_pj = r * level->read_pj_bit[t] + w * level->write_pj_bit[t];
        f->hop_pj = f->hops * bits * level->hop_pj_bit;
        out->energy_pj += f->energy_pj + f->hop_pj;
        read += r / s->copies[t][l];
        written += w / s->copies[t][l];
        if (nest->mapping->level[l].keep >> t & 1)
            f->tile_words = loopnest_tile_words(nest, l, t);
    }
    out->instances[l] = s->active[l];
    const double reading = read / level->read_bits_per_cycle; /* of one instance */
    const double writing = written / level->write_bits_per_cycle;
    out->level_cycles[l] = round_up(level->shared_port  ? reading + writing
                                    : reading > writing ? reading
                                                        : writing);
}

/* Cycles of moving one tile of a tensor between a level and the next that keeps it, no overlap. */
static double tile_cycles(const loopnest *nest, const cs_nest_arch *arch, int parent, int child,
                          int tensor, double bits)
{
    const cs_nest_level *a = &arch->level[parent], *b = &arch->level[child];
    const double words = loopnest_tile_words(nest, child, tensor);
    const double sent = words * bits * loopnest_distinct(nest, parent, child - 1, tensor);
    const bool out = tensor == CS_TENSOR_O;
    return fmax(sent / (out ? a->write_bits_per_cycle : a->read_bits_per_cycle),
                words * bits / (out ? b->read_bits_per_cycle : b->write_bits_per_cycle));
}

/* The first tiles of weights and inputs come down, the last tile of outputs goes up; tensors share
 * the ports of a level, levels follow one another. */
static void count_fill_drain(const loopnest *nest, const cs_nest_arch *arch, const spread_out *s,
                             cs_nest_cost *out)
{
    int parent[CS_TENSORS] = {0, 0, 0};
    for (int l = 1; l < nest->n_levels; l++)
        for (int t = 0; t < CS_TENSORS; t++) {
            if (!(nest->mapping->level[l].keep >> t & 1))
                continue;
            const double cycles = tile_cycles(nest, arch, parent[t], l, t,
                                              width(nest->layer, s->finished[parent[t]], t));
            if (t == CS_TENSOR_O)
                out->drain_cycles += cycles;
            else
                out->fill_cycles += cycles;
            parent[t] = l;
        }
    out->fill_cycles = round_up(out->fill_cycles);
    out->drain_cycles = round_up(out->drain_cycles);
}

static double count_passes(const cs_nest_arch *arch, const cs_nest_mapping *mapping)
{
    double passes = 1.0;
    for (int l = 0; l < arch->pass_level && l < arch->n_levels; l++)
        for (int i = 0; i < mapping->level[l].n_temporal; i++)
            passes *= (double)mapping->level[l].temporal[i].bound;
    return passes;
}

static void count_cycles(const loopnest *nest, const cs_nest_arch *arch, const spread_out *s,
                         cs_nest_cost *out)
{
    const double interval = arch->mac_interval > 0.0 ? arch->mac_interval : 1.0;
    double stalls = 0.0, body;
    out->compute_cycles = body = nest->padded * interval;
    out->bound = CS_NEST_BOUND_COMPUTE;
    double most = body;
    for (int l = 0; l < nest->n_levels; l++) {
        if (arch->level[l].stall)
            stalls += out->level_cycles[l];
        else if (out->level_cycles[l] > body)
            body = out->level_cycles[l];
        if (out->level_cycles[l] > most) {
            most = out->level_cycles[l];
            out->bound = (int8_t)l;
        }
    }
    if (arch->fill_drain)
        count_fill_drain(nest, arch, s, out);
    if (arch->pass_cycles > 0.0)
        out->pass_cycles = arch->pass_cycles * count_passes(arch, nest->mapping);
    out->cycles = body + stalls + out->fill_cycles + out->drain_cycles + out->pass_cycles;
    out->utilization = out->macs * interval / (out->units_all * out->cycles);
}

/* ---- feasibility ---- */

/* Axis whose fan-out the spatial loops exceed, or -1. */
static int axis_exceeded(const cs_nest_level *level, const cs_nest_map_level *map)
{
    double used[2] = {1.0, 1.0};
    for (int i = 0; i < map->n_spatial; i++)
        used[map->spatial[i].axis == CS_AXIS_Y] *= (double)map->spatial[i].bound;
    if (used[CS_AXIS_X] > (level->mesh_x ? level->mesh_x : 1))
        return CS_AXIS_X;
    return used[CS_AXIS_Y] > (level->mesh_y ? level->mesh_y : 1) ? CS_AXIS_Y : -1;
}

/* Verdict on one level. */
typedef struct fit {
    cs_nest_verdict verdict;
    int tensor;
    double used_bits;
} fit;

static fit fit_level(const loopnest *nest, const cs_nest_arch *arch, const spread_out *s, int l)
{
    const cs_nest_level *level = &arch->level[l];
    const cs_nest_map_level *map = &nest->mapping->level[l];
    const double copies = level->double_buffered ? 2.0 : 1.0;
    fit f = {CS_NEST_FITS, CS_TENSORS, 0.0};
    for (int t = 0; t < CS_TENSORS; t++) {
        if (!(map->keep >> t & 1))
            continue;
        const double bits = loopnest_tile_words(nest, l, t) * width(nest->layer, s->finished[l], t);
        if (!(level->share_bits[t] > 0.0)) {
            f.used_bits += bits;
        } else if (copies * bits > level->share_bits[t] && f.verdict == CS_NEST_FITS) {
            f.verdict = CS_NEST_CAPACITY;
            f.tensor = t;
        }
        if (!(level->may_keep >> t & 1) && f.verdict != CS_NEST_KEEP) {
            f.verdict = CS_NEST_KEEP;
            f.tensor = t;
        }
    }
    if (f.verdict != CS_NEST_FITS)
        return f;
    const int axis = axis_exceeded(level, map);
    if (copies * f.used_bits > level->capacity_bits)
        f.verdict = CS_NEST_CAPACITY;
    else if (axis >= 0)
        f.verdict = axis == CS_AXIS_X ? CS_NEST_ARRAY_X : CS_NEST_ARRAY_Y;
    return f;
}

/* The outermost level that does not fit. */
static void check_fit(const loopnest *nest, const cs_nest_arch *arch, const spread_out *s, int l,
                      cs_nest_cost *out)
{
    const fit f = fit_level(nest, arch, s, l);
    out->used_bits[l] = f.used_bits;
    if (out->verdict == CS_NEST_FITS && f.verdict != CS_NEST_FITS) {
        out->verdict = f.verdict;
        out->level = (uint8_t)l;
        out->tensor = (uint8_t)f.tensor;
    }
}

cs_nest_verdict cs_nest_fits(const cs_nest_layer *layer, const cs_nest_arch *arch,
                             const cs_nest_mapping *mapping)
{
    loopnest nest;
    spread_out s;
    uint8_t dim;
    const cs_nest_verdict verdict = loopnest_prepare(layer, arch->n_levels, mapping, &nest, &dim);
    if (verdict != CS_NEST_FITS)
        return verdict;
    count_instances(&nest, &s);
    if (layer->out_bits && layer->out_bits != layer->bits[CS_TENSOR_O])
        find_finished(&nest, &s);
    for (int l = 0; l < nest.n_levels; l++) {
        const fit f = fit_level(&nest, arch, &s, l);
        if (f.verdict != CS_NEST_FITS)
            return f.verdict;
    }
    return CS_NEST_FITS;
}

/* ---- whole ---- */

cs_status cs_nest_evaluate(const cs_nest_layer *layer, const cs_nest_arch *arch,
                           const cs_nest_mapping *mapping, cs_nest_cost *out)
{
    loopnest nest;
    spread_out s;
    memset(out, 0, sizeof *out);
    out->n_levels = arch->n_levels;
    out->verdict = loopnest_prepare(layer, arch->n_levels, mapping, &nest, &out->dim);
    if (out->verdict != CS_NEST_FITS) {
        out->cycles = out->energy_pj = (double)NAN;
        return CS_EINFEASIBLE;
    }
    count_instances(&nest, &s);
    out->macs = cs_nest_macs(layer);
    out->units = s.active[nest.n_levels];
    out->units_all = cs_nest_units(arch);
    count_accesses(&nest, arch, &s, out);
    for (int l = 0; l < nest.n_levels; l++) {
        count_level(&nest, arch, &s, l, out);
        check_fit(&nest, arch, &s, l, out);
    }
    count_cycles(&nest, arch, &s, out);
    out->mac_pj = out->macs * cs_nest_mac_pj(arch, layer);
    if (arch->static_w > 0.0)
        out->static_pj = 1e12 * arch->static_w * out->cycles / arch->clock_hz;
    out->energy_pj += out->mac_pj + out->static_pj;
    return out->verdict == CS_NEST_FITS ? CS_OK : CS_EINFEASIBLE;
}
