"""The handshake: sites by name, versions, hostile bytes, and what resumption may not bring back.

SPDX-License-Identifier: MIT
"""

import base64
import os
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import pki
import tlsclient
from proxy import WITHOUT, Proxy, configuration, site
from visitor import RESUMING_VERSIONS

VERSIONS = ["1.2", "1.3"]


def server_name(connection):
    der = connection.sock.getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(der)


@pytest.fixture(scope="module")
def proxy(basics):
    for name in ("one", "two"):
        basics.write(name + ".pem",
                     basics.root.issue(name + ".test", usage=(pki.SERVER_AUTH,),
                                       dns=(name + ".test",)))
    rsa = basics.root.issue("CN=rsa.test", usage=(pki.SERVER_AUTH,), kind="rsa2048",
                            dns=("server.test",))
    basics.write("rsa.pem", rsa)

    def certificate(*names):
        made = [{"chain": basics.path(f"{one}.pem"), "key": basics.path(f"{one}.key")}
                for one in names]
        return made if len(made) > 1 else made[0]

    sites = [
        site(basics, name="default", server_certificate=certificate("server", "rsa")),
        site(basics, name="one", hosts=["one.test", "*.one.test"], client_certificate="accept",
             server_certificate=certificate("one")),
        site(basics, name="two", hosts=["two.test"], client_certificate="ignore",
             server_certificate=certificate("two")),
        site(basics, name="only13", hosts=["only13.test"], tls={"min_version": "1.3"}),
        site(basics, name="only12", hosts=["only12.test"], tls={"max_version": "1.2"}),
        site(basics, name="plain", bindings=["http://127.0.0.1:0"], server_certificate=...),
    ]
    with Proxy(configuration(*sites)) as started:
        yield started


@pytest.fixture(scope="module")
def hasty(basics):
    """Its deadline is what ends the handshakes that nobody goes on with."""
    with Proxy(configuration(site(basics), timeouts={"handshake": "3s"})) as started:
        yield started


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sni, subject", [
    ("one.test", "one.test"), ("ONE.test", "one.test"), ("a.one.test", "one.test"),
    ("two.test", "two.test"), ("a.b.one.test", "server.test"), ("other.test", "server.test"),
    ("server.test", "server.test"), (None, "server.test")])
def test_site_by_name(proxy, sni, subject, version):
    with tlsclient.connect(proxy, sni=sni, version=version) as client:
        subjects = server_name(client).subject.rfc4514_string()
        assert subjects == "CN=" + subject
        assert client.sock.version() == "TLSv" + version


def test_server_certificate_by_the_kind_the_client_knows(proxy):
    for ciphers, kind in (("ECDHE-ECDSA-AES128-GCM-SHA256", "server.test"),
                          ("ECDHE-RSA-AES128-GCM-SHA256", "rsa.test")):
        tls = tlsclient.context(version="1.2")
        tls.set_ciphers(ciphers)
        with tlsclient.connect(proxy, tls=tls) as client:
            assert server_name(client).subject.rfc4514_string() == "CN=" + kind


@pytest.mark.parametrize("sni, version, works", [
    ("only13.test", "1.3", True), ("only13.test", "1.2", False),
    ("only12.test", "1.2", True), ("only12.test", "1.3", False)])
def test_versions_of_a_site(proxy, basics, sni, version, works):
    if works:
        answer = tlsclient.fetch(proxy, identity=basics.alice, sni=sni, version=version)
        assert answer.status == 200
    else:
        with pytest.raises(ssl.SSLError):
            tlsclient.connect(proxy, sni=sni, version=version)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sni, statuses", [
    ("server.test", (403, 403, 200)), ("one.test", (200, 403, 200)), ("two.test", (200, 200, 200))])
def test_require_accept_ignore(proxy, basics, sni, statuses, version):
    """Without a certificate, with an untrusted one, with a good one."""
    for identity, status in zip((None, basics.outsider, basics.alice), statuses):
        answer = tlsclient.fetch(proxy, identity=identity, sni=sni, version=version)
        assert answer.status == status


def test_a_bad_certificate_never_fails_the_handshake(proxy, basics):
    for version in VERSIONS:
        with tlsclient.connect(proxy, basics.outsider, version=version) as client:
            assert client.request().status == 403
            assert client.request().status == 403  # and the connection goes on


HOSTILE = {
    "garbage": os.urandom(300),
    "plain-http": b"GET / HTTP/1.1\r\nHost: server.test\r\n\r\n",
    "zeros": bytes(5000),
    "record-too-long": b"\x16\x03\x01\xff\xff" + bytes(70000),
    "empty-records": b"\x16\x03\x01\x00\x00" * 50,
    "alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "application-data-first": b"\x17\x03\x03\x00\x05hello",
    "sslv2-hello": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37),
    "hello-cut-short": b"\x16\x03\x01\x00\xf0\x01\x00\x00\xec\x03\x03",
    "nothing": b"",
}


@pytest.mark.parametrize("title", HOSTILE)
def test_hostile_bytes_end_one_connection_only(hasty, basics, title):
    workers = hasty.workers()
    with tlsclient.tcp(hasty) as sock:
        try:
            sock.sendall(HOSTILE[title])
            while sock.recv(4096):  # until the proxy closes, by itself or at the deadline
                pass
        except ConnectionError:
            pass
    assert tlsclient.fetch(hasty, identity=basics.alice).status == 200
    assert hasty.workers() == workers


def client_hello():
    """A whole first flight of a client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = tlsclient.context().wrap_bio(incoming, outgoing, server_hostname="server.test")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_handshake_cut_at_any_byte(proxy, basics):
    hello = client_hello()
    for length in range(0, len(hello), 7):
        with tlsclient.tcp(proxy) as sock:
            sock.sendall(hello[:length])
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200


def test_handshake_with_any_byte_changed(proxy, basics):
    hello = client_hello()
    for at in range(0, len(hello), 5):
        data = bytearray(hello)
        data[at] ^= 0xFF
        with tlsclient.tcp(proxy) as sock:
            sock.sendall(data)
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200


def test_handshake_has_a_deadline(hasty):
    with tlsclient.tcp(hasty) as sock:
        sock.sendall(client_hello()[:20])
        try:
            while sock.recv(4096):
                pass
        except ConnectionError:
            pass


class Thief(pki.Certificate):
    """Somebody else's certificate with a key that claims to belong to it."""

    @property
    def key_pem(self):
        point = self.key.public_key().public_bytes(serialization.Encoding.X962,
                                                   serialization.PublicFormat.UncompressedPoint)
        scalar = pki.new_key().private_numbers().private_value.to_bytes(32, "big")
        curve = bytes.fromhex("a00a06082a8648ce3d030107")  # [0] prime256v1
        public = b"\xa1\x44\x03\x42\x00" + point  # [1] BIT STRING
        body = b"\x02\x01\x01" + b"\x04\x20" + scalar + curve + public
        der = b"\x30" + bytes([len(body)]) + body
        text = base64.encodebytes(der).decode()
        return f"-----BEGIN EC PRIVATE KEY-----\n{text}-----END EC PRIVATE KEY-----\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_certificate_without_its_key_gets_no_answer(proxy, basics, version):
    thief = Thief(basics.alice.certificate, basics.alice.key, basics.issuing)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tlsclient.fetch(proxy, "/thief", identity=thief, version=version)


def test_plain_http_is_403_4_where_ssl_is_required(proxy):
    with tlsclient.plain(proxy) as client:
        assert client.request(target="/plain-http").status == 403
    assert proxy.verdict("/plain-http") == (403, 4, 5)


def test_tls_on_a_plain_binding_is_no_request(proxy):
    with tlsclient.plain(proxy) as client:
        client.send(client_hello())
        data = client.read_to_end()
        assert data == b"" or data.startswith(b"HTTP/1.1 400 ")


def test_host_of_a_site_with_another_policy_is_421(proxy, basics):
    """RFC 9110 section 15.5.20."""
    with tlsclient.connect(proxy, sni="two.test") as client:
        assert client.request(target="/own", host="two.test").status == 200
        assert client.request(target="/misdirected", host="server.test").status == 421
        assert client.request(host="TWO.test.:443").status == 200
    assert proxy.verdict("/misdirected")[0] == 421
    with tlsclient.connect(proxy, basics.alice, sni="one.test") as client:
        assert client.request(host="b.one.test").status == 200


def test_host_that_no_site_has_is_400_where_none_takes_any(start, basics):
    proxy = start(site(basics, hosts=["server.test"]))
    assert tlsclient.fetch(proxy, identity=basics.alice, host="other.test").status == 400


# Resumption

def resume(proxy, tls, sni="server.test", host=None, before=None):
    """A full handshake, then an attempt to resume: both answers and whether it resumed."""
    host = host or sni
    with tlsclient.connect(proxy, tls=tls, sni=sni) as client:
        first = client.get_json("/first", host=host)
        session = client.sock.session
    if before:
        before()
    with tlsclient.connect(proxy, tls=tls, sni=sni, session=session) as client:
        second = client.get_json("/second", host=host)
        return first, second, client.sock.session_reused


@pytest.mark.parametrize("version", RESUMING_VERSIONS)
def test_resumed_session_has_the_same_identity(proxy, basics, version):
    tls = tlsclient.context(basics.alice, version=version)
    first, second, reused = resume(proxy, tls)
    assert reused
    assert (first.status, second.status) == (200, 200)
    assert first.seen("client-cert") == second.seen("client-cert") != []


@pytest.mark.parametrize("version", VERSIONS)
def test_refused_certificate_never_resumes(proxy, basics, version):
    tls = tlsclient.context(basics.outsider, version=version)
    first, second, reused = resume(proxy, tls)
    assert (first.status, second.status) == (403, 403)
    assert not reused


@pytest.mark.parametrize("version", VERSIONS)
def test_session_without_certificate_resumes_without_one(proxy, version):
    tls = tlsclient.context(version=version)
    first, second, _ = resume(proxy, tls, sni="one.test")
    assert first.seen("client-cert") == second.seen("client-cert") == []


@pytest.mark.parametrize("version", VERSIONS)
def test_session_of_one_site_is_not_honoured_on_another(proxy, basics, version):
    tls = tlsclient.context(basics.alice, version=version)
    with tlsclient.connect(proxy, tls=tls, sni="one.test") as client:
        assert client.request(host="one.test").status == 200
        session = client.sock.session
    with tlsclient.connect(proxy, tls=tls, sni="server.test", session=session) as client:
        assert not client.sock.session_reused
        assert client.request().status == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_reload_that_changes_the_trust_refuses_the_resumed_client(basics, version):
    config = configuration(site(basics))
    with Proxy(config) as proxy:
        tls = tlsclient.context(basics.alice, version=version)

        def distrust():
            proxy.configure(configuration(
                site(basics, trust={"root": [basics.path("outside-root.pem")]})))
            proxy.reload()

        # The port must stay: the same binding text means the same socket.
        first, second, reused = resume(proxy, tls, before=distrust)
        assert (first.status, second.status) == (200, 403)
        assert not reused


@pytest.mark.parametrize("version", VERSIONS)
def test_revocation_reaches_a_resumed_client(basics, version):
    alice = basics.issuing.issue("CN=soon-revoked")
    crl = basics.text(f"soon-{version}.crl", basics.issuing.crl())
    config = configuration(site(basics, trust={"revocation": {"crls": [crl]}}))
    with Proxy(config) as proxy:
        tls = tlsclient.context(alice, version=version)

        def revoke():
            basics.text(f"soon-{version}.crl", basics.issuing.crl([alice]))
            proxy.reload()

        first, second, _ = resume(proxy, tls, before=revoke)
        assert (first.status, second.status) == (200, 403)
        assert proxy.verdict("/second")[1] == 13


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_work_across_workers(basics, version):
    with Proxy(configuration(site(basics), workers=2)) as proxy:
        tls = tlsclient.context(basics.alice, version=version)
        with tlsclient.connect(proxy, tls=tls) as client:
            client.request()
            session = client.sock.session
        reused = []
        for _ in range(12):
            with tlsclient.connect(proxy, tls=tls, session=session) as client:
                assert client.request().status == 200
                reused.append(client.sock.session_reused)
        if version == "1.2" and "tickets" not in WITHOUT:
            assert all(reused)


def test_advertised_issuers(start, basics):
    """With SendTrustedIssuerList the names of the listed CAs are sent, else none."""
    quiet = start(site(basics))
    loud = start(site(basics, trust={"send_trusted_issuer_list": True,
                                     "trusted_issuers": [basics.path("issuing.pem")]}))
    wanted = basics.issuing.certificate.subject.public_bytes()
    for proxy, is_sent in ((quiet, False), (loud, True)):
        assert (wanted in certificate_request(proxy)) is is_sent


def certificate_request(proxy):
    """What a TLS 1.2 server sends in the clear up to ServerHelloDone."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = tlsclient.context(version="1.2").wrap_bio(incoming, outgoing,
                                                    server_hostname="server.test")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with tlsclient.tcp(proxy) as sock:
        sock.sendall(outgoing.read())
        seen = b""
        while b"\x0e\x00\x00\x00" not in seen[-9:]:
            piece = sock.recv(65536)
            assert piece, "the handshake was cut off"
            seen += piece
    return seen


def test_client_that_sends_an_oversized_chain(start, basics):
    proxy = start(site(basics), limits={"chain_bytes": "4k"})
    chain = [pki.authority(f"CN=filler {n}") for n in range(30)]
    with pytest.raises((ssl.SSLError, ConnectionError, tlsclient.Closed)):
        tlsclient.fetch(proxy, identity=basics.alice, chain=chain)
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200


def test_secrets_go_to_the_key_log_only_when_asked_and_loudly(basics, tmp_path):
    path = tmp_path / "keys.log"
    with Proxy(configuration(site(basics)), arguments=["--keylog", str(path)]) as proxy:
        for version in ("1.2", "1.3"):
            tlsclient.fetch(proxy, "/", identity=basics.alice, version=version)
    text = path.read_text()
    assert "CLIENT_RANDOM " in text and "SERVER_TRAFFIC_SECRET_0 " in text
    assert path.stat().st_mode & 0o777 == 0o600
    assert "run.keylog" in proxy.errors.text()
