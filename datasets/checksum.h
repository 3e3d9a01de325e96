/* SHA-256 of data files. The only user of libcrypto. */
#ifndef CS_DATASETS_CHECKSUM_H
#define CS_DATASETS_CHECKSUM_H

#include "cosearch/status.h"
#include <stdbool.h>
#include <stddef.h>

#define CS_SHA256_HEX 65 /* 64 lower-case digits and NUL */

cs_status cs_sha256_hex(const void *bytes, size_t n, char hex[CS_SHA256_HEX], cs_error *err);

/* The sum that stands beside FOLDER/FILE: in FOLDER/SHA256SUMS (format of sha256sum), else in
 * FOLDER/FILE.sha256. *found is false and CS_OK if neither lists the file. CS_EDATA for a list with
 * a broken line, CS_EIO for one that cannot be read. */
cs_status cs_checksum_listed(const char *folder, const char *file, bool *found,
                             char hex[CS_SHA256_HEX], cs_error *err);

#endif
