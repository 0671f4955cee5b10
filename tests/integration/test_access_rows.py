"""Access settings x connection x certificate: every row, judged through the W3C log.

Each row runs against a site that asks in the handshake and against one that asks late: what is
decided is the same, only when the client is asked differs. The last columns are what IIS logs, and
whether the application sees a certificate.

SPDX-License-Identifier: MIT
"""

import itertools
import ssl

import pytest

import tlsclient
from proxy import Proxy, configuration, site

OK = (200, 0, 0)
SSL = (403, 4, 5)
SSL128 = (403, 5, 5)
REQUIRED = (403, 7, 5)
DENIED = (403, 12, 5)
UNTRUSTED = (403, 16, 0x800B0109)
EXPIRED = (403, 17, 0x800B0101)
REVOKED = (403, 13, 0x80092010)

# IIS sslFlags as this program's keys.
NONE = {"client_certificate": "ignore", "require_ssl": False}
FLAGS = {
    "none": NONE,
    "ssl": {**NONE, "require_ssl": True},
    "ssl128": {**NONE, "require_128_bit": True},
    "ssl-ssl128": {**NONE, "require_ssl": True, "require_128_bit": True},
    "negotiate": {**NONE, "client_certificate": "accept"},
    "negotiate-ssl128": {**NONE, "client_certificate": "accept", "require_128_bit": True},
    "negotiate-require": {**NONE, "client_certificate": "require"},
    "ssl-negotiate-require": {"client_certificate": "require", "require_ssl": True},
}
PLAIN, STRONG, WEAK = "plain http", "tls", "tls without encryption"
NO, GOOD, OUTSIDE, OLD, GONE, DENY = "no certificate", "good", "untrusted", "expired", "revoked", \
    "denied by the mapper"
EVERY = (NO, GOOD, OUTSIDE, OLD, GONE, DENY)
BAD = {OUTSIDE: UNTRUSTED, OLD: EXPIRED, GONE: REVOKED}

ROWS = [
    # flags, connection, certificate, result, visible
    *[("none", PLAIN, NO, OK, False)],
    *[("none", STRONG, one, OK, False) for one in EVERY],
    *[("none", WEAK, one, OK, False) for one in (NO, OUTSIDE)],
    ("ssl", PLAIN, NO, SSL, False),
    *[("ssl", STRONG, one, OK, False) for one in EVERY],
    *[("ssl128", WEAK, one, SSL128, False) for one in (NO, GOOD, OUTSIDE)],
    *[("ssl128", STRONG, one, OK, False) for one in (NO, GOOD, OUTSIDE)],
    ("ssl128", PLAIN, NO, SSL128, False),
    ("ssl-ssl128", PLAIN, NO, SSL, False),  # 403.4 comes first
    ("ssl-ssl128", WEAK, GOOD, SSL128, False),
    ("negotiate", PLAIN, NO, OK, False),
    ("negotiate", STRONG, NO, OK, False),
    ("negotiate", STRONG, GOOD, OK, True),
    *[("negotiate", STRONG, one, result, False) for one, result in BAD.items()],
    ("negotiate", STRONG, DENY, DENIED, False),
    ("negotiate-ssl128", WEAK, OUTSIDE, SSL128, False),  # before any certificate is looked at
    ("negotiate-ssl128", STRONG, OUTSIDE, UNTRUSTED, False),
    ("negotiate-require", PLAIN, NO, REQUIRED, False),
    ("ssl-negotiate-require", PLAIN, NO, SSL, False),
    *[row for flags in ("negotiate-require", "ssl-negotiate-require") for row in (
        (flags, STRONG, NO, REQUIRED, False),
        (flags, STRONG, GOOD, OK, True),
        *[(flags, STRONG, one, result, False) for one, result in BAD.items()],
        (flags, STRONG, DENY, DENIED, False))],
]
CASES = [(number, when, *row) for when, (number, row) in
         itertools.product(("handshake", "late"), enumerate(ROWS))]
NULL_CIPHER = "ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0"


@pytest.fixture(scope="module")
def identities(basics):
    issue = basics.issuing.issue
    return {NO: None, GOOD: basics.alice, OUTSIDE: basics.outsider,
            OLD: issue("CN=old", since=-30, until=-1), GONE: issue("CN=gone"),
            DENY: issue("CN=dan, OU=Denied")}


def make_site(basics, when, connection):
    crl, root_crl = basics.path("rows.crl"), basics.path("rows-root.crl")
    rules = [{"field": "subject", "subfield": "OU", "match": "Denied"}]
    made = site(basics, name=f"{when} {connection}", **NONE, negotiate_client_certificate=when,
                trust={"revocation": {"crls": [crl, root_crl]}}, anonymous=True,
                mapping={"many_to_one": [{"name": "no", "permission": "deny", "rules": rules}]},
                locations=[{"path": "/" + name, "anonymous": True, **keys}
                           for name, keys in FLAGS.items()])
    if connection == WEAK:
        made["tls"] = {"max_version": "1.2", "ciphers": NULL_CIPHER}
    elif connection == STRONG:
        made["bindings"] = ["https://127.0.0.1:0", "http://127.0.0.1:0"]
    return made


@pytest.fixture(scope="module")
def proxies(basics, identities):
    """One for each way to ask and each strength: the bindings of a site have ports of their own."""
    running = {}
    # Once: a proxy that runs watches its files.
    basics.text("rows.crl", basics.issuing.crl([identities[GONE]]))
    basics.text("rows-root.crl", basics.root.crl())
    try:
        for when, connection in itertools.product(("handshake", "late"), (STRONG, WEAK)):
            made = make_site(basics, when, connection)
            running[when, connection] = Proxy(configuration(made))
        yield running
    finally:
        for one in running.values():
            with one:
                pass


def connect(proxy, connection, identity, version):
    if connection == PLAIN:
        return tlsclient.plain(proxy)
    tls = tlsclient.context(identity, version="1.2" if connection == WEAK else version)
    tls.post_handshake_auth = True
    if connection == WEAK:
        tls.set_ciphers(NULL_CIPHER)
    return tlsclient.connect(proxy, tls=tls)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("number, when, flags, connection, certificate, result, visible", CASES,
                         ids=lambda one: one if isinstance(one, str) else "")
def test_row(proxies, identities, version, number, when, flags, connection, certificate, result,
             visible):
    proxy = proxies[when, WEAK if connection == WEAK else STRONG]
    target = f"/{flags}/{number}-{version}"
    with connect(proxy, connection, identities[certificate], version) as client:
        answer = client.get_json(target)
        if connection == WEAK:
            assert client.sock.cipher()[0] == "ECDHE-ECDSA-NULL-SHA"
        assert answer.status == result[0]
        if result == OK:
            assert bool(answer.seen("client-cert")) == visible
        else:
            assert b"client-cert" not in answer.body.lower()
        # Nothing of this request sticks to the connection.
        assert client.request(target="/none").status == 200
    assert proxy.verdict(target) == result


def test_the_rows_are_of_one_connection_too(proxies, identities):
    """The same connection from path to path, both ways to ask: the last answer never leaks."""
    wanted = {"/none": OK, "/negotiate": UNTRUSTED, "/ssl": OK, "/negotiate-require": UNTRUSTED,
              "/ssl128": OK, "/ssl-negotiate-require": UNTRUSTED}
    for when, version in itertools.product(("handshake", "late"), ("1.2", "1.3")):
        with connect(proxies[when, STRONG], STRONG, identities[OUTSIDE], version) as client:
            for path, result in [*wanted.items(), *reversed(wanted.items())]:
                assert client.request(target=path).status == result[0], (when, version, path)


def test_a_cipher_without_encryption_needs_to_be_configured(proxies):
    """The built-in list offers nothing below 128 bits."""
    tls = tlsclient.context(version="1.2")
    tls.set_ciphers(NULL_CIPHER)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tlsclient.connect(proxies["handshake", STRONG], tls=tls)
