/* The PE-array models of lib/hw/models.def. */
#include "asic_pe.h"

/* Budgets and clocks of the released code: hw_diff_final (ASIC) and fpga_nips (FPGA). */
static const pe_platform small = {.pes = 144.0,
                                  .buffer_bits = 2.0 * 1024.0 * 1024.0,
                                  .register_bits = 512.0,
                                  .chip_hz = 250e6,
                                  .dram_hz = 90e6};
static const pe_platform large = {.pes = 900.0,
                                  .buffer_bits = 20.0 * 1024.0 * 1024.0 * 8.0,
                                  .register_bits = 8000.0,
                                  .chip_hz = 200e6,
                                  .dram_hz = 200e6};

static void active_with_batch(const cs_hw_context *ctx, const cs_net *net, bool *active)
{
    (void)ctx;
    asic_pe_active(net, true, active);
}

static void active_without_batch(const cs_hw_context *ctx, const cs_net *net, bool *active)
{
    (void)ctx;
    asic_pe_active(net, false, active);
}

typedef enum evaluator { PUBLISHED, SERIAL, PIPELINED } evaluator;

static cs_status evaluate(const pe_platform *platform, evaluator how, const cs_net *net,
                          const uint16_t *choice, const cs_limits *limits, cs_hw_report *report)
{
    cs_conv conv[CS_CONVS_MAX];
    const size_t n = cs_net_convs(net, conv);
    if (how == PUBLISHED)
        asic_pe_published_report(platform, conv, n, choice, limits, report);
    else
        asic_pe_nest_report(platform, how == PIPELINED, conv, n, choice, limits, report);
    return CS_OK;
}

#define PE_MODEL(id, name_, summary_, active_, platform, how)                                      \
    static cs_status id##_evaluate(const cs_hw_context *ctx, const cs_net *net,                    \
                                   const uint16_t *choice, const cs_limits *limits,                \
                                   cs_hw_report *report)                                           \
    {                                                                                              \
        (void)ctx;                                                                                 \
        return evaluate(&(platform), how, net, choice, limits, report);                            \
    }                                                                                              \
    extern const cs_hw_model cs_hw_model_##id;                                                     \
    const cs_hw_model cs_hw_model_##id = {.version = 1,                                            \
                                          .name = (name_),                                         \
                                          .cite = "zhang2020dna",                                  \
                                          .summary = (summary_),                                   \
                                          .decisions = asic_pe_decisions,                          \
                                          .active = active_,                                       \
                                          .evaluate = id##_evaluate};

PE_MODEL(asic_pe, "asic-pe",
         "PE array of DNA through loop nests, 45 nm: up to 144 PEs, 2 Mbit buffer",
         active_without_batch, small, SERIAL)
PE_MODEL(asic_pe_900, "asic-pe:900", "the same with up to 900 PEs, 160 Mbit buffer",
         active_without_batch, large, SERIAL)
PE_MODEL(asic_pe_pipelined, "asic-pe:pipelined",
         "asic-pe with standard and depthwise part on different images at the same time",
         active_without_batch, small, PIPELINED)
PE_MODEL(asic_pe_published, "asic-pe-published",
         "PE array of DNA, the authors' model: 144 PEs, 2 Mbit buffer, 512-bit registers",
         active_with_batch, small, PUBLISHED)
PE_MODEL(asic_pe_published_900, "asic-pe-published:900",
         "the same on the authors' FPGA budget and clocks: 900 PEs, 160 Mbit, 8000-bit registers",
         active_with_batch, large, PUBLISHED)
