#!/usr/bin/python3
"""Runs the hostile corpus through mtls-proxy, nginx and HAProxy and prints a table.

For information, not a part of the tests: the others may read a message in their own way and are
not wrong because of that. What is counted for all alike:
    flaws     the backend got what two servers could read differently
    mismatch  another number of answers than of requests, or another client's answer
    hangs     no end of the connection
    other     not what the corpus expects (for the others often just another policy)
Usage: compare.py [-v] [mtls-proxy] [nginx] [haproxy]      -v: every finding

SPDX-License-Identifier: MIT
"""

import collections
import contextlib
import os
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

# pylint: disable=wrong-import-position
import pki  # noqa: E402
import tlsclient  # noqa: E402
from events import eventually  # noqa: E402
from hostile.corpus import CASES  # noqa: E402
from hostile.runner import Backend, run_case  # noqa: E402
from proxy import TOP, Proxy, configuration, free_port, site  # noqa: E402

LIMITS = {"target_bytes": "2k", "header_bytes": "8k", "header_count": 50, "body_bytes": "64k"}
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{ worker_connections 100; }}
http {{
    access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    client_header_timeout 1s; client_body_timeout 1s; keepalive_timeout 2s; client_max_body_size 64k;
    upstream backend {{ server 127.0.0.1:{backend}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port} ssl; ssl_certificate {chain}; ssl_certificate_key {key};
        ssl_client_certificate {root}; ssl_verify_client on; ssl_verify_depth 3;
        location / {{ proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
                      proxy_set_header Host $host; proxy_set_header X-Remote-User $ssl_client_s_dn; }}
    }}
}}
"""
HAPROXY = """
defaults
    mode http
    timeout client 2s
    timeout server 5s
    timeout connect 2s
    timeout http-request 1s
frontend tls
    bind 127.0.0.1:{port} ssl crt {both} ca-file {root} verify required
    http-request set-header X-Remote-User %[ssl_c_s_dn]
    default_backend backend
backend backend
    http-reuse safe
    server one 127.0.0.1:{backend}
"""


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def peer(name, text, arguments, basics, backend):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        port = free_port()
        both = os.path.join(folder, "both.pem")
        with open(both, "w", encoding="ascii") as out:
            for part in ("server.pem", "server.key"):
                with open(basics.path(part), encoding="ascii") as source:
                    out.write(source.read())
        trusted = os.path.join(folder, "root.pem")
        with open(trusted, "w", encoding="ascii") as out:
            out.write(basics.issuing.pem + basics.root.pem)
        path = os.path.join(folder, "conf")
        with open(path, "w", encoding="ascii") as out:
            out.write(text.format(folder=folder, port=port, backend=backend.port, root=trusted,
                                  both=both,
                                  chain=basics.path("server.pem"), key=basics.path("server.key")))
        binary = subprocess.run([os.path.join(TOP, "scripts", "peers"), name], check=True,
                                capture_output=True, text=True).stdout.strip()
        process = subprocess.Popen([binary, *arguments, path], stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: answers(port), f"{name} listens", 10)
            yield ("127.0.0.1", port)
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def ours(basics, backend):
    made = site(basics, upstream=backend.url, forward={"headers": {"X-Remote-User": "{subject}"}})
    timeouts = {"header": "1s", "body": "1s", "idle": "2s"}
    with Proxy(configuration(made, limits=LIMITS, timeouts=timeouts)) as started:
        yield started.address()


PROXIES = {
    "mtls-proxy": ours,
    "nginx": lambda *to: peer("nginx", NGINX, ["-c"], *to),
    "haproxy": lambda *to: peer("haproxy", HAPROXY, ["-f"], *to),
}


def kind_of(finding):
    if "the backend got" in finding:
        return "flaws"
    if "next client" in finding or "behind the case" in finding or "the client got" in finding:
        return "mismatch"
    return "hangs" if "hangs" in finding else "other"


def judge(name, basics, is_verbose):
    backend = Backend()
    counts = collections.Counter()
    tls = tlsclient.context(basics.alice)
    with PROXIES[name](basics, backend) as address:
        def connect():
            return tls.wrap_socket(socket.create_connection(address), server_hostname="server.test")

        for number, case in enumerate(CASES):
            findings = run_case(case, number, connect, backend, genuine=("X_REMOTE_USER",))
            counts.update({kind_of(one) for one in findings} or {"clean"})
            if is_verbose and findings:
                print(f"{name}: {case.title} ({case.expect}): {'; '.join(findings)[:300]}")
    backend.close()
    return counts


def main():
    names = [one for one in sys.argv[1:] if one != "-v"] or list(PROXIES)
    kinds = ("clean", "flaws", "mismatch", "hangs", "other")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        basics = pki.Basics(folder)
        print(f"{len(CASES)} cases".ljust(14), *(f"{kind:>9}" for kind in kinds))
        for name in names:
            counts = judge(name, basics, "-v" in sys.argv)
            print(f"{name:14}", *(f"{counts[kind]:9}" for kind in kinds), flush=True)


if __name__ == "__main__":
    main()
