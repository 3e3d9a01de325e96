#!/bin/sh
# Text hygiene: white space, unique names, no paths of somebody's machine, no unfinished work.
. tests/sh.inc
. tests/lint/lint.inc
tab=$(printf '\t')
cr=$(printf '\r')

project_files >"$TEST_DIR/all"
# text files only; the licence is kept as it was published
while IFS= read -r file; do
    case $file in LICENSE) continue ;; esac
    grep -qI '' "$file" && echo "$file"
done <"$TEST_DIR/all" >"$TEST_DIR/text"
check "there are files to look at" test "$(wc -l <"$TEST_DIR/text")" -gt 20

search() { # EXPRESSION FILES: places of a match
    xargs grep -nE -- "$1" <"$2" /dev/null | cut -c 1-160
}
grep -vE '(^|/)Makefile$|\.mk$' "$TEST_DIR/text" >"$TEST_DIR/tabless"
search "$tab" "$TEST_DIR/tabless" >"$TEST_DIR/bad"
empty "no tabs outside the Makefile" "$TEST_DIR/bad"
search "[ $tab]\$" "$TEST_DIR/text" >"$TEST_DIR/bad"
empty "no trailing blanks" "$TEST_DIR/bad"
search "$cr" "$TEST_DIR/text" >"$TEST_DIR/bad"
empty "no carriage returns" "$TEST_DIR/bad"
while IFS= read -r file; do
    [ ! -s "$file" ] || [ -z "$(tail -c 1 "$file")" ] || echo "$file"
done <"$TEST_DIR/text" >"$TEST_DIR/bad"
empty "every file ends with a newline" "$TEST_DIR/bad"

grep -v '^tests/lint/test_text.sh$' "$TEST_DIR/text" >"$TEST_DIR/others"
search '(^|[^A-Za-z0-9_.}/-])/(work|home|root|mnt|opt|Users|tmp|var)/' "$TEST_DIR/others" |
    grep -v "/tmp/cosearch-[a-z]*-XXXXXX" >"$TEST_DIR/bad"
empty "no paths of somebody's machine" "$TEST_DIR/bad"
search '(^|[^A-Za-z])(TODO|FIXME|XXX|HACK|WIP)([^A-Za-z]|$)' "$TEST_DIR/others" >"$TEST_DIR/bad"
empty "no unfinished work is marked" "$TEST_DIR/bad"

sed 's|.*/||' "$TEST_DIR/all" | grep -vE '^(README\.md|published\.csv|\.gitignore)$' | sort | uniq -d \
    >"$TEST_DIR/bad"
empty "file names are unique in the tree" "$TEST_DIR/bad"
grep -E '\.(c|h)$' "$TEST_DIR/all" | grep -vE '/[a-z0-9_]+\.[ch]$' >"$TEST_DIR/bad"
empty "C files are named in snake_case" "$TEST_DIR/bad"

: >"$TEST_DIR/bad"
for header in $(grep '\.h$' "$TEST_DIR/all"); do
    excepted header "$header" && continue
    guard=$(sed -n 's/^#ifndef //p' "$header" | head -n 1)
    { [ -n "$guard" ] && grep -q "^#define $guard\$" "$header"; } || echo "$header" >>"$TEST_DIR/bad"
done
empty "every header has an include guard" "$TEST_DIR/bad"
xargs grep -hE '^#ifndef [A-Z0-9_]+_H$' <"$TEST_DIR/all" /dev/null | sort | uniq -d >"$TEST_DIR/bad"
empty "include guards are unique" "$TEST_DIR/bad"
