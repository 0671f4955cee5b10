"""Too many connections: who makes room, who is refused, what the log says of it.

SPDX-License-Identifier: MIT
"""

import contextlib
import os
import select
import socket
import ssl
import threading

import pytest

import proxy as program
import tlsclient
import websocket
from events import DEADLINE, eventually
from proxy import fields_of, site

BOTH = ["https://127.0.0.1:0", "http://127.0.0.1:0"]


def tcp(proxy, source="127.0.0.2", scheme="https"):
    """A TCP connection from one of the addresses of the loopback interface."""
    return socket.create_connection(proxy.address(scheme), timeout=DEADLINE,
                                    source_address=(source, 0))


def connect(proxy, basics, source="127.0.0.2"):
    """A connection after its handshake that has not sent a request."""
    tls = tlsclient.context(basics.alice)
    return tlsclient.Connection(tls.wrap_socket(tcp(proxy, source), server_hostname="server.test"))


def served(proxy, basics, source="127.0.0.2"):
    """A connection that has had an answer and is idle."""
    client = connect(proxy, basics, source)
    assert client.request().status == 200
    return client


def is_open(connection):
    """Nothing has come, no end either."""
    sock = getattr(connection, "sock", connection)
    if not select.select([sock], [], [], 0)[0]:
        return True
    if not isinstance(connection, tlsclient.Connection):
        return False
    sock.setblocking(False)
    try:
        return sock.recv(1) != b""
    except ssl.SSLWantReadError:  # it was a ticket
        return True
    except OSError:
        return False
    finally:
        sock.settimeout(DEADLINE)


def is_closed(connection):
    """Waits for the end, in order or by a reset."""
    sock = getattr(connection, "sock", connection)
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def is_refused(proxy):
    """The reset comes at once, or with the first read."""
    try:
        return is_closed(tcp(proxy))
    except ConnectionResetError:
        return True


def limit_line(proxy, key, count=1):
    line = proxy.errors.wait(
        lambda one: "client.limit" in one and f"key=limits.{key} " in one, count)
    assert line, proxy.errors.text()
    return fields_of(line)


def close_all(connections):
    for one in connections:
        one.close()


class Gate:
    """Requests to /hold are in flight until open() is called."""

    def __init__(self, backend):
        self.gate = threading.Event()
        self.arrived = threading.Semaphore(0)
        backend.handlers["/hold"] = self.hold

    def hold(self, exchange):
        self.arrived.release()
        self.gate.wait(DEADLINE)
        exchange.reply(body=b"held")

    def send(self, client):
        client.send(tlsclient.build(target="/hold"))
        assert self.arrived.acquire(timeout=DEADLINE)

    def open(self):
        self.gate.set()


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_silent_connections_of_one_address_lock_nobody_out(start, basics, scheme):
    """As many as there may be, and more, from an address that sends nothing at all."""
    proxy = start(site(basics, bindings=BOTH, require_ssl=False, client_certificate="accept"),
                  limits={"connections": 20})
    held = [tcp(proxy, scheme=scheme) for _ in range(60)]
    for _ in range(5):
        assert served(proxy, basics, "127.0.0.3").sock.close() is None
    line = limit_line(proxy, "connections")
    assert (line["limit"], line["most"]) == ("20", "127.0.0.2")
    assert int(line["most_open"]) >= 19
    close_all(held)


def test_the_longest_idle_goes_and_no_other(start, basics):
    proxy = start(site(basics), limits={"connections": 4})
    held = [served(proxy, basics) for _ in range(4)]
    assert held[0].request().status == 200  # so the second is the one that is idle longest
    newcomer = served(proxy, basics, "127.0.0.3")
    assert held[1].is_at_end()
    for client in (held[0], held[2], held[3], newcomer):
        assert client.request().status == 200
    close_all(held + [newcomer])


def test_who_has_not_asked_goes_before_who_was_served(start, basics):
    proxy = start(site(basics), limits={"connections": 4})
    old = [served(proxy, basics) for _ in range(2)]
    shaken, silent = connect(proxy, basics), tcp(proxy)
    newcomers = [served(proxy, basics, "127.0.0.3") for _ in range(2)]
    assert is_closed(shaken) and is_closed(silent)
    for client in old + newcomers:
        assert client.request().status == 200
    close_all(old + newcomers)


def test_half_a_head_keeps_no_place(start, basics):
    proxy = start(site(basics), limits={"connections": 3}, timeouts={"header": "1h"})
    slow = [connect(proxy, basics) for _ in range(3)]
    for client in slow:
        client.send(b"GET / HTTP/1.1\r\nHost: server.test\r\n")
    with served(proxy, basics, "127.0.0.3") as client:
        assert client.request().status == 200
    eventually(lambda: not all(map(is_open, slow)), "one of them has gone")
    close_all(slow)


def test_who_lingers_goes_first(start, basics):
    proxy = start(site(basics), limits={"connections": 2})
    old = served(proxy, basics)
    lingering = connect(proxy, basics)
    assert lingering.request(headers=[("Connection", "close")]).status == 200
    newcomer = served(proxy, basics, "127.0.0.3")
    assert old.request().status == 200
    assert newcomer.request().status == 200
    close_all([old, lingering, newcomer])


def test_requests_in_flight_and_tunnels_stay_and_newcomers_wait(start, basics, backend):
    gate = Gate(backend)
    backend.handlers["/echo"] = websocket.echo
    proxy = start(site(basics, upstream=backend.url), limits={"connections": 3})
    busy = [connect(proxy, basics) for _ in range(2)]
    for client in busy:
        gate.send(client)
    tunnel = connect(proxy, basics)
    websocket.open_on(tunnel)
    waiting = tcp(proxy, "127.0.0.3")
    limit_line(proxy, "connections")
    gate.open()
    for client in busy:
        assert client.read_response().body == b"held"
    tls = tlsclient.context(basics.alice)
    with tls.wrap_socket(waiting, server_hostname="server.test") as sock:
        assert tlsclient.Connection(sock).request().status == 200
        tunnel.send(websocket.frame(b"still here"))
        assert b"still here" in websocket.read_frame(tunnel.read_exactly)
    close_all(busy + [tunnel])


def test_one_address_has_its_share_and_its_own_make_room(start, basics):
    proxy = start(site(basics), limits={"connections": 100, "connections_per_client": 3})
    others = [served(proxy, basics, "127.0.0.3") for _ in range(3)]
    mine = [served(proxy, basics) for _ in range(3)]
    newcomer = served(proxy, basics)
    assert mine[0].is_at_end()
    for client in others + mine[1:] + [newcomer]:
        assert client.request().status == 200
    line = limit_line(proxy, "connections_per_client")
    assert (line["client"], line["limit"], line["made_room"]) == ("127.0.0.2", "3", "1")
    close_all(others + mine + [newcomer])


def test_beyond_its_share_an_address_with_nothing_but_requests_is_reset(start, basics, backend):
    gate = Gate(backend)
    proxy = start(site(basics, upstream=backend.url), limits={"connections_per_client": 2})
    busy = [connect(proxy, basics) for _ in range(2)]
    for client in busy:
        gate.send(client)
    for _ in range(3):
        assert is_refused(proxy)
    line = limit_line(proxy, "connections_per_client")
    assert (line["client"], line["refused"]) == ("127.0.0.2", "1")
    assert served(proxy, basics, "127.0.0.3").sock.close() is None
    gate.open()
    for client in busy:
        assert client.read_response().body == b"held"
        client.close()
    eventually(lambda: served_or_none(proxy, basics), "a place for the next")


def served_or_none(proxy, basics):
    try:
        served(proxy, basics).close()
    except OSError:
        return False
    return True


def test_a_share_is_the_real_clients_behind_a_trusted_proxy(start, basics):
    """The proxy itself is not counted; the address in its PROXY header is."""
    proxy = start(site(basics, bindings=BOTH, require_ssl=False, client_certificate="accept"),
                  limits={"connections_per_client": 2},
                  trusted_proxies={"networks": ["127.0.0.2/32"], "proxy_protocol": "accept"})

    def behind(header):
        client = tlsclient.Connection(tcp(proxy, scheme="http"))
        client.send(header + tlsclient.build())
        assert client.read_response().status == 200
        return client

    own = [behind(b"PROXY UNKNOWN\r\n") for _ in range(5)]
    one = [behind(b"PROXY TCP4 192.0.2.9 198.51.100.2 56324 443\r\n") for _ in range(3)]
    # All of a /64 is one client; the next /64 is another.
    six = [behind(b"PROXY TCP6 2001:db8::%x 2001:db8::2 56324 443\r\n" % at) for at in (1, 2, 3)]
    next_net = behind(b"PROXY TCP6 2001:db8:0:1::1 2001:db8::2 56324 443\r\n")
    assert one[0].is_at_end() and six[0].is_at_end()
    for client in own + one[1:] + six[1:] + [next_net]:
        assert client.request().status == 200
    assert limit_line(proxy, "connections_per_client")["client"] == "192.0.2.9"
    close_all(own + one + six + [next_net])


def descriptors(pid):
    """What a process has open; one that is closed meanwhile is left out."""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(f"/proc/{pid}/fd/{fd}")


def test_a_flood_is_one_line_of_the_log_and_stays_within_the_limit(start, basics):
    """The bounded drill: ten times as many as there may be, and a visitor now and then."""
    proxy = start(site(basics), limits={"connections": 60, "connections_per_client": 50})
    worker = proxy.workers()[0]
    flood = []
    for _ in range(10):
        flood += [tcp(proxy) for _ in range(60)]
        served(proxy, basics, "127.0.0.3").close()
    eventually(lambda: sum(map(is_open, flood)) <= 50, "no more than its share is open")
    if os.access(f"/proc/{worker}/fd", os.R_OK):
        assert sum("socket" in target for target in descriptors(worker)) < 50 + 20
    close_all(flood)
    proxy.stop()
    assert len([one for one in proxy.errors.lines if "client.limit" in one]) == 1


def test_without_descriptors_idle_ones_make_room_as_well(start, basics, tmp_path, monkeypatch):
    script = tmp_path / "few-descriptors"
    script.write_text(f'#!/bin/sh\nulimit -n 60\nexec "{program.BINARY}" "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setattr(program, "BINARY", str(script))
    proxy = start(site(basics))
    held = [served(proxy, basics) for _ in range(100)]
    assert held[0].is_at_end()
    assert held[-1].request().status == 200
    proxy.event("listener.paused")
    close_all(held)


def test_who_holds_more_than_half_makes_room_among_its_own(start, basics):
    """However fast one address opens connections, a stranger's stay, idle or in the handshake."""
    proxy = start(site(basics), limits={"connections": 8})
    others = [served(proxy, basics, "127.0.0.3"), connect(proxy, basics, "127.0.0.4")]
    raw = tcp(proxy, "127.0.0.5")
    flood = [tcp(proxy) for _ in range(100)]
    tls = tlsclient.context(basics.alice)
    others.append(tlsclient.Connection(tls.wrap_socket(raw, server_hostname="server.test")))
    for client in others:
        assert client.request().status == 200
    close_all(flood + others)
