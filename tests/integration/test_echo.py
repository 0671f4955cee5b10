"""`mtls-proxy echo` as a backend that misbehaves where it is asked to.

SPDX-License-Identifier: MIT
"""

import re
import socket
import subprocess

import pytest

import tlsclient
import websocket
from events import DEADLINE, Lines
from proxy import BINARY, SANITIZER, site


@pytest.fixture(scope="module")
def echo():
    process = subprocess.Popen([BINARY, "echo", "--listen", "127.0.0.1:0"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, errors = Lines(process.stdout), Lines(process.stderr)
    try:
        line = errors.wait(lambda one: "echo.ready" in one)
        assert line, errors.text()
        yield int(re.search(r":(\d+)", line.split("bindings=")[1].split("//")[1]).group(1))
    finally:
        process.terminate()
        assert process.wait(DEADLINE) == 0
        assert errors.drained() and out.drained()
        assert not SANITIZER.search(errors.text()), errors.text()


@pytest.fixture
def client(echo):
    with tlsclient.Connection(socket.create_connection(("127.0.0.1", echo),
                                                       timeout=DEADLINE)) as one:
        yield one


@pytest.mark.parametrize("status", [200, 204, 301, 304, 404, 418, 500, 503, 599])
def test_status(client, status):
    for method in ("GET", "HEAD", "POST"):
        answer = client.request(method, f"/status/{status}", body=b"x" if method == "POST" else None)
        assert answer.status == status
    assert client.request("GET", "/status/200?query").body == b"200 OK\n"


@pytest.mark.parametrize("path", [
    "/status", "/status/", "/status/99", "/status/199", "/status/600", "/status/abc",
    "/status/200/1", "/delay", "/delay/5", "/delay/61m", "/delay/1s/1s", "/bytes", "/bytes/x",
    "/bytes/1025g", "/drip/0", "/drip/1/x", "/drip/1/1s/1", "/sse/0", "/close/1", "/reset/", "/garbage/x"])
def test_what_cannot_be_read_is_400_and_says_what_was_expected(client, path):
    answer = client.request("GET", path)
    assert answer.status == 400
    assert answer.body.startswith(b"expected /" + path.split("/")[1].encode())


@pytest.mark.parametrize("path", ["/", "/statusx/503", "/x/status/503", "/Status/503", "/bytesize"])
def test_any_other_path_is_echoed_as_ever(client, path):
    assert client.get_json(path).json()["target"] == path


def test_delay(client):
    assert client.request("GET", "/delay/0s").body == b"waited 0 ms\n"
    assert client.request("POST", "/delay/50ms", body=b"x" * 100000).body == b"waited 50 ms\n"


@pytest.mark.parametrize("size,count", [("0", 0), ("1", 1), ("16k", 16384), ("16385", 16385),
                                        ("10m", 10 << 20)])
def test_bytes(client, size, count):
    answer = client.request("GET", f"/bytes/{size}")
    assert answer.header("content-length") == str(count)
    line = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n"
    assert answer.body == (line * (count // len(line) + 1))[:count]
    assert client.request("HEAD", f"/bytes/{size}").status == 200


def test_drip(client):
    assert client.request("GET", "/drip/5/10ms").body == b"....."
    client.send(tlsclient.build(target="/drip/2/1h"))
    head = client.read_head()
    assert head.header("content-length") == "2"
    assert client.read_exactly(1) == b"."  # and the next in an hour


def test_events(client):
    answer = client.request("GET", "/sse/3/1ms")
    assert answer.header("content-type") == "text/event-stream"
    assert answer.body == b"".join(b"id: %d\ndata: event %d\n\n" % (at, at) for at in range(3))
    client.send(tlsclient.build(target="/sse/1000000/1ms"))
    client.read_head()
    client.read_until(b"event 5\n")  # a client that has enough goes away


def test_close(client):
    client.send(tlsclient.build("POST", "/close", body=b"x" * 1000))
    assert client.is_at_end()


def test_reset(client):
    client.send(tlsclient.build(target="/reset"))
    with pytest.raises(ConnectionResetError):
        client.read_to_end()


def test_garbage(client):
    client.send(tlsclient.build(target="/garbage"))
    data = client.read_to_end()
    assert data and not data.startswith(b"HTTP/")


def test_websocket(client):
    websocket.open_on(client, "/websocket")
    for size in (0, 1, 125, 126, 65535, 65536, 1 << 20):
        payload = bytes(at % 251 for at in range(size))
        client.send_while_reading(websocket.frame(payload))
        assert payload == frame_of(client)[1]
    client.send(websocket.frame(b"are you there", 0x9))
    assert frame_of(client) == (0xA, b"are you there")
    client.send(websocket.frame(b"nobody asked", 0xA) + websocket.frame(b"\x03\xe8", 0x8))
    assert frame_of(client) == (0x8, b"\x03\xe8")
    assert client.is_at_end()


def frame_of(client):
    """(opcode, payload) of an unmasked frame."""
    first, length = client.read_exactly(2)
    assert first & 0x80 and not length & 0x80
    if length >= 126:
        length = int.from_bytes(client.read_exactly(2 if length == 126 else 8), "big")
    return first & 0x0F, client.read_exactly(length)


def test_websocket_byte_by_byte(client):
    websocket.open_on(client, "/websocket")
    for byte in websocket.frame(b"slow", 0x1):
        client.send(bytes([byte]))
    assert frame_of(client) == (0x1, b"slow")


@pytest.mark.parametrize("broken", [
    websocket.frame(b"x", is_client=False), b"\xc1\x81\0\0\0\0x", b"\x83\x81\0\0\0\0x",
    b"\x8b\x81\0\0\0\0x", b"\x09\x81\0\0\0\0x", b"\x89\xfe\0\x7e" + bytes(130)],
    ids=["not masked", "reserved bit", "opcode 3", "opcode 11", "ping in parts", "long ping"])
def test_websocket_ends_for_who_breaks_the_rules(client, broken):
    """RFC 6455 sections 5.1, 5.2 and 5.5."""
    websocket.open_on(client, "/websocket")
    client.send(broken)
    try:
        assert client.read_to_end() == b""
    except ConnectionResetError:
        pass


def test_websocket_without_an_upgrade(client):
    assert client.request("GET", "/websocket").status == 426


def test_a_rehearsal_through_the_proxy(start, basics, echo):
    proxy = start(site(basics, upstream=f"http://127.0.0.1:{echo}"))
    hasty = start(site(basics, upstream=f"http://127.0.0.1:{echo}"), timeouts={"response": "100ms"})
    assert tlsclient.fetch(hasty, "/delay/1h", identity=basics.alice).status == 504
    for path, status in (("/status/503", 503), ("/close", 502), ("/reset", 502), ("/garbage", 502),
                         ("/bytes/100k", 200)):
        assert tlsclient.fetch(proxy, path, identity=basics.alice).status == status
    with tlsclient.connect(proxy, basics.alice) as connection:
        websocket.open_on(connection, "/websocket")
        connection.send(websocket.frame(b"through"))
        assert frame_of(connection)[1] == b"through"


def test_the_embedded_echo_behaves(start, basics):
    """Only the command misbehaves: a proxy that serves the echo is not a tool for strangers."""
    proxy = start(site(basics))
    for path in ("/status/503", "/close", "/bytes/10m", "/websocket"):
        told = tlsclient.fetch_json(proxy, path, identity=basics.alice).json()
        assert told["target"] == path
