/* What a loop-nest accelerator is apart from a mapping, and words about verdicts. */
#include "cosearch/loopnest.h"

#include <stdio.h>
#include <string.h>

double cs_nest_macs(const cs_nest_layer *layer)
{
    double macs = 1.0;
    for (int d = 0; d < CS_NEST_DIMS; d++)
        macs *= (double)layer->extent[d];
    return macs;
}

double cs_nest_words(const cs_nest_layer *layer, int tensor)
{
    const uint32_t *e = layer->extent;
    if (tensor == CS_TENSOR_W)
        return (double)e[CS_DIM_G] * e[CS_DIM_K] * e[CS_DIM_C] * e[CS_DIM_R] * e[CS_DIM_S];
    if (tensor == CS_TENSOR_O)
        return (double)e[CS_DIM_N] * e[CS_DIM_G] * e[CS_DIM_K] * e[CS_DIM_P] * e[CS_DIM_Q];
    return (double)e[CS_DIM_N] * e[CS_DIM_G] * e[CS_DIM_C] *
           (double)(layer->stride * (e[CS_DIM_P] - 1) + e[CS_DIM_R]) *
           (double)(layer->stride * (e[CS_DIM_Q] - 1) + e[CS_DIM_S]);
}

double cs_nest_mac_pj(const cs_nest_arch *arch, const cs_nest_layer *layer)
{
    return arch->mul_pj * (layer->bits[CS_TENSOR_W] / 32.0) * (layer->bits[CS_TENSOR_I] / 32.0) +
           arch->add_pj * (layer->bits[CS_TENSOR_O] / 32.0);
}

static double fan_out(const cs_nest_level *level)
{
    return (double)(level->mesh_x ? level->mesh_x : 1) *
           (double)(level->mesh_y ? level->mesh_y : 1);
}

double cs_nest_units(const cs_nest_arch *arch)
{
    double units = 1.0;
    for (int l = 0; l < arch->n_levels; l++)
        units *= fan_out(&arch->level[l]);
    return units;
}

double cs_nest_area_mm2(const cs_nest_arch *arch)
{
    double area = 0.0, instances = 1.0;
    for (int l = 0; l < arch->n_levels; l++) {
        area += instances * arch->level[l].area_mm2;
        instances *= fan_out(&arch->level[l]);
    }
    return (area + instances * arch->mac_area_mm2) * (1.0 + arch->wiring);
}

char cs_nest_dim_letter(int dim)
{
    return dim >= 0 && dim < CS_NEST_DIMS ? "NGKCPQRS"[dim] : '?';
}

char cs_nest_tensor_letter(int tensor)
{
    return tensor >= 0 && tensor < CS_TENSORS ? "WIO"[tensor] : '?';
}

/* False for NaN. */
static bool amount(double x)
{
    return x >= 0.0;
}

static bool positive(double x)
{
    return x > 0.0;
}

static cs_status check_level(const cs_nest_arch *arch, int l, cs_error *err)
{
    const cs_nest_level *level = &arch->level[l];
    bool ok = amount(level->capacity_bits) && positive(level->read_bits_per_cycle) &&
              positive(level->write_bits_per_cycle) && amount(level->hop_pj_bit) &&
              isfinite(level->hop_pj_bit) && amount(level->area_mm2) &&
              (double)level->mesh_x * (double)level->mesh_y <= 1e9 &&
              level->may_keep <= CS_KEEP_ALL;
    for (int t = 0; t < CS_TENSORS; t++)
        ok = ok && amount(level->share_bits[t]) && amount(level->read_pj_bit[t]) &&
             isfinite(level->read_pj_bit[t]) && amount(level->write_pj_bit[t]) &&
             isfinite(level->write_pj_bit[t]);
    if (!ok)
        return cs_fail(
            err, CS_EUSAGE,
            "memory level %d (%.24s): sizes, energies and areas must be numbers >= 0 and "
            "bandwidths > 0",
            l, level->name);
    if (l == 0 && level->may_keep != CS_KEEP_ALL)
        return cs_fail(err, CS_EUSAGE,
                       "memory level 0 (%.24s) must be able to keep weights, inputs and outputs",
                       level->name);
    return CS_OK;
}

cs_status cs_nest_arch_check(const cs_nest_arch *arch, cs_error *err)
{
    if (arch->n_levels < 1 || arch->n_levels > CS_NEST_LEVELS)
        return cs_fail(err, CS_EUSAGE, "an accelerator has 1 to %d memory levels, this one has %d",
                       CS_NEST_LEVELS, arch->n_levels);
    for (int l = 0; l < arch->n_levels; l++)
        CS_TRY(check_level(arch, l, err));
    if (!amount(arch->pass_cycles) || !amount(arch->mac_interval) || !amount(arch->mul_pj) ||
        !amount(arch->add_pj) || !amount(arch->mac_area_mm2) || !amount(arch->wiring) ||
        !amount(arch->static_w) || (arch->static_w > 0.0 && !positive(arch->clock_hz)))
        return cs_fail(err, CS_EUSAGE,
                       "the accelerator's energies, areas, power and cycles must be numbers >= 0, "
                       "and static power needs a clock");
    return CS_OK;
}

static double spatial_bound(const cs_nest_cost *cost, const cs_nest_arch *arch)
{
    const cs_nest_level *level = &arch->level[cost->level];
    const uint32_t mesh = cost->verdict == CS_NEST_ARRAY_X ? level->mesh_x : level->mesh_y;
    return mesh ? mesh : 1;
}

size_t cs_nest_reason(const cs_nest_layer *layer, const cs_nest_arch *arch,
                      const cs_nest_cost *cost, char text[CS_NEST_REASON_MAX])
{
    static const char *const tensor[] = {"weights", "inputs", "outputs", "tiles"};
    const char *name = arch->level[cost->level].name;
    const cs_nest_level *level = &arch->level[cost->level];
    const double copies = level->double_buffered ? 2.0 : 1.0;
    int n = 0;
    switch (cost->verdict) {
    case CS_NEST_FITS: n = snprintf(text, CS_NEST_REASON_MAX, "fits"); break;
    case CS_NEST_CAPACITY:
        if (cost->tensor < CS_TENSORS)
            n = snprintf(text, CS_NEST_REASON_MAX,
                         "%s: a tile of %.0f words of %s exceeds %.0f bits", name,
                         copies * cost->flow[cost->level][cost->tensor].tile_words,
                         tensor[cost->tensor], level->share_bits[cost->tensor]);
        else
            n = snprintf(text, CS_NEST_REASON_MAX, "%s: tiles of %.0f bits exceed %.0f", name,
                         copies * cost->used_bits[cost->level], level->capacity_bits);
        break;
    case CS_NEST_ARRAY_X:
    case CS_NEST_ARRAY_Y:
        n = snprintf(text, CS_NEST_REASON_MAX, "array below %s: spatial loops along %c exceed %.0f",
                     name, cost->verdict == CS_NEST_ARRAY_X ? 'x' : 'y', spatial_bound(cost, arch));
        break;
    case CS_NEST_KEEP:
        n = snprintf(text, CS_NEST_REASON_MAX, "%s cannot keep %s", name, tensor[cost->tensor]);
        break;
    case CS_NEST_COVER:
        n = snprintf(text, CS_NEST_REASON_MAX, "bounds of %c do not reach its extent %u",
                     cs_nest_dim_letter(cost->dim), (unsigned)layer->extent[cost->dim]);
        break;
    case CS_NEST_MALFORMED:
        n = snprintf(text, CS_NEST_REASON_MAX, "the layer or the mapping is malformed");
        break;
    }
    return n > 0 ? (size_t)n : 0;
}
