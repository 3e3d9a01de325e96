/* The accelerator space of DNA: a PE array with a global buffer, split into a part for standard
 * (and grouped) convolutions and one for depthwise ones. Shared by the published and the corrected
 * cost model.
 *
 * Searched per part: which loops the array unrolls (template), how its sides relate (NoC ratios),
 * how the tile held in the buffer relates (buffer ratios), and the loop orders at buffer and DRAM.
 * Ratios turn into sizes under a budget of PEs and buffer that the two parts share.
 * Source: zhang2020dna and its released code (fpga_nips); docs/hw-models.md has every formula. */
#ifndef CS_HW_ASIC_PE_H
#define CS_HW_ASIC_PE_H

#include "cosearch/hw.h"
#include "cosearch/loopnest.h"

/* Loops of a convolution. The batch is 1; its place in an order matters in the published model. */
enum {
    PE_COL_OUT,
    PE_CH_OUT,
    PE_CH_IN,
    PE_ROW_OUT,
    PE_COL_KERNEL,
    PE_ROW_KERNEL,
    PE_BATCH,
    PE_LOOPS
};
#define PE_BIT(loop) (1u << (loop))

enum { PE_STANDARD, PE_DEPTHWISE, PE_PARTS };
enum { PE_BUFFER, PE_DRAM, PE_LEVELS }; /* levels with a loop order */
enum { PE_IN, PE_OUT, PE_WEIGHT, PE_TENSORS };

/* What the two parts share, and the clocks of the published model. */
typedef struct pe_platform {
    double pes;
    double buffer_bits;   /* global buffer, both parts */
    double register_bits; /* registers of one PE */
    double chip_hz;       /* published: buffer, network on chip, registers */
    double dram_hz;       /* published: off-chip memory */
} pe_platform;
#define PE_CLOCK_HZ 250e6 /* of the multipliers, both models */

#define PE_ARRAY_SIDES 4

/* One part of the accelerator. */
typedef struct pe_unit {
    bool depthwise;
    uint8_t array;                      /* template 0..3 */
    uint8_t n_loops;                    /* of an order: 7, or 6 without input channels */
    uint8_t order[PE_LEVELS][PE_LOOPS]; /* PE_*, innermost first */
    int32_t noc[PE_ARRAY_SIDES];        /* in the order of the template's loops */
    int32_t ratio[PE_LOOPS];            /* of the buffer; 1 for loops without one */
    double pes, buffer_bits;            /* its share of the platform */
    int32_t spatial[PE_LOOPS];          /* array sides; 1 where not unrolled */
    int32_t tile[PE_LOOPS];             /* array passes of a loop held in the buffer */
} pe_unit;

cs_status asic_pe_decisions(const cs_hw_context *, cs_decision *list, size_t cap, size_t *n);
/* active[] of both models; `batch`: does the place of the batch loop matter. */
void asic_pe_active(const cs_net *, bool batch, bool *active);
/* Template, ratios and orders of a part; sizes are still to be set. */
void asic_pe_unit_decode(size_t part, const uint16_t *choice, pe_unit *out);

/* Loops that a template unrolls, innermost choice first; *n is how many (3 or 4). */
const uint8_t *asic_pe_array_loops(const pe_unit *unit, size_t *n);

/* Sets unit->spatial from unit->pes: sides y * ratio with y = (PEs / product of ratios)^(1/sides),
 * whole, at least 1, shrunk alike where the product exceeds the PEs. `squared`: the released code
 * multiplies the kernel rows of template 0 by y once more. */
void asic_pe_set_array(pe_unit *unit, bool squared);
/* Sets unit->tile so that the published estimate of a tile's words fills `words`: the root z of the
 * estimate in tile = ratio * z, then one less everywhere while whole tiles still exceed `words`. */
void asic_pe_set_tile(pe_unit *unit, double words);

/* Words of a convolution by which the published code splits the buffer: weights, outputs, and
 * stride * input channels * output pixels. */
double asic_pe_conv_volume(const cs_conv *);

/* Trip counts of one group of a layer. */
typedef struct pe_bounds {
    int32_t spatial[PE_LOOPS], loop[PE_LEVELS][PE_LOOPS];
} pe_bounds;
/* spatial = min(array, extent), buffer = min(tile, passes), DRAM the rest, rounded up. */
void asic_pe_bounds_set(const pe_unit *unit, const int32_t extent[PE_LOOPS], pe_bounds *out);
void asic_pe_extents(const cs_conv *, int32_t extent[PE_LOOPS]);

/* ---- the published model ---- */

/* A layer as the model sees it: one group on one part of the accelerator. */
typedef struct pe_layer {
    bool depthwise;
    uint8_t n_loops;
    const uint8_t *order[PE_LEVELS];
    pe_bounds bounds;
    int32_t stride;
    int32_t bits;
} pe_layer;

typedef struct pe_cost {
    double energy; /* 1 = a 16-bit MAC at 65 nm */
    double seconds;
    double level[CS_HW_LEVELS];        /* the energy by where it goes */
    double pes;                        /* in use */
    double register_bits, buffer_bits; /* needed */
    double dram_bits;                  /* moved */
} pe_cost;

void asic_pe_published_cost(const pe_platform *, const pe_layer *, pe_cost *out);
/* Splits the platform over the parts by multiplications and words, rounded up, and sizes both. */
void asic_pe_published_units(const pe_platform *, const cs_conv *conv, size_t n,
                             const uint16_t *choice, pe_unit unit[PE_PARTS]);
/* Report of a list of convolutions. Limits may be NULL. */
void asic_pe_published_report(const pe_platform *, const cs_conv *conv, size_t n,
                              const uint16_t *choice, const cs_limits *, cs_hw_report *);

/* ---- the corrected model ---- */

/* What a part is built for: the largest of its layers. Zero-initialise. */
typedef struct pe_need {
    double buffer_bits;            /* tiles, twice: the next ones arrive meanwhile */
    double operand_bits, sum_bits; /* widths */
} pe_need;
void asic_pe_nest_need(const cs_conv *, const pe_bounds *, pe_need *need); /* raises it */
/* The part as it is built: the PEs that the array has, a buffer for the largest tiles, registers
 * for one weight, input and sum. */
void asic_pe_nest_arch(const pe_unit *, const pe_need *, cs_nest_arch *out);
/* Bits of a sum of a convolution's products, at most 32. */
uint8_t asic_pe_sum_bits(const cs_conv *);

enum { PE_NEST_DRAM, PE_NEST_GLB, PE_NEST_RF, PE_NEST_LEVELS }; /* of asic_pe_nest_arch */
typedef struct pe_nest_cost {
    double cycles, dram_bits;
    double pj[CS_HW_LEVELS]; /* the static part is 0 */
} pe_nest_cost;
/* One convolution, all its groups, on a part that was built for it. The second is what the model
 * uses, the first its definition through the general loop-nest model: the same numbers, slower. */
void asic_pe_nest_cost(const pe_unit *, const cs_conv *, const pe_bounds *, const cs_nest_arch *,
                       cs_nest_cost *out);
void asic_pe_nest_fast(const pe_unit *, const cs_conv *, const pe_bounds *, const cs_nest_arch *,
                       pe_nest_cost *out);

/* Report of a list of convolutions through loop nests. `pipelined`: the parts work on different
 * images at the same time; otherwise one after the other, as published. Limits may be NULL. */
void asic_pe_nest_report(const pe_platform *, bool pipelined, const cs_conv *conv, size_t n,
                         const uint16_t *choice, const cs_limits *, cs_hw_report *);

/* ---- what the reports of both models share ---- */

/* Begins a report: chunks and an empty total. cycles_per_mac is of one PE; dram_bits_per_cycle is
 * INFINITY where the model does not let computation wait for a shared port. */
void asic_pe_report_begin(const pe_unit unit[PE_PARTS], double cycles_per_mac,
                          double dram_bits_per_cycle, cs_hw_report *);
/* Everything of a layer's report that does not depend on the model. */
void asic_pe_report_layer(const cs_conv *, cs_hw_layer_cost *out);
/* Records what a layer needs of something limited: the bit of CS_VIOLATES_* if it is too much. */
void asic_pe_need(cs_hw_metrics *total, double need, double available, uint32_t bit);
/* Sums the layers into chunks and metrics. The caller has set n_layers, cycles and energies of the
 * layers but for the static one, and the area. The latency is that of all layers one after the
 * other; the interval is the same, or, pipelined, the slower part or the traffic of both over the
 * off-chip bandwidth. Static power burns for one interval per image. */
void asic_pe_report_end(double static_w, bool pipelined, const cs_limits *, cs_hw_report *);

#endif
