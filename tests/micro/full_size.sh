#!/bin/sh
# Runs the supernets of the whole macro-architectures (22 blocks, full width, nine operators) on real
# images and prints losses, images per second and memory: full_size.sh [STEPS [BATCH [THREADS]]].
# Data: $COSEARCH_DATA, with CIFAR-100 and imagenet-sample/{manifest.csv,train/}. Needs
# build/release/microbench (make build/release/microbench) and, for the JPEGs, djpeg (Debian's
# package libjpeg-turbo-progs). Fails if a macro does not come through its steps.
set -u
cd "$(dirname "$0")/../.." || exit 4
COSEARCH_DATA=${COSEARCH_DATA:-../shared/data}
export COSEARCH_DATA
BENCH=build/release/microbench
steps=${1:-20} batch=${2:-16} threads=${3:-1}
sample=$COSEARCH_DATA/imagenet-sample
[ -x $BENCH ] || { echo "$BENCH is not there: run 'make $BENCH'" >&2; exit 4; }
[ -r "$sample/manifest.csv" ] || { echo "$sample/manifest.csv is not there: set COSEARCH_DATA" >&2; exit 4; }
command -v djpeg >/dev/null || { echo "djpeg is not there: 'apt-get install libjpeg-turbo-progs'" >&2; exit 4; }

images() { # the training photographs in a mixed order, over and over: a label, then a PPM
    while :; do
        awk -F, '$1 == "train" { print NR * 7919 % 1009, $3, $5 }' "$sample/manifest.csv" | sort -n |
            while read -r _ label file; do
                echo "$label" && djpeg -rgb -pnm "$sample/$file" || exit 1
            done || return
    done 2>/dev/null
}

$BENCH --supernet fbnet:cifar cifar100 "$steps" "$batch" "$threads" || exit
images | $BENCH --supernet fbnet:imagenet - "$steps" "$batch" "$threads"
