/* Memory and hardware counters of this process, by PAPI. */
#ifndef CS_BENCH_MEMORY_H
#define CS_BENCH_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Prepares PAPI; false if the library refuses (then nothing below is available). */
bool cs_memory_open(void);
/* Why it is not available, or "ok"; static text. */
const char *cs_memory_status(void);
/* Version of the library, "7.0.0". */
void cs_memory_version(char text[32]);

/* Resident size and its high-water mark in KiB. Safe to call from another thread. */
bool cs_memory_read(uint64_t *rss_kib, uint64_t *peak_kib);
/* Lets the high-water mark start again from the resident size, so that loading does not mask what
 * comes after. False where the kernel does not allow it. */
bool cs_memory_reset_peak(void);

/* Counters of the calling thread. */
typedef struct cs_counters {
    bool has[3];
    uint64_t value[3]; /* instructions, cycles, last-level cache misses */
} cs_counters;
/* Starts whichever counters the machine has; returns how many. */
int cs_counters_start(void);
void cs_counters_stop(cs_counters *out);

#endif
