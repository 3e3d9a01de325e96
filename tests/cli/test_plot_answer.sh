#!/bin/sh
# The figures of one accelerator, energy-levels and roofline, on a campaign written here.
. tests/sh.inc

# A campaign with one answer: campaign NAME PLATFORM DESIGN
header=$($COSEARCH list schema results.csv --csv |
    awk -F, 'NR > 1 { gsub(/"/, "", $2); printf "%s%s", sep, $2; sep = "," }')
results=$TEST_DIR/results
campaign() {
    camp=$results/$1
    mkdir -p "$camp/runs/00000000000000a1"
    echo "$3" >"$camp/runs/00000000000000a1/design.txt"
    printf 'schema=1\nrun_id="00000000000000a1"\ncampaign="%s"\nmethod="random"\nseed=0\nstatus="ok"
dataset="synth"\nhw_model="%s"\nacc_test_mean=0.5\nfeasible=1\nfps=100\ndsp=100\nbram=90\n' "$1" "$2" |
        awk -v header="$header" '
            { at = index($0, "="); value[substr($0, 1, at - 1)] = substr($0, at + 1) }
            END {
                n = split(header, name, ",")
                print header
                for (i = 1; i <= n; i++) printf "%s%s", value[name[i]], i < n ? "," : "\n"
            }' >"$camp/results.csv"
}
net='k3_e1 k3_e3 k5_e6 k3_e1|8 8 8 8'
chunks='a0q8=1:16:16:8:8:1:1:8:8 a1q8=1:4:4:32:32:1:1:16:16 dwa0q8=1:16:16:8:1:8:1:8:1 dwa1q8=1:4:4:32:1:4:1:16:1'
campaign fpga fpga-chunk "fbnet:micro|fpga-chunk|$net|$chunks"
std='std=3:1:4:6:1:3:5:2:2:1:1 std_gb=1:2:3:1:2:- std_dram=1:2:3:1:2:-'
dw='dw=3:4:4:6:5:2:2:1:1 dw_gb=1:2:3:4:- dw_dram=1:2:3:4:-'
campaign asic asic-pe "fbnet:micro|asic-pe|$net|$std $dw"

KEEP=1
expect_exit "both figures of an answer with energy" 0 "energy-levels.svg" \
    $COSEARCH --results "$results" plot energy-levels roofline --campaign asic
fig=$results/asic/figures
check "energy: a row per layer with six levels, none negative, some of DRAM" awk '
    /^#/ { next }
    { n++; v = 0; for (i = NF - 5; i <= NF; i++) { if ($i < 0) bad = 1; v += $i }; dram += $(NF - 1); if (v <= 0) bad = 1 }
    END { exit !(n == 15 && !bad && dram > 0) }' "$fig/energy-levels.dat"
check "energy of the figure is that of eval" sh -c "
    drawn=\$(awk '!/^#/ { for (i = NF - 5; i <= NF; i++) s += \$i } END { printf \"%.4g\", s * 1e-6 }' $fig/energy-levels.dat)
    said=\$($COSEARCH eval --csv --design $results/asic/runs/00000000000000a1/design.txt |
        awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) { gsub(/\"/, \"\", \$i); if (\$i == \"energy_j\") c = i } }
            NR == 2 { printf \"%.4g\", \$c }')
    echo \"drawn \$drawn said \$said\"; [ -n \"\$said\" ] && [ \"\$drawn\" = \"\$said\" ]"
check "roofline: no layer above its peak" awk '
    /^# roofs/ { exit } /^[0-9]/ { n++; if ($2 > $NF * 1.000001) bad = 1 } END { exit !(n == 15 && !bad) }' "$fig/roofline.dat"
check "the pictures are there" sh -c "grep -q '<svg' $fig/energy-levels.svg && grep -q '<svg' $fig/roofline.svg &&
    [ -s $fig/energy-levels.png ] && [ -s $fig/roofline.png ]"
expect_exit "a platform without energy has a roofline" 0 "roofline.svg" \
    $COSEARCH --results "$results" plot roofline --campaign fpga
expect_exit "and no energy to draw" 3 "no answer on a platform with energy" \
    $COSEARCH --results "$results" plot energy-levels --campaign fpga
check "nothing is left behind" [ ! -e "$results/fpga/figures/energy-levels.dat" ]
expect_exit "all figures: what there is" 0 "roofline.png" $COSEARCH --results "$results" plot all --campaign fpga

# predicted against measured layers: from the pairs that `make validate` writes
mkdir -p "$TEST_DIR/boards"
printf 'series,layer,predicted_ms,measured_ms\n"a board","L1",1,1.1\n"a board","L2",0.5,0.9\n"another","L1",2,\n' >"$TEST_DIR/boards/boards.csv"
check "boards is drawn" $COSEARCH plot boards --campaign "$TEST_DIR/boards/" --format svg
check "... a line per measured layer" [ "$(grep -c '^[0-9]' "$TEST_DIR/boards/figures/boards.dat")" -eq 2 ]
expect_exit "no measured layers" 3 "make validate" \
    $COSEARCH plot boards --campaign "$TEST_DIR/" --out "$TEST_DIR/none"
