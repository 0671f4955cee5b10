"""forward.request_body: buffer: the backend gets whole bodies with their length.

SPDX-License-Identifier: MIT
"""

import contextlib
import hashlib
import os
import random
import tempfile
import threading

import pytest

import proxy as proxy_module
import tlsclient
import upstream as upstream_module
from events import DEADLINE, eventually
from proxy import free_port, run, site
from test_upstream_resolve import can_hide_files

BODY = random.Random(3).randbytes(5_000_011)
SIZES = (0, 1, 4096, 65535, 65536, 65537, 65536 + (1 << 20), 65537 + (1 << 20), len(BODY))


def digest(backend):
    @backend.on("/digest")
    def _(exchange):
        body = exchange.read_body()
        exchange.reply(body=hashlib.sha256(body).hexdigest().encode())


def chunked(body):
    sizes = random.Random(4)
    at = 0
    while at < len(body):
        piece = body[at:at + sizes.choice([1, 100, 8000, 16384, 70000, 300000])]
        at += len(piece)
        yield b"%x\r\n%s\r\n" % (len(piece), piece)


def framed(body, framing):
    if framing == "length":
        return f"Content-Length: {len(body)}", body
    return "Transfer-Encoding: chunked", b"".join(chunked(body)) + b"0\r\nX-Trailer: 1\r\n\r\n"


def post(client, body, framing="chunked", target="/digest", *fields):
    field, bytes_ = framed(body, framing)
    client.send("\r\n".join((f"POST {target} HTTP/1.1", "Host: server.test", field, *fields, "", "")))
    client.send(bytes_)
    return client.read_response()


def buffering(basics, backend, **changes):
    changes.setdefault("upstream", getattr(backend, "url", backend))
    return site(basics, forward={"request_body": "buffer"}, **changes)


def spool_size(proxy):
    """What the nameless files of the workers hold."""
    sizes = []
    for worker in proxy.workers():
        for name in os.listdir(f"/proc/{worker}/fd"):
            path = f"/proc/{worker}/fd/{name}"
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                target = os.readlink(path)
                if "(deleted)" in target and "memfd" not in target:
                    sizes.append(os.stat(path).st_size)
    assert len(sizes) == len(proxy.workers()), sizes
    return sum(sizes)


@pytest.mark.parametrize("framing", ["chunked", "length"])
@pytest.mark.parametrize("way", ["1.2", "1.3", "plain"])
def test_bodies_arrive_whole_with_their_length(start, basics, backend, framing, way):
    digest(backend)
    plain = buffering(basics, backend, name="plain", bindings=["http://127.0.0.1:0"],
                      server_certificate=..., client_certificate="ignore")
    proxy = start(buffering(basics, backend), plain)
    with (tlsclient.plain(proxy) if way == "plain" else
          tlsclient.connect(proxy, basics.alice, version=way)) as client:
        for size in SIZES:
            answer = post(client, BODY[:size], framing)
            assert answer.body.decode() == hashlib.sha256(BODY[:size]).hexdigest()
            request = backend.requests[-1]
            assert request.header("content-length") == str(size)
            assert request.header("transfer-encoding") is None
    eventually(lambda: spool_size(proxy) == 0, "the end")
    assert len(backend.requests) == len(SIZES)


def test_streaming_is_the_default_and_a_location_may_choose(start, basics, backend):
    digest(backend)
    proxy = start(site(basics, upstream=backend.url, locations=[
        {"path": "/digest", "forward": {"request_body": "buffer"}}]))
    with tlsclient.connect(proxy, basics.alice) as client:
        post(client, b"abc", "chunked", "/other")
        assert backend.requests[-1].header("transfer-encoding") == "chunked"
        post(client, b"abc")
        assert backend.requests[-1].header("content-length") == "3"


def test_the_backend_is_asked_when_the_body_is_complete(start, basics):
    """It is not even there before; and who waits for 100 gets it."""
    port = free_port()
    proxy = start(buffering(basics, f"http://127.0.0.1:{port}"), timeouts={"queue": "0s"})
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send("POST /digest HTTP/1.1\r\nHost: server.test\r\nTransfer-Encoding: chunked\r\n"
                    "Expect: 100-continue\r\n\r\n")
        assert client.read_response(skip_interim=False).status == 100
        client.send(b"186a0\r\n" + BODY[:100_000] + b"\r\n")
        eventually(lambda: spool_size(proxy) > 0, "the body")
        with upstream_module.Upstream(port=port) as backend:
            digest(backend)
            client.send(b"0\r\n\r\n")
            answer = client.read_response()
            assert answer.body.decode() == hashlib.sha256(BODY[:100_000]).hexdigest()


def test_many_at_once_do_not_mix(start, basics, backend):
    digest(backend)
    proxy = start(buffering(basics, backend))
    failures = []

    def one(number):
        body = random.Random(number).randbytes(700_000 + 400_000 * number)
        with tlsclient.connect(proxy, basics.alice) as client:
            for _ in range(3):
                if post(client, body).body.decode() != hashlib.sha256(body).hexdigest():
                    failures.append(number)

    threads = [threading.Thread(target=one, args=(i,), daemon=True) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()
    assert not failures
    eventually(lambda: spool_size(proxy) == 0, "the end")


def test_too_large_and_too_slow(start, basics, backend):
    proxy = start(buffering(basics, backend), limits={"body_bytes": "200k"},
                  timeouts={"body": "300ms"})
    with tlsclient.connect(proxy, basics.alice) as client:
        assert post(client, BODY).status == 413
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send("POST / HTTP/1.1\r\nHost: server.test\r\nContent-Length: 150000\r\n\r\n")
        client.send(bytes(100_000))
        assert client.read_response().status == 408
    assert not backend.requests
    eventually(lambda: spool_size(proxy) == 0, "the end")


def test_a_client_that_leaves_leaves_nothing(start, basics, backend):
    proxy = start(buffering(basics, backend))
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send("POST / HTTP/1.1\r\nHost: server.test\r\nContent-Length: 500000\r\n\r\n")
        client.send(bytes(300_000))
        eventually(lambda: spool_size(proxy) > 0, "the body")
        client.abort()
    eventually(lambda: spool_size(proxy) == 0, "the end")
    assert not backend.requests


def test_answers_without_the_backend_keep_the_connection(start, basics):
    """All of the body was taken, so nothing stands in the way of the next request."""
    proxy = start(buffering(basics, f"http://127.0.0.1:{free_port()}"), timeouts={"queue": "0s"})
    with tlsclient.connect(proxy, basics.alice) as client:
        for _ in range(3):
            answer = post(client, BODY)
            assert (answer.status, answer.header("connection")) == (502, None)
    eventually(lambda: spool_size(proxy) == 0, "the end")


def test_a_backend_that_answers_early(start, basics, backend):
    @backend.on("/early")
    def _(exchange):
        exchange.reply(status=403, reason="No", headers=[("Connection", "close")], body=b"early")
        exchange.read_body()
        exchange.close()

    proxy = start(buffering(basics, backend))
    with tlsclient.connect(proxy, basics.alice) as client:
        for _ in range(3):
            assert post(client, BODY, "chunked", "/early").body == b"early"
    eventually(lambda: spool_size(proxy) == 0, "the end")


def test_another_server_gets_the_body(start, basics, backend):
    digest(backend)
    servers = [{"url": f"http://127.0.0.1:{free_port()}"}, {"url": backend.url}]
    proxy = start(buffering(basics, backend, upstream="group"),
                  upstreams={"group": {"servers": servers}})
    with tlsclient.connect(proxy, basics.alice) as client:
        for _ in range(4):
            assert post(client, BODY).body.decode() == hashlib.sha256(BODY).hexdigest()


def test_a_body_read_ahead_for_a_certificate_comes_first(start, basics, backend):
    digest(backend)
    proxy = start(buffering(basics, backend, negotiate_client_certificate="late"),
                  limits={"read_ahead_bytes": "200k", "buffered_body_bytes": "10k"})
    tls = tlsclient.context(basics.alice, version="1.3")
    tls.post_handshake_auth = True
    with tlsclient.connect(proxy, tls=tls) as client:
        for size in (0, 5000, 150_000):
            answer = post(client, BODY[:size])
            assert answer.body.decode() == hashlib.sha256(BODY[:size]).hexdigest()
        assert backend.requests[-1].header("content-length") == "150000"


def test_nothing_in_the_directory_has_a_name(start, basics, backend):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o700)  # root's: a worker could not open anything there
        proxy = start(buffering(basics, backend), temporary_directory=folder)
        with tlsclient.connect(proxy, basics.alice) as client:
            client.send("POST / HTTP/1.1\r\nHost: server.test\r\nContent-Length: 500000\r\n\r\n")
            client.send(bytes(300_000))
            eventually(lambda: spool_size(proxy) > 0, "the body")
            assert os.listdir(folder) == []
            client.send(bytes(200_000))
            assert client.read_response().status == 200


@pytest.mark.skipif(not can_hide_files(), reason="needs a mount namespace (root)")
def test_a_full_disk_is_503_and_said(basics, backend, tmp_path, monkeypatch):
    digest(backend)
    script = tmp_path / "mtls-proxy"
    folder = tmp_path / "small"
    folder.mkdir()
    script.write_text("#!/bin/sh\nexec unshare --mount sh -c '"
                      f"mount -t tmpfs -o size=2m none {folder} && "
                      f"exec {proxy_module.BINARY} \"$@\"' sh \"$@\"\n", encoding="ascii")
    script.chmod(0o755)
    monkeypatch.setattr(proxy_module, "BINARY", str(script))
    with proxy_module.Proxy(proxy_module.configuration(
            buffering(basics, backend), temporary_directory=str(folder))) as proxy:
        for count in (1, 2):
            with tlsclient.connect(proxy, basics.alice) as client:
                assert post(client, BODY).status == 503
                line = proxy.event("body.spool", count=count)
                assert "No space left on device" in line
            with tlsclient.connect(proxy, basics.alice) as client:
                answer = post(client, BODY[:1_000_000])
                assert answer.body.decode() == hashlib.sha256(BODY[:1_000_000]).hexdigest()


@pytest.mark.parametrize("kind, problem", [("missing", "No such file"), ("file", "Not a dir")])
def test_check_finds_a_directory_that_is_none(basics, tmp_path, kind, problem):
    path = tmp_path / "there"
    if kind == "file":
        path.write_text("", encoding="ascii")
    config = tmp_path / "proxy.yaml"
    made = proxy_module.configuration(buffering(basics, "http://127.0.0.1:1"),
                                      temporary_directory=str(path))
    config.write_text(str(proxy_module.json.dumps(made, indent=1)), encoding="ascii")
    done = run("check", "-c", str(config))
    assert done.returncode != 0
    assert "temporary_directory" in done.stderr + done.stdout
    assert problem in done.stderr + done.stdout
    made["sites"][0]["forward"]["request_body"] = "stream"  # then nobody needs it
    config.write_text(str(proxy_module.json.dumps(made, indent=1)), encoding="ascii")
    assert run("check", "-c", str(config)).returncode == 0
