"""Every row of the trust decision table over real TLS: status, substatus and win32 code.

All cases of one compat setting share a proxy, as sites chosen by SNI.

SPDX-License-Identifier: MIT
"""

import tempfile

import pytest

import pki
import tlsclient
from proxy import Proxy, configuration, site
from trust_cases import ALLOWED, Cases

FOLDER = tempfile.TemporaryDirectory(prefix="mtls-proxy-trust-")
BASICS = pki.Basics(FOLDER.name)
CASES = Cases(BASICS)
DEFAULT = CASES.all_default()
KNOBS = [(compat, group, case) for compat, group in CASES.knobs().values() for case in group]


def serve(group, **top):
    sites = [site(BASICS, name=case.title, hosts=[case.title + ".test"], trust=case.trust,
                  **case.site) for case in group]
    return Proxy(configuration(*sites, **top))


@pytest.fixture(scope="module")
def default_profile():
    with serve(DEFAULT) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def with_compat():
    """Starts the proxy of a knob once, when its first case comes."""
    running = {}

    def get(compat, group):
        key = str(compat)
        if key not in running:
            running[key] = serve(group, compat=compat)
        return running[key]

    yield get
    for proxy in running.values():
        with proxy:
            pass


def judge(proxy, case, version):
    path = f"/{case.title}-{version}"
    answer = tlsclient.fetch(proxy, path, identity=case.leaf, chain=case.chain, version=version,
                             sni=case.title + ".test")
    got = proxy.verdict(path)
    assert (got[0], got[1], hex(got[2])) == (*case.expected[:2], hex(case.expected[2]))
    assert answer.status == got[0]
    if case.expected != ALLOWED:
        refusal = proxy.refusal(case.title)
        assert refusal["status"] == "%d.%d" % case.expected[:2]
        assert refusal["win32"] == str(case.expected[2])
        if case.reason:
            assert refusal["reason"] == case.reason


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("case", DEFAULT, ids=lambda case: case.title)
def test_default_profile(default_profile, case, version):
    judge(default_profile, case, version)


@pytest.mark.parametrize("compat, group, case", KNOBS, ids=[case.title for *_, case in KNOBS])
def test_compat(with_compat, compat, group, case):
    judge(with_compat(compat, group), case, "1.3")
