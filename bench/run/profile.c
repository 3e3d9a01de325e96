/* Profile files; the only file with ini.h. */
#include "run/profile_keys.h"

#include "core/hash.h"
#include "cosearch/method.h"
#include <ini.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_LENGTH_MAX 190 /* of inih's line buffer, 200 */

typedef struct reader {
    cs_ini_handler handler;
    void *context;
    cs_error first; /* sentence of the first refusal */
    cs_status status;
} reader;

static int on_line(void *user, const char *section, const char *key, const char *value)
{
    reader *r = user;
    if (r->status != CS_OK)
        return 1; /* inih goes on after an error; only the first one counts */
    r->status = r->handler(r->context, section, key, value, &r->first);
    return r->status == CS_OK;
}

static size_t first_long_line(const char *text)
{
    for (size_t line = 1; *text; line++) {
        const size_t n = strcspn(text, "\n");
        if (n > LINE_LENGTH_MAX)
            return line;
        text += n + (text[n] == '\n');
    }
    return 0;
}

cs_status cs_ini_read(const char *path, cs_ini_handler handler, void *context, cs_error *err)
{
    char *text;
    CS_TRY(cs_text_read_file(path, &text, NULL, err));
    const size_t too_long = first_long_line(text);
    if (too_long) {
        free(text);
        return cs_fail(err, CS_EUSAGE, "%s:%zu: line is longer than %d characters", path, too_long,
                       LINE_LENGTH_MAX);
    }
    reader r = {.handler = handler, .context = context};
    const int line = ini_parse_string(text, on_line, &r);
    free(text);
    if (r.status != CS_OK)
        return cs_fail(err, r.status, "%s:%d: %s", path, line, r.first.text);
    if (line != 0)
        return cs_fail(err, CS_EUSAGE, "%s:%d: neither [section] nor key = value", path, line);
    return CS_OK;
}

static void init_training(cs_training *t, uint32_t epochs)
{
    *t = (cs_training){.subset = 1.0, .val_subset = 1.0};
    t->on = epochs > 0;
    t->recipe = (cs_recipe){
        .epochs = epochs, .batch = 64, .lr = 0.1, .momentum = 0.9, .weight_decay = 5e-4};
    snprintf(t->recipe.id, sizeof t->recipe.id, "default");
}

void cs_profile_init(cs_profile *p)
{
    *p = (cs_profile){0};
    snprintf(p->source, sizeof p->source, "train");
    snprintf(p->blas_core, sizeof p->blas_core, "auto");
    snprintf(p->isa, sizeof p->isa, "auto");
    p->varied = CS_ROOT_METHOD | CS_ROOT_ORDER | CS_ROOT_INIT | CS_ROOT_EVAL | CS_ROOT_RETRAIN;
    p->val_fraction = 0.2;
    for (cs_meter m = 0; m < CS_METER_COUNT; m++)
        p->cap[m] = INFINITY;
    p->peak_kib = INFINITY;
    p->finish_hw_queries = 1000;
    p->threads = 1;
    p->checkpoint_s = 60.0;
    for (int f = 0; f < CS_FID_COUNT; f++)
        init_training(&p->fidelity[f], 0);
    init_training(&p->final, 10);
    p->retrains = 1;
    cs_training like;
    init_training(&like, 1);
    p->supernet = (cs_supernet_plan){.share = 0.5,
                                     .warmup = 0.5,
                                     .recipe = like.recipe,
                                     .recalibrate = 4,
                                     .subset = 1.0,
                                     .val_subset = 1.0};
    p->supernet.recipe.batch = 32;
    p->supernet.recipe.lr = 0.05;
    p->supernet.recipe.clip_norm = 5.0;
    p->supernet.recipe.augment = true;
}

static cs_status unknown_key(const char *section, const char *name, cs_error *err)
{
    const char *keys[160], *sections[160];
    size_t n_keys = 0, n_sections = 0;
    for (size_t i = 0; i < n_profile_keys; i++) {
        if (strcmp(profile_keys[i].section, section) == 0)
            keys[n_keys++] = profile_keys[i].name;
        if (i == 0 || strcmp(profile_keys[i].section, profile_keys[i - 1].section) != 0)
            sections[n_sections++] = profile_keys[i].section;
    }
    keys[n_keys] = sections[n_sections] = NULL;
    const char *nearest = n_keys ? cs_text_nearest(name, keys) : cs_text_nearest(section, sections);
    if (n_keys)
        return cs_fail(err, CS_EUSAGE, "unknown key '%s' in [%s]%s%s%s", name, section,
                       nearest ? " (did you mean '" : "", nearest ? nearest : "",
                       nearest ? "'?)" : "");
    return cs_fail(err, CS_EUSAGE, "unknown section [%s]%s%s%s", section,
                   nearest ? " (did you mean [" : "", nearest ? nearest : "", nearest ? "]?)" : "");
}

/* The labels of a parameter, NULL if it or its method is not known or has none. */
static const char *const *labels_of(const char *method, const char *name)
{
    const cs_method *m = cs_method_find(method);
    for (const cs_param *q = m ? m->params : NULL; q && q->name; q++)
        if (strcmp(q->name, name) == 0)
            return q->labels;
    return NULL;
}

/* A number, or one of the names the method declares for the values 0, 1, ... */
static cs_status read_param(const char *method, const char *name, const char *value, double *out,
                            cs_error *err)
{
    const char *const *labels = labels_of(method, name);
    char list[160] = "";
    for (size_t i = 0, at = 0; labels && labels[i]; i++) {
        if (strcmp(labels[i], value) == 0) {
            *out = (double)i;
            return CS_OK;
        }
        if (at < sizeof list)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", labels[i]);
    }
    const bool number = cs_text_double(value, out);
    if (labels && !(number && floor(*out) == *out))
        return cs_fail(err, CS_EUSAGE, "parameter %s.%s: '%s' is none of %s", method, name, value,
                       list);
    if (!number)
        return cs_fail(err, CS_EUSAGE, "parameter %s.%s: '%s' is not a number", method, name,
                       value);
    return CS_OK;
}

static cs_status set_param(cs_profile *p, const char *method, const char *name, const char *value,
                           cs_error *err)
{
    cs_param_setting setting = {.value = NAN};
    if (strlen(method) >= sizeof setting.method || strlen(name) >= sizeof setting.name)
        return cs_fail(err, CS_EUSAGE, "parameter %s.%s has too long a name", method, name);
    snprintf(setting.method, sizeof setting.method, "%s", method);
    snprintf(setting.name, sizeof setting.name, "%s", name);
    CS_TRY(read_param(method, name, value, &setting.value, err));
    for (size_t i = 0; i < p->n_params; i++)
        if (strcmp(p->param[i].method, method) == 0 && strcmp(p->param[i].name, name) == 0) {
            p->param[i] = setting;
            return CS_OK;
        }
    if (p->n_params == CS_PROFILE_PARAMS_MAX)
        return cs_fail(err, CS_EUSAGE, "more than %d method parameters", CS_PROFILE_PARAMS_MAX);
    p->param[p->n_params++] = setting;
    return CS_OK;
}

static const profile_key *find_key(const char *section, const char *name)
{
    for (size_t i = 0; i < n_profile_keys; i++)
        if (strcmp(profile_keys[i].section, section) == 0 &&
            strcmp(profile_keys[i].name, name) == 0)
            return &profile_keys[i];
    return NULL;
}

static cs_status set_key(cs_profile *p, const profile_key *key, const char *value, cs_error *err)
{
    cs_error detail = {""};
    if (profile_key_read(key, value, p, &detail) == CS_OK)
        return CS_OK;
    return cs_fail(err, CS_EUSAGE, "[%s] %s: %.900s", key->section, key->name, detail.text);
}

static cs_status on_key(void *context, const char *section, const char *name, const char *value,
                        cs_error *err)
{
    cs_profile *p = context;
    if (strncmp(section, "method.", 7) == 0)
        return set_param(p, section + 7, name, value, err);
    const profile_key *key = find_key(section, name);
    if (!key)
        return unknown_key(section, name, err);
    bool *seen = &p->seen[key - profile_keys];
    if (*seen)
        return cs_fail(err, CS_EUSAGE, "key '%s' in [%s] is given a second time", name, section);
    *seen = true;
    return set_key(p, key, value, err);
}

static cs_status complete(const cs_profile *p, const char *path, cs_error *err)
{
    bool priced = strcmp(p->source, "supernet") == 0; /* prices its own */
    for (size_t i = 0; i < n_profile_keys; i++)
        if (profile_keys[i].required && !p->seen[i])
            return cs_fail(err, CS_EUSAGE, "%s: key '%s' in [%s] is missing", path,
                           profile_keys[i].name, profile_keys[i].section);
    for (int f = 0; f < CS_FID_COUNT; f++)
        priced = priced || p->fidelity[f].on;
    if (!priced)
        return cs_fail(err, CS_EUSAGE,
                       "%s: no fidelity is priced: give epochs in [fidelity.proxy], "
                       "[fidelity.short] or [fidelity.full]",
                       path);
    if (!p->final.on)
        return cs_fail(err, CS_EUSAGE, "%s: [recipe] epochs cannot be off", path);
    return CS_OK;
}

cs_status cs_profile_read(const char *path, cs_profile *out, cs_error *err)
{
    cs_profile *p = malloc(sizeof *p);
    if (!p)
        return cs_fail(err, CS_ENOMEM, "%s: out of memory", path);
    cs_profile_init(p);
    cs_status status = cs_ini_read(path, on_key, p, err);
    if (status == CS_OK)
        status = complete(p, path, err);
    if (status == CS_OK)
        *out = *p;
    free(p);
    return status;
}

cs_status cs_profile_set(cs_profile *p, const char *assignment, cs_error *err)
{
    char left[128];
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment || (size_t)(equals - assignment) >= sizeof left)
        return cs_fail(err, CS_EUSAGE, "--set %s: expected KEY=VALUE", assignment);
    memcpy(left, assignment, (size_t)(equals - assignment));
    left[equals - assignment] = '\0';
    char *dot = strrchr(left, '.');
    if (dot)
        *dot = '\0';
    const char *section = dot ? left : "profile", *name = dot ? dot + 1 : left;
    const profile_key *key = find_key(section, name);
    bool param = false;
    for (size_t i = 0; i < p->n_methods; i++)
        param = param || strcmp(section, p->method[i]) == 0;
    if (strncmp(section, "method.", 7) == 0) {
        param = true;
        section += 7;
    }
    cs_error detail = {""};
    const cs_status status = param ? set_param(p, section, name, equals + 1, &detail)
                             : key ? set_key(p, key, equals + 1, &detail)
                                   : unknown_key(section, name, &detail);
    if (status != CS_OK)
        return cs_fail(err, status, "--set %.100s: %.900s", assignment, detail.text);
    if (key && key->role == ROLE_FREE)
        return CS_OK;
    const size_t used = strlen(p->overridden), room = sizeof p->overridden - used;
    if ((size_t)snprintf(p->overridden + used, room, "%s%s.%s", used ? " " : "", section, name) >=
        room)
        return cs_fail(err, CS_EUSAGE, "--set: too many keys are overridden; write a profile");
    if (!strstr(p->name, "+custom") && strlen(p->name) + 8 < sizeof p->name)
        strcat(p->name, "+custom");
    return CS_OK;
}

cs_status cs_profile_echo(const cs_profile *p, cs_text *out)
{
    for (size_t i = 0; i < n_profile_keys; i++) {
        const profile_key *key = &profile_keys[i];
        if (i == 0 || strcmp(key->section, profile_keys[i - 1].section) != 0)
            cs_text_addf(out, "%s[%s]\n", i ? "\n" : "", key->section);
        cs_text_addf(out, "%s = ", key->name);
        profile_key_write(key, p, out);
        cs_text_addf(out, "\n");
    }
    for (size_t i = 0; i < p->n_params; i++)
        cs_text_addf(out, "\n[method.%s]\n%s = %.17g\n", p->param[i].method, p->param[i].name,
                     p->param[i].value);
    return out->failed ? CS_ENOMEM : CS_OK;
}

static uint64_t hash_keys(const cs_profile *p, const char *section)
{
    cs_text text = {0};
    const bool supernet = strcmp(p->source, "supernet") == 0;
    for (size_t i = 0; i < n_profile_keys; i++)
        if (profile_keys[i].role == ROLE_FIXED &&
            (section ? strcmp(profile_keys[i].section, section) == 0
                     : supernet || strcmp(profile_keys[i].section, "supernet") != 0)) {
            cs_text_addf(&text, "%s.%s=", profile_keys[i].section, profile_keys[i].name);
            profile_key_write(&profile_keys[i], p, &text);
            cs_text_addf(&text, "\n");
        }
    const uint64_t hash = text.failed ? 0 : cs_hash_bytes(text.data, text.len, 0);
    cs_text_free(&text);
    return hash;
}

uint64_t cs_profile_hash(const cs_profile *p)
{
    return hash_keys(p, NULL);
}

uint64_t cs_profile_section_hash(const cs_profile *p, const char *section)
{
    return hash_keys(p, section);
}

const char *cs_profile_difference(const cs_profile *a, const cs_profile *b, cs_text *values)
{
    for (size_t i = 0; i < n_profile_keys; i++) {
        const profile_key *key = &profile_keys[i];
        if (key->role != ROLE_FIXED)
            continue;
        cs_text va = {0}, vb = {0};
        profile_key_write(key, a, &va);
        profile_key_write(key, b, &vb);
        const bool equal = va.len == vb.len && (va.len == 0 || strcmp(va.data, vb.data) == 0);
        if (!equal)
            cs_text_addf(values, "[%s] %s: '%s' against '%s'", key->section, key->name,
                         va.data ? va.data : "", vb.data ? vb.data : "");
        cs_text_free(&va);
        cs_text_free(&vb);
        if (!equal)
            return key->name;
    }
    return NULL;
}

/* ---- cells ---- */

const char *cs_limit_name(size_t i)
{
    return cs_violated_names[i];
}

double *cs_limit_at(cs_limits *l, size_t i)
{
    double *const field[CS_PROFILE_LIMITS] = {&l->dsp_max,     &l->bram_max,      &l->fps_min,
                                              &l->edp_max_js,  &l->latency_max_s, &l->energy_max_j,
                                              &l->area_max_mm2};
    return field[i];
}

size_t cs_profile_cells(const cs_profile *p)
{
    size_t cells = 1;
    for (size_t i = 0; i < CS_PROFILE_LIMITS; i++)
        cells *= p->n_limit[i] ? p->n_limit[i] : 1;
    return cells;
}

void cs_profile_cell(const cs_profile *p, size_t cell, cs_limits *out)
{
    *out = CS_LIMITS_NONE;
    for (size_t i = CS_PROFILE_LIMITS; i-- > 0;)
        if (p->n_limit[i]) {
            *cs_limit_at(out, i) = p->limit[i][cell % p->n_limit[i]];
            cell /= p->n_limit[i];
        }
}
