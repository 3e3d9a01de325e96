#include "cosearch/rng.h"
#include <criterion/criterion.h>
#include <math.h>

/* Published vectors: splitmix64 from seed 1234567 (Vigna's reference, as in Rosetta Code), and
 * xoshiro256** from the state 1, 2, 3, 4 (the test of the Rust rand_xoshiro crate). */
Test(rng, xoshiro_vector)
{
    static const uint64_t expected[] = {11520u,
                                        0u,
                                        1509978240u,
                                        1215971899390074240u,
                                        1216172134540287360u,
                                        607988272756665600u,
                                        16172922978634559625u,
                                        8476171486693032832u,
                                        10595114339597558777u,
                                        2904607092377533576u};
    cs_rng rng = {{1, 2, 3, 4}};
    for (size_t i = 0; i < 10; i++)
        cr_assert_eq(cs_rng_next(&rng), expected[i], "draw %zu", i);
}

Test(rng, splitmix_vector)
{
    cs_rng rng;
    cs_rng_seed(&rng, 1234567);
    cr_assert_eq(rng.s[0], 6457827717110365317u);
    cr_assert_eq(rng.s[1], 3203168211198807973u);
    cr_assert_eq(rng.s[2], 9817491932198370423u);
    cr_assert_eq(rng.s[3], 4593380528125082431u);
}

Test(rng, streams_are_independent)
{
    cr_assert_neq(cs_rng_derive(1, "a"), cs_rng_derive(1, "b"));
    cr_assert_neq(cs_rng_derive(1, "a"), cs_rng_derive(2, "a"));
    cr_assert_neq(cs_rng_derive(1, "ab"), cs_rng_derive(1, "ba"));
    cr_assert_neq(cs_rng_derive_index(1, 0), cs_rng_derive_index(1, 1));
}

Test(rng, moments)
{
    cs_rng rng;
    cs_rng_seed(&rng, 7);
    const int n = 200000;
    double sum = 0, squares = 0, gumbel = 0;
    uint32_t count[5] = {0};
    for (int i = 0; i < n; i++) {
        const double x = cs_rng_normal(&rng);
        sum += x;
        squares += x * x;
        gumbel += cs_rng_gumbel(&rng);
        count[cs_rng_below(&rng, 5)]++;
    }
    cr_assert_lt(fabs(sum / n), 0.01);
    cr_assert_lt(fabs(squares / n - 1.0), 0.02);
    cr_assert_lt(fabs(gumbel / n - 0.57721566), 0.015); /* Euler's constant */
    for (int i = 0; i < 5; i++)
        cr_assert_lt(fabs(count[i] / (double)n - 0.2), 0.005);
}

Test(rng, choice_skips_zero_weights)
{
    cs_rng rng;
    cs_rng_seed(&rng, 3);
    const double p[] = {0.0, 1.0, 0.0, 3.0, 0.0};
    int third = 0;
    for (int i = 0; i < 40000; i++) {
        const uint32_t k = cs_rng_choice(&rng, p, 5);
        cr_assert(k == 1 || k == 3);
        third += k == 3;
    }
    cr_assert_lt(fabs(third / 40000.0 - 0.75), 0.01);
}
