/* What a training graph is made of, before memory: stages of convolutions, then pool and
 * classifier. A network (cs_net) is lowered to this; tests and validation build their own. */
#ifndef CS_NN_NETSPEC_H
#define CS_NN_NETSPEC_H

#include "nn/convop.h"

#define CS_STAGE_CONVS 3

/* Convolution with batch norm after it. All but the last of a stage have a ReLU of their own. */
typedef struct cs_conv_spec {
    uint16_t cin, cout;
    uint8_t k, s;
    uint16_t groups;
    uint8_t bits; /* of weights and input; CS_BITS_FLOAT: not quantised          */
    bool shuffle; /* channel shuffle after it                                    */
} cs_conv_spec;

/* A chain whose result is stored: a stem, a block or a head. */
typedef struct cs_stage_spec {
    cs_conv_spec conv[CS_STAGE_CONVS];
    uint8_t n_convs;
    bool relu;     /* after the last convolution, and after the sum if residual               */
    bool residual; /* stage input is added to its output: where the stage has a stride, every
                      s-th row and column of it; where it has more channels, zeros there
                      (He et al. 2016, section 3.3, option A). Never fewer channels.          */
} cs_stage_spec;

typedef struct cs_net_spec {
    uint16_t input_size, input_channels;
    bool padded_input; /* channels of the input are padded to CS_LANES; a data batch's are not */
    uint16_t classes;
    uint8_t n_stages;
    cs_stage_spec stage[CS_BLOCKS_MAX + 2];
} cs_net_spec;

cs_status cs_net_lower(const cs_net *net, cs_net_spec *out, cs_error *err);

#endif
