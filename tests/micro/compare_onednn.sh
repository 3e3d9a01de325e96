#!/bin/sh
# Times the depthwise convolutions of this engine and of oneDNN (NHWC, one thread) in turns:
# compare_onednn.sh [PAIRS] [SHAPE]. Needs Debian's libdnnl-dev, which nothing else here does, and
# the engine's objects (make). A ratio below 1: the engine is faster.
set -u
cd "$(dirname "$0")/../.." || exit 4
CC=${CC:-gcc}
OBJECTS=build/release
PROGRAM=build/compare_onednn
[ -e /usr/include/oneapi/dnnl/dnnl.h ] || {
    echo "oneapi/dnnl/dnnl.h is not there: 'apt-get install libdnnl-dev'" >&2
    exit 4
}
[ -e $OBJECTS/lib/nn/convop.o ] || { echo "$OBJECTS has no objects: run 'make'" >&2; exit 4; }
libs="-fopenmp -ldnnl $(pkg-config --libs openblas libxxhash) -lcsv -lm"
# shellcheck disable=SC2086
"$CC" -std=c17 -O2 -Wall -Wextra -Ilib -o $PROGRAM tests/micro/onednn/depthwise.c \
    $OBJECTS/lib/nn/*.o $OBJECTS/lib/core/*.o $libs || exit 4
OMP_NUM_THREADS=1 exec nice -n "${NICE:-0}" taskset -c "${CPU:-0}" $PROGRAM "$@"
