"""Every reason that a verdict can have, and those of access, in the trace and on its page.

SPDX-License-Identifier: MIT
"""

import os
import tempfile

import pytest

import pki
import tlsclient
from events import eventually
from proxy import Proxy, configuration, site
from traces import Folder, Trace
from trust_cases import Cases

FOLDER = tempfile.TemporaryDirectory(prefix="mtls-proxy-reasons-")
BASICS = pki.Basics(FOLDER.name)
# The first case of each reason.
CASES = list({one.reason: one for one in reversed(Cases(BASICS).all_default()) if one.reason}.values())


class Traced:
    def __init__(self):
        self.folder = Folder()
        sites = [site(BASICS, name=case.title, hosts=[case.title + ".test"], trust=case.trust,
                      **case.site) for case in CASES]
        self.proxy = Proxy(configuration(*sites, tracing={
            "directory": self.folder.path, "max_files": 10000, "rules": [{"status": "400-499"}]}))
        self.known = {}

    def find(self, case):
        """The trace of a request of this case. So many come at once that some may not be traced."""
        path = f"/{case.title}-{len(self.known)}"
        tlsclient.fetch(self.proxy, path, identity=case.leaf, chain=case.chain, sni=case.title + ".test")
        for name in self.folder.names():
            if name not in self.known:
                self.known[name] = Trace(os.path.join(self.folder.path, name))
        return next((one for one in self.known.values() if f"/{case.title}-" in one.get("url")), None)

    def trace(self, case):
        eventually(lambda: self.find(case) is not None, f"{case.title} is traced")
        return self.find(case)


@pytest.fixture(scope="module")
def traced():
    made = Traced()
    with made.proxy:
        yield made
    made.folder.remove()


def test_the_reasons_are_many():
    assert len(CASES) >= 15


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.reason)
def test_a_trace_tells_the_reason(traced, case):
    trace = traced.trace(case)
    assert trace.get("statusCode") == "%d.%d" % case.expected[:2]
    refused = trace.one("REQUEST_REFUSED")
    assert refused["Reason"] == case.reason == traced.proxy.refusal(case.title)["reason"]
    error = trace.one("MODULE_SET_RESPONSE_ERROR_STATUS")
    assert int(error["ErrorCode"]) & 0xffff == case.expected[2] & 0xffff
    description = next(one for one in trace.events if one.name == "MODULE_SET_RESPONSE_ERROR_STATUS")
    assert "Unknown error" not in description.descriptions["ErrorCode"]
    assert case.reason in trace.page.text and "What to do" in trace.page.text
    if case.leaf is not None:
        assert trace.one("CLIENT_CERTIFICATE_VERDICT")["Reason"] == case.reason
        assert f"<code>{case.reason}</code>" in trace.page.source
