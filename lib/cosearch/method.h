/* The plug-in table of a search method: one folder methods/NAME, one line in methods.def. */
#ifndef CS_METHOD_H
#define CS_METHOD_H

#include "cosearch/task.h"

#define CS_METHOD_ABI 1u

/* A declared hyper-parameter. Set with `--set METHOD.NAME=VALUE` or in a profile's
 * [method.NAME] section; changing one changes the run's params_id. */
typedef struct cs_param {
    const char *name;
    double def, lo, hi;
    const char *source;        /* "paper ...", "authors' code ...", "ours: why" */
    const char *const *labels; /* NULL, or names of the values lo..hi (lo = 0), NULL-ended */
} cs_param;

enum {
    CS_TRAIT_ANYTIME = 1u << 0,  /* offers improve along the way */
    CS_TRAIT_BUDGETED = 1u << 1, /* schedule depends on the total budget */
    CS_TRAIT_SUPERNET = 1u << 2, /* trains shared weights */
    CS_TRAIT_RESUMABLE = 1u << 3 /* save and load are given */
};

typedef struct cs_method {
    uint32_t abi, version, traits; /* bump version when results may move */
    const char *name;              /* folder name */
    const char *cite;              /* key in docs/references.bib */
    const char *summary;           /* one line for `cosearch list methods` */
    const cs_param *params;        /* ends with name == NULL */

    cs_status (*open)(cs_task *task, void **state);
    cs_status (*step)(cs_task *task, void *state); /* ONE bounded unit of search */
    /* Derives the answer; may be NULL. Runs after the budget is spent, with a small allowance of
     * cost-model queries (profile key finish_hw_queries) and no evaluations. */
    cs_status (*finish)(cs_task *task, void *state);
    void (*close)(void *state);                                        /* accepts NULL */
    cs_status (*save)(const void *state, cs_sink *sink);               /* or NULL */
    cs_status (*load)(cs_task *task, cs_source *source, void **state); /* or NULL */
} cs_method;

extern const cs_method *const cs_methods[]; /* ends with NULL */
const cs_method *cs_method_find(const char *name);

#endif
