/* Costs of a sub-accelerator as NASAIC had them: MAESTRO's area and energy, and a closed form of
 * its latency for the three templates. Energy does not depend on the template there, and no
 * bitwidth on anything: an element is a byte. */
#include "hetero_model.h"

#include <math.h>

/* MAESTRO of February 2020: areas in um2, the energy of a multiplication in nJ and accesses in
 * units of it. L1 of 704 bytes per PE reproduces the six published areas. */
#define L1_BYTES 704.0
#define L2_BYTES 32768.0
#define MAC_NJ 0.904
#define L1_MACS 1.68
#define L2_MACS 18.61

static double whole(double a, double b)
{
    return ceil(a / b);
}

void hetero_published_build(const hetero_unit *unit, uint8_t widest, hetero_engine *out)
{
    const double n = unit->pes, w = unit->gbs;
    const double pes = n * (4470.9014 + 4505.1889 * whole(L1_BYTES, 64.0));
    const double l2 = 4161.536 * whole(L2_BYTES, 32768.0);
    const double bus = 101.7938 * (14.662 * n + 28.895) * w;
    const double arbiter = 395.473 * (1.2886 * n * n + 5.5814 * n - 23.711);
    (void)widest;
    out->unit = *unit;
    out->area_mm2 = 1e-6 * (pes + l2 + bus + arbiter);
    out->static_w = 0.0;
}

/* Cycles of computation and words over the network on chip, K output and C input channels, square
 * kernel R and map Y. */
typedef struct closed_form {
    double compute, in, weights, out;
} closed_form;

static closed_form cost_of(uint8_t dataflow, int32_t pes, double k, double c, double r, double y)
{
    const double taps = r * r, map = y * y;
    closed_form f = {.weights = k * c * taps, .out = k * map};
    if (dataflow == HETERO_DLA) {
        const double cl = pes >= 128 ? (double)(pes / 64) : 1.0;
        f.compute = whole(k, cl) * whole(c, 64.0) * taps * map;
        f.in = whole(k, cl) * c * map;
        f.out *= whole(c, 64.0);
    } else if (dataflow == HETERO_SHI) {
        const double rows = pes >= 16 ? (double)(pes / 8) : 1.0;
        f.compute = k * c * taps * whole(y, rows) * whole(y, 8.0);
        f.in = k * c * map;
    } else {
        const double cl = pes >= 2 * (int32_t)r ? (double)(pes / (int32_t)r) : 1.0;
        f.compute = k * c * r * y * whole(y, cl);
        f.in = whole(k, 16.0) * c * map;
        f.weights *= whole(y, cl);
    }
    return f;
}

/* A depthwise layer has one output channel, coupled to the input channels (MAESTRO's DSCONV);
 * groups run one after another. */
void hetero_published_cost(const hetero_engine *engine, const cs_conv *conv, hetero_cost *out)
{
    const double groups = conv->depthwise ? 1.0 : conv->groups;
    const double k = conv->depthwise ? 1.0 : conv->cout / groups, c = conv->cin / groups;
    const double w = engine->unit.gbs, y = conv->out_size;
    closed_form f = cost_of(engine->unit.dataflow, engine->unit.pes, k, c, conv->kernel, y);
    if (conv->depthwise)
        f.out = c * y * y;
    const double weights = (double)cs_conv_weights(conv);
    const double maps = (conv->cin + conv->cout) * y * y;
    *out =
        (hetero_cost){.cycles = groups * fmax(f.compute, fmax((f.weights + f.in) / w, f.out / w)),
                      .dram_bits = (double)NAN};
    out->energy_j[CS_HW_RF] = 1e-9 * MAC_NJ * L1_MACS * 3.0 * (double)cs_conv_macs(conv);
    out->energy_j[CS_HW_GLB] = 1e-9 * MAC_NJ * L2_MACS * 2.0 * (weights + maps);
}
