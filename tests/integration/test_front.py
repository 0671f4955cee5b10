"""What stands in front of the proxy: the PROXY protocol, forwarded addresses, forwarded
certificates; and that nobody but trusted proxies is believed.

SPDX-License-Identifier: MIT
"""

import base64
import json
import re
import socket
import ssl
import struct
import urllib.parse

import pytest

import tlsclient
from proxy import configuration, run, site

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 192.0.2.9 198.51.100.2 56324 443\r\n"
V1_6 = b"PROXY TCP6 2001:db8::9 2001:db8::2 56324 443\r\n"
V2 = SIGNATURE + b"\x21\x11" + struct.pack("!H", 12 + 7) + socket.inet_aton("192.0.2.9") + \
    socket.inet_aton("198.51.100.2") + struct.pack("!HH", 56324, 443) + b"\x04\x00\x04abcd"
V2_6 = SIGNATURE + b"\x21\x21" + struct.pack("!H", 36) + \
    socket.inet_pton(socket.AF_INET6, "2001:db8::9") + \
    socket.inet_pton(socket.AF_INET6, "2001:db8::2") + struct.pack("!HH", 56324, 443)
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"
BOTH = ["https://127.0.0.1:0", "http://127.0.0.1:0"]


def connect(proxy, header, scheme="https", identity=None, pieces=1):
    """A connection that begins with these bytes."""
    sock = tlsclient.tcp(proxy, scheme)
    if pieces > 1:
        for at in range(len(header)):
            sock.sendall(header[at:at + 1])
    elif header:
        sock.sendall(header)
    if scheme == "https":
        sock = tlsclient.context(identity).wrap_socket(sock, server_hostname="server.test")
    return tlsclient.Connection(sock)


@pytest.fixture
def front(start, basics):
    def begin(networks=("127.0.0.0/8",), **trusted):
        changes, timeouts = trusted.pop("site", {}), trusted.pop("timeouts", {})
        made = {"client_certificate": "accept", "bindings": BOTH,
                "forward": {"headers": {"X-Ip": "{client_ip}"}}}
        made.update(changes)
        return start(site(basics, **made), trusted_proxies={"networks": list(networks), **trusted},
                     timeouts=timeouts)
    return begin


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("header,address", [
    (V1, "192.0.2.9"), (V1_6, "2001:db8::9"), (V2, "192.0.2.9"), (V2_6, "2001:db8::9"),
    (LOCAL, "127.0.0.1"), (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
])
@pytest.mark.parametrize("mode", ["accept", "require"])
def test_the_address_counts_as_the_clients(front, basics, scheme, header, address, mode):
    proxy = front(proxy_protocol=mode)
    with connect(proxy, header, scheme, basics.alice) as client:
        for _ in range(2):
            answer = client.get_json("/addressed")
            assert answer.seen("x-forwarded-for") == answer.seen("x-ip") == [address]
            assert answer.seen("x-forwarded-proto") == [scheme]
    assert proxy.access("/addressed")["c-ip"] == address


@pytest.mark.parametrize("header", [V1, V2])
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_header_may_come_byte_by_byte(front, basics, header, scheme):
    proxy = front(proxy_protocol="accept")
    with connect(proxy, header, scheme, basics.alice, pieces=len(header)) as client:
        assert client.get_json().seen("x-ip") == ["192.0.2.9"]


def test_header_and_request_in_one_packet(front):
    proxy = front(proxy_protocol="require")
    with connect(proxy, V1 + tlsclient.build(headers=[("Accept", "application/json")]),
                 "http") as client:
        assert client.read_response().seen("x-ip") == ["192.0.2.9"]


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_without_a_header(front, scheme):
    """accept: the connection speaks for itself; require: it is closed."""
    with connect(front(proxy_protocol="accept"), b"", scheme) as client:
        assert client.get_json().seen("x-ip") == ["127.0.0.1"]
    proxy = front(proxy_protocol="require")
    with pytest.raises((OSError, tlsclient.Closed)):
        with connect(proxy, b"", scheme) as client:
            client.request()
    proxy.event("client.proxy_protocol")


@pytest.mark.parametrize("method", ["PROPFIND", "POST", "PROXYING", "PROX"])
def test_a_method_that_begins_alike_is_a_request(front, method):
    with connect(front(proxy_protocol="accept"), b"", "http") as client:
        assert client.request(method, body=b"").status == 200


@pytest.mark.parametrize("header", [V1, V2])
@pytest.mark.parametrize("scheme,networks,mode", [
    ("https", ["10.0.0.0/8"], "accept"), ("https", ["10.0.0.0/8"], "require"),
    ("http", ["10.0.0.0/8"], "accept"), ("https", ["127.0.0.0/8"], "off"),
    ("http", ["127.0.0.0/8"], "off"),
])
def test_nobody_else_can_send_one(front, header, scheme, networks, mode):
    """From others the bytes are a TLS error, or a bad request."""
    proxy = front(networks, proxy_protocol=mode)
    sock = tlsclient.tcp(proxy, scheme)
    sock.sendall(header)
    with pytest.raises((OSError, tlsclient.Closed, ssl.SSLError)):
        if scheme == "https":
            sock = tlsclient.context().wrap_socket(sock, server_hostname="server.test")
            raise AssertionError("the handshake went on")
        client = tlsclient.Connection(sock)
        client.send(tlsclient.build())
        assert client.read_response().status == 400
        raise tlsclient.Closed
    sock.close()
    # Others are served meanwhile and without it.
    with connect(proxy, b"", scheme) as client:
        assert client.get_json().seen("x-ip") == ["127.0.0.1"]


@pytest.mark.parametrize("header", [
    b"PROXY TCP4 192.0.2.9 198.51.100.2 56324\r\n", b"PROXY " + b"x" * 200,
    SIGNATURE + b"\x31\x11\x00\x0c" + b"a" * 12, SIGNATURE + b"\x21\x11\xff\xff" + b"a" * 70000,
    SIGNATURE + b"\x21\x11\x00\x04abcd",
])
def test_a_wrong_header_closes(front, header):
    proxy = front(proxy_protocol="accept")
    with tlsclient.Connection(tlsclient.tcp(proxy)) as client:
        try:
            client.send(header)
        except OSError:
            pass
        assert is_closed(client)
    assert "not valid" in proxy.event("client.proxy_protocol")


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("part", [b"PROXY TC", SIGNATURE + b"\x21\x11\x00\x0cabc", b"P", b""])
def test_half_a_header_does_not_wait_for_ever(front, scheme, part):
    """Within timeouts.handshake, without spinning; and a peer that leaves is noticed at once."""
    proxy = front(proxy_protocol="require", timeouts={"handshake": "1s"})
    with tlsclient.Connection(tlsclient.tcp(proxy, scheme)) as client:
        client.send(part)
        before = cpu_ticks(proxy)
        assert is_closed(client)
        assert cpu_ticks(proxy) - before < 50
    with tlsclient.Connection(tlsclient.tcp(proxy, scheme)) as client:
        client.send(part)
        client.sock.shutdown(socket.SHUT_WR)
        assert is_closed(client)


def is_closed(client):
    """Closed without a word; bytes that were not read make that a reset."""
    try:
        return client.read_to_end() == b""
    except ConnectionResetError:
        return True


def cpu_ticks(proxy):
    """Processor time of the workers so far, in ticks of 10 ms."""
    total = 0
    for pid in proxy.workers():
        with open(f"/proc/{pid}/stat", encoding="ascii") as source:
            fields = source.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total


# ---- X-Forwarded-* -----------------------------------------------------------------------------

SENT = [("X-Forwarded-For", "203.0.113.5"), ("X-Forwarded-For", "10.1.1.1"),
        ("X-Forwarded-Proto", "http"), ("X-Forwarded-Host", "shop.test:8443"),
        ("X_Forwarded_For", "6.6.6.6")]


def test_forwarded_fields_of_trusted_proxies_are_kept(front):
    answer = tlsclient.fetch_json(front(forwarded=True), headers=SENT)
    assert answer.seen("x-forwarded-for") == ["203.0.113.5, 10.1.1.1, 127.0.0.1"]
    assert answer.seen("x-forwarded-proto") == ["http"]
    assert answer.seen("x-forwarded-host") == ["shop.test:8443"]
    assert answer.seen("x_forwarded_for") == []


def test_the_form_of_arr_is_appended_too(front):
    proxy = front(forwarded=True, site={"forward": {"identity": ["iis-arr"]}})
    (value,) = tlsclient.fetch_json(proxy, headers=SENT).seen("x-forwarded-for")
    assert re.fullmatch(r"203\.0\.113\.5, 10\.1\.1\.1, 127\.0\.0\.1:\d+", value)


def test_ipv6_with_port_is_in_brackets(front):
    proxy = front(proxy_protocol="accept", site={"forward": {"identity": ["iis-arr"]}})
    with connect(proxy, V2_6) as client:
        assert client.get_json().seen("x-forwarded-for") == ["[2001:db8::9]:56324"]


@pytest.mark.parametrize("trusted", [{}, {"forwarded": False},
                                     {"networks": ["10.0.0.0/8"], "forwarded": True}])
def test_forwarded_fields_of_others_are_replaced(front, trusted):
    answer = tlsclient.fetch_json(front(**trusted), headers=SENT)
    assert answer.seen("x-forwarded-for") == ["127.0.0.1"]
    assert answer.seen("x-forwarded-proto") == ["https"]
    assert answer.seen("x-forwarded-host") == ["server.test"]


@pytest.mark.parametrize("sent,proto,host", [
    ([("X-Forwarded-Proto", "gopher")], "https", "server.test"),
    ([("X-Forwarded-Proto", "http"), ("X-Forwarded-Proto", "http")], "https", "server.test"),
    ([("X-Forwarded-Host", "a b")], "https", "server.test"),
    ([("X-Forwarded-Host", "user@a")], "https", "server.test"),
    ([("X-Forwarded-Host", "")], "https", "server.test"),
])
def test_forwarded_fields_that_are_wrong_do_not_count(front, sent, proto, host):
    answer = tlsclient.fetch_json(front(forwarded=True), headers=sent)
    assert answer.seen("x-forwarded-proto") == [proto]
    assert answer.seen("x-forwarded-host") == [host]


def test_ssl_is_required_whatever_a_proxy_says(front):
    proxy = front(forwarded=True, site={"require_ssl": True})
    with connect(proxy, b"", "http") as client:
        assert client.request(headers=[("X-Forwarded-Proto", "https")]).status == 403


# ---- certificates ------------------------------------------------------------------------------

def escaped(*certificates, safe=""):
    return urllib.parse.quote("".join(one.pem for one in certificates), safe=safe)


def rfc9440(leaf, *chain):
    fields = [("Client-Cert", f":{leaf.base64}:")]
    if chain:
        fields.append(("Client-Cert-Chain", ", ".join(f":{one.base64}:" for one in chain)))
    return fields


FORMS = {
    "rfc9440": rfc9440,
    "x-arr": lambda leaf, *chain: [("X-ARR-ClientCert", leaf.base64)],
    "xfcc": lambda leaf, *chain: [("X-Forwarded-Client-Cert", (
        f'By=spiffe://lb;Hash={leaf.sha256};Cert="{escaped(leaf)}";'
        f'Chain="{escaped(leaf, *chain)}";Subject="CN=x, \\"y\\"";URI=;DNS=a.test'))],
    "aws-alb": lambda leaf, *chain: [
        ("X-Amzn-Mtls-Clientcert", escaped(leaf, *chain, safe="+=/")),
        ("X-Amzn-Mtls-Clientcert-Leaf", escaped(leaf, safe="+=/"))],
}


@pytest.fixture
def judged(front, basics):
    def begin(form, networks=("127.0.0.0/8",), **changes):
        made = {"client_certificate": "require", "require_ssl": False,
                "locations": [{"path": "/open", "client_certificate": "ignore"}],
                "forward": {"identity": ["rfc9440"], "headers": {"X-User": "{user}"}},
                "anonymous": True, "mapping": {"one_to_one": [
                    {"user": "alice", "certificate": "sha256:" + basics.alice.sha256}]}}
        made.update(changes)
        return front(networks, client_certificate=form, site=made)
    return begin


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("form", FORMS)
def test_a_forwarded_certificate_is_judged(judged, basics, form, scheme):
    """As if it had come over TLS: verdict, mapping, headers; for each request anew."""
    proxy = judged(form)
    bob = basics.issuing.issue("CN=bob")
    expired = basics.issuing.issue("CN=old", since=-30, until=-1)
    with connect(proxy, b"", scheme) as client:
        for leaf, user in ((basics.alice, ["alice"]), (bob, []), (basics.alice, ["alice"])):
            answer = client.get_json(headers=FORMS[form](leaf, basics.issuing))
            assert answer.status == 200
            assert answer.seen("client-cert") == [f":{leaf.base64}:"]
            assert answer.seen("x-user") == user
        for leaf, path, verdict in ((expired, "/expired", (403, 17, 2148204801)),
                                    (basics.outsider, "/outside", (403, 16, 2148204809))):
            assert client.request(target=path, headers=FORMS[form](leaf)).status == 403
            assert proxy.verdict(path) == verdict
        assert client.request(target="/none").status == 403
        assert proxy.verdict("/none") == (403, 7, 5)


def test_the_error_page_tells_of_the_forwarded_certificate(judged, basics):
    """Not of the connection's own, which is the proxy's."""
    proxy = judged("rfc9440", errors={"mode": "detailed"})
    balancer = basics.issuing.issue("CN=balancer")
    with tlsclient.connect(proxy, balancer) as client:
        answer = client.request(headers=rfc9440(basics.outsider))
        assert answer.status == 403
        assert b"mallory" in answer.body and b"balancer" not in answer.body
    assert "mallory" in proxy.refusal("main")["subject"]


@pytest.mark.parametrize("form", ["rfc9440", "xfcc", "aws-alb"])
def test_forwarded_intermediates_help(judged, basics, form):
    proxy = judged(form, trust={"intermediate": []})
    whole = FORMS[form](basics.alice, basics.issuing)
    assert tlsclient.fetch(proxy, headers=whole).status == 200
    assert tlsclient.fetch(proxy, headers=FORMS[form](basics.alice)).status == 403


@pytest.mark.parametrize("form", FORMS)
def test_nobody_else_can_forward_one(judged, basics, form):
    proxy = judged(form, networks=["10.0.0.0/8"])
    for scheme in ("https", "http"):
        with connect(proxy, b"", scheme) as client:
            assert client.request(headers=FORMS[form](basics.alice)).status == 403
            answer = client.get_json("/open", headers=FORMS[form](basics.alice))
            assert answer.status == 200 and len(answer.json()["headers"]) == 6, answer.body
    # The certificate of the connection counts, whatever is written beside it.
    bob = basics.issuing.issue("CN=bob")
    answer = tlsclient.fetch_json(proxy, identity=bob, headers=FORMS[form](basics.alice))
    assert answer.seen("client-cert") == [f":{bob.base64}:"] and answer.seen("x-user") == []


def test_other_forms_are_not_read(judged, basics):
    proxy = judged("rfc9440")
    for form in ("x-arr", "xfcc", "aws-alb"):
        assert tlsclient.fetch(proxy, headers=FORMS[form](basics.alice)).status == 403


def test_the_certificate_of_the_proxy_itself_never_counts(judged, basics):
    """The load balancer may have one of its own: it says nothing about the client."""
    balancer = basics.issuing.issue("CN=balancer")
    proxy = judged("rfc9440")
    with tlsclient.connect(proxy, balancer) as client:
        assert client.request().status == 403
        answer = client.get_json(headers=rfc9440(basics.alice))
        assert answer.seen("client-cert") == [f":{basics.alice.base64}:"]
        assert client.request().status == 403
        assert client.get_json("/open").seen("client-cert") == []


def bad_cases(basics, bob):
    alice, issuing = basics.alice, basics.issuing
    b64, pem = alice.base64, escaped(alice)
    cut, other = alice.base64[:-8], bob.base64
    yield "rfc9440", [("Client-Cert", b64)]
    yield "rfc9440", [("Client-Cert", f":{b64}")]
    yield "rfc9440", [("Client-Cert", "::")]
    yield "rfc9440", [("Client-Cert", "")]
    yield "rfc9440", [("Client-Cert", f":{b64}:;a=1")]
    yield "rfc9440", [("Client-Cert", f":{b64[:40]} {b64[40:]}:")]
    yield "rfc9440", [("Client-Cert", f":{b64.replace('/', '_').replace('+', '-')}-:")]
    yield "rfc9440", [("Client-Cert", f":{b64}:, :{b64}:")]
    yield "rfc9440", [("Client-Cert", f":{b64}:"), ("Client-Cert", f":{b64}:")]
    yield "rfc9440", [("Client-Cert", f":{b64}:"), ("Client-Cert", f":{other}:")]
    yield "rfc9440", [("Client-Cert", f":{cut}:")]
    yield "rfc9440", [("Client-Cert", ":" + base64.b64encode(alice.der + b"x").decode() + ":")]
    yield "rfc9440", [("Client-Cert-Chain", f":{issuing.base64}:")]
    yield "rfc9440", [("Client-Cert", f":{b64}:"), ("Client-Cert-Chain", "")]
    yield "rfc9440", [("Client-Cert", f":{b64}:"), ("Client-Cert-Chain", f":{b64}:,")]
    yield "rfc9440", [("Client-Cert", f":{b64}:"), ("Client-Cert-Chain", ":AAAA:")]
    yield "x-arr", [("X-ARR-ClientCert", f":{b64}:")]
    yield "x-arr", [("X-ARR-ClientCert", "")]
    yield "x-arr", [("X-ARR-ClientCert", b64), ("x-arr-clientcert", other)]
    yield "x-arr", [("X-ARR-ClientCert", pem)]
    yield "x-arr", [("X-ARR-ClientCert", b64 + "====")]
    for value in ("", "Cert", f'Cert="{pem}', f'Cert="{pem}"x', f'Cert={b64}', 'Cert=""',
                  f'Cert="{pem}",Cert="{pem}"', f'Cert="{pem}";Cert="{pem}"', f"Hash={alice.sha256}",
                  f'Cert="{pem}";Hash={bob.sha256}', f'Cert="{pem}";Chain="{escaped(bob)}"',
                  f'Cert="{escaped(alice, issuing)}"', f'Cert="{pem}%"', f'Cert="{pem}%0"',
                  f'Cert="{pem}junk"', f'Cert="junk{pem}"', f'Subject="a";;Cert="{pem}"',
                  f'Cert="{pem}";', f'Subject="a\\";Cert="{pem}', f'Cert="{pem}", By=x;Hash=00'):
        yield "xfcc", [("X-Forwarded-Client-Cert", value)]
    yield "xfcc", [("X-Forwarded-Client-Cert", f'Cert="{pem}"')] * 2
    yield "aws-alb", [("X-Amzn-Mtls-Clientcert-Leaf", pem),
                      ("X-Amzn-Mtls-Clientcert", escaped(bob))]
    yield "aws-alb", [("X-Amzn-Mtls-Clientcert-Leaf", escaped(alice, issuing))]
    yield "aws-alb", [("X-Amzn-Mtls-Clientcert-Leaf", b64)]
    yield "aws-alb", [("X-Amzn-Mtls-Clientcert", "")]
    yield "aws-alb", [("X-Amzn-Mtls-Clientcert", pem.replace("BEGIN", "BEGAN"))]
    yield "aws-alb", [("X-Amzn-Mtls-Clientcert", escaped(*[alice] * 80))]


def test_malformed_headers_are_bad_requests(judged, basics):
    """Never "no certificate", which under accept would let the request in."""
    bob = basics.issuing.issue("CN=bob")
    proxies = {form: judged(form, client_certificate="accept") for form in FORMS}
    for form, headers in bad_cases(basics, bob):
        with connect(proxies[form], b"") as client:
            if sum(len(value) for _, value in headers) > 30000:
                assert client.request(headers=headers).status in (400, 431)
                continue
            assert client.request(headers=headers).status == 400, headers
            # The connection is still in step.
            assert client.request(headers=FORMS[form](basics.alice)).status == 200


@pytest.mark.parametrize("trusted,message", [
    ({"proxy_protocol": "accept"}, "networks"), ({"forwarded": True}, "networks"),
    ({"client_certificate": "xfcc"}, "networks"), ({"networks": ["10.0.0.1/8"]}, "beyond"),
    ({"networks": ["lb.test"]}, "network"), ({"networks": ["10.0.0.0/8"], "proxy_protocol": "v1"},
                                             "off, accept, require"),
])
def test_settings_that_cannot_be(basics, tmp_path, trusted, message):
    path = tmp_path / "proxy.json"
    path.write_text(json.dumps(configuration(site(basics), trusted_proxies=trusted)))
    done = run("check", "-c", str(path))
    assert done.returncode == 1 and message in done.stderr, done.stderr
