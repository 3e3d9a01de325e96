/* What a worker tells its parent: text lines under 512 bytes on descriptor 3.
 *
 *   env ID BLAS_CORE                                what it runs on
 *   ready STARTUP_S                                 the task is set up
 *   hb T_WALL T_CPU RSS_KIB PEAK_KIB                sign of life, every 0.2 s
 *   meter MAC EVALS HW_QUERIES SAMPLES LEFT BEST    progress; LEFT 0..1, BEST accuracy or nan
 *   offer HASH                                      a design was offered
 *   fault SENTENCE                                  why the phase failed, before `end`
 *   end STATUS                                      last line: number of a cs_status
 */
#ifndef CS_BENCH_PROTOCOL_H
#define CS_BENCH_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CS_EVENT_FD 3
#define CS_EVENT_LINE_MAX 512

/* The latest state of a worker as its parent knows it. */
typedef struct cs_vitals {
    char env_id[17], blas_core[32];
    double startup_s;         /* NaN until ready            */
    double t_wall_s, t_cpu_s; /* of the last sign of life   */
    uint64_t rss_kib, peak_kib;
    double mac, evals, hw_queries, samples, left, best_acc;
    uint64_t offers;
    bool beating, ended;
    int end_status;
    char fault[400]; /* "" if none                 */
} cs_vitals;

void cs_vitals_init(cs_vitals *vitals);
/* Takes in one line without its LF; false if it is not of the protocol. */
bool cs_vitals_line(cs_vitals *vitals, const char *line);

/* Worker side: one write() per line, so lines of several threads never mix. Nothing happens if
 * descriptor 3 is not a pipe to a parent. */
void cs_event_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
