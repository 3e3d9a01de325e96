/* Profiles that come along: bench/profiles in the current folder or beside the program. */
#ifndef CS_PROFILE_FILES_H
#define CS_PROFILE_FILES_H

#include "cosearch/status.h"
#include <stddef.h>

#define CS_PROFILE_FILES_MAX 128

typedef struct cs_profile_files {
    char dir[1024];
    char name[CS_PROFILE_FILES_MAX][128]; /* "demo", sorted */
    size_t n;
} cs_profile_files;

/* No folder: no names. */
void cs_profile_files_list(cs_profile_files *out);

/* Path of a profile: `word` is a file, or the name of one that comes along. CS_EUSAGE with the
 * nearest name otherwise. `path` has `size` bytes. */
cs_status cs_profile_files_find(const char *word, char *path, size_t size, cs_error *err);

#endif
