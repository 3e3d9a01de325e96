#!/bin/sh
# Listings: tables for people, CSV and Markdown for machines.
. tests/sh.inc

for listing in methods datasets spaces hw profiles figures schema; do
    $COSEARCH list $listing --csv >"$TEST_DIR/$listing.csv" 2>/dev/null
    check "list $listing --csv has a header and rows" [ "$(wc -l <"$TEST_DIR/$listing.csv")" -ge 2 ]
    lines=$($COSEARCH list $listing 2>/dev/null | wc -l)
    check "list $listing has as many rows" [ "$lines" -eq "$(wc -l <"$TEST_DIR/$listing.csv")" ]
done
for method in $(sed -n 's/^CS_METHOD(\(.*\))/\1/p' methods/methods.def); do
    expect_exit "method $method is listed" 0 "$method" $COSEARCH list methods
    expect_exit "list methods $method tells about it" 0 "$method, version " $COSEARCH list methods $method
done
check "every declared parameter has default, range and source" sh -c \
    "$COSEARCH list methods --params --csv | awk -F, 'NR > 1 && (\$3 == \"\" || \$4 == \"\" || \$5 == \"\") { bad = 1 }
     END { exit bad || NR < 10 }'"
expect_exit "the reward weight of hsco" 0 "0..1" $COSEARCH list methods hsco
expect_exit "unknown method" 2 "unknown method 'hcso' (did you mean 'hsco'?)" $COSEARCH list methods hcso
expect_exit "unknown data set" 2 "did you mean 'cifar10'?" $COSEARCH list datasets cifer10
expect_exit "unknown space" 2 "did you mean 'fbnet:micro'?" $COSEARCH list spaces fbnet:mcro
expect_exit "unknown platform" 2 "did you mean 'fpga-chunk'?" $COSEARCH list hw fpga-chnk
expect_exit "unknown profile" 2 "did you mean 'demo'?" $COSEARCH list profiles dmeo
expect_exit "unknown figure" 2 "did you mean 'acc-fps'?" $COSEARCH list figures acc-fsp
expect_exit "unknown column" 2 "unknown column 'search_macs' (did you mean 'search_mac'?)" \
    $COSEARCH list schema search_macs
expect_exit "unknown listing" 2 "unknown listing 'method' (did you mean 'methods'?)" $COSEARCH list method
expect_exit "one row" 0 "micro" $COSEARCH list spaces fbnet:micro
check "and only that" sh -c "! $COSEARCH list spaces fbnet:micro | grep -q fbnet:cifar"
check "synth is always ready" sh -c "$COSEARCH list datasets synth --csv 2>/dev/null | grep -q '\"ready\",10,32,'"
check "a data set that is not there is no error" sh -c \
    "COSEARCH_DATA=/nonexistent $COSEARCH list datasets cifar10 2>/dev/null | grep -q 'not there'"
check "the data folder is talk, not output" sh -c \
    "! $COSEARCH list datasets 2>/dev/null | grep -q COSEARCH_DATA"

$COSEARCH list schema --markdown >"$TEST_DIR/schema.md"
check "the data dictionary in docs is the schema" diff "$TEST_DIR/schema.md" docs/results-schema.md
