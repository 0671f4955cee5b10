"""Clients that other people wrote: how each is built and started, and whether it is here.

SPDX-License-Identifier: MIT
"""

import functools
import os
import shutil
import subprocess
import sys
import tempfile

FOLDER = os.path.dirname(os.path.abspath(__file__))


class Unavailable(Exception):
    """It is not installed."""


def _command(name):
    found = shutil.which(name)
    if found is None:
        raise Unavailable(f"no {name}")
    return found


@functools.cache
def _built():
    return tempfile.TemporaryDirectory(prefix="mtls-proxy-uploaders-")


@functools.cache
def _requests():
    for python in (sys.executable, shutil.which("python3")):
        if python and subprocess.run([python, "-c", "import requests"], capture_output=True,
                                     check=False).returncode == 0:
            return [python, os.path.join(FOLDER, "upload_requests.py")]
    raise Unavailable("no requests")


@functools.cache
def _java():
    java = _command("java")
    subprocess.run([_command("javac"), "-d", _built().name, os.path.join(FOLDER, "Upload.java")],
                   check=True, capture_output=True)
    return [java, "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", _built().name, "Upload"]


@functools.cache
def _go():
    program = os.path.join(_built().name, "upload")
    environment = {**os.environ, "GO111MODULE": "off",
                   "GOCACHE": os.path.join(_built().name, "cache")}
    subprocess.run([_command("go"), "build", "-o", program, os.path.join(FOLDER, "upload.go")],
                   check=True, capture_output=True, env=environment)
    return [program]


COMMANDS = {
    "requests": _requests,
    "node": lambda: [_command("node"), os.path.join(FOLDER, "upload.js")],
    "java": lambda: [*_java(), "modern"],
    "java-url": lambda: [*_java(), "classic"],
    "go": _go,
    "curl": lambda: [sys.executable, os.path.join(FOLDER, "upload_curl.py"), _command("curl")],
}


def upload(name, port, version, size, tries=1, is_chunked=False, is_second=False, deadline=600):
    """What each of `tries` uploads by this client ended with: the status and whether a page came,
    or what went wrong. version: 1.2, 1.3 or plain."""
    done = subprocess.run(
        [*COMMANDS[name](), str(port), version, str(size), str(tries), str(int(is_chunked)),
         str(int(is_second))], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=deadline, check=False)
    return done.stdout.splitlines() or [done.stderr]
