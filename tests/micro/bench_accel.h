/* Rows of the accelerator search engine, part of group search. */
#ifndef CS_BENCH_ACCEL_H
#define CS_BENCH_ACCEL_H

void bench_accel_rows(void);

#endif
