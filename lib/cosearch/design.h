/* A design: one point of a joint space, as the vector of its choices.
 *
 * It is a plain value: copy it, keep it, no ownership. `choice[i]` is the index into the options
 * of decision i of the space (space.h). Two vectors can mean the same design (a bitwidth of an
 * identity, parameters of a chunk no layer uses); the canonical form sets such inactive decisions
 * to 0 and is what is hashed, compared and printed.
 *
 * Text form, one line, five fields separated by '|', options inside a field by one blank:
 *   fbnet:micro|fpga-chunk|k3_e3 k5_e6 skip k3_e1|8 4 - 8|a0q8=1:16:16:8:8:1:1:8:8 a1q8=...
 * that is space, platform, operators, bitwidths ('-' where inactive), accelerator (active chunks
 * only, each with its decisions in the order of the space). */
#ifndef CS_DESIGN_H
#define CS_DESIGN_H

#include "cosearch/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CS_DECISIONS_MAX 256
#define CS_DESIGN_TEXT_MAX 4096

typedef struct cs_space cs_space;

typedef struct cs_design {
    uint16_t n; /* decisions in use */
    uint16_t choice[CS_DECISIONS_MAX];
} cs_design;

/* Writes the canonical text, NUL-terminated; CS_EUSAGE if `size` is too small
 * (CS_DESIGN_TEXT_MAX always suffices). */
cs_status cs_design_format(const cs_space *space, const cs_design *design, char *text, size_t size);

/* Reads a text form; trailing white space is ignored. CS_EFORMAT or CS_EOUTSIDE with a sentence
 * that names the field, what was found and what would be allowed. */
cs_status cs_design_parse(const cs_space *space, const char *text, cs_design *out, cs_error *err);

/* Reads operators and bitwidths only; the platform is any and the accelerator may be empty. The
 * accelerator of *out is some valid one: for cs_space_solve, and to carry a network over to
 * another platform. */
cs_status cs_design_parse_network(const cs_space *space, const char *text, cs_design *out,
                                  cs_error *err);

/* Space and platform named in a text form, without reading the rest; each buffer 64 bytes. */
cs_status cs_design_names(const char *text, char space[64], char hw[64], cs_error *err);

/* XXH64 of the canonical text: stable over versions of the program. */
uint64_t cs_design_hash(const cs_space *space, const cs_design *design);
bool cs_design_equal(const cs_space *space, const cs_design *a, const cs_design *b);

#endif
