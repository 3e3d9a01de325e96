#define _GNU_SOURCE /* sched_setaffinity */
#include "run/rates.h"

#include "cosearch/space.h"
#include "cosearch/train.h"
#include "run/clock.h"
#include "run/env.h"
#include "run/spawn.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPUS_MAX 64
#define HANG_S 60 /* a helper that does not end is ended */
#define SAME 0.03 /* closer rates are called equal: they differ as much from try to try */

cs_status cs_rates_net(const char *space_name, const char *hw, uint16_t classes, cs_net *out,
                       cs_error *err)
{
    cs_space *space;
    cs_design design = {0};
    cs_rng rng;
    CS_TRY(cs_space_new(space_name, hw, classes, &space, err));
    cs_rng_seed(&rng, 1);
    cs_space_sample(space, &rng, &design);
    const cs_status status = cs_space_network(space, &design, out);
    cs_space_free(space);
    return status == CS_OK
               ? CS_OK
               : cs_fail(err, status, "space %s: a sampled design has no network", space_name);
}

/* ---- in a process of its own ---- */

/* Noise for ever: the model sees one batch again and again. */
typedef struct trial {
    cs_batch batch;
    double until;
    int fd;
    bool started;
    uint64_t macs; /* at the start */
    double begun;
    cs_engine *engine;
} trial;

static cs_status next(void *context, cs_batch *out)
{
    trial *t = context;
    *out = t->batch;
    return CS_OK;
}

/* After the first step, which pages memory in, tells the parent and waits until all are so far. */
static cs_status after_step(void *context, uint32_t epoch, uint32_t step, double loss)
{
    trial *t = context;
    (void)epoch;
    (void)step;
    (void)loss;
    if (!t->started) {
        double seconds;
        const double ready = 0.0;
        if (write(t->fd, &ready, sizeof ready) != (ssize_t)sizeof ready ||
            read(t->fd, &seconds, sizeof seconds) != (ssize_t)sizeof seconds)
            return CS_EIO;
        t->started = true;
        t->begun = cs_clock_s();
        t->until = t->begun + seconds;
        t->macs = cs_engine_macs(t->engine);
        return CS_OK;
    }
    return cs_clock_s() < t->until ? CS_OK : CS_STOP;
}

typedef struct train_args {
    const cs_net *net;
    uint32_t batch;
    const char *isa;
    int threads, fd;
    double rate;
} train_args;

static double train(const cs_net *net, uint32_t batch, const char *isa, int threads, int fd)
{
    const cs_recipe recipe = {
        .id = "noise", .epochs = 1, .batch = batch, .lr = 0.001, .momentum = 0.9};
    const size_t image = (size_t)net->input_size * net->input_size * net->input_channels;
    float *x = malloc(batch * image * sizeof *x);
    int32_t *y = calloc(batch, sizeof *y);
    cs_model *model = NULL;
    trial t = {.fd = fd};
    double rate = -1.0;
    cs_rng rng;
    cs_rng_seed(&rng, 1);
    for (size_t i = 0; x && i < batch * image; i++)
        x[i] = (float)cs_rng_uniform(&rng) - 0.5f;
    if (x && y && cs_env_engine(isa, threads, &t.engine, NULL) == CS_OK &&
        cs_model_new(t.engine, net, batch, 1, &model, NULL) == CS_OK) {
        const cs_feed feed = {.context = &t, .epoch_images = batch, .next = next};
        t.batch = (cs_batch){.x = x,
                             .y = y,
                             .n = batch,
                             .h = net->input_size,
                             .w = net->input_size,
                             .c = net->input_channels};
        if (cs_model_train(model, &recipe, &feed, after_step, &t) == CS_STOP)
            rate = (double)(cs_engine_macs(t.engine) - t.macs) / (cs_clock_s() - t.begun);
    }
    cs_model_free(model);
    cs_engine_free(t.engine);
    free(x);
    free(y);
    return rate;
}

/* In a thread of its own: libgomp keeps a pool per thread, and the one that the main thread brought
 * through the fork has lost its workers. */
static void *train_thread(void *context)
{
    train_args *a = context;
    a->rate = train(a->net, a->batch, a->isa, a->threads, a->fd);
    return NULL;
}

/* ---- in this process ---- */

typedef struct helper {
    pid_t pid;
    int fd;
} helper;

static bool helper_start(helper *h, const cs_net *net, uint32_t batch, const char *isa, int threads,
                         const int *cpu)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    fflush(NULL);
    h->pid = fork();
    if (h->pid == 0) {
        close(ends[0]);
        if (cpu) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET((size_t)*cpu, &set);
            sched_setaffinity(0, sizeof set, &set);
        }
        train_args args = {net, batch, isa, threads, ends[1], -1.0};
        pthread_t thread;
        alarm(HANG_S);
        if (pthread_create(&thread, NULL, train_thread, &args) == 0)
            pthread_join(thread, NULL);
        const bool sent = args.rate > 0.0 &&
                          write(ends[1], &args.rate, sizeof args.rate) == (ssize_t)sizeof args.rate;
        _exit(sent ? 0 : 1);
    }
    close(ends[1]);
    h->fd = ends[0];
    if (h->pid < 0)
        close(ends[0]);
    return h->pid > 0;
}

/* Workers at once, one a CPU of the list (NULL: one anywhere); the sum of their rates. */
static cs_status together(const cs_net *net, uint32_t batch, const char *isa, int threads,
                          const int *cpus, size_t n, double seconds, double *sum, cs_error *err)
{
    helper h[CPUS_MAX];
    size_t started = 0;
    bool ok = true;
    *sum = 0.0;
    while (started < n &&
           helper_start(&h[started], net, batch, isa, threads, cpus ? &cpus[started] : NULL))
        started++;
    const int cause = errno;
    double value;
    for (size_t i = 0; i < started; i++)
        ok = read(h[i].fd, &value, sizeof value) == (ssize_t)sizeof value && ok;
    for (size_t i = 0; ok && started == n && i < n; i++)
        ok = send(h[i].fd, &seconds, sizeof seconds, MSG_NOSIGNAL) == (ssize_t)sizeof seconds;
    for (size_t i = 0; i < started; i++) {
        if (!ok || started < n)
            kill(h[i].pid, SIGKILL);
        else if (read(h[i].fd, &value, sizeof value) == (ssize_t)sizeof value)
            *sum += value;
        else
            ok = false;
        close(h[i].fd);
        waitpid(h[i].pid, NULL, 0);
    }
    if (started < n)
        return cs_fail(err, CS_EIO, "a process to measure rates could not be started: %s",
                       strerror(cause));
    return ok ? CS_OK
              : cs_fail(err, CS_ENOMEM,
                        "a process that measures rates ended early: is there memory for %zu "
                        "models with batches of %u images?",
                        n, (unsigned)batch);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double value[CS_RATES_PAIRS])
{
    qsort(value, CS_RATES_PAIRS, sizeof *value, ascending);
    return value[CS_RATES_PAIRS / 2];
}

cs_status cs_rates_measure(const cs_net *net, uint32_t batch, const char *isa, double seconds,
                           cs_rates *out, cs_error *err)
{
    int cpu[CPUS_MAX];
    cs_isa checked; /* a wrong name is told here, in words */
    CS_TRY(cs_env_isa(isa, &checked, err));
    *out = (cs_rates){.cpus = cs_cpus_allowed(cpu, CPUS_MAX)};
    if (out->cpus == 0)
        return cs_fail(err, CS_EIO, "the CPUs of this process cannot be read: %s", strerror(errno));
    CS_TRY(together(net, batch, isa, 1, cpu, 1, seconds, &out->alone, err));
    out->apart = out->together = out->alone;
    out->gain = 1.0;
    if (out->cpus == 1)
        return CS_OK;
    double apart[CS_RATES_PAIRS], whole[CS_RATES_PAIRS], gain[CS_RATES_PAIRS];
    for (int i = 0; i < CS_RATES_PAIRS; i++) {
        CS_TRY(together(net, batch, isa, 1, cpu, out->cpus, seconds, &apart[i], err));
        CS_TRY(together(net, batch, isa, (int)out->cpus, NULL, 1, seconds, &whole[i], err));
        gain[i] = apart[i] / whole[i];
    }
    out->apart = median(apart);
    out->together = median(whole);
    out->gain = median(gain);
    return CS_OK;
}

void cs_rates_text(const cs_rates *r, char *text, size_t size)
{
    if (r->cpus == 1) {
        snprintf(text, size, "one CPU: %.3g MAC/s", r->alone);
        return;
    }
    char verdict[96];
    const double gain = r->gain;
    if (fabs(gain - 1.0) < SAME)
        snprintf(verdict, sizeof verdict, "no difference");
    else if (gain > 1.0)
        snprintf(verdict, sizeof verdict, "--jobs %zu with threads = 1 is faster by %.0f %%",
                 r->cpus, 100.0 * (gain - 1.0));
    else
        snprintf(verdict, sizeof verdict, "--jobs 1 with threads = %zu is faster by %.0f %%",
                 r->cpus, 100.0 * (1.0 / gain - 1.0));
    snprintf(text, size,
             "%zu one-thread workers %.3g MAC/s (one alone %.3g), one worker of %zu threads %.3g "
             "MAC/s: %s",
             r->cpus, r->apart, r->alone, r->cpus, r->together, verdict);
}
