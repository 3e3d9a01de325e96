#!/bin/sh
# Times one training step of the reference stack by this engine and by PyTorch, in turns, and prints
# the ratios of the medians: compare_torch.sh [PAIRS] [CASE...], CASE one of fp32 q8 k5-fp32 k5-q8
# resnet20 (batch 128).
# Needs build/release/microbench (make build/release/microbench), Debian's package python3-torch
# (PYTHON names another interpreter with torch) and the anchor script that TORCH_STEP names. Neither
# the program nor its tests need any of these. For numbers worth keeping nothing else may run.
set -u
cd "$(dirname "$0")/../.." || exit 4
PYTHON=${PYTHON:-/usr/bin/python3}
TORCH_STEP=${TORCH_STEP:-../shared/anchors/torch_step.py}
BENCH=build/release/microbench
pairs=5
case ${1:-} in [0-9]*)
    pairs=$1
    shift
    ;;
esac
[ $# -gt 0 ] || set -- fp32 q8 k5-fp32 k5-q8
[ -x $BENCH ] || { echo "$BENCH is not there: run 'make $BENCH'" >&2; exit 4; }
[ -r "$TORCH_STEP" ] || { echo "$TORCH_STEP is not there: set TORCH_STEP" >&2; exit 4; }
"$PYTHON" -c 'import torch' 2>/dev/null || {
    echo "$PYTHON cannot import torch: 'apt-get install python3-torch', or set PYTHON" >&2
    exit 4
}
grep -q avx512f /proc/cpuinfo && export OPENBLAS_CORETYPE=SkylakeX
work=$(mktemp -d) || exit 4
trap 'rm -rf "$work"' EXIT

ours() { # KERNEL BITS THREADS: median ms and peak MiB
    pin=
    [ "$3" -ne 1 ] || pin="taskset -c 0"
    $pin $BENCH --step "$1" "$2" "$3" 7 | awk '{ print $1, $4 / 1024 }'
}

torch() { # CASE THREADS: the same of PyTorch tuned, channels-last, its best way
    "$PYTHON" "$TORCH_STEP" --cases "$1" --env tuned --layout nhwc --threads "$2" --reps 7 2>/dev/null |
        awk -F, '$4 == "step" { print $8, $14 }'
}

median() { # FILE FIELD
    awk -v f="$2" '{ print $f }' "$1" | sort -g | awk '{ v[NR] = $1 }
        END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

printf '%-8s %7s %10s %10s %7s %8s %9s   %s\n' case threads ours_ms torch_ms ratio ours_MiB torch_MiB \
    "ratios of the pairs, load"
for name in "$@"; do
    case $name in
    fp32) args="3 32" net=mbconv:64 quant=none ;;
    q8) args="3 8" net=mbconv:64 quant=native ;;
    k5-fp32) args="5 32" net=mbconv5:64 quant=none ;;
    k5-q8) args="5 8" net=mbconv5:64 quant=native ;;
    resnet20) args="resnet20 32" net=resnet20:128 quant=none ;;
    *) echo "no case '$name': fp32, q8, k5-fp32, k5-q8 or resnet20" >&2; exit 2 ;;
    esac
    for threads in 1 2; do
        : >"$work/ours"
        : >"$work/torch"
        i=0
        while [ $i -lt "$pairs" ]; do
            # shellcheck disable=SC2086
            ours $args $threads >>"$work/ours"
            torch "net:$net:$quant" $threads >>"$work/torch"
            i=$((i + 1))
        done
        each=$(paste "$work/ours" "$work/torch" | awk '{ printf "%.2f ", $3 / $1 }')
        o=$(median "$work/ours" 1)
        t=$(median "$work/torch" 1)
        printf '%-8s %7d %10.1f %10.1f %7.2f %8.0f %9.0f   %s load %s\n' "$name" $threads "$o" "$t" \
            "$(awk -v o="$o" -v t="$t" 'BEGIN { print t / o }')" "$(median "$work/ours" 2)" \
            "$(median "$work/torch" 2)" "$each" "$(cut -d' ' -f1 /proc/loadavg)"
    done
done
