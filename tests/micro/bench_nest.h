/* Rows of the loop-nest model and the mapper, part of group hw. */
#ifndef CS_BENCH_NEST_H
#define CS_BENCH_NEST_H

void bench_nest(void);

#endif
