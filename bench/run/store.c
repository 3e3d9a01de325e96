#include "run/store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

cs_status cs_store_at(const char *results, const char *campaign, cs_store *out, cs_error *err)
{
    CS_TRY(cs_path_format(out->dir, err, "%s/%s", results, campaign));
    CS_TRY(cs_path_format(out->results, err, "%s/results.csv", out->dir));
    snprintf(out->campaign, sizeof out->campaign, "%s", campaign);
    return CS_OK;
}

cs_status cs_store_prepare(const cs_store *store, cs_error *err)
{
    char path[CS_PATH_MAX];
    cs_error cause = {""};
    static const char *const folder[] = {"runs", "env"};
    for (size_t i = 0; i < sizeof folder / sizeof *folder; i++) {
        CS_TRY(cs_path_format(path, err, "%s/%s", store->dir, folder[i]));
        if (cs_folder_make(path, &cause) != CS_OK)
            return cs_fail(err, CS_EIO,
                           "results folder is not writable: %.700s; choose another one with "
                           "--results DIR",
                           cause.text);
    }
    CS_TRY(cs_path_format(path, err, "%s/.writable", store->dir));
    if (cs_file_write(path, "", 0, &cause) != CS_OK)
        return cs_fail(err, CS_EIO,
                       "results folder is not writable: %.700s; choose another one with "
                       "--results DIR",
                       cause.text);
    unlink(path);
    return CS_OK;
}

cs_status cs_store_freeze(const cs_store *store, const cs_profile *profile, cs_error *err)
{
    char path[CS_PATH_MAX];
    CS_TRY(cs_path_format(path, err, "%s/profile.ini", store->dir));
    cs_profile *frozen = malloc(sizeof *frozen);
    if (!frozen)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    cs_status status = CS_OK;
    if (cs_file_exists(path)) {
        cs_text values = {0};
        status = cs_profile_read(path, frozen, err);
        if (status == CS_OK && cs_profile_difference(frozen, profile, &values))
            status = cs_fail(err, CS_EMISMATCH,
                             "%s was frozen with another value of %.500s; rename the profile, "
                             "choose another --results folder, or begin anew with --fresh",
                             path, values.data ? values.data : "a fixed key");
        cs_text_free(&values);
    }
    free(frozen);
    cs_text text = {0};
    if (status == CS_OK) {
        cs_text_addf(&text, "; effective profile of this campaign, written by cosearch run\n");
        status = cs_profile_echo(profile, &text) == CS_OK
                     ? cs_file_write(path, text.data, text.len, err)
                     : cs_fail(err, CS_ENOMEM, "out of memory");
    }
    cs_text_free(&text);
    return status;
}

cs_status cs_store_path(const cs_store *store, const char *run_id, const char *file,
                        char out[CS_PATH_MAX], cs_error *err)
{
    return cs_path_format(out, err, "%s/runs/%s%s%s", store->dir, run_id, *file ? "/" : "", file);
}

cs_status cs_store_result(const cs_store *store, const char *run_id, bool *finished, cs_row *row,
                          cs_error *err)
{
    char path[CS_PATH_MAX];
    cs_row found;
    *finished = false;
    CS_TRY(cs_store_path(store, run_id, "result.csv", path, err));
    if (!cs_file_exists(path))
        return CS_OK;
    const cs_status status = cs_row_read_file(&cs_schema_results, path, &found, err);
    if (status == CS_EFORMAT)
        return CS_OK; /* damaged from outside: the run is done again */
    CS_TRY(status);
    *finished = strcmp(cs_row_get(&found, "run_id"), run_id) == 0;
    if (*finished && row)
        *row = found;
    else
        cs_row_free(&found);
    return CS_OK;
}

cs_status cs_store_write(const cs_store *store, const char *run_id, const char *file,
                         const cs_row *rows, size_t n_rows, cs_error *err)
{
    char path[CS_PATH_MAX];
    cs_text text = {0};
    CS_TRY(cs_store_path(store, run_id, file, path, err));
    cs_schema_header(rows->schema, &text);
    cs_status status = CS_OK;
    for (size_t i = 0; status == CS_OK && i < n_rows; i++)
        status = cs_row_line(&rows[i], &text);
    status = status == CS_OK ? cs_file_write(path, text.data, text.len, err)
                             : cs_fail(err, status, "%s: out of memory", path);
    cs_text_free(&text);
    return status;
}

/* Reads and checks results.csv; a missing or empty file is a table without rows. */
static cs_status load(const cs_store *store, cs_csv *csv, bool *there, cs_error *err)
{
    char *bytes;
    size_t n;
    *there = false;
    if (!cs_file_exists(store->results))
        return CS_OK;
    CS_TRY(cs_text_read_file(store->results, &bytes, &n, err));
    cs_status status = CS_OK;
    if (n > 0 && memchr(bytes, '\n', n)) {
        status = cs_csv_parse(store->results, bytes, n, csv, err);
        if (status == CS_OK) {
            status = cs_schema_check(&cs_schema_results, csv, store->results, err);
            if (status != CS_OK)
                cs_csv_free(csv);
            *there = status == CS_OK;
        }
    }
    free(bytes);
    return status;
}

cs_status cs_store_listed(const cs_store *store, char (**ids)[17], size_t *n, bool *torn,
                          cs_error *err)
{
    cs_csv csv;
    bool there;
    *ids = NULL;
    *n = 0;
    *torn = false;
    CS_TRY(load(store, &csv, &there, err));
    if (!there)
        return CS_OK;
    *torn = csv.torn;
    char(*list)[17] = calloc(csv.n_rows + 1, sizeof *list);
    const int column = cs_csv_column(&csv, "run_id");
    for (size_t i = 0; list && i < csv.n_rows; i++)
        snprintf(list[i], sizeof *list, "%s", cs_csv_cell(&csv, i, column));
    const size_t n_rows = csv.n_rows;
    cs_csv_free(&csv);
    if (!list)
        return cs_fail(err, CS_ENOMEM, "out of memory");
    *ids = list;
    *n = n_rows;
    return CS_OK;
}

cs_status cs_store_append(const cs_store *store, const cs_row *row, cs_error *err)
{
    cs_text header = {0}, line = {0};
    cs_schema_header(&cs_schema_results, &header);
    cs_status status = cs_row_line(row, &line);
    status = status == CS_OK && !header.failed
                 ? cs_file_append(store->results, header.data, &line, err)
                 : cs_fail(err, CS_ENOMEM, "%s: out of memory", store->results);
    cs_text_free(&header);
    cs_text_free(&line);
    return status;
}

static bool listed(const char (*ids)[17], size_t n, const char *id)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(ids[i], id) == 0)
            return true;
    return false;
}

/* Writes results.csv again without some runs. */
static cs_status rewrite_locked(const cs_store *store, const char (*ids)[17], size_t n,
                                cs_error *err)
{
    cs_csv csv;
    bool there;
    CS_TRY(load(store, &csv, &there, err));
    if (!there)
        return CS_OK;
    const int column = cs_csv_column(&csv, "run_id");
    cs_text text = {0};
    cs_status status = CS_OK;
    cs_schema_header(&cs_schema_results, &text);
    for (size_t i = 0; status == CS_OK && i < csv.n_rows; i++) {
        cs_row row;
        if (listed(ids, n, cs_csv_cell(&csv, i, column)))
            continue;
        status = cs_row_read(&cs_schema_results, &csv, i, &row);
        if (status == CS_OK) {
            status = cs_row_line(&row, &text);
            cs_row_free(&row);
        }
    }
    status = status == CS_OK ? cs_file_write(store->results, text.data, text.len, err)
                             : cs_fail(err, status, "%s: out of memory", store->results);
    cs_text_free(&text);
    cs_csv_free(&csv);
    return status;
}

static cs_status rewrite(const cs_store *store, const char (*ids)[17], size_t n, cs_error *err)
{
    int lock = -1;
    cs_status status;
    if (!cs_file_exists(store->results))
        return CS_OK;
    while ((status = cs_lock_take(store->results, &lock, err)) == CS_STOP)
        nanosleep(&(struct timespec){0, 10000000}, NULL); /* another shard is appending */
    if (status == CS_OK)
        status = rewrite_locked(store, ids, n, err);
    cs_lock_drop(lock);
    return status;
}

/* The row leaves first: a crash in between leaves a finished run, which is listed again. */
cs_status cs_store_forget(const cs_store *store, const char (*ids)[17], size_t n, bool keep_folder,
                          cs_error *err)
{
    static const char *const file[] = {"result.csv", "search.csv", "final.csv", "ckpt.bin",
                                       "attempts"};
    char path[CS_PATH_MAX], old[CS_PATH_MAX];
    CS_TRY(rewrite(store, ids, n, err));
    CS_TRY(cs_path_format(old, err, "%s/old", store->dir));
    if (!keep_folder)
        CS_TRY(cs_folder_make(old, err));
    for (size_t i = 0; i < n; i++) {
        for (size_t f = 0; keep_folder && f < sizeof file / sizeof *file; f++) {
            CS_TRY(cs_store_path(store, ids[i], file[f], path, err));
            unlink(path);
        }
        CS_TRY(cs_store_path(store, ids[i], "", path, err));
        for (unsigned k = 1; !keep_folder && cs_file_exists(path); k++) {
            CS_TRY(cs_path_format(old, err, "%s/old/%s.%u", store->dir, ids[i], k));
            if (rename(path, old) != 0 && errno != ENOTEMPTY && errno != EEXIST)
                return cs_fail(err, CS_EIO, "%s cannot be moved to %s: %s", path, old,
                               strerror(errno));
        }
    }
    return CS_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

cs_status cs_store_runs(const cs_store *store, char (**ids)[17], size_t *n, cs_error *err)
{
    char path[CS_PATH_MAX];
    CS_TRY(cs_path_format(path, err, "%s/runs", store->dir));
    char(*list)[17] = NULL;
    size_t count = 0, cap = 0;
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        if (strlen(entry->d_name) != 16 || strspn(entry->d_name, "0123456789abcdef") != 16)
            continue;
        if (count == cap) {
            cap = cap ? 2 * cap : 64;
            char(*more)[17] = realloc(list, cap * sizeof *list);
            if (!more) {
                free(list);
                closedir(dir);
                return cs_fail(err, CS_ENOMEM, "out of memory");
            }
            list = more;
        }
        memcpy(list[count], entry->d_name, 16);
        list[count++][16] = '\0';
    }
    if (dir)
        closedir(dir);
    if (count)
        qsort(list, count, sizeof *list, by_name);
    *ids = list;
    *n = count;
    return CS_OK;
}
