"""Upgrades: WebSocket passes after the same judgement as any request, everything else stays HTTP.

Clauses are those of RFC 6455 and RFC 9110 section 7.8.

SPDX-License-Identifier: MIT
"""

import os
import random
import signal
import socket
import ssl
import subprocess
import threading

import pytest

import tlsclient
import upstream as upstream_module
import websocket
from events import DEADLINE, eventually
from proxy import Proxy, configuration, site

MIB = 1 << 20


@pytest.fixture(scope="module")
def recorder():
    with upstream_module.Upstream() as started:
        started.handlers["/echo"] = websocket.echo
        yield started


@pytest.fixture(scope="module")
def proxy(basics, recorder):
    made = site(basics, upstream=recorder.url, bindings=["https://127.0.0.1:0", "http://127.0.0.1:0"],
                locations=[{"path": "/open", "client_certificate": "ignore", "require_ssl": False}])
    with Proxy(configuration(made)) as started:
        yield started


@pytest.fixture
def client(proxy, basics):
    with tlsclient.connect(proxy, basics.alice) as connection:
        yield connection


def talk(connection, payload, opcode=websocket.BINARY):
    connection.send(websocket.frame(payload, opcode))
    return websocket.read_frame(connection.read_exactly)


def last(recorder, target):
    return [one for one in recorder.requests if one.target == target][-1]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_messages_go_both_ways_until_close(proxy, basics, recorder, version):
    with tlsclient.connect(proxy, basics.alice, version=version) as connection:
        target = f"/echo?{version}"
        assert websocket.open_on(connection, target).status == 101
        assert talk(connection, b"hello", websocket.TEXT) == (websocket.TEXT, b"hello")
        assert talk(connection, b"x" * 70000) == (websocket.BINARY, b"x" * 70000)
        assert talk(connection, b"\x03\xe8", websocket.CLOSE) == (websocket.CLOSE, b"\x03\xe8")
        assert connection.is_at_end()
    seen = last(recorder, target)
    assert (seen.header("connection"), seen.header("upgrade")) == ("Upgrade", "websocket")
    assert seen.header("sec-websocket-version") == "13"
    assert seen.header("client-cert") is not None


def test_the_log_line_comes_at_the_end_with_the_bytes(basics, recorder, start):
    fields = "date time cs-uri-stem sc-status sc-substatus sc-win32-status sc-bytes cs-bytes"
    log = {"error": {"level": "info"},
           "access": {"path": "stdout", "flush": "10ms", "fields": fields.split()}}
    proxy = start(site(basics, upstream=recorder.url), log=log)
    with tlsclient.connect(proxy, basics.alice) as connection:
        assert websocket.open_on(connection).status == 101
        talk(connection, b"x" * 50000)
        assert not [one for one in proxy.access_lines.lines if " /echo " in one]
        talk(connection, b"", websocket.CLOSE)
        assert connection.is_at_end()
    record = proxy.access("/echo")
    assert proxy.verdict("/echo") == (101, 0, 0)
    assert int(record["sc-bytes"]) > 50000 and int(record["cs-bytes"]) > 50000


def test_ten_mebibytes_both_ways_at_once(client):
    """Each end sends everything before it reads: only the tunnel's bound keeps memory down."""
    assert websocket.open_on(client).status == 101
    payload = os.urandom(10 * MIB)
    client.send_while_reading(websocket.frame(payload))
    assert websocket.read_frame(client.read_exactly) == (websocket.BINARY, payload)


def test_many_small_messages_keep_their_order(client):
    assert websocket.open_on(client).status == 101
    client.send(b"".join(websocket.frame(b"%d" % n) for n in range(5000)))
    for n in range(5000):
        assert websocket.read_frame(client.read_exactly) == (websocket.BINARY, b"%d" % n)


def test_a_slow_reader_stops_the_sender_and_costs_no_memory(proxy, recorder, basics):
    sent = []
    done = threading.Event()

    @recorder.on("/flood")
    def _(exchange):
        exchange.is_closed = True
        websocket.answer_101(exchange)
        exchange.sock.settimeout(1)
        piece = b"z" * 65536
        try:
            for _ in range(1600):  # 100 MiB
                exchange.sock.sendall(piece)
                sent.append(len(piece))
        except socket.timeout:
            pass
        done.set()

    before = max(proxy.rss().values())
    with tlsclient.connect(proxy, basics.alice) as connection:
        assert websocket.open_on(connection, "/flood").status == 101
        assert done.wait(DEADLINE)
        assert sum(sent) < 64 * MIB, "nobody held the sender back"
        assert max(proxy.rss().values()) - before < 8 * 1024


def test_a_slow_server_stops_the_client(proxy, recorder, basics):
    release = threading.Event()
    got = []

    @recorder.on("/deaf")
    def _(exchange):
        exchange.is_closed = True
        websocket.answer_101(exchange)
        release.wait(DEADLINE)
        while True:
            data = exchange.reader.read1(65536)
            if not data:
                return
            got.append(len(data))

    with tlsclient.connect(proxy, basics.alice) as connection:
        assert websocket.open_on(connection, "/deaf").status == 101
        connection.sock.settimeout(1)
        total = 0
        with pytest.raises((socket.timeout, TimeoutError)):
            while total < 100 * MIB:
                total += connection.sock.send(b"y" * 65536)
        assert total < 64 * MIB
        release.set()
        connection.sock.settimeout(DEADLINE)
        eventually(lambda: sum(got) > 0, "the server reads")


def test_half_close_by_the_client_reaches_the_server_and_answers_still_come(proxy, recorder):
    @recorder.on("/open/half")
    def _(exchange):
        exchange.is_closed = True
        websocket.answer_101(exchange)
        everything = exchange.reader.read()
        exchange.raw(b"got %d" % len(everything))

    with tlsclient.plain(proxy) as connection:
        assert websocket.open_on(connection, "/open/half").status == 101
        connection.send(b"a" * 1000)
        connection.sock.shutdown(socket.SHUT_WR)
        assert connection.read_to_end() == b"got 1000"
    assert proxy.verdict("/open/half") == (101, 0, 0)


def test_half_close_by_the_server_reaches_the_client(proxy, recorder):
    received = []

    @recorder.on("/open/server-half")
    def _(exchange):
        exchange.is_closed = True
        websocket.answer_101(exchange)
        exchange.raw(b"the end")
        exchange.sock.shutdown(socket.SHUT_WR)
        received.append(exchange.reader.read())

    with tlsclient.plain(proxy) as connection:
        assert websocket.open_on(connection, "/open/server-half").status == 101
        assert connection.read_to_end() == b"the end"
        connection.send(b"and mine")
        connection.sock.shutdown(socket.SHUT_WR)
        eventually(lambda: received == [b"and mine"], "the rest arrives")


class HalfClosingTls:
    """A TLS client that can say goodbye and go on reading, which ssl.SSLSocket cannot."""

    def __init__(self, proxy, identity, version):
        self.sock = tlsclient.tcp(proxy)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = tlsclient.context(identity, version=version)
        self.tls = tls.wrap_bio(self.incoming, self.outgoing, server_hostname="server.test")
        self._drive(self.tls.do_handshake)

    def _drive(self, call):
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                self._flush()
                data = self.sock.recv(65536)
                if not data:
                    self.incoming.write_eof()
                self.incoming.write(data)
            finally:
                self._flush()

    def _flush(self):
        self.sock.sendall(self.outgoing.read())

    def sendall(self, data):
        self.tls.write(data)
        self._flush()

    def recv(self, size):
        try:
            return self._drive(lambda: self.tls.read(size))
        except ssl.SSLZeroReturnError:
            return b""

    def end(self):
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        self._flush()

    def close(self):
        self.sock.close()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_half_close_works_through_tls_as_well(proxy, recorder, basics, version):
    """RFC 8446 section 6.1: close_notify ends one direction, not both."""
    @recorder.on("/tls-half")
    def _(exchange):
        exchange.is_closed = True
        websocket.answer_101(exchange)
        everything = exchange.reader.read()
        exchange.raw(b"got %d" % len(everything) + b"!" * 100000)

    sock = HalfClosingTls(proxy, basics.alice, version)
    with tlsclient.Connection(sock) as connection:
        assert websocket.open_on(connection, "/tls-half").status == 101
        connection.send(b"a" * 30000)
        sock.end()
        assert connection.read_to_end() == b"got 30000" + b"!" * 100000
    assert proxy.verdict("/tls-half") == (101, 0, 0)


def test_many_tunnels_at_once_never_mix(proxy, basics):
    problems = []

    def use(number):
        chooser = random.Random(number)
        with tlsclient.connect(proxy, basics.alice) as connection:
            if websocket.open_on(connection, f"/echo?n={number}").status != 101:
                problems.append(number)
                return
            for _ in range(30):
                payload = bytes([number]) * chooser.choice([0, 1, 125, 126, 5000, 16384, 65536])
                if talk(connection, payload) != (websocket.BINARY, payload):
                    problems.append(number)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(24)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(DEADLINE)
    assert not problems


def test_bytes_of_an_eager_client_wait_for_the_101(proxy, recorder, basics):
    order = []

    @recorder.on("/eager")
    def _(exchange):
        exchange.sock.settimeout(0.3)
        try:
            order.append(exchange.reader.read(1))
        except socket.timeout:
            order.append("nothing before the 101")
        exchange.sock.settimeout(DEADLINE)
        exchange.reader = exchange.sock.makefile("rb")
        websocket.echo(exchange)

    with tlsclient.connect(proxy, basics.alice) as connection:
        key = websocket.new_key()
        connection.send(tlsclient.build(target="/eager", headers=websocket.opening(key)) +
                        websocket.frame(b"early"))
        assert connection.read_head().status == 101
        assert websocket.read_frame(connection.read_exactly) == (websocket.BINARY, b"early")
    assert order == ["nothing before the 101"]


def test_a_request_behind_a_refused_upgrade_is_not_interpreted(proxy, recorder, basics):
    """What an eager client sends is WebSocket to it: never a request of its own."""
    @recorder.on("/refuses")
    def _(exchange):
        exchange.reply(426, b"no", [("Upgrade", "websocket")])

    with tlsclient.connect(proxy, basics.alice) as connection:
        connection.send(tlsclient.build(target="/refuses",
                                        headers=websocket.opening(websocket.new_key())) +
                        tlsclient.build(target="/smuggled"))
        answer = connection.read_response()
        assert (answer.status, answer.header("connection")) == (426, "close")
        assert connection.is_at_end()
    assert not [one for one in recorder.requests if one.target == "/smuggled"]


def test_another_answer_than_101_is_an_ordinary_response(client, recorder):
    @recorder.on("/plain-answer")
    def _(exchange):
        exchange.reply(200, b"still http")

    answer = websocket.open_on(client, "/plain-answer")
    assert (answer.status, answer.body) == (200, b"still http")
    assert client.request(target="/after").status == 200


KEY = "dGhlIHNhbXBsZSBub25jZQ=="
NOT_AN_UPGRADE = {
    "h2c": [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAM")],
    "h2c-with-key": [("Connection", "Upgrade"), ("Upgrade", "h2c"), ("Sec-WebSocket-Key", KEY)],
    "connection-does-not-name-it": [("Upgrade", "websocket"), ("Sec-WebSocket-Key", KEY)],
    "connection-names-another": [("Connection", "keep-alive"), ("Upgrade", "websocket"),
                                 ("Sec-WebSocket-Key", KEY)],
    "no-key": websocket.opening(None),
    "two-keys": [*websocket.opening(KEY), ("Sec-WebSocket-Key", KEY)],
    "short-key": websocket.opening("c2hvcnQ="),
    "key-is-no-base64": websocket.opening("dGhlIHNhbXBsZSBub25j*Q=="),
    "another-word": websocket.opening(KEY, Upgrade="websockets"),
}


@pytest.mark.parametrize("case", NOT_AN_UPGRADE)
def test_any_other_upgrade_is_removed_and_the_request_goes_on(client, recorder, case):
    """And a backend that answers 101 all the same is not believed."""
    answer = client.request(target=f"/ordinary?{case}", headers=NOT_AN_UPGRADE[case])
    assert (answer.status, answer.body) == (200, b"ok")
    seen = last(recorder, f"/ordinary?{case}")
    assert (seen.header("upgrade"), seen.header("connection")) == (None, None)
    assert seen.header("http2-settings") is None
    refused = client.request(target="/echo", headers=NOT_AN_UPGRADE[case])
    assert refused.status == 502


def test_of_several_protocols_only_websocket_goes_on(client, recorder):
    answer = websocket.open_on(client, "/echo?several", Upgrade="h2c, WebSocket",
                               Connection="keep-alive, upgrade")
    assert answer.status == 101
    seen = last(recorder, "/echo?several")
    assert (seen.header("connection"), seen.header("upgrade")) == ("Upgrade", "websocket")


@pytest.mark.parametrize("method, body", [("POST", b""), ("POST", b"abc"), ("GET", b"abc"),
                                          ("HEAD", None), ("OPTIONS", None)])
def test_only_a_get_without_a_body_upgrades(client, recorder, method, body):
    answer = client.request(method, "/ordinary?method", websocket.opening(KEY), body)
    assert answer.status == 200
    assert last(recorder, "/ordinary?method").header("upgrade") is None


def test_http_1_0_never_upgrades(proxy, recorder, basics):
    with tlsclient.connect(proxy, basics.alice) as connection:
        fields = "".join(f"{name}: {value}\r\n" for name, value in websocket.opening(KEY))
        connection.send(f"GET /ordinary?10 HTTP/1.0\r\nHost: server.test\r\n{fields}\r\n")
        assert connection.read_response().status == 200
    assert last(recorder, "/ordinary?10").header("upgrade") is None


INVALID_101 = {
    "wrong-accept": {"Sec_WebSocket_Accept": websocket.accept_of("AAAAAAAAAAAAAAAAAAAAAA==")},
    "no-accept": {"Sec_WebSocket_Accept": None},
    "no-upgrade": {"Upgrade": None},
    "other-protocol": {"Upgrade": "h2c"},
    "no-connection": {"Connection": None},
    "length": {"Content_Length": "5"},
    "length-of-nothing": {"Content_Length": "0"},
    "chunked": {"Transfer_Encoding": "chunked"},
}


@pytest.mark.parametrize("case", INVALID_101)
def test_an_invalid_101_is_a_bad_gateway(proxy, client, recorder, case):
    """RFC 6455 section 4.2.2; 502.3 with win32 12152."""
    @recorder.on(f"/invalid-{case}")
    def _(exchange):
        exchange.is_closed = True
        websocket.answer_101(exchange, **INVALID_101[case])

    answer = websocket.open_on(client, f"/invalid-{case}")
    assert answer.status == 502
    assert proxy.verdict(f"/invalid-{case}") == (502, 3, 12152)
    assert client.request(target="/after").status == 200


def test_a_101_nobody_asked_for_is_a_bad_gateway(proxy, client, recorder):
    @recorder.on("/unasked")
    def _(exchange):
        exchange.is_closed = True
        websocket.answer_101(exchange)

    assert client.request(target="/unasked").status == 502
    assert proxy.verdict("/unasked") == (502, 3, 12152)


def test_no_certificate_no_upgrade(proxy, recorder):
    with tlsclient.connect(proxy) as connection:
        assert websocket.open_on(connection, "/echo/anonymous").status == 403
    assert proxy.verdict("/echo/anonymous") == (403, 7, 5)
    assert not [one for one in recorder.requests if one.target == "/echo/anonymous"]


def test_untrusted_certificate_no_upgrade(proxy, basics, recorder):
    with tlsclient.connect(proxy, basics.outsider) as connection:
        assert websocket.open_on(connection, "/echo/outsider").status == 403
    assert proxy.verdict("/echo/outsider") == (403, 16, 2148204809)
    assert not [one for one in recorder.requests if one.target == "/echo/outsider"]


def test_a_client_that_vanishes_ends_the_tunnel(proxy, recorder, basics):
    ended = threading.Event()

    @recorder.on("/vanish")
    def _(exchange):
        exchange.is_closed = True
        websocket.answer_101(exchange)
        try:
            exchange.reader.read()
        except OSError:
            pass
        ended.set()

    connection = tlsclient.connect(proxy, basics.alice)
    assert websocket.open_on(connection, "/vanish").status == 101
    connection.abort()
    assert ended.wait(DEADLINE)
    assert proxy.verdict("/vanish")[0] == 101


def test_a_server_that_breaks_ends_the_tunnel(proxy, recorder, basics):
    @recorder.on("/breaks")
    def _(exchange):
        websocket.answer_101(exchange)
        exchange.close(reset=True)
        exchange.reader.close()
        exchange.sock.close()

    with tlsclient.connect(proxy, basics.alice) as connection:
        assert websocket.open_on(connection, "/breaks").status == 101
        try:
            assert connection.is_at_end()
        except OSError:
            pass
    assert proxy.verdict("/breaks")[0] == 101


def test_timeouts_tunnel_is_the_idle_limit(basics, recorder, start):
    proxy = start(site(basics, upstream=recorder.url), timeouts={"tunnel": "3s"})
    with tlsclient.connect(proxy, basics.alice) as connection:
        assert websocket.open_on(connection).status == 101
        for _ in range(10):  # each message starts the limit anew
            assert talk(connection, b"tick") == (websocket.BINARY, b"tick")
        assert connection.is_at_end()
    proxy.event("tunnel.idle")
    assert proxy.verdict("/echo") == (101, 0, 0)


def test_a_half_closed_tunnel_lives_no_longer_than_an_idle_connection(basics, recorder, start):
    @recorder.on("/lingers")
    def _(exchange):
        exchange.is_closed = True
        websocket.answer_101(exchange)

    proxy = start(site(basics, upstream=recorder.url), timeouts={"idle": "3s"})
    with tlsclient.connect(proxy, basics.alice) as connection:
        assert websocket.open_on(connection, "/lingers").status == 101
        assert connection.is_at_end()
        proxy.event("tunnel.idle")


def test_a_tunnel_survives_a_reload_until_the_drain_is_over(basics, recorder, start):
    proxy = start(site(basics, upstream=recorder.url), timeouts={"reload_drain": "5s"})
    with tlsclient.connect(proxy, basics.alice) as connection:
        assert websocket.open_on(connection).status == 101
        proxy.reload(configuration(site(basics, upstream=recorder.url, name="changed"),
                                   timeouts={"reload_drain": "5s"}))
        assert talk(connection, b"still here") == (websocket.BINARY, b"still here")
        try:
            assert connection.is_at_end()
        except OSError:
            pass
    assert proxy.verdict("/echo")[0] == 101


def test_a_tunnel_ends_with_the_stop_deadline(basics, recorder, start):
    proxy = start(site(basics, upstream=recorder.url), timeouts={"stop": "500ms"})
    with tlsclient.connect(proxy, basics.alice) as connection:
        assert websocket.open_on(connection).status == 101
        proxy.signal(signal.SIGTERM)
        try:
            assert connection.is_at_end()
        except OSError:
            pass
    assert proxy.wait() == 0
    assert proxy.verdict("/echo")[0] == 101


def test_the_http2_preface_is_told_that_http2_is_not_spoken(proxy, basics):
    """RFC 9113 section 3.4: prior knowledge; a request line of HTTP/2.0 to us."""
    with tlsclient.connect(proxy, basics.alice) as connection:
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        answer = connection.read_response()
        assert (answer.status, answer.header("connection")) == (505, "close")
        assert connection.is_at_end()


NODE = "/usr/bin/node"


@pytest.mark.skipif(not os.access(NODE, os.X_OK), reason="no node")
def test_a_browser_like_client_of_node(proxy, recorder, basics):
    """Node's own WebSocket over the clear binding (its client takes no certificate)."""
    recorder.handlers["/open/echo"] = websocket.echo
    host, port = proxy.address("http")
    script = (f"const ws = new WebSocket('ws://{host}:{port}/open/echo');"
              "ws.onopen = () => ws.send('from node');"
              "ws.onmessage = (m) => { console.log(m.data); ws.close(1000); };"
              "ws.onclose = (e) => { console.log(e.code); };"
              "ws.onerror = (e) => { console.log('error', e.message); };")
    probe = subprocess.run([NODE, "--experimental-websocket", "-p", "typeof WebSocket"],
                           capture_output=True, text=True, timeout=DEADLINE, check=False)
    if probe.stdout.strip() != "function":
        pytest.skip("this node has no WebSocket")
    done = subprocess.run([NODE, "--experimental-websocket", "-e", script], capture_output=True,
                          text=True, timeout=DEADLINE, check=False)
    assert done.stdout.split("\n")[:2] == ["from node", "1000"], done.stdout + done.stderr
