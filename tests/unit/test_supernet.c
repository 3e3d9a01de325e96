/* The supernet: a single path is the model of its design; what a step touches, seeds, prices. */
#include "nn/loss.h"
#include "nn/model.h"
#include "tests/supernet_fixture.h"

/* ---- a single path is the network of its design
 * --------------------------------------------------
 */

static const cs_layer *next_layer(cs_supernet *net, int *stage, int *layer)
{
    for (;;) {
        cs_super_stage *s = &net->stage[*stage];
        const cs_super_op *op = &s->op[s->active[0]];
        if (*layer < op->n_layers)
            return &op->layer[(*layer)++];
        ++*stage;
        *layer = 0;
    }
}

static void give_model(cs_supernet *net, cs_model *m)
{
    int stage = 0, at = 0;
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++) {
            const cs_layer *to = &m->stage[i].layer[j], *from = next_layer(net, &stage, &at);
            memcpy(m->params + to->w, net->params + from->w, cs_super_params(from) * sizeof(float));
        }
    memcpy(m->params + m->fc_w, net->params + net->fc_w,
           (size_t)((m->features_p + 1) * m->classes_p) * sizeof(float));
    m->ready = false;
}

static void same_gradients(cs_supernet *net, const cs_model *m, const char *what)
{
    int stage = 0, at = 0;
    const float *grad = net->team.part[0].grad;
    for (int i = 0; i < m->n_stages; i++)
        for (int j = 0; j < m->stage[i].n_layers; j++) {
            const cs_layer *ours = &m->stage[i].layer[j], *l = next_layer(net, &stage, &at);
            cr_assert_eq(
                memcmp(m->grad + ours->w, grad + l->grad, cs_super_params(l) * sizeof(float)), 0,
                "%s: gradient of stage %d conv %d", what, i, j);
        }
    cr_assert_eq(memcmp(m->grad + m->fc_w, grad + net->fc_grad,
                        (size_t)((m->features_p + 1) * m->classes_p) * sizeof(float)),
                 0, "%s: gradient of the classifier", what);
}

static void check_design(const char *space_name, uint64_t seed, int threads)
{
    cs_space *space = space_of(space_name);
    cs_engine *engine = engine_of(isa_default(), threads);
    cs_supernet *net = supernet_of(engine, space, 4, CS_BITS_MIXED);
    scramble(net);
    cs_rng rng;
    cs_rng_seed(&rng, seed);
    cs_design design;
    cs_space_sample(space, &rng, &design);
    cs_net plain;
    cr_assert_eq(cs_space_network(space, &design, &plain), CS_OK);
    cs_model *m = NULL;
    cr_assert_eq(cs_model_new(engine, &plain, 4, 1, &m, NULL), CS_OK);
    cs_path path;
    cs_path_of_design(space, &design, &path);
    images d = random_images(3, plain.input_size, 10, seed);
    cr_assert_eq(cs_super_activate(net, &path, CS_SUPER_WEIGHTS), CS_OK);
    give_model(net, m);

    cs_super_forward(net, d.x, 3, CS_BN_MOMENTUM);
    cs_model_forward(m, d.x, 3, true);
    const size_t logits = (size_t)(3 * m->classes_p);
    cr_assert_eq(memcmp(net->classifier.logits, m->logits, logits * sizeof(float)), 0);
    cs_cross_entropy(3, 10, m->classes_p, m->logits, d.y, 0.1, m->dlogits);
    memcpy(net->classifier.dlogits, m->dlogits, logits * sizeof(float));
    cs_model_back(m, d.x, 3);
    cs_super_back(net, d.x, 3, CS_STE_CLAMP, NULL);
    same_gradients(net, m, space_name);
    cs_model_free(m);
    cs_supernet_free(net);
    cs_engine_free(engine);
    cs_space_free(space);
    images_free(&d);
}

Test(supernet, single_path_is_the_model_of_its_design)
{
    for (uint64_t seed = 1; seed <= 4; seed++)
        check_design("fbnet:micro", seed, 1 + (int)(seed % 2));
    check_design("fbnet:cifar", 5, 2);
}

/* ---- what a step may touch ---- */

Test(supernet, a_step_moves_its_operators_only)
{
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_supernet *net = small_supernet(engine, CS_BITS_MIXED);
    images d = random_images(4, 6, 5, 21);
    cs_rng rng;
    cs_rng_seed(&rng, 22);
    const cs_path path = random_path(&rng, 2, true, 2, false);
    cs_supernet_result result;
    float *before = params_of(net);
    cr_assert_eq(cs_supernet_step(net, &d.batch, &path, &usual, &result), CS_OK);
    cr_assert_eq(cs_supernet_step(net, &d.batch, &path, &usual, &result), CS_OK);
    for (int s = 0; s < net->n_stages; s++)
        for (int k = 0; k < net->stage[s].n_ops; k++) {
            const cs_super_op *op = &net->stage[s].op[k];
            const bool block = s > 0 && s + 1 < net->n_stages;
            const cs_path_block *b = block ? &path.block[s - 1] : NULL;
            const bool trained = !block || b->op[0].op == k;
            const bool seen = trained || (b->n_ops > 1 && b->op[1].op == k);
            for (int j = 0; j < op->n_layers; j++) {
                const cs_layer *l = &op->layer[j];
                const int same =
                    memcmp(before + l->w, net->params + l->w, cs_super_params(l) * sizeof(float));
                cr_assert_eq(same != 0, trained, "stage %d operator %d conv %d", s, k, j);
                cr_assert_eq(l->bn.run_mean[0] != 0.0f, seen,
                             "batch norm of stage %d operator %d conv %d", s, k, j);
                cr_assert_eq(l->range.seen, seen && block, "range of stage %d operator %d", s, k);
            }
        }
    cs_path_grad grad;
    float *trained = params_of(net);
    const float mean = net->stage[0].op->layer[0].bn.run_mean[0];
    cr_assert_eq(cs_supernet_arch(net, &d.batch, &path, false, &grad, &result), CS_OK);
    cr_assert_eq(memcmp(trained, net->params, net->n_params * sizeof *trained), 0);
    cr_assert_eq(net->stage[0].op->layer[0].bn.run_mean[0], mean);
    cr_assert_eq(cs_supernet_arch(net, &d.batch, &path, true, &grad, &result), CS_OK);
    cr_assert_eq(memcmp(trained, net->params, net->n_params * sizeof *trained), 0);
    cr_assert_neq(net->stage[0].op->layer[0].bn.run_mean[0], mean);
    free(trained);
    free(before);
    cs_supernet_free(net);
    cs_engine_free(engine);
    images_free(&d);
}

/* Parameters after some steps over random paths. */
static float *train_some(cs_engine *engine, uint64_t seed, bool quantised, size_t *n)
{
    cs_supernet *net = small_supernet(engine, CS_BITS_MIXED);
    cs_rng rng;
    cs_rng_seed(&rng, seed);
    for (int step = 0; step < 4; step++) {
        images d = random_images(4, 6, 5, seed + (uint64_t)step);
        const int bits = quantised ? 1 + step % 3 : 0;
        const cs_path path = random_path(&rng, 1 + step, step % 2 == 0, bits, step == 1);
        cs_supernet_result result;
        cr_assert_eq(cs_supernet_step(net, &d.batch, &path, &usual, &result), CS_OK);
        images_free(&d);
    }
    *n = net->n_params;
    float *out = params_of(net);
    cs_supernet_free(net);
    return out;
}

Test(supernet, same_seed_same_bits)
{
    size_t n;
    for (int threads = 1; threads <= 2; threads++) {
        cs_engine *engine = engine_of(isa_default(), threads);
        float *a = train_some(engine, 5, true, &n);
        float *b = train_some(engine, 5, true, &n);
        float *other = train_some(engine, 6, true, &n);
        cr_assert_eq(memcmp(a, b, n * sizeof *a), 0, "%d threads", threads);
        cr_assert_neq(memcmp(a, other, n * sizeof *a), 0, "another seed");
        free(a);
        free(b);
        free(other);
        cs_engine_free(engine);
    }
}

/* In float: a code that rounds the other way would send a network of this size elsewhere. */
Test(supernet, threads_and_instruction_sets_agree)
{
    size_t n;
    cs_engine *engine = engine_of(CS_ISA_PORTABLE, 1);
    float *first = train_some(engine, 5, false, &n);
    double *expect = doubles_of(first, n);
    cs_engine_free(engine);
    EACH_ISA(isa)
    {
        for (int threads = 1; threads <= 2; threads++) {
            engine = engine_of((cs_isa)isa, threads);
            float *got = train_some(engine, 5, false, &n);
            cr_assert_lt(relative(got, expect, n), 1e-4, "%s, %d threads: %g",
                         cs_isa_text((cs_isa)isa), threads, relative(got, expect, n));
            free(got);
            cs_engine_free(engine);
        }
    }
    free(first);
    free(expect);
}

/* ---- the meter ---- */

static uint64_t metered(cs_engine *engine, uint64_t *before)
{
    const uint64_t now = cs_engine_macs(engine), done = now - *before;
    *before = now;
    return done;
}

Test(supernet, meter_equals_the_prices)
{
    cs_engine *engine = engine_of(isa_default(), 2);
    cs_supernet *net = small_supernet(engine, CS_BITS_MIXED);
    images d = random_images(3, 6, 5, 31);
    cs_rng rng;
    cs_rng_seed(&rng, 32);
    serving s = {&d, 0, 1};
    const cs_feed feed = {.context = &s, .epoch_images = 3, .next = serve};
    uint64_t at = cs_engine_macs(engine);
    for (int k = 0; k < 12; k++) {
        const cs_path path = random_path(&rng, 1 + k % 4, k % 3 != 0, k % 4, k % 2 == 0);
        cs_supernet_result result;
        cs_path_grad grad;
        double acc;
        cr_assert_eq(cs_supernet_step(net, &d.batch, &path, &usual, &result), CS_OK);
        cr_assert_eq(metered(engine, &at), 3 * cs_supernet_step_macs(net, &path), "step %d", k);
        cr_assert_eq(cs_supernet_arch(net, &d.batch, &path, false, &grad, &result), CS_OK);
        cr_assert_eq(metered(engine, &at), 3 * cs_supernet_arch_macs(net, &path), "arch %d", k);
        cr_assert_eq(cs_supernet_accuracy(net, &path, &feed, NULL, NULL, &acc), CS_OK);
        cr_assert_eq(metered(engine, &at), 3 * cs_supernet_forward_macs(net, &path), "accuracy");
        cr_assert_eq(cs_supernet_recalibrate(net, &path, &feed, 2), CS_OK);
        cr_assert_eq(metered(engine, &at), 6 * cs_supernet_forward_macs(net, &path), "statistics");
    }
    cs_supernet_free(net);
    cs_engine_free(engine);
    images_free(&d);
}

/* Prices of a design's path are those of training its network. */
Test(supernet, prices_are_those_of_the_network)
{
    cs_space *space = space_of("fbnet:imagenet");
    cs_engine *engine = engine_of(isa_default(), 1);
    cs_supernet *net = supernet_of(engine, space, 1, CS_BITS_MIXED);
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    for (int k = 0; k < 20; k++) {
        cs_design design;
        cs_net plain;
        cs_path path;
        cs_space_sample(space, &rng, &design);
        cr_assert_eq(cs_space_network(space, &design, &plain), CS_OK);
        cs_path_of_design(space, &design, &path);
        cr_assert_eq(cs_supernet_step_macs(net, &path), cs_train_macs_per_image(&plain));
        cr_assert_eq(cs_supernet_forward_macs(net, &path), cs_forward_macs_per_image(&plain));
    }
    cs_supernet_free(net);
    cs_engine_free(engine);
    cs_space_free(space);
}
