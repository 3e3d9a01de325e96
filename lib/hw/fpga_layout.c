/* Chunks of the multi-chunk FPGA pipeline and the options of their parameters. */
#include "fpga_chunk.h"

#include <stdio.h>

/* Lists from the authors' search code, and wider channel lists (ours): with the published ones no
 * chunk has more than 1,024 multipliers and a depthwise one no more than 32, so that a budget of a
 * few hundred DSP slices never binds. */
static const int32_t mode_fixed[] = {1};
static const int32_t modes_standard[] = {0, 1, 2}, modes_depthwise[] = {0, 1};
static const int32_t one[] = {1};
static const int32_t channels_large[] = {8, 4, 2, 1}, channels_small[] = {32, 16, 8, 4, 2, 1};
static const int32_t wide_large[] = {64, 32, 16, 8, 4, 2, 1};
static const int32_t wide_small[] = {128, 64, 32, 16, 8, 4, 2, 1};
static const int32_t cifar_large[] = {16, 8, 4, 2, 1}, cifar_small[] = {4, 2, 1};
static const int32_t imagenet_large[] = {28, 14, 7, 2, 1}, imagenet_small[] = {7, 2, 1};

/* clang-format off */
#define LIST(array) {(array), sizeof(array) / sizeof *(array)}
/* One chunk kind, in the order of enum chunk_param: mode; Tr Tc Tm Tn; r c m n. */
#define KIND(mode, side, out, in)                                                                  \
    {LIST(mode), LIST(side), LIST(side), LIST(out), LIST(in),                                      \
                 LIST(side), LIST(side), LIST(out), LIST(in)}
#define KINDS(standard, depthwise, large, small, channels_0, channels_1)                            \
    {KIND(standard, large, channels_0, channels_0),                                                \
     KIND(standard, small, channels_1, channels_1),                                                \
     KIND(depthwise, large, channels_0, one),                                                      \
     KIND(depthwise, small, channels_1, one)}

static const chunk_list lists[][2][CHUNK_KINDS][CHUNK_PARAMS] = { /* [.][ImageNet] */
    [FPGA_LISTS_FIXED] =
    {KINDS(mode_fixed, mode_fixed, cifar_large, cifar_small, channels_large, channels_small),
     KINDS(mode_fixed, mode_fixed, imagenet_large, imagenet_small, channels_large, channels_small)},
    [FPGA_LISTS_FREE] =
    {KINDS(modes_standard, modes_depthwise, cifar_large, cifar_small, channels_large, channels_small),
     KINDS(modes_standard, modes_depthwise, imagenet_large, imagenet_small, channels_large, channels_small)},
    [FPGA_LISTS_WIDE] =
    {KINDS(modes_standard, modes_depthwise, cifar_large, cifar_small, wide_large, wide_small),
     KINDS(modes_standard, modes_depthwise, imagenet_large, imagenet_small, wide_large, wide_small)}};
/* clang-format on */

static bool add_bits(fpga_layout *layout, int32_t bits)
{
    const size_t max = sizeof layout->bits / sizeof *layout->bits;
    if (layout->n_bits == max || bits < 1 || bits > FPGA_BITS_MAX)
        return false;
    layout->bits[layout->n_bits++] = bits;
    return true;
}

cs_status fpga_layout_init(const fpga_model *model, const cs_hw_context *ctx, fpga_layout *out)
{
    const bool imagenet = ctx->input_size >= 128;
    bool edge_missing = model->edge_chunks, room = true;
    out->n_bits = 0;
    for (size_t i = 0; i < ctx->n_bits; i++) {
        if (edge_missing && ctx->edge_bits < ctx->bits[i])
            room = room && add_bits(out, ctx->edge_bits);
        edge_missing = edge_missing && ctx->edge_bits > ctx->bits[i];
        room = room && add_bits(out, ctx->bits[i]);
    }
    if (edge_missing)
        room = room && add_bits(out, ctx->edge_bits);
    out->large = imagenet ? 28 : 16;
    out->list = lists[model->lists][imagenet];
    return room ? CS_OK : CS_EUSAGE;
}

const char *fpga_chunk_name(const fpga_layout *layout, size_t chunk)
{
#define NAMES(q)                                                                                   \
    {                                                                                              \
        "a0q" #q, "a1q" #q, "dwa0q" #q, "dwa1q" #q                                                 \
    }
    static const char name[FPGA_BITS_MAX][CHUNK_KINDS][FPGA_NAME_SIZE] = {
        NAMES(1), NAMES(2),  NAMES(3),  NAMES(4),  NAMES(5),  NAMES(6),  NAMES(7),  NAMES(8),
        NAMES(9), NAMES(10), NAMES(11), NAMES(12), NAMES(13), NAMES(14), NAMES(15), NAMES(16)};
#undef NAMES
    return name[layout->bits[chunk / CHUNK_KINDS] - 1][chunk % CHUNK_KINDS];
}

cs_status fpga_decisions(const fpga_model *model, const cs_hw_context *ctx, cs_decision *list,
                         size_t cap, size_t *n)
{
    static const char *const name[CHUNK_PARAMS] = {"mode", "Tr", "Tc", "Tm", "Tn",
                                                   "r",    "c",  "m",  "n"};
    fpga_layout layout;
    CS_TRY(fpga_layout_init(model, ctx, &layout));
    const size_t chunks = layout.n_bits * CHUNK_KINDS;
    if (chunks * CHUNK_PARAMS > cap)
        return CS_EUSAGE;
    for (size_t c = 0; c < chunks; c++)
        for (size_t p = 0; p < CHUNK_PARAMS; p++) {
            cs_decision *d = &list[c * CHUNK_PARAMS + p];
            const chunk_list *options = &layout.list[c % CHUNK_KINDS][p];
            const size_t tile = c * CHUNK_PARAMS + p - CHUNK_R + CHUNK_TR;
            *d = (cs_decision){.group = CS_GROUP_ACCELERATOR,
                               .n_choices = options->n,
                               .cap = p < CHUNK_R ? -1 : (int16_t)tile,
                               .ordered = p != CHUNK_MODE,
                               .value = options->value};
            snprintf(d->name, sizeof d->name, "%s.%s", fpga_chunk_name(&layout, c), name[p]);
        }
    *n = chunks * CHUNK_PARAMS;
    return CS_OK;
}
