"""Requests two parsers might read differently: 400, close, and nothing reaches the backend.

SPDX-License-Identifier: MIT
"""

import pytest

import tlsclient
import upstream as upstream_module
from proxy import Proxy, configuration, site

H = "Host: server.test"

# title: (lines or bytes, status)
HEADS = {
    # RFC 9112 section 6.3: the length of the body must have one reading
    "two-different-lengths": ["POST / HTTP/1.1", H, "Content-Length: 3", "Content-Length: 4"],
    "two-equal-lengths": ["POST / HTTP/1.1", H, "Content-Length: 3", "Content-Length: 3"],
    "list-of-lengths": ["POST / HTTP/1.1", H, "Content-Length: 3, 3"],
    "length-and-encoding": ["POST / HTTP/1.1", H, "Content-Length: 3",
                            "Transfer-Encoding: chunked"],
    "encoding-and-length": ["POST / HTTP/1.1", H, "Transfer-Encoding: chunked",
                            "Content-Length: 3"],
    "negative-length": ["POST / HTTP/1.1", H, "Content-Length: -1"],
    "signed-length": ["POST / HTTP/1.1", H, "Content-Length: +3"],
    "hex-length": ["POST / HTTP/1.1", H, "Content-Length: 0x3"],
    "empty-length": ["POST / HTTP/1.1", H, "Content-Length:"],
    "length-with-a-blank": ["POST / HTTP/1.1", H, "Content-Length: 1 0"],
    "huge-length": ["POST / HTTP/1.1", H, "Content-Length: 99999999999999999999999"],
    "encoding-twice": ["POST / HTTP/1.1", H, "Transfer-Encoding: chunked",
                       "Transfer-Encoding: chunked"],
    # section 6.3 rule 4: 400 when chunked is not the last coding of a request
    "chunked-not-last": ["POST / HTTP/1.1", H, "Transfer-Encoding: chunked, gzip"],
    "chunked-chunked": ["POST / HTTP/1.1", H, "Transfer-Encoding: chunked, chunked"],
    "encoding-with-a-tab": ["POST / HTTP/1.1", H, "Transfer-Encoding: \x0bchunked"],
    "quoted-chunked": ["POST / HTTP/1.1", H, 'Transfer-Encoding: "chunked"'],
    "empty-encoding": ["POST / HTTP/1.1", H, "Transfer-Encoding:"],
    "encoding-in-http10": ["POST / HTTP/1.0", H, "Transfer-Encoding: chunked"],
    "length-by-underscore": ["POST / HTTP/1.1", H, "Content_Length: 3"],
    "encoding-by-underscore": ["POST / HTTP/1.1", H, "Transfer_Encoding: chunked"],
    # RFC 9112 section 5: fields
    "space-before-colon": ["GET / HTTP/1.1", H, "X-Name : value"],
    "space-before-host-colon": ["GET / HTTP/1.1", "Host : server.test"],
    "folded-value": ["GET / HTTP/1.1", H, "X-Name: a", " folded"],
    "folded-by-tab": ["GET / HTTP/1.1", H, "X-Name: a", "\tfolded"],
    "space-before-the-first-field": ["GET / HTTP/1.1", " X-Name: a", H],
    "no-colon": ["GET / HTTP/1.1", H, "X-Name"],
    "empty-name": ["GET / HTTP/1.1", H, ": value"],
    "bad-name": ["GET / HTTP/1.1", H, "X(Name): value"],
    "name-with-8-bit": ["GET / HTTP/1.1", H, "X-N\xe4me: value"],
    "control-in-a-value": ["GET / HTTP/1.1", H, "X-Name: a\x01b"],
    "delete-in-a-value": ["GET / HTTP/1.1", H, "X-Name: a\x7fb"],
    # RFC 9112 section 3.2: Host
    "no-host": ["GET / HTTP/1.1"],
    "two-hosts": ["GET / HTTP/1.1", H, H],
    "host-with-a-blank": ["GET / HTTP/1.1", "Host: server.test other"],
    "host-with-a-path": ["GET / HTTP/1.1", "Host: server.test/x"],
    "host-with-userinfo": ["GET / HTTP/1.1", "Host: user@server.test"],
    "host-list": ["GET / HTTP/1.1", "Host: server.test, other.test"],
    "host-with-a-bad-port": ["GET / HTTP/1.1", "Host: server.test:99999"],
    # RFC 9112 section 3: the request line
    "no-version": ["GET /", H],
    "bad-version": ["GET / HTTP/1.x", H],
    "lower-case-version": ["GET / http/1.1", H],
    "two-blanks": ["GET  / HTTP/1.1", H],
    "blank-in-the-target": ["GET /a b HTTP/1.1", H],
    "tab-in-the-line": ["GET\t/\tHTTP/1.1", H],
    "trailing-blank": ["GET / HTTP/1.1 ", H],
    "bad-method": ["GE(T / HTTP/1.1", H],
    "8-bit-target": ["GET /\xff HTTP/1.1", H],
    "control-in-the-target": ["GET /\x01 HTTP/1.1", H],
}
BYTES = {
    "nul-in-a-value": b"GET / HTTP/1.1\r\nHost: server.test\r\nX: a\0b\r\n\r\n",
    "nul-in-the-target": b"GET /\0 HTTP/1.1\r\nHost: server.test\r\n\r\n",
    "bare-lf": b"GET / HTTP/1.1\nHost: server.test\n\n",
    "bare-lf-in-the-middle": b"GET / HTTP/1.1\r\nHost: server.test\nX: y\r\n\r\n",
    "bare-lf-at-the-end": b"GET / HTTP/1.1\r\nHost: server.test\r\n\n",
    "bare-cr-in-a-value": b"GET / HTTP/1.1\r\nHost: server.test\r\nX: a\rY: b\r\n\r\n",
    "bare-cr-before-crlf": b"GET / HTTP/1.1\r\nHost: server.test\r\nX: a\r\r\n\r\n",
    "tls-inside-tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50,
    "not-http": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "http2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}
OTHER = {  # status other than 400
    "version-2": (["GET / HTTP/2.0", H], 505),
    "version-0.9": (["GET / HTTP/0.9", H], 505),
    "unknown-coding": (["POST / HTTP/1.1", H, "Transfer-Encoding: gzip, chunked"], 501),
}
CHUNKS = {
    # RFC 9112 section 7.1
    "bad-size": b"x\r\nabc\r\n0\r\n\r\n",
    "empty-size": b"\r\nabc\r\n0\r\n\r\n",
    "signed-size": b"+3\r\nabc\r\n0\r\n\r\n",
    "negative-size": b"-3\r\nabc\r\n0\r\n\r\n",
    "prefixed-size": b"0x3\r\nabc\r\n0\r\n\r\n",
    "blank-before-size": b" 3\r\nabc\r\n0\r\n\r\n",
    "blank-after-size": b"3 \r\nabc\r\n0\r\n\r\n",
    "overflowing-size": b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "wrapping-size": b"10000000000000003\r\nabc\r\n0\r\n\r\n",
    "size-ended-by-lf": b"3\nabc\r\n0\r\n\r\n",
    "no-crlf-after-data": b"3\r\nabcd\r\n0\r\n\r\n",
    "lf-after-data": b"3\r\nabc\n0\r\n\r\n",
    "nul-in-extension": b"3;a=\0\r\nabc\r\n0\r\n\r\n",
    "lf-in-extension": b"3;a=b\nabc\r\n0\r\n\r\n",
    "bad-trailer": b"3\r\nabc\r\n0\r\nX : y\r\n\r\n",
    "folded-trailer": b"3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n",
    "lf-after-trailer": b"3\r\nabc\r\n0\r\nX: y\n\r\n",
}


@pytest.fixture(scope="module")
def recorder():
    with upstream_module.Upstream() as started:
        yield started


@pytest.fixture(scope="module")
def proxy(basics, recorder):
    with Proxy(configuration(site(basics, upstream=recorder.url))) as started:
        yield started


def refused(proxy, basics, recorder, data, *statuses):
    before = len(recorder.requests)
    with tlsclient.connect(proxy, basics.alice) as client:
        # What follows would be a request of its own for a parser that lost its place.
        client.send(data + tlsclient.build(target="/smuggled"))
        answer = client.read_response()
        assert answer.status in statuses
        assert client.is_at_end()
    assert len(recorder.requests) == before


# RFC 9112 section 6.1 allows both names for a coding nobody knows.
EITHER = {"encoding-twice", "chunked-chunked", "quoted-chunked", "empty-encoding"}


@pytest.mark.parametrize("title", HEADS)
def test_malformed_head(proxy, basics, recorder, title):
    data = ("\r\n".join(HEADS[title]) + "\r\n\r\n").encode("latin-1")
    refused(proxy, basics, recorder, data, *((400, 501) if title in EITHER else (400,)))


@pytest.mark.parametrize("title", BYTES)
def test_malformed_bytes(proxy, basics, recorder, title):
    refused(proxy, basics, recorder, BYTES[title], 505 if title == "http2-preface" else 400)


@pytest.mark.parametrize("title", OTHER)
def test_well_formed_but_not_for_us(proxy, basics, recorder, title):
    lines, status = OTHER[title]
    refused(proxy, basics, recorder, ("\r\n".join(lines) + "\r\n\r\n").encode(), status)


@pytest.mark.parametrize("title", CHUNKS)
def test_malformed_chunks(proxy, basics, recorder, title):
    """The head may have gone upstream by then; the message must never be complete there."""
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(b"POST /chunks-%s HTTP/1.1\r\n" % title.encode() + H.encode() +
                    b"\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS[title] +
                    tlsclient.build(target="/smuggled"))
        answer = client.read_response()
        assert answer.status == 400
        assert client.is_at_end()
    seen = [one for one in recorder.requests if one.target == "/chunks-" + title]
    assert all(one.body is None for one in seen)
    assert not [one for one in recorder.requests if one.target == "/smuggled"]


def test_the_proxy_lives_on(proxy, basics):
    assert tlsclient.fetch(proxy, "/alive", identity=basics.alice).status == 200
