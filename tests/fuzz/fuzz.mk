# Every tests/fuzz/fuzz_<name>.c is a fuzz target with seeds in tests/fuzz/corpus/<name>/.
#   make fuzz-replay                      runs all corpora through the targets, in this VARIANT
#   make fuzz T=http1_request SECONDS=60  looks for new inputs with clang's libFuzzer; what fails is
#                                         written to the target's corpus, to stay there once fixed

FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
SECONDS ?= 60

$(BUILD)/obj/tests/fuzz/%.o: CPPFLAGS += -Itests

$(FUZZ_TARGETS:%=$(BUILD)/fuzz/%): $(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/fuzz_%.o \
        $(BUILD)/obj/tests/fuzz/replay.o $(LIB)
	@mkdir -p $(@D)
	@echo "LD  $@"
	$(V)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(LDLIBS)

fuzz-replay: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)
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
