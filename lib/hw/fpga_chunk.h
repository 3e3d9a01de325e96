/* The multi-chunk FPGA pipeline of Auto-NBA, shared by the published and the corrected model.
 *
 * Chunks: sub-accelerators that work concurrently on different images; inside a chunk its layers
 * run one after another. A layer's chunk follows from convolution type (a: standard, dwa:
 * depthwise), resolution class (0: large maps, 1: small) and bitwidth. Parameters of a chunk are
 * the compute mode (which loop the multipliers are unrolled over), the buffer tiles Tr, Tc, Tm, Tn
 * (output rows and columns, output and input channels) and the unit factors r, c, m, n.
 * Source: analytical_prediction.py of the authors' code; docs/hw-models.md has every formula. */
#ifndef CS_HW_FPGA_CHUNK_H
#define CS_HW_FPGA_CHUNK_H

#include "cosearch/hw.h"

#define FPGA_CLOCK_HZ 200e6
#define FPGA_BITS_MAX 16 /* widest operand of a fixed-point multiplier */

enum chunk_param {
    CHUNK_MODE,
    CHUNK_TR,
    CHUNK_TC,
    CHUNK_TM,
    CHUNK_TN,
    CHUNK_R,
    CHUNK_C,
    CHUNK_M,
    CHUNK_N,
    CHUNK_PARAMS
};

enum chunk_kind { CHUNK_A0, CHUNK_A1, CHUNK_DWA0, CHUNK_DWA1, CHUNK_KINDS };

/* Options of one parameter; tiles and units descending, so that a tile caps its unit's list. */
typedef struct chunk_list {
    const int32_t *value;
    uint16_t n;
} chunk_list;

/* How chunks are laid out for a network space: chunk index = 4 * (index of bitwidth) + kind. */
typedef struct fpga_layout {
    size_t n_bits;
    int32_t bits[CS_HW_CHUNKS_MAX / CHUNK_KINDS]; /* ascending */
    uint16_t large;                               /* smallest output side of class 0 */
    const chunk_list (*list)[CHUNK_PARAMS];       /* [CHUNK_KINDS], static */
} fpga_layout;

/* What a chunk runs: a convolution, or several merged into one where the model is linear in them.
 */
typedef struct fpga_layer {
    int16_t block;
    uint8_t kernel, stride, bits, chunk;
    bool depthwise;
    uint16_t groups;    /* as in cs_conv, for the report */
    uint16_t cin, cout; /* of one group; a depthwise layer has cin = 1 */
    uint16_t in_size, out_size;
    double count;         /* how often it runs */
    double pixels_out;    /* out_size^2 * cout, summed over merged layers */
    double pixels_in_out; /* out_size^2 * cout * cin, likewise */
} fpga_layer;

/* One tile of a chunk: cycles of an input-channel pass, cycles of writing the output tile times Tn,
 * and its size Tr * Tc * Tm * Tn. */
typedef struct fpga_tile {
    bool known;
    double pass, write, size;
} fpga_tile;

/* One chunk during an evaluation. */
typedef struct fpga_chunk {
    int32_t v[CHUNK_PARAMS]; /* values, not choices */
    int32_t bits;
    bool depthwise;
    uint32_t windows;  /* bit 3 * (stride - 1) + kernel / 2: windows its layers use */
    fpga_tile tile[3]; /* by kernel / 2; cache of the published model */
} fpga_chunk;

typedef struct fpga_resources {
    double dsp, bram;
} fpga_resources;

/* Options of the parameters. */
enum fpga_lists {
    FPGA_LISTS_FIXED, /* as published, compute mode 1 */
    FPGA_LISTS_FREE,  /* as published, compute mode searched */
    FPGA_LISTS_WIDE   /* that, and more channels at a time: a DSP budget decides */
};

/* One model: const, shared by the functions of fpga_chunk.c and fpga_chunk_solve.c. */
typedef struct fpga_model {
    enum fpga_lists lists;
    bool edge_chunks;           /* edge_bits has chunks of its own */
    double dram_bits_per_cycle; /* board bandwidth shared by all chunks; Inf: no limit */
    /* Layers of a network in order, with their chunks; CS_EOUTSIDE if a bitwidth has no chunk. */
    cs_status (*lower)(const fpga_layout *, const cs_net *, fpga_layer *layer, size_t *n);
    /* Cost of a layer, count times. dram_bits is NaN where the model has no off-chip traffic. */
    void (*cost)(fpga_chunk *, const fpga_layer *, double *cycles, double *dram_bits);
    /* Slices and block RAMs of a chunk that serves the windows in chunk->windows. */
    fpga_resources (*resources)(const fpga_chunk *);
    /* Merges layer `from` into `into` if the sum of their costs is the cost of the merged layer
     * on every chunk design; false otherwise. For the solver. */
    bool (*merge)(fpga_layer *into, const fpga_layer *from);
} fpga_model;

/* CS_EUSAGE if the space has more bitwidths than chunks can be laid out for. */
cs_status fpga_layout_init(const fpga_model *model, const cs_hw_context *ctx, fpga_layout *out);
/* "a0q4"; static storage of FPGA_NAME_SIZE characters. */
#define FPGA_NAME_SIZE 8
const char *fpga_chunk_name(const fpga_layout *layout, size_t chunk);
cs_status fpga_decisions(const fpga_model *, const cs_hw_context *, cs_decision *list, size_t cap,
                         size_t *n);

/* Index of the chunk, or -1 if there is none for these bits. */
static inline int fpga_layout_chunk(const fpga_layout *layout, bool depthwise, uint16_t out_size,
                                    int32_t bits)
{
    const int kind = (depthwise ? CHUNK_DWA0 : CHUNK_A0) + (out_size < layout->large);
    for (size_t i = 0; i < layout->n_bits; i++)
        if (layout->bits[i] == bits)
            return CHUNK_KINDS * (int)i + kind;
    return -1;
}

/* Begins a chunk of a kind and bitwidth; parameters and windows still to be set. */
static inline void fpga_chunk_init(const fpga_layout *layout, size_t chunk, fpga_chunk *out)
{
    out->bits = layout->bits[chunk / CHUNK_KINDS];
    out->depthwise = chunk % CHUNK_KINDS >= CHUNK_DWA0;
    out->windows = 0;
    out->tile[0].known = out->tile[1].known = out->tile[2].known = false;
}

/* Units of the loops that the mode unrolls: products per cycle. */
static inline int32_t fpga_multipliers(const fpga_chunk *chunk)
{
    const int32_t *v = chunk->v;
    if (v[CHUNK_MODE] == (chunk->depthwise ? 1 : 2))
        return v[CHUNK_R];
    return chunk->depthwise || v[CHUNK_MODE] == 0 ? v[CHUNK_M] : v[CHUNK_M] * v[CHUNK_N];
}

static inline uint32_t fpga_window_bit(unsigned kernel, unsigned stride)
{
    return 1u << (3 * (stride - 1) + kernel / 2);
}

cs_status fpga_evaluate(const fpga_model *, const cs_hw_context *, const cs_net *,
                        const uint16_t *choice, const cs_limits *, cs_hw_report *);
cs_status fpga_solve(const fpga_model *, const cs_hw_context *, const cs_net *, const cs_limits *,
                     uint16_t *choice, cs_solution *, cs_error *);

/* The formulas of either model, as fields of fpga_model. */
cs_status fpga_published_lower(const fpga_layout *, const cs_net *, fpga_layer *, size_t *n);
void fpga_published_cost(fpga_chunk *, const fpga_layer *, double *cycles, double *dram_bits);
fpga_resources fpga_published_resources(const fpga_chunk *);
bool fpga_published_merge(fpga_layer *into, const fpga_layer *from);

cs_status fpga_corrected_lower(const fpga_layout *, const cs_net *, fpga_layer *, size_t *n);
void fpga_corrected_cost(fpga_chunk *, const fpga_layer *, double *cycles, double *dram_bits);
fpga_resources fpga_corrected_resources(const fpga_chunk *);
bool fpga_corrected_merge(fpga_layer *into, const fpga_layer *from);

#endif
