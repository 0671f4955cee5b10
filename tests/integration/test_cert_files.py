"""Certificates in every file that people have: PKCS#7, PKCS#12, and files that hold none at all.

SPDX-License-Identifier: MIT
"""

import json
import os
import re
import tempfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

import pki
import tlsclient
from proxy import Proxy, configuration, run, site
from test_upstream_tls import TlsUpstream

FOLDER = tempfile.TemporaryDirectory(prefix="mtls-proxy-cert-files-")
B = pki.Basics(FOLDER.name)
WORD = b"correct horse"
PASSWORD = B.text("word.password", "correct horse\n")
WRONG = B.text("wrong.password", "battery staple\n")
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


def put(name, content):
    path = B.path(name)
    with open(path, "wb") as out:
        out.write(content)
    return path


def p7(name, encoding, *certificates):
    return put(name, pkcs7.serialize_certificates([one.certificate for one in certificates],
                                                  encoding))


def p12(name, leaf, *others, password=WORD):
    protection = (serialization.BestAvailableEncryption(password) if password else
                  serialization.NoEncryption())
    return put(name, pkcs12.serialize_key_and_certificates(
        b"name", leaf.key if leaf else None, leaf.certificate if leaf else None,
        [one.certificate for one in others], protection))


def write(made, tmp_path):
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(made, indent=2))
    return str(path)


def judge(made, tmp_path, *arguments):
    return run("explain", "-c", write(made, tmp_path), "--format", "json", *arguments)


# --- explain

CLIENTS = {
    "alice-pem.p7b": lambda name: p7(name, PEM, B.alice, B.issuing),
    "alice-reversed.p7b": lambda name: p7(name, PEM, B.root, B.issuing, B.alice),
    "alice-der.p7c": lambda name: p7(name, DER, B.issuing, B.alice),
    "alice.p12": lambda name: p12(name, B.alice, B.issuing),
    "alice-with-root.pfx": lambda name: p12(name, B.alice, B.root, B.issuing),
    "alice-open.p12": lambda name: p12(name, B.alice, B.issuing, password=None),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_in_another_file(name, tmp_path):
    path = CLIENTS[name](name)
    word = ["--password-file", PASSWORD] if "open" not in name else []
    made = configuration(site(B, trust={"intermediate": []}))
    done = judge(made, tmp_path, "--certificate", path, *word)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["chain"][0]["sha256"] == B.alice.sha256
    assert told["chain"][1]["store"] == "presented"


def test_a_chain_in_another_file(tmp_path):
    leaf = put("alone.pem", B.alice.pem.encode())
    made = configuration(site(B, trust={"intermediate": []}))
    assert judge(made, tmp_path, "--certificate", leaf).returncode == 10
    for path in (p7("chain.p7b", DER, B.issuing, B.root), CLIENTS["alice.p12"]("chain.p12")):
        done = judge(made, tmp_path, "--certificate", leaf, "--chain", path,
                     "--password-file", PASSWORD)
        assert done.returncode == 0, done.stdout


def request_of(key):
    return x509.CertificateSigningRequestBuilder().subject_name(pki.name("CN=x")).sign(
        key, hashes.SHA256())


def key_bytes(encoding, form, password=None):
    protection = (serialization.BestAvailableEncryption(password) if password else
                  serialization.NoEncryption())
    return B.alice.key.private_bytes(encoding, form, protection)


def public(encoding):
    return B.alice.key.public_key().public_bytes(
        encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


PKCS8 = serialization.PrivateFormat.PKCS8
OTHERS = {
    "key.pem": (lambda: key_bytes(PEM, PKCS8), "a private key"),
    "key.der": (lambda: key_bytes(DER, PKCS8), "a private key"),
    "old.key": (lambda: key_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL),
                "a private key"),
    "encrypted.key": (lambda: key_bytes(PEM, PKCS8, WORD), "an encrypted private key"),
    "openssh": (lambda: key_bytes(PEM, serialization.PrivateFormat.OpenSSH), "an OpenSSH private"),
    "request.pem": (lambda: request_of(B.alice.key).public_bytes(PEM), "signing request"),
    "request.der": (lambda: request_of(B.alice.key).public_bytes(DER), "signing request"),
    "list.pem": (lambda: B.issuing.crl().encode(), "revocation list"),
    "list.der": (lambda: x509.load_pem_x509_crl(B.issuing.crl().encode()).public_bytes(DER),
                 "revocation list"),
    "public.pem": (lambda: public(PEM), "a public key"),
    "public.der": (lambda: public(DER), "a public key"),
    "empty": (lambda: b"", "empty"),
    "store.jks": (lambda: b"\xfe\xed\xfe\xed\0\0\0\2", "Java key store"),
    "id.pub": (lambda: b"ssh-ed25519 AAAAC3Nza me\n", "an SSH public key"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_without_a_certificate_is_said_to_be_what_it_is(name, tmp_path):
    """No verdict: neither its exit status nor a word of the handshake."""
    make, words = OTHERS[name]
    made = configuration(site(B))
    done = judge(made, tmp_path, "--certificate", put(name, make()))
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr and name in done.stderr
    assert "handshake" not in done.stderr


@pytest.mark.parametrize("name", OTHERS)
def test_a_store_says_what_the_file_is(name, tmp_path):
    make, words = OTHERS[name]
    made = configuration(site(B, trust={"root": [B.path("root.pem"), put(name, make())]}))
    done = run("check", "-c", write(made, tmp_path))
    assert done.returncode == 1
    assert re.search(r":\d+:\d+: error: .*" + re.escape(name) + ".*" + words, done.stderr)


def test_the_password_of_a_client(tmp_path):
    path = CLIENTS["alice.p12"]("locked.p12")
    made = configuration(site(B))
    done = judge(made, tmp_path, "--certificate", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "PKCS#12" in done.stderr and "--password-file" in done.stderr
    done = judge(made, tmp_path, "--certificate", path, "--password-file", WRONG)
    assert done.returncode == 1 and "does not open" in done.stderr
    done = judge(made, tmp_path, "--certificate", path, "--password-file", B.path("none"))
    assert done.returncode == 1 and "No such file" in done.stderr


@pytest.mark.parametrize("make", [
    lambda: open(p7("cut.p7b", DER, B.alice), "rb").read()[:-20],
    lambda: open(p7("cut.p7b", PEM, B.alice), "rb").read()[:200],
    lambda: open(p12("cut.p12", B.alice), "rb").read()[:-20]], ids=["p7", "p7-pem", "p12"])
def test_damage_is_named(make, tmp_path):
    path = put("damaged.bin", make())
    made = configuration(site(B, trust={"root": [path]}))
    done = run("check", "-c", write(made, tmp_path))
    assert done.returncode == 1 and "damaged.bin" in done.stderr
    assert judge(configuration(site(B)), tmp_path, "--certificate", path).returncode in (1, 10)


# --- stores

STORES = {
    "root.p7b": lambda: p7("root.p7b", PEM, B.root),
    "root.p7c": lambda: p7("root.p7c", DER, B.outside_root, B.root),
    "root.p12": lambda: p12("root.p12", None, B.root, B.outside_root),
    "root-and-key.pfx": lambda: p12("root-and-key.pfx", B.root),
}


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
def test_a_root_store_in_another_file(name, is_folder, tmp_path):
    path = STORES[name]()
    if is_folder:
        (tmp_path / "roots").mkdir()
        os.rename(path, tmp_path / "roots" / name)
        path = str(tmp_path / "roots")
    made = configuration(site(B, trust={"root": [path], "password_file": PASSWORD}))
    (tmp_path / "c.pem").write_text(B.alice.pem)
    done = judge(made, tmp_path, "--certificate", str(tmp_path / "c.pem"))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_a_store_and_its_password(tmp_path):
    path = p12("stored.p12", None, B.root)
    made = configuration(site(B, trust={"root": [path]}))
    done = run("check", "-c", write(made, tmp_path))
    assert done.returncode == 1 and "password_file" in done.stderr
    made = configuration(site(B, trust={"root": [path], "password_file": WRONG}))
    done = run("check", "-c", write(made, tmp_path))
    assert done.returncode == 1 and "does not open" in done.stderr
    made = configuration(site(B, trust={"root": [path], "password_file": B.path("none")}))
    done = run("check", "-c", write(made, tmp_path))
    assert done.returncode == 1 and "cannot read the password file" in done.stderr


def test_every_store_takes_them(tmp_path):
    made = configuration(site(B, trust={
        "intermediate": [p7("cas.p7b", DER, B.issuing, B.outside_issuing)],
        "trusted_issuers": [p7("list.p7b", PEM, B.issuing)],
        "disallowed": [p12("bad.p12", None, B.outside_issuing)], "password_file": PASSWORD}))
    (tmp_path / "c.pem").write_text(B.alice.pem)
    assert judge(made, tmp_path, "--certificate", str(tmp_path / "c.pem")).returncode == 0
    (tmp_path / "c.pem").write_text(B.outsider.pem)
    told = json.loads(judge(made, tmp_path, "--certificate", str(tmp_path / "c.pem")).stdout)
    assert told["reason"] == "explicit_distrust"


def test_what_a_folder_passes_over_is_named_in_one_warning(tmp_path):
    roots = tmp_path / "roots"
    roots.mkdir()
    (roots / "root.pem").write_text(B.root.pem)
    (roots / "root.key").write_text(B.root.key_pem)
    (roots / "only-a-key.pem").write_text(B.root.key_pem)
    (roots / "readme.txt").write_text("hello")
    (roots / ".hidden").write_text("x")
    (roots / "0123abcd.0").symlink_to("root.pem")
    os.rename(p12("client.p12", B.alice), roots / "client.p12")
    made = configuration(site(B, trust={"root": [str(roots)]}))
    done = run("check", "-c", write(made, tmp_path))
    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if "passed over" in line]
    assert len(lines) == 1 and re.search(r":\d+:\d+: warning: ", lines[0])
    for name in ("root.key", "only-a-key.pem", "readme.txt", "client.p12"):
        assert name in lines[0]
    assert "hidden" not in lines[0] and "0123abcd" not in lines[0]
    for i in range(20):
        (roots / f"more-{i}.txt").write_text("x")
    done = run("check", "-c", write(made, tmp_path))
    assert "and 19 more" in done.stderr


def test_a_clean_folder_gives_no_warning(tmp_path):
    roots = tmp_path / "roots"
    roots.mkdir()
    (roots / "root.pem").write_text(B.root.pem)
    done = run("check", "-c", write(configuration(site(B, trust={"root": [str(roots)]})), tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


# --- mapping

def test_a_mapped_certificate_in_another_file(tmp_path):
    one = {"user": "CONTOSO\\alice", "certificate": p7("alice.p7b", DER, B.alice)}
    made = configuration(site(B, mapping={"one_to_one": [one]}))
    (tmp_path / "c.pem").write_text(B.alice.pem)
    done = judge(made, tmp_path, "--certificate", str(tmp_path / "c.pem"))
    assert json.loads(done.stdout)["user"] == "CONTOSO\\alice"


# --- the server's own

def below_issuing(kind="ec"):
    return B.issuing.issue("server.test", usage=(pki.SERVER_AUTH,), kind=kind,
                           dns=("server.test", "localhost"))


def server_in_one_file():
    return {"chain": p12("s1.p12", below_issuing(), B.root, B.issuing), "password_file": PASSWORD}


def server_in_one_file_named_twice():
    path = p12("s2.pfx", below_issuing("rsa2048"), B.issuing)
    return {"chain": path, "key": path, "password_file": PASSWORD}


def server_without_password():
    return {"chain": p12("s3.p12", below_issuing(), B.issuing, password=None)}


def server_in_pkcs7():
    server = below_issuing()
    return {"chain": p7("s4.p7b", PEM, B.root, B.issuing, server),
            "key": put("s4.key", server.key_pem.encode())}


def server_with_encrypted_key():
    server = below_issuing()
    key = server.key.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(WORD))
    return {"chain": put("s5.pem", (server.pem + B.issuing.pem).encode()),
            "key": put("s5.key", key), "password_file": PASSWORD}


SERVERS = [server_in_one_file, server_in_one_file_named_twice, server_without_password,
           server_in_pkcs7, server_with_encrypted_key]


@pytest.mark.parametrize("make", SERVERS, ids=lambda make: make.__name__)
def test_the_server_in_another_file(make):
    """The client knows the root only: the intermediate has to be sent, in whatever order it lay."""
    made = make()
    os.chmod(made.get("key", made["chain"]), 0o600)
    with Proxy(configuration(site(B, server_certificate=made))) as proxy:
        tls = tlsclient.context(B.alice)
        tls.load_verify_locations(cadata=B.root.pem)
        tls.check_hostname, tls.verify_mode = True, tlsclient.ssl.CERT_REQUIRED
        with tlsclient.connect(proxy, tls=tls) as connection:
            assert connection.request().status == 200


def refused(made, tmp_path):
    done = run("check", "-c", write(configuration(site(B, server_certificate=made)), tmp_path))
    assert done.returncode == 1
    return done.stderr


def test_mistakes_with_the_server_are_named(tmp_path):
    server = below_issuing()
    locked = p12("locked-server.p12", server, B.issuing)
    assert "password_file" in refused({"chain": locked}, tmp_path)
    assert "does not open" in refused({"chain": locked, "password_file": WRONG}, tmp_path)
    no_key = p12("no-key.p12", None, server)
    assert "there is none in it" in refused({"chain": no_key, "password_file": PASSWORD}, tmp_path)
    made = server_with_encrypted_key()
    assert "does not open" in refused({**made, "password_file": WRONG}, tmp_path)
    del made["password_file"]
    assert "password_file" in refused(made, tmp_path)
    key = put("just.key", server.key_pem.encode())
    assert "it is a private key" in refused({"chain": key, "key": key}, tmp_path)
    other = p12("other.p12", below_issuing(), B.issuing)
    assert "does not belong" in refused(
        {"chain": put("not-its.pem", server.pem.encode()), "key": other,
         "password_file": PASSWORD}, tmp_path)
    assert "key: is missing" in refused({"chain": put("x.pem", server.pem.encode())}, tmp_path)


# --- towards an upstream

def test_an_upstream_with_other_files():
    """Its authority in PKCS#7, what the proxy shows to it in PKCS#12."""
    made = {"ca": p7("inside.p7b", DER, B.outside_root, B.root),
            "certificate": p12("to-backend.p12", B.alice, B.issuing), "password_file": PASSWORD}
    with TlsUpstream(B.path("server.pem"), client_ca=B.path("root.pem")) as backend:
        group = {"servers": [{"url": backend.url.replace("127.0.0.1", "localhost")}], "tls": made}
        with Proxy(configuration(site(B, upstream="x"), upstreams={"x": group})) as proxy:
            assert tlsclient.fetch(proxy, "/x", identity=B.alice).status == 200
        assert backend.clients == ["Example"]  # the last of the subject


def test_mistakes_with_an_upstream_are_named(tmp_path):
    def check(tls):
        group = {"servers": [{"url": "https://127.0.0.1:9"}], "tls": tls}
        made = configuration(site(B, upstream="x"), upstreams={"x": group})
        done = run("check", "-c", write(made, tmp_path))
        assert done.returncode == 1
        return done.stderr
    assert "a private key" in check({"ca": B.path("root.key")})
    assert "password_file" in check({"ca": p12("ca.p12", None, B.root)})
    assert "does not open" in check({"certificate": p12("c.p12", B.alice), "password_file": WRONG})


def test_what_the_folder_of_an_upstream_passes_over_is_named(tmp_path):
    folder = tmp_path / "cas"
    folder.mkdir()
    (folder / "root.pem").write_text(B.root.pem)
    (folder / "0123abcd.0").symlink_to("root.pem")
    os.rename(p12("more.p12", None, B.outside_root), folder / "more.p12")

    def warnings(**tls):
        group = {"servers": [{"url": "https://127.0.0.1:9"}], "tls": {"ca": str(folder), **tls}}
        made = configuration(site(B, upstream="x"), upstreams={"x": group})
        done = run("check", "-c", write(made, tmp_path))
        assert done.returncode == 0, done.stderr
        return [line for line in done.stderr.splitlines() if "passed over" in line]
    assert len(warnings()) == 1 and "more.p12" in warnings()[0]
    assert "0123abcd" not in warnings()[0]
    assert warnings(password_file=PASSWORD) == []
    for i in range(9):
        (folder / f"{i}.txt").write_text("x")
    assert "and more" in warnings()[0]
