/* Loop-nest cases of the Timeloop files: a row of a summary as layer, accelerator and mapping, and
 * the rows of the access file that belong to it. */
#ifndef CS_VALIDATE_NEST_CASE_H
#define CS_VALIDATE_NEST_CASE_H

#include "cosearch/loopnest.h"
#include "validate.h"

typedef struct nest_case {
    const char *name; /* borrowed from the summary */
    cs_nest_layer layer;
    cs_nest_arch arch;
    cs_nest_mapping mapping;
    double cycles, energy_uj; /* theirs */
} nest_case;

/* A row of timeloop_run_summary.csv or timeloop_run_depthwise_summary.csv: three levels. */
cs_status nest_case_run(const cs_csv *csv, size_t row, nest_case *out, cs_error *err);
/* A row of timeloop_ref_summary.csv: levels as its mapping column says. */
cs_status nest_case_ref(const cs_csv *csv, size_t row, nest_case *out, cs_error *err);

/* Index of a level by name or of a tensor by "Weights", "Inputs", "Outputs"; -1 if unknown. */
int nest_case_level(const nest_case *c, const char *name);
int nest_case_tensor(const char *name);

#endif
