/* Checks of the machine: CPU, governor, load, memory, disk. */
#include "cmd/doctor.h"

#include "core/text.h"
#include "cosearch/nn.h"
#include "run/env.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB 1048576.0
#define MEMORY_LOW_MIB 256.0 /* a worker with CIFAR mapped needs about this    */
#define MEMORY_GOOD_MIB 1024.0
#define DISK_LOW_MIB 64.0 /* run folders are small; data sets are not       */
#define DISK_GOOD_MIB 1024.0

/* First line of a file; false if it cannot be read. */
static bool first_line(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    const bool ok = file && fgets(text, (int)size, file);
    if (file)
        fclose(file);
    if (ok)
        text[strcspn(text, "\n")] = '\0';
    return ok;
}

void doctor_cpu(doctor *d)
{
    char model[256];
    cs_isa isa;
    cs_error why = {{0}};
    cs_env_cpuinfo("model name", model, sizeof model);
    if (cs_env_isa("auto", &isa, &why) != CS_OK) {
        doctor_find(d, DOCTOR_FAIL, "unset COSEARCH_ISA", "%s", why.text);
        return;
    }
    doctor_find(d, DOCTOR_OK, NULL, "%s, %ld cores online, engine kernels %s%s",
                *model ? model : "unknown model", sysconf(_SC_NPROCESSORS_ONLN), cs_isa_text(isa),
                isa == cs_isa_detect() ? "" : ", asked for by COSEARCH_ISA");
}

void doctor_governor(doctor *d)
{
    char governor[64];
    if (!first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", governor,
                    sizeof governor))
        doctor_find(d, DOCTOR_OK, NULL, "not to be seen here (usual in a virtual machine)");
    else if (strcmp(governor, "performance") == 0)
        doctor_find(d, DOCTOR_OK, NULL, "%s", governor);
    else
        doctor_find(d, DOCTOR_WARN, "as root: cpupower frequency-set -g performance",
                    "'%s': clock rates move, times are noisy", governor);
}

void doctor_load(doctor *d)
{
    char text[128];
    const double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    char *end = text;
    const double load = first_line("/proc/loadavg", text, sizeof text) ? strtod(text, &end) : 0.0;
    if (end == text)
        doctor_find(d, DOCTOR_WARN, "mount /proc", "/proc/loadavg cannot be read");
    else if (load > 0.5 * cores)
        doctor_find(d, DOCTOR_WARN, "stop other work before measuring times",
                    "%.2f over the last minute on %.0f cores: times will be noisy", load, cores);
    else
        doctor_find(d, DOCTOR_OK, NULL, "%.2f over the last minute on %.0f cores", load, cores);
}

/* KiB of a field of /proc/meminfo in MiB; negative if absent. */
static double meminfo_mib(const char *field)
{
    char line[128];
    double mib = -1.0;
    FILE *file = fopen("/proc/meminfo", "r");
    while (file && mib < 0.0 && fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':')
            mib = strtod(line + strlen(field) + 1, NULL) / 1024.0;
    if (file)
        fclose(file);
    return mib;
}

void doctor_memory(doctor *d)
{
    const double mib = meminfo_mib("MemAvailable");
    if (mib < 0.0)
        doctor_find(d, DOCTOR_WARN, "mount /proc", "/proc/meminfo cannot be read");
    else if (mib < MEMORY_LOW_MIB)
        doctor_find(d, DOCTOR_FAIL, "stop other programs", "%.0f MiB available", mib);
    else if (mib < MEMORY_GOOD_MIB)
        doctor_find(d, DOCTOR_WARN, "run with --jobs 1", "%.0f MiB available", mib);
    else
        doctor_find(d, DOCTOR_OK, NULL, "%.0f MiB available of %.0f", mib, meminfo_mib("MemTotal"));
}

void doctor_address_limit(doctor *d)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        doctor_find(d, DOCTOR_FAIL, "ulimit -v unlimited",
                    "address space limited to %.0f MiB: OpenBLAS may spin for ever under it",
                    (double)limit.rlim_cur / MIB);
    else
        doctor_find(d, DOCTOR_OK, NULL, "address space not limited");
}

/* The folder itself or the nearest one above it that exists. */
static void existing_folder(const char *path, char *out, size_t size)
{
    struct stat st;
    snprintf(out, size, "%s", path);
    while (*out && stat(out, &st) != 0) {
        char *slash = strrchr(out, '/');
        if (!slash) {
            snprintf(out, size, ".");
            return;
        }
        slash[slash == out] = '\0';
        if (strcmp(out, "/") == 0)
            return;
    }
}

void doctor_disk(doctor *d)
{
    const char *results = cs_args_globals(d->args)->results;
    char folder[1024];
    struct statvfs fs;
    existing_folder(results, folder, sizeof folder);
    if (access(folder, W_OK | X_OK) != 0) {
        doctor_find(d, DOCTOR_FAIL, "choose another folder with --results DIR",
                    "%s cannot be written: %s", folder, strerror(errno));
        return;
    }
    if (statvfs(folder, &fs) != 0) {
        doctor_find(d, DOCTOR_WARN, "choose another folder with --results DIR",
                    "free space of %s cannot be read: %s", folder, strerror(errno));
        return;
    }
    const double mib = (double)fs.f_bavail * (double)fs.f_frsize / MIB;
    const doctor_state state = mib < DISK_LOW_MIB    ? DOCTOR_FAIL
                               : mib < DISK_GOOD_MIB ? DOCTOR_WARN
                                                     : DOCTOR_OK;
    doctor_find(d, state, state == DOCTOR_OK ? NULL : "free some space, or use --results DIR",
                "%.0f MiB free for %s", mib, results);
}
