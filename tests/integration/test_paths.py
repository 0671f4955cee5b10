"""A location protects a path only as far as the backend reads the path as the proxy does. So what
some kind of server takes for a path with other rules is refused (http/path_reading.c).

SPDX-License-Identifier: MIT
"""

import itertools
import json

import pytest

import backends
import path_backends
import proxy as proxy_module
import tlsclient
from proxy import Proxy, configuration, site

# /admin/secret, taken apart: what may stand before it, its name, between, and its end.
BEFORE = ("/", "//", "///", "/./", "/.//", "/%2e/", "/;/", "/;x/", "/x/../", "/x/..//", "//x/../",
          "//x/", "/x;/../", "/%20/", "/:x/", "/x%2f..%2f", "/%5c", "/%252e/", "/x/%252e%252e/",
          "/%3b/", "/.;/", "/x/..;/", "/x/..%3b/", "/(S(x))/", "/x/%2e%2e%2f", "/%25c0%25ae/", "/%2f", "/..;/", "http://server.test//")
NAMES = ("admin", "ADMIN", "Admin", "%61dmin", "%2561dmin", "%25%36%31dmin", "admin;", "admin;x=y",
         "admin%3b", "admin.", "admin...", "admin%2e", "admin%20", "admin%09", "admin%0a",
         "admin%0b", "admin%c2%a0", "admin%e2%80%a8", "admin.%20.", "admin::$DATA",
         "admin:$i30:$INDEX_ALLOCATION", "admin%3a%3a$DATA", "%20admin", "ad%09min", "ad%0d%0amin",
         "%ef%bd%81dmin", "adm%c4%b1n", "ad%e2%80%8bmin", "admin%ef%bb%bf", "admin%00",
         "admin%2500", "%2f%61dmin", "admin+", "%25c1%25a1dmin", "%c4%81dmin", "\xef\xbd\x81dmin")
BETWEEN = ("/", "//", "%2f", "%252f", "/./", "/%2e/", "/;/", "/x/../", "/%5c", "%5c", "/%20/",
           "%ef%bc%8f", "/.%20/", "%2f%2f")
END = ("secret", "secret;x", "secret%20", "secret%0a", "secret.", "secret%3fx", "secret%23",
       "secret::$DATA", "secret?x", "secret?/../x")


def spellings():
    """With every two of the four parts changed."""
    parts = (BEFORE, NAMES, BETWEEN, END)
    found = {}
    for first, second in itertools.combinations(range(4), 2):
        for a, b in itertools.product(parts[first], parts[second]):
            chosen = [one[0] for one in parts]
            chosen[first], chosen[second] = a, b
            found["".join(chosen)] = None
    return list(found)


def guarded(basics, upstream, **more):
    """A site for everybody, but for one location. In the clear, which is refused there as well."""
    return site(basics, bindings=["http://127.0.0.1:0"], client_certificate="ignore",
                server_certificate=..., trust={}, upstream=upstream, encoded_slash="keep",
                locations=[{"path": "/admin", "client_certificate": "require"}],
                locations_case_sensitive=True, **more)


def ask(proxy, targets):
    """(target, answer) of each, on as few connections as they allow."""
    connection = None
    try:
        for target in targets:
            if connection is None:
                connection = tlsclient.plain(proxy)
            answer = connection.request(target=target)
            yield target, answer
            if answer.header("connection") == "close" or answer.version == "HTTP/1.0":
                connection.close()
                connection = None
    finally:
        if connection is not None:
            connection.close()


# By which spellings each would give its secret away, were it not for the guard.
OWN_READINGS = {
    "nginx": "/admin%2fsecret",
    "apache2": None,  # refuses what it would decode to a slash
    "python": "/admin%2fsecret",
    "python-router": "/admin%09/secret",
    "express": "/ADMIN/secret",
    "node-url": "//x/admin/secret",
    "tomcat": "/admin;x=y/secret",
    "jetty": "/admin;x=y/secret",
}


@pytest.mark.parametrize("name", path_backends.COMMANDS)
def test_no_spelling_gets_past_a_location(name, basics, tmp_path):
    try:
        with path_backends.running(name, str(tmp_path)) as port:
            url = f"http://127.0.0.1:{port}"
            with Proxy(configuration(guarded(basics, url))) as proxy:
                served = [target for target, answer in ask(proxy, spellings())
                          if path_backends.SECRET in answer.body]
            assert not served
            with Proxy(configuration(guarded(basics, url, ambiguous_path="keep"))) as proxy:
                targets = spellings() if OWN_READINGS[name] is None else [OWN_READINGS[name]]
                served = [target for target, answer in ask(proxy, targets)
                          if path_backends.SECRET in answer.body]
            # Else the table would prove nothing.
            assert served == ([] if OWN_READINGS[name] is None else targets)
    except backends.Unavailable as why:
        pytest.skip(str(why))


@pytest.mark.parametrize("target", ["/a//b", "/;x/y", "/a;b=c/d", "/a.", "/a%20", "/a%2520b",
                                    "/a:b", "/~user/", "/a%c2%a0b", "/administrator",
                                    "/admin.css", "/x/admin", "/admi%6e2;x", "/a~1", "/%25", "/a+b"])
def test_what_nobody_takes_for_a_guarded_path_passes_untouched(start, basics, backend, target):
    proxy = start(guarded(basics, backend.url))
    answer = tlsclient.plain(proxy).request(target=target)
    assert answer.status == 200
    assert backend.requests[-1].target == target.replace("%6e", "n")


def test_slashes_are_merged_to_find_the_place_as_http_sys_does(start, basics, backend):
    """docs/iis-semantics.md 1.7"""
    location = {"path": "/admin", "client_certificate": "require"}
    proxy = start(site(basics, client_certificate="ignore", upstream=backend.url,
                       locations=[location]))
    for target in ("/admin/x", "//admin/x", "/admin//x", "///admin", "/.//admin", "/x/..//admin",
                   "https://server.test//admin"):
        assert tlsclient.fetch(proxy, target).status == 403, target
        before = len(backend.requests)
        assert tlsclient.fetch(proxy, target, identity=basics.alice).status == 200, target
        assert backend.requests[before].target.count("/") == \
            target.replace("https://server.test", "").replace("/x/..", "").replace("/.", "").count("/")


def test_slashes_that_lead_to_less_than_the_site_demands_are_refused(start, basics, backend):
    """Where everything but one path is guarded, a program that answers to anything must not get
    "//public" as if it were that path."""
    location = {"path": "/public", "client_certificate": "ignore"}
    proxy = start(site(basics, upstream=backend.url, locations=[location]))
    assert tlsclient.fetch(proxy, "/public").status == 200
    for target in ("//public", "//public/x", "/public;x"):
        assert tlsclient.fetch(proxy, target).status == 400, target


RULES = {
    "certificate": {"client_certificate": "accept"},
    "authorize": {"authorize": [{"permission": "deny"}]},
    "anonymous": {"anonymous": False},
    "require_128_bit": {"require_128_bit": True},
    "cors": {"cors_preflight": "forward"},
    "redirect": {"redirect": "https://elsewhere.test/"},
    "rewrite": {"rewrite": {"strip_prefix": "/admin"}},
    "identity": {"forward": {"identity": ["nginx"]}},
    "request headers": {"request_headers": {"set": {"X-Internal": "1"}}},
}


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_of_a_place_counts(start, basics, backend, rule):
    proxy = start(site(basics, upstream=backend.url,
                       locations=[{"path": "/admin", **RULES[rule]}]))
    assert tlsclient.fetch(proxy, "/admin;x", identity=basics.alice).status == 400
    assert tlsclient.fetch(proxy, "/other;x", identity=basics.alice).status == 200


def test_other_methods_for_the_same_origins_are_another_rule(start, basics, backend):
    cors = {"origins": ["https://app.test"], "methods": ["PUT"]}
    proxy = start(site(basics, upstream=backend.url, cors_preflight="answer", cors=cors,
                       locations=[{"path": "/admin", "cors": {"methods": ["DELETE"]}},
                                  {"path": "/same", "cors": {"max_age": "1m"}}]))
    assert tlsclient.fetch(proxy, "/admin;x", identity=basics.alice).status == 400
    assert tlsclient.fetch(proxy, "/same;x", identity=basics.alice).status == 200


def test_another_upstream_is_another_rule(start, basics, backend):
    proxy = start(site(basics, upstream="echo",
                       locations=[{"path": "/admin", "upstream": backend.url}]))
    assert tlsclient.fetch(proxy, "/admin;x", identity=basics.alice).status == 400


def test_a_place_with_the_same_rules_is_no_conflict(start, basics, backend):
    proxy = start(site(basics, upstream=backend.url,
                       locations=[{"path": "/admin", "client_certificate": "require",
                                   "errors": {"mode": "custom"}}]))
    assert tlsclient.fetch(proxy, "/admin;x", identity=basics.alice).status == 200


def test_a_prefix_is_taken_off_the_path_by_which_the_place_was_found(start, basics, backend):
    proxy = start(site(basics, upstream=backend.url, locations=[
        {"path": "/app", "rewrite": {"strip_prefix": "/app"}}]))
    assert tlsclient.fetch(proxy, "//app/x", identity=basics.alice).status == 200
    assert backend.requests[-1].target == "/x"


def test_the_refusal_is_told(start, basics, backend):
    proxy = start(guarded(basics, backend.url))
    answer = tlsclient.plain(proxy).request(target="/admin;x", headers=[("Accept", "text/html")])
    assert answer.status == 400 and b"semicolon" in answer.body
    line = proxy.refusal("main")
    assert (line["status"], line["reason"]) == ("400.0", "ambiguous_path")
    assert "ambiguous_path: keep" in line["fix"]


@pytest.mark.parametrize("path, outcome, rule", [
    ("//admin", "certificate_required", "client_certificate require"),
    ("/admin;x", "ambiguous_path", 'as "/admin" (what is behind semicolons dropped)'),
    ("/ADMINI~1", "ambiguous_path", "a short name (8.3)"),
    ("/a%2fb", "encoded_slash", "encoded_slash refuse"),
])
def test_explain_follows_the_same_rule(basics, tmp_path, path, outcome, rule):
    config = tmp_path / "proxy.yaml"
    config.write_text(json.dumps(configuration(site(
        basics, client_certificate="ignore",
        locations=[{"path": "/admin", "client_certificate": "require"},
                   {"path": "/administration", "client_certificate": "require"}]))))
    done = proxy_module.run("explain", "-c", str(config), "--no-certificate", "--format", "json",
                            "--url", "https://server.test" + path)
    report = json.loads(done.stdout)
    assert (done.returncode, report["outcome"], report["reason"]) == (10, "refused", outcome)
    assert any(rule in one for one in report["rules"]), report["rules"]
