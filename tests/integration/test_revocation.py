"""Revocation lists that change while the proxy runs: no reload, no restart, no open file in a worker.

What counts is Windows' behaviour with its cache of CRLs (IIS "Enable Client Certificate
Revocation", KB294305) and RFC 5280 section 6.3; the static rows are in test_trust_modes.

SPDX-License-Identifier: MIT
"""

import os
import re
import signal
import threading

import pytest
from cryptography import x509

import pki
import tlsclient
from proxy import Proxy, configuration, site, wait_gone
from trust_cases import ALLOWED, CDP, OFFLINE, REVOKED
from visitor import RESUMING_VERSIONS

VERSIONS = ["1.2", "1.3"]
SANITIZED = "asan" in os.environ.get("MTLS_PROXY_BIN", "")


class Folder:
    """A folder of CRLs that a site reads; files appear in it at once, as a careful tool does."""

    def __init__(self, path):
        self.path = str(path)
        os.makedirs(self.path, exist_ok=True)

    def file(self, name):
        return os.path.join(self.path, name)

    def put(self, name, content):
        if isinstance(content, str):
            content = content.encode()
        with open(self.file(".new"), "wb") as out:
            out.write(content)
        os.rename(self.file(".new"), self.file(name))

    def remove(self, name):
        os.remove(self.file(name))


class Served:
    """A running proxy whose one site reads a folder of CRLs."""

    def __init__(self, basics, folder, workers=1, **revocation):
        self.basics = basics
        self.folder = folder
        self.workers = workers
        self.config = configuration(
            site(basics, trust={"revocation": {"crls": [folder.path], **revocation}}),
            workers=workers)
        self.proxy = Proxy(self.config)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        return self.proxy.__exit__(*what)

    def changes(self, action, event="crl.reloaded", workers=None):
        """Does something to the folder and waits until the workers know."""
        start = self.proxy.marker()
        action()
        line = self.proxy.event(f" {event} ", start=start)
        if event == "crl.reloaded" and workers != 0:
            self.proxy.event(" worker.crls ", count=workers or self.workers, start=start)
        return line

    def put(self, name, content, **more):
        return self.changes(lambda: self.folder.put(name, content), **more)

    def judge(self, identity, path, **how):
        tlsclient.fetch(self.proxy, path, identity=identity, **how)
        return self.proxy.verdict(path)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "crls")


@pytest.fixture(scope="module")
def pointed(basics):
    """A client whose certificate says where its CRL would be."""
    return basics.issuing.issue("CN=pointed", cdp=CDP)


@pytest.mark.parametrize("version", VERSIONS)
def test_revoked_while_connected_is_refused_at_the_next_request(basics, folder, version):
    folder.put("issuing.crl", basics.issuing.crl())
    with Served(basics, folder) as served:
        with tlsclient.connect(served.proxy, basics.alice, version=version) as client:
            assert client.request(target="/before").status == 200
            line = served.put("more.crl", basics.issuing.crl([basics.alice], number=2))
            assert 'site="main" crls=2 entries=1' in line
            assert client.request(target="/after").status == 403
        assert served.proxy.verdict("/before") == ALLOWED
        assert served.proxy.verdict("/after") == REVOKED
        assert "master.reloaded" not in served.proxy.errors.text()


@pytest.mark.parametrize("version", RESUMING_VERSIONS)
def test_revoked_client_does_not_resume(basics, folder, version):
    folder.put("issuing.crl", basics.issuing.crl())
    with Served(basics, folder) as served:
        tls = tlsclient.context(basics.alice, version=version)
        with tlsclient.connect(served.proxy, tls=tls) as client:
            assert client.request().status == 200
            session = client.sock.session
        with tlsclient.connect(served.proxy, tls=tls, session=session) as client:
            assert client.sock.session_reused
            assert client.request().status == 200
            session = client.sock.session
            served.put("issuing.crl", basics.issuing.crl([basics.alice], number=2))
            assert client.request(target="/open").status == 403  # resumed before, open since
        with tlsclient.connect(served.proxy, tls=tls, session=session) as client:
            assert not client.sock.session_reused
            assert client.request(target="/resumed").status == 403
        assert served.proxy.verdict("/open") == REVOKED
        assert served.proxy.verdict("/resumed") == REVOKED


@pytest.mark.parametrize("version", RESUMING_VERSIONS)
def test_others_go_on_when_a_list_changes(basics, folder, version):
    """Also those that resumed: their chain is judged anew from the stores."""
    other = basics.issuing.issue("CN=other")
    folder.put("issuing.crl", basics.issuing.crl())
    with Served(basics, folder) as served:
        tls = tlsclient.context(basics.alice, version=version)
        with tlsclient.connect(served.proxy, tls=tls) as first:
            assert first.request().status == 200
            session = first.sock.session
            with tlsclient.connect(served.proxy, tls=tls, session=session) as second:
                assert second.sock.session_reused and second.request().status == 200
                served.put("issuing.crl", basics.issuing.crl([other], number=2))
                assert first.request().status == second.request().status == 200
        with tlsclient.connect(served.proxy, tls=tls) as client:
            assert client.request().status == 200
            session = client.sock.session
        with tlsclient.connect(served.proxy, tls=tls, session=session) as client:
            assert client.sock.session_reused  # a session of the new generation


@pytest.mark.parametrize("version", RESUMING_VERSIONS)
def test_resumed_client_is_judged_anew_with_the_chain_it_sent(basics, folder, version):
    """Its intermediates are in no store, and it has not sent them again."""
    folder.put("issuing.crl", basics.issuing.crl())
    revocation = {"crls": [folder.path]}
    sites = [site(basics, trust={"intermediate": [], "revocation": revocation})]
    with Proxy(configuration(*sites)) as proxy:
        tls = tlsclient.context(basics.alice, version=version)
        with tlsclient.connect(proxy, tls=tls) as first:
            assert first.request().status == 200
            with tlsclient.connect(proxy, tls=tls, session=first.sock.session) as second:
                assert second.sock.session_reused and second.request().status == 200
                folder.put("issuing.crl", basics.issuing.crl(number=2))
                proxy.event(" worker.crls ")
                assert first.request().status == second.request().status == 200
                folder.put("issuing.crl", basics.issuing.crl([basics.alice], number=3))
                proxy.event(" worker.crls ", count=2)
                assert first.request(target="/first").status == 403
                assert second.request(target="/second").status == 403
        assert proxy.verdict("/first") == proxy.verdict("/second") == REVOKED


def test_hold_is_lifted_by_a_delta(basics, folder):
    """RFC 5280 section 5.3.1: removeFromCRL."""
    hold = x509.ReasonFlags.certificate_hold
    remove = x509.ReasonFlags.remove_from_crl
    folder.put("base.crl", basics.issuing.crl([basics.alice], reasons=hold, number=5))
    with Served(basics, folder) as served:
        with tlsclient.connect(served.proxy, basics.alice) as client:
            assert client.request(target="/held").status == 403
            served.put("delta.crl", basics.issuing.crl([basics.alice], reasons=remove, number=6,
                                                       base=5))
            assert served.judge(basics.alice, "/lifted") == ALLOWED
            served.put("delta.crl", basics.issuing.crl([basics.alice], reasons=hold, number=7,
                                                       base=5))
            assert served.judge(basics.alice, "/again") == REVOKED
        assert served.proxy.verdict("/held") == REVOKED


def test_replaced_by_an_expired_list_is_offline_with_and_without_a_pointer(basics, folder, pointed):
    folder.put("issuing.crl", basics.issuing.crl())
    with Served(basics, folder) as served:
        with tlsclient.connect(served.proxy, basics.alice) as client:
            assert client.request().status == 200
            served.put("issuing.crl", basics.issuing.crl(since=-20, until=-1, number=2))
            assert client.request(target="/open").status == 403
        assert served.proxy.verdict("/open") == OFFLINE
        assert served.judge(basics.alice, "/plain") == OFFLINE
        assert served.judge(pointed, "/pointed") == OFFLINE
        served.put("issuing.crl", basics.issuing.crl([basics.alice], since=-20, until=-1, number=3))
        assert served.judge(basics.alice, "/listed") == REVOKED  # expired, but it says so
        assert served.judge(pointed, "/unlisted") == OFFLINE


@pytest.mark.parametrize("missing", ["if_cdp", "always"])
def test_deleted_list(basics, folder, pointed, missing):
    folder.put("issuing.crl", basics.issuing.crl([basics.outsider]))
    folder.put("root.crl", basics.root.crl())
    with Served(basics, folder, missing=missing) as served:
        assert served.judge(basics.alice, "/before") == ALLOWED
        assert served.judge(pointed, "/pointed-before") == ALLOWED
        # It stays in use: test_crl_files has all the ways in which a list can go.
        served.changes(lambda: folder.remove("issuing.crl"), event="crl.kept")
        line = served.proxy.event(" crl.unchanged ")
        assert "crls=2 entries=1" in line and "kept=1" in line
        assert served.judge(basics.alice, "/after") == ALLOWED
        assert served.judge(pointed, "/pointed-after") == ALLOWED
        served.changes(lambda: folder.remove("root.crl"), event="crl.kept")
        line = served.put("issuing.crl", basics.issuing.crl([pointed], number=2))
        assert "crls=2 entries=1" in line and "kept=1" in line
        assert served.judge(pointed, "/pointed-back") == REVOKED
        assert served.judge(basics.alice, "/back") == ALLOWED


def test_disabled_check_reads_nothing(basics, folder):
    folder.put("garbage.crl", "garbage")
    with Served(basics, folder, check=False) as served:
        folder.put("issuing.crl", basics.issuing.crl([basics.alice]))
        assert served.judge(basics.alice, "/unchecked") == ALLOWED
        assert "crl." not in served.proxy.errors.text()


def test_unreadable_file_keeps_what_there_was_until_it_is_mended(basics, folder):
    folder.put("issuing.crl", basics.issuing.crl([basics.alice]))
    with Served(basics, folder) as served:
        line = served.put("garbage.crl", "no CRL at all", event="crl.failed")
        assert 'site="main"' in line and "garbage.crl" in line and "cannot be decoded" in line
        assert served.judge(basics.alice, "/kept") == REVOKED
        # Nobody is let in because a list is gone, broken files beside it or not.
        served.changes(lambda: folder.remove("issuing.crl"), event="crl.failed")
        assert served.judge(basics.alice, "/still-kept") == REVOKED
        served.put("garbage.crl", basics.issuing.crl(number=2))
        assert served.judge(basics.alice, "/mended") == ALLOWED
        # The same content as before the failure is worth a line, too: all is well again.
        served.put("bad.crl", basics.issuing.crl()[:200], event="crl.failed")
        served.changes(lambda: folder.remove("bad.crl"), workers=0)
        assert served.judge(basics.alice, "/well") == ALLOWED


def test_half_written_file_is_read_when_it_is_closed(basics, folder):
    folder.put("issuing.crl", basics.issuing.crl())
    text = basics.issuing.crl([basics.alice], number=2)
    with Served(basics, folder) as served:
        with open(folder.file("slow.crl"), "w", encoding="ascii") as out:
            out.write(text[:100])
            out.flush()
            # Another file's change meanwhile finds the half of this one.
            served.put("root.crl", basics.root.crl(), event="crl.failed")
            assert served.judge(basics.alice, "/half") == ALLOWED
            out.write(text[100:])
            served.changes(out.close)
        assert served.judge(basics.alice, "/whole") == REVOKED


def test_missing_listed_file_keeps_what_there_was(basics, folder):
    folder.put("one.crl", basics.issuing.crl([basics.alice]))
    listed = Folder(folder.path)
    listed.path = folder.file("one.crl")
    with Served(basics, listed) as served:
        line = served.changes(lambda: folder.remove("one.crl"), event="crl.failed")
        assert "one.crl" in line and "No such file" in line
        assert served.judge(basics.alice, "/kept") == REVOKED
        served.changes(lambda: folder.put("one.crl", basics.issuing.crl(number=2)))
        assert served.judge(basics.alice, "/back") == ALLOWED
        served.changes(lambda: folder.put("one.crl", "junk"), event="crl.failed")
        assert served.judge(basics.alice, "/junk") == ALLOWED
        # Written in place, as an editor may do it.

        def write():
            with open(folder.file("one.crl"), "w", encoding="ascii") as out:
                out.write(basics.issuing.crl([basics.alice], number=3))

        served.changes(write)
        assert served.judge(basics.alice, "/in-place") == REVOKED


def test_folder_behind_a_link_that_is_exchanged(basics, tmp_path):
    """The way volumes of containers are updated: a hidden link is renamed over."""
    folder = Folder(tmp_path / "crls")
    for name, content in (("..a", basics.issuing.crl()),
                          ("..b", basics.issuing.crl([basics.alice], number=2))):
        Folder(folder.file(name)).put("issuing.crl", content)
    os.symlink("..a", folder.file("..data"))
    os.symlink("..data/issuing.crl", folder.file("issuing.crl"))
    with Served(basics, folder) as served:
        assert served.judge(basics.alice, "/a") == ALLOWED

        def exchange():
            os.symlink("..b", folder.file("..new"))
            os.rename(folder.file("..new"), folder.file("..data"))

        served.changes(exchange)
        assert served.judge(basics.alice, "/b") == REVOKED


def test_list_of_a_ca_that_only_the_client_presents(basics, folder):
    """Its signature can be checked only once the client has shown the CA."""
    hidden = basics.root.sub("CN=Hidden CA")
    bob = hidden.issue("CN=bob")
    forged = pki.authority("CN=Hidden CA")
    folder.put("issuing.crl", basics.issuing.crl())
    with Served(basics, folder) as served:
        with tlsclient.connect(served.proxy, bob) as client:
            assert client.request().status == 200
            served.put("hidden.crl", forged.crl([bob]))
            assert client.request(target="/forged").status == 403
            served.put("hidden.crl", hidden.crl())
        assert served.proxy.verdict("/forged") == OFFLINE
        assert served.judge(bob, "/good") == ALLOWED
        served.put("hidden.crl", hidden.crl([bob], number=2))
        assert served.judge(bob, "/revoked") == REVOKED


def test_each_site_has_lists_of_its_own(basics, tmp_path):
    """A connection that was made for one site is judged under the lists of the one it asks for."""
    folders = [Folder(tmp_path / name) for name in ("one", "two")]
    for one in folders:
        one.put("issuing.crl", basics.issuing.crl())
    sites = [site(basics, name=name, bindings=["https://127.0.0.1:0"], hosts=[f"{name}.test"],
                  trust={"revocation": {"crls": [one.path]}})
             for name, one in zip(("one", "two"), folders)]
    with Proxy(configuration(*sites)) as proxy:
        with tlsclient.connect(proxy, basics.alice, sni="one.test") as client:
            assert client.request(host="one.test").status == 200
            assert client.request(host="two.test").status == 200
            folders[1].put("issuing.crl", basics.issuing.crl([basics.alice], number=2))
            assert 'site="two"' in proxy.event(" crl.reloaded ")
            proxy.event(" worker.crls ")
            assert client.request(host="one.test").status == 200
            assert client.request(target="/two", host="two.test").status == 403
        assert proxy.verdict("/two") == REVOKED


def test_worker_that_is_replaced_has_the_newest(basics, folder):
    folder.put("issuing.crl", basics.issuing.crl())
    with Served(basics, folder) as served:
        served.put("issuing.crl", basics.issuing.crl([basics.alice], number=2))
        start = served.proxy.marker()
        before = served.proxy.workers()
        os.kill(before[0], signal.SIGTERM)
        served.proxy.event(" worker.started ", start=start)
        wait_gone(before)
        assert served.judge(basics.alice, "/new-worker") == REVOKED


def test_draining_generation_and_new_one_both_learn(basics, folder):
    folder.put("issuing.crl", basics.issuing.crl())
    with Served(basics, folder) as served:
        served.config["timeouts"] = {"reload_grace": "60s", "reload_drain": "60s"}
        served.proxy.reload(served.config)
        served.config["timeouts"] = {"reload_grace": "60s", "reload_drain": "61s"}
        with tlsclient.connect(served.proxy, basics.alice) as old:
            # A request that is under way keeps its generation alive.
            old.send(tlsclient.build("POST", "/upload", [("Content-Length", "4")]) + b"ab")
            served.proxy.reload(served.config)
            served.put("issuing.crl", basics.issuing.crl([basics.alice], number=2), workers=2)
            assert served.judge(basics.alice, "/new") == REVOKED
            old.send(b"cd")
            assert old.read_response().status == 200


def test_old_list_makes_the_proxy_look_again(basics, folder):
    """revocationfreshnesstime: older than that is reason to look again, never to refuse."""
    folder.put("issuing.crl", basics.issuing.crl(since=-2))
    with Served(basics, folder, freshness_time="1s") as served:
        start = served.proxy.marker()
        served.proxy.event(" crl.unchanged ", count=2, start=start)
        assert served.judge(basics.alice, "/old") == ALLOWED


def anonymous_kilobytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as source:
        return int(re.search(r"RssAnon:\s+(\d+)", source.read()).group(1))


def cpu_seconds(pids):
    """Processor time of these processes so far, each for itself."""
    seconds = []
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as source:
            fields = source.read().rsplit(")", 1)[1].split()
        seconds.append((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
    return seconds


class Probe(threading.Thread):
    """Sends one request after the other and keeps the most that a worker did meanwhile: its own
    time, since how long a request takes on the wall is also up to what else the machine does."""

    def __init__(self, connection, workers):
        super().__init__()
        self.connection = connection
        self.workers = workers
        self.longest = 0.0
        self.count = 0
        self.statuses = set()
        self.is_stopping = threading.Event()

    def run(self):
        while not self.is_stopping.is_set():
            before = cpu_seconds(self.workers)
            self.statuses.add(self.connection.request().status)
            after = cpu_seconds(self.workers)
            self.longest = max(self.longest, *(b - a for a, b in zip(before, after)))
            self.count += 1

    def stop(self):
        self.is_stopping.set()
        self.join()


def test_a_million_entries_reach_two_workers_without_a_stall(basics, folder):
    """One copy for all: what the workers hold themselves does not grow."""
    count = 20_000 if SANITIZED else 1_000_000
    revoked = basics.issuing.issue("CN=revoked", serial=(1 << 128) + 12345)
    huge = basics.issuing.huge_crl(count, [revoked])
    folder.put("issuing.crl", basics.issuing.crl())
    with Served(basics, folder, workers=2) as served:
        assert served.judge(revoked, "/before") == ALLOWED
        workers = served.proxy.workers()
        probes = [Probe(tlsclient.connect(served.proxy, basics.alice), workers) for _ in range(4)]
        assert all(one.connection.request().status == 200 for one in probes)
        before = {pid: anonymous_kilobytes(pid) for pid in workers}
        for one in probes[:2]:
            one.start()
        line = served.put("issuing.crl", huge)
        assert f"entries={count + 1}" in line
        for one in probes[:2]:
            one.stop()
            assert one.statuses == {200} and one.count > 0
        assert served.judge(revoked, "/listed") == REVOKED
        for one in probes:
            assert one.connection.request().status == 200
            one.connection.close()
        if not SANITIZED:
            assert max(one.longest for one in probes) < 0.25
            # The table of serial numbers alone has 24 MB.
            assert all(anonymous_kilobytes(pid) - before[pid] < 8192 for pid in workers)
