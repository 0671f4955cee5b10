# Benchmarks: built from the release library, run by hand. `make bench` lists and runs them.

$(BUILD)/bench/bench_verdict: $(BUILD)/obj/tests/bench/bench_verdict.o \
        $(BUILD)/obj/tests/unit/auth/make_cert.o $(LIB)
	@mkdir -p $(@D)
	@echo "LD  $@"
	$(V)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(LDLIBS)

bench: $(BUILD)/bench/bench_verdict
	@$(BUILD)/bench/bench_verdict

# The programs that scripts/bench runs against the real proxy and its peers.
BENCH_TOOLS := $(BUILD)/bench/load $(BUILD)/bench/origin $(BUILD)/bench/make_certs

$(BUILD)/bench/load: $(BUILD)/obj/tests/bench/load.o $(BUILD)/obj/tests/bench/load_conn.o \
        $(BUILD)/obj/tests/bench/load_identity.o
$(BUILD)/bench/origin: $(BUILD)/obj/tests/bench/origin.o
$(BUILD)/bench/make_certs: $(BUILD)/obj/tests/bench/make_certs.o
$(BENCH_TOOLS): $(LIB)
	@mkdir -p $(@D)
	@echo "LD  $@"
	$(V)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $(filter %.o,$^) $(LIB) $(LDLIBS)

# Microbenchmarks: scripts/bench --micro counts their instructions.
MICRO := $(BUILD)/bench/micro
$(MICRO): $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/bench/micro*.c)) \
        $(BUILD)/obj/tests/unit/auth/make_cert.o $(LIB)
	@mkdir -p $(@D)
	@echo "LD  $@"
	$(V)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(LDLIBS)
build-tests: $(MICRO)
integration: $(MICRO)

.PHONY: bench-tools bench-micro
bench-micro: $(MICRO)
bench-tools: $(BENCH_TOOLS) $(BUILD)/bench/bench_verdict $(BIN)
