#include "cosearch/search.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define N 10
static const uint16_t choices[N] = {4, 4, 4, 4, 4, 4, 4, 4, 4, 4};

/* Odd decisions are capped by the one before. */
static void allowed(void *context, const uint16_t *choice, size_t i, uint16_t *first, uint16_t *end)
{
    (void)context;
    *first = i % 2 ? choice[i - 1] : 0;
    *end = choices[i];
}

static void free_choice(void *context, const uint16_t *choice, size_t i, uint16_t *first,
                        uint16_t *end)
{
    (void)choice, (void)i;
    *first = 0;
    *end = *(const uint16_t *)context;
}

/* The authors' released settings: RMSProp as in TensorFlow 1, 0.99 halved every 50 updates. */
static const cs_reinforce_options published = {CS_POLICY_RMSPROP, .lr = 0.99,      .lr_decay = 0.5,
                                               .lr_steps = 50,    .baseline = 0.8, .gamma = 1.0,
                                               .batch = 1};
static const cs_reinforce_options adam = {CS_POLICY_ADAM, .lr = 0.01,      .lr_decay = 1.0,
                                          .lr_steps = 1,  .baseline = 0.8, .gamma = 1.0,
                                          .batch = 1};

/* Probability of the best of five arms after `episodes`. */
static double bandit(const cs_reinforce_options *options, uint64_t seed, int episodes)
{
    static const double pay[5] = {0.1, 0.5, 0.2, 0.9, 0.3};
    uint16_t n_choices = 5, a;
    const cs_mask mask = {&n_choices, free_choice};
    const cs_controller_shape shape = {&n_choices, 1, 35, 35};
    cs_engine *engine;
    cs_controller *c;
    cs_reinforce *r;
    cs_rng rng;
    double p;
    cs_rng_seed(&rng, seed);
    cr_assert_eq(cs_engine_new(1, &engine), CS_OK);
    cr_assert_eq(cs_controller_new(engine, &shape, &rng, &c), CS_OK);
    cr_assert_eq(cs_reinforce_new(c, options, &r), CS_OK);
    for (int e = 0; e < episodes; e++) {
        cr_assert_eq(cs_controller_sample(c, &mask, &rng, 0, &a, NULL), CS_OK);
        cr_assert_eq(cs_reinforce_episode(r, &mask, &a, 0, pay[a]), CS_OK);
    }
    a = 3;
    cr_assert_eq(cs_controller_log_prob(c, &mask, &a, 0, &p), CS_OK);
    cs_reinforce_free(r);
    cs_controller_free(c);
    cs_engine_free(engine);
    return exp(p);
}

Test(reinforce, concentrates_on_the_best_arm)
{
    int adam_won = 0, published_won = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        adam_won += bandit(&adam, seed, 200) > 0.9;
        published_won += bandit(&published, seed, 200) > 0.9;
    }
    cr_log_info("best arm: adam %d, published %d of 10", adam_won, published_won);
    cr_assert_geq(adam_won, 8);
    cr_assert_geq(published_won, 8);
}

/* Best sum of choices under the caps, with a hard constraint: sequences whose decision 0 is 3 are
 * infeasible and cost -1, as a pruned child does. */
static double reward(const uint16_t *a)
{
    double sum = 0.0;
    if (a[0] == 3)
        return -1.0;
    for (size_t i = 0; i < N; i++)
        sum += a[i] / 3.0;
    return sum / N;
}

static double constrained(const cs_reinforce_options *options, uint64_t seed, int episodes,
                          uint16_t greedy[N])
{
    const cs_mask mask = {NULL, allowed};
    const cs_controller_shape shape = {choices, N, 35, 35};
    cs_engine *engine;
    cs_controller *c;
    cs_reinforce *r;
    cs_rng rng;
    uint16_t a[N];
    cs_rng_seed(&rng, seed);
    cr_assert_eq(cs_engine_new(1, &engine), CS_OK);
    cr_assert_eq(cs_controller_new(engine, &shape, &rng, &c), CS_OK);
    cr_assert_eq(cs_reinforce_new(c, options, &r), CS_OK);
    for (int e = 0; e < episodes; e++) {
        cr_assert_eq(cs_controller_sample(c, &mask, &rng, 0, a, NULL), CS_OK);
        cr_assert_eq(cs_reinforce_episode(r, &mask, a, 0, reward(a)), CS_OK);
    }
    cr_assert_eq(cs_controller_greedy(c, &mask, 0, greedy, NULL), CS_OK);
    cs_reinforce_free(r);
    cs_controller_free(c);
    cs_engine_free(engine);
    return reward(greedy);
}

Test(reinforce, learns_a_constrained_sequence)
{
    uint16_t a[N], b[N];
    double sum = 0.0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        const double r = constrained(&adam, seed, 400, a);
        cr_log_info("seed %d: %g", (int)seed, r);
        sum += r;
    }
    /* the optimum is 29/30; a uniform policy scores about 0.37 */
    cr_assert_gt(sum / 5.0, 0.85, "mean %g", sum / 5.0);
    constrained(&adam, 1, 50, a);
    constrained(&adam, 1, 50, b);
    cr_assert_arr_eq(a, b, sizeof a);
    constrained(&adam, 2, 50, b);
    cr_assert_neq(memcmp(a, b, sizeof a), 0);
}

Test(reinforce, baseline_is_a_moving_average)
{
    uint16_t n_choices = 3, a = 1;
    const cs_mask mask = {&n_choices, free_choice};
    const cs_controller_shape shape = {&n_choices, 1, 4, 4};
    cs_reinforce_options options = adam;
    options.batch = 2;
    cs_engine *engine;
    cs_controller *c;
    cs_reinforce *r;
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    cr_assert_eq(cs_engine_new(1, &engine), CS_OK);
    cr_assert_eq(cs_controller_new(engine, &shape, &rng, &c), CS_OK);
    cr_assert_eq(cs_reinforce_new(c, &options, &r), CS_OK);
    cr_assert_eq(cs_reinforce_episode(r, &mask, &a, 0, 1.0), CS_OK);
    cr_assert_float_eq(cs_reinforce_baseline(r), 1.0, 1e-12);
    cr_assert_eq(cs_reinforce_updates(r), 0u);
    cr_assert_eq(cs_reinforce_episode(r, &mask, &a, 0, 0.0), CS_OK);
    cr_assert_float_eq(cs_reinforce_baseline(r), 0.8, 1e-12);
    cr_assert_eq(cs_reinforce_updates(r), 1u);
    cr_assert_eq(cs_reinforce_episode(r, &mask, &a, 0, NAN), CS_ENUMERIC);
    cs_reinforce_free(r);
    cs_controller_free(c);
    cs_engine_free(engine);
}
