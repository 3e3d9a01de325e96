#include "run/worker.h"

#include "cosearch/nn.h"
#include "registry.h"
#include "run/clock.h"
#include "run/env.h"
#include "run/memory.h"
#include "run/protocol.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t terminated;

static void on_term(int signal_number)
{
    (void)signal_number;
    terminated = 1;
}

void cs_worker_catch_term(void)
{
    struct sigaction action = {.sa_handler = on_term};
    sigaction(SIGTERM, &action, NULL);
}

bool cs_worker_terminated(void)
{
    return terminated != 0;
}

/* Splits RESULTS/CAMPAIGN/runs/RUNID. */
static cs_status find_store(const char *dir, cs_store *store, char run_id[17], cs_error *err)
{
    char path[CS_PATH_MAX];
    CS_TRY(cs_path_format(path, err, "%s", dir));
    char *id = strrchr(path, '/');
    if (id) {
        *id++ = '\0';
        char *runs = strrchr(path, '/');
        if (runs && strcmp(runs, "/runs") == 0 && strlen(id) == 16) {
            *runs = '\0';
            char *campaign = strrchr(path, '/');
            memcpy(run_id, id, 17);
            if (!campaign)
                return cs_store_at(".", path, store, err);
            *campaign++ = '\0';
            return cs_store_at(path, campaign, store, err);
        }
    }
    return cs_fail(err, CS_EUSAGE, "%s is not a run folder RESULTS/CAMPAIGN/runs/RUNID", dir);
}

static cs_status open_data(cs_worker *w, bool with_test, cs_error *err)
{
    /* The split follows its own root, seed 0 unless the profile varies it. */
    CS_TRY(cs_dataset_open(w->profile.dataset, cs_data_dir(),
                           cs_job_root(&w->job, &w->profile, CS_ROOT_SPLIT),
                           w->profile.val_fraction, with_test, &w->dataset, err));
    const cs_dataset_info *info = cs_dataset_info_get(w->dataset);
    if (strcmp(info->id, w->job.dataset_id) != 0)
        return cs_fail(
            err, CS_EMISMATCH,
            "data set %s changed since the run was planned: %s was expected, %s is there",
            w->profile.dataset, w->job.dataset_id, info->id);
    return cs_space_new(w->profile.space, w->profile.hw, info->classes, &w->space, err);
}

static cs_status record_environment(cs_worker *w, cs_error *err)
{
    cs_env_record record;
    if (cs_env_capture(w->blas_requested, cs_isa_text(cs_engine_isa(w->engine)),
                       (int)w->profile.threads, &record) != CS_OK)
        return cs_fail(err, CS_ENOMEM, "out of memory for the environment record");
    const cs_status status = cs_env_save(&record, &w->store, err);
    memcpy(w->env_id, record.id, sizeof w->env_id);
    cs_event_send("env %s %s", record.id, cs_blas_core());
    cs_text_free(&record.csv);
    return status;
}

static cs_status run_phase(cs_worker *w, const char *phase, const char *dir, cs_error *err)
{
    const bool final = strcmp(phase, "final") == 0;
    char path[CS_PATH_MAX], run_id[17];
    if (!final && strcmp(phase, "search") != 0)
        return cs_fail(err, CS_EUSAGE, "phase '%s' is neither search nor final", phase);
    CS_TRY(find_store(dir, &w->store, run_id, err));
    CS_TRY(cs_path_format(path, err, "%s/profile.ini", w->store.dir));
    CS_TRY(cs_profile_read(path, &w->profile, err));
    CS_TRY(cs_store_path(&w->store, run_id, "job.ini", path, err));
    CS_TRY(cs_job_read(path, &w->profile, &w->job, err));
    CS_TRY(open_data(w, final, err));
    CS_TRY(cs_env_engine(w->profile.isa, (int)w->profile.threads, &w->engine, err));
    w->blas_requested = getenv("OPENBLAS_CORETYPE");
    CS_TRY(record_environment(w, err));
    return final ? cs_phase_final(w, err) : cs_phase_search(w, err);
}

cs_status cs_worker_main(const char *phase, const char *dir, cs_error *err)
{
    cs_worker_catch_term();
    cs_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return cs_fail(err, CS_ENOMEM, "out of memory for a worker");
    setvbuf(stdout, NULL, _IOLBF, 0); /* the log of a killed worker ends with its last line */
    cs_memory_open();
    cs_error fault = {""};
    const cs_status status = run_phase(worker, phase, dir, &fault);
    if (status != CS_OK) {
        cs_fail(err, status, "%s", fault.text);
        cs_event_send("fault %.400s", fault.text);
    }
    cs_event_send("end %d", (int)status);
    cs_engine_free(worker->engine);
    cs_space_free(worker->space);
    cs_dataset_close(worker->dataset);
    free(worker);
    return status;
}

cs_status cs_candidates_read(const char *path, cs_candidate **out, size_t *n, cs_error *err)
{
    char *bytes;
    *out = NULL;
    *n = 0;
    if (!cs_file_exists(path))
        return CS_OK;
    CS_TRY(cs_text_read_file(path, &bytes, NULL, err));
    size_t lines = 0;
    for (const char *p = bytes; *p; p++)
        lines += *p == '\n';
    cs_candidate *list = calloc(lines + 1, sizeof *list);
    cs_status status = list ? CS_OK : cs_fail(err, CS_ENOMEM, "out of memory");
    const char *p = bytes;
    for (size_t i = 0; status == CS_OK && i < lines; i++) {
        const size_t length = strcspn(p, "\n");
        char *after;
        list[i].claim_acc = strtod(p, &after);
        list[i].acc_val = strtod(after, &after);
        after += *after == ' ';
        if (after >= p + length || (size_t)(p + length - after) >= sizeof list[i].text)
            status = cs_fail(err, CS_EFORMAT, "%s:%zu: not CLAIM ACC_VAL DESIGN", path, i + 1);
        else
            memcpy(list[i].text, after, (size_t)(p + length - after));
        p += length + 1;
    }
    free(bytes);
    if (status != CS_OK) {
        free(list);
        return status;
    }
    *out = list;
    *n = lines;
    return CS_OK;
}
