"""HTTP/2 from hostile clients: nothing ambiguous gets through, floods end with a reason.

Clauses are those of RFC 9113.

SPDX-License-Identifier: MIT
"""

import ssl
import struct
import threading

import pytest

import h2client
from events import DEADLINE
from h2client import (CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, CANCEL, PING,
                      PRIORITY, PROTOCOL_ERROR, RST_STREAM, SETTINGS, WINDOW_UPDATE, Client, Frames,
                      frame, head)
from h2site import by_hand, proxy, recorder  # noqa: F401 (fixtures)
from proxy import site

MIB = 1 << 20


def is_healthy(proxy, basics):
    with Client(proxy, basics.alice) as other:
        return other.fetch("/echo").status == 200


GOOD = head("/never")


def without(name):
    return [pair for pair in GOOD if pair[0] != name]


def instead(name, value):
    return [(name, value) if pair[0] == name else pair for pair in GOOD]


MALFORMED = {
    "upper case": GOOD + [("X-Upper", "1")],
    "connection": GOOD + [("connection", "close")],
    "keep-alive": GOOD + [("keep-alive", "5")],
    "proxy-connection": GOOD + [("proxy-connection", "close")],
    "transfer-encoding": GOOD + [("transfer-encoding", "chunked")],
    "upgrade": GOOD + [("upgrade", "websocket")],
    "te": GOOD + [("te", "gzip")],
    "te beside trailers": GOOD + [("te", "trailers, gzip")],
    "no method": without(":method"),
    "no scheme": without(":scheme"),
    "no path": without(":path"),
    "method twice": GOOD + [] + [GOOD[0]],
    "path twice": [*GOOD[:4], (":path", "/other")],
    "late pseudo-header": [*GOOD[:3], ("x-early", "1"), GOOD[3]],
    "unknown pseudo-header": [*GOOD, (":colour", "blue")],
    "status in a request": [*GOOD, (":status", "200")],
    "empty path": instead(":path", ""),
    "space in the name": GOOD + [("x y", "1")],
    "colon in the name": GOOD + [("x:y", "1")],
    "empty name": GOOD + [("", "1")],
    "line feed in the name": GOOD + [("x\ny", "1")],
    "carriage return in a value": GOOD + [("x-value", "a\rb")],
    "line feed in a value": GOOD + [("x-value", "a\nHost: b")],
    "nul in a value": GOOD + [("x-value", "a\0b")],
    "line feed in the path": instead(":path", "/a\nb"),
    "space in the path": instead(":path", "/a b HTTP/1.1"),
    "space in the method": instead(":method", "GET /x"),
    "fragment in the path": instead(":path", "/a#b"),
    "absolute path": instead(":path", "http://server.test/a"),
    "asterisk without OPTIONS": instead(":path", "*"),
    "authority with a user": instead(":authority", "me@server.test"),
    "authority with a space": instead(":authority", "server.test x"),
    "host beside another authority": GOOD + [("host", "other.test")],
    "two hosts": [*without(":authority"), ("host", "a.test"), ("host", "b.test")],
    "two lengths": GOOD + [("content-length", "1"), ("content-length", "2")],
    "a length that is none": GOOD + [("content-length", "+1")],
    "a length and no body": GOOD + [("content-length", "1")],
    "connect": [(":method", "CONNECT"), (":authority", "server.test:443")],
    "trace": instead(":method", "TRACE"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_nothing_ambiguous_reaches_the_backend(by_hand, recorder, proxy, basics, what):
    before = len(recorder.requests)
    by_hand.send(by_hand.headers(1, MALFORMED[what]))
    assert by_hand.status(1) in ("reset", "goaway", 400, 405, 501)
    assert is_healthy(proxy, basics)
    assert len(recorder.requests) == before


@pytest.mark.parametrize("announced, sent", [(10, 5), (5, 10), (0, 5)])
def test_a_body_of_another_length_is_no_request(by_hand, recorder, announced, sent):
    """section 8.1.1"""
    kept = []

    @recorder.on("/short")
    def _(exchange):
        kept.append(exchange.read_body())
        exchange.reply()

    fields = head("/short", "POST", fields=[("content-length", str(announced))])
    by_hand.send(by_hand.headers(1, fields, END_HEADERS), frame(DATA, END_STREAM, 1, b"x" * sent))
    assert by_hand.status(1) in ("reset", 400, "goaway")
    assert not kept


@pytest.mark.parametrize("trailer", [(":path", "/x"), ("X-Upper", "1"), ("connection", "close"),
                                     ("x-line", "a\nb")])
def test_malformed_trailers_end_the_stream(by_hand, trailer):
    by_hand.send(by_hand.headers(1, head("/echo", "POST"), END_HEADERS), frame(DATA, 0, 1, b"x"),
                 by_hand.headers(1, [trailer]))
    assert by_hand.status(1) in ("reset", "goaway", 400)


def test_identity_in_trailers_stays_behind(by_hand, recorder):
    @recorder.on("/trailers")
    def _(exchange):
        exchange.read_body()
        exchange.reply()

    by_hand.send(by_hand.headers(1, head("/trailers", "POST"), END_HEADERS), frame(DATA, 0, 1, b"x"),
                 by_hand.headers(1, [("client-cert", "forged")]))
    assert by_hand.status(1) == 200
    assert b"forged" not in recorder.requests[-1].raw + recorder.requests[-1].trailers


@pytest.mark.parametrize("fields, wanted", [
    ([("x", "y" * 70000)], (431,)), ([(f"x{n}", "1") for n in range(500)], (431,)),
    ([(":path", "/" + "x" * 60000)], (414, 431))])
def test_heads_beyond_the_limits(by_hand, fields, wanted):
    pairs = dict(head())
    pseudo = [(name, dict(fields).get(name, value)) for name, value in pairs.items()]
    whole = by_hand.encoder.encode(
        [h2client.hpack.NeverIndexedHeaderTuple(*pair)
         for pair in pseudo + [one for one in fields if one[0][0] != ":"]], huffman=False)
    pieces = [whole[at:at + 16000] for at in range(0, len(whole), 16000)]
    by_hand.send(frame(HEADERS, END_STREAM | (END_HEADERS if len(pieces) == 1 else 0), 1, pieces[0]))
    for number, piece in enumerate(pieces[1:], 2):
        by_hand.send(frame(CONTINUATION, END_HEADERS if number == len(pieces) else 0, 1, piece))
    assert by_hand.status(1) in (*wanted, "goaway", "reset")


# ---- abuse ------------------------------------------------------------------------------------


def rapid_reset(client):
    for n in range(1, 20000, 2):
        yield client.headers(n, head("/open")) + frame(RST_STREAM, 0, n, struct.pack(">I", CANCEL))


def refused_streams(client):
    for n in range(1, 20000, 2):
        yield client.headers(n, GOOD + [("connection", "close")])


def settings(_):
    for _n in range(20000):
        yield frame(SETTINGS, 0, 0)


def pings(_):
    for _n in range(20000):
        yield frame(PING, 0, 0, b"12345678")


def empty_data(client):
    yield client.headers(1, head("/open", "POST"), END_HEADERS)
    for _n in range(50000):
        yield frame(DATA, 0, 1)


def empty_continuations(client):
    block = client.encoder.encode(head("/open"))
    yield frame(HEADERS, END_STREAM, 1, block)
    for _n in range(50000):
        yield frame(CONTINUATION, 0, 1)


def window_updates(client):
    yield client.headers(1, head("/open", "POST"), END_HEADERS)
    for _n in range(50000):
        yield frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 1))


def priorities(client):
    for n in range(50000):
        yield frame(PRIORITY, 0, 2 * n + 1, struct.pack(">IB", 0, 7))


def unknown_frames(client):
    for _n in range(50000):
        yield frame(0x77, 0, 0, b"x")


@pytest.mark.parametrize("flood", [rapid_reset, refused_streams, settings, pings, empty_data,
                                   empty_continuations, window_updates, priorities, unknown_frames])
def test_a_flood_ends_with_a_reason_and_harms_nobody(basics, recorder, start, flood):
    proxy = start(site(basics, client_certificate="accept", upstream=recorder.url))
    with Client(proxy, basics.alice) as healthy, Frames(proxy) as client:
        assert healthy.fetch("/").status == 200
        before = sum(proxy.rss().values())
        pieces = flood(client)
        try:
            while chunk := b"".join(piece for _, piece in zip(range(100), pieces)):
                client.send(chunk)
        except (ConnectionError, ssl.SSLError):
            pass
        code = client.goaway()
        assert code in (ENHANCE_YOUR_CALM, PROTOCOL_ERROR, None)
        line = proxy.event("http2.failed")
        assert "ENHANCE_YOUR_CALM" in line or "PROTOCOL_ERROR" in line
        assert healthy.fetch("/").status == 200
        assert sum(proxy.rss().values()) - before < 20 * 1024


def test_a_bomb_of_headers_costs_no_memory(basics, start):
    """A field of 4 KiB in the table of HPACK, and thousands of references to it."""
    proxy = start(site(basics, client_certificate="accept"))
    with Frames(proxy) as client:
        before = sum(proxy.rss().values())
        block = client.encoder.encode(head("/")) + b"\x40\x01x\x7f\x81\x1e" + b"a" * 4000
        block += b"\xbe" * 60000
        pieces = [block[at:at + 16000] for at in range(0, len(block), 16000)]
        try:
            client.send(frame(HEADERS, END_STREAM, 1, pieces[0]),
                        *[frame(CONTINUATION, END_HEADERS if n == len(pieces) - 2 else 0, 1, piece)
                          for n, piece in enumerate(pieces[1:])])
        except (ConnectionError, ssl.SSLError):
            pass
        assert client.status(1) in ("goaway", "reset", "closed", 431)
        assert sum(proxy.rss().values()) - before < 8 * 1024


def test_streams_beyond_the_limit_are_refused(by_hand, recorder):
    go_on = threading.Event()

    @recorder.on("/wait")
    def _(exchange):
        assert go_on.wait(DEADLINE)
        exchange.reply()

    for n in range(102):
        by_hand.send(by_hand.headers(2 * n + 1, head("/wait")))
    got = by_hand.until(RST_STREAM) or by_hand.seen[-1]
    assert struct.unpack(">I", got[3][:4])[0] == 7  # REFUSED_STREAM
    go_on.set()
