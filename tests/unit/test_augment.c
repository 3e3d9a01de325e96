#include "cosearch/rng.h"
#include "datasets/augment.h"
#include <criterion/criterion.h>
#include <string.h>

enum { SIZE = 32 };

static const float mean[3] = {0.5f, 0.25f, 0.75f}, deviation[3] = {0.5f, 0.25f, 0.125f};

/* The definition, pixel by pixel. */
static float reference(const uint8_t *planes, cs_augment a, int y, int x, int c)
{
    const int sy = y + a.dy, sx = (a.flip ? SIZE - 1 - x : x) + a.dx;
    const bool outside = sy < 0 || sy >= SIZE || sx < 0 || sx >= SIZE;
    const int pixel = outside ? 0 : planes[(c * SIZE + sy) * SIZE + sx];
    return (float)((pixel / 255.0 - (double)mean[c]) / (double)deviation[c]);
}

Test(augment, all_162_equal_the_definition)
{
    uint8_t planes[3 * SIZE * SIZE];
    cs_rng rng;
    cs_rng_seed(&rng, 3);
    for (size_t i = 0; i < sizeof planes; i++)
        planes[i] = (uint8_t)cs_rng_below(&rng, 256);
    cs_pixel_table table;
    cs_pixel_table_make(mean, deviation, &table);
    for (int k = 0; k < 162; k++) {
        const cs_augment a = {.dy = k / 18 - 4, .dx = k / 2 % 9 - 4, .flip = k % 2 == 1};
        float out[SIZE * SIZE * 3];
        cs_augment_apply(&table, planes, SIZE, a, out);
        for (int y = 0; y < SIZE; y++)
            for (int x = 0; x < SIZE; x++)
                for (int c = 0; c < 3; c++)
                    cr_assert_eq(out[(y * SIZE + x) * 3 + c], reference(planes, a, y, x, c),
                                 "crop %d %d flip %d: y %d x %d c %d", a.dy, a.dx, a.flip, y, x, c);
    }
}

Test(augment, draws_are_uniform)
{
    /* Chi-square over the 162 augmentations: 161 degrees of freedom, 99.99 % quantile 233.2. */
    enum { DRAWS = 32400 };
    uint32_t count[162] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        const cs_augment a = cs_augment_draw(cs_rng_derive_index(12, i));
        cr_assert(a.dy >= -4 && a.dy <= 4 && a.dx >= -4 && a.dx <= 4);
        count[((a.dy + 4) * 9 + a.dx + 4) * 2 + a.flip]++;
    }
    double chi = 0;
    for (int k = 0; k < 162; k++)
        chi += (count[k] - 200.0) * (count[k] - 200.0) / 200.0;
    cr_assert_lt(chi, 233.2);
    cr_assert_gt(chi, 100.0); /* and not suspiciously even (0.01 % quantile 101) */
}

Test(augment, is_a_function_of_the_seed)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        const cs_augment a = cs_augment_draw(seed), b = cs_augment_draw(seed);
        cr_assert(a.dy == b.dy && a.dx == b.dx && a.flip == b.flip);
    }
    const cs_augment one = cs_augment_draw(1), two = cs_augment_draw(2);
    cr_assert(one.dy == 2 && one.dx == 0 && one.flip);
    cr_assert(two.dy == -4 && two.dx == 2 && !two.flip);
}
