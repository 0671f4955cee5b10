"""Another program in the place of this one, and sockets that somebody else opened.

SPDX-License-Identifier: MIT
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import threading

import pytest

import tlsclient
from events import DEADLINE, Lines, eventually
from proxy import BINARY, SANITIZER, Proxy, configuration, fields_of, free_port, site

PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture(autouse=True)
def parent_of_orphans():
    """Successors become our children when their predecessor ends: we get their exit status."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


class Line:
    """A proxy and its successors, one after the other; all of them must end cleanly."""

    def __init__(self, config, program=BINARY, **how):
        how.setdefault("stdin", subprocess.DEVNULL)
        self.proxy = Proxy.__new__(Proxy)  # its clients ask it for the address alone
        self.master = None
        self.process = subprocess.Popen([program, "run", "-c", config], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, **how)
        self.errors = Lines(self.process.stderr)
        self.master = self.process.pid
        self.is_stopped = False
        self.ready(0)

    def ready(self, start):
        line = self.event("master.ready", start)
        host, port = fields_of(line)["bindings"].split(",")[0].split("://")[1].rsplit(":", 1)
        self.proxy.bindings = [("https", host, int(port))]

    def event(self, wanted, start=0):
        line = self.errors.wait(lambda one: wanted in one, 1, start)
        assert line, f"no {wanted}:\n{self.errors.text()}"
        return line

    def marker(self):
        return len(self.errors.lines)

    def signal(self, number):
        os.kill(self.master, number)

    def upgrade(self, event="upgrade.done"):
        start = self.marker()
        self.signal(signal.SIGUSR2)
        line = self.event(event, start)
        if event == "upgrade.done":
            before, self.master = self.master, int(fields_of(line)["pid"])
            self.ready(start)
            self.end(before)
        return line

    def end(self, pid):
        """The exit status of one of them must be 0."""
        if pid == self.process.pid:
            code = self.process.wait(DEADLINE)
        else:
            eventually(lambda: has_ended(pid), f"process {pid} ends")
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code == 0, self.errors.text()

    def stop(self):
        self.is_stopped = True
        self.signal(signal.SIGTERM)
        self.end(self.master)
        assert not SANITIZER.search(self.errors.text()), self.errors.text()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None and not self.is_stopped:
            self.stop()
        elif not self.is_stopped:
            os.kill(self.master, signal.SIGKILL)


def has_ended(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as source:
        return source.read().rpartition(")")[2].split()[0] == "Z"


def is_gone(pid):
    """Ended, whoever was its parent then."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return not os.path.exists(f"/proc/{pid}")


@pytest.fixture
def write(tmp_path):
    def one(config):
        path = tmp_path / "proxy.yaml"
        path.write_text(json.dumps(config, indent=2))
        return str(path)
    return one


@pytest.fixture
def line(write):
    """Starts one that is stopped at the end of the test."""
    lines = []

    def begin(config, **how):
        lines.append(Line(write(config), **how))
        return lines[-1]
    yield begin
    for one in lines:
        with one:
            pass


def status(one, basics):
    return tlsclient.fetch(one.proxy, identity=basics.alice).status


class Load:
    """Clients that come, ask a few times and go, as long as the with block lasts."""

    def __init__(self, one, basics):
        self.failures, self.done, self.is_over = [], 0, threading.Event()
        self._one, self._basics = one, basics
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]

    def _run(self):
        tls = tlsclient.context(self._basics.alice)
        try:
            while not self.is_over.is_set():
                with tlsclient.connect(self._one.proxy, tls=tls) as client:
                    for _ in range(5):
                        answer = client.request()
                        if answer.status != 200:
                            self.failures.append(answer.status)
                        self.done += 1
                        if answer.header("connection") == "close":
                            break
        except Exception as problem:
            self.failures.append(repr(problem))

    def goes_on(self):
        before = self.done
        eventually(lambda: self.done > before + 10 or self.failures, "requests go on")

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self._threads:
            thread.join(DEADLINE)
        assert self.failures == []


def open_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_upgrades_under_load_lose_no_request(line, basics, backend):
    one = line(configuration(site(basics, upstream=backend.url), workers=2))
    descriptors = open_descriptors(one.master)
    with Load(one, basics) as load:
        for _ in range(3):
            before = one.master
            assert fields_of(one.upgrade())["policy"] == "same"
            assert one.master != before
            load.goes_on()
    assert load.done > 30
    assert open_descriptors(one.master) == descriptors  # none is handed down by accident


def test_a_failed_upgrade_under_load_loses_no_request(line, write, basics, backend):
    config = configuration(site(basics, upstream=backend.url), workers=2)
    one = line(config)
    with Load(one, basics) as load:
        for broken in ({**config, "workers": 3}, {**config, "limits": {"connections": "many"}},
                       {**config, "pid_file": "/nonexistent/pid"}):
            write(broken)
            one.upgrade("upgrade.failed")
            load.goes_on()
        write(config)
        one.upgrade()
        load.goes_on()
    assert "workers: an upgrade from 2 to 3 needs a restart" in one.errors.text()


def test_the_program_that_is_there_now_is_started(line, basics, tmp_path):
    program = str(tmp_path / "mtls-proxy")
    shutil.copy(BINARY, program)
    one = line(configuration(site(basics)), program=program)
    shutil.copy(BINARY, program + ".new")
    os.rename(program + ".new", program)
    wanted = os.stat(program).st_ino
    assert os.stat(f"/proc/{one.master}/exe").st_ino != wanted
    one.upgrade()
    assert os.stat(f"/proc/{one.master}/exe").st_ino == wanted
    assert status(one, basics) == 200


def test_a_program_that_is_gone_changes_nothing(line, basics, tmp_path):
    program = str(tmp_path / "mtls-proxy")
    shutil.copy(BINARY, program)
    one = line(configuration(site(basics)), program=program)
    os.remove(program)
    assert "cannot be started" in one.upgrade("upgrade.failed")
    assert status(one, basics) == 200
    one.signal(signal.SIGHUP)
    one.event("master.reloaded")


def test_the_upgrade_takes_the_new_configuration(line, write, basics):
    one = line(configuration(site(basics)))
    with tlsclient.connect(one.proxy) as client:
        assert client.request().status == 403
        write(configuration(site(basics, client_certificate="ignore")))
        assert fields_of(one.upgrade())["policy"] == "changed"
        assert client.is_at_end()  # no request is judged by the old one
    assert tlsclient.fetch(one.proxy).status == 200


def test_bindings_come_and_go_with_an_upgrade(line, write, basics):
    first, second = (f"https://127.0.0.1:{free_port()}" for _ in range(2))
    one = line(configuration(site(basics, bindings=[first])))
    before = one.proxy.address()
    write(configuration(site(basics, bindings=[second])))
    one.upgrade()
    assert one.proxy.address() != before
    assert status(one, basics) == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(before, timeout=DEADLINE)


def test_a_configuration_from_the_standard_input_is_taken_along(basics, tmp_path):
    path = tmp_path / "given"
    path.write_text(json.dumps(configuration(site(basics))))
    with open(path, encoding="utf-8") as source:
        with Line("-", stdin=source) as one:
            path.write_text("")
            for _ in range(2):
                one.upgrade()
                assert status(one, basics) == 200


def test_a_running_request_survives_an_upgrade(line, basics, backend):
    gate, arrived = threading.Event(), threading.Event()

    @backend.on("/long")
    def _(exchange):
        arrived.set()
        gate.wait(DEADLINE)
        exchange.reply(body=b"done")

    one = line(configuration(site(basics, upstream=backend.url)))
    with tlsclient.connect(one.proxy, basics.alice) as client:
        client.send(tlsclient.build(target="/long"))
        assert arrived.wait(DEADLINE)
        first, start = one.master, one.marker()
        one.signal(signal.SIGUSR2)
        one.master = int(fields_of(one.event("upgrade.done", start))["pid"])
        assert status(one, basics) == 200  # the successor's answer
        gate.set()
        assert client.read_response().body == b"done"
    one.end(first)


def test_the_pid_file_names_the_one_that_serves(line, write, basics, tmp_path):
    path = tmp_path / "pid"
    config = configuration(site(basics), pid_file=str(path))
    one = line(config)
    write({**config, "workers": 2})
    one.upgrade("upgrade.failed")
    eventually(lambda: path.exists() and int(path.read_text()) == one.master, "its own number")
    write(config)
    one.upgrade()
    assert int(path.read_text()) == one.master
    one.stop()
    assert not path.exists()


def test_term_during_an_upgrade_ends_both(line, basics):
    one = line(configuration(site(basics)))
    one.signal(signal.SIGUSR2)
    one.event("upgrade.started")
    one.signal(signal.SIGTERM)
    # Whoever was faster: what serves is told to stop until nothing does.
    eventually(lambda: one.process.poll() is not None, "the first one ends")
    pid = int(fields_of(one.event("upgrade.started"))["pid"])
    if "upgrade.done" in one.errors.text():
        os.kill(pid, signal.SIGTERM)
    eventually(lambda: is_gone(pid), "its successor ends")
    one.is_stopped = True


def test_the_service_manager_is_told(line, basics, tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        os.chmod(path, 0o666)
        manager.settimeout(DEADLINE)
        one = line(configuration(site(basics)),
                   env={**os.environ, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "600000000"})
        assert manager.recv(1000) == b"READY=1"
        one.upgrade()
        assert manager.recv(1000).decode() == f"MAINPID={one.master}\nREADY=1"
        one.stop()
        assert manager.recv(1000) == b"STOPPING=1"


# Sockets of a service manager, which is this test.

class Lender:
    """Starts programs that get a listening socket. A shell names its own process, then becomes the
    program."""

    def __init__(self, config, sock):
        self.config, self.sock = config, sock

    def start(self):
        script = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&"$FD"'
        fd = self.sock.fileno()
        made = Line.__new__(Line)
        made.proxy = Proxy.__new__(Proxy)
        made.process = subprocess.Popen(
            ["bash", "-c", script, "bash", BINARY, "run", "-c", self.config], pass_fds=[fd],
            env={**os.environ, "FD": str(fd)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        made.errors = Lines(made.process.stderr)
        made.master = made.process.pid
        made.is_stopped = False
        made.ready(0)
        return made


@pytest.fixture
def lender(write, basics):
    if shutil.which("bash") is None:
        pytest.skip("no bash here")
    with socket.create_server(("127.0.0.1", 0), backlog=64) as sock:
        port = sock.getsockname()[1]
        config = configuration(site(basics, bindings=[f"https://127.0.0.1:{port}"]), workers=2)
        yield Lender(write(config), sock)


def test_a_lent_socket_is_served(lender, basics):
    with lender.start() as one:
        assert "master.socket" not in one.errors.text()
        for _ in range(4):
            assert status(one, basics) == 200


def test_who_comes_while_nobody_serves_is_answered_by_the_next(lender, basics):
    with lender.start() as first:
        assert status(first, basics) == 200
    waiting = socket.create_connection(lender.sock.getsockname(), timeout=DEADLINE)
    with lender.start():
        tls = tlsclient.context(basics.alice)
        with tlsclient.Connection(tls.wrap_socket(waiting, server_hostname="server.test")) as client:
            assert client.request().status == 200


def test_restarts_under_load_lose_no_connection(lender, basics):
    """Each connection asks once: what a restart ends is an idle connection, never a request."""
    failures, done, is_over = [], [0], threading.Event()
    one = lender.start()

    def load():
        tls = tlsclient.context(basics.alice)
        try:
            while not is_over.is_set():
                raw = socket.create_connection(lender.sock.getsockname(), timeout=DEADLINE)
                with tlsclient.Connection(tls.wrap_socket(raw, server_hostname="server.test")) as client:
                    answer = client.request(headers=[("Connection", "close")])
                    if answer.status != 200:
                        failures.append(answer.status)
                    done[0] += 1
        except Exception as problem:
            failures.append(repr(problem))

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        before = done[0]
        eventually(lambda before=before: done[0] > before + 10 or failures, "requests go on")
        one.stop()
        one = lender.start()
    is_over.set()
    for thread in threads:
        thread.join(DEADLINE)
    one.stop()
    assert failures == []


def test_a_reload_may_leave_a_lent_socket_and_come_back(lender, basics, write):
    port = lender.sock.getsockname()[1]
    with lender.start() as one:
        for bindings in (["https://127.0.0.1:0"], [f"https://127.0.0.1:{port}"]):
            start = one.marker()
            write(configuration(site(basics, bindings=bindings), workers=2))
            one.signal(signal.SIGHUP)
            one.event("master.reloaded", start)
        assert status(one, basics) == 200


def test_an_upgrade_passes_a_lent_socket_on(lender, basics):
    with lender.start() as one:
        one.upgrade()
        assert status(one, basics) == 200
    with lender.start() as one:  # it went on listening
        assert status(one, basics) == 200


def test_a_socket_that_no_binding_has_is_told(lender, basics, write):
    write(configuration(site(basics, bindings=["https://127.0.0.1:0"]), workers=2))
    with lender.start() as one:
        port = lender.sock.getsockname()[1]
        told = one.event("master.socket")
        assert f"address=127.0.0.1:{port}" in told and "no binding has its address" in told
