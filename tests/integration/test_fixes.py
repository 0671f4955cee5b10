"""Every fix that explain names, applied by a machine: one round, and the client is let in.

The mechanic reads nothing but action, store, sha256, key and value. Where only the issuer of a CA
can mend something the text has to say so; the mechanic then plays that issuer.

SPDX-License-Identifier: MIT
"""

import copy
import json
import re
import os
import tempfile

import pytest
from cryptography import x509

import pki
import tlsclient
from proxy import Proxy, configuration, site
from test_explain import explain
from trust_cases import ALLOWED, CDP, Cases

FOLDER = tempfile.TemporaryDirectory(prefix="mtls-proxy-fixes-")
B = pki.Basics(FOLDER.name)
CASES = Cases(B)
ONLY = "only the issuer can mend this"
OLD = {"since": -20, "until": -10}
ROOT, ISSUING = B.path("root.pem"), B.path("issuing.pem")
OUTSIDE_ROOT, OUTSIDE = B.path("outside-root.pem"), B.path("outside-issuing.pem")


def with_issuers(certificates):
    """The certificates and all that is above them, by SHA-256."""
    known = {}
    waiting = list(certificates)
    while waiting:
        one = waiting.pop()
        if one is not None and one.sha256 not in known:
            known[one.sha256] = one
            waiting.append(one.issuer)
    return known


class Mechanic:
    def __init__(self, made, leaf, chain, *more):
        self.made = made
        self.leaf = leaf
        self.chain = [] if leaf is None else leaf.above() if chain is None else list(chain)
        self.known = with_issuers([B.alice, B.outsider, leaf, *self.chain, *more])
        self.count = 0

    @property
    def trust(self):
        return self.made["sites"][0]["trust"]

    def file(self, text):
        self.count += 1
        return B.text(f"fixed-{id(self)}-{self.count}.pem", text)

    def by_issuer_name(self, told):
        """What explain cannot have seen: the issuer of the topmost."""
        top = self.known[told["chain"][-1]["sha256"]]
        return top.issuer or next(one for one in self.known.values() if one is not top and
                                  one.certificate.subject == top.certificate.issuer)

    def replace(self, old, new):
        """An authority made anew, wherever the old one was."""
        self.known[new.sha256] = new
        self.chain = [new if one.sha256 == old.sha256 else one for one in self.chain]
        for store in ("root", "intermediate", "trusted_issuers", "client_auth_issuers"):
            self.trust[store] = [self.exchanged(path, old, new)
                                 for path in self.trust.get(store, [])] or self.trust.get(store)
        self.made["sites"][0]["trust"] = {key: value for key, value in self.trust.items()
                                          if value is not None}

    def exchanged(self, path, old, new):
        with open(path, encoding="ascii") as source:
            text = source.read()
        return self.file(text.replace(old.pem, new.pem)) if old.pem in text else path

    def renew(self, fix):
        old = self.known[fix["sha256"]]
        if old is self.leaf:
            self.leaf = old.issuer.issue("CN=renewed", cdp=cdp_of(old))
            return
        assert ONLY in fix["text"]
        subject = ", ".join(part for part in
                            reversed(old.certificate.subject.rfc4514_string().split(",")))
        self.replace(old, pki.authority(subject, old.issuer, key=old.key))

    def present(self, fix):
        if fix["sha256"] is None:
            self.chain = [one for one in self.leaf.above() if one in self.chain]
        elif self.leaf.issuer is None:
            self.leaf, self.chain = B.alice, B.alice.above()
        else:
            assert fix["sha256"] == self.leaf.sha256, "the advice is about another certificate"
            self.leaf = self.leaf.issuer.issue("CN=another", cdp=cdp_of(self.leaf))

    def set(self, fix):
        top = self.made["sites"][0]
        *sections, key = fix["key"].split(".")
        if sections[:1] == ["compat"]:
            top = self.made
        for section in sections:
            top = top.setdefault(section, {})
        top[key] = {"true": True, "false": False}.get(fix["value"], fix["value"])

    def apply(self, told):
        for fix in told["fix"]:
            certificate = self.known.get(fix["sha256"])
            if fix["action"] == "move_certificate":
                self.trust["root"] = [path for path in self.trust["root"]
                                      if certificate.pem not in open(path).read()]
            if fix["action"] in ("add_certificate", "move_certificate"):
                added = certificate or self.by_issuer_name(told)
                self.trust.setdefault(fix["store"], []).append(self.file(added.pem))
            if fix["action"] == "remove_certificate":
                self.trust[fix["store"]] = [path for path in self.trust[fix["store"]]
                                            if certificate.pem not in open(path).read()]
            if fix["action"] == "add_crl":
                self.trust.setdefault("revocation", {}).setdefault("crls", []).append(
                    self.file(certificate.issuer.crl(number=50)))
            if fix["action"] == "renew":
                self.renew(fix)
            if fix["action"] == "present":
                self.present(fix)
            if fix["action"] == "set":
                self.set(fix)


def cdp_of(certificate):
    """A new certificate points where the old one did."""
    try:
        points = certificate.certificate.extensions.get_extension_for_class(
            x509.CRLDistributionPoints)
        return points.value[0].full_name[0].value
    except x509.ExtensionNotFound:
        return None


def mend(made, leaf, chain, tmp_path, *more):
    """Asks, applies, asks again: what was told first."""
    made = copy.deepcopy(made)
    told = explain(made, leaf, chain, tmp_path)
    assert told["outcome"] == "refused"
    mechanic = Mechanic(made, leaf, chain, *more)
    mechanic.apply(told)
    fixed = explain(made, mechanic.leaf, mechanic.chain, tmp_path)
    assert fixed["outcome"] == "allowed", (told["fix"], fixed["reason"], fixed["fix"])
    return told


REFUSED = [({}, case) for case in CASES.all_default() if case.expected != ALLOWED] + [
    ({"compat": compat}, case) for compat, group in CASES.knobs().values() for case in group
    if case.expected != ALLOWED]


@pytest.mark.parametrize("top, case", REFUSED, ids=[case.title for _, case in REFUSED])
def test_every_case_of_the_decision_table(top, case, tmp_path):
    made = configuration(site(B, trust=copy.deepcopy(case.trust), **case.site), **top)
    if case.leaf is None:
        told = explain(made, None, None, tmp_path)
        assert [fix["action"] for fix in told["fix"]] == ["present"]
        assert explain(made, B.alice, None, tmp_path)["outcome"] == "allowed"
        return
    mend(made, case.leaf, case.chain, tmp_path)


def single():
    pointing = B.issuing.issue("CN=pointing", cdp=CDP)
    yield "missing-root", B.alice, None, {"root": [OUTSIDE_ROOT]}
    yield "missing-root-presented", B.alice, [B.issuing, B.root], {"root": [OUTSIDE_ROOT]}
    yield "missing-intermediate", B.alice, [], {"intermediate": []}
    yield "two-misplaced", B.alice, None, {"root": [ROOT, ISSUING, OUTSIDE]}
    yield "wrong-trust-mode", B.alice, None, {"mode": "exclusive_root",
                                              "trusted_issuers": [ISSUING]}
    yield "wrong-issuer-store", B.alice, None, {"trusted_issuers": [OUTSIDE]}
    yield "wrong-issuer-store-mode-1", B.alice, None, {"mode": 1,
                                                       "trusted_issuers": [OUTSIDE_ROOT]}
    yield "wrong-issuer-store-mode-2", B.alice, None, {"mode": 2, "trusted_issuers": [OUTSIDE]}
    yield "disallowed", B.alice, None, {"disallowed": [ISSUING]}
    yield "crl-missing", B.alice, None, {"revocation": {"missing": "always"}}
    yield "crl-missing-with-cdp", pointing, None, {}


# --- several things wrong at once

def several():
    b, root, issuing = B, B.root, B.issuing
    pointing_old = issuing.issue("CN=pointing-old", cdp=CDP, **OLD)
    outside_old = b.outside_issuing.issue("CN=outside-old", cdp=CDP, **OLD)
    old_ca = root.sub("CN=Old CA", **OLD)
    server_ca = root.sub("CN=Server Only CA", usage=[pki.SERVER_AUTH])
    taken_ca = root.sub("CN=Taken CA")
    not_ca = root.sub("CN=Not A CA", is_ca=False)
    no_sign = root.sub("CN=No Sign CA", cert_sign=False)
    short = root.sub("CN=Short CA", path_length=0)
    deep = issuing.sub("CN=Deep CA, O=Example")
    server = [pki.SERVER_AUTH]
    everywhere = {"revocation": {"missing": "always"}}
    path = CASES.store
    yield "expired-then-no-crl", pointing_old, None, {}
    yield "unknown-root-expired-and-no-crl", outside_old, CASES.outside, {}
    yield "unknown-root-not-sent-expired-and-no-crl", outside_old, None, {}
    yield "unknown-root-and-no-crl-at-all", b.outsider, None, everywhere
    yield "unknown-root-and-wrong-usage", b.outside_issuing.issue("CN=x", usage=server), \
        CASES.outside, {}
    yield "no-root-store-at-all-and-wrong-usage", issuing.issue("CN=x", usage=server), \
        [issuing, root], {"root": [OUTSIDE_ROOT], "intermediate": []}
    yield "expired-ca-and-expired-client", old_ca.issue("CN=x", **OLD), None, {}
    yield "expired-ca-and-wrong-usage", old_ca.issue("CN=x", usage=server), None, {}
    yield "usage-of-the-ca-and-of-the-client", server_ca.issue("CN=x", usage=server), None, {}
    yield "usage-of-the-ca-and-a-ca-that-may-not-sign", \
        no_sign.sub("CN=y", usage=server).issue("CN=x"), None, {}
    yield "revoked-ca-and-revoked-client", taken_ca.issue("CN=x", serial=4711), None, \
        {"revocation": CASES.crls(root.crl([taken_ca]),
                                  taken_ca.crl([taken_ca.issue("CN=x", serial=4711)]))}
    yield "no-ca-and-expired", not_ca.issue("CN=x", **OLD), None, {}
    yield "two-levels-too-deep", short.sub("CN=below").issue("CN=x", **OLD), None, {}
    yield "mixed-root-store-and-expired", issuing.issue("CN=x", **OLD), None, \
        {"root": [ROOT, ISSUING, OUTSIDE]}
    yield "mixed-root-store-and-unknown-root", b.outsider, CASES.outside, \
        {"root": [ROOT, ISSUING]}
    yield "not-in-the-list-and-unknown-root", b.outsider, CASES.outside, \
        {"trusted_issuers": [ISSUING]}
    yield "not-in-the-list-and-no-crl", b.alice, None, \
        {"trusted_issuers": [OUTSIDE], **everywhere}
    yield "not-in-the-list-and-unknown-root-not-sent", b.outsider, None, \
        {"trusted_issuers": [ISSUING]}
    yield "issuer-only-in-the-list", b.alice, [], {"intermediate": [],
                                                   "trusted_issuers": [ISSUING]}
    yield "issuer-only-in-the-list-and-root-unknown", b.alice, [root], \
        {"root": [OUTSIDE_ROOT], "intermediate": [], "trusted_issuers": [ISSUING]}
    yield "disallowed-twice", b.alice, None, {"disallowed": path(b.alice, "issuing")}
    yield "disallowed-ca-and-expired", issuing.issue("CN=x", **OLD), None, \
        {"disallowed": [ISSUING]}
    yield "disallowed-client-and-expired", pointing_old, None, {"disallowed": path(pointing_old)}
    yield "directly-below-an-unknown-root", root.issue("CN=x"), None, {"root": [OUTSIDE_ROOT]}
    yield "the-middle-is-missing", deep.issue("CN=x"), [deep], {"intermediate": []}
    yield "mode-2-nothing-known-but-the-client", b.outsider, [], {"mode": 2}
    yield "mode-2-a-self-signed-client", pki.issue("CN=self-signed"), [], {"mode": 2}
    yield "mode-1-a-ca-in-the-list-and-expired", issuing.issue("CN=x", **OLD), None, \
        {"mode": 1, "trusted_issuers": [ISSUING]}
    yield "mode-1-a-disallowed-ca-in-the-list", b.alice, None, \
        {"mode": 1, "trusted_issuers": [ISSUING], "disallowed": [ISSUING]}
    yield "policy-and-expired", issuing.issue("CN=x", **OLD), None, \
        {"policy": {"require_explicit": True}}
    yield "policy-and-unknown-root", b.outsider, CASES.outside, \
        {"policy": {"require_explicit": True}}
    yield "forged-and-unknown-root", b.outside_issuing.issue("CN=x").tampered(), None, {}
    yield "forged-ca-and-expired-client", issuing.issue("CN=x", **OLD), [issuing.tampered()], \
        {"intermediate": []}
    yield "stale-crls-everywhere", b.alice, None, {"revocation": {
        **CASES.crls(issuing.crl(**OLD), root.crl(**OLD)), "missing": "always"}}


VECTORS = [*single(), *several()]


@pytest.mark.parametrize("leaf, chain, trust", [case[1:] for case in VECTORS],
                         ids=[case[0] for case in VECTORS])
def test_all_that_is_needed_in_one_go(leaf, chain, trust, tmp_path):
    mend(configuration(site(B, trust=copy.deepcopy(trust))), leaf, chain, tmp_path)


def test_very_many_misplaced_certificates(tmp_path):
    """Each of them is named, not the first few."""
    misplaced = [B.root.sub(f"CN=Misplaced {i}") for i in range(40)]
    made = configuration(site(B, trust={"root": [ROOT] + CASES.store(*misplaced)}))
    told = mend(made, B.alice, None, tmp_path, *misplaced)
    assert len(told["fix"]) == 40


def test_a_damaged_root(tmp_path):
    """It is misplaced where it is, and what it stands for is missing."""
    damaged = B.root.tampered()
    made = configuration(site(B, trust={"root": CASES.store(damaged)}))
    assert len(mend(made, B.alice, None, tmp_path, damaged, B.root)["fix"]) == 2


# --- about the right certificate

def test_a_revoked_ca_has_another_way(tmp_path):
    """The same CA, certified by another root as well: one that could be trusted."""
    other = pki.authority("CN=Other Root, O=Other")
    taken = B.root.sub("CN=Crossed CA")
    crossed = pki.authority("CN=Crossed CA", other, key=taken.key)
    made = configuration(site(B, trust={"revocation": CASES.crls(B.root.crl([taken]))}))
    client = taken.issue("CN=x")
    told = mend(made, client, [taken, crossed, other], tmp_path, crossed)
    assert told["reason"] == "untrusted_root" or told["reason"] == "revoked"
    assert [(fix["action"], fix["sha256"]) for fix in told["fix"]] == [
        ("add_certificate", other.sha256)]


@pytest.mark.parametrize("made_ca, reason", [
    (lambda: B.root.sub("CN=Fault CA", is_ca=False), "basic_constraints"),
    (lambda: B.root.sub("CN=Fault CA", cert_sign=False), "wrong_usage"),
    (lambda: B.root.sub("CN=Fault CA", **OLD), "expired"),
    (lambda: B.root.sub("CN=Fault CA", since=5), "not_yet_valid")])
def test_a_ca_at_fault_is_the_one_that_is_named(made_ca, reason, tmp_path):
    authority = made_ca()
    told = explain(configuration(site(B)), authority.issue("CN=x"), None, tmp_path)
    assert told["reason"] == reason
    assert [(fix["action"], fix["sha256"]) for fix in told["fix"]] == [("renew", authority.sha256)]
    assert ONLY in told["fix"][0]["text"]


def test_an_issuer_that_changed_its_key(tmp_path):
    """The store has the old certificate of that name: what is missing is the new one."""
    renewed = B.root.sub("CN=Test Issuing CA, O=Example")
    client = renewed.issue("CN=x", key_id=True)
    made = configuration(site(B))
    told = explain(made, client, [], tmp_path)
    assert told["reason"] == "signature"
    assert [(fix["action"], fix["store"], fix["sha256"]) for fix in told["fix"]] == [
        ("add_certificate", "intermediate", None)]
    assert "has another key" in told["fix"][0]["text"]
    made["sites"][0]["trust"]["intermediate"] += CASES.store(renewed)
    assert explain(made, client, [], tmp_path)["outcome"] == "allowed"


def test_a_ca_that_may_not_sign_crls(tmp_path):
    """Another CRL of it would help nobody."""
    root = pki.authority("CN=Quiet Root", crl_sign=False)
    client = root.issue("CN=x", cdp=CDP)
    made = configuration(site(B, trust={"root": CASES.store(root),
                                        "revocation": CASES.crls(root.crl())}))
    told = explain(made, client, [], tmp_path)
    assert told["reason"] == "revocation_offline"
    assert [(fix["action"], fix["sha256"]) for fix in told["fix"]] == [("renew", root.sha256)]
    assert ONLY in told["fix"][0]["text"]


def test_a_root_beyond_the_list_of_2012(tmp_path):
    """compat.large_root_store: legacy: the root is in the store, adding it again helps nobody."""
    many = [pki.authority("CN=%03d, O=%s" % (i, "x" * 60), key=B.root.key) for i in range(260)]
    store = [B.text("many.pem", "".join(one.pem for one in many))]
    made = configuration(site(B, trust={"root": store}), compat={"large_root_store": "legacy"})
    refused = 0
    for root in sorted(many, key=lambda one: one.certificate.fingerprint(
            pki.hashes.SHA1()))[-2:]:
        mend(made, root.issue("CN=x"), [], tmp_path)
        refused += 1
    assert refused == 2


def test_plain_http_is_told_of_all_that_follows(tmp_path):
    made = configuration(site(B, require_ssl=True,
                              bindings=["https://127.0.0.1:0", "http://127.0.0.1:0"]))
    plain = ["--url", "http://server.test/"]
    told = explain(made, None, None, tmp_path, *plain)
    assert told["reason"] == "ssl_required"
    assert [fix["text"] for fix in told["fix"]] == ["use https", "present a client certificate"]
    expired = B.issuing.issue("CN=x", **OLD)
    told = explain(made, expired, None, tmp_path, *plain)
    assert [fix["action"] for fix in told["fix"]] == ["present", "renew"]
    told = explain(made, B.alice, None, tmp_path, *plain)
    assert [fix["text"] for fix in told["fix"]] == ["use https"]


# --- mapping and rules: keys are paths, with the index or the name in brackets

USER = "CONTOSO\\alice"
STAFF = [{"field": "subject", "subfield": "OU", "match": "Staff"}]


def set_at(made, key, value):
    """Follows a path such as mapping.many_to_one[0].enabled or accounts[CONTOSO\\alice].state."""
    at = made["sites"][0]
    parts = re.findall(r"([a-z_]+)|\[([^\]]*)\]", key)
    for i, (name, inside) in enumerate(parts):
        step = name or inside
        if isinstance(at, list):
            step = int(step) if step.isdigit() else next(
                j for j, one in enumerate(at) if one.get("path") == step)
        if i + 1 == len(parts):
            at[step] = {"true": True, "false": False, "null": None}.get(value, value)
        else:
            at = at.setdefault(step, {}) if isinstance(at, dict) else at[step]


def denied(**more):
    return {"mapping": {"many_to_one": [
        {"name": "others", "user": USER, "rules": [{**STAFF[0], "match": "Nobody"}]},
        {"name": "staff", "permission": "deny", "rules": STAFF, **more}]}}


def one_to_one(accounts):
    return {"accounts": accounts, "mapping": {"one_to_one": [
        {"user": USER, "certificate": B.path("alice-mapped.pem")}]}}


MAPPED = {
    "denied": (denied(), "mapping_denied", None),
    "denied-and-anonymous": ({**denied(), "anonymous": True}, "mapping_denied", None),
    "no-user": ({"anonymous": False}, "no_user", None),
    "no-user-in-a-location": ({"locations": [{"path": "/in", "anonymous": False}]}, "no_user", "/in"),
    "not-in-accounts": (one_to_one({}), "logon_failed", None),
    "disabled": (one_to_one({USER: {"state": "disabled"}}), "logon_failed", None),
    "expired": (one_to_one({USER: {"state": "password_expired"}}), "logon_failed", None),
    "type": (one_to_one({USER: {"state": "logon_type_denied"}}), "logon_failed", None),
    "password": (one_to_one({USER: {"password_file": B.path("secret")}}), "logon_failed", None),
    "password-and-disabled": (one_to_one({USER: {"password_file": B.path("secret"),
                                                 "state": "disabled"}}), "logon_failed", None),
}


@pytest.mark.parametrize("title", MAPPED)
def test_mapping_is_mended_in_one_go(title, tmp_path):
    keys, reason, path = MAPPED[title]
    B.write("alice-mapped.pem", B.alice)
    B.text("secret", "word\n")
    made = configuration(site(B, **copy.deepcopy(keys)))
    asked = ["--url", "https://server.test" + path] if path else []
    told = explain(made, B.alice, None, tmp_path, *asked)
    assert told["reason"] == reason
    for fix in told["fix"]:
        assert fix["action"] == "set" and fix["key"] in fix["text"]
        set_at(made, fix["key"], fix["value"])
    fixed = explain(made, B.alice, None, tmp_path, *asked)
    assert fixed["outcome"] == "allowed", (told["fix"], fixed["reason"])


def test_rules_that_come_after_are_told_at_once(tmp_path):
    rules = {"authorize": [{"user": ["CONTOSO\\bob"]}]}
    made = configuration(site(B, anonymous=False, **rules))
    told = explain(made, B.alice, None, tmp_path)
    assert told["reason"] == "no_user"
    assert [fix["action"] for fix in told["fix"]] == ["set", "present"]
    assert B.alice.sha256 in told["fix"][1]["text"]
    made["sites"][0]["anonymous"] = True
    told = explain(made, B.alice, None, tmp_path)
    assert told["reason"] == "mapping_denied" and len(told["fix"]) == 1
    made["sites"][0]["authorize"].insert(0, {"sha256": [B.alice.sha256]})
    assert explain(made, B.alice, None, tmp_path)["outcome"] == "allowed"


# --- at run time

def test_the_log_line_says_the_same():
    client = B.outside_issuing.issue("CN=x", cdp=CDP, **OLD)
    with Proxy(configuration(site(B))) as proxy:
        tlsclient.fetch(proxy, "/x", identity=client, chain=CASES.outside)
        line = proxy.refusal("main")
        for text in ("Outside Root", "renew 'CN=x'", "a current CRL of 'O=Elsewhere,CN=Outside I"):
            assert text in line["fix"]


def test_a_long_list_is_cut_in_the_log():
    misplaced = [B.root.sub(f"CN=Misplaced {i}") for i in range(40)]
    with Proxy(configuration(site(B, trust={"root": [ROOT] + CASES.store(*misplaced)}))) as proxy:
        tlsclient.fetch(proxy, "/x", identity=B.alice)
        line = proxy.refusal("main")["fix"]
        assert "Misplaced" in line and "and 28 more" in line


def test_the_detailed_page_says_the_same():
    expired = B.issuing.issue("CN=x", cdp=CDP, **OLD)
    with Proxy(configuration(site(B, errors={"mode": "detailed"}))) as proxy:
        answer = tlsclient.fetch(proxy, "/x", identity=expired,
                                 headers=[("Accept", "application/json")])
        assert len(json.loads(answer.body)["fix"]) == 2


# --- where the CRL is

def point(*urls, signer=None):
    names = [x509.UniformResourceIdentifier(url) for url in urls] or None
    by = [x509.DirectoryName(signer.certificate.subject)] if signer else None
    return x509.DistributionPoint(names, None, None, by)


def pointing(issuer, *points, **more):
    """A client whose certificate names these distribution points."""
    key = pki.new_key()
    builder = pki._build("CN=pointing", key, issuer, -1, 30, None)
    builder = builder.add_extension(x509.CRLDistributionPoints(list(points)), critical=False)
    for extension in more.get("extensions", ()):
        builder = builder.add_extension(extension, critical=False)
    return pki.Certificate(pki._sign(builder, key, issuer), key, issuer)


HTTP, MIRROR = "http://crl.example.test/a.crl", "http://mirror.example.test/a.crl"
LDAP = "ldap:///CN=A,DC=example?certificateRevocationList?base"
SAYS = "; the certificate says that it is at "
PLACES = {
    "one": ([point(HTTP)], SAYS + HTTP),
    "several": ([point(LDAP, HTTP), point(MIRROR)], f"{SAYS}{LDAP} or {HTTP} or {MIRROR}"),
    "another-signer": ([point(HTTP, signer=B.root)],
                       f"{SAYS}{HTTP} (signed by 'O=Example,CN=Test Root')"),
    "no-url": ([point(signer=B.root)], ""),
    "forged": ([point("http://x/'; reason=\"none\" \r\n<b>\\")],
               SAYS + "http://x/%27;%20reason=%22none%22%20%0D%0A%3Cb%3E%5C"),
    "many": ([point(*(f"http://{i}.test/" for i in range(40)))],
             SAYS + " or ".join(f"http://{i}.test/" for i in range(8))),
    "long": ([point("http://x/" + "y" * 2000)], SAYS + "http://x/" + "y" * 503 + "..."),
}


@pytest.mark.parametrize("name", PLACES)
def test_the_fix_names_where_the_certificate_says_its_crl_is(tmp_path, name):
    points, text = PLACES[name]
    told = explain(configuration(site(B)), pointing(B.issuing, *points), None, tmp_path)
    assert told["reason"] == "revocation_offline"
    fix = told["fix"][0]
    assert fix["action"] == "add_crl"
    assert fix["text"] == ("add a current CRL of 'O=Example,CN=Test Issuing CA' to "
                           "trust.revocation.crls" + text)


def test_the_places_are_those_of_the_certificate_at_fault(tmp_path):
    """An intermediate's CRL is missing, not that of the client."""
    made = pointing(B.root, point(HTTP), extensions=[x509.BasicConstraints(True, None)])
    middle = pki.Authority(made.certificate, made.key, B.root)
    client = middle.issue("CN=x", cdp=MIRROR)
    crl = B.text("middle.crl", middle.crl())
    told = explain(configuration(site(B, trust={"revocation": {"crls": [crl]}})), client, None,
                   tmp_path)
    assert [fix["action"] for fix in told["fix"]] == ["add_crl"]
    assert told["fix"][0]["text"].endswith(SAYS + HTTP)


def test_the_log_and_the_page_name_them_too():
    client = pointing(B.issuing, point(HTTP, MIRROR))
    with Proxy(configuration(site(B, errors={"mode": "detailed"}))) as proxy:
        answer = tlsclient.fetch(proxy, "/x", identity=client,
                                 headers=[("Accept", "application/json")])
        assert f"{HTTP} or {MIRROR}" in json.loads(answer.body)["fix"][0]
        assert f"{HTTP} or {MIRROR}" in proxy.refusal("main")["fix"]
