# machine.py - CPU time and memory of a tree of processes, and what kind of machine this is.
#
# SPDX-License-Identifier: MIT
import os
import platform
import re
import resource
import subprocess


def tree(pid):
    """The process and all its descendants."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="latin-1") as file:
                    parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def cpu_ns(pids):
    """User and system time of all threads, in ns: the scheduler's own sum, not ticks."""
    total = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    return total


def memory_bytes(pids):
    """Proportional set size; where the kernel does not show it, resident memory of its own."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                total += int(re.search(r"^Pss: *(\d+) kB", file.read(), re.M).group(1)) * 1024
        except PermissionError:
            with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                fields = file.read().split()
            total += (int(fields[1]) - int(fields[2])) * resource.getpagesize()
    return total


def raise_descriptor_limit(wanted):
    """As far as allowed; returns what there is."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in (max(hard, wanted), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            break
        except (ValueError, PermissionError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def cores():
    """(core of the servers, core of load and origin); the same one when there is no other."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[-1], allowed[0]


def first_line(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[0]


def shape():
    """What the figures depend on, and nothing that tells one machine from another."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    kernel = ".".join(platform.release().split(".")[:2])
    openssl = first_line("openssl", "version").split()[1]
    return (
        f"{os.cpu_count()} cores, {platform.machine()}"
        f"{' (' + model.group(1) + ')' if model else ''}, Linux {kernel}, OpenSSL {openssl}"
    )


def run_in(folder, *command):
    subprocess.run([str(word) for word in command], check=True, cwd=folder)
