/* Profiles: what a campaign compares, under which limits and budgets.
 *
 * An INI file with fixed keys. Free keys (seeds, methods, jobs, time and memory caps, [require])
 * select or protect; every other key decides results: overriding one on the command line renames
 * the profile NAME+custom and taints its rows. */
#ifndef CS_BENCH_PROFILE_H
#define CS_BENCH_PROFILE_H

#include "core/text.h"
#include "cosearch/task.h"

#define CS_PROFILE_METHODS_MAX 32
#define CS_PROFILE_SEEDS_MAX 1024
#define CS_PROFILE_LIMITS 7 /* in the order of cs_limits */
#define CS_PROFILE_LIMIT_VALUES_MAX 16
#define CS_PROFILE_PARAMS_MAX 64

/* Which seed roots follow the seed. */
enum {
    CS_ROOT_METHOD = 1u << 0,
    CS_ROOT_SPLIT = 1u << 1,
    CS_ROOT_ORDER = 1u << 2,
    CS_ROOT_INIT = 1u << 3,
    CS_ROOT_EVAL = 1u << 4,
    CS_ROOT_RETRAIN = 1u << 5,
    CS_ROOT_COUNT = 6
};
const char *cs_root_name(unsigned index); /* 0..CS_ROOT_COUNT-1 */

typedef enum cs_select { CS_SELECT_LAST, CS_SELECT_CLAIM, CS_SELECT_REEVAL } cs_select;

/* A training as the profile describes it. */
typedef struct cs_training {
    bool on;           /* false: the profile does not price this fidelity             */
    cs_recipe recipe;  /* recipe.subset is filled in from `subset` by the worker      */
    double subset;     /* of the split: a fraction up to 1, or a number of images     */
    double val_subset; /* the same for search-val                                     */
} cs_training;

/* Accuracy source "supernet": how the shared network is trained and measured. */
typedef struct cs_supernet_plan {
    double share;         /* of the search's MAC budget that its training takes, 0..1        */
    double warmup;        /* part of the training with more than one operator a block        */
    cs_recipe recipe;     /* epochs and warmup_epochs unused; batch also of the measurements */
    uint32_t recalibrate; /* batches from which an evaluation makes its batch-norm statistics */
    double subset, val_subset; /* as in cs_training                                            */
} cs_supernet_plan;

typedef struct cs_param_setting {
    char method[32], name[32];
    double value;
} cs_param_setting;

typedef struct cs_profile {
    char name[64], space[64], hw[64], dataset[32], source[32], blas_core[32], isa[32];
    char method[CS_PROFILE_METHODS_MAX][32];
    size_t n_methods;
    uint64_t seed[CS_PROFILE_SEEDS_MAX];
    size_t n_seeds;
    unsigned varied; /* CS_ROOT_* */
    uint64_t master_seed;
    double val_fraction;
    cs_meter primary;
    double primary_limit;
    double cap[CS_METER_COUNT];                /* +Inf: none */
    double peak_kib;                           /* +Inf: none */
    uint64_t finish_hw_queries, threads, jobs; /* jobs 0: as many as the cores carry */
    double checkpoint_s;                       /* between checkpoints of a search */
    cs_select select;
    uint64_t reeval;                                              /* m of reeval:m */
    double limit[CS_PROFILE_LIMITS][CS_PROFILE_LIMIT_VALUES_MAX]; /* cells: cross product  */
    size_t n_limit[CS_PROFILE_LIMITS];
    cs_training fidelity[CS_FID_COUNT];
    cs_training final;
    cs_supernet_plan supernet;
    uint64_t retrains;
    cs_param_setting param[CS_PROFILE_PARAMS_MAX];
    size_t n_params;
    char required_controls[128];
    uint64_t required_seeds;

    char overridden[256]; /* keys set on the command line that taint, blank-separated           */
    bool seen[160];       /* keys given, to refuse a second one                              */
} cs_profile;

/* Defaults of every key; name, space, hw, dataset, methods, primary and seeds are required. */
void cs_profile_init(cs_profile *profile);

/* CS_EIO if unreadable, CS_EUSAGE for an unknown or repeated key, a bad value or a missing key;
 * the sentence names file, line, and the nearest known key. Method names are not looked up here. */
cs_status cs_profile_read(const char *path, cs_profile *out, cs_error *err);

/* One `--set KEY=VALUE`: KEY is a [profile] key, SECTION.KEY, or METHOD.PARAMETER. */
cs_status cs_profile_set(cs_profile *profile, const char *assignment, cs_error *err);

/* Effective echo: a profile file that reads back to the same values, every key given. */
cs_status cs_profile_echo(const cs_profile *profile, cs_text *out);

/* Identity over the keys that decide results ([supernet] only if that is the accuracy source),
 * limits and method parameters excepted (they are part
 * of a run's identity one by one). */
uint64_t cs_profile_hash(const cs_profile *profile);

/* Identity of one section, such as "recipe". */
uint64_t cs_profile_section_hash(const cs_profile *profile, const char *section);

/* First fixed key whose value differs, as "section.key", or NULL. */
const char *cs_profile_difference(const cs_profile *a, const cs_profile *b, cs_text *values);

/* "0-3,7" into numbers; duplicates are refused. */
cs_status cs_seeds_parse(const char *text, uint64_t *seed, size_t cap, size_t *n, cs_error *err);

/* Cells of the limits, in the order of the profile: dsp_max outermost. */
size_t cs_profile_cells(const cs_profile *profile);
void cs_profile_cell(const cs_profile *profile, size_t cell, cs_limits *out);
/* Names of the limits, in the order of cs_limits. */
const char *cs_limit_name(size_t i);
double *cs_limit_at(cs_limits *limits, size_t i);

/* INI reading for other files of the harness: `handler` returns CS_OK or fails with a sentence,
 * which is prefixed with file and line. */
typedef cs_status (*cs_ini_handler)(void *context, const char *section, const char *key,
                                    const char *value, cs_error *err);
cs_status cs_ini_read(const char *path, cs_ini_handler handler, void *context, cs_error *err);

#endif
