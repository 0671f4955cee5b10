"""explain says what the proxy does: every row of the decision table off line.

SPDX-License-Identifier: MIT
"""

import copy
import json
import os
import ssl
import tempfile

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import pki
import tlsclient
from proxy import configuration, run, site
from trust_cases import ALLOWED, Cases

FOLDER = tempfile.TemporaryDirectory(prefix="mtls-proxy-explain-")
BASICS = pki.Basics(FOLDER.name)
CASES = Cases(BASICS)
KNOBS = [(compat, group, case) for compat, group in CASES.knobs().values() for case in group]
FIELDS = ["outcome", "status", "substatus", "win32", "reason", "user", "mapping",
          "advertised_issuers", "chain", "rules", "headers", "fix"]
ELEMENT = ["subject", "issuer", "serial", "sha256", "not_before", "not_after", "store", "anchor",
           "errors"]
STORES = ["presented", "root", "intermediate", "trusted_issuers", "client_auth_issuers",
          "disallowed"]
ACTIONS = ["add_certificate", "remove_certificate", "move_certificate", "set", "renew", "add_crl",
           "present"]


def presented(case_leaf, chain):
    """The file a client would present: leaf, then what it sends with it."""
    more = case_leaf.above() if chain is None else chain
    return case_leaf.pem + "".join(one.pem for one in more)


def explain(made, leaf, chain, tmp_path, *arguments):
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(made, indent=2))
    if leaf is None:
        who = ["--no-certificate"]
    else:
        (tmp_path / "client.pem").write_text(presented(leaf, chain))
        who = ["--certificate", str(tmp_path / "client.pem")]
    done = run("explain", "-c", str(path), "--format", "json", *who, *arguments)
    assert done.returncode in (0, 10), done.stderr
    told = json.loads(done.stdout)
    assert (told.get("outcome", "allowed") == "allowed") == (done.returncode == 0)
    return told


def check_shape(told):
    assert list(told) == FIELDS
    for element in told["chain"]:
        assert list(element) == ELEMENT
        assert element["store"] in STORES
    for fix in told["fix"]:
        assert list(fix) == ["action", "store", "sha256", "key", "value", "text"]
        assert fix["action"] in ACTIONS
        assert fix["text"]


def check_case(case, compat, tmp_path):
    made = configuration(site(BASICS, trust=case.trust, **case.site), **compat)
    told = explain(made, case.leaf, case.chain, tmp_path)
    check_shape(told)
    if case.expected == ALLOWED:
        assert told["outcome"] == "allowed"
        assert (told["status"], told["reason"], told["fix"]) == (None, None, [])
        return
    assert told["outcome"] == "refused"
    assert (told["status"], told["substatus"], hex(told["win32"])) == (
        *case.expected[:2], hex(case.expected[2]))
    assert case.reason in (None, told["reason"])
    assert told["fix"], "a refusal without a way out"


@pytest.mark.parametrize("case", CASES.all_default(), ids=lambda case: case.title)
def test_default_profile(case, tmp_path):
    check_case(case, {}, tmp_path)


@pytest.mark.parametrize("compat, group, case", KNOBS, ids=[case.title for *_, case in KNOBS])
def test_compat(compat, group, case, tmp_path):
    check_case(case, {"compat": compat}, tmp_path)


# --- the rest of the command

def test_at_another_time(tmp_path):
    made = configuration(site(BASICS))
    told = explain(made, BASICS.alice, None, tmp_path, "--at", "2099-01-01T00:00:00Z")
    assert told["reason"] == "expired"
    told = explain(made, BASICS.alice, None, tmp_path, "--at", "@86400")
    assert told["reason"] == "not_yet_valid"


def test_all_modes_side_by_side(tmp_path):
    issuing = BASICS.path("issuing.pem")
    made = configuration(site(BASICS, trust={"trusted_issuers": [issuing]}))
    told = explain(made, BASICS.alice, None, tmp_path, "--trust-mode", "all")
    assert [one["outcome"] for one in told["modes"]] == ["allowed", "refused", "allowed"]


def test_a_mode_of_choice(tmp_path):
    issuing = BASICS.path("issuing.pem")
    made = configuration(site(BASICS, trust={"trusted_issuers": [issuing]}))
    for mode in ("1", "exclusive_root"):
        told = explain(made, BASICS.alice, None, tmp_path, "--trust-mode", mode)
        assert told["outcome"] == "refused"


def test_what_tls_would_refuse(tmp_path):
    made = configuration(site(BASICS))
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(made))
    (tmp_path / "junk").write_bytes(os.urandom(300))
    done = run("explain", "-c", str(path), "--format", "json", "--certificate",
               str(tmp_path / "junk"))
    told = json.loads(done.stdout)
    assert done.returncode == 10
    assert list(told) == FIELDS
    assert (told["outcome"], told["status"]) == ("handshake", None)


def test_several_sites_need_a_choice(tmp_path):
    made = configuration(site(BASICS, name="a", hosts=["a.test"]),
                         site(BASICS, name="b", hosts=["b.test"], client_certificate="accept"))
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(made))
    done = run("explain", "-c", str(path), "--no-certificate")
    assert done.returncode == 2
    assert run("explain", "-c", str(path), "--no-certificate", "--site", "a").returncode == 10
    assert run("explain", "-c", str(path), "--no-certificate", "--site", "b").returncode == 0
    assert run("explain", "-c", str(path), "--no-certificate", "--url",
               "https://b.test/").returncode == 0
    assert run("explain", "-c", str(path), "--no-certificate", "--site", "c").returncode == 2


def test_the_text_names_the_windows_setting(tmp_path):
    made = configuration(site(BASICS, trust={"root": [BASICS.path("outside-root.pem")]}))
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(made))
    (tmp_path / "client.pem").write_text(presented(BASICS.alice, None))
    done = run("explain", "-c", str(path), "--certificate", str(tmp_path / "client.pem"))
    assert done.returncode == 10
    for text in ("refused: 403.16", "ClientAuthTrustMode", "sc-win32-status 2148204809", "fix"):
        assert text in done.stdout


def test_a_crl_whose_signature_is_no_whole_octets_is_read_but_never_believed(tmp_path):
    """X.690 section 11.2.2: such a file must neither stop the start nor count as a CRL."""
    crl = x509.load_pem_x509_crl(BASICS.issuing.crl().encode())
    der = bytearray(crl.public_bytes(serialization.Encoding.DER))
    der[-len(crl.signature) - 1] = 1
    der[-1] &= 0xfe
    pem = ssl.DER_cert_to_PEM_cert(bytes(der)).replace("CERTIFICATE", "X509 CRL")
    made = configuration(site(BASICS, trust={
        "revocation": {"crls": [BASICS.text("unused-bits.crl", pem)]}}))
    told = explain(made, BASICS.alice, None, tmp_path)
    assert (told["reason"], told["substatus"]) == ("revocation_offline", 13)


# --- nothing that only serving needs is opened

def put(tmp_path, leaf=None, chain=None):
    (tmp_path / "client.pem").write_text(presented(leaf or BASICS.alice, chain))
    return str(tmp_path / "client.pem")


def no_file(tmp_path, made):
    return {"key": str(tmp_path / "nowhere.key"), "chain": made["server_certificate"]["chain"]}


def another_key(tmp_path, made):
    return {"key": BASICS.path("root.key"), "chain": made["server_certificate"]["chain"]}


def a_pipe(tmp_path, made):
    os.mkfifo(tmp_path / "pipe")
    return {"key": str(tmp_path / "pipe"), "chain": str(tmp_path / "pipe")}


def a_folder(tmp_path, made):
    return {"key": str(tmp_path), "chain": str(tmp_path)}


def a_locked_file(tmp_path, made):
    (tmp_path / "x.p12").write_bytes(b"locked")
    return {"chain": str(tmp_path / "x.p12"), "password_file": str(tmp_path / "nowhere")}


@pytest.mark.parametrize("key", [no_file, another_key, a_pipe, a_folder, a_locked_file],
                         ids=lambda one: one.__name__)
def test_the_private_key_of_the_server_is_not_opened(key, tmp_path):
    made = site(BASICS)
    made["server_certificate"] = key(tmp_path, made)
    assert explain(configuration(made), BASICS.alice, None, tmp_path)["outcome"] == "allowed"
    assert run("check", "-c", str(tmp_path / "proxy.yaml")).returncode == 1


def test_no_other_secret_and_no_name_is_asked_for_either(tmp_path):
    made = configuration(site(BASICS, upstream="u", errors={"pages": {"403": "nowhere.html"}}),
                         sessions={"ticket_keys": str(tmp_path / "nowhere.keys"), "store": 0},
                         upstreams={"u": {"servers": [{"url": "https://no.such.host.invalid"}],
                                          "tls": {"certificate": "nowhere.pem",
                                                  "key": "nowhere.key"}}})
    assert explain(made, BASICS.alice, None, tmp_path)["outcome"] == "allowed"


@pytest.mark.parametrize("which", ["rfc9440", "xfcc", "apache"])
def test_what_is_said_of_the_server_is_still_shown(which, start, tmp_path):
    """Headers that name the server's certificate are those that a backend gets."""
    made = site(BASICS, forward={"identity": [which]})
    told = explain(configuration(copy.deepcopy(made)), BASICS.alice, None, tmp_path)
    seen = tlsclient.fetch_json(start(made), "/", identity=BASICS.alice).json()["headers"]
    for name, value in told["headers"]:
        if "cipher" not in name.lower() and "protocol" not in name.lower():
            assert [name, value] in [list(pair) for pair in seen], name


# --- without a configuration

def without(tmp_path, leaf, *arguments, chain=None):
    done = run("explain", "--format", "json", "--certificate", put(tmp_path, leaf, chain),
               *arguments, cwd=str(tmp_path))
    told = json.loads(done.stdout) if done.stdout else None
    return done, told


STORES_GIVEN = ["--root", BASICS.path("root.pem"), "--intermediate", BASICS.path("issuing.pem")]


def test_stores_alone_are_enough(tmp_path):
    done, told = without(tmp_path, BASICS.alice, *STORES_GIVEN, chain=[])
    assert (done.returncode, told["outcome"], done.stderr) == (0, "allowed", "")
    check_shape(told)
    done, told = without(tmp_path, BASICS.outsider, *STORES_GIVEN)
    assert (done.returncode, told["reason"]) == (10, "partial_chain")


def test_every_store_may_be_repeated_and_be_a_folder(tmp_path):
    for name, pem in (("roots", BASICS.outside_root.pem), ("cas", BASICS.outside_issuing.pem)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.pem").write_text(pem)
    more = ["--root", "roots", "--intermediate", "cas"]
    for leaf in (BASICS.alice, BASICS.outsider):
        done, told = without(tmp_path, leaf, *STORES_GIVEN, *more, chain=[])
        assert done.returncode == 0, done.stderr
    listed = ["--trusted-issuers", BASICS.path("issuing.pem")]
    assert without(tmp_path, BASICS.outsider, *STORES_GIVEN, *more, *listed)[1]["reason"] == (
        "issuer_not_listed")
    refused = ["--disallowed", BASICS.path("outside-issuing.pem")]
    assert without(tmp_path, BASICS.outsider, *STORES_GIVEN, *more, *refused)[1]["reason"] == (
        "explicit_distrust")
    assert without(tmp_path, BASICS.alice, *STORES_GIVEN, *listed, "--trust-mode", "2")[1][
        "outcome"] == "allowed"


def test_crls_without_a_configuration(tmp_path):
    (tmp_path / "a.crl").write_text(BASICS.issuing.crl([BASICS.alice]))
    (tmp_path / "b.crl").write_text(BASICS.root.crl())
    lists = ["--crl", "a.crl", "--crl", "b.crl"]
    assert without(tmp_path, BASICS.alice, *STORES_GIVEN, *lists)[1]["reason"] == "revoked"
    other = BASICS.issuing.issue("CN=other")
    assert without(tmp_path, other, *STORES_GIVEN, *lists)[0].returncode == 0


def test_odd_paths_without_a_configuration(tmp_path):
    for name in ('a "quoted" \\ path', "with: colon, {brace}", "\u00fcml\u00e4ut \U0001f511"):
        (tmp_path / name).write_text(BASICS.root.pem)
        done, _ = without(tmp_path, BASICS.alice, "--root", name)
        assert done.returncode == 0, done.stderr


def test_mistakes_without_a_configuration(tmp_path):
    done, _ = without(tmp_path, BASICS.alice, "--root", "nowhere.pem")
    assert done.returncode == 1 and "nowhere.pem" in done.stderr
    done, _ = without(tmp_path, BASICS.alice, "--intermediate", BASICS.path("issuing.pem"))
    assert done.returncode == 2 and "--root" in done.stderr
    done, _ = without(tmp_path, BASICS.alice, *STORES_GIVEN, "-c", "proxy.yaml")
    assert done.returncode == 2
