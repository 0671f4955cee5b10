"""HTTP/1.1 between client, proxy and backend: framing, limits, paths.

The backend records exact bytes, so that "nothing reaches the backend" means just that.
Clauses are those of RFC 9112 and RFC 9110.

SPDX-License-Identifier: MIT
"""

import pytest

import tlsclient
import upstream as upstream_module
from events import eventually
from proxy import Proxy, configuration, site

LIMITS = {"target_bytes": "2k", "header_bytes": "8k", "header_count": 50, "body_bytes": "64k"}


@pytest.fixture(scope="module")
def recorder():
    with upstream_module.Upstream() as started:
        yield started


@pytest.fixture(scope="module")
def proxy(basics, recorder):
    made = site(basics, upstream=recorder.url)
    with Proxy(configuration(made, limits=LIMITS)) as started:
        yield started


@pytest.fixture
def client(proxy, basics):
    with tlsclient.connect(proxy, basics.alice) as connection:
        yield connection


def head(*lines):
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def test_a_thousand_requests_on_one_connection(client, recorder):
    before = recorder.connections
    for number in range(1000):
        answer = client.request(target=f"/many/{number}")
        assert (answer.status, answer.body) == (200, b"ok")
    assert recorder.requests[-1].target == "/many/999"
    assert recorder.connections - before <= 1


def test_pipelined_requests_are_answered_in_order(client, recorder):
    @recorder.on("/pipeline")
    def _(exchange):
        exchange.reply(body=exchange.request.header("x-number").encode())

    client.send(b"".join(tlsclient.build(target="/pipeline", headers=[("X-Number", str(n))])
                         for n in range(50)))
    assert [int(client.read_response().body) for _ in range(50)] == list(range(50))


def test_pipelined_request_behind_a_body(client, recorder):
    client.send(tlsclient.build("POST", "/first", body=b"x" * 30000) +
                tlsclient.build("GET", "/second"))
    assert client.read_response().status == 200
    assert client.read_response().status == 200
    assert [one.target for one in recorder.requests[-2:]] == ["/first", "/second"]
    assert recorder.requests[-2].body == b"x" * 30000


def test_content_length_body_both_ways(client, recorder):
    body = bytes(range(256)) * 200

    @recorder.on("/mirror")
    def _(exchange):
        exchange.reply(body=exchange.read_body())

    answer = client.request("POST", "/mirror", body=body)
    assert answer.body == body
    assert answer.header("content-length") == str(len(body))


def test_chunked_body_both_ways(client, recorder):
    @recorder.on("/chunked")
    def _(exchange):
        body = exchange.read_body()
        exchange.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 1000):
            piece = body[at:at + 1000]
            exchange.raw(b"%x\r\n%s\r\n" % (len(piece), piece))
        exchange.raw(b"0\r\n\r\n")

    client.send(head("POST /chunked HTTP/1.1", "Host: server.test", "Transfer-Encoding: chunked"))
    for piece in (b"a", b"b" * 15, b"c" * 5000, b"d" * 20000):
        client.send(b"%X\r\n%s\r\n" % (len(piece), piece))
    client.send(b"0\r\n\r\n")
    answer = client.read_response()
    assert answer.body == b"a" + b"b" * 15 + b"c" * 5000 + b"d" * 20000
    assert client.request(target="/after").status == 200


def test_chunk_extensions_do_not_reach_the_backend(client, recorder):
    client.send(head("POST /extension HTTP/1.1", "Host: server.test",
                     "Transfer-Encoding: chunked") + b"3;name=value\r\nabc\r\n0\r\n\r\n")
    assert client.read_response().status in (200, 400)
    seen = [one for one in recorder.requests if one.target == "/extension"]
    assert all(one.body == b"abc" for one in seen)


def test_response_until_close_is_reframed(client, recorder):
    @recorder.on("/until-close")
    def _(exchange):
        exchange.raw(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"z" * 40000)
        exchange.close()

    assert client.request(target="/until-close").body == b"z" * 40000
    assert client.request(target="/after").status == 200


def test_head_has_no_body_and_keeps_the_length(client, recorder):
    @recorder.on("/head")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n")

    answer = client.request("HEAD", "/head")
    assert answer.header("content-length") == "12345"
    assert client.request(target="/after").status == 200


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_body(client, recorder, status):
    @recorder.on("/no-body")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 %d Fine\r\nETag: \"x\"\r\n\r\n" % status)

    answer = client.request(target="/no-body")
    assert (answer.status, answer.header("etag")) == (status, '"x"')
    assert client.request(target="/after").status == 200


def test_continue_is_sent_before_the_body(client, recorder):
    """RFC 9110 section 10.1.1."""
    client.send(head("POST /expect HTTP/1.1", "Host: server.test", "Content-Length: 5",
                     "Expect: 100-continue"))
    assert client.read_head().status == 100
    client.send(b"hello")
    assert client.read_response().status == 200
    assert recorder.requests[-1].body == b"hello"


def test_expectation_of_a_refused_request_gets_the_refusal_at_once(proxy):
    with tlsclient.connect(proxy) as client:
        client.send(head("POST /refused HTTP/1.1", "Host: server.test", "Content-Length: 5",
                         "Expect: 100-continue"))
        assert client.read_head().status == 403


def test_unknown_expectation_is_417(client):
    assert client.request(headers=[("Expect", "miracles")]).status == 417


def test_informational_answers_are_passed_on_or_dropped_but_never_final(client, recorder):
    @recorder.on("/early-hints")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        exchange.reply()

    assert client.request(target="/early-hints").status == 200


def test_head_one_byte_at_a_time(client):
    for byte in head("GET /slowly HTTP/1.1", "Host: server.test", "X-Name: value"):
        client.send(bytes([byte]))
    assert client.read_response().status == 200


def test_head_without_end_is_408(start, basics):
    proxy = start(site(basics), timeouts={"header": "1s"})
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(b"GET /endless HTTP/1.1\r\nHost: server.test\r\nX-More: ")
        answer = client.read_response()
        assert answer.status == 408
        assert client.is_at_end()


def test_body_that_stops_is_408_or_a_close(start, basics, recorder):
    proxy = start(site(basics, upstream=recorder.url), timeouts={"body": "1s"})
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(head("POST /stops HTTP/1.1", "Host: server.test", "Content-Length: 10") +
                    b"abc")
        data = client.read_to_end()
        assert data == b"" or data.startswith(b"HTTP/1.1 408 ")


def test_one_empty_line_before_a_request_is_skipped(client):
    """RFC 9112 section 2.2."""
    client.send(b"\r\n" + head("GET /blank HTTP/1.1", "Host: server.test"))
    assert client.read_response().status == 200


def test_http10_closes_unless_asked_otherwise(proxy, basics):
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(head("GET /old HTTP/1.0", "Host: server.test"))
        assert client.read_response().status == 200
        assert client.is_at_end()


def test_connection_close_is_honoured(client):
    client.send(tlsclient.build(target="/last", headers=[("Connection", "close")]))
    answer = client.read_response()
    assert answer.header("connection") == "close"
    assert client.is_at_end()


# Limits: at the limit, and one more.

def padded_target(length):
    return "/" + "a" * (length - 1)


def test_target_at_its_limit(client, recorder):
    assert client.request(target=padded_target(2048)).status == 200
    assert len(recorder.requests[-1].target) == 2048


def test_target_over_its_limit_is_414(client, recorder):
    before = len(recorder.requests)
    assert client.request(target=padded_target(2049)).status == 414
    assert len(recorder.requests) == before


def sized_head(length):
    frame = b"GET /sized HTTP/1.1\r\nHost: server.test\r\nX-Fill: \r\n\r\n"
    fill = b"f" * (length - len(frame))
    return frame.replace(b"X-Fill: ", b"X-Fill: " + fill)


def test_head_at_its_limit(client):
    client.send(sized_head(8192))
    assert client.read_response().status == 200


def test_head_over_its_limit_is_431(client, recorder):
    before = len(recorder.requests)
    client.send(sized_head(8193))
    answer = client.read_response()
    assert answer.status == 431
    assert client.is_at_end()
    assert len(recorder.requests) == before


def test_header_count_at_its_limit(client):
    headers = [(f"X-{number}", "v") for number in range(49)]  # and Host
    assert client.request(headers=headers).status == 200


def test_header_count_over_its_limit_is_431(client):
    headers = [(f"X-{number}", "v") for number in range(50)]
    assert client.request(headers=headers).status == 431


def test_body_at_its_limit(client, recorder):
    assert client.request("POST", "/limit", body=b"b" * 65536).status == 200
    assert len(recorder.requests[-1].body) == 65536


def test_announced_body_over_its_limit_is_413(client, recorder):
    before = len(recorder.requests)
    client.send(head("POST /limit HTTP/1.1", "Host: server.test", "Content-Length: 65537"))
    assert client.read_response().status == 413
    assert len(recorder.requests) == before


def test_chunked_body_over_its_limit_is_never_complete_at_the_backend(client, recorder):
    client.send(head("POST /grows HTTP/1.1", "Host: server.test", "Transfer-Encoding: chunked"))
    client.send(b"10000\r\n" + b"b" * 65536 + b"\r\n1\r\nx\r\n0\r\n\r\n")
    assert client.read_response().status == 413
    assert all(one.body is None for one in recorder.requests if one.target == "/grows")


def test_very_long_head_without_end_is_cut_off(client):
    client.send(b"GET /x HTTP/1.1\r\nHost: server.test\r\nX: " + b"y" * 20000)
    assert client.read_response().status == 431


# Methods and paths

@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_methods_that_are_not_for_a_proxy_like_this(client, recorder, method):
    before = len(recorder.requests)
    target = "server.test:443" if method == "CONNECT" else "/"
    client.send(tlsclient.build(method, target))
    assert client.read_response().status in ((405,) if method == "TRACE" else (400, 405, 501))
    assert len(recorder.requests) == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_other_methods_pass(client, recorder, method):
    assert client.request(method, "/method").status == 200
    assert recorder.requests[-1].method == method


@pytest.mark.parametrize("sent, seen", [
    ("/a/b?x=1&y=%20", "/a/b?x=1&y=%20"),
    ("/a/./b/../c", "/a/c"),
    ("/a/b/..", "/a/"),
    ("/%61%7e%2D", "/a~-"),
    ("/a/%2e%2e/b", "/b"),
    ("/caf%C3%A9", "/caf%C3%A9"),
    ("/a%20b", "/a%20b"),
    ("//a//b", "//a//b"),
    ("/a;p=1/b:@!$&'()*+,=", "/a;p=1/b:@!$&'()*+,="),
    ("/?", "/?"),
    ("/q?a/../b", "/q?a/../b"),
])
def test_paths_are_normalised(client, recorder, sent, seen):
    assert client.request(target=sent).status == 200
    assert recorder.requests[-1].target == seen


@pytest.mark.parametrize("target", [
    "/a%00b", "/a\\b", "/a%5cb", "/a%5Cb", "/..", "/a/../../b", "/%2e%2e/", "/a%2fb", "/a%2Fb",
    "/%c0%af", "/%ff", "/%ed%a0%80", "/%f4%90%80%80", "/%e2%82", "/%zz", "/%4", "/a#b",
    "nothing", "http://user@server.test/", "ftp://server.test/", "",
])
def test_paths_that_are_refused(client, recorder, target):
    before = len(recorder.requests)
    assert client.request(target=target).status == 400
    assert len(recorder.requests) == before


def test_encoded_slash_is_kept_when_the_site_says_so(start, basics, backend):
    proxy = start(site(basics, upstream=backend.url, encoded_slash="keep"))
    answer = tlsclient.fetch(proxy, "/a%2fb", identity=basics.alice)
    assert answer.status == 200
    assert backend.requests[-1].target.lower() == "/a%2fb"


def test_absolute_form_is_understood(client, recorder):
    """RFC 9112 section 3.2.2: the authority of the target wins over Host."""
    answer = client.request(target="https://server.test/absolute?q")
    assert answer.status == 200
    assert recorder.requests[-1].target == "/absolute?q"
    assert recorder.requests[-1].values("host") == ["server.test"]


def test_locations_match_whole_segments_without_case(start, basics, backend):
    proxy = start(site(basics, upstream=backend.url, client_certificate="accept", locations=[
        {"path": "/secure", "client_certificate": "require"},
        {"path": "/secure/open", "client_certificate": "ignore"}]))
    for path, status in (("/", 200), ("/secure", 403), ("/secure/x", 403), ("/SECURE/x", 403),
                         ("/secured", 200), ("/secure/open", 200), ("/secure/open/../x", 403),
                         ("/secure/%6fpen/x", 200), ("/x/../secure", 403)):
        assert tlsclient.fetch(proxy, path).status == status, path


def test_the_head_of_a_refusal_says_nothing_more_to_the_world(proxy):
    """The substatus is for the log and for whoever may read the page, never in the head."""
    answer = tlsclient.fetch(proxy)
    assert (answer.status, answer.reason) == (403, "Forbidden")
    assert answer.header("content-type").startswith("text/html")
    assert int(answer.header("content-length")) == len(answer.body) > 0
    assert b"403.7" not in answer.raw_head


def test_the_connection_survives_a_refusal(proxy):
    with tlsclient.connect(proxy) as client:
        for _ in range(3):
            assert client.request().status == 403


def test_body_of_a_refused_request_is_never_read_as_a_request(proxy, recorder):
    with tlsclient.connect(proxy) as client:
        inner = tlsclient.build(target="/smuggled")
        client.send(tlsclient.build("POST", "/refused-body", body=inner))
        assert client.read_response().status == 403
        client.send(tlsclient.build(target="/second"))
        try:
            assert client.read_response().status == 403
        except (tlsclient.Closed, ConnectionError):
            pass
    assert not [one for one in recorder.requests if one.path == "/smuggled"]


def test_what_the_client_leaves_behind_ends_the_upload(proxy, basics, recorder):
    """A client that goes away inside a body must not look complete to the backend."""
    gone = []

    @recorder.on("/goes-away")
    def _(exchange):
        gone.append(exchange.reader.read(100))
        exchange.close()

    client = tlsclient.connect(proxy, basics.alice)
    client.send(head("POST /goes-away HTTP/1.1", "Host: server.test", "Content-Length: 100"))
    client.send(b"half")
    eventually(lambda: [one for one in recorder.requests if one.path == "/goes-away"], "the head")
    client.abort()
    eventually(lambda: gone, "the backend sees the end")
    assert gone == [b"half"] or gone == [b""]
