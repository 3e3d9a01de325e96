#!/bin/sh
# The demonstration (`make demo`): compares the methods on the procedural data set, prints the
# comparison, draws the figure and says where everything is. Runs that are finished are not done
# again; FRESH=1 begins anew. RESULTS moves the results folder.
set -eu
cd "$(dirname "$0")/.."
results=${RESULTS:-results}
program=./cosearch
profile=bench/profiles/demo.ini

fresh=
[ "${FRESH:-0}" = 0 ] || fresh=--fresh
echo "Comparing random search, evolution and HS-Co-Opt on the built-in synthetic images: the same"
echo "DSP limit, frame-rate floor and budget of multiply-accumulates for all ($profile)."
echo
# shellcheck disable=SC2086
$program --results "$results" run $profile $fresh
echo
echo "test_best_%    test accuracy of the best answer, retrained from scratch; FPS, DSP, BRAM are its"
echo "search_GMAC    multiply-accumulates of the search: equal by budget, over it by overrun_% at most"
echo
$program --results "$results" -q plot acc-fps --campaign demo >/dev/null
echo "rows      $results/demo/results.csv     ($program list schema explains the columns)"
echo "figure    $results/demo/figures/acc-fps.svg and .png, numbers in acc-fps.dat"
echo "one run   $program show --last"
echo "next      COSEARCH_DATA=DIR $program run bench/profiles/cifar10-micro.ini"
