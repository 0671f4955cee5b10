"""Every answer that the proxy makes itself, and every failed handshake, can be found in the log.

SPDX-License-Identifier: MIT
"""

import re
import socket
import ssl

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, ed448, rsa

import tlsclient
from events import eventually
from proxy import Proxy, configuration, fields_of, run, site
from upstream import Upstream

# At the level that is the default, for the lines have to be there without a debug setting.
LOG = {"error": {"level": "notice"},
       "access": {"path": "stdout", "flush": "10ms",
                  "fields": ["default", "x-request-id", "x-reason"]}}
LIMITS = {"body_bytes": 1000, "target_bytes": 300, "header_bytes": 4096, "header_count": 30}
ID = re.compile(r"[0-9a-f]{16}")


def get(target="/", host="server.test", more=""):
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode("latin-1")


def post(more, body=b""):
    return f"POST / HTTP/1.1\r\nHost: server.test\r\n{more}\r\n".encode("latin-1") + body


@pytest.fixture(scope="module")
def proxy(basics):
    def garbage(exchange):
        exchange.raw(b"this is no HTTP\r\n\r\n")
        exchange.close()

    def nothing(exchange):
        exchange.close()

    with Upstream() as upstream:
        upstream.on("/garbage")(garbage)
        upstream.on("/nothing")(nothing)
        upstream.on("/slow")(lambda exchange: exchange.reader.read(1))
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # and nobody listens
            sites = [
                site(basics, name="main", hosts=["server.test"], client_certificate="ignore",
                     upstream=upstream.url),
                site(basics, name="down", hosts=["down.test"], client_certificate="ignore",
                     upstream=f"http://127.0.0.1:{closed.getsockname()[1]}"),
                site(basics, name="strict", hosts=["strict.test"]),
                site(basics, name="plain", bindings=["http://127.0.0.1:0"], hosts=["plain.test"],
                     server_certificate=..., client_certificate="ignore"),
            ]
            for one in sites:
                one["errors"] = {"mode": "custom"}  # what everybody sees, not this machine alone
            with Proxy(configuration(*sites, log=LOG, limits=LIMITS,
                                     timeouts={"response": "1s", "handshake": "2s",
                                               "header": "2s"})) as started:
                yield started


def rejected(proxy, name, value, event="request.rejected"):
    """The line of the log in which this field has this value."""
    line = proxy.errors.wait(lambda one: f" notice {event} " in one
                             and fields_of(one).get(name) == value)
    assert line, f"no {event} with {name}={value}:\n" + proxy.errors.text()
    return fields_of(line)


CASES = [
    # (what the client sends, status, reason, what the page says)
    pytest.param(get(host="nobody.test"), 400, "unknown_host", "No site of this server", id="host"),
    pytest.param(get("/a%2fb"), 400, "encoded_slash", "escaped slash", id="slash"),
    pytest.param(get("/%00"), 400, "invalid_target", "address is not valid", id="nul"),
    pytest.param(get("/%c0%af"), 400, "invalid_target", "address is not valid", id="overlong"),
    pytest.param(get("/a\\b"), 400, "invalid_target", "address is not valid", id="backslash"),
    pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, "invalid_host", "no Host", id="no-host"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "invalid_host",
                 "more than one Host", id="two-hosts"),
    pytest.param(get(host="a b"), 400, "invalid_host", "Host", id="bad-host"),
    pytest.param(b"GET http://other.test/ HTTP/1.1\r\nHost: server.test\r\n\r\n", 400,
                 "invalid_host", "Host", id="host-and-absolute"),
    pytest.param(post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400,
                 "ambiguous_framing", "Content-Length with Transfer-Encoding", id="two-framings"),
    pytest.param(post("Content-Length: 3\r\nContent-Length: 4\r\n"), 400, "ambiguous_framing",
                 "more than one Content-Length", id="two-lengths"),
    pytest.param(post("Content-Length: +3\r\n"), 400, "ambiguous_framing",
                 "invalid Content-Length", id="length"),
    pytest.param(post("Transfer-Encoding: chunked\r\n", b"zz\r\n"), 400, "ambiguous_framing",
                 "invalid chunk size", id="chunk"),
    pytest.param(b"GET / HTTP/1.1\nHost: server.test\n\n", 400, "bad_request", "LF without CR",
                 id="bare-lf"),
    pytest.param(get(more="X : y\r\n"), 400, "bad_request", "white space before the colon",
                 id="blank-before-colon"),
    pytest.param(b"TRACE / HTTP/1.1\r\nHost: server.test\r\n\r\n", 405, "method_not_allowed",
                 "This method is not served", id="trace"),
    pytest.param(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405, "method_not_allowed",
                 "This method is not served", id="connect"),
    pytest.param(post("Content-Length: 1001\r\n"), 413, "content_too_large", "longer than allowed",
                 id="long-body"),
    pytest.param(post("Transfer-Encoding: chunked\r\n", b"3e9\r\n" + b"x" * 1001), 413,
                 "content_too_large", "body too large", id="long-chunks"),
    pytest.param(get("/" + "x" * 300), 414, "uri_too_long", "address is longer", id="long-target"),
    pytest.param(get(more="Expect: 200-maybe\r\n"), 417, "expectation_failed", "100-continue",
                 id="expectation"),
    pytest.param(get(more="X: y\r\n" * 40), 431, "header_too_large", "too many fields",
                 id="many-fields"),
    pytest.param(get(more="X: " + "y" * 5000 + "\r\n"), 431, "header_too_large", "longer",
                 id="long-head"),
    pytest.param(post("Transfer-Encoding: gzip, chunked\r\n"), 501, "not_implemented",
                 "not implemented", id="coding"),
    pytest.param(b"GET / HTTP/2.0\r\nHost: server.test\r\n\r\n", 505, "http_version",
                 "Only HTTP/1.0 and HTTP/1.1", id="version"),
]


@pytest.mark.parametrize("sent, status, reason, said", CASES)
@pytest.mark.parametrize("accept", ["", "application/json"])
def test_what_is_wrong_with_a_request_is_told(proxy, sent, status, reason, said, accept, request):
    if accept:
        sent = sent.replace(b"\r\n", b"\r\nAccept: application/json\r\n", 1)
    with tlsclient.connect(proxy) as client:
        client.send(sent)
        answer = client.read_response()
    assert answer.status == status
    page = answer.body.decode()
    identity = ID.search(page).group()
    told = rejected(proxy, "id", identity)
    assert told["status"] == f"{status}.0" and told["reason"] == reason
    assert re.fullmatch(r"127\.0\.0\.1:\d+", told["client"])
    record = proxy.access(identity)
    assert (record["sc-status"], record["x-reason"]) == (str(status), reason)
    # Heads that cannot be read say nothing of what is accepted.
    assert said.lower() in page.lower(), request.node.name


@pytest.mark.parametrize("target, host, status, win32, reason", [
    ("/garbage", "server.test", 502, 12152, "upstream_invalid"),
    ("/nothing", "server.test", 502, 12030, "upstream_closed"),
    ("/down", "down.test", 502, 12029, "upstream_connect"),
    ("/slow", "server.test", 504, 12002, "upstream_timeout"),
])
def test_what_is_wrong_with_a_server_is_told_to_the_log_alone(proxy, target, host, status, win32,
                                                               reason):
    answer = tlsclient.fetch(proxy, target, [("Accept", "text/plain")], host=host, sni=host)
    assert answer.status == status
    told = rejected(proxy, "target", target)
    assert ID.search(answer.body.decode()).group() == told["id"]
    assert (told["status"].split(".")[0], told["win32"]) == (str(status), str(win32))
    assert told["reason"] == reason == proxy.access(target)["x-reason"]
    assert reason not in answer.body.decode() and "No connection" not in answer.body.decode()


def test_a_head_that_does_not_come_is_408_and_told(proxy):
    with tlsclient.connect(proxy) as client:
        client.send(b"GET /half HTTP/1.1\r\n")
        answer = client.read_response()
    assert answer.status == 408
    told = rejected(proxy, "id", ID.search(answer.body.decode()).group())
    assert (told["reason"], told["status"]) == ("request_timeout", "408.0")


def test_a_misdirected_request_stays_a_refusal(proxy):
    answer = tlsclient.fetch(proxy, "/", host="strict.test", sni="server.test")
    assert answer.status == 421
    assert rejected(proxy, "reason", "misdirected", "access.refused")["site"] == "strict"


def test_what_a_client_sends_cannot_forge_a_line(proxy):
    with tlsclient.connect(proxy) as client:
        client.send(get("/%2f\"reason=none", host="server.test"))
        assert client.read_response().status == 400
        client.send(b"GET /%2f" + b"y" * 280 + b" HTTP/1.1\r\nHost: server.test\r\n\r\n")
        assert client.read_response().status == 400
    told = rejected(proxy, "target", '/%2f"reason=none')
    assert told["reason"] == "encoded_slash"
    long = proxy.event("yyyy")
    assert len(long) < 700 and "yyy\"..." in long


def test_a_flood_does_not_flood_the_log(start, basics):
    """At most 10 lines a second for each reason; what is left out is counted."""
    proxy = start(site(basics, hosts=["server.test"]), log=LOG)
    count = 100
    with tlsclient.connect(proxy) as client:
        client.send(b"".join(get(f"/{n}", host="flood.test") for n in range(count)))
        assert {client.read_response().status for _ in range(count)} == {400}

    def told():
        lines = [fields_of(line) for line in proxy.errors.lines if "request.rejected" in line]
        return len(lines), sum(int(line.get("suppressed", 0)) for line in lines)

    def all_told():
        with tlsclient.connect(proxy) as client:
            client.request(host="flood.test")
        lines, suppressed = told()
        return suppressed and lines + suppressed >= count

    eventually(all_told, "the suppressed ones are counted", interval=0.2)
    assert told()[0] < count


# ---- handshakes

def hello(**changes):
    """The bytes of a ClientHello, from a context with these attributes."""
    tls = tlsclient.context(version=changes.pop("version", None))
    if "ciphers" in changes:
        tls.set_ciphers(changes.pop("ciphers"))
    if "alpn" in changes:
        tls.set_alpn_protocols(changes.pop("alpn"))
    outgoing = ssl.MemoryBIO()
    client = tls.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="server.test")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def with_extension(made, kind, body):
    """A ClientHello in which the extension of this kind has another body, of the same length."""
    at = made.index(kind.to_bytes(2, "big") + len(body).to_bytes(2, "big"))
    return made[:at + 4] + body + made[at + 4 + len(body):]


def old_version():
    """TLS 1.1: no supported_versions extension, and the number in the body."""
    made = bytearray(hello(version="1.2"))
    made[1:3] = made[9:11] = b"\x03\x02"
    return bytes(made)


def unknown_signatures(version):
    made = hello(version=version)
    at = made.index(b"\x00\x0d", 60)
    size = int.from_bytes(made[at + 2:at + 4], "big")
    return with_extension(made, 13, (size - 2).to_bytes(2, "big") + b"\x0e\x0e" * ((size - 2) // 2))


@pytest.mark.parametrize("make, reason", [
    (old_version, "no_common_version"),
    (lambda: hello(version="1.2", ciphers="AES128-SHA"), "no_common_cipher"),
    (lambda: hello(version="1.2", ciphers="ECDHE-RSA-AES128-GCM-SHA256"), "no_common_cipher"),
    (lambda: hello(alpn=["spdy/3"]), "no_common_alpn"),
    (lambda: unknown_signatures("1.2"), "no_common_signature_algorithm"),
    (lambda: unknown_signatures("1.3"), "no_common_signature_algorithm"),
    (lambda: hello()[:9] + b"\xff" * 40, "handshake_closed"),
    (lambda: b"\x16\x03\x01\xff\xff" + b"x" * 100, "bad_record"),
    (lambda: b"\x00" * 100, "bad_record"),
    (lambda: b"SSH-2.0-OpenSSH_9.2\r\n", "bad_record"),
    (lambda: b"A" * 40, "bad_record"),
    (lambda: b"GET", "bad_record"),
    (lambda: hello()[:50], "handshake_closed"),
    (lambda: hello(version="1.2") + b"\x15\x03\x03\x00\x02\x02\x28", "client_alert"),
], ids=["version", "cipher", "cipher-of-another-key", "alpn", "signature-12", "signature-13",
        "half", "length",
        "zeros", "ssh", "letters", "half-method", "closed", "alert"])
def test_every_failed_handshake_is_told(start, basics, make, reason):
    proxy = start(site(basics, tls={"alpn": ["http/1.1"]}), log=LOG)
    with tlsclient.tcp(proxy) as sock:
        name = "127.0.0.1:%d" % sock.getsockname()[1]
        sock.sendall(make())
        sock.shutdown(socket.SHUT_WR)
        tlsclient.Connection(sock).read_to_end()
    told = rejected(proxy, "client", name, "tls.failed")
    assert told["reason"] == reason, told
    assert told["error"]


def test_a_port_check_is_no_failed_handshake(start, basics):
    proxy = start(site(basics), log=LOG)
    tlsclient.tcp(proxy).close()
    with tlsclient.tcp(proxy) as sock:
        sock.sendall(b"\x16\x03")
        sock.shutdown(socket.SHUT_WR)
        tlsclient.Connection(sock).read_to_end()
    proxy.event("tls.failed")
    assert len([one for one in proxy.errors.lines if "tls.failed" in one]) == 1


def test_a_handshake_that_nobody_goes_on_with_is_told(proxy):
    with tlsclient.tcp(proxy) as sock:
        name = "127.0.0.1:%d" % sock.getsockname()[1]
        sock.sendall(hello()[:20])
        assert tlsclient.Connection(sock).read_to_end() == b""
    assert rejected(proxy, "client", name, "tls.failed")["reason"] == "handshake_timeout"


# ---- plain http on a port with https

def ask_in_clear(proxy, *pieces, method="GET"):
    connection = tlsclient.Connection(tlsclient.tcp(proxy))
    with connection:
        for piece in pieces:
            connection.send(piece)
        answer = connection.read_response(method)
        assert connection.is_at_end()
    return answer


# Fewer than lines are written in a second for one reason.
@pytest.mark.parametrize("method, version", [
    ("GET", "1.0"), ("GET", "1.1"), ("HEAD", "1.0"), ("HEAD", "1.1"), ("POST", "1.1"),
    ("OPTIONS", "1.1"), ("PROPFIND", "1.1"), ("M-SEARCH", "1.1")])
def test_plain_http_on_https_is_400_in_plain_http(proxy, method, version):
    head = f"{method} /clear HTTP/{version}\r\nHost: server.test\r\nContent-Length: 0\r\n\r\n"
    answer = ask_in_clear(proxy, head, method=method)
    assert (answer.status, answer.header("Connection")) == (400, "close")
    if method == "HEAD":
        assert int(answer.header("Content-Length")) > 0
        return
    page = answer.body.decode()
    assert "plain HTTP" in page and "https" in page
    told = rejected(proxy, "id", ID.search(page).group())
    assert (told["status"], told["reason"]) == ("400.0", "http_on_https")
    assert proxy.access(told["id"])["x-reason"] == "http_on_https"


@pytest.mark.parametrize("pieces", [
    [bytes([c]) for c in b"GET / HTTP/1.1\r\nHost: server.test\r\n\r\n"],
    [b"G", b"ET / HTTP/1.1\r\n", b"Host: x\r\n\r\n"],
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    [b"GET / HTTP/1.1\r\n\r\n"],
    [b"GET / HTTP/1.1\nHost: x\n\n"],
    [b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"],
], ids=["bytes", "pieces", "http2", "no-host", "bare-lf", "long"])
def test_plain_http_on_https_in_any_form(proxy, pieces):
    answer = ask_in_clear(proxy, *pieces)
    assert answer.status == 400 and b"plain HTTP" in answer.body


def test_plain_http_on_https_with_a_body_gets_its_answer(proxy):
    """The answer is read although the client has not been listened to."""
    body = b"x" * 100000
    head = f"POST / HTTP/1.1\r\nHost: server.test\r\nContent-Length: {len(body)}\r\n\r\n"
    answer = ask_in_clear(proxy, head, body)
    assert answer.status == 400 and b"plain HTTP" in answer.body


def test_plain_http_on_https_is_one_request(proxy):
    answer = ask_in_clear(proxy, get("/one") + get("/two"))
    assert answer.status == 400
    assert proxy.access("/one")["sc-status"] == "400"
    assert not [one for one in proxy.access_lines.lines if " /two " in one]


def test_plain_http_on_https_cannot_claim_a_certificate(start, basics, backend):
    proxy = start(site(basics, upstream=backend.url), log=LOG)
    answer = ask_in_clear(proxy, get("/", more="X-ARR-ClientCert: MIIB\r\n"))
    assert answer.status == 400
    assert tlsclient.fetch(proxy, "/", identity=basics.alice).status == 200
    assert backend.take().path == "/" and backend.connections == 1


def test_plain_http_on_https_that_stops_is_408(proxy):
    assert ask_in_clear(proxy, b"GET / HTTP/1.1\r\n").status == 408


# ---- keys that the server does not ask for

KINDS = {"RSA": rsa.generate_private_key(65537, 2048), "P-256": ec.generate_private_key(ec.SECP256R1()),
         "P-384": ec.generate_private_key(ec.SECP384R1()),
         "P-521": ec.generate_private_key(ec.SECP521R1()),
         "Ed25519": ed25519.Ed25519PrivateKey.generate(), "Ed448": ed448.Ed448PrivateKey.generate()}


@pytest.fixture(scope="module")
def keyed(basics):
    with Proxy(configuration(site(basics), log=LOG)) as started:
        yield started


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_fix_of_403_7_names_every_key_that_is_asked_for(keyed, basics, kind, version):
    identity = basics.issuing.issue("CN=k", key=KINDS[kind])
    assert tlsclient.fetch(keyed, identity=identity, version=version).status == 200
    tlsclient.fetch(keyed, "/none")
    assert kind in fields_of(keyed.event("access.refused"))["fix"]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("curve", [ec.SECP256K1, ec.BrainpoolP256R1])
def test_who_has_another_key_is_told_which_will_do(keyed, basics, curve, version):
    identity = basics.issuing.issue("CN=k", key=ec.generate_private_key(curve()))
    try:
        answer = tlsclient.fetch(keyed, "/other", identity=identity, version=version)
    except ssl.SSLError:
        return  # the client's own library will not have it
    if answer.status != 200:  # later versions of OpenSSL know more curves
        assert answer.status == 403
        assert "P-256, P-384 or P-521" in fields_of(keyed.event("access.refused"))["fix"]


# ---- characters that act instead of being seen

HIDDEN = ["\u009b", "\u0085", "\u200b", "\u200f", "\u2028", "\u2029", "\u202e", "\u061c", "\u2066",
          "\u2069", "\ufeff", "\U000e0041"]


@pytest.mark.parametrize("form", ["w3c", "json", "combined"])
def test_no_log_writes_a_character_that_acts(start, basics, form):
    access = {"path": "stdout", "flush": "10ms", "format": form}
    proxy = start(site(basics, hosts=["server.test"], client_certificate="ignore"),
                  log={"error": {"level": "notice"}, "access": access})
    agents = [one.encode() for one in HIDDEN] + [b"\x9b", b"\xff\xfe", b"\xe2\x80", "\u20ac".encode()]
    with tlsclient.connect(proxy) as client:
        for at, agent in enumerate(agents):
            client.send(b"GET /%d HTTP/1.1\r\nHost: server.test\r\nUser-Agent: a" % at + agent
                        + b"z\r\nReferer: " + agent + b"\r\n\r\n")
            assert client.read_response().status == 200
    path = {"w3c": " /%d ", "json": '"/%d"', "combined": " /%d "}[form] % (len(agents) - 1)
    assert proxy.access_lines.wait(lambda one: path in one)
    # What is no UTF-8 reaches this as U+FFFD; JSON writes that itself.
    text = proxy.access_lines.text()
    assert not [hex(ord(one)) for one in HIDDEN if one in text]
    assert form == "json" or "\ufffd" not in text
    if form != "combined":
        assert "a\u20acz" in text


def test_neither_the_line_of_a_refusal_nor_explain_nor_the_page_writes_one(start, basics, tmp_path):
    hidden = "".join(HIDDEN[2:])
    odd = basics.outside_issuing.issue("CN=a" + hidden)
    proxy = start(site(basics, errors={"mode": "detailed"}), log=LOG)
    for accept in ("text/html", "text/plain", "application/json"):
        answer = tlsclient.fetch(proxy, "/", [("Accept", accept)], identity=odd)
        assert answer.status == 403
        assert not set(answer.body.decode()) & set(HIDDEN), accept
    line = proxy.event("access.refused")
    assert line.isascii()
    (tmp_path / "odd.pem").write_text(odd.pem)
    told = run("explain", "-c", proxy.config_path, "--certificate", str(tmp_path / "odd.pem"))
    assert told.returncode == 10 and not set(told.stdout) & set(HIDDEN)
