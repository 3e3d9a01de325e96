/* Data files for the tests of datasets/: a temporary folder (below build/) of generated CIFAR
 * files. */
#ifndef CS_TESTS_DATA_FILES_H
#define CS_TESTS_DATA_FILES_H

#include "datasets/synth.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct data_files {
    char dir[64];
} data_files;

static inline void data_files_make(data_files *files, cs_synth_format format, uint32_t n_train,
                                   uint32_t n_test)
{
    cs_error err = {""};
    strcpy(files->dir, "build/data-XXXXXX");
    cr_assert_not_null(mkdtemp(files->dir));
    cr_assert_eq(cs_synth_write(files->dir, format, n_train, n_test, 7, &err), CS_OK, "%s",
                 err.text);
}

static inline void data_files_path(const data_files *files, const char *name, char path[256])
{
    snprintf(path, 256, "%s/%s", files->dir, name);
}

static inline void data_files_remove(const data_files *files)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", files->dir);
    cr_assert_eq(system(command), 0);
}

#endif
