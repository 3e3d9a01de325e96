/* Files that survive a crash at any moment: whole or not there at all. */
#ifndef CS_BENCH_DURABLE_H
#define CS_BENCH_DURABLE_H

#include "core/text.h"

#define CS_PATH_MAX 1024

/* Writes to PATH.PID.tmp, fsync, rename, fsync of the folder. On failure the old file is untouched
 * and the temporary one removed; CS_EIO names path and cause. */
cs_status cs_file_write(const char *path, const char *bytes, size_t n, cs_error *err);

/* mkdir -p. */
cs_status cs_folder_make(const char *path, cs_error *err);
bool cs_file_exists(const char *path);

/* Appends whole lines to a CSV file with one write() on an O_APPEND descriptor under flock, then
 * fdatasync. A new file starts with `header`. A torn last line (no LF: somebody's crash) is cut
 * off first. If the disk is full, what was written of the lines is taken back. */
cs_status cs_file_append(const char *path, const char *header, const cs_text *lines, cs_error *err);

/* flock without waiting on PATH (created if absent); the lock lives as long as any copy of the
 * descriptor, so a worker that inherits it holds it too. CS_STOP if somebody else holds it. */
cs_status cs_lock_take(const char *path, int *fd, cs_error *err);
void cs_lock_drop(int fd); /* -1 is fine */

/* Removes a folder and everything in it; a folder that is not there is fine. */
cs_status cs_folder_remove(const char *path, cs_error *err);

/* snprintf into a path; CS_EUSAGE if it does not fit. */
cs_status cs_path_format(char out[CS_PATH_MAX], cs_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
