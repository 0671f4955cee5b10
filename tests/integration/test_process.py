"""The life of the processes: start, reload, crash, drain, stop.

SPDX-License-Identifier: MIT
"""

import datetime
import os
import re
import signal
import socket
import threading

import pytest

import tlsclient
from events import DEADLINE, eventually
from proxy import Proxy, configuration, fields_of, free_port, site, wait_gone


def file_log(folder, **error):
    return {"error": {"level": "info", **error},
            "access": {"path": os.path.join(folder, "access.log"), "flush": "10ms"}}


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path)


def read(path):
    try:
        with open(path, encoding="utf-8") as source:
            return source.read()
    except FileNotFoundError:
        return ""


def test_ready_line(start, basics):
    proxy = start(site(basics, bindings=["https://127.0.0.1:0", "http://127.0.0.1:0"],
                       require_ssl=False), workers=2)
    line = proxy.event("master.ready")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z notice master\.ready ", line)
    assert fields_of(line)["workers"] == "2"
    assert [scheme for scheme, *_ in proxy.bindings] == ["https", "http"]
    assert all(port > 0 for *_, port in proxy.bindings)
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200


def test_ipv6_binding(start, basics):
    if not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("no IPv6 here")
    with open("/proc/net/if_inet6", encoding="ascii") as source:
        if "00000000000000000000000000000001" not in source.read():
            pytest.skip("no IPv6 loopback here")
    proxy = start(site(basics, bindings=["https://[::1]:0"]))
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200


def test_reload_takes_the_new_configuration(start, basics):
    proxy = start(site(basics))
    address = proxy.address()
    assert tlsclient.fetch(proxy).status == 403
    proxy.reload(configuration(site(basics, client_certificate="ignore")))
    assert proxy.address() == address
    assert tlsclient.fetch(proxy).status == 200


def test_reload_replaces_the_workers(start, basics):
    proxy = start(site(basics), workers=2)
    before = proxy.workers()
    proxy.reload()
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200
    wait_gone(before)
    eventually(lambda: len(proxy.workers()) == len(before), "as many workers as before")


def test_reload_reads_the_files_again(start, basics, folder):
    path = os.path.join(folder, "root.pem")
    basics.root.write(path)
    proxy = start(site(basics, trust={"root": [path]}))
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200
    basics.outside_root.write(path)
    proxy.reload()
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 403
    assert tlsclient.fetch(proxy, identity=basics.outsider,
                           chain=[basics.outside_issuing]).status == 200


def test_bad_reload_keeps_serving_and_reports_every_error_with_its_place(start, basics):
    proxy = start(site(basics))
    proxy.configure("workers: many\nsites:\n  - bindings: [\"https://127.0.0.1:0\"]\n"
                    "    client_certifcate: require\n")
    begin = proxy.marker()
    proxy.signal(signal.SIGHUP)
    for place in (":1:", ":4:"):
        line = proxy.errors.wait(lambda one, place=place: re.search(
            re.escape(proxy.config_path) + place + r"\d+", one), start=begin)
        assert line, proxy.errors.text()
    assert "client_certificate" in proxy.errors.text()  # what was probably meant
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200
    proxy.reload(configuration(site(basics, client_certificate="ignore")))
    assert tlsclient.fetch(proxy).status == 200


def test_reload_of_what_needs_a_restart_is_refused_by_name(start, basics):
    proxy = start(site(basics), workers=1)
    proxy.configure(configuration(site(basics), workers=2))
    begin = proxy.marker()
    proxy.signal(signal.SIGHUP)
    assert "workers" in proxy.event("restart", start=begin)
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200


def test_reload_may_add_and_remove_bindings(start, basics):
    proxy = start(site(basics))
    first = proxy.address()
    port = free_port()
    proxy.reload(configuration(
        site(basics, bindings=["https://127.0.0.1:0", f"https://127.0.0.1:{port}"])))
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200
    proxy.bindings = [("https", "127.0.0.1", port)]
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200
    proxy.reload(configuration(site(basics)))
    eventually(lambda: socket.socket().connect_ex(("127.0.0.1", port)) != 0, "the port is closed")
    proxy.bindings = [("https", *first)]
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200


def test_reload_under_load_loses_no_request(start, basics, backend):
    proxy = start(site(basics, upstream=backend.url), workers=2)
    failures, done, stop = [], [0], threading.Event()

    def load():
        tls = tlsclient.context(basics.alice)
        try:
            while not stop.is_set():
                with tlsclient.connect(proxy, tls=tls) as client:
                    for _ in range(5):
                        answer = client.request()
                        if answer.status != 200:
                            failures.append(answer.status)
                        done[0] += 1
                        if answer.header("connection") == "close":
                            break
        except Exception as problem:
            failures.append(repr(problem))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        before = done[0]
        proxy.reload()
        eventually(lambda before=before: done[0] > before + 10 or failures, "requests go on")
    stop.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert not failures
    assert done[0] > 40


def test_running_request_survives_a_reload(start, basics, backend):
    gate, arrived = threading.Event(), threading.Event()

    @backend.on("/long")
    def _(exchange):
        arrived.set()
        gate.wait(DEADLINE)
        exchange.reply(body=b"done")

    proxy = start(site(basics, upstream=backend.url))
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(tlsclient.build(target="/long"))
        assert arrived.wait(DEADLINE)
        proxy.reload()
        gate.set()
        answer = client.read_response()
        assert answer.body == b"done"
        assert answer.header("connection") == "close"
        assert client.is_at_end()


def test_idle_connection_of_an_unchanged_site_gets_one_more_answer(start, basics):
    proxy = start(site(basics), timeouts={"reload_grace": "30s"})
    with tlsclient.connect(proxy, basics.alice) as client:
        assert client.request().status == 200
        proxy.reload()
        answer = client.request()
        assert answer.status == 200
        assert answer.header("connection") == "close"
        assert client.is_at_end()


def test_idle_connection_of_a_changed_site_is_closed(start, basics):
    proxy = start(site(basics), timeouts={"reload_grace": "30s"})
    with tlsclient.connect(proxy, basics.alice) as client:
        assert client.request().status == 200
        proxy.reload(configuration(
            site(basics, trust={"root": [basics.path("outside-root.pem")]})))
        assert client.is_at_end()


def test_killed_worker_is_replaced(start, basics):
    proxy = start(site(basics), workers=2)
    before = proxy.workers()
    begin = proxy.marker()
    os.kill(before[0], signal.SIGKILL)
    wait_gone(before[:1])
    proxy.event("worker", start=begin)  # and it is said
    for _ in range(8):  # those the kernel gives to the dead slot wait for the new worker
        assert tlsclient.fetch(proxy, identity=basics.alice).status == 200
    eventually(lambda: len(set(proxy.workers()) - set(before)) >= 1, "a new worker")


def test_all_workers_killed(start, basics):
    proxy = start(site(basics), workers=2)
    for pid in proxy.workers():
        os.kill(pid, signal.SIGKILL)
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200


def test_term_lets_the_running_request_finish(start, basics, backend):
    gate, arrived = threading.Event(), threading.Event()

    @backend.on("/long")
    def _(exchange):
        arrived.set()
        gate.wait(DEADLINE)
        exchange.reply(body=b"done")

    proxy = start(site(basics, upstream=backend.url))
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(tlsclient.build(target="/long"))
        assert arrived.wait(DEADLINE)
        proxy.signal(signal.SIGTERM)
        proxy.event("master.stopping")
        gate.set()
        assert client.read_response().body == b"done"
    assert proxy.wait() == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_stops_at_once(start, basics, backend, second):
    gate, arrived = threading.Event(), threading.Event()

    @backend.on("/long")
    def _(exchange):
        arrived.set()
        gate.wait(DEADLINE)
        exchange.close()

    proxy = start(site(basics, upstream=backend.url), timeouts={"stop": "1h", "response": "1h"})
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(tlsclient.build(target="/long"))
        assert arrived.wait(DEADLINE)
        begin = proxy.marker()
        workers = proxy.workers()
        proxy.signal(signal.SIGTERM)
        proxy.event("master.stopping", start=begin)  # two that are pending would be one
        while not proxy.errors.wait(lambda one: "how=now" in one, start=begin, deadline=0.1):
            assert proxy.process.poll() is None
            proxy.signal(second)  # counts from a second after the first on
        proxy.wait()
        wait_gone(workers)
    gate.set()


def test_the_two_signals_of_timeout_are_one_wish(start, basics, backend):
    """timeout(1) sends TERM to the process and then to its group, with nothing in between."""
    gate, arrived = threading.Event(), threading.Event()

    @backend.on("/long")
    def _(exchange):
        arrived.set()
        gate.wait(DEADLINE)
        exchange.reply(body=b"done")

    proxy = start(site(basics, upstream=backend.url))
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(tlsclient.build(target="/long"))
        assert arrived.wait(DEADLINE)
        proxy.signal(signal.SIGTERM)
        proxy.event("master.stopping")
        proxy.signal(signal.SIGTERM)
        ignored = proxy.errors.wait(lambda one: "master.signal" in one or "how=now" in one)
        first = proxy.event("master.stopping")
        apart = stamp(ignored) - stamp(first)
        if not 0.9 < apart < 1.1:  # the machine was that busy
            assert ("how=now" in ignored) == (apart > 1)
        gate.set()
        if "how=now" not in ignored:
            assert client.read_response().body == b"done"
    assert proxy.wait() == 0


def stamp(line):
    """The time of a line of the error log, in seconds."""
    return datetime.datetime.fromisoformat(line.split(" ")[0].replace("Z", "+00:00")).timestamp()


def test_stop_has_a_deadline(start, basics, backend):
    gate = threading.Event()

    @backend.on("/endless")
    def _(exchange):
        gate.wait(DEADLINE)
        exchange.close()

    proxy = start(site(basics, upstream=backend.url), timeouts={"stop": "500ms", "response": "1h"})
    with tlsclient.connect(proxy, basics.alice) as client:
        client.send(tlsclient.build(target="/endless"))
        eventually(lambda: backend.requests, "the request")
        proxy.signal(signal.SIGTERM)
        proxy.wait()
    gate.set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_other_signals_that_stop(start, basics, number):
    proxy = start(site(basics))
    proxy.signal(number)
    assert proxy.wait() == 0


def test_death_of_the_master_ends_the_workers(basics):
    proxy = Proxy(configuration(site(basics), workers=2))
    workers = proxy.workers()
    proxy.process.kill()
    proxy.process.wait()
    proxy.is_stopped = True
    wait_gone(workers)
    proxy.kill()


def test_second_instance_is_exit_3(start, basics):
    proxy = start(site(basics))
    port = proxy.address()[1]
    second = configuration(site(basics, bindings=[f"https://127.0.0.1:{port}"]))
    with Proxy(second, wait=False) as other:
        assert other.wait() == 3
        assert str(port) in other.errors.text()
    assert tlsclient.fetch(proxy, identity=basics.alice).status == 200


def test_configuration_errors_are_exit_1(basics):
    with Proxy("sites: [}\n", wait=False) as proxy:
        assert proxy.wait() == 1
        assert re.search(re.escape(proxy.config_path) + r":\d+:\d+", proxy.errors.text())
    missing = configuration(site(basics, trust={"root": ["/nonexistent/root.pem"]}))
    with Proxy(missing, wait=False) as proxy:
        assert proxy.wait() == 1
        assert "/nonexistent/root.pem" in proxy.errors.text()


def test_usr1_reopens_the_logs(basics, folder):
    log = file_log(folder, path=os.path.join(folder, "error.log"))
    with FileLogged(configuration(site(basics), log=log, workers=2),
               os.path.join(folder, "error.log")) as proxy:
        tlsclient.fetch(proxy, "/before", identity=basics.alice)
        eventually(lambda: "/before" in read(folder + "/access.log"), "the line before")
        for name in ("access", "error"):
            os.rename(f"{folder}/{name}.log", f"{folder}/{name}.log.1")
        proxy.signal(signal.SIGUSR1)
        eventually(lambda: os.path.exists(folder + "/access.log"), "a new access log")
        eventually(lambda: os.path.exists(folder + "/error.log"), "a new error log")

        # A worker may write one last line to the old file before it hears of the new one.
        def lands_in_the_new_file():
            tlsclient.fetch(proxy, "/after", identity=basics.alice)
            return "/after" in read(folder + "/access.log")

        eventually(lands_in_the_new_file, "the new file is written")
        assert read(folder + "/access.log").startswith("#Software: mtls-proxy ")
        assert "/before" in read(folder + "/access.log.1")
        assert "/before" not in read(folder + "/access.log")
        assert os.stat(folder + "/access.log").st_mode & 0o777 == 0o640


class FileLogged(Proxy):
    """A proxy whose error log is a file."""

    def __init__(self, config, error_log):
        super().__init__(config, wait=False)

        def whole_lines():  # the last may be half written
            return read(error_log).split("\n")[:-1]

        line = eventually(lambda: next((one for one in whole_lines() if "master.ready" in one),
                                       None), "master.ready")
        self.bindings = [(scheme, host, int(port)) for scheme, host, port in
                         re.findall(r"(https?)://([^:\s\"]+):(\d+)", line)]


def test_access_log_header_block_is_written_once(start, basics, folder):
    path = os.path.join(folder, "access.log")
    proxy = start(site(basics), log=file_log(folder), workers=2)
    for number in range(6):
        tlsclient.fetch(proxy, f"/{number}", identity=basics.alice)
    proxy.reload()
    tlsclient.fetch(proxy, "/last", identity=basics.alice)
    eventually(lambda: "/last" in read(path), "the last line")
    lines = read(path).splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith("#")] == [
        "#Software", "#Version", "#Date", "#Fields"]
    assert len([line for line in lines if not line.startswith("#")]) == 7


def test_access_log_is_complete_after_the_stop(basics, folder):
    log = file_log(folder)
    log["access"]["flush"] = "1h"
    with Proxy(configuration(site(basics), log=log, workers=2)) as proxy:
        for number in range(20):
            tlsclient.fetch(proxy, f"/{number}", identity=basics.alice)
    assert len([line for line in read(folder + "/access.log").splitlines()
                if not line.startswith("#")]) == 20


def test_many_idle_connections_and_a_stop(basics):
    with Proxy(configuration(site(basics), workers=2)) as proxy:
        clients = [tlsclient.connect(proxy, basics.alice) for _ in range(100)]
        for client in clients:
            assert client.request().status == 200
        proxy.signal(signal.SIGTERM)
        for client in clients:
            assert client.is_at_end()
            client.close()
        assert proxy.wait() == 0


def test_as_root_the_workers_are_somebody_else(start, basics):
    if os.getuid() != 0:
        pytest.skip("only root can give its rights away")
    proxy = start(site(basics))
    master = read(f"/proc/{proxy.process.pid}/status")
    may_bound = int(re.search(r"^CapEff:\s+(\w+)$", master, re.M).group(1), 16) >> 8 & 1  # SETPCAP
    for pid in proxy.workers():
        status = read(f"/proc/{pid}/status")
        assert "0" not in re.search(r"^Uid:\s+(.*)$", status, re.M).group(1).split()
        assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert re.search(rf"^{capabilities}:\s+0+$", status, re.M), status
        if may_bound:
            assert re.search(r"^CapBnd:\s+0+$", status, re.M), status


def test_a_handshake_begun_before_a_change_of_trust_is_not_judged_by_the_old(start, basics):
    """Whatever starts after the switch is judged by the new policy, or sent away."""
    proxy = start(site(basics))
    raw = tlsclient.tcp(proxy)
    proxy.reload(configuration(site(basics, trust={"root": [basics.path("outside-root.pem")]})))
    context = tlsclient.context(basics.alice)
    try:
        with context.wrap_socket(raw, server_hostname="server.test") as stream:
            stream.sendall(b"GET /old HTTP/1.1\r\nHost: server.test\r\n\r\n")
            answer = stream.recv(65536)
    except OSError:
        answer = b""
    assert b" 200 " not in answer.split(b"\r\n")[0]
