# main.py - the benchmark: see scripts/bench.
#
# SPDX-License-Identifier: MIT
import argparse
import json
import os
import subprocess
import sys

import machine
import micro
import report
import rows
import scale
import servers

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
DOCUMENT = os.path.join(TOP, "docs", "performance.md")


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="bench",
        description="CPU time, memory and latency of mtls-proxy next to nginx and HAProxy.",
    )
    parser.add_argument("--rounds", type=int, help="rounds of each row (default: 12)")
    parser.add_argument("--seconds", type=float, help="of one measurement (default: 0.4)")
    parser.add_argument("--rows", help="some rows only, e.g. 1,4,8d")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: a rough idea")
    parser.add_argument("--ours-only", action="store_true", help="without nginx and HAProxy")
    parser.add_argument("--micro", action="store_true", help="instructions of single operations")
    parser.add_argument("--levers", action="store_true", help="--micro: what each saves, instead")
    parser.add_argument(
        "--before", metavar="PROGRAM",
        help="also compare with another mtls-proxy; --micro: with that program or tree alone",
    )  # fmt: skip
    parser.add_argument("--scale", action="store_true", help="what must not grow, instead")
    parser.add_argument("--write", action="store_true", help="put the table into the document")
    return parser.parse_args()


def find_programs(arguments, ours):
    programs = {report.OURS: ours}
    peers = []
    if arguments.before:
        programs["before"] = os.path.realpath(arguments.before)
    if not arguments.ours_only and not arguments.scale:
        for name in ("nginx", "haproxy"):
            found = machine.first_line(os.path.join(TOP, "scripts", "peers"), name)
            programs[name] = found
            peers.append(name)
    return programs, peers


def choose_rows(text):
    if not text:
        return rows.ROWS
    known = {row.key: row for row in rows.ROWS}
    try:
        return [known[key] for key in text.split(",")]
    except KeyError as error:
        raise SystemExit(f"bench: no row {error}; there are {', '.join(known)}") from None


def conditions(setup):
    versions = []
    if "nginx" in setup.programs:
        text = subprocess.run(
            [setup.programs["nginx"], "-v"], check=True, capture_output=True, text=True
        ).stderr
        versions.append("nginx " + text.strip().rpartition("/")[2])
    if "haproxy" in setup.programs:
        text = machine.first_line(setup.programs["haproxy"], "-v")
        versions.append("HAProxy " + text.split()[2].partition("-")[0])
    peers = " and ".join(versions) + "; " if versions else ""
    return f"{peers}{machine.shape()}; {setup.rounds} rounds of {setup.seconds:g} s"


def compare(setup, arguments):
    wanted = choose_rows(arguments.rows)
    outcome = rows.run(setup, wanted)
    table = report.lines(setup, wanted, outcome)
    print(report.plain(table) + "\n" + conditions(setup))
    with open(os.path.join(setup.work, "results.json"), "w", encoding="utf-8") as file:
        json.dump(outcome, file, indent=1)
    failures = [text for text in outcome.values() if isinstance(text, str)]
    for text in failures:
        print(f"bench: {text}", file=sys.stderr)
    if arguments.write and not failures:
        body = report.markdown(table) + "\nMeasured with " + conditions(setup) + ".\n"
        report.write(DOCUMENT, "comparison", body)
    return 1 if failures else 0


def compare_scale(setup, arguments):
    growth, loads, failures = scale.run(setup)
    print(report.plain(growth) + "\n" + report.plain(loads) + "\n" + conditions(setup))
    for text in failures:
        print(f"bench: {text}", file=sys.stderr)
    if arguments.write and not failures:
        body = report.markdown(growth) + "\n" + report.markdown(loads)
        body += "\nMeasured with " + conditions(setup) + ".\n"
        report.write(DOCUMENT, "scale", body)
    return 1 if failures else 0


def chain_search(tools):
    print("\nchains of 32 KiB made to hurt (bound: 20 ms):", flush=True)
    subprocess.run([os.path.join(tools, "bench_verdict")], check=True)


def main():
    arguments = parse_arguments()
    if arguments.micro:
        return micro.main(arguments, DOCUMENT)
    work = os.path.join(TOP, "build", "bench")
    tools = os.path.join(TOP, "build", "release", "bench")
    os.makedirs(work, exist_ok=True)
    machine.raise_descriptor_limit(40000)
    programs, peers = find_programs(
        arguments, os.path.join(TOP, "build", "release", report.OURS)
    )
    server_core, load_core = machine.cores()
    origin = servers.Origin(os.path.join(tools, "origin"), load_core)
    setup = rows.Setup(
        programs=programs,
        peers=peers,
        work=work,
        tools=tools,
        rounds=arguments.rounds or (3 if arguments.quick else 12),
        seconds=arguments.seconds or (0.25 if arguments.quick else 0.4),
        idle_connections=500 if arguments.quick else 2000,
        origin=origin.port,
        server_core=server_core,
        load_core=load_core,
        fresh=rows.prepare_certificates(work, tools, {"ec": 12000, "rsa": 4000}),
    )
    try:
        code = (compare_scale if arguments.scale else compare)(setup, arguments)
    finally:
        origin.stop()
    if not arguments.rows and not arguments.scale and not arguments.before:
        chain_search(tools)
    return code


sys.exit(main())
