#include "run/env.h"

#include "core/hash.h"
#include "run/memory.h"
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef CS_GIT_REV
#define CS_GIT_REV ""
#endif
#ifndef CS_GIT_DIRTY
#define CS_GIT_DIRTY 0
#endif
#ifndef CS_BUILD_MODE
#define CS_BUILD_MODE "unknown"
#endif

#define VALUE_MAX 4096

const char *cs_env_git_rev(void)
{
    return CS_GIT_REV;
}

bool cs_env_git_dirty(void)
{
    return CS_GIT_DIRTY;
}

void cs_env_build_id(char *text, size_t size)
{
#ifdef __clang__
    snprintf(text, size, "%s %s", __VERSION__, CS_BUILD_MODE);
#else
    snprintf(text, size, "gcc %s %s", __VERSION__, CS_BUILD_MODE);
#endif
}

cs_status cs_env_isa(const char *wanted, cs_isa *out, cs_error *err)
{
    const char *variable = getenv("COSEARCH_ISA"), *source = "[profile] isa";
    *out = cs_isa_detect();
    if (strcmp(wanted, "auto") == 0 && variable && *variable) {
        wanted = variable;
        source = "COSEARCH_ISA";
    }
    if (strcmp(wanted, "auto") == 0)
        return CS_OK;
    for (cs_isa isa = CS_ISA_PORTABLE; isa < CS_ISA_COUNT; isa++)
        if (strcmp(wanted, cs_isa_text(isa)) == 0) {
            if (isa > *out)
                return cs_fail(err, CS_EDATA,
                               "%s: this CPU does not have %s; the widest here is %s", source,
                               wanted, cs_isa_text(*out));
            *out = isa;
            return CS_OK;
        }
    return cs_fail(err, CS_EUSAGE, "%s: '%s' is not auto, portable, avx2 or avx512", source,
                   wanted);
}

cs_status cs_env_engine(const char *wanted_isa, int threads, cs_engine **out, cs_error *err)
{
    cs_isa isa;
    CS_TRY(cs_env_isa(wanted_isa, &isa, err));
    if (cs_engine_new(threads, out) != CS_OK)
        return cs_fail(err, CS_ENOMEM, "out of memory for the engine");
    return cs_engine_set_isa(*out, isa);
}

/* Value of "field : value" in a file such as /proc/cpuinfo. */
static void read_field(const char *path, const char *field, char *text, size_t size)
{
    char line[VALUE_MAX];
    const size_t n = strlen(field);
    FILE *file = fopen(path, "r");
    text[0] = '\0';
    while (file && !*text && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, field, n) != 0 || !colon ||
            strspn(line + n, " \t") + n < (size_t)(colon - line))
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(text, size, "%.*s", (int)strcspn(colon, "\n"), colon);
    }
    if (file)
        fclose(file);
}

void cs_env_cpuinfo(const char *field, char *text, size_t size)
{
    read_field("/proc/cpuinfo", field, text, size);
}

static bool has_flag(const char *flags, const char *flag)
{
    const size_t n = strlen(flag);
    for (const char *p = strstr(flags, flag); p; p = strstr(p + n, flag))
        if ((p == flags || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

const char *cs_env_blas_core(const char *wanted)
{
    char flags[VALUE_MAX];
    if (strcmp(wanted, "auto") != 0)
        return wanted;
    cs_env_cpuinfo("flags", flags, sizeof flags);
    /* SkylakeX kernels use these four. */
    if (has_flag(flags, "avx512f") && has_flag(flags, "avx512dq") && has_flag(flags, "avx512bw") &&
        has_flag(flags, "avx512vl"))
        return "SkylakeX";
    if (has_flag(flags, "avx2") && has_flag(flags, "fma"))
        return "Haswell";
    return NULL;
}

/* First line of a small file; "" if it cannot be read. */
static void read_line(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    text[0] = '\0';
    if (file && fgets(text, (int)size, file))
        text[strcspn(text, "\n")] = '\0';
    if (file)
        fclose(file);
}

typedef struct pair {
    const char *key;
    char value[VALUE_MAX];
} pair;

#define PAIRS_MAX 40

typedef struct pairs {
    pair item[PAIRS_MAX];
    size_t n;
} pairs;

static char *next_value(pairs *list, const char *key)
{
    pair *p = &list->item[list->n < PAIRS_MAX ? list->n++ : PAIRS_MAX - 1];
    p->key = key;
    p->value[0] = '\0';
    return p->value;
}

static void add(pairs *list, const char *key, const char *value)
{
    snprintf(next_value(list, key), VALUE_MAX, "%s", value ? value : "");
}

static void add_machine(pairs *list)
{
    char flags[VALUE_MAX];
    struct utsname name;
    cs_env_cpuinfo("flags", flags, sizeof flags);
    cs_env_cpuinfo("model name", next_value(list, "cpu_model"), VALUE_MAX);
    add(list, "cpu_flags", flags);
    snprintf(next_value(list, "cores_online"), VALUE_MAX, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", next_value(list, "governor"),
              VALUE_MAX);
    read_field("/proc/meminfo", "MemTotal", next_value(list, "memory"), VALUE_MAX);
    add(list, "virtual_machine", has_flag(flags, "hypervisor") ? "yes" : "no hint");
    add(list, "container",
        access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 ? "yes"
                                                                                    : "no hint");
    if (uname(&name) == 0) {
        snprintf(next_value(list, "kernel"), VALUE_MAX, "%s %s", name.sysname, name.release);
        add(list, "architecture", name.machine);
    }
}

static void add_software(pairs *list, const char *blas_requested, const char *isa, int threads)
{
    char text[64];
    add(list, "libc", gnu_get_libc_version());
    cs_env_build_id(text, sizeof text);
    add(list, "build", text);
    add(list, "git_rev", cs_env_git_rev());
    add(list, "git_dirty", cs_env_git_dirty() ? "1" : "0");
    add(list, "blas_core_requested", blas_requested);
    add(list, "blas_core_obtained", cs_blas_core());
    add(list, "blas_threads", getenv("OPENBLAS_NUM_THREADS"));
    add(list, "engine_isa", isa);
    snprintf(next_value(list, "engine_threads"), VALUE_MAX, "%d", threads);
    cs_memory_version(text);
    add(list, "papi_version", text);
    add(list, "papi_status", cs_memory_status());
    add(list, "glibc_tunables", getenv("GLIBC_TUNABLES"));
    add(list, "omp_num_threads", getenv("OMP_NUM_THREADS"));
}

static cs_status print(const pairs *list, cs_env_record *out)
{
    cs_text identity = {0};
    for (size_t i = 0; i < list->n; i++)
        cs_text_addf(&identity, "%s=%s\n", list->item[i].key, list->item[i].value);
    if (identity.failed)
        return CS_ENOMEM;
    cs_hash_hex(cs_hash_bytes(identity.data, identity.len, 0), out->id);
    cs_text_free(&identity);
    cs_schema_header(&cs_schema_env, &out->csv);
    cs_status status = CS_OK;
    for (size_t i = 0; i < list->n && status == CS_OK; i++) {
        cs_row row;
        status = cs_row_new(&cs_schema_env, &row);
        if (status != CS_OK)
            break;
        cs_row_count(&row, "schema", CS_SCHEMA_VERSION);
        cs_row_text(&row, "env_id", out->id);
        cs_row_text(&row, "key", list->item[i].key);
        cs_row_text(&row, "value", list->item[i].value);
        status = cs_row_line(&row, &out->csv);
        cs_row_free(&row);
    }
    return status;
}

cs_status cs_env_capture(const char *blas_requested, const char *isa, int threads,
                         cs_env_record *out)
{
    pairs *list = calloc(1, sizeof *list);
    if (!list)
        return CS_ENOMEM;
    *out = (cs_env_record){0};
    add_machine(list);
    add_software(list, blas_requested, isa, threads);
    const cs_status status = print(list, out);
    if (status != CS_OK)
        cs_text_free(&out->csv);
    free(list);
    return status;
}

cs_status cs_env_save(const cs_env_record *record, const cs_store *store, cs_error *err)
{
    char path[CS_PATH_MAX];
    CS_TRY(cs_path_format(path, err, "%s/env/%s.csv", store->dir, record->id));
    return cs_file_exists(path) ? CS_OK
                                : cs_file_write(path, record->csv.data, record->csv.len, err);
}
