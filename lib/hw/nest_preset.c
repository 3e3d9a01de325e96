/* Known accelerators: sizes from their papers, circuits priced by cosearch/hw_tech.h, bandwidths
 * between buffer and array ours where the paper gives none. */
#include "cosearch/nest_preset.h"

#include "cosearch/hw_tech.h"
#include <string.h>

#define BIT(d) ((uint8_t)(1u << (d)))
#define KIB 8192.0 /* bits */

enum { DRAM, BUFFER, REGISTERS, LEVELS };

static void begin(cs_nest_arch *arch, cs_map_space *space)
{
    static const char *const name[LEVELS] = {"DRAM", "GLB", "RF"};
    memset(arch, 0, sizeof *arch);
    arch->n_levels = LEVELS;
    arch->fill_drain = true;
    for (int l = 0; l < LEVELS; l++) {
        memcpy(arch->level[l].name, name[l], strlen(name[l]) + 1);
        arch->level[l].shared_port = l != REGISTERS; /* one bus, single-ported SRAM */
        arch->level[l].may_keep = CS_KEEP_ALL;
        arch->level[l].read_bits_per_cycle = arch->level[l].write_bits_per_cycle = (double)INFINITY;
    }
    arch->level[BUFFER].hop_pj_bit = CS_TECH_HOP_PJ_BIT;
    cs_tech_dram_level(&arch->level[DRAM]);
    cs_map_space_full(arch, space);
    space->axis_x[DRAM] = space->axis_y[DRAM] = 0;
    space->axis_x[REGISTERS] = space->axis_y[REGISTERS] = 0;
}

static void set_bandwidth(cs_nest_level *level, double bits_per_cycle)
{
    level->read_bits_per_cycle = level->write_bits_per_cycle = bits_per_cycle;
}

/* Chen, Emer, Sze: 12 x 14 processing elements of 16 bits at 200 MHz, 108 KiB buffer, scratch pads
 * of 12 inputs, 224 weights and 24 partial sums, weights past the buffer; link of 64 bits at 60
 * MHz. Row stationary: kernel rows and channels down, output rows across. */
static void eyeriss(cs_nest_arch *arch, cs_map_space *space)
{
    begin(arch, space);
    cs_nest_level *buffer = &arch->level[BUFFER], *pe = &arch->level[REGISTERS];
    arch->clock_hz = 200e6;
    set_bandwidth(&arch->level[DRAM], 64.0 * 60.0 / 200.0);
    cs_tech_sram_level(buffer, CS_TECH_65NM, 108.0 * KIB, 64.0);
    set_bandwidth(buffer, 4.0 * 64.0);
    buffer->may_keep = CS_KEEP_I | CS_KEEP_O;
    buffer->mesh_x = 14;
    buffer->mesh_y = 12;
    cs_tech_rf_level(pe, 260.0 * 16.0, 16.0);
    pe->share_bits[CS_TENSOR_I] = 12.0 * 16.0;
    pe->share_bits[CS_TENSOR_W] = 224.0 * 16.0;
    pe->share_bits[CS_TENSOR_O] = 24.0 * 16.0;
    for (int t = 0; t < CS_TENSORS; t++)
        pe->read_pj_bit[t] = pe->write_pj_bit[t] = cs_tech_rf_pj_bit(pe->share_bits[t] / 16.0);
    cs_tech_finish(arch, 16.0, 16.0, 16.0);
    arch->static_w = CS_TECH_EYERISS_STATIC_W;
    space->keep[BUFFER] = CS_KEEP_I | CS_KEEP_O;
    space->axis_x[BUFFER] = BIT(CS_DIM_P) | BIT(CS_DIM_K);
    space->axis_y[BUFFER] = BIT(CS_DIM_R) | BIT(CS_DIM_C) | BIT(CS_DIM_K) | BIT(CS_DIM_G);
}

/* Du et al.: 8 x 8 processing elements of 16 bits at 1 GHz, 288 KiB of buffers, inputs handed on
 * between neighbours. Output stationary: an output pixel per element. */
static void shidiannao(cs_nest_arch *arch, cs_map_space *space)
{
    begin(arch, space);
    cs_nest_level *buffer = &arch->level[BUFFER];
    arch->clock_hz = 1e9;
    arch->forward_inputs = true;
    set_bandwidth(&arch->level[DRAM], 64.0);
    cs_tech_sram_level(buffer, CS_TECH_65NM, 288.0 * KIB, 64.0);
    set_bandwidth(buffer, 512.0);
    buffer->mesh_x = buffer->mesh_y = 8;
    cs_tech_rf_level(&arch->level[REGISTERS], 64.0 * 16.0, 16.0);
    cs_tech_finish(arch, 16.0, 16.0, 16.0);
    space->axis_x[BUFFER] = BIT(CS_DIM_Q);
    space->axis_y[BUFFER] = BIT(CS_DIM_P);
}

/* NVDLA's large configuration in outline: 64 x 16 multipliers of 8 bits at 1 GHz, 512 KiB buffer.
 * Weight stationary: input channels down, output channels across. */
static void nvdla(cs_nest_arch *arch, cs_map_space *space)
{
    begin(arch, space);
    cs_nest_level *buffer = &arch->level[BUFFER];
    arch->clock_hz = 1e9;
    set_bandwidth(&arch->level[DRAM], 256.0);
    cs_tech_sram_level(buffer, CS_TECH_45NM, 512.0 * KIB, 64.0);
    set_bandwidth(buffer, 1024.0);
    buffer->mesh_x = 16;
    buffer->mesh_y = 64;
    cs_tech_rf_level(&arch->level[REGISTERS], 32.0 * 16.0, 16.0);
    cs_tech_finish(arch, 8.0, 8.0, 32.0);
    space->axis_x[BUFFER] = BIT(CS_DIM_K) | BIT(CS_DIM_G);
    space->axis_y[BUFFER] = BIT(CS_DIM_C);
}

const cs_nest_preset cs_nest_presets[] = {
    {"eyeriss", "chen2017eyeriss", "168 elements, row stationary, 108 KiB, 65 nm, 200 MHz",
     eyeriss},
    {"shidiannao", "du2015shidiannao",
     "64 elements, output stationary, inputs forwarded, 288 KiB, 65 nm, 1 GHz", shidiannao},
    {"nvdla", "nvdla2018", "1024 multipliers, weight stationary, 512 KiB, 45 nm, 1 GHz", nvdla},
    {NULL, NULL, NULL, NULL}};

const cs_nest_preset *cs_nest_preset_find(const char *name)
{
    for (const cs_nest_preset *p = cs_nest_presets; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

/* ---- systolic arrays ---- */

void cs_nest_systolic(cs_systolic dataflow, uint32_t rows, uint32_t cols, uint32_t pixels,
                      uint32_t depth, uint32_t channels, cs_nest_layer *layer, cs_nest_arch *arch,
                      cs_nest_mapping *mapping)
{
    static const uint8_t dims[][3] = {/* rows, columns, stream */
                                      [CS_SYSTOLIC_OS] = {CS_DIM_P, CS_DIM_K, CS_DIM_C},
                                      [CS_SYSTOLIC_WS] = {CS_DIM_C, CS_DIM_K, CS_DIM_P},
                                      [CS_SYSTOLIC_IS] = {CS_DIM_C, CS_DIM_P, CS_DIM_K}};
    const uint8_t *d = dims[dataflow];
    memset(layer, 0, sizeof *layer);
    memset(arch, 0, sizeof *arch);
    memset(mapping, 0, sizeof *mapping);
    for (int i = 0; i < CS_NEST_DIMS; i++)
        layer->extent[i] = 1;
    layer->extent[CS_DIM_P] = pixels;
    layer->extent[CS_DIM_C] = depth;
    layer->extent[CS_DIM_K] = channels;
    layer->stride = 1;
    for (int t = 0; t < CS_TENSORS; t++)
        layer->bits[t] = 8;
    arch->n_levels = 2;
    for (int l = 0; l < 2; l++) {
        cs_nest_level *level = &arch->level[l];
        memcpy(level->name, l ? "PE" : "SRAM", l ? 3 : 5);
        level->may_keep = CS_KEEP_ALL;
        level->capacity_bits = level->read_bits_per_cycle = level->write_bits_per_cycle =
            (double)INFINITY;
    }
    arch->level[0].mesh_x = cols;
    arch->level[0].mesh_y = rows;
    arch->pass_level = 1;
    arch->pass_cycles = rows + cols - 2 + (dataflow == CS_SYSTOLIC_OS ? 0 : rows);
    const uint32_t unrolled[2] = {rows, cols};
    for (int i = 0; i < 2; i++) {
        const uint32_t folds = (layer->extent[d[i]] + unrolled[i] - 1) / unrolled[i];
        mapping->level[0].temporal[i] = (cs_nest_loop){d[i], 0, (uint16_t)folds};
        mapping->level[0].spatial[i] =
            (cs_nest_loop){d[i], i == 0 ? CS_AXIS_Y : CS_AXIS_X, (uint16_t)unrolled[i]};
    }
    mapping->level[0].n_temporal = mapping->level[0].n_spatial = 2;
    mapping->level[1].temporal[0] = (cs_nest_loop){d[2], 0, (uint16_t)layer->extent[d[2]]};
    mapping->level[1].n_temporal = 1;
    mapping->level[0].keep = mapping->level[1].keep = CS_KEEP_ALL;
}
