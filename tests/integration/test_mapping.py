"""Certificate to user: one-to-one, many-to-one, accounts, and what happens without a match.

Each case is a site of its own; the user is read from the header the backend sees and from
cs-username in the access log. Sources: Microsoft's documentation of
iisClientCertificateMappingAuthentication.

SPDX-License-Identifier: MIT
"""

import itertools
import tempfile

import pytest

import pki
import tlsclient
from proxy import Proxy, configuration, site

FOLDER = tempfile.TemporaryDirectory(prefix="mtls-proxy-mapping-")
B = pki.Basics(FOLDER.name)

USER = "CONTOSO\\alice"
LOGON_FAILED = (401, 1, 1326)
MALFORMED = (401, 1, 0x80093102)
DENIED = (403, 12, 5)
NO_USER = (401, 2, 5)

ALICE = B.issuing.issue("CN=Alice Example, OU=Staff, OU=Orders, O=Example, E=alice@example.test, "
                        "C=NL, L=Delft, ST=ZH, T=Clerk, GN=Alice, SN=Example")
RENEWED = pki.issue("CN=Alice Example, OU=Staff, OU=Orders, O=Example", B.issuing, key=ALICE.key)
B.write("alice.pem", ALICE)
B.write("renewed.pem", RENEWED)
for file_name, word in (("good.secret", "correct horse"), ("bad.secret", "battery staple")):
    B.text(file_name, word + "\n")


def one(user=USER, certificate="alice.pem", **more):
    if certificate.endswith(".pem"):
        certificate = B.path(certificate)
    return {"user": user, "certificate": certificate, **more}


NUMBERS = itertools.count()


def many(*rules, user=USER, **more):
    made = {"name": f"rule-{next(NUMBERS)}", "rules": [
        dict(zip(("field", "subfield", "match", "case_sensitive"), rule)) for rule in rules]}
    if more.get("permission") != "deny":
        made["user"] = user
    made.update(more)
    return made


def account(state="enabled", password="good.secret", user=USER):
    return {user: {"password_file": B.path(password), "state": state}}


class Case:
    """What the site's mapping says, and the user or the refusal that follows."""

    def __init__(self, title, expected, identity=ALICE, accounts=None, site_keys=None, **mapping):
        self.title, self.expected, self.identity = title, expected, identity
        self.keys = {"mapping": mapping} if mapping else {}
        if accounts is not None:
            self.keys["accounts"] = accounts
        self.keys.update(site_keys or {})


def rule(title, expected, *rules, **more):
    """A case with one many-to-one mapping."""
    return Case(title, expected, many_to_one=[many(*rules, **more)])


STAFF = ("subject", "OU", "Staff")
ELSE = ("subject", "CN", "Somebody Else")
GOOD = B.path("good.secret")
ACCEPT = {"client_certificate": "accept"}
ARMOUR = ALICE.pem.replace("\n", " ")

CASES = [
    # one-to-one
    Case("one-to-one-by-file", USER, one_to_one=[one()]),
    Case("one-to-one-by-base64", USER, one_to_one=[one(certificate=ALICE.base64)]),
    Case("one-to-one-by-base64-with-blanks", USER,
         one_to_one=[one(certificate=ALICE.base64[:40] + " \n\t" + ALICE.base64[40:])]),
    Case("one-to-one-by-base64-with-armour", USER, one_to_one=[one(certificate=ARMOUR)]),
    Case("one-to-one-by-fingerprint", USER, one_to_one=[one(certificate="sha256:" + ALICE.sha256)]),
    Case("one-to-one-by-upper-case-fingerprint", USER,
         one_to_one=[one(certificate="sha256:" + ALICE.sha256.upper())]),
    Case("one-to-one-takes-the-whole-certificate", NO_USER, one_to_one=[one()], identity=RENEWED),
    Case("one-to-one-disabled-entry", NO_USER, one_to_one=[one(enabled=False)]),
    Case("one-to-one-disabled-altogether", NO_USER, one_to_one=[one()], one_to_one_enabled=False),
    Case("one-to-one-before-many-to-one", USER, one_to_one=[one()],
         many_to_one=[many(STAFF, permission="deny")]),
    Case("one-to-one-malformed-when-reached", MALFORMED,
         one_to_one=[one(certificate=ALICE.base64[:200])]),
    Case("one-to-one-malformed-after-a-match-is-not-reached", USER,
         one_to_one=[one(), one(certificate=ALICE.base64[:200])]),
    Case("one-to-one-malformed-beats-anonymous", MALFORMED, site_keys={"anonymous": True},
         one_to_one=[one(certificate=ALICE.base64[:200])]),
    Case("one-to-one-logon-ok", USER, accounts=account(), one_to_one=[one(password_file=GOOD)]),
    Case("one-to-one-wrong-password", LOGON_FAILED, accounts=account(),
         one_to_one=[one(password_file=B.path("bad.secret"))]),
    Case("one-to-one-unlisted-user", LOGON_FAILED, accounts=account(user="CONTOSO\\bob"),
         one_to_one=[one(password_file=GOOD)]),
    Case("one-to-one-failed-logon-beats-anonymous", LOGON_FAILED, accounts=account(),
         one_to_one=[one(password_file=B.path("bad.secret"))], site_keys={"anonymous": True}),
    Case("one-to-one-failed-logon-does-not-try-many-to-one", LOGON_FAILED, accounts=account(),
         one_to_one=[one(password_file=B.path("bad.secret"))],
         many_to_one=[many(STAFF, password_file=GOOD)]),
    Case("account-disabled", (401, 1, 1331), accounts=account("disabled"),
         one_to_one=[one(password_file=GOOD)]),
    Case("account-with-expired-password", (401, 1, 1330), accounts=account("password_expired"),
         one_to_one=[one(password_file=GOOD)]),
    Case("account-without-the-logon-type", (401, 1, 1385), accounts=account("logon_type_denied"),
         one_to_one=[one(password_file=GOOD)]),
    Case("accounts-compare-without-case", USER, accounts=account(user="contoso\\ALICE"),
         one_to_one=[one(password_file=GOOD)]),
    Case("default-logon-domain", USER, one_to_one=[one(user="alice")],
         default_logon_domain="CONTOSO"),
    # many-to-one
    rule("many-to-one-by-subject", USER, STAFF),
    rule("many-to-one-by-issuer", USER, ("issuer", "CN", "Test Issuing CA")),
    rule("many-to-one-any-of-a-repeated-attribute", USER, ("subject", "OU", "Orders")),
    rule("many-to-one-all-rules-must-match", NO_USER, STAFF, ELSE),
    rule("many-to-one-all-rules-match", USER, STAFF, ("issuer", "O", "Example")),
    rule("many-to-one-whole-value", NO_USER, ("subject", "OU", "Staf")),
    rule("many-to-one-case-matters", NO_USER, ("subject", "OU", "STAFF")),
    rule("many-to-one-case-does-not-matter-when-told", USER, ("subject", "OU", "sTAFF", False)),
    rule("many-to-one-star-at-the-end", USER, ("subject", "CN", "Alice*")),
    rule("many-to-one-star-in-front", USER, ("subject", "CN", "*Example")),
    rule("many-to-one-star-inside", USER, ("subject", "CN", "Al*Ex*le")),
    rule("many-to-one-star-matches-nothing-too", USER, ("subject", "CN", "Alice Example*")),
    rule("many-to-one-star-does-not-match-what-is-not-there", NO_USER, ("subject", "DC", "*")),
    rule("many-to-one-star-for-any-value", USER, ("subject", "T", "*")),
    rule("many-to-one-question-mark-is-a-literal", NO_USER, ("subject", "CN", "Alice?Example")),
    rule("many-to-one-missing-attribute", NO_USER, ("subject", "DC", "example")),
    rule("many-to-one-unknown-subfield", NO_USER, ("subject", "Shoe", "*")),
    rule("many-to-one-subfield-names-without-case", USER, ("subject", "ou", "Staff")),
    rule("many-to-one-by-oid", USER, ("subject", "2.5.4.11", "Staff")),
    rule("many-to-one-email", USER, ("subject", "Email", "*@example.test")),
    rule("many-to-one-state-under-its-iis-name", USER, ("subject", "S", "ZH")),
    rule("many-to-one-given-name", USER, ("subject", "GN", "Alice")),
    rule("many-to-one-without-rules-matches-nobody", NO_USER),
    rule("many-to-one-disabled-entry", NO_USER, STAFF, enabled=False),
    rule("many-to-one-deny", DENIED, STAFF, permission="deny"),
    Case("many-to-one-disabled-altogether", NO_USER, many_to_one=[many(STAFF)],
         many_to_one_enabled=False),
    Case("many-to-one-deny-beats-anonymous", DENIED, site_keys={"anonymous": True},
         many_to_one=[many(STAFF, permission="deny")]),
    Case("many-to-one-first-match-wins", USER,
         many_to_one=[many(ELSE, permission="deny"), many(STAFF), many(STAFF, user="X\\y")]),
    Case("many-to-one-deny-in-front", DENIED,
         many_to_one=[many(STAFF, permission="deny"), many(STAFF)]),
    Case("many-to-one-logon-fails", LOGON_FAILED, accounts=account(),
         many_to_one=[many(STAFF, password_file=B.path("bad.secret"))]),
    Case("many-to-one-logon-ok", USER, accounts=account(),
         many_to_one=[many(STAFF, password_file=GOOD)]),
    # no match
    Case("no-match-with-anonymous-on", "-", site_keys={"anonymous": True},
         many_to_one=[many(ELSE)]),
    Case("no-match-with-anonymous-off", NO_USER, many_to_one=[many(ELSE)]),
    Case("no-mapping-is-anonymous", "-"),
    Case("no-mapping-and-anonymous-off", NO_USER, site_keys={"anonymous": False}),
    Case("accept-without-certificate-and-anonymous-off", NO_USER, identity=None,
         one_to_one=[one()], site_keys=ACCEPT),
    Case("accept-without-certificate-and-anonymous-on", "-", identity=None, one_to_one=[one()],
         site_keys={**ACCEPT, "anonymous": True}),
    Case("ignore-does-not-map", "-", one_to_one=[one()],
         site_keys={"client_certificate": "ignore"}),
]


def make_site(case, **more):
    return site(B, name=case.title, hosts=[case.title + ".test"],
                forward={"headers": {"X-Remote-User": "{user}"}}, **case.keys, **more)


@pytest.fixture(scope="module")
def proxy():
    with Proxy(configuration(*[make_site(case) for case in CASES])) as started:
        yield started


def check(proxy, case):
    path = "/" + case.title
    answer = tlsclient.fetch_json(proxy, path, identity=case.identity, sni=case.title + ".test")
    got = proxy.verdict(path)
    if isinstance(case.expected, tuple):
        assert got == case.expected
        assert answer.status == got[0]
        assert proxy.access(path)["cs-username"] == "-"
        # A certificate is no challenge scheme: nothing for the client to answer to.
        assert answer.header("www-authenticate") is None
    else:
        assert got == (200, 0, 0)
        seen = answer.seen("x-remote-user")
        assert seen == ([] if case.expected == "-" else [case.expected])
        assert proxy.access(path)["cs-username"] == case.expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_mapping(proxy, case):
    check(proxy, case)


def test_compat_can_turn_a_denial_into_401(start):
    case = Case("deny", (401, 1, 5), many_to_one=[many(STAFF, permission="deny")])
    proxy = start(make_site(case), compat={"deny_status": "401.1"})
    answer = tlsclient.fetch(proxy, "/deny", identity=ALICE, sni="deny.test")
    assert answer.status == 401
    assert proxy.verdict("/deny")[:2] == (401, 1)


def test_compat_can_call_armour_malformed(start):
    case = Case("armour", MALFORMED, one_to_one=[one(certificate=ARMOUR)])
    proxy = start(make_site(case), compat={"pem_in_mapping": "malformed"})
    check(proxy, case)


def test_a_map_file_for_very_many_clients(start):
    lines = [f"{i:064x} CONTOSO\\user{i}\n" for i in range(20000)]
    lines.insert(10000, f"{ALICE.sha256} {USER}\n")
    path = B.text("clients.map", "".join(lines))
    case = Case("map-file", USER, one_to_one_file=path)
    check(start(make_site(case)), case)


def test_an_untrusted_certificate_is_refused_before_it_is_mapped(start):
    B.write("outsider.pem", B.outsider)
    case = Case("order", (403, 16, 0x800B0109), identity=B.outsider,
                one_to_one=[one(certificate="outsider.pem")])
    check(start(make_site(case)), case)


def test_basic_authorization_for_old_backends(start):
    case = Case("basic", USER, one_to_one=[one(password_file=GOOD)])
    made = make_site(case)
    made["forward"]["authorization"] = "basic"
    proxy = start(made)
    answer = tlsclient.fetch_json(proxy, "/basic", identity=ALICE, sni="basic.test",
                                  headers=[("Authorization", "Basic Zm9vOmJhcg==")])
    assert answer.seen("authorization") == [
        "Basic Q09OVE9TT1xhbGljZTpjb3JyZWN0IGhvcnNl"]
