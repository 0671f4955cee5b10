# Every tests/fuzz/fuzz_<name>.c is a fuzz target with seeds in tests/fuzz/corpus/<name>/.
#   make fuzz-replay                      runs all corpora through the targets, in this VARIANT
#   make fuzz T=http1_request SECONDS=60  looks for new inputs with clang's libFuzzer; what fails is
#                                         written to the target's corpus, to stay there once fixed

FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
SECONDS ?= 60

# llhttp is built from the sources of Debian's package node-llhttp; without it there is one target less.
LLHTTP := $(wildcard /usr/share/llhttp/*.c)
LLHTTP_CFLAGS := -isystem /usr/share/include/llhttp
ifeq ($(LLHTTP),)
FUZZ_TARGETS := $(filter-out llhttp,$(FUZZ_TARGETS))
FUZZ_SKIPPED := fuzz: llhttp skipped, the package node-llhttp is not here
endif

$(BUILD)/obj/tests/fuzz/%.o: CPPFLAGS += -Itests

$(FUZZ_TARGETS:%=$(BUILD)/fuzz/%): $(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/fuzz_%.o \
        $(BUILD)/obj/tests/fuzz/replay.o $(LIB)
	@mkdir -p $(@D)
	@echo "LD  $@"
	$(V)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(LDLIBS)

$(BUILD)/obj/tests/fuzz/llhttp_reading.o: CPPFLAGS += $(LLHTTP_CFLAGS)
LLHTTP_OBJ := $(LLHTTP:/usr/share/llhttp/%.c=$(BUILD)/obj/llhttp/%.o) $(BUILD)/obj/tests/fuzz/llhttp_reading.o
$(BUILD)/fuzz/llhttp $(BUILD)/libfuzzer/llhttp: $(LLHTTP_OBJ)
# Not our code, so not our warnings.
$(BUILD)/obj/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	@echo "CC  $<"
	$(V)$(CC) $(LLHTTP_CFLAGS) $(OPT) $(HARDEN) $(EXTRA_CFLAGS) -w -c -o $@ $<

fuzz-replay: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)
	@$(if $(FUZZ_SKIPPED),echo "$(FUZZ_SKIPPED)",:)
	@tests/fuzz/replay.sh $(BUILD) $(FUZZ_TARGETS)

$(FUZZ_TARGETS:%=$(BUILD)/libfuzzer/%): $(BUILD)/libfuzzer/%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(LIB)
	@mkdir -p $(@D)
	@echo "LD  $@"
	$(V)$(CC) $(CFLAGS) -fsanitize=fuzzer $(LDHARDEN) -o $@ $^ $(LDLIBS)

fuzz:
	@$(if $(filter $(T),$(FUZZ_TARGETS)),:,echo "usage: make fuzz T=<target> [SECONDS=60]; targets: $(FUZZ_TARGETS)"; exit 2)
	$(V)$(MAKE) --no-print-directory BUILD=build/fuzz VARIANT=asan CC=clang \
	    EXTRA_CFLAGS=-fsanitize=fuzzer-no-link build/fuzz/libfuzzer/$(T)
	@mkdir -p build/fuzz/found/$(T) tests/fuzz/corpus/$(T)
	build/fuzz/libfuzzer/$(T) -max_total_time=$(SECONDS) -max_len=16384 -timeout=5 -print_final_stats=1 \
	    -artifact_prefix=tests/fuzz/corpus/$(T)/ build/fuzz/found/$(T) tests/fuzz/corpus/$(T)
