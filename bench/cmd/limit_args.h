/* The option --limits of commands. */
#ifndef CS_LIMIT_ARGS_H
#define CS_LIMIT_ARGS_H

#include "cosearch/hw.h"

/* "dsp_max=450,fps_min=30" into limits; the others stay as they are. text NULL: nothing. */
cs_status cs_limits_parse(const char *text, cs_limits *out, cs_error *err);

#endif
