# micro.py - instructions of single operations, counted by callgrind, next to the recorded ones.
#
# SPDX-License-Identifier: MIT
import concurrent.futures
import json
import os
import platform
import re
import shutil
import subprocess
import sys

import report

LIMIT = 1.10  # more than the recorded figure by this much, and the run fails
TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
RECORD = os.path.join(TOP, "tests", "bench", "micro.json")
LEVER_CASES = [
    "tls13_full_known", "tls13_full_fresh", "tls13_resumed", "tls12_full_known", "tls12_resumed",
    "request", "write_request",
]  # fmt: skip
COUNT = ["--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no"]


class Failure(Exception):
    pass


def output(*command, **environment):
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def program_in(path):
    """The program itself, or a tree it was built in."""
    tried = [path] + [
        os.path.join(path, below, "micro")
        for below in ("build/release/bench", "release/bench", "bench", ".")
    ]
    for one in tried:
        if os.path.isfile(one) and os.access(one, os.X_OK):
            return os.path.realpath(one)
    raise Failure(f"no micro program at {path}; `make bench-micro` builds it there")


def list_cases(program):
    """(name, operations, meaning) of each."""
    lines = output(program, "--list").splitlines()
    return [(name, int(times), what) for name, times, what in (one.split("\t") for one in lines)]


def versions(program):
    """What the figures depend on; the processor is the one that valgrind shows."""
    if shutil.which("valgrind") is None:
        raise Failure("valgrind is missing; on Debian: apt-get install valgrind")
    found = dict(
        line.split("\t")
        for line in output("valgrind", "-q", "--tool=none", program, "--versions").splitlines()
    )
    if found.pop("counts") != "yes":
        raise Failure(
            f"{program} was built without valgrind/callgrind.h; install the package valgrind,"
            " touch tests/bench/micro.c and try again"
        )
    found["cpu"] = found["cpu"].partition("=")[2]
    found["machine"] = platform.machine()
    found["valgrind"] = output("valgrind", "--version").strip().partition("-")[2]
    return found


def total_of(text):
    """Of a file that callgrind wrote."""
    found = re.search(r"^totals: (\d+)$", text, re.M)
    if not found or int(found.group(1)) == 0:
        raise Failure("callgrind counted nothing")
    return int(found.group(1))


def count_case(program, name, times, work, settings):
    path = os.path.join(work, f"{name}.callgrind")
    command = ["valgrind", "-q", *COUNT, f"--callgrind-out-file={path}", program, name]
    output(*command, MICRO_SETTINGS=settings)
    with open(path, encoding="ascii", errors="replace") as file:
        total = total_of(file.read())
    os.unlink(path)
    return total / times


def count(program, work, only=None, settings=""):
    """Instructions of one operation, by case; settings: more YAML for the cases with an engine."""
    os.makedirs(work, exist_ok=True)
    cases = [one for one in list_cases(program) if only is None or one[0] in only]
    with concurrent.futures.ThreadPoolExecutor(min(4, os.cpu_count())) as pool:
        figures = pool.map(lambda one: count_case(program, one[0], one[1], work, settings), cases)
        return {name: round(figure) for (name, _, _), figure in zip(cases, figures)}


def compare(measured, recorded):
    """(name, instructions, recorded, ratio) of each; None where nothing was recorded."""
    found = []
    for name, figure in measured.items():
        before = recorded.get(name)
        found.append((name, figure, before, figure / before if before else None))
    return found


def worse(compared):
    return [name for name, _, _, ratio in compared if ratio is not None and ratio > LIMIT]


def differences(now, then):
    """Sentences about versions that are not those of the record."""
    return [
        f"{key} is {now.get(key)}, recorded with {then.get(key)}"
        for key in sorted(set(now) | set(then))
        if now.get(key) != then.get(key)
    ]


def show(compared, cases, title):
    meaning = {name: what for name, _, what in cases}
    table = [["case", "what", "instructions", title, "ratio", ""]]
    for name, figure, before, ratio in compared:
        table.append([
            name,
            meaning[name],
            f"{figure:,}",
            "-" if before is None else f"{before:,}",
            "-" if ratio is None else f"{ratio:.3f}",
            "WORSE" if ratio is not None and ratio > LIMIT else "",
        ])
    return report.plain(table)


def write(document, figures, cases, found):
    """Records anew, and puts the table into the document."""
    with open(RECORD, "w", encoding="ascii") as file:
        json.dump({"versions": found, "instructions": figures}, file, indent=1)
        file.write("\n")
    table = [["case", "what", "instructions"]]
    table += [[name, what, f"{figures[name]:,}"] for name, _, what in cases]
    body = report.markdown(table)
    body += (
        f"\nCounted by callgrind {found['valgrind']} on {found['machine']}: OpenSSL"
        f" {found['openssl']}, libc {found['libc']}, gcc {found['compiler']}.\n"
    )
    report.write(document, "micro", body)


def recorded_figures(found):
    if not os.path.exists(RECORD):
        raise Failure(f"nothing is recorded in {RECORD}; `scripts/bench --micro --write` does")
    with open(RECORD, encoding="ascii") as file:
        record = json.load(file)
    for one in differences(found, record["versions"]):
        print(f"note: {one}; ratios include that difference")
    return record["instructions"]


def levers():
    """(name, YAML that switches it off) of those under `performance`."""
    sys.path.insert(0, os.path.join(TOP, "tests", "integration"))
    import proxy  # pylint: disable=import-outside-toplevel

    return [
        (name, f"{table}: {{ {key}: {json.dumps(value)} }}\n")
        for name, (table, key, value) in proxy.LEVERS.items()
        if table == "performance" and name != "check_stores_at_load"  # once a pair, after a load
    ]


def run_levers(program, work, arguments, document):
    """What each saves: the cases that go through an engine, with one switched off at a time."""
    base = count(program, work, LEVER_CASES)
    table = [["case", *LEVER_CASES], ["all on", *(f"{base[name]:,}" for name in LEVER_CASES)]]
    for lever, settings in levers():
        figures = count(program, work, LEVER_CASES, settings)
        ratios = [f"{figures[name] / base[name]:.2f}" for name in LEVER_CASES]
        table.append([f"without {lever}", *ratios])
    print(report.plain(table), end="")
    if arguments.write:
        report.write(document, "levers", report.markdown(table))
    return 0


def run(arguments, document):
    """The exit code of scripts/bench --micro."""
    program = program_in(TOP)
    work = os.path.join(TOP, "build", "bench", "micro")
    found = versions(program)
    if arguments.levers:
        return run_levers(program, work, arguments, document)
    cases = list_cases(program)
    before, title = None, "recorded"
    if arguments.before:
        other = program_in(arguments.before)
        for one in differences(found, versions(other)):
            print(f"note: before, {one}")
        before, title = count(other, work), "before"
    elif not arguments.write:
        before = recorded_figures(found)
    figures = count(program, work)
    compared = compare(figures, before or {})
    print(show(compared, cases, title), end="")
    for name in sorted(set(before or {}) - set(figures)):
        print(f"note: {name} is gone")
    bad = worse(compared)
    if bad:
        print(f"bench: more than {LIMIT - 1:.0%} worse: {', '.join(bad)}")
    if arguments.write:
        write(document, figures, cases, found)
    return 1 if bad else 0


def main(arguments, document):
    try:
        return run(arguments, document)
    except Failure as problem:
        raise SystemExit(f"bench: {problem}") from None
