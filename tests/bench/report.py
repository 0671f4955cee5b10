# report.py - the table, on the terminal and in docs/performance.md.
#
# SPDX-License-Identifier: MIT
import statistics

import rows

OURS = "mtls-proxy"
TEXT_COLUMNS = ("row", "what", "unit", "operation", "with", "configuration", "case", "")


def number(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def lines(setup, wanted, outcome):
    """One list of cells a row; the first is the heading."""
    others = [name for name in setup.programs if name != OURS]
    head = ["row", "what", "unit", OURS, *others]
    if setup.peers:
        head += ["ratio", "min..max", "goal", "p99 ours", "p99 theirs"]
    table = [head + [f"to {name}" for name in others if name not in setup.peers]]
    for row in wanted:
        rounds = outcome[row.key]
        if isinstance(rounds, str):
            table.append([row.key, row.title, "FAILED"] + [""] * (len(table[0]) - 3))
            continue
        cells = [row.key, row.title, row.unit]
        cells += [number(rows.median(rounds, name, "cost")) for name in [OURS, *others]]
        peer = rows.better_peer(setup, rounds)
        if peer:
            found = rows.ratios(rounds, OURS, peer)
            cells += [
                f"{statistics.median(found):.2f}",
                f"{found[0]:.2f}..{found[-1]:.2f}",
                "-" if row.goal is None else f"{row.goal:.2f}",
                number(rows.median(rounds, OURS, "p99")),
                number(rows.median(rounds, peer, "p99")),
            ]
        for name in others:
            if name not in setup.peers:
                cells.append(f"{statistics.median(rows.ratios(rounds, OURS, name)):.2f}")
        table.append(cells)
    return table


def plain(table):
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    text = ""
    for line in table:
        cells = [
            cell.ljust(width) if head in TEXT_COLUMNS else cell.rjust(width)
            for head, cell, width in zip(table[0], line, widths)
        ]
        text += "  ".join(cells).rstrip() + "\n"
    return text


def markdown(table):
    text = "| " + " | ".join(table[0]) + " |\n"
    text += "|" + "|".join("---" if head in TEXT_COLUMNS else "---:" for head in table[0]) + "|\n"
    for line in table[1:]:
        text += "| " + " | ".join(line) + " |\n"
    return text


def write(path, marker, body):
    """Replaces what stands between the two markers of that name."""
    begin, end = f"<!-- {marker}: begin -->\n", f"<!-- {marker}: end -->\n"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise SystemExit(f"bench: {path} has no place for {marker}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + begin + body + end + after)
