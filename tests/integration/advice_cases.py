"""Configurations that refuse somebody for a reason known at load: the good one with one change each.

SPDX-License-Identifier: MIT
"""

import json
import os

from cryptography import x509

import pki
from proxy import configuration, run, site


class Stores:
    """The good configuration, made to be spoilt."""

    def __init__(self, basics, folder):
        self.basics = basics
        self.folder = str(folder)
        self.site = site(basics)
        self.trust = self.site["trust"]
        self.top = {}

    def write(self, name, *certificates):
        return certificates[0].write(os.path.join(self.folder, name), *certificates[1:])

    def text(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(content)
        return path

    def store(self, key, *certificates):
        self.trust[key] = [self.write(f"{key}-{i}.pem", one)
                           for i, one in enumerate(certificates)]

    def server(self, *certificates):
        path = self.write("other-server.pem", *certificates)
        self.site["server_certificate"] = {"chain": path, "key": path[:-3] + "key"}

    def crls(self, *texts):
        self.trust["revocation"] = {
            "check": True, "crls": [self.text(f"{i}.crl", one) for i, one in enumerate(texts)]}

    def mapping(self, **keys):
        self.site["mapping"] = keys
        self.site.setdefault("anonymous", True)

    def many(self, *mappings):
        self.mapping(many_to_one=[
            {"name": f"m{i}", "user": f"u{i}",
             "rules": [{"field": field, "subfield": sub, "match": match}
                       for field, sub, match in rules]}
            for i, rules in enumerate(mappings)])

    def one(self, *certificates):
        self.mapping(one_to_one=[{"user": "alice",
                                  "certificate": self.write("mapped.pem", *certificates)}])

    def check(self):
        path = self.text("proxy.yaml", json.dumps(configuration(self.site, **self.top), indent=1))
        done = run("check", "-c", path)
        assert (done.returncode, done.stdout) == (0, f"{path}: ok\n"), done.stderr
        return path, done.stderr


CASES = {}


def case(*expected):
    """Expected: the path of the key, then what its warning says (regular expressions)."""
    def add(function):
        CASES[function.__name__] = (function, expected)
        return function
    return add


# the stores

@case(r"trust.root\[1\]", "Test Issuing CA.* not self-signed.*root_store_mixed.*intermediate")
def mixed_root_store(s):
    s.trust["root"].append(s.basics.path("issuing.pem"))


@case(r"trust.root\[0\]", "Test Issuing CA.*403.16.*root_store_mixed")
def mixed_root_store_in_a_folder(s):
    os.mkdir(s.folder + "/roots")
    s.write("roots/a.pem", s.basics.root)
    s.write("roots/b.pem", s.basics.issuing)
    s.trust["root"] = [s.folder + "/roots"]


@case(r"trust.root\[\d\]", "Outside Root.*root_store_mixed")
def issuer_filter_leaves_a_root_out(s):
    s.top["compat"] = {"root_mix": "issuer_filter"}
    s.trust["root"] += [s.basics.path("issuing.pem"), s.basics.path("outside-root.pem")]


@case(r"trust.root\[0\]", "Old Root.*403.17.*has expired on 20")
def expired_root(s):
    root = pki.authority("Old Root", since=-30, until=-1)
    s.store("root", root)
    s.store("intermediate", root.sub("Under Old"))


@case(r"trust.root\[0\]", "New Root.*not_yet_valid.*not valid before")
def root_of_the_future(s):
    root = pki.authority("New Root", since=2, until=30)
    s.store("root", root)
    s.store("intermediate", root.sub("Under New"))


@case(r"trust.root\[0\]", "Ending Root.*from 20.* on: .*403.17.*expired.*expires on 20")
def root_that_expires_soon(s):
    root = pki.authority("Ending Root", until=3)
    s.store("root", root)
    s.store("intermediate", root.sub("Under Ending"))


@case(r"trust.intermediate\[0\]", "Old Issuing.*403.17.*expired")
def expired_intermediate(s):
    s.store("intermediate", s.basics.root.sub("Old Issuing", since=-30, until=-1))


@case(r"trust.intermediate\[0\]", "New Issuing.*not_yet_valid")
def intermediate_of_the_future(s):
    s.store("intermediate", s.basics.root.sub("New Issuing", since=2))


@case(r"trust.intermediate\[0\]", "Outside Issuing CA.*partial_chain.*Outside Root.* in no store")
def issuer_whose_own_issuer_is_nowhere(s):
    s.store("intermediate", s.basics.outside_issuing)


@case(r"trust.intermediate\[1\]", "Outside Root.*untrusted_root.*no anchor.*root")
def root_among_the_intermediates(s):
    s.store("intermediate", s.basics.issuing, s.basics.outside_root)


@case(r"trust.intermediate\[1\]", "alice.*basic_constraints")
def client_among_the_intermediates(s):
    s.store("intermediate", s.basics.issuing, s.basics.alice)


@case(r"trust.root\[0\]", "below .*Short Root.*basic_constraints")
def path_length_of_zero(s):
    root = pki.authority("Short Root", path_length=0)
    s.store("root", root)
    s.store("intermediate", root.sub("CN=Test Issuing CA"))


@case(r"trust.intermediate\[0\]", "Mute CA.*wrong_usage")
def intermediate_without_cert_sign(s):
    s.store("intermediate", s.basics.root.sub("Mute CA", cert_sign=False))


@case(r"trust.intermediate\[0\]", "Server CA.*wrong_usage.*check_usage")
def intermediate_for_servers_only(s):
    s.store("intermediate", s.basics.root.sub("Server CA", usage=[pki.SERVER_AUTH]))


@case(r"trust.intermediate\[0\]", "Odd CA.*critical_extension")
def intermediate_with_an_unknown_critical_extension(s):
    s.store("intermediate", s.basics.root.sub("Odd CA", critical_unknown=True))


@case(r"trust.intermediate\[0\]", "Outside Names.*invalid_name")
def intermediate_outside_of_name_constraints(s):
    root = pki.authority("Narrow Root", permitted=x509.DirectoryName(pki.name("O=Inside")))
    s.store("root", root)
    s.store("intermediate", root.sub("CN=Outside Names"))


@case(r"trust.root\[0\]", "Weak Root.*weak_key.*compat.weak")
def weak_root(s):
    root = pki.authority("Weak Root", kind="rsa512")
    s.store("root", root)
    s.store("intermediate", root.sub("Under Weak"))


@case(r"trust.intermediate\[0\]", "Test Issuing CA.*signature")
def signature_by_another_root_of_that_name(s):
    s.store("root", pki.authority("CN=Test Root, O=Example"))


@case(r"trust.disallowed", "Test Root.*explicit_distrust.*disallowed")
def own_root_disallowed(s):
    s.store("disallowed", s.basics.root)


@case(r"trust.disallowed", "Test Issuing CA.*explicit_distrust")
def own_authority_disallowed(s):
    s.store("disallowed", s.basics.issuing)


@case(r"trust.policy.initial", "invalid_policy")
def policy_that_no_authority_has(s):
    issuing = s.basics.root.sub("Policy CA", policies=["1.2.3.4"])
    s.store("intermediate", issuing)
    s.trust["policy"] = {"initial": ["1.2.3.5"], "require_explicit": True}


@case(r"trust.root", "root store.*empty")
def empty_root_store(s):
    os.mkdir(s.folder + "/none")
    s.trust["root"] = [s.folder + "/none"]


@case(r"trust.trusted_issuers", "bound but empty.*every certificate is refused")
def bound_and_empty_store(s):
    s.top["compat"] = {"empty_trusted_issuers": "deny"}
    s.trust["trusted_issuers"] = []


@case(r"trust.trusted_issuers", "no certificate .*exclusive_root.*exclusive_ca")
def exclusive_root_without_a_root(s):
    s.trust["mode"] = "exclusive_root"
    s.trust["trusted_issuers"] = [s.basics.path("issuing.pem")]


@case(r"trust.trusted_issuers", "no certificate .*exclusive_ca takes authorities")
def exclusive_ca_without_an_authority(s):
    s.trust["mode"] = "exclusive_ca"
    s.store("trusted_issuers", s.basics.alice)


@case(r"trust.root", "no certificate .*root can be an anchor")
def root_store_without_a_root(s):
    s.top["compat"] = {"root_mix": "off"}
    s.store("root", s.basics.issuing)


@case(r"trust.trusted_issuers\[0\]", "Outside Issuing CA.*partial_chain")
def bound_store_of_strangers(s):
    s.store("trusted_issuers", s.basics.outside_issuing)


@case(r"trust.trusted_issuers", "no path .*trusted_issuers: every client certificate")
def bound_store_that_leads_nowhere(s):
    s.store("trusted_issuers", s.basics.alice)


# revocation

@case(r"trust.revocation.crls", "Test Issuing CA.*403.13.*revocation_offline.*has expired on 20")
def expired_crl(s):
    s.crls(s.basics.issuing.crl(since=-9, until=-2))


@case(r"trust.revocation.crls", "from 20.* on.*revocation_offline")
def crl_that_expires_soon(s):
    s.crls(s.basics.issuing.crl(until=3))


@case(r"trust.revocation.crls", "Test Issuing CA.*revocation_offline.*Test Root")
def expired_crl_of_the_root(s):
    s.crls(s.basics.issuing.crl(), s.basics.root.crl(since=-9, until=-2))


@case(r"trust.revocation.crls", "revocation_offline.*does not count")
def crl_of_the_future(s):
    s.crls(s.basics.issuing.crl(since=2))


@case(r"trust.revocation.crls", "revocation_offline.*does not count")
def crl_with_anothers_signature(s):
    s.crls(s.basics.issuing.crl(signer=s.basics.outside_root))


@case(r"trust.intermediate\[0\]", "Pointing CA.*revocation_offline.*no CRL of .*Test Root")
def missing_crl_of_an_authority_that_names_one(s):
    s.store("intermediate", s.basics.root.sub("Pointing CA", cdp="http://crl.test/root.crl"))


@case(r"trust.revocation.crls", "that name a CRL.*revocation_offline.*no CRL of .*Pointing CA")
def missing_crl_of_clients_that_name_one(s):
    s.store("intermediate", s.basics.root.sub("Pointing CA", cdp="http://crl.test/root.crl"))
    s.crls(s.basics.root.crl())


@case(r"trust.intermediate\[0\]", "Test Issuing CA.*revocation_offline.*no CRL of")
def missing_crl_always(s):
    s.trust["revocation"] = {"check": True, "missing": "always"}


@case(r"trust.revocation.crls", "Test Issuing CA.*403.13.*revoked.*successor")
def revoked_intermediate(s):
    s.crls(s.basics.root.crl([s.basics.issuing]))


# the server's certificate

@case(r"server_certificate.*chain", "has expired")
def expired_server_certificate(s):
    s.server(s.basics.root.issue("old", usage=(pki.SERVER_AUTH,), dns=("old",), since=-9,
                                 until=-1))


@case(r"server_certificate.*chain", "not valid yet")
def server_certificate_of_the_future(s):
    s.server(s.basics.root.issue("new", usage=(pki.SERVER_AUTH,), dns=("new",), since=2))


@case(r"server_certificate.*chain", "expires on 20.*renew")
def server_certificate_that_expires_soon(s):
    s.server(s.basics.root.issue("soon", usage=(pki.SERVER_AUTH,), dns=("soon",), until=3))


@case(r"server_certificate.*chain", "issuer .*has expired")
def server_chain_with_an_expired_issuer(s):
    issuer = s.basics.root.sub("Old Server CA", since=-9, until=-1)
    s.server(issuer.issue("server", usage=(pki.SERVER_AUTH,), dns=("server",)), issuer)


@case(r"server_certificate.*chain", "ends below .*Test Issuing CA.*append")
def server_chain_without_its_intermediate(s):
    s.server(s.basics.issuing.issue("server", usage=(pki.SERVER_AUTH,), dns=("server",)))


@case(r"server_certificate.*chain", "certificate 2 .*not issued the one before")
def server_chain_in_the_wrong_order(s):
    issuer = s.basics.root.sub("Server CA")
    s.server(issuer.issue("server", usage=(pki.SERVER_AUTH,), dns=("server",)), s.basics.root,
             issuer)


@case(r"server_certificate.*chain", "lacks serverAuth")
def server_certificate_for_clients(s):
    s.server(s.basics.root.issue("server", dns=("server",)))


@case(r"server_certificate.*chain", "no subjectAltName")
def server_certificate_without_names(s):
    s.server(s.basics.root.issue("server.test", usage=(pki.SERVER_AUTH,)))


@case(r"hosts\[1\]", 'no server certificate .*"other.test"')
def server_certificate_for_another_host(s):
    s.site["hosts"] = ["server.test", "other.test"]


@case(r"hosts\[0\]", r'no server certificate .*"\*.server.test"')
def server_certificate_without_the_wildcard(s):
    s.site["hosts"] = ["*.server.test"]


# mappings

@case(r"one_to_one\[0\].certificate", "alice.*403.17.*expired")
def mapped_certificate_expired(s):
    s.one(s.basics.issuing.issue("alice", since=-9, until=-1))


@case(r"one_to_one\[0\].certificate", "alice.*partial_chain.*Outside Issuing CA")
def mapped_certificate_of_a_stranger(s):
    s.one(s.basics.outsider)


@case(r"one_to_one\[0\].certificate", "alice.*untrusted_root")
def mapped_certificate_self_signed_and_in_place(s):
    s.mapping(one_to_one=[{"user": "alice", "certificate": pki.issue("alice").base64}])


@case(r"one_to_one\[0\].certificate", "alice.*wrong_usage")
def mapped_certificate_of_a_server(s):
    s.one(s.basics.issuing.issue("alice", usage=(pki.SERVER_AUTH,)))


@case(r"many_to_one\[0\].name", "no rules and never matches")
def mapping_without_rules(s):
    s.many([])


@case(r"rules\[0\].subfield", "unknown subfield")
def mapping_with_an_unknown_subfield(s):
    s.many([("subject", "CommonName", "alice")])


@case(r"rules\[0\].match", "two-letter code")
def mapping_by_the_name_of_a_country(s):
    s.many([("subject", "C", "Germany")])


@case(r"rules\[1\].match", "both 'alice' and 'bob'")
def mapping_that_contradicts_itself(s):
    s.many([("subject", "CN", "alice"), ("subject", "CN", "bob")])


@case(r"rules\[0\].match", "leave out 'CN='")
def mapping_with_a_pair(s):
    s.many([("subject", "CN", "CN=alice")])


@case(r"rules\[0\].match", "no regular expression")
def mapping_with_an_expression(s):
    s.many([("subject", "CN", "^alice$")])


@case(r"many_to_one\[1\].name", "never reached.*'m0'")
def mapping_behind_a_wider_one(s):
    s.many([("subject", "O", "Ex*")], [("subject", "O", "Example"), ("subject", "CN", "alice")])


@case(r"many_to_one\[1\].name", "never reached.*same rules")
def mapping_behind_the_same_one(s):
    s.many([("subject", "O", "Example")], [("subject", "O", "Example")])


@case(r"accounts", "'bob' is disabled.*401.1")
def account_that_is_disabled(s):
    s.site["accounts"] = {"bob": {"state": "disabled"}}


@case(r"many_to_one\[0\].user", "not in accounts.*401.1")
def mapping_to_nobody(s):
    s.site["accounts"] = {"bob": {}}
    s.many([("subject", "O", "Example")])


# places

@case(r"sites\[0\]", "anonymous is false and no mapping.*401.2")
def no_user_and_none_can_come(s):
    s.site["anonymous"] = False


@case(r"locations\[0\].path", '"/in": anonymous is false.*401.2')
def no_user_in_a_location_that_ignores_certificates(s):
    s.many([("subject", "O", "Example")])
    s.site["locations"] = [{"path": "/in", "client_certificate": "ignore", "anonymous": False}]


@case(r"sites\[0\]", "require_ssl is on and .* no https binding.*403.4")
def https_required_and_not_there(s):
    s.site["bindings"] = ["http://127.0.0.1:0"]


@case(r"sites\[0\]", "none can come over the http binding.*403.7")
def certificate_required_over_http(s):
    s.site["bindings"].append("http://127.0.0.1:0")
    s.site["require_ssl"] = False


@case(r"sites\[0\]", "post-handshake.*no browser.*500")
def certificate_asked_for_late_in_tls13(s):
    s.site["negotiate_client_certificate"] = "late"


@case(r"sites\[0\]", "allows nobody.*403.12")
def rules_that_only_deny(s):
    s.site["authorize"] = [{"permission": "deny", "san_dns": ["x"]}]


@case(r"locations\[0\].path", "rule 2 is never reached")
def rule_behind_one_for_everybody(s):
    s.site["locations"] = [{"path": "/in", "authorize": [
        {"permission": "deny"}, {"san_dns": ["x.test"]}]}]


@case(r"authorize\[0\].user", "never allows anybody.*no mapping leads")
def rule_for_a_user_that_no_mapping_makes(s):
    s.many([("subject", "O", "Example")])
    s.site["authorize"] = [{"user": ["alice"]}]


@case(r"authorize\[0\].mapping", "never allows anybody.*no such mapping")
def rule_for_a_mapping_that_does_not_exist(s):
    s.many([("subject", "O", "Example")])
    s.site["authorize"] = [{"mapping": ["staff"]}]


@case(r"locations\[0\].path", "never allows anybody.*client_certificate is ignore")
def rule_about_a_certificate_that_is_ignored(s):
    s.site["locations"] = [{"path": "/in", "client_certificate": "ignore",
                            "authorize": [{"issuer": ["CN=Test Issuing CA,O=Example"]}]}]
