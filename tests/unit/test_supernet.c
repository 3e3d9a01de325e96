/* The supernet against models of the same network, a slow reference and finite differences. */
#include "nn/loss.h"
#include "nn/model.h"
#include "search/supernet_internal.h"
#include "tests/nn_random.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct images {
    float *x;
    int32_t *y;
    cs_batch batch;
} images;

static images random_images(int n, int size, int classes, uint64_t seed)
{
    cs_rng rng;
    cs_rng_seed(&rng, seed);
    images d = {.x = normals((size_t)(n * size * size * 3), &rng),
                .y = calloc((size_t)n, sizeof *d.y)};
    for (int i = 0; i < n; i++)
        d.y[i] = (int32_t)cs_rng_below(&rng, (uint32_t)classes);
    d.batch = (cs_batch){
        .x = d.x, .y = d.y, .n = (uint32_t)n, .h = (uint32_t)size, .w = (uint32_t)size, .c = 3};
    return d;
}

static void images_free(images *d)
{
    free(d->x);
    free(d->y);
}

static cs_space *space_of(const char *name)
{
    cs_space *space = NULL;
    cs_error err = {""};
    cr_assert_eq(cs_space_new(name, "fpga-chunk", 10, &space, &err), CS_OK, "%s", err.text);
    return space;
}

static cs_supernet *supernet_of(cs_engine *engine, const cs_space *space, uint32_t batch,
                                cs_bits_storage storage)
{
    cs_supernet *net = NULL;
    cs_error err = {""};
    cr_assert_eq(cs_supernet_new(engine, space, batch, storage, 1, &net, &err), CS_OK, "%s",
                 err.text);
    return net;
}

/* BN parameters and classifier of ordinary size, so that every gradient is alive. */
static void scramble(cs_supernet *net)
{
    cs_rng rng;
    cs_rng_seed(&rng, 77);
    for (size_t k = 0; k < net->n_ops; k++)
        for (int j = 0; j < net->ops[k].n_layers; j++) {
            const cs_layer *l = &net->ops[k].layer[j];
            for (int c = 0; c < l->conv.cout; c++) {
                net->params[l->gamma + (size_t)c] = (float)(0.5 + cs_rng_uniform(&rng));
                net->params[l->beta + (size_t)c] = (float)(0.5 * cs_rng_normal(&rng));
            }
        }
    for (int k = 0; k < net->classifier.features; k++)
        for (int c = 0; c < net->classifier.classes; c++)
            net->params[net->fc_w + (size_t)(k * net->classifier.classes_p + c)] =
                (float)cs_rng_normal(&rng);
}

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
