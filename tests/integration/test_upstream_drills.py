"""Drills: backends that die, dribble, say too much or too early, whatever the moment.

SPDX-License-Identifier: MIT
"""

import socket
import threading

import pytest

import tlsclient
import upstream as upstream_module
from events import DEADLINE, eventually
from proxy import Proxy, configuration, site

MIB = 1 << 20
CLOSED_EARLY = (502, 3, 12030)
NOT_HTTP = (502, 3, 12152)
TIMED_OUT = (504, 0, 12002)


@pytest.fixture(scope="module")
def recorder():
    with upstream_module.Upstream() as started:
        yield started


@pytest.fixture(scope="module")
def proxy(basics, recorder):
    made = site(basics, upstream=recorder.url)
    with Proxy(configuration(made)) as started:
        yield started


@pytest.fixture(scope="module")
def hasty(basics, recorder):
    """Waits for no answer longer than a second, and is asked only for those that never come."""
    made = site(basics, upstream=recorder.url)
    with Proxy(configuration(made, timeouts={"response": "1s"})) as started:
        yield started


@pytest.fixture
def client(proxy, basics):
    with tlsclient.connect(proxy, basics.alice) as connection:
        yield connection


# ---- interim responses


def test_interim_responses_are_passed_on(client, recorder):
    """RFC 9110 section 15.2, RFC 8297."""
    gate = threading.Event()

    @recorder.on("/hints")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x-hop\r\n"
                     b"X-Hop: gone\r\n\r\n")
        assert gate.wait(DEADLINE)
        exchange.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\n")
        exchange.reply()

    client.send(tlsclient.build(target="/hints"))
    first = client.read_head()  # not held back until the answer
    assert (first.status, first.header("link")) == (103, "</a.css>")
    assert first.header("x-hop") is None and first.header("connection") is None
    gate.set()
    assert client.read_head().header("link") == "</b.css>"
    assert client.read_response().status == 200
    assert client.request(target="/after").status == 200


def test_interim_responses_are_not_for_http_1_0(client, recorder):
    """RFC 9110 section 15.2: a 1.0 client would take them for the answer."""
    @recorder.on("/old")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        exchange.reply()

    client.send(b"GET /old HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert client.read_head().status == 200


def test_100_of_the_backend_is_swallowed(client, recorder):
    """The proxy has answered the expectation itself; a second 100 would be one too many."""
    @recorder.on("/hundred")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 100 Continue\r\n\r\n")
        exchange.read_body()
        exchange.reply()

    client.send(tlsclient.build("PUT", "/hundred", [("Content-Length", 3),
                                                    ("Expect", "100-continue")]))
    assert client.read_head().status == 100
    client.send(b"abc")
    assert client.read_head().status == 200
    assert client.read_exactly(2) == b"ok"
    assert client.request(target="/hundred").status == 200


def test_endless_interim_responses_end(proxy, client, recorder):
    @recorder.on("/endless-hints")
    def _(exchange):
        for _ in range(10000):
            exchange.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")

    client.send(tlsclient.build(target="/endless-hints"))
    head = client.read_head()
    while head.status == 103:
        head = client.read_head()
    assert head.status == 502
    assert proxy.verdict("/endless-hints") == NOT_HTTP


def test_an_interim_response_is_an_answer_begun(start, basics):
    """The client saw it: the request is not repeated elsewhere."""
    with upstream_module.Upstream() as one, upstream_module.Upstream() as two:
        for backend in (one, two):
            @backend.on("/hint-and-die")
            def _(exchange):
                exchange.raw(b"HTTP/1.1 103 Early Hints\r\n\r\n")
                exchange.close()
        servers = [{"url": one.url}, {"url": two.url}]
        proxy = start(site(basics, upstream="pair"), upstreams={"pair": {"servers": servers}})
        with tlsclient.connect(proxy, basics.alice) as client:
            client.send(tlsclient.build(target="/hint-and-die"))
            assert client.read_head().status == 103
            assert client.read_head().status == 502
        assert len(one.requests) + len(two.requests) == 1


# ---- too much


def test_more_than_the_length_is_not_passed_and_ends_the_connection(start, basics, backend):
    @backend.on("/more")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more")

    proxy = start(site(basics, upstream=backend.url))
    with tlsclient.connect(proxy, basics.alice) as client:
        for _ in range(3):
            assert client.request(target="/more").body == b"ok"
            assert client.request(target="/").body == b"ok"
    assert backend.connections >= 3


def test_bytes_that_come_late_never_become_an_answer(start, basics, backend):
    """They arrive while the connection is idle, as a forged answer to whoever is next."""
    sent = threading.Event()
    ends = []

    @backend.on("/late")
    def _(exchange):
        # Without this the kernel holds the second write back until the next request arrives.
        exchange.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        exchange.reply()
        ends.append(upstream_module.ends_of(exchange.sock))
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        sent.set()

    proxy = start(site(basics, upstream=backend.url))
    with tlsclient.connect(proxy, basics.alice) as client:
        for _ in range(20):
            sent.clear()
            assert client.request(target="/late").body == b"ok"
            assert sent.wait(DEADLINE)
            eventually(lambda: upstream_module.has_arrived(ends[-1]), "it arrives", interval=0)
            assert client.request(target="/").body == b"ok"


@pytest.mark.parametrize("method,status", [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_a_body_where_none_can_be_is_not_the_next_answer(start, basics, backend, method, status):
    """RFC 9112 section 6.3 rule 1."""
    @backend.on("/bodied")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 %d X\r\nContent-Length: 4\r\n\r\nevil" % status)

    proxy = start(site(basics, upstream=backend.url))
    with tlsclient.connect(proxy, basics.alice) as client:
        for _ in range(3):
            assert client.request(method, "/bodied").status == status
            assert client.request(target="/").body == b"ok"


# ---- early and late


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_answer_before_the_body_is_complete(proxy, basics, recorder, framing):
    """It is passed on at once; the connection to the backend is not used again."""
    @recorder.on("/early-" + framing)
    def _(exchange):
        exchange.reply(403, body=b"no", reason="No")

    field = ("Content-Length", MIB) if framing == "length" else ("Transfer-Encoding", "chunked")
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(tlsclient.build("POST", "/early-" + framing, [field]))
        client.send(b"x" * 100 if framing == "length" else b"64\r\n" + b"x" * 100 + b"\r\n")
        answer = client.read_response()
        assert (answer.status, answer.body) == (403, b"no")


def test_an_answer_while_the_body_goes_on(client, recorder):
    """Both directions at once."""
    piece = b"y" * 1000

    @recorder.on("/both")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(100):
            assert exchange.reader.read(1000) == b"x" * 1000
            exchange.raw(piece)

    client.send(tlsclient.build("POST", "/both", [("Content-Length", 100000)]))
    assert client.read_head().status == 200
    for _ in range(100):
        client.send(b"x" * 1000)
        assert client.read_exactly(1000) == piece
    assert client.request(target="/after").status == 200


def test_a_backend_that_reads_nothing_of_a_big_body(hasty, basics, recorder):
    @recorder.on("/deaf")
    def _(exchange):
        exchange.sock.settimeout(DEADLINE)
        eventually(lambda: "/deaf" in hasty.access_lines.text(), "the end")
        exchange.close()

    with tlsclient.connect(hasty, basics.alice) as client:
        client.send(tlsclient.build("POST", "/deaf", [("Content-Length", 200 * MIB)]))
        with pytest.raises((tlsclient.Closed, OSError)):
            for _ in range(200):
                client.send(b"x" * MIB)
            client.read_response()
            client.read_response()
    assert hasty.verdict("/deaf") == TIMED_OUT


def test_a_backend_that_dies_inside_the_request(proxy, client, recorder):
    @recorder.on("/dies-in-request")
    def _(exchange):
        exchange.reader.read(1000)
        exchange.close(reset=True)

    client.send(tlsclient.build("POST", "/dies-in-request", [("Content-Length", 100000)]))
    client.send(b"x" * 100000)
    assert client.read_response().status == 502
    assert proxy.verdict("/dies-in-request") == CLOSED_EARLY


@pytest.mark.parametrize("reset", [False, True])
def test_a_backend_that_dies_inside_its_answer(proxy, basics, recorder, reset):
    path = f"/dies-in-answer-{reset}"

    @recorder.on(path)
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        exchange.close(reset=reset)

    with tlsclient.connect(proxy, basics.alice) as client:
        with pytest.raises((tlsclient.Closed, OSError)):
            client.request(target=path)
    assert proxy.access(path)["sc-win32-status"] == "12030"


def test_a_half_closed_backend_that_answers_is_heard(client, recorder):
    """It ends its side with the answer, and reads on."""
    @recorder.on("/half-closed")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        exchange.sock.shutdown(socket.SHUT_WR)
        exchange.reader.read()
        exchange.close()

    assert client.request(target="/half-closed").body == b"ok"
    assert client.request(target="/after").status == 200


def test_a_backend_that_half_closes_without_an_answer(proxy, client, recorder):
    @recorder.on("/half-closed-silent")
    def _(exchange):
        exchange.sock.shutdown(socket.SHUT_WR)
        exchange.reader.read()
        exchange.close()

    assert client.request(target="/half-closed-silent").status == 502
    assert proxy.verdict("/half-closed-silent") == CLOSED_EARLY


def test_a_dribbling_backend(client, recorder):
    """Byte by byte, each in a packet of its own."""
    text = (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")

    @recorder.on("/dribble")
    def _(exchange):
        exchange.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in text:
            exchange.raw(bytes([byte]))

    client.send(tlsclient.build(target="/dribble"))
    assert client.read_head().status == 103
    answer = client.read_response()
    assert (answer.status, answer.body) == (200, b"abc")
    assert client.request(target="/after").status == 200


def test_a_backend_that_stops_inside_its_answer(hasty, basics, recorder):
    ended = threading.Event()

    @recorder.on("/stops")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        ended.wait(DEADLINE)
        exchange.close()

    with tlsclient.connect(hasty, basics.alice) as client:
        with pytest.raises((tlsclient.Closed, OSError)):
            client.request(target="/stops")
    assert hasty.access("/stops")["sc-win32-status"] == "12002"
    ended.set()


def test_a_backend_whose_accept_queue_is_full(start, basics):
    """It neither accepts nor refuses: the connect deadline decides."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        proxy = start(site(basics, upstream=f"http://127.0.0.1:{port}"),
                      timeouts={"connect": "200ms", "response": "300ms", "queue": "500ms"})
        with tlsclient.connect(proxy, basics.alice) as client:
            assert client.request(target="/full").status in (502, 504)
        assert proxy.verdict("/full") in ((502, 3, 12029), TIMED_OUT)
        for filler in fillers:
            filler.close()
