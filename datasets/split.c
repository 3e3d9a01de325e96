#include "datasets/split.h"

#include "cosearch/rng.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Place of an item in an interleaved list: (rank + 1/2) / size of its class, as a fraction. */
typedef struct place {
    uint64_t numerator, denominator;
    uint32_t class, item;
} place;

static int by_place(const void *a, const void *b)
{
    const place *p = a, *q = b;
    const uint64_t left = p->numerator * q->denominator, right = q->numerator * p->denominator;
    if (left != right)
        return left < right ? -1 : 1;
    return p->class < q->class ? -1 : p->class > q->class; /* equal fractions: other classes */
}

/* Fills list with items[begin_c + from_c .. begin_c + to_c) of every class c, interleaved. */
static void interleave(const uint32_t *items, const uint32_t *begin, const uint32_t *from,
                       const uint32_t *to, uint16_t classes, place *places, uint32_t *list)
{
    uint32_t n = 0;
    for (uint32_t c = 0; c < classes; c++)
        for (uint32_t r = from[c]; r < to[c]; r++)
            places[n++] = (place){.numerator = 2 * (uint64_t)(r - from[c]) + 1,
                                  .denominator = 2 * (uint64_t)(to[c] - from[c]),
                                  .class = c,
                                  .item = items[begin[c] + r]};
    qsort(places, n, sizeof *places, by_place);
    for (uint32_t i = 0; i < n; i++)
        list[i] = places[i].item;
}

/* Sorts items into classes (begin[c] .. begin[c + 1]) and shuffles each class. */
static void shuffle_classes(const uint16_t *labels, uint32_t n, uint16_t classes, uint64_t seed,
                            uint32_t *items, uint32_t *begin)
{
    for (uint32_t i = 0; i < n; i++)
        begin[labels[i] + 1]++;
    for (uint32_t c = 0; c < classes; c++)
        begin[c + 1] += begin[c];
    for (uint32_t i = n; i-- > 0;) /* backwards over the ends, then begin is right again */
        items[--begin[labels[i] + 1]] = i;
    for (uint32_t c = 0; c < classes; c++)
        begin[c] = begin[c + 1];
    begin[classes] = n;
    const uint64_t root = cs_rng_derive(seed, "split");
    for (uint32_t c = 0; c < classes; c++) {
        cs_rng rng;
        cs_rng_seed(&rng, cs_rng_derive_index(root, c));
        cs_rng_shuffle(&rng, items + begin[c], begin[c + 1] - begin[c]);
    }
}

cs_status cs_partition_make(const uint16_t *labels, uint32_t n, uint16_t classes, uint64_t seed,
                            double val_fraction, cs_partition *out)
{
    const size_t m = n ? n : 1, k = (size_t)classes + 1;
    uint32_t *items = malloc(m * sizeof *items), *index = calloc(4 * k, sizeof *index);
    place *places = malloc(m * sizeof *places);
    cs_partition split = {.all = malloc(m * sizeof *split.all),
                          .rest = malloc(m * sizeof *split.rest),
                          .val = malloc(m * sizeof *split.val)};
    cs_status status = CS_ENOMEM;
    if (items && index && places && split.all && split.rest && split.val) {
        uint32_t *begin = index, *zero = index + k, *cut = index + 2 * k, *size = index + 3 * k;
        shuffle_classes(labels, n, classes, seed, items, begin);
        for (uint32_t c = 0; c < classes; c++) {
            size[c] = begin[c + 1] - begin[c];
            cut[c] = (uint32_t)floor(val_fraction * (double)size[c] + 0.5);
            split.n_val += cut[c];
        }
        split.n_rest = n - split.n_val;
        interleave(items, begin, zero, size, classes, places, split.all);
        interleave(items, begin, zero, cut, classes, places, split.val);
        interleave(items, begin, cut, size, classes, places, split.rest);
        *out = split;
        split = (cs_partition){0};
        status = CS_OK;
    }
    cs_partition_free(&split);
    free(places);
    free(index);
    free(items);
    return status;
}

void cs_partition_free(cs_partition *split)
{
    free(split->all);
    free(split->rest);
    free(split->val);
    *split = (cs_partition){0};
}
