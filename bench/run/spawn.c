#define _GNU_SOURCE /* sched_setaffinity, pidfd_open, pipe2, wait4 */
#include "run/spawn.h"

#include "run/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCK_FD 4
#define CHILDREN_MAX 1024
#define TICK_S 0.25 /* how often caps are looked at */

struct cs_child {
    cs_child_spec spec; /* only the caps are read after the start */
    pid_t pid;
    int pidfd, pipe;
    double started, term_at; /* term_at: when SIGTERM was sent, NaN before */
    bool done;
    char line[CS_EVENT_LINE_MAX];
    size_t line_len;
    cs_child_result result;
};

/* Between fork and exec: async-signal-safe calls only. */
static void become_worker(const cs_child_spec *spec, int pipe_fd, int log_fd, int null_fd,
                          pid_t parent)
{
    sigset_t none;
    const struct rlimit no_core = {0, 0};
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127); /* the parent died before the line above */
    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (spec->n_cpus > 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        for (size_t i = 0; i < spec->n_cpus; i++)
            CPU_SET((size_t)spec->cpus[i], &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    /* Sources lie above the targets, so no dup2 overwrites one still needed. */
    if (dup2(null_fd, 0) < 0 || dup2(log_fd, 1) < 0 || dup2(log_fd, 2) < 0 ||
        dup2(pipe_fd, CS_EVENT_FD) < 0 || (spec->lock_fd >= 0 && dup2(spec->lock_fd, LOCK_FD) < 0))
        _exit(127);
    execve(spec->exe, spec->argv, spec->envp);
    _exit(127);
}

/* Descriptor number 16 or higher, closed on exec. */
static int lift(int fd)
{
    if (fd < 0)
        return fd;
    const int high = fcntl(fd, F_DUPFD_CLOEXEC, 16);
    close(fd);
    return high;
}

cs_status cs_child_start(const cs_child_spec *spec, cs_child **out, cs_error *err)
{
    int ends[2] = {-1, -1};
    cs_child *child = calloc(1, sizeof *child);
    if (!child)
        return cs_fail(err, CS_ENOMEM, "out of memory for a worker");
    const int log_fd = lift(open(spec->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
    const int null_fd = lift(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (pipe2(ends, O_CLOEXEC) == 0)
        ends[1] = lift(ends[1]);
    cs_child_spec lifted = *spec;
    lifted.lock_fd = spec->lock_fd >= 0 ? fcntl(spec->lock_fd, F_DUPFD_CLOEXEC, 16) : -1;
    const pid_t parent = getpid();
    pid_t pid = -1;
    if (log_fd >= 0 && null_fd >= 0 && ends[0] >= 0 && ends[1] >= 0)
        pid = fork();
    if (pid == 0)
        become_worker(&lifted, ends[1], log_fd, null_fd, parent);
    const int cause = errno;
    if (log_fd >= 0)
        close(log_fd);
    if (null_fd >= 0)
        close(null_fd);
    if (ends[1] >= 0)
        close(ends[1]);
    if (lifted.lock_fd >= 0)
        close(lifted.lock_fd);
    if (pid < 0) {
        if (ends[0] >= 0)
            close(ends[0]);
        free(child);
        return cs_fail(err, CS_EIO, "a worker with log %s could not be started: %s", spec->log_path,
                       strerror(cause));
    }
    setpgid(pid, pid); /* also here: whoever comes first */
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *child = (cs_child){.spec = *spec,
                        .pid = pid,
                        .pidfd = pidfd_open(pid, 0),
                        .pipe = ends[0],
                        .started = cs_clock_s(),
                        .term_at = NAN};
    cs_vitals_init(&child->result.vitals);
    *out = child;
    return CS_OK;
}

/* Splits what the pipe holds into lines; overlong ones are dropped. */
static void drain(cs_child *child)
{
    char block[4096];
    ssize_t n;
    while (child->pipe >= 0 && (n = read(child->pipe, block, sizeof block)) != 0) {
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return; /* nothing more for now */
        }
        for (ssize_t i = 0; i < n; i++) {
            if (block[i] == '\n') {
                child->line[child->line_len] = '\0';
                cs_vitals_line(&child->result.vitals, child->line);
                child->line_len = 0;
            } else if (child->line_len + 1 < sizeof child->line) {
                child->line[child->line_len++] = block[i];
            }
        }
    }
    if (child->pipe >= 0)
        close(child->pipe); /* end of file */
    child->pipe = -1;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static void reap(cs_child *child, int flags)
{
    int status;
    struct rusage usage;
    pid_t pid;
    while ((pid = wait4(child->pid, &status, flags, &usage)) < 0 && errno == EINTR)
        continue;
    if (pid != child->pid)
        return;
    kill(-child->pid, SIGKILL); /* whatever it left behind in its group */
    drain(child);
    child->done = true;
    child->result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    child->result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    child->result.wall_s = cs_clock_s() - child->started;
    child->result.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    child->result.maxrss_kib = (uint64_t)usage.ru_maxrss;
    if (child->pidfd >= 0)
        close(child->pidfd);
    if (child->pipe >= 0)
        close(child->pipe);
    child->pidfd = child->pipe = -1;
}

static void stop(cs_child *child, cs_kill_cause cause, int signal_number)
{
    child->result.cause = cause;
    child->term_at = cs_clock_s();
    kill(-child->pid, signal_number);
}

static void enforce(cs_child *child)
{
    const cs_child_spec *spec = &child->spec;
    const cs_vitals *v = &child->result.vitals;
    const double now = cs_clock_s();
    if (!isnan(child->term_at)) {
        if (now - child->term_at > spec->grace_s)
            kill(-child->pid, SIGKILL);
    } else if ((double)v->peak_kib > spec->peak_cap_kib) {
        stop(child, CS_KILL_PEAK, SIGKILL); /* no grace: it could take the machine down */
    } else if (now - child->started > spec->wall_cap_s) {
        stop(child, CS_KILL_WALL, SIGTERM);
    } else if (v->t_cpu_s > spec->cpu_cap_s) {
        stop(child, CS_KILL_CPU, SIGTERM);
    }
}

void cs_children_poll(cs_child *const *child, size_t n, int signal_fd, double timeout_s)
{
    struct pollfd fds[2 * CHILDREN_MAX + 1];
    nfds_t count = 0;
    bool no_pidfd = false;
    for (size_t i = 0; i < n && i < CHILDREN_MAX; i++) {
        if (!child[i] || child[i]->done)
            continue;
        fds[count++] = (struct pollfd){child[i]->pidfd, POLLIN, 0};
        fds[count++] = (struct pollfd){child[i]->pipe, POLLIN, 0};
        no_pidfd = no_pidfd || child[i]->pidfd < 0;
    }
    fds[count++] = (struct pollfd){signal_fd, POLLIN, 0};
    const double wait = fmin(timeout_s, no_pidfd ? 0.02 : TICK_S); /* old kernels: ask often */
    poll(fds, count, (int)ceil(wait * 1e3));
    for (size_t i = 0; i < n && i < CHILDREN_MAX; i++)
        if (child[i] && !child[i]->done) {
            drain(child[i]);
            reap(child[i], WNOHANG);
            if (!child[i]->done)
                enforce(child[i]);
        }
}

bool cs_child_done(const cs_child *child)
{
    return child->done;
}

const cs_child_result *cs_child_result_get(const cs_child *child)
{
    return &child->result;
}

void cs_child_free(cs_child *child)
{
    if (!child)
        return;
    if (!child->done) {
        stop(child, CS_KILL_CANCEL, SIGKILL);
        reap(child, 0);
    }
    free(child);
}

/* A handler and a pipe, not a blocked mask and signalfd: libraries start threads of their own
 * before main, which would not have the mask. */
static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
#define CAUGHT_COUNT (sizeof caught / sizeof *caught)
static struct sigaction previous[CAUGHT_COUNT];
static int signal_pipe[2] = {-1, -1};

static void on_signal(int signal_number)
{
    const int cause = errno;
    const unsigned char byte = (unsigned char)signal_number;
    if (write(signal_pipe[1], &byte, 1) < 0)
        errno = cause; /* full: enough signals are waiting */
    errno = cause;
}

int cs_signals_open(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    for (size_t i = 0; i < CAUGHT_COUNT; i++) {
        sigaction(caught[i], NULL, &previous[i]);
        if (previous[i].sa_handler != SIG_IGN) /* nohup stays nohup */
            sigaction(caught[i], &action, NULL);
    }
    return signal_pipe[0];
}

int cs_signals_take(int fd)
{
    unsigned char byte;
    return fd >= 0 && read(fd, &byte, 1) == 1 ? byte : 0;
}

void cs_signals_close(int fd)
{
    if (fd < 0)
        return;
    for (size_t i = 0; i < CAUGHT_COUNT; i++)
        sigaction(caught[i], &previous[i], NULL);
    close(signal_pipe[0]);
    close(signal_pipe[1]);
    signal_pipe[0] = signal_pipe[1] = -1;
}

size_t cs_cpus_allowed(int *cpus, size_t cap)
{
    cpu_set_t set;
    size_t n = 0;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 0;
    for (int i = 0; i < CPU_SETSIZE && n < cap; i++)
        if (CPU_ISSET((size_t)i, &set))
            cpus[n++] = i;
    return n;
}
