/* Signs of life of a worker; see worker.h. */
#include "run/worker.h"

#include "run/clock.h"
#include "run/memory.h"
#include "run/protocol.h"
#include <pthread.h>
#include <time.h>

#define PULSE_NS 200000000L

static struct {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool running, stop;
    double origin_s;
} pulse = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void beat(void)
{
    uint64_t rss = 0, peak = 0;
    if (cs_memory_read(&rss, &peak))
        cs_event_send("hb %.3f %.3f %llu %llu", cs_clock_s() - pulse.origin_s, cs_clock_cpu_s(),
                      (unsigned long long)rss, (unsigned long long)peak);
}

static void *run(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&pulse.mutex);
    while (!pulse.stop) {
        struct timespec until;
        beat();
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += PULSE_NS;
        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }
        pthread_cond_timedwait(&pulse.wake, &pulse.mutex, &until);
    }
    pthread_mutex_unlock(&pulse.mutex);
    return NULL;
}

void cs_pulse_start(double origin_s)
{
    pthread_condattr_t monotonic;
    pulse.origin_s = origin_s;
    pulse.stop = false;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pulse.wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pulse.running = pthread_create(&pulse.thread, NULL, run, NULL) == 0;
}

void cs_pulse_stop(void)
{
    if (!pulse.running)
        return;
    pthread_mutex_lock(&pulse.mutex);
    pulse.stop = true;
    pthread_cond_signal(&pulse.wake);
    pthread_mutex_unlock(&pulse.mutex);
    pthread_join(pulse.thread, NULL);
    pulse.running = false;
}
