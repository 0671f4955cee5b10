"""HTTP/2 towards servers: sharing a connection, and every mixture of protocols on the two sides.

SPDX-License-Identifier: MIT
"""

import threading

import h2.errors
import pytest

import h2upstream
import tlsclient
from events import eventually
from h2client import Client
from h2upstream import Both, upstream_of
from proxy import Proxy, configuration, site

ERRORS = h2.errors.ErrorCodes
KINDS = {"http2": ("http2", False), "https, http2": ("http2", True), "https, auto": ("auto", True)}


@pytest.fixture(scope="module", params=KINDS)
def both(request, basics):
    protocol, tls = KINDS[request.param]
    with Both(basics, protocol, tls) as started:
        yield started


@pytest.fixture(params=["HTTP/1.1", "HTTP/2"])
def ask(request, both):
    """One request over either protocol: (target, method, body, fields) -> status, headers, body,
    trailers."""
    if request.param == "HTTP/2":
        with both.client() as client:
            def over_http2(target, method="GET", body=None, fields=()):
                stream = client.ask(target, method, body,
                                    fields=[(name.lower(), value) for name, value in fields])
                answer = client.wait(stream)
                headers = [pair for pair in answer.headers if pair[0] != ":status"]
                return answer.status, headers, answer.body, list(answer.trailers)
            yield over_http2
    else:
        with both.http1() as client:
            def over_http1(target, method="GET", body=None, fields=()):
                answer = client.request(method, target, fields, body)
                lower = [(name.lower(), value) for name, value in answer.headers]
                trailers = [(name.lower(), value) for name, value in answer.trailers]
                return answer.status, lower, answer.body, trailers
            yield over_http1


# ---- every mixture ------------------------------------------------------------------------------

def test_a_request_without_a_body(both, ask):
    @both.server.h2_on("/plain")
    def _(stream):
        stream.reply(201, b"made", [("x-made", "yes")])
    status, headers, body, _ = ask("/plain?a=b", fields=[("X-Mixed", "Case")])
    seen = both.server.taken()
    assert (status, body) == (201, b"made") and ("x-made", "yes") in headers
    assert seen.headers[:4] == [(":method", "GET"), (":scheme", seen.header(":scheme")),
                                (":authority", "server.test"), (":path", "/plain?a=b")]
    assert seen.header("x-mixed") == "Case" and seen.header("host") is None
    assert seen.header("connection") is None and seen.has_ended and seen.body == b""
    assert seen.header("x-forwarded-proto") == "https"


def test_a_body_goes_there_and_back(both, ask):
    @both.server.h2_on("/back")
    def _(stream):
        stream.reply(200, stream.read_body())
    sent = bytes(range(256)) * 8192
    status, _, body, _ = ask("/back", "POST", sent)
    assert status == 200 and body == sent
    assert both.server.taken().header("content-length") in (None, str(len(sent)))


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body(both, ask, status):
    @both.server.h2_on(f"/none/{status}")
    def _(stream):
        stream.respond(status, [("etag", '"1"')], end=True)
    got, headers, body, _ = ask(f"/none/{status}")
    assert (got, body) == (status, b"") and ("etag", '"1"') in headers
    both.server.taken()


def test_the_head_alone(both, ask):
    @both.server.h2_on("/head")
    def _(stream):
        stream.respond(200, [("content-length", "1000")], end=True)
    status, headers, body, _ = ask("/head", "HEAD")
    assert (status, body) == (200, b"") and ("content-length", "1000") in headers
    both.server.taken()


def test_trailers_both_ways(both, ask):
    @both.server.h2_on("/trailers")
    def _(stream):
        stream.read_body()
        stream.reply(200, b"body", trailers=[("x-sum", "7"), ("set-cookie", "a=b")])
    status, _, body, trailers = ask("/trailers", fields=[("TE", "trailers")])
    assert (status, body, trailers) == (200, b"body", [("x-sum", "7")])
    assert both.server.taken().header("te") == "trailers"


def test_trailers_without_a_body(both, ask):
    @both.server.h2_on("/nobody")
    def _(stream):
        stream.respond(200)
        stream.end([("grpc-status", "0")])
    status, _, body, trailers = ask("/nobody")
    assert (status, body, trailers) == (200, b"", [("grpc-status", "0")])
    both.server.taken()


def test_a_body_that_is_cut_off_is_seen_to_be(both, basics):
    @both.server.h2_on("/cut")
    def _(stream):
        stream.respond(200)
        stream.send(b"half")
        stream.abort()
    with both.client() as client:
        answer = client.wait(client.ask("/cut"))
        assert answer.reset is not None
        assert client.wait(client.ask("/after")).status == 200
    with both.http1() as client:
        client.send(tlsclient.build("GET", "/cut"))
        with pytest.raises(tlsclient.Closed):
            client.read_response()


def test_content_length_is_held_to(both):
    @both.server.h2_on("/short")
    def _(stream):
        stream.respond(200, [("content-length", "10")])
        stream.send(b"five5", end=True)
    with both.http1() as client:
        client.send(tlsclient.build("GET", "/short"))
        with pytest.raises(tlsclient.Closed):
            client.read_response()


def test_interim_responses_are_passed_on(both):
    @both.server.h2_on("/hints")
    def _(stream):
        stream.respond(103, [("link", "</style>")])
        stream.reply()
    with both.client() as client:
        answer = client.wait(client.ask("/hints"))
        assert answer.status == 200
        assert dict(answer.interim[0])["link"] == "</style>"


def test_an_upload_is_held_up_by_the_server(both):
    """Window by window: what the server has not read, the client has not been asked for."""
    gate = threading.Event()

    @both.server.h2_on("/gate")
    def _(stream):
        gate.wait(90)
        stream.reply(200, str(len(stream.read_body())).encode())
    with both.client() as client:
        stream = client.ask("/gate", "POST", end=False)
        client.send(stream, b"x" * 60000)
        gate.set()
        client.send(stream, b"y" * 3000000, end=True)
        assert client.wait(stream).body == b"3060000"


MALFORMED = {
    "upper case": [("X-Upper", "1")],
    "connection": [("connection", "close")],
    "transfer-encoding": [("transfer-encoding", "chunked")],
    "line feed": [("x-a", "b\nset-cookie: c")],
    "carriage return": [("x-a", "b\r")],
    "colon": [("x:a", "b")],
    "space": [("x a", "b")],
    "pseudo": [(":path", "/")],
    "two lengths": [("content-length", "2"), ("content-length", "3")],
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_answers_are_502(both, ask, what):
    @both.server.h2_on("/malformed")
    def _(stream):
        stream.respond(200, MALFORMED[what])
        stream.send(b"ok", end=True)
    status, headers, _, _ = ask("/malformed")
    assert status == 502 and "set-cookie" not in dict(headers)


# ---- sharing ------------------------------------------------------------------------------------

def together(server, path, count):
    """A handler that answers when so many are there at once."""
    barrier = threading.Barrier(count)

    @server.h2_on(path)
    def _(stream):
        barrier.wait(90)
        stream.reply(200, str(stream.connection.number).encode())


def test_requests_share_a_connection(basics):
    with Both(basics) as both, both.client() as client:
        together(both.server, "/together", 60)
        streams = [client.ask("/together") for _ in range(60)]
        assert {client.wait(one).status for one in streams} == {200}
        assert both.server.connections == 1


@pytest.mark.parametrize("protocol, tls", [("http2", True), ("auto", True)])
def test_those_that_come_first_wait_for_one_connection(basics, protocol, tls):
    with Both(basics, protocol, tls) as both:
        together(both.server, "/first", 10)
        clients = [both.http1() for _ in range(10)]
        for one in clients:
            one.send(tlsclient.build("GET", "/first"))
        assert {one.read_response().status for one in clients} == {200}
        for one in clients:
            one.close()
        assert both.server.connections == 1


def test_the_servers_limit_opens_another_connection(basics):
    with Both(basics, server={"streams": 2}) as both, both.client() as client:
        assert client.wait(client.ask("/known")).status == 200  # the server's settings are known
        together(both.server, "/two", 6)
        streams = [client.ask("/two") for _ in range(6)]
        assert {client.wait(one).status for one in streams} == {200}
        assert both.server.connections == 3


def test_at_max_connections_requests_wait_for_a_stream(basics):
    servers = {"max_connections": 1}
    with h2upstream.Upstream(streams=2) as server:
        made = upstream_of(basics, [{"url": server.url, **servers}], "http2")
        with Proxy(configuration(site(basics, upstream="group"), upstreams={"group": made})) as proxy:
            with Client(proxy, basics.alice) as client:
                assert client.wait(client.ask("/known")).status == 200
                streams = [client.ask("/many") for _ in range(12)]
                assert {client.wait(one).status for one in streams} == {200}
        assert server.connections == 1


def test_a_slow_stream_holds_up_no_other(basics):
    with Both(basics) as both, both.client() as client:
        gate = threading.Event()

        @both.server.h2_on("/slow")
        def _(stream):
            gate.wait(90)
            stream.reply()
        slow = client.ask("/slow")
        for _ in range(5):
            assert client.wait(client.ask("/quick")).status == 200
        gate.set()
        assert client.wait(slow).status == 200


def test_who_takes_nothing_holds_up_no_other(basics):
    """A client that does not read its answer, and others over the same connection to the server."""
    with Both(basics) as both:
        @both.server.h2_on("/big")
        def _(stream):
            stream.reply(200, b"x" * (8 << 20))
        with both.http1() as stuck, both.client() as client:
            stuck.send(tlsclient.build("GET", "/big"))
            eventually(lambda: len(both.server.h2_connections) == 1, "the connection")
            connection = both.server.h2_connections[0]
            eventually(lambda: connection.h2.outbound_flow_control_window < (16 << 20) - 65535,
                       "the answer begins")
            for _ in range(5):
                assert client.wait(client.ask("/quick")).status == 200
        assert both.server.connections == 1


# ---- what is repeated ---------------------------------------------------------------------------

@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_a_refused_stream_is_repeated(basics, method):
    with Both(basics) as both, both.client() as client:
        refused = []

        @both.server.h2_on("/refused")
        def _(stream):
            if not refused:
                refused.append(stream)
                stream.abort(ERRORS.REFUSED_STREAM)
            else:
                stream.reply(200, b"second")
        answer = client.wait(client.ask("/refused", method))
        assert (answer.status, answer.body) == (200, b"second")


def test_a_body_is_not_repeated(basics):
    """Its bytes are gone: the client is told."""
    with Both(basics) as both, both.client() as client:
        @both.server.h2_on("/refused")
        def _(stream):
            stream.wait(lambda: stream.body)
            stream.abort(ERRORS.REFUSED_STREAM)
        assert client.wait(client.ask("/refused", "POST", b"body")).status == 502


def test_a_server_that_refuses_for_ever_is_502(basics):
    with Both(basics) as both, both.client() as client:
        seen = []

        @both.server.h2_on("/refused")
        def _(stream):
            seen.append(stream)
            stream.abort(ERRORS.REFUSED_STREAM)
        assert client.wait(client.ask("/refused")).status == 502
        assert len(seen) == 2


def test_above_the_last_stream_of_a_goaway_is_repeated(basics):
    with Both(basics) as both, both.client() as client:
        assert client.wait(client.ask("/before")).status == 200
        asked = []

        @both.server.h2_on("/away")
        def _(stream):
            asked.append(stream)
            if len(asked) == 1:
                stream.connection.say_goodbye(last=stream.id - 2)
            else:
                stream.reply(200, str(stream.connection.number).encode())
        answer = client.wait(client.ask("/away", "POST"))
        assert (answer.status, answer.body) == (200, b"1")


def test_a_goaway_lets_streams_finish(basics):
    with Both(basics) as both, both.client() as client:
        gate = threading.Event()

        @both.server.h2_on("/running")
        def _(stream):
            stream.connection.say_goodbye()
            stream.respond(200)
            stream.send(b"first ")
            gate.wait(90)
            stream.send(b"last", end=True)

        @both.server.h2_on("/next")
        def _(stream):
            stream.reply(200, str(stream.connection.number).encode())
        running = client.ask("/running")
        eventually(lambda: client_has(client, running, b"first "), "the first half")
        assert client.wait(client.ask("/next")).body == b"1"
        gate.set()
        assert client.wait(running).body == b"first last"


def client_has(client, stream, body):
    client.read()
    return client.answers[stream].body == body


def test_an_idle_connection_that_was_closed_costs_nothing(basics):
    with Both(basics) as both, both.client() as client:
        for number in range(3):
            assert client.wait(client.ask("/idle")).status == 200
            both.server.drop()
            assert both.server.connections == number + 1


def test_a_connection_that_is_lost_with_requests_in_it(basics):
    """Those that may be repeated are, the others are 502, each by itself."""
    with Both(basics) as both, both.client() as client:
        assert client.wait(client.ask("/warm")).status == 200
        arrived = threading.Barrier(4)

        @both.server.h2_on("/lost")
        def _(stream):
            if stream.connection.number == 0:
                arrived.wait(90)
            else:
                stream.reply(200, b"again")
        streams = {method: client.ask("/lost", method) for method in ("GET", "POST", "PUT")}
        arrived.wait(90)
        both.server.h2_connections[0].close()
        statuses = {method: client.wait(one).status for method, one in streams.items()}
        assert statuses == {"GET": 200, "POST": 502, "PUT": 200}


def test_a_server_that_is_away(basics):
    with h2upstream.Upstream() as server:
        url = server.url
    made = upstream_of(basics, [url], "http2", retry_wait="0s")
    with Proxy(configuration(site(basics, upstream="group"), upstreams={"group": made})) as proxy:
        with Client(proxy, basics.alice) as client:
            streams = [client.ask("/away") for _ in range(5)]
            assert {client.wait(one).status for one in streams} == {502}


class Old(h2upstream.Upstream):
    """Knows HTTP/1.1 alone."""

    def _serve(self, sock, number):
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        with self._changed:
            sock.close()
            self._sockets.discard(sock)


@pytest.fixture
def old():
    with Old() as started:
        yield started


def test_a_server_of_http1_is_named(basics, old):
    made = upstream_of(basics, old, "http2")
    with Proxy(configuration(site(basics, upstream="group"), upstreams={"group": made})) as proxy:
        assert tlsclient.fetch(proxy, "/", identity=basics.alice).status == 502
        assert "HTTP/2" in proxy.event("upstream.failed")


def test_a_server_that_agrees_to_http1_alone_is_named(basics):
    with Both(basics, "http2", tls=True, server={"protocols": ("http/1.1",)}) as both:
        assert tlsclient.fetch(both.proxy, "/", identity=basics.alice).status == 502
        assert "ALPN" in both.proxy.event("upstream.failed")


# ---- HTTP/1.1 where it has to be ----------------------------------------------------------------

def test_auto_takes_what_the_server_chooses(basics):
    with Both(basics, "auto", tls=True, server={"protocols": ("http/1.1",)}) as both:
        clients = [both.http1() for _ in range(8)]
        for _ in range(2):
            for one in clients:
                one.send(tlsclient.build("GET", "/old"))
            assert {one.read_response().status for one in clients} == {200}
        for one in clients:
            one.close()
        assert {one.version for one in both.server.requests} == {"HTTP/1.1"}
        assert not both.server.h2_connections


def test_a_request_that_the_server_wants_on_http1(basics):
    with Both(basics, "auto", tls=True) as both, both.client() as client:
        @both.server.h2_on("/old")
        def _(stream):
            stream.abort(ERRORS.HTTP_1_1_REQUIRED)
        for _ in range(2):
            answer = client.wait(client.ask("/old", "POST"))
            assert (answer.status, answer.body) == (200, b"ok")
        assert [one.path for one in both.server.requests] == ["/old", "/old"]
        assert client.wait(client.ask("/new")).status == 200
        assert len(both.server.requests) == 2


def test_a_login_of_the_connection_goes_over_http1(basics):
    """NTLM and Negotiate are the connection's, which others share over HTTP/2."""
    with Both(basics, "auto", tls=True) as both, both.client() as client:
        assert client.wait(client.ask("/shared")).status == 200
        answer = client.wait(client.ask("/login", fields=[("authorization", "NTLM TlRMTVNT")]))
        assert answer.status == 200
        assert [one.path for one in both.server.requests] == ["/login"]


def test_a_shared_connection_makes_room_for_one_that_is_not(basics):
    """max_connections: 1, and the one there is carries HTTP/2 that nobody uses now."""
    with h2upstream.Upstream(basics.path("server.pem")) as server:
        made = upstream_of(basics, [{"url": server.url, "max_connections": 1}], "auto")
        with Proxy(configuration(site(basics, upstream="group"), upstreams={"group": made},
                                 timeouts={"queue": "1h"})) as proxy:
            with Client(proxy, basics.alice) as client:
                @server.h2_on("/old")
                def _(stream):
                    stream.abort(ERRORS.HTTP_1_1_REQUIRED)
                assert client.wait(client.ask("/shared")).status == 200
                login = [("authorization", "NTLM TlRMTVNT")]
                assert client.wait(client.ask("/login", fields=login)).status == 200
            with Client(proxy, basics.alice) as client:
                assert client.wait(client.ask("/shared")).status == 200
                assert client.wait(client.ask("/old")).status == 200
            assert [one.path for one in server.requests] == ["/login", "/old"]


def test_a_login_of_the_connection_is_refused_where_all_share(basics):
    with Both(basics, "http2") as both, both.client() as client:
        answer = client.wait(client.ask("/login", fields=[("authorization", "Negotiate YII=")]))
        assert answer.status == 502
        assert "protocol: auto" in both.proxy.event("upstream.failed")
        assert not both.server.h2_connections
