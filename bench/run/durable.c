#include "run/durable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

cs_status cs_path_format(char out[CS_PATH_MAX], cs_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(out, CS_PATH_MAX, fmt, ap);
    va_end(ap);
    if (n < 0 || n >= CS_PATH_MAX)
        return cs_fail(err, CS_EUSAGE, "path is longer than %d characters: %.200s...",
                       CS_PATH_MAX - 1, out);
    return CS_OK;
}

bool cs_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

cs_status cs_folder_make(const char *path, cs_error *err)
{
    char part[CS_PATH_MAX];
    CS_TRY(cs_path_format(part, err, "%s", path));
    for (char *p = part + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(part, 0777); /* what matters is the last one */
            *p = '/';
        }
    struct stat st;
    if (mkdir(part, 0777) != 0 && !(errno == EEXIST && stat(part, &st) == 0 && S_ISDIR(st.st_mode)))
        return cs_fail(err, CS_EIO, "folder %s cannot be made: %s", path, strerror(errno));
    return CS_OK;
}

static bool write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        const ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        bytes += done;
        n -= (size_t)done;
    }
    return true;
}

/* A rename is on disk once its folder is. */
static void sync_folder_of(const char *path)
{
    char folder[CS_PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) : 1;
    if (n >= sizeof folder)
        return;
    memcpy(folder, slash ? path : ".", n);
    folder[n] = '\0';
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

cs_status cs_file_write(const char *path, const char *bytes, size_t n, cs_error *err)
{
    char temporary[CS_PATH_MAX];
    /* Two workers may write the same environment record at the same time. */
    CS_TRY(cs_path_format(temporary, err, "%s.%ld.tmp", path, (long)getpid()));
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return cs_fail(err, CS_EIO, "%s cannot be written: %s", temporary, strerror(errno));
    bool good = write_all(fd, bytes, n) && fsync(fd) == 0;
    int cause = errno;
    good = close(fd) == 0 && good;
    if (good && rename(temporary, path) != 0) {
        cause = errno;
        good = false;
    }
    if (!good) {
        unlink(temporary);
        return cs_fail(err, CS_EIO, "%s cannot be written: %s", path, strerror(cause));
    }
    sync_folder_of(path);
    return CS_OK;
}

/* Length of the file up to and including its last LF. */
static off_t whole_lines(int fd, off_t size)
{
    char block[4096];
    while (size > 0) {
        const off_t from = size > (off_t)sizeof block ? size - (off_t)sizeof block : 0;
        const ssize_t n = pread(fd, block, (size_t)(size - from), from);
        if (n <= 0)
            return size;
        for (ssize_t i = n; i > 0; i--)
            if (block[i - 1] == '\n')
                return from + i;
        size = from;
    }
    return 0;
}

/* Opens for appending under an exclusive lock. Somebody may have replaced the file by a rebuilt
 * one between open and flock: then it is opened again. */
static int open_locked(const char *path)
{
    for (;;) {
        struct stat mine, there;
        const int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (fd < 0)
            return -1;
        while (flock(fd, LOCK_EX) != 0)
            if (errno != EINTR) {
                close(fd);
                return -1;
            }
        if (fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino &&
            mine.st_dev == there.st_dev)
            return fd;
        close(fd);
    }
}

cs_status cs_file_append(const char *path, const char *header, const cs_text *lines, cs_error *err)
{
    if (lines->failed)
        return cs_fail(err, CS_ENOMEM, "%s: out of memory", path);
    const int fd = open_locked(path);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        const int cause = errno;
        if (fd >= 0)
            close(fd);
        return cs_fail(err, CS_EIO, "%s cannot be written: %s", path, strerror(cause));
    }
    const off_t keep = whole_lines(fd, st.st_size);
    cs_text block = {0};
    if (keep == 0)
        cs_text_add(&block, header, strlen(header));
    cs_text_add(&block, lines->data, lines->len);
    bool good = !block.failed && (keep == st.st_size || ftruncate(fd, keep) == 0);
    int cause = block.failed ? ENOMEM : errno;
    if (good) {
        const ssize_t done = write(fd, block.data, block.len);
        good = done == (ssize_t)block.len && fdatasync(fd) == 0;
        cause = done < 0 || done == (ssize_t)block.len ? errno : ENOSPC;
        if (!good && ftruncate(fd, keep) != 0)
            cause = errno;
    }
    cs_text_free(&block);
    close(fd);
    return good ? CS_OK : cs_fail(err, CS_EIO, "%s cannot be written: %s", path, strerror(cause));
}

cs_status cs_lock_take(const char *path, int *fd, cs_error *err)
{
    const int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock < 0)
        return cs_fail(err, CS_EIO, "%s cannot be written: %s", path, strerror(errno));
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        const int cause = errno;
        close(lock);
        return cause == EWOULDBLOCK
                   ? CS_STOP
                   : cs_fail(err, CS_EIO, "%s cannot be locked: %s", path, strerror(cause));
    }
    *fd = lock;
    return CS_OK;
}

void cs_lock_drop(int fd)
{
    if (fd >= 0)
        close(fd);
}

cs_status cs_folder_remove(const char *path, cs_error *err)
{
    DIR *dir = opendir(path);
    if (!dir)
        return errno == ENOENT
                   ? CS_OK
                   : cs_fail(err, CS_EIO, "%s cannot be read: %s", path, strerror(errno));
    cs_status status = CS_OK;
    const struct dirent *entry;
    while (status == CS_OK && (entry = readdir(dir)) != NULL) {
        char inner[CS_PATH_MAX];
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        status = cs_path_format(inner, err, "%s/%s", path, entry->d_name);
        if (status == CS_OK && lstat(inner, &st) == 0 && S_ISDIR(st.st_mode))
            status = cs_folder_remove(inner, err);
        else if (status == CS_OK && unlink(inner) != 0 && errno != ENOENT)
            status = cs_fail(err, CS_EIO, "%s cannot be removed: %s", inner, strerror(errno));
    }
    closedir(dir);
    if (status == CS_OK && rmdir(path) != 0 && errno != ENOENT)
        status = cs_fail(err, CS_EIO, "%s cannot be removed: %s", path, strerror(errno));
    return status;
}
