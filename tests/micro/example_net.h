/* Operators and bitwidths of the example network of the authors' model file (70 layers in their
 * model), as fields 3 and 4 of a design text. */
#ifndef CS_MICRO_EXAMPLE_NET_H
#define CS_MICRO_EXAMPLE_NET_H

#define EXAMPLE_NET                                                                                \
    "k5_e6 k5_e6 k3_e1 k5_e3 k5_e3 k5_e6 k5_e1_g2 k5_e1 k5_e6 k5_e6 k5_e3 k5_e6 k5_e1_g2 k3_e6 "   \
    "k5_e6 k3_e3 k5_e6 k5_e6 k5_e3 k5_e6 k5_e3 k5_e6|"                                             \
    "6 8 6 6 4 8 6 6 6 8 6 8 8 8 6 6 6 6 6 6 6 6|"

#endif
