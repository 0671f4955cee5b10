"""A client that comes back, and the ways in which its session can be resumed.

SPDX-License-Identifier: MIT
"""

import pytest

import tlsclient

WAYS = {
    "tls12-ticket": ("1.2", {"tickets": "tls12"}),
    "tls13-store": ("1.3", {"tickets": "tls12"}),
    "tls13-ticket": ("1.3", {"tickets": "all"}),
    "tls13-store-alone": ("1.3", {"tickets": "off"}),
}
# For tests that want to see a session resumed; each way sets its tickets itself.
RESUMING = [
    pytest.param(name, marks=pytest.mark.lever("session_store")) if "store" in name else name
    for name in WAYS
]
# The same with default settings.
RESUMING_VERSIONS = [
    pytest.param("1.2", marks=pytest.mark.lever("tickets")),
    pytest.param("1.3", marks=pytest.mark.lever("session_store")),
]


class Visitor:
    """A client that resumes whatever session it was given last."""

    def __init__(self, identity, version, chain=None):
        self.tls = tlsclient.context(identity, chain, version)
        self.session = None
        self.reused = None

    def visit(self, proxy, target="/", host="server.test", headers=()):
        with tlsclient.connect(proxy, tls=self.tls, sni=host, session=self.session) as client:
            answer = client.get_json(target, headers, host=host)
            self.reused = client.sock.session_reused
            self.session = client.sock.session
            return answer
