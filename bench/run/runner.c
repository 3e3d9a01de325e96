#include "run/runner.h"

#include "run/clock.h"
#include "run/progress.h"
#include "run/runner_state.h"
#include "run/verdict.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_S 0.25

void cs_run_command(const char *command, const cs_job *job, cs_text *out)
{
    cs_text_addf(out, "%s --methods %s --seeds %llu --cells %zu", command, job->method->name,
                 (unsigned long long)job->seed, job->cell);
}

/* ---- before the first worker: what is there already ---- */

static bool in_classes(const char *classes, const char *status)
{
    const size_t n = strlen(status);
    for (const char *p = classes; p && *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ','))
        if ((strncmp(p, status, n) == 0 && (p[n] == ',' || p[n] == '\0')) ||
            (strncmp(p, "failed", 6) == 0 && (p[6] == ',' || p[6] == '\0') &&
             cs_status_failed(status)))
            return true;
    return false;
}

static cs_status check_classes(const char *classes, cs_error *err)
{
    for (const char *p = classes; p && *p;) {
        const size_t n = strcspn(p, ",");
        bool known = n == 6 && strncmp(p, "failed", 6) == 0;
        for (size_t i = 0; cs_run_statuses[i]; i++)
            known = known ||
                    (strlen(cs_run_statuses[i]) == n && strncmp(p, cs_run_statuses[i], n) == 0);
        if (!known)
            return cs_fail(err, CS_EUSAGE,
                           "--retry: '%.*s' is neither failed nor a status such as crashed, "
                           "oom_cap, killed_wall, method_error",
                           (int)n, p);
        p += n + (p[n] == ',');
    }
    return CS_OK;
}

/* Forgets runs whose status is to be retried, or with --fresh every run of the selection. */
static cs_status forget(runner *r, cs_error *err)
{
    const cs_plan *plan = r->plan;
    char(*ids)[17] = calloc(plan->n_jobs + 1, sizeof *ids);
    size_t n = 0;
    cs_status status = ids ? CS_OK : cs_fail(err, CS_ENOMEM, "out of memory");
    for (size_t i = 0; status == CS_OK && i < plan->n_jobs; i++) {
        const char *id = plan->job[i].run_id;
        bool finished = false;
        cs_row row = {0};
        if (!r->options->fresh)
            status = cs_store_result(&r->store, id, &finished, &row, err);
        if (r->options->fresh ||
            (finished && in_classes(r->options->retry, cs_row_get(&row, "status"))))
            memcpy(ids[n++], id, 17);
        cs_row_free(&row);
    }
    if (status == CS_OK && n > 0)
        status = cs_store_forget(&r->store, (const char(*)[17])ids, n, !r->options->fresh, err);
    free(ids);
    return status;
}

/* --fresh with another profile: every run of the folder belongs to the old one. */
static cs_status clear_foreign(runner *r, cs_error *err)
{
    char path[CS_PATH_MAX];
    cs_profile *frozen = malloc(sizeof *frozen);
    cs_text values = {0};
    char(*ids)[17] = NULL;
    size_t n = 0;
    cs_status status = frozen ? CS_OK : cs_fail(err, CS_ENOMEM, "out of memory");
    if (status == CS_OK)
        status = cs_path_format(path, err, "%s/profile.ini", r->store.dir);
    if (status == CS_OK && cs_file_exists(path) &&
        (cs_profile_read(path, frozen, NULL) != CS_OK ||
         cs_profile_difference(frozen, &r->plan->profile, &values))) {
        status = cs_store_runs(&r->store, &ids, &n, err);
        if (status == CS_OK)
            status = cs_store_forget(&r->store, (const char(*)[17])ids, n, false, err);
        if (status == CS_OK && remove(path) != 0)
            status = cs_fail(err, CS_EIO, "%s cannot be removed: %s", path, strerror(errno));
    }
    cs_text_free(&values);
    free(ids);
    free(frozen);
    return status;
}

static cs_status survey(runner *r, cs_error *err)
{
    char(*listed)[17];
    size_t n_listed;
    bool torn;
    CS_TRY(cs_store_listed(&r->store, &listed, &n_listed, &torn, err));
    if (torn)
        cs_progress_say(&r->progress, "%s: the torn last line of a crash is dropped",
                        r->store.results);
    cs_status status = CS_OK;
    for (size_t i = 0; status == CS_OK && i < r->plan->n_jobs; i++) {
        bool finished, row_there = false;
        status = cs_store_result(&r->store, r->plan->job[i].run_id, &finished, NULL, err);
        for (size_t k = 0; k < n_listed && !row_there; k++)
            row_there = strcmp(listed[k], r->plan->job[i].run_id) == 0;
        r->state[i] = !finished ? RUN_PENDING : row_there ? RUN_LISTED : RUN_FINISHED;
        r->outcome->skipped += finished;
    }
    free(listed);
    return status;
}

/* Rows enter results.csv in plan order, whoever finishes first, so that campaigns compare line by
 * line. At the end of a call, whatever is finished enters. */
static cs_status flush_rows(runner *r, bool all, cs_error *err)
{
    for (size_t i = 0; i < r->plan->n_jobs; i++) {
        bool finished;
        cs_row row;
        if (r->state[i] == RUN_PENDING || r->state[i] == RUN_ACTIVE) {
            if (!all)
                return CS_OK;
            continue;
        }
        if (r->state[i] != RUN_FINISHED)
            continue;
        CS_TRY(cs_store_result(&r->store, r->plan->job[i].run_id, &finished, &row, err));
        if (finished) {
            const cs_status status = cs_store_append(&r->store, &row, err);
            cs_row_free(&row);
            CS_TRY(status);
        }
        r->state[i] = RUN_LISTED;
    }
    return CS_OK;
}

/* ---- the loop ---- */

static bool stop_reached(const runner *r)
{
    const uint64_t limit = r->options->stop_after;
    return limit && r->outcome->finished + r->n_active >= limit;
}

/* Starts runs until the slots are full. A run that somebody else holds is left to them. */
static cs_status fill_slots(runner *r, cs_error *err)
{
    for (size_t i = 0; i < r->plan->n_jobs && r->n_active < r->n_slots; i++) {
        if (r->state[i] != RUN_PENDING)
            continue;
        if (stop_reached(r))
            return CS_OK;
        size_t slot = 0;
        while (r->active[slot].used)
            slot++;
        const cs_status status = runner_start(r, i, slot, err);
        if (status == CS_STOP) {
            r->state[i] = RUN_HELD;
            continue;
        }
        CS_TRY(status);
    }
    return CS_OK;
}

static double fraction(const runner *r, const active_run *a)
{
    if (!a->child)
        return 0.0;
    /* A retraining and a search are taken to weigh the same. */
    const double phase = 1.0 - cs_child_result_get(a->child)->vitals.left;
    (void)r;
    return a->phase == PHASE_SEARCH ? 0.5 * phase : 0.5 + 0.5 * phase;
}

static void draw(runner *r)
{
    cs_progress_item item[SLOTS_MAX];
    size_t n = 0;
    for (size_t s = 0; s < r->n_slots; s++)
        if (r->active[s].used && r->active[s].child) {
            const cs_job *job = &r->plan->job[r->active[s].job];
            item[n++] = (cs_progress_item){
                .method = job->method->name,
                .seed = job->seed,
                .fraction = fraction(r, &r->active[s]),
                .best_acc = cs_child_result_get(r->active[s].child)->vitals.best_acc};
        }
    cs_progress_draw(&r->progress, item, n);
}

/* Locks found taken are tried once more after a second: a worker whose parent was killed just now
 * holds its lock until it is dead, too. */
static bool wait_for_held(runner *r)
{
    bool held = false;
    for (size_t i = 0; !r->held_tried_again && i < r->plan->n_jobs; i++)
        if (r->state[i] == RUN_HELD) {
            r->state[i] = RUN_PENDING;
            held = true;
        }
    r->held_tried_again = true;
    if (held)
        nanosleep(&(struct timespec){1, 0}, NULL);
    return held;
}

static cs_status loop(runner *r, cs_error *err)
{
    CS_TRY(flush_rows(r, false, err));
    for (;;) {
        cs_child *children[SLOTS_MAX];
        r->outcome->signal = cs_signals_take(r->signal_fd);
        if (r->outcome->signal)
            return CS_OK;
        CS_TRY(fill_slots(r, err));
        if (r->n_active == 0 && !wait_for_held(r))
            return CS_OK;
        for (size_t s = 0; s < r->n_slots; s++)
            children[s] = r->active[s].used ? r->active[s].child : NULL;
        cs_children_poll(children, r->n_slots, r->signal_fd, POLL_S);
        for (size_t s = 0; s < r->n_slots; s++)
            if (children[s] && cs_child_done(children[s])) {
                CS_TRY(runner_advance(r, s, err));
                CS_TRY(flush_rows(r, false, err));
            }
        draw(r);
    }
}

static void stop_all(runner *r)
{
    for (size_t s = 0; s < r->n_slots; s++) {
        active_run *a = &r->active[s];
        if (!a->used)
            continue;
        cs_child_free(a->child); /* kills and reaps */
        cs_row_free(&a->search);
        cs_lock_drop(a->lock);
        r->state[a->job] = RUN_PENDING;
        *a = (active_run){.lock = -1};
    }
    r->n_active = 0;
}

/* What the selection looks like now. */
static cs_status tally(runner *r, cs_error *err)
{
    cs_run_outcome *o = r->outcome;
    o->failed = o->infeasible = o->missing = o->held = 0;
    for (size_t i = 0; i < r->plan->n_jobs; i++) {
        bool finished;
        cs_row row;
        CS_TRY(cs_store_result(&r->store, r->plan->job[i].run_id, &finished, &row, err));
        if (!finished) {
            o->missing++;
            o->held += r->state[i] == RUN_HELD;
            continue;
        }
        const char *status = cs_row_get(&row, "status");
        o->infeasible += strcmp(status, "no_feasible") == 0;
        o->failed += cs_status_failed(status);
        cs_row_free(&row);
    }
    return CS_OK;
}

static cs_status prepare(runner *r, cs_error *err)
{
    int all[SLOTS_MAX];
    const cs_profile *p = &r->plan->profile;
    CS_TRY(check_classes(r->options->retry, err));
    CS_TRY(cs_store_at(r->options->results, p->name, &r->store, err));
    CS_TRY(cs_store_prepare(&r->store, err));
    r->n_cpus = r->options->cpus ? r->options->n_cpus : cs_cpus_allowed(all, SLOTS_MAX);
    memcpy(r->cpu, r->options->cpus ? r->options->cpus : all, r->n_cpus * sizeof *r->cpu);
    r->n_slots = r->options->jobs ? r->options->jobs : p->jobs;
    if (r->n_slots == 0)
        r->n_slots = r->n_cpus / p->threads;
    r->n_slots = r->n_slots < 1 ? 1 : r->n_slots > SLOTS_MAX ? SLOTS_MAX : r->n_slots;
    if (r->n_slots > r->plan->n_jobs && r->plan->n_jobs > 0)
        r->n_slots = r->plan->n_jobs;
    r->state = calloc(r->plan->n_jobs + 1, sizeof *r->state);
    if (!r->state)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    if (r->options->fresh)
        CS_TRY(clear_foreign(r, err));
    CS_TRY(cs_store_freeze(&r->store, &r->plan->profile, err));
    if (r->options->fresh || r->options->retry)
        CS_TRY(forget(r, err));
    return survey(r, err);
}

cs_status cs_runner_run(const cs_plan *plan, const cs_run_options *options, cs_run_outcome *out,
                        cs_error *err)
{
    runner *r = calloc(1, sizeof *r);
    if (!r)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    *out = (cs_run_outcome){0};
    r->plan = plan;
    r->options = options;
    r->outcome = out;
    r->signal_fd = cs_signals_open();
    cs_progress_begin(&r->progress, options, plan->n_jobs, 0);
    cs_status status = prepare(r, err);
    if (status == CS_OK) {
        r->progress.done = r->progress.done_before = out->skipped;
        status = loop(r, err);
    }
    stop_all(r);
    cs_progress_end(&r->progress);
    if (status == CS_OK)
        status = flush_rows(r, true, err);
    else if (r->state)
        flush_rows(r, true, NULL); /* what is finished is listed, if the disk lets us */
    if (status == CS_OK)
        status = tally(r, err);
    cs_signals_close(r->signal_fd);
    free(r->state);
    free(r);
    return status;
}
