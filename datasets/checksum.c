#include "datasets/checksum.h"

#include "core/text.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

cs_status cs_sha256_hex(const void *bytes, size_t n, char hex[CS_SHA256_HEX], cs_error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(bytes, n, digest, &length, EVP_sha256(), NULL) != 1 || length != 32)
        return cs_fail(err, CS_EDATA, "libcrypto cannot compute SHA-256: check its installation");
    for (unsigned i = 0; i < length; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return CS_OK;
}

/* Parses "<64 hex digits> [ *]<name>" in place; false if the line has another form. */
static bool split_line(char *line, char **sum, char **name)
{
    const size_t digits = strspn(line, "0123456789abcdefABCDEF");
    if (digits != 64 || line[64] != ' ' || (line[65] != ' ' && line[65] != '*') || !line[66])
        return false;
    for (char *p = line; p < line + 64; p++)
        if (*p >= 'A' && *p <= 'F')
            *p = (char)(*p - 'A' + 'a');
    line[64] = '\0';
    *sum = line;
    *name = line + 66;
    return true;
}

static cs_status look_up(const char *list, const char *file, bool *found, char hex[CS_SHA256_HEX],
                         cs_error *err)
{
    char *text;
    size_t size;
    CS_TRY(cs_text_read_file(list, &text, &size, err));
    unsigned number = 0;
    cs_status status = CS_OK;
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        number++;
        char *sum, *name;
        if (!split_line(line, &sum, &name)) {
            status = cs_fail(err, CS_EDATA,
                             "%s line %u: expected 64 hexadecimal digits, two blanks and a file "
                             "name, found '%.80s': make the list again with sha256sum",
                             list, number, line);
            break;
        }
        if (strcmp(name, file) == 0) {
            memcpy(hex, sum, CS_SHA256_HEX);
            *found = true;
            break;
        }
    }
    free(text);
    return status;
}

cs_status cs_checksum_listed(const char *folder, const char *file, bool *found,
                             char hex[CS_SHA256_HEX], cs_error *err)
{
    *found = false;
    cs_text path = {0};
    cs_text_addf(&path, "%s/SHA256SUMS", folder);
    cs_status status = path.failed ? CS_ENOMEM : CS_OK;
    if (status == CS_OK && access(path.data, F_OK) == 0)
        status = look_up(path.data, file, found, hex, err);
    cs_text_free(&path);
    if (status != CS_OK || *found)
        return status;

    path = (cs_text){0};
    cs_text_addf(&path, "%s/%s.sha256", folder, file);
    status = path.failed ? CS_ENOMEM : CS_OK;
    if (status == CS_OK && access(path.data, F_OK) == 0)
        status = look_up(path.data, file, found, hex, err);
    cs_text_free(&path);
    return status;
}
