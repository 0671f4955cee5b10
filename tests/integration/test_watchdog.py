"""A worker that hangs is noticed and replaced; one that is merely slow, or held by a debugger, is not.

SPDX-License-Identifier: MIT
"""

import ctypes
import os
import signal
import threading

import pytest

import tlsclient
from events import DEADLINE, eventually
from proxy import configuration, fields_of, site, wait_gone

PTRACE_ATTACH, PTRACE_DETACH = 16, 17


def first_worker(proxy):
    return proxy.workers()[0]


def request_all(proxy, basics, count):
    for _ in range(count):
        assert tlsclient.fetch(proxy, identity=basics.alice).status == 200


def test_a_stopped_worker_is_replaced_and_nobody_waits_for_it(start, basics):
    proxy = start(site(basics), workers=2, timeouts={"worker": "0s"})
    before = proxy.workers()
    proxy.reload(configuration(site(basics), workers=2, timeouts={"worker": "2s"}))
    wait_gone(before)
    hung = first_worker(proxy)
    os.kill(hung, signal.SIGSTOP)
    line = fields_of(proxy.event("worker.hung"))
    assert (line["pid"], line["timeout_ms"], line["how"]) == (str(hung), "2000", "killed")
    request_all(proxy, basics, 12)
    proxy.event("worker.died")
    eventually(lambda: len(proxy.workers()) == 2 and hung not in proxy.workers(), "a new worker")
    request_all(proxy, basics, 12)


def test_who_came_to_the_hung_worker_is_served_by_the_next(start, basics):
    """The socket is the master's: what waits in its queue is not lost."""
    proxy = start(site(basics), workers=1, timeouts={"worker": "2s"})
    os.kill(first_worker(proxy), signal.SIGSTOP)
    answers = []
    visitors = [threading.Thread(target=lambda: answers.append(
        tlsclient.fetch(proxy, identity=basics.alice).status)) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    proxy.event("worker.hung")
    for visitor in visitors:
        visitor.join(DEADLINE)
    assert answers == [200] * 4


def test_new_connections_avoid_a_worker_long_before_it_counts_as_hung(start, basics):
    proxy = start(site(basics), workers=2, timeouts={"worker": "1h"})
    stopped, begin = first_worker(proxy), proxy.marker()
    os.kill(stopped, signal.SIGSTOP)
    try:
        proxy.event("worker.slow")
        proxy.event("listeners.steered slots=2 alive=1", start=begin)
        request_all(proxy, basics, 20)
    finally:
        os.kill(stopped, signal.SIGCONT)
    proxy.event("worker.answers")
    assert stopped in proxy.workers()
    request_all(proxy, basics, 12)


def test_a_hung_worker_that_drains_goes_too(start, basics):
    proxy = start(site(basics), timeouts={"worker": "2s", "reload_grace": "1h"})
    old = first_worker(proxy)
    with tlsclient.connect(proxy, basics.alice) as client:
        assert client.request().status == 200
        proxy.reload()
        os.kill(old, signal.SIGSTOP)
        assert fields_of(proxy.event("worker.hung"))["pid"] == str(old)
        wait_gone([old])
    request_all(proxy, basics, 3)


def test_a_debugger_may_hold_a_worker(start, basics):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    proxy = start(site(basics), timeouts={"worker": "2s"})
    held = first_worker(proxy)
    if libc.ptrace(PTRACE_ATTACH, held, None, None) != 0:
        pytest.skip("may not trace the worker")
    os.waitpid(held, 0x40000000)  # __WALL: until it stands still
    try:
        assert fields_of(proxy.event("worker.hung"))["how"] == "traced"
    finally:
        libc.ptrace(PTRACE_DETACH, held, None, None)
    request_all(proxy, basics, 3)
    assert proxy.workers() == [held]
