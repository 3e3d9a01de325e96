/* From pixel bytes to normalised floats, with the standard CIFAR augmentation: four black pixels of
 * padding on every side, a random crop of the original size, a horizontal flip with probability 1/2
 * (He et al. 2016, section 4.2). */
#ifndef CS_DATASETS_AUGMENT_H
#define CS_DATASETS_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#define CS_AUGMENT_PAD 4

/* value[c][p] = (p / 255 - mean[c]) / std[c] */
typedef struct cs_pixel_table {
    float value[3][256];
} cs_pixel_table;

void cs_pixel_table_make(const float mean[3], const float std[3], cs_pixel_table *out);

/* Displacement of the crop, -CS_AUGMENT_PAD..CS_AUGMENT_PAD, and flip; all zero: the image itself
 */
typedef struct cs_augment {
    int dy, dx;
    bool flip;
} cs_augment;

/* The augmentation that belongs to a seed: 9 x 9 x 2 equally likely ones. */
cs_augment cs_augment_draw(uint64_t seed);

/* out[y][x][c] = table[c][ in[c][y + dy][x' + dx] ], x' = x, or size - 1 - x if flipped; outside
 * the image the pixel is 0 (black). */
void cs_augment_apply(const cs_pixel_table *table, const uint8_t *planes, uint32_t size,
                      cs_augment augment, float *out);

#endif
