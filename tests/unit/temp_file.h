/* A file with given contents for one test; the caller removes it. */
#ifndef CS_TEST_TEMP_FILE_H
#define CS_TEST_TEMP_FILE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void temp_file(char path[64], const char *text)
{
    snprintf(path, 64, "/tmp/cosearch-unit-XXXXXX");
    const int fd = mkstemp(path);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static inline void temp_folder(char path[64])
{
    snprintf(path, 64, "/tmp/cosearch-unit-XXXXXX");
    cr_assert_not_null(mkdtemp(path));
}

#endif
