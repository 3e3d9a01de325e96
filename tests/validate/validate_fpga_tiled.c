/* The published tiled engines against the authors' released performance model, row by row. */
#include "validate.h"

#include "hw/fpga_tiled.h"
#include <math.h>
#include <string.h>

enum {
    M,
    N,
    R,
    C,
    K,
    S,
    PAD,
    TM,
    TN,
    TR,
    TC,
    TK,
    W,
    I,
    O,
    BITS,
    DSP,
    BRAM,
    CYCLES,
    IFM,
    OFM,
    WGT,
    COMPUTE,
    NUMBERS
};
static const char *const number_name[NUMBERS] = {"M",
                                                 "N",
                                                 "R",
                                                 "C",
                                                 "K",
                                                 "S",
                                                 "pad",
                                                 "Tm",
                                                 "Tn",
                                                 "Tr",
                                                 "Tc",
                                                 "Tk",
                                                 "W_p",
                                                 "I_p",
                                                 "O_p",
                                                 "bits",
                                                 "dsp",
                                                 "bram18",
                                                 "latency_cycles",
                                                 "ifm_total",
                                                 "ofm_total",
                                                 "wgt_total",
                                                 "compute_total"};
enum { NAME, TEMPLATE, BOTTLENECK, TEXTS };
static const char *const text_name[TEXTS] = {"layer", "template", "bottleneck"};

/* The largest part; of equal ones the first in the tool's order. */
static const char *bottleneck(const tiled_cost *c)
{
    if (c->outputs > fmax(c->inputs, fmax(c->weights, c->compute)))
        return "storing OFM";
    if (c->inputs >= c->weights && c->inputs >= c->compute)
        return "loading IFM";
    return c->weights >= c->compute ? "loading Weight" : "computing";
}

static void check_row(const double *v, const char *const *text, validate_result *out)
{
    const bool depthwise = strcmp(text[TEMPLATE], "dconv") == 0;
    const tiled_accelerator a = {.tm = (int32_t)v[TM],
                                 .tn = (int32_t)v[TN],
                                 .td = (int32_t)v[TM],
                                 .tr = (int32_t)v[TR],
                                 .tc = (int32_t)v[TC],
                                 .w = (int32_t)v[W],
                                 .i = (int32_t)v[I],
                                 .o = (int32_t)v[O]};
    const tiled_layer l = {.kernel = (uint8_t)v[K],
                           .stride = (uint8_t)v[S],
                           .bits =
                               16, /* the template's precision; the column is that of its DSPs */
                           .depthwise = depthwise,
                           .cin = (uint16_t)v[N],
                           .cout = (uint16_t)v[M],
                           .out_size = (uint16_t)v[R]};
    tiled_cost cost;
    double dsp, bram;
    fpga_tiled_published_layer(&a, &l, (int)v[PAD], &cost);
    fpga_tiled_published_resources(a.tm, depthwise ? 1 : a.tn, a.tr, a.tc, (int)v[TK], (int)v[BITS],
                                   &dsp, &bram);
    const char *id = text[NAME];
    validate_number(out, cost.cycles, v[CYCLES], 1e-12, "%s: cycles", id);
    validate_number(out, cost.inputs, v[IFM], 1e-12, "%s: ifm_total", id);
    validate_number(out, cost.outputs, v[OFM], 1e-12, "%s: ofm_total", id);
    validate_number(out, cost.weights, v[WGT], 1e-12, "%s: wgt_total", id);
    validate_number(out, cost.compute, v[COMPUTE], 1e-12, "%s: compute_total", id);
    validate_number(out, dsp, v[DSP], 0.0, "%s: dsp", id);
    validate_number(out, bram, v[BRAM], 0.0, "%s: bram18", id);
    const bool same = strcmp(bottleneck(&cost), text[BOTTLENECK]) == 0;
    validate_count(out, same, same ? 0.0 : 1.0, "%s: bottleneck %s, expected %s", id,
                   bottleneck(&cost), text[BOTTLENECK]);
}

static cs_status check_hotnas(const cs_csv *csv, validate_result *out, cs_error *err)
{
    int number[NUMBERS], text[TEXTS];
    CS_TRY(validate_columns(csv, number_name, NUMBERS, number, err));
    CS_TRY(validate_columns(csv, text_name, TEXTS, text, err));
    for (size_t row = 0; row < csv->n_rows; row++) {
        double v[NUMBERS];
        const char *t[TEXTS];
        for (int i = 0; i < NUMBERS; i++)
            CS_TRY(validate_cell(csv, row, number[i], &v[i], err));
        for (int i = 0; i < TEXTS; i++)
            t[i] = cs_csv_cell(csv, row, text[i]);
        check_row(v, t, out);
    }
    return CS_OK;
}

const validate_file validate_fpga_tiled_files[] = {
    {"hw/fpga_hotnas_pm.csv", "cycles, parts, slices, block RAM exact", check_hotnas},
    {NULL, NULL, NULL}};
