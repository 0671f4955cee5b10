"""What a hardening check of the program file looks for.

SPDX-License-Identifier: MIT
"""

import platform
import re
import shutil
import subprocess

import pytest

from proxy import BINARY


@pytest.fixture(scope="module")
def notes():
    if not shutil.which("readelf"):
        pytest.skip("no readelf here")

    def read(*options):
        return subprocess.run(["readelf", "-W", *options, BINARY], capture_output=True, text=True,
                              check=True).stdout
    return read


@pytest.mark.skipif(platform.machine() != "x86_64", reason="features of x86-64")
def test_indirect_branches_and_the_shadow_stack(notes):
    """One object without the property, and the linker leaves it out."""
    features = re.search(r"x86 feature: (.*)$", notes("-n"), re.M)
    assert features, notes("-n")
    assert {"IBT", "SHSTK"} <= set(features.group(1).split(", "))


def test_position_independent_and_bound_at_once(notes):
    assert re.search(r"Type:\s+DYN", notes("-h"))
    assert "GNU_RELRO" in notes("-l")
    assert re.search(r"FLAGS_1.*\bNOW\b", notes("-d")) and re.search(r"FLAGS_1.*\bPIE\b", notes("-d"))


def test_the_stack_is_not_executable(notes):
    assert re.search(r"GNU_STACK\s.* RW\s", notes("-l"))
