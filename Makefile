# Cosearch. `make help` lists the targets.
# Variables: MODE=release|debug|asan, CC, CFLAGS, LDFLAGS, V=1 shows whole commands.
MODE ?= release
ifeq ($(origin CC),default)
CC := gcc
endif
B := build/$(MODE)
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))
export COSEARCH_VALIDATION ?= $(CURDIR)/../shared/validation
ifeq (0,$(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)))
MAKEFLAGS += -j$(shell nproc 2>/dev/null)
endif

# --- what must be installed -----------------------------------------------------------------
PACKAGES := build-essential pkg-config libopenblas-dev liblapacke-dev libcsv-dev libpapi-dev \
            libcriterion-dev libinih-dev libxxhash-dev libssl-dev gnuplot-nox fonts-dejavu-core \
            curl ca-certificates
PKGS := openblas lapacke papi inih libxxhash libcrypto
PROGRAMS := $(CC) pkg-config gnuplot curl
ifneq (,$(filter-out deps clean help,$(or $(MAKECMDGOALS),all)))
have = $(shell $(1) >/dev/null 2>&1 && echo yes)
MISSING := $(strip $(foreach p,$(PKGS) criterion,$(if $(call have,pkg-config --exists $(p)),,$(p))) \
             $(if $(wildcard /usr/include/csv.h /usr/local/include/csv.h),,libcsv))
MISSING_PROGRAMS := $(strip $(foreach p,$(PROGRAMS),$(if $(call have,command -v $(p)),,$(p))))
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
endif

# --- flags: no -ffast-math, no -march=native --------------------------------------------------
WARN := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
BASE := -std=c17 -D_POSIX_C_SOURCE=200809L -fno-math-errno -ffp-contract=off -fopenmp
FLAGS_release := -O2 -g
FLAGS_debug := -O0 -g3
FLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
FLAGS_lint := -O1 -fno-pie -fno-stack-protector -U_FORTIFY_SOURCE
CFLAGS_ALL = $(BASE) $(WARN) $(FLAGS_$(MODE)) -Ilib -I. -Ibench $(PKG_CFLAGS) $(CFLAGS)
LDFLAGS_ALL = -fopenmp $(FLAGS_$(MODE)) $(LDFLAGS)
LIBS = $(PKG_LIBS) -lcsv -lm

# --- sources: every folder is searched, nothing is listed -------------------------------------
METHOD_TESTS := $(wildcard methods/*/test_*.c)
SRC := $(wildcard lib/*/*.c datasets/*.c bench/*.c bench/*/*.c) \
       $(filter-out $(METHOD_TESTS),$(wildcard methods/*/*.c))
SRC_UNIT := $(wildcard tests/unit/*.c tests/conform/*.c tests/props/*.c) $(METHOD_TESTS)
SRC_VALIDATE := $(wildcard tests/validate/*.c)
SRC_MICRO := $(wildcard tests/micro/*.c)
OBJ := $(SRC:%.c=$(B)/%.o)
PARTS := $(filter-out $(B)/bench/main.o,$(OBJ))
OBJ_UNIT := $(SRC_UNIT:%.c=$(B)/%.o)
OBJ_VALIDATE := $(SRC_VALIDATE:%.c=$(B)/%.o)
OBJ_MICRO := $(SRC_MICRO:%.c=$(B)/%.o)
OBJ_ALL := $(OBJ) $(OBJ_UNIT) $(OBJ_VALIDATE) $(OBJ_MICRO)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all objects lint-objects programs deps demo test validate bench lint asan clean help check-deps FORCE
all: cosearch

help:
	@echo "make           build ./cosearch"
	@echo "make deps      install the Debian packages that are missing, and say which"
	@echo "make demo      compare the methods on the built-in synthetic data and draw the figure"
	@echo "make test      every test; ends with 'N passed, N failed'"
	@echo "make validate  hold models and engine against numbers made elsewhere"
	@echo "make bench     measure rates and times into build/bench.csv; GROUP=hw for one group"
	@echo "make lint      the rules of CONTRIBUTING.md that a machine can check"
	@echo "make asan      the tests under the address and undefined-behaviour sanitisers"
	@echo "make clean     remove what was built (results stay)"
	@echo "MODE=debug or MODE=asan builds into a folder of its own; V=1 shows the commands"

deps:
	@sh tests/deps.sh $(PACKAGES)
check-deps:
	@$(if $(MISSING),echo "missing libraries: $(MISSING); 'make deps' installs them (as root)" >&2; exit 4,:)

cosearch: $(B)/cosearch
	@cp -f $< $@
$(B)/cosearch: $(OBJ)
$(B)/unit: $(OBJ_UNIT) $(PARTS)
$(B)/validate: $(OBJ_VALIDATE) $(PARTS)
$(B)/microbench: $(OBJ_MICRO) $(PARTS)
$(B)/unit: private RUNNER := -lcriterion
$(B)/cosearch $(B)/unit $(B)/validate $(B)/microbench: $(B)/sources
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(RUNNER) $(LIBS)
programs: $(B)/cosearch $(B)/unit $(B)/validate $(B)/microbench
objects: $(OBJ_ALL)
lint-objects: $(filter $(B)/lib/% $(B)/methods/%,$(OBJ))

# Wider kernels are separate objects, chosen at run time; nothing else is built for a newer CPU.
$(B)/lib/nn/%_avx512.o: ISA := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma
$(B)/lib/nn/%_avx2.o: ISA := -mavx2 -mfma
$(B)/lib/nn/%.o: OPT := $(if $(filter release,$(MODE)),-O3)
$(B)/%.o: %.c $(B)/flags | check-deps
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(OPT) $(ISA) $(DEFINES) -MMD -MP -c $< -o $@

# Stamps that change only when what they hold does: another compiler, flag, source list or
# revision rebuilds what depends on it, and nothing else.
stamp = @mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(1))' >$@
$(B)/flags: FORCE | check-deps
	$(call stamp,$(CC) $(CFLAGS_ALL))
$(B)/sources: FORCE
	$(call stamp,$(OBJ_ALL) $(LDFLAGS_ALL) $(LIBS))
$(B)/revision: FORCE
	$(call stamp,$(GIT_REV) $(GIT_DIRTY))
GIT_REV := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
GIT_DIRTY := $(if $(shell git status --porcelain -- '*.c' '*.h' '*.def' Makefile 2>/dev/null),1,0)
$(B)/bench/run/env.o: $(B)/revision
$(B)/bench/run/env.o: DEFINES := -DCS_GIT_REV='"$(GIT_REV)"' -DCS_GIT_DIRTY=$(GIT_DIRTY) \
                            -DCS_BUILD_MODE='"$(MODE)"'

# On a machine that lacks something, demo and test install it first and start over, so that the
# libraries are looked for again.
ifneq (,$(and $(MISSING)$(MISSING_PROGRAMS),$(if $(DEPS_DONE),,yes)))
demo test: deps
	@$(MAKE) --no-print-directory DEPS_DONE=1 $@
else
demo: cosearch
	@sh bench/demo.sh
test: cosearch programs
	@MODE=$(MODE) CC="$(CC)" sh tests/run.sh
endif
validate: $(B)/validate
	@$(B)/validate build/boards.csv
bench: $(B)/microbench
	@$(B)/microbench build/bench.csv $(GROUP)
lint: check-deps
	@SHOW=1 STAGES=lint CC="$(CC)" sh tests/run.sh
asan:
	@$(MAKE) --no-print-directory MODE=asan programs
	@MODE=asan STAGES="unit validate cli fault golden" sh tests/run.sh

clean:
	rm -rf build cosearch

-include $(OBJ_ALL:.o=.d)
