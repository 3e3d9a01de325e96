/* What `run` and `plan` share: the profile, overrides and the selection of runs. */
#ifndef CS_SELECTION_ARGS_H
#define CS_SELECTION_ARGS_H

#include "cli.h"
#include "run/plan.h"

#define CS_SELECTION_OPTIONS                                                                       \
    {"methods", 0, "LIST", "only these methods of the profile", NULL},                             \
        {"seeds", 0, "LIST", "other seeds than the profile's, such as 0-3,7", NULL},               \
        {"cells", 0, "LIST", "only these cells of limits, counted from 0", NULL},                  \
        {"vary", 0, "ROOTS", "seed roots that follow the seed, such as method,eval", NULL},        \
        {"shard", 0, "I/N", "every N-th run of the plan, beginning with the I-th", NULL},          \
    {                                                                                              \
        "set", 0, "KEY=VALUE",                                                                     \
            "override a key of the profile or METHOD.PARAMETER; may be repeated", NULL             \
    }

/* Reads the profile (a path, or the name of one in bench/profiles), applies --set, and plans.
 * Caller frees with cs_plan_free. */
cs_status cs_plan_from_args(const cs_args *args, cs_plan **out, cs_error *err);

/* The command line as it has to be typed again, without the selection of single runs:
 * "cosearch --results R run PROFILE --set ...". */
void cs_command_from_args(const cs_args *args, const char *command, cs_text *out);

#endif
