"""The side of the backend: its failures, slow and early ones, reuse of connections, big bodies.

SPDX-License-Identifier: MIT
"""

import hashlib
import os
import socket
import subprocess
import tempfile
import threading

import pytest

import tlsclient
import upstream as upstream_module
from events import DEADLINE, eventually
from proxy import TOP, Proxy, configuration, free_port, site

MIB = 1 << 20
BIG = 100 * MIB
CANNOT_CONNECT = (502, 3, 12029)
CLOSED_EARLY = (502, 3, 12030)
NOT_HTTP = (502, 3, 12152)
TIMED_OUT = (504, 0, 12002)


@pytest.fixture(scope="module")
def recorder():
    with upstream_module.Upstream() as started:
        yield started


@pytest.fixture(scope="module")
def proxy(basics, recorder):
    with Proxy(configuration(site(basics, upstream=recorder.url))) as started:
        yield started


@pytest.fixture
def client(proxy, basics):
    with tlsclient.connect(proxy, basics.alice) as connection:
        yield connection


def pattern(at, size):
    """size bytes of an endless, never repeating text, from offset at (both multiples of 64)."""
    first = at // 64
    return b"".join(b"%063d\n" % number for number in range(first, first + size // 64))


class Peak:
    """Watches the memory of the workers while something runs; growth is in kilobytes."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.first = max(proxy.rss().values())
        self.highest = self.first
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.stopped.wait(0.05):
            self.highest = max([self.highest, *self.proxy.rss().values()])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    @property
    def growth(self):
        return self.highest - self.first


# ASan keeps freed memory in quarantine, which has nothing to do with the program.
MAY_GROW = 400 * 1024 if "asan" in os.environ.get("MTLS_PROXY_BIN", "") else 16 * 1024


def block():
    return pattern(0, MIB)


def test_big_download_byte_for_byte_in_constant_memory(proxy, client, recorder):
    piece = block()

    @recorder.on("/download")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
        for _ in range(BIG // MIB):
            exchange.raw(piece)

    with Peak(proxy) as peak:
        client.send(tlsclient.build(target="/download"))
        assert client.read_head().header("content-length") == str(BIG)
        for _ in range(BIG // MIB):
            assert client.read_exactly(MIB) == piece
    assert client.request(target="/after").status == 200
    assert peak.growth < MAY_GROW


def test_big_upload_byte_for_byte_in_constant_memory(proxy, client, recorder):
    piece = block()

    @recorder.on("/upload")
    def _(exchange):
        digest = hashlib.sha256()
        for _ in range(BIG // MIB):
            digest.update(exchange.reader.read(MIB))
        exchange.request.body = b""
        exchange.reply(body=digest.hexdigest().encode())

    wanted = hashlib.sha256()
    with Peak(proxy) as peak:
        client.send(tlsclient.build("POST", "/upload", [("Content-Length", BIG)]))
        for _ in range(BIG // MIB):
            wanted.update(piece)
            client.send(piece)
        assert client.read_response().body.decode() == wanted.hexdigest()
    assert peak.growth < MAY_GROW


def test_big_chunked_upload(client, recorder):
    piece = block()

    @recorder.on("/chunked-upload")
    def _(exchange):
        body = exchange.read_body()
        exchange.reply(body=hashlib.sha256(body).hexdigest().encode())

    client.send(tlsclient.build("POST", "/chunked-upload", [("Transfer-Encoding", "chunked")]))
    for _ in range(10):
        client.send(b"%x\r\n" % MIB + piece + b"\r\n")
    client.send(b"0\r\n\r\n")
    assert client.read_response().body.decode() == hashlib.sha256(piece * 10).hexdigest()


def test_slow_client_stops_the_backend_not_the_memory(proxy, client, recorder):
    """A client that does not read must fill no memory: the backend's writes come to a stop."""
    sent, may_go = [0], threading.Event()

    @recorder.on("/slow-client")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (50 * MIB))
        exchange.sock.settimeout(0.5)
        piece = block()
        for _ in range(50):
            view = memoryview(piece)
            while view:
                try:
                    done = exchange.sock.send(view)
                except socket.timeout:
                    may_go.set()
                    continue
                sent[0] += done
                view = view[done:]

    with Peak(proxy) as peak:
        client.send(tlsclient.build(target="/slow-client"))
        assert may_go.wait(DEADLINE)
        assert sent[0] < 30 * MIB
        assert client.read_head().status == 200
        for _ in range(50):
            client.read_exactly(MIB)
    assert peak.growth < MAY_GROW


@pytest.mark.parametrize("step", [1 << 20, 16384, 10007, 1000])
def test_backend_that_does_not_read_stops_the_upload_not_the_memory(start, basics, backend, step):
    """And when it reads at last, the upload goes on from where it stopped."""
    total = 48 * MIB if step > 5000 else 12 * MIB
    may_read = threading.Event()

    @backend.on("/unread")
    def _(exchange):
        may_read.wait(DEADLINE)
        exchange.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        digest = hashlib.sha256()
        left = total
        while left:
            data = exchange.reader.read(min(left, 1 << 16))
            assert data
            digest.update(data)
            left -= len(data)
        exchange.request.body = b""
        exchange.reply(body=digest.hexdigest().encode())

    piece = pattern(0, 2 * MIB)
    proxy = start(site(basics, upstream=backend.url))
    with tlsclient.connect(proxy, basics.alice) as client, Peak(proxy) as peak:
        client.send(tlsclient.build("POST", "/unread", [("Content-Length", total)]))
        wanted, sent = hashlib.sha256(), [0]

        def upload():
            while sent[0] < total:
                at = sent[0] % MIB
                data = piece[at:at + min(step, total - sent[0])]
                wanted.update(data)
                client.send(data)
                sent[0] += len(data)

        thread = threading.Thread(target=upload)
        thread.start()
        seen = [-1]

        def has_stopped():
            is_same, seen[0] = sent[0] == seen[0], sent[0]
            return is_same or not thread.is_alive()

        eventually(has_stopped, "the upload stops", interval=0.3)
        assert sent[0] < 40 * MIB
        may_read.set()
        thread.join(DEADLINE)
        assert not thread.is_alive()
        assert client.read_response().body.decode() == wanted.hexdigest()
    assert peak.growth < MAY_GROW


def test_slow_backend_may_take_its_time_between_bytes(client, recorder):
    gate = threading.Event()

    @recorder.on("/slow-backend")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\n")
        for byte in b"Content-Length: 6\r\n\r\n":
            exchange.raw(bytes([byte]))
        exchange.raw(b"abc")
        gate.wait(DEADLINE)
        exchange.raw(b"def")

    client.send(tlsclient.build(target="/slow-backend"))
    assert client.read_head().status == 200
    assert client.read_exactly(3) == b"abc"  # not held back until the rest comes
    gate.set()
    assert client.read_exactly(3) == b"def"


def refused_by(proxy, client, path, expected, **request):
    answer = client.request(target=path, **request)
    assert answer.status == expected[0]
    assert proxy.verdict(path) == expected


def test_backend_that_refuses(start, basics):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        port = taken.getsockname()[1]
        proxy = start(site(basics, upstream=f"http://127.0.0.1:{port}"),
                      timeouts={"queue": "500ms"})
        with tlsclient.connect(proxy, basics.alice) as client:
            refused_by(proxy, client, "/refuses", CANNOT_CONNECT)
            assert client.request(target="/again").status == 502


def test_backend_name_that_does_not_resolve(start, basics, monkeypatch):
    monkeypatch.setenv("RES_OPTIONS", "timeout:1 attempts:1")  # where no name server answers
    proxy = start(site(basics, upstream="http://no-such-host.invalid:80"),
                  timeouts={"queue": "0s"})
    with tlsclient.connect(proxy, basics.alice) as client:
        refused_by(proxy, client, "/unresolved", CANNOT_CONNECT)


def test_backend_that_closes_without_an_answer(proxy, client, recorder):
    @recorder.on("/closes")
    def _(exchange):
        exchange.close()

    refused_by(proxy, client, "/closes", CLOSED_EARLY)


def test_backend_that_closes_inside_its_head(proxy, client, recorder):
    @recorder.on("/half-head")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Le")
        exchange.close()

    refused_by(proxy, client, "/half-head", CLOSED_EARLY)


GARBAGE = {
    "not-http": b"SMTP ready when you are\r\n\r\n",
    "old-icy": b"ICY 200 OK\r\n\r\n",
    "bad-status": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "letters-as-status": b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "length-and-chunked":
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "folded": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "space-before-colon": b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "nul": b"HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 0\r\n\r\n",
    "endless": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200000,
    "unasked-upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
}


@pytest.mark.parametrize("title", GARBAGE)
def test_backend_that_talks_garbage(proxy, client, recorder, title):
    @recorder.on("/garbage-" + title)
    def _(exchange):
        try:
            exchange.raw(GARBAGE[title])
        finally:
            exchange.close()

    refused_by(proxy, client, "/garbage-" + title, NOT_HTTP)
    assert client.request(target="/after").status == 200


def test_bytes_behind_an_answer_do_not_become_the_next_answer(client, recorder):
    @recorder.on("/two-answers")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"
                     b"Content-Length: 4\r\n\r\nevil")

    assert client.request(target="/two-answers").body == b"ok"
    for _ in range(3):
        assert client.request(target="/after").body == b"ok"


def test_backend_that_never_answers(start, basics, recorder):
    silent = threading.Event()

    @recorder.on("/silent")
    def _(exchange):
        silent.wait(DEADLINE)
        exchange.close()

    proxy = start(site(basics, upstream=recorder.url), timeouts={"response": "1s"})
    with tlsclient.connect(proxy, basics.alice) as client:
        refused_by(proxy, client, "/silent", TIMED_OUT)
    silent.set()


def test_answer_before_the_request_is_complete(client, recorder):
    @recorder.on("/early")
    def _(exchange):
        exchange.reply(413, body=b"enough", headers=[("Connection", "close")], reason="Too Big")
        exchange.close()

    client.send(tlsclient.build("POST", "/early", [("Content-Length", 50 * MIB)]))
    client.send(b"x" * 1000)
    answer = client.read_response()
    assert (answer.status, answer.body) == (413, b"enough")


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_backend_that_dies_inside_its_answer(proxy, client, recorder, framing):
    """The client must see that the message is not complete."""
    @recorder.on("/dies-" + framing)
    def _(exchange):
        if framing == "length":
            exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        else:
            exchange.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf")
        exchange.close()

    with pytest.raises((tlsclient.Closed, ConnectionError, OSError)):
        client.request(target="/dies-" + framing)
    assert proxy.access("/dies-" + framing)["sc-win32-status"] != "0"


def test_connections_are_reused(start, basics, backend):
    proxy = start(site(basics, upstream=backend.url))
    for _ in range(5):  # also across clients
        with tlsclient.connect(proxy, basics.alice) as client:
            for _ in range(5):
                assert client.request().status == 200
    assert backend.connections == 1


def test_connection_that_the_backend_wants_closed_is_not_reused(start, basics, backend):
    @backend.on("/close")
    def _(exchange):
        exchange.reply(headers=[("Connection", "close")])
        exchange.close()

    proxy = start(site(basics, upstream=backend.url))
    with tlsclient.connect(proxy, basics.alice) as client:
        for _ in range(3):
            assert client.request(target="/close").status == 200
    assert backend.connections == 3


def dies_once(backend, path):
    """The first request on a reused connection finds it closed."""
    state = []

    @backend.on(path)
    def _(exchange):
        state.append(exchange.request.connection)
        if len(state) == 1:
            exchange.close()
        else:
            exchange.read_body()
            exchange.reply(body=b"second try")
    return state


def test_idempotent_request_on_a_stale_connection_is_tried_again(start, basics, backend):
    state = dies_once(backend, "/stale")
    proxy = start(site(basics, upstream=backend.url))
    with tlsclient.connect(proxy, basics.alice) as client:
        assert client.request(target="/warm").status == 200
        answer = client.request(target="/stale")
    assert (answer.status, answer.body, len(state)) == (200, b"second try", 2)


def test_post_on_a_stale_connection_is_not_repeated(start, basics, backend):
    state = dies_once(backend, "/stale-post")
    proxy = start(site(basics, upstream=backend.url))
    with tlsclient.connect(proxy, basics.alice) as client:
        assert client.request(target="/warm").status == 200
        answer = client.request("POST", "/stale-post", body=b"order")
    assert (answer.status, len(state)) == (502, 1)


def test_request_on_a_fresh_connection_is_not_repeated(start, basics, backend):
    state = dies_once(backend, "/fresh")
    proxy = start(site(basics, upstream=backend.url))
    with tlsclient.connect(proxy, basics.alice) as client:
        assert client.request(target="/fresh").status == 502
    assert len(state) == 1


def test_idle_connections_closed_by_the_backend_do_no_harm(start, basics, backend):
    proxy = start(site(basics, upstream=backend.url))
    with tlsclient.connect(proxy, basics.alice) as client:
        for _ in range(3):
            assert client.request("POST", "/post", body=b"x").status == 200
            backend.drop()


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
def test_connections_bound_by_authentication_are_never_shared(start, basics, backend, scheme):
    """RFC 4559 section 6: such a connection speaks for one user, so for one client."""
    @backend.on("/login")
    def _(exchange):
        if exchange.request.header("authorization"):
            exchange.reply(body=str(exchange.request.connection).encode())
        else:
            exchange.reply(401, headers=[("WWW-Authenticate", scheme)], reason="Unauthorized")

    @backend.on("/whoami")
    def _(exchange):
        exchange.reply(body=str(exchange.request.connection).encode())

    proxy = start(site(basics, upstream=backend.url))
    bob = basics.issuing.issue("CN=bob")
    with tlsclient.connect(proxy, basics.alice) as first, tlsclient.connect(proxy, bob) as second:
        assert first.request(target="/login").status == 401
        mine = first.request(target="/login", headers=[("Authorization", scheme + " TlRMTVNT")])
        assert mine.status == 200
        other = second.request(target="/whoami")
        assert other.body != mine.body
        again = first.request(target="/whoami")
        assert again.body == mine.body  # and it stays with its client
    with tlsclient.connect(proxy, bob) as third:
        assert third.request(target="/whoami").body != mine.body


def test_unix_socket(start, basics):
    folder = tempfile.mkdtemp(prefix="mtls-proxy-unix-")
    os.chmod(folder, 0o755)
    path = os.path.join(folder, "app.sock")
    try:
        with upstream_module.Upstream(unix=path) as backend:
            proxy = start(site(basics, upstream="unix:" + path))
            with tlsclient.connect(proxy, basics.alice) as client:
                for _ in range(3):
                    assert client.request().status == 200
            assert backend.connections == 1
    finally:
        os.unlink(path)
        os.rmdir(folder)


def test_round_robin_over_servers(start, basics, backend):
    with upstream_module.Upstream() as other:
        servers = [{"url": backend.url}, {"url": other.url}]
        proxy = start(site(basics, upstream="pair"), upstreams={"pair": {"servers": servers}})
        with tlsclient.connect(proxy, basics.alice) as client:
            for _ in range(10):
                assert client.request().status == 200
        assert (len(backend.requests), len(other.requests)) == (5, 5)


def test_client_that_leaves_frees_the_backend(proxy, basics, recorder):
    ended = threading.Event()

    @recorder.on("/left")
    def _(exchange):
        exchange.reader.read(1)  # returns when the proxy gives up on the answer
        ended.set()
        exchange.close()

    client = tlsclient.connect(proxy, basics.alice)
    client.send(tlsclient.build(target="/left"))
    eventually(lambda: any(one.target == "/left" for one in recorder.requests), "the request")
    client.abort()
    assert ended.wait(DEADLINE)


@pytest.fixture(scope="module")
def nginx():
    """An nginx with a folder to serve and a location that takes uploads."""
    found = subprocess.run([os.path.join(TOP, "scripts", "peers"), "nginx"], capture_output=True,
                           text=True, check=False)
    if found.returncode != 0:
        pytest.skip("nginx is not here and cannot be fetched")
    with tempfile.TemporaryDirectory(prefix="mtls-proxy-nginx-") as folder:
        os.chmod(folder, 0o755)
        port = free_port()
        with open(os.path.join(folder, "big"), "wb") as out:
            for _ in range(BIG // MIB):
                out.write(block())
        with open(os.path.join(folder, "nginx.conf"), "w", encoding="ascii") as out:
            user = "user root;" if os.getuid() == 0 else ""
            out.write(f"""
{user}
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ }}
http {{
    access_log off; client_max_body_size 0; keepalive_requests 1000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port}; root {folder};
        location /put/ {{ proxy_pass http://127.0.0.1:{port}/discard/; }}
        location /discard/ {{ return 200 "$http_content_length $http_client_cert"; }}
        location = /hello {{ return 200 "hello"; }}
    }}
}}""")
        process = subprocess.Popen(
            [found.stdout.strip(), "-p", folder, "-c", os.path.join(folder, "nginx.conf")],
            stderr=subprocess.PIPE)

        def is_up():
            assert process.poll() is None, process.stderr.read()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        eventually(is_up, "nginx listens")
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        process.wait(DEADLINE)
        process.stderr.close()


def test_nginx_behind_the_proxy(start, basics, nginx):
    proxy = start(site(basics, upstream=nginx))
    piece = block()
    with tlsclient.connect(proxy, basics.alice) as client:
        for _ in range(100):
            assert client.request(target="/hello").body == b"hello"
        with Peak(proxy) as peak:
            client.send(tlsclient.build(target="/big"))
            assert client.read_head().header("content-length") == str(BIG)
            for _ in range(BIG // MIB):
                assert client.read_exactly(MIB) == piece
            client.send(tlsclient.build("POST", "/put/x", [("Content-Length", BIG)]))
            for _ in range(BIG // MIB):
                client.send(piece)
            answer = client.read_response()
        assert answer.body.startswith(str(BIG).encode())
        assert client.request("HEAD", "/big").header("content-length") == str(BIG)
        assert client.request(target="/none").status == 404
        ranged = client.request(target="/big", headers=[("Range", "bytes=64-127")])
        assert (ranged.status, ranged.body) == (206, pattern(64, 64))
    assert peak.growth < MAY_GROW
