#!/bin/sh
# The PE array of DNA from the command line: costs, limits, a campaign of all methods under an EDP limit.
. tests/sh.inc

net='k3_e1 k3_e3 k5_e6 skip|8 8 4 8'
std='std=3:1:4:6:1:3:5:2:2:1:1 std_gb=1:2:3:1:2'
dw='dw=3:4:4:6:5:2:2:1:1 dw_gb=1:2:3:4'
nest="fbnet:micro|asic-pe|$net|$std:- std_dram=1:2:3:1:2:- $dw:- dw_dram=1:2:3:4:-"
published="fbnet:micro|asic-pe-published|$net|$std:3 std_dram=1:2:3:1:2:3 $dw:5 dw_dram=1:2:3:4:5"

expect_exit "listed with its paper" 0 zhang2020dna $COSEARCH list hw asic-pe
expect_exit "energy, EDP and area, no slices" 0 "uJ s" $COSEARCH eval "$nest"
check "quantities it does not have are not shown" sh -c "! $COSEARCH eval '$nest' --chunks | grep -q 'DSP\|dsp\|BRAM'"
$COSEARCH eval "$nest" --breakdown >"$TEST_DIR/breakdown.txt"
check "energy by level, part and layer" sh -c "grep -q '^dram .*off-chip memory' $TEST_DIR/breakdown.txt &&
    grep -q '^std  ' $TEST_DIR/breakdown.txt && grep -q '^ *13  classifier' $TEST_DIR/breakdown.txt"
$COSEARCH eval "$nest" --csv >"$TEST_DIR/whole.csv"
$COSEARCH eval "$nest" --csv --breakdown >"$TEST_DIR/layers.csv"
# the energies of the layers add up to that of the design, and their levels to theirs
check "energies add up" awk -F, 'FNR == 1 { n++; for (i = 1; i <= NF; i++) at[n, $i] = i; next }
    n == 1 { whole = 1e6 * $at[1, "energy_j"] }
    n == 2 { e = $at[2, "energy_uj"]; sum += e
             for (i = at[2, "mac_uj"]; i <= NF; i++) e -= $i; if (e * e > 1e-12) bad = 1 }
    END { d = sum / whole - 1; exit bad || d * d > 1e-12 || whole <= 0 }' "$TEST_DIR/whole.csv" "$TEST_DIR/layers.csv"
expect_exit "the authors' model" 0 "asic-pe-published version 1" $COSEARCH eval "$published"
expect_exit "on the larger budget" 0 "asic-pe:900 version 1" $COSEARCH eval "$nest" --hw asic-pe:900
expect_exit "the authors' model takes over what asic-pe leaves open" 0 "std_gb=1:2:3:1:2:1" \
    $COSEARCH eval "$nest" --hw asic-pe-published
expect_exit "pipelined" 0 "asic-pe:pipelined version 1" $COSEARCH eval "$nest" --hw asic-pe:pipelined
expect_exit "a limit on EDP that holds" 0 kept $COSEARCH eval "$nest" --limits edp_max_js=1e-6
expect_exit "a limit on EDP that does not" 1 BROKEN $COSEARCH eval "$nest" --limits edp_max_js=1e-12
expect_exit "a limit on area" 1 BROKEN $COSEARCH eval "$nest" --limits area_max_mm2=0.001
$COSEARCH eval "$nest" --csv --limits edp_max_js=1e-12,energy_max_j=1e-9,latency_max_s=1e-9 >"$TEST_DIR/cost.csv"
check "broken limits by name" grep -q '"edp_max_js latency_max_s energy_max_j"' "$TEST_DIR/cost.csv"
expect_exit "no exact solver" 2 "has no exact accelerator solver" $COSEARCH eval "$nest" --solve
expect_exit "places out of range" 2 "std_gb.ch_out" $COSEARCH eval "$(echo "$nest" | sed 's/std_gb=1/std_gb=3/')"

cat >"$TEST_DIR/asic.ini" <<'END'
[profile]
name = asic
space = fbnet:micro
hw = asic-pe
dataset = synth
methods = random, evolution, hsco
seeds = 0
primary = mac:2.4e8
[limits]
edp_max_js = 5e-8
area_max_mm2 = 0.4
[caps]
hw_queries = 5000
[fidelity.short]
epochs = 1
batch = 8
lr = 0.05
subset = 32
val_subset = 32
[recipe]
id = asic-r1
epochs = 1
batch = 8
lr = 0.05
subset = 32
END
results=$TEST_DIR/results
expect_exit "the methods run under limits on EDP and area" 0 "3 of 3 runs finished" \
    $COSEARCH --results "$results" run "$TEST_DIR/asic.ini"
# what NAME...: these fields of results.csv, lines joined (no named field holds a comma here)
what() {
    awk -F, -v names="$*" 'NR == 1 { n = split(names, want, " "); for (i = 1; i <= NF; i++) at[$i] = i; next }
        { for (i = 1; i <= n; i++) printf "%s ", $at[want[i]] }' "$results/asic/results.csv"
}
numbers() { what "$1" | tr ' ' '\n' | grep -c '^[0-9.e+-]\{1,\}$'; }
check "every answer keeps the limits" [ "$(what feasible)" = "1 1 1 " ]
for column in latency_s energy_j edp_js area_mm2 published_edp_js; do
    check "$column of every answer" [ "$(numbers $column)" -eq 3 ]
done
check "and no slices or block RAM" [ "$(numbers dsp) $(numbers bram)" = "0 0" ]
# the tree this runs in may have changes that are not committed; nothing else may taint a run
check "no row is tainted" [ -z "$(what tainted | sed 's/"uncommitted source"//g; s/""//g' | tr -d ' ')" ]
expect_exit "the summary shows them" 0 "EDP_uJs" $COSEARCH --results "$results" show --summary --campaign asic
