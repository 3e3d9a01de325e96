#include "hw_designs.h"

#include <stdlib.h>

static const char *const micro_text =
    "fbnet:micro|fpga-chunk|k3_e3 k5_e6 skip k3_e1|8 4 4 8|"
    "a0q4=1:16:16:8:8:16:16:8:8 a1q4=1:4:4:32:16:2:1:8:4 dwa1q4=1:4:2:32:1:4:2:16:1 "
    "a0q8=1:8:16:8:4:2:2:8:4 a1q8=1:4:4:32:32:1:1:16:16 dwa0q8=1:16:16:8:1:8:1:8:1 "
    "dwa1q8=1:2:2:16:1:1:1:4:1";

/* Hashes of format 1 of the text: a change here breaks every stored result. */
Test(design, hash_is_stable)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk");
    cs_design d;
    cs_error err = {""};
    char text[CS_DESIGN_TEXT_MAX];
    cr_assert_eq(cs_design_parse(space, micro_text, &d, &err), CS_OK, "%s", err.text);
    cr_assert_eq(cs_design_format(space, &d, text, sizeof text), CS_OK);
    cr_assert_str_eq(text, micro_text);
    cr_assert_eq(cs_design_hash(space, &d), UINT64_C(0x27b741ec3bd6ecea), "%016llx",
                 (unsigned long long)cs_design_hash(space, &d));
    cs_space_free(space);
}

Test(design, round_trips)
{
    for (size_t s = 0; cs_net_spaces[s]; s++)
        for (size_t m = 0; cs_hw_models[m]; m++) {
            cs_space *space = test_space(cs_net_spaces[s]->name, cs_hw_models[m]->name);
            cs_rng rng;
            cs_rng_seed(&rng, 17 * s + m);
            for (int i = 0; i < 1000; i++) {
                cs_design d, back, canonical;
                char text[CS_DESIGN_TEXT_MAX], again[CS_DESIGN_TEXT_MAX];
                cs_error err = {""};
                cs_space_sample(space, &rng, &d);
                cr_assert_eq(cs_design_format(space, &d, text, sizeof text), CS_OK);
                cr_assert_eq(cs_design_parse(space, text, &back, &err), CS_OK, "%s", err.text);
                cr_assert_eq(cs_design_format(space, &back, again, sizeof again), CS_OK);
                cr_assert_str_eq(text, again);
                cr_assert(cs_design_equal(space, &d, &back));
                cr_assert_eq(cs_design_hash(space, &d), cs_design_hash(space, &back));
                cs_space_canonical(space, &d, &canonical);
                cr_assert_eq(memcmp(&canonical, &back, sizeof back), 0);
            }
            cs_space_free(space);
        }
}

/* Texts that mean the same design are read as the same design. */
Test(design, reads_equal_texts_alike)
{
    static const char *const same[] = {
        /* trailing white space, several blanks, other order, parts that nothing uses */
        "fbnet:micro|fpga-chunk-published|k3_e1 k3_e1 k3_e1 k3_e1|8 8 8 8|"
        "a0q8=1:8:8:8:8:1:1:8:8 a1q8=1:4:4:8:8:1:1:8:8 dwa0q8=1:8:8:8:1:1:1:8:1 "
        "dwa1q8=1:4:4:8:1:1:1:8:1 \t\r\n",
        "fbnet:micro|fpga-chunk-published|k3_e1  k3_e1 k3_e1 k3_e1| 8 8 8 8|"
        "dwa1q8=1:4:4:8:1:1:1:8:1 a1q8=1:4:4:8:8:1:1:8:8  dwa0q8=1:8:8:8:1:1:1:8:1 "
        "a0q8=1:8:8:8:8:1:1:8:8 a0q4=1:1:1:1:1:1:1:1:1"};
    cs_space *space = test_space("fbnet:micro", "fpga-chunk-published");
    cs_design a, b;
    cs_error err = {""};
    cr_assert_eq(cs_design_parse(space, same[0], &a, &err), CS_OK, "%s", err.text);
    cr_assert_eq(cs_design_parse(space, same[1], &b, &err), CS_OK, "%s", err.text);
    cr_assert_eq(memcmp(&a, &b, sizeof a), 0);
    cs_space_free(space);
}

/* An identity has no bitwidth: '-' and any number mean the same, and '-' is what is printed. */
Test(design, identity_has_no_bits)
{
    static const char *const form =
        "fbnet:micro|fpga-chunk-published|skip skip skip k3_e1|%s 8 8 8|"
        "a1q8=1:4:4:8:8:1:1:8:8 dwa1q8=1:4:4:8:1:1:1:8:1";
    cs_space *space = test_space("fbnet:micro", "fpga-chunk-published");
    static const char *const bits[] = {"-", "4", "8"};
    cs_design d[3];
    char text[CS_DESIGN_TEXT_MAX];
    for (size_t i = 0; i < 3; i++) {
        cs_error err = {""};
        snprintf(text, sizeof text, form, bits[i]);
        cr_assert_eq(cs_design_parse(space, text, &d[i], &err), CS_OK, "%s", err.text);
        cr_assert(cs_design_equal(space, &d[0], &d[i]));
    }
    /* raw vectors that differ in an identity's bits decode to one network */
    cs_design e = d[0];
    cs_net a, b;
    e.choice[4] = 1;
    cr_assert_eq(cs_space_network(space, &d[0], &a), CS_OK);
    cr_assert_eq(cs_space_network(space, &e, &b), CS_OK);
    cr_assert(cs_block_identity(&b.block[0]));
    cr_assert_eq(b.block[0].bits, 4);
    cr_assert_eq(a.block[0].bits, b.block[0].bits);
    cr_assert_eq(cs_design_format(space, &d[2], text, sizeof text), CS_OK);
    cr_assert(strstr(text, "|- 8 8 8|"), "%s", text);
    cs_space_free(space);
}

#define OPS "k3_e3 k5_e6 skip k3_e1"
#define BITS "8 4 4 8"
#define UNITS                                                                                      \
    "a0q4=1:16:16:8:8:16:16:8:8 a1q4=1:4:4:32:16:2:1:8:4 dwa1q4=1:4:2:32:1:4:2:16:1 "              \
    "a0q8=1:8:16:8:4:2:2:8:4 a1q8=1:4:4:32:32:1:1:16:16 dwa0q8=1:16:16:8:1:8:1:8:1"
#define LAST " dwa1q8=1:2:2:16:1:1:1:4:1"
#define HEAD "fbnet:micro|fpga-chunk|"

Test(design, bad_text_is_explained)
{
    static const struct {
        const char *text;
        cs_status status;
        const char *says[3];
    } bad[] = {
        {"", CS_EFORMAT, {"expected 5 fields", "found 1"}},
        {HEAD OPS "|" BITS, CS_EFORMAT, {"expected 5 fields", "found 4"}},
        {HEAD OPS "|" BITS "|" UNITS LAST "|", CS_EFORMAT, {"expected 5 fields", "found 6"}},
        {"fbnet:cifar|fpga-chunk|" OPS "|" BITS "|" UNITS LAST,
         CS_EOUTSIDE,
         {"field 1 (space)", "expected 'fbnet:micro'", "found 'fbnet:cifar'"}},
        {"fbnet:micro|fpga|" OPS "|" BITS "|" UNITS LAST,
         CS_EOUTSIDE,
         {"field 2 (platform)", "expected 'fpga-chunk'", "found 'fpga'"}},
        {HEAD "k3_e3 k5_e6 skip|" BITS "|" UNITS LAST,
         CS_EFORMAT,
         {"field 3 (operators)", "expected 4", "found 3"}},
        {HEAD "k3_e3 k5_e3 skip k3_e1|" BITS "|" UNITS LAST,
         CS_EOUTSIDE,
         {"block 2", "'k5_e3' is not in space fbnet:micro", "k3_e1, k3_e3, k5_e6, skip"}},
        {HEAD OPS "|8 4 4|" UNITS LAST,
         CS_EFORMAT,
         {"field 4 (bitwidths)", "expected 4", "found 3"}},
        {HEAD OPS "|8 6 4 8|" UNITS LAST,
         CS_EOUTSIDE,
         {"field 4 (bitwidths), block 2", "6 is not a choice", "allowed are 4, 8"}},
        {HEAD OPS "|8 x 4 8|" UNITS LAST,
         CS_EFORMAT,
         {"field 4 (bitwidths), block 2", "'x' is not a whole number"}},
        {HEAD OPS "|8 4 - 8|" UNITS LAST,
         CS_EOUTSIDE,
         {"field 4 (bitwidths), block 3", "only for an identity"}},
        {HEAD OPS "|" BITS "|" UNITS, CS_EOUTSIDE, {"field 5 (accelerator)", "dwa1q8 is missing"}},
        {HEAD OPS "|" BITS "|", CS_EOUTSIDE, {"a0q4 is missing"}},
        {HEAD OPS "|" BITS "|" UNITS " dwa1q6=1:2:2:16:1:1:1:4:1",
         CS_EOUTSIDE,
         {"'dwa1q6' is no part of platform fpga-chunk"}},
        {HEAD OPS "|" BITS "|" UNITS " dwa1q8", CS_EFORMAT, {"expected NAME=VALUE", "'dwa1q8'"}},
        {HEAD OPS "|" BITS "|" UNITS " dwa1q8=1:2:2:16",
         CS_EFORMAT,
         {"dwa1q8", "expected 9 values", "found 4"}},
        {HEAD OPS "|" BITS "|" UNITS LAST ":1",
         CS_EFORMAT,
         {"dwa1q8", "expected 9 values", "found 10"}},
        {HEAD OPS "|" BITS "|" UNITS LAST LAST, CS_EFORMAT, {"dwa1q8 is given twice"}},
        {HEAD OPS "|" BITS "|" UNITS " dwa1q8=1:3:2:16:1:1:1:4:1",
         CS_EOUTSIDE,
         {"dwa1q8.Tr", "3 is not a choice", "allowed are 4, 2, 1"}},
        {HEAD OPS "|" BITS "|" UNITS " dwa1q8=1:2:2:16:1:4:1:4:1",
         CS_EOUTSIDE,
         {"dwa1q8.r is 4", "larger than dwa1q8.Tr, which is 2"}},
        {HEAD OPS "|" BITS "|" UNITS " dwa1q8=1:2:2:16:1:-:1:4:1",
         CS_EOUTSIDE,
         {"dwa1q8.r", "a value is needed"}},
        {HEAD OPS "|" BITS "|" UNITS " dwa1q8=0:2:2:16:1:1:1:4:1",
         CS_EOUTSIDE,
         {"dwa1q8.mode", "allowed are 1"}},
        {HEAD OPS "|" BITS "|" UNITS " dwa1q8=1::2:16:1:1:1:4:1",
         CS_EFORMAT,
         {"dwa1q8.Tr", "'' is not a whole number"}},
        {HEAD OPS "|" BITS "|" UNITS " dwa1q8=1:18446744073709551617:2:16:1:1:1:4:1",
         CS_EFORMAT,
         {"dwa1q8.Tr", "not a whole number"}},
    };
    cs_space *space = test_space("fbnet:micro", "fpga-chunk");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cs_design d = {.n = 7, .choice = {1, 2, 3}};
        const cs_design before = d;
        cs_error err = {""};
        cr_expect_eq(cs_design_parse(space, bad[i].text, &d, &err), bad[i].status, "%s: %s",
                     bad[i].text, err.text);
        cr_expect_eq(memcmp(&d, &before, sizeof d), 0, "written although refused: %s", bad[i].text);
        for (size_t j = 0; j < 3 && bad[i].says[j]; j++)
            cr_expect(strstr(err.text, bad[i].says[j]), "%s\n  says: %s\n  not: %s", bad[i].text,
                      err.text, bad[i].says[j]);
        cr_expect_null(strchr(err.text, '\n'));
    }
    cs_space_free(space);
}

Test(design, overlong_text_is_refused)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk");
    char *text = malloc(CS_DESIGN_TEXT_MAX + 1);
    cs_design d;
    cs_error err = {""};
    cr_assert_not_null(text);
    memset(text, 'k', CS_DESIGN_TEXT_MAX);
    text[CS_DESIGN_TEXT_MAX] = '\0';
    cr_assert_eq(cs_design_parse(space, text, &d, &err), CS_EFORMAT);
    cr_assert(strstr(err.text, "longer than"), "%s", err.text);
    free(text);
    cs_space_free(space);
}

/* Damaged texts are refused or mean a design that is in the space: never a crash. */
Test(design, damaged_text_is_safe)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk");
    cs_rng rng;
    cs_rng_seed(&rng, 4);
    const size_t n = strlen(micro_text);
    int refused = 0;
    for (int i = 0; i < 20000; i++) {
        char text[1024];
        cs_design d;
        memcpy(text, micro_text, n + 1);
        for (uint32_t k = 0; k <= cs_rng_below(&rng, 3); k++)
            text[cs_rng_below(&rng, (uint32_t)n)] =
                "0123456789|=: -akq_e\x01\xff"[cs_rng_below(&rng, 22)];
        if (cs_rng_below(&rng, 4) == 0)
            text[cs_rng_below(&rng, (uint32_t)n)] = '\0';
        if (cs_design_parse(space, text, &d, NULL) == CS_OK)
            cr_assert_eq(cs_space_check(space, &d, NULL), CS_OK);
        else
            refused++;
    }
    cr_assert_gt(refused, 10000);
    cs_space_free(space);
}

Test(design, small_buffer_is_refused)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk");
    cs_design d;
    char text[CS_DESIGN_TEXT_MAX];
    const size_t n = strlen(micro_text);
    cr_assert_eq(cs_design_parse(space, micro_text, &d, NULL), CS_OK);
    cr_assert_eq(cs_design_format(space, &d, text, n), CS_EUSAGE);
    cr_assert_eq(cs_design_format(space, &d, text, 0), CS_EUSAGE);
    cr_assert_eq(cs_design_format(space, &d, text, n + 1), CS_OK);
    cr_assert_str_eq(text, micro_text);
    cs_space_free(space);
}

Test(design, names)
{
    char space[64], hw[64];
    cs_error err = {""};
    cr_assert_eq(cs_design_names(micro_text, space, hw, &err), CS_OK);
    cr_assert_str_eq(space, "fbnet:micro");
    cr_assert_str_eq(hw, "fpga-chunk");
    cr_assert_eq(cs_design_names("nonsense", space, hw, &err), CS_EFORMAT);
    cr_assert_eq(cs_design_names("0123456789012345678901234567890123456789012345678901234567890123"
                                 "|b|c|d|e",
                                 space, hw, &err),
                 CS_EFORMAT);
}
