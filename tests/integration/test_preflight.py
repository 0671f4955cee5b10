"""`check` finds what `run` needs of the machine and makes nothing; both say what to do.

SPDX-License-Identifier: MIT
"""

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile

import pytest

from proxy import BINARY, binary_for_all, configuration, free_port, switch_off

NOBODY = pwd.getpwnam("nobody").pw_uid
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def folder():
    """One that anybody may read."""
    path = tempfile.mkdtemp(prefix="mtls-proxy-preflight-")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


def simple(**top):
    log = top.pop("log", {})
    made = configuration({"name": "main", "bindings": top.pop("bindings", ["http://127.0.0.1:0"]),
                          "upstream": top.pop("upstream", "echo")}, **top)
    made["log"] = {**made["log"], **log}
    return made


def command(verb, folder, config, uid=None):
    path = os.path.join(folder, "proxy.yaml")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(switch_off(config), out, indent=1)
    before = sorted(os.listdir(folder))
    who = {"user": uid, "group": uid, "extra_groups": []} if uid is not None and IS_ROOT else {}
    program = binary_for_all() if who else BINARY
    done = subprocess.run([program, verb, "-c", path], capture_output=True, text=True, timeout=60,
                          check=False, cwd="/", **who)
    assert sorted(os.listdir(folder)) == before, "something was made"
    return done


NEEDS = {
    "the folder of the error log": (
        lambda f: {"log": {"error": {"path": f + "/none/e.log"}}},
        "log.error.path: cannot open the log", "No such file or directory; make the folder"),
    "the folder of the access log": (
        lambda f: {"log": {"access": {"path": f + "/none/a.log"}}},
        "log.access.path: cannot open the log", "make the folder"),
    "the folder of the daily access log": (
        lambda f: {"log": {"access": {"path": f + "/none/a.log", "daily": True}}},
        "log.access.path: cannot open the log", "make the folder"),
    "a log that is no folder": (
        lambda f: {"log": {"error": {"path": f}}}, "log.error.path: cannot open", "name a file"),
    "a folder that is a file": (
        lambda f: {"log": {"error": {"path": "/etc/passwd/e.log"}}},
        "log.error.path: cannot open", "is no folder"),
    "the folder of the pid file": (
        lambda f: {"pid_file": f + "/none/p.pid"}, "pid_file: cannot write the file",
        "make the folder"),
}


@pytest.mark.parametrize("verb", ["check", "run"])
@pytest.mark.parametrize("name", NEEDS)
def test_files_that_cannot_be_written(folder, verb, name):
    change, key, remedy = NEEDS[name]
    done = command(verb, folder, simple(**change(folder)))
    assert done.returncode == 1
    line = next(one for one in done.stderr.splitlines() if key in one)
    assert remedy in line and line.startswith(f"{folder}/proxy.yaml:"), done.stderr
    assert done.stdout == ""


@pytest.mark.skipif(not IS_ROOT, reason="needs a folder of somebody else")
@pytest.mark.parametrize("verb", ["check", "run"])
@pytest.mark.parametrize("change,key", [
    (lambda f: {"log": {"error": {"path": f + "/e.log"}}}, "log.error.path"),
    (lambda f: {"pid_file": f + "/p.pid"}, "pid_file")])
def test_folders_that_this_user_may_not_write_to(folder, verb, change, key):
    done = command(verb, folder, simple(**change(folder)), NOBODY)
    assert done.returncode == 1
    assert key in done.stderr and f"uid {NOBODY}" in done.stderr


@pytest.mark.skipif(not IS_ROOT, reason="only root changes the user")
@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_user_that_does_not_exist(folder, verb):
    done = command(verb, folder, simple(user="no-such-user"))
    assert done.returncode == 1
    assert 'user: there is no user "no-such-user"' in done.stderr


@pytest.mark.skipif(not IS_ROOT, reason="needs another user")
def test_a_user_that_does_not_exist_is_a_warning_to_others(folder):
    done = command("check", folder, simple(user="no-such-user"), NOBODY)
    assert done.returncode == 0
    assert "warning" in done.stderr and "no-such-user" in done.stderr


def privileged():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as start:
        return int(start.read()) > 80


@pytest.mark.skipif(not privileged(), reason="every port is free for all here")
@pytest.mark.parametrize("verb,code", [("check", 1), ("run", 3)])
def test_a_port_that_needs_a_capability(folder, verb, code):
    done = command(verb, folder, simple(bindings=["http://127.0.0.1:79"]), NOBODY)
    assert done.returncode == code, done.stderr
    for part in ("http://127.0.0.1:79", "EACCES" if verb == "run" else "Permission denied",
                 "sites[0].bindings[0]", "CAP_NET_BIND_SERVICE"):
        assert part in done.stderr, part


@pytest.mark.skipif(not IS_ROOT, reason="needs root")
def test_root_may_have_such_a_port(folder):
    done = command("check", folder, simple(bindings=["http://127.0.0.1:79"]))
    assert (done.returncode, done.stderr) == (0, "")


def test_run_names_who_has_the_port(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = simple(bindings=[f"http://127.0.0.1:{port}"])
        assert command("check", folder, config).returncode == 0
        done = command("run", folder, config)
    assert done.returncode == 3
    assert "EADDRINUSE" in done.stderr and "sites[0].bindings[0]" in done.stderr
    assert f"port {port} is taken by process {os.getpid()} (" in done.stderr


def test_run_says_that_no_interface_has_the_address(folder):
    done = command("run", folder, simple(bindings=[f"http://192.0.2.1:{free_port()}"]))
    assert done.returncode == 3
    assert "EADDRNOTAVAIL" in done.stderr and "no interface" in done.stderr
    assert "sites[0].bindings[0]" in done.stderr


@pytest.mark.skipif(not IS_ROOT, reason="only root changes the user")
@pytest.mark.parametrize("mode,warns", [(0o600, True), (0o666, False)])
def test_a_backend_that_the_workers_may_not_reach(folder, mode, warns):
    path = folder + "/app.sock"
    with socket.socket(socket.AF_UNIX) as backend:
        backend.bind(path)
        os.chmod(path, mode)
        done = command("check", folder, simple(user="nobody", upstream=f"unix:{path}"))
    assert done.returncode == 0
    assert ("may not connect" in done.stderr) == warns, done.stderr
    assert not warns or "sites[0].upstream" in done.stderr


def test_what_is_there_is_left_alone(folder):
    for name in ("e.log", "a.log"):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            out.write("before\n")
    done = command("check", folder, simple(
        pid_file=folder + "/p.pid", log={"error": {"path": folder + "/e.log"},
                                         "access": {"path": folder + "/a.log"}}))
    assert (done.returncode, done.stderr) == (0, "")
    with open(folder + "/e.log", encoding="utf-8") as left:
        assert left.read() == "before\n"
