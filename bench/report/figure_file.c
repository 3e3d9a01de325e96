#include "report/figure_file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

cs_status cs_figure_open(const char *path, FILE **out, cs_error *err)
{
    *out = fopen(path, "w");
    return *out ? CS_OK : cs_fail(err, CS_EIO, "%s: cannot be written: %s", path, strerror(errno));
}

cs_status cs_figure_close(FILE *file, const char *path, cs_status status, cs_error *err)
{
    const bool broken = ferror(file) != 0;
    if ((fclose(file) != 0 || broken) && status == CS_OK)
        return cs_fail(err, CS_EIO, "%s: cannot be written: %s", path, strerror(errno));
    return status;
}

void cs_figure_quote(FILE *gp, const char *text)
{
    fputc('\'', gp);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', gp);
        fputc(*text, gp);
    }
    fputc('\'', gp);
}
