/* What `cosearch eval` computes for one design text, and how it shows it. */
#ifndef CS_EVAL_DESIGN_H
#define CS_EVAL_DESIGN_H

#include "cli.h"
#include "cmd/eval_accuracy.h"
#include "cosearch/space.h"

typedef struct eval_request {
    const char *hw;   /* platform instead of the text's, or NULL              */
    uint16_t classes; /* 0: 10, or 1000 for a space of 224 pixels             */
    cs_limits limits;
    eval_trainer *trainer; /* borrowed; NULL: no accuracy wanted          */
    bool solve;            /* replace the accelerator by the provably best one     */
} eval_request;

typedef struct eval_result {
    cs_space *space; /* owned: eval_result_free */
    cs_design design;
    char text[CS_DESIGN_TEXT_MAX];
    uint64_t hash;
    cs_net net;
    cs_hw_report report;
    double published_fps, published_edp_js; /* under the authors' published model; NaN: none, or it
                                               is the platform */
    bool solved;                            /* the next three are set */
    cs_solution solution;
    double given_fps, given_edp_js; /* of the accelerator in the text; NaN if it names none */
    bool trained;                   /* accuracy is set */
    eval_accuracy accuracy;
    const char *accuracy_label; /* borrowed from the trainer */
} eval_result;

/* CS_EFORMAT, CS_EOUTSIDE, CS_EUSAGE: the text or a name is wrong; CS_EINFEASIBLE: no accelerator
 * meets the limits of the solver. *out is cleared first, so that it can always be freed. */
cs_status eval_design(const eval_request *request, const char *text, eval_result *out,
                      cs_error *err);
void eval_result_free(eval_result *result);

/* Tables of one command: a breakdown per design as it comes, CSV at the end. */
typedef struct eval_output eval_output;
cs_status eval_output_new(const cs_args *args, const cs_limits *limits, eval_output **out,
                          cs_error *err);
cs_status eval_output_add(eval_output *output, const eval_result *result, cs_error *err);
cs_status eval_output_end(eval_output *output, cs_error *err);
void eval_output_free(eval_output *output);

#endif
