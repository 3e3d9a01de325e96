#include "run/verify.h"

#include "core/hash.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "fpga-chunk:free" -> "fpga-chunk-published:free". */
static void published_name(const char *model, char name[96])
{
    const char *colon = strchr(model, ':');
    const int n = colon ? (int)(colon - model) : (int)strlen(model);
    if (strstr(model, "-published"))
        snprintf(name, 96, "%s", model);
    else
        snprintf(name, 96, "%.*s-published%s", n, model, colon ? colon : "");
}

/* The same text under the authors' model; left empty if it does not exist or cannot express it. */
static void published(const cs_profile *profile, const cs_job *job, uint16_t classes,
                      const cs_space *space, const cs_design *design, cs_hw_report *report,
                      cs_row *row)
{
    char name[96];
    cs_space *sibling;
    published_name(profile->hw, name);
    if (!cs_hw_model_find(name) ||
        cs_space_new(profile->space, name, classes, &sibling, NULL) != CS_OK)
        return;
    if (cs_space_size(sibling) == cs_space_size(space) &&
        cs_space_check(sibling, design, NULL) == CS_OK &&
        cs_space_cost(sibling, design, &job->limits, report) == CS_OK) {
        cs_row_number(row, "published_fps", report->total.fps);
        cs_row_number(row, "published_edp_js", report->total.edp_js);
    }
    cs_space_free(sibling);
}

static void regret(const cs_space *space, const cs_job *job, const cs_design *design,
                   const cs_hw_metrics *hw, cs_row *row)
{
    cs_design best = *design;
    cs_solution solution;
    if (!cs_space_hw_model(space)->solve ||
        cs_space_solve(space, &job->limits, &best, &solution, NULL) != CS_OK || !solution.proven)
        return;
    if (solution.objective == CS_LEAST_EDP)
        cs_row_number(row, "regret_edp", hw->edp_js / solution.edp_js - 1.0);
    else
        cs_row_number(row, "regret_fps", 1.0 - hw->fps / solution.fps);
}

static void describe_network(const cs_net *net, cs_row *row)
{
    double bits = 0.0;
    int blocks = 0;
    for (size_t i = 0; i < net->n_blocks; i++)
        if (!cs_block_identity(&net->block[i])) {
            bits += net->block[i].bits;
            blocks++;
        }
    cs_row_count(row, "params_count", cs_net_params(net));
    cs_row_count(row, "net_mac", cs_net_macs(net));
    cs_row_count(row, "model_bits", cs_net_weight_bits(net));
    cs_row_number(row, "wbits_mean", blocks ? bits / blocks : NAN);
    cs_row_number(row, "abits_mean", blocks ? bits / blocks : NAN);
}

static cs_status verify(const cs_profile *profile, const cs_job *job, uint16_t classes,
                        const cs_space *space, const char *text, cs_hw_report *report, cs_row *row,
                        cs_error *err)
{
    cs_design design;
    cs_net net;
    char hex[17];
    CS_TRY(cs_design_parse(space, text, &design, err));
    cs_space_canonical(space, &design, &design);
    if (cs_space_network(space, &design, &net) != CS_OK ||
        cs_space_cost(space, &design, &job->limits, report) != CS_OK)
        return cs_fail(err, CS_EOUTSIDE, "the answer of run %s cannot be evaluated", job->run_id);
    const cs_hw_metrics hw = report->total;
    cs_row_flag(row, "feasible", hw.violated == 0);
    cs_row_number(row, "dsp", hw.dsp);
    cs_row_number(row, "bram", hw.bram);
    cs_row_number(row, "fps", hw.fps);
    cs_row_number(row, "latency_s", hw.latency_s);
    cs_row_number(row, "energy_j", hw.energy_j);
    cs_row_number(row, "edp_js", hw.edp_js);
    cs_row_number(row, "area_mm2", hw.area_mm2);
    cs_hash_hex(cs_design_hash(space, &design), hex);
    cs_row_text(row, "design_hash", hex);
    describe_network(&net, row);
    regret(space, job, &design, &hw, row);
    published(profile, job, classes, space, &design, report, row);
    return CS_OK;
}

cs_status cs_verify_answer(const cs_profile *profile, const cs_job *job, uint16_t classes,
                           const char *text, cs_row *row, cs_error *err)
{
    cs_space *space;
    CS_TRY(cs_space_new(profile->space, profile->hw, classes, &space, err));
    cs_hw_report *report = malloc(sizeof *report);
    const cs_status status = report ? verify(profile, job, classes, space, text, report, row, err)
                                    : cs_fail(err, CS_ENOMEM, "out of memory");
    free(report);
    cs_space_free(space);
    return status;
}
