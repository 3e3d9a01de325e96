/* Reports of the two PE-array models. */
#include "asic_pe.h"

#include <string.h>

void asic_pe_report_begin(const pe_unit unit[PE_PARTS], double cycles_per_mac,
                          double dram_bits_per_cycle, cs_hw_report *report)
{
    static const char name[PE_PARTS][4] = {"std", "dw"};
    report->total = (cs_hw_metrics){.dsp = NAN, .bram = NAN, .area_mm2 = NAN};
    report->clock_hz = PE_CLOCK_HZ;
    report->dram_bits_per_cycle = dram_bits_per_cycle;
    report->n_chunks = unit[PE_DEPTHWISE].pes > 0.0 ? 2 : 1;
    for (size_t part = 0; part < report->n_chunks; part++) {
        cs_hw_chunk_cost *c = &report->chunk[part];
        double pes = 1.0;
        for (size_t i = 0; i < PE_LOOPS; i++)
            pes *= unit[part].spatial[i];
        *c = (cs_hw_chunk_cost){.dsp = NAN, .bram = NAN, .macs_per_cycle = pes / cycles_per_mac};
        memcpy(c->name, name[part], sizeof name[part]);
    }
}

void asic_pe_report_layer(const cs_conv *c, cs_hw_layer_cost *out)
{
    *out = (cs_hw_layer_cost){.block = c->block,
                              .kernel = c->kernel,
                              .bits = c->bits,
                              .depthwise = c->depthwise,
                              .chunk = c->depthwise ? PE_DEPTHWISE : PE_STANDARD,
                              .cin = c->cin,
                              .cout = c->cout,
                              .out_size = c->out_size,
                              .stride = c->stride,
                              .groups = c->groups,
                              .macs = cs_conv_macs(c)};
}

void asic_pe_need(cs_hw_metrics *total, double need, double available, uint32_t bit)
{
    const double share = need / available;
    if (share > total->overflow)
        total->overflow = share;
    if (need > available)
        total->violated |= bit;
}

/* Cycles between two images, and what sets them. */
static void set_interval(bool pipelined, double cycles, cs_hw_report *report)
{
    static const char *const bottleneck[PE_PARTS] = {"std", "dw"};
    const cs_hw_chunk_cost *slowest = &report->chunk[PE_STANDARD];
    double dram_bits = 0.0;
    for (size_t part = 0; part < report->n_chunks; part++) {
        dram_bits += report->chunk[part].dram_bits;
        if (report->chunk[part].cycles > slowest->cycles)
            slowest = &report->chunk[part];
    }
    const double dram = dram_bits / report->dram_bits_per_cycle;
    report->bottleneck = bottleneck[slowest - report->chunk];
    report->interval_cycles = pipelined ? slowest->cycles : cycles;
    if (pipelined && dram > slowest->cycles) {
        report->bottleneck = "dram";
        report->interval_cycles = dram;
    }
}

void asic_pe_report_end(double static_w, bool pipelined, const cs_limits *limits,
                        cs_hw_report *report)
{
    cs_hw_metrics *total = &report->total;
    double cycles = 0.0, energy = 0.0, busy = 0.0;
    for (size_t i = 0; i < report->n_layers; i++) {
        const cs_hw_layer_cost *l = &report->layer[i];
        cs_hw_chunk_cost *c = &report->chunk[l->chunk];
        c->layers++;
        c->cycles += l->cycles;
        c->dram_bits += l->dram_bits;
        cycles += l->cycles;
        busy += (double)l->macs / c->macs_per_cycle;
    }
    set_interval(pipelined, cycles, report);
    const double static_j = static_w * report->interval_cycles / (PE_CLOCK_HZ * cycles);
    for (size_t i = 0; i < report->n_layers; i++) {
        cs_hw_layer_cost *l = &report->layer[i];
        l->energy_j[CS_HW_STATIC] = static_j * l->cycles;
        for (size_t level = 0; level < CS_HW_LEVELS; level++)
            energy += l->energy_j[level];
    }
    total->latency_s = fmax(cycles, report->interval_cycles) / PE_CLOCK_HZ;
    total->fps = PE_CLOCK_HZ / report->interval_cycles;
    total->energy_j = energy;
    total->edp_js = energy * total->latency_s;
    total->utilization = busy / (report->interval_cycles * (double)report->n_chunks);
    if (limits)
        total->violated |= cs_limits_violated(limits, total);
}
