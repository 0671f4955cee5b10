"""negotiate_client_certificate: late - the certificate is asked for when a path first needs it.

IIS: clientcertnegotiation=disable. Rows of "acquiring the certificate": renegotiation in TLS 1.2,
post-handshake authentication in TLS 1.3, the body read ahead meanwhile.

SPDX-License-Identifier: MIT
"""

import errno
import socket
import ssl
import subprocess

import pytest

import tlsclient
import upstream as upstream_module
import websocket
from events import DEADLINE, eventually
from proxy import Proxy, configuration, site

UNTRUSTED = 2148204809
LIMIT = 1000
BOTH = pytest.mark.parametrize("version", ["1.2", "1.3"])


@pytest.fixture(scope="module")
def recorder():
    with upstream_module.Upstream() as started:
        started.handlers["/need/echo"] = websocket.echo
        yield started


def late_site(basics, **changes):
    made = {"client_certificate": "ignore", "negotiate_client_certificate": "late",
            "locations": [{"path": "/need", "client_certificate": "require"},
                          {"path": "/accept", "client_certificate": "accept"}]}
    made.update(changes)
    return site(basics, **made)


@pytest.fixture(scope="module")
def proxy(basics, recorder):
    with Proxy(configuration(late_site(basics, upstream=recorder.url),
                             limits={"read_ahead_bytes": LIMIT, "body_bytes": 100000})) as started:
        yield started


@pytest.fixture(scope="module")
def hasty(basics, recorder):
    """Its deadlines come when the client does nothing more."""
    with Proxy(configuration(late_site(basics, upstream=recorder.url),
                             timeouts={"handshake": "3s", "body": "3s"})) as started:
        yield started


def context(identity, version, can_be_asked=True):
    made = tlsclient.context(identity, version=version)
    made.post_handshake_auth = can_be_asked
    if version == "1.2" and not can_be_asked:
        made.options |= ssl.OP_NO_RENEGOTIATION
    return made


def connect(proxy, identity, version, can_be_asked=True, **more):
    return tlsclient.connect(proxy, tls=context(identity, version, can_be_asked), **more)


def last(recorder, target):
    return [one for one in recorder.requests if one.target == target][-1]


def is_closed(connection):
    """Ended by the proxy without a byte of an answer."""
    try:
        return connection.is_at_end()
    except (ConnectionResetError, ssl.SSLError):
        return True


# ---- who is asked, and when --------------------------------------------------------------------


@BOTH
def test_ignoring_paths_never_ask_and_the_first_that_needs_it_does(proxy, basics, recorder, version):
    with connect(proxy, basics.alice, version) as client:
        assert client.request(target="/one").status == 200
        assert client.request(target="/need/two").status == 200
        assert client.request(target="/three").status == 200
        assert client.request(target="/accept/four").status == 200
        assert client.request(target="/need/five").status == 200
    shown = [last(recorder, target).header("client-cert") is not None
             for target in ("/one", "/need/two", "/three", "/accept/four", "/need/five")]
    assert shown == [False, True, False, True, True]


def finished(client):
    """Differs after each handshake of a TLS 1.2 connection (RFC 5929 section 3)."""
    return client.sock.get_channel_binding("tls-unique")


@pytest.mark.parametrize("has_certificate", [True, False])
def test_a_connection_is_asked_once(proxy, basics, has_certificate):
    with connect(proxy, basics.alice if has_certificate else None, "1.2") as client:
        at_first = finished(client)
        client.request(target="/")
        assert finished(client) == at_first
        client.request(target="/accept")
        asked = finished(client)
        assert asked != at_first
        for target in ("/need", "/accept", "/", "/need/more"):
            client.request(target=target)
            assert finished(client) == asked


@BOTH
def test_a_client_without_a_certificate_is_anonymous_or_refused(proxy, recorder, version):
    with connect(proxy, None, version) as client:
        assert client.request(target="/accept/none").status == 200
        assert client.request(target=f"/need/none-{version}").status == 403
        assert client.request(target="/accept/none").status == 200
    assert last(recorder, "/accept/none").header("client-cert") is None
    assert proxy.verdict(f"/need/none-{version}") == (403, 7, 5)


@BOTH
@pytest.mark.parametrize("place", ["accept", "need"])
def test_a_bad_certificate_is_refused_where_it_counts_and_only_there(proxy, basics, version, place):
    target = f"/{place}/bad-{version}"
    with connect(proxy, basics.outsider, version) as client:
        assert client.request(target=target).status == 403
        assert client.request(target="/").status == 200
        assert client.request(target=target).status == 403
    assert proxy.verdict(target, count=2) == (403, 16, UNTRUSTED)


@BOTH
def test_the_chain_comes_with_it_and_the_user_is_mapped(basics, start, version):
    """Nothing tells the backend, or the log, that the certificate came late."""
    trust = {"intermediate": []}  # known from the client alone
    mapping = {"one_to_one": [{"user": "CORP\\alice", "certificate": basics.alice.base64}]}
    proxy = start(late_site(basics, trust=trust, mapping=mapping,
                            forward={"identity": ["rfc9440", "rfc9440-chain"],
                                     "headers": {"X-User": "{user}"}}))
    with connect(proxy, basics.alice, version) as client:
        answer = client.get_json("/need")
        assert answer.status == 200
        assert answer.seen("x-user") == ["CORP\\alice"]
        assert answer.seen("client-cert") == [f":{basics.alice.base64}:"]
        assert answer.seen("client-cert-chain") == [f":{basics.issuing.base64}:"]
        assert client.get_json("/").seen("x-user") == []
    assert proxy.access("/need")["cs-username"] == "CORP\\alice"


@BOTH
def test_no_session_of_a_late_site_is_resumed(proxy, basics, version):
    tls = context(basics.alice, version)
    with tlsclient.connect(proxy, tls=tls) as client:
        assert client.request(target="/need").status == 200
        session = client.sock.session
    with tlsclient.connect(proxy, tls=tls, session=session) as client:
        assert not client.sock.session_reused
        assert client.request(target="/need").status == 200
        assert client.request(target="/").status == 200


@BOTH
def test_a_site_that_asks_in_the_handshake_never_asks_again(basics, start, version):
    proxy = start(site(basics, client_certificate="accept",
                       locations=[{"path": "/need", "client_certificate": "require"}]))
    with connect(proxy, None, version) as client:
        assert client.request(target="/").status == 200
        assert client.request(target="/need").status == 403
        assert client.request(target="/").status == 200
    assert proxy.verdict("/need") == (403, 7, 5)


def test_plain_http_is_not_asked(basics, start):
    proxy = start(late_site(basics, bindings=["https://127.0.0.1:0", "http://127.0.0.1:0"],
                            locations=[{"path": "/need", "client_certificate": "require",
                                        "require_ssl": False}]))
    with tlsclient.plain(proxy) as client:
        assert client.request(target="/need").status == 403
    assert proxy.verdict("/need") == (403, 7, 5)


@BOTH
def test_an_upgrade_asks_first(proxy, basics, version):
    with connect(proxy, basics.alice, version) as client:
        assert websocket.open_on(client, "/need/echo").status == 101
        client.send(websocket.frame(b"hello"))
        assert websocket.read_frame(client.read_exactly) == (websocket.BINARY, b"hello")
    with connect(proxy, None, version) as client:
        assert websocket.open_on(client, "/need/echo").status == 403


# ---- clients that cannot or will not answer ----------------------------------------------------


def test_a_client_that_refuses_to_renegotiate_is_closed_without_a_response(proxy, basics):
    start = proxy.marker()
    with connect(proxy, basics.alice, "1.2", can_be_asked=False) as client:
        assert client.request(target="/").status == 200
        client.send(tlsclient.build(target="/need/refuses"))
        assert is_closed(client)
    assert "renegotiation" in proxy.event("tls.late_certificate", start=start)
    assert "/need/refuses" not in proxy.access_lines.text()


@BOTH
def test_a_client_that_ignores_the_question_is_closed_after_the_deadline(hasty, basics, version):
    start = hasty.marker()
    with connect(hasty, basics.alice, version) as client:
        client.send(tlsclient.build(target="/need/ignores"))  # and never reads
        assert "no answer in time" in hasty.event("tls.late_certificate", start=start)
        with pytest.raises((ConnectionError, ssl.SSLError, tlsclient.Closed)):
            client.read_response()
            raise tlsclient.Closed
    assert "/need/ignores" not in hasty.access_lines.text()


@BOTH
def test_a_client_that_leaves_instead_of_an_answer(proxy, basics, version):
    start = proxy.marker()
    with connect(proxy, basics.alice, version) as client:
        client.send(tlsclient.build(target="/need/leaves"))
    proxy.event("tls.late_certificate", start=start)
    with connect(proxy, basics.alice, version) as client:
        assert client.request(target="/need/stays").status == 200


ANSWERS = {"500": (500, 0, 50), "403": (403, 7, 5)}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("place", ["accept", "need"])
def test_tls_1_3_without_post_handshake_auth_is_answered(basics, start, answer, place):
    """Windows Server 2025: 500.0 with win32 50; the connection stays usable."""
    proxy = start(late_site(basics), compat={"post_handshake": answer})
    with connect(proxy, basics.alice, "1.3", can_be_asked=False) as client:
        assert client.request("POST", f"/{place}", body=b"x" * 2000).status == ANSWERS[answer][0]
        assert client.request(target="/").status == 200
        assert client.request(target=f"/{place}").status == ANSWERS[answer][0]
    assert proxy.verdict(f"/{place}", count=2) == ANSWERS[answer]
    refusal = proxy.refusal("main")
    assert refusal["reason"] == "post_handshake_unsupported" and refusal["fix"]


@pytest.mark.parametrize("how", [{"compat": {"post_handshake": "rst"}},
                                 {"compatibility": "iis10-2022"}])
def test_tls_1_3_without_post_handshake_auth_is_reset(basics, start, how):
    """Windows Server 2022: a TCP reset, and nothing in the W3C log."""
    proxy = start(late_site(basics), **how)
    with connect(proxy, basics.alice, "1.3", can_be_asked=False) as client:
        client.send(tlsclient.build(target="/need/reset"))
        # Through TLS a reset and an end look alike to Python.
        assert errno.ECONNRESET == eventually(
            lambda: client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "an error")
    proxy.event("tls.late_certificate")
    assert tlsclient.fetch(proxy, "/", version="1.3").status == 200
    proxy.access("/")
    assert "/need/reset" not in proxy.access_lines.text()


def test_tls_1_2_needs_no_post_handshake_auth(basics, start):
    proxy = start(late_site(basics), compat={"post_handshake": "rst"})
    assert tlsclient.fetch(proxy, "/need", identity=basics.alice, version="1.2").status == 200


def test_a_renegotiation_that_the_client_begins_is_refused(proxy, basics):
    """s_client's R command; before the question and after it."""
    host, port = proxy.address()
    for target in ("/", "/need"):
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"{host}:{port}", "-tls1_2", "-quiet",
             "-no_ign_eof", "-cert", basics.write("late-alice.pem", basics.alice, basics.issuing),
             "-key", basics.path("late-alice.key")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        client.stdin.write(tlsclient.build(target=target))
        client.stdin.flush()
        seen = b""
        while b"\r\n\r\nok" not in seen:
            piece = client.stdout.read1(65536)
            assert piece, seen
            seen += piece
        client.stdin.write(b"R\n")
        client.stdin.flush()
        rest = client.communicate(timeout=DEADLINE)[0]
        assert b"no renegotiation" in rest, rest


# ---- the body meanwhile ------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("size", [0, 1, LIMIT - 1, LIMIT])
def test_a_body_within_the_limit_is_read_ahead(proxy, basics, recorder, version, size):
    body = bytes(n % 251 for n in range(size))
    with connect(proxy, basics.alice, version) as client:
        assert client.request("POST", "/need/body", body=body).status == 200
        assert last(recorder, "/need/body").body == body
        # Nobody asks any more, so the limit no longer counts.
        assert client.request("POST", "/need/body", body=b"y" * 50000).status == 200
        assert last(recorder, "/need/body").body == b"y" * 50000


@BOTH
def test_a_body_above_the_limit_is_413_and_the_connection_ends(proxy, basics, recorder, version):
    """IIS: uploadReadAheadSize; logged as 413 0 0."""
    target = f"/need/large-{version}"
    with connect(proxy, basics.alice, version) as client:
        answer = client.request("POST", target, body=b"x" * (LIMIT + 1))
        assert (answer.status, answer.header("connection")) == (413, "close")
        assert client.is_at_end()
    assert proxy.verdict(target) == (413, 0, 0)
    assert not [one for one in recorder.requests if one.target == target]


def chunked(target, *pieces, last_chunk=b"0\r\n\r\n"):
    return tlsclient.build("POST", target, [("Transfer-Encoding", "chunked")]) + \
        b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces) + last_chunk


@BOTH
def test_a_chunked_body_at_the_limit_and_above(proxy, basics, recorder, version):
    with connect(proxy, basics.alice, version) as client:
        client.send(chunked("/need/chunks", b"a" * (LIMIT - 1), b"b"))
        assert client.read_response().status == 200
        assert last(recorder, "/need/chunks").body == b"a" * (LIMIT - 1) + b"b"
    target = f"/need/chunks-{version}"
    with connect(proxy, basics.alice, version) as client:
        client.send(chunked(target, b"a" * LIMIT, b"b", last_chunk=b""))
        assert client.read_response().status == 413
        assert client.is_at_end()
    assert proxy.verdict(target) == (413, 0, 0)


@BOTH
def test_a_malformed_body_is_refused_before_anything_is_asked(proxy, basics, version):
    with connect(proxy, basics.alice, version) as client:
        client.send(tlsclient.build("POST", f"/need/broken-{version}",
                                    [("Transfer-Encoding", "chunked")]) + b"zz\r\n")
        assert client.read_response().status == 400
        assert client.is_at_end()


@BOTH
def test_a_body_that_comes_in_pieces(proxy, basics, recorder, version):
    with connect(proxy, basics.alice, version) as client:
        client.send(tlsclient.build("POST", "/need/pieces", [("Content-Length", "600")]))
        for _ in range(6):
            client.send(b"p" * 100)
        assert client.read_response().status == 200
    assert last(recorder, "/need/pieces").body == b"p" * 600


def test_a_body_that_does_not_come_is_408(hasty, basics):
    with connect(hasty, basics.alice, "1.3") as client:
        client.send(tlsclient.build("POST", "/need/slow", [("Content-Length", "600")]) + b"p")
        assert client.read_response().status == 408
        assert client.is_at_end()
    assert hasty.verdict("/need/slow") == (408, 0, 0)


def test_a_client_that_ends_inside_the_body(proxy, basics):
    with connect(proxy, basics.alice, "1.3") as client:
        client.send(tlsclient.build("POST", "/need/short", [("Content-Length", "600")]) + b"p")
        client.sock.shutdown(socket.SHUT_WR)
    assert proxy.verdict("/need/short")[0] == 400


@BOTH
def test_with_expect_nothing_is_read_ahead(proxy, basics, recorder, version):
    """No body is in flight: any size will do, and 100 comes after the certificate."""
    with connect(proxy, basics.alice, version) as client:
        body = b"e" * 50000
        client.send(tlsclient.build("POST", "/need/expect", [("Expect", "100-continue"),
                                                             ("Content-Length", str(len(body)))]))
        assert client.read_head().status == 100
        client.send(body)
        assert client.read_response().status == 200
        assert client.request(target="/need/after").status == 200
    seen = last(recorder, "/need/expect")
    assert seen.body == body and seen.header("client-cert") is not None


@BOTH
def test_with_expect_and_no_certificate_there_is_no_100(proxy, version):
    with connect(proxy, None, version) as client:
        client.send(tlsclient.build("POST", "/need/expect-none", [("Expect", "100-continue"),
                                                                  ("Content-Length", "50000")]))
        answer = client.read_head()
        assert (answer.status, answer.header("connection")) == (403, "close")


@BOTH
def test_a_client_that_expects_but_does_not_wait(proxy, basics, recorder, version):
    with connect(proxy, basics.alice, version) as client:
        fields = [("Expect", "100-continue"), ("Content-Length", "900")]
        client.send(tlsclient.build("POST", "/need/eager", fields, b"e" * 900))
        assert client.read_response().status == 200
        assert client.request(target="/need/after").status == 200
    assert last(recorder, "/need/eager").body == b"e" * 900


def test_a_limit_of_nothing_refuses_every_body(basics, start):
    proxy = start(late_site(basics), limits={"read_ahead_bytes": 0})
    with connect(proxy, basics.alice, "1.3") as client:
        assert client.request("POST", "/need", body=b"").status == 200
    with connect(proxy, basics.alice, "1.3") as client:
        assert client.request("POST", "/need", body=b"x").status == 413


def test_the_default_limit_is_that_of_iis(basics, start):
    proxy = start(late_site(basics))
    with connect(proxy, basics.alice, "1.2") as client:
        assert client.request("POST", "/need", body=b"x" * 49152).status == 200
    with connect(proxy, basics.alice, "1.2") as client:
        assert client.request("POST", "/need", body=b"x" * 49153).status == 413


@BOTH
def test_pipelined_requests_wait_and_keep_their_order(proxy, basics, recorder, version):
    @recorder.on("/need/pipelined")
    def _(exchange):
        exchange.read_body()
        exchange.reply(body=exchange.request.header("x-number").encode())

    with connect(proxy, basics.alice, version) as client:
        client.send(b"".join(
            tlsclient.build("POST", "/need/pipelined", [("X-Number", str(n))], b"b" * n)
            for n in range(20)))
        assert [int(client.read_response().body) for _ in range(20)] == list(range(20))


def test_more_pipelined_than_can_be_held_ends_the_connection(proxy, basics):
    start = proxy.marker()
    with connect(proxy, basics.alice, "1.3") as client:
        try:
            client.send(tlsclient.build(target="/need/flood") * 2000)
            assert is_closed(client)
        except (ConnectionError, ssl.SSLError):
            pass
    proxy.event("too much came before the answer", start=start)
