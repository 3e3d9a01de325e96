/* The corrected model of DNA's accelerator space: every convolution becomes a loop nest over
 * off-chip memory, the buffer of its part and the registers of the array, and is costed by the
 * loop-nest model with circuits of hw_tech.h. asic_pe_counts.c has that model for such nests. */
#include "asic_pe.h"

#include "cosearch/hw_tech.h"
#include "cosearch/loopnest.h"
#include <string.h>

#define NODE_NM CS_TECH_45NM
#define BUFFER_PORT_BITS 64.0
/* 64 bits at 90 MHz, as published. */
#define DRAM_BITS_PER_CYCLE (64.0 * 90e6 / PE_CLOCK_HZ)
#define ESTIMATE_WORD_BITS 16.0 /* of the words by which a tile is sized, as published */
#define SUM_BITS_MAX 32

/* Dimension of the nest that a loop runs over. */
static const uint8_t nest_dim[PE_LOOPS] = {
    [PE_COL_OUT] = CS_DIM_Q, [PE_CH_OUT] = CS_DIM_K,     [PE_CH_IN] = CS_DIM_C,
    [PE_ROW_OUT] = CS_DIM_P, [PE_COL_KERNEL] = CS_DIM_S, [PE_ROW_KERNEL] = CS_DIM_R,
    [PE_BATCH] = CS_DIM_N};

/* ---- one layer ---- */

/* Bits of a sum of products that cannot overflow, up to 32. */
uint8_t asic_pe_sum_bits(const cs_conv *c)
{
    const uint32_t terms =
        (uint32_t)(c->cin / c->groups) * (uint32_t)c->kernel * (uint32_t)c->kernel;
    unsigned bits = 2u * c->bits;
    for (uint32_t sums = terms - 1; sums > 0 && bits < SUM_BITS_MAX; sums >>= 1)
        bits++;
    return (uint8_t)(bits < SUM_BITS_MAX ? bits : SUM_BITS_MAX);
}

static void set_layer(const cs_conv *c, cs_nest_layer *out)
{
    *out = (cs_nest_layer){.extent = {[CS_DIM_N] = 1,
                                      [CS_DIM_G] = c->groups,
                                      [CS_DIM_K] = c->cout / c->groups,
                                      [CS_DIM_C] = c->cin / c->groups,
                                      [CS_DIM_P] = c->out_size,
                                      [CS_DIM_Q] = c->out_size,
                                      [CS_DIM_R] = c->kernel,
                                      [CS_DIM_S] = c->kernel},
                           .stride = c->stride,
                           .bits = {c->bits, c->bits, asic_pe_sum_bits(c)},
                           .out_bits = c->bits};
}

static void add_loop(cs_nest_loop *list, uint8_t *n, uint8_t dim, int32_t bound)
{
    if (bound > 1)
        list[(*n)++] = (cs_nest_loop){.dim = dim, .bound = (uint16_t)bound};
}

/* Groups of a standard convolution run one after another, outside everything; a depthwise one
 * walks its groups by the loop over output channels. */
static void set_mapping(const pe_unit *unit, const cs_conv *c, const pe_bounds *b,
                        cs_nest_mapping *out)
{
    static const int level[PE_LEVELS] = {[PE_BUFFER] = PE_NEST_GLB, [PE_DRAM] = PE_NEST_DRAM};
    for (int l = 0; l < PE_NEST_LEVELS; l++) {
        out->level[l].keep = CS_KEEP_ALL;
        out->level[l].n_temporal = out->level[l].n_spatial = 0;
    }
    if (!c->depthwise)
        add_loop(out->level[PE_NEST_DRAM].temporal, &out->level[PE_NEST_DRAM].n_temporal, CS_DIM_G,
                 c->groups);
    for (size_t k = 0; k < PE_LEVELS; k++) {
        cs_nest_map_level *map = &out->level[level[k]];
        for (size_t i = unit->n_loops; i-- > 0;) {
            const uint8_t loop = unit->order[k][i];
            const bool channels = loop == PE_CH_OUT && c->depthwise;
            add_loop(map->temporal, &map->n_temporal, channels ? CS_DIM_G : nest_dim[loop],
                     b->loop[k][loop]);
        }
    }
    size_t sides;
    const uint8_t *loop = asic_pe_array_loops(unit, &sides);
    cs_nest_map_level *map = &out->level[PE_NEST_GLB];
    for (size_t i = 0; i < sides; i++) {
        const bool channels = loop[i] == PE_CH_OUT && c->depthwise;
        add_loop(map->spatial, &map->n_spatial, channels ? CS_DIM_G : nest_dim[loop[i]],
                 b->spatial[loop[i]]);
    }
}

/* Bits of the tiles of a layer in the buffer: inputs with their border, partial sums at full width,
 * twice, so that the next tiles arrive while these are worked on. */
static double tile_bits(const cs_conv *c, const pe_bounds *b)
{
    int32_t extent[PE_LOOPS];
    asic_pe_extents(c, extent);
    double e[PE_LOOPS];
    for (size_t i = 0; i < PE_LOOPS; i++) {
        const int32_t held = b->spatial[i] * b->loop[PE_BUFFER][i];
        e[i] = held < extent[i] ? held : extent[i];
    }
    const double in = (c->stride * (e[PE_ROW_OUT] - 1.0) + e[PE_ROW_KERNEL]) *
                      (c->stride * (e[PE_COL_OUT] - 1.0) + e[PE_COL_KERNEL]) *
                      e[c->depthwise ? PE_CH_OUT : PE_CH_IN];
    const double weights = e[PE_CH_OUT] * e[PE_CH_IN] * e[PE_ROW_KERNEL] * e[PE_COL_KERNEL];
    return 2.0 * ((in + weights) * c->bits +
                  e[PE_CH_OUT] * e[PE_ROW_OUT] * e[PE_COL_OUT] * asic_pe_sum_bits(c));
}

/* ---- one part ---- */

void asic_pe_nest_arch(const pe_unit *unit, const pe_need *need, cs_nest_arch *out)
{
    const double registers = 2.0 * need->operand_bits + need->sum_bits;
    double pes = 1.0;
    for (size_t i = 0; i < PE_LOOPS; i++)
        pes *= unit->spatial[i];
    memset(out, 0, sizeof *out);
    out->n_levels = PE_NEST_LEVELS;
    out->halo = CS_NEST_HALO_EXACT;
    out->fill_drain = true;
    out->drain_reads = true;
    out->clock_hz = PE_CLOCK_HZ;
    for (int l = 0; l < PE_NEST_LEVELS; l++) {
        cs_nest_level *level = &out->level[l];
        level->may_keep = CS_KEEP_ALL;
        level->mesh_x = level->mesh_y = 1;
        level->read_bits_per_cycle = level->write_bits_per_cycle =
            l == PE_NEST_DRAM  ? DRAM_BITS_PER_CYCLE
            : l == PE_NEST_GLB ? BUFFER_PORT_BITS
                               : (double)INFINITY;
    }
    out->level[PE_NEST_DRAM].shared_port = true;
    cs_tech_dram_level(&out->level[PE_NEST_DRAM]);
    cs_tech_sram_level(&out->level[PE_NEST_GLB], NODE_NM, need->buffer_bits, BUFFER_PORT_BITS);
    cs_tech_rf_level(&out->level[PE_NEST_RF], registers, registers / CS_TENSORS);
    out->level[PE_NEST_GLB].double_buffered = true;
    out->level[PE_NEST_GLB].hop_pj_bit = CS_TECH_HOP_PJ_BIT;
    out->level[PE_NEST_GLB].mesh_x = (uint32_t)pes;
    cs_tech_finish(out, need->operand_bits, need->operand_bits, need->sum_bits);
}

void asic_pe_nest_need(const cs_conv *c, const pe_bounds *bounds, pe_need *need)
{
    need->buffer_bits = fmax(need->buffer_bits, tile_bits(c, bounds));
    need->operand_bits = fmax(need->operand_bits, c->bits);
    need->sum_bits = fmax(need->sum_bits, asic_pe_sum_bits(c));
}

void asic_pe_nest_cost(const pe_unit *unit, const cs_conv *c, const pe_bounds *bounds,
                       const cs_nest_arch *arch, cs_nest_cost *out)
{
    cs_nest_layer layer;
    cs_nest_mapping mapping;
    set_layer(c, &layer);
    set_mapping(unit, c, bounds, &mapping);
    cs_nest_evaluate(&layer, arch, &mapping, out);
}

/* ---- a network ---- */

typedef struct network {
    const cs_conv *conv;
    size_t n;
    pe_unit unit[PE_PARTS];
    pe_need need[PE_PARTS];
    pe_bounds bounds[CS_CONVS_MAX];
} network;

/* Shares of the platform: what is left of a whole number of PEs goes to the standard part. */
static void split(const pe_platform *p, const uint16_t *choice, network *net)
{
    double macs[PE_PARTS] = {0.0}, volume[PE_PARTS] = {0.0};
    for (size_t i = 0; i < net->n; i++) {
        macs[net->conv[i].depthwise] += (double)cs_conv_macs(&net->conv[i]);
        volume[net->conv[i].depthwise] += asic_pe_conv_volume(&net->conv[i]);
    }
    for (size_t part = PE_PARTS; part-- > 0;) {
        pe_unit *u = &net->unit[part];
        if (macs[part] <= 0.0) {
            *u = (pe_unit){.depthwise = part == PE_DEPTHWISE};
            continue;
        }
        asic_pe_unit_decode(part, choice, u);
        const double share = floor(p->pes * macs[part] / (macs[0] + macs[1]));
        u->pes = part == PE_STANDARD ? p->pes - net->unit[PE_DEPTHWISE].pes
                                     : fmin(fmax(1.0, share), p->pes - 1.0);
        u->buffer_bits = p->buffer_bits * volume[part] / (volume[0] + volume[1]);
        asic_pe_set_array(u, false);
        asic_pe_set_tile(u, u->buffer_bits / (2.0 * ESTIMATE_WORD_BITS));
    }
}

static void plan(const pe_platform *p, const uint16_t *choice, network *net)
{
    split(p, choice, net);
    memset(net->need, 0, sizeof net->need);
    for (size_t i = 0; i < net->n; i++) {
        const cs_conv *c = &net->conv[i];
        int32_t extent[PE_LOOPS];
        asic_pe_extents(c, extent);
        asic_pe_bounds_set(&net->unit[c->depthwise], extent, &net->bounds[i]);
        asic_pe_nest_need(c, &net->bounds[i], &net->need[c->depthwise]);
    }
}

static bool same_work(const cs_conv *a, const cs_conv *b)
{
    return a->depthwise == b->depthwise && a->cin == b->cin && a->cout == b->cout &&
           a->in_size == b->in_size && a->out_size == b->out_size && a->kernel == b->kernel &&
           a->stride == b->stride && a->bits == b->bits && a->groups == b->groups;
}

/* Layers of a stage repeat: blocks before the last few have other sizes. */
#define LOOK_BACK 12

static bool copy_equal(const network *net, size_t i, cs_hw_report *report)
{
    for (size_t j = i; j-- > 0 && i - j <= LOOK_BACK;)
        if (same_work(&net->conv[i], &net->conv[j])) {
            const int16_t block = net->conv[i].block;
            report->layer[i] = report->layer[j];
            report->layer[i].block = block;
            return true;
        }
    return false;
}

static void cost_layer(const network *net, const cs_nest_arch *arch, size_t i,
                       cs_hw_layer_cost *out)
{
    const cs_conv *c = &net->conv[i];
    pe_nest_cost cost;
    asic_pe_nest_fast(&net->unit[c->depthwise], c, &net->bounds[i], arch, &cost);
    out->cycles = cost.cycles;
    out->dram_bits = cost.dram_bits;
    for (size_t level = 0; level < CS_HW_LEVELS; level++)
        out->energy_j[level] = 1e-12 * cost.pj[level];
}

void asic_pe_nest_report(const pe_platform *p, bool pipelined, const cs_conv *conv, size_t n,
                         const uint16_t *choice, const cs_limits *limits, cs_hw_report *report)
{
    network net = {.conv = conv, .n = n};
    cs_nest_arch arch[PE_PARTS];
    double static_w = 0.0;
    plan(p, choice, &net);
    asic_pe_report_begin(net.unit, 1.0, DRAM_BITS_PER_CYCLE, report);
    report->total.area_mm2 = 0.0;
    for (size_t part = 0; part < report->n_chunks; part++) {
        const pe_need *need = &net.need[part];
        asic_pe_nest_arch(&net.unit[part], need, &arch[part]);
        static_w += arch[part].static_w;
        report->total.area_mm2 += cs_nest_area_mm2(&arch[part]);
        asic_pe_need(&report->total, need->buffer_bits, net.unit[part].buffer_bits,
                     CS_VIOLATES_BUFFER);
        asic_pe_need(&report->total, 2.0 * need->operand_bits + need->sum_bits, p->register_bits,
                     CS_VIOLATES_REGISTERS);
        asic_pe_need(&report->total, arch[part].level[PE_NEST_GLB].mesh_x, net.unit[part].pes,
                     CS_VIOLATES_PES);
    }
    for (size_t i = 0; i < n; i++) {
        if (copy_equal(&net, i, report))
            continue;
        asic_pe_report_layer(&conv[i], &report->layer[i]);
        cost_layer(&net, &arch[conv[i].depthwise], i, &report->layer[i]);
    }
    report->n_layers = n;
    asic_pe_report_end(static_w, pipelined, limits, report);
}
