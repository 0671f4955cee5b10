"""Long bodies: exact in both directions, with slow peers, beside others, and cut off.

SPDX-License-Identifier: MIT
"""

import hashlib
import os
import random
import socket
import threading
import time

import pytest

import pki
import tlsclient
import upstream as upstream_module
from events import DEADLINE
from proxy import site
from test_logs import access
from test_upstream_tls import TlsUpstream

SIZE = 6_000_011  # neither a multiple of a record nor of a buffer
BODY = random.Random(1).randbytes(SIZE)
DIGEST = hashlib.sha256(BODY).hexdigest()


def serve(backend):
    """/get/FRAMING answers BODY, /put the digest of what it got."""
    def get(framing):
        def handler(exchange):
            exchange.read_body()
            if framing == "length":
                exchange.reply(body=BODY)
                return
            if framing == "close":
                exchange.raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY)
                exchange.close()
                return
            exchange.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            exchange.raw(b"".join(chunks()) + b"0\r\n\r\n")
        return handler

    for framing in ("length", "chunked", "close"):
        backend.handlers["/get/" + framing] = get(framing)

    @backend.on("/put")
    def _(exchange):
        body = exchange.read_body()
        exchange.reply(body=hashlib.sha256(body).hexdigest().encode())


def chunks():
    sizes = random.Random(2)
    at = 0
    while at < SIZE:
        piece = BODY[at:at + sizes.choice([1, 100, 8000, 16384, 70000, 300000])]
        at += len(piece)
        yield b"%x\r\n%s\r\n" % (len(piece), piece)


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("inside"))
    root = pki.authority("CN=Inside Root")
    made = pki.issue("CN=localhost", root, usage=(pki.SERVER_AUTH,), dns=["localhost"])
    return root.write(os.path.join(folder, "ca.pem")), made.write(os.path.join(folder, "s.pem"))


@pytest.fixture(params=["http", "https12", "https13"])
def proxy(request, start, basics, secured):
    """With the backend behind it: plain or TLS."""
    ca, certificate = secured
    if request.param == "http":
        backend = upstream_module.Upstream()
        group = {"servers": [{"url": backend.url}]}
    else:
        backend = TlsUpstream(certificate, tls12=request.param == "https12")
        group = {"servers": [{"url": f"https://localhost:{backend.port}"}], "tls": {"ca": ca}}
    with backend:
        serve(backend)
        started = start(site(basics, upstream="behind"), upstreams={"behind": group})
        started.backend = backend
        # Behind TLS an answer up to the close needs a close_notify, which this backend never sends.
        started.until_close = "close" if request.param == "http" else "length"
        yield started


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_downloads_are_exact(proxy, basics, version):
    with tlsclient.connect(proxy, basics.alice, version=version) as client:
        for framing in ("length", "chunked", "length", proxy.until_close, "chunked"):
            answer = client.request(target="/get/" + framing)
            assert len(answer.body) == SIZE
            assert hashlib.sha256(answer.body).hexdigest() == DIGEST
        assert client.request(target="/after").body == b"ok"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_uploads_are_exact(proxy, basics, version):
    with tlsclient.connect(proxy, basics.alice, version=version) as client:
        for _ in range(2):
            answer = client.request("POST", "/put", body=BODY)
            assert answer.body.decode() == DIGEST
            client.send(tlsclient.build("POST", "/put", [("Transfer-Encoding", "chunked")]))
            client.send(b"".join(chunks()) + b"0\r\n\r\n")
            assert client.read_response().body.decode() == DIGEST
        assert client.request(target="/after").body == b"ok"


def test_what_follows_a_long_body_at_once_is_the_next_request(proxy, basics):
    with tlsclient.connect(proxy, basics.alice) as client:
        first = tlsclient.build("POST", "/put", body=BODY)
        client.send(first + tlsclient.build("POST", "/put", body=BODY[:100]) +
                    tlsclient.build(target="/third"))
        assert client.read_response().body.decode() == DIGEST
        assert client.read_response().body.decode() == hashlib.sha256(BODY[:100]).hexdigest()
        assert client.read_response().body == b"ok"


def slow_socket(proxy):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(DEADLINE)
    sock.connect(proxy.address("https"))
    return sock


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_slow_reader_gets_every_byte(proxy, basics, framing):
    tls = tlsclient.context(basics.alice)
    with tlsclient.Connection(tls.wrap_socket(slow_socket(proxy))) as client:
        client.send(tlsclient.build(target="/get/" + framing))
        head = client.read_head()
        pauses = 20
        while pauses > 0:
            time.sleep(0.01)
            client.buffer += client.sock.recv(3000)
            pauses -= 1
        body = client.read_chunked(head) if framing == "chunked" else client.read_exactly(SIZE)
        assert hashlib.sha256(body).hexdigest() == DIGEST
        assert client.request(target="/after").body == b"ok"


def test_a_slow_backend_gets_every_byte(proxy, basics):
    @proxy.backend.on("/slow")
    def _(exchange):
        got = hashlib.sha256()
        left = SIZE
        while left > 0:
            piece = exchange.reader.read(min(left, 400_000))
            assert piece
            got.update(piece)
            left -= len(piece)
            time.sleep(0.01)
        exchange.request.body = b""
        exchange.reply(body=got.hexdigest().encode())

    with tlsclient.connect(proxy, basics.alice) as client:
        assert client.request("POST", "/slow", body=BODY).body.decode() == DIGEST


def test_a_reader_that_stalls_holds_little_and_is_cut_off(start, basics, backend):
    serve(backend)
    proxy = start(site(basics, upstream=backend.url), timeouts={"body": "1s"})
    tls = tlsclient.context(basics.alice)

    @backend.on("/endless")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        while True:
            exchange.raw(BODY)

    before = sum(proxy.rss().values())
    with tlsclient.Connection(tls.wrap_socket(slow_socket(proxy))) as client:
        client.send(tlsclient.build(target="/endless"))
        client.read_head()
        time.sleep(0.3)
        assert sum(proxy.rss().values()) - before < 16384  # KiB; a sanitizer keeps what was freed
        backend.wait_connections(0)  # the proxy gave both up


def test_a_reader_that_is_merely_slow_is_not_cut_off(start, basics, backend):
    serve(backend)
    # The kernel tells of room when a good part of its buffer is free: megabytes over loopback.
    proxy = start(site(basics, upstream=backend.url), timeouts={"body": "3s"})
    tls = tlsclient.context(basics.alice)
    with tlsclient.Connection(tls.wrap_socket(slow_socket(proxy))) as client:
        client.send(tlsclient.build(target="/get/length"))
        client.read_head()
        end = time.monotonic() + 4
        while time.monotonic() < end:
            client.buffer += client.sock.recv(20000)
            time.sleep(0.02)
        assert hashlib.sha256(client.read_exactly(SIZE)).hexdigest() == DIGEST


@pytest.mark.parametrize("side", ["client", "backend"])
def test_a_body_that_breaks_off_is_never_complete(proxy, basics, side):
    @proxy.backend.on("/half")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE + BODY[:-1])
        exchange.close(reset=True)

    with tlsclient.connect(proxy, basics.alice) as client:
        if side == "backend":
            with pytest.raises((tlsclient.Closed, OSError)):
                client.request(target="/half")
            return
        client.send(tlsclient.build("POST", "/put", body=BODY)[:-1])
        client.abort()
    proxy.backend.wait_connections(0)
    assert all(one.body is None for one in proxy.backend.requests if one.path == "/put")


def test_an_early_answer_ends_an_upload(proxy, basics):
    @proxy.backend.on("/no")
    def _(exchange):
        exchange.reply(413, b"no", reason="Content Too Large")
        exchange.close()

    with tlsclient.connect(proxy, basics.alice) as client:
        announced = [("Content-Length", str(10 ** 9))]
        client.send(tlsclient.build("POST", "/no", announced) + BODY[:200000])
        assert client.read_response().status == 413


def test_one_that_streams_does_not_starve_the_others(start, basics, backend):
    serve(backend)
    proxy = start(site(basics, upstream=backend.url))
    stop = threading.Event()

    def stream():
        with tlsclient.connect(proxy, basics.alice) as client:
            while not stop.is_set():
                assert len(client.request(target="/get/length").body) == SIZE

    threads = [threading.Thread(target=stream) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        with tlsclient.connect(proxy, basics.alice) as client:
            for number in range(50):
                began = time.monotonic()
                assert client.request(target=f"/{number}").body == b"ok"
                assert time.monotonic() - began < 2
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_the_log_counts_every_byte(basics, start, backend):
    serve(backend)
    fields = ["cs-method", "cs-uri-stem", "sc-status", "sc-bytes"]
    proxy = start(site(basics, upstream=backend.url), log=access(fields))
    with tlsclient.connect(proxy, basics.alice) as client:
        answer = client.request(target="/get/length")
        record = proxy.access("/get/length")
        assert int(record["sc-bytes"]) == len(answer.raw_head) + SIZE
