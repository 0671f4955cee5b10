"""client_certificate: pass - judged and mapped as ever, and nobody is refused for it.

What the backend is told in every dialect, what never reaches it, and that a verdict of one request
is never told with another.

SPDX-License-Identifier: MIT
"""

import json
import os

import pytest

import pki
import tlsclient
from proxy import Proxy, configuration, run, site
from test_front import FORMS, rfc9440
from test_identity import ALL
from visitor import RESUMING_VERSIONS, Visitor

PRESETS = ["rfc9440", *ALL]
TEMPLATES = {"X-Verdict": "{verdict}", "X-Reason": "{reason}", "X-User": "{user}",
             "X-Subject": "{subject}", "X-Sha": "{sha256}", "X-Pem": "{pem}", "X-Upn": "{upn}",
             "X-Chain": "{chain_pem}", "X-Issuer-Sha": "{issuer_sha256}", "X-Serial": "{serial}"}
TOLD = {"nginx": "x-ssl-client-verify", "apache": "ssl_client_verify"}
# Sent about the connection and the server, whoever the client is.
NEUTRAL = {"x-arr-ssl", "x-arr-log-id"}
SHOWN = {
    "rfc9440": {"client-cert"}, "rfc9440-chain": {"client-cert", "client-cert-chain"},
    "iis-arr": {"x-arr-clientcert"}, "xfcc": {"x-forwarded-client-cert"},
    "nginx": {"x-ssl-client-cert", "x-ssl-client-s-dn", "x-ssl-client-i-dn", "x-ssl-client-serial",
              "x-ssl-client-fingerprint"},
    "traefik": {"x-forwarded-tls-client-cert", "x-forwarded-tls-client-cert-info"},
    "aws-alb": {f"x-amzn-mtls-clientcert-{part}" for part in (
        "serial-number", "issuer", "subject", "validity", "leaf")},
    "apache": {f"ssl_client_{part}" for part in (
        "s_dn", "i_dn", "m_serial", "v_start", "v_end", "cert")},
}
IDENTITY = set().union(*SHOWN.values()) | set(TOLD.values()) | {
    name.lower() for name in TEMPLATES} | {"authorization"}
FIELDS = {"error": {"level": "info"}, "access": {
    "path": "stdout", "flush": "10ms", "fields": ["default", "x-reason"]}}


class People:
    """One client for each thing that can be wrong, and the reason that is told."""

    def __init__(self, basics, folder):
        issue = basics.issuing.issue
        self.good = basics.alice
        self.denied = issue("CN=guest, OU=Guests, O=Example")
        self.revoked = issue("CN=revoked, OU=Staff, O=Example")
        self.reasons = {
            "revoked": self.revoked,
            "expired": issue("CN=old, OU=Staff, O=Example", since=-30, until=-1),
            "not_yet_valid": issue("CN=new, OU=Staff, O=Example", since=10, until=30),
            "untrusted_root": pki.issue("CN=self, OU=Staff, O=Example"),
            "partial_chain": basics.outsider,
            "wrong_usage": issue("CN=web, OU=Staff, O=Example", usage=(pki.SERVER_AUTH,)),
            "mapping_denied": self.denied,
        }
        self.crls = os.path.join(folder, "crls")
        os.mkdir(self.crls)
        self.basics = basics
        self.write_crls([self.revoked], 1)

    def write_crls(self, revoked, number):
        for name, text in (("root", self.basics.root.crl(number=number)),
                           ("issuing", self.basics.issuing.crl(revoked, number=number))):
            path = os.path.join(self.crls, f"{name}.pem")
            with open(path + ".new", "w", encoding="ascii") as out:
                out.write(text)
            os.rename(path + ".new", path)


def pass_site(basics, people, **changes):
    def rule(part, value, **more):
        return {"name": value, "rules": [
            {"field": "subject", "subfield": part, "match": value}], **more}
    with open(basics.path("pass.secret"), "w", encoding="ascii") as out:
        out.write("secret\n")
    made = {
        "client_certificate": "pass",
        "trust": {"revocation": {"crls": [people.crls]}},
        "mapping": {"many_to_one": [
            rule("OU", "Guests", permission="deny"),
            rule("OU", "Staff", user="staff", password_file=basics.path("pass.secret"))]},
        "forward": {"identity": ["rfc9440"], "headers": TEMPLATES},
        "locations": [{"path": f"/{one}", "forward": {"identity": [one]}} for one in PRESETS] + [
            {"path": "/require", "client_certificate": "require"},
            {"path": "/accept", "client_certificate": "accept", "anonymous": True},
            {"path": "/ignore", "client_certificate": "ignore"},
            {"path": "/user", "anonymous": False},
            {"path": "/basic", "forward": {"authorization": "basic"}},
            {"path": "/rules", "authorize": [{"sha256": [people.good.sha256]}]},
            {"path": "/edited", "request_headers": {"set": {"X-Edited": "{verdict} {reason}"}}}],
    }
    made.update(changes)
    return site(basics, **made)


@pytest.fixture(scope="module")
def people(basics, tmp_path_factory):
    return People(basics, str(tmp_path_factory.mktemp("people")))


@pytest.fixture(scope="module")
def proxy(basics, people):
    with Proxy(configuration(pass_site(basics, people), log=FIELDS)) as started:
        yield started


def forged():
    """What a client may hope to get through: every name of every dialect, in its best spelling."""
    made = [(name, "SUCCESS" if "verify" in name else "forged") for name in sorted(IDENTITY)]
    return [one for one in made if one[0] != "authorization"] + [
        ("X_SSL_Client_Verify", "SUCCESS"), ("SSL-Client-Verify", "SUCCESS"),
        ("x.verdict", "trusted"), ("X_Reason", "-")]


def seen(answer):
    """The identity that reached the backend, as {name: value}."""
    found = {}
    for name, value in answer.json()["headers"]:
        folded = name.lower()
        if folded in IDENTITY or folded.replace("-", "_") in IDENTITY or \
                folded.replace("_", "-") in IDENTITY or folded.startswith(("x.", "x_")):
            assert folded not in found, f"{name} twice"
            found[folded] = value
    return found


def get(proxy, target, identity, **how):
    answer = tlsclient.fetch_json(proxy, target, identity=identity, **how)
    assert answer.status == 200, answer.body
    return answer


# ---- every preset, every fault -------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("reason", ["revoked", "expired", "not_yet_valid", "untrusted_root",
                                    "partial_chain", "wrong_usage", "mapping_denied"])
def test_a_bad_certificate_is_told_and_never_shown(proxy, people, preset, reason):
    target = f"/{preset}/{reason}"
    got = seen(get(proxy, target, people.reasons[reason], headers=forged()))
    wanted = {"x-verdict": "failed", "x-reason": reason}
    if preset in TOLD:
        wanted[TOLD[preset]] = f"FAILED:{reason}"
    assert got == wanted
    record = proxy.access(target)
    assert [record[one] for one in ("sc-status", "sc-substatus", "sc-win32-status", "x-reason",
                                    "cs-username")] == ["200", "0", "0", reason, "-"]


@pytest.mark.parametrize("preset", PRESETS)
def test_without_a_certificate(proxy, preset):
    target = f"/{preset}/none"
    wanted = {"x-verdict": "none"}
    if preset in TOLD:
        wanted[TOLD[preset]] = "NONE"
    assert seen(get(proxy, target, None, headers=forged())) == wanted
    assert proxy.access(target)["x-reason"] == "-"


@pytest.mark.parametrize("preset", PRESETS)
def test_a_good_certificate_is_shown_as_ever(proxy, people, preset):
    target = f"/{preset}/good"
    got = seen(get(proxy, target, people.good, headers=forged()))
    assert "forged" not in got.values()
    for name in SHOWN[preset]:
        assert name in got
    assert got["x-verdict"] == "trusted" and "x-reason" not in got
    assert got["x-user"] == "staff" and got["x-sha"] == people.good.sha256
    if preset in TOLD:
        assert got[TOLD[preset]] == "SUCCESS"
    record = proxy.access(target)
    assert (record["x-reason"], record["cs-username"]) == ("-", "staff")


def test_iis_arr_still_describes_the_connection(proxy, people):
    headers = {name.lower() for name, _ in
               get(proxy, "/iis-arr/connection", people.revoked).json()["headers"]}
    assert NEUTRAL <= headers and "x-arr-clientcert" not in headers


def test_all_presets_at_once(start, basics, people):
    proxy = start(pass_site(basics, people, locations=[],
                            forward={"identity": ALL, "headers": TEMPLATES}))
    got = seen(get(proxy, "/", people.revoked, headers=forged()))
    assert got == {"x-verdict": "failed", "x-reason": "revoked",
                   "x-ssl-client-verify": "FAILED:revoked", "ssl_client_verify": "FAILED:revoked"}


def test_templates_of_request_headers_have_it_too(proxy, people):
    answer = get(proxy, "/edited", people.revoked, headers=[("X-Edited", "trusted")])
    assert answer.seen("x-edited") == ["failed revoked"]


def test_filters_apply_to_the_reason(start, basics, people):
    proxy = start(pass_site(basics, people, locations=[], forward={"headers": {
        "X-Reason": "{reason:base64}"}}))
    assert get(proxy, "/", people.revoked).seen("x-reason") == ["cmV2b2tlZA=="]


# ---- what stays closed ---------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["revoked", "expired", "untrusted_root", "mapping_denied"])
def test_without_a_user_401_is_still_401(proxy, people, reason):
    target = f"/user/{reason}"
    answer = tlsclient.fetch(proxy, target, identity=people.reasons[reason])
    assert answer.status == 401
    assert proxy.verdict(target) == (401, 2, 5)
    assert tlsclient.fetch(proxy, "/user", identity=people.good).status == 200
    assert tlsclient.fetch(proxy, "/user").status == 401


def test_the_log_says_why_there_is_no_user(start, basics, people):
    proxy = start(pass_site(basics, people, anonymous=False, locations=[]))
    assert tlsclient.fetch(proxy, identity=people.reasons["expired"]).status == 401
    line = proxy.refusal("main")
    assert (line["reason"], line["failed"]) == ("no_user", "expired")
    assert line["sha256"] == people.reasons["expired"].sha256
    assert "renew" in line["fix"] or "expired" in line["fix"], line["fix"]


def test_no_rule_takes_a_bad_certificate_for_its_holder(start, basics, people):
    """Not even one that names it."""
    rules = [{"sha256": [people.good.sha256, people.revoked.sha256, people.denied.sha256]}]
    proxy = start(pass_site(basics, people, locations=[], authorize=rules))
    for identity, status in ((people.good, 200), (people.revoked, 403), (people.denied, 403),
                             (None, 403)):
        assert tlsclient.fetch(proxy, identity=identity).status == status


def test_a_mapping_that_denies_is_no_condition_met(start, basics, people):
    proxy = start(pass_site(basics, people, locations=[],
                            authorize=[{"mapping": ["Guests", "Staff"]}]))
    assert tlsclient.fetch(proxy, identity=people.good).status == 200
    assert tlsclient.fetch(proxy, identity=people.denied).status == 403


def test_no_password_goes_with_a_bad_certificate(proxy, people):
    """Nor the client's own, which would be taken for it."""
    mine = [("Authorization", "Basic c3RhZmY6c2VjcmV0")]
    assert get(proxy, "/basic", people.good, headers=mine).seen("authorization") == [
        "Basic c3RhZmY6c2VjcmV0"]
    for one in (people.revoked, people.denied, None):
        assert get(proxy, "/basic", one, headers=mine).seen("authorization") == []


def test_a_failed_logon_is_let_pass(start, basics, people):
    proxy = start(pass_site(basics, people, locations=[], accounts={
        "staff": {"state": "disabled"}}, forward={
            "identity": ["nginx"], "headers": TEMPLATES}))
    got = seen(get(proxy, "/", people.good, headers=forged()))
    assert got == {"x-verdict": "failed", "x-reason": "logon_failed",
                   "x-ssl-client-verify": "FAILED:logon_failed"}


def test_https_may_still_be_required(start, basics, people):
    proxy = start(pass_site(basics, people, locations=[], require_ssl=True,
                            bindings=["https://127.0.0.1:0", "http://127.0.0.1:0"]))
    with tlsclient.plain(proxy) as client:
        assert client.request().status == 403
    assert proxy.verdict("/") == (403, 4, 5)


def test_other_places_refuse_as_ever(proxy, people):
    for place, status in (("/require", 403), ("/accept", 403), ("/ignore", 200), ("/nginx", 200)):
        assert tlsclient.fetch(proxy, place, identity=people.revoked).status == status


# ---- one connection, many requests ---------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_pipelined_requests_are_told_apart(proxy, people, version):
    """Places that pass, refuse and ignore, by turns, in one packet: what was rendered for one
    never goes with another."""
    places = ["/nginx", "/require", "/ignore", "/nginx", "/apache", "/accept", "/rfc9440",
              "/ignore", "/nginx"] * 4
    batch = b"".join(tlsclient.build(target=one, headers=[
        ("Accept", "application/json"), *forged()]) for one in places)
    for identity, reason in ((people.revoked, "revoked"), (people.denied, "mapping_denied"),
                             (people.good, None)):
        with tlsclient.connect(proxy, identity, version=version) as client:
            client.send(batch)
            for place in places:
                answer = client.read_response()
                if place in ("/require", "/accept") and reason:
                    assert answer.status == 403, place
                    continue
                assert answer.status == 200
                got = seen(answer)
                wanted = "none" if place == "/ignore" else "failed" if reason else "trusted"
                assert got["x-verdict"] == wanted, place
                assert got.get("x-reason") == (reason if wanted == "failed" else None)
                assert ("x-sha" in got) == (wanted == "trusted"), place
                if place == "/nginx":
                    assert got["x-ssl-client-verify"] == (
                        f"FAILED:{reason}" if reason else "SUCCESS")


def test_a_list_that_changes_while_the_connection_lasts(basics, tmp_path):
    """The next request is told the new verdict, both ways."""
    people = People(basics, str(tmp_path))
    with Proxy(configuration(pass_site(basics, people), log=FIELDS)) as proxy, \
            tlsclient.connect(proxy, people.good) as client:
        def verdict():
            got = seen(client.get_json("/nginx", forged()))
            return got["x-verdict"], got.get("x-reason"), got["x-ssl-client-verify"], \
                "x-sha" in got, got.get("x-user")

        good = ("trusted", None, "SUCCESS", True, "staff")
        bad = ("failed", "revoked", "FAILED:revoked", False, None)
        assert verdict() == good
        for number, revoked, wanted in ((2, [people.good], bad), (3, [], good),
                                        (4, [people.good], bad)):
            start = proxy.marker()
            people.write_crls(revoked, number)
            while True:
                assert proxy.event(" worker.crls ", start=start)
                if verdict() == wanted:
                    break
                start = proxy.marker()  # the first of the two files alone was read
            assert verdict() == wanted


@pytest.mark.parametrize("version", RESUMING_VERSIONS)
def test_only_a_good_certificate_comes_back_with_its_session(proxy, people, version):
    for identity, resumes in ((people.good, True), (people.revoked, False)):
        visitor = Visitor(identity, version)
        first = seen(visitor.visit(proxy, "/nginx"))
        second = seen(visitor.visit(proxy, "/nginx"))
        assert visitor.reused is resumes
        assert first == second
        assert first["x-verdict"] == ("trusted" if resumes else "failed")


@pytest.mark.parametrize("version", RESUMING_VERSIONS)
def test_a_denied_mapping_is_found_again_after_resumption(proxy, people, version):
    visitor = Visitor(people.denied, version)
    for _ in range(2):
        got = seen(visitor.visit(proxy, "/nginx"))
        assert got["x-ssl-client-verify"] == "FAILED:mapping_denied" and "x-sha" not in got
    assert visitor.reused


# ---- asked for late, or handed on ----------------------------------------------------------------


def late_context(identity, version, can_be_asked=True):
    made = tlsclient.context(identity, version=version)
    made.post_handshake_auth = can_be_asked
    return made


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_late_certificate_may_fail(start, basics, people, version):
    proxy = start(pass_site(
        basics, people, client_certificate="ignore", negotiate_client_certificate="late",
        forward={"identity": ["nginx"], "headers": TEMPLATES},
        locations=[{"path": "/pass", "client_certificate": "pass"},
                   {"path": "/require", "client_certificate": "require"}]))
    with tlsclient.connect(proxy, tls=late_context(people.revoked, version)) as client:
        assert seen(client.get_json("/"))["x-verdict"] == "none"
        got = seen(client.get_json("/pass", forged()))
        assert got == {"x-verdict": "failed", "x-reason": "revoked",
                       "x-ssl-client-verify": "FAILED:revoked"}
        assert client.request(target="/require").status == 403
        assert seen(client.get_json("/"))["x-verdict"] == "none"
    with tlsclient.connect(proxy, tls=late_context(None, version)) as client:
        assert seen(client.get_json("/pass"))["x-ssl-client-verify"] == "NONE"


def test_who_cannot_be_asked_goes_on_without(start, basics, people):
    """And is refused elsewhere as if it had never been let pass."""
    proxy = start(pass_site(
        basics, people, client_certificate="ignore", negotiate_client_certificate="late",
        locations=[{"path": "/pass", "client_certificate": "pass"},
                   {"path": "/require", "client_certificate": "require"}]))
    with tlsclient.connect(proxy, tls=late_context(people.good, "1.3", False)) as client:
        for _ in range(2):
            assert seen(client.get_json("/pass"))["x-verdict"] == "none"
        assert client.request("POST", "/pass", body=b"x" * 100000).status == 200
        assert client.request(target="/require").status == 500
    assert proxy.verdict("/require") == (500, 0, 50)


@pytest.mark.parametrize("form", FORMS)
def test_a_certificate_that_a_trusted_proxy_hands_on_may_fail(start, basics, people, form):
    proxy = start(pass_site(basics, people, locations=[], forward={
        "identity": ["nginx"], "headers": TEMPLATES}),
        trusted_proxies={"networks": ["127.0.0.0/8"], "client_certificate": form})
    balancer = basics.issuing.issue("CN=balancer, OU=Staff")
    with tlsclient.connect(proxy, balancer) as client:
        for identity, verify in ((people.revoked, "FAILED:revoked"), (people.good, "SUCCESS"),
                                 (people.denied, "FAILED:mapping_denied"),
                                 (people.reasons["untrusted_root"], "FAILED:untrusted_root"),
                                 (people.reasons["expired"], "FAILED:expired")):
            got = seen(client.get_json(headers=FORMS[form](identity, basics.issuing)))
            assert got["x-ssl-client-verify"] == verify
            assert ("x-sha" in got) == (verify == "SUCCESS")
        assert seen(client.get_json())["x-ssl-client-verify"] == "NONE"


def test_what_a_trusted_proxy_garbles_is_still_400(start, basics, people):
    proxy = start(pass_site(basics, people), trusted_proxies={
        "networks": ["127.0.0.0/8"], "client_certificate": "rfc9440"})
    bad = [(name, value[:-9]) for name, value in rfc9440(people.good)]
    assert tlsclient.fetch(proxy, headers=bad).status == 400


# ---- told in advance -----------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["revoked", "mapping_denied", "expired"])
def test_explain_says_the_same(basics, people, tmp_path, reason):
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(configuration(pass_site(basics, people, locations=[]))))
    leaf = people.reasons[reason]
    (tmp_path / "client.pem").write_text(leaf.pem + basics.issuing.pem)
    how = ["explain", "-c", str(path), "--certificate", str(tmp_path / "client.pem")]
    done = run(*how, "--format", "json")
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert (told["outcome"], told["reason"], told["user"]) == ("allowed", reason, None)
    assert ["X-Verdict", "failed"] in told["headers"] and ["X-Reason", reason] in told["headers"]
    assert not any(name in ("Client-Cert", "X-Sha", "X-Subject") for name, _ in told["headers"])
    assert any(one.startswith("client_certificate pass") for one in told["rules"])
    assert any(f"({reason})" in one and "let pass" in one for one in told["rules"])
    assert told["fix"]
    text = run(*how).stdout
    assert text.startswith(f"allowed: without a user, the certificate is not accepted ({reason})")


def test_check_is_silent_and_needs_a_store(basics, people, tmp_path):
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(configuration(pass_site(basics, people))))
    done = run("check", "-c", str(path))
    assert done.returncode == 0 and "warning" not in done.stderr + done.stdout
    bare = pass_site(basics, people, mapping=..., locations=[])
    del bare["trust"]
    path.write_text(json.dumps(configuration(bare)))
    done = run("check", "-c", str(path))
    assert done.returncode != 0 and "trust" in done.stderr + done.stdout


@pytest.mark.parametrize("accept, answer", [([], "go on without one"), (["/a"], "500")])
def test_check_knows_that_nobody_is_refused_late(basics, people, tmp_path, accept, answer):
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(configuration(pass_site(
        basics, people, negotiate_client_certificate="late",
        locations=[{"path": one, "client_certificate": "accept"} for one in accept]))))
    done = run("check", "-c", str(path))
    (line,) = [one for one in (done.stdout + done.stderr).splitlines() if "which no browser" in one]
    assert answer in line


def test_a_path_that_may_be_read_as_one_that_refuses(start, basics, people):
    """Pass asks for less than accept and require, so an odd spelling does not get past these."""
    proxy = start(pass_site(basics, people))
    assert tlsclient.fetch(proxy, "/require;x", identity=people.revoked).status == 400
    assert tlsclient.fetch(proxy, "//require", identity=people.revoked).status in (400, 403)
