"""Probes: when servers go and come back, what a probe looks like, and that no request notices.

SPDX-License-Identifier: MIT
"""

import ipaddress
import itertools
import json
import os
import re
import threading

import pytest

import pki
import tlsclient
import upstream as upstream_module
from events import DEADLINE, eventually
from proxy import configuration, fields_of, free_port, run, site
from test_upstream_tls import TlsUpstream

QUICK = {"path": "/healthz", "interval": "30ms", "fall": 2, "rise": 2}


def group(start, basics, *urls, health=None, timeouts=None, workers=1, **settings):
    made = {"servers": [{"url": url} for url in urls], "health": health or QUICK, **settings}
    top = {"timeouts": timeouts} if timeouts else {}
    return start(site(basics, upstream="group"), upstreams={"group": made}, workers=workers, **top)


def ask(proxy, basics, times=1, **request):
    with tlsclient.connect(proxy, basics.alice) as client:
        return [client.request(**request).status for _ in range(times)]


def requests(backend):
    return [one for one in list(backend.requests) if one.path != "/healthz"]


def probes(backend):
    return [one for one in list(backend.requests) if one.path == "/healthz"]


def answers(backend, status):
    @backend.on("/healthz")
    def _(exchange):
        exchange.reply(status[0], headers=[("Connection", "close")])
        exchange.close()


def test_a_probe_is_a_plain_get_on_its_own_connection(start, basics, backend):
    group(start, basics, backend.url)
    eventually(lambda: len(probes(backend)) >= 3, "probes")
    one, two = probes(backend)[:2]
    assert (one.method, one.target, one.version) == ("GET", "/healthz", "HTTP/1.1")
    assert one.header("host") == backend.url[7:]
    assert one.header("connection") == "close"
    assert one.header("user-agent") == "mtls-proxy"
    assert len(one.headers) == 3
    assert one.connection != two.connection


@pytest.mark.parametrize("status", [200, 204, 301, 399])
def test_good_answers(start, basics, backend, status):
    answers(backend, [status])
    proxy = group(start, basics, backend.url, health=dict(QUICK, fall=1))
    eventually(lambda: len(probes(backend)) >= 3, "probes")
    assert "upstream.down" not in proxy.errors.text()


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_bad_answers_take_the_server_out_and_good_ones_bring_it_back(start, basics, backend,
                                                                     status):
    state = [status]
    answers(backend, state)
    with upstream_module.Upstream() as other:
        proxy = group(start, basics, backend.url, other.url)
        down = fields_of(proxy.event("upstream.down"))
        assert down["upstream"] == "group"
        assert down["server"] == backend.url
        assert str(status) in down["reason"]
        assert ask(proxy, basics, 4) == [200] * 4
        assert not requests(backend)
        state[0] = 200
        assert fields_of(proxy.event("upstream.up"))["server"] == backend.url
        assert ask(proxy, basics, 4) == [200] * 4
        assert len(requests(backend)) == 2


def raw(data):
    def answer(exchange):
        exchange.raw(data)
        exchange.close()
    return answer


def silent(exchange):
    exchange.reader.read(1)
    exchange.close()


BAD = {
    "nonsense": (raw(b"SMTP\r\n\r\n"), ""),
    "closed": (raw(b""), "closed without an answer"),
    "half": (raw(b"HTTP/1.1 200 OK\r\nCont"), "closed without an answer"),
    "silent": (silent, "no answer to the probe in time"),
    "endless": (raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100000), "not HTTP"),
}


@pytest.mark.parametrize("title", BAD)
def test_servers_that_misbehave_are_down(start, basics, backend, title):
    backend.handlers["/healthz"], reason = BAD[title]
    timeouts = {"response": "100ms"} if title == "silent" else None
    proxy = group(start, basics, backend.url, timeouts=timeouts)
    assert reason in fields_of(proxy.event("upstream.down"))["reason"]


def test_an_interim_answer_is_not_the_answer(start, basics, backend):
    backend.handlers["/healthz"] = raw(b"HTTP/1.1 103 Early Hints\r\n\r\n"
                                       b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n")
    proxy = group(start, basics, backend.url)
    assert "500" in fields_of(proxy.event("upstream.down"))["reason"]


def test_the_only_server_down_is_503_and_tried_when_its_time_has_come(start, basics, backend):
    state = [500]
    answers(backend, state)
    proxy = group(start, basics, backend.url, health=dict(QUICK, interval="1s", fall=1))
    proxy.event("upstream.down")

    # Whoever comes an interval after the last failure may try, which is late here and there.
    numbers = itertools.count()

    def is_refused():
        target = f"/early-{next(numbers)}"
        return target if ask(proxy, basics, target=target) == [503] else None

    assert proxy.verdict(eventually(is_refused, "a refusal")) == (503, 0, 0)
    # It never gets well, but requests may try.
    eventually(lambda: ask(proxy, basics) == [200], "a request that tries")
    state[0] = 200
    proxy.event("upstream.up")


def test_each_worker_probes_and_not_in_step(start, basics, backend):
    health = dict(QUICK, interval="200ms")
    proxy = group(start, basics, backend.url, health=health, workers=4)
    backend.handlers["/healthz"] = raw(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
    proxy.event("upstream.down", count=4)
    slots = {fields_of(line)["slot"] for line in proxy.errors.lines if "upstream.down" in line}
    assert slots == {"0", "1", "2", "3"}
    stamps = {re.match(r"\S+", line)[0] for line in proxy.errors.lines if "upstream.down" in line}
    assert len(stamps) > 1


def test_probes_over_tls_judge_the_certificate(start, basics, tmp_path):
    root = pki.authority("CN=Probe Root")
    ca = root.write(str(tmp_path / "ca.pem"))
    good = pki.issue("CN=good", root, usage=[pki.SERVER_AUTH],
                     ips=[ipaddress.ip_address("127.0.0.1")]).write(str(tmp_path / "good.pem"))
    with TlsUpstream(good) as backend:
        proxy = group(start, basics, backend.url, tls={"ca": ca})
        eventually(lambda: len(probes(backend)) >= 3, "probes")
        assert "upstream.down" not in proxy.errors.text()
        wrong = group(start, basics, backend.url, tls={"ca": ca, "server_name": "wrong.test"})
        assert "hostname mismatch" in fields_of(wrong.event("upstream.down"))["reason"]


def test_probes_end_when_the_proxy_drains(start, basics, backend):
    proxy = group(start, basics, backend.url)
    eventually(lambda: probes(backend), "probes")
    proxy.stop()
    backend.wait_connections(0)


class Load:
    """Clients that ask as fast as they can until the end."""

    def __init__(self, proxy, basics, clients=4):
        self.proxy, self.basics = proxy, basics
        self.statuses = []
        self.problems = []
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(clients)]

    def run(self):
        try:
            with tlsclient.connect(self.proxy, self.basics.alice) as client:
                while not self.ended.is_set():
                    self.statuses.append(client.request(target="/load").status)
        except Exception as problem:  # to be seen by the test
            self.problems.append(problem)

    def __enter__(self):
        for one in self.threads:
            one.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for one in self.threads:
            one.join(DEADLINE)


@pytest.mark.parametrize("balance", ["round_robin", "least_connections", "random"])
def test_a_member_goes_and_comes_back_under_load_and_no_request_fails(start, basics, balance):
    port = free_port()
    leaving = upstream_module.Upstream(port=port)
    with upstream_module.Upstream() as staying:
        proxy = group(start, basics, staying.url, leaving.url, balance=balance, workers=2)
        with Load(proxy, basics) as load:
            eventually(lambda: len(requests(leaving)) > 50, "load")
            leaving.close()
            proxy.event("upstream.down", count=2)
            before = len(load.statuses)
            eventually(lambda: len(load.statuses) > before + 50, "load without it")
            with upstream_module.Upstream(port=port) as back:
                proxy.event("upstream.up", count=2)
                eventually(lambda: len(requests(back)) > 20, "load on it again")
                load.__exit__()
        assert not load.problems
        assert set(load.statuses) == {200}


@pytest.mark.parametrize("path", ["healthz", "/a b", "/a#b", "http://x/"])
def test_a_path_that_is_none_is_found_at_load(basics, tmp_path, path):
    made = {"servers": [{"url": "http://127.0.0.1:9"}], "health": {"path": path}}
    file = tmp_path / "proxy.yaml"
    file.write_text(json.dumps(configuration(site(basics, upstream="x"), upstreams={"x": made})))
    done = run("check", "-c", os.fspath(file))
    assert done.returncode == 1
    assert "expected a path such as /healthz" in done.stderr
