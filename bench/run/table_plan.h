/* What `tabulate` trains: every network of a small space once, and a sample of them again with
 * further seeds, for the noise. */
#ifndef CS_BENCH_TABLE_PLAN_H
#define CS_BENCH_TABLE_PLAN_H

#include "cosearch/space.h"
#include "run/profile.h"
#include "run/schema.h"

#define CS_TABLE_NETWORKS_MAX 100000
#define CS_TABLE_NETWORK_TEXT 512

/* One training. */
typedef struct cs_table_item {
    uint32_t network; /* index in cs_table_plan.network */
    uint32_t seed;
} cs_table_item;

typedef struct cs_table_plan {
    cs_space *space;
    char dataset_id[64], recipe_id[64];
    char (*network)[CS_TABLE_NETWORK_TEXT]; /* distinct networks in the order of their choices */
    uint64_t *hash;                         /* [n_networks] */
    size_t n_networks;
    cs_table_item *item; /* in a random order: whatever is done by then is a fair sample */
    size_t n_items;
} cs_table_plan;

/* Networks of the profile's space that differ as networks (a bitwidth without a layer is not
 * counted). noise_networks of them, drawn by the profile's master seed, get seeds 1..noise_seeds
 * too. CS_EUSAGE for a space of more than CS_TABLE_NETWORKS_MAX or a profile without
 * [fidelity.full]. */
cs_status cs_table_plan_new(const cs_profile *profile, uint64_t noise_networks,
                            uint64_t noise_seeds, cs_table_plan **out, cs_error *err);
void cs_table_plan_free(cs_table_plan *plan); /* NULL is fine */

/* "NAME-HASH": name of the recipe and hash of the fidelity sections, master seed and val_fraction.
 */
void cs_table_recipe_id(const cs_profile *profile, char id[64]);

/* Root of all trainings of a network with a seed. */
uint64_t cs_table_root(const cs_profile *profile, uint64_t net_hash, uint64_t seed);

/* Rows of a table file, header checked, of this plan's recipe, data and engine: CS_EMISMATCH names
 * what differs. A torn last line is dropped. done[i] for item i of the plan. */
cs_status cs_table_done(const cs_table_plan *plan, const char *path, bool *done, cs_error *err);

/* The finished table: rows of the file in the order of networks and seeds. */
cs_status cs_table_sorted(const cs_table_plan *plan, const char *path, cs_text *out, cs_error *err);

#endif
