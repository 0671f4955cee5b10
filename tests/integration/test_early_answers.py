"""An answer that is sent before the request's body was read reaches its client, however much of the
body is still to come, and the client that never stops is bounded.

SPDX-License-Identifier: MIT
"""

import os
import signal
import socket
import ssl
import sys
import threading

import pytest

import proxy as proxy_module
import tlsclient
from events import DEADLINE, eventually
from proxy import site

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "uploaders"))
import programs  # noqa: E402  pylint: disable=wrong-import-position

SIZE = 9_000_000
PAGE = bytes(range(256)) * 4096  # more than the sockets hold
WAYS = ("1.2", "1.3", "second", "plain")  # second: after a first request, so after the handover


def serve(backend):
    """Servers that answer a request whose body they have not read."""
    @backend.on("/close")
    def _(exchange):
        exchange.reply(status=413, reason="No", headers=[("Connection", "close")], body=b"early")
        exchange.close()

    @backend.on("/reset")
    def _(exchange):
        exchange.reply(status=403, reason="No", headers=[("Connection", "close")], body=b"early")
        exchange.close(reset=True)

    @backend.on("/large")
    def _(exchange):
        answering = threading.Thread(target=exchange.reply, args=(401, PAGE), daemon=True)
        answering.start()
        exchange.read_body()
        answering.join(DEADLINE)

    @backend.on("/reads")
    def _(exchange):
        exchange.reply(status=500, reason="No", body=b"early")
        exchange.read_body()


@pytest.fixture(scope="module")
def proxy(basics):
    from upstream import Upstream  # the fixture of conftest is of each test
    with Upstream() as backend:
        serve(backend)
        url = backend.url
        nobody = f"http://127.0.0.1:{proxy_module.free_port()}"
        locations = [
            {"path": "/open", "client_certificate": "ignore"},
            {"path": "/close", "client_certificate": "ignore", "upstream": url},
            {"path": "/reset", "client_certificate": "ignore", "upstream": url},
            {"path": "/large", "client_certificate": "ignore", "upstream": url},
            {"path": "/reads", "client_certificate": "ignore", "upstream": url},
            {"path": "/nobody", "client_certificate": "ignore", "upstream": nobody},
            {"path": "/denied", "client_certificate": "ignore", "anonymous": False},
            {"path": "/moved", "client_certificate": "ignore",
             "redirect": "https://elsewhere.test/", "redirect_status": 308},
            {"path": "/guarded", "require_ssl": True},
        ]
        main = site(basics, locations=locations, hosts=["server.test", "127.0.0.1"])
        other = site(basics, name="other", hosts=["other.test"], client_certificate="ignore")
        plain = site(basics, name="plain", bindings=["http://127.0.0.1:0"],
                     client_certificate="ignore", server_certificate=..., locations=locations)
        with proxy_module.Proxy(proxy_module.configuration(
                main, other, plain, limits={"body_bytes": "1g", "header_bytes": "8k"},
                timeouts={"queue": "0s"})) as started:
            yield started


def connect(proxy, way, basics, identity=None):
    """A connection on which the next request is answered; second: not its first."""
    if way == "plain":
        return tlsclient.plain(proxy)
    connection = tlsclient.connect(proxy, identity, version="1.3" if way == "second" else way)
    if way == "second":
        assert connection.request(target="/open").status == 200
    return connection


def head(path, *fields, host="server.test", length=SIZE):
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return "\r\n".join((f"POST {path} HTTP/1.1", f"Host: {host}", framing, *fields, "", ""))


def chunked(size):
    return b"".join(b"4000\r\n" + bytes(0x4000) + b"\r\n" for _ in range(size // 0x4000))


CASES = {
    "403-no-certificate": (403, head("/guarded")),
    "403-in-chunks": (403, head("/guarded", length=None)),
    "403-expecting": (403, head("/guarded", "Expect: 100-continue")),
    "401": (401, head("/denied")),
    "308": (308, head("/moved")),
    "400-host": (400, head("/open", "Host: server.test")),
    "400-encoded-slash": (400, head("/open%2f")),
    "400-two-framings": (400, head("/open", "Transfer-Encoding: chunked")),
    "405": (405, head("/open").replace("POST", "TRACE")),
    "413-declared": (413, head("/open", length=2 << 30)),
    "414": (414, head("/" + "a" * 9000)),
    "431": (431, head("/open", "X: " + "a" * 9000)),
    "502": (502, head("/nobody")),
    "501-coding": (501, head("/open", "Transfer-Encoding: gzip, chunked").replace(
        f"Content-Length: {SIZE}\r\n", "")),
    "505": (505, head("/open").replace("HTTP/1.1", "HTTP/2.0")),
    "server-closes": (413, head("/close")),
    "server-resets": (403, head("/reset")),
    "server-says-much": (401, head("/large")),
    "server-goes-on": (500, head("/reads")),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_the_answer_comes_after_all_of_the_body(proxy, basics, case, way):
    status, request = CASES[case]
    with connect(proxy, way, basics) as client:
        client.send(request)
        client.send(chunked(SIZE) if case.endswith("chunks") else bytes(SIZE))
        answer = client.read_response()
        assert answer.status == status
        assert answer.body == PAGE if case == "server-says-much" else answer.body
        if answer.header("connection") == "close":
            assert client.is_at_end()


@pytest.mark.parametrize("way", ("1.2", "1.3", "second"))
def test_a_site_that_does_not_fit_the_handshake(proxy, basics, way):
    with connect(proxy, way, basics) as client:
        client.send(head("/", host="other.test"))
        client.send(bytes(SIZE))
        assert client.read_response().status == 421


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("first", ("head", "body"))
def test_a_client_that_is_late_gets_408(start, basics, first, way):
    """It goes on after it was told."""
    proxy = lingering(start, basics, header="300ms", body="300ms")
    with connect(proxy, way, basics) as client:
        client.send(head("/open") + "x" * 1000 if first == "body" else head("/open")[:30])
        proxy.event(f"the {first} took too long")
        client.send(bytes(SIZE))
        answer = client.read_response()
        assert answer.status == 408
        assert client.is_at_end()


@pytest.mark.parametrize("way", WAYS)
def test_a_body_that_breaks_off_its_framing(proxy, basics, way):
    with connect(proxy, way, basics) as client:
        client.send(head("/open", length=None) + "zz\r\n")
        client.send(bytes(SIZE))
        assert client.read_response().status == 400
        assert client.is_at_end()


@pytest.mark.parametrize("way", WAYS)
def test_a_body_that_grows_too_large(start, basics, way):
    plain = site(basics, name="plain", bindings=["http://127.0.0.1:0"], server_certificate=...,
                 client_certificate="ignore")
    proxy = start(site(basics, client_certificate="ignore"), plain, limits={"body_bytes": "64k"})
    with connect(proxy, way, basics) as client:
        client.send(head("/open", length=None))
        client.send(chunked(SIZE))
        assert client.read_response().status == 413
        assert client.is_at_end()


def test_a_body_that_is_too_long_to_be_read_ahead(start, basics):
    proxy = start(site(basics, negotiate_client_certificate="late"),
                  limits={"read_ahead_bytes": "1k"})
    with connect(proxy, "1.2", basics) as client:
        client.send(head("/") + "x" * SIZE)
        assert client.read_response().status == 413
        assert client.is_at_end()


def test_who_waits_for_100_is_told_and_sends_nothing(proxy, basics):
    with connect(proxy, "1.3", basics) as client:
        client.send(head("/guarded", "Expect: 100-continue"))
        answer = client.read_response(skip_interim=False)
        assert (answer.status, answer.header("connection")) == (403, "close")
        assert client.is_at_end()


@pytest.mark.parametrize("way", WAYS)
def test_a_small_body_leaves_the_connection_usable(proxy, basics, way):
    with connect(proxy, way, basics) as client:
        for _ in range(3):
            client.send(head("/guarded", length=100_000))
            client.send(bytes(100_000))
            assert client.read_response().status == 403
        assert client.request(target="/open").status == 200


# ---- clients that other people wrote ----------------------------------------------------------

@pytest.mark.parametrize("version, size, is_chunked, is_second", [
    ("1.2", 30_000_000, False, False), ("1.3", 3_000_000, False, False),
    ("1.3", 30_000_000, True, False), ("1.3", 30_000_000, False, True),
    ("plain", 30_000_000, False, False), ("1.3", 1000, False, False)])
@pytest.mark.parametrize("name", programs.COMMANDS)
def test_other_peoples_clients(proxy, name, version, size, is_chunked, is_second):
    port = proxy.address("http" if version == "plain" else "https")[1]
    try:
        results = programs.upload(name, port, version, size, 2, is_chunked, is_second, DEADLINE)
    except programs.Unavailable as missing:
        pytest.skip(str(missing))
    assert results == ["403 True"] * 2


# ---- bounds -------------------------------------------------------------------------------------

def descriptors(proxy):
    return sum(len(os.listdir(f"/proc/{one}/fd")) for one in proxy.workers())


def refused(proxy, basics, way):
    """A connection that was refused, has been told so, and is still open at the other end."""
    client = connect(proxy, way, basics)
    client.send(head("/guarded"))
    assert client.read_response().status == 403
    return client


def lingering(start, basics, **timeouts):
    plain = site(basics, name="plain", bindings=["http://127.0.0.1:0"], server_certificate=...,
                 client_certificate="ignore",
                 locations=[{"path": "/guarded", "require_ssl": True}, {"path": "/open"}])
    main = site(basics, locations=[{"path": "/open", "client_certificate": "ignore"}])
    return start(main, plain, timeouts=timeouts)


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_sends_nothing_is_let_go(start, basics, way):
    proxy = lingering(start, basics, linger="200ms", linger_total="1h")
    before = descriptors(proxy)
    with refused(proxy, basics, way):
        eventually(lambda: descriptors(proxy) == before, "the connection's end")


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_never_ends_is_let_go(start, basics, way):
    proxy = lingering(start, basics, linger="1h", linger_total="300ms")
    with refused(proxy, basics, way) as client:
        with pytest.raises((ConnectionError, ssl.SSLError)):
            while True:
                client.send(bytes(100_000))


def test_none_is_waited_for_when_that_is_asked_for(start, basics):
    proxy = lingering(start, basics, linger="0s")
    before = descriptors(proxy)
    with refused(proxy, basics, "1.3"):
        eventually(lambda: descriptors(proxy) == before, "the connection's end")


def test_a_stop_does_not_wait_for_who_never_ends(start, basics):
    proxy = lingering(start, basics, linger="1h", linger_total="1h", stop="1s")
    with refused(proxy, basics, "1.3") as client:
        proxy.process.send_signal(signal.SIGTERM)
        with pytest.raises((ConnectionError, ssl.SSLError)):
            while True:
                client.send(bytes(100_000))
        assert proxy.process.wait(DEADLINE) == 0


def test_a_stop_waits_only_briefly_for_who_is_silent(start, basics):
    proxy = lingering(start, basics, linger="1h", linger_total="1h", stop="1h")
    with refused(proxy, basics, "1.3"):
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait(DEADLINE) == 0


def test_what_is_dropped_takes_no_memory(proxy, basics):
    def resident():
        with open(f"/proc/{proxy.workers()[0]}/smaps_rollup", encoding="ascii") as source:
            return next(int(line.split()[1]) for line in source if line.startswith("Rss:"))

    clients = [refused(proxy, basics, "1.3") for _ in range(20)]
    try:
        before = resident()
        for client in clients:
            client.send(bytes(1_000_000))
        # Below what one buffer for each would be; the sanitizer's bookkeeping is its own.
        assert resident() - before < 20 * 16 or "asan" in proxy_module.BINARY
    finally:
        for client in clients:
            client.close()


# ---- alerts -------------------------------------------------------------------------------------

def alert_in(data):
    """The alert in the clear among the records of data, or None."""
    while len(data) >= 5:
        length = int.from_bytes(data[3:5], "big")
        if data[0] == 21 and length == 2:
            return data[6]
        data = data[5 + length:]
    return None


@pytest.mark.parametrize("attempt", range(3))
def test_an_alert_of_the_handshake_is_readable_behind_more(proxy, attempt):
    """What comes behind the message that was refused must not turn the alert into a reset."""
    outgoing = ssl.MemoryBIO()
    tls = tlsclient.context(version="1.3").wrap_bio(ssl.MemoryBIO(), outgoing,
                                                    server_hostname="server.test")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = bytearray(outgoing.read())
    hello[7] ^= 0x40  # the message does not end with its record
    with tlsclient.tcp(proxy) as sock:
        sock.sendall(bytes(hello) + b"\x17\x03\x03\x40\x00" + bytes(3_000_000))
        data = b""
        while len(data) < 7:
            piece = sock.recv(65536)
            assert piece, (attempt, data)
            data += piece
        assert alert_in(data) is not None


@pytest.mark.parametrize("version", ("1.2", "1.3"))
@pytest.mark.parametrize("is_second", (False, True))
def test_an_alert_behind_a_bad_record_is_readable(proxy, version, is_second):
    wire = tlsclient.Wire(proxy, tlsclient.context(version=version))
    with tlsclient.Connection(wire) as client:
        if is_second:
            assert client.request(target="/open").status == 200
        wire.raw(b"\x17\x03\x03\x00\x40" + bytes(64))
        wire.raw(bytes(3_000_000))
        with pytest.raises(ssl.SSLError) as told:
            client.read_to_end()
        assert "ALERT" in str(told.value).upper()
