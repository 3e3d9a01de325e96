/* The columns of every result file. Order here is order in the file. */
#include "run/schema.h"

#define TEXT CS_COLUMN_TEXT
#define COUNT CS_COLUMN_COUNT
#define NUMBER CS_COLUMN_NUMBER
#define EXACT CS_COLUMN_EXACT
#define FLAG CS_COLUMN_FLAG
#define SAME true
#define VARIES false

/* clang-format off */
static const cs_column results[] = {
    {"schema", COUNT, "", 1, SAME, "number of this schema"},
    {"run_id", TEXT, "", 1, SAME, "64-bit hash of everything that decides the outcome: profile, method with version and parameters, space, cost model, data, limits, seed, recipe"},
    {"campaign", TEXT, "", 1, SAME, "folder under the results folder"},
    {"profile", TEXT, "", 1, SAME, "name in the profile; `+custom` if a fixed key was overridden"},
    {"profile_id", TEXT, "", 1, SAME, "hash of the profile's fixed keys"},
    {"method", TEXT, "", 1, SAME, "search method"},
    {"method_version", COUNT, "", 1, SAME, "raised when a method's results may move"},
    {"params_id", TEXT, "", 1, SAME, "hash of the method's parameter values"},
    {"space", TEXT, "", 1, SAME, "network space"},
    {"space_version", COUNT, "", 1, SAME, "raised when the meaning of the space's designs moves"},
    {"hw_model", TEXT, "", 1, SAME, "cost model the limits refer to"},
    {"hw_version", COUNT, "", 1, SAME, "raised when any number of the model may move"},
    {"dataset", TEXT, "", 1, SAME, "data set"},
    {"dataset_id", TEXT, "", 1, SAME, "name, record counts and content hash of the data set"},
    {"source", TEXT, "", 1, SAME, "where validation accuracies come from: train, table, supernet, surrogate"},
    {"recipe_id", TEXT, "", 1, SAME, "name and hash of the recipe of the final phase"},
    {"seed", COUNT, "", 1, SAME, "seed of the run"},
    {"varied", TEXT, "", 1, SAME, "seed roots that follow the seed; the others stay at seed 0"},

    {"dsp_max", EXACT, "slices", 1, SAME, "limit; empty: none"},
    {"bram_max", EXACT, "18-Kbit blocks", 1, SAME, "limit; empty: none"},
    {"fps_min", EXACT, "1/s", 1, SAME, "limit; empty: none"},
    {"edp_max_js", EXACT, "J s", 1, SAME, "limit; empty: none"},
    {"latency_max_s", EXACT, "s", 1, SAME, "limit; empty: none"},
    {"energy_max_j", EXACT, "J", 1, SAME, "limit; empty: none"},
    {"area_max_mm2", EXACT, "mm2", 1, SAME, "limit; empty: none"},

    {"budget_meter", TEXT, "", 1, SAME, "meter of the primary budget"},
    {"budget_limit", NUMBER, "", 1, SAME, "what the search was allowed to spend on that meter"},
    {"budget_used", NUMBER, "", 1, SAME, "what it spent; empty if the worker was killed before it could tell"},
    {"overrun", NUMBER, "", 1, SAME, "spent beyond the limit, as a fraction of it; 0 if none; empty as budget_used"},

    {"status", TEXT, "", 1, SAME, "ok: budget spent or method done, answer retrained; stopped: ended by a cap, answer retrained; no_feasible: no offered design met the limits; killed_wall, killed_cpu, oom_cap: the harness ended the worker at a cap; oom_kernel: SIGKILL from outside; crashed: other signal; method_error: the method broke its contract; harness_error: a fault of the harness"},
    {"stop_reason", TEXT, "", 1, SAME, "why the search ended: budget, cap METER, converged, infeasible, terminated, method error; empty if the worker died"},
    {"exit_code", COUNT, "", 1, SAME, "of the worker that decided the status; empty if a signal ended it"},
    {"signal", COUNT, "", 1, SAME, "that ended the worker; empty: none"},
    {"attempts", COUNT, "", 1, VARIES, "times a worker was started for the search"},
    {"tainted", TEXT, "", 1, VARIES, "why the row is not comparable: overridden keys, other BLAS kernel than asked for, shared cores, uncommitted source; empty: clean"},

    {"steps", COUNT, "", 1, SAME, "steps of the method; empty if the worker died"},
    {"evals_proxy", COUNT, "", 1, SAME, "evaluations at fidelity proxy; empty if the worker died"},
    {"evals_short", COUNT, "", 1, SAME, "evaluations at fidelity short; empty if the worker died"},
    {"evals_full", COUNT, "", 1, SAME, "evaluations at fidelity full; empty if the worker died"},
    {"hw_queries", COUNT, "", 1, SAME, "cost-model queries, those of the finish allowance included; empty if the worker died"},
    {"samples", COUNT, "", 1, SAME, "training images a method drew for itself (weight sharing); empty if the worker died"},
    {"search_mac", COUNT, "MAC", 1, SAME, "multiply-accumulates of the search, forward and backward; empty if the worker died"},
    {"offers", COUNT, "", 1, SAME, "designs offered as an answer; empty if the worker died"},
    {"offers_feasible", COUNT, "", 1, SAME, "of these, designs within every limit; empty if the worker died"},
    {"first_feasible_mac", NUMBER, "MAC", 1, SAME, "spent when the first feasible design was offered; empty: none was"},

    {"startup_s", NUMBER, "s", 1, VARIES, "from exec to a ready task; empty if the worker died"},
    {"search_wall_s", NUMBER, "s", 1, VARIES, "from open to finish; of a killed worker: up to its last sign of life"},
    {"search_cpu_s", NUMBER, "s", 1, VARIES, "CPU time of the search, all threads"},
    {"eval_wall_s", NUMBER, "s", 1, VARIES, "part of search_wall_s inside evaluations and the preparation of their source; empty if the worker died"},
    {"hw_wall_s", NUMBER, "s", 1, VARIES, "part of search_wall_s inside the cost model; empty if the worker died"},
    {"method_wall_s", NUMBER, "s", 1, VARIES, "the rest: the method's own time; empty if the worker died"},
    {"final_wall_s", NUMBER, "s", 1, VARIES, "retraining and testing the answer; empty if there was none"},

    {"mem_base_kib", COUNT, "KiB", 1, VARIES, "resident before the search began, data and engine loaded"},
    {"mem_peak_kib", COUNT, "KiB", 1, VARIES, "high-water mark of the search, reset before it began"},
    {"mem_engine_kib", COUNT, "KiB", 1, VARIES, "peak of the engine's own memory in the search: weights, activations and gradients of networks under training, shared ones included; empty if the worker died"},
    {"mem_wait4_kib", COUNT, "KiB", 1, VARIES, "ru_maxrss of the search worker: a cross-check that includes start-up"},
    {"mem_final_kib", COUNT, "KiB", 1, VARIES, "high-water mark of the final phase; empty if there was none"},
    {"mem_source", TEXT, "", 1, VARIES, "papi, or heartbeat (last one of a killed worker), or wait4; where mem_peak_kib comes from"},

    {"papi_tot_ins", COUNT, "", 1, VARIES, "instructions of the worker's main thread; empty where PAPI has no such counter"},
    {"papi_tot_cyc", COUNT, "", 1, VARIES, "cycles of the worker's main thread; empty where PAPI has no such counter"},
    {"papi_l3_tcm", COUNT, "", 1, VARIES, "last-level cache misses of the worker's main thread; empty where PAPI has no such counter"},

    {"claim_acc", EXACT, "", 1, SAME, "validation accuracy the method claimed for the answer, 0..1; empty: no answer, or no claim"},
    {"acc_val", EXACT, "", 1, SAME, "validation accuracy the harness measured for the answer's network in the search, highest fidelity; empty if it was never evaluated"},
    {"acc_test_mean", EXACT, "", 1, SAME, "test accuracy, mean over retrainings from scratch; the primary score; empty: no answer"},
    {"acc_test_sd", EXACT, "", 1, SAME, "standard deviation over retrainings; empty with fewer than two"},
    {"retrains", COUNT, "", 1, SAME, "retrainings of the answer; empty: no answer"},
    {"acc_random", EXACT, "", 1, SAME, "mean test accuracy of random search in this cell; empty: a row is written once, when the cell's other runs need not be there yet"},
    {"ri_percent", EXACT, "%", 1, SAME, "relative improvement over acc_random; empty for the same reason"},

    {"feasible", FLAG, "", 1, SAME, "the answer meets every limit, as the harness re-derives them; empty: no answer"},
    {"dsp", EXACT, "slices", 1, SAME, "of the answer, re-derived; empty: no answer, or a platform without DSP slices"},
    {"bram", EXACT, "18-Kbit blocks", 1, SAME, "of the answer, re-derived; empty: no answer, or a platform without block RAM"},
    {"fps", EXACT, "1/s", 1, SAME, "of the answer, re-derived; empty: no answer"},
    {"latency_s", EXACT, "s", 1, SAME, "of the answer, one image; empty: no answer"},
    {"energy_j", EXACT, "J", 1, SAME, "of the answer, per image; empty: no answer, or a model without energy"},
    {"edp_js", EXACT, "J s", 1, SAME, "of the answer: energy times latency; empty: no answer, or a model without energy"},
    {"area_mm2", EXACT, "mm2", 1, SAME, "of the answer; empty: no answer, or a model without area"},
    {"published_fps", EXACT, "1/s", 1, SAME, "of the answer under the authors' published model; empty: no answer, no such model, or a design it cannot express"},
    {"published_edp_js", EXACT, "J s", 1, SAME, "of the answer under the authors' published model; empty: no answer, or no such model"},
    {"claim_dsp", EXACT, "slices", 1, SAME, "DSP slices a method claims for the answer; empty: methods of this program claim accuracy only"},
    {"claim_edp_js", EXACT, "J s", 1, SAME, "what a method claims for the answer; empty for the same reason"},

    {"regret_acc", EXACT, "", 1, SAME, "best accuracy in the space minus the answer's; empty unless the source is a complete table"},
    {"regret_fps", EXACT, "", 1, SAME, "1 - fps / fps of the provably fastest accelerator for the answer's network under the same limits; empty: no answer, or the optimum is not proven"},
    {"regret_edp", EXACT, "", 1, SAME, "edp_js / provable optimum - 1; empty: no answer, or no exact solver for energy"},

    {"design_hash", TEXT, "", 1, SAME, "hash of the answer's canonical text; empty: no answer"},
    {"params_count", COUNT, "", 1, SAME, "trainable parameters of the answer; empty: no answer"},
    {"net_mac", COUNT, "MAC", 1, SAME, "one forward pass of the answer; empty: no answer"},
    {"model_bits", COUNT, "bit", 1, SAME, "all weights of the answer at their bitwidths; empty: no answer"},
    {"wbits_mean", EXACT, "bit", 1, SAME, "mean weight bitwidth over blocks with a convolution; empty: no answer"},
    {"abits_mean", EXACT, "bit", 1, SAME, "mean activation bitwidth over blocks with a convolution; empty: no answer"},

    {"env_id", TEXT, "", 1, VARIES, "environment record in env/"},
    {"git_rev", TEXT, "", 1, VARIES, "revision the program was built from; empty outside a git checkout"},
    {"git_dirty", FLAG, "", 1, VARIES, "built with uncommitted changes; empty outside a git checkout"},
    {"build_id", TEXT, "", 1, VARIES, "compiler and build mode"},
    {"blas_core", TEXT, "", 1, VARIES, "BLAS kernel obtained; empty if the worker died"},
    {"blas_threads", COUNT, "", 1, VARIES, "threads of one BLAS call"},
    {"started_utc", TEXT, "", 1, VARIES, "when the search of this row was started"},
};

static const cs_column trace[] = {
    {"schema", COUNT, "", 1, SAME, "number of this schema"},
    {"run_id", TEXT, "", 1, SAME, "run"},
    {"seq", COUNT, "", 1, SAME, "0, 1, ... ; empty for heartbeats, which come with time"},
    {"event", TEXT, "", 1, SAME, "eval, offer, improve (an offer that raised the best feasible accuracy), observe (a value of the method's inside; the first 256 of a name, then ever fewer), heartbeat, stop"},
    {"t_wall_s", NUMBER, "s", 1, VARIES, "since the search began"},
    {"t_cpu_s", NUMBER, "s", 1, VARIES, "CPU time since the search began"},
    {"search_mac", COUNT, "MAC", 1, SAME, "spent so far"},
    {"evals", COUNT, "", 1, SAME, "evaluations so far"},
    {"hw_queries", COUNT, "", 1, SAME, "cost-model queries so far"},
    {"samples", COUNT, "", 1, SAME, "images drawn so far"},
    {"fidelity", TEXT, "", 1, SAME, "of an eval; empty otherwise"},
    {"design_hash", TEXT, "", 1, SAME, "of an eval or offer; empty otherwise"},
    {"claim_acc", EXACT, "", 1, SAME, "of an offer; empty otherwise, or without a claim"},
    {"acc_val", EXACT, "", 1, SAME, "measured by the harness for this network; empty if never"},
    {"dsp", EXACT, "slices", 1, SAME, "of an eval or offer; empty otherwise, or without DSP slices"},
    {"bram", EXACT, "18-Kbit blocks", 1, SAME, "of an eval or offer; empty otherwise, or without block RAM"},
    {"fps", EXACT, "1/s", 1, SAME, "of an eval or offer; empty otherwise"},
    {"edp_js", EXACT, "J s", 1, SAME, "of an eval or offer; empty otherwise, or without energy"},
    {"feasible", FLAG, "", 1, SAME, "of an eval or offer; empty otherwise"},
    {"best_feasible_acc", EXACT, "", 1, SAME, "highest accuracy (measured, else claimed) of a feasible offer so far; empty: none yet"},
    {"hv", EXACT, "1/s", 1, SAME, "hypervolume of (accuracy, fps) of feasible evaluations so far, reference (0, 0)"},
    {"name", TEXT, "", 1, SAME, "of an observe: what was recorded, see the method's README; empty otherwise"},
    {"value", EXACT, "", 1, SAME, "of an observe; empty otherwise, or if it was not finite"},
    {"rss_kib", COUNT, "KiB", 1, VARIES, "resident memory; empty for an observe"},
};

static const cs_column final[] = {
    {"schema", COUNT, "", 1, SAME, "number of this schema"},
    {"run_id", TEXT, "", 1, SAME, "run"},
    {"candidate", TEXT, "", 1, SAME, "hash of the retrained design"},
    {"retrain", COUNT, "", 1, SAME, "0, 1, ... ; empty for a candidate re-evaluated by the selection rule reeval"},
    {"acc_val", EXACT, "", 1, SAME, "validation accuracy of a re-evaluated candidate; empty for a retraining"},
    {"acc_test", EXACT, "", 1, SAME, "test accuracy of a retraining; empty for a re-evaluated candidate"},
    {"mac", COUNT, "MAC", 1, SAME, "spent, charged to no search"},
    {"wall_s", NUMBER, "s", 1, VARIES, "spent"},
    {"mem_peak_kib", COUNT, "KiB", 1, VARIES, "high-water mark so far"},
};

static const cs_column env[] = {
    {"schema", COUNT, "", 1, SAME, "number of this schema"},
    {"env_id", TEXT, "", 1, VARIES, "hash of all keys and values of the record"},
    {"key", TEXT, "", 1, SAME, "what is described"},
    {"value", TEXT, "", 1, VARIES, "empty: not to be found out on this machine"},
};

static const cs_column table[] = {
    {"schema", COUNT, "", 1, SAME, "number of this schema"},
    {"network", TEXT, "", 1, SAME, "operators and bitwidths, as in a design text: `k3_e3 skip k3_e1 k3_e3|8 - 4 8`"},
    {"net_hash", TEXT, "", 1, SAME, "of the network with its bitwidths"},
    {"seed", COUNT, "", 1, SAME, "of initial weights and order of images; every network has seed 0, the noise sample further ones"},
    {"acc_val", NUMBER, "", 1, SAME, "accuracy on search-val after training on search-train"},
    {"acc_test", NUMBER, "", 1, SAME, "accuracy of the same weights on the test set"},
    {"acc_short", NUMBER, "", 1, SAME, "accuracy on search-val of a training of its own by [fidelity.short]; empty if the profile has none"},
    {"net_mac", COUNT, "MAC", 1, SAME, "of one image through the network"},
    {"net_params", COUNT, "", 1, SAME, "trainable parameters"},
    {"train_mac", COUNT, "MAC", 1, SAME, "list price of the training and its validation"},
    {"short_mac", COUNT, "MAC", 1, SAME, "list price of the short training and its validation; empty without one"},
    {"space", TEXT, "", 1, SAME, "network space"},
    {"recipe_id", TEXT, "", 1, SAME, "name of [recipe] and hash of the fidelity sections: equal ids, equal trainings"},
    {"dataset_id", TEXT, "", 1, SAME, "name, record counts and content hash of the images"},
    {"engine", COUNT, "", 1, SAME, "version of the training engine's numbers"},
};
/* clang-format on */

#define COLUMNS(table) table, sizeof table / sizeof *table

const cs_schema cs_schema_results = {
    "results.csv", "One row per finished run: `CAMPAIGN/results.csv`, `runs/RUNID/result.csv`.",
    COLUMNS(results)};
const cs_schema cs_schema_trace = {
    "trace.csv", "What happened during a search: `runs/RUNID/trace.csv`.", COLUMNS(trace)};
const cs_schema cs_schema_final = {
    "final.csv", "Retrainings of the answer: `runs/RUNID/final.csv`.", COLUMNS(final)};
const cs_schema cs_schema_env = {
    "env.csv", "Environment records, one file per distinct environment: `env/ENVID.csv`.",
    COLUMNS(env)};

const cs_schema cs_schema_table = {
    "table.csv",
    "Accuracies of every network of a small space: `tables/NAME.csv`, made by `tabulate`.",
    COLUMNS(table)};

const cs_schema *const cs_schemas[] = {&cs_schema_results, &cs_schema_trace, &cs_schema_final,
                                       &cs_schema_env,     &cs_schema_table, NULL};
