"""The microbenchmarks work, and what compares them sees what became dearer.

SPDX-License-Identifier: MIT
"""

import argparse
import importlib
import json
import os
import subprocess
import sys

import pytest

from proxy import BINARY, TOP

PROGRAM = os.path.join(os.path.dirname(BINARY), "bench", "micro")


@pytest.fixture
def micro(monkeypatch):
    monkeypatch.syspath_prepend(os.path.join(TOP, "tests", "bench"))
    before = set(sys.modules)
    yield importlib.import_module("micro")
    for name in set(sys.modules) - before:  # names like `report` are of tests/bench alone
        del sys.modules[name]


@pytest.mark.skipif(not os.path.exists(PROGRAM), reason="make build-tests makes the program")
def test_every_case_runs(micro):
    done = subprocess.run([PROGRAM, "--once"], capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == 0, done.stderr
    names = [name for name, _, _ in micro.list_cases(PROGRAM)]
    assert done.stdout.splitlines() == [f"{name}: ok" for name in names]


@pytest.mark.skipif(not os.path.exists(PROGRAM), reason="make build-tests makes the program")
def test_every_case_is_recorded(micro):
    with open(micro.RECORD, encoding="ascii") as file:
        record = json.load(file)
    assert list(record["instructions"]) == [name for name, _, _ in micro.list_cases(PROGRAM)]
    assert {"openssl", "compiler", "libc", "valgrind", "cpu"} <= set(record["versions"])


@pytest.fixture
def compared(micro, monkeypatch, tmp_path, capsys):
    """Runs the comparison on figures that are given; returns exit code and output."""
    versions = {"openssl": "1"}
    monkeypatch.setattr(micro, "RECORD", str(tmp_path / "micro.json"))
    monkeypatch.setattr(micro, "program_in", lambda path: path)
    monkeypatch.setattr(micro, "versions", lambda program: versions)
    monkeypatch.setattr(micro, "list_cases",
                        lambda program: [("one", 1, "first"), ("two", 1, "second")])

    def run(figures, record, record_versions=versions, other=None):
        (tmp_path / "micro.json").write_text(
            json.dumps({"versions": record_versions, "instructions": record}))
        monkeypatch.setattr(micro, "count",
                            lambda program, work: other if program == "other" else figures)
        arguments = argparse.Namespace(before="other" if other else None, write=False,
                                       levers=False)
        return micro.main(arguments, "nowhere"), capsys.readouterr().out

    return run


def test_eleven_per_cent_worse_fails(compared):
    code, text = compared({"one": 1110, "two": 1000}, {"one": 1000, "two": 1000})
    assert code == 1
    assert "WORSE" in text and "more than 10% worse: one\n" in text


def test_nine_per_cent_worse_does_not(compared):
    code, text = compared({"one": 1090, "two": 500}, {"one": 1000, "two": 1000})
    assert code == 0
    assert "WORSE" not in text and "1.090" in text


def test_another_build_counts_instead_of_the_record(compared):
    figures = {"one": 1110, "two": 1000}
    assert compared(figures, {"one": 1, "two": 1}, other=figures)[0] == 0
    assert compared(figures, figures, other={"one": 1000, "two": 1000})[0] == 1


def test_other_versions_new_and_old_cases_are_told(compared):
    code, text = compared({"one": 1000, "two": 1000}, {"one": 1000, "gone": 5}, {"openssl": "2"})
    assert code == 0
    assert "note: openssl is 1, recorded with 2" in text and "note: gone is gone" in text


def test_without_valgrind_the_package_is_named(micro, monkeypatch):
    monkeypatch.setattr(micro, "program_in", lambda path: path)  # built or not, here or elsewhere
    monkeypatch.setattr(micro.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="apt-get install valgrind"):
        micro.main(argparse.Namespace(before=None, write=False, levers=False), "nowhere")
