"""WebSocket over HTTP/2: an extended CONNECT becomes an upgrade of HTTP/1.1 towards the backend.

Clauses are those of RFC 8441.

SPDX-License-Identifier: MIT
"""

import os
import struct
import threading

import pytest

import h2client
import upstream as upstream_module
import websocket
from events import DEADLINE, eventually
from h2client import (CANCEL, DATA, END_HEADERS, END_STREAM, RST_STREAM, SETTINGS, WINDOW_UPDATE, Client, Frames,
                      frame)
from proxy import Proxy, configuration, site

KIB = 1 << 10


@pytest.fixture(scope="module")
def recorder():
    with upstream_module.Upstream() as started:
        started.handlers["/chat"] = websocket.echo
        yield started


@pytest.fixture(scope="module")
def proxy(basics, recorder):
    made = site(basics, upstream=recorder.url, locations=[
        {"path": "/echo", "upstream": "echo"},
        {"path": "/open", "client_certificate": "ignore"}])
    with Proxy(configuration(made, limits={"body_bytes": 64 * KIB})) as started:
        yield started


@pytest.fixture
def client(proxy, basics):
    with Frames(proxy, basics.alice) as connection:
        connection.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 24)),
                        frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 24)))
        yield connection


def opening(path="/chat", **changes):
    fields = {":method": "CONNECT", ":protocol": "websocket", ":scheme": "https",
              ":authority": "server.test", ":path": path, "sec-websocket-version": "13"}
    fields.update({name.replace("_", "-"): value for name, value in changes.items()})
    return list(fields.items())


def begin(client, stream, *, path="/chat", **changes):
    client.send(client.headers(stream, opening(path, **changes), END_HEADERS))


def send(client, stream, data, flags=0):
    for at in range(0, max(len(data), 1), 16000):
        last = at + 16000 >= len(data)
        client.send(frame(DATA, flags if last else 0, stream, data[at:at + 16000]))


def reader(client, stream):
    """Reads exactly so many bytes of the stream's DATA."""
    kept = bytearray()

    def exactly(count):
        while len(kept) < count:
            got = client.until(DATA, stream)
            assert got is not None
            kept.extend(got[3])
        data = bytes(kept[:count])
        del kept[:count]
        return data

    return exactly


def last(recorder, path):
    return [one for one in recorder.requests if one.path == path][-1]


def test_it_is_offered(client):
    """section 3"""
    settings = client.until(SETTINGS)[3]
    pairs = [struct.unpack(">HI", settings[at:at + 6]) for at in range(0, len(settings), 6)]
    assert (8, 1) in pairs


def test_messages_go_both_ways_until_close(client, recorder):
    begin(client, 1)
    assert client.status(1) == 200
    assert not {"sec-websocket-accept", "upgrade", "connection"} & set(client.heads[1])
    read = reader(client, 1)
    for payload in (b"hello", b"x" * 70_000, os.urandom(300_000)):  # more than limits.body_bytes
        send(client, 1, websocket.frame(payload))
        assert websocket.read_frame(read) == (websocket.BINARY, payload)
    send(client, 1, websocket.frame(b"\x03\xe8", websocket.CLOSE))
    assert websocket.read_frame(read) == (websocket.CLOSE, b"\x03\xe8")
    while not client.seen[-1][1] & END_STREAM:
        assert client.until(DATA, 1)
    seen = last(recorder, "/chat")
    assert seen.method == "GET"
    assert (seen.header("connection"), seen.header("upgrade")) == ("Upgrade", "websocket")
    assert seen.header("sec-websocket-version") == "13"
    assert len(seen.values("sec-websocket-key")) == 1
    assert seen.header("client-cert") is not None


def test_other_streams_go_on_beside_it(client):
    begin(client, 1)
    assert client.status(1) == 200
    for stream in (3, 5, 7):
        client.send(client.headers(stream, h2client.head("/echo")))
        assert client.status(stream) == 200
    send(client, 1, websocket.frame(b"still here"))
    assert websocket.read_frame(reader(client, 1)) == (websocket.BINARY, b"still here")


def test_a_key_of_the_client_is_not_used(client, recorder):
    begin(client, 1, sec_websocket_key="AAAAAAAAAAAAAAAAAAAAAA==")
    assert client.status(1) == 200
    assert last(recorder, "/chat").header("sec-websocket-key") != "AAAAAAAAAAAAAAAAAAAAAA=="


def test_it_is_judged_like_every_request(proxy, recorder):
    with Frames(proxy) as client:
        before = len(recorder.requests)
        begin(client, 1)
        assert client.status(1) == 403
        begin(client, 3, path="/open", client_cert="forged")
        assert client.status(3) == 502  # judged and passed on; this backend knows no WebSocket
    assert len(recorder.requests) == before + 1
    assert b"forged" not in recorder.requests[-1].raw


def test_nothing_reaches_the_backend_before_its_101(client, recorder):
    """What comes early would be read as the next request where the upgrade is refused."""
    go_on = threading.Event()
    rest = []

    @recorder.on("/refuses")
    def _(exchange):
        assert go_on.wait(DEADLINE)
        exchange.sock.setblocking(False)
        try:
            rest.append(exchange.sock.recv(65536))
        except BlockingIOError:
            rest.append(b"")
        exchange.sock.setblocking(True)
        exchange.reply(403)

    begin(client, 1, path="/refuses")
    send(client, 1, b"GET /smuggled HTTP/1.1\r\nHost: server.test\r\n\r\n", END_STREAM)
    client.send(client.headers(3, h2client.head("/echo")))
    assert client.status(3) == 200  # so the bytes have come
    go_on.set()
    assert client.status(1) == 403
    assert rest == [b""]
    assert not [one for one in recorder.requests if one.path == "/smuggled"]


@pytest.mark.parametrize("status", [200, 204, 226])
def test_success_without_101_is_none(client, recorder, status):
    @recorder.on("/liar")
    def _(exchange):
        exchange.reply(status, body=b"" if status == 204 else b"ok")

    begin(client, 1, path="/liar")
    assert client.status(1) == 502


def test_another_answer_is_passed_on(client, recorder):
    @recorder.on("/elsewhere")
    def _(exchange):
        exchange.reply(401, headers=[("WWW-Authenticate", "Basic")])

    begin(client, 1, path="/elsewhere")
    assert client.status(1) == 401


def test_the_echo_has_none(client):
    begin(client, 1, path="/echo")
    assert client.status(1) == 501


def test_another_protocol_is_not_implemented(client):
    begin(client, 1, **{":protocol": "connect-udp"})
    assert client.status(1) == 501


def test_a_reset_ends_the_other_side(client, recorder):
    ends = []

    @recorder.on("/watched")
    def _(exchange):
        try:
            websocket.echo(exchange)
        finally:
            ends.append(True)

    begin(client, 1, path="/watched")
    assert client.status(1) == 200
    client.send(frame(RST_STREAM, 0, 1, struct.pack(">I", CANCEL)))
    eventually(lambda: ends)


def test_the_end_of_the_clients_half_is_passed_on(client, recorder):
    got = []

    @recorder.on("/half")
    def _(exchange):
        key = exchange.request.header("sec-websocket-key")
        exchange.raw(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      f"Sec-WebSocket-Accept: {websocket.accept_of(key)}\r\n\r\n").encode())
        got.append(exchange.reader.read())
        exchange.raw(b"after the end")
        exchange.close()

    begin(client, 1, path="/half")
    assert client.status(1) == 200
    send(client, 1, b"whole", END_STREAM)
    assert reader(client, 1)(13) == b"after the end"
    assert got == [b"whole"]


def test_one_that_is_idle_ends(basics, recorder, start):
    proxy = start(site(basics, upstream=recorder.url), timeouts={"tunnel": "300ms"})
    with Frames(proxy, basics.alice) as client:
        begin(client, 1)
        assert client.status(1) == 200
        assert struct.unpack(">I", client.until(RST_STREAM, 1)[3])[0] == CANCEL
        client.send(client.headers(3, h2client.head("/")))
        assert client.status(3) == 200


def test_one_outlives_the_deadline_of_bodies(basics, recorder, start):
    proxy = start(site(basics, upstream=recorder.url), timeouts={"body": "200ms"})
    with Frames(proxy, basics.alice) as client, Client(proxy, basics.alice) as other:
        begin(client, 1)
        assert client.status(1) == 200
        stalled = other.ask("/", method="POST", end=False)
        assert other.wait(stalled).status == 408  # so the time has passed
        send(client, 1, websocket.frame(b"awake"))
        assert websocket.read_frame(reader(client, 1)) == (websocket.BINARY, b"awake")
