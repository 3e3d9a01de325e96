/* Helpers of the tests that need spaces, networks and accelerators. */
#ifndef TEST_HW_DESIGNS_H
#define TEST_HW_DESIGNS_H

#include "cosearch/space.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* The example network of the authors' model file: 70 layers in their model. */
#define EXAMPLE_OPS                                                                                \
    "k5_e6 k5_e6 k3_e1 k5_e3 k5_e3 k5_e6 k5_e1_g2 k5_e1 k5_e6 k5_e6 k5_e3 k5_e6 k5_e1_g2 k3_e6 "   \
    "k5_e6 k3_e3 k5_e6 k5_e6 k5_e3 k5_e6 k5_e3 k5_e6"
#define EXAMPLE_BITS "6 8 6 6 4 8 6 6 6 8 6 8 8 8 6 6 6 6 6 6 6 6"

static inline cs_space *test_space(const char *net_space, const char *hw)
{
    cs_space *space = NULL;
    cs_error err = {""};
    cr_assert_eq(cs_space_new(net_space, hw, 10, &space, &err), CS_OK, "%s", err.text);
    return space;
}

/* Sets operators and bitwidths from blank-separated lists; one word stands for all blocks. */
static inline void test_set_network(const cs_space *space, cs_design *d, const char *ops,
                                    const char *bits)
{
    const char *lists[2] = {ops, bits};
    const size_t n = cs_space_net_space(space)->n_blocks;
    d->n = (uint16_t)cs_space_size(space);
    for (size_t g = 0; g < 2; g++) {
        const char *at = lists[g];
        const bool single = strchr(at, ' ') == NULL;
        for (size_t i = 0; i < n; i++) {
            const size_t len = strcspn(at, " "), k = g * n + i;
            uint16_t c = 0;
            char label[16] = "";
            for (; c < cs_space_decision(space, k)->n_choices; c++) {
                cs_space_label(space, k, c, label, sizeof label);
                if (strlen(label) == len && memcmp(label, at, len) == 0)
                    break;
            }
            cr_assert_lt(c, cs_space_decision(space, k)->n_choices, "no choice '%s'", at);
            d->choice[k] = c;
            if (!single)
                at += len + (at[len] == ' ');
        }
    }
}

/* Sets the parameters of the chunks whose name begins with `kind` followed by 'q', at every
 * bitwidth: "1,16,16,8,8,1,1,8,8". */
static inline void test_set_chunks(const cs_space *space, cs_design *d, const char *kind,
                                   const char *values)
{
    size_t first, last;
    cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &last);
    for (size_t i = first; i < last; i += 9) {
        const char *name = cs_space_decision(space, i)->name;
        if (strncmp(name, kind, strlen(kind)) != 0 || name[strlen(kind)] != 'q')
            continue;
        const char *at = values;
        for (size_t p = 0; p < 9; p++) {
            const cs_decision *decision = cs_space_decision(space, i + p);
            char *end;
            const long value = strtol(at, &end, 10);
            uint16_t c = 0;
            while (c < decision->n_choices && decision->value[c] != value)
                c++;
            cr_assert_lt(c, decision->n_choices, "%s has no choice %ld", decision->name, value);
            d->choice[i + p] = c;
            at = end + (*end == ',');
        }
    }
}

/* Equal, or both without the quantity. */
static inline bool test_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* Models whose units are the chunks of the FPGA pipeline. */
static inline bool test_is_fpga_chunk(const cs_hw_model *model)
{
    return strncmp(model->name, "fpga-chunk", strlen("fpga-chunk")) == 0;
}

static inline double test_relative(double a, double b)
{
    return fabs(a - b) / fmax(fabs(b), 1e-300);
}

#endif
