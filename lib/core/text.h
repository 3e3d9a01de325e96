/* Small text helpers. */
#ifndef CS_CORE_TEXT_H
#define CS_CORE_TEXT_H

#include "cosearch/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Growable byte buffer, always NUL-terminated once something was added. Zero-initialise; free
 * with cs_text_free. After a failed allocation `failed` is set and further additions are ignored,
 * so that a chain of additions needs one check. */
typedef struct cs_text {
    char *data;
    size_t len, cap;
    bool failed;
} cs_text;

void cs_text_add(cs_text *text, const char *bytes, size_t n);
void cs_text_addf(cs_text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cs_text_free(cs_text *text);

/* Levenshtein distance; texts up to 63 characters count, longer ones are cut. */
unsigned cs_text_distance(const char *a, const char *b);
/* The nearest of `names` (NULL-ended), or NULL if none is near enough to suggest. */
const char *cs_text_nearest(const char *word, const char *const *names);

/* Whole text as a number; false on anything else, on overflow and on non-finite values. */
bool cs_text_double(const char *text, double *out);
bool cs_text_u64(const char *text, uint64_t *out);

/* Whole file into memory (NUL-terminated; *size without the NUL). Caller frees. */
cs_status cs_text_read_file(const char *path, char **out, size_t *size, cs_error *err);

#endif
