"""What Windows makes of extensions that others refuse or pass over: roots that do not say that they
are one, Microsoft's own extensions, name constraints, policy qualifiers (iis-semantics.md 3.7, 3.9,
4.3). The single cases are in tests/unit/auth; these go through a handshake.

SPDX-License-Identifier: MIT
"""

import pytest
from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

import pki
import tlsclient
from proxy import Proxy, configuration, site
from trust_cases import ALLOWED

WRONG_USAGE = (403, 16, 0x800B0110)
BASIC_CONSTRAINTS = (403, 16, 0x80096019)
INVALID_NAME = (403, 16, 0x800B0114)
CRITICAL = (403, 16, 0x800B0105)
CLIENT_POLICY = bytes.fromhex("300c300a06082b06010505070302")
EMAIL_POLICY = bytes.fromhex("300c300a06082b06010505070304")
QUALIFIED = bytes.fromhex("3012301006032a03043009300706032a03050500")  # by nobody knows what


def raw(oid, der):
    return x509.UnrecognizedExtension(ObjectIdentifier(oid), der)


def microsoft(number, der):
    return raw(f"1.3.6.1.4.1.311.{number}", der)


def made(subject, issuer, *extensions, ca=None, since=-1):
    """extensions: (extension, is critical); ca: the value of basicConstraints, None for none."""
    key = pki.new_key()
    builder = pki._build(subject, key, issuer, since, 30, None)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return pki.Authority(pki._sign(builder, key, issuer), key, issuer)


def constrained(issuer, permitted=None, excluded=None, critical=True):
    names = [[x509.DNSName(one)] if one else None for one in (permitted, excluded)]
    return made("CN=Constrained", issuer, (x509.NameConstraints(*names), critical), ca=True)


def named(issuer, *names):
    return made("CN=named", issuer, (x509.SubjectAlternativeName(
        [x509.DNSName._init_without_validation(name) for name in names]), False))


EKU = x509.ExtendedKeyUsage([pki.CLIENT_AUTH])
SERVER = x509.ExtendedKeyUsage([pki.SERVER_AUTH])
CASES = {
    "a-root-that-says-nothing": (lambda root, bare, no: made("CN=x", bare), ALLOWED),
    "a-root-that-says-no": (lambda root, bare, no: made("CN=x", no), BASIC_CONSTRAINTS),
    "an-intermediate-that-says-nothing":
        (lambda root, bare, no: made("CN=x", made("CN=Between", root)), BASIC_CONSTRAINTS),
    "application-policy":
        (lambda root, *_: made("CN=x", root, (microsoft("21.10", CLIENT_POLICY), True)), ALLOWED),
    "another-application-policy":
        (lambda root, *_: made("CN=x", root, (microsoft("21.10", EMAIL_POLICY), True)),
         WRONG_USAGE),
    "application-policy-wins": (lambda root, *_: made(
        "CN=x", root, (microsoft("21.10", EMAIL_POLICY), False), (EKU, False)), WRONG_USAGE),
    "application-policy-wins-too": (lambda root, *_: made(
        "CN=x", root, (microsoft("21.10", CLIENT_POLICY), False), (SERVER, False)), ALLOWED),
    "template": (lambda root, *_: made(
        "CN=x", root, (microsoft("21.7", bytes.fromhex("300506032a0304")), True)), ALLOWED),
    "unknown-of-microsoft": (lambda root, *_: made(
        "CN=x", root, (microsoft("21.13", b"\x05\x00"), True)), CRITICAL),
    "wildcard-over-an-excluded-name": (lambda root, *_: named(
        constrained(root, excluded="a.bad.test"), "*.bad.test"), INVALID_NAME),
    "wildcard-beside-an-excluded-name": (lambda root, *_: named(
        constrained(root, excluded="a.bad.test"), "*.good.test"), ALLOWED),
    "a-name-that-is-none": (lambda root, *_: named(
        constrained(root, permitted="good.test"), "a.good.test", ".good.test"), INVALID_NAME),
    "not-critical-and-kept": (lambda root, *_: named(
        constrained(root, permitted="good.test", critical=False), "good.test"), ALLOWED),
    "not-critical-and-broken": (lambda root, *_: named(
        constrained(root, permitted="good.test", critical=False), "bad.test"), INVALID_NAME),
    "unknown-qualifier": (lambda root, *_: made(
        "CN=x", root, (raw("2.5.29.32", QUALIFIED), True)), CRITICAL),
    "unknown-qualifier-not-critical": (lambda root, *_: made(
        "CN=x", root, (raw("2.5.29.32", QUALIFIED), False)), ALLOWED),
}


@pytest.fixture(scope="module")
def served(basics):
    bare = made("CN=Bare Root", None)
    no = made("CN=No Root", None, ca=False)
    basics.write("bare-root.pem", bare)
    basics.write("no-root.pem", no)
    roots = [basics.path(name) for name in ("root.pem", "bare-root.pem", "no-root.pem")]
    with Proxy(configuration(site(basics, trust={"root": roots}))) as proxy:
        yield proxy, (basics.root, bare, no)


@pytest.mark.parametrize("name", CASES)
def test_extension(served, name):
    proxy, roots = served
    make, verdict = CASES[name]
    client = make(*roots)
    tlsclient.fetch(proxy, f"/{name}", identity=client, chain=client.above())
    assert proxy.verdict(f"/{name}") == verdict
