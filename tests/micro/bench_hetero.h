/* Rows of the heterogeneous accelerator, part of group hw. */
#ifndef BENCH_HETERO_H
#define BENCH_HETERO_H

void bench_hetero(void);

#endif
