#!/bin/sh
# NASAIC's accelerator from the command line: costs, the proven optimum, a campaign of all methods
# under an EDP limit with its regret.
. tests/sh.inc

net='k3_e1 k3_e3 k5_e6 skip|8 8 4 8'
nest="fbnet:micro|asic-hetero|$net|s0=512:0:40 s1=256:1"
published="fbnet:micro|asic-hetero-published|$net|s0=512:0:40 s1=256:1"

expect_exit "listed with its paper" 0 yang2020nasaic $COSEARCH list hw asic-hetero
expect_exit "energy, EDP and area" 0 "uJ s" $COSEARCH eval "$nest"
check "quantities it does not have are not shown" sh -c "! $COSEARCH eval '$nest' --chunks | grep -q 'DSP\|dsp\|BRAM'"
$COSEARCH eval "$nest" --breakdown >"$TEST_DIR/breakdown.txt"
check "energy by level, unit and layer" sh -c "grep -q '^dram .*off-chip memory' $TEST_DIR/breakdown.txt &&
    grep -q '^s0-dla  ' $TEST_DIR/breakdown.txt && grep -q '^s1-shi  ' $TEST_DIR/breakdown.txt &&
    grep -q '^ *13  classifier' $TEST_DIR/breakdown.txt"
expect_exit "the authors' model" 0 "asic-hetero-published version 1" $COSEARCH eval "$published"
expect_exit "four units" 0 "s3-rs" $COSEARCH eval --chunks \
    "fbnet:micro|asic-hetero:4|$net|s0=512:0:40 s1=0:-:- s2=256:1:8 s3=128:2"
expect_exit "an absent unit" 0 "s1=256:1" $COSEARCH eval "fbnet:micro|asic-hetero|$net|s0=0:-:- s1=256:1"
expect_exit "more PEs than there are" 2 "leave 3584 of 4096" \
    $COSEARCH eval "fbnet:micro|asic-hetero|$net|s0=512:0:40 s1=4096:1"
expect_exit "a limit on EDP that does not hold" 1 BROKEN $COSEARCH eval "$nest" --limits edp_max_js=1e-12
expect_exit "the optimum is proven" 0 "proven: no accelerator of the platform" $COSEARCH eval "$nest" --solve
expect_exit "and so that of the authors' model" 0 "accelerators enumerated" $COSEARCH eval "$published" --solve
$COSEARCH eval "$nest" --solve --csv >"$TEST_DIR/solved.csv"
check "the optimum is its own bound and beats the given one" awk -F, '
    NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    { exit !($at["bound_edp_js"] == $at["edp_js"] && $at["given_edp_js"] > $at["edp_js"] &&
             $at["regret_edp"] > 0 && $at["regret_fps"] == "" && $at["proven"] == 1) }' "$TEST_DIR/solved.csv"
expect_exit "nothing keeps an area of nothing" 3 "no accelerator keeps the limits" \
    $COSEARCH eval "$nest" --solve --limits area_max_mm2=0.001
expect_exit "four units have no solver" 2 "has no exact accelerator solver" \
    $COSEARCH eval --solve "fbnet:micro|asic-hetero:4|$net|"

cat >"$TEST_DIR/hetero.ini" <<'END'
[profile]
name = hetero
space = fbnet:micro
hw = asic-hetero
dataset = synth
methods = random, evolution, hsco
seeds = 0
primary = mac:2.4e8
[limits]
edp_max_js = 2e-8
area_max_mm2 = 150
[caps]
hw_queries = 5000
[fidelity.short]
epochs = 1
batch = 8
lr = 0.05
subset = 32
val_subset = 32
[recipe]
id = hetero-r1
epochs = 1
batch = 8
lr = 0.05
subset = 32
END
results=$TEST_DIR/results
expect_exit "the methods run under limits on EDP and area" 0 "3 of 3 runs finished" \
    $COSEARCH --results "$results" run "$TEST_DIR/hetero.ini"
# what NAME...: these fields of results.csv, lines joined (no named field holds a comma here)
what() {
    awk -F, -v names="$*" 'NR == 1 { n = split(names, want, " "); for (i = 1; i <= NF; i++) at[$i] = i; next }
        { for (i = 1; i <= n; i++) printf "%s ", $at[want[i]] }' "$results/hetero/results.csv"
}
numbers() { what "$1" | tr ' ' '\n' | grep -c '^[0-9.e+-]\{1,\}$'; }
check "every answer keeps the limits" [ "$(what feasible)" = "1 1 1 " ]
for column in latency_s energy_j edp_js area_mm2 published_edp_js regret_edp; do
    check "$column of every answer" [ "$(numbers $column)" -eq 3 ]
done
check "no answer is better than the proven optimum" sh -c "! echo '$(what regret_edp)' | grep -q '\-[0-9]'"
check "no slices, block RAM or regret of throughput" [ "$(numbers dsp) $(numbers bram) $(numbers regret_fps)" = "0 0 0" ]
# the tree this runs in may have changes that are not committed; nothing else may taint a run
check "no row is tainted" [ -z "$(what tainted | sed 's/"uncommitted source"//g; s/""//g' | tr -d ' ')" ]
