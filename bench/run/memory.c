/* The only file with papi.h. */
#include "run/memory.h"

#include <papi.h>
#include <stdio.h>
#include <string.h>

#define COUNTERS 3

static const int counter_code[COUNTERS] = {PAPI_TOT_INS, PAPI_TOT_CYC, PAPI_L3_TCM};
static const char *status = "not asked";
static int event_set = PAPI_NULL;
static bool counting[COUNTERS];

bool cs_memory_open(void)
{
    const int version = PAPI_library_init(PAPI_VER_CURRENT);
    if (version == PAPI_VER_CURRENT) {
        status = "ok";
        return true;
    }
    status = version > 0 ? "library and header differ in version" : PAPI_strerror(version);
    return false;
}

const char *cs_memory_status(void)
{
    return status;
}

void cs_memory_version(char text[32])
{
    snprintf(text, 32, "%d.%d.%d", PAPI_VERSION_MAJOR(PAPI_VERSION),
             PAPI_VERSION_MINOR(PAPI_VERSION), PAPI_VERSION_REVISION(PAPI_VERSION));
}

bool cs_memory_read(uint64_t *rss_kib, uint64_t *peak_kib)
{
    PAPI_dmem_info_t info;
    memset(&info, 0, sizeof info);
    if (strcmp(status, "ok") != 0 || PAPI_get_dmem_info(&info) != PAPI_OK)
        return false;
    *rss_kib = (uint64_t)info.resident;
    *peak_kib = (uint64_t)info.high_water_mark;
    return true;
}

bool cs_memory_reset_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file)
        return false;
    const bool written = fputs("5", file) >= 0;
    return fclose(file) == 0 && written;
}

int cs_counters_start(void)
{
    int n = 0;
    if (strcmp(status, "ok") != 0 || PAPI_create_eventset(&event_set) != PAPI_OK)
        return 0;
    for (int i = 0; i < COUNTERS; i++) {
        counting[i] = PAPI_query_event(counter_code[i]) == PAPI_OK &&
                      PAPI_add_event(event_set, counter_code[i]) == PAPI_OK;
        n += counting[i];
    }
    if (n > 0 && PAPI_start(event_set) != PAPI_OK) {
        memset(counting, 0, sizeof counting);
        n = 0;
    }
    return n;
}

void cs_counters_stop(cs_counters *out)
{
    long long value[COUNTERS] = {0};
    int n = 0;
    *out = (cs_counters){0};
    for (int i = 0; i < COUNTERS; i++)
        n += counting[i];
    if (n == 0 || PAPI_stop(event_set, value) != PAPI_OK)
        return;
    for (int i = 0, k = 0; i < COUNTERS; i++)
        if (counting[i]) {
            out->has[i] = true;
            out->value[i] = (uint64_t)value[k++];
        }
    memset(counting, 0, sizeof counting);
    PAPI_cleanup_eventset(event_set);
    PAPI_destroy_eventset(&event_set);
}
