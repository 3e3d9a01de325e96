#!/bin/sh
# doctor: one line per finding, exit code 4 if a campaign could not run.
. tests/sh.inc

$COSEARCH --results "$TEST_DIR/results" doctor >"$TEST_DIR/out" 2>"$TEST_DIR/err"
rc=$?
for name in program CPU "BLAS kernel" PAPI governor load memory "memory limit" workers disk gnuplot data; do
    check "doctor: $name" grep -q "^[okwarnFAIL]* *$name " "$TEST_DIR/out"
done
check "exit code 4 if and only if something failed" sh -c \
    "if grep -q '^FAIL' $TEST_DIR/out; then [ $rc -eq 4 ]; else [ $rc -eq 0 ]; fi"
check "the last line counts" grep -q '[0-9]* ok, [0-9]* warnings, [0-9]* failures' "$TEST_DIR/out"
check "jobs and threads are compared" grep -qE '^ok +workers +([2-9]|[1-9][0-9]+) one-thread workers .* one worker of|^ok +workers +one CPU' "$TEST_DIR/out"
check "nothing on standard error" [ ! -s "$TEST_DIR/err" ]
check "synth is verified" grep -q '^ok  *data  *synth-' "$TEST_DIR/out"
check "no colours in a pipe" sh -c "! grep -q '$(printf '\033')' $TEST_DIR/out"
check "colours on demand" sh -c "$COSEARCH --color always doctor | grep -q '$(printf '\033')'"

expect_exit "a folder that cannot be written fails" 4 "/proc" $COSEARCH --results /proc/x doctor
expect_exit "a profile that lacks its data fails" 4 "cifar-10-batches-bin" \
    env COSEARCH_DATA=/nonexistent $COSEARCH doctor --profile bench/profiles/cifar10-micro.ini
expect_exit "a profile that can run" 0 "runs of 3 methods" $COSEARCH doctor --profile bench/profiles/demo.ini
expect_exit "an unknown profile" 4 "did you mean 'bench/profiles/demo.ini'?" $COSEARCH doctor --profile dmeo
expect_exit "no gnuplot is a warning" 0 "not installed: no figures" \
    env PATH=/nonexistent "$COSEARCH" doctor
