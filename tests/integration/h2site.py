"""The proxy and the backend of the tests of HTTP/2.

SPDX-License-Identifier: MIT
"""

import pytest

import upstream as upstream_module
from h2client import Client, Frames
from proxy import Proxy, configuration, site


@pytest.fixture(scope="module")
def recorder():
    with upstream_module.Upstream() as started:
        yield started


@pytest.fixture(scope="module")
def proxy(basics, recorder):
    made = site(basics, upstream=recorder.url,
                locations=[{"path": "/open", "client_certificate": "ignore"},
                           {"path": "/echo", "upstream": "echo"},
                           {"path": "/whole", "forward": {"request_body": "buffer"}}])
    fields = "date time cs-method cs-uri-stem cs-version sc-status sc-substatus sc-win32-status"
    log = {"error": {"level": "info"},
           "access": {"path": "stdout", "flush": "10ms", "fields": fields.split()}}
    with Proxy(configuration(made, log=log)) as started:
        yield started


@pytest.fixture
def client(proxy, basics):
    with Client(proxy, basics.alice) as connection:
        yield connection


@pytest.fixture
def by_hand(proxy, basics):
    with Frames(proxy, basics.alice) as connection:
        yield connection
