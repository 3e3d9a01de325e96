/* Cost models: from a network and accelerator choices to latency, throughput and resources.
 *
 * A model is one const table, listed in lib/hw/models.def. Models are pure: no state, no random
 * numbers, no allocation in `evaluate`. A quantity that a model does not have is NaN in memory and
 * an empty field in a CSV. */
#ifndef CS_HW_H
#define CS_HW_H

#include "cosearch/net.h"
#include "cosearch/status.h"
#include <math.h>

#define CS_HW_LAYERS_MAX 176 /* 5 per block, stem, head, classifier */
#define CS_HW_CHUNKS_MAX 16

/* Constraints on the DESIGN; +Inf (max) or 0 (min) when absent. */
typedef struct cs_limits {
    double dsp_max, bram_max; /* DSP slices, 18-Kbit block RAMs (FPGA) */
    double fps_min;           /* images per second (FPGA) */
    double edp_max_js, latency_max_s, energy_max_j, area_max_mm2; /* ASIC */
} cs_limits;

#define CS_LIMITS_NONE                                                                             \
    ((cs_limits){INFINITY, INFINITY, 0.0, INFINITY, INFINITY, INFINITY, INFINITY})

/* Bits of cs_hw_metrics.violated, in the order of cs_limits. */
enum {
    CS_VIOLATES_DSP = 1u << 0,
    CS_VIOLATES_BRAM = 1u << 1,
    CS_VIOLATES_FPS = 1u << 2,
    CS_VIOLATES_EDP = 1u << 3,
    CS_VIOLATES_LATENCY = 1u << 4,
    CS_VIOLATES_ENERGY = 1u << 5,
    CS_VIOLATES_AREA = 1u << 6,
    /* capacities of the accelerator itself, checked with and without limits */
    CS_VIOLATES_BUFFER = 1u << 7,    /* a tile exceeds the on-chip buffer */
    CS_VIOLATES_REGISTERS = 1u << 8, /* or the registers of a processing element */
    CS_VIOLATES_PES = 1u << 9,       /* the array exceeds the processing elements */
    CS_VIOLATES_PORTS = 1u << 10     /* the ports exceed the memory interface or its slices */
};
#define CS_VIOLATES_COUNT 11
/* "dsp_max", ..., "area_max_mm2", "buffer", "registers", "pes", "ports": what bit i stands for. */
extern const char *const cs_violated_names[CS_VIOLATES_COUNT];

typedef struct cs_hw_metrics {
    double dsp, bram; /* slices; 18-Kbit blocks. Fractional in published models */
    double fps;       /* steady-state images per second */
    double latency_s; /* one image through the accelerator */
    double energy_j;  /* per image */
    double edp_js;    /* energy per image times latency */
    double area_mm2;
    double utilization; /* 0..1: mean busy fraction of the used sub-accelerators */
    double overflow;    /* largest need over what the accelerator has of a capacity (see
                           CS_VIOLATES_BUFFER); up to 1 it fits; NaN if the model has none */
    uint32_t violated;  /* CS_VIOLATES_* under the limits given; 0 = feasible */
} cs_hw_metrics;

/* Where the energy of a layer goes: multiply-accumulates, registers beside the multipliers, wires
 * of the array and network on chip, on-chip buffers, off-chip memory, leakage and clock. */
enum { CS_HW_MAC, CS_HW_RF, CS_HW_ARRAY, CS_HW_GLB, CS_HW_DRAM, CS_HW_STATIC, CS_HW_LEVELS };
extern const char *const cs_hw_level_names[CS_HW_LEVELS]; /* "mac", "rf", ... */

typedef struct cs_hw_layer_cost {
    int16_t block; /* 0-based; -1 stem, -2 head, -3 classifier */
    uint8_t kernel, bits;
    bool depthwise;
    uint8_t chunk; /* index into cs_hw_report.chunk */
    uint16_t cin, cout, out_size, stride, groups;
    uint64_t macs;
    double cycles;
    double dram_bits;              /* off-chip traffic per image; NaN if the model has none */
    double energy_j[CS_HW_LEVELS]; /* per image; NaN where the model has none */
} cs_hw_layer_cost;

/* Fills energy_j of a model without energy. */
void cs_hw_no_energy(cs_hw_layer_cost *layer);

typedef struct cs_hw_chunk_cost {
    char name[12]; /* "a0q8" */
    uint16_t layers;
    double cycles, dsp, bram, dram_bits;
    double macs_per_cycle; /* peak, at the chunk's bitwidth; NaN if the model does not say */
} cs_hw_chunk_cost;

/* Full breakdown of one evaluation. */
typedef struct cs_hw_report {
    cs_hw_metrics total;
    double interval_cycles; /* clock cycles between two images: the bottleneck */
    double clock_hz;
    double dram_bits_per_cycle; /* off-chip bandwidth, all chunks; Inf: no limit modelled */
    const char *bottleneck;     /* the slowest chunk, "dram", or "none" without chunks; static */
    size_t n_layers, n_chunks;
    cs_hw_layer_cost layer[CS_HW_LAYERS_MAX]; /* network order */
    cs_hw_chunk_cost chunk[CS_HW_CHUNKS_MAX]; /* used chunks only */
} cs_hw_report;

/* Group a decision belongs to; methods may treat groups apart. */
typedef enum cs_group {
    CS_GROUP_NETWORK,
    CS_GROUP_BITWIDTH,
    CS_GROUP_ACCELERATOR,
    CS_GROUP_COUNT
} cs_group;

/* One decision of a space. */
typedef struct cs_decision {
    char name[20]; /* "block3.op", "block3.bits", "a0q4.Tm" */
    cs_group group;
    uint16_t n_choices;   /* >= 1 */
    int16_t cap;          /* index of an earlier decision whose VALUE caps this one's, or -1;
                             then the allowed choices are a tail of the descending list */
    int32_t budget;       /* > 0: what caps is the rest of a sum, budget minus the values of `cap`,
                             of its cap and so on; the list must end with what always fits */
    uint8_t needs;        /* > 0: matters only if the decision that many places before it has a
                             value other than 0 */
    bool ordered;         /* values are numbers with an order (encode as one coordinate) */
    const int32_t *value; /* [n_choices] bits, tile sizes, operator ids; static storage */
} cs_decision;

/* What a model needs to know to lay out its accelerator decisions for a network space. */
typedef struct cs_hw_context {
    const int32_t *bits; /* bitwidths the space offers, ascending */
    size_t n_bits;
    uint8_t edge_bits;   /* bits of stem, head and classifier (cs_net.edge_bits) */
    uint16_t input_size; /* 32 or 224: selects the tile lists */
    uint16_t classes;
} cs_hw_context;

/* What `solve` optimises: throughput where the model has no energy, else the energy-delay product.
 * The other quantity is that of the solution, without a bound. */
typedef enum cs_objective { CS_MOST_FPS, CS_LEAST_EDP } cs_objective;

typedef struct cs_solution {
    cs_objective objective;
    double fps, edp_js;  /* of the solution, by `evaluate`; EDP NaN if the model has none */
    double bound_fps;    /* proven upper bound on any accelerator of this network, or NaN */
    double bound_edp_js; /* proven lower bound, or NaN */
    bool proven;         /* solution and bound agree: no better accelerator exists in the space */
    uint64_t designs;    /* designs enumerated, of chunks or of whole accelerators */
} cs_solution;

typedef struct cs_hw_model {
    uint32_t version;    /* bump when any number may move */
    const char *name;    /* "fpga-chunk"; ":free" marks a free compute mode */
    const char *cite;    /* key in docs/references.bib */
    const char *summary; /* one line for `cosearch list hw` */

    /* Appends the accelerator decisions to list[0..cap), `cap` fields of the decisions relative
     * to the first accelerator decision; *n is how many. */
    cs_status (*decisions)(const cs_hw_context *, cs_decision *list, size_t cap, size_t *n);
    /* active[i] = does accelerator decision i matter for this network. */
    void (*active)(const cs_hw_context *, const cs_net *, bool *active);
    /* Cost of the network on the accelerator choices (only active ones are read). `limits` fills
     * `violated` (NULL: none), and where the model itself maps layers to units the mapping is the
     * best one that keeps them. report->layer/chunk are always filled. */
    cs_status (*evaluate)(const cs_hw_context *, const cs_net *, const uint16_t *choice,
                          const cs_limits *limits, cs_hw_report *report);
    cs_objective objective; /* of `solve` */
    /* Provably best accelerator: the fastest under dsp_max and bram_max, or that of least EDP under
     * all limits, by `objective`; NULL if the model has no exact solver. CS_EINFEASIBLE if none
     * fits. Inactive choices are set to 0. */
    cs_status (*solve)(const cs_hw_context *, const cs_net *, const cs_limits *limits,
                       uint16_t *choice, cs_solution *out, cs_error *err);
} cs_hw_model;

extern const cs_hw_model *const cs_hw_models[];        /* ends with NULL */
const cs_hw_model *cs_hw_model_find(const char *name); /* NULL if unknown */

/* Which limits the metrics break (NaN metrics break a limit that is set on them). */
uint32_t cs_limits_violated(const cs_limits *limits, const cs_hw_metrics *metrics);

#endif
