"""Fixtures shared by all subjects.

SPDX-License-Identifier: MIT
"""

import os

import pytest

import pki
import proxy as proxy_module
import upstream as upstream_module


def pytest_configure(config):
    config.addinivalue_line("markers", "lever(name, ...): needs these, see proxy.LEVERS")
    if not os.access(proxy_module.BINARY, os.X_OK):
        raise pytest.UsageError(f"no program at {proxy_module.BINARY}: run make first")


def pytest_runtest_setup(item):
    """A test of what a lever does cannot pass without it; every other one has to."""
    for mark in item.iter_markers("lever"):
        for name in mark.args:
            assert name in proxy_module.LEVERS
            if name in proxy_module.WITHOUT:
                pytest.skip(f"is about {name}, which is switched off")


@pytest.fixture(scope="session")
def basics(tmp_path_factory):
    """One PKI for the whole run; tests may add to it, never change it."""
    return pki.Basics(str(tmp_path_factory.mktemp("pki")))


@pytest.fixture
def start():
    """Starts proxies that must stop cleanly at the end of the test."""
    running = []

    def begin(*sites, **top):
        started = proxy_module.Proxy(proxy_module.configuration(*sites, **top))
        running.append(started)
        return started

    yield begin
    failures = []
    for one in reversed(running):
        try:
            with one:
                pass
        except AssertionError as problem:
            failures.append(str(problem))
    assert not failures, "\n".join(failures)


@pytest.fixture
def backend():
    with upstream_module.Upstream() as started:
        yield started
