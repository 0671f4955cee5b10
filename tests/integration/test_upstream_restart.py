"""A server that is away for a moment: requests of which nothing was sent wait for it.

SPDX-License-Identifier: MIT
"""

import os
import tempfile
import threading

import pytest

import tlsclient
import upstream as upstream_module
from events import DEADLINE
from proxy import free_port, site
from test_upstream_groups import UNAVAILABLE, CANNOT_CONNECT, group
from test_upstream_tls import TlsUpstream, inside  # noqa: F401  pylint: disable=unused-import


class Asking:
    """A request on a thread of its own, so that the test can bring the server back meanwhile."""

    def __init__(self, proxy, basics, method="GET", target="/", client=None, **request):
        self._client = client or tlsclient.connect(proxy, basics.alice)
        self._request = (method, target), request
        self.answer = None
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self):
        self.answer = self._client.request(*self._request[0], **self._request[1])

    def status(self):
        self._thread.join(DEADLINE)
        return self.answer and self.answer.status


def url(port):
    return f"http://127.0.0.1:{port}"


def lets_wait(start, basics, *members, **settings):
    """A proxy that waits as long as the test takes."""
    settings.setdefault("timeouts", {"queue": "1h", "connect": "2s"})
    return group(start, basics, *members, **settings)


@pytest.mark.parametrize("method, request_of", [
    ("GET", {}), ("DELETE", {}), ("POST", {"body": b"x" * 100_000}), ("POST", {"body": b""}),
    ("POST", {"body": b"3\r\nabc\r\n0\r\n\r\n", "headers": [("Transfer-Encoding", "chunked")]})])
def test_a_request_waits_for_the_only_server(start, basics, method, request_of):
    port = free_port()
    proxy = lets_wait(start, basics, url(port))
    asking = Asking(proxy, basics, method, **request_of)
    proxy.event("upstream.wait")
    with upstream_module.Upstream(port=port) as back:
        assert asking.status() == 200
        assert len(back.requests) == 1
    assert proxy.access("/")["sc-status"] == "200"


def test_restart_after_restart_on_a_kept_connection(start, basics):
    port = free_port()
    proxy = lets_wait(start, basics, url(port))
    with tlsclient.connect(proxy, basics.alice) as client:
        for count in range(1, 5):
            asking = Asking(proxy, basics, target=f"/{count}", client=client)
            proxy.event("upstream.wait", count=count)
            with upstream_module.Upstream(port=port):
                assert asking.status() == 200
                for _ in range(3):
                    assert client.request().status == 200


def test_many_wait_together(start, basics):
    port = free_port()
    proxy = lets_wait(start, basics, url(port), retry_wait="100ms")
    asking = [Asking(proxy, basics, target=f"/{i}") for i in range(20)]
    proxy.event("upstream.wait", count=20)
    with upstream_module.Upstream(port=port):
        assert [one.status() for one in asking] == [200] * 20


def test_a_socket_that_does_not_exist_yet(start, basics):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "app.sock")
        proxy = lets_wait(start, basics, f"unix:{path}")
        asking = Asking(proxy, basics)
        proxy.event("upstream.wait")
        with upstream_module.Upstream(unix=path):
            assert asking.status() == 200


@pytest.mark.parametrize("health", [{}, {"fall": 1, "interval": "300ms"}])
def test_a_group_that_is_away_as_a_whole(start, basics, health):
    """Also when its servers have been left out meanwhile."""
    ports = [free_port(), free_port()]
    proxy = lets_wait(start, basics, *map(url, ports), health=health)
    asking = Asking(proxy, basics)
    proxy.event("upstream.wait")
    if health:
        proxy.event("upstream.down", count=2)
        late = Asking(proxy, basics, target="/late")  # no server is up
        proxy.event("upstream.wait", count=2)
    with upstream_module.Upstream(port=ports[1]):
        assert asking.status() == 200
        if health:
            assert late.status() == 200


def test_servers_that_stay_out_for_long_are_not_waited_for(start, basics):
    proxy = group(start, basics, url(free_port()), url(free_port()),
                  health={"fall": 1, "interval": "1h"})
    with tlsclient.connect(proxy, basics.alice) as client:
        assert client.request(target="/first").status == 502
        assert client.request(target="/second").status == 503
    assert proxy.verdict("/second") == UNAVAILABLE


class Slams(upstream_module.Upstream):
    """Takes connections and ends them, as what listens for a container that is not up yet."""

    reads = True

    def _serve(self, sock, number):
        if self.reads:
            sock.recv(65536)  # an orderly end; unread bytes make it a reset
        sock.close()


@pytest.mark.parametrize("reads", [True, False])
def test_a_server_behind_tls_that_breaks_off_the_handshake(start, basics, inside,  # noqa: F811
                                                           reads):
    with Slams() as slams:
        slams.reads = reads
        port = int(slams.url.rsplit(":", 1)[1])
        proxy = lets_wait(start, basics, f"https://127.0.0.1:{port}", tls={"ca": inside.ca})
        asking = Asking(proxy, basics)
        proxy.event("upstream.wait")
    with TlsUpstream(inside.good, port=port):
        assert asking.status() == 200


def test_a_wrong_certificate_is_not_waited_for(start, basics, inside):  # noqa: F811
    with TlsUpstream(inside.good) as backend:
        proxy = lets_wait(start, basics, backend.url)  # the system's authorities do not know it
        assert Asking(proxy, basics).status() == 502
        assert "upstream.wait" not in proxy.errors.text()


def test_the_wait_ends_and_who_comes_later_is_told_at_once(start, basics):
    proxy = group(start, basics, url(free_port()), timeouts={"queue": "600ms"},
                  retry_wait="100ms")
    assert Asking(proxy, basics, target="/first").status() == 502
    assert proxy.verdict("/first") == CANNOT_CONNECT
    assert int(proxy.access("/first")["time-taken"]) >= 400
    proxy.event("upstream.wait")
    assert Asking(proxy, basics, target="/second").status() == 502
    assert len([one for one in proxy.errors.lines if "upstream.wait" in one]) == 1


def test_a_server_that_was_back_meanwhile_is_waited_for_again(start, basics):
    port = free_port()
    proxy = group(start, basics, url(port), timeouts={"queue": "300ms"}, retry_wait="100ms",
                  keepalive={"connections": 0})
    assert Asking(proxy, basics).status() == 502
    with upstream_module.Upstream(port=port):
        assert Asking(proxy, basics).status() == 200
    assert Asking(proxy, basics).status() == 502
    proxy.event("upstream.wait", count=2)


@pytest.mark.parametrize("off", [{"retry_wait": "0s"}, {"timeouts": {"queue": "0s"}},
                                 {"queue": 0}])
def test_nobody_waits_where_that_is_off(start, basics, off):
    proxy = lets_wait(start, basics, url(free_port()), **off)
    assert Asking(proxy, basics).status() == 502
    assert "upstream.wait" not in proxy.errors.text()


def test_only_so_many_wait(start, basics):
    port = free_port()
    proxy = lets_wait(start, basics, url(port), queue=1)
    first = Asking(proxy, basics)
    proxy.event("upstream.wait")
    assert Asking(proxy, basics).status() == 502
    with upstream_module.Upstream(port=port):
        assert first.status() == 200


def test_other_servers_come_first(start, basics, backend):
    """Nobody waits while another server is there."""
    proxy = lets_wait(start, basics, url(free_port()), backend, retries=1)
    with tlsclient.connect(proxy, basics.alice) as client:
        assert {client.request().status for _ in range(4)} == {200}
    assert "upstream.wait" not in proxy.errors.text()


def test_a_stop_does_not_wait_for_who_waits(start, basics):
    proxy = lets_wait(start, basics, url(free_port()), retry_wait="1m",
                      timeouts={"queue": "1h", "stop": "100ms"})
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(tlsclient.build())
        proxy.event("upstream.wait")
        proxy.stop()
