"""Uploads with curl: CURL PORT VERSION SIZE TRIES IS_CHUNKED IS_SECOND, one status a line.

SPDX-License-Identifier: MIT
"""

import os
import subprocess
import sys
import tempfile

CURL, PORT, VERSION = sys.argv[1:4]
SIZE, TRIES, IS_CHUNKED, IS_SECOND = map(int, sys.argv[4:])
BASE = f"{'http' if VERSION == 'plain' else 'https'}://127.0.0.1:{PORT}"
# No Expect: it would be told before it sends anything.
COMMON = ["-sS", "-k", "--max-time", "60", "--noproxy", "*", "-H", "Expect:"]
if VERSION != "plain":
    COMMON += [f"--tlsv{VERSION}", "--tls-max", VERSION]
CHUNKED = ["-H", "Transfer-Encoding: chunked"] if IS_CHUNKED else []

with tempfile.TemporaryDirectory() as folder:
    body, page = os.path.join(folder, "body"), os.path.join(folder, "page")
    with open(body, "wb") as out:
        out.truncate(SIZE)
    first = [*COMMON, "-o", os.devnull, f"{BASE}/open", "--next"] if IS_SECOND else []
    for _ in range(TRIES):
        done = subprocess.run(
            [CURL, *first, *COMMON, *CHUNKED, "-X", "POST", "-T", body, "-o", page, "-w", "%{http_code}",
             f"{BASE}/guarded"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            print(done.stdout, os.path.getsize(page) > 0)
        else:
            print(done.returncode, done.stdout, done.stderr.strip())
