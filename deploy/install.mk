# install.mk - what `make install` puts where, and `make uninstall` takes away; included by the Makefile.
#
# One list serves both. Paths are those of the installed system; DESTDIR goes before them.
#
# SPDX-License-Identifier: MIT

PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
SBINDIR    ?= $(PREFIX)/sbin
DATADIR    ?= $(PREFIX)/share
DOCDIR     ?= $(DATADIR)/doc/mtls-proxy
MANDIR     ?= $(DATADIR)/man
BASHDIR    ?= $(DATADIR)/bash-completion/completions
ZSHDIR     ?= $(DATADIR)/zsh/site-functions
UNITDIR    ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
# Of the system that will run it; unknown counts as old, whose unit works everywhere.
SYSTEMD_VERSION ?= $(or $(shell systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p'),0)

DEPLOY := $(BUILD)/deploy
DOC_FILES := README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE proxy.yaml.example \
             $(wildcard docs/*.md) tests/README.md

# mode:source:target
INSTALLED := 0755:$(BIN):$(SBINDIR)/mtls-proxy \
             0644:$(DEPLOY)/systemd/mtls-proxy.service:$(UNITDIR)/mtls-proxy.service \
             0644:deploy/systemd/mtls-proxy.socket:$(UNITDIR)/mtls-proxy.socket \
             0644:deploy/systemd/sysusers.conf:$(SYSUSERSDIR)/mtls-proxy.conf \
             0644:$(DEPLOY)/systemd/tmpfiles.conf:$(TMPFILESDIR)/mtls-proxy.conf \
             0644:deploy/logrotate:$(SYSCONFDIR)/logrotate.d/mtls-proxy \
             0644:$(DEPLOY)/man/mtls-proxy.8:$(MANDIR)/man8/mtls-proxy.8 \
             0644:$(DEPLOY)/man/mtls-proxy.yaml.5:$(MANDIR)/man5/mtls-proxy.yaml.5 \
             0644:$(DEPLOY)/mtls-proxy.schema.json:$(DATADIR)/mtls-proxy/mtls-proxy.schema.json \
             0644:deploy/completions/mtls-proxy.bash:$(BASHDIR)/mtls-proxy \
             0644:deploy/completions/_mtls-proxy:$(ZSHDIR)/_mtls-proxy \
             $(foreach file,$(DOC_FILES),0644:$(file):$(DOCDIR)/$(file))
part = $(word $(1),$(subst :, ,$(2)))

.PHONY: install uninstall FORCE

# Made anew each time: the variables of this call count.
$(DEPLOY)/%: deploy/%.in FORCE
	@mkdir -p $(@D)
	@case "$(SYSTEMD_VERSION)" in 2[0-4]?|25[012]|0) keep=BEFORE drop=SINCE ;; *) keep=SINCE drop=BEFORE ;; esac; \
	sed -e "/^@$${drop}_253@/d" -e "s/^@$${keep}_253@//" \
	    -e 's|@SBINDIR@|$(SBINDIR)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' $< >$@

# Of commands and keys the program itself is asked: what it says cannot be out of date.
$(DEPLOY)/man/%: deploy/man/%.in deploy/man/make-page $(BIN)
	@mkdir -p $(@D)
	@deploy/man/make-page $(abspath $(BIN)) $< >$@.new && mv $@.new $@
$(DEPLOY)/mtls-proxy.schema.json: $(BIN)
	@mkdir -p $(@D)
	@$(abspath $(BIN)) schema >$@.new && mv $@.new $@

define install_one
	$(V)install -D -m $(call part,1,$(1)) $(call part,2,$(1)) $(DESTDIR)$(call part,3,$(1))

endef
install: $(foreach item,$(INSTALLED),$(call part,2,$(item)))
	$(foreach item,$(INSTALLED),$(call install_one,$(item)))
	@echo "installed under $(DESTDIR)$(PREFIX)"

# The configuration, the logs and the user stay: they are not ours to delete.
uninstall:
	$(V)rm -f $(foreach item,$(INSTALLED),$(DESTDIR)$(call part,3,$(item)))
	$(V)for folder in $(DOCDIR)/docs $(DOCDIR)/tests $(DOCDIR) $(DATADIR)/mtls-proxy; do \
	    [ ! -d $(DESTDIR)$$folder ] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$$folder; done
	@echo "removed from $(DESTDIR)$(PREFIX); $(SYSCONFDIR)/mtls-proxy and the logs stay"
