#include "run/verdict.h"

#include "cli.h"
#include "run/runner.h"
#include "run/verify.h"
#include "run/worker.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const cs_run_statuses[] = {
    "ok",         "stopped", "no_feasible",  "killed_wall",   "killed_cpu",  "oom_cap",
    "oom_kernel", "crashed", "method_error", "harness_error", "interrupted", NULL};

bool cs_status_failed(const char *status)
{
    return strcmp(status, "ok") != 0 && strcmp(status, "stopped") != 0 &&
           strcmp(status, "no_feasible") != 0;
}

cs_run_end cs_judge_worker(const cs_child_result *r)
{
    switch (r->cause) {
    case CS_KILL_CANCEL: return (cs_run_end){"interrupted", false, CS_OK};
    case CS_KILL_PEAK: return (cs_run_end){"oom_cap", false, CS_OK};
    case CS_KILL_WALL: return (cs_run_end){"killed_wall", false, CS_OK};
    case CS_KILL_CPU: return (cs_run_end){"killed_cpu", false, CS_OK};
    case CS_KILL_NONE: break;
    }
    if (r->signal == SIGKILL || r->signal == SIGTERM)
        return (cs_run_end){"oom_kernel", true, CS_OK}; /* not by us: the kernel, or somebody */
    if (r->signal)
        return (cs_run_end){"crashed", false, CS_OK};
    switch (r->exit_code) {
    case CS_EXIT_OK: return (cs_run_end){"", false, CS_OK};
    case CS_EXIT_USAGE: return (cs_run_end){"harness_error", false, CS_EUSAGE};
    case CS_EXIT_ENVIRONMENT: return (cs_run_end){"harness_error", false, CS_EDATA};
    case CS_EXIT_MISMATCH: return (cs_run_end){"harness_error", false, CS_EMISMATCH};
    default: return (cs_run_end){"harness_error", true, CS_OK};
    }
}

const char *cs_judge_search(const cs_row *search)
{
    const char *reason = cs_row_get(search, "stop_reason");
    if (strcmp(reason, "method error") == 0)
        return "method_error";
    if (!(cs_row_get_number(search, "offers_feasible") > 0.0))
        return "no_feasible";
    return strncmp(reason, "cap ", 4) == 0 ? "stopped" : "ok";
}

bool cs_search_complete(const cs_store *store, const char *run_id, cs_row *out)
{
    char path[CS_PATH_MAX];
    cs_row row;
    if (cs_store_path(store, run_id, "search.csv", path, NULL) != CS_OK || !cs_file_exists(path) ||
        cs_row_read_file(&cs_schema_results, path, &row, NULL) != CS_OK)
        return false;
    if (strcmp(cs_row_get(&row, "run_id"), run_id) == 0 &&
        strcmp(cs_row_get(&row, "stop_reason"), "terminated") != 0) {
        *out = row;
        return true;
    }
    cs_row_free(&row);
    return false;
}

void cs_row_from_worker(cs_row *row, const cs_child_result *r)
{
    const cs_vitals *v = &r->vitals;
    if (r->exit_code >= 0)
        cs_row_count(row, "exit_code", (uint64_t)r->exit_code);
    if (r->signal)
        cs_row_count(row, "signal", (uint64_t)r->signal);
    cs_row_count(row, "mem_wait4_kib", r->maxrss_kib);
    if (*cs_row_get(row, "mem_peak_kib") == '\0') {
        cs_row_count(row, "mem_peak_kib", v->beating ? v->peak_kib : r->maxrss_kib);
        cs_row_text(row, "mem_source", v->beating ? "heartbeat" : "wait4");
    }
    if (*cs_row_get(row, "search_wall_s") == '\0') {
        cs_row_number(row, "search_wall_s", v->beating ? v->t_wall_s : NAN);
        cs_row_number(row, "search_cpu_s", v->beating ? v->t_cpu_s : r->cpu_s);
        cs_row_number(row, "startup_s", v->startup_s);
    }
    if (*cs_row_get(row, "env_id") == '\0')
        cs_row_text(row, "env_id", v->env_id);
}

/* Claim and measured validation accuracy of the answer, from candidates.txt. */
static cs_status add_claim(const cs_store *store, const cs_job *job, const char *text, cs_row *row,
                           cs_error *err)
{
    char path[CS_PATH_MAX];
    cs_candidate *list;
    size_t n;
    CS_TRY(cs_store_path(store, job->run_id, "candidates.txt", path, err));
    CS_TRY(cs_candidates_read(path, &list, &n, err));
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].text, text) == 0) {
            cs_row_number(row, "claim_acc", list[i].claim_acc);
            cs_row_number(row, "acc_val", list[i].acc_val);
            break;
        }
    free(list);
    return CS_OK;
}

/* Mean, standard deviation (n - 1) and effort over the retrainings in final.csv. */
static cs_status add_final(const cs_store *store, const cs_job *job, cs_row *row, cs_error *err)
{
    char path[CS_PATH_MAX];
    cs_csv csv;
    double sum = 0.0, squares = 0.0, wall = 0.0, peak = 0.0, n = 0.0;
    CS_TRY(cs_store_path(store, job->run_id, "final.csv", path, err));
    if (!cs_file_exists(path))
        return CS_OK;
    CS_TRY(cs_csv_read(path, &csv, err));
    cs_status status = cs_schema_check(&cs_schema_final, &csv, path, err);
    const int acc = cs_csv_column(&csv, "acc_test"), time = cs_csv_column(&csv, "wall_s"),
              memory = cs_csv_column(&csv, "mem_peak_kib");
    for (int pass = 0; status == CS_OK && pass < 2; pass++)
        for (size_t i = 0; i < csv.n_rows; i++) {
            double value;
            if (pass == 0 && cs_text_double(cs_csv_cell(&csv, i, time), &value))
                wall += value;
            if (pass == 0 && cs_text_double(cs_csv_cell(&csv, i, memory), &value))
                peak = fmax(peak, value);
            if (!cs_text_double(cs_csv_cell(&csv, i, acc), &value))
                continue; /* a re-evaluation */
            if (pass == 0) {
                sum += value;
                n += 1.0;
            } else {
                squares += (value - sum / n) * (value - sum / n);
            }
        }
    cs_csv_free(&csv);
    CS_TRY(status);
    if (n > 0.0) {
        cs_row_number(row, "acc_test_mean", sum / n);
        cs_row_number(row, "acc_test_sd", n > 1.0 ? sqrt(squares / (n - 1.0)) : NAN);
        cs_row_count(row, "retrains", (uint64_t)n);
    }
    cs_row_number(row, "final_wall_s", wall);
    if (peak > 0.0)
        cs_row_count(row, "mem_final_kib", (uint64_t)peak);
    return CS_OK;
}

cs_status cs_row_from_answer(const cs_plan *plan, const cs_job *job, const cs_store *store,
                             cs_row *row, cs_error *err)
{
    char path[CS_PATH_MAX], *text;
    CS_TRY(cs_store_path(store, job->run_id, "design.txt", path, err));
    if (!cs_file_exists(path))
        return CS_OK;
    CS_TRY(cs_text_read_file(path, &text, NULL, err));
    text[strcspn(text, "\n")] = '\0';
    cs_status status = cs_verify_answer(&plan->profile, job, plan->dataset.classes, text, row, err);
    if (status == CS_OK)
        status = add_claim(store, job, text, row, err);
    free(text);
    CS_TRY(status);
    return add_final(store, job, row, err);
}

void cs_log_last_line(const cs_store *store, const char *run_id, char *line, size_t size)
{
    char path[CS_PATH_MAX], *text;
    size_t n;
    line[0] = '\0';
    if (cs_store_path(store, run_id, "log.txt", path, NULL) != CS_OK || !cs_file_exists(path) ||
        cs_text_read_file(path, &text, &n, NULL) != CS_OK)
        return;
    while (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    const char *last = strrchr(text, '\n');
    snprintf(line, size, "%s", last ? last + 1 : text);
    free(text);
}
