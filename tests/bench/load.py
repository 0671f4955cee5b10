# load.py - runs the load generator against a server and reads the server's counters around it.
#
# SPDX-License-Identifier: MIT
import json
import os
import subprocess
import time

import servers


class Failed(Exception):
    """The load generator could not do its work, or a server gave wrong answers."""


class Load:
    """A load generator with its connections open."""

    def __init__(self, setup, server, row, milliseconds, skip=0, count=None, name="bench.test"):
        pki = os.path.join(setup.work, "pki")
        command = [
            os.path.join(setup.tools, "load"), "--mode", row.mode, "--tls", row.tls,
            "--port", str(server.ports[row.kind]), "--name", name,
            "--clients", f"{pki}/{row.kind}-clients.bin",
            "--chain", f"{pki}/{row.kind}-intermediate.pem",
            "--connections", str(row.connections), "--bytes", str(row.bytes),
            "--milliseconds", str(milliseconds), "--skip", str(skip),
        ]  # fmt: skip
        if row.is_fresh:
            command.append("--fresh")
        if row.upload_to:
            command += ["--upload-to", row.upload_to]
        if count is not None:
            command += ["--count", str(count)]
        self.row = row
        self.server = server
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=servers.pin(setup.load_core),
        )  # fmt: skip
        if self.process.stdout.readline() != "ready\n":
            self.close()
            raise Failed(f"{server.name}, row {row.key}: no connections\n{server.output()}")

    def run(self):
        """Measures; the connections stay open."""
        time.sleep(0.01)
        before = self.server.cpu_ns()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        time.sleep(0.01)
        after = self.server.cpu_ns()
        if not line:
            self.close()
            raise Failed(f"{self.server.name}, row {self.row.key}: the load generator died")
        result = json.loads(line)
        result["cpu_ns"] = after - before
        wrong = result["errors"] > 0 or result["operations"] == 0
        if self.row.mode == "resume":
            wrong = wrong or result["resumed"] != result["operations"]
        elif self.row.mode == "handshake":
            wrong = wrong or result["resumed"] != 0
        if wrong:
            self.close()
            raise Failed(f"{self.server.name}, row {self.row.key}: {line}{self.server.output()}")
        return result

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
