/* trace.csv of one run: whole lines, one write() each, never stdio. */
#ifndef CS_BENCH_TRACE_H
#define CS_BENCH_TRACE_H

#include "run/task_config.h"

typedef struct cs_trace {
    int fd; /* -1: not open, or given up after a failed write */
    bool failed;
    int cause; /* errno of the failure */
    const char *run_id;
    double origin_s, origin_cpu_s; /* moments from which times count */
} cs_trace;

/* Begins the file anew, header written; with keep > 0 goes on after its first so many bytes, which
 * a checkpoint was taken at. run_id is borrowed. */
cs_status cs_trace_open(cs_trace *trace, const char *path, const char *run_id, uint64_t keep,
                        cs_error *err);
/* Adds a row. A failure is remembered and reported by cs_trace_sync. */
void cs_trace_write(cs_trace *trace, const cs_event *event);
/* Bytes written so far, all of them on disk; CS_EIO as cs_trace_sync. */
cs_status cs_trace_mark(cs_trace *trace, uint64_t *bytes, cs_error *err);
cs_status cs_trace_sync(cs_trace *trace, cs_error *err);
void cs_trace_close(cs_trace *trace);

#endif
