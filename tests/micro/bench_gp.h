/* Rows of the Gaussian process, part of group search. */
#ifndef CS_BENCH_GP_H
#define CS_BENCH_GP_H

void bench_gp_rows(void);

#endif
