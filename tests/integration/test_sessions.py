"""Resumption: whatever way a session goes, it brings back the same client and no older verdict.

SPDX-License-Identifier: MIT
"""

import json
import os
import signal
import ssl
import threading

import pytest

import tlsclient
from events import eventually
from proxy import Proxy, configuration, run, site
from visitor import RESUMING, WAYS, Visitor

FORWARD = {
    "identity": ["rfc9440", "rfc9440-chain"],
    "headers": {"X-Seen-" + name: "{%s}" % name.lower() for name in
                ("Subject", "Issuer", "Serial", "SHA1", "SHA256", "Verdict", "Cipher")},
}


@pytest.fixture(params=list(WAYS))
def way(request):
    return WAYS[request.param]


@pytest.fixture(params=RESUMING)
def resuming_way(request):
    return WAYS[request.param]


def test_resumes_on_every_worker(basics, start, resuming_way):
    version, sessions = resuming_way
    proxy = start(site(basics), workers=3, sessions=sessions)
    visitor = Visitor(basics.alice, version)
    for turn in range(15):
        assert visitor.visit(proxy).status == 200
        assert visitor.reused is (turn > 0)


def test_the_backend_sees_no_difference(basics, start, resuming_way):
    """Whatever is forwarded, the validated chain included, on each worker."""
    version, sessions = resuming_way
    own = basics.root.sub("CN=a CA that only the client has")
    carol = own.issue("CN=carol, O=Contoso", dns=("carol.example.test",))
    proxy = start(site(basics, forward=FORWARD), workers=2, sessions=sessions)
    visitor = Visitor(carol, version)
    first = visitor.visit(proxy, "/same")
    assert first.status == 200 and len(first.seen("client-cert-chain")) == 1
    ignored = {"x-request-id", "x-arr-log-id"}
    wanted = [one for one in first.json()["headers"] if one[0].lower() not in ignored]
    for _ in range(6):
        again = visitor.visit(proxy, "/same")
        assert visitor.reused
        assert [one for one in again.json()["headers"] if one[0].lower() not in ignored] == wanted


def test_switching_off(basics, start):
    """store: 0 leaves TLS 1.3 with tickets: all only; tickets: off leaves TLS 1.2 with nothing."""
    for store, tickets, resumes in ((0, "off", ()), (0, "tls12", ("1.2",)), (0, "all", ("1.2", "1.3")),
                                    (50, "off", ("1.3",)), (50, "tls12", ("1.2", "1.3"))):
        proxy = start(site(basics), sessions={"store": store, "tickets": tickets})
        for version in ("1.2", "1.3"):
            visitor = Visitor(basics.alice, version)
            visitor.visit(proxy)
            assert visitor.visit(proxy).status == 200
            assert visitor.reused is (version in resumes), (store, tickets, version)


def test_without_interning_everything_is_the_same(basics, start, resuming_way):
    version, sessions = resuming_way
    proxy = start(site(basics), workers=2, sessions=sessions,
                  performance={"intern_certificates": False})
    visitor = Visitor(basics.alice, version)
    first = visitor.visit(proxy).seen("client-cert")
    for _ in range(5):
        again = visitor.visit(proxy)
        assert visitor.reused and again.seen("client-cert") == first != []


def test_survives_a_reload_that_changes_nothing(basics, start, resuming_way):
    version, sessions = resuming_way
    proxy = start(site(basics), workers=2, sessions=sessions)
    visitor = Visitor(basics.alice, version)
    visitor.visit(proxy)
    proxy.reload()
    assert visitor.visit(proxy).status == 200
    assert visitor.reused


def test_a_new_policy_ends_it(basics, resuming_way):
    version, sessions = resuming_way
    alice = basics.issuing.issue("CN=alice of the new policy")
    tag = f"{version}-{sessions['tickets']}"
    crl = basics.text(f"policy-{tag}.crl", basics.issuing.crl())
    changes = {
        "trust": {"root": [basics.path("root.pem"), basics.path("outside-root.pem")]},
        "crl": {"revocation": {"crls": [crl]}},
        "usage": {"check_usage": False},
    }
    for trust in changes.values():
        with Proxy(configuration(site(basics), sessions=sessions)) as proxy:
            visitor = Visitor(alice, version)
            visitor.visit(proxy)
            proxy.reload(configuration(site(basics, trust=trust), sessions=sessions))
            visitor.visit(proxy)
            assert not visitor.reused
            visitor.visit(proxy)
            assert visitor.reused  # the new one is as good as the old one was


def test_expires_with_the_certificate(basics, start, way):
    """The session would last two hours, the certificate lasts seconds."""
    version, sessions = way
    proxy = start(site(basics), workers=2, sessions=sessions)
    for seconds in (4, 8, 16, 32):  # more where the machine takes so long for the first visit
        brief = basics.issuing.issue("CN=brief", until=seconds / 86400)
        visitor = Visitor(brief, version)
        if visitor.visit(proxy).status == 200:
            break
    else:
        pytest.fail("never in time")
    # A session resumed in the last second is judged again with the request.
    eventually(lambda: visitor.visit(proxy).status == 403, "the certificate expires")
    assert proxy.refusal("main")["reason"] == "expired"
    visitor.visit(proxy)
    assert not visitor.reused


def test_lifetime_counts_from_the_full_handshake(basics, start, resuming_way):
    version, sessions = resuming_way
    proxy = start(site(basics), sessions={**sessions, "lifetime": "2s"})
    visitor = Visitor(basics.alice, version)

    def is_resumed():
        visitor.visit(proxy)
        return visitor.reused

    eventually(is_resumed, "a session is resumed in time")
    eventually(lambda: not is_resumed(), "a full handshake is due although the client resumed "
                                         "meanwhile")


def test_a_refused_client_is_never_resumed(basics, start, way):
    version, sessions = way
    proxy = start(site(basics), workers=2, sessions=sessions)
    visitor = Visitor(basics.outsider, version)
    for _ in range(4):
        assert visitor.visit(proxy).status == 403
        assert not visitor.reused


def test_sites_do_not_share_sessions(basics, start, way):
    version, sessions = way
    proxy = start(site(basics, name="one", hosts=["one.test"]),
                  site(basics, name="two", hosts=["two.test"]), sessions=sessions)
    visitor = Visitor(basics.alice, version)
    visitor.visit(proxy, host="one.test")
    visitor.visit(proxy, host="two.test")
    assert not visitor.reused


def test_a_small_store_forgets_the_oldest(basics, start):
    proxy = start(site(basics), sessions={"store": 8})
    first = Visitor(basics.alice, "1.3")
    first.visit(proxy)
    others = [Visitor(basics.alice, "1.3") for _ in range(20)]
    for one in others:
        assert one.visit(proxy).status == 200
    assert first.visit(proxy).status == 200
    assert not first.reused
    others[-1].visit(proxy)
    assert others[-1].reused


def test_killed_workers_disturb_nobody_else(basics, start):
    """kill -9 again and again while clients resume; every answer that comes is right."""
    proxy = start(site(basics), workers=2, sessions={"store": 64})
    wrong, answers, stop = [], [], threading.Event()

    def client():
        visitor = Visitor(basics.alice, "1.3")
        while not stop.is_set():
            try:
                answer = visitor.visit(proxy)
                answers.append(visitor.reused)
                if answer.status != 200 or "client-cert" not in answer.body.decode().lower():
                    wrong.append(answer.status)
            except (OSError, ssl.SSLError, tlsclient.Closed):
                stop.wait(0.01)  # its worker was killed

    threads = [threading.Thread(target=client, daemon=True) for _ in range(4)]
    for one in threads:
        one.start()
    try:
        for count in range(1, 4):
            eventually(lambda count=count: len(answers) > 40 * count, "clients are answered")
            before = proxy.workers()
            os.kill(before[count % 2], signal.SIGKILL)
            eventually(lambda before=before: proxy.are_replaced(before), "the worker is replaced")
        before = len(answers)
        eventually(lambda: sum(answers[before:]) > 40, "sessions are resumed after the last kill")
    finally:
        stop.set()
        for one in threads:
            one.join()
    assert not wrong


def ticket_file(basics, name, *keys, mode=0o600):
    path = basics.path(name)
    with open(path, "wb") as out:
        out.write(b"".join(keys))
    os.chmod(path, mode)
    return path


def test_machines_with_the_same_keys_share_tickets(basics, start):
    old, new = os.urandom(80), os.urandom(80)

    def machine(name, *keys):
        path = ticket_file(basics, name + ".keys", *keys)
        return start(site(basics), sessions={"tickets": "all", "ticket_keys": path})

    one, two, three = machine("one", old), machine("two", new, old), machine("three", new)
    for version in ("1.2", "1.3"):
        visitor = Visitor(basics.alice, version)
        visitor.visit(one)
        assert visitor.visit(two).status == 200
        assert visitor.reused  # by the second key
        if version == "1.3":  # the client kept the ticket of `two`, sealed with its first key
            assert visitor.visit(three).status == 200
            assert visitor.reused
        stranger = Visitor(basics.alice, version)
        stranger.visit(one)
        stranger.visit(three)
        assert not stranger.reused


@pytest.mark.parametrize("size", [0, 79, 81, 48, 17 * 80])
def test_ticket_keys_of_the_wrong_size(basics, tmp_path, size):
    path = ticket_file(basics, "wrong.keys", bytes(size))
    config = tmp_path / "proxy.yaml"
    config.write_text(json.dumps(
        configuration(site(basics), sessions={"ticket_keys": path}), indent=1))
    done = run("check", "-c", str(config))
    assert done.returncode == 1
    assert "error: " in done.stderr and "ticket keys of 80 bytes" in done.stderr
    assert ":0:" not in done.stderr  # it says where


def test_ticket_keys_that_others_can_read(basics, tmp_path):
    path = ticket_file(basics, "open.keys", os.urandom(80), mode=0o644)
    config = tmp_path / "proxy.yaml"
    config.write_text(json.dumps(
        configuration(site(basics), sessions={"ticket_keys": path}), indent=1))
    done = run("check", "-c", str(config))
    assert done.returncode == 0
    assert "warning: " in done.stderr and "can be read by others" in done.stderr


def test_a_change_of_the_store_needs_a_restart(basics, start):
    proxy = start(site(basics), sessions={"store": 100})
    proxy.configure(configuration(site(basics), sessions={"store": 200}))
    start_at = proxy.marker()
    proxy.signal(signal.SIGHUP)
    proxy.event("sessions.store", start=start_at)
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200
