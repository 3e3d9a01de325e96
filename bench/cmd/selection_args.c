#include "cmd/selection_args.h"

#include "cmd/profile_files.h"
#include "datasets/dataset_access.h"
#include "registry.h"
#include "run/durable.h"
#include <stdlib.h>
#include <string.h>

/* Looks up what a profile names, so that an unknown name is reported with its line. Lists of
 * methods have passed cs_profile_read: words separated by commas and blanks. */
static cs_status check_name(void *context, const char *section, const char *key, const char *value,
                            cs_error *err)
{
    (void)context;
    const cs_hw_model *hw;
    const cs_net_space *space;
    const cs_method *method;
    if (strcmp(section, "profile") != 0)
        return CS_OK;
    if (strcmp(key, "space") == 0)
        return cs_net_space_named(value, &space, err);
    if (strcmp(key, "hw") == 0)
        return cs_hw_model_named(value, &hw, err);
    if (strcmp(key, "dataset") == 0)
        return cs_dataset_named(value, err);
    if (strcmp(key, "methods") != 0)
        return CS_OK;
    char name[64];
    for (size_t n; *value; value += n) {
        value += strspn(value, ", \t");
        n = strcspn(value, ", \t");
        if (n == 0 || n >= sizeof name)
            break;
        memcpy(name, value, n);
        name[n] = '\0';
        CS_TRY(cs_method_named(name, &method, err));
    }
    return CS_OK;
}

cs_status cs_plan_from_args(const cs_args *args, cs_plan **out, cs_error *err)
{
    cs_selection selection = {.methods = cs_args_get(args, "methods"),
                              .seeds = cs_args_get(args, "seeds"),
                              .cells = cs_args_get(args, "cells"),
                              .vary = cs_args_get(args, "vary")};
    char path[CS_PATH_MAX];
    size_t position = 0;
    const char *shard = cs_args_get(args, "shard"), *assignment;
    if (shard)
        CS_TRY(cs_shard_parse(shard, &selection, err));
    CS_TRY(cs_profile_files_find(cs_args_at(args, 0), path, sizeof path, err));
    cs_profile *profile = malloc(sizeof *profile);
    if (!profile)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    cs_status status = cs_profile_read(path, profile, err);
    if (status == CS_EIO)
        status = CS_EUSAGE; /* a profile that is not there is a mistyped one */
    if (status == CS_OK)
        status = cs_ini_read(path, check_name, NULL, err);
    while (status == CS_OK && (assignment = cs_args_each(args, "set", &position)) != NULL)
        status = cs_profile_set(profile, assignment, err);
    if (status == CS_OK)
        status = cs_plan_new(profile, &selection, cs_data_dir(), out, err);
    free(profile);
    return status;
}

/* Quoted for a shell where it has to be. */
static void add_word(cs_text *out, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./%@";
    if (*word && word[strspn(word, plain)] == '\0') {
        cs_text_addf(out, "%s", word);
        return;
    }
    cs_text_addf(out, "'");
    for (; *word; word++)
        cs_text_addf(out, *word == '\'' ? "'\\''" : "%c", *word);
    cs_text_addf(out, "'");
}

void cs_command_from_args(const cs_args *args, const char *command, cs_text *out)
{
    size_t position = 0;
    const char *assignment;
    cs_text_addf(out, "cosearch --results ");
    add_word(out, cs_args_globals(args)->results);
    cs_text_addf(out, " %s ", command);
    add_word(out, cs_args_at(args, 0));
    while ((assignment = cs_args_each(args, "set", &position)) != NULL) {
        cs_text_addf(out, " --set ");
        add_word(out, assignment);
    }
    if (cs_args_get(args, "vary")) {
        cs_text_addf(out, " --vary ");
        add_word(out, cs_args_get(args, "vary"));
    }
}
