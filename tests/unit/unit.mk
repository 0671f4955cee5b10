# Helper objects that several unit tests of one folder share.

$(filter $(BUILD)/unit/auth/%,$(UNIT)): $(BUILD)/obj/tests/unit/auth/make_cert.o
$(BUILD)/unit/auth/%: LDLIBS := $(LIB) $(LDLIBS)
$(BUILD)/unit/process/test_crl_watch: $(BUILD)/obj/tests/unit/auth/make_cert.o
$(BUILD)/unit/process/test_crl_watch: LDLIBS := $(LIB) $(LDLIBS)
$(filter $(BUILD)/unit/http2/%,$(UNIT)): $(BUILD)/obj/tests/unit/http2/peer.o
$(BUILD)/unit/http2/%: LDLIBS := $(LIB) $(LDLIBS)
$(BUILD)/unit/forward/test_identity_headers_cache: $(BUILD)/obj/tests/unit/auth/make_cert.o
$(BUILD)/unit/forward/test_identity_headers_cache: LDLIBS := $(LIB) $(LDLIBS)
$(BUILD)/unit/explain/test_chain_drawing: $(BUILD)/obj/tests/unit/auth/make_cert.o
$(BUILD)/unit/explain/test_chain_drawing: LDLIBS := $(LIB) $(LDLIBS)
