#include "run/profile_keys.h"

#include "run/meter.h"
#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define FIELD(member) offsetof(cs_profile, member), sizeof(((cs_profile *)0)->member)
#define ANY 0.0, 1e18

/* A training has the same keys in every section that describes one. */
#define TRAINING(section, member)                                                                   \
    {section, "epochs", KEY_EPOCHS, ROLE_FIXED, FIELD(member), 1.0, 1e5, false},                    \
        {section, "batch", KEY_COUNT32, ROLE_FIXED, FIELD(member.recipe.batch), 1.0, 65536, false}, \
        {section, "lr", KEY_NUMBER, ROLE_FIXED, FIELD(member.recipe.lr), 1e-12, 1e3, false},        \
        {section, "lr_end", KEY_NUMBER, ROLE_FIXED, FIELD(member.recipe.lr_end), 0, 1e3, false},    \
        {section,                                                                                   \
         "warmup_epochs",                                                                           \
         KEY_NUMBER,                                                                                \
         ROLE_FIXED,                                                                                \
         FIELD(member.recipe.warmup_epochs),                                                        \
         0,                                                                                         \
         1e5,                                                                                       \
         false},                                                                                    \
        {section, "momentum", KEY_NUMBER, ROLE_FIXED, FIELD(member.recipe.momentum), 0, 1, false},  \
        {section, "weight_decay", KEY_NUMBER, ROLE_FIXED, FIELD(member.recipe.weight_decay), 0,     \
         1e3,     false},                                                                           \
        {section, "clip_norm", KEY_NUMBER, ROLE_FIXED, FIELD(member.recipe.clip_norm),              \
         0,       1e9,         false},                                                              \
        {section,                                                                                   \
         "label_smoothing",                                                                         \
         KEY_NUMBER,                                                                                \
         ROLE_FIXED,                                                                                \
         FIELD(member.recipe.label_smoothing),                                                      \
         0,                                                                                         \
         0.999,                                                                                     \
         false},                                                                                    \
        {section, "augment", KEY_FLAG, ROLE_FIXED, FIELD(member.recipe.augment), 0, 0, false},      \
        {section, "subset", KEY_NUMBER, ROLE_FIXED, FIELD(member.subset), 1e-9, 1e9, false},        \
    {                                                                                               \
        section, "val_subset", KEY_NUMBER, ROLE_FIXED, FIELD(member.val_subset), 1e-9, 1e9, false   \
    }

/* clang-format off */
const profile_key profile_keys[] = {
    {"profile", "name", KEY_WORD, ROLE_FIXED, FIELD(name), 0, 0, true},
    {"profile", "space", KEY_WORD, ROLE_FIXED, FIELD(space), 0, 0, true},
    {"profile", "hw", KEY_WORD, ROLE_FIXED, FIELD(hw), 0, 0, true},
    {"profile", "dataset", KEY_WORD, ROLE_FIXED, FIELD(dataset), 0, 0, true},
    {"profile", "source", KEY_WORD, ROLE_FIXED, FIELD(source), 0, 0, false},
    {"profile", "methods", KEY_METHODS, ROLE_FREE, FIELD(method), 0, 0, true},
    {"profile", "seeds", KEY_SEEDS, ROLE_FREE, FIELD(seed), 0, 0, true},
    {"profile", "vary", KEY_VARY, ROLE_CELL, FIELD(varied), 0, 0, false},
    {"profile", "master_seed", KEY_COUNT, ROLE_FIXED, FIELD(master_seed), ANY, false},
    {"profile", "val_fraction", KEY_NUMBER, ROLE_FIXED, FIELD(val_fraction), 0, 0.99, false},
    {"profile", "primary", KEY_BUDGET, ROLE_FIXED, FIELD(primary), 0, 0, true},
    {"profile", "finish_hw_queries", KEY_COUNT, ROLE_FIXED, FIELD(finish_hw_queries), ANY, false},
    {"profile", "select", KEY_SELECT, ROLE_FIXED, FIELD(select), 0, 0, false},
    {"profile", "threads", KEY_COUNT, ROLE_FIXED, FIELD(threads), 1, 1024, false},
    {"profile", "blas_core", KEY_WORD, ROLE_FIXED, FIELD(blas_core), 0, 0, false},
    {"profile", "isa", KEY_WORD, ROLE_FIXED, FIELD(isa), 0, 0, false},
    {"profile", "jobs", KEY_COUNT, ROLE_FREE, FIELD(jobs), 0, 1024, false},
    {"profile", "checkpoint_s", KEY_NUMBER, ROLE_FREE, FIELD(checkpoint_s), 0, 1e9, false},
    {"limits", "dsp_max", KEY_LIMIT, ROLE_CELL, FIELD(limit[0]), 0, 1e18, false},
    {"limits", "bram_max", KEY_LIMIT, ROLE_CELL, FIELD(limit[1]), 0, 1e18, false},
    {"limits", "fps_min", KEY_LIMIT, ROLE_CELL, FIELD(limit[2]), 0, 1e18, false},
    {"limits", "edp_max_js", KEY_LIMIT, ROLE_CELL, FIELD(limit[3]), 0, 1e18, false},
    {"limits", "latency_max_s", KEY_LIMIT, ROLE_CELL, FIELD(limit[4]), 0, 1e18, false},
    {"limits", "energy_max_j", KEY_LIMIT, ROLE_CELL, FIELD(limit[5]), 0, 1e18, false},
    {"limits", "area_max_mm2", KEY_LIMIT, ROLE_CELL, FIELD(limit[6]), 0, 1e18, false},
    {"caps", "evals", KEY_CAP, ROLE_FIXED, FIELD(cap[CS_METER_EVALS]), 0, 0, false},
    {"caps", "hw_queries", KEY_CAP, ROLE_FIXED, FIELD(cap[CS_METER_HW_QUERIES]), 0, 0, false},
    {"caps", "samples", KEY_CAP, ROLE_FIXED, FIELD(cap[CS_METER_SAMPLES]), 0, 0, false},
    {"caps", "mac", KEY_CAP, ROLE_FIXED, FIELD(cap[CS_METER_MACS]), 0, 0, false},
    {"caps", "cpu_s", KEY_CAP, ROLE_FREE, FIELD(cap[CS_METER_CPU_S]), 0, 0, false},
    {"caps", "wall_s", KEY_CAP, ROLE_FREE, FIELD(cap[CS_METER_WALL_S]), 0, 0, false},
    {"caps", "peak_kib", KEY_CAP, ROLE_FREE, FIELD(peak_kib), 0, 0, false},
    TRAINING("fidelity.proxy", fidelity[CS_FID_PROXY]),
    TRAINING("fidelity.short", fidelity[CS_FID_SHORT]),
    TRAINING("fidelity.full", fidelity[CS_FID_FULL]),
    {"supernet", "share", KEY_NUMBER, ROLE_FIXED, FIELD(supernet.share), 0, 0.95, false},
    {"supernet", "warmup", KEY_NUMBER, ROLE_FIXED, FIELD(supernet.warmup), 0, 1, false},
    {"supernet", "batch", KEY_COUNT32, ROLE_FIXED, FIELD(supernet.recipe.batch), 1, 65536, false},
    {"supernet", "lr", KEY_NUMBER, ROLE_FIXED, FIELD(supernet.recipe.lr), 1e-12, 1e3, false},
    {"supernet", "lr_end", KEY_NUMBER, ROLE_FIXED, FIELD(supernet.recipe.lr_end), 0, 1e3, false},
    {"supernet", "momentum", KEY_NUMBER, ROLE_FIXED, FIELD(supernet.recipe.momentum), 0, 1, false},
    {"supernet", "weight_decay", KEY_NUMBER, ROLE_FIXED, FIELD(supernet.recipe.weight_decay), 0, 1e3, false},
    {"supernet", "clip_norm", KEY_NUMBER, ROLE_FIXED, FIELD(supernet.recipe.clip_norm), 0, 1e9, false},
    {"supernet", "label_smoothing", KEY_NUMBER, ROLE_FIXED, FIELD(supernet.recipe.label_smoothing), 0, 0.999, false},
    {"supernet", "augment", KEY_FLAG, ROLE_FIXED, FIELD(supernet.recipe.augment), 0, 0, false},
    {"supernet", "subset", KEY_NUMBER, ROLE_FIXED, FIELD(supernet.subset), 1e-9, 1e9, false},
    {"supernet", "val_subset", KEY_NUMBER, ROLE_FIXED, FIELD(supernet.val_subset), 1e-9, 1e9, false},
    {"supernet", "recalibrate", KEY_COUNT32, ROLE_FIXED, FIELD(supernet.recalibrate), 0, 1e6, false},
    {"recipe", "id", KEY_WORD, ROLE_FIXED, FIELD(final.recipe.id), 0, 0, false},
    TRAINING("recipe", final),
    {"recipe", "retrains", KEY_COUNT, ROLE_FIXED, FIELD(retrains), 1, 1000, false},
    {"require", "controls", KEY_TEXT, ROLE_FREE, FIELD(required_controls), 0, 0, false},
    {"require", "min_seeds", KEY_COUNT, ROLE_FREE, FIELD(required_seeds), 0, 1e6, false},
};
/* clang-format on */
const size_t n_profile_keys = sizeof profile_keys / sizeof *profile_keys;

static const char *const root_names[] = {"method", "split", "order", "init", "eval", "retrain"};

const char *cs_root_name(unsigned index)
{
    return root_names[index];
}

/* Next item of a list separated by commas or blanks; false at the end, or if it is too long. */
static bool next_item(const char **at, char *item, size_t size)
{
    const char *p = *at + strspn(*at, ", \t");
    const size_t n = strcspn(p, ", \t");
    if (n == 0 || n >= size)
        return false;
    memcpy(item, p, n);
    item[n] = '\0';
    *at = p + n;
    return true;
}

static bool list_ended(const char *at)
{
    return at[strspn(at, ", \t")] == '\0';
}

cs_status cs_seeds_parse(const char *text, uint64_t *seed, size_t cap, size_t *n, cs_error *err)
{
    char item[64];
    size_t count = 0;
    const char *at = text;
    while (next_item(&at, item, sizeof item)) {
        uint64_t first, last;
        char *dash = strchr(item, '-');
        if (dash)
            *dash = '\0';
        if (!cs_text_u64(item, &first) || !cs_text_u64(dash ? dash + 1 : item, &last) ||
            last < first || last > UINT32_MAX)
            return cs_fail(err, CS_EUSAGE, "seeds '%s' are not a list such as 0-3,7", text);
        for (uint64_t s = first; s <= last; s++) {
            for (size_t i = 0; i < count; i++)
                if (seed[i] == s)
                    return cs_fail(err, CS_EUSAGE, "seeds '%s' name %llu twice", text,
                                   (unsigned long long)s);
            if (count == cap)
                return cs_fail(err, CS_EUSAGE, "seeds '%s' are more than %zu", text, cap);
            seed[count++] = s;
        }
    }
    if (count == 0 || !list_ended(at))
        return cs_fail(err, CS_EUSAGE, "seeds '%s' are not a list such as 0-3,7", text);
    *n = count;
    return CS_OK;
}

static cs_status read_methods(const char *value, cs_profile *p, cs_error *err)
{
    p->n_methods = 0;
    while (p->n_methods < CS_PROFILE_METHODS_MAX &&
           next_item(&value, p->method[p->n_methods], sizeof *p->method)) {
        for (size_t i = 0; i < p->n_methods; i++)
            if (strcmp(p->method[i], p->method[p->n_methods]) == 0)
                return cs_fail(err, CS_EUSAGE, "method '%s' is named twice", p->method[i]);
        p->n_methods++;
    }
    if (p->n_methods == 0 || !list_ended(value))
        return cs_fail(err, CS_EUSAGE, "expected a list of 1 to %d method names",
                       CS_PROFILE_METHODS_MAX);
    return CS_OK;
}

static cs_status read_varied(const char *value, cs_profile *p, cs_error *err)
{
    char item[32];
    unsigned varied = 0;
    while (next_item(&value, item, sizeof item)) {
        unsigned i = 0;
        while (i < CS_ROOT_COUNT && strcmp(item, root_names[i]) != 0)
            i++;
        if (i == CS_ROOT_COUNT)
            return cs_fail(err, CS_EUSAGE,
                           "seed root '%s' is not one of method, split, order, init, eval, retrain",
                           item);
        varied |= 1u << i;
    }
    if (!list_ended(value))
        return cs_fail(err, CS_EUSAGE, "expected a list of seed roots");
    p->varied = varied;
    return CS_OK;
}

static cs_status read_limit(const profile_key *key, const char *value, cs_profile *p, cs_error *err)
{
    const size_t which = (key->offset - offsetof(cs_profile, limit)) / sizeof p->limit[0];
    char item[64];
    size_t n = 0;
    while (next_item(&value, item, sizeof item)) {
        double x;
        if (!cs_text_double(item, &x) || !(x > 0.0))
            return cs_fail(err, CS_EUSAGE, "'%s' is not a limit above 0", item);
        for (size_t i = 0; i < n; i++)
            if (p->limit[which][i] == x)
                return cs_fail(err, CS_EUSAGE, "%g is named twice", x);
        if (n == CS_PROFILE_LIMIT_VALUES_MAX)
            return cs_fail(err, CS_EUSAGE, "more than %d values", CS_PROFILE_LIMIT_VALUES_MAX);
        p->limit[which][n++] = x;
    }
    if (!list_ended(value))
        return cs_fail(err, CS_EUSAGE, "'%s' is not a list of numbers", value);
    p->n_limit[which] = n;
    return CS_OK;
}

static cs_status read_select(const char *value, cs_profile *p, cs_error *err)
{
    uint64_t m;
    if (strcmp(value, "last") == 0)
        p->select = CS_SELECT_LAST;
    else if (strcmp(value, "claim") == 0)
        p->select = CS_SELECT_CLAIM;
    else if (strncmp(value, "reeval:", 7) == 0 && cs_text_u64(value + 7, &m) && m >= 1 && m <= 64) {
        p->select = CS_SELECT_REEVAL;
        p->reeval = m;
    } else
        return cs_fail(err, CS_EUSAGE, "'%s' is not last, claim or reeval:M with M in 1..64",
                       value);
    return CS_OK;
}

static cs_status read_number(const profile_key *key, const char *value, double *out, cs_error *err)
{
    double x;
    if (!cs_text_double(value, &x) || x < key->lo || x > key->hi)
        return cs_fail(err, CS_EUSAGE, "'%s' is not a number from %g to %g", value, key->lo,
                       key->hi);
    *out = x;
    return CS_OK;
}

static cs_status read_count(const profile_key *key, const char *value, uint64_t *out, cs_error *err)
{
    uint64_t x;
    if (!cs_text_u64(value, &x) || (double)x < key->lo || (double)x > key->hi)
        return cs_fail(err, CS_EUSAGE, "'%s' is not a whole number from %.0f to %g", value, key->lo,
                       key->hi);
    *out = x;
    return CS_OK;
}

static cs_status read_word(const profile_key *key, const char *value, char *out, cs_error *err)
{
    const bool word = key->kind == KEY_WORD;
    if (word && !*value)
        return cs_fail(err, CS_EUSAGE, "is empty");
    if (word && !isalnum((unsigned char)*value)) /* names become folders: no ".." */
        return cs_fail(err, CS_EUSAGE, "'%s' does not begin with a letter or digit", value);
    if (strlen(value) >= key->size)
        return cs_fail(err, CS_EUSAGE, "'%s' is longer than %zu characters", value, key->size - 1);
    for (const char *p = value; word && *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._+:-", *p))
            return cs_fail(err, CS_EUSAGE, "'%s' has a character other than letters, digits, ._+:-",
                           value);
    snprintf(out, key->size, "%s", value);
    return CS_OK;
}

cs_status profile_key_read(const profile_key *key, const char *value, cs_profile *p, cs_error *err)
{
    void *const field = (char *)p + key->offset;
    uint64_t count;
    switch (key->kind) {
    case KEY_WORD:
    case KEY_TEXT: return read_word(key, value, field, err);
    case KEY_COUNT: return read_count(key, value, field, err);
    case KEY_COUNT32:
        CS_TRY(read_count(key, value, &count, err));
        *(uint32_t *)field = (uint32_t)count;
        return CS_OK;
    case KEY_NUMBER: return read_number(key, value, field, err);
    case KEY_CAP:
        if (strcmp(value, "off") == 0)
            *(double *)field = INFINITY;
        else if (!cs_text_double(value, field) || !(*(double *)field > 0.0))
            return cs_fail(err, CS_EUSAGE, "'%s' is neither off nor a number above 0", value);
        return CS_OK;
    case KEY_FLAG:
        if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
            return cs_fail(err, CS_EUSAGE, "'%s' is neither yes nor no", value);
        *(bool *)field = strcmp(value, "yes") == 0;
        return CS_OK;
    case KEY_METHODS: return read_methods(value, p, err);
    case KEY_SEEDS: return cs_seeds_parse(value, p->seed, CS_PROFILE_SEEDS_MAX, &p->n_seeds, err);
    case KEY_VARY: return read_varied(value, p, err);
    case KEY_BUDGET: return cs_meter_parse(value, &p->primary, &p->primary_limit, err);
    case KEY_SELECT: return read_select(value, p, err);
    case KEY_LIMIT: return read_limit(key, value, p, err);
    case KEY_EPOCHS: {
        cs_training *training = field;
        training->on = strcmp(value, "off") != 0;
        if (!training->on)
            return CS_OK;
        CS_TRY(read_count(key, value, &count, err));
        training->recipe.epochs = (uint32_t)count;
        return CS_OK;
    }
    }
    return CS_OK;
}

/* Shortest decimal text that reads back to the same double. */
static void add_number(cs_text *out, double x)
{
    char text[40];
    double back;
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (cs_text_double(text, &back) && back == x)
            break;
    }
    cs_text_addf(out, "%s", text);
}

void profile_key_write(const profile_key *key, const cs_profile *p, cs_text *out)
{
    const void *const field = (const char *)p + key->offset;
    switch (key->kind) {
    case KEY_WORD:
    case KEY_TEXT: cs_text_addf(out, "%s", (const char *)field); break;
    case KEY_COUNT: cs_text_addf(out, "%llu", (unsigned long long)*(const uint64_t *)field); break;
    case KEY_COUNT32: cs_text_addf(out, "%lu", (unsigned long)*(const uint32_t *)field); break;
    case KEY_NUMBER: add_number(out, *(const double *)field); break;
    case KEY_CAP:
        if (isfinite(*(const double *)field))
            add_number(out, *(const double *)field);
        else
            cs_text_addf(out, "off");
        break;
    case KEY_FLAG: cs_text_addf(out, "%s", *(const bool *)field ? "yes" : "no"); break;
    case KEY_METHODS:
        for (size_t i = 0; i < p->n_methods; i++)
            cs_text_addf(out, "%s%s", i ? ", " : "", p->method[i]);
        break;
    case KEY_SEEDS:
        for (size_t i = 0; i < p->n_seeds;) {
            size_t j = i;
            while (j + 1 < p->n_seeds && p->seed[j + 1] == p->seed[j] + 1)
                j++;
            cs_text_addf(out, "%s%llu", i ? "," : "", (unsigned long long)p->seed[i]);
            if (j > i)
                cs_text_addf(out, "-%llu", (unsigned long long)p->seed[j]);
            i = j + 1;
        }
        break;
    case KEY_VARY:
        for (unsigned i = 0, n = 0; i < CS_ROOT_COUNT; i++)
            if (p->varied & 1u << i)
                cs_text_addf(out, "%s%s", n++ ? ", " : "", root_names[i]);
        break;
    case KEY_BUDGET:
        cs_text_addf(out, "%s:", cs_meter_name(p->primary));
        add_number(out, p->primary_limit);
        break;
    case KEY_SELECT:
        if (p->select == CS_SELECT_REEVAL)
            cs_text_addf(out, "reeval:%llu", (unsigned long long)p->reeval);
        else
            cs_text_addf(out, "%s", p->select == CS_SELECT_LAST ? "last" : "claim");
        break;
    case KEY_LIMIT: {
        const size_t which = (key->offset - offsetof(cs_profile, limit)) / sizeof p->limit[0];
        for (size_t i = 0; i < p->n_limit[which]; i++) {
            cs_text_addf(out, "%s", i ? ", " : "");
            add_number(out, p->limit[which][i]);
        }
        break;
    }
    case KEY_EPOCHS: {
        const cs_training *training = field;
        if (training->on)
            cs_text_addf(out, "%lu", (unsigned long)training->recipe.epochs);
        else
            cs_text_addf(out, "off");
        break;
    }
    }
}
