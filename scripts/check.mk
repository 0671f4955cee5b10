# check.mk - static checks, whole-program tests and what packagers need; included by the Makefile.
#
# Each check prints one line when all is well and file:line of every finding when it is not.
#
# SPDX-License-Identifier: MIT

PYTHON ?= /usr/bin/python3
CLANG_TIDY ?= $(firstword $(shell command -v clang-tidy-14 clang-tidy) clang-tidy)
TIDY_CFLAGS := -std=c17 $(filter-out -MMD -MP,$(CPPFLAGS)) -Wall -Wextra
PROJECT_HEADERS := $(wildcard config/*.h proxy/*/*.h)
TIDY_STAMPS := $(patsubst %.c,build/lint/tidy/%.ok,$(SRC) $(wildcard proxy/*.c))
ANALYZER_STAMPS := $(patsubst %.c,build/lint/analyzer/%.ok,$(SRC) $(wildcard proxy/*.c))

.PHONY: deb test-package levers lint-layers lint-size lint-banned lint-headers lint-shell lint-tidy lint-cppcheck lint-analyzer

lint: lint-layers lint-size lint-banned lint-headers lint-shell lint-tidy lint-cppcheck

lint-layers lint-size lint-banned lint-headers lint-shell: lint-%:
	@scripts/check-$*

# clang-tidy is slow, so each file's good result is kept until the file or a header changes.
build/lint/tidy/%.ok: %.c .clang-tidy $(PROJECT_HEADERS)
	@mkdir -p $(@D)
	$(V)$(CLANG_TIDY) --quiet $< -- $(TIDY_CFLAGS) 2>$@.err || { cat $@.err >&2; exit 1; }
	@touch $@
# Versions differ in what they find; those of Debian 12 decide, others are not asked.
ifneq ($(findstring version 14.,$(shell $(CLANG_TIDY) --version 2>/dev/null)),)
lint-tidy: $(TIDY_STAMPS)
	@echo "clang-tidy: $(words $(TIDY_STAMPS)) files clean"
else
lint-tidy:
	@echo "clang-tidy: skipped, version 14 is not here"
endif

CPPCHECK_FLAGS := --quiet --std=c11 --error-exitcode=1 --inline-suppr \
    --enable=warning,performance,portability --suppress=missingIncludeSystem \
    --suppress=normalCheckLevelMaxBranches --suppress=unmatchedSuppression \
    --cppcheck-build-dir=build/lint/cppcheck \
    --template='{file}:{line}: {severity}: {message} [{id}]' \
    -D_GNU_SOURCE -U__cplusplus -DMTLS_PROXY_VERSION='"$(VERSION)"' -Iproxy -I. \
    --include=/usr/include/utlist.h --include=/usr/include/uthash.h
ifneq ($(findstring Cppcheck 2.10,$(shell cppcheck --version 2>/dev/null)),)
lint-cppcheck:
	@mkdir -p build/lint/cppcheck
	@cppcheck $(CPPCHECK_FLAGS) config proxy
	@echo "cppcheck: clean"
else
lint-cppcheck:
	@echo "cppcheck: skipped, version 2.10 is not here"
endif

# Not part of lint: gcc 12's analyzer still cries wolf on event-driven C.
build/lint/analyzer/%.ok: %.c $(PROJECT_HEADERS)
	@mkdir -p $(@D)
	$(V)gcc $(TIDY_CFLAGS) -O1 -fanalyzer -Werror -c -o /dev/null $<
	@touch $@
lint-analyzer: $(ANALYZER_STAMPS)
	@echo "gcc -fanalyzer: $(words $(ANALYZER_STAMPS)) files clean"

format-check:
	@scripts/check-format
format:
	@scripts/check-format --fix

# T is a file, with or without test_ and .py.
INTEGRATION = $(if $(T),$(firstword $(wildcard tests/integration/test_$(T).py $(T) tests/integration/$(T))),tests/integration)
integration: $(BIN)
	@MTLS_PROXY_BIN=$(CURDIR)/$(BIN) $(PYTHON) -B -m pytest -q -p no:cacheprovider $(INTEGRATION)

# No answer depends on what makes it cheaper: each lever off in turn; T names some.
levers:
	@scripts/levers $(T)

check: format-check lint unit fuzz-replay integration

asan:
	@$(MAKE) VARIANT=asan unit integration

valgrind: build-tests
	@scripts/valgrind-unit $(BUILD) $(T)

coverage:
	@$(MAKE) VARIANT=coverage build-tests all
	@$(MAKE) VARIANT=coverage unit integration
	@gcovr --root . --filter proxy/ --filter config/ --print-summary \
	    --html-details build/coverage/report.html build/coverage/obj
	@echo "coverage: build/coverage/report.html"

deps:
	@scripts/deps

deb:
	@scripts/deb
# T names releases of Debian; minutes, as root.
test-package:
	@scripts/test-package $(T)

clean:
	rm -rf build/release build/debug build/asan build/coverage build/clang build/lint build/logs

help:
	@echo 'make                       build/release/mtls-proxy, hardened'
	@echo 'make debug                 build/debug, no optimisation'
	@echo 'make unit [T=module]       unit tests'
	@echo 'make integration [T=file]  the real binary over real TLS'
	@echo 'make levers [T="name ..."]  integration without each lever of performance in turn'
	@echo 'make fuzz-replay           the fuzz targets over their corpora'
	@echo 'make fuzz T=x SECONDS=60   fuzz one parser'
	@echo 'make asan                  unit and integration under ASan and UBSan'
	@echo 'make valgrind              unit tests under valgrind'
	@echo 'make coverage              report in build/coverage/report.html'
	@echo 'make lint                  layers, sizes, banned words, headers, shellcheck, clang-tidy, cppcheck'
	@echo 'make format[-check]        clang-format'
	@echo 'make check                 format-check, lint, unit, fuzz-replay, integration'
	@echo 'make deps                  install the Debian packages that are missing'
	@echo 'make install DESTDIR= PREFIX=/usr/local SYSCONFDIR=/etc; make uninstall'
	@echo 'make deb                   the Debian package, in build/deb'
	@echo 'make test-package [T=trixie]  builds it in bare systems and drives it under systemd'
	@echo 'make bench                 ratios against other proxies'
	@echo 'make clean                 remove build products (build/peers stays)'
	@echo 'VARIANT=release|debug|asan|coverage and CC=gcc|clang apply to every target; V= shows commands'

debug:
	@$(MAKE) VARIANT=debug all
