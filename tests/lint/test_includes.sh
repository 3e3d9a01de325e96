#!/bin/sh
# What may include what: the rules of includes.awk on `cc -M`, and the short list of system headers
# a method may name.
. tests/sh.inc
. tests/lint/lint.inc
CC=${CC:-gcc}
flags="-std=c17 -D_POSIX_C_SOURCE=200809L -Ilib -I. -Ibench $(pkg-config --cflags openblas papi inih libxxhash libcrypto)"

edges() { # dependency rules of make -> "SOURCE DEPENDENCY" lines, "./" and line breaks removed
    awk '{ gsub(/\\$/, ""); sub(/^[^ ]*\.o:/, "\n"); printf "%s", $0 } END { print "" }' |
        awk 'NF { for (i = 1; i <= NF; i++) { sub(/^\.\//, "", $i); print $1, $i } }'
}

project_files 'lib/*.c' 'methods/*.c' 'datasets/*.c' 'bench/*.c' 'tests/*.c' >"$TEST_DIR/sources"
# shellcheck disable=SC2086
xargs "$CC" $flags -M <"$TEST_DIR/sources" 2>"$TEST_DIR/cc.err" | edges >"$TEST_DIR/edges"
empty "every source file can be read by the preprocessor" "$TEST_DIR/cc.err"
check "there are includes to look at" test "$(wc -l <"$TEST_DIR/edges")" -gt 100
awk -f tests/lint/includes.awk "$TEST_DIR/edges" >"$TEST_DIR/bad"
empty "includes respect the layers and the owners of foreign headers" "$TEST_DIR/bad"

# The rules themselves: each of these lines breaks one, the last ones break none.
cat >"$TEST_DIR/broken" <<'EOF'
lib/core/text.c lib/nn/gemm.h
lib/nn/gemm.c lib/space/fbnet.h
lib/hw/exact.c bench/run/profile.h
lib/search/gp.c methods/random/random.h
lib/cosearch/hw.h lib/hw/layer.h
datasets/cifar.c lib/nn/tensor.h
methods/random/random.c lib/nn/gemm.h
methods/random/random.c methods/hsco/hsco.h
methods/random/random.c bench/run/meter.h
bench/run/task.c methods/random/random.h
lib/nn/conv.c /usr/include/x86_64-linux-gnu/cblas.h
bench/run/worker.c /usr/include/papi.h
datasets/cifar.c /usr/include/openssl/evp.h
lib/search/gp.c /usr/include/gsl/gsl_cdf.h
lib/nn/conv.c /usr/include/criterion/criterion.h
EOF
broken=$(wc -l <"$TEST_DIR/broken")
check "the include rules catch $broken made-up violations" \
    test "$(awk -f tests/lint/includes.awk "$TEST_DIR/broken" | wc -l)" -eq "$broken"
cat >"$TEST_DIR/fine" <<'EOF'
lib/nn/gemm.c /usr/include/x86_64-linux-gnu/cblas.h
lib/search/gp.c lib/nn/linalg.h
methods/hsco/hsco.c methods/hsco/hsco.h
methods/hsco/hsco.c lib/cosearch/task.h
methods/hsco/test_hsco.c /usr/include/criterion/criterion.h
bench/run/worker.c datasets/cifar.h
EOF
check "the include rules let proper includes pass" \
    test -z "$(awk -f tests/lint/includes.awk "$TEST_DIR/fine")"

allowed='assert|math|string|stdlib|stdint|stddef|stdbool|float|limits'
project_files 'methods/*.c' 'methods/*.h' | grep -v '/test_' | while IFS= read -r file; do
    grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*<' "$file" |
        grep -vE "<($allowed)\.h>|<cosearch/[a-z_]+\.h>" | sed "s|^|$file:|"
done >"$TEST_DIR/system"
empty "methods name no system header beyond the allowed ones" "$TEST_DIR/system"

: >"$TEST_DIR/alone"
for header in $(project_files 'lib/*.h' 'datasets/*.h' 'bench/*.h' 'methods/*.h'); do
    excepted header "$header" && continue
    # shellcheck disable=SC2086
    echo "#include \"$header\"" | "$CC" $flags -Wall -Werror -fsyntax-only -x c - 2>"$TEST_DIR/cc.err" ||
        echo "$header: $(grep -m 1 error "$TEST_DIR/cc.err")" >>"$TEST_DIR/alone"
done
empty "every header compiles on its own" "$TEST_DIR/alone"
