/* Checks of the program, its libraries, gnuplot, data sets and a profile. */
#include "cmd/doctor.h"

#include "cmd/pin_blas.h"
#include "cmd/profile_files.h"
#include "cosearch/nn.h"
#include "datasets/dataset_access.h"
#include "registry.h"
#include "run/clock.h"
#include "run/env.h"
#include "run/memory.h"
#include "run/plan.h"
#include "run/rates.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RATES_BATCH 64
#define RATES_S 0.2 /* of measuring, for each of three ways and each of their turns */

/* The profile of --profile. */
static cs_status read_profile(const doctor *d, cs_profile *out, cs_error *err)
{
    char path[1200];
    CS_TRY(cs_profile_files_find(cs_args_get(d->args, "profile"), path, sizeof path, err));
    return cs_profile_read(path, out, err);
}

void doctor_read_blas(doctor *d)
{
    cs_profile profile;
    if (cs_args_has(d->args, "profile") && read_profile(d, &profile, NULL) == CS_OK)
        snprintf(d->blas_wanted, sizeof d->blas_wanted, "%s", profile.blas_core);
}

void doctor_program(doctor *d)
{
    char build[64];
    const char *rev = cs_env_git_rev();
    cs_env_build_id(build, sizeof build);
    if (cs_env_git_dirty())
        doctor_find(d, DOCTOR_WARN, "commit before runs that are to be published",
                    "%s, revision %s with uncommitted changes, %s", CS_VERSION, rev, build);
    else
        doctor_find(d, DOCTOR_OK, NULL, "%s, revision %s, %s", CS_VERSION, *rev ? rev : "unknown",
                    build);
}

/* Single-thread product of two 384 x 384 matrices, billions of operations per second; 0: no
 * memory. A figure to look at, not a verdict: it depends on what else runs. */
static double gemm_gflops(void)
{
    enum { N = 384 };
    cs_engine *engine;
    float *m = calloc(3 * N * N, sizeof *m);
    double best = 0.0;
    if (m && cs_engine_new(1, &engine) == CS_OK) {
        for (int repeat = 0; repeat < 8; repeat++) {
            const double start = cs_clock_s();
            cs_gemm(engine, false, false, N, N, N, 1.0f, m, N, m + N * N, N, 0.0f, m + 2 * N * N,
                    N);
            const double rate = 2e-9 * N * N * N / (cs_clock_s() - start);
            best = rate > best ? rate : best;
        }
        cs_engine_free(engine);
    }
    free(m);
    return best;
}

void doctor_blas(doctor *d)
{
    const char *possible = cs_env_blas_core(d->blas_wanted), *obtained = cs_blas_core(),
               *own = cs_pin_blas_unpinned();
    const double rate = gemm_gflops();
    if (!possible)
        doctor_find(d, DOCTOR_OK, NULL, "%s, the library's own choice, %.1f GFLOP/s on one core",
                    obtained, rate);
    else if (strcasecmp(possible, obtained) != 0)
        doctor_find(d, DOCTOR_FAIL,
                    "use an OpenBLAS with all kernels (Debian: libopenblas0-pthread), or set "
                    "blas_core in the profile",
                    "%s obtained, %s asked for; %.1f GFLOP/s on one core", obtained, possible,
                    rate);
    else
        doctor_find(d, DOCTOR_OK, NULL,
                    "%s obtained, as possible; %.1f GFLOP/s on one core (left alone, the library "
                    "takes %s)",
                    obtained, rate, own ? own : obtained);
}

/* Steps of a network of the profile's space, or of the smallest one. */
void doctor_workers(doctor *d)
{
    cs_profile profile;
    cs_net net;
    cs_rates rates;
    cs_error why = {{0}};
    char text[320];
    const bool own = cs_args_has(d->args, "profile") && read_profile(d, &profile, NULL) == CS_OK;
    cs_status status = cs_rates_net(own ? profile.space : "fbnet:micro",
                                    own ? profile.hw : "fpga-chunk", 10, &net, &why);
    if (status == CS_OK)
        status = cs_rates_measure(&net, own ? profile.final.recipe.batch : RATES_BATCH,
                                  own ? profile.isa : "auto", RATES_S, &rates, &why);
    if (status != CS_OK) {
        doctor_find(d, DOCTOR_WARN, "choose --jobs and threads by hand", "%s", why.text);
        return;
    }
    cs_rates_text(&rates, text, sizeof text);
    doctor_find(d, DOCTOR_OK, NULL, "%s", text);
}

/* The high-water mark has to follow an allocation that is touched and given back. */
void doctor_papi(doctor *d)
{
    enum { TOUCHED_KIB = 32768 };
    char version[32];
    uint64_t rss, before, after;
    cs_counters counters;
    cs_memory_version(version);
    if (!cs_memory_open()) {
        doctor_find(d, DOCTOR_FAIL, "install libpapi-dev ('make deps' does) and build again",
                    "version %s: %s", version, cs_memory_status());
        return;
    }
    const bool reset = cs_memory_reset_peak();
    if (!cs_memory_read(&rss, &before)) {
        doctor_find(d, DOCTOR_FAIL, "mount /proc", "version %s cannot read memory", version);
        return;
    }
    volatile char *block = malloc((size_t)TOUCHED_KIB * 1024);
    for (size_t i = 0; block && i < (size_t)TOUCHED_KIB * 1024; i += 1024)
        block[i] = 1;
    free((void *)block);
    cs_memory_read(&rss, &after);
    const int n = cs_counters_start();
    cs_counters_stop(&counters);
    if (after < before + TOUCHED_KIB / 2)
        doctor_find(d, DOCTOR_FAIL, "report the kernel and the version of PAPI",
                    "version %s: the memory high-water mark does not follow (%llu, then %llu KiB "
                    "after touching %d)",
                    version, (unsigned long long)before, (unsigned long long)after, TOUCHED_KIB);
    else if (!reset)
        doctor_find(d, DOCTOR_WARN, "nothing: peaks then include the loading of data",
                    "version %s, but the kernel does not let the high-water mark be reset",
                    version);
    else
        doctor_find(d, DOCTOR_OK, NULL,
                    "version %s, memory peaks are read; hardware counters: %d "
                    "of 3%s",
                    version, n, n == 0 ? " (the columns papi_* stay empty)" : "");
}

void doctor_gnuplot(doctor *d)
{
    static const char mend[] = "install gnuplot-nox ('make deps' does)";
    char version[128] = "", line[256];
    bool svg = false, png = false;
    FILE *pipe = popen("gnuplot --version 2>/dev/null; gnuplot -e 'set terminal' 2>&1", "r");
    while (pipe && fgets(line, sizeof line, pipe)) {
        if (strncmp(line, "gnuplot ", 8) == 0)
            snprintf(version, sizeof version, "%.*s", (int)strcspn(line + 8, "\n"), line + 8);
        svg = svg || strstr(line, " svg ");
        png = png || strstr(line, " pngcairo ");
    }
    if (pipe)
        pclose(pipe);
    if (!*version)
        doctor_find(d, DOCTOR_WARN, mend, "not installed: no figures");
    else if (!svg || !png)
        doctor_find(d, DOCTOR_WARN, mend, "%s without the terminal %s", version,
                    svg ? "pngcairo" : "svg");
    else
        doctor_find(d, DOCTOR_OK, NULL, "%s, svg and pngcairo", version);
}

/* One data set: not there is bad only if it is needed; a wrong checksum always is. */
static void check_dataset(doctor *d, const char *name, bool needed)
{
    cs_dataset *set;
    cs_error why = {{0}};
    char id[64] = "";
    uint32_t compared;
    cs_status status = cs_dataset_open(name, cs_data_dir(), 0, 0.0, true, &set, &why);
    if (status == CS_OK) {
        snprintf(id, sizeof id, "%s", cs_dataset_info_get(set)->id);
        cs_dataset_close(set);
        status = cs_dataset_verify(name, cs_data_dir(), &compared, &why);
        if (status != CS_OK)
            doctor_find(d, DOCTOR_FAIL, "the sentence above says how", "%s", why.text);
        else if (compared == 0)
            doctor_find(d, DOCTOR_OK, NULL, "%s: readable, no checksums to compare with", id);
        else
            doctor_find(d, DOCTOR_OK, NULL, "%s: readable, checksums of %u files hold", id,
                        (unsigned)compared);
    } else if (needed)
        doctor_find(d, DOCTOR_FAIL, "the sentence above says how", "%s", why.text);
    else
        doctor_find(d, DOCTOR_WARN, "nothing, unless you need this data set", "%s: %s", name,
                    why.text);
}

void doctor_data(doctor *d)
{
    cs_profile profile;
    if (cs_args_has(d->args, "profile")) { /* one that cannot be read is told by doctor_profile */
        if (read_profile(d, &profile, NULL) == CS_OK)
            check_dataset(d, profile.dataset, true);
        return;
    }
    for (size_t i = 0; i < cs_dataset_count(); i++)
        check_dataset(d, cs_dataset_name(i), false);
}

void doctor_profile(doctor *d)
{
    cs_profile profile;
    cs_plan *plan;
    cs_error why = {{0}};
    if (!cs_args_has(d->args, "profile"))
        return;
    cs_status status = read_profile(d, &profile, &why);
    if (status == CS_OK)
        status = cs_plan_new(&profile, &(cs_selection){0}, cs_data_dir(), &plan, &why);
    if (status != CS_OK) {
        doctor_find(d, DOCTOR_FAIL, "correct the profile; docs/profiles.md explains every key",
                    "%s", why.text);
        return;
    }
    doctor_find(d, DOCTOR_OK, NULL, "%s: %zu runs of %zu methods", profile.name, plan->n_jobs,
                profile.n_methods);
    cs_plan_free(plan);
}
