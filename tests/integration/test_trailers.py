"""Trailer fields, between every mixture of protocols; HTTP/2 towards servers: test_http2_upstream.py.

SPDX-License-Identifier: MIT
"""

import pytest

import h2upstream
import tlsclient
from h2client import Client
from proxy import Proxy, configuration, site

ADDED = [("x-sum", "7"), ("x-more", "a b")]
FORGED = [("Client-Cert", ":AAAA:"), ("X.SSL.Client_DN", "x"), ("x-forwarded-for", "1.1.1.1"),
          ("content_length", "9"), ("Host", "evil"), ("authorization", "x"), ("cookie", "a=b"),
          ("x-edited", "1"), ("te", "gzip"), ("content-encoding", "gzip")]


@pytest.fixture(scope="module")
def proxy(basics, recorder):
    edits = {"request_headers": {"set": {"X-Edited": "ours"}},
             "response_headers": {"remove": ["X-Gone"]}}
    with Proxy(configuration(site(basics, upstream=recorder.url, **edits))) as started:
        yield started


@pytest.fixture(scope="module")
def recorder():
    with h2upstream.upstream_module.Upstream() as started:
        @started.on("/answer")
        def _(exchange):
            exchange.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                         b"2\r\nok\r\n0\r\nX-Sum: 7\r\nX-Gone: 1\r\nSet-Cookie: a=b\r\n\r\n")

        @started.on("/many")
        def _(exchange):
            exchange.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n" +
                         b"".join(b"a%d: b\r\n" % i for i in range(900)) + b"\r\n")
        yield started


def chunked(trailers, target="/sent"):
    lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
    return (f"POST {target} HTTP/1.1\r\nHost: server.test\r\nTransfer-Encoding: chunked\r\n\r\n"
            f"3\r\nabc\r\n0\r\n{lines}\r\n")


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("forged", [False, True])
def test_to_the_server(proxy, basics, recorder, protocol, forged):
    trailers = ADDED + (FORGED if forged else [])
    if protocol == "HTTP/1.1":
        with tlsclient.connect(proxy, basics.alice) as client:
            client.send(chunked(trailers))
            assert client.read_response().status == 200
    else:
        lower = [(name.lower(), value) for name, value in trailers
                 if name.lower() not in ("host", "te")]
        with Client(proxy, basics.alice) as client:
            stream = client.ask("/sent", "POST", b"abc", end=False)
            client.h2.send_headers(stream, lower, end_stream=True)
            client.flush()
            assert client.wait(stream).status == 200
    request = recorder.take()
    assert request.body == b"abc"
    assert request.trailers.lower() == b"x-sum: 7\r\nx-more: a b\r\n"


def test_a_body_of_known_length_has_none(proxy, basics, recorder):
    with Client(proxy, basics.alice) as client:
        stream = client.ask("/sent", "POST", b"abc", fields=[("content-length", "3")], end=False)
        client.h2.send_headers(stream, ADDED, end_stream=True)
        client.flush()
        assert client.wait(stream).status == 200
    request = recorder.take()
    assert (request.body, request.trailers) == (b"abc", b"")


def test_to_the_client(proxy, basics, recorder):
    with tlsclient.connect(proxy, basics.alice) as client:
        answer = client.request("GET", "/answer")
        assert (answer.body, answer.trailers) == (b"ok", [("X-Sum", "7")])
        assert client.request("GET", "/answer").status == 200  # nothing was left behind
    with Client(proxy, basics.alice) as client:
        answer = client.wait(client.ask("/answer"))
        assert (answer.body, list(answer.trailers)) == (b"ok", [("x-sum", "7")])
    for _ in range(3):
        recorder.take()


def test_a_client_of_http10_gets_none(proxy, basics, recorder):
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send("GET /answer HTTP/1.0\r\nHost: server.test\r\n\r\n")
        assert client.read_response().body == b"ok"
    recorder.take()


def test_who_takes_trailers_is_told_of(proxy, basics, recorder):
    with tlsclient.connect(proxy, basics.alice) as client:
        client.request("GET", "/te", [("TE", "gzip, trailers"), ("Connection", "TE")])
        request = recorder.take()
        assert request.values("TE") == ["trailers"] and request.values("Connection") == ["TE"]
        client.request("GET", "/te", [("TE", "gzip"), ("Connection", "TE")])
        assert recorder.take().header("TE") is None


def test_too_many(proxy, basics, recorder):
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(chunked([(f"a{i}", "b") for i in range(900)]))
        assert client.read_response().status == 431
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(tlsclient.build("GET", "/many"))
        with pytest.raises(tlsclient.Closed):
            client.read_response()
