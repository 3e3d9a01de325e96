/* What the user sees of a campaign on stderr: a status line that is redrawn on a terminal, whole
 * lines elsewhere. */
#ifndef CS_BENCH_PROGRESS_H
#define CS_BENCH_PROGRESS_H

#include "core/text.h"
#include "run/runner.h"

typedef struct cs_progress {
    bool live, plain, color;
    size_t total, done, done_before; /* runs; done_before: finished before this call */
    double origin_s, next_draw_s;
} cs_progress;

/* One active run, for the status line. */
typedef struct cs_progress_item {
    const char *method;
    uint64_t seed;
    double fraction; /* 0..1 of the run  */
    double best_acc; /* NaN: none yet    */
} cs_progress_item;

void cs_progress_begin(cs_progress *progress, const cs_run_options *options, size_t total,
                       size_t done_before);
/* A line that stays. */
void cs_progress_say(cs_progress *progress, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Redraws the status line, at most five times a second. */
void cs_progress_draw(cs_progress *progress, const cs_progress_item *items, size_t n);
void cs_progress_end(cs_progress *progress);

/* "1 h 02 min", "3 min 20 s", "41 s". */
void cs_duration_text(double seconds, char *text, size_t size);

#endif
