"""HTTP/2 towards servers: how streams and connections end.

SPDX-License-Identifier: MIT
"""

import h2.errors
import pytest

import h2upstream
import tlsclient
from events import eventually
from h2upstream import Both, upstream_of
from proxy import Proxy, configuration, site

ERRORS = h2.errors.ErrorCodes


@pytest.fixture(scope="module", params=[("http2", False), ("auto", True)], ids=["http", "https"])
def both(request, basics):
    with Both(basics, *request.param) as started:
        yield started


def client_has(client, stream, body):
    client.read()
    return client.answers[stream].body == body


def test_a_client_that_leaves_cancels_the_stream(both):
    left = []

    @both.server.h2_on("/left")
    def _(stream):
        left.append(stream)
        stream.respond(200)
        stream.send(b"begun")
        stream.wait(lambda: False)
    for leave in ("reset", "close"):
        with both.client() as client:
            stream = client.ask("/left")
            eventually(lambda client=client, stream=stream: client_has(client, stream, b"begun"),
                       "the beginning")
            if leave == "reset":
                client.h2.reset_stream(stream, ERRORS.CANCEL)
                client.flush()
                eventually(lambda: left[-1].reset == ERRORS.CANCEL, "the end of the stream")
        eventually(lambda: left[-1].reset == ERRORS.CANCEL, "the end of the stream")


def test_an_answer_before_the_end_of_the_upload(both):
    @both.server.h2_on("/early")
    def _(stream):
        stream.reply(413, b"too much")
        stream.abort(ERRORS.NO_ERROR)
    with both.client() as client:
        stream = client.ask("/early", "POST", end=False)
        client.send(stream, b"x" * 1000)
        answer = client.wait(stream)
        assert (answer.status, answer.body) == (413, b"too much")
        assert client.wait(client.ask("/next")).status == 200
    with both.http1() as client:
        client.send(b"POST /early HTTP/1.1\r\nHost: server.test\r\nContent-Length: 50\r\n\r\nx")
        assert client.read_response().status == 413


def test_an_answer_counts_though_the_server_has_closed(basics):
    """It answers while the request is still being sent, and resets the connection."""
    with Both(basics) as both, both.client() as client:
        @both.server.h2_on("/gone")
        def _(stream):
            stream.wait(lambda: stream.body)
            stream.reply(403, b"no")
            stream.connection.close_with_reset()
        stream = client.ask("/gone", "POST", end=False)
        client.send(stream, b"x" * 60000, end=True)
        answer = client.wait(stream)
        assert (answer.status, answer.body) == (403, b"no")


def test_nothing_is_kept_where_nothing_is_to_be(basics):
    with Both(basics, keepalive={"connections": 0}) as both, both.client() as client:
        for count in range(1, 4):
            assert client.wait(client.ask("/once")).status == 200
            both.server.wait_connections(0)
            assert both.server.connections == count


def test_a_stream_that_is_not_answered_times_out_alone(basics):
    with Both(basics, top={"timeouts": {"response": "5s"}}) as both, both.client() as client:
        @both.server.h2_on("/never")
        def _(stream):
            stream.wait(lambda: False)
        never = client.ask("/never")
        assert client.wait(never).status == 504
        assert client.wait(client.ask("/other")).status == 200
        assert both.server.h2_connections[0].pings == 1


def test_a_connection_that_is_dead_is_left(basics):
    """No answer to a request, then none to a PING: the next request has a connection of its own."""
    top = {"timeouts": {"response": "5s", "connect": "5s"}}
    with Both(basics, top=top) as both, both.client() as client:
        assert client.wait(client.ask("/alive")).status == 200
        both.server.h2_connections[0].is_deaf = True
        assert client.wait(client.ask("/dead")).status == 504
        assert client.wait(client.ask("/alive")).status == 200
        assert both.server.connections == 2


def test_ping_finds_a_dead_connection(basics):
    top = {"timeouts": {"response": "1h", "connect": "2s"}}
    with Both(basics, top=top, keepalive={"ping": "1s"}) as both, both.client() as client:
        @both.server.h2_on("/silent")
        def _(stream):
            stream.connection.is_deaf = True
            stream.wait(lambda: False)
        assert client.wait(client.ask("/silent", "POST")).status == 502
        assert "PING" in both.proxy.event("upstream.failed")


def test_a_used_up_connection_is_replaced(basics):
    with Both(basics, keepalive={"requests": 3}) as both, both.client() as client:
        for _ in range(7):
            assert client.wait(client.ask("/used")).status == 200
        assert both.server.connections == 3
        eventually(lambda: both.server.h2_connections[0].goaway == 0, "GOAWAY")


def test_an_idle_connection_is_given_up(basics):
    with Both(basics, keepalive={"idle": "100ms"}) as both, both.client() as client:
        assert client.wait(client.ask("/once")).status == 200
        eventually(lambda: both.server.h2_connections[0].goaway == 0, "GOAWAY")
        both.server.wait_connections(0)


def test_probes_speak_http2(basics):
    with h2upstream.Upstream() as good, h2upstream.Upstream() as bad:
        @bad.h2_on("/health")
        def _(stream):
            stream.respond(503, end=True)
        made = upstream_of(basics, [good.url, bad.url], "http2",
                           health={"path": "/health", "interval": "50ms", "fall": 1})
        with Proxy(configuration(site(basics, upstream="group"), upstreams={"group": made})) as proxy:
            assert bad.url in proxy.event("upstream.down")
            assert good.taken().path == "/health"
            bad.h2_handlers.clear()
            assert bad.url in proxy.event("upstream.up")
