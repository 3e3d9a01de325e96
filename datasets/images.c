#include "datasets/source.h"

#include "core/hash.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void cs_images_add_block(cs_images *images, uint8_t *bytes, size_t size, bool mapped)
{
    assert(images->n_blocks < sizeof images->blocks / sizeof images->blocks[0]);
    images->blocks[images->n_blocks++] =
        (struct cs_image_block){.bytes = bytes, .size = size, .mapped = mapped};
}

cs_status cs_images_index(cs_images *images, size_t record_size, size_t header_size,
                          size_t label_offset)
{
    size_t n = 0;
    for (uint32_t b = 0; b < images->n_blocks; b++)
        n += images->blocks[b].size / record_size;
    images->pixels = malloc(n * sizeof *images->pixels);
    images->labels = malloc(n * sizeof *images->labels);
    cs_hash_stream *hash = cs_hash_stream_new();
    if (!images->pixels || !images->labels || !hash) {
        if (hash)
            (void)cs_hash_stream_end(hash);
        return CS_ENOMEM;
    }
    uint32_t i = 0;
    for (uint32_t b = 0; b < images->n_blocks; b++) {
        const struct cs_image_block *block = &images->blocks[b];
        cs_hash_stream_add(hash, block->bytes, block->size);
        for (size_t at = 0; at + record_size <= block->size; at += record_size, i++) {
            images->labels[i] = block->bytes[at + label_offset];
            images->pixels[i] = block->bytes + at + header_size;
        }
    }
    images->n = i;
    images->hash = cs_hash_stream_end(hash);
    return CS_OK;
}

void cs_images_free(cs_images *images)
{
    for (uint32_t b = 0; b < images->n_blocks; b++) {
        if (images->blocks[b].mapped)
            (void)munmap(images->blocks[b].bytes, images->blocks[b].size);
        else
            free(images->blocks[b].bytes);
    }
    free(images->pixels);
    free(images->labels);
    memset(images, 0, sizeof *images);
}
