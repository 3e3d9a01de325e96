/* The general loop-nest cost model: one convolution, one accelerator, one mapping -> words moved
 * per memory level and tensor, cycles, energy, area.
 *
 * Memory is a list of levels, outermost (DRAM) first. Level l sits above an array of fan-out
 * mesh_x x mesh_y instances of level l + 1; below the last level sit the multipliers. A mapping
 * gives every level an ordered list of temporal loops and a list of spatial loops (over its
 * fan-out), so that the whole nest reads, outer to inner,
 *
 *     temporal[0] spatial[0] temporal[1] spatial[1] ... temporal[L-1] spatial[L-1] multiply
 *
 * and says which tensors each level keeps; a tensor that a level does not keep passes it by.
 * Formulas: docs/hw-models.md, "The loop-nest model". Counts equal Timeloop's on the same mapping
 * (NVlabs/timeloop 4cf6d4c) where that is exact.
 *
 * Everything here is pure: no state, no allocation, no random numbers, same input same bytes. */
#ifndef CS_LOOPNEST_H
#define CS_LOOPNEST_H

#include "cosearch/status.h"
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CS_NEST_LEVELS 8         /* memory levels at most */
#define CS_NEST_EXTENT_MAX 65535 /* largest extent of a dimension and largest loop bound */

/* Dimensions: batch, groups, output channels and input channels of ONE group, output rows and
 * columns, kernel rows and columns. A depthwise layer has G = channels and K = C = 1. */
enum {
    CS_DIM_N,
    CS_DIM_G,
    CS_DIM_K,
    CS_DIM_C,
    CS_DIM_P,
    CS_DIM_Q,
    CS_DIM_R,
    CS_DIM_S,
    CS_NEST_DIMS
};
enum { CS_TENSOR_W, CS_TENSOR_I, CS_TENSOR_O, CS_TENSORS };
enum {
    CS_KEEP_W = 1 << CS_TENSOR_W,
    CS_KEEP_I = 1 << CS_TENSOR_I,
    CS_KEEP_O = 1 << CS_TENSOR_O,
    CS_KEEP_ALL = 7
};

/* Input rows are stride * p + r: padding is part of the input here (no padding is skipped). */
typedef struct cs_nest_layer {
    uint32_t extent[CS_NEST_DIMS]; /* 1..CS_NEST_EXTENT_MAX each */
    uint32_t stride;               /* of rows and of columns, 1..CS_NEST_EXTENT_MAX */
    uint8_t bits[CS_TENSORS];      /* of a weight, an activation, a partial sum */
    uint8_t out_bits;              /* of a finished output; 0: as a partial sum. A level to which no
                                      partial sum returns holds and moves outputs at this width */
} cs_nest_layer;

typedef struct cs_nest_level {
    char name[24];
    uint8_t may_keep;                /* CS_KEEP_*; level 0 keeps everything */
    bool double_buffered;            /* holds the tile in use and the next one: capacity halves */
    bool stall;                      /* its transfers do not overlap with computation */
    double capacity_bits;            /* per instance, shared by the tensors; INFINITY: no limit */
    double share_bits[CS_TENSORS];   /* > 0: the tensor has a memory of its own of this size,
                                        not part of capacity_bits */
    double read_bits_per_cycle;      /* per instance; INFINITY: no limit */
    double write_bits_per_cycle;     /* likewise, for fills and updates */
    bool shared_port;                /* reads and writes take turns; false: at the same time */
    double read_pj_bit[CS_TENSORS];  /* energy of one bit read, by tensor */
    double write_pj_bit[CS_TENSORS]; /* of one bit filled or updated */
    double hop_pj_bit;               /* one bit handed from one child to its neighbour */
    double area_mm2;                 /* per instance */
    uint32_t mesh_x, mesh_y;         /* fan-out; 0 counts as 1 */
} cs_nest_level;

enum {
    CS_NEST_HALO_EXACT = 0, /* consecutive tiles share what they overlap (step by step count) */
    CS_NEST_HALO_TIMELOOP   /* Timeloop: nothing is shared when an inner loop has moved the tile */
};

typedef struct cs_nest_arch {
    cs_nest_level level[CS_NEST_LEVELS]; /* outermost first */
    uint8_t n_levels;                    /* 1..CS_NEST_LEVELS */
    uint8_t halo;                        /* CS_NEST_HALO_* */
    bool forward_inputs;   /* neighbours in an array hand inputs on (ShiDianNao) where a temporal
                              step of the mapping equals a spatial one */
    bool fill_drain;       /* first-tile load and last-tile drain add to the latency */
    bool drain_reads;      /* reading a tile out of a level to evict it counts as reads; Timeloop
                              does not count it */
    uint8_t pass_level;    /* a pass is one iteration of all temporal loops above this level ... */
    double pass_cycles;    /* ... and costs this many cycles beside the work */
    double mac_interval;   /* cycles between two multiplications of one unit; 0 counts as 1 */
    double mul_pj, add_pj; /* energy of a multiplication of 32 x 32 bits and an addition of 32:
                              E = mul_pj * bw/32 * ba/32 + add_pj * bp/32 */
    double mac_area_mm2;   /* per multiplier with its adder */
    double wiring;         /* area of wires as a share of everything else, e.g. 0.2 */
    double static_w;       /* leakage and clock, burnt for the whole latency */
    double clock_hz;
} cs_nest_arch;

enum { CS_AXIS_X, CS_AXIS_Y };

typedef struct cs_nest_loop {
    uint8_t dim;    /* CS_DIM_* */
    uint8_t axis;   /* spatial loops: CS_AXIS_* */
    uint16_t bound; /* >= 1 */
} cs_nest_loop;

typedef struct cs_nest_map_level {
    uint8_t keep;                        /* CS_KEEP_*, within may_keep; level 0: CS_KEEP_ALL */
    uint8_t n_temporal, n_spatial;       /* loops in use; each list names a dimension once, or a
                                            dimension once per axis */
    cs_nest_loop temporal[CS_NEST_DIMS]; /* outermost first */
    cs_nest_loop spatial[CS_NEST_DIMS];  /* outermost first */
} cs_nest_map_level;

/* The product of a dimension's bounds must reach its extent and may exceed it: the excess counts in
 * cycles (fixed trip counts) but moves nothing. Weights and outputs: every total is that of a walk
 * over all iterations in which tiles are cut to the layer and an iteration without real work is
 * left out; a tile that comes back after such an iteration may be loaded again. Inputs: cut tiles
 * are spread evenly over the iterations, which is the same but where a cut tile meets the turn of
 * another loop. */
typedef struct cs_nest_mapping {
    cs_nest_map_level level[CS_NEST_LEVELS];
} cs_nest_mapping;

/* Why a mapping does not fit an accelerator. */
typedef enum cs_nest_verdict {
    CS_NEST_FITS,
    CS_NEST_CAPACITY, /* tiles of `level` exceed its memory (of `tensor` if it has its own)  */
    CS_NEST_ARRAY_X,  /* spatial loops of `level` exceed mesh_x                              */
    CS_NEST_ARRAY_Y,
    CS_NEST_KEEP,     /* `level` cannot keep `tensor`                                        */
    CS_NEST_COVER,    /* bounds of dimension `dim` do not reach its extent                   */
    CS_NEST_MALFORMED /* a bound of 0, an unknown dimension, too many loops, level 0 that does
                         not keep everything, a layer with a 0 or too large extent           */
} cs_nest_verdict;

/* One tensor at one level. Words over all instances of the level, one layer (all of the batch). */
typedef struct cs_nest_flow {
    double tile_words; /* footprint in one instance                                        */
    double reads;      /* to the next level that keeps the tensor, or the multipliers      */
    double fills;      /* arriving from above                                              */
    double updates;    /* outputs arriving from below; the first read of each is elided    */
    double hops;       /* word-hops between neighbours in the array below                  */
    double energy_pj;  /* of the reads, fills and updates                                  */
    double hop_pj;
} cs_nest_flow;

/* What limits the latency. */
enum { CS_NEST_BOUND_COMPUTE = -1 }; /* otherwise the index of a level */

typedef struct cs_nest_cost {
    cs_nest_verdict verdict;    /* not CS_NEST_FITS: the numbers below still hold unless it is
                                   CS_NEST_COVER or CS_NEST_MALFORMED, when they are NaN or 0 */
    uint8_t level, tensor, dim; /* where, see cs_nest_verdict */
    uint8_t n_levels;
    int8_t bound;            /* CS_NEST_BOUND_COMPUTE or the level with the most cycles */
    double macs;             /* multiplications of the layer, no padding */
    double units, units_all; /* multipliers with work (fraction counts edge tiles); built */
    double compute_cycles;   /* mac_interval * product of the temporal bounds */
    double fill_cycles, drain_cycles, pass_cycles;
    double cycles;                       /* latency, all of it */
    double utilization;                  /* macs * mac_interval / (units_all * cycles) */
    double mac_pj, static_pj, energy_pj; /* energy_pj: everything */
    double instances[CS_NEST_LEVELS];    /* with work; fractional as units */
    double level_cycles[CS_NEST_LEVELS]; /* at the level's bandwidth */
    double used_bits[CS_NEST_LEVELS];    /* of shared memory, one instance */
    cs_nest_flow flow[CS_NEST_LEVELS][CS_TENSORS];
} cs_nest_cost;

/* Cost of a layer. CS_OK if the mapping fits, CS_EINFEASIBLE otherwise: `out` is written in both
 * cases and out->verdict says why. Needs a valid accelerator (cs_nest_arch_check). */
cs_status cs_nest_evaluate(const cs_nest_layer *layer, const cs_nest_arch *arch,
                           const cs_nest_mapping *mapping, cs_nest_cost *out);

/* Only the verdict, several times faster: for searches. */
cs_nest_verdict cs_nest_fits(const cs_nest_layer *layer, const cs_nest_arch *arch,
                             const cs_nest_mapping *mapping);

/* Checks an accelerator once: CS_EUSAGE with a sentence for negative or NaN numbers, too many
 * levels, level 0 that may not keep everything. */
cs_status cs_nest_arch_check(const cs_nest_arch *arch, cs_error *err);

/* One sentence on a verdict, e.g. "GLB: tiles of 70000 bits exceed 65536". Returns its length. */
#define CS_NEST_REASON_MAX 128
size_t cs_nest_reason(const cs_nest_layer *layer, const cs_nest_arch *arch,
                      const cs_nest_cost *cost, char text[CS_NEST_REASON_MAX]);

/* Multiplications of the layer and words of a tensor (inputs with the borders the kernel needs). */
double cs_nest_macs(const cs_nest_layer *layer);
double cs_nest_words(const cs_nest_layer *layer, int tensor);

/* Energy of one multiply-accumulate at the layer's widths. */
double cs_nest_mac_pj(const cs_nest_arch *arch, const cs_nest_layer *layer);

/* Area of the accelerator: every instance of every level, multipliers, wires. */
double cs_nest_area_mm2(const cs_nest_arch *arch);

/* Multipliers: the product of all fan-outs. */
double cs_nest_units(const cs_nest_arch *arch);

/* Letter of a dimension ("NGKCPQRS") and of a tensor ("WIO"). */
char cs_nest_dim_letter(int dim);
char cs_nest_tensor_letter(int tensor);

#endif
