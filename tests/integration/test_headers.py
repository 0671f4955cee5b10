"""What headers reach the backend and the client: hop-by-hop, forwarding, identity.

SPDX-License-Identifier: MIT
"""

import base64
import itertools

import pytest

import tlsclient
import upstream as upstream_module
from proxy import Proxy, configuration, site

IDENTITY = {
    "client-cert": "rfc9440", "client-cert-chain": "rfc9440-chain", "x-arr-clientcert": "iis-arr",
    "x-arr-ssl": "iis-arr", "x-forwarded-client-cert": "xfcc", "x-forwarded-tls-client-cert":
    "traefik", "x-forwarded-tls-client-cert-info": "traefik", "x-amzn-mtls-clientcert": "aws-alb",
    "x-amzn-mtls-clientcert-leaf": "aws-alb", "x-amzn-mtls-clientcert-subject": "aws-alb",
    "x-ssl-client-cert": "nginx", "x-ssl-client-verify": "nginx", "ssl-client-cert": "apache",
    "x-original-url": None, "x-rewrite-url": None, "x-remote-user": None,
}


@pytest.fixture(scope="module")
def recorder():
    with upstream_module.Upstream() as started:
        yield started


@pytest.fixture(scope="module")
def proxy(basics, recorder):
    made = site(basics, upstream=recorder.url, client_certificate="accept", forward={
        "headers": {"X-Remote-User": "{user}", "X-Subject": "{subject}", "X-Sha": "{sha256}",
                    "X-Mixed": "<{tls_version}> {client_ip}"}})
    plain = site(basics, name="plain", bindings=["http://127.0.0.1:0"],
                 client_certificate="ignore", server_certificate=..., upstream=recorder.url)
    with Proxy(configuration(made, plain)) as started:
        yield started


def seen(recorder):
    return recorder.requests[-1]


def test_hop_by_hop_fields_stay_on_their_hop(proxy, basics, recorder):
    """RFC 9110 section 7.6.1: Connection, what it names, and the classic ones."""
    tlsclient.fetch(proxy, "/hop", identity=basics.alice, headers=[
        ("Connection", "X-Secret, X-Other"), ("X-Secret", "1"), ("X-Other", "2"),
        ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("TE", "gzip"),
        ("Upgrade", "h2c"), ("Proxy-Authorization", "Basic eA=="), ("X-Kept", "3")])
    request = seen(recorder)
    for gone in ("x-secret", "x-other", "keep-alive", "proxy-connection", "te", "upgrade",
                 "proxy-authorization"):
        assert request.header(gone) is None, gone
    assert request.header("x-kept") == "3"


@pytest.mark.parametrize("named", ["Host", "Content-Length", "X-Forwarded-For", "Client-Cert",
                                   "X-Remote-User", "Via"])
def test_connection_cannot_remove_what_the_proxy_adds(proxy, basics, recorder, named):
    answer = tlsclient.fetch(proxy, "/strip", method="POST", body=b"body", identity=basics.alice,
                             headers=[("Connection", named)])
    if answer.status == 400:
        return
    request = recorder.requests[-1]
    assert request.values("host") == ["server.test"]
    assert request.body == b"body"
    assert request.header("x-forwarded-for") == "127.0.0.1"
    assert request.header("client-cert") and request.header("via")


def test_hop_by_hop_fields_of_the_answer(proxy, basics, recorder):
    @recorder.on("/answer-hop")
    def _(exchange):
        exchange.reply(headers=[("Connection", "X-Inner"), ("X-Inner", "1"), ("Keep-Alive", "9"),
                                ("Server", "backend"), ("Set-Cookie", "a=1"),
                                ("Set-Cookie", "b=2"), ("Proxy-Authenticate", "Basic")])

    answer = tlsclient.fetch(proxy, "/answer-hop", identity=basics.alice)
    assert answer.header("x-inner") is None and answer.header("keep-alive") is None
    assert [value for name, value in answer.headers if name.lower() == "set-cookie"] == [
        "a=1", "b=2"]
    assert answer.header("date")


def test_forwarded_fields_are_replaced(proxy, basics, recorder):
    tlsclient.fetch(proxy, "/xff", identity=basics.alice, headers=[
        ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "evil.test"), ("X_Forwarded_For", "203.0.113.8")])
    request = seen(recorder)
    assert request.values("x-forwarded-for") == ["127.0.0.1"]
    assert request.values("x-forwarded-proto") == ["https"]
    assert request.values("x-forwarded-host") == ["server.test"]
    assert request.header("x_forwarded_for") is None


def test_forwarded_proto_over_plain_http(proxy, recorder):
    with tlsclient.plain(proxy) as client:
        assert client.request(target="/plain", headers=[("Client-Cert", ":AAAA:")]).status == 200
    request = seen(recorder)
    assert request.values("x-forwarded-proto") == ["http"]
    assert request.header("client-cert") is None


def test_host_is_kept_and_via_added(proxy, basics, recorder):
    tlsclient.fetch(proxy, "/via", identity=basics.alice, headers=[("Via", "1.0 first")])
    request = seen(recorder)
    assert request.values("host") == ["server.test"]
    assert request.header("via").startswith("1.0 first, 1.1 ")


def test_host_of_the_upstream_when_asked(start, basics, backend):
    proxy = start(site(basics, upstream=backend.url, forward={"host": "upstream", "via": False}))
    tlsclient.fetch(proxy, identity=basics.alice)
    assert backend.requests[-1].values("host") == [backend.url[len("http://"):]]
    assert backend.requests[-1].header("via") is None


def spellings(field):
    """The name as sent by somebody who hopes that the backend folds it."""
    words = field.split("-")
    yield field
    yield field.upper()
    yield "-".join(word.capitalize() for word in words)
    for mark in "_.":
        yield mark.join(words)
        yield mark.join(words).upper()
    if len(words) > 2:
        for marks in itertools.product("-_.", repeat=len(words) - 1):
            yield words[0] + "".join(a + b for a, b in zip(marks, words[1:]))


@pytest.mark.parametrize("field", IDENTITY)
def test_identity_fields_of_clients_are_removed(proxy, basics, recorder, field):
    names = sorted(set(spellings(field)))
    for at, identity in itertools.product(range(0, len(names), 60), (None, basics.alice)):
        answer = tlsclient.fetch(proxy, "/forged", identity=identity,
                                 headers=[(one, "forged") for one in names[at:at + 60]])
        assert answer.status == 200
        request = seen(recorder)
        assert "forged" not in [value for _, value in request.headers]
        folded = [one for one, _ in request.headers
                  if one.lower().replace("_", "-").replace(".", "-") == field]
        assert len(folded) <= 1


def test_identity_fields_are_removed_from_trailers(proxy, basics, recorder):
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(b"POST /trailers HTTP/1.1\r\nHost: server.test\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
                    b"Client-Cert: :AAAA:\r\nX_Remote_User: root\r\nHost: evil\r\n"
                    b"Content-Length: 9\r\n\r\n")
        assert client.read_response().status == 200
    request = seen(recorder)
    for forged in (b"client-cert", b"remote", b"host", b"content-length"):
        assert forged not in request.trailers.lower()


def test_rfc9440_certificate(proxy, basics, recorder):
    """RFC 9440 section 2.2: one Byte Sequence, the DER of the leaf."""
    tlsclient.fetch(proxy, "/rfc9440", identity=basics.alice)
    (value,) = seen(recorder).values("client-cert")
    assert value[0] == value[-1] == ":"
    assert base64.b64decode(value[1:-1], validate=True) == basics.alice.der


def test_no_identity_without_certificate(proxy, recorder):
    tlsclient.fetch(proxy, "/nobody")
    for gone in ("client-cert", "x-subject", "x-sha", "x-remote-user"):
        assert seen(recorder).header(gone) is None


def test_templates(proxy, basics, recorder):
    tlsclient.fetch(proxy, "/templates", identity=basics.alice, version="1.3")
    request = seen(recorder)
    assert request.header("x-subject") == "O=Example,OU=Staff,CN=alice"
    assert request.header("x-sha") == basics.alice.sha256
    assert request.header("x-mixed") == "<TLSv1.3> 127.0.0.1"
    assert request.header("x-remote-user") is None  # nobody is mapped


def presets(basics, recorder, start, *names):
    proxy = start(site(basics, upstream=recorder.url, forward={"identity": list(names)}))
    assert tlsclient.fetch(proxy, "/preset", identity=basics.alice).status == 200
    return seen(recorder)


def test_chain_preset(basics, backend, start):
    request = presets(basics, backend, start, "rfc9440", "rfc9440-chain")
    value = request.header("client-cert-chain")
    certificates = [base64.b64decode(one.strip()[1:-1], validate=True)
                    for one in value.split(",")]
    assert certificates[0] == basics.issuing.der
    assert basics.alice.der not in certificates


def test_no_preset(basics, backend, start):
    request = presets(basics, backend, start)
    assert request.header("client-cert") is None


def test_identity_does_not_depend_on_resumption(proxy, basics, recorder):
    tls = tlsclient.context(basics.alice, version="1.2")
    with tlsclient.connect(proxy, tls=tls) as client:
        client.request(target="/full")
        session = client.sock.session
    first = seen(recorder)
    with tlsclient.connect(proxy, tls=tls, session=session) as client:
        client.request(target="/full")
    for field in ("client-cert", "x-subject", "x-sha", "x-mixed"):
        assert seen(recorder).values(field) == first.values(field)
