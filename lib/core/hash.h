/* Identity hashes, 64 bits (XXH64). */
#ifndef CS_CORE_HASH_H
#define CS_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t cs_hash_bytes(const void *bytes, size_t n, uint64_t seed);
uint64_t cs_hash_text(const char *text);
/* Sixteen lower-case hexadecimal digits and NUL. */
void cs_hash_hex(uint64_t hash, char hex[17]);

/* Running hash over many pieces, for files that are not held in memory. */
typedef struct cs_hash_stream cs_hash_stream;
cs_hash_stream *cs_hash_stream_new(void); /* NULL: out of memory */
void cs_hash_stream_add(cs_hash_stream *stream, const void *bytes, size_t n);
uint64_t cs_hash_stream_end(cs_hash_stream *stream); /* frees the stream */

#endif
