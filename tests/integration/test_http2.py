"""HTTP/2 towards clients: what holds for a request on HTTP/1.1 holds for a stream.

Clauses are those of RFC 9113.

SPDX-License-Identifier: MIT
"""

import hashlib
import os
import shutil
import signal
import struct
import subprocess
import threading

import pytest

import h2client
import tlsclient
from events import DEADLINE, eventually
from h2client import CANCEL, DATA, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, SETTINGS, Client, Frames, frame, head
from h2site import by_hand, client, proxy, recorder  # noqa: F401 (fixtures)
from proxy import configuration, site

MIB = 1 << 20


# ---- the same answers -------------------------------------------------------------------------


def test_a_request_and_its_line_in_the_log(proxy, client):
    answer = client.fetch("/echo/once?a=b")
    assert answer.status == 200
    assert answer.body.startswith(b"GET /echo/once?a=b HTTP/1.1\n")
    assert answer.seen("host") == "server.test"
    assert answer.seen("via") == "2.0 mtls-proxy"
    assert answer.seen("client-cert") is not None
    assert proxy.access("/echo/once")["cs-version"] == "HTTP/2.0"
    assert proxy.verdict("/echo/once") == (200, 0, 0)


@pytest.mark.parametrize("who, wanted", [
    ("nobody", (403, 7, 5)), ("alice", (200, 0, 0)), ("expired", (403, 17, 2148204801)),
    ("stranger", (403, 16, 2148204809))])
def test_the_verdict_is_that_of_http1(proxy, basics, who, wanted):
    identity = {"nobody": None, "alice": basics.alice, "stranger": basics.outsider,
                "expired": basics.issuing.issue("CN=old", since=-9, until=-2)}[who]
    with Client(proxy, identity) as connection:
        assert connection.fetch(f"/echo/{who}").status == wanted[0]
        assert connection.fetch("/open").status == 200
    assert proxy.verdict(f"/echo/{who}") == wanted


def test_http1_is_served_where_the_client_prefers_it(proxy, basics):
    with h2client.connect_tls(proxy, basics.alice, protocols=["http/1.1"]) as sock:
        assert sock.selected_alpn_protocol() == "http/1.1"
        assert tlsclient.Connection(sock).request(target="/echo").status == 200


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_both_versions_of_tls(proxy, basics, version):
    with Client(proxy, basics.alice, version=version) as connection:
        assert connection.fetch("/echo").status == 200


def test_the_order_of_the_configuration_counts(basics, start):
    proxy = start(site(basics, tls={"alpn": ["http/1.1", "h2"]}))
    with h2client.connect_tls(proxy, basics.alice, protocols=["h2", "http/1.1"]) as sock:
        assert sock.selected_alpn_protocol() == "http/1.1"


def test_a_site_that_asks_late_offers_http1_alone(basics, start):
    """RFC 8740 section 3"""
    proxy = start(site(basics, negotiate_client_certificate="late"))
    with h2client.connect_tls(proxy, basics.alice, protocols=["h2", "http/1.1"]) as sock:
        assert sock.selected_alpn_protocol() == "http/1.1"


def test_a_host_of_another_policy_is_misdirected(basics, start):
    """RFC 9110 section 7.4: browsers put hosts that share a certificate on one connection."""
    other = site(basics, name="other", hosts=["other.test"], client_certificate="ignore")
    proxy = start(site(basics, hosts=["server.test"]), other)
    with Client(proxy, basics.alice) as connection:
        assert connection.fetch("/").status == 200
        assert connection.fetch("/", host="other.test").status == 421
        assert connection.fetch("/", host="nobody.test").status in (400, 404)


def test_identity_headers_of_the_client_never_get_through(proxy, recorder, basics):
    names = ["client-cert", "client_cert", "client-cert-chain", "x-arr-clientcert",
             "x-forwarded-client-cert", "x-ssl-client-verify", "ssl_client_verify"]
    with Client(proxy) as connection:
        answer = connection.fetch("/open/spoof", fields=[(name, "forged") for name in names])
    assert answer.status == 200
    assert b"forged" not in recorder.requests[-1].raw


@pytest.mark.parametrize("path", ["/", "/whole"])
@pytest.mark.parametrize("size", [0, 1, 16384, 65536, 3 * MIB])
def test_bodies_both_ways(proxy, client, path, size, recorder):
    body = os.urandom(size)
    place = path.rstrip("/") + f"/body{size}"
    kept = []

    @recorder.on(place)
    def _(exchange):
        kept.append(exchange.read_body())
        exchange.reply(body=kept[-1])

    answer = client.fetch(place, method="POST", body=body)
    assert (answer.status, answer.body) == (200, body)
    assert kept == [body]
    if path == "/whole":
        assert recorder.requests[-1].header("content-length") == str(size)


def test_a_length_that_is_announced_stays_one(proxy, client, recorder):
    @recorder.on("/length")
    def _(exchange):
        exchange.read_body()
        exchange.reply()

    assert client.fetch("/length", method="POST", body=b"12345",
                        fields=[("content-length", "5")]).status == 200
    seen = recorder.requests[-1]
    assert (seen.header("content-length"), seen.header("transfer-encoding")) == ("5", None)


def test_head_has_the_length_and_no_body(client):
    answer = client.fetch("/echo", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.header("content-length")) > 0


def test_interim_responses_pass(client, recorder):
    @recorder.on("/early")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        exchange.reply()

    answer = client.fetch("/early")
    assert [dict(one)[":status"] for one in answer.interim] == ["103"]
    assert answer.status == 200


def test_connection_fields_of_the_backend_stay_behind(client, recorder):
    @recorder.on("/fields")
    def _(exchange):
        exchange.reply(headers=[("Connection", "keep-alive, X-Hop"), ("Keep-Alive", "5"), ("X-Hop", "1"),
                                ("X-Kept", "yes")])

    answer = client.fetch("/fields")
    names = [name for name, _ in answer.headers]
    assert answer.header("x-kept") == "yes"
    assert not {"connection", "keep-alive", "x-hop", "transfer-encoding"} & set(names)


def test_crumbs_of_a_cookie_are_joined(client, recorder):
    """section 8.2.3"""
    client.fetch("/cookie", fields=[("cookie", "a=1"), ("cookie", "b=2")])
    assert recorder.requests[-1].values("cookie") == ["a=1; b=2"]


# ---- streams are independent ------------------------------------------------------------------


def test_a_slow_stream_keeps_nobody_waiting(client, recorder):
    go_on = threading.Event()

    @recorder.on("/slow")
    def _(exchange):
        assert go_on.wait(DEADLINE)
        exchange.reply(body=b"at last")

    slow = client.ask("/slow")
    assert client.wait(*[client.ask(f"/echo/{n}") for n in range(50)]).status == 200
    assert not client.answers[slow].is_over
    go_on.set()
    assert client.wait(slow).body == b"at last"


class Stubborn(Client):
    """Opens no window for the streams that it does not want."""

    unwanted = ()

    def consume(self, size, stream):
        if stream not in self.unwanted:
            super().consume(size, stream)
        else:
            self.h2.increment_flow_control_window(size)


def test_a_download_nobody_reads_stops_and_harms_nobody(proxy, basics, recorder):
    sent = []

    @recorder.on("/endless")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                exchange.sock.sendall(b"x" * 65536)
                sent.append(65536)
        except OSError:
            pass

    with Stubborn(proxy, basics.alice) as connection:
        unwanted = connection.ask("/endless")
        connection.unwanted = (unwanted,)
        connection.wait_for(lambda: len(connection.answers[unwanted].body) >= 65535)
        assert connection.fetch("/echo").status == 200
        body = os.urandom(MIB)
        answer = connection.fetch("/echo", method="POST", body=body)
        assert hashlib.sha256(body).hexdigest().encode() in answer.body
    # What the sockets between take, and no more.
    assert sum(sent) < 16 * MIB


def test_an_upload_that_the_backend_does_not_take_harms_nobody(proxy, basics, recorder):
    go_on = threading.Event()

    @recorder.on("/deaf")
    def _(exchange):
        assert go_on.wait(DEADLINE)
        exchange.reply(body=str(len(exchange.read_body())).encode())

    with Client(proxy, basics.alice) as connection:
        held = connection.ask("/deaf", method="POST", end=False)
        body = b"x" * (8 * MIB)
        sent = 0
        # Until the window of the stream is shut: what comes of it is bounded.
        while True:
            window = connection.window(held)
            if window == 0:
                # Whatever is still to come for it has come when something later is answered.
                connection.fetch("/echo")
                window = connection.window(held)
                if window == 0:
                    break
            connection.send(held, body[sent:sent + window])
            sent += window
            assert sent < 7 * MIB
        assert connection.fetch("/echo").status == 200
        go_on.set()
        connection.send(held, body[sent:], end=True)
        assert connection.wait(held).body == str(len(body)).encode()


def test_a_cancelled_download_cancels_the_other_side(proxy, client, recorder):
    ends = []

    @recorder.on("/cancelled")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                exchange.sock.sendall(b"x" * 65536)
        except OSError:
            ends.append(True)

    stream = client.ask("/cancelled")
    client.wait_for(lambda: client.answers[stream].body)
    client.h2.reset_stream(stream, CANCEL)
    client.flush()
    eventually(lambda: ends)
    assert client.fetch("/echo").status == 200
    assert proxy.verdict("/cancelled") == (200, 0, 64)


def test_a_cancelled_upload_cancels_the_other_side(client, recorder):
    ends = []

    @recorder.on("/upload")
    def _(exchange):
        try:
            exchange.read_body()
        finally:
            ends.append(True)

    stream = client.ask("/upload", method="POST", end=False)
    client.send(stream, b"x" * 1000)
    eventually(lambda: recorder.requests and recorder.requests[-1].path == "/upload")
    client.h2.reset_stream(stream, CANCEL)
    client.flush()
    eventually(lambda: ends)
    assert client.fetch("/echo").status == 200


def test_a_backend_that_breaks_off_resets_the_stream(client, recorder):
    @recorder.on("/broken")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        exchange.close()

    answer = client.fetch("/broken")
    assert answer.status == 200
    assert answer.reset is not None
    assert client.fetch("/echo").status == 200


@pytest.mark.parametrize("size", [1000, 100_000, 3 * MIB])
def test_a_refusal_reaches_who_is_still_sending(proxy, size):
    with Client(proxy) as connection:
        stream = connection.ask("/refused", method="POST", body=b"x" * size)
        answer = connection.wait(stream)
        assert answer.status == 403
        assert b"403" in answer.body
        assert answer.reset is None
        assert connection.fetch("/open").status == 200


# ---- time -------------------------------------------------------------------------------------


def test_a_body_that_does_not_come_is_408(basics, recorder, start):
    proxy = start(site(basics, upstream=recorder.url), timeouts={"body": "300ms"})
    with Client(proxy, basics.alice) as connection:
        stalled = connection.ask("/stalled", method="POST", end=False)
        assert connection.fetch("/other").status == 200
        assert connection.wait(stalled).status == 408
        assert connection.fetch("/after").status == 200


def test_a_head_that_does_not_end_ends_the_connection(basics, start):
    proxy = start(site(basics), timeouts={"header": "300ms"})
    with Frames(proxy, basics.alice) as client:
        client.until(SETTINGS)  # its answer must not come inside of the head
        client.send(frame(HEADERS, END_STREAM, 1, client.encoder.encode(head())))
        assert client.goaway() == ENHANCE_YOUR_CALM
    assert "the head took too long" in proxy.event("http2.failed")


def test_an_idle_connection_is_told_goodbye(basics, start):
    proxy = start(site(basics), timeouts={"idle": "4s"})  # enough to ask once on a busy machine
    with Client(proxy, basics.alice) as connection:
        assert connection.fetch("/").status == 200
        with pytest.raises(tlsclient.Closed):
            connection.wait_for(lambda: False)
        assert connection.goaway is not None
        assert connection.goaway.error_code == 0


# ---- drain and reload -------------------------------------------------------------------------


def held_back(recorder, path):
    go_on = threading.Event()

    @recorder.on(path)
    def _(exchange):
        assert go_on.wait(DEADLINE)
        exchange.reply(body=b"whole")

    return go_on


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_running_streams_finish_and_goaway_says_so(basics, recorder, start, number):
    """section 6.8: twice, so that a stream that was on its way is served as well"""
    proxy = start(site(basics, upstream=recorder.url))
    go_on = held_back(recorder, "/held")
    with Frames(proxy, basics.alice) as client:
        client.send(client.headers(1, head("/held")))
        eventually(lambda: recorder.requests and recorder.requests[-1].path == "/held")
        proxy.signal(number)
        first = client.until(h2client.GOAWAY)[3]
        assert struct.unpack(">II", first[:8]) == (0x7fffffff, 0)
        client.send(client.headers(3, head("/on-its-way")))
        second = client.until(h2client.GOAWAY)[3]
        assert struct.unpack(">II", second[:8]) == (3, 0)
        go_on.set()
        while client.next() is not None:
            pass
        assert {stream: one[":status"] for stream, one in client.heads.items()} == {1: "200", 3: "200"}
        bodies = b"".join(one[3] for one in client.seen if one[0] == DATA and one[2] == 1)
        assert bodies == b"whole"


def test_no_stream_is_judged_by_an_old_policy(basics, recorder, start, tmp_path):
    banned = tmp_path / "banned.pem"
    banned.write_text(basics.alice.pem)
    proxy = start(site(basics, upstream=recorder.url))
    go_on = held_back(recorder, "/held")
    with Frames(proxy, basics.alice) as connection:
        connection.send(connection.headers(1, head("/held")))
        eventually(lambda: recorder.requests and recorder.requests[-1].path == "/held")
        changed = site(basics, upstream=recorder.url, trust={"disallowed": [str(banned)]})
        proxy.reload(configuration(changed))
        connection.send(connection.headers(3, head("/late")))
        assert connection.status(3) in (503, "reset", "goaway", "closed")
        go_on.set()
        assert not [one for one in recorder.requests if one.path == "/late"]


# ---- other people's clients -------------------------------------------------------------------


def tool(name):
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"no {name}")


@pytest.fixture
def files(basics, tmp_path):
    (tmp_path / "cert.pem").write_text(basics.alice.pem + "".join(one.pem for one in basics.alice.above()))
    (tmp_path / "key.pem").write_text(basics.alice.key_pem)
    return tmp_path


def test_curl(proxy, files):
    port = proxy.address()[1]
    done = subprocess.run(
        ["curl", "-sk", "--http2", "--cert", files / "cert.pem", "--key", files / "key.pem",
         "-w", "%{http_version} %{http_code}\n", "-o", "/dev/null", f"https://127.0.0.1:{port}/echo"],
        capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.stdout == "2 200\n"


@tool("nghttp")
def test_nghttp(proxy, files):
    port = proxy.address()[1]
    urls = [f"https://127.0.0.1:{port}/echo/{n}" for n in range(20)]
    done = subprocess.run(["nghttp", "-ns", f"--cert={files}/cert.pem", f"--key={files}/key.pem", *urls],
                          capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0
    assert done.stdout.count(" 200 ") == 20


@tool("h2load")
def test_h2load(proxy):
    port = proxy.address()[1]
    done = subprocess.run(["h2load", "-n", "20000", "-c", "10", "-m", "100",
                           f"https://127.0.0.1:{port}/echo"],
                          capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert "20000 done, 0 succeeded, 20000 failed, 0 errored, 0 timeout" in done.stdout  # 403.7
    assert done.returncode == 0


NODE = """
const http2 = require("http2"), fs = require("fs");
const session = http2.connect(process.argv[2], {rejectUnauthorized: false, servername: "server.test",
    cert: fs.readFileSync(process.argv[3]), key: fs.readFileSync(process.argv[4])});
let left = 50;
for (let n = 0; n < 50; n++) {
    const stream = session.request({":path": "/echo/" + n, ":method": "POST"});
    stream.on("response", head => { if (head[":status"] !== 200) process.exit(1); });
    stream.on("end", () => { if (--left === 0) session.close(); });
    stream.resume();
    stream.end("x".repeat(10000));
}
"""


@tool("node")
def test_node(proxy, files):
    port = proxy.address()[1]
    done = subprocess.run(["node", "-e", NODE, "-", f"https://127.0.0.1:{port}", files / "cert.pem",
                           files / "key.pem"], capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
