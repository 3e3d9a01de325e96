/* The loop-nest model against the Eyeriss chip and tools that model it (nn_dataflow, MAESTRO,
 * DNN-Chip-Predictor), and against systolic arrays simulated cycle by cycle (SCALE-Sim v2). */
#include "cosearch/hw_tech.h"
#include "cosearch/nest_preset.h"
#include "validate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_HZ 200e6
#define EYERISS_PES 168
/* Cycles a processing pass takes beside its multiplications, the mean over the chip's AlexNet
 * layers: fitted by us, one number for all layers. */
#define PASS_CYCLES 446.0

/* Numbers of a row by column names. */
static cs_status numbers(const cs_csv *csv, size_t row, const char *const *name, size_t n,
                         double *out, cs_error *err)
{
    for (size_t i = 0; i < n; i++) {
        int column;
        CS_TRY(validate_columns(csv, &name[i], 1, &column, err));
        CS_TRY(validate_cell(csv, row, column, &out[i], err));
    }
    return CS_OK;
}

static const char *text_of(const cs_csv *csv, size_t row, const char *name)
{
    const int column = cs_csv_column(csv, name);
    return column < 0 ? "" : cs_csv_cell(csv, row, column);
}

static uint32_t ceil_div(double a, double b)
{
    return (uint32_t)ceil(a / b - 1e-9);
}

/* DRAM, buffer and registers that hold anything, at unit energies and 16 bits. */
static void row_stationary_arch(cs_nest_arch *arch)
{
    static const char *const name[] = {"DRAM", "GLB", "RF"};
    memset(arch, 0, sizeof *arch);
    arch->n_levels = 3;
    arch->drain_reads = true;
    for (int l = 0; l < 3; l++) {
        cs_nest_level *level = &arch->level[l];
        snprintf(level->name, sizeof level->name, "%s", name[l]);
        level->may_keep = l == 1 ? CS_KEEP_I | CS_KEEP_O : CS_KEEP_ALL;
        level->capacity_bits = level->read_bits_per_cycle = level->write_bits_per_cycle =
            (double)INFINITY;
    }
    arch->level[1].mesh_x = arch->level[1].mesh_y = EYERISS_PES;
}

static void add_loop(cs_nest_loop *list, uint8_t *n, int dim, int axis, uint32_t bound)
{
    list[(*n)++] = (cs_nest_loop){(uint8_t)dim, (uint8_t)axis, (uint16_t)bound};
}

/* ---- the chip: row-stationary mappings ---- */

/* Table III of the chip's paper: e output rows across, r channels and t output channels in the
 * array, p output channels and q channels interleaved in an element. */
typedef struct rs_case {
    double h, r_rows, rows, c, m, stride, groups, e, p, q, r, t;
    double active, macs, ms, predicted_mb, measured_mb;
} rs_case;

static const char *const rs_columns[] = {"H_padded",
                                         "R",
                                         "E",
                                         "C_per_group",
                                         "M_total",
                                         "stride",
                                         "groups",
                                         "e",
                                         "p",
                                         "q",
                                         "r",
                                         "t",
                                         "active_pes_RxExRxT",
                                         "macs_batch4",
                                         "measured_processing_ms",
                                         "glb_MB_predicted",
                                         "glb_MB_measured"};
#define BATCH 4

static void rs_nest(const rs_case *c, cs_nest_layer *layer, cs_nest_mapping *mapping)
{
    const double k = c->m / c->groups;
    *layer = (cs_nest_layer){.extent = {BATCH, (uint32_t)c->groups, (uint32_t)k, (uint32_t)c->c,
                                        (uint32_t)c->rows, (uint32_t)c->rows, (uint32_t)c->r_rows,
                                        (uint32_t)c->r_rows},
                             .stride = (uint32_t)c->stride,
                             .bits = {16, 16, 16}};
    memset(mapping, 0, sizeof *mapping);
    cs_nest_map_level *glb = &mapping->level[1], *rf = &mapping->level[2];
    mapping->level[0].keep = CS_KEEP_ALL;
    glb->keep = CS_KEEP_I | CS_KEEP_O;
    rf->keep = CS_KEEP_ALL;
    add_loop(glb->temporal, &glb->n_temporal, CS_DIM_N, 0, BATCH);
    add_loop(glb->temporal, &glb->n_temporal, CS_DIM_G, 0, (uint32_t)c->groups);
    add_loop(glb->temporal, &glb->n_temporal, CS_DIM_P, 0, ceil_div(c->rows, c->e));
    add_loop(glb->temporal, &glb->n_temporal, CS_DIM_K, 0, ceil_div(k, c->p * c->t));
    add_loop(glb->temporal, &glb->n_temporal, CS_DIM_C, 0, ceil_div(c->c, c->q * c->r));
    add_loop(glb->temporal, &glb->n_temporal, CS_DIM_Q, 0, (uint32_t)c->rows);
    add_loop(glb->spatial, &glb->n_spatial, CS_DIM_P, CS_AXIS_X, (uint32_t)c->e);
    add_loop(glb->spatial, &glb->n_spatial, CS_DIM_K, CS_AXIS_Y, (uint32_t)c->t);
    add_loop(glb->spatial, &glb->n_spatial, CS_DIM_C, CS_AXIS_Y, (uint32_t)c->r);
    add_loop(glb->spatial, &glb->n_spatial, CS_DIM_R, CS_AXIS_Y, (uint32_t)c->r_rows);
    add_loop(rf->temporal, &rf->n_temporal, CS_DIM_K, 0, (uint32_t)c->p);
    add_loop(rf->temporal, &rf->n_temporal, CS_DIM_C, 0, (uint32_t)c->q);
    add_loop(rf->temporal, &rf->n_temporal, CS_DIM_S, 0, (uint32_t)c->r_rows);
}

/* Passes: what the loops of the buffer do but the row primitive. */
static double rs_passes(const cs_nest_mapping *mapping)
{
    double passes = 1.0;
    for (int i = 0; i < mapping->level[1].n_temporal; i++)
        if (mapping->level[1].temporal[i].dim != CS_DIM_Q)
            passes *= (double)mapping->level[1].temporal[i].bound;
    return passes;
}

static cs_status check_mapping(const cs_csv *csv, validate_result *out, cs_error *err)
{
    cs_nest_arch arch;
    double ideal = 0.0, ramped = 0.0, measured = 0.0;
    row_stationary_arch(&arch);
    for (size_t row = 0; row < csv->n_rows; row++) {
        rs_case c;
        cs_nest_layer layer;
        cs_nest_mapping mapping;
        cs_nest_cost cost;
        double x[sizeof rs_columns / sizeof *rs_columns], pes = 1.0;
        const char *name = text_of(csv, row, "layer");
        CS_TRY(numbers(csv, row, rs_columns, sizeof x / sizeof *x, x, err));
        memcpy(&c, x, sizeof c);
        rs_nest(&c, &layer, &mapping);
        if (cs_nest_evaluate(&layer, &arch, &mapping, &cost) != CS_OK)
            return cs_fail(err, CS_EFORMAT, "%s: the mapping does not fit", name);
        for (int i = 0; i < mapping.level[1].n_spatial; i++)
            pes *= (double)mapping.level[1].spatial[i].bound;
        validate_number(out, pes, c.active, 0.0, "%s active PEs", name);
        validate_number(out, cost.macs, c.macs, 0.0, "%s MACs", name);
        const cs_nest_flow *in = &cost.flow[1][CS_TENSOR_I], *sums = &cost.flow[1][CS_TENSOR_O];
        const double mb = 2e-6 * (in->reads + sums->reads + sums->updates);
        validate_number(out, mb, c.predicted_mb, 0.01, "%s buffer MB, arithmetic", name);
        /* the published row of CONV3 is doubtful: it does not give the chip's own traffic */
        if (fabs(c.predicted_mb - c.measured_mb) < 0.05 * c.measured_mb)
            validate_number(out, mb, c.measured_mb, 0.01, "%s buffer MB, measured", name);
        const double cycles = cost.compute_cycles;
        ideal += 1e3 * cycles / CLOCK_HZ;
        ramped += 1e3 * (cycles + PASS_CYCLES * rs_passes(&mapping)) / CLOCK_HZ;
        measured += c.ms;
    }
    validate_require(out, fabs(ideal - measured) <= 0.15 * measured,
                     "processing of all layers %.1f ms, measured %.1f (15 %%)", ideal, measured);
    validate_require(out, fabs(ramped - measured) <= 0.05 * measured,
                     "with %g cycles per pass %.1f ms, measured %.1f (5 %%)", PASS_CYCLES, ramped,
                     measured);
    return CS_OK;
}

static cs_status check_chip(const cs_csv *csv, validate_result *out, cs_error *err)
{
    static const char *const name[] = {"power_mW", "total_latency_ms", "macs_G",
                                       "zeros_in_ifmap_pct"};
    for (size_t row = 0; row < csv->n_rows; row++) {
        double x[4];
        CS_TRY(numbers(csv, row, name, 4, x, err));
        const double rate = 1e9 * x[2] * (1.0 - x[3] / 100.0) / (1e-3 * x[1]);
        const double watts = CS_TECH_EYERISS_STATIC_W + 1e-12 * CS_TECH_EYERISS_MAC_PJ * rate;
        validate_number(out, 1e3 * watts, x[0], 0.10, "%s %s power, mW",
                        text_of(csv, row, "network"), text_of(csv, row, "layer"));
    }
    return CS_OK;
}

/* ---- nn_dataflow ---- */

/* Product of "[1 3 4]"; 0 if it is none. */
static double product_of(const char *text)
{
    double product = *text == '[' ? 1.0 : 0.0;
    for (const char *at = text + 1; product > 0.0 && *at && *at != ']';) {
        char *end;
        product *= strtod(at, &end);
        at = end == at ? at + strlen(at) : end;
    }
    return product;
}

static cs_status check_nn_dataflow(const cs_csv *csv, validate_result *out, cs_error *err)
{
    static const char *const name[] = {"batch", "C",      "K",      "H_out",      "W_out", "R",
                                       "S",     "stride", "cycles", "active_pes", "ops"};
    enum { N, C, K, H, W, R, S, STRIDE, CYCLES, PES, OPS, COLUMNS };
    cs_nest_arch arch;
    row_stationary_arch(&arch);
    for (size_t row = 0; row < csv->n_rows; row++) {
        double x[COLUMNS];
        const char *type = text_of(csv, row, "type"), *layer_name = text_of(csv, row, "layer");
        const double ti = product_of(text_of(csv, row, "ti"));
        const double to = product_of(text_of(csv, row, "to"));
        const double tb = product_of(text_of(csv, row, "tb"));
        if (strcmp(type, "ConvLayer") != 0 && strcmp(type, "FCLayer") != 0)
            continue;
        CS_TRY(numbers(csv, row, name, COLUMNS, x, err));
        if (!(ti >= 1.0) || !(to >= 1.0) || !(tb >= 1.0))
            return cs_fail(err, CS_EFORMAT, "line %zu: ti, to, tb are not lists", csv->line[row]);
        /* A row primitive per element; rows that do not fit the array fold into the batch loop;
         * channels that the loops do not cover are replicated over the array. */
        const double fold = tb > x[N] ? ceil(tb / x[N]) : 1.0;
        cs_nest_layer layer = {.extent = {(uint32_t)x[N], 1, (uint32_t)x[K], (uint32_t)x[C],
                                          (uint32_t)x[H], (uint32_t)x[W], (uint32_t)x[R],
                                          (uint32_t)x[S]},
                               .stride = (uint32_t)x[STRIDE],
                               .bits = {16, 16, 16}};
        cs_nest_mapping m;
        cs_nest_cost cost;
        memset(&m, 0, sizeof m);
        m.level[0].keep = m.level[2].keep = CS_KEEP_ALL;
        m.level[1].keep = CS_KEEP_I | CS_KEEP_O;
        cs_nest_map_level *glb = &m.level[1], *rf = &m.level[2];
        add_loop(glb->temporal, &glb->n_temporal, CS_DIM_N, 0, (uint32_t)(tb / fold));
        add_loop(glb->temporal, &glb->n_temporal, CS_DIM_P, 0, (uint32_t)fold);
        add_loop(glb->temporal, &glb->n_temporal, CS_DIM_K, 0, (uint32_t)to);
        add_loop(glb->temporal, &glb->n_temporal, CS_DIM_C, 0, (uint32_t)ti);
        add_loop(glb->spatial, &glb->n_spatial, CS_DIM_P, CS_AXIS_X, ceil_div(x[H], fold));
        add_loop(glb->spatial, &glb->n_spatial, CS_DIM_N, CS_AXIS_X, ceil_div(x[N], tb / fold));
        add_loop(glb->spatial, &glb->n_spatial, CS_DIM_K, CS_AXIS_X, ceil_div(x[K], to));
        add_loop(glb->spatial, &glb->n_spatial, CS_DIM_C, CS_AXIS_Y, ceil_div(x[C], ti));
        add_loop(glb->spatial, &glb->n_spatial, CS_DIM_R, CS_AXIS_Y, (uint32_t)x[R]);
        add_loop(rf->temporal, &rf->n_temporal, CS_DIM_Q, 0, (uint32_t)x[W]);
        add_loop(rf->temporal, &rf->n_temporal, CS_DIM_S, 0, (uint32_t)x[S]);
        const cs_status status = cs_nest_evaluate(&layer, &arch, &m, &cost);
        validate_count(out, status == CS_OK, status == CS_OK ? 0.0 : 1.0, "%s does not fit",
                       layer_name);
        validate_number(out, cost.compute_cycles, x[CYCLES], 1e-9, "%s cycles", layer_name);
        const double pes = cost.macs / cost.compute_cycles; /* theirs has two decimals */
        validate_number(out, fabs(pes - x[PES]) < 0.0051 ? x[PES] : pes, x[PES], 0.0,
                        "%s active PEs", layer_name);
        validate_number(out, cost.macs, x[OPS], 1e-9, "%s MACs", layer_name);
    }
    return CS_OK;
}

/* ---- MAESTRO ---- */

static cs_status check_maestro(const cs_csv *csv, validate_result *out, cs_error *err)
{
    static const char *const name[] = {"N",    "K",      "C",   "R",    "S",     "Y_in",
                                       "X_in", "stride", "pes", "macs", "cycles"};
    double ours = 0.0, theirs = 0.0;
    for (size_t row = 0; row < csv->n_rows; row++) {
        double x[11];
        CS_TRY(numbers(csv, row, name, 11, x, err));
        const cs_nest_layer layer = {.extent = {(uint32_t)x[0], 1, (uint32_t)x[1], (uint32_t)x[2],
                                                (uint32_t)((x[5] - x[3]) / x[7]) + 1,
                                                (uint32_t)((x[6] - x[4]) / x[7]) + 1,
                                                (uint32_t)x[3], (uint32_t)x[4]},
                                     .stride = (uint32_t)x[7]};
        validate_number(out, cs_nest_macs(&layer), x[9], 0.0, "%s MACs",
                        text_of(csv, row, "layer"));
        ours += cs_nest_macs(&layer) / x[8];
        theirs += x[10];
    }
    validate_require(out, theirs >= ours, "its cycles %.4g are no fewer than MACs / PEs, %.4g",
                     theirs, ours);
    validate_note(out, "its cycles are not held against: pessimistic for tiles of single pixels");
    return CS_OK;
}

/* ---- DNN-Chip-Predictor ---- */

/* AlexNet as it counts it: 16-bit words. Its traffic is that of its own loops,
 * which are not in the file; no tensor may move less than once. */
static cs_status check_chip_predictor(const cs_csv *csv, validate_result *out, cs_error *err)
{
    static const cs_nest_layer alexnet[] = {
        {.extent = {1, 1, 96, 3, 55, 55, 11, 11}, .stride = 4},
        {.extent = {1, 2, 128, 48, 27, 27, 5, 5}, .stride = 1},
        {.extent = {1, 1, 384, 256, 13, 13, 3, 3}, .stride = 1},
        {.extent = {1, 2, 192, 192, 13, 13, 3, 3}, .stride = 1},
        {.extent = {1, 2, 128, 192, 13, 13, 3, 3}, .stride = 1}};
    static const char *const name[] = {"dram_W", "dram_O", "mac_energy_pJ"};
    for (size_t row = 0; row < csv->n_rows; row++) {
        double x[3];
        const char *layer_name = text_of(csv, row, "layer");
        const unsigned index = (unsigned)(layer_name[strspn(layer_name, "CONV")] - '1');
        if (index >= sizeof alexnet / sizeof *alexnet)
            continue;
        CS_TRY(numbers(csv, row, name, 3, x, err));
        const cs_nest_layer *layer = &alexnet[index];
        const double batch = round(x[2] / cs_nest_macs(layer)); /* the file names it in words */
        validate_number(out, fmax(batch, 1.0) * cs_nest_macs(layer), x[2], 1e-9,
                        "%s MACs at 1 pJ, whole images", layer_name);
        validate_count(out, x[0] >= 2.0 * cs_nest_words(layer, CS_TENSOR_W), 0.0,
                       "%s moves fewer weights than there are", layer_name);
        validate_count(out, x[1] >= 2.0 * batch * cs_nest_words(layer, CS_TENSOR_O), 0.0,
                       "%s moves fewer outputs than there are", layer_name);
    }
    return CS_OK;
}

/* ---- NAS-Bench-201 operators ---- */

/* Fewest cycles of an operator: no element works on a part of a kernel row; factors divide. On the
 * chip's 12 x 14 array, or on any arrangement of fewer than 168 elements. */
static double best_cycles(const cs_nest_layer *layer, bool any_shape, cs_error *err)
{
    enum { DOWN = 1 << CS_DIM_C | 1 << CS_DIM_R, ACROSS = 1 << CS_DIM_K | 1 << CS_DIM_P };
    cs_nest_arch arch;
    cs_map_space space;
    cs_map_result best;
    const cs_map_config config = {CS_MAP_LATENCY, CS_MAP_PRUNED, 2000000, 0};
    row_stationary_arch(&arch);
    cs_map_space_full(&arch, &space);
    memset(space.axis_x, 0, sizeof space.axis_x);
    memset(space.axis_y, 0, sizeof space.axis_y);
    space.divisors_only = true;
    space.keep[1] = CS_KEEP_I | CS_KEEP_O;
    space.temporal[0] = 0;
    space.temporal[1] = UINT8_MAX & (uint8_t) ~(1u << CS_DIM_R);
    space.temporal[2] = 0;
    arch.level[1].mesh_x = any_shape ? 1 : 14;
    arch.level[1].mesh_y = any_shape ? EYERISS_PES - 1 : 12;
    space.axis_x[1] = ACROSS;
    space.axis_y[1] = any_shape ? DOWN | ACROSS : DOWN;
    return cs_map_search(layer, &arch, &space, &config, &best, err) == CS_OK ? best.value
                                                                             : (double)NAN;
}

static cs_status check_nas_operators(const cs_csv *csv, validate_result *out, cs_error *err)
{
    static const char *const name[] = {"kernel",     "H_out",          "C_in",  "C_out",
                                       "latency_ms", "min_latency_ms", "stride"};
    for (size_t row = 0; row < csv->n_rows; row++) {
        double x[7];
        CS_TRY(numbers(csv, row, name, 7, x, err));
        const cs_nest_layer layer = {.extent = {1, 1, (uint32_t)x[3], (uint32_t)x[2],
                                                (uint32_t)x[1], (uint32_t)x[1], (uint32_t)x[0],
                                                (uint32_t)x[0]},
                                     .stride = (uint32_t)x[6],
                                     .bits = {16, 16, 16}};
        const char *op = text_of(csv, row, "op");
        validate_number(out, 1e3 * best_cycles(&layer, false, err) / 250e6, x[4], 1e-9,
                        "operator %s on 12 x 14, ms", op);
        validate_number(out, 1e3 * best_cycles(&layer, true, err) / 250e6, x[5], 1e-9,
                        "operator %s on any shape, ms", op);
    }
    return CS_OK;
}

/* ---- SCALE-Sim ---- */

static cs_status check_scalesim(const cs_csv *csv, validate_result *out, cs_error *err)
{
    static const char *const name[] = {"out_pixels", "T", "K", "cycles"};
    static const char *const flow[] = {"os", "ws", "is"};
    for (size_t row = 0; row < csv->n_rows; row++) {
        double x[4];
        char *end;
        int d = 0;
        const char *array = text_of(csv, row, "array"), *dataflow = text_of(csv, row, "dataflow");
        CS_TRY(numbers(csv, row, name, 4, x, err));
        const unsigned long rows = strtoul(array, &end, 10);
        const unsigned long cols = *end == 'x' ? strtoul(end + 1, NULL, 10) : 0;
        while (d < 3 && strcmp(flow[d], dataflow) != 0)
            d++;
        if (d == 3 || rows < 1 || cols < 1)
            return cs_fail(err, CS_EFORMAT, "line %zu: unknown array or dataflow", csv->line[row]);
        cs_nest_layer layer;
        cs_nest_arch arch;
        cs_nest_mapping mapping;
        cs_nest_cost cost;
        cs_nest_systolic((cs_systolic)d, (uint32_t)rows, (uint32_t)cols, (uint32_t)x[0],
                         (uint32_t)x[1], (uint32_t)x[2], &layer, &arch, &mapping);
        cs_nest_evaluate(&layer, &arch, &mapping, &cost);
        validate_number(out, cost.cycles - 1.0, x[3], 0.0, "%s %s %s cycles", array, dataflow,
                        text_of(csv, row, "layer"));
    }
    return CS_OK;
}

const validate_file validate_eyeriss_files[] = {
    {"hw/scalesim_v2_layers.csv", "exact", check_scalesim},
    {"hw/eyeriss_v1_alexnet_mapping.csv", "exact, buffer traffic 1 %", check_mapping},
    {"hw/eyeriss_v1_alexnet.csv", "10 %", check_chip},
    {"hw/nn_dataflow_eyeriss.csv", "exact", check_nn_dataflow},
    {"hw/hwnasbench_eyeriss_ops.csv", "exact", check_nas_operators},
    {"hw/maestro_eyeriss_alexnet.csv", "MACs exact", check_maestro},
    {"hw/dnnchip_predictor_alexnet.csv", "MACs exact", check_chip_predictor},
    {NULL, NULL, NULL},
};
