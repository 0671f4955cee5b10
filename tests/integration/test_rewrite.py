"""Redirects, prefixes and header edits.

SPDX-License-Identifier: MIT
"""

import json

import pytest

import proxy as proxy_module
import tlsclient
from events import eventually
from proxy import site

BOTH = ["https://127.0.0.1:0", "http://127.0.0.1:0"]


def location(answer):
    return answer.status, answer.header("location")


# redirect: https

def test_plain_http_goes_to_the_https_binding(start, basics):
    proxy = start(site(basics, bindings=BOTH, redirect="https"))
    port = proxy.address("https")[1]
    with tlsclient.plain(proxy) as client:
        answer = client.request(target="/a/../b?q=%20x")
        assert location(answer) == (308, f"https://server.test:{port}/b?q=%20x")
        answer = client.request(host="Server.Test.:8080")
        assert location(answer) == (308, f"https://server.test:{port}/")
        answer = client.request("HEAD", "/h")
        assert location(answer) == (308, f"https://server.test:{port}/h")
        assert int(answer.header("content-length")) > 0
        answer = client.request("POST", "/p", body=b"x" * 100)
        assert location(answer) == (308, f"https://server.test:{port}/p")
        answer = client.request(host="[::1]:80")
        assert location(answer) == (308, f"https://[::1]:{port}/")
        client.send(b"OPTIONS * HTTP/1.1\r\nHost: server.test\r\n\r\n")
        assert location(client.read_response()) == (308, f"https://server.test:{port}/")
    assert tlsclient.fetch(proxy, "/x", identity=basics.alice).status == 200
    record = proxy.access("/p")
    assert (record["sc-status"], record["sc-substatus"], record["sc-win32-status"]) == (
        "308", "0", "0")


def test_the_redirect_goes_where_it_says(start, basics):
    proxy = start(site(basics, bindings=BOTH, redirect="https"))
    with tlsclient.plain(proxy) as client:
        _, target = location(client.request(target="/there", host="127.0.0.1"))
    assert target == "https://127.0.0.1:%d/there" % proxy.address("https")[1]
    answer = tlsclient.fetch_json(proxy, "/there", identity=basics.alice)
    assert answer.json()["target"] == "/there"


@pytest.mark.parametrize("to, expected", [
    ("https:443", "https://server.test/x"), ("https:8443", "https://server.test:8443/x")])
def test_the_port_can_be_named(start, basics, to, expected):
    proxy = start(site(basics, bindings=["http://127.0.0.1:0"], redirect=to, redirect_status="301"))
    with tlsclient.plain(proxy) as client:
        assert location(client.request(target="/x")) == (301, expected)


def test_http_1_0_without_a_host_gets_the_name_of_the_site(start, basics):
    proxy = start(site(basics, bindings=["http://127.0.0.1:0"], redirect="https:443",
                       hosts=["*.a.test", "www.b.test"]))
    with tlsclient.plain(proxy) as client:
        client.send(b"GET /x HTTP/1.0\r\n\r\n")
        assert location(client.read_response()) == (308, "https://www.b.test/x")
    proxy = start(site(basics, bindings=["http://127.0.0.1:0"], redirect="https:443"))
    with tlsclient.plain(proxy) as client:
        client.send(b"GET /x HTTP/1.0\r\n\r\n")
        assert client.read_response().status == 403


def test_a_location_switches_the_redirect_off(start, basics):
    proxy = start(site(basics, bindings=BOTH, redirect="https", require_ssl=False,
                       client_certificate="ignore",
                       locations=[{"path": "/.well-known", "redirect": None}]))
    with tlsclient.plain(proxy) as client:
        assert client.request(target="/.well-known/x").status == 200
        assert client.request(target="/other").status == 308


def test_nothing_breaks_out_of_the_location_field(start, basics):
    proxy = start(site(basics, bindings=["http://127.0.0.1:0"], redirect="https:443"))
    with tlsclient.plain(proxy) as client:
        answer = client.request(target='//evil.test/%0d%0a?"<x>%0d%0aX: y')
        # A blank ends the target, so the request line is malformed.
        assert answer.status == 400
    with tlsclient.plain(proxy) as client:
        answer = client.request(target='//evil.test/%0d%0a?"<x>%0d%0aX:y')
        assert location(answer) == (
            308, "https://server.test//evil.test/%0d%0a?%22%3Cx%3E%0d%0aX:y")
        assert b"<x>" not in answer.body


# redirect: elsewhere

@pytest.mark.parametrize("to, expected", [
    ("https://new.test/start", "https://new.test/start"),
    ("https://new.test{target}", "https://new.test/a/b?c=d"),
    ("https://new.test:81/base{target}", "https://new.test:81/base/a/b?c=d"),
    ("/moved{target}", "/moved/a/b?c=d"), ("/moved?x=1", "/moved?x=1")])
def test_a_fixed_redirect(start, basics, to, expected):
    proxy = start(site(basics, redirect=to))
    answer = tlsclient.fetch(proxy, "/a/b?c=d", identity=basics.alice)
    assert location(answer) == (302, expected)


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
def test_the_status_can_be_chosen(start, basics, status):
    proxy = start(site(basics, locations=[
        {"path": "/old", "redirect": "/new", "redirect_status": status}]))
    with tlsclient.connect(proxy, basics.alice) as client:
        assert location(client.request(target="/old/x")) == (int(status), "/new")
        assert client.request(target="/new").status == 200


def test_a_fixed_redirect_is_only_for_those_who_may_ask(start, basics):
    proxy = start(site(basics, redirect="https://secret.test/"))
    answer = tlsclient.fetch(proxy, "/")
    assert answer.status == 403 and answer.header("location") is None


def test_https_needs_a_binding_or_a_port(basics, tmp_path):
    config = tmp_path / "proxy.yaml"
    config.write_text("sites:\n  - bindings: ['http://127.0.0.1:0']\n    upstream: echo\n"
                      "    redirect: https\n")
    done = proxy_module.run("check", "-c", str(config))
    assert done.returncode == 1
    assert "proxy.yaml:4:15: error: sites[0].redirect: the site" in done.stderr


# rewrite

@pytest.mark.parametrize("rewrite, sent, seen", [
    ({"strip_prefix": "/api"}, "/api/x?y=/api", "/x?y=/api"),
    ({"strip_prefix": "/api"}, "/API", "/"),
    ({"strip_prefix": "/api"}, "/apis", "/apis"),
    ({"strip_prefix": "/api"}, "/b/../api/./%78", "/x"),
    ({"add_prefix": "/v2"}, "/x", "/v2/x"),
    ({"strip_prefix": "/api/", "add_prefix": "/v2/"}, "/api/x", "/v2/x")])
def test_the_backend_sees_the_rewritten_path(start, basics, rewrite, sent, seen):
    proxy = start(site(basics, rewrite=rewrite))
    told = tlsclient.fetch_json(proxy, sent, identity=basics.alice)
    assert told.json()["target"] == seen
    is_stripped = "strip_prefix" in rewrite and not sent.startswith("/apis")
    assert told.seen("x-forwarded-prefix") == (["/api"] if is_stripped else [])


def test_a_client_cannot_name_the_prefix(start, basics):
    proxy = start(site(basics, rewrite={"strip_prefix": "/api"}))
    for path, expected in (("/api/x", ["/api"]), ("/x", [])):
        told = tlsclient.fetch_json(proxy, path, identity=basics.alice,
                                    headers=[("X-Forwarded-Prefix", "/evil")])
        assert told.seen("x-forwarded-prefix") == expected


@pytest.mark.parametrize("target", ["/api//evil.test/x", "/api/.//x", "/api/x/..//y"])
def test_a_path_that_would_be_taken_for_a_host_is_refused(start, basics, target):
    proxy = start(site(basics, rewrite={"strip_prefix": "/api"}))
    with tlsclient.connect(proxy, basics.alice) as client:
        assert client.request(target=target).status == 400
        assert client.request(target="/api/fine").status == 200


def test_locations_see_the_path_of_the_client(start, basics):
    """What is stripped cannot lead out of what was judged."""
    proxy = start(site(basics, client_certificate="ignore", locations=[
        {"path": "/admin", "client_certificate": "require"},
        {"path": "/open", "rewrite": {"strip_prefix": "/open"}}]))
    with tlsclient.connect(proxy) as client:
        assert client.request(target="/admin").status == 403
        assert client.request(target="/open/../admin").status == 403
        assert client.get_json("/open/admin").json()["target"] == "/admin"


@pytest.mark.parametrize("sent, expected", [
    ("/login", "/api/login"), ("/api/login", "/api/login"), ("login", "login"),
    ("https://server.test/x", "https://server.test/api/x"), ("//a.test/x", "//a.test/x"),
    ("https://a.test/x", "https://a.test/x"), ("http://BACKEND/x?y", "/api/x?y")])
def test_redirects_of_the_backend_are_mapped_back(start, basics, backend, sent, expected):
    own = backend.url[len("http://"):]

    @backend.on("/go")
    def _(exchange):
        exchange.reply(302, b"", [("Location", sent.replace("BACKEND", own))])

    proxy = start(site(basics, upstream=backend.url, forward={"host": "upstream"},
                       rewrite={"strip_prefix": "/api"}))
    answer = tlsclient.fetch(proxy, "/api/go", identity=basics.alice)
    assert location(answer) == (302, expected)


def sends(backend, name, value):
    @backend.on("/go")
    def _(exchange):
        exchange.reply(302, b"", [(name, value.replace("BACKEND", backend.url[len("http://"):]))])


@pytest.mark.parametrize("sent, expected", [
    ("http://BACKEND/x?y#z", "/x?y#z"), ("HTTP://BACKEND", "/"), ("http://BACKEND?q", "/?q"),
    ("https://BACKEND/x", "https://BACKEND/x"), ("http://BACKEND.a.test/", None),
    ("http://BACKEND@a.test/", None), ("http://a@BACKEND/", None), ("http://BACKEND1/", None),
    ("http://127.0.0.1/x", None), ("http://BACKEND//a.test/x", None), ("//BACKEND/x", None),
    ("http://server.test/x", None), ("/x", None), ("x", None), ("ftp://BACKEND/", None)])
@pytest.mark.parametrize("host", ["keep", "upstream"])
def test_the_backends_own_address_becomes_the_proxys(start, basics, backend, sent, expected, host):
    if host == "upstream" and sent.startswith("https://BACKEND"):
        expected = "/x"  # the name that it was sent, whatever the scheme
    sends(backend, "Location", sent)
    proxy = start(site(basics, upstream=backend.url, forward={"host": host}))
    answer = tlsclient.fetch(proxy, "/go", identity=basics.alice)
    own = backend.url[len("http://"):]
    assert location(answer) == (302, (expected or sent).replace("BACKEND", own))


def test_any_server_of_the_group_is_the_backend(start, basics, backend):
    """By the name of the configuration or its address; the default port needs no words."""
    servers = [{"url": backend.url}, {"url": "http://127.0.0.1:80", "weight": 1},
               {"url": "https://other.invalid"}, {"url": "http://localhost:81"}]
    proxy = start(site(basics, upstream="group"),
                  upstreams={"group": {"servers": servers, "tls": {"verify": False}}})
    for sent, expected in [("http://127.0.0.1/x", "/x"), ("http://127.0.0.1:80/x", "/x"),
                           ("https://OTHER.invalid/x", "/x"), ("https://other.invalid:443", "/"),
                           ("http://localhost:81/x", "/x"), ("http://127.0.0.1:81/x", "/x"),
                           ("http://127.0.0.1:82/x", "http://127.0.0.1:82/x"),
                           ("http://other.invalid/x", "http://other.invalid/x")]:
        sends(backend, "Location", sent)

        def answered(sent=sent):
            answer = tlsclient.fetch(proxy, "/go", identity=basics.alice)
            return answer.status == 302 and (sent, answer.header("location"))

        # Of the four servers one is there.
        assert eventually(answered) == (sent, expected)


@pytest.mark.parametrize("name, sent, expected", [
    ("Content-Location", "http://BACKEND/x", "/api/x"), ("Content-Location", "/x", "/api/x"),
    ("content-location", "https://a.test/x", "https://a.test/x"),
    ("Refresh", "5; url=http://BACKEND/x", "5; url=/api/x"), ("Refresh", "5", "5"),
    ("Refresh", "0;URL='http://BACKEND/x'", "0;URL='/api/x'"),
    ("Refresh", '0; url="/x"; more', '0; url="/api/x"; more'), ("Refresh", "0; url=", "0; url="),
    ("Refresh", "0; url=\"", "0; url=\""), ("Refresh", "0; x=http://BACKEND/", None)])
def test_other_fields_that_send_the_client_somewhere(start, basics, backend, name, sent, expected):
    sends(backend, name, sent)
    proxy = start(site(basics, upstream=backend.url, rewrite={"strip_prefix": "/api"}))
    answer = tlsclient.fetch(proxy, "/api/go", identity=basics.alice)
    own = backend.url[len("http://"):]
    assert answer.header(name) == (expected or sent).replace("BACKEND", own)


@pytest.mark.parametrize("name", ["Location", "Content-Location", "Refresh"])
def test_the_mapping_can_be_switched_off(start, basics, backend, name):
    sends(backend, name, "http://BACKEND/x")
    locations = [{"path": "/open", "rewrite": {"strip_prefix": "/open"}}]
    proxy = start(site(basics, upstream=backend.url, rewrite={"redirects": "keep"},
                       locations=locations))
    for path in ("/go", "/open/go"):
        answer = tlsclient.fetch(proxy, path, identity=basics.alice)
        assert answer.header(name) == backend.url + "/x"


# headers

def test_request_headers(start, basics):
    proxy = start(site(basics, name="orders", request_headers={
        "set": {"X-Env": "staging", "X-Id": "{request_id}", "X-None": "{user}"},
        "add": {"X-Tag": "two", "Cookie": "from=proxy"}, "remove": ["X-Debug", "Accept-Language"]}))
    told = tlsclient.fetch_json(proxy, "/set", identity=basics.alice, headers=[
        ("X-Env", "mine"), ("x_env", "mine too"), ("X-None", "mine"), ("X-Tag", "one"),
        ("X-Debug", "1"), ("X_DEBUG", "2"), ("Accept-Language", "de"), ("Cookie", "a=b")])
    assert told.seen("x-env") == ["staging"] and told.seen("x_env") == []
    assert len(told.seen("x-id")[0]) == 16
    assert told.seen("x-none") == []
    assert told.seen("x-tag") == ["one", "two"]
    assert told.seen("cookie") == ["a=b", "from=proxy"]
    assert told.seen("x-debug") == told.seen("x_debug") == told.seen("accept-language") == []
    assert told.seen("client-cert")


def test_response_headers(start, basics, backend):
    @backend.on("/r")
    def _(exchange):
        exchange.reply(headers=[("Server", "Old/1"), ("X-Powered-By", "x"), ("X-Kept", "1"),
                                ("Cache-Control", "public")])

    proxy = start(site(basics, bindings=BOTH, require_ssl=False, client_certificate="ignore",
                       upstream=backend.url, response_headers={
                           "set": {"Cache-Control": "no-store", "X-Braces": "{user} {",
                                   "Strict-Transport-Security": "max-age=60"},
                           "add": {"X-Kept": "2"}, "remove": ["server", "X-Powered-By"]}))
    answer = tlsclient.fetch(proxy, "/r")
    assert answer.header("server") is None and answer.header("x-powered-by") is None
    assert answer.header("cache-control") == "no-store"
    assert answer.header("x-braces") == "{user} {"
    assert answer.header("x-kept") == "1, 2"
    assert answer.header("strict-transport-security") == "max-age=60"
    with tlsclient.plain(proxy) as client:
        assert client.request(target="/r").header("strict-transport-security") is None


def test_own_pages_and_redirects_have_them_too(start, basics):
    edit = {"set": {"Strict-Transport-Security": "max-age=60", "Content-Type": "x/y",
                    "Location": "/evil"}, "remove": ["Content-Type", "Location"]}
    proxy = start(site(basics, response_headers=edit,
                       locations=[{"path": "/go", "redirect": "/there"}]))
    answer = tlsclient.fetch(proxy, "/")
    assert answer.status == 403
    assert answer.header("strict-transport-security") == "max-age=60"
    assert answer.header("content-type") == "text/html; charset=utf-8"
    answer = tlsclient.fetch(proxy, "/go", identity=basics.alice)
    assert location(answer) == (302, "/there")
    assert answer.header("strict-transport-security") == "max-age=60"


@pytest.mark.parametrize("key", ["request_headers", "response_headers"])
@pytest.mark.parametrize("edit", [
    {"set": {"Client-Cert": "x"}}, {"add": {"x_original_url": "x"}}, {"remove": ["X-Remote-User"]},
    {"set": {"Content-Length": "1"}}, {"remove": ["Transfer-Encoding"]}, {"add": {"Host": "x"}}])
def test_names_that_are_not_the_administrators_are_errors(basics, tmp_path, key, edit):
    config = tmp_path / "proxy.yaml"
    made = site(basics, forward={"headers": {"X-Remote-User": "{user}"}}, **{key: edit})
    config.write_text(json.dumps(proxy_module.configuration(made)))
    done = proxy_module.run("check", "-c", str(config))
    assert done.returncode == 1 and "error:" in done.stderr, done.stderr
