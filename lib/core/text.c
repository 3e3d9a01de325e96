#include "core/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(cs_text *text, size_t more)
{
    if (text->failed)
        return false;
    const size_t need = text->len + more + 1;
    if (need <= text->cap)
        return true;
    size_t cap = text->cap ? text->cap : 128;
    while (cap < need)
        cap *= 2;
    char *data = realloc(text->data, cap);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->cap = cap;
    return true;
}

void cs_text_add(cs_text *text, const char *bytes, size_t n)
{
    if (!reserve(text, n))
        return;
    memcpy(text->data + text->len, bytes, n);
    text->len += n;
    text->data[text->len] = '\0';
}

void cs_text_addf(cs_text *text, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && reserve(text, (size_t)n)) {
        vsnprintf(text->data + text->len, (size_t)n + 1, fmt, again);
        text->len += (size_t)n;
    }
    va_end(again);
}

void cs_text_free(cs_text *text)
{
    free(text->data);
    *text = (cs_text){0};
}

#define WORD_MAX 63

unsigned cs_text_distance(const char *a, const char *b)
{
    const size_t na = strnlen(a, WORD_MAX), nb = strnlen(b, WORD_MAX);
    unsigned row[WORD_MAX + 1];
    for (size_t j = 0; j <= nb; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            const unsigned substitute = diagonal + (a[i - 1] != b[j - 1]);
            const unsigned insert = row[j - 1] + 1, drop = row[j] + 1;
            diagonal = row[j];
            row[j] = substitute < insert ? substitute : insert;
            row[j] = row[j] < drop ? row[j] : drop;
        }
    }
    return row[nb];
}

const char *cs_text_nearest(const char *word, const char *const *names)
{
    const char *best = NULL;
    unsigned best_distance = (unsigned)(strlen(word) / 3 + 2);
    for (; *names; names++) {
        const unsigned distance = cs_text_distance(word, *names);
        if (distance < best_distance) {
            best = *names;
            best_distance = distance;
        }
    }
    return best;
}

bool cs_text_double(const char *text, double *out)
{
    char *end;
    errno = 0;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value))
        return false;
    *out = value;
    return true;
}

bool cs_text_u64(const char *text, uint64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (*end != '\0' || errno == ERANGE)
        return false;
    *out = value;
    return true;
}

cs_status cs_text_read_file(const char *path, char **out, size_t *size, cs_error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return cs_fail(err, CS_EIO, "%s: cannot be read: %s", path, strerror(errno));
    cs_text text = {0};
    char block[65536];
    size_t n;
    while ((n = fread(block, 1, sizeof block, file)) > 0)
        cs_text_add(&text, block, n);
    const bool broken = ferror(file) != 0;
    const int cause = errno;
    fclose(file);
    cs_text_add(&text, "", 0);
    if (broken || text.failed) {
        const bool memory = text.failed;
        cs_text_free(&text);
        return memory ? cs_fail(err, CS_ENOMEM, "%s: out of memory while reading", path)
                      : cs_fail(err, CS_EIO, "%s: reading failed: %s", path, strerror(cause));
    }
    *out = text.data;
    if (size)
        *size = text.len;
    return CS_OK;
}
