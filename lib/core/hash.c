#include "core/hash.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

uint64_t cs_hash_bytes(const void *bytes, size_t n, uint64_t seed)
{
    return XXH64(bytes, n, seed);
}

uint64_t cs_hash_text(const char *text)
{
    return XXH64(text, strlen(text), 0);
}

void cs_hash_hex(uint64_t hash, char hex[17])
{
    snprintf(hex, 17, "%016llx", (unsigned long long)hash);
}

/* The public name keeps xxhash.h out of every other file. */
cs_hash_stream *cs_hash_stream_new(void)
{
    XXH64_state_t *state = XXH64_createState();
    if (state)
        XXH64_reset(state, 0);
    return (cs_hash_stream *)state;
}

void cs_hash_stream_add(cs_hash_stream *stream, const void *bytes, size_t n)
{
    XXH64_update((XXH64_state_t *)stream, bytes, n);
}

uint64_t cs_hash_stream_end(cs_hash_stream *stream)
{
    XXH64_state_t *state = (XXH64_state_t *)stream;
    const uint64_t hash = XXH64_digest(state);
    XXH64_freeState(state);
    return hash;
}
