# scale.py - what must not grow: the cost of a request and of a handshake in a large configuration
# or with many clients, as a ratio to the small one.
#
# SPDX-License-Identifier: MIT
import os
import random
import statistics
import time

import load
import report
import rows
import servers

MAPPINGS = 1000000
RULES = 10000
SITES = 1000
IDLE = 10000
GOAL = "1.10"
ROWS = [
    rows.Row("request", "keep-alive request", "request", connections=8),
    rows.Row("seen", "handshake, client seen before", "handshake"),
    rows.Row("fresh", "handshake, client never seen", "handshake", is_fresh=True),
]


def write_mappings(setup, path, count):
    """The clients of the benchmark in the middle of others."""
    with open(os.path.join(setup.work, "pki", "ec-clients.txt"), encoding="ascii") as file:
        clients = file.read().split()
    source = random.Random(1)
    others = count - len(clients)
    with open(path, "w", encoding="ascii") as file:
        for i in range(others // 2):
            file.write(f"{source.getrandbits(256):064x} BENCH\\user{i}\n")
        for i, digest in enumerate(clients):
            file.write(f"{digest} BENCH\\client{i}\n")
        for i in range(others // 2, others):
            file.write(f"{source.getrandbits(256):064x} BENCH\\user{i}\n")


def rule(number):
    return (
        f"        - {{ name: rule{number}, user: 'BENCH\\user{number}',\n"
        f"             rules: [{{ field: subject, subfield: CN, match: 'nobody {number}*' }}] }}\n"
    )


def sites_of(setup, port, variant):
    """The site or sites of a variant, as YAML. All but `sites` are one site with one difference."""
    pki = os.path.join(setup.work, "pki")
    given = {"one_to_one": "few.txt", "crls": f"[{pki}/ec-root.crl, {pki}/ec-empty.crl]"}
    if variant == "mappings":
        given["one_to_one"] = "many.txt"
    if variant == "rules":
        given["rules"] = "".join(rule(i) for i in range(RULES - 1))
    if variant == "crl":
        given["crls"] = f"[{pki}/ec-root.crl, {pki}/ec-large.crl]"
    if variant != "sites":
        return servers.ours_site(port, "ec", pki, **given)
    return "".join(
        servers.ours_site(
            port, "ec", pki, **dict(given, name=f"site{i}", hosts=f"[site{i}.bench.test]")
        )
        for i in range(SITES)
    )


def start(setup, variant):
    folder = os.path.join(setup.work, f"scale-{variant}")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(setup.work, "pki", "ec-clients.txt"), encoding="ascii") as file:
        few = "".join(line.strip() + " BENCH\\client\n" for line in file)
    if variant == "mappings":
        write_mappings(setup, os.path.join(folder, "many.txt"), MAPPINGS)
        few = ""
    if variant in ("rules", "sites"):
        few = ""  # rules are looked at when no one-to-one mapping matches; sites share nothing
    workers = 2 if variant == "workers" else 1
    port = servers.free_ports(1)[0]
    config = servers.OURS.format(
        workers=workers, origin=setup.origin, sites=sites_of(setup, port, variant)
    )
    files = {"proxy.yaml": config, "few.txt": few}
    command = [setup.programs[report.OURS], "run", "-c", "proxy.yaml"]
    return servers.start_with(
        report.OURS, command, files, folder, {"ec": port}, setup.server_core
    )


VARIANTS = {
    "small": "one site, 12,000 mappings, one rule, empty CRL",
    "mappings": "1,000,000 one-to-one mappings",
    "rules": "10,000 many-to-one rules, the last one matches",
    "crl": "CRL with 1,000,000 entries",
    "sites": "1,000 sites",
    "idle": "10,000 idle connections",
    "workers": "2 workers",
}


def measure(setup, row, server, variant, piece, pieces):
    skip, count = rows.fresh_range(setup, row, piece, pieces) if row.is_fresh else (0, None)
    name = f"site{SITES // 2}.bench.test" if variant == "sites" else "bench.test"
    running = load.Load(setup, server, row, int(setup.seconds * 1000), skip, count, name)
    result = running.run()
    running.close()
    return row.cost(result)


def pairs_of(setup, row, running, variant):
    """[(cost in the small case, cost in the variant), ...], measured one after the other."""
    variants = list(VARIANTS)
    pieces = setup.rounds * len(variants)
    pairs = []
    for turn in range(setup.rounds):
        piece = turn * len(variants) + variants.index(variant)
        order = ("small", variant) if turn % 2 == 0 else (variant, "small")
        cost = {one: measure(setup, row, running[one], one, piece, pieces) for one in order}
        pairs.append((cost["small"], cost[variant]))
    return pairs


def growth_line(row, variant, pairs):
    found = sorted(large / small for small, large in pairs)
    return [
        row.title, VARIANTS[variant], "us",
        report.number(statistics.median(small for small, _ in pairs)),
        report.number(statistics.median(large for _, large in pairs)),
        f"{statistics.median(found):.2f}", f"{found[0]:.2f}..{found[-1]:.2f}", GOAL,
    ]  # fmt: skip


def load_lines(running):
    lines = [["configuration", "load s", "memory MiB"]]
    for variant, server in running.items():
        if variant != "idle":
            memory = server.memory_bytes() / (1 << 20)
            lines.append([VARIANTS[variant], f"{server.load_seconds:.2f}", f"{memory:.1f}"])
    return lines


def run(setup):
    """(table of growth, table of start-up, failures)"""
    setup.rounds = min(setup.rounds, 10)
    running = {}
    failures = []
    loads = [["configuration"]]
    growth = [["operation", "with", "unit", "small", "large", "ratio", "min..max", "goal"]]
    idle = rows.Row("idle", "idle connections", "idle", connections=IDLE)
    try:
        for variant in VARIANTS:
            running[variant] = start(setup, variant)
        loads = load_lines(running)
        holder = load.Load(setup, running["idle"], idle, 0)
        time.sleep(0.5)
        for row in ROWS:
            for variant in list(VARIANTS)[1:]:
                pairs = pairs_of(setup, row, running, variant)
                growth.append(growth_line(row, variant, pairs))
        if holder.run()["operations"] != IDLE:
            failures.append("idle connections were closed")
        holder.close()
    except load.Failed as error:
        failures.append(str(error))
    finally:
        for server in running.values():
            server.stop()
    return growth, loads, failures
