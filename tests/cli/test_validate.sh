#!/bin/sh
# The validation program itself: what is missing, empty, wrong or unknown.
. tests/sh.inc
validate=$(dirname "$COSEARCH")/validate
[ -x "$validate" ] || validate=build/release/validate
data=$TEST_DIR/data
mkdir -p "$data/hw"
run() { COSEARCH_VALIDATION=$data "$validate"; }
zhang() { # CYCLES
    printf '# one layer\nlayer,M_out,N_in,R,K,Tm,Tn,cycles,measured_ms_100MHz\nL1,48,3,55,11,64,7,%s,7.67\n' "$1"
}

expect_exit "no file at all: every one is listed as skipped" 0 "hw/timeloop_run_summary.csv" run
check "and none passes or fails" sh -c "COSEARCH_VALIDATION=$data $validate | grep -q '^0 files pass, 0 fail'"
zhang 366025 >"$data/hw/fpga_zhang2015_vc707.csv"
expect_exit "one file that agrees" 0 "1 files pass, 0 fail" run
expect_exit "with its rows, errors, tolerance and verdict" 0 "tolerance cycles exact, measured 12 %: pass" run
zhang 366026 >"$data/hw/fpga_zhang2015_vc707.csv"
expect_exit "one cycle off fails and is named" 1 "L1 cycles: ours 366025, expected 366026" run
: >"$data/hw/fpga_zhang2015_vc707.csv"
expect_exit "an empty file is an error" 1 "hw/fpga_zhang2015_vc707.csv" run
zhang x >"$data/hw/fpga_zhang2015_vc707.csv"
expect_exit "a damaged file is an error" 1 "line 3: cycles: 'x' is not a number" run
rm "$data/hw/fpga_zhang2015_vc707.csv"
echo 'a' >"$data/hw/unheard_of.csv"
expect_exit "a file that nothing reads is said" 0 "hw/unheard_of.csv                    not read" run
echo 'case,level,tensor,instances' >"$data/hw/timeloop_run_accesses.csv"
echo 'T1,RF,Weights,1' >>"$data/hw/timeloop_run_accesses.csv"
expect_exit "a file that needs another one is skipped" 0 "skipped: needs hw/timeloop_run_summary.csv" run
