"""Where a configuration comes from: the standard input, the environment.

SPDX-License-Identifier: MIT
"""

import json
import os
import re
import signal
import subprocess

import pytest

from events import DEADLINE, Lines
from proxy import BINARY, Proxy, configuration, run, site


@pytest.fixture
def small(basics):
    """A configuration as text, for the standard input."""
    return json.dumps(configuration(site(basics)), indent=2)


def test_check_reads_the_standard_input(small):
    done = run("check", "-c", "-", stdin=small)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stdin: ok\n", "")


def test_mistakes_there_have_a_place():
    done = run("check", "-c", "-", stdin="workers: many\n")
    assert done.returncode == 1
    assert "stdin:1:10: error: workers: expected a number" in done.stderr


def test_relative_paths_start_from_the_current_folder(basics, tmp_path):
    text = json.dumps(configuration(site(basics, server_certificate={
        "chain": "server.pem", "key": "server.key"})))
    assert run("check", "-c", "-", stdin=text, cwd=os.path.dirname(basics.path("server.pem"))).returncode == 0
    done = run("check", "-c", "-", stdin=text, cwd=str(tmp_path))
    assert done.returncode == 1 and "cannot read server.pem" in done.stderr


def test_explain_reads_it_from_there(small):
    done = run("explain", "-c", "-", "--no-certificate", stdin=small)
    assert done.returncode == 10 and "403.7" in done.stdout
    done = run("explain", "-c", "-", "--certificate", "-", stdin=small)
    assert done.returncode == 2 and done.stderr.count("\n") == 1


@pytest.mark.parametrize("how", ["pipe", "file"])
def test_a_reload_reads_the_same_again(small, tmp_path, how):
    path = tmp_path / "given"
    path.write_text(small)
    with open(path, encoding="utf-8") as source:
        process = subprocess.Popen([BINARY, "run", "-c", "-"],
                                   stdin=subprocess.PIPE if how == "pipe" else source,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        if how == "pipe":
            process.stdin.write(small.encode())
            process.stdin.close()
        errors = Lines(process.stderr)
        assert errors.wait(lambda line: "master.ready" in line), errors.text()
        path.write_text("workers: many\n")  # what it becomes later is not what was given
        for count in (1, 2):
            process.send_signal(signal.SIGHUP)
            assert errors.wait(lambda line: "master.reloaded" in line, count), errors.text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0, errors.text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_closed_standard_input_is_an_error():
    done = subprocess.run(["sh", "-c", 'exec "$0" run -c - <&-', BINARY], capture_output=True,
                          text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 1
    assert re.search(r"standard input|stdin", done.stderr)


def test_values_come_from_the_environment(basics):
    config = configuration(site(basics, bindings=["${TEST_SCHEME}://127.0.0.1:${TEST_PORT:-0}"]))
    config["workers"] = "${TEST_WORKERS}"
    text = "".join(f"{key}: {value if key == 'workers' else json.dumps(value)}\n"
                   for key, value in config.items())
    with Proxy(text, environment={"TEST_SCHEME": "https", "TEST_WORKERS": "2"}) as proxy:
        assert [scheme for scheme, *_ in proxy.bindings] == ["https"]
        assert 'workers=2' in proxy.event("master.ready")
        proxy.reload()


def test_a_variable_that_is_not_set_is_told(basics, tmp_path):
    path = tmp_path / "proxy.yaml"
    path.write_text(json.dumps(configuration(site(basics, upstream="${TEST_NOT_SET}")), indent=2))
    done = run("check", "-c", str(path))
    assert done.returncode == 1
    assert re.search(r"proxy\.yaml:\d+:\d+: error: the environment has no TEST_NOT_SET", done.stderr)
