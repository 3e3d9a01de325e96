#include "run/table_plan.h"

#include "core/hash.h"
#include "datasets/dataset_access.h"
#include "registry.h"
#include "run/task_state.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cs_table_recipe_id(const cs_profile *profile, char id[64])
{
    const uint64_t part[] = {cs_profile_section_hash(profile, "fidelity.short"),
                             cs_profile_section_hash(profile, "fidelity.full"),
                             profile->master_seed};
    char hex[17];
    const uint64_t sections = cs_hash_bytes(part, sizeof part, 0);
    cs_hash_hex(cs_hash_bytes(&profile->val_fraction, sizeof profile->val_fraction, sections), hex);
    snprintf(id, 64, "%.40s-%.8s", profile->final.recipe.id, hex);
}

uint64_t cs_table_root(const cs_profile *profile, uint64_t net_hash, uint64_t seed)
{
    const uint64_t table = cs_rng_derive(profile->master_seed, "table");
    return cs_rng_derive_index(cs_rng_derive_index(table, seed), net_hash);
}

/* ---- networks ---- */

/* Decisions that make up the network; they come first. */
static size_t network_decisions(const cs_space *space)
{
    size_t first, last;
    cs_space_group(space, CS_GROUP_ACCELERATOR, &first, &last);
    return first;
}

/* The next choice vector over the first n decisions, the last one fastest; false at the end. */
static bool next_vector(const cs_space *space, cs_design *design, size_t n)
{
    for (size_t i = n; i-- > 0;) {
        if (++design->choice[i] < cs_space_decision(space, i)->n_choices)
            return true;
        design->choice[i] = 0;
    }
    return false;
}

static cs_status add_network(cs_table_plan *plan, const cs_design *design, cs_error *err)
{
    char text[CS_DESIGN_TEXT_MAX];
    cs_net net;
    CS_TRY(cs_design_format(plan->space, design, text, sizeof text));
    CS_TRY(cs_space_network(plan->space, design, &net));
    const char *ops = strchr(strchr(text, '|') + 1, '|') + 1;
    const size_t length = (size_t)(strrchr(ops, '|') - ops);
    if (length >= CS_TABLE_NETWORK_TEXT)
        return cs_fail(err, CS_EUSAGE, "a network of this space does not fit into a table row");
    memcpy(plan->network[plan->n_networks], ops, length);
    plan->network[plan->n_networks][length] = '\0';
    plan->hash[plan->n_networks++] = cs_net_hash(&net);
    return CS_OK;
}

static cs_status list_networks(cs_table_plan *plan, cs_error *err)
{
    const size_t n = network_decisions(plan->space);
    cs_design design = {.n = (uint16_t)cs_space_size(plan->space)}, canonical;
    plan->network = malloc(CS_TABLE_NETWORKS_MAX * sizeof *plan->network);
    plan->hash = malloc(CS_TABLE_NETWORKS_MAX * sizeof *plan->hash);
    if (!plan->network || !plan->hash)
        return cs_fail(err, CS_ENOMEM, "out of memory for the networks of a space");
    do {
        cs_space_repair(plan->space, &design); /* the accelerator only: networks have no caps */
        cs_space_canonical(plan->space, &design, &canonical);
        if (memcmp(canonical.choice, design.choice, n * sizeof *design.choice) == 0)
            CS_TRY(add_network(plan, &design, err));
    } while (next_vector(plan->space, &design, n));
    return CS_OK;
}

/* ---- items ---- */

static cs_status list_items(cs_table_plan *plan, uint64_t master, uint64_t noise_networks,
                            uint64_t noise_seeds, cs_error *err)
{
    const size_t n = plan->n_networks, again = noise_networks < n ? noise_networks : n;
    uint32_t *order = malloc((n + again * noise_seeds) * sizeof *order);
    cs_rng rng;
    plan->n_items = n + again * noise_seeds;
    plan->item = malloc(plan->n_items * sizeof *plan->item);
    cs_table_item *list = malloc(plan->n_items * sizeof *list);
    if (order && plan->item && list) {
        cs_rng_seed(&rng, cs_rng_derive(master, "table noise"));
        for (size_t i = 0; i < n; i++) {
            list[i] = (cs_table_item){.network = (uint32_t)i};
            order[i] = (uint32_t)i;
        }
        cs_rng_shuffle(&rng, order, n);
        for (size_t i = 0; i < again * noise_seeds; i++)
            list[n + i] =
                (cs_table_item){.network = order[i % again], .seed = (uint32_t)(1 + i / again)};
        for (size_t i = 0; i < plan->n_items; i++)
            order[i] = (uint32_t)i;
        cs_rng_shuffle(&rng, order, plan->n_items);
        for (size_t i = 0; i < plan->n_items; i++)
            plan->item[i] = list[order[i]];
    }
    const bool failed = !order || !plan->item || !list;
    free(list);
    free(order);
    return failed ? cs_fail(err, CS_ENOMEM, "out of memory for the list of trainings") : CS_OK;
}

static cs_status fill(cs_table_plan *plan, const cs_profile *profile, uint64_t noise_networks,
                      uint64_t noise_seeds, cs_error *err)
{
    cs_dataset *dataset;
    CS_TRY(cs_dataset_open(profile->dataset, cs_data_dir(), 0, profile->val_fraction, false,
                           &dataset, err));
    const cs_dataset_info info = *cs_dataset_info_get(dataset);
    cs_dataset_close(dataset);
    snprintf(plan->dataset_id, sizeof plan->dataset_id, "%s", info.id);
    cs_table_recipe_id(profile, plan->recipe_id);
    CS_TRY(cs_space_new(profile->space, profile->hw, info.classes, &plan->space, err));
    double size = 1.0;
    for (size_t i = 0; i < network_decisions(plan->space); i++)
        size *= cs_space_decision(plan->space, i)->n_choices;
    if (size > CS_TABLE_NETWORKS_MAX)
        return cs_fail(err, CS_EUSAGE,
                       "space %s has %.3g choice vectors; a table is for spaces of at most %d, "
                       "such as fbnet:micro",
                       profile->space, size, CS_TABLE_NETWORKS_MAX);
    CS_TRY(list_networks(plan, err));
    return list_items(plan, profile->master_seed, noise_networks, noise_seeds, err);
}

cs_status cs_table_plan_new(const cs_profile *profile, uint64_t noise_networks,
                            uint64_t noise_seeds, cs_table_plan **out, cs_error *err)
{
    if (!profile->fidelity[CS_FID_FULL].on)
        return cs_fail(err, CS_EUSAGE,
                       "profile %s has no [fidelity.full]: that is the training of a table",
                       profile->name);
    cs_table_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return cs_fail(err, CS_ENOMEM, "out of memory for a plan");
    const cs_status status = fill(plan, profile, noise_networks, noise_seeds, err);
    if (status == CS_OK)
        *out = plan;
    else
        cs_table_plan_free(plan);
    return status;
}

void cs_table_plan_free(cs_table_plan *plan)
{
    if (!plan)
        return;
    cs_space_free(plan->space);
    free(plan->network);
    free(plan->hash);
    free(plan->item);
    free(plan);
}

/* ---- rows ---- */

typedef struct key {
    uint64_t hash, seed;
    size_t at; /* item, or row */
    uint32_t network;
} key;

static int compare_keys(const void *a, const void *b)
{
    const key *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->seed < y->seed ? -1 : x->seed > y->seed;
}

static cs_status check_cell(const cs_csv *csv, size_t row, const char *column, const char *expected,
                            const char *path, cs_error *err)
{
    const char *found = cs_csv_cell(csv, row, cs_csv_column(csv, column));
    return strcmp(found, expected) == 0
               ? CS_OK
               : cs_fail(err, CS_EMISMATCH,
                         "%s, line %zu: %s is %s, this profile makes %s; give another --out, or "
                         "move the file away",
                         path, csv->line[row], column, found, expected);
}

static cs_status check_rows(const cs_table_plan *plan, const cs_csv *csv, const char *path,
                            cs_error *err)
{
    char engine[16];
    snprintf(engine, sizeof engine, "%u", CS_ENGINE_VERSION);
    CS_TRY(cs_schema_check(&cs_schema_table, csv, path, err));
    for (size_t i = 0; i < csv->n_rows; i++) {
        CS_TRY(check_cell(csv, i, "recipe_id", plan->recipe_id, path, err));
        CS_TRY(check_cell(csv, i, "dataset_id", plan->dataset_id, path, err));
        CS_TRY(check_cell(csv, i, "engine", engine, path, err));
    }
    return CS_OK;
}

/* Items of the plan by hash and seed. Caller frees. */
static key *item_keys(const cs_table_plan *plan)
{
    key *keys = malloc(plan->n_items * sizeof *keys);
    for (size_t i = 0; keys && i < plan->n_items; i++) {
        const uint32_t network = plan->item[i].network;
        keys[i] = (key){plan->hash[network], plan->item[i].seed, i, network};
    }
    if (keys)
        qsort(keys, plan->n_items, sizeof *keys, compare_keys);
    return keys;
}

/* row_item[r]: item of row r, n_items if it is none. */
static cs_status match_rows(const cs_table_plan *plan, const cs_csv *csv, const char *path,
                            size_t *row_item, cs_error *err)
{
    const int hash = cs_csv_column(csv, "net_hash"), seed = cs_csv_column(csv, "seed");
    key *keys = item_keys(plan);
    if (!keys)
        return cs_fail(err, CS_ENOMEM, "out of memory for table %s", path);
    cs_status status = CS_OK;
    for (size_t i = 0; i < csv->n_rows && status == CS_OK; i++) {
        char *end;
        key wanted = {.hash = strtoull(cs_csv_cell(csv, i, hash), &end, 16)};
        if (*end || !cs_text_u64(cs_csv_cell(csv, i, seed), &wanted.seed)) {
            status = cs_fail(err, CS_EFORMAT, "%s, line %zu: net_hash or seed is not a number",
                             path, csv->line[i]);
            break;
        }
        const key *found = bsearch(&wanted, keys, plan->n_items, sizeof *keys, compare_keys);
        row_item[i] = found ? found->at : plan->n_items;
    }
    free(keys);
    return status;
}

/* Reads a table file of this plan. Caller frees csv and *row_item. */
static cs_status read_rows(const cs_table_plan *plan, const char *path, cs_csv *csv,
                           size_t **row_item, cs_error *err)
{
    CS_TRY(cs_csv_read(path, csv, err));
    *row_item = malloc((csv->n_rows + 1) * sizeof **row_item);
    cs_status status = check_rows(plan, csv, path, err);
    if (status == CS_OK && !*row_item)
        status = cs_fail(err, CS_ENOMEM, "out of memory for table %s", path);
    if (status == CS_OK)
        status = match_rows(plan, csv, path, *row_item, err);
    if (status != CS_OK) {
        free(*row_item);
        cs_csv_free(csv);
    }
    return status;
}

cs_status cs_table_done(const cs_table_plan *plan, const char *path, bool *done, cs_error *err)
{
    cs_csv csv;
    size_t *row_item;
    CS_TRY(read_rows(plan, path, &csv, &row_item, err));
    for (size_t i = 0; i < csv.n_rows; i++)
        if (row_item[i] < plan->n_items)
            done[row_item[i]] = true;
    free(row_item);
    cs_csv_free(&csv);
    return CS_OK;
}

static int compare_places(const void *a, const void *b)
{
    const key *x = a, *y = b;
    if (x->network != y->network)
        return x->network < y->network ? -1 : 1;
    if (x->seed != y->seed)
        return x->seed < y->seed ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* One line per item; of a row that is there twice, the first. */
static cs_status write_sorted(const cs_csv *csv, const key *place, size_t n, cs_text *out)
{
    cs_schema_header(&cs_schema_table, out);
    for (size_t i = 0; i < n; i++) {
        cs_row row;
        if (i && place[i].network == place[i - 1].network && place[i].seed == place[i - 1].seed)
            continue;
        CS_TRY(cs_row_read(&cs_schema_table, csv, place[i].at, &row));
        const cs_status status = cs_row_line(&row, out);
        cs_row_free(&row);
        CS_TRY(status);
    }
    return out->failed ? CS_ENOMEM : CS_OK;
}

cs_status cs_table_sorted(const cs_table_plan *plan, const char *path, cs_text *out, cs_error *err)
{
    cs_csv csv;
    size_t *row_item, n = 0;
    CS_TRY(read_rows(plan, path, &csv, &row_item, err));
    key *place = malloc((csv.n_rows + 1) * sizeof *place);
    for (size_t i = 0; place && i < csv.n_rows; i++)
        if (row_item[i] < plan->n_items) {
            const cs_table_item *item = &plan->item[row_item[i]];
            place[n++] = (key){.network = item->network, .seed = item->seed, .at = i};
        }
    cs_status status = CS_ENOMEM;
    if (place) {
        qsort(place, n, sizeof *place, compare_places);
        status = write_sorted(&csv, place, n, out);
    }
    if (status == CS_ENOMEM)
        cs_fail(err, CS_ENOMEM, "out of memory for table %s", path);
    free(place);
    free(row_item);
    cs_csv_free(&csv);
    return status;
}
