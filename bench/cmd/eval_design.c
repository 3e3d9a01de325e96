#include "cmd/eval_design.h"

#include "registry.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The text with its platform field replaced. */
static cs_status with_platform(const char *text, const char *hw, char out[CS_DESIGN_TEXT_MAX],
                               cs_error *err)
{
    const char *first = strchr(text, '|'), *second = first ? strchr(first + 1, '|') : NULL;
    const int n = second ? snprintf(out, CS_DESIGN_TEXT_MAX, "%.*s|%s%s", (int)(first - text), text,
                                    hw, second)
                         : -1;
    return n >= 0 && n < CS_DESIGN_TEXT_MAX
               ? CS_OK
               : cs_fail(err, CS_EFORMAT, "design text: too long, or not five fields");
}

static bool same_decisions(const cs_space *a, const cs_space *b)
{
    bool same = cs_space_size(a) == cs_space_size(b);
    for (size_t i = 0; same && i < cs_space_size(a); i++) {
        const cs_decision *x = cs_space_decision(a, i), *y = cs_space_decision(b, i);
        same = strcmp(x->name, y->name) == 0 && x->n_choices == y->n_choices &&
               memcmp(x->value, y->value, x->n_choices * sizeof *x->value) == 0;
    }
    return same;
}

/* A text whose platform has the same decisions as that of `space`, read as what it is: one platform
 * may leave open ('-') what the other needs. */
static bool read_sibling(const cs_space *space, const char *text, cs_design *design)
{
    char name[64], hw[64];
    cs_space *own;
    if (cs_design_names(text, name, hw, NULL) != CS_OK ||
        cs_space_new(name, hw, cs_space_hw_context(space)->classes, &own, NULL) != CS_OK)
        return false;
    const bool ok = same_decisions(own, space) &&
                    cs_design_parse(own, text, design, NULL) == CS_OK &&
                    cs_space_check(space, design, NULL) == CS_OK;
    cs_space_free(own);
    return ok;
}

/* Cost of the text's own accelerator on a platform. */
static cs_status given_cost(const cs_space *space, const char *text, const cs_limits *limits,
                            cs_design *design, cs_hw_report *report, cs_error *err)
{
    char renamed[CS_DESIGN_TEXT_MAX];
    CS_TRY(with_platform(text, cs_space_hw_model(space)->name, renamed, err));
    if (!read_sibling(space, text, design))
        CS_TRY(cs_design_parse(space, renamed, design, err));
    const cs_status status = cs_space_cost(space, design, limits, report);
    return status == CS_OK ? CS_OK
                           : cs_fail(err, status, "platform %s cannot cost this design: %s",
                                     cs_space_hw_model(space)->name, cs_status_text(status));
}

/* "fpga-chunk:free" to "fpga-chunk-published:free"; NULL if there is no such model. */
static const cs_hw_model *published_model(const cs_hw_model *model)
{
    char name[64];
    const size_t n = strcspn(model->name, ":");
    snprintf(name, sizeof name, "%.*s-published%s", (int)n, model->name, model->name + n);
    return cs_hw_model_find(name);
}

/* The design under the published model; NaN where it cannot express the design. */
static void add_published(eval_result *result, uint16_t classes)
{
    const cs_hw_model *model = published_model(cs_space_hw_model(result->space));
    cs_space *space;
    cs_hw_report report;
    result->published_fps = result->published_edp_js = (double)NAN;
    if (!model || cs_space_new(cs_space_net_space(result->space)->name, model->name, classes,
                               &space, NULL) != CS_OK)
        return;
    if (cs_space_check(space, &result->design, NULL) == CS_OK &&
        cs_space_cost(space, &result->design, NULL, &report) == CS_OK) {
        result->published_fps = report.total.fps;
        result->published_edp_js = report.total.edp_js;
    }
    cs_space_free(space);
}

static cs_status solve(const eval_request *request, const char *text, eval_result *out,
                       cs_error *err)
{
    cs_hw_report given;
    cs_design design;
    out->solved = true;
    out->given_fps = out->given_edp_js = (double)NAN;
    if (given_cost(out->space, text, &request->limits, &design, &given, NULL) == CS_OK) {
        out->given_fps = given.total.fps;
        out->given_edp_js = given.total.edp_js;
    }
    CS_TRY(cs_design_parse_network(out->space, text, &out->design, err));
    CS_TRY(cs_space_solve(out->space, &request->limits, &out->design, &out->solution, err));
    const cs_status status =
        cs_space_cost(out->space, &out->design, &request->limits, &out->report);
    return status == CS_OK ? CS_OK
                           : cs_fail(err, status, "the solved design cannot be costed: %s",
                                     cs_status_text(status));
}

cs_status eval_design(const eval_request *request, const char *text, eval_result *out,
                      cs_error *err)
{
    char space[64], hw[64];
    const cs_net_space *net_space;
    const cs_hw_model *model;
    memset(out, 0, sizeof *out);
    CS_TRY(cs_design_names(text, space, hw, err));
    CS_TRY(cs_net_space_named(space, &net_space, err));
    CS_TRY(cs_hw_model_named(request->hw ? request->hw : hw, &model, err));
    uint16_t classes = request->classes;
    if (classes == 0 && request->trainer)
        classes = eval_trainer_classes(request->trainer);
    else if (classes == 0)
        classes = net_space->input_size >= 224 ? 1000 : 10;
    CS_TRY(cs_space_new(space, model->name, classes, &out->space, err));
    const char *accelerator = strrchr(text, '|') + 1; /* five fields: cs_design_names saw to it */
    if (request->solve)
        CS_TRY(solve(request, text, out, err));
    else if (accelerator[strspn(accelerator, " \t\r")] == '\0')
        return cs_fail(err, CS_EUSAGE,
                       "the design text names no accelerator (its last field is empty); --solve "
                       "computes the best one");
    else
        CS_TRY(given_cost(out->space, text, &request->limits, &out->design, &out->report, err));
    CS_TRY(cs_design_format(out->space, &out->design, out->text, sizeof out->text));
    out->hash = cs_design_hash(out->space, &out->design);
    add_published(out, classes);
    CS_TRY(cs_space_network(out->space, &out->design, &out->net));
    if (!request->trainer)
        return CS_OK;
    CS_TRY(eval_train(request->trainer, &out->net, &out->accuracy, err));
    out->trained = true;
    out->accuracy_label = eval_trainer_label(request->trainer);
    return CS_OK;
}

void eval_result_free(eval_result *result)
{
    cs_space_free(result->space);
    result->space = NULL;
}
