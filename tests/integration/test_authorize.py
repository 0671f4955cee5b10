"""Authorisation rules of sites and locations, and CORS preflights.

SPDX-License-Identifier: MIT
"""

import ipaddress
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

import pki
import tlsclient
from proxy import Proxy, configuration, run, site

UPN = b"\x0c\x12alice@contoso.test"
EKU_OTHER = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.2")


def with_names(issuer, subject, names, usages=(pki.CLIENT_AUTH,)):
    key = pki.new_key()
    builder = (x509.CertificateBuilder().subject_name(subject)
               .issuer_name(issuer.certificate.subject).public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(pki.now() - pki.DAY).not_valid_after(pki.now() + 30 * pki.DAY)
               .add_extension(x509.ExtendedKeyUsage(list(usages)), False))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    return pki.Certificate(builder.sign(issuer.key, hashes.SHA256()), key, issuer)


@pytest.fixture(scope="module")
def rich(basics):

    return with_names(basics.issuing, pki.name("O=Contoso, OU=Staff, OU=Berlin, CN=rich"), [
        x509.DNSName("rich.contoso.test"), x509.RFC822Name("rich@contoso.test"),
        x509.UniformResourceIdentifier("spiffe://contoso.test/rich"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.77")),
        x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
        x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), UPN)],
        (pki.CLIENT_AUTH, EKU_OTHER))


@pytest.fixture(scope="module")
def nul(basics):
    """A NUL in the unit: not the unit it seems to be, and not to be passed over either."""
    subject = x509.Name([x509.NameAttribute(pki.NAMES["OU"], "Contractors\0.Staff"),
                         x509.NameAttribute(pki.NAMES["CN"], "nul")])
    return with_names(basics.issuing, subject, [x509.DNSName("nul\0.contoso.test")])


ALLOW, DENY = {"permission": "allow"}, {"permission": "deny"}
# (rules, allowed for: alice, rich, nul, nobody); alice is mapped to CONTOSO\alice.
RULES = [
    ([{}], "alice rich nul nobody"),
    ([DENY], ""),
    ([{"user": ["CONTOSO\\alice"]}], "alice"),
    ([{"user": ["contoso\\AL*"]}], "alice"),
    ([{"user": ["*"]}], "alice"),
    ([{"user": ["CONTOSO\\bob"]}], ""),
    ([{"mapping": ["one_to_one"]}], "alice"),
    ([{"issuer": ["CN=Somebody", "O=Example,CN=test  ISSUING ca"]}], "alice rich nul"),
    ([{"issuer": ["CN=Test Issuing CA,O=Example"]}], ""),
    ([{"issuer": ["O=Example,CN=Test Root"]}], ""),
    ([{"subject": [{"subfield": "OU", "match": "Staff"}]}], "alice rich"),
    ([{"subject": [{"subfield": "OU", "match": "staff"}]}], ""),
    ([{"subject": [{"subfield": "2.5.4.11", "match": "s*F", "case_sensitive": False}]}],
     "alice rich"),
    ([{"subject": [{"subfield": "OU", "match": "Staff"}, {"subfield": "OU", "match": "B*"}]}],
     "rich"),
    ([{"subject": [{"subfield": "OU", "match": "*"}]}], "alice rich"),
    ([{"permission": "deny", "subject": [{"subfield": "OU", "match": "Contractors*"}]}, {}],
     "alice rich nobody"),
    ([{"permission": "deny", "subject": [{"subfield": "OU", "match": "Nobody"}]}, {}],
     "alice rich nobody"),
    ([{"san_dns": ["RICH.contoso.test"]}], "rich"),
    ([{"san_dns": ["*.contoso.test"]}], "rich"),
    ([{"permission": "deny", "san_dns": ["x.test"]}, {}], "alice rich nobody"),
    ([{"san_email": ["other@x.test", "Rich@Contoso.TEST"]}], "rich"),
    ([{"san_uri": ["spiffe://contoso.test/*"]}], "rich"),
    ([{"san_uri": ["SPIFFE://contoso.test/*"]}], ""),
    ([{"san_ip": ["192.0.2.0/24"]}], "rich"),
    ([{"san_ip": ["192.0.2.64/28", "2001:db8::/120"]}], "rich"),
    ([{"san_ip": ["192.0.2.77"]}], "rich"),
    ([{"san_ip": ["192.0.2.0/26", "2001:db9::/32"]}], ""),
    ([{"upn": ["alice@contoso.test"]}], "rich"),
    ([{"upn": ["ALICE@*"]}], "rich"),
    ([{"eku": ["1.3.6.1.4.1.311.20.2.2", "1.2.3"]}], "rich"),
    ([{"eku": ["1.3.6.1.5.5.7.3.2"]}], "alice rich nul"),
    ([{"eku": ["1.3.6.1.5.5.7.3.1"]}], ""),
    ([{"sha256": ["ALICE"]}], "alice"),
    ([{"sha256": ["ALICE"], "user": ["CONTOSO\\bob"]}], ""),
    ([{"san_dns": ["*"], "san_uri": ["*"], "eku": ["1.3.6.1.5.5.7.3.2"]}], "rich"),
    # First match wins.
    ([{"permission": "deny", "user": ["CONTOSO\\alice"]}, {}], "rich nul nobody"),
    ([{"user": ["CONTOSO\\alice"]}, DENY], "alice"),
    ([ALLOW, DENY], "alice rich nul nobody"),
    ([DENY, ALLOW], ""),
]


@pytest.fixture(scope="module")
def proxy(basics, rich, nul):
    text = json.dumps([{"path": f"/{number}", "authorize": rules}
                       for number, (rules, _) in enumerate(RULES)])
    locations = json.loads(text.replace("ALICE\"", basics.alice.sha256.upper() + '"'))
    locations.append({"path": "/0/below"})
    with Proxy(configuration(site(
            basics, client_certificate="accept", anonymous=True, locations=locations, mapping={
                "one_to_one": [{"user": "CONTOSO\\alice",
                                "certificate": "sha256:" + basics.alice.sha256}]},
            authorize=[{"permission": "deny"}]))) as started:
        yield started


def test_rules(proxy, basics, rich, nul):
    clients = {"alice": basics.alice, "rich": rich, "nul": nul, "nobody": None}
    for who, identity in clients.items():
        with tlsclient.connect(proxy, identity) as client:
            for number, (rules, allowed) in enumerate(RULES):
                status = client.request(target=f"/{number}/x").status
                assert status == (200 if who in allowed.split() else 403), (who, rules)


def test_the_refusal_tells_what_it_is(proxy, basics):
    """The site's own rules hold where a location has none."""
    assert tlsclient.fetch(proxy, "/elsewhere", identity=basics.alice).status == 403
    assert proxy.verdict("/elsewhere") == (403, 12, 5)
    refusal = proxy.refusal("main")
    assert refusal["reason"] == "mapping_denied" and "authorize" in refusal["fix"]
    assert tlsclient.fetch(proxy, "/0/below", identity=basics.alice).status == 200


@pytest.mark.parametrize("rule,message", [
    ({"issuer": ["Contoso"]}, "issuer"), ({"issuer": []}, "must not be empty"),
    ({"san_ip": ["192.0.2.1/24"]}, "beyond the prefix"), ({"san_ip": ["10.0.0.0/33"]}, "prefix"),
    ({"san_ip": ["host"]}, "network"), ({"sha256": ["00"]}, "64 hexadecimal"),
    ({"eku": ["clientAuth"]}, "object identifier"),
    ({"subject": [{"subfield": "Nope", "match": "a"}]}, "neither"), ({"users": ["a"]}, "user"),
])
def test_rules_that_cannot_be(basics, tmp_path, rule, message):
    path = tmp_path / "proxy.json"
    locations = [{"path": "/a"}, {"path": "/b", "client_certificate": "require"}]
    path.write_text(json.dumps(configuration(site(basics, authorize=[rule], locations=locations))))
    done = run("check", "-c", str(path))
    assert done.returncode == 1 and message in done.stderr, done.stderr
    assert done.stderr.count("error:") == 1, done.stderr


def test_an_empty_list_of_rules_is_an_error(basics, tmp_path):
    path = tmp_path / "proxy.json"
    path.write_text(json.dumps(configuration(site(basics, authorize=[]))))
    done = run("check", "-c", str(path))
    assert done.returncode == 1 and "must not be empty" in done.stderr


def test_explain_applies_the_rules(basics, tmp_path):
    path = tmp_path / "proxy.json"
    path.write_text(json.dumps(configuration(site(basics, authorize=[{"user": ["x"]}]))))
    leaf = tmp_path / "alice.pem"
    leaf.write_text(basics.alice.pem)
    done = run("explain", "-c", str(path), "--certificate", str(leaf), "--format", "json")
    assert done.returncode == 10, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["status"], answer["substatus"], answer["reason"]) == (403, 12, "mapping_denied")
    assert any("authorize" in rule for rule in answer["rules"])


# ---- CORS --------------------------------------------------------------------------------------

ORIGIN = "https://app.contoso.test"
PREFLIGHT = [("Origin", ORIGIN), ("Access-Control-Request-Method", "PUT")]


@pytest.fixture(scope="module")
def cors(basics):
    def at(path, mode):
        return {"path": path, "cors_preflight": mode, "authorize": [{"user": ["x"]}],
                "cors": {"origins": [ORIGIN, "http://localhost:3000"], "methods": ["PUT", "DELETE"],
                         "headers": ["Content-Type", "X-A"], "max_age": "1m"}}
    forward = {"identity": ["rfc9440", "nginx"], "headers": {"X-User": "{user}"}}
    with Proxy(configuration(
            site(basics, locations=[at("/answer", "answer"), at("/forward", "forward")],
                 bindings=["https://127.0.0.1:0", "http://127.0.0.1:0"],
                 forward=forward))) as started:
        yield started


def options(proxy, target, headers=(), identity=None, **more):
    return tlsclient.fetch(proxy, target, method="OPTIONS", identity=identity,
                           headers=[("Accept", "application/json"), *PREFLIGHT, *headers], **more)


def test_a_preflight_is_refused_unless_configured(cors, basics):
    assert options(cors, "/deny").status == 403
    assert cors.verdict("/deny") == (403, 7, 5)


def test_a_preflight_is_answered(cors, basics):
    """Fetch standard, CORS check: the origin itself and "true", never "*"."""
    for identity in (None, basics.alice, basics.outsider):
        answer = options(cors, "/answer", identity=identity)
        assert answer.status == 204 and answer.body == b""
        assert answer.header("access-control-allow-origin") == ORIGIN
        assert answer.header("access-control-allow-credentials") == "true"
        assert answer.header("access-control-allow-methods") == "PUT, DELETE"
        assert answer.header("access-control-allow-headers") == "Content-Type, X-A"
        assert answer.header("access-control-max-age") == "60"
        assert "Origin" in answer.header("vary")
        assert answer.header("content-length") is None


def test_the_connection_goes_on_after_an_answer(cors, basics):
    with tlsclient.connect(cors) as client:
        for _ in range(3):
            assert client.request("OPTIONS", "/answer", PREFLIGHT).status == 204
        assert client.request("GET", "/answer").status == 403


def test_a_preflight_is_forwarded_without_identity(cors, basics):
    for identity in (None, basics.alice):
        answer = options(cors, "/forward", [("Client-Cert", ":AAAA:")], identity)
        assert answer.status == 200
        assert answer.seen("client-cert") == [] and answer.seen("x-user") == []
        assert answer.seen("x-ssl-client-verify") == ["NONE"]
        assert answer.seen("origin") == [ORIGIN]


@pytest.mark.parametrize("path", ["/answer", "/forward"])
@pytest.mark.parametrize("method,headers,body", [
    ("GET", PREFLIGHT, None), ("OPTIONS", PREFLIGHT[:1], None), ("OPTIONS", PREFLIGHT[1:], None),
    ("OPTIONS", PREFLIGHT, b"body"), ("OPTIONS", PREFLIGHT + PREFLIGHT[:1], None),
    ("OPTIONS", PREFLIGHT + PREFLIGHT[1:], None), ("options", PREFLIGHT, None),
])
def test_what_is_no_preflight_needs_a_certificate(cors, path, method, headers, body):
    answer = tlsclient.fetch(cors, path, method=method, headers=headers, body=body)
    assert answer.status == 403


@pytest.mark.parametrize("origin", ["https://evil.test", "https://app.contoso.test.evil.test",
                                    "https://APP.contoso.test", "null", "*", "",
                                    ORIGIN + "/", "http://app.contoso.test"])
def test_other_origins_get_the_ordinary_rules(cors, origin):
    answer = tlsclient.fetch(cors, "/answer", method="OPTIONS",
                             headers=[("Origin", origin), PREFLIGHT[1]])
    assert answer.status == 403
    assert answer.header("access-control-allow-origin") is None


def test_a_preflight_over_plain_http_still_needs_ssl(cors):
    with tlsclient.plain(cors) as client:
        for path in ("/answer", "/forward"):
            assert client.request("OPTIONS", path, PREFLIGHT).status == 403
    assert cors.verdict("/answer", count=1)[0] in (204, 403)


@pytest.mark.parametrize("cors_keys", [
    {"origins": ["*"]}, {"origins": ["app.test"]}, {"origins": ["https://app.test/"]},
    {"origins": ["https://App.test"]}, {"methods": ["*"]}, {"methods": ["P UT"]},
    {"headers": ["*"]}, {"headers": ["a:b"]}, {"max_age": "2d"},
])
def test_cors_settings_that_cannot_be(basics, tmp_path, cors_keys):
    path = tmp_path / "proxy.json"
    path.write_text(json.dumps(configuration(site(basics, cors=cors_keys))))
    done = run("check", "-c", str(path))
    assert done.returncode == 1 and "cors" in done.stderr
