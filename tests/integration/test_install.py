"""make install and make uninstall: what lands where, and that it fits together.

SPDX-License-Identifier: MIT
"""

import os
import re
import shutil
import subprocess

import pytest

from proxy import BINARY, TOP

BUILD = os.path.relpath(os.path.dirname(BINARY), TOP)
MAKE = shutil.which("make")
pytestmark = pytest.mark.skipif(
    MAKE is None or not os.path.exists(os.path.join(TOP, "Makefile")) or
    os.path.dirname(BUILD) != "build", reason="no make, or another program than the tree's own")


def make(target, destination, build, **variables):
    """The program is taken as it is: building it is not the test's business."""
    words = {"DESTDIR": destination, "BUILD": build, "BIN": BINARY, **variables}
    done = subprocess.run(
        [MAKE, "-C", TOP, "-o", BINARY, target, *(f"{name}={value}" for name, value in words.items())],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_under(folder):
    return sorted(os.path.relpath(os.path.join(path, name), folder)
                  for path, _, names in os.walk(folder) for name in names)


@pytest.fixture
def install(tmp_path):
    def begin(**variables):
        destination = str(tmp_path / "root")
        make("install", destination, str(tmp_path / "build"), **variables)
        return destination
    return begin


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as source:
        return source.read()


def unit_of(root, prefix="usr/local"):
    return read(root, prefix, "lib/systemd/system/mtls-proxy.service")


def values(unit, key):
    return re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)


def test_what_a_system_needs_is_where_it_looks(install):
    files = files_under(install())
    for wanted in ("usr/local/sbin/mtls-proxy",
                   "usr/local/lib/systemd/system/mtls-proxy.service",
                   "usr/local/lib/sysusers.d/mtls-proxy.conf",
                   "usr/local/lib/tmpfiles.d/mtls-proxy.conf",
                   "etc/logrotate.d/mtls-proxy",
                   "usr/local/share/doc/mtls-proxy/README.md",
                   "usr/local/share/doc/mtls-proxy/docs/reference.md",
                   "usr/local/share/doc/mtls-proxy/proxy.yaml.example"):
        assert wanted in files
    assert all(one.startswith(("usr/local/", "etc/")) for one in files)


def test_prefix_and_folder_of_the_configuration_reach_every_file(install):
    root = install(PREFIX="/opt/proxy", SYSCONFDIR="/opt/etc")
    files = files_under(root)
    assert "opt/proxy/sbin/mtls-proxy" in files and "opt/etc/logrotate.d/mtls-proxy" in files
    assert all(one.startswith("opt/") for one in files)
    unit = unit_of(root, "opt/proxy")
    assert values(unit, "ExecStart") == [
        "/opt/proxy/sbin/mtls-proxy run -c /opt/etc/mtls-proxy/proxy.yaml"]
    assert values(unit, "ConditionPathExists") == ["/opt/etc/mtls-proxy/proxy.yaml"]
    assert "d /opt/etc/mtls-proxy 0750" in read(root, "opt/proxy/lib/tmpfiles.d/mtls-proxy.conf")


@pytest.mark.parametrize("version, kind, is_signalled", [
    ("0", "notify", True), ("247", "notify", True), ("252", "notify", True),
    ("253", "notify-reload", False), ("257", "notify-reload", False), ("300", "notify-reload", False)])
def test_the_unit_reloads_as_the_systemd_at_hand_can(install, version, kind, is_signalled):
    unit = unit_of(install(SYSTEMD_VERSION=version))
    assert values(unit, "Type") == [kind]
    reloads = values(unit, "ExecReload")
    assert "mtls-proxy check" in reloads[0]
    assert any("kill -HUP" in one for one in reloads) == is_signalled
    assert "@" not in unit.replace("@system-service", "").replace("@privileged", "").replace(
        "@resources", "")


def test_the_installed_program_is_the_one_that_was_built(install):
    program = os.path.join(install(), "usr/local/sbin/mtls-proxy")
    done = subprocess.run([program, "version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mtls-proxy ")


def test_no_installed_document_has_a_dead_link(install):
    folder = os.path.join(install(), "usr/local/share/doc/mtls-proxy")
    links = 0
    for name in files_under(folder):
        if not name.endswith(".md"):
            continue
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", read(folder, name)):
            if "://" not in link:
                links += 1
                target = os.path.join(folder, os.path.dirname(name), link)
                assert os.path.exists(target), f"{name}: {link}"
    assert links > 10


def test_systemd_finds_no_fault_in_the_unit(install):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    version = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True,
                             check=True).stdout.split()[1]
    root = install(SYSTEMD_VERSION=version)
    path = os.path.join(root, "usr/local/lib/systemd/system/mtls-proxy.service")
    unit = unit_of(root).replace("/usr/local/sbin/mtls-proxy", "/bin/true")
    with open(path, "w", encoding="utf-8") as out:
        out.write(unit)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True,
                          text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "mtls-proxy.service" in line]
    assert complaints == []
    if int(version) < 252:
        return
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", path],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_uninstall_takes_away_what_install_put_there(install, tmp_path):
    root = install()
    os.makedirs(os.path.join(root, "etc/mtls-proxy"))
    for kept in ("etc/mtls-proxy/proxy.yaml", "usr/local/sbin/another"):
        with open(os.path.join(root, kept), "w", encoding="utf-8"):
            pass
    make("uninstall", root, str(tmp_path / "build"))
    assert files_under(root) == ["etc/mtls-proxy/proxy.yaml", "usr/local/sbin/another"]
    assert not os.path.exists(os.path.join(root, "usr/local/share/doc/mtls-proxy"))
