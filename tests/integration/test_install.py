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
                   "usr/local/lib/systemd/system/mtls-proxy.socket",
                   "usr/local/lib/sysusers.d/mtls-proxy.conf",
                   "usr/local/lib/tmpfiles.d/mtls-proxy.conf",
                   "etc/logrotate.d/mtls-proxy",
                   "usr/local/share/man/man8/mtls-proxy.8",
                   "usr/local/share/man/man5/mtls-proxy.yaml.5",
                   "usr/local/share/mtls-proxy/mtls-proxy.schema.json",
                   "usr/local/share/bash-completion/completions/mtls-proxy",
                   "usr/local/share/zsh/site-functions/_mtls-proxy",
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


def test_the_package_has_the_version_of_the_program():
    shown = subprocess.run([BINARY, "version"], capture_output=True, text=True, check=True).stdout
    latest = read(TOP, "deploy/debian/changelog").split("\n")[0]
    assert re.match(r"mtls-proxy \(([^-]+)-", latest).group(1) == shown.split()[1]


def test_the_package_is_built_from_what_the_tree_is_built_from():
    control = read(TOP, "deploy/debian/control")
    needed = re.search(r"Build-Depends:(.*?)\n[A-Z]", control, re.DOTALL).group(1)
    names = {one.split()[0] for one in needed.split(",")}
    listed = re.search(r"build\) echo (.*) ;;", read(TOP, "scripts/deps")).group(1).split()
    # What build-essential has, and the name of pkg-config since Debian 12.
    same = set(listed) - {"gcc", "libc6-dev", "make", "pkg-config"} | {"pkgconf"}
    assert names - {"debhelper-compat", "dh-sequence-installsysusers"} == same


def page(root, name):
    """A manual page as a reader sees it, or None where nothing can show it."""
    path = os.path.join(root, "usr/local/share/man", f"man{name[-1]}", name)
    for tool in (["mandoc", "-T", "utf8", "-O", "width=300"], ["groff", "-man", "-Tutf8", "-P-c"]):
        if shutil.which(tool[0]) is not None:
            done = subprocess.run([*tool, path], capture_output=True, text=True, check=False,
                                  env={**os.environ, "LC_ALL": "C.UTF-8"})
            assert done.returncode == 0 and done.stderr == "", done.stderr
            return re.sub(".\x08", "", done.stdout)
    return None


def commands():
    shown = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  ([a-z]+) ", shown, re.MULTILINE)


def help_of(command):
    return subprocess.run([BINARY, command, "--help"], capture_output=True, text=True,
                          check=True).stdout


def test_the_manual_has_every_command_with_every_option(install):
    text = page(install(), "mtls-proxy.8")
    if text is None:
        pytest.skip("neither mandoc nor groff is here")
    found = commands()
    assert {"run", "check", "schema", "version"} <= set(found)
    for command in found:
        for line in filter(None, map(str.strip, help_of(command).splitlines())):
            assert line in text, f"{command}: {line}"


def test_the_manual_has_every_key(install):
    text = page(install(), "mtls-proxy.yaml.5")
    if text is None:
        pytest.skip("neither mandoc nor groff is here")
    listed = subprocess.run([BINARY, "schema", "--format", "text"], capture_output=True, text=True,
                            check=True).stdout
    keys = re.findall(r"^(\S+)$", listed, re.MULTILINE)
    assert len(keys) > 150
    words = set(text.split())
    assert [key for key in keys if key not in words] == []


COMPLETE = """
source "$1"; shift
PATH=$(dirname "$1"):$PATH
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_mtls_proxy && printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(root, *words):
    script = os.path.join(root, "usr/local/share/bash-completion/completions/mtls-proxy")
    done = subprocess.run(["bash", "--norc", "-c", COMPLETE, "bash", script, BINARY, *words],
                          capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_shell_completes_commands_options_and_values(install):
    if shutil.which("bash") is None:
        pytest.skip("no bash here")
    root = install()
    assert set(complete(root, "")) == {*commands(), "--help", "--version"}
    assert complete(root, "expl") == ["explain"]
    for command in commands():
        wanted = set(re.findall(r"--[a-z][a-z-]*", help_of(command)))
        assert set(complete(root, command, "--")) == wanted
    assert complete(root, "explain", "--format", "j") == ["json"]
    assert complete(root, "pki", "rev") == ["revoke"]


def test_zsh_reads_the_completion(install):
    if shutil.which("zsh") is None:
        pytest.skip("no zsh here")
    script = os.path.join(install(), "usr/local/share/zsh/site-functions/_mtls-proxy")
    assert read(script).startswith("#compdef mtls-proxy\n")
    done = subprocess.run(["zsh", "-f", "-n", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr


def test_uninstall_takes_away_what_install_put_there(install, tmp_path):
    root = install()
    os.makedirs(os.path.join(root, "etc/mtls-proxy"))
    for kept in ("etc/mtls-proxy/proxy.yaml", "usr/local/sbin/another"):
        with open(os.path.join(root, kept), "w", encoding="utf-8"):
            pass
    make("uninstall", root, str(tmp_path / "build"))
    assert files_under(root) == ["etc/mtls-proxy/proxy.yaml", "usr/local/sbin/another"]
    assert not os.path.exists(os.path.join(root, "usr/local/share/doc/mtls-proxy"))
