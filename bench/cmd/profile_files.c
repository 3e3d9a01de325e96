#include "cmd/profile_files.h"

#include "core/text.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROFILE_DIR "bench/profiles"

static DIR *open_folder(char *path, size_t size)
{
    char exe[512];
    snprintf(path, size, PROFILE_DIR);
    DIR *dir = opendir(path);
    const ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (dir || n <= 0)
        return dir;
    exe[n] = '\0';
    *strrchr(exe, '/') = '\0';
    snprintf(path, size, "%s/%s", exe, PROFILE_DIR);
    return opendir(path);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

void cs_profile_files_list(cs_profile_files *out)
{
    DIR *dir = open_folder(out->dir, sizeof out->dir);
    out->n = 0;
    for (const struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        const size_t length = strlen(e->d_name);
        if (out->n < CS_PROFILE_FILES_MAX && length > 4 && length - 4 < sizeof out->name[0] &&
            strcmp(e->d_name + length - 4, ".ini") == 0)
            snprintf(out->name[out->n++], sizeof out->name[0], "%.*s", (int)(length - 4),
                     e->d_name);
    }
    if (dir)
        closedir(dir);
    qsort(out->name, out->n, sizeof out->name[0], by_text);
}

static cs_status unknown(const char *word, const char *near, const char *dir, cs_error *err)
{
    if (near)
        return cs_fail(err, CS_EUSAGE,
                       "unknown profile '%s' (did you mean '%s/%s.ini'?); 'cosearch list "
                       "profiles' shows all",
                       word, dir, near);
    return cs_fail(err, CS_EUSAGE,
                   "unknown profile '%s': no such file, and none of that name in %s; 'cosearch "
                   "list profiles' shows all",
                   word, dir);
}

cs_status cs_profile_files_find(const char *word, char *path, size_t size, cs_error *err)
{
    const char *names[CS_PROFILE_FILES_MAX + 1] = {0};
    cs_profile_files *files = malloc(sizeof *files);
    cs_status status = CS_OK;
    if (!files)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    cs_profile_files_list(files);
    int n = snprintf(path, size, "%s", word);
    if (access(path, F_OK) != 0) {
        /* also for a path, so that bench/profiles/dmeo.ini gets its hint */
        const char *slash = strrchr(word, '/'), *base = slash ? slash + 1 : word;
        char name[128];
        const size_t length = strlen(base);
        const bool ini = length > 4 && strcmp(base + length - 4, ".ini") == 0;
        snprintf(name, sizeof name, "%.*s", (int)(ini ? length - 4 : length), base);
        n = snprintf(path, size, "%s/%s.ini", files->dir, name);
        for (size_t i = 0; i < files->n; i++)
            names[i] = files->name[i];
        if (slash || access(path, F_OK) != 0)
            status = unknown(word, cs_text_nearest(name, names), files->dir, err);
    }
    free(files);
    if (status == CS_OK && (n < 0 || (size_t)n >= size))
        status = cs_fail(err, CS_EUSAGE, "profile %s: the path is too long", word);
    return status;
}
