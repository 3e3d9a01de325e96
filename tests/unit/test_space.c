#include "hw_designs.h"

#include <math.h>
#include <stdlib.h>

/* Runs `check` on every space x model with its own random stream. */
static void for_every_space(void (*check)(const cs_space *, cs_rng *))
{
    for (size_t s = 0; cs_net_spaces[s]; s++)
        for (size_t m = 0; cs_hw_models[m]; m++) {
            cs_space *space = test_space(cs_net_spaces[s]->name, cs_hw_models[m]->name);
            cs_rng rng;
            cs_rng_seed(&rng, 1000 * s + m);
            check(space, &rng);
            cs_space_free(space);
        }
}

static void check_layout(const cs_space *space, cs_rng *rng)
{
    size_t last_end = 0;
    (void)rng;
    for (int g = 0; g < CS_GROUP_COUNT; g++) {
        size_t first, last;
        cs_space_group(space, (cs_group)g, &first, &last);
        cr_assert_eq(first, last_end);
        cr_assert_gt(last, first);
        for (size_t i = first; i < last; i++) {
            const cs_decision *d = cs_space_decision(space, i);
            cr_assert_eq(d->group, (cs_group)g);
            cr_assert_geq(d->n_choices, 1);
            cr_assert_lt(d->cap, (int)i);
            cr_assert(d->cap < 0 || d->cap >= (int)first);
            for (size_t j = 0; j < i; j++)
                cr_assert_str_neq(d->name, cs_space_decision(space, j)->name);
        }
        last_end = last;
    }
    cr_assert_eq(last_end, cs_space_size(space));
    cr_assert_eq(cs_space_decision(space, 0)->n_choices, cs_space_net_space(space)->n_ops);
}

Test(space, layout)
{
    for_every_space(check_layout);
}

/* Order of the accelerator's decisions: chunks by bitwidth, then a0 a1 dwa0 dwa1; the corrected
 * model has chunks for the edge bits too. */
Test(space, accelerator_order)
{
    static const char *const units[] = {"a0q4",   "a1q4",   "dwa0q4", "dwa1q4", "a0q6",   "a1q6",
                                        "dwa0q6", "dwa1q6", "a0q8",   "a1q8",   "dwa0q8", "dwa1q8"};
    static const char *const params[] = {"mode", "Tr", "Tc", "Tm", "Tn", "r", "c", "m", "n"};
    cs_space *space = test_space("fbnet:cifar", "fpga-chunk:free");
    size_t first, last;
    cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &last);
    cr_assert_eq(last - first, 12u * 9u);
    for (size_t i = first; i < last; i++) {
        char name[20];
        snprintf(name, sizeof name, "%s.%s", units[(i - first) / 9], params[(i - first) % 9]);
        cr_assert_str_eq(cs_space_decision(space, i)->name, name);
    }
    cs_space_free(space);
}

static void check_sampling(const cs_space *space, cs_rng *rng)
{
    const size_t n = cs_space_size(space);
    bool seen[CS_DECISIONS_MAX][128] = {{false}};
    for (int i = 0; i < 2000; i++) {
        cs_design d;
        cs_error err = {""};
        cs_space_sample(space, rng, &d);
        cr_assert_eq(cs_space_check(space, &d, &err), CS_OK, "%s", err.text);
        for (size_t k = 0; k < n; k++)
            seen[k][d.choice[k]] = true;
    }
    for (size_t k = 0; k < n; k++) { /* every choice of every decision occurs */
        const cs_decision *decision = cs_space_decision(space, k);
        cr_assert_leq(decision->n_choices, 128);
        /* the rest of a budget is seldom large */
        const bool rest = decision->budget > 0 && decision->cap >= 0;
        for (size_t c = rest ? decision->n_choices * 7u / 8u : 0; c < decision->n_choices; c++)
            cr_assert(seen[k][c] || (rest && decision->n_choices < 10), "%s choice %zu",
                      decision->name, c);
    }
}

Test(space, samples_stay_inside)
{
    for_every_space(check_sampling);
}

/* Uniform over the allowed choices: chi-squared over operators, and over units given the tile. */
Test(space, samples_are_uniform)
{
    cs_space *space = test_space("fbnet:cifar", "fpga-chunk-published");
    cs_rng rng;
    cs_rng_seed(&rng, 12);
    const int draws = 90000;
    double op[9] = {0}, unit[5] = {0}, small_tile = 0;
    size_t first, last;
    cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &last);
    for (int i = 0; i < draws; i++) {
        cs_design d;
        cs_space_sample(space, &rng, &d);
        op[d.choice[3]]++;
        if (d.choice[first + 1] == 2) { /* Tr = 4 of 16 8 4 2 1: r is 4, 2 or 1 */
            small_tile++;
            unit[d.choice[first + 5]]++;
        }
    }
    double chi = 0;
    for (int c = 0; c < 9; c++)
        chi += pow(op[c] - draws / 9.0, 2) / (draws / 9.0);
    cr_assert_lt(chi, 26.1); /* 8 degrees of freedom, 0.1 % */
    cr_assert_eq(unit[0] + unit[1], 0);
    chi = 0;
    for (int c = 2; c < 5; c++)
        chi += pow(unit[c] - small_tile / 3, 2) / (small_tile / 3);
    cr_assert_lt(chi, 13.8);
    cr_assert_lt(fabs(small_tile / draws - 0.2), 0.01);
    cs_space_free(space);
}

static void check_groups(const cs_space *space, cs_rng *rng)
{
    for (int i = 0; i < 200; i++) {
        cs_design d, e;
        const cs_group g = (cs_group)cs_rng_below(rng, CS_GROUP_COUNT);
        size_t first, last;
        cs_space_sample(space, rng, &d);
        e = d;
        cs_space_sample_group(space, rng, g, &e);
        cs_space_group(space, g, &first, &last);
        cr_assert_eq(cs_space_check(space, &e, NULL), CS_OK);
        for (size_t k = 0; k < cs_space_size(space); k++)
            cr_assert((k >= first && k < last) || d.choice[k] == e.choice[k]);
    }
}

Test(space, group_sampling_keeps_the_rest)
{
    for_every_space(check_groups);
}

/* One active decision changes to another allowed choice; other changes are repairs of units. */
static void check_mutation(const cs_space *space, cs_rng *rng)
{
    for (int i = 0; i < 1000; i++) {
        cs_design d, e;
        bool active[CS_DECISIONS_MAX];
        const cs_group g = (cs_group)cs_rng_below(rng, CS_GROUP_COUNT + 1);
        size_t first, last, changed = 0, repaired = 0;
        cs_space_sample(space, rng, &d);
        cs_space_active(space, &d, active);
        cs_space_group(space, g, &first, &last);
        e = d;
        cs_space_mutate(space, rng, g, &e);
        cr_assert_eq(cs_space_check(space, &e, NULL), CS_OK);
        for (size_t k = 0; k < cs_space_size(space); k++) {
            if (d.choice[k] == e.choice[k])
                continue;
            bool capped = false; /* by what has changed, maybe through others, or back in use */
            for (int c = (int)k; c >= 0; c = cs_space_decision(space, (size_t)c)->cap) {
                const int needed = c - cs_space_decision(space, (size_t)c)->needs;
                capped = capped || (c != (int)k && d.choice[c] != e.choice[c]) ||
                         (needed != c && d.choice[needed] != e.choice[needed]);
            }
            if (capped) {
                cr_assert_eq(e.choice[k], cs_space_first(space, &e, k));
                cr_assert_lt(d.choice[k], cs_space_first(space, &e, k));
                repaired++;
                continue;
            }
            changed++;
            cr_assert(active[k], "%s", cs_space_decision(space, k)->name);
            cr_assert(k >= first && k < last);
        }
        bool freedom = false;
        for (size_t k = first; k < last; k++)
            freedom = freedom ||
                      (active[k] &&
                       cs_space_decision(space, k)->n_choices - cs_space_first(space, &d, k) > 1);
        cr_assert_eq(changed, freedom ? 1u : 0u);
        cr_assert(repaired <= 1u || strstr(cs_space_hw_model(space)->name, "hetero"));
        cr_assert_eq(cs_design_equal(space, &d, &e), !freedom);
    }
}

Test(space, mutation_changes_one_active_decision)
{
    for_every_space(check_mutation);
}

/* All active decisions with freedom are equally likely to be the one that changes. */
Test(space, mutation_is_uniform)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk-published");
    cs_rng rng;
    cs_rng_seed(&rng, 8);
    cs_design d = {0};
    test_set_network(space, &d, "skip k3_e1 k3_e1 k3_e1", "8"); /* block 1 has no bits */
    double op[4] = {0}, bits[4] = {0}, all = 0;
    for (int i = 0; i < 40000; i++) {
        cs_design e = d;
        cs_space_mutate(space, &rng, CS_GROUP_COUNT, &e);
        for (size_t b = 0; b < 4; b++) {
            op[b] += e.choice[b] != d.choice[b];
            bits[b] += e.choice[4 + b] != d.choice[4 + b];
        }
        all++;
    }
    /* Chunks in use: a1q8 (Tr Tc Tm Tn r c m n) and dwa1q8 (Tr Tc Tm r c m); every tile is at its
     * largest, so every unit is free too. */
    const double each = all / (4 + 3 + 8 + 6);
    cr_assert_eq(bits[0], 0);
    for (size_t b = 0; b < 4; b++) {
        cr_assert_lt(fabs(op[b] - each), 6 * sqrt(each));
        cr_assert(b == 0 || fabs(bits[b] - each) < 6 * sqrt(each));
    }
    cs_space_free(space);
}

/* Inactive decisions change neither text nor cost; active ones change the text. */
static void check_active(const cs_space *space, cs_rng *rng)
{
    cs_hw_report *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    cr_assert(a && b);
    for (int i = 0; i < 60; i++) {
        cs_design d, e;
        bool active[CS_DECISIONS_MAX];
        cs_space_sample(space, rng, &d);
        cs_space_active(space, &d, active);
        cr_assert_eq(cs_space_cost(space, &d, NULL, a), CS_OK);
        const uint64_t hash = cs_design_hash(space, &d);
        e = d;
        for (size_t k = 0; k < cs_space_size(space); k++)
            if (!active[k])
                e.choice[k] = (uint16_t)(cs_space_decision(space, k)->n_choices - 1);
        cr_assert_eq(cs_design_hash(space, &e), hash);
        cr_assert(cs_design_equal(space, &d, &e));
        cr_assert_eq(cs_space_cost(space, &e, NULL, b), CS_OK);
        cr_assert_eq(a->interval_cycles, b->interval_cycles);
        cr_assert(test_same(a->total.dsp, b->total.dsp));
        cr_assert(test_same(a->total.bram, b->total.bram));
        cr_assert(test_same(a->total.energy_j, b->total.energy_j));
        cr_assert(test_same(a->total.area_mm2, b->total.area_mm2));
        const size_t k = cs_rng_below(rng, (uint32_t)cs_space_size(space));
        const uint16_t first = cs_space_first(space, &d, k);
        e = d;
        if (d.choice[k] == first)
            e.choice[k] = (uint16_t)(cs_space_decision(space, k)->n_choices - 1);
        else
            e.choice[k] = first;
        cs_space_repair(space, &e);
        if (e.choice[k] != d.choice[k]) {
            cr_assert_eq(cs_design_hash(space, &e) == hash, !active[k], "%s",
                         cs_space_decision(space, k)->name);
            cr_assert_eq(cs_design_equal(space, &d, &e), !active[k]);
        }
    }
    free(a);
    free(b);
}

Test(space, only_active_decisions_matter)
{
    for_every_space(check_active);
}

static void check_encoding(const cs_space *space, cs_rng *rng)
{
    const size_t n = cs_space_encoded_size(space);
    double *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y);
    cr_assert(x && y);
    for (int i = 0; i < 300; i++) {
        cs_design d, e;
        cs_space_sample(space, rng, &d);
        for (size_t k = 0; k < n; k++)
            x[k] = -7.0;
        cs_space_encode(space, &d, x);
        for (size_t k = 0; k < n; k++)
            cr_assert(x[k] >= 0.0 && x[k] <= 1.0);
        cs_space_canonical(space, &d, &e);
        cs_space_encode(space, &e, y);
        cr_assert_eq(memcmp(x, y, n * sizeof *x), 0, "the encoding depends on inactive choices");
        cs_space_mutate(space, rng, CS_GROUP_COUNT, &e);
        cs_space_encode(space, &e, y);
        cr_assert_neq(memcmp(x, y, n * sizeof *x), 0);
    }
    free(x);
    free(y);
}

Test(space, encoding_is_in_the_unit_cube)
{
    for_every_space(check_encoding);
}

Test(space, encoding_values)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk-published");
    cs_design d = {0};
    test_set_network(space, &d, "skip k5_e6 k3_e1 k3_e1", "8 4 8 8");
    test_set_chunks(space, &d, "a1", "1,4,2,32,8,1,1,16,1");
    const size_t n = cs_space_encoded_size(space);
    double *x = malloc(n * sizeof *x);
    cr_assert_not_null(x);
    cs_space_encode(space, &d, x);
    /* 4 one-hot operators of 4, 4 bitwidths, 4 chunk kinds x {8, 8, 6, 6} free decisions x 2 */
    cr_assert_eq(n, 16u + 4u + 2u * (8 + 8 + 6 + 6));
    static const double ops[16] = {0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0};
    for (size_t k = 0; k < 16; k++)
        cr_assert_eq(x[k], ops[k]);
    static const double bits[4] = {0.5, 0.0, 1.0, 1.0}; /* an identity's bits are inactive */
    for (size_t k = 0; k < 4; k++)
        cr_assert_eq(x[16 + k], bits[k]);
    for (size_t k = 0; k < 8; k++)
        cr_assert_eq(x[20 + k], 0.5); /* no large map at 4 bits: a0q4 unused */
    static const double a1q4[8] = {1.0, 0.5, 1.0, 0.6, 0.0, 0.0, 0.8, 0.0};
    for (size_t k = 0; k < 8; k++)
        cr_assert_float_eq(x[28 + k], a1q4[k], 1e-12);
    free(x);
    cs_space_free(space);
}

static void check_repair(const cs_space *space, cs_rng *rng)
{
    for (int i = 0; i < 300; i++) {
        cs_design d = {.n = (uint16_t)cs_space_size(space)}, before;
        for (size_t k = 0; k < d.n; k++)
            d.choice[k] = (uint16_t)cs_rng_below(rng, cs_space_decision(space, k)->n_choices);
        before = d;
        cs_space_repair(space, &d);
        cr_assert_eq(cs_space_check(space, &d, NULL), CS_OK);
        for (size_t k = 0; k < d.n; k++)
            cr_assert(
                d.choice[k] == before.choice[k] ||
                (before.choice[k] < d.choice[k] && d.choice[k] == cs_space_first(space, &d, k)));
    }
}

Test(space, repair_makes_a_design)
{
    for_every_space(check_repair);
}

Test(space, check_names_the_culprit)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk");
    cs_rng rng;
    cs_design d, e;
    cs_error err = {""};
    cs_hw_report report;
    cs_net net;
    cs_rng_seed(&rng, 1);
    cs_space_sample(space, &rng, &d);
    e = d;
    e.choice[2] = 4;
    cr_assert_eq(cs_space_check(space, &e, &err), CS_EOUTSIDE);
    cr_assert(strstr(err.text, "block3.op has choice 4, allowed are 0..3"), "%s", err.text);
    cr_assert_eq(cs_space_cost(space, &e, NULL, &report), CS_EOUTSIDE);
    cr_assert_eq(cs_space_network(space, &e, &net), CS_EOUTSIDE);
    e = d;
    e.n--;
    cr_assert_eq(cs_space_check(space, &e, &err), CS_EOUTSIDE);
    e = d;
    e.choice[9] = 4;  /* a0q4.Tr = 1 */
    e.choice[13] = 0; /* a0q4.r = 16 */
    cr_assert_eq(cs_space_check(space, &e, &err), CS_EOUTSIDE);
    cr_assert(strstr(err.text, "a0q4.r is 16, larger than a0q4.Tr, which is 1"), "%s", err.text);
    cs_space_free(space);
}

Test(space, unknown_names_are_explained)
{
    cs_space *space = NULL;
    cs_error err = {""};
    cr_assert_eq(cs_space_new("fbnet:micr", "fpga-chunk", 10, &space, &err), CS_EUSAGE);
    cr_assert(strstr(err.text, "did you mean 'fbnet:micro'"), "%s", err.text);
    cr_assert_eq(cs_space_new("fbnet:micro", "fpga-chunk-publishd", 10, &space, &err), CS_EUSAGE);
    cr_assert(strstr(err.text, "did you mean 'fpga-chunk-published'"), "%s", err.text);
    cr_assert_eq(cs_space_new("fbnet:micro", "fpga-chunk", 0, &space, &err), CS_EUSAGE);
    cr_assert_null(space);
    cs_space_free(NULL);
}

/* Sizes from the authors' code: 9^22 networks; 22500, 15876, 2250 and 756 designs of a chunk per
 * bitwidth with the compute mode fixed, three, three, two and two times as many with it free. */
Test(space, sizes)
{
    const double fixed = log10(22500.0) + log10(15876.0) + log10(2250.0) + log10(756.0);
    static const char *const spaces[] = {"fbnet:cifar", "fbnet:imagenet"};
    for (size_t i = 0; i < 2; i++) {
        cs_space *space = test_space(spaces[i], "fpga-chunk-published");
        cr_assert_float_eq(cs_space_log10_size(space, CS_GROUP_NETWORK), 22 * log10(9.0), 1e-9);
        cr_assert_float_eq(cs_space_log10_size(space, CS_GROUP_BITWIDTH), 22 * log10(3.0), 1e-9);
        cr_assert_float_eq(cs_space_log10_size(space, CS_GROUP_ACCELERATOR), 3 * fixed, 1e-9);
        cr_assert_float_eq(cs_space_log10_size(space, CS_GROUP_COUNT), 22 * log10(27.0) + 3 * fixed,
                           1e-9);
        cs_space_free(space);
        space = test_space(spaces[i], "fpga-chunk-published:free");
        cr_assert_float_eq(cs_space_log10_size(space, CS_GROUP_ACCELERATOR),
                           3 * (fixed + log10(36.0)), 1e-9);
        cs_space_free(space);
    }
    cs_space *micro = test_space("fbnet:micro", "fpga-chunk");
    cr_assert_float_eq(cs_space_log10_size(micro, CS_GROUP_NETWORK) +
                           cs_space_log10_size(micro, CS_GROUP_BITWIDTH),
                       log10(4096.0), 1e-9);
    cs_space_free(micro);
}

Test(space, labels)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk");
    char text[16];
    cr_assert_eq(cs_space_label(space, 0, 2, text, sizeof text), CS_OK);
    cr_assert_str_eq(text, "k5_e6");
    cr_assert_eq(cs_space_label(space, 4, 1, text, sizeof text), CS_OK);
    cr_assert_str_eq(text, "8");
    cr_assert_eq(cs_space_label(space, 9, 0, text, sizeof text), CS_OK);
    cr_assert_str_eq(text, "16");
    cr_assert_eq(cs_space_label(space, 0, 4, text, sizeof text), CS_EUSAGE);
    cr_assert_eq(cs_space_label(space, 0, 2, text, 5), CS_EUSAGE);
    cr_assert_eq(cs_space_label(space, cs_space_size(space), 0, text, sizeof text), CS_EUSAGE);
    cs_space_free(space);
}

/* Same seed, same designs; fixed values guard against a silent change of the stream. */
Test(space, sampling_is_deterministic)
{
    cs_space *space = test_space("fbnet:micro", "fpga-chunk");
    cs_rng a, b;
    cs_rng_seed(&a, 42);
    cs_rng_seed(&b, 42);
    uint64_t mix = 0;
    for (int i = 0; i < 100; i++) {
        cs_design x, y;
        cs_space_sample(space, &a, &x);
        cs_space_mutate(space, &a, CS_GROUP_COUNT, &x);
        cs_space_sample(space, &b, &y);
        cs_space_mutate(space, &b, CS_GROUP_COUNT, &y);
        cr_assert_eq(memcmp(&x, &y, sizeof x), 0);
        mix = mix * 31 + cs_design_hash(space, &x);
    }
    cr_assert_eq(mix, UINT64_C(0xea02929f9e846ad3), "%016llx", (unsigned long long)mix);
    cs_space_free(space);
}
