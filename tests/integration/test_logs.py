"""The access log as IIS writes it, and the one line that says why a client was refused.

SPDX-License-Identifier: MIT
"""

import re

import tlsclient
from events import eventually
from proxy import DEFAULT_FIELDS, Proxy, configuration, fields_of, site

ALL_FIELDS = ("date time s-sitename s-computername s-ip cs-method cs-uri-stem cs-uri-query s-port "
              "cs-username c-ip cs-version cs(User-Agent) cs(Cookie) cs(Referer) cs-host sc-status "
              "sc-substatus sc-win32-status sc-bytes cs-bytes time-taken").split()


def access(fields=None, **more):
    made = {"path": "stdout", "flush": "10ms", **more}
    if fields:
        made["fields"] = fields
    return {"error": {"level": "info"}, "access": made}


def test_header_block(start, basics):
    proxy = start(site(basics))
    tlsclient.fetch(proxy, "/one", identity=basics.alice)
    proxy.access("/one")
    lines = proxy.access_lines.lines[:4]
    assert re.fullmatch(r"#Software: mtls-proxy \d+\.\d+\.\d+", lines[0])
    assert lines[1] == "#Version: 1.0"
    assert re.fullmatch(r"#Date: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", lines[2])
    assert lines[3] == "#Fields: " + DEFAULT_FIELDS


def test_default_columns(start, basics):
    proxy = start(site(basics))
    tlsclient.fetch(proxy, "/one?q=1&r=2", identity=basics.alice, headers=[
        ("User-Agent", "Mozilla/5.0 (X11; Linux)"), ("Referer", "https://a.test/ b")])
    record = proxy.access("/one")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["date"])
    assert re.fullmatch(r"\d\d:\d\d:\d\d", record["time"])
    assert record["s-ip"] == record["c-ip"] == "127.0.0.1"
    assert (record["cs-method"], record["cs-uri-query"]) == ("GET", "q=1&r=2")
    assert record["s-port"] == str(proxy.address()[1])
    assert record["cs-username"] == "-"
    assert record["cs(User-Agent)"] == "Mozilla/5.0+(X11;+Linux)"
    assert record["cs(Referer)"] == "https://a.test/+b"
    assert (record["sc-status"], record["sc-substatus"], record["sc-win32-status"]) == (
        "200", "0", "0")
    assert record["time-taken"].isdigit()


def test_empty_values_are_dashes(start, basics):
    proxy = start(site(basics))
    tlsclient.fetch(proxy, "/empty", identity=basics.alice)
    record = proxy.access("/empty")
    for column in ("cs-uri-query", "cs(User-Agent)", "cs(Referer)", "cs-username"):
        assert record[column] == "-"


def test_all_columns_come_in_the_order_of_iis(start, basics):
    shuffled = sorted(ALL_FIELDS)
    proxy = start(site(basics, name="orders"), log=access(shuffled))
    tlsclient.fetch(proxy, "/all", identity=basics.alice, headers=[("Cookie", "a=1; b=2")])
    record = proxy.access("/all")
    assert list(record) == ALL_FIELDS
    assert record["s-sitename"] == "orders"
    assert record["cs-version"] == "HTTP/1.1"
    assert record["cs(Cookie)"] == "a=1;+b=2"
    assert record["cs-host"] == "server.test"
    assert int(record["sc-bytes"]) > 100 and int(record["cs-bytes"]) > 50


def test_crlf_lines_when_asked(basics, tmp_path):
    path = str(tmp_path / "access.log")
    with Proxy(configuration(site(basics), log=access(path=path, newline="crlf"))) as proxy:
        tlsclient.fetch(proxy, "/crlf", identity=basics.alice)
    with open(path, "rb") as source:
        lines = source.read().split(b"\n")
    assert lines[-1] == b"" and all(line.endswith(b"\r") for line in lines[:-1])


def test_no_access_log_when_it_is_null(basics):
    log = {"error": {"level": "info"}, "access": {"path": None}}
    with Proxy(configuration(site(basics), log=log)) as proxy:
        assert tlsclient.fetch(proxy, identity=basics.alice).status == 200
    assert not proxy.access_lines.lines


def test_nobody_writes_lines_of_his_own(start, basics):
    """What a client sends must not end a log line or add a column."""
    proxy = start(site(basics))
    tlsclient.fetch(proxy, "/inject?a%0d%0ab", identity=basics.alice,
                    headers=[("User-Agent", "a\tb \"c\"")])
    record = proxy.access("/inject")
    assert record["cs-uri-query"] == "a%0d%0ab"
    assert record["cs(User-Agent)"] == 'a+b+"c"'


def test_malformed_request_is_logged_too(start, basics):
    proxy = start(site(basics))
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(b"GET /odd HTTP/1.1\r\nHost : x\r\n\r\n")
        assert client.read_response().status == 400
    line = proxy.access_lines.wait(lambda one: " 400 " in one and not one.startswith("#"))
    assert line and len(line.split(" ")) == len(DEFAULT_FIELDS.split(" "))


def test_client_that_leaves_before_the_answer_is_64(start, basics, backend):
    """ERROR_NETNAME_DELETED: the client went away while the response was being sent."""
    @backend.on("/leaves")
    def _(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            exchange.raw(b"x" * 65536)

    proxy = start(site(basics, upstream=backend.url))
    client = tlsclient.connect(proxy, basics.alice)
    client.send(tlsclient.build(target="/leaves"))
    client.read_exactly(200000)
    client.abort()
    assert proxy.access("/leaves")["sc-win32-status"] == "64"


def test_mapped_user_is_in_the_log(start, basics):
    basics.write("alice-log.pem", basics.alice)
    proxy = start(site(basics, mapping={"one_to_one": [
        {"user": "CONTOSO\\alice", "certificate": basics.path("alice-log.pem")}]}))
    tlsclient.fetch(proxy, "/mapped", identity=basics.alice)
    assert proxy.access("/mapped")["cs-username"] == "CONTOSO\\alice"


# the line of a refusal

def test_refusal_line(start, basics):
    proxy = start(site(basics, name="orders"))
    tlsclient.fetch(proxy, "/why", identity=basics.outsider)
    line = proxy.event("access.refused")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z notice access\.refused id=\S+ ", line)
    told = fields_of(line)
    keys = "id client site status win32 reason trust_mode subject issuer serial sha256 fix".split()
    assert [key for key in told if key in keys] == keys
    assert re.fullmatch(r"127\.0\.0\.1:\d+", told["client"])
    assert (told["site"], told["status"], told["win32"]) == ("orders", "403.16", "2148204809")
    assert (told["reason"], told["trust_mode"]) == ("partial_chain", "machine")
    assert told["subject"] == "O=Elsewhere,CN=mallory"
    assert told["issuer"] == "O=Elsewhere,CN=Outside Issuing CA"
    assert told["sha256"] == basics.outsider.sha256
    assert int(told["serial"], 16) == basics.outsider.serial
    assert told["fix"]


def test_refusal_line_without_a_certificate(start, basics):
    proxy = start(site(basics))
    tlsclient.fetch(proxy, "/why")
    told = fields_of(proxy.event("access.refused"))
    assert (told["status"], told["win32"], told["reason"]) == ("403.7", "5",
                                                               "certificate_required")


def test_refusal_lines_are_at_the_notice_level(start, basics):
    log = {"error": {"level": "notice"}, "access": {"path": "stdout", "flush": "10ms"}}
    proxy = start(site(basics), log=log)
    tlsclient.fetch(proxy, "/why", identity=basics.outsider)
    proxy.event("notice access.refused")


def test_every_refusal_is_counted_when_there_are_too_many(start, basics):
    """At most 10 lines a second for a site and reason; the rest appear as suppressed=N."""
    proxy = start(site(basics))
    count = 60
    with tlsclient.connect(proxy) as client:
        # Sent at once: one after the other might not be too many in any second.
        client.send(b"".join(tlsclient.build(target=f"/flood-{n}") for n in range(count)))
        assert {client.read_response().status for _ in range(count)} == {403}

    def told():
        lines = [fields_of(line) for line in proxy.errors.lines if "access.refused" in line]
        return len(lines), sum(int(line.get("suppressed", 0)) for line in lines)

    # Later refusals of the same kind carry the count of those left out.
    def all_told():
        with tlsclient.connect(proxy) as client:
            client.request()
        lines, suppressed = told()
        return suppressed and lines + suppressed >= count

    eventually(all_told, "the suppressed ones are counted", interval=0.2)
    assert told()[0] < count


def test_names_from_certificates_are_escaped(start, basics):
    evil = basics.outside_issuing.issue('CN=a" reason=none\nnotice access.refused')
    proxy = start(site(basics))
    tlsclient.fetch(proxy, "/evil", identity=evil)
    line = proxy.event("access.refused")
    assert fields_of(line)["reason"] == "partial_chain"
    assert not [one for one in proxy.errors.lines if one.startswith("notice access.refused")]


def test_connections_without_a_byte_are_not_logged(start, basics):
    proxy = start(site(basics))
    before = len(proxy.errors.lines)
    for _ in range(5):
        tlsclient.tcp(proxy).close()
    tlsclient.fetch(proxy, "/fence", identity=basics.alice)
    proxy.access("/fence")
    assert len([line for line in proxy.access_lines.lines if not line.startswith("#")]) == 1
    assert len(proxy.errors.lines) == before
