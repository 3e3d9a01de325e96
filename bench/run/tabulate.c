#include "run/tabulate.h"

#include "run/clock.h"
#include "run/progress.h"
#include "run/spawn.h"
#include "run/worker_env.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_S 0.5
#define GRACE_S 10.0
#define CPUS_MAX 1024

typedef struct session {
    const cs_profile *profile;
    const cs_table_plan *plan;
    const cs_tabulate_options *options;
    char rows[CS_PATH_MAX], log[CS_PATH_MAX];
    bool *done; /* [plan->n_items] */
    size_t n_done, n_todo;
    cs_child **child;
    size_t n_children;
    double origin_s, next_draw_s;
} session;

/* ---- the working folder ---- */

/* The profile in the folder has to make the same rows. */
static cs_status check_profile(const session *s, const char *path, cs_error *err)
{
    cs_profile before;
    char recipe[64];
    CS_TRY(cs_profile_read(path, &before, err));
    cs_table_recipe_id(&before, recipe);
    if (strcmp(recipe, s->plan->recipe_id) != 0 ||
        strcmp(before.dataset, s->profile->dataset) != 0 ||
        strcmp(before.space, s->profile->space) != 0)
        return cs_fail(err, CS_EMISMATCH,
                       "%s was begun with %s, %s, recipe %s; this profile says %s, %s, recipe %s; "
                       "remove the folder to begin anew",
                       s->options->work, before.space, before.dataset, recipe, s->profile->space,
                       s->profile->dataset, s->plan->recipe_id);
    return CS_OK;
}

static cs_status write_profile(const session *s, cs_error *err)
{
    char path[CS_PATH_MAX];
    cs_text echo = {0};
    CS_TRY(cs_path_format(path, err, "%s/profile.ini", s->options->work));
    if (cs_file_exists(path))
        CS_TRY(check_profile(s, path, err));
    cs_status status = cs_profile_echo(s->profile, &echo);
    if (status == CS_OK)
        status = cs_file_write(path, echo.data, echo.len, err);
    cs_text_free(&echo);
    return status;
}

static cs_status write_todo(session *s, cs_error *err)
{
    char path[CS_PATH_MAX];
    cs_text todo = {0};
    s->n_todo = 0;
    for (size_t i = 0; i < s->plan->n_items; i++) {
        const cs_table_item *item = &s->plan->item[i];
        if (s->done[i] || (s->options->limit && s->n_todo == s->options->limit))
            continue;
        cs_text_addf(&todo, "%u %s\n", item->seed, s->plan->network[item->network]);
        s->n_todo++;
    }
    cs_text_addf(&todo, "%s", "");
    cs_status status = cs_path_format(path, err, "%s/todo.txt", s->options->work);
    if (status == CS_OK && todo.failed)
        status = cs_fail(err, CS_ENOMEM, "out of memory for the list of trainings");
    if (status == CS_OK)
        status = cs_file_write(path, todo.data, todo.len, err);
    cs_text_free(&todo);
    return status;
}

static cs_status prepare(session *s, cs_error *err)
{
    CS_TRY(cs_folder_make(s->options->work, err));
    CS_TRY(cs_path_format(s->rows, err, "%s/rows.csv", s->options->work));
    CS_TRY(cs_path_format(s->log, err, "%s/log.txt", s->options->work));
    CS_TRY(write_profile(s, err));
    s->done = calloc(s->plan->n_items + 1, sizeof *s->done);
    if (!s->done)
        return cs_fail(err, CS_ENOMEM, "out of memory for the list of trainings");
    if (cs_file_exists(s->rows))
        CS_TRY(cs_table_done(s->plan, s->rows, s->done, err));
    for (size_t i = 0; i < s->plan->n_items; i++)
        s->n_done += s->done[i];
    return write_todo(s, err);
}

/* ---- workers ---- */

static cs_status start(session *s, cs_error *err)
{
    int all[CPUS_MAX];
    const size_t n_cpus = cs_cpus_allowed(all, CPUS_MAX), threads = (size_t)s->profile->threads;
    const size_t n = s->options->jobs < s->n_todo ? s->options->jobs : s->n_todo;
    const bool pin = n * threads == n_cpus; /* else somebody else may be on this machine */
    cs_worker_env *env = malloc(sizeof *env);
    s->child = calloc(n + 1, sizeof *s->child);
    cs_status status = env && s->child ? CS_OK : cs_fail(err, CS_ENOMEM, "out of memory");
    if (status == CS_OK)
        cs_worker_env_build(env, s->profile);
    for (size_t k = 0; status == CS_OK && k < n; k++) {
        char name[] = "cosearch", command[] = "__tabulate", index[24], count[24];
        char dir[CS_PATH_MAX];
        snprintf(index, sizeof index, "%zu", k);
        snprintf(count, sizeof count, "%zu", n);
        snprintf(dir, sizeof dir, "%s", s->options->work);
        char *argv[] = {name, command, dir, index, count, NULL};
        const cs_child_spec spec = {.exe = s->options->exe,
                                    .argv = argv,
                                    .envp = env->list,
                                    .log_path = s->log,
                                    .lock_fd = -1,
                                    .cpus = all + k * threads,
                                    .n_cpus = pin ? threads : 0,
                                    .wall_cap_s = INFINITY,
                                    .cpu_cap_s = INFINITY,
                                    .peak_cap_kib = s->profile->peak_kib,
                                    .grace_s = GRACE_S};
        status = cs_child_start(&spec, &s->child[k], err);
        if (status == CS_OK)
            s->n_children++;
    }
    free(env);
    return status;
}

/* Lines of rows.csv without the header. */
static size_t count_rows(const session *s)
{
    char *text;
    size_t lines = 0;
    if (!cs_file_exists(s->rows) || cs_text_read_file(s->rows, &text, NULL, NULL) != CS_OK)
        return 0;
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    free(text);
    return lines ? lines - 1 : 0;
}

static void draw(session *s, size_t n_before)
{
    const double now = cs_clock_s();
    char left[32] = "?";
    if (!s->options->live || now < s->next_draw_s)
        return;
    s->next_draw_s = now + 2.0;
    const size_t rows = count_rows(s), here = rows > n_before ? rows - n_before : 0;
    if (here > 0)
        cs_duration_text((now - s->origin_s) / (double)here * (double)(s->n_todo - here), left,
                         sizeof left);
    fprintf(stderr, "\r\033[K[%zu/%zu] trainings, %s left", s->n_done + here, s->plan->n_items,
            left);
    fflush(stderr);
}

static bool all_done(const session *s)
{
    for (size_t k = 0; k < s->n_children; k++)
        if (!cs_child_done(s->child[k]))
            return false;
    return true;
}

static cs_status judge(const session *s, cs_error *err)
{
    for (size_t k = 0; k < s->n_children; k++) {
        const cs_child_result *result = cs_child_result_get(s->child[k]);
        if (result->exit_code == 0)
            continue;
        return cs_fail(err, CS_EIO, "a worker failed: %s; see %s, the same command goes on",
                       *result->vitals.fault ? result->vitals.fault : "it ended without a word",
                       s->log);
    }
    return CS_OK;
}

static cs_status watch(session *s, cs_tabulate_outcome *out, cs_error *err)
{
    const size_t before = count_rows(s);
    const int signals = cs_signals_open();
    s->origin_s = cs_clock_s();
    cs_status status = start(s, err);
    while (status == CS_OK && !all_done(s) && !out->signal) {
        cs_children_poll(s->child, s->n_children, signals, POLL_S);
        out->signal = cs_signals_take(signals);
        draw(s, before);
    }
    if (s->options->live)
        fputs("\r\033[K", stderr);
    if (status == CS_OK && !out->signal)
        status = judge(s, err);
    for (size_t k = 0; k < s->n_children; k++) {
        out->cpu_s += cs_child_result_get(s->child[k])->cpu_s;
        cs_child_free(s->child[k]);
    }
    free(s->child);
    cs_signals_close(signals);
    return status;
}

cs_status cs_tabulate(const cs_profile *profile, const cs_table_plan *plan,
                      const cs_tabulate_options *options, cs_tabulate_outcome *out, cs_error *err)
{
    session s = {.profile = profile, .plan = plan, .options = options};
    char lock_path[CS_PATH_MAX];
    int lock = -1;
    *out = (cs_tabulate_outcome){.total = plan->n_items};
    CS_TRY(cs_folder_make(options->work, err));
    CS_TRY(cs_path_format(lock_path, err, "%s/lock", options->work));
    cs_status status = cs_lock_take(lock_path, &lock, err);
    if (status == CS_STOP)
        return cs_fail(err, CS_EIO, "%s is being worked on by another cosearch", options->work);
    if (status == CS_OK)
        status = prepare(&s, err);
    if (status == CS_OK && s.n_todo > 0)
        status = watch(&s, out, err);
    if (status == CS_OK && s.n_todo > 0) {
        memset(s.done, 0, plan->n_items);
        status = cs_file_exists(s.rows) ? cs_table_done(plan, s.rows, s.done, err) : CS_OK;
    }
    for (size_t i = 0; s.done && i < plan->n_items; i++)
        out->done += s.done[i];
    free(s.done);
    cs_lock_drop(lock);
    return status;
}
