# Benchmarks: built from the release library, run by hand. `make bench` lists and runs them.

$(BUILD)/bench/bench_verdict: $(BUILD)/obj/tests/bench/bench_verdict.o \
        $(BUILD)/obj/tests/unit/auth/make_cert.o $(LIB)
	@mkdir -p $(@D)
	@echo "LD  $@"
	$(V)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(LDLIBS)

bench: $(BUILD)/bench/bench_verdict
	@$(BUILD)/bench/bench_verdict
