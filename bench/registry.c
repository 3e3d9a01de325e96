/* Expands methods/methods.def and finds registered things by name. */
#include "registry.h"

#include "cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CS_METHOD(m) extern const cs_method cs_method_##m;
#include "methods/methods.def"
#undef CS_METHOD

const cs_method *const cs_methods[] = {
#define CS_METHOD(m) &cs_method_##m,
#include "methods/methods.def"
#undef CS_METHOD
    NULL};

#define NAMES_MAX 64 /* registered things of one kind, for suggestions */

const cs_method *cs_method_find(const char *name)
{
    for (size_t i = 0; cs_methods[i]; i++)
        if (strcmp(cs_methods[i]->name, name) == 0)
            return cs_methods[i];
    return NULL;
}

size_t cs_method_rank(const char *name)
{
    size_t i = 0;
    while (cs_methods[i] && strcmp(cs_methods[i]->name, name) != 0)
        i++;
    return i;
}

cs_status cs_method_named(const char *name, const cs_method **out, cs_error *err)
{
    const char *names[NAMES_MAX + 1] = {0};
    const cs_method *method = cs_method_find(name);
    if (method) {
        *out = method;
        return CS_OK;
    }
    for (size_t i = 0; cs_methods[i] && i < NAMES_MAX; i++)
        names[i] = cs_methods[i]->name;
    return cs_fail_unknown(err, "method", name, names, "cosearch list methods");
}

cs_status cs_hw_model_named(const char *name, const cs_hw_model **out, cs_error *err)
{
    const char *names[NAMES_MAX + 1] = {0};
    const cs_hw_model *model = cs_hw_model_find(name);
    if (model) {
        *out = model;
        return CS_OK;
    }
    for (size_t i = 0; cs_hw_models[i] && i < NAMES_MAX; i++)
        names[i] = cs_hw_models[i]->name;
    return cs_fail_unknown(err, "platform", name, names, "cosearch list hw");
}

cs_status cs_net_space_named(const char *name, const cs_net_space **out, cs_error *err)
{
    const char *names[NAMES_MAX + 1] = {0};
    const cs_net_space *space = cs_net_space_find(name);
    if (space) {
        *out = space;
        return CS_OK;
    }
    for (size_t i = 0; cs_net_spaces[i] && i < NAMES_MAX; i++)
        names[i] = cs_net_spaces[i]->name;
    return cs_fail_unknown(err, "space", name, names, "cosearch list spaces");
}

cs_status cs_param_named(const cs_method *method, const char *name, const cs_param **out,
                         cs_error *err)
{
    const char *names[NAMES_MAX + 1] = {0};
    char list[96];
    for (const cs_param *p = method->params; p && p->name; p++) {
        if (strcmp(p->name, name) == 0) {
            *out = p;
            return CS_OK;
        }
        if (p - method->params < NAMES_MAX)
            names[p - method->params] = p->name;
    }
    snprintf(list, sizeof list, "cosearch list methods %s", method->name);
    return cs_fail_unknown(err, "parameter", name, names, list);
}

const char *cs_data_dir(void)
{
    const char *dir = getenv("COSEARCH_DATA");
    return dir && *dir ? dir : "data";
}
