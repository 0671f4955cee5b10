"""Memory that a burst took is given back when it is over.

SPDX-License-Identifier: MIT
"""

import os
import ssl

import pytest

import tlsclient
from events import eventually
from proxy import fields_of, site

COUNT = 400
SANITIZED = "asan" in os.environ.get("MTLS_PROXY_BIN", "")


class HalfDone:
    """A handshake that stops before the client's last message, and goes on when told."""

    def __init__(self, proxy, tls):
        self.sock = tlsclient.tcp(proxy)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls.wrap_bio(self.incoming, self.outgoing, server_hostname="server.test")
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.do_handshake()
        self.sock.sendall(self.outgoing.read())
        self.incoming.write(self.sock.recv(65536))

    def finish(self):
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.incoming.write(self.sock.recv(65536))
        self.sock.sendall(self.outgoing.read())

    def close(self):
        self.sock.close()


def resident(proxy):
    return max(proxy.rss().values())


@pytest.mark.lever("handover")  # else a connection keeps a third of it by itself
@pytest.mark.skipif(SANITIZED, reason="the sanitizer has an allocator of its own")
def test_many_handshakes_at_once(start, basics):
    proxy = start(site(basics), timeouts={"handshake": "1h", "idle": "1h"})
    tls = tlsclient.context(basics.alice)
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200
    before = resident(proxy)
    clients = [HalfDone(proxy, tls) for _ in range(COUNT)]
    grown = resident(proxy) - before
    assert grown > COUNT * 20  # KiB: else there is nothing to give back
    for client in clients:
        client.finish()
    line = fields_of(proxy.event("worker.trim"))
    assert line["released"] == "yes"
    eventually(lambda: resident(proxy) - before < grown * 0.6, "the memory comes back")
    for client in clients:
        client.close()
