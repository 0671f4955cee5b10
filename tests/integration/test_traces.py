"""Failed request tracing: which requests are traced, what a trace says, and where it goes.

SPDX-License-Identifier: MIT
"""

import json
import os
import shutil
import signal
import stat
import subprocess
import time

import pytest

import h2client
import pki
import tlsclient
from events import eventually
from proxy import configuration, run, site
from traces import Folder
from trust_cases import CDP

FIELDS = ["cs-uri-stem", "sc-status", "sc-substatus", "sc-win32-status", "x-reason", "x-request-id"]
STAFF = {"name": "staff", "permission": "deny",
         "rules": [{"field": "subject", "subfield": "CN", "match": "*"}]}
CERTIFICATE_MAPPING = "IISCertificateMappingAuthenticationModule"


@pytest.fixture
def folder():
    made = Folder()
    yield made
    made.remove()


@pytest.fixture
def traced(start, folder):
    """Starts a proxy that traces by these rules."""
    def begin(*sites, rules=({"status": "400-599"},), max_files=50, **top):
        log = {"error": {"level": "info"},
               "access": {"path": "stdout", "flush": "10ms", "fields": FIELDS}}
        return start(*sites, log=log, **top, tracing={
            "directory": folder.path, "max_files": max_files, "rules": list(rules)})
    return begin


def ask(proxy, protocol, target, identity, chain=None):
    if protocol == "http/1.1":
        return tlsclient.fetch(proxy, target, identity=identity, chain=chain).status
    with h2client.Client(proxy, identity) as client:
        return client.fetch(target).status


class Case:
    def __init__(self, reason, status, win32, module="IIS Web Core", notification=1, keys=None,
                 who="alice", store=None):
        self.reason, self.status, self.win32 = reason, status, win32
        self.module, self.notification = module, notification
        self.keys, self.who, self.store = keys or {}, who, store


CASES = [
    Case("certificate_required", "403.7", 0x80070005, who=None),
    Case("partial_chain", "403.16", 0x800B0109, who="outsider"),
    Case("untrusted_root", "403.16", 0x800B0109, who="self-signed"),
    Case("revoked", "403.13", 0x80092010),
    Case("revocation_offline", "403.13", 0x80092013),
    Case("expired", "403.17", 0x800B0101, who="old"),
    Case("wrong_usage", "403.16", 0x800B0110, who="server"),
    Case("mapping_denied", "403.12", 0x80070005, CERTIFICATE_MAPPING, 2,
         {"mapping": {"many_to_one": [STAFF]}}),
    Case("no_user", "401.2", 0x80070005, "IIS Web Core", 2, {"anonymous": False}),
]


def make(basics, case):
    """The site and the client of a case."""
    keys = dict(case.keys)
    alice = basics.alice
    if case.reason == "revoked":
        alice = basics.issuing.issue("CN=revoked")
        crls = [basics.text("traces-issuing.crl", basics.issuing.crl([alice])),
                basics.text("traces-root.crl", basics.root.crl())]
        keys["trust"] = {"revocation": {"check": True, "crls": crls}}
    if case.reason == "revocation_offline":
        alice = basics.issuing.issue("CN=unknown", cdp=CDP)
        keys["trust"] = {"revocation": {
            "check": True, "crls": [basics.text("traces-root-only.crl", basics.root.crl())]}}
    who = {None: None, "alice": alice, "outsider": basics.outsider,
           "self-signed": pki.issue("CN=self-signed"),
           "old": basics.issuing.issue("CN=old", since=-9, until=-2),
           "server": basics.issuing.issue("CN=server", usage=(pki.SERVER_AUTH,))}[case.who]
    return site(basics, name="orders", **keys), who


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
@pytest.mark.parametrize("case", CASES, ids=[one.reason for one in CASES])
def test_the_reason_is_the_same_everywhere(traced, basics, folder, case, protocol):
    made, who = make(basics, case)
    proxy = traced(made)
    assert ask(proxy, protocol, "/secure/x", who) == int(case.status[:3])
    trace = folder.first()
    refusal = proxy.refusal("orders")
    access = proxy.access("/secure/x")
    refused = trace.one("REQUEST_REFUSED")
    assert refusal["reason"] == access["x-reason"] == refused["Reason"] == case.reason
    assert refusal["id"] == access["x-request-id"] == refused["RequestId"]
    assert refusal["status"] == trace.get("statusCode") == trace.get("triggerStatusCode") == case.status
    assert trace.get("failureReason") == "STATUS_CODE"
    error = trace.one("MODULE_SET_RESPONSE_ERROR_STATUS")
    assert (error["ModuleName"], error["Notification"]) == (case.module, str(case.notification))
    assert f"{error['HttpStatus']}.{error['HttpSubStatus']}" == case.status
    assert int(error["ErrorCode"]) == case.win32
    assert [one["Fix"] for one in trace.all("FIX_FOUND")][0] in refusal["fix"]
    assert trace.all("RULE_TRIED")[0]["Rule"].startswith("client_certificate require")
    end = trace.one("GENERAL_REQUEST_END")
    assert (end["HttpStatus"], end["HttpSubStatus"]) == tuple(case.status.split("."))
    assert int(end["BytesSent"]) > 0 and int(end["BytesReceived"]) > 0
    page = trace.page.text
    assert case.status in page and case.reason in page and refusal["id"] in page
    assert "What to do" in page and "The same on Windows" in page and "Timeline" in page
    assert ("None was presented" in page) == (who is None)
    subjects = [one["Subject"] for one in trace.all("CLIENT_CERTIFICATE")]
    assert (subjects == []) == (who is None)
    assert folder.names() == ["fr000001.xml"] and folder.names("html") == ["fr000001.html"]


def test_the_chain_names_store_and_fault(traced, basics, folder):
    proxy = traced(site(basics))
    ask(proxy, "http/1.1", "/", basics.issuing.issue("CN=old", since=-9, until=-2))
    leaf, issuing, root = folder.first().all("CLIENT_CERTIFICATE")
    assert (leaf["Subject"], leaf["Store"], leaf["Errors"]) == ("CN=old", "presented", "expired")
    assert leaf["Usage"] == "client authentication"
    assert issuing["Store"] in ("presented", "intermediate") and issuing["Errors"] == ""
    assert (root["Store"], root["IsAnchor"]) == ("root", "true")
    assert leaf["Sha256"] in proxy.refusal("main")["sha256"]


def test_a_missing_issuer_is_named(traced, basics, folder):
    proxy = traced(site(basics))
    ask(proxy, "http/1.1", "/", basics.outsider, chain=[])
    missing = folder.first().all("CLIENT_CERTIFICATE")[-1]
    assert missing["Store"] == "missing"
    assert missing["Subject"] == "O=Elsewhere,CN=Outside Issuing CA"
    assert "no store of this site holds it" in folder.first().page.text


# ---- which requests ---------------------------------------------------------------------------


def test_only_what_a_rule_names_is_traced(traced, basics, folder):
    proxy = traced(site(basics), rules=[{"status": "403.7,500-599", "path": "/secure/*"},
                                        {"status": "403.16", "path": "*.aspx"}])
    for target, who in [("/secure/1", basics.outsider), ("/other", None), ("/secure/2", basics.alice),
                        ("/x.ASPX?y", basics.outsider), ("/SECURE/3", None)]:
        ask(proxy, "http/1.1", target, who)
    first, second = folder.wait("fr000001", "fr000002")
    assert first.get("url").endswith("/x.ASPX?y") and first.get("statusCode") == "403.16"
    assert second.get("url").endswith("/SECURE/3") and second.get("statusCode") == "403.7"
    assert len(folder.names()) == 2


def test_a_site_and_a_location_have_rules_of_their_own(traced, basics, folder):
    proxy = traced(site(basics, locations=[
        {"path": "/quiet", "tracing": {"rules": []}},
        {"path": "/loud", "tracing": {"rules": [{"status": "200"}]}}]), rules=[{"status": "403"}])
    for target, who in [("/quiet/1", None), ("/loud/2", None), ("/loud/3", basics.alice), ("/4", None)]:
        ask(proxy, "http/1.1", target, who)
    first, second = folder.wait("fr000001", "fr000002")
    assert first.get("url").endswith("/loud/3") and first.get("statusCode") == "200"
    assert second.get("url").endswith("/4")
    assert len(folder.names()) == 2


def test_what_the_backend_answers_is_traced_too(traced, basics, folder, backend):
    proxy = traced(site(basics, upstream=backend.url), rules=[{"status": "500"}])

    @backend.on("/broken")
    def _(exchange):
        exchange.reply(500)

    assert ask(proxy, "http/1.1", "/broken", basics.alice) == 500
    trace = folder.first()
    assert trace.get("statusCode") == "500"
    assert trace.all("MODULE_SET_RESPONSE_ERROR_STATUS") == []
    assert trace.one("UPSTREAM_CONNECTED")["Upstream"] == backend.url
    names = [one.name for one in trace.events]
    assert names.index("AUTH_END") < names.index("UPSTREAM_CONNECTED") < names.index("RESPONSE_COMPLETE")


def test_a_backend_that_is_away_is_routing_that_failed(traced, basics, folder):
    proxy = traced(site(basics, upstream="http://127.0.0.1:1"), rules=[{"status": "502.3"}])
    assert ask(proxy, "http/1.1", "/", basics.alice) == 502
    trace = folder.first()
    error = trace.one("MODULE_SET_RESPONSE_ERROR_STATUS")
    assert (error["ModuleName"], error["Notification"]) == ("ApplicationRequestRouting", "128")
    assert trace.one("REQUEST_REFUSED")["Reason"] == "upstream_connect"
    assert trace.one("UPSTREAM_FAILED")["Error"] != ""


def test_a_slow_request_is_traced_by_its_time(traced, basics, folder):
    rules = [{"time_taken": "300ms"}]
    proxy = traced(site(basics, upstream="echo", locations=[{"path": "/"}]), rules=rules)
    with tlsclient.connect(proxy, basics.alice) as connection:
        connection.send(b"POST /slow HTTP/1.1\r\nHost: server.test\r\nContent-Length: 1\r\n\r\n")
        time.sleep(0.4)
        connection.send(b"x")
        assert connection.read_response().status == 200
    trace = folder.first()
    assert trace.get("failureReason") == "TIME_TAKEN" and trace.get("statusCode") == "200"
    assert int(trace.get("timeTaken")) >= 300


def test_a_request_that_has_no_place_goes_by_its_site(traced, basics, folder):
    proxy = traced(site(basics, hosts=["server.test"]), rules=[{"status": "400"}])
    with tlsclient.connect(proxy, basics.alice) as connection:
        assert connection.request(target="/x", host="unknown.test").status == 400
    trace = folder.first()
    assert trace.one("REQUEST_REFUSED")["Reason"] == "unknown_host"
    assert trace.get("siteId") == "0"


# ---- hostile text -----------------------------------------------------------------------------


def test_no_text_breaks_a_trace(traced, basics, folder):
    evil = basics.outside_issuing.issue("CN=</Data>]]><script>alert(1)</script>\"'&\u202e\ufffe\x01")
    proxy = traced(site(basics))
    with tlsclient.connect(proxy, evil) as connection:
        connection.send(b"GET /a?]]><script>&\"' HTTP/1.1\r\nHost: server.test\r\n"
                        b"User-Agent: ]]></Data>\xff\xfe\xc0\x80\xef\xbf\xbe <b>\"'&\r\n"
                        b"X-Tab: a\tb\r\n\r\n")
        connection.read_response()
    trace = folder.first()
    assert "]]></Data>" in trace.one("GENERAL_REQUEST_HEADERS")["Headers"]
    assert "\ufffd" in trace.one("GENERAL_REQUEST_HEADERS")["Headers"]
    leaf = trace.all("CLIENT_CERTIFICATE")[0]
    assert "script" in leaf["Subject"] and "\ufffd" in leaf["Subject"]
    assert b"<script" not in trace.bytes
    assert "]]></Data>" in trace.page.text and "<script>&\"'" in trace.page.text


def test_secrets_are_not_in_a_trace(traced, basics, folder):
    proxy = traced(site(basics))
    headers = [("Authorization", "Basic c2VjcmV0"), ("Cookie", "a=c2VjcmV0"), ("X-Api-Key", "c2VjcmV0"),
               ("X-Auth-Token", "c2VjcmV0"), ("Proxy-Authorization", "c2VjcmV0"), ("X-Plain", "seen")]
    tlsclient.fetch(proxy, "/", headers=headers)
    trace = folder.first()
    shown = trace.one("GENERAL_REQUEST_HEADERS")["Headers"]
    assert "Authorization: (not shown)" in shown and "X-Plain: seen" in shown
    assert b"c2VjcmV0" not in trace.bytes and "c2VjcmV0" not in trace.page.source


# ---- the folder -------------------------------------------------------------------------------


def test_numbers_go_on_and_the_oldest_are_deleted(traced, basics, folder):
    proxy = traced(site(basics), max_files=3)
    for number in range(1, 6):
        ask(proxy, "http/1.1", f"/{number}", None)
        folder.wait(f"fr{number:06}")
    eventually(lambda: folder.names() == ["fr000003.xml", "fr000004.xml", "fr000005.xml"],
               "the oldest are gone")
    proxy.stop()
    again = traced(site(basics), max_files=2)
    ask(again, "http/1.1", "/again", None)
    assert folder.wait("fr000006")[0].get("url").endswith("/again")
    eventually(lambda: folder.names() == ["fr000005.xml", "fr000006.xml"], "two are left")
    eventually(lambda: folder.names("html") == ["fr000005.html", "fr000006.html"], "and their pages")
    eventually(lambda: len(os.listdir(folder.path)) == 4, "no draft is left")


def test_files_are_of_the_user_that_the_workers_are(traced, basics, folder):
    proxy = traced(site(basics))
    ask(proxy, "http/1.1", "/", None)
    path = folder.first().path
    worker = proxy.workers()[-1]
    assert os.stat(path).st_uid == os.stat(f"/proc/{worker}").st_uid
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    assert stat.S_IMODE(os.stat(folder.path).st_mode) == 0o750


def test_several_workers_share_the_numbers(traced, basics, folder):
    proxy = traced(site(basics), workers=2)
    for number in range(12):
        ask(proxy, "http/1.1", f"/{number}", None)
    traces = folder.wait(*[f"fr{number:06}" for number in range(1, 13)])
    assert len({one.get("url") for one in traces}) == 12


def test_a_folder_that_cannot_be_written_costs_no_request(traced, basics, folder):
    with open(folder.path, "w", encoding="ascii") as out:
        out.write("in the way")
    proxy = traced(site(basics))
    for number in range(5):
        assert ask(proxy, "http/1.1", f"/{number}", None) == 403
    line = proxy.event("trace.failed")
    assert "ENOTDIR" in line and folder.path in line
    os.unlink(folder.path)
    os.mkdir(folder.path)
    os.chmod(folder.path, 0o777)
    ask(proxy, "http/1.1", "/later", None)
    assert folder.first().get("statusCode") == "403.7"
    assert proxy.errors.text().count("trace.failed") == 1


def test_a_full_disk_costs_traces_alone(traced, basics, folder):
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    os.mkdir(folder.path)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=777", "none", folder.path],
                             check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("may not mount")
    try:
        proxy = traced(site(basics))
        for number in range(5):
            assert ask(proxy, "http/1.1", f"/{number}", None) == 403
        assert "ENOSPC" in proxy.event("trace.failed")
        assert folder.names() == [] and folder.names("html") == []
        proxy.stop()
    finally:
        subprocess.run(["umount", folder.path], check=True)


def test_a_flood_is_not_all_traced_and_loses_no_answer(traced, basics, folder):
    proxy = traced(site(basics), max_files=10000)
    with tlsclient.connect(proxy) as connection:
        connection.send(tlsclient.build(target="/flood") * 300)
        for _ in range(300):
            assert connection.read_response().status == 403
    proxy.event("trace.lost")
    folder.first()
    assert len(folder.names()) < 300


def test_a_folder_that_is_removed_is_found_again(traced, basics, folder):
    proxy = traced(site(basics))
    ask(proxy, "http/1.1", "/1", None)
    folder.first()
    shutil.rmtree(folder.path)
    os.mkdir(folder.path)
    os.chmod(folder.path, 0o777)
    ask(proxy, "http/1.1", "/2", None)
    assert folder.first().get("url").endswith("/2")


def test_a_reload_changes_the_rules(traced, basics, folder):
    proxy = traced(site(basics), rules=[{"status": "403.16"}])
    ask(proxy, "http/1.1", "/1", None)
    with open(proxy.config_path, encoding="utf-8") as source:
        config = json.load(source)
    config["tracing"]["rules"] = [{"status": "403.7"}]
    proxy.reload(config)
    ask(proxy, "http/1.1", "/2", None)
    assert folder.first().get("url").endswith("/2")
    assert folder.names() == ["fr000001.xml"]


def test_a_writer_that_dies_is_replaced(traced, basics, folder):
    proxy = traced(site(basics))
    writer = next(pid for pid in proxy.workers()
                  if open(f"/proc/{pid}/comm", encoding="ascii").read().strip() == "traces")
    os.kill(writer, signal.SIGKILL)
    proxy.event("trace.died")
    ask(proxy, "http/1.1", "/", None)
    assert folder.first().get("statusCode") == "403.7"


@pytest.mark.parametrize("rules, place, problem", [
    ([{"path": "/x"}], "tracing.rules[0]", "needs `status`, `time_taken` or both"),
    ([{"status": "99"}], "tracing.rules[0]", '"99" is no status'),
    ([{"status": "400.1-499"}], "tracing.rules[0]", "is no status"),
    ([{"status": "403.0"}], "tracing.rules[0]", "is no status"),
    ([{"status": "599-500"}], "tracing.rules[0]", "is no status"),
    ([{"status": "403,"}], "tracing.rules[0]", '"" is no status'),
    ([{"status": "403", "path": "x"}], "tracing.rules[0].path", "expected a path"),
])
def test_mistakes_in_a_rule_are_named(tmp_path, basics, rules, place, problem):
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(configuration(site(basics), tracing={
        "directory": "traces", "rules": rules})))
    done = run("check", "-c", str(path))
    assert done.returncode == 1 and place in done.stderr and problem in done.stderr, done.stderr


def test_rules_without_a_directory_are_a_mistake(tmp_path, basics):
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(configuration(site(basics, tracing={"rules": [{"status": "403"}]}))))
    done = run("check", "-c", str(path))
    assert done.returncode == 1 and "tracing.directory" in done.stderr


def test_check_warns_of_a_folder_that_cannot_be_written(tmp_path, basics):
    path = tmp_path / "proxy.yaml"
    (tmp_path / "file").write_text("in the way")
    for directory, problem in [("file", "is no folder"), ("missing/traces", "make the folder"),
                               ("traces", "")]:
        path.write_text(json.dumps(configuration(site(basics), tracing={
            "directory": directory, "rules": [{"status": "403"}]})))
        done = run("check", "-c", str(path))
        assert done.returncode == 0, done.stderr
        assert problem in done.stderr and ("no trace" in done.stderr) == (problem != ""), done.stderr
    assert not (tmp_path / "traces").exists()
