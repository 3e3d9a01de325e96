#!/bin/sh
# eval: golden numbers of the published model (a 70-layer network on three fixed accelerators and
# its exact optima), breakdowns, limits, and design texts that are wrong.
. tests/sh.inc

ops='k5_e6 k5_e6 k3_e1 k5_e3 k5_e3 k5_e6 k5_e1_g2 k5_e1 k5_e6 k5_e6 k5_e3 k5_e6 k5_e1_g2 k3_e6 k5_e6 k3_e3 k5_e6 k5_e6 k5_e3 k5_e6 k5_e3 k5_e6'
bits='6 8 6 6 4 8 6 6 6 8 6 8 8 8 6 6 6 6 6 6 6 6'
# accelerator A0 A1 DWA0 DWA1: the same parameters at every bitwidth the network uses
accelerator() {
    echo "a0q4=$1 dwa0q4=$3 a0q6=$1 a1q6=$2 dwa0q6=$3 dwa1q6=$4 a0q8=$1 a1q8=$2 dwa0q8=$3 dwa1q8=$4"
}
design() { echo "fbnet:${2:-cifar}|${3:-fpga-chunk-published}|$ops|$bits|$1"; }
# field NAME FILE [ROW]: one cell of a CSV whose fields have no commas
field() {
    awk -F, -v name="$1" -v row="${3:-2}" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i }
        NR == row { gsub(/"/, "", $c); print $c }' "$2"
}
# near VALUE EXPECTED: relative 1e-5, the digits the reference was written with
near() { awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; if (d < 0) d = -d; exit !(a != "" && d <= 1e-5 * b) }'; }

A=$(accelerator 1:16:16:8:8:1:1:8:8 1:4:4:32:32:1:1:16:16 1:16:16:8:1:8:1:8:1 1:4:4:32:1:4:1:16:1)
B=$(accelerator 0:8:8:8:4:2:2:4:2 0 0 0) # compute mode 0 is not a choice of the fixed model
design "$A" >"$TEST_DIR/a.txt"
out=$TEST_DIR/out.csv
$COSEARCH eval --design "$TEST_DIR/a.txt" --csv >"$out"
check "case A: 176.803 images per second" near "$(field fps "$out")" 176.803
check "case A: 308.5 DSP" near "$(field dsp "$out")" 308.5
check "case A: 353 BRAM" near "$(field bram "$out")" 353
check "case A: 1131204 cycles" near "$(field interval_cycles "$out")" 1131204
check "case A: bottleneck dwa1q6" [ "$(field bottleneck "$out")" = dwa1q6 ]
$COSEARCH eval --design "$TEST_DIR/a.txt" --chunks --csv >"$out"
chunk() { awk -F, -v c="\"$1\"" '$2 == c { print $4 }' "$out"; }
for pair in a0q4=65376 a0q6=238176 a0q8=128112 a1q6=545520 a1q8=117728 dwa0q4=237672 \
    dwa0q6=808760 dwa0q8=449064 dwa1q6=1131204 dwa1q8=336384; do
    check "case A: chunk ${pair%=*}" near "$(chunk "${pair%=*}")" "${pair#*=}"
done
$COSEARCH eval --design "$TEST_DIR/a.txt" --layers --csv >"$out"
check "70 layers, stem, head and classifier not counted" [ "$(wc -l <"$out")" -eq 71 ]
blocks=$(awk -F, 'NR > 1 { gsub(/"/, "", $3); sum[$3] += $14 } END { print sum[1], sum[2], sum[3], sum[4], sum[5] }' "$out")
check "case A: cycles of the first five blocks" [ "$blocks" = "388176 412992 56988 311724 303048" ]

case_free() { # NAME ACCELERATOR FPS DSP BRAM
    design "$2" cifar fpga-chunk-published:free | $COSEARCH eval --design - --csv >"$out"
    check "case $1: $3 images per second, $4 DSP, $5 BRAM" sh -c "
        [ \"$(printf '%.3f %.2f %.0f' "$(field fps "$out")" "$(field dsp "$out")" "$(field bram "$out")")\" = \
          '$3 $4 $5' ]"
}
B=$(accelerator 0:8:8:8:4:2:2:4:2 1:4:4:16:8:2:2:8:8 0:8:8:8:1:4:4:4:1 1:4:4:16:1:2:2:8:1)
C=$(accelerator 2:16:8:4:4:8:8:4:4 2:4:4:8:8:4:4:8:8 1:8:8:4:1:8:4:4:1 0:4:4:16:1:2:2:16:1)
case_free B "$B" 65.953 66.75 146
case_free C "$C" 13.732 35.50 356

$COSEARCH eval "$(design "$A")" --hw fpga-chunk-published:free --csv >"$out"
check "another platform reads values, not places in its lists: the mode stays 1" \
    sh -c "grep -q 'a0q6=1:' $out && ! grep -q 'a0q6=0:' $out"

solve() { # NAME SPACE MODEL FPS
    start=$(date +%s%N)
    design "" "$2" "$3" | $COSEARCH eval --design - --solve --limits dsp_max=900,bram_max=700 --csv >"$out"
    ms=$((($(date +%s%N) - start) / 1000000))
    check "optimum $1: $4" [ "$(printf %.2f "$(field fps "$out")")" = "$4" ]
    check "optimum $1 is proven and keeps the limits" [ "$(field proven "$out")$(field feasible "$out")" = 11 ]
    [ "$MODE" = asan ] || check "optimum $1 within a second ($ms ms)" [ "$ms" -lt 1000 ]
}
MODE=${MODE:-release}
solve "CIFAR" cifar fpga-chunk-published 176.80
solve "ImageNet dimensions" imagenet fpga-chunk-published 100.66
solve "CIFAR, free compute mode" cifar fpga-chunk-published:free 407.36

design "$A" | $COSEARCH eval --design - --solve --hw fpga-chunk-published:free --csv >"$out"
check "the solver beats the given accelerator and says by how much" sh -c \
    "awk 'BEGIN { exit !($(field given_fps "$out") < $(field fps "$out") && $(field regret_fps "$out") > 0.5) }'"
text=$(awk -F'"' 'NR == 2 { print $(NF - 1) }' "$out")
$COSEARCH eval "$text" --csv >"$TEST_DIR/again.csv"
check "a printed design reads back to the same cost" \
    [ "$(field fps "$out") $(field design_hash "$out")" = "$(field fps "$TEST_DIR/again.csv") $(field design_hash "$TEST_DIR/again.csv")" ]
{ cat "$TEST_DIR/a.txt"; echo "# a comment"; echo; cat "$TEST_DIR/a.txt"; } |
    $COSEARCH eval --design - --csv >"$out"
check "several designs, comments and empty lines" [ "$(wc -l <"$out")" -eq 3 ]

expect_exit "limits that are kept" 0 "kept" $COSEARCH eval "$(design "$A")" --limits dsp_max=400,fps_min=100
expect_exit "limits that are broken: exit code 1" 1 "BROKEN" $COSEARCH eval "$(design "$A")" --limits dsp_max=300
expect_exit "no accelerator keeps the limits: exit code 3" 3 "no accelerator of this network fits" \
    $COSEARCH eval "$(design "$A")" --solve --limits dsp_max=1
expect_exit "unknown limit" 2 "unknown limit 'dspmax' (did you mean 'dsp_max'?)" \
    $COSEARCH eval "$(design "$A")" --limits dspmax=3
expect_exit "limit without a number" 2 "expected a number, found 'few'" \
    $COSEARCH eval "$(design "$A")" --limits dsp_max=few
expect_exit "operator that is not in the space" 2 "operator 'k7_e6' is not in space fbnet:cifar; allowed are" \
    $COSEARCH eval "$(design "$A" | sed 's/k5_e6/k7_e6/')"
expect_exit "bitwidth that is not in the space" 2 "7 is not a choice; allowed are 4, 6, 8" \
    $COSEARCH eval "$(design "$A" | sed 's/|6 8/|7 8/')"
expect_exit "too few operators" 2 "expected 22 operators" $COSEARCH eval "$(design "$A" | sed 's/k5_e6 //')"
expect_exit "missing chunk" 2 "is missing, the network needs it" \
    $COSEARCH eval "$(design "$A" | sed 's/ dwa1q8=[^ ]*//')"
expect_exit "no accelerator at all" 2 "--solve computes the best one" $COSEARCH eval "$(design "")"
expect_exit "not a design" 2 "expected 5 fields" $COSEARCH eval hello
expect_exit "unknown space" 2 "did you mean 'fbnet:cifar'?" $COSEARCH eval "$(design "$A" cifra)"
expect_exit "unknown platform in the text" 2 "did you mean 'fpga-chunk'?" \
    $COSEARCH eval "$(design "$A" cifar fpga-chnk)"
expect_exit "unknown platform of --hw" 2 "did you mean 'fpga-chunk'?" \
    $COSEARCH eval "$(design "$A")" --hw fpga-chukn
expect_exit "empty input" 2 "no design text found" sh -c "echo '# nothing' | $COSEARCH eval --design -"
expect_exit "missing file" 4 "nowhere.txt: cannot be read" $COSEARCH eval --design "$TEST_DIR/nowhere.txt"
expect_exit "no design" 2 "expected one design" $COSEARCH eval
expect_exit "two tables of CSV" 2 "choose --layers or --chunks" \
    $COSEARCH eval "$(design "$A")" --csv --layers --chunks

cat >"$TEST_DIR/layers.csv" <<'END'
layer,G,K,C,P,Q,R,S,stride,weight_bits,input_bits,sum_bits
conv3,1,384,256,13,13,3,3,1,16,16,16
depthwise,96,1,1,28,28,3,3,2,8,8,16
END
expect_exit "layers of a file on a known accelerator" 0 "in all      150.198 M MACs" \
    $COSEARCH eval --hw eyeriss --layers "$TEST_DIR/layers.csv"
expect_exit "words moved by level and tensor, and the mappings" 0 "depthwise: DRAM" \
    $COSEARCH eval --hw nvdla --layers "$TEST_DIR/layers.csv" --breakdown
$COSEARCH eval --hw shidiannao --layers "$TEST_DIR/layers.csv" --breakdown --csv >"$out"
check "breakdown as CSV: a row per layer, level and tensor" \
    awk -F, 'NR == 1 { n = NF } NF != n { bad = 1 } END { exit !(NR == 19 && n == 9 && !bad) }' "$out"
cp "$out" "$TEST_DIR/again.csv"
$COSEARCH eval --hw shidiannao --layers "$TEST_DIR/layers.csv" --breakdown --csv >"$out"
check "the same mappings again" cmp "$out" "$TEST_DIR/again.csv"
expect_exit "layers without an accelerator" 2 "--hw eyeriss, shidiannao or nvdla" \
    $COSEARCH eval --layers "$TEST_DIR/layers.csv"
expect_exit "unknown accelerator for layers" 2 "did you mean 'eyeriss'?" \
    $COSEARCH eval --hw eyeris --layers "$TEST_DIR/layers.csv"
echo 'a,b' >"$TEST_DIR/other.csv"
echo '1,2' >>"$TEST_DIR/other.csv"
expect_exit "not a file of layers" 2 "expected rows of layers" \
    $COSEARCH eval --hw eyeriss --layers "$TEST_DIR/other.csv"
printf 'K,C\n8,x\n' >"$TEST_DIR/other.csv"
expect_exit "a layer that is no layer" 2 "line 2: C: expected 1 to 65535, found 'x'" \
    $COSEARCH eval --hw eyeriss --layers "$TEST_DIR/other.csv"

micro='fbnet:micro|fpga-chunk|k3_e1 k3_e1 k3_e1 k3_e1|8 8 8 8|'
cat >"$TEST_DIR/tiny.ini" <<'END'
[profile]
name = tiny
space = fbnet:micro
hw = fpga-chunk
dataset = synth
methods = random
seeds = 0
primary = evals:1
[fidelity.short]
epochs = 1
subset = 320
val_subset = 200
[recipe]
epochs = 1
subset = 320
END
acc() { $COSEARCH eval "$micro" --solve --profile "$TEST_DIR/tiny.ini" --acc "$@" --csv >"$out" && field acc "$out"; }
first=$(acc short)
check "--acc trains: a validation accuracy" sh -c "awk 'BEGIN { exit !(\"$first\" > 0.02 && $first <= 1) }'"
check "the same seed, the same accuracy" [ "$first" = "$(acc short)" ]
check "--acc test measures on the test set" sh -c "[ -n '$(acc test)' ] && grep -q 'test accuracy, 1 epochs' $out"
expect_exit "a level without a price" 2 "does not price this level" \
    $COSEARCH eval "$micro" --solve --profile "$TEST_DIR/tiny.ini" --acc full
expect_exit "--acc without data" 2 "--acc needs --dataset NAME or --profile FILE" \
    $COSEARCH eval "$micro" --solve --acc short
expect_exit "--acc with a missing data set" 4 "cifar10" \
    env COSEARCH_DATA=/nonexistent $COSEARCH eval "$micro" --solve --acc short --dataset cifar10
