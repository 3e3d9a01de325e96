# Dependency rules (CONTRIBUTING.md, "What may depend on what"). Input: lines "SOURCE DEPENDENCY",
# project paths relative to the root, system headers absolute. Output: one line per violation.
function layer(path,    part) {
    if (path ~ /^lib\//) {
        split(path, part, "/")
        return part[2]
    }
    split(path, part, "/")
    return part[1]
}
function bad(why) {
    print $1 " includes " $2 ": " why
}
BEGIN {
    allowed["cosearch"] = " cosearch "
    allowed["core"] = " core cosearch "
    allowed["nn"] = " nn core cosearch "
    allowed["space"] = " space core cosearch "
    allowed["hw"] = " hw core cosearch "
    allowed["search"] = " search nn space hw core cosearch "
    allowed["datasets"] = " datasets core cosearch "
    owner["papi.h"] = "^bench/run/memory\\.c$"
    owner["cblas.h"] = "^lib/nn/gemm\\.c$"
    owner["lapacke.h"] = "^lib/nn/linalg\\.c$"
    owner["csv.h"] = "^lib/core/csvio\\.c$"
    owner["xxhash.h"] = "^lib/core/hash\\.c$"
    owner["ini.h"] = "^bench/run/profile\\.c$"
    owner["turbojpeg.h"] = "^datasets/pack_imagenet\\.c$"
}
$2 ~ /^\// {
    name = $2
    sub(/.*\//, "", name)
    if (name in owner && $1 !~ owner[name])
        bad("only one file may include this foreign header")
    if ($2 ~ /\/openssl\// && $1 !~ /^datasets\/checksum\.c$/)
        bad("OpenSSL belongs to datasets/checksum.c")
    if ($2 ~ /\/gsl\// && $1 !~ /^bench\/analyse\/stats_[a-z0-9_]*\.c$/)
        bad("GSL belongs to bench/analyse/stats_*.c")
    if ($2 ~ /\/criterion\/criterion\.h$/ && $1 !~ /^tests\// && $1 !~ /^methods\/[a-z0-9_]*\/test_/)
        bad("Criterion belongs to the tests")
    next
}
$1 ~ /^tests\// || $1 ~ /^methods\/[a-z0-9_]*\/test_[a-z0-9_]*\.c$/ { next }
$1 ~ /^methods\// {
    split($1, part, "/")
    if ($2 !~ /^lib\/cosearch\// && index($2, "methods/" part[2] "/") != 1)
        bad("a method sees cosearch/*.h and its own folder only")
    next
}
$1 ~ /^(lib|datasets)\// {
    if (index(allowed[layer($1)], " " layer($2) " ") == 0)
        bad(layer($1) " may depend on:" allowed[layer($1)])
    next
}
$1 ~ /^bench\// && $2 ~ /^(tests|methods\/[a-z0-9_]*)\// {
    bad("the harness knows methods through methods.def only")
}
