/* One run, step by step: lock, search worker, final worker, verification, row. */
#include "run/runner_state.h"

#include "run/clock.h"
#include "run/env.h"
#include "run/verdict.h"
#include "run/worker_env.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static cs_status write_text(const cs_store *store, const cs_job *job, const char *file,
                            const cs_text *text, cs_error *err)
{
    char path[CS_PATH_MAX];
    if (text->failed)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    CS_TRY(cs_store_path(store, job->run_id, file, path, err));
    return cs_file_write(path, text->data, text->len, err);
}

/* Folder, job.ini and cmd.txt. */
static cs_status prepare_folder(runner *r, const cs_job *job, cs_error *err)
{
    cs_text ini = {0}, command = {0};
    cs_job_echo(job, &ini);
    cs_run_command(r->options->command, job, &command);
    cs_text_addf(&command, "\n");
    cs_status status = write_text(&r->store, job, "job.ini", &ini, err);
    if (status == CS_OK)
        status = write_text(&r->store, job, "cmd.txt", &command, err);
    cs_text_free(&ini);
    cs_text_free(&command);
    return status;
}

/* Lines of the file `attempts`: one per start of a search. */
static uint64_t count_attempts(const cs_store *store, const char *run_id)
{
    char path[CS_PATH_MAX], *text;
    uint64_t lines = 0;
    if (cs_store_path(store, run_id, "attempts", path, NULL) != CS_OK || !cs_file_exists(path) ||
        cs_text_read_file(path, &text, NULL, NULL) != CS_OK)
        return 0;
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    free(text);
    return lines;
}

static cs_status note_attempt(const cs_store *store, const char *run_id, cs_error *err)
{
    char path[CS_PATH_MAX], utc[32];
    cs_text line = {0};
    cs_clock_utc(utc, sizeof utc);
    cs_text_addf(&line, "%s search\n", utc);
    cs_status status = cs_store_path(store, run_id, "attempts", path, err);
    if (status == CS_OK)
        status = cs_file_append(path, "", &line, err);
    cs_text_free(&line);
    return status;
}

/* CPUs of a slot: its own ones if this campaign fills all CPUs, or those given by --cpus. Otherwise
 * none are pinned: another campaign may be on this machine, and both would choose the first. */
static size_t choose_cpus(const runner *r, size_t slot, int *cpus)
{
    const size_t threads = (size_t)r->plan->profile.threads, used = r->n_slots * threads;
    if (used > r->n_cpus) { /* more workers than CPUs: they share what was given */
        memcpy(cpus, r->cpu, r->n_cpus * sizeof *cpus);
        return r->options->cpus ? r->n_cpus : 0;
    }
    if (used < r->n_cpus && !r->options->cpus)
        return 0;
    memcpy(cpus, r->cpu + slot * threads, threads * sizeof *cpus);
    return threads;
}

static cs_status start_worker(runner *r, size_t slot, run_phase phase, cs_error *err)
{
    active_run *a = &r->active[slot];
    const cs_profile *p = &r->plan->profile;
    const cs_job *job = &r->plan->job[a->job];
    char dir[CS_PATH_MAX], log[CS_PATH_MAX], name[] = "cosearch", command[] = "__worker";
    char phase_name[8];
    int cpus[SLOTS_MAX];
    CS_TRY(cs_store_path(&r->store, job->run_id, "", dir, err));
    CS_TRY(cs_store_path(&r->store, job->run_id, "log.txt", log, err));
    snprintf(phase_name, sizeof phase_name, "%s", phase == PHASE_SEARCH ? "search" : "final");
    cs_worker_env *env = malloc(sizeof *env);
    if (!env)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    cs_worker_env_build(env, p);
    char *argv[] = {name, command, phase_name, dir, NULL};
    const bool search = phase == PHASE_SEARCH;
    cs_child_spec spec = {.exe = r->options->exe,
                          .argv = argv,
                          .envp = env->list,
                          .log_path = log,
                          .lock_fd = a->lock,
                          .cpus = cpus,
                          .wall_cap_s = search ? p->cap[CS_METER_WALL_S] : INFINITY,
                          .cpu_cap_s = search ? p->cap[CS_METER_CPU_S] : INFINITY,
                          .peak_cap_kib = p->peak_kib};
    spec.grace_s = fmax(5.0, isfinite(spec.wall_cap_s) ? 0.02 * spec.wall_cap_s : 0.0);
    spec.n_cpus = choose_cpus(r, slot, cpus);
    cs_status status = search ? note_attempt(&r->store, job->run_id, err) : CS_OK;
    if (status == CS_OK)
        status = cs_child_start(&spec, &a->child, err);
    free(env);
    if (status == CS_OK)
        a->phase = phase;
    return status;
}

static void leave(runner *r, size_t slot, run_state state)
{
    active_run *a = &r->active[slot];
    cs_child_free(a->child);
    cs_row_free(&a->search);
    cs_lock_drop(a->lock);
    r->state[a->job] = state;
    *a = (active_run){.lock = -1};
    r->n_active--;
}

/* Why a row is not comparable. */
static void taint(const runner *r, const cs_row *row, cs_text *out)
{
    const cs_profile *p = &r->plan->profile;
    const char *core = cs_row_get(row, "blas_core"), *asked = cs_env_blas_core(p->blas_core);
    if (*p->overridden)
        cs_text_addf(out, "%soverride %s", out->len ? "; " : "", p->overridden);
    if (asked && *core && strcmp(core, asked) != 0)
        cs_text_addf(out, "%sblas_core %s instead of %s", out->len ? "; " : "", core, asked);
    if (r->n_slots * p->threads > r->n_cpus)
        cs_text_addf(out, "%sshared cores", out->len ? "; " : "");
    if (cs_env_git_dirty())
        cs_text_addf(out, "%suncommitted source", out->len ? "; " : "");
}

static void announce(runner *r, const active_run *a, const cs_row *row)
{
    const cs_job *job = &r->plan->job[a->job];
    char limits[160], spent[32], answer[128] = "";
    cs_limits_text(&job->limits, limits, sizeof limits);
    cs_duration_text(cs_clock_s() - a->started_s, spent, sizeof spent);
    const double acc = cs_row_get_number(row, "acc_test_mean");
    if (!isnan(acc)) {
        const double dsp = cs_row_get_number(row, "dsp"), edp = cs_row_get_number(row, "edp_js");
        size_t n = (size_t)snprintf(answer, sizeof answer, ", test accuracy %.2f %%, %.4g fps",
                                    100.0 * acc, cs_row_get_number(row, "fps"));
        if (!isnan(dsp))
            n += (size_t)snprintf(answer + n, sizeof answer - n, ", %.4g DSP", dsp);
        if (!isnan(edp))
            snprintf(answer + n, sizeof answer - n, ", EDP %.4g uJ s", 1e6 * edp);
    }
    cs_progress_say(&r->progress, "[%zu/%zu] %s %s seed %llu (%s): %s%s, %s", r->progress.done,
                    r->progress.total, job->run_id, job->method->name,
                    (unsigned long long)job->seed, limits, cs_row_get(row, "status"), answer,
                    spent);
}

/* Everything is known: result.csv. */
static cs_status conclude(runner *r, size_t slot, cs_error *err)
{
    active_run *a = &r->active[slot];
    const cs_job *job = &r->plan->job[a->job];
    cs_row row;
    cs_text reasons = {0};
    if (cs_row_new(&cs_schema_results, &row) != CS_OK)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    cs_row_merge(&row, &a->search);
    cs_job_columns(job, &r->plan->profile, r->store.campaign, &row);
    cs_row_text(&row, "status", a->status);
    cs_row_count(&row, "attempts", count_attempts(&r->store, job->run_id));
    taint(r, &row, &reasons);
    row.failed = row.failed || reasons.failed;
    cs_row_text(&row, "tainted", reasons.data);
    cs_text_free(&reasons);
    cs_status status = cs_row_from_answer(r->plan, job, &r->store, &row, err);
    if (status == CS_OK)
        status = cs_store_write(&r->store, job->run_id, "result.csv", &row, 1, err);
    if (status == CS_OK) {
        r->outcome->finished++;
        r->progress.done++;
        announce(r, a, &row);
        if (cs_status_failed(a->status) && strncmp(a->status, "killed_", 7) != 0) {
            char line[400];
            cs_log_last_line(&r->store, job->run_id, line, sizeof line);
            if (*line)
                cs_progress_say(&r->progress, "    last line of its log: %s", line);
        }
        leave(r, slot, RUN_FINISHED);
    }
    cs_row_free(&row);
    return status;
}

static bool has_answer(const runner *r, const char *run_id)
{
    char path[CS_PATH_MAX];
    return cs_store_path(&r->store, run_id, "candidates.txt", path, NULL) == CS_OK &&
           cs_file_exists(path);
}

/* The search of a run is over, well or badly: the final phase, or the end. */
static cs_status after_search(runner *r, size_t slot, cs_error *err)
{
    active_run *a = &r->active[slot];
    const char *run_id = r->plan->job[a->job].run_id;
    const bool worth_it = !cs_status_failed(a->status) || strncmp(a->status, "killed_", 7) == 0 ||
                          strcmp(a->status, "oom_cap") == 0;
    a->retries = 0;
    cs_child_free(a->child);
    a->child = NULL;
    if (worth_it && has_answer(r, run_id))
        return start_worker(r, slot, PHASE_FINAL, err);
    return conclude(r, slot, err);
}

cs_status runner_start(runner *r, size_t job_index, size_t slot, cs_error *err)
{
    const cs_job *job = &r->plan->job[job_index];
    active_run *a = &r->active[slot];
    char dir[CS_PATH_MAX], path[CS_PATH_MAX];
    bool finished;
    int lock = -1;
    CS_TRY(cs_store_path(&r->store, job->run_id, "", dir, err));
    CS_TRY(cs_folder_make(dir, err));
    CS_TRY(cs_store_path(&r->store, job->run_id, "lock", path, err));
    CS_TRY(cs_lock_take(path, &lock, err));
    cs_status status = cs_store_result(&r->store, job->run_id, &finished, NULL, err);
    if (status != CS_OK || finished) {
        /* Finished by another shard, which also lists it. */
        cs_lock_drop(lock);
        r->state[job_index] = finished ? RUN_LISTED : RUN_PENDING;
        return status;
    }
    *a = (active_run){
        .used = true, .job = job_index, .lock = lock, .status = "", .started_s = cs_clock_s()};
    r->state[job_index] = RUN_ACTIVE;
    r->n_active++;
    CS_TRY(prepare_folder(r, job, err));
    if (cs_search_complete(&r->store, job->run_id, &a->search)) {
        a->status = cs_judge_search(&a->search);
        cs_row_count(&a->search, "exit_code", 0);
        return after_search(r, slot, err);
    }
    return start_worker(r, slot, PHASE_SEARCH, err);
}

/* Infrastructure may fail once; then it is the run's status. */
static cs_status again(runner *r, size_t slot, const char *status, cs_error *err)
{
    active_run *a = &r->active[slot];
    a->retries++;
    cs_progress_say(&r->progress, "%s: %s, tried once more", r->plan->job[a->job].run_id, status);
    cs_child_free(a->child);
    a->child = NULL;
    return start_worker(r, slot, a->phase, err);
}

static cs_status search_ended(runner *r, size_t slot, const char *status, cs_error *err)
{
    active_run *a = &r->active[slot];
    const cs_job *job = &r->plan->job[a->job];
    const cs_child_result *result = cs_child_result_get(a->child);
    char path[CS_PATH_MAX];
    cs_row found;
    CS_TRY(cs_store_path(&r->store, job->run_id, "search.csv", path, err));
    if (cs_row_new(&cs_schema_results, &a->search) != CS_OK)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    /* A search that was told to wind up in time has its row, too. */
    if (cs_file_exists(path) && cs_row_read_file(&cs_schema_results, path, &found, NULL) == CS_OK) {
        cs_row_merge(&a->search, &found);
        cs_row_free(&found);
        a->status = *status ? status : cs_judge_search(&a->search);
    } else {
        a->status = *status ? status : "harness_error";
    }
    cs_row_from_worker(&a->search, result);
    return after_search(r, slot, err);
}

cs_status runner_advance(runner *r, size_t slot, cs_error *err)
{
    active_run *a = &r->active[slot];
    const char *run_id = r->plan->job[a->job].run_id;
    const cs_run_end end = cs_judge_worker(cs_child_result_get(a->child));
    if (end.fault != CS_OK) {
        const char *fault = cs_child_result_get(a->child)->vitals.fault;
        return cs_fail(err, end.fault, "run %s: %s", run_id,
                       *fault ? fault : "its worker gave up without a word");
    }
    if (end.again && a->retries == 0)
        return again(r, slot, end.status, err);
    if (a->phase == PHASE_SEARCH)
        return search_ended(r, slot, end.status, err);
    if (*end.status)
        a->status = end.status;
    return conclude(r, slot, err);
}
