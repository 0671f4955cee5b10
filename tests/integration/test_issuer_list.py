"""Which CA names a client is told (iis-semantics.md 3.4 and 10.3), in TLS and by explain.

SPDX-License-Identifier: MIT
"""

import hashlib
import json

import pytest

from proxy import configuration, run, site
from test_tls import certificate_request

# title: (trusted_issuers, client_auth_issuers, compat, mode, the names sent); None: not bound
ROWS = {
    "bound": (["issuing"], ["outside-issuing"], {}, 0, ["issuing"]),
    "bound-and-documented": (["issuing"], ["outside-issuing"],
                             {"client_auth_issuers": "documented"}, 0, ["issuing"]),
    "bound-empty-observed": ([], ["outside-issuing"], {}, 0, ["root"]),
    "bound-empty-documented": ([], ["outside-issuing"], {"client_auth_issuers": "documented"}, 0,
                               ["outside-issuing"]),
    "unbound-observed": (None, ["outside-issuing"], {}, 0, ["root"]),
    "unbound-documented": (None, ["outside-issuing"], {"client_auth_issuers": "documented"}, 0,
                           ["outside-issuing"]),
    "unbound-empty": (None, [], {}, 0, ["root"]),
    "unbound-empty-documented": (None, [], {"client_auth_issuers": "documented"}, 0, ["root"]),
    "mixed-root": ("mixed", [], {}, 0, ["issuing"]),
    "mixed-root-mode-2": ("mixed", [], {}, 2, ["issuing"]),
    "bound-store-is-sent-whole": (["issuing", "outside-root"], [], {}, 0,
                                  ["issuing", "outside-root"]),
}


def made(basics, row, is_sent=True):
    issuers, client_auth, compat, mode, names = ROWS[row]
    trust = {"send_trusted_issuer_list": is_sent, "mode": mode,
             "client_auth_issuers": [basics.path(name + ".pem") for name in client_auth]}
    if issuers == "mixed":
        trust["root"] = [basics.path("root.pem"), basics.path("issuing.pem")]
    elif issuers is not None:
        trust["trusted_issuers"] = [basics.path(name + ".pem") for name in issuers]
    known = {"root": basics.root, "issuing": basics.issuing, "outside-root": basics.outside_root,
             "outside-issuing": basics.outside_issuing}
    wanted = [known[name] for name in names]
    others = [one for one in known.values() if one not in wanted]
    return site(basics, trust=trust), compat, wanted, others


def request_of(proxy):
    """The body of the CertificateRequest: the server's own certificate names a CA as well."""
    records, handshake = certificate_request(proxy), b""
    while len(records) >= 5:
        length = int.from_bytes(records[3:5], "big")
        handshake += records[5:5 + length]
        records = records[5 + length:]
    while handshake:
        length = int.from_bytes(handshake[1:4], "big")
        if handshake[0] == 13:
            return handshake[4:4 + length]
        handshake = handshake[4 + length:]
    raise AssertionError("no CertificateRequest")


@pytest.mark.parametrize("row", ROWS)
def test_names_in_the_certificate_request(start, basics, row):
    one, compat, wanted, others = made(basics, row)
    proxy = start(one, compat=compat)
    request = request_of(proxy)
    for certificate in wanted:
        assert certificate.certificate.subject.public_bytes() in request
    for certificate in others:
        assert certificate.certificate.subject.public_bytes() not in request


@pytest.mark.parametrize("row", ROWS)
def test_names_by_explain_in_the_order_of_their_thumbprints(basics, row, tmp_path):
    one, compat, wanted, _ = made(basics, row)
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(configuration(one, compat=compat)))
    done = run("explain", "-c", str(path), "--no-certificate", "--format", "json")
    wanted.sort(key=lambda certificate: hashlib.sha1(certificate.der).digest())
    assert json.loads(done.stdout)["advertised_issuers"] == [
        certificate.certificate.subject.rfc4514_string() for certificate in wanted]


def test_nothing_is_sent_by_default(start, basics):
    one, compat, wanted, others = made(basics, "bound", is_sent=False)
    request = request_of(start(one, compat=compat))
    for certificate in wanted + others:
        assert certificate.certificate.subject.public_bytes() not in request
