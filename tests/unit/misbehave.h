/* Workers that misbehave, for tests of the harness: the test binary started as `PROGRAM
 * __misbehave WHAT` does WHAT. Started as `PROGRAM __worker PHASE DIR`, as the harness does it,
 * WHAT is read from the file DIR/../../misbehave. */
#ifndef CS_TEST_MISBEHAVE_H
#define CS_TEST_MISBEHAVE_H

/* "end", "exit", "crash", "deaf", "sleep", "hog", "kill", "silent"; never returns. */
void misbehave(const char *what) __attribute__((noreturn));

#endif
