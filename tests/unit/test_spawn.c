/* Workers that misbehave. The test binary plays the worker itself: with the argument __misbehave
 * it does what the next argument says instead of running tests. */
#include "misbehave.h"
#include "run/clock.h"
#include "run/spawn.h"
#include "temp_file.h"
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>

static cs_child_result run_child(const char *what, double wall_cap_s, double peak_cap_kib)
{
    char log[64], exe[] = "/proc/self/exe", flag[] = "__misbehave", word[32];
    snprintf(word, sizeof word, "%s", what);
    char *const argv[] = {exe, flag, word, NULL};
    char *const envp[] = {NULL};
    temp_file(log, "");
    const cs_child_spec spec = {.exe = exe,
                                .argv = argv,
                                .envp = envp,
                                .log_path = log,
                                .lock_fd = -1,
                                .wall_cap_s = wall_cap_s,
                                .cpu_cap_s = INFINITY,
                                .peak_cap_kib = peak_cap_kib,
                                .grace_s = 0.5};
    cs_child *child;
    cs_error err = {""};
    cr_assert_eq(cs_child_start(&spec, &child, &err), CS_OK, "%s", err.text);
    const double begin = cs_clock_s();
    while (!cs_child_done(child) && cs_clock_s() - begin < 30.0)
        cs_children_poll(&child, 1, -1, 0.1);
    cr_assert(cs_child_done(child), "%s does not end", what);
    const cs_child_result result = *cs_child_result_get(child);
    cs_child_free(child);
    remove(log);
    return result;
}

Test(spawn, normal_end)
{
    const cs_child_result r = run_child("end", INFINITY, INFINITY);
    cr_assert_eq(r.exit_code, 0);
    cr_assert_eq(r.signal, 0);
    cr_assert_eq(r.cause, CS_KILL_NONE);
    cr_assert(r.vitals.ended && r.vitals.beating);
    cr_assert_eq(r.vitals.end_status, 0);
    cr_assert_eq(r.vitals.mac, 5e9);
    cr_assert_eq(r.vitals.peak_kib, 2000);
    cr_assert_str_eq(r.vitals.fault, "no such thing");
    cr_assert(r.maxrss_kib > 0);
}

Test(spawn, exit_code_and_segmentation_fault)
{
    cs_child_result r = run_child("exit", INFINITY, INFINITY);
    cr_assert_eq(r.exit_code, 7);
    r = run_child("crash", INFINITY, INFINITY);
    cr_assert_eq(r.exit_code, -1);
    cr_assert_eq(r.signal, SIGSEGV);
    cr_assert_eq(r.cause, CS_KILL_NONE);
}

Test(spawn, deaf_worker_gets_sigkill_after_the_grace)
{
    const cs_child_result r = run_child("deaf", 0.3, INFINITY);
    cr_assert_eq(r.cause, CS_KILL_WALL);
    cr_assert_eq(r.signal, SIGKILL);
    cr_assert(r.wall_s >= 0.8 && r.wall_s < 10.0, "%g s", r.wall_s);
}

Test(spawn, obedient_worker_ends_within_the_grace)
{
    const cs_child_result r = run_child("sleep", 0.3, INFINITY);
    cr_assert_eq(r.cause, CS_KILL_WALL);
    cr_assert_eq(r.signal, SIGTERM);
}

Test(spawn, memory_hog_is_stopped_at_its_cap)
{
    const cs_child_result r = run_child("hog", 20.0, 200000);
    cr_assert_eq(r.cause, CS_KILL_PEAK);
    cr_assert_eq(r.signal, SIGKILL);
    cr_assert(r.vitals.peak_kib > 200000);
}

Test(spawn, missing_program_is_an_exit_code)
{
    char log[64], exe[] = "/nonexistent/program";
    char *const argv[] = {exe, NULL}, *const envp[] = {NULL};
    cs_child *child;
    temp_file(log, "");
    const cs_child_spec spec = {.exe = exe,
                                .argv = argv,
                                .envp = envp,
                                .log_path = log,
                                .lock_fd = -1,
                                .wall_cap_s = INFINITY,
                                .cpu_cap_s = INFINITY,
                                .peak_cap_kib = INFINITY};
    cr_assert_eq(cs_child_start(&spec, &child, NULL), CS_OK);
    while (!cs_child_done(child))
        cs_children_poll(&child, 1, -1, 0.1);
    cr_assert_eq(cs_child_result_get(child)->exit_code, 127);
    cs_child_free(child);
    remove(log);
}

Test(protocol, takes_whole_lines_only)
{
    cs_vitals v;
    cs_vitals_init(&v);
    cr_assert(cs_vitals_line(&v, "hb 1.5 2.5 300 400"));
    cr_assert(v.t_wall_s == 1.5 && v.rss_kib == 300 && v.peak_kib == 400);
    cr_assert(cs_vitals_line(&v, "meter 1 2 3 4 0.5 nan"));
    cr_assert(v.left == 0.5 && isnan(v.best_acc));
    cr_assert(cs_vitals_line(&v, "env 0123456789abcdef Haswell"));
    cr_assert_str_eq(v.blas_core, "Haswell");
    cr_assert(cs_vitals_line(&v, "end -3"));
    cr_assert_eq(v.end_status, -3);
    cr_assert_not(cs_vitals_line(&v, "hb 1.5"));
    cr_assert_not(cs_vitals_line(&v, "hello"));
    cr_assert_not(cs_vitals_line(&v, ""));
}
