#include "run/trace.h"

#include "core/hash.h"
#include "run/clock.h"
#include "run/memory.h"
#include "run/schema.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const event_name[] = {"eval",    "offer",     "improve",
                                         "observe", "heartbeat", "stop"};
static const char *const fidelity_name[] = {"proxy", "short", "full"};

static void put(cs_trace *trace, const cs_text *line)
{
    if (trace->fd < 0)
        return;
    errno = line->failed ? ENOMEM : ENOSPC; /* a short write leaves errno alone */
    if (line->failed || write(trace->fd, line->data, line->len) != (ssize_t)line->len) {
        trace->cause = errno;
        trace->failed = true;
        cs_trace_close(trace);
    }
}

cs_status cs_trace_open(cs_trace *trace, const char *path, const char *run_id, uint64_t keep,
                        cs_error *err)
{
    struct stat st;
    *trace = (cs_trace){.run_id = run_id, .origin_s = cs_clock_s()};
    trace->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (trace->fd < 0 || fstat(trace->fd, &st) != 0)
        return cs_fail(err, CS_EIO, "%s cannot be written: %s", path, strerror(errno));
    if ((uint64_t)st.st_size < keep)
        return cs_fail(err, CS_EFORMAT, "%s is shorter than when the checkpoint was taken", path);
    if (ftruncate(trace->fd, (off_t)keep) != 0)
        return cs_fail(err, CS_EIO, "%s cannot be written: %s", path, strerror(errno));
    if (keep == 0) {
        cs_text header = {0};
        cs_schema_header(&cs_schema_trace, &header);
        put(trace, &header);
        cs_text_free(&header);
    }
    return CS_OK;
}

static void fill(const cs_trace *trace, cs_row *row, const cs_event *e)
{
    char hex[17];
    uint64_t rss, peak;
    cs_row_count(row, "schema", CS_SCHEMA_VERSION);
    cs_row_text(row, "run_id", trace->run_id);
    cs_row_text(row, "event", event_name[e->kind]);
    cs_row_number(row, "t_wall_s", cs_clock_s() - trace->origin_s);
    cs_row_number(row, "t_cpu_s", cs_clock_cpu_s() - trace->origin_cpu_s);
    cs_row_count(row, "search_mac", e->search_mac);
    cs_row_count(row, "evals", e->evals);
    cs_row_count(row, "hw_queries", e->hw_queries);
    cs_row_count(row, "samples", e->samples);
    cs_row_number(row, "best_feasible_acc", e->best_feasible_acc);
    cs_row_number(row, "hv", e->hypervolume);
    if (e->kind != CS_EVENT_OBSERVE && cs_memory_read(&rss, &peak))
        cs_row_count(row, "rss_kib", rss);
    cs_row_text(row, "name", e->name);
    cs_row_number(row, "value", e->value);
    if (e->kind != CS_EVENT_HEARTBEAT)
        cs_row_count(row, "seq", e->seq);
    if (e->fidelity >= 0)
        cs_row_text(row, "fidelity", fidelity_name[e->fidelity]);
    if (!e->has_hw)
        return;
    cs_hash_hex(e->design_hash, hex);
    cs_row_text(row, "design_hash", hex);
    cs_row_number(row, "claim_acc", e->claim_acc);
    cs_row_number(row, "acc_val", e->acc_val);
    cs_row_number(row, "dsp", e->hw.dsp);
    cs_row_number(row, "bram", e->hw.bram);
    cs_row_number(row, "fps", e->hw.fps);
    cs_row_number(row, "edp_js", e->hw.edp_js);
    cs_row_flag(row, "feasible", e->hw.violated == 0);
}

void cs_trace_write(cs_trace *trace, const cs_event *event)
{
    cs_row row;
    cs_text line = {0};
    if (trace->fd < 0 || cs_row_new(&cs_schema_trace, &row) != CS_OK)
        return;
    fill(trace, &row, event);
    line.failed = cs_row_line(&row, &line) != CS_OK;
    put(trace, &line);
    cs_text_free(&line);
    cs_row_free(&row);
}

cs_status cs_trace_sync(cs_trace *trace, cs_error *err)
{
    if (!trace->failed && trace->fd >= 0 && fsync(trace->fd) != 0) {
        trace->failed = true;
        trace->cause = errno;
    }
    if (trace->failed)
        return cs_fail(err, CS_EIO, "trace.csv of run %s cannot be written: %s", trace->run_id,
                       strerror(trace->cause));
    return CS_OK;
}

cs_status cs_trace_mark(cs_trace *trace, uint64_t *bytes, cs_error *err)
{
    struct stat st;
    CS_TRY(cs_trace_sync(trace, err));
    if (trace->fd < 0 || fstat(trace->fd, &st) != 0)
        return cs_fail(err, CS_EIO, "trace.csv of run %s is not open", trace->run_id);
    *bytes = (uint64_t)st.st_size;
    return CS_OK;
}

void cs_trace_close(cs_trace *trace)
{
    if (trace->fd >= 0)
        close(trace->fd);
    trace->fd = -1;
}
