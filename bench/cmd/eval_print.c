/* Output of `cosearch eval`: a short account and breakdown tables for people, one table as CSV. */
#include "cmd/eval_design.h"

#include "core/hash.h"
#include "report/table.h"
#include "run/profile.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const cs_table_column cost_columns[] = {
    {"space", false},       {"hw_model", false},     {"hw_version", true},
    {"design_hash", false}, {"feasible", true},      {"violated", false},
    {"dsp", true},          {"bram", true},          {"fps", true},
    {"latency_s", true},    {"energy_j", true},      {"edp_js", true},
    {"area_mm2", true},     {"utilization", true},   {"interval_cycles", true},
    {"bottleneck", false},  {"published_fps", true}, {"published_edp_js", true},
    {"params_count", true}, {"net_mac", true},       {"model_bits", true},
    {"bound_fps", true},    {"proven", true},        {"given_fps", true},
    {"regret_fps", true},   {"bound_edp_js", true},  {"given_edp_js", true},
    {"regret_edp", true},   {"acc", true},           {"acc_kind", false},
    {"acc_mac", true},      {"acc_wall_s", true},    {"design", false}};

static const cs_table_column layer_columns[] = {
    {"design_hash", false}, {"layer", true},    {"block", false},   {"type", false},
    {"kernel", true},       {"stride", true},   {"groups", true},   {"cin", true},
    {"cout", true},         {"out_size", true}, {"bits", true},     {"chunk", false},
    {"macs", true},         {"cycles", true},   {"share", true},    {"dram_bits", true},
    {"energy_uj", true},    {"mac_uj", true},   {"rf_uj", true},    {"array_uj", true},
    {"glb_uj", true},       {"dram_uj", true},  {"static_uj", true}};

static const cs_table_column chunk_columns[] = {
    {"design_hash", false}, {"chunk", false},    {"layers", true},
    {"cycles", true},       {"busy", true},      {"dsp", true},
    {"bram", true},         {"dram_bits", true}, {"energy_uj", true}};

/* Energy by where it goes, in the order of CS_HW_MAC and so on. */
static const cs_table_column level_columns[] = {
    {"design_hash", false}, {"energy", false}, {"uj", true}, {"share", true}, {"where", false}};

#define LENGTH(array) (sizeof array / sizeof *array)

struct eval_output {
    const cs_limits *limits;
    bool layers, chunks, levels, quiet;
    size_t designs;
    cs_table *csv; /* NULL: the aligned form */
};

static cs_status memory_failure(cs_error *err)
{
    return cs_fail(err, CS_ENOMEM, "out of memory for a table");
}

cs_status eval_output_new(const cs_args *args, const cs_limits *limits, eval_output **out,
                          cs_error *err)
{
    eval_output *o = calloc(1, sizeof *o);
    if (!o)
        return memory_failure(err);
    o->limits = limits;
    const bool all = cs_args_has(args, "breakdown");
    o->levels = all;
    o->layers = all || cs_args_has(args, "layers");
    o->chunks = cs_args_has(args, "chunks") || (all && !cs_args_has(args, "csv"));
    if (cs_args_has(args, "csv")) {
        if (o->layers)
            o->csv = cs_table_new(layer_columns, LENGTH(layer_columns));
        else if (o->chunks)
            o->csv = cs_table_new(chunk_columns, LENGTH(chunk_columns));
        else
            o->csv = cs_table_new(cost_columns, LENGTH(cost_columns));
        if (!o->csv) {
            free(o);
            return memory_failure(err);
        }
    }
    *out = o;
    return CS_OK;
}

void eval_output_free(eval_output *o)
{
    if (!o)
        return;
    cs_table_free(o->csv);
    free(o);
}

/* --- rows ---------------------------------------------------------------------------------- */

static bool solved_for(const eval_result *r, cs_objective objective)
{
    return r->solved && r->solution.objective == objective;
}

static double regret_fps(const eval_result *r)
{
    return solved_for(r, CS_MOST_FPS) ? 1.0 - r->given_fps / r->report.total.fps : (double)NAN;
}

static double regret_edp(const eval_result *r)
{
    return solved_for(r, CS_LEAST_EDP) ? r->given_edp_js / r->report.total.edp_js - 1.0
                                       : (double)NAN;
}

static void violated_text(uint32_t violated, char text[128])
{
    *text = '\0';
    for (size_t i = 0; i < CS_VIOLATES_COUNT; i++)
        if (violated & (1u << i))
            snprintf(text + strlen(text), 128 - strlen(text), "%s%s", *text ? " " : "",
                     cs_violated_names[i]);
}

static void add_hash(cs_table *t, const eval_result *r)
{
    char hex[17];
    cs_hash_hex(r->hash, hex);
    cs_table_text(t, hex);
}

static void add_cost(cs_table *t, const eval_result *r)
{
    const cs_hw_metrics *m = &r->report.total;
    const double metrics[] = {m->dsp,       m->bram,        m->fps,
                              m->latency_s, m->energy_j,    m->edp_js,
                              m->area_mm2,  m->utilization, r->report.interval_cycles};
    char violated[128];
    violated_text(m->violated, violated);
    cs_table_text(t, cs_space_net_space(r->space)->name);
    cs_table_text(t, cs_space_hw_model(r->space)->name);
    cs_table_u64(t, cs_space_hw_model(r->space)->version);
    add_hash(t, r);
    cs_table_u64(t, m->violated == 0);
    cs_table_text(t, violated);
    for (size_t i = 0; i < LENGTH(metrics); i++)
        cs_table_double(t, metrics[i], -1);
    cs_table_text(t, r->report.bottleneck);
    cs_table_double(t, r->published_fps, -1);
    cs_table_double(t, r->published_edp_js, -1);
    cs_table_u64(t, cs_net_params(&r->net));
    cs_table_u64(t, cs_net_macs(&r->net));
    cs_table_u64(t, cs_net_weight_bits(&r->net));
    if (r->solved) {
        cs_table_double(t, r->solution.bound_fps, -1);
        cs_table_u64(t, r->solution.proven);
    } else {
        cs_table_absent(t);
        cs_table_absent(t);
    }
    cs_table_double(t, r->solved ? r->given_fps : (double)NAN, -1);
    cs_table_double(t, regret_fps(r), -1);
    cs_table_double(t, r->solved ? r->solution.bound_edp_js : (double)NAN, -1);
    cs_table_double(t, r->solved ? r->given_edp_js : (double)NAN, -1);
    cs_table_double(t, regret_edp(r), -1);
    if (r->trained) {
        cs_table_double(t, r->accuracy.acc, -1);
        cs_table_text(t, r->accuracy_label);
        cs_table_u64(t, r->accuracy.macs);
        cs_table_double(t, r->accuracy.wall_s, 2);
    } else {
        for (int i = 0; i < 4; i++)
            cs_table_absent(t);
    }
    cs_table_text(t, r->text);
}

static void add_block(cs_table *t, int16_t block)
{
    static const char *const edge[] = {"stem", "head", "classifier"};
    if (block < 0)
        cs_table_text(t, edge[-block - 1]);
    else
        cs_table_textf(t, "%d", block + 1);
}

static double layer_energy(const cs_hw_layer_cost *l)
{
    double energy = 0.0;
    for (size_t level = 0; level < CS_HW_LEVELS; level++)
        energy += l->energy_j[level];
    return energy;
}

static void add_layers(cs_table *t, const eval_result *r, bool with_hash)
{
    double sum = 0.0;
    for (size_t i = 0; i < r->report.n_layers; i++)
        sum += r->report.layer[i].cycles;
    for (size_t i = 0; i < r->report.n_layers; i++) {
        const cs_hw_layer_cost *l = &r->report.layer[i];
        const uint64_t sizes[] = {l->kernel, l->stride,   l->groups, l->cin,
                                  l->cout,   l->out_size, l->bits};
        if (with_hash)
            add_hash(t, r);
        cs_table_u64(t, i + 1);
        add_block(t, l->block);
        cs_table_text(t, l->depthwise ? "depthwise" : "standard");
        for (size_t k = 0; k < LENGTH(sizes); k++)
            cs_table_u64(t, sizes[k]);
        cs_table_text(t, l->chunk < r->report.n_chunks ? r->report.chunk[l->chunk].name : "");
        cs_table_u64(t, l->macs);
        cs_table_double(t, l->cycles, 0);
        cs_table_double(t, l->cycles / sum, 3);
        cs_table_double(t, l->dram_bits, 0);
        cs_table_double(t, 1e6 * layer_energy(l), 3);
        for (size_t level = 0; level < CS_HW_LEVELS; level++)
            cs_table_double(t, 1e6 * l->energy_j[level], 3);
    }
}

static void add_levels(cs_table *t, const eval_result *r, bool with_hash)
{
    static const char *const where[CS_HW_LEVELS] = {
        "multiply-accumulates",      "registers at the multipliers",
        "wires between multipliers", "on-chip buffers",
        "off-chip memory",           "leakage and clock"};
    for (size_t level = 0; level < CS_HW_LEVELS; level++) {
        double energy = 0.0;
        for (size_t i = 0; i < r->report.n_layers; i++)
            energy += r->report.layer[i].energy_j[level];
        if (isnan(energy))
            continue;
        if (with_hash)
            add_hash(t, r);
        cs_table_text(t, cs_hw_level_names[level]);
        cs_table_double(t, 1e6 * energy, 3);
        cs_table_double(t, energy / r->report.total.energy_j, 3);
        cs_table_text(t, where[level]);
    }
}

static void add_chunks(cs_table *t, const eval_result *r, bool with_hash)
{
    for (size_t i = 0; i < r->report.n_chunks; i++) {
        const cs_hw_chunk_cost *c = &r->report.chunk[i];
        double energy = 0.0;
        for (size_t k = 0; k < r->report.n_layers; k++)
            energy += r->report.layer[k].chunk == i ? layer_energy(&r->report.layer[k]) : 0.0;
        if (with_hash)
            add_hash(t, r);
        cs_table_text(t, c->name);
        cs_table_u64(t, c->layers);
        cs_table_double(t, c->cycles, 0);
        cs_table_double(t, c->cycles / r->report.interval_cycles, 3);
        cs_table_double(t, c->dsp, 2);
        cs_table_double(t, c->bram, 2);
        cs_table_double(t, c->dram_bits, 0);
        cs_table_double(t, 1e6 * energy, 3);
    }
}

/* --- for people ---------------------------------------------------------------------------- */

/* One quantity with its limit (NaN: it has none); `floor`: a minimum. */
static void add_quantity(cs_table *t, const char *name, double value, int decimals,
                         const char *unit, double limit, bool is_floor, bool broken)
{
    if (!isfinite(value))
        return;
    cs_table_text(t, name);
    cs_table_double(t, value, decimals);
    cs_table_text(t, unit);
    if (isfinite(limit) && (!is_floor || limit > 0.0)) {
        cs_table_textf(t, "%s %g", is_floor ? ">=" : "<=", limit);
        cs_table_text(t, broken ? "BROKEN" : "kept");
    } else {
        cs_table_absent(t);
        cs_table_absent(t);
    }
}

static cs_status print_costs(const eval_output *o, const eval_result *r, cs_error *err)
{
    static const cs_table_column columns[] = {
        {"quantity", false}, {"value", true}, {"unit", false}, {"limit", false}, {"state", false}};
    const cs_hw_metrics *m = &r->report.total;
    const cs_limits *l = o->limits;
    const uint32_t v = m->violated;
    cs_table *t = cs_table_new(columns, LENGTH(columns));
    if (!t)
        return memory_failure(err);
    add_quantity(t, "throughput", m->fps, 3, "images/s", l->fps_min, true, v & CS_VIOLATES_FPS);
    add_quantity(t, "DSP", m->dsp, 2, "slices", l->dsp_max, false, v & CS_VIOLATES_DSP);
    add_quantity(t, "BRAM", m->bram, 2, "18-Kbit blocks", l->bram_max, false, v & CS_VIOLATES_BRAM);
    add_quantity(t, "latency", 1e3 * m->latency_s, 4, "ms", 1e3 * l->latency_max_s, false,
                 v & CS_VIOLATES_LATENCY);
    add_quantity(t, "energy", 1e3 * m->energy_j, 4, "mJ", 1e3 * l->energy_max_j, false,
                 v & CS_VIOLATES_ENERGY);
    add_quantity(t, "EDP", 1e6 * m->edp_js, 6, "uJ s", 1e6 * l->edp_max_js, false,
                 v & CS_VIOLATES_EDP);
    add_quantity(t, "area", m->area_mm2, 3, "mm2", l->area_max_mm2, false, v & CS_VIOLATES_AREA);
    if (v & (CS_VIOLATES_BUFFER | CS_VIOLATES_REGISTERS | CS_VIOLATES_PES)) {
        char names[128];
        violated_text(v & (CS_VIOLATES_BUFFER | CS_VIOLATES_REGISTERS | CS_VIOLATES_PES), names);
        add_quantity(t, names, 100.0 * m->overflow, 1, "% of what there is", 100.0, false, true);
    }
    add_quantity(t, "utilization", 100.0 * m->utilization, 1, "%", (double)NAN, false, false);
    add_quantity(t, "interval", r->report.interval_cycles, 0, "cycles", (double)NAN, false, false);
    add_quantity(t, "published model", r->published_fps, 3, "images/s", (double)NAN, false, false);
    add_quantity(t, "published model", 1e6 * r->published_edp_js, 6, "uJ s", (double)NAN, false,
                 false);
    const cs_status status = cs_table_write(t, stdout, CS_TABLE_ALIGNED, 0, err);
    cs_table_free(t);
    return status;
}

static void print_least_edp(const eval_result *r)
{
    printf("\nbest accelerator  %.6g uJ s, %s: no accelerator of the platform under these limits\n"
           "                  is below %.6g; %llu accelerators enumerated\n",
           1e6 * r->report.total.edp_js, r->solution.proven ? "proven" : "NOT proven",
           1e6 * r->solution.bound_edp_js, (unsigned long long)r->solution.designs);
    if (isfinite(r->given_edp_js))
        printf("given accelerator %.6g uJ s, %.2f times the best\n", 1e6 * r->given_edp_js,
               1.0 + regret_edp(r));
}

static void print_most_fps(const eval_result *r)
{
    printf("\nbest accelerator  %.3f images/s, %s: no accelerator of the platform under these "
           "limits\n                  exceeds %.3f; %llu chunk designs enumerated\n",
           r->report.total.fps, r->solution.proven ? "proven" : "NOT proven", r->solution.bound_fps,
           (unsigned long long)r->solution.designs);
    if (isfinite(r->given_fps))
        printf("given accelerator %.3f images/s, %.2f %% below the best\n", r->given_fps,
               100.0 * regret_fps(r));
}

/* A breakdown table without the hash column. */
static cs_status print_breakdown(const eval_result *r, const cs_table_column *columns, size_t n,
                                 void (*add)(cs_table *, const eval_result *, bool), cs_error *err)
{
    cs_table *t = cs_table_new(columns + 1, n - 1);
    if (!t)
        return memory_failure(err);
    cs_table_hide_absent(t, 0, n - 1);
    add(t, r, false);
    fputc('\n', stdout);
    const cs_status status = cs_table_write(t, stdout, CS_TABLE_ALIGNED, 0, err);
    cs_table_free(t);
    return status;
}

static cs_status print_design(const eval_output *o, const eval_result *r, cs_error *err)
{
    char hex[17];
    cs_hash_hex(r->hash, hex);
    if (o->designs > 1)
        fputc('\n', stdout);
    printf("design    %s\nhash      %s\nnetwork   %llu parameters, %.3f M MACs, %.3f Mbit of "
           "weights\nplatform  %s version %u, bottleneck %s\n\n",
           r->text, hex, (unsigned long long)cs_net_params(&r->net),
           1e-6 * (double)cs_net_macs(&r->net), 1e-6 * (double)cs_net_weight_bits(&r->net),
           cs_space_hw_model(r->space)->name, cs_space_hw_model(r->space)->version,
           r->report.bottleneck ? r->report.bottleneck : "unknown");
    CS_TRY(print_costs(o, r, err));
    if (r->solved)
        r->solution.objective == CS_LEAST_EDP ? print_least_edp(r) : print_most_fps(r);
    if (r->trained)
        printf("\naccuracy  %.2f %%  %s\n          %.2f GMAC, %.1f s\n", 100.0 * r->accuracy.acc,
               r->accuracy_label, 1e-9 * (double)r->accuracy.macs, r->accuracy.wall_s);
    if (o->levels && isfinite(r->report.total.energy_j))
        CS_TRY(print_breakdown(r, level_columns, LENGTH(level_columns), add_levels, err));
    if (o->chunks)
        CS_TRY(print_breakdown(r, chunk_columns, LENGTH(chunk_columns), add_chunks, err));
    if (o->layers)
        CS_TRY(print_breakdown(r, layer_columns, LENGTH(layer_columns), add_layers, err));
    return CS_OK;
}

cs_status eval_output_add(eval_output *o, const eval_result *r, cs_error *err)
{
    o->designs++;
    if (!o->csv)
        return print_design(o, r, err);
    if (o->layers)
        add_layers(o->csv, r, true);
    else if (o->chunks)
        add_chunks(o->csv, r, true);
    else
        add_cost(o->csv, r);
    return CS_OK;
}

cs_status eval_output_end(eval_output *o, cs_error *err)
{
    return o->csv ? cs_table_write(o->csv, stdout, CS_TABLE_CSV, 0, err) : CS_OK;
}
