/* A sub-accelerator through the loop-nest model: memories, and the fixed rule by which a template
 * schedules a layer.
 *
 * Tiles are sized for the widest operands of the space, so that a layer's schedule does not depend
 * on its bitwidth and fewer bits never cost more; traffic and energy are counted at the layer's own
 * bits. */
#include "hetero_model.h"

#include "cosearch/hw_tech.h"
#include <string.h>

/* Memory per PE as on the Eyeriss chip: 520 bytes of registers, 108 KB / 168 of shared buffer. */
#define RF_BITS_PER_PE (512.0 * 8.0)
#define GLB_BITS_PER_PE (640.0 * 8.0)
#define RF_WORD_BITS 16.0
#define GLB_PORT_BITS 64.0

enum { DRAM, GLB, RF, LEVELS };

void hetero_nest_build(const hetero_unit *unit, uint8_t widest, hetero_engine *out)
{
    cs_nest_arch *arch = &out->arch;
    const double link = 8.0 * unit->gbs;
    out->unit = *unit;
    *arch = (cs_nest_arch){.n_levels = LEVELS,
                           .forward_inputs = unit->dataflow == HETERO_SHI,
                           .fill_drain = true,
                           .pass_level = GLB,
                           .pass_cycles = ceil(2.0 * sqrt((double)unit->pes)),
                           .clock_hz = HETERO_CLOCK_HZ};
    cs_nest_level *dram = &arch->level[DRAM], *glb = &arch->level[GLB], *rf = &arch->level[RF];
    *dram = (cs_nest_level){.name = "DRAM", .shared_port = true};
    *glb = (cs_nest_level){.name = "GLB", .double_buffered = true};
    *rf = (cs_nest_level){.name = "RF"};
    cs_tech_dram_level(dram);
    cs_tech_sram_level(glb, CS_TECH_45NM, GLB_BITS_PER_PE * unit->pes, GLB_PORT_BITS);
    cs_tech_rf_level(rf, RF_BITS_PER_PE, RF_WORD_BITS);
    for (int l = 0; l < LEVELS; l++) {
        arch->level[l].may_keep = CS_KEEP_ALL;
        arch->level[l].mesh_x = arch->level[l].mesh_y = 1;
        arch->level[l].read_bits_per_cycle = l == RF ? (double)INFINITY : link;
        arch->level[l].write_bits_per_cycle = l == RF ? (double)INFINITY : link;
    }
    glb->mesh_x = (uint32_t)unit->pes;
    glb->hop_pj_bit = CS_TECH_HOP_PJ_BIT;
    cs_tech_finish(arch, widest, widest, 2.0 * widest + 8.0);
    out->widest = widest;
    out->area_mm2 = cs_nest_area_mm2(arch);
    out->static_w = arch->static_w;
    arch->static_w = 0.0; /* that of all units is counted, once */
}

/* ---- a layer ---- */

/* Bits of a sum of products of q x q bits over n terms. */
static uint8_t sum_bits(uint32_t q, uint32_t n)
{
    uint32_t bits = 2 * q;
    while (n > 1) {
        n = (n + 1) / 2;
        bits++;
    }
    return (uint8_t)bits;
}

void hetero_nest_layer(const cs_conv *conv, cs_nest_layer *out)
{
    const uint32_t groups = conv->groups;
    *out = (cs_nest_layer){.stride = conv->stride, .out_bits = conv->bits};
    out->extent[CS_DIM_N] = 1;
    out->extent[CS_DIM_G] = groups;
    out->extent[CS_DIM_K] = conv->cout / groups;
    out->extent[CS_DIM_C] = conv->cin / groups;
    out->extent[CS_DIM_P] = out->extent[CS_DIM_Q] = conv->out_size;
    out->extent[CS_DIM_R] = out->extent[CS_DIM_S] = conv->kernel;
    out->bits[CS_TENSOR_W] = out->bits[CS_TENSOR_I] = conv->bits;
    out->bits[CS_TENSOR_O] =
        sum_bits(conv->bits, out->extent[CS_DIM_C] * out->extent[CS_DIM_R] * out->extent[CS_DIM_S]);
}

/* ---- the schedule ---- */

/* How often a dimension is unrolled over the array, repeated in a PE, in the buffer, and outside.
 */
typedef struct plan {
    uint32_t extent[CS_NEST_DIMS];
    uint32_t array[CS_NEST_DIMS], pe[CS_NEST_DIMS], glb[CS_NEST_DIMS], dram[CS_NEST_DIMS];
    uint32_t stride, widest, sum; /* bits of operands and partial sums */
    bool inputs_stay;             /* DRAM order: maps outside output channels */
} plan;

static uint32_t up(uint32_t a, uint32_t b)
{
    return a / b + (a % b != 0);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Unrolls a dimension over what is left of the array. */
static void unroll(plan *p, int dim, uint32_t *left)
{
    p->array[dim] = least(p->extent[dim], *left);
    *left /= p->array[dim];
}

/* Repeats a dimension in a PE up to `most` times, in as many equal passes as it takes. */
static void repeat(plan *p, int dim, uint32_t most)
{
    const uint32_t all = up(p->extent[dim], p->array[dim]);
    const uint32_t passes = up(all, least(all, most > 1 ? most : 1));
    p->pe[dim] = up(all, passes);
}

/* Array and registers by template. A unit larger than a layer's own dimensions lets its other PEs
 * work on more output channels, then groups. */
static void place_dla(plan *p, uint32_t pes)
{
    const uint32_t inside = pes % 64 == 0 ? 64 : 32;
    const uint32_t taps = p->extent[CS_DIM_R] * p->extent[CS_DIM_S];
    uint32_t in = inside, clusters = pes / inside;
    unroll(p, CS_DIM_C, &in);
    unroll(p, CS_DIM_K, &clusters);
    unroll(p, CS_DIM_G, &clusters);
    p->pe[CS_DIM_R] = p->extent[CS_DIM_R];
    p->pe[CS_DIM_S] = p->extent[CS_DIM_S];
    repeat(p, CS_DIM_C, ((uint32_t)RF_BITS_PER_PE - p->sum) / (2 * taps * p->widest));
}

/* One tap at a time, so that inputs wander from neighbour to neighbour. */
static void place_shi(plan *p, uint32_t pes)
{
    uint32_t columns = 8, rows = pes / 8;
    unroll(p, CS_DIM_Q, &columns);
    unroll(p, CS_DIM_P, &rows);
    unroll(p, CS_DIM_K, &rows);
    unroll(p, CS_DIM_G, &rows);
    repeat(p, CS_DIM_K, ((uint32_t)RF_BITS_PER_PE - p->widest) / (p->widest + p->sum));
}

static void place_rs(plan *p, uint32_t pes)
{
    const uint32_t row = p->extent[CS_DIM_S] * p->widest;
    uint32_t taps = p->extent[CS_DIM_R], rows = pes / taps;
    unroll(p, CS_DIM_R, &taps);
    unroll(p, CS_DIM_P, &rows);
    unroll(p, CS_DIM_K, &rows);
    unroll(p, CS_DIM_C, &rows);
    unroll(p, CS_DIM_G, &rows);
    p->pe[CS_DIM_S] = p->extent[CS_DIM_S];
    repeat(p, CS_DIM_K, least(16, ((uint32_t)RF_BITS_PER_PE - row) / (row + p->sum)));
    const uint32_t k = p->pe[CS_DIM_K];
    repeat(p, CS_DIM_C, ((uint32_t)RF_BITS_PER_PE - k * p->sum) / ((k + 1) * row));
}

/* Real extent of a dimension in the tile that the buffer holds. */
static double extent_of(const plan *p, int dim)
{
    return (double)least(p->extent[dim], p->array[dim] * p->pe[dim] * p->glb[dim]);
}

static double tile_bits(const plan *p)
{
    const double g = extent_of(p, CS_DIM_G), k = extent_of(p, CS_DIM_K), c = extent_of(p, CS_DIM_C);
    const double rows = extent_of(p, CS_DIM_P), columns = extent_of(p, CS_DIM_Q);
    const double r = p->extent[CS_DIM_R], s = p->extent[CS_DIM_S];
    return g * (k * c * r * s * p->widest +
                c * ((rows - 1) * p->stride + r) * ((columns - 1) * p->stride + s) * p->widest +
                k * rows * columns * p->sum);
}

static void set_glb(plan *p, int dim, uint32_t n)
{
    const uint32_t all = up(p->extent[dim], p->array[dim] * p->pe[dim]);
    p->dram[dim] = up(all, n);
    p->glb[dim] = up(all, p->dram[dim]);
}

static uint32_t all_of(const plan *p, int dim)
{
    return up(p->extent[dim], p->array[dim] * p->pe[dim]);
}

/* Cycles that a split into tiles takes, all parts added up, over a link of 32 GB/s: the same tiles
 * whatever the unit's bandwidth. */
static double estimate(plan *p, uint8_t dataflow, double pass_cycles)
{
    const double link = 8.0 * 32.0, g = p->extent[CS_DIM_G], k = p->extent[CS_DIM_K];
    const double c = p->extent[CS_DIM_C], r = p->extent[CS_DIM_R], s = p->extent[CS_DIM_S];
    const double weights = k * c * r * s * p->widest;
    const double inputs = c * ((p->extent[CS_DIM_P] - 1.0) * p->stride + r) *
                          ((p->extent[CS_DIM_Q] - 1.0) * p->stride + s) * p->widest;
    const double sums = k * p->extent[CS_DIM_P] * p->extent[CS_DIM_Q] * p->sum;
    const double maps = (double)p->dram[CS_DIM_P] * p->dram[CS_DIM_Q], tiles_k = p->dram[CS_DIM_K];
    /* From DRAM, in the better of the two loop orders. Consecutive tiles of a sweep share their
     * halo, so maps count in full per sweep. */
    const bool split_c = p->dram[CS_DIM_C] > 1;
    const double weights_once =
        weights * (split_c ? maps : 1.0) + inputs * (split_c || maps > 1.0 ? tiles_k : 1.0);
    const double inputs_once = inputs + weights * (tiles_k > 1.0 ? maps : 1.0);
    p->inputs_stay = !split_c && inputs_once < weights_once;
    const double dram = p->inputs_stay ? inputs_once : weights_once;
    /* From the buffer, by what stays in the PEs: weights while the map is swept (dla), or a row of
     * it (rs); sums until they are done (shi), elsewhere only if the buffer's part of the map is no
     * larger than what the PEs work on. */
    const double sweeps = dataflow == HETERO_DLA  ? 1.0
                          : dataflow == HETERO_RS ? p->glb[CS_DIM_P]
                                                  : (double)p->glb[CS_DIM_P] * p->glb[CS_DIM_Q];
    const bool stay = p->glb[CS_DIM_Q] == 1 && (dataflow == HETERO_RS || p->glb[CS_DIM_P] == 1);
    const double visits = dataflow == HETERO_SHI || stay
                              ? p->dram[CS_DIM_C]
                              : (double)p->dram[CS_DIM_C] * p->glb[CS_DIM_C];
    const double glb =
        weights * maps * sweeps + inputs * tiles_k * p->glb[CS_DIM_K] + sums * (2.0 * visits - 1.0);
    double trips = 1.0, passes = 1.0;
    for (int d = 0; d < CS_NEST_DIMS; d++) {
        passes *= p->dram[d];
        trips *= (double)p->pe[d] * p->glb[d];
    }
    return trips * passes + (g * (dram + glb) + tile_bits(p)) / link + passes * pass_cycles;
}

typedef struct search {
    plan best;
    double cycles; /* of the best; Inf: none fits */
    double room, pass_cycles;
    uint8_t dataflow;
} search;

static bool look(plan *p, search *s)
{
    if (tile_bits(p) > s->room)
        return false;
    const double cycles = estimate(p, s->dataflow, s->pass_cycles);
    if (cycles < s->cycles) {
        s->cycles = cycles;
        s->best = *p;
    }
    return true;
}

/* Every split of the map that fits: rows into halves, single rows into halves of columns. */
static bool split_map(plan *p, search *s)
{
    bool fits = false;
    set_glb(p, CS_DIM_Q, all_of(p, CS_DIM_Q));
    for (uint32_t rows = all_of(p, CS_DIM_P); rows > 1; rows = up(rows, 2)) {
        set_glb(p, CS_DIM_P, rows);
        fits |= look(p, s);
    }
    set_glb(p, CS_DIM_P, 1);
    for (uint32_t columns = all_of(p, CS_DIM_Q); columns > 1; columns = up(columns, 2)) {
        set_glb(p, CS_DIM_Q, columns);
        fits |= look(p, s);
    }
    set_glb(p, CS_DIM_Q, 1);
    return look(p, s) || fits;
}

/* The same with every split of groups and output channels into halves. */
static bool split_channels(plan *p, search *s)
{
    bool fits = false;
    for (uint32_t g = all_of(p, CS_DIM_G);; g = up(g, 2)) {
        set_glb(p, CS_DIM_G, g);
        for (uint32_t k = all_of(p, CS_DIM_K);; k = up(k, 2)) {
            set_glb(p, CS_DIM_K, k);
            fits |= split_map(p, s);
            if (k == 1)
                break;
        }
        if (g == 1)
            return fits;
    }
}

/* The same with input channels whole, in halves and so on until something fits and once more. */
static bool split(plan *p, search *s)
{
    bool fits = false;
    for (int d = 0; d < CS_NEST_DIMS; d++)
        set_glb(p, d, all_of(p, d));
    for (uint32_t c = all_of(p, CS_DIM_C);; c = up(c, 2)) {
        const bool once_more = fits;
        set_glb(p, CS_DIM_C, c);
        fits |= split_channels(p, s);
        if (once_more || c == 1)
            return fits;
    }
}

static bool halve(uint32_t *n)
{
    const bool more = *n > 1;
    *n = up(*n, 2);
    return more;
}

static void make_plan(const hetero_engine *engine, const cs_nest_layer *layer, plan *p)
{
    search s = {.cycles = (double)INFINITY,
                .room = engine->arch.level[GLB].capacity_bits / 2.0,
                .pass_cycles = engine->arch.pass_cycles,
                .dataflow = engine->unit.dataflow};
    const uint32_t pes = (uint32_t)engine->unit.pes;
    *p = (plan){.stride = layer->stride, .widest = engine->widest};
    memcpy(p->extent, layer->extent, sizeof p->extent);
    for (int d = 0; d < CS_NEST_DIMS; d++)
        p->array[d] = p->pe[d] = 1;
    p->sum = sum_bits(p->widest, p->extent[CS_DIM_C] * p->extent[CS_DIM_R] * p->extent[CS_DIM_S]);
    switch (engine->unit.dataflow) {
    case HETERO_DLA: place_dla(p, pes); break;
    case HETERO_SHI: place_shi(p, pes); break;
    default: place_rs(p, pes); break;
    }
    /* What one pass of the array takes has to fit: less in the PEs, then fewer of them. */
    while (!split(p, &s))
        if (!halve(&p->pe[CS_DIM_C]) && !halve(&p->pe[CS_DIM_K]) && !halve(&p->array[CS_DIM_K]) &&
            !halve(&p->array[CS_DIM_C]) && !halve(&p->array[CS_DIM_P]) &&
            !halve(&p->array[CS_DIM_G]))
            return;
    *p = s.best;
}

/* ---- the schedule as a loop nest ---- */

static void add_loop(cs_nest_loop *list, uint8_t *n, int dim, uint32_t bound)
{
    if (bound > 1)
        list[(*n)++] = (cs_nest_loop){.dim = (uint8_t)dim, .bound = (uint16_t)bound};
}

static void add_loops(cs_nest_map_level *level, const char *order, const uint32_t *bound)
{
    static const char letters[] = "NGKCPQRS";
    for (; *order; order++) {
        const int dim = (int)(strchr(letters, *order) - letters);
        add_loop(level->temporal, &level->n_temporal, dim, bound[dim]);
    }
}

void hetero_nest_mapping(const hetero_engine *engine, const cs_nest_layer *layer,
                         cs_nest_mapping *out)
{
    static const char *const passes[HETERO_DATAFLOWS] = {"GKCPQ", "GKPQCRS", "GKPCQ"};
    plan p;
    make_plan(engine, layer, &p);
    for (int l = 0; l < LEVELS; l++) {
        out->level[l].keep = CS_KEEP_ALL;
        out->level[l].n_temporal = out->level[l].n_spatial = 0;
    }
    add_loops(&out->level[DRAM], p.inputs_stay ? "GPQKC" : "GKPQC", p.dram);
    add_loops(&out->level[GLB], passes[engine->unit.dataflow], p.glb);
    add_loops(&out->level[RF], "KCRS", p.pe);
    cs_nest_map_level *glb = &out->level[GLB];
    for (int d = 0; d < CS_NEST_DIMS; d++)
        add_loop(glb->spatial, &glb->n_spatial, d, p.array[d]);
}

/* ---- cost ---- */

void hetero_nest_cost(const hetero_engine *engine, const cs_conv *conv, hetero_cost *out)
{
    cs_nest_layer layer;
    cs_nest_mapping mapping;
    cs_nest_cost cost;
    double level_pj[LEVELS] = {0.0}, hops = 0.0;
    hetero_nest_layer(conv, &layer);
    hetero_nest_mapping(engine, &layer, &mapping);
    cs_nest_evaluate(&layer, &engine->arch, &mapping, &cost);
    for (int l = 0; l < LEVELS; l++)
        for (int t = 0; t < CS_TENSORS; t++) {
            level_pj[l] += cost.flow[l][t].energy_pj;
            hops += cost.flow[l][t].hop_pj;
        }
    *out = (hetero_cost){.cycles = cost.cycles, .dram_bits = level_pj[DRAM] / CS_TECH_DRAM_PJ_BIT};
    out->energy_j[CS_HW_MAC] = 1e-12 * cost.mac_pj;
    out->energy_j[CS_HW_RF] = 1e-12 * level_pj[RF];
    out->energy_j[CS_HW_ARRAY] = 1e-12 * hops;
    out->energy_j[CS_HW_GLB] = 1e-12 * level_pj[GLB];
    out->energy_j[CS_HW_DRAM] = 1e-12 * level_pj[DRAM];
}
