"""Servers that nobody here wrote, started on free ports in front of the same folder.

SPDX-License-Identifier: MIT
"""

import contextlib
import os
import socket
import subprocess
import sys

from events import eventually
from proxy import TOP, free_port

NODE = "/usr/bin/node"

NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{ worker_connections 100; }}
http {{
    access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder}; large_client_header_buffers 4 64k;
    server {{ listen 127.0.0.1:{port}; root {files}; }}
}}
"""
APACHE = """
ServerRoot {root}
ServerName server.test
Listen 127.0.0.1:{port}
PidFile {folder}/pid
DefaultRuntimeDir {folder}
Mutex file:{folder}
ErrorLog {folder}/log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
DocumentRoot {files}
LimitRequestFieldSize 65536
EnableSendfile Off
<Directory {files}>
    Require all granted
</Directory>
"""
WSGI = """
import os, sys
from wsgiref.simple_server import make_server, WSGIRequestHandler
class Quiet(WSGIRequestHandler):
    def log_message(self, *_): pass
def app(environ, start):
    size = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(size)
    if environ["PATH_INFO"] == "/sizes":
        body = str(len(environ.get("HTTP_X_LARGE", ""))).encode()
    elif environ["PATH_INFO"] != "/mirror":
        with open(sys.argv[2] + environ["PATH_INFO"], "rb") as source:
            body = source.read()
    start("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(body)))])
    return [body]
make_server("127.0.0.1", int(sys.argv[1]), app, handler_class=Quiet).serve_forever()
"""
NODE_SERVER = """
const http = require('http'), fs = require('fs'), crypto = require('crypto');
const [port, files] = process.argv.slice(-2);
let opened = 0;
const server = http.createServer({maxHeaderSize: 100000}, (request, response) => {
    if (request.url === '/mirror') {
        response.writeHead(200, {'X-Port': request.socket.remotePort});
        request.pipe(response);
    } else if (request.url === '/sizes') {
        response.end(String((request.headers['x-large'] || '').length));
    } else if (request.url === '/connections') {
        response.end(String(opened));
    } else {
        response.end(fs.readFileSync(files + request.url));
    }
});
server.on('connection', () => { opened++; });
server.on('upgrade', (request, socket, head) => {
    const accept = crypto.createHash('sha1')
        .update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
    socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
                 `Sec-WebSocket-Accept: ${accept}\\r\\n\\r\\n`);
    let data = head;
    const take = more => {
        data = Buffer.concat([data, more]);
        while (data.length >= 6 && data.length >= 6 + (data[1] & 127)) {
            const size = data[1] & 127, mask = data.subarray(2, 6);
            const text = Buffer.from(data.subarray(6, 6 + size)).map((byte, i) => byte ^ mask[i & 3]);
            socket.write(Buffer.concat([Buffer.from([data[0], size]), text]));
            data = data.subarray(6 + size);
        }
    };
    socket.on('data', take);
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
});
server.keepAliveTimeout = 0;  // else it may close while the next request is on its way
server.listen(Number(port), '127.0.0.1');
"""


class Unavailable(Exception):
    """This backend is not on this machine."""


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def peer(name):
    """The program that scripts/peers has unpacked or finds installed; nothing is downloaded here."""
    for path in (os.path.join(TOP, "build", "peers", "bin", name), "/usr/sbin/" + name):
        if os.access(path, os.X_OK):
            return path
    raise Unavailable(f"no {name}: scripts/peers {name} fetches it")


def nginx_command(folder, files, port):
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write(NGINX.format(folder=folder, files=files, port=port))
    return [peer("nginx"), "-e", folder + "/log", "-c", path]


def apache_command(folder, files, port):
    binary = peer("apache2")
    unpacked = os.path.join(TOP, "build", "peers", "apache2", "usr", "lib", "apache2", "modules")
    modules = unpacked if os.path.isdir(unpacked) else "/usr/lib/apache2/modules"
    path = os.path.join(folder, "apache2.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write(APACHE.format(root=folder, folder=folder, files=files, port=port,
                                modules=modules))
    return [binary, "-X", "-f", path]


def wsgi_command(_, files, port):
    return [sys.executable, "-c", WSGI, str(port), files]


def node_command(_, files, port):
    if not os.access(NODE, os.X_OK):
        raise Unavailable("no " + NODE)
    return [NODE, "-e", NODE_SERVER, "--", str(port), files]


COMMANDS = {"nginx": nginx_command, "apache2": apache_command, "wsgi": wsgi_command,
            "node": node_command}


@contextlib.contextmanager
def running(name, folder, files):
    """The URL of a running backend that serves these files; raises Unavailable."""
    port = free_port()
    command = COMMANDS[name](folder, files, port)
    with open(os.path.join(folder, "output"), "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        eventually(lambda: answers(port) or process.poll() is not None, f"{name} listens")
        with open(os.path.join(folder, "output"), encoding="latin-1") as output:
            assert process.poll() is None, f"{name} ended: " + output.read()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
