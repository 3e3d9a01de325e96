/* FPGA accelerators as loop nests: unrolled loops, whole passes over them, against designs that
 * were published or measured. A nest of two levels: tiles outside, the unrolled engine inside. */
#include "cosearch/loopnest.h"
#include "validate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const cs_csv *csv, size_t row, const char *name)
{
    const int column = cs_csv_column(csv, name);
    return column < 0 ? "" : cs_csv_cell(csv, row, column);
}

static cs_status numbers(const cs_csv *csv, size_t row, const char *const *name, size_t n,
                         double *out, cs_error *err)
{
    int column[32];
    CS_TRY(validate_columns(csv, name, n, column, err));
    for (size_t i = 0; i < n; i++)
        CS_TRY(validate_cell(csv, row, column[i], &out[i], err));
    return CS_OK;
}

/* Output channels x input channels x rows of an engine. */
typedef struct engine {
    uint32_t k, c, p;
    double pass_cycles; /* per tile iteration, where there is more than one */
} engine;

/* Cycles of a layer on an engine: K, C and P unrolled, everything else in time. */
static double engine_cycles(const cs_nest_layer *layer, const engine *e)
{
    const int dim[] = {CS_DIM_K, CS_DIM_C, CS_DIM_P};
    const uint32_t unrolled[] = {e->k, e->c, e->p};
    cs_nest_arch arch = {.n_levels = 2, .pass_level = 1};
    cs_nest_mapping m;
    cs_nest_cost cost;
    double tiles = 1.0;
    memset(&m, 0, sizeof m);
    for (int l = 0; l < 2; l++) {
        arch.level[l].may_keep = m.level[l].keep = CS_KEEP_ALL;
        arch.level[l].capacity_bits = arch.level[l].read_bits_per_cycle =
            arch.level[l].write_bits_per_cycle = (double)INFINITY;
    }
    cs_nest_map_level *out = &m.level[0], *in = &m.level[1];
    arch.level[1].mesh_x = e->k * e->c * e->p;
    for (int i = 0; i < 3; i++) {
        const uint32_t n = (layer->extent[dim[i]] + unrolled[i] - 1) / unrolled[i];
        cs_nest_map_level *at = dim[i] == CS_DIM_P ? in : out; /* a tile has all its rows */
        at->temporal[at->n_temporal++] = (cs_nest_loop){(uint8_t)dim[i], 0, (uint16_t)n};
        in->spatial[in->n_spatial++] =
            (cs_nest_loop){(uint8_t)dim[i], CS_AXIS_X, (uint16_t)unrolled[i]};
        tiles *= dim[i] == CS_DIM_P ? 1.0 : (double)n;
    }
    arch.pass_cycles = tiles > 1.0 ? e->pass_cycles : 0.0;
    for (int d = 0; d < CS_NEST_DIMS; d++)
        if (d != CS_DIM_K && d != CS_DIM_C && d != CS_DIM_P)
            in->temporal[in->n_temporal++] =
                (cs_nest_loop){(uint8_t)d, 0, (uint16_t)layer->extent[d]};
    return cs_nest_evaluate(layer, &arch, &m, &cost) == CS_OK ? cost.cycles : (double)NAN;
}

static cs_nest_layer square_layer(double k, double c, double side, double kernel)
{
    return (cs_nest_layer){.extent = {1, 1, (uint32_t)k, (uint32_t)c, (uint32_t)side,
                                      (uint32_t)side, (uint32_t)kernel, (uint32_t)kernel},
                           .stride = 1,
                           .bits = {16, 16, 16}};
}

/* ---- Zhang et al. ---- */

#define ZHANG_PASS_CYCLES 20.0 /* depth of the pipeline */

static cs_status check_zhang(const cs_csv *csv, validate_result *out, cs_error *err)
{
    static const char *const name[] = {"M_out", "N_in", "R",      "K",
                                       "Tm",    "Tn",   "cycles", "measured_ms_100MHz"};
    double ours = 0.0, theirs = 0.0, model_ms = 0.0, measured_ms = 0.0;
    for (size_t row = 0; row < csv->n_rows; row++) {
        double x[8];
        const char *label = text_of(csv, row, "layer");
        if (*text_of(csv, row, "M_out") == '\0') { /* the sum of the rows above */
            CS_TRY(numbers(csv, row, &name[6], 2, x, err));
            validate_number(out, ours, x[0], 0.0, "%s cycles", label);
            validate_number(out, model_ms, x[1], 0.08, "%s measured ms", label);
            continue;
        }
        CS_TRY(numbers(csv, row, name, 8, x, err));
        const cs_nest_layer layer = square_layer(x[0], x[1], x[2], x[3]);
        const engine e = {(uint32_t)x[4], (uint32_t)x[5], 1, ZHANG_PASS_CYCLES};
        const double cycles = engine_cycles(&layer, &e);
        const double ms = 2.0 * cycles / 100e3; /* both halves of the network */
        validate_number(out, cycles, x[6], 0.0, "%s cycles", label);
        validate_number(out, ms, x[7], 0.12, "%s measured ms", label);
        validate_pair(out, "Zhang 2015, 64 x 7", label, ms, x[7]);
        ours += cycles;
        theirs += x[6];
        model_ms += ms;
        measured_ms += x[7];
    }
    validate_require(out, ours == theirs, "all layers %.0f cycles, published %.0f", ours, theirs);
    validate_require(out, fabs(model_ms - measured_ms) <= 0.08 * measured_ms,
                     "all layers %.2f ms, measured %.2f (8 %%)", model_ms, measured_ms);
    return CS_OK;
}

/* ---- Shen et al. ---- */

static cs_status check_shen(const cs_csv *csv, validate_result *out, cs_error *err)
{
    static const char *const name[] = {"Tm",     "Tn", "M",      "N",
                                       "R_eq_C", "K",  "copies", "published_kcycles"};
    for (size_t row = 0; row < csv->n_rows; row++) {
        double x[8];
        CS_TRY(numbers(csv, row, name, 8, x, err));
        const cs_nest_layer layer = square_layer(x[2], x[3], x[4], x[5]);
        const engine e = {(uint32_t)x[0], (uint32_t)x[1], 1, 0.0};
        const double kcycles = 1e-3 * x[6] * engine_cycles(&layer, &e);
        /* published in whole thousands */
        validate_number(out, fabs(kcycles - x[7]) <= 0.5 ? x[7] : kcycles, x[7], 1e-3,
                        "%s %s part %s layer %s kilocycles", text_of(csv, row, "device"),
                        text_of(csv, row, "design"), text_of(csv, row, "clp"),
                        text_of(csv, row, "layers"));
    }
    return CS_OK;
}

/* ---- cnn_accel: four arrays, measured layer by layer ---- */

#define CNN_ACCEL_GHZ 0.4
#define NETWORKS_MAX 64
#define TAU_LEAST 0.95
#define GAP_MOST 0.04

/* Totals of one array over the networks. */
typedef struct totals {
    const char *network[NETWORKS_MAX];
    double ours[NETWORKS_MAX], theirs[NETWORKS_MAX];
    size_t n;
} totals;

static void add_total(totals *t, const char *network, double ours, double theirs)
{
    size_t i = 0;
    while (i < t->n && strcmp(t->network[i], network) != 0)
        i++;
    if (i == NETWORKS_MAX)
        return;
    if (i == t->n)
        t->network[t->n++] = network;
    t->ours[i] += ours;
    t->theirs[i] += theirs;
}

/* Kendall's tau of the totals; NaN of fewer than two networks. */
static double tau(const totals *t)
{
    double agree = 0.0, pairs = 0.0;
    for (size_t i = 0; i < t->n; i++)
        for (size_t k = 0; k < i; k++) {
            const double sign = (t->ours[i] - t->ours[k]) * (t->theirs[i] - t->theirs[k]);
            agree += sign > 0.0 ? 1.0 : sign < 0.0 ? -1.0 : 0.0;
            pairs += 1.0;
        }
    return agree / pairs;
}

static cs_status array_layer(const cs_csv *csv, size_t row, cs_nest_layer *layer, bool *bound_holds,
                             cs_error *err)
{
    static const char *const name[] = {"OC",      "IC",      "H",    "W",    "KH",   "KW",
                                       "strideH", "strideW", "padL", "padR", "padU", "padD"};
    double x[12];
    CS_TRY(numbers(csv, row, name, 12, x, err));
    const double rows = floor((x[2] + x[10] + x[11] - x[4]) / x[6]) + 1.0;
    const double columns = floor((x[3] + x[8] + x[9] - x[5]) / x[7]) + 1.0;
    /* pixels of both axes are unrolled together, input channels come in groups of four */
    *layer =
        (cs_nest_layer){.extent = {1, 1, (uint32_t)x[0], 4 * (uint32_t)ceil(x[1] / 4.0),
                                   (uint32_t)(rows * columns), 1, (uint32_t)x[4], (uint32_t)x[5]},
                        .stride = 1,
                        .bits = {8, 8, 32}};
    /* strided layers of one tap skip most of what they fetch: bound by the memory */
    *bound_holds = !(x[4] * x[5] == 1.0 && x[6] > 1.0);
    return CS_OK;
}

static cs_status check_array(const cs_csv *csv, int column, uint32_t m, uint32_t p,
                             validate_result *out, cs_error *err)
{
    totals t = {.n = 0};
    char series[40];
    size_t n = 0;
    snprintf(series, sizeof series, "cnn_accel, %u x %u", m, p);
    double *gap = malloc((csv->n_rows + 1) * sizeof *gap);
    cs_status status = gap ? CS_OK : cs_fail(err, CS_ENOMEM, "out of memory");
    for (size_t row = 0; row < csv->n_rows && status == CS_OK; row++) {
        cs_nest_layer layer;
        double theirs;
        bool compute_bound;
        if (strcmp(text_of(csv, row, "type"), "Conv") != 0)
            continue;
        status = array_layer(csv, row, &layer, &compute_bound, err);
        if (status == CS_OK)
            status = validate_cell(csv, row, column, &theirs, err);
        if (status != CS_OK)
            break;
        const engine e = {m, 1, p, 0.0};
        const double ours = engine_cycles(&layer, &e) / CNN_ACCEL_GHZ;
        const char *network = text_of(csv, row, "network");
        validate_count(out, ours <= theirs, theirs / ours - 1.0,
                       "%s %s on %s: bound of %.0f ns above the measured %.0f", network,
                       text_of(csv, row, "layer"), csv->header[column], ours, theirs);
        validate_pair(out, series, text_of(csv, row, "layer"), 1e-6 * ours, 1e-6 * theirs);
        add_total(&t, network, ours, theirs);
        if (compute_bound)
            gap[n++] = theirs / ours - 1.0;
    }
    if (status == CS_OK && n) {
        const double median = validate_median(gap, n);
        validate_require(out, median <= GAP_MOST,
                         "%s: %zu compute-bound layers, median %.2f %% above the bound (%.0f %%)",
                         csv->header[column], n, 100.0 * median, 100.0 * GAP_MOST);
        if (t.n >= 2)
            validate_require(out, tau(&t) > TAU_LEAST,
                             "%s: ranking of %zu networks, tau %.3f (%.2f)", csv->header[column],
                             t.n, tau(&t), TAU_LEAST);
    }
    free(gap);
    return status;
}

static cs_status check_cnn_accel(const cs_csv *csv, validate_result *out, cs_error *err)
{
    for (size_t c = 0; c < csv->n_cols; c++) {
        unsigned m, p;
        int end = 0;
        if (sscanf(csv->header[c], "m%up%u_ns%n", &m, &p, &end) == 2 && end > 0 &&
            csv->header[c][end] == '\0' && m > 0 && p > 0)
            CS_TRY(check_array(csv, (int)c, m, p, out, err));
    }
    return CS_OK;
}

/* ---- published designs ---- */

/* AlexNet's convolutions on the designs whose parts are known here: Zhang's 64 x 7 multipliers and
 * Shen's single engines use 5 slices per float product and run at the clock given. */
static cs_status check_designs(const cs_csv *csv, validate_result *out, cs_error *err)
{
    static const struct {
        double k, c, side, kernel;
    } half[] = {
        {48, 3, 55, 11}, {128, 48, 27, 5}, {192, 256, 13, 3}, {192, 192, 13, 3}, {128, 192, 13, 3}};
    static const struct {
        const char *design;
        engine engine;
        double tolerance; /* on the board or as published from cycles */
    } known[] = {{"Zhang FPGA'15", {64, 7, 1, ZHANG_PASS_CYCLES}, 0.08},
                 {"Shen ISCA'17 single-CLP", {64, 7, 1, 0.0}, 1e-3}};
    static const char *const name[] = {"clock_MHz", "dsp_used", "latency_ms"};
    for (size_t row = 0; row < csv->n_rows; row++)
        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            double x[3], cycles = 0.0;
            if (strcmp(text_of(csv, row, "design"), known[k].design) != 0 ||
                strcmp(text_of(csv, row, "workload"), "AlexNet CONV") != 0)
                continue;
            CS_TRY(numbers(csv, row, name, 3, x, err));
            for (size_t i = 0; i < sizeof half / sizeof *half; i++) {
                const cs_nest_layer layer =
                    square_layer(half[i].k, half[i].c, half[i].side, half[i].kernel);
                cycles += 2.0 * engine_cycles(&layer, &known[k].engine);
            }
            validate_number(out, 5.0 * known[k].engine.k * known[k].engine.c, x[1], 0.0,
                            "%s slices", known[k].design);
            validate_number(out, cycles / (1e3 * x[0]), x[2], known[k].tolerance, "%s ms",
                            known[k].design);
        }
    validate_note(out, "the other rows are anchors without a mapping");
    return CS_OK;
}

const validate_file validate_boards_files[] = {
    {"hw/fpga_zhang2015_vc707.csv", "cycles exact, measured 12 %", check_zhang},
    {"hw/fpga_shen2017_multiclp.csv", "0.1 %", check_shen},
    {"hw/fpga_cnn_accel_layers.csv", "bound, median 4 %", check_cnn_accel},
    {"hw/fpga_published_designs.csv", "slices exact, 8 %", check_designs},
    {NULL, NULL, NULL},
};
