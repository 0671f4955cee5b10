# mtls-proxy - GNU make, no configure step. Build products only under build/<variant>/.
# `make help` lists the targets.

VARIANT ?= release
BUILD   := build/$(VARIANT)
VERSION := 0.1.0

PKGS := openssl libevent_core jansson yaml-0.1 libnghttp2 libxml-2.0
PKG_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PKGS)))
CPPFLAGS += -D_GNU_SOURCE -DMTLS_PROXY_VERSION='"$(VERSION)"' -Iproxy -I. \
            $(PKG_CFLAGS) \
            -include base/banned.h -MMD -MP
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wcast-align \
        -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla \
        -Wformat=2 -Wundef -Wwrite-strings -Wnull-dereference -Wdouble-promotion -Wswitch-enum
# A newer compiler or OpenSSL warns of more: that must not keep anybody from building. WERROR=1, which
# scripts/test and CONTRIBUTING.md set, makes warnings errors.
ifeq ($(WERROR),1)
WARN += -Werror
endif
IS_GCC := $(if $(findstring clang,$(shell $(CC) --version)),,yes)
ifeq ($(IS_GCC),yes)
WARN += -Wduplicated-cond -Wduplicated-branches -Wlogical-op
INIT := -ftrivial-auto-var-init=zero
endif
HARDEN := -fstack-protector-strong -fstack-clash-protection -fno-strict-aliasing -fno-common -fPIE $(INIT)
ifeq ($(shell uname -m),x86_64)
HARDEN += -fcf-protection=full
endif
LDHARDEN := -pie -Wl,-z,relro,-z,now
ifeq ($(shell uname -m),x86_64)
# The linker drops both properties because the start files of Debian's C library (Scrt1.o, crti.o,
# crtn.o) have neither; all of ours have. Where the C library is built without them as well they are
# never switched on.
LDHARDEN += -Wl,-z,ibt,-z,shstk
endif
LDLIBS := $(shell pkg-config --libs $(PKGS))

ifeq ($(VARIANT),asan)
OPT := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else ifeq ($(VARIANT),debug)
OPT := -O0 -g
else ifeq ($(VARIANT),coverage)
OPT := -O0 -g --coverage
else
OPT := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
endif
ifeq ($(MALLOC),jemalloc)
LDLIBS += -ljemalloc
endif
CFLAGS := -std=c17 $(OPT) $(WARN) $(HARDEN) $(EXTRA_CFLAGS)

SRC  := $(wildcard config/*.c proxy/*/*.c)
OBJ  := $(SRC:%.c=$(BUILD)/obj/%.o)
LIB  := $(BUILD)/libmtlsproxy.a
BIN  := $(BUILD)/mtls-proxy
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*/test_*.c))
T    ?=
V    ?= @

.PHONY: all debug asan unit build-tests fuzz-replay fuzz integration check lint format format-check \
        clean help deps valgrind coverage bench
all: $(BIN)

$(BIN): $(BUILD)/obj/proxy/main.o $(LIB)
	@echo "LD  $@"
	$(V)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(LDLIBS)

$(LIB): $(OBJ)
	@echo "AR  $@"
	$(V)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "CC  $<"
	$(V)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Unit tests: one Check suite per module, same tree as the code.
$(BUILD)/obj/tests/%.o: CPPFLAGS += $(patsubst -I%,-isystem %,$(shell pkg-config --cflags check)) -Itests
$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/obj/tests/unit/main.o $(LIB)
	@mkdir -p $(@D)
	@echo "LD  $@"
	$(V)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(shell pkg-config --libs check) $(LDLIBS)

.SECONDARY:
build-tests: $(UNIT)
unit: $(UNIT)
	@scripts/run-unit $(BUILD) $(T)

-include tests/unit/unit.mk tests/bench/bench.mk tests/fuzz/fuzz.mk deploy/install.mk scripts/check.mk
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
