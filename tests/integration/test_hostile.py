"""The hostile corpus, end to end over TLS: never ambiguous framing at the backend, never another
number of answers than of requests, never a hang, and the next client gets its own answer.

hostile/compare.py runs the same cases against other proxies.

SPDX-License-Identifier: MIT
"""

import collections
import socket

import pytest

import tlsclient
from hostile.corpus import CASES
from hostile.runner import PATIENCE, Backend, run_case
from proxy import Proxy, configuration, site

LIMITS = {"target_bytes": "2k", "header_bytes": "8k", "header_count": 50, "body_bytes": "64k"}
IDENTITY = ["rfc9440-chain", "iis-arr", "xfcc", "nginx", "traefik", "aws-alb", "apache"]
MAPPING = {"many_to_one": [{"name": "everybody", "user": "mapped",
                            "rules": [{"field": "subject", "subfield": "CN", "match": "*"}]}]}


@pytest.fixture(scope="module")
def recorder():
    started = Backend()
    yield started
    started.close()


@pytest.fixture(scope="module")
def proxy(basics, recorder):
    made = site(basics, upstream=recorder.url, mapping=MAPPING,
                forward={"identity": IDENTITY, "headers": {"X-Remote-User": "{user}"}})
    timeouts = {"header": "5s", "body": "5s", "idle": "5s"}
    with Proxy(configuration(made, limits=LIMITS, timeouts=timeouts)) as started:
        yield started


@pytest.fixture(scope="module")
def connect(proxy, basics):
    """Makes a connection after its handshake; sessions are resumed, which is quicker."""
    tls = tlsclient.context(basics.alice)
    sessions = []

    def begin():
        raw = socket.create_connection(proxy.address(), timeout=PATIENCE)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock = tls.wrap_socket(raw, server_hostname="server.test",
                               session=sessions[-1] if sessions else None)
        return sock
    return begin


def test_the_corpus_is_large_and_its_titles_differ():
    counts = collections.Counter(one.title for one in CASES)
    assert not [title for title, count in counts.items() if count > 1]
    assert len(CASES) > 300


@pytest.mark.parametrize("number", range(len(CASES)), ids=[one.title for one in CASES])
def test_hostile(connect, recorder, number):
    assert not run_case(CASES[number], number, connect, recorder)
