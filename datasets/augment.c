#include "datasets/augment.h"

#include "cosearch/rng.h"
#include <stddef.h>

void cs_pixel_table_make(const float mean[3], const float std[3], cs_pixel_table *out)
{
    for (int c = 0; c < 3; c++)
        for (int p = 0; p < 256; p++)
            out->value[c][p] = (float)((p / 255.0 - (double)mean[c]) / (double)std[c]);
}

cs_augment cs_augment_draw(uint64_t seed)
{
    cs_rng rng;
    cs_rng_seed(&rng, seed);
    cs_augment augment;
    augment.dy = (int)cs_rng_below(&rng, 2 * CS_AUGMENT_PAD + 1) - CS_AUGMENT_PAD;
    augment.dx = (int)cs_rng_below(&rng, 2 * CS_AUGMENT_PAD + 1) - CS_AUGMENT_PAD;
    augment.flip = cs_rng_below(&rng, 2) == 1;
    return augment;
}

static float *put_black(const cs_pixel_table *table, int n, float *out)
{
    for (int i = 0; i < n; i++, out += 3) {
        out[0] = table->value[0][0];
        out[1] = table->value[1][0];
        out[2] = table->value[2][0];
    }
    return out;
}

/* One row; the inner loop has no test for the border. */
static float *put_row(const cs_pixel_table *table, const uint8_t *row, size_t plane, int n, int dx,
                      bool flip, float *out)
{
    const int left = dx < 0 ? -dx : 0, right = dx > 0 ? dx : 0; /* black columns of the crop */
    const int inside = n - left - right;
    const int step = flip ? -1 : 1;
    const uint8_t *p = row + (dx + left) + (flip ? inside - 1 : 0);
    out = put_black(table, flip ? right : left, out);
    for (int i = 0; i < inside; i++, p += step, out += 3) {
        out[0] = table->value[0][p[0]];
        out[1] = table->value[1][p[plane]];
        out[2] = table->value[2][p[2 * plane]];
    }
    return put_black(table, flip ? left : right, out);
}

void cs_augment_apply(const cs_pixel_table *table, const uint8_t *planes, uint32_t size,
                      cs_augment augment, float *out)
{
    const int n = (int)size;
    const size_t plane = (size_t)size * size;
    for (int y = 0; y < n; y++) {
        const int from = y + augment.dy;
        if (from < 0 || from >= n)
            out = put_black(table, n, out);
        else
            out = put_row(table, planes + (size_t)from * size, plane, n, augment.dx, augment.flip,
                          out);
    }
}
