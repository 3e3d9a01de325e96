/* Files that a figure writes. */
#ifndef CS_FIGURE_FILE_H
#define CS_FIGURE_FILE_H

#include "cosearch/status.h"
#include <stdio.h>

/* For writing; CS_EIO with the path and the reason. */
cs_status cs_figure_open(const char *path, FILE **out, cs_error *err);
/* Closes in any case. Returns `status`, or CS_EIO if that was fine and a write was not. */
cs_status cs_figure_close(FILE *file, const char *path, cs_status status, cs_error *err);

/* A text in single quotes for gnuplot. */
void cs_figure_quote(FILE *gp, const char *text);

#endif
