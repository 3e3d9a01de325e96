#include "core/hash.h"
#include "cosearch/search.h"

#include <stdlib.h>
#include <string.h>

typedef struct memo_entry {
    uint64_t hash;
    double acc;
    uint16_t choice[CS_DECISIONS_MAX]; /* network and bitwidths, canonical; the rest 0 */
} memo_entry;

struct cs_memo {
    const cs_space *space;
    size_t n_key; /* decisions before the accelerator's */
    size_t n, cap;
    memo_entry *entry;
};

cs_status cs_memo_new(const cs_space *space, cs_memo **out)
{
    cs_memo *memo = calloc(1, sizeof *memo);
    if (!memo)
        return CS_ENOMEM;
    size_t last;
    memo->space = space;
    cs_space_group(space, CS_GROUP_ACCELERATOR, &memo->n_key, &last);
    *out = memo;
    return CS_OK;
}

void cs_memo_free(cs_memo *memo)
{
    if (!memo)
        return;
    free(memo->entry);
    free(memo);
}

size_t cs_memo_size(const cs_memo *memo)
{
    return memo->n;
}

static void make_key(const cs_memo *memo, const cs_design *design, memo_entry *key)
{
    cs_design canonical;
    cs_space_canonical(memo->space, design, &canonical);
    memset(key, 0, sizeof *key);
    memcpy(key->choice, canonical.choice, memo->n_key * sizeof key->choice[0]);
    key->hash = cs_hash_bytes(key->choice, memo->n_key * sizeof key->choice[0], 0);
}

/* A linear scan: a run trains thousands of networks at most, and each training costs far more. */
static memo_entry *find(const cs_memo *memo, const memo_entry *key)
{
    for (size_t i = 0; i < memo->n; i++) {
        memo_entry *e = &memo->entry[i];
        if (e->hash == key->hash && memcmp(e->choice, key->choice, sizeof e->choice) == 0)
            return e;
    }
    return NULL;
}

bool cs_memo_get(const cs_memo *memo, const cs_design *design, double *acc)
{
    memo_entry key;
    make_key(memo, design, &key);
    const memo_entry *e = find(memo, &key);
    if (e)
        *acc = e->acc;
    return e != NULL;
}

static cs_status reserve(cs_memo *memo, size_t n)
{
    if (n <= memo->cap)
        return CS_OK;
    const size_t cap = n < 32 ? 64 : 2 * n;
    memo_entry *grown = realloc(memo->entry, cap * sizeof *grown);
    if (!grown)
        return CS_ENOMEM;
    memo->entry = grown;
    memo->cap = cap;
    return CS_OK;
}

cs_status cs_memo_put(cs_memo *memo, const cs_design *design, double acc)
{
    memo_entry key;
    make_key(memo, design, &key);
    key.acc = acc;
    memo_entry *e = find(memo, &key);
    if (!e) {
        CS_TRY(reserve(memo, memo->n + 1));
        e = &memo->entry[memo->n++];
    }
    *e = key;
    return CS_OK;
}

cs_status cs_memo_save(const cs_memo *memo, cs_sink *sink)
{
    const uint64_t n = memo->n;
    CS_TRY(cs_sink_write(sink, &n, sizeof n));
    return n ? cs_sink_write(sink, memo->entry, memo->n * sizeof *memo->entry) : CS_OK;
}

cs_status cs_memo_load(cs_memo *memo, cs_source *source)
{
    uint64_t n;
    CS_TRY(cs_source_read(source, &n, sizeof n));
    if (memo->n != 0 || n > UINT32_MAX)
        return CS_EFORMAT;
    CS_TRY(reserve(memo, (size_t)n));
    if (n)
        CS_TRY(cs_source_read(source, memo->entry, (size_t)n * sizeof *memo->entry));
    memo->n = (size_t)n;
    return CS_OK;
}
