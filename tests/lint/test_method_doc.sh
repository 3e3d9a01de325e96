#!/bin/sh
# The example of docs/adding-a-method.md compiles without a warning and refers to allowed symbols, as
# it is printed.
. tests/sh.inc
. tests/lint/lint.inc
CC=${CC:-gcc}
page=docs/adding-a-method.md
awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' $page >"$TEST_DIR/climb.c"
check "$page has an example" grep -q '^const cs_method cs_method_climb' "$TEST_DIR/climb.c"
check "the example of $page compiles without warnings" \
    "$CC" -std=c17 -O1 -fno-stack-protector -U_FORTIFY_SOURCE -Wall -Wextra -Wconversion -Wshadow -Werror -Ilib -c "$TEST_DIR/climb.c" \
    -o "$TEST_DIR/climb.o"
nm -u "$TEST_DIR/climb.o" | awk '{ print $2 }' | grep -vE '^(cs_[a-z_]+|calloc|free)$' >"$TEST_DIR/foreign"
empty "the example of $page stays inside its interface" "$TEST_DIR/foreign"
if command -v clang-format >/dev/null; then
    check "the example is formatted" sh -c 'clang-format --style=file:.clang-format "$1" | cmp - "$1"' sh "$TEST_DIR/climb.c"
else
    skip "the example is formatted: clang-format is not installed"
fi
