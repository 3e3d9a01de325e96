#include "run/ckpt_file.h"

#include "core/hash.h"
#include "run/durable.h"
#include "run/env.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Layout: head, task and method, XXH64 of both. The head names the build, since the rest is a
 * picture of its structures. */
typedef struct head {
    char magic[8];
    char run_id[24], build[64], revision[32];
    cs_ckpt_accounts accounts;
} head;

static void make_head(head *h, const char *run_id, const cs_ckpt_accounts *accounts)
{
    memset(h, 0, sizeof *h);
    memcpy(h->magic, "CSCKPT01", 8);
    snprintf(h->run_id, sizeof h->run_id, "%s", run_id);
    cs_env_build_id(h->build, sizeof h->build);
    snprintf(h->revision, sizeof h->revision, "%s", cs_env_git_rev());
    h->accounts = *accounts;
}

cs_status cs_ckpt_write(const char *path, const char *run_id, const cs_task *task,
                        const cs_ckpt_accounts *accounts, cs_error *err)
{
    head h;
    cs_sink *sink;
    size_t n;
    if (cs_sink_new(&sink) != CS_OK)
        return cs_fail(err, CS_ENOMEM, "%s: out of memory", path);
    make_head(&h, run_id, accounts);
    cs_sink_write(sink, &h, sizeof h);
    cs_status status = cs_task_checkpoint(task, sink);
    if (status == CS_OK) {
        const void *bytes = cs_sink_bytes(sink, &n);
        const uint64_t hash = cs_hash_bytes(bytes, n, 0);
        status = cs_sink_write(sink, &hash, sizeof hash);
    }
    if (status == CS_OK) {
        const void *bytes = cs_sink_bytes(sink, &n);
        status = cs_file_write(path, bytes, n, err);
    } else if (status != CS_DONE) {
        cs_fail(err, status, "%s: the checkpoint cannot be made: %s", path, cs_status_text(status));
    }
    cs_sink_free(sink);
    return status;
}

cs_status cs_ckpt_read(const char *path, const char *run_id, cs_ckpt_accounts *accounts,
                       cs_source **out, cs_error *err)
{
    char *bytes;
    size_t n;
    head mine, found;
    uint64_t hash;
    *out = NULL;
    if (!cs_file_exists(path))
        return CS_OK;
    CS_TRY(cs_text_read_file(path, &bytes, &n, err));
    cs_status status = CS_OK;
    if (n > sizeof found + sizeof hash) {
        memcpy(&found, bytes, sizeof found);
        memcpy(&hash, bytes + n - sizeof hash, sizeof hash);
        make_head(&mine, run_id, &found.accounts);
        if (hash == cs_hash_bytes(bytes, n - sizeof hash, 0) &&
            memcmp(&mine, &found, sizeof mine) == 0) {
            *accounts = found.accounts;
            status = cs_source_new(bytes + sizeof found, n - sizeof found - sizeof hash, out);
        }
    }
    free(bytes);
    return status == CS_OK ? CS_OK : cs_fail(err, status, "%s: out of memory", path);
}
