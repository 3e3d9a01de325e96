#include "cmd/eval_nest.h"

#include "core/csvio.h"
#include "cosearch/nest_preset.h"
#include "report/table.h"
#include <stdlib.h>
#include <string.h>

#define EVALUATIONS 200000 /* mappings tried per layer */
#define PRESETS_MAX 16

typedef struct nest_layer_row {
    char name[48];
    cs_nest_layer layer;
    cs_map_result result;
} nest_layer_row;

static const char *const letters[CS_NEST_DIMS] = {"N", "G", "K", "C", "P", "Q", "R", "S"};

bool eval_nest_wanted(const cs_args *args)
{
    const char *file = cs_args_at(args, 0);
    const size_t n = file ? strlen(file) : 0;
    return cs_args_has(args, "layers") && n > 4 && strcmp(file + n - 4, ".csv") == 0;
}

/* ---- the file ---- */

static cs_status read_number(const cs_csv *csv, size_t row, const char *name, uint64_t absent,
                             uint64_t most, uint64_t *out, cs_error *err)
{
    const int column = cs_csv_column(csv, name);
    const char *text = column < 0 ? "" : cs_csv_cell(csv, row, column);
    *out = absent;
    if (*text && (!cs_text_u64(text, out) || *out < 1 || *out > most))
        return cs_fail(err, CS_EFORMAT, "line %zu: %s: expected 1 to %llu, found '%s'",
                       csv->line[row], name, (unsigned long long)most, text);
    return CS_OK;
}

static cs_status read_layer(const cs_csv *csv, size_t row, nest_layer_row *out, cs_error *err)
{
    static const char *const width[CS_TENSORS] = {"weight_bits", "input_bits", "sum_bits"};
    static const uint64_t usual[CS_TENSORS] = {8, 8, 32};
    const int name = cs_csv_column(csv, "layer");
    uint64_t x;
    memset(out, 0, sizeof *out);
    if (name >= 0 && *cs_csv_cell(csv, row, name))
        snprintf(out->name, sizeof out->name, "%s", cs_csv_cell(csv, row, name));
    else
        snprintf(out->name, sizeof out->name, "%zu", row + 1);
    for (int d = 0; d < CS_NEST_DIMS; d++) {
        CS_TRY(read_number(csv, row, letters[d], 1, CS_NEST_EXTENT_MAX, &x, err));
        out->layer.extent[d] = (uint32_t)x;
    }
    CS_TRY(read_number(csv, row, "stride", 1, 64, &x, err));
    out->layer.stride = (uint32_t)x;
    for (int t = 0; t < CS_TENSORS; t++) {
        CS_TRY(read_number(csv, row, width[t], usual[t], 64, &x, err));
        out->layer.bits[t] = (uint8_t)x;
    }
    CS_TRY(read_number(csv, row, "output_bits", out->layer.bits[CS_TENSOR_I], 64, &x, err));
    out->layer.out_bits = (uint8_t)x;
    return CS_OK;
}

static cs_status read_layers(const char *path, nest_layer_row **rows, size_t *n, cs_error *err)
{
    cs_csv csv = {0};
    bool known = false;
    CS_TRY(cs_csv_read(path, &csv, err));
    cs_status status = CS_OK;
    for (int d = 0; d < CS_NEST_DIMS; d++)
        known = known || cs_csv_column(&csv, letters[d]) >= 0;
    if (!known || csv.n_rows == 0)
        status = cs_fail(err, CS_EFORMAT,
                         "%s: expected rows of layers with columns among layer, N, G, K, C, P, Q, "
                         "R, S, stride, weight_bits, input_bits, sum_bits, output_bits",
                         path);
    *rows = calloc(csv.n_rows + 1, sizeof **rows);
    if (!*rows && status == CS_OK)
        status = cs_fail(err, CS_ENOMEM, "out of memory for the layers of %s", path);
    for (size_t i = 0; i < csv.n_rows && status == CS_OK; i++)
        status = read_layer(&csv, i, &(*rows)[i], err);
    *n = csv.n_rows;
    cs_csv_free(&csv);
    return status;
}

/* ---- tables ---- */

static const cs_table_column layer_columns[] = {
    {"layer", false},      {"macs", true},       {"cycles", true},    {"utilization", true},
    {"bound", false},      {"latency_ms", true}, {"energy_uj", true}, {"mac_uj", true},
    {"array_uj", true},    {"static_uj", true},  {"dram_uj", true},   {"buffer_uj", true},
    {"register_uj", true}, {"dram_kbit", true}};

static const cs_table_column flow_columns[] = {
    {"layer", false}, {"level", false},  {"tensor", false}, {"tile_words", true}, {"reads", true},
    {"fills", true},  {"updates", true}, {"hops", true},    {"energy_uj", true}};

#define LENGTH(array) (sizeof array / sizeof *array)

static double flow_energy(const cs_nest_cost *c, int level)
{
    double sum = 0.0;
    for (int t = 0; t < CS_TENSORS; t++)
        sum += c->flow[level][t].energy_pj;
    return sum;
}

static double dram_bits(const nest_layer_row *r)
{
    double bits = 0.0;
    for (int t = 0; t < CS_TENSORS; t++) {
        const cs_nest_flow *f = &r->result.cost.flow[0][t];
        const bool whole = t == CS_TENSOR_O && !(f->reads > 0.0) && r->layer.out_bits;
        bits += (f->reads + f->fills + f->updates) *
                (double)(whole ? r->layer.out_bits : r->layer.bits[t]);
    }
    return bits;
}

static void add_layer(cs_table *t, const nest_layer_row *r, const cs_nest_arch *arch)
{
    const cs_nest_cost *c = &r->result.cost;
    double hops = 0.0, buffers = 0.0;
    for (int l = 0; l < arch->n_levels; l++) {
        for (int k = 0; k < CS_TENSORS; k++)
            hops += c->flow[l][k].hop_pj;
        if (l > 0 && l < arch->n_levels - 1)
            buffers += flow_energy(c, l);
    }
    cs_table_text(t, r->name);
    cs_table_double(t, c->macs, 0);
    cs_table_double(t, c->cycles, 0);
    cs_table_double(t, c->utilization, 3);
    cs_table_text(t, c->bound < 0 ? "compute" : arch->level[c->bound].name);
    cs_table_double(t, 1e3 * c->cycles / arch->clock_hz, 4);
    const double energy[] = {c->energy_pj,
                             c->mac_pj,
                             hops,
                             c->static_pj,
                             flow_energy(c, 0),
                             buffers,
                             flow_energy(c, arch->n_levels - 1)};
    for (size_t i = 0; i < LENGTH(energy); i++)
        cs_table_double(t, 1e-6 * energy[i], 3);
    cs_table_double(t, 1e-3 * dram_bits(r), 1);
}

static void add_flows(cs_table *t, const nest_layer_row *r, const cs_nest_arch *arch)
{
    static const char *const tensor[CS_TENSORS] = {"weights", "inputs", "outputs"};
    for (int l = 0; l < arch->n_levels; l++)
        for (int k = 0; k < CS_TENSORS; k++) {
            const cs_nest_flow *f = &r->result.cost.flow[l][k];
            if (!(r->result.mapping.level[l].keep >> k & 1))
                continue;
            cs_table_text(t, r->name);
            cs_table_text(t, arch->level[l].name);
            cs_table_text(t, tensor[k]);
            const double words[] = {f->tile_words, f->reads, f->fills, f->updates, f->hops};
            for (size_t i = 0; i < LENGTH(words); i++)
                cs_table_double(t, words[i], 0);
            cs_table_double(t, 1e-6 * (f->energy_pj + f->hop_pj), 3);
        }
}

static void print_loops(const cs_nest_loop *loop, int n, bool spatial)
{
    for (int i = 0; i < n; i++)
        if (loop[i].bound > 1)
            printf(" %s%c%u", spatial ? (loop[i].axis == CS_AXIS_X ? "x:" : "y:") : "",
                   cs_nest_dim_letter(loop[i].dim), (unsigned)loop[i].bound);
}

/* "conv1: DRAM K2 P8 | GLB C4 x:K16 y:C16 | RF Q4 R3 S3", outermost first. */
static void print_mapping(const nest_layer_row *r, const cs_nest_arch *arch)
{
    printf("%s:", r->name);
    for (int l = 0; l < arch->n_levels; l++) {
        const cs_nest_map_level *m = &r->result.mapping.level[l];
        printf("%s %s", l ? " |" : "", arch->level[l].name);
        print_loops(m->temporal, m->n_temporal, false);
        print_loops(m->spatial, m->n_spatial, true);
    }
    putchar('\n');
}

static cs_status print_table(const nest_layer_row *rows, size_t n, const cs_nest_arch *arch,
                             const cs_table_column *columns, size_t n_columns,
                             void (*add)(cs_table *, const nest_layer_row *, const cs_nest_arch *),
                             bool csv, cs_error *err)
{
    cs_table *t = cs_table_new(columns, n_columns);
    if (!t)
        return cs_fail(err, CS_ENOMEM, "out of memory for a table");
    for (size_t i = 0; i < n; i++)
        add(t, &rows[i], arch);
    const cs_status status =
        cs_table_write(t, stdout, csv ? CS_TABLE_CSV : CS_TABLE_ALIGNED, 0, err);
    cs_table_free(t);
    return status;
}

static cs_status print_all(const cs_args *args, const cs_nest_preset *preset,
                           const cs_nest_arch *arch, const nest_layer_row *rows, size_t n,
                           cs_error *err)
{
    const bool csv = cs_args_has(args, "csv"), breakdown = cs_args_has(args, "breakdown");
    if (csv)
        return breakdown ? print_table(rows, n, arch, flow_columns, LENGTH(flow_columns), add_flows,
                                       true, err)
                         : print_table(rows, n, arch, layer_columns, LENGTH(layer_columns),
                                       add_layer, true, err);
    double cycles = 0.0, energy = 0.0, macs = 0.0;
    for (size_t i = 0; i < n; i++) {
        cycles += rows[i].result.cost.cycles;
        energy += rows[i].result.cost.energy_pj;
        macs += rows[i].result.cost.macs;
    }
    printf("accelerator %s: %s\nmappings    least energy of %d tried per layer\n"
           "in all      %.3f M MACs, %.4f ms, %.4f mJ, area %.2f mm2\n\n",
           preset->name, preset->summary, EVALUATIONS, 1e-6 * macs, 1e3 * cycles / arch->clock_hz,
           1e-9 * energy, cs_nest_area_mm2(arch));
    CS_TRY(print_table(rows, n, arch, layer_columns, LENGTH(layer_columns), add_layer, false, err));
    if (!breakdown)
        return CS_OK;
    putchar('\n');
    CS_TRY(print_table(rows, n, arch, flow_columns, LENGTH(flow_columns), add_flows, false, err));
    putchar('\n');
    for (size_t i = 0; i < n; i++)
        print_mapping(&rows[i], arch);
    return CS_OK;
}

/* ---- whole ---- */

static cs_status find_preset(const cs_args *args, const cs_nest_preset **out, cs_error *err)
{
    const char *names[PRESETS_MAX] = {0}, *name = cs_args_get(args, "hw");
    for (size_t i = 0; cs_nest_presets[i].name && i + 1 < PRESETS_MAX; i++)
        names[i] = cs_nest_presets[i].name;
    if (!name)
        return cs_fail(err, CS_EUSAGE,
                       "layers of a file need an accelerator: --hw eyeriss, shidiannao or nvdla");
    *out = cs_nest_preset_find(name);
    return *out ? CS_OK
                : cs_fail_unknown(err, "accelerator for layers", name, names,
                                  "cosearch eval --help");
}

cs_status eval_nest_run(const cs_args *args, cs_error *err)
{
    const cs_nest_preset *preset;
    nest_layer_row *rows = NULL;
    size_t n = 0;
    cs_nest_arch arch;
    cs_map_space space;
    uint64_t seed = 0;
    CS_TRY(find_preset(args, &preset, err));
    CS_TRY(cs_args_u64(args, "seed", 0, UINT32_MAX, &seed, err));
    preset->build(&arch, &space);
    cs_status status = read_layers(cs_args_at(args, 0), &rows, &n, err);
    const cs_map_config config = {CS_MAP_ENERGY, CS_MAP_DESCENT, EVALUATIONS, seed};
    for (size_t i = 0; i < n && status == CS_OK; i++) {
        cs_error why = {""};
        status = cs_map_search(&rows[i].layer, &arch, &space, &config, &rows[i].result, &why);
        if (status != CS_OK)
            status =
                cs_fail(err, status, "layer %s on %s: %s", rows[i].name, preset->name, why.text);
    }
    if (status == CS_OK)
        status = print_all(args, preset, &arch, rows, n, err);
    free(rows);
    return status;
}
