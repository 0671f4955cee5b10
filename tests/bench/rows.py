# rows.py - what is measured, and the rounds.
#
# SPDX-License-Identifier: MIT
import os
import statistics
import sys
import time
from dataclasses import dataclass

import load
import machine
import servers

MIB = 1 << 20
FIRST_FRESH = 100  # client certificates before this one are "seen"


@dataclass
class Row:
    key: str
    title: str
    mode: str
    goal: float | None = None
    kind: str = "ec"
    tls: str = "1.3"
    is_fresh: bool = False
    workers: int = 1
    connections: int = 4
    bytes: int = 0
    upload_to: str | None = None  # the origin's path
    unit: str = "us"  # of the cost of one operation

    def cost(self, result):
        """CPU time per operation in us, or per MB of body."""
        cost = result["cpu_ns"] / 1000 / result["operations"]
        return cost / (self.bytes / 1e6) if self.bytes else cost


def rsa(key, row, title):
    values = dict(vars(row), key=key, title=title, goal=None, kind="rsa")
    return Row(**values)


ROWS = [
    Row("1", "TLS 1.3 handshake + request, client seen before", "handshake", 0.40),
    Row("2", "TLS 1.3 handshake + request, client never seen", "handshake", 0.70, is_fresh=True),
    Row("3", "TLS 1.2 handshake + request, client seen before", "handshake", 0.45, tls="1.2"),
    Row("4", "TLS 1.3 resumption + request, 2 workers", "resume", 0.45, workers=2),
    Row("5", "small keep-alive request", "request", 0.80, connections=8),
    Row("6", "download, 8 MiB bodies", "download", 0.85, connections=2, bytes=8 * MIB, unit="us/MB"),
    Row("7", "upload, 8 MiB bodies", "upload", 0.85, connections=2, bytes=8 * MIB, unit="us/MB"),
    Row(
        "7s", "upload, 16 MiB bodies, to an origin that reads 64 KiB a ms", "upload", 0.80,
        connections=2, bytes=16 * MIB, unit="us/MB", upload_to="/slow",
    ),  # fmt: skip
    Row("8", "idle connection, one client certificate", "idle", 0.45, unit="KiB"),
    Row("8d", "idle connection, a certificate each", "idle", 0.45, is_fresh=True, unit="KiB"),
]
ROWS += [
    rsa("1r", ROWS[0], "row 1 with RSA-2048"),
    rsa("2r", ROWS[1], "row 2 with RSA-2048"),
    rsa("3r", ROWS[2], "row 3 with RSA-2048"),
    rsa("4r", ROWS[3], "row 4 with RSA-2048"),
]


@dataclass
class Setup:
    """Everything a run needs to know."""

    programs: dict  # name -> path, ours first
    peers: list  # the names among them that ours is compared with
    work: str
    tools: str
    rounds: int
    seconds: float
    idle_connections: int
    origin: int
    server_core: int
    load_core: int
    fresh: dict  # kind -> client certificates there are

    def start(self, name, workers, kinds=("ec", "rsa")):
        return servers.start(
            name, self.programs[name], self.work, self.origin, workers, self.server_core, kinds
        )


def fresh_range(setup, row, piece, pieces):
    """(first, count) of the certificates of one piece of the work; every piece has its own."""
    share = (setup.fresh[row.kind] - FIRST_FRESH) // pieces
    return FIRST_FRESH + piece * share, share - row.connections


def measure(setup, row, server, turn):
    skip, count = fresh_range(setup, row, turn, setup.rounds) if row.is_fresh else (0, None)
    running = load.Load(setup, server, row, int(setup.seconds * 1000), skip, count)
    result = running.run()
    running.close()
    return {"cost": row.cost(result), "p99": result["p99_us"], "operations": result["operations"]}


def measure_idle(setup, row, name):
    """Memory that each open connection adds, in KiB, in a server that has done nothing before."""
    server = setup.start(name, 1, (row.kind,))
    try:
        count = setup.idle_connections
        warm = Row(row.key, row.title, "handshake", connections=4)
        load.Load(setup, server, warm, 0).close()
        before = server.memory_bytes()
        row.connections = count
        running = load.Load(setup, server, row, 0, 0, 0)
        time.sleep(1.0)  # some servers give memory back a moment later
        after = server.memory_bytes()
        result = running.run()
        running.close()
    finally:
        server.stop()
    if result["operations"] != count:
        raise load.Failed(f"{name}: {count - result['operations']} idle connections were closed")
    return {"cost": (after - before) / 1024 / count, "p99": None, "operations": count}


def rounds_of(setup, row, running):
    """Yields one {name: result} a round, each round in another order."""
    names = list(setup.programs)
    rounds = min(setup.rounds, 3) if row.mode == "idle" else setup.rounds
    for turn in range(rounds):
        shift = turn % len(names)
        results = {}
        for name in names[shift:] + names[:shift]:
            if row.mode == "idle":
                results[name] = measure_idle(setup, row, name)
            else:
                results[name] = measure(setup, row, running[name, row.workers], turn)
        yield results


def run(setup, rows):
    """{row key: [round, ...]}; a row in which a server gave wrong answers is its error text."""
    wanted = sorted({row.workers for row in rows if row.mode != "idle"})
    running = {}
    outcome = {}
    try:
        for workers in wanted:
            for name in setup.programs:
                running[name, workers] = setup.start(name, workers)
        for row in rows:
            if sys.stderr.isatty():
                print(f"\r\033[Krow {row.key}: {row.title}", end="", file=sys.stderr)
            try:
                outcome[row.key] = list(rounds_of(setup, row, running))
            except load.Failed as error:
                outcome[row.key] = str(error)
    finally:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr)
        for server in running.values():
            server.stop()
    return outcome


def median(rounds, name, what):
    values = [one[name][what] for one in rounds if one[name][what] is not None]
    return statistics.median(values) if values else None


def better_peer(setup, rounds):
    """The one with the lower median cost; None when there is nothing to compare with."""
    return min(setup.peers, key=lambda name: median(rounds, name, "cost"), default=None)


def ratios(rounds, name, peer):
    return sorted(one[name]["cost"] / one[peer]["cost"] for one in rounds)


def prepare_certificates(work, tools, counts):
    """Made once and kept: they are the same for every run. Returns the counts by kind."""
    pki = os.path.join(work, "pki")
    done = os.path.join(pki, f"made-{counts['ec']}-{counts['rsa']}")
    if not os.path.exists(done) or time.time() - os.path.getmtime(done) > 20 * 86400:
        os.makedirs(pki, exist_ok=True)
        machine.run_in(pki, os.path.join(tools, "make_certs"), counts["ec"], counts["rsa"])
        with open(done, "w", encoding="ascii"):
            pass
    return counts
