# Cosearch. `make deps demo test validate bench lint asan clean help`
# Modes: release (default), debug, asan. Objects live in build/MODE.
MODE ?= release
CC ?= gcc
B := build/$(MODE)
ROOT := $(CURDIR)
export COSEARCH_VALIDATION ?= $(ROOT)/../shared/validation

PACKAGES := build-essential pkg-config libopenblas-dev liblapacke-dev libcsv-dev libpapi-dev \
            gnuplot-nox libcriterion-dev libinih-dev libxxhash-dev libgsl-dev librsvg2-bin \
            curl ca-certificates fonts-dejavu-core
PKGS := openblas lapacke papi inih libxxhash gsl
ifeq (,$(filter deps clean help,$(MAKECMDGOALS)))
MISSING := $(strip $(foreach p,$(PKGS) criterion,$(shell pkg-config --exists $(p) || echo $(p))) \
           $(if $(wildcard /usr/include/csv.h),,libcsv))
endif

WARN := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
BASE := -std=c17 -D_POSIX_C_SOURCE=200809L -fno-math-errno -ffp-contract=off -fopenmp -MMD -MP $(WARN)
FLAGS_release := -O2 -g
FLAGS_debug := -O0 -g3
FLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
GIT_REV := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
CFLAGS_ALL = $(BASE) $(FLAGS_$(MODE)) -Ilib -I. -Ibench $(shell pkg-config --cflags $(PKGS)) $(CFLAGS)
LIBS = $(shell pkg-config --libs $(PKGS)) -lcsv -lm
LDFLAGS_ALL = -fopenmp $(FLAGS_$(MODE)) $(LDFLAGS)

METHOD_TESTS := $(wildcard methods/*/test_*.c)
SRC_LIB := $(wildcard lib/*/*.c)
SRC_METHODS := $(filter-out $(METHOD_TESTS),$(wildcard methods/*/*.c))
SRC_DATA := $(wildcard datasets/*.c)
SRC_BENCH := $(wildcard bench/*.c bench/*/*.c)
SRC_ALL := $(SRC_LIB) $(SRC_METHODS) $(SRC_DATA) $(SRC_BENCH)
SRC_TEST := $(wildcard tests/unit/*.c tests/conform/*.c tests/props/*.c) $(METHOD_TESTS)
SRC_VALIDATE := $(wildcard tests/validate/*.c)
SRC_MICRO := $(wildcard tests/micro/*.c)
OBJ := $(SRC_ALL:%.c=$(B)/%.o)
PARTS := $(filter-out $(B)/bench/main.o,$(OBJ))
OBJ_TEST := $(SRC_TEST:%.c=$(B)/%.o)

.DEFAULT_GOAL := all
.PHONY: all deps demo test validate bench lint asan clean help check-deps
all: cosearch

help:
	@echo "make deps      install the Debian packages that are missing"
	@echo "make           build ./cosearch"
	@echo "make demo      compare the methods on the embedded data set, draw the figure"
	@echo "make test      every test; ends with 'N passed, N failed'"
	@echo "make validate  hold models and engine against numbers made elsewhere"
	@echo "make bench     measure rates and times into build/bench.csv"
	@echo "make lint      dependency, symbol and size rules; asan: tests under ASan and UBSan"

deps:
	@sh tests/lint/deps-install.sh $(PACKAGES)

check-deps:
	@$(if $(MISSING),echo "missing libraries: $(MISSING) - run 'make deps' (as root) to install them" >&2; exit 4,:)

cosearch: $(B)/cosearch
	@cp -f $< $@
$(B)/cosearch: $(OBJ)
	$(CC) $(LDFLAGS_ALL) -o $@ $(OBJ) $(LIBS)
$(B)/unit: $(OBJ_TEST) $(PARTS)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS) -lcriterion
$(B)/validate: $(SRC_VALIDATE:%.c=$(B)/%.o) $(PARTS)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
$(B)/microbench: $(SRC_MICRO:%.c=$(B)/%.o) $(PARTS)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# Wider kernels are separate objects, chosen at run time; nothing else is built for a newer CPU.
$(B)/lib/nn/%_avx512.o: ISA := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma
$(B)/lib/nn/%_avx2.o: ISA := -mavx2 -mfma
$(B)/lib/nn/%.o: OPT := $(if $(filter release,$(MODE)),-O3)
$(B)/%.o: %.c | check-deps
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(OPT) $(ISA) -c $< -o $@
$(B)/bench/run/env.o: CFLAGS += -DCS_GIT_REV='"$(GIT_REV)"' -DCS_BUILD_MODE='"$(MODE)"'

demo: cosearch
	@sh bench/demo.sh
test: cosearch $(B)/unit $(B)/validate $(B)/microbench
	@MODE=$(MODE) sh tests/run.sh
validate: $(B)/validate
	@$(B)/validate
bench: $(B)/microbench
	@$(B)/microbench build/bench.csv $(GROUP)
lint:
	@sh tests/lint/run.sh
asan:
	$(MAKE) MODE=asan build/asan/cosearch build/asan/unit build/asan/validate build/asan/microbench
	@MODE=asan sh tests/run.sh

clean:
	rm -rf build cosearch

-include $(OBJ:.o=.d) $(OBJ_TEST:.o=.d) $(SRC_VALIDATE:%.c=$(B)/%.d) $(SRC_MICRO:%.c=$(B)/%.d)
