"""What a client is shown when the proxy itself answers with an error.

SPDX-License-Identifier: MIT
"""

import os

import pytest

import proxy as proxy_module
import tlsclient
from proxy import site


@pytest.fixture
def page(tmp_path):
    """Writes a page, returns its path."""
    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        return str(path)
    return write


def test_a_local_client_sees_why(start, basics):
    proxy = start(site(basics, name="orders"))
    answer = tlsclient.fetch(proxy, "/a?<script>", identity=basics.outsider)
    text = answer.body.decode()
    assert (answer.status, answer.reason) == (403, "Forbidden")
    assert "<h1>HTTP Error 403.16 - Forbidden</h1>" in text
    assert "0x800b0109" in text and "O=Elsewhere,CN=mallory" in text
    assert "/a?&lt;script&gt;" in text and "<script" not in text
    assert answer.header("cache-control") == "private"
    assert answer.header("content-type") == "text/html; charset=utf-8"
    identifier = proxy.refusal("orders")["id"]
    assert identifier in text


def test_markup_in_a_certificate_stays_text(start, basics):
    evil = basics.outside_issuing.issue("CN=<img src=x onerror=alert(1)>")
    proxy = start(site(basics))
    text = tlsclient.fetch(proxy, "/", identity=evil).body.decode()
    assert "<img" not in text and "&lt;img" in text


def test_the_chain_is_drawn(start, basics):
    proxy = start(site(basics, name="orders"))
    text = tlsclient.fetch(proxy, "/", identity=basics.outsider, chain=[]).body.decode()
    missing = text.split('class="cert gone"')[1]
    assert "Missing issuer" in missing and "CN=Outside Issuing CA" in missing
    assert "<code>partial_chain</code>" in missing
    text = tlsclient.fetch(proxy, "/", identity=basics.issuing.issue("CN=old", since=-9, until=-2)).body.decode()
    boxes = text.split('<div class="cert')[1:]
    assert len(boxes) == 3
    assert boxes[0].startswith(" bad") and "<code>expired</code>" in boxes[0] and "expired 2 days ago" in boxes[0]
    assert "trust.intermediate" in boxes[1] or "sent by the client" in boxes[1]
    assert boxes[2].startswith(" anchor") and "trust.root" in boxes[2]
    text = tlsclient.fetch(proxy, "/").body.decode()
    assert "None was presented" in text


def test_nothing_is_drawn_where_certificates_have_no_part(start, basics):
    proxy = start(site(basics, client_certificate="ignore", upstream="http://127.0.0.1:1"))
    text = tlsclient.fetch(proxy, "/", identity=basics.outsider).body.decode()
    assert "502.3" in text and "Certificate chain" not in text and "mallory" not in text


def test_custom_mode_hides_why_from_everyone(start, basics):
    proxy = start(site(basics, name="orders", errors={"mode": "custom"}))
    answer = tlsclient.fetch(proxy, "/", identity=basics.outsider)
    text = answer.body.decode()
    assert "<h1>403 - Forbidden</h1>" in text
    for secret in ("403.", "0x800", "trust", "ertificate", "mallory"):
        assert secret not in text
    assert proxy.refusal("orders")["id"] in text
    assert answer.header("cache-control") is None
    assert answer.header("content-type") == "text/html; charset=utf-8"


def test_statuses_of_one_kind_cannot_be_told_apart(start, basics):
    proxy = start(site(basics, errors={"mode": "custom"}))
    seen = set()
    expired = basics.issuing.issue("CN=late", since=-9, until=-1)
    for identity in (None, basics.outsider, expired):
        answer = tlsclient.fetch(proxy, "/", identity=identity)
        marks = answer.body.decode().split("<code>")
        seen.add((answer.status, marks[0], tuple(name for name, _ in answer.headers)))
    assert len(seen) == 1


def test_own_pages_by_substatus_and_status(start, basics, page):
    pages = {"403.7": page("a.html", "<p>bring one</p>"), "403": page("b.txt", "no: {request_id}"),
             "502": page("c.json", "{}")}
    proxy = start(site(basics, name="orders", upstream="http://127.0.0.1:1",
                       errors={"mode": "custom", "pages": pages}), timeouts={"queue": "0s"})
    answer = tlsclient.fetch(proxy, "/")
    assert (answer.body, answer.header("content-type")) == (b"<p>bring one</p>", "text/html")
    answer = tlsclient.fetch(proxy, "/", identity=basics.outsider,
                             headers=[("Accept", "application/json")])
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    refusal = proxy_module.fields_of(proxy.event("access.refused", count=2))
    assert answer.body.decode() == "no: " + refusal["id"]
    answer = tlsclient.fetch(proxy, "/", identity=basics.alice)
    assert (answer.status, answer.body) == (502, b"{}")
    assert answer.header("content-type") == "application/json"


def test_head_has_the_length_of_the_page_and_no_body(start, basics, page):
    pages = {"403": page("a.html", "x" * 500)}
    proxy = start(site(basics, errors={"mode": "custom", "pages": pages}))
    with tlsclient.connect(proxy) as client:
        answer = client.request("HEAD", "/")
        assert (answer.status, answer.body, answer.header("content-length")) == (403, b"", "500")
        assert client.request().body == b"x" * 500


def test_pages_are_inherited_and_replaced_by_location(start, basics, page):
    site_page, own_page = page("site.html", "site"), page("own.html", "own")
    proxy = start(site(basics, errors={"mode": "custom", "pages": {"403": site_page}}, locations=[
        {"path": "/same"},
        {"path": "/own", "errors": {"pages": {"403": own_page}}},
        {"path": "/none", "errors": {"pages": {}}},
        {"path": "/open", "errors": {"mode": "detailed"}}]))
    with tlsclient.connect(proxy) as client:
        assert client.request(target="/").body == b"site"
        assert client.request(target="/same").body == b"site"
        assert client.request(target="/own/x").body == b"own"
        assert b"403 - Forbidden" in client.request(target="/none").body
        assert b"HTTP Error 403.7" in client.request(target="/open").body


def test_a_status_without_a_page_is_a_line_of_text(start, basics):
    proxy = start(site(basics, errors={"mode": "custom"}))
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n")
        answer = client.read_response()
    assert answer.status == 400
    assert answer.body.startswith(b"400 Bad Request (request ")
    assert answer.body.count(b"\n") == 1


@pytest.mark.parametrize("accept, wanted", [
    ("*/*", "text/html; charset=utf-8"), ("application/json", "application/problem+json"),
    ("application/problem+json, text/html;q=0.9", "application/problem+json"),
    ("text/html;q=0.9, application/json;q=0.8", "text/html; charset=utf-8"),
    ("text/plain", "text/plain; charset=utf-8"), ("image/png", "text/html; charset=utf-8")])
@pytest.mark.parametrize("mode", ["custom", "detailed"])
def test_accept_chooses_the_form(start, basics, accept, wanted, mode):
    proxy = start(site(basics, errors={"mode": mode}))
    answer = tlsclient.fetch(proxy, "/", headers=[("Accept", accept)])
    assert answer.header("content-type") == wanted
    assert answer.header("vary") == "Accept"


def test_problem_details(start, basics):
    """RFC 9457 section 3."""
    proxy = start(site(basics, name="orders", locations=[
        {"path": "/hidden", "errors": {"mode": "custom"}}]))
    told = tlsclient.fetch(proxy, "/", identity=basics.outsider,
                           headers=[("Accept", "application/json")]).json()
    refusal = proxy.refusal("orders")
    assert told.pop("fix") and told.pop("detail")
    assert told == {"type": "about:blank", "title": "Forbidden", "status": 403, "substatus": 16,
                    "win32": 2148204809, "reason": "partial_chain",
                    "instance": "urn:request:" + refusal["id"]}
    told = tlsclient.fetch(proxy, "/hidden", identity=basics.outsider,
                           headers=[("Accept", "application/json")]).json()
    assert sorted(told) == ["detail", "instance", "status", "title", "type"]


def test_a_plain_client_is_shown_pages_too(start, basics):
    proxy = start(site(basics, bindings=["https://127.0.0.1:0", "http://127.0.0.1:0"]))
    with tlsclient.plain(proxy) as client:
        assert b"HTTP Error 403.4 - Forbidden" in client.request().body


@pytest.mark.parametrize("content, problem", [
    (None, "No such file"), ("", "is empty"), ("x" * 65537, "is longer than 65536 bytes"),
    (..., "Is a directory")])
def test_a_page_that_cannot_be_used_is_an_error_with_its_place(basics, tmp_path, content, problem):
    path = tmp_path / "page.html"
    if content is ...:
        os.mkdir(path)
    elif content is not None:
        path.write_text(content)
    config = tmp_path / "proxy.yaml"
    config.write_text(
        "sites:\n  - bindings: ['http://127.0.0.1:0']\n    upstream: echo\n"
        "    errors:\n      pages:\n        '403': page.html\n")
    done = proxy_module.run("check", "-c", str(config))
    assert done.returncode == 1
    assert "proxy.yaml:6:16: error: " in done.stderr and problem in done.stderr


@pytest.mark.parametrize("status", ["40", "399", "600", "403.", "403.x", "403.1000", "4O3", ".7"])
def test_a_status_that_is_none_is_an_error(basics, tmp_path, status):
    (tmp_path / "page.html").write_text("x")
    config = tmp_path / "proxy.yaml"
    config.write_text("sites:\n  - bindings: ['http://127.0.0.1:0']\n    upstream: echo\n"
                      f"    errors: {{ pages: {{ '{status}': page.html }} }}\n")
    done = proxy_module.run("check", "-c", str(config))
    assert done.returncode == 1 and "expected a status" in done.stderr


def test_pages_are_read_again_at_a_reload_only(start, basics, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("before")
    config = proxy_module.configuration(site(basics, bindings=["https://127.0.0.1:0"], errors={
        "mode": "custom", "pages": {"403": str(path)}}))
    with proxy_module.Proxy(config) as proxy:
        path.write_text("after")
        assert tlsclient.fetch(proxy).body == b"before"
        os.unlink(path)
        proxy.reload(event="reload.failed")
        assert tlsclient.fetch(proxy).body == b"before"
        path.write_text("after")
        proxy.reload()
        assert tlsclient.fetch(proxy).body == b"after"
