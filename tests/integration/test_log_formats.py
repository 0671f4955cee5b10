"""Formats, columns and files of the access log; the refusal line under the journal.

SPDX-License-Identifier: MIT
"""

import base64
import datetime
import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import proxy as proxy_module
import tlsclient
import upstream as upstream_module
from events import DEADLINE, eventually
from proxy import Proxy, configuration, site


def access(**more):
    return {"error": {"level": "info"}, "access": {"path": "stdout", "flush": "10ms", **more}}


def json_line(proxy, path):
    line = proxy.access_lines.wait(lambda one: f'"path":"{path}"' in one)
    assert line, proxy.access_lines.text()
    return json.loads(line)


def test_json_has_an_object_a_line(start, basics):
    proxy = start(site(basics, name="orders"), log=access(format="json"))
    tlsclient.fetch(proxy, "/one?q=1", identity=basics.alice,
                    headers=[("User-Agent", 'a "b" \\ c'), ("Cookie", "secret=1")])
    told = json_line(proxy, "/one")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["time"])
    assert (told["site"], told["method"], told["query"]) == ("orders", "GET", "q=1")
    assert (told["status"], told["substatus"], told["win32_status"]) == (200, 0, 0)
    assert told["user_agent"] == 'a "b" \\ c'
    assert told["user"] is None and told["reason"] is None
    assert told["server_port"] == proxy.address()[1]
    assert told["tls_version"].startswith("TLSv1.")
    assert "cookie" not in told and told["time_taken_ms"] >= 0
    assert not [line for line in proxy.access_lines.lines if line.startswith("#")]


def test_json_survives_what_is_not_utf8(start, basics):
    proxy = start(site(basics), log=access(format="json"))
    tlsclient.fetch(proxy, "/odd", identity=basics.alice, headers=[
        ("User-Agent", "\xff\xc3\x28 \xe9\","), ("Referer", '","status":1,"x":"')])
    told = json_line(proxy, "/odd")
    assert told["user_agent"] == '\ufffd\ufffd( \ufffd",'
    assert told["status"] == 200 and told["referer"] == '","status":1,"x":"'


def test_json_keys_follow_the_columns(start, basics):
    proxy = start(site(basics), log=access(format="json", fields=[
        "cs-uri-stem", "cs(Cookie)", "sc-status"]))
    tlsclient.fetch(proxy, "/few", identity=basics.alice, headers=[("Cookie", "a=1")])
    assert json_line(proxy, "/few") == {"path": "/few", "cookie": "a=1", "status": 200}


def test_combined(start, basics):
    proxy = start(site(basics, mapping={"many_to_one": [
        {"name": "all", "user": "CONTOSO\\any one", "rules": [
            {"field": "subject", "subfield": "CN", "match": "*"}]}]}), log=access(format="combined"))
    tlsclient.fetch(proxy, "/c?x", identity=basics.alice,
                    headers=[("Referer", 'r"'), ("User-Agent", "u\\\xe9")])
    line = proxy.access_lines.wait(lambda one: "/c?x" in one)
    assert re.fullmatch(
        r'127\.0\.0\.1 - CONTOSO\\\\any\\x20one \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
        r'"GET /c\?x HTTP/1\.1" 200 \d+ "r\\"" "u\\\\\\xe9"', line), line


def test_the_error_page_leads_to_the_log(start, basics):
    """The id is in the page, in the access log and in the line of the refusal."""
    proxy = start(site(basics, name="orders"), log=access(
        fields=["cs-uri-stem", "sc-status", "x-request-id", "x-reason", "x-tls-version"]))
    page = tlsclient.fetch(proxy, "/find", identity=basics.outsider).body.decode()
    record = proxy.access("/find")
    assert list(record) == ["cs-uri-stem", "sc-status", "x-request-id", "x-reason",
                            "x-tls-version"]
    assert record["x-request-id"] in page
    assert record["x-request-id"] == proxy.refusal("orders")["id"]
    assert record["x-reason"] == "partial_chain"


def test_computer_name_and_address(start, basics):
    proxy = start(site(basics, bindings=["https://0.0.0.0:0"]), log=access(
        fields=["cs-uri-stem", "s-computername", "s-ip", "s-port"]))
    proxy.bindings = [("https", "127.0.0.1", proxy.address()[1])]
    tlsclient.fetch(proxy, "/name", identity=basics.alice)
    record = proxy.access("/name")
    assert record["s-computername"] == os.uname().nodename
    assert record["s-ip"] == "127.0.0.1" and record["s-port"] == str(proxy.address()[1])


def test_bytes_are_counted_for_each_request(start, basics):
    """Also on a connection with several, some of them sent ahead."""
    proxy = start(site(basics), log=access(fields=["cs-uri-stem", "sc-bytes", "cs-bytes"]))
    first = tlsclient.build("POST", "/b1", body=b"x" * 1000)
    second = tlsclient.build("GET", "/b2")
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(first + second)
        answers = [client.read_response(), client.read_response()]
        client.send(second.replace(b"/b2", b"/b3"))
        answers.append(client.read_response())
    sizes = [len(first), len(second), len(second)]
    for number, (answer, size) in enumerate(zip(answers, sizes), 1):
        record = proxy.access(f"/b{number}")
        assert int(record["cs-bytes"]) == size
        assert int(record["sc-bytes"]) == len(answer.raw_head) + len(answer.body)


def test_a_long_line_to_a_file_is_whole(basics, tmp_path):
    path = str(tmp_path / "access.log")
    for form, mark in (("w3c", " "), ("json", '"')):
        config = configuration(site(basics), log=access(path=path, format=form))
        with Proxy(config) as proxy:
            tlsclient.fetch(proxy, "/long", identity=basics.alice,
                            headers=[("User-Agent", "y" * 20000)])
        with open(path, encoding="utf-8") as source:
            assert mark + "y" * 20000 + mark in source.read()


def test_a_long_line_to_a_pipe_is_cut(start, basics):
    proxy = start(site(basics), log=access(format="json"))
    tlsclient.fetch(proxy, "/long", identity=basics.alice, headers=[("User-Agent", "y" * 20000)])
    assert json_line(proxy, "/long")["user_agent"] == "y" * 200 + "..."


def test_a_daily_file_has_the_date(basics, tmp_path):
    path = str(tmp_path / "u_ex.log")
    before = datetime.datetime.now(datetime.timezone.utc)
    with Proxy(configuration(site(basics), log=access(path=path, daily=True))) as proxy:
        tlsclient.fetch(proxy, "/daily", identity=basics.alice)
    after = datetime.datetime.now(datetime.timezone.utc)
    names = {f"u_ex{moment:%y%m%d}.log" for moment in (before, after)}
    found = sorted(os.listdir(tmp_path))
    assert set(found) <= names and found
    assert os.stat(tmp_path / found[0]).st_mode & 0o777 == 0o640
    texts = [(tmp_path / one).read_text() for one in found]  # two at midnight
    assert all(text.startswith("#Software: mtls-proxy") for text in texts)
    assert " /daily " in "".join(texts)


@pytest.mark.parametrize("settings, problem", [
    ({"daily": True}, "daily needs a file"),
    ({"format": "combined", "fields": ["date"]}, "columns of the format combined are fixed"),
    ({"fields": ["x-request"]}, "unknown column 'x-request'"),
    ({"format": "w3"}, "expected one of w3c, json, combined")])
def test_settings_that_contradict_are_errors(basics, tmp_path, settings, problem):
    config = tmp_path / "proxy.yaml"
    config.write_text(json.dumps(configuration(site(basics), log=access(**settings))))
    done = proxy_module.run("check", "-c", str(config))
    assert done.returncode == 1 and problem in done.stderr, done.stderr


# the client is gone before the answer: iis-semantics.md 2.7

def test_a_client_that_resets_while_the_backend_works_is_64(start, basics, backend):
    @backend.on("/slow")
    def _(exchange):
        arrived.append(1)
        eventually(lambda: proxy.access_lines.wait(lambda one: " /slow " in one, deadline=0.01),
                   "the request is logged")

    arrived = []
    proxy = start(site(basics, upstream=backend.url))
    client = tlsclient.connect(proxy, basics.alice)
    client.send(tlsclient.build(target="/slow"))
    eventually(lambda: arrived, "the backend has the request")
    client.abort()
    assert proxy.verdict("/slow") == (200, 0, 64)


def test_a_client_that_closes_while_the_backend_works_is_64(start, basics, backend):
    gates = {}

    def slow(exchange):
        assert gates[exchange.request.path].wait(DEADLINE)
        exchange.reply(body=b"x" * 100)

    backend.handler = slow
    proxy = start(site(basics, bindings=["http://127.0.0.1:0"], client_certificate="ignore",
                       upstream=backend.url))

    def leave(number):
        path = f"/slow-{number}"
        gates[path] = threading.Event()
        with tlsclient.plain(proxy) as client:
            client.send(tlsclient.build(target=path))
            eventually(lambda: backend.requests and backend.requests[-1].path == path, "it arrives")
        gates[path].set()
        return proxy.verdict(path)

    # The answer of a kernel whose process is gone, a reset, nearly always comes at once.
    verdicts = {leave(number) for number in range(5)}
    assert (200, 0, 64) in verdicts and verdicts <= {(200, 0, 64), (200, 0, 0)}


def test_a_client_that_only_ends_its_side_gets_its_answer(start, basics, backend):
    """A half-closed connection is not a client that is gone."""
    @backend.on("/half")
    def _(exchange):
        arrived.append(1)
        eventually(lambda: left, "the client has closed its side")
        exchange.reply(body=b"whole")

    arrived, left = [], []
    proxy = start(site(basics, bindings=["http://127.0.0.1:0"], client_certificate="ignore",
                       upstream=backend.url))
    with tlsclient.plain(proxy) as client:
        client.send(tlsclient.build(target="/half"))
        eventually(lambda: arrived, "the backend has the request")
        client.sock.shutdown(socket.SHUT_WR)
        left.append(1)
        assert client.read_response().body == b"whole"
    assert proxy.verdict("/half") == (200, 0, 0)


def test_another_code_is_not_replaced_when_the_client_is_gone(start, basics):
    """Only 0 and 5 are: the verdict is worth more than the news that nobody read it."""
    proxy = start(site(basics, errors={"mode": "custom"}))
    for path, identity, code in (("/five", None, (5, 64)),
                                 ("/verdict", basics.outsider, (2148204809,))):
        client = tlsclient.connect(proxy, identity)
        client.send(tlsclient.build(target=path))
        client.abort()
        # The reset may overtake the request, which is then never seen.
        line = proxy.access_lines.wait(lambda one, path=path: f" {path} " in one, deadline=0.5)
        assert line is None or int(line.split(" ")[-2]) in code


def test_flush_is_kept(start, basics):
    """The line comes by itself, without another request and without an end."""
    proxy = start(site(basics), log=access(flush="300ms"))
    tlsclient.fetch(proxy, "/flush", identity=basics.alice)
    proxy.access("/flush")


def test_a_refusal_has_a_priority_and_no_time_under_the_journal(basics, tmp_path):
    """systemd.exec(5), sd-daemon(3): JOURNAL_STREAM, <5>."""
    config = tmp_path / "proxy.yaml"
    config.write_text(json.dumps(configuration(site(basics))))
    reader, writer = os.pipe()
    status = os.fstat(writer)
    process = subprocess.Popen(
        [proxy_module.BINARY, "run", "-c", str(config)], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=writer,
        env={**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
    os.close(writer)
    try:
        with os.fdopen(reader, encoding="utf-8") as source:
            for line in source:
                if "master.ready" in line:
                    break
            assert line.startswith("<5>notice master.ready ")
            port = int(re.search(r"https://127\.0\.0\.1:(\d+)", line).group(1))

            class Address:
                @staticmethod
                def address(*_):
                    return "127.0.0.1", port
            tlsclient.fetch(Address, "/why")
            for line in source:
                if "access.refused" in line:
                    break
            assert line.startswith("<5>notice access.refused id=")
            process.terminate()
            source.read()
    finally:
        process.terminate()
        assert process.wait(DEADLINE) == 0


CERTIFICATE = ["x-client-subject", "x-client-issuer", "x-client-serial", "x-client-sha1", "x-client-sha256",
               "x-client-not-after"]
AUDIT = ["cs-uri-stem", "sc-status", *CERTIFICATE, "x-mapping", "x-upstream", "x-upstream-status",
         "x-upstream-time", "x-tls-cipher", "x-tls-resumed"]


def certificate_of(identity):
    parsed = x509.load_pem_x509_certificate(identity.pem.encode())
    return {"x-client-sha1": parsed.fingerprint(hashes.SHA1()).hex(),
            "x-client-sha256": parsed.fingerprint(hashes.SHA256()).hex(),
            "x-client-not-after": parsed.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ")}


@pytest.fixture(scope="module")
def audited(basics):
    with upstream_module.Upstream() as backend:
        @backend.on("/teapot")
        def _(exchange):
            exchange.reply(418, reason="Teapot")

        mapping = {"one_to_one": [{"user": "CONTOSO\\alice", "certificate": basics.path("alice.pem")}],
                   "many_to_one": [{"name": "outside staff", "user": "CONTOSO\\other",
                                    "rules": [{"field": "subject", "subfield": "CN", "match": "bob*"}]}]}
        with open(basics.path("alice.pem"), "w", encoding="ascii") as out:
            out.write(basics.alice.pem)
        made = site(basics, client_certificate="accept", mapping=mapping, upstream=backend.url, locations=[
            {"path": "/open", "client_certificate": "ignore"}, {"path": "/echo", "upstream": "echo"},
            {"path": "/gone", "upstream": f"http://127.0.0.1:{proxy_module.free_port()}"},
            {"path": "/moved", "redirect": "/elsewhere"}])
        with Proxy(configuration(made, log=access(fields=AUDIT))) as started:
            yield started, backend


def test_columns_of_the_certificate(audited, basics):
    proxy, backend = audited
    tlsclient.fetch(proxy, "/alice", identity=basics.alice)
    line = proxy.access("/alice")
    assert line["x-client-subject"] == "O=Example,OU=Staff,CN=alice"
    assert line["x-client-issuer"] == "O=Example,CN=Test+Issuing+CA"
    assert line["x-client-serial"].strip("0123456789abcdef") == ""
    assert {key: line[key] for key in certificate_of(basics.alice)} == certificate_of(basics.alice)
    assert line["x-mapping"] == "one_to_one"
    assert (line["x-upstream"], line["x-upstream-status"]) == (backend.url, "200")
    assert int(line["x-upstream-time"]) >= 0
    assert line["x-tls-cipher"].startswith("TLS_")


def test_a_mapping_is_named(audited, basics):
    proxy, _ = audited
    tlsclient.fetch(proxy, "/bob", identity=basics.issuing.issue("CN=bobby, O=Example"))
    assert proxy.access("/bob")["x-mapping"] == "outside+staff"
    tlsclient.fetch(proxy, "/carol", identity=basics.issuing.issue("CN=carol, O=Example"))
    assert proxy.access("/carol")["x-mapping"] == "-"


def test_a_refused_certificate_is_told_and_no_upstream(audited, basics):
    proxy, _ = audited
    tlsclient.fetch(proxy, "/mallory", identity=basics.outsider)
    line = proxy.access("/mallory")
    assert (line["sc-status"], line["x-client-subject"]) == ("403", "O=Elsewhere,CN=mallory")
    assert line["x-client-sha256"] == certificate_of(basics.outsider)["x-client-sha256"]
    assert [line[key] for key in ("x-mapping", "x-upstream", "x-upstream-status", "x-upstream-time")] == ["-"] * 4


def test_a_certificate_that_failed_and_was_let_pass_is_told(start, basics):
    proxy = start(site(basics, client_certificate="pass"), log=access(fields=AUDIT))
    tlsclient.fetch(proxy, "/let-pass", identity=basics.outsider)
    line = proxy.access("/let-pass")
    assert (line["sc-status"], line["x-client-subject"]) == ("200", "O=Elsewhere,CN=mallory")


def test_nothing_of_a_certificate_where_none_counts(audited, basics):
    proxy, _ = audited
    for path, identity in (("/open/none", None), ("/open/alice", basics.alice), ("/none", None)):
        tlsclient.fetch(proxy, path, identity=identity)
        assert [proxy.access(path)[key] for key in CERTIFICATE] == ["-"] * 6


@pytest.mark.parametrize("path, upstream, status", [
    ("/teapot", None, "418"), ("/echo", "echo", "200"), ("/moved", "-", "-"), ("/gone", "http://127.0.0.1:", "-")])
def test_columns_of_the_upstream(audited, basics, path, upstream, status):
    proxy, backend = audited
    tlsclient.fetch(proxy, path, identity=basics.alice)
    line = proxy.access(path)
    assert line["x-upstream"].startswith(upstream or backend.url)
    assert line["x-upstream-status"] == status
    assert (line["x-upstream-time"] == "-") == (path == "/moved")


@pytest.mark.lever("tickets", "session_store")
def test_resumed_connections_are_told(audited, basics):
    proxy, _ = audited
    tls = tlsclient.context(basics.alice, version="1.2")
    with tlsclient.connect(proxy, tls=tls) as first:
        first.request(target="/first")
        session = first.sock.session
    with tlsclient.connect(proxy, tls=tls, session=session) as second:
        second.request(target="/second")
        assert second.sock.session_reused
    assert proxy.access("/first")["x-tls-resumed"] == "no"
    line = proxy.access("/second")
    assert line["x-tls-resumed"] == "yes"
    assert line["x-client-sha256"] == certificate_of(basics.alice)["x-client-sha256"]


def test_a_forwarded_certificate_is_the_one_that_is_told(start, basics):
    made = site(basics, client_certificate="require")
    proxy = start(made, log=access(fields=AUDIT),
                  trusted_proxies={"networks": ["127.0.0.1/32"], "client_certificate": "rfc9440"})
    der = base64.b64encode(x509.load_pem_x509_certificate(basics.alice.pem.encode()).public_bytes(
        serialization.Encoding.DER)).decode()
    above = base64.b64encode(x509.load_pem_x509_certificate(basics.issuing.pem.encode()).public_bytes(
        serialization.Encoding.DER)).decode()
    tlsclient.fetch(proxy, "/handed-on", identity=basics.outsider, headers=[
        ("Client-Cert", f":{der}:"), ("Client-Cert-Chain", f":{above}:")])
    line = proxy.access("/handed-on")
    assert (line["sc-status"], line["x-client-subject"]) == ("200", "O=Example,OU=Staff,CN=alice")


def test_json_has_the_audit_trail_by_default(start, basics):
    proxy = start(site(basics), log=access(format="json"))
    tlsclient.fetch(proxy, "/audit", identity=basics.alice)
    told = json_line(proxy, "/audit")
    assert told["client_subject"] == "O=Example,OU=Staff,CN=alice"
    assert told["client_sha256"] == certificate_of(basics.alice)["x-client-sha256"]
    assert (told["mapping"], told["upstream"], told["upstream_status"]) == (None, "echo", 200)
    assert told["tls_resumed"] is False and told["upstream_time_ms"] >= 0
    assert list(told)[0] == "time"  # what sort(1) goes by


def test_the_error_log_in_json(start, basics):
    log = access()
    log["error"]["format"] = "json"
    proxy = start(site(basics, name='a "b" \\ c'), log=log)
    tlsclient.fetch(proxy, '/"quoted"', identity=basics.outsider)
    line = proxy.errors.wait(lambda one: '"access.refused"' in one)
    told = json.loads(line)
    assert list(told)[:3] == ["time", "level", "event"]
    assert (told["level"], told["event"], told["reason"]) == ("notice", "access.refused", "partial_chain")
    assert (told["site"], told["status"], told["subject"]) == ('a "b" \\ c', "403.16", "O=Elsewhere,CN=mallory")
    proxy.configure("nonsense: true")
    proxy.signal(signal.SIGHUP)
    line = proxy.errors.wait(lambda one: '"reload.error"' in one)
    assert "nonsense" in json.loads(line)["message"]
    for one in proxy.errors.lines:
        if one.startswith("{"):
            json.loads(one)
