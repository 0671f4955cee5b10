"""`check` warns of every configuration that refuses somebody for a reason known at load.

Each case (advice_cases.py) is the good configuration with one change; the good one itself, other
good ones, and the examples of the documents give no warning at all.

SPDX-License-Identifier: MIT
"""

import os
import re
import shutil

import pytest

import pki
from advice_cases import CASES, Stores
from proxy import TOP, Proxy, configuration, run, site


@pytest.mark.parametrize("name", CASES)
def test_check_says_who_is_refused(basics, tmp_path, name):
    change, (key, text) = CASES[name]
    stores = Stores(basics, tmp_path)
    change(stores)
    path, errors = stores.check()
    wanted = rf"^{re.escape(path)}:\d+:\d+: warning: \S*{key}[^ ]*: .*{text}"
    assert re.search(wanted, errors, re.M), errors


def test_there_are_at_least_40():
    assert len(CASES) >= 40


# silence

GOOD = {
    "as it is": lambda s: None,
    "with lists that are current": lambda s: s.crls(s.basics.issuing.crl(), s.basics.root.crl()),
    "an old list beside a new one": lambda s: s.crls(
        s.basics.issuing.crl(since=-9, until=-2), s.basics.issuing.crl(number=2)),
    "mixed but off": lambda s: (s.top.update(compat={"root_mix": "off"}),
                                s.trust["root"].append(s.basics.path("issuing.pem"))),
    "a bound store": lambda s: s.store("trusted_issuers", s.basics.issuing),
    "exclusive_root": lambda s: (s.trust.update(mode="exclusive_root"),
                                 s.store("trusted_issuers", s.basics.root)),
    "exclusive_ca": lambda s: (s.trust.update(mode="exclusive_ca"),
                               s.store("trusted_issuers", s.basics.issuing)),
    "exclusive_root beside other roots": lambda s: (
        s.trust["root"].append(s.basics.path("outside-root.pem")),
        s.trust.update(mode="exclusive_root"), s.store("trusted_issuers", s.basics.root)),
    "a stranger disallowed": lambda s: s.store("disallowed", s.basics.outside_root),
    "policies that are there": lambda s: (
        s.store("root", root := pki.authority("Policy Root")),
        s.store("intermediate", root.sub("Policy CA", policies=["1.2.3.4"])),
        s.trust.update(policy={"initial": ["1.2.3.4"], "require_explicit": True})),
    "a client trusted by itself": lambda s: s.trust["root"].append(
        s.write("self.pem", pki.issue("self"))),
    "name constraints": lambda s: s.store(
        "intermediate", s.basics.root.sub("DNS CA", permitted="inside.test")),
    "a server chain": lambda s: s.server(
        s.basics.issuing.issue("server", usage=(pki.SERVER_AUTH,), dns=("server",)),
        s.basics.issuing),
    "the name of the host": lambda s: s.site.update(hosts=["server.test"]),
    "a mapped certificate": lambda s: s.one(s.basics.alice),
    "a mapped certificate with its chain": lambda s: (
        s.trust.pop("intermediate"), s.one(s.basics.alice, s.basics.issuing)),
    "the narrow mapping first": lambda s: s.many(
        [("subject", "O", "Example"), ("subject", "CN", "alice")], [("subject", "O", "Ex*")]),
    "two units": lambda s: s.many([("subject", "OU", "a"), ("subject", "OU", "b")]),
    "late in TLS 1.2": lambda s: s.site.update(
        negotiate_client_certificate="late", tls={"max_version": "1.2"}),
    "a rule for a user with a domain": lambda s: (
        s.many([("subject", "O", "Example")]),
        s.site["mapping"].update(default_logon_domain="CONTOSO"),
        s.site.update(authorize=[{"user": ["contoso\\u*"]}])),
    "no certificate is asked for": lambda s: (
        s.trust["root"].append(s.basics.path("issuing.pem")),
        s.site.update(client_certificate="ignore")),
    "http that is sent to https": lambda s: (
        s.site["bindings"].append("http://127.0.0.1:0"), s.site.update(redirect="https")),
}


@pytest.mark.parametrize("name", GOOD)
def test_check_of_what_lets_everybody_in_is_silent(basics, tmp_path, name):
    stores = Stores(basics, tmp_path)
    GOOD[name](stores)
    assert stores.check()[1] == ""


@pytest.fixture(scope="module")
def staging(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("advice") / "staging")
    assert run("init", folder).returncode == 0
    return folder


def test_check_of_what_init_makes_is_silent(staging):
    done = run("check", "-c", staging + "/proxy.yaml")
    assert (done.returncode, done.stderr) == (0, "")


def readme_examples():
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as readme:
        return re.findall(r"^```yaml\n(.*?)^```", readme.read(), re.M | re.S)


def with_traces_here(text, staging):
    """The folder of the examples belongs to an installed package."""
    return text.replace("/var/log/mtls-proxy/traces", staging + "/traces")


@pytest.mark.parametrize("number", range(len(readme_examples())))
def test_check_of_the_examples_in_readme_is_silent(staging, number):
    path = os.path.join(staging, f"readme-{number}.yaml")
    with open(path, "w", encoding="utf-8") as out:
        out.write(with_traces_here(readme_examples()[number], staging))
    done = run("check", "-c", path)
    assert (done.returncode, done.stderr) == (0, "")


def test_check_of_the_example_file_is_silent(staging):
    with open(os.path.join(TOP, "proxy.yaml.example"), encoding="utf-8") as source, \
            open(staging + "/example.yaml", "w", encoding="utf-8") as out:
        out.write(with_traces_here(source.read(), staging))
    shutil.copy(staging + "/pki/clients/good.pem", staging + "/pki/clients/alice.pem")
    for folder, files in (("secrets", ["alice"]), ("pages", ["403-7.html", "502.html"])):
        os.makedirs(os.path.join(staging, folder), exist_ok=True)
        for name in files:
            with open(os.path.join(staging, folder, name), "w", encoding="utf-8") as out:
                out.write("text\n")
    done = run("check", "-c", staging + "/example.yaml")
    assert (done.returncode, done.stderr) == (0, "")


# start and reload, and the bounds

def test_start_and_reload_warn_as_well(basics):
    mixed = site(basics)
    mixed["trust"]["root"].append(basics.path("issuing.pem"))
    with Proxy(configuration(mixed)) as proxy:
        assert proxy.errors.wait(lambda line: "root_store_mixed" in line and "warning" in line)
        start = proxy.marker()
        proxy.configure(configuration(mixed, limits={"connections": 1000}))
        proxy.reload()
        line = proxy.event("config.warning", start=start)
        assert "root_store_mixed" in line and "trust.root[1]" in line


def test_many_findings_of_a_kind_are_counted(basics, tmp_path):
    stores = Stores(basics, tmp_path)
    root = pki.authority("Nowhere")
    stores.store("intermediate", basics.issuing,
                 *[pki.authority(f"CA {i}", root) for i in range(12)])
    errors = stores.check()[1]
    assert errors.count("partial_chain") == 5
    assert "and 7 more certificates in the stores" in errors


def test_large_mappings_are_cheap_to_check(basics, tmp_path):
    stores = Stores(basics, tmp_path)
    stores.mapping(
        one_to_one_file=stores.text("map.txt", "".join(
            f"{i:064x} user{i}\n" for i in range(200000))),
        many_to_one=[{"name": f"m{i}", "user": f"u{i}", "rules": [
            {"field": "subject", "subfield": "CN", "match": f"*-{i}-*"},
            {"field": "issuer", "subfield": "O", "match": f"{i}-*"}]} for i in range(5000)])
    stores.site["authorize"] = [{"user": ["nobody*"]}]
    assert stores.check()[1] == ""
