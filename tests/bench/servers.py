# servers.py - the proxy and its peers, set up to do the same work.
#
# Each asks every client for a certificate, judges it against the same root, tells the same origin
# who the client is, and keeps its connections to the origin. Where a default would make a peer
# slower than it has to be (request buffering and few kept connections of nginx, fresh origin
# connections of HAProxy), it is set to the faster value. None writes an access log: HAProxy has no
# buffered one. All resume sessions as they do by default.
#
# SPDX-License-Identifier: MIT
import os
import signal
import socket
import subprocess
import sys
import time

import machine


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def pin(core):
    return lambda: os.sched_setaffinity(0, {core})


class Server:
    """A running server: `ports` by kind of key, `pids` of its whole tree."""

    def __init__(self, name, command, folder, ports, core):
        self.name = name
        self.ports = ports
        with open(os.path.join(folder, "output"), "wb") as output:
            started = time.monotonic()
            self.process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                preexec_fn=pin(core), start_new_session=True,
            )  # fmt: skip
        self.folder = folder
        self.wait_ready()
        self.load_seconds = time.monotonic() - started
        time.sleep(0.3)  # the last worker may be under way
        self.pids = machine.tree(self.process.pid)

    def wait_ready(self):
        deadline = time.monotonic() + 120
        waiting = list(self.ports.values())
        while waiting:
            try:
                socket.create_connection(("127.0.0.1", waiting[0]), 1).close()
                waiting.pop(0)
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise SystemExit(f"bench: {self.name} did not start:\n{self.output()}")
                time.sleep(0.01)

    def output(self):
        with open(os.path.join(self.folder, "output"), encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def cpu_ns(self):
        return machine.cpu_ns(self.pids)

    def memory_bytes(self):
        return machine.memory_bytes(self.pids)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(1)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


OURS = """\
workers: {workers}
log: {{ error: {{ path: stderr, level: warn }}, access: {{ path: null }} }}
limits: {{ connections: 30000 }}
timeouts: {{ idle: 10m }}
upstreams: {{ origin: {{ servers: [ {{ url: "http://127.0.0.1:{origin}" }} ],
  keepalive: {{ connections: 64, requests: 1000000 }} }} }}
sites:
{sites}"""
OURS_SITE = """\
  - name: {name}
    hosts: {hosts}
    bindings: ["https://127.0.0.1:{port}"]
    server_certificate: {{ chain: {pki}/{kind}-server.pem, key: {pki}/{kind}-server.key }}
    client_certificate: require
    trust:
      root: [{pki}/{kind}-root.pem]
      revocation: {{ crls: {crls} }}
    mapping:
      one_to_one_file: {one_to_one}
      many_to_one:
{rules}\
        - {{ name: all, user: 'BENCH\\client',
             rules: [{{ field: issuer, subfield: CN, match: Bench issuing }}] }}
    forward: {{ headers: {{ X-Client-Subject: "{{subject}}" }} }}
    upstream: origin
"""


def ours_site(port, kind, pki, **given):
    values = {"name": kind, "hosts": "[]", "crls": "[]", "one_to_one": "null", "rules": ""}
    values.update(given)
    text = OURS_SITE.format(port=port, kind=kind, pki=pki, **values)
    return text.replace("    hosts: []\n", "").replace("      one_to_one_file: null\n", "")


def ours(program, pki, origin, ports, workers):
    sites = "".join(ours_site(port, kind, pki) for kind, port in ports.items())
    config = OURS.format(workers=workers, origin=origin, sites=sites)
    return {"proxy.yaml": config}, [program, "run", "-c", "proxy.yaml"]


NGINX = """\
daemon off;
{user}worker_processes {workers};
pid nginx.pid;
error_log stderr error;
events {{ worker_connections 10000; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    keepalive_timeout 600s;
    keepalive_requests 100000000;
    client_max_body_size 0;
    ssl_session_cache shared:bench:20m;
    ssl_session_timeout 2h;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_verify_client on;
    ssl_verify_depth 2;
    upstream origin {{
        server 127.0.0.1:{origin};
        keepalive 64;
        keepalive_requests 1000000;
    }}
    proxy_http_version 1.1;
    proxy_request_buffering off;
    proxy_max_temp_file_size 0;
    proxy_buffer_size 16k;
    proxy_buffers 8 16k;
    proxy_busy_buffers_size 64k;
    proxy_set_header Host $host;
    proxy_set_header Connection "";
    proxy_set_header Client-Cert $ssl_client_escaped_cert;
    proxy_set_header X-Client-Subject $ssl_client_s_dn;
{sites}}}
"""
NGINX_SITE = """\
    server {{
        listen 127.0.0.1:{port} ssl backlog=4096;
        ssl_certificate {pki}/{kind}-server.pem;
        ssl_certificate_key {pki}/{kind}-server.key;
        ssl_client_certificate {pki}/{kind}-root.pem;
        location / {{ proxy_pass http://origin; }}
    }}
"""


def nginx(program, pki, origin, ports, workers):
    sites = "".join(NGINX_SITE.format(port=p, kind=k, pki=pki) for k, p in ports.items())
    user = "user root;\n" if os.getuid() == 0 else ""
    config = NGINX.format(workers=workers, origin=origin, sites=sites, user=user)
    return {"nginx.conf": config}, [program, "-p", ".", "-c", "nginx.conf", "-e", "stderr"]


HAPROXY = """\
global
    maxconn 5000
    nbthread {workers}
    ssl-default-bind-options ssl-min-ver TLSv1.2
    tune.ssl.lifetime 7200
defaults
    mode http
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
    http-reuse always
{sites}backend origin
    server origin 127.0.0.1:{origin} pool-max-conn 64
"""
HAPROXY_SITE = """\
frontend {kind}
    bind 127.0.0.1:{port} ssl crt {kind}.pem ca-file {pki}/{kind}-root.pem verify required alpn http/1.1
    http-request set-header Client-Cert :%[ssl_c_der,base64]:
    http-request set-header X-Client-Subject %[ssl_c_s_dn]
    default_backend origin
"""


def haproxy(program, pki, origin, ports, workers):
    sites = "".join(HAPROXY_SITE.format(port=p, kind=k, pki=pki) for k, p in ports.items())
    files = {"haproxy.cfg": HAPROXY.format(workers=workers, origin=origin, sites=sites)}
    for kind in ports:
        pair = ""
        for end in ("pem", "key"):
            with open(os.path.join(pki, f"{kind}-server.{end}"), encoding="ascii") as file:
                pair += file.read()
        files[f"{kind}.pem"] = pair
    return files, [program, "-db", "-f", "haproxy.cfg"]


KINDS = {"nginx": nginx, "haproxy": haproxy}


def start(name, program, work, origin, workers, core, kinds=("ec", "rsa")):
    """Writes the configuration under work/NAME-WORKERS and starts the server."""
    ports = dict(zip(kinds, free_ports(len(kinds))))
    write = KINDS.get(name, ours)
    pki = os.path.join(work, "pki")
    files, command = write(program, pki, origin, ports, workers)
    return start_with(name, command, files, os.path.join(work, f"{name}-{workers}"), ports, core)


def start_with(name, command, files, folder, ports, core):
    os.makedirs(folder, exist_ok=True)
    for path, text in files.items():
        with open(os.path.join(folder, path), "w", encoding="utf-8") as file:
            file.write(text)
    return Server(name, command, folder, ports, core)


class Origin:
    def __init__(self, program, core):
        self.process = subprocess.Popen(
            [program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            preexec_fn=pin(core), start_new_session=True,
        )  # fmt: skip
        self.port = int(self.process.stdout.readline())

    def stop(self):
        died = self.process.poll()
        if died is not None:
            print(f"bench: the origin died ({died}): the last row is void", file=sys.stderr)
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
