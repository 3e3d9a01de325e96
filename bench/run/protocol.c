/* The worker protocol; see protocol.h. */
#include "run/protocol.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void cs_vitals_init(cs_vitals *vitals)
{
    *vitals = (cs_vitals){.startup_s = NAN, .left = 1.0, .best_acc = NAN};
}

bool cs_vitals_line(cs_vitals *v, const char *line)
{
    unsigned long long rss, peak;
    double a, b, c, d, e, f;
    char id[17], core[32];
    int status;
    if (sscanf(line, "hb %lf %lf %llu %llu", &a, &b, &rss, &peak) == 4) {
        v->t_wall_s = a;
        v->t_cpu_s = b;
        v->rss_kib = rss;
        v->peak_kib = peak;
        v->beating = true;
    } else if (sscanf(line, "meter %lf %lf %lf %lf %lf %lf", &a, &b, &c, &d, &e, &f) == 6) {
        v->mac = a;
        v->evals = b;
        v->hw_queries = c;
        v->samples = d;
        v->left = e;
        v->best_acc = f;
    } else if (sscanf(line, "env %16s %31s", id, core) == 2) {
        snprintf(v->env_id, sizeof v->env_id, "%s", id);
        snprintf(v->blas_core, sizeof v->blas_core, "%s", core);
    } else if (sscanf(line, "ready %lf", &a) == 1) {
        v->startup_s = a;
    } else if (sscanf(line, "offer %16s", id) == 1) {
        v->offers++;
    } else if (strncmp(line, "fault ", 6) == 0) {
        snprintf(v->fault, sizeof v->fault, "%.399s", line + 6);
    } else if (sscanf(line, "end %d", &status) == 1) {
        v->ended = true;
        v->end_status = status;
    } else {
        return false;
    }
    return true;
}

void cs_event_send(const char *fmt, ...)
{
    char line[CS_EVENT_LINE_MAX];
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(line, sizeof line - 1, fmt, ap);
    va_end(ap);
    if (n <= 0)
        return;
    const size_t length = (size_t)n < sizeof line - 1 ? (size_t)n : sizeof line - 2;
    line[length] = '\n';
    /* Short of PIPE_BUF, so it is written whole or not at all; a parent that is gone has already
     * sent us SIGKILL. */
    if (write(CS_EVENT_FD, line, length + 1) < 0)
        return;
}
