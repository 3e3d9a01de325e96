#include "run/plan.h"

#include "datasets/dataset_access.h"
#include "registry.h"
#include "run/train_source.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX 4096

cs_status cs_shard_parse(const char *text, cs_selection *selection, cs_error *err)
{
    char first[24];
    const char *slash = strchr(text, '/');
    if (slash && (size_t)(slash - text) < sizeof first) {
        memcpy(first, text, (size_t)(slash - text));
        first[slash - text] = '\0';
        if (cs_text_u64(first, &selection->shard) && cs_text_u64(slash + 1, &selection->shards) &&
            selection->shard >= 1 && selection->shard <= selection->shards)
            return CS_OK;
    }
    return cs_fail(err, CS_EUSAGE, "--shard %s: expected I/N with 1 <= I <= N, such as 2/4", text);
}

/* Checks the content of the data, once for all workers, and takes its description. */
static cs_status open_data(const cs_profile *profile, const char *data_dir, cs_dataset_info *out,
                           cs_error *err)
{
    cs_dataset *set;
    CS_TRY(cs_dataset_verify(profile->dataset, data_dir, NULL, err));
    CS_TRY(cs_dataset_open(profile->dataset, data_dir, 0, profile->val_fraction, false, &set, err));
    *out = *cs_dataset_info_get(set);
    cs_dataset_close(set);
    return CS_OK;
}

/* Narrows the profile's methods to those of a list; CS_EUSAGE names one that is not there. */
static cs_status select_methods(cs_profile *profile, const char *list, cs_error *err)
{
    cs_profile *const chosen = malloc(sizeof *chosen);
    if (!chosen)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    char assignment[512];
    cs_profile_init(chosen);
    snprintf(assignment, sizeof assignment, "methods=%s", list);
    cs_status status = cs_profile_set(chosen, assignment, err);
    for (size_t i = 0; status == CS_OK && i < chosen->n_methods; i++) {
        const char *known[CS_PROFILE_METHODS_MAX + 1] = {NULL};
        bool found = false;
        for (size_t j = 0; j < profile->n_methods; j++) {
            known[j] = profile->method[j];
            found = found || strcmp(profile->method[j], chosen->method[i]) == 0;
        }
        const char *nearest = cs_text_nearest(chosen->method[i], known);
        if (!found)
            status = cs_fail(err, CS_EUSAGE, "--methods: '%s' is not in profile %s%s%s%s",
                             chosen->method[i], profile->name, nearest ? " (did you mean '" : "",
                             nearest ? nearest : "", nearest ? "'?)" : "");
    }
    if (status == CS_OK) {
        memcpy(profile->method, chosen->method, sizeof profile->method);
        profile->n_methods = chosen->n_methods;
    }
    free(chosen);
    return status;
}

static void shuffle(const cs_method **methods, size_t n, uint64_t root, uint64_t index)
{
    uint32_t order[CS_PROFILE_METHODS_MAX];
    const cs_method *copy[CS_PROFILE_METHODS_MAX];
    cs_rng rng;
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
        copy[i] = methods[i];
    }
    cs_rng_seed(&rng, cs_rng_derive_index(root, index));
    cs_rng_shuffle(&rng, order, n);
    for (size_t i = 0; i < n; i++)
        methods[i] = copy[order[i]];
}

static cs_status fill(cs_plan *plan, const cs_selection *selection, const uint64_t *cell,
                      size_t n_cells, cs_error *err)
{
    const cs_profile *p = &plan->profile;
    const cs_method *named[CS_PROFILE_METHODS_MAX], *order[CS_PROFILE_METHODS_MAX];
    const uint64_t root = cs_rng_derive(p->master_seed, "plan");
    size_t index = 0;
    for (size_t m = 0; m < p->n_methods; m++)
        CS_TRY(cs_method_named(p->method[m], &named[m], err));
    for (size_t i = 0; i < p->n_params; i++) {
        const cs_method *method;
        CS_TRY(cs_method_named(p->param[i].method, &method, err));
    }
    plan->job = calloc(p->n_seeds * n_cells * p->n_methods, sizeof *plan->job);
    if (!plan->job)
        return cs_fail(err, CS_ENOMEM, "out of memory for a plan");
    for (size_t s = 0; s < p->n_seeds; s++)
        for (size_t c = 0; c < n_cells; c++) {
            memcpy(order, named, sizeof order);
            shuffle(order, p->n_methods, cs_rng_derive_index(root, p->seed[s]), cell[c]);
            for (size_t m = 0; m < p->n_methods; m++, index++)
                if (!selection->shards || index % selection->shards == selection->shard - 1)
                    CS_TRY(cs_job_init(&plan->job[plan->n_jobs++], p, order[m], p->seed[s],
                                       (size_t)cell[c], &plan->dataset, err));
        }
    return CS_OK;
}

/* A batch has to fit into an epoch. */
static cs_status check_training(const cs_training *t, const char *section, uint32_t images,
                                cs_error *err)
{
    const uint32_t used = cs_subset_images(t->subset, images);
    if (t->on && t->recipe.batch > used)
        return cs_fail(err, CS_EUSAGE, "[%s] batch: %u is more than the %u training images",
                       section, (unsigned)t->recipe.batch, (unsigned)used);
    return CS_OK;
}

static cs_status check_source(const cs_profile *p, cs_error *err)
{
    static const char *const known[] = {"train", "supernet", NULL};
    const double mac = p->primary == CS_METER_MACS ? p->primary_limit : p->cap[CS_METER_MACS];
    if (strcmp(p->source, known[0]) == 0)
        return CS_OK;
    const char *nearest = cs_text_nearest(p->source, known);
    if (strcmp(p->source, known[1]) != 0)
        return cs_fail(err, CS_EUSAGE, "[profile] source: '%s' is neither train nor supernet%s%s%s",
                       p->source, nearest ? " (did you mean '" : "", nearest ? nearest : "",
                       nearest ? "'?)" : "");
    if (!isfinite(mac))
        return cs_fail(err, CS_EUSAGE,
                       "[profile] source: supernet trains for a share of a MAC budget; give "
                       "primary = mac:LIMIT or a mac in [caps]");
    return CS_OK;
}

static cs_status build(cs_plan *plan, const cs_selection *selection, const char *data_dir,
                       cs_error *err)
{
    cs_profile *p = &plan->profile;
    const cs_hw_model *hw;
    const cs_net_space *space;
    CS_TRY(cs_net_space_named(p->space, &space, err));
    CS_TRY(cs_hw_model_named(p->hw, &hw, err));
    CS_TRY(check_source(p, err));
    if (selection->methods)
        CS_TRY(select_methods(p, selection->methods, err));
    if (selection->seeds)
        CS_TRY(cs_seeds_parse(selection->seeds, p->seed, CS_PROFILE_SEEDS_MAX, &p->n_seeds, err));
    const size_t all = cs_profile_cells(p);
    if (all > CELLS_MAX)
        return cs_fail(err, CS_EUSAGE, "[limits]: %zu cells are more than %d", all, CELLS_MAX);
    uint64_t cell[CELLS_MAX];
    size_t n_cells = all;
    for (size_t i = 0; i < all; i++)
        cell[i] = i;
    if (selection->cells) {
        CS_TRY(cs_seeds_parse(selection->cells, cell, CELLS_MAX, &n_cells, err));
        for (size_t i = 0; i < n_cells; i++)
            if (cell[i] >= all)
                return cs_fail(err, CS_EUSAGE, "--cells: %llu is not one of the %zu cells 0-%zu",
                               (unsigned long long)cell[i], all, all - 1);
    }
    CS_TRY(open_data(p, data_dir, &plan->dataset, err));
    if (plan->dataset.size != space->input_size)
        return cs_fail(err, CS_EUSAGE,
                       "space %s takes images of %u pixels a side, data set %s has %u", p->space,
                       (unsigned)space->input_size, p->dataset, (unsigned)plan->dataset.size);
    static const char *const section[] = {"fidelity.proxy", "fidelity.short", "fidelity.full"};
    for (int f = 0; f < CS_FID_COUNT; f++)
        CS_TRY(check_training(&p->fidelity[f], section[f], plan->dataset.n_search_train, err));
    const cs_training shared = {.on = strcmp(p->source, "supernet") == 0,
                                .recipe = p->supernet.recipe,
                                .subset = p->supernet.subset};
    CS_TRY(check_training(&shared, "supernet", plan->dataset.n_search_train, err));
    CS_TRY(check_training(&p->final, "recipe",
                          plan->dataset.n_search_train + plan->dataset.n_search_val, err));
    return fill(plan, selection, cell, n_cells, err);
}

cs_status cs_plan_new(const cs_profile *profile, const cs_selection *selection,
                      const char *data_dir, cs_plan **out, cs_error *err)
{
    cs_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return cs_fail(err, CS_ENOMEM, "out of memory for a plan");
    plan->profile = *profile;
    cs_status status = CS_OK;
    if (selection->vary) {
        char assignment[256];
        snprintf(assignment, sizeof assignment, "vary=%s", selection->vary);
        cs_profile *copy = malloc(sizeof *copy); /* a variance study taints nothing */
        status = copy ? CS_OK : cs_fail(err, CS_ENOMEM, "out of memory for a plan");
        if (copy) {
            *copy = *profile;
            status = cs_profile_set(copy, assignment, err);
            plan->profile.varied = copy->varied;
        }
        free(copy);
    }
    if (status == CS_OK)
        status = build(plan, selection, data_dir, err);
    if (status != CS_OK) {
        cs_plan_free(plan);
        return status;
    }
    *out = plan;
    return CS_OK;
}

void cs_plan_free(cs_plan *plan)
{
    if (plan)
        free(plan->job);
    free(plan);
}

double cs_plan_run_macs(const cs_plan *plan, double *final_macs)
{
    const cs_profile *p = &plan->profile;
    cs_space *space;
    cs_design largest = {0};
    cs_net net;
    *final_macs = NAN;
    if (cs_space_new(p->space, p->hw, plan->dataset.classes, &space, NULL) != CS_OK)
        return NAN;
    /* Larger operators cost more; trying each one alone finds the dearest chain. */
    double most = 0.0;
    size_t first, last;
    cs_space_group(space, CS_GROUP_NETWORK, &first, &last);
    largest.n = (uint16_t)cs_space_size(space);
    for (uint16_t choice = 0; choice < cs_space_decision(space, first)->n_choices; choice++) {
        for (size_t i = first; i < last; i++)
            if (choice < cs_space_decision(space, i)->n_choices)
                largest.choice[i] = choice;
        cs_space_repair(space, &largest);
        if (cs_space_network(space, &largest, &net) == CS_OK)
            most = fmax(most, (double)cs_train_macs_per_image(&net) * p->final.recipe.epochs);
    }
    cs_space_free(space);
    const uint32_t images = plan->dataset.n_search_train + plan->dataset.n_search_val;
    *final_macs = most * cs_subset_images(p->final.subset, images) * (double)p->retrains;
    return p->primary == CS_METER_MACS ? p->primary_limit : NAN;
}

void cs_limits_text(const cs_limits *limits, char *text, size_t size)
{
    cs_limits copy = *limits;
    size_t n = 0;
    snprintf(text, size, "no limits");
    for (size_t i = 0; i < CS_PROFILE_LIMITS; i++) {
        const double value = *cs_limit_at(&copy, i);
        if (!isfinite(value) || !(value > 0.0))
            continue;
        const int more =
            snprintf(text + n, size - n, "%s%s=%g", n ? " " : "", cs_limit_name(i), value);
        n += more > 0 && (size_t)more < size - n ? (size_t)more : 0;
    }
}
