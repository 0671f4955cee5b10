"""Kept TLS 1.3 connections go on without OpenSSL's connection object; nobody must notice.

Clauses are those of RFC 8446. What a client must not send after it is in tests/unit/tls, too, with
forged records that OpenSSL would not make.

SPDX-License-Identifier: MIT
"""

import hashlib
import os
import random
import signal
import ssl
import subprocess
import threading

import pytest

import tlsclient
import websocket
from events import DEADLINE, eventually
from proxy import site

SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
LOG = {"error": {"level": "debug"}, "access": {"path": "stdout", "flush": "10ms"}}
MIB = 1 << 20


@pytest.fixture
def begin(basics, start):
    """A proxy that says in its log when it hands over."""
    def made(suite=None, top=None, **changes):
        if suite:
            changes["tls"] = {"ciphersuites": suite}
        top = {"log": LOG, "performance": {"handover": True},
               "sessions": {"store": 1000, "tickets": "tls12"}, **(top or {})}
        return start(site(basics, **changes), **top)
    return made


def open_wire(proxy, basics, requests=2, **how):
    """A connection that was handed over, since it has had two requests."""
    tls = how.pop("tls", None) or tlsclient.context(basics.alice, version="1.3")
    start = proxy.marker()
    connection = tlsclient.Connection(tlsclient.Wire(proxy, tls, **how))
    for turn in range(requests):
        assert connection.get_json(f"/{turn}").status == 200
    if requests > 1:
        proxy.event("tls.handover", start=start)
    return connection


def handovers(proxy):
    return [one for one in proxy.errors.lines if " tls.handover " in one]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# ---- what goes on as before -----------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES)
def test_requests_and_bodies_of_all_sizes(begin, basics, backend, suite):
    data = random.Random(1).randbytes(3 * MIB + 17)

    def answer(exchange):
        body = exchange.read_body()
        exchange.reply(200, data[:int(exchange.request.header("x-want"))],
                       [("X-Got", sha256(body))])

    backend.handler = answer
    proxy = begin(suite, upstream=backend.url)
    with tlsclient.connect(proxy, basics.alice, version="1.3") as connection:
        for size in [0, 1, 100, 16383, 16384, 16385, 16406, 65536, 300000, len(data), 0, 40000, 1]:
            answered = connection.request("POST", "/", [("X-Want", str(size))], data[:size])
            assert answered.header("x-got") == sha256(data[:size])
            assert answered.body == data[:size]
        assert f"cipher={suite} " in handovers(proxy)[0]
        assert len(handovers(proxy)) == 1


def test_both_directions_at_once(begin, basics, recording_echo):
    proxy = begin(upstream=recording_echo.url)
    data = random.Random(2).randbytes(4 * MIB)
    with tlsclient.connect(proxy, basics.alice, version="1.3") as connection:
        connection.request()
        connection.request()
        proxy.event("tls.handover")
        assert websocket.open_on(connection, "/echo").status == 101
        connection.send_while_reading(websocket.frame(data, websocket.BINARY))
        assert websocket.read_frame(connection.read_exactly) == (websocket.BINARY, data)


@pytest.fixture
def recording_echo(backend):
    backend.handlers["/echo"] = websocket.echo
    return backend


def test_websocket_as_second_request(begin, basics, recording_echo):
    proxy = begin(upstream=recording_echo.url)
    with tlsclient.connect(proxy, basics.alice, version="1.3") as connection:
        connection.request("GET", "/")
        assert websocket.open_on(connection, "/echo").status == 101
        for size in (1, 70000, 200):
            connection.send(websocket.frame(b"x" * size, websocket.BINARY))
            assert websocket.read_frame(connection.read_exactly) == (websocket.BINARY, b"x" * size)
        connection.send(websocket.frame(b"\x03\xe8", websocket.CLOSE))
        assert websocket.read_frame(connection.read_exactly) == (websocket.CLOSE, b"\x03\xe8")
        assert connection.is_at_end()
    assert handovers(proxy)


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7, 1000, 16388])
def test_records_in_any_pieces(begin, basics, step):
    proxy = begin()
    with open_wire(proxy, basics, step=step) as connection:
        size = 400 * step if step < 10 else 200000
        body = random.Random(3).randbytes(size)
        answered = connection.request("POST", "/", [("Accept", "application/json")], body)
        assert answered.json()["body_sha256"] == sha256(body)
        assert connection.get_json("/last").status == 200


def test_pipelined_and_chunked(begin, basics):
    proxy = begin()
    with open_wire(proxy, basics) as connection:
        chunk = b"4000\r\n" + b"c" * 0x4000 + b"\r\n"
        head = tlsclient.build("POST", "/chunked", [("Transfer-Encoding", "chunked"),
                                                    ("Accept", "application/json")])
        connection.send(tlsclient.build(target="/one") + head + chunk * 5 + b"0\r\n\r\n" +
                        tlsclient.build(target="/two") * 20)
        assert connection.read_response().status == 200
        assert connection.read_response().json()["body_sha256"] == sha256(b"c" * 0x4000 * 5)
        for _ in range(20):
            assert b"GET /two" in connection.read_response().body


def test_idle_connections_are_handed_over(begin, basics):
    proxy = begin()
    with tlsclient.connect(proxy, basics.alice, version="1.3") as connection:
        connection.request()
        proxy.event("tls.handover")
        for _ in range(3):
            assert connection.request().status == 200
    assert len(handovers(proxy)) == 1


FORWARD = {"identity": ["rfc9440", "rfc9440-chain"],
           "headers": {"X-Seen-" + name: "{%s}" % name for name in
                       ("tls_version", "cipher", "subject", "verdict", "sha256")}}


@pytest.mark.parametrize("certificate", ["alice", None])
def test_the_backend_and_the_log_see_no_difference(begin, basics, certificate):
    """Of a full and a resumed connection, request by request, with the option on and off."""
    fields = ["cs-uri-stem", "cs-username", "sc-status", "sc-substatus", "sc-win32-status",
              "sc-bytes", "cs-bytes"]
    log = {**LOG, "access": {**LOG["access"], "fields": fields}}
    seen = {}
    for handover in (True, False):
        proxy = begin(top={"performance": {"handover": handover}, "log": log}, forward=FORWARD,
                      client_certificate="accept")
        tls = tlsclient.context(getattr(basics, certificate) if certificate else None, version="1.3")
        session, lines = None, []
        for _ in range(2):
            with tlsclient.connect(proxy, tls=tls, session=session) as connection:
                for turn in range(4):
                    answered = connection.get_json(f"/{turn}")
                    headers = [one for one in answered.json()["headers"]
                               if one[0].lower() not in ("x-request-id", "x-arr-log-id")]
                    lines.append((answered.status, headers, connection.sock.session_reused))
                session = connection.sock.session
        assert bool(handovers(proxy)) is handover
        proxy.stop()
        logged = [one for one in proxy.access_lines.lines if not one.startswith("#")]
        assert len(logged) == 8
        seen[handover] = (lines, logged)
    assert seen[True] == seen[False]
    assert [one[2] for one in seen[True][0]] == [False] * 4 + [True] * 4


def test_sessions_outlive_the_handover(begin, basics):
    proxy = begin()
    tls = tlsclient.context(basics.alice, version="1.3")
    session = None
    for turn in range(4):
        with open_wire(proxy, basics, tls=tls, session=session) as connection:
            assert connection.sock.tls.session_reused is (turn > 0)
            session = connection.sock.tls.session


def test_tls12_and_late_sites_stay(begin, basics):
    proxy = begin(negotiate_client_certificate="late")
    with tlsclient.connect(proxy, basics.alice, version="1.2") as connection:
        for _ in range(3):
            assert connection.request().status == 200
    tls = tlsclient.context(basics.alice, version="1.3")
    tls.post_handshake_auth = True
    with tlsclient.connect(proxy, tls=tls) as connection:
        for _ in range(3):
            assert connection.request().status == 200
    assert not handovers(proxy)


def test_a_certificate_that_expires_is_refused_at_the_next_request(begin, basics):
    brief = basics.issuing.issue("CN=brief", until=4 / 86400)
    proxy = begin()
    with tlsclient.connect(proxy, brief, version="1.3") as connection:
        assert connection.request().status == 200
        assert connection.request().status == 200
        proxy.event("tls.handover")
        eventually(lambda: connection.request().status == 403, "the certificate expires")


def test_reload_closes_idle_connections_in_order(begin, basics):
    proxy = begin()
    with open_wire(proxy, basics) as connection:
        proxy.reload()
        assert connection.get_json("/after").status in (200, 503)
        assert connection.is_at_end()


def test_stopping_lets_the_answer_end(begin, basics, backend):
    release = threading.Event()

    def answer(exchange):
        exchange.read_body()
        if exchange.request.path == "/slow":
            assert release.wait(DEADLINE)
        exchange.reply(200, b"x" * 100000)

    backend.handler = answer
    proxy = begin(upstream=backend.url)
    with open_wire_plain(proxy, basics) as connection:
        connection.send(tlsclient.build(target="/slow"))
        eventually(lambda: any(one.path == "/slow" for one in backend.requests), "it arrives")
        proxy.signal(signal.SIGTERM)
        release.set()
        assert connection.read_response().body == b"x" * 100000
        assert connection.is_at_end()


def open_wire_plain(proxy, basics):
    tls = tlsclient.context(basics.alice, version="1.3")
    connection = tlsclient.Connection(tlsclient.Wire(proxy, tls))
    for _ in range(2):
        assert connection.request().status == 200
    proxy.event("tls.handover")
    return connection


# ---- key updates (4.6.3) --------------------------------------------------------------------


class SClient:
    """openssl s_client, whose command lines k and K send a KeyUpdate; K asks for one, too."""

    def __init__(self, proxy, basics, suite):
        host, port = proxy.address()
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"{host}:{port}", "-servername", "server.test",
             "-tls1_3", "-ciphersuites", suite, "-cert", basics.path("alice.pem"),
             "-key", basics.path("alice.key")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.text = b""

    def send(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def until(self, mark):
        while mark not in self.text:
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, self.text
            self.text += data
        before, self.text = self.text.split(mark, 1)
        return before

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.kill()
        self.process.wait()


@pytest.mark.parametrize("suite", SUITES)
def test_key_updates(begin, basics, suite):
    basics.text("alice.pem", basics.alice.pem)
    basics.text("alice.key", basics.alice.key_pem)
    proxy = begin(suite)
    client = SClient(proxy, basics, suite)
    try:
        client.until(b"Verify return code")
        for turn in range(12):
            client.send(b"GET /%d HTTP/1.1\r\nHost: server.test\r\n\r\n" % turn)
            client.until(b"GET /%d HTTP/1.1" % turn)
            client.until(b"sha256 ")
            if turn > 0:
                proxy.event("tls.handover")
                client.send((b"k\n", b"K\n")[turn % 2])
                client.until(b"KEYUPDATE")
    finally:
        client.close()
    assert len(handovers(proxy)) == 1


# ---- ends and attacks -----------------------------------------------------------------------


def test_an_end_in_order_is_answered_in_order(begin, basics):
    proxy = begin()
    with open_wire(proxy, basics) as connection:
        wire = connection.sock
        with pytest.raises(ssl.SSLWantReadError):
            wire.tls.unwrap()
        wire.raw(wire.outgoing.read())
        while data := wire.tcp.recv(65536):
            wire.incoming.write(data)
        wire.incoming.write_eof()
        wire.tls.unwrap()  # fails without the proxy's close_notify


def test_a_cut_ends_it(begin, basics):
    for part in (0, 3, 5, 20):
        proxy = begin()
        with open_wire(proxy, basics) as connection:
            wire = connection.sock
            wire.raw(wire.seal(tlsclient.build(target="/never"))[:part])
            wire.tcp.shutdown(1)
            assert connection.is_at_end()
        assert not proxy.access_lines.lines or "/never" not in proxy.access_lines.text()


def refused(connection):
    """The reason in the proxy's fatal alert."""
    with pytest.raises(ssl.SSLError) as caught:
        while connection.sock.recv(65536):
            pass
    return caught.value.reason


@pytest.mark.parametrize("byte", [0, 1, 3, 4, 5, 12, -1])
def test_a_changed_record(begin, basics, byte):
    """Nothing of it gets through, the client is told, and the session is gone (6.2)."""
    proxy = begin()
    tls = tlsclient.context(basics.alice, version="1.3")
    with open_wire(proxy, basics, tls=tls) as connection:
        wire = connection.sock
        session = wire.tls.session
        record = bytearray(wire.seal(tlsclient.build(target="/changed")))
        record[byte] ^= 0x80 if byte != 4 else 1
        if byte in (3, 4):  # another length: the rest comes from what follows
            record += bytes(40000)
        wire.raw(bytes(record[:16000 if byte == 4 else None]))
        # As the OpenSSL that runs says it, 3.2 and later otherwise than before.
        version = ("SSLV3_ALERT_DECODE_ERROR" if ssl.OPENSSL_VERSION_INFO >= (3, 2)
                   else "TLSV1_ALERT_PROTOCOL_VERSION")
        reason = {0: "SSLV3_ALERT_UNEXPECTED_MESSAGE", 1: version,
                  3: "TLSV1_ALERT_RECORD_OVERFLOW"}.get(byte, "SSLV3_ALERT_BAD_RECORD_MAC")
        assert refused(connection).replace("TLSV1_ALERT_DECODE", "SSLV3_ALERT_DECODE") == reason
    with tlsclient.connect(proxy, tls=tls, session=session) as connection:
        assert connection.get_json("/again").status == 200
        assert not connection.sock.session_reused
    assert "/changed" not in proxy.access_lines.text()


@pytest.mark.parametrize("raw, reason", [
    (b"\x14\3\3\0\1\1", "SSLV3_ALERT_UNEXPECTED_MESSAGE"),  # 5: change_cipher_spec
    (b"\x15\3\3\0\2\1\0", "SSLV3_ALERT_UNEXPECTED_MESSAGE"),  # close_notify in the clear
    (b"\x16\3\1\0\4\1\0\0\0", "SSLV3_ALERT_UNEXPECTED_MESSAGE"),  # a ClientHello
    (b"\x17\3\3\x41\1", "TLSV1_ALERT_RECORD_OVERFLOW"),  # 5.2: more than 2^14 + 256
    (b"\x17\3\3\0\x0f" + b"a" * 15, "SSLV3_ALERT_BAD_RECORD_MAC"),
    (b"GET / HTTP/1.1\r\n\r\n", "SSLV3_ALERT_UNEXPECTED_MESSAGE"),
])
def test_what_is_not_protected(begin, basics, raw, reason):
    proxy = begin()
    with open_wire(proxy, basics) as connection:
        connection.sock.raw(raw)
        assert refused(connection) == reason


def test_a_record_sent_twice(begin, basics):
    proxy = begin()
    with open_wire(proxy, basics) as connection:
        record = connection.sock.seal(tlsclient.build(target="/once"))
        connection.sock.raw(record)
        assert connection.read_response().status == 200
        proxy.access("/once")
        connection.sock.raw(record)
        assert refused(connection) == "SSLV3_ALERT_BAD_RECORD_MAC"
    proxy.stop()
    assert proxy.access_lines.text().count("/once") == 1


def test_the_option_switches_it_off(begin, basics):
    proxy = begin(top={"performance": {"handover": False}})
    with tlsclient.connect(proxy, basics.alice, version="1.3") as connection:
        for _ in range(5):
            assert connection.request().status == 200
    assert not handovers(proxy)
