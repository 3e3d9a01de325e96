#include "report/figure.h"

#include "cli.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CS_FIGURE(id) extern const cs_figure cs_figure_##id;
#include "report/figures.def"
#undef CS_FIGURE

const cs_figure *const cs_figures[] = {
#define CS_FIGURE(id) &cs_figure_##id,
#include "report/figures.def"
#undef CS_FIGURE
    NULL};

#define FIGURES_MAX 64
#define PATH_SIZE 1024

static const char *const format_name[] = {"svg", "png"};

cs_status cs_figure_named(const char *name, const cs_figure **out, cs_error *err)
{
    const char *names[FIGURES_MAX + 1] = {0};
    for (size_t i = 0; cs_figures[i] && i < FIGURES_MAX; i++) {
        if (strcmp(cs_figures[i]->name, name) == 0) {
            *out = cs_figures[i];
            return CS_OK;
        }
        names[i] = cs_figures[i]->name;
    }
    return cs_fail_unknown(err, "figure", name, names, "cosearch list figures");
}

cs_status cs_figure_formats(const char *text, unsigned *out, cs_error *err)
{
    unsigned formats = 0;
    for (const char *at = text; *at;) {
        const size_t n = strcspn(at, ",");
        unsigned bit = 0;
        for (unsigned i = 0; i < 2; i++)
            if (strlen(format_name[i]) == n && strncmp(format_name[i], at, n) == 0)
                bit = 1u << i;
        if (!bit)
            return cs_fail(err, CS_EUSAGE,
                           "unknown picture format '%.*s'; expected svg, png or both "
                           "separated by a comma",
                           (int)n, at);
        formats |= bit;
        at += n + (at[n] == ',');
    }
    if (!formats)
        return cs_fail(err, CS_EUSAGE, "no picture format given; expected svg, png or svg,png");
    *out = formats;
    return CS_OK;
}

/* Makes a folder and the ones above it. */
static cs_status make_folders(const char *path, cs_error *err)
{
    char part[PATH_SIZE];
    snprintf(part, sizeof part, "%s", path);
    for (char *at = part + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        const char end = *at;
        *at = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return cs_fail(err, CS_EIO, "%s: folder cannot be made: %s", part, strerror(errno));
        *at = end;
        if (!end)
            return CS_OK;
    }
}

/* In the child: runs gnuplot in the folder of the script, so that it finds its data by a relative
 * name; what it says goes to the log. */
static void exec_gnuplot(const char *dir, char *setting, char *script, const char *log)
{
    char *const argv[] = {(char[]){"gnuplot"}, (char[]){"-e"}, setting, script, NULL};
    if (chdir(dir) != 0)
        _exit(126);
    const int descriptor = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (descriptor < 0 || dup2(descriptor, STDOUT_FILENO) < 0 ||
        dup2(descriptor, STDERR_FILENO) < 0)
        _exit(126);
    execvp(argv[0], argv);
    _exit(errno == ENOENT ? 127 : 126);
}

/* Last line of gnuplot's talk that is not blank: its complaint, after the command it is about. */
static void last_words(const char *path, char *words, size_t size)
{
    char line[512];
    FILE *file = fopen(path, "r");
    *words = '\0';
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strspn(line, " ^\t") != strlen(line))
            snprintf(words, size, "%s", line);
    }
    if (file)
        fclose(file);
}

static cs_status run_gnuplot(const char *dir, const char *name, const char *format, cs_error *err)
{
    char script[128], log[128], log_path[PATH_SIZE], setting[64], words[512];
    int status = 0;
    snprintf(script, sizeof script, "%s.gp", name);
    snprintf(log, sizeof log, "%s.log", name);
    snprintf(log_path, sizeof log_path, "%s/%s", dir, log);
    snprintf(setting, sizeof setting, "format='%s'", format);
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0)
        exec_gnuplot(dir, setting, script, log);
    if (pid < 0)
        return cs_fail(err, CS_EIO, "gnuplot could not be started: %s", strerror(errno));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return cs_fail(err, CS_EIO, "waiting for gnuplot failed: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return cs_fail(err, CS_EDATA,
                       "gnuplot is not installed: install the Debian package gnuplot-nox ('make "
                       "deps' does), or draw %s/%s elsewhere",
                       dir, script);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        last_words(log_path, words, sizeof words);
        return cs_fail(err, CS_EDATA, "gnuplot failed on %s/%s: %s", dir, script,
                       *words ? words : "it said nothing");
    }
    unlink(log_path);
    return CS_OK;
}

cs_status cs_figure_draw(const cs_figure *figure, const char *campaign, const char *out_dir,
                         unsigned formats, cs_error *err)
{
    char dat[PATH_SIZE], gp[PATH_SIZE];
    CS_TRY(make_folders(out_dir, err));
    snprintf(dat, sizeof dat, "%s/%s.dat", out_dir, figure->name);
    snprintf(gp, sizeof gp, "%s/%s.gp", out_dir, figure->name);
    CS_TRY(figure->prepare(campaign, dat, gp, err));
    for (unsigned i = 0; i < 2; i++)
        if (formats & (1u << i))
            CS_TRY(run_gnuplot(out_dir, figure->name, format_name[i], err));
    return CS_OK;
}
