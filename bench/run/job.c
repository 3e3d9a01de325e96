#include "run/job.h"

#include "core/hash.h"
#include "registry.h"
#include "run/meter.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static size_t params_count(const cs_method *method)
{
    size_t n = 0;
    while (method->params && method->params[n].name)
        n++;
    return n;
}

static cs_status fill_params(cs_job *job, const cs_profile *profile, cs_error *err)
{
    const cs_method *method = job->method;
    const size_t n = params_count(method);
    assert(n <= CS_PARAMS_MAX);
    for (size_t i = 0; i < n; i++)
        job->param[i] = method->params[i].def;
    for (size_t i = 0; i < profile->n_params; i++) {
        const cs_param_setting *setting = &profile->param[i];
        const cs_param *param;
        if (strcmp(setting->method, method->name) != 0)
            continue;
        CS_TRY(cs_param_named(method, setting->name, &param, err));
        if (setting->value < param->lo || setting->value > param->hi)
            return cs_fail(err, CS_EUSAGE,
                           "[method.%s] %s: %g is outside %g to %g, the bounds the method declares",
                           method->name, setting->name, setting->value, param->lo, param->hi);
        job->param[param - method->params] = setting->value;
    }
    cs_text text = {0};
    for (size_t i = 0; i < n; i++)
        cs_text_addf(&text, "%s=%.17g\n", method->params[i].name, job->param[i]);
    if (text.failed)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    cs_hash_hex(cs_hash_bytes(text.data ? text.data : "", text.len, 0), job->params_id);
    cs_text_free(&text);
    return CS_OK;
}

static void add_varied(cs_text *out, unsigned varied, const char *separator)
{
    for (unsigned i = 0, n = 0; i < CS_ROOT_COUNT; i++)
        if (varied & 1u << i)
            cs_text_addf(out, "%s%s", n++ ? separator : "", cs_root_name(i));
}

/* The run id is the hash of a text that names everything the outcome depends on. */
static cs_status identify(cs_job *job, const cs_profile *profile, cs_error *err)
{
    const cs_net_space *space;
    const cs_hw_model *hw;
    CS_TRY(cs_net_space_named(profile->space, &space, err));
    CS_TRY(cs_hw_model_named(profile->hw, &hw, err));
    cs_text text = {0};
    cs_text_addf(&text, "schema=%u\nprofile=%s\nmethod=%s %u\nparams=%s\nspace=%s %u\nhw=%s %u\n",
                 CS_SCHEMA_VERSION, job->profile_id, job->method->name,
                 (unsigned)job->method->version, job->params_id, space->name,
                 (unsigned)space->version, hw->name, (unsigned)hw->version);
    cs_text_addf(&text, "dataset=%s\nrecipe=%s\nseed=%llu\nvaried=", job->dataset_id,
                 job->recipe_id, (unsigned long long)job->seed);
    add_varied(&text, job->varied, " ");
    for (size_t i = 0; i < CS_PROFILE_LIMITS; i++)
        cs_text_addf(&text, "\n%s=%.17g", cs_limit_name(i), *cs_limit_at(&job->limits, i));
    if (text.failed)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    cs_hash_hex(cs_hash_bytes(text.data, text.len, 0), job->run_id);
    cs_text_free(&text);
    return CS_OK;
}

cs_status cs_job_init(cs_job *job, const cs_profile *profile, const cs_method *method,
                      uint64_t seed, size_t cell, const cs_dataset_info *dataset, cs_error *err)
{
    char hex[17];
    *job = (cs_job){.method = method, .seed = seed, .cell = cell, .varied = profile->varied};
    cs_profile_cell(profile, cell, &job->limits);
    cs_hash_hex(cs_profile_hash(profile), job->profile_id);
    cs_hash_hex(cs_profile_section_hash(profile, "recipe"), hex);
    snprintf(job->recipe_id, sizeof job->recipe_id, "%s-%.8s", profile->final.recipe.id, hex);
    snprintf(job->dataset_id, sizeof job->dataset_id, "%s", dataset->id);
    CS_TRY(fill_params(job, profile, err));
    return identify(job, profile, err);
}

uint64_t cs_job_root(const cs_job *job, const cs_profile *profile, unsigned root)
{
    unsigned index = 0;
    while (root >> (index + 1))
        index++;
    return cs_rng_derive_index(cs_rng_derive(profile->master_seed, cs_root_name(index)),
                               job->varied & root ? job->seed : 0);
}

cs_status cs_job_echo(const cs_job *job, cs_text *out)
{
    cs_text_addf(out,
                 "[job]\nrun_id = %s\nprofile_id = %s\nmethod = %s\nmethod_version = %u\n"
                 "seed = %llu\ncell = %zu\nvaried = %u\ndataset_id = %s\n",
                 job->run_id, job->profile_id, job->method->name, (unsigned)job->method->version,
                 (unsigned long long)job->seed, job->cell, job->varied, job->dataset_id);
    cs_text_addf(out, "\n[limits]\n");
    for (size_t i = 0; i < CS_PROFILE_LIMITS; i++) {
        cs_limits limits = job->limits;
        const double value = *cs_limit_at(&limits, i);
        if (isfinite(value))
            cs_text_addf(out, "%s = %.17g\n", cs_limit_name(i), value);
    }
    cs_text_addf(out, "\n[params]\n");
    for (size_t i = 0; i < params_count(job->method); i++)
        cs_text_addf(out, "%s = %.17g\n", job->method->params[i].name, job->param[i]);
    return out->failed ? CS_ENOMEM : CS_OK;
}

typedef struct job_reader {
    cs_job job;
    const cs_profile *profile;
    uint64_t method_version;
    char run_id[17];
} job_reader;

static cs_status on_job_key(job_reader *r, const char *key, const char *value, cs_error *err)
{
    uint64_t count = 0;
    if (strcmp(key, "run_id") == 0)
        snprintf(r->run_id, sizeof r->run_id, "%s", value);
    else if (strcmp(key, "profile_id") == 0)
        snprintf(r->job.profile_id, sizeof r->job.profile_id, "%s", value);
    else if (strcmp(key, "dataset_id") == 0)
        snprintf(r->job.dataset_id, sizeof r->job.dataset_id, "%s", value);
    else if (strcmp(key, "method") == 0)
        return cs_method_named(value, &r->job.method, err);
    else if (!cs_text_u64(value, &count))
        return cs_fail(err, CS_EFORMAT, "key '%s': '%s' is not a whole number", key, value);
    else if (strcmp(key, "method_version") == 0)
        r->method_version = count;
    else if (strcmp(key, "seed") == 0)
        r->job.seed = count;
    else if (strcmp(key, "cell") == 0)
        r->job.cell = (size_t)count;
    else if (strcmp(key, "varied") == 0)
        r->job.varied = (unsigned)count;
    return CS_OK;
}

static cs_status on_entry(void *context, const char *section, const char *key, const char *value,
                          cs_error *err)
{
    job_reader *r = context;
    double number;
    if (strcmp(section, "job") == 0)
        return on_job_key(r, key, value, err);
    if (!cs_text_double(value, &number))
        return cs_fail(err, CS_EFORMAT, "key '%s': '%s' is not a number", key, value);
    if (strcmp(section, "limits") == 0) {
        for (size_t i = 0; i < CS_PROFILE_LIMITS; i++)
            if (strcmp(key, cs_limit_name(i)) == 0)
                *cs_limit_at(&r->job.limits, i) = number;
        return CS_OK;
    }
    const cs_param *param;
    if (!r->job.method)
        return cs_fail(err, CS_EFORMAT, "parameters come before the method");
    CS_TRY(cs_param_named(r->job.method, key, &param, err));
    r->job.param[param - r->job.method->params] = number;
    return CS_OK;
}

cs_status cs_job_read(const char *path, const cs_profile *profile, cs_job *out, cs_error *err)
{
    job_reader r = {.profile = profile};
    char profile_id[17];
    r.job.limits = CS_LIMITS_NONE;
    CS_TRY(cs_ini_read(path, on_entry, &r, err));
    cs_hash_hex(cs_profile_hash(profile), profile_id);
    if (!r.job.method || r.method_version != r.job.method->version ||
        strcmp(profile_id, r.job.profile_id) != 0)
        return cs_fail(err, CS_EMISMATCH,
                       "%s: made for another profile or another version of the method; start the "
                       "campaign again with `cosearch run`",
                       path);
    memcpy(r.job.run_id, r.run_id, sizeof r.run_id);
    *out = r.job;
    return CS_OK;
}

void cs_job_columns(const cs_job *job, const cs_profile *profile, const char *campaign, cs_row *row)
{
    const cs_net_space *space = cs_net_space_find(profile->space);
    const cs_hw_model *hw = cs_hw_model_find(profile->hw);
    cs_text varied = {0};
    add_varied(&varied, job->varied, " ");
    row->failed = row->failed || varied.failed;
    cs_row_count(row, "schema", CS_SCHEMA_VERSION);
    cs_row_text(row, "run_id", job->run_id);
    cs_row_text(row, "campaign", campaign);
    cs_row_text(row, "profile", profile->name);
    cs_row_text(row, "profile_id", job->profile_id);
    cs_row_text(row, "method", job->method->name);
    cs_row_count(row, "method_version", job->method->version);
    cs_row_text(row, "params_id", job->params_id);
    cs_row_text(row, "space", profile->space);
    cs_row_text(row, "hw_model", profile->hw);
    cs_row_count(row, "space_version", space ? space->version : 0);
    cs_row_count(row, "hw_version", hw ? hw->version : 0);
    cs_row_text(row, "dataset", profile->dataset);
    cs_row_text(row, "dataset_id", job->dataset_id);
    cs_row_text(row, "source", profile->source);
    cs_row_text(row, "recipe_id", job->recipe_id);
    cs_row_count(row, "seed", job->seed);
    cs_row_text(row, "varied", varied.data);
    cs_text_free(&varied);
    for (size_t i = 0; i < CS_PROFILE_LIMITS; i++) {
        cs_limits limits = job->limits;
        const double value = *cs_limit_at(&limits, i);
        cs_row_number(row, cs_limit_name(i), value > 0.0 ? value : NAN);
    }
    cs_row_text(row, "budget_meter", cs_meter_name(profile->primary));
    cs_row_number(row, "budget_limit", profile->primary_limit);
}
