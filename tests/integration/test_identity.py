"""The presets of forward.identity, decoded by other programs than the one that wrote them, and
what a client may try to slip a header of its own past the proxy.

SPDX-License-Identifier: MIT
"""

import base64
import hashlib
import json
import os
import re
import ssl
import subprocess
import urllib.parse
import uuid

import pytest
from cryptography import x509

import pki
import tlsclient
from events import DEADLINE
from proxy import configuration, run, site
from visitor import RESUMING_VERSIONS

ALL = ["rfc9440-chain", "iis-arr", "xfcc", "nginx", "traefik", "aws-alb", "apache"]
NODE = "/usr/bin/node"


@pytest.fixture(scope="module")
def hostile(basics):
    return basics.issuing.issue('CN=a"b; c+d <e>, OU=Stra\u00dfe\\, O=\r\nX-Remote-User: root',
                                dns=("alice.test", "*.alice.test"), emails=("alice@alice.test",))


@pytest.fixture
def seen(start, basics):
    """The headers a backend sees, as {name: [values]}, for these presets and this client."""
    def fetch(identity, presets, scheme="https", headers=(), **changes):
        proxy = start(site(basics, client_certificate="accept", forward={"identity": presets},
                           bindings=["https://127.0.0.1:0", "http://127.0.0.1:0"], **changes))
        if scheme == "http":
            with tlsclient.plain(proxy) as client:
                answer = client.get_json(headers=headers)
        else:
            answer = tlsclient.fetch_json(proxy, identity=identity, headers=headers)
        assert answer.status == 200
        found = {}
        for name, value in answer.json()["headers"]:
            found.setdefault(name.lower(), []).append(value)
        return found
    return fetch


def der_of(pem):
    return ssl.PEM_cert_to_DER_cert(pem)


def names_of(text):
    """The attributes of an RFC 4514 name, by the cryptography package, which takes each escaped
    byte for a character."""
    return sorted((one.oid.dotted_string, one.value.encode("latin-1").decode())
                  for one in x509.Name.from_rfc4514_string(text))


def test_the_certificate_in_every_form(seen, basics, hostile):
    got = seen(hostile, ALL)
    one = {name: values[0] for name, values in got.items()}
    assert all(len(values) == 1 for values in got.values()), got
    assert base64.b64decode(one["client-cert"].strip(":"), validate=True) == hostile.der
    assert base64.b64decode(one["x-arr-clientcert"], validate=True) == hostile.der
    assert der_of(urllib.parse.unquote(one["x-ssl-client-cert"])) == hostile.der
    # Both decoders of the world: one that takes '+' for a blank and one that does not.
    assert der_of(urllib.parse.unquote_plus(one["x-ssl-client-cert"])) == hostile.der
    assert der_of(urllib.parse.unquote(one["x-amzn-mtls-clientcert-leaf"])) == hostile.der
    pem = one["ssl_client_cert"]
    assert der_of(pem[:27] + pem[27:-25].replace(" ", "\n") + pem[-25:]) == hostile.der
    chain = [base64.b64decode(urllib.parse.unquote(part), validate=True)
             for part in one["x-forwarded-tls-client-cert"].split(",")]
    assert chain == [hostile.der, basics.issuing.der]
    cert = re.search(r';Cert="([^"]*)"', one["x-forwarded-client-cert"]).group(1)
    assert der_of(urllib.parse.unquote(cert)) == hostile.der
    assert one["x-forwarded-client-cert"].startswith("Hash=" + hostile.sha256 + ";")
    assert one["x-forwarded-client-cert"].endswith(";DNS=alice.test;DNS=*.alice.test")
    chain = [base64.b64decode(part.strip()[1:-1], validate=True)
             for part in one["client-cert-chain"].split(",")]
    assert chain == [basics.issuing.der]


def test_names_survive_their_escapes(seen, basics, hostile):
    one = {name: values[0] for name, values in seen(hostile, ALL).items()}
    wanted = sorted((attribute.oid.dotted_string, attribute.value)
                    for attribute in hostile.certificate.subject)
    issuer = sorted((attribute.oid.dotted_string, attribute.value)
                    for attribute in hostile.certificate.issuer)
    for header in ("x-ssl-client-s-dn", "x-amzn-mtls-clientcert-subject", "ssl_client_s_dn"):
        assert names_of(one[header]) == wanted, one[header]
    for header in ("x-ssl-client-i-dn", "x-amzn-mtls-clientcert-issuer", "ssl_client_i_dn"):
        assert names_of(one[header]) == issuer
    subject = re.search(r';Subject="((?:\\"|[^"])*)"', one["x-forwarded-client-cert"]).group(1)
    assert names_of(subject.replace('\\"', '"')) == wanted
    info = urllib.parse.unquote(one["x-forwarded-tls-client-cert-info"])
    parts = re.fullmatch(r'Subject="(.*)";Issuer="(.*)"', info)
    assert names_of(parts.group(1)) == wanted and names_of(parts.group(2)) == issuer
    assert "x-remote-user" not in one


def test_numbers_and_dates(seen, hostile):
    one = {name: values[0] for name, values in seen(hostile, ALL).items()}
    for header in ("x-ssl-client-serial", "x-amzn-mtls-clientcert-serial-number",
                   "ssl_client_m_serial"):
        assert re.fullmatch("[0-9A-F]+", one[header])
        assert int(one[header], 16) == hostile.serial
    assert one["x-ssl-client-fingerprint"] == hashlib.sha1(hostile.der).hexdigest()
    begin, end = (at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in (
        hostile.certificate.not_valid_before, hostile.certificate.not_valid_after))
    assert one["x-amzn-mtls-clientcert-validity"] == f"NotBefore={begin};NotAfter={end}"
    assert ssl.cert_time_to_seconds(one["ssl_client_v_end"]) == ssl.cert_time_to_seconds(
        hostile.certificate.not_valid_after.strftime("%b %d %H:%M:%S %Y GMT"))
    assert one["x-ssl-client-verify"] == one["ssl_client_verify"] == "SUCCESS"
    uuid.UUID(one["x-arr-log-id"])
    bits, cipher, issuer, subject = one["x-arr-ssl"].split("|")
    assert bits == "256" and cipher in ("128", "256")
    assert issuer == "CN=Test Root, O=Example" and subject == "CN=server.test"
    assert re.fullmatch(r"127\.0\.0\.1:\d+", one["x-forwarded-for"])


@pytest.mark.skipif(not os.access(NODE, os.X_OK), reason="no node")
def test_node_reads_the_same(seen, hostile):
    one = {name: values[0] for name, values in seen(hostile, ["nginx", "aws-alb"]).items()}
    script = ("const c=require('crypto');for(const v of process.argv.slice(1))"
              "console.log(new c.X509Certificate(decodeURIComponent(v)).fingerprint256)")
    done = subprocess.run([NODE, "-e", script, "--", one["x-ssl-client-cert"],
                           one["x-amzn-mtls-clientcert-leaf"]],
                          capture_output=True, text=True, timeout=DEADLINE, check=True)
    assert [line.replace(":", "").lower() for line in done.stdout.split()] == [hostile.sha256] * 2


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_without_a_certificate(seen, scheme):
    got = seen(None, ALL, scheme)
    assert got["x-ssl-client-verify"] == got["ssl_client_verify"] == ["NONE"]
    assert ("x-arr-ssl" in got) == (scheme == "https")
    assert set(got) - {"x-arr-ssl"} == {
        "host", "accept", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via",
        "x-arr-log-id", "x-ssl-client-verify", "ssl_client_verify"}


def test_by_is_the_name_of_the_proxy(seen, basics, tmp_path):
    key = pki.new_key()
    builder = pki._build("server.test", key, basics.root, -1, 30, None)
    builder = builder.add_extension(x509.SubjectAlternativeName(
        [x509.DNSName("server.test"), x509.UniformResourceIdentifier("spiffe://t/a,b")]), False)
    server = pki.Certificate(pki._sign(builder, key, basics.root), key, basics.root)
    path = server.write(str(tmp_path / "server.pem"))
    got = seen(basics.alice, ["xfcc"], server_certificate={
        "chain": path, "key": path.replace(".pem", ".key")})
    (value,) = got["x-forwarded-client-cert"]
    assert value.startswith('By="spiffe://t/a,b";Hash=')


@pytest.mark.parametrize("version", RESUMING_VERSIONS)
def test_the_chain_does_not_depend_on_resumption(start, basics, version):
    """Once the intermediate is the client's own, once it is in the store."""
    for intermediate in ([], [basics.path("issuing.pem")]):
        proxy = start(site(basics, trust={"intermediate": intermediate},
                           forward={"identity": ["rfc9440-chain"]}))
        tls = tlsclient.context(basics.alice, version=version)
        with tlsclient.connect(proxy, tls=tls) as client:
            first = client.get_json()
            session = client.sock.session
        with tlsclient.connect(proxy, tls=tls, session=session) as client:
            again = client.get_json()
            assert client.sock.session_reused
        wanted = f":{basics.issuing.base64}:"
        assert first.seen("client-cert-chain") == again.seen("client-cert-chain") == [wanted]


def test_many_requests_of_one_connection_see_the_same(start, basics):
    """Rendered once: other locations and other requests must not be mixed up."""
    forward = {"identity": ["nginx"], "headers": {"X-Id": "{request_id}", "X-Subject": "{subject}"}}
    locations = [{"path": f"/{number}", "forward": {"headers": {"X-Number": f"{number} {{sha1}}"}}}
                 for number in range(12)]
    locations.append({"path": "/public", "client_certificate": "ignore"})
    proxy = start(site(basics, forward=forward, locations=locations))
    ids = set()
    with tlsclient.connect(proxy, basics.alice) as client:
        for number in [*range(12), *range(12), 3, 3]:
            answer = client.get_json(f"/{number}")
            sha1 = hashlib.sha1(basics.alice.der).hexdigest()
            assert answer.seen("x-number") == [f"{number} {sha1}"]
            assert answer.seen("x-ssl-client-verify") == ["SUCCESS"]
            answer = client.get_json("/public")
            assert answer.seen("x-ssl-client-verify") == ["NONE"]
            assert answer.seen("x-subject") == [] and answer.seen("x-ssl-client-cert") == []
            ids.add(client.get_json("/").seen("x-id")[0])
    assert len(ids) == 26


# ---- what clients cannot send ------------------------------------------------------------------

SENT = ["Client-Cert", "Client-Cert-Chain", "X-ARR-ClientCert", "X-ARR-SSL", "X-ARR-LOG-ID",
        "X-Forwarded-Client-Cert", "X-SSL-Client-Cert", "X-SSL-Client-Verify", "X-SSL-Client-S-DN",
        "X-Forwarded-Tls-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info",
        "X-Amzn-Mtls-Clientcert-Leaf", "X-Amzn-Mtls-Clientcert-Subject", "SSL_CLIENT_CERT",
        "SSL_CLIENT_VERIFY", "SSL_CLIENT_S_DN", "X-Team", "X-Original-URL", "X-Remote-User",
        "X-Forwarded-For", "Forwarded", "X-SSL-Client-SHA1", "X-Identity-Omitted"]
MARKS = "-_.!#$%&'*+^`|~"


def attempts(name):
    """Heads and bodies that try to bring a header of this name to the backend."""
    def request(*lines, start="GET /spoof HTTP/1.1", rest=b""):
        text = "\r\n".join([start, "Host: server.test", *lines, "", ""])
        return text.encode("latin-1") + rest

    yield from (request(f"{one}: FORGED") for one in (name, name.lower(), name.upper()))
    for mark in MARKS:
        yield request(f"{re.sub('[-_]', lambda _: mark, name)}: FORGED")
    yield request(f"{name}:FORGED", f"{name}: FORGED2")
    yield request(f"{name}:", f"{name}: FORGED")
    yield request(*[f"{name}: FORGED"] * 30)
    for bad in ("{} : FORGED", " {}: FORGED", "{}\t: FORGED", "X-A: b\r\n {}: FORGED",
                "X-A: b\n{}: FORGED", "X-A: b\r{}: FORGED", "{}:\r\n FORGED", "{}\0: FORGED",
                "\0{}: FORGED", "\x0b{}: FORGED", "{}\xa0: FORGED"):
        yield request(bad.format(name))
    for listed in (name, name.lower(), f"close, {name}", f"keep-alive,{name}, {name}"):
        yield request(f"Connection: {listed}")
        yield request(f"Connection: {listed}", f"{name}: FORGED")
    yield request(f"{name}: FORGED", start="GET http://server.test/spoof HTTP/1.1")
    yield request(f"{name}: FORGED", start="OPTIONS * HTTP/1.1")
    yield request(f"{name}: FORGED", start="GET /open/spoof HTTP/1.1")
    yield request(f"{name}: FORGED", start="GET /spoof HTTP/1.0")
    yield request(f"Trailer: {name}", "Transfer-Encoding: chunked", start="POST /spoof HTTP/1.1",
                  rest=b"3\r\nabc\r\n0\r\n%s: FORGED\r\n\r\n" % name.encode())
    yield request("Transfer-Encoding: chunked", start="POST /spoof HTTP/1.1",
                  rest=b"0\r\n%s: FORGED\r\n\r\n" % name.replace("-", "_").encode())
    yield (b"GET /first HTTP/1.1\r\nHost: server.test\r\n\r\n" +
           request(f"{name}: FORGED", "Connection: close"))


def fold(name):
    return re.sub("[^a-z0-9]", "-", name.lower())


@pytest.mark.parametrize("name", SENT)
def test_nothing_is_spoofed(start, basics, backend, name):
    forward = {"identity": ["rfc9440", "iis-arr", "nginx"], "headers": {"X-Team": "{sha256}"}}
    proxy = start(site(basics, client_certificate="accept", upstream=backend.url, forward=forward,
                       locations=[{"path": "/open", "client_certificate": "ignore",
                                   "forward": {"identity": []}}]),
                  site(basics, name="plain", bindings=["http://127.0.0.1:0"], upstream=backend.url,
                       server_certificate=..., client_certificate="ignore"))
    ways = [lambda: tlsclient.connect(proxy, basics.alice), lambda: tlsclient.connect(proxy),
            lambda: tlsclient.plain(proxy)]
    genuine = {"Client-Cert": f":{basics.alice.base64}:", "X-Team": basics.alice.sha256,
               "X-SSL-Client-Verify": "SUCCESS"}
    for raw in attempts(name):
        for number, way in enumerate(ways):
            before = len(backend.requests)
            with way() as client:
                client.send(raw)
                status = client.read_response().status
                if raw.startswith(b"GET /first"):
                    status = client.read_response().status
            assert status in (200, 400), raw
            for request in backend.requests[before:]:
                assert b"FORGED" not in request.raw and b"FORGED" not in request.trailers, raw
                same = [one for one, _ in request.headers if fold(one) == fold(name)]
                assert len(same) <= 1, raw
                if number == 0 and name in genuine and b"/open" not in raw:
                    assert request.values(name) == [genuine[name]], raw


# ---- basic -------------------------------------------------------------------------------------

def test_explain_does_not_show_the_password(basics, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    made = configuration(site(basics, forward={"authorization": "basic"}, mapping={"one_to_one": [
        {"user": "CONTOSO\\alice", "certificate": "sha256:" + basics.alice.sha256,
         "password_file": str(secret)}]}))
    path = tmp_path / "proxy.json"
    path.write_text(json.dumps(made))
    leaf = tmp_path / "alice.pem"
    leaf.write_text(basics.alice.pem)
    done = run("explain", "-c", str(path), "--certificate", str(leaf), "--format", "json")
    assert done.returncode == 0, done.stderr
    assert dict(json.loads(done.stdout)["headers"])["Authorization"] == "Basic (not shown)"
    assert base64.b64encode(b"CONTOSO\\alice:hunter2").decode() not in done.stdout


@pytest.mark.parametrize("certificate,password,expected", [
    (True, "hunter2:x", "Basic " + base64.b64encode(b"CONTOSO\\alice:hunter2:x").decode()),
    (True, None, None),
    (False, "hunter2", None),
])
def test_basic_authorization(start, basics, tmp_path, certificate, password, expected):
    """RFC 7617: the mapped user and password; never what the client sent."""
    one = {"user": "CONTOSO\\alice", "certificate": "sha256:" + basics.alice.sha256}
    if password:
        secret = tmp_path / "secret"
        secret.write_text(password)
        one["password_file"] = str(secret)
    proxy = start(site(basics, client_certificate="accept", anonymous=True,
                       forward={"authorization": "basic"}, mapping={"one_to_one": [one]}))
    answer = tlsclient.fetch_json(proxy, identity=basics.alice if certificate else None,
                                  headers=[("Authorization", "Basic Zm9vOmJhcg=="),
                                           ("Authorization", "Bearer x")])
    assert answer.seen("authorization") == ([expected] if expected else [])


@pytest.mark.parametrize("where", ["site", "location"])
def test_a_user_with_a_colon_cannot_be_sent(basics, tmp_path, where):
    """RFC 7617 section 2: it would be another user with another password."""
    basic = {"authorization": "basic"}
    made = site(basics, forward=basic if where == "site" else {},
                locations=[{"path": "/a", "forward": basic}] if where == "location" else [],
                mapping={"one_to_one": [{"user": "a:b", "certificate": "sha256:" + "00" * 32}],
                         "many_to_one": [{"name": "m", "user": "c:d", "rules": []}]})
    path = tmp_path / "proxy.json"
    path.write_text(json.dumps(configuration(made)))
    done = run("check", "-c", str(path))
    assert done.returncode == 1 and done.stderr.count("has a colon") == 2, done.stderr


def test_a_user_with_a_colon_from_a_file_is_not_sent(start, basics, tmp_path):
    users = tmp_path / "users.map"
    users.write_text(f"{basics.alice.sha256} alice:hunter2\n")
    proxy = start(site(basics, forward={"authorization": "basic"},
                       mapping={"one_to_one_file": str(users)}))
    answer = tlsclient.fetch_json(proxy, identity=basics.alice,
                                  headers=[("Authorization", "Basic Zm9vOmJhcg==")])
    assert answer.status == 200 and answer.seen("authorization") == []


# ---- filters ----------------------------------------------------------------------------------


def told(backend, name):
    """The one value of this header, as bytes."""
    (value,) = backend.requests[-1].values(name)
    return value.encode("latin-1")


def test_names_in_every_way_a_backend_may_want(start, basics, backend):
    name = "CN=J\u00f6rg \u2603, O=Stra\u00dfe & Co"
    client = basics.issuing.issue(name)
    headers = {f"X-{field}-{filtered}": f"<{{{field}:{filtered}}}>" for field in ("subject", "issuer")
               for filtered in ("utf8", "base64", "urlencoded")}
    proxy = start(site(basics, upstream=backend.url, forward={
        "identity": [], "headers": {**headers, "X-Plain": "{subject}"}}))
    assert tlsclient.fetch(proxy, identity=client).status == 200
    plain = told(backend, "x-plain").decode("ascii")
    expected = "O=Stra\u00dfe & Co,CN=J\u00f6rg \u2603"
    assert plain == "O=Stra\\C3\\9Fe & Co,CN=J\\C3\\B6rg \\E2\\98\\83"
    assert told(backend, "x-subject-utf8").decode() == f"<{expected}>"
    assert base64.b64decode(told(backend, "x-subject-base64")[1:-1]).decode() == expected
    assert urllib.parse.unquote(told(backend, "x-subject-urlencoded")[1:-1].decode()) == expected
    assert told(backend, "x-issuer-utf8") == b"<O=Example,CN=Test Issuing CA>"


@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "a\u2028b", "a\u202eb", "a\x85b", "a\x7fb", "a\tb",
                                  " a", "a ", "\ufeffa"])
def test_no_filter_lets_out_what_acts(start, basics, backend, text):
    client = basics.issuing.issue("CN=x", upn=text)
    proxy = start(site(basics, upstream=backend.url, forward={"identity": [], "headers": {
        f"X-{one}": f"{{upn:{one}}}" for one in ("utf8", "base64", "urlencoded")}}))
    assert tlsclient.fetch(proxy, identity=client).status == 200
    assert not backend.requests[-1].values("x-evil")
    shown = told(backend, "x-utf8").decode()
    assert shown.strip() == shown and shown.isprintable(), shown
    whole = base64.b64decode(told(backend, "x-base64")).decode()
    assert whole == urllib.parse.unquote(told(backend, "x-urlencoded").decode())
    assert whole == text


def test_the_chain_as_it_was_validated(start, basics, backend):
    headers = {"X-Issuer": "{issuer_sha256}", "X-Root": "{root_subject}", "X-Chain": "{chain_pem}",
               "X-Root-B64": "{root_subject:base64}"}
    proxy = start(site(basics, upstream=backend.url, client_certificate="accept",
                       forward={"identity": [], "headers": headers},
                       locations=[{"path": "/edit", "forward": {"headers": {}},
                                   "request_headers": {"set": {"X-Top": "{root_subject}"}}}]))
    chain = "".join(one.pem for one in (basics.alice, basics.issuing))
    with tlsclient.connect(proxy, basics.alice) as client:
        for _ in range(2):  # made, then known
            assert client.request().status == 200
            assert told(backend, "x-issuer").decode() == basics.issuing.sha256
            assert told(backend, "x-root") == b"O=Example,CN=Test Root"
            assert base64.b64decode(told(backend, "x-root-b64")) == b"O=Example,CN=Test Root"
            assert urllib.parse.unquote(told(backend, "x-chain").decode()) == chain
        assert client.request(target="/edit").status == 200
        assert told(backend, "x-top") == b"O=Example,CN=Test Root"
    assert tlsclient.fetch(proxy).status == 200
    assert not any(backend.requests[-1].values(name.lower()) for name in headers)
    direct = basics.root.issue("CN=direct")
    assert tlsclient.fetch(proxy, identity=direct).status == 200
    assert told(backend, "x-issuer").decode() == basics.root.sha256
    assert urllib.parse.unquote(told(backend, "x-chain").decode()) == direct.pem
