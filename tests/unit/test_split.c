#include "datasets/dataset_access.h"
#include "datasets/split.h"
#include <criterion/criterion.h>
#include <string.h>

enum { N = 1000, CLASSES = 10 };

static void make_labels(uint16_t labels[N])
{
    /* Unequal classes: class c has about 10 + 20 c items. */
    uint32_t i = 0;
    for (uint32_t round = 0; i < N; round++)
        for (uint32_t c = 0; c < CLASSES && i < N; c++)
            if (round % CLASSES <= c)
                labels[i++] = (uint16_t)c;
}

static void count_classes(const uint16_t *labels, const uint32_t *items, uint32_t n,
                          uint32_t counts[CLASSES])
{
    memset(counts, 0, CLASSES * sizeof *counts);
    for (uint32_t i = 0; i < n; i++)
        counts[labels[items[i]]]++;
}

Test(split, parts_are_disjoint_and_complete)
{
    uint16_t labels[N];
    make_labels(labels);
    cs_partition split;
    cr_assert_eq(cs_partition_make(labels, N, CLASSES, 5, 0.3, &split), CS_OK);
    cr_assert_eq(split.n_rest + split.n_val, N);
    int seen[N] = {0}, in_all[N] = {0};
    for (uint32_t i = 0; i < split.n_rest; i++)
        seen[split.rest[i]]++;
    for (uint32_t i = 0; i < split.n_val; i++)
        seen[split.val[i]]++;
    for (uint32_t i = 0; i < N; i++)
        in_all[split.all[i]]++;
    for (uint32_t i = 0; i < N; i++) {
        cr_assert_eq(seen[i], 1, "item %u is in the two parts %d times", (unsigned)i, seen[i]);
        cr_assert_eq(in_all[i], 1);
    }
    cs_partition_free(&split);
}

Test(split, is_stratified_in_every_prefix)
{
    uint16_t labels[N];
    make_labels(labels);
    cs_partition split;
    cr_assert_eq(cs_partition_make(labels, N, CLASSES, 5, 0.2, &split), CS_OK);
    uint32_t total[CLASSES], part[CLASSES];
    count_classes(labels, split.all, N, total);
    count_classes(labels, split.val, split.n_val, part);
    for (uint32_t c = 0; c < CLASSES; c++)
        cr_assert_eq(part[c], (uint32_t)(0.2 * total[c] + 0.5));
    for (uint32_t n = 1; n <= N; n += 13) {
        count_classes(labels, split.all, n, part);
        for (uint32_t c = 0; c < CLASSES; c++)
            cr_assert_float_eq(part[c], (double)n * total[c] / N, 1.01);
    }
    cs_partition_free(&split);
}

Test(split, depends_on_the_seed_alone)
{
    uint16_t labels[N];
    make_labels(labels);
    cs_partition a, b, other;
    cr_assert_eq(cs_partition_make(labels, N, CLASSES, 5, 0.2, &a), CS_OK);
    cr_assert_eq(cs_partition_make(labels, N, CLASSES, 5, 0.2, &b), CS_OK);
    cr_assert_eq(cs_partition_make(labels, N, CLASSES, 6, 0.2, &other), CS_OK);
    cr_assert_eq(memcmp(a.val, b.val, a.n_val * sizeof *a.val), 0);
    cr_assert_eq(memcmp(a.rest, b.rest, a.n_rest * sizeof *a.rest), 0);
    cr_assert_eq(memcmp(a.all, b.all, N * sizeof *a.all), 0);
    /* Two random fifths share about a fifth of their items. */
    uint32_t shared = 0;
    for (uint32_t i = 0; i < a.n_val; i++)
        for (uint32_t j = 0; j < other.n_val; j++)
            shared += a.val[i] == other.val[j];
    cr_assert(shared > 15 && shared < 75, "%u of %u shared", (unsigned)shared, (unsigned)a.n_val);
    cs_partition_free(&a);
    cs_partition_free(&b);
    cs_partition_free(&other);
}

Test(split, fraction_zero_and_empty_classes)
{
    const uint16_t labels[] = {3, 3, 7};
    cs_partition split;
    cr_assert_eq(cs_partition_make(labels, 3, CLASSES, 1, 0, &split), CS_OK);
    cr_assert_eq(split.n_val, 0);
    cr_assert_eq(split.n_rest, 3);
    cs_partition_free(&split);
    cr_assert_eq(cs_partition_make(labels, 0, CLASSES, 1, 0.5, &split), CS_OK);
    cr_assert_eq(split.n_rest + split.n_val, 0);
    cs_partition_free(&split);
}

Test(split, search_splits_of_a_data_set_do_not_overlap)
{
    cs_dataset *set = NULL;
    cr_assert_eq(cs_dataset_open("synth", NULL, 11, 0.25, false, &set, NULL), CS_OK);
    const cs_dataset_info *info = cs_dataset_info_get(set);
    uint32_t n_rest, n_val, n_all;
    const uint32_t *rest = cs_dataset_split(set, CS_SPLIT_SEARCH_TRAIN, &n_rest);
    const uint32_t *val = cs_dataset_split(set, CS_SPLIT_SEARCH_VAL, &n_val);
    const uint32_t *all = cs_dataset_split(set, CS_SPLIT_TRAIN, &n_all);
    cr_assert_eq(n_rest, info->n_search_train);
    cr_assert_eq(n_val, info->n_search_val);
    cr_assert_eq(n_rest, 3000);
    cr_assert_eq(n_val, 1000);
    cr_assert_eq(n_all, 4000);
    int seen[4000] = {0};
    for (uint32_t i = 0; i < n_rest; i++)
        seen[rest[i]] += 1;
    for (uint32_t i = 0; i < n_val; i++)
        seen[val[i]] += 1;
    for (uint32_t i = 0; i < n_all; i++)
        cr_assert_eq(seen[all[i]], 1);
    cs_dataset_close(set);
}
