#include "nn/netspec.h"

static cs_conv_spec conv(int cin, int cout, int k, int s, int groups, int bits)
{
    return (cs_conv_spec){.cin = (uint16_t)cin,
                          .cout = (uint16_t)cout,
                          .k = (uint8_t)k,
                          .s = (uint8_t)s,
                          .groups = (uint16_t)groups,
                          .bits = (uint8_t)bits};
}

static cs_stage_spec single(cs_conv_spec c)
{
    return (cs_stage_spec){.conv = {c}, .n_convs = 1, .relu = true};
}

static cs_status lower_block(const cs_block *b, int index, cs_stage_spec *out, cs_error *err)
{
    if (b->cin == 0 || b->cout == 0 || b->in_size == 0 || (b->stride != 1 && b->stride != 2) ||
        b->bits < 1 || b->bits > CS_BITS_FLOAT || (b->bits > 16 && b->bits < CS_BITS_FLOAT))
        return cs_fail(
            err, CS_EUSAGE,
            "block %d: cin %d, cout %d, size %d, stride %d, bits %d is not a network the "
            "engine trains: channels and size above 0, stride 1 or 2, bits 1..16 or %d",
            index, b->cin, b->cout, b->in_size, b->stride, b->bits, CS_BITS_FLOAT);
    if (b->skip) {
        *out = single(conv(b->cin, b->cout, 1, b->stride, 1, b->bits));
        return CS_OK;
    }
    if ((b->kernel != 3 && b->kernel != 5) || b->expansion == 0 || b->groups == 0 ||
        b->cin % b->groups != 0 || b->cout % b->groups != 0)
        return cs_fail(
            err, CS_EUSAGE,
            "block %d: kernel %d, expansion %d, groups %d with %d -> %d channels; expected "
            "kernel 3 or 5, expansion above 0 and groups that divide both channel counts",
            index, b->kernel, b->expansion, b->groups, b->cin, b->cout);
    const int wide = b->cin * b->expansion;
    *out = (cs_stage_spec){.n_convs = 3, .residual = b->stride == 1 && b->cin == b->cout};
    out->conv[0] = conv(b->cin, wide, 1, 1, b->groups, b->bits);
    out->conv[0].shuffle = b->groups > 1;
    out->conv[1] = conv(wide, wide, b->kernel, b->stride, wide, b->bits);
    out->conv[2] = conv(wide, b->cout, 1, 1, b->groups, b->bits);
    return CS_OK;
}

cs_status cs_net_lower(const cs_net *net, cs_net_spec *out, cs_error *err)
{
    if (net->n_blocks > CS_BLOCKS_MAX || net->classes < 2 || net->input_channels == 0 ||
        net->input_size == 0 || net->stem_channels == 0 || net->head_channels == 0 ||
        net->stem_stride == 0)
        return cs_fail(
            err, CS_EUSAGE,
            "network: %d blocks, %d classes, input %dx%dx%d, stem %d, head %d: blocks at "
            "most %d, classes at least 2 and no other number may be 0",
            net->n_blocks, net->classes, net->input_size, net->input_size, net->input_channels,
            net->stem_channels, net->head_channels, CS_BLOCKS_MAX);
    *out = (cs_net_spec){.input_size = net->input_size,
                         .input_channels = net->input_channels,
                         .classes = net->classes};
    out->stage[out->n_stages++] = single(
        conv(net->input_channels, net->stem_channels, 3, net->stem_stride, 1, CS_BITS_FLOAT));
    int channels = net->stem_channels;
    for (int i = 0; i < net->n_blocks; i++) {
        const cs_block *b = &net->block[i];
        if (b->cin != channels)
            return cs_fail(err, CS_EUSAGE,
                           "block %d reads %d channels, but the one before it writes %d", i, b->cin,
                           channels);
        channels = b->cout;
        if (!cs_block_identity(b))
            CS_TRY(lower_block(b, i, &out->stage[out->n_stages++], err));
    }
    out->stage[out->n_stages++] =
        single(conv(channels, net->head_channels, 1, 1, 1, CS_BITS_FLOAT));
    return CS_OK;
}

/* Walks the convolutions of a lowered network; the same shapes the graph runs. */
static uint64_t forward_macs(const cs_net_spec *spec, uint64_t *first)
{
    uint64_t sum = 0;
    int size = spec->input_size, channels = spec->input_channels;
    *first = 0;
    for (int i = 0; i < spec->n_stages; i++)
        for (int j = 0; j < spec->stage[i].n_convs; j++) {
            const cs_conv_spec *c = &spec->stage[i].conv[j];
            cs_convop shape;
            cs_convop_shape(&shape, c->cin, c->cout, c->k, c->s, c->groups, size, size, 0, false);
            if (i == 0 && j == 0)
                *first = shape.macs;
            sum += shape.macs;
            size = shape.oh;
            channels = c->cout;
        }
    return sum + (uint64_t)channels * spec->classes;
}

uint64_t cs_forward_macs_per_image(const cs_net *net)
{
    cs_net_spec spec;
    uint64_t first;
    return cs_net_lower(net, &spec, NULL) == CS_OK ? forward_macs(&spec, &first) : 0;
}

/* Forward, gradient of the weights, gradient of the input; the latter not for the first layer. */
uint64_t cs_train_macs_per_image(const cs_net *net)
{
    cs_net_spec spec;
    uint64_t first = 0;
    if (cs_net_lower(net, &spec, NULL) != CS_OK)
        return 0;
    const uint64_t forward = forward_macs(&spec, &first);
    return 3 * forward - first;
}
