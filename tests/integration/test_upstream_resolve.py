"""Names of backends: looked up again while the proxy runs, by a process of its own.

The names are of a hosts file that only the proxy sees, in a mount namespace of its own.

SPDX-License-Identifier: MIT
"""

import contextlib
import os
import signal
import stat
import subprocess

import pytest

import proxy as proxy_module
import tlsclient
import upstream as upstream_module
from events import eventually
from proxy import configuration, fields_of, is_gone, site

NAME = "backend.mtls-proxy.test"


def can_hide_files():
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True,
                          check=False).returncode == 0


pytestmark = pytest.mark.skipif(not can_hide_files(), reason="needs a mount namespace (root)")


class Hosts:
    """The hosts file of a proxy; rewritten in place, for it is bound to /etc/hosts.

    By one write over the same length: whoever reads meanwhile finds the old names or the new ones,
    never a file that was just emptied.
    """

    LENGTH = 1024

    def __init__(self, folder, monkeypatch):
        self.path = os.path.join(folder, "hosts")
        self.set()
        script = os.path.join(folder, "mtls-proxy")
        with open(script, "w", encoding="ascii") as out:
            out.write("#!/bin/sh\n"
                      f"exec unshare --mount sh -c 'mount --bind {self.path} /etc/hosts && "
                      f"exec {proxy_module.BINARY} \"$@\"' sh \"$@\"\n")
        os.chmod(script, os.stat(script).st_mode | stat.S_IXUSR)
        monkeypatch.setattr(proxy_module, "BINARY", script)

    def set(self, *addresses):
        text = "127.0.0.1 localhost\n" + "".join(f"{one} {NAME}\n" for one in addresses)
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.fchmod(file, 0o644)
            assert os.pwrite(file, text.ljust(self.LENGTH, "\n").encode("ascii"), 0) == self.LENGTH
        finally:
            os.close(file)


@pytest.fixture
def hosts(tmp_path, monkeypatch):
    return Hosts(str(tmp_path), monkeypatch)


@pytest.fixture
def begin(basics):
    """Starts a proxy before the name; it must stop cleanly."""
    running = []

    def begin(port, resolve="50ms", workers=1, **settings):
        group = {"servers": [{"url": f"http://{NAME}:{port}"}], "resolve": resolve, **settings}
        config = configuration(site(basics, upstream="named"), upstreams={"named": group},
                               workers=workers)
        started = proxy_module.Proxy(config)
        running.append(started)
        return started

    yield begin
    for one in running:
        with one:
            pass


def ask(proxy, basics):
    with tlsclient.connect(proxy, basics.alice) as client:
        return client.request().status


def port_of(backend):
    return int(backend.url.rsplit(":", 1)[1])


def helpers(proxy):
    """Process ids of the children of the workers."""
    found = []
    for worker in proxy.workers():
        # A worker that was killed may be gone by now.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
                open(f"/proc/{worker}/task/{worker}/children", encoding="ascii") as source:
            found += [int(one) for one in source.read().split()]
    return found


def test_a_name_that_appears_later_is_found(begin, basics, hosts, backend):
    proxy = begin(port_of(backend))
    proxy.event("does not resolve")
    assert ask(proxy, basics) == 502
    assert proxy.verdict("/") == (502, 3, 12029)
    hosts.set("127.0.0.1")
    eventually(lambda: ask(proxy, basics) == 200, "the name")
    proxy.event("upstream.resolve")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_name_that_moves_is_followed(begin, basics, hosts, backend, workers):
    port = port_of(backend)
    hosts.set("127.0.0.1")
    with upstream_module.Upstream(address="127.0.0.2", port=port) as other:
        proxy = begin(port, workers=workers)
        for _ in range(4):
            assert ask(proxy, basics) == 200
        assert not other.requests
        hosts.set("127.0.0.2")
        line = proxy.event("upstream.resolve")
        assert fields_of(line)["host"] == NAME
        before = len(backend.requests)
        for _ in range(8):  # of any worker, although connections to the old address were kept
            assert ask(proxy, basics) == 200
        assert (len(backend.requests), len(other.requests)) == (before, 8)


def test_a_name_that_disappears_keeps_its_addresses(begin, basics, hosts, backend):
    hosts.set("127.0.0.1")
    proxy = begin(port_of(backend))
    assert ask(proxy, basics) == 200
    hosts.set()
    line = fields_of(proxy.event("warn upstream.resolve"))
    assert line["addresses"] == "1"
    assert ask(proxy, basics) == 200


def test_zero_looks_up_at_load_only(begin, basics, hosts, backend):
    hosts.set("127.0.0.1")
    proxy = begin(port_of(backend), resolve="0s")
    assert not helpers(proxy)
    assert ask(proxy, basics) == 200


def test_one_address_that_refuses_is_passed_over(begin, basics, hosts, backend):
    hosts.set("127.0.0.2", "127.0.0.1")
    proxy = begin(port_of(backend), retries=0)
    for _ in range(6):
        assert ask(proxy, basics) == 200


def test_one_helper_serves_all_workers_and_is_started_again(begin, basics, hosts, backend):
    proxy = begin(port_of(backend), workers=2)
    first, = helpers(proxy)
    os.kill(first, signal.SIGKILL)
    proxy.event("upstream.resolver")
    second, = eventually(lambda: [one for one in helpers(proxy) if one != first], "a helper")
    hosts.set("127.0.0.1")
    eventually(lambda: ask(proxy, basics) == 200, "the name")
    proxy.stop()
    eventually(lambda: is_gone(second), "the helper ends")


def test_the_helper_dies_with_its_worker_and_holds_none_of_its_sockets(begin, basics, hosts,
                                                                       backend):
    hosts.set("127.0.0.1")
    proxy = begin(port_of(backend), workers=1)
    helper, = helpers(proxy)
    # It lets go of what it inherited right after it was forked.
    eventually(lambda: set(os.listdir(f"/proc/{helper}/fd")) <= {"0", "1", "2", "3"},
               "no more descriptors than its own")
    worker, = proxy.workers()
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: is_gone(helper), "the helper ends")
    eventually(lambda: len(helpers(proxy)) == 1, "the next worker has its own")
    assert ask(proxy, basics) == 200


def test_addresses_need_no_helper(start, basics, backend):
    proxy = start(site(basics, upstream=backend.url))
    assert not helpers(proxy)
