/* The published FPGA model against the authors' predictor, row by row; the corrected model's DSP
 * packing against port-width arithmetic. */
#include "validate.h"

#include "cosearch/space.h"
#include "hw/fpga_chunk.h"
#include "hw/fpga_parts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-9

enum { CASE, DATASET, BLOCKS, BITS, CHUNKS, BOTTLENECK, DSP, BRAM, LAYERS, BLOCK_CYCLES, COLUMNS };
static const char *const column_name[COLUMNS] = {
    "case", "dataset", "blocks",       "bits",        "chunks", "bottleneck_cycles",
    "dsp",  "bram",    "layer_cycles", "block_cycles"};

static void compare(validate_result *out, double ours, double theirs, const char *id,
                    const char *what, size_t index)
{
    const double scale = fabs(theirs) > 0.0 ? fabs(theirs) : 1.0;
    const double error = fabs(ours - theirs) / scale;
    validate_count(out, error <= TOLERANCE, isnan(error) ? INFINITY : error,
                   "case %s: %s %zu: ours %.17g, expected %.17g", id, what, index, ours, theirs);
}

/* Compares a ';'-separated list; a wrong length is a miss. */
static cs_status compare_list(validate_result *out, const char *list, const double *ours, size_t n,
                              const char *id, const char *what, cs_error *err)
{
    size_t found = 0;
    const char *at = list;
    while (*at) {
        char *end;
        const double theirs = strtod(at, &end);
        if (end == at || (*end != ';' && *end != '\0'))
            return cs_fail(err, CS_EFORMAT, "case %s: %s: '%.20s' is not a number", id, what, at);
        if (found < n)
            compare(out, ours[found], theirs, id, what, found);
        found++;
        at = *end ? end + 1 : end;
    }
    validate_count(out, found == n, found == n ? 0.0 : INFINITY,
                   "case %s: %s: ours has %zu entries, expected %zu", id, what, n, found);
    return CS_OK;
}

/* The row as the text of a design: the file separates by ';' what the text separates by blanks. */
static cs_status read_design(const cs_space *space, const char *const *cell, const int *column,
                             cs_design *out, cs_error *err)
{
    cs_text text = {0};
    cs_text_addf(&text, "%s|%s|%s|%s|%s", cs_space_net_space(space)->name,
                 cs_space_hw_model(space)->name, cell[column[BLOCKS]], cell[column[BITS]],
                 cell[column[CHUNKS]]);
    for (size_t i = 0; !text.failed && i < text.len; i++)
        if (text.data[i] == ';')
            text.data[i] = ' ';
    const cs_status status = text.failed ? cs_fail(err, CS_ENOMEM, "out of memory")
                                         : cs_design_parse(space, text.data, out, err);
    cs_text_free(&text);
    return status;
}

static cs_status check_row(const cs_space *space, const char *const *cell, const int *column,
                           validate_result *out, cs_error *err)
{
    const char *id = cell[column[CASE]];
    cs_design design;
    cs_hw_report report;
    double layer[CS_HW_LAYERS_MAX], block[CS_BLOCKS_MAX] = {0};
    CS_TRY(read_design(space, cell, column, &design, err));
    const cs_status status = cs_space_cost(space, &design, NULL, &report);
    if (status != CS_OK)
        return cs_fail(err, status, "case %s: %s", id, cs_status_text(status));
    for (size_t i = 0; i < report.n_layers; i++) {
        layer[i] = report.layer[i].cycles;
        block[report.layer[i].block] += layer[i];
    }
    compare(out, report.interval_cycles, strtod(cell[column[BOTTLENECK]], NULL), id,
            "bottleneck_cycles", 0);
    compare(out, report.total.dsp, strtod(cell[column[DSP]], NULL), id, "dsp", 0);
    compare(out, report.total.bram, strtod(cell[column[BRAM]], NULL), id, "bram", 0);
    CS_TRY(
        compare_list(out, cell[column[LAYERS]], layer, report.n_layers, id, "layer_cycles", err));
    return compare_list(out, cell[column[BLOCK_CYCLES]], block, cs_space_net_space(space)->n_blocks,
                        id, "block_cycles", err);
}

static cs_status check_predictor(const cs_csv *csv, validate_result *out, cs_error *err)
{
    int column[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) {
        column[c] = cs_csv_column(csv, column_name[c]);
        if (column[c] < 0)
            return cs_fail(err, CS_EFORMAT, "column %s is missing", column_name[c]);
    }
    cs_space *cifar = NULL, *imagenet = NULL;
    cs_status status = cs_space_new("fbnet:cifar", "fpga-chunk-published:free", 10, &cifar, err);
    if (status == CS_OK)
        status = cs_space_new("fbnet:imagenet", "fpga-chunk-published:free", 100, &imagenet, err);
    for (size_t row = 0; status == CS_OK && row < csv->n_rows; row++) {
        const char *const *cell = &csv->cell[row * csv->n_cols];
        const char *dataset = cell[column[DATASET]];
        const bool large = strcmp(dataset, "imagenet") == 0;
        if (!large && strcmp(dataset, "cifar") != 0)
            status =
                cs_fail(err, CS_EFORMAT, "line %zu: unknown dataset '%s'", csv->line[row], dataset);
        else
            status = check_row(large ? imagenet : cifar, cell, column, out, err);
    }
    cs_space_free(imagenet);
    cs_space_free(cifar);
    return status;
}

/* Rows of equal widths with one guard bit on the board's slice; what is packed must be possible,
 * and no more than four products are claimed (what published designs reach). */
static cs_status check_packing(const cs_csv *csv, validate_result *out, cs_error *err)
{
    static const char *const name[] = {"dsp", "w_bits", "a_bits", "guard_bits", "products_per_dsp"};
    int column[5];
    for (int c = 0; c < 5; c++) {
        column[c] = cs_csv_column(csv, name[c]);
        if (column[c] < 0)
            return cs_fail(err, CS_EFORMAT, "column %s is missing", name[c]);
    }
    for (size_t row = 0; row < csv->n_rows; row++) {
        uint64_t number[5] = {0};
        for (int c = 1; c < 5; c++)
            if (!cs_text_u64(cs_csv_cell(csv, row, column[c]), &number[c]))
                return cs_fail(err, CS_EFORMAT, "line %zu: %s is not a number", csv->line[row],
                               name[c]);
        if (strcmp(cs_csv_cell(csv, row, column[0]), "DSP48E1") != 0 || number[1] != number[2] ||
            number[3] != 1 || number[1] < 1 || number[1] > FPGA_BITS_MAX)
            continue;
        const uint64_t expected = number[4] < 4 ? number[4] : 4;
        const int32_t ours = fpga_products_per_dsp((int32_t)number[1]);
        validate_count(out, (uint64_t)ours == expected, (double)ours - (double)expected,
                       "line %zu: %d bits: ours %d products, expected %d", csv->line[row],
                       (int)number[1], (int)ours, (int)expected);
    }
    return CS_OK;
}

const validate_file validate_fpga_files[] = {
    {"fpga/autonba_predictor.csv", "1e-9 relative", check_predictor},
    {"hw/fpga_dsp_packing.csv", "0", check_packing},
    {NULL, NULL, NULL},
};
