"""The chains and stores that test_trust_modes judges, and what IIS makes of them.

Each case is a site of its own: its stores, what the client presents, and the expected
(status, substatus, win32) with the reason. Sources: the documented meaning of ClientAuthTrustMode
(Microsoft, "TLS/SSL overview (Schannel SSP)"), KB2802568 (the mixed root store), RFC 5280.

SPDX-License-Identifier: MIT
"""

import pki

ALLOWED = (200, 0, 0)
UNTRUSTED_ROOT = (403, 16, 0x800B0109)
CHAINING = (403, 16, 0x800B010A)
DISTRUST = (403, 16, 0x800B0111)
SIGNATURE = (403, 16, 0x80096004)
EXPIRED = (403, 17, 0x800B0101)
BASIC_CONSTRAINTS = (403, 16, 0x80096019)
WRONG_USAGE = (403, 16, 0x800B0110)
REVOKED = (403, 13, 0x80092010)
OFFLINE = (403, 13, 0x80092013)
INVALID_NAME = (403, 16, 0x800B0114)
INVALID_POLICY = (403, 16, 0x800B0113)
CRITICAL = (403, 16, 0x800B0105)
REQUIRED = (403, 7, 5)

CDP = "http://crl.example.test/issuing.crl"


class Case:
    def __init__(self, title, leaf, expected, reason=None, chain=None, site=None, **trust):
        self.title = title
        self.leaf = leaf
        self.chain = chain  # None: the intermediates of the leaf
        self.expected = expected
        self.reason = reason
        self.site = site or {}
        self.trust = trust


class Cases:
    """Makes the certificates once and the table of cases from them."""

    def __init__(self, basics):
        self.basics = basics
        self._count = 0
        b = basics
        self.root, self.issuing, self.alice = b.root, b.issuing, b.alice
        self.direct = b.root.issue("CN=direct")
        self.outsider = b.outsider
        self.outside = [b.outside_issuing, b.outside_root]
        self.files = {
            "root": b.path("root.pem"), "issuing": b.path("issuing.pem"),
            "outside_root": b.path("outside-root.pem"),
            "outside_issuing": b.path("outside-issuing.pem"),
        }

    def store(self, *certificates):
        """Files for a store; names of self.files or certificates."""
        paths = []
        for one in certificates:
            if isinstance(one, str):
                paths.append(self.files[one])
            else:
                self._count += 1
                paths.append(self.basics.write(f"case-{self._count}.pem", one))
        return paths

    def crls(self, *texts):
        paths = []
        for text in texts:
            self._count += 1
            paths.append(self.basics.text(f"case-{self._count}.crl", text))
        return {"crls": paths}

    def modes(self):
        """Trust mode x trusted issuers x chain, under the default profile."""
        s = self.store
        alice, direct, outsider = self.alice, self.direct, self.outsider
        self_signed = pki.issue("CN=self-signed")
        bad_ca = self.issuing.tampered()
        no_root = {"root": s("outside_root")}
        return [
            # mode 0, the root store itself is the list
            Case("machine-trusts-a-chain-to-its-root", alice, ALLOWED),
            Case("machine-trusts-a-client-directly-below-the-root", direct, ALLOWED),
            Case("machine-refuses-a-root-from-elsewhere", outsider, UNTRUSTED_ROOT,
                 "untrusted_root", chain=self.outside),
            Case("machine-refuses-a-chain-that-cannot-be-completed", outsider, UNTRUSTED_ROOT,
                 "partial_chain"),
            Case("machine-refuses-a-self-signed-client", self_signed, UNTRUSTED_ROOT,
                 "untrusted_root", chain=[]),
            Case("machine-trusts-a-self-signed-client-in-the-root-store", self_signed, ALLOWED,
                 chain=[], root=s("root", self_signed)),
            Case("mixed-root-store-refuses-everyone", alice, UNTRUSTED_ROOT, "root_store_mixed",
                 root=s("root", "issuing")),
            Case("mixed-root-store-refuses-a-chain-without-the-misplaced-ca", direct,
                 UNTRUSTED_ROOT, "root_store_mixed", root=s("root", "issuing")),
            Case("mixed-root-store-by-an-unrelated-intermediate", alice, UNTRUSTED_ROOT,
                 "root_store_mixed", root=s("root", "outside_issuing")),
            # mode 0 with a bound list S
            Case("machine-with-list-holding-the-issuer", alice, ALLOWED,
                 trusted_issuers=s("issuing")),
            Case("machine-with-list-holding-the-root", alice, ALLOWED, trusted_issuers=s("root")),
            Case("machine-with-list-without-an-issuer", alice, UNTRUSTED_ROOT,
                 "issuer_not_listed", trusted_issuers=s("outside_issuing")),
            Case("machine-with-list-does-not-trust-by-the-list-alone", outsider, UNTRUSTED_ROOT,
                 trusted_issuers=s("outside_root"), chain=self.outside),
            Case("machine-with-list-ignores-a-mixed-root-store", alice, ALLOWED,
                 root=s("root", "issuing"), trusted_issuers=s("issuing")),
            # mode 1
            Case("exclusive-root-trusts-a-root-in-the-list", alice, ALLOWED,
                 mode="exclusive_root", trusted_issuers=s("root"), **no_root),
            Case("exclusive-root-ignores-the-root-store", outsider, UNTRUSTED_ROOT,
                 mode="exclusive_root", trusted_issuers=s("root"), **no_root),
            Case("exclusive-root-refuses-a-list-of-intermediates", alice, UNTRUSTED_ROOT,
                 mode="exclusive_root", trusted_issuers=s("issuing")),
            Case("exclusive-root-without-list-is-machine", alice, ALLOWED, mode=1),
            Case("exclusive-root-without-list-refuses-outsiders", outsider, UNTRUSTED_ROOT,
                 mode=1),
            Case("exclusive-root-without-list-and-a-mixed-root-store", alice, UNTRUSTED_ROOT,
                 "root_store_mixed", mode=1, root=s("root", "issuing")),
            # mode 2
            Case("exclusive-ca-trusts-an-intermediate-in-the-list", alice, ALLOWED,
                 mode="exclusive_ca", trusted_issuers=s("issuing"), **no_root),
            Case("exclusive-ca-trusts-a-root-in-the-list", alice, ALLOWED, mode="exclusive_ca",
                 trusted_issuers=s("root"), **no_root),
            Case("exclusive-ca-refuses-what-is-below-no-listed-ca", alice, UNTRUSTED_ROOT,
                 mode="exclusive_ca", trusted_issuers=s("outside_issuing", "outside_root")),
            Case("exclusive-ca-without-list-trusts-the-root-store", alice, ALLOWED, mode=2),
            Case("exclusive-ca-without-list-takes-an-intermediate-as-root", alice,
                 ALLOWED, mode=2, root=s("issuing")),
            Case("exclusive-ca-cures-the-mixed-root-store", alice, ALLOWED, mode=2,
                 root=s("root", "issuing")),
            Case("exclusive-ca-without-list-refuses-outsiders", outsider, UNTRUSTED_ROOT, mode=2),
            Case("exclusive-ca-does-not-check-the-signature-of-its-anchor", alice, ALLOWED,
                 mode="exclusive_ca", trusted_issuers=s(bad_ca), intermediate=[], chain=[],
                 **no_root),
            # the ClientAuthIssuer store counts only when it is bound
            Case("client-auth-issuers-unbound-change-nothing", alice, ALLOWED,
                 client_auth_issuers=s("outside_root")),
            Case("client-auth-issuers-unbound-add-no-trust", outsider, UNTRUSTED_ROOT,
                 client_auth_issuers=s("outside_root"), mode=1),
            # a bound but empty store is as if not bound
            Case("empty-list-is-unbound", alice, ALLOWED, trusted_issuers=[]),
            Case("empty-list-is-unbound-and-refuses-outsiders", outsider, UNTRUSTED_ROOT,
                 trusted_issuers=[], mode=1),
        ]

    def building(self):
        """Where intermediates come from; distrust."""
        s = self.store
        alice = self.alice
        deep = self.issuing.sub("CN=Deep CA")
        deep_client = deep.issue("CN=deep")
        cross_root = pki.authority("CN=Cross Root")
        crossed = pki.authority("CN=Test Issuing CA, O=Example", cross_root, key=self.issuing.key)
        return [
            Case("intermediate-presented-but-in-no-store", alice, ALLOWED, intermediate=[]),
            Case("intermediate-in-the-store-but-not-presented", alice, ALLOWED, chain=[]),
            Case("intermediate-neither-presented-nor-stored", alice, UNTRUSTED_ROOT,
                 "partial_chain", chain=[], intermediate=[]),
            Case("intermediates-presented-in-the-wrong-order", deep_client, ALLOWED,
                 chain=[self.issuing, deep], intermediate=[]),
            Case("junk-among-the-presented", deep_client, ALLOWED,
                 chain=[self.outsider, deep, self.basics.outside_root, self.issuing],
                 intermediate=[]),
            Case("one-of-two-intermediates-missing", deep_client, UNTRUSTED_ROOT, "partial_chain",
                 chain=[deep], intermediate=[]),
            Case("intermediate-store-is-no-anchor", self.outsider, UNTRUSTED_ROOT,
                 intermediate=s("outside_root", "outside_issuing")),
            Case("a-cross-certificate-that-leads-nowhere-does-no-harm", alice, ALLOWED,
                 chain=[crossed], intermediate=s(crossed, "issuing")),
            Case("a-cross-certificate-is-a-second-way", alice, ALLOWED,
                 root=s(cross_root), intermediate=s(crossed, "issuing"), chain=[]),
            Case("disallowed-client", alice, DISTRUST, "explicit_distrust", disallowed=s(alice)),
            Case("disallowed-intermediate", alice, DISTRUST, "explicit_distrust",
                 disallowed=s("issuing")),
            Case("disallowed-root", alice, DISTRUST, "explicit_distrust", disallowed=s("root")),
        ]

    def errors(self):
        """Each error alone, and which of two is told."""
        s = self.store
        issuing, root = self.issuing, self.root
        expired_ca = root.sub("CN=Expired CA", since=-20, until=-2)
        expired_root = pki.authority("CN=Expired Root", since=-20, until=-2)
        no_sign = root.sub("CN=No Sign CA", cert_sign=False)
        server_ca = root.sub("CN=Server CA", usage=[pki.SERVER_AUTH])
        named = root.sub("CN=Named CA", permitted="example.test")
        short = root.sub("CN=Short CA", path_length=0)
        below_short = short.sub("CN=Below Short CA")
        no_ca = root.sub("CN=No CA", is_ca=False)
        expired_no_ca_leaf = no_ca.issue("CN=expired-no-ca", since=-9, until=-2)
        old = {"since": -9, "until": -2}
        return [
            Case("expired-client", issuing.issue("CN=expired", **old), EXPIRED, "expired"),
            Case("client-not-yet-valid", issuing.issue("CN=early", since=2), EXPIRED,
                 "not_yet_valid"),
            Case("expired-and-unknown-ca-is-untrusted",
                 self.basics.outside_issuing.issue("CN=expired-outsider", **old), UNTRUSTED_ROOT,
                 chain=self.outside),
            Case("expired-intermediate-counts", expired_ca.issue("CN=below-expired"), EXPIRED,
                 "expired"),
            Case("expired-root-counts", expired_root.issue("CN=below-expired-root"), EXPIRED,
                 "expired", root=s(expired_root)),
            Case("server-usage-only", issuing.issue("CN=server", usage=[pki.SERVER_AUTH]),
                 WRONG_USAGE, "wrong_usage"),
            Case("usage-is-not-checked-when-told-so",
                 issuing.issue("CN=server", usage=[pki.SERVER_AUTH]), ALLOWED, check_usage=False),
            Case("no-usage-extension-is-any-usage", issuing.issue("CN=any", usage=()), ALLOWED),
            Case("any-usage", issuing.issue("CN=any", usage=[pki.ANY_USAGE]), ALLOWED),
            Case("usage-of-a-ca-restricts-what-is-below", server_ca.issue("CN=below"),
                 WRONG_USAGE, "wrong_usage"),
            Case("ca-without-cert-sign", no_sign.issue("CN=below"), WRONG_USAGE, "wrong_usage"),
            Case("wrong-usage-and-expired-is-expired",
                 issuing.issue("CN=both", usage=[pki.SERVER_AUTH], **old), EXPIRED),
            Case("bad-signature", issuing.issue("CN=forged").tampered(), SIGNATURE, "signature"),
            Case("bad-signature-and-unknown-root-is-signature",
                 self.basics.outside_issuing.issue("CN=forged").tampered(), SIGNATURE,
                 "signature", chain=self.outside),
            Case("bad-signature-and-expired-is-signature",
                 issuing.issue("CN=forged", **old).tampered(), SIGNATURE, "signature"),
            Case("issuer-that-is-no-ca", no_ca.issue("CN=below"), BASIC_CONSTRAINTS,
                 "basic_constraints"),
            Case("end-entity-as-issuer-and-expired-is-expired", expired_no_ca_leaf, EXPIRED),
            Case("path-length-exceeded", below_short.issue("CN=deep"), BASIC_CONSTRAINTS,
                 "basic_constraints"),
            Case("path-length-kept", short.issue("CN=short"), ALLOWED),
            Case("name-inside-the-permitted-tree",
                 named.issue("CN=inside", dns=["a.example.test"]), ALLOWED),
            Case("name-outside-the-permitted-tree",
                 named.issue("CN=outside", dns=["a.example.org"]), INVALID_NAME, "invalid_name"),
            Case("unknown-critical-extension", issuing.issue("CN=odd", critical_unknown=True),
                 CRITICAL, "critical_extension"),
            Case("explicit-policy-required", self.alice, INVALID_POLICY, "invalid_policy",
                 policy={"require_explicit": True}),
            Case("disallowed-and-expired-is-distrust", *self._disallowed_expired()),
            Case("rsa-client", issuing.issue("CN=rsa", kind="rsa2048"), ALLOWED),
            Case("p384-client", issuing.issue("CN=p384", kind="p384"), ALLOWED),
        ]

    def _disallowed_expired(self):
        self.expired = self.issuing.issue("CN=disallowed-expired", since=-9, until=-2)
        return self.expired, DISTRUST

    def revocation(self):
        issuing, root, crls = self.issuing, self.root, self.crls
        taken = issuing.issue("CN=taken")
        taken_expired = issuing.issue("CN=taken-expired", since=-9, until=-2)
        taken_server = issuing.issue("CN=taken-server", usage=[pki.SERVER_AUTH])
        pointing = issuing.issue("CN=pointing", cdp=CDP)
        pointing_expired = issuing.issue("CN=pointing-expired", cdp=CDP, since=-9, until=-2)
        taken_ca = root.sub("CN=Taken CA")
        below_taken = taken_ca.issue("CN=below-taken")
        everything = crls(issuing.crl([taken, taken_expired, taken_server]))
        stale = crls(issuing.crl([taken], since=-20, until=-1))
        by_root = root.crl([taken_ca])
        return [
            Case("listed-client-is-revoked", taken, REVOKED, "revoked", revocation=everything),
            Case("unlisted-client-is-not", self.alice, ALLOWED, revocation=everything),
            Case("revoked-and-expired-is-expired", taken_expired, EXPIRED, revocation=everything),
            Case("revoked-and-wrong-usage-is-wrong-usage", taken_server, WRONG_USAGE,
                 revocation=everything),
            Case("check-off-lets-the-revoked-in", taken, ALLOWED,
                 revocation={**everything, "check": False}),
            Case("hold-counts-as-revoked", taken, REVOKED, "revoked", revocation=crls(
                issuing.crl([taken], reasons=pki.x509.ReasonFlags.certificate_hold))),
            Case("revoked-intermediate", below_taken, REVOKED, "revoked",
                 revocation=crls(by_root)),
            Case("revoked-ca-as-anchor-is-not-asked", below_taken, ALLOWED,
                 mode="exclusive_ca", trusted_issuers=self.store(taken_ca),
                 revocation=crls(by_root)),
            Case("no-crl-and-no-cdp-is-fine", self.alice, ALLOWED),
            Case("no-crl-but-a-cdp-is-offline", pointing, OFFLINE, "revocation_offline"),
            Case("a-cdp-and-its-crl", pointing, ALLOWED, revocation=everything),
            Case("no-crl-and-expired-is-expired", pointing_expired, EXPIRED),
            Case("missing-always-demands-a-crl", self.alice, OFFLINE, "revocation_offline",
                 revocation={"missing": "always"}),
            Case("missing-always-satisfied", self.alice, ALLOWED,
                 revocation={**crls(issuing.crl(), root.crl()), "missing": "always"}),
            Case("stale-crl-is-offline-even-without-cdp", self.alice, OFFLINE,
                 "revocation_offline", revocation=stale),
            Case("stale-crl-still-revokes", taken, REVOKED, "revoked", revocation=stale),
            Case("forged-crl-is-offline", self.alice, OFFLINE, "revocation_offline",
                 revocation=crls(issuing.crl(signer=self.basics.outside_root))),
            Case("the-newest-crl-decides", taken, ALLOWED, revocation=crls(
                issuing.crl([taken], since=-3), issuing.crl([], since=-1))),
            Case("crl-of-another-ca-says-nothing", self.alice, ALLOWED,
                 revocation=crls(self.basics.outside_issuing.crl([self.alice]))),
        ]

    def access(self):
        """What the site does with the verdict."""
        bad = self.outsider
        accept, ignore = {"client_certificate": "accept"}, {"client_certificate": "ignore"}
        return [
            Case("require-without-certificate", None, REQUIRED, "certificate_required"),
            Case("accept-without-certificate", None, ALLOWED, site=accept),
            Case("accept-with-a-good-certificate", self.alice, ALLOWED, site=accept),
            Case("accept-refuses-a-bad-certificate", bad, UNTRUSTED_ROOT, site=accept),
            Case("ignore-does-not-look-at-a-bad-certificate", bad, ALLOWED, site=ignore),
            Case("ignore-without-certificate", None, ALLOWED, site=ignore),
        ]

    def all_default(self):
        cases = self.modes() + self.building() + self.errors() + self.revocation() + self.access()
        for case in cases:
            if case.title == "disallowed-and-expired-is-distrust":
                case.trust["disallowed"] = self.store(self.expired)
        return cases

    def knobs(self):
        """compat settings that change a verdict: name of the run, settings, cases."""
        s = self.store
        mixed = {"root": s("root", "issuing")}
        alice, direct = self.alice, self.direct
        other_ca = self.root.sub("CN=Other CA")
        return {
            "issuer_filter": ({"root_mix": "issuer_filter"}, [
                Case("filter-path-through-the-misplaced-ca", alice, ALLOWED, **mixed),
                Case("filter-path-beside-the-misplaced-ca", direct, UNTRUSTED_ROOT, **mixed),
                Case("filter-path-through-another-ca", other_ca.issue("CN=other"),
                     UNTRUSTED_ROOT, **mixed),
                Case("filter-clean-root-store", direct, ALLOWED),
            ]),
            "mix_off": ({"root_mix": "off"}, [
                Case("off-path-through-the-misplaced-ca", alice, ALLOWED, **mixed),
                Case("off-path-beside-the-misplaced-ca", direct, ALLOWED, **mixed),
            ]),
            "partial_chain": ({"partial_chain": 0x800B010A}, [
                Case("chaining-when-the-intermediate-is-missing", alice, CHAINING,
                     "partial_chain", chain=[], intermediate=[]),
                Case("chaining-does-not-rename-an-unknown-root", self.outsider, UNTRUSTED_ROOT,
                     "untrusted_root", chain=self.outside),
            ]),
            "empty_deny": ({"empty_trusted_issuers": "deny"}, [
                Case("empty-list-denies-everyone", alice, UNTRUSTED_ROOT, trusted_issuers=[]),
                Case("empty-list-denies-in-mode-2", alice, UNTRUSTED_ROOT, trusted_issuers=[],
                     mode=2),
                Case("no-list-is-not-an-empty-one", alice, ALLOWED),
            ]),
            "documented": ({"client_auth_issuers": "documented"}, [
                Case("documented-list-of-client-auth-issuers", alice, ALLOWED,
                     client_auth_issuers=s("issuing")),
                Case("documented-list-without-the-issuer", alice, UNTRUSTED_ROOT,
                     "issuer_not_listed", client_auth_issuers=s("outside_issuing")),
            ]),
        }
