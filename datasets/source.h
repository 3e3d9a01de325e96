/* Between the registry (dataset.c) and the readers: what a kind of data set has to offer. */
#ifndef CS_DATASETS_SOURCE_H
#define CS_DATASETS_SOURCE_H

#include "cosearch/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Images of one part (training or test), read-only. Pixels are planes x[c][y][x], one byte each. */
typedef struct cs_images {
    uint32_t n;
    const uint8_t **pixels; /* [n], borrowed from the blocks below */
    uint16_t *labels;       /* [n], 0..classes-1                   */
    uint64_t hash;          /* XXH64 over the bytes of the blocks  */
    struct cs_image_block {
        uint8_t *bytes;
        size_t size;
        bool mapped; /* mmap'ed file; else from malloc */
    } blocks[8];
    uint32_t n_blocks;
} cs_images;

/* Adds a block, which images then owns; CS_ENOMEM leaves it with the caller. At most 8. */
void cs_images_add_block(cs_images *images, uint8_t *bytes, size_t size, bool mapped);
/* Points pixels and labels at the fixed-size records of all blocks, in order, and hashes them.
 * The label is the byte at label_offset, the pixels follow the record's header_size bytes. */
cs_status cs_images_index(cs_images *images, size_t record_size, size_t header_size,
                          size_t label_offset);
void cs_images_free(cs_images *images); /* leaves it zeroed */

typedef struct cs_data_source cs_data_source;
struct cs_data_source {
    const char *name, *title;
    uint16_t classes, size, channels;
    float mean[3], std[3]; /* of the full official training set, pixels scaled to 0..1 */
    /* Loads the training part or the test part into zeroed images; frees what it took on failure.
     */
    cs_status (*load)(const cs_data_source *source, const char *data_dir, bool test,
                      cs_images *images, cs_error *err);
    /* Record count of the test part without opening it. */
    cs_status (*count_test)(const cs_data_source *source, const char *data_dir, uint32_t *n,
                            cs_error *err);
    /* Loads both parts and compares the files with the sums there are; *compared counts those. */
    cs_status (*verify)(const cs_data_source *source, const char *data_dir, uint32_t *compared,
                        cs_error *err);
    const void *format; /* of the reader's own */
};

#endif
