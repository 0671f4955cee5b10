"""What is remembered never outlives what it was reached under: docs/architecture.md, "Levers".

Verdicts, certificates and sessions are remembered for speed. These tests change what they depend on
between two visits of one client: by a reload, by another CRL, by a restart, at another site, at
another worker, and while hardly anything fits into the caches.

SPDX-License-Identifier: MIT
"""

import os
import signal
import ssl
import threading

import pytest

import tlsclient
from events import eventually
from proxy import LEVERS, Proxy, configuration, site
from visitor import WAYS, Visitor

VERSIONS = ["1.2", "1.3"]
TINY = {"verdict_cache": 2, "certificate_table": 2, "free_buffers": 1, "bulk_buffers": 1}


@pytest.fixture(params=list(WAYS))
def way(request):
    return WAYS[request.param]


@pytest.fixture
def crl(basics, tmp_path):
    """A CRL file of the issuing authority; call it with those it revokes."""
    path = str(tmp_path / "issuing.crl")
    count = 0

    def write(*revoked):
        nonlocal count
        count += 1
        with open(path + ".new", "w", encoding="ascii") as out:
            out.write(basics.issuing.crl(revoked, number=count))
        os.rename(path + ".new", path)
        return path

    return write


def refusals(proxy, path):
    """Substatus of every answer to the path so far."""
    lines = [line.split(" ") for line in proxy.access_lines.lines if f" {path} " in line]
    return {tuple(line[-4:-2]) for line in lines}


# Another policy

def changed(basics, crl, name, alice):
    return {
        "root": {"root": [basics.path("outside-root.pem")]},
        "mode": {"mode": "exclusive_ca", "trusted_issuers": [basics.path("outside-issuing.pem")]},
        "disallowed": {"disallowed": [alice.write(basics.path("disallowed.pem"))]},
        "crl": {"revocation": {"crls": [crl(alice)]}},
    }[name]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("change", ["root", "mode", "disallowed", "crl"])
def test_no_verdict_survives_a_reload_that_changes_it(basics, start, crl, change, version):
    """On connections from before, on new ones, on resumed ones, on either worker; and back."""
    alice = basics.issuing.issue("CN=alice of many policies")
    before = site(basics)
    proxy = start(before, workers=2)
    visitors = [Visitor(alice, version) for _ in range(4)]
    for _ in range(2):
        for one in visitors:
            assert one.visit(proxy, "/good").status == 200
    kept = [tlsclient.connect(proxy, tls=visitors[0].tls) for _ in range(4)]
    assert all(one.request().status == 200 for one in kept)
    proxy.reload(configuration(site(basics, trust=changed(basics, crl, change, alice)), workers=2))
    for one in kept:
        try:
            assert one.request(target="/kept").status in (403, 503)
        except (OSError, tlsclient.Closed):
            pass  # closed as soon as the policy changed
        one.close()
    for one in visitors * 2:
        assert one.visit(proxy, "/changed").status == 403
        assert not one.reused
    # A refusal is remembered no longer, either.
    proxy.reload(configuration(before, workers=2))
    for one in visitors * 2:
        assert one.visit(proxy, "/back").status == 200


# Another site

def test_no_session_of_a_site_with_other_rules_counts(basics, start, way):
    """Each side of a pair knows its client well; at the other site it is a stranger."""
    version, sessions = way
    outside = {"root": [basics.path("outside-root.pem")],
               "intermediate": [basics.path("outside-issuing.pem")]}
    proxy = start(site(basics, name="ours", hosts=["ours.test"]),
                  site(basics, name="theirs", hosts=["theirs.test"], trust=outside),
                  site(basics, name="open", hosts=["open.test"], client_certificate="ignore"),
                  sessions=sessions, workers=2)
    for identity, home, away in ((basics.alice, "ours.test", "theirs.test"),
                                 (basics.outsider, "theirs.test", "ours.test"),
                                 (None, "open.test", "ours.test")):
        visitor = Visitor(identity, version)
        for _ in range(4):
            assert visitor.visit(proxy, host=home).status == 200
            session = visitor.session
            assert visitor.visit(proxy, host=away).status == 403
            assert not visitor.reused
            visitor.session = session
            # Nor does a resumed connection carry it over.
            with tlsclient.connect(proxy, tls=visitor.tls, sni=home, session=session) as client:
                assert client.request(host=away).status == 421
        # The site itself still takes it: nothing above was for want of a session.
        assert visitor.visit(proxy, host=home).status == 200


# Revoked

@pytest.mark.parametrize("how", ["read again", "reload"])
def test_a_revoked_client_resumes_nowhere(basics, start, crl, way, how):
    """Sessions from two workers, offered to both, after either way to learn of a CRL; and open
    connections, full and resumed."""
    version, sessions = way
    carol = basics.issuing.issue("CN=carol")
    trust = {"revocation": {"crls": [crl()]}}
    proxy = start(site(basics, trust=trust), workers=2, sessions=sessions)
    carols = [Visitor(carol, version) for _ in range(6)]
    dave = Visitor(basics.issuing.issue("CN=dave"), version)
    for _ in range(2):
        for one in (*carols, dave):
            assert one.visit(proxy).status == 200
    kept = [tlsclient.connect(proxy, tls=carols[0].tls, session=carols[0].session if number % 2
                              else None) for number in range(6)]
    assert all(one.request().status == 200 for one in kept)
    begun = proxy.marker()
    crl(carol)
    if how == "reload":
        proxy.reload()
    else:
        proxy.event(" worker.crls ", count=2, start=begun)
    for one in kept:
        try:
            assert one.request(target="/open").status in ((403, 503) if how == "reload" else (403,))
        except (OSError, tlsclient.Closed):
            assert how == "reload"
        one.close()
    for one in carols * 3:
        assert one.visit(proxy, "/revoked").status == 403
        assert not one.reused
    for _ in range(6):
        assert dave.visit(proxy).status == 200
    proxy.access("/revoked", count=18)
    assert refusals(proxy, "/revoked") == {("403", "13")}


# Restarted

@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "ticket.keys"
    path.write_bytes(os.urandom(80))
    path.chmod(0o600)
    return str(path)


def after_restart(before, after, visitors):
    """Visits under one configuration, then under the other in a new process."""
    with Proxy(before) as proxy:
        for one in visitors:
            assert one.visit(proxy).status == 200
    with Proxy(after) as proxy:
        return [(one.visit(proxy).status, one.reused) for one in visitors]


@pytest.mark.parametrize("version", VERSIONS)
def test_tickets_outlive_a_restart_and_no_verdict_does(basics, crl, keys, version):
    """sessions.ticket_keys: what was revoked or distrusted meanwhile is refused."""
    erin = basics.issuing.issue("CN=erin")
    frank = basics.issuing.issue("CN=frank")
    sessions = {"tickets": "all", "ticket_keys": keys}
    before = {"revocation": {"crls": [crl()]}}

    def config(trust):
        return configuration(site(basics, trust=trust), workers=2, sessions=sessions)

    def visitors():
        return [Visitor(one, version) for one in (erin, frank)]

    assert after_restart(config(before), config(before), visitors()) == [(200, True)] * 2
    couple = visitors()
    with Proxy(config(before)) as proxy:
        assert [one.visit(proxy).status for one in couple] == [200, 200]
    crl(erin)
    with Proxy(config(before)) as proxy:
        assert [one.visit(proxy).status for one in couple] == [403, 200]
        assert not any(one.reused for one in couple)
    crl()
    other_root = {**before, "root": [basics.path("outside-root.pem")]}
    assert after_restart(config(before), config(other_root), visitors()) == [(403, False)] * 2


def test_nothing_else_outlives_a_restart(basics, way):
    """The store is gone, and so are ticket keys of the process."""
    version, sessions = way
    config = configuration(site(basics), sessions=sessions)
    visitors = [Visitor(basics.alice, version)]
    assert after_restart(config, config, visitors) == [(200, False)]


# Evicted

class Crowd:
    """Clients of all kinds at once, each answer checked against who asked and when."""

    def __init__(self, proxy, members, revoked):
        self.proxy = proxy
        self.revoked = revoked
        self.is_revoked = threading.Event()
        self.is_over = threading.Event()
        self.answers = [0] * len(members)
        self.wrong = []
        self.threads = [threading.Thread(target=self.run, args=(number, *member), daemon=True)
                        for number, member in enumerate(members)]

    def expected(self, identity, is_good, was_revoked):
        if not is_good or (identity is self.revoked and was_revoked):
            return {403}
        return {200, 403} if identity is self.revoked else {200}

    def check(self, visitor, identity, is_good):
        was_revoked = self.is_revoked.is_set()  # before the visit: those under way may be either
        answer = visitor.visit(self.proxy)
        if answer.status not in self.expected(identity, is_good, was_revoked):
            self.wrong.append((identity.certificate.subject, was_revoked, answer.status))
        if visitor.reused and (not is_good or (identity is self.revoked and was_revoked)):
            self.wrong.append((identity.certificate.subject, "resumed"))
        if answer.status == 200 and answer.seen("client-cert") != [f":{identity.base64}:"]:
            self.wrong.append((identity.certificate.subject, "taken for somebody else"))

    def run(self, number, identity, is_good, version):
        visitor = Visitor(identity, version)
        while not self.is_over.is_set():
            try:
                self.check(visitor, identity, is_good)
                self.answers[number] += 1
            except (OSError, ssl.SSLError, tlsclient.Closed):
                self.is_over.wait(0.01)  # its worker was killed

    def go_on(self, times=4):
        """Until everybody was answered so often again."""
        before = list(self.answers)
        eventually(lambda: self.wrong or all(now >= then + times for now, then
                                             in zip(self.answers, before)), "all are answered")
        assert not self.wrong

    def kill_worker(self):
        before = self.proxy.workers()
        os.kill(before[0], signal.SIGKILL)
        eventually(lambda: self.proxy.are_replaced(before), "the worker is replaced")

    def __enter__(self):
        for one in self.threads:
            one.start()
        return self

    def __exit__(self, *what):
        self.is_over.set()
        for one in self.threads:
            one.join()


@pytest.mark.parametrize("tickets", ["off", "all"])
def test_hardly_anything_fits_and_everybody_is_who_he_is(basics, start, crl, tickets):
    """Two workers, room for four sessions and two verdicts, a kill before and after a revocation."""
    own = basics.root.sub("CN=CA that only its clients have")
    good = [basics.issuing.issue(f"CN=client {number}") for number in range(4)]
    good += [own.issue(f"CN=other client {number}") for number in range(2)]
    members = [(one, True, VERSIONS[number % 2]) for number, one in enumerate(good)]
    members += [(good[0], True, "1.3"), (good[1], True, "1.3"), (basics.outsider, False, "1.3")]
    revoked = good[0]
    proxy = start(site(basics, trust={"revocation": {"crls": [crl()]}}), workers=2,
                  sessions={"store": 4, "tickets": tickets}, performance=TINY)
    with Crowd(proxy, members, revoked) as crowd:
        crowd.go_on()
        crowd.kill_worker()
        crowd.go_on()
        begun = proxy.marker()
        crl(revoked)
        proxy.event(" worker.crls ", count=2, start=begun)
        crowd.is_revoked.set()
        crowd.go_on()
        crowd.kill_worker()
        crowd.go_on()
    assert not crowd.wrong


# Switched off

@pytest.mark.parametrize("lever", list(LEVERS))
def test_without_a_lever_answers_are_the_same(basics, start, crl, lever):
    """A look at each alone; `make levers` runs every other test like this."""
    table, key, value = LEVERS[lever]
    gina = basics.issuing.issue("CN=gina")
    forward = {"identity": ["rfc9440", "rfc9440-chain"], "headers": {"X-Subject": "{subject}"}}
    trust = {"revocation": {"crls": [crl()]}}
    proxy = start(site(basics, trust=trust, forward=forward), **{table: {key: value}})
    for version in VERSIONS:
        visitor = Visitor(gina, version)
        for _ in range(3):
            answer = visitor.visit(proxy)
            assert answer.status == 200 and answer.seen("x-subject") == ["CN=gina"]
            assert answer.seen("client-cert") == [f":{gina.base64}:"]
            assert answer.seen("client-cert-chain") == [f":{basics.issuing.base64}:"]
        assert Visitor(basics.outsider, version).visit(proxy).status == 403
        with tlsclient.connect(proxy, tls=visitor.tls) as client:
            assert all(client.request().status == 200 for _ in range(3))
    begun = proxy.marker()
    crl(gina)
    proxy.event(" worker.crls ", start=begun)
    for version in VERSIONS:
        assert Visitor(gina, version).visit(proxy).status == 403
