"""`init` with its options, and `pki`, which adds to what init made: what comes out is judged by the
proxy itself, off line and over real TLS.

SPDX-License-Identifier: MIT
"""

import json
import os
import re
import ssl
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import tlsclient
from proxy import Proxy, run

KINDS = {
    "p256": lambda key: isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1",
    "p384": lambda key: isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp384r1",
    "rsa2048": lambda key: isinstance(key, rsa.RSAPrivateKey) and key.key_size == 2048,
    "rsa4096": lambda key: isinstance(key, rsa.RSAPrivateKey) and key.key_size == 4096,
    "ed25519": lambda key: isinstance(key, ed25519.Ed25519PrivateKey),
}
SLOW = {"rsa4096"}


class Staging:
    def __init__(self, folder, *options):
        self.folder = str(folder)
        done = run("init", *options, self.folder, deadline=120)
        assert done.returncode == 0, done.stderr
        self.said = done.stdout

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def pki(self, *arguments, code=0):
        done = run("pki", *arguments, "--dir", self.folder, deadline=120)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done

    def read(self, *parts):
        with open(self.path(*parts), "rb") as source:
            return source.read()

    def certificate(self, *parts):
        return x509.load_pem_x509_certificate(self.read(*parts))

    def key(self, *parts):
        return serialization.load_pem_private_key(self.read(*parts), None)

    def is_pair(self, key, certificate):
        form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return (self.key(key + ".key").public_key().public_bytes(*form) ==
                self.certificate(certificate + ".pem").public_key().public_bytes(*form))

    def judge(self, name):
        done = run("explain", "-c", self.path("proxy.yaml"), "--certificate",
                   self.path("pki/clients", name + ".pem"), "--format", "json")
        assert done.returncode in (0, 10), done.stderr
        told = json.loads(done.stdout)
        return told["reason"] or told["outcome"]

    def text(self):
        return self.read("proxy.yaml").decode()

    def serve(self):
        text = re.sub(r"https://([^\"]*):\d+", r"https://\1:0", self.text(), count=1)
        return Proxy(text.replace("pki/", self.folder + "/pki/") +
                     "\nworkers: 1\nlog: { error: { level: info } }\n")


@pytest.fixture(scope="module")
def staging(tmp_path_factory):
    return Staging(tmp_path_factory.mktemp("pki") / "staging")


# --- init

def test_the_keys_of_the_authorities_are_kept_and_private(staging):
    assert stat.S_IMODE(os.stat(staging.path("pki/private")).st_mode) == 0o700
    for name, of in (("root", "roots/root"), ("issuing", "cas/issuing"),
                     ("external-root", "external/root"), ("external-issuing", "external/issuing")):
        path = staging.path("pki/private", name + ".key")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert staging.is_pair("pki/private/" + name, "pki/" + of)


def names_of(certificate):
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (found.get_values_for_type(x509.DNSName),
            [str(one) for one in found.get_values_for_type(x509.IPAddress)])


def test_init_for_other_machines(tmp_path):
    made = Staging(tmp_path / "s", "--host", "proxy.example.test", "--host", "192.0.2.7",
                   "--listen", "0.0.0.0:9443", "--days", "30")
    server = made.certificate("pki/server.pem")
    dns, ips = names_of(server)
    assert {"proxy.example.test", "localhost"} <= set(dns)
    assert {"192.0.2.7", "127.0.0.1", "::1"} <= set(ips)
    assert (server.not_valid_after - server.not_valid_before).days == 30
    good = made.certificate("pki/clients/good.pem")
    assert (good.not_valid_after - good.not_valid_before).days == 30
    assert 'bindings: ["https://0.0.0.0:9443"]' in made.text()
    assert "https://proxy.example.test:9443/" in made.said
    assert run("check", "-c", made.path("proxy.yaml")).returncode == 0
    assert made.judge("good") == "allowed"
    assert made.judge("not-yet-valid") == "not_yet_valid"


@pytest.mark.parametrize("given, url", [
    ("127.0.0.2", "https://127.0.0.2:8443"), ("127.0.0.1:1234", "https://127.0.0.1:1234"),
    ("::1", "https://[::1]:8443"), ("[::1]:99", "https://[::1]:99"), ("[::]", "https://[::]:8443")])
def test_where_it_listens(given, url, tmp_path):
    made = Staging(tmp_path / "s", "--listen", given)
    assert f'bindings: ["{url}"]' in made.text()
    assert run("check", "-c", made.path("proxy.yaml")).returncode == 0


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in SLOW])
def test_every_type_of_key(kind, tmp_path):
    made = Staging(tmp_path / "s", "--key-type", kind)
    for name in ("server.key", "clients/good.key", "private/root.key", "private/issuing.key"):
        assert KINDS[kind](made.key("pki", name)), name
    for client, reason in (("good", "allowed"), ("revoked", "revoked"), ("expired", "expired"),
                           ("untrusted", "partial_chain"), ("self-signed", "untrusted_root"),
                           ("wrong-usage", "wrong_usage")):
        assert made.judge(client) == reason
    with made.serve() as proxy:
        assert visit(made, proxy, "good") == 200
        assert visit(made, proxy, "revoked") == 403


@pytest.mark.parametrize("arguments", [
    ["--days", "0"], ["--days", "36501"], ["--days", "-1"], ["--days", "1x"], ["--days", ""],
    ["--key-type", "dsa"], ["--key-type", ""], ["--listen", "localhost"], ["--listen", "1.2.3.4:x"],
    ["--listen", "1.2.3.4:70000"], ["--listen", '127.0.0.1"]'], ["--host", ""], ["--host", "a b"],
    ["--host", "x" * 65], ["--frob"], ["--days"]])
def test_wrong_use_of_init(arguments, tmp_path):
    done = run("init", *arguments, str(tmp_path / "s"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert not os.path.exists(tmp_path / "s")


def visit(made, proxy, name):
    tls = tlsclient.context()
    tls.load_verify_locations(made.path("pki/roots/root.pem"))
    tls.check_hostname, tls.verify_mode = True, ssl.CERT_REQUIRED
    tls.load_cert_chain(made.path(f"pki/clients/{name}.pem"), made.path(f"pki/clients/{name}.key"))
    with tlsclient.connect(proxy, tls=tls, sni="localhost") as connection:
        return connection.request(target="/" + name, host="localhost").status


# --- pki client

CLIENTS = {
    "plain": ([], "allowed"),
    "old": (["--expired"], "expired"),
    "early": (["--not-yet-valid"], "not_yet_valid"),
    "usage": (["--wrong-usage"], "wrong_usage"),
    "alone": (["--self-signed"], "untrusted_root"),
    "stranger": (["--untrusted"], "partial_chain"),
    "gone": (["--revoked"], "revoked"),
    "old-usage": (["--expired", "--wrong-usage"], "expired"),
    "old-stranger": (["--untrusted", "--expired"], "partial_chain"),
    "upn": (["--upn", "alice@contoso.example"], "allowed"),
    "sans": (["--san", "email:a@contoso.example", "--san", "dns:pc.contoso.example", "--san",
              "uri:urn:x", "--san", "ip:192.0.2.1"], "allowed"),
    "p384": (["--key-type", "p384"], "allowed"),
    "rsa": (["--key-type", "rsa2048"], "allowed"),
    "ed": (["--key-type", "ed25519"], "allowed"),
    "short@contoso.example": (["--days", "1"], "allowed"),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client(name, staging):
    arguments, reason = CLIENTS[name]
    said = staging.pki("client", name, *arguments).stdout
    for ending in ("pem", "key", "p12"):
        assert f"pki/clients/{name}.{ending}" in said
    for ending in ("key", "p12"):
        mode = os.stat(staging.path("pki/clients", f"{name}.{ending}")).st_mode
        assert stat.S_IMODE(mode) == 0o600
    assert staging.judge(name) == reason
    assert staging.is_pair("pki/clients/" + name, "pki/clients/" + name)


def test_what_is_asked_for_is_in_the_certificate(staging):
    staging.pki("client", "full", "--cn", "Alice \u00dcmlaut", "--upn", "alice@contoso.example", "--san",
                "email:alice@contoso.example", "--days", "17", "--key-type", "p384")
    made = staging.certificate("pki/clients/full.pem")
    assert "Alice \u00dcmlaut" in made.subject.rfc4514_string()
    assert (made.not_valid_after - made.not_valid_before).days == 17
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    other = names.get_values_for_type(x509.OtherName)[0]
    assert other.type_id.dotted_string == "1.3.6.1.4.1.311.20.2.3"
    assert other.value == b"\x0c\x15alice@contoso.example"
    assert names.get_values_for_type(x509.RFC822Name) == ["alice@contoso.example"]
    assert KINDS["p384"](staging.key("pki/clients/full.key"))


def test_the_pkcs12_file_opens(staging, tmp_path):
    staging.pki("client", "packed")
    (tmp_path / "word").write_text("mtls-proxy\n")
    done = run("explain", "-c", staging.path("proxy.yaml"), "--certificate",
               staging.path("pki/clients/packed.p12"), "--password-file", str(tmp_path / "word"))
    assert done.returncode == 0, done.stderr


def test_a_new_client_is_served(staging):
    staging.pki("client", "visitor")
    with staging.serve() as proxy:
        assert visit(staging, proxy, "visitor") == 200


def test_nothing_is_overwritten(staging):
    staging.pki("client", "once")
    before = {ending: staging.read("pki/clients", "once." + ending)
              for ending in ("pem", "key", "p12")}
    done = staging.pki("client", "once", code=1)
    assert "once.pem" in done.stderr and "exists" in done.stderr
    os.remove(staging.path("pki/clients/once.pem"))
    assert "once.key" in staging.pki("client", "once", code=1).stderr
    assert not os.path.exists(staging.path("pki/clients/once.pem"))
    assert staging.read("pki/clients/once.key") == before["key"]


# --- pki server

def test_a_server(staging, tmp_path):
    staging.pki("server", "new.example.test", "--host", "localhost", "--host", "192.0.2.9")
    dns, ips = names_of(staging.certificate("pki/servers/new.example.test.pem"))
    assert (set(dns), ips) == ({"new.example.test", "localhost"}, ["192.0.2.9"])
    text = staging.text().replace("pki/server.", "pki/servers/new.example.test.")
    with Proxy(re.sub(r":8443", ":0", text).replace("pki/", staging.folder + "/pki/")) as proxy:
        assert visit(staging, proxy, "good") == 200


# --- pki revoke, crl, show

def test_revoking_takes_effect_while_running(tmp_path):
    made = Staging(tmp_path / "s")
    made.pki("client", "leaver")
    made.pki("client", "stayer")
    with made.serve() as proxy:
        assert visit(made, proxy, "leaver") == 200
        start = proxy.marker()
        made.pki("revoke", "leaver")
        proxy.event("worker.crls", start=start)
        assert visit(made, proxy, "leaver") == 403
        assert visit(made, proxy, "stayer") == 200
    assert made.judge("leaver") == "revoked"
    assert made.judge("revoked") == "revoked"  # who was on the list stays on it
    assert "already" in made.pki("revoke", "leaver").stdout


def test_revoking_the_issuing_authority(tmp_path):
    made = Staging(tmp_path / "s")
    made.pki("revoke", "issuing")
    assert made.judge("good") == "revoked"


def test_what_cannot_be_revoked(staging):
    staging.pki("client", "foreign", "--untrusted")
    assert "neither" in staging.pki("revoke", "foreign", code=1).stderr
    assert "neither" in staging.pki("revoke", "nobody", code=1).stderr


def test_lists_that_have_expired_and_come_back(tmp_path):
    made = Staging(tmp_path / "s")
    made.pki("crl", "--expired")
    assert made.judge("good") == "revocation_offline"
    made.pki("crl", "--days", "3")
    assert made.judge("good") == "allowed"
    assert made.judge("revoked") == "revoked"
    crl = x509.load_pem_x509_crl(made.read("pki/crls/issuing.pem"))
    assert (crl.next_update - crl.last_update).days == 3
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 3


def test_show(tmp_path):
    made = Staging(tmp_path / "s")
    made.pki("client", "old", "--expired")
    made.pki("client", "fresh")
    made.pki("server", "other.test")
    said = made.pki("show").stdout
    for pattern in (r"issuing +good", r"old +expired", r"fresh +good", r"revoked +revoked",
                    r"not-yet-valid +not yet valid", r"other\.test +good", r"issuing +1 revoked"):
        assert re.search(pattern, said), pattern
    one = made.pki("show", "fresh").stdout
    assert "good" in one.splitlines()[0] and "Subject: " in one
    assert "neither" in made.pki("show", "nobody", code=1).stderr


# --- mistakes

@pytest.mark.parametrize("arguments", [
    [], ["client"], ["frob"], ["client", "../x"], ["client", ".x"], ["client", "a/b"], ["client", ""],
    ["client", "x" * 65], ["client", "x", "y"], ["client", "x", "--expired", "--not-yet-valid"],
    ["client", "x", "--self-signed", "--untrusted"], ["client", "x", "--san", "nothing"],
    ["client", "x", "--san", "ip:1.2.3"], ["client", "x", "--san", "dns:"], ["client", "x", "--upn", ""],
    ["client", "x", "--days", "0"], ["client", "x", "--key-type", "x"], ["client", "x", "--cn", ""],
    ["server"], ["revoke"], ["revoke", "good", "--days", "3"], ["crl", "x"], ["crl", "--untrusted"],
    ["show", "a", "b"], ["show", "--expired"], ["client", "x", "--frob"]])
def test_wrong_use(arguments, staging):
    done = run("pki", *arguments, "--dir", staging.folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert not os.path.exists(staging.path("pki/clients/x.pem"))


def test_not_a_folder_of_init(tmp_path, staging):
    assert "init" in run("pki", "show", cwd=str(tmp_path)).stderr
    done = run("pki", "client", "x", "--dir", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert run("pki", "show", cwd=staging.folder).returncode == 0


def test_an_older_folder_without_the_keys(tmp_path):
    made = Staging(tmp_path / "s")
    os.remove(made.path("pki/private/issuing.key"))
    done = made.pki("client", "x", code=1)
    assert "issuing.key" in done.stderr
    assert not os.path.exists(made.path("pki/clients/x.pem"))
    made.pki("client", "x", "--self-signed")
