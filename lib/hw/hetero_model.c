/* The heterogeneous accelerator: decisions, evaluation of one network and of several. */
#include "hetero_model.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- decisions ---- */

#define DOWN4(v) (v), (v)-32, (v)-64, (v)-96
#define DOWN16(v) DOWN4(v), DOWN4((v)-128), DOWN4((v)-256), DOWN4((v)-384)
#define DOWN64(v) DOWN16(v), DOWN16((v)-512), DOWN16((v)-1024), DOWN16((v)-1536)

/* PEs in steps of 32. The last unit always exists; one before it may have none. */
static const int32_t pes_last[] = {DOWN64(4096), DOWN64(2048)};
static const int32_t pes_other[] = {DOWN64(4064), DOWN64(2016)}; /* ends with 0 */
static const int32_t dataflows[] = {HETERO_DLA, HETERO_SHI, HETERO_RS};
/* GB/s in steps of 8; the last unit takes what is left. */
static const int32_t gbs_two[] = {56, 48, 40, 32, 24, 16, 8};
static const int32_t gbs_four[] = {40, 32, 24, 16, 8};

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { PES, DATAFLOW, GBS, PARAMS }; /* the last unit has no GBS */

static const char *const names[CS_HETERO_UNITS_MAX][HETERO_DATAFLOWS] = {
    {"s0-dla", "s0-shi", "s0-rs"},
    {"s1-dla", "s1-shi", "s1-rs"},
    {"s2-dla", "s2-shi", "s2-rs"},
    {"s3-dla", "s3-shi", "s3-rs"}};

const char *hetero_unit_name(const hetero_unit *unit)
{
    return names[unit->slot][unit->dataflow];
}

static const int32_t *gbs_list(const hetero_model *m, uint16_t *n)
{
    *n = m->units == 2 ? COUNT(gbs_two) : COUNT(gbs_four);
    return m->units == 2 ? gbs_two : gbs_four;
}

size_t hetero_decision_count(const hetero_model *m)
{
    return m->units * PARAMS - 1;
}

cs_status hetero_decisions(const hetero_model *m, cs_decision *list, size_t cap, size_t *n)
{
    static const char *const param[PARAMS] = {"PEs", "df", "bw"};
    *n = hetero_decision_count(m);
    if (*n > cap)
        return CS_EUSAGE;
    for (size_t i = 0; i < *n; i++) {
        const size_t slot = i / PARAMS, p = i % PARAMS;
        const bool last = slot + 1 == m->units;
        cs_decision *d = &list[i];
        *d = (cs_decision){.group = CS_GROUP_ACCELERATOR, .cap = -1, .ordered = p != DATAFLOW};
        snprintf(d->name, sizeof d->name, "s%u.%s", (unsigned)slot & 3u, param[p]);
        if (p == DATAFLOW) {
            d->value = dataflows;
            d->n_choices = COUNT(dataflows);
        } else if (p == GBS) {
            d->value = gbs_list(m, &d->n_choices);
            /* 8 GB/s are kept for every unit still to come */
            d->budget = HETERO_GBS_MAX - 8 * (int32_t)(m->units - 1 - slot);
        } else {
            d->value = last ? pes_last : pes_other;
            d->n_choices = last ? COUNT(pes_last) : COUNT(pes_other);
            d->budget = last ? HETERO_PES_MAX : HETERO_PES_MAX - 32;
        }
        if (p != DATAFLOW && slot > 0)
            d->cap = (int16_t)(i - PARAMS);
        if (p != PES)
            d->needs = (uint8_t)p;
    }
    return CS_OK;
}

size_t hetero_decode(const hetero_model *m, const uint16_t *choice, hetero_unit *unit)
{
    uint16_t n_gbs;
    const int32_t *gbs = gbs_list(m, &n_gbs);
    int32_t left = HETERO_GBS_MAX;
    size_t n = 0;
    for (size_t slot = 0; slot < m->units; slot++, choice += PARAMS) {
        const bool last = slot + 1 == m->units;
        const int32_t pes = last ? pes_last[choice[PES]] : pes_other[choice[PES]];
        if (pes == 0)
            continue;
        const int32_t share = last ? left : gbs[choice[GBS]];
        unit[n++] = (hetero_unit){(uint8_t)slot, (uint8_t)dataflows[choice[DATAFLOW]], pes, share};
        left -= share;
    }
    return n;
}

static uint16_t index_of(const int32_t *list, size_t n, int32_t value)
{
    size_t i = 0;
    while (i + 1 < n && list[i] != value)
        i++;
    return (uint16_t)i;
}

void hetero_encode(const hetero_unit *first, const hetero_unit *last, uint16_t *choice)
{
    choice[PES] = index_of(pes_other, COUNT(pes_other), first ? first->pes : 0);
    choice[DATAFLOW] = first ? first->dataflow : 0;
    choice[GBS] = first ? index_of(gbs_two, COUNT(gbs_two), first->gbs) : 0;
    choice[PARAMS + PES] = index_of(pes_last, COUNT(pes_last), last->pes);
    choice[PARAMS + DATAFLOW] = last->dataflow;
}

uint8_t hetero_widest(const cs_hw_context *ctx)
{
    int32_t widest = ctx->edge_bits;
    for (size_t i = 0; i < ctx->n_bits; i++)
        widest = ctx->bits[i] > widest ? ctx->bits[i] : widest;
    return (uint8_t)widest;
}

/* ---- one network ---- */

static double dynamic_j(const hetero_cost *c)
{
    double sum = 0.0;
    for (size_t i = 0; i < CS_HW_LEVELS; i++)
        sum += c->energy_j[i];
    return sum;
}

static void report_layer(const cs_conv *c, uint8_t chunk, const hetero_cost *cost, double static_w,
                         cs_hw_layer_cost *out)
{
    *out = (cs_hw_layer_cost){.block = c->block,
                              .kernel = c->kernel,
                              .bits = c->bits,
                              .depthwise = c->depthwise,
                              .chunk = chunk,
                              .cin = c->cin,
                              .cout = c->cout,
                              .out_size = c->out_size,
                              .stride = c->stride,
                              .groups = c->groups,
                              .macs = cs_conv_macs(c),
                              .cycles = cost->cycles,
                              .dram_bits = cost->dram_bits};
    memcpy(out->energy_j, cost->energy_j, sizeof out->energy_j);
    out->energy_j[CS_HW_STATIC] = static_w * cost->cycles / HETERO_CLOCK_HZ;
}

/* Totals from layers and chunks. */
static void report_totals(const hetero_engine *engine, size_t n_units, const cs_limits *limits,
                          cs_hw_report *r)
{
    cs_hw_metrics *total = &r->total;
    double cycles = 0.0, energy = 0.0, area = 0.0;
    size_t slowest = 0, used = 0;
    for (size_t i = 0; i < r->n_layers; i++) {
        const cs_hw_layer_cost *l = &r->layer[i];
        cs_hw_chunk_cost *c = &r->chunk[l->chunk];
        c->layers++;
        c->cycles += l->cycles;
        c->dram_bits += l->dram_bits;
        cycles += l->cycles;
        for (size_t level = 0; level < CS_HW_LEVELS; level++)
            energy += l->energy_j[level];
    }
    for (size_t u = 0; u < n_units; u++) {
        area += engine[u].area_mm2;
        used += r->chunk[u].layers > 0;
        if (r->chunk[u].cycles > r->chunk[slowest].cycles)
            slowest = u;
    }
    r->bottleneck = hetero_unit_name(&engine[slowest].unit);
    r->interval_cycles = cycles;
    *total = (cs_hw_metrics){.dsp = NAN,
                             .bram = NAN,
                             .overflow = NAN,
                             .fps = HETERO_CLOCK_HZ / cycles,
                             .latency_s = cycles / HETERO_CLOCK_HZ,
                             .energy_j = energy,
                             .area_mm2 = area,
                             .utilization = 1.0 / (double)used};
    total->edp_js = energy * total->latency_s;
    total->violated = limits ? cs_limits_violated(limits, total) : 0;
}

/* Costs of every kind of layer on every unit. */
static void fill_table(const hetero_model *m, const hetero_work *work, const hetero_engine *engine,
                       size_t n_units, double static_w,
                       hetero_cost cost[CS_CONVS_MAX][CS_HETERO_UNITS_MAX], hetero_table *table)
{
    table->n_units = n_units;
    for (size_t k = 0; k < work->n_kinds; k++)
        for (size_t u = 0; u < n_units; u++) {
            m->cost(&engine[u], &work->layer[work->first[k]], &cost[k][u]);
            table->cycles[k][u] = cost[k][u].cycles;
            table->energy_j[k][u] =
                dynamic_j(&cost[k][u]) + static_w * cost[k][u].cycles / HETERO_CLOCK_HZ;
        }
}

/* Units of a vector of choices, built; returns how many, and their static power together. */
static size_t build_units(const hetero_model *m, const uint16_t *choice, uint8_t widest,
                          hetero_engine *engine, double *static_w)
{
    hetero_unit unit[CS_HETERO_UNITS_MAX];
    const size_t n = hetero_decode(m, choice, unit);
    *static_w = 0.0;
    for (size_t u = 0; u < n; u++) {
        m->build(&unit[u], widest, &engine[u]);
        *static_w += engine[u].static_w;
    }
    return n;
}

cs_status hetero_evaluate(const hetero_model *m, const cs_hw_context *ctx, const cs_net *net,
                          const uint16_t *choice, const cs_limits *limits, cs_hw_report *report)
{
    hetero_work work;
    hetero_engine engine[CS_HETERO_UNITS_MAX];
    hetero_cost cost[CS_CONVS_MAX][CS_HETERO_UNITS_MAX];
    hetero_table table;
    hetero_mapping mapping;
    double static_w;
    const uint8_t widest = hetero_widest(ctx);
    const hetero_goal goal = hetero_goal_of(limits);
    CS_TRY(hetero_work_init(net, widest, &work));
    const size_t n_units = build_units(m, choice, widest, engine, &static_w);
    fill_table(m, &work, engine, n_units, static_w, cost, &table);
    hetero_map(&work, &table, &goal, &mapping);
    report->clock_hz = HETERO_CLOCK_HZ;
    report->dram_bits_per_cycle = m->dram_bits_per_cycle;
    report->n_layers = work.n_layers;
    report->n_chunks = n_units;
    for (size_t u = 0; u < n_units; u++) {
        report->chunk[u] = (cs_hw_chunk_cost){
            .dsp = NAN, .bram = NAN, .macs_per_cycle = (double)engine[u].unit.pes};
        snprintf(report->chunk[u].name, sizeof report->chunk[u].name, "%s",
                 hetero_unit_name(&engine[u].unit));
    }
    for (size_t i = 0; i < work.n_layers; i++) {
        const size_t k = work.kind[i];
        uint8_t u = 0;
        while (mapping.on[k][u] == 0) /* equal layers: the earlier ones to the earlier unit */
            u++;
        mapping.on[k][u]--;
        report_layer(&work.layer[i], u, &cost[k][u], static_w, &report->layer[i]);
    }
    report_totals(engine, n_units, limits, report);
    return CS_OK;
}
