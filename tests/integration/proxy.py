"""The real program under test: started with a generated configuration on free ports.

SPDX-License-Identifier: MIT
"""

import atexit
import functools
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from events import DEADLINE, Lines, eventually

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("MTLS_PROXY_BIN", os.path.join(TOP, "build", "release", "mtls-proxy"))
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer|"
                       r"Assertion .* failed|\*\*\* stack smashing")
# What makes things cheaper and can be switched off: (table, key, value). MTLS_PROXY_WITHOUT names
# some, or `all`; every configuration that does not set such a key itself gets it then.
LEVERS = {
    "verdict_cache": ("performance", "verdict_cache", 0),
    "certificate_table": ("performance", "certificate_table", 0),
    "intern_certificates": ("performance", "intern_certificates", False),
    "identity_cache": ("performance", "identity_cache", False),
    "check_stores_at_load": ("performance", "check_stores_at_load", False),
    "free_buffers": ("performance", "free_buffers", 0),
    "bulk_buffers": ("performance", "bulk_buffers", 0),
    "handover": ("performance", "handover", False),
    "session_store": ("sessions", "store", 0),
    "tickets": ("sessions", "tickets", "off"),
}
WITHOUT = [name for name in os.environ.get("MTLS_PROXY_WITHOUT", "").split(",") if name]
if WITHOUT == ["all"]:
    WITHOUT = list(LEVERS)
assert set(WITHOUT) <= set(LEVERS), f"MTLS_PROXY_WITHOUT: {WITHOUT}; there are {list(LEVERS)}"
DEFAULT_FIELDS = ("date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip "
                  "cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken")


@functools.cache
def binary_for_all():
    """The program where any user may run it: the tree may lie in a folder of its owner's alone."""
    folder = tempfile.mkdtemp(prefix="mtls-proxy-bin-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.chmod(folder, 0o755)
    return shutil.copy(BINARY, folder)


def site(basics, **changes):
    """A site that asks for a certificate of the test CA and answers with the echo."""
    trust = {"root": [basics.path("root.pem")], "intermediate": [basics.path("issuing.pem")]}
    trust.update(changes.pop("trust", {}))
    made = {
        "name": "main",
        "bindings": ["https://127.0.0.1:0"],
        "server_certificate": {"chain": basics.path("server.pem"), "key": basics.path("server.key")},
        "client_certificate": "require",
        "trust": trust,
        "upstream": "echo",
    }
    made.update(changes)
    return {key: value for key, value in made.items() if value is not ...}


_handed_out = set()


def free_port():
    """A port that is free, that the kernel does not hand out by itself meanwhile, and that nobody
    else in this run was given."""
    while True:
        port = random.randint(20000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _handed_out:
            _handed_out.add(port)
            return port


def share(sites):
    """Sites with the same port-0 binding each would get a port of their own: give them one."""
    counts = {}
    for one in sites:
        for url in one["bindings"]:
            counts[url] = counts.get(url, 0) + 1
    chosen = {url: f"{url[:-2]}:{free_port()}" for url, count in counts.items()
              if count > 1 and url.endswith(":0")}
    for one in sites:
        one["bindings"] = [chosen.get(url, url) for url in one["bindings"]]


def switch_off(config):
    """The levers of MTLS_PROXY_WITHOUT, in a configuration as a dict or as YAML text."""
    off = {}
    for table, key, value in (LEVERS[name] for name in WITHOUT):
        off.setdefault(table, {})[key] = value
    if isinstance(config, str):
        return config + "".join(f"\n{table}: {json.dumps(keys)}\n" for table, keys in off.items()
                                if not re.search(rf"^{table}:", config, re.MULTILINE))
    for table, keys in off.items():
        config[table] = {**keys, **config.get(table, {})}
    return config


def configuration(*sites, **top):
    share(sites)
    made = {
        "workers": 1,
        "log": {
            "error": {"level": "info"},
            "access": {"path": "stdout", "flush": "10ms"},
        },
        "sites": list(sites),
    }
    made.update(top)
    return switch_off(made)


def run(*arguments, stdin=None, deadline=DEADLINE, cwd=None):
    """Runs a sub-command to its end."""
    done = subprocess.run([BINARY, *arguments], input=stdin, capture_output=True, text=True,
                          timeout=deadline, cwd=cwd, check=False)
    assert not SANITIZER.search(done.stderr), done.stderr
    return done


def fields_of(line):
    """The key=value pairs of a line of the error log, quotes undone."""
    values = {}
    for word in re.findall(r'[A-Za-z0-9_]+=(?:"(?:[^"\\]|\\.)*"|[^ ]*)', line):
        key, value = word.split("=", 1)
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        values[key] = value
    return values


class Proxy:
    """A running proxy; leave the with block and it must stop cleanly."""

    def __init__(self, config, arguments=(), wait=True, environment=None, file_name="proxy.yaml"):
        self._folder = tempfile.TemporaryDirectory(prefix="mtls-proxy-test-")
        self.folder = self._folder.name
        os.chmod(self.folder, 0o755)
        self.config_path = os.path.join(self.folder, file_name)
        self.configure(config)
        self.is_stopped = False
        self.process = subprocess.Popen(
            [BINARY, "run", "-c", self.config_path, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})})
        self.errors = Lines(self.process.stderr)
        self.access_lines = Lines(self.process.stdout)
        self.bindings = []
        if wait:
            try:
                self._wait_ready()
            except BaseException:
                self.kill()
                raise

    def configure(self, config):
        """Writes the configuration (YAML text, or a dict); reload() makes it count."""
        config = switch_off(config if isinstance(config, str) else dict(config))
        text = config if isinstance(config, str) else json.dumps(config, indent=2)
        with open(self.config_path, "w", encoding="utf-8") as out:
            out.write(text + "\n")

    def _wait_ready(self):
        line = self.errors.wait(lambda one: "master.ready" in one)
        assert line, "the proxy did not get ready:\n" + self.errors.text()
        self.bindings = [(scheme, host.strip("[]"), int(port)) for scheme, host, port in
                         re.findall(r"(https?)://(\[[^\]]*\]|[^:\s\"]+):(\d+)", line)]
        assert self.bindings, line

    def address(self, scheme="https", index=0):
        found = [one for one in self.bindings if one[0] == scheme]
        return found[index][1:]

    def event(self, wanted, count=1, start=0, deadline=DEADLINE):
        """The line of the error log with this event (or text); fails when it does not come."""
        line = self.errors.wait(lambda one: wanted in one, count, start, deadline)
        assert line, f"no {wanted!r} (x{count}) in the error log:\n" + self.errors.text()
        return line

    def marker(self):
        """Where the error log stands now, as the start of a later event()."""
        return len(self.errors.lines)

    def access(self, stem, count=1):
        """The count-th line of the access log for this path, as a dict by column."""
        line = self.access_lines.wait(
            lambda one: not one.startswith("#") and stem in one.split(" "), count)
        assert line, f"no {stem} in the access log:\n{self.access_lines.text()}"
        names = DEFAULT_FIELDS.split()
        for one in self.access_lines.lines:
            if one.startswith("#Fields: "):
                names = one.split(" ")[1:]
        values = line.split(" ")
        assert len(values) == len(names), line
        return dict(zip(names, values))

    def verdict(self, stem, count=1):
        """(status, substatus, win32) of a request, from the access log."""
        record = self.access(stem, count)
        return tuple(int(record[key]) for key in ("sc-status", "sc-substatus", "sc-win32-status"))

    def refusal(self, site_name):
        """The line that tells why a client of this site was refused, as a dict."""
        line = self.errors.wait(
            lambda one: " access.refused " in one and f'site="{site_name}"' in one)
        assert line, f"no refusal of {site_name}:\n" + self.errors.text()
        return fields_of(line)

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self, config=None, event="master.reloaded"):
        """Reloads and waits for the outcome."""
        if config is not None:
            self.configure(config)
        start = self.marker()
        self.signal(signal.SIGHUP)
        return self.event(event, start=start)

    def workers(self):
        """Process ids of the children, oldest first. Asked of all processes: the list of children
        that proc(5) offers misses some while others come and go."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as source:
                    parent = source.read().rpartition(")")[2].split()[1]
            except (OSError, IndexError):
                continue  # it has ended
            if int(parent) == self.process.pid:
                found.append(int(name))
        return sorted(found)

    def are_replaced(self, before):
        """True when there are as many children as in `before`, and not the same ones."""
        now = self.workers()
        return len(now) == len(before) and now != before

    def rss(self):
        """Resident kilobytes of each child."""
        sizes = {}
        for pid in self.workers():
            try:
                with open(f"/proc/{pid}/status", encoding="ascii") as source:
                    sizes[pid] = int(re.search(r"VmRSS:\s+(\d+)", source.read()).group(1))
            except (OSError, AttributeError):
                continue
        return sizes

    def wait(self, deadline=DEADLINE):
        """Waits for the exit code."""
        code = self.process.wait(deadline)
        self.errors.drained()
        self.access_lines.drained()
        self.is_stopped = True
        return code

    def check_clean(self):
        found = SANITIZER.search(self.errors.text())
        assert not found, self.errors.text()

    def stop(self):
        """TERM, exit code 0, no word from a sanitizer, no worker that died by itself."""
        if self.is_stopped:
            self.check_clean()
            return
        self.signal(signal.SIGTERM)
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("TERM did not stop the proxy:\n" + self.errors.text()) from None
        self.check_clean()
        assert code == 0, f"exit code {code}:\n" + self.errors.text()

    def kill(self):
        children = []
        if self.process.poll() is None:
            children = self.workers()
            self.process.kill()
            self.process.wait()
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.is_stopped = True

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.stop()
            else:
                self.kill()
        finally:
            self._folder.cleanup()


def is_gone(pid):
    return not os.path.exists(f"/proc/{pid}")


def wait_gone(pids):
    for pid in pids:
        eventually(lambda pid=pid: is_gone(pid), f"process {pid} ends")
