#include "run/progress.h"

#include "run/clock.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DRAW_EVERY_S 0.2
#define CLEAR "\r\033[K"

void cs_duration_text(double seconds, char *text, size_t size)
{
    const long s = lround(seconds);
    if (s >= 3600)
        snprintf(text, size, "%ld h %02ld min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(text, size, "%ld min %02ld s", s / 60, s % 60);
    else
        snprintf(text, size, "%ld s", s);
}

void cs_progress_begin(cs_progress *p, const cs_run_options *options, size_t total,
                       size_t done_before)
{
    const bool speak = !options->quiet && options->progress != CS_PROGRESS_NONE;
    *p = (cs_progress){.total = total,
                       .done = done_before,
                       .done_before = done_before,
                       .plain = speak,
                       .color = options->color,
                       .origin_s = cs_clock_s()};
    p->live = speak && options->progress == CS_PROGRESS_AUTO && isatty(STDERR_FILENO);
}

void cs_progress_say(cs_progress *p, const char *fmt, ...)
{
    if (!p->plain)
        return;
    if (p->live)
        fputs(CLEAR, stderr);
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    p->next_draw_s = 0.0;
}

void cs_progress_draw(cs_progress *p, const cs_progress_item *items, size_t n)
{
    const double now = cs_clock_s();
    char left[32] = "?";
    if (!p->live || now < p->next_draw_s)
        return;
    p->next_draw_s = now + DRAW_EVERY_S;
    double finished = (double)(p->done - p->done_before);
    for (size_t i = 0; i < n; i++)
        finished += items[i].fraction;
    const double todo = (double)(p->total - p->done_before) - finished;
    if (finished > 0.02)
        cs_duration_text((now - p->origin_s) / finished * todo, left, sizeof left);
    fprintf(stderr, CLEAR "%s[%zu/%zu]%s %s left", p->color ? "\033[1m" : "", p->done, p->total,
            p->color ? "\033[0m" : "", left);
    for (size_t i = 0; i < n && i < 4; i++) {
        fprintf(stderr, " | %s seed %llu %.0f %%", items[i].method,
                (unsigned long long)items[i].seed, 100.0 * items[i].fraction);
        if (!isnan(items[i].best_acc))
            fprintf(stderr, " acc %.3f", items[i].best_acc);
    }
    if (n > 4)
        fprintf(stderr, " | +%zu", n - 4);
    fflush(stderr);
}

void cs_progress_end(cs_progress *p)
{
    if (p->live)
        fputs(CLEAR, stderr);
}
