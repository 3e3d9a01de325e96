#!/bin/sh
# COSEARCH_ISA: narrower kernels for a whole run, recorded with it.
. tests/sh.inc
MODE=${MODE:-release}

design='fbnet:micro|fpga-chunk|k3_e1 k3_e3 k3_e1 k3_e1|8 8 8 8'
for isa in portable avx2; do
    case $isa in avx2) grep -q avx2 /proc/cpuinfo || continue ;; esac
    expect_exit "the engine tests pass on $isa kernels" 0 "" env COSEARCH_ISA=$isa \
        "build/$MODE/unit" --filter 'nn_model/*' --short-filename
    check "doctor tells that $isa is asked for" sh -c \
        "COSEARCH_ISA=$isa $COSEARCH doctor | grep -q 'engine kernels $isa, asked for by COSEARCH_ISA'"
done
expect_exit "an unknown set is refused" 2 "COSEARCH_ISA: 'sse9' is not auto, portable, avx2 or avx512" \
    env COSEARCH_ISA=sse9 "$COSEARCH" eval "$design" --acc short --dataset synth
