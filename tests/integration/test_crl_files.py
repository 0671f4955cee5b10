"""Whatever becomes of a file of CRLs, nobody who was revoked gets in: iis-semantics.md 4.4.

Every case is a site of its own, so that one proxy shows all of them at once. While the files go
wrong, the revoked client knocks at every site without a pause.

SPDX-License-Identifier: MIT
"""

import json
import os
import shutil
import signal
import threading

import pytest
from cryptography import x509

import pki
import tlsclient
from proxy import Proxy, configuration, run, site, wait_gone
from trust_cases import ALLOWED, CDP, OFFLINE, REVOKED


class Lists:
    """What a case starts from: a place with one file that revokes alice, and what it may do to it.
    `path` is what the configuration names, the folder or the file in it."""

    def __init__(self, basics, folder, listed):
        self.basics = basics
        self.folder = str(folder)
        self.file = os.path.join(self.folder, "issuing.crl")
        self.path = self.file if listed else self.folder
        self.revoking = basics.issuing.crl([basics.alice], number=5)
        os.makedirs(self.folder)

    def begin(self):
        self.write(self.revoking)

    def write(self, content, name="issuing.crl"):
        """In place, as an editor or a download does it."""
        with open(os.path.join(self.folder, name), "wb") as out:
            out.write(content.encode() if isinstance(content, str) else content)


class Bundle(Lists):
    """The list of the root before the one that counts."""

    def begin(self):
        self.write(self.basics.root.crl() + self.revoking)


class Linked(Lists):
    """As volumes of containers are updated: the file is a link through one for the whole folder."""

    def begin(self):
        for name in ("..one", "..two"):
            os.mkdir(os.path.join(self.folder, name))
        self.write(self.revoking, "..one/issuing.crl")
        os.symlink("..one", os.path.join(self.folder, "..data"))
        os.symlink("..data/issuing.crl", self.file)

    def swap(self):
        os.symlink("..two", os.path.join(self.folder, "..new"))
        os.rename(os.path.join(self.folder, "..new"), os.path.join(self.folder, "..data"))


class DeltaBeside(Lists):
    """A complete list without alice, and a delta that revokes her."""

    def begin(self):
        self.write(self.basics.issuing.crl(number=4), "complete.crl")
        self.write(self.basics.issuing.crl([self.basics.alice], number=5, base=4))


def replace(lists, make):
    os.remove(lists.file)
    make(lists.file)


def put_file_in_place_of_folder(lists, content):
    path = lists.folder
    shutil.rmtree(path)
    with open(path, "w", encoding="ascii") as out:
        out.write(content)


def short_write(lists, size):
    lists.write(lists.revoking[:size])


# What goes wrong, and whether it is an error that also refuses a reload, in a folder and when the
# file is listed by name. None: no such case.
WRONG = {
    "empty": (lambda l: l.write(""), True, True),
    "blank": (lambda l: l.write("\n \n"), True, True),
    "deleted": (lambda l: os.remove(l.file), False, True),
    "renamed-to-what-does-not-count": (lambda l: os.rename(l.file, l.file + ".bak"), False, True),
    "half": (lambda l: short_write(l, len(l.revoking) // 2), True, True),
    "cut-in-the-first-line": (lambda l: short_write(l, 15), True, True),
    "cut-in-the-last-line": (lambda l: short_write(l, len(l.revoking) - 5), True, True),
    "garbage": (lambda l: l.write(bytes(range(256))), True, True),
    "a-web-page": (lambda l: l.write("<html>503 Service Unavailable</html>\n"), True, True),
    "a-certificate": (lambda l: l.write(l.basics.issuing.pem), False, True),
    "older": (lambda l: l.write(l.basics.issuing.crl(number=4)), False, False),
    "earlier": (lambda l: l.write(l.basics.issuing.crl(number=5, since=-2)), False, False),
    "future": (lambda l: l.write(l.basics.issuing.crl(number=6, since=1)), False, False),
    "other-issuer": (lambda l: l.write(l.basics.root.crl(number=6)), False, False),
    "other-key": (lambda l: l.write(l.basics.issuing.crl(number=6, signer=l.basics.root)),
                  False, False),
    "a-delta-instead": (lambda l: l.write(l.basics.issuing.crl(number=6, base=5)), False, False),
    "dangling-link": (lambda l: replace(l, lambda f: os.symlink("nowhere", f)), True, True),
    "link-to-itself": (lambda l: replace(l, lambda f: os.symlink("issuing.crl", f)), True, True),
    "a-fifo": (lambda l: replace(l, os.mkfifo), True, True),
    "a-folder": (lambda l: replace(l, os.mkdir), False, False),
    "folder-gone": (lambda l: shutil.rmtree(l.folder), True, True),
    "folder-is-a-file": (lambda l: put_file_in_place_of_folder(l, ""), True, True),
    "folder-is-another-list":
        (lambda l: put_file_in_place_of_folder(l, l.basics.root.crl()), False, None),
    "bundle-loses-one": (lambda l: l.write(l.basics.root.crl()), False, False, Bundle),
    "bundle-is-cut-in-the-middle":
        (lambda l: l.write(l.basics.root.crl() + "-----BEGIN X509"), True, True, Bundle),
    "volume-without-the-file": (Linked.swap, True, True, Linked),
    "volume-with-an-empty-file":
        (lambda l: (l.write("", "..two/issuing.crl"), l.swap()), True, True, Linked),
    "delta-deleted": (lambda l: os.remove(l.file), False, None, DeltaBeside),
}


class Knocking(threading.Thread):
    """The revoked client asks at every site, again and again."""

    def __init__(self, proxy, client, hosts):
        super().__init__(daemon=True)
        self.proxy = proxy
        self.client = client
        self.hosts = hosts
        self.rounds = 0
        self.let_in = set()
        self.is_stopping = threading.Event()

    def run(self):
        while not self.is_stopping.is_set():
            for host in self.hosts:
                try:
                    answer = tlsclient.fetch(self.proxy, sni=host, identity=self.client)
                except (OSError, tlsclient.Closed):
                    continue  # a worker that ends takes its connections along
                if answer.status not in (403, 503):
                    self.let_in.add(host)
            self.rounds += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        self.is_stopping.set()
        self.join()
        assert kind or not self.let_in and self.rounds > 0


def judge(proxy, client, host, path):
    tlsclient.fetch(proxy, path, sni=host, identity=client)
    return proxy.verdict(path)


def cases(listed, fails):
    """Names of those that refuse a reload, or of those that do not."""
    return [name for name, case in WRONG.items() if case[2 if listed else 1] is fails]


@pytest.mark.parametrize("fails", [True, False], ids=["reload-refused", "reload-done"])
@pytest.mark.parametrize("listed", [False, True], ids=["folder", "file"])
def test_nobody_who_was_revoked_gets_in(basics, tmp_path, listed, fails):
    bob = basics.issuing.issue("CN=bob")
    lists = {}
    for name in cases(listed, fails):
        kind = WRONG[name][3] if len(WRONG[name]) > 3 else Lists
        lists[name] = kind(basics, tmp_path / name, listed)
        lists[name].begin()
    hosts = {name: f"{name}.test" for name in lists}
    sites = [site(basics, name=name, hosts=[host],
                  trust={"revocation": {"crls": [lists[name].path]}})
             for name, host in hosts.items()]

    def check(stage):
        for name, host in hosts.items():
            assert judge(proxy, basics.alice, host, f"/alice/{name}/{stage}") == REVOKED
            if stage == "read":
                assert judge(proxy, bob, host, f"/bob/{name}") == ALLOWED

    with Proxy(configuration(*sites)) as proxy, Knocking(proxy, basics.alice, hosts.values()):
        check("before")
        first = next(iter(hosts.values()))
        with tlsclient.connect(proxy, basics.alice, sni=first) as open_one:
            assert open_one.request(host=first).status == 403
            start = proxy.marker()
            for name, one in lists.items():
                WRONG[name][0](one)
            for name in lists:
                line = proxy.event(f' crl.kept site="{name}" ', start=start)
                assert 'issuer="O=Example,CN=Test Issuing CA"' in line and "until=" in line, line
                if fails:
                    proxy.event(f' crl.failed site="{name}" ', start=start)
            assert open_one.request(host=first).status == 403
        check("read")
        proxy.reload(event="reload.failed" if fails else "master.reloaded")
        check("reloaded")
        start = proxy.marker()
        before = proxy.workers()
        os.kill(before[-1], signal.SIGKILL)
        proxy.event(" worker.started ", start=start)
        wait_gone(before[-1:])
        check("replaced")


@pytest.mark.parametrize("missing", ["if_cdp", "always"])
def test_a_list_that_is_gone_counts_until_it_expires(basics, tmp_path, missing):
    """Then nobody of that issuer is let in, with or without a pointer, whatever `missing` says."""
    bob = basics.issuing.issue("CN=bob")
    pointed = basics.issuing.issue("CN=pointed", cdp=CDP)
    lists = Lists(basics, tmp_path / "lists", False)
    lists.write(basics.issuing.crl([basics.alice], until=2))
    lists.write(basics.root.crl(until=30), "root.crl")
    sites = [site(basics, trust={"revocation": {"crls": [lists.path], "missing": missing}})]
    with Proxy(configuration(*sites)) as proxy:
        os.remove(lists.file)
        proxy.event(" crl.kept ")
        assert judge(proxy, bob, "server.test", "/current") == ALLOWED
        # A list that has expired already is the same as waiting for two days.
        lists.write(basics.issuing.crl([basics.alice], number=2, since=-9, until=-1))
        proxy.event(" worker.crls ")
        start = proxy.marker()
        os.remove(lists.file)
        proxy.event(" crl.kept ", start=start)
        for client, verdict in ((basics.alice, REVOKED), (bob, OFFLINE), (pointed, OFFLINE)):
            path = f"/expired/{client.serial}"
            assert judge(proxy, client, "server.test", path) == verdict
        proxy.reload()
        assert judge(proxy, bob, "server.test", "/reloaded") == OFFLINE
        start = proxy.marker()
        lists.write(basics.issuing.crl(number=3))
        proxy.event(" worker.crls ", start=start)
        assert judge(proxy, bob, "server.test", "/back") == ALLOWED


def test_only_another_configuration_lets_go(basics, tmp_path):
    lists = Lists(basics, tmp_path / "lists", False)
    lists.begin()
    other = Lists(basics, tmp_path / "other", False)
    other.write(basics.root.crl())

    def config(*paths, **changes):
        return configuration(site(basics, bindings=["https://127.0.0.1:0"], **changes,
                                  trust={"revocation": {"crls": list(paths)}}))

    with Proxy(config(lists.path)) as proxy:
        os.remove(lists.file)
        proxy.event(" crl.kept ")
        for number, changed in enumerate((config(lists.path), config(other.path, lists.path + "/"),
                                          config(lists.path, name="renamed"))):
            start = proxy.marker()
            proxy.reload(changed)
            line = proxy.event(" crl.kept ", start=start)
            assert f'path="{lists.file}"' in line and "no file holds" in line
            assert judge(proxy, basics.alice, "server.test", f"/named/{number}") == REVOKED
        proxy.reload(config(other.path))
        assert judge(proxy, basics.alice, "server.test", "/released") == ALLOWED


def test_check_warns_of_a_folder_without_a_list(basics, tmp_path):
    lists = Lists(basics, tmp_path / "lists", False)
    config = configuration(site(basics, trust={"revocation": {"crls": [lists.path]}}))
    path = str(tmp_path / "proxy.yaml")

    def check():
        with open(path, "w", encoding="ascii") as out:
            json.dump(config, out, indent=1)
        return run("check", "-c", path)

    done = check()
    assert done.returncode == 0
    assert f'"{lists.path}" holds no CRL, although revocation.check is on' in done.stderr
    assert done.stderr.startswith(f"{path}:") and "warning:" in done.stderr
    lists.write(basics.issuing.crl())
    assert check().stderr == ""
    lists.write("")
    done = check()
    assert done.returncode == 1 and "is empty: it holds no CRL" in done.stderr
    lists.write("", ".hidden.crl")
    os.remove(lists.file)
    config["sites"][0]["trust"]["revocation"]["check"] = False
    assert check().stderr == ""


def test_a_revocation_counts_while_another_file_is_broken(basics, tmp_path):
    other = basics.root.sub("CN=Other CA")
    bob = other.issue("CN=bob")
    lists = Lists(basics, tmp_path / "lists", False)
    lists.begin()
    lists.write(other.crl(), "other.crl")
    basics.write("other-issuing.pem", other)
    intermediate = [basics.path("issuing.pem"), basics.path("other-issuing.pem")]
    sites = [site(basics, trust={"intermediate": intermediate,
                                 "revocation": {"crls": [lists.path]}})]
    with Proxy(configuration(*sites)) as proxy:
        assert judge(proxy, bob, "server.test", "/before") == ALLOWED
        lists.write("")
        proxy.event(" crl.failed ")
        lists.write(other.crl([bob], number=2), "other.crl")
        proxy.event(" worker.crls ")
        assert judge(proxy, bob, "server.test", "/bob") == REVOKED
        assert judge(proxy, basics.alice, "server.test", "/alice") == REVOKED


def test_two_lists_with_one_number_both_count(basics, tmp_path):
    lists = Lists(basics, tmp_path / "lists", False)
    for number in range(4):
        revoked = [basics.alice] if number == 2 else [basics.outsider] * (number > 0)
        lists.write(basics.issuing.crl(revoked, number=1), f"{number}.crl")
    with Proxy(configuration(site(basics, trust={"revocation": {"crls": [lists.path]}}))) as proxy:
        assert judge(proxy, basics.alice, "server.test", "/alice") == REVOKED


def test_an_indirect_list_that_is_gone(basics, tmp_path):
    """The list is another authority's, as the certificate says."""
    signer = basics.root.sub("CN=CRL Signer")
    basics.write("signer.pem", signer)
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier(CDP)], None, None,
        [x509.DirectoryName(signer.certificate.subject)])
    key = pki.new_key()
    builder = pki._build("CN=carol", key, basics.issuing, -1, 30, None)
    builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    carol = pki.Certificate(pki._sign(builder, key, basics.issuing), key, basics.issuing)

    entry = x509.RevokedCertificateBuilder().serial_number(carol.serial)
    entry = entry.revocation_date(pki.now()).add_extension(
        x509.CertificateIssuer([x509.DirectoryName(basics.issuing.certificate.subject)]), True)
    crl = (x509.CertificateRevocationListBuilder().issuer_name(signer.certificate.subject)
           .last_update(pki.now() - pki.DAY).next_update(pki.now() + pki.DAY)
           .add_extension(x509.CRLNumber(1), False)
           .add_extension(x509.IssuingDistributionPoint(
               [x509.UniformResourceIdentifier(CDP)], None, False, False, None, True, False), True)
           .add_revoked_certificate(entry.build()).sign(signer.key, pki.hashes.SHA256()))
    lists = Lists(basics, tmp_path / "lists", False)
    lists.write(crl.public_bytes(pki.serialization.Encoding.DER))
    sites = [site(basics, trust={
        "intermediate": [basics.path("issuing.pem"), basics.path("signer.pem")],
        "revocation": {"crls": [lists.path]}})]
    with Proxy(configuration(*sites)) as proxy:
        assert judge(proxy, carol, "server.test", "/before") == REVOKED
        os.remove(lists.file)
        assert 'issuer="CN=CRL Signer"' in proxy.event(" crl.kept ")
        assert judge(proxy, carol, "server.test", "/kept") == REVOKED
        proxy.reload()
        assert judge(proxy, carol, "server.test", "/reloaded") == REVOKED
