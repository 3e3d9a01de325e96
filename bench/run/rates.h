/* How fast this machine trains, measured for a moment: what --jobs and threads are worth here. */
#ifndef CS_BENCH_RATES_H
#define CS_BENCH_RATES_H

#include "cosearch/net.h"
#include "cosearch/status.h"

#include <stddef.h>
#include <stdint.h>

#define CS_RATES_PAIRS 3

/* Multiply-accumulates a second of training steps, each figure in processes of its own. */
typedef struct cs_rates {
    size_t cpus;     /* that this process may use                                              */
    double alone;    /* one worker of one thread, the other CPUs left to whoever has them       */
    double apart;    /* one one-thread worker pinned to each CPU, their sum                     */
    double together; /* one worker with a thread for each CPU                                   */
    double gain;     /* apart over together: the median of pairs measured one after the other   */
} cs_rates;

/* A network of a space, the same every time; CS_EUSAGE for unknown names. */
cs_status cs_rates_net(const char *space, const char *hw, uint16_t classes, cs_net *out,
                       cs_error *err);
/* Trains `net` on noise for about `seconds` in each of the three ways, the latter two
 * CS_RATES_PAIRS times in turns, so that what else runs here weighs on both; rates are medians.
 * isa: see cs_env_isa. CS_EIO if processes cannot be started, CS_ENOMEM if one of them ends early.
 */
cs_status cs_rates_measure(const cs_net *net, uint32_t batch, const char *isa, double seconds,
                           cs_rates *out, cs_error *err);

/* "2 one-thread workers 1.2e+10 MAC/s, one worker of 2 threads 1.1e+10 MAC/s: --jobs 2 with
 * threads = 1 is faster by 9 %". */
void cs_rates_text(const cs_rates *rates, char *text, size_t size);

#endif
