"""Upstreams over TLS: whom the proxy believes, what it shows, how it notices a cut-off answer.

SPDX-License-Identifier: MIT
"""

import contextlib
import http.server
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import threading
import warnings

import pytest

import pki
import proxy as proxy_module
import tlsclient
import upstream as upstream_module
from events import eventually
from proxy import configuration, site

CANNOT_CONNECT = (502, 3, 12029)


class TlsUpstream(upstream_module.Upstream):
    """The recording backend behind TLS."""

    def __init__(self, certificate, client_ca=None, tls12=False, port=0):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, os.path.splitext(certificate)[0] + ".key")
        self.context.sni_callback = lambda sock, name, context: self.names.append(name)
        if tls12:
            self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        if client_ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(client_ca)
        self.names = []  # asked for by SNI
        self.clients = []  # subjects of client certificates
        self.resumed = []
        self.failures = []
        super().__init__(port=port)
        self.url = self.url.replace("http:", "https:")
        self.port = int(self.url.rsplit(":", 1)[1])

    def _serve(self, sock, number):
        try:
            wrapped = self.context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
        except (OSError, ssl.SSLError) as problem:
            self.failures.append(str(problem))
            with self._changed:
                self._sockets.discard(sock)
            sock.close()
            return
        self.resumed.append(wrapped.session_reused)
        shown = wrapped.getpeercert()
        self.clients.append(shown and shown["subject"][-1][-1][1])
        with self._changed:
            self._sockets.discard(sock)
            self._sockets.add(wrapped)
        with contextlib.suppress(ssl.SSLError):
            super()._serve(wrapped, number)


class Inside:
    """A PKI of the servers inside, another than that of the clients."""

    def __init__(self, folder):
        self.folder = folder
        self.root = pki.authority("CN=Inside Root")
        self.ca = self.root.write(os.path.join(folder, "ca.pem"))
        self.good = self.server("good", dns=["localhost", "backend.test"],
                                ips=[ipaddress.ip_address("127.0.0.1")])

    def server(self, file_name, *, usage=(pki.SERVER_AUTH,), issuer=None, **names):
        made = pki.issue("CN=" + file_name, issuer or self.root, usage=usage, **names)
        return made.write(os.path.join(self.folder, file_name + ".pem"))


@pytest.fixture(scope="module")
def inside(tmp_path_factory):
    return Inside(str(tmp_path_factory.mktemp("inside")))


def proxy_to(start, basics, url, timeouts=None, **tls):
    group = {"servers": [{"url": url}], "tls": tls}
    top = {"timeouts": timeouts} if timeouts else {}
    return start(site(basics, upstream="inside"), upstreams={"inside": group}, **top)


def ask(proxy, basics, target="/", times=1, **request):
    with tlsclient.connect(proxy, basics.alice) as client:
        return [client.request(target=target, **request) for _ in range(times)][-1]


def refused(proxy, basics, reason, target="/refused"):
    assert ask(proxy, basics, target).status == 502
    assert proxy.verdict(target) == CANNOT_CONNECT
    line = proxy.event("upstream.failed")
    assert reason in line, line


@pytest.mark.parametrize("tls12", [False, True])
def test_requests_pass_and_connections_are_kept(start, basics, inside, tls12):
    with TlsUpstream(inside.good, tls12=tls12) as backend:
        proxy = proxy_to(start, basics, backend.url, ca=inside.ca)
        assert ask(proxy, basics, times=5).body == b"ok"
        assert ask(proxy, basics, method="POST", body=b"x" * 200000).status == 200
        assert backend.requests[-1].body == b"x" * 200000
        assert backend.connections == 1


def test_big_bodies_are_exact(start, basics, inside):
    piece = bytes(range(256)) * 4096
    with TlsUpstream(inside.good) as backend:
        @backend.on("/big")
        def _(exchange):
            exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (10 * len(piece)))
            for _ in range(10):
                exchange.raw(piece)

        proxy = proxy_to(start, basics, backend.url, ca=inside.ca)
        assert ask(proxy, basics, "/big").body == piece * 10


def test_an_authority_nobody_named_is_not_believed(start, basics, inside):
    with TlsUpstream(inside.good) as backend:
        proxy = proxy_to(start, basics, backend.url, ca=basics.path("root.pem"))
        refused(proxy, basics, "unable to get local issuer certificate")
        assert not backend.requests


def test_the_systems_authorities_count_when_none_is_named(basics, inside):
    """SSL_CERT_FILE stands for the system's store."""
    with TlsUpstream(inside.good) as backend:
        config = configuration(site(basics, upstream=backend.url))
        with proxy_module.Proxy(config, environment={"SSL_CERT_FILE": inside.ca}) as proxy:
            assert ask(proxy, basics).status == 200
        with proxy_module.Proxy(config) as proxy:
            refused(proxy, basics, "unable to get local issuer certificate")


def test_a_folder_of_authorities(start, basics, inside, tmp_path):
    folder = tmp_path / "cas"
    folder.mkdir()
    inside.root.write(str(folder / "inside.pem"))
    with open(folder / "other.der", "wb") as out:
        out.write(basics.root.der)
    with TlsUpstream(inside.good) as backend:
        assert ask(proxy_to(start, basics, backend.url, ca=str(folder)), basics).status == 200


def test_an_address_must_be_in_the_certificate(start, basics, inside):
    named_only = inside.server("named-only", dns=["backend.test"])
    with TlsUpstream(named_only) as backend:
        refused(proxy_to(start, basics, backend.url, ca=inside.ca), basics, "IP address mismatch")


def test_a_name_must_be_in_the_certificate(start, basics, inside):
    other = inside.server("other", dns=["other.test"])
    with TlsUpstream(other) as backend:
        url = f"https://localhost:{backend.port}"
        refused(proxy_to(start, basics, url, ca=inside.ca), basics, "hostname mismatch")


def test_the_common_name_does_not_count(start, basics, inside):
    """RFC 9525 section 2: DNS-ID and IP-ID only."""
    with TlsUpstream(inside.server("localhost")) as backend:
        url = f"https://localhost:{backend.port}"
        refused(proxy_to(start, basics, url, ca=inside.ca), basics, "hostname mismatch")


def test_server_name_is_asked_for_and_demanded(start, basics, inside):
    with TlsUpstream(inside.good) as backend:
        proxy = proxy_to(start, basics, backend.url, ca=inside.ca, server_name="backend.test")
        assert ask(proxy, basics).status == 200
        assert backend.names == ["backend.test"]
        wrong = proxy_to(start, basics, backend.url, ca=inside.ca, server_name="wrong.test")
        refused(wrong, basics, "hostname mismatch")


def test_the_host_is_the_name_and_an_address_is_none(start, basics, inside):
    """RFC 6066 section 3: SNI holds no addresses."""
    with TlsUpstream(inside.good) as backend:
        url = f"https://localhost:{backend.port}"
        assert ask(proxy_to(start, basics, url, ca=inside.ca), basics).status == 200
        assert ask(proxy_to(start, basics, backend.url, ca=inside.ca), basics).status == 200
        assert backend.names == ["localhost", None]


@pytest.mark.parametrize("flaw,reason", [
    ("expired", "certificate has expired"),
    ("client-only", "purpose"),
    ("self-signed", "self"),
])
def test_flawed_certificates_are_refused(start, basics, inside, flaw, reason):
    names = {"dns": ["localhost"], "ips": [ipaddress.ip_address("127.0.0.1")]}
    if flaw == "expired":
        made = pki.issue("CN=x", inside.root, usage=[pki.SERVER_AUTH], since=-3, until=-1, **names)
    elif flaw == "client-only":
        made = pki.issue("CN=x", inside.root, usage=[pki.CLIENT_AUTH], **names)
    else:
        made = pki.issue("CN=x", usage=[pki.SERVER_AUTH], **names)
    path = made.write(os.path.join(inside.folder, flaw + ".pem"))
    with TlsUpstream(path) as backend:
        refused(proxy_to(start, basics, backend.url, ca=inside.ca), basics, reason)


def test_verify_false_believes_anybody_and_warns(start, basics, inside):
    with TlsUpstream(inside.server("whoever", dns=["whoever.test"])) as backend:
        proxy = proxy_to(start, basics, backend.url, verify=False)
        assert ask(proxy, basics).status == 200
        proxy.event("verify: false")


def test_the_own_certificate_is_shown(start, basics, inside):
    mine = inside.server("proxy", usage=(pki.CLIENT_AUTH,))
    key = os.path.splitext(mine)[0] + ".key"
    with TlsUpstream(inside.good, client_ca=inside.ca) as backend:
        proxy = proxy_to(start, basics, backend.url, ca=inside.ca, certificate=mine, key=key)
        assert ask(proxy, basics, times=3).status == 200
        assert backend.clients == ["proxy"]
        without = proxy_to(start, basics, backend.url, ca=inside.ca)
        assert ask(without, basics).status == 502
        # TLS 1.3: the server objects when the handshake is over for us, so it is a lost request.
        assert "win32=12030" in without.event("upstream.failed")
        assert not backend.requests[3:]


@pytest.mark.parametrize("tls12", [False, True])
def test_sessions_are_resumed(start, basics, inside, tls12):
    with TlsUpstream(inside.good, tls12=tls12) as backend:
        @backend.on("/close")
        def _(exchange):
            exchange.reply(headers=[("Connection", "close")])
            exchange.close()

        proxy = proxy_to(start, basics, backend.url, ca=inside.ca)
        assert ask(proxy, basics, "/close", times=3).status == 200
        assert backend.resumed == [False, True, True]


def cut_off(framing):
    """Answers without an end that HTTP alone would show, and a close without close_notify."""
    def answer(exchange):
        head = {"until-close": b"", "length": b"Content-Length: 100\r\n",
                "chunked": b"Transfer-Encoding: chunked\r\n"}[framing]
        body = b"64\r\nhalf" if framing == "chunked" else b"half"
        exchange.raw(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body)
        exchange.close()
    return answer


@pytest.mark.parametrize("framing", ["until-close", "length", "chunked"])
def test_an_answer_cut_off_without_close_notify_is_aborted(start, basics, inside, framing):
    """RFC 8446 section 6.1: without close_notify anybody between may have cut it."""
    with TlsUpstream(inside.good) as backend:
        backend.handlers["/cut"] = cut_off(framing)
        proxy = proxy_to(start, basics, backend.url, ca=inside.ca)
        with pytest.raises((tlsclient.Closed, ConnectionError, OSError)):
            ask(proxy, basics, "/cut")
        assert "without close_notify" in proxy.event("upstream.failed") or framing != "until-close"
        assert proxy.access("/cut")["sc-win32-status"] == "12030"


def test_an_answer_that_ends_with_close_notify_is_complete(start, basics, inside):
    with TlsUpstream(inside.good) as backend:
        @backend.on("/whole")
        def _(exchange):
            exchange.raw(b"HTTP/1.1 200 OK\r\n\r\nall of it")
            with contextlib.suppress(OSError):
                exchange.sock.unwrap()
            exchange.close()

        proxy = proxy_to(start, basics, backend.url, ca=inside.ca)
        assert ask(proxy, basics, "/whole").body == b"all of it"


def test_plain_bytes_instead_of_tls(start, basics, inside):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def talk():
            sock, _ = listener.accept()
            sock.sendall(b"220 smtp.example.test ready\r\n")
            sock.recv(1000)
            sock.close()

        threading.Thread(target=talk, daemon=True).start()
        url = "https://127.0.0.1:%d" % listener.getsockname()[1]
        refused(proxy_to(start, basics, url, ca=inside.ca), basics, "wrong version number")


def test_a_handshake_that_hangs_ends_with_the_connect_deadline(start, basics, inside):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = "https://127.0.0.1:%d" % listener.getsockname()[1]
        proxy = proxy_to(start, basics, url, ca=inside.ca, timeouts={"connect": "200ms"})
        refused(proxy, basics, "timed out in the TLS handshake")


def test_old_protocol_versions_are_refused(start, basics, inside):
    with TlsUpstream(inside.good) as backend, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        backend.context.minimum_version = ssl.TLSVersion.TLSv1
        backend.context.maximum_version = ssl.TLSVersion.TLSv1_1
        backend.context.set_ciphers("ALL:@SECLEVEL=0")
        refused(proxy_to(start, basics, backend.url, ca=inside.ca), basics, "TLS with 127.0.0.1")


def test_mixed_groups(start, basics, inside, backend):
    with TlsUpstream(inside.good) as secure:
        servers = [{"url": backend.url}, {"url": secure.url}]
        proxy = start(site(basics, upstream="mixed"),
                      upstreams={"mixed": {"servers": servers, "tls": {"ca": inside.ca}}})
        assert ask(proxy, basics, times=4).status == 200
        assert (len(backend.requests), len(secure.requests)) == (2, 2)


def test_a_tls_failure_goes_to_another_server(start, basics, inside, backend):
    """Nothing was sent: any method may go elsewhere."""
    with TlsUpstream(inside.server("other-name", dns=["x.test"])) as wrong:
        servers = [{"url": wrong.url}, {"url": backend.url}]
        proxy = start(site(basics, upstream="mixed"),
                      upstreams={"mixed": {"servers": servers, "tls": {"ca": inside.ca}}})
        with tlsclient.connect(proxy, basics.alice) as client:
            for _ in range(2):
                assert client.request("POST", body=b"x").status == 200
        assert (len(backend.requests), len(wrong.requests)) == (2, 0)


def test_python_http_server_with_a_client_certificate(start, basics, inside):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            subject = self.connection.getpeercert()["subject"][-1][-1][1].encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(subject)))
            self.end_headers()
            self.wfile.write(subject)

        def log_message(self, *_):
            pass

    mine = inside.server("front", usage=(pki.CLIENT_AUTH,))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(inside.good, os.path.splitext(inside.good)[0] + ".key")
    context.load_verify_locations(inside.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        proxy = proxy_to(start, basics, f"https://127.0.0.1:{server.server_port}", ca=inside.ca,
                         certificate=mine, key=os.path.splitext(mine)[0] + ".key")
        assert ask(proxy, basics, times=5).body == b"front"
    finally:
        server.shutdown()
        server.server_close()


def test_nginx_with_a_client_certificate(start, basics, inside, tmp_path):
    found = subprocess.run([os.path.join(proxy_module.TOP, "scripts", "peers"), "nginx"],
                           capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip("nginx is not here and cannot be fetched")
    mine = inside.server("to-nginx", usage=(pki.CLIENT_AUTH,))
    key = os.path.splitext(inside.good)[0] + ".key"
    port = proxy_module.free_port()
    config = tmp_path / "nginx.conf"
    config.write_text(f"""
{"user root;" if os.getuid() == 0 else ""}
daemon off; master_process off; pid {tmp_path}/pid; error_log stderr;
events {{ }}
http {{
    access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;
    fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;
    server {{
        listen 127.0.0.1:{port} ssl; ssl_certificate {inside.good}; ssl_certificate_key {key};
        ssl_client_certificate {inside.ca}; ssl_verify_client on; ssl_protocols TLSv1.3;
        location / {{ return 200 "$ssl_client_s_dn $ssl_protocol $connection_requests"; }}
        location /bye {{ keepalive_timeout 0; return 200 "$ssl_session_reused"; }}
    }}
}}""")
    with subprocess.Popen([found.stdout.strip(), "-p", str(tmp_path), "-c", str(config)],
                          stderr=subprocess.PIPE) as process:
        try:
            def is_up():
                assert process.poll() is None, process.stderr.read()
                with socket.socket() as probe:
                    return probe.connect_ex(("127.0.0.1", port)) == 0

            eventually(is_up, "nginx listens")
            proxy = proxy_to(start, basics, f"https://localhost:{port}", ca=inside.ca,
                             certificate=mine, key=os.path.splitext(mine)[0] + ".key")
            assert ask(proxy, basics, times=3).body == b"CN=to-nginx TLSv1.3 3"
            assert ask(proxy, basics, "/bye", times=3).body == b"r"
            without = proxy_to(start, basics, f"https://localhost:{port}", ca=inside.ca)
            assert ask(without, basics).status == 400  # nginx says so in HTTP
        finally:
            process.terminate()


BAD = {
    "missing ca": ({"ca": "/nowhere/ca.pem"}, "cannot read /nowhere/ca.pem"),
    "no key": ({"certificate": "x.pem"}, "belong together"),
    "star": ({"server_name": "*.example.test"}, "no `*`"),
    "name": ({"server_name": "a b"}, "host name"),
}


@pytest.mark.parametrize("title", BAD)
def test_mistakes_are_found_at_load(basics, tmp_path, title):
    tls, message = BAD[title]
    group = {"servers": [{"url": "https://127.0.0.1:9"}], "tls": tls}
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(
        configuration(site(basics, upstream="x"), upstreams={"x": group})))
    done = proxy_module.run("check", "-c", str(path))
    assert done.returncode == 1
    assert message in done.stderr
