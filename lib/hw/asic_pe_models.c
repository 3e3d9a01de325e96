/* The PE-array models of lib/hw/models.def. */
#include "asic_pe.h"

/* Budgets and clocks of the released code: hw_diff_final (ASIC) and fpga_nips (FPGA, ZC706). */
static const pe_platform asic = {.pes = 144.0,
                                 .buffer_bits = 2.0 * 1024.0 * 1024.0,
                                 .register_bits = 512.0,
                                 .chip_hz = 250e6,
                                 .dram_hz = 90e6};
static const pe_platform fpga = {.pes = 900.0,
                                 .buffer_bits = 20.0 * 1024.0 * 1024.0 * 8.0,
                                 .register_bits = 8000.0,
                                 .chip_hz = 200e6,
                                 .dram_hz = 200e6};

static void active_with_batch(const cs_hw_context *ctx, const cs_net *net, bool *active)
{
    (void)ctx;
    asic_pe_active(net, true, active);
}

static cs_status published(const pe_platform *p, const cs_net *net, const uint16_t *choice,
                           const cs_limits *limits, cs_hw_report *report)
{
    cs_conv conv[CS_CONVS_MAX];
    asic_pe_published_report(p, conv, cs_net_convs(net, conv), choice, limits, report);
    return CS_OK;
}

static cs_status evaluate_published(const cs_hw_context *ctx, const cs_net *net,
                                    const uint16_t *choice, const cs_limits *limits,
                                    cs_hw_report *report)
{
    (void)ctx;
    return published(&asic, net, choice, limits, report);
}

static cs_status evaluate_published_fpga(const cs_hw_context *ctx, const cs_net *net,
                                         const uint16_t *choice, const cs_limits *limits,
                                         cs_hw_report *report)
{
    (void)ctx;
    return published(&fpga, net, choice, limits, report);
}

extern const cs_hw_model cs_hw_model_asic_pe_published, cs_hw_model_asic_pe_published_fpga;

const cs_hw_model cs_hw_model_asic_pe_published = {
    .version = 1,
    .name = "asic-pe-published",
    .cite = "zhang2020dna",
    .summary = "PE array of DNA, the authors' model: 144 PEs, 2 Mbit buffer, 512-bit registers",
    .decisions = asic_pe_decisions,
    .active = active_with_batch,
    .evaluate = evaluate_published};

const cs_hw_model cs_hw_model_asic_pe_published_fpga = {
    .version = 1,
    .name = "asic-pe-published:fpga",
    .cite = "zhang2020dna",
    .summary = "the same on the authors' FPGA budget: 900 PEs, 160 Mbit, 8000-bit registers",
    .decisions = asic_pe_decisions,
    .active = active_with_batch,
    .evaluate = evaluate_published_fpga};
