#include "cosearch/net.h"

static cs_conv pointwise(const cs_block *b, int16_t index, uint16_t cin, uint16_t cout,
                         uint16_t size)
{
    return (cs_conv){.block = index,
                     .kernel = 1,
                     .stride = 1,
                     .bits = b->bits,
                     .groups = b->groups,
                     .cin = cin,
                     .cout = cout,
                     .in_size = size,
                     .out_size = size};
}

/* Convolutions of one block; returns how many. */
static size_t block_convs(const cs_block *b, int16_t index, cs_conv *out)
{
    if (cs_block_identity(b))
        return 0;
    if (b->skip) {
        out[0] = (cs_conv){.block = index,
                           .kernel = 1,
                           .stride = b->stride,
                           .bits = b->bits,
                           .groups = 1,
                           .cin = b->cin,
                           .cout = b->cout,
                           .in_size = b->in_size,
                           .out_size = b->out_size};
        return 1;
    }
    const uint16_t hidden = (uint16_t)(b->expansion * b->cin);
    out[0] = pointwise(b, index, b->cin, hidden, b->in_size);
    out[1] = (cs_conv){.block = index,
                       .kernel = b->kernel,
                       .stride = b->stride,
                       .bits = b->bits,
                       .depthwise = true,
                       .groups = hidden,
                       .cin = hidden,
                       .cout = hidden,
                       .in_size = b->in_size,
                       .out_size = b->out_size};
    out[2] = pointwise(b, index, hidden, b->cout, b->out_size);
    return 3;
}

size_t cs_net_convs(const cs_net *net, cs_conv *out)
{
    size_t n = 0;
    out[n++] = (cs_conv){.block = CS_CONV_STEM,
                         .kernel = 3,
                         .stride = (uint8_t)net->stem_stride,
                         .bits = net->edge_bits,
                         .groups = 1,
                         .cin = net->input_channels,
                         .cout = net->stem_channels,
                         .in_size = net->input_size,
                         .out_size = net->stem_size};
    for (uint8_t i = 0; i < net->n_blocks; i++)
        n += block_convs(&net->block[i], (int16_t)i, &out[n]);
    const uint16_t channels =
        net->n_blocks ? net->block[net->n_blocks - 1].cout : net->stem_channels;
    const uint16_t size = net->n_blocks ? net->block[net->n_blocks - 1].out_size : net->stem_size;
    const cs_conv head = {.block = CS_CONV_HEAD,
                          .kernel = 1,
                          .stride = 1,
                          .bits = net->edge_bits,
                          .groups = 1,
                          .cin = channels,
                          .cout = net->head_channels,
                          .in_size = size,
                          .out_size = size};
    out[n++] = head;
    out[n] = head;
    out[n].block = CS_CONV_CLASSIFIER;
    out[n].cin = net->head_channels;
    out[n].cout = net->classes;
    out[n].in_size = out[n].out_size = 1;
    return n + 1;
}

uint64_t cs_net_macs(const cs_net *net)
{
    cs_conv conv[CS_CONVS_MAX];
    const size_t n = cs_net_convs(net, conv);
    uint64_t macs = 0;
    for (size_t i = 0; i < n; i++)
        macs += cs_conv_macs(&conv[i]);
    return macs;
}

uint64_t cs_net_params(const cs_net *net)
{
    cs_conv conv[CS_CONVS_MAX];
    const size_t n = cs_net_convs(net, conv);
    uint64_t params = 0;
    for (size_t i = 0; i < n; i++) /* scale and shift per channel, or the classifier's bias */
        params += cs_conv_weights(&conv[i]) +
                  (conv[i].block == CS_CONV_CLASSIFIER ? 1u : 2u) * (uint64_t)conv[i].cout;
    return params;
}

uint64_t cs_net_weight_bits(const cs_net *net)
{
    cs_conv conv[CS_CONVS_MAX];
    const size_t n = cs_net_convs(net, conv);
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++)
        bits += cs_conv_weights(&conv[i]) * conv[i].bits;
    return bits;
}
